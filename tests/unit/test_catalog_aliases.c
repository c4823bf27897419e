/* SPDX-License-Identifier: Apache-2.0 */
/* Other names of apps, their versions, types of connections and modules: what they lead to, and
 * what is refused with which path. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "catalog/catalog.h"

#define CONNECTION(type, more)                                                                     \
	"{'type':'" type "'," more "'label':'L','auth':'apikey','fields':[{'name':'key',"          \
	"'type':'password','label':'Key','required':true}],'inject':[{'where':'header',"           \
	"'name':'X-Key','template':'<<key>>'}],'allowed_hosts':['shop.example']}"
#define APP(name, version, connections, modules, more)                                             \
	"{'name':'" name "','version':" version ",'label':'" name "','connections':[" connections  \
	"],'modules':[" modules "]" more "}"
#define MODULE(id, more)                                                                           \
	"{'id':'" id "','name':'" id "','label':'L','type':'account:shop,shop-key'" more "}"
#define TWO CONNECTION("shop", "'aliases':['store2','store3'],") "," CONNECTION("shop-key", "")
#define SHOP(more)                                                                                 \
	APP("shop", "1", TWO,                                                                      \
	    MODULE("Sell", ",'aliases':['sellIt','Trade:way:own']") "," MODULE("Buy", ""), more)
#define ALIAS(more) ",'aliases':[{'name':'store','versions':[2,4]" more "}]"

static enum err
add(struct catalog *catalog, const char *text, struct errctx *ctx)
{
	auto_free char *json = xstrdup(text);

	for (char *c = json; *c; c++)
		if (*c == '\'')
			*c = '"';
	return catalog_add(catalog, "test.json", json, strlen(json), ctx);
}

static struct catalog *
open_one(const char *text)
{
	struct catalog *catalog = catalog_new();
	struct errctx ctx = { 0 };

	if (add(catalog, text, &ctx) || catalog_finish(catalog, &ctx))
		fail_msg("%s", err_text(&ctx));
	return catalog;
}

static const struct app_module *
module_of(const struct app *app, const char *id)
{
	for (size_t i = 0; i < app->n_modules; i++)
		if (!strcmp(app->modules[i].id, id))
			return &app->modules[i];
	fail_msg("no module %s", id);
	return NULL;
}

static void
an_alias_is_found_as_itself(void **state)
{
	struct catalog *catalog = open_one(SHOP(ALIAS(",'types':{'shop':'store3'}")));
	const struct app *real = catalog_find(catalog, "shop", 1);
	const struct app *app = catalog_find(catalog, "store", 0), *found = NULL;
	(void)state;

	assert_int_equal(app->version, 4);
	assert_ptr_equal(app->real, real);
	assert_string_equal(app->name, "store");
	assert_int_equal(catalog_find(catalog, "store", 2)->version, 2);
	assert_null(catalog_find(catalog, "store", 3));
	assert_null(catalog_find(catalog, "shop", 4));
	assert_ptr_equal(catalog_find(catalog, "shop", 0), real);
	assert_int_equal(catalog_find_text(catalog, "store", "2.1", &found, NULL), OK);
	assert_int_equal(found->version, 2);
	assert_int_equal(catalog_count(catalog), 1);
	assert_string_equal(module_of(app, "Sell")->type, "account:store3,shop-key");
	assert_string_equal(module_of(real, "Sell")->type, "account:shop,shop-key");
	assert_ptr_equal(catalog_connection_find(app, "store3"), &real->connections[0]);
	/* once more, as when another definition is tried beside */
	assert_int_equal(catalog_finish(catalog, NULL), OK);
	assert_int_equal(catalog_find(catalog, "store", 0)->version, 4);
	catalog_close(&catalog);
}

static void
modules_have_all_their_ids(void **state)
{
	struct catalog *catalog = open_one(SHOP(ALIAS("")));
	const struct app *app = catalog_find(catalog, "store", 0);
	(void)state;

	assert_int_equal(app->n_modules, 4);
	assert_int_equal(app->n_own_modules, 2);
	assert_false(module_of(app, "Sell")->again);
	assert_true(module_of(app, "sellIt")->again);
	assert_string_equal(module_of(app, "Trade:way:own")->name, "Trade");
	assert_string_equal(module_of(app, "sellIt")->type, "account:shop,shop-key");
	catalog_close(&catalog);
}

static void
types_are_found_by_all_their_names(void **state)
{
	struct catalog *catalog =
	    open_one(SHOP(",'aliases':[{'name':'store','versions':[2],'types':{'shop':'store2'}},"
			  "{'name':'store','versions':[3],'types':{'shop':'store3'}}]"));
	const struct app_connection *type = catalog_connection_type_find(catalog, "store2");
	(void)state;

	assert_string_equal(type->type, "shop");
	assert_ptr_equal(catalog_connection_type_find(catalog, "store3"), type);
	assert_null(catalog_connection_type_find(catalog, "store4"));
	assert_null(catalog_alias_of(type, "shop"));
	assert_string_equal(catalog_alias_of(type, "store3"), "store3");
	assert_int_equal(catalog_app_of(catalog, type, "store2")->version, 2);
	assert_string_equal(catalog_app_of(catalog, type, "store3")->name, "store");
	assert_string_equal(catalog_app_of(catalog, type, "shop")->name, "shop");
	catalog_close(&catalog);
}

