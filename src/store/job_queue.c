/* SPDX-License-Identifier: Apache-2.0 */
/* The queue as runners see it: claim, renew, end. */
#include "store/job.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/crypt.h"
#include "base/log.h"
#include "job_columns.h"

#define TEAMS_TEXT_MAX ((size_t)JOB_CLAIM_MAX * 24)
#define TAKE_CHUNK 32 /* ids per UPDATE; the rest of the places repeat the first id */
#define BACKOFF_BASE_MS 1000
#define BACKOFF_MOST_MS (10 * 60 * 1000)

/* First member, so that an array of rows is an array of jobs. */
struct job_row {
	struct job job;
};
static const struct col job_out_cols[] = { JOB_COLS(struct job_row, job) };

void
job_free(struct job *job)
{
	if (!job)
		return;
	free(job->kind);
	free(job->subject);
	free(job->state);
	free(job->error);
	free(job->payload);
	free(job->request_id);
	*job = (struct job){ 0 };
}

/* ---- is there anything to claim? ---- */

struct due_row {
	int64_t id;
};
static const struct col due_out[] = { COL(INT, struct due_row, id) };
static const struct stmt due_select = { "job_due",
	"SELECT id FROM job WHERE state = 'queued' AND run_at <= UTC_TIMESTAMP(3) LIMIT 1", NULL, 0,
	due_out, COL_N(due_out) };
static const struct stmt lapsed_select = { "job_lapsed",
	"SELECT id FROM job WHERE state = 'running' AND lease_until < UTC_TIMESTAMP(3) LIMIT 1",
	NULL, 0, due_out, COL_N(due_out) };

static enum err
has_one(struct store *store, const struct stmt *stmt, bool *has_out, struct errctx *ctx)
{
	struct due_row row = { 0 };
	enum err err = stmt_one(store->db, stmt, NULL, &row, ctx);

	*has_out = err == OK;
	return err == ERR_NOT_FOUND ? OK : err;
}

enum err
job_due(struct store *store, bool leases, bool *is_due_out, struct errctx *ctx)
{
	bool due = false;
	enum err err = has_one(store, &due_select, &due, ctx);

	if (!err && !due && leases)
		err = has_one(store, &lapsed_select, &due, ctx);
	if (!err)
		*is_due_out = due;
	return err;
}

/* ---- claim ---- */

struct most_in {
	int64_t most;
};
static const struct col most_in[] = { COL(INT, struct most_in, most) };

/* Both are answered in the order of an index, so that no row is locked that is not taken: a test
 * looks at EXPLAIN. */
static const struct stmt queued_select = { "job_claim_queued",
	"SELECT " JOB_COLUMNS " FROM job j FORCE INDEX (job_claim) "
	"WHERE j.state = 'queued' AND j.run_at <= UTC_TIMESTAMP(3) "
	"ORDER BY j.run_at, j.id LIMIT ? FOR UPDATE SKIP LOCKED",
	most_in, COL_N(most_in), job_out_cols, COL_N(job_out_cols) };
/* By the index alone as well, in which the team stands. */
struct others_in {
	const char *teams;
	int64_t most;
};
static const struct col others_in[] = { COL(TEXT, struct others_in, teams),
	COL(INT, struct others_in, most) };
static const struct stmt others_select = { "job_claim_others",
	"SELECT " JOB_COLUMNS " FROM job j FORCE INDEX (job_claim) "
	"WHERE j.state = 'queued' AND j.run_at <= UTC_TIMESTAMP(3) "
	"AND NOT FIND_IN_SET(COALESCE(j.team_id, 0), ?) "
	"ORDER BY j.run_at, j.id LIMIT ? FOR UPDATE SKIP LOCKED",
	others_in, COL_N(others_in), job_out_cols, COL_N(job_out_cols) };
static const struct stmt expired_select = { "job_claim_expired",
	"SELECT " JOB_COLUMNS " FROM job j FORCE INDEX (job_lease) "
	"WHERE j.state = 'running' AND j.lease_until < UTC_TIMESTAMP(3) "
	"ORDER BY j.lease_until LIMIT ? FOR UPDATE SKIP LOCKED",
	most_in, COL_N(most_in), job_out_cols, COL_N(job_out_cols) };

const struct stmt *const job_claim_statements[] = { &queued_select, &expired_select, NULL };

struct take_in {
	const char *owner;
	int64_t lease_s;
	int64_t ids[TAKE_CHUNK];
};
#define ID(i) COL(INT, struct take_in, ids[i])
#define ID4(i) ID(i), ID((i) + 1), ID((i) + 2), ID((i) + 3)
#define ID16(i) ID4(i), ID4((i) + 4), ID4((i) + 8), ID4((i) + 12)
static const struct col take_in[] = { COL(TEXT, struct take_in, owner),
	COL(INT, struct take_in, lease_s), ID16(0), ID16(16) };
