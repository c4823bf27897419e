/* SPDX-License-Identifier: Apache-2.0 */
/* Behaviour of the queue towards runners and operators, against a real MariaDB. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "db/db.h"
#include "store/housekeeping.h"
#include "store/job.h"
#include "store/migrate.h"

#define JOBS 200

static struct config config;
static struct store one, two;
static struct errctx ctx;

static void
open_store(struct store *store)
{
	struct db *db = NULL;

	assert_int_equal(db_open(&config, &db, &ctx), OK);
	store_init(store, db, NULL);
}

static void
ignore(int version, const char *file)
{
	(void)version;
	(void)file;
}

static int
start(void **state)
{
	(void)state;
	snprintf(config.db_socket, sizeof(config.db_socket), "%s", getenv("BAILEE_TEST_DB_SOCKET"));
	snprintf(config.db_user, sizeof(config.db_user), "%s", getenv("BAILEE_TEST_DB_USER"));
	snprintf(config.db_name, sizeof(config.db_name), "%s", getenv("BAILEE_TEST_DB_NAME"));
	config.db_timeout_s = 10;
	open_store(&one);
	open_store(&two);
	if (migrate_run(&one, getenv("BAILEE_TEST_SCHEMA"), ignore, &ctx))
		fail_msg("%s", err_text(&ctx));
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	store_close(&one);
	store_close(&two);
	return 0;
}

static void
sql(const char *text)
{
	if (db_script(one.db, text, &ctx))
		fail_msg("%s: %s", text, err_text(&ctx));
}

static int
fresh_queue(void **state)
{
	(void)state;
	err_clear(&ctx);
	sql("DELETE FROM job");
	sql("DELETE FROM runner");
	return 0;
}

static int64_t
put(const char *key, int64_t max_attempts)
{
	const struct job_new job = {
		.kind = "fetch",
		.subject = "7",
		.active_key = key,
		.max_attempts = max_attempts,
		.payload = "{}",
	};
	int64_t id = 0;

	assert_int_equal(job_enqueue(&one, &job, &id, &ctx), OK);
	return id;
}

static size_t
claim(struct store *store, const char *owner, size_t most, struct job *jobs)
{
	size_t n = 0;

	if (job_claim(store, &(struct job_claim){ .owner = owner, .lease_s = 60, .most = most },
		jobs, &n, &(bool){ false }, &ctx))
		fail_msg("%s", err_text(&ctx));
	return n;
}

static struct job
claim_one(const char *owner)
{
	struct job jobs[1] = { { 0 } };

	assert_int_equal(claim(&one, owner, 1, jobs), 1);
	return jobs[0];
}

static void
expect_state(int64_t id, const char *state, const char *error)
{
	struct job job = { 0 };

	assert_int_equal(job_show(&one, id, &job, &ctx), OK);
	assert_string_equal(job.state, state);
	if (error)
		assert_string_equal(job.error, error);
	else
		assert_null(job.error);
	job_free(&job);
}

static void
lose_lease(void)
{
	sql("UPDATE job SET lease_until = UTC_TIMESTAMP(3) - INTERVAL 1 SECOND WHERE state = "
	    "'running'");
}

/* ---- claim ---- */

struct claimer {
	struct store *store;
	const char *owner;
	size_t most;
	int64_t ids[JOBS];
	size_t n;
	enum err err;
};

static void *
claim_until_empty(void *arg)
{
	struct claimer *claimer = arg;

	for (int quiet = 0; quiet < 20;) {
		struct job jobs[JOB_CLAIM_MAX];
		size_t n = 0;
		struct errctx own = { 0 };

		claimer->err = job_claim(claimer->store,
		    &(struct job_claim){ .owner = claimer->owner,
			.lease_s = 60,
			.most = claimer->most },
		    jobs, &n, &(bool){ false }, &own);
		if (claimer->err)
			return NULL;
		for (size_t i = 0; i < n; i++) {
			if (claimer->n < JOBS)
				claimer->ids[claimer->n++] = jobs[i].id;
			job_free(&jobs[i]);
		}
		quiet = n ? 0 : quiet + 1;
	}
	return NULL;
}

