/* SPDX-License-Identifier: Apache-2.0 */
/* The whole way of a job, from the queue through HTTP to its saved result, on a real MariaDB. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/crypt.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/scopes.h"
#include "runner/fetch.h"
#include "runner/kinds.h"
#include "runner/queue.h"
#include "runner/save.h"
#include "store/admin.h"
#include "store/fetch_token.h"
#include "store/job.h"
#include "store/keychain.h"
#include "store/migrate.h"
#include "store/page.h"
#include "store/request.h"
#include "store/submission.h"
#include "store/user_credential.h"

#pragma GCC diagnostic ignored "-Wunused-function" /* not all of the server is needed here */
#include "../unit/canned_server.h"

#define CANARY "canary-40ab77"

static struct config config;
static struct store store, runners; /* the test's own, and the queue's */
static struct server server;
static struct queue *queue;
static int64_t team, person;
static char keys_dir[] = "/tmp/bailee-keys.XXXXXX";

static void
ok(enum err err, const struct errctx *ctx)
{
	if (err)
		print_error("%s: %s %s\n", err_kind(err)->name, ctx->sub[0].path, err_text(ctx));
	assert_int_equal(err, OK);
}

/* ---- a world ---- */

static void
open_both(void)
{
	char paths[KEY_KIND_COUNT][128];
	const char *list[KEY_KIND_COUNT];
	struct store *const stores[] = { &store, &runners };
	struct errctx ctx = { 0 };

	assert_non_null(mkdtemp(keys_dir));
	ok(keyring_create_files(keys_dir, &ctx), &ctx);
	for (int i = 0; i < KEY_KIND_COUNT; i++) {
		snprintf(paths[i], sizeof(paths[i]), "%s/%s", keys_dir, key_kinds[i].file);
		list[i] = paths[i];
	}
	for (int i = 0; i < 2; i++) {
		struct keyring *keyring = NULL;
		struct db *db = NULL;

		ok(keyring_load(list, &keyring, &ctx), &ctx);
		ok(db_open(&config, &db, &ctx), &ctx);
		store_init(stores[i], db, keyring);
	}
	for (int i = 0; i < KEY_KIND_COUNT; i++)
		unlink(paths[i]);
	rmdir(keys_dir);
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
	struct errctx ctx = { 0 };
	int64_t organization;
	(void)state;

	snprintf(config.db_socket, sizeof(config.db_socket), "%s", getenv("BAILEE_TEST_DB_SOCKET"));
	snprintf(config.db_user, sizeof(config.db_user), "%s", getenv("BAILEE_TEST_DB_USER"));
	snprintf(config.db_name, sizeof(config.db_name), "%s", getenv("BAILEE_TEST_DB_NAME"));
	config.db_timeout_s = 10;
	open_both();
	ok(migrate_run(&store, getenv("BAILEE_TEST_SCHEMA"), ignore, &ctx), &ctx);
	ok(migrate_install_keys(&store, &ctx), &ctx);
	ok(admin_organization_add(&store, "One", &organization, &ctx), &ctx);
	ok(admin_team_add(&store, organization, "Alpha", "alpha", &team, &ctx), &ctx);
	ok(admin_person_add(&store, "ada@example.com", "Ada", &person, &ctx), &ctx);
	ok(admin_member_add(&store, team, person, &ctx), &ctx);
	server_start(&server);
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	server_stop(&server);
	store_close(&store);
	store_close(&runners);
	return 0;
}

static void
sql(const char *text)
{
	struct errctx ctx = { 0 };

	ok(db_script(store.db, text, &ctx), &ctx);
}

struct count_row {
	int64_t n;
};
static const struct col count_out[] = { COL(INT, struct count_row, n) };

static int64_t
count(const char *text)
{
	static struct stmt stmts[256]; /* known by address: each its own */
	static size_t used;
	struct count_row row = { 0 };
	struct errctx ctx = { 0 };

	assert_true(used < 256);
	struct stmt *stmt = &stmts[used++];
	*stmt = (struct stmt){ "count", text, NULL, 0, count_out, 1 };
	ok(stmt_one(store.db, stmt, NULL, &row, &ctx), &ctx);
	return row.n;
}

static int
fresh(void **state)
{
	(void)state;
	sql("DELETE FROM job; DELETE FROM audit; DELETE FROM user_credential; DELETE FROM "
	    "credential_request; DELETE FROM keychain; DELETE FROM runner;");
	return 0;
}

