/* SPDX-License-Identifier: Apache-2.0 */
/* One HTTP request, read once and strictly from FastCGI-like parameters: what handlers see instead
 * of FastCGI. */
#ifndef BAILEE_WEB_REQUEST_H
#define BAILEE_WEB_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/json.h"
#include "base/uuid.h"
#include "web/params.h"

enum method {
	METHOD_NONE, /* of a route: unset, refused at start; of a request: one we know no route for
		      */
	METHOD_GET,
	METHOD_HEAD,
	METHOD_POST,
	METHOD_PUT,
	METHOD_PATCH,
	METHOD_DELETE,
	METHOD_OPTIONS,
	METHOD_COUNT
};
extern const char *const method_names[METHOD_COUNT];

#define REQUEST_PATH_MAX 1024         /* bytes of the decoded path, with NUL */
#define REQUEST_URI_MAX 8192          /* bytes of path and query as sent */
#define REQUEST_HEADER_MAX 4096       /* bytes of one header value */
#define REQUEST_COOKIE_MAX (24 << 10) /* of cookies: one for each link, browsers keep 180 */
#define REQUEST_PARAMS_MAX 256        /* FastCGI parameters of one request */

/* Where a request comes from: FastCGI in a worker, plain arrays in tests and fuzzers. All borrowed.
 */
struct request_param {
	const char *name, *value;
};
struct request_source {
	const struct request_param *params;
	size_t n_params;
	const char *body; /* may hold secrets; NUL behind body_len */
	size_t body_len;
	/* OK; ERR_TOO_LARGE: longer than the pool takes, not read; ERR_MALFORMED: ended early or
	 * bad Content-Length */
	enum err body_state;
};

/* Valid until request_close(); all texts are borrowed from the source or lie inside. Header values
 * are NULL when not sent, and hold no control characters (HTAB excepted), RFC 9110 section 5.5. */
struct request {
	enum method method; /* HEAD arrives at handlers as METHOD_GET with `head` set */
	bool head;
	char path[REQUEST_PATH_MAX]; /* decoded, UTF-8, "/" or without trailing slash, no "//", no
					dot segments */
	struct params query;
	const char *authorization, *x_user_token, *content_type, *prefer, *idempotency_key;
	const char *cookie, *origin, *user_agent, *accept_language, *if_none_match;
	const char *remote_addr; /* "" when unknown; "unix:" style texts of nginx are passed on as
				    they are */
	const char *body;        /* never NULL; may hold secrets */
	size_t body_len;
	bool body_optional;      /* set by the router from its route */
	char id[UUID_TEXT_SIZE]; /* request id: from the front server, else made here */
	json_t *json;            /* owned; filled by request_json() */
};

/* Read `source`. On failure (ERR_MALFORMED, ERR_TOO_LARGE; ERR_NOT_FOUND: a path longer than any)
 * `request` still has id, and path and method as far as they could be read, so that the error can
 * be answered in the right shape. Always request_close() it. */
enum err request_open(struct request *request, const struct request_source *source,
    struct errctx *ctx) MUSTCHECK;
void request_close(struct request *request);

/* The body as JSON object, parsed on the first call, borrowed from the request. An empty body gives
 * NULL where the route says body_optional, else ERR_MALFORMED. ERR_MEDIA_TYPE when a body is not
 * application/json (charset utf-8 allowed); ERR_MALFORMED when it is no JSON object. */
enum err request_json(struct request *request, json_t **object_out, struct errctx *ctx) MUSTCHECK;

/* How long the caller wants to wait for a job (RFC 7240): 0 with `respond-async`, the smaller of
 * `wait=N` seconds and `most_ms` else. */
int64_t request_wait_ms(const struct request *request, int64_t most_ms);

/* Value of the cookie `name` (RFC 6265 section 5.4), copied to out; false when it is missing,
 * doubled or does not fit. */
bool request_cookie(const struct request *request, const char *name, char *out, size_t out_size);

#endif
