/* SPDX-License-Identifier: Apache-2.0 */
/* The formula language: what formulas give, where syntax errors are, what is refused, what the
 * limits hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/json.h"
#include "formula/formula.h"
#include "formula/functions.h"

/* A response with a JSON body, one with a text that is no UTF-8, a bare JSON string, a number. */
struct fixture {
	json_t *values, *headers, *body, *bare, *number;
	struct formula_response json, raw, text, digits;
	struct formula_named_response named[5];
	const struct formula_response *steps[2];
	struct formula_scope scope;
};

static const char body_raw[] =
    "{ \"token\" : \"t0k\",  \"n\": 7, \"list\": [10, 20, {\"id\": 42}] }";
static const char bytes_raw[] = "\xff\x00 raw";

static json_t *
parsed(const char *text)
{
	json_t *value = NULL;

	assert_int_equal(json_parse(text, strlen(text), &value, NULL), OK);
	return value;
}

static int
set_up(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	f->values = parsed(
	    "{\"secret\": \"s3cr3t\", \"INFO\": {\"credential\": {\"my_slug\": {\"metadata\": "
	    "{\"region\": \"eu\"}}}}, \"two\": 2, \"half\": 0.5, \"2fa_login\": \"digit\", "
	    "\"null\": \"lower\", \"nothing\": null, \"caf\u00e9\": \"umlaut\"}");
	f->headers = parsed("{\"X-CSRF-Token\": \"c5rf\", \"set-cookie\": [\"a=1\", \"b=2\"]}");
	f->body = parsed(body_raw);
	f->bare = parsed("\"bare\"");
	f->number = parsed("1.50");
	f->json =
	    (struct formula_response){ 201, f->headers, f->body, body_raw, sizeof(body_raw) - 1 };
	f->raw =
	    (struct formula_response){ 200, f->headers, NULL, bytes_raw, sizeof(bytes_raw) - 1 };
	f->text = (struct formula_response){ 200, NULL, f->bare, "\"bare\"", 6 };
	f->digits = (struct formula_response){ 200, NULL, f->number, "1.50", 4 };
	f->named[0] = (struct formula_named_response){ "PREVIOUS_STEP", &f->json };
	f->named[1] = (struct formula_named_response){ "raw", &f->raw };
	f->named[2] = (struct formula_named_response){ "bare", &f->text };
	f->named[3] = (struct formula_named_response){ "digits", &f->digits };
	f->named[4] = (struct formula_named_response){ "none", NULL };
	f->steps[0] = &f->json;
	f->steps[1] = &f->text;
	f->scope = (struct formula_scope){ .values = f->values,
		.named = f->named,
		.n_named = 5,
		.steps = f->steps,
		.n_steps = 2,
		.now_ms = 1704067200123 };
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	json_decref(f->values);
	json_decref(f->headers);
	json_decref(f->body);
	json_decref(f->bare);
	json_decref(f->number);
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
assert_fails(const struct fixture *f, const char *formula, enum err kind, const char *expected)
{
	auto_value struct value value = { 0 };
	struct errctx ctx = { 0 };
	enum err err = run(f, formula, &value, &ctx);

	if (err != kind || strstr(err_text(&ctx), expected) == NULL)
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
gives_literals(void **state)
{
	static const struct pair pairs[] = {
		{ "5", "5" },
		{ "5.0", "5" },
		{ "2.5", "2.5" },
		{ "1e3", "1000" },
		{ "9223372036854775807", "9223372036854775807" },
		{ "'a\"b'", "\"a\\\"b\"" },
		{ "\"it's\"", "\"it's\"" },
		{ "'it\\'s \\\\ \\n \\d+'", "\"it's \\\\ \\n \\\\d+\"" },
		{ "'\\u00e9\\uD83D\\uDE00'", "\"\u00e9\U0001F600\"" },
		{ "''", "\"\"" },
		{ "TRUE", "true" },
		{ "FALSE", "false" },
		{ "NULL", "null" },
		{ "[]", "[]" },
		{ "[1, 'a', [TRUE], {}]", "[1,\"a\",[true],{}]" },
		{ "{'k': 1, plain: two, 'k2': [NULL]}", "{\"k\":1,\"plain\":2,\"k2\":[null]}" },
		{ "{'k': 1, 'k': 2}", "{\"k\":2}" },
		{ " \t\r\n 1 \n", "1" },
		{ NULL, NULL },
	};

	assert_all_give(state, pairs);
}

static void
follows_paths(void **state)
{
	static const struct pair pairs[] = {
		{ "secret", "\"s3cr3t\"" },
		{ "PREVIOUS_STEP.status", "201" },
		{ "PREVIOUS_STEP.body.token", "\"t0k\"" },
		{ "PREVIOUS_STEP[\"body\"]['token']", "\"t0k\"" },
		{ "PREVIOUS_STEP.body.list[2].id", "42" },
		{ "PREVIOUS_STEP.body.list[two - 1]", "20" },
		{ "STEPS[0].body.n", "7" },
		{ "STEPS[1].body", "\"bare\"" },
		{ "LAST(STEPS).body", "\"bare\"" },
		{ "INFO.credential.my_slug.metadata.region", "\"eu\"" },
		{ "2fa_login", "\"digit\"" },
		{ "null", "\"lower\"" },
		{ "caf\u00e9", "\"umlaut\"" },
		{ "{'a b': {'c': 1}}['a b'].c", "1" },
		{ "[1,2,3][1]", "2" },
		{ NULL, NULL },
	};

	assert_all_give(state, pairs);
}

static void
gives_null_for_what_is_missing(void **state)
{
	static const char *const formulas[] = { "nowhere", "nowhere.at.all[3]", "secret.part",
		"two[0]", "PREVIOUS_STEP.other", "PREVIOUS_STEP[0]", "PREVIOUS_STEP.body.list[3]",
		"PREVIOUS_STEP.body.list[-1]", "PREVIOUS_STEP.body.list['0']",
		"PREVIOUS_STEP.body[0]", "STEPS[2]", "STEPS[9223372036854775807].body", "none",
		"none.body", "nothing", "secreT", "PREVIOUS_STEP.headers['x-other']",
		"PREVIOUS_STEP.body.list[NULL]", NULL };

	for (size_t i = 0; formulas[i] != NULL; i++)
		assert_gives(*state, formulas[i], "null");
}

static void
looks_headers_up_in_any_case(void **state)
{
	static const struct pair pairs[] = {
		{ "PREVIOUS_STEP.headers['x-csrf-token']", "\"c5rf\"" },
		{ "PREVIOUS_STEP.headers[\"X-Csrf-TOKEN\"]", "\"c5rf\"" },
		{ "PREVIOUS_STEP.headers['Set-Cookie'][1]", "\"b=2\"" },
		{ "PREVIOUS_STEP.body.TOKEN", "null" }, /* a body is not */
		{ NULL, NULL },
	};

	assert_all_give(state, pairs);
}

static void
calculates(void **state)
{
	static const struct pair pairs[] = {
		{ "1 + 2 * 3", "7" },
		{ "(1 + 2) * 3", "9" },
		{ "10 - 2 - 3", "5" },
		{ "8 / 2 / 2", "2" },
		{ "7 / 2", "3.5" },
		{ "half * 4", "2" },
		{ "-two", "-2" },
		{ "--two", "2" },
		{ "2 - -2", "4" },
		{ "-9223372036854775807 - 1", "-9223372036854775808" },
		{ "(-9223372036854775807 - 1) / -1 > 9e18", "true" },
		{ "9223372036854775807 + 1 > 9e18", "true" },
		{ NULL, NULL },
	};

	assert_all_give(state, pairs);
}

static void
compares_without_coercion(void **state)
{
	static const struct pair pairs[] = {
		{ "1 = 1.0", "true" },
		{ "1 = '1'", "false" },
		{ "NULL = FALSE", "false" },
		{ "missing = NULL", "true" },
		{ "'a' != 'b'", "true" },
		{ "[1, {'a': 2}] = [1, {'a': 2}]", "true" },
		{ "PREVIOUS_STEP.status >= 200 AND PREVIOUS_STEP.status < 300", "true" },
		{ "'abc' < 'abd'", "true" },
		{ "'ab' < 'abc'", "true" },
		{ "'b' <= 'a'", "false" },
		{ "2 > 10", "false" },
		{ "'2' > '10'", "true" },
		{ "1 + 1 = 2", "true" },
		{ NULL, NULL },
	};

	assert_all_give(state, pairs);
}

static void
takes_only_false_and_null_for_false(void **state)
{
	static const struct pair pairs[] = {
		{ "NOT NULL", "true" },
		{ "NOT FALSE", "true" },
		{ "NOT 0", "false" },
		{ "NOT ''", "false" },
		{ "NOT []", "false" },
		{ "NOT NOT 1", "true" },
		{ "NOT 1 = 2", "true" },
		{ "TRUE OR FALSE AND FALSE", "true" },
		{ "(TRUE OR FALSE) AND FALSE", "false" },
		{ "TRUE OR 1 / 0", "true" }, /* the right side is left alone */
		{ "FALSE AND 1 / 0", "false" },
		{ "NULL OR 'x'", "true" },
		{ NULL, NULL },
	};

	assert_all_give(state, pairs);
}

static void
calls_functions(void **state)
{
	static const struct pair pairs[] = {
		{ "default(missing, 1)", "1" },
		{ "Default('', 1)", "1" },
		{ "DEFAULT(FALSE, 1)", "1" },
		{ "DEFAULT([], 1)", "1" },
		{ "DEFAULT(0, 1)", "0" },
		{ "DEFAULT('a', 1 / 0)", "\"a\"" },
		{ "IF(PREVIOUS_STEP.status = 201, 'new', 1 / 0)", "\"new\"" },
		{ "IF(FALSE, 1)", "null" },
		{ "IF(0, 'zero is true', '')", "\"zero is true\"" },
		{ "IF_ERROR(1 + 'a', IF_ERROR(JSON_PARSE('{'), 'inner'))", "\"inner\"" },
		{ "IF_ERROR(5, 1 / 0)", "5" },
		{ "JOIN([], ',')", "\"\"" },
		{ "JOIN(['a', NULL, {'k': 1}], ',')", "\"a,,{\\\"k\\\":1}\"" },
		{ "JOIN(PREVIOUS_STEP.headers['set-cookie'], '; ')", "\"a=1; b=2\"" },
		{ "SPLIT('', ',')", "[\"\"]" },
		{ "SPLIT('a--b--', '--')", "[\"a\",\"b\",\"\"]" },
		{ "SPLIT(123, 2)", "[\"1\",\"3\"]" },
		{ "LAST(SPLIT('a/b/c', '/'))", "\"c\"" },
		{ "FIRST([])", "null" },
		{ "FIRST(NULL)", "null" },
		{ "URL_ENCODE('\u00e9/?&=+ ~')", "\"%C3%A9%2F%3F%26%3D%2B%20~\"" },
		{ "JSON_PARSE('[1, 2]')[1]", "2" },
		{ "JSON_PARSE(PREVIOUS_STEP.body).n", "7" },
		{ "JSON_PARSE('null')", "null" },
		{ "UPCASE('stra\u00dfe')", "\"STRA\u00dfE\"" },
		{ "STRIP('\\r\\n\\t x \\n')", "\"x\"" },
		{ "STRIP('   ')", "\"\"" },
		{ "now()", "\"2024-01-01T00:00:00.123Z\"" },
		{ NULL, NULL },
	};

	assert_all_give(state, pairs);
}

static void
every_function_gives_what_its_example_says(void **state)
{
	size_t n;
	const struct formula_function *table = formula_function_table(&n);

	assert_true(n >= 14);
	for (size_t i = 0; i < n; i++) {
		assert_true(table[i].least <= table[i].most);
		assert_true(strlen(table[i].doc) > 10);
		if (table[i].result != NULL)
			assert_gives(*state, table[i].example, table[i].result);
	}
}

static void
assert_text(const struct fixture *f, const char *formula, const void *bytes, size_t len)
{
	auto_value struct value value = { 0 };
	auto_buf struct buf text = BUF_INIT_SECRET(VALUE_TEXT_MAX);

	assert_int_equal(run(f, formula, &value, NULL), OK);
	assert_int_equal(value_add_text(&value, &text, NULL), OK);
	assert_int_equal(text.len, len);
	assert_memory_equal(buf_text(&text), bytes, len);
}

static void
keeps_bodies_byte_for_byte(void **state)
{
	const struct fixture *f = *state;

	assert_text(f, "raw.body", bytes_raw, sizeof(bytes_raw) - 1);
	assert_text(f, "PREVIOUS_STEP.body", body_raw, sizeof(body_raw) - 1);
	assert_text(f, "DEFAULT(PREVIOUS_STEP.body, 1)", body_raw, sizeof(body_raw) - 1);
	assert_text(f, "digits.body", "1.50", 4);
	assert_text(f, "bare.body", "bare", 4);
	assert_text(f, "UPCASE(raw.body)", "\xff\x00 RAW", 6);
	assert_gives(f, "BASE64_ENCODE(raw.body)", "\"/wAgcmF3\"");
	assert_gives(f,
	    "BASE64_ENCODE(PREVIOUS_STEP.body) = BASE64_ENCODE(JOIN([PREVIOUS_STEP.body], ''))",
	    "false"); /* in a literal it is a value, serialised anew */
}

static void
tells_a_response_as_json(void **state)
{
	static const char expected[] =
	    "{\"status\":201,\"headers\":{\"X-CSRF-Token\":\"c5rf\",\"set-cookie\":[\"a=1\",\"b="
	    "2\"]},"
	    "\"body\":{\"token\":\"t0k\",\"n\":7,\"list\":[10,20,{\"id\":42}]}}";

	assert_text(*state, "PREVIOUS_STEP", expected, strlen(expected));
	assert_gives(*state, "STEPS[1]", "{\"status\":200,\"headers\":{},\"body\":\"bare\"}");
	assert_fails(*state, "JOIN([raw], '')", ERR_VALUE, "column 7: the result is not UTF-8");
}

static void
refuses_bytes_that_are_no_utf8_as_json(void **state)
{
	auto_value struct value value = { 0 };
	json_t *json = NULL;
	struct errctx ctx = { 0 };

	assert_int_equal(run(*state, "raw.body", &value, &ctx), OK);
	assert_int_equal(value_to_json(&value, &json, &ctx), ERR_VALUE);
	assert_null(json);
	assert_fails(*state, "[raw.body]", ERR_VALUE, "not UTF-8");
	assert_fails(*state, "SPLIT(raw.body, 'x')", ERR_VALUE, "UTF-8");
}

static void
names_column_and_expectation_of_syntax_errors(void **state)
{
	static const struct pair pairs[] = {
		{ "", "column 1: expected a value, found the end" },
		{ "  ", "column 3: expected a value, found the end" },
		{ "1 +", "column 4: expected a value, found the end" },
		{ "a b", "column 3: expected an operator or the end, found a name" },
		{ "a = b = c", "column 7: expected an operator or the end, found '='" },
		{ "a == b", "column 4: expected a value, found '='" },
		{ "(1", "column 3: expected ')'" },
		{ "[1, 2", "column 6: expected ',' or ']'" },
		{ "[1,]", "column 4: expected a value, found ']'" },
		{ "{1: 2}", "column 2: expected a key, found a number" },
		{ "{'a' 2}", "column 6: expected ':'" },
		{ "a.", "column 3: expected a name after '.'" },
		{ "a.'b'", "column 3: expected a name after '.', found a text" },
		{ "a[1", "column 4: expected ']'" },
		{ "a[]", "column 3: expected a value" },
		{ "'abc", "column 1: this text has no closing quote" },
		{ "'abc\\'", "column 1: this text has no closing quote" },
		{ "'\\u12g4'", "column 2: expected four hexadecimal digits" },
		{ "'\\ud800'", "column 2: half of a surrogate pair" },
		{ "'\\udc00'", "column 2: half of a surrogate pair" },
		{ "1 ? 2", "column 3: unexpected character '?'" },
		{ "1 \x01", "column 3: unexpected control character" },
		{ "'\u00e9\u00e9' ?", "column 6: unexpected character '?'" },
		{ "1 AND", "column 6: expected a value" },
		{ "AND 1", "column 1: expected a value, found a name" },
		{ "99999999999999999999", "column 1: the number is too large" },
		{ "1e999", "column 1: the number is too large" },
		{ "NOSUCH(1)", "column 1: there is no function NOSUCH" },
		{ "1 + IF(1)", "column 5: IF takes 2 to 3 arguments, not 1" },
		{ "NOW(1)", "column 1: NOW takes 0 arguments, not 1" },
		{ "UPCASE()", "column 1: UPCASE takes 1 argument, not 0" },
		{ "IF(1,2,3,4)", "not 4" },
		{ "FIRST(1,,2)", "column 9: expected a value" },
		{ "'x'('y')", "column 4: expected an operator" },
		{ NULL, NULL },
	};

	for (const struct pair *p = pairs; p->formula != NULL; p++)
		assert_fails(*state, p->formula, ERR_FIELD, p->expected);
}

static void
does_not_repeat_what_may_be_a_secret(void **state)
{
	struct errctx ctx = { 0 };
	struct formula *formula = NULL;

	(void)state;
	assert_int_equal(formula_parse("open sesame 'hunter2'", &formula, &ctx), ERR_FIELD);
	assert_null(strstr(err_text(&ctx), "sesame"));
	err_clear(&ctx);
	assert_int_equal(formula_parse("1 'hunter2'", &formula, &ctx), ERR_FIELD);
	assert_null(strstr(err_text(&ctx), "hunter2"));
	err_clear(&ctx);
	auto_value struct value value = { 0 };
	assert_int_equal(run(*state, "secret + 1", &value, &ctx), ERR_VALUE);
	assert_null(strstr(err_text(&ctx), "s3cr3t"));
}

static void
refuses_wrong_types(void **state)
{
	static const struct pair pairs[] = {
		{ "1 + 'a'", "column 3: '+' needs two numbers, not a number and text" },
		{ "two * NULL", "column 5: '*' needs two numbers" },
		{ "-'a'", "column 1: '-' needs a number, not text" },
		{ "1 / 0", "column 3: division by zero" },
		{ "1 / 0.0", "division by zero" },
		{ "1 < 'a'", "column 3: cannot tell the order of a number and text" },
		{ "[] < []", "cannot tell the order of an array and an array" },
		{ "NULL >= 1", "cannot tell the order of NULL and a number" },
		{ "1e300 * 1e300", "column 7: the result is too large" },
		{ "JOIN('a', ',')", "column 6: JOIN needs an array, not text" },
		{ "JOIN({}, ',')", "JOIN needs an array, not an object" },
		{ "SPLIT('a', '')", "column 1: SPLIT needs a separator" },
		{ "FIRST('a')", "FIRST needs an array, not text" },
		{ "LAST({})", "LAST needs an array, not an object" },
		{ "JSON_PARSE('{\"a\":}')", "column 1: the text is not JSON" },
		{ "JSON_PARSE(NULL)", "the text is not JSON" },
		{ NULL, NULL },
	};

	for (const struct pair *p = pairs; p->formula != NULL; p++)
		assert_fails(*state, p->formula, ERR_VALUE, p->expected);
}

/* `open` n times, `core`, `close` n times. */
static char *
nested(const char *open, const char *core, const char *close, unsigned n)
{
	struct buf text = BUF_INIT(1024 * 1024);

	for (unsigned i = 0; i < n; i++)
		buf_add_text(&text, open);
	buf_add_text(&text, core);
	for (unsigned i = 0; i < n; i++)
		buf_add_text(&text, close);
	return buf_take(&text);
}

static void
bounds_depth(void **state)
{
	static const char *const shapes[][3] = { { "(", "1", ")" }, { "[", "1", "]" },
		{ "-", "1", "" }, { "NOT ", "1", "" }, { "", "1", "+1" }, { "", "a", ".b" },
		{ "", "a", "[0]" }, { "a[", "1", "]" }, { "FIRST(", "1", ")" },
		{ "{'a':", "1", "}" } };

	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		auto_free char *deep = nested(shapes[i][0], shapes[i][1], shapes[i][2], 5000);
		auto_free char *fine = nested(shapes[i][0], shapes[i][1], shapes[i][2], 30);
		struct formula *formula = NULL;

		assert_fails(*state, deep, ERR_FIELD, "nested deeper than 100 levels");
		assert_int_equal(formula_parse(fine, &formula, NULL), OK);
		formula_free(&formula);
	}
}

static void
bounds_size_steps_and_work(void **state)
{
	auto_free char *huge = nested("", "'", "x", 70000);
	auto_free char *many_items = nested("", "[1", ",1", 1001);
	/* 30 texts of 30 kB each in an array, joined, for ever. */
	auto_free char *large = nested("", "'y", "z", 40000);
	auto_free char *wide = xasprintf("%s'", large);

	assert_fails(*state, huge, ERR_FIELD, "longer than 65536 bytes");
	assert_fails(*state, many_items, ERR_FIELD, "more than 1000 items");

	json_t *long_text = json_stringn_nocheck(wide, strlen(wide));
	struct fixture *f = *state;
	json_object_set_new(f->values, "long", long_text);
	auto_free char *list = nested("", "JOIN([long", ",long", 40);
	auto_free char *over = xasprintf("IF_ERROR(%s], ''), 'caught')", list);
	assert_fails(f, over, ERR_VALUE, "longer than 1048576 bytes"); /* not caught */
	auto_free char *loop = nested("", "[UPCASE(long)", ",UPCASE(long)", 300);
	auto_free char *work = xasprintf("IF_ERROR(%s], 'caught')", loop);
	assert_fails(f, work, ERR_VALUE, "bytes of text and JSON in all");
}

/* Each of these made gigabytes or worked for minutes within the limits of text and steps. */
static void
counts_json_that_is_walked_or_copied(void **state)
{
	static const char *const formulas[][2] = { { "[JOIN(many, '')", ",JOIN(many, '')" },
		{ "[many = many", ",many = many" }, { "[large", ",large" },
		{ "[SPLIT(commas, ',')", ",SPLIT(commas, ',')" },
		{ "[JSON_PARSE(json)", ",JSON_PARSE(json)" } };
	struct fixture *f = *state;
	struct formula_scope scope = f->scope;
	struct formula_named_response named = { "large", NULL };
	json_t *many = json_array();
	auto_free char *large = nested("", "", "x", 500000), *commas = nested("", "", ",", 9000);
	auto_free char *json = nested("", "[", "0,", 5000);

	json[strlen(json) - 1] = ']'; /* [0,0,…] */
	for (int i = 0; i < 5000; i++)
		json_array_append_new(many, json_string(""));
	json_put(f->values, "json", json_string_nocheck(json));
	json_put(f->values, "many", many);
	json_put_text(f->values, "commas", commas);
	f->raw = (struct formula_response){ 200, NULL, NULL, large, strlen(large) };
	named.response = &f->raw;
	f->scope.named = &named;
	f->scope.n_named = 1;
	for (size_t i = 0; i < sizeof(formulas) / sizeof(formulas[0]); i++) {
		auto_free char *list = nested("", formulas[i][0], formulas[i][1], 900);
		auto_free char *formula = xasprintf("IF_ERROR(%s], 'caught')", list);

		assert_fails(f, formula, ERR_VALUE, "bytes of text and JSON in all");
	}
	f->scope = scope;
}

static void
bounds_steps(void **state)
{
	auto_free char *row = nested("", "[1", ",1", 900);
	struct buf text = BUF_INIT(65536);

	buf_add_text(&text, "IF_ERROR([");
	for (int i = 0; i < 30; i++)
		buf_printf(&text, "%s%s]", i > 0 ? "," : "", row);
	buf_add_text(&text, "], 'caught')");
	assert_fails(*state, buf_text(&text), ERR_VALUE, "more than 20000 steps");
	buf_free(&text);
}

static void
refuses_splitting_into_too_many_parts(void **state)
{
	auto_free char *commas = nested("", "SPLIT('", ",", 20000);
	auto_free char *formula = xasprintf("%s', ',')", commas);

	assert_fails(*state, formula, ERR_VALUE, "SPLIT into more than 10000 parts");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(gives_literals),
		TEST(follows_paths),
		TEST(gives_null_for_what_is_missing),
		TEST(looks_headers_up_in_any_case),
		TEST(calculates),
		TEST(compares_without_coercion),
		TEST(takes_only_false_and_null_for_false),
		TEST(calls_functions),
		TEST(every_function_gives_what_its_example_says),
		TEST(keeps_bodies_byte_for_byte),
		TEST(tells_a_response_as_json),
		TEST(refuses_bytes_that_are_no_utf8_as_json),
		TEST(names_column_and_expectation_of_syntax_errors),
		TEST(does_not_repeat_what_may_be_a_secret),
		TEST(refuses_wrong_types),
		TEST(bounds_depth),
		TEST(bounds_size_steps_and_work),
		TEST(counts_json_that_is_walked_or_copied),
		TEST(bounds_steps),
		TEST(refuses_splitting_into_too_many_parts),
	};

	return cmocka_run_group_tests_name("formula", tests, NULL, NULL);
}
