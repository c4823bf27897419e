/* SPDX-License-Identifier: Apache-2.0 */
/* Formula functions: known answers, edges, and what hostile arguments may not do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/secret.h"
#include "formula/formula.h"
#include "formula/functions.h"
#include "formula/template.h"

static const char bytes_raw[] = "\xff\x00 raw";

/* Roots: those of `values`, and `bytes`, a body that is no UTF-8. */
struct fixture {
	json_t *values;
	struct formula_response raw;
	struct formula_named_response named;
	const struct formula_response *steps[1];
	struct formula_scope scope;
};

static int
set_up(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	f->values = json_object();
	f->raw = (struct formula_response){ 200, NULL, NULL, bytes_raw, sizeof(bytes_raw) - 1 };
	f->named = (struct formula_named_response){ "response", &f->raw };
	f->steps[0] = &f->raw;
	f->scope = (struct formula_scope){ f->values, &f->named, 1, f->steps, 1, 1704067200123 };
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	json_decref(f->values);
	free(f);
	return 0;
}

static enum err
run(const struct fixture *f, const char *text, struct value *out, struct errctx *ctx)
{
	struct formula *formula = NULL;
	enum err err = formula_parse(text, &formula, ctx);

	if (err == OK)
		err = formula_eval(formula, &f->scope, out, ctx);
	formula_free(&formula);
	return err;
}

static void
assert_gives(const struct fixture *f, const char *formula, const char *expected_json)
{
	auto_value struct value value = { 0 };
	struct errctx ctx = { 0 };
	json_auto_t *got = NULL;

	if (run(f, formula, &value, &ctx) != OK || value_to_json(&value, &got, &ctx) != OK)
		fail_msg("%s failed: %s", formula, err_text(&ctx));
	auto_free char *text = json_text(got);
	if (strcmp(text, expected_json) != 0)
		fail_msg("%s gave %s, not %s", formula, text, expected_json);
}

static void
assert_fails(const struct fixture *f, const char *formula, const char *expected)
{
	auto_value struct value value = { 0 };
	struct errctx ctx = { 0 };
	enum err err = run(f, formula, &value, &ctx);

	if (err != ERR_VALUE || strcmp(err_text(&ctx), expected) != 0)
		fail_msg("%s: error %d '%s', not '%s'", formula, err, err_text(&ctx), expected);
}

struct pair {
	const char *formula;
	const char *expected;
};

static void
assert_all_give(void **state, const struct pair *pairs)
{
	for (; pairs->formula != NULL; pairs++)
		assert_gives(*state, pairs->formula, pairs->expected);
}

static void
assert_all_fail(void **state, const struct pair *pairs)
{
	for (; pairs->formula != NULL; pairs++)
		assert_fails(*state, pairs->formula, pairs->expected);
}

static void
chooses(void **state)
{
	static const struct pair pairs[] = {
		{ "SWITCH('b', 'a', 1, 'b', 2)", "2" },
		{ "SWITCH('c', 'a', 1, 'b', 2)", "null" },
		{ "SWITCH('c', 'a', 1, 'b', 2, 'else')", "\"else\"" },
		{ "SWITCH(1, 1.0, 'number', 'else')", "\"number\"" },
		{ "SWITCH('1', 1, 'number', 'else')", "\"else\"" },
		{ "SWITCH([1], [1], 'same', 'else')", "\"same\"" },
		{ "SWITCH(1, 1, 'first', 1 / 0, 'never')", "\"first\"" }, /* the rest is left */
		{ "IS_BLANK(NULL)", "true" },
		{ "IS_BLANK(FALSE)", "true" },
		{ "IS_BLANK([])", "true" },
		{ "IS_BLANK({})", "true" },
		{ "IS_BLANK(' ')", "false" },
		{ "IS_BLANK(0)", "false" },
		{ "IS_PRESENT(missing.part)", "false" },
		{ "IS_PRESENT('a')", "true" },
		{ NULL, NULL },
	};

	assert_all_give(state, pairs);
}

static void
fails_with_the_users_words_alone(void **state)
{
	struct formula *formula = NULL;
	struct errctx ctx = { 0 };

	assert_fails(*state, "IF(TRUE, ERROR('ask the vendor'), 1)", "column 10: ask the vendor");
	assert_gives(*state, "IF(FALSE, ERROR('ask the vendor'), 1)", "1");
	assert_int_equal(formula_parse("ERROR(secret)", &formula, &ctx), ERR_FIELD);
	assert_string_equal(err_text(&ctx),
	    "column 7: expected a text that is written out, for ERROR");
	assert_int_equal(formula_parse("ERROR(CONCAT('a', secret))", &formula, NULL), ERR_FIELD);
	assert_int_equal(formula_parse("ERROR(5)", &formula, NULL), ERR_FIELD);
}

