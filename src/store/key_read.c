/* SPDX-License-Identifier: Apache-2.0 */
/* Which keys there are: the installation's, and the pairs of the teams by generation. */
#include "store/key_read.h"

#include <stdlib.h>

#include "store/reseal.h"

struct list_row {
	struct key_row key;
};
struct list_in {
	int64_t team_id;
};
static const struct col list_in[] = { COL(INT0, struct list_in, team_id),
	COL(INT0, struct list_in, team_id), COL(INT0, struct list_in, team_id),
	COL(INT0, struct list_in, team_id) };
#define OUT(type, member) COL(type, struct list_row, key.member)
static const struct col list_out[] = { OUT(TEXT, kind), OUT(TEXT, key_id), OUT(INT, team_id),
	OUT(TEXT, team), OUT(INT, generation), OUT(BOOL, current), OUT(TEXT, state),
	OUT(TEXT, resealing), OUT(TIME, created_at), OUT(INT, values) };
static const struct stmt list = { "key_list",
	"SELECT kind, key_id, 0 AS team_id, NULL AS name, 0 AS generation, TRUE, 'current', NULL, "
	"created_at, 0 FROM install_check WHERE ? IS NULL UNION ALL "
	"SELECT 'master', m.key_id, 0, NULL, m.generation, m.state = 'current', m.state, "
	"IF(m.state = 'next', (SELECT CONCAT(COALESCE(SUM(FIND_IN_SET(m.key_id, "
	"REPLACE(h.master_keys, ' ', ',')) = 0), 0), ' of ', COUNT(*), ' processes do not hold it "
	"yet') FROM key_holder h WHERE h.alive_until > UTC_TIMESTAMP(3)), NULL), m.created_at, "
	"(SELECT COUNT(*) FROM team_key s WHERE s.master_key_id = m.key_id) + "
	"(SELECT COUNT(*) FROM app_client c WHERE c.master_mark = m.mark) "
	"FROM master_key m WHERE ? IS NULL UNION ALL "
	"SELECT 'team', k.master_key_id, t.id, t.name, k.generation, "
	"k.generation = t.key_generation, CASE WHEN k.destroyed_at IS NOT NULL THEN 'destroyed' "
	"WHEN k.generation = t.key_generation THEN 'current' ELSE 'old' END, "
	"IF(k.generation = t.key_generation OR k.destroyed_at IS NOT NULL, NULL, "
	"(SELECT CONCAT_WS(': ', j.state, j.error) FROM job j WHERE "
	"j.subject = CONVERT(CONCAT('', t.id) USING ascii) AND j.kind = 'keys_reseal' "
	"ORDER BY j.id DESC LIMIT 1)), k.created_at, 0 "
	"FROM team t JOIN team_key k ON k.team_id = t.id WHERE ? IS NULL OR t.id = ? "
	"ORDER BY team_id, generation, kind",
	list_in, COL_N(list_in), list_out, COL_N(list_out) };

struct keys {
	struct key_row *rows; /* in the order of the statement */
	size_t n;
};

static int
compare(const void *one, const void *other)
{
	const struct key_row *a = one, *b = other;

	if (a->team_id != b->team_id)
		return a->team_id < b->team_id ? -1 : 1;
	return (a->generation > b->generation) - (a->generation < b->generation);
}

static void
add_count(const struct reseal_count *count, void *arg)
{
	const struct key_row find = { .team_id = count->team_id, .generation = count->generation };
	const struct keys *keys = arg;
	struct key_row *row = bsearch(&find, keys->rows, keys->n, sizeof(find), compare);

	if (row)
		row->values += count->n;
}

enum err
key_list(struct store *store, int64_t team_id, struct key_row **rows_out, size_t *n_out,
    struct errctx *ctx)
{
	struct keys keys = { 0 };
	void *rows = NULL;
	enum err err = stmt_all(store->db, &list, &(struct list_in){ team_id },
	    sizeof(struct list_row), &rows, &keys.n, ctx);

	keys.rows = rows; /* a row is a key and nothing else */
	if (!err && keys.n)
		err = reseal_count(store, team_id, add_count, &keys, ctx);
	if (err) {
		key_rows_free(&keys.rows, keys.n);
		return err;
	}
	*rows_out = keys.rows;
	*n_out = keys.n;
	return OK;
}

void
key_rows_free(struct key_row **rows, size_t n)
{
	void *all = *rows;

	stmt_rows_free(&list, sizeof(struct list_row), &all, n);
	*rows = NULL;
}
