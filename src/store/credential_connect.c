/* SPDX-License-Identifier: Apache-2.0 */
/* User credentials that a person connects. */
#include "store/credential_connect.h"

#include <string.h>

#include "store/credential.h"
#include "store/oauth_grant.h"
#include "store/request.h"
#include "store/user_credential.h"

struct ask_in {
	struct uuid uuid;
	int64_t id, team_id;
	const char *type;
};
#define IN(kind, member) COL(kind, struct ask_in, member)

/* ---- reading ---- */

struct open_row {
	struct user_credential_place place;
	struct bytes sealed;
};
static const struct col uuid_in[] = { IN(UUID, uuid) };
static const struct col open_out[] = { USER_CREDENTIAL_PLACE_COLS(struct open_row, place),
	COL(BYTES, struct open_row, sealed) };
static const struct stmt open_select = { "credential_connect_open",
	"SELECT " USER_CREDENTIAL_PLACE_COLUMNS ", c.definition_sealed FROM user_credential c "
	"WHERE c.uuid = ?",
	uuid_in, COL_N(uuid_in), open_out, COL_N(open_out) };

enum err
credential_connect_open(struct store *store, const struct uuid *uuid, json_t **definition_out,
    struct errctx *ctx)
{
	struct open_row row = { 0 };
	enum err err =
	    stmt_one(store->db, &open_select, &(struct ask_in){ .uuid = *uuid }, &row, ctx);

	if (err == ERR_NOT_FOUND)
		return err_set(ctx, ERR_VALUE, "", "the credential is gone");
	if (!err)
		err = user_credential_open(store, &row.place, &row.sealed, definition_out, ctx);
	stmt_row_free(&open_select, &row);
	return err;
}

struct id_row {
	int64_t id;
};
static const struct col lock_in[] = { IN(UUID, uuid), IN(INT, team_id), IN(TEXT, type) };
static const struct col id_out_cols[] = { COL(INT, struct id_row, id) };
static const struct stmt lock = { "credential_connect_lock",
	"SELECT id FROM user_credential WHERE uuid = ? AND team_id = ? "
	"AND JSON_VALUE(shown, '$.connect.type') = ? LOCK IN SHARE MODE",
	lock_in, COL_N(lock_in), id_out_cols, COL_N(id_out_cols) };

enum err
credential_connect_lock_in(struct store *store, const struct uuid *uuid, int64_t team_id,
    const char *type, int64_t *id_out, struct errctx *ctx)
{
	const struct ask_in in = { .uuid = *uuid, .team_id = team_id, .type = type };
	struct id_row row = { 0 };
	enum err err = stmt_one(store->db, &lock, &in, &row, ctx);

	if (err == ERR_NOT_FOUND)
		return err_set(ctx, ERR_VALUE, "",
		    "the credential has been changed since: connect it once more");
	if (!err)
		*id_out = row.id;
	return err;
}

/* ---- ending ---- */

struct asker_row {
	struct uuid credential, request;
};
static const struct col id_in[] = { IN(INT, id) };
static const struct col askers_out[] = { COL(UUID, struct asker_row, credential),
	COL(UUID, struct asker_row, request) };
static const struct stmt askers = { "credential_connect_askers",
	"SELECT id, request_id FROM credential WHERE user_credential_id = ?", id_in, COL_N(id_in),
	askers_out, COL_N(askers_out) };

static enum err
end_askers(struct store *store, int64_t id, bool gone, const char *request_id, struct errctx *ctx)
{
	void *rows = NULL;
	size_t n = 0;
	enum err err = stmt_all(store->db, &askers, &(struct ask_in){ .id = id },
	    sizeof(struct asker_row), &rows, &n, ctx);
	const struct asker_row *row = rows;

	for (size_t i = 0; i < n && !err; i++) {
		err = oauth_grant_end_waiting_in(store, &row[i].credential, NULL, request_id, ctx);
		if (!err && gone)
			err = request_remove_in(store, &row[i].request, ctx);
	}
	stmt_rows_free(&askers, sizeof(struct asker_row), &rows, n);
	return err;
}

enum err
credential_disconnect_in(struct store *store, int64_t id, const char *request_id,
    struct errctx *ctx)
{
	const struct oauth_owner owner = { .user_credential_id = id };
	enum err err = oauth_grant_release_in(store, &owner, request_id, ctx);

	if (!err)
		err = end_askers(store, id, false, request_id, ctx);
	return err ? err : credential_forget_grant_in(store, id, ctx);
}

enum err
credential_disown_in(struct store *store, int64_t id, const char *request_id, struct errctx *ctx)
{
	const struct oauth_owner owner = { .user_credential_id = id };
	enum err err = oauth_grant_release_in(store, &owner, request_id, ctx);

	return err ? err : end_askers(store, id, true, request_id, ctx);
}
