/* SPDX-License-Identifier: Apache-2.0 */
/* OAuth 2, the person's trip: the URL he is sent to the provider with, and what he comes back with
 * (RFC 6749 section 4.1, RFC 7636, RFC 8707, RFC 9207). Pure: no database, no network. */
#ifndef BAILEE_OAUTH_AUTHORIZE_H
#define BAILEE_OAUTH_AUTHORIZE_H

#include <stdbool.h>

#include "base/error.h"
#include "base/json.h"
#include "catalog/catalog.h"

#define OAUTH_URL_MAX 16384     /* bytes of a whole authorize URL */
#define OAUTH_CODE_MAX 8192     /* bytes of an authorization code */
#define OAUTH_CLIENT_ID_MAX 512 /* bytes of a client id: as long as it can be kept with a grant */
#define OAUTH_KEPT_MAX 1024     /* bytes of one value that is kept of a redirect or an answer */
#define OAUTH_ERROR_SIZE 65     /* an error code of the provider, with NUL */

/* ---- there ---- */

/* All borrowed. */
struct oauth_trip {
	const struct app_connection *type; /* one with auth oauth2 */
	const char *client_id;             /* "": only its redirect URI is reserved */
	const char *redirect_uri;
	const json_t *fields; /* values of the type's fields, checked by its form; NULL: none */
	const json_t *scopes; /* array of texts asked for besides the default ones; NULL: none */
	const char *state_prefix; /* letters, digits and -: the request's id */
};
struct oauth_start {
	char *url;    /* where the browser goes; holds nothing secret but the state */
	char *state;  /* <state_prefix>.<43 characters of 32 random bytes> */
	char *issuer; /* what `iss` of the redirect must be; NULL: the definition does not know */
	json_t *keep; /* {"verifier": text or null, "client_id", "redirect_uri", "fields": {…},
			 "scopes": […]}: secret, to be sealed until the person is back; scopes are
			 the default ones and those asked for, each once */
};

/* ERR_RULE: there is no client id yet. ERR_VALUE: a field that the URLs need has no value, a scope
 * that cannot be sent, too long. oauth_start_free() it. */
enum err oauth_authorize_start(const struct oauth_trip *trip, struct oauth_start *start_out,
    struct errctx *ctx) MUSTCHECK;
void oauth_start_free(struct oauth_start *start);
#define auto_oauth_start __attribute__((cleanup(oauth_start_free)))

/* ---- and back ---- */

enum oauth_return_verdict {
	OAUTH_RETURN_CODE,   /* `keep` is to be sealed and exchanged */
	OAUTH_RETURN_ERROR,  /* `error` says why there is no code */
	OAUTH_RETURN_FOREIGN /* not from the provider it was begun with: as if it had not come */
};
struct oauth_return {
	enum oauth_return_verdict verdict;
	json_t *keep; /* {"code", "callback": {…}}: secret; NULL unless there is a code, or what
			 stands for one: then without it */
	char error[OAUTH_ERROR_SIZE]; /* of the provider (RFC 6749 section 4.1.2.1), or
					 "invalid_redirect": code or a needed field is missing or
					 not what it should be. Letters, digits and _ . - alone. */
};

/* The parameter of the redirect that has the state. */
const char *oauth_state_param(const struct app_connection *type);

/* `query`: object of the redirect's parameters, each a text; one that comes twice must have been
 * refused before (RFC 6749 section 3.1). `issuer` as oauth_start had it, or NULL. The state is the
 * caller's to check. oauth_return_free() it. */
void oauth_return_read(const struct app_connection *type, const char *issuer, const json_t *query,
    struct oauth_return *return_out);
/* Whether `keep` is what oauth_return_read() makes, and not something sealed by somebody else. */
bool oauth_return_is_whole(const struct app_connection *type, const json_t *keep);
/* Whether a redirect brings a code to be spent; else the client itself has been granted the access,
 * and asks with nothing but what it is. */
bool oauth_takes_code(const struct app_connection *type);
/* ERR_VALUE when what came back is about something else than `fields` of the form have asked for.
 */
enum err oauth_return_agrees(const struct app_connection *type, const json_t *fields,
    const json_t *keep, struct errctx *ctx) MUSTCHECK;
void oauth_return_free(struct oauth_return *returned);
#define auto_oauth_return __attribute__((cleanup(oauth_return_free)))

/* What was sealed of a trip: whoever can write the rows can seal what stands in them. Borrowed. */
struct oauth_kept {
	const struct app_connection *type;
	json_t *start;       /* as oauth_start.keep; its fields may be rewritten in place */
	const json_t *back;  /* as oauth_return.keep */
	const char *prefill; /* what the requester has filled in (catalog/item_form.h), as JSON;
				or NULL */
};
/* ERR_INTEGRITY: it is not what the functions above make; ERR_VALUE: the fields, which say where
 * the client's secret goes, are not as the type and the requester want them. */
enum err oauth_trip_check(const struct oauth_kept *kept, struct errctx *ctx) MUSTCHECK;

#endif
