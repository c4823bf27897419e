/* SPDX-License-Identifier: Apache-2.0 */
/* Whoever has taken the public pool over, at OAuth: what his account can do with one link and one
 * browser, and that it can do nothing with those of others. */
#include "page_world.h"

#define START "{\"verifier\":\"canary-1f\",\"client_id\":\"c\"}"
#define BACK "{\"code\":\"canary-2e\",\"callback\":{}}"
#define ISSUER "https://issuer.example"

/* Of type google, common to all: its callback id. */
static struct uuid registration, foreign;

static void
register_client(const char *type, int64_t organization, const char *client_id, struct uuid *out)
{
	char id[UUID_TEXT_SIZE];

	uuid_make(out);
	uuid_text(out, id);
	auto_free char *sql = xasprintf(
	    "INSERT INTO app_client (uuid, callback_id, app, connection_type, organization_id, "
	    "client_id) SELECT u, u, '%s', '%s', %lld, '%s' FROM (SELECT UNHEX(REPLACE('%s', '-', "
	    "'')) AS u) x ON DUPLICATE KEY UPDATE callback_id = u, client_id = VALUES(client_id)",
	    type, type, (long long)organization, client_id, id);
	as_owner(sql);
}

static int
set_up_clients(void **state)
{
	int result = set_up(state);

	register_client("google", 0, "common", &registration);
	register_client("github", 0, "other", &foreign);
	return result;
}

/* Something that was granted and waits. */
static void
add_waiting_grant(const struct uuid *credential)
{
	char id[UUID_TEXT_SIZE];

	uuid_text(credential, id);
	auto_free char *sql = xasprintf(
	    "INSERT INTO oauth_grant (uuid, team_id, state, credential_id, callback_id, client_id, "
	    "connection_type, account_name, scopes, parameters_sealed, generation, created_at, "
	    "updated_at) SELECT UNHEX(REPLACE(UUID(), '-', '')), %lld, 'waiting', "
	    "UNHEX(REPLACE('%s', '-', '')), callback_id, client_id, 'google', 'ada@google', '[]', "
	    "'x', 1, UTC_TIMESTAMP(3), UTC_TIMESTAMP(3) FROM app_client "
	    "WHERE connection_type = 'google' AND organization_id = 0",
	    (long long)the.team_id, id);
	as_owner(sql);
}

/* Set out with the account of the request; `trip_out` is what it comes back with. */
static enum err
set_out(const struct made *made, const struct uuid *callback, struct page_return *trip_out,
    struct errctx *ctx)
{
	static int n;
	auto_page_view struct page_view view = { 0 };
	struct page_start start = { .issuer = ISSUER, .text = START };
	char state[32];
	enum err err = page_view_load(&the.visitor, &made->link, &view, ctx);

	assert_int_equal(err, OK);
	struct page_row *row = &view.rows[1];
	start.connection_type = row->type_name;
	start.callback_id = callback ? *callback : row->callback_id;
	snprintf(state, sizeof(state), "state %d", ++n);
	crypt_sha256(state, strlen(state), start.state_hash);
	*trip_out = (struct page_return){ .callback_id = start.callback_id };
	memcpy(trip_out->state_hash, start.state_hash, sizeof(start.state_hash));
	memcpy(trip_out->browser, made->link.browser, sizeof(made->link.browser));
	return page_connect(&the.visitor, &made->link, row, &start, &call, ctx);
}

static enum err
come_back(const struct page_return *trip, const char *error)
{
	auto_page_flow struct page_flow flow = { 0 };
	enum err err = page_return_look(&the.visitor, trip, &flow, NULL);

	return err ? err
		   : page_return(&the.visitor, trip, &flow, error ? NULL : BACK, error, &call,
			 NULL);
}

/* ---- the browser ---- */