static void
start_queue_with(int64_t drain_s)
{
	const struct queue_options options = { .in_flight_max = 16,
		.poll_ms = 5,
		.lease_s = 60,
		.drain_s = drain_s };
	struct http_client_options http = { 0 };
	struct errctx ctx = { 0 };

	ok(address_guard_parse("127.0.0.0/8", &http.guard, &ctx), &ctx);
	ok(queue_open(&options, &http, &runners, &queue, &ctx), &ctx);
}

static int
with_queue(void **state)
{
	fresh(state);
	start_queue_with(5);
	return 0;
}

static int
stop_queue(void **state)
{
	(void)state;
	queue_close(&queue);
	return 0;
}

/* ---- jobs ---- */

static int64_t
put(const char *kind, const char *subject, const char *payload)
{
	const struct job_new job = {
		.kind = kind,
		.subject = subject,
		.team_id = team,
		.max_attempts = 3,
		.payload = payload,
		.request_id = "00000000-0000-4000-8000-00000000feed",
	};
	struct errctx ctx = { 0 };
	int64_t id = 0;

	ok(job_enqueue(&store, &job, &id, &ctx), &ctx);
	return id;
}

/* The job's end; its error must contain `error`. */
static void
expect_end(int64_t id, const char *state, const char *error)
{
	struct job_state got = { 0 };
	struct errctx ctx = { 0 };
	bool ended = false;

	ok(job_wait(&store, id, 20000, &ended, &got, &ctx), &ctx);
	if (strcmp(got.state, state) != 0 || !strstr(got.error ? got.error : "", error))
		fail_msg("job %s: %s", got.state, got.error ? got.error : "(no error)");
	job_state_free(&got);
}

static int64_t
multi_request(const char *definition_text, int64_t ttl)
{
	char *text = xstrdup(definition_text), *mark;
	struct audit_entry audit = { .event = "test", .actor = "test", .person_id = person };
	struct user_credential made = { 0 };
	struct errctx ctx = { 0 };
	json_t *definition = NULL;

	while ((mark = strstr(text, "$URL"))) {
		char *more = xasprintf("%.*shttp://127.0.0.1:%u%s", (int)(mark - text), text,
		    server.port, mark + 4);
		free(text);
		text = more;
	}
	ok(json_parse(text, strlen(text), &definition, &ctx), &ctx);
	const struct user_credential_change change = {
		.mode = "MULTI_REQUEST",
		.team_id = team,
		.name = "Vendor Token",
		.ttl_said = true,
		.http_request_ttl = ttl,
		.allowed_hosts = "[]",
		.metadata = "{\"region\":\"eu\"}",
		.definition = definition,
	};
	ok(user_credential_create(&store, &audit, &change, &made, &ctx), &ctx);
	int64_t id = made.place.id;
	user_credential_free(&made);
	json_decref(definition);
	free(text);
	return id;
}

static int64_t
put_fetch(int64_t credential)
{
	char subject[32];

	snprintf(subject, sizeof(subject), "%lld", (long long)credential);
	return put("fetch", subject, "{}");
}

static void
token_of(int64_t credential, int64_t job, struct secret *token)
{
	struct fetch_use use = { 0 };
	struct errctx ctx = { 0 };

	ok(fetch_token_by_job(&store, credential, job, &use, &ctx), &ctx);
	ok(fetch_token_open(&store, &use, token, &ctx), &ctx);
	fetch_use_free(&use);
}

/* ---- fetch ---- */

#define TWO_STEPS                                                                                  \
	"{\"location\":\"=vendor_token.body\",\"requests\":["                                      \
	"{\"options\":{\"url\":\"$URL/login\",\"payload\":{\"p\":\"<<secret>>\"}},"                \
	"\"secret\":\"" CANARY "\"},"                                                              \
	"{\"options\":{\"url\":\"$URL/echo\",\"method\":\"get\",\"headers\":{"                     \
	"\"X-Prev\":\"<<PREVIOUS_STEP.body>>\",\"X-Own\":\"<<secret>>.\","                         \
	"\"X-Region\":\"<<INFO.credential.vendor_token.metadata.region>>\"}},\"secret\":null}]}"

