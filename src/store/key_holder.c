/* SPDX-License-Identifier: Apache-2.0 */
/* Which processes are alive and which master keys they hold: a new one is used when all have it. */
#include "store/key_holder.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

#define BEAT_MS 10000
#define SILENT_S 60 /* besides what it may be busy: the database may have been away */

struct holder_io {
	struct uuid id;
	const char *program, *host, *master_keys;
	int64_t pid, alive_s;
};
#define IO(type, member) COL(type, struct holder_io, member)

/* The switch to a new key waits for this lock and has it to itself: see master_key_switch(). */
static const struct stmt lock_masters = { "key_holder_lock",
	"SELECT COUNT(*) FROM master_key LOCK IN SHARE MODE", NULL, 0,
	(const struct col[]){ IO(INT, pid) }, 1 };
static const struct col join_in[] = { IO(UUID, id), IO(TEXT, program), IO(TEXT, host), IO(INT, pid),
	IO(TEXT, master_keys), IO(INT, alive_s) };
static const struct stmt insert = { "key_holder_join",
	"INSERT INTO key_holder (id, program, host, pid, master_keys, started_at, seen_at, "
	"alive_until) VALUES (?, ?, LEFT(?, 255), ?, ?, UTC_TIMESTAMP(3), UTC_TIMESTAMP(3), "
	"UTC_TIMESTAMP(3) + INTERVAL ? SECOND)",
	join_in, COL_N(join_in), NULL, 0 };
static const struct col beat_in[] = { IO(INT, alive_s), IO(UUID, id) };
static const struct stmt beat = { "key_holder_beat",
	"UPDATE key_holder SET seen_at = UTC_TIMESTAMP(3), alive_until = UTC_TIMESTAMP(3) + "
	"INTERVAL ? SECOND WHERE id = ? AND alive_until > UTC_TIMESTAMP(3)",
	beat_in, COL_N(beat_in), NULL, 0 };
static const struct col leave_in[] = { IO(UUID, id) };
static const struct stmt leave = { "key_holder_leave", "DELETE FROM key_holder WHERE id = ?",
	leave_in, COL_N(leave_in), NULL, 0 };

static enum err
join_body(struct db *db, void *arg, struct errctx *ctx)
{
	struct holder_io count = { 0 };
	enum err err = stmt_one(db, &lock_masters, NULL, &count, ctx);

	return err ? err : stmt_run(db, &insert, arg, NULL, ctx);
}

enum err
key_holder_join(struct store *store, struct key_holder *holder, struct errctx *ctx)
{
	char host[256] = "", ids[KEYRING_MASTER_IDS_SIZE];
	struct holder_io in = { .program = holder->program,
		.host = host,
		.master_keys = ids,
		.pid = getpid(),
		.alive_s = holder->busy_s + SILENT_S };

	key_holder_leave(store, holder);
	gethostname(host, sizeof(host) - 1);
	keyring_master_ids(store->keyring, ids);
	/* the schema first: of an older database there is nothing to be said */
	enum err err = store_check(store, ctx);
	if (err)
		return err;
	uuid_make(&in.id);
	err = db_transaction(store->db, join_body, NULL, &in, ctx);
	if (err)
		return err;
	holder->id = in.id;
	holder->beat_ms = clock_monotonic_ms() + BEAT_MS;
	err = store_check(store, ctx); /* as it is now that it is seen */
	if (err)
		key_holder_leave(store, holder);
	return err;
}

enum err
key_holder_beat(struct store *store, struct key_holder *holder, bool *lost_out, struct errctx *ctx)
{
	const struct holder_io in = { .id = holder->id, .alive_s = holder->busy_s + SILENT_S };
	const int64_t now = clock_monotonic_ms();
	int64_t found = 1;
	enum err err = OK;

	if (!uuid_is_nil(&holder->id) && now >= holder->beat_ms) {
		holder->beat_ms = now + BEAT_MS;
		err = stmt_run(store->db, &beat, &in, &found, ctx);
	}
	if (!err)
		*lost_out = found == 0;
	return err;
}

void
key_holder_leave(struct store *store, struct key_holder *holder)
{
	const struct holder_io in = { .id = holder->id };
	struct errctx ctx = { 0 };

	if (uuid_is_nil(&holder->id))
		return;
	holder->id = (struct uuid){ { 0 } };
	if (stmt_run(store->db, &leave, &in, NULL, &ctx))
		return; /* it counts as alive for a while */
}

/* ---- reading ---- */

#define OUT(type, member) COL(type, struct key_holder_row, member)
static const struct col list_out[] = { OUT(TEXT, program), OUT(TEXT, host), OUT(INT, pid),
	OUT(TEXT, master_keys), OUT(TIME, started_at), OUT(TIME, seen_at), OUT(TIME, alive_until) };
static const struct stmt list = { "key_holder_list",
	"SELECT program, host, pid, master_keys, started_at, seen_at, alive_until FROM key_holder "
	"WHERE alive_until > UTC_TIMESTAMP(3) ORDER BY host, program, pid, started_at",
	NULL, 0, list_out, COL_N(list_out) };

enum err
key_holders_list(struct store *store, struct key_holder_row **rows_out, size_t *n_out,
    struct errctx *ctx)
{
	void *rows = NULL;
	enum err err =
	    stmt_all(store->db, &list, NULL, sizeof(struct key_holder_row), &rows, n_out, ctx);

	*rows_out = rows;
	return err;
}

void
key_holders_free(struct key_holder_row **rows, size_t n)
{
	void *all = *rows;

	stmt_rows_free(&list, sizeof(struct key_holder_row), &all, n);
	*rows = NULL;
}

bool
key_holder_has(const struct key_holder_row *row, const char *key_id)
{
	return strstr(row->master_keys, key_id) != NULL; /* all ids are of one length */
}
