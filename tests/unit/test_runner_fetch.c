/* SPDX-License-Identifier: Apache-2.0 */
/* Behaviour of a fetch on the loop's thread, against a server on loopback, without a database. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/json.h"
#include "runner/fetch.h"
#include "runner/kinds.h"
#include "runner/loop.h"

#pragma GCC diagnostic ignored "-Wunused-function" /* not all of the server is needed here */
#include "canned_server.h"

static struct server server;
static struct loop *loop;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct task_list done = TAILQ_HEAD_INITIALIZER(done);

static void
take(void *arg, struct task_list *ended)
{
	(void)arg;
	pthread_mutex_lock(&lock);
	TAILQ_CONCAT(&done, ended, link);
	pthread_mutex_unlock(&lock);
}

static int
open_loop(void **state)
{
	struct http_client_options options = { 0 };
	struct errctx ctx = { 0 };
	(void)state;

	assert_int_equal(address_guard_parse("127.0.0.0/8", &options.guard, &ctx), OK);
	assert_int_equal(loop_open(&options, take, NULL, &loop, &ctx), OK);
	return 0;
}

static int
close_loop(void **state)
{
	(void)state;
	loop_close(&loop);
	loop_close(&loop);
	return 0;
}

static int
start(void **state)
{
	(void)state;
	server_start(&server);
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	server_stop(&server);
	return 0;
}

/* A fetch as kind fetch's load leaves it; "$" in `definition` is where the server is. */
static struct task *
make(const char *definition)
{
	struct job job = {
		.id = 1,
		.kind = xstrdup("fetch"),
		.subject = xstrdup("1"),
		.payload = xstrdup("{}"),
		.attempt = 1,
	};
	struct task *task = task_new(&job);
	struct fetch *fetch = xcalloc(1, sizeof(*fetch));
	struct buf text = BUF_INIT(65536);

	for (const char *c = definition; *c; c++) {
		if (*c == '$')
			buf_printf(&text, "http://127.0.0.1:%u", server.port);
		else
			buf_add_char(&text, *c);
	}
	assert_int_equal(json_parse(text.data, text.len, &fetch->plan, NULL), OK);
	buf_free(&text);
	fetch->subject.slug = xstrdup("my_slug");
	fetch->roots = json_object();
	fetch->n_requests = json_array_size(json_object_get(fetch->plan, "requests"));
	task->data = fetch;
	return task;
}

static void
give(struct task *task)
{
	struct task_list tasks = TAILQ_HEAD_INITIALIZER(tasks);

	TAILQ_INSERT_TAIL(&tasks, task, link);
	loop_give(loop, &tasks);
	assert_true(TAILQ_EMPTY(&tasks));
}

static struct task *
wait_for_one(void)
{
	struct task *task = NULL;

	for (int i = 0; i < 3000 && !task; i++) {
		const struct timespec pause = { 0, 5000000 };

		pthread_mutex_lock(&lock);
		if ((task = TAILQ_FIRST(&done)))
			TAILQ_REMOVE(&done, task, link);
		pthread_mutex_unlock(&lock);
		if (!task)
			nanosleep(&pause, NULL);
	}
	if (!task)
		fail_msg("no task came back within 15 seconds");
	else
		assert_true(task->settled);
	return task;
}

static struct task *
run(const char *definition)
{
	give(make(definition));
	return wait_for_one();
}

#define GET(path) "{\"options\":{\"url\":\"$" path "\",\"method\":\"get\"},\"secret\":null}"
#define AT(location) "{\"location\":\"" location "\",\"requests\":[" GET("/ok") "]}"

