/* SPDX-License-Identifier: Apache-2.0 */
/* A small world on a real MariaDB for store tests: two organizations, three teams, four people with
 * tokens. */
#ifndef BAILEE_TESTS_STORE_WORLD_H
#define BAILEE_TESTS_STORE_WORLD_H

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
#include "base/scopes.h"
#include "store/admin.h"
#include "store/auth.h"
#include "store/migrate.h"
#include "vault/api_token.h"

struct caller {
	const char *name;
	int64_t id;
	struct api_token_text token;
	char public_id[API_TOKEN_ID_LEN + 1];
};

/* Alpha and Beta share an organization; Gamma is of another one. Ada is in Alpha, Ben in Beta, Cy
 * in Gamma; Dee is in no team. */
static struct world {
	struct store store;
	int64_t first, second; /* organizations */
	int64_t alpha, beta, gamma;
	struct caller ada, ben, cy, dee;
} the = { .ada = { .name = "Ada" },
	.ben = { .name = "Ben" },
	.cy = { .name = "Cy" },
	.dee = { .name = "Dee" } };

static inline void
ok(enum err err, const struct errctx *ctx)
{
	if (err)
		fail_msg("%s: %s %s", err_kind(err)->name, ctx->sub[0].path, err_text(ctx));
}

static inline void
sql(const char *text)
{
	struct errctx ctx = { 0 };

	ok(db_script(the.store.db, text, &ctx), &ctx);
}

struct number_row {
	int64_t number;
};
/* The number a SELECT gives. Statements stay prepared, each text once: how often one is asked may
 * depend on how quick the machine is. */
static inline int64_t
number_of(const char *select)
{
	static const struct col out[] = { COL(INT, struct number_row, number) };
	static struct stmt statements[64];
	struct number_row row = { 0 };
	struct errctx ctx = { 0 };
	size_t at = 0;

	while (at < COL_N(statements) && statements[at].sql && strcmp(statements[at].sql, select))
		at++;
	assert_true(at < COL_N(statements));
	if (!statements[at].sql)
		statements[at] = (struct stmt){ "test", xstrdup(select), NULL, 0, out, COL_N(out) };
	ok(stmt_one(the.store.db, &statements[at], NULL, &row, &ctx), &ctx);
	return row.number;
}

/* A caller as the front of the program presents him: form checked, nothing else. */
static inline struct auth
as(const struct caller *caller, uint32_t scope)
{
	struct auth auth = { .need = scope };

	snprintf(auth.token, sizeof(auth.token), "%s", caller->token.text);
	snprintf(auth.public_id, sizeof(auth.public_id), "%s", caller->public_id);
	return auth;
}

static inline struct audit_entry
audit_of(const char *event)
{
	return (struct audit_entry){ .event = event, .actor = "token:test" };
}

static inline void
make_caller(struct caller *caller)
{
	char email[64];
	struct errctx ctx = { 0 };

	snprintf(email, sizeof(email), "%s@example.com", caller->name);
	email[0] = (char)(email[0] | 0x20);
	ok(admin_person_add(&the.store, email, caller->name, &caller->id, &ctx), &ctx);
	api_token_make(&caller->token, caller->public_id);
	ok(admin_token_add(&the.store, caller->token.text, caller->public_id, caller->id, "test",
	       SCOPES_ALL, 0, &ctx),
	    &ctx);
}

static inline void
make_keyring(struct keyring **keyring_out)
{
	char dir[] = "/tmp/bailee-keys.XXXXXX", paths[KEY_KIND_COUNT][128];
	const char *list[KEY_KIND_COUNT];
	struct errctx ctx = { 0 };

	assert_non_null(mkdtemp(dir));
	ok(keyring_create_files(dir, &ctx), &ctx);
	for (int i = 0; i < KEY_KIND_COUNT; i++) {
		snprintf(paths[i], sizeof(paths[i]), "%s/%s", dir, key_kinds[i].file);
		list[i] = paths[i];
	}
	ok(keyring_load(list, keyring_out, &ctx), &ctx);
	for (int i = 0; i < KEY_KIND_COUNT; i++)
		unlink(paths[i]);
	rmdir(dir);
}

static inline void
migrated(int version, const char *file)
{
	(void)version;
	(void)file;
}

/* Group set-up and tear-down. */
static inline int
world_begin(void **state)
{
	struct config config = { .db_timeout_s = 10 };
	struct errctx ctx = { 0 };
	struct keyring *keyring = NULL;
	struct db *db = NULL;
	struct store *store = &the.store;
	(void)state;

	snprintf(config.db_socket, sizeof(config.db_socket), "%s", getenv("BAILEE_TEST_DB_SOCKET"));
	snprintf(config.db_user, sizeof(config.db_user), "%s", getenv("BAILEE_TEST_DB_USER"));
	snprintf(config.db_name, sizeof(config.db_name), "%s", getenv("BAILEE_TEST_DB_NAME"));
	ok(db_open(&config, &db, &ctx), &ctx);
	make_keyring(&keyring);
	store_init(store, db, keyring);
	ok(migrate_run(store, getenv("BAILEE_TEST_SCHEMA"), migrated, &ctx), &ctx);
	ok(migrate_install_keys(store, &ctx), &ctx);
	ok(admin_organization_add(store, "One", &the.first, &ctx), &ctx);
	ok(admin_organization_add(store, "Two", &the.second, &ctx), &ctx);
	ok(admin_team_add(store, the.first, "Alpha", "alpha", &the.alpha, &ctx), &ctx);
	ok(admin_team_add(store, the.first, "Beta", "beta", &the.beta, &ctx), &ctx);
	ok(admin_team_add(store, the.second, "Gamma", "gamma", &the.gamma, &ctx), &ctx);
	make_caller(&the.ada);
	make_caller(&the.ben);
	make_caller(&the.cy);
	make_caller(&the.dee);
	ok(admin_member_add(store, the.alpha, the.ada.id, &ctx), &ctx);
	ok(admin_member_add(store, the.beta, the.ben.id, &ctx), &ctx);
	ok(admin_member_add(store, the.gamma, the.cy.id, &ctx), &ctx);
	return 0;
}

static inline int
world_end(void **state)
{
	(void)state;
	store_close(&the.store);
	return 0;
}

#endif
