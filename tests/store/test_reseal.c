/* SPDX-License-Identifier: Apache-2.0 */
/* The life of team keys: new generations, values moved to them, old ones retired, all destroyed. */
#include "world.h"

#include <pthread.h>

#include "base/alloc.h"
#include "base/crypt.h"
#include "runner/kinds.h"
#include "store/job.h"
#include "store/key_read.h"
#include "store/keychain.h"
#include "store/oauth_grant.h"
#include "store/reseal.h"
#include "store/team_keys.h"
#include "store/user_credential.h"

#define PLAIN "canary-of-a-sealed-value"

/* ---- values in every column ---- */

static const unsigned char row_bytes[16] = "reseal-test-row!";
#define ROW "'reseal-test-row!'"
static unsigned char policy[SEAL_POLICY_SIZE], token_policy[SEAL_POLICY_SIZE];
static bool tokens_bound;

/* In the order of the places; `sql` takes the team and the sealed value. Those of user credentials
 * have a policy. */
static const struct seeded {
	const char *table, *field, *sql;
} seeds[] = {
	{ "keychain", "parameters",
	    "INSERT INTO keychain (uuid, team_id, name, type_name, parameters_sealed, created_at, "
	    "updated_at) VALUES (" ROW ", %lld, 'n', 't', %s, NOW(), '2020-01-02')" },
	{ "connection", "parameters",
	    "INSERT INTO connection (uuid, team_id, name, account_name, account_label, "
	    "account_type, package_name, scopes, parameters_sealed, created_at, updated_at) VALUES "
	    "(" ROW ", %lld, 'n', 'a', 'l', 'basic', 'p', '[]', %s, NOW(), '2020-01-02')" },
	{ "user_credential", "definition",
	    "INSERT INTO user_credential (uuid, team_id, definition_sealed, owner_id, name, slug, "
	    "mode, shared_team_slugs, description, allowed_hosts, metadata, created_at, "
	    "updated_at) SELECT " ROW ", %lld, %s, MIN(id), 'n', 'n', 'MULTI_REQUEST', '[]', '', "
	    "'[\"a.example\"]', '{}', NOW(), '2020-01-02' FROM person" },
	{ "fetch_token", "token",
	    "INSERT INTO fetch_token (credential_id, version, job_id, team_id, token_sealed, "
	    "fetched_at, fresh_until) SELECT id, version, 1, %lld, %s, NOW(), NOW() FROM "
	    "user_credential" },
	{ "submission", "fields",
	    "INSERT INTO submission (id, team_id, fields_sealed, credential_id) VALUES (" ROW
	    ", %lld, %s, 'c')" },
	{ "oauth_flow", "start",
	    "INSERT INTO oauth_flow (uuid, team_id, start_sealed, state_hash, credential_id, "
	    "callback_id, browser_hash, connection_type, created_at, expires_at) VALUES (" ROW
	    ", %lld, %s, 'h', 'c', 'c', 'b', 't', NOW(), NOW())" },
	{ "oauth_flow", "return", "UPDATE oauth_flow SET team_id = %lld, return_sealed = %s" },
	{ "oauth_grant", "parameters",
	    "INSERT INTO oauth_grant (uuid, team_id, parameters_sealed, state, callback_id, "
	    "client_id, connection_type, scopes, generation, refresh_at, created_at, updated_at) "
	    "VALUES (" ROW ", %lld, %s, 'active', 'c', 'c', 't', '[]', 3, NOW(), NOW(), "
	    "'2020-01-02')" },
	{ "oauth_token", "access:3",
	    "INSERT INTO oauth_token (grant_uuid, generation, team_id, access_sealed, token_type, "
	    "created_at) VALUES (" ROW ", 3, %lld, %s, 'Bearer', NOW())" },
	{ "oauth_token", "refresh:3",
	    "UPDATE oauth_token SET team_id = %lld, refresh_sealed = %s" },
	{ "job_value", "out",
	    "INSERT INTO job_value (job_id, direction, uuid, team_id, value_sealed) VALUES (7, "
	    "'out', " ROW ", %lld, %s)" },
	{ "mail_link", "secret",
	    "INSERT INTO mail_link (request_id, uuid, team_id, secret_sealed) VALUES ('r', " ROW
	    ", %lld, %s)" },
	{ "idempotency", "answer",
	    "INSERT INTO idempotency (public_id, key_hash, uuid, call_hash, team_id, status, "
	    "answer_sealed, created_at) VALUES ('p', 'k', " ROW ", 'c', %lld, 200, %s, NOW())" },
	{ "team_platform", "token",
	    "INSERT INTO team_platform (uuid, team_id, token_sealed, kind, base_url, "
	    "remote_team_id) VALUES (" ROW ", %lld, %s, 'make', 'u', 1)" },
};

