/* SPDX-License-Identifier: Apache-2.0 */
/* What the operator sets up with baileectl: organizations, people, teams, members, tokens. */
#include "store/admin.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/scopes.h"
#include "store/team_keys.h"

/* One row of input for every statement here: each binds what it needs. */
struct admin_in {
	int64_t id, other_id, number, when;
	const char *name, *text;
	struct bytes a;
};

/* A statement, the audit event it leaves, and what a duplicate means. */
struct change {
	const char *event;
	const struct stmt *stmt;
	const struct admin_in *in;
	const char *duplicate;
	const char *missing; /* when no row was found */
	int64_t team_id;     /* whose thing it is, or 0 */
	int64_t id;          /* out: AUTO_INCREMENT id */
};

static enum err
change_body(struct store *store, void *arg, struct audit_entry *audit, struct errctx *ctx)
{
	struct change *change = arg;
	int64_t affected = 0;
	enum err err = stmt_run(store->db, change->stmt, change->in, &affected, ctx);

	if (err == ERR_DUPLICATE)
		return err_set(ctx, err, "", "%s",
		    change->duplicate ? change->duplicate : "it exists already");
	if (err)
		return err;
	if (affected == 0 && change->missing)
		return err_set(ctx, ERR_NOT_FOUND, "", "%s", change->missing);
	change->id = stmt_insert_id(store->db);
	if (!audit->subject[0])
		snprintf(audit->subject, sizeof(audit->subject), "%lld",
		    (long long)(change->id ? change->id : change->in->id));
	return OK;
}

static enum err
run_change(struct store *store, struct change *change, const char *subject, struct errctx *ctx)
{
	struct audit_entry audit = { .event = change->event,
		.actor = "ctl",
		.team_id = change->team_id };

	snprintf(audit.subject, sizeof(audit.subject), "%s", subject);
	return store_write(store, &audit, change_body, change, ctx);
}

#define IN(type, member) COL(type, struct admin_in, member)
#define STMT_IN(label, text, cols)                                                                 \
	{                                                                                          \
		label, text, cols, COL_N(cols), NULL, 0                                            \
	}

static const struct col name_in[] = { IN(TEXT, name) };
static const struct stmt organization_insert =
    STMT_IN("organization_insert", "INSERT INTO organization (name) VALUES (?)", name_in);

enum err
admin_organization_add(struct store *store, const char *name, int64_t *id_out, struct errctx *ctx)
{
	const struct admin_in in = { .name = name };
	struct change change = { .event = "organization.create",
		.stmt = &organization_insert,
		.in = &in };
	enum err err = run_change(store, &change, "", ctx);

	if (!err)
		*id_out = change.id;
	return err;
}

static const struct col person_in[] = { IN(TEXT, text), IN(TEXT, name) };
static const struct stmt person_insert =
    STMT_IN("person_insert", "INSERT INTO person (email, name) VALUES (LOWER(?), ?)", person_in);

enum err
admin_person_add(struct store *store, const char *email, const char *name, int64_t *id_out,
    struct errctx *ctx)
{
	const struct admin_in in = { .text = email, .name = name };
	struct change change = { .event = "user.create",
		.stmt = &person_insert,
		.in = &in,
		.duplicate = "a user with this e-mail address exists already" };
	enum err err = run_change(store, &change, "", ctx);

	if (!err)
		*id_out = change.id;
	return err;
}

static const struct col member_in[] = { IN(INT, id), IN(INT, other_id) };
static const struct stmt member_insert = STMT_IN("member_insert",
    "INSERT INTO team_member (team_id, person_id) VALUES (?, ?) ON DUPLICATE KEY UPDATE team_id = "
    "team_id",
    member_in);
static const struct stmt member_delete = STMT_IN("member_delete",
    "DELETE FROM team_member WHERE team_id = ? AND person_id = ?", member_in);

