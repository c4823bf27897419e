/* SPDX-License-Identifier: Apache-2.0 */
/* One way to write, one way to seal and open, and the checks at start. */
#include "store/store.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/doorbell.h"
#include "base/log.h"

/* ---- audit rows, and transactions that end with one ---- */

struct audit_in {
	struct uuid id;
	const char *event, *outcome, *actor, *address, *subject, *request_id;
	int64_t person_id, team_id, count;
};
static const struct col audit_in[] = {
	COL(UUID, struct audit_in, id),
	COL(TEXT, struct audit_in, event),
	COL(TEXT, struct audit_in, outcome),
	COL(TEXT, struct audit_in, actor),
	COL(INT0, struct audit_in, person_id),
	COL(TEXT, struct audit_in, address),
	COL(INT0, struct audit_in, team_id),
	COL(TEXT, struct audit_in, subject),
	COL(INT, struct audit_in, count),
	COL(TEXT, struct audit_in, request_id),
};
static const struct stmt audit_insert = { "audit_insert",
	"INSERT INTO audit (id, at, event, outcome, actor, person_id, address, team_id, subject, "
	"count, request_id) "
	"VALUES (?, UTC_TIMESTAMP(3), ?, ?, ?, ?, ?, ?, ?, ?, ?)",
	audit_in, COL_N(audit_in), NULL, 0 };

struct landed_row {
	int64_t n;
};
static const struct col found_in[] = { COL(UUID, struct audit_in, id) };
static const struct col found_out[] = { COL(INT, struct landed_row, n) };
/* The lock waits for a transaction that may still be on its way to the end. */
static const struct stmt audit_find = { "audit_find",
	"SELECT COUNT(*) FROM audit WHERE id = ? LOCK IN SHARE MODE", found_in, COL_N(found_in),
	found_out, COL_N(found_out) };

static enum err
audit_insert_as(struct store *store, const struct uuid *id, const struct audit_entry *audit,
    struct errctx *ctx)
{
	const struct audit_in in = {
		.id = *id,
		.event = audit->event,
		.outcome = audit->failed ? "failed" : "ok",
		.actor = audit->actor,
		.address = audit->address,
		.subject = audit->subject,
		.request_id = audit->request_id,
		.person_id = audit->person_id,
		.team_id = audit->team_id,
		.count = audit->count ? audit->count : 1,
	};

	return stmt_run(store->db, &audit_insert, &in, NULL, ctx);
}

enum err
audit_add(struct store *store, const struct audit_entry *audit, struct errctx *ctx)
{
	struct uuid id;

	uuid_make_ordered(&id);
	return audit_insert_as(store, &id, audit, ctx);
}

struct writing {
	struct store *store;
	struct audit_entry *audit;
	store_body_fn body;
	void *arg;
	struct uuid mark;
};

static enum err
write_body(struct db *db, void *arg, struct errctx *ctx)
{
	struct writing *writing = arg;
	(void)db;

	enum err err = writing->body(writing->store, writing->arg, writing->audit, ctx);
	if (!err)
		writing->store->written_team_id = writing->audit->team_id;
	return err ? err : audit_insert_as(writing->store, &writing->mark, writing->audit, ctx);
}

static enum err
write_landed(struct db *db, void *arg, bool *landed_out, struct errctx *ctx)
{
	struct writing *writing = arg;
	struct landed_row row = { 0 };
	enum err err =
	    stmt_one(db, &audit_find, &(struct audit_in){ .id = writing->mark }, &row, ctx);

	*landed_out = row.n > 0;
	return err;
}

enum err
store_write(struct store *store, struct audit_entry *audit, store_body_fn body, void *arg,
    struct errctx *ctx)
{
	struct writing writing = { store, audit, body, arg, { { 0 } } };

	uuid_make_ordered(&writing.mark);
	return db_transaction(store->db, write_body, write_landed, &writing, ctx);
}

/* ---- what the database should never have held ---- */

void
store_note_damage(struct store *store, const char *table, const char *row, const char *field,
    int64_t team_id)
{
	log_error(LOG_EVENT("integrity_error"), LOG_S("table", table), LOG_S("row", row),
	    LOG_S("field", field), LOG_I("team", team_id));
	if (store->n_damage < STORE_DAMAGE_MAX) {
		struct store_damage *damage = &store->damage[store->n_damage++];

		snprintf(damage->subject, sizeof(damage->subject), "%.24s:%s", table, row);
		damage->team_id = team_id;
	}
}

void
store_note_damaged_row(struct store *store, const char *table, const struct uuid *row,
    const char *field, int64_t team_id)
{
	char text[UUID_TEXT_SIZE];

	uuid_text(row, text);
	store_note_damage(store, table, text, field, team_id);
}

/* Somebody who writes to the database may try to have values sealed to a key of his own. */
static void
note_damaged_key(struct store *store, int64_t team_id, int64_t generation)
{
	char row[48];

	snprintf(row, sizeof(row), "%lld:%lld", (long long)team_id, (long long)generation);
	store_note_damage(store, "team_key", row, "signature", team_id);
}

/* ---- team keys and sealed values ---- */

struct team_key_in {
	int64_t team_id, generation; /* generation 0: the current one */
};
struct team_key_row {
	int64_t generation, destroyed_at;
	struct bytes public_key, signature, private_sealed;
	char *master_key_id;
};
static const struct col team_key_in[] = { COL(INT, struct team_key_in, team_id),
	COL(INT0, struct team_key_in, generation) };
