/* SPDX-License-Identifier: Apache-2.0 */
/* Behaviour of OAuth grants on a real MariaDB: who may spend a token, and what becomes of answers
 * that come late, twice or not at all. */
#include "one_credential.h"
#include "world.h"

#include <pthread.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/crypt.h"
#include "store/connection.h"
#include "store/connection_token.h"
#include "store/credential.h"
#include "store/housekeeping.h"
#include "store/oauth_flow.h"
#include "store/oauth_grant.h"
#include "store/oauth_refresh.h"
#include "store/request.h"

#define CANARY "canary-19cc02"
#define HOUR_MS ((int64_t)3600 * 1000)

/* Another runner: a connection of its own, the same keys. */
static struct store other;

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
	store_init(&other, db, the.store.keyring);
	return 0;
}

static int
end(void **state)
{
	db_close(&other.db);
	return world_end(state);
}

/* ---- what is there before a test ---- */

struct tokens {
	struct secret access, refresh;
	struct oauth_token_new what;
};

static void
tokens_make(struct tokens *tokens, const char *access, const char *refresh)
{
	*tokens = (struct tokens){ 0 };
	secret_set(&tokens->access, access, strlen(access));
	if (refresh)
		secret_set(&tokens->refresh, refresh, strlen(refresh));
	tokens->what = (struct oauth_token_new){ .access = &tokens->access,
		.refresh = &tokens->refresh,
		.expires_at = clock_now_ms() + HOUR_MS,
		.refresh_at = clock_now_ms() + HOUR_MS / 2 };
}

static void
tokens_free(struct tokens *tokens)
{
	secret_free(&tokens->access);
	secret_free(&tokens->refresh);
}

/* Who gets the tokens of every grant here. */
static const struct oauth_recipient shop = { "shop", "client", "shop.example" };

struct scene {
	int64_t connection;
	struct uuid credential, request, grant;
	struct job job; /* of a refresh, as claimed */
};

static void
make_credential(struct scene *scene)
{
	const struct credential_new item = { .component = "account",
		.type = "oauth",
		.name = "shop",
		.label = "a",
		.scope = "[]",
		.app_name = "shop",
		.app_modules = "[]",
		.app_version = "1" };

	ask_for_one(&item, &scene->request, &scene->credential);
}

struct making {
	struct scene *scene;
	const char *state;
	struct tokens tokens;
};

/* In the order the runner does it: connection, grant, credential. */
static enum err
make_body(struct db *db, void *arg, struct errctx *ctx)
{
	struct making *making = arg;
	struct scene *scene = making->scene;
	json_auto_t *fields = json_pack("{s:s}", "shop", CANARY);
	const struct connection_new connection = { .team_id = the.alpha,
		.name = "c",
		.account_name = "shop",
		.account_label = "Shop",
		.account_type = "oauth",
		.package_name = "shop",
		.scopes = "[\"read\"]",
		.parameters = fields };
	const struct oauth_grant_new grant = { .team_id = the.alpha,
		.state = OAUTH_WAITING,
		.credential_id = scene->credential,
		.callback_id = scene->credential,
		.client_id = shop.client_id,
		.connection_type = shop.connection_type,
		.destination = shop.destination,
		.account_name = "Ada",
		.account_id = "4711",
		.scopes = "[\"read\"]",
		.parameters = fields,
		.token = &making->tokens.what };
	enum err err = oauth_grant_create_in(&the.store, &grant, &scene->grant, ctx);
	(void)db;

	if (err || strcmp(making->state, OAUTH_WAITING) == 0)
		return err;
	err = connection_create_in(&the.store, &connection, &scene->connection, ctx);
	if (!err)
		err = oauth_grant_activate_in(&the.store, &scene->grant,
		    &(struct oauth_owner){ .connection_id = scene->connection }, ctx);
	if (!err)
		err = credential_authorize_in(&the.store, &scene->credential,
		    &(struct credential_remote){ scene->connection, "local", "[]" }, ctx);
	return err;
}

static void
clean(void)
{
	sql("DELETE FROM oauth_grant");
	sql("DELETE FROM connection");
	sql("DELETE FROM credential_request");
	sql("DELETE FROM job");
	sql("DELETE FROM audit");
}

static void
make_scene(struct scene *scene, const char *state)
{
	struct making making = { .scene = scene, .state = state };
	struct errctx ctx = { 0 };

	clean();
	*scene = (struct scene){ .job = { .id = 100, .fence = 1 } };
	make_credential(scene);
	tokens_make(&making.tokens, CANARY "-access-1", CANARY "-refresh-1");
	ok(db_transaction(the.store.db, make_body, NULL, &making, &ctx), &ctx);
	tokens_free(&making.tokens);
	scene->job.created_at = clock_now_ms() + HOUR_MS; /* put in after the first generation */
}

/* ---- what a test does ---- */

static enum oauth_lease_verdict
take(struct store *store, const struct scene *scene, int64_t job, struct oauth_lease *lease)
{
	struct job claimed = scene->job;
	enum oauth_lease_verdict verdict = OAUTH_LEASE_NO_GRANT;
	struct errctx ctx = { 0 };

	claimed.id = job;
	ok(oauth_lease_take(store, &scene->grant, &claimed, lease, &verdict, &ctx), &ctx);
	return verdict;
}

struct ending {
	struct store *store;
	const struct oauth_lease *lease;
	struct tokens tokens;
	bool stored;
	int64_t grace_ms;
	enum oauth_refusal refusal;
	enum oauth_failure failure;
};

static enum err
answer_body(struct db *db, void *arg, struct errctx *ctx)
{
	struct ending *ending = arg;
	(void)db;

	return oauth_lease_answered_in(ending->store, ending->lease, &ending->tokens.what, &shop,
	    &ending->stored, ctx);
}

static bool
answer(struct store *store, const struct oauth_lease *lease, const char *access)
{
	struct ending ending = { .store = store, .lease = lease };
	struct errctx ctx = { 0 };

	tokens_make(&ending.tokens, access, "next");
	ok(db_transaction(store->db, answer_body, NULL, &ending, &ctx), &ctx);
	tokens_free(&ending.tokens);
	return ending.stored;
}

static enum err
refuse_body(struct db *db, void *arg, struct errctx *ctx)
{
	struct ending *ending = arg;
	(void)db;

	return oauth_lease_refused_in(ending->store, ending->lease, ending->grace_ms,
	    "the provider refused", NULL, &ending->refusal, ctx);
}