static void
another_browser_sees_who_asks_and_can_do_nothing(void **state)
{
	struct made made = make_request();
	struct page_return trip;
	auto_page_view struct page_view view = { 0 };

	(void)state;
	assert_int_equal(page_decline(&the.visitor, &made.link, &made.key, NULL, &call, NULL), OK);
	struct made other = made;
	for (int round = 0; round < 2; round++) {
		if (round == 0)
			other.link.browser[0] ^= 1;
		else
			other.link.has_browser = false;
		page_view_free(&view);
		assert_int_equal(page_view_load(&the.visitor, &other.link, &view, NULL), OK);
		assert_true(page_view_is_other(&view));
		assert_int_equal(view.n, 1);
		assert_true(uuid_is_nil(&view.rows[0].id));
		assert_non_null(view.rows[0].requester_email);
		assert_null(view.rows[0].team_name);
		assert_null(view.rows[0].label);
		view.rows[0].id = other.account;
		assert_int_equal(page_submit(&the.visitor, &other.link, &view.rows[0], &call, FORM,
				     strlen(FORM), NULL),
		    ERR_SCOPE);
		assert_int_equal(page_decline(&the.visitor, &other.link, &made.account, NULL, &call,
				     NULL),
		    ERR_SCOPE);
		assert_int_equal(page_confirm(&the.visitor, &other.link, &made.account,
				     &made.account, true, &call, NULL),
		    ERR_SCOPE);
		const struct page_start start = { .connection_type = "shop", .text = START };
		assert_int_equal(page_connect(&the.visitor, &other.link, &view.rows[0], &start,
				     &call, NULL),
		    ERR_SCOPE);
	}
	assert_int_equal(set_out(&made, NULL, &trip, NULL), OK);
}

static void
looking_binds_nothing_and_a_refused_answer_neither(void **state)
{
	struct made made = make_request();
	struct uuid unknown;

	(void)state;
	for (int i = 0; i < 5; i++) {
		auto_page_view struct page_view view = { 0 };

		made.link.browser[0] ^= 1;
		assert_int_equal(page_view_load(&the.visitor, &made.link, &view, NULL), OK);
		assert_string_equal(view.rows[0].browser, "free");
	}
	uuid_make(&unknown);
	assert_int_equal(page_decline(&the.visitor, &made.link, &unknown, NULL, &call, NULL),
	    ERR_NOT_FOUND);
	assert_int_equal(page_confirm(&the.visitor, &made.link, &made.account, &made.account, true,
			     &call, NULL),
	    ERR_VALUE);
	auto_page_view struct page_view view = { 0 };
	assert_int_equal(page_view_load(&the.visitor, &made.link, &view, NULL), OK);
	assert_string_equal(view.rows[0].browser, "free");
}

/* ---- trips ---- */

/* Looking tells nothing; and whoever does not look first gets no further. */
static void
assert_foreign(const struct page_return *trip, const struct page_flow *flow)
{
	struct page_flow looked = { 0 };

	assert_int_equal(page_return_look(&the.visitor, trip, &looked, NULL), ERR_NOT_FOUND);
	assert_int_equal(page_return(&the.visitor, trip, flow, BACK, NULL, &call, NULL),
	    ERR_NOT_FOUND);
	assert_int_equal(page_return(&the.visitor, trip, flow, NULL, "access_denied", &call, NULL),
	    ERR_NOT_FOUND);
}

static void
a_trip_comes_back_once_and_by_all_it_was_begun_with(void **state)
{
	struct made made = make_request();
	auto_page_flow struct page_flow flow = { 0 };
	struct page_return trip, wrong;

	(void)state;
	assert_int_equal(set_out(&made, NULL, &trip, NULL), OK);
	assert_int_equal(page_return_look(&the.visitor, &trip, &flow, NULL), OK);
	wrong = trip;
	wrong.callback_id = foreign;
	assert_foreign(&wrong, &flow);
	wrong = trip;
	wrong.state_hash[31] ^= 1;
	assert_foreign(&wrong, &flow);
	wrong = trip;
	wrong.browser[31] ^= 1;
	assert_foreign(&wrong, &flow);
	assert_int_equal(count_of("job", "kind = 'oauth_exchange' AND subject", &made.account), 0);
	assert_int_equal(page_return(&the.visitor, &trip, &flow, BACK, NULL, &call, NULL), OK);
	assert_foreign(&trip, &flow);
	assert_int_equal(count_of("job", "kind = 'oauth_exchange' AND subject", &made.account), 1);
	assert_int_equal(count_of("audit", "event = 'link.return' AND subject", &made.account), 1);
}

/* Both have looked before either has come back, as two workers do. */
static void
of_two_that_look_at_once_one_comes_back(void **state)
{
	struct made made = make_request();
	struct page_return trip;
	auto_page_flow struct page_flow one = { 0 }, two = { 0 };

	(void)state;
	assert_int_equal(set_out(&made, NULL, &trip, NULL), OK);
	assert_int_equal(page_return_look(&the.visitor, &trip, &one, NULL), OK);
	assert_int_equal(page_return_look(&the.visitor, &trip, &two, NULL), OK);
	assert_string_equal(one.issuer, ISSUER);
	assert_int_equal(page_return(&the.visitor, &trip, &one, BACK, NULL, &call, NULL), OK);
	assert_int_equal(page_return(&the.visitor, &trip, &two, BACK, NULL, &call, NULL),
	    ERR_NOT_FOUND);
}

