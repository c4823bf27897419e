/* SPDX-License-Identifier: Apache-2.0 */
/* Who is calling: the token of a request, checked in the route's own statement or in one of its
 * own. */
#include "web/auth.h"

#include <string.h>
#include <strings.h>

#include "store/auth.h"
#include "vault/api_token.h"
#include "web/pool.h"
#include "web/router.h"

/* The token behind one of the two schemes (RFC 9110 section 11.1: in any letter case); NULL when it
 * is another. */
static const char *
after_scheme(const char *value)
{
	static const char *const schemes[] = { "Bearer ", "Token " };

	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		size_t len = strlen(schemes[i]);

		if (strncasecmp(value, schemes[i], len) == 0)
			return value + len + strspn(value + len, " ");
	}
	return NULL;
}

enum err
auth_present(struct auth *auth, const struct request *request, uint32_t scope, struct errctx *ctx)
{
	const char *token =
	    request->authorization ? after_scheme(request->authorization) : request->x_user_token;

	auth->need = scope;
	if (!request->authorization && !token)
		return err_set(ctx, ERR_UNAUTHENTICATED, "",
		    "send an API token in the Authorization header");
	if (!token || strlen(token) >= sizeof(auth->token) ||
	    api_token_parse(token, auth->public_id))
		return err_set(ctx, ERR_UNAUTHENTICATED, "",
		    "the API token is unknown, revoked or expired");
	memcpy(auth->token, token, strlen(token) + 1);
	return OK;
}

enum err
auth_first(struct ctx *ctx)
{
	struct pool *pool = ctx->app;

	return auth_load(&pool->store, ctx->auth, &ctx->err);
}

bool
auth_checked(const struct auth *auth)
{
	return auth->checked;
}

const char *
auth_public_id(const struct auth *auth)
{
	return auth->public_id;
}
