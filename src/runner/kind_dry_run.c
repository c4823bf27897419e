/* SPDX-License-Identifier: Apache-2.0 */
/* Job kind dry_run: the requests of a user credential, run to see whether they lead to a token. */
#include "base/json.h"
#include "runner/fetch.h"
#include "runner/fetch_trace.h"
#include "runner/kinds.h"
#include "runner/loop.h"

#define DRY_RUN_TIMEOUT_MS (5 * 60 * 1000)

static enum err
dry_run_check(const struct job *job, json_t *payload, struct errctx *ctx)
{
	if (!fetch_subject_id(job) || json_get_int(payload, "person", 0) <= 0)
		return err_set(ctx, ERR_FIELD, "payload", "nobody asks, or for nothing");
	return OK;
}

/* A flow that fails is what was to be found out: the job has done its work. */
static void
ended(struct task *task)
{
	struct fetch *fetch = task->data;
	const char *error = task->outcome.end == JOB_DONE ? NULL : task->outcome.error;

	fetch->trace = fetch_trace_json(fetch, error);
	secret_free(&fetch->token);
	task_settle(task, JOB_DONE, NULL);
	loop_end(task);
}

static enum err
dry_run_load(struct store *store, struct task *task, json_t *payload, struct errctx *ctx)
{
	struct fetch *fetch = fetch_new(task);
	(void)payload;

	fetch->ended = ended;
	enum err err =
	    fetch_subject_load(store, fetch_subject_id(&task->job), &fetch->subject, ctx);
	return err ? err : fetch_open(store, task, ctx);
}

static enum err
dry_run_prepare(struct store *store, struct task *const *tasks, size_t n, struct errctx *ctx)
{
	enum err err = OK;

	for (size_t i = 0; i < n && !err; i++) {
		struct fetch *fetch = tasks[i]->data;

		err = task_seal_out(store, tasks[i], fetch->subject.place.team_id, fetch->trace,
		    &fetch->out, ctx);
	}
	return err;
}

static enum err
dry_run_save(struct store *store, const struct task *task, struct task_outcome *outcome,
    struct errctx *ctx)
{
	const struct fetch *fetch = task->data;

	if (outcome->end != JOB_DONE || !fetch->out.sealed.data)
		return OK;
	return job_value_add(store, task->job.id, &fetch->out, ctx);
}

const struct kind kind_dry_run = {
	.name = "dry_run",
	.timeout_ms = DRY_RUN_TIMEOUT_MS,
	.max_attempts = 2,
	.audit = "credential.test",
	.doc =
	    "Runs the requests of a user credential and tells what came of each, keeping nothing.",
	.idempotent = "A repeated run asks the vendor again and replaces what the first one told.",
	.check = dry_run_check,
	.load = dry_run_load,
	.start = fetch_start,
	.prepare = dry_run_prepare,
	.save = dry_run_save,
	.free = fetch_free,
};
