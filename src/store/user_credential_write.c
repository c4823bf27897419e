/* SPDX-License-Identifier: Apache-2.0 */
/* User credentials as they are made, changed, moved between teams and deleted. */
#include "store/user_credential.h"
#include "store/team_read.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "store/credential_connect.h"
#include "user_credential_columns.h"
#include "user_credential_merge.h"

/* A row under work: what is shown, and the sealed definition beside it. */
struct stored {
	struct user_credential row;
	struct bytes definition;
};

struct ids_in {
	int64_t id, person_id, folder_id;
	const char *slug;
};
struct count_row {
	int64_t n;
};
static const struct col count_out[] = { COL(INT, struct count_row, n) };

/* ---- rules that need the database ---- */

static const struct col team_in[] = { COL(INT, struct ids_in, id),
	COL(INT, struct ids_in, person_id) };
static const struct stmt team_member_count = { "user_credential_team",
	"SELECT COUNT(*) FROM team_member WHERE team_id = ? AND person_id = ?", team_in,
	COL_N(team_in), count_out, COL_N(count_out) };

static const struct col folder_in[] = { COL(INT, struct ids_in, folder_id),
	COL(INT, struct ids_in, id) };
static const struct stmt folder_count = { "user_credential_folder",
	"SELECT COUNT(*) FROM folder WHERE id = ? AND team_id = ? AND content_type = 'CREDENTIAL'",
	folder_in, COL_N(folder_in), count_out, COL_N(count_out) };

/* The collation of slugs takes letters of either case for the same; a shared slug must be exact. */
static const struct col shared_in[] = { COL(INT, struct ids_in, id), COL(TEXT, struct ids_in, slug),
	COL(TEXT, struct ids_in, slug) };
static const struct stmt shared_count = { "user_credential_shared",
	"SELECT COUNT(*) FROM team o JOIN team t ON t.organization_id = o.organization_id "
	"WHERE o.id = ? AND t.slug = ? AND BINARY t.slug = BINARY ?",
	shared_in, COL_N(shared_in), count_out, COL_N(count_out) };

static enum err
expect_one(struct store *store, const struct stmt *stmt, const struct ids_in *in, enum err kind,
    const char *path, const char *text, struct errctx *ctx)
{
	struct count_row row = { 0 };
	enum err err = stmt_one(store->db, stmt, in, &row, ctx);

	if (!err && row.n == 0)
		err = err_set(ctx, kind, path, "%s", text);
	return err;
}

static enum err
check_team(struct store *store, int64_t team_id, int64_t person_id, struct errctx *ctx)
{
	return expect_one(store, &team_member_count,
	    &(struct ids_in){ .id = team_id, .person_id = person_id }, ERR_NOT_FOUND, "team_id",
	    "no such team", ctx);
}

static enum err
check_folder(struct store *store, const struct user_credential *row, struct errctx *ctx)
{
	if (!row->folder_id)
		return OK;
	return expect_one(store, &folder_count,
	    &(struct ids_in){ .id = row->place.team_id, .folder_id = row->folder_id }, ERR_FIELD,
	    "folder_id", "the team of the credential has no such folder", ctx);
}

static enum err
check_shared(struct store *store, const struct user_credential *row, struct errctx *ctx)
{
	json_auto_t *slugs = NULL;
	size_t n;
	enum err err =
	    json_parse(row->shared_team_slugs, strlen(row->shared_team_slugs), &slugs, ctx);

	if (err)
		return err;
	n = json_array_size(slugs);
	if (n == 0 && !strcmp(row->read_access, "SPECIFIC_TEAMS"))
		return err_set(ctx, ERR_FIELD, "shared_team_slugs",
		    "must name a team when read_access is SPECIFIC_TEAMS");
	for (size_t i = 0; i < n && !err; i++) {
		char path[64];

		snprintf(path, sizeof(path), "shared_team_slugs[%zu]", i);
		err = expect_one(store, &shared_count,
		    &(struct ids_in){ .id = row->place.team_id,
			.slug = json_string_value(json_array_get(slugs, i)) },
		    ERR_FIELD, path, "the organization has no team with this slug", ctx);
	}
	return err;
}

/* ---- the row ---- */

static void
replace(char **field, const char *text)
{
	if (!text)
		return;
	free(*field);
	*field = xstrdup(text);
}

static enum err
apply_name(struct user_credential *row, const char *name, struct errctx *ctx)
{
	char slug[SLUG_SIZE];

	if (!name)
		return OK;
	slug_make(name, slug);
	if (!*slug)
		return err_set(ctx, ERR_FIELD, "name",
		    "must hold a Latin letter or a digit: its slug is made of these");
	replace(&row->name, name);
	replace(&row->slug, slug);
	return OK;
}

