/* SPDX-License-Identifier: Apache-2.0 */
/* Behaviour of keys on a real MariaDB: what is sealed, who sees what, what a deletion undoes. */
#include "one_credential.h"
#include "world.h"

#include "store/keychain.h"
#include "store/person.h"
#include "store/request.h"
#include "store/team_read.h"

#define CANARY "canary-0b61f2"

static enum err
create(int64_t person_id, int64_t team_id, const char *name, const char *type, int64_t *id_out)
{
	json_auto_t *parameters =
	    json_pack("{s:s, s:s, s:s}", "key", CANARY, "placement", "header", "name", "X-Key");
	const struct keychain_new key = { team_id, name, type, parameters };
	struct audit_entry audit = audit_of("keychain.create");

	return keychain_create(&the.store, &audit, person_id, &key, id_out, NULL);
}

static int64_t
create_for_ada(const char *name)
{
	int64_t id = 0;

	assert_int_equal(create(the.ada.id, the.alpha, name, "apikeyauth", &id), OK);
	return id;
}

static void
parameters_are_sealed_and_open_again(void **state)
{
	int64_t id = create_for_ada("sealed");
	json_t *parameters = NULL;
	struct errctx ctx = { 0 };
	(void)state;

	assert_int_equal(number_of("SELECT COUNT(*) FROM keychain WHERE "
				   "INSTR(parameters_sealed, '" CANARY "') > 0"),
	    0);
	ok(keychain_open(&the.store, id, &parameters, &ctx), &ctx);
	assert_string_equal(json_get_text(parameters, "key"), CANARY);
	json_decref(parameters);
}

static void
a_value_copied_to_another_row_or_team_does_not_open(void **state)
{
	int64_t one = create_for_ada("one"), two = create_for_ada("two");
	json_t *parameters = NULL;
	char text[200];
	(void)state;

	snprintf(text, sizeof(text),
	    "UPDATE keychain a JOIN keychain b ON b.id = %lld SET a.parameters_sealed = "
	    "b.parameters_sealed WHERE a.id = %lld",
	    (long long)one, (long long)two);
	sql(text);
	assert_int_equal(keychain_open(&the.store, two, &parameters, NULL), ERR_INTEGRITY);
	snprintf(text, sizeof(text), "UPDATE keychain SET team_id = %lld WHERE id = %lld",
	    (long long)the.beta, (long long)one);
	sql(text);
	assert_int_equal(keychain_open(&the.store, one, &parameters, NULL), ERR_INTEGRITY);
	sql("DELETE FROM keychain");
}

static void
keys_belong_to_the_members_of_their_team(void **state)
{
	int64_t id = create_for_ada("mine"), other;
	struct auth ben = as(&the.ben, SCOPE_KEYS_READ), ada = as(&the.ada, SCOPE_KEYS_READ);
	struct keychain key, *keys = NULL;
	struct audit_entry audit = audit_of("x");
	struct list_page page = { .limit = 10 };
	const struct keychain_filter filter = { .team_id = the.alpha };
	const struct keychain_change change = { .id = id, .person_id = the.ben.id, .name = "x" };
	struct errctx ctx = { 0 };
	size_t n;
	(void)state;

	assert_int_equal(create(the.ada.id, the.beta, "x", "apikeyauth", &other), ERR_NOT_MEMBER);
	assert_int_equal(keychain_get(&the.store, &ben, id, &key, NULL), ERR_NOT_FOUND);
	assert_int_equal(keychain_get(&the.store, &ben, 4000000000, &key, NULL), ERR_NOT_FOUND);
	assert_int_equal(keychain_list(&the.store, &ben, &filter, &page, &keys, &n, NULL),
	    ERR_NOT_MEMBER);
	assert_int_equal(keychain_update(&the.store, &audit, &change, &key, NULL), ERR_NOT_FOUND);
	assert_int_equal(keychain_delete(&the.store, &audit, the.ben.id, id, false, NULL),
	    ERR_NOT_FOUND);
	ok(keychain_get(&the.store, &ada, id, &key, &ctx), &ctx);
	assert_string_equal(key.name, "mine");
	assert_string_equal(key.type_name, "apikeyauth");
	keychain_free(&key);
}

