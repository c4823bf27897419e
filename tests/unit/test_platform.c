/* SPDX-License-Identifier: Apache-2.0 */
/* Behaviour of calls to a platform: what is sent, and what an answer is taken for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/json.h"
#include "platform/platform.h"
#include "platform/test_call.h"

static struct platform platform;

static int
set_up(void **state)
{
	(void)state;
	platform.kind = PLATFORM_MAKE;
	platform.base_url = xstrdup("https://eu1.make.com/api/v2");
	platform.remote_team_id = 31;
	secret_set(&platform.token, "tok-en-1", 8);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	platform_free(&platform);
	return 0;
}

static void
every_step_goes_to_its_place(void **state)
{
	static const struct {
		enum platform_step step;
		const char *method, *url;
		bool creates;
	} cases[] = {
		{ PLATFORM_CREATE_KEY, "POST", "https://eu1.make.com/api/v2/keys", true },
		{ PLATFORM_DELETE_KEY, "DELETE",
		    "https://eu1.make.com/api/v2/keys/7?confirmed=true", false },
		{ PLATFORM_CREATE_CONNECTION, "POST",
		    "https://eu1.make.com/api/v2/connections?teamId=31", true },
		{ PLATFORM_CHANGE_CONNECTION, "POST",
		    "https://eu1.make.com/api/v2/connections/7/set-data", false },
		{ PLATFORM_TEST_CONNECTION, "POST",
		    "https://eu1.make.com/api/v2/connections/7/test", false },
		{ PLATFORM_DELETE_CONNECTION, "DELETE",
		    "https://eu1.make.com/api/v2/connections/7?confirmed=true", false },
	};
	(void)state;

	assert_int_equal(sizeof(cases) / sizeof(cases[0]), PLATFORM_STEP_COUNT);
	for (size_t i = 0; i < PLATFORM_STEP_COUNT; i++) {
		json_auto_t *body = cases[i].creates ? json_object() : NULL;
		const struct platform_order order = { cases[i].step, 7, body, 99 };
		auto_http_request struct http_request request = HTTP_REQUEST_INIT;

		platform_request(&platform, &order, &request);
		assert_string_equal(request.method, cases[i].method);
		assert_string_equal(request.url, cases[i].url);
		assert_false(request.follow_redirects);
		assert_true(request.verify_tls);
		assert_string_equal(http_request_header(&request, "Authorization"),
		    "Token tok-en-1");
		const char *key = http_request_header(&request, "Idempotency-Key");
		if (cases[i].creates)
			assert_string_equal(key, "bailee-99");
		else
			assert_null(key);
	}
}

struct answer_case {
	enum platform_step step;
	int status;
	const char *body;
	enum platform_verdict verdict;
	const char *words;
};
static const struct answer_case answers[] = {
	{ PLATFORM_DELETE_KEY, 200, "{\"key\":7}", PLATFORM_DONE, "" },
	{ PLATFORM_DELETE_KEY, 204, "", PLATFORM_DONE, "" },
	{ PLATFORM_DELETE_KEY, 404, "{\"message\":\"Not Found\"}", PLATFORM_DONE, "" },
	{ PLATFORM_DELETE_CONNECTION, 404, "", PLATFORM_DONE, "" },
	{ PLATFORM_CHANGE_CONNECTION, 404, "", PLATFORM_GONE, "the platform answered 404" },
	{ PLATFORM_CHANGE_CONNECTION, 400, "{\"detail\":\"no\"}", PLATFORM_REFUSED,
	    "the platform answered 400: no" },
	{ PLATFORM_TEST_CONNECTION, 200, "{\"verified\":true}", PLATFORM_DONE, "" },
	{ PLATFORM_TEST_CONNECTION, 200, "{\"verified\":false}", PLATFORM_BROKEN,
	    "the platform says that the connection does not work" },
	{ PLATFORM_TEST_CONNECTION, 200, "{\"verified\":1}", PLATFORM_AGAIN,
	    "the platform's answer does not say whether it works" },
	{ PLATFORM_TEST_CONNECTION, 202, "{\"job\":{}}", PLATFORM_AGAIN,
	    "the platform's answer does not say whether it works" },
	{ PLATFORM_TEST_CONNECTION, 404, "", PLATFORM_BROKEN, "the platform answered 404" },
	{ PLATFORM_TEST_CONNECTION, 400, "{\"detail\":\"no\"}", PLATFORM_BROKEN,
	    "the platform answered 400: no" },
	{ PLATFORM_TEST_CONNECTION, 422, "{}", PLATFORM_BROKEN, "the platform answered 422" },
	{ PLATFORM_TEST_CONNECTION, 401, "{}", PLATFORM_REFUSED, "the platform answered 401" },
	{ PLATFORM_TEST_CONNECTION, 403, "{}", PLATFORM_REFUSED, "the platform answered 403" },
	{ PLATFORM_TEST_CONNECTION, 405, "{}", PLATFORM_REFUSED, "the platform answered 405" },
	{ PLATFORM_TEST_CONNECTION, 424, "{}", PLATFORM_AGAIN, "the platform answered 424" },
	{ PLATFORM_CREATE_KEY, 404, "", PLATFORM_REFUSED, "the platform answered 404" },
	{ PLATFORM_CREATE_KEY, 200, "{\"key\":{\"id\":12}}", PLATFORM_DONE, "" },
	{ PLATFORM_CREATE_CONNECTION, 200, "{\"connection\":{\"id\":12}}", PLATFORM_DONE, "" },
	{ PLATFORM_CREATE_KEY, 200, "{\"key\":{\"id\":0}}", PLATFORM_REFUSED,
	    "the platform's answer does not say what it has made" },
	{ PLATFORM_CREATE_KEY, 200, "{\"key\":{\"id\":4294967296}}", PLATFORM_REFUSED,
	    "the platform's answer does not say what it has made" },
	{ PLATFORM_CREATE_KEY, 200, "<html>", PLATFORM_REFUSED,
	    "the platform's answer does not say what it has made" },
	{ PLATFORM_DELETE_KEY, 429, "{}", PLATFORM_AGAIN, "the platform answered 429" },
	{ PLATFORM_DELETE_KEY, 408, "{}", PLATFORM_AGAIN, "the platform answered 408" },
	{ PLATFORM_DELETE_KEY, 503, "{\"message\":\"later\"}", PLATFORM_AGAIN,
	    "the platform answered 503: later" },
	{ PLATFORM_DELETE_KEY, 401, "{\"message\":\"m\",\"detail\":\"d\"}", PLATFORM_REFUSED,
	    "the platform answered 401: d" },
	{ PLATFORM_DELETE_KEY, 400, "{\"detail\":\"a\\nb\\u007fc\"}", PLATFORM_REFUSED,
	    "the platform answered 400: a b c" },
	{ PLATFORM_DELETE_KEY, 301, "{}", PLATFORM_REFUSED, "the platform answered 301" },
	{ PLATFORM_DELETE_KEY, 400, "{\"detail\":\"your tok-en-1 is old\"}", PLATFORM_REFUSED,
	    "the platform answered 400" },
	{ PLATFORM_CREATE_KEY, 400, "{\"detail\":\"not a key: pass-word\"}", PLATFORM_REFUSED,
	    "the platform answered 400" },
	{ PLATFORM_CREATE_KEY, 400, "{\"detail\":\"-----BEGIN KEY----- MIIEvQIBAD...\"}",
	    PLATFORM_REFUSED, "the platform answered 400" },
	{ PLATFORM_CREATE_KEY, 400, "{\"detail\":\"no type apikeyauth\"}", PLATFORM_REFUSED,
	    "the platform answered 400: no type apikeyauth" },
	/* words that became the secret when they were put on one line */
	{ PLATFORM_CREATE_KEY, 400, "{\"detail\":\"not a key: two\\twords\"}", PLATFORM_REFUSED,
	    "the platform answered 400" },
};

