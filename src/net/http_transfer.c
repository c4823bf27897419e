/* SPDX-License-Identifier: Apache-2.0 */
/* One call of the HTTP client on its way: its hops, its checks, its result. */
#include "net/http_transfer.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/secret.h"
#include "net/allowed_hosts.h"
#include "net/http_options.h"
#include "net/mail_transfer.h"

static const char blocked_text[] =
    "the host's address is not one that may be reached (see egress_allow)";

static bool
fail(struct http_transfer *t, enum err err, const char *why)
{
	t->result.err = err;
	snprintf(t->result.reason, sizeof t->result.reason, "%.199s", why);
	return false;
}

struct http_transfer *
http_transfer_new(const struct http_settings *settings, const struct http_call *call, void *easy)
{
	struct http_transfer *t = xcalloc(1, sizeof *t);
	int64_t timeout = call->letter ? MAIL_TIMEOUT_MS : call->request->timeout_ms;

	assert(call->done);
	t->settings = settings;
	t->call = *call;
	t->easy = easy;
	t->started_ms = clock_monotonic_ms();
	t->deadline_ms = t->started_ms + (timeout > 0 ? timeout : HTTP_CLIENT_TIMEOUT_MS);
	t->result.body = BUF_INIT_SECRET(settings->body_max);
	t->result.headers = json_object();
	t->result.final_url = "";
	return t;
}

void
http_transfer_free(struct http_transfer **transfer)
{
	struct http_transfer *t = transfer ? *transfer : NULL;

	if (!t)
		return;
	curl_slist_free_all(t->headers);
	url_free(&t->url);
	secret_wipe_text(&t->final_url);
	buf_free(&t->result.body);
	json_decref(t->result.headers);
	free(t);
	*transfer = NULL;
}

/* A name says nothing about addresses; those are checked when they are known. Through a proxy they
 * never are. */
static bool
check_target(struct http_transfer *t)
{
	const struct url *url = &t->url;
	auto_wipe char *text = NULL;
	const json_t *patterns;
	size_t i;

	if (url->literal && !address_guard_allows_text(&t->settings->guard, url->host, url->port))
		return fail(t, ERR_REMOTE, blocked_text);
	if (!t->call.allowed_hosts && !t->call.allowed_by_each)
		return true;
	text = url_origin_path(url);
	if (!allowed_hosts_allow(t->call.allowed_hosts, text))
		return fail(t, ERR_REMOTE,
		    "allowed_hosts of the credential does not list this URL");
	json_array_foreach(t->call.allowed_by_each, i, patterns)
	{
		if (!allowed_hosts_allow(patterns, text))
			return fail(t, ERR_REMOTE,
			    "allowed_hosts of a credential in the request does not list this URL");
	}
	return true;
}

static bool
start_hop(struct http_transfer *t)
{
	int64_t left = t->deadline_ms - clock_monotonic_ms();
	const char *why;

	if (!check_target(t))
		return false;
	if (left <= 0)
		return fail(t, ERR_TIMEOUT, "no complete answer in time");
	t->header_bytes = t->header_lines = 0;
	t->error_text[0] = '\0';
	buf_free(&t->result.body);
	why = http_options_apply(t, left);
	return why ? fail(t, ERR_REMOTE, why) : true;
}

static void
finish(struct http_transfer *t)
{
	secret_wipe_text(&t->final_url);
	t->final_url = url_origin_path(&t->url);
	t->result.final_url = t->final_url;
	t->result.elapsed_ms = clock_monotonic_ms() - t->started_ms;
}

bool
http_transfer_begin(struct http_transfer *t)
{
	struct errctx ctx = { 0 };
	const char *url = t->call.letter ? NULL : t->call.request->url;

	if (t->call.letter) {
		mail_transfer_begin(t);
		return true;
	}
	if (url_parse(url ? url : "", &t->url, &ctx) != OK)
		return fail(t, ERR_REMOTE, err_text(&ctx));
	if (start_hop(t))
		return true;
	finish(t);
	return false;
}

