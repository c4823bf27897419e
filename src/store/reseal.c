/* SPDX-License-Identifier: Apache-2.0 */
/* Values that are sealed to a team's key: where they stand, how many there are of each generation,
 * and moving them to the newest one. */
#include "store/reseal.h"

#include <stdlib.h>

#include "store/oauth_grant.h"

/* ---- where they stand ---- */

struct value {
	int64_t team_id, oldest, newest, passed, number;
	struct uuid row;
	char *field;
	char *policy[3]; /* what it is made of; the first NULL: none belongs to the value */
	struct bytes was, sealed;
};
#define IO(type, member) COL(type, struct value, member)
static const struct col select_in[] = { IO(INT, team_id), IO(INT, oldest), IO(INT, newest),
	IO(INT, passed) };
static const struct col select_out[] = { IO(INT, number), IO(UUID, row), IO(TEXT, field),
	IO(TEXT, policy[0]), IO(TEXT, policy[1]), IO(TEXT, policy[2]), IO(BYTES, was) };
static const struct col update_in[] = { IO(BYTES, sealed), IO(UUID, row), IO(INT, number),
	IO(BYTES, was) };
static const struct col clear_in[] = { IO(INT, team_id), IO(INT, oldest), IO(INT, newest) };
static const struct col count_in[] = { COL(INT0, struct reseal_count, team_id),
	COL(INT0, struct reseal_count, team_id) };
static const struct col count_out[] = { COL(INT, struct reseal_count, team_id),
	COL(INT, struct reseal_count, generation), COL(INT, struct reseal_count, n) };

/* Tokens of an older version are handed to nobody, and their policy may be another one by now. */
static const struct stmt fetch_token_clear = { "reseal_clear_fetch_token",
	"DELETE t FROM fetch_token t LEFT JOIN user_credential c "
	"ON c.id = t.credential_id AND c.version = t.version "
	"WHERE t.team_id = ? AND t.key_generation BETWEEN ? AND ? AND c.id IS NULL",
	clear_in, COL_N(clear_in), NULL, 0 };

#define TEXT_OF(name) #name
#define NUMBER(macro) TEXT_OF(macro)
#define SELECT(table, column, needs, from, number, row, field, policy)                             \
	"SELECT " number ", " row ", " field ", " policy ", t." column " FROM " table              \
	" t FORCE INDEX (" table "_" needs ") " from " WHERE t.team_id = ? AND t." needs           \
	" BETWEEN ? AND ? LIMIT " NUMBER(RESEAL_BATCH) " OFFSET ?"
#define UPDATE(table, column, key)                                                                 \
	"UPDATE " table " t SET t." column " = ? WHERE " key " AND t." column " = ?"
#define COUNT(table, needs)                                                                        \
	"SELECT team_id, " needs ", COUNT(*) FROM " table " WHERE " needs                          \
	" IS NOT NULL AND (? IS NULL OR team_id = ?) GROUP BY team_id, " needs

/* `needs` is the generated column; `row`, `field` and `policy` are those of the value's
 * seal_context; `key` tells the row of `t` by the uuid and the number. */
#define PLACE(table_, column_, needs, from, number, row, field, policy, key, clear_)               \
	{                                                                                          \
		.table = table_, .column = column_,                                                \
		.select = { "reseal_select_" table_,                                               \
			SELECT(table_, column_, needs, from, number, row, field, policy),          \
			select_in, COL_N(select_in), select_out, COL_N(select_out) },              \
		.update = { "reseal_update_" table_, UPDATE(table_, column_, key), update_in,      \
			COL_N(update_in), NULL, 0 },                                               \
		.count = { "reseal_count_" table_, COUNT(table_, needs), count_in,                 \
			COL_N(count_in), count_out, COL_N(count_out) },                            \
		.clear = clear_,                                                                   \
	}
#define FREE "NULL, NULL, NULL"
#define BY_UUID(uuid) uuid " = ? AND ? = 0"
#define SIMPLE(table, column, field)                                                               \
	PLACE(table, column, "key_generation", "", "0", "t.uuid", "'" field "'", FREE,             \
	    BY_UUID("t.uuid"), NULL)
#define FLOW(field)                                                                                \
	PLACE("oauth_flow", field "_sealed", field "_key_generation", "", "0", "t.uuid",           \
	    "'" field "'", FREE, BY_UUID("t.uuid"), NULL)
#define TOKEN(field)                                                                               \
	PLACE("oauth_token", field "_sealed", field "_key_generation",                             \
	    "JOIN oauth_grant g ON g.uuid = t.grant_uuid", "t.generation", "t.grant_uuid",         \
	    "CONCAT('" field ":', t.generation)",                                                  \
	    "IF(t.bound, g.connection_type, NULL), g.client_id, g.destination",                    \
	    "t.grant_uuid = ? AND t.generation = ?", NULL)

