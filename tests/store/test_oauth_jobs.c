/* SPDX-License-Identifier: Apache-2.0 */
/* The jobs of OAuth, from the queue through a provider to what is saved, on a real MariaDB. */
#include "one_credential.h"
#include "world.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/crypt.h"
#include "catalog/catalog.h"
#include "runner/kinds.h"
#include "runner/queue.h"
#include "store/app_client.h"
#include "store/connection.h"
#include "store/credential.h"
#include "store/job.h"
#include "store/oauth_grant.h"
#include "store/oauth_refresh.h"
#include "store/request.h"
#include "provider_stub.h"

/* The queue's own connection. Keys are shared: the test opens and seals while the queue rests. */
static struct store runners;
static struct queue *queue;
static struct catalog *catalog;

static const char definition[] =
    "{\"name\":\"shop\",\"version\":1,\"label\":\"Shop\",\"connections\":[{\"type\":\"shop\","
    "\"label\":\"Shop account\",\"auth\":\"oauth2\",\"inject\":[{\"where\":\"header\",\"name\":"
    "\"Authorization\",\"template\":\"Bearer <<access_token>>\"}],\"oauth2\":{\"authorize_url\":"
    "\"$URL/authorize\",\"token_url\":\"$URL/token\",\"revoke\":{\"url\":\"$URL/revoke\","
    "\"style\":\"form\"},\"client_auth\":\"body\",\"pkce\":\"S256\",\"scopes\":[{\"name\":\"read\","
    "\"words\":\"Read\"}],\"rotation\":{\"rotates\":true}},\"test\":{\"method\":\"GET\",\"url\":"
    "\"$URL/me\",\"expect\":[200]},\"account_name\":[\"/name\"],\"account_id\":[\"/id\"],"
    "\"allowed_hosts\":[\"$HOST\"]}],\"modules\":[{\"id\":\"m\",\"name\":\"m\",\"label\":\"M\","
    "\"type\":"
    "\"account:shop\"}]}";

/* In place of each `mark`; frees the text. */
static char *
put_in(char *text, const char *mark, const char *value)
{
	char *at;

	while ((at = strstr(text, mark))) {
		char *more =
		    xasprintf("%.*s%s%s", (int)(at - text), text, value, at + strlen(mark));

		free(text);
		text = more;
	}
	return text;
}

static void
open_catalog(void)
{
	auto_free char *host = xasprintf("127.0.0.1:%u", (unsigned)stub.port);
	auto_free char *url = xasprintf("http://%s", host);
	char *text = put_in(put_in(xstrdup(definition), "$URL", url), "$HOST", host);
	struct errctx ctx = { 0 };

	catalog = catalog_new();
	ok(catalog_add(catalog, "shop.json", text, strlen(text), &ctx), &ctx);
	ok(catalog_finish(catalog, &ctx), &ctx);
	kinds_setup_catalog(catalog);
	free(text);
}

static void
set_client(const char *client_id)
{
	auto_secret struct secret secret = { 0 };
	struct errctx ctx = { 0 };

	secret_set(&secret, "client-secret", 13);
	const struct app_client client = { .app = "shop",
		.connection_type = "shop",
		.client_id = client_id,
		.secret = &secret };
	ok(app_client_set(&the.store, &client, &ctx), &ctx);
}

static int
begin(void **state)
{
	static struct config config = { .db_timeout_s = 10 };
	struct errctx ctx = { 0 };
	struct db *db = NULL;

	world_begin(state);
	snprintf(config.db_socket, sizeof(config.db_socket), "%s", getenv("BAILEE_TEST_DB_SOCKET"));
	snprintf(config.db_user, sizeof(config.db_user), "%s", getenv("BAILEE_TEST_DB_USER"));
	snprintf(config.db_name, sizeof(config.db_name), "%s", getenv("BAILEE_TEST_DB_NAME"));
	ok(db_open(&config, &db, &ctx), &ctx);
	store_init(&runners, db, the.store.keyring);
	stub_start();
	open_catalog();
	set_client("client");
	return 0;
}

static int
end(void **state)
{
	db_close(&runners.db);
	catalog_close(&catalog);
	stub_stop();
	return world_end(state);
}