static int
compare(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void
two_claimers_never_get_the_same_job_and_none_is_left(void **state)
{
	static struct claimer a, b;
	int64_t ids[JOBS * 2];
	pthread_t thread;
	(void)state;

	a = (struct claimer){ .store = &one, .owner = "a", .most = 7 };
	b = (struct claimer){ .store = &two, .owner = "b", .most = 3 };
	for (int i = 0; i < JOBS; i++)
		put(NULL, 3);
	assert_int_equal(pthread_create(&thread, NULL, claim_until_empty, &a), 0);
	claim_until_empty(&b);
	pthread_join(thread, NULL);
	assert_int_equal(a.err, OK);
	assert_int_equal(b.err, OK);
	assert_int_equal(a.n + b.n, JOBS);
	memcpy(ids, a.ids, a.n * sizeof(*ids));
	memcpy(ids + a.n, b.ids, b.n * sizeof(*ids));
	qsort(ids, JOBS, sizeof(*ids), compare);
	for (int i = 1; i < JOBS; i++)
		assert_true(ids[i - 1] < ids[i]);
}

static void
a_claimer_passes_over_rows_another_one_is_looking_at(void **state)
{
	int64_t first = put(NULL, 3), second = put(NULL, 3);
	struct job jobs[2] = { { 0 } };
	(void)state;

	assert_int_equal(db_script(two.db, "START TRANSACTION", &ctx), OK);
	assert_int_equal(db_script(two.db, "SELECT id FROM job ORDER BY id LIMIT 1 FOR UPDATE",
			     &ctx),
	    OK);
	assert_int_equal(claim(&one, "a", 2, jobs), 1);
	assert_int_equal(jobs[0].id, second);
	job_free(&jobs[0]);
	assert_int_equal(db_script(two.db, "ROLLBACK", &ctx), OK);
	assert_int_equal(claim(&one, "a", 2, jobs), 1);
	assert_int_equal(jobs[0].id, first);
	job_free(&jobs[0]);
}

static void
claims_a_full_batch_with_attempt_and_fence_counted(void **state)
{
	struct job jobs[JOB_CLAIM_MAX];
	(void)state;

	for (int i = 0; i < JOB_CLAIM_MAX + 5; i++)
		put(NULL, 3);
	assert_int_equal(claim(&one, "a", JOB_CLAIM_MAX, jobs), JOB_CLAIM_MAX);
	for (size_t i = 0; i < JOB_CLAIM_MAX; i++) {
		struct job now = { 0 };

		assert_int_equal(job_show(&one, jobs[i].id, &now, &ctx), OK);
		assert_string_equal(now.state, "running");
		assert_int_equal(now.attempt, 1);
		assert_int_equal(now.attempt, jobs[i].attempt);
		assert_int_equal(now.fence, jobs[i].fence);
		assert_true(now.started_at > 0);
		if (i > 0)
			assert_true(jobs[i].id > jobs[i - 1].id);
		job_free(&now);
		job_free(&jobs[i]);
	}
	assert_int_equal(claim(&one, "a", JOB_CLAIM_MAX, jobs), 5);
	for (size_t i = 0; i < 5; i++)
		job_free(&jobs[i]);
}

static void
a_job_is_not_claimed_before_its_time(void **state)
{
	const struct job_new later = { .kind = "fetch",
		.subject = "7",
		.delay_ms = 3600000,
		.max_attempts = 3,
		.payload = "{}" };
	struct job jobs[1];
	int64_t id = 0;
	bool due = true;
	(void)state;

	assert_int_equal(job_enqueue(&one, &later, &id, &ctx), OK);
	assert_int_equal(job_due(&one, true, &due, &ctx), OK);
	assert_false(due);
	assert_int_equal(claim(&one, "a", 1, jobs), 0);
}

static void
an_active_key_is_one_job_until_it_has_ended(void **state)
{
	int64_t first = put("fetch:7", 3);
	(void)state;

	assert_int_equal(put("fetch:7", 3), first);
	struct job job = claim_one("a");
	assert_int_equal(put("fetch:7", 3), first);
	assert_int_equal(job_finish(&one, &job, JOB_DONE, NULL, 0, &ctx), OK);
	assert_true(put("fetch:7", 3) > first);
	job_free(&job);
}

struct plan_row {
	int64_t id, rows;
	char *select_type, *table, *type, *possible_keys, *key, *key_len, *ref, *extra;
};
#define P(type, member) COL(type, struct plan_row, member)
static const struct col plan_cols[] = { P(INT, id), P(TEXT, select_type), P(TEXT, table),
	P(TEXT, type), P(TEXT, possible_keys), P(TEXT, key), P(TEXT, key_len), P(TEXT, ref),
	P(INT, rows), P(TEXT, extra) };

static void
expect_plan(const struct stmt *claim_stmt, const char *index)
{
	static struct stmt plans[2];
	static char texts[2][4000];
	static size_t used;
	const int64_t most = JOB_CLAIM_MAX;
	struct plan_row plan = { 0 };

	snprintf(texts[used], sizeof(texts[used]), "EXPLAIN %s", claim_stmt->sql);
	plans[used] = (struct stmt){ "plan", texts[used], claim_stmt->in, claim_stmt->n_in,
		plan_cols, COL_N(plan_cols) };
	const struct stmt *stmt = &plans[used++];
	assert_int_equal(stmt_one(one.db, stmt, &most, &plan, &ctx), OK);
	assert_string_equal(plan.key, index);
	assert_null(strstr(plan.extra ? plan.extra : "", "filesort"));
	assert_null(strstr(plan.extra ? plan.extra : "", "temporary"));
	stmt_row_free(stmt, &plan);
}

/* A sort would lock every row it looks at, and a second claimer would get nothing. */
static void
no_claim_needs_a_filesort(void **state)
{
	(void)state;
	for (int i = 0; i < JOBS; i++)
		put(NULL, 3);
	sql("UPDATE job SET state = 'done', finished_at = UTC_TIMESTAMP(3) WHERE id % 3 = 0");
	sql("UPDATE job SET state = 'running', lease_until = UTC_TIMESTAMP(3) - INTERVAL 1 SECOND "
	    "WHERE id % 3 = 1");
	sql("ANALYZE TABLE job");
	expect_plan(job_claim_statements[0], "job_claim");
	expect_plan(job_claim_statements[1], "job_lease");
	assert_null(job_claim_statements[2]);
}

/* ---- leases and fences ---- */

static void
a_job_whose_lease_ran_out_is_taken_over(void **state)
{
	int64_t id = put("fetch:7", 3);
	struct job jobs[1] = { { 0 } };
	bool due = true;
	(void)state;

	struct job first = claim_one("a");
	assert_int_equal(claim(&two, "b", 1, jobs), 0);
	assert_int_equal(job_due(&one, true, &due, &ctx), OK);
	assert_false(due);
	lose_lease();
	assert_int_equal(job_due(&one, true, &due, &ctx), OK);
	assert_true(due);
	assert_int_equal(claim(&two, "b", 1, jobs), 1);
	assert_int_equal(jobs[0].id, id);
	assert_int_equal(jobs[0].attempt, 2);
	assert_true(jobs[0].fence > first.fence);
	job_free(&jobs[0]);
	job_free(&first);
}

static void
a_result_under_an_old_fence_is_refused(void **state)
{
	int64_t id = put(NULL, 3);
	struct job jobs[1] = { { 0 } };
	bool held = true;
	(void)state;

	struct job first = claim_one("a");
	lose_lease();
	assert_int_equal(claim(&two, "b", 1, jobs), 1);
	for (enum job_end end = JOB_DONE; end <= JOB_BACK; end++) {
		assert_int_equal(job_finish(&one, &first, end, "late", 0, &ctx), ERR_STALE);
		err_clear(&ctx);
	}
	assert_int_equal(job_is_held(&one, &first, &held, &ctx), OK);
	assert_false(held);
	assert_int_equal(job_is_held(&one, &jobs[0], &held, &ctx), OK);
	assert_true(held);
	expect_state(id, "running", NULL);
	assert_int_equal(job_finish(&two, &jobs[0], JOB_DONE, NULL, 0, &ctx), OK);
	assert_int_equal(job_finish(&two, &jobs[0], JOB_DONE, NULL, 0, &ctx), ERR_STALE);
	expect_state(id, "done", NULL);
	job_free(&jobs[0]);
	job_free(&first);
}

static void
renewing_keeps_what_is_named_and_lets_go_of_the_rest(void **state)
{
	struct job jobs[3] = { { 0 } }, taken[3] = { { 0 } };
	(void)state;

	for (int i = 0; i < 3; i++)
		put(NULL, 3);
	assert_int_equal(claim(&one, "a", 3, jobs), 3);
	lose_lease();
	assert_int_equal(job_beat(&one, "a", (int64_t[]){ jobs[0].id, jobs[2].id }, 2, 60, &ctx),
	    OK);
	assert_int_equal(job_beat(&one, "somebody else", (int64_t[]){ jobs[1].id }, 1, 60, &ctx),
	    OK);
	assert_int_equal(claim(&two, "b", 3, taken), 1);
	assert_int_equal(taken[0].id, jobs[1].id);
	job_free(&taken[0]);
	for (int i = 0; i < 3; i++)
		job_free(&jobs[i]);
}

/* ---- ends ---- */

static void
a_retried_job_waits_and_is_dead_after_its_attempts(void **state)
{
	int64_t id = put("fetch:7", 2);
	(void)state;

	struct job job = claim_one("a");
	assert_int_equal(job_finish(&one, &job, JOB_RETRY, "no luck", 3600000, &ctx), OK);
	expect_state(id, "queued", "no luck");
	assert_int_equal(put("fetch:7", 2), id);
	job_free(&job);
	struct job none[1];
	assert_int_equal(claim(&one, "a", 1, none), 0);
	sql("UPDATE job SET run_at = UTC_TIMESTAMP(3)");
	job = claim_one("a");
	assert_int_equal(job.attempt, 2);
	assert_int_equal(job_finish(&one, &job, JOB_RETRY, "no luck again", 0, &ctx), OK);
	expect_state(id, "dead", "no luck again");
	assert_true(put("fetch:7", 2) > id);
	job_free(&job);
}

static void
a_runner_lost_on_the_last_attempt_makes_the_job_dead(void **state)
{
	int64_t id = put("fetch:7", 1);
	struct job jobs[1], job = claim_one("a");
	(void)state;

	lose_lease();
	assert_int_equal(claim(&two, "b", 1, jobs), 0);
	expect_state(id, "dead", "the runner ended in the middle of the last attempt");
	assert_int_equal(job_finish(&one, &job, JOB_DONE, NULL, 0, &ctx), ERR_STALE);
	assert_true(put("fetch:7", 1) > id);
	job_free(&job);
}

static void
a_job_handed_back_has_lost_no_attempt(void **state)
{
	int64_t id = put(NULL, 1);
	struct job job = claim_one("a");
	(void)state;

	assert_int_equal(job_finish(&one, &job, JOB_BACK, NULL, 0, &ctx), OK);
	expect_state(id, "queued", NULL);
	int64_t fence = job.fence;
	job_free(&job);
	job = claim_one("b");
	assert_int_equal(job.attempt, 1);
	assert_true(job.fence > fence);
	job_free(&job);
}

static void
an_over_long_error_is_cut_not_refused(void **state)
{
	char error[2000];
	int64_t id = put(NULL, 1);
	struct job job = claim_one("a"), now = { 0 };
	(void)state;

	memset(error, 'x', sizeof(error) - 1);
	error[sizeof(error) - 1] = '\0';
	assert_int_equal(job_finish(&one, &job, JOB_FAILED, error, 0, &ctx), OK);
	assert_int_equal(job_show(&one, id, &now, &ctx), OK);
	assert_int_equal(strlen(now.error), 512);
	job_free(&now);
	job_free(&job);
}

static void
backoff_grows_with_jitter_up_to_ten_minutes(void **state)
{
	int64_t most = 0;
	(void)state;

	for (int i = 0; i < 200; i++) {
		assert_in_range(job_backoff_ms(1), 1, 1000);
		assert_in_range(job_backoff_ms(4), 1, 8000);
		int64_t pause = job_backoff_ms(1000000);
		assert_in_range(pause, 1, 600000);
		most = pause > most ? pause : most;
	}
	assert_true(most > 300000);
}

/* ---- operators ---- */

static void
lists_newest_first_and_by_state(void **state)
{
	int64_t first = put(NULL, 1), second = put(NULL, 1);
	struct job job = claim_one("a"), *jobs = NULL;
	size_t n = 0;
	(void)state;

	assert_int_equal(job_list(&one, NULL, 10, &jobs, &n, &ctx), OK);
	assert_int_equal(n, 2);
	assert_int_equal(jobs[0].id, second);
	assert_int_equal(jobs[1].id, first);
	for (size_t i = 0; i < n; i++)
		job_free(&jobs[i]);
	free(jobs);
	assert_int_equal(job_list(&one, "running", 10, &jobs, &n, &ctx), OK);
	assert_int_equal(n, 1);
	assert_int_equal(jobs[0].id, first);
	job_free(&jobs[0]);
	free(jobs);
	job_free(&job);
}

static void
only_ended_jobs_are_put_back_and_only_one_per_key(void **state)
{
	int64_t id = put("fetch:7", 1);
	struct job job = claim_one("a");
	(void)state;

	assert_int_equal(job_retry(&one, id, &ctx), ERR_NOT_FOUND);
	assert_int_equal(job_finish(&one, &job, JOB_FAILED, "no", 0, &ctx), OK);
	job_free(&job);
	int64_t newer = put("fetch:7", 1);
	assert_int_equal(job_retry(&one, id, &ctx), ERR_VALUE);
	job = claim_one("a");
	assert_int_equal(job.id, newer);
	assert_int_equal(job_finish(&one, &job, JOB_DONE, NULL, 0, &ctx), OK);
	job_free(&job);
	assert_int_equal(job_retry(&one, newer, &ctx), ERR_NOT_FOUND);
	assert_int_equal(job_retry(&one, id, &ctx), OK);
	assert_int_equal(put("fetch:7", 1), id);
	job = claim_one("a");
	assert_int_equal(job.id, id);
	assert_int_equal(job.attempt, 1);
	job_free(&job);
	struct job gone = { 0 };
	assert_int_equal(job_show(&one, 999999999, &gone, &ctx), ERR_NOT_FOUND);
}

static void
runners_are_seen_while_they_beat(void **state)
{
	int64_t age = 0;
	(void)state;

	assert_int_equal(runner_age_s(&one, &age, &ctx), OK);
	assert_true(age > RUNNER_AWAY_S);
	assert_int_equal(runner_beat(&one, "r", "host", 12, &ctx), OK);
	assert_int_equal(runner_beat(&one, "r", "host", 12, &ctx), OK);
	assert_int_equal(runner_age_s(&one, &age, &ctx), OK);
	assert_in_range(age, 0, 2);
	assert_int_equal(runner_leave(&one, "r", &ctx), OK);
	assert_int_equal(runner_age_s(&one, &age, &ctx), OK);
	assert_in_range(age, RUNNER_AWAY_S - RUNNER_RESTART_S, RUNNER_AWAY_S - 2);
}

/* ---- housekeeping ---- */

static int64_t
clean(const char *name)
{
	int64_t deleted = -1;

	for (const struct housekeeping_rule *rule = housekeeping_rules; rule->name; rule++)
		if (strcmp(rule->name, name) == 0 &&
		    housekeeping_run(&one, rule, 90, &deleted, &ctx))
			fail_msg("%s: %s", name, err_text(&ctx));
	return deleted;
}

static void
every_rule_of_housekeeping_runs_on_an_empty_database(void **state)
{
	(void)state;
	for (const struct housekeeping_rule *rule = housekeeping_rules; rule->name; rule++)
		assert_int_equal(clean(rule->name), 0);
}

static void
housekeeping_deletes_the_old_and_keeps_the_young(void **state)
{
	(void)state;
	sql("INSERT INTO link_failure (request_id, failed_at) VALUES (REPEAT('a', 16), "
	    "UTC_TIMESTAMP(3) - INTERVAL 2 DAY), (REPEAT('a', 16), UTC_TIMESTAMP(3))");
	assert_int_equal(clean("link_failure"), 1);
	assert_int_equal(clean("link_failure"), 0);
	sql("DELETE FROM link_failure WHERE 1 = 1");
	int64_t id = put(NULL, 1), young = put(NULL, 1);
	struct job jobs[2] = { { 0 } };
	assert_int_equal(claim(&one, "a", 2, jobs), 2);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(job_finish(&one, &jobs[i], JOB_DONE, NULL, 0, &ctx), OK);
		job_free(&jobs[i]);
	}
	int64_t waiting = put(NULL, 1);
	sql("UPDATE job SET finished_at = UTC_TIMESTAMP(3) - INTERVAL 91 DAY ORDER BY id LIMIT 1");
	assert_int_equal(clean("job"), 1);
	assert_int_equal(job_show(&one, id, &jobs[0], &ctx), ERR_NOT_FOUND);
	expect_state(young, "done", NULL);
	expect_state(waiting, "queued", NULL);
	sql("INSERT INTO runner (id, host, pid, started_at, seen_at) VALUES "
	    "('old', 'h', 1, UTC_TIMESTAMP(3), UTC_TIMESTAMP(3) - "
	    "INTERVAL 2 HOUR), ('new', 'h', 1, UTC_TIMESTAMP(3), UTC_TIMESTAMP(3))");
	assert_int_equal(clean("runner"), 1);
}

