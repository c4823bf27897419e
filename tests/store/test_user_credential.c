/* SPDX-License-Identifier: Apache-2.0 */
/* Behaviour of user credentials, fetched tokens, their log and folders on a real MariaDB. */
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
#include "store/fetch_ahead.h"
#include "store/fetch_token.h"
#include "store/folder.h"
#include "store/job.h"
#include "store/migrate.h"
#include "store/user_credential.h"
#include "vault/api_token.h"

#define CANARY "canary-7f3e1d"

/* Alpha and Beta share an organization; Gamma is of another one. Ada is in Alpha, Ben in Beta, Cy
 * in Gamma, Dee in Alpha and Beta. */
static struct store store;
static int64_t alpha, beta, gamma_team;
static char keys_dir[] = "/tmp/bailee-keys.XXXXXX";
static struct caller {
	const char *name;
	int64_t id;
	struct api_token_text token;
	char public_id[API_TOKEN_ID_LEN + 1];
} ada = { .name = "Ada" }, ben = { .name = "Ben" }, cy = { .name = "Cy" }, dee = { .name = "Dee" };

/* ---- a world ---- */

static void
ok(enum err err, const struct errctx *ctx)
{
	if (err)
		print_error("%s: %s %s\n", err_kind(err)->name, ctx->sub[0].path, err_text(ctx));
	assert_int_equal(err, OK);
}

static void
make_caller(struct caller *caller)
{
	char email[64];
	struct errctx ctx = { 0 };

	snprintf(email, sizeof(email), "%s@example.com", caller->name);
	ok(admin_person_add(&store, email, caller->name, &caller->id, &ctx), &ctx);
	api_token_make(&caller->token, caller->public_id);
	ok(admin_token_add(&store, caller->token.text, caller->public_id, caller->id, "test",
	       SCOPES_ALL, 0, &ctx),
	    &ctx);
}

static void
open_keyring(struct keyring **keyring_out)
{
	char paths[KEY_KIND_COUNT][128];
	const char *list[KEY_KIND_COUNT];
	struct errctx ctx = { 0 };

	assert_non_null(mkdtemp(keys_dir));
	ok(keyring_create_files(keys_dir, &ctx), &ctx);
	for (int i = 0; i < KEY_KIND_COUNT; i++) {
		snprintf(paths[i], sizeof(paths[i]), "%s/%s", keys_dir, key_kinds[i].file);
		list[i] = paths[i];
	}
	ok(keyring_load(list, keyring_out, &ctx), &ctx);
	for (int i = 0; i < KEY_KIND_COUNT; i++)
		unlink(paths[i]);
	rmdir(keys_dir);
}

static void
migrated(int version, const char *file)
{
	(void)version;
	(void)file;
}

static int
start(void **state)
{
	struct config config = { .db_timeout_s = 10 };
	struct errctx ctx = { 0 };
	struct keyring *keyring = NULL;
	struct db *db = NULL;
	int64_t first, second;
	(void)state;

	snprintf(config.db_socket, sizeof(config.db_socket), "%s", getenv("BAILEE_TEST_DB_SOCKET"));
	snprintf(config.db_user, sizeof(config.db_user), "%s", getenv("BAILEE_TEST_DB_USER"));
	snprintf(config.db_name, sizeof(config.db_name), "%s", getenv("BAILEE_TEST_DB_NAME"));
	ok(db_open(&config, &db, &ctx), &ctx);
	open_keyring(&keyring);
	store_init(&store, db, keyring);
	ok(migrate_run(&store, getenv("BAILEE_TEST_SCHEMA"), migrated, &ctx), &ctx);
	ok(migrate_install_keys(&store, &ctx), &ctx);
	ok(admin_organization_add(&store, "One", &first, &ctx), &ctx);
	ok(admin_organization_add(&store, "Two", &second, &ctx), &ctx);
	ok(admin_team_add(&store, first, "Alpha", "alpha", &alpha, &ctx), &ctx);
	ok(admin_team_add(&store, first, "Beta", "beta", &beta, &ctx), &ctx);
	ok(admin_team_add(&store, second, "Gamma", "gamma", &gamma_team, &ctx), &ctx);
	make_caller(&ada);
	make_caller(&ben);
	make_caller(&cy);
	make_caller(&dee);
	ok(admin_member_add(&store, alpha, ada.id, &ctx), &ctx);
	ok(admin_member_add(&store, beta, ben.id, &ctx), &ctx);
	ok(admin_member_add(&store, gamma_team, cy.id, &ctx), &ctx);
	ok(admin_member_add(&store, alpha, dee.id, &ctx), &ctx);
	ok(admin_member_add(&store, beta, dee.id, &ctx), &ctx);
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	store_close(&store);
	return 0;
}

static int
empty(void **state)
{
	struct errctx ctx = { 0 };
	(void)state;

	ok(db_script(store.db, "DELETE FROM user_credential; DELETE FROM folder;", &ctx), &ctx);
	return 0;
}

static void
run_sql(const char *sql)
{
	struct errctx ctx = { 0 };

	ok(db_script(store.db, sql, &ctx), &ctx);
}

static int64_t
count_sql(const char *sql)
{
	struct count {
		int64_t n;
	} row = { 0 };
	const struct col out[] = { COL(INT, struct count, n) };
	static struct stmt stmts[32]; /* named by address: each its own */
	static size_t used;
	struct stmt *stmt = &stmts[used++];
	struct errctx ctx = { 0 };
	struct col *kept = xmalloc(sizeof(out));

	assert_true(used < 32);
	memcpy(kept, out, sizeof(out));
	*stmt = (struct stmt){ "count", sql, NULL, 0, kept, 1 };
	ok(stmt_one(store.db, stmt, NULL, &row, &ctx), &ctx);
	return row.n;
}

