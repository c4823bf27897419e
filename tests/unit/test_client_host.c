/* SPDX-License-Identifier: Apache-2.0 */
/* At which host an operator's client may be used, where a field names the host. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "catalog/client_host.h"
#include "oauth_type.h"

#define EU "'token_url':'https://<<store>>.eu.example/t'"
#define FREE "'token_url':'https://<<store>>/t'"

/* `host`: where the client is registered; `store`: what was filled in; both may be NULL. */
static const struct {
	const char *rules;
	bool is_free;
	const char *host, *store;
	enum err err;
} cases[] = {
	{ "", false, NULL, "any", OK },
	{ "'authorize_url':'https://<<store>>/a'", false, NULL, "any", OK },
	{ "'token_url':'https://shop.example/<<store>>/t?a=<<store>>'", false, NULL, "any", OK },
	{ EU, false, NULL, "any", OK },
	{ "'token_url':'https://<<store>>.example/t'", true, NULL, "a", ERR_VALUE },
	{ "'token_url':'https://<<store>>.example./t'", true, NULL, "a", ERR_VALUE },
	{ "'token_url':'https://<<store>>..example/t'", true, NULL, "a", ERR_VALUE },
	{ "'token_url':'https://eu.example.<<store>>/t'", true, "eu.example.a", "a", OK },
	{ "'token_url':'https://eu.example.<<store>>/t'", true, "eu.example.a", "b", ERR_VALUE },
	{ "'token_url':'https://<<store>>:8443/t.a.b'", true, "home:8443", "home", OK },
	{ "'token_url':'https://<<store>>:8443/t.a.b'", true, "home", "home", ERR_VALUE },
	{ "'token_url':'https://<<store>>?a.b.c'", true, "home", "stranger", ERR_VALUE },
	{ FREE, true, NULL, "home", ERR_VALUE },
	{ FREE, true, "home", "home", OK },
	{ FREE, true, "HOME", "home", OK },
	{ FREE, true, "home", NULL, OK },
	{ FREE, true, "home", "stranger", ERR_VALUE },
	{ FREE, true, "home", "home.stranger", ERR_VALUE },
	{ "'refresh_url':'https://<<store>>/t'", true, "home", "stranger", ERR_VALUE },
	{ "'introspect_url':'https://<<store>>/t','expires':{'source':'introspect'}", true, "home",
	    "stranger", ERR_VALUE },
	{ "'revoke':{'url':'https://<<store>>/t','style':'form'}", true, "home", "stranger",
	    ERR_VALUE },
	{ "'post_exchange':{'url':'https://<<store>>/t','params':{'a':'b'}}", true, "home",
	    "stranger", ERR_VALUE },
	{ EU ",'revoke':{'url':'https://<<store>>/t','style':'form'}", true, "home", "home", OK },
};

static void
goes_to_the_host_where_it_is_registered(void **state)
{
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		auto_free char *rules = xasprintf("{%s}", cases[i].rules);
		struct catalog *catalog = oauth_type_open(rules);
		const struct app_connection *type = oauth_type_of(catalog);
		json_auto_t *fields = json_object();
		struct errctx ctx = { 0 };

		json_put_text(fields, "store", cases[i].store);
		if (client_host_is_free(type) != cases[i].is_free ||
		    client_host_check(type, fields, cases[i].host, &ctx) != cases[i].err)
			fail_msg("case %zu: %s: %s", i, cases[i].rules, err_text(&ctx));
		if (cases[i].is_free && cases[i].host && cases[i].err == OK)
			assert_true(client_host_is_one(type, fields, cases[i].host));
		if (cases[i].is_free && cases[i].host && cases[i].err)
			assert_false(client_host_is_one(type, fields, cases[i].host));
		catalog_close(&catalog);
	}
}

static void
tokens_go_to_the_host_of_the_token_url(void **state)
{
	static const struct {
		const char *rules, *host; /* NULL: the definition says it */
	} goes[] = {
		{ FREE, "home" },
		{ "'token_url':'https://eu.example.<<store>>:8443/t?a.b'", "eu.example.home:8443" },
		{ EU, NULL },
		{ "'refresh_url':'https://<<store>>/t'", NULL },
	};
	(void)state;
	json_auto_t *fields = oauth_type_json("{'store':'home'}"), *none = json_object();

	for (size_t i = 0; i < sizeof(goes) / sizeof(goes[0]); i++) {
		auto_free char *rules = xasprintf("{%s}", goes[i].rules);
		struct catalog *catalog = oauth_type_open(rules);
		auto_free char *host = client_host_of_tokens(oauth_type_of(catalog), fields);
		auto_free char *lacks = client_host_of_tokens(oauth_type_of(catalog), none);

		assert_true(goes[i].host ? host && !strcmp(host, goes[i].host) : !host);
		assert_null(lacks);
		catalog_close(&catalog);
	}
}

