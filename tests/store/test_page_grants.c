/* SPDX-License-Identifier: Apache-2.0 */
/* The public pool as its own account with its own key files: what it can do, and that it can do
 * nothing else. */
#include "page_world.h"

/* ---- what it can do ---- */

static void
proves_its_key_and_the_schema(void **state)
{
	struct errctx ctx = { 0 };

	(void)state;
	if (store_check(&the.visitor, &ctx))
		fail_msg("%s", err_text(&ctx));
}

static void
link_shows_its_request_each_time(void **state)
{
	struct made made = make_request();

	(void)state;
	for (int round = 0; round < 3; round++) { /* a CALL is prepared once and run often */
		auto_page_view struct page_view view = { 0 };
		struct errctx ctx = { 0 };

		if (page_view_load(&the.visitor, &made.link, &view, &ctx))
			fail_msg("%s", err_text(&ctx));
		assert_int_equal(view.n, 2);
		assert_string_equal(view.rows[0].requester_email, "ada@example.org");
		assert_string_equal(view.rows[0].organization_name, "Organization");
		assert_string_equal(view.rows[1].component, "account");
		assert_int_equal(view.rows[1].team_id, the.team_id);
		assert_false(view.rows[0].expired);
		assert_null(view.rows[0].job_state);
		assert_ptr_equal(page_view_find(&view, &made.account), &view.rows[1]);
		assert_null(page_view_find(&view, &made.link.request));
	}
}

static void
submission_is_sealed_queued_and_audited_and_the_runner_opens_it(void **state)
{
	struct made made = make_request();
	struct errctx ctx = { 0 };
	struct submission submission = { 0 };
	auto_secret struct secret fields = { 0 };
	char id[UUID_TEXT_SIZE];

	(void)state;
	if (submit_form(&made, &made.key, &ctx))
		fail_msg("%s", err_text(&ctx));
	assert_int_equal(count_of("submission", "credential_id", &made.key), 1);
	assert_int_equal(count_of("job", "kind = 'fulfil' AND subject", &made.key), 1);
	assert_int_equal(count_of("audit", "event = 'link.submit' AND subject", &made.key), 1);
	assert_int_equal(count("SELECT COUNT(*) FROM submission WHERE INSTR(fields_sealed, "
			       "'canary') > 0"),
	    0);

	uuid_text(&made.key, id);
	auto_free char *sql = xasprintf("SET @s = (SELECT id FROM submission WHERE credential_id = "
					"UNHEX(REPLACE('%s', '-', '')))",
	    id);
	as_owner(sql);
	static const struct col out[] = { COL(UUID, struct submission, id) };
	static const struct stmt stmt = { "id", "SELECT @s", NULL, 0, out, COL_N(out) };
	assert_int_equal(stmt_one(the.owner.db, &stmt, NULL, &submission, &ctx), OK);
	const struct uuid submission_id = submission.id;
	assert_int_equal(submission_load(&the.owner, &submission_id, &submission, &ctx), OK);
	assert_int_not_equal(submission_open(&the.visitor, &submission, &fields, NULL), OK);
	assert_null(fields.data);
	assert_int_equal(submission_open(&the.owner, &submission, &fields, &ctx), OK);
	assert_string_equal(secret_text(&fields), FORM);
	submission_free(&submission);
}

static void
second_answer_waits_for_the_first(void **state)
{
	struct made made = make_request();
	struct errctx ctx = { 0 };

	(void)state;
	assert_int_equal(submit_form(&made, &made.key, &ctx), OK);
	assert_int_equal(submit_form(&made, &made.key, &ctx), ERR_RULE);
	assert_non_null(strstr(err_text(&ctx), "worked on already"));
	err_clear(&ctx);
	assert_int_equal(page_decline(&the.visitor, &made.link, &made.key, "no", &call, &ctx),
	    ERR_RULE);
	assert_int_equal(count_of("submission", "credential_id", &made.key), 1);
	assert_int_equal(count_of("audit", "subject", &made.key), 1);
}

static void
refusal_is_queued_with_its_reason_or_without(void **state)
{
	struct made made = make_request();
	struct errctx ctx = { 0 };

	(void)state;
	assert_int_equal(page_decline(&the.visitor, &made.link, &made.account, NULL, &call, &ctx),
	    OK);
	assert_int_equal(page_decline(&the.visitor, &made.link, &made.key,
			     "na\xc3\xafve \"quoted\" \xf0\x9f\x94\x91", &call, &ctx),
	    OK);
	assert_int_equal(count_of("job",
			     "JSON_VALUE(payload, '$.reason') = 'na\xc3\xafve \"quoted\" "
			     "\xf0\x9f\x94\x91' AND subject",
			     &made.key),
	    1);
	assert_int_equal(count_of("job", "kind = 'decline' AND subject", &made.account), 1);
	assert_int_equal(count_of("audit", "event = 'link.decline' AND subject", &made.key), 1);
}