static void
two_requests_lead_to_a_sealed_token(void **state)
{
	int64_t credential = multi_request(TWO_STEPS, 60), job = put_fetch(credential);
	auto_secret struct secret token = { 0 };
	(void)state;

	expect_end(job, "done", "");
	token_of(credential, job, &token);
	assert_non_null(strstr(secret_text(&token), "Cookie: sid=abc123"));
	assert_non_null(strstr(secret_text(&token), "X-Prev: in\r\n"));
	assert_non_null(strstr(secret_text(&token), "X-Own: .\r\n"));
	assert_non_null(strstr(secret_text(&token), "X-Region: eu\r\n"));
	assert_int_equal(count("SELECT COUNT(*) FROM fetch_log WHERE outcome = 'fetched' AND "
			       "reason IS NULL AND JSON_EXTRACT(steps, '$[1].status') = 200 AND "
			       "JSON_LENGTH(steps) = 2 AND request_id LIKE '%feed'"),
	    1);
	assert_int_equal(count("SELECT COUNT(*) FROM audit WHERE event = 'credential.fetch' AND "
			       "outcome = 'ok' AND actor = 'runner' AND team_id IS NOT NULL AND "
			       "request_id LIKE '%feed'"),
	    1);
	assert_int_equal(count("SELECT COUNT(*) FROM fetch_token WHERE token_sealed LIKE "
			       "'%sid=abc%' OR fresh_until < fetched_at + INTERVAL 60 SECOND"),
	    0);
}

static void
expect_failed_fetch(const char *definition, const char *why)
{
	int64_t credential = multi_request(definition, 60), job = put_fetch(credential);

	expect_end(job, "failed", why);
	assert_int_equal(count("SELECT COUNT(*) FROM fetch_token"), 0);
	assert_int_equal(count("SELECT COUNT(*) FROM audit WHERE event = 'credential.fetch' AND "
			       "outcome = 'failed'"),
	    1);
	assert_int_equal(count("SELECT COUNT(*) FROM fetch_log l JOIN job j ON j.id = l.job_id "
			       "WHERE l.outcome = 'failed' AND l.reason = j.error"),
	    1);
	assert_int_equal(count("SELECT COUNT(*) FROM job WHERE error LIKE '%127.0.0.1%' OR error "
			       "LIKE '%" CANARY "%'"),
	    0);
}

#define ONE(url, more)                                                                             \
	"{\"location\":\"=response.body.token\",\"requests\":[{\"options\":{\"url\":\"" url        \
	"\",\"method\":\"get\",\"headers\":{\"X-Key\":\"<<secret>>\"}" more                        \
	"},\"secret\":\"" CANARY "\"}]}"

static void
a_refusal_fails_at_once_and_names_request_and_status(void **state)
{
	(void)state;
	expect_failed_fetch(ONE("$URL/404", ""), "request 1 of 1: ");
	assert_int_equal(count("SELECT COUNT(*) FROM job WHERE error LIKE '%status 404%' AND "
			       "attempt = 1"),
	    1);
}

static void
a_token_that_is_not_there_fails(void **state)
{
	(void)state;
	expect_failed_fetch(ONE("$URL/ok", ""), "nothing in the answer at the location");
}

static void
a_hanging_vendor_fails_after_the_timeout_of_its_options(void **state)
{
	int64_t begin = clock_monotonic_ms();
	(void)state;

	expect_failed_fetch(ONE("$URL/slow", ",\"timeout\":1"), "request 1 of 1: ");
	assert_in_range(clock_monotonic_ms() - begin, 900, 5000);
}

static void
a_broken_connection_is_tried_again_as_often_as_asked(void **state)
{
	int before = server.n_requests;
	(void)state;

	expect_failed_fetch(ONE("$URL/nothing", ",\"retries\":2,\"retry_on_status\":[500]"),
	    "after 3 attempts");
	assert_int_equal(server.n_requests - before, 3);
	assert_int_equal(
	    count("SELECT COUNT(*) FROM fetch_log WHERE JSON_EXTRACT(steps, '$[0].attempts') = 3"),
	    1);
}

static void
a_private_address_is_never_called(void **state)
{
	(void)state;
	expect_failed_fetch("{\"location\":\"=response.body\",\"requests\":[{\"options\":{\"url\":"
			    "\"http://10.0.0.1/x\"},\"secret\":null}]}",
	    "request 1 of 1: ");
}

