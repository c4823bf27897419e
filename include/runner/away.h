/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the database is there, as far as a runner has seen, and when to ask it again. */
#ifndef BAILEE_RUNNER_AWAY_H
#define BAILEE_RUNNER_AWAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Zeroed: it is there. */
struct away {
	int64_t pause; /* ms; 0: it is there */
	int64_t until; /* monotonic ms: nothing is asked of it before */
};

/* Look at the outcome of anything that asked the database; false when it is away. `in_flight` jobs
 * are told in the log when it goes and comes. */
bool away_said(struct away *away, enum err err, size_t in_flight, const struct errctx *ctx);

#endif