static void
tells_how_long_no_runner_was_seen(void **state)
{
	int64_t age = 0;

	(void)state;
	assert_int_equal(page_runner_age_s(&the.visitor, &age, NULL), OK);
	assert_true(age >= 1000000);
	as_owner("INSERT INTO runner (id, host, pid, started_at, seen_at) VALUES ('r', 'h', 1, "
		 "UTC_TIMESTAMP(3), UTC_TIMESTAMP(3) - INTERVAL 20 SECOND)");
	assert_int_equal(page_runner_age_s(&the.visitor, &age, NULL), OK);
	assert_in_range(age, 19, 60);
}

/* ---- what it cannot do ---- */

static void
wrong_secret_and_unknown_request_answer_alike(void **state)
{
	struct made made = make_request(), unknown = made;
	struct page_view view = { 0 };
	struct errctx wrong = { 0 }, none = { 0 };

	(void)state;
	made.link.hash[31] ^= 1;
	uuid_make(&unknown.link.request);
	assert_int_equal(page_view_load(&the.visitor, &made.link, &view, &wrong), ERR_NOT_FOUND);
	assert_int_equal(page_view_load(&the.visitor, &unknown.link, &view, &none), ERR_NOT_FOUND);
	assert_string_equal(err_text(&wrong), err_text(&none));
	assert_null(view.rows);
	assert_int_equal(count_of("link_failure", "request_id", &made.link.request), 1);
	assert_int_equal(count_of("link_failure", "request_id", &unknown.link.request), 0);
}

static void
one_link_reaches_nothing_of_another_request(void **state)
{
	struct made mine = make_request(), theirs = make_request();
	struct page_link mixed = { .request = theirs.link.request };
	struct page_view view = { 0 };
	struct errctx ctx = { 0 };

	(void)state;
	memcpy(mixed.hash, mine.link.hash, sizeof(mixed.hash));
	assert_int_equal(page_view_load(&the.visitor, &mixed, &view, &ctx), ERR_NOT_FOUND);
	assert_int_equal(page_view_load(&the.visitor, &mine.link, &view, &ctx), OK);
	assert_null(page_view_find(&view, &theirs.key));
	view.rows[0].id = theirs.key; /* as a pool taken over would ask */
	assert_int_equal(page_submit(&the.visitor, &mine.link, &view.rows[0], &call, FORM,
			     strlen(FORM), &ctx),
	    ERR_NOT_FOUND);
	assert_int_equal(page_decline(&the.visitor, &mine.link, &theirs.key, "no", &call, &ctx),
	    ERR_NOT_FOUND);
	assert_int_equal(count_of("job", "subject", &theirs.key), 0);
	page_view_free(&view);
}

static void
many_wrong_secrets_are_slowed_down(void **state)
{
	struct made made = make_request();
	struct page_link wrong = made.link;
	struct page_view view = { 0 };
	struct errctx ctx = { 0 };
	enum err err = OK;

	(void)state;
	wrong.hash[0] ^= 1;
	for (int i = 0; i < 21; i++) {
		err_clear(&ctx);
		err = page_view_load(&the.visitor, &wrong, &view, &ctx);
		assert_int_equal(err, i < 20 ? ERR_NOT_FOUND : ERR_RATE);
	}
	assert_true(ctx.retry_after_s > 0);
}

static void
wrong_secrets_do_not_lock_out_who_has_the_right_one(void **state)
{
	struct made made = make_request();
	struct page_link wrong = made.link;
	auto_page_view struct page_view view = { 0 };
	struct errctx ctx = { 0 };
	enum err err = OK;

	(void)state;
	wrong.hash[0] ^= 1;
	for (int i = 0; i < 25; i++) {
		err_clear(&ctx);
		err = page_view_load(&the.visitor, &wrong, &view, &ctx);
	}
	assert_int_equal(err, ERR_RATE);
	assert_int_equal(page_view_load(&the.visitor, &made.link, &view, NULL), OK);
	assert_int_equal(page_decline(&the.visitor, &made.link, &made.key, NULL, &call, NULL), OK);
	assert_int_equal(page_decline(&the.visitor, &wrong, &made.key, NULL, &call, NULL),
	    ERR_RATE);
	assert_int_equal(count_of("link_failure", "request_id", &made.link.request), 20);
}