static enum oauth_refusal
refuse(struct store *store, const struct oauth_lease *lease, int64_t grace_ms)
{
	struct ending ending = { .store = store, .lease = lease, .grace_ms = grace_ms };
	struct errctx ctx = { 0 };

	ok(db_transaction(store->db, refuse_body, NULL, &ending, &ctx), &ctx);
	return ending.refusal;
}

static enum err
fail_body(struct db *db, void *arg, struct errctx *ctx)
{
	struct ending *ending = arg;
	(void)db;

	return oauth_lease_failed_in(ending->store, ending->lease, ending->failure, "away", ctx);
}

static void
fail_with(struct store *store, const struct oauth_lease *lease, enum oauth_failure how)
{
	struct ending ending = { .store = store, .lease = lease, .failure = how };
	struct errctx ctx = { 0 };

	ok(db_transaction(store->db, fail_body, NULL, &ending, &ctx), &ctx);
}

static void
lease_ends(void)
{
	sql("UPDATE oauth_grant SET lease_until = UTC_TIMESTAMP(3) - INTERVAL 1 SECOND");
}

static void
expect_access(const struct scene *scene, int64_t generation, const char *access)
{
	struct oauth_token token = { 0 };
	auto_secret struct secret text = { 0 }, refresh = { 0 };
	struct errctx ctx = { 0 };

	ok(oauth_token_load(&the.store, &scene->grant, &token, &ctx), &ctx);
	assert_int_equal(token.generation, generation);
	ok(oauth_token_open(&the.store, &token, NULL, &text, &refresh, &ctx), &ctx);
	assert_string_equal(secret_text(&text), access);
	assert_true(refresh.len > 0);
	oauth_token_free(&token);
}

#define COUNT(what) number_of("SELECT COUNT(*) FROM " what)

/* ---- tokens ---- */

static void
tokens_are_sealed_each_for_its_generation(void **state)
{
	struct scene scene;
	struct oauth_grant grant = { 0 };
	struct oauth_token token = { 0 };
	struct oauth_lease lease;
	auto_secret struct secret text = { 0 };
	json_auto_t *fields = NULL;
	struct errctx ctx = { 0 };
	(void)state;

	make_scene(&scene, OAUTH_ACTIVE);
	expect_access(&scene, 1, CANARY "-access-1");
	ok(oauth_grant_load(&the.store, &scene.grant, &grant, &ctx), &ctx);
	assert_string_equal(grant.account_name, "Ada");
	assert_int_equal(grant.owner.connection_id, scene.connection);
	ok(oauth_grant_parameters(&the.store, &grant, &fields, &ctx), &ctx);
	assert_string_equal(json_get_text(fields, "shop"), CANARY);
	oauth_grant_free(&grant);
	assert_int_equal(COUNT("oauth_token WHERE INSTR(access_sealed, '" CANARY "') + "
			       "INSTR(COALESCE(refresh_sealed, ''), '" CANARY "') > 0"),
	    0);
	assert_int_equal(COUNT("oauth_grant WHERE INSTR(parameters_sealed, '" CANARY "') > 0"), 0);
	assert_int_equal(take(&the.store, &scene, 1, &lease), OAUTH_LEASE_TAKEN);
	assert_true(answer(&the.store, &lease, "second"));
	sql("UPDATE oauth_token a JOIN oauth_token b ON b.generation = 1 "
	    "SET a.access_sealed = b.access_sealed WHERE a.generation = 2");
	ok(oauth_token_load(&the.store, &scene.grant, &token, &ctx), &ctx);
	assert_int_equal(oauth_token_open(&the.store, &token, NULL, &text, NULL, NULL),
	    ERR_INTEGRITY);
	oauth_token_free(&token);
}

static int64_t
integrity_events(void)
{
	store_report_damage(&the.store);
	return COUNT("audit WHERE event = 'integrity.error' AND actor = 'store'");
}

static enum err
open_token(const struct scene *scene, const struct oauth_recipient *recipient)
{
	struct oauth_token token = { 0 };
	auto_secret struct secret access = { 0 }, refresh = { 0 };
	struct errctx ctx = { 0 };

	ok(oauth_token_load(&the.store, &scene->grant, &token, &ctx), &ctx);
	enum err err = oauth_token_open(&the.store, &token, recipient, &access, &refresh, NULL);
	assert_int_equal(access.len > 0, err == OK);
	assert_int_equal(refresh.len > 0, err == OK);
	oauth_token_free(&token);
	return err;
}

static enum err
open_as_member(const struct scene *scene)
{
	struct auth ada = as(&the.ada, SCOPE_CONNECTIONS_READ);
	struct connection_token token = { 0 };
	auto_secret struct secret text = { 0 };
	struct errctx ctx = { 0 };

	ok(connection_token_get(&the.store, &ada, scene->connection, OAUTH_MAIN_TOKEN, &token,
	       &ctx),
	    &ctx);
	enum err err = connection_token_open(&the.store, &token, &text, NULL);
	assert_int_equal(text.len > 0, err == OK);
	connection_token_free(&token);
	return err;
}

static void
tokens_open_for_nobody_else_whatever_is_written_to_the_database(void **state)
{
	static const struct {
		const char *change, *back;
	} edits[] = {
		{ "UPDATE oauth_grant SET connection_type = 'oauth2'",
		    "UPDATE oauth_grant SET connection_type = 'shop'" },
		{ "UPDATE oauth_grant SET client_id = 'mine'",
		    "UPDATE oauth_grant SET client_id = 'client'" },
		{ "UPDATE oauth_grant SET destination = 'evil.example'",
		    "UPDATE oauth_grant SET destination = 'shop.example'" },
		{ "UPDATE oauth_grant SET destination = ''",
		    "UPDATE oauth_grant SET destination = 'shop.example'" },
		/* the same bytes one after the other */
		{ "UPDATE oauth_grant SET connection_type = 'shopc', client_id = 'lient'",
		    "UPDATE oauth_grant SET connection_type = 'shop', client_id = 'client'" },
		{ "UPDATE oauth_token SET bound = FALSE", "UPDATE oauth_token SET bound = TRUE" },
	};
	struct scene scene;
	(void)state;

	make_scene(&scene, OAUTH_ACTIVE);
	assert_int_equal(COUNT("oauth_token WHERE bound"), 1);
	for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
		int64_t events = integrity_events();

		sql(edits[i].change);
		assert_int_equal(open_token(&scene, NULL), ERR_INTEGRITY);
		assert_int_equal(open_as_member(&scene), ERR_INTEGRITY);
		assert_int_equal(integrity_events(), events + 2);
		sql(edits[i].back);
		assert_int_equal(open_token(&scene, NULL), OK);
		assert_int_equal(open_as_member(&scene), OK);
	}
}