static void
an_edited_policy_is_an_integrity_failure(void **state)
{
	int64_t credential = multi_request(TWO_STEPS, 0);
	(void)state;

	sql("UPDATE user_credential SET allowed_hosts = '[\"evil.example\"]'");
	expect_end(put_fetch(credential), "failed", "does not open");
	assert_int_equal(count("SELECT COUNT(*) FROM audit WHERE event = 'credential.fetch' AND "
			       "outcome = 'failed'"),
	    1);
}

static void
a_credential_that_is_gone_fails_the_fetch(void **state)
{
	(void)state;
	expect_end(put_fetch(4000000), "failed", "the credential is gone");
}

static void
a_fetch_of_an_older_definition_is_thrown_away_and_repeated(void **state)
{
	int64_t credential = multi_request(TWO_STEPS, 60), id = put_fetch(credential);
	struct task_list tasks = TAILQ_HEAD_INITIALIZER(tasks), gone = TAILQ_HEAD_INITIALIZER(gone);
	struct errctx ctx = { 0 };
	struct job job = { 0 };
	size_t n = 0;
	(void)state;

	ok(job_claim(&store, &(struct job_claim){ .owner = "me", .lease_s = 60, .most = 1 }, &job,
	       &n, &(bool){ false }, &ctx),
	    &ctx);
	struct task *task = task_new(&job);
	ok(kind_load(&store, task, &ctx), &ctx);
	assert_false(task->settled);
	struct fetch *fetch = task->data;
	secret_set(&fetch->token, "old", 3);
	task_settle(task, JOB_DONE, NULL);
	sql("UPDATE user_credential SET version = version + 1");
	TAILQ_INSERT_TAIL(&tasks, task, link);
	ok(save_all(&store, &tasks, &gone, &ctx), &ctx);
	assert_ptr_equal(TAILQ_FIRST(&gone), task);
	task_free(&task);
	assert_int_equal(count("SELECT COUNT(*) FROM fetch_token"), 0);
	assert_int_equal(count("SELECT COUNT(*) FROM job WHERE state = 'queued' AND run_at <= "
			       "UTC_TIMESTAMP(3)"),
	    1);
	start_queue_with(5);
	expect_end(id, "done", "");
	assert_int_equal(count("SELECT COUNT(*) FROM fetch_token"), 1);
}

/* ---- forms ---- */

static struct request_made made;
static struct page_link the_link;
static char credential_text[UUID_TEXT_SIZE];

static void
hash_link(const char *text, unsigned char hash_out[REQUEST_LINK_HASH])
{
	unsigned char *secret;
	size_t len;

	assert_int_equal(crypt_base64url_decode(text, strlen(text), &secret, &len), OK);
	assert_int_equal(len, REQUEST_SECRET_SIZE);
	request_link_hash(secret, hash_out);
	free(secret);
}

static void
make_request(void)
{
	static const struct credential_new keys[] = {
		{ "keychain", "key", "basicauth", "Basic auth", NULL, NULL, "[]", "http", "[\"*\"]",
		    "3", NULL, NULL, 0, 0 },
		{ "keychain", "key", "basicauth", "Other", NULL, NULL, "[]", "http", "[\"*\"]", "3",
		    "My name", NULL, 0, 0 },
	};
	const struct request_new request = {
		.team_id = team,
		.requester_id = person,
		.provider_id = person,
		.name = "Please",
		.expiry_days = 30,
		.credentials = keys,
		.n_credentials = 2,
	};
	struct audit_entry audit = { .event = "test", .actor = "test", .person_id = person };
	struct errctx ctx = { 0 };

	ok(request_create(&store, &audit, &request, &made, &ctx), &ctx);
	the_link.request = made.request.id;
	hash_link(made.link_secret, the_link.hash);
	the_link.has_browser = true;
	request_made_wipe(&made);
}

static int64_t
last_job(void)
{
	return count("SELECT MAX(id) FROM job WHERE kind IN ('fulfil', 'decline')");
}

