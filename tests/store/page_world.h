/* SPDX-License-Identifier: Apache-2.0 */
/* One installation for tests of the public pool: its store with the pool's own account and key
 * files, beside the owner's; and requests with a link. */
#ifndef BAILEE_TESTS_STORE_PAGE_WORLD_H
#define BAILEE_TESTS_STORE_PAGE_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "store/admin.h"
#include "store/migrate.h"
#include "store/page.h"
#include "store/submission.h"

#define GRANTS_MAX (64u << 10)
#define FORM "{\"credential\":\"x\",\"fields\":{\"key\":\"canary-5e11\"}}"

/* One installation for all tests; each test makes the requests it needs. */
static struct fixture {
	struct config owner_config, public_config;
	struct store owner;   /* all keys, all rights */
	struct store visitor; /* the public pool: its account, the signing-public key */
	char keys[64];        /* folder of the key files */
	int64_t team_id, other_team_id, person_id;
	int n_requests;
} the;

static const struct page_call call = { "192.0.2.7", "00000000-0000-4000-8000-00000000abcd" };

static const char *
need_env(const char *name)
{
	const char *value = getenv(name);

	if (!value)
		fail_msg("%s is not set", name);
	return value;
}

static void
as_owner(const char *sql)
{
	struct errctx ctx = { 0 };

	if (db_script(the.owner.db, sql, &ctx))
		fail_msg("%s: %s", sql, err_text(&ctx));
}

/* ---- setting up ---- */

static void
open_db(struct config *config, const char *user, enum config_role role, struct db **db_out)
{
	*config = (struct config){ .role = role, .db_timeout_s = 10 };
	snprintf(config->db_socket, CONFIG_TEXT, "%s", need_env("BAILEE_TEST_DB_SOCKET"));
	snprintf(config->db_name, CONFIG_TEXT, "%s", need_env("BAILEE_TEST_DB_NAME"));
	snprintf(config->db_user, CONFIG_TEXT, "%s", user);
	assert_int_equal(db_open(config, db_out, NULL), OK);
}

static void
load_keys(bool all, struct keyring **keyring_out)
{
	char path[KEY_KIND_COUNT][160];
	const char *paths[KEY_KIND_COUNT] = { 0 };
	struct errctx ctx = { 0 };

	for (int kind = 0; kind < KEY_KIND_COUNT; kind++) {
		snprintf(path[kind], sizeof(path[kind]), "%s/%s", the.keys, key_kinds[kind].file);
		if (all || kind == KEY_SIGNING_PUBLIC)
			paths[kind] = path[kind];
	}
	if (keyring_load(paths, keyring_out, &ctx))
		fail_msg("%s", err_text(&ctx));
}

static void
add_replaced(struct buf *out, const char *text, const char *from, const char *to)
{
	for (const char *at; (at = strstr(text, from)); text = at + strlen(from)) {
		buf_add(out, text, (size_t)(at - text));
		buf_add_text(out, to);
	}
	buf_add_text(out, text);
}

static char *
read_file(const char *path)
{
	FILE *file = fopen(path, "r");
	char *text = xcalloc(1, GRANTS_MAX);

	assert_non_null(file);
	assert_true(fread(text, 1, GRANTS_MAX - 1, file) > 0);
	fclose(file);
	return text;
}

/* The account gets what schema/grants.sql gives it; the other programs' accounts are left out. */
static void
grant(const char *user)
{
	auto_free char *path = xasprintf("%s/grants.sql", need_env("BAILEE_TEST_SCHEMA"));
	auto_free char *template = read_file(path);
	auto_free char *account = xasprintf("'%s'@'localhost'", user);
	auto_free char *create = xasprintf("CREATE OR REPLACE USER %s", account);
	auto_buf struct buf first = BUF_INIT(GRANTS_MAX), second = BUF_INIT(GRANTS_MAX);
	char *rest = strstr(template, "-- Faces holders of a token.");

	assert_non_null(rest);
	*rest = '\0';
	add_replaced(&first, template, "{public}", account);
	add_replaced(&second, buf_text(&first), "{database}", the.owner_config.db_name);
	as_owner(create);
	as_owner(buf_text(&second));
}

static void
ignore_step(int version, const char *file)
{
	(void)version;
	(void)file;
}

static void
install(void)
{
	struct errctx ctx = { 0 };
	int64_t organization = 0;
	enum err err = migrate_run(&the.owner, need_env("BAILEE_TEST_SCHEMA"), ignore_step, &ctx);

	if (!err)
		err = migrate_install_keys(&the.owner, &ctx);
	if (!err)
		err = admin_organization_add(&the.owner, "Organization", &organization, &ctx);
	if (!err)
		err = admin_team_add(&the.owner, organization, "Team", "team", &the.team_id, &ctx);
	if (!err)
		err = admin_team_add(&the.owner, organization, "Other", "other", &the.other_team_id,
		    &ctx);
	if (!err)
		err = admin_person_add(&the.owner, "ada@example.org", "Ada", &the.person_id, &ctx);
	if (err)
		fail_msg("%s", err_text(&ctx));
}