static struct auth
as(const struct caller *caller)
{
	struct auth auth = { .need = SCOPE_USER_CREDENTIALS_READ };

	memcpy(auth.token, caller->token.text, sizeof(caller->token.text));
	memcpy(auth.public_id, caller->public_id, sizeof(auth.public_id));
	return auth;
}

static struct audit_entry
by(const struct caller *caller)
{
	return (
	    struct audit_entry){ .event = "test", .actor = "token:test", .person_id = caller->id };
}

/* ---- shorthands ---- */

static json_t *
multi(const char *location, const char *first_secret, const char *second_secret)
{
	return json_pack("{s:s, s:[{s:{s:s}, s:s}, {s:{s:s}, s:s}]}", "location", location,
	    "requests", "options", "url", "http://a.example/1", "secret", first_secret, "options",
	    "url", "http://a.example/2", "secret", second_secret);
}

static int64_t
make_as(const struct caller *caller, const struct user_credential_change *change)
{
	struct audit_entry audit = by(caller);
	struct user_credential credential = { 0 };
	struct errctx ctx = { 0 };

	ok(user_credential_create(&store, &audit, change, &credential, &ctx), &ctx);
	int64_t id = credential.place.id;
	char subject[32];
	snprintf(subject, sizeof(subject), "%lld", (long long)id);
	assert_string_equal(audit.subject, subject);
	assert_int_equal(audit.team_id, change->team_id);
	user_credential_free(&credential);
	return id;
}

static int64_t
make_text(const char *name, int64_t team_id)
{
	json_auto_t *definition = json_pack("{s:s}", "value", CANARY);

	return make_as(&dee, &(struct user_credential_change){ .mode = "TEXT",
				 .team_id = team_id,
				 .name = name,
				 .definition = definition });
}

static int64_t
make_multi(const char *name)
{
	json_auto_t *definition = multi("=x.body.token", CANARY "-1", CANARY "-2");

	return make_as(&ada, &(struct user_credential_change){ .mode = "MULTI_REQUEST",
				 .team_id = alpha,
				 .name = name,
				 .ttl_said = true,
				 .http_request_ttl = 60,
				 .definition = definition });
}

static enum err
change_as(const struct caller *caller, int64_t id, const struct user_credential_change *change,
    struct errctx *ctx)
{
	struct audit_entry audit = by(caller);
	struct user_credential credential = { 0 };
	enum err err = user_credential_update(&store, &audit, id, change, &credential, ctx);

	user_credential_free(&credential);
	return err;
}

static void
change_ok(int64_t id, const struct user_credential_change *change)
{
	struct errctx ctx = { 0 };

	ok(change_as(&ada, id, change, &ctx), &ctx);
}

static void
change_fails(int64_t id, const struct user_credential_change *change, enum err err,
    const char *path)
{
	struct errctx ctx = { 0 };

	assert_int_equal(change_as(&ada, id, change, &ctx), err);
	assert_string_equal(ctx.sub[0].path, path);
}

static enum err
get_as(const struct caller *caller, int64_t id, struct user_credential *out)
{
	struct auth auth = as(caller);
	struct errctx ctx = { 0 };

	return user_credential_get(&store, &auth, id, out, &ctx);
}

static json_t *
definition_of(int64_t id)
{
	struct fetch_subject subject = { 0 };
	struct errctx ctx = { 0 };
	json_t *definition = NULL;

	ok(fetch_subject_load(&store, id, &subject, &ctx), &ctx);
	ok(user_credential_open(&store, &subject.place, &subject.definition_sealed, &definition,
	       &ctx),
	    &ctx);
	fetch_subject_free(&subject);
	return definition;
}

static enum err
open_definition(int64_t id)
{
	struct fetch_subject subject = { 0 };
	struct errctx ctx = { 0 };
	json_t *definition = NULL;

	ok(fetch_subject_load(&store, id, &subject, &ctx), &ctx);
	enum err err = user_credential_open(&store, &subject.place, &subject.definition_sealed,
	    &definition, &ctx);
	json_decref(definition);
	fetch_subject_free(&subject);
	return err;
}

struct putting {
	const struct fetch_subject *subject;
	int64_t job_id, ttl_s;
	struct bytes sealed;
};

static enum err
put_body(struct db *db, void *arg, struct errctx *ctx)
{
	const struct putting *putting = arg;
	(void)db;

	return fetch_token_put(&store, putting->subject, putting->job_id, &putting->sealed,
	    putting->ttl_s, 0, ctx);
}

static enum err
put_token(const struct fetch_subject *subject, int64_t job_id, int64_t ttl_s, const char *token)
{
	struct putting putting = { subject, job_id, ttl_s, { 0 } };
	struct errctx ctx = { 0 };

	ok(fetch_token_seal(&store, subject, token, strlen(token), &putting.sealed, &ctx), &ctx);
	enum err err = db_transaction(store.db, put_body, NULL, &putting, &ctx);
	free(putting.sealed.data);
	return err;
}

static void
put_new(int64_t id, int64_t job_id, int64_t ttl_s, const char *token)
{
	struct fetch_subject subject = { 0 };
	struct errctx ctx = { 0 };

	ok(fetch_subject_load(&store, id, &subject, &ctx), &ctx);
	assert_int_equal(put_token(&subject, job_id, ttl_s, token), OK);
	fetch_subject_free(&subject);
}