static void
what_is_kept_of_a_trip_is_sealed_and_a_refusal_keeps_nothing(void **state)
{
	struct made made = make_request(), refused = make_request();
	struct page_return trip;

	(void)state;
	assert_int_equal(set_out(&made, NULL, &trip, NULL), OK);
	assert_int_equal(come_back(&trip, NULL), OK);
	assert_int_equal(set_out(&refused, NULL, &trip, NULL), OK);
	assert_int_equal(come_back(&trip, "access_denied"), OK);
	assert_int_equal(count("SELECT COUNT(*) FROM oauth_flow WHERE INSTR(start_sealed, "
			       "'canary') OR INSTR(COALESCE(return_sealed, ''), 'canary')"),
	    0);
	assert_int_equal(count_of("oauth_flow", "return_sealed IS NOT NULL AND credential_id",
			     &made.account),
	    1);
	assert_int_equal(count_of("oauth_flow",
			     "return_sealed IS NULL AND error = 'access_denied' AND credential_id",
			     &refused.account),
	    1);
	assert_int_equal(count_of("job", "subject", &refused.account), 0);
}

static void
a_trip_that_is_late_or_whose_link_has_ended_does_not_come_back(void **state)
{
	struct made late = make_request(), ended = make_request(), resent = make_request();
	auto_page_view struct page_view view = { 0 };
	auto_page_flow struct page_flow flow = { 0 }, other = { 0 };
	struct page_return trip;

	(void)state;
	assert_int_equal(set_out(&late, NULL, &trip, NULL), OK);
	assert_int_equal(page_return_look(&the.visitor, &trip, &flow, NULL), OK);
	as_owner("UPDATE oauth_flow SET expires_at = UTC_TIMESTAMP(3) WHERE used_at IS NULL");
	assert_foreign(&trip, &flow);
	assert_int_equal(set_out(&ended, NULL, &trip, NULL), OK);
	assert_int_equal(page_return_look(&the.visitor, &trip, &other, NULL), OK);
	assert_int_equal(page_view_load(&the.visitor, &ended.link, &view, NULL), OK);
	assert_int_equal(page_relink(&the.visitor, &ended.link, &view.rows[0], &call, NULL), OK);
	assert_foreign(&trip, &other);
	page_flow_free(&other);
	assert_int_equal(set_out(&resent, NULL, &trip, NULL), OK);
	assert_int_equal(page_return_look(&the.visitor, &trip, &other, NULL), OK);
	as_owner("UPDATE credential_request SET browser_hash = NULL");
	assert_foreign(&trip, &other);
}

static void
a_trip_is_begun_with_the_registration_that_counts_and_for_connections_alone(void **state)
{
	struct made made = make_request();
	auto_page_view struct page_view view = { 0 };
	struct page_return trip;
	struct uuid own, reserved;
	const struct page_start start = { .callback_id = registration, .text = START };

	(void)state;
	assert_int_equal(set_out(&made, &foreign, &trip, NULL), ERR_VALUE);
	assert_int_equal(page_view_load(&the.visitor, &made.link, &view, NULL), OK);
	assert_true(uuid_is_nil(&view.rows[0].callback_id)); /* a key */
	assert_int_equal(page_connect(&the.visitor, &made.link, &view.rows[0], &start, &call, NULL),
	    ERR_VALUE);
	assert_int_equal(count_of("oauth_flow", "credential_id", &made.account), 0);

	register_client("google", 1, "", &reserved);
	assert_int_equal(set_out(&made, NULL, &trip, NULL), OK);
	assert_memory_equal(&trip.callback_id, &registration, sizeof(registration));
	register_client("google", 1, "own", &own);
	assert_int_equal(set_out(&made, &registration, &trip, NULL), ERR_VALUE);
	assert_int_equal(set_out(&made, NULL, &trip, NULL), OK);
	assert_memory_equal(&trip.callback_id, &own, sizeof(own));
	as_owner("DELETE FROM app_client WHERE organization_id = 1");
	assert_int_equal(come_back(&trip, NULL), ERR_NOT_FOUND); /* nobody's any more */
}

