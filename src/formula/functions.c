/* SPDX-License-Identifier: Apache-2.0 */
/* The table of formula functions, and their manual. */
#include "formula/functions.h"

#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "formula/call.h"

#define MANUAL_MAX ((size_t)256 * 1024)
#define MANY FORMULA_ARGUMENTS_MAX
#define LAZY FORMULA_LAZY
#define EAGER FORMULA_EAGER

static const struct formula_function functions[] = {
	{ "DEFAULT", "value, otherwise", 2, 2, LAZY, formula_fn_default,
	    "The first value, or the second when the first is NULL, FALSE or empty.",
	    "DEFAULT(missing.part, 'x')", "\"x\"", "Choice" },
	{ "IF", "condition, value[, otherwise]", 2, 3, LAZY, formula_fn_if,
	    "The second value when the first is true, else the third (NULL without one).",
	    "IF(1 < 2, 'yes', 'no')", "\"yes\"", NULL },
	{ "IF_ERROR", "value, otherwise", 2, 2, LAZY, formula_fn_if_error,
	    "The first value, or the second when working out the first fails. Limits are not "
	    "caught.",
	    "IF_ERROR(1 / 0, 'never')", "\"never\"", NULL },
	{ "ERROR", "text", 1, 1, FORMULA_WRITTEN, formula_fn_error,
	    "Fails with this text, which must be written out in the formula: whoever reads the "
	    "log reads it.",
	    "IF_ERROR(ERROR('a second factor is asked for'), 'caught')", "\"caught\"", NULL },
	{ "SWITCH", "value, match, result, …[, otherwise]", 3, MANY, LAZY, formula_fn_switch,
	    "The result behind the first match that equals the value; else the last argument, if "
	    "it stands alone.",
	    "SWITCH(2, 1, 'one', 2, 'two', 'many')", "\"two\"", NULL },
	{ "IS_BLANK", "value", 1, 1, EAGER, formula_fn_is_blank,
	    "Whether the value is NULL, FALSE, or an empty text, array or object.", "IS_BLANK('')",
	    "true", NULL },
	{ "IS_PRESENT", "value", 1, 1, EAGER, formula_fn_is_present,
	    "Whether it is anything else. 0 is present.", "IS_PRESENT(0)", "true", NULL },

	{ "JOIN", "array, separator", 2, 2, EAGER, formula_fn_join,
	    "The items of an array as one text with a separator between.",
	    "JOIN(['a', 1, TRUE], '-')", "\"a-1-true\"", "Arrays and objects" },
	{ "SPLIT", "text, separator", 2, 2, EAGER, formula_fn_split,
	    "A text cut at every separator: an array of texts.", "SPLIT('a,b,,c', ',')",
	    "[\"a\",\"b\",\"\",\"c\"]", NULL },
	{ "FIRST", "array", 1, 1, EAGER, formula_fn_first,
	    "The first item of an array, NULL when it is empty.", "FIRST([1, 2, 3])", "1", NULL },
	{ "LAST", "array", 1, 1, EAGER, formula_fn_last,
	    "The last item of an array, NULL when it is empty.", "LAST([1, 2, 3])", "3", NULL },
	{ "SIZE", "value", 1, 1, EAGER, formula_fn_size,
	    "How many characters, items or members a text, array or object has; 0 for NULL.",
	    "SIZE([1, 2, 3])", "3", NULL },
	{ "CONCAT", "value, …", 1, MANY, EAGER, formula_fn_concat,
	    "Arrays as one array, or values as one text. NULL adds nothing.",
	    "CONCAT('a', 1, TRUE)", "\"a1true\"", NULL },
	{ "GET", "value, path[, otherwise]", 2, 3, EAGER, formula_fn_get,
	    "What stands at a path that is worked out: a key, an index, or `a.b[0]`.",
	    "GET({'a': {'b': [5, 6]}}, 'a.b[1]')", "6", NULL },
	{ "MAP", "array, path", 2, 2, EAGER, formula_fn_map,
	    "What stands at the path in each item: an array.", "MAP([{'id': 1}, {'id': 2}], 'id')",
	    "[1,2]", NULL },

	{ "UPCASE", "text", 1, 1, EAGER, formula_fn_upcase, "The text with a-z as A-Z.",
	    "UPCASE('abC1')", "\"ABC1\"", "Text" },
	{ "DOWNCASE", "text", 1, 1, EAGER, formula_fn_downcase, "The text with A-Z as a-z.",
	    "DOWNCASE('ABc1')", "\"abc1\"", NULL },
	{ "STRIP", "text", 1, 1, EAGER, formula_fn_strip,
	    "The text without blanks and line ends around it.", "STRIP('  a b\\n')", "\"a b\"",
	    NULL },
	{ "REPLACE", "text, old, new", 3, 3, EAGER, formula_fn_replace,
	    "The text with another in place of each occurrence of `old`.",
	    "REPLACE('a-b-c', '-', '+')", "\"a+b+c\"", NULL },
	{ "SUBSTRING", "text, start[, end]", 2, 3, EAGER, formula_fn_substring,
	    "The characters from `start` to before `end`, counted from 0; negative numbers count "
	    "from the end.",
	    "SUBSTRING('Bearer abc', 7)", "\"abc\"", NULL },
	{ "CONTAINS", "value, part", 2, 2, EAGER, formula_fn_contains,
	    "Whether a text has the part in it, an array the item, or an object the key.",
	    "CONTAINS('<html>', 'html')", "true", NULL },
	{ "REGEX_EXTRACT", "text, pattern[, modifiers]", 2, 3, EAGER, formula_fn_regex_extract,
	    "An array of all matches: of the first group where the pattern has one. Modifiers: "
	    "some of `i`, `m`, `s` and `x`, as PCRE2 knows them.",
	    "REGEX_EXTRACT('id=7; id=8', 'id=(\\d+)')", "[\"7\",\"8\"]", NULL },
	{ "REGEX_REPLACE", "text, pattern, new[, modifiers]", 3, 4, EAGER, formula_fn_regex_replace,
	    "The text with another in place of each match. In it `\\0` is the match, `\\1` to "
	    "`\\9` are groups.",
	    "REGEX_REPLACE('a1b22', '(\\d+)', '<\\1>')", "\"a<1>b<22>\"", NULL },

	{ "URL_ENCODE", "text", 1, 1, EAGER, formula_fn_url_encode,
	    "Percent-encodes everything but letters, digits and `-._~` (RFC 3986).",
	    "URL_ENCODE('a b&c')", "\"a%20b%26c\"", "Encodings" },
	{ "URL_DECODE", "text", 1, 1, EAGER, formula_fn_url_decode,
	    "Undoes percent-encoding; `+` is a blank, as in forms.", "URL_DECODE('a%20b+c%26')",
	    "\"a b c&\"", NULL },
	{ "BASE64_ENCODE", "text", 1, 1, EAGER, formula_fn_base64_encode,
	    "The exact bytes in base64 with padding (RFC 4648).", "BASE64_ENCODE('user:pass')",
	    "\"dXNlcjpwYXNz\"", NULL },
	{ "BASE64_DECODE", "text", 1, 1, EAGER, formula_fn_base64_decode,
	    "The bytes; of either alphabet, with padding or without, in lines or not.",
	    "BASE64_DECODE('dXNlcjpwYXNz')", "\"user:pass\"", NULL },
	{ "BASE64URL_ENCODE", "text", 1, 1, EAGER, formula_fn_base64url_encode,
	    "The exact bytes in the alphabet for URLs, without padding (RFC 4648 section 5).",
	    "BASE64URL_ENCODE('>>>?')", "\"Pj4-Pw\"", NULL },
	{ "HEX_ENCODE", "text", 1, 1, EAGER, formula_fn_hex_encode,
	    "The exact bytes in hexadecimal digits.", "HEX_ENCODE('abc')", "\"616263\"", NULL },
	{ "HTML_UNESCAPE", "text", 1, 1, EAGER, formula_fn_html_unescape,
	    "Characters in place of `&amp;`, `&#39;`, `&#x27;` and the like.",
	    "HTML_UNESCAPE('&lt;a&gt; &amp; &#39;b&#39;')", "\"<a> & 'b'\"", NULL },
	{ "JSON_PARSE", "text", 1, 1, EAGER, formula_fn_json_parse,
	    "The value a JSON text stands for.", "JSON_PARSE('{\"a\": [5]}').a", "[5]", NULL },
	{ "JSON_STRINGIFY", "value", 1, 1, EAGER, formula_fn_json_stringify,
	    "The value as JSON, without blanks.", "JSON_STRINGIFY({'a': ['b']})",
	    "\"{\\\"a\\\":[\\\"b\\\"]}\"", NULL },
	{ "XML_PARSE", "text", 1, 1, EAGER, formula_fn_xml_parse,
	    "XML as an object; see [its shape](#the-shape-of-xml_parse).",
	    "XML_PARSE('<a x=\"1\"><b>t</b><b/></a>')", "{\"a\":{\"@x\":\"1\",\"b\":[\"t\",\"\"]}}",
	    NULL },

	{ "NOW", "", 0, 0, EAGER, formula_fn_now,
	    "The present moment, ISO 8601, UTC, with milliseconds.", "NOW()", NULL, "Time" },
	{ "DATE", "when, format[, zone]", 2, 3, EAGER, formula_fn_date,
	    "A moment written by a format; see [moments](#moments-and-formats). `%s` alone gives "
	    "a number.",
	    "DATE('2024-02-29T23:30:00Z', '%d %b %Y %H:%M', 'Europe/Berlin')",
	    "\"01 Mar 2024 00:30\"", NULL },

	{ "MD5", "text[, encoding]", 1, 2, EAGER, formula_fn_md5,
	    "The digest in \"hex\" (the default), \"base64\", \"base64url\" or \"raw\" bytes.",
	    "MD5('abc')", "\"900150983cd24fb0d6963f7d28e17f72\"", "Cryptography and chance" },
	{ "SHA1", "text[, encoding]", 1, 2, EAGER, formula_fn_sha1, "The same of SHA-1.",
	    "SHA1('abc')", "\"a9993e364706816aba3e25717850c26c9cd0d89d\"", NULL },
	{ "SHA256", "text[, encoding]", 1, 2, EAGER, formula_fn_sha256, "The same of SHA-256.",
	    "SHA256('abc', 'base64')", "\"ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=\"", NULL },
	{ "SHA512", "text[, encoding]", 1, 2, EAGER, formula_fn_sha512, "The same of SHA-512.",
	    "SUBSTRING(SHA512('abc'), 0, 16)", "\"ddaf35a193617aba\"", NULL },
	{ "HMAC_SHA1", "text, key[, encoding]", 2, 3, EAGER, formula_fn_hmac_sha1,
	    "The keyed digest (RFC 2104) of SHA-1, encoded likewise.",
	    "HMAC_SHA1('what do ya want for nothing?', 'Jefe')",
	    "\"effcdf6ae5eb2fa2d27416d5f184df9c259a7c79\"", NULL },
	{ "HMAC_SHA256", "text, key[, encoding]", 2, 3, EAGER, formula_fn_hmac_sha256,
	    "The same of SHA-256.",
	    "HMAC_SHA256('what do ya want for nothing?', 'Jefe', 'base64url')",
	    "\"W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM\"", NULL },
	{ "JWT_SIGN", "claims, key[, algorithm[, headers]]", 2, 4, EAGER, formula_fn_jwt_sign,
	    "A signed JSON Web Token. The key is a secret for HS256 and its kin, else a private "
	    "key in PEM form or as a JWK; RS256 unless said otherwise.",
	    "JWT_SIGN({'user_id': 123}, 'secret', 'HS256')",
	    "\"eyJhbGciOiJIUzI1NiJ9.eyJ1c2VyX2lkIjoxMjN9."
	    "FoW4dUPr9HWzOI8S7Ohpe3hGULZEJhNJeouOX8f1sz8\"",
	    NULL },
	{ "UUID", "", 0, 0, EAGER, formula_fn_uuid, "A random UUID (version 4).", "UUID()", NULL,
	    NULL },
	{ "RANDOM_HEX", "[bytes]", 0, 1, EAGER, formula_fn_random_hex,
	    "So many random bytes (16 unless said, at most 1024) in hexadecimal digits.",
	    "RANDOM_HEX(8)", NULL, NULL },
};