static void
works_on_arrays_and_objects(void **state)
{
	static const struct pair pairs[] = {
		{ "SIZE('\u00e9\U0001F600')", "2" },
		{ "SIZE('')", "0" },
		{ "SIZE(NULL)", "0" },
		{ "SIZE({'a': 1, 'b': 2})", "2" },
		{ "SIZE(STEPS)", "1" },
		{ "SIZE(response.body)", "6" },
		{ "CONCAT([1], NULL, [2, [3]])", "[1,2,[3]]" },
		{ "CONCAT(NULL)", "\"\"" },
		{ "CONCAT([])", "[]" },
		{ "CONCAT('a', NULL, {'b': 1})", "\"a{\\\"b\\\":1}\"" },
		{ "GET({'a.b': 1, 'a': {'b': 2}}, 'a.b')", "1" }, /* as written goes before */
		{ "GET({'a': {'b c': 3}}, 'a[\"b c\"]')", "3" },
		{ "GET({'a': {'b c': 3}}, \"a['b c']\")", "3" },
		{ "GET({'a': [[7]]}, 'a[0][0]')", "7" },
		{ "GET({'a': [[7]]}, 'a.0.0')", "7" },
		{ "GET({'0': 'key'}, '0')", "\"key\"" },
		{ "GET([5, 6], 1)", "6" },
		{ "GET([5, 6], -1)", "null" },
		{ "GET([5, 6], 9, 'none')", "\"none\"" },
		{ "GET({'a': 1}, 'b.c.d', 'none')", "\"none\"" },
		{ "GET(NULL, 'a')", "null" },
		{ "GET('text', 'a')", "null" },
		{ "GET({'': 1}, '')", "1" },
		{ "GET(response, 'status')", "200" },
		{ "MAP([{'a': {'b': 1}}, {'a': 2}, 3], 'a.b')", "[1,null,null]" },
		{ "MAP([{'User ID': 'x'}], '[\"User ID\"]')", "[\"x\"]" },
		{ "MAP([[1, 2], [3]], 0)", "[1,3]" },
		{ "MAP(STEPS, 'status')", "[200]" },
		{ "MAP([], 'a')", "[]" },
		{ "CONTAINS([1, 'a', [2]], [2])", "true" },
		{ "CONTAINS([1], '1')", "false" },
		{ "CONTAINS({'key': NULL}, 'key')", "true" },
		{ "CONTAINS('abc', '')", "true" },
		{ "CONTAINS('abc', 'B')", "false" },
		{ "CONTAINS(1234, 23)", "true" },
		{ "CONTAINS(NULL, 'a')", "false" },
		{ NULL, NULL },
	};
	static const struct pair failures[] = {
		{ "SIZE(5)", "column 6: SIZE needs text, an array or an object, not a number" },
		{ "CONCAT([1], 'a')", "column 13: CONCAT needs arrays alone, not text" },
		{ "CONCAT('a', [1])", "column 13: CONCAT needs texts alone, not an array" },
		{ "GET({}, NULL)", "column 9: GET needs a path, a key or an index, not NULL" },
		{ "GET({}, 'a[')", "column 9: GET needs a path such as a.b[0], or a[\"b c\"]" },
		{ "GET({}, 'a[\"b]')", "column 9: GET needs a path such as a.b[0], or a[\"b c\"]" },
		{ "GET({}, '..')", "column 9: GET needs a path such as a.b[0], or a[\"b c\"]" },
		{ "GET({}, 'a[0]b')", "column 9: GET needs a path such as a.b[0], or a[\"b c\"]" },
		{ "MAP({}, 'a')", "column 5: MAP needs an array, not an object" },
		{ "MAP([1], TRUE)",
		    "column 10: MAP needs a path, a key or an index, not TRUE or FALSE" },
		{ "CONTAINS({}, 1)", "column 14: CONTAINS needs a key, not a number" },
		{ NULL, NULL },
	};

	assert_all_give(state, pairs);
	assert_all_fail(state, failures);
}

static void
works_on_text(void **state)
{
	static const struct pair pairs[] = {
		{ "REPLACE('aaa', 'aa', 'b')", "\"ba\"" },
		{ "REPLACE('abc', 'x', 'y')", "\"abc\"" },
		{ "REPLACE('', 'x', 'y')", "\"\"" },
		{ "REPLACE('a.b', '.', '')", "\"ab\"" },
		{ "SUBSTRING('h\u00e9llo', 1, 3)", "\"\u00e9l\"" },
		{ "SUBSTRING('hello', -3)", "\"llo\"" },
		{ "SUBSTRING('hello', -3, -1)", "\"ll\"" },
		{ "SUBSTRING('hello', 4, 2)", "\"\"" },
		{ "SUBSTRING('hello', 99)", "\"\"" },
		{ "SUBSTRING('hello', -99, 2)", "\"he\"" },
		{ "SUBSTRING('hello', 2, NULL)", "\"llo\"" },
		{ "SUBSTRING('', 0)", "\"\"" },
		{ "HEX_ENCODE(SUBSTRING(response.body, 0, 2))", "\"ff00\"" },
		{ NULL, NULL },
	};
	static const struct pair failures[] = {
		{ "REPLACE('a', '', 'b')",
		    "column 1: REPLACE needs a text to look for that is not empty" },
		{ "SUBSTRING('a', '1')", "column 16: SUBSTRING needs a whole number, not text" },
		{ "SUBSTRING('a', 1.5)",
		    "column 16: SUBSTRING needs a whole number, not a number" },
		{ "SUBSTRING('a', 9999999999)",
		    "column 16: SUBSTRING needs a number from -2147483648 to 2147483647" },
		{ NULL, NULL },
	};

	assert_all_give(state, pairs);
	assert_all_fail(state, failures);
}