/* Submit a form for the credential at `index`, as the page does. */
static void
submit(size_t index, const char *fields)
{
	static const struct page_call call = { "192.0.2.7",
		"00000000-0000-4000-8000-00000000abcd" };
	auto_page_view struct page_view view = { 0 };
	struct errctx ctx = { 0 };

	ok(page_view_load(&store, &the_link, &view, &ctx), &ctx);
	uuid_text(&view.rows[index].id, credential_text);
	auto_free char *text =
	    xasprintf("{\"credential\":\"%s\",\"fields\":%s}", credential_text, fields);
	ok(page_submit(&store, &the_link, &view.rows[index], &call, text, strlen(text), &ctx),
	    &ctx);
}

#define LOGIN "{\"authUser\":\"ada\",\"authPass\":\"" CANARY "\"}"

static void
a_form_becomes_a_key_and_its_credential_is_authorized(void **state)
{
	struct errctx ctx = { 0 };
	json_t *parameters = NULL;
	(void)state;

	make_request();
	submit(0, LOGIN);
	expect_end(last_job(), "done", "");
	int64_t key = count("SELECT id FROM keychain WHERE type_name = 'basicauth' AND name = "
			    "'Basic auth (http)'");
	ok(keychain_open(&store, key, &parameters, &ctx), &ctx);
	assert_string_equal(json_get_text(parameters, "authPass"), CANARY);
	json_decref(parameters);
	assert_int_equal(count("SELECT COUNT(*) FROM credential c JOIN keychain k ON c.remote_id = "
			       "k.id WHERE c.state = 'authorized' AND c.position = 0"),
	    1);
	assert_int_equal(count("SELECT COUNT(*) FROM credential_request WHERE status = "
			       "'partially_authorized'"),
	    1);
	assert_int_equal(count("SELECT COUNT(*) FROM submission WHERE fields_sealed IS NULL"), 1);
	submit(1, LOGIN);
	expect_end(last_job(), "done", "");
	assert_int_equal(count("SELECT COUNT(*) FROM keychain WHERE name = 'My name'"), 1);
	assert_int_equal(count(
			     "SELECT COUNT(*) FROM credential_request WHERE status = 'authorized'"),
	    1);
	assert_int_equal(count("SELECT COUNT(*) FROM audit WHERE event = 'credential.authorize' "
			       "AND outcome = 'ok'"),
	    2);
}

static void
a_form_with_a_bad_field_is_refused_by_name_and_wiped(void **state)
{
	(void)state;
	make_request();
	submit(0, "{\"authPass\":7,\"extra\":\"" CANARY "\"}");
	expect_end(last_job(), "failed", "authPass");
	assert_int_equal(count("SELECT COUNT(*) FROM keychain"), 0);
	assert_int_equal(count("SELECT COUNT(*) FROM submission WHERE fields_sealed IS NULL"), 1);
	assert_int_equal(count("SELECT COUNT(*) FROM credential WHERE state = 'pending'"), 2);
	assert_int_equal(count("SELECT COUNT(*) FROM job WHERE error LIKE '%" CANARY "%'"), 0);
	submit(0, LOGIN);
	expect_end(last_job(), "done", "");
}

/* The page takes objects alone, but whoever takes its pool over seals what he likes: one such form
 * after the other ended every runner that took the job up. */
static void
a_form_that_is_none_ends_its_job_and_no_runner(void **state)
{
	static const char *const none[] = { "[]", "7", "null", "\"x\"" };

	(void)state;
	make_request();
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		sql("UPDATE credential SET prefill = '{\"hard\":{\"authUser\":\"ada\"}}'");
		submit(0, none[i]);
		expect_end(last_job(), "failed", "must be an object");
	}
	submit(0, "{\"authPass\":\"" CANARY "\"}");
	expect_end(last_job(), "done", "");
}

static void
a_form_moved_to_another_credential_makes_no_key(void **state)
{
	(void)state;
	make_request();
	queue_close(&queue);
	submit(0, LOGIN);
	sql("UPDATE submission SET credential_id = (SELECT id FROM credential WHERE position = 1)");
	sql("UPDATE job SET subject = LOWER((SELECT CONCAT_WS('-', HEX(SUBSTR(id, 1, 4)), "
	    "HEX(SUBSTR(id, 5, 2)), HEX(SUBSTR(id, 7, 2)), HEX(SUBSTR(id, 9, 2)), HEX(SUBSTR(id, "
	    "11, 6))) FROM credential WHERE position = 1)) WHERE kind = 'fulfil'");
	start_queue_with(5);
	expect_end(last_job(), "failed", "not made for this credential");
	assert_int_equal(count("SELECT COUNT(*) FROM keychain"), 0);
	assert_int_equal(count("SELECT COUNT(*) FROM credential WHERE state = 'pending'"), 2);
}

