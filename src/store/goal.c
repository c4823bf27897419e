/* SPDX-License-Identifier: Apache-2.0 */
/* Where what a person gives for a credential goes to, and whose account was there before. */
#include "store/goal.h"

#include <string.h>

struct id_in {
	struct uuid id;
};
static const struct col id_in[] = { COL(UUID, struct id_in, id) };
static const struct col load_out[] = {
	COL(INT0, struct goal, own_id),
	COL(INT0, struct goal, extends_id),
	COL(TEXT, struct goal, account_name),
	COL(TEXT, struct goal, account_id),
	COL(TEXT, struct goal, prefill),
};
static const struct stmt load = { "goal_load",
	"SELECT IF(COALESCE(c.platform, 'local') = 'local', c.remote_id, NULL), c.extends_id, "
	"x.metadata_value, x.uid, c.prefill FROM credential c LEFT JOIN connection x ON x.id = "
	"c.extends_id "
	"WHERE c.id = ?",
	id_in, COL_N(id_in), load_out, COL_N(load_out) };

bool
account_is_other(const struct account *before, const struct account *now)
{
	if (before->id && now->id)
		return strcmp(before->id, now->id) != 0;
	return before->name && now->name && strcmp(before->name, now->name) != 0;
}

enum err
goal_load(struct store *store, const struct uuid *credential_id, struct goal *goal_out,
    struct errctx *ctx)
{
	struct goal row = { 0 };
	enum err err = stmt_one(store->db, &load, &(struct id_in){ *credential_id }, &row, ctx);

	if (err == ERR_NOT_FOUND)
		return err_set(ctx, err, "", "no such credential");
	if (!err)
		*goal_out = row;
	return err;
}

void
goal_free(struct goal *goal)
{
	if (goal)
		stmt_row_free(&load, goal);
}

enum err
goal_check(const struct goal *goal, const char *account_id, struct errctx *ctx)
{
	if (!goal->extends_id || !goal->account_id || !account_id ||
	    strcmp(goal->account_id, account_id) == 0)
		return OK;
	return err_set(ctx, ERR_VALUE, "",
	    "this is another account than the connection's%s%.200s%s: use that one",
	    goal->account_name ? " (" : "", goal->account_name ? goal->account_name : "",
	    goal->account_name ? ")" : "");
}
