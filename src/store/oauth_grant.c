/* SPDX-License-Identifier: Apache-2.0 */
/* What OAuth providers have granted, and the life of a grant from waiting to its end. */
#include "store/oauth_grant.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "store/job.h"

#define ACCOUNT_MAX 255    /* characters of an account's name or id */
#define REVOKE_ATTEMPTS 12 /* about a quarter of an hour of pauses */

/* ---- reading ---- */

struct grant_in {
	struct uuid uuid, credential_id, request;
	struct oauth_owner owner;
	const char *problem;
	int64_t most, generation;
};
#define IN(type, member) COL(type, struct grant_in, member)
static const struct col uuid_in[] = { IN(UUID, uuid) };

#define OUT(type, member) COL(type, struct oauth_grant, member)
static const struct col grant_out_cols[] = { OUT(UUID, uuid), OUT(UUID, main_uuid),
	OUT(UUID, credential_id), OUT(UUID, callback_id), OUT(INT, team_id),
	OUT(INT0, owner.connection_id), OUT(INT0, owner.user_credential_id), OUT(TEXT, state),
	OUT(TEXT, client_id), OUT(TEXT, connection_type), OUT(TEXT, destination),
	OUT(TEXT, token_name), OUT(TEXT, account_name), OUT(TEXT, account_id), OUT(TEXT, problem),
	OUT(TEXT, scopes), OUT(TEXT, asked), OUT(BYTES, parameters_sealed), OUT(INT, generation),
	OUT(INT, lease_fence), OUT(INT, lease_ms), OUT(TIME, refresh_at), OUT(TIME, created_at) };
#define GRANT_SELECT                                                                               \
	"SELECT g.uuid, g.main_uuid, g.credential_id, g.callback_id, g.team_id, g.connection_id, " \
	"g.user_credential_id, g.state, g.client_id, g.connection_type, g.destination, "           \
	"g.token_name, "                                                                           \
	"g.account_name, g.account_id, g.problem, g.scopes, g.asked, g.parameters_sealed, "        \
	"g.generation, g.lease_fence, "                                                            \
	"GREATEST(0, COALESCE(TIMESTAMPDIFF(MICROSECOND, UTC_TIMESTAMP(3), g.lease_until) DIV "    \
	"1000, 0)), g.refresh_at, g.created_at FROM oauth_grant g WHERE "
#define SELECT(var, name, where, in)                                                               \
	static const struct stmt var = { name, GRANT_SELECT where, in, COL_N(in), grant_out_cols,  \
		COL_N(grant_out_cols) }

SELECT(load, "oauth_grant_load", "g.uuid = ?", uuid_in);
SELECT(lock, "oauth_grant_lock", "g.uuid = ? FOR UPDATE", uuid_in);
static const struct col connection_in[] = { IN(INT, owner.connection_id) };
static const struct col user_credential_in[] = { IN(INT, owner.user_credential_id) };
SELECT(of_connection, "oauth_grant_of_connection", "g.connection_id = ? AND g.main_uuid IS NULL",
    connection_in);
SELECT(of_user_credential, "oauth_grant_of_user_credential", "g.user_credential_id = ?",
    user_credential_in);

void
oauth_grant_free(struct oauth_grant *grant)
{
	if (grant)
		stmt_row_free(&load, grant);
}

static enum err
read_one(struct store *store, const struct stmt *stmt, const struct grant_in *in,
    struct oauth_grant *grant_out, struct errctx *ctx)
{
	struct oauth_grant row = { 0 };
	enum err err = stmt_one(store->db, stmt, in, &row, ctx);

	if (err == ERR_NOT_FOUND)
		return err_set(ctx, err, "", "no such authorization");
	if (!err)
		*grant_out = row;
	return err;
}

enum err
oauth_grant_load(struct store *store, const struct uuid *uuid, struct oauth_grant *grant_out,
    struct errctx *ctx)
{
	return read_one(store, &load, &(struct grant_in){ .uuid = *uuid }, grant_out, ctx);
}

enum err
oauth_grant_lock_in(struct store *store, const struct uuid *uuid, struct oauth_grant *grant_out,
    struct errctx *ctx)
{
	return read_one(store, &lock, &(struct grant_in){ .uuid = *uuid }, grant_out, ctx);
}

enum err
oauth_grant_of(struct store *store, const struct oauth_owner *owner, struct oauth_grant *grant_out,
    struct errctx *ctx)
{
	return read_one(store, owner->connection_id ? &of_connection : &of_user_credential,
	    &(struct grant_in){ .owner = *owner }, grant_out, ctx);
}

