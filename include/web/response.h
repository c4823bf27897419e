/* SPDX-License-Identifier: Apache-2.0 */
/* One HTTP answer: a JSON value, a text or nothing, with headers; errors in the shape of their
 * surface. */
#ifndef BAILEE_WEB_RESPONSE_H
#define BAILEE_WEB_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"

#define RESPONSE_BODY_MAX (16u << 20)
#define RESPONSE_HEADERS_MAX 8192

/* Zero-initialise with RESPONSE_INIT; response_free() in the end. Handlers use the functions only.
 */
struct response {
	int status; /* 0 until answered */
	const char *reason;
	json_t *json;
	const char *content_type; /* of text; borrowed, static */
	struct buf text;      /* body given as text, or the JSON once finished; may hold secrets */
	struct buf headers;   /* "Name: value\r\n" lines of the handler; may hold a cookie */
	struct buf head;      /* whole header block, filled by response_finish() */
	bool no_body;         /* answer to HEAD: Content-Length is kept, the body is not sent */
	enum surface surface; /* shape of errors that are found only at the end */
};
#define RESPONSE_INIT                                                                              \
	((struct response){ .surface = SURFACE_V2,                                                 \
	    .text = BUF_INIT_SECRET(RESPONSE_BODY_MAX),                                            \
	    .headers = BUF_INIT_SECRET(RESPONSE_HEADERS_MAX),                                      \
	    .head = BUF_INIT_SECRET(RESPONSE_HEADERS_MAX + 1024) })

/* Answers of handlers; each replaces what was answered before, and keeps headers. All return OK, so
 * that a handler can end with `return response_json(...)`. */
enum err response_json(struct response *response, json_t *value); /* steals value */
enum err response_json_as(struct response *response, enum success how,
    json_t *value);                                 /* 201, 202 */
enum err response_empty(struct response *response); /* 204 */
/* `content_type` must be static; `text` is copied. */
enum err response_text(struct response *response, const char *content_type, const char *text,
    size_t len);
enum err response_redirect(struct response *response, const char *location); /* 303 See Other */

/* Write what was answered so far, to be given again: the headers of the handler, a NUL, the body.
 */
void response_keep(const struct response *response, struct buf *kept);
/* Answer that again. ERR_INTERNAL when the bytes are no kept answer. */
enum err response_again(struct response *response, int status, const char *kept,
    size_t len) MUSTCHECK;
/* Forget answer and headers: the handler will run again. */
void response_start_over(struct response *response);

/* Add a header. CR, LF, NUL and other control characters in value: ERR_VALUE and nothing added. */
enum err response_header(struct response *response, const char *name, const char *value) MUSTCHECK;

/* Add a cookie for the whole site that no script reads and no other site's calls carry, but a
 * redirect from elsewhere does (RFC 6265bis): HttpOnly, SameSite=Lax, Path=/. `secure` is asked for
 * by a name that begins with __Host-. Name and value are of the token's bytes. An answer that
 * becomes an error loses it. */
enum err response_cookie(struct response *response, const char *name, const char *value,
    int64_t max_age_s, bool secure) MUSTCHECK;

/* Answer the error of `err` in the shape of `surface`, with Retry-After and WWW-Authenticate where
 * they belong; headers set before are dropped. V2 and PUBLIC: {message, detail, code[,
 * suberrors:[{message}]]}; V1: {error, errors:[{message, details}]}. Kinds that are bugs show their
 * generic text only. */
void response_error(struct response *response, enum surface surface, const struct errctx *err);
/* The same with an Allow header ("GET, HEAD, POST"). */
void response_method_error(struct response *response, enum surface surface, const char *allow);

/* Make head and text ready to be sent; once, at the very end. A JSON value longer than
 * RESPONSE_BODY_MAX becomes an ERR_RULE that says so: only lists get that long. */
void response_finish(struct response *response, const char *request_id, bool no_body);
void response_free(struct response *response);
#define auto_response __attribute__((cleanup(response_free)))

#endif
