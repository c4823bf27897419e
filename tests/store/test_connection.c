/* SPDX-License-Identifier: Apache-2.0 */
/* Behaviour of connections on a real MariaDB: what is sealed, who sees what, what changes bring
 * along. */
#include "world.h"

#include "store/connection.h"
#include "store/credential.h"
#include "store/request.h"

#define CANARY "canary-77ab01"

static struct connection_new
new_connection(int64_t team_id, const char *name, const json_t *parameters)
{
	return (struct connection_new){ .team_id = team_id,
		.name = name,
		.account_name = "shop",
		.account_label = "Shop account",
		.account_type = "basic",
		.package_name = "shop",
		.scopes = "[\"read\"]",
		.parameters = parameters };
}

static enum err
create(int64_t person_id, int64_t team_id, const char *name, int64_t *id_out)
{
	json_auto_t *parameters = json_pack("{s:s}", "apiKey", CANARY);
	const struct connection_new what = new_connection(team_id, name, parameters);
	struct audit_entry audit = audit_of("connection.create");
	struct connection made = { 0 };
	enum err err = connection_create(&the.store, &audit, person_id, &what, &made, NULL);

	*id_out = made.id;
	connection_free(&made);
	return err;
}

static int64_t
create_for_ada(const char *name)
{
	int64_t id = 0;

	assert_int_equal(create(the.ada.id, the.alpha, name, &id), OK);
	return id;
}

static void
parameters_are_sealed_and_open_again(void **state)
{
	int64_t id = create_for_ada("sealed");
	struct connection_use use = { 0 };
	struct errctx ctx = { 0 };
	(void)state;

	assert_int_equal(number_of("SELECT COUNT(*) FROM connection WHERE "
				   "INSTR(parameters_sealed, '" CANARY "') > 0"),
	    0);
	ok(connection_open(&the.store, id, &use, &ctx), &ctx);
	assert_string_equal(json_get_text(use.parameters, "apiKey"), CANARY);
	assert_string_equal(use.connection.account_name, "shop");
	assert_int_equal(use.connection.organization_id, the.first);
	connection_use_free(&use);
	connection_use_free(&use);
	connection_use_free(NULL);
}

static void
a_value_copied_to_another_row_or_team_does_not_open(void **state)
{
	int64_t one = create_for_ada("one"), two = create_for_ada("two");
	struct connection_use use = { 0 };
	char text[200];
	(void)state;

	snprintf(text, sizeof(text),
	    "UPDATE connection a JOIN connection b ON b.id = %lld SET a.parameters_sealed = "
	    "b.parameters_sealed WHERE a.id = %lld",
	    (long long)one, (long long)two);
	sql(text);
	assert_int_equal(connection_open(&the.store, two, &use, NULL), ERR_INTEGRITY);
	snprintf(text, sizeof(text), "UPDATE connection SET team_id = %lld WHERE id = %lld",
	    (long long)the.beta, (long long)one);
	sql(text);
	assert_int_equal(connection_open(&the.store, one, &use, NULL), ERR_INTEGRITY);
	sql("DELETE FROM connection");
}

static void
connections_belong_to_the_members_of_their_team(void **state)
{
	int64_t id = create_for_ada("mine"), other, job;
	struct auth ben = as(&the.ben, SCOPE_CONNECTIONS_READ);
	struct auth ada = as(&the.ada, SCOPE_CONNECTIONS_READ);
	struct connection one, *list = NULL;
	struct audit_entry audit = audit_of("x");
	struct list_page page = { .limit = 10 };
	const struct connection_filter filter = { .team_id = the.alpha };
	const struct connection_change change = { .id = id, .person_id = the.ben.id, .name = "x" };
	struct errctx ctx = { 0 };
	size_t n;
	(void)state;

	assert_int_equal(create(the.ada.id, the.beta, "x", &other), ERR_NOT_MEMBER);
	assert_int_equal(connection_get(&the.store, &ben, id, &one, NULL), ERR_NO_CONNECTION);
	assert_int_equal(connection_get(&the.store, &ben, 4000000000, &one, NULL),
	    ERR_NO_CONNECTION);
	assert_int_equal(connection_list(&the.store, &ben, &filter, &page, &list, &n, NULL),
	    ERR_NOT_MEMBER);
	assert_int_equal(connection_update(&the.store, &audit, &change, &one, NULL),
	    ERR_NO_CONNECTION);
	assert_int_equal(connection_delete(&the.store, &audit, the.ben.id, id, true, NULL),
	    ERR_NO_CONNECTION);
	assert_int_equal(connection_test_enqueue(&the.store, &audit, the.ben.id, id, &job, NULL),
	    ERR_NO_CONNECTION);
	ok(connection_get(&the.store, &ada, id, &one, &ctx), &ctx);
	assert_string_equal(one.name, "mine");
	assert_string_equal(one.scopes, "[\"read\"]");
	assert_null(one.metadata_value);
	connection_free(&one);
}

