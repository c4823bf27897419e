/* SPDX-License-Identifier: Apache-2.0 */
/* Asking for refreshes: on demand, and ahead of expiry. */
#include <stdio.h>

#include "store/oauth_refresh.h"

struct ask_in {
	int64_t most, id, after;
	const char *subject;
};
#define IN(type, member) COL(type, struct ask_in, member)

static const struct col id_in[] = { IN(INT, id) };
static const struct stmt hasten = { "oauth_refresh_hasten",
	"UPDATE job SET run_at = LEAST(run_at, UTC_TIMESTAMP(3)) WHERE id = ? AND state = 'queued'",
	id_in, COL_N(id_in), NULL, 0 };

enum err
oauth_refresh_enqueue(struct store *store, const struct uuid *grant, int64_t team_id,
    int64_t generation, const char *request_id, int64_t *job_out, struct errctx *ctx)
{
	char subject[UUID_TEXT_SIZE], active_key[UUID_TEXT_SIZE + 8], payload[48] = "{}";

	uuid_text(grant, subject);
	if (generation)
		snprintf(payload, sizeof(payload), "{\"generation\":%lld}", (long long)generation);
	snprintf(active_key, sizeof(active_key), "oauth:%s", subject);
	const struct job_new job = { .kind = "oauth_refresh",
		.subject = subject,
		.active_key = active_key,
		.team_id = team_id,
		.max_attempts = OAUTH_REFRESH_ATTEMPTS,
		.payload = payload,
		.request_id = request_id };
	int64_t id = 0;
	enum err err = job_enqueue(store, &job, &id, ctx);

	if (!err)
		err = stmt_run(store->db, &hasten, &(struct ask_in){ .id = id }, NULL, ctx);
	if (!err) {
		store->enqueued = true;
		*job_out = id;
	}
	return err;
}

/* The text of a uuid in the character set of the columns it goes to, so that their indexes are
 * used. The runner may not execute the functions of the page. */
#define UUID_OF_GRANT                                                                              \
	"LOWER(CONCAT_WS('-', HEX(SUBSTR(g.uuid, 1, 4)), HEX(SUBSTR(g.uuid, 5, 2)), "              \
	"HEX(SUBSTR(g.uuid, 7, 2)), HEX(SUBSTR(g.uuid, 9, 2)), HEX(SUBSTR(g.uuid, 11, 6))))"
#define KEY_OF_GRANT "CONVERT(CONCAT('oauth:', " UUID_OF_GRANT ") USING ascii)"

static const struct col sweep_in[] = { IN(INT, id), IN(INT, most) };
const struct stmt oauth_refresh_sweep_statement = { "oauth_refresh_sweep",
	"INSERT IGNORE INTO job (kind, subject, active_key, team_id, run_at, max_attempts, "
	"payload, created_at) SELECT 'oauth_refresh', " UUID_OF_GRANT ", " KEY_OF_GRANT ", "
	"g.team_id, UTC_TIMESTAMP(3), ?, '{}', UTC_TIMESTAMP(3) "
	"FROM oauth_grant g FORCE INDEX (oauth_grant_due) "
	"WHERE g.state = 'active' AND g.refresh_at <= UTC_TIMESTAMP(3) "
	"AND NOT EXISTS (SELECT 1 FROM job j WHERE j.active_key = " KEY_OF_GRANT ") "
	"ORDER BY g.refresh_at LIMIT ?",
	sweep_in, COL_N(sweep_in), NULL, 0 };

enum err
oauth_refresh_sweep(struct store *store, int64_t most, int64_t *enqueued_out, struct errctx *ctx)
{
	const struct ask_in in = { .id = OAUTH_REFRESH_ATTEMPTS, .most = most };

	return stmt_run(store->db, &oauth_refresh_sweep_statement, &in, enqueued_out, ctx);
}

static const struct col state_in[] = { IN(TEXT, subject), IN(INT, after) };
static const struct col state_out[] = { COL(INT, struct oauth_refresh_state, job_id),
	COL(BOOL, struct oauth_refresh_state, active) };
static const struct stmt state_select = { "oauth_refresh_state",
	"SELECT id, active_key IS NOT NULL FROM job WHERE subject = ? AND kind = 'oauth_refresh' "
	"AND (id > ? OR active_key IS NOT NULL) ORDER BY id DESC LIMIT 1",
	state_in, COL_N(state_in), state_out, COL_N(state_out) };

enum err
oauth_refresh_state(struct store *store, const struct uuid *grant, int64_t after,
    struct oauth_refresh_state *state_row_out, struct errctx *ctx)
{
	char subject[UUID_TEXT_SIZE];
	struct oauth_refresh_state row = { 0 };

	uuid_text(grant, subject);
	enum err err = stmt_one(store->db, &state_select,
	    &(struct ask_in){ .subject = subject, .after = after }, &row, ctx);
	if (err == ERR_NOT_FOUND)
		err_clear(ctx);
	else if (err)
		return err;
	*state_row_out = row;
	return OK;
}
