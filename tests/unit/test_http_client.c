/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP client against a small server of threads that answers well, badly, slowly or not at all.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dlfcn.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "net/http_client.h"
#include "canned_server.h"

static struct server here, there;

#define SLOW_NAME_S 3

/* What libcurl calls: one name takes its time, as with a name server that does not answer. */
int
getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
    struct addrinfo **out)
{
	int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
	void *symbol = dlsym(RTLD_NEXT, "getaddrinfo");

	if (name && strcmp(name, "slow-name.invalid") == 0) {
		sleep(SLOW_NAME_S);
		return EAI_AGAIN;
	}
	memcpy(&real, &symbol, sizeof real);
	return real(name, service, hints, out);
}

struct outcome {
	int times;
	enum err err;
	char reason[200];
	int status;
	bool sent;
	json_t *headers;
	struct buf body;
	char final_url[300];
};

static struct http_client *client;
static struct outcome got;

static void
keep(void *arg, struct http_result *result)
{
	struct outcome *out = arg;

	out->times++;
	out->err = result->err;
	snprintf(out->reason, sizeof out->reason, "%s", result->reason);
	out->status = result->status;
	out->sent = result->sent;
	json_decref(out->headers);
	out->headers = json_incref(result->headers);
	buf_free(&out->body);
	out->body = http_result_take_body(result);
	snprintf(out->final_url, sizeof out->final_url, "%s", result->final_url);
	assert_true((result->err == OK) == (result->reason[0] == '\0'));
	assert_true(result->err == OK || (result->status == 0 && out->body.len == 0));
}

static void
run_until_idle(struct http_client *which)
{
	int64_t end = clock_monotonic_ms() + 20000;

	while (http_client_in_flight(which)) {
		http_client_run(which, 100);
		assert_true(clock_monotonic_ms() < end);
	}
}

static void
call_with(struct http_client *which, struct http_request *request, struct cookie_jar *jar,
    const json_t *allowed_hosts)
{
	const struct http_call call = { .request = request,
		.jar = jar,
		.allowed_hosts = allowed_hosts,
		.done = keep,
		.arg = &got };

	got.times = 0;
	http_client_start(which, &call);
	assert_int_equal(got.times, 0);
	run_until_idle(which);
	assert_int_equal(got.times, 1);
}

static struct http_request
make(const char *method, const char *url)
{
	struct http_request request = HTTP_REQUEST_INIT;

	request.method = xstrdup(method);
	request.url = xstrdup(url);
	request.timeout_ms = 5000;
	return request;
}

static struct http_request
make_to(struct server *server, const char *method, const char *path)
{
	auto_free char *url = xasprintf("http://127.0.0.1:%u%s", (unsigned)server->port, path);

	return make(method, url);
}

static void
set_body(struct http_request *request, const char *body)
{
	request->body = xstrdup(body);
	request->body_len = strlen(body);
}

static void
get(const char *path)
{
	auto_http_request struct http_request request = make_to(&here, "GET", path);

	call_with(client, &request, NULL, NULL);
}

static void
get_url(const char *url)
{
	auto_http_request struct http_request request = make("GET", url);

	call_with(client, &request, NULL, NULL);
}

static void
expect_failure(enum err err, const char *words)
{
	assert_int_equal(got.err, err);
	if (!strstr(got.reason, words))
		fail_msg("'%s' does not say '%s'", got.reason, words);
}

/* ---- tests ---- */

static void
delivers_status_headers_and_body(void **state)
{
	(void)state;
	get("/ok?secret=1#f");
	assert_int_equal(got.err, ERR_REMOTE); /* the server knows /ok without a query only */
	assert_null(strstr(got.final_url, "secret"));
	get("/ok#f");
	assert_int_equal(got.err, OK);
	assert_int_equal(got.status, 200);
	assert_string_equal(buf_text(&got.body), "hello");
	assert_true(got.body.secret);
	assert_string_equal(json_get_text(got.headers, "x-one"), "1");
	assert_int_equal(json_array_size(json_object_get(got.headers, "x-two")), 3);
	assert_string_equal(json_string_value(
				json_array_get(json_object_get(got.headers, "x-two"), 2)),
	    "c");
	assert_string_equal(json_get_text(got.headers, "x-bad"), "\xef\xbf\xbd\xef\xbf\xbd");
	assert_non_null(strstr(got.final_url, "/ok"));
}

static void
passes_every_status_through(void **state)
{
	static const struct {
		const char *path;
		int status;
	} rows[] = { { "/404", 404 }, { "/503", 503 }, { "/204", 204 }, { "/304", 304 },
		{ "/no-location", 302 }, { "/two-locations", 302 } };

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		get(rows[i].path);
		assert_int_equal(got.err, OK);
		assert_int_equal(got.status, rows[i].status);
	}
	get("/503");
	assert_string_equal(json_get_text(got.headers, "retry-after"), "3");
}

