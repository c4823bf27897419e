/* SPDX-License-Identifier: Apache-2.0 */
/* What many jobs need and write, each kind of row in one statement. */
#include "store/batch.h"

#include <assert.h>
#include <stdlib.h>

#include "base/crypt.h"
#include "base/json.h"

/* The rows travel as one JSON text; JSON_TABLE makes a table of it. */
struct rows_in {
	const char *rows;
};
static const struct col rows_in[] = { COL(TEXT, struct rows_in, rows) };
#define ROWS "JSON_TABLE(?, '$[*]' COLUMNS ("

/* STRAIGHT_JOIN: by primary key, never by looking through (and locking) the jobs of others. */
static const struct stmt finish = { "batch_finish",
	"UPDATE " ROWS "id BIGINT PATH '$.id', fence BIGINT PATH '$.fence', "
	"state VARCHAR(8) CHARACTER SET ascii PATH '$.state', "
	"error TEXT CHARACTER SET utf8mb4 PATH '$.error')) x "
	"STRAIGHT_JOIN job j ON j.id = x.id AND j.fence = x.fence "
	"SET j.state = x.state, j.error = LEFT(x.error, 512), j.active_key = NULL, "
	"j.lease_owner = NULL, j.lease_until = NULL, j.finished_at = UTC_TIMESTAMP(3) "
	"WHERE j.state = 'running'",
	rows_in, COL_N(rows_in), NULL, 0 };

static const struct stmt audit = { "batch_audit",
	"INSERT INTO audit (id, at, event, outcome, actor, person_id, address, team_id, subject, "
	"count, request_id) SELECT UNHEX(x.id), UTC_TIMESTAMP(3), x.event, x.outcome, x.actor, "
	"x.person_id, x.address, x.team_id, x.subject, x.count, x.request_id FROM " ROWS
	"id CHAR(32) CHARACTER SET ascii PATH '$.id', "
	"event VARCHAR(64) CHARACTER SET ascii PATH '$.event', "
	"outcome VARCHAR(16) CHARACTER SET ascii PATH '$.outcome', "
	"actor VARCHAR(64) CHARACTER SET ascii PATH '$.actor', "
	"person_id BIGINT PATH '$.person_id', "
	"address VARCHAR(45) CHARACTER SET ascii PATH '$.address', "
	"team_id BIGINT PATH '$.team_id', "
	"subject VARCHAR(64) CHARACTER SET ascii PATH '$.subject', "
	"count BIGINT PATH '$.count', "
	"request_id CHAR(36) CHARACTER SET ascii PATH '$.request_id')) x",
	rows_in, COL_N(rows_in), NULL, 0 };

static const struct stmt fetch_log = { "batch_fetch_log",
	"INSERT INTO fetch_log (credential_id, job_id, started_at, duration_ms, outcome, reason, "
	"steps, request_id) SELECT c.id, x.job_id, TIMESTAMP('1970-01-01') + INTERVAL x.started_at "
	"* 1000 MICROSECOND, x.duration_ms, x.outcome, LEFT(x.reason, 512), x.steps, x.request_id "
	"FROM " ROWS "credential_id BIGINT PATH '$.credential_id', job_id BIGINT PATH '$.job_id', "
	"started_at BIGINT PATH '$.started_at', duration_ms BIGINT PATH '$.duration_ms', "
	"outcome VARCHAR(16) CHARACTER SET ascii PATH '$.outcome', "
	"reason TEXT CHARACTER SET utf8mb4 PATH '$.reason', "
	"steps TEXT CHARACTER SET utf8mb4 PATH '$.steps', "
	"request_id CHAR(36) CHARACTER SET ascii PATH '$.request_id')) x "
	"STRAIGHT_JOIN user_credential c ON c.id = x.credential_id",
	rows_in, COL_N(rows_in), NULL, 0 };

static enum err
run_rows(struct store *store, const struct stmt *stmt, const json_t *rows, int64_t *affected_out,
    struct errctx *ctx)
{
	char *text = json_text(rows);
	enum err err = stmt_run(store->db, stmt, &(struct rows_in){ text }, affected_out, ctx);

	free(text);
	return err;
}

enum err
batch_finish(struct store *store, const struct job_over *jobs, size_t n, struct errctx *ctx)
{
	json_auto_t *rows = json_array();
	int64_t affected = 0;

	assert(n <= BATCH_MAX);
	for (size_t i = 0; i < n; i++) {
		json_t *row = json_object();

		json_put_int(row, "id", jobs[i].job->id);
		json_put_int(row, "fence", jobs[i].job->fence);
		json_put_text(row, "state", jobs[i].end == JOB_DONE ? "done" : "failed");
		json_put_text(row, "error", jobs[i].error);
		json_array_append_new(rows, row);
	}
	enum err err = n ? run_rows(store, &finish, rows, &affected, ctx) : OK;
	if (!err && affected != (int64_t)n)
		err = err_set(ctx, ERR_STALE, "", "another runner has taken a job over");
	return err;
}

