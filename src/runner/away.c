/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the database is there, as far as a runner has seen, and when to ask it again. */
#include "runner/away.h"

#include "base/clock.h"
#include "base/log.h"
#include "runner/task.h"

#define FIRST_MS 250 /* pause after a failure, doubled up to… */
#define MOST_MS 2000

bool
away_said(struct away *away, enum err err, size_t in_flight, const struct errctx *ctx)
{
	const int64_t jobs = (int64_t)in_flight;

	if (task_database_away(err)) {
		if (!away->pause)
			log_warn(LOG_EVENT("database_away"), LOG_S("error", err_text(ctx)),
			    LOG_I("in_flight", jobs));
		away->pause = away->pause ? away->pause * 2 : FIRST_MS;
		if (away->pause > MOST_MS)
			away->pause = MOST_MS;
		away->until = clock_monotonic_ms() + away->pause;
		return false;
	}
	if (away->pause)
		log_info(LOG_EVENT("database_back"), LOG_I("in_flight", jobs));
	away->pause = 0;
	if (err)
		log_error(LOG_EVENT("queue_error"), LOG_S("error", err_text(ctx)));
	return true;
}
