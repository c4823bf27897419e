/* SPDX-License-Identifier: Apache-2.0 */
/* App definitions: what is taken, what is refused with which path, and how apps are found; and what
 * is derived from chosen modules. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "api/request_items.h"
#include "base/alloc.h"
#include "catalog/catalog.h"

#define HEAD "{\"name\":\"shop\",\"version\":2,\"label\":\"Shop\","
#define MODULE "{\"id\":\"M\",\"name\":\"M\",\"label\":\"l\"}"

static enum err
add(struct catalog *catalog, const char *text, struct errctx *ctx)
{
	return catalog_add(catalog, "test.json", text, strlen(text), ctx);
}

static void
must_add(struct catalog *catalog, const char *text)
{
	struct errctx ctx = { 0 };

	if (add(catalog, text, &ctx))
		fail_msg("%s", err_text(&ctx));
}

static void
refuses_bad_definitions_by_file_and_path(void **state)
{
	static const struct {
		const char *text, *path;
	} cases[] = {
		{ "", "" },
		{ "{", "" },
		{ "[]", "$" },
		{ "{\"name\":\"a\",\"name\":\"b\"}", "" },
		{ "{\"version\":1,\"label\":\"x\",\"modules\":[" MODULE "]}", "$" },
		{ HEAD "\"modules\":[]}", "$.modules" },
		{ HEAD "\"modules\":{}}", "$.modules" },
		{ HEAD "\"modules\":[1]}", "$.modules[0]" },
		{ HEAD "\"modules\":[" MODULE "," MODULE "]}", "$.modules[1].id" },
		{ HEAD "\"more\":1,\"modules\":[" MODULE "]}", "$.more" },
		{ HEAD "\"modules\":[{\"id\":\"M\",\"name\":\"M\"}]}", "$.modules[0]" },
		{ HEAD "\"modules\":[{\"id\":\"M\",\"name\":\"N\",\"label\":\"l\"}]}",
		    "$.modules[0].id" },
		{ HEAD "\"modules\":[{\"id\":\"M:\",\"name\":\"M\",\"label\":\"l\"}]}",
		    "$.modules[0].id" },
		{ HEAD "\"modules\":[{\"id\":\"M N\",\"name\":\"M\",\"label\":\"l\"}]}",
		    "$.modules[0].id" },
		{ HEAD "\"modules\":[{\"id\":\"M\",\"name\":\"M\",\"label\":\"\"}]}",
		    "$.modules[0].label" },
		{ HEAD "\"modules\":[{\"id\":\"M\",\"name\":\"M\",\"label\":\"a\\nb\"}]}",
		    "$.modules[0].label" },
		{ HEAD
		    "\"modules\":[{\"id\":\"M\",\"name\":\"M\",\"label\":\"l\",\"type\":\"x\"}]}",
		    "$.modules[0].type" },
		{ HEAD "\"modules\":[{\"id\":\"M\",\"name\":\"M\",\"label\":\"l\","
		       "\"type\":\"keychain:basicauth\"}]}",
		    "$.modules[0].type" },
		{ HEAD "\"keys\":[\"basicauth\"],\"modules\":[{\"id\":\"M\",\"name\":\"M\","
		       "\"label\":\"l\",\"type\":\"keychain:basicauth,\"}]}",
		    "$.modules[0].type" },
		{ HEAD "\"modules\":[{\"id\":\"M\",\"name\":\"M\",\"label\":\"l\","
		       "\"scope\":[]}]}",
		    "$.modules[0].scope" },
		{ HEAD "\"keys\":[\"carkey\"],\"modules\":[" MODULE "]}", "$.keys[0]" },
		{ "{\"name\":\"Shop\",\"version\":1,\"label\":\"x\",\"modules\":[" MODULE "]}",
		    "$.name" },
		{ "{\"name\":\"shop\",\"version\":0,\"label\":\"x\",\"modules\":[" MODULE "]}",
		    "$.version" },
		{ "{\"name\":\"shop\",\"version\":\"1\",\"label\":\"x\",\"modules\":[" MODULE "]}",
		    "$.version" },
		{ "{\"name\":\"shop\",\"version\":1.5,\"label\":\"x\",\"modules\":[" MODULE "]}",
		    "$.version" },
	};
	struct catalog *catalog = catalog_new();
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct errctx ctx = { 0 };

		if (add(catalog, cases[i].text, &ctx) != ERR_CONFIG)
			fail_msg("took %s", cases[i].text);
		assert_string_equal(ctx.sub[0].path, cases[i].path);
		assert_non_null(strstr(err_text(&ctx), "test.json"));
		assert_non_null(strstr(err_text(&ctx), cases[i].path));
	}
	assert_int_equal(catalog_count(catalog), 0);
	catalog_close(&catalog);
	assert_null(catalog);
}

static void
finds_versions_by_number_and_the_newest_without(void **state)
{
	static const int versions[] = { 2, 10, 1 };
	struct catalog *catalog = catalog_new();
	const struct app *app = NULL;
	struct errctx ctx = { 0 };
	(void)state;

	for (int i = 0; i < 3; i++) {
		auto_free char *text = xasprintf(
		    "{\"name\":\"app\",\"version\":%d,\"label\":\"x\",\"modules\":[" MODULE "]}",
		    versions[i]);
		must_add(catalog, text);
	}
	must_add(catalog, HEAD "\"modules\":[" MODULE "]}");
	must_add(catalog,
	    "{\"name\":\"app#custom\",\"version\":1,\"label\":\"x\",\"modules\":[" MODULE "]}");
	assert_int_equal(catalog_find(catalog, "app", 0)->version, 10);
	assert_int_equal(catalog_find(catalog, "app", 2)->version, 2);
	assert_null(catalog_find(catalog, "app", 3));
	assert_null(catalog_find(catalog, "ap", 0));
	assert_null(catalog_find(catalog, "zzz", 0));
	assert_null(catalog_find(catalog, "", 0));
	assert_int_equal(catalog_find_text(catalog, "app", "latest", &app, &ctx), OK);
	assert_int_equal(app->version, 10);
	assert_int_equal(catalog_find_text(catalog, "app", "2.31.4", &app, &ctx), OK);
	assert_int_equal(app->version, 2);
	assert_int_equal(catalog_find_text(catalog, "app#custom", "1", &app, &ctx), OK);
	static const char *const bad[] = { "3", "0", "01", "-1", "1.", ".1", "1..0", "1.x", "",
		"LATEST", "99999999999999999999", "1 " };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(catalog_find_text(catalog, "app", bad[i], &app, NULL),
		    ERR_UNKNOWN_APP);
	assert_int_equal(add(catalog, HEAD "\"modules\":[" MODULE "]}", &ctx), ERR_CONFIG);
	assert_int_equal(catalog_count(catalog), 5);
	catalog_close(&catalog);
}

static void
write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void
reads_folders_and_names_the_file_that_is_wrong(void **state)
{
	char dir[] = "/tmp/bailee-apps.XXXXXX";
	struct catalog *catalog = NULL;
	struct errctx ctx = { 0 };
	(void)state;

	assert_non_null(mkdtemp(dir));
	auto_free char *good = xasprintf("%s/shop.json", dir);
	auto_free char *other = xasprintf("%s/README", dir);
	auto_free char *bad = xasprintf("%s/bad.json", dir);
	write_file(good, HEAD "\"modules\":[" MODULE "]}");
	write_file(other, "not JSON");
	assert_int_equal(catalog_open(dir, "", &catalog, &ctx), OK);
	assert_int_equal(catalog_count(catalog), 1);
	assert_string_equal(catalog_at(catalog, 0)->name, "shop");
	catalog_close(&catalog);
	assert_int_equal(catalog_open(dir, dir, &catalog, &ctx), ERR_CONFIG);
	err_clear(&ctx);
	write_file(bad, HEAD "\"modules\":[{\"id\":\"\xff\"}]}");
	assert_int_equal(catalog_open(dir, NULL, &catalog, &ctx), ERR_CONFIG);
	assert_non_null(strstr(err_text(&ctx), "bad.json"));
	assert_null(catalog);
	unlink(good);
	unlink(other);
	unlink(bad);
	rmdir(dir);
	err_clear(&ctx);
	assert_int_equal(catalog_open(dir, NULL, &catalog, &ctx), ERR_CONFIG);
	assert_non_null(strstr(err_text(&ctx), dir));
}

/* ---- derivation ---- */