static void
tokens_open_for_whom_they_are_said_to_be_sent_to_and_not_for_their_row(void **state)
{
	static const struct oauth_recipient others[] = {
		{ "shop2", "client", "shop.example" },
		{ "shop", "client2", "shop.example" },
		{ "shop", "client", "evil.example" },
		{ "shop", "client", "" },
		{ "", "", "" },
	};
	struct scene scene;
	(void)state;

	make_scene(&scene, OAUTH_ACTIVE);
	assert_int_equal(open_token(&scene, &shop), OK);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_int_equal(open_token(&scene, &others[i]), ERR_INTEGRITY);
}

/* As older versions have sealed it. */
static void
put_unbound(const struct scene *scene, const char *column, const char *field, const char *text)
{
	const struct seal_context context = { .table = "oauth_token",
		.row = scene->grant,
		.field = field,
		.team_id = the.alpha };
	struct bytes sealed = { 0 };
	struct errctx ctx = { 0 };

	ok(store_seal(&the.store, &context, text, strlen(text), &sealed, &ctx), &ctx);
	auto_free char *hex = crypt_hex(sealed.data, sealed.len);
	auto_free char *update =
	    xasprintf("UPDATE oauth_token SET bound = FALSE, %s = UNHEX('%s')", column, hex);
	free(sealed.data);
	sql(update);
}

static void
tokens_of_an_older_version_open_and_the_next_generation_is_bound(void **state)
{
	struct scene scene;
	struct oauth_lease lease;
	(void)state;

	make_scene(&scene, OAUTH_ACTIVE);
	sql("UPDATE oauth_grant SET destination = ''");
	put_unbound(&scene, "access_sealed", "access:1", "old access");
	put_unbound(&scene, "refresh_sealed", "refresh:1", "old refresh");
	expect_access(&scene, 1, "old access");
	assert_int_equal(open_token(&scene, &shop), OK);
	sql("UPDATE oauth_token SET bound = TRUE");
	assert_int_equal(open_token(&scene, &shop), ERR_INTEGRITY);
	sql("UPDATE oauth_token SET bound = FALSE");

	assert_int_equal(take(&the.store, &scene, 1, &lease), OAUTH_LEASE_TAKEN);
	assert_true(answer(&the.store, &lease, "second"));
	expect_access(&scene, 2, "second");
	assert_int_equal(COUNT("oauth_grant WHERE destination = 'shop.example'"), 1);
	/* the row of the old one would lead to it */
	assert_int_equal(COUNT("oauth_token WHERE bound"), 1);
	assert_int_equal(COUNT("oauth_token"), 1);
	sql("UPDATE oauth_token SET bound = FALSE");
	assert_int_equal(open_token(&scene, &shop), ERR_INTEGRITY);
}

static void
a_generation_is_there_once(void **state)
{
	struct scene scene;
	struct tokens tokens;
	(void)state;

	make_scene(&scene, OAUTH_ACTIVE);
	tokens_make(&tokens, "x", "y");
	assert_int_equal(oauth_token_add_in(&the.store, &scene.grant, the.alpha, 1, &tokens.what,
			     &shop, NULL),
	    ERR_DUPLICATE);
	tokens_free(&tokens);
	expect_access(&scene, 1, CANARY "-access-1");
}

static void
members_read_the_token_of_their_connection(void **state)
{
	struct scene scene;
	struct auth ada = as(&the.ada, SCOPE_CONNECTIONS_READ);
	struct auth ben = as(&the.ben, SCOPE_CONNECTIONS_READ);
	struct connection_token token = { 0 };
	auto_secret struct secret text = { 0 };
	struct errctx ctx = { 0 };
	(void)state;

	make_scene(&scene, OAUTH_ACTIVE);
	ok(connection_token_get(&the.store, &ada, scene.connection, OAUTH_MAIN_TOKEN, &token, &ctx),
	    &ctx);
	assert_string_equal(token.token.grant_state, OAUTH_ACTIVE);
	assert_string_equal(token.account_name, "shop");
	assert_true(token.refreshable);
	assert_true(connection_token_lasts(&token, 3000));
	assert_false(connection_token_lasts(&token, 4000));
	ok(connection_token_open(&the.store, &token, &text, &ctx), &ctx);
	assert_string_equal(secret_text(&text), CANARY "-access-1");
	connection_token_free(&token);
	assert_int_equal(connection_token_get(&the.store, &ben, scene.connection, OAUTH_MAIN_TOKEN,
			     &token, NULL),
	    ERR_NO_CONNECTION);
	sql("DELETE FROM oauth_grant");
	ok(connection_token_get(&the.store, &ada, scene.connection, OAUTH_MAIN_TOKEN, &token, &ctx),
	    &ctx);
	assert_true(uuid_is_nil(&token.token.grant));
	connection_token_free(&token);
}

static void
a_grant_that_was_hung_on_another_team_s_connection_is_not_there(void **state)
{
	struct scene scene;
	struct auth ben = as(&the.ben, SCOPE_CONNECTIONS_READ);
	struct oauth_token row = { 0 };
	struct connection_token token = { 0 };
	auto_free char *move = NULL;
	struct errctx ctx = { 0 };
	(void)state;

	make_scene(&scene, OAUTH_ACTIVE);
	/* the connection's team is what decides who may have its token */
	move = xasprintf("UPDATE connection SET team_id = %lld WHERE id = %lld",
	    (long long)the.beta, (long long)scene.connection);
	sql(move);
	ok(connection_token_get(&the.store, &ben, scene.connection, OAUTH_MAIN_TOKEN, &token, &ctx),
	    &ctx);
	assert_true(uuid_is_nil(&token.token.grant));
	connection_token_free(&token);
	assert_int_equal(oauth_token_of(&the.store,
			     &(struct oauth_owner){ .connection_id = scene.connection },
			     OAUTH_MAIN_TOKEN, &row, NULL),
	    ERR_NOT_FOUND);
}

/* ---- the lease ---- */

static void
what_is_about_to_be_spent_is_noted_before(void **state)
{
	struct scene scene;
	struct oauth_lease lease;
	(void)state;

	make_scene(&scene, OAUTH_ACTIVE);
	assert_int_equal(take(&the.store, &scene, 100, &lease), OAUTH_LEASE_TAKEN);
	assert_int_equal(lease.generation, 1);
	assert_int_equal(lease.fence, 1);
	assert_int_equal(COUNT("oauth_spend WHERE generation = 1 AND fence = 1 AND job_id = 100 "
			       "AND outcome IS NULL"),
	    1);
}

