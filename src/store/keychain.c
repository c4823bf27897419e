/* SPDX-License-Identifier: Apache-2.0 */
/* Keys: names in clear, parameters sealed to the team and bound to their row. */
#include "store/keychain.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "store/credential.h"
#include "store/team_read.h"

#define KEY_COLUMNS "y.id, y.team_id, y.name, y.type_name, y.created_at, y.updated_at"
#define KEY_COLS(strukt, m)                                                                        \
	COL(INT, strukt, m.id), COL(INT, strukt, m.team_id), COL(TEXT, strukt, m.name),            \
	    COL(TEXT, strukt, m.type_name), COL(TIME, strukt, m.created_at),                       \
	    COL(TIME, strukt, m.updated_at)

static const struct col shape_out[] = { COL(TEXT, struct keychain, name),
	COL(TEXT, struct keychain, type_name) };
static const struct stmt shape = { .out = shape_out, .n_out = COL_N(shape_out) };

void
keychain_free(struct keychain *keychain)
{
	stmt_row_free(&shape, keychain);
}

void
keychain_list_free(struct keychain **keys, size_t n)
{
	for (size_t i = 0; i < n; i++)
		keychain_free(*keys + i);
	free(*keys);
	*keys = NULL;
}

static enum err
missing(enum err err, struct errctx *ctx)
{
	return err == ERR_NOT_FOUND ? err_set(ctx, err, "", "no such key") : err;
}

/* ---- reading ---- */

struct read_in {
	const char *public_id, *type_name;
	int64_t id; /* of the key, or of the team for lists */
	bool count;
	int64_t limit, offset;
};
struct list_row {
	struct auth_row auth;
	struct auth_list list;
	struct keychain key;
};
static const struct auth_thing list_thing = AUTH_THING(struct list_row, key, id);
static const struct col list_out[] = {
	AUTH_COLS(struct list_row, auth),
	AUTH_LIST_COLS(struct list_row, list),
	KEY_COLS(struct list_row, key),
};
static const struct col list_in[] = {
	COL(BOOL, struct read_in, count),
	COL(INT, struct read_in, id),
	COL(TEXT, struct read_in, type_name),
	COL(TEXT, struct read_in, type_name),
	COL(INT, struct read_in, id),
	COL(INT, struct read_in, id),
	COL(TEXT, struct read_in, type_name),
	COL(TEXT, struct read_in, type_name),
	COL(INT, struct read_in, limit),
	COL(INT, struct read_in, offset),
	COL(TEXT, struct read_in, public_id),
};
#define OF_TEAM "FROM keychain y WHERE y.team_id = ? AND (? IS NULL OR y.type_name = ?) "
#define LIST(order)                                                                                \
	{                                                                                          \
		"keychain_list",                                                                   \
		    "SELECT " AUTH_COLUMNS                                                         \
		    ", m.team_id, CASE WHEN ? THEN (SELECT COUNT(*) " OF_TEAM                      \
		    ") END, FALSE, " KEY_COLUMNS " FROM api_token k LEFT JOIN team_member m "      \
		    "ON m.person_id = k.person_id AND m.team_id = ? "                              \
		    "LEFT JOIN (SELECT " KEY_COLUMNS " " OF_TEAM "ORDER BY " order                 \
		    " LIMIT ? OFFSET ?) y ON m.team_id IS NOT NULL WHERE k.public_id = ? ORDER "   \
		    "BY " order,                                                                   \
		    list_in, COL_N(list_in), list_out, COL_N(list_out)                             \
	}
static const struct stmt lists[KEYCHAIN_SORT_COUNT][2] = {
	[KEYCHAIN_BY_NAME] = { LIST("y.name, y.id"), LIST("y.name DESC, y.id DESC") },
	[KEYCHAIN_BY_ID] = { LIST("y.id"), LIST("y.id DESC") },
	[KEYCHAIN_BY_CREATED] = { LIST("y.created_at, y.id"),
	    LIST("y.created_at DESC, y.id DESC") },
};

enum err
keychain_list(struct store *store, struct auth *auth, const struct keychain_filter *filter,
    struct list_page *page, struct keychain **keys_out, size_t *n_out, struct errctx *ctx)
{
	const struct stmt *stmt = &lists[page->sort][page->desc];
	const struct read_in in = { auth->public_id, filter->type_name, filter->team_id,
		page->count, page->limit, page->offset };
	struct auth_list list;
	void *things = NULL;
	enum err err =
	    auth_read_of_team(store, auth, stmt, &in, &list_thing, &list, &things, n_out, ctx);

	if (err)
		return err;
	*keys_out = things;
	page->total = list.total;
	return OK;
}

static const struct col get_in[] = { COL(INT, struct read_in, id),
	COL(TEXT, struct read_in, public_id) };
struct get_row {
	struct auth_row auth;
	struct keychain key;
};
static const struct auth_thing get_thing = AUTH_THING(struct get_row, key, id);
static const struct col get_out[] = { AUTH_COLS(struct get_row, auth),
	KEY_COLS(struct get_row, key) };
