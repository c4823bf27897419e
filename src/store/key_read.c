/* SPDX-License-Identifier: Apache-2.0 */
/* Which keys there are: the installation's, and the pairs of the teams by generation. */
#include "store/key_read.h"

struct list_row {
	struct key_row key;
};
#define OUT(type, member) COL(type, struct list_row, key.member)
static const struct col list_out[] = { OUT(TEXT, kind), OUT(TEXT, key_id), OUT(INT, team_id),
	OUT(TEXT, team), OUT(INT, generation), OUT(BOOL, current), OUT(TIME, created_at) };
static const struct stmt list = { "key_list",
	"SELECT kind, key_id, 0 AS team_id, NULL AS name, 0 AS generation, TRUE, created_at "
	"FROM install_check UNION ALL "
	"SELECT 'team', k.master_key_id, t.id, t.name, k.generation, "
	"k.generation = t.key_generation, k.created_at "
	"FROM team t JOIN team_key k ON k.team_id = t.id ORDER BY team_id, generation, kind",
	NULL, 0, list_out, COL_N(list_out) };

enum err
key_list(struct store *store, struct key_row **rows_out, size_t *n_out, struct errctx *ctx)
{
	void *rows = NULL;
	enum err err = stmt_all(store->db, &list, NULL, sizeof(struct list_row), &rows, n_out, ctx);

	if (!err)
		*rows_out = rows; /* a row is a key and nothing else */
	return err;
}

void
key_rows_free(struct key_row **rows, size_t n)
{
	void *all = *rows;

	stmt_rows_free(&list, sizeof(struct list_row), &all, n);
	*rows = NULL;
}