static void
extracts_and_replaces_by_pattern(void **state)
{
	static const struct pair pairs[] = {
		{ "REGEX_EXTRACT('The fox. It barked.', '[A-Z]')", "[\"T\",\"I\"]" },
		{ "REGEX_EXTRACT('hello & HELLO', 'hello', 'i')", "[\"hello\",\"HELLO\"]" },
		{ "REGEX_EXTRACT('a=1,b=', '(\\w)=(\\d)?')", "[\"a\",\"b\"]" },
		{ "REGEX_EXTRACT('ab', '(a)|b')", "[\"a\",null]" },
		{ "REGEX_EXTRACT('none', '\\d')", "[]" },
		{ "REGEX_EXTRACT('\u00e9\u00e9', '.')", "[\"\u00e9\",\"\u00e9\"]" },
		{ "REGEX_EXTRACT('\u00e9a', 'x*')", "[\"\",\"\",\"\"]" },
		{ "REGEX_EXTRACT('<token>abc</token>', '<token>(.*?)</token>')[0]", "\"abc\"" },
		{ "REGEX_EXTRACT('a\nb', '^.', 'm')", "[\"a\",\"b\"]" },
		{ "REGEX_EXTRACT('a\nb', 'a.b', 's')", "[\"a\\nb\"]" },
		{ "REGEX_EXTRACT('ab', 'a b', 'x')", "[\"ab\"]" },
		{ "REGEX_EXTRACT('', '^$')", "[\"\"]" },
		{ "REGEX_REPLACE('hello hello!', 'h\\w+', 'goodbye')", "\"goodbye goodbye!\"" },
		{ "REGEX_REPLACE('john smith', '(\\w+) (\\w+)', '\\2 \\1 \\\\\\\\1 \\3')",
		    "\"smith john \\\\1 \"" },
		{ "REGEX_REPLACE('abc', '', '-')", "\"-a-b-c-\"" },
		{ "REGEX_REPLACE('abc', 'b', '[\\0]')", "\"a[b]c\"" },
		{ "REGEX_REPLACE('aBc', 'b', '', 'i')", "\"ac\"" },
		{ NULL, NULL },
	};
	static const struct pair failures[] = {
		{ "REGEX_EXTRACT('a', '(')",
		    "column 20: the pattern of REGEX_EXTRACT is wrong at its character 2: "
		    "missing closing parenthesis" },
		{ "REGEX_EXTRACT('a', 'a', 'g')",
		    "column 25: REGEX_EXTRACT knows the modifiers i, m, s and x" },
		{ "REGEX_EXTRACT('a', 'a', 1)", "column 25: REGEX_EXTRACT needs modifiers: some of "
						"i, m, s and x, not a number" },
		{ "REGEX_EXTRACT(response.body, '.')", "column 1: REGEX_EXTRACT needs UTF-8 text" },
		{ NULL, NULL },
	};

	assert_all_give(state, pairs);
	assert_all_fail(state, failures);
	assert_gives(*state, "HEX_ENCODE(REGEX_REPLACE(response.body, '[^a-z]', '-'))",
	    "\"2d2d2d726177\"");
}

/* Patterns that work for ever on a text that does not match, as people know them, and such as get
 * by a limit that counts no characters or begins anew at each position. */
static void
hostile_patterns_end_soon(void **state)
{
	static const char *const patterns[] = { "(a+)+$", "^(([a-z])+.)+[A-Z]([a-z])+$", "(a|aa)+$",
		"(a|a?)+$", "(.*a){20}$", "(x+x+)+y", "a*a*a*a*a*a*b", "[^b]*c", "(?:a*)*b",
		"(?R)?a*b", "(a?){50}a{50}b", "(?=(a+))\\1*b", ".*.*.*=.*", "(?<=aaaa|aaab)c",
		"((?:a{1,200}){1,20}){1,5}b", "\\w*?\\w*?\\w*?\\d" };
	struct fixture *f = *state;
	char *text = xmalloc(200001);
	int64_t start = clock_monotonic_ms();

	memset(text, 'a', 200000);
	text[200000] = '\0';
	json_put_text(f->values, "long", text);
	free(text);
	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		auto_value struct value value = { 0 };
		struct errctx ctx = { 0 };
		auto_free char *formula =
		    xasprintf("IF_ERROR(REGEX_EXTRACT(long, '%s'), 'caught')", patterns[i]);

		if (run(f, formula, &value, &ctx) != OK &&
		    strstr(err_text(&ctx), "takes too many steps") == NULL)
			fail_msg("%s: %s", patterns[i], err_text(&ctx));
		if (value.kind == VALUE_TEXT) /* a limit is not for IF_ERROR */
			fail_msg("%s: caught", patterns[i]);
	}
	/* sixteen of them, with the sanitizers, on a busy machine */
	assert_true(clock_monotonic_ms() - start < 60000);
}

static void
hostile_patterns_share_one_limit(void **state)
{
	struct fixture *f = *state;
	struct buf formula = BUF_INIT(65536);

	buf_add_text(&formula, "IF_ERROR([");
	for (int i = 0; i < 600; i++)
		buf_printf(&formula, "%sREGEX_REPLACE('%040d', '(0+)+1', '')", i ? "," : "", 0);
	buf_add_text(&formula, "], 'caught')");
	auto_value struct value value = { 0 };
	assert_int_equal(run(f, buf_text(&formula), &value, NULL), ERR_VALUE);
	buf_free(&formula);
}