static int
with_queue(void **state)
{
	const struct queue_options options = { .in_flight_max = 16,
		.poll_ms = 5,
		.lease_s = 60,
		.drain_s = 5 };
	struct http_client_options http = { 0 };
	struct errctx ctx = { 0 };
	(void)state;

	sql("DELETE FROM oauth_grant; DELETE FROM connection; DELETE FROM credential_request; "
	    "DELETE FROM job; DELETE FROM audit;");
	set_client("client");
	stub_says("/token", 200,
	    "{\"access_token\":\"access-1\",\"refresh_token\":\"refresh-1\",\"expires_in\":3600}");
	stub_says("/me", 200, "{\"name\":\"Ada's shop\",\"id\":4711}");
	stub_says("/revoke", 200, "");
	ok(address_guard_parse("127.0.0.0/8", &http.guard, &ctx), &ctx);
	ok(queue_open(&options, &http, &runners, &queue, &ctx), &ctx);
	return 0;
}

static int
stop_queue(void **state)
{
	(void)state;
	queue_close(&queue);
	return 0;
}

/* ---- a person who has come back ---- */

struct scene {
	struct uuid request, credential;
	char subject[UUID_TEXT_SIZE];
};

static void
make_credential(struct scene *scene)
{
	const struct credential_new item = { .component = "account",
		.type = "oauth",
		.name = "shop",
		.label = "Shop account",
		.scope = "[\"read\"]",
		.app_name = "shop",
		.app_modules = "[]",
		.app_version = "1" };

	ask_for_one(&item, &scene->request, &scene->credential);
	uuid_text(&scene->credential, scene->subject);
}

static struct bytes
seal_for_flow(const struct uuid *uuid, const char *field, const char *text)
{
	const struct seal_context context = { .table = "oauth_flow",
		.row = *uuid,
		.field = field,
		.team_id = the.alpha };
	struct bytes sealed = { 0 };
	struct errctx ctx = { 0 };

	ok(store_seal(&the.store, &context, text, strlen(text), &sealed, &ctx), &ctx);
	return sealed;
}

struct flow_in {
	struct uuid uuid, credential;
	struct bytes hash, start, back;
	int64_t team_id;
};
#define FLOW(type, member) COL(type, struct flow_in, member)
static const struct col flow_in[] = { FLOW(UUID, uuid), FLOW(BYTES, hash), FLOW(UUID, credential),
	FLOW(INT, team_id), FLOW(BYTES, hash), FLOW(BYTES, start), FLOW(BYTES, back) };
static const struct stmt flow_insert = { "test_flow",
	"INSERT INTO oauth_flow (uuid, state_hash, credential_id, team_id, callback_id, "
	"browser_hash, connection_type, start_sealed, return_sealed, created_at, expires_at) "
	"SELECT ?, ?, ?, ?, callback_id, ?, 'shop', ?, ?, UTC_TIMESTAMP(3), UTC_TIMESTAMP(3) "
	"FROM app_client LIMIT 1",
	flow_in, COL_N(flow_in), NULL, 0 };

static int64_t
put(const char *kind, const char *subject, const char *active_key, const char *payload)
{
	const struct job_new job = { .kind = kind,
		.subject = subject,
		.active_key = active_key,
		.team_id = the.alpha,
		.max_attempts = 5,
		.payload = payload };
	struct errctx ctx = { 0 };
	int64_t id = 0;

	ok(job_enqueue(&the.store, &job, &id, &ctx), &ctx);
	return id;
}

/* The job that exchanges what a browser has brought, as somebody has sealed it. */
static int64_t
come_back_with(const struct scene *scene, const char *start, const char *back)
{
	struct flow_in in = { .credential = scene->credential, .team_id = the.alpha };
	char text[UUID_TEXT_SIZE], payload[64], key[64];
	struct errctx ctx = { 0 };

	uuid_make(&in.uuid);
	in.hash = (struct bytes){ in.uuid.bytes, sizeof(in.uuid.bytes) };
	in.start = seal_for_flow(&in.uuid, "start", start);
	in.back = seal_for_flow(&in.uuid, "return", back);
	ok(stmt_run(the.store.db, &flow_insert, &in, NULL, &ctx), &ctx);
	free(in.start.data);
	free(in.back.data);
	uuid_text(&in.uuid, text);
	snprintf(payload, sizeof(payload), "{\"flow\":\"%s\"}", text);
	snprintf(key, sizeof(key), "credential:%s", scene->subject);
	return put("oauth_exchange", scene->subject, key, payload);
}

static int64_t
come_back(const struct scene *scene, const char *client_id)
{
	auto_free char *start = xasprintf(
	    "{\"verifier\":\"the-verifier\",\"client_id\":\"%s\",\"redirect_uri\":\"http://x/cb\","
	    "\"fields\":{},\"scopes\":[\"read\"]}",
	    client_id);

	return come_back_with(scene, start, "{\"code\":\"the-code\",\"callback\":{}}");
}

