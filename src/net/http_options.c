/* SPDX-License-Identifier: Apache-2.0 */
/* How a hop is told to libcurl: options, headers, and the callbacks that check and count. */
#include "net/http_options.h"

#include <ctype.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include <curl/curl.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/secret.h"

#define CONNECT_TIMEOUT_MS 10000
#define METHOD_MAX 32
#define COOKIE_HEADER_MAX 8192

enum header_rule {
	HEADER_SEND,
	HEADER_HARMLESS, /* goes to another origin too */
	HEADER_OURS,     /* dropped: libcurl or this client decides */
	HEADER_HOST,     /* only as the URL says it */
	HEADER_COOKIE,   /* joined with the jar's */
	HEADER_REFUSED
};

static const struct {
	const char *name;
	enum header_rule rule;
} header_rules[] = {
	{ "accept", HEADER_HARMLESS },
	{ "content-type", HEADER_HARMLESS },
	{ "user-agent", HEADER_HARMLESS },
	{ "accept-encoding", HEADER_OURS },
	{ "connection", HEADER_OURS },
	{ "content-length", HEADER_OURS },
	{ "expect", HEADER_OURS },
	{ "keep-alive", HEADER_OURS },
	{ "host", HEADER_HOST },
	{ "cookie", HEADER_COOKIE },
	{ "proxy-authorization", HEADER_REFUSED },
	{ "proxy-connection", HEADER_REFUSED },
	{ "te", HEADER_REFUSED },
	{ "trailer", HEADER_REFUSED },
	{ "transfer-encoding", HEADER_REFUSED },
	{ "upgrade", HEADER_REFUSED },
};

bool
http_options_is_token(const char *text)
{
	if (!text || !*text)
		return false;
	for (; *text; text++)
		if (!isalnum((unsigned char)*text) && !strchr("!#$%&'*+-.^_`|~", *text))
			return false;
	return true;
}

static bool
is_header_value(const char *text)
{
	if (!text)
		return false;
	for (; *text; text++)
		if (((unsigned char)*text < ' ' && *text != '\t') || *text == 0x7f)
			return false;
	return true;
}

static enum header_rule
rule_of(const char *name)
{
	for (size_t i = 0; i < sizeof header_rules / sizeof *header_rules; i++)
		if (strcasecmp(header_rules[i].name, name) == 0)
			return header_rules[i].rule;
	return HEADER_SEND;
}

/* The address, which is what an operator can list; a host may have come out of a secret. */
static void
log_blocked(const struct sockaddr *peer, uint16_t port)
{
	char text[NI_MAXHOST] = "";

	if (getnameinfo(peer,
		peer->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
					    : sizeof(struct sockaddr_in),
		text, sizeof text, NULL, 0, NI_NUMERICHOST) != 0)
		text[0] = '\0';
	log_warn(LOG_EVENT("egress_blocked"), LOG_S("address", text), LOG_I("port", port));
}

/* The address is known here, before the first packet, for every address libcurl tries. */
static curl_socket_t
open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *peer)
{
	struct http_transfer *t = arg;

	if (!*t->settings->proxy &&
	    (purpose != CURLSOCKTYPE_IPCXN ||
		!address_guard_allows(&t->settings->guard, &peer->addr, peer->addrlen))) {
		t->fault = HTTP_FAULT_ADDRESS;
		log_blocked(&peer->addr, t->url.port);
		return CURL_SOCKET_BAD;
	}
	return socket(peer->family, peer->socktype | SOCK_CLOEXEC, peer->protocol);
}

/* Kept connections open no socket, and a name with a refused address besides a good one must not be
 * asked at all. */
static int
before_request(void *arg, char *peer, char *local, int peer_port, int local_port)
{
	struct http_transfer *t = arg;

	(void)local;
	(void)local_port;
	if (!*t->settings->proxy &&
	    (t->fault != HTTP_FAULT_NONE || peer_port <= 0 || peer_port > 65535 ||
		!address_guard_allows_text(&t->settings->guard, peer, (uint16_t)peer_port))) {
		t->fault = HTTP_FAULT_ADDRESS;
		return CURL_PREREQFUNC_ABORT;
	}
	t->result.sent = true;
	return CURL_PREREQFUNC_OK;
}

