/* SPDX-License-Identifier: Apache-2.0 */
/* The single things a request asks for: their states, and what moves them. */
#include "store/credential.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "store/credential_parts.h"
#include "store/mail.h"
#include "store/team_read.h"
#include "store/oauth_grant.h"

/* ---- reading ---- */

struct find_in {
	struct uuid id;
	const char *public_id;
};
struct load_row {
	struct credential credential;
};
static const struct col id_in[] = { COL(UUID, struct find_in, id) };
static const struct col load_out[] = { CREDENTIAL_COLS(struct load_row, credential) };
static const struct stmt load = { "credential_load",
	"SELECT " CREDENTIAL_COLUMNS " FROM credential c "
	"JOIN credential_request r ON r.id = c.request_id WHERE c.id = ?",
	id_in, COL_N(id_in), load_out, COL_N(load_out) };

void
credential_free(struct credential *credential)
{
	stmt_row_free(&load, credential);
}

const char *
credential_called(const struct credential *credential)
{
	return credential->alias ? credential->alias : credential->name;
}

static enum err
missing(enum err err, struct errctx *ctx)
{
	return err == ERR_NOT_FOUND ? err_set(ctx, err, "", "no such credential") : err;
}

enum err
credential_load(struct store *store, const struct uuid *id, struct credential *credential_out,
    struct errctx *ctx)
{
	return missing(stmt_one(store->db, &load, &(struct find_in){ .id = *id }, credential_out,
			   ctx),
	    ctx);
}

struct get_row {
	struct auth_row auth;
	struct credential credential;
};
static const struct col get_in[] = { COL(UUID, struct find_in, id),
	COL(TEXT, struct find_in, public_id) };
static const struct col get_out[] = { AUTH_COLS(struct get_row, auth),
	CREDENTIAL_COLS(struct get_row, credential) };
static const struct stmt get = { "credential_get",
	"SELECT " AUTH_COLUMNS ", " CREDENTIAL_COLUMNS " FROM api_token k "
	"LEFT JOIN (credential c JOIN credential_request r ON r.id = c.request_id "
	"JOIN team_member m ON m.team_id = r.team_id) ON c.id = ? AND m.person_id = k.person_id "
	"WHERE k.public_id = ?",
	get_in, COL_N(get_in), get_out, COL_N(get_out) };

enum err
credential_get(struct store *store, struct auth *auth, const struct uuid *id,
    struct credential *credential_out, struct errctx *ctx)
{
	static const struct auth_thing thing = AUTH_THING(struct get_row, credential, id);
	const struct find_in in = { .id = *id, .public_id = auth->public_id };
	enum err err = auth_read_one(store, auth, &get, &in, &thing, credential_out, ctx);

	return missing(err, ctx);
}

/* ---- changing ---- */

static const struct stmt lock = { "credential_lock",
	"SELECT " CREDENTIAL_COLUMNS " FROM credential c "
	"JOIN credential_request r ON r.id = c.request_id WHERE c.id = ? FOR UPDATE",
	id_in, COL_N(id_in), load_out, COL_N(load_out) };

enum err
credential_lock_in(struct store *store, const struct uuid *id, int64_t person_id,
    struct credential *credential_out, struct errctx *ctx)
{
	struct credential credential = { 0 };
	enum err err = stmt_one(store->db, &lock, &(struct find_in){ .id = *id }, &credential, ctx);

	if (!err && person_id != CREDENTIAL_ANYBODY)
		err = team_hide_from_others(store, credential.team_id, person_id, ctx);
	if (err)
		credential_free(&credential);
	else
		*credential_out = credential;
	return missing(err, ctx);
}

struct change {
	struct uuid id;
	const char *state, *platform, *remote_scope, *decline_reason;
	int64_t remote_id;
};
static const struct col change_in[] = {
	COL(TEXT, struct change, state),
	COL(INT0, struct change, remote_id),
	COL(TEXT, struct change, platform),
	COL(TEXT, struct change, remote_scope),
	COL(TEXT, struct change, decline_reason),
	COL(UUID, struct change, id),
};
static const struct stmt change_update = { "credential_change",
	"UPDATE credential SET state = ?, remote_id = ?, platform = ?, remote_scope = ?, "
	"decline_reason = ?, updated_at = UTC_TIMESTAMP(3) WHERE id = ?",
	change_in, COL_N(change_in), NULL, 0 };

struct refresh_in {
	struct uuid request_id;
};
static const struct col refresh_in[] = { COL(UUID, struct refresh_in, request_id),
	COL(UUID, struct refresh_in, request_id) };
