/* SPDX-License-Identifier: Apache-2.0 */
/* Where the credentials of a team live: a row per team whose platform is not Bailee itself. */
#include "store/platform.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "store/job.h"
#include "store/oauth_grant.h"

#define ORPHAN_ATTEMPTS 12

/* ---- reading ---- */

struct team_in {
	int64_t team_id;
};
static const struct col team_in[] = { COL(INT, struct team_in, team_id) };
static const struct col load_out[] = {
	COL(INT, struct team_platform, team_id),
	COL(UUID, struct team_platform, uuid),
	COL(TEXT, struct team_platform, kind),
	COL(TEXT, struct team_platform, base_url),
	COL(INT, struct team_platform, remote_team_id),
	COL(BYTES, struct team_platform, token_sealed),
};
static const struct stmt load = { "team_platform_load",
	"SELECT t.id, p.uuid, p.kind, p.base_url, p.remote_team_id, p.token_sealed FROM team t "
	"LEFT JOIN team_platform p ON p.team_id = t.id WHERE t.id = ? LOCK IN SHARE MODE",
	team_in, COL_N(team_in), load_out, COL_N(load_out) };

void
team_platform_free(struct team_platform *platform)
{
	stmt_row_free(&load, platform);
}

static enum err
load_by(struct store *store, const struct stmt *stmt, int64_t team_id,
    struct team_platform *platform_out, struct errctx *ctx)
{
	struct team_platform row = { 0 };
	enum err err = stmt_one(store->db, stmt, &(struct team_in){ team_id }, &row, ctx);

	if (err == ERR_NOT_FOUND)
		return err_set(ctx, err, "team", "no such team");
	if (!err)
		*platform_out = row;
	return err;
}

enum err
team_platform_load(struct store *store, int64_t team_id, struct team_platform *platform_out,
    struct errctx *ctx)
{
	return load_by(store, &load, team_id, platform_out, ctx);
}

static struct seal_context
context_of(const struct uuid *uuid, int64_t team_id)
{
	return (struct seal_context){ .table = "team_platform",
		.row = *uuid,
		.field = "token",
		.team_id = team_id };
}

enum err
team_platform_open(struct store *store, const struct team_platform *platform,
    struct secret *token_out, struct errctx *ctx)
{
	const struct seal_context context = context_of(&platform->uuid, platform->team_id);

	return store_open(store, &context, &platform->token_sealed, token_out, ctx);
}

/* ---- setting ---- */

static const struct stmt load_lock = { "team_platform_lock",
	"SELECT t.id, p.uuid, p.kind, p.base_url, p.remote_team_id, p.token_sealed FROM team t "
	"LEFT JOIN team_platform p ON p.team_id = t.id WHERE t.id = ? FOR UPDATE",
	team_in, COL_N(team_in), load_out, COL_N(load_out) };

struct count_row {
	int64_t n;
};
static const struct col count_out[] = { COL(INT, struct count_row, n) };
static const struct stmt away_count = { "team_platform_away",
	"SELECT COUNT(*) FROM credential_request r JOIN credential c ON c.request_id = r.id "
	"WHERE r.team_id = ? AND c.remote_id IS NOT NULL AND c.platform <> 'local'",
	team_in, COL_N(team_in), count_out, COL_N(count_out) };

/* What may have acted there, or is about to, and would go on somewhere else. A form that no runner
 * has taken yet has not: it will wait for us, and find the new place. */
static const struct stmt busy_count = { "team_platform_busy",
	"SELECT COUNT(*) FROM job WHERE team_id = ? AND state IN ('queued', 'running') AND "
	"(kind = 'fulfil' AND attempt > 0 OR kind IN ('remote_delete', 'request_delete'))",
	team_in, COL_N(team_in), count_out, COL_N(count_out) };

struct set_in {
	int64_t team_id, remote_team_id;
	struct uuid uuid;
	const char *kind, *base_url;
	struct bytes token_sealed;
};
static const struct col set_in[] = {
	COL(INT, struct set_in, team_id),
	COL(UUID, struct set_in, uuid),
	COL(TEXT, struct set_in, kind),
	COL(TEXT, struct set_in, base_url),
	COL(INT, struct set_in, remote_team_id),
	COL(BYTES, struct set_in, token_sealed),
};
static const struct stmt insert = { "team_platform_insert",
	"INSERT INTO team_platform (team_id, uuid, kind, base_url, remote_team_id, token_sealed) "
	"VALUES (?, ?, ?, ?, ?, ?)",
	set_in, COL_N(set_in), NULL, 0 };
static const struct stmt remove_row = { "team_platform_delete",
	"DELETE FROM team_platform WHERE team_id = ?", team_in, COL_N(team_in), NULL, 0 };

static bool
same_place(const struct team_platform *now, const struct team_platform_new *then)
{
	if (!now->kind || !then->base_url)
		return !now->kind && !then->base_url;
	return strcmp(now->base_url, then->base_url) == 0 &&
	       now->remote_team_id == then->remote_team_id;
}

