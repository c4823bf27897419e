/* SPDX-License-Identifier: Apache-2.0 */
/* Behaviour of giving grants back: what is sent in which style, and what an answer means. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "oauth/revoke.h"

#include "oauth_type.h"

#define RULES(more) "{'revoke':{'url':'https://shop.example/v'," more "},'client_auth':'basic'}"
#define BODY_RULES "{'revoke':{'url':'https://shop.example/v','style':'form'}}"
#define BASIC "Basic aWQ6c2VjcmV0" /* id:secret */

static struct oauth_call
call_of(const struct app_connection *type, const struct secret *secret)
{
	return (struct oauth_call){ .type = type,
		.client_id = "id",
		.client_secret = secret,
		.token = "tok+1",
		.now_ms = 1 };
}

struct request_case {
	const char *rules;
	enum oauth_source source;
	const char *method, *url, *authorization, *body; /* NULL: none */
};
#define POST "POST", "https://shop.example/v"
static const struct request_case requests[] = {
	/* RFC 7009 section 2.1 */
	{ RULES("'style':'form'"), OAUTH_SOURCE_REFRESH, POST, BASIC,
	    "token=tok%2B1&token_type_hint=refresh_token" },
	{ RULES("'style':'form'"), OAUTH_SOURCE_ACCESS, POST, BASIC,
	    "token=tok%2B1&token_type_hint=access_token" },
	{ BODY_RULES, OAUTH_SOURCE_ACCESS, POST, NULL,
	    "token=tok%2B1&token_type_hint=access_token&client_id=id&client_secret=secret" },
	{ RULES("'style':'json'"), OAUTH_SOURCE_REFRESH, POST, BASIC,
	    "{\"token\":\"tok+1\",\"token_type_hint\":\"refresh_token\"}" },
	{ RULES("'style':'bearer'"), OAUTH_SOURCE_ACCESS, POST, "Bearer tok+1", "" },
	{ RULES("'style':'bearer','method':'DELETE'"), OAUTH_SOURCE_ACCESS, "DELETE",
	    "https://shop.example/v", "Bearer tok+1", NULL },
	{ "{'revoke':{'url':'https://shop.example/<<client_id>>/"
	  "grant','style':'basic_json','method':'DELETE'}}",
	    OAUTH_SOURCE_ACCESS, "DELETE", "https://shop.example/id/grant", BASIC,
	    "{\"access_token\":\"tok+1\"}" },
};

static void
each_style_gets_its_request(void **state)
{
	auto_secret struct secret secret = { 0 };
	(void)state;

	secret_set(&secret, "secret", 6);
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		const struct request_case *c = &requests[i];
		struct catalog *catalog = oauth_type_open(c->rules);
		struct oauth_call call = call_of(oauth_type_of(catalog), &secret);
		auto_http_request struct http_request request = HTTP_REQUEST_INIT;

		assert_int_equal(oauth_revoke_request(&call, c->source, &request, NULL), OK);
		assert_string_equal(request.method, c->method);
		assert_string_equal(request.url, c->url);
		const char *authorization = http_request_header(&request, "Authorization");
		assert_int_equal(authorization != NULL, c->authorization != NULL);
		if (authorization)
			assert_string_equal(authorization, c->authorization);
		assert_int_equal(request.body != NULL, c->body != NULL);
		if (c->body)
			assert_string_equal(request.body, c->body);
		assert_int_equal(http_request_header(&request, "Content-Type") != NULL,
		    c->body && *c->body);
		assert_false(request.follow_redirects);
		catalog_close(&catalog);
	}
}

static void
a_provider_without_a_way_is_not_asked(void **state)
{
	struct catalog *catalog = oauth_type_open(NULL);
	struct oauth_call call = call_of(oauth_type_of(catalog), NULL);
	auto_http_request struct http_request request = HTTP_REQUEST_INIT;
	(void)state;

	assert_false(oauth_can_revoke(oauth_type_of(catalog)));
	assert_false(oauth_revoke_ends_all(oauth_type_of(catalog)));
	assert_int_equal(oauth_revoke_request(&call, OAUTH_SOURCE_ACCESS, &request, NULL),
	    ERR_RULE);
	catalog_close(&catalog);
}

