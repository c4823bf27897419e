/* SPDX-License-Identifier: Apache-2.0 */
/* Strings with formulas in them: modes, escapes, columns, and the way through a whole JSON value.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/json.h"
#include "formula/template.h"

static json_t *
parsed(const char *text)
{
	json_t *value = NULL;

	assert_int_equal(json_parse(text, strlen(text), &value, NULL), OK);
	return value;
}

static void
renders_text(void **state)
{
	static const char *const rows[][2] = {
		{ "", "" },
		{ "plain > text >> = <", "plain > text >> = <" },
		{ "<<secret>>", "s" },
		{ "a<<secret>>b<< n >>c", "asb7c" },
		{ "\\<<secret>>!", "s!" },
		{ "\\\\<<secret>>", "\\s" },
		{ "a \\n \\< \\= b", "a \\n \\< \\= b" },
		{ "<<missing>>", "" },
		{ "<<list>>", "[1,{\"a\":true}]" },
		{ "<<'>>'>>", ">>" },
		{ "<<\"<<\">>x>>", "<<x>>" },
		{ "<<n > 3>>", "true" },
		{ "=secret", "s" },
		{ "\\=n", "7" },
		{ " =n", " =n" },
		{ "<<IF(n >= 7, '<<', 1)>>", "<<" },
		{ "<<TRUE>><<1.5>><<NULL>>", "true1.5" },
		{ "\u00e9<<secret>>\u00e9", "\u00e9s\u00e9" },
	};
	json_auto_t *values = parsed("{\"secret\": \"s\", \"n\": 7, \"list\": [1, {\"a\": true}]}");
	const struct formula_scope scope = { .values = values };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		auto_buf struct buf out = BUF_INIT_SECRET(1000);
		struct errctx ctx = { 0 };

		if (template_check_text(rows[i][0], "t", &ctx) != OK ||
		    template_render_text(rows[i][0], &scope, "t", &out, &ctx) != OK)
			fail_msg("%s: %s", rows[i][0], err_text(&ctx));
		assert_string_equal(buf_text(&out), rows[i][1]);
	}
}

static void
counts_columns_in_the_string_the_user_wrote(void **state)
{
	static const char *const rows[][2] = {
		{ "=", "column 2: expected a value" },
		{ "\\=", "column 3: expected a value" },
		{ "=a b", "column 4: expected an operator or the end" },
		{ "abc <<1 +>>", "column 10: expected a value, found the end" },
		{ "\u00e9\u00e9 <<?>>", "column 6: unexpected character '?'" },
		{ "<<a>> <<NOPE()>>", "column 9: there is no function NOPE" },
		{ "<<a", "column 4: expected '>>'" },
		{ "<<", "column 3: expected a value" },
		{ "<<>>", "column 3: expected a value" },
		{ "<<a b>>", "column 5: expected an operator or '>>'" },
		{ "<<'a>>", "column 3: this text has no closing quote" },
		{ "<<a > b> >", "column 8: expected an operator or '>>', found '>'" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct errctx ctx = { 0 };

		assert_int_equal(template_check_text(rows[i][0], "some.path", &ctx), ERR_FIELD);
		assert_string_equal(ctx.sub[0].path, "some.path");
		if (strstr(ctx.sub[0].text, rows[i][1]) == NULL)
			fail_msg("%s: %s", rows[i][0], ctx.sub[0].text);
	}
}

static void
keeps_types_in_formula_mode_throughout_json(void **state)
{
	json_auto_t *values = parsed("{\"n\": 7, \"list\": [1.5, null], \"key\": \"k\"}");
	json_auto_t *template =
	    parsed("{\"a\": \"=n\", \"b\": [\"=list\", \"<<n>>\", 1, true, null], "
		   "\"x<<key>>\": {\"=key\": \"\\\\=n > 3\"}}");
	const struct formula_scope scope = { .values = values };
	json_t *out = NULL;

	(void)state;
	assert_int_equal(template_render_json(template, &scope, "", &out, NULL), OK);
	auto_free char *text = json_text(out);
	assert_string_equal(text,
	    "{\"a\":7,\"b\":[[1.5,null],\"7\",1,true,null],\"xk\":{\"k\":true}}");
	json_decref(out);
}

static void
does_not_evaluate_what_a_value_brings(void **state)
{
	json_auto_t *values = parsed("{\"secret\": \"<<other>>=n\", \"other\": \"bad\"}");
	const struct formula_scope scope = { .values = values };
	auto_buf struct buf out = BUF_INIT_SECRET(100);

	(void)state;
	assert_int_equal(template_render_text("<<secret>>", &scope, "", &out, NULL), OK);
	assert_string_equal(buf_text(&out), "<<other>>=n");
}

static void
names_every_bad_string(void **state)
{
	json_auto_t *json =
	    parsed("{\"a\": [\"ok\", \"<<\"], \"b\": {\"c d\": \"=\"}, \"<<\": \"=1\"}");
	struct errctx ctx = { 0 };

	(void)state;
	assert_int_equal(template_check(json, "root", &ctx), ERR_FIELD);
	assert_int_equal(ctx.n_sub, 3);
	assert_string_equal(ctx.sub[0].path, "root.a[1]");
	assert_string_equal(ctx.sub[1].path, "root.b.c d");
	assert_string_equal(ctx.sub[2].path, "root.<<");
}

static void
holds_the_limits_over_a_whole_rendering(void **state)
{
	auto_free char *large = xmalloc(500001);
	json_auto_t *values = json_object(), *template = json_array();
	const struct formula_scope scope = { .values = values };
	json_t *out = NULL;
	struct errctx ctx = { 0 };

	(void)state;
	memset(large, 'x', 500000);
	large[500000] = '\0';
	json_put_text(values, "large", large);
	for (int i = 0; i < 100; i++)
		json_array_append_new(template, json_string("<<large>>"));
	assert_int_equal(template_render_json(template, &scope, "p", &out, &ctx), ERR_VALUE);
	assert_non_null(strstr(err_text(&ctx), "bytes of text and JSON in all"));
	err_clear(&ctx);
	auto_buf struct buf one = BUF_INIT_SECRET(VALUE_TEXT_MAX);
	assert_int_equal(template_render_text("<<large>><<large>><<large>>", &scope, "p", &one,
			     &ctx),
	    ERR_VALUE);
	auto_buf struct buf small = BUF_INIT_SECRET(10);
	assert_int_equal(template_render_text("<<'12345678901'>>", &scope, "p", &small, &ctx),
	    ERR_VALUE);
}

static void
counts_answers_that_become_json_over_a_whole_rendering(void **state)
{
	auto_free char *large = xmalloc(500001);
	json_auto_t *template = json_array();
	struct formula_response answer = { .status = 200, .raw = large, .raw_len = 500000 };
	const struct formula_named_response named = { "PREVIOUS_STEP", &answer };
	const struct formula_scope scope = { .named = &named, .n_named = 1 };
	json_t *out = NULL;
	struct errctx ctx = { 0 };

	(void)state;
	memset(large, 'x', 500001);
	for (int i = 0; i < 100; i++)
		json_array_append_new(template, json_string("=PREVIOUS_STEP"));
	assert_int_equal(template_render_json(template, &scope, "p", &out, &ctx), ERR_VALUE);
	assert_non_null(strstr(err_text(&ctx), "bytes of text and JSON in all"));
	assert_string_equal(ctx.sub[0].path, "p[33]");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(renders_text),
		cmocka_unit_test(counts_columns_in_the_string_the_user_wrote),
		cmocka_unit_test(keeps_types_in_formula_mode_throughout_json),
		cmocka_unit_test(does_not_evaluate_what_a_value_brings),
		cmocka_unit_test(names_every_bad_string),
		cmocka_unit_test(holds_the_limits_over_a_whole_rendering),
		cmocka_unit_test(counts_answers_that_become_json_over_a_whole_rendering),
	};

	return cmocka_run_group_tests_name("formula_template", tests, NULL, NULL);
}
