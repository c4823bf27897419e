/* SPDX-License-Identifier: Apache-2.0 */
/* Behaviour of a team's platform in the database: its row, its token, and remotes that go away. */
#include "world.h"

#include "store/job.h"
#include "store/keychain.h"
#include "store/platform.h"
#include "store/request.h"

static enum err
set(int64_t team, const char *url, int64_t remote_team, const char *token, struct errctx *ctx)
{
	auto_secret struct secret secret = { 0 };
	const struct team_platform_new platform = { .team_id = team,
		.base_url = url,
		.remote_team_id = remote_team,
		.token = &secret };

	secret_set(&secret, token, strlen(token));
	return team_platform_set(&the.store, &platform, ctx);
}

static void
a_team_is_local_until_a_platform_is_set(void **state)
{
	struct team_platform row = { 0 };
	struct errctx ctx = { 0 };
	auto_secret struct secret token = { 0 };
	(void)state;

	ok(team_platform_load(&the.store, the.alpha, &row, &ctx), &ctx);
	assert_null(row.kind);
	ok(set(the.alpha, "https://eu1.make.com/api/v2", 12, "s3cret", &ctx), &ctx);
	ok(team_platform_load(&the.store, the.alpha, &row, &ctx), &ctx);
	assert_string_equal(row.kind, "make");
	assert_string_equal(row.base_url, "https://eu1.make.com/api/v2");
	assert_int_equal(row.remote_team_id, 12);
	ok(team_platform_open(&the.store, &row, &token, &ctx), &ctx);
	assert_string_equal(secret_text(&token), "s3cret");
	team_platform_free(&row);
	ok(set(the.alpha, NULL, 0, "", &ctx), &ctx);
	ok(team_platform_load(&the.store, the.alpha, &row, &ctx), &ctx);
	assert_null(row.kind);
	assert_int_equal(set(999999, NULL, 0, "", NULL), ERR_NOT_FOUND);
	assert_int_equal(team_platform_load(&the.store, 999999, &row, NULL), ERR_NOT_FOUND);
}

static void
a_token_copied_to_another_team_does_not_open(void **state)
{
	struct team_platform row = { 0 };
	struct errctx ctx = { 0 };
	auto_secret struct secret token = { 0 };
	(void)state;

	ok(set(the.alpha, "https://eu1.make.com/api/v2", 1, "s3cret", &ctx), &ctx);
	ok(team_platform_load(&the.store, the.alpha, &row, &ctx), &ctx);
	row.team_id = the.beta;
	assert_int_equal(team_platform_open(&the.store, &row, &token, NULL), ERR_INTEGRITY);
	row.team_id = the.alpha;
	uuid_make(&row.uuid);
	assert_int_equal(team_platform_open(&the.store, &row, &token, NULL), ERR_INTEGRITY);
	team_platform_free(&row);
	ok(set(the.alpha, NULL, 0, "", &ctx), &ctx);
}

/* Whatever has acted there, or is about to delete there, would go on somewhere else. */
static void
a_team_does_not_move_while_jobs_are_at_work_at_its_platform(void **state)
{
	static const struct {
		const char *kind, *state;
		int attempt;
		bool moves;
	} cases[] = {
		{ "fulfil", "queued", 0, true },
		{ "fulfil", "queued", 1, false },
		{ "fulfil", "running", 1, false },
		{ "fulfil", "done", 1, true },
		{ "fulfil", "dead", 5, true },
		{ "remote_delete", "queued", 0, false },
		{ "request_delete", "running", 1, false },
		{ "fetch", "running", 1, true },
	};
	struct errctx ctx = { 0 };
	(void)state;

	ok(set(the.alpha, "https://eu1.make.com/api/v2", 12, "s3cret", &ctx), &ctx);
	for (size_t i = 0; i < COL_N(cases); i++) {
		char text[320];

		snprintf(text, sizeof(text),
		    "INSERT INTO job (kind, subject, team_id, state, run_at, attempt, "
		    "max_attempts, "
		    "payload, created_at) VALUES ('%s', '1', %lld, '%s', '2026-01-01', %d, 5, "
		    "'{}', "
		    "'2026-01-01')",
		    cases[i].kind, (long long)the.alpha, cases[i].state, cases[i].attempt);
		sql(text);
		ok(set(the.alpha, "https://eu1.make.com/api/v2", 12, "renewed", &ctx), &ctx);
		enum err err = set(the.alpha, "https://eu2.make.com/api/v2", 12, "s3cret", NULL);
		assert_int_equal(err, cases[i].moves ? OK : ERR_VALUE);
		sql("DELETE FROM job");
		ok(set(the.alpha, "https://eu1.make.com/api/v2", 12, "s3cret", &ctx), &ctx);
	}
	ok(set(the.alpha, NULL, 0, "", &ctx), &ctx);
}

