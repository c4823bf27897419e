/* SPDX-License-Identifier: Apache-2.0 */
/* Connection types made of user credentials: what is taken, what another id means, and what of them
 * is told to the public pool. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "catalog/credential_type.h"
#include "oauth/authorize.h"

#define SECRET "canary-type-secret"

static json_t *
definition_with(const char *name, json_t *value)
{
	json_t *definition = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "oauth_grant_type",
	    "authorization_code", "oauth_url", "https://login.example/authorize?tenant=1",
	    "oauth_token_url", "https://login.example/token", "oauth_client_id", "client <<1>> %",
	    "oauth_client_secret", SECRET, "oauth_scope", "read  write read");

	if (name)
		json_object_set_new(definition, name, value);
	return definition;
}

static struct credential_type
must_make(const char *name, json_t *value)
{
	json_auto_t *definition = definition_with(name, value);
	struct credential_type type = { 0 };
	struct errctx ctx = { 0 };

	if (credential_type_make(definition, &type, &ctx))
		fail_msg("%s: %s", name ? name : "", err_text(&ctx));
	return type;
}

static void
an_id_stands_for_what_tokens_are_worth_something_for(void **state)
{
	static const struct {
		const char *name, *value;
		bool same;
	} cases[] = {
		{ "oauth_client_secret", "another", true },
		{ "oauthPkceCodeChallengeMethod", "plain", true },
		{ "oauth_token_endpoint_auth_method", "client_secret_basic", true },
		{ "oauth_scope", "read write", true },
		{ "oauth_scope", "write read", false },
		{ "oauth_scope", "read", false },
		{ "oauth_client_id", "client", false },
		{ "oauth_url", "https://login.example/authorize?tenant=2", false },
		{ "oauth_token_url", "https://login.example/token2", false },
		{ "oauth_token_url", "https://evil.example/token", false },
	};
	auto_credential_type struct credential_type plain = must_make(NULL, NULL);
	(void)state;

	assert_true(credential_type_is(plain.id));
	assert_int_equal(strlen(plain.id), CREDENTIAL_TYPE_SIZE - 1);
	assert_string_not_equal(plain.id, CREDENTIAL_TYPE_ITEM);
	assert_false(credential_type_is("google"));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		auto_credential_type struct credential_type type =
		    must_make(cases[i].name, json_string(cases[i].value));

		if ((strcmp(type.id, plain.id) == 0) != cases[i].same)
			fail_msg("%s %s", cases[i].name, cases[i].value);
	}
}

static void
texts_cannot_be_moved_from_one_field_to_the_next(void **state)
{
	auto_credential_type struct credential_type one =
	    must_make("oauth_client_id", json_string("ab"));
	json_auto_t *definition =
	    definition_with("oauth_token_url", json_string("https://login.example/tokena"));
	struct credential_type two = { 0 };
	(void)state;

	json_object_set_new(definition, "oauth_client_id", json_string("b"));
	assert_int_equal(credential_type_make(definition, &two, NULL), OK);
	assert_string_not_equal(one.id, two.id);
	credential_type_free(&two);
}

static void
names_the_field_that_is_wrong(void **state)
{
	static const struct {
		const char *name, *value, *path;
	} cases[] = {
		{ "oauth_url", "http://login.example/authorize", "oauth_url" },
		{ "oauth_url", "https://me@login.example/", "oauth_url" },
		{ "oauth_url", "https://login.example/#here", "oauth_url" },
		{ "oauth_url", "https://login.example/<<client_secret>>", "oauth_url" },
		{ "oauth_url", "https://<<host>>/", "oauth_url" },
		{ "oauth_url", "https://login.example/<<", "oauth_url" },
		{ "oauth_url", "javascript:alert(1)//", "oauth_url" },
		{ "oauth_url", "", "oauth_url" },
		{ "oauth_token_url", "http://login.example/token", "oauth_token_url" },
		{ "oauth_token_url", "https://login.example/<<code>>", "oauth_token_url" },
		{ "oauth_token_url", "https://", "oauth_token_url" },
		{ "oauthPkceCodeChallengeMethod", "off", "oauthPkceCodeChallengeMethod" },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_auto_t *definition =
		    definition_with(cases[i].name, json_string(cases[i].value));
		struct credential_type type = { 0 };
		struct errctx ctx = { 0 };

		if (strcmp(cases[i].value, "off") == 0) /* a client that proves nothing at all */
			json_object_del(definition, "oauth_client_secret"),
			    json_object_set_new(definition, cases[i].name, json_string("plain"));
		if (credential_type_make(definition, &type, &ctx) != ERR_FIELD)
			fail_msg("%s %s was taken", cases[i].name, cases[i].value);
		assert_string_equal(ctx.sub[0].path, cases[i].path);
	}
}

