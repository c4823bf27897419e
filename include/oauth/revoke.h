/* SPDX-License-Identifier: Apache-2.0 */
/* OAuth 2, giving a grant back to the provider (RFC 7009, and the ways of those who have another).
 */
#ifndef BAILEE_OAUTH_REVOKE_H
#define BAILEE_OAUTH_REVOKE_H

#include <stdbool.h>

#include "base/error.h"
#include "catalog/catalog.h"
#include "net/http_client.h"
#include "net/http_request.h"
#include "oauth/exchange.h"

/* Whether the definition says how. */
bool oauth_can_revoke(const struct app_connection *type);
/* Whether revoking one grant ends every grant of the same account to the same client: then an old
 * one must not be revoked while a newer one is in use. */
bool oauth_revoke_ends_all(const struct app_connection *type);
/* Which token is sent; `has_refresh`: whether the grant has a refresh token. */
enum oauth_source oauth_revoke_source(const struct app_connection *type, bool has_refresh);

/* `call`: its type, client, fields and now; `token` is of kind `source`. Errors as those of
 * oauth_request(), ERR_RULE: oauth_can_revoke() is false. http_request_free() it. */
enum err oauth_revoke_request(const struct oauth_call *call, enum oauth_source source,
    struct http_request *request_out, struct errctx *ctx) MUSTCHECK;

enum oauth_revoke_verdict {
	OAUTH_REVOKED,       /* it is no longer good, whoever ended it */
	OAUTH_NOT_SUPPORTED, /* the provider does not do this */
	OAUTH_REVOKE_FAILED, /* refused */
	OAUTH_REVOKE_AWAY    /* no usable answer: to be sent again, which does no harm */
};
struct oauth_revocation {
	enum oauth_revoke_verdict verdict;
	char words[ERR_TEXT_MAX]; /* unless revoked: safe to show */
	int retry_after_s;        /* 0: the provider does not say */
};
void oauth_revoke_read(const struct oauth_call *call, const struct http_result *result,
    struct oauth_revocation *revocation_out);

#endif
