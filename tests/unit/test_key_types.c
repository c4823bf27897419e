/* SPDX-License-Identifier: Apache-2.0 */
/* Key types: which values each takes, which it refuses and why, and the forms made from them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "catalog/key_types.h"

static const char a16[] = "0123456789abcdef";

/* Check JSON text; on success the object as it is afterwards goes to *after_out when asked for. */
static enum err
check(const char *type, const char *text, struct errctx *ctx, json_t **after_out)
{
	json_t *parameters = NULL;

	assert_int_equal(json_parse(text, strlen(text), &parameters, NULL), OK);
	*ctx = (struct errctx){ 0 };
	enum err err = key_type_check(key_type_find(type), parameters, "parameters", ctx);
	if (after_out && !err)
		*after_out = parameters;
	else
		json_decref(parameters);
	return err;
}

static void
expect_refused(const char *type, const char *text, const char *path)
{
	struct errctx ctx;

	if (check(type, text, &ctx, NULL) != ERR_FIELD)
		fail_msg("%s took %s", type, text);
	assert_string_equal(ctx.sub[0].path, path);
	assert_null(strstr(ctx.sub[0].text, "canary"));
}

static void
expect_taken(const char *type, const char *text)
{
	struct errctx ctx;

	if (check(type, text, &ctx, NULL))
		fail_msg("%s refused %s: %s", type, text, err_text(&ctx));
}

static void
knows_its_types_by_name_alone(void **state)
{
	(void)state;
	assert_non_null(key_type_find("basicauth"));
	assert_null(key_type_find("BasicAuth"));
	assert_null(key_type_find(""));
	assert_null(key_type_find("keychain:basicauth"));
}

static void
fills_in_defaults(void **state)
{
	struct errctx ctx;
	json_t *after = NULL;
	(void)state;

	assert_int_equal(check("apikeyauth", "{\"key\":\"k\",\"name\":null,\"placement\":\"\"}",
			     &ctx, &after),
	    OK);
	assert_string_equal(json_get_text(after, "name"), "X-API-Key");
	assert_string_equal(json_get_text(after, "placement"), "header");
	assert_int_equal(json_object_size(after), 3);
	json_decref(after);
}

static void
names_every_bad_field_at_once(void **state)
{
	struct errctx ctx;
	(void)state;

	assert_int_equal(check("apikeyauth",
			     "{\"placement\":\"body\",\"name\":7,\"more\":1,\"key\":\"\"}", &ctx,
			     NULL),
	    ERR_FIELD);
	assert_int_equal(ctx.n_sub, 4);
	assert_string_equal(ctx.sub[0].path, "parameters.more");
	assert_string_equal(ctx.sub[1].path, "parameters.key");
	assert_string_equal(ctx.sub[2].path, "parameters.placement");
	assert_string_equal(ctx.sub[3].path, "parameters.name");
}

static void
refuses_what_is_no_object(void **state)
{
	(void)state;
	expect_refused("basicauth", "[]", "parameters");
	expect_refused("basicauth", "\"x\"", "parameters");
	expect_refused("basicauth", "null", "parameters");
}

static void
basicauth_wants_both_parts(void **state)
{
	(void)state;
	expect_taken("basicauth", "{\"authUser\":\"\xc3\xa4nne\",\"authPass\":\" p:a ss \"}");
	expect_refused("basicauth", "{\"authUser\":\"u\"}", "parameters.authPass");
	expect_refused("basicauth", "{\"authUser\":\"\",\"authPass\":\"p\"}",
	    "parameters.authUser");
	expect_refused("basicauth", "{\"authUser\":null,\"authPass\":\"p\"}",
	    "parameters.authUser");
	expect_refused("basicauth", "{\"authUser\":\"u:canary\",\"authPass\":\"p\"}",
	    "parameters.authUser");
	expect_refused("basicauth", "{\"authUser\":\"u\",\"authPass\":[\"canary\"]}",
	    "parameters.authPass");
}

static void
refuses_control_characters(void **state)
{
	(void)state;
	expect_refused("basicauth", "{\"authUser\":\"u\",\"authPass\":\"canary\\n\"}",
	    "parameters.authPass");
	expect_refused("basicauth", "{\"authUser\":\"u\",\"authPass\":\"\\u007f\"}",
	    "parameters.authPass");
	expect_refused("basicauth", "{\"authUser\":\"u\",\"authPass\":\"\\u0085\"}",
	    "parameters.authPass");
	expect_taken("basicauth", "{\"authUser\":\"u\",\"authPass\":\"\\u00a0\"}");
}

static void
counts_characters_not_bytes(void **state)
{
	char text[4200];
	size_t at = (size_t)snprintf(text, sizeof(text), "{\"authPass\":\"p\",\"authUser\":\"");
	(void)state;

	for (int i = 0; i < 1024; i++, at += 2)
		memcpy(text + at, "\xc3\xa4", 2);
	memcpy(text + at, "\"}", 3);
	expect_taken("basicauth", text);
	memcpy(text + at, "x\"}", 4);
	expect_refused("basicauth", text, "parameters.authUser");
}