static void
the_test_is_looked_at_where_a_field_is_its_host(void **state)
{
	(void)state;
	json_auto_t *definition = oauth_type_json(oauth_type_base);
	json_auto_t *fields = oauth_type_json("{'store':'home'}");
	json_t *connection = json_array_get(json_object_get(definition, "connections"), 0);
	struct app_connection type = { .definition = connection };

	json_t *oauth = json_object_get(connection, "oauth2");
	json_put_text(oauth, "token_url", "https://<<store>>/t");
	json_put(connection, "test", oauth_type_json("{'url':'https://<<store>>/me'}"));
	assert_true(client_host_test_is(&type, fields, "home"));
	assert_false(client_host_test_is(&type, fields, "stranger"));
	json_put_text(oauth, "token_url", "https://<<other>>/t");
	assert_true(client_host_test_is(&type, fields, "stranger"));
	json_put(oauth, "client", oauth_type_json("{'id':'id'}"));
	assert_false(client_host_test_is(&type, fields, "stranger"));
	json_put(connection, "test",
	    oauth_type_json("{'url':'https://api.shop.example/<<store>>'}"));
	assert_true(client_host_test_is(&type, fields, "home"));
	json_object_del(connection, "test");
	assert_true(client_host_test_is(&type, fields, "home"));
}

static void
the_usual_one_is_that_of_the_defaults(void **state)
{
	(void)state;
	json_auto_t *definition = oauth_type_json(oauth_type_base);
	json_t *connection = json_array_get(json_object_get(definition, "connections"), 0);
	struct catalog *catalog = catalog_new();
	json_auto_t *stranger = oauth_type_json("{'at':'stranger.example'}");

	json_put(connection, "fields",
	    oauth_type_json("[{'name':'at','type':'text','label':'At','default':'home.example',"
			    "'pattern':'[a-z.]+'},{'name':'zone','type':'select','label':'Zone',"
			    "'options':[{'label':'A','value':'a.example'}]}]"));
	json_put_text(json_object_get(connection, "oauth2"), "token_url", "https://<<at>>/t");
	json_put_text(json_object_get(connection, "oauth2"), "refresh_url", "https://<<zone>>/t");
	auto_free char *text = json_text(definition);
	assert_int_equal(catalog_add(catalog, "test", text, strlen(text), NULL), OK);
	const struct app_connection *type = oauth_type_of(catalog);
	auto_free char *usual = client_host_usual(type);
	assert_string_equal(usual, "home.example");
	assert_int_equal(client_host_check(type, stranger, NULL, NULL), ERR_VALUE);
	assert_int_equal(client_host_check(type, stranger, "stranger.example", NULL), OK);
	catalog_close(&catalog);
}

static void
hosts_are_names_and_nothing_more(void **state)
{
	(void)state;
	static const char *const good[] = { "a", "a.example", "a.example:8443", "[::1]:80" };
	static const char *const bad[] = { "", "a/", "a?b", "a#b", "u@a", "a:b", "a b",
		"https://a" };

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(client_host_is_whole(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(client_host_is_whole(bad[i]));
}

/* No shipped definition leaves it to whoever fills in a form, but for those that are known to. */
static void
shipped_ones_are_known(void **state)
{
	(void)state;
	static const char known[] = " auth0 gitlab okta ";
	const char *top = getenv("BAILEE_TEST_DATA");
	auto_free char *dir = xasprintf("%s/../../apps", top ? top : "tests/data");
	struct catalog *catalog = NULL;

	assert_int_equal(catalog_open(dir, NULL, &catalog, NULL), OK);
	for (size_t i = 0; i < catalog_count(catalog); i++) {
		const struct app *app = catalog_at(catalog, i);

		for (size_t k = 0; k < app->n_connections; k++) {
			auto_free char *name = xasprintf(" %s ", app->connections[k].type);

			if (client_host_is_free(&app->connections[k]) !=
			    (strstr(known, name) != NULL))
				fail_msg("%s", name);
		}
	}
	catalog_close(&catalog);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(goes_to_the_host_where_it_is_registered),
		cmocka_unit_test(tokens_go_to_the_host_of_the_token_url),
		cmocka_unit_test(the_test_is_looked_at_where_a_field_is_its_host),
		cmocka_unit_test(the_usual_one_is_that_of_the_defaults),
		cmocka_unit_test(hosts_are_names_and_nothing_more),
		cmocka_unit_test(shipped_ones_are_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
