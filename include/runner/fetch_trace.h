/* SPDX-License-Identifier: Apache-2.0 */
/* What a dry run tells of the requests of a fetch: enough to find a mistake, nothing secret. */
#ifndef BAILEE_RUNNER_FETCH_TRACE_H
#define BAILEE_RUNNER_FETCH_TRACE_H

#include <jansson.h>

#include "runner/fetch.h"

/* The request of the step under way, as it is about to be sent. `options`: as its owner wrote them.
 */
void fetch_trace_request(struct fetch *fetch, const json_t *options);

/* {"ok", "error", "steps": [{"method", "url", "status", "duration_ms", "request_size",
 * "response_size", "reads", "error"}], "token": {"length", "expires_in"}}. `error`: NULL when it
 * worked. Of the URL the origin is shown, what its owner wrote of the path without formulas, and
 * the names in its query. Caller owns. */
json_t *fetch_trace_json(const struct fetch *fetch, const char *error);

#endif
