/* SPDX-License-Identifier: Apache-2.0 */
/* What handlers of both surfaces share: the store, the audit entry of the call, a job as JSON. */
#ifndef BAILEE_API_SHARED_H
#define BAILEE_API_SHARED_H

#include "base/json.h"
#include "store/job.h"
#include "store/store.h"
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

/* JSON text of ours, as a column holds it; null when it cannot be read. Caller owns. */
json_t *api_stored_json(const char *text);

#endif
