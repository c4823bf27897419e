/* SPDX-License-Identifier: Apache-2.0 */
/* First answers of calls that create, so that a call that is sent again has one effect. */
#include "store/idempotency.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

void
idempotency_answer_free(struct idempotency_answer *answer)
{
	secret_free(&answer->data);
}

enum err
idempotency_call_init(const struct store *store, const char *public_id, const struct buf *key,
    const struct buf *call, struct idempotency_call *call_out, struct errctx *ctx)
{
	struct idempotency_call made = { .public_id = public_id };
	unsigned char digest[CRYPT_SHA256_SIZE];

	crypt_sha256(buf_text(key), key->len, made.key_hash);
	crypt_sha256(buf_text(call), call->len, digest);
	auto_free char *text = crypt_hex(digest, sizeof(digest));
	if (keyring_token_mac(store->keyring, text, made.call_hash))
		return err_set(ctx, ERR_INTERNAL, "", "this program cannot keep answers");
	*call_out = made;
	return OK;
}

/* ---- the row ---- */

struct kept_in {
	const char *public_id;
	struct bytes key_hash, call_hash, sealed;
	struct uuid uuid;
	int64_t team_id, status;
};
static const struct col key_in[] = { COL(TEXT, struct kept_in, public_id),
	COL(BYTES, struct kept_in, key_hash) };
static const struct col landed_in[] = { COL(TEXT, struct kept_in, public_id),
	COL(BYTES, struct kept_in, key_hash), COL(UUID, struct kept_in, uuid) };
static const struct col insert_in[] = {
	COL(TEXT, struct kept_in, public_id),
	COL(BYTES, struct kept_in, key_hash),
	COL(UUID, struct kept_in, uuid),
	COL(BYTES, struct kept_in, call_hash),
	COL(INT, struct kept_in, team_id),
	COL(INT, struct kept_in, status),
	COL(BYTES, struct kept_in, sealed),
};
struct kept_row {
	struct uuid uuid;
	struct bytes call_hash, sealed;
	int64_t team_id, status;
	bool fresh;
};
static const struct col kept_out[] = {
	COL(UUID, struct kept_row, uuid),
	COL(BYTES, struct kept_row, call_hash),
	COL(INT, struct kept_row, team_id),
	COL(INT, struct kept_row, status),
	COL(BYTES, struct kept_row, sealed),
	COL(BOOL, struct kept_row, fresh),
};
struct count_row {
	int64_t n;
};
static const struct col count_out[] = { COL(INT, struct count_row, n) };

static const struct stmt kept_select = { "idempotency_find",
	"SELECT uuid, call_hash, team_id, status, answer_sealed, "
	"created_at >= UTC_TIMESTAMP(3) - INTERVAL 1 DAY FROM idempotency "
	"WHERE public_id = ? AND key_hash = ?",
	key_in, COL_N(key_in), kept_out, COL_N(kept_out) };
static const struct stmt kept_insert = { "idempotency_insert",
	"INSERT INTO idempotency (public_id, key_hash, uuid, call_hash, team_id, status, "
	"answer_sealed, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, UTC_TIMESTAMP(3))",
	insert_in, COL_N(insert_in), NULL, 0 };
static const struct stmt kept_expire = { "idempotency_expire",
	"DELETE FROM idempotency WHERE public_id = ? AND key_hash = ? "
	"AND created_at < UTC_TIMESTAMP(3) - INTERVAL 1 DAY",
	key_in, COL_N(key_in), NULL, 0 };
/* The lock waits for a transaction that may still be on its way to the end. */
static const struct stmt kept_landed = { "idempotency_landed",
	"SELECT COUNT(*) FROM idempotency WHERE public_id = ? AND key_hash = ? AND uuid = ? "
	"LOCK IN SHARE MODE",
	landed_in, COL_N(landed_in), count_out, COL_N(count_out) };

/* Bound, never written to. */
static struct bytes
bytes_of(const unsigned char digest[CRYPT_SHA256_SIZE])
{
	return (struct bytes){ (unsigned char *)(uintptr_t)digest, CRYPT_SHA256_SIZE };
}

