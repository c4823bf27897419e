/* SPDX-License-Identifier: Apache-2.0 */
/* Behaviour of statements, transactions and reconnecting against a real MariaDB. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "db/db.h"
#include "db/stmt.h"

static struct config config;
static struct db *db, *other;

struct sample {
	int64_t id, number, maybe, when;
	bool flag;
	struct uuid uuid;
	char *text;
	struct bytes bytes;
};
#define S(type, member) COL(type, struct sample, member)
static const struct col sample_in[] = { S(INT, id), S(INT, number), S(INT0, maybe), S(TIME, when),
	S(BOOL, flag), S(UUID, uuid), S(TEXT, text), S(BYTES, bytes) };
static const struct stmt insert = { "insert", "INSERT INTO sample VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
	sample_in, COL_N(sample_in), NULL, 0 };
static const struct stmt select_all = { "select_all", "SELECT * FROM sample ORDER BY id", NULL, 0,
	sample_in, COL_N(sample_in) };
static const struct col id_in[] = { S(INT, id) };
static const struct stmt select_one = { "select_one", "SELECT * FROM sample WHERE id = ?", id_in, 1,
	sample_in, COL_N(sample_in) };
static const struct stmt increment = { "increment",
	"UPDATE sample SET number = number + 1 WHERE id = ?", id_in, 1, NULL, 0 };
static const struct stmt same = { "same", "UPDATE sample SET number = number WHERE id = ?", id_in,
	1, NULL, 0 };

static int
start(void **state)
{
	struct errctx ctx = { 0 };
	(void)state;

	snprintf(config.db_socket, sizeof(config.db_socket), "%s", getenv("BAILEE_TEST_DB_SOCKET"));
	snprintf(config.db_user, sizeof(config.db_user), "%s", getenv("BAILEE_TEST_DB_USER"));
	snprintf(config.db_name, sizeof(config.db_name), "%s", getenv("BAILEE_TEST_DB_NAME"));
	config.db_timeout_s = 10;
	assert_int_equal(db_open(&config, &db, &ctx), OK);
	assert_int_equal(db_open(&config, &other, &ctx), OK);
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	db_close(&db);
	db_close(&other);
	db_close(&other);
	return 0;
}

static int
fresh_table(void **state)
{
	struct errctx ctx = { 0 };
	(void)state;

	return db_script(db,
	    "DROP TABLE IF EXISTS sample; CREATE TABLE sample (id BIGINT PRIMARY KEY, number "
	    "BIGINT, maybe BIGINT, at DATETIME(3), "
	    "flag BOOLEAN, uuid BINARY(16), text TEXT, bytes MEDIUMBLOB) ENGINE=InnoDB DEFAULT "
	    "CHARSET=utf8mb4",
	    &ctx);
}

static void
add(int64_t id, int64_t number)
{
	struct errctx ctx = { 0 };

	assert_int_equal(stmt_run(db, &insert, &(struct sample){ .id = id, .number = number }, NULL,
			     &ctx),
	    OK);
}

static int64_t
number_of(int64_t id)
{
	struct sample row = { 0 };
	struct errctx ctx = { 0 };

	assert_int_equal(stmt_one(db, &select_one, &(struct sample){ .id = id }, &row, &ctx), OK);
	stmt_row_free(&select_one, &row);
	return row.number;
}

static void
every_type_goes_round_and_null_stays_null(void **state)
{
	struct errctx ctx = { 0 };
	struct sample full = { .id = 1,
		.number = -5,
		.maybe = 7,
		.when = 1795284633501,
		.flag = true,
		.text = (char[]){ "\xc3\xa4 \xf0\x9f\x94\x91" },
		.bytes = { (unsigned char[]){ 0, 1, 255 }, 3 } };
	void *rows = NULL;
	size_t n = 0;
	(void)state;

	uuid_make(&full.uuid);
	assert_int_equal(stmt_run(db, &insert, &full, NULL, &ctx), OK);
	add(2, 0);
	assert_int_equal(stmt_all(db, &select_all, NULL, sizeof(struct sample), &rows, &n, &ctx),
	    OK);
	assert_int_equal(n, 2);
	struct sample *row = rows;
	assert_int_equal(row[0].number, -5);
	assert_int_equal(row[0].maybe, 7);
	assert_int_equal(row[0].when, 1795284633501);
	assert_true(row[0].flag);
	assert_memory_equal(&row[0].uuid, &full.uuid, 16);
	assert_string_equal(row[0].text, full.text);
	assert_int_equal(row[0].bytes.len, 3);
	assert_memory_equal(row[0].bytes.data, full.bytes.data, 3);
	assert_int_equal(row[1].maybe, 0);
	assert_int_equal(row[1].when, 0);
	assert_true(uuid_is_nil(&row[1].uuid));
	assert_null(row[1].text);
	assert_null(row[1].bytes.data);
	stmt_rows_free(&select_all, sizeof(struct sample), &rows, n);
	assert_null(rows);
}

static void
values_longer_than_the_first_room_come_whole(void **state)
{
	struct errctx ctx = { 0 };
	static char text[60000];
	void *rows = NULL;
	size_t n = 0;
	(void)state;

	memset(text, 'x', sizeof(text) - 1);
	for (int i = 1; i <= 3; i++) {
		struct sample row = { .id = i, .text = i == 2 ? text : (char[]){ "short" } };
		assert_int_equal(stmt_run(db, &insert, &row, NULL, &ctx), OK);
	}
	assert_int_equal(stmt_all(db, &select_all, NULL, sizeof(struct sample), &rows, &n, &ctx),
	    OK);
	struct sample *row = rows;
	assert_string_equal(row[0].text, "short");
	assert_int_equal(strlen(row[1].text), sizeof(text) - 1);
	assert_string_equal(row[2].text, "short");
	stmt_rows_free(&select_all, sizeof(struct sample), &rows, n);
}

static void
nothing_found_is_not_found_and_a_duplicate_is_told(void **state)
{
	struct errctx ctx = { 0 };
	struct sample row = { 0 };
	(void)state;

	assert_int_equal(stmt_one(db, &select_one, &(struct sample){ .id = 9 }, &row, &ctx),
	    ERR_NOT_FOUND);
	add(1, 1);
	assert_int_equal(stmt_run(db, &insert, &(struct sample){ .id = 1 }, NULL, &ctx),
	    ERR_DUPLICATE);
	add(2, 2); /* the connection goes on */
}