static void
lists_are_ordered_filtered_and_counted(void **state)
{
	struct auth ada = as(&the.ada, SCOPE_KEYS_READ);
	struct keychain_filter filter = { .team_id = the.alpha };
	struct list_page page = { .limit = 2, .count = true };
	struct keychain *keys = NULL;
	struct errctx ctx = { 0 };
	size_t n;
	int64_t id;
	(void)state;

	sql("DELETE FROM keychain");
	create_for_ada("b");
	create_for_ada("a");
	create_for_ada("c");
	assert_int_equal(create(the.ada.id, the.alpha, "login", "basicauth", &id), OK);
	ok(keychain_list(&the.store, &ada, &filter, &page, &keys, &n, &ctx), &ctx);
	assert_int_equal(n, 2);
	assert_int_equal(page.total, 4);
	assert_string_equal(keys[0].name, "a");
	assert_string_equal(keys[1].name, "b");
	keychain_list_free(&keys, n);
	filter.type_name = "basicauth";
	ok(keychain_list(&the.store, &ada, &filter, &page, &keys, &n, &ctx), &ctx);
	assert_int_equal(n, 1);
	assert_int_equal(keys[0].id, id);
	keychain_list_free(&keys, n);
	filter.type_name = "aes-key";
	ok(keychain_list(&the.store, &ada, &filter, &page, &keys, &n, &ctx), &ctx);
	assert_int_equal(n, 0);
	keychain_list_free(&keys, n);
}

static enum err
accept_all(const char *type_name, json_t *parameters, struct errctx *ctx)
{
	(void)ctx;
	assert_string_equal(type_name, "apikeyauth");
	return json_get_text(parameters, "refuse") ? ERR_FIELD : OK;
}

static enum err
change(int64_t id, const char *name, json_t *parameters)
{
	const struct keychain_change what = { id, the.ada.id, name, parameters, accept_all };
	struct audit_entry audit = audit_of("keychain.update");
	struct keychain after;
	enum err err = keychain_update(&the.store, &audit, &what, &after, NULL);

	if (!err)
		keychain_free(&after);
	json_decref(parameters);
	return err;
}

static void
changes_are_laid_over_what_is_there(void **state)
{
	int64_t id = create_for_ada("before");
	struct auth ada = as(&the.ada, SCOPE_KEYS_READ);
	struct keychain key;
	json_t *parameters = NULL;
	struct errctx ctx = { 0 };
	(void)state;

	assert_int_equal(change(id, NULL, json_pack("{s:s}", "name", "X-Other")), OK);
	assert_int_equal(change(id, "after", NULL), OK);
	assert_int_equal(change(id, "not this", json_pack("{s:s}", "refuse", "x")), ERR_FIELD);
	ok(keychain_open(&the.store, id, &parameters, &ctx), &ctx);
	assert_string_equal(json_get_text(parameters, "key"), CANARY);
	assert_string_equal(json_get_text(parameters, "name"), "X-Other");
	assert_string_equal(json_get_text(parameters, "placement"), "header");
	json_decref(parameters);
	ok(keychain_get(&the.store, &ada, id, &key, &ctx), &ctx);
	assert_string_equal(key.name, "after");
	keychain_free(&key);
}

struct link {
	struct uuid credential;
	int64_t key_id;
};
static enum err
link_body(struct store *store, void *arg, struct audit_entry *audit, struct errctx *ctx)
{
	const struct link *link = arg;
	(void)audit;

	return credential_authorize_in(store, &link->credential,
	    &(struct credential_remote){ link->key_id, "local", NULL }, ctx);
}

