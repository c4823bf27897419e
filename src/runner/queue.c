/* SPDX-License-Identifier: Apache-2.0 */
/* The thread that owns the database connection: claims jobs, hands them out, saves what came. */
#include "runner/queue.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "runner/away.h"
#include "runner/kinds.h"
#include "runner/life.h"
#include "runner/loop.h"
#include "runner/save.h"
#include "runner/share.h"

#define SIGN_OF_LIFE_MS 5000
#define HOUSEKEEPING_MS 60000
#define LAPSED_LOOK_MS 1000 /* between looks for lapsed leases, which are many seconds long */
#define NO_ROOM_LOOK_MS 20  /* between looks while what waits has no room */
#define DRAIN_SAVE_MS 3000  /* behind the drain's end, for saving what was handed back */

struct queue {
	struct queue_options options;
	struct store *store;
	struct loop *loop;
	pthread_t thread;
	_Atomic unsigned long turns;

	pthread_mutex_t lock; /* guards what follows up to the next group */
	pthread_cond_t wake;
	struct task_list ended; /* from the loop */
	bool stopping, over;
	bool rung; /* somebody says that there is something new */

	/* the queue's thread alone; times are monotonic ms */
	struct life life;
	struct task_list to_load, to_save;
	struct task_list owned; /* all tasks, wherever they are… */
	size_t in_flight;       /* …and how many */
	bool more;              /* the last claim was a full one: there may be more */
	int64_t look_at, lapsed_at, beat_at, live_at, housekeeping_at;
	struct away away;
	int64_t drain_until; /* 0: not draining */
	bool aborted;
};

/* ---- what other threads call ---- */

static void
take_ended(void *arg, struct task_list *ended)
{
	struct queue *queue = arg;

	pthread_mutex_lock(&queue->lock);
	TAILQ_CONCAT(&queue->ended, ended, link);
	pthread_cond_signal(&queue->wake);
	pthread_mutex_unlock(&queue->lock);
}

void
queue_drain(struct queue *queue)
{
	pthread_mutex_lock(&queue->lock);
	queue->stopping = true;
	pthread_cond_signal(&queue->wake);
	pthread_mutex_unlock(&queue->lock);
}

void
queue_ring(struct queue *queue)
{
	pthread_mutex_lock(&queue->lock);
	queue->rung = true;
	pthread_cond_signal(&queue->wake);
	pthread_mutex_unlock(&queue->lock);
}

bool
queue_is_over(struct queue *queue)
{
	pthread_mutex_lock(&queue->lock);
	bool over = queue->over;
	pthread_mutex_unlock(&queue->lock);
	return over;
}

bool
queue_has_turned(struct queue *queue, struct queue_turns *last)
{
	const struct queue_turns now = { queue->turns, loop_turns(queue->loop) };

	if (now.queue == last->queue || now.loop == last->loop)
		return false;
	*last = now;
	return true;
}

const char *
queue_id(const struct queue *queue)
{
	return queue->life.id;
}

/* ---- the database, there or away ---- */

static bool
database_said(struct queue *queue, enum err err, const struct errctx *ctx)
{
	return away_said(&queue->away, err, queue->in_flight, ctx);
}

/* ---- one cycle's parts; each false when the database is away ---- */

static bool
save_ended(struct queue *queue)
{
	struct task_list gone = TAILQ_HEAD_INITIALIZER(gone);
	struct errctx ctx = { 0 };
	struct task *task;

	pthread_mutex_lock(&queue->lock);
	TAILQ_CONCAT(&queue->to_save, &queue->ended, link);
	pthread_mutex_unlock(&queue->lock);
	if (TAILQ_EMPTY(&queue->to_save))
		return true;
	enum err err = save_all(queue->store, &queue->to_save, &gone, &ctx);
	while ((task = TAILQ_FIRST(&gone))) {
		TAILQ_REMOVE(&gone, task, link);
		TAILQ_REMOVE(&queue->owned, task, owned);
		queue->in_flight--;
		task_free(&task);
	}
	return database_said(queue, err, &ctx);
}

/* Load what was claimed and hand it to the loop, or to be saved. */
static bool
load_claimed(struct queue *queue)
{
	struct task_list ready = TAILQ_HEAD_INITIALIZER(ready);
	struct errctx ctx = { 0 };
	struct task *task;
	enum err err = kind_gather(queue->store, &queue->to_load, &ctx);

	while (!err && (task = TAILQ_FIRST(&queue->to_load))) {
		err_clear(&ctx);
		log_set_request_id(log_text_or_empty(task->job.request_id));
		err = kind_load(queue->store, task, &ctx);
		if (err)
			break;
		TAILQ_REMOVE(&queue->to_load, task, link);
		if (task->settled || !task->kind->start)
			TAILQ_INSERT_TAIL(&queue->to_save, task, link);
		else
			TAILQ_INSERT_TAIL(&ready, task, link);
	}
	log_set_request_id("");
	loop_give(queue->loop, &ready);
	return !err || database_said(queue, err, &ctx);
}

