/* SPDX-License-Identifier: Apache-2.0 */
/* Behaviour of the table of job kinds, of payload checks and of tasks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/json.h"
#include "runner/kinds.h"
#include "runner/task.h"

static void
expect_sentence(const char *text)
{
	assert_non_null(text);
	assert_true(strlen(text) > 20);
	assert_in_range(text[0], 'A', 'Z');
	assert_int_equal(text[strlen(text) - 1], '.');
}

static void
every_kind_says_all_about_itself(void **state)
{
	size_t n = 0;
	(void)state;

	for (const struct kind *kind; (kind = kind_at(n)); n++) {
		assert_ptr_equal(kind_find(kind->name), kind);
		assert_true(strlen(kind->name) > 0 && strlen(kind->name) <= 32);
		assert_in_range(kind->timeout_ms, 1000, 600000);
		assert_in_range(kind->max_attempts, 1, 100);
		assert_true(strcmp(kind->audit, "none") == 0 || strchr(kind->audit, '.') != NULL);
		expect_sentence(kind->doc);
		expect_sentence(kind->idempotent);
		assert_non_null(kind->load);
		/* what prepares or saves has data, and data is freed */
		assert_true(kind->free || (!kind->save && !kind->prepare && !kind->start));
	}
	assert_true(n >= 4);
	assert_null(kind_at(n));
	assert_null(kind_find("dance"));
	assert_null(kind_find(""));
}

#define ORPHAN(component, id, url, team)                                                           \
	"{\"component\":\"" component "\",\"remoteId\":" id ",\"baseUrl\":" url                    \
	",\"remoteTeamId\":" team "}"
struct payload_case {
	const char *kind, *subject, *payload;
	enum err err;
};
static const char form[] = "{\"submission\":\"6ba7b810-9dad-41d1-80b4-00c04fd430c8\"}";
static const char uuid[] = "6ba7b810-9dad-41d1-80b4-00c04fd430c8";
static const struct payload_case cases[] = {
	{ "fetch", "1", "{}", OK },
	{ "fetch", "999999999999999999", "{\"version\":3}", OK },
	{ "fetch", "0", "{}", ERR_FIELD },
	{ "fetch", "", "{}", ERR_FIELD },
	{ "fetch", "-1", "{}", ERR_FIELD },
	{ "fetch", "1x", "{}", ERR_FIELD },
	{ "fetch", "9999999999999999999", "{}", ERR_FIELD },
	{ "fetch", "1", "{\"secret\":\"text\"}", ERR_FIELD },
	{ "fulfil", uuid, form, OK },
	{ "fulfil", "7", form, ERR_FIELD },
	{ "fulfil", uuid, "{}", ERR_FIELD },
	{ "fulfil", uuid, "{\"submission\":\"7\"}", ERR_FIELD },
	{ "fulfil", uuid, "{\"submission\":7}", ERR_FIELD },
	{ "fulfil", uuid, "{\"submission\":\"6ba7b810-9dad-41d1-80b4-00c04fd430c8\",\"x\":1}",
	    ERR_FIELD },
	{ "mail", uuid,
	    "{\"request\":\"6ba7b810-9dad-41d1-80b4-00c04fd430c8\",\"template\":\"done\"}", OK },
	{ "mail", uuid,
	    "{\"request\":\"6ba7b810-9dad-41d1-80b4-00c04fd430c8\",\"template\":\"spam\"}",
	    ERR_FIELD },
	{ "mail", uuid,
	    "{\"request\":\"6ba7b810-9dad-41d1-80b4-00c04fd430c9\",\"template\":\"done\"}",
	    ERR_FIELD },
	{ "mail", uuid,
	    "{\"request\":\"6ba7b810-9dad-41d1-80b4-00c04fd430c8\",\"template\":\"done\","
	    "\"secret\":\"x\"}",
	    ERR_FIELD },
	{ "mail", uuid, "{\"template\":\"done\"}", ERR_FIELD },
	{ "decline", uuid, "{\"reason\":\"no\"}", OK },
	{ "decline", uuid, "{\"reason\":null}", OK },
	{ "decline", uuid, "{}", OK },
	{ "decline", uuid, "{\"reason\":[]}", ERR_FIELD },
	{ "decline", uuid, "{\"other\":\"no\"}", ERR_FIELD },
	{ "decline", "x", "{}", ERR_FIELD },
	{ "remote_delete", uuid, "{}", OK },
	{ "remote_delete", uuid, ORPHAN("account", "7", "\"https://a/api/v2\"", "3"), OK },
	{ "remote_delete", uuid, ORPHAN("token", "7", "\"https://a/api/v2\"", "3"), ERR_FIELD },
	{ "remote_delete", uuid, ORPHAN("keychain", "0", "\"https://a/api/v2\"", "3"), ERR_FIELD },
	{ "remote_delete", uuid, ORPHAN("keychain", "7", "null", "3"), ERR_FIELD },
	{ "remote_delete", uuid, ORPHAN("keychain", "7", "\"https://a/api/v2\"", "0"), ERR_FIELD },
	{ "remote_delete", uuid, "{\"component\":\"keychain\",\"remoteId\":7}", ERR_FIELD },
	{ "platform_test", uuid, "{}", OK },
	{ "platform_test", uuid, "{\"x\":1}", ERR_FIELD },
	{ "platform_test", "7", "{}", ERR_FIELD },
	{ "remote_delete", "7", "{}", ERR_FIELD },
	{ "remote_test", "7", "{}", OK },
	{ "remote_test", "7", "{\"credential\":\"6ba7b810-9dad-41d1-80b4-00c04fd430c8\"}", OK },
	{ "remote_test", "7", "{\"credential\":\"7\"}", ERR_FIELD },
	{ "remote_test", "7", "{\"credential\":7}", ERR_FIELD },
	{ "remote_test", "7", "{\"other\":\"6ba7b810-9dad-41d1-80b4-00c04fd430c8\"}", ERR_FIELD },
	{ "remote_test", "7", "{\"credential\":\"6ba7b810-9dad-41d1-80b4-00c04fd430c8\",\"x\":1}",
	    ERR_FIELD },
	{ "remote_test", uuid, "{}", ERR_FIELD },
	{ "remote_test", "0", "{}", ERR_FIELD },
	{ "request_delete", uuid, "{}", OK },
	{ "request_delete", uuid, "{\"x\":1}", ERR_FIELD },
	{ "request_delete", "7", "{}", ERR_FIELD },
};