static int
set_up(void **state)
{
	char user[64];
	struct db *db = NULL;
	struct keyring *keyring = NULL;
	struct errctx ctx = { 0 };

	(void)state;
	snprintf(the.keys, sizeof(the.keys), "/tmp/bailee-keys.XXXXXX");
	assert_non_null(mkdtemp(the.keys));
	assert_int_equal(keyring_create_files(the.keys, &ctx), OK);
	open_db(&the.owner_config, need_env("BAILEE_TEST_DB_USER"), CONFIG_CTL, &db);
	load_keys(true, &keyring);
	store_init(&the.owner, db, keyring);
	install();
	snprintf(user, sizeof(user), "%.32s_public", the.owner_config.db_name);
	grant(user);
	open_db(&the.public_config, user, CONFIG_PUBLIC, &db);
	load_keys(false, &keyring);
	store_init(&the.visitor, db, keyring);
	return 0;
}

static int
tear_down(void **state)
{
	char path[160];

	(void)state;
	auto_free char *drop =
	    xasprintf("DROP USER IF EXISTS '%s'@'localhost'", the.public_config.db_user);
	as_owner(drop);
	store_close(&the.visitor);
	store_close(&the.owner);
	for (int kind = 0; kind < KEY_KIND_COUNT; kind++) {
		snprintf(path, sizeof(path), "%s/%s", the.keys, key_kinds[kind].file);
		unlink(path);
	}
	return rmdir(the.keys);
}

/* A request of two credentials: "keychain" of type apikeyauth and "account". */
struct made {
	struct page_link link;
	struct uuid key, account;
};

static void
add_credential(const struct made *made, const struct uuid *id, int position, const char *component,
    const char *name)
{
	char id_text[UUID_TEXT_SIZE], request[UUID_TEXT_SIZE];

	uuid_text(id, id_text);
	uuid_text(&made->link.request, request);
	auto_free char *sql = xasprintf(
	    "INSERT INTO credential (id, request_id, position, component, type, name, label, "
	    "scope, remote_scope, app_name, app_modules, app_version, created_at, updated_at) "
	    "VALUES (UNHEX(REPLACE('%s', '-', '')), UNHEX(REPLACE('%s', '-', '')), %d, '%s', "
	    "'key', '%s', 'Label', '[]', '[]', 'http', '[]', '3', UTC_TIMESTAMP(3), "
	    "UTC_TIMESTAMP(3))",
	    id_text, request, position, component, name);
	as_owner(sql);
}

static struct made
make_request(void)
{
	struct made made = { 0 };
	char id[UUID_TEXT_SIZE], secret[32];

	uuid_make(&made.link.request);
	uuid_make(&made.key);
	uuid_make(&made.account);
	snprintf(secret, sizeof(secret), "secret %d", ++the.n_requests);
	crypt_sha256(secret, strlen(secret), made.link.hash);
	crypt_sha256(secret, 3, made.link.browser);
	made.link.has_browser = true;
	uuid_text(&made.link.request, id);
	auto_free char *sql = xasprintf(
	    "INSERT INTO credential_request (id, team_id, requester_id, provider_id, name, "
	    "link_hash, created_at, updated_at, expires_at) "
	    "VALUES (UNHEX(REPLACE('%s', '-', '')), %lld, %lld, %lld, 'Request %d', "
	    "UNHEX(SHA2('%s', 256)), UTC_TIMESTAMP(3), UTC_TIMESTAMP(3), "
	    "UTC_TIMESTAMP(3) + INTERVAL 1 DAY)",
	    id, (long long)the.team_id, (long long)the.person_id, (long long)the.person_id,
	    the.n_requests, secret);
	as_owner(sql);
	add_credential(&made, &made.key, 0, "keychain", "apikeyauth");
	add_credential(&made, &made.account, 1, "account", "google");
	return made;
}

/* Rows of `table` about this thing, counted by the owner. */
struct count_row {
	int64_t n;
};
__attribute__((unused)) static int64_t
count(const char *sql)
{
	static const struct col out[] = { COL(INT, struct count_row, n) };
	const struct stmt stmt = { "count", sql, NULL, 0, out, COL_N(out) };
	struct count_row row = { 0 };
	struct errctx ctx = { 0 };

	/* statements are known by address, and this one's is used again for other text */
	db_close(&the.owner.db);
	assert_int_equal(db_open(&the.owner_config, &the.owner.db, NULL), OK);
	if (stmt_one(the.owner.db, &stmt, NULL, &row, &ctx))
		fail_msg("%s: %s", sql, err_text(&ctx));
	db_close(&the.owner.db);
	assert_int_equal(db_open(&the.owner_config, &the.owner.db, NULL), OK);
	return row.n;
}

__attribute__((unused)) static int64_t
count_of(const char *table, const char *column, const struct uuid *id)
{
	char text[UUID_TEXT_SIZE];

	uuid_text(id, text);
	auto_free char *sql = xasprintf("SELECT COUNT(*) FROM %s WHERE %s = %s'%s'%s", table,
	    column, strstr(column, "_id") ? "UNHEX(REPLACE(" : "", text,
	    strstr(column, "_id") ? ", '-', ''))" : "");
	return count(sql);
}

__attribute__((unused)) static enum err
submit_form(const struct made *made, const struct uuid *credential, struct errctx *ctx)
{
	auto_page_view struct page_view view = { 0 };
	enum err err = page_view_load(&the.visitor, &made->link, &view, ctx);

	if (err)
		return err;
	const struct page_row *row = page_view_find(&view, credential);
	assert_non_null(row);
	return page_submit(&the.visitor, &made->link, row, &call, FORM, strlen(FORM), ctx);
}

#endif