static void
a_header_must_be_one(void **state)
{
	(void)state;
	expect_refused("apikeyauth", "{\"key\":\"k\",\"name\":\"X Key\"}", "parameters.name");
	expect_refused("apikeyauth", "{\"key\":\"k\",\"name\":\"X-Key:\"}", "parameters.name");
	expect_refused("apikeyauth", "{\"key\":\"canary\xc3\xa4\"}", "parameters.key");
	expect_refused("apikeyauth", "{\"key\":\" k\"}", "parameters.key");
	expect_refused("apikeyauth", "{\"key\":\"k \"}", "parameters.key");
	expect_taken("apikeyauth", "{\"key\":\"Bearer k=\",\"name\":\"Authorization\"}");
	expect_taken("apikeyauth",
	    "{\"key\":\" k\xc3\xa4\",\"name\":\"my key\",\"placement\":\"qs\"}");
}

static void
aes_keys_have_16_24_or_32_bytes(void **state)
{
	static const struct {
		const char *encoding, *unit; /* `times` units of text */
		int times;
		bool fine;
	} cases[] = {
		{ "plain", "x", 16, true },
		{ "plain", "x", 24, true },
		{ "plain", "x", 32, true },
		{ "plain", "x", 17, false },
		{ "plain", "\xc3\xa4", 8, true },
		{ "plain", "\xc3\xa4", 16, true },
		{ "plain", "\xc3\xa4", 10, false },
		{ "hex", "0f", 16, true },
		{ "hex", "0F", 32, true },
		{ "hex", "0f", 8, false },
		{ "hex", "0g", 16, false },
		{ "hex", "0", 33, false },
		{ "base64", "AAAA", 8, true },
		{ "base64", "AAAA", 5, false },
		{ "base64", "AA=A", 8, false },
		{ "base64", "AA-_", 8, false },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[256];
		size_t at = (size_t)snprintf(text, sizeof(text),
		    "{\"keyEncoding\":\"%s\",\"key\":\"", cases[i].encoding);

		for (int k = 0; k < cases[i].times; k++)
			at += (size_t)snprintf(text + at, sizeof(text) - at, "%s", cases[i].unit);
		snprintf(text + at, sizeof(text) - at, "\"}");
		if (cases[i].fine)
			expect_taken("aes-key", text);
		else
			expect_refused("aes-key", text, "parameters.key");
	}
	auto_free char *plain = xasprintf("{\"key\":\"%s\"}", a16);
	expect_taken("aes-key", plain);
}

static void
forms_have_what_a_page_needs(void **state)
{
	(void)state;
	for (const struct key_type *type = key_types; type->name; type++) {
		json_auto_t *form = key_type_form(type);
		size_t i;
		json_t *field;

		assert_true(json_array_size(form) > 0);
		json_array_foreach(form, i, field)
		{
			const char *kind = json_get_text(field, "type");

			assert_non_null(json_get_text(field, "name"));
			assert_true(strlen(json_get_text(field, "label")) > 0);
			assert_true(json_is_boolean(json_object_get(field, "required")));
			assert_true(json_is_boolean(json_object_get(field, "multiline")));
			assert_non_null(kind);
			if (!strcmp(kind, "pkey") || !strcmp(kind, "cert"))
				assert_true(json_get_bool(field, "multiline", false));
			assert_int_equal(!strcmp(kind, "select"),
			    json_array_size(json_object_get(field, "options")) > 0);
			if (!strcmp(kind, "select"))
				assert_non_null(json_get_text(field, "default"));
		}
	}
}

static void
every_type_of_the_public_api_is_there(void **state)
{
	static const char *const names[] = { "aes-key", "apikeyauth", "apn", "basicauth",
		"clientcertauth", "eet", "gpg-private", "gpg-public", "webpay" };
	size_t n = 0;
	(void)state;

	for (const struct key_type *type = key_types; type->name; type++)
		n++;
	assert_int_equal(n, sizeof(names) / sizeof(names[0]));
	for (size_t i = 0; i < n; i++)
		assert_string_equal(key_types[i].name, names[i]);
}

static void
secrets_are_never_plain_text_fields(void **state)
{
	static const char *const secrets[] = { "key", "authPass", "passphrase" };
	(void)state;

	for (const struct key_type *type = key_types; type->name; type++)
		for (const struct form_field *field = type->fields; field->name; field++)
			for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++)
				if (!strcmp(field->name, secrets[i]))
					assert_int_equal(field->type, FORM_PASSWORD);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_its_types_by_name_alone),
		cmocka_unit_test(fills_in_defaults),
		cmocka_unit_test(names_every_bad_field_at_once),
		cmocka_unit_test(refuses_what_is_no_object),
		cmocka_unit_test(basicauth_wants_both_parts),
		cmocka_unit_test(refuses_control_characters),
		cmocka_unit_test(counts_characters_not_bytes),
		cmocka_unit_test(a_header_must_be_one),
		cmocka_unit_test(aes_keys_have_16_24_or_32_bytes),
		cmocka_unit_test(forms_have_what_a_page_needs),
		cmocka_unit_test(every_type_of_the_public_api_is_there),
		cmocka_unit_test(secrets_are_never_plain_text_fields),
	};

	return cmocka_run_group_tests_name("key_types", tests, NULL, NULL);
}
