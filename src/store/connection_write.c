/* SPDX-License-Identifier: Apache-2.0 */
/* Connections as they are made, changed, tested and deleted: one transaction each. */
#include "store/connection.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "store/connection_parts.h"
#include "store/credential.h"
#include "store/job.h"
#include "store/oauth_grant.h"
#include "store/team_read.h"

#define TEST_ATTEMPTS 1 /* whoever waits for it tries again himself */

static enum err
missing(enum err err, struct errctx *ctx)
{
	return err == ERR_NOT_FOUND ? err_set(ctx, ERR_NO_CONNECTION, "", "no such connection")
				    : err;
}

static void
note_subject(struct audit_entry *audit, int64_t team_id, int64_t id)
{
	audit->team_id = team_id;
	snprintf(audit->subject, sizeof(audit->subject), "%lld", (long long)id);
}

/* ---- making ---- */

struct id_in {
	int64_t id;
};
static const struct col id_in[] = { COL(INT, struct id_in, id) };

struct insert_in {
	struct uuid uuid;
	int64_t team_id;
	const char *name, *account_name, *alias, *account_label, *account_type, *package_name;
	const char *metadata_type, *metadata_value, *uid, *scopes;
	struct bytes sealed;
};
static const struct col insert_in[] = {
	COL(UUID, struct insert_in, uuid),
	COL(INT, struct insert_in, team_id),
	COL(TEXT, struct insert_in, name),
	COL(TEXT, struct insert_in, account_name),
	COL(TEXT, struct insert_in, alias),
	COL(TEXT, struct insert_in, account_label),
	COL(TEXT, struct insert_in, account_type),
	COL(TEXT, struct insert_in, package_name),
	COL(TEXT, struct insert_in, metadata_type),
	COL(TEXT, struct insert_in, metadata_value),
	COL(TEXT, struct insert_in, uid),
	COL(TEXT, struct insert_in, scopes),
	COL(BYTES, struct insert_in, sealed),
};
static const struct stmt insert = { "connection_insert",
	"INSERT INTO connection (uuid, team_id, name, account_name, alias, account_label, "
	"account_type, package_name, metadata_type, metadata_value, uid, scopes, "
	"parameters_sealed, created_at, updated_at) "
	"VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, UTC_TIMESTAMP(3), UTC_TIMESTAMP(3))",
	insert_in, COL_N(insert_in), NULL, 0 };

enum err
connection_create_in(struct store *store, const struct connection_new *connection, int64_t *id_out,
    struct errctx *ctx)
{
	auto_free char *name = json_text_cut(connection->name, CONNECTION_ACCOUNT_MAX);
	auto_free char *value = json_text_cut(connection->metadata_value, CONNECTION_ACCOUNT_MAX);
	auto_free char *uid = json_text_cut(connection->uid, CONNECTION_ACCOUNT_MAX);
	struct insert_in in = {
		.team_id = connection->team_id,
		.name = name,
		.account_name = connection->account_name,
		.alias = connection->alias,
		.account_label = connection->account_label,
		.account_type = connection->account_type,
		.package_name = connection->package_name,
		.metadata_type = connection_account_kind(value),
		.metadata_value = value,
		.uid = uid,
		.scopes = connection->scopes,
	};

	uuid_make(&in.uuid);
	enum err err = connection_seal(store, &in.uuid, connection->team_id, connection->parameters,
	    &in.sealed, ctx);
	if (!err)
		err = stmt_run(store->db, &insert, &in, NULL, ctx);
	free(in.sealed.data);
	if (!err)
		*id_out = stmt_insert_id(store->db);
	return err;
}

static const struct col extend_in[] = {
	COL(TEXT, struct insert_in, metadata_type),
	COL(TEXT, struct insert_in, metadata_value),
	COL(TEXT, struct insert_in, uid),
	COL(TEXT, struct insert_in, scopes),
	COL(BYTES, struct insert_in, sealed),
	COL(UUID, struct insert_in, uuid),
	COL(INT, struct insert_in, team_id),
	COL(TEXT, struct insert_in, account_name),
};
static const struct stmt extend_update = { "connection_extend",
	"UPDATE connection SET metadata_type = ?, metadata_value = ?, uid = ?, scopes = ?, "
	"parameters_sealed = ?, updated_at = UTC_TIMESTAMP(3) "
	"WHERE uuid = ? AND team_id = ? AND account_name = ?",
	extend_in, COL_N(extend_in), NULL, 0 };