static void
lists_are_by_name_and_by_type(void **state)
{
	struct auth ada = as(&the.ada, SCOPE_CONNECTIONS_READ);
	struct connection_filter filter = { .team_id = the.alpha };
	struct list_page page = { .limit = 2, .count = true };
	struct connection *list = NULL;
	struct errctx ctx = { 0 };
	size_t n;
	(void)state;

	sql("DELETE FROM connection");
	create_for_ada("b");
	create_for_ada("a");
	create_for_ada("c");
	sql("UPDATE connection SET account_name = 'bank' WHERE name = 'b'");
	ok(connection_list(&the.store, &ada, &filter, &page, &list, &n, &ctx), &ctx);
	assert_int_equal(n, 2);
	assert_int_equal(page.total, 3);
	assert_string_equal(list[0].name, "a");
	assert_string_equal(list[1].name, "b");
	connection_list_free(&list, n);
	filter.types = "bank,other";
	ok(connection_list(&the.store, &ada, &filter, &page, &list, &n, &ctx), &ctx);
	assert_int_equal(n, 1);
	assert_int_equal(page.total, 1);
	assert_string_equal(list[0].name, "b");
	connection_list_free(&list, n);
	filter.types = "ban";
	ok(connection_list(&the.store, &ada, &filter, &page, &list, &n, &ctx), &ctx);
	assert_int_equal(n, 0);
	connection_list_free(&list, n);
}