static enum err
change_member(struct store *store, const struct stmt *stmt, const char *event, const char *missing,
    int64_t team_id, int64_t person_id, struct errctx *ctx)
{
	char subject[64];
	const struct admin_in in = { .id = team_id, .other_id = person_id };
	struct change change = { .event = event,
		.stmt = stmt,
		.in = &in,
		.missing = missing,
		.team_id = team_id };

	snprintf(subject, sizeof(subject), "%lld:%lld", (long long)team_id, (long long)person_id);
	return run_change(store, &change, subject, ctx);
}

enum err
admin_member_add(struct store *store, int64_t team_id, int64_t person_id, struct errctx *ctx)
{
	return change_member(store, &member_insert, "member.add", NULL, team_id, person_id, ctx);
}

enum err
admin_member_remove(struct store *store, int64_t team_id, int64_t person_id, struct errctx *ctx)
{
	return change_member(store, &member_delete, "member.remove",
	    "this user is no member of this team", team_id, person_id, ctx);
}

/* ---- teams: row and key pair in one transaction ---- */

static const struct col team_in[] = { IN(INT, id), IN(TEXT, name), IN(TEXT, text) };
static const struct stmt team_insert = STMT_IN("team_insert",
    "INSERT INTO team (organization_id, name, slug, key_generation) VALUES (?, ?, ?, 1)", team_in);
static enum err
team_body(struct store *store, void *arg, struct audit_entry *audit, struct errctx *ctx)
{
	struct change *change = arg;
	enum err err = change_body(store, change, audit, ctx);

	audit->team_id = change->id;
	return err ? err : team_keys_add_in(store, change->id, 1, ctx);
}

enum err
admin_team_add(struct store *store, int64_t organization_id, const char *name, const char *slug,
    int64_t *id_out, struct errctx *ctx)
{
	const struct admin_in in = { .id = organization_id, .name = name, .text = slug };
	struct change change = { .event = "team.create",
		.stmt = &team_insert,
		.in = &in,
		.duplicate = "a team of this name exists already in this organization" };
	struct audit_entry audit = { .event = change.event, .actor = "ctl" };
	enum err err = store_write(store, &audit, team_body, &change, ctx);

	if (!err)
		*id_out = change.id;
	return err;
}

/* ---- tokens ---- */

static const struct col token_in[] = { IN(TEXT, text), IN(INT, id), IN(TEXT, name), IN(BYTES, a),
	IN(INT, number), IN(TIME, when) };
static const struct stmt token_insert = STMT_IN("token_insert",
    "INSERT INTO api_token (public_id, person_id, name, mac, scopes, expires_at) VALUES (?, ?, ?, "
    "?, ?, ?)",
    token_in);
static const struct col revoke_in[] = { IN(TEXT, text) };
static const struct stmt token_revoke = STMT_IN("token_revoke",
    "UPDATE api_token SET revoked_at = COALESCE(revoked_at, UTC_TIMESTAMP(3)) WHERE public_id = ?",
    revoke_in);

enum err
admin_token_add(struct store *store, const char *token_text, const char *public_id,
    int64_t person_id, const char *name, uint32_t scopes, int64_t expires_at, struct errctx *ctx)
{
	unsigned char mac[32];
	enum err err = keyring_token_mac(store->keyring, token_text, mac);

	if (err)
		return err_set(ctx, ERR_CONFIG, "token_key_file",
		    "token_key_file must be set to make tokens");
	const struct admin_in in = { .text = public_id,
		.id = person_id,
		.name = name,
		.a = { mac, sizeof(mac) },
		.number = scopes,
		.when = expires_at };
	struct change change = { .event = "token.create", .stmt = &token_insert, .in = &in };
	return run_change(store, &change, public_id, ctx);
}

enum err
admin_token_revoke(struct store *store, const char *public_id, struct errctx *ctx)
{
	const struct admin_in in = { .text = public_id };
	struct change change = { .event = "token.revoke",
		.stmt = &token_revoke,
		.in = &in,
		.missing = "no such token" };

	return run_change(store, &change, public_id, ctx);
}

/* ---- removing ---- */