static struct kept_in
in_of(const struct idempotency_call *call)
{
	return (struct kept_in){ .public_id = call->public_id,
		.key_hash = bytes_of(call->key_hash),
		.call_hash = bytes_of(call->call_hash) };
}

static struct seal_context
context_of(const struct uuid *uuid, int64_t team_id)
{
	return (struct seal_context){ .table = "idempotency",
		.row = *uuid,
		.field = "answer",
		.team_id = team_id };
}

/* ---- reading ---- */

static enum err
take_row(struct store *store, const struct idempotency_call *call, const struct kept_row *row,
    struct idempotency_answer *answer_out, struct errctx *ctx)
{
	const struct seal_context context = context_of(&row->uuid, row->team_id);
	struct secret data = { 0 };

	if (row->call_hash.len != CRYPT_SHA256_SIZE ||
	    !crypt_equal(row->call_hash.data, call->call_hash, CRYPT_SHA256_SIZE))
		return err_set(ctx, ERR_RULE, "Idempotency-Key",
		    "this key came with another query or body before");
	enum err err = store_open(store, &context, &row->sealed, &data, ctx);
	if (!err)
		*answer_out = (struct idempotency_answer){ (int)row->status, data };
	return err;
}

enum err
idempotency_find(struct store *store, const struct idempotency_call *call,
    struct idempotency_answer *answer_out, struct errctx *ctx)
{
	const struct kept_in in = in_of(call);
	struct kept_row row = { 0 };
	enum err err = stmt_one(store->db, &kept_select, &in, &row, ctx);

	if (err)
		return err;
	if (row.fresh)
		err = take_row(store, call, &row, answer_out, ctx);
	else if (!(err = stmt_run(store->db, &kept_expire, &in, NULL, ctx)))
		err = ERR_NOT_FOUND;
	stmt_row_free(&kept_select, &row);
	return err;
}

/* ---- keeping ---- */

struct keeping {
	struct store *store;
	const struct idempotency_call *call;
	idempotency_body_fn body;
	void *arg;
	struct uuid uuid;
};

static enum err
keep_answer(struct keeping *keeping, const struct idempotency_answer *answer, struct errctx *ctx)
{
	struct store *store = keeping->store;
	const struct seal_context context = context_of(&keeping->uuid, store->written_team_id);
	struct kept_in in = in_of(keeping->call);

	if (!context.team_id)
		return err_set(ctx, ERR_INTERNAL, "", "a call that creates named no team");
	in.uuid = keeping->uuid;
	in.team_id = context.team_id;
	in.status = answer->status;
	enum err err =
	    store_seal(store, &context, answer->data.data, answer->data.len, &in.sealed, ctx);
	if (!err)
		err = stmt_run(store->db, &kept_insert, &in, NULL, ctx);
	free(in.sealed.data);
	return err;
}

static enum err
once_body(struct db *db, void *arg, struct errctx *ctx)
{
	struct keeping *keeping = arg;
	struct idempotency_answer answer = { 0 };
	(void)db;

	keeping->store->written_team_id = 0;
	enum err err = keeping->body(keeping->arg, &answer, ctx);
	if (!err)
		err = keep_answer(keeping, &answer, ctx);
	idempotency_answer_free(&answer);
	return err;
}

static enum err
once_landed(struct db *db, void *arg, bool *landed_out, struct errctx *ctx)
{
	const struct keeping *keeping = arg;
	struct kept_in in = in_of(keeping->call);
	struct count_row row = { 0 };

	in.uuid = keeping->uuid;
	enum err err = stmt_one(db, &kept_landed, &in, &row, ctx);
	*landed_out = row.n > 0;
	return err;
}

enum err
idempotency_once(struct store *store, const struct idempotency_call *call, idempotency_body_fn body,
    void *arg, struct errctx *ctx)
{
	struct keeping keeping = { store, call, body, arg, { { 0 } } };

	uuid_make(&keeping.uuid);
	return db_transaction_around(store->db, once_body, once_landed, &keeping, ctx);
}