static void
an_update_that_changes_nothing_still_finds_its_row(void **state)
{
	struct errctx ctx = { 0 };
	int64_t affected = 0;
	(void)state;

	add(1, 1);
	assert_int_equal(stmt_run(db, &same, &(struct sample){ .id = 1 }, &affected, &ctx), OK);
	assert_int_equal(affected, 1);
}

/* ---- transactions ---- */

struct steps {
	int runs;
	int fail_until; /* kill the own connection in runs up to this one */
	bool ignore_failure;
};

static void
kill_connection(struct db *victim)
{
	struct errctx ctx = { 0 };
	struct sample row = { 0 };
	static const struct col out[] = { S(INT, id) };
	static const struct stmt who = { "who", "SELECT CONNECTION_ID()", NULL, 0, out, 1 };
	char sql[64];

	assert_int_equal(stmt_one(victim, &who, NULL, &row, &ctx), OK);
	snprintf(sql, sizeof(sql), "KILL %lld", (long long)row.id);
	assert_int_equal(db_script(other, sql, &ctx), OK);
}

static enum err
two_steps(struct db *tx, void *arg, struct errctx *ctx)
{
	struct steps *steps = arg;
	const struct sample one = { .id = 1 }, two = { .id = 2 };

	steps->runs++;
	enum err err = stmt_run(tx, &increment, &one, NULL, ctx);
	if (!err && steps->runs <= steps->fail_until)
		kill_connection(tx);
	if (!err)
		err = stmt_run(tx, &increment, &two, NULL, ctx);
	return err;
}

