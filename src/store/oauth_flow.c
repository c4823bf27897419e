/* SPDX-License-Identifier: Apache-2.0 */
/* One trip of a person to a provider and back, as the runner takes it up. */
#include "store/oauth_flow.h"

#include <string.h>

static const struct col uuid_in[] = { COL(UUID, struct oauth_flow, uuid) };
static const struct col load_out[] = {
	COL(UUID, struct oauth_flow, uuid),
	COL(UUID, struct oauth_flow, credential_id),
	COL(UUID, struct oauth_flow, callback_id),
	COL(INT, struct oauth_flow, team_id),
	COL(TEXT, struct oauth_flow, connection_type),
	COL(TEXT, struct oauth_flow, error),
	COL(BYTES, struct oauth_flow, start_sealed),
	COL(BYTES, struct oauth_flow, return_sealed),
};
static const struct stmt load = { "oauth_flow_load",
	"SELECT uuid, credential_id, callback_id, team_id, connection_type, error, start_sealed, "
	"return_sealed FROM oauth_flow WHERE uuid = ?",
	uuid_in, COL_N(uuid_in), load_out, COL_N(load_out) };

static const struct col return_in[] = { COL(UUID, struct oauth_flow, uuid),
	COL(BYTES, struct oauth_flow, return_sealed) };
static const struct stmt take = { "oauth_flow_take",
	"UPDATE oauth_flow SET return_sealed = NULL WHERE uuid = ? AND return_sealed = ?",
	return_in, COL_N(return_in), NULL, 0 };
static const struct col back_in[] = { COL(BYTES, struct oauth_flow, return_sealed),
	COL(UUID, struct oauth_flow, uuid) };
static const struct stmt put_back = { "oauth_flow_put_back",
	"UPDATE oauth_flow SET return_sealed = ? WHERE uuid = ? AND return_sealed IS NULL", back_in,
	COL_N(back_in), NULL, 0 };

void
oauth_flow_free(struct oauth_flow *flow)
{
	if (flow)
		stmt_row_free(&load, flow);
}

enum err
oauth_flow_load(struct store *store, const struct uuid *uuid, struct oauth_flow *flow_out,
    struct errctx *ctx)
{
	struct oauth_flow row = { 0 };
	enum err err = stmt_one(store->db, &load, &(struct oauth_flow){ .uuid = *uuid }, &row, ctx);

	if (err == ERR_NOT_FOUND)
		return err_set(ctx, err, "", "no such authorization");
	if (!err)
		*flow_out = row;
	return err;
}

enum err
oauth_flow_take(struct store *store, const struct oauth_flow *flow, bool *taken_out,
    struct errctx *ctx)
{
	int64_t affected = 0;
	enum err err = stmt_run(store->db, &take, flow, &affected, ctx);

	if (!err)
		*taken_out = affected > 0;
	return err;
}

enum err
oauth_flow_put_back_in(struct store *store, const struct oauth_flow *flow, struct errctx *ctx)
{
	return stmt_run(store->db, &put_back, flow, NULL, ctx);
}

struct there_row {
	struct uuid uuid;
};
static const struct col there_out[] = { COL(UUID, struct there_row, uuid) };
static const struct stmt there_select = { "oauth_flow_is_there",
	"SELECT uuid FROM oauth_flow WHERE uuid = ? FOR UPDATE", uuid_in, COL_N(uuid_in), there_out,
	COL_N(there_out) };

enum err
oauth_flow_is_there_in(struct store *store, const struct oauth_flow *flow, bool *is_there_out,
    struct errctx *ctx)
{
	struct there_row row = { 0 };
	enum err err = stmt_one(store->db, &there_select, flow, &row, ctx);

	if (err && err != ERR_NOT_FOUND)
		return err;
	*is_there_out = !err;
	err_clear(ctx);
	return OK;
}

static enum err
open_one(struct store *store, const struct oauth_flow *flow, const char *field,
    const struct bytes *sealed, json_t **value_out, struct errctx *ctx)
{
	const struct seal_context context = {
		.table = "oauth_flow",
		.row = flow->uuid,
		.field = field,
		.team_id = flow->team_id,
	};
	auto_secret struct secret text = { 0 };
	json_t *value = NULL;
	enum err err = store_open(store, &context, sealed, &text, ctx);

	if (!err &&
	    (json_parse(secret_text(&text), text.len, &value, NULL) || !json_is_object(value))) {
		json_decref(value);
		return err_set(ctx, ERR_INTEGRITY, "", "what a browser brought back is damaged");
	}
	if (!err)
		*value_out = value;
	return err;
}

enum err
oauth_flow_open(struct store *store, const struct oauth_flow *flow, json_t **start_out,
    json_t **return_out, struct errctx *ctx)
{
	json_t *start = NULL;
	enum err err = open_one(store, flow, "start", &flow->start_sealed, &start, ctx);

	if (err)
		return err;
	err = open_one(store, flow, "return", &flow->return_sealed, return_out, ctx);
	if (err)
		json_decref(start);
	else
		*start_out = start;
	return err;
}
