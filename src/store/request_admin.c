/* SPDX-License-Identifier: Apache-2.0 */
/* Credential requests as the operator sees them, who is no member of anything. */
#include "store/request_admin.h"

#include <string.h>

#include "base/alloc.h"
#include "request_columns.h"
#include "store/mail.h"
#include "store/oauth_grant.h"

/* ---- reading ---- */

struct list_in {
	int64_t team_id, limit;
	const char *status;
};
struct list_row {
	struct request_row request;
};
#define FROM_ALL                                                                                   \
	" FROM credential_request r JOIN team t ON t.id = r.team_id "                              \
	"JOIN person p ON p.id = r.provider_id "
static const struct col list_in[] = {
	COL(INT0, struct list_in, team_id),
	COL(INT0, struct list_in, team_id),
	COL(TEXT, struct list_in, status),
	COL(TEXT, struct list_in, status),
	COL(INT, struct list_in, limit),
};
static const struct col list_out[] = { REQUEST_COLS(struct list_row, request) };
static const struct stmt list = { "request_admin_list",
	"SELECT " REQUEST_OWN_COLUMNS ", NULL, p.id, p.email, p.name" FROM_ALL
	"WHERE (? IS NULL OR r.team_id = ?) AND (? IS NULL OR r.status = ?) "
	"ORDER BY r.created_at DESC, r.id LIMIT ?",
	list_in, COL_N(list_in), list_out, COL_N(list_out) };

enum err
request_admin_list(struct store *store, int64_t team_id, const char *status, int64_t limit,
    struct request_row **requests_out, size_t *n_out, struct errctx *ctx)
{
	void *rows = NULL;
	size_t n = 0;
	enum err err = stmt_all(store->db, &list, &(struct list_in){ team_id, limit, status },
	    sizeof(struct list_row), &rows, &n, ctx);

	if (err)
		return err;
	*requests_out = rows; /* a row is a request and nothing else */
	*n_out = n;
	return OK;
}

struct show_in {
	struct uuid id;
};
struct show_row {
	struct request_row request;
	struct request_person requester;
	struct credential credential;
};
static const struct col id_in[] = { COL(UUID, struct show_in, id) };
static const struct col show_out[] = {
	REQUEST_COLS(struct show_row, request),
	COL(INT, struct show_row, requester.id),
	COL(TEXT, struct show_row, requester.email),
	COL(TEXT, struct show_row, requester.name),
	CREDENTIAL_COLS(struct show_row, credential),
};
static const struct stmt show = { "request_admin_show",
	"SELECT " REQUEST_OWN_COLUMNS
	", NULL, p.id, p.email, p.name, q.id, q.email, q.name, " CREDENTIAL_COLUMNS FROM_ALL
	"JOIN person q ON q.id = r.requester_id "
	"JOIN credential c ON c.request_id = r.id WHERE r.id = ? ORDER BY c.position",
	id_in, COL_N(id_in), show_out, COL_N(show_out) };

enum err
request_admin_show(struct store *store, const struct uuid *id, struct request_detail *detail_out,
    struct errctx *ctx)
{
	void *rows = NULL;
	size_t n = 0;
	enum err err = stmt_all(store->db, &show, &(struct show_in){ *id }, sizeof(struct show_row),
	    &rows, &n, ctx);

	if (err)
		return err;
	if (n == 0)
		return err_set(ctx, ERR_NOT_FOUND, "", "no such credential request");
	struct show_row *row = rows;
	struct request_detail detail = { .request = row->request,
		.requester = row->requester,
		.credentials = xcalloc(n, sizeof(*detail.credentials)),
		.n_credentials = n };
	for (size_t i = 0; i < n; i++) {
		detail.credentials[i] = row[i].credential;
		row[i].credential = (struct credential){ 0 };
	}
	row->request = (struct request_row){ 0 };
	row->requester = (struct request_person){ 0 };
	stmt_rows_free(&show, sizeof(*row), &rows, n);
	*detail_out = detail;
	return OK;
}

