/* SPDX-License-Identifier: Apache-2.0 */
/* Answers: headers that are always there, and errors in the shape of their surface. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "web/response.h"

static void
has(const struct response *response, const char *text)
{
	if (!strstr(buf_text(&response->head), text))
		fail_msg("no \"%s\" in:\n%s", text, buf_text(&response->head));
}

static void
json_answer_has_all_standard_headers(void **state)
{
	auto_response struct response response = RESPONSE_INIT;

	(void)state;
	assert_int_equal(response_json(&response, json_pack("{s:i}", "a", 1)), OK);
	assert_int_equal(response_header(&response, "X-Some", "thing"), OK);
	response_finish(&response, "id-1", false);
	assert_string_equal(buf_text(&response.text), "{\"a\":1}");
	assert_string_equal(buf_text(&response.head),
	    "Status: 200 OK\r\n"
	    "Content-Type: application/json; charset=utf-8\r\n"
	    "Content-Length: 7\r\n"
	    "X-Request-Id: id-1\r\n"
	    "Cache-Control: no-store\r\n"
	    "X-Content-Type-Options: nosniff\r\n"
	    "X-Some: thing\r\n"
	    "\r\n");
}

static void
empty_answer_has_no_body_headers(void **state)
{
	auto_response struct response response = RESPONSE_INIT;

	(void)state;
	assert_int_equal(response_json(&response, json_object()), OK); /* replaced */
	assert_int_equal(response_empty(&response), OK);
	response_finish(&response, "id", false);
	has(&response, "Status: 204 No Content\r\n");
	assert_null(strstr(buf_text(&response.head), "\nContent-Length"));
	assert_null(strstr(buf_text(&response.head), "\nContent-Type"));
	assert_int_equal(response.text.len, 0);
}

static void
head_keeps_the_length(void **state)
{
	auto_response struct response response = RESPONSE_INIT;

	(void)state;
	assert_int_equal(response_text(&response, "text/plain", "hello", 5), OK);
	response_finish(&response, "id", true);
	has(&response, "Content-Length: 5\r\n");
	has(&response, "Content-Type: text/plain\r\n");
	assert_true(response.no_body);
}