/* The cached token as a caller gets it; NULL when there is none. */
static char *
cached_as(const struct caller *caller, int64_t id)
{
	struct fetch_use use = { 0 };
	struct secret token = { 0 };
	struct errctx ctx = { 0 };
	struct auth auth = as(caller);
	char *text = NULL;

	auth.need = SCOPE_USER_CREDENTIALS_USE;
	ok(fetch_token_read(&store, &auth, id, &use, &ctx), &ctx);
	if (use.token_sealed.data) {
		ok(fetch_token_open(&store, &use, &token, &ctx), &ctx);
		text = xstrdup(secret_text(&token));
	}
	secret_free(&token);
	fetch_use_free(&use);
	return text;
}

static void
assert_cached(int64_t id, const char *expected)
{
	auto_free char *token = cached_as(&ada, id);

	if (!expected)
		assert_null(token);
	else
		assert_string_equal(token, expected);
}

/* The same as the runner sees it. */
static bool
is_cached(int64_t id)
{
	struct fetch_subject subject = { 0 };
	struct errctx ctx = { 0 };

	ok(fetch_subject_load(&store, id, &subject, &ctx), &ctx);
	bool cached = subject.fetched_at != 0;
	fetch_subject_free(&subject);
	return cached;
}

static enum err
use_as(const struct caller *caller, int64_t id)
{
	struct fetch_use use = { 0 };
	struct auth auth = as(caller);
	struct errctx ctx = { 0 };
	enum err err = fetch_token_read(&store, &auth, id, &use, &ctx);

	fetch_use_free(&use);
	return err;
}

/* ---- one credential ---- */

static void
creates_and_reads_back(void **state)
{
	struct user_credential c = { 0 };
	int64_t id = make_multi("My  Login");
	(void)state;

	assert_int_equal(get_as(&ada, id, &c), OK);
	assert_int_equal(c.place.team_id, alpha);
	assert_string_equal(c.name, "My  Login");
	assert_string_equal(c.slug, "my_login");
	assert_string_equal(c.place.mode, "MULTI_REQUEST");
	assert_string_equal(c.read_access, "TEAM");
	assert_string_equal(c.shared_team_slugs, "[]");
	assert_string_equal(c.place.allowed_hosts, "[]");
	assert_string_equal(c.metadata, "{}");
	assert_string_equal(c.description, "");
	assert_string_equal(c.owner_email, "ada@example.com");
	assert_int_equal(c.owner_id, ada.id);
	assert_int_equal(c.http_request_ttl, 60);
	assert_int_equal(c.version, 1);
	assert_int_equal(c.folder_id, 0);
	assert_true(c.created_at > 0 && c.created_at == c.updated_at);
	user_credential_free(&c);
}

static void
hides_what_belongs_to_others_like_what_is_missing(void **state)
{
	struct user_credential c = { 0 };
	int64_t id = make_multi("hidden");
	(void)state;

	assert_int_equal(get_as(&ben, id, &c), ERR_NOT_FOUND);
	assert_int_equal(get_as(&cy, id, &c), ERR_NOT_FOUND);
	assert_int_equal(get_as(&ada, id + 1000, &c), ERR_NOT_FOUND);
	assert_int_equal(use_as(&ben, id), ERR_NOT_FOUND);
	struct errctx ctx = { 0 };
	assert_int_equal(change_as(&ben, id, &(struct user_credential_change){ .name = "mine" },
			     &ctx),
	    ERR_NOT_FOUND);
	struct audit_entry audit = by(&cy);
	assert_int_equal(user_credential_delete(&store, &audit, id, &ctx), ERR_NOT_FOUND);
	assert_int_equal(get_as(&ada, id, &c), OK);
	user_credential_free(&c);
}

static void
refuses_unknown_tokens_and_missing_scopes(void **state)
{
	struct user_credential c = { 0 };
	struct errctx ctx = { 0 };
	struct auth auth = as(&ada);
	int64_t id = make_multi("auth");
	(void)state;

	auth.token[20] ^= 1;
	assert_int_equal(user_credential_get(&store, &auth, id, &c, &ctx), ERR_UNAUTHENTICATED);
	auth = as(&ada);
	memcpy(auth.public_id, "AAAAAAAAAAAA", 12);
	assert_int_equal(user_credential_get(&store, &auth, id, &c, &ctx), ERR_UNAUTHENTICATED);
	run_sql("UPDATE api_token SET scopes = 1 WHERE name = 'test'");
	assert_int_equal(get_as(&ada, id, &c), ERR_SCOPE);
	assert_int_equal(get_as(&ada, id + 1000, &c), ERR_SCOPE);
	run_sql("UPDATE api_token SET scopes = 4095, revoked_at = UTC_TIMESTAMP(3)");
	assert_int_equal(get_as(&ada, id, &c), ERR_UNAUTHENTICATED);
	run_sql("UPDATE api_token SET revoked_at = NULL");
	assert_int_equal(get_as(&ada, id, &c), OK);
	user_credential_free(&c);
}

static void
keeps_secrets_out_of_plain_columns(void **state)
{
	(void)state;
	make_multi("canary");
	assert_int_equal(count_sql("SELECT COUNT(*) FROM user_credential WHERE "
				   "LOCATE('canary-7f3e1d', CONCAT_WS('|', name, slug, mode, "
				   "description, allowed_hosts, metadata, definition_sealed)) > 0"),
	    0);
	assert_int_equal(count_sql("SELECT COUNT(*) FROM user_credential"), 1);
}

