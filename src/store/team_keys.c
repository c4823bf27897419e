/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a team's key pairs: a new generation, the end of an old one, the end of all. */
#include "store/team_keys.h"

#include <stdio.h>
#include <stdlib.h>

#include "store/job.h"

#define RESEAL_ATTEMPTS 10

struct key_io {
	int64_t team_id, generation, current, age_s, most, job_id;
	struct bytes public_key, signature, private_sealed;
	const char *master_key_id;
	char *name;
};
#define IO(type, member) COL(type, struct key_io, member)

static const struct col team_in[] = { IO(INT, team_id) };
static const struct col both_in[] = { IO(INT, generation), IO(INT, team_id) };
static const struct col number_out[] = { IO(INT, generation) };

/* ---- a new one ---- */

static const struct col add_in[] = { IO(INT, team_id), IO(INT, generation), IO(BYTES, public_key),
	IO(BYTES, signature), IO(BYTES, private_sealed), IO(TEXT, master_key_id) };
static const struct stmt add = { "team_key_insert",
	"INSERT INTO team_key (team_id, generation, public_key, signature, private_sealed, "
	"master_key_id, created_at) VALUES (?, ?, ?, ?, ?, ?, UTC_TIMESTAMP(3))",
	add_in, COL_N(add_in), NULL, 0 };

enum err
team_keys_add_in(struct store *store, int64_t team_id, int64_t generation, struct errctx *ctx)
{
	auto_team_key struct team_key key = { 0 };
	enum err err =
	    keyring_team_key_make(store->keyring, team_id, (uint32_t)generation, &key, ctx);

	if (err)
		return err;
	const struct key_io in = { .team_id = team_id,
		.generation = generation,
		.public_key = { key.public_key, sizeof(key.public_key) },
		.signature = { key.signature, sizeof(key.signature) },
		.private_sealed = { key.private_sealed, key.private_sealed_len },
		.master_key_id = key.master_key_id };
	err = stmt_run(store->db, &add, &in, NULL, ctx);
	return err == ERR_NOT_FOUND ? err_set(ctx, ERR_STALE, "",
					  "the master key was replaced just now; run it again")
				    : err;
}

/* ---- rotating ---- */

/* Whoever changes the generations of a team holds its row. */
static const struct stmt lock_team = { "team_keys_lock",
	"SELECT id FROM team WHERE id = ? FOR UPDATE", team_in, COL_N(team_in), number_out,
	COL_N(number_out) };
static const struct stmt newest = { "team_keys_newest",
	"SELECT COALESCE(MAX(generation), 0) FROM team_key WHERE team_id = ?", team_in,
	COL_N(team_in), number_out, COL_N(number_out) };
static const struct stmt set_current = { "team_keys_set_current",
	"UPDATE team SET key_generation = ? WHERE id = ?", both_in, COL_N(both_in), NULL, 0 };

static enum err
lock(struct store *store, int64_t team_id, struct audit_entry *audit, struct errctx *ctx)
{
	struct key_io row = { 0 };
	enum err err =
	    stmt_one(store->db, &lock_team, &(struct key_io){ .team_id = team_id }, &row, ctx);

	audit->team_id = team_id;
	snprintf(audit->subject, sizeof(audit->subject), "%lld", (long long)team_id);
	return err == ERR_NOT_FOUND ? err_set(ctx, err, "team", "no such team") : err;
}

static const struct col job_in[] = { IO(INT, job_id) };
static const struct stmt hasten = { "team_keys_hasten",
	"UPDATE job SET run_at = LEAST(run_at, UTC_TIMESTAMP(3)) WHERE id = ? AND state = 'queued'",
	job_in, COL_N(job_in), NULL, 0 };

static enum err
order_resealing(struct store *store, int64_t team_id, struct errctx *ctx)
{
	char subject[24], key[40];
	int64_t id;

	snprintf(subject, sizeof(subject), "%lld", (long long)team_id);
	snprintf(key, sizeof(key), "keys_reseal:%s", subject);
	const struct job_new job = { .kind = "keys_reseal",
		.subject = subject,
		.active_key = key,
		.max_attempts = RESEAL_ATTEMPTS,
		.payload = "{}" };
	enum err err = job_enqueue(store, &job, &id, ctx);
	return err ? err
		   : stmt_run(store->db, &hasten, &(struct key_io){ .job_id = id }, NULL, ctx);
}

