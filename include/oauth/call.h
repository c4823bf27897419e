/* SPDX-License-Identifier: Apache-2.0 */
/* What the files that make and read calls to a provider share; nobody outside oauth/ includes it.
 */
#ifndef BAILEE_OAUTH_CALL_H
#define BAILEE_OAUTH_CALL_H

#include <stdbool.h>

#include "net/http_request.h"
#include "oauth/authorize.h"
#include "oauth/exchange.h"
#include "oauth/oauth_parts.h"

/* ---- making ---- */

/* One request in the making. */
struct oauth_making {
	const struct oauth_call *call;
	const json_t *rules;          /* member "oauth2" of the definition */
	json_t *values;               /* what placeholders stand for: owned */
	json_t *params;               /* what is sent, in its order: owned */
	struct http_request *request; /* headers may be added */
	const char *content_type;     /* of its body */
	struct errctx *ctx;
};
/* `request` is to be HTTP_REQUEST_INIT. oauth_making_end() it. */
void oauth_making_begin(struct oauth_making *making, const struct oauth_call *call,
    struct http_request *request, struct errctx *ctx);
void oauth_making_end(struct oauth_making *making);

/* Put what proves the client into parameters or headers. */
enum err oauth_prove_client(struct oauth_making *making) MUSTCHECK;
/* Basic authorization of its id and secret, whatever way it has otherwise. */
enum err oauth_add_basic(struct oauth_making *making) MUSTCHECK;
/* A map of the definition, of all values that are known. */
enum err oauth_put_params(struct oauth_making *making, const json_t *map) MUSTCHECK;
/* Method, URL, body, limits, and at last the headers, of the definition and those each call has:
 * they may sign the body. `url` is of the definition; `as_json` is for a body. */
enum err oauth_finish(struct oauth_making *making, const char *url, const char *method,
    bool as_json) MUSTCHECK;

/* ---- reading ---- */

/* An answer as one JSON value, whichever way it is written; NULL when it cannot be read. Caller
 * owns. */
json_t *oauth_parse_body(const struct http_result *result);
/* The provider's error code in an answer; "" when there is none, or one that holds a secret of the
 * call. */
void oauth_find_error(const struct oauth_call *call, const json_t *body,
    char out[OAUTH_ERROR_SIZE]);
/* "the provider answered 400 (invalid_grant): …": with the provider's words where it has any that
 * hold nothing of the call's secrets. */
void oauth_words(const struct oauth_call *call, const struct http_result *result,
    const json_t *body, const char *error, char out[ERR_TEXT_MAX]);
/* Seconds of Retry-After, 0 when there are none. */
int oauth_retry_after(const struct http_result *result);
/* Whether a status says that it is worth asking again later. */
bool oauth_is_away(int status);

/* Tokens of an answer. False: there is no access token that can be used, or the answer to a code
 * lacks a field; what that one has is given all the same. */
bool oauth_read_tokens(const struct oauth_call *call, const json_t *body,
    struct oauth_tokens *tokens_out);
/* Expiry from an answer of introspection, into has_expiry and expires_at_ms. */
void oauth_read_introspection(const struct oauth_call *call, const json_t *body,
    struct oauth_tokens *tokens_out);

#endif
