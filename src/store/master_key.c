/* SPDX-License-Identifier: Apache-2.0 */
/* The master keys that the database knows, and the steps of replacing one. */
#include "store/master_key.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "store/key_holder.h"

struct key_io {
	const char *key_id;
	char *id, *state;
	int64_t mark, generation, got;
	struct bytes public_key, proof, signature;
};
#define IO(type, member) COL(type, struct key_io, member)

static const struct col id_in[] = { IO(TEXT, key_id) };
static const struct col state_out[] = { IO(TEXT, id), IO(TEXT, state), IO(INT, generation) };
#define STATES "SELECT key_id, state, generation FROM master_key ORDER BY generation"
static const struct stmt states = { "master_key_states", STATES, NULL, 0, state_out,
	COL_N(state_out) };
static const struct stmt states_lock = { "master_key_lock", STATES " FOR UPDATE", NULL, 0,
	state_out, COL_N(state_out) };

/* ---- which there are ---- */

static void
copy_id(const struct key_io *row, const char *state, char out[KEY_ID_SIZE])
{
	if (strcmp(row->state, state) == 0)
		snprintf(out, KEY_ID_SIZE, "%.16s", row->id);
}

/* With the newest generation; as the last word where `lock` is the statement. */
static enum err
read_keys(struct store *store, const struct stmt *stmt, struct master_keys *keys_out,
    int64_t *newest_out, struct errctx *ctx)
{
	struct master_keys keys = { 0 };
	void *rows = NULL;
	size_t n = 0;
	enum err err = stmt_all(store->db, stmt, NULL, sizeof(struct key_io), &rows, &n, ctx);

	if (err)
		return err;
	*newest_out = 0;
	for (size_t i = 0; i < n; i++) {
		const struct key_io *row = (struct key_io *)rows + i;

		copy_id(row, MASTER_NEXT, keys.next);
		copy_id(row, MASTER_CURRENT, keys.current);
		copy_id(row, MASTER_OLD, keys.old);
		*newest_out = row->generation;
	}
	stmt_rows_free(stmt, sizeof(struct key_io), &rows, n);
	*keys_out = keys;
	return OK;
}

enum err
master_keys_read(struct store *store, struct master_keys *keys_out, struct errctx *ctx)
{
	int64_t newest;

	return read_keys(store, &states, keys_out, &newest, ctx);
}

/* For the rest of the transaction: nobody else changes one, and no process joins. */
static enum err
lock_keys(struct store *store, struct master_keys *keys_out, int64_t *newest_out,
    struct errctx *ctx)
{
	return read_keys(store, &states_lock, keys_out, newest_out, ctx);
}

static const struct col got_out[] = { IO(INT, got) };
static const struct stmt reserve = { "master_key_reserve",
	"SELECT GET_LOCK(CONCAT(DATABASE(), '.master_key'), 0)", NULL, 0, got_out, COL_N(got_out) };

enum err
master_key_reserve(struct store *store, struct errctx *ctx)
{
	struct key_io row = { 0 };
	enum err err = stmt_one(store->db, &reserve, NULL, &row, ctx);

	return err || row.got ? err
			      : err_set(ctx, ERR_RULE, "",
				    "another baileectl is at the master key; wait for it");
}

/* ---- a new one ---- */

static const struct col insert_in[] = { IO(TEXT, key_id), IO(INT, mark), IO(INT, generation),
	IO(TEXT, state), IO(BYTES, public_key), IO(BYTES, proof), IO(BYTES, signature) };
static const struct stmt insert = { "master_key_insert",
	"INSERT INTO master_key (key_id, mark, generation, state, public_key, proof, signature) "
	"VALUES (?, ?, ?, ?, ?, ?, ?)",
	insert_in, COL_N(insert_in), NULL, 0 };

/* The key that the keyring seals to. */
static enum err
insert_used(struct store *store, int64_t generation, const char *state, struct errctx *ctx)
{
	unsigned char signature[KEY_SIGNATURE_SIZE];
	char in_state[16];
	struct key_check check;
	enum err err = keyring_make_check(store->keyring, KEY_MASTER, &check, ctx);

	if (!err)
		err = keyring_sign_master(store->keyring, &check, (uint32_t)generation, signature,
		    ctx);
	if (err)
		return err;
	snprintf(in_state, sizeof(in_state), "%s", state);
	const struct key_io in = { .key_id = check.key_id,
		.mark = keyring_master_mark(check.key_id),
		.generation = generation,
		.state = in_state,
		.public_key = { check.public_key, sizeof(check.public_key) },
		.proof = { check.proof, check.proof_len },
		.signature = { signature, sizeof(signature) } };
	return stmt_run(store->db, &insert, &in, NULL, ctx);
}

enum err
master_key_first_in(struct store *store, struct errctx *ctx)
{
	return insert_used(store, 1, MASTER_CURRENT, ctx);
}

static void
name_subject(struct audit_entry *audit, const char *key_id)
{
	snprintf(audit->subject, sizeof(audit->subject), "master:%.16s", key_id);
}

static enum err
insert_next(struct store *store, const char *key_id, const char *current, int64_t generation,
    struct errctx *ctx)
{
	enum err err = keyring_use_master(store->keyring, key_id, ctx);

	if (err)
		return err;
	err = insert_used(store, generation, MASTER_NEXT, ctx);
	enum err back = keyring_use_master(store->keyring, current, err ? NULL : ctx);
	return err ? err : back;
}