struct uuid_row {
	struct uuid uuid;
};
static const struct col uuid_out[] = { COL(UUID, struct uuid_row, uuid) };
static const struct stmt uuid_select = { "connection_uuid",
	"SELECT uuid FROM connection WHERE id = ? FOR UPDATE", id_in, COL_N(id_in), uuid_out,
	COL_N(uuid_out) };

enum err
connection_extend_in(struct store *store, int64_t id, const struct connection_new *connection,
    struct errctx *ctx)
{
	auto_free char *value = json_text_cut(connection->metadata_value, CONNECTION_ACCOUNT_MAX);
	auto_free char *uid = json_text_cut(connection->uid, CONNECTION_ACCOUNT_MAX);
	struct insert_in in = {
		.team_id = connection->team_id,
		.account_name = connection->account_name,
		.metadata_type = connection_account_kind(value),
		.metadata_value = value,
		.uid = uid,
		.scopes = connection->scopes,
	};
	struct uuid_row row = { 0 };
	int64_t affected = 0;
	enum err err =
	    missing(stmt_one(store->db, &uuid_select, &(struct id_in){ id }, &row, ctx), ctx);

	in.uuid = row.uuid;
	if (!err)
		err = connection_seal(store, &in.uuid, connection->team_id, connection->parameters,
		    &in.sealed, ctx);
	if (!err)
		err = stmt_run(store->db, &extend_update, &in, &affected, ctx);
	free(in.sealed.data);
	return !err && !affected ? missing(ERR_NOT_FOUND, ctx) : err;
}

struct load_row {
	struct connection connection;
};
static const struct col load_out[] = { CONNECTION_COLS(struct load_row, connection),
	COL(TEXT, struct load_row, connection.tokens) };
static const struct stmt load = { "connection_load",
	"SELECT " CONNECTION_COLUMNS ", " CONNECTION_TOKENS
	" FROM connection x JOIN team t ON t.id = x.team_id "
	"WHERE x.id = ?",
	id_in, COL_N(id_in), load_out, COL_N(load_out) };

/* How it is now, in place of what was read by a run before. */
static enum err
read_again(struct store *store, int64_t id, struct connection *connection, struct errctx *ctx)
{
	connection_free(connection);
	return stmt_one(store->db, &load, &(struct id_in){ id }, connection, ctx);
}

struct making {
	const struct connection_new *connection;
	int64_t person_id;
	struct connection made;
};

static enum err
create_body(struct store *store, void *arg, struct audit_entry *audit, struct errctx *ctx)
{
	struct making *making = arg;
	int64_t team_id = making->connection->team_id, id = 0;
	enum err err = team_require_member(store, team_id, making->person_id, ctx);

	if (!err)
		err = connection_create_in(store, making->connection, &id, ctx);
	if (!err)
		note_subject(audit, team_id, id);
	return err ? err : read_again(store, id, &making->made, ctx);
}

enum err
connection_create(struct store *store, struct audit_entry *audit, int64_t person_id,
    const struct connection_new *connection, struct connection *connection_out, struct errctx *ctx)
{
	struct making making = { connection, person_id, { 0 } };
	enum err err = store_write(store, audit, create_body, &making, ctx);

	if (err)
		connection_free(&making.made);
	else
		*connection_out = making.made;
	return err;
}

/* ---- changing ---- */

struct lock_io {
	int64_t id, person_id;
	bool confirmed;         /* of a deletion */
	int64_t job_id;         /* of a test */
	const char *request_id; /* the same */
	struct uuid uuid;       /* found */
	int64_t team_id;        /* found */
};
static const struct col lock_in[] = { COL(INT, struct lock_io, id) };
static const struct col lock_out[] = { COL(UUID, struct lock_io, uuid),
	COL(INT, struct lock_io, team_id) };
static const struct stmt lock = { "connection_lock",
	"SELECT x.uuid, x.team_id FROM connection x WHERE x.id = ? FOR UPDATE", lock_in,
	COL_N(lock_in), lock_out, COL_N(lock_out) };

static enum err
lock_row(struct store *store, struct lock_io *io, struct audit_entry *audit, struct errctx *ctx)
{
	enum err err = stmt_one(store->db, &lock, io, io, ctx);

	if (!err)
		err = team_hide_from_others(store, io->team_id, io->person_id, ctx);
	err = missing(err, ctx);
	if (!err)
		note_subject(audit, io->team_id, io->id);
	return err;
}

