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