static struct seal_context
context_of(const struct seeded *seed, int64_t team_id)
{
	struct seal_context context = { .table = seed->table,
		.field = seed->field,
		.team_id = team_id,
		.policy = strstr(seed->sql, "user_credential") ? policy : NULL };

	if (tokens_bound && !strcmp(seed->table, "oauth_token"))
		context.policy = token_policy;
	memcpy(context.row.bytes, row_bytes, sizeof(row_bytes));
	return context;
}

/* `'` quoted bytes of a value sealed to the team's current key. */
static char *
sealed_hex(const struct seal_context *context, const char *text)
{
	struct bytes sealed = { 0 };
	struct errctx ctx = { 0 };

	ok(store_seal(&the.store, context, text, strlen(text), &sealed, &ctx), &ctx);
	auto_free char *hex = crypt_hex(sealed.data, sealed.len);
	free(sealed.data);
	return xasprintf("UNHEX('%s')", hex);
}

static void
seed_all(int64_t team_id)
{
	seal_policy_digest("MULTI_REQUEST", "[\"a.example\"]", policy);
	sql("SET SESSION foreign_key_checks = 0");
	for (size_t i = 0; i < COL_N(seeds); i++) {
		const struct seal_context context = context_of(&seeds[i], team_id);
		auto_free char *hex = sealed_hex(&context, PLAIN);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		auto_free char *text = xasprintf(seeds[i].sql, (long long)team_id, hex);
#pragma GCC diagnostic pop

		sql(text);
	}
	sql("SET SESSION foreign_key_checks = 1");
}

/* New teams for each test: a process does not go back to older keys of one it knows. */
static void
new_team(const char *letter, int64_t *team_out)
{
	static int n;
	auto_free char *name = xasprintf("%s%d", letter, ++n);
	struct errctx ctx = { 0 };

	ok(admin_team_add(&the.store, the.first, name, name, team_out, &ctx), &ctx);
}

static int
empty(void **state)
{
	(void)state;
	sql("SET SESSION foreign_key_checks = 0");
	for (size_t i = 0; i < COL_N(seeds); i++) {
		auto_free char *text = xasprintf("DELETE FROM %s", seeds[i].table);

		sql(text);
	}
	sql("DELETE FROM job; DELETE FROM audit; UPDATE team SET key_generation = 1; SET SESSION "
	    "foreign_key_checks = 1");
	new_team("a", &the.alpha);
	new_team("b", &the.beta);
	the.store.n_damage = 0;
	tokens_bound = false;
	return 0;
}

/* With one %lld: the number of the team. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static void
sql_of(const char *format, int64_t team_id)
{
	auto_free char *text = xasprintf(format, (long long)team_id);

	sql(text);
}

static int64_t
number_for(const char *format, int64_t team_id)
{
	auto_free char *text = xasprintf(format, (long long)team_id);

	return number_of(text);
}
#pragma GCC diagnostic pop

struct bytes_row {
	struct bytes bytes;
};

/* A column's only value; the caller frees its data. */
static struct bytes
value_at(size_t place)
{
	static const struct col out[] = { COL(BYTES, struct bytes_row, bytes) };
	static struct stmt statements[COL_N(seeds)];
	struct stmt *stmt = &statements[place];
	struct bytes_row row = { 0 };
	struct errctx ctx = { 0 };

	if (!stmt->sql)
		*stmt = (struct stmt){ "test",
			xasprintf("SELECT %s FROM %s", reseal_place(place)->column,
			    reseal_place(place)->table),
			NULL, 0, out, COL_N(out) };
	ok(stmt_one(the.store.db, stmt, NULL, &row, &ctx), &ctx);
	return row.bytes;
}

static uint32_t
generation_at(size_t place)
{
	struct bytes sealed = value_at(place);
	uint32_t generation = 0;

	assert_int_equal(seal_generation(sealed.data, sealed.len, &generation), OK);
	free(sealed.data);
	return generation;
}

static void
expect_open(size_t place, int64_t team_id, const char *text)
{
	const struct seal_context context = context_of(&seeds[place], team_id);
	struct bytes sealed = value_at(place);
	auto_secret struct secret plain = { 0 };
	struct errctx ctx = { 0 };

	ok(store_open(&the.store, &context, &sealed, &plain, &ctx), &ctx);
	assert_string_equal(secret_text(&plain), text);
	free(sealed.data);
}

static int64_t
rotate(int64_t team_id)
{
	struct errctx ctx = { 0 };
	int64_t generation = 0;

	ok(team_keys_rotate(&the.store, team_id, &generation, &ctx), &ctx);
	return generation;
}

/* Everything up to a generation; how many do not open. */
static int64_t
reseal(int64_t team_id, int64_t newest)
{
	struct reseal at = { .team_id = team_id, .oldest = 1, .newest = newest };
	struct errctx ctx = { 0 };
	bool over = false;

	for (int i = 0; i < 100 && !over; i++)
		ok(reseal_step(&the.store, &at, &over, &ctx), &ctx);
	assert_true(over);
	return at.damaged;
}