/* Of a client that the person brings along: its redirect URI is no other item's. */
static void
a_trip_may_come_back_to_the_credential_itself_and_to_no_other_one(void **state)
{
	struct made made = make_request(), other = make_request();
	auto_page_view struct page_view view = { 0 };
	struct page_return trip, elsewhere;

	(void)state;
	assert_int_equal(set_out(&made, &other.account, &trip, NULL), ERR_VALUE);
	assert_int_equal(set_out(&made, &made.account, &trip, NULL), OK);
	elsewhere = trip;
	elsewhere.callback_id = other.account;
	assert_int_equal(come_back(&elsewhere, NULL), ERR_NOT_FOUND);
	elsewhere.callback_id = registration;
	assert_int_equal(come_back(&elsewhere, NULL), ERR_NOT_FOUND);
	assert_int_equal(come_back(&trip, NULL), OK);

	as_owner("DELETE FROM app_client");
	assert_int_equal(page_view_load(&the.visitor, &other.link, &view, NULL), OK);
	assert_true(uuid_is_nil(&view.rows[0].callback_id)); /* a key */
	assert_memory_equal(&view.rows[1].callback_id, &other.account, sizeof(struct uuid));
	assert_null(view.rows[1].client_id);
}

static void
trips_without_end_are_refused(void **state)
{
	struct made made = make_request();
	struct page_return trip;
	struct errctx ctx = { 0 };

	(void)state;
	for (int i = 0; i < 30; i++)
		assert_int_equal(set_out(&made, NULL, &trip, NULL), OK);
	assert_int_equal(set_out(&made, NULL, &trip, &ctx), ERR_RATE);
	assert_true(ctx.retry_after_s > 0);
	assert_int_equal(come_back(&(struct page_return){ .callback_id = registration }, NULL),
	    ERR_NOT_FOUND);
}

static void
one_link_sets_out_and_confirms_for_no_other_request(void **state)
{
	struct made mine = make_request(), theirs = make_request();
	auto_page_view struct page_view view = { 0 };
	const struct page_start start = { .text = START };

	(void)state;
	add_waiting_grant(&theirs.account);
	assert_int_equal(page_view_load(&the.visitor, &mine.link, &view, NULL), OK);
	view.rows[1].id = theirs.account;
	assert_int_equal(page_connect(&the.visitor, &mine.link, &view.rows[1], &start, &call, NULL),
	    ERR_NOT_FOUND);
	assert_int_equal(page_confirm(&the.visitor, &mine.link, &theirs.account, &mine.account,
			     true, &call, NULL),
	    ERR_NOT_FOUND);
	assert_int_equal(count_of("job", "subject", &theirs.account), 0);
	assert_int_equal(count_of("oauth_grant", "state = 'waiting' AND credential_id",
			     &theirs.account),
	    1);
}

/* ---- what waits ---- */

static void
what_waits_is_shown_and_confirmed_once(void **state)
{
	struct made made = make_request();
	auto_page_view struct page_view view = { 0 };
	struct errctx ctx = { 0 };

	(void)state;
	add_waiting_grant(&made.account);
	assert_int_equal(page_view_load(&the.visitor, &made.link, &view, NULL), OK);
	assert_false(uuid_is_nil(&view.rows[1].waiting));
	assert_true(uuid_is_nil(&view.rows[0].waiting));
	assert_string_equal(view.rows[1].waiting_name, "ada@google");
	assert_int_equal(page_confirm(&the.visitor, &made.link, &made.account,
			     &view.rows[1].waiting, true, &call, NULL),
	    OK);
	assert_int_equal(page_confirm(&the.visitor, &made.link, &made.account,
			     &view.rows[1].waiting, false, &call, &ctx),
	    ERR_RULE);
	assert_int_equal(count_of("job",
			     "kind = 'oauth_confirm' AND payload LIKE "
			     "'{\"grant\":\"%-%\",\"accept\":true}' AND subject",
			     &made.account),
	    1);
}