static json_t *
json_id(int64_t id)
{
	return id ? json_integer(id) : json_null();
}

enum err
batch_audit(struct store *store, const struct audit_entry *entries, size_t n, struct errctx *ctx)
{
	json_auto_t *rows = json_array();

	assert(n <= BATCH_MAX);
	for (size_t i = 0; i < n; i++) {
		const struct audit_entry *entry = &entries[i];
		json_t *row = json_object();
		struct uuid id;

		uuid_make_ordered(&id);
		char *hex = crypt_hex(id.bytes, sizeof(id.bytes));
		json_put_text(row, "id", hex);
		free(hex);
		json_put_text(row, "event", entry->event);
		json_put_text(row, "outcome", entry->failed ? "failed" : "ok");
		json_put_text(row, "actor", entry->actor);
		json_put(row, "person_id", json_id(entry->person_id));
		json_put_text(row, "address", entry->address);
		json_put(row, "team_id", json_id(entry->team_id));
		json_put_text(row, "subject", entry->subject);
		json_put_int(row, "count", entry->count ? entry->count : 1);
		json_put_text(row, "request_id", entry->request_id);
		json_array_append_new(rows, row);
	}
	return n ? run_rows(store, &audit, rows, NULL, ctx) : OK;
}

enum err
batch_fetch_log(struct store *store, const struct fetch_log *entries, size_t n, struct errctx *ctx)
{
	json_auto_t *rows = json_array();

	assert(n <= BATCH_MAX);
	for (size_t i = 0; i < n; i++) {
		const struct fetch_log *entry = &entries[i];
		json_t *row = json_object();

		json_put_int(row, "credential_id", entry->credential_id);
		json_put_int(row, "job_id", entry->job_id);
		json_put_int(row, "started_at", entry->started_at);
		json_put_int(row, "duration_ms", entry->duration_ms);
		json_put_text(row, "outcome", entry->outcome);
		json_put_text(row, "reason", entry->reason);
		json_put_text(row, "steps", entry->steps);
		json_put_text(row, "request_id", entry->request_id);
		json_array_append_new(rows, row);
	}
	return n ? run_rows(store, &fetch_log, rows, NULL, ctx) : OK;
}

static const struct stmt uses = { "batch_uses",
	"UPDATE " ROWS "id BIGINT PATH '$')) x STRAIGHT_JOIN user_credential c ON c.id = x.id "
	"SET c.last_used_at = UTC_TIMESTAMP(3) WHERE c.last_used_at IS NULL "
	"OR c.last_used_at < UTC_TIMESTAMP(3) - INTERVAL 5 SECOND",
	rows_in, COL_N(rows_in), NULL, 0 };

enum err
batch_credential_uses(struct store *store, const int64_t *ids, size_t n, struct errctx *ctx)
{
	json_auto_t *rows = json_array();

	assert(n <= BATCH_MAX);
	for (size_t i = 0; i < n; i++)
		json_array_append_new(rows, json_integer(ids[i]));
	return n ? run_rows(store, &uses, rows, NULL, ctx) : OK;
}

#define TEXT_OF(number) #number
#define SECONDS(number) TEXT_OF(number)
struct subject_row {
	int64_t place; /* in the caller's array, from 1 */
	struct fetch_subject subject;
};
static const struct col subject_cols[] = {
	COL(INT, struct subject_row, place),
	USER_CREDENTIAL_PLACE_COLS(struct subject_row, subject.place),
	COL(TEXT, struct subject_row, subject.name),
	COL(TEXT, struct subject_row, subject.slug),
	COL(TEXT, struct subject_row, subject.metadata),
	COL(INT0, struct subject_row, subject.http_request_ttl),
	COL(INT, struct subject_row, subject.version),
	COL(TIME, struct subject_row, subject.fetched_at),
	COL(BYTES, struct subject_row, subject.definition_sealed),
};
static const struct stmt subjects = { "batch_fetch_subjects",
	"SELECT x.place, " USER_CREDENTIAL_PLACE_COLUMNS ", c.name, c.slug, c.metadata, "
	"c.http_request_ttl, c.version, t.fetched_at, c.definition_sealed "
	"FROM " ROWS "place FOR ORDINALITY, id BIGINT PATH '$')) x "
	"STRAIGHT_JOIN user_credential c ON c.id = x.id "
	"LEFT JOIN fetch_token t ON t.credential_id = c.id AND t.version = c.version "
	"AND t.fresh_until > UTC_TIMESTAMP(3) + INTERVAL " SECONDS(FETCH_MARGIN_S) " SECOND",
	rows_in, COL_N(rows_in), subject_cols, COL_N(subject_cols) };

enum err
batch_fetch_subjects(struct store *store, const int64_t *ids, size_t n,
    struct fetch_subject *subjects_out, struct errctx *ctx)
{
	json_auto_t *list = json_array();
	void *rows = NULL;
	size_t n_rows = 0;