static void
sends_what_was_asked_for_and_no_more(void **state)
{
	auto_http_request struct http_request request = make_to(&here, "POST", "/echo?a=b%20c");
	const char *text;

	(void)state;
	http_request_add_header(&request, "X-Key", "k: v");
	http_request_add_header(&request, "X-Empty", "");
	http_request_add_header(&request, "Content-Length", "9999");
	http_request_add_header(&request, "Expect", "100-continue");
	http_request_add_header(&request, "Content-Type", "application/json");
	set_body(&request, "{\"a\":1}");
	call_with(client, &request, NULL, NULL);
	text = buf_text(&got.body);
	assert_int_equal(strncmp(text, "POST /echo?a=b%20c HTTP/1.1\r\n", 29), 0);
	assert_non_null(strstr(text, "\r\nX-Key: k: v\r\n"));
	assert_non_null(strstr(text, "\r\nX-Empty:\r\n"));
	assert_non_null(strstr(text, "\r\nContent-Type: application/json\r\n"));
	assert_non_null(strstr(text, "\r\nContent-Length: 7\r\n"));
	assert_null(strstr(text, "9999"));
	assert_null(strcasestr(text, "\r\nExpect"));
	assert_null(strcasestr(text, "\r\nAccept-Encoding"));
	assert_null(strcasestr(text, "\r\nCookie"));
	assert_non_null(strstr(text, "\r\n\r\n{\"a\":1}"));
}

static void
sends_a_body_with_any_method_and_a_zero_length_where_due(void **state)
{
	static const char *const methods[] = { "GET", "PUT", "PATCH", "DELETE", "OPTIONS",
		"QUERY" };
	static const char *const empty[] = { "POST", "PUT", "PATCH" };

	(void)state;
	for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
		auto_http_request struct http_request request = make_to(&here, methods[i], "/echo");

		set_body(&request, "payload");
		call_with(client, &request, NULL, NULL);
		assert_int_equal(strncmp(buf_text(&got.body), methods[i], strlen(methods[i])), 0);
		assert_non_null(strstr(buf_text(&got.body), "\r\n\r\npayload"));
		assert_null(strcasestr(buf_text(&got.body), "\r\nContent-Type"));
	}
	for (size_t i = 0; i < sizeof empty / sizeof *empty; i++) {
		auto_http_request struct http_request request = make_to(&here, empty[i], "/echo");

		call_with(client, &request, NULL, NULL);
		assert_non_null(strstr(buf_text(&got.body), "\r\nContent-Length: 0\r\n"));
	}
}

static void
head_has_headers_only(void **state)
{
	auto_http_request struct http_request request = make_to(&here, "HEAD", "/204");

	(void)state;
	call_with(client, &request, NULL, NULL);
	assert_int_equal(got.status, 204);
	set_body(&request, "x");
	call_with(client, &request, NULL, NULL);
	expect_failure(ERR_REMOTE, "HEAD");
}

static void
ends_an_answer_that_is_too_large(void **state)
{
	(void)state;
	get("/big");
	expect_failure(ERR_REMOTE, "too large");
	get("/endless");
	expect_failure(ERR_REMOTE, "too large");
	get("/endless-chunks");
	expect_failure(ERR_REMOTE, "too large");
	get("/endless-headers");
	expect_failure(ERR_REMOTE, "headers are too large");
	get("/endless-1xx");
	expect_failure(ERR_REMOTE, "headers are too large");
	get("/many-short-headers");
	expect_failure(ERR_REMOTE, "headers are too large");
	get("/exact-cap");
	assert_int_equal(got.err, OK);
	assert_int_equal(got.body.len, HTTP_CLIENT_BODY_MAX);
}

static void
gives_up_in_time(void **state)
{
	static const char *const paths[] = { "/slow", "/drip" };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		auto_http_request struct http_request request = make_to(&here, "GET", paths[i]);
		int64_t start = clock_monotonic_ms();

		request.timeout_ms = 200;
		call_with(client, &request, NULL, NULL);
		expect_failure(ERR_TIMEOUT, "in time");
		assert_in_range(clock_monotonic_ms() - start, 190, 2000);
	}
}

static void
a_name_that_does_not_resolve_in_time_holds_nobody_up(void **state)
{
	auto_http_request struct http_request request = make("GET", "http://slow-name.invalid/");
	int64_t start = clock_monotonic_ms();

	(void)state;
	request.timeout_ms = 200;
	call_with(client, &request, NULL, NULL);
	expect_failure(ERR_TIMEOUT, "in time");
	assert_in_range(clock_monotonic_ms() - start, 190, SLOW_NAME_S * 1000 - 1000);
}

static void
says_in_safe_words_what_broke(void **state)
{
	static const struct {
		const char *path, *words;
	} rows[] = { { "/garbage", "not HTTP" }, { "/nothing", "closed without" },
		{ "/half", "closed within" }, { "/bad-chunks", "" } };

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		get(rows[i].path);
		expect_failure(ERR_REMOTE, rows[i].words);
		assert_null(strstr(got.reason, "garbage"));
		assert_null(strstr(got.reason, "127.0.0.1"));
	}
	get_url("http://127.0.0.1:1/");
	expect_failure(ERR_REMOTE, "refused");
	get_url("http://no-such-name.invalid/");
	expect_failure(ERR_REMOTE, "does not resolve");
}