/* ---- shares ---- */

static size_t
room_for(void *arg, int64_t team_id)
{
	(void)arg;
	return team_id == 1 ? 2 : 100;
}

static void
put_for(int64_t team_id, int times)
{
	const struct job_new job = { .kind = "fetch",
		.subject = "7",
		.team_id = team_id,
		.max_attempts = 3,
		.payload = "{}" };
	int64_t id = 0;

	for (int i = 0; i < times; i++)
		assert_int_equal(job_enqueue(&one, &job, &id, &ctx), OK);
}

/* Takes `most` for the team of room_for(); gives how many of them are team 1's. */
static size_t
claim_shares(size_t most, size_t *n_out, bool *more_out)
{
	const struct job_claim claim = { .owner = "me",
		.lease_s = 60,
		.most = most,
		.room = room_for };
	struct job jobs[JOB_CLAIM_MAX];
	size_t ones = 0;

	assert_int_equal(job_claim(&one, &claim, jobs, n_out, more_out, &ctx), OK);
	for (size_t i = 0; i < *n_out; i++) {
		ones += jobs[i].team_id == 1;
		job_free(&jobs[i]);
	}
	return ones;
}

static void
a_team_without_room_is_passed_over_and_comes_again(void **state)
{
	size_t n = 0, got = 0;
	bool more = false;

	(void)state;
	put_for(1, 10);
	put_for(2, 3);
	put_for(0, 1);
	assert_int_equal(claim_shares(10, &n, &more), 2);
	assert_int_equal(n, 6);
	assert_true(more);
	for (int i = 0; i < 4; i++)
		got += claim_shares(10, &n, &more);
	assert_int_equal(got, 8);
	assert_false(more);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup(name, fresh_queue)
	const struct CMUnitTest tests[] = {
		T(a_team_without_room_is_passed_over_and_comes_again),
		T(two_claimers_never_get_the_same_job_and_none_is_left),
		T(a_claimer_passes_over_rows_another_one_is_looking_at),
		T(claims_a_full_batch_with_attempt_and_fence_counted),
		T(a_job_is_not_claimed_before_its_time),
		T(an_active_key_is_one_job_until_it_has_ended),
		T(no_claim_needs_a_filesort),
		T(a_job_whose_lease_ran_out_is_taken_over),
		T(a_result_under_an_old_fence_is_refused),
		T(renewing_keeps_what_is_named_and_lets_go_of_the_rest),
		T(a_retried_job_waits_and_is_dead_after_its_attempts),
		T(a_runner_lost_on_the_last_attempt_makes_the_job_dead),
		T(a_job_handed_back_has_lost_no_attempt),
		T(an_over_long_error_is_cut_not_refused),
		T(backoff_grows_with_jitter_up_to_ten_minutes),
		T(lists_newest_first_and_by_state),
		T(only_ended_jobs_are_put_back_and_only_one_per_key),
		T(runners_are_seen_while_they_beat),
		T(every_rule_of_housekeeping_runs_on_an_empty_database),
		T(housekeeping_deletes_the_old_and_keeps_the_young),
	};

	return cmocka_run_group_tests_name("job_queue", tests, start, stop);
}