static struct seal_context
context_of(const struct uuid *uuid, int64_t team_id)
{
	return (struct seal_context){ .table = "oauth_grant",
		.row = *uuid,
		.field = "parameters",
		.team_id = team_id };
}

enum err
oauth_grant_parameters(struct store *store, const struct oauth_grant *grant,
    json_t **parameters_out, struct errctx *ctx)
{
	const struct seal_context context = context_of(&grant->uuid, grant->team_id);
	auto_secret struct secret text = { 0 };
	enum err err = store_open(store, &context, &grant->parameters_sealed, &text, ctx);

	if (!err && json_parse(secret_text(&text), text.len, parameters_out, NULL))
		err = err_set(ctx, ERR_INTEGRITY, "", "the fields of an authorization are damaged");
	return err;
}

/* By the index of accounts: of a known one and those nobody knows, or of all. */
static const struct col sibling_in[] = { OUT(TEXT, connection_type), OUT(TEXT, client_id),
	OUT(UUID, uuid), OUT(TEXT, account_id) };
#define SIBLING(var, name, and, n)                                                                 \
	static const struct stmt var = { name,                                                     \
		"SELECT g.uuid, g.team_id FROM oauth_grant g WHERE g.connection_type = ? "         \
		"AND g.client_id = ? AND g.uuid <> ? AND g.state IN ('waiting', 'active') " and    \
		    "LIMIT 1",                                                                     \
		sibling_in, n, end_out, COL_N(end_out) }
struct end_row {
	struct uuid uuid;
	int64_t team_id;
};
static const struct col end_out[] = { COL(UUID, struct end_row, uuid),
	COL(INT, struct end_row, team_id) };
SIBLING(sibling_any, "oauth_grant_sibling_any", "", COL_N(sibling_in) - 1);
SIBLING(sibling_same, "oauth_grant_sibling_same", "AND (g.account_id = ? OR g.account_id IS NULL) ",
    COL_N(sibling_in));

enum err
oauth_grant_has_sibling(struct store *store, const struct oauth_grant *grant, bool *has_out,
    struct errctx *ctx)
{
	struct end_row row = { 0 };
	enum err err =
	    stmt_one(store->db, grant->account_id ? &sibling_same : &sibling_any, grant, &row, ctx);

	if (err && err != ERR_NOT_FOUND)
		return err;
	*has_out = !err;
	err_clear(ctx);
	return OK;
}

/* ---- making ---- */

struct insert_in {
	struct uuid uuid;
	struct oauth_grant_new row; /* of its members those that are columns */
	int64_t refresh_at;
	struct bytes parameters_sealed;
};
#define NEW(type, member) COL(type, struct insert_in, row.member)
static const struct col insert_in[] = { COL(UUID, struct insert_in, uuid), NEW(UUID, main_uuid),
	NEW(INT, team_id), NEW(TEXT, state), NEW(INT0, owner.connection_id),
	NEW(INT0, owner.user_credential_id), NEW(UUID, credential_id), NEW(UUID, callback_id),
	NEW(TEXT, client_id), NEW(TEXT, connection_type), NEW(TEXT, destination),
	NEW(TEXT, token_name), NEW(TEXT, account_name), NEW(TEXT, account_id), NEW(TEXT, scopes),
	NEW(TEXT, asked), COL(BYTES, struct insert_in, parameters_sealed),
	COL(TIME, struct insert_in, refresh_at) };
static const struct stmt insert = { "oauth_grant_insert",
	"INSERT INTO oauth_grant (uuid, main_uuid, team_id, state, connection_id, "
	"user_credential_id, credential_id, callback_id, client_id, connection_type, destination, "
	"token_name, account_name, account_id, scopes, asked, parameters_sealed, refresh_at, "
	"generation, "
	"created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, "
	"UTC_TIMESTAMP(3), UTC_TIMESTAMP(3))",
	insert_in, COL_N(insert_in), NULL, 0 };

static enum err enqueue_revoke(struct store *store, const struct uuid *uuid, int64_t team_id,
    const char *request_id, struct errctx *ctx);

enum err
oauth_grant_create_in(struct store *store, const struct oauth_grant_new *grant,
    struct uuid *uuid_out, struct errctx *ctx)
{
	auto_free char *name = json_text_cut(grant->account_name, ACCOUNT_MAX);
	auto_free char *id = json_text_cut(grant->account_id, ACCOUNT_MAX);
	auto_wipe char *text = json_text(grant->parameters);
	struct insert_in in = { .row = *grant, .refresh_at = grant->token->refresh_at };