static void
an_answer_without_tls_is_no_tls(void **state)
{
	auto_free char *url = xasprintf("https://127.0.0.1:%u/ok", (unsigned)here.port);

	(void)state;
	get_url(url);
	assert_int_equal(got.err, ERR_REMOTE);
}

static struct http_client *
open_client(const char *allow)
{
	struct http_client_options options = { 0 };
	struct http_client *strict = NULL;

	assert_int_equal(address_guard_parse(allow, &options.guard, NULL), OK);
	assert_int_equal(http_client_open(&options, &strict, NULL), OK);
	return strict;
}

static void
reaches_no_address_that_is_not_listed(void **state)
{
	static const char *const hosts[] = { "127.0.0.1", "127.1", "0", "2130706433", "0x7f.1",
		"0177.0.0.1", "127.0.0.1.", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::127.0.0.1]",
		"[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[fe80::1%25lo]", "[fd00::1]", "localhost",
		"LOCALHOST.", "foo.localhost", "localhost.", "10.0.0.1", "169.254.169.254" };
	struct http_client *strict = open_client("");
	int before = here.n_connections;

	(void)state;
	for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
		auto_free char *url = xasprintf("http://%s:%u/ok", hosts[i], (unsigned)here.port);
		auto_http_request struct http_request request = make("GET", url);

		request.timeout_ms = 1000;
		call_with(strict, &request, NULL, NULL);
		if (got.err != ERR_REMOTE)
			fail_msg("%s: error %d, %s", hosts[i], got.err, got.reason);
	}
	assert_int_equal(here.n_connections, before);
	http_client_close(&strict);
	strict = open_client("127.0.0.1:1");
	get("/ok"); /* the other client may */
	assert_int_equal(got.err, OK);
	auto_http_request struct http_request request = make_to(&here, "GET", "/ok");
	call_with(strict, &request, NULL, NULL);
	expect_failure(ERR_REMOTE, "egress_allow");
	http_client_close(&strict);
}

/* -1 where there is no IPv6. */
static int
listen_on_ipv6_loopback(uint16_t port)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
		.sin6_port = htons(port),
		.sin6_addr = IN6ADDR_LOOPBACK_INIT };
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&in6, sizeof in6) || listen(fd, 10)) {
		if (fd >= 0)
			close(fd);
		return -1;
	}
	return fd;
}

/* Bytes that any waiting connection of the listener brought. */
static size_t
bytes_received(int listener)
{
	char bytes[1000];
	int fd = listener < 0 ? -1 : accept(listener, NULL, NULL);
	ssize_t n;

	if (fd < 0)
		return 0;
	n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
	close(fd);
	return n > 0 ? (size_t)n : 0;
}

/* "localhost" is 127.0.0.1 and ::1, in an order that is libcurl's business: where the refused one
 * is tried first, the other may be connected, but must not be asked. */
static void
refuses_a_name_when_one_of_its_addresses_is_refused(void **state)
{
	static const char *const lists[] = { "127.0.0.1", "::1" };
	int v6 = listen_on_ipv6_loopback(here.port), refused = 0;
	auto_free char *url = xasprintf("http://localhost:%u/ok", (unsigned)here.port);
	auto_http_request struct http_request request = make("GET", url);

	(void)state;
	request.timeout_ms = 500;
	for (size_t i = 0; i < 2; i++) {
		struct http_client *half = open_client(lists[i]);
		int before = here.n_requests;

		call_with(half, &request, NULL, NULL);
		http_client_close(&half);
		size_t bytes = bytes_received(v6);

		if (!strstr(got.reason, "egress_allow"))
			continue;
		refused++;
		assert_int_equal(here.n_requests, before);
		assert_int_equal(bytes, 0);
	}
	assert_in_range(refused, 1, 2);
	if (v6 >= 0)
		close(v6);
}

static void
waits_for_no_leave_to_send_a_large_body(void **state)
{
	auto_http_request struct http_request request = make_to(&here, "POST", "/404");
	char text[REQUEST_MAX];

	(void)state;
	request.body_len = 3 * 1024 * 1024;
	request.body = xcalloc(1, request.body_len + 1);
	memset(request.body, 'x', request.body_len);
	call_with(client, &request, NULL, NULL);
	assert_int_equal(got.status, 404);
	last_request(&here, text);
	assert_non_null(strstr(text, "\r\nContent-Length: 3145728\r\n"));
	assert_null(strcasestr(text, "\r\nExpect"));
}