static const char derive_app[] = HEAD
    "\"keys\":[\"basicauth\",\"apikeyauth\"],"
    "\"connections\":[{\"type\":\"shop\",\"label\":\"Shop account\",\"auth\":\"oauth2\","
    "\"inject\":[{\"where\":\"header\",\"name\":\"Authorization\","
    "\"template\":\"Bearer <<access_token>>\"}],\"allowed_hosts\":[\"shop.example\"],"
    "\"oauth2\":{\"authorize_url\":\"https://shop.example/a\","
    "\"token_url\":\"https://shop.example/t\",\"client_auth\":\"body\",\"pkce\":\"S256\","
    "\"scopes\":[{\"name\":\"r\",\"words\":\"Read\"},{\"name\":\"w\",\"words\":\"Write\"}]}},"
    "{\"type\":\"shop-old\",\"label\":\"Old\",\"auth\":\"basic\",\"fields\":["
    "{\"name\":\"user\",\"type\":\"text\",\"label\":\"User\"}],\"inject\":[{\"where\":\"basic\","
    "\"template\":\"<<user>>:\"}],\"allowed_hosts\":[\"shop.example\"]}],\"modules\":["
    "{\"id\":\"Read\",\"name\":\"Read\",\"label\":\"l\",\"type\":\"account:shop,shop-old\","
    "\"scope\":[\"r\"]},"
    "{\"id\":\"Write\",\"name\":\"Write\",\"label\":\"l\",\"type\":\"account:shop\","
    "\"scope\":[\"r\",\"w\"]},"
    "{\"id\":\"Call:auth:basic\",\"name\":\"Call\",\"label\":\"l\","
    "\"type\":\"keychain:basicauth\"},"
    "{\"id\":\"Call:auth:key\",\"name\":\"Call\",\"label\":\"l\","
    "\"type\":\"keychain:apikeyauth\"},"
    "{\"id\":\"Free\",\"name\":\"Free\",\"label\":\"l\"}]}";

