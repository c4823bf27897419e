/* SPDX-License-Identifier: Apache-2.0 */
/* Sealing what needs the old master key to the current one: private halves of team keys, secrets of
 * client registrations. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/crypt.h"
#include "store/master_key.h"

#define BATCH 64
#define TEXT_OF(name) #name
#define NUMBER(macro) TEXT_OF(macro)

struct row {
	const char *old, *current;
	int64_t mark, team_id, generation, destroyed_at, n;
	struct uuid uuid;
	struct bytes public_key, signature, was, sealed;
};
#define IO(type, member) COL(type, struct row, member)

struct work {
	struct store *store;
	struct master_reseal *reseal;
	struct master_keys keys;
};

static void
note_moved(const struct work *work, int64_t affected)
{
	work->reseal->moved += affected;
	if (affected && work->reseal->progress)
		work->reseal->progress(work->reseal);
}

static void
note_damaged(const struct work *work, const char *table, const char *row, const char *field,
    int64_t team_id)
{
	if (!work->reseal->damaged++)
		snprintf(work->reseal->first, sizeof(work->reseal->first), "%s %s", table, row);
	store_note_damage(work->store, table, row, field, team_id);
	store_report_damage(work->store);
}

/* ---- team keys ---- */

static const struct col teams_in[] = { IO(TEXT, old), IO(INT, team_id), IO(INT, team_id),
	IO(INT, generation) };
static const struct col teams_out[] = { IO(INT, team_id), IO(INT, generation),
	IO(BYTES, public_key), IO(BYTES, signature), IO(BYTES, was), IO(TIME, destroyed_at) };
static const struct stmt teams = { "master_reseal_teams",
	"SELECT team_id, generation, public_key, signature, private_sealed, destroyed_at FROM "
	"team_key WHERE master_key_id = ? AND (team_id > ? OR (team_id = ? AND generation > ?)) "
	"ORDER BY team_id, generation LIMIT " NUMBER(BATCH),
	teams_in, COL_N(teams_in), teams_out, COL_N(teams_out) };
static const struct col team_in[] = { IO(BYTES, sealed), IO(TEXT, current), IO(INT, team_id),
	IO(INT, generation), IO(TEXT, old), IO(BYTES, was) };
static const struct stmt move_team = { "master_reseal_team",
	"UPDATE team_key SET private_sealed = ?, master_key_id = ? WHERE team_id = ? AND "
	"generation = ? AND master_key_id = ? AND private_sealed = ?",
	team_in, COL_N(team_in), NULL, 0 };

/* The row's key with its private half sealed to the current master key. */
static enum err
reseal_team_key(const struct work *work, const struct row *row, struct team_key *key,
    struct errctx *ctx)
{
	*key =
	    (struct team_key){ .team_id = row->team_id, .generation = (uint32_t)row->generation };
	if (row->public_key.len != sizeof(key->public_key) ||
	    row->signature.len != sizeof(key->signature))
		return ERR_INTEGRITY;
	memcpy(key->public_key, row->public_key.data, sizeof(key->public_key));
	memcpy(key->signature, row->signature.data, sizeof(key->signature));
	memcpy(key->master_key_id, work->keys.old, sizeof(key->master_key_id));
	key->private_sealed = (unsigned char *)xmemdup0(row->was.data, row->was.len);
	key->private_sealed_len = row->was.len;
	return keyring_team_key_reseal(work->store->keyring, key, ctx);
}

/* Of a team whose keys were destroyed there is nothing to be moved but the name of the key. */
static enum err
move_team_key(const struct work *work, struct row *row, struct errctx *ctx)
{
	auto_team_key struct team_key key = { 0 };
	int64_t affected = 0;
	enum err err = OK;

	row->old = work->keys.old;
	row->current = work->keys.current;
	row->sealed = row->was;
	if (!row->destroyed_at) {
		err = reseal_team_key(work, row, &key, ctx);
		row->sealed = (struct bytes){ key.private_sealed, key.private_sealed_len };
	}
	if (!err)
		err = stmt_run(work->store->db, &move_team, row, &affected, ctx);
	row->sealed = (struct bytes){ 0 };
	note_moved(work, affected);
	if (err != ERR_INTEGRITY && err != ERR_GONE)
		return err;
	char name[48];
	err_clear(ctx);
	snprintf(name, sizeof(name), "%lld:%lld", (long long)row->team_id,
	    (long long)row->generation);
	note_damaged(work, "team_key", name, "private", row->team_id);
	return OK;
}

/* ---- secrets of client registrations ---- */