static void
refuses_urls_that_are_not_plain_http(void **state)
{
	static const char *const urls[] = { "", "127.0.0.1/", "ftp://127.0.0.1/",
		"file:///etc/passwd", "gopher://127.0.0.1/", "http:/127.0.0.1/", "//127.0.0.1/",
		"http://u@127.0.0.1/", "http://u:p@127.0.0.1/", "http://127.0.0.1:0/",
		"http://127.0.0.1:22/", "http://127.0.0.1:65536/", "http://127.0.0.1/\r\nX: y",
		"http://127.0.0.1/a b", "http://\xef\xbc\x91\xef\xbc\x92\xef\xbc\x97.0.0.1/",
		"http://a\\@127.0.0.1/", "http://127%2e0.0.1/" };
	int before = here.n_connections;

	(void)state;
	for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
		get_url(urls[i]);
		if (got.err != ERR_REMOTE)
			fail_msg("'%s': error %d", urls[i], got.err);
	}
	assert_int_equal(here.n_connections, before);
}

static void
refuses_headers_that_would_become_others(void **state)
{
	static const struct {
		const char *name, *value;
	} rows[] = { { "X-A", "b\r\nX-C: d" }, { "X-A", "b\nX-C: d" }, { "X-A", "b\rc" },
		{ "X-A", "\x7f" }, { "X-A", "\x01" }, { "X A", "b" }, { "X-A:", "b" }, { "", "b" },
		{ "X-A\r\nX-C", "b" }, { "Transfer-Encoding", "chunked" }, { "Upgrade", "h2c" },
		{ "Proxy-Authorization", "x" }, { "Host", "evil.example" } };
	int before = here.n_requests;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		auto_http_request struct http_request request = make_to(&here, "GET", "/echo");

		http_request_add_header(&request, rows[i].name, rows[i].value);
		call_with(client, &request, NULL, NULL);
		expect_failure(ERR_REMOTE, "header");
	}
	auto_http_request struct http_request bad =
	    make_to(&here, "GET /x HTTP/1.1\r\nX:", "/echo");
	call_with(client, &bad, NULL, NULL);
	expect_failure(ERR_REMOTE, "method");
	assert_int_equal(here.n_requests, before);
}

/* A request with everything that must not travel on, redirected by `here` with `status` to
 * `target`. */
static void
call_redirected(const char *method, const char *status, const char *target, const char *body)
{
	auto_free char *path = xasprintf("/to/%s/%s", status, target);
	auto_http_request struct http_request request = make_to(&here, method, path);

	http_request_add_header(&request, "Authorization", "Bearer canary");
	http_request_add_header(&request, "X-Api-Key", "canary");
	http_request_add_header(&request, "Cookie", "s=canary");
	http_request_add_header(&request, "Accept", "text/x-kept");
	http_request_add_header(&request, "User-Agent", "kept/1");
	http_request_add_header(&request, "Content-Type", "text/kept");
	if (body)
		set_body(&request, body);
	call_with(client, &request, NULL, NULL);
}

static void
follows_within_the_origin_with_everything(void **state)
{
	(void)state;
	call_redirected("POST", "307", "/echo", "payload");
	assert_int_equal(got.status, 200);
	assert_int_equal(strncmp(buf_text(&got.body), "POST /echo ", 11), 0);
	assert_non_null(strstr(buf_text(&got.body), "\r\nAuthorization: Bearer canary\r\n"));
	assert_non_null(strstr(buf_text(&got.body), "\r\nX-Api-Key: canary\r\n"));
	assert_non_null(strstr(buf_text(&got.body), "\r\nCookie: s=canary\r\n"));
	assert_non_null(strstr(buf_text(&got.body), "payload"));
	assert_non_null(strstr(got.final_url, "/echo"));
}

static void
a_see_other_becomes_get_without_body(void **state)
{
	static const char *const statuses[] = { "301", "302", "303" };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		call_redirected("POST", statuses[i], "/echo", "payload");
		assert_int_equal(strncmp(buf_text(&got.body), "GET /echo ", 10), 0);
		assert_null(strstr(buf_text(&got.body), "payload"));
		assert_null(strcasestr(buf_text(&got.body), "\r\nContent-"));
		assert_non_null(strstr(buf_text(&got.body), "canary"));
	}
	call_redirected("PUT", "308", "/echo", "payload");
	assert_int_equal(strncmp(buf_text(&got.body), "PUT /echo ", 10), 0);
}

static void
carries_no_credential_to_another_origin(void **state)
{
	auto_free char *target = xasprintf("http://127.0.0.1:%u/echo", (unsigned)there.port);
	auto_free char *back =
	    xasprintf("http://127.0.0.1:%u/to/302/http://127.0.0.1:%u/to/307//echo",
		(unsigned)there.port, (unsigned)here.port);

	(void)state;
	call_redirected("GET", "302", target, NULL);
	assert_int_equal(got.status, 200);
	assert_null(strstr(buf_text(&got.body), "canary"));
	assert_non_null(strstr(buf_text(&got.body), "\r\nAccept: text/x-kept\r\n"));
	assert_non_null(strstr(buf_text(&got.body), "\r\nUser-Agent: kept/1\r\n"));
	assert_non_null(strstr(buf_text(&got.body), "\r\nContent-Type: text/kept\r\n"));
	call_redirected("GET", "307", back, NULL); /* neither when it comes back */
	assert_int_equal(got.status, 200);
	assert_null(strstr(buf_text(&got.body), "canary"));
	call_redirected("POST", "303", target, "payload");
	assert_int_equal(got.status, 200);
	assert_null(strstr(buf_text(&got.body), "payload"));
}