/* The job's end; its error must contain `error`. */
static void
expect_end(int64_t id, const char *state, const char *error)
{
	struct job_state got = { 0 };
	struct errctx ctx = { 0 };
	bool ended = false;

	ok(job_wait(&the.store, id, 20000, &ended, &got, &ctx), &ctx);
	if (strcmp(got.state, state) != 0 || !strstr(got.error ? got.error : "", error))
		fail_msg("job %s: %s", got.state, got.error ? got.error : "(no error)");
	job_state_free(&got);
}

#define COUNT(what) number_of("SELECT COUNT(*) FROM " what)

static const struct col left_out[] = { COL(INT, struct number_row, number) };
static const struct stmt jobs_left = { "jobs_left",
	"SELECT COUNT(*) FROM job WHERE active_key IS NOT NULL OR state IN ('queued', 'running')",
	NULL, 0, left_out, COL_N(left_out) };
static const struct stmt first_generations = { "first_generations",
	"SELECT COUNT(*) FROM oauth_grant WHERE generation = 1", NULL, 0, left_out,
	COL_N(left_out) };

/* Until it counts nothing. */
static void
wait_for_none(const struct stmt *stmt)
{
	struct number_row row = { 1 };
	struct errctx ctx = { 0 };

	for (int i = 0; i < 1000 && row.number; i++) {
		usleep(10000);
		ok(stmt_one(the.store.db, stmt, NULL, &row, &ctx), &ctx);
	}
	assert_int_equal(row.number, 0);
}

/* Until the provider has been asked that often. */
static void
wait_for_asked(const char *path, int times)
{
	for (int i = 0; i < 1000 && stub_asked(path) < times; i++)
		usleep(10000);
	assert_true(stub_asked(path) >= times);
}

struct grant_row {
	struct uuid uuid;
};
static struct uuid
the_grant(const char *state)
{
	static const struct col in[] = { { COL_TEXT, 0 } };
	static const struct col out[] = { COL(UUID, struct grant_row, uuid) };
	static const struct stmt select = { "grant", "SELECT uuid FROM oauth_grant WHERE state = ?",
		in, 1, out, 1 };
	struct grant_row row = { 0 };
	struct errctx ctx = { 0 };

	ok(stmt_one(the.store.db, &select, &state, &row, &ctx), &ctx);
	return row.uuid;
}

static int64_t
confirm(const struct scene *scene, bool accept)
{
	struct uuid grant = the_grant(OAUTH_WAITING);
	char text[UUID_TEXT_SIZE], payload[80];

	uuid_text(&grant, text);
	snprintf(payload, sizeof(payload), "{\"grant\":\"%s\",\"accept\":%s}", text,
	    accept ? "true" : "false");
	return put("oauth_confirm", scene->subject, NULL, payload);
}

static void
connect_scene(struct scene *scene)
{
	make_credential(scene);
	expect_end(come_back(scene, "client"), "done", "");
	expect_end(confirm(scene, true), "done", "");
}

static int64_t
refresh_of(int64_t generation)
{
	struct uuid grant = the_grant(OAUTH_ACTIVE);
	struct errctx ctx = { 0 };
	int64_t id = 0;

	sql("UPDATE oauth_token SET created_at = created_at - INTERVAL 1 MINUTE");
	ok(oauth_refresh_enqueue(&the.store, &grant, the.alpha, generation, NULL, &id, &ctx), &ctx);
	return id;
}

static int64_t
refresh(void)
{
	return refresh_of(0);
}

static void
expect_tokens(int64_t generation, const char *access, const char *refresh_token)
{
	struct uuid grant = the_grant(OAUTH_ACTIVE);
	struct oauth_token token = { 0 };
	auto_secret struct secret one = { 0 }, two = { 0 };
	struct errctx ctx = { 0 };

	ok(oauth_token_load(&the.store, &grant, &token, &ctx), &ctx);
	assert_int_equal(token.generation, generation);
	ok(oauth_token_open(&the.store, &token, NULL, &one, &two, &ctx), &ctx);
	assert_string_equal(secret_text(&one), access);
	assert_string_equal(secret_text(&two), refresh_token);
	oauth_token_free(&token);
}

/* ---- exchange and confirmation ---- */