static void
refuses_headers_that_break_the_block(void **state)
{
	static const char *const bad[] = { "a\r\nSet-Cookie: x", "a\nb", "a\rb", "\x01", "\x7f",
		"\xff" };
	auto_response struct response response = RESPONSE_INIT;
	static char large[RESPONSE_HEADERS_MAX + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(response_header(&response, "X", bad[i]), ERR_VALUE);
	memset(large, 'a', sizeof(large) - 1);
	assert_int_equal(response_header(&response, "X", large), ERR_VALUE);
	assert_int_equal(response.headers.len, 0);
	assert_int_equal(response_redirect(&response, "https://x.example/\r\nA: b"), ERR_VALUE);
	assert_int_equal(response_header(&response, "X", "still fine"), OK);
}

static void
v2_error_names_the_field(void **state)
{
	auto_response struct response response = RESPONSE_INIT;
	struct errctx err = { 0 };

	(void)state;
	assert_int_equal(err_set(&err, ERR_FIELD, "credentials[2].appName", "is required"),
	    ERR_FIELD);
	response_error(&response, SURFACE_V2, &err);
	response_finish(&response, "id", false);
	has(&response, "Status: 400 Bad Request\r\n");
	assert_string_equal(buf_text(&response.text),
	    "{\"message\":\"Bad Request\",\"detail\":\"credentials[2].appName: is required\","
	    "\"code\":\"SC400\"}");
}

static void
v2_error_lists_suberrors_when_there_are_several(void **state)
{
	auto_response struct response response = RESPONSE_INIT;
	struct errctx err = { 0 };

	(void)state;
	(void)err_set(&err, ERR_FIELD, "a", "is required");
	(void)err_set(&err, ERR_FIELD, "b", "must be a text");
	response_error(&response, SURFACE_V2, &err);
	json_t *list = json_object_get(response.json, "suberrors");
	assert_int_equal(json_array_size(list), 2);
	assert_string_equal(json_get_text(json_array_get(list, 1), "message"), "b: must be a text");
}

static void
v1_error_always_has_both_members(void **state)
{
	auto_response struct response response = RESPONSE_INIT;
	struct errctx err = { .kind = ERR_NOT_FOUND };

	(void)state;
	response_error(&response, SURFACE_V1, &err);
	response_finish(&response, "id", false);
	has(&response, "Status: 404 Not Found\r\n");
	assert_string_equal(buf_text(&response.text),
	    "{\"error\":\"Not Found\",\"errors\":[{\"message\":\"Not "
	    "Found\",\"details\":\"Not Found\"}]}");
	(void)err_set(&err, ERR_FIELD, "name", "is required");
	response_error(&response, SURFACE_V1, &err);
	assert_int_equal(response.status, 422);
	assert_string_equal(json_get_text(response.json, "error"), "name: is required");
}

static void
inner_errors_show_no_words_of_their_own(void **state)
{
	static const enum err inner[] = { ERR_INTERNAL, ERR_INTEGRITY, ERR_IO, ERR_CONFIG,
		ERR_USAGE, ERR_STALE, ERR_TIMEOUT };

	(void)state;
	for (size_t i = 0; i < sizeof(inner) / sizeof(inner[0]); i++) {
		auto_response struct response response = RESPONSE_INIT;
		struct errctx err = { 0 };

		(void)err_set(&err, inner[i], "path", "SELECT canary");
		response_error(&response, i % 2 ? SURFACE_V1 : SURFACE_V2, &err);
		response_finish(&response, "id", false);
		assert_null(strstr(buf_text(&response.text), "canary"));
	}
}

static void
adds_the_headers_an_error_needs(void **state)
{
	auto_response struct response response = RESPONSE_INIT;
	struct errctx err = { .kind = ERR_UNAVAILABLE };

	(void)state;
	response_error(&response, SURFACE_V2, &err);
	assert_string_equal(buf_text(&response.headers), "Retry-After: 5\r\n");
	err = (struct errctx){ .kind = ERR_RATE, .retry_after_s = 17 };
	response_error(&response, SURFACE_V1, &err);
	assert_string_equal(buf_text(&response.headers), "Retry-After: 17\r\n");
	err = (struct errctx){ .kind = ERR_UNAUTHENTICATED };
	response_error(&response, SURFACE_V2, &err);
	assert_string_equal(buf_text(&response.headers),
	    "WWW-Authenticate: Bearer realm=\"bailee\"\r\n");
	response_method_error(&response, SURFACE_PUBLIC, "GET, HEAD");
	assert_string_equal(buf_text(&response.headers), "Allow: GET, HEAD\r\n");
	assert_int_equal(response.status, 405);
}

static void
an_answer_that_was_never_given_is_an_error(void **state)
{
	auto_response struct response response = RESPONSE_INIT;

	(void)state;
	response_finish(&response, "id", false);
	has(&response, "Status: 500 ");
	assert_non_null(strstr(buf_text(&response.text), "SC500"));
}

static void
an_answer_over_the_cap_is_an_error_in_the_shape_of_its_surface(void **state)
{
	auto_response struct response response = RESPONSE_INIT;

	(void)state;
	response.text.cap = 300;
	response.surface = SURFACE_V1;
	json_t *list = json_array();
	for (int i = 0; i < 200; i++)
		json_array_append_new(list, json_integer(i));
	assert_int_equal(response_json(&response, list), OK);
	response_finish(&response, "id", false);
	has(&response, "Status: 422 ");
	assert_non_null(
	    strstr(buf_text(&response.text), "{\"error\":\"the answer would be larger"));
}

static void
a_cookie_takes_no_bytes_that_would_make_it_another(void **state)
{
	static const char *const bad[] = { "", "a b", "a;b", "a=b", "a\r\nX: y", "a\"",
		"\303\251" };
	auto_response struct response response = RESPONSE_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(response_cookie(&response, bad[i], "v", 1, true), ERR_VALUE);
		assert_int_equal(response_cookie(&response, "n", bad[i], 1, true), ERR_VALUE);
	}
	assert_int_equal(response_cookie(&response, "n", "v", -1, true), ERR_VALUE);
	assert_int_equal(response.headers.len, 0);
	assert_int_equal(response_cookie(&response, "n", "v", 7, true), OK);
	assert_string_equal(buf_text(&response.headers),
	    "Set-Cookie: n=v; Path=/; Max-Age=7; HttpOnly; SameSite=Lax; Secure\r\n");
	response_error(&response, SURFACE_PUBLIC, &(struct errctx){ .kind = ERR_VALUE });
	assert_int_equal(response.headers.len, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_answer_has_all_standard_headers),
		cmocka_unit_test(empty_answer_has_no_body_headers),
		cmocka_unit_test(head_keeps_the_length),
		cmocka_unit_test(refuses_headers_that_break_the_block),
		cmocka_unit_test(v2_error_names_the_field),
		cmocka_unit_test(v2_error_lists_suberrors_when_there_are_several),
		cmocka_unit_test(v1_error_always_has_both_members),
		cmocka_unit_test(inner_errors_show_no_words_of_their_own),
		cmocka_unit_test(adds_the_headers_an_error_needs),
		cmocka_unit_test(an_answer_that_was_never_given_is_an_error),
		cmocka_unit_test(an_answer_over_the_cap_is_an_error_in_the_shape_of_its_surface),
		cmocka_unit_test(a_cookie_takes_no_bytes_that_would_make_it_another),
	};

	return cmocka_run_group_tests_name("response", tests, NULL, NULL);
}