static void
answers_are_taken_for_what_they_mean_and_never_tell_a_secret(void **state)
{
	json_auto_t *parameters = json_pack("{s:{s:[s]}, s:s, s:s}", "deep", "er", "pass-word",
	    "pem", "-----BEGIN KEY-----\nMIIEvQIBADANBg", "phrase", "two words");
	json_auto_t *body = platform_key_body(&platform, "name", "apikeyauth", parameters);
	(void)state;

	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		const struct answer_case *c = &answers[i];
		bool makes =
		    c->step == PLATFORM_CREATE_KEY || c->step == PLATFORM_CREATE_CONNECTION;
		const struct platform_order order = { c->step, 7, makes ? body : NULL, 99 };
		struct http_result result = { .status = c->status, .body = BUF_INIT(1000) };
		struct platform_answer answer;

		buf_add_text(&result.body, c->body);
		platform_read(&platform, &order, &result, &answer);
		assert_string_equal(answer.words, c->words);
		assert_int_equal(answer.verdict, c->verdict);
		assert_int_equal(answer.remote_id, makes && c->verdict == PLATFORM_DONE ? 12 : 0);
		buf_free(&result.body);
	}
}

static void
no_answer_is_worth_another_try(void **state)
{
	const struct platform_order order = { PLATFORM_DELETE_KEY, 7, NULL, 99 };
	struct http_result result = { .err = ERR_TIMEOUT, .reason = "no complete answer in time" };
	struct platform_answer answer;
	(void)state;

	platform_read(&platform, &order, &result, &answer);
	assert_int_equal(answer.verdict, PLATFORM_AGAIN);
	assert_string_equal(answer.words,
	    "the platform cannot be reached: no complete answer in time");
}