#define MARKS16 "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?"
static const struct stmt take = { "job_take",
	"UPDATE job SET state = 'running', attempt = attempt + 1, fence = fence + 1, "
	"lease_owner = ?, lease_until = UTC_TIMESTAMP(3) + INTERVAL ? SECOND, "
	"started_at = COALESCE(started_at, UTC_TIMESTAMP(3)) "
	"WHERE id IN (" MARKS16 ", " MARKS16 ")",
	take_in, COL_N(take_in), NULL, 0 };

struct bury_in {
	int64_t id;
	const char *owner;
};
static const struct col bury_in[] = { COL(INT, struct bury_in, id),
	COL(TEXT, struct bury_in, owner) };
static const struct stmt bury = { "job_bury",
	"UPDATE job SET state = 'dead', active_key = NULL, lease_owner = NULL, lease_until = NULL, "
	"error = 'the runner ended in the middle of the last attempt', "
	"finished_at = UTC_TIMESTAMP(3) WHERE id = ? AND lease_owner <> ?",
	bury_in, COL_N(bury_in), NULL, 0 };

/* What is left for a team in this claim. */
struct team_room {
	int64_t team_id;
	size_t left;
};

struct claiming {
	struct store *store;
	const struct job_claim *claim;
	struct job *jobs; /* the caller's array */
	size_t n;
	bool full; /* as many were due as were asked for */
	struct team_room rooms[JOB_CLAIM_MAX];
	size_t n_rooms;
	bool passed_over; /* jobs of teams without room */
};

/* What belongs to no team always has room. */
static bool
has_room(struct claiming *claiming, int64_t team_id)
{
	const struct job_claim *claim = claiming->claim;
	struct team_room *room = claiming->rooms;

	if (!claim->room || !team_id)
		return true;
	while (room < claiming->rooms + claiming->n_rooms && room->team_id != team_id)
		room++;
	if (room == claiming->rooms + claiming->n_rooms) {
		*room = (struct team_room){ team_id, claim->room(claim->arg, team_id) };
		claiming->n_rooms++;
	}
	return room->left && room->left--;
}

/* Move rows to the caller's array, but for those of teams without room. */
static void
keep_rows(struct claiming *claiming, struct job_row *rows, size_t n, bool share)
{
	for (size_t i = 0; i < n; i++) {
		if (!share || has_room(claiming, rows[i].job.team_id)) {
			claiming->jobs[claiming->n++] = rows[i].job;
			continue;
		}
		claiming->passed_over = true;
		job_free(&rows[i].job);
	}
	free(rows);
}

/* Leases that ran out: taken over, or ended when that was the last attempt. */
static enum err
select_expired(struct claiming *claiming, struct errctx *ctx)
{
	struct db *db = claiming->store->db;
	void *rows = NULL;
	size_t n = 0, kept = 0;
	enum err err =
	    stmt_all(db, &expired_select, &(struct most_in){ (int64_t)claiming->claim->most },
		sizeof(struct job_row), &rows, &n, ctx);

	if (err)
		return err;
	struct job_row *row = rows;
	for (size_t i = 0; i < n; i++) {
		const struct bury_in in = { row[i].job.id, claiming->claim->owner };
		int64_t buried = 0;

		if (!err && row[i].job.attempt >= row[i].job.max_attempts)
			err = stmt_run(db, &bury, &in, &buried, ctx);
		if (buried) {
			log_warn(LOG_EVENT("job_dead"), LOG_I("job", row[i].job.id),
			    LOG_S("kind", row[i].job.kind));
			job_free(&row[i].job);
		} else {
			row[kept++] = row[i]; /* to be tried again, or still the claimer's own */
		}
	}
	keep_rows(claiming, row, kept, false);
	return err;
}

static enum err
select_queued(struct claiming *claiming, struct errctx *ctx)
{
	const struct most_in in = { (int64_t)(claiming->claim->most - claiming->n) };
	void *rows = NULL;
	size_t n = 0;

	if (in.most == 0)
		return OK;
	enum err err = stmt_all(claiming->store->db, &queued_select, &in, sizeof(struct job_row),
	    &rows, &n, ctx);
	if (err)
		return err;
	claiming->full = n == (size_t)in.most;
	keep_rows(claiming, rows, n, true);
	return OK;
}

/* What waits behind the jobs of teams without room. */
static enum err
select_others(struct claiming *claiming, struct errctx *ctx)
{
	auto_buf struct buf teams = BUF_INIT(TEAMS_TEXT_MAX);
	void *rows = NULL;
	size_t n = 0;

	for (size_t i = 0; i < claiming->n_rooms; i++)
		if (!claiming->rooms[i].left)
			buf_printf(&teams, "%s%lld", teams.len ? "," : "",
			    (long long)claiming->rooms[i].team_id);
	const struct others_in in = { buf_text(&teams),
		(int64_t)(claiming->claim->most - claiming->n) };
	enum err err = stmt_all(claiming->store->db, &others_select, &in, sizeof(struct job_row),
	    &rows, &n, ctx);
	if (!err)
		keep_rows(claiming, rows, n, true);
	return err;
}