static void
a_form_for_a_declined_credential_is_kept_out(void **state)
{
	(void)state;
	make_request();
	queue_close(&queue);
	submit(0, LOGIN);
	sql("UPDATE credential SET state = 'authorized' WHERE position = 0");
	start_queue_with(5);
	expect_end(last_job(), "failed", "");
	assert_int_equal(count("SELECT COUNT(*) FROM keychain"), 0);
	assert_int_equal(count("SELECT COUNT(*) FROM submission WHERE fields_sealed IS NULL"), 1);
}

static void
a_refusal_of_the_person_declines_the_credential(void **state)
{
	static const struct page_call call = { "192.0.2.7",
		"00000000-0000-4000-8000-00000000abcd" };
	struct errctx ctx = { 0 };
	struct page_view view = { 0 };
	(void)state;

	make_request();
	ok(page_view_load(&store, &the_link, &view, &ctx), &ctx);
	ok(page_decline(&store, &the_link, &view.rows[1].id, "no, thanks", &call, &ctx), &ctx);
	page_view_free(&view);
	expect_end(last_job(), "done", "");
	assert_int_equal(count("SELECT COUNT(*) FROM credential WHERE state = 'declined' AND "
			       "decline_reason = 'no, thanks'"),
	    1);
	assert_int_equal(count("SELECT COUNT(*) FROM audit WHERE event = 'credential.decline'"), 1);
}

/* ---- all kinds ---- */

static void
jobs_that_cannot_be_understood_fail_loudly(void **state)
{
	(void)state;
	expect_end(put("dance", "7", "{}"), "failed", "unknown kind");
	expect_end(put("fetch", "7", "[1"), "failed", "");
	expect_end(put("fetch", "7", "[1]"), "failed", "no object");
	expect_end(put("fetch", "seven", "{}"), "failed", "no credential's id");
	expect_end(put("fetch", "7", "{\"password\":\"x\"}"), "failed", "ids only");
	expect_end(put("fulfil", "7", "{}"), "failed", "names no submission");
	expect_end(put("decline", "7", "{\"reason\":7}"), "failed", "");
}

static void
a_job_of_a_runner_that_died_is_taken_over(void **state)
{
	int64_t credential, id;
	struct errctx ctx = { 0 };
	struct job job = { 0 };
	size_t n = 0;
	(void)state;

	credential = multi_request(TWO_STEPS, 60);
	id = put_fetch(credential);
	ok(job_claim(&store, &(struct job_claim){ .owner = "dead", .lease_s = 60, .most = 1 }, &job,
	       &n, &(bool){ false }, &ctx),
	    &ctx);
	assert_int_equal(n, 1);
	job_free(&job);
	sql("UPDATE job SET lease_until = UTC_TIMESTAMP(3) - INTERVAL 1 SECOND WHERE lease_owner = "
	    "'dead'");
	start_queue_with(5);
	expect_end(id, "done", "");
	assert_int_equal(count("SELECT COUNT(*) FROM job WHERE kind = 'fetch' AND attempt = 2"), 1);
}

static void
a_result_is_kept_over_a_lost_connection(void **state)
{
	int64_t ids[8];
	(void)state;

	for (int i = 0; i < 8; i++)
		ids[i] = put("decline", "00000000-0000-4000-8000-000000000001", "{}");
	for (int round = 0; round < 5; round++) {
		const struct timespec pause = { 0, 5000000 };

		sql("BEGIN NOT ATOMIC FOR p IN (SELECT id FROM information_schema.processlist "
		    "WHERE db = DATABASE() AND id <> CONNECTION_ID()) DO BEGIN DECLARE CONTINUE "
		    "HANDLER FOR 1094 BEGIN END; KILL p.id; END; END FOR; END");
		nanosleep(&pause, NULL);
		put_fetch(multi_request(TWO_STEPS, 60));
		sql("DELETE FROM user_credential");
	}
	for (int i = 0; i < 8; i++)
		expect_end(ids[i], "failed", "");
	sql("DO SLEEP(0.5)");
	assert_int_equal(count("SELECT COUNT(*) FROM job WHERE state NOT IN ('done', 'failed')"),
	    0);
}