static void
keeps_what_an_update_does_not_say(void **state)
{
	struct user_credential c = { 0 };
	int64_t id = make_multi("keeps");
	json_auto_t *only_location = json_pack("{s:s}", "location", "=y");
	(void)state;

	change_ok(id,
	    &(struct user_credential_change){ .description = "new", .definition = only_location });
	json_auto_t *definition = definition_of(id);
	json_auto_t *expected = multi("=y", CANARY "-1", CANARY "-2");
	assert_true(json_equal(definition, expected));
	assert_int_equal(get_as(&ada, id, &c), OK);
	assert_string_equal(c.description, "new");
	assert_string_equal(c.name, "keeps");
	assert_int_equal(c.http_request_ttl, 60);
	assert_int_equal(c.version, 2);
	user_credential_free(&c);
	change_ok(id, &(struct user_credential_change){ .ttl_said = true });
	assert_int_equal(get_as(&ada, id, &c), OK);
	assert_int_equal(c.http_request_ttl, 0);
	user_credential_free(&c);
}

static void
keeps_the_secret_of_a_request_at_its_place(void **state)
{
	int64_t id = make_multi("places");
	json_auto_t *said = json_pack("{s:[{s:{s:s}}, {s:{s:s}, s:s}, {s:{s:s}}], s:s}", "requests",
	    "options", "url", "http://b.example/", "options", "url", "http://c.example/", "secret",
	    "other", "options", "url", "http://d.example/", "value", "passed over");
	(void)state;

	change_ok(id, &(struct user_credential_change){ .definition = said });
	json_auto_t *definition = definition_of(id);
	json_t *requests = json_object_get(definition, "requests");
	assert_int_equal(json_array_size(requests), 3);
	assert_string_equal(json_get_text(json_array_get(requests, 0), "secret"), CANARY "-1");
	assert_string_equal(json_get_text(json_array_get(requests, 1), "secret"), "other");
	assert_true(json_is_null(json_object_get(json_array_get(requests, 2), "secret")));
	assert_string_equal(json_get_text(json_object_get(json_array_get(requests, 0), "options"),
				"url"),
	    "http://b.example/");
	assert_string_equal(json_get_text(definition, "location"), "=x.body.token");
	assert_null(json_object_get(definition, "value"));
}

static void
refuses_another_mode(void **state)
{
	(void)state;
	change_fails(make_multi("modes"), &(struct user_credential_change){ .mode = "TEXT" },
	    ERR_FIELD, "mode");
}

static void
refuses_taken_and_empty_slugs(void **state)
{
	int64_t id = make_multi("First One");
	struct user_credential c = { 0 };
	struct errctx ctx = { 0 };
	struct audit_entry audit = by(&ada);
	json_auto_t *definition = json_object();
	struct user_credential_change change = { .mode = "TEXT",
		.team_id = alpha,
		.name = "first-ONE!",
		.definition = definition };
	(void)state;

	assert_int_equal(user_credential_create(&store, &audit, &change, &c, &ctx), ERR_FIELD);
	assert_string_equal(ctx.sub[0].path, "name");
	assert_int_equal(ctx.n_sub, 1);
	int64_t other = make_multi("Second One");
	change_fails(other, &(struct user_credential_change){ .name = "First  One" }, ERR_FIELD,
	    "name");
	change_fails(other, &(struct user_credential_change){ .name = "日本" }, ERR_FIELD, "name");
	change_ok(id, &(struct user_credential_change){ .name = "First One" });
	assert_true(make_text("First One", beta) > 0);
}

static void
deletes_with_token_and_log(void **state)
{
	int64_t id = make_multi("gone");
	struct audit_entry audit = by(&ada);
	struct user_credential c = { 0 };
	struct errctx ctx = { 0 };
	(void)state;

	put_new(id, 1, 60, "t");
	ok(fetch_log_add(&store,
	       &(struct fetch_log){ .credential_id = id,
		   .outcome = "fetched",
		   .steps = "[]",
		   .started_at = 1 },
	       &ctx),
	    &ctx);
	ok(user_credential_delete(&store, &audit, id, &ctx), &ctx);
	assert_int_equal(audit.team_id, alpha);
	assert_int_equal(get_as(&ada, id, &c), ERR_NOT_FOUND);
	assert_int_equal(count_sql("SELECT COUNT(*) FROM fetch_token"), 0);
	assert_int_equal(count_sql("SELECT COUNT(*) FROM fetch_log"), 0);
}

/* ---- what a sealed value is bound to ---- */

static void
opens_no_definition_that_was_moved_or_whose_policy_was_edited(void **state)
{
	int64_t first = make_multi("victim"), second = make_multi("thief");
	char sql[256];
	struct errctx ctx = { 0 };
	(void)state;

	assert_int_equal(open_definition(first), OK);
	snprintf(sql, sizeof(sql),
	    "UPDATE user_credential t JOIN user_credential v ON v.id = %lld SET "
	    "t.definition_sealed = v.definition_sealed WHERE t.id = %lld",
	    (long long)first, (long long)second);
	run_sql(sql);
	assert_int_equal(open_definition(second), ERR_INTEGRITY);
	snprintf(sql, sizeof(sql),
	    "UPDATE user_credential SET allowed_hosts = '[\"evil.example\"]' WHERE id = %lld",
	    (long long)first);
	run_sql(sql);
	assert_int_equal(open_definition(first), ERR_INTEGRITY);
	assert_int_equal(change_as(&ada, first, &(struct user_credential_change){ .name = "x" },
			     &ctx),
	    ERR_INTEGRITY);
}

static void
reseals_when_the_policy_changes(void **state)
{
	int64_t id = make_multi("policy");
	(void)state;

	change_ok(id, &(struct user_credential_change){ .allowed_hosts = "[\"*.example.com\"]" });
	json_auto_t *definition = definition_of(id);
	assert_string_equal(json_get_text(definition, "location"), "=x.body.token");
}

