/* SPDX-License-Identifier: Apache-2.0 */
/* Ending jobs: results, audit rows and the jobs' own rows, many in one transaction. */
#include "runner/save.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "runner/kinds.h"
#include "store/batch.h"

#define SAVE_TRIES 3 /* as it is, then without a result that is refused, then without its kind */

struct batch {
	struct store *store;
	struct task *tasks[SAVE_BATCH_MAX];
	struct task_outcome outcomes[SAVE_BATCH_MAX]; /* as saved: a kind may change its mind */
	size_t n;
	bool in_finish; /* the job's own row was refused, not the result */
};

static bool
is_final(enum job_end end)
{
	return end == JOB_DONE || end == JOB_FAILED;
}

static const char *
end_name(enum job_end end)
{
	static const char *const names[] = {
		[JOB_DONE] = "done",
		[JOB_FAILED] = "failed",
		[JOB_RETRY] = "retry",
		[JOB_BACK] = "back",
	};

	return names[end];
}

/* Its kind still has a say in it. */
static bool
has_kind(const struct task *task, const struct task_outcome *outcome)
{
	return task->kind && (is_final(outcome->end) || task->kind->saves_progress) &&
	       task->save_tries < SAVE_TRIES - 1;
}

static enum err
save_results(struct batch *batch, struct errctx *ctx)
{
	for (size_t i = 0; i < batch->n; i++) {
		const struct task *task = batch->tasks[i];
		struct task_outcome *outcome = &batch->outcomes[i];

		*outcome = task->outcome;
		if (!has_kind(task, outcome) || !task->kind->save || !task->data)
			continue;
		enum err err = task->kind->save(batch->store, task, outcome, ctx);
		if (err)
			return err;
	}
	return OK;
}

/* Each kind's own words about all its tasks of the batch. */
static enum err
save_together(struct batch *batch, struct errctx *ctx)
{
	const struct kind *kind;
	enum err err = OK;

	for (size_t k = 0; (kind = kind_at(k)) && !err; k++) {
		const struct task *tasks[SAVE_BATCH_MAX];
		struct task_outcome *outcomes[SAVE_BATCH_MAX];
		size_t n = 0;

		if (!kind->save_together)
			continue;
		for (size_t i = 0; i < batch->n; i++) {
			const struct task *task = batch->tasks[i];

			if (task->kind != kind || !task->data ||
			    !has_kind(task, &batch->outcomes[i]))
				continue;
			tasks[n] = task;
			outcomes[n++] = &batch->outcomes[i];
		}
		if (n)
			err = kind->save_together(batch->store, tasks, outcomes, n, ctx);
	}
	return err;
}

static enum err
save_audit(struct batch *batch, struct errctx *ctx)
{
	struct audit_entry entries[SAVE_BATCH_MAX];
	size_t n = 0;

	for (size_t i = 0; i < batch->n; i++) {
		const struct task *task = batch->tasks[i];
		const struct task_outcome *outcome = &batch->outcomes[i];

		if (!task->kind || !is_final(outcome->end) || task->silent ||
		    strcmp(task->kind->audit, "none") == 0)
			continue;
		entries[n] = (struct audit_entry){
			.event = task->kind->audit,
			.actor = "runner",
			.request_id = task->job.request_id,
			.team_id = task->job.team_id,
			.failed = outcome->end != JOB_DONE,
		};
		snprintf(entries[n].subject, sizeof(entries[n].subject), "%s", task->job.subject);
		n++;
	}
	return batch_audit(batch->store, entries, n, ctx);
}

static enum err
save_ends(struct batch *batch, struct errctx *ctx)
{
	struct job_over over[SAVE_BATCH_MAX];
	enum err err = OK;
	size_t n = 0;

	for (size_t i = 0; i < batch->n && !err; i++) {
		const struct task_outcome *outcome = &batch->outcomes[i];
		const struct job *job = &batch->tasks[i]->job;
		const char *error = outcome->error[0] ? outcome->error : NULL;

		if (is_final(outcome->end))
			over[n++] = (struct job_over){ job, outcome->end, error };
		else
			err = job_finish(batch->store, job, outcome->end, error, outcome->delay_ms,
			    ctx);
	}
	return err ? err : batch_finish(batch->store, over, n, ctx);
}

static enum err
save_body(struct db *db, void *arg, struct errctx *ctx)
{
	struct batch *batch = arg;
	(void)db;

	batch->in_finish = false;
	enum err err = save_results(batch, ctx);
	if (!err)
		err = save_together(batch, ctx);
	if (!err)
		err = save_audit(batch, ctx);
	if (err)
		return err;
	batch->in_finish = true;
	return save_ends(batch, ctx);
}

/* A lost COMMIT: it has landed unless one of the jobs is still running under our fence. */
static enum err
save_landed(struct db *db, void *arg, bool *landed_out, struct errctx *ctx)
{
	const struct batch *batch = arg;
	bool held = false;
	(void)db;

	for (size_t i = 0; i < batch->n && !held; i++) {
		enum err err = job_is_held(batch->store, &batch->tasks[i]->job, &held, ctx);
		if (err)
			return err;
	}
	*landed_out = !held;
	return OK;
}