static void
a_code_becomes_a_connection_once_its_account_is_confirmed(void **state)
{
	struct scene scene;
	(void)state;

	make_credential(&scene);
	expect_end(come_back(&scene, "client"), "done", "");
	assert_int_equal(stub_asked("/token"), 1);
	assert_true(stub_got("/token", "code=the-code"));
	assert_true(stub_got("/token", "code_verifier=the-verifier"));
	assert_true(stub_got("/me", "Authorization: Bearer access-1"));
	assert_int_equal(COUNT("oauth_grant WHERE state = 'waiting' AND account_name = 'Ada''s "
			       "shop' AND account_id = '4711' AND connection_id IS NULL"),
	    1);
	assert_int_equal(COUNT("oauth_flow WHERE return_sealed IS NULL"), 1);
	assert_int_equal(COUNT("credential WHERE state = 'pending'"), 1);
	assert_int_equal(COUNT("connection"), 0);
	expect_end(confirm(&scene, true), "done", "");
	assert_int_equal(COUNT("connection WHERE name = 'Shop account (shop)' AND uid = '4711' AND "
			       "account_type = 'oauth' AND metadata_value = 'Ada''s shop'"),
	    1);
	assert_int_equal(COUNT("credential c JOIN oauth_grant g ON g.connection_id = c.remote_id "
			       "WHERE c.state = 'authorized' AND g.state = 'active' AND "
			       "g.refresh_at > UTC_TIMESTAMP(3)"),
	    1);
	assert_int_equal(COUNT("audit WHERE event = 'connection.authorize' AND outcome = 'ok'"), 1);
	expect_tokens(1, "access-1", "refresh-1");
}

static void
an_account_that_is_not_accepted_is_given_back(void **state)
{
	struct scene scene;
	(void)state;

	make_credential(&scene);
	expect_end(come_back(&scene, "client"), "done", "");
	expect_end(confirm(&scene, false), "done", "");
	wait_for_none(&jobs_left);
	assert_int_equal(stub_asked("/revoke"), 1);
	assert_true(stub_got("/revoke", "token=refresh-1"));
	assert_int_equal(COUNT("oauth_grant"), 0);
	assert_int_equal(COUNT("credential WHERE state = 'pending'"), 1);
	assert_int_equal(COUNT("audit WHERE event = 'connection.reject'"), 1);
	assert_int_equal(COUNT("audit WHERE event = 'connection.revoke' AND outcome = 'ok'"), 1);
}

static void
a_code_that_is_refused_leaves_nothing(void **state)
{
	struct scene scene;
	(void)state;

	make_credential(&scene);
	stub_says("/token", 400, "{\"error\":\"invalid_grant\"}");
	expect_end(come_back(&scene, "client"), "failed", "");
	assert_int_equal(stub_asked("/token"), 1);
	assert_int_equal(COUNT("oauth_grant"), 0);
	assert_int_equal(COUNT("oauth_flow WHERE return_sealed IS NULL"), 1);
	stub_says("/token", 0, "");
	expect_end(come_back(&scene, "client"), "failed", "");
	assert_int_equal(stub_asked("/token"), 1);
}

/* The public pool seals, and may be taken over: what it has sealed is not believed. */
static void
what_no_page_would_have_sealed_is_not_sent(void **state)
{
	static const char good_start[] = "{\"verifier\":\"v\",\"client_id\":\"client\","
					 "\"redirect_uri\":\"r\",\"fields\":{},\"scopes\":[]}";
	static const char good_back[] = "{\"code\":\"c\",\"callback\":{}}";
	static const struct {
		const char *start, *back;
	} cases[] = {
		{ "{\"client_id\":\"client\",\"fields\":{}}", good_back },
		{ "{\"client_id\":\"client\",\"fields\":[],\"scopes\":[]}", good_back },
		{ "{\"fields\":{},\"scopes\":[]}", good_back },
		{ "{\"client_id\":\"client\",\"fields\":{\"host\":\"evil.example\"},\"scopes\":[]}",
		    good_back },
		{ "{\"client_id\":\"client\",\"fields\":{},\"scopes\":[7]}", good_back },
		{ good_start, "{\"callback\":{}}" },
		{ good_start, "{\"code\":\"c\"}" },
		{ good_start, "{\"code\":\"a\\nb\",\"callback\":{}}" },
		{ good_start, "{\"code\":\"c\",\"callback\":{\"host\":\"evil.example\"}}" },
	};
	struct scene scene;
	(void)state;

	make_credential(&scene);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect_end(come_back_with(&scene, cases[i].start, cases[i].back), "failed", "");
	sql("UPDATE credential SET name = 'other'");
	expect_end(come_back_with(&scene, good_start, good_back), "failed", "not begun for");
	sql("UPDATE credential SET name = 'shop', prefill = "
	    "'{\"hard\":{\"host\":\"ours.example\"}}'");
	expect_end(come_back_with(&scene, good_start, good_back), "failed", "host");
	assert_int_equal(stub_asked("/token"), 0);
	sql("UPDATE credential SET prefill = NULL");
	expect_end(come_back_with(&scene, good_start, good_back), "done", "");
}