	uuid_make(&in.uuid);
	in.row.account_name = name;
	in.row.account_id = id;
	if (!grant->token_name)
		in.row.token_name = OAUTH_MAIN_TOKEN;
	if (!grant->destination)
		in.row.destination = "";
	const struct seal_context context = context_of(&in.uuid, grant->team_id);
	enum err err = store_seal(store, &context, text, strlen(text), &in.parameters_sealed, ctx);
	if (!err)
		err = stmt_run(store->db, &insert, &in, NULL, ctx);
	free(in.parameters_sealed.data);
	if (!err)
		err = oauth_token_add_in(store, &in.uuid, grant->team_id, 1, grant->token,
		    &OAUTH_RECIPIENT_OF(&in.row), ctx);
	if (!err && strcmp(grant->state, OAUTH_ENDING) == 0)
		err = enqueue_revoke(store, &in.uuid, grant->team_id, grant->request_id, ctx);
	if (!err)
		*uuid_out = in.uuid;
	return err;
}

static const struct col activate_in[] = { IN(INT0, owner.connection_id),
	IN(INT0, owner.user_credential_id), IN(UUID, uuid) };
static const struct stmt activate = { "oauth_grant_activate",
	"UPDATE oauth_grant SET state = 'active', connection_id = ?, user_credential_id = ?, "
	"updated_at = UTC_TIMESTAMP(3) WHERE uuid = ? AND state = 'waiting'",
	activate_in, COL_N(activate_in), NULL, 0 };
static const struct stmt activate_named = { "oauth_grant_activate_named",
	"UPDATE oauth_grant SET state = 'active', connection_id = ?, user_credential_id = ?, "
	"updated_at = UTC_TIMESTAMP(3) WHERE main_uuid = ? AND state = 'waiting'",
	activate_in, COL_N(activate_in), NULL, 0 };

enum err
oauth_grant_activate_in(struct store *store, const struct uuid *uuid,
    const struct oauth_owner *owner, struct errctx *ctx)
{
	const struct grant_in in = { .uuid = *uuid, .owner = *owner };
	int64_t affected = 0;
	enum err err = stmt_run(store->db, &activate, &in, &affected, ctx);

	if (!err && !affected)
		err = err_set(ctx, ERR_STALE, "", "the authorization does not wait any more");
	return err ? err : stmt_run(store->db, &activate_named, &in, NULL, ctx);
}

/* ---- ending ---- */

/* The sweep of housekeeping and the call of an owner may meet: the key joins them. */
static enum err
enqueue_revoke(struct store *store, const struct uuid *uuid, int64_t team_id,
    const char *request_id, struct errctx *ctx)
{
	char subject[UUID_TEXT_SIZE], active_key[UUID_TEXT_SIZE + 16];
	int64_t job_id;

	uuid_text(uuid, subject);
	snprintf(active_key, sizeof(active_key), "oauth-revoke:%s", subject);
	const struct job_new job = { .kind = "oauth_revoke",
		.subject = subject,
		.active_key = active_key,
		.team_id = team_id,
		.max_attempts = REVOKE_ATTEMPTS,
		.payload = "{}",
		.request_id = request_id };
	return job_enqueue(store, &job, &job_id, ctx);
}

#define END_SELECT(var, name, where, in)                                                           \
	static const struct stmt var = { name,                                                     \
		"SELECT g.uuid, g.team_id FROM oauth_grant g WHERE " where " FOR UPDATE", in,      \
		COL_N(in), end_out, COL_N(end_out) }

END_SELECT(end_this, "oauth_grant_end_this", "g.uuid = ? AND g.state <> 'ending'", uuid_in);
END_SELECT(end_named, "oauth_grant_end_named", "g.main_uuid = ? AND g.state <> 'ending'", uuid_in);
END_SELECT(end_connection, "oauth_grant_end_connection", "g.connection_id = ?", connection_in);
END_SELECT(end_user_credential, "oauth_grant_end_user_credential", "g.user_credential_id = ?",
    user_credential_in);
static const struct col waiting_in[] = { IN(UUID, credential_id), IN(UUID, uuid), IN(UUID, uuid) };
END_SELECT(end_waiting, "oauth_grant_end_waiting",
    "g.credential_id = ? AND g.state = 'waiting' AND (? IS NULL OR g.uuid <> ?)", waiting_in);