/* For statements over TAKE_CHUNK ids: those from `at` on, the last places filled with the first. */
static void
fill_ids(struct take_in *in, const int64_t *ids, size_t n, size_t at)
{
	for (size_t i = 0; i < TAKE_CHUNK; i++)
		in->ids[i] = ids[at + i < n ? at + i : at];
}

static enum err
take_all(struct claiming *claiming, struct errctx *ctx)
{
	struct take_in in = { .owner = claiming->claim->owner,
		.lease_s = claiming->claim->lease_s };
	int64_t ids[JOB_CLAIM_MAX];

	for (size_t i = 0; i < claiming->n; i++)
		ids[i] = claiming->jobs[i].id;
	for (size_t at = 0; at < claiming->n; at += TAKE_CHUNK) {
		fill_ids(&in, ids, claiming->n, at);
		enum err err = stmt_run(claiming->store->db, &take, &in, NULL, ctx);
		if (err)
			return err;
	}
	for (size_t i = 0; i < claiming->n; i++) {
		claiming->jobs[i].attempt++;
		claiming->jobs[i].fence++;
	}
	return OK;
}

static void
drop_claimed(struct claiming *claiming)
{
	for (size_t i = 0; i < claiming->n; i++)
		job_free(&claiming->jobs[i]);
	claiming->n = claiming->n_rooms = 0;
	claiming->full = claiming->passed_over = false;
}

static enum err
claim_body(struct db *db, void *arg, struct errctx *ctx)
{
	struct claiming *claiming = arg;
	(void)db;

	drop_claimed(claiming);
	enum err err = select_expired(claiming, ctx);
	if (!err)
		err = select_queued(claiming, ctx);
	if (!err && claiming->full && claiming->passed_over)
		err = select_others(claiming, ctx);
	return err ? err : take_all(claiming, ctx);
}

struct held_in {
	int64_t id, fence;
	const char *owner;
};
struct held_row {
	int64_t n;
};
static const struct col owned_in[] = { COL(INT, struct held_in, id),
	COL(INT, struct held_in, fence), COL(TEXT, struct held_in, owner) };
static const struct col held_out[] = { COL(INT, struct held_row, n) };
static const struct stmt owned_select = { "job_owned",
	"SELECT COUNT(*) FROM job WHERE id = ? AND fence = ? AND lease_owner = ?", owned_in,
	COL_N(owned_in), held_out, COL_N(held_out) };

/* A lost COMMIT: the fence we would have set, in our name, exists only when it landed. */
static enum err
claim_landed(struct db *db, void *arg, bool *landed_out, struct errctx *ctx)
{
	const struct claiming *claiming = arg;
	struct held_row row = { 0 };

	if (claiming->n == 0) { /* whatever was buried will be found again */
		*landed_out = true;
		return OK;
	}
	const struct job *job = &claiming->jobs[0];
	enum err err = stmt_one(db, &owned_select,
	    &(struct held_in){ job->id, job->fence, claiming->claim->owner }, &row, ctx);
	*landed_out = row.n > 0;
	return err;
}

enum err
job_claim(struct store *store, const struct job_claim *claim, struct job *jobs_out, size_t *n_out,
    bool *more_out, struct errctx *ctx)
{
	struct claiming claiming = { .store = store, .claim = claim, .jobs = jobs_out };

	assert(claim->most <= JOB_CLAIM_MAX);
	enum err err = db_transaction(store->db, claim_body, claim_landed, &claiming, ctx);
	if (err) {
		drop_claimed(&claiming);
		return err;
	}
	*n_out = claiming.n;
	*more_out = claiming.full || claiming.n == claim->most;
	return OK;
}

/* ---- renew ---- */

static const struct col beat_in[] = { COL(INT, struct take_in, lease_s),
	COL(TEXT, struct take_in, owner), ID16(0), ID16(16) };
static const struct stmt beat = { "job_beat",
	"UPDATE job SET lease_until = UTC_TIMESTAMP(3) + INTERVAL ? SECOND "
	"WHERE lease_owner = ? AND state = 'running' AND id IN (" MARKS16 ", " MARKS16 ")",
	beat_in, COL_N(beat_in), NULL, 0 };

enum err
job_beat(struct store *store, const char *owner, const int64_t *ids, size_t n, int64_t lease_s,
    struct errctx *ctx)
{
	struct take_in in = { .owner = owner, .lease_s = lease_s };
	enum err err = OK;