static void
sends_no_body_to_another_origin(void **state)
{
	auto_free char *target = xasprintf("http://127.0.0.1:%u/echo", (unsigned)there.port);
	int before = there.n_requests;

	(void)state;
	call_redirected("POST", "307", target, "payload");
	expect_failure(ERR_REMOTE, "body to another host");
	call_redirected("PUT", "308", target, "payload");
	expect_failure(ERR_REMOTE, "body to another host");
	call_redirected("GET", "301", target, "payload");
	expect_failure(ERR_REMOTE, "body to another host");
	assert_int_equal(there.n_requests, before);
}

static void
checks_every_hop_again(void **state)
{
	static const char *const targets[] = { "http://10.0.0.1/", "http://169.254.169.254/latest/",
		"http://[::1]/", "http://localhost.:1/", "file:///etc/passwd",
		"gopher://127.0.0.1/", "dict://127.0.0.1/", "ftp://127.0.0.1/",
		"http://u@127.0.0.1/", "//u:p@127.0.0.1/", "http://127.0.0.1:25/" };
	static const char *const statuses[] = { "301", "302", "303", "307", "308" };
	int before;

	(void)state;
	for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
		call_redirected("GET", statuses[i % 5], targets[i], NULL);
		if (got.err != ERR_REMOTE)
			fail_msg("%s: error %d, status %d", targets[i], got.err, got.status);
		assert_null(strstr(got.reason, "latest"));
	}
	before = here.n_requests;
	get("/loop");
	expect_failure(ERR_REMOTE, "too many redirects");
	assert_int_equal(here.n_requests, before + 1 + HTTP_CLIENT_HOPS_MAX);
}

static void
returns_a_redirect_that_is_not_to_be_followed(void **state)
{
	auto_http_request struct http_request request =
	    make_to(&here, "GET", "/to/302/http://10.0.0.1/");

	(void)state;
	request.follow_redirects = false;
	call_with(client, &request, NULL, NULL);
	assert_int_equal(got.err, OK);
	assert_int_equal(got.status, 302);
	assert_string_equal(json_get_text(got.headers, "location"), "http://10.0.0.1/");
}

static void
asks_allowed_hosts_for_every_hop(void **state)
{
	auto_free char *pattern = xasprintf("127.0.0.1:%u", (unsigned)here.port);
	auto_free char *path = xasprintf("/to/302/http://127.0.0.1:%u/ok", (unsigned)there.port);
	auto_http_request struct http_request request = make_to(&here, "GET", path);
	json_t *patterns = json_pack("[s]", pattern), *other = json_pack("[s]", "example.com");
	int before = there.n_requests;

	(void)state;
	call_with(client, &request, NULL, patterns);
	expect_failure(ERR_REMOTE, "allowed_hosts");
	assert_int_equal(there.n_requests, before);
	call_with(client, &request, NULL, other);
	expect_failure(ERR_REMOTE, "allowed_hosts");
	json_decref(patterns);
	json_decref(other);
}

static void
carries_cookies_from_request_to_request(void **state)
{
	auto_http_request struct http_request login = make_to(&here, "POST", "/login");
	auto_http_request struct http_request echo = make_to(&here, "GET", "/echo");
	auto_http_request struct http_request deep = make_to(&here, "GET", "/deep/echo");
	auto_http_request struct http_request out = make_to(&here, "GET", "/expired");
	struct cookie_jar *jar = cookie_jar_new(), *other = cookie_jar_new();

	(void)state;
	call_with(client, &login, jar, NULL);
	assert_int_equal(json_array_size(json_object_get(got.headers, "set-cookie")), 2);
	assert_int_equal(cookie_jar_count(jar), 2);
	call_with(client, &echo, jar, NULL);
	assert_non_null(strstr(buf_text(&got.body), "\r\nCookie: sid=abc123\r\n"));
	call_with(client, &deep, jar, NULL);
	assert_non_null(strstr(buf_text(&got.body), "sid=abc123"));
	assert_non_null(strstr(buf_text(&got.body), "deep=1"));
	call_with(client, &echo, other, NULL);
	assert_null(strcasestr(buf_text(&got.body), "\r\nCookie"));
	call_with(client, &echo, NULL, NULL);
	assert_null(strcasestr(buf_text(&got.body), "\r\nCookie"));
	http_request_add_header(&echo, "Cookie", "mine=1");
	call_with(client, &echo, jar, NULL);
	assert_non_null(strstr(buf_text(&got.body), "sid=abc123; mine=1\r\n"));
	call_with(client, &out, jar, NULL);
	call_with(client, &deep, jar, NULL);
	assert_non_null(strstr(buf_text(&got.body), "\r\nCookie: deep=1\r\n"));
	cookie_jar_free(&jar);
	cookie_jar_free(&other);
	cookie_jar_free(&other);
}