	assert(n <= BATCH_MAX);
	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, json_integer(ids[i]));
	char *text = json_text(list);
	enum err err = stmt_all(store->db, &subjects, &(struct rows_in){ text },
	    sizeof(struct subject_row), &rows, &n_rows, ctx);
	free(text);
	if (err)
		return err;
	for (size_t i = 0; i < n; i++)
		subjects_out[i] = (struct fetch_subject){ 0 };
	for (size_t i = 0; i < n_rows; i++) {
		struct subject_row *row = (struct subject_row *)rows + i;

		assert(row->place >= 1 && (size_t)row->place <= n);
		subjects_out[row->place - 1] = row->subject;
	}
	free(rows);
	return OK;
}

struct place_row {
	int64_t place;
};
static const struct col place_cols[] = { COL(INT, struct place_row, place) };
/* Locked until the end of the transaction: no change of a credential comes in between. */
static const struct stmt lock_versions = { "batch_lock_versions",
	"SELECT x.place FROM " ROWS "place FOR ORDINALITY, id BIGINT PATH '$.id', "
	"version BIGINT PATH '$.version')) x "
	"STRAIGHT_JOIN user_credential c ON c.id = x.id AND c.version = x.version "
	"LOCK IN SHARE MODE",
	rows_in, COL_N(rows_in), place_cols, COL_N(place_cols) };

static const struct stmt put_tokens = { "batch_fetch_tokens",
	"INSERT INTO fetch_token (credential_id, version, job_id, team_id, token_sealed, "
	"fetched_at, "
	"fresh_until, expires_at) SELECT x.id, x.version, x.job_id, x.team_id, UNHEX(x.sealed), "
	"UTC_TIMESTAMP(3), UTC_TIMESTAMP(3) + INTERVAL x.keep SECOND, "
	"UTC_TIMESTAMP(3) + INTERVAL x.expires SECOND "
	"FROM " ROWS "id BIGINT PATH '$.id', version BIGINT PATH '$.version', "
	"job_id BIGINT PATH '$.job_id', team_id BIGINT PATH '$.team_id', keep BIGINT PATH "
	"'$.keep', "
	"expires BIGINT PATH '$.expires', "
	"sealed MEDIUMTEXT CHARACTER SET ascii PATH '$.sealed')) x "
	"ON DUPLICATE KEY UPDATE version = VALUES(version), job_id = VALUES(job_id), "
	"team_id = VALUES(team_id), token_sealed = VALUES(token_sealed), fetched_at = "
	"VALUES(fetched_at), "
	"fresh_until = VALUES(fresh_until), expires_at = VALUES(expires_at), ahead_at = NULL",
	rows_in, COL_N(rows_in), NULL, 0 };

static enum err
lock_tokens(struct store *store, struct batch_token *tokens, size_t n, struct errctx *ctx)
{
	json_auto_t *list = json_array();
	void *rows = NULL;
	size_t n_rows = 0;

	for (size_t i = 0; i < n; i++) {
		json_t *row = json_object();

		json_put_int(row, "id", tokens[i].subject->place.id);
		json_put_int(row, "version", tokens[i].subject->version);
		json_array_append_new(list, row);
		tokens[i].kept = false;
	}
	char *text = json_text(list);
	enum err err = stmt_all(store->db, &lock_versions, &(struct rows_in){ text },
	    sizeof(struct place_row), &rows, &n_rows, ctx);
	free(text);
	for (size_t i = 0; i < n_rows && !err; i++) {
		int64_t place = ((struct place_row *)rows)[i].place;

		assert(place >= 1 && (size_t)place <= n);
		tokens[place - 1].kept = true;
	}
	free(rows);
	return err;
}

enum err
batch_fetch_tokens(struct store *store, struct batch_token *tokens, size_t n, struct errctx *ctx)
{
	json_auto_t *rows = json_array();
	enum err err = n ? lock_tokens(store, tokens, n, ctx) : OK;

	assert(n <= BATCH_MAX);
	for (size_t i = 0; i < n && !err; i++) {
		const struct batch_token *token = &tokens[i];
		json_t *row;

		if (!token->kept)
			continue;
		assert(token->sealed->len <= BATCH_TOKEN_MAX);
		row = json_object();
		json_put_int(row, "id", token->subject->place.id);
		json_put_int(row, "version", token->subject->version);
		json_put_int(row, "job_id", token->job_id);
		json_put_int(row, "team_id", token->subject->place.team_id);
		json_put_int(row, "keep", token->keep_s);
		json_put(row, "expires",
		    token->expires_s ? json_integer(token->expires_s) : json_null());
		char *hex = crypt_hex(token->sealed->data, token->sealed->len);
		json_put_text(row, "sealed", hex);
		free(hex);
		json_array_append_new(rows, row);
	}
	if (!err && json_array_size(rows))
		err = run_rows(store, &put_tokens, rows, NULL, ctx);
	return err;
}
