/* SPDX-License-Identifier: Apache-2.0 */
/* The access token of a connection, for a member of its team, in one round trip. */
#include "store/connection_token.h"

#include "base/clock.h"
#include "store/connection_parts.h"

struct get_in {
	int64_t id;
	const char *name, *public_id;
};
struct get_row {
	struct auth_row auth;
	struct connection_token token;
};
#define OUT(type, member) COL(type, struct get_row, token.member)
static const struct col get_in[] = { COL(INT, struct get_in, id), COL(TEXT, struct get_in, name),
	COL(TEXT, struct get_in, public_id) };
static const struct col get_out[] = { AUTH_COLS(struct get_row, auth), OUT(INT, connection_id),
	OUT(INT, team_id), OUT(UUID, uuid), OUT(BYTES, sealed), OUT(TEXT, account_name),
	OUT(TEXT, first), OUT(BOOL, refreshable), OUT(TIME, token.created_at),
	OUT(UUID, token.grant), OUT(INT, token.team_id), OUT(INT, token.generation),
	OUT(TEXT, token.grant_state), OUT(TEXT, token.problem), OUT(TEXT, token.connection_type),
	OUT(TEXT, token.client_id), OUT(TEXT, token.destination), OUT(BYTES, token.access_sealed),
	OUT(BOOL, token.bound), OUT(TEXT, token.token_type), OUT(TIME, token.expires_at) };
static const struct stmt get = { "connection_token_get",
	"SELECT " AUTH_COLUMNS ", x.id, x.team_id, x.uuid, x.parameters_sealed, x.account_name, "
	"(SELECT f.token_name FROM oauth_grant f WHERE f.connection_id = x.id "
	"AND f.main_uuid IS NULL), t.refresh_sealed IS NOT NULL, t.created_at, "
	"g.uuid, g.team_id, t.generation, g.state, g.problem, g.connection_type, g.client_id, "
	"g.destination, t.access_sealed, t.bound, t.token_type, t.expires_at FROM api_token k "
	"LEFT JOIN (connection x JOIN team_member m ON m.team_id = x.team_id) "
	"ON x.id = ? AND m.person_id = k.person_id "
	"LEFT JOIN (oauth_grant g JOIN oauth_token t ON t.grant_uuid = g.uuid "
	"AND t.generation = g.generation) ON g.connection_id = x.id "
	/* a name that cannot be one has no rows; compared as it is, it would be an error */
	"AND g.team_id = x.team_id AND g.token_name = CONVERT(? USING ascii) WHERE k.public_id = ?",
	get_in, COL_N(get_in), get_out, COL_N(get_out) };

enum err
connection_token_get(struct store *store, struct auth *auth, int64_t id, const char *name,
    struct connection_token *token_out, struct errctx *ctx)
{
	const struct get_in in = { id, name, auth->public_id };
	static const struct auth_thing thing = AUTH_THING(struct get_row, token, connection_id);
	enum err err = auth_read_one(store, auth, &get, &in, &thing, token_out, ctx);

	if (err == ERR_NOT_FOUND)
		return err_set(ctx, ERR_NO_CONNECTION, "", "no such connection");
	return err;
}

void
connection_token_free(struct connection_token *token)
{
	struct get_row row = { 0 };

	if (!token)
		return;
	row.token = *token;
	stmt_row_free(&get, &row);
	*token = (struct connection_token){ 0 };
}

bool
connection_token_lasts(const struct connection_token *token, int64_t minimum_s)
{
	int64_t expires_at = token->token.expires_at;

	return !expires_at || expires_at - clock_now_ms() >= minimum_s * 1000;
}

enum err
connection_token_fields(struct store *store, const struct connection_token *token,
    json_t **fields_out, struct errctx *ctx)
{
	return connection_unseal(store, &token->uuid, token->team_id, &token->sealed, fields_out,
	    ctx);
}

enum err
connection_token_open(struct store *store, const struct connection_token *token,
    struct secret *access_out, struct errctx *ctx)
{
	return oauth_token_open(store, &token->token, NULL, access_out, NULL, ctx);
}
