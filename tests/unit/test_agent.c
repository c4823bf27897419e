/* SPDX-License-Identifier: Apache-2.0 */
/* Request options: what is refused when they are stored, and the request that comes out of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/options.h"
#include "agent/request_build.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/json.h"
#include "formula/template.h"

static json_t *
parsed(const char *text)
{
	json_t *value = NULL;
	struct errctx ctx = { 0 };

	if (json_parse(text, strlen(text), &value, &ctx) != OK)
		fail_msg("%s: %s", text, err_text(&ctx));
	return value;
}

struct row {
	const char *options;
	const char *path; /* of the first error; NULL: accepted */
	const char *text;
};

static const struct row option_rows[] = {
	{ "{\"url\": \"http://example.com\"}", NULL, NULL },
	{ "{\"url\": \"HTTPS://example.com:8443/a?b#c\", \"method\": \"PuT\"}", NULL, NULL },
	{ "{\"url\": \"<<secret>>/x\"}", NULL, NULL },
	{ "{\"url\": \"\\\\<<secret>>/x\"}", NULL, NULL },
	{ "{\"url\": \"=secret\"}", NULL, NULL },
	{ "{\"url\": \"\\\\=secret\"}", NULL, NULL },
	{ "{\"url\": \"https://<<INFO.host>>/x y\"}", NULL, NULL },
	{ "{\"url\": \"ftp://<<secret>>\"}", "o.url", "must begin with http" },
	{ "{\"url\": \"file:///etc/passwd\"}", "o.url", "must begin with http" },
	{ "{\"url\": \"//x\"}", "o.url", "must begin with http" },
	{ "{\"url\": \"http:///x\"}", "o.url", "no host" },
	{ "{\"url\": \"http://u:p@example.com\"}", "o.url", "basic_auth" },
	{ "{\"url\": \"http://good.com\\\\@evil.com\"}", "o.url", "character no host has" },
	{ "{\"url\": \"http://ex\u00e4mple.com\"}", "o.url", "ASCII" },
	{ "{\"url\": \"http://a b/\"}", "o.url", "character no host has" },
	{ "{\"url\": \"http://example.com/\\r\\nX: y\"}", "o.url", "control" },
	{ "{\"url\": 5}", "o.url", "text" },
	{ "{\"url\": \"\"}", "o.url", "empty" },
	{ "{\"url\": null}", "o.url", "required" },
	{ "{}", "o.url", "required" },
	{ "[]", "o", "must be an object" },
	{ "{\"url\": \"http://x\", \"uri\": 1}", "o.uri", "no such option" },
	{ "{\"url\": \"http://x\", \"method\": \"trace\"}", "o.method", "must be get" },
	{ "{\"url\": \"http://x\", \"method\": 1}", "o.method", "must be get" },
	{ "{\"url\": \"http://x\", \"method\": \"=IF(TRUE, 'get')\"}", NULL, NULL },
	{ "{\"url\": \"http://x\", \"content_type\": \"jsn\"}", "o.content_type", "MIME" },
	{ "{\"url\": \"http://x\", \"content_type\": \"a/b\\r\\nX: y\"}", "o.content_type",
	    "MIME" },
	{ "{\"url\": \"http://x\", \"content_type\": \"text/plain; charset=utf-8\"}", NULL, NULL },
	{ "{\"url\": \"http://x\", \"timeout\": 0}", "o.timeout", "1 to 120" },
	{ "{\"url\": \"http://x\", \"timeout\": 121}", "o.timeout", "1 to 120" },
	{ "{\"url\": \"http://x\", \"timeout\": 1.5}", "o.timeout", "1 to 120" },
	{ "{\"url\": \"http://x\", \"timeout\": \"12x\"}", "o.timeout", "1 to 120" },
	{ "{\"url\": \"http://x\", \"timeout\": 99999999999}", "o.timeout", "1 to 120" },
	{ "{\"url\": \"http://x\", \"timeout\": \"120\", \"retries\": 25}", NULL, NULL },
	{ "{\"url\": \"http://x\", \"retries\": 26}", "o.retries", "0 to 25" },
	{ "{\"url\": \"http://x\", \"retries\": -1}", "o.retries", "0 to 25" },
	{ "{\"url\": \"http://x\", \"disable_url_encoding\": \"yes\"}", "o.disable_url_encoding",
	    "true or false" },
	{ "{\"url\": \"http://x\", \"disable_ssl_verification\": \"true\"}", NULL, NULL },
	{ "{\"url\": \"http://x\", \"retry_on_status\": [0, 429, \"503\", \"500-599\"]}", NULL,
	    NULL },
	{ "{\"url\": \"http://x\", \"retry_on_status\": 429}", "o.retry_on_status", "array" },
	{ "{\"url\": \"http://x\", \"retry_on_status\": [429, 99]}", "o.retry_on_status[1]",
	    "must be a status" },
	{ "{\"url\": \"http://x\", \"retry_on_status\": [\"599-500\"]}", "o.retry_on_status[0]",
	    "must be a status" },
	{ "{\"url\": \"http://x\", \"retry_on_status\": [\"500-5990\"]}", "o.retry_on_status[0]",
	    "must be a status" },
	{ "{\"url\": \"http://x\", \"headers\": []}", "o.headers", "object" },
	{ "{\"url\": \"http://x\", \"headers\": {\"A b\": \"c\"}}", "o.headers.A b",
	    "header name" },
	{ "{\"url\": \"http://x\", \"headers\": {\"a\": \"c\\nd\"}}", "o.headers.a", "line ends" },
	{ "{\"url\": \"http://x\", \"headers\": {\"a\": [1]}}", "o.headers.a", "must be a text" },
	{ "{\"url\": \"http://x\", \"headers\": {\"transfer-ENCODING\": \"c\"}}",
	    "o.headers.transfer-ENCODING", "set by the connection" },
	{ "{\"url\": \"http://x\", \"headers\": {\"a\": \"c\\td\", \"n\": 5, \"z\": null}}", NULL,
	    NULL },
	{ "{\"url\": \"http://x\", \"headers\": {\"a\": \"<<UPCAS(1)>>\"}}", "o.headers.a",
	    "column 3: there is no function UPCAS" },
	{ "{\"url\": \"http://x\", \"basic_auth\": \"nocolon\"}", "o.basic_auth", "user:password" },
	{ "{\"url\": \"http://x\", \"basic_auth\": [\"a\"]}", "o.basic_auth", "user:password" },
	{ "{\"url\": \"http://x\", \"basic_auth\": [\"a:b\", \"c\"]}", "o.basic_auth", "colon" },
	{ "{\"url\": \"http://x\", \"basic_auth\": \"a:b\", \"headers\": "
	  "{\"authorization\": \"c\"}}",
	    "o.headers.authorization", "beside basic_auth" },
	{ "{\"url\": \"http://x\", \"user_agent\": \"a\\rb\"}", "o.user_agent", "line ends" },
	{ "{\"url\": \"http://x\", \"payload\": 5}", "o.payload", "must be an object" },
	{ "{\"url\": \"http://x\", \"method\": \"get\", \"payload\": [1]}", "o.payload", "pairs" },
	{ "{\"url\": \"http://x\", \"content_type\": \"xml\", \"payload\": {}}", "o.payload",
	    "text" },
	{ "{\"url\": \"http://x\", \"payload\": {\"a\": [{\"b\": \"\u00e9 <<1 +>>\"}]}}",
	    "o.payload.a[0].b", "column 8: expected a value, found the end" },
	{ "{\"url\": \"http://x\", \"payload\": {\"<<oops\": 1}}", "o.payload.<<oops",
	    "column 7: expected '>>'" },
	{ NULL, NULL, NULL },
};

