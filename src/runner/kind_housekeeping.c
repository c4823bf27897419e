/* SPDX-License-Identifier: Apache-2.0 */
/* Job kind housekeeping: delete rows that have had their day, a batch of each at a time. */
#include "base/log.h"
#include "runner/kinds.h"
#include "store/housekeeping.h"

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

/* One batch by each rule; full batches hand the job back, so that other jobs come in between. */
static enum err
housekeeping_load(struct store *store, struct task *task, json_t *payload, struct errctx *ctx)
{
	bool more = false;
	(void)payload;

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
	.doc = "Deletes stale tokens, old logs and ended jobs, taken forms and runners long gone.",
	.idempotent = "What is deleted is gone; a second run finds nothing left.",
	.load = housekeeping_load,
};
