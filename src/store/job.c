/* SPDX-License-Identifier: Apache-2.0 */
/* The queue as its customers see it: put a job in, look at it, wait for it. */
#include "store/job.h"

#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "job_columns.h"

static const struct col enqueue_in[] = {
	COL(TEXT, struct job_new, kind),
	COL(TEXT, struct job_new, subject),
	COL(TEXT, struct job_new, active_key),
	COL(INT0, struct job_new, team_id),
	COL(INT, struct job_new, delay_ms),
	COL(INT, struct job_new, max_attempts),
	COL(TEXT, struct job_new, payload),
	COL(TEXT, struct job_new, request_id),
	COL(TEXT, struct job_new, active_key),
};
static const struct stmt enqueue = { "job_enqueue",
	"INSERT INTO job (kind, subject, active_key, team_id, run_at, max_attempts, payload, "
	"request_id, created_at) "
	"SELECT ?, ?, ?, ?, UTC_TIMESTAMP(3) + INTERVAL ? * 1000 MICROSECOND, ?, ?, ?, "
	"UTC_TIMESTAMP(3) FROM DUAL "
	"WHERE NOT EXISTS (SELECT 1 FROM job WHERE active_key = ?)",
	enqueue_in, COL_N(enqueue_in), NULL, 0 };

struct active_row {
	int64_t id;
};
static const struct col active_in[] = { COL(TEXT, struct job_new, active_key) };
static const struct col active_out[] = { COL(INT, struct active_row, id) };
static const struct stmt active_select = { "job_active", "SELECT id FROM job WHERE active_key = ?",
	active_in, COL_N(active_in), active_out, COL_N(active_out) };

#define ENQUEUE_TRIES 5

/* No ON DUPLICATE KEY: that would need the right to change jobs, which the api pool does not have.
 * A lost connection leaves open whether the job is there; asking again joins it. */
enum err
job_enqueue(struct store *store, const struct job_new *job, int64_t *id_out, struct errctx *ctx)
{
	for (int i = 0; i < ENQUEUE_TRIES; i++) {
		struct active_row active = { 0 };
		int64_t affected = 0;
		enum err err = stmt_run(store->db, &enqueue, job, &affected, ctx);

		if (!err && affected) {
			*id_out = stmt_insert_id(store->db);
			store->enqueued = true;
			return OK;
		}
		if (err == ERR_LOST && !i) {
			err_clear(ctx);
			continue;
		}
		if (err && err != ERR_DUPLICATE)
			return err;
		err = stmt_one(store->db, &active_select, job, &active, ctx);
		if (!err)
			*id_out = active.id;
		if (err != ERR_NOT_FOUND) /* else it has ended between the two looks */
			return err;
	}
	return err_set(ctx, ERR_CONFLICT, "", "the queue is busy, try again");
}

struct job_id_in {
	int64_t id;
	const char *public_id;
};
static const struct col get_in[] = { COL(INT, struct job_id_in, id),
	COL(TEXT, struct job_id_in, public_id) };
struct get_row {
	struct auth_row auth;
	struct job job;
};
static const struct col get_out[] = { AUTH_COLS(struct get_row, auth),
	JOB_COLS(struct get_row, job) };
static const struct stmt get = { "job_get",
	"SELECT " AUTH_COLUMNS ", " JOB_COLUMNS " FROM api_token k "
	"LEFT JOIN (job j JOIN team_member m ON m.team_id = j.team_id) ON j.id = ? AND m.person_id "
	"= k.person_id "
	"WHERE k.public_id = ?",
	get_in, COL_N(get_in), get_out, COL_N(get_out) };

enum err
job_get(struct store *store, struct auth *auth, int64_t id, struct job *job_out, struct errctx *ctx)
{
	static const struct auth_thing thing = AUTH_THING(struct get_row, job, id);
	enum err err = auth_read_one(store, auth, &get, &(struct job_id_in){ id, auth->public_id },
	    &thing, job_out, ctx);

	return err == ERR_NOT_FOUND ? err_set(ctx, err, "", "no such job") : err;
}

static const struct col state_in[] = { COL(INT, struct job_id_in, id) };
static const struct col state_out[] = { COL(TEXT, struct job_state, state),
	COL(TEXT, struct job_state, error) };
static const struct stmt state_select = { "job_state", "SELECT state, error FROM job WHERE id = ?",
	state_in, COL_N(state_in), state_out, COL_N(state_out) };

enum err
job_state_get(struct store *store, int64_t id, struct job_state *row_out, struct errctx *ctx)
{
	enum err err =
	    stmt_one(store->db, &state_select, &(struct job_id_in){ .id = id }, row_out, ctx);

	return err == ERR_NOT_FOUND ? err_set(ctx, err, "", "no such job") : err;
}

void
job_state_free(struct job_state *state)
{
	stmt_row_free(&state_select, state);
}

static bool
has_ended(const struct job_state *state)
{
	return strcmp(state->state, "queued") != 0 && strcmp(state->state, "running") != 0;
}

enum err
job_wait(struct store *store, int64_t id, int64_t wait_ms, bool *ended_out,
    struct job_state *row_out, struct errctx *ctx)
{
	int64_t begin = clock_monotonic_ms();

	store_ring(store);
	for (;;) {
		struct job_state state = { 0 };
		enum err err = job_state_get(store, id, &state, ctx);
		int64_t waited = clock_monotonic_ms() - begin;

		if (err)
			return err;
		if (has_ended(&state) || waited >= wait_ms) {
			*ended_out = has_ended(&state);
			*row_out = state;
			return OK;
		}
		job_state_free(&state);
		struct timespec pause = { 0, waited < 1000 ? 8000000 : 20000000 };
		nanosleep(&pause, NULL);
	}
}
