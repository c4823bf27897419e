/* SPDX-License-Identifier: Apache-2.0 */
/* User credentials as the operator sees them, who is no member of anything. */
#include "store/user_credential_admin.h"

#include "user_credential_columns.h"

struct admin_in {
	int64_t id, team_id, limit;
};
struct admin_row {
	struct user_credential credential;
};
static const struct col admin_out[] = { USER_CREDENTIAL_COLS(struct admin_row, credential) };
#define FROM_ALL " FROM user_credential c JOIN person o ON o.id = c.owner_id "

static const struct col list_in[] = { COL(INT0, struct admin_in, team_id),
	COL(INT0, struct admin_in, team_id), COL(INT, struct admin_in, limit) };
static const struct stmt list = { "user_credential_admin_list",
	"SELECT " USER_CREDENTIAL_COLUMNS FROM_ALL
	"WHERE ? IS NULL OR c.team_id = ? ORDER BY c.id LIMIT ?",
	list_in, COL_N(list_in), admin_out, COL_N(admin_out) };

enum err
user_credential_admin_list(struct store *store, int64_t team_id, int64_t limit,
    struct user_credential **rows_out, size_t *n_out, struct errctx *ctx)
{
	const struct admin_in in = { .team_id = team_id, .limit = limit };
	void *rows = NULL;
	enum err err = stmt_all(store->db, &list, &in, sizeof(struct admin_row), &rows, n_out, ctx);

	if (!err)
		*rows_out = rows; /* a row is a credential and nothing else */
	return err;
}

static const struct col show_in[] = { COL(INT, struct admin_in, id) };
static const struct stmt show = { "user_credential_admin_show",
	"SELECT " USER_CREDENTIAL_COLUMNS FROM_ALL "WHERE c.id = ?", show_in, COL_N(show_in),
	admin_out, COL_N(admin_out) };

enum err
user_credential_admin_show(struct store *store, int64_t id, struct user_credential *credential_out,
    struct errctx *ctx)
{
	struct admin_row row = { 0 };
	enum err err = stmt_one(store->db, &show, &(struct admin_in){ .id = id }, &row, ctx);

	if (err == ERR_NOT_FOUND)
		return err_set(ctx, err, "", "no such credential");
	if (!err)
		*credential_out = row.credential;
	return err;
}