static const struct stmt get = { "keychain_get",
	"SELECT " AUTH_COLUMNS ", " KEY_COLUMNS " FROM api_token k "
	"LEFT JOIN (keychain y JOIN team_member m ON m.team_id = y.team_id) "
	"ON y.id = ? AND m.person_id = k.person_id WHERE k.public_id = ?",
	get_in, COL_N(get_in), get_out, COL_N(get_out) };

enum err
keychain_get(struct store *store, struct auth *auth, int64_t id, struct keychain *keychain_out,
    struct errctx *ctx)
{
	const struct read_in in = { .public_id = auth->public_id, .id = id };
	enum err err = auth_read_one(store, auth, &get, &in, &get_thing, keychain_out, ctx);

	return missing(err, ctx);
}

/* ---- sealed parameters ---- */

struct sealed_row {
	struct keychain key;
	struct uuid uuid;
	struct bytes sealed;
};
static const struct col sealed_out[] = {
	KEY_COLS(struct sealed_row, key),
	COL(UUID, struct sealed_row, uuid),
	COL(BYTES, struct sealed_row, sealed),
};

static struct seal_context
context_of(const struct uuid *uuid, int64_t team_id)
{
	return (struct seal_context){ .table = "keychain",
		.row = *uuid,
		.field = "parameters",
		.team_id = team_id };
}

static enum err
seal_parameters(struct store *store, const struct uuid *uuid, int64_t team_id,
    const json_t *parameters, struct bytes *sealed, struct errctx *ctx)
{
	const struct seal_context context = context_of(uuid, team_id);
	auto_wipe char *text = json_text(parameters);

	return store_seal(store, &context, text, strlen(text), sealed, ctx);
}

static enum err
open_parameters(struct store *store, const struct sealed_row *row, json_t **parameters_out,
    struct errctx *ctx)
{
	const struct seal_context context = context_of(&row->uuid, row->key.team_id);
	auto_secret struct secret text = { 0 };
	enum err err = store_open(store, &context, &row->sealed, &text, ctx);

	return err ? err : json_parse(secret_text(&text), text.len, parameters_out, ctx);
}

static const struct col open_in[] = { COL(INT, struct read_in, id) };
static const struct stmt open_select = { "keychain_open",
	"SELECT " KEY_COLUMNS ", y.uuid, y.parameters_sealed FROM keychain y WHERE y.id = ?",
	open_in, COL_N(open_in), sealed_out, COL_N(sealed_out) };

enum err
keychain_open(struct store *store, int64_t id, json_t **parameters_out, struct errctx *ctx)
{
	struct sealed_row row = { 0 };
	enum err err = stmt_one(store->db, &open_select, &(struct read_in){ .id = id }, &row, ctx);

	if (err)
		return missing(err, ctx);
	err = open_parameters(store, &row, parameters_out, ctx);
	stmt_row_free(&open_select, &row);
	return err;
}

/* ---- making ---- */

struct insert_in {
	struct uuid uuid;
	int64_t team_id;
	const char *name, *type_name;
	struct bytes sealed;
};
static const struct col insert_in[] = {
	COL(UUID, struct insert_in, uuid),
	COL(INT, struct insert_in, team_id),
	COL(TEXT, struct insert_in, name),
	COL(TEXT, struct insert_in, type_name),
	COL(BYTES, struct insert_in, sealed),
};
static const struct stmt insert = { "keychain_insert",
	"INSERT INTO keychain (uuid, team_id, name, type_name, parameters_sealed, created_at, "
	"updated_at) VALUES (?, ?, ?, ?, ?, UTC_TIMESTAMP(3), UTC_TIMESTAMP(3))",
	insert_in, COL_N(insert_in), NULL, 0 };

enum err
keychain_create_in(struct store *store, const struct keychain_new *key, int64_t *id_out,
    struct errctx *ctx)
{
	struct insert_in in = { .team_id = key->team_id,
		.name = key->name,
		.type_name = key->type_name };

	uuid_make(&in.uuid);
	enum err err =
	    seal_parameters(store, &in.uuid, key->team_id, key->parameters, &in.sealed, ctx);
	if (!err)
		err = stmt_run(store->db, &insert, &in, NULL, ctx);
	free(in.sealed.data);
	if (!err)
		*id_out = stmt_insert_id(store->db);
	return err;
}

struct making {
	const struct keychain_new *key;
	int64_t person_id, id;
};

static void
note_subject(struct audit_entry *audit, int64_t team_id, int64_t id)
{
	audit->team_id = team_id;
	snprintf(audit->subject, sizeof(audit->subject), "%lld", (long long)id);
}

static enum err
create_body(struct store *store, void *arg, struct audit_entry *audit, struct errctx *ctx)
{
	struct making *making = arg;
	enum err err = team_require_member(store, making->key->team_id, making->person_id, ctx);

	if (!err)
		err = keychain_create_in(store, making->key, &making->id, ctx);
	if (!err)
		note_subject(audit, making->key->team_id, making->id);
	return err;
}