static bool
retire(int64_t team_id, int64_t generation)
{
	struct errctx ctx = { 0 };
	bool retired = false;

	ok(team_keys_retire(&the.store, team_id, generation, &retired, &ctx), &ctx);
	return retired;
}

/* ---- the table of columns ---- */

#define SEALED_COLUMNS                                                                             \
	"information_schema.columns c WHERE c.table_schema = DATABASE() AND RIGHT(c.column_name, " \
	"7) = "                                                                                    \
	"'_sealed' AND c.table_name NOT IN ('team_key', 'app_client')"

static void
every_sealed_column_is_moved_counted_and_tied_to_its_key(void **state)
{
	size_t n = 0;
	(void)state;

	for (; reseal_place(n); n++) {
		auto_free char *text =
		    xasprintf("SELECT COUNT(*) FROM " SEALED_COLUMNS
			      " AND c.table_name = '%s' AND c.column_name = '%s'",
			reseal_place(n)->table, reseal_place(n)->column);

		assert_int_equal(number_of(text), 1);
		assert_string_equal(reseal_place(n)->table, seeds[n].table);
	}
	assert_int_equal(n, COL_N(seeds));
	assert_int_equal(number_of("SELECT COUNT(*) FROM " SEALED_COLUMNS), n);
	assert_int_equal(
	    number_of("SELECT COUNT(*) FROM information_schema.key_column_usage WHERE table_schema "
		      "= DATABASE() AND referenced_table_name = 'team_key' AND "
		      "referenced_column_name = 'generation'"),
	    n);
}

/* ---- moving ---- */

static void
values_of_every_column_move_and_open_and_the_old_key_is_retired(void **state)
{
	struct key_row *keys = NULL;
	struct errctx ctx = { 0 };
	size_t n = 0;
	(void)state;

	seed_all(the.alpha);
	assert_int_equal(rotate(the.alpha), 2);
	for (size_t i = 0; i < COL_N(seeds); i++) {
		assert_int_equal(generation_at(i), 1);
		expect_open(i, the.alpha, PLAIN);
	}
	ok(key_list(&the.store, the.alpha, &keys, &n, &ctx), &ctx);
	assert_int_equal(n, 2);
	assert_string_equal(keys[0].state, "old");
	assert_int_equal(keys[0].values, COL_N(seeds));
	assert_string_equal(keys[0].resealing, "queued");
	assert_string_equal(keys[1].state, "current");
	assert_int_equal(keys[1].values, 0);
	key_rows_free(&keys, n);
	assert_false(retire(the.alpha, 1)); /* values need it */

	assert_int_equal(reseal(the.alpha, 1), 0);
	for (size_t i = 0; i < COL_N(seeds); i++) {
		assert_int_equal(generation_at(i), 2);
		expect_open(i, the.alpha, PLAIN);
	}
	assert_int_equal(number_of("SELECT COUNT(*) FROM keychain WHERE updated_at = '2020-01-02'"),
	    1);
	assert_true(retire(the.alpha, 1));
	assert_false(retire(the.alpha, 1));
	assert_false(retire(the.alpha, 2)); /* the current one, though */
	assert_int_equal(number_of("SELECT COUNT(*) FROM audit WHERE event = 'keys.retire'"), 1);
	keyring_team_forget(the.store.keyring, the.alpha);
	for (size_t i = 0; i < COL_N(seeds); i++)
		expect_open(i, the.alpha, PLAIN);
}

/* Both halves of the seeded generation, for its grant as that is seeded. */
static void
bind_tokens(int64_t team_id)
{
	static const size_t halves[] = { 8, 9 };

	oauth_recipient_digest(&(struct oauth_recipient){ "t", "c", "d.example" }, token_policy);
	tokens_bound = true;
	sql("UPDATE oauth_grant SET destination = 'd.example'");
	for (size_t i = 0; i < COL_N(halves); i++) {
		const struct seal_context context = context_of(&seeds[halves[i]], team_id);
		auto_free char *hex = sealed_hex(&context, PLAIN);
		auto_free char *text = xasprintf("UPDATE oauth_token SET bound = TRUE, %s = %s",
		    reseal_place(halves[i])->column, hex);

		sql(text);
	}
}

static void
tokens_that_are_sealed_for_a_recipient_move_and_stay_so(void **state)
{
	(void)state;
	seed_all(the.alpha);
	bind_tokens(the.alpha);
	rotate(the.alpha);
	assert_int_equal(reseal(the.alpha, 1), 0);
	for (size_t i = 0; i < COL_N(seeds); i++) {
		assert_int_equal(generation_at(i), 2);
		expect_open(i, the.alpha, PLAIN);
	}
	assert_true(retire(the.alpha, 1));
}