static void
only_one_has_the_lease(void **state)
{
	struct scene scene;
	struct oauth_lease lease, second;
	(void)state;

	make_scene(&scene, OAUTH_ACTIVE);
	assert_int_equal(take(&the.store, &scene, 100, &lease), OAUTH_LEASE_TAKEN);
	assert_int_equal(take(&other, &scene, 101, &second), OAUTH_LEASE_BUSY);
	assert_in_range(second.busy_ms, 50000, 60000);
	assert_int_equal(COUNT("oauth_spend"), 1);
}

struct racer {
	struct store *store;
	const struct scene *scene;
	int64_t job;
	enum oauth_lease_verdict verdict;
};

static void *
race(void *arg)
{
	struct racer *racer = arg;
	struct oauth_lease lease;

	racer->verdict = take(racer->store, racer->scene, racer->job, &lease);
	return NULL;
}

static void
of_two_that_come_at_once_one_gets_it(void **state)
{
	struct scene scene;
	(void)state;

	make_scene(&scene, OAUTH_ACTIVE);
	for (int64_t i = 0; i < 20; i++) {
		struct racer racers[2] = { { &the.store, &scene, 1000 + i, 0 },
			{ &other, &scene, 2000 + i, 0 } };
		pthread_t threads[2];

		for (int t = 0; t < 2; t++)
			assert_int_equal(pthread_create(&threads[t], NULL, race, &racers[t]), 0);
		for (int t = 0; t < 2; t++)
			pthread_join(threads[t], NULL);
		assert_int_equal((racers[0].verdict == OAUTH_LEASE_TAKEN) +
				     (racers[1].verdict == OAUTH_LEASE_TAKEN),
		    1);
		sql("UPDATE oauth_grant SET lease_until = NULL, lease_owner = NULL");
	}
	assert_int_equal(COUNT("oauth_spend"), 20);
}

static void
the_same_claim_takes_its_lease_again_and_its_first_spend_was_not_sent(void **state)
{
	struct scene scene;
	struct oauth_lease lease, again;
	(void)state;

	make_scene(&scene, OAUTH_ACTIVE);
	assert_int_equal(take(&the.store, &scene, 100, &lease), OAUTH_LEASE_TAKEN);
	assert_int_equal(take(&the.store, &scene, 100, &again), OAUTH_LEASE_TAKEN);
	assert_int_equal(again.fence, lease.fence + 1);
	assert_int_equal(COUNT("oauth_spend WHERE outcome = 'not_sent' AND fence = 1"), 1);
	assert_int_equal(COUNT("oauth_spend WHERE outcome IS NULL AND fence = 2"), 1);
	/* the same job, claimed again: whoever had it may still be at it */
	scene.job.fence++;
	assert_int_equal(take(&other, &scene, 100, &lease), OAUTH_LEASE_BUSY);
}

static void
nothing_is_spent_of_grants_that_are_not_in_use_or_were_refreshed_meanwhile(void **state)
{
	struct scene scene;
	struct oauth_lease lease;
	(void)state;

	make_scene(&scene, OAUTH_WAITING);
	assert_int_equal(take(&the.store, &scene, 1, &lease), OAUTH_LEASE_NO_GRANT);
	make_scene(&scene, OAUTH_ACTIVE);
	scene.job.created_at = clock_now_ms() - HOUR_MS;
	assert_int_equal(take(&the.store, &scene, 1, &lease), OAUTH_LEASE_FRESH);
	sql("UPDATE oauth_grant SET state = 'broken'");
	assert_int_equal(take(&the.store, &scene, 1, &lease), OAUTH_LEASE_BROKEN);
	sql("DELETE FROM oauth_grant");
	assert_int_equal(take(&the.store, &scene, 1, &lease), OAUTH_LEASE_NO_GRANT);
	assert_int_equal(COUNT("oauth_spend"), 0);
}

/* ---- answers ---- */

static void
an_answer_is_the_next_generation_and_gives_the_lease_back(void **state)
{
	struct scene scene;
	struct oauth_lease lease;
	(void)state;

	make_scene(&scene, OAUTH_ACTIVE);
	take(&the.store, &scene, 100, &lease);
	assert_true(answer(&the.store, &lease, "second"));
	expect_access(&scene, 2, "second");
	assert_int_equal(COUNT("oauth_spend WHERE outcome = 'answered'"), 1);
	assert_int_equal(COUNT("oauth_grant WHERE lease_until IS NULL AND generation = 2"), 1);
	assert_int_equal(COUNT("oauth_token"), 2);
	/* told twice: once */
	assert_false(answer(&the.store, &lease, "third"));
	expect_access(&scene, 2, "second");
}

static void
a_runner_whose_lease_ran_out_still_has_its_answer_stored(void **state)
{
	struct scene scene;
	struct oauth_lease late, now;
	(void)state;

	make_scene(&scene, OAUTH_ACTIVE);
	take(&the.store, &scene, 100, &late);
	lease_ends();
	assert_int_equal(take(&other, &scene, 101, &now), OAUTH_LEASE_TAKEN);
	assert_int_equal(now.generation, 1);
	assert_int_equal(COUNT("oauth_spend WHERE outcome IS NULL"), 2);
	assert_true(answer(&the.store, &late, "late"));
	expect_access(&scene, 2, "late");
	/* it does not give away the other's lease */
	assert_int_equal(COUNT("oauth_grant WHERE lease_until IS NOT NULL AND lease_fence = 2"), 1);
	/* whose refusal then is no harm */
	assert_int_equal(refuse(&other, &now, 0), OAUTH_REFUSAL_MOVED);
	assert_int_equal(COUNT("oauth_grant WHERE state = 'active'"), 1);
	expect_access(&scene, 2, "late");
}

static void
the_answer_to_the_later_spend_wins_whichever_is_stored_first(void **state)
{
	struct scene scene;
	struct oauth_lease first, second;
	(void)state;

	make_scene(&scene, OAUTH_ACTIVE);
	take(&the.store, &scene, 100, &first);
	lease_ends();
	take(&other, &scene, 101, &second);
	assert_true(answer(&the.store, &first, "of the first"));
	assert_true(answer(&other, &second, "of the second"));
	expect_access(&scene, 3, "of the second");

	make_scene(&scene, OAUTH_ACTIVE);
	take(&the.store, &scene, 100, &first);
	lease_ends();
	take(&other, &scene, 101, &second);
	assert_true(answer(&other, &second, "of the second"));
	assert_false(answer(&the.store, &first, "of the first"));
	expect_access(&scene, 2, "of the second");
	assert_int_equal(COUNT("oauth_spend WHERE outcome = 'answered'"), 2);
}