static void
tokens_that_do_not_pass_the_test_are_given_back(void **state)
{
	struct scene scene;
	(void)state;

	make_credential(&scene);
	stub_says("/me", 403, "{\"message\":\"no rights\"}");
	expect_end(come_back(&scene, "client"), "failed", "no rights");
	wait_for_none(&jobs_left);
	assert_int_equal(stub_asked("/revoke"), 1);
	assert_int_equal(COUNT("oauth_grant"), 0);
}

static void
a_link_that_was_replaced_meanwhile_gets_nothing(void **state)
{
	struct scene scene;
	(void)state;

	make_credential(&scene);
	stub_pauses("/me", 400);
	int64_t id = come_back(&scene, "client");
	wait_for_asked("/me", 1);
	sql("DELETE FROM oauth_flow");
	expect_end(id, "failed", "replaced");
	wait_for_none(&jobs_left);
	assert_int_equal(stub_asked("/revoke"), 1);
	assert_int_equal(COUNT("oauth_grant"), 0);
}

static void
what_is_declined_meanwhile_is_given_back(void **state)
{
	struct scene scene;
	struct audit_entry audit = audit_of("credential.decline");
	struct credential after = { 0 };
	struct errctx ctx = { 0 };
	(void)state;

	make_credential(&scene);
	stub_pauses("/me", 400);
	int64_t id = come_back(&scene, "client");
	wait_for_asked("/me", 1);
	ok(credential_decline(&the.store, &audit, the.ada.id, &scene.credential, "no", &after,
	       &ctx),
	    &ctx);
	credential_free(&after);
	expect_end(id, "failed", "declined");
	wait_for_asked("/revoke", 1);
	wait_for_none(&jobs_left);
	assert_int_equal(COUNT("oauth_grant"), 0);
	assert_int_equal(COUNT("credential WHERE state = 'declined'"), 1);
}

static void
a_code_belongs_to_the_client_it_was_asked_with(void **state)
{
	struct scene scene;
	(void)state;

	make_credential(&scene);
	expect_end(come_back(&scene, "another"), "failed", "another client");
	assert_int_equal(stub_asked("/token"), 0);
	assert_int_equal(COUNT("oauth_flow WHERE return_sealed IS NOT NULL"), 1);
}

static void
authorizing_again_keeps_the_connection_and_gives_the_old_grant_back(void **state)
{
	struct scene scene;
	(void)state;

	connect_scene(&scene);
	sql("UPDATE credential SET state = 'reauthorizing'");
	sql("UPDATE connection SET name = 'mine'");
	stub_says("/token", 200,
	    "{\"access_token\":\"access-2\",\"refresh_token\":\"refresh-2\",\"expires_in\":60}");
	stub_says("/me", 200, "{\"name\":\"Other\",\"id\":\"4712\"}");
	expect_end(come_back(&scene, "client"), "done", "");
	expect_end(confirm(&scene, true), "done", "");
	wait_for_none(&jobs_left);
	assert_int_equal(COUNT("connection"), 1);
	assert_int_equal(COUNT("connection x JOIN credential c ON c.remote_id = x.id WHERE "
			       "x.name = 'mine' AND x.uid = '4712' AND c.state = 'authorized'"),
	    1);
	expect_tokens(1, "access-2", "refresh-2");
	assert_int_equal(COUNT("oauth_grant"), 1);
	assert_true(stub_got("/revoke", "token=refresh-1"));
}

static void
what_is_extended_stays_one_account_s(void **state)
{
	struct scene scene, more;
	(void)state;

	connect_scene(&scene);
	make_credential(&more);
	sql("UPDATE credential SET extends_id = (SELECT id FROM connection) WHERE remote_id IS "
	    "NULL");
	stub_says("/me", 200, "{\"name\":\"Other\",\"id\":\"4712\"}");
	expect_end(come_back(&more, "client"), "failed",
	    "another account than the connection's "
	    "(Ada's shop)");
	wait_for_none(&jobs_left);
	assert_int_equal(COUNT("oauth_grant"), 1);
	stub_says("/me", 200, "{\"name\":\"Ada's shop\",\"id\":\"4711\"}");
	expect_end(come_back(&more, "client"), "done", "");
	expect_end(confirm(&more, true), "done", "");
	assert_int_equal(COUNT("connection"), 1);
	assert_int_equal(COUNT("credential c JOIN connection x ON x.id = c.remote_id"), 2);
}