static void
tokens_of_an_edited_grant_are_not_made_good(void **state)
{
	(void)state;
	seed_all(the.alpha);
	bind_tokens(the.alpha);
	sql("UPDATE oauth_grant SET destination = 'evil.example'");
	rotate(the.alpha);
	assert_int_equal(reseal(the.alpha, 1), 2);
	assert_int_equal(generation_at(8), 1);
	assert_int_equal(generation_at(9), 1);
	assert_false(retire(the.alpha, 1));
	sql("UPDATE oauth_grant SET destination = 'd.example'; UPDATE oauth_token SET bound = "
	    "FALSE");
	assert_int_equal(reseal(the.alpha, 1), 2);
	sql("UPDATE oauth_token SET bound = TRUE");
	assert_int_equal(reseal(the.alpha, 1), 0);
	expect_open(9, the.alpha, PLAIN);
}

static void
other_teams_stay_as_they_are(void **state)
{
	(void)state;
	seed_all(the.beta);
	rotate(the.alpha);
	reseal(the.alpha, 1);
	for (size_t i = 0; i < COL_N(seeds); i++)
		assert_int_equal(generation_at(i), 1);
}

static void
many_values_move_in_batches(void **state)
{
	struct reseal at = { .team_id = the.alpha, .oldest = 1, .newest = 1 };
	struct errctx ctx = { 0 };
	bool over = true;
	(void)state;

	json_auto_t *parameters = json_pack("{s:s}", "key", PLAIN);
	for (int i = 0; i < RESEAL_BATCH * 2 + 1; i++) {
		const struct keychain_new key = { the.alpha, "k", "apikeyauth", parameters };
		int64_t id;

		ok(keychain_create_in(&the.store, &key, &id, &ctx), &ctx);
	}
	rotate(the.alpha);
	ok(reseal_step(&the.store, &at, &over, &ctx), &ctx);
	assert_false(over);
	assert_int_equal(number_of("SELECT COUNT(*) FROM keychain WHERE key_generation = 2"),
	    RESEAL_BATCH);

	/* as after a runner that died: it goes on with what is left */
	reseal(the.alpha, 1);
	assert_int_equal(number_of("SELECT COUNT(*) FROM keychain WHERE key_generation = 2"),
	    RESEAL_BATCH * 2 + 1);
}

static void
two_rotations_lead_to_the_newest_key(void **state)
{
	struct team_keys_old old = { 0 };
	struct errctx ctx = { 0 };
	(void)state;

	seed_all(the.alpha);
	rotate(the.alpha);
	sql("UPDATE oauth_token SET refresh_sealed = NULL");
	const struct seal_context context = context_of(&seeds[9], the.alpha);
	auto_free char *hex = sealed_hex(&context, "of generation 2");
	auto_free char *text = xasprintf("UPDATE oauth_token SET refresh_sealed = %s", hex);
	sql(text);
	assert_int_equal(rotate(the.alpha), 3);
	reseal(the.alpha, 2);
	for (int64_t generation = 1; generation < 3; generation++) {
		ok(team_keys_superseded(&the.store, the.alpha, generation - 1, &old, &ctx), &ctx);
		assert_int_equal(old.generation, generation);
		assert_int_equal(old.current, 3);
		assert_true(retire(the.alpha, generation));
	}
	assert_int_equal(team_keys_superseded(&the.store, the.alpha, 0, &old, &ctx), ERR_NOT_FOUND);
	for (size_t i = 0; i < COL_N(seeds); i++)
		assert_int_equal(generation_at(i), 3);
	expect_open(9, the.alpha, "of generation 2");
}

/* ---- what may go wrong ---- */

struct racer {
	struct store store;
	int64_t damaged;
	pthread_t thread;
};

static void *
race(void *arg)
{
	struct racer *racer = arg;
	struct reseal at = { .team_id = the.alpha, .oldest = 1, .newest = 1 };
	struct errctx ctx = { 0 };
	bool over = false;

	for (int i = 0; i < 100 && !over; i++)
		if (reseal_step(&racer->store, &at, &over, &ctx))
			abort();
	return NULL;
}