/* ---- teams ---- */

static void
moves_to_another_team_of_the_caller(void **state)
{
	int64_t id = make_multi("moves");
	struct user_credential c = { 0 };
	struct errctx ctx = { 0 };
	struct user_credential_change change = { .team_id = beta };
	(void)state;

	change_fails(id, &change, ERR_NOT_FOUND, "team_id");
	change_fails(id, &(struct user_credential_change){ .team_id = 999999 }, ERR_NOT_FOUND,
	    "team_id");
	ok(change_as(&dee, id, &change, &ctx), &ctx);
	assert_int_equal(get_as(&ada, id, &c), ERR_NOT_FOUND);
	assert_int_equal(get_as(&ben, id, &c), OK);
	user_credential_free(&c);
	json_auto_t *definition = definition_of(id);
	assert_string_equal(json_get_text(definition, "location"), "=x.body.token");
}

static void
creates_in_own_teams_only(void **state)
{
	struct user_credential c = { 0 };
	struct audit_entry audit = by(&ada);
	json_auto_t *definition = json_object();
	struct errctx ctx = { 0 };
	struct user_credential_change change = { .mode = "TEXT",
		.team_id = gamma_team,
		.name = "n",
		.definition = definition };
	(void)state;

	assert_int_equal(user_credential_create(&store, &audit, &change, &c, &ctx), ERR_NOT_FOUND);
	assert_string_equal(ctx.sub[0].path, "team_id");
}

static void
shares_use_but_not_sight(void **state)
{
	int64_t id = make_multi("shared");
	struct user_credential c = { 0 };
	json_auto_t *slugs = json_pack("[s]", "beta");
	json_auto_t *none = json_array();
	json_auto_t *unknown = json_pack("[s, s]", "beta", "gamma");
	json_auto_t *shouted = json_pack("[s]", "BETA");
	(void)state;

	change_ok(id, &(struct user_credential_change){ .read_access = "GLOBAL" });
	assert_int_equal(use_as(&ben, id), OK);
	assert_int_equal(use_as(&cy, id), ERR_NOT_FOUND);
	assert_int_equal(get_as(&ben, id, &c), ERR_NOT_FOUND);
	change_fails(id, &(struct user_credential_change){ .read_access = "SPECIFIC_TEAMS" },
	    ERR_FIELD, "shared_team_slugs");
	struct user_credential_change change = { .read_access = "SPECIFIC_TEAMS",
		.shared_team_slugs = unknown };
	change_fails(id, &change, ERR_FIELD, "shared_team_slugs[1]");
	change.shared_team_slugs = shouted;
	change_fails(id, &change, ERR_FIELD, "shared_team_slugs[0]");
	change.shared_team_slugs = slugs;
	change_ok(id, &change);
	assert_int_equal(use_as(&ben, id), OK);
	assert_int_equal(use_as(&cy, id), ERR_NOT_FOUND);
	change_fails(id, &(struct user_credential_change){ .shared_team_slugs = none }, ERR_FIELD,
	    "shared_team_slugs");
	change_ok(id, &(struct user_credential_change){ .read_access = "TEAM" });
	assert_int_equal(use_as(&ben, id), ERR_NOT_FOUND);
	assert_int_equal(get_as(&ada, id, &c), OK);
	assert_string_equal(c.shared_team_slugs, "[]");
	user_credential_free(&c);
}

static void
shares_with_no_team_that_is_not_listed(void **state)
{
	int64_t id = make_text("beta only", beta);
	json_auto_t *slugs = json_pack("[s]", "beta");
	struct errctx ctx = { 0 };
	(void)state;

	ok(change_as(&dee, id,
	       &(struct user_credential_change){ .read_access = "SPECIFIC_TEAMS",
		   .shared_team_slugs = slugs },
	       &ctx),
	    &ctx);
	assert_int_equal(use_as(&ada, id), ERR_NOT_FOUND);
	assert_int_equal(use_as(&ben, id), OK);
}

/* ---- tokens ---- */

static void
caches_a_token_while_it_is_fresh(void **state)
{
	int64_t id = make_multi("cache");
	(void)state;

	assert_cached(id, NULL);
	put_new(id, 11, 60, "token-1");
	assert_cached(id, "token-1");
	put_new(id, 12, 60, "token-2");
	assert_cached(id, "token-2");
	assert_true(is_cached(id));
	put_new(id, 13, FETCH_MARGIN_S - 1, "nearly over");
	assert_cached(id, NULL);
	assert_false(is_cached(id));
}

/* Fetched a while ago with that much life in all and left; used when. Gives whether it is swept. */
static bool
is_swept(int64_t id, int life_s, int left_s, int used_ago_s)
{
	struct errctx ctx = { 0 };
	int64_t n = 0;
	char sql[400];

	run_sql("DELETE FROM job");
	run_sql("DELETE FROM fetch_token");
	put_new(id, 31, life_s, "swept");
	snprintf(sql, sizeof(sql),
	    "UPDATE fetch_token SET fetched_at = fetched_at - INTERVAL %d SECOND, "
	    "fresh_until = fresh_until - INTERVAL %d SECOND",
	    life_s - left_s, life_s - left_s);
	run_sql(sql);
	snprintf(sql, sizeof(sql),
	    "UPDATE user_credential SET last_used_at = UTC_TIMESTAMP(3) - INTERVAL %d SECOND "
	    "WHERE id = %lld",
	    used_ago_s, (long long)id);
	run_sql(sql);
	ok(fetch_ahead_sweep(&store, 10, &n, &ctx), &ctx);
	return n == 1;
}