static const struct col id_in[] = { IN(INT, id) };
static const struct stmt organization_delete =
    STMT_IN("organization_delete", "DELETE FROM organization WHERE id = ?", id_in);
static const struct stmt person_delete =
    STMT_IN("person_delete", "DELETE FROM person WHERE id = ?", id_in);
static const struct stmt team_delete =
    STMT_IN("team_delete", "DELETE FROM team WHERE id = ?", id_in);
static const struct stmt team_members_delete =
    STMT_IN("team_members_delete", "DELETE FROM team_member WHERE team_id = ?", id_in);
static const struct stmt team_keys_delete =
    STMT_IN("team_keys_delete", "DELETE FROM team_key WHERE team_id = ?", id_in);

/* Kept for a call that may be repeated, or a job that may be asked for: an hour or a day. */
static const struct stmt team_answers_delete =
    STMT_IN("team_answers_delete", "DELETE FROM idempotency WHERE team_id = ?", id_in);
static const struct stmt team_job_values_delete =
    STMT_IN("team_job_values_delete", "DELETE FROM job_value WHERE team_id = ?", id_in);

static const struct {
	const char *event, *missing;
	const struct stmt *steps[6]; /* the last non-NULL one removes the thing itself */
} removals[ADMIN_THING_COUNT] = {
	[ADMIN_ORGANIZATION] = { "organization.remove", "no such organization",
	    { &organization_delete } },
	[ADMIN_PERSON] = { "user.remove", "no such user", { &person_delete } },
	[ADMIN_TEAM] = { "team.remove", "no such team",
	    { &team_members_delete, &team_answers_delete, &team_job_values_delete,
		&team_keys_delete, &team_delete } },
};

struct removal {
	enum admin_thing thing;
	struct admin_in in;
};

static enum err
remove_body(struct store *store, void *arg, struct audit_entry *audit, struct errctx *ctx)
{
	const struct removal *removal = arg;
	int64_t affected = 0;
	(void)audit;

	for (const struct stmt *const *step = removals[removal->thing].steps; *step; step++) {
		enum err err = stmt_run(store->db, *step, &removal->in, &affected, ctx);

		if (err)
			return err;
	}
	return affected ? OK
			: err_set(ctx, ERR_NOT_FOUND, "", "%s", removals[removal->thing].missing);
}

enum err
admin_remove(struct store *store, enum admin_thing thing, int64_t id, struct errctx *ctx)
{
	struct removal removal = { thing, { .id = id } };
	struct audit_entry audit = { .event = removals[thing].event, .actor = "ctl" };

	assert(removals[thing].event);
	snprintf(audit.subject, sizeof(audit.subject), "%lld", (long long)id);
	return store_write(store, &audit, remove_body, &removal, ctx);
}

/* ---- lists: one row shape, and per thing the keys that name its members ---- */

struct list_row {
	int64_t n[3], when[4];
	char *text[4];
};
#define ROW(type, member) COL(type, struct list_row, member)

struct list_key {
	const char *key;
	enum { KEY_NUMBER, KEY_TEXT, KEY_TIME, KEY_SCOPES } kind;
	unsigned at; /* index into the member of that kind */
};

static const struct col organization_out[] = { ROW(INT, n[0]), ROW(TEXT, text[0]),
	ROW(TIME, when[0]) };
static const struct col person_out[] = { ROW(INT, n[0]), ROW(TEXT, text[0]), ROW(TEXT, text[1]),
	ROW(TIME, when[0]) };
static const struct col team_out[] = { ROW(INT, n[0]), ROW(INT, n[1]), ROW(TEXT, text[0]),
	ROW(TEXT, text[1]), ROW(TIME, when[0]) };
static const struct col member_out[] = { ROW(INT, n[0]), ROW(TEXT, text[0]), ROW(INT, n[1]),
	ROW(TEXT, text[1]) };
static const struct col token_out[] = { ROW(TEXT, text[0]), ROW(INT, n[0]), ROW(TEXT, text[1]),
	ROW(INT, n[1]), ROW(TIME, when[0]), ROW(TIME, when[1]), ROW(TIME, when[2]),
	ROW(TIME, when[3]) };