static void
accepts_and_refuses_options(void **state)
{

	(void)state;
	for (const struct row *row = option_rows; row->options != NULL; row++) {
		json_auto_t *options = parsed(row->options);
		struct errctx ctx = { 0 };
		enum err err = agent_options_check(options, "o", &ctx);

		if (row->path == NULL
			? err != OK
			: err != ERR_FIELD || strcmp(ctx.sub[0].path, row->path) != 0 ||
			      strstr(ctx.sub[0].text, row->text) == NULL)
			fail_msg("%s: %d '%s' '%s'", row->options, err, ctx.sub[0].path,
			    ctx.sub[0].text);
	}
}

static void
names_every_fault_at_once(void **state)
{
	json_auto_t *options =
	    parsed("{\"url\": \"x\", \"tries\": 1, \"timeout\": 0, \"payload\": \"<<\"}");
	struct errctx ctx = { 0 };

	(void)state;
	assert_int_equal(agent_options_check(options, "o", &ctx), ERR_FIELD);
	assert_int_equal(ctx.n_sub, 4);
}

/* Scope: a secret with awkward content, an answer whose body is no UTF-8, and one that is JSON. */
static enum err
build(const char *text, struct http_request *request, struct errctx *ctx)
{
	json_auto_t *options = parsed(text), *body = parsed("{\"token\": \"t k\"}");
	json_auto_t *values =
	    parsed("{\"secret\": \"s&3\u00e9=\", \"crlf\": \"a\\r\\nX-Evil: 1\", "
		   "\"nul\": 7, \"host\": \"example.com\", \"evil\": \"x@evil.com\"}");
	const struct formula_response raw = { 200, NULL, NULL, "\xff\x00!", 3 };
	const struct formula_response json = { 200, NULL, body, "{\"token\":  \"t k\"}", 17 };
	const struct formula_named_response named[] = { { "raw", &raw },
		{ "PREVIOUS_STEP", &json } };
	const struct formula_scope scope = { .values = values, .named = named, .n_named = 2 };

	*request = HTTP_REQUEST_INIT;
	if (agent_options_check(options, "o", ctx) != OK)
		fail_msg("%s: refused: %s", text, err_text(ctx));
	return agent_request_build(options, &scope, "o", request, ctx);
}