static const struct col request_in[] = { IN(UUID, request) };
END_SELECT(end_request, "oauth_grant_end_request",
    "g.state = 'waiting' AND g.credential_id IN (SELECT id FROM credential WHERE request_id = ?)",
    request_in);
static const struct col most_in[] = { IN(INT, most) };
static const struct stmt end_stale = { "oauth_grant_end_stale",
	"SELECT g.uuid, g.team_id FROM oauth_grant g WHERE g.state = 'waiting' "
	"AND g.main_uuid IS NULL AND g.created_at < UTC_TIMESTAMP(3) - INTERVAL 1 DAY LIMIT ? FOR "
	"UPDATE",
	most_in, COL_N(most_in), end_out, COL_N(end_out) };

static const struct stmt end_update = { "oauth_grant_end",
	"UPDATE oauth_grant SET state = 'ending', connection_id = NULL, user_credential_id = NULL, "
	"updated_at = UTC_TIMESTAMP(3) WHERE uuid = ?",
	uuid_in, COL_N(uuid_in), NULL, 0 };

static enum err
end_found(struct store *store, const struct stmt *stmt, const struct grant_in *in,
    const char *request_id, int64_t *ended_out, struct errctx *ctx)
{
	void *rows = NULL;
	size_t n = 0;
	enum err err = stmt_all(store->db, stmt, in, sizeof(struct end_row), &rows, &n, ctx);
	const struct end_row *row = rows;

	for (size_t i = 0; i < n && !err; i++) {
		const struct grant_in this = { .uuid = row[i].uuid };

		err = stmt_run(store->db, &end_update, &this, NULL, ctx);
		if (!err)
			err = enqueue_revoke(store, &row[i].uuid, row[i].team_id, request_id, ctx);
		if (!err && stmt != &end_named)
			err = end_found(store, &end_named, &this, request_id, NULL, ctx);
	}
	stmt_rows_free(stmt, sizeof(struct end_row), &rows, n);
	if (!err && ended_out)
		*ended_out = (int64_t)n;
	return err;
}

enum err
oauth_grant_end_in(struct store *store, const struct uuid *uuid, const char *request_id,
    struct errctx *ctx)
{
	return end_found(store, &end_this, &(struct grant_in){ .uuid = *uuid }, request_id, NULL,
	    ctx);
}

enum err
oauth_grant_release_in(struct store *store, const struct oauth_owner *owner, const char *request_id,
    struct errctx *ctx)
{
	enum err err =
	    end_found(store, owner->connection_id ? &end_connection : &end_user_credential,
		&(struct grant_in){ .owner = *owner }, request_id, NULL, ctx);

	return err ? err : oauth_owner_forget_token_in(store, owner, ctx);
}

enum err
oauth_grant_end_waiting_in(struct store *store, const struct uuid *credential_id,
    const struct uuid *except, const char *request_id, struct errctx *ctx)
{
	struct grant_in in = { .credential_id = *credential_id };

	if (except)
		in.uuid = *except;
	return end_found(store, &end_waiting, &in, request_id, NULL, ctx);
}

enum err
oauth_grant_end_request_in(struct store *store, const struct uuid *request, const char *request_id,
    struct errctx *ctx)
{
	return end_found(store, &end_request, &(struct grant_in){ .request = *request }, request_id,
	    NULL, ctx);
}

/* ---- whether it is still there ---- */

static const struct col still_in[] = { IN(UUID, uuid), IN(INT, generation) };
static const struct stmt still = { "oauth_grant_is_still",
	"SELECT g.uuid, g.team_id FROM oauth_grant g WHERE g.uuid = ? AND g.generation = ? "
	"AND g.state = 'active' LOCK IN SHARE MODE",
	still_in, COL_N(still_in), end_out, COL_N(end_out) };

enum err
oauth_grant_is_still_in(struct store *store, const struct uuid *uuid, int64_t generation,
    bool *still_out, struct errctx *ctx)
{
	struct end_row row = { 0 };
	enum err err = stmt_one(store->db, &still,
	    &(struct grant_in){ .uuid = *uuid, .generation = generation }, &row, ctx);

	if (err == ERR_NOT_FOUND)
		err_clear(ctx);
	else if (err)
		return err;
	*still_out = !err;
	return OK;
}

struct staling {
	struct store *store;
	int64_t most, ended;
};

static enum err
stale_body(struct db *db, void *arg, struct errctx *ctx)
{
	struct staling *staling = arg;
	(void)db;

	return end_found(staling->store, &end_stale, &(struct grant_in){ .most = staling->most },
	    NULL, &staling->ended, ctx);
}