/* ---- a new link ---- */

struct resend {
	struct uuid id;
	int64_t team_id;
	bool expired, mails;
	struct bytes hash;
	const char *secret;
};
static const struct col lock_in[] = { COL(UUID, struct resend, id) };
static const struct col lock_out[] = { COL(INT, struct resend, team_id),
	COL(BOOL, struct resend, expired) };
static const struct stmt lock = { "request_resend_lock",
	"SELECT team_id, expires_at <= UTC_TIMESTAMP(3) FROM credential_request WHERE id = ? "
	"FOR UPDATE",
	lock_in, COL_N(lock_in), lock_out, COL_N(lock_out) };
static const struct col change_in[] = { COL(BYTES, struct resend, hash),
	COL(BOOL, struct resend, mails), COL(UUID, struct resend, id) };
static const struct stmt change = { "request_resend",
	"UPDATE credential_request SET link_hash = ?, browser_hash = NULL, should_send_email = ?, "
	"email_sent_at = NULL, "
	"updated_at = UTC_TIMESTAMP(3) WHERE id = ?",
	change_in, COL_N(change_in), NULL, 0 };

/* What the browser that the old link was bound to has left unfinished is not left to another. */
static const struct col unfinished_in[] = { COL(UUID, struct resend, id) };
static const struct stmt drop_forms = { "request_resend_forms",
	"UPDATE submission s JOIN credential c ON c.id = s.credential_id "
	"SET s.fields_sealed = NULL WHERE c.request_id = ?",
	unfinished_in, COL_N(unfinished_in), NULL, 0 };
static const struct stmt drop_trips = { "request_resend_trips",
	"DELETE f FROM oauth_flow f JOIN credential c ON c.id = f.credential_id "
	"WHERE c.request_id = ?",
	unfinished_in, COL_N(unfinished_in), NULL, 0 };

static enum err
drop_unfinished(struct store *store, const struct resend *resend, struct errctx *ctx)
{
	enum err err = stmt_run(store->db, &drop_forms, resend, NULL, ctx);

	if (!err)
		err = stmt_run(store->db, &drop_trips, resend, NULL, ctx);
	return err ? err : oauth_grant_end_request_in(store, &resend->id, NULL, ctx);
}

static enum err
resend_body(struct store *store, void *arg, struct audit_entry *audit, struct errctx *ctx)
{
	struct resend *resend = arg;
	enum err err = stmt_one(store->db, &lock, resend, resend, ctx);

	if (err == ERR_NOT_FOUND)
		return err_set(ctx, err, "", "no such credential request");
	if (!err && resend->expired)
		return err_set(ctx, ERR_GONE, "", "this request has expired");
	audit->team_id = resend->team_id;
	uuid_text(&resend->id, audit->subject);
	if (!err)
		err = drop_unfinished(store, resend, ctx);
	if (!err)
		err = stmt_run(store->db, &change, resend, NULL, ctx);
	const struct mail_invitation invitation = {
		.request_id = resend->id,
		.team_id = resend->team_id,
		.template = MAIL_RESEND,
		.secret = resend->secret,
		.replaces = true,
	};
	return err ? err : mail_invite_in(store, &invitation, ctx);
}

enum err
request_admin_resend(struct store *store, const struct uuid *id,
    char secret_out[REQUEST_SECRET_TEXT], struct errctx *ctx)
{
	unsigned char hash[REQUEST_LINK_HASH];
	char secret[REQUEST_SECRET_TEXT];
	struct audit_entry audit = { .event = "request.resend", .actor = "ctl" };
	struct resend resend = { .id = *id,
		.mails = store->mails,
		.hash = { hash, sizeof(hash) },
		.secret = secret };

	request_link_make(secret, hash);
	enum err err = store_write(store, &audit, resend_body, &resend, ctx);
	if (!err)
		memcpy(secret_out, secret, sizeof(secret));
	explicit_bzero(secret, sizeof(secret));
	return err;
}