struct built {
	const char *options;
	const char *method, *url, *content_type, *body;
};

static void
assert_same(const char *what, const char *got, const char *expected)
{
	if (got == NULL || expected == NULL ? got != expected : strcmp(got, expected) != 0)
		fail_msg("%s is '%s', not '%s'", what, got ? got : "NULL",
		    expected ? expected : "NULL");
}

static void
encodes_url_and_body(void **state)
{
	static const struct built rows[] = {
		{ "{\"url\": \"http://x/\"}", "POST", "http://x/", NULL, NULL },
		{ "{\"url\": \"http://x/\", \"payload\": {\"a\": \"<<secret>>\", \"n\": \"=1 + "
		  "1\", \"z\": null}}",
		    "POST", "http://x/", "application/json",
		    "{\"a\":\"s&3\u00e9=\",\"n\":2,\"z\":null}" },
		{ "{\"url\": \"http://x/\", \"content_type\": \"form\", \"payload\": {\"a b\": "
		  "\"<<secret>> ~*\", "
		  "\"l\": [1, true], \"z\": null, \"o\": {\"k\": 1}}}",
		    "POST", "http://x/", "application/x-www-form-urlencoded",
		    "a+b=s%263%C3%A9%3D+%7E*&l=1&l=true&z=&o=%7B%22k%22%3A1%7D" },
		{ "{\"url\": \"http://x/\", \"content_type\": \"form\", \"payload\": [[\"b\", 1], "
		  "[\"a\", 2]]}",
		    "POST", "http://x/", "application/x-www-form-urlencoded", "b=1&a=2" },
		{ "{\"url\": \"http://x/?q=1#frag\", \"method\": \"get\", \"payload\": {\"a\": \"b "
		  "c/~\"}}",
		    "GET", "http://x/?q=1&a=b%20c%2F~", NULL, NULL },
		{ "{\"url\": \"http://x/p\", \"method\": \"head\", \"payload\": \"a=<<secret>>\"}",
		    "HEAD", "http://x/p?a=s&3%C3%A9=", NULL, NULL },
		{ "{\"url\": \"http://x/\", \"method\": \"get\", \"payload\": {}}", "GET",
		    "http://x/", NULL, NULL },
		{ "{\"url\": \"https://<<host>>/a b/<<secret>>?c=%41|\"}", "POST",
		    "https://example.com/a%20b/s&3%C3%A9=?c=%41%7C", NULL, NULL },
		{ "{\"url\": \"http://x/\u00e9|\", \"disable_url_encoding\": true}", "POST",
		    "http://x/\u00e9|", NULL, NULL },
		{ "{\"url\": \"http://x/\", \"content_type\": \"xml\", \"payload\": "
		  "\"<a><<host>></a>\"}",
		    "POST", "http://x/", "application/xml", "<a>example.com</a>" },
		{ "{\"url\": \"http://x/\", \"content_type\": \"text/plain\", \"payload\": "
		  "\"=JOIN(['a'], '')\"}",
		    "POST", "http://x/", "text/plain", "a" },
		{ "{\"url\": \"http://x/\", \"content_type\": \"application/vnd.x+json\", "
		  "\"payload\": [1]}",
		    "POST", "http://x/", "application/vnd.x+json", "[1]" },
		{ "{\"url\": \"http://x/\", \"payload\": \"=PREVIOUS_STEP.body\"}", "POST",
		    "http://x/", "application/json", "{\"token\":\"t k\"}" },
		{ "{\"url\": \"http://x/\", \"payload\": \"<<PREVIOUS_STEP.body>>\"}", "POST",
		    "http://x/", "application/json", "{\"token\":  \"t k\"}" },
		{ "{\"url\": \"http://x/\", \"payload\": \"=missing\"}", "POST", "http://x/", NULL,
		    NULL },
		{ "{\"url\": \"http://x/\", \"payload\": {\"a\": 1}, \"headers\": "
		  "{\"content-type\": \"a/b\"}}",
		    "POST", "http://x/", "a/b", "{\"a\":1}" },
		{ "{\"url\": \"http://x/\", \"payload\": {}, \"method\": \"<<'de'>>lete\"}",
		    "DELETE", "http://x/", "application/json", "{}" },
		{ NULL, NULL, NULL, NULL, NULL },
	};

	(void)state;
	for (const struct built *row = rows; row->options != NULL; row++) {
		auto_http_request struct http_request request;
		struct errctx ctx = { 0 };

		if (build(row->options, &request, &ctx) != OK)
			fail_msg("%s: %s", row->options, err_text(&ctx));
		assert_same("method", request.method, row->method);
		assert_same("url", request.url, row->url);
		assert_same("content type", http_request_header(&request, "Content-Type"),
		    row->content_type);
		assert_same("body", request.body, row->body);
	}
}