static void
a_connection_lost_before_commit_runs_the_transaction_again_and_counts_once(void **state)
{
	struct errctx ctx = { 0 };
	struct steps steps = { .fail_until = 2 };
	(void)state;

	add(1, 0);
	add(2, 0);
	assert_int_equal(db_transaction(db, two_steps, NULL, &steps, &ctx), OK);
	assert_int_equal(steps.runs, 3);
	assert_int_equal(number_of(1), 1);
	assert_int_equal(number_of(2), 1);
}

static void
a_database_that_always_breaks_ends_after_five_runs_with_nothing_written(void **state)
{
	struct errctx ctx = { 0 };
	struct steps steps = { .fail_until = 100 };
	(void)state;

	add(1, 0);
	add(2, 0);
	assert_int_equal(db_transaction(db, two_steps, NULL, &steps, &ctx), ERR_LOST);
	assert_int_equal(steps.runs, 5);
	assert_true(ctx.retry_after_s > 0);
	assert_int_equal(number_of(1), 0);
}

/* The client library notes it with the connection alone: it was taken for an unknown error. */
static void
a_deadlock_while_rows_are_fetched_is_a_deadlock(void **state)
{
	static const struct stmt failing = { "failing",
		"SELECT id, fails_at_two(id), NULL, NULL, NULL, NULL, NULL, NULL FROM sample ORDER "
		"BY id",
		NULL, 0, sample_in, COL_N(sample_in) };
	struct errctx ctx = { 0 };
	void *rows = NULL;
	size_t n = 0;
	(void)state;

	add(1, 0);
	add(2, 0);
	assert_int_equal(
	    db_script(db,
		"CREATE OR REPLACE FUNCTION fails_at_two(n BIGINT) RETURNS BIGINT BEGIN "
		"IF n = 2 THEN SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213; END IF; "
		"RETURN n; END",
		&ctx),
	    OK);
	assert_int_equal(stmt_all(db, &failing, NULL, sizeof(struct sample), &rows, &n, &ctx),
	    ERR_CONFLICT);
	assert_null(rows);
	assert_int_equal(number_of(1), 0); /* the connection is still good */
}

static enum err
ignores_a_failure(struct db *tx, void *arg, struct errctx *ctx)
{
	(void)arg;
	if (stmt_run(tx, &insert, &(struct sample){ .id = 3 }, NULL, ctx))
		return ERR_INTERNAL;
	if (stmt_run(tx, &insert, &(struct sample){ .id = 1 }, NULL, ctx) != ERR_DUPLICATE)
		return ERR_INTERNAL;
	return OK; /* wrong: the statement failed */
}

static void
a_failed_statement_cannot_be_committed_over(void **state)
{
	struct errctx ctx = { 0 };
	struct sample row = { 0 };
	(void)state;

	add(1, 0);
	assert_int_equal(db_transaction(db, ignores_a_failure, NULL, NULL, &ctx), ERR_INTERNAL);
	assert_int_equal(stmt_one(db, &select_one, &(struct sample){ .id = 3 }, &row, &ctx),
	    ERR_NOT_FOUND);
}

static enum err
refuses(struct db *tx, void *arg, struct errctx *ctx)
{
	enum err err = two_steps(tx, arg, ctx);

	return err ? err : err_set(ctx, ERR_VALUE, "", "no");
}

static void
an_error_of_the_body_rolls_back_without_another_run(void **state)
{
	struct errctx ctx = { 0 };
	struct steps steps = { 0 };
	(void)state;

	add(1, 0);
	add(2, 0);
	assert_int_equal(db_transaction(db, refuses, NULL, &steps, &ctx), ERR_VALUE);
	assert_int_equal(steps.runs, 1);
	assert_int_equal(number_of(1), 0);
	assert_string_equal(err_text(&ctx), "no");
}

/* Two transactions that lock two rows in opposite order: one of them meets a deadlock and runs
 * again. */
struct crossing {
	struct db *db;
	int64_t first, second;
	int runs;
	pthread_barrier_t *barrier;
	enum err err;
};