static void
a_deleted_key_makes_its_credential_pending_again(void **state)
{
	int64_t id = create_for_ada("made from a request");
	const struct credential_new item = { .component = "keychain",
		.type = "key",
		.name = "apikeyauth",
		.label = "API key",
		.scope = "[]",
		.app_name = "http",
		.app_modules = "[]",
		.app_version = "3" };
	struct audit_entry audit = audit_of("x");
	struct auth auth = as(&the.ada, SCOPE_REQUESTS_READ);
	struct request_detail detail;
	struct uuid request;
	struct errctx ctx = { 0 };
	(void)state;

	struct link link = { .key_id = id };
	ask_for_one(&item, &request, &link.credential);
	ok(store_write(&the.store, &audit, link_body, &link, &ctx), &ctx);
	assert_int_equal(keychain_delete(&the.store, &audit, the.ada.id, id, false, NULL),
	    ERR_CONFIRM);
	ok(keychain_delete(&the.store, &audit, the.ada.id, id, true, &ctx), &ctx);
	ok(request_detail(&the.store, &auth, &request, &detail, &ctx), &ctx);
	assert_string_equal(detail.request.status, "pending");
	assert_string_equal(detail.credentials[0].state, "pending");
	assert_int_equal(detail.credentials[0].remote_id, 0);
	request_detail_free(&detail);
	assert_int_equal(keychain_delete(&the.store, &audit, the.ada.id, id, true, NULL),
	    ERR_NOT_FOUND);
}

/* ---- teams, organizations, the caller ---- */

static void
callers_see_their_own_teams_and_organizations(void **state)
{
	struct auth ada = as(&the.ada, SCOPE_TEAMS_READ);
	struct team_row *teams = NULL, team;
	struct organization_row *organizations = NULL, organization;
	struct list_page page = { .limit = 10, .count = true };
	struct errctx ctx = { 0 };
	size_t n;
	(void)state;

	ok(team_read_list(&the.store, &ada, the.first, &page, &teams, &n, &ctx), &ctx);
	assert_int_equal(n, 1);
	assert_int_equal(page.total, 1);
	assert_string_equal(teams[0].name, "Alpha");
	team_rows_free(&teams, n);
	ok(team_read_list(&the.store, &ada, the.second, &page, &teams, &n, &ctx), &ctx);
	assert_int_equal(n, 0);
	team_rows_free(&teams, n);
	assert_int_equal(team_read_get(&the.store, &ada, the.gamma, &team, NULL), ERR_NOT_FOUND);
	ok(team_read_get(&the.store, &ada, the.alpha, &team, &ctx), &ctx);
	assert_int_equal(team.organization_id, the.first);
	team_row_free(&team);
	ok(organization_list(&the.store, &ada, &page, &organizations, &n, &ctx), &ctx);
	assert_int_equal(n, 1);
	assert_string_equal(organizations[0].name, "One");
	organization_rows_free(&organizations, n);
	assert_int_equal(organization_get(&the.store, &ada, the.second, &organization, NULL),
	    ERR_NOT_FOUND);
	ok(organization_get(&the.store, &ada, the.first, &organization, &ctx), &ctx);
	organization_row_free(&organization);
}

static void
the_caller_is_who_owns_the_token(void **state)
{
	struct auth cy = as(&the.cy, SCOPE_ANY_TOKEN);
	struct person person;
	struct errctx ctx = { 0 };
	(void)state;

	ok(person_me(&the.store, &cy, &person, &ctx), &ctx);
	assert_int_equal(person.id, the.cy.id);
	assert_string_equal(person.email, "cy@example.com");
	assert_string_equal(person.language, "en");
	person_free(&person);
	assert_true(cy.checked);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(parameters_are_sealed_and_open_again),
		cmocka_unit_test(a_value_copied_to_another_row_or_team_does_not_open),
		cmocka_unit_test(keys_belong_to_the_members_of_their_team),
		cmocka_unit_test(lists_are_ordered_filtered_and_counted),
		cmocka_unit_test(changes_are_laid_over_what_is_there),
		cmocka_unit_test(a_deleted_key_makes_its_credential_pending_again),
		cmocka_unit_test(callers_see_their_own_teams_and_organizations),
		cmocka_unit_test(the_caller_is_who_owns_the_token),
	};

	return cmocka_run_group_tests_name("keychain", tests, world_begin, world_end);
}