static void
payloads_hold_ids_and_nothing_else(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct job job = { .subject = xstrdup(cases[i].subject) };
		struct errctx ctx = { 0 };
		json_t *payload = NULL;

		assert_int_equal(json_parse(cases[i].payload, strlen(cases[i].payload), &payload,
				     &ctx),
		    OK);
		assert_int_equal(kind_find(cases[i].kind)->check(&job, payload, &ctx),
		    cases[i].err);
		json_decref(payload);
		job_free(&job);
	}
}

static struct task *
task_of(const char *kind, const char *payload)
{
	struct job job = {
		.id = 7,
		.kind = xstrdup(kind),
		.subject = xstrdup("1"),
		.payload = xstrdup(payload),
		.attempt = 3,
	};
	struct task *task = task_new(&job);

	assert_null(job.kind);
	return task;
}

static void
an_unknown_kind_fails_without_asking_the_database(void **state)
{
	struct task *task = task_of("dance", "{}");
	struct errctx ctx = { 0 };
	(void)state;

	assert_null(task->kind);
	assert_int_equal(kind_load(NULL, task, &ctx), OK);
	assert_true(task->settled);
	assert_int_equal(task->outcome.end, JOB_FAILED);
	assert_string_equal(task->outcome.error, "unknown kind");
	task_free(&task);
	assert_null(task);
	task_free(&task);
}

static void
a_payload_that_is_no_json_fails_without_asking_the_database(void **state)
{
	static const char *const bad[] = { "", "{", "7", "[]", "{\"a\":1,\"a\":2}", "\xff" };
	(void)state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct task *task = task_of("fetch", bad[i]);
		struct errctx ctx = { 0 };

		assert_int_equal(kind_load(NULL, task, &ctx), OK);
		assert_int_equal(task->outcome.end, JOB_FAILED);
		assert_true(task->outcome.error[0] != '\0');
		task_free(&task);
	}
}

static void
a_later_outcome_replaces_the_earlier_one(void **state)
{
	struct task *task = task_of("fetch", "{}");
	(void)state;

	assert_true(task->deadline_ms > task->claimed_ms);
	task_retry_later(task, "not now");
	assert_int_equal(task->outcome.end, JOB_RETRY);
	assert_in_range(task->outcome.delay_ms, 1, 4000);
	task_settle(task, JOB_DONE, NULL);
	assert_int_equal(task->outcome.delay_ms, 0);
	assert_string_equal(task->outcome.error, "");
	char long_text[2000];
	memset(long_text, 'x', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = '\0';
	task_settle(task, JOB_FAILED, "%s", long_text);
	assert_int_equal(strlen(task->outcome.error), sizeof(task->outcome.error) - 1);
	task_free(&task);
}

static void
an_error_ends_with_a_whole_character(void **state)
{
	struct task *task = task_of("fetch", "{}");
	char text[2000];
	(void)state;

	for (size_t i = 0; i + 2 < sizeof(text); i += 2)
		memcpy(text + i, "\xc3\xa9", 3);
	task_settle(task, JOB_FAILED, "x%s", text);
	size_t len = strlen(task->outcome.error);
	assert_in_range(len, sizeof(task->outcome.error) - 3, sizeof(task->outcome.error) - 1);
	assert_int_equal(len % 2, 1);
	task_settle(task, JOB_FAILED, "%s", text);
	assert_int_equal(strlen(task->outcome.error) % 2, 0);
	task_settle(task, JOB_FAILED, "as it came: \xff and more");
	assert_string_equal(task->outcome.error, "as it came: ");
	task_free(&task);
}

static void
only_errors_of_the_database_are_waited_out(void **state)
{
	(void)state;
	assert_true(task_database_away(ERR_LOST));
	assert_true(task_database_away(ERR_UNAVAILABLE));
	assert_true(task_database_away(ERR_CONFLICT));
	assert_true(task_database_away(ERR_UNKNOWN_OUTCOME));
	assert_false(task_database_away(OK));
	assert_false(task_database_away(ERR_STALE));
	assert_false(task_database_away(ERR_INTERNAL));
	assert_false(task_database_away(ERR_NOT_FOUND));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_says_all_about_itself),
		cmocka_unit_test(payloads_hold_ids_and_nothing_else),
		cmocka_unit_test(an_unknown_kind_fails_without_asking_the_database),
		cmocka_unit_test(a_payload_that_is_no_json_fails_without_asking_the_database),
		cmocka_unit_test(a_later_outcome_replaces_the_earlier_one),
		cmocka_unit_test(an_error_ends_with_a_whole_character),
		cmocka_unit_test(only_errors_of_the_database_are_waited_out),
	};

	return cmocka_run_group_tests_name("runner_kinds", tests, NULL, NULL);
}
