/* SPDX-License-Identifier: Apache-2.0 */
/* All that the public pool may do in the database, and sealing what a person typed in. */
#include "store/page.h"

#include <string.h>

#include "base/alloc.h"
#include "base/log.h"

#define TOO_MANY_RETRY_S 900 /* the window of page_throttle in schema/0002_page.sql */

/* ---- looking ---- */

struct open_in {
	struct uuid request;
	struct bytes hash;
};
static const struct col open_in[] = { COL(UUID, struct open_in, request),
	COL(BYTES, struct open_in, hash) };
static const struct col open_out[] = {
	COL(TEXT, struct page_row, name),
	COL(TEXT, struct page_row, description),
	COL(TEXT, struct page_row, status),
	COL(TIME, struct page_row, expires_at),
	COL(BOOL, struct page_row, expired),
	COL(TEXT, struct page_row, requester_name),
	COL(TEXT, struct page_row, requester_email),
	COL(TEXT, struct page_row, team_name),
	COL(TEXT, struct page_row, organization_name),
	COL(INT, struct page_row, team_id),
	COL(INT, struct page_row, generation),
	COL(BYTES, struct page_row, public_key),
	COL(BYTES, struct page_row, signature),
	COL(UUID, struct page_row, id),
	COL(TEXT, struct page_row, component),
	COL(TEXT, struct page_row, type),
	COL(TEXT, struct page_row, type_name),
	COL(TEXT, struct page_row, label),
	COL(TEXT, struct page_row, credential_description),
	COL(TEXT, struct page_row, scope),
	COL(TEXT, struct page_row, state),
	COL(TEXT, struct page_row, decline_reason),
	COL(TEXT, struct page_row, app_name),
	COL(TEXT, struct page_row, app_version),
	COL(TEXT, struct page_row, name_override),
	COL(TEXT, struct page_row, prefill),
	COL(TEXT, struct page_row, job_state),
	COL(TEXT, struct page_row, job_error),
};
static const struct stmt open_request = { "page_open", "CALL page_open(?, ?)", open_in,
	COL_N(open_in), open_out, COL_N(open_out) };

struct age_row {
	int64_t age_s;
};
static const struct col age_out[] = { COL(INT, struct age_row, age_s) };
static const struct stmt runner_age = { "page_runner_age", "CALL page_runner_age()", NULL, 0,
	age_out, COL_N(age_out) };

/* The connector's argument is not const; it only reads. */
static struct bytes
hash_bytes(const struct page_link *link)
{
	struct bytes bytes = { NULL, sizeof(link->hash) };
	const unsigned char *data = link->hash;

	memcpy(&bytes.data, &data, sizeof(data));
	return bytes;
}

/* A link that opens nothing looks the same whatever the cause. */
static enum err
refusal(enum err err, struct errctx *ctx)
{
	if (err == ERR_NOT_FOUND) {
		err_clear(ctx);
		return err_set(ctx, err, "", PAGE_NO_SUCH_REQUEST);
	}
	if (err == ERR_RATE && ctx)
		ctx->retry_after_s = TOO_MANY_RETRY_S;
	return err;
}

enum err
page_view_load(struct store *store, const struct page_link *link, struct page_view *view_out,
    struct errctx *ctx)
{
	const struct open_in in = { link->request, hash_bytes(link) };
	void *rows = NULL;
	size_t n = 0;
	enum err err =
	    stmt_all(store->db, &open_request, &in, sizeof(struct page_row), &rows, &n, ctx);

	if (err == ERR_LOST) { /* the worst of asking again is one wrong link counted twice */
		err_clear(ctx);
		err = stmt_all(store->db, &open_request, &in, sizeof(struct page_row), &rows, &n,
		    ctx);
	}
	if (!err && n == 0) {
		free(rows);
		err = ERR_NOT_FOUND;
	}
	if (err)
		return refusal(err, ctx);
	*view_out = (struct page_view){ rows, n };
	return OK;
}

void
page_view_free(struct page_view *view)
{
	void *rows = view ? view->rows : NULL;

	if (!rows)
		return;
	stmt_rows_free(&open_request, sizeof(struct page_row), &rows, view->n);
	*view = (struct page_view){ 0 };
}

const struct page_row *
page_view_find(const struct page_view *view, const struct uuid *credential)
{
	for (size_t i = 0; i < view->n; i++)
		if (memcmp(&view->rows[i].id, credential, sizeof(*credential)) == 0)
			return &view->rows[i];
	return NULL;
}

enum err
page_runner_age_s(struct store *store, int64_t *age_out_s, struct errctx *ctx)
{
	struct age_row row = { 0 };
	enum err err = stmt_one(store->db, &runner_age, NULL, &row, ctx);

	if (!err)
		*age_out_s = row.age_s;
	return err;
}

