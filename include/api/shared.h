/* SPDX-License-Identifier: Apache-2.0 */
/* What handlers of both surfaces share: the store, the audit entry of the call, a job as JSON. */
#ifndef BAILEE_API_SHARED_H
#define BAILEE_API_SHARED_H

#include "base/json.h"
#include "store/job.h"
#include "store/store.h"
#include "web/fields.h"
#include "web/pool.h"
#include "web/router.h"

struct pool *api_pool(const struct ctx *ctx);
struct store *api_store(const struct ctx *ctx);

/* The audit entry of a route that writes: event, caller, address, request id. */
struct api_audit {
	struct audit_entry entry; /* points to the rest and to ctx */
	char actor[32];
};
void api_audit_begin(const struct ctx *ctx, struct api_audit *audit_out);

/* {id, kind, state, attempts, createdAt, startedAt, finishedAt, nextRunAt, error}. Caller owns. */
json_t *api_job_json(const struct job *job);

/* ---- jobs a call waits for ---- */

/* ERR_UNAVAILABLE with Retry-After when no runner is at work. */
enum err api_require_runner(struct ctx *ctx) MUSTCHECK;

enum api_wait {
	API_WAIT_ENDED, /* the state is filled in: job_state_free() */
	API_WAIT_OVER,  /* it goes on, and the caller's time is over */
	API_WAIT_NONE   /* nobody waited: the caller said so, or half of the pool waits already */
};
/* Wait for a job as long as the caller wants (Prefer: wait=N, respond-async; RFC 7240) and the
 * pool can spare a worker for it. ERR_UNAVAILABLE when the job is gone. */
enum err api_job_wait(struct ctx *ctx, int64_t job_id, enum api_wait *outcome_out,
    struct job_state *state_out) MUSTCHECK;
/* OK for a job that has done its work; ERR_REMOTE with its words, or `otherwise`. */
enum err api_job_check(struct ctx *ctx, const struct job_state *state,
    const char *otherwise) MUSTCHECK;
/* 202: the work goes on. Adds `job` to the answer (stolen), its Location, Preference-Applied. */
enum err api_job_accepted(struct ctx *ctx, struct response *response, int64_t job_id,
    json_t *answer) MUSTCHECK;

/* A caller that was told to come back says for which job: a new call might be new work. */
extern const struct field_spec api_job_id_fields[];

/* JSON text of ours, as a column holds it; null when it cannot be read. Caller owns. */
json_t *api_stored_json(const char *text);

#endif
