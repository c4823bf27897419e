/* SPDX-License-Identifier: Apache-2.0 */
/* One request is read once and strictly: paths, headers, bodies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "web/request.h"

#define MORE_MAX 300

/* Opens a request with method, uri and up to MORE_MAX further parameters. */
static enum err
open_with(struct request *request, const char *method, const char *uri,
    const struct request_param *more, size_t n_more, const char *body)
{
	static struct request_param params[MORE_MAX + 2];
	struct errctx ctx = { 0 };
	const struct request_source source = {
		.params = params,
		.n_params = n_more + 2,
		.body = body,
		.body_len = body ? strlen(body) : 0,
	};

	params[0] = (struct request_param){ "REQUEST_METHOD", method };
	params[1] = (struct request_param){ "REQUEST_URI", uri };
	for (size_t i = 0; i < n_more; i++)
		params[i + 2] = more[i];
	return request_open(request, &source, &ctx);
}

static enum err
path_result(const char *uri)
{
	struct request request;
	enum err err = open_with(&request, "GET", uri, NULL, 0, NULL);

	request_close(&request);
	return err;
}

static void
decodes_path_and_query(void **state)
{
	struct request request;

	(void)state;
	assert_int_equal(open_with(&request, "GET",
			     "/api/v2/apps/app%23na%C3%AFve+x?cols%5B%5D=a+b&x=%2f", NULL, 0, NULL),
	    OK);
	assert_string_equal(request.path, "/api/v2/apps/app#na\xc3\xafve+x");
	assert_int_equal(request.query.n, 2);
	assert_string_equal(request.query.list[0].name, "cols[]");
	assert_string_equal(request.query.list[0].value, "a b");
	assert_string_equal(request.query.list[1].value, "/");
	assert_int_equal(strlen(request.id), 36);
	request_close(&request);
}

static void
refuses_paths_with_a_second_meaning(void **state)
{
	static const char *const bad[] = { "", "x", "*", "http://evil/x", "//", "/a//b", "/a/",
		"/./a", "/a/.", "/a/..", "/../a", "/a/%2e%2e/b", "/a/%2E", "/a%2fb", "/a%2Fb",
		"/a%5cb", "/a\\b", "/a%00b", "/a%0ab", "/a%7f", "/a%c2%85", "/a%", "/a%4", "/a%zz",
		"/a%c3", "/a%c0%af", "/a%ed%a0%80", "/a\x01" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (path_result(bad[i]) != ERR_MALFORMED)
			fail_msg("accepted \"%s\"", bad[i]);
	}
	assert_int_equal(path_result("/"), OK);
	assert_int_equal(path_result("/a/...b/.c"), OK);
	assert_int_equal(path_result("/a%252fb"), OK); /* decoded once, and only once */
}

static void
refuses_missing_and_long_urls(void **state)
{
	static char uri[REQUEST_URI_MAX + 2] = "/";
	struct request request;

	(void)state;
	assert_int_equal(open_with(&request, "GET", NULL, NULL, 0, NULL), ERR_MALFORMED);
	request_close(&request);
	memset(uri + 1, 'a', REQUEST_PATH_MAX - 2);
	assert_int_equal(path_result(uri), OK);
	uri[REQUEST_PATH_MAX - 1] = 'a';
	assert_int_equal(path_result(uri), ERR_NOT_FOUND); /* nothing has so long a name */
	memset(uri, 'a', sizeof(uri) - 1);
	memcpy(uri, "/p?", 3);
	assert_int_equal(path_result(uri), ERR_MALFORMED);
}

static void
keeps_path_of_refused_request_for_the_error_shape(void **state)
{
	const struct request_param bad[] = { { "HTTP_PREFER", "a" }, { "HTTP_PREFER", "b" } };
	struct request request;

	(void)state;
	assert_int_equal(open_with(&request, "GET", "/api/v1/x", bad, 2, NULL), ERR_MALFORMED);
	assert_string_equal(request.path, "/api/v1/x");
	request_close(&request);
	assert_int_equal(open_with(&request, "HEAD", "/api/v1/x%2f", NULL, 0, NULL), ERR_MALFORMED);
	assert_memory_equal(request.path, "/api/v1/x", 9);
	assert_true(request.head);
	request_close(&request);
}