static const struct col team_key_out[] = {
	COL(INT, struct team_key_row, generation),
	COL(BYTES, struct team_key_row, public_key),
	COL(BYTES, struct team_key_row, signature),
	COL(BYTES, struct team_key_row, private_sealed),
	COL(TEXT, struct team_key_row, master_key_id),
	COL(TIME, struct team_key_row, destroyed_at),
};
static const struct stmt team_key_select = { "team_key_select",
	"SELECT k.generation, k.public_key, k.signature, k.private_sealed, k.master_key_id, "
	"k.destroyed_at FROM team t JOIN team_key k ON k.team_id = t.id WHERE t.id = ? AND "
	"k.generation = COALESCE(?, NULLIF(t.key_generation, 0), (SELECT MAX(d.generation) FROM "
	"team_key d WHERE d.team_id = t.id AND d.destroyed_at IS NOT NULL))",
	team_key_in, COL_N(team_key_in), team_key_out, COL_N(team_key_out) };

static enum err
row_to_key(const struct team_key_row *row, int64_t team_id, struct team_key *key,
    struct errctx *ctx)
{
	if (row->destroyed_at)
		return err_set(ctx, ERR_GONE, "",
		    "the keys of team %lld were destroyed: its secrets can never be read again",
		    (long long)team_id);
	if (row->public_key.len != sizeof(key->public_key) ||
	    row->signature.len != sizeof(key->signature))
		return err_set(ctx, ERR_INTEGRITY, "", "the key of team %lld is damaged",
		    (long long)team_id);
	*key = (struct team_key){ .team_id = team_id, .generation = (uint32_t)row->generation };
	memcpy(key->public_key, row->public_key.data, sizeof(key->public_key));
	memcpy(key->signature, row->signature.data, sizeof(key->signature));
	key->private_sealed =
	    (unsigned char *)xmemdup0(row->private_sealed.data, row->private_sealed.len);
	key->private_sealed_len = row->private_sealed.len;
	size_t len = strnlen(row->master_key_id, sizeof(key->master_key_id) - 1);
	memcpy(key->master_key_id, row->master_key_id, len);
	return OK;
}

static enum err
load_team_key(struct store *store, int64_t team_id, int64_t generation, struct team_key *key_out,
    struct errctx *ctx)
{
	struct team_key_row row = { 0 };
	enum err err = stmt_one(store->db, &team_key_select,
	    &(struct team_key_in){ team_id, generation }, &row, ctx);

	if (err == ERR_NOT_FOUND)
		return err_set(ctx, err, "", "no such team");
	if (!err) {
		err = row_to_key(&row, team_id, key_out, ctx);
		stmt_row_free(&team_key_select, &row);
	}
	if (!err && (err = generation ? keyring_team_key_verify(store->keyring, key_out, ctx)
				      : keyring_team_key_take(store->keyring, key_out, ctx)))
		team_key_free(key_out);
	if (err == ERR_INTEGRITY)
		note_damaged_key(store, team_id, row.generation);
	return err;
}

enum err
store_team_key(struct store *store, int64_t team_id, const struct team_key **key_out,
    struct errctx *ctx)
{
	struct team_key key = { 0 };
	enum err err = load_team_key(store, team_id, 0, &key, ctx);

	if (err)
		return err;
	team_key_free(&store->team_key);
	store->team_key = key;
	*key_out = &store->team_key;
	return OK;
}

enum err
store_seal(struct store *store, const struct seal_context *context, const void *data, size_t len,
    struct bytes *out, struct errctx *ctx)
{
	const struct team_key *key;
	enum err err = store_team_key(store, context->team_id, &key, ctx);

	return err ? err : seal_value(key, context, data, len, &out->data, &out->len, ctx);
}

void
store_ring(struct store *store)
{
	if (store->enqueued && store->doorbell)
		doorbell_ring(store->doorbell);
	store->enqueued = false;
}

void
store_report_damage(struct store *store)
{
	for (; store->n_damage; store->n_damage--) {
		const struct store_damage *damage = &store->damage[store->n_damage - 1];
		struct audit_entry audit = { .event = "integrity.error",
			.actor = "store",
			.team_id = damage->team_id,
			.failed = true };
		struct errctx ctx = { 0 };

		memcpy(audit.subject, damage->subject, sizeof(audit.subject));
		if (audit_add(store, &audit, &ctx))
			return; /* the database is away: it stays noted */
	}
}

enum err
store_open(struct store *store, const struct seal_context *context, const struct bytes *sealed,
    struct secret *out, struct errctx *ctx)
{
	struct team_key key = { 0 };
	uint32_t generation;
	enum err err = seal_open(store->keyring, context, sealed->data, sealed->len, out, NULL);

	if (err == ERR_NOT_FOUND) {
		err = seal_generation(sealed->data, sealed->len, &generation);
		if (!err)
			err = load_team_key(store, context->team_id, generation, &key, ctx);
		if (!err)
			err = keyring_team_key_open(store->keyring, &key, ctx);
		team_key_free(&key);
		if (!err)
			err = seal_open(store->keyring, context, sealed->data, sealed->len, out,
			    NULL);
	}
	if (err == ERR_INTEGRITY || err == ERR_NOT_FOUND) {
		err_clear(ctx);
		store_note_damaged_row(store, context->table, &context->row, context->field,
		    context->team_id);
		return err_set(ctx, ERR_INTEGRITY, "",
		    "a stored value does not open: it was changed, moved or sealed to a key that "
		    "is gone");
	}
	return err;
}

void
store_init(struct store *store, struct db *db, struct keyring *keyring)
{
	*store = (struct store){ .db = db, .keyring = keyring };
}

void
store_close(struct store *store)
{
	team_key_free(&store->team_key);
	db_close(&store->db);
	keyring_free(&store->keyring);
}