struct location_case {
	const char *definition;
	const char *token; /* NULL: fails… */
	const char *error; /* …with this in its text */
};
static const struct location_case locations[] = {
	{ AT("=my_slug.body"), "hello", NULL },
	{ AT("\\\\=credential_name.body"), "hello", NULL },
	{ AT("=response.headers['X-One']"), "1", NULL },
	{ AT("=response.status"), "200", NULL },
	{ AT("=JSON_PARSE('{\\\"a\\\":[1]}')"), "{\"a\":[1]}", NULL },
	{ AT("tok-<<response.body>>"), "tok-hello", NULL },
	{ AT("=response.body.token"), NULL, "nothing in the answer" },
	{ AT("=null"), NULL, "nothing in the answer" },
	{ AT("=''"), NULL, "empty" },
	{ AT("=JSON_PARSE('{}')"), NULL, "empty" },
	{ AT("=JSON_PARSE('[]')"), NULL, "empty" },
	{ AT("=1 + 'a'"), NULL, "the location of the token: " },
	{ AT("=secret"), NULL, "nothing in the answer" },
	{ AT("=response.headers['x-bad'] + 1"), NULL, "the location of the token: " },
};

static void
the_location_decides_what_the_token_is(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(locations) / sizeof(locations[0]); i++) {
		struct task *task = run(locations[i].definition);
		struct fetch *fetch = task->data;

		if (locations[i].token) {
			assert_string_equal(task->outcome.error, "");
			assert_int_equal(task->outcome.end, JOB_DONE);
			assert_string_equal(secret_text(&fetch->token), locations[i].token);
		} else {
			assert_int_equal(task->outcome.end, JOB_FAILED);
			assert_non_null(strstr(task->outcome.error, locations[i].error));
			assert_int_equal(fetch->token.len, 0);
		}
		task_free(&task);
	}
}

static void
a_request_sees_its_own_secret_and_the_answers_before_it(void **state)
{
	struct task *task =
	    run("{\"location\":\"=response.body\",\"requests\":[{\"options\":{\"url\":\"$/ok\","
		"\"method\":\"get\",\"headers\":{\"X\":\"<<PREVIOUS_STEP.body>>\"}},\"secret\":"
		"\"first\"}," GET("/login") ",{\"options\":{\"url\":\"$/echo\",\"content_type\":"
					    "\"form\",\"payload\":{\"s\":\"<<secret>>\",\"p\":"
					    "\"<<PREVIOUS_STEP.body>>\",\"q\":\"<<STEPS[0].body>>"
					    "\",\"t\":\"<<PREVIOUS_STEP.status>>\"}},\"secret\":"
					    "\"third\"}]}");
	struct fetch *fetch = task->data;
	(void)state;

	assert_string_equal(task->outcome.error, "");
	const char *body = strstr(secret_text(&fetch->token), "\r\n\r\n");
	assert_non_null(body);
	assert_string_equal(body + 4, "s=third&p=in&q=hello&t=200");
	assert_non_null(strstr(secret_text(&fetch->token), "Cookie: sid=abc123"));
	auto_free char *steps = fetch_steps_text(fetch);
	json_t *parsed = NULL;
	assert_int_equal(json_parse(steps, strlen(steps), &parsed, NULL), OK);
	assert_int_equal(json_array_size(parsed), 3);
	for (size_t i = 0; i < 3; i++) {
		json_t *step = json_array_get(parsed, i);

		assert_int_equal(json_get_int(step, "status", 0), 200);
		assert_true(json_get_int(step, "ms", -1) >= 0);
		assert_null(json_object_get(step, "attempts"));
	}
	json_decref(parsed);
	task_free(&task);
}