static enum err
derive(const char *text, struct request_items **items_out, struct errctx *ctx)
{
	struct catalog *catalog = catalog_new();
	json_t *credentials = NULL;
	struct request_items *items = xcalloc(1, sizeof(*items));

	*ctx = (struct errctx){ 0 };
	must_add(catalog, derive_app);
	assert_int_equal(json_parse(text, strlen(text), &credentials, NULL), OK);
	enum err err = request_items_derive(catalog, credentials, items, ctx);
	json_decref(credentials);
	catalog_close(&catalog);
	*items_out = items;
	return err;
}

static void
modules_are_grouped_by_type_and_scopes_united(void **state)
{
	struct request_items *items;
	struct errctx ctx;
	(void)state;

	assert_int_equal(
	    derive("[{\"appName\":\"shop\",\"appModules\":[\"Write\",\"Free\",\"Read\",\"Read\"]}]",
		&items, &ctx),
	    OK);
	/* only what `items` owns is looked at: body and catalogue are gone */
	assert_int_equal(items->n, 1);
	assert_string_equal(items->items[0].component, "account");
	assert_string_equal(items->items[0].name, "shop");
	assert_string_equal(items->items[0].scope, "[\"r\",\"w\"]");
	assert_string_equal(items->items[0].app_modules, "[\"Write\",\"Read\"]");
	assert_string_equal(items->items[0].app_version, "2");
	request_items_free(&items);
}

static void
a_star_takes_all_and_a_name_all_of_its_ways(void **state)
{
	struct request_items *items;
	struct errctx ctx;
	(void)state;

	assert_int_equal(derive("[{\"appName\":\"shop\",\"appModules\":[\"*\"]},"
				"{\"appName\":\"shop\",\"appVersion\":2,\"appModules\":[\"Call\"]},"
				"{\"appName\":\"shop\",\"appModules\":[\"Call:auth:key\"]}]",
			     &items, &ctx),
	    OK);
	assert_int_equal(items->n, 3 + 2 + 1);
	assert_string_equal(items->items[1].component, "keychain");
	assert_string_equal(items->items[1].name, "basicauth");
	assert_string_equal(items->items[1].app_modules, "[\"Call:auth:basic\"]");
	assert_string_equal(items->items[5].name, "apikeyauth");
	request_items_free(&items);
}

static void
derivation_refuses_by_path(void **state)
{
	static const struct {
		const char *text;
		enum err err;
		const char *path;
	} cases[] = {
		{ "[{\"appName\":\"none\",\"appModules\":[\"*\"]}]", ERR_UNKNOWN_APP,
		    "credentials[0].appName" },
		{ "[{\"appName\":\"shop\",\"appVersion\":3,\"appModules\":[\"*\"]}]",
		    ERR_UNKNOWN_APP, "credentials[0].appVersion" },
		{ "[{\"appName\":\"shop\",\"appModules\":[\"Read\"]},"
		  "{\"appName\":\"shop\",\"appModules\":[\"Read\",\"Call:auth\"]}]",
		    ERR_UNKNOWN_APP, "credentials[1].appModules[1]" },
		{ "[{\"appName\":\"shop\",\"appModules\":[\"Free\"]}]", ERR_VALUE,
		    "credentials[0].appModules" },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct request_items *items;
		struct errctx ctx;

		assert_int_equal(derive(cases[i].text, &items, &ctx), cases[i].err);
		assert_string_equal(ctx.sub[0].path, cases[i].path);
		request_items_free(&items);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_bad_definitions_by_file_and_path),
		cmocka_unit_test(finds_versions_by_number_and_the_newest_without),
		cmocka_unit_test(reads_folders_and_names_the_file_that_is_wrong),
		cmocka_unit_test(modules_are_grouped_by_type_and_scopes_united),
		cmocka_unit_test(a_star_takes_all_and_a_name_all_of_its_ways),
		cmocka_unit_test(derivation_refuses_by_path),
	};

	return cmocka_run_group_tests_name("catalog", tests, NULL, NULL);
}
