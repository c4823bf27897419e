/* SPDX-License-Identifier: Apache-2.0 */
/* Connections as the runner uses them: opened, and with what it has found out about them. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "store/connection.h"
#include "store/connection_parts.h"

static enum err
missing(enum err err, struct errctx *ctx)
{
	return err == ERR_NOT_FOUND ? err_set(ctx, ERR_NO_CONNECTION, "", "no such connection")
				    : err;
}

/* ---- sealed parameters ---- */

static struct seal_context
context_of(const struct uuid *uuid, int64_t team_id)
{
	return (struct seal_context){ .table = "connection",
		.row = *uuid,
		.field = "parameters",
		.team_id = team_id };
}

enum err
connection_seal(struct store *store, const struct uuid *uuid, int64_t team_id,
    const json_t *parameters, struct bytes *sealed, struct errctx *ctx)
{
	const struct seal_context context = context_of(uuid, team_id);
	auto_wipe char *text = json_text(parameters);

	return store_seal(store, &context, text, strlen(text), sealed, ctx);
}

enum err
connection_unseal(struct store *store, const struct uuid *uuid, int64_t team_id,
    const struct bytes *sealed, json_t **parameters_out, struct errctx *ctx)
{
	const struct seal_context context = context_of(uuid, team_id);
	auto_secret struct secret text = { 0 };
	enum err err = store_open(store, &context, sealed, &text, ctx);

	return err ? err : json_parse(secret_text(&text), text.len, parameters_out, ctx);
}

struct id_in {
	int64_t id;
};
static const struct col id_in[] = { COL(INT, struct id_in, id) };
static const struct col open_out[] = {
	CONNECTION_COLS(struct connection_use, connection),
	COL(UUID, struct connection_use, uuid),
	COL(BYTES, struct connection_use, sealed),
};
static const struct stmt open_select = { "connection_open",
	"SELECT " CONNECTION_COLUMNS ", x.uuid, x.parameters_sealed FROM connection x "
	"JOIN team t ON t.id = x.team_id WHERE x.id = ?",
	id_in, COL_N(id_in), open_out, COL_N(open_out) };

enum err
connection_open(struct store *store, int64_t id, struct connection_use *use_out, struct errctx *ctx)
{
	struct connection_use use = { 0 };
	enum err err =
	    missing(stmt_one(store->db, &open_select, &(struct id_in){ id }, &use, ctx), ctx);

	if (err)
		return err;
	err = connection_unseal(store, &use.uuid, use.connection.team_id, &use.sealed,
	    &use.parameters, ctx);
	if (err)
		connection_use_free(&use);
	else
		*use_out = use;
	return err;
}

void
connection_use_free(struct connection_use *use)
{
	if (!use)
		return;
	json_decref(use->parameters);
	stmt_row_free(&open_select, use);
	*use = (struct connection_use){ 0 };
}

/* ---- with the connection locked ---- */

struct locked_row {
	struct uuid uuid;
	char *scopes;
};
static const struct col lock_out[] = { COL(UUID, struct locked_row, uuid),
	COL(TEXT, struct locked_row, scopes) };
static const struct stmt lock = { "connection_use_lock",
	"SELECT uuid, scopes FROM connection WHERE id = ? FOR UPDATE", id_in, COL_N(id_in),
	lock_out, COL_N(lock_out) };

enum err
connection_lock_in(struct store *store, int64_t id, char **scopes_out, struct errctx *ctx)
{
	struct locked_row row = { 0 };
	enum err err = missing(stmt_one(store->db, &lock, &(struct id_in){ id }, &row, ctx), ctx);

	if (!err)
		*scopes_out = row.scopes;
	return err;
}

struct refill_in {
	struct uuid uuid;
	int64_t team_id;
	struct bytes sealed;
};
static const struct col refill_in[] = { COL(BYTES, struct refill_in, sealed),
	COL(UUID, struct refill_in, uuid), COL(INT, struct refill_in, team_id) };
static const struct stmt refill = { "connection_refill",
	"UPDATE connection SET parameters_sealed = ?, updated_at = UTC_TIMESTAMP(3) "
	"WHERE uuid = ? AND team_id = ?",
	refill_in, COL_N(refill_in), NULL, 0 };

enum err
connection_refill_in(struct store *store, int64_t id, int64_t team_id, const json_t *parameters,
    struct errctx *ctx)
{
	struct refill_in in = { .team_id = team_id };
	struct locked_row row = { 0 };
	enum err err = missing(stmt_one(store->db, &lock, &(struct id_in){ id }, &row, ctx), ctx);

	in.uuid = row.uuid;
	if (!err)
		err = connection_seal(store, &in.uuid, team_id, parameters, &in.sealed, ctx);
	if (!err)
		err = stmt_run(store->db, &refill, &in, NULL, ctx);
	free(in.sealed.data);
	free(row.scopes);
	return err;
}

/* ---- what a test has told ---- */

const char *
connection_account_kind(const char *metadata_value)
{
	return !metadata_value ? NULL : strchr(metadata_value, '@') ? "email" : "text";
}

struct note_in {
	const char *type, *value, *uid;
	int64_t id;
	struct bytes sealed;
};
static const struct col note_in[] = {
	COL(TEXT, struct note_in, type),
	COL(TEXT, struct note_in, value),
	COL(TEXT, struct note_in, uid),
	COL(INT, struct note_in, id),
	COL(BYTES, struct note_in, sealed),
};
static const struct stmt note_update = { "connection_note_account",
	"UPDATE connection SET metadata_type = COALESCE(?, metadata_type), "
	"metadata_value = COALESCE(?, metadata_value), uid = COALESCE(?, uid) "
	"WHERE id = ? AND parameters_sealed = ?",
	note_in, COL_N(note_in), NULL, 0 };

enum err
connection_note_account_in(struct store *store, const struct connection_use *use,
    const char *metadata_value, const char *uid, struct errctx *ctx)
{
	auto_free char *value = json_text_cut(metadata_value, CONNECTION_ACCOUNT_MAX);
	auto_free char *id = json_text_cut(uid, CONNECTION_ACCOUNT_MAX);
	const struct note_in in = { connection_account_kind(value), value, id, use->connection.id,
		use->sealed };

	return value || id ? stmt_run(store->db, &note_update, &in, NULL, ctx) : OK;
}

static const struct col same_in[] = { COL(INT, struct note_in, id),
	COL(BYTES, struct note_in, sealed) };
struct uuid_row {
	struct uuid uuid;
};
static const struct col uuid_out[] = { COL(UUID, struct uuid_row, uuid) };
static const struct stmt same_select = { "connection_is_same",
	"SELECT uuid FROM connection WHERE id = ? AND parameters_sealed = ? FOR UPDATE", same_in,
	COL_N(same_in), uuid_out, COL_N(uuid_out) };

enum err
connection_is_same_in(struct store *store, const struct connection_use *use, bool *same_out,
    struct errctx *ctx)
{
	const struct note_in in = { .id = use->connection.id, .sealed = use->sealed };
	struct uuid_row row = { 0 };
	enum err err = stmt_one(store->db, &same_select, &in, &row, ctx);

	if (err && err != ERR_NOT_FOUND)
		return err;
	*same_out = !err;
	err_clear(ctx);
	return OK;
}