/* What is said of sharing, and the rule that slugs are kept with SPECIFIC_TEAMS only. */
static void
apply_sharing(struct user_credential *row, const struct user_credential_change *change)
{
	replace(&row->read_access, change->read_access);
	if (change->shared_team_slugs) {
		free(row->shared_team_slugs);
		row->shared_team_slugs = json_text(change->shared_team_slugs);
	}
	if (strcmp(row->read_access, "SPECIFIC_TEAMS") != 0)
		replace(&row->shared_team_slugs, "[]");
}

/* Everything but the definition. */
static enum err
apply_change(struct user_credential *row, const struct user_credential_change *change,
    struct errctx *ctx)
{
	if (change->team_id && change->team_id != row->place.team_id) {
		row->place.team_id = change->team_id;
		row->folder_id = 0; /* folders do not move along */
	}
	if (change->folder_said)
		row->folder_id = change->folder_id;
	if (change->ttl_said)
		row->http_request_ttl = change->http_request_ttl;
	if (change->expires_said)
		row->expires_at = change->expires_at;
	replace(&row->description, change->description);
	replace(&row->place.allowed_hosts, change->allowed_hosts);
	replace(&row->metadata, change->metadata);
	apply_sharing(row, change);
	return apply_name(row, change->name, ctx);
}

/* A row before anything was said. */
static struct stored
stored_new(const struct user_credential_change *change, int64_t owner_id)
{
	struct stored stored = { .row.owner_id = owner_id };
	struct user_credential *row = &stored.row;

	uuid_make(&row->place.uuid);
	row->place.mode = xstrdup(change->mode);
	row->place.allowed_hosts = xstrdup("[]");
	row->read_access = xstrdup("TEAM");
	row->shared_team_slugs = xstrdup("[]");
	row->description = xstrdup("");
	row->metadata = xstrdup("{}");
	row->shown = xstrdup("{}");
	return stored;
}

/* ---- statements ---- */

/* Order of the columns in both statements that write a row. */
#define WRITE_COLS                                                                                 \
	COL(INT, struct stored, row.place.team_id),                                                \
	    COL(TEXT, struct stored, row.place.allowed_hosts),                                     \
	    COL(INT0, struct stored, row.folder_id), COL(TEXT, struct stored, row.name),           \
	    COL(TEXT, struct stored, row.slug), COL(TEXT, struct stored, row.read_access),         \
	    COL(TEXT, struct stored, row.shared_team_slugs),                                       \
	    COL(TEXT, struct stored, row.description), COL(TEXT, struct stored, row.metadata),     \
	    COL(TEXT, struct stored, row.shown), COL(INT0, struct stored, row.http_request_ttl),   \
	    COL(TIME, struct stored, row.expires_at), COL(BYTES, struct stored, definition)

static const struct col insert_in[] = { COL(UUID, struct stored, row.place.uuid),
	COL(TEXT, struct stored, row.place.mode), COL(INT, struct stored, row.owner_id),
	WRITE_COLS };
static const struct stmt insert = { "user_credential_insert",
	"INSERT INTO user_credential (uuid, mode, owner_id, team_id, allowed_hosts, folder_id, "
	"name, slug, read_access, shared_team_slugs, description, metadata, shown, "
	"http_request_ttl, expires_at, definition_sealed, created_at, updated_at) VALUES "
	"(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, UTC_TIMESTAMP(3), UTC_TIMESTAMP(3))",
	insert_in, COL_N(insert_in), NULL, 0 };

static const struct col update_in[] = { WRITE_COLS, COL(INT, struct stored, row.place.id) };
static const struct stmt update = { "user_credential_update",
	"UPDATE user_credential SET team_id = ?, allowed_hosts = ?, folder_id = ?, name = ?, "
	"slug = ?, read_access = ?, shared_team_slugs = ?, description = ?, metadata = ?, shown = "
	"?, "
	"http_request_ttl = ?, expires_at = ?, definition_sealed = ?, version = version + 1, "
	"updated_at = UTC_TIMESTAMP(3) WHERE id = ?",
	update_in, COL_N(update_in), NULL, 0 };

static const struct col id_in[] = { COL(INT, struct ids_in, id) };
static const struct col lock_out[] = { USER_CREDENTIAL_COLS(struct stored, row),
	COL(BYTES, struct stored, definition) };
