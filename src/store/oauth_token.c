/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens of grants: each answer of a provider is a generation of its own, sealed for its place. */
#include "store/oauth_grant.h"

#include <stdio.h>
#include <stdlib.h>

#define FIELD_SIZE 32
#define TYPE_MAX 32

/* ---- reading ---- */

struct token_in {
	struct uuid grant;
	struct oauth_owner owner;
	const char *name;
	int64_t team_id;
};
static const struct col grant_in[] = { COL(UUID, struct token_in, grant) };
static const struct col connection_in[] = { COL(INT, struct token_in, owner.connection_id),
	COL(TEXT, struct token_in, name) };
static const struct col main_in[] = { COL(UUID, struct token_in, grant),
	COL(INT, struct token_in, team_id) };
static const struct col user_credential_in[] = {
	COL(INT, struct token_in, owner.user_credential_id), COL(TEXT, struct token_in, name)
};
#define OUT(type, member) COL(type, struct oauth_token, member)
static const struct col token_out[] = { OUT(UUID, grant), OUT(INT, team_id), OUT(INT, generation),
	OUT(TEXT, grant_state), OUT(TEXT, problem), OUT(TEXT, connection_type),
	OUT(TEXT, client_id), OUT(TEXT, destination), OUT(BYTES, access_sealed),
	OUT(BYTES, refresh_sealed), OUT(BOOL, bound), OUT(TEXT, token_type), OUT(TIME, expires_at),
	OUT(TIME, created_at) };
#define SELECT(var, name, where, in)                                                               \
	static const struct stmt var = { name,                                                     \
		"SELECT g.uuid, g.team_id, t.generation, g.state, g.problem, "                     \
		"g.connection_type, g.client_id, g.destination, t.access_sealed, "                 \
		"t.refresh_sealed, t.bound, t.token_type, t.expires_at, t.created_at FROM "        \
		"oauth_grant g "                                                                   \
		"JOIN oauth_token t ON t.grant_uuid = g.uuid AND t.generation = g.generation "     \
		"WHERE " where,                                                                    \
		in, COL_N(in), token_out, COL_N(token_out) }

SELECT(load, "oauth_token_load", "g.uuid = ?", grant_in);
/* Whoever can write this table could hang a grant on another team's connection, or on another
 * team's grant: its tokens would open there. */
SELECT(of_main, "oauth_token_of_main", "g.uuid = ? AND g.team_id = ? AND g.main_uuid IS NULL",
    main_in);
SELECT(of_connection, "oauth_token_of_connection",
    "g.connection_id = ? AND g.token_name = ? AND g.team_id = (SELECT team_id FROM connection "
    "WHERE id = "
    "g.connection_id)",
    connection_in);
SELECT(of_user_credential, "oauth_token_of_user_credential",
    "g.user_credential_id = ? AND g.token_name = ? AND g.team_id = (SELECT team_id FROM "
    "user_credential WHERE id = "
    "g.user_credential_id)",
    user_credential_in);

void
oauth_token_free(struct oauth_token *token)
{
	if (token)
		stmt_row_free(&load, token);
}

static enum err
read_one(struct store *store, const struct stmt *stmt, const struct token_in *in,
    struct oauth_token *row_out, struct errctx *ctx)
{
	struct oauth_token row = { 0 };
	enum err err = stmt_one(store->db, stmt, in, &row, ctx);

	if (err == ERR_NOT_FOUND)
		return err_set(ctx, err, "", "no such authorization");
	if (!err)
		*row_out = row;
	return err;
}

enum err
oauth_token_load(struct store *store, const struct uuid *grant, struct oauth_token *row_out,
    struct errctx *ctx)
{
	return read_one(store, &load, &(struct token_in){ .grant = *grant }, row_out, ctx);
}

enum err
oauth_token_of_main(struct store *store, const struct oauth_grant *grant,
    struct oauth_token *row_out, struct errctx *ctx)
{
	return read_one(store, &of_main,
	    &(struct token_in){ .grant = grant->main_uuid, .team_id = grant->team_id }, row_out,
	    ctx);
}

enum err
oauth_token_of(struct store *store, const struct oauth_owner *owner, const char *name,
    struct oauth_token *row_out, struct errctx *ctx)
{
	return read_one(store, owner->connection_id ? &of_connection : &of_user_credential,
	    &(struct token_in){ .owner = *owner, .name = name }, row_out, ctx);
}

void
oauth_recipient_digest(const struct oauth_recipient *recipient, unsigned char out[SEAL_POLICY_SIZE])
{
	const char *texts[] = { recipient->connection_type, recipient->client_id,
		recipient->destination };

	seal_digest("bailee/oauth-token/1", texts, 3, out);
}