/* ---- refresh ---- */

static void
who_looked_before_a_refresh_was_over_does_not_make_a_second_one(void **state)
{
	struct scene scene;
	(void)state;

	connect_scene(&scene);
	int asked = stub_asked("/token");
	expect_end(refresh_of(1), "done", "");
	expect_end(refresh_of(1), "done", "");
	assert_int_equal(stub_asked("/token"), asked + 1);
	expect_end(refresh_of(2), "done", "");
	assert_int_equal(stub_asked("/token"), asked + 2);
}

static void
a_refresh_spends_the_newest_token_and_keeps_an_old_one_that_is_not_replaced(void **state)
{
	struct scene scene;
	(void)state;

	connect_scene(&scene);
	stub_says("/token", 200,
	    "{\"access_token\":\"access-2\",\"refresh_token\":\"refresh-2\",\"expires_in\":3600}");
	expect_end(refresh(), "done", "");
	assert_true(stub_got("/token", "refresh_token=refresh-1"));
	expect_tokens(2, "access-2", "refresh-2");
	stub_says("/token", 200, "{\"access_token\":\"access-3\",\"expires_in\":\"3600\"}");
	expect_end(refresh(), "done", "");
	assert_true(stub_got("/token", "refresh_token=refresh-2"));
	expect_tokens(3, "access-3", "refresh-2");
	assert_int_equal(COUNT("oauth_spend WHERE outcome = 'answered'"), 2);
	assert_int_equal(COUNT("audit WHERE event = 'connection.refresh'"), 0);
}

static void
a_refusal_opens_the_credential_and_leaves_the_connection(void **state)
{
	struct scene scene;
	(void)state;

	connect_scene(&scene);
	stub_says("/token", 400, "{\"error\":\"invalid_grant\"}");
	expect_end(refresh(), "failed", "");
	assert_int_equal(stub_asked("/token"), 1);
	assert_int_equal(COUNT("credential WHERE state = 'reauthorizing' AND remote_id IS NOT "
			       "NULL"),
	    1);
	assert_int_equal(COUNT("oauth_grant WHERE state = 'broken' AND connection_id IS NOT NULL"),
	    1);
	assert_int_equal(COUNT("audit WHERE event = 'connection.refresh' AND outcome = 'failed'"),
	    1);
}

static void
a_provider_that_is_down_breaks_nothing(void **state)
{
	struct scene scene;
	(void)state;

	connect_scene(&scene);
	stub_says("/token", 503, "");
	int64_t id = refresh();
	wait_for_asked("/token", 2);
	stub_says("/token", 200,
	    "{\"access_token\":\"access-2\",\"refresh_token\":\"refresh-2\",\"expires_in\":3600}");
	expect_end(id, "done", "");
	expect_tokens(2, "access-2", "refresh-2");
	assert_int_equal(COUNT("credential WHERE state = 'authorized'"), 1);
	assert_true(COUNT("oauth_spend WHERE outcome IS NULL") >= 1);
}

/* Another runner has the job by now; the provider knows only the token that came here. */
static void
an_answer_is_stored_though_the_job_was_taken_over(void **state)
{
	struct scene scene;
	(void)state;

	connect_scene(&scene);
	stub_says("/token", 200,
	    "{\"access_token\":\"access-2\",\"refresh_token\":\"refresh-2\",\"expires_in\":3600}");
	stub_pauses("/token", 700);
	refresh();
	wait_for_asked("/token", 1);
	sql("UPDATE job SET fence = fence + 1, lease_owner = 'another', lease_until = "
	    "UTC_TIMESTAMP(3) + INTERVAL 60 SECOND WHERE kind = 'oauth_refresh'");
	wait_for_none(&first_generations);
	expect_tokens(2, "access-2", "refresh-2");
	assert_int_equal(COUNT("oauth_spend WHERE outcome = 'answered'"), 1);
	assert_int_equal(COUNT("job WHERE kind = 'oauth_refresh' AND state = 'running'"), 1);
	sql("UPDATE job SET state = 'failed', active_key = NULL");
}