struct rotation {
	int64_t team_id, generation;
};

static enum err
rotate_body(struct store *store, void *arg, struct audit_entry *audit, struct errctx *ctx)
{
	struct rotation *rotation = arg;
	struct key_io row = { .team_id = rotation->team_id };
	enum err err = lock(store, rotation->team_id, audit, ctx);

	if (!err)
		err = stmt_one(store->db, &newest, &row, &row, ctx);
	row.generation++;
	if (!err)
		err = team_keys_add_in(store, rotation->team_id, row.generation, ctx);
	if (!err)
		err = stmt_run(store->db, &set_current, &row, NULL, ctx);
	if (!err)
		err = order_resealing(store, rotation->team_id, ctx);
	rotation->generation = row.generation;
	return err;
}

enum err
team_keys_rotate(struct store *store, int64_t team_id, int64_t *generation_out, struct errctx *ctx)
{
	struct rotation rotation = { .team_id = team_id };
	struct audit_entry audit = { .event = "keys.rotate", .actor = "ctl" };
	enum err err = store_write(store, &audit, rotate_body, &rotation, ctx);

	if (!err)
		*generation_out = rotation.generation;
	return err;
}

/* ---- retiring ---- */

static const struct col old_in[] = { IO(INT, team_id), IO(INT, generation) };
static const struct col old_out_cols[] = { IO(INT, generation), IO(INT, current), IO(INT, age_s) };
static const struct stmt superseded = { "team_keys_superseded",
	"SELECT k.generation, t.key_generation, TIMESTAMPDIFF(SECOND, (SELECT MIN(n.created_at) "
	"FROM team_key n WHERE n.team_id = k.team_id AND n.generation > k.generation), "
	"UTC_TIMESTAMP(3)) FROM team_key k JOIN team t ON t.id = k.team_id WHERE k.team_id = ? "
	"AND k.generation > ? AND k.generation < t.key_generation AND k.destroyed_at IS NULL "
	"ORDER BY k.generation LIMIT 1",
	old_in, COL_N(old_in), old_out_cols, COL_N(old_out_cols) };

enum err
team_keys_superseded(struct store *store, int64_t team_id, int64_t after,
    struct team_keys_old *old_out, struct errctx *ctx)
{
	const struct key_io in = { .team_id = team_id, .generation = after };
	struct key_io row = { 0 };
	enum err err = stmt_one(store->db, &superseded, &in, &row, ctx);

	if (!err)
		*old_out = (struct team_keys_old){ row.generation, row.current, row.age_s };
	return err;
}

static const struct stmt retire = { "team_keys_retire",
	"DELETE k FROM team_key k JOIN team t ON t.id = k.team_id WHERE k.generation = ? AND "
	"k.team_id = ? AND k.generation < t.key_generation AND k.destroyed_at IS NULL",
	both_in, COL_N(both_in), NULL, 0 };

static enum err
retire_body(struct store *store, void *arg, struct audit_entry *audit, struct errctx *ctx)
{
	const struct key_io *in = arg;
	int64_t affected = 0;
	enum err err = stmt_run(store->db, &retire, in, &affected, ctx);

	audit->team_id = in->team_id;
	snprintf(audit->subject, sizeof(audit->subject), "%lld:%lld", (long long)in->team_id,
	    (long long)in->generation);
	return !err && !affected ? err_set(ctx, ERR_RULE, "", "this generation is in use") : err;
}

enum err
team_keys_retire(struct store *store, int64_t team_id, int64_t generation, bool *retired_out,
    struct errctx *ctx)
{
	struct key_io in = { .team_id = team_id, .generation = generation };
	struct audit_entry audit = { .event = "keys.retire", .actor = "runner" };
	enum err err = store_write(store, &audit, retire_body, &in, ctx);

	*retired_out = !err;
	if (err == ERR_RULE) { /* a foreign key: a value needs it */
		err_clear(ctx);
		err = OK;
	}
	return err;
}