struct failure_case {
	const char *definition, *error, *steps_part;
};
static const struct failure_case failures[] = {
	{ "{\"location\":\"=1\",\"requests\":[" GET("/404") "]}", "request 1 of 1: ", "404" },
	{ "{\"location\":\"=1\",\"requests\":[" GET("/ok") "," GET("/503") "]}",
	    "request 2 of 2: the answer has status 503", "503" },
	{ "{\"location\":\"=1\",\"requests\":[" GET("/304") "]}", "status 304", "304" },
	{ "{\"location\":\"=1\",\"requests\":[" GET("/nothing") "]}", "request 1 of 1: ", "null" },
	{ "{\"location\":\"=1\",\"requests\":[" GET("/garbage") "]}", "request 1 of 1: ", "null" },
	{ "{\"location\":\"=1\",\"requests\":[" GET("/half") "]}", "request 1 of 1: ", "" },
	{ "{\"location\":\"=1\",\"requests\":[" GET("/big") "]}", "request 1 of 1: ", "" },
	{ "{\"location\":\"=1\",\"requests\":[{\"options\":{\"url\":\"$/ok\",\"headers\":{\"X\":"
	  "\"<<secret>>\"}},\"secret\":\"canary\\r\\nX: y\"}]}",
	    "credential_requests[0].options", "null" },
	{ "{\"location\":\"=1\",\"requests\":[{\"options\":{\"url\":\"<<secret>>\"},\"secret\":"
	  "\"http://canary:canary@127.0.0.1/\"}]}",
	    "request 1 of 1: ", "null" },
	{ "{\"location\":\"=1\",\"requests\":[{\"options\":{\"url\":\"$/ok\",\"payload\":\"=1 + "
	  "secret\"},\"secret\":\"canary\"}]}",
	    "credential_requests[0].options.payload", "null" },
	{ "{\"location\":\"=1\",\"requests\":[{\"options\":{\"url\":\"http://10.1.2.3/canary\"},"
	  "\"secret\":null}]}",
	    "request 1 of 1: ", "null" },
};

static void
a_failure_names_request_and_cause_and_no_secret(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
		struct task *task = run(failures[i].definition);
		auto_free char *steps = fetch_steps_text(task->data);

		assert_int_equal(task->outcome.end, JOB_FAILED);
		if (!strstr(task->outcome.error, failures[i].error) ||
		    !strstr(steps, failures[i].steps_part))
			fail_msg("%zu: %s; %s", i, task->outcome.error, steps);
		assert_null(strstr(task->outcome.error, "canary"));
		assert_null(strstr(task->outcome.error, "127.0.0.1"));
		assert_null(strstr(task->outcome.error, "10.1.2.3"));
		task_free(&task);
	}
}

static void
a_request_is_repeated_for_the_statuses_it_names_and_after_the_pause_asked_for(void **state)
{
	int before = server.n_requests;
	int64_t begin = clock_monotonic_ms();
	struct task *task =
	    run("{\"location\":\"=1\",\"requests\":[{\"options\":{\"url\":\"$/503\",\"method\":"
		"\"get\",\"retries\":1,\"retry_on_status\":[\"500-599\"]},\"secret\":null}]}");
	(void)state;

	assert_int_equal(server.n_requests - before, 2);
	assert_in_range(clock_monotonic_ms() - begin, 2900, 8000); /* Retry-After: 3 */
	assert_non_null(strstr(task->outcome.error, "status 503 (after 2 attempts)"));
	task_free(&task);
}

static void
no_pause_goes_beyond_the_deadline(void **state)
{
	struct task *task =
	    make("{\"location\":\"=1\",\"requests\":[{\"options\":{\"url\":\"$/503\",\"method\":"
		 "\"get\",\"retries\":9,\"retry_on_status\":[503]},\"secret\":null}]}");
	int64_t begin = clock_monotonic_ms();
	(void)state;

	task->deadline_ms = begin + 1000;
	give(task);
	task = wait_for_one();
	assert_true(clock_monotonic_ms() - begin < 900);
	assert_non_null(strstr(task->outcome.error, "no time is left"));
	task_free(&task);
}

static void
a_hanging_answer_ends_with_the_deadline(void **state)
{
	struct task *task = make("{\"location\":\"=1\",\"requests\":[" GET("/slow") "]}");
	int64_t begin = clock_monotonic_ms();
	(void)state;

	task->deadline_ms = begin + 500;
	give(task);
	task = wait_for_one();
	assert_in_range(clock_monotonic_ms() - begin, 400, 3000);
	assert_int_equal(task->outcome.end, JOB_FAILED);
	task_free(&task);
}

static void
aborting_hands_back_what_is_under_way(void **state)
{
	int before = server.n_requests;
	(void)state;

	for (int i = 0; i < 3; i++)
		give(make("{\"location\":\"=1\",\"requests\":[" GET("/slow") "]}"));
	for (int i = 0; i < 400 && server.n_requests < before + 3; i++)
		nanosleep(&(struct timespec){ 0, 5000000 }, NULL);
	loop_refuse(loop);
	give(make(AT("=1")));
	struct task *task = wait_for_one(); /* refused: the others go on */
	assert_int_equal(task->outcome.end, JOB_BACK);
	task_free(&task);
	assert_int_equal(server.n_requests, before + 3);
	loop_abort(loop);
	for (int i = 0; i < 3; i++) {
		task = wait_for_one();
		assert_int_equal(task->outcome.end, JOB_BACK);
		task_free(&task);
	}
}