static void
answers_without_end_are_refused(void **state)
{
	struct made made = make_request();
	struct errctx ctx = { 0 };
	enum err err = OK;

	(void)state;
	for (int i = 0; i < 31 && !err; i++) {
		as_owner("UPDATE job SET state = 'done', active_key = NULL");
		err = page_decline(&the.visitor, &made.link, &made.key, "again", &call, &ctx);
	}
	assert_int_equal(err, ERR_RATE);
	assert_true(ctx.retry_after_s > 0);
	assert_int_equal(count_of("job", "subject", &made.key), 30);
	assert_int_equal(page_decline(&the.visitor, &made.link, &made.account, NULL, &call, NULL),
	    OK);
}

static void
expired_request_takes_nothing(void **state)
{
	struct made made = make_request();
	auto_page_view struct page_view view = { 0 };
	struct errctx ctx = { 0 };

	(void)state;
	as_owner("UPDATE credential_request SET expires_at = UTC_TIMESTAMP(3) - INTERVAL 1 SECOND "
		 "ORDER BY created_at DESC, expires_at DESC");
	assert_int_equal(page_view_load(&the.visitor, &made.link, &view, &ctx), OK);
	assert_true(view.rows[0].expired);
	assert_int_equal(page_submit(&the.visitor, &made.link, &view.rows[0], &call, FORM,
			     strlen(FORM), &ctx),
	    ERR_GONE);
	assert_int_equal(page_decline(&the.visitor, &made.link, &made.account, NULL, &call, NULL),
	    ERR_GONE);
	assert_int_equal(count_of("job", "subject", &made.key), 0);
}

static void
provided_credential_takes_no_second_form(void **state)
{
	struct made made = make_request();
	struct errctx ctx = { 0 };

	(void)state;
	as_owner("UPDATE credential SET state = 'authorized'");
	assert_int_equal(submit_form(&made, &made.key, &ctx), ERR_VALUE);
	assert_int_equal(count_of("submission", "credential_id", &made.key), 0);
	as_owner("UPDATE credential SET state = 'pending'");
}

static void
swapped_team_key_stores_nothing(void **state)
{
	static const char *const swaps[] = {
		"UPDATE team_key a JOIN team_key b ON a.team_id <> b.team_id "
		"SET a.public_key = b.public_key, a.signature = b.signature WHERE a.team_id = ",
		"UPDATE team_key a SET a.public_key = UNHEX(REPEAT('11', 32)) WHERE a.team_id = ",
	};
	struct made made = make_request();

	(void)state;
	as_owner("CREATE TEMPORARY TABLE kept AS SELECT * FROM team_key");
	for (size_t i = 0; i < sizeof(swaps) / sizeof(swaps[0]); i++) {
		auto_free char *sql = xasprintf("%s%lld", swaps[i], (long long)the.team_id);
		struct errctx ctx = { 0 };

		as_owner(sql);
		assert_int_equal(submit_form(&made, &made.key, &ctx), ERR_INTEGRITY);
		as_owner("UPDATE team_key a JOIN kept b USING (team_id, generation) "
			 "SET a.public_key = b.public_key, a.signature = b.signature");
	}
	as_owner("DROP TEMPORARY TABLE kept");
	assert_int_equal(count_of("submission", "credential_id", &made.key), 0);
	assert_int_equal(count_of("job", "subject", &made.key), 0);
}

static void
swapped_team_key_is_refused_to_others_too_and_leaves_an_audit_event(void **state)
{
	auto_free char *swap = xasprintf("UPDATE team_key SET public_key = "
					 "UNHEX(REPEAT('11', 32)) WHERE team_id = %lld",
	    (long long)the.other_team_id);
	auto_free char *events = xasprintf("SELECT COUNT(*) FROM audit WHERE event = "
					   "'integrity.error' AND subject = 'team_key:%lld:1'",
	    (long long)the.other_team_id);
	const struct team_key *key = NULL;

	(void)state;
	as_owner(swap);
	assert_int_equal(store_team_key(&the.owner, the.other_team_id, &key, NULL), ERR_INTEGRITY);
	store_report_damage(&the.owner);
	assert_int_equal(count(events), 1);
}

struct table_row {
	char *name;
};