/* One that has found values that do not open is not sent after them more than once a day. */
static const struct col sweep_in[] = { IO(INT, age_s), IO(INT, most) };
static const struct stmt sweep = { "team_keys_sweep",
	"INSERT IGNORE INTO job (kind, subject, active_key, run_at, max_attempts, payload, "
	"created_at) SELECT DISTINCT 'keys_reseal', k.team_id, CONCAT('keys_reseal:', k.team_id), "
	"UTC_TIMESTAMP(3), ?, '{}', UTC_TIMESTAMP(3) "
	"FROM team_key k JOIN team t ON t.id = k.team_id AND k.generation < t.key_generation "
	"WHERE k.destroyed_at IS NULL AND NOT EXISTS (SELECT 1 FROM job j WHERE j.subject = "
	"CONVERT(CONCAT('', k.team_id) USING ascii) AND j.kind = 'keys_reseal' "
	"AND (j.active_key IS NOT NULL OR j.finished_at > UTC_TIMESTAMP(3) - INTERVAL 2 MINUTE OR "
	"(j.error <> 'unknown kind' AND j.finished_at > UTC_TIMESTAMP(3) - INTERVAL 1 DAY))) "
	"LIMIT ?",
	sweep_in, COL_N(sweep_in), NULL, 0 };

enum err
team_keys_sweep(struct store *store, int64_t most, int64_t *n_out, struct errctx *ctx)
{
	const struct key_io in = { .age_s = RESEAL_ATTEMPTS, .most = most };

	return stmt_run(store->db, &sweep, &in, n_out, ctx);
}

/* ---- destroying ---- */

static const struct col name_out_cols[] = { IO(TEXT, name) };
static const struct stmt name_select = { "team_keys_name", "SELECT name FROM team WHERE id = ?",
	team_in, COL_N(team_in), name_out_cols, COL_N(name_out_cols) };

enum err
team_keys_name(struct store *store, int64_t team_id, char **name_out, struct errctx *ctx)
{
	struct key_io row = { 0 };
	enum err err =
	    stmt_one(store->db, &name_select, &(struct key_io){ .team_id = team_id }, &row, ctx);

	if (!err)
		*name_out = row.name;
	return err == ERR_NOT_FOUND ? err_set(ctx, err, "team", "no such team") : err;
}

/* Of the same length, so that the server writes over what is there. */
static const struct stmt wipe = { "team_keys_wipe",
	"UPDATE team_key SET private_sealed = REPEAT('\\0', LENGTH(private_sealed)), destroyed_at "
	"= UTC_TIMESTAMP(3) "
	"WHERE team_id = ? AND destroyed_at IS NULL",
	team_in, COL_N(team_in), NULL, 0 };
static const struct stmt rest_grants = { "team_keys_rest_grants",
	"UPDATE oauth_grant SET refresh_at = NULL, "
	"problem = 'the keys of the team were destroyed' WHERE team_id = ?",
	team_in, COL_N(team_in), NULL, 0 };

struct ending {
	int64_t team_id, newest, destroyed;
};

static enum err
destroy_body(struct store *store, void *arg, struct audit_entry *audit, struct errctx *ctx)
{
	struct ending *ending = arg;
	const struct key_io in = { .team_id = ending->team_id };
	struct key_io row = { 0 };
	enum err err = lock(store, ending->team_id, audit, ctx);

	if (!err)
		err = stmt_one(store->db, &newest, &in, &row, ctx);
	if (!err && row.generation != ending->newest)
		err = err_set(ctx, ERR_STALE, "team", "its key was rotated just now; look again");
	if (!err)
		err = stmt_run(store->db, &wipe, &in, &ending->destroyed, ctx);
	if (!err && !ending->destroyed)
		err = err_set(ctx, ERR_RULE, "team", "its keys were destroyed before");
	if (!err)
		err = stmt_run(store->db, &set_current, &in, NULL, ctx);
	return err ? err : stmt_run(store->db, &rest_grants, &in, NULL, ctx);
}

enum err
team_keys_destroy(struct store *store, int64_t team_id, int64_t newest_known,
    int64_t *destroyed_out, struct errctx *ctx)
{
	struct ending ending = { .team_id = team_id, .newest = newest_known };
	struct audit_entry audit = { .event = "keys.destroy", .actor = "ctl" };
	enum err err = store_write(store, &audit, destroy_body, &ending, ctx);

	if (!err)
		*destroyed_out = ending.destroyed;
	return err;
}