static void
encodes_and_decodes(void **state)
{
	static const struct pair pairs[] = {
		{ "URL_DECODE('%C3%A9+%2B')", "\"\u00e9 +\"" },
		{ "URL_DECODE('')", "\"\"" },
		{ "HEX_ENCODE(URL_DECODE('%00%ff'))", "\"00ff\"" },
		/* RFC 4648 section 10 */
		{ "BASE64_ENCODE('')", "\"\"" },
		{ "BASE64_ENCODE('f')", "\"Zg==\"" },
		{ "BASE64_ENCODE('foobar')", "\"Zm9vYmFy\"" },
		{ "BASE64_DECODE('Zm9vYg==')", "\"foob\"" },
		{ "BASE64_DECODE('Zm9vYg')", "\"foob\"" },
		{ "BASE64_DECODE('Zm9v\\r\\nYmFy\\n')", "\"foobar\"" },
		{ "HEX_ENCODE(BASE64_DECODE('-_+/'))", "\"fbffbf\"" },
		{ "BASE64_DECODE('')", "\"\"" },
		{ "BASE64URL_ENCODE('f')", "\"Zg\"" },
		{ "HEX_ENCODE('')", "\"\"" },
		{ "HEX_ENCODE(response.body)", "\"ff0020726177\"" },
		{ "HTML_UNESCAPE('&amp;amp; &quot;&#x20AC;&#8364;&euro;&nbsp;|')",
		    "\"&amp; \\\"\u20ac\u20ac\u20ac\u00a0|\"" },
		{ "HTML_UNESCAPE('&apos;&unknown; & &; &#; &#x; &#xD800; &#1114112; &lt')",
		    "\"'&unknown; & &; &#; &#x; &#xD800; &#1114112; &lt\"" },
		{ "HTML_UNESCAPE('a&#0;b&#000065;')", "\"a&#0;bA\"" },
		{ "JSON_STRINGIFY('a\"b')", "\"\\\"a\\\\\\\"b\\\"\"" },
		{ "JSON_STRINGIFY(NULL)", "\"null\"" },
		{ "JSON_STRINGIFY(1.5)", "\"1.5\"" },
		{ "JSON_PARSE(JSON_STRINGIFY({'a': [1, NULL]}))", "{\"a\":[1,null]}" },
		{ NULL, NULL },
	};
	static const struct pair failures[] = {
		{ "URL_DECODE('%4')",
		    "column 1: URL_DECODE needs two hexadecimal digits behind each %" },
		{ "URL_DECODE('%zz')",
		    "column 1: URL_DECODE needs two hexadecimal digits behind each %" },
		{ "BASE64_DECODE('a')", "column 1: BASE64_DECODE needs base64" },
		{ "BASE64_DECODE('Zg=!')", "column 1: BASE64_DECODE needs base64" },
		{ "JSON_STRINGIFY(response.body)",
		    "column 24: the result is not UTF-8 text; BASE64_ENCODE() it first" },
		{ NULL, NULL },
	};

	assert_all_give(state, pairs);
	assert_all_fail(state, failures);
}

static void
reads_xml(void **state)
{
	static const struct pair pairs[] = {
		{ "XML_PARSE('<m><to>World</to><from>Me</from></m>')",
		    "{\"m\":{\"to\":\"World\",\"from\":\"Me\"}}" },
		{ "XML_PARSE('<a/>')", "{\"a\":\"\"}" },
		{ "XML_PARSE('<a> x </a>').a", "\" x \"" },
		{ "XML_PARSE('<a>\n <b>1</b>\n <b>2</b>\n <b>3</b>\n</a>').a.b",
		    "[\"1\",\"2\",\"3\"]" },
		{ "XML_PARSE('<a k=\"v\">text</a>').a", "{\"@k\":\"v\",\"#text\":\"text\"}" },
		{ "XML_PARSE('<a>x<b/>y</a>').a", "{\"b\":\"\",\"#text\":\"xy\"}" },
		{ "XML_PARSE('<a><![CDATA[<&>]]>&lt;&#65;&amp;</a>').a", "\"<&><A&\"" },
		{ "XML_PARSE('<a k=\"&lt;&amp;\"/>').a[\"@k\"]", "\"<&\"" },
		{ "XML_PARSE('<s:E xmlns:s=\"u\" xmlns:t=\"v\"><s:B t:x=\"1\" "
		  "y=\"2\">i</s:B></s:E>').E.B",
		    "{\"@x\":\"1\",\"@y\":\"2\",\"#text\":\"i\"}" },
		{ "XML_PARSE('<?xml version=\"1.0\" encoding=\"UTF-8\"?><!-- c "
		  "--><a><?pi x?>\u00e9</a>').a",
		    "\"\u00e9\"" },
		{ "XML_PARSE('\\ufeff<a>b</a>').a", "\"b\"" },
		{ NULL, NULL },
	};

	assert_all_give(state, pairs);
}

