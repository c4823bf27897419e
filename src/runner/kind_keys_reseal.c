/* SPDX-License-Identifier: Apache-2.0 */
/* Job kind keys_reseal: move a team's values to its newest key, and retire the older ones. */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "runner/kinds.h"
#include "store/reseal.h"
#include "store/team_keys.h"

#define SLICE_MS 25        /* of the queue's thread; then other jobs have their turn */
#define LOOK_AGAIN_MS 1000 /* what was changed meanwhile is looked for once more */
#define SETTLE_MS 10000    /* who has read a value just before it was moved still opens it */

/* task->data */
struct resealing {
	struct reseal at;
};

static enum err
team_of(const struct job *job, int64_t *team_out, struct errctx *ctx)
{
	char *end;

	*team_out = strtoll(job->subject, &end, 10);
	return *team_out > 0 && !*end
		   ? OK
		   : err_set(ctx, ERR_FIELD, "subject", "the subject is no team's number");
}

static enum err
reseal_check(const struct job *job, json_t *payload, struct errctx *ctx)
{
	int64_t team;
	(void)payload;

	return team_of(job, &team, ctx);
}

/* Where the last attempt or slice has left off, if that was on the way to the same generation. */
static void
read_place(json_t *payload, struct reseal *at)
{
	const int64_t place = json_get_int(payload, "place", 0);
	const int64_t passed = json_get_int(payload, "passed", 0);

	if (json_get_int(payload, "newest", 0) != at->newest || place < 0 || passed < 0)
		return;
	at->place = place;
	at->passed = passed;
	at->damaged = json_get_int(payload, "damaged", 0);
	at->moved = json_get_int(payload, "moved", 0);
}

/* What old generations are left. */
struct leftover {
	int64_t wait_s; /* until the next of them may be retired; 0: none is too young */
	bool in_use;
};

static enum err
retire_old(struct store *store, int64_t team_id, struct leftover *left_out, struct errctx *ctx)
{
	struct team_keys_old old = { 0 };
	enum err err;

	while (!(err = team_keys_superseded(store, team_id, old.generation, &old, ctx))) {
		bool retired = false;

		if (old.age_s < TEAM_KEYS_RETIRE_S) {
			left_out->wait_s = TEAM_KEYS_RETIRE_S - old.age_s;
			return OK;
		}
		err = team_keys_retire(store, team_id, old.generation, &retired, ctx);
		if (err)
			return err;
		left_out->in_use = left_out->in_use || !retired;
		if (retired)
			log_info(LOG_EVENT("key_retired"), LOG_I("team", team_id),
			    LOG_I("generation", old.generation));
	}
	return err == ERR_NOT_FOUND ? OK : err;
}

/* Every column has been passed, and there was nothing to be moved. */
static enum err
end_old(struct store *store, struct task *task, struct errctx *ctx)
{
	struct resealing *resealing = task->data;
	struct reseal *at = &resealing->at;
	struct leftover left = { 0 };
	enum err err = retire_old(store, at->team_id, &left, ctx);

	if (err)
		return err;
	if (left.in_use && at->damaged && !left.wait_s) {
		task_settle(task, JOB_FAILED,
		    "values that do not open: %lld; they keep their old key, and stand in the "
		    "audit "
		    "trail as integrity.error",
		    (long long)at->damaged);
	} else if (left.in_use || left.wait_s) {
		task_settle(task, JOB_BACK, NULL);
		task->outcome.delay_ms = left.wait_s ? left.wait_s * 1000 : LOOK_AGAIN_MS;
	} else {
		task_settle(task, JOB_DONE, NULL);
	}
	return OK;
}

/* Every column has been passed. */
static enum err
finish(struct store *store, struct task *task, struct errctx *ctx)
{
	struct resealing *resealing = task->data;
	struct reseal *at = &resealing->at;
	enum err err = OK;

	if (at->moved) {
		task_settle(task, JOB_BACK, NULL);
		task->outcome.delay_ms = SETTLE_MS;
	} else {
		err = end_old(store, task, ctx);
	}
	at->place = at->passed = at->damaged = at->moved = 0;
	return err;
}

static enum err
reseal_load(struct store *store, struct task *task, json_t *payload, struct errctx *ctx)
{
	const int64_t until = clock_monotonic_ms() + SLICE_MS;
	struct resealing *resealing = xcalloc(1, sizeof(*resealing));
	struct reseal *at = &resealing->at;
	struct team_keys_old old = { 0 };
	bool over = false;

	task->data = resealing;
	enum err err = team_of(&task->job, &at->team_id, ctx);
	if (!err)
		err = team_keys_superseded(store, at->team_id, 0, &old, ctx);
	if (err == ERR_NOT_FOUND) {
		task_settle(task, JOB_DONE, NULL);
		return OK;
	}
	at->oldest = old.generation;
	at->newest = old.current - 1;
	read_place(payload, at);
	while (!err && !over && clock_monotonic_ms() < until)
		err = reseal_step(store, at, &over, ctx);
	if (err)
		return err;
	if (over)
		return finish(store, task, ctx);
	task_settle(task, JOB_BACK, NULL);
	return OK;
}

/* What is resealed stands already; this is for values that do not open, which are passed over. */
static enum err
reseal_save(struct store *store, const struct task *task, struct task_outcome *outcome,
    struct errctx *ctx)
{
	const struct resealing *resealing = task->data;
	const struct reseal *at = &resealing->at;
	json_auto_t *payload = json_object();
	(void)outcome;

	json_put_int(payload, "newest", at->newest);
	json_put_int(payload, "place", at->place);
	json_put_int(payload, "passed", at->passed);
	json_put_int(payload, "damaged", at->damaged);
	json_put_int(payload, "moved", at->moved);
	auto_free char *text = json_text(payload);
	return job_note(store, task->job.id, text, ctx);
}

const struct kind kind_keys_reseal = {
	.name = "keys_reseal",
	.timeout_ms = 30 * 1000,
	.max_attempts = 10,
	.audit = "keys.reseal",
	.doc = "Moves the values of a team to its newest key, a few at a time, and retires the "
	       "older generations when no value needs them any more.",
	.idempotent = "What is sealed to the newest key is not found again, and a value is put "
		      "back only where the old bytes still are.",
	.check = reseal_check,
	.load = reseal_load,
	.save = reseal_save,
	.saves_progress = true,
	.free = free,
};