static void
refuses_a_header_given_twice(void **state)
{
	const struct request_param twice[] = { { "HTTP_IDEMPOTENCY_KEY", "a" }, { "HTTP_X", "1" },
		{ "HTTP_IDEMPOTENCY_KEY", "a" } };
	const struct request_param unknown[] = { { "HTTP_ANY", "a" }, { "HTTP_ANY", "b" } };
	const struct request_param uri[] = { { "REQUEST_URI", "/other" } };
	struct request request;

	(void)state;
	assert_int_equal(open_with(&request, "GET", "/a", twice, 3, NULL), ERR_MALFORMED);
	request_close(&request);
	assert_int_equal(open_with(&request, "GET", "/a", unknown, 2, NULL), ERR_MALFORMED);
	request_close(&request);
	assert_int_equal(open_with(&request, "GET", "/a", uri, 1, NULL), ERR_MALFORMED);
	request_close(&request);
}

static void
refuses_too_many_headers(void **state)
{
	static char names[MORE_MAX][8];
	static struct request_param many[MORE_MAX];
	struct request request;

	(void)state;
	for (size_t i = 0; i < MORE_MAX; i++) {
		snprintf(names[i], sizeof(names[i]), "H%zu", i);
		many[i] = (struct request_param){ names[i], "x" };
	}
	assert_int_equal(open_with(&request, "GET", "/a", many, REQUEST_PARAMS_MAX - 2, NULL), OK);
	request_close(&request);
	assert_int_equal(open_with(&request, "GET", "/a", many, REQUEST_PARAMS_MAX - 1, NULL),
	    ERR_MALFORMED);
	request_close(&request);
}

static void
reads_headers_and_refuses_dirty_ones(void **state)
{
	const struct request_param good[] = { { "HTTP_AUTHORIZATION", "Bearer x" },
		{ "HTTP_USER_AGENT", "caf\xc3\xa9" }, { "HTTP_X_USER_TOKEN", "" },
		{ "REMOTE_ADDR", "192.0.2.7" } };
	const struct request_param bad = { "HTTP_AUTHORIZATION", "Bearer\x01x" };
	struct request request;

	(void)state;
	assert_int_equal(open_with(&request, "GET", "/a", good, 4, NULL), OK);
	assert_string_equal(request.authorization, "Bearer x");
	assert_null(request.user_agent);
	assert_null(request.x_user_token);
	assert_string_equal(request.remote_addr, "192.0.2.7");
	request_close(&request);
	assert_int_equal(open_with(&request, "GET", "/a", &bad, 1, NULL), ERR_MALFORMED);
	request_close(&request);
}

static void
takes_request_id_only_when_well_formed(void **state)
{
	const struct request_param good = { "BAILEE_REQUEST_ID",
		"0123456789abcdef0123456789abcdef" };
	const struct request_param bad[] = { { "BAILEE_REQUEST_ID", "short" },
		{ "BAILEE_REQUEST_ID", "0123456789\r\nX: y" },
		{ "BAILEE_REQUEST_ID", "0123456789012345678901234567890123456789" } };
	struct request request;

	(void)state;
	assert_int_equal(open_with(&request, "GET", "/a", &good, 1, NULL), OK);
	assert_string_equal(request.id, good.value);
	request_close(&request);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(open_with(&request, "GET", "/a", &bad[i], 1, NULL), OK);
		assert_string_not_equal(request.id, bad[i].value);
		assert_int_equal(strlen(request.id), 36);
		request_close(&request);
	}
}

static void
head_is_get_without_body(void **state)
{
	struct request request;

	(void)state;
	assert_int_equal(open_with(&request, "HEAD", "/a", NULL, 0, NULL), OK);
	assert_int_equal(request.method, METHOD_GET);
	assert_true(request.head);
	request_close(&request);
	assert_int_equal(open_with(&request, "get", "/a", NULL, 0, NULL), OK);
	assert_int_equal(request.method, METHOD_NONE);
	request_close(&request);
}

static enum err
body_result(const char *type, const char *body, bool optional, json_t **object_out)
{
	const struct request_param content = { "CONTENT_TYPE", type };
	struct request request;
	struct errctx ctx = { 0 };
	json_t *object = NULL;

	assert_int_equal(open_with(&request, "POST", "/a", &content, type ? 1 : 0, body), OK);
	request.body_optional = optional;
	enum err err = request_json(&request, &object, &ctx);
	if (object_out)
		*object_out = json_incref(object);
	request_close(&request);
	return err;
}

static void
takes_json_bodies_only(void **state)
{
	static const char *const good[] = { "application/json", "Application/JSON",
		"application/json; charset=utf-8", "application/json;charset=\"UTF-8\"",
		"application/json ;" };
	static const char *const bad[] = { NULL, "text/plain", "application/jsonx",
		"application/json; charset=latin1", "application/json; charset=utf-8x",
		"application/json; charset=\"utf-8", "application/x-www-form-urlencoded",
		"application/json; x=y" };

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_int_equal(body_result(good[i], "{}", false, NULL), OK);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (body_result(bad[i], "{}", false, NULL) != ERR_MEDIA_TYPE)
			fail_msg("accepted %s", bad[i]);
	}
}

