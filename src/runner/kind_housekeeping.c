/* SPDX-License-Identifier: Apache-2.0 */
/* Job kind housekeeping: delete rows that have had their day, a batch of each at a time. */
#include "base/log.h"
#include "runner/kinds.h"
#include "store/fetch_ahead.h"
#include "store/housekeeping.h"
#include "store/oauth_grant.h"
#include "store/oauth_refresh.h"
#include "store/team_keys.h"

static int64_t retention_days = 90;

void
kind_housekeeping_setup(int64_t days)
{
	retention_days = days;
}

enum err
kind_housekeeping_order(struct store *store, struct errctx *ctx)
{
	static const struct job_new job = {
		.kind = "housekeeping",
		.subject = "housekeeping",
		.active_key = "housekeeping",
		.max_attempts = 1,
		.payload = "{}",
	};
	int64_t id;

	return job_enqueue(store, &job, &id, ctx);
}

/* Other things whose time has come: each puts jobs in. */
static const struct sweep {
	const char *name;
	enum err (*run)(struct store *store, int64_t most, int64_t *n_out, struct errctx *ctx);
} sweeps[] = {
	{ "refreshes", oauth_refresh_sweep },
	{ "fetches", fetch_ahead_sweep },
	{ "unconfirmed", oauth_grant_end_stale },
	{ "old_keys", team_keys_sweep },
};

static enum err
sweep_all(struct store *store, bool *more_out, struct errctx *ctx)
{
	for (size_t i = 0; i < sizeof(sweeps) / sizeof(sweeps[0]); i++) {
		int64_t n = 0;
		enum err err = sweeps[i].run(store, HOUSEKEEPING_BATCH, &n, ctx);

		if (err)
			return err;
		if (n)
			log_info(LOG_EVENT("sweep"), LOG_S("of", sweeps[i].name), LOG_I("jobs", n));
		*more_out = *more_out || n >= HOUSEKEEPING_BATCH;
	}
	return OK;
}

/* One batch by each rule; full batches hand the job back, so that other jobs come in between. */
static enum err
housekeeping_load(struct store *store, struct task *task, json_t *payload, struct errctx *ctx)
{
	bool more = false;
	enum err swept = sweep_all(store, &more, ctx);
	(void)payload;

	if (swept)
		return swept;
	for (const struct housekeeping_rule *rule = housekeeping_rules; rule->name; rule++) {
		int64_t deleted = 0;
		enum err err = housekeeping_run(store, rule, retention_days, &deleted, ctx);

		if (err)
			return err;
		if (deleted)
			log_info(LOG_EVENT("housekeeping"), LOG_S("rows", rule->name),
			    LOG_I("deleted", deleted));
		more = more || deleted >= HOUSEKEEPING_BATCH;
	}
	task_settle(task, more ? JOB_BACK : JOB_DONE, NULL);
	return OK;
}

const struct kind kind_housekeeping = {
	.name = "housekeeping",
	.timeout_ms = 30 * 1000,
	.max_attempts = 3,
	.audit = "none",
	.doc = "Deletes stale tokens, old logs and ended jobs, taken forms and runners long gone; "
	       "orders refreshes whose time has come and the end of what nobody has confirmed.",
	.idempotent = "What is deleted is gone; a second run finds nothing left, and a job that is "
		      "there is not put in again.",
	.load = housekeeping_load,
};
