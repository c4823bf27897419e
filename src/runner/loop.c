/* SPDX-License-Identifier: Apache-2.0 */
/* The thread that talks to the outside: it owns the HTTP client and never touches the database. */
#include "runner/loop.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/log.h"
#include "runner/kinds.h"

#define LOOP_WAIT_MS 1000 /* when nothing at all happens; whatever happens ends the waiting */

struct loop {
	pthread_t thread;
	_Atomic unsigned long turns;
	struct http_client *client;
	loop_ended_fn *ended;
	void *ended_arg;

	pthread_mutex_t lock; /* guards the four below */
	struct task_list inbox;
	bool refusing, aborting, closing;

	/* the loop's thread alone */
	struct task_list running, over;
};

struct http_client *
loop_client(struct loop *loop)
{
	return loop->client;
}

unsigned long
loop_turns(struct loop *loop)
{
	return loop->turns;
}

void
loop_end(struct task *task)
{
	struct loop *loop = task->loop;

	assert(task->settled);
	TAILQ_REMOVE(&loop->running, task, link);
	TAILQ_INSERT_TAIL(&loop->over, task, link);
	task->loop = NULL;
}

static void
start_all(struct loop *loop, struct task_list *tasks, bool refusing)
{
	struct task *task;

	while ((task = TAILQ_FIRST(tasks))) {
		TAILQ_REMOVE(tasks, task, link);
		TAILQ_INSERT_TAIL(&loop->running, task, link);
		task->loop = loop;
		if (refusing) {
			task_settle(task, JOB_BACK, NULL);
			loop_end(task);
			continue;
		}
		log_set_request_id(log_text_or_empty(task->job.request_id));
		task->kind->start(task);
	}
	log_set_request_id("");
}

static void
abort_all(struct loop *loop)
{
	struct task *task;

	while ((task = TAILQ_FIRST(&loop->running))) {
		http_client_cancel(loop->client, task);
		task_settle(task, JOB_BACK, NULL);
		loop_end(task);
	}
}

/* One turn; false when it was the last. */
static bool
turn(struct loop *loop)
{
	struct task_list fresh = TAILQ_HEAD_INITIALIZER(fresh);

	loop->turns++;
	pthread_mutex_lock(&loop->lock);
	TAILQ_CONCAT(&fresh, &loop->inbox, link);
	bool refusing = loop->refusing, aborting = loop->aborting, closing = loop->closing;
	pthread_mutex_unlock(&loop->lock);
	start_all(loop, &fresh, refusing);
	if (aborting)
		abort_all(loop);
	if (!TAILQ_EMPTY(&loop->over))
		loop->ended(loop->ended_arg, &loop->over);
	return !closing;
}

static void *
loop_main(void *arg)
{
	struct loop *loop = arg;

	while (turn(loop)) {
		http_client_run(loop->client, LOOP_WAIT_MS);
		if (!TAILQ_EMPTY(&loop->over))
			loop->ended(loop->ended_arg, &loop->over);
	}
	return NULL;
}

enum err
loop_open(const struct http_client_options *options, loop_ended_fn *ended, void *arg,
    struct loop **loop_out, struct errctx *ctx)
{
	struct loop *loop = xcalloc(1, sizeof(*loop));
	enum err err = http_client_open(options, &loop->client, ctx);

	if (err) {
		free(loop);
		return err;
	}
	loop->ended = ended;
	loop->ended_arg = arg;
	TAILQ_INIT(&loop->inbox);
	TAILQ_INIT(&loop->running);
	TAILQ_INIT(&loop->over);
	pthread_mutex_init(&loop->lock, NULL);
	if (pthread_create(&loop->thread, NULL, loop_main, loop)) {
		http_client_close(&loop->client);
		free(loop);
		return err_set(ctx, ERR_CONFIG, "", "cannot start a thread");
	}
	*loop_out = loop;
	return OK;
}

static void
drop_all(struct task_list *tasks)
{
	struct task *task;

	while ((task = TAILQ_FIRST(tasks))) {
		TAILQ_REMOVE(tasks, task, link);
		task_free(&task);
	}
}

static void
tell(struct loop *loop, bool *flag)
{
	pthread_mutex_lock(&loop->lock);
	*flag = true;
	pthread_mutex_unlock(&loop->lock);
	http_client_wakeup(loop->client);
}

void
loop_close(struct loop **loop)
{
	if (!*loop)
		return;
	tell(*loop, &(*loop)->closing);
	pthread_join((*loop)->thread, NULL);
	http_client_close(&(*loop)->client);
	drop_all(&(*loop)->inbox);
	drop_all(&(*loop)->running);
	drop_all(&(*loop)->over);
	pthread_mutex_destroy(&(*loop)->lock);
	free(*loop);
	*loop = NULL;
}

void
loop_give(struct loop *loop, struct task_list *tasks)
{
	if (TAILQ_EMPTY(tasks))
		return;
	pthread_mutex_lock(&loop->lock);
	TAILQ_CONCAT(&loop->inbox, tasks, link);
	pthread_mutex_unlock(&loop->lock);
	http_client_wakeup(loop->client);
}

void
loop_refuse(struct loop *loop)
{
	tell(loop, &loop->refusing);
}

void
loop_abort(struct loop *loop)
{
	tell(loop, &loop->aborting);
}