static void
sends_the_seeds_sample(void **state)
{
	auto_http_request struct http_request request;
	struct errctx ctx = { 0 };

	(void)state;
	assert_int_equal(
	    build("{\"url\": \"http://www.example.com\", \"content_type\": \"json\", \"method\": "
		  "\"post\", \"payload\": {\"key\": \"value\", \"secret\": \"I can reference "
		  "\\\\<<PREVIOUS_STEP>> or the \\\\<<secret>> as needed in the payload.\"}, "
		  "\"headers\": {}}",
		&request, &ctx),
	    OK);
	assert_same("body", request.body,
	    "{\"key\":\"value\",\"secret\":\"I can reference "
	    "{\\\"status\\\":200,\\\"headers\\\":{},"
	    "\\\"body\\\":{\\\"token\\\":\\\"t k\\\"}} or the s&3\u00e9= as needed in the "
	    "payload.\"}");
}

static void
reads_the_seeds_token_location(void **state)
{
	static const char *const locations[] = { "\\=credential_name.body.token",
		"=credential_name.body.token", "=response.body['token']",
		"<<credential_name.body.token>>", "\\<<credential_name.body.token>>" };
	json_auto_t *body = parsed("{\"token\": \"t0k\"}");
	const struct formula_response response = { 200, NULL, body, "{}", 2 };
	const struct formula_named_response named[] = { { "credential_name", &response },
		{ "response", &response } };
	const struct formula_scope scope = { .named = named, .n_named = 2 };

	(void)state;
	for (size_t i = 0; i < sizeof(locations) / sizeof(locations[0]); i++) {
		auto_value struct value token = { 0 };

		assert_int_equal(template_check_text(locations[i], "l", NULL), OK);
		assert_int_equal(template_eval(locations[i], &scope, "l", &token, NULL), OK);
		assert_int_equal(token.kind, VALUE_TEXT);
		assert_string_equal(token.text, "t0k");
	}
}

static void
keeps_a_text_payload_byte_for_byte(void **state)
{
	auto_http_request struct http_request request;
	struct errctx ctx = { 0 };

	(void)state;
	assert_int_equal(
	    build("{\"url\": \"http://x\", \"content_type\": \"application/octet-stream\", "
		  "\"payload\": \"[<<raw.body>>]\"}",
		&request, &ctx),
	    OK);
	assert_int_equal(request.body_len, 5);
	assert_memory_equal(request.body, "[\xff\x00!]", 6);
}