static void
sweeps_up_what_ends_soon_and_was_used_again(void **state)
{
	int64_t id = make_multi("ahead"), n = 0;
	struct errctx ctx = { 0 };
	(void)state;

	assert_true(is_swept(id, 1000, 150, 1));
	ok(fetch_ahead_sweep(&store, 10, &n, &ctx), &ctx);
	assert_int_equal(n, 0); /* one is under way */
	assert_false(is_swept(id, 1000, 250, 1));
	assert_false(is_swept(id, 1000, 150, 845)); /* by whoever waited for it, and nobody since */
	assert_true(is_swept(id, 1000, 150, 835));
	assert_true(is_swept(id, 86400, 300, 1));
	assert_false(is_swept(id, 86400, 310, 1));
	assert_false(is_swept(id, 1000, -1, 1));
}

static void
an_asker_near_the_end_puts_one_fetch_in(void **state)
{
	int64_t id = make_multi("ahead of time");
	struct fetch_use use = { 0 };
	struct errctx ctx = { 0 };
	struct auth auth = as(&ada);
	struct job *jobs = NULL;
	size_t n = 0;
	(void)state;

	put_new(id, 41, 100, "ends soon");
	auth.need = SCOPE_USER_CREDENTIALS_USE;
	ok(fetch_token_read(&store, &auth, id, &use, &ctx), &ctx);
	assert_false(fetch_ahead_is_due(&use, use.fetched_at + 70000));
	assert_true(fetch_ahead_is_due(&use, use.fetched_at + 80000));
	run_sql("DELETE FROM job");
	ok(fetch_ahead_order(&store, &use, NULL, &ctx), &ctx);
	ok(fetch_ahead_order(&store, &use, NULL, &ctx), &ctx);
	run_sql("UPDATE job SET state = 'failed', active_key = NULL");
	ok(fetch_ahead_order(&store, &use, NULL, &ctx), &ctx); /* it failed, and just now */
	ok(job_list(&store, NULL, 10, &jobs, &n, &ctx), &ctx);
	assert_int_equal(n, 1);
	assert_string_equal(jobs[0].kind, "fetch");
	job_free(&jobs[0]);
	free(jobs);
	fetch_use_free(&use);
	ok(fetch_token_read(&store, &auth, id, &use, &ctx), &ctx);
	assert_false(fetch_ahead_is_due(&use, use.ahead_at + 1000));
	fetch_use_free(&use);
}

static void
gives_the_token_without_life_to_those_who_waited(void **state)
{
	int64_t id = make_multi("waited");
	struct fetch_use use = { 0 };
	struct secret token = { 0 };
	struct errctx ctx = { 0 };
	(void)state;

	put_new(id, 21, 0, "once");
	assert_cached(id, NULL);
	assert_int_equal(fetch_token_by_job(&store, id, 22, &use, &ctx), ERR_NOT_FOUND);
	ok(fetch_token_by_job(&store, id, 21, &use, &ctx), &ctx);
	assert_int_equal(use.fetched_at, use.fresh_until);
	ok(fetch_token_open(&store, &use, &token, &ctx), &ctx);
	assert_string_equal(secret_text(&token), "once");
	secret_free(&token);
	fetch_use_free(&use);
	run_sql("UPDATE fetch_token SET fetched_at = fetched_at - INTERVAL 61 SECOND");
	assert_int_equal(fetch_token_by_job(&store, id, 21, &use, &ctx), ERR_NOT_FOUND);
	/* a later fetch has brought another one, just as good */
	put_new(id, 25, 0, "twice");
	ok(fetch_token_by_job(&store, id, 21, &use, &ctx), &ctx);
	fetch_use_free(&use);
}

static void
drops_the_token_when_the_credential_changes(void **state)
{
	int64_t id = make_multi("drops");
	struct fetch_subject subject = { 0 };
	struct fetch_use use = { 0 };
	struct errctx ctx = { 0 };
	(void)state;

	ok(fetch_subject_load(&store, id, &subject, &ctx), &ctx);
	assert_int_equal(put_token(&subject, 31, 60, "old"), OK);
	change_ok(id, &(struct user_credential_change){ .description = "changed" });
	assert_cached(id, NULL);
	assert_int_equal(put_token(&subject, 32, 60, "late"), ERR_STALE);
	assert_cached(id, NULL);
	assert_int_equal(fetch_token_by_job(&store, id, 31, &use, &ctx), ERR_NOT_FOUND);
	struct audit_entry audit = by(&ada);
	ok(user_credential_delete(&store, &audit, id, &ctx), &ctx);
	assert_int_equal(put_token(&subject, 33, 60, "too late"), ERR_STALE);
	fetch_subject_free(&subject);
}

static void
hands_out_the_definition_of_text_only(void **state)
{
	struct fetch_use use = { 0 };
	struct auth auth = as(&dee);
	struct errctx ctx = { 0 };
	json_t *definition = NULL;
	(void)state;

	ok(fetch_token_read(&store, &auth, make_text("plain", alpha), &use, &ctx), &ctx);
	assert_non_null(use.definition_sealed.data);
	ok(user_credential_open(&store, &use.place, &use.definition_sealed, &definition, &ctx),
	    &ctx);
	assert_string_equal(json_get_text(definition, "value"), CANARY);
	json_decref(definition);
	fetch_use_free(&use);
	ok(fetch_token_read(&store, &auth, make_multi("not plain"), &use, &ctx), &ctx);
	assert_null(use.definition_sealed.data);
	fetch_use_free(&use);
}