static enum err
cross(struct db *tx, void *arg, struct errctx *ctx)
{
	struct crossing *crossing = arg;
	enum err err =
	    stmt_run(tx, &increment, &(struct sample){ .id = crossing->first }, NULL, ctx);

	if (crossing->runs++ == 0)
		pthread_barrier_wait(crossing->barrier);
	return err ? err
		   : stmt_run(tx, &increment, &(struct sample){ .id = crossing->second }, NULL,
			 ctx);
}

static void *
crossing_thread(void *arg)
{
	struct crossing *crossing = arg;
	struct errctx ctx = { 0 };

	crossing->err = db_transaction(crossing->db, cross, NULL, crossing, &ctx);
	return NULL;
}

static void
a_deadlock_runs_the_loser_again_and_both_count(void **state)
{
	pthread_barrier_t barrier;
	struct crossing a = { .db = db, .first = 1, .second = 2, .barrier = &barrier };
	struct crossing b = { .db = other, .first = 2, .second = 1, .barrier = &barrier };
	pthread_t thread;
	(void)state;

	add(1, 0);
	add(2, 0);
	pthread_barrier_init(&barrier, NULL, 2);
	assert_int_equal(pthread_create(&thread, NULL, crossing_thread, &a), 0);
	crossing_thread(&b);
	pthread_join(thread, NULL);
	pthread_barrier_destroy(&barrier);
	assert_int_equal(a.err, OK);
	assert_int_equal(b.err, OK);
	assert_true(a.runs + b.runs >= 3);
	assert_int_equal(number_of(1), 2);
	assert_int_equal(number_of(2), 2);
}

static void
a_connection_knows_its_account_though_the_caller_s_configuration_is_gone(void **state)
{
	struct config *passing = malloc(sizeof(*passing));
	struct db *own = NULL;
	struct errctx ctx = { 0 };
	(void)state;

	assert_non_null(passing);
	*passing = config;
	assert_int_equal(db_open(passing, &own, &ctx), OK);
	free(passing);
	assert_int_equal(db_ping(own, &ctx), OK);
	db_close(&own);
}

static void
a_read_outside_a_transaction_survives_a_lost_connection(void **state)
{
	(void)state;
	add(1, 42);
	kill_connection(db);
	assert_int_equal(number_of(1), 42);
}

static void
a_write_outside_a_transaction_is_never_repeated(void **state)
{
	struct errctx ctx = { 0 };
	(void)state;

	add(1, 0);
	kill_connection(db);
	assert_int_equal(stmt_run(db, &increment, &(struct sample){ .id = 1 }, NULL, &ctx),
	    ERR_LOST);
	assert_int_equal(number_of(1), 0);
}

static void
a_server_that_is_not_there_is_unavailable_with_a_time_to_retry(void **state)
{
	struct config away = config;
	struct db *gone = NULL;
	struct errctx ctx = { 0 };
	(void)state;

	snprintf(away.db_socket, sizeof(away.db_socket), "/nonexistent.sock");
	assert_int_equal(db_open(&away, &gone, &ctx), OK);
	assert_int_equal(db_ping(gone, &ctx), ERR_UNAVAILABLE);
	assert_true(ctx.retry_after_s > 0);
	db_close(&gone);
	snprintf(away.db_password_file, sizeof(away.db_password_file), "/nonexistent");
	assert_int_equal(db_open(&away, &gone, &ctx), ERR_CONFIG);
}

struct nested {
	enum err inner, outer; /* what the bodies return */
	int inner_runs, outer_runs;
	bool break_once;
};

static enum err
inner_body(struct db *conn, void *arg, struct errctx *ctx)
{
	struct nested *nested = arg;

	nested->inner_runs++;
	enum err err = stmt_run(conn, &increment, &(struct sample){ .id = 1 }, NULL, ctx);
	return err ? err : nested->inner;
}

static enum err
outer_body(struct db *conn, void *arg, struct errctx *ctx)
{
	struct nested *nested = arg;

	if (nested->outer_runs++ == 0 && nested->break_once)
		return ERR_CONFLICT;
	enum err err = db_transaction(conn, inner_body, NULL, nested, ctx);
	if (!err)
		err = db_transaction(conn, inner_body, NULL, nested, ctx);
	/* a handler that does not look must not get through with half of it */
	return err && nested->outer == OK ? OK : err ? err : nested->outer;
}