static void
clashes_are_refused_with_their_path(void **state)
{
#define OTHER(type, more)                                                                          \
	APP("other", "1", CONNECTION(type, more), "{'id':'O','name':'O','label':'O'}", "")
	static const struct {
		const char *first, *second, *path;
	} cases[] = {
		{ SHOP(",'aliases':[{'name':'other','versions':[2]}]"), OTHER("other", ""),
		    "$.aliases[0].name" },
		{ SHOP(",'aliases':[{'name':'shop','versions':[2,1]}]"), NULL,
		    "$.aliases[0].versions[1]" },
		{ SHOP(",'aliases':[{'name':'store','versions':[2,2]}]"), NULL,
		    "$.aliases[0].versions[1]" },
		{ SHOP(ALIAS("")),
		    APP("other", "1", "", "{'id':'O','name':'O','label':'O'}",
			",'aliases':[{'name':'store','versions':[9]}]"),
		    "$.aliases[0].versions[0]" },
		{ SHOP(ALIAS(",'types':{'none':'store2'}")), NULL, "$.aliases[0].types.none" },
		{ SHOP(ALIAS(",'types':{'store2':'store3'}")), NULL, "$.aliases[0].types.store2" },
		{ SHOP(ALIAS(",'types':{'shop':'elsewhere'}")), NULL, "$.aliases[0].types.shop" },
		{ SHOP(""), OTHER("store2", ""), "$.connections" },
		{ SHOP(""), OTHER("other", "'aliases':['store3'],"), "$.connections[0].aliases" },
		{ SHOP(""), OTHER("other", "'aliases':['shop-key'],"), "$.connections[0].aliases" },
		{ SHOP(""),
		    "{'name':'other','version':1,'label':'O','uses':['store2'],'modules':["
		    "{'id':'O','name':'O','label':'O'}]}",
		    "$.uses" },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct catalog *catalog = catalog_new();
		struct errctx ctx = { 0 };

		assert_int_equal(add(catalog, cases[i].first, &ctx), OK);
		if (cases[i].second)
			assert_int_equal(add(catalog, cases[i].second, &ctx), OK);
		if (catalog_finish(catalog, &ctx) != ERR_CONFIG)
			fail_msg("case %zu was taken", i);
		/* which of two files is blamed for the same type is of no account */
		if (strcmp(ctx.sub[0].path, cases[i].path) != 0 &&
		    strncmp(ctx.sub[0].path, "$.connections", 13) != 0)
			fail_msg("case %zu: %s", i, ctx.sub[0].path);
		catalog_close(&catalog);
	}
}

static void
what_one_file_says_wrongly_is_refused(void **state)
{
	static const struct {
		const char *text, *path;
	} cases[] = {
		{ SHOP(",'aliases':[{'name':'store','versions':[]}]"), "$.aliases[0].versions" },
		{ SHOP(",'aliases':[{'name':'store'}]"), "$.aliases[0]" },
		{ SHOP(",'aliases':[{'name':'Store','versions':[1]}]"), "$.aliases[0].name" },
		{ SHOP(",'aliases':[{'name':'store','versions':['1']}]"),
		    "$.aliases[0].versions[0]" },
		{ SHOP(",'aliases':[{'name':'store','versions':[1],'modules':{}}]"),
		    "$.aliases[0].modules" },
		{ APP("shop", "1", TWO, MODULE("Sell", ",'aliases':['Buy']") "," MODULE("Buy", ""),
		      ""),
		    "$.modules[1].id" },
		{ APP("shop", "1", TWO,
		      MODULE("Sell", "") "," MODULE("Buy", ",'aliases':['b','Sell']"), ""),
		    "$.modules[1].aliases[1]" },
		{ APP("shop", "1", TWO, MODULE("Sell", ",'aliases':['a b']"), ""),
		    "$.modules[0].aliases[0]" },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct catalog *catalog = catalog_new();
		struct errctx ctx = { 0 };

		assert_int_equal(add(catalog, cases[i].text, &ctx), ERR_CONFIG);
		assert_string_equal(ctx.sub[0].path, cases[i].path);
		catalog_close(&catalog);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_alias_is_found_as_itself),
		cmocka_unit_test(modules_have_all_their_ids),
		cmocka_unit_test(types_are_found_by_all_their_names),
		cmocka_unit_test(clashes_are_refused_with_their_path),
		cmocka_unit_test(what_one_file_says_wrongly_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