static void
refuses_bad_json(void **state)
{
	static const char *const bad[] = { "{", "[]", "1", "{\"a\":1,\"a\":2}", "{\"a\":\"\xff\"}",
		"{\"a\":\"\\u0000\"}", "{} {}", "\xef\xbb\xbf{}" };
	char deep[200] = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (body_result("application/json", bad[i], false, NULL) != ERR_MALFORMED)
			fail_msg("accepted %s", bad[i]);
	}
	memset(deep, '[', 100);
	assert_int_equal(body_result("application/json", deep, false, NULL), ERR_MALFORMED);
}

static void
empty_body_is_fine_only_where_the_route_says_so(void **state)
{
	json_t *object = NULL;

	(void)state;
	assert_int_equal(body_result(NULL, "", true, &object), OK);
	assert_null(object);
	assert_int_equal(body_result(NULL, NULL, false, NULL), ERR_MALFORMED);
	assert_int_equal(body_result("application/json", "{\"a\":1}", true, &object), OK);
	assert_int_equal(json_get_int(object, "a", 0), 1);
	json_decref(object);
}

static void
body_trouble_of_the_source_is_told(void **state)
{
	const struct request_param params[] = { { "REQUEST_METHOD", "POST" },
		{ "REQUEST_URI", "/api/v2/x" } };
	struct request_source source = { params, 2, "x", 1, ERR_TOO_LARGE };
	struct errctx ctx = { 0 };
	struct request request;

	(void)state;
	assert_int_equal(request_open(&request, &source, &ctx), ERR_TOO_LARGE);
	assert_int_equal(request.body_len, 0);
	request_close(&request);
	source.body_state = ERR_MALFORMED;
	assert_int_equal(request_open(&request, &source, &ctx), ERR_MALFORMED);
	request_close(&request);
}

static int64_t
wait_for(const char *prefer)
{
	const struct request request = { .prefer = prefer };

	return request_wait_ms(&request, 10000);
}

static void
prefer_lowers_the_wait(void **state)
{
	(void)state;
	assert_int_equal(wait_for(NULL), 10000);
	assert_int_equal(wait_for("wait=3"), 3000);
	assert_int_equal(wait_for("wait=0"), 0);
	assert_int_equal(wait_for("wait=99"), 10000);
	assert_int_equal(wait_for("wait=99999999999999999999"), 10000);
	assert_int_equal(wait_for("wait=-1"), 10000);
	assert_int_equal(wait_for("respond-async"), 0);
	assert_int_equal(wait_for("foo=bar, Respond-Async , wait=5"), 0);
	assert_int_equal(wait_for("respond-asyncx, wait=5"), 5000);
	assert_int_equal(wait_for("return=minimal; a, WAIT=2"), 2000);
}

static void
finds_cookies_and_refuses_doubled_ones(void **state)
{
	struct request request = { .cookie = "a=1; __Host-x=abc; aa=2" };
	char out[8];

	(void)state;
	assert_true(request_cookie(&request, "__Host-x", out, sizeof(out)));
	assert_string_equal(out, "abc");
	assert_true(request_cookie(&request, "aa", out, sizeof(out)));
	assert_false(request_cookie(&request, "x", out, sizeof(out)));
	assert_false(request_cookie(&request, "__Host-x", out, 3));
	request.cookie = "a=1; a=2";
	assert_false(request_cookie(&request, "a", out, sizeof(out)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decodes_path_and_query),
		cmocka_unit_test(refuses_paths_with_a_second_meaning),
		cmocka_unit_test(refuses_missing_and_long_urls),
		cmocka_unit_test(keeps_path_of_refused_request_for_the_error_shape),
		cmocka_unit_test(refuses_a_header_given_twice),
		cmocka_unit_test(refuses_too_many_headers),
		cmocka_unit_test(reads_headers_and_refuses_dirty_ones),
		cmocka_unit_test(takes_request_id_only_when_well_formed),
		cmocka_unit_test(head_is_get_without_body),
		cmocka_unit_test(takes_json_bodies_only),
		cmocka_unit_test(refuses_bad_json),
		cmocka_unit_test(empty_body_is_fine_only_where_the_route_says_so),
		cmocka_unit_test(body_trouble_of_the_source_is_told),
		cmocka_unit_test(prefer_lowers_the_wait),
		cmocka_unit_test(finds_cookies_and_refuses_doubled_ones),
	};

	return cmocka_run_group_tests_name("request", tests, NULL, NULL);
}