/* After a lost COMMIT: what has not ended is found by the next run. */
enum err
oauth_grant_end_stale(struct store *store, int64_t most, int64_t *ended_out, struct errctx *ctx)
{
	struct staling staling = { store, most, 0 };
	enum err err = db_transaction(store->db, stale_body, NULL, &staling, ctx);

	if (!err)
		*ended_out = staling.ended;
	return err;
}

/* ---- fields ---- */

static const struct col refill_in[] = { COL(BYTES, struct insert_in, parameters_sealed),
	COL(UUID, struct insert_in, uuid) };
static const struct stmt refill = { "oauth_grant_refill",
	"UPDATE oauth_grant SET parameters_sealed = ? WHERE uuid = ?", refill_in, COL_N(refill_in),
	NULL, 0 };
static const struct stmt named_select = { "oauth_grant_named",
	"SELECT g.uuid, g.team_id FROM oauth_grant g WHERE g.main_uuid = ? FOR UPDATE", uuid_in,
	COL_N(uuid_in), end_out, COL_N(end_out) };

static enum err
refill_one(struct store *store, const struct uuid *uuid, int64_t team_id, const json_t *parameters,
    struct errctx *ctx)
{
	const struct seal_context context = context_of(uuid, team_id);
	auto_wipe char *text = json_text(parameters);
	struct insert_in in = { .uuid = *uuid };
	enum err err = store_seal(store, &context, text, strlen(text), &in.parameters_sealed, ctx);

	if (!err)
		err = stmt_run(store->db, &refill, &in, NULL, ctx);
	free(in.parameters_sealed.data);
	return err;
}

enum err
oauth_grant_refill_in(struct store *store, const struct oauth_grant *grant, json_t *changed,
    json_t **parameters_out, struct errctx *ctx)
{
	json_t *parameters = NULL;
	void *rows = NULL;
	size_t n = 0;
	enum err err = oauth_grant_parameters(store, grant, &parameters, ctx);

	if (!err)
		json_object_update(parameters, changed);
	if (!err)
		err = refill_one(store, &grant->uuid, grant->team_id, parameters, ctx);
	if (!err)
		err = stmt_all(store->db, &named_select, &(struct grant_in){ .uuid = grant->uuid },
		    sizeof(struct end_row), &rows, &n, ctx);
	for (size_t i = 0; i < n && !err; i++) {
		const struct end_row *row = (const struct end_row *)rows + i;

		if (row->team_id == grant->team_id) /* no other team is told what this one has */
			err = refill_one(store, &row->uuid, row->team_id, parameters, ctx);
	}
	stmt_rows_free(&named_select, sizeof(struct end_row), &rows, n);
	if (err)
		json_decref(parameters);
	else
		*parameters_out = parameters;
	return err;
}

static const struct stmt remove_row = { "oauth_grant_remove",
	"DELETE FROM oauth_grant WHERE uuid = ?", uuid_in, COL_N(uuid_in), NULL, 0 };

enum err
oauth_grant_remove_in(struct store *store, const struct uuid *uuid, struct errctx *ctx)
{
	return stmt_run(store->db, &remove_row, &(struct grant_in){ .uuid = *uuid }, NULL, ctx);
}

static const struct col problem_in[] = { IN(TEXT, problem), IN(UUID, uuid) };
static const struct stmt problem_update = { "oauth_grant_note_problem",
	"UPDATE oauth_grant SET problem = LEFT(?, 512) WHERE uuid = ?", problem_in,
	COL_N(problem_in), NULL, 0 };
static const struct stmt put_off = { "oauth_grant_put_off",
	"UPDATE oauth_grant SET problem = LEFT(?, 512), refresh_at = IF(refresh_at IS NULL, NULL, "
	"GREATEST(refresh_at, UTC_TIMESTAMP(3) + INTERVAL 1 HOUR)) WHERE uuid = ?",
	problem_in, COL_N(problem_in), NULL, 0 };

enum err
oauth_grant_note_problem_in(struct store *store, const struct uuid *uuid, const char *problem,
    struct errctx *ctx)
{
	const struct grant_in in = { .uuid = *uuid, .problem = problem };

	return stmt_run(store->db, &problem_update, &in, NULL, ctx);
}

enum err
oauth_grant_put_off_in(struct store *store, const struct uuid *uuid, const char *problem,
    struct errctx *ctx)
{
	const struct grant_in in = { .uuid = *uuid, .problem = problem };

	return stmt_run(store->db, &put_off, &in, NULL, ctx);
}