#define STMT_OUT(label, text, cols)                                                                \
	{                                                                                          \
		label, text, NULL, 0, cols, COL_N(cols)                                            \
	}

static const struct {
	struct stmt stmt;
	struct list_key keys[9];
} lists[ADMIN_THING_COUNT] = {
	[ADMIN_ORGANIZATION] = { STMT_OUT("organization_list",
				     "SELECT id, name, created_at FROM organization ORDER BY id",
				     organization_out),
	    { { "id", KEY_NUMBER, 0 }, { "name", KEY_TEXT, 0 }, { "createdAt", KEY_TIME, 0 } } },
	[ADMIN_PERSON] = { STMT_OUT("person_list",
			       "SELECT id, email, name, created_at FROM person ORDER BY id",
			       person_out),
	    { { "id", KEY_NUMBER, 0 }, { "email", KEY_TEXT, 0 }, { "name", KEY_TEXT, 1 },
		{ "createdAt", KEY_TIME, 0 } } },
	[ADMIN_TEAM] = { STMT_OUT("team_list",
			     "SELECT id, organization_id, name, slug, created_at FROM team ORDER "
			     "BY id",
			     team_out),
	    { { "id", KEY_NUMBER, 0 }, { "organizationId", KEY_NUMBER, 1 }, { "name", KEY_TEXT, 0 },
		{ "slug", KEY_TEXT, 1 }, { "createdAt", KEY_TIME, 0 } } },
	[ADMIN_MEMBER] = { STMT_OUT("member_list",
			       "SELECT t.id, t.name, p.id, p.email FROM team_member m JOIN team t "
			       "ON t.id = m.team_id "
			       "JOIN person p ON p.id = m.person_id ORDER BY t.id, p.id",
			       member_out),
	    { { "teamId", KEY_NUMBER, 0 }, { "team", KEY_TEXT, 0 }, { "userId", KEY_NUMBER, 1 },
		{ "email", KEY_TEXT, 1 } } },
	[ADMIN_TOKEN] = { STMT_OUT("token_list",
			      "SELECT public_id, person_id, name, scopes, created_at, expires_at, "
			      "revoked_at, last_used_at "
			      "FROM api_token ORDER BY created_at, public_id",
			      token_out),
	    { { "id", KEY_TEXT, 0 }, { "userId", KEY_NUMBER, 0 }, { "name", KEY_TEXT, 1 },
		{ "scopes", KEY_SCOPES, 1 }, { "createdAt", KEY_TIME, 0 },
		{ "expiresAt", KEY_TIME, 1 }, { "revokedAt", KEY_TIME, 2 },
		{ "lastUsedAt", KEY_TIME, 3 } } },
};

static json_t *
row_json(const struct list_row *row, const struct list_key *key)
{
	json_t *object = json_object();

	for (; key->key; key++) {
		if (key->kind == KEY_NUMBER)
			json_put_int(object, key->key, row->n[key->at]);
		else if (key->kind == KEY_TEXT)
			json_put_text(object, key->key, row->text[key->at]);
		else if (key->kind == KEY_TIME)
			json_put_time(object, key->key, row->when[key->at]);
		else
			json_put(object, key->key, scopes_json((uint32_t)row->n[key->at]));
	}
	return object;
}

enum err
admin_list(struct store *store, enum admin_thing thing, json_t **list_out, struct errctx *ctx)
{
	void *rows = NULL;
	size_t n = 0;
	enum err err =
	    stmt_all(store->db, &lists[thing].stmt, NULL, sizeof(struct list_row), &rows, &n, ctx);

	if (err)
		return err;
	json_t *list = json_array();
	for (size_t i = 0; i < n; i++)
		json_array_append_new(list,
		    row_json((struct list_row *)rows + i, lists[thing].keys));
	stmt_rows_free(&lists[thing].stmt, sizeof(struct list_row), &rows, n);
	*list_out = list;
	return OK;
}