static const struct reseal_place places[] = {
	SIMPLE("keychain", "parameters_sealed", "parameters"),
	SIMPLE("connection", "parameters_sealed", "parameters"),
	PLACE("user_credential", "definition_sealed", "key_generation", "", "0", "t.uuid",
	    "'definition'", "t.mode, t.allowed_hosts, NULL", BY_UUID("t.uuid"), NULL),
	PLACE("fetch_token", "token_sealed", "key_generation",
	    "JOIN user_credential c ON c.id = t.credential_id", "t.credential_id", "c.uuid",
	    "'token'", "c.mode, c.allowed_hosts, NULL", "? IS NOT NULL AND t.credential_id = ?",
	    &fetch_token_clear),
	PLACE("submission", "fields_sealed", "key_generation", "", "0", "t.id", "'fields'", FREE,
	    BY_UUID("t.id"), NULL),
	FLOW("start"),
	FLOW("return"),
	SIMPLE("oauth_grant", "parameters_sealed", "parameters"),
	TOKEN("access"),
	TOKEN("refresh"),
	PLACE("job_value", "value_sealed", "key_generation", "", "t.job_id", "t.uuid",
	    "t.direction", FREE, "t.uuid = ? AND t.job_id = ?", NULL),
	SIMPLE("mail_link", "secret_sealed", "secret"),
	SIMPLE("idempotency", "answer_sealed", "answer"),
	SIMPLE("team_platform", "token_sealed", "token"),
};
#define N_PLACES (sizeof(places) / sizeof(places[0]))

const struct reseal_place *
reseal_place(size_t index)
{
	return index < N_PLACES ? &places[index] : NULL;
}

/* ---- moving ---- */

struct batch {
	struct store *store;
	const struct reseal_place *place;
	struct value *values;
	size_t n;
};

/* Those of a grant's tokens are three. */
static void
digest_policy(const struct value *value, unsigned char out[SEAL_POLICY_SIZE])
{
	char *const *texts = value->policy;

	if (texts[2])
		oauth_recipient_digest(&(struct oauth_recipient){ texts[0], texts[1], texts[2] },
		    out);
	else
		seal_policy_digest(texts[0], texts[1], out);
}

/* Opened and sealed again, under the same context but for the generation. */
static enum err
move_value(struct store *store, const struct team_key *key, const struct reseal_place *place,
    struct value *value, struct errctx *ctx)
{
	unsigned char policy[SEAL_POLICY_SIZE];
	const struct seal_context context = { .table = place->table,
		.row = value->row,
		.field = value->field,
		.team_id = key->team_id,
		.policy = value->policy[0] ? policy : NULL };
	auto_secret struct secret plain = { 0 };

	if (value->policy[0])
		digest_policy(value, policy);
	enum err err = store_open(store, &context, &value->was, &plain, ctx);
	return err ? err
		   : seal_value(key, &context, plain.data, plain.len, &value->sealed.data,
			 &value->sealed.len, ctx);
}

static enum err
move_values(struct store *store, struct reseal *reseal, const struct batch *batch,
    struct errctx *ctx)
{
	const struct team_key *key = NULL;
	enum err err = store_team_key(store, reseal->team_id, &key, ctx);

	for (size_t i = 0; i < batch->n && !err; i++) {
		err = move_value(store, key, batch->place, &batch->values[i], ctx);
		reseal->moved += !err;
		if (err != ERR_INTEGRITY)
			continue;
		err = OK;
		err_clear(ctx);
		reseal->passed++;
		reseal->damaged++;
	}
	return err;
}

static enum err
put_body(struct db *db, void *arg, struct errctx *ctx)
{
	const struct batch *batch = arg;
	enum err err = OK;

	for (size_t i = 0; i < batch->n && !err; i++)
		if (batch->values[i].sealed.data)
			err = stmt_run(db, &batch->place->update, &batch->values[i], NULL, ctx);
	return err;
}

/* One batch at the place; `n_out`: how many it had. */
static enum err
move_batch(struct store *store, struct reseal *reseal, size_t *n_out, struct errctx *ctx)
{
	const struct value find = { .team_id = reseal->team_id,
		.oldest = reseal->oldest,
		.newest = reseal->newest,
		.passed = reseal->passed };
	struct batch batch = { .store = store, .place = &places[reseal->place] };
	void *rows = NULL;
	enum err err = OK;

	if (batch.place->clear)
		err = stmt_run(store->db, batch.place->clear, &find, NULL, ctx);
	if (!err)
		err = stmt_all(store->db, &batch.place->select, &find, sizeof(struct value), &rows,
		    &batch.n, ctx);
	batch.values = rows;
	*n_out = batch.n;
	if (!err && batch.n)
		err = move_values(store, reseal, &batch, ctx);
	if (!err && batch.n) /* what landed is not found again: whether it did is not asked */
		err = db_transaction(store->db, put_body, NULL, &batch, ctx);
	for (size_t i = 0; i < batch.n; i++)
		free(batch.values[i].sealed.data);
	stmt_rows_free(&batch.place->select, sizeof(struct value), &rows, batch.n);
	return err;
}

enum err
reseal_step(struct store *store, struct reseal *reseal, bool *over_out, struct errctx *ctx)
{
	while (reseal->place < (int64_t)N_PLACES) {
		size_t n = 0;
		enum err err = move_batch(store, reseal, &n, ctx);

		if (err || n) {
			*over_out = false;
			return err;
		}
		reseal->place++;
		reseal->passed = 0;
	}
	*over_out = true;
	return OK;
}

/* ---- counting ---- */

enum err
reseal_count(struct store *store, int64_t team_id, reseal_count_fn fn, void *arg,
    struct errctx *ctx)
{
	const struct reseal_count find = { .team_id = team_id };
	enum err err = OK;

	for (size_t i = 0; i < N_PLACES && !err; i++) {
		void *rows = NULL;
		size_t n = 0;

		err = stmt_all(store->db, &places[i].count, &find, sizeof(struct reseal_count),
		    &rows, &n, ctx);
		for (size_t k = 0; k < n; k++)
			fn((struct reseal_count *)rows + k, arg);
		stmt_rows_free(&places[i].count, sizeof(struct reseal_count), &rows, n);
	}
	return err;
}