static void
what_somebody_writes_meanwhile_is_not_overwritten(void **state)
{
	struct config config = { .db_timeout_s = 10 };
	struct racer racer = { 0 };
	struct keyring *keyring = NULL;
	struct errctx ctx = { 0 };
	struct db *db = NULL;
	(void)state;

	seed_all(the.alpha);
	const struct seal_context context = context_of(&seeds[0], the.alpha);
	auto_free char *hex = sealed_hex(&context, "written meanwhile");
	auto_free char *text = xasprintf("UPDATE keychain SET parameters_sealed = %s", hex);
	rotate(the.alpha);
	snprintf(config.db_socket, sizeof(config.db_socket), "%s", getenv("BAILEE_TEST_DB_SOCKET"));
	snprintf(config.db_user, sizeof(config.db_user), "%s", getenv("BAILEE_TEST_DB_USER"));
	snprintf(config.db_name, sizeof(config.db_name), "%s", getenv("BAILEE_TEST_DB_NAME"));
	ok(db_open(&config, &db, &ctx), &ctx);
	store_init(&racer.store, db, the.store.keyring); /* which rests here meanwhile */
	sql("START TRANSACTION");
	sql(text);
	assert_int_equal(pthread_create(&racer.thread, NULL, race, &racer), 0);
	usleep(500 * 1000); /* it has read the old bytes, and waits for the row */
	sql("COMMIT");
	pthread_join(racer.thread, NULL);
	racer.store.keyring = keyring;
	store_close(&racer.store);
	expect_open(0, the.alpha, "written meanwhile");
	reseal(the.alpha, 1);
	assert_int_equal(generation_at(0), 2);
	expect_open(0, the.alpha, "written meanwhile");
}

static void
an_edited_policy_is_not_blessed_and_keeps_the_old_key(void **state)
{
	(void)state;
	seed_all(the.alpha);
	sql("UPDATE user_credential SET allowed_hosts = '[\"evil.example\"]'");
	rotate(the.alpha);
	assert_int_equal(reseal(the.alpha, 1), 2); /* and its token */
	assert_int_equal(generation_at(2), 1);
	assert_int_equal(generation_at(0), 2);
	assert_false(retire(the.alpha, 1));
	store_report_damage(&the.store);
	assert_true(number_of("SELECT COUNT(*) FROM audit WHERE event = 'integrity.error' AND "
			      "subject LIKE 'user_credential:%'") > 0);
	sql("UPDATE user_credential SET allowed_hosts = '[\"a.example\"]'");
	assert_int_equal(reseal(the.alpha, 1), 0);
	assert_true(retire(the.alpha, 1));
}

static void
a_token_of_an_older_version_goes(void **state)
{
	(void)state;
	seed_all(the.alpha);
	sql("UPDATE user_credential SET version = version + 1");
	rotate(the.alpha);
	assert_int_equal(reseal(the.alpha, 1), 0);
	assert_int_equal(number_of("SELECT COUNT(*) FROM fetch_token"), 0);
	assert_true(retire(the.alpha, 1));
}

static void
the_database_refuses_what_is_sealed_to_a_retired_key(void **state)
{
	struct errctx ctx = { 0 };
	(void)state;

	seed_all(the.alpha);
	const struct seal_context context = context_of(&seeds[0], the.alpha);
	auto_free char *hex = sealed_hex(&context, "late");
	auto_free char *text = xasprintf("UPDATE keychain SET parameters_sealed = %s", hex);
	rotate(the.alpha);
	sql(text); /* it is there still */
	reseal(the.alpha, 1);
	assert_true(retire(the.alpha, 1));
	assert_int_equal(db_script(the.store.db, text, &ctx), ERR_NOT_FOUND);
	expect_open(0, the.alpha, "late");
}

static void
a_forged_generation_is_not_sealed_to(void **state)
{
	const struct seal_context context = context_of(&seeds[0], the.alpha);
	struct bytes sealed = { 0 };
	(void)state;

	rotate(the.alpha);
	sql_of(
	    "INSERT INTO team_key (team_id, generation, public_key, signature, private_sealed, "
	    "master_key_id) SELECT team_id, 3, UNHEX(REPEAT('09', 32)), signature, private_sealed, "
	    "master_key_id FROM team_key WHERE generation = 2 AND team_id = %lld",
	    the.alpha);
	sql_of("UPDATE team SET key_generation = 3 WHERE id = %lld", the.alpha);
	assert_int_equal(store_seal(&the.store, &context, "x", 1, &sealed, NULL), ERR_INTEGRITY);
	/* a real key under another number */
	sql("UPDATE team_key a JOIN team_key b ON b.generation = 2 AND b.team_id = a.team_id "
	    "SET a.public_key = b.public_key WHERE a.generation = 3");
	assert_int_equal(store_seal(&the.store, &context, "x", 1, &sealed, NULL), ERR_INTEGRITY);
	the.store.n_damage = 0;
}

static void
a_process_does_not_go_back_to_an_older_generation(void **state)
{
	const struct seal_context context = context_of(&seeds[0], the.alpha);
	struct bytes sealed = { 0 };
	(void)state;

	rotate(the.alpha);
	assert_int_equal(store_seal(&the.store, &context, "x", 1, &sealed, NULL), OK);
	free(sealed.data);
	sql_of("UPDATE team SET key_generation = 1 WHERE id = %lld", the.alpha);
	assert_int_equal(store_seal(&the.store, &context, "x", 1, &sealed, NULL), ERR_INTEGRITY);
	the.store.n_damage = 0;
	sql_of("UPDATE team SET key_generation = 2 WHERE id = %lld", the.alpha);
	assert_int_equal(store_seal(&the.store, &context, "x", 1, &sealed, NULL), OK);
	free(sealed.data);
}