static void
what_is_shown_leads_to_the_provider_and_tells_no_more(void **state)
{
	auto_credential_type struct credential_type type =
	    must_make("oauthPkceCodeChallengeMethod", json_string("plain"));
	json_auto_t *shown = credential_type_shown(&type);
	char *text = json_dumps(shown, JSON_COMPACT);
	auto_credential_type struct credential_type back = { 0 };
	auto_oauth_start struct oauth_start start = { 0 };
	struct errctx ctx = { 0 };
	(void)state;

	assert_null(strstr(text, SECRET));
	assert_null(strstr(text, "/token"));
	assert_int_equal(credential_type_read(text, &back, &ctx), OK);
	free(text);
	assert_string_equal(back.id, type.id);
	assert_string_equal(back.connection->label, "login.example");
	assert_int_equal(oauth_authorize_start(
			     &(struct oauth_trip){
				 .type = back.connection,
				 .client_id = back.client_id,
				 .redirect_uri = "https://bailee.example/oauth/callback/x",
				 .scopes = back.scopes,
				 .state_prefix = "x",
			     },
			     &start, &ctx),
	    OK);
	assert_non_null(strstr(start.url, "https://login.example/authorize?tenant=1&"));
	assert_non_null(strstr(start.url, "client_id=client%20%3C%3C1%3E%3E%20%25"));
	assert_non_null(strstr(start.url, "scope=read%20write&"));
	assert_non_null(strstr(start.url, "code_challenge_method=plain"));
}

static void
what_is_damaged_is_not_read(void **state)
{
	static const char *const texts[] = { "", "null", "[]", "{", "{}", "{\"type\":\"x\"}",
		"{\"type\":\"user-credential:1\",\"authorize_url\":\"https://a.example/\","
		"\"client_id\":\"c\",\"scopes\":[],\"pkce\":\"off?\"}",
		"{\"type\":\"user-credential:1\",\"authorize_url\":\"http://a.example/\","
		"\"client_id\":\"c\",\"scopes\":[],\"pkce\":\"S256\"}",
		"{\"type\":\"user-credential:1\",\"authorize_url\":\"https://a.example/\","
		"\"client_id\":\"c\",\"scopes\":\"r\",\"pkce\":\"S256\"}",
		"{\"type\":\"user-credential:0000000000000000000000000000000000000000000\","
		"\"authorize_url\":\"https://a.example/\",\"client_id\":\"c\",\"scopes\":[],"
		"\"pkce\":\"S256\"}",
		"{\"type\":\"google\",\"authorize_url\":\"https://a.example/\","
		"\"client_id\":\"c\",\"scopes\":[],\"pkce\":\"S256\"}" };
	(void)state;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct credential_type type = { 0 };

		if (credential_type_read(texts[i], &type, NULL) != ERR_VALUE)
			fail_msg("%s was read", texts[i]);
		assert_null(type.app);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_id_stands_for_what_tokens_are_worth_something_for),
		cmocka_unit_test(texts_cannot_be_moved_from_one_field_to_the_next),
		cmocka_unit_test(names_the_field_that_is_wrong),
		cmocka_unit_test(what_is_shown_leads_to_the_provider_and_tells_no_more),
		cmocka_unit_test(what_is_damaged_is_not_read),
	};

	return cmocka_run_group_tests_name("credential_type", tests, NULL, NULL);
}