static const struct stmt refresh = { "credential_status_refresh",
	"UPDATE credential_request r JOIN (SELECT COUNT(*) AS n, "
	"SUM(state = 'pending') AS pending, SUM(state = 'authorized') AS authorized, "
	"SUM(state = 'declined') AS declined, SUM(state IN ('reauthorizing', 'invalid')) AS broken "
	"FROM credential WHERE request_id = ?) s SET r.updated_at = UTC_TIMESTAMP(3), "
	"r.status = CASE WHEN s.pending = s.n THEN 'pending' "
	"WHEN s.authorized = s.n THEN 'authorized' WHEN s.declined = s.n THEN 'declined' "
	"WHEN s.broken > 0 THEN 'invalid' WHEN s.authorized > 0 THEN 'partially_authorized' "
	"ELSE 'incomplete' END WHERE r.id = ?",
	refresh_in, COL_N(refresh_in), NULL, 0 };

enum err
credential_status_refresh(struct store *store, const struct uuid *request_id, struct errctx *ctx)
{
	return stmt_run(store->db, &refresh, &(struct refresh_in){ *request_id }, NULL, ctx);
}

/* A connection that is broken, or not wanted any more, is there until somebody deletes it. */
static const bool keeps_remote[CREDENTIAL_EVENT_COUNT] = {
	[CREDENTIAL_DECLINE] = true,
	[CREDENTIAL_TEST_FAILED] = true,
	[CREDENTIAL_TEST_PASSED] = true,
	[CREDENTIAL_GRANT_BROKEN] = true,
};

enum err
credential_step_in(struct store *store, const struct credential *credential,
    const struct credential_step *step, struct errctx *ctx)
{
	enum credential_state state = CREDENTIAL_PENDING;
	enum err err = credential_state_parse(credential->state, &state, ctx);

	if (!err)
		err = credential_event(state, step->event, &state, ctx);
	if (err)
		return err;
	const struct credential_remote same = { credential->remote_id, credential->platform,
		credential->remote_scope };
	const struct credential_remote *remote = keeps_remote[step->event] ? &same : &step->remote;
	const struct change change = {
		.id = credential->id,
		.state = credential_state_names[state],
		.remote_id = remote->id,
		.platform = remote->platform,
		.remote_scope = remote->scope ? remote->scope : "[]",
		.decline_reason = state != CREDENTIAL_DECLINED ? NULL
				  : step->reason               ? step->reason
							       : credential->decline_reason,
	};
	err = stmt_run(store->db, &change_update, &change, NULL, ctx);
	if (!err && step->event == CREDENTIAL_DECLINE)
		err = oauth_grant_end_waiting_in(store, &credential->id, NULL, NULL, ctx);
	if (!err)
		err = credential_status_refresh(store, &credential->request_id, ctx);
	/* nobody has answered where a connection has come back by itself */
	if (err || strcmp(change.state, credential->state) == 0 ||
	    step->event == CREDENTIAL_TEST_PASSED)
		return err;
	return mail_done_in(store, &credential->request_id, ctx);
}

/* `locked_out` may be NULL: how the credential was before. */
static enum err
lock_and_step(struct store *store, const struct uuid *id, int64_t person_id,
    const struct credential_step *step, struct credential *locked_out, struct errctx *ctx)
{
	struct credential credential = { 0 };
	enum err err = credential_lock_in(store, id, person_id, &credential, ctx);

	if (!err)
		err = credential_step_in(store, &credential, step, ctx);
	if (!err && locked_out)
		*locked_out = credential;
	else
		credential_free(&credential);
	return err;
}

enum err
credential_authorize_in(struct store *store, const struct uuid *id,
    const struct credential_remote *remote, struct errctx *ctx)
{
	const struct credential_step step = { .event = CREDENTIAL_AUTHORIZE, .remote = *remote };

	return lock_and_step(store, id, CREDENTIAL_ANYBODY, &step, NULL, ctx);
}

enum err
credential_decline_in(struct store *store, const struct uuid *id, const char *reason,
    struct errctx *ctx)
{
	const struct credential_step step = { .event = CREDENTIAL_DECLINE, .reason = reason };

	return lock_and_step(store, id, CREDENTIAL_ANYBODY, &step, NULL, ctx);
}

/* ---- declining over the API ---- */

struct call_off_in {
	const char *active_key;
};
static const struct col call_off_in[] = { COL(TEXT, struct call_off_in, active_key) };
static const struct stmt call_off_job = { "credential_call_off",
	"UPDATE job SET state = 'failed', active_key = NULL, finished_at = UTC_TIMESTAMP(3), "
	"error = 'called off: the credential was declined' WHERE active_key = ?",
	call_off_in, COL_N(call_off_in), NULL, 0 };