static void
resealing_that_nobody_does_is_ordered_again(void **state)
{
	struct errctx ctx = { 0 };
	int64_t n = 0;
	(void)state;

	rotate(the.alpha);
	ok(team_keys_sweep(&the.store, 10, &n, &ctx), &ctx);
	assert_int_equal(n, 0); /* the job waits */
	sql("UPDATE job SET state = 'failed', active_key = NULL, error = 'unknown kind', "
	    "finished_at = UTC_TIMESTAMP(3)");
	ok(team_keys_sweep(&the.store, 10, &n, &ctx), &ctx);
	assert_int_equal(n, 0); /* just now */
	sql("UPDATE job SET finished_at = finished_at - INTERVAL 1 HOUR");
	ok(team_keys_sweep(&the.store, 10, &n, &ctx), &ctx);
	assert_int_equal(n, 1);
	ok(team_keys_sweep(&the.store, 10, &n, &ctx), &ctx);
	assert_int_equal(n, 0);
	/* one that met values that do not open is not sent after them all the time */
	sql("UPDATE job SET state = 'failed', active_key = NULL, error = '3 values', "
	    "finished_at = UTC_TIMESTAMP(3) - INTERVAL 1 HOUR");
	ok(team_keys_sweep(&the.store, 10, &n, &ctx), &ctx);
	assert_int_equal(n, 0);
	sql("UPDATE job SET finished_at = finished_at - INTERVAL 2 DAY");
	ok(team_keys_sweep(&the.store, 10, &n, &ctx), &ctx);
	assert_int_equal(n, 1);
}

/* ---- the job ---- */

struct payload_row {
	char *text;
};

/* One slice of the job, as the queue would run it. */
static struct task_outcome
slice(void)
{
	static const struct col out[] = { COL(TEXT, struct payload_row, text) };
	static const struct stmt select = { "test_payload",
		"SELECT payload FROM job ORDER BY id DESC LIMIT 1", NULL, 0, out, COL_N(out) };
	struct payload_row row = { 0 };
	struct task_outcome outcome;
	struct errctx ctx = { 0 };

	ok(stmt_one(the.store.db, &select, NULL, &row, &ctx), &ctx);
	struct job job = { .id = number_of("SELECT MAX(id) FROM job"),
		.kind = xstrdup("keys_reseal"),
		.subject = xasprintf("%lld", (long long)the.alpha),
		.payload = row.text };
	struct task *task = task_new(&job);
	ok(kind_load(&the.store, task, &ctx), &ctx);
	assert_true(task->settled);
	outcome = task->outcome;
	if (task->data)
		ok(task->kind->save(&the.store, task, &outcome, &ctx), &ctx);
	task_free(&task);
	return outcome;
}

/* Until it ends, or wants to wait. */
static struct task_outcome
work(void)
{
	struct task_outcome outcome = { 0 };

	for (int i = 0; i < 100; i++) {
		outcome = slice();
		if (outcome.end != JOB_BACK || outcome.delay_ms)
			return outcome;
	}
	fail_msg("it does not come to an end");
	return outcome;
}

static void
the_job_moves_all_waits_a_minute_and_retires(void **state)
{
	struct task_outcome outcome;
	(void)state;

	seed_all(the.alpha);
	rotate(the.alpha);
	outcome = work();
	assert_int_equal(outcome.end, JOB_BACK);
	assert_in_range(outcome.delay_ms, 1, TEAM_KEYS_RETIRE_S * 1000);
	for (size_t i = 0; i < COL_N(seeds); i++)
		assert_int_equal(generation_at(i), 2);
	assert_int_equal(number_for("SELECT COUNT(*) FROM team_key WHERE team_id = %lld",
			     the.alpha),
	    2);
	assert_int_equal(rotate(the.alpha), 3); /* meanwhile: nothing waits for the older one */
	assert_int_equal(work().end, JOB_BACK);
	for (size_t i = 0; i < COL_N(seeds); i++)
		assert_int_equal(generation_at(i), 3);
	sql("UPDATE team_key SET created_at = created_at - INTERVAL 2 MINUTE");
	assert_int_equal(work().end, JOB_DONE);
	assert_int_equal(number_for("SELECT MIN(generation) FROM team_key WHERE team_id = %lld",
			     the.alpha),
	    3);
}