enum err
keychain_create(struct store *store, struct audit_entry *audit, int64_t person_id,
    const struct keychain_new *key, int64_t *id_out, struct errctx *ctx)
{
	struct making making = { key, person_id, 0 };
	enum err err = store_write(store, audit, create_body, &making, ctx);

	if (!err)
		*id_out = making.id;
	return err;
}

/* ---- changing and deleting ---- */

struct lock_in {
	int64_t id, person_id;
	bool confirmed; /* of a deletion */
};
static const struct col lock_in[] = { COL(INT, struct lock_in, id) };
static const struct stmt lock = { "keychain_lock",
	"SELECT " KEY_COLUMNS
	", y.uuid, y.parameters_sealed FROM keychain y WHERE y.id = ? FOR UPDATE",
	lock_in, COL_N(lock_in), sealed_out, COL_N(sealed_out) };

static enum err
lock_row(struct store *store, const struct lock_in *find, struct sealed_row *row_out,
    struct errctx *ctx)
{
	struct sealed_row row = { 0 };
	enum err err = stmt_one(store->db, &lock, find, &row, ctx);

	if (!err)
		err = team_hide_from_others(store, row.key.team_id, find->person_id, ctx);
	if (err)
		stmt_row_free(&lock, &row);
	else
		*row_out = row;
	return missing(err, ctx);
}

struct change_in {
	int64_t id;
	const char *name;
	struct bytes sealed;
};
static const struct col change_in[] = { COL(TEXT, struct change_in, name),
	COL(BYTES, struct change_in, sealed), COL(INT, struct change_in, id) };
static const struct stmt change_update = { "keychain_change",
	"UPDATE keychain SET name = COALESCE(?, name), "
	"parameters_sealed = COALESCE(?, parameters_sealed), updated_at = UTC_TIMESTAMP(3) "
	"WHERE id = ?",
	change_in, COL_N(change_in), NULL, 0 };

static enum err
overlay(struct store *store, const struct sealed_row *row, const struct keychain_change *change,
    struct bytes *sealed, struct errctx *ctx)
{
	json_auto_t *parameters = NULL;
	enum err err = open_parameters(store, row, &parameters, ctx);

	if (err)
		return err;
	/* a shallow copy of the caller's values: the body may run again */
	if (json_object_update(parameters, change->parameters))
		abort();
	err = change->check(row->key.type_name, parameters, ctx);
	return err ? err
		   : seal_parameters(store, &row->uuid, row->key.team_id, parameters, sealed, ctx);
}

struct changing {
	const struct keychain_change *change;
	struct keychain *after;
};

static enum err
update_body(struct store *store, void *arg, struct audit_entry *audit, struct errctx *ctx)
{
	struct changing *changing = arg;
	const struct keychain_change *change = changing->change;
	struct change_in in = { .id = change->id, .name = change->name };
	const struct lock_in find = { .id = change->id, .person_id = change->person_id };
	struct sealed_row row = { 0 };
	enum err err = lock_row(store, &find, &row, ctx);

	if (err)
		return err;
	note_subject(audit, row.key.team_id, row.key.id);
	if (change->parameters)
		err = overlay(store, &row, change, &in.sealed, ctx);
	if (!err)
		err = stmt_run(store->db, &change_update, &in, NULL, ctx);
	free(in.sealed.data);
	if (!err) {
		keychain_free(changing->after);
		*changing->after = row.key;
		row.key = (struct keychain){ 0 };
	}
	stmt_row_free(&lock, &row);
	return err;
}

enum err
keychain_update(struct store *store, struct audit_entry *audit,
    const struct keychain_change *change, struct keychain *keychain_out, struct errctx *ctx)
{
	struct keychain after = { 0 };
	struct changing changing = { change, &after };
	enum err err = store_write(store, audit, update_body, &changing, ctx);

	if (err) {
		keychain_free(&after);
		return err;
	}
	if (change->name) {
		free(after.name);
		after.name = xstrdup(change->name);
	}
	*keychain_out = after;
	return OK;
}

static const struct stmt delete_key = { "keychain_delete", "DELETE FROM keychain WHERE id = ?",
	open_in, COL_N(open_in), NULL, 0 };

static enum err
delete_body(struct store *store, void *arg, struct audit_entry *audit, struct errctx *ctx)
{
	const struct lock_in *find = arg;
	struct sealed_row row = { 0 };
	enum err err = lock_row(store, find, &row, ctx);

	if (err)
		return err;
	note_subject(audit, row.key.team_id, row.key.id);
	stmt_row_free(&lock, &row);
	if (!find->confirmed)
		return err_set(ctx, ERR_CONFIRM, "confirmed",
		    "say confirmed=true to delete the key for good");
	err = credential_forget_key_in(store, find->id, ctx);
	return err ? err
		   : stmt_run(store->db, &delete_key, &(struct read_in){ .id = find->id }, NULL,
			 ctx);
}

enum err
keychain_delete(struct store *store, struct audit_entry *audit, int64_t person_id, int64_t id,
    bool confirmed, struct errctx *ctx)
{
	struct lock_in find = { id, person_id, confirmed };

	return store_write(store, audit, delete_body, &find, ctx);
}