static void
builds_multipart_with_its_own_boundary(void **state)
{
	auto_http_request struct http_request request;
	struct errctx ctx = { 0 };

	(void)state;
	assert_int_equal(
	    build("{\"url\": \"http://x\", \"content_type\": \"data\", \"headers\": "
		  "{\"content-type\": "
		  "\"mine/1\"}, \"payload\": {\"a\\\"\\r\\nb\": \"<<secret>>\", \"c\": 5}}",
		&request, &ctx),
	    OK);
	const char *type = http_request_header(&request, "Content-Type");
	assert_int_equal(strncmp(type, "multipart/form-data; boundary=", 30), 0);
	auto_free char *expected = xasprintf(
	    "--%s\r\nContent-Disposition: form-data; name=\"a%%22%%0D%%0Ab\"\r\n\r\ns&3\u00e9=\r\n"
	    "--%s\r\nContent-Disposition: form-data; name=\"c\"\r\n\r\n5\r\n--%s--\r\n",
	    type + 30, type + 30, type + 30);
	assert_same("body", request.body, expected);
	assert_int_equal(request.n_headers, 1);
}

static void
sets_headers_and_policy(void **state)
{
	auto_http_request struct http_request request;
	struct errctx ctx = { 0 };

	(void)state;
	assert_int_equal(build("{\"url\": \"http://x\", \"headers\": {\"X-<<host>>\": \"T "
			       "\\\\<<PREVIOUS_STEP.body.token>>\", "
			       "\"N\": 5, \"gone\": null}, \"basic_auth\": [\"us\", \"p:w\"], "
			       "\"user_agent\": \"me/1\", "
			       "\"timeout\": \"7\", \"disable_ssl_verification\": \"true\", "
			       "\"disable_redirect_follow\": true, "
			       "\"retry_on_status\": [0, \"500-599\"]}",
			     &request, &ctx),
	    OK);
	assert_same("header", http_request_header(&request, "x-example.com"), "T t k");
	assert_same("number", http_request_header(&request, "n"), "5");
	assert_null(http_request_header(&request, "gone"));
	assert_same("auth", http_request_header(&request, "Authorization"), "Basic dXM6cDp3");
	assert_same("agent", http_request_header(&request, "User-Agent"), "me/1");
	assert_int_equal(request.timeout_ms, 7000);
	assert_false(request.verify_tls);
	assert_false(request.follow_redirects);
	assert_int_equal(request.retry.retries, AGENT_RETRIES_DEFAULT);
	assert_true(http_retry_wants(&request.retry, 0));
	assert_true(http_retry_wants(&request.retry, 599));
	assert_false(http_retry_wants(&request.retry, 499));
}

static void
has_safe_defaults(void **state)
{
	auto_http_request struct http_request request;
	struct errctx ctx = { 0 };

	(void)state;
	assert_int_equal(build("{\"url\": \"http://x\"}", &request, &ctx), OK);
	assert_true(request.verify_tls);
	assert_true(request.follow_redirects);
	assert_int_equal(request.timeout_ms, 30000);
	assert_int_equal(request.retry.retries, 0);
	assert_int_equal(request.n_headers, 0);
}

