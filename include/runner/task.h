/* SPDX-License-Identifier: Apache-2.0 */
/* A job a runner owns, on its way from claim to saved result. */
#ifndef BAILEE_RUNNER_TASK_H
#define BAILEE_RUNNER_TASK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/error.h"
#include "store/job.h"
#include "store/job_value.h"

struct catalog; /* catalog/catalog.h */
struct kind;
struct loop;

/* What came of it. */
struct task_outcome {
	enum job_end end;
	char error[ERR_TEXT_MAX]; /* safe to show; "" when there is none */
	int64_t delay_ms;         /* for JOB_RETRY; for JOB_BACK that waits for something */
};

/* Belongs to one thread at a time: to the queue's, or, between loop_give() and its end, to the
 * loop's. */
struct task {
	TAILQ_ENTRY(task) link;
	TAILQ_ENTRY(task) owned; /* the queue's thread alone: all tasks, wherever they are */
	struct job job;
	const struct kind *kind;         /* NULL: no such kind */
	void *data;                      /* the kind's own, made by load, freed by free */
	struct catalog *catalog;         /* held since it was loaded; or NULL */
	struct loop *loop;               /* while it runs there */
	int64_t claimed_ms, deadline_ms; /* monotonic */
	bool settled;                    /* the outcome stands */
	bool silent;                     /* there was nothing to do: no audit row */
	struct task_outcome outcome;
	bool prepared;  /* kind->prepare has run */
	int save_tries; /* how often saving was refused */
};
TAILQ_HEAD(task_list, task);

/* Takes over what `job` holds. */
struct task *task_new(struct job *job);
void task_free(struct task **task);

/* Decide the outcome; a later decision replaces it. NULL `fmt`: without words. */
void task_settle(struct task *task, enum job_end end, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* JOB_FAILED with the words of ctx. */
void task_fail(struct task *task, const struct errctx *ctx);
/* JOB_RETRY after the backoff of its attempt. */
void task_retry_later(struct task *task, const char *why);

/* What an error that is not the database's away means for the job: a later attempt for
 * ERR_INTERNAL, else failure, with the words of ctx. */
void task_settle_error(struct task *task, enum err err, const struct errctx *ctx);

/* For a kind's `prepare`: seal what the job has to say to whoever asked; nothing happens when that
 * has been done, or when there is nothing (NULL). What cannot be sealed fails the task; returned
 * errors are the database's. */
enum err task_seal_out(struct store *store, struct task *task, int64_t team_id, const json_t *json,
    struct job_value *out, struct errctx *ctx) MUSTCHECK;

/* Whether this error says that the database is away or busy, so that the same may be tried later.
 */
bool task_database_away(enum err err);

#endif
