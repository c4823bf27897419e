/* SPDX-License-Identifier: Apache-2.0 */
/* Which runners are alive. */
#include "store/job.h"

struct runner_in {
	const char *id, *host;
	int64_t pid;
};
static const struct col beat_in[] = {
	COL(TEXT, struct runner_in, id),
	COL(TEXT, struct runner_in, host),
	COL(INT, struct runner_in, pid),
};
static const struct stmt beat = { "runner_beat",
	"INSERT INTO runner (id, host, pid, started_at, seen_at, node) "
	"VALUES (?, LEFT(?, 255), ?, UTC_TIMESTAMP(3), UTC_TIMESTAMP(3), LEFT(" RUNNER_NODE
	", 255)) "
	"ON DUPLICATE KEY UPDATE seen_at = VALUES(seen_at), node = VALUES(node)",
	beat_in, COL_N(beat_in), NULL, 0 };

enum err
runner_beat(struct store *store, const char *id, const char *host, int64_t pid, struct errctx *ctx)
{
	return stmt_run(store->db, &beat, &(struct runner_in){ id, host, pid }, NULL, ctx);
}

struct leave_in {
	int64_t age_s;
	const char *id;
};
static const struct col leave_in[] = { COL(INT, struct leave_in, age_s),
	COL(TEXT, struct leave_in, id) };
static const struct stmt leave = { "runner_leave",
	"UPDATE runner SET seen_at = UTC_TIMESTAMP(3) - INTERVAL ? SECOND WHERE id = ?", leave_in,
	COL_N(leave_in), NULL, 0 };

enum err
runner_leave(struct store *store, const char *id, struct errctx *ctx)
{
	const struct leave_in in = { RUNNER_AWAY_S - RUNNER_RESTART_S, id };

	return stmt_run(store->db, &leave, &in, NULL, ctx);
}

struct age_row {
	int64_t age;
};
static const struct col age_out_cols[] = { COL(INT, struct age_row, age) };
static const struct stmt age = { "runner_age",
	"SELECT COALESCE(TIMESTAMPDIFF(SECOND, MAX(seen_at), UTC_TIMESTAMP(3)), 1000000) "
	"FROM runner",
	NULL, 0, age_out_cols, COL_N(age_out_cols) };

enum err
runner_age_s(struct store *store, int64_t *age_out, struct errctx *ctx)
{
	struct age_row row = { 0 };
	enum err err = stmt_one(store->db, &age, NULL, &row, ctx);

	if (!err)
		*age_out = row.age;
	return err;
}