static void
another_client_cannot_spend_old_tokens_and_nothing_breaks(void **state)
{
	struct scene scene;
	(void)state;

	connect_scene(&scene);
	set_client("new-client");
	stub_says("/token", 200, "{}");
	expect_end(refresh(), "failed", "another client");
	assert_int_equal(stub_asked("/token"), 0);
	assert_int_equal(COUNT("oauth_grant WHERE state = 'active' AND problem LIKE '%another "
			       "client%' AND refresh_at > UTC_TIMESTAMP(3) + INTERVAL 45 MINUTE"),
	    1);
	assert_int_equal(COUNT("oauth_spend"), 0);
}

static void
housekeeping_orders_what_is_due(void **state)
{
	struct scene scene;
	(void)state;

	connect_scene(&scene);
	stub_says("/token", 200,
	    "{\"access_token\":\"access-2\",\"refresh_token\":\"refresh-2\",\"expires_in\":3600}");
	sql("UPDATE oauth_token SET created_at = created_at - INTERVAL 1 MINUTE");
	sql("UPDATE oauth_grant SET refresh_at = UTC_TIMESTAMP(3)");
	expect_end(put("housekeeping", "housekeeping", NULL, "{}"), "done", "");
	wait_for_none(&jobs_left);
	expect_tokens(2, "access-2", "refresh-2");
}

static void
without_a_refresh_token_the_end_of_the_access_token_is_the_end(void **state)
{
	struct scene scene;
	(void)state;

	stub_says("/token", 200, "{\"access_token\":\"access-1\",\"expires_in\":3600}");
	connect_scene(&scene);
	assert_int_equal(COUNT("oauth_grant WHERE refresh_at > UTC_TIMESTAMP(3) + INTERVAL 55 "
			       "MINUTE"),
	    1);
	expect_end(refresh(), "failed", "nothing to refresh");
	assert_int_equal(COUNT("oauth_grant WHERE state = 'active'"), 1);
	sql("UPDATE oauth_token SET expires_at = UTC_TIMESTAMP(3)");
	expect_end(refresh(), "failed", "sign in again");
	assert_int_equal(COUNT("oauth_grant WHERE state = 'broken'"), 1);
	assert_int_equal(COUNT("credential WHERE state = 'reauthorizing'"), 1);
	assert_int_equal(stub_asked("/token"), 1);
}

/* ---- test ---- */

static int64_t
test_connection(const struct scene *scene)
{
	char subject[32], payload[80];

	snprintf(subject, sizeof(subject), "%lld",
	    (long long)number_of("SELECT id FROM connection"));
	snprintf(payload, sizeof(payload), "{\"credential\":\"%s\"}", scene->subject);
	const struct job_new job = { .kind = "remote_test",
		.subject = subject,
		.team_id = the.alpha,
		.max_attempts = 1,
		.payload = payload };
	struct errctx ctx = { 0 };
	int64_t id = 0;

	ok(job_enqueue(&the.store, &job, &id, &ctx), &ctx);
	return id;
}

static void
a_test_uses_the_token_and_refreshes_one_that_has_ended(void **state)
{
	struct scene scene;
	(void)state;

	connect_scene(&scene);
	expect_end(test_connection(&scene), "done", "");
	assert_true(stub_got("/me", "Authorization: Bearer access-1"));
	stub_says("/token", 200,
	    "{\"access_token\":\"access-2\",\"refresh_token\":\"refresh-2\",\"expires_in\":3600}");
	sql("UPDATE oauth_token SET expires_at = UTC_TIMESTAMP(3), created_at = created_at - "
	    "INTERVAL 1 MINUTE");
	expect_end(test_connection(&scene), "done", "");
	assert_true(stub_got("/me", "Authorization: Bearer access-2"));
	stub_says("/me", 401, "{}");
	expect_end(test_connection(&scene), "failed", "401");
	assert_int_equal(COUNT("credential WHERE state = 'reauthorizing'"), 1);
	stub_says("/me", 200, "{\"name\":\"Ada's shop\",\"id\":4711}");
	expect_end(test_connection(&scene), "done", "");
	assert_int_equal(COUNT("credential WHERE state = 'authorized'"), 1);
}