/* libcurl keeps the lines; here they are only counted, those of 1xx answers too. */
static size_t
count_header(char *data, size_t size, size_t n, void *arg)
{
	struct http_transfer *t = arg;

	(void)data;
	t->header_bytes += size * n;
	t->header_lines++;
	if (t->header_bytes <= HTTP_CLIENT_HEADERS_MAX &&
	    t->header_lines <= HTTP_CLIENT_HEADER_LINES_MAX)
		return size * n;
	t->fault = HTTP_FAULT_HEADERS;
	return 0;
}

static size_t
take_body(char *data, size_t size, size_t n, void *arg)
{
	struct http_transfer *t = arg;

	buf_add(&t->result.body, data, size * n);
	if (!t->result.body.over)
		return size * n;
	t->fault = HTTP_FAULT_BODY;
	return 0;
}

/* One option table for all requests: what libcurl may do on its own is as good as nothing. */
static void
set_policy(CURL *easy)
{
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "Bailee");
}

static void
set_callbacks(CURL *easy, struct http_transfer *t)
{
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, count_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, (void *)t);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, (void *)t);
	curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)t->settings->body_max);
}

static void
set_limits(CURL *easy, int64_t timeout_ms)
{
	long timeout = timeout_ms > 86400000 ? 86400000L : (long)timeout_ms;

	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, timeout);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
	    timeout < CONNECT_TIMEOUT_MS ? timeout : (long)CONNECT_TIMEOUT_MS);
}

static void
set_body(CURL *easy, const char *body, size_t len)
{
	curl_easy_setopt(easy, CURLOPT_POST, 1L);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)len);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body); /* borrowed from the request */
}

static const char *
set_method(CURL *easy, const struct http_transfer *t)
{
	const struct http_request *request = t->call.request;
	const char *method = t->as_get ? "GET" : request->method;
	const char *body = t->as_get ? NULL : request->body;

	if (!http_options_is_token(method) || strlen(method) > METHOD_MAX ||
	    strcmp(method, "CONNECT") == 0 || strcmp(method, "TRACE") == 0)
		return "the method is not possible";
	if (strcmp(method, "HEAD") == 0) {
		curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
		return body ? "a HEAD request cannot have a body" : NULL;
	}
	if (body)
		set_body(easy, body, request->body_len);
	else if (strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0 ||
		 strcmp(method, "PATCH") == 0)
		set_body(easy, "", 0); /* RFC 9110 section 8.6: a length, though it is 0 */
	curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
	return NULL;
}

static void
append_line(struct http_transfer *t, const char *line)
{
	struct curl_slist *longer = curl_slist_append(t->headers, line);

	if (!longer)
		abort();
	t->headers = longer;
}

/* libcurl's "Name;" is a header without value, where "Name:" would take one away. */
static void
append_header(struct http_transfer *t, const struct http_header *header)
{
	bool blank = header->value[strspn(header->value, " \t")] == '\0';
	auto_wipe char *line = blank ? xasprintf("%s;", header->name)
				     : xasprintf("%s: %s", header->name, header->value);

	append_line(t, line);
}

static bool
is_own_host(const struct url *url, const char *value)
{
	char with_port[URL_HOST_SIZE + 16];
	bool v6 = strchr(url->host, ':') != NULL;

	snprintf(with_port, sizeof with_port, "%s%s%s:%u", v6 ? "[" : "", url->host, v6 ? "]" : "",
	    (unsigned)url->port);
	return strcasecmp(value, url->host) == 0 || strcasecmp(value, with_port) == 0;
}

/* NULL, or why this header cannot be sent. */
static const char *
set_header(struct http_transfer *t, const struct http_header *header, struct buf *cookies)
{
	enum header_rule rule;

	if (!http_options_is_token(header->name) || !is_header_value(header->value))
		return "a header's name or value holds a character it must not";
	rule = rule_of(header->name);
	if (rule == HEADER_REFUSED)
		return "a header is one that the client itself decides about";
	if (rule == HEADER_OURS || (t->bare && rule != HEADER_HARMLESS))
		return NULL;
	if (t->as_get && strncasecmp(header->name, "content-", 8) == 0)
		return NULL; /* describes the body that is gone, RFC 9110 section 15.4 */
	if (rule == HEADER_HOST)
		return t->hops || is_own_host(&t->url, header->value)
			   ? NULL
			   : "the Host header is not the host of the URL";
	if (rule == HEADER_COOKIE) {
		buf_printf(cookies, "%s%s", cookies->len ? "; " : "", header->value);
		return cookies->over ? "the Cookie header is too long" : NULL;
	}
	append_header(t, header);
	return NULL;
}

