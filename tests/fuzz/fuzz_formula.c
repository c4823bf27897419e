/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: any bytes as a formula and as a template, and as an argument of the functions that
 * read a language of their own; nothing may crash, leak or run away. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "formula/formula.h"
#include "formula/template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char body[] = "{\"token\":\"t\",\"list\":[1,2,{\"id\":3}]}";

static struct formula_scope
make_scope(void)
{
	static json_t *values, *headers, *parsed;
	static struct formula_response json, raw;
	static struct formula_named_response named[2];
	static const struct formula_response *steps[2] = { &json, &raw };

	if (values == NULL) {
		values = json_pack("{s:s, s:i}", "secret", "s3cr3t", "n", 7);
		headers = json_pack("{s:s}", "X-Token", "h");
		parsed = json_loads(body, 0, NULL);
		json = (struct formula_response){ 200, headers, parsed, body, sizeof(body) - 1 };
		raw = (struct formula_response){ 200, headers, NULL, "\xff\x00z", 3 };
		named[0] = (struct formula_named_response){ "PREVIOUS_STEP", &json };
		named[1] = (struct formula_named_response){ "raw", &raw };
	}
	return (struct formula_scope){ values, named, 2, steps, 2, 1704067200000 };
}

static void
try_formula(const char *text, const struct formula_scope *scope)
{
	auto_value struct value value = { 0 };
	auto_buf struct buf out = BUF_INIT_SECRET(VALUE_TEXT_MAX);
	struct formula *formula = NULL;
	struct errctx ctx = { 0 };
	json_t *json = NULL;

	if (formula_parse(text, &formula, &ctx) != OK) {
		assert(strncmp(err_text(&ctx), "column ", 7) == 0);
		return;
	}
	if (formula_eval(formula, scope, &value, &ctx) == OK &&
	    value_add_text(&value, &out, &ctx) == OK && value_to_json(&value, &json, &ctx) == OK)
		json_decref(json);
	formula_free(&formula);
}

/* The bytes behind the first, which chooses the formula, are the body. */
static void
try_argument(const uint8_t *data, size_t size)
{
	static const char *const formulas[] = { "XML_PARSE(it.body)",
		"REGEX_EXTRACT(text, it.body)", "REGEX_EXTRACT(it.body, '(\\w+)=([^;]*);?')",
		"REGEX_REPLACE(text, it.body, '<\\0\\1>', 'i')",
		"REGEX_REPLACE('aaaaaaaaaaaaaaaaaaaab', it.body, it.body, 'sx')",
		"HTML_UNESCAPE(it.body)", "DATE(it.body, '%F %T.%L %s')",
		"DATE('2024-06-30', it.body, 'Europe/Berlin')", "DATE(0, '%F', it.body)",
		"GET({'a': [{'b c': 1}], 'd': it.status}, it.body)", "MAP([text, it], it.body)",
		"JSON_STRINGIFY(JSON_PARSE(it.body))", "BASE64_DECODE(it.body)",
		"URL_ENCODE(URL_DECODE(it.body))", "JWT_SIGN({'a': 1}, it.body, 'HS256')",
		"JWT_SIGN({'a': 1}, it.body, 'ES256')", "JWT_SIGN(it.body, 'k', 'HS256', it.body)",
		"SUBSTRING(it.body, -5, 3)", "CONCAT(SIZE(it.body), UPCASE(it.body))",
		"JOIN(SPLIT(it.body, 'a'), 'b')", "REPLACE(text, it.body, it.body)",
		"HMAC_SHA256(it.body, it.body, it.body)" };
	static json_t *values;

	if (values == NULL)
		values = json_pack("{s:s}", "text", "a=1; bb=22; token=\"abc\" \u00e9\n<x>y</x>");
	if (size == 0)
		return;
	struct formula_response it = { 200, NULL, NULL, (const char *)data + 1, size - 1 };
	struct formula_named_response named = { "it", &it };
	struct formula_scope scope = { values, &named, 1, NULL, 0, 1704067200000 };
	try_formula(formulas[data[0] % (sizeof(formulas) / sizeof(formulas[0]))], &scope);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_free char *text = xmemdup0(data, size);
	struct formula_scope scope = make_scope();
	auto_buf struct buf out = BUF_INIT_SECRET(VALUE_TEXT_MAX);
	struct errctx ctx = { 0 };

	try_argument(data, size);
	try_formula(text, &scope);
	json_auto_t *slugs = json_array();
	assert((formula_references(text, slugs, NULL) == OK) ==
	       (template_check_text(text, "t", NULL) == OK));
	enum err checked = template_check_text(text, "t", &ctx);
	enum err rendered = template_render_text(text, &scope, "t", &out, &ctx);
	assert(checked == OK || rendered != OK); /* what is refused at creation never runs */
	assert(checked != OK || rendered != ERR_FIELD);
	return 0;
}