static bool
is_redirect(long status)
{
	return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* The one Location header of the answer, or NULL. */
static const char *
location(struct http_transfer *t)
{
	struct curl_header *header = NULL;

	if (curl_easy_header(t->easy, "location", 0, CURLH_HEADER, -1, &header) != CURLHE_OK)
		return NULL;
	return header->amount == 1 ? header->value : NULL;
}

/* RFC 9110 section 15.4: what of the request goes on. */
static void
change_method(struct http_transfer *t, long status)
{
	const char *method = t->call.request->method;

	if (status < 307 && strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
		t->as_get = true;
}

/* A cookie knows its host, but neither port nor scheme. */
static bool
is_other_door(const struct http_transfer *t)
{
	auto_url struct url first = { 0 };

	return url_parse(t->call.request->url, &first, NULL) == OK &&
	       strcmp(first.host, t->url.host) == 0 && !url_same_origin(&first, &t->url);
}

/* Set up the hop to `target`. */
static bool
follow(struct http_transfer *t, long status, const char *target)
{
	struct errctx ctx = { 0 };
	struct url next = { 0 };

	if (++t->hops > HTTP_CLIENT_HOPS_MAX)
		return fail(t, ERR_REMOTE, "too many redirects");
	if (url_resolve(&t->url, target, &next, &ctx) != OK) {
		fail(t, ERR_REMOTE, "");
		snprintf(t->result.reason, sizeof t->result.reason, "redirect: %.150s",
		    err_text(&ctx));
		return false;
	}
	bool downgrade = t->url.tls && !next.tls;
	bool same = url_same_origin(&t->url, &next);
	url_free(&t->url);
	t->url = next;
	if (downgrade)
		return fail(t, ERR_REMOTE, "redirect: from https to http");
	change_method(t, status);
	t->bare = t->bare || !same;
	t->other_door = t->bare && is_other_door(t);
	if (!same && !t->as_get && t->call.request->body)
		return fail(t, ERR_REMOTE, "redirect: would send the body to another host");
	return start_hop(t);
}

static void
add_header(json_t *headers, const char *name, json_t *value)
{
	json_t *before = json_object_get(headers, name);

	if (json_is_array(before)) {
		json_array_append_new(before, value);
	} else if (before) {
		json_t *both = json_array();

		json_array_append(both, before);
		json_array_append_new(both, value);
		json_put(headers, name, both);
	} else {
		json_put(headers, name, value);
	}
}

static void
lower_case(char *text)
{
	for (; *text; text++)
		*text = (char)tolower((unsigned char)*text);
}

/* Bounded by HTTP_CLIENT_HEADERS_MAX and HTTP_CLIENT_HEADER_LINES_MAX. */
static void
collect_headers(struct http_transfer *t)
{
	struct curl_header *header = NULL;

	while ((header = curl_easy_nextheader(t->easy, CURLH_HEADER, -1, header))) {
		auto_free char *name = xstrdup(header->name);

		lower_case(name);
		if (http_options_is_token(name))
			add_header(t->result.headers, name,
			    json_text_lossy(header->value, strlen(header->value)));
	}
}

struct outcome {
	CURLcode code;
	enum err err;
	const char *text;
};

static const struct outcome outcomes[] = {
	{ CURLE_OPERATION_TIMEDOUT, ERR_TIMEOUT, "no complete answer in time" },
	{ CURLE_COULDNT_RESOLVE_HOST, ERR_REMOTE, "the host name does not resolve" },
	{ CURLE_COULDNT_RESOLVE_PROXY, ERR_REMOTE, "the proxy's name does not resolve" },
	{ CURLE_COULDNT_CONNECT, ERR_REMOTE, "the connection was refused" },
	{ CURLE_PEER_FAILED_VERIFICATION, ERR_REMOTE, "the TLS certificate does not verify" },
	{ CURLE_SSL_CONNECT_ERROR, ERR_REMOTE, "TLS could not be set up" },
	{ CURLE_GOT_NOTHING, ERR_REMOTE, "the connection was closed without an answer" },
	{ CURLE_PARTIAL_FILE, ERR_REMOTE, "the connection was closed within the answer" },
	{ CURLE_RECV_ERROR, ERR_REMOTE, "the connection broke, or the answer is not HTTP" },
	{ CURLE_SEND_ERROR, ERR_REMOTE, "the connection broke while sending" },
	{ CURLE_UNSUPPORTED_PROTOCOL, ERR_REMOTE, "the answer is not HTTP" },
	{ CURLE_WEIRD_SERVER_REPLY, ERR_REMOTE, "the answer is not HTTP" },
	{ CURLE_FILESIZE_EXCEEDED, ERR_REMOTE, "the answer is too large" },
};

static const char *const faults[] = {
	[HTTP_FAULT_ADDRESS] = blocked_text,
	[HTTP_FAULT_HEADERS] = "the answer's headers are too large",
	[HTTP_FAULT_BODY] = "the answer is too large",
};

/* The texts of libcurl may quote the other side; of the known ones only OpenSSL's own words are
 * passed on. */
static bool
fail_with_code(struct http_transfer *t, CURLcode code)
{
	static const char openssl[] = "SSL certificate problem: ";

	if (t->fault != HTTP_FAULT_NONE)
		return fail(t, ERR_REMOTE, faults[t->fault]);
	if (code == CURLE_PEER_FAILED_VERIFICATION &&
	    strncmp(t->error_text, openssl, sizeof openssl - 1) == 0)
		return fail(t, ERR_REMOTE, t->error_text);
	for (size_t i = 0; i < sizeof outcomes / sizeof *outcomes; i++)
		if (outcomes[i].code == code)
			return fail(t, outcomes[i].err, outcomes[i].text);
	return fail(t, ERR_REMOTE, curl_easy_strerror(code));
}

bool
http_transfer_hop_ended(struct http_transfer *t, int code)
{
	long status = 0;
	const char *target;

	if (t->call.letter) {
		mail_transfer_ended(t, code);
		t->result.elapsed_ms = clock_monotonic_ms() - t->started_ms;
		return false;
	}
	cookie_jar_store(t->call.jar, !t->other_door, t->easy);
	if (code == CURLE_OK && t->fault == HTTP_FAULT_NONE) {
		curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
		target = location(t);
		if (t->call.request->follow_redirects && is_redirect(status) && target) {
			auto_wipe char *copy = xstrdup(target);

			if (follow(t, status, copy))
				return true;
		} else {
			t->result.status = (int)status;
			collect_headers(t);
		}
	} else {
		fail_with_code(t, (CURLcode)code);
	}
	if (t->result.err != OK)
		buf_free(&t->result.body);
	finish(t);
	return false;
}
