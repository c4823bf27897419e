/* SPDX-License-Identifier: Apache-2.0 */
/* Credential requests as they are made and deleted: one transaction each. */
#include "store/request.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/crypt.h"
#include "store/job.h"
#include "store/mail.h"
#include "store/oauth_grant.h"
#include "store/person.h"
#include "store/team_read.h"
#include "request_name.h"

/* ---- making ---- */

struct start_io {
	int64_t team_id, person_id, expiry_days;
	int64_t organization_id, now, expires_at;
};
static const struct col start_in[] = { COL(INT, struct start_io, expiry_days),
	COL(INT, struct start_io, team_id), COL(INT, struct start_io, person_id) };
static const struct col start_out[] = { COL(INT, struct start_io, organization_id),
	COL(TIME, struct start_io, now), COL(TIME, struct start_io, expires_at) };
static const struct stmt start = { "request_start",
	"SELECT t.organization_id, UTC_TIMESTAMP(3), UTC_TIMESTAMP(3) + INTERVAL ? DAY "
	"FROM team t JOIN team_member m ON m.team_id = t.id WHERE t.id = ? AND m.person_id = ?",
	start_in, COL_N(start_in), start_out, COL_N(start_out) };

struct insert_in {
	struct uuid id;
	struct bytes link_hash;
	const struct request_new *request;
	int64_t team_id, requester_id, provider_id, now, expires_at;
	const char *name, *description;
	bool mails;
};
static const struct col insert_in[] = {
	COL(UUID, struct insert_in, id),
	COL(INT, struct insert_in, team_id),
	COL(INT, struct insert_in, requester_id),
	COL(INT, struct insert_in, provider_id),
	COL(TEXT, struct insert_in, name),
	COL(TEXT, struct insert_in, description),
	COL(BYTES, struct insert_in, link_hash),
	COL(BOOL, struct insert_in, mails),
	COL(TIME, struct insert_in, now),
	COL(TIME, struct insert_in, now),
	COL(TIME, struct insert_in, expires_at),
};
static const struct stmt insert = { "request_insert",
	"INSERT INTO credential_request (id, team_id, requester_id, provider_id, name, "
	"description, link_hash, should_send_email, created_at, updated_at, expires_at) "
	"VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
	insert_in, COL_N(insert_in), NULL, 0 };

struct item_in {
	struct uuid id, request_id;
	int64_t position, now;
	struct credential_new item;
};
static const struct col item_in[] = {
	COL(UUID, struct item_in, id),
	COL(UUID, struct item_in, request_id),
	COL(INT, struct item_in, position),
	COL(TEXT, struct item_in, item.component),
	COL(TEXT, struct item_in, item.type),
	COL(TEXT, struct item_in, item.name),
	COL(TEXT, struct item_in, item.alias),
	COL(TEXT, struct item_in, item.label),
	COL(TEXT, struct item_in, item.description),
	COL(TEXT, struct item_in, item.scope),
	COL(TEXT, struct item_in, item.app_name),
	COL(TEXT, struct item_in, item.app_modules),
	COL(TEXT, struct item_in, item.app_version),
	COL(TEXT, struct item_in, item.name_override),
	COL(TEXT, struct item_in, item.prefill),
	COL(INT0, struct item_in, item.extends_id),
	COL(INT0, struct item_in, item.user_credential_id),
	COL(TIME, struct item_in, now),
	COL(TIME, struct item_in, now),
};
static const struct stmt item_insert = { "credential_insert",
	"INSERT INTO credential (id, request_id, position, component, type, name, alias, label, "
	"description, scope, remote_scope, app_name, app_modules, app_version, name_override, "
	"prefill, extends_id, user_credential_id, created_at, updated_at) "
	"VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '[]', ?, ?, ?, ?, ?, ?, ?, ?, ?)",
	item_in, COL_N(item_in), NULL, 0 };

static enum err
add_provider(struct store *store, int64_t team_id, int64_t person_id,
    const struct audit_entry *request_audit, struct errctx *ctx)
{
	struct audit_entry audit = *request_audit;
	bool added = false;
	enum err err = team_add_member_in(store, team_id, person_id, &added, ctx);

	if (err || !added)
		return err;
	audit.event = "member.add"; /* as baileectl calls it */
	audit.team_id = team_id;
	snprintf(audit.subject, sizeof(audit.subject), "%lld:%lld", (long long)team_id,
	    (long long)person_id);
	return audit_add(store, &audit, ctx);
}

static enum err
find_provider(struct store *store, const struct request_new *request,
    const struct audit_entry *audit, int64_t *id_out, struct errctx *ctx)
{
	int64_t id = request->provider_id;
	enum err err = OK;

	if (!id)
		err = person_find_or_make_in(store, request->provider_email, request->provider_name,
		    &id, ctx);
	if (!err && id != request->requester_id) {
		err = person_may_be_asked(store, id, request->team_id, ctx);
		if (!err)
			err = add_provider(store, request->team_id, id, audit, ctx);
		else if (err == ERR_NOT_FOUND && !request->provider_id)
			err = OK; /* the link is enough to answer; nothing else is opened to him */
	}
	if (err == ERR_NOT_FOUND)
		return err_set(ctx, ERR_VALUE, "provider.providerMakeUserId", "no such user");
	if (!err)
		*id_out = id;
	return err;
}