static void
words_of_a_provider_that_tell_what_was_sent_are_left_out(void **state)
{
	json_auto_t *definition = json_pack("{s:{s:[i]}, s:[{s:s, s:s}]}", "test", "expect", 200,
	    "inject", "where", "basic", "template", "me:<<password>>");
	json_auto_t *values = json_pack("{s:s, s:b}", "password", "two words", "live", 1);
	const struct app_connection type = { .type = "t", .definition = definition };
	static const struct {
		const char *body, *reason;
	} cases[] = {
		{ "{\"message\":\"a\\tb\"}", "the provider answered 401: a b" },
		{ "{\"message\":\"no: two words\"}", "the provider answered 401" },
		{ "{\"message\":\"no: two\\twords\"}", "the provider answered 401" },
		{ "{\"message\":\"no: two\\nwords\",\"title\":\"no\"}",
		    "the provider answered 401: no" },
		{ "{\"message\":\"bad query: p=two%20words&x\"}", "the provider answered 401" },
		{ "{\"message\":\"bad header: Basic bWU6dHdvIHdvcmRz\"}",
		    "the provider answered 401" },
		{ "{\"message\":\"not true\"}", "the provider answered 401: not true" },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct http_result result = { .status = 401, .body = BUF_INIT(1000) };
		struct test_result tested;

		buf_add_text(&result.body, cases[i].body);
		test_call_judge(&type, values, &result, &tested);
		assert_int_equal(tested.verdict, TEST_BAD);
		assert_string_equal(tested.reason, cases[i].reason);
		test_result_free(&tested);
		buf_free(&result.body);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_step_goes_to_its_place),
		cmocka_unit_test(answers_are_taken_for_what_they_mean_and_never_tell_a_secret),
		cmocka_unit_test(words_of_a_provider_that_tell_what_was_sent_are_left_out),
		cmocka_unit_test(no_answer_is_worth_another_try),
	};

	return cmocka_run_group_tests_name("platform", tests, set_up, tear_down);
}