	for (size_t at = 0; at < n && !err; at += TAKE_CHUNK) {
		fill_ids(&in, ids, n, at);
		err = stmt_run(store->db, &beat, &in, NULL, ctx);
	}
	return err;
}

/* ---- end ---- */

struct end_in {
	const char *state, *error;
	int64_t delay_ms, id, fence;
};
static const struct col over_in[] = { COL(TEXT, struct end_in, state),
	COL(TEXT, struct end_in, error), COL(INT, struct end_in, id),
	COL(INT, struct end_in, fence) };
static const struct col again_in[] = { COL(TEXT, struct end_in, error),
	COL(INT, struct end_in, delay_ms), COL(INT, struct end_in, id),
	COL(INT, struct end_in, fence) };
static const struct col back_in[] = { COL(INT, struct end_in, delay_ms),
	COL(INT, struct end_in, delay_ms), COL(INT, struct end_in, id),
	COL(INT, struct end_in, fence) };
#define HELD "WHERE id = ? AND fence = ? AND state = 'running'"

static const struct stmt over = { "job_over",
	"UPDATE job SET state = ?, error = LEFT(?, 512), active_key = NULL, lease_owner = NULL, "
	"lease_until = NULL, finished_at = UTC_TIMESTAMP(3) " HELD,
	over_in, COL_N(over_in), NULL, 0 };
static const struct stmt again = { "job_again",
	"UPDATE job SET state = IF(attempt < max_attempts, 'queued', 'dead'), "
	"active_key = IF(attempt < max_attempts, active_key, NULL), "
	"finished_at = IF(attempt < max_attempts, NULL, UTC_TIMESTAMP(3)), "
	"error = LEFT(?, 512), lease_owner = NULL, lease_until = NULL, "
	"run_at = UTC_TIMESTAMP(3) + INTERVAL ? * 1000 MICROSECOND " HELD,
	again_in, COL_N(again_in), NULL, 0 };
static const struct stmt back = { "job_back",
	"UPDATE job SET state = 'queued', attempt = attempt - 1, lease_owner = NULL, "
	"lease_until = NULL, run_at = IF(? = 0, run_at, "
	"UTC_TIMESTAMP(3) + INTERVAL ? * 1000 MICROSECOND) " HELD,
	back_in, COL_N(back_in), NULL, 0 };

static const struct {
	const struct stmt *stmt;
	const char *state;
} ends[] = {
	[JOB_DONE] = { &over, "done" },
	[JOB_FAILED] = { &over, "failed" },
	[JOB_RETRY] = { &again, NULL },
	[JOB_BACK] = { &back, NULL },
};

enum err
job_finish(struct store *store, const struct job *job, enum job_end end, const char *error,
    int64_t delay_ms, struct errctx *ctx)
{
	const struct end_in in = { ends[end].state, error, delay_ms, job->id, job->fence };
	int64_t affected = 0;
	enum err err = stmt_run(store->db, ends[end].stmt, &in, &affected, ctx);

	if (!err && affected == 0)
		err = err_set(ctx, ERR_STALE, "", "another runner has taken this job over");
	return err;
}

struct note_in {
	int64_t id;
	const char *payload;
};
static const struct col note_in[] = { COL(TEXT, struct note_in, payload),
	COL(INT, struct note_in, id) };
static const struct stmt note = { "job_note", "UPDATE job SET payload = ? WHERE id = ?", note_in,
	COL_N(note_in), NULL, 0 };

enum err
job_note(struct store *store, int64_t id, const char *payload, struct errctx *ctx)
{
	return stmt_run(store->db, &note, &(struct note_in){ id, payload }, NULL, ctx);
}

static const struct col held_in[] = { COL(INT, struct held_in, id),
	COL(INT, struct held_in, fence) };
static const struct stmt held_select = { "job_held",
	"SELECT COUNT(*) FROM job WHERE id = ? AND fence = ? AND state = 'running'", held_in,
	COL_N(held_in), held_out, COL_N(held_out) };

enum err
job_is_held(struct store *store, const struct job *job, bool *is_held_out, struct errctx *ctx)
{
	struct held_row row = { 0 };
	enum err err = stmt_one(store->db, &held_select,
	    &(struct held_in){ .id = job->id, .fence = job->fence }, &row, ctx);

	if (!err)
		*is_held_out = row.n > 0;
	return err;
}

int64_t
job_backoff_ms(int64_t attempt)
{
	int64_t most = BACKOFF_BASE_MS;

	for (int64_t i = 1; i < attempt && most < BACKOFF_MOST_MS; i++)
		most *= 2;
	if (most > BACKOFF_MOST_MS)
		most = BACKOFF_MOST_MS;
	return 1 + crypt_random_below((uint32_t)most);
}