static void
what_came_after_the_one_that_was_seen_is_not_confirmed(void **state)
{
	struct made made = make_request();
	auto_page_view struct page_view view = { 0 }, later = { 0 };

	(void)state;
	add_waiting_grant(&made.account);
	assert_int_equal(page_view_load(&the.visitor, &made.link, &view, NULL), OK);
	as_owner("UPDATE oauth_grant SET created_at = created_at - INTERVAL 1 SECOND");
	add_waiting_grant(&made.account);
	for (int accept = 0; accept <= 1; accept++) {
		assert_int_equal(page_confirm(&the.visitor, &made.link, &made.account,
				     &view.rows[1].waiting, accept, &call, NULL),
		    ERR_VALUE);
		assert_int_equal(page_confirm(&the.visitor, &made.link, &made.account,
				     &(struct uuid){ { 0 } }, accept, &call, NULL),
		    ERR_VALUE);
	}
	assert_int_equal(count_of("job", "subject", &made.account), 0);
	assert_int_equal(page_view_load(&the.visitor, &made.link, &later, NULL), OK);
	assert_string_equal(later.rows[1].browser, "free");
	assert_int_equal(page_confirm(&the.visitor, &made.link, &made.account,
			     &later.rows[1].waiting, true, &call, NULL),
	    OK);
}

static void
what_waits_is_given_back_when_it_is_declined_or_the_link_ends(void **state)
{
	struct made declined = make_request(), ended = make_request();
	auto_page_view struct page_view view = { 0 };
	int64_t before = count("SELECT COUNT(*) FROM job WHERE kind = 'oauth_revoke'");

	(void)state;
	add_waiting_grant(&declined.account);
	add_waiting_grant(&ended.account);
	assert_int_equal(page_decline(&the.visitor, &declined.link, &declined.account, NULL, &call,
			     NULL),
	    OK);
	assert_int_equal(page_view_load(&the.visitor, &ended.link, &view, NULL), OK);
	assert_int_equal(page_relink(&the.visitor, &ended.link, &view.rows[0], &call, NULL), OK);
	assert_int_equal(count_of("oauth_grant", "state = 'ending' AND credential_id",
			     &declined.account),
	    1);
	assert_int_equal(count_of("oauth_grant", "state = 'ending' AND credential_id",
			     &ended.account),
	    1);
	assert_int_equal(count("SELECT COUNT(*) FROM job WHERE kind = 'oauth_revoke'"), before + 2);
}

/* ---- a new link ---- */

static void
a_new_link_is_sealed_for_the_letter_and_ends_the_old_one(void **state)
{
	struct made made = make_request();
	auto_page_view struct page_view view = { 0 }, again = { 0 };
	struct page_link wrong = made.link;

	(void)state;
	assert_int_equal(page_view_load(&the.visitor, &made.link, &view, NULL), OK);
	wrong.hash[0] ^= 1;
	assert_int_equal(page_relink(&the.visitor, &wrong, &view.rows[0], &call, NULL),
	    ERR_NOT_FOUND);
	assert_int_equal(count_of("mail_link", "request_id", &made.link.request), 0);
	assert_int_equal(page_relink(&the.visitor, &made.link, &view.rows[0], &call, NULL), OK);
	assert_int_equal(count_of("mail_link", "request_id", &made.link.request), 1);
	assert_int_equal(count_of("job", "kind = 'mail' AND subject", &made.link.request), 1);
	assert_int_equal(page_view_load(&the.visitor, &made.link, &again, NULL), ERR_NOT_FOUND);
	assert_int_equal(page_relink(&the.visitor, &made.link, &view.rows[0], &call, NULL),
	    ERR_NOT_FOUND);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(another_browser_sees_who_asks_and_can_do_nothing),
		cmocka_unit_test(looking_binds_nothing_and_a_refused_answer_neither),
		cmocka_unit_test(a_trip_comes_back_once_and_by_all_it_was_begun_with),
		cmocka_unit_test(of_two_that_look_at_once_one_comes_back),
		cmocka_unit_test(what_is_kept_of_a_trip_is_sealed_and_a_refusal_keeps_nothing),
		cmocka_unit_test(a_trip_that_is_late_or_whose_link_has_ended_does_not_come_back),
		cmocka_unit_test(
		    a_trip_is_begun_with_the_registration_that_counts_and_for_connections_alone),
		cmocka_unit_test(trips_without_end_are_refused),
		cmocka_unit_test(one_link_sets_out_and_confirms_for_no_other_request),
		cmocka_unit_test(what_waits_is_shown_and_confirmed_once),
		cmocka_unit_test(what_came_after_the_one_that_was_seen_is_not_confirmed),
		cmocka_unit_test(what_waits_is_given_back_when_it_is_declined_or_the_link_ends),
		cmocka_unit_test(a_new_link_is_sealed_for_the_letter_and_ends_the_old_one),
		cmocka_unit_test(a_trip_may_come_back_to_the_credential_itself_and_to_no_other_one),
	};

	return cmocka_run_group_tests_name("page_oauth", tests, set_up_clients, tear_down);
}
