/* SPDX-License-Identifier: Apache-2.0 */
/* Fetching a token while the one before still lives, so that nobody has to wait for it. */
#include "store/fetch_ahead.h"

#include <stdio.h>

#include "store/job.h"

#define FETCH_ATTEMPTS 1 /* the token still lives: the next asker or sweep tries again */
#define USED_AGAIN_S 10  /* whoever waited for the fetch is no second user */
#define LITERAL(number) #number
#define TEXT_OF(number) LITERAL(number)
#define SECONDS(number) TEXT_OF(number) " SECOND"

bool
fetch_ahead_is_due(const struct fetch_use *use, int64_t now_ms)
{
	int64_t life = use->fresh_until - use->fetched_at, window = life / FETCH_AHEAD_PART;

	if (window > FETCH_AHEAD_MOST_S * 1000)
		window = FETCH_AHEAD_MOST_S * 1000;
	if (now_ms - use->ahead_at < FETCH_AHEAD_AGAIN_S * 1000 || life <= 0)
		return false;
	return use->fresh_until - now_ms < window + FETCH_MARGIN_S * 1000;
}

struct ahead_in {
	int64_t id, version, most;
};
static const struct col mark_in[] = { COL(INT, struct ahead_in, id),
	COL(INT, struct ahead_in, version) };
static const struct stmt mark = { "fetch_ahead_mark",
	"UPDATE fetch_token SET ahead_at = UTC_TIMESTAMP(3) WHERE credential_id = ? AND version = "
	"? "
	"AND (ahead_at IS NULL OR ahead_at < UTC_TIMESTAMP(3) - INTERVAL " SECONDS(
	    FETCH_AHEAD_AGAIN_S) ")",
	mark_in, COL_N(mark_in), NULL, 0 };

enum err
fetch_ahead_order(struct store *store, const struct fetch_use *use, const char *request_id,
    struct errctx *ctx)
{
	const struct ahead_in in = { .id = use->place.id, .version = use->version };
	char subject[24], key[32], payload[96];
	int64_t affected = 0, id;
	enum err err = stmt_run(store->db, &mark, &in, &affected, ctx);

	if (err || affected == 0)
		return err;
	snprintf(subject, sizeof(subject), "%lld", (long long)in.id);
	snprintf(key, sizeof(key), "fetch:%s", subject);
	snprintf(payload, sizeof(payload), "{\"credential\":%lld,\"version\":%lld,\"ahead\":1}",
	    (long long)in.id, (long long)in.version);
	const struct job_new job = {
		.kind = "fetch",
		.subject = subject,
		.active_key = key,
		.team_id = use->place.team_id,
		.max_attempts = FETCH_ATTEMPTS,
		.payload = payload,
		.request_id = request_id,
	};
	return job_enqueue(store, &job, &id, ctx);
}

#define KEY_OF_FETCH "CONVERT(CONCAT('fetch:', c.id) USING ascii)"
static const struct col sweep_in[] = { COL(INT, struct ahead_in, most) };
static const struct stmt sweep = { "fetch_ahead_sweep",
	"INSERT IGNORE INTO job (kind, subject, active_key, team_id, run_at, max_attempts, "
	"payload, created_at) SELECT 'fetch', c.id, " KEY_OF_FETCH
	", c.team_id, UTC_TIMESTAMP(3), " TEXT_OF(
	    FETCH_ATTEMPTS) ", "
			    "CONCAT('{\"credential\":', c.id, ',\"version\":', c.version, "
			    "',\"ahead\":1}'), "
			    "UTC_TIMESTAMP(3) FROM fetch_token t FORCE INDEX (fetch_token_fresh) "
			    "STRAIGHT_JOIN user_credential c ON c.id = t.credential_id AND "
			    "c.version = t.version "
			    "WHERE t.fresh_until BETWEEN UTC_TIMESTAMP(3) AND UTC_TIMESTAMP(3) + "
			    "INTERVAL " TEXT_OF(FETCH_AHEAD_MOST_S) " + " SECONDS(
				FETCH_MARGIN_S) " "
						"AND t.fresh_until < UTC_TIMESTAMP(3) + "
						"INTERVAL " TEXT_OF(
						    FETCH_MARGIN_S) " + "
								    "TIMESTAMPDIFF("
								    "SECOND, "
								    "t.fetched_at, "
								    "t.fresh_until)"
								    " DIV " TEXT_OF(FETCH_AHEAD_PART) " SECOND AND c.last_used_at > t.fetched_at + INTERVAL " SECONDS(
									USED_AGAIN_S) " "
										      "AND "
										      "(t.ahead_at "
										      "IS NULL OR "
										      "t.ahead_at "
										      "< "
										      "UTC_"
										      "TIMESTAMP(3)"
										      " - "
										      "INTERVAL"
										      " " SECONDS(
											  FETCH_AHEAD_AGAIN_S) ") "
													       "AND NOT EXISTS (SELECT 1 FROM job j WHERE j.active_key = " KEY_OF_FETCH
													       ") "
													       "ORDER BY t.fresh_until LIMIT ?",
	sweep_in, COL_N(sweep_in), NULL, 0 };

enum err
fetch_ahead_sweep(struct store *store, int64_t most, int64_t *n_out, struct errctx *ctx)
{
	return stmt_run(store->db, &sweep, &(struct ahead_in){ .most = most }, n_out, ctx);
}
