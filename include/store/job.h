/* SPDX-License-Identifier: Apache-2.0 */
/* The queue: put a job in, look at it, and (for runners) claim, renew and end it. */
#ifndef BAILEE_STORE_JOB_H
#define BAILEE_STORE_JOB_H

#include <stdint.h>

#include "base/json.h"
#include "store/auth.h"
#include "store/store.h"

/* A job as outside may see it. Texts are owned; job_free(). */
struct job {
	int64_t id;
	char *kind, *subject, *state, *error, *payload, *request_id;
	int64_t team_id, attempt, max_attempts, fence;
	int64_t run_at, created_at, started_at, finished_at; /* ms */
};
void job_free(struct job *job);

/* What to put in. Texts are borrowed. */
struct job_new {
	const char *kind;
	const char *subject; /* id of the thing */
	const char *
	    active_key; /* one job with this key is queued or running at a time; NULL: any number */
	int64_t team_id;
	int64_t delay_ms;
	int64_t max_attempts;
	const char *payload; /* JSON object of ids; never a secret */
	const char *request_id;
};

/* Inside a transaction of the caller, or alone. An active job with the same key is joined: its id
 * is given back. */
enum err job_enqueue(struct store *store, const struct job_new *job, int64_t *id_out,
    struct errctx *ctx) MUSTCHECK;

/* The caller's view (any valid token whose person belongs to the job's team): ERR_NOT_FOUND for
 * everything else. */
enum err job_get(struct store *store, struct auth *auth, int64_t id, struct job *job_out,
    struct errctx *ctx) MUSTCHECK;

/* State and error of one job, one cheap round trip: what a waiting caller polls. ERR_NOT_FOUND when
 * it is gone. */
struct job_state {
	char *state, *error;
};
void job_state_free(struct job_state *state);
enum err job_state_get(struct store *store, int64_t id, struct job_state *state_out,
    struct errctx *ctx) MUSTCHECK;

/* Poll until the job has ended or `wait_ms` is over: every 8 ms at first, then every 20.
 * `ended_out` tells which. Holds no transaction. The caller has asked prefork_try_wait_begin()
 * before. */
enum err job_wait(struct store *store, int64_t id, int64_t wait_ms, bool *ended_out,
    struct job_state *state_out, struct errctx *ctx) MUSTCHECK;

/* ---- for runners; all of it READ COMMITTED in short transactions ---- */

#define JOB_CLAIM_MAX 64

/* Is there anything to claim? One look at an index, no transaction; `leases`: look for lapsed ones
 * as well. */
enum err job_due(struct store *store, bool leases, bool *is_due_out, struct errctx *ctx) MUSTCHECK;
/* How many more jobs of this team a runner may take now; 0: none. Asked once per team and claim. */
typedef size_t job_room_fn(void *arg, int64_t team_id);
struct job_claim {
	const char *owner;
	int64_t lease_s;
	size_t most;       /* <= JOB_CLAIM_MAX */
	job_room_fn *room; /* NULL: any number of any team */
	void *arg;
};
/* Take due jobs: queued ones, and running ones whose lease ran out, oldest first. Ownership begins
 * with OK, that is after COMMIT. A lease that ran out on the last attempt makes the job dead
 * instead. Jobs of a team that has no room are passed over: those behind them are looked for.
 * `jobs_out` is an array of `most` structs, each to be freed; `more_out` tells whether there may be
 * more that are due, of whatever team. */
enum err job_claim(struct store *store, const struct job_claim *claim, struct job *jobs_out,
    size_t *n_out, bool *more_out, struct errctx *ctx) MUSTCHECK;
/* The statements by which jobs are found; a test reads their plans. Ended by NULL. */
extern const struct stmt *const job_claim_statements[];
/* Renew the leases of these jobs, as far as they are still the owner's: what a runner has lost
 * sight of must not be kept from others. */
enum err job_beat(struct store *store, const char *owner, const int64_t *ids, size_t n,
    int64_t lease_s, struct errctx *ctx) MUSTCHECK;

enum job_end {
	JOB_DONE,   /* it worked */
	JOB_FAILED, /* it said no; trying again would not help */
	JOB_RETRY,  /* try again after a pause; dead when attempts are used up */
	JOB_BACK,   /* handed back unharmed (drain), or waiting for something: the attempt does not
		       count */
};
/* Inside the caller's transaction, with the results: ERR_STALE when the fence has moved on (then
 * roll back). `error` (safe to show, may be NULL), `delay_ms` for JOB_RETRY, and for JOB_BACK
 * where it is not 0. */
enum err job_finish(struct store *store, const struct job *job, enum job_end end, const char *error,
    int64_t delay_ms, struct errctx *ctx) MUSTCHECK;
/* Inside the caller's transaction, which ends with job_finish(): what the next attempt is to know.
 */
enum err job_note(struct store *store, int64_t id, const char *payload,
    struct errctx *ctx) MUSTCHECK;
/* Whether the job is still ours under this fence; after a lost COMMIT: whether its end has not
 * landed. */
enum err job_is_held(struct store *store, const struct job *job, bool *held_out,
    struct errctx *ctx) MUSTCHECK;
/* Exponential backoff with full jitter for the attempt that just failed, in ms: at most 10 minutes.
 */
int64_t job_backoff_ms(int64_t attempt);

/* For the operator: newest first; state NULL is any. And put a dead or failed job back. */
enum err job_list(struct store *store, const char *state, int64_t limit, struct job **jobs_out,
    size_t *n_out, struct errctx *ctx) MUSTCHECK;
enum err job_show(struct store *store, int64_t id, struct job *job_out,
    struct errctx *ctx) MUSTCHECK;
enum err job_retry(struct store *store, int64_t id, struct errctx *ctx) MUSTCHECK;
/* Call off one that waits or runs: it has failed, with an audit row. ERR_NOT_FOUND. */
enum err job_cancel(struct store *store, int64_t id, struct errctx *ctx) MUSTCHECK;

/* ---- runners alive ---- */

/* SQL: the name of the server that a connection is at. */
#define RUNNER_NODE                                                                                \
	"COALESCE((SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_VARIABLES WHERE "          \
	"VARIABLE_NAME = 'WSREP_NODE_NAME'), @@hostname)"
enum err runner_beat(struct store *store, const char *id, const char *host, int64_t pid,
    struct errctx *ctx) MUSTCHECK;
/* It ends in good order, most likely to be started again: until RUNNER_RESTART_S from now it still
 * counts, so that who asks meanwhile waits instead of being sent away. */
enum err runner_leave(struct store *store, const char *id, struct errctx *ctx) MUSTCHECK;
/* Seconds since any runner was last seen; a large number when never. */
enum err runner_age_s(struct store *store, int64_t *age_out, struct errctx *ctx) MUSTCHECK;
#define RUNNER_AWAY_S 15 /* older: the runner counts as away */
#define RUNNER_RESTART_S 5

#endif