static const struct stmt lock = { "user_credential_lock",
	"SELECT " USER_CREDENTIAL_PLACE_COLUMNS
	", c.folder_id, c.owner_id, c.name, c.slug, c.read_access, c.shared_team_slugs, "
	"c.description, c.metadata, c.http_request_ttl, c.version, c.expires_at, c.created_at, "
	"c.updated_at, c.shown, NULL, NULL, c.definition_sealed FROM user_credential c WHERE c.id "
	"= ? FOR UPDATE",
	id_in, COL_N(id_in), lock_out, COL_N(lock_out) };
static const struct col read_out[] = { USER_CREDENTIAL_COLS(struct stored, row) };
static const struct stmt read_back = { "user_credential_read",
	"SELECT " USER_CREDENTIAL_COLUMNS " FROM user_credential c JOIN person o ON o.id = "
	"c.owner_id WHERE c.id = ?",
	id_in, COL_N(id_in), read_out, COL_N(read_out) };
static const struct stmt delete_row = { "user_credential_delete",
	"DELETE FROM user_credential WHERE id = ?", id_in, COL_N(id_in), NULL, 0 };
static const struct stmt delete_token = { "user_credential_forget_token",
	"DELETE FROM fetch_token WHERE credential_id = ?", id_in, COL_N(id_in), NULL, 0 };

/* ---- the three transactions ---- */

struct work {
	int64_t id;
	const struct user_credential_change *change;
	struct user_credential *out;
};

static enum err
lock_row(struct store *store, struct audit_entry *audit, int64_t id, struct stored *stored_out,
    struct errctx *ctx)
{
	const struct ids_in in = { .id = id, .person_id = audit->person_id };
	struct stored stored = { 0 };
	enum err err = stmt_one(store->db, &lock, &in, &stored, ctx);

	if (!err)
		err = team_hide_from_others(store, stored.row.place.team_id, in.person_id, ctx);
	if (err) {
		stmt_row_free(&lock, &stored);
		return err == ERR_NOT_FOUND ? err_set(ctx, err, "", "no such credential") : err;
	}
	*stored_out = stored;
	audit->team_id = stored.row.place.team_id;
	snprintf(audit->subject, sizeof(audit->subject), "%lld", (long long)id);
	return OK;
}

/* The last check of the definition as it will be, and what it shows. */
static enum err
settle(struct user_credential *row, json_t *definition, const struct user_credential_change *change,
    struct errctx *ctx)
{
	json_auto_t *shown = json_object();
	enum err err =
	    change->settle ? change->settle(row->place.mode, definition, shown, ctx) : OK;

	if (!err) {
		free(row->shown);
		row->shown = json_text(shown);
	}
	return err;
}

/* Of a credential that a person connects: what its tokens are worth something for (catalog/
 * credential_type.h); NULL of others. The caller frees it. */
static char *
connect_type(const struct user_credential *row)
{
	json_auto_t *shown = NULL;

	if (json_parse(row->shown, strlen(row->shown), &shown, NULL))
		return NULL;
	const char *type = json_get_text(json_object_get(shown, "connect"), "type");
	return type ? xstrdup(type) : NULL;
}

/* Overlay, check, seal: after this `stored` is what is to be written. */
static enum err
prepare(struct store *store, struct stored *stored, json_t *definition,
    const struct user_credential_change *change, int64_t person_id, struct errctx *ctx)
{
	bool moved = change->team_id && change->team_id != stored->row.place.team_id;
	enum err err = moved ? check_team(store, change->team_id, person_id, ctx) : OK;

	if (!err)
		err = apply_change(&stored->row, change, ctx);
	if (!err)
		err = check_folder(store, &stored->row, ctx);
	if (!err)
		err = check_shared(store, &stored->row, ctx);
	if (err)
		return err;
	user_credential_merge(definition, stored->row.place.mode, change->definition);
	err = settle(&stored->row, definition, change, ctx);
	if (err)
		return err;
	free(stored->definition.data);
	stored->definition = (struct bytes){ 0 };
	return user_credential_seal(store, &stored->row.place, definition, &stored->definition,
	    ctx);
}

/* Write the row with `stmt`; a taken slug is a matter of the name. */
static enum err
write_row(struct store *store, const struct stmt *stmt, const struct stored *stored,
    struct errctx *ctx)
{
	enum err err = stmt_run(store->db, stmt, stored, NULL, ctx);

	if (err != ERR_DUPLICATE)
		return err;
	err_clear(ctx);
	return err_set(ctx, ERR_FIELD, "name",
	    "another credential of this team has the slug \"%s\" already", stored->row.slug);
}

/* The body may run again, so what an earlier run gave is freed. */
static enum err
read_row(struct store *store, int64_t id, struct user_credential *out, struct errctx *ctx)
{
	struct stored stored = { 0 };
	enum err err = stmt_one(store->db, &read_back, &(struct ids_in){ .id = id }, &stored, ctx);

	if (err)
		return err;
	user_credential_free(out);
	*out = stored.row;
	return OK;
}