static void
opens_no_token_of_another_credential(void **state)
{
	int64_t first = make_multi("token a"), second = make_multi("token b");
	struct fetch_use use = { 0 };
	struct secret token = { 0 };
	struct auth auth = as(&ada);
	struct errctx ctx = { 0 };
	(void)state;

	put_new(first, 41, 60, "a");
	put_new(second, 42, 60, "b");
	run_sql("UPDATE fetch_token b JOIN fetch_token a ON a.job_id = 41 SET b.token_sealed = "
		"a.token_sealed WHERE b.job_id = 42");
	ok(fetch_token_read(&store, &auth, second, &use, &ctx), &ctx);
	assert_int_equal(fetch_token_open(&store, &use, &token, &ctx), ERR_INTEGRITY);
	fetch_use_free(&use);
}

/* ---- the log ---- */

static void
logs_newest_first_in_pages_for_owners_only(void **state)
{
	int64_t id = make_multi("log");
	struct fetch_log_filter filter = { .credential_id = id, .limit = 3 };
	struct fetch_log_page page = { 0 };
	struct errctx ctx = { 0 };
	struct auth auth = as(&ada);
	(void)state;

	ok(fetch_log_list(&store, &auth, &filter, &page, &ctx), &ctx);
	assert_int_equal(page.n, 0);
	assert_int_equal(page.total, 0);
	fetch_log_page_free(&page);
	for (int i = 0; i < 7; i++)
		ok(fetch_log_add(&store,
		       &(struct fetch_log){ .credential_id = id,
			   .job_id = i,
			   .started_at = 1000,
			   .duration_ms = 5,
			   .outcome = "failed",
			   .reason = "request 1: 401",
			   .steps = "[{\"status\":401,\"ms\":5}]",
			   .request_id = NULL },
		       &ctx),
		    &ctx);
	ok(fetch_log_list(&store, &auth, &filter, &page, &ctx), &ctx);
	assert_int_equal(page.n, 3);
	assert_int_equal(page.total, 7);
	assert_int_equal(page.rows[0].job_id, 6);
	assert_int_equal(page.rows[0].started_at, 1000);
	assert_string_equal(page.rows[0].outcome, "failed");
	assert_string_equal(page.rows[0].reason, "request 1: 401");
	fetch_log_page_free(&page);
	filter.offset = 6;
	ok(fetch_log_list(&store, &auth, &filter, &page, &ctx), &ctx);
	assert_int_equal(page.n, 1);
	assert_int_equal(page.rows[0].job_id, 0);
	fetch_log_page_free(&page);
	filter.offset = 7;
	ok(fetch_log_list(&store, &auth, &filter, &page, &ctx), &ctx);
	assert_int_equal(page.n, 0);
	assert_int_equal(page.total, 7);
	fetch_log_page_free(&page);
	change_ok(id, &(struct user_credential_change){ .read_access = "GLOBAL" });
	auth = as(&ben);
	assert_int_equal(fetch_log_list(&store, &auth, &filter, &page, &ctx), ERR_NOT_FOUND);
	ok(fetch_log_add(&store,
	       &(struct fetch_log){ .credential_id = id + 999, .outcome = "failed", .steps = "[]" },
	       &ctx),
	    &ctx);
}

/* ---- lists ---- */

static void
check_page(const struct caller *caller, const struct user_credential_filter *filter, size_t n,
    int64_t total, int64_t first)
{
	struct user_credential_page page = { 0 };
	struct errctx ctx = { 0 };
	struct auth auth = as(caller);

	ok(user_credential_list(&store, &auth, filter, &page, &ctx), &ctx);
	assert_int_equal(page.n, n);
	assert_int_equal(page.total, total);
	if (n)
		assert_int_equal(page.rows[0].place.id, first);
	user_credential_page_free(&page);
}

static void
lists_pages_of_own_teams(void **state)
{
	int64_t a = make_text("a", alpha), b = make_text("b", alpha), c = make_text("c", beta);
	struct user_credential_page page = { 0 };
	struct errctx ctx = { 0 };
	struct auth auth = as(&ada);
	(void)state;

	check_page(&dee, &(struct user_credential_filter){ .limit = 20 }, 3, 3, a);
	check_page(&ada, &(struct user_credential_filter){ .limit = 20 }, 2, 2, a);
	check_page(&ben, &(struct user_credential_filter){ .limit = 20 }, 1, 1, c);
	check_page(&cy, &(struct user_credential_filter){ .limit = 20 }, 0, 0, 0);
	check_page(&dee, &(struct user_credential_filter){ .limit = 1, .offset = 1 }, 1, 3, b);
	check_page(&dee, &(struct user_credential_filter){ .limit = 5, .offset = 50 }, 0, 3, 0);
	check_page(&dee, &(struct user_credential_filter){ .team_id = beta, .limit = 5 }, 1, 1, c);
	assert_int_equal(user_credential_list(&store, &auth,
			     &(struct user_credential_filter){ .team_id = beta, .limit = 5 }, &page,
			     &ctx),
	    ERR_NOT_FOUND);
	assert_int_equal(user_credential_list(&store, &auth,
			     &(struct user_credential_filter){ .team_id = 99999, .limit = 5 },
			     &page, &ctx),
	    ERR_NOT_FOUND);
}

