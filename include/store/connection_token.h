/* SPDX-License-Identifier: Apache-2.0 */
/* An access token of a connection, for a member of its team, in one round trip. */
#ifndef BAILEE_STORE_CONNECTION_TOKEN_H
#define BAILEE_STORE_CONNECTION_TOKEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/secret.h"
#include "store/auth.h"
#include "store/oauth_grant.h"

struct connection_token {
	int64_t connection_id, team_id;
	struct uuid uuid;         /* of the connection */
	struct bytes sealed;      /* its fields */
	char *account_name;       /* connection type */
	char *first;              /* name of the token that the others hang on; NULL: none */
	bool refreshable;         /* there is a refresh token */
	struct oauth_token token; /* of its grant; a connection without one: token.grant is nil */
};
/* The one of this name (OAUTH_MAIN_TOKEN, or a named one). ERR_NO_CONNECTION for hidden and missing
 * connections alike. A connection without such a grant is no error here. */
enum err connection_token_get(struct store *store, struct auth *auth, int64_t id, const char *name,
    struct connection_token *token_out, struct errctx *ctx) MUSTCHECK;
void connection_token_free(struct connection_token *token);

/* Whether the access token is good for that many seconds from now; one that does not expire is. */
bool connection_token_lasts(const struct connection_token *token, int64_t minimum_s);

/* What the connection has beside it: an object of the form's fields, secret ones too, and of what
 * the provider has brought. Owned. ERR_INTEGRITY. */
enum err connection_token_fields(struct store *store, const struct connection_token *token,
    json_t **fields_out, struct errctx *ctx) MUSTCHECK;

/* The access token. ERR_INTEGRITY. */
enum err connection_token_open(struct store *store, const struct connection_token *token,
    struct secret *access_out, struct errctx *ctx) MUSTCHECK;

#endif