static void
carries_cookies_from_hop_to_hop_only_with_a_jar(void **state)
{
	auto_http_request struct http_request request = make_to(&here, "GET", "/login-redirect");
	struct cookie_jar *jar = cookie_jar_new();

	(void)state;
	call_with(client, &request, NULL, NULL);
	assert_null(strstr(buf_text(&got.body), "sid=hop"));
	call_with(client, &request, jar, NULL);
	assert_non_null(strstr(buf_text(&got.body), "\r\nCookie: sid=hop\r\n"));
	cookie_jar_free(&jar);
}

static void
carries_no_cookie_to_another_port_but_keeps_what_that_one_sets(void **state)
{
	auto_free char *away = xasprintf("/to/302/http://127.0.0.1:%u/echo", (unsigned)there.port);
	auto_free char *login =
	    xasprintf("/to/302/http://127.0.0.1:%u/login", (unsigned)there.port);
	auto_free char *back =
	    xasprintf("/to/302/http://127.0.0.1:%u/to/302/http://127.0.0.1:%u/echo",
		(unsigned)there.port, (unsigned)here.port);
	auto_http_request struct http_request first = make_to(&here, "GET", "/login-redirect");
	auto_http_request struct http_request redirected = make_to(&here, "GET", away);
	auto_http_request struct http_request returned = make_to(&here, "GET", back);
	auto_http_request struct http_request other_login = make_to(&here, "GET", login);
	auto_http_request struct http_request echo = make_to(&there, "GET", "/deep/echo");
	struct cookie_jar *jar = cookie_jar_new();

	(void)state;
	call_with(client, &first, jar, NULL);
	call_with(client, &redirected, jar, NULL);
	assert_int_equal(got.status, 200);
	assert_null(strcasestr(buf_text(&got.body), "\r\nCookie"));
	call_with(client, &returned, jar, NULL);
	assert_non_null(strstr(buf_text(&got.body), "\r\nCookie: sid=hop\r\n"));
	call_with(client, &other_login, jar, NULL);
	call_with(client, &echo, jar, NULL);
	assert_non_null(strstr(buf_text(&got.body), "sid=abc123"));
	assert_non_null(strstr(buf_text(&got.body), "deep=1"));
	cookie_jar_free(&jar);
}

/* A URL's host may have come out of a formula that used a secret. */
static void
logs_the_refused_address_and_not_the_host(void **state)
{
	char line[1000] = "";
	FILE *log = tmpfile();
	int saved = dup(STDERR_FILENO);
	struct http_client *strict = open_client("");
	auto_free char *url = xasprintf("http://canary.localhost:%u/", (unsigned)here.port);
	auto_http_request struct http_request request = make("GET", url);

	(void)state;
	log_setup("test", LOG_WARN, false);
	dup2(fileno(log), STDERR_FILENO);
	call_with(strict, &request, NULL, NULL);
	dup2(saved, STDERR_FILENO);
	log_setup("test", LOG_ERROR, false);
	close(saved);
	rewind(log);
	assert_non_null(fgets(line, sizeof line, log));
	assert_non_null(strstr(line, "event=egress_blocked"));
	assert_null(strstr(line, "canary"));
	assert_non_null(strstr(line, "address="));
	fclose(log);
	http_client_close(&strict);
}

static void
ignores_proxies_in_the_environment(void **state)
{
	auto_free char *proxy = xasprintf("http://127.0.0.1:%u", (unsigned)there.port);
	struct http_client *fresh;
	int before = there.n_requests;

	(void)state;
	setenv("http_proxy", proxy, 1);
	setenv("ALL_PROXY", proxy, 1);
	fresh = open_client("127.0.0.1");
	auto_http_request struct http_request request = make_to(&here, "GET", "/ok");
	call_with(fresh, &request, NULL, NULL);
	assert_int_equal(got.err, OK);
	assert_int_equal(there.n_requests, before);
	http_client_close(&fresh);
	http_client_clean_environment();
	assert_null(getenv("http_proxy"));
	assert_null(getenv("ALL_PROXY"));
}

static void
uses_the_configured_proxy_but_not_for_refused_addresses(void **state)
{
	auto_free char *proxy = xasprintf("http://127.0.0.1:%u", (unsigned)there.port);
	struct http_client_options options = { .proxy = proxy };
	struct http_client *proxied = NULL;
	char request_text[REQUEST_MAX];

	(void)state;
	setenv("no_proxy", "*", 1);
	assert_int_equal(http_client_open(&options, &proxied, NULL), OK);
	auto_http_request struct http_request request = make("GET", "http://vendor.example/ok");
	call_with(proxied, &request, NULL, NULL);
	unsetenv("no_proxy");
	last_request(&there, request_text);
	assert_int_equal(strncmp(request_text, "GET http://vendor.example/ok ", 29), 0);
	auto_http_request struct http_request inner = make("GET", "http://10.0.0.1/ok");
	call_with(proxied, &inner, NULL, NULL);
	expect_failure(ERR_REMOTE, "egress_allow");
	http_client_close(&proxied);
}