static void
lists_by_folder_and_restriction(void **state)
{
	int64_t a = make_text("a", alpha), b = make_text("b", alpha), folder;
	struct audit_entry audit = by(&ada);
	struct errctx ctx = { 0 };
	(void)state;

	ok(folder_create(&store, &audit, alpha, "F", "CREDENTIAL", &folder, &ctx), &ctx);
	change_ok(a, &(struct user_credential_change){ .folder_said = true,
			 .folder_id = folder,
			 .allowed_hosts = "[\"x.example.com\"]" });
	struct user_credential_filter filter = { .folder_id = folder, .limit = 9 };
	check_page(&ada, &filter, 1, 1, a);
	filter = (struct user_credential_filter){ .restriction = RESTRICTION_NONE, .limit = 9 };
	check_page(&ada, &filter, 1, 1, b);
	filter.restriction = RESTRICTION_SOME;
	check_page(&ada, &filter, 1, 1, a);
	filter.restriction = RESTRICTION_NOTHING;
	check_page(&ada, &filter, 0, 0, 0);
	filter.folder_id = folder + 100;
	check_page(&ada, &filter, 0, 0, 0);
}

/* ---- folders ---- */

static void
files_in_folders_of_the_same_team(void **state)
{
	int64_t id = make_multi("filed"), own, foreign;
	struct audit_entry audit = by(&ada), other = by(&ben);
	struct user_credential c = { 0 };
	struct errctx ctx = { 0 };
	(void)state;

	ok(folder_create(&store, &audit, alpha, "Own", "CREDENTIAL", &own, &ctx), &ctx);
	assert_int_equal(audit.team_id, alpha);
	ok(folder_create(&store, &other, beta, "Foreign", "CREDENTIAL", &foreign, &ctx), &ctx);
	assert_int_equal(folder_create(&store, &audit, beta, "No", "CREDENTIAL", &foreign, &ctx),
	    ERR_NOT_FOUND);
	struct user_credential_change change = { .folder_said = true, .folder_id = foreign };
	change_fails(id, &change, ERR_FIELD, "folder_id");
	change.folder_id = own;
	change_ok(id, &change);
	change_ok(id, &(struct user_credential_change){ .description = "stays" });
	assert_int_equal(get_as(&ada, id, &c), OK);
	assert_int_equal(c.folder_id, own);
	user_credential_free(&c);
	/* a folder does not move along */
	ok(change_as(&dee, id, &(struct user_credential_change){ .team_id = beta }, &ctx), &ctx);
	assert_int_equal(get_as(&ben, id, &c), OK);
	assert_int_equal(c.folder_id, 0);
	user_credential_free(&c);
}

static void
lists_and_deletes_folders(void **state)
{
	int64_t id = make_multi("inside"), folder;
	struct audit_entry audit = by(&ada), other = by(&ben);
	struct folder_page page = { 0 };
	struct user_credential c = { 0 };
	struct errctx ctx = { 0 };
	struct auth auth = as(&ada);
	(void)state;

	ok(folder_create(&store, &audit, alpha, "F", "CREDENTIAL", &folder, &ctx), &ctx);
	change_ok(id, &(struct user_credential_change){ .folder_said = true, .folder_id = folder });
	struct folder_filter filter = { .team_id = alpha,
		.content_type = "CREDENTIAL",
		.limit = 10 };
	ok(folder_list(&store, &auth, &filter, &page, &ctx), &ctx);
	assert_int_equal(page.n, 1);
	assert_int_equal(page.total, 1);
	assert_string_equal(page.rows[0].name, "F");
	assert_int_equal(page.rows[0].size, 1);
	folder_page_free(&page);
	filter.team_id = beta;
	assert_int_equal(folder_list(&store, &auth, &filter, &page, &ctx), ERR_NOT_FOUND);
	assert_int_equal(folder_delete(&store, &other, folder, &ctx), ERR_NOT_FOUND);
	ok(folder_delete(&store, &audit, folder, &ctx), &ctx);
	assert_int_equal(folder_delete(&store, &audit, folder, &ctx), ERR_NOT_FOUND);
	assert_int_equal(get_as(&ada, id, &c), OK);
	assert_int_equal(c.folder_id, 0);
	user_credential_free(&c);
}

#define TEST(function) cmocka_unit_test_setup(function, empty)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(creates_and_reads_back),
		TEST(hides_what_belongs_to_others_like_what_is_missing),
		TEST(refuses_unknown_tokens_and_missing_scopes),
		TEST(keeps_secrets_out_of_plain_columns),
		TEST(keeps_what_an_update_does_not_say),
		TEST(keeps_the_secret_of_a_request_at_its_place),
		TEST(refuses_another_mode),
		TEST(refuses_taken_and_empty_slugs),
		TEST(deletes_with_token_and_log),
		TEST(opens_no_definition_that_was_moved_or_whose_policy_was_edited),
		TEST(reseals_when_the_policy_changes),
		TEST(moves_to_another_team_of_the_caller),
		TEST(creates_in_own_teams_only),
		TEST(shares_use_but_not_sight),
		TEST(shares_with_no_team_that_is_not_listed),
		TEST(caches_a_token_while_it_is_fresh),
		TEST(gives_the_token_without_life_to_those_who_waited),
		TEST(an_asker_near_the_end_puts_one_fetch_in),
		TEST(sweeps_up_what_ends_soon_and_was_used_again),
		TEST(drops_the_token_when_the_credential_changes),
		TEST(hands_out_the_definition_of_text_only),
		TEST(opens_no_token_of_another_credential),
		TEST(logs_newest_first_in_pages_for_owners_only),
		TEST(lists_pages_of_own_teams),
		TEST(lists_by_folder_and_restriction),
		TEST(files_in_folders_of_the_same_team),
		TEST(lists_and_deletes_folders),
	};

	return cmocka_run_group_tests_name("user_credential", tests, start, stop);
}