static void
hostile_xml_is_refused(void **state)
{
	static const char laughs[] =
	    "<!DOCTYPE l [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\">"
	    "<!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;\">]><l>&c;&c;</l>";
	static const struct pair failures[] = {
		{ "XML_PARSE('')", "column 1: the text is not XML" },
		{ "XML_PARSE('<a>')", "column 1: the text is not XML" },
		{ "XML_PARSE('<a></b>')", "column 1: the text is not XML" },
		{ "XML_PARSE('<a/><b/>')", "column 1: the text is not XML" },
		{ "XML_PARSE('<a b=\"1\" b=\"2\"/>')", "column 1: the text is not XML" },
		{ "XML_PARSE('{}')", "column 1: the text is not XML" },
		{ "XML_PARSE(response.body)", "column 1: the text is not XML" },
		{ "XML_PARSE('<a>&unknown;</a>')", NULL },
		{ "XML_PARSE(CONCAT('<a>', URL_DECODE('%ff'), '</a>'))",
		    "column 1: the text is not XML" },
		{ "XML_PARSE(CONCAT('<a>', URL_DECODE('%00'), '</a>'))",
		    "column 1: the text is not XML" },
		{ "XML_PARSE('<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>')",
		    "column 1: the XML must not have a document type (DOCTYPE)" },
		{ "XML_PARSE('<!DOCTYPE a [<!ENTITY x SYSTEM "
		  "\"file:///etc/passwd\">]><a>&x;</a>')",
		    "column 1: the XML must not have a document type (DOCTYPE)" },
		{ "XML_PARSE(laughs)",
		    "column 1: the XML must not have a document type (DOCTYPE)" },
		{ NULL, NULL },
	};
	struct fixture *f = *state;

	json_put_text(f->values, "laughs", laughs);
	for (const struct pair *p = failures; p->formula != NULL; p++) {
		auto_value struct value value = { 0 };

		if (p->expected != NULL)
			assert_fails(f, p->formula, p->expected);
		else
			assert_int_equal(run(f, p->formula, &value, NULL), ERR_VALUE);
	}
}

static char *
repeat(const char *open, const char *close, int n)
{
	struct buf text = BUF_INIT(1024 * 1024);

	for (int i = 0; i < n; i++)
		buf_add_text(&text, open);
	for (int i = 0; i < n; i++)
		buf_add_text(&text, close);
	return buf_take(&text);
}

static void
xml_is_bounded_in_depth_and_number(void **state)
{
	struct fixture *f = *state;
	auto_free char *fine = repeat("<a>", "</a>", 60), *deep = repeat("<a>", "</a>", 65);
	auto_free char *deepest = repeat("<a>", "", 100000);
	auto_free char *siblings = repeat("<b/>", "", 260000);
	auto_free char *many = xasprintf("<a>%s</a>", siblings);
	auto_value struct value value = { 0 };

	json_put_text(f->values, "fine", fine);
	json_put_text(f->values, "deep", deep);
	json_put_text(f->values, "deepest", deepest);
	json_put_text(f->values, "many", many);
	assert_int_equal(run(f, "XML_PARSE(fine)", &value, NULL), OK);
	assert_fails(f, "XML_PARSE(deep)", "column 1: the XML is nested too deep");
	assert_fails(f, "XML_PARSE(deepest)", "column 1: the XML is nested too deep");
	assert_fails(f, "XML_PARSE(many)",
	    "column 1: more than 16777216 bytes of text and JSON in all");
}

static void
writes_dates(void **state)
{
	static const struct pair pairs[] = {
		{ "DATE('now', '%s')", "1704067200" },
		{ "DATE('now', '%Q')", "1704067200123" },
		{ "DATE('now', '%s') + 600", "1704067800" },
		{ "DATE(NOW(), '%s')", "1704067200" },
		{ "DATE('NOW + 10 minutes', '%s')", "1704067800" },
		{ "DATE('now - 1 day', '%F')", "\"2023-12-31\"" },
		{ "DATE('now+1week', '%F')", "\"2024-01-08\"" },
		{ "DATE(0, '%Y-%m-%dT%H:%M:%SZ')", "\"1970-01-01T00:00:00Z\"" },
		{ "DATE(1709251199, '%F %T')", "\"2024-02-29 23:59:59\"" },
		{ "DATE('1709251199', '%F %T')", "\"2024-02-29 23:59:59\"" },
		{ "DATE(1709251199999, '%F %T.%L')", "\"2024-02-29 23:59:59.999\"" },
		{ "DATE(1709251199.5, '%T.%3N %N')", "\"23:59:59.500 500000000\"" },
		{ "DATE(-1, '%F %T')", "\"1969-12-31 23:59:59\"" },
		{ "DATE(-1, '%s')", "-1" },
		{ "DATE('2024-01-31', '%F %T')", "\"2024-01-31 00:00:00\"" },
		{ "DATE('2024-01-31', '%F %T %z', 'America/New_York')",
		    "\"2024-01-31 00:00:00 -0500\"" },
		{ "DATE('2024-01-31 10:20:30', '%T')", "\"10:20:30\"" },
		{ "DATE('2024-01-31T10:20:30.987Z', '%T.%L')", "\"10:20:30.987\"" },
		{ "DATE('20240131T102030Z', '%s')", "1706696430" },
		{ "DATE('2024-W05-3T10:20:30Z', '%F')", "\"2024-01-31\"" },
		{ "DATE('2024-01-31T10:20:30+05:30', '%F %T')", "\"2024-01-31 04:50:30\"" },
		{ "DATE('2024-06-30T12:00:00Z', '%H:%M %Z', 'Europe/Berlin')", "\"14:00 CEST\"" },
		{ "DATE('2024-06-30T12:00:00Z', '%H:%M %:z', '-03:30')", "\"08:30 -03:30\"" },
		{ "DATE('2024-06-30T12:00:00Z', '%T', NULL)", "\"12:00:00\"" },
		{ "DATE('2024-06-30T12:00:00Z', '%T', 'UTC')", "\"12:00:00\"" },
		{ "DATE('2024-03-31T00:59:59Z', '%T', 'Europe/Berlin')", "\"01:59:59\"" },
		{ "DATE('2024-03-31T01:00:00Z', '%T', 'Europe/Berlin')", "\"03:00:00\"" },
		{ "DATE('2024-06-30T12:00:00Z', '%a, %d %b %Y %H:%M:%S GMT')",
		    "\"Sun, 30 Jun 2024 12:00:00 GMT\"" },
		{ "DATE('2024-06-30T12:00:00Z', '%%s %-m %j')", "\"%s 6 182\"" },
		{ "DATE('0001-01-01T00:00:00Z', '%F')", "\"1-01-01\"" },
		{ "DATE('9999-12-31T23:59:59.999Z', '%Q')", "253402300799999" },
		{ "DATE('2024-01-01', '')", "\"\"" },
		{ NULL, NULL },
	};

	assert_all_give(state, pairs);
}