/* ---- credentials ---- */

static struct credential
make_credential(struct uuid *request_out)
{
	const struct credential_new item = { .component = "keychain",
		.type = "key",
		.name = "apikeyauth",
		.label = "API key",
		.scope = "[]",
		.app_name = "http",
		.app_modules = "[\"*\"]",
		.app_version = "3" };
	const struct request_new request = { .team_id = the.alpha,
		.requester_id = the.ada.id,
		.provider_id = the.ada.id,
		.name = "r",
		.expiry_days = 7,
		.credentials = &item,
		.n_credentials = 1 };
	struct audit_entry audit = audit_of("request.create");
	struct auth auth = as(&the.ada, SCOPE_REQUESTS_READ);
	struct request_made made;
	struct request_detail detail;
	struct errctx ctx = { 0 };

	ok(request_create(&the.store, &audit, &request, &made, &ctx), &ctx);
	*request_out = made.request.id;
	ok(request_detail(&the.store, &auth, &made.request.id, &detail, &ctx), &ctx);
	struct credential credential = detail.credentials[0];
	detail.credentials[0] = (struct credential){ 0 };
	request_detail_free(&detail);
	request_made_wipe(&made);
	return credential;
}

struct change {
	struct uuid id;
	struct credential_remote remote;
	bool authorize, gone;
};
static enum err
change_body(struct store *store, void *arg, struct audit_entry *audit, struct errctx *ctx)
{
	struct change *change = arg;
	(void)audit;

	return change->authorize ? credential_authorize_in(store, &change->id, &change->remote, ctx)
				 : credential_remote_gone_in(store, &change->id, &change->remote,
				       &change->gone, ctx);
}

static bool
run(const struct uuid *id, bool authorize, int64_t remote, const char *platform)
{
	struct change change = { *id, { remote, platform, NULL }, authorize, false };
	struct audit_entry audit = audit_of("test");
	struct errctx ctx = { 0 };

	ok(store_write(&the.store, &audit, change_body, &change, &ctx), &ctx);
	return change.gone;
}

static void
expect_state(const struct uuid *id, const char *state, int64_t remote)
{
	struct credential now;
	struct errctx ctx = { 0 };

	ok(credential_load(&the.store, id, &now, &ctx), &ctx);
	assert_string_equal(now.state, state);
	assert_int_equal(now.remote_id, remote);
	assert_true(!now.platform == !remote);
	credential_free(&now);
}

static void
only_the_remote_that_was_deleted_is_forgotten(void **state)
{
	struct uuid request;
	struct credential credential = make_credential(&request);
	(void)state;

	run(&credential.id, true, 7, "make");
	assert_false(run(&credential.id, false, 8, "make"));
	assert_false(run(&credential.id, false, 7, "local"));
	expect_state(&credential.id, "authorized", 7);
	assert_true(run(&credential.id, false, 7, "make"));
	expect_state(&credential.id, "pending", 0);
	assert_false(run(&credential.id, false, 7, "make"));
	credential_free(&credential);
}

static enum err
forget_body(struct store *store, void *arg, struct audit_entry *audit, struct errctx *ctx)
{
	(void)audit;
	return credential_forget_key_in(store, *(const int64_t *)arg, ctx);
}

static void
a_key_of_ours_with_the_number_of_a_remote_one_leaves_that_alone(void **state)
{
	struct uuid request;
	struct credential credential = make_credential(&request);
	struct audit_entry audit = audit_of("test");
	struct errctx ctx = { 0 };
	int64_t key = 4711;
	(void)state;

	run(&credential.id, true, key, "make");
	ok(store_write(&the.store, &audit, forget_body, &key, &ctx), &ctx);
	expect_state(&credential.id, "authorized", key);
	credential_free(&credential);
}

