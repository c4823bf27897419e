/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials that jobs need, and what such jobs are told and say, on a real MariaDB. */
#include "world.h"

#include "base/alloc.h"
#include "store/credential_need.h"
#include "store/job.h"
#include "store/job_value.h"
#include "store/user_credential.h"

/* ---- shorthands ---- */

static int64_t
make(int64_t team_id, const struct caller *owner, const char *name, const char *read_access,
    const json_t *slugs)
{
	json_auto_t *definition = json_pack("{s:s}", "value", "secret");
	struct audit_entry audit = { .event = "test",
		.actor = "token:test",
		.person_id = owner->id };
	struct user_credential credential = { 0 };
	struct errctx ctx = { 0 };

	ok(user_credential_create(&the.store, &audit,
	       &(struct user_credential_change){ .mode = "TEXT",
		   .team_id = team_id,
		   .name = name,
		   .read_access = read_access,
		   .shared_team_slugs = slugs,
		   .definition = definition },
	       &credential, &ctx),
	    &ctx);
	int64_t id = credential.place.id;
	user_credential_free(&credential);
	return id;
}

/* The id that a team means by a slug; 0: none, -1: several. */
static int64_t
meant(int64_t team_id, const char *slug)
{
	const struct credential_asker asker = { .team_id = team_id };
	struct credential_need need = { 0 };
	struct errctx ctx = { 0 };
	enum err err = credential_need_find(&the.store, &asker, slug, &need, &ctx);
	int64_t id = need.subject.place.id;

	credential_need_free(&need);
	if (!err)
		return id;
	assert_true(err == ERR_NOT_FOUND || err == ERR_VALUE);
	return err == ERR_VALUE ? -1 : 0;
}

static int64_t
put_job(const char *kind, const char *subject, const char *payload)
{
	const struct job_new job = { .kind = kind,
		.subject = subject,
		.team_id = the.alpha,
		.max_attempts = 1,
		.payload = payload };
	struct errctx ctx = { 0 };
	int64_t id = 0;

	ok(job_enqueue(&the.store, &job, &id, &ctx), &ctx);
	return id;
}

static int
empty(void **state)
{
	(void)state;
	sql("DELETE FROM user_credential; DELETE FROM job; DELETE FROM job_value");
	return 0;
}

/* ---- by slug ---- */

static void
a_slug_means_the_teams_own_credential_before_a_shared_one(void **state)
{
	json_auto_t *for_alpha = json_pack("[s]", "alpha"), *for_beta = json_pack("[s]", "beta");
	int64_t shared = make(the.beta, &the.ben, "a key", "GLOBAL", NULL), own, other;
	(void)state;

	assert_int_equal(meant(the.alpha, "a_key"), shared);
	assert_int_equal(meant(the.gamma, "a_key"), 0); /* another organization */
	own = make(the.alpha, &the.ada, "a key", NULL, NULL);
	assert_int_equal(meant(the.alpha, "a_key"), own);
	assert_int_equal(meant(the.beta, "a_key"), shared);
	assert_int_equal(meant(the.alpha, "no_key"), 0);

	make(the.beta, &the.ben, "hidden", "TEAM", NULL);
	assert_int_equal(meant(the.alpha, "hidden"), 0);
	make(the.beta, &the.ben, "for itself", "SPECIFIC_TEAMS", for_beta);
	assert_int_equal(meant(the.alpha, "for_itself"), 0);
	other = make(the.beta, &the.ben, "for us", "SPECIFIC_TEAMS", for_alpha);
	assert_int_equal(meant(the.alpha, "for_us"), other);
}

/* ---- tokens ---- */

static bool
has_token(const struct credential_asker *asker, int64_t id)
{
	struct credential_need need = { 0 };
	struct errctx ctx = { 0 };

	ok(credential_need_get(&the.store, asker, id, &need, &ctx), &ctx);
	bool has = need.token_sealed.data != NULL;
	credential_need_free(&need);
	return has;
}

static void
put_token(int64_t id, const char *fetched, const char *fresh, const char *expires)
{
	auto_free char *text = xasprintf(
	    "DELETE FROM fetch_token; INSERT INTO fetch_token (credential_id, version, job_id, "
	    "team_id, token_sealed, fetched_at, fresh_until, expires_at) SELECT id, version, 1, "
	    "team_id, 'x', "
	    "UTC_TIMESTAMP(3) + INTERVAL %s SECOND, UTC_TIMESTAMP(3) + INTERVAL %s SECOND, "
	    "UTC_TIMESTAMP(3) + INTERVAL %s SECOND FROM user_credential WHERE id = %lld",
	    fetched, fresh, expires, (long long)id);

	sql(text);
}

static void
a_token_counts_when_it_is_fresh_or_was_fetched_for_the_job(void **state)
{
	int64_t id = make(the.alpha, &the.ada, "fetched", NULL, NULL);
	int64_t job_id = put_job("lend", "1", "{}");
	struct job job = { 0 };
	struct errctx ctx = { 0 };
	(void)state;

	ok(job_show(&the.store, job_id, &job, &ctx), &ctx);
	const struct credential_asker with = { .job = &job }, without = { 0 };
	assert_false(has_token(&without, id));
	put_token(id, "-50", "10", "NULL");
	assert_true(has_token(&without, id));
	put_token(id, "-50", "4", "NULL"); /* less than the margin */
	assert_false(has_token(&without, id));
	assert_false(has_token(&with, id));
	put_token(id, "1", "1", "NULL"); /* not kept, but fetched since */
	assert_false(has_token(&without, id));
	assert_true(has_token(&with, id));
	put_token(id, "-50", "-50", "NULL");
	assert_false(has_token(&with, id));
	put_token(id, "1", "1", "4"); /* and ends too soon */
	assert_false(has_token(&with, id));
	put_token(id, "1", "1", "10");
	assert_true(has_token(&with, id));
	sql("UPDATE user_credential SET version = version + 1");
	assert_false(has_token(&with, id));
	job_free(&job);
}