static void
refuses_what_formulas_must_not_bring_about(void **state)
{
	static const struct row rows[] = {
		{ "{\"url\": \"http://x/<<crlf>>\"}", "o.url", "control" },
		{ "{\"url\": \"http://<<evil>>/\"}", "o.url", "user information" },
		{ "{\"url\": \"<<host>>\"}", "o.url", "must begin with http" },
		{ "{\"url\": \"=nul\"}", "o.url", "text" },
		{ "{\"url\": \"http://x/\u00e9 <<host>>\", \"disable_url_encoding\": true}",
		    "o.url", "blanks" },
		{ "{\"url\": \"http://x/\", \"headers\": {\"a\": \"<<crlf>>\"}}", "o.headers",
		    "line ends" },
		{ "{\"url\": \"http://x/\", \"headers\": {\"<<crlf>>\": \"a\"}}", "o.headers",
		    "header name" },
		{ "{\"url\": \"http://x/\", \"headers\": {\"<<'Host'>>\": \"a\"}}", "o.headers",
		    "connection" },
		{ "{\"url\": \"http://x/\", \"headers\": {\"a\": \"1\", \"<<'a'>>\": \"2\"}}",
		    "o.headers.<<'a'>>", "two keys" },
		{ "{\"url\": \"http://x/\", \"headers\": {\"a\": \"<<raw.body>>\"}}", "o.headers.a",
		    "not UTF-8" },
		{ "{\"url\": \"http://x/\", \"basic_auth\": \"<<host>>\"}", "o.basic_auth",
		    "user:password" },
		{ "{\"url\": \"http://x/\", \"basic_auth\": \"u:<<crlf>>\"}", "o.basic_auth",
		    "line ends" },
		{ "{\"url\": \"http://x/\", \"user_agent\": \"<<crlf>>\"}", "o.user_agent",
		    "line ends" },
		{ "{\"url\": \"http://x/\", \"method\": \"<<crlf>>\"}", "o.method", "must be get" },
		{ "{\"url\": \"http://x/\", \"content_type\": \"a/b;<<crlf>>\"}", "o.content_type",
		    "MIME" },
		{ "{\"url\": \"http://x/\", \"timeout\": \"=999\"}", "o.timeout", "1 to 120" },
		{ "{\"url\": \"http://x/\", \"payload\": {\"a\": \"<<1/0>>\"}}", "o.payload.a",
		    "column 4: division by zero" },
		{ "{\"url\": \"http://x/\", \"payload\": \"<<1/0>>\"}", "o.payload",
		    "column 4: division by zero" },
		{ "{\"url\": \"http://x/\", \"method\": \"get\", \"payload\": \"a=<<crlf>>\"}",
		    "o.url", "control" },
		{ "{\"url\": \"http://x/\", \"content_type\": \"data\", \"payload\": \"<<host>>\"}",
		    "o.payload", "must be an object" },
		{ "{\"url\": \"http://x/\", \"content_type\": \"xml\", \"payload\": \"=[1]\"}",
		    "o.payload", "must be a text" },
		{ NULL, NULL, NULL },
	};

	(void)state;
	for (const struct row *row = rows; row->options != NULL; row++) {
		struct http_request request;
		struct errctx ctx = { 0 };
		enum err err = build(row->options, &request, &ctx);

		if (err == OK || strcmp(ctx.sub[0].path, row->path) != 0 ||
		    strstr(ctx.sub[0].text, row->text) == NULL)
			fail_msg("%s: %d '%s' '%s'", row->options, err, ctx.sub[0].path,
			    ctx.sub[0].text);
		for (unsigned i = 0; i < ctx.n_sub; i++)
			assert_null(strstr(ctx.sub[i].text, "X-Evil"));
		assert_null(request.url); /* written only on success */
	}
}

/* References to an answer cost a formula nothing; each was written out in full, seconds of work. */
static void
stops_writing_out_pairs_that_do_not_fit(void **state)
{
	json_auto_t *body = json_array(), *options = NULL;
	struct formula_response answer = { .status = 200, .body_json = body };
	const struct formula_named_response named = { "PREVIOUS_STEP", &answer };
	const struct formula_scope scope = { .named = &named, .n_named = 1 };
	struct buf payload = BUF_INIT(65536);
	auto_http_request struct http_request request = HTTP_REQUEST_INIT;
	struct errctx ctx = { 0 };
	int64_t start = clock_monotonic_ms();

	(void)state;
	for (int i = 0; i < 300000; i++)
		json_array_append_new(body, json_integer(i));
	buf_add_text(&payload, "=[['k', []]");
	for (int list = 0; list < 3; list++) {
		buf_add_text(&payload, ",['k', [PREVIOUS_STEP.body");
		for (int i = 0; i < 900; i++)
			buf_add_text(&payload, ",PREVIOUS_STEP.body");
		buf_add_text(&payload, "]]");
	}
	buf_add_char(&payload, ']');
	options = parsed("{\"url\": \"http://x/\", \"content_type\": \"form\"}");
	json_put_text(options, "payload", buf_text(&payload));
	assert_int_equal(agent_request_build(options, &scope, "", &request, &ctx), ERR_VALUE);
	assert_non_null(strstr(err_text(&ctx), "too large"));
	assert_in_range(clock_monotonic_ms() - start, 0, 10000);
	buf_free(&payload);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepts_and_refuses_options),
		cmocka_unit_test(names_every_fault_at_once),
		cmocka_unit_test(encodes_url_and_body),
		cmocka_unit_test(sends_the_seeds_sample),
		cmocka_unit_test(reads_the_seeds_token_location),
		cmocka_unit_test(keeps_a_text_payload_byte_for_byte),
		cmocka_unit_test(builds_multipart_with_its_own_boundary),
		cmocka_unit_test(sets_headers_and_policy),
		cmocka_unit_test(has_safe_defaults),
		cmocka_unit_test(refuses_what_formulas_must_not_bring_about),
		cmocka_unit_test(stops_writing_out_pairs_that_do_not_fit),
	};

	return cmocka_run_group_tests_name("agent", tests, NULL, NULL);
}