static void
keeps_connections_for_the_next_request(void **state)
{
	int connections, requests;

	(void)state;
	get("/ok");
	connections = here.n_connections;
	requests = here.n_requests;
	for (int i = 0; i < 10; i++) {
		get("/ok");
		assert_int_equal(got.err, OK);
	}
	assert_int_equal(here.n_requests, requests + 10);
	assert_int_equal(here.n_connections, connections);
}

/* On a kept one libcurl by itself sends again what got no answer. */
static void
uses_no_kept_connection_for_what_must_not_be_sent_twice(void **state)
{
	(void)state;
	get("/ok");
	for (int i = 1; i <= 2; i++) {
		auto_http_request struct http_request request = make_to(&here, "GET", "/ok");
		int connections = here.n_connections, requests = here.n_requests;

		request.once = true;
		call_with(client, &request, NULL, NULL);
		assert_int_equal(got.err, OK);
		assert_int_equal(here.n_connections, connections + 1);
		assert_int_equal(here.n_requests, requests + 1);
	}
}

static void
says_whether_the_other_side_may_have_got_the_request(void **state)
{
	static const struct {
		const char *url; /* NULL: the path is asked for */
		const char *path;
		bool sent;
	} cases[] = {
		{ NULL, "/ok", true },
		{ NULL, "/503", true },
		{ NULL, "/nothing", true },
		{ NULL, "/half", true },
		{ NULL, "/slow", true },
		{ "http://127.0.0.1:1/", NULL, false },
		{ "http://no-such-name.invalid/", NULL, false },
		{ "http://u@127.0.0.1/", NULL, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		auto_http_request struct http_request request =
		    cases[i].path ? make_to(&here, "POST", cases[i].path)
				  : make("POST", cases[i].url);

		request.timeout_ms = 500;
		call_with(client, &request, NULL, NULL);
		if (got.sent != cases[i].sent)
			fail_msg("case %zu: %s", i, got.reason);
	}
	auto_free char *tls = xasprintf("https://127.0.0.1:%u/ok", (unsigned)here.port);
	get_url(tls);
	assert_int_equal(got.err, ERR_REMOTE);
	assert_false(got.sent);
}

#define MANY 300

static void
carries_hundreds_at_once(void **state)
{
	static struct outcome outcomes[MANY];
	static struct http_request requests[MANY];

	(void)state;
	for (int i = 0; i < MANY; i++) {
		requests[i] = make_to(&here, "GET", i % 3 ? "/ok" : "/404");
		http_client_start(client, &(struct http_call){ .request = &requests[i],
					      .done = keep,
					      .arg = &outcomes[i] });
	}
	assert_int_equal(http_client_in_flight(client), MANY);
	run_until_idle(client);
	for (int i = 0; i < MANY; i++) {
		assert_int_equal(outcomes[i].times, 1);
		assert_int_equal(outcomes[i].status, i % 3 ? 200 : 404);
		json_decref(outcomes[i].headers);
		buf_free(&outcomes[i].body);
		http_request_free(&requests[i]);
	}
}

static void
never(void *arg, struct http_result *result)
{
	(void)arg;
	(void)result;
	fail_msg("a cancelled call was delivered");
}

static void
never_timer(void *arg)
{
	(void)arg;
	fail_msg("a cancelled timer was delivered");
}

static void
drops_what_is_cancelled_without_a_word(void **state)
{
	auto_http_request struct http_request slow = make_to(&here, "GET", "/slow");
	auto_http_request struct http_request bad = make("GET", "ftp://x/");
	int key;

	(void)state;
	http_client_start(client,
	    &(struct http_call){ .request = &slow, .done = never, .arg = &key });
	http_client_start(client,
	    &(struct http_call){ .request = &bad, .done = never, .arg = &key });
	http_client_after(client, 0, never_timer, &key);
	assert_int_equal(http_client_in_flight(client), 2);
	assert_int_equal(http_client_cancel(client, &key), 3);
	assert_int_equal(http_client_in_flight(client), 0);
	http_client_run(client, 20);
	assert_int_equal(http_client_cancel(client, &key), 0);
}

static void
closing_with_calls_in_flight_leaks_nothing(void **state)
{
	struct http_client *other = open_client("127.0.0.1");
	auto_http_request struct http_request slow = make_to(&here, "GET", "/slow");

	(void)state;
	http_client_start(other, &(struct http_call){ .request = &slow, .done = never });
	http_client_run(other, 20);
	http_client_after(other, 0, never_timer, NULL);
	http_client_close(&other);
	assert_null(other);
	http_client_close(&other);
}

static char order[8];

static void
note(void *arg)
{
	size_t len = strlen(order);

	if (len + 1 < sizeof order)
		order[len] = *(char *)arg;
}

static void
timers_come_in_order_and_not_early(void **state)
{
	static char b = 'b', c = 'c';
	int64_t start = clock_monotonic_ms();

	(void)state;
	memset(order, 0, sizeof order);
	http_client_after(client, 60, note, &c);
	http_client_after(client, 20, note, &b);
	while (strlen(order) < 2)
		http_client_run(client, 1000);
	assert_string_equal(order, "bc");
	assert_in_range(clock_monotonic_ms() - start, 60, 1000);
}

static void *
wake_soon(void *arg)
{
	usleep(30000);
	http_client_wakeup(arg);
	return NULL;
}

static void
another_thread_can_wake_it(void **state)
{
	int64_t start = clock_monotonic_ms();
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, wake_soon, client), 0);
	assert_int_equal(http_client_run(client, 5000), 0);
	assert_in_range(clock_monotonic_ms() - start, 20, 3000);
	pthread_join(thread, NULL);
}