static void
an_answer_for_a_grant_that_is_ending_is_kept_for_its_revocation(void **state)
{
	struct scene scene;
	struct oauth_lease lease;
	struct audit_entry audit = audit_of("connection.delete");
	struct errctx ctx = { 0 };
	(void)state;

	make_scene(&scene, OAUTH_ACTIVE);
	take(&the.store, &scene, 100, &lease);
	ok(connection_delete(&the.store, &audit, the.ada.id, scene.connection, true, &ctx), &ctx);
	assert_true(answer(&the.store, &lease, "second"));
	expect_access(&scene, 2, "second");
	assert_int_equal(COUNT("oauth_grant WHERE state = 'ending'"), 1);
	sql("DELETE FROM oauth_grant");
	assert_false(answer(&the.store, &lease, "third"));
}

static void
old_generations_go_when_new_ones_come(void **state)
{
	struct scene scene;
	struct oauth_lease lease;
	(void)state;

	make_scene(&scene, OAUTH_ACTIVE);
	for (int64_t i = 0; i < 8; i++) {
		assert_int_equal(take(&the.store, &scene, i + 1, &lease), OAUTH_LEASE_TAKEN);
		assert_true(answer(&the.store, &lease, "more"));
	}
	expect_access(&scene, 9, "more");
	assert_int_equal(COUNT("oauth_token"), OAUTH_KEPT);
	assert_int_equal(number_of("SELECT MIN(generation) FROM oauth_token"), 5);
	assert_int_equal(number_of("SELECT MIN(generation) FROM oauth_spend"), 5);
}

/* ---- refusals and failures ---- */

static void
a_refusal_that_nothing_can_explain_breaks_the_grant_and_opens_its_credential(void **state)
{
	struct scene scene;
	struct oauth_lease lease;
	(void)state;

	make_scene(&scene, OAUTH_ACTIVE);
	take(&the.store, &scene, 100, &lease);
	assert_int_equal(refuse(&the.store, &lease, 0), OAUTH_REFUSAL_BROKEN);
	assert_int_equal(COUNT("oauth_grant WHERE state = 'broken' AND refresh_at IS NULL AND "
			       "connection_id IS NOT NULL AND problem = 'the provider refused'"),
	    1);
	assert_int_equal(COUNT("credential WHERE state = 'reauthorizing' AND remote_id IS NOT "
			       "NULL AND platform = 'local'"),
	    1);
	assert_int_equal(COUNT("credential_request WHERE status = 'invalid'"), 1);
	assert_int_equal(COUNT("audit WHERE event = 'credential.reauthorizing'"), 1);
	expect_access(&scene, 1, CANARY "-access-1");
	assert_int_equal(take(&the.store, &scene, 101, &lease), OAUTH_LEASE_BROKEN);
}

/* The provider may have used the token up without our hearing of it. */
static void
a_refusal_of_the_second_try_ends_it_where_no_grace_is_known(void **state)
{
	struct scene scene;
	struct oauth_lease lease;
	(void)state;

	make_scene(&scene, OAUTH_ACTIVE);
	take(&the.store, &scene, 100, &lease);
	lease_ends(); /* the runner died */
	take(&other, &scene, 101, &lease);
	assert_int_equal(refuse(&other, &lease, 0), OAUTH_REFUSAL_BROKEN);
	assert_int_equal(COUNT("oauth_spend WHERE generation = 1"), 2);
}

static void
a_known_grace_is_used_to_its_end(void **state)
{
	struct scene scene;
	struct oauth_lease lease;
	(void)state;

	make_scene(&scene, OAUTH_ACTIVE);
	take(&the.store, &scene, 100, &lease);
	fail_with(&the.store, &lease, OAUTH_FAILED_ANSWERED);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(take(&the.store, &scene, 101, &lease), OAUTH_LEASE_TAKEN);
		assert_int_equal(refuse(&the.store, &lease, 30 * 60000), OAUTH_REFUSAL_AGAIN);
	}
	sql("UPDATE oauth_spend SET spent_at = spent_at - INTERVAL 31 MINUTE WHERE outcome IS "
	    "NULL");
	assert_int_equal(take(&the.store, &scene, 101, &lease), OAUTH_LEASE_TAKEN);
	assert_int_equal(refuse(&the.store, &lease, 30 * 60000), OAUTH_REFUSAL_BROKEN);
}

static void
what_was_not_sent_explains_nothing(void **state)
{
	struct scene scene;
	struct oauth_lease lease;
	(void)state;

	make_scene(&scene, OAUTH_ACTIVE);
	take(&the.store, &scene, 100, &lease);
	fail_with(&the.store, &lease, OAUTH_FAILED_NOT_SENT);
	assert_int_equal(COUNT("oauth_spend WHERE outcome = 'not_sent'"), 1);
	assert_int_equal(take(&the.store, &scene, 100, &lease), OAUTH_LEASE_TAKEN);
	assert_int_equal(refuse(&the.store, &lease, 0), OAUTH_REFUSAL_BROKEN);
}

static void
a_failure_breaks_nothing_and_is_pushed_back_longer_each_time(void **state)
{
	struct scene scene;
	struct oauth_lease lease;
	(void)state;

	make_scene(&scene, OAUTH_ACTIVE);
	sql("UPDATE oauth_grant SET refresh_at = UTC_TIMESTAMP(3)");
	take(&the.store, &scene, 100, &lease);
	fail_with(&the.store, &lease, OAUTH_FAILED_ANSWERED);
	assert_int_equal(COUNT("oauth_grant WHERE refresh_at BETWEEN UTC_TIMESTAMP(3) + INTERVAL "
			       "1 MINUTE AND UTC_TIMESTAMP(3) + INTERVAL 3 MINUTE"),
	    1);
	for (int64_t i = 0; i < 8; i++) {
		assert_int_equal(take(&the.store, &scene, 101 + i, &lease), OAUTH_LEASE_TAKEN);
		fail_with(&the.store, &lease, OAUTH_FAILED_ANSWERED);
	}
	assert_int_equal(COUNT("oauth_grant WHERE refresh_at BETWEEN UTC_TIMESTAMP(3) + INTERVAL "
			       "60 MINUTE AND UTC_TIMESTAMP(3) + INTERVAL 65 MINUTE AND "
			       "state = 'active' AND problem = 'away'"),
	    1);
	assert_int_equal(COUNT("credential WHERE state = 'authorized'"), 1);
}

