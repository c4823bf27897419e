/* SPDX-License-Identifier: Apache-2.0 */
/* What every program makes sure of at start: schema version, and that it has the right keys. */
#include <string.h>

#include "store/master_key.h"
#include "store/store.h"

struct version_row {
	int64_t version;
	bool changing; /* store/migrate.c is at it, or has broken off */
};
static const struct col version_out[] = { COL(INT, struct version_row, version),
	COL(BOOL, struct version_row, changing) };
static const struct stmt version_select = { "schema_version",
	"SELECT COALESCE(MAX(version), 0), COALESCE(MIN(version) = 0, FALSE) FROM schema_version",
	NULL, 0, version_out, COL_N(version_out) };

/* ---- check values ---- */

struct check_row {
	char *kind, *key_id;
	struct bytes public_key, proof;
};
static const struct col check_out[] = {
	COL(TEXT, struct check_row, kind),
	COL(TEXT, struct check_row, key_id),
	COL(BYTES, struct check_row, public_key),
	COL(BYTES, struct check_row, proof),
};
static const struct stmt check_select = { "install_check",
	"SELECT kind, key_id, public_key, proof FROM install_check", NULL, 0, check_out,
	COL_N(check_out) };

/* ERR_CONFIG when it is none at all. */
static enum err
read_check(const struct check_row *row, struct key_check *to, struct errctx *ctx)
{
	struct key_check check = { .proof_len = row->proof.len };

	if (row->public_key.len != sizeof(check.public_key) ||
	    row->proof.len > sizeof(check.proof) || strlen(row->kind) >= sizeof(check.kind) ||
	    strlen(row->key_id) >= sizeof(check.key_id))
		return err_set(ctx, ERR_CONFIG, "", "the check value of key %s %s is damaged",
		    row->kind, row->key_id);
	memcpy(check.kind, row->kind, strlen(row->kind));
	memcpy(check.key_id, row->key_id, strlen(row->key_id));
	memcpy(check.public_key, row->public_key.data, row->public_key.len);
	memcpy(check.proof, row->proof.data, row->proof.len);
	*to = check;
	return OK;
}

static enum err
verify_check(const struct store *store, const struct check_row *row, struct errctx *ctx)
{
	struct key_check check;
	enum err err = read_check(row, &check, ctx);

	return err ? err : keyring_verify_check(store->keyring, &check, ctx);
}

/* ---- master keys ---- */

struct master_row {
	struct check_row check;
	char *state;
	int64_t generation;
	struct bytes signature;
};
#define MASTER(type, member) COL(type, struct master_row, member)
static const struct col master_out[] = { MASTER(TEXT, check.kind), MASTER(TEXT, check.key_id),
	MASTER(BYTES, check.public_key), MASTER(BYTES, check.proof), MASTER(TEXT, state),
	MASTER(INT, generation), MASTER(BYTES, signature) };
static const struct stmt master_select = { "master_key_check",
	"SELECT 'master', key_id, public_key, proof, state, generation, signature FROM master_key "
	"ORDER BY generation",
	NULL, 0, master_out, COL_N(master_out) };

/* The first may be from before they were signed. */
static enum err
verify_signature(const struct store *store, const struct master_row *row,
    const struct key_check *check, struct errctx *ctx)
{
	unsigned char signature[KEY_SIGNATURE_SIZE] = { 0 };

	if (row->generation == 1 && !row->signature.data)
		return OK;
	if (row->signature.len == sizeof(signature))
		memcpy(signature, row->signature.data, sizeof(signature));
	return keyring_check_master(store->keyring, check, (uint32_t)row->generation, signature,
	    ctx);
}

/* One that is announced need not be held yet: nothing is sealed to it. */
static enum err
verify_master(struct store *store, const struct master_row *row, bool *current_out,
    struct errctx *ctx)
{
	const bool current = strcmp(row->state, MASTER_CURRENT) == 0;
	struct key_check check;
	enum err err = read_check(&row->check, &check, ctx);

	if (!err)
		err = verify_signature(store, row, &check, ctx);
	if (!err && strcmp(row->state, MASTER_NEXT) == 0 &&
	    !keyring_holds_master(store->keyring, check.key_id))
		return OK;
	if (!err)
		err = keyring_verify_check(store->keyring, &check, ctx);
	if (!err && current)
		err = keyring_use_master(store->keyring, check.key_id, ctx);
	*current_out = *current_out || current;
	return err;
}

static enum err
check_masters(struct store *store, struct errctx *ctx)
{
	void *rows = NULL;
	bool current = false;
	size_t n = 0;

	if (!keyring_master_at(store->keyring, 0))
		return OK; /* the public pool: it may not even read them */
	enum err err =
	    stmt_all(store->db, &master_select, NULL, sizeof(struct master_row), &rows, &n, ctx);
	for (size_t i = 0; i < n && !err; i++)
		err = verify_master(store, (struct master_row *)rows + i, &current, ctx);
	if (!err && !current)
		err = err_set(ctx, ERR_CONFIG, "",
		    "the database knows no master key that is in use; restore it from its backup");
	stmt_rows_free(&master_select, sizeof(struct master_row), &rows, n);
	return err;
}

/* ---- all of it ---- */

enum err
store_check_schema(struct store *store, struct errctx *ctx)
{
	struct version_row row = { 0 };
	enum err err = stmt_one(store->db, &version_select, NULL, &row, ctx);

	if (err == ERR_INTERNAL) { /* no such table: nobody has migrated yet */
		err_clear(ctx);
		return err_set(ctx, ERR_CONFIG, "",
		    "the database has no schema; run: baileectl migrate");
	}
	if (!err && row.changing)
		return err_set(ctx, ERR_CONFIG, "",
		    "a migration of the database is at work or has broken off; run: baileectl "
		    "migrate");
	if (!err && row.version != STORE_SCHEMA_VERSION)
		return err_set(ctx, ERR_CONFIG, "",
		    "the database has schema version %lld, this program is made for %d; %s",
		    (long long)row.version, STORE_SCHEMA_VERSION,
		    row.version < STORE_SCHEMA_VERSION ? "run: baileectl migrate"
						       : "install the newer programs");
	return err;
}

enum err
store_check(struct store *store, struct errctx *ctx)
{
	void *rows = NULL;
	size_t n = 0;
	enum err err = store_check_schema(store, ctx);

	if (!err)
		err = stmt_all(store->db, &check_select, NULL, sizeof(struct check_row), &rows, &n,
		    ctx);
	if (!err && n == 0)
		err = err_set(ctx, ERR_CONFIG, "",
		    "the database knows no installation keys; run: baileectl init");
	for (size_t i = 0; i < n && !err; i++)
		err = verify_check(store, (struct check_row *)rows + i, ctx);
	stmt_rows_free(&check_select, sizeof(struct check_row), &rows, n);
	return err ? err : check_masters(store, ctx);
}