static enum err
create_body(struct store *store, void *arg, struct audit_entry *audit, struct errctx *ctx)
{
	const struct work *work = arg;
	struct stored stored = stored_new(work->change, audit->person_id);
	json_auto_t *definition = json_object();
	enum err err = prepare(store, &stored, definition, work->change, audit->person_id, ctx);

	if (!err)
		err = write_row(store, &insert, &stored, ctx);
	if (!err) {
		stored.row.place.id = stmt_insert_id(store->db);
		audit->team_id = stored.row.place.team_id;
		snprintf(audit->subject, sizeof(audit->subject), "%lld",
		    (long long)stored.row.place.id);
		err = read_row(store, stored.row.place.id, work->out, ctx);
	}
	stmt_row_free(&lock, &stored);
	return err;
}

/* What a person has connected is worth nothing to another client or another team. */
static enum err
end_connected(struct store *store, const struct user_credential *row, const char *old_type,
    int64_t old_team, const struct audit_entry *audit, struct errctx *ctx)
{
	auto_free char *type = connect_type(row);
	int64_t id = row->place.id;

	if (!old_type)
		return OK;
	if (old_team != row->place.team_id)
		return credential_disown_in(store, id, audit->request_id, ctx);
	return type && !strcmp(type, old_type)
		   ? OK
		   : credential_disconnect_in(store, id, audit->request_id, ctx);
}

static enum err
update_body(struct store *store, void *arg, struct audit_entry *audit, struct errctx *ctx)
{
	const struct work *work = arg;
	const char *mode = work->change->mode;
	struct stored stored = { 0 };
	json_auto_t *definition = NULL;
	enum err err = lock_row(store, audit, work->id, &stored, ctx);

	if (err)
		return err;
	auto_free char *old_type = connect_type(&stored.row);
	int64_t old_team = stored.row.place.team_id;
	if (mode && strcmp(mode, stored.row.place.mode) != 0)
		err = err_set(ctx, ERR_FIELD, "mode", "cannot be changed: the credential is %s",
		    stored.row.place.mode);
	if (!err)
		err = user_credential_open(store, &stored.row.place, &stored.definition,
		    &definition, ctx);
	if (!err)
		err = prepare(store, &stored, definition, work->change, audit->person_id, ctx);
	if (!err)
		err = write_row(store, &update, &stored, ctx);
	if (!err)
		err = stmt_run(store->db, &delete_token, &(struct ids_in){ .id = work->id }, NULL,
		    ctx);
	if (!err)
		err = end_connected(store, &stored.row, old_type, old_team, audit, ctx);
	if (!err)
		err = read_row(store, work->id, work->out, ctx);
	stmt_row_free(&lock, &stored);
	return err;
}

static enum err
delete_body(struct store *store, void *arg, struct audit_entry *audit, struct errctx *ctx)
{
	const struct work *work = arg;
	struct stored stored = { 0 };
	enum err err = lock_row(store, audit, work->id, &stored, ctx);

	if (err)
		return err;
	stmt_row_free(&lock, &stored);
	err = credential_disown_in(store, work->id, audit->request_id, ctx);
	if (err)
		return err;
	return stmt_run(store->db, &delete_row, &(struct ids_in){ .id = work->id }, NULL, ctx);
}

static enum err
write_out(struct store *store, struct audit_entry *audit, store_body_fn body, struct work *work,
    struct user_credential *credential_out, struct errctx *ctx)
{
	struct user_credential credential = { 0 };

	work->out = &credential;
	enum err err = store_write(store, audit, body, work, ctx);
	if (err)
		user_credential_free(&credential);
	else
		*credential_out = credential;
	return err;
}

enum err
user_credential_create(struct store *store, struct audit_entry *audit,
    const struct user_credential_change *change, struct user_credential *credential_out,
    struct errctx *ctx)
{
	return write_out(store, audit, create_body, &(struct work){ .change = change },
	    credential_out, ctx);
}

enum err
user_credential_update(struct store *store, struct audit_entry *audit, int64_t id,
    const struct user_credential_change *change, struct user_credential *credential_out,
    struct errctx *ctx)
{
	return write_out(store, audit, update_body, &(struct work){ .id = id, .change = change },
	    credential_out, ctx);
}

enum err
user_credential_delete(struct store *store, struct audit_entry *audit, int64_t id,
    struct errctx *ctx)
{
	return store_write(store, audit, delete_body, &(struct work){ .id = id }, ctx);
}
