/* SPDX-License-Identifier: Apache-2.0 */
/* What the database server is set to, where it matters to what we promise. */
#include "store/health.h"

static const struct col settings_cols[] = { COL(INT, struct health_settings, flush_log) };
static const struct stmt settings_select = { "health_settings",
	"SELECT @@innodb_flush_log_at_trx_commit", NULL, 0, settings_cols, COL_N(settings_cols) };

enum err
health_settings(struct store *store, struct health_settings *row_out, struct errctx *ctx)
{
	return stmt_one(store->db, &settings_select, NULL, row_out, ctx);
}

struct lost_row {
	int64_t n;
};
static const struct col lost_cols[] = { COL(INT, struct lost_row, n) };
static const struct stmt lost_select = { "health_lost_mail",
	"SELECT COUNT(*) FROM job WHERE kind = 'mail' AND state IN ('failed', 'dead') "
	"AND finished_at > UTC_TIMESTAMP(3) - INTERVAL 1 DAY",
	NULL, 0, lost_cols, COL_N(lost_cols) };

enum err
health_lost_mail(struct store *store, int64_t *n_out, struct errctx *ctx)
{
	struct lost_row row = { 0 };
	enum err err = stmt_one(store->db, &lost_select, NULL, &row, ctx);

	if (!err)
		*n_out = row.n;
	return err;
}