static enum err
announce_body(struct store *store, void *arg, struct audit_entry *audit, struct errctx *ctx)
{
	const char *key_id = arg;
	struct master_keys keys;
	int64_t newest = 0;
	enum err err = lock_keys(store, &keys, &newest, ctx);

	name_subject(audit, key_id);
	if (!err && (keys.next[0] || keys.old[0]))
		err = err_set(ctx, ERR_RULE, "", "a rotation to master key %s is under way",
		    keys.next[0] ? keys.next : keys.current);
	return err ? err : insert_next(store, key_id, keys.current, newest + 1, ctx);
}

enum err
master_key_announce(struct store *store, const char *key_id, struct errctx *ctx)
{
	struct audit_entry audit = { .event = "keys.announce", .actor = "ctl" };
	char id[KEY_ID_SIZE];

	snprintf(id, sizeof(id), "%.16s", key_id);
	return store_write(store, &audit, announce_body, id, ctx);
}

/* ---- no, not that one ---- */

static const struct stmt forget_next = { "master_key_cancel",
	"DELETE FROM master_key WHERE key_id = ? AND state = '" MASTER_NEXT "'", id_in,
	COL_N(id_in), NULL, 0 };

static enum err
cancel_body(struct store *store, void *arg, struct audit_entry *audit, struct errctx *ctx)
{
	struct master_keys keys;
	int64_t newest;
	enum err err = lock_keys(store, &keys, &newest, ctx);
	(void)arg;

	if (err)
		return err;
	if (keys.old[0])
		return err_set(ctx, ERR_RULE, "",
		    "master key %s is in use by now: --finish the rotation, and begin another",
		    keys.current);
	if (!keys.next[0])
		return err_set(ctx, ERR_RULE, "", "no rotation of the master key is under way");
	name_subject(audit, keys.next);
	return stmt_run(store->db, &forget_next, &(struct key_io){ .key_id = keys.next }, NULL,
	    ctx);
}

enum err
master_key_cancel(struct store *store, struct errctx *ctx)
{
	struct audit_entry audit = { .event = "keys.cancel", .actor = "ctl" };

	return store_write(store, &audit, cancel_body, NULL, ctx);
}

/* ---- using it ---- */

#define NAMED_MOST 4 /* of those that lack it */

static enum err
check_holders(struct store *store, const char *key_id, struct errctx *ctx)
{
	struct key_holder_row *rows = NULL;
	auto_buf struct buf names = BUF_INIT(200);
	size_t n = 0, lacking = 0;
	enum err err = key_holders_list(store, &rows, &n, ctx);

	for (size_t i = 0; i < n; i++)
		if (!key_holder_has(&rows[i], key_id) && lacking++ < NAMED_MOST)
			buf_printf(&names, "%s%s %lld on %.40s", lacking > 1 ? ", " : "",
			    rows[i].program, (long long)rows[i].pid, rows[i].host);
	key_holders_free(&rows, n);
	if (err || !lacking)
		return err;
	return err_set(ctx, ERR_RULE, "",
	    "%zu of %zu processes do not hold master key %s yet: %s%s; copy master_key_file there, "
	    "restart them, and look with: baileectl keys holders",
	    lacking, n, key_id, buf_text(&names), lacking > NAMED_MOST ? ", ..." : "");
}

static const struct stmt move_on = { "master_key_switch",
	"UPDATE master_key SET state = IF(state = '" MASTER_NEXT "', '" MASTER_CURRENT
	"', '" MASTER_OLD "')",
	NULL, 0, NULL, 0 };

/* A process that joins has this lock in common with others, and reads the states after it: it is in
 * the list, or it learns that it needs the new key. */
static enum err
switch_body(struct store *store, void *arg, struct audit_entry *audit, struct errctx *ctx)
{
	struct master_keys *keys = arg;
	int64_t newest;
	enum err err = lock_keys(store, keys, &newest, ctx);

	if (!err && !keys->next[0])
		err = err_set(ctx, ERR_RULE, "", "no master key has been announced");
	if (!err && !keyring_holds_master(store->keyring, keys->next))
		err = err_set(ctx, ERR_CONFIG, "",
		    "master key %s is not in the key file here; copy it from where the rotation "
		    "was begun",
		    keys->next);
	if (!err)
		err = check_holders(store, keys->next, ctx);
	name_subject(audit, keys->next);
	return err ? err : stmt_run(store->db, &move_on, NULL, NULL, ctx);
}

enum err
master_key_switch(struct store *store, struct errctx *ctx)
{
	struct audit_entry audit = { .event = "keys.rotate", .actor = "ctl" };
	struct master_keys keys = { 0 };
	enum err err = store_write(store, &audit, switch_body, &keys, ctx);

	return err ? err : keyring_use_master(store->keyring, keys.next, ctx);
}

/* ---- the end of the old one ---- */

static const struct stmt forget_old = { "master_key_retire",
	"DELETE FROM master_key WHERE key_id = ? AND state = '" MASTER_OLD "'", id_in, COL_N(id_in),
	NULL, 0 };

static enum err
retire_body(struct store *store, void *arg, struct audit_entry *audit, struct errctx *ctx)
{
	struct master_keys keys;
	int64_t newest;
	enum err err = lock_keys(store, &keys, &newest, ctx);
	(void)arg;

	name_subject(audit, keys.old);
	return err ? err
		   : stmt_run(store->db, &forget_old, &(struct key_io){ .key_id = keys.old }, NULL,
			 ctx);
}

enum err
master_key_retire(struct store *store, bool *retired_out, struct errctx *ctx)
{
	struct audit_entry audit = { .event = "keys.retire", .actor = "ctl" };
	enum err err = store_write(store, &audit, retire_body, NULL, ctx);

	*retired_out = !err;
	if (err == ERR_RULE) { /* a foreign key: a value needs it */
		err_clear(ctx);
		err = OK;
	}
	return err;
}