static void
refuses_what_is_no_date(void **state)
{
	static const char moment[] =
	    "column 6: DATE needs \"now\", a date as ISO 8601 writes it, or "
	    "seconds or milliseconds since 1970";
	static const char *const moments[] = { "''", "'soon'", "'now + 1 month'", "'now 5'",
		"'now + -5 days'", "'now + 99999999999999999999 days'", "NULL", "TRUE", "[]",
		"'2024-13-01'", "'2023-02-29'", "'2024-01-31T25:00:00Z'", "'2024-1-1'", "1e18",
		"-1e18", "'99999999999999999999999999'", "'2024-01-31T10:20:30Z trailing'",
		"URL_DECODE('%ff')" };
	static const char *const zones[] = { "'Nowhere/City'", "''", "'/etc/localtime'",
		"'../../etc/passwd'", "':UTC'", "'Europe/../../../etc/passwd'", "5", "'+99:99'",
		"'UTC\\u0000x'" };

	for (size_t i = 0; i < sizeof(moments) / sizeof(moments[0]); i++) {
		auto_free char *formula = xasprintf("DATE(%s, '%%F')", moments[i]);

		assert_fails(*state, formula, moment);
	}
	for (size_t i = 0; i < sizeof(zones) / sizeof(zones[0]); i++) {
		auto_free char *formula = xasprintf("DATE('now', '%%F', %s)", zones[i]);

		assert_fails(*state, formula,
		    "column 19: DATE needs a time zone such as Europe/Berlin, UTC or +02:00");
	}
	assert_fails(*state, "DATE('now', 5)",
	    "column 13: DATE needs a format of at most 255 characters, such as %Y-%m-%d");
	assert_fails(*state, "DATE('now', '%v')",
	    "column 13: DATE cannot use this format; it is one of strftime, such as %Y-%m-%d");
}

