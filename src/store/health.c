/* SPDX-License-Identifier: Apache-2.0 */
/* What the database server is set to, where it matters to what we promise, and how much work there
 * is. */
#include "store/health.h"

#include "store/job.h"

static const struct col settings_cols[] = { COL(INT, struct health_settings, flush_log) };
static const struct stmt settings_select = { "health_settings",
	"SELECT @@innodb_flush_log_at_trx_commit", NULL, 0, settings_cols, COL_N(settings_cols) };

enum err
health_settings(struct store *store, struct health_settings *row_out, struct errctx *ctx)
{
	return stmt_one(store->db, &settings_select, NULL, row_out, ctx);
}

struct alive_in {
	int64_t away_s;
};
static const struct col alive_in[] = { COL(INT, struct alive_in, away_s) };
#define OUT(type, member) COL(type, struct health_cluster, member)
static const struct col cluster_cols[] = { OUT(BOOL, is_cluster), OUT(TEXT, status),
	OUT(TEXT, ready), OUT(INT, size), OUT(INT, state), OUT(INT, autoinc), OUT(TEXT, node),
	OUT(INT, elsewhere) };
#undef OUT
/* Not @@wsrep_on: a server may be built without. */
#define VALUE_OF(table, name)                                                                      \
	"(SELECT VARIABLE_VALUE FROM information_schema." table                                    \
	" WHERE VARIABLE_NAME = 'WSREP_" name "')"
#define IS_CLUSTER "COALESCE(" VALUE_OF("GLOBAL_VARIABLES", "ON") " = 'ON', FALSE)"
#define STATUS VALUE_OF("GLOBAL_STATUS", "CLUSTER_STATUS")
#define READY VALUE_OF("GLOBAL_STATUS", "READY")
#define SIZE VALUE_OF("GLOBAL_STATUS", "CLUSTER_SIZE") " + 0"
#define STATE VALUE_OF("GLOBAL_STATUS", "LOCAL_STATE") " + 0"
#define NODE_ROW "(SELECT " RUNNER_NODE " AS name) n"
static const struct stmt cluster_select = { "health_cluster",
	"SELECT " IS_CLUSTER ", " STATUS ", " READY ", " SIZE ", " STATE
	", @@innodb_autoinc_lock_mode, n.name, "
	"(SELECT COUNT(*) FROM runner WHERE seen_at > UTC_TIMESTAMP(3) - INTERVAL ? SECOND "
	"AND node <> n.name) FROM " NODE_ROW,
	alive_in, COL_N(alive_in), cluster_cols, COL_N(cluster_cols) };

enum err
health_cluster(struct store *store, struct health_cluster *cluster_out, struct errctx *ctx)
{
	return stmt_one(store->db, &cluster_select,
	    &(struct alive_in){ RUNNER_AWAY_S - RUNNER_RESTART_S }, cluster_out, ctx);
}

void
health_cluster_free(struct health_cluster *cluster)
{
	stmt_row_free(&cluster_select, cluster);
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

#define OUT(member) COL(INT, struct health_work, member)
struct work_in {
	int64_t away_s;
};
static const struct col work_in[] = { COL(INT, struct work_in, away_s) };
static const struct col work_cols[] = { OUT(jobs[0].n), OUT(jobs[1].n), OUT(jobs[2].n),
	OUT(jobs[3].n), OUT(grants[0].n), OUT(grants[1].n), OUT(grants[2].n), OUT(grants[3].n),
	OUT(due), OUT(due_oldest_s), OUT(runners), OUT(overdue), OUT(old_keys) };
static const struct stmt work_select = { "health_work",
	"SELECT "
	"(SELECT COUNT(*) FROM job WHERE state = 'queued'), "
	"(SELECT COUNT(*) FROM job WHERE state = 'running'), "
	"(SELECT COUNT(*) FROM job WHERE state = 'failed'), "
	"(SELECT COUNT(*) FROM job WHERE state = 'dead'), "
	"(SELECT COUNT(*) FROM oauth_grant WHERE state = 'waiting'), "
	"(SELECT COUNT(*) FROM oauth_grant WHERE state = 'active'), "
	"(SELECT COUNT(*) FROM oauth_grant WHERE state = 'broken'), "
	"(SELECT COUNT(*) FROM oauth_grant WHERE state = 'ending'), "
	"(SELECT COUNT(*) FROM job WHERE state = 'queued' AND run_at <= UTC_TIMESTAMP(3)), "
	"(SELECT COALESCE(TIMESTAMPDIFF(SECOND, MIN(run_at), UTC_TIMESTAMP(3)), 0) FROM job "
	"WHERE state = 'queued' AND run_at <= UTC_TIMESTAMP(3)), "
	"(SELECT COUNT(*) FROM runner WHERE seen_at > UTC_TIMESTAMP(3) - INTERVAL ? SECOND), "
	"(SELECT COUNT(*) FROM oauth_grant WHERE state = 'active' "
	"AND refresh_at < UTC_TIMESTAMP(3) - INTERVAL 1 MINUTE), "
	"(SELECT COUNT(*) FROM team_key k JOIN team t ON t.id = k.team_id "
	"AND k.generation < t.key_generation WHERE k.destroyed_at IS NULL)",
	work_in, COL_N(work_in), work_cols, COL_N(work_cols) };

enum err
health_work(struct store *store, struct health_work *work_out, struct errctx *ctx)
{
	static const char *const jobs[HEALTH_JOB_STATES] = { "queued", "running", "failed",
		"dead" };
	static const char *const grants[HEALTH_GRANT_STATES] = { "waiting", "active", "broken",
		"ending" };
	struct health_work work = { 0 };
	enum err err =
	    stmt_one(store->db, &work_select, &(struct work_in){ RUNNER_AWAY_S }, &work, ctx);

	if (err)
		return err;
	for (size_t i = 0; i < HEALTH_JOB_STATES; i++)
		work.jobs[i].state = jobs[i];
	for (size_t i = 0; i < HEALTH_GRANT_STATES; i++)
		work.grants[i].state = grants[i];
	*work_out = work;
	return OK;
}