static void
a_fresh_token_makes_a_fetch_unnecessary(void **state)
{
	int64_t credential = multi_request(TWO_STEPS, 60);
	int before = server.n_requests;
	(void)state;

	expect_end(put_fetch(credential), "done", "");
	expect_end(put_fetch(credential), "done", "");
	assert_int_equal(server.n_requests - before, 2);
	assert_int_equal(count("SELECT COUNT(*) FROM fetch_log"), 1);
	assert_int_equal(count("SELECT COUNT(*) FROM audit WHERE event = 'credential.fetch'"), 1);
}

static void
a_token_of_a_megabyte_is_kept_whole(void **state)
{
	int64_t credential =
	    multi_request("{\"location\":\"=response.body\",\"requests\":[{\"options\":{\"url\":"
			  "\"$URL/exact-cap\",\"method\":\"get\"},\"secret\":null}]}",
		60);
	int64_t job = put_fetch(credential);
	auto_secret struct secret token = { 0 };
	(void)state;

	expect_end(job, "done", "");
	token_of(credential, job, &token);
	assert_int_equal(token.len, HTTP_CLIENT_BODY_MAX);
	assert_int_equal(token.data[token.len - 1], 'x');
}

static void
claim_and_load(struct task_list *tasks, size_t most)
{
	struct job jobs[JOB_CLAIM_MAX];
	struct errctx ctx = { 0 };
	struct task *task;
	size_t n = 0;

	ok(job_claim(&store, &(struct job_claim){ .owner = "me", .lease_s = 60, .most = most },
	       jobs, &n, &(bool){ false }, &ctx),
	    &ctx);
	assert_int_equal(n, most);
	for (size_t i = 0; i < n; i++) {
		task = task_new(&jobs[i]);
		TAILQ_INSERT_TAIL(tasks, task, link);
	}
	ok(kind_gather(&store, tasks, &ctx), &ctx);
	TAILQ_FOREACH(task, tasks, link)
	{
		ok(kind_load(&store, task, &ctx), &ctx);
		if (task->settled)
			continue;
		secret_set(&((struct fetch *)task->data)->token, "a-token", 7);
		task_settle(task, JOB_DONE, NULL);
	}
}

static void
a_changed_credential_spoils_only_its_own_fetch_of_a_batch(void **state)
{
	struct task_list tasks = TAILQ_HEAD_INITIALIZER(tasks), gone = TAILQ_HEAD_INITIALIZER(gone);
	struct errctx ctx = { 0 };
	struct task *task;
	(void)state;

	int64_t one = multi_request(TWO_STEPS, 60);
	sql("UPDATE user_credential SET name = 'one', slug = 'one'");
	int64_t two = multi_request(TWO_STEPS, 60);
	put_fetch(one);
	put_fetch(two);
	put_fetch(4000000);
	claim_and_load(&tasks, 3);
	sql("UPDATE user_credential SET version = version + 1 WHERE slug = 'one'");
	ok(save_all(&store, &tasks, &gone, &ctx), &ctx);
	assert_true(TAILQ_EMPTY(&tasks));
	while ((task = TAILQ_FIRST(&gone))) {
		TAILQ_REMOVE(&gone, task, link);
		task_free(&task);
	}
	assert_int_equal(count("SELECT COUNT(*) FROM fetch_token"), 1);
	assert_int_equal(count("SELECT credential_id FROM fetch_token"), two);
	assert_int_equal(count("SELECT COUNT(*) FROM job WHERE state = 'queued'"), 1);
	assert_int_equal(count("SELECT COUNT(*) FROM job WHERE state = 'done'"), 1);
	assert_int_equal(count("SELECT COUNT(*) FROM job WHERE state = 'failed'"), 1);
	assert_int_equal(count("SELECT COUNT(*) FROM fetch_log"), 1);
	assert_int_equal(count("SELECT COUNT(*) FROM audit WHERE event = 'credential.fetch'"), 2);
}

