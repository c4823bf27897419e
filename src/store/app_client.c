/* SPDX-License-Identifier: Apache-2.0 */
/* The operator's client registrations at OAuth providers. */
#include "store/app_client.h"

#include <stdio.h>

#include "base/alloc.h"

struct client_in {
	struct uuid uuid, callback_id;
	const char *app, *connection_type, *client_id, *host;
	int64_t organization_id;
	struct bytes secret_sealed;
};
#define IN(type, member) COL(type, struct client_in, member)

static const struct col organization_in[] = { IN(INT, organization_id) };
struct count_row {
	int64_t n;
};
static const struct col count_out[] = { COL(INT, struct count_row, n) };
static const struct stmt organization_count = { "app_client_organization",
	"SELECT COUNT(*) FROM organization WHERE id = ?", organization_in, COL_N(organization_in),
	count_out, COL_N(count_out) };

static const struct col set_in[] = { IN(UUID, uuid), IN(UUID, uuid), IN(TEXT, app),
	IN(TEXT, connection_type), IN(INT, organization_id), IN(TEXT, client_id), IN(TEXT, host),
	IN(BYTES, secret_sealed) };
static const struct stmt set = { "app_client_set",
	"INSERT INTO app_client (uuid, callback_id, app, connection_type, organization_id, "
	"client_id, host, secret_sealed) VALUES (?, ?, ?, ?, ?, ?, ?, ?) "
	"ON DUPLICATE KEY UPDATE uuid = VALUES(uuid), client_id = VALUES(client_id), "
	"host = VALUES(host), secret_sealed = VALUES(secret_sealed), "
	"updated_at = UTC_TIMESTAMP(3)",
	set_in, COL_N(set_in), NULL, 0 };

/* What is there stays as it is. */
static const struct col reserve_in[] = { IN(UUID, uuid), IN(UUID, uuid), IN(TEXT, app),
	IN(TEXT, connection_type), IN(INT, organization_id) };
static const struct stmt reserve = { "app_client_reserve",
	"INSERT INTO app_client (uuid, callback_id, app, connection_type, organization_id, "
	"client_id) VALUES (?, ?, ?, ?, ?, '') ON DUPLICATE KEY UPDATE app = VALUES(app)",
	reserve_in, COL_N(reserve_in), NULL, 0 };
static const struct col scope_in[] = { IN(TEXT, app), IN(TEXT, connection_type),
	IN(INT, organization_id) };
struct callback_row {
	struct uuid callback_id;
};
static const struct col callback_out[] = { COL(UUID, struct callback_row, callback_id) };
static const struct stmt callback = { "app_client_callback",
	"SELECT callback_id FROM app_client WHERE app = ? AND connection_type = ? AND "
	"organization_id = ?",
	scope_in, COL_N(scope_in), callback_out, COL_N(callback_out) };

/* Whoever edits the host gets a secret that does not open. */
static struct seal_context
context_of(const struct uuid *uuid, const char *host, unsigned char policy[SEAL_POLICY_SIZE])
{
	if (host)
		seal_policy_digest("app_client", host, policy);
	return (struct seal_context){ .table = "app_client",
		.row = *uuid,
		.field = "secret",
		.policy = host ? policy : NULL };
}

static enum err
check_organization(struct store *store, const struct client_in *in, struct errctx *ctx)
{
	struct count_row organization = { 0 };
	enum err err = OK;

	if (in->organization_id)
		err = stmt_one(store->db, &organization_count, in, &organization, ctx);
	if (!err && in->organization_id && !organization.n)
		return err_set(ctx, ERR_NOT_FOUND, "organization", "no such organization");
	return err;
}

static enum err
set_body(struct store *store, void *arg, struct audit_entry *audit, struct errctx *ctx)
{
	const struct client_in *in = arg;
	enum err err = check_organization(store, in, ctx);
	(void)audit;

	return err ? err : stmt_run(store->db, &set, in, NULL, ctx);
}

static enum err
reserve_body(struct store *store, void *arg, struct audit_entry *audit, struct errctx *ctx)
{
	const struct client_in *in = arg;
	enum err err = check_organization(store, in, ctx);
	(void)audit;

	return err ? err : stmt_run(store->db, &reserve, in, NULL, ctx);
}

static void
name_subject(struct audit_entry *audit, const struct client_in *in)
{
	snprintf(audit->subject, sizeof(audit->subject), "%.40s:%lld", in->connection_type,
	    (long long)in->organization_id);
}

enum err
app_client_reserve(struct store *store, const struct app_client *client,
    struct uuid *callback_id_out, struct errctx *ctx)
{
	struct client_in in = { .app = client->app,
		.connection_type = client->connection_type,
		.organization_id = client->organization_id };
	struct audit_entry audit = { .event = "app.reserve_client", .actor = "ctl" };
	struct callback_row row = { 0 };
	enum err err = stmt_one(store->db, &callback, &in, &row, ctx);

	if (err == ERR_NOT_FOUND) {
		err_clear(ctx);
		uuid_make(&in.uuid);
		name_subject(&audit, &in);
		err = store_write(store, &audit, reserve_body, &in, ctx);
		if (!err)
			err = stmt_one(store->db, &callback, &in, &row, ctx);
	}
	if (!err)
		*callback_id_out = row.callback_id;
	return err;
}