/* The age of the newer key says nothing about when the last value was moved. */
static void
a_key_was_retired_at_once_under_whoever_had_just_read_its_last_value(void **state)
{
	(void)state;

	seed_all(the.alpha);
	rotate(the.alpha);
	sql("UPDATE team_key SET created_at = created_at - INTERVAL 2 HOUR");
	struct task_outcome outcome = work();
	assert_int_equal(outcome.end, JOB_BACK);
	assert_in_range(outcome.delay_ms, 1000, TEAM_KEYS_RETIRE_S * 1000);
	assert_int_equal(generation_at(0), 2);
	assert_int_equal(number_for("SELECT MIN(generation) FROM team_key WHERE team_id = %lld",
			     the.alpha),
	    1);
	assert_int_equal(work().end, JOB_DONE);
	assert_int_equal(number_for("SELECT MIN(generation) FROM team_key WHERE team_id = %lld",
			     the.alpha),
	    2);
}

static void
the_job_passes_values_that_do_not_open_and_says_how_many(void **state)
{
	struct task_outcome outcome;
	(void)state;

	seed_all(the.alpha);
	sql("UPDATE keychain SET parameters_sealed = CONCAT(LEFT(parameters_sealed, 60), "
	    "REPEAT('x', LENGTH(parameters_sealed) - 60))");
	rotate(the.alpha);
	sql("UPDATE team_key SET created_at = created_at - INTERVAL 2 MINUTE");
	sql_of("UPDATE team_key SET created_at = created_at - INTERVAL 1 MINUTE WHERE team_id = "
	       "%lld AND generation = 1",
	    the.alpha);
	assert_int_equal(work().end, JOB_BACK);
	outcome = work();
	assert_int_equal(outcome.end, JOB_FAILED);
	assert_non_null(strstr(outcome.error, "do not open: 1;"));
	for (size_t i = 1; i < COL_N(seeds); i++)
		assert_int_equal(generation_at(i), 2);
	the.store.n_damage = 0;
}

static void
a_payload_from_elsewhere_starts_at_the_beginning(void **state)
{
	static const char *const payloads[] = {
		"{\"newest\":1,\"place\":-5}",
		"{\"newest\":1,\"place\":1,\"passed\":-1}",
		"{\"newest\":7,\"place\":99}",
		"{\"newest\":\"1\",\"place\":\"x\"}",
	};
	(void)state;

	for (size_t i = 0; i < COL_N(payloads); i++) {
		empty(NULL);
		seed_all(the.alpha);
		rotate(the.alpha);
		auto_free char *text = xasprintf("UPDATE job SET payload = '%s'", payloads[i]);
		sql(text);
		work();
		assert_int_equal(generation_at(0), 2);
	}
}

/* ---- the end of all ---- */

static int64_t
destroy(int64_t team_id, int64_t newest)
{
	struct errctx ctx = { 0 };
	int64_t destroyed = 0;

	ok(team_keys_destroy(&the.store, team_id, newest, &destroyed, &ctx), &ctx);
	return destroyed;
}

static enum err
open_at(size_t place, int64_t team_id)
{
	const struct seal_context context = context_of(&seeds[place], team_id);
	struct bytes sealed = value_at(place);
	auto_secret struct secret plain = { 0 };
	enum err err = store_open(&the.store, &context, &sealed, &plain, NULL);

	free(sealed.data);
	return err;
}

static void
destroyed_keys_open_nothing_and_take_nothing(void **state)
{
	const struct seal_context context = context_of(&seeds[0], the.alpha);
	struct bytes sealed = { 0 };
	struct errctx ctx = { 0 };
	int64_t destroyed;
	(void)state;

	seed_all(the.alpha);
	rotate(the.alpha); /* values of one generation, and none yet of the other */
	assert_int_equal(team_keys_destroy(&the.store, the.alpha, 1, &destroyed, &ctx), ERR_STALE);
	err_clear(&ctx);
	assert_int_equal(destroy(the.alpha, 2), 2);
	/* what was opened before is forgotten within KEYRING_TEAM_KEEP_MS */
	keyring_team_forget(the.store.keyring, the.alpha);
	for (size_t i = 0; i < COL_N(seeds); i++)
		assert_int_equal(open_at(i, the.alpha), ERR_GONE);
	assert_int_equal(store_seal(&the.store, &context, "x", 1, &sealed, &ctx), ERR_GONE);
	assert_non_null(strstr(err_text(&ctx), "were destroyed"));
	assert_int_equal(the.store.n_damage, 0);
	assert_int_equal(number_of("SELECT COUNT(*) FROM team_key WHERE destroyed_at IS NOT NULL "
				   "AND TRIM(BOTH '\\0' FROM private_sealed) <> ''"),
	    0);
	assert_int_equal(number_of("SELECT COUNT(*) FROM oauth_grant WHERE refresh_at IS NULL"), 1);
	assert_int_equal(number_of("SELECT COUNT(*) FROM audit WHERE event = 'keys.destroy'"), 1);
	err_clear(&ctx);
	assert_int_equal(team_keys_destroy(&the.store, the.alpha, 2, &destroyed, &ctx), ERR_RULE);
}