static void
a_test_of_a_token_that_cannot_be_refreshed_ends(void **state)
{
	struct scene scene;
	(void)state;

	connect_scene(&scene);
	set_client("new-client");
	sql("UPDATE oauth_token SET expires_at = UTC_TIMESTAMP(3), created_at = created_at - "
	    "INTERVAL 1 MINUTE");
	stub_says("/me", 200, "{}");
	expect_end(test_connection(&scene), "dead", "another client");
	assert_int_equal(COUNT("credential WHERE state = 'authorized'"), 1);
	set_client("client");
	stub_says("/token", 400, "{\"error\":\"invalid_grant\"}");
	expect_end(test_connection(&scene), "failed", "");
	assert_int_equal(stub_asked("/me"), 0);
	assert_int_equal(COUNT("credential WHERE state = 'reauthorizing'"), 1);
}

/* ---- revocation ---- */

static void
a_deleted_connection_is_revoked_when_the_provider_is_back(void **state)
{
	struct scene scene;
	struct audit_entry audit = audit_of("connection.delete");
	struct errctx ctx = { 0 };
	(void)state;

	connect_scene(&scene);
	stub_says("/revoke", 503, "");
	ok(connection_delete(&the.store, &audit, the.ada.id, number_of("SELECT id FROM connection"),
	       true, &ctx),
	    &ctx);
	wait_for_asked("/revoke", 1);
	stub_says("/revoke", 200, "");
	wait_for_none(&jobs_left);
	assert_int_equal(COUNT("oauth_grant"), 0);
	assert_int_equal(COUNT("audit WHERE event = 'connection.revoke' AND outcome = 'ok'"), 1);
}

static void
a_revocation_waits_for_a_refresh_under_way_and_ends_its_answer(void **state)
{
	struct scene scene;
	struct audit_entry audit = audit_of("connection.delete");
	struct errctx ctx = { 0 };
	(void)state;

	connect_scene(&scene);
	stub_says("/token", 200,
	    "{\"access_token\":\"access-2\",\"refresh_token\":\"refresh-2\",\"expires_in\":3600}");
	stub_pauses("/token", 500);
	refresh();
	wait_for_asked("/token", 1);
	ok(connection_delete(&the.store, &audit, the.ada.id, number_of("SELECT id FROM connection"),
	       true, &ctx),
	    &ctx);
	wait_for_none(&jobs_left);
	assert_int_equal(stub_asked("/revoke"), 1);
	assert_true(stub_got("/revoke", "token=refresh-2"));
	assert_int_equal(COUNT("oauth_grant"), 0);
}

#define WITH_QUEUE(test) cmocka_unit_test_setup_teardown(test, with_queue, stop_queue)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_QUEUE(a_code_becomes_a_connection_once_its_account_is_confirmed),
		WITH_QUEUE(an_account_that_is_not_accepted_is_given_back),
		WITH_QUEUE(a_code_that_is_refused_leaves_nothing),
		WITH_QUEUE(what_no_page_would_have_sealed_is_not_sent),
		WITH_QUEUE(tokens_that_do_not_pass_the_test_are_given_back),
		WITH_QUEUE(a_link_that_was_replaced_meanwhile_gets_nothing),
		WITH_QUEUE(what_is_declined_meanwhile_is_given_back),
		WITH_QUEUE(a_code_belongs_to_the_client_it_was_asked_with),
		WITH_QUEUE(authorizing_again_keeps_the_connection_and_gives_the_old_grant_back),
		WITH_QUEUE(what_is_extended_stays_one_account_s),
		WITH_QUEUE(
		    a_refresh_spends_the_newest_token_and_keeps_an_old_one_that_is_not_replaced),
		WITH_QUEUE(who_looked_before_a_refresh_was_over_does_not_make_a_second_one),
		WITH_QUEUE(a_refusal_opens_the_credential_and_leaves_the_connection),
		WITH_QUEUE(a_provider_that_is_down_breaks_nothing),
		WITH_QUEUE(an_answer_is_stored_though_the_job_was_taken_over),
		WITH_QUEUE(another_client_cannot_spend_old_tokens_and_nothing_breaks),
		WITH_QUEUE(housekeeping_orders_what_is_due),
		WITH_QUEUE(without_a_refresh_token_the_end_of_the_access_token_is_the_end),
		WITH_QUEUE(a_test_uses_the_token_and_refreshes_one_that_has_ended),
		WITH_QUEUE(a_test_of_a_token_that_cannot_be_refreshed_ends),
		WITH_QUEUE(a_deleted_connection_is_revoked_when_the_provider_is_back),
		WITH_QUEUE(a_revocation_waits_for_a_refresh_under_way_and_ends_its_answer),
	};

	return cmocka_run_group_tests_name("oauth_jobs", tests, begin, end);
}