static void
many_jobs_are_all_done_once(void **state)
{
	int64_t credential = multi_request(TWO_STEPS, 0), last = 0; /* nothing is cached */
	int before = server.n_requests;
	(void)state;

	for (int i = 0; i < 100; i++)
		last = put_fetch(credential);
	expect_end(last, "done", "");
	/* all are one team's: it takes some while to do them in its share of places */
	for (int i = 0; i < 100 && count("SELECT COUNT(*) FROM job WHERE state <> 'done'"); i++)
		sql("DO SLEEP(0.1)");
	assert_int_equal(count("SELECT COUNT(*) FROM job WHERE kind = 'fetch' AND state = 'done' "
			       "AND attempt = 1"),
	    100);
	assert_int_equal(count("SELECT COUNT(*) FROM fetch_log"), 100);
	assert_int_equal(server.n_requests - before, 200);
}

static void
a_stopping_runner_hands_back_what_it_cannot_finish(void **state)
{
	int64_t credential = multi_request(ONE("$URL/slow", ""), 60);
	int before = server.n_requests;
	(void)state;

	start_queue_with(1);
	put_fetch(credential);
	for (int i = 0; i < 400 && server.n_requests == before; i++)
		sql("DO SLEEP(0.01)");
	assert_int_equal(count("SELECT COUNT(*) FROM runner"), 1);
	int64_t begin = clock_monotonic_ms();
	queue_close(&queue);
	assert_in_range(clock_monotonic_ms() - begin, 900, 3000);
	assert_int_equal(count("SELECT COUNT(*) FROM job WHERE kind = 'fetch' AND state = 'queued' "
			       "AND attempt = 0 AND lease_owner IS NULL"),
	    1);
	/* it has said that it leaves, and counts for RUNNER_RESTART_S more */
	assert_int_equal(count("SELECT COUNT(*) FROM runner WHERE seen_at > UTC_TIMESTAMP(3) - "
			       "INTERVAL 10 SECOND"),
	    0);
}

static void
housekeeping_is_ordered_without_being_asked(void **state)
{
	(void)state;
	for (int i = 0; i < 200; i++) {
		sql("DO SLEEP(0.01)");
		struct errctx ctx = { 0 };
		struct job *jobs = NULL;
		size_t n = 0;

		ok(job_list(&store, "done", 10, &jobs, &n, &ctx), &ctx);
		bool found = n == 1 && strcmp(jobs[0].kind, "housekeeping") == 0;
		for (size_t j = 0; j < n; j++)
			job_free(&jobs[j]);
		free(jobs);
		if (found)
			return;
	}
	fail_msg("no housekeeping");
}

int
main(void)
{
#define Q(name) cmocka_unit_test_setup_teardown(name, with_queue, stop_queue)
#define D(name) cmocka_unit_test_setup_teardown(name, fresh, stop_queue)
	const struct CMUnitTest tests[] = {
		Q(two_requests_lead_to_a_sealed_token),
		Q(a_refusal_fails_at_once_and_names_request_and_status),
		Q(a_token_that_is_not_there_fails),
		Q(a_hanging_vendor_fails_after_the_timeout_of_its_options),
		Q(a_broken_connection_is_tried_again_as_often_as_asked),
		Q(a_private_address_is_never_called),
		Q(an_edited_policy_is_an_integrity_failure),
		Q(a_credential_that_is_gone_fails_the_fetch),
		D(a_fetch_of_an_older_definition_is_thrown_away_and_repeated),
		Q(a_form_becomes_a_key_and_its_credential_is_authorized),
		Q(a_form_with_a_bad_field_is_refused_by_name_and_wiped),
		Q(a_form_that_is_none_ends_its_job_and_no_runner),
		Q(a_form_moved_to_another_credential_makes_no_key),
		Q(a_form_for_a_declined_credential_is_kept_out),
		Q(a_refusal_of_the_person_declines_the_credential),
		Q(jobs_that_cannot_be_understood_fail_loudly),
		D(a_job_of_a_runner_that_died_is_taken_over),
		Q(a_result_is_kept_over_a_lost_connection),
		Q(a_fresh_token_makes_a_fetch_unnecessary),
		Q(a_token_of_a_megabyte_is_kept_whole),
		cmocka_unit_test_setup(a_changed_credential_spoils_only_its_own_fetch_of_a_batch,
		    fresh),
		Q(many_jobs_are_all_done_once),
		D(a_stopping_runner_hands_back_what_it_cannot_finish),
		Q(housekeeping_is_ordered_without_being_asked),
	};

	http_client_clean_environment();
	return cmocka_run_group_tests_name("runner", tests, start, stop);
}