static void
a_team_is_not_moved_while_credentials_live_at_its_platform(void **state)
{
	struct uuid request;
	struct credential credential = make_credential(&request);
	struct errctx ctx = { 0 };
	static const char url[] = "https://eu1.make.com/api/v2";
	(void)state;

	sql("DELETE FROM credential_request WHERE id IN (SELECT request_id FROM credential WHERE "
	    "platform = 'make')");
	ok(set(the.alpha, url, 5, "one", &ctx), &ctx);
	run(&credential.id, true, 9, "make");
	assert_int_equal(set(the.alpha, NULL, 0, "", NULL), ERR_VALUE);
	assert_int_equal(set(the.alpha, url, 6, "one", NULL), ERR_VALUE);
	assert_int_equal(set(the.alpha, "https://us1.make.com/api/v2", 5, "one", NULL), ERR_VALUE);
	ok(set(the.alpha, url, 5, "two", &ctx), &ctx);
	assert_true(run(&credential.id, false, 9, "make"));
	ok(set(the.alpha, NULL, 0, "", &ctx), &ctx);
	credential_free(&credential);
}

static void
a_remote_is_asked_to_be_deleted_once(void **state)
{
	struct uuid request;
	struct credential credential = make_credential(&request);
	struct audit_entry audit = audit_of("credential.delete_remote");
	struct errctx ctx = { 0 };
	int64_t none = 1, first = 0, second = 0;
	(void)state;

	ok(credential_delete_remote(&the.store, &audit, the.ada.id, &credential.id, &none, &ctx),
	    &ctx);
	assert_int_equal(none, 0);
	run(&credential.id, true, 3, "make");
	ok(credential_delete_remote(&the.store, &audit, the.ada.id, &credential.id, &first, &ctx),
	    &ctx);
	ok(credential_delete_remote(&the.store, &audit, the.ada.id, &credential.id, &second, &ctx),
	    &ctx);
	assert_true(first > 0);
	assert_int_equal(first, second);
	expect_state(&credential.id, "authorized", 3);
	assert_int_equal(credential_delete_remote(&the.store, &audit, the.cy.id, &credential.id,
			     &first, NULL),
	    ERR_NOT_FOUND);
	credential_free(&credential);
}

static void
the_remotes_of_a_request_are_read_and_none_is_not_an_error(void **state)
{
	struct uuid request, unknown;
	struct credential credential = make_credential(&request), *remotes = NULL;
	struct errctx ctx = { 0 };
	size_t n = 1;
	(void)state;

	ok(request_remotes(&the.store, &request, false, &remotes, &n, &ctx), &ctx);
	assert_int_equal(n, 0);
	request_remotes_free(&remotes, n);
	run(&credential.id, true, 3, "local");
	ok(request_remotes(&the.store, &request, false, &remotes, &n, &ctx), &ctx);
	assert_int_equal(n, 1);
	assert_int_equal(remotes[0].remote_id, 3);
	assert_false(credential_is_remote(&remotes[0]));
	request_remotes_free(&remotes, n);
	uuid_make(&unknown);
	assert_int_equal(request_remotes(&the.store, &unknown, false, &remotes, &n, NULL),
	    ERR_NOT_FOUND);
	credential_free(&credential);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_team_is_local_until_a_platform_is_set),
		cmocka_unit_test(a_token_copied_to_another_team_does_not_open),
		cmocka_unit_test(a_team_does_not_move_while_jobs_are_at_work_at_its_platform),
		cmocka_unit_test(only_the_remote_that_was_deleted_is_forgotten),
		cmocka_unit_test(a_key_of_ours_with_the_number_of_a_remote_one_leaves_that_alone),
		cmocka_unit_test(a_team_is_not_moved_while_credentials_live_at_its_platform),
		cmocka_unit_test(a_remote_is_asked_to_be_deleted_once),
		cmocka_unit_test(the_remotes_of_a_request_are_read_and_none_is_not_an_error),
	};

	return cmocka_run_group_tests_name("platform", tests, world_begin, world_end);
}