static enum err
insert_items(struct store *store, const struct request_new *request, const struct uuid *id,
    int64_t now, struct errctx *ctx)
{
	enum err err = OK;

	for (size_t i = 0; i < request->n_credentials && !err; i++) {
		struct item_in in = { .request_id = *id,
			.position = (int64_t)i,
			.now = now,
			.item = request->credentials[i] };

		uuid_make(&in.id);
		err = stmt_run(store->db, &item_insert, &in, NULL, ctx);
	}
	return err;
}

struct making {
	const struct request_new *request;
	struct insert_in in;
	struct start_io start;
	unsigned char hash[REQUEST_LINK_HASH];
	const char *link_secret;
};

static enum err
create_body(struct store *store, void *arg, struct audit_entry *audit, struct errctx *ctx)
{
	struct making *making = arg;
	struct insert_in *in = &making->in;
	const struct request_new *request = making->request;
	enum err err = stmt_one(store->db, &start, &making->start, &making->start, ctx);

	if (err == ERR_NOT_FOUND)
		return err_set(ctx, ERR_NOT_MEMBER, "teamId", "you are no member of this team");
	if (!err)
		err = find_provider(store, request, audit, &in->provider_id, ctx);
	if (err)
		return err;
	in->now = making->start.now;
	in->expires_at = making->start.expires_at;
	audit->team_id = request->team_id;
	uuid_text(&in->id, audit->subject);
	err = stmt_run(store->db, &insert, in, NULL, ctx);
	if (!err)
		err = request_name_add_in(store, &in->id, ctx);
	if (!err)
		err = insert_items(store, request, &in->id, in->now, ctx);
	const struct mail_invitation invitation = {
		.request_id = in->id,
		.team_id = request->team_id,
		.template = MAIL_INVITATION,
		.secret = making->link_secret,
		.call = audit->request_id,
	};
	return err ? err : mail_invite_in(store, &invitation, ctx);
}

static struct request_row
row_made(const struct making *making)
{
	const struct insert_in *in = &making->in;

	return (struct request_row){
		.id = in->id,
		.organization_id = making->start.organization_id,
		.team_id = in->team_id,
		.requester_id = in->requester_id,
		.provider_id = in->provider_id,
		.name = xstrdup(in->name),
		.description = in->description ? xstrdup(in->description) : NULL,
		.status = xstrdup(request_status_names[REQUEST_PENDING]),
		.should_send_email = in->mails,
		.created_at = in->now,
		.updated_at = in->now,
		.expires_at = in->expires_at,
	};
}

void
request_link_make(char text_out[REQUEST_SECRET_TEXT], unsigned char hash_out[REQUEST_LINK_HASH])
{
	unsigned char raw[REQUEST_SECRET_SIZE];

	crypt_random(raw, sizeof(raw));
	request_link_hash(raw, hash_out);
	auto_wipe char *text = crypt_base64url(raw, sizeof(raw));
	explicit_bzero(raw, sizeof(raw));
	assert(strlen(text) == REQUEST_SECRET_TEXT - 1);
	memcpy(text_out, text, REQUEST_SECRET_TEXT);
}

enum err
request_create(struct store *store, struct audit_entry *audit, const struct request_new *request,
    struct request_made *made_out, struct errctx *ctx)
{
	struct making making = {
		.request = request,
		.in = { .team_id = request->team_id,
		    .requester_id = request->requester_id,
		    .name = request->name,
		    .description = request->description,
		    .mails = store->mails },
		.start = { .team_id = request->team_id,
		    .person_id = request->requester_id,
		    .expiry_days = request->expiry_days },
	};
	struct request_made made = { 0 };

	assert(request->n_credentials && request->n_credentials <= REQUEST_CREDENTIALS_MAX);
	uuid_make(&making.in.id);
	request_link_make(made.link_secret, making.hash);
	making.link_secret = made.link_secret;
	making.in.link_hash = (struct bytes){ making.hash, sizeof(making.hash) };
	enum err err = store_write(store, audit, create_body, &making, ctx);
	if (!err) {
		made.request = row_made(&making);
		*made_out = made;
	}
	explicit_bzero(made.link_secret, sizeof(made.link_secret));
	return err;
}

void
request_made_wipe(struct request_made *made)
{
	request_free(&made->request);
	explicit_bzero(made->link_secret, sizeof(made->link_secret));
}

/* ---- deleting ---- */

#define DELETE_ATTEMPTS 12 /* about a quarter of an hour of pauses */

struct delete_io {
	struct uuid id;
	int64_t person_id, team_id;
	bool confirmed, has_remote;
	int64_t job_id;
};
static const struct col id_in[] = { COL(UUID, struct delete_io, id) };
static const struct col lock_out[] = { COL(INT, struct delete_io, team_id) };
static const struct stmt lock = { "request_lock",
	"SELECT r.team_id FROM credential_request r WHERE r.id = ? FOR UPDATE", id_in, COL_N(id_in),
	lock_out, COL_N(lock_out) };