/* ---- answering: one transaction each, found again by its audit row ---- */

struct change {
	struct open_in link;
	struct uuid credential, submission, audit;
	struct bytes sealed;
	const char *reason, *address, *call;
	const struct stmt *stmt;
};
static const struct col submit_in[] = {
	COL(UUID, struct change, link.request),
	COL(BYTES, struct change, link.hash),
	COL(UUID, struct change, credential),
	COL(UUID, struct change, submission),
	COL(BYTES, struct change, sealed),
	COL(UUID, struct change, audit),
	COL(TEXT, struct change, address),
	COL(TEXT, struct change, call),
};
static const struct stmt submit = { "page_submit", "CALL page_submit(?, ?, ?, ?, ?, ?, ?, ?)",
	submit_in, COL_N(submit_in), NULL, 0 };
static const struct col decline_in[] = {
	COL(UUID, struct change, link.request),
	COL(BYTES, struct change, link.hash),
	COL(UUID, struct change, credential),
	COL(TEXT, struct change, reason),
	COL(UUID, struct change, audit),
	COL(TEXT, struct change, address),
	COL(TEXT, struct change, call),
};
static const struct stmt decline = { "page_decline", "CALL page_decline(?, ?, ?, ?, ?, ?, ?)",
	decline_in, COL_N(decline_in), NULL, 0 };

struct landed_row {
	int64_t n;
};
static const struct col landed_in[] = { COL(UUID, struct change, audit) };
static const struct col landed_out[] = { COL(INT, struct landed_row, n) };
static const struct stmt landed = { "page_landed", "CALL page_landed(?)", landed_in,
	COL_N(landed_in), landed_out, COL_N(landed_out) };

static enum err
change_body(struct db *db, void *arg, struct errctx *ctx)
{
	const struct change *change = arg;

	return stmt_run(db, change->stmt, change, NULL, ctx);
}

static enum err
change_landed(struct db *db, void *arg, bool *has_landed, struct errctx *ctx)
{
	struct landed_row row = { 0 };
	enum err err = stmt_one(db, &landed, arg, &row, ctx);

	*has_landed = row.n > 0;
	return err;
}

static enum err
change_run(struct store *store, struct change *change, struct errctx *ctx)
{
	uuid_make_ordered(&change->audit);
	enum err err = db_transaction(store->db, change_body, change_landed, change, ctx);
	if (err == ERR_DUPLICATE)
		return err_set(ctx, ERR_RULE, "", "this credential is being worked on already");
	store->enqueued = err == OK;
	return refusal(err, ctx);
}

static enum err
verified_key(const struct store *store, const struct page_row *row, struct team_key *key_out,
    struct errctx *ctx)
{
	struct team_key key = { .team_id = row->team_id, .generation = (uint32_t)row->generation };
	enum err err = ERR_INTEGRITY;

	if (row->public_key.len == sizeof(key.public_key) &&
	    row->signature.len == sizeof(key.signature)) {
		memcpy(key.public_key, row->public_key.data, sizeof(key.public_key));
		memcpy(key.signature, row->signature.data, sizeof(key.signature));
		err = keyring_team_key_verify(store->keyring, &key, ctx);
	}
	if (err == ERR_INTEGRITY) {
		log_error(LOG_EVENT("integrity_error"), LOG_S("table", "team_key"),
		    LOG_I("team", row->team_id));
		return err_set(ctx, err, "", "the key of team %lld does not verify",
		    (long long)row->team_id);
	}
	if (!err)
		*key_out = key;
	return err;
}

enum err
page_submit(struct store *store, const struct page_link *link, const struct page_row *row,
    const struct page_call *call, const char *text, size_t len, struct errctx *ctx)
{
	struct change change = {
		.link = { link->request, hash_bytes(link) },
		.credential = row->id,
		.address = call->address,
		.call = call->request_id,
		.stmt = &submit,
	};
	struct team_key key = { 0 };

	uuid_make(&change.submission);
	const struct seal_context context = {
		.table = "submission",
		.row = change.submission,
		.field = "fields",
		.team_id = row->team_id,
	};
	enum err err = verified_key(store, row, &key, ctx);
	if (!err)
		err = seal_value(&key, &context, text, len, &change.sealed.data, &change.sealed.len,
		    ctx);
	if (!err)
		err = change_run(store, &change, ctx);
	free(change.sealed.data);
	return err;
}

enum err
page_decline(struct store *store, const struct page_link *link, const struct uuid *credential,
    const char *reason, const struct page_call *call, struct errctx *ctx)
{
	struct change change = {
		.link = { link->request, hash_bytes(link) },
		.credential = *credential,
		.reason = reason,
		.address = call->address,
		.call = call->request_id,
		.stmt = &decline,
	};

	return change_run(store, &change, ctx);
}