static const struct col clients_in[] = { IO(INT, mark), IO(UUID, uuid), IO(UUID, uuid) };
static const struct col clients_out[] = { IO(UUID, uuid), IO(BYTES, was) };
static const struct stmt clients = { "master_reseal_clients",
	"SELECT uuid, secret_sealed FROM app_client WHERE master_mark = ? AND (? IS NULL OR "
	"uuid > ?) ORDER BY uuid LIMIT " NUMBER(BATCH),
	clients_in, COL_N(clients_in), clients_out, COL_N(clients_out) };
static const struct col client_in[] = { IO(BYTES, sealed), IO(UUID, uuid), IO(BYTES, was) };
static const struct stmt move_client_row = { "master_reseal_client",
	"UPDATE app_client SET secret_sealed = ? WHERE uuid = ? AND secret_sealed = ?", client_in,
	COL_N(client_in), NULL, 0 };

/* What was sealed is opened again before it takes the place of what was there. */
static enum err
reseal_secret(const struct work *work, struct row *row, struct errctx *ctx)
{
	const struct seal_context context = { .table = "app_client",
		.row = row->uuid,
		.field = "secret" };
	const struct keyring *keyring = work->store->keyring;
	auto_secret struct secret plain = { 0 }, again = { 0 };
	enum err err =
	    seal_master_open(keyring, &context, row->was.data, row->was.len, &plain, ctx);

	if (!err)
		err = seal_master_value(keyring, &context, plain.data, plain.len, &row->sealed.data,
		    &row->sealed.len, ctx);
	if (!err)
		err = seal_master_open(keyring, &context, row->sealed.data, row->sealed.len, &again,
		    ctx);
	if (!err && (again.len != plain.len || !crypt_equal(again.data, plain.data, plain.len)))
		err = err_set(ctx, ERR_INTEGRITY, "", "what was sealed again differs");
	return err;
}

static enum err
move_client(const struct work *work, struct row *row, struct errctx *ctx)
{
	char name[UUID_TEXT_SIZE];
	int64_t affected = 0;
	enum err err = reseal_secret(work, row, ctx);

	if (!err)
		err = stmt_run(work->store->db, &move_client_row, row, &affected, ctx);
	free(row->sealed.data);
	row->sealed = (struct bytes){ 0 };
	note_moved(work, affected);
	if (err != ERR_INTEGRITY)
		return err;
	err_clear(ctx);
	uuid_text(&row->uuid, name);
	note_damaged(work, "app_client", name, "secret", 0);
	return OK;
}

/* ---- all ---- */

static const struct col count_in[] = { IO(TEXT, old), IO(INT, mark) };
static const struct col count_out[] = { IO(INT, n) };
static const struct stmt count = { "master_reseal_count",
	"SELECT (SELECT COUNT(*) FROM team_key WHERE master_key_id = ?) + "
	"(SELECT COUNT(*) FROM app_client WHERE master_mark = ?)",
	count_in, COL_N(count_in), count_out, COL_N(count_out) };

/* Every row that `next` finds, in the order of its key, a batch at a time. */
static enum err
move_all(const struct work *work, const struct stmt *next,
    enum err (*move)(const struct work *work, struct row *row, struct errctx *ctx),
    struct errctx *ctx)
{
	struct row find = { .old = work->keys.old, .mark = keyring_master_mark(work->keys.old) };
	enum err err;
	size_t n;

	do {
		void *rows = NULL;

		n = 0;
		err = stmt_all(work->store->db, next, &find, sizeof(find), &rows, &n, ctx);
		for (size_t i = 0; i < n && !err; i++) {
			struct row *row = (struct row *)rows + i;

			err = move(work, row, ctx);
			find.team_id = row->team_id;
			find.generation = row->generation;
			find.uuid = row->uuid;
		}
		stmt_rows_free(next, sizeof(find), &rows, n);
	} while (!err && n == BATCH);
	return err;
}

enum err
master_key_reseal(struct store *store, struct master_reseal *reseal, struct errctx *ctx)
{
	struct work work = { .store = store, .reseal = reseal };
	struct row row = { 0 };
	enum err err = master_keys_read(store, &work.keys, ctx);

	if (err || !work.keys.old[0])
		return err;
	row.old = work.keys.old;
	row.mark = keyring_master_mark(work.keys.old);
	err = stmt_one(store->db, &count, &row, &row, ctx);
	reseal->total = reseal->moved + row.n;
	reseal->damaged = 0;
	if (!err)
		err = move_all(&work, &teams, move_team_key, ctx);
	return err ? err : move_all(&work, &clients, move_client, ctx);
}