/* Whoever did not answer may still be at it. */
static void
after_silence_the_lease_runs_to_its_end(void **state)
{
	struct scene scene;
	struct oauth_lease lease, next;
	(void)state;

	make_scene(&scene, OAUTH_ACTIVE);
	take(&the.store, &scene, 100, &lease);
	fail_with(&the.store, &lease, OAUTH_FAILED_SILENT);
	scene.job.fence++;
	assert_int_equal(take(&the.store, &scene, 100, &next), OAUTH_LEASE_BUSY);
	assert_int_equal(COUNT("oauth_spend WHERE outcome IS NULL"), 1);
}

static void
an_answer_that_comes_after_all_revives_a_broken_grant(void **state)
{
	struct scene scene;
	struct oauth_lease late, lease;
	(void)state;

	make_scene(&scene, OAUTH_ACTIVE);
	take(&the.store, &scene, 100, &late);
	for (int i = 0; i < 2; i++) {
		lease_ends();
		take(&other, &scene, 101, &lease);
		refuse(&other, &lease, 0);
	}
	assert_int_equal(COUNT("oauth_grant WHERE state = 'broken'"), 1);
	assert_true(answer(&the.store, &late, "late"));
	expect_access(&scene, 2, "late");
	assert_int_equal(COUNT("oauth_grant WHERE state = 'active'"), 1);
	assert_int_equal(COUNT("credential WHERE state = 'authorized'"), 1);
}

/* ---- asking ---- */

static void
asking_joins_a_job_and_does_not_let_it_wait(void **state)
{
	struct scene scene;
	struct errctx ctx = { 0 };
	int64_t first = 0, second = 0;
	(void)state;

	make_scene(&scene, OAUTH_ACTIVE);
	ok(oauth_refresh_enqueue(&the.store, &scene.grant, the.alpha, 0, NULL, &first, &ctx), &ctx);
	sql("UPDATE job SET run_at = run_at + INTERVAL 1 HOUR");
	ok(oauth_refresh_enqueue(&the.store, &scene.grant, the.alpha, 0, NULL, &second, &ctx),
	    &ctx);
	assert_int_equal(first, second);
	assert_int_equal(COUNT("job WHERE run_at <= UTC_TIMESTAMP(3) AND payload = '{}'"), 1);
}

static void
what_is_due_gets_one_job(void **state)
{
	struct scene scene;
	struct errctx ctx = { 0 };
	struct oauth_refresh_state refresh = { 0 };
	int64_t n = 0, id = 0;
	(void)state;

	make_scene(&scene, OAUTH_ACTIVE);
	ok(oauth_refresh_sweep(&the.store, 100, &n, &ctx), &ctx);
	assert_int_equal(n, 0);
	ok(oauth_refresh_state(&the.store, &scene.grant, 0, &refresh, &ctx), &ctx);
	assert_int_equal(refresh.job_id, 0);
	sql("UPDATE oauth_grant SET refresh_at = UTC_TIMESTAMP(3) - INTERVAL 1 SECOND");
	ok(oauth_refresh_sweep(&the.store, 100, &n, &ctx), &ctx);
	assert_int_equal(n, 1);
	ok(oauth_refresh_sweep(&other, 100, &n, &ctx), &ctx);
	assert_int_equal(n, 0);
	/* it is the job that asking joins */
	ok(oauth_refresh_enqueue(&the.store, &scene.grant, the.alpha, 0, NULL, &id, &ctx), &ctx);
	assert_int_equal(COUNT("job"), 1);
	ok(oauth_refresh_state(&the.store, &scene.grant, 0, &refresh, &ctx), &ctx);
	assert_true(refresh.active);
	assert_int_equal(refresh.job_id, id);
	sql("DELETE FROM job");
	sql("UPDATE oauth_grant SET state = 'broken'");
	ok(oauth_refresh_sweep(&the.store, 100, &n, &ctx), &ctx);
	assert_int_equal(n, 0);
}

struct plan_row {
	int64_t id, rows;
	char *select_type, *table, *type, *possible_keys, *key, *key_len, *ref, *extra;
};
#define P(type, member) COL(type, struct plan_row, member)
static const struct col plan_cols[] = { P(INT, id), P(TEXT, select_type), P(TEXT, table),
	P(TEXT, type), P(TEXT, possible_keys), P(TEXT, key), P(TEXT, key_len), P(TEXT, ref),
	P(INT, rows), P(TEXT, extra) };

/* Every minute, over all grants there are. */
static void
the_sweep_reads_due_grants_in_the_order_of_an_index(void **state)
{
	static char text[4000];
	static struct stmt explain;
	const int64_t in[4] = { 500, 5 };
	const struct stmt *sweep = &oauth_refresh_sweep_statement;
	struct scene scene;
	struct errctx ctx = { 0 };
	void *rows = NULL;
	size_t n = 0;
	int found = 0;
	(void)state;

	make_scene(&scene, OAUTH_ACTIVE);
	snprintf(text, sizeof(text), "EXPLAIN %s", sweep->sql);
	explain =
	    (struct stmt){ "plan", text, sweep->in, sweep->n_in, plan_cols, COL_N(plan_cols) };
	ok(stmt_all(the.store.db, &explain, in, sizeof(struct plan_row), &rows, &n, &ctx), &ctx);
	for (size_t i = 0; i < n; i++) {
		const struct plan_row *plan = (struct plan_row *)rows + i;
		const char *table = plan->table ? plan->table : "";

		if (strcmp(table, "g") != 0 && strcmp(table, "j") != 0)
			continue;
		found++;
		assert_string_equal(plan->key, *table == 'g' ? "oauth_grant_due" : "job_active");
		assert_null(strstr(plan->extra ? plan->extra : "", "filesort"));
	}
	assert_int_equal(found, 2);
	stmt_rows_free(&explain, sizeof(struct plan_row), &rows, n);
}

/* ---- the end ---- */

static void
deleting_a_connection_leaves_its_grant_to_be_revoked(void **state)
{
	struct scene scene;
	struct audit_entry audit = audit_of("connection.delete");
	struct errctx ctx = { 0 };
	(void)state;

	make_scene(&scene, OAUTH_ACTIVE);
	ok(connection_delete(&the.store, &audit, the.ada.id, scene.connection, true, &ctx), &ctx);
	assert_int_equal(COUNT("connection"), 0);
	assert_int_equal(COUNT("oauth_grant WHERE state = 'ending' AND connection_id IS NULL"), 1);
	assert_int_equal(COUNT("job WHERE kind = 'oauth_revoke' AND active_key LIKE "
			       "'oauth-revoke:%' AND max_attempts > 1"),
	    1);
	assert_int_equal(COUNT("credential WHERE state = 'pending' AND remote_id IS NULL"), 1);
	expect_access(&scene, 1, CANARY "-access-1");
}