const struct formula_function *
formula_function_table(size_t *n_out)
{
	*n_out = sizeof(functions) / sizeof(functions[0]);
	return functions;
}

const struct formula_function *
formula_function_find(const char *name, size_t len)
{
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
		if (strlen(functions[i].name) == len &&
		    strncasecmp(functions[i].name, name, len) == 0)
			return &functions[i];
	return NULL;
}

/* Code in a table: a bar would end the cell. */
static void
add_code(struct buf *manual, const char *code)
{
	buf_add_char(manual, '`');
	for (; *code != '\0'; code++) {
		if (*code == '|')
			buf_add_char(manual, '\\');
		buf_add_char(manual, *code);
	}
	buf_add_char(manual, '`');
}

char *
formula_function_manual(void)
{
	struct buf manual = BUF_INIT(MANUAL_MAX);

	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		const struct formula_function *function = &functions[i];

		if (function->group != NULL)
			buf_printf(&manual,
			    "%s### %s\n| function | gives | example |\n|---|---|---|\n",
			    i > 0 ? "\n" : "", function->group);
		buf_printf(&manual, "| `%s(%s)` | %s | ", function->name, function->arguments,
		    function->doc);
		add_code(&manual, function->example);
		if (function->result != NULL) {
			buf_add_text(&manual, " → ");
			add_code(&manual, function->result);
		}
		buf_add_text(&manual, " |\n");
	}
	return buf_take(&manual);
}