static void
a_destroyed_team_gets_a_new_key_and_what_was_lost_stays_lost(void **state)
{
	const struct seal_context context = context_of(&seeds[0], the.alpha);
	struct team_keys_old old;
	struct key_row *keys = NULL;
	struct errctx ctx = { 0 };
	size_t n = 0;
	(void)state;

	seed_all(the.alpha);
	destroy(the.alpha, 1);
	assert_int_equal(rotate(the.alpha), 2);
	keyring_team_forget(the.store.keyring, the.alpha);
	auto_free char *hex = sealed_hex(&context, "new");
	auto_free char *text = xasprintf("UPDATE keychain SET parameters_sealed = %s", hex);
	sql(text);
	expect_open(0, the.alpha, "new");
	assert_int_equal(open_at(1, the.alpha), ERR_GONE);
	/* nothing to move, nothing to retire: the generation stays taken */
	assert_int_equal(team_keys_superseded(&the.store, the.alpha, 0, &old, &ctx), ERR_NOT_FOUND);
	assert_false(retire(the.alpha, 1));
	assert_int_equal(work().end, JOB_DONE);
	ok(key_list(&the.store, the.alpha, &keys, &n, &ctx), &ctx);
	assert_int_equal(n, 2);
	assert_string_equal(keys[0].state, "destroyed");
	assert_int_equal(keys[0].values, COL_N(seeds) - 1);
	assert_string_equal(keys[1].state, "current");
	key_rows_free(&keys, n);
}

static void
destroying_while_values_move_ends_the_moving(void **state)
{
	(void)state;
	seed_all(the.alpha);
	rotate(the.alpha);
	destroy(the.alpha, 2);
	assert_int_equal(work().end, JOB_DONE);
	for (size_t i = 0; i < COL_N(seeds); i++)
		assert_int_equal(generation_at(i), 1);
}

/* A writer of the database has kept the row of old. */
static void
a_row_that_comes_back_is_refused_by_who_has_the_file(void **state)
{
	char path[] = "/tmp/bailee-destroyed.XXXXXX";
	const struct seal_context context = context_of(&seeds[0], the.alpha);
	struct bytes sealed = { 0 };
	struct errctx ctx = { 0 };
	int fd = mkstemp(path);
	(void)state;

	close(fd);
	seed_all(the.alpha);
	sql("CREATE TEMPORARY TABLE kept AS SELECT * FROM team_key");
	destroy(the.alpha, 1);
	ok(keyring_add_destroyed(the.store.keyring, path, the.alpha, 1, &ctx), &ctx);
	sql("UPDATE team_key k JOIN kept o USING (team_id, generation) SET k.private_sealed = "
	    "o.private_sealed, k.destroyed_at = NULL; DROP TEMPORARY TABLE kept");
	sql_of("UPDATE team SET key_generation = 1 WHERE id = %lld", the.alpha);
	keyring_team_forget(the.store.keyring, the.alpha);
	assert_int_equal(open_at(0, the.alpha), ERR_GONE);
	assert_int_equal(store_seal(&the.store, &context, "x", 1, &sealed, NULL), ERR_GONE);
	unlink(path);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, empty)
	const struct CMUnitTest tests[] = {
		TEST(every_sealed_column_is_moved_counted_and_tied_to_its_key),
		TEST(values_of_every_column_move_and_open_and_the_old_key_is_retired),
		TEST(tokens_that_are_sealed_for_a_recipient_move_and_stay_so),
		TEST(tokens_of_an_edited_grant_are_not_made_good),
		TEST(other_teams_stay_as_they_are),
		TEST(many_values_move_in_batches),
		TEST(two_rotations_lead_to_the_newest_key),
		TEST(what_somebody_writes_meanwhile_is_not_overwritten),
		TEST(an_edited_policy_is_not_blessed_and_keeps_the_old_key),
		TEST(a_token_of_an_older_version_goes),
		TEST(the_database_refuses_what_is_sealed_to_a_retired_key),
		TEST(a_forged_generation_is_not_sealed_to),
		TEST(a_process_does_not_go_back_to_an_older_generation),
		TEST(resealing_that_nobody_does_is_ordered_again),
		TEST(the_job_moves_all_waits_a_minute_and_retires),
		TEST(a_key_was_retired_at_once_under_whoever_had_just_read_its_last_value),
		TEST(the_job_passes_values_that_do_not_open_and_says_how_many),
		TEST(a_payload_from_elsewhere_starts_at_the_beginning),
		TEST(destroyed_keys_open_nothing_and_take_nothing),
		TEST(a_destroyed_team_gets_a_new_key_and_what_was_lost_stays_lost),
		TEST(destroying_while_values_move_ends_the_moving),
		TEST(a_row_that_comes_back_is_refused_by_who_has_the_file),
	};

	return cmocka_run_group_tests_name("reseal", tests, world_begin, world_end);
}