static void
a_request_or_refusal_takes_waiting_grants_along_and_no_others(void **state)
{
	struct scene scene;
	struct audit_entry audit = audit_of("x");
	struct credential declined = { 0 };
	struct errctx ctx = { 0 };
	int64_t job = 0;
	(void)state;

	make_scene(&scene, OAUTH_WAITING);
	ok(credential_decline(&the.store, &audit, the.ada.id, &scene.credential, "no", &declined,
	       &ctx),
	    &ctx);
	credential_free(&declined);
	assert_int_equal(COUNT("oauth_grant WHERE state = 'ending'"), 1);
	make_scene(&scene, OAUTH_WAITING);
	ok(request_delete(&the.store, &audit, the.ada.id, &scene.request, true, &job, &ctx), &ctx);
	assert_int_equal(COUNT("credential_request"), 0);
	assert_int_equal(COUNT("oauth_grant WHERE state = 'ending'"), 1);
	assert_int_equal(COUNT("job WHERE kind = 'oauth_revoke'"), 1);
}

static void
what_nobody_confirms_ends_after_a_day(void **state)
{
	struct scene scene;
	struct errctx ctx = { 0 };
	int64_t n = 0;
	(void)state;

	make_scene(&scene, OAUTH_WAITING);
	ok(oauth_grant_end_stale(&the.store, 10, &n, &ctx), &ctx);
	assert_int_equal(n, 0);
	sql("UPDATE oauth_grant SET created_at = UTC_TIMESTAMP(3) - INTERVAL 25 HOUR");
	ok(oauth_grant_end_stale(&the.store, 10, &n, &ctx), &ctx);
	assert_int_equal(n, 1);
	assert_int_equal(COUNT("oauth_grant WHERE state = 'ending'"), 1);
	assert_int_equal(COUNT("job WHERE kind = 'oauth_revoke'"), 1);
	make_scene(&scene, OAUTH_ACTIVE);
	sql("UPDATE oauth_grant SET created_at = UTC_TIMESTAMP(3) - INTERVAL 25 HOUR");
	ok(oauth_grant_end_stale(&the.store, 10, &n, &ctx), &ctx);
	assert_int_equal(n, 0);
}

static void
confirming_works_once_and_siblings_are_seen(void **state)
{
	struct scene scene;
	struct oauth_grant grant = { 0 };
	struct making second = { .scene = &scene, .state = OAUTH_WAITING };
	struct errctx ctx = { 0 };
	bool sibling = true;
	(void)state;

	make_scene(&scene, OAUTH_ACTIVE);
	assert_int_equal(oauth_grant_activate_in(&the.store, &scene.grant,
			     &(struct oauth_owner){ .connection_id = scene.connection }, NULL),
	    ERR_STALE);
	ok(oauth_grant_load(&the.store, &scene.grant, &grant, &ctx), &ctx);
	ok(oauth_grant_has_sibling(&the.store, &grant, &sibling, &ctx), &ctx);
	assert_false(sibling);
	tokens_make(&second.tokens, "a", "r");
	ok(db_transaction(the.store.db, make_body, NULL, &second, &ctx), &ctx);
	tokens_free(&second.tokens);
	ok(oauth_grant_has_sibling(&the.store, &grant, &sibling, &ctx), &ctx);
	assert_true(sibling);
	sql("UPDATE oauth_grant SET account_id = 'another' WHERE state = 'waiting'");
	ok(oauth_grant_has_sibling(&the.store, &grant, &sibling, &ctx), &ctx);
	assert_false(sibling);
	sql("UPDATE oauth_grant SET account_id = NULL WHERE state = 'waiting'");
	ok(oauth_grant_has_sibling(&the.store, &grant, &sibling, &ctx), &ctx);
	assert_true(sibling);
	oauth_grant_free(&grant);
}

static void
old_rows_are_deleted_by_rules(void **state)
{
	struct scene scene;
	struct errctx ctx = { 0 };
	(void)state;

	make_scene(&scene, OAUTH_WAITING);
	sql("UPDATE oauth_grant SET state = 'ending', updated_at = UTC_TIMESTAMP(3) - "
	    "INTERVAL 8 DAY");
	for (const struct housekeeping_rule *rule = housekeeping_rules; rule->name; rule++) {
		int64_t deleted = 0;

		ok(housekeeping_run(&the.store, rule, 90, &deleted, &ctx), &ctx);
	}
	assert_int_equal(COUNT("oauth_grant"), 0);
	assert_int_equal(COUNT("oauth_token"), 0);
}

/* ---- trips ---- */

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
	FLOW(INT, team_id), FLOW(UUID, uuid), FLOW(BYTES, hash), FLOW(BYTES, start),
	FLOW(BYTES, back) };
static const struct stmt flow_insert = { "test_flow",
	"INSERT INTO oauth_flow (uuid, state_hash, credential_id, team_id, callback_id, "
	"browser_hash, connection_type, start_sealed, return_sealed, created_at, expires_at) "
	"VALUES (?, ?, ?, ?, ?, ?, 'shop', ?, ?, UTC_TIMESTAMP(3), UTC_TIMESTAMP(3))",
	flow_in, COL_N(flow_in), NULL, 0 };

static void
make_flow(const struct scene *scene, struct uuid *uuid_out)
{
	unsigned char hash[CRYPT_SHA256_SIZE] = { 1 };
	struct flow_in in = { .credential = scene->credential,
		.team_id = the.alpha,
		.hash = { hash, sizeof(hash) } };
	struct errctx ctx = { 0 };

	uuid_make(&in.uuid);
	in.start = seal_for_flow(&in.uuid, "start", "{\"verifier\":\"v\"}");
	in.back = seal_for_flow(&in.uuid, "return", "{\"code\":\"" CANARY "\"}");
	ok(stmt_run(the.store.db, &flow_insert, &in, NULL, &ctx), &ctx);
	free(in.start.data);
	free(in.back.data);
	*uuid_out = in.uuid;
}