/* What this runner works on already, though its lease ran out: goes on, with the new fence. */
static bool
is_ours_already(struct queue *queue, const struct job *job)
{
	struct task *task;

	if (job->fence > 1)
		TAILQ_FOREACH(task, &queue->owned, owned)
	if (task->job.id == job->id) {
		task->job.fence = job->fence;
		log_warn(LOG_EVENT("lease_ran_out"), LOG_I("job", job->id));
		return true;
	}
	return false;
}

/* Takes over what `job` holds. */
static void
take_job(struct queue *queue, struct job *job)
{
	if (is_ours_already(queue, job)) {
		job_free(job);
		return;
	}
	struct task *task = task_new(job);
	TAILQ_INSERT_TAIL(&queue->to_load, task, link);
	TAILQ_INSERT_TAIL(&queue->owned, task, owned);
	queue->in_flight++;
}

static size_t
free_places(const struct queue *queue)
{
	size_t most = (size_t)queue->options.in_flight_max;

	return most > queue->in_flight ? most - queue->in_flight : 0;
}

static size_t
room_of(void *arg, int64_t team_id)
{
	const struct queue *queue = arg;

	return share_room(&queue->owned, free_places(queue), team_id);
}

static enum err
claim_some(struct queue *queue, size_t most, int64_t now, struct errctx *ctx)
{
	const struct job_claim claim = { .owner = queue->life.id,
		.lease_s = queue->options.lease_s,
		.most = most,
		.room = room_of,
		.arg = queue };
	struct job jobs[JOB_CLAIM_MAX];
	bool due = queue->more, more = false;
	bool leases = now >= queue->lapsed_at;
	size_t n = 0;
	enum err err = due ? OK : job_due(queue->store, leases, &due, ctx);

	queue->lapsed_at = leases ? now + LAPSED_LOOK_MS : queue->lapsed_at;
	if (!err && due)
		err = job_claim(queue->store, &claim, jobs, &n, &more, ctx);
	queue->more = !err && more && n > 0;
	if (more && n == 0) /* all of it is of teams without room */
		queue->look_at = now + NO_ROOM_LOOK_MS;
	for (size_t i = 0; i < n && !err; i++)
		take_job(queue, &jobs[i]);
	return err;
}

/* Whether to claim without waiting for the next look: not for each place that gets free. */
static bool
claims_at_once(const struct queue *queue)
{
	size_t quarter = (size_t)queue->options.in_flight_max / 4;

	return queue->more && free_places(queue) > 0 &&
	       free_places(queue) >= (quarter < JOB_CLAIM_MAX ? quarter : JOB_CLAIM_MAX);
}

static bool
claim(struct queue *queue, int64_t now)
{
	size_t room = free_places(queue);
	struct errctx ctx = { 0 };

	if (queue->drain_until || room == 0 || (now < queue->look_at && !claims_at_once(queue)))
		return true;
	queue->look_at = now + queue->options.poll_ms;
	enum err err = claim_some(queue, room < JOB_CLAIM_MAX ? room : JOB_CLAIM_MAX, now, &ctx);
	return database_said(queue, err, &ctx);
}

static bool
show_life(struct queue *queue, int64_t now)
{
	struct errctx ctx = { 0 };

	if (now < queue->live_at)
		return true;
	queue->live_at = now + SIGN_OF_LIFE_MS;
	enum err err = life_show(&queue->life, queue->store, &ctx);
	return database_said(queue, err, &ctx);
}

static bool
renew_leases(struct queue *queue, int64_t now)
{
	struct errctx ctx = { 0 };
	struct task *task;
	size_t n = 0;

	if (now < queue->beat_at)
		return true;
	queue->beat_at = now + queue->options.lease_s * 1000 / 4;
	if (queue->in_flight == 0)
		return true;
	auto_free int64_t *ids = xcalloc(queue->in_flight, sizeof(*ids));
	TAILQ_FOREACH(task, &queue->owned, owned)
	ids[n++] = task->job.id;
	enum err err = job_beat(queue->store, queue->life.id, ids, n, queue->options.lease_s, &ctx);
	if (task_database_away(err))
		queue->beat_at = now;
	return database_said(queue, err, &ctx);
}

static bool
order_housekeeping(struct queue *queue, int64_t now)
{
	struct errctx ctx = { 0 };

	if (now < queue->housekeeping_at || queue->drain_until)
		return true;
	queue->housekeeping_at = now + HOUSEKEEPING_MS;
	enum err err = kind_housekeeping_order(queue->store, &ctx);
	return database_said(queue, err, &ctx);
}

/* ---- stopping ---- */

static void
begin_drain(struct queue *queue, int64_t now)
{
	struct task *task;

	queue->drain_until = now + queue->options.drain_s * 1000;
	TAILQ_FOREACH(task, &queue->to_load, link)
	task_settle(task, JOB_BACK, NULL);
	TAILQ_CONCAT(&queue->to_save, &queue->to_load, link);
	loop_refuse(queue->loop);
	log_info(LOG_EVENT("runner_draining"), LOG_I("in_flight", queue->in_flight));
}