static enum err
check_nothing_away(struct store *store, const struct team_in *team, struct errctx *ctx)
{
	struct count_row away = { 0 }, busy = { 0 };
	enum err err = stmt_one(store->db, &away_count, team, &away, ctx);

	if (!err)
		err = stmt_one(store->db, &busy_count, team, &busy, ctx);
	if (!err && away.n)
		err = err_set(ctx, ERR_VALUE, "team",
		    "%lld credentials of the team live at its platform: delete them remotely "
		    "first",
		    (long long)away.n);
	else if (!err && busy.n)
		err = err_set(ctx, ERR_VALUE, "team",
		    "%lld jobs of the team are at work at its platform: let them end, or cancel "
		    "them",
		    (long long)busy.n);
	return err;
}

/* The team is locked before anything is counted: whoever reads the platform now waits. */
static enum err
check_move(struct store *store, const struct team_platform_new *platform, struct errctx *ctx)
{
	const struct team_in team = { platform->team_id };
	struct team_platform now = { 0 };
	enum err err = load_by(store, &load_lock, platform->team_id, &now, ctx);

	if (err)
		return err;
	bool moves = !same_place(&now, platform);
	team_platform_free(&now);
	return moves ? check_nothing_away(store, &team, ctx) : OK;
}

static enum err
insert_row(struct store *store, const struct team_platform_new *platform, struct errctx *ctx)
{
	struct set_in in = { .team_id = platform->team_id,
		.remote_team_id = platform->remote_team_id,
		.kind = PLATFORM_MAKE_NAME,
		.base_url = platform->base_url };

	uuid_make(&in.uuid);
	const struct seal_context context = context_of(&in.uuid, in.team_id);
	enum err err = store_seal(store, &context, platform->token->data, platform->token->len,
	    &in.token_sealed, ctx);
	if (!err)
		err = stmt_run(store->db, &insert, &in, NULL, ctx);
	free(in.token_sealed.data);
	return err;
}

static enum err
set_body(struct store *store, void *arg, struct audit_entry *audit, struct errctx *ctx)
{
	const struct team_platform_new *const *platform = arg;
	const struct team_in team = { (*platform)->team_id };
	enum err err = check_move(store, *platform, ctx);

	audit->team_id = team.team_id;
	snprintf(audit->subject, sizeof(audit->subject), "%lld", (long long)team.team_id);
	if (!err)
		err = stmt_run(store->db, &remove_row, &team, NULL, ctx);
	if (!err && (*platform)->base_url)
		err = insert_row(store, *platform, ctx);
	return err;
}

enum err
team_platform_set(struct store *store, const struct team_platform_new *platform, struct errctx *ctx)
{
	struct audit_entry audit = { .event = "team.set_platform", .actor = "ctl" };

	assert(!platform->base_url || platform->token);
	return store_write(store, &audit, set_body, &platform, ctx);
}

/* ---- deleting ---- */

struct delete_in {
	int64_t id, team_id;
};
static const struct col delete_in[] = { COL(INT, struct delete_in, id),
	COL(INT, struct delete_in, team_id) };
static const struct stmt delete_key = { "platform_delete_key",
	"DELETE FROM keychain WHERE id = ? AND team_id = ?", delete_in, COL_N(delete_in), NULL, 0 };
static const struct stmt delete_connection = { "platform_delete_connection",
	"DELETE FROM connection WHERE id = ? AND team_id = ?", delete_in, COL_N(delete_in), NULL,
	0 };

enum err
platform_local_delete_in(struct store *store, const char *component, int64_t team_id, int64_t id,
    struct errctx *ctx)
{
	const struct delete_in in = { id, team_id };

	if (strcmp(component, "keychain") == 0)
		return stmt_run(store->db, &delete_key, &in, NULL, ctx);
	enum err err =
	    oauth_grant_release_in(store, &(struct oauth_owner){ .connection_id = id }, NULL, ctx);
	return err ? err : stmt_run(store->db, &delete_connection, &in, NULL, ctx);
}

enum err
platform_orphan_in(struct store *store, const struct credential *credential, int64_t remote_id,
    const struct platform_place *place, const char *request_id, struct errctx *ctx)
{
	char subject[UUID_TEXT_SIZE];
	int64_t job_id;
	json_auto_t *payload = json_object();

	uuid_text(&credential->id, subject);
	json_put_text(payload, "component", credential->component);
	json_put_int(payload, "remoteId", remote_id);
	json_put_text(payload, "baseUrl", place->base_url);
	json_put_int(payload, "remoteTeamId", place->remote_team_id);
	auto_free char *text = json_text(payload);
	const struct job_new job = { .kind = "remote_delete",
		.subject = subject,
		.team_id = credential->team_id,
		.max_attempts = ORPHAN_ATTEMPTS,
		.payload = text,
		.request_id = request_id };
	return job_enqueue(store, &job, &job_id, ctx);
}