static void
account_reads_no_table_but_the_two_it_needs(void **state)
{
	static const struct col out[] = { COL(TEXT, struct table_row, name) };
	static const struct stmt others = { "others",
		"SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() "
		"AND table_type = 'BASE TABLE' AND table_name NOT IN ('install_check', "
		"'schema_version')",
		NULL, 0, out, COL_N(out) };
	struct errctx ctx = { 0 };
	void *rows = NULL;
	size_t n = 0;

	(void)state;
	assert_int_equal(stmt_all(the.owner.db, &others, NULL, sizeof(struct table_row), &rows, &n,
			     &ctx),
	    OK);
	assert_true(n >= 18);
	for (size_t i = 0; i < n; i++) {
		const char *table = ((struct table_row *)rows)[i].name;
		auto_free char *read = xasprintf("SELECT * FROM %s LIMIT 1", table);
		auto_free char *wipe = xasprintf("DELETE FROM %s WHERE 1 = 0", table);

		as_owner(read);
		if (db_script(the.visitor.db, read, NULL) == OK)
			fail_msg("may read %s", table);
		if (db_script(the.visitor.db, wipe, NULL) == OK)
			fail_msg("may write %s", table);
	}
	stmt_rows_free(&others, sizeof(struct table_row), &rows, n);
	assert_int_equal(db_script(the.visitor.db, "SELECT * FROM install_check", NULL), OK);
	assert_int_equal(db_script(the.visitor.db, "SELECT * FROM schema_version", NULL), OK);
}

static void
account_runs_no_procedure_but_its_own_and_changes_nothing_else(void **state)
{
	static const char *const refused[] = {
		"CALL page_throttle(REPEAT('0', 16), REPEAT('0', 32))",
		"CALL page_check(REPEAT('0', 16), REPEAT('0', 32), REPEAT('0', 32), REPEAT('0', "
		"16), "
		"@team)",
		"CALL page_drop_waiting(REPEAT('0', 16), NULL)",
		"SELECT page_browser(REPEAT('0', 32), REPEAT('0', 32))",
		"SELECT uuid_text(UNHEX(REPEAT('00', 16)))",
		"INSERT INTO install_check VALUES ('master', 'x', '', '', NOW())",
		"UPDATE install_check SET kind = kind",
		"DELETE FROM schema_version",
		"DROP PROCEDURE page_open",
		"CREATE TABLE t (i INT)",
		"SELECT * FROM mysql.user",
		"SELECT LOAD_FILE('/etc/passwd') INTO OUTFILE '/tmp/bailee-out'",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (db_script(the.visitor.db, refused[i], NULL) == OK)
			fail_msg("may run %s", refused[i]);
}

static void
files_open_no_private_key(void **state)
{
	const struct team_key *found = NULL;
	struct team_key copy;

	(void)state;
	assert_int_equal(store_team_key(&the.owner, the.team_id, &found, NULL), OK);
	copy = *found;
	copy.verified = false;
	assert_int_equal(keyring_team_key_verify(the.visitor.keyring, &copy, NULL), OK);
	assert_int_not_equal(keyring_team_key_open(the.visitor.keyring, &copy, NULL), OK);
	assert_null(keyring_team_private(the.visitor.keyring, the.team_id, copy.generation));
	assert_null(keyring_master_public(the.visitor.keyring));
	assert_int_equal(keyring_team_key_open(the.owner.keyring, &copy, NULL), OK);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(proves_its_key_and_the_schema),
		cmocka_unit_test(link_shows_its_request_each_time),
		cmocka_unit_test(submission_is_sealed_queued_and_audited_and_the_runner_opens_it),
		cmocka_unit_test(second_answer_waits_for_the_first),
		cmocka_unit_test(refusal_is_queued_with_its_reason_or_without),
		cmocka_unit_test(tells_how_long_no_runner_was_seen),
		cmocka_unit_test(wrong_secret_and_unknown_request_answer_alike),
		cmocka_unit_test(one_link_reaches_nothing_of_another_request),
		cmocka_unit_test(many_wrong_secrets_are_slowed_down),
		cmocka_unit_test(wrong_secrets_do_not_lock_out_who_has_the_right_one),
		cmocka_unit_test(answers_without_end_are_refused),
		cmocka_unit_test(provided_credential_takes_no_second_form),
		cmocka_unit_test(swapped_team_key_stores_nothing),
		cmocka_unit_test(
		    swapped_team_key_is_refused_to_others_too_and_leaves_an_audit_event),
		cmocka_unit_test(account_reads_no_table_but_the_two_it_needs),
		cmocka_unit_test(account_runs_no_procedure_but_its_own_and_changes_nothing_else),
		cmocka_unit_test(files_open_no_private_key),
		cmocka_unit_test(expired_request_takes_nothing), /* ends all requests */
	};

	return cmocka_run_group_tests_name("page_grants", tests, set_up, tear_down);
}
