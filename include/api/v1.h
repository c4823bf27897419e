/* SPDX-License-Identifier: Apache-2.0 */
/* What the handlers of surface V1 (/api/v1) share. */
#ifndef BAILEE_API_V1_H
#define BAILEE_API_V1_H

#include <stdint.h>

#include "base/json.h"
#include "store/store.h"
#include "web/router.h"

struct store *v1_store(const struct ctx *ctx);

/* The audit entry of a route that writes: event, caller, address, request id. */
struct v1_audit {
	struct audit_entry entry; /* points to the rest and to ctx */
	char actor[32];
};
void v1_audit_begin(const struct ctx *ctx, struct v1_audit *audit_out);

/* {"<name>": list, "meta": …}; steals `list`. */
json_t *v1_page_json(const struct ctx *ctx, const char *name, json_t *list,
    const struct paging *paging, int64_t total);

/* JSON text of ours, as a column holds it; null when it cannot be read. Caller owns. */
json_t *v1_stored_json(const char *text);

/* 202 with {job:{…}} and its Location: the work goes on. */
enum err v1_job_accepted(struct ctx *ctx, struct response *response, int64_t job_id) MUSTCHECK;

#endif