static const struct stmt call_off_forms = { "credential_call_off_forms",
	"UPDATE submission SET fields_sealed = NULL WHERE credential_id = ? "
	"AND fields_sealed IS NOT NULL",
	id_in, COL_N(id_in), NULL, 0 };

/* A form sent before the refusal must not be taken after it, not even when its job is put back. */
static enum err
call_off(struct store *store, const struct uuid *id, struct errctx *ctx)
{
	char text[UUID_TEXT_SIZE], active_key[UUID_TEXT_SIZE + 16];

	uuid_text(id, text);
	snprintf(active_key, sizeof(active_key), "credential:%s", text);
	enum err err =
	    stmt_run(store->db, &call_off_forms, &(struct find_in){ .id = *id }, NULL, ctx);
	return err ? err
		   : stmt_run(store->db, &call_off_job, &(struct call_off_in){ active_key }, NULL,
			 ctx);
}

struct decline {
	const struct uuid *id;
	int64_t person_id;
	const char *reason;
	struct credential *credential_out;
};

static enum err
decline_body(struct store *store, void *arg, struct audit_entry *audit, struct errctx *ctx)
{
	const struct decline *decline = arg;
	const struct credential_step step = { .event = CREDENTIAL_DECLINE,
		.reason = decline->reason };
	struct credential credential = { 0 };
	enum err err =
	    lock_and_step(store, decline->id, decline->person_id, &step, &credential, ctx);

	if (err)
		return err;
	audit->team_id = credential.team_id;
	uuid_text(decline->id, audit->subject);
	credential_free(&credential);
	err = call_off(store, decline->id, ctx);
	if (err)
		return err;
	/* the body may run again */
	credential_free(decline->credential_out);
	return credential_load(store, decline->id, decline->credential_out, ctx);
}

enum err
credential_decline(struct store *store, struct audit_entry *audit, int64_t person_id,
    const struct uuid *id, const char *reason, struct credential *credential_out,
    struct errctx *ctx)
{
	struct credential credential = { 0 };
	struct decline decline = { id, person_id, reason, &credential };
	enum err err = store_write(store, audit, decline_body, &decline, ctx);

	if (err)
		credential_free(&credential);
	else
		*credential_out = credential;
	return err;
}

/* ---- remotes that go away ---- */

bool
credential_is_remote(const struct credential *credential)
{
	return credential->remote_id && credential->platform &&
	       strcmp(credential->platform, "local") != 0;
}

bool
credential_has_result(const struct credential *credential)
{
	enum credential_state state = CREDENTIAL_PENDING;

	if (!credential->user_credential_id)
		return credential->remote_id != 0;
	return credential_state_parse(credential->state, &state, NULL) == OK &&
	       state != CREDENTIAL_PENDING && state != CREDENTIAL_DECLINED;
}

bool
credential_is_broken(const struct credential *credential)
{
	return strcmp(credential->state, credential_state_names[CREDENTIAL_REAUTHORIZING]) == 0 ||
	       strcmp(credential->state, credential_state_names[CREDENTIAL_INVALID]) == 0;
}

/* Nothing happens when the credential has another remote by now, and `same_out` says so. A test
 * that passed changes only what was broken. */
static enum err
step_of_remote(struct store *store, const struct uuid *id, const struct credential_remote *remote,
    enum credential_event event, bool *same_out, struct errctx *ctx)
{
	const struct credential_step step = { .event = event };
	struct credential credential = { 0 };
	enum err err = credential_lock_in(store, id, CREDENTIAL_ANYBODY, &credential, ctx);
	bool local = strcmp(remote->platform, "local") == 0;
	bool same =
	    credential.remote_id == remote->id && credential_is_remote(&credential) == !local;

	if (!err && same && (event != CREDENTIAL_TEST_PASSED || credential_is_broken(&credential)))
		err = credential_step_in(store, &credential, &step, ctx);
	if (!err)
		*same_out = same;
	credential_free(&credential);
	return err;
}

enum err
credential_remote_gone_in(struct store *store, const struct uuid *id,
    const struct credential_remote *remote, bool *gone_out, struct errctx *ctx)
{
	return step_of_remote(store, id, remote, CREDENTIAL_REMOTE_GONE, gone_out, ctx);
}

enum err
credential_test_failed_in(struct store *store, const struct uuid *id,
    const struct credential_remote *remote, bool *broken_out, struct errctx *ctx)
{
	return step_of_remote(store, id, remote, CREDENTIAL_TEST_FAILED, broken_out, ctx);
}

enum err
credential_test_passed_in(struct store *store, const struct uuid *id,
    const struct credential_remote *remote, struct errctx *ctx)
{
	bool same;

	return step_of_remote(store, id, remote, CREDENTIAL_TEST_PASSED, &same, ctx);
}
