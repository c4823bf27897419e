/* SPDX-License-Identifier: Apache-2.0 */
/* All outgoing HTTP: one libcurl multi loop, run by one thread, with the checks no request may go
 * around. */
#ifndef BAILEE_NET_HTTP_CLIENT_H
#define BAILEE_NET_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "base/buf.h"
#include "base/error.h"
#include "net/address_guard.h"
#include "net/cookie.h"
#include "net/http_request.h"
#include "net/mail.h"

#define HTTP_CLIENT_BODY_MAX                                                                       \
	(1024 * 1024) /* default cap of an answer's body, bytes, after decoding */
#define HTTP_CLIENT_HEADERS_MAX                                                                    \
	(128 * 1024) /* cap of all header lines of one hop, 1xx answers included, bytes */
#define HTTP_CLIENT_HEADER_LINES_MAX 1000 /* and how many: libcurl walks all of them for each */
#define HTTP_CLIENT_HOPS_MAX 5            /* redirects followed */
#define HTTP_CLIENT_TIMEOUT_MS 30000      /* of a request that names none */

struct http_client;

/* Texts and guard are copied; zero values mean the defaults. */
struct http_client_options {
	struct address_guard guard;
	const char
	    *proxy; /* URL of the operator's proxy, which then checks addresses; NULL or "": none */
	const char *ca_file; /* PEM bundle instead of the system's; NULL or "": the system's */
	size_t body_max;
};

/* What came of a request. Owned by the client and gone after the callback. */
struct http_result {
	enum err
	    err; /* OK for every complete answer, 4xx and 5xx too; ERR_TIMEOUT; else ERR_REMOTE */
	char reason[200]; /* why not OK, in words safe to show: no URL, no bytes of the other side;
			     "" when OK */
	int status;       /* HTTP status of the last hop; 0 unless OK */
	bool sent;        /* a byte of the request may have reached the other side; false: it
			     certainly did not act */
	json_t *headers;  /* object: lower-cased name -> text, or array of texts when repeated; of
			     the last hop; never NULL */
	struct buf body;  /* of the last hop; cleansed when freed; empty unless OK */
	int64_t elapsed_ms;    /* all hops */
	const char *final_url; /* origin and path of the last hop, no query; a path can hold a
				  secret: do not show to others */
};

typedef void http_done_fn(void *arg, struct http_result *result);
typedef void http_timer_fn(void *arg);

/* `request`, `jar` and `allowed_hosts` are borrowed and must stay as they are until `done` was
 * called or the call cancelled. */
struct http_call {
	const struct http_request *request;
	const struct mail_letter *letter; /* instead of a request, jar and hosts; or NULL */
	struct cookie_jar
	    *jar; /* cookies in and out; NULL: none are kept, not even from hop to hop */
	const json_t *allowed_hosts;   /* patterns every hop's URL must match (net/allowed_hosts.h);
					  NULL: no such limit */
	const json_t *allowed_by_each; /* array of such arrays, each of which must allow every hop;
					  borrowed likewise; NULL: none */
	http_done_fn *done;
	void *arg; /* for done, and the name of the call for cancelling */
};

/* Before threads and any libcurl use, once per process: forget proxies, key logs and the like from
 * the environment. */
void http_client_clean_environment(void);

/* Not across fork. ERR_CONFIG when libcurl does not take the options. The first call sets up
 * libcurl with memory that is cleansed when freed. */
enum err http_client_open(const struct http_client_options *options,
    struct http_client **client_out, struct errctx *ctx) MUSTCHECK;
/* Drops what is in flight without calling anybody. NULL allowed. */
void http_client_close(struct http_client **client);

/* Never calls `done` itself: every end, an immediate refusal too, is told from http_client_run().
 */
void http_client_start(struct http_client *client, const struct http_call *call);

/* Call `fn(arg)` once from http_client_run(), `ms` from now. */
void http_client_after(struct http_client *client, int64_t ms, http_timer_fn *fn, void *arg);

/* Drop every call and timer with this arg, without calling them. Returns how many there were. Not
 * from inside `done` of the same call, which is over by then. */
unsigned http_client_cancel(struct http_client *client, const void *arg);

/* One turn: wait for an event, at most `timeout_ms`, then deliver. Callbacks may start calls and
 * timers. Returns the number of callbacks made. */
unsigned http_client_run(struct http_client *client, int timeout_ms);

/* Ends the waiting of http_client_run(), now or the next one. The only function other
 * threads may call. */
void http_client_wakeup(struct http_client *client);

unsigned http_client_in_flight(
    const struct http_client *client); /* calls whose done is still to come */

/* Keep the body beyond the callback; buf_free() it. */
struct buf http_result_take_body(struct http_result *result);

#endif