static void
which_token_is_sent_is_the_definitions(void **state)
{
	static const struct {
		const char *rules;
		enum oauth_source with_refresh, without;
		bool all;
	} cases[] = {
		{ RULES("'style':'form'"), OAUTH_SOURCE_REFRESH, OAUTH_SOURCE_ACCESS, false },
		{ RULES("'style':'form','token':'access_token','ends_all':true"),
		    OAUTH_SOURCE_ACCESS, OAUTH_SOURCE_ACCESS, true },
		{ RULES("'style':'form','token':'refresh_token'"), OAUTH_SOURCE_REFRESH,
		    OAUTH_SOURCE_ACCESS, false },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct catalog *catalog = oauth_type_open(cases[i].rules);
		const struct app_connection *type = oauth_type_of(catalog);

		assert_true(oauth_can_revoke(type));
		assert_int_equal(oauth_revoke_source(type, true), cases[i].with_refresh);
		assert_int_equal(oauth_revoke_source(type, false), cases[i].without);
		assert_int_equal(oauth_revoke_ends_all(type), cases[i].all);
		catalog_close(&catalog);
	}
}

struct answer_case {
	const char *rules;
	int status;
	const char *body;
	enum oauth_revoke_verdict verdict;
	const char *words;
};
#define FORM RULES("'style':'form'")
#define BEARER RULES("'style':'bearer'")
#define BASIC_JSON RULES("'style':'basic_json'")
static const struct answer_case answers[] = {
	{ FORM, 200, "", OAUTH_REVOKED, "" },
	{ FORM, 204, "", OAUTH_REVOKED, "" },
	{ FORM, 400, "{\"error\":\"invalid_token\"}", OAUTH_REVOKED, "" },
	{ FORM, 400, "{\"error\":\"unsupported_token_type\"}", OAUTH_NOT_SUPPORTED,
	    "the provider answered 400 (unsupported_token_type)" },
	{ FORM, 404, "", OAUTH_NOT_SUPPORTED, "the provider answered 404" },
	{ FORM, 401, "{\"error\":\"invalid_client\"}", OAUTH_REVOKE_FAILED,
	    "the provider answered 401 (invalid_client)" },
	{ FORM, 302, "", OAUTH_REVOKE_FAILED, "the provider answered 302" },
	{ FORM, 503, "", OAUTH_REVOKE_AWAY, "the provider answered 503" },
	{ FORM, 429, "", OAUTH_REVOKE_AWAY, "the provider answered 429" },
	{ FORM, 400, "{\"error\":\"x\",\"error_description\":\"tok+1 is odd\"}",
	    OAUTH_REVOKE_FAILED, "the provider answered 400 (x)" },
	{ BEARER, 401, "", OAUTH_REVOKED, "" },
	{ BEARER, 200, "{\"ok\":true,\"revoked\":true}", OAUTH_REVOKED, "" },
	{ BEARER, 200, "{\"ok\":false,\"error\":\"token_revoked\"}", OAUTH_REVOKED, "" },
	{ BEARER, 200, "{\"ok\":false,\"error\":\"fatal\"}", OAUTH_REVOKE_FAILED,
	    "the provider answered 200 (fatal)" },
	{ BASIC_JSON, 404, "{\"message\":\"Not Found\"}", OAUTH_REVOKED, "" },
	{ BASIC_JSON, 204, "", OAUTH_REVOKED, "" },
	{ "{'revoke':{'url':'https://shop.example/v','style':'bearer'},'error_path':['/error/"
	  "code'],"
	  "'dead_errors':['190']}",
	    400, "{\"error\":{\"code\":190}}", OAUTH_REVOKED, "" },
};

static void
answers_are_taken_for_what_they_mean(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		const struct answer_case *c = &answers[i];
		struct catalog *catalog = oauth_type_open(c->rules);
		struct oauth_call call = call_of(oauth_type_of(catalog), NULL);
		struct http_result result = { .status = c->status, .body = BUF_INIT(1000) };
		struct oauth_revocation revocation;

		buf_add_text(&result.body, c->body);
		oauth_revoke_read(&call, &result, &revocation);
		if (revocation.verdict != c->verdict || strcmp(revocation.words, c->words) != 0)
			fail_msg("%d %s: %d %s", c->status, c->body, (int)revocation.verdict,
			    revocation.words);
		buf_free(&result.body);
		catalog_close(&catalog);
	}
}

static void
no_answer_is_worth_another_try(void **state)
{
	struct catalog *catalog = oauth_type_open(FORM);
	struct oauth_call call = call_of(oauth_type_of(catalog), NULL);
	struct http_result result = { .err = ERR_TIMEOUT, .reason = "no complete answer in time" };
	struct oauth_revocation revocation;
	(void)state;

	oauth_revoke_read(&call, &result, &revocation);
	assert_int_equal(revocation.verdict, OAUTH_REVOKE_AWAY);
	assert_string_equal(revocation.words,
	    "the provider could not be asked: no complete answer in time");
	catalog_close(&catalog);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_style_gets_its_request),
		cmocka_unit_test(a_provider_without_a_way_is_not_asked),
		cmocka_unit_test(which_token_is_sent_is_the_definitions),
		cmocka_unit_test(answers_are_taken_for_what_they_mean),
		cmocka_unit_test(no_answer_is_worth_another_try),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