static const char *
set_headers(struct http_transfer *t)
{
	const struct http_request *request = t->call.request;
	auto_buf struct buf cookies = BUF_INIT_SECRET(COOKIE_HEADER_MAX);
	const char *why = NULL;

	curl_slist_free_all(t->headers);
	t->headers = NULL;
	append_line(t, "Expect:");
	if (!http_request_header(request, "content-type"))
		append_line(t, "Content-Type:"); /* libcurl would make it a form */
	for (size_t i = 0; i < request->n_headers && !why; i++)
		why = set_header(t, &request->headers[i], &cookies);
	curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers);
	if (cookies.len)
		curl_easy_setopt(t->easy, CURLOPT_COOKIE, buf_text(&cookies));
	return why;
}

static void
set_guard(CURL *easy, struct http_transfer *t)
{
	curl_easy_setopt(easy, CURLOPT_PRIVATE, (void *)t);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, t->error_text);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, (void *)t);
	curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, before_request);
	curl_easy_setopt(easy, CURLOPT_PREREQDATA, (void *)t);
}

void
http_options_connection(struct http_transfer *t, int64_t timeout_ms)
{
	const struct http_settings *settings = t->settings;
	CURL *easy = t->easy;

	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	/* A name server that does not answer must not hold the loop: its thread is left behind. */
	curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
	curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(easy, CURLOPT_PROXY,
	    settings->proxy); /* "" also forbids looking into the environment */
	curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
	curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (settings->ca_file)
		curl_easy_setopt(easy, CURLOPT_CAINFO, settings->ca_file);
	set_guard(easy, t);
	set_limits(easy, timeout_ms);
}

void
http_options_clear(void *easy)
{
	curl_easy_setopt(easy, CURLOPT_COOKIEFILE,
	    NULL); /* ends the cookie engine, which a reset leaves */
	curl_easy_reset(easy);
}

static void
set_blob(CURL *easy, CURLoption option, char *text)
{
	struct curl_blob blob = { .data = text,
		.len = text ? strlen(text) : 0,
		.flags = CURL_BLOB_COPY };

	if (text)
		curl_easy_setopt(easy, option, &blob);
}

/* Who has shown a certificate is somebody: nothing of such a connection is used by anybody else. */
static void
set_identity(CURL *easy, const struct http_transfer *t)
{
	const struct http_request *request = t->call.request;

	if (request->extra_roots)
		set_blob(easy, CURLOPT_CAINFO_BLOB, request->extra_roots);
	if (!request->client_certificate && !request->extra_roots)
		return;
	curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
	curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
	curl_easy_setopt(easy, CURLOPT_SSL_SESSIONID_CACHE, 0L);
	if (!request->client_certificate || t->bare || t->other_door)
		return;
	curl_easy_setopt(easy, CURLOPT_SSLCERTTYPE, "PEM");
	curl_easy_setopt(easy, CURLOPT_SSLKEYTYPE, "PEM");
	set_blob(easy, CURLOPT_SSLCERT_BLOB, request->client_certificate);
	set_blob(easy, CURLOPT_SSLKEY_BLOB, request->client_key);
}

const char *
http_options_apply(struct http_transfer *t, int64_t timeout_ms)
{
	CURL *easy = t->easy;
	const char *why;

	if (t->hops)
		http_options_clear(easy);
	http_options_connection(t, timeout_ms);
	set_policy(easy);
	set_callbacks(easy, t);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, t->call.request->verify_tls ? 1L : 0L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, t->call.request->verify_tls ? 2L : 0L);
	curl_easy_setopt(easy, CURLOPT_CURLU, t->url.handle);
	curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, t->call.request->once ? 1L : 0L);
	set_identity(easy, t);
	why = set_method(easy, t);
	if (!why)
		why = set_headers(t);
	cookie_jar_load(t->call.jar, !t->other_door, easy);
	return why;
}