static void
digests_are_those_of_the_standards(void **state)
{
	static const struct pair pairs[] = {
		/* RFC 1321, FIPS 180-4 */
		{ "MD5('')", "\"d41d8cd98f00b204e9800998ecf8427e\"" },
		{ "SHA1('')", "\"da39a3ee5e6b4b0d3255bfef95601890afd80709\"" },
		{ "SHA256('abc')",
		    "\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"" },
		{ "SHA512('abc')",
		    "\"ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
		    "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f\"" },
		/* RFC 4231 cases 1, 2, 6; RFC 2202 */
		{ "HMAC_SHA256('Hi There', URL_DECODE('%0b%0b%0b%0b%0b%0b%0b%0b%0b%0b%0b%0b%0b%0b%"
		  "0b%0b%0b%0b%0b%0b'))",
		    "\"b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7\"" },
		{ "HMAC_SHA256('what do ya want for nothing?', 'Jefe')",
		    "\"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843\"" },
		{ "HMAC_SHA1('Hi There', URL_DECODE('%0b%0b%0b%0b%0b%0b%0b%0b%0b%0b%0b%0b%0b%0b%"
		  "0b%0b%0b%0b%0b%0b'))",
		    "\"b617318655057264e28bc0b6fb378c8ef146be00\"" },
		{ "HMAC_SHA256('', '')",
		    "\"b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad\"" },
		{ "SHA1('abc', 'BASE64')", "\"qZk+NkcGgWq6PiVxeFDCbJzQ2J0=\"" },
		{ "SHA1('abc', NULL)", "\"a9993e364706816aba3e25717850c26c9cd0d89d\"" },
		{ "HEX_ENCODE(SHA1('abc', 'raw'))",
		    "\"a9993e364706816aba3e25717850c26c9cd0d89d\"" },
		/* a key derived in steps, as AWS signatures do */
		{ "HMAC_SHA256('s3', HMAC_SHA256('20240101', 'AWS4key', 'raw'))",
		    "\"30256222b34030915efd293f09f185abf57cb750024839ca9db4b2f05dbb2b8c\"" },
		{ NULL, NULL },
	};

	assert_all_give(state, pairs);
	assert_fails(*state, "MD5('a', 'base32')",
	    "column 10: MD5 gives \"hex\", \"base64\", \"base64url\" or \"raw\"");
	assert_fails(*state, "MD5('a', 5)",
	    "column 10: MD5 gives \"hex\", \"base64\", \"base64url\" or \"raw\"");
}

static void
signs_tokens(void **state)
{
	static const struct pair failures[] = {
		{ "JWT_SIGN('text', 'k', 'HS256')",
		    "column 10: JWT_SIGN needs an object, not text" },
		{ "JWT_SIGN(NULL, 'k', 'HS256')", "column 10: JWT_SIGN needs an object, not NULL" },
		{ "JWT_SIGN([], 'k', 'HS256')",
		    "column 10: JWT_SIGN needs an object, not an array" },
		{ "JWT_SIGN({}, '', 'HS256')", "column 14: JWT_SIGN: the key is empty" },
		{ "JWT_SIGN({}, 'hunter2')",
		    "column 14: JWT_SIGN: the key is not a private key in PEM form (-----BEGIN "
		    "PRIVATE KEY-----)" },
		{ "JWT_SIGN({}, 'k', 'none')",
		    "column 19: JWT_SIGN: the algorithm must be one of HS256/384/512, "
		    "RS256/384/512, PS256/384/512 or ES256/384/512" },
		{ "JWT_SIGN({}, 'k', 'HS256', {'alg': 'none'})",
		    "column 28: JWT_SIGN: the headers name another algorithm than HS256" },
		{ "JWT_SIGN({}, 'k', 'HS256', 'x')",
		    "column 28: JWT_SIGN needs an object, not text" },
		{ NULL, NULL },
	};

	assert_gives(*state, "JWT_SIGN('{\"user_id\":123}', 'secret', 'HS256', NULL)",
	    "\"eyJhbGciOiJIUzI1NiJ9.eyJ1c2VyX2lkIjoxMjN9."
	    "FoW4dUPr9HWzOI8S7Ohpe3hGULZEJhNJeouOX8f1sz8\"");
	assert_gives(*state,
	    "JSON_PARSE(BASE64_DECODE(SPLIT(JWT_SIGN({}, 'k', 'HS512', {'kid': '1', 'typ': "
	    "'JWT'}), '.')[0]))",
	    "{\"alg\":\"HS512\",\"kid\":\"1\",\"typ\":\"JWT\"}");
	assert_all_fail(state, failures);
	/* a signature costs: twenty in one evaluation are too many */
	struct buf many = BUF_INIT(4096);
	auto_value struct value value = { 0 };
	buf_add_text(&many, "[JWT_SIGN({}, 'k', 'HS256')");
	for (int i = 0; i < 20; i++)
		buf_add_text(&many, ",JWT_SIGN({}, 'k', 'HS256')");
	buf_add_text(&many, "]");
	assert_int_equal(run(*state, buf_text(&many), &value, NULL), ERR_VALUE);
	buf_free(&many);
}

static void
chance_differs(void **state)
{
	assert_gives(*state, "UUID() = UUID()", "false");
	assert_gives(*state, "REGEX_EXTRACT(UUID(), '^[0-9a-f-]{14}4[0-9a-f-]{21}$') = []",
	    "false");
	assert_gives(*state, "SIZE(RANDOM_HEX())", "32");
	assert_gives(*state, "SIZE(RANDOM_HEX(3))", "6");
	assert_gives(*state, "RANDOM_HEX(32) = RANDOM_HEX(32)", "false");
	assert_fails(*state, "RANDOM_HEX(0)",
	    "column 12: RANDOM_HEX needs a number from 1 to 1024");
	assert_fails(*state, "RANDOM_HEX(1e9)",
	    "column 12: RANDOM_HEX needs a number from 1 to 1024");
}

/* Texts that double at each level: nothing may grow beyond the limits, and none be caught. */
static void
growth_is_bounded(void **state)
{
	static const char *const calls[][2] = { { "REPLACE(", ", 'a', 'aaaaaaaaaaaaaaaa')" },
		{ "REGEX_REPLACE(", ", 'a', 'aaaaaaaaaaaaaaaa')" },
		{ "REGEX_REPLACE(", ", '.', '\\0\\0\\0\\0\\0\\0\\0\\0')" }, { "HEX_ENCODE(", ")" },
		{ "JSON_STRINGIFY(", ")" } };

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		struct buf formula = BUF_INIT(65536);
		auto_value struct value value = { 0 };
		struct errctx ctx = { 0 };

		buf_add_text(&formula, "IF_ERROR(");
		for (int k = 0; k < 90; k++)
			buf_add_text(&formula, calls[i][0]);
		buf_add_text(&formula, "'aa%\"'");
		for (int k = 0; k < 90; k++)
			buf_add_text(&formula, calls[i][1]);
		buf_add_text(&formula, ", 'caught')");
		/* too many matches are an ordinary error, too much text is none */
		if (run(*state, buf_text(&formula), &value, &ctx) == OK &&
		    (value.len != strlen("caught") || strncmp(calls[i][0], "REGEX", 5) != 0))
			fail_msg("%s grows", calls[i][0]);
		buf_free(&formula);
	}
}