static void
an_account_is_noted_unless_the_parameters_have_changed(void **state)
{
	int64_t id = create_for_ada("noted");
	json_auto_t *other = json_pack("{s:s}", "apiKey", "another");
	const struct connection_change change = { .id = id,
		.person_id = the.ada.id,
		.parameters = other };
	struct audit_entry audit = audit_of("connection.replace");
	struct connection_use use = { 0 };
	struct connection after = { 0 };
	struct errctx ctx = { 0 };
	char long_name[1200];
	(void)state;

	ok(connection_open(&the.store, id, &use, &ctx), &ctx);
	memset(long_name, 'n', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	ok(connection_note_account_in(&the.store, &use, "ada@example.com", long_name, &ctx), &ctx);
	assert_int_equal(number_of("SELECT COUNT(*) FROM connection WHERE name = 'noted' AND "
				   "metadata_type = 'email' AND LENGTH(uid) = 255"),
	    1);
	ok(connection_update(&the.store, &audit, &change, &after, &ctx), &ctx);
	assert_null(after.metadata_value);
	assert_null(after.uid);
	connection_free(&after);
	ok(connection_note_account_in(&the.store, &use, "late", NULL, &ctx), &ctx);
	assert_int_equal(number_of("SELECT COUNT(*) FROM connection WHERE name = 'noted' AND "
				   "metadata_value IS NULL"),
	    1);
	connection_use_free(&use);
	ok(connection_open(&the.store, id, &use, &ctx), &ctx);
	assert_string_equal(json_get_text(use.parameters, "apiKey"), "another");
	connection_use_free(&use);
}

static void
extending_keeps_id_and_name_and_nothing_of_another_team(void **state)
{
	int64_t id = create_for_ada("kept");
	json_auto_t *fields = json_pack("{s:s}", "apiKey", "more");
	struct connection_new what = new_connection(the.alpha, "ignored", fields);
	struct connection_use use = { 0 };
	struct errctx ctx = { 0 };
	(void)state;

	what.scopes = "[\"read\",\"write\"]";
	what.metadata_value = "Ada";
	ok(connection_extend_in(&the.store, id, &what, &ctx), &ctx);
	ok(connection_open(&the.store, id, &use, &ctx), &ctx);
	assert_string_equal(use.connection.name, "kept");
	assert_string_equal(use.connection.scopes, "[\"read\",\"write\"]");
	assert_string_equal(use.connection.metadata_value, "Ada");
	assert_string_equal(json_get_text(use.parameters, "apiKey"), "more");
	connection_use_free(&use);
	assert_int_equal(connection_extend_in(&the.store, 4000000000, &what, NULL),
	    ERR_NO_CONNECTION);
	what.account_name = "bank";
	assert_int_equal(connection_extend_in(&the.store, id, &what, NULL), ERR_NO_CONNECTION);
	what.account_name = "shop";
	what.team_id = the.beta;
	assert_int_equal(connection_extend_in(&the.store, id, &what, NULL), ERR_NO_CONNECTION);
}

static void
a_test_under_way_is_joined(void **state)
{
	int64_t id = create_for_ada("tested"), first = 0, second = 0;
	struct audit_entry audit = audit_of("connection.test");
	struct errctx ctx = { 0 };
	(void)state;

	ok(connection_test_enqueue(&the.store, &audit, the.ada.id, id, &first, &ctx), &ctx);
	ok(connection_test_enqueue(&the.store, &audit, the.ada.id, id, &second, &ctx), &ctx);
	assert_int_equal(first, second);
	assert_int_equal(number_of("SELECT COUNT(*) FROM job WHERE kind = 'remote_test' AND "
				   "payload = '{}' AND max_attempts = 1"),
	    1);
}

/* A key, and a connection elsewhere, with the same number are others. */
static void
deleting_frees_the_credentials_made_from_it_and_no_others(void **state)
{
	int64_t id = create_for_ada("gone");
	const struct credential_new items[] = {
		{ .component = "account",
		    .type = "basic",
		    .name = "shop",
		    .label = "a",
		    .scope = "[]",
		    .app_name = "shop",
		    .app_modules = "[]",
		    .app_version = "1" },
		{ .component = "account",
		    .type = "basic",
		    .name = "shop",
		    .label = "b",
		    .scope = "[]",
		    .app_name = "shop",
		    .app_modules = "[]",
		    .app_version = "1" },
		{ .component = "keychain",
		    .type = "key",
		    .name = "k",
		    .label = "c",
		    .scope = "[]",
		    .app_name = "shop",
		    .app_modules = "[]",
		    .app_version = "1" },
	};
	const struct request_new request = { .team_id = the.alpha,
		.requester_id = the.ada.id,
		.provider_id = the.ada.id,
		.name = "r",
		.expiry_days = 1,
		.credentials = items,
		.n_credentials = 3 };
	struct audit_entry audit = audit_of("x");
	struct request_made made = { 0 };
	struct errctx ctx = { 0 };
	char text[200];
	(void)state;

	ok(request_create(&the.store, &audit, &request, &made, &ctx), &ctx);
	request_made_wipe(&made);
	snprintf(text, sizeof(text),
	    "UPDATE credential SET state = 'authorized', remote_id = %lld, platform = "
	    "IF(label = 'b', 'make', 'local')",
	    (long long)id);
	sql(text);
	assert_int_equal(connection_delete(&the.store, &audit, the.ada.id, id, false, NULL),
	    ERR_CONFIRM);
	ok(connection_delete(&the.store, &audit, the.ada.id, id, true, &ctx), &ctx);
	assert_int_equal(number_of("SELECT COUNT(*) FROM credential WHERE label = 'a' AND "
				   "state = 'pending' AND remote_id IS NULL"),
	    1);
	assert_int_equal(number_of("SELECT COUNT(*) FROM credential WHERE label <> 'a' AND "
				   "state = 'authorized' AND remote_id IS NOT NULL"),
	    2);
	assert_int_equal(connection_delete(&the.store, &audit, the.ada.id, id, true, NULL),
	    ERR_NO_CONNECTION);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parameters_are_sealed_and_open_again),
		cmocka_unit_test(a_value_copied_to_another_row_or_team_does_not_open),
		cmocka_unit_test(connections_belong_to_the_members_of_their_team),
		cmocka_unit_test(lists_are_by_name_and_by_type),
		cmocka_unit_test(an_account_is_noted_unless_the_parameters_have_changed),
		cmocka_unit_test(extending_keeps_id_and_name_and_nothing_of_another_team),
		cmocka_unit_test(a_test_under_way_is_joined),
		cmocka_unit_test(deleting_frees_the_credentials_made_from_it_and_no_others),
	};

	return cmocka_run_group_tests_name("connection", tests, world_begin, world_end);
}