static void
log_end(const struct task *task, const char *event, const struct task_outcome *outcome)
{
	log_set_request_id(log_text_or_empty(task->job.request_id));
	log_info(LOG_EVENT(event), LOG_I("job", task->job.id), LOG_S("kind", task->job.kind),
	    LOG_S("subject", task->job.subject), LOG_S("end", end_name(outcome->end)),
	    LOG_I("attempt", task->job.attempt),
	    LOG_I("ms", clock_monotonic_ms() - task->claimed_ms), LOG_S("error", outcome->error));
	log_set_request_id("");
}

static void
drop(struct task_list *tasks, struct task *task, struct task_list *gone)
{
	TAILQ_REMOVE(tasks, task, link);
	TAILQ_INSERT_TAIL(gone, task, link);
}

/* Seal and the like, before any row is locked. */
static enum err
prepare(struct batch *batch, struct errctx *ctx)
{
	const struct kind *kind;

	for (size_t k = 0; (kind = kind_at(k)); k++) {
		struct task *tasks[SAVE_BATCH_MAX];
		size_t n = 0;

		for (size_t i = 0; i < batch->n && kind->prepare; i++) {
			struct task *task = batch->tasks[i];

			if (task->kind == kind && task->data && !task->prepared &&
			    task->outcome.end == JOB_DONE)
				tasks[n++] = task;
		}
		enum err err = n ? kind->prepare(batch->store, tasks, n, ctx) : OK;
		if (err)
			return err;
		for (size_t i = 0; i < n; i++)
			tasks[i]->prepared = true;
	}
	return OK;
}

/* Saving this one task was refused. What is left to do about it? */
static void
settle_refused(struct task *task, enum err err, const struct errctx *ctx)
{
	task->save_tries++;
	if (err == ERR_INTERNAL || task->save_tries > 1)
		task_retry_later(task, "the result could not be saved");
	else
		task_fail(task, ctx);
}

static enum err
lost_body(struct db *db, void *arg, struct errctx *ctx)
{
	const struct batch *batch = arg;
	const struct task *task = batch->tasks[0];
	(void)db;

	return task->kind->lost(batch->store, task, ctx);
}

/* The job is another's by now, or over. Only a database that is away is worth another try. */
static enum err
tell_lost(struct batch *batch, struct errctx *ctx)
{
	const struct task *task = batch->tasks[0];

	if (!task->kind || !task->kind->lost || !task->data)
		return OK;
	err_clear(ctx);
	enum err err = db_transaction(batch->store->db, lost_body, NULL, batch, ctx);
	if (err && !task_database_away(err))
		log_error(LOG_EVENT("job_not_undone"), LOG_I("job", task->job.id),
		    LOG_S("kind", task->job.kind), LOG_S("error", err_text(ctx)));
	return err;
}

/* One task in a transaction of its own, until it is saved or given up. */
static enum err
save_alone(struct store *store, struct task_list *tasks, struct task *task, struct task_list *gone,
    struct errctx *ctx)
{
	while (task->save_tries < SAVE_TRIES) {
		struct batch batch = { .store = store, .tasks = { task }, .n = 1 };
		enum err err;

		err_clear(ctx);
		err = db_transaction(store->db, save_body, save_landed, &batch, ctx);
		if (task_database_away(err))
			return err;
		bool lost = err == ERR_STALE && batch.in_finish;
		if (lost) {
			enum err undone = tell_lost(&batch, ctx);
			if (task_database_away(undone))
				return undone;
		}
		if (err == OK || lost) {
			log_end(task, err ? "job_taken_over" : "job_end", &batch.outcomes[0]);
			drop(tasks, task, gone);
			return OK;
		}
		settle_refused(task, err, ctx);
	}
	log_error(LOG_EVENT("job_not_saved"), LOG_I("job", task->job.id),
	    LOG_S("kind", task->job.kind), LOG_S("error", err_text(ctx)));
	drop(tasks, task, gone); /* its lease will run out */
	return OK;
}

static enum err
save_batch(struct batch *batch, struct task_list *tasks, struct task_list *gone, struct errctx *ctx)
{
	err_clear(ctx);
	enum err err = db_transaction(batch->store->db, save_body, save_landed, batch, ctx);

	if (task_database_away(err))
		return err;
	for (size_t i = 0; i < batch->n; i++) {
		if (!err) {
			log_end(batch->tasks[i], "job_end", &batch->outcomes[i]);
			drop(tasks, batch->tasks[i], gone);
			continue;
		}
		enum err alone = save_alone(batch->store, tasks, batch->tasks[i], gone, ctx);
		if (alone)
			return alone;
	}
	return OK;
}

enum err
save_all(struct store *store, struct task_list *tasks, struct task_list *gone, struct errctx *ctx)
{
	enum err err = OK;

	while (!err && !TAILQ_EMPTY(tasks)) {
		struct batch batch = { .store = store };
		struct task *task;

		TAILQ_FOREACH(task, tasks, link)
		{
			if (batch.n == SAVE_BATCH_MAX)
				break;
			batch.tasks[batch.n++] = task;
		}
		err = prepare(&batch, ctx);
		if (!err)
			err = save_batch(&batch, tasks, gone, ctx);
	}
	return err;
}