static void
lists_the_credentials_it_refers_to(void **state)
{
	static const struct pair cases[] = {
		{ "no formula", "[]" },
		{ "<<CREDENTIAL.a>> and <<UPCASE(CREDENTIAL['b c'].part)>>", "[\"a\",\"b c\"]" },
		{ "=IF(TRUE, CREDENTIAL.a, CREDENTIAL.b) = CREDENTIAL.a", "[\"b\",\"a\"]" },
		{ "\\=CREDENTIAL.a", "[\"a\"]" },
		{ "<<'CREDENTIAL.a'>>", "[]" },
		{ "<<PREVIOUS_STEP.CREDENTIAL.a>>", "[]" },
		{ "<<credential.a>>", "[]" },
		{ NULL, NULL },
	};
	(void)state;

	for (const struct pair *p = cases; p->formula != NULL; p++) {
		json_auto_t *slugs = json_array(), *sorted = NULL;

		assert_int_equal(formula_references(p->formula, slugs, NULL), OK);
		sorted = json_copy(slugs);
		auto_free char *text = json_text(sorted);
		auto_free char *other = NULL;
		if (json_array_size(slugs) == 2) { /* in either order */
			json_auto_t *swapped = json_array();

			json_array_append(swapped, json_array_get(slugs, 1));
			json_array_append(swapped, json_array_get(slugs, 0));
			other = json_text(swapped);
		}
		if (strcmp(text, p->expected) != 0 && (!other || strcmp(other, p->expected) != 0))
			fail_msg("%s refers to %s", p->formula, text);
	}
	json_auto_t *document = json_pack("{s:{s:[s,i]}, s:s}", "headers", "<<CREDENTIAL.key>>",
	    "<<CREDENTIAL.a>>", 5, "b", "=CREDENTIAL.a");
	json_auto_t *slugs = json_array();
	assert_int_equal(template_references(document, slugs, NULL), OK);
	assert_int_equal(json_array_size(slugs), 2);
}

static void
refuses_references_that_cannot_be_listed(void **state)
{
	static const char *const formulas[] = { "=CREDENTIAL", "=CREDENTIAL[a]", "=CREDENTIAL[0]",
		"=JSON_STRINGIFY(CREDENTIAL)", "<<GET(CREDENTIAL, 'a')>>",
		"<<CREDENTIAL['a' + 'b']>>" };
	(void)state;

	for (size_t i = 0; i < sizeof(formulas) / sizeof(formulas[0]); i++) {
		json_auto_t *slugs = json_array();
		struct errctx ctx = { 0 };

		assert_int_equal(formula_references(formulas[i], slugs, &ctx), ERR_FIELD);
		assert_non_null(strstr(err_text(&ctx), "expected the slug of a credential behind "
						       "CREDENTIAL, as in CREDENTIAL.my_key"));
	}
}

static char *
read_doc(const char *name)
{
	const char *top = getenv("BAILEE_TEST_DATA");
	auto_free char *path = xasprintf("%s/../../%s", top ? top : "tests/data", name);
	FILE *file = fopen(path, "rbe");
	char *text = xmalloc(262144);

	if (!file)
		fail_msg("no file %s", path);
	text[fread(text, 1, 262143, file)] = '\0';
	fclose(file);
	return text;
}

static void
the_manual_has_the_table(void **state)
{
	auto_free char *text = read_doc("docs/FORMULAS.md"), *manual = formula_function_manual();
	(void)state;

	if (!strstr(text, manual))
		fail_msg("the functions in docs/FORMULAS.md are old: baileectl formula manual");
}

/* The page shows formulas with what they give: "formula → result", each between backticks. */
static void
the_examples_of_the_manual_are_true(void **state)
{
	struct fixture *f = *state;
	auto_free char *text = read_doc("docs/FORMULAS.md");
	char *line, *rest = text;
	int n = 0;

	json_put(f->values, "order",
	    json_pack("{s:i, s:[s,s], s:n, s:s}", "id", 7, "items", "pen", "ink", "note", "ship to",
		"Graz"));
	while ((line = strsep(&rest, "\n")) != NULL) {
		char *arrow = strstr(line, "` → `"), *start = line;

		if (*line != '-' || !arrow || (start = strchr(line, '`')) == NULL)
			continue;
		char *end = strrchr(arrow, '`');
		*arrow = *end = '\0';
		assert_gives(f, start + 1, arrow + strlen("` → `"));
		n++;
	}
	assert_true(n >= 10);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(chooses),
		TEST(fails_with_the_users_words_alone),
		TEST(works_on_arrays_and_objects),
		TEST(works_on_text),
		TEST(extracts_and_replaces_by_pattern),
		TEST(hostile_patterns_end_soon),
		TEST(hostile_patterns_share_one_limit),
		TEST(encodes_and_decodes),
		TEST(reads_xml),
		TEST(hostile_xml_is_refused),
		TEST(xml_is_bounded_in_depth_and_number),
		TEST(writes_dates),
		TEST(refuses_what_is_no_date),
		TEST(digests_are_those_of_the_standards),
		TEST(signs_tokens),
		TEST(chance_differs),
		TEST(growth_is_bounded),
		TEST(lists_the_credentials_it_refers_to),
		TEST(refuses_references_that_cannot_be_listed),
		TEST(the_manual_has_the_table),
		TEST(the_examples_of_the_manual_are_true),
	};

	secret_json_allocator();
	return cmocka_run_group_tests_name("formula functions", tests, NULL, NULL);
}