static void
transactions_inside_of_another_land_with_it_or_not_at_all(void **state)
{
	struct errctx ctx = { 0 };
	struct nested fine = { .break_once = true };
	struct nested later = { .outer = ERR_VALUE };
	struct nested ignored = { .inner = ERR_RULE };
	(void)state;

	add(1, 0);
	assert_int_equal(db_transaction_around(db, outer_body, NULL, &fine, &ctx), OK);
	assert_int_equal(fine.outer_runs, 2);
	assert_int_equal(number_of(1), 2);
	assert_int_equal(db_transaction_around(db, outer_body, NULL, &later, &ctx), ERR_VALUE);
	assert_int_equal(later.inner_runs, 2);
	assert_int_equal(number_of(1), 2);
	assert_int_equal(db_transaction_around(db, outer_body, NULL, &ignored, &ctx), ERR_INTERNAL);
	assert_int_equal(ignored.inner_runs, 1);
	assert_int_equal(number_of(1), 2);
	/* and the next one is on its own again */
	assert_int_equal(db_transaction(db, inner_body, NULL, &later, &ctx), OK);
	assert_int_equal(number_of(1), 3);
}

/* A server whose place another has taken says so for ever on the connection that is there. */
static void
a_connection_to_a_server_that_became_read_only_is_given_up(void **state)
{
	static const struct col session_cols[] = { S(INT, id) };
	static const struct stmt session = { "session", "SELECT CONNECTION_ID()", NULL, 0,
		session_cols, 1 };
	struct sample before = { 0 }, after = { 0 };
	struct errctx ctx = { 0 };
	(void)state;

	assert_int_equal(stmt_one(db, &session, NULL, &before, &ctx), OK);
	assert_int_equal(db_script(db, "SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1290", &ctx),
	    ERR_UNAVAILABLE);
	assert_int_equal(stmt_one(db, &session, NULL, &after, &ctx), OK);
	assert_int_not_equal(after.id, before.id);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(every_type_goes_round_and_null_stays_null, fresh_table),
		cmocka_unit_test_setup(values_longer_than_the_first_room_come_whole, fresh_table),
		cmocka_unit_test_setup(nothing_found_is_not_found_and_a_duplicate_is_told,
		    fresh_table),
		cmocka_unit_test_setup(an_update_that_changes_nothing_still_finds_its_row,
		    fresh_table),
		cmocka_unit_test_setup(
		    a_connection_lost_before_commit_runs_the_transaction_again_and_counts_once,
		    fresh_table),
		cmocka_unit_test_setup(
		    a_database_that_always_breaks_ends_after_five_runs_with_nothing_written,
		    fresh_table),
		cmocka_unit_test_setup(a_deadlock_while_rows_are_fetched_is_a_deadlock,
		    fresh_table),
		cmocka_unit_test_setup(a_failed_statement_cannot_be_committed_over, fresh_table),
		cmocka_unit_test_setup(an_error_of_the_body_rolls_back_without_another_run,
		    fresh_table),
		cmocka_unit_test_setup(a_deadlock_runs_the_loser_again_and_both_count, fresh_table),
		cmocka_unit_test_setup(transactions_inside_of_another_land_with_it_or_not_at_all,
		    fresh_table),
		cmocka_unit_test(
		    a_connection_knows_its_account_though_the_caller_s_configuration_is_gone),
		cmocka_unit_test_setup(a_read_outside_a_transaction_survives_a_lost_connection,
		    fresh_table),
		cmocka_unit_test_setup(a_write_outside_a_transaction_is_never_repeated,
		    fresh_table),
		cmocka_unit_test(a_connection_to_a_server_that_became_read_only_is_given_up),
		cmocka_unit_test_setup(
		    a_server_that_is_not_there_is_unavailable_with_a_time_to_retry, fresh_table),
	};
	return cmocka_run_group_tests_name("db", tests, start, stop);
}