static void
a_failure_counts_when_its_fetch_was_put_in_later(void **state)
{
	int64_t id = make(the.alpha, &the.ada, "failing", NULL, NULL);
	int64_t before = put_job("fetch", "1", "{}"), asks = put_job("lend", "1", "{}");
	int64_t later = put_job("fetch", "2", "{}");
	const struct fetch_log failed = { .credential_id = id,
		.started_at = 1000,
		.outcome = "failed",
		.reason = "no",
		.steps = "[]" };
	struct fetch_log entry = failed;
	struct job job = { 0 };
	struct credential_need need = { 0 };
	struct errctx ctx = { 0 };
	(void)state;

	ok(job_show(&the.store, asks, &job, &ctx), &ctx);
	const struct credential_asker asker = { .job = &job };
	entry.job_id = before;
	ok(fetch_log_add(&the.store, &entry, &ctx), &ctx);
	ok(credential_need_get(&the.store, &asker, id, &need, &ctx), &ctx);
	assert_null(need.failed);
	credential_need_free(&need);
	entry.job_id = later;
	ok(fetch_log_add(&the.store, &entry, &ctx), &ctx);
	ok(credential_need_get(&the.store, &asker, id, &need, &ctx), &ctx);
	assert_string_equal(need.failed, "no");
	credential_need_free(&need);
	job_free(&job);
}

/* ---- values of jobs ---- */

static void
a_value_is_sealed_opened_replaced_and_forgotten(void **state)
{
	int64_t job_id = put_job("lend", "7", "{\"person\":5}");
	json_auto_t *said = json_pack("{s:s}", "body", "canary-job-value-3141");
	json_auto_t *more = json_pack("{s:s}", "body", "replaced");
	struct job_value value = { 0 }, again = { 0 };
	json_t *opened = NULL;
	struct errctx ctx = { 0 };
	(void)state;

	assert_int_equal(job_value_open(&the.store, job_id, JOB_VALUE_OUT, &opened, &ctx),
	    ERR_NOT_FOUND);
	ok(job_value_seal(&the.store, JOB_VALUE_OUT, the.alpha, said, &value, &ctx), &ctx);
	ok(job_value_add(&the.store, job_id, &value, &ctx), &ctx);
	ok(job_value_open(&the.store, job_id, JOB_VALUE_OUT, &opened, &ctx), &ctx);
	assert_true(json_equal(opened, said));
	json_decref(opened);
	assert_int_equal(number_of("SELECT COUNT(*) FROM job_value WHERE "
				   "LOCATE('canary-job-value', value_sealed) > 0"),
	    0);
	assert_int_equal(job_value_open(&the.store, job_id, JOB_VALUE_IN, &opened, &ctx),
	    ERR_NOT_FOUND);
	ok(job_value_seal(&the.store, JOB_VALUE_OUT, the.alpha, more, &again, &ctx), &ctx);
	ok(job_value_add(&the.store, job_id, &again, &ctx), &ctx);
	ok(job_value_open(&the.store, job_id, JOB_VALUE_OUT, &opened, &ctx), &ctx);
	assert_true(json_equal(opened, more));
	json_decref(opened);
	/* what was said must not become what somebody is told */
	sql("UPDATE job_value SET direction = 'in'");
	assert_int_equal(job_value_open(&the.store, job_id, JOB_VALUE_IN, &opened, &ctx),
	    ERR_INTEGRITY);
	ok(job_value_forget(&the.store, job_id, &ctx), &ctx);
	assert_int_equal(number_of("SELECT COUNT(*) FROM job_value"), 0);
	job_value_free(&value);
	job_value_free(&again);
}

static void
only_who_has_asked_may_collect(void **state)
{
	int64_t job_id = put_job("lend", "7", "{\"person\":5}");
	struct errctx ctx = { 0 };
	(void)state;

	ok(job_value_check(&the.store, job_id, "lend", "7", 5, &ctx), &ctx);
	assert_int_equal(job_value_check(&the.store, job_id, "lend", "7", 6, &ctx), ERR_NOT_FOUND);
	assert_int_equal(job_value_check(&the.store, job_id, "lend", "8", 5, &ctx), ERR_NOT_FOUND);
	assert_int_equal(job_value_check(&the.store, job_id, "dry_run", "7", 5, &ctx),
	    ERR_NOT_FOUND);
	assert_int_equal(job_value_check(&the.store, job_id + 1, "lend", "7", 5, &ctx),
	    ERR_NOT_FOUND);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, empty)
	const struct CMUnitTest tests[] = {
		TEST(a_slug_means_the_teams_own_credential_before_a_shared_one),
		TEST(a_token_counts_when_it_is_fresh_or_was_fetched_for_the_job),
		TEST(a_failure_counts_when_its_fetch_was_put_in_later),
		TEST(a_value_is_sealed_opened_replaced_and_forgotten),
		TEST(only_who_has_asked_may_collect),
	};

	return cmocka_run_group_tests_name("credential_need", tests, world_begin, world_end);
}