struct chain {
	struct http_request *request;
	int left;
};

static void
start_again(void *arg, struct http_result *result)
{
	struct chain *chain = arg;

	assert_int_equal(result->err, ERR_REMOTE);
	if (--chain->left > 0)
		http_client_start(client, &(struct http_call){ .request = chain->request,
					      .done = start_again,
					      .arg = chain });
}

static void
a_callback_that_starts_refused_calls_does_not_hold_the_turn(void **state)
{
	auto_http_request struct http_request bad = make("GET", "ftp://x/");
	struct chain chain = { &bad, 1000 };

	(void)state;
	http_client_start(client,
	    &(struct http_call){ .request = &bad, .done = start_again, .arg = &chain });
	assert_int_equal(http_client_run(client, 1000), 1);
	assert_int_equal(chain.left, 999);
	run_until_idle(client);
	assert_int_equal(chain.left, 0);
}

static void
refuses_to_open_with_a_missing_ca_file(void **state)
{
	struct http_client_options options = { .ca_file = "/nonexistent/ca.pem" };
	struct http_client *none = NULL;
	struct errctx ctx = { 0 };

	(void)state;
	assert_int_equal(http_client_open(&options, &none, &ctx), ERR_CONFIG);
	assert_null(none);
}

static int
set_up(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	log_setup("test", LOG_ERROR, false);
	server_start(&here);
	server_start(&there);
	client = open_client("127.0.0.0/8");
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	http_client_close(&client);
	server_stop(&here);
	server_stop(&there);
	json_decref(got.headers);
	buf_free(&got.body);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(delivers_status_headers_and_body),
		cmocka_unit_test(passes_every_status_through),
		cmocka_unit_test(sends_what_was_asked_for_and_no_more),
		cmocka_unit_test(sends_a_body_with_any_method_and_a_zero_length_where_due),
		cmocka_unit_test(head_has_headers_only),
		cmocka_unit_test(ends_an_answer_that_is_too_large),
		cmocka_unit_test(gives_up_in_time),
		cmocka_unit_test(a_name_that_does_not_resolve_in_time_holds_nobody_up),
		cmocka_unit_test(says_in_safe_words_what_broke),
		cmocka_unit_test(an_answer_without_tls_is_no_tls),
		cmocka_unit_test(reaches_no_address_that_is_not_listed),
		cmocka_unit_test(waits_for_no_leave_to_send_a_large_body),
		cmocka_unit_test(refuses_a_name_when_one_of_its_addresses_is_refused),
		cmocka_unit_test(refuses_urls_that_are_not_plain_http),
		cmocka_unit_test(refuses_headers_that_would_become_others),
		cmocka_unit_test(follows_within_the_origin_with_everything),
		cmocka_unit_test(a_see_other_becomes_get_without_body),
		cmocka_unit_test(carries_no_credential_to_another_origin),
		cmocka_unit_test(sends_no_body_to_another_origin),
		cmocka_unit_test(checks_every_hop_again),
		cmocka_unit_test(returns_a_redirect_that_is_not_to_be_followed),
		cmocka_unit_test(asks_allowed_hosts_for_every_hop),
		cmocka_unit_test(carries_cookies_from_request_to_request),
		cmocka_unit_test(carries_cookies_from_hop_to_hop_only_with_a_jar),
		cmocka_unit_test(carries_no_cookie_to_another_port_but_keeps_what_that_one_sets),
		cmocka_unit_test(logs_the_refused_address_and_not_the_host),
		cmocka_unit_test(ignores_proxies_in_the_environment),
		cmocka_unit_test(uses_the_configured_proxy_but_not_for_refused_addresses),
		cmocka_unit_test(keeps_connections_for_the_next_request),
		cmocka_unit_test(uses_no_kept_connection_for_what_must_not_be_sent_twice),
		cmocka_unit_test(says_whether_the_other_side_may_have_got_the_request),
		cmocka_unit_test(carries_hundreds_at_once),
		cmocka_unit_test(drops_what_is_cancelled_without_a_word),
		cmocka_unit_test(closing_with_calls_in_flight_leaks_nothing),
		cmocka_unit_test(timers_come_in_order_and_not_early),
		cmocka_unit_test(another_thread_can_wake_it),
		cmocka_unit_test(a_callback_that_starts_refused_calls_does_not_hold_the_turn),
		cmocka_unit_test(refuses_to_open_with_a_missing_ca_file),
	};

	return cmocka_run_group_tests_name("http_client", tests, set_up, tear_down);
}
