/* SPDX-License-Identifier: Apache-2.0 */
/* The queue as the operator sees it: list, show, put back. */
#include "store/job.h"

#include <stdio.h>

#include "job_columns.h"

#define LIST_MAX 1000

/* First member, so that an array of rows is an array of jobs. */
struct job_row {
	struct job job;
};
static const struct col job_out_cols[] = { JOB_COLS(struct job_row, job) };

struct list_in {
	int64_t id;
	const char *state;
	int64_t limit;
};
static const struct col list_in[] = { COL(TEXT, struct list_in, state),
	COL(TEXT, struct list_in, state), COL(INT, struct list_in, limit) };
static const struct stmt list = { "job_list",
	"SELECT " JOB_COLUMNS " FROM job j WHERE ? IS NULL OR j.state = ? "
	"ORDER BY j.id DESC LIMIT ?",
	list_in, COL_N(list_in), job_out_cols, COL_N(job_out_cols) };

enum err
job_list(struct store *store, const char *state, int64_t limit, struct job **jobs_out,
    size_t *n_out, struct errctx *ctx)
{
	const struct list_in in = { .state = state, .limit = limit < LIST_MAX ? limit : LIST_MAX };
	void *rows = NULL;
	enum err err = stmt_all(store->db, &list, &in, sizeof(struct job_row), &rows, n_out, ctx);

	if (!err)
		*jobs_out = rows;
	return err;
}

static const struct col id_in[] = { COL(INT, struct list_in, id) };
static const struct stmt show = { "job_show", "SELECT " JOB_COLUMNS " FROM job j WHERE j.id = ?",
	id_in, COL_N(id_in), job_out_cols, COL_N(job_out_cols) };

enum err
job_show(struct store *store, int64_t id, struct job *job_out, struct errctx *ctx)
{
	struct job_row row = { 0 };
	enum err err = stmt_one(store->db, &show, &(struct list_in){ .id = id }, &row, ctx);

	if (err == ERR_NOT_FOUND)
		return err_set(ctx, err, "", "no such job");
	if (!err)
		*job_out = row.job;
	return err;
}

/* The key a job of its kind is put in with: what ended has given it up. */
static const struct stmt requeue = { "job_retry",
	"UPDATE job SET state = 'queued', attempt = 0, run_at = UTC_TIMESTAMP(3), "
	"finished_at = NULL, active_key = CASE "
	"WHEN kind IN ('fulfil', 'decline', 'oauth_exchange', 'oauth_confirm') "
	"THEN CONCAT('credential:', subject) "
	"WHEN kind = 'oauth_refresh' THEN CONCAT('oauth:', subject) "
	"WHEN kind = 'oauth_revoke' THEN CONCAT('oauth-revoke:', subject) "
	"WHEN kind = 'housekeeping' THEN kind ELSE CONCAT(kind, ':', subject) END "
	"WHERE id = ? AND state IN ('failed', 'dead')",
	id_in, COL_N(id_in), NULL, 0 };

enum err
job_retry(struct store *store, int64_t id, struct errctx *ctx)
{
	int64_t affected = 0;
	enum err err = stmt_run(store->db, &requeue, &(struct list_in){ .id = id }, &affected, ctx);

	if (err == ERR_DUPLICATE)
		return err_set(ctx, ERR_VALUE, "", "a newer job for the same thing is under way");
	if (!err && affected == 0)
		err = err_set(ctx, ERR_NOT_FOUND, "", "no failed or dead job with this id");
	return err;
}

/* One that runs is lost to its runner, which undoes what it can. */
static const struct stmt cancel = { "job_cancel",
	"UPDATE job SET state = 'failed', active_key = NULL, fence = fence + 1, "
	"lease_owner = NULL, lease_until = NULL, finished_at = UTC_TIMESTAMP(3), "
	"error = 'called off by the operator' WHERE id = ? AND state IN ('queued', 'running')",
	id_in, COL_N(id_in), NULL, 0 };

static enum err
cancel_body(struct store *store, void *arg, struct audit_entry *audit, struct errctx *ctx)
{
	const int64_t *id = arg;
	int64_t affected = 0;
	enum err err = stmt_run(store->db, &cancel, &(struct list_in){ .id = *id }, &affected, ctx);

	snprintf(audit->subject, sizeof(audit->subject), "%lld", (long long)*id);
	if (!err && affected == 0)
		err = err_set(ctx, ERR_NOT_FOUND, "", "no queued or running job with this id");
	return err;
}

enum err
job_cancel(struct store *store, int64_t id, struct errctx *ctx)
{
	struct audit_entry audit = { .event = "job.cancel", .actor = "ctl" };

	return store_write(store, &audit, cancel_body, &id, ctx);
}