static void
a_code_is_taken_once_and_put_back_when_it_was_not_sent(void **state)
{
	struct scene scene;
	struct oauth_flow flow = { 0 }, second = { 0 };
	json_auto_t *start = NULL, *back = NULL;
	struct errctx ctx = { 0 };
	struct uuid uuid;
	bool taken = false;
	(void)state;

	make_scene(&scene, OAUTH_WAITING);
	make_flow(&scene, &uuid);
	ok(oauth_flow_load(&the.store, &uuid, &flow, &ctx), &ctx);
	ok(oauth_flow_load(&other, &uuid, &second, &ctx), &ctx);
	ok(oauth_flow_take(&the.store, &flow, &taken, &ctx), &ctx);
	assert_true(taken);
	ok(oauth_flow_take(&other, &second, &taken, &ctx), &ctx);
	assert_false(taken);
	ok(oauth_flow_open(&the.store, &flow, &start, &back, &ctx), &ctx);
	assert_string_equal(json_get_text(back, "code"), CANARY);
	assert_string_equal(json_get_text(start, "verifier"), "v");
	ok(oauth_flow_put_back_in(&the.store, &flow, &ctx), &ctx);
	ok(oauth_flow_take(&other, &second, &taken, &ctx), &ctx);
	assert_true(taken);
	oauth_flow_free(&flow);
	oauth_flow_free(&second);
	sql("UPDATE oauth_flow SET created_at = UTC_TIMESTAMP(3) - INTERVAL 25 HOUR");
	for (const struct housekeeping_rule *rule = housekeeping_rules; rule->name; rule++) {
		int64_t deleted = 0;

		ok(housekeeping_run(&the.store, rule, 90, &deleted, &ctx), &ctx);
	}
	assert_int_equal(oauth_flow_load(&the.store, &uuid, &flow, NULL), ERR_NOT_FOUND);
}

struct asking {
	const struct uuid *grant;
	int64_t generation;
	bool still;
};

static enum err
still_body(struct db *db, void *arg, struct errctx *ctx)
{
	struct asking *asking = arg;
	(void)db;

	return oauth_grant_is_still_in(&the.store, asking->grant, asking->generation,
	    &asking->still, ctx);
}

static bool
is_still(const struct scene *scene, int64_t generation)
{
	struct asking asking = { &scene->grant, generation, false };
	struct errctx ctx = { 0 };

	ok(db_transaction(the.store.db, still_body, NULL, &asking, &ctx), &ctx);
	return asking.still;
}

static void
only_the_newest_token_of_an_active_grant_may_be_kept_elsewhere(void **state)
{
	struct scene scene;
	struct oauth_lease lease;
	(void)state;

	make_scene(&scene, OAUTH_WAITING);
	assert_false(is_still(&scene, 1));
	make_scene(&scene, OAUTH_ACTIVE);
	assert_true(is_still(&scene, 1));
	assert_int_equal(take(&the.store, &scene, 100, &lease), OAUTH_LEASE_TAKEN);
	assert_true(is_still(&scene, 1));
	assert_true(answer(&the.store, &lease, CANARY "-access-2"));
	assert_false(is_still(&scene, 1));
	assert_true(is_still(&scene, 2));
	scene.job.created_at += HOUR_MS;
	assert_int_equal(take(&the.store, &scene, 101, &lease), OAUTH_LEASE_TAKEN);
	assert_int_equal(refuse(&the.store, &lease, 0), OAUTH_REFUSAL_BROKEN);
	assert_false(is_still(&scene, 2));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tokens_are_sealed_each_for_its_generation),
		cmocka_unit_test(tokens_open_for_nobody_else_whatever_is_written_to_the_database),
		cmocka_unit_test(
		    tokens_open_for_whom_they_are_said_to_be_sent_to_and_not_for_their_row),
		cmocka_unit_test(tokens_of_an_older_version_open_and_the_next_generation_is_bound),
		cmocka_unit_test(a_generation_is_there_once),
		cmocka_unit_test(members_read_the_token_of_their_connection),
		cmocka_unit_test(a_grant_that_was_hung_on_another_team_s_connection_is_not_there),
		cmocka_unit_test(what_is_about_to_be_spent_is_noted_before),
		cmocka_unit_test(only_one_has_the_lease),
		cmocka_unit_test(of_two_that_come_at_once_one_gets_it),
		cmocka_unit_test(
		    the_same_claim_takes_its_lease_again_and_its_first_spend_was_not_sent),
		cmocka_unit_test(
		    nothing_is_spent_of_grants_that_are_not_in_use_or_were_refreshed_meanwhile),
		cmocka_unit_test(an_answer_is_the_next_generation_and_gives_the_lease_back),
		cmocka_unit_test(a_runner_whose_lease_ran_out_still_has_its_answer_stored),
		cmocka_unit_test(the_answer_to_the_later_spend_wins_whichever_is_stored_first),
		cmocka_unit_test(an_answer_for_a_grant_that_is_ending_is_kept_for_its_revocation),
		cmocka_unit_test(old_generations_go_when_new_ones_come),
		cmocka_unit_test(
		    a_refusal_that_nothing_can_explain_breaks_the_grant_and_opens_its_credential),
		cmocka_unit_test(a_refusal_of_the_second_try_ends_it_where_no_grace_is_known),
		cmocka_unit_test(a_known_grace_is_used_to_its_end),
		cmocka_unit_test(what_was_not_sent_explains_nothing),
		cmocka_unit_test(a_failure_breaks_nothing_and_is_pushed_back_longer_each_time),
		cmocka_unit_test(after_silence_the_lease_runs_to_its_end),
		cmocka_unit_test(an_answer_that_comes_after_all_revives_a_broken_grant),
		cmocka_unit_test(asking_joins_a_job_and_does_not_let_it_wait),
		cmocka_unit_test(what_is_due_gets_one_job),
		cmocka_unit_test(the_sweep_reads_due_grants_in_the_order_of_an_index),
		cmocka_unit_test(deleting_a_connection_leaves_its_grant_to_be_revoked),
		cmocka_unit_test(a_request_or_refusal_takes_waiting_grants_along_and_no_others),
		cmocka_unit_test(what_nobody_confirms_ends_after_a_day),
		cmocka_unit_test(confirming_works_once_and_siblings_are_seen),
		cmocka_unit_test(old_rows_are_deleted_by_rules),
		cmocka_unit_test(a_code_is_taken_once_and_put_back_when_it_was_not_sent),
		cmocka_unit_test(only_the_newest_token_of_an_active_grant_may_be_kept_elsewhere),
	};

	return cmocka_run_group_tests_name("oauth", tests, begin, end);
}