/* Where both halves of a generation belong. */
struct place {
	struct uuid grant;
	int64_t team_id, generation;
	bool bound;
	unsigned char policy[SEAL_POLICY_SIZE];
};

/* A value moved to another generation does not open there. */
static struct seal_context
context_of(const struct place *place, const char *what, char field[FIELD_SIZE])
{
	snprintf(field, FIELD_SIZE, "%s:%lld", what, (long long)place->generation);
	return (struct seal_context){ .table = "oauth_token",
		.row = place->grant,
		.field = field,
		.team_id = place->team_id,
		.policy = place->bound ? place->policy : NULL };
}

static enum err
open_one(struct store *store, const struct place *place, const char *what,
    const struct bytes *sealed, struct secret *text_out, struct errctx *ctx)
{
	char field[FIELD_SIZE];
	const struct seal_context context = context_of(place, what, field);

	if (!text_out)
		return OK;
	secret_free(text_out);
	return sealed->data ? store_open(store, &context, sealed, text_out, ctx) : OK;
}

enum err
oauth_token_open(struct store *store, const struct oauth_token *token,
    const struct oauth_recipient *recipient, struct secret *access_out, struct secret *refresh_out,
    struct errctx *ctx)
{
	struct place place = { .grant = token->grant,
		.team_id = token->team_id,
		.generation = token->generation,
		.bound = token->bound };

	oauth_recipient_digest(recipient ? recipient : &OAUTH_RECIPIENT_OF(token), place.policy);
	enum err err = open_one(store, &place, "access", &token->access_sealed, access_out, ctx);
	return err ? err
		   : open_one(store, &place, "refresh", &token->refresh_sealed, refresh_out, ctx);
}

/* ---- adding ---- */

struct add_in {
	struct uuid grant;
	int64_t generation, team_id, expires_at;
	struct bytes access_sealed, refresh_sealed;
	const char *token_type;
};
#define ADD(type, member) COL(type, struct add_in, member)
static const struct col add_in[] = { ADD(UUID, grant), ADD(INT, generation), ADD(INT, team_id),
	ADD(BYTES, access_sealed), ADD(BYTES, refresh_sealed), ADD(TEXT, token_type),
	ADD(TIME, expires_at) };
static const struct stmt add = { "oauth_token_add",
	"INSERT INTO oauth_token (grant_uuid, generation, team_id, access_sealed, refresh_sealed, "
	"token_type, expires_at, bound, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, TRUE, "
	"UTC_TIMESTAMP(3))",
	add_in, COL_N(add_in), NULL, 0 };

static enum err
seal_one(struct store *store, const struct place *place, const char *what,
    const struct secret *text, struct bytes *sealed, struct errctx *ctx)
{
	char field[FIELD_SIZE];
	const struct seal_context context = context_of(place, what, field);

	return text && text->data ? store_seal(store, &context, text->data, text->len, sealed, ctx)
				  : OK;
}

enum err
oauth_token_add_in(struct store *store, const struct uuid *grant, int64_t team_id,
    int64_t generation, const struct oauth_token_new *token,
    const struct oauth_recipient *recipient, struct errctx *ctx)
{
	char type[TYPE_MAX + 1];
	struct place place = { *grant, team_id, generation, true, { 0 } };
	struct add_in in = { .grant = *grant,
		.generation = generation,
		.team_id = team_id,
		.expires_at = token->expires_at,
		.token_type = type };

	snprintf(type, sizeof(type), "%s", token->token_type ? token->token_type : "Bearer");
	oauth_recipient_digest(recipient, place.policy);
	enum err err = seal_one(store, &place, "access", token->access, &in.access_sealed, ctx);
	if (!err)
		err = seal_one(store, &place, "refresh", token->refresh, &in.refresh_sealed, ctx);
	if (!err)
		err = stmt_run(store->db, &add, &in, NULL, ctx);
	free(in.access_sealed.data);
	free(in.refresh_sealed.data);
	return err;
}

/* ---- as they are kept for those who use a user credential ---- */

static const struct stmt forget_token = { "oauth_owner_forget_token",
	"DELETE FROM fetch_token WHERE credential_id = ?", user_credential_in, 1, NULL, 0 };

enum err
oauth_owner_forget_token_in(struct store *store, const struct oauth_owner *owner,
    struct errctx *ctx)
{
	return owner->user_credential_id ? stmt_run(store->db, &forget_token,
					       &(struct token_in){ .owner = *owner }, NULL, ctx)
					 : OK;
}