enum err
app_client_set(struct store *store, const struct app_client *client, struct errctx *ctx)
{
	struct client_in in = { .app = client->app,
		.connection_type = client->connection_type,
		.client_id = client->client_id,
		.host = client->host,
		.organization_id = client->organization_id };
	struct audit_entry audit = { .event = "app.set_client", .actor = "ctl" };
	unsigned char policy[SEAL_POLICY_SIZE];
	enum err err = OK;

	uuid_make(&in.uuid);
	const struct seal_context context = context_of(&in.uuid, client->host, policy);
	name_subject(&audit, &in);
	if (client->secret)
		err = seal_master_value(store->keyring, &context, client->secret->data,
		    client->secret->len, &in.secret_sealed.data, &in.secret_sealed.len, ctx);
	if (!err)
		err = store_write(store, &audit, set_body, &in, ctx);
	free(in.secret_sealed.data);
	return err;
}

struct client_row {
	struct uuid uuid, callback_id;
	char *app, *connection_type, *client_id, *host;
	int64_t organization_id, updated_at;
	struct bytes secret_sealed;
};
#define OUT(type, member) COL(type, struct client_row, member)
static const struct col client_out[] = { OUT(UUID, uuid), OUT(TEXT, app),
	OUT(TEXT, connection_type), OUT(TEXT, client_id), OUT(INT, organization_id),
	OUT(TIME, updated_at), OUT(BYTES, secret_sealed), OUT(UUID, callback_id), OUT(TEXT, host) };
#define CLIENT_COLUMNS                                                                             \
	"uuid, app, connection_type, client_id, organization_id, updated_at, secret_sealed, "      \
	"callback_id, host"
static const struct stmt list = { "app_client_list",
	"SELECT " CLIENT_COLUMNS " FROM app_client ORDER BY app, connection_type, organization_id",
	NULL, 0, client_out, COL_N(client_out) };
static const struct col load_in[] = { IN(TEXT, app), IN(TEXT, connection_type),
	IN(INT, organization_id) };
static const struct stmt load = { "app_client_load",
	"SELECT " CLIENT_COLUMNS
	" FROM app_client WHERE app = ? AND connection_type = ? AND organization_id IN (0, ?) "
	"AND client_id <> '' ORDER BY organization_id DESC LIMIT 1",
	load_in, COL_N(load_in), client_out, COL_N(client_out) };

enum err
app_client_list(struct store *store, json_t **list_out, struct errctx *ctx)
{
	void *rows = NULL;
	size_t n = 0;
	enum err err = stmt_all(store->db, &list, NULL, sizeof(struct client_row), &rows, &n, ctx);

	if (err)
		return err;
	json_t *all = json_array();
	for (size_t i = 0; i < n; i++) {
		const struct client_row *row = (struct client_row *)rows + i;
		json_t *object = json_object();
		char callback_id[UUID_TEXT_SIZE];

		uuid_text(&row->callback_id, callback_id);
		json_put_text(object, "app", row->app);
		json_put_text(object, "type", row->connection_type);
		json_put_int(object, "organizationId", row->organization_id);
		json_put_text(object, "clientId", row->client_id);
		json_put_text(object, "host", row->host);
		json_put_bool(object, "secret", row->secret_sealed.data != NULL);
		json_put_text(object, "callbackId", callback_id);
		json_put_time(object, "updatedAt", row->updated_at);
		json_array_append_new(all, object);
	}
	stmt_rows_free(&list, sizeof(struct client_row), &rows, n);
	*list_out = all;
	return OK;
}

/* Frees the row. */
static enum err
take_row(struct store *store, struct client_row *row, char **client_id_out, char **host_out,
    struct secret *secret_out, struct errctx *ctx)
{
	unsigned char policy[SEAL_POLICY_SIZE];
	const struct seal_context context = context_of(&row->uuid, row->host, policy);
	enum err err = OK;

	secret_free(secret_out);
	if (row->secret_sealed.data)
		err = seal_master_open(store->keyring, &context, row->secret_sealed.data,
		    row->secret_sealed.len, secret_out, ctx);
	if (!err)
		*client_id_out = xstrdup(row->client_id);
	if (!err && host_out)
		*host_out = row->host ? xstrdup(row->host) : NULL;
	stmt_row_free(&load, row);
	return err;
}

enum err
app_client_load(struct store *store, const char *app, const char *connection_type,
    int64_t organization_id, char **client_id_out, struct secret *secret_out, struct errctx *ctx)
{
	const struct client_in in = { .app = app,
		.connection_type = connection_type,
		.organization_id = organization_id };
	struct client_row row = { 0 };
	enum err err = stmt_one(store->db, &load, &in, &row, ctx);

	if (err == ERR_NOT_FOUND)
		return err_set(ctx, err, "", "no client is registered for %s", app);
	return err ? err : take_row(store, &row, client_id_out, NULL, secret_out, ctx);
}

static const struct col callback_in[] = { IN(UUID, callback_id) };
static const struct stmt load_callback = { "app_client_load_callback",
	"SELECT " CLIENT_COLUMNS " FROM app_client WHERE callback_id = ?", callback_in,
	COL_N(callback_in), client_out, COL_N(client_out) };

enum err
app_client_load_callback(struct store *store, const struct uuid *callback_id, char **client_id_out,
    char **host_out, struct secret *secret_out, struct errctx *ctx)
{
	const struct client_in in = { .callback_id = *callback_id };
	struct client_row row = { 0 };
	enum err err = stmt_one(store->db, &load_callback, &in, &row, ctx);

	if (err == ERR_NOT_FOUND)
		return err_set(ctx, err, "", "the client registration is gone");
	return err ? err : take_row(store, &row, client_id_out, host_out, secret_out, ctx);
}