static const struct col remote_out[] = { COL(BOOL, struct delete_io, has_remote) };
static const struct stmt has_remote = { "request_has_remote",
	"SELECT COUNT(*) > 0 FROM credential c WHERE c.request_id = ? "
	"AND c.remote_id IS NOT NULL",
	id_in, COL_N(id_in), remote_out, COL_N(remote_out) };
static const struct stmt delete_request = { "request_delete",
	"DELETE FROM credential_request WHERE id = ?", id_in, COL_N(id_in), NULL, 0 };

enum err
request_remove_in(struct store *store, const struct uuid *id, struct errctx *ctx)
{
	enum err err = oauth_grant_end_request_in(store, id, NULL, ctx);

	if (!err)
		err = request_name_remove_in(store, id, ctx);
	return err ? err
		   : stmt_run(store->db, &delete_request, &(struct delete_io){ .id = *id }, NULL,
			 ctx);
}

static enum err
enqueue_delete(struct store *store, struct delete_io *io, const struct audit_entry *audit,
    struct errctx *ctx)
{
	char active_key[sizeof(audit->subject) + 16];

	snprintf(active_key, sizeof(active_key), "request_delete:%s", audit->subject);
	const struct job_new job = { .kind = "request_delete",
		.subject = audit->subject,
		.active_key = active_key,
		.team_id = io->team_id,
		.max_attempts = DELETE_ATTEMPTS,
		.payload = "{}",
		.request_id = audit->request_id };
	return job_enqueue(store, &job, &io->job_id, ctx);
}

static enum err
delete_body(struct store *store, void *arg, struct audit_entry *audit, struct errctx *ctx)
{
	struct delete_io *io = arg;
	enum err err = stmt_one(store->db, &lock, io, io, ctx);

	if (!err)
		err = team_hide_from_others(store, io->team_id, io->person_id, ctx);
	if (err == ERR_NOT_FOUND)
		return err_set(ctx, err, "", "no such credential request");
	if (!err)
		err = stmt_one(store->db, &has_remote, io, io, ctx);
	if (err)
		return err;
	if (io->has_remote && !io->confirmed)
		return err_set(ctx, ERR_CONFIRM, "confirmed",
		    "keys or connections were made from this request: say confirmed=true to delete "
		    "them too");
	audit->team_id = io->team_id;
	uuid_text(&io->id, audit->subject);
	io->job_id = 0;
	return io->has_remote ? enqueue_delete(store, io, audit, ctx)
			      : request_remove_in(store, &io->id, ctx);
}

enum err
request_delete(struct store *store, struct audit_entry *audit, int64_t person_id,
    const struct uuid *id, bool confirmed, int64_t *job_out, struct errctx *ctx)
{
	struct delete_io io = { .id = *id, .person_id = person_id, .confirmed = confirmed };
	enum err err = store_write(store, audit, delete_body, &io, ctx);

	if (!err)
		*job_out = io.job_id;
	return err;
}

/* ---- for the runner ---- */

struct remote_row {
	struct credential credential; /* first: an array of rows is one of credentials */
};
static const struct col remotes_out[] = { CREDENTIAL_COLS(struct remote_row, credential) };
#define REMOTES                                                                                    \
	"SELECT " CREDENTIAL_COLUMNS " FROM credential_request r LEFT JOIN credential c "          \
	"ON c.request_id = r.id AND c.remote_id IS NOT NULL WHERE r.id = ? ORDER BY c.position"
static const struct stmt remotes[2] = {
	{ "request_remotes", REMOTES, id_in, COL_N(id_in), remotes_out, COL_N(remotes_out) },
	{ "request_remotes_lock", REMOTES " FOR UPDATE", id_in, COL_N(id_in), remotes_out,
	    COL_N(remotes_out) },
};
_Static_assert(sizeof(struct remote_row) == sizeof(struct credential), "rows are credentials");

enum err
request_remotes(struct store *store, const struct uuid *id, bool locked,
    struct credential **credentials_out, size_t *n_out, struct errctx *ctx)
{
	void *rows = NULL;
	size_t n = 0;
	enum err err = stmt_all(store->db, &remotes[locked], &(struct delete_io){ .id = *id },
	    sizeof(struct remote_row), &rows, &n, ctx);

	if (err)
		return err;
	if (n == 0) {
		free(rows);
		return err_set(ctx, ERR_NOT_FOUND, "", "no such credential request");
	}
	*credentials_out = rows;
	/* a request without any is one row of nothing but its team */
	*n_out = (*credentials_out)[0].remote_id ? n : 0;
	return OK;
}

void
request_remotes_free(struct credential **credentials, size_t n)
{
	for (size_t i = 0; i < n; i++)
		credential_free(*credentials + i);
	free(*credentials);
	*credentials = NULL;
}