/* True when nothing is left, or its time is over. */
static bool
drain(struct queue *queue, int64_t now)
{
	if (!queue->drain_until) {
		pthread_mutex_lock(&queue->lock);
		bool stopping = queue->stopping;
		pthread_mutex_unlock(&queue->lock);
		if (stopping)
			begin_drain(queue, now);
		return false;
	}
	if (now >= queue->drain_until && !queue->aborted) {
		queue->aborted = true;
		loop_abort(queue->loop);
	}
	return queue->in_flight == 0 || now >= queue->drain_until + DRAIN_SAVE_MS;
}

static void
leave(struct queue *queue)
{
	struct errctx ctx = { 0 };
	enum err err = runner_leave(queue->store, queue->life.id, &ctx);

	if (err)
		log_warn(LOG_EVENT("runner_leave_failed"), LOG_S("error", err_text(&ctx)));
	if (queue->in_flight)
		log_warn(LOG_EVENT("runner_left_jobs"), LOG_I("jobs", queue->in_flight));
	pthread_mutex_lock(&queue->lock);
	queue->over = true;
	pthread_mutex_unlock(&queue->lock);
}

/* ---- the thread ---- */

/* Until something ended, somebody wants to stop, or the next thing is due. */
static void
rest(struct queue *queue, int64_t until)
{
	struct timespec at = { until / 1000, until % 1000 * 1000000 };
	bool away = queue->away.pause != 0;

	pthread_mutex_lock(&queue->lock);
	while (away || TAILQ_EMPTY(&queue->ended)) {
		if ((queue->stopping && !queue->drain_until) || (queue->rung && !away))
			break;
		if (pthread_cond_timedwait(&queue->wake, &queue->lock, &at))
			break;
	}
	if (queue->rung)
		queue->look_at = 0;
	queue->rung = false;
	pthread_mutex_unlock(&queue->lock);
}

static int64_t
rest_until(const struct queue *queue, int64_t now)
{
	bool looks = free_places(queue) > 0 && !queue->drain_until;
	int64_t until = looks ? queue->look_at : queue->beat_at;

	if (queue->away.pause)
		return queue->away.until;
	if (looks && claims_at_once(queue))
		return now;
	if (queue->beat_at < until)
		until = queue->beat_at;
	if (queue->live_at < until)
		until = queue->live_at;
	if (queue->drain_until && until > now + 100)
		until = now + 100;
	return until;
}

static bool
cycle(struct queue *queue)
{
	int64_t now = clock_monotonic_ms();

	if (queue->away.pause && now < queue->away.until)
		return false;
	return show_life(queue, now) && renew_leases(queue, now) && save_ended(queue) &&
	       order_housekeeping(queue, now) && claim(queue, clock_monotonic_ms()) &&
	       load_claimed(queue) && save_ended(queue);
}

static void *
queue_main(void *arg)
{
	struct queue *queue = arg;

	while (!drain(queue, clock_monotonic_ms())) {
		queue->turns++;
		if (cycle(queue))
			store_report_damage(queue->store);
		rest(queue, rest_until(queue, clock_monotonic_ms()));
	}
	leave(queue);
	return NULL;
}

static struct queue *
queue_new(const struct queue_options *options, struct store *store)
{
	struct queue *queue = xcalloc(1, sizeof(*queue));
	pthread_condattr_t attr;

	queue->options = *options;
	queue->store = store;
	life_begin(&queue->life);
	queue->life.holder = options->holder;
	TAILQ_INIT(&queue->ended);
	TAILQ_INIT(&queue->to_load);
	TAILQ_INIT(&queue->to_save);
	TAILQ_INIT(&queue->owned);
	pthread_mutex_init(&queue->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&queue->wake, &attr);
	pthread_condattr_destroy(&attr);
	return queue;
}

static void
queue_free(struct queue *queue)
{
	struct task_list *lists[] = { &queue->ended, &queue->to_load, &queue->to_save };

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		struct task *task;

		while ((task = TAILQ_FIRST(lists[i]))) {
			TAILQ_REMOVE(lists[i], task, link);
			task_free(&task);
		}
	}
	pthread_cond_destroy(&queue->wake);
	pthread_mutex_destroy(&queue->lock);
	free(queue);
}

enum err
queue_open(const struct queue_options *options, const struct http_client_options *http_options,
    struct store *store, struct queue **queue_out, struct errctx *ctx)
{
	struct queue *queue = queue_new(options, store);
	enum err err = loop_open(http_options, take_ended, queue, &queue->loop, ctx);

	if (!err && pthread_create(&queue->thread, NULL, queue_main, queue)) {
		loop_close(&queue->loop);
		err = err_set(ctx, ERR_UNAVAILABLE, "", "cannot start a thread");
	}
	if (err) {
		queue_free(queue);
		return err;
	}
	*queue_out = queue;
	return OK;
}

void
queue_close(struct queue **queue)
{
	if (!*queue)
		return;
	queue_drain(*queue);
	pthread_join((*queue)->thread, NULL);
	loop_close(&(*queue)->loop);
	queue_free(*queue);
	*queue = NULL;
}