struct change_in {
	int64_t id;
	const char *name;
	struct bytes sealed;
};
static const struct col rename_in[] = { COL(TEXT, struct change_in, name),
	COL(INT, struct change_in, id) };
static const struct stmt rename_update = { "connection_rename",
	"UPDATE connection SET name = ?, updated_at = UTC_TIMESTAMP(3) WHERE id = ?", rename_in,
	COL_N(rename_in), NULL, 0 };
static const struct col replace_in[] = { COL(BYTES, struct change_in, sealed),
	COL(INT, struct change_in, id) };
static const struct stmt replace_update = { "connection_replace",
	"UPDATE connection SET parameters_sealed = ?, metadata_type = NULL, metadata_value = NULL, "
	"uid = NULL, updated_at = UTC_TIMESTAMP(3) WHERE id = ?",
	replace_in, COL_N(replace_in), NULL, 0 };

struct changing {
	const struct connection_change *change;
	struct connection after;
};

static enum err
update_body(struct store *store, void *arg, struct audit_entry *audit, struct errctx *ctx)
{
	struct changing *changing = arg;
	const struct connection_change *change = changing->change;
	struct change_in in = { .id = change->id, .name = change->name };
	struct lock_io io = { .id = change->id, .person_id = change->person_id };
	enum err err = lock_row(store, &io, audit, ctx);

	if (!err && change->parameters)
		err = connection_seal(store, &io.uuid, io.team_id, change->parameters, &in.sealed,
		    ctx);
	if (!err && change->parameters)
		err = stmt_run(store->db, &replace_update, &in, NULL, ctx);
	free(in.sealed.data);
	if (!err && change->name)
		err = stmt_run(store->db, &rename_update, &in, NULL, ctx);
	return err ? err : read_again(store, change->id, &changing->after, ctx);
}

enum err
connection_update(struct store *store, struct audit_entry *audit,
    const struct connection_change *change, struct connection *connection_out, struct errctx *ctx)
{
	struct changing changing = { change, { 0 } };
	enum err err = store_write(store, audit, update_body, &changing, ctx);

	if (err)
		connection_free(&changing.after);
	else
		*connection_out = changing.after;
	return err;
}

/* ---- deleting ---- */

static const struct stmt delete_row = { "connection_delete", "DELETE FROM connection WHERE id = ?",
	id_in, COL_N(id_in), NULL, 0 };

static enum err
delete_body(struct store *store, void *arg, struct audit_entry *audit, struct errctx *ctx)
{
	struct lock_io *io = arg;
	enum err err = lock_row(store, io, audit, ctx);

	if (!err && !io->confirmed)
		err = err_set(ctx, ERR_CONFIRM, "confirmed",
		    "say confirmed=true to delete the connection for good");
	if (!err)
		err = oauth_grant_release_in(store,
		    &(struct oauth_owner){ .connection_id = io->id }, audit->request_id, ctx);
	if (!err)
		err = credential_forget_connection_in(store, io->id, ctx);
	return err ? err : stmt_run(store->db, &delete_row, &(struct id_in){ io->id }, NULL, ctx);
}

enum err
connection_delete(struct store *store, struct audit_entry *audit, int64_t person_id, int64_t id,
    bool confirmed, struct errctx *ctx)
{
	struct lock_io io = { .id = id, .person_id = person_id, .confirmed = confirmed };

	return store_write(store, audit, delete_body, &io, ctx);
}

/* ---- testing ---- */

static enum err
test_body(struct store *store, void *arg, struct audit_entry *audit, struct errctx *ctx)
{
	struct lock_io *io = arg;
	char subject[24], key[48];
	enum err err = lock_row(store, io, audit, ctx);

	if (err)
		return err;
	snprintf(subject, sizeof(subject), "%lld", (long long)io->id);
	snprintf(key, sizeof(key), "remote_test:%s", subject);
	const struct job_new job = {
		.kind = "remote_test",
		.subject = subject,
		.active_key = key,
		.team_id = io->team_id,
		.max_attempts = TEST_ATTEMPTS,
		.payload = "{}",
		.request_id = io->request_id,
	};
	return job_enqueue(store, &job, &io->job_id, ctx);
}

enum err
connection_test_enqueue(struct store *store, struct audit_entry *audit, int64_t person_id,
    int64_t id, int64_t *job_out, struct errctx *ctx)
{
	struct lock_io io = { .id = id, .person_id = person_id, .request_id = audit->request_id };
	enum err err = store_write(store, audit, test_body, &io, ctx);

	if (!err)
		*job_out = io.job_id;
	return err;
}