static void
closing_frees_what_is_still_there(void **state)
{
	(void)state;
	give(make("{\"location\":\"=1\",\"requests\":[" GET("/slow") "]}"));
}

static void
pauses_grow_with_jitter_and_obey_retry_after(void **state)
{
	char date[64];
	time_t later = time(NULL) + 100;
	struct tm tm;
	(void)state;

	for (int i = 0; i < 100; i++) {
		assert_in_range(fetch_pause_ms(1, NULL), 1, FETCH_RETRY_BASE_MS);
		assert_in_range(fetch_pause_ms(3, NULL), 1, FETCH_RETRY_BASE_MS * 4);
		assert_in_range(fetch_pause_ms(1000, NULL), 1, FETCH_RETRY_MOST_MS);
	}
	assert_int_equal(fetch_pause_ms(1, "7"), 7000);
	assert_in_range(fetch_pause_ms(1, "0"), 1, FETCH_RETRY_BASE_MS);
	assert_true(fetch_pause_ms(1, "999999999") == 999999999000);
	assert_true(fetch_pause_ms(1, "1000000000") >= 999999999000);
	assert_true(fetch_pause_ms(1, "99999999999999999999999999999999") >= 999999999000);
	static const char *const bad[] = { "", "-5", "soon", "1.5", "Mon, 99 Foo 2020 10:00:00 GMT",
		"Sun, 06 Nov 1994 08:49:37 GMT" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_in_range(fetch_pause_ms(1, bad[i]), 1, FETCH_RETRY_BASE_MS);
	strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&later, &tm));
	assert_in_range(fetch_pause_ms(1, date), 97000, 100000);
}

static void
json_is_told_by_media_type_or_by_its_first_character(void **state)
{
	static const struct {
		const char *headers, *body;
		bool json;
	} answers[] = {
		{ "{\"content-type\":\"application/json; charset=utf-8\"}", "7", true },
		{ "{\"content-type\":\"application/vnd.api+JSON\"}", "x", true },
		{ "{\"content-type\":[\"application/json\",\"text/html\"]}", "x", true },
		{ "{\"content-type\":\"text/html\"}", "<html>", false },
		{ "{\"content-type\":\"text/plain\"}", "{\"a\":1}", true },
		{ "{}", " \r\n\t[1]", true },
		{ "{}", "\"token\"", true },
		{ "{}", "token", false },
		{ "{}", "12", false },
		{ "{}", "", false },
		{ "{}", "   ", false },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		json_t *headers = NULL;

		assert_int_equal(json_parse(answers[i].headers, strlen(answers[i].headers),
				     &headers, NULL),
		    OK);
		assert_int_equal(fetch_looks_like_json(headers, answers[i].body,
				     strlen(answers[i].body)),
		    answers[i].json);
		json_decref(headers);
	}
}

int
main(void)
{
#define L(name) cmocka_unit_test_setup_teardown(name, open_loop, close_loop)
	const struct CMUnitTest tests[] = {
		L(the_location_decides_what_the_token_is),
		L(a_request_sees_its_own_secret_and_the_answers_before_it),
		L(a_failure_names_request_and_cause_and_no_secret),
		L(a_request_is_repeated_for_the_statuses_it_names_and_after_the_pause_asked_for),
		L(no_pause_goes_beyond_the_deadline),
		L(a_hanging_answer_ends_with_the_deadline),
		L(aborting_hands_back_what_is_under_way),
		L(closing_frees_what_is_still_there),
		cmocka_unit_test(pauses_grow_with_jitter_and_obey_retry_after),
		cmocka_unit_test(json_is_told_by_media_type_or_by_its_first_character),
	};

	http_client_clean_environment();
	return cmocka_run_group_tests_name("runner_fetch", tests, start, stop);
}
