/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of a person, each stored by a procedure that checks the link: forms, refusals,
 * confirmations, and a new link. */
#include "store/page.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "store/page_parts.h"
#include "store/request.h"

/* ---- one way to change something ---- */

struct landed_row {
	int64_t n;
};
static const struct col landed_in[] = { PAGE_IN(UUID, audit) };
static const struct col landed_out[] = { COL(INT, struct landed_row, n) };
static const struct stmt landed = { "page_landed", "CALL page_landed(?)", landed_in,
	COL_N(landed_in), landed_out, COL_N(landed_out) };

static enum err
change_body(struct db *db, void *arg, struct errctx *ctx)
{
	const struct page_change *change = arg;

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

enum err
page_change_run(struct store *store, struct page_change *change, struct errctx *ctx)
{
	uuid_make_ordered(&change->audit);
	enum err err = db_transaction(store->db, change_body, change_landed, change, ctx);
	if (err == ERR_DUPLICATE)
		return err_set(ctx, ERR_RULE, "", "this credential is being worked on already");
	store->enqueued = err == OK;
	return page_refusal(err, ctx);
}

static enum err
verified_key(const struct store *store, const struct page_team_key *from, struct team_key *key_out,
    struct errctx *ctx)
{
	struct team_key key = { .team_id = from->team_id,
		.generation = (uint32_t)from->generation };
	enum err err = ERR_INTEGRITY;

	if (from->public_key.len == sizeof(key.public_key) &&
	    from->signature.len == sizeof(key.signature)) {
		memcpy(key.public_key, from->public_key.data, sizeof(key.public_key));
		memcpy(key.signature, from->signature.data, sizeof(key.signature));
		err = keyring_team_key_take(store->keyring, &key, ctx);
	}
	if (err == ERR_INTEGRITY) {
		log_error(LOG_EVENT("integrity_error"), LOG_S("table", "team_key"),
		    LOG_I("team", from->team_id));
		return err_set(ctx, err, "", "the key of team %lld does not verify",
		    (long long)from->team_id);
	}
	if (!err)
		*key_out = key;
	return err;
}

enum err
page_seal(const struct store *store, const struct page_team_key *from, const char *table,
    const char *field, const char *text, size_t len, struct page_change *change, struct errctx *ctx)
{
	const struct seal_context context = {
		.table = table,
		.row = change->row,
		.field = field,
		.team_id = from->team_id,
	};
	struct team_key key = { 0 };
	enum err err = verified_key(store, from, &key, ctx);

	return err ? err
		   : seal_value(&key, &context, text, len, &change->sealed.data,
			 &change->sealed.len, ctx);
}

/* ---- answers ---- */

static struct page_change
change_of(const struct page_link *link, const struct uuid *credential, const struct page_call *call,
    const struct stmt *stmt)
{
	return (struct page_change){
		.key = page_key_of(link),
		.credential = *credential,
		.address = call->address,
		.call = call->request_id,
		.stmt = stmt,
	};
}

static struct page_team_key
key_of(const struct page_row *row)
{
	return (
	    struct page_team_key){ row->team_id, row->generation, row->public_key, row->signature };
}

static const struct col submit_in[] = { PAGE_IN_LINK, PAGE_IN(UUID, credential), PAGE_IN(UUID, row),
	PAGE_IN(BYTES, sealed), PAGE_IN_CALL };
static const struct stmt submit = { "page_submit", "CALL page_submit(?, ?, ?, ?, ?, ?, ?, ?, ?)",
	submit_in, COL_N(submit_in), NULL, 0 };
static const struct col decline_in[] = { PAGE_IN_LINK, PAGE_IN(UUID, credential),
	PAGE_IN(TEXT, text), PAGE_IN_CALL };
static const struct stmt decline = { "page_decline", "CALL page_decline(?, ?, ?, ?, ?, ?, ?, ?)",
	decline_in, COL_N(decline_in), NULL, 0 };
static const struct col confirm_in[] = { PAGE_IN_LINK, PAGE_IN(UUID, credential),
	PAGE_IN(UUID, row), PAGE_IN(BOOL, accept), PAGE_IN_CALL };
static const struct stmt confirm = { "page_confirm", "CALL page_confirm(?, ?, ?, ?, ?, ?, ?, ?, ?)",
	confirm_in, COL_N(confirm_in), NULL, 0 };
static const struct col relink_in[] = { PAGE_IN(UUID, key.request), PAGE_IN(BYTES, key.hash),
	PAGE_IN(BYTES, new_hash), PAGE_IN(UUID, row), PAGE_IN(BYTES, sealed), PAGE_IN_CALL };
static const struct stmt relink = { "page_relink", "CALL page_relink(?, ?, ?, ?, ?, ?, ?, ?)",
	relink_in, COL_N(relink_in), NULL, 0 };

enum err
page_submit(struct store *store, const struct page_link *link, const struct page_row *row,
    const struct page_call *call, const char *text, size_t len, struct errctx *ctx)
{
	struct page_change change = change_of(link, &row->id, call, &submit);
	const struct page_team_key key = key_of(row);

	uuid_make(&change.row);
	enum err err = page_seal(store, &key, "submission", "fields", text, len, &change, ctx);
	if (!err)
		err = page_change_run(store, &change, ctx);
	free(change.sealed.data);
	return err;
}

enum err
page_decline(struct store *store, const struct page_link *link, const struct uuid *credential,
    const char *reason, const struct page_call *call, struct errctx *ctx)
{
	struct page_change change = change_of(link, credential, call, &decline);

	change.text = reason;
	return page_change_run(store, &change, ctx);
}

enum err
page_confirm(struct store *store, const struct page_link *link, const struct uuid *credential,
    const struct uuid *waiting, bool accept, const struct page_call *call, struct errctx *ctx)
{
	struct page_change change = change_of(link, credential, call, &confirm);

	change.row = *waiting;
	change.accept = accept;
	return page_change_run(store, &change, ctx);
}

enum err
page_relink(struct store *store, const struct page_link *link, const struct page_row *row,
    const struct page_call *call, struct errctx *ctx)
{
	struct page_change change = change_of(link, &row->id, call, &relink);
	const struct page_team_key key = key_of(row);
	unsigned char hash[REQUEST_LINK_HASH];
	char secret[REQUEST_SECRET_TEXT];

	request_link_make(secret, hash);
	uuid_make(&change.row);
	change.new_hash = page_bytes(hash, sizeof(hash));
	enum err err =
	    page_seal(store, &key, "mail_link", "secret", secret, strlen(secret), &change, ctx);
	explicit_bzero(secret, sizeof(secret));
	if (!err)
		err = page_change_run(store, &change, ctx);
	free(change.sealed.data);
	return err;
}
