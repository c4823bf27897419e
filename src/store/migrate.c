/* SPDX-License-Identifier: Apache-2.0 */
/* Bringing a database to the schema version of this program, and making it an installation. */
#include "store/migrate.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "store/job.h"
#include "store/master_key.h"

#define MIGRATE_FILE_MAX (1u << 20)
#define FIRST_REPEATABLE 11 /* files from this one on may run twice as they stand */

static const char version_table[] =
    "CREATE TABLE IF NOT EXISTS schema_version ("
    "version INT UNSIGNED NOT NULL COMMENT 'number of the migration', "
    "name VARCHAR(255) NOT NULL COMMENT 'its file', "
    "applied_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) COMMENT 'when it ran', "
    "PRIMARY KEY (version)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci "
    "COMMENT 'Migrations that have run'";

struct version_in {
	int64_t version;
	const char *name;
};
struct version_row {
	int64_t version;
};
static const struct col insert_in[] = { COL(INT, struct version_in, version),
	COL(TEXT, struct version_in, name) };
static const struct stmt version_insert = { "version_insert",
	"INSERT INTO schema_version (version, name) VALUES (?, ?)", insert_in, COL_N(insert_in),
	NULL, 0 };
static const struct col version_out[] = { COL(INT, struct version_row, version) };
static const struct stmt version_select = { "version_select",
	"SELECT COALESCE(MAX(version), 0) FROM schema_version", NULL, 0, version_out,
	COL_N(version_out) };

/* Row 0 names the file that is at work: programs refuse while it is there, and who comes after a
 * migration that has broken off knows which file to go on with. */
static const struct col mark_in[] = { COL(TEXT, struct version_in, name) };
static const struct stmt mark_set = { "migration_mark_set",
	"REPLACE INTO schema_version (version, name) VALUES (0, ?)", mark_in, COL_N(mark_in), NULL,
	0 };
static const struct stmt mark_ready = { "migration_mark_ready",
	"INSERT IGNORE INTO schema_version (version, name) VALUES (0, 'about to begin')", NULL, 0,
	NULL, 0 };
static const struct stmt mark_begun = { "migration_mark_begun",
	"SELECT COUNT(*) FROM schema_version WHERE version = 0 AND name <> 'about to begin'", NULL,
	0, version_out, COL_N(version_out) };
static const struct stmt mark_clear = { "migration_mark_clear",
	"DELETE FROM schema_version WHERE version = 0", NULL, 0, NULL, 0 };
static const struct stmt mark_count = { "migration_mark_count",
	"SELECT COUNT(*) FROM schema_version WHERE version = 0 AND name = ?", mark_in,
	COL_N(mark_in), version_out, COL_N(version_out) };

enum err
migrate_version(struct store *store, int64_t *out, struct errctx *ctx)
{
	struct version_row row = { 0 };
	enum err err = db_script(store->db, version_table, ctx);

	if (!err)
		err = stmt_one(store->db, &version_select, NULL, &row, ctx);
	if (!err)
		*out = row.version;
	return err;
}

static enum err
read_file(const char *path, char **text_out, struct errctx *ctx)
{
	FILE *file = fopen(path, "re");
	struct buf buf = BUF_INIT(MIGRATE_FILE_MAX);
	char chunk[4096];
	size_t n;

	if (!file)
		return err_set(ctx, ERR_CONFIG, "schema_dir", "cannot read %s: %s", path,
		    strerror(errno));
	while ((n = fread(chunk, 1, sizeof(chunk), file)) > 0)
		buf_add(&buf, chunk, n);
	fclose(file);
	if (buf.over || buf.len == 0) {
		buf_free(&buf);
		return err_set(ctx, ERR_CONFIG, "schema_dir", "%s is empty or too long", path);
	}
	*text_out = buf_take(&buf);
	return OK;
}

static int
is_migration(const struct dirent *entry)
{
	const char *name = entry->d_name;
	size_t len = strlen(name);

	return strspn(name, "0123456789") == 4 && name[4] == '_' && len > 9 &&
	       strcmp(name + len - 4, ".sql") == 0;
}

/* The next statement of a file, NULL at its end. Statements begin in column one; what is inside of
 * one does not, but for END. */
static char *
next_statement(char **rest)
{
	char *start = *rest;

	while (*start == '\n' || strncmp(start, "--", 2) == 0)
		start += *start == '\n' ? 1 : strcspn(start, "\n");
	if (!*start)
		return NULL;
	for (char *end = start; (end = strchr(end, '\n')) != NULL; end++) {
		if (end[-1] != ';' || end[1] == ' ' || strncmp(end + 1, "END", 3) == 0)
			continue;
		*end = '\0';
		*rest = end + 1;
		return start;
	}
	*rest = start + strlen(start);
	return start;
}

/* A file that broke off, of those that say nowhere IF NOT EXISTS. Each statement is done or not, as
 * a whole; of one that is done a second run says that its table, column or key is there already. */
static enum err
go_on(struct store *store, char *sql, struct errctx *ctx)
{
	char *statement;
	enum err err = OK;

	while (!err && (statement = next_statement(&sql)) != NULL) {
		err = db_script(store->db, statement, ctx);
		if (err == ERR_DUPLICATE)
			err = OK;
	}
	return err;
}

static enum err
run_statements(struct store *store, char *sql, const char *name, int version, struct errctx *ctx)
{
	const struct version_in in = { version, name };
	struct version_row marks = { 0 };
	enum err err = stmt_one(store->db, &mark_count, &in, &marks, ctx);

	if (!err)
		err = stmt_run(store->db, &mark_set, &in, NULL, ctx);
	if (!err && marks.version && version < FIRST_REPEATABLE)
		err = go_on(store, sql, ctx);
	else if (!err)
		err = db_script(store->db, sql, ctx);
	if (err == ERR_DUPLICATE)
		return err_set(ctx, err, name,
		    "migration %s makes something that is there already: this database has other "
		    "tables than Bailee's",
		    name);
	return err ? err : stmt_run(store->db, &version_insert, &in, NULL, ctx);
}

static enum err
run_file(struct store *store, const char *dir, const char *name, int version, struct errctx *ctx)
{
	auto_free char *path = xasprintf("%s/%s", dir, name);
	auto_free char *sql = NULL;
	enum err err = read_file(path, &sql, ctx);

	if (!err)
		err = run_statements(store, sql, name, version, ctx);
	return err && err != ERR_DUPLICATE
		   ? err_set(ctx, err, name,
			 "migration %s broke off; see the log for the reason, then migrate again: "
			 "it goes on where it was",
			 name)
		   : err;
}

/* Before the first change to a database that is in use. A runner may be in the middle of something,
 * workers that nobody has stopped see the mark and refuse. */
static enum err
make_idle(struct store *store, struct errctx *ctx)
{
	const struct timespec pause = { STORE_SCHEMA_LOOK_MS / 1000 + 1, 0 };
	struct version_row begun = { 0 };
	int64_t age = 0;
	enum err err = runner_age_s(store, &age, ctx);

	if (!err && age < RUNNER_AWAY_S - RUNNER_RESTART_S)
		return err_set(ctx, ERR_RULE, "",
		    "a runner is at work; stop all programs first (systemctl stop bailee.target "
		    "'bailee-*'), on every host");
	if (!err)
		err = stmt_run(store->db, &mark_ready, NULL, NULL, ctx);
	if (!err)
		err = stmt_one(store->db, &mark_begun, NULL, &begun, ctx);
	if (!err && !begun.version)
		nanosleep(&pause, NULL);
	return err;
}

enum err
migrate_run(struct store *store, const char *dir, migrate_done_fn done, struct errctx *ctx)
{
	struct dirent **entries = NULL;
	int64_t version = 0;

	db_wait_long(store->db);
	enum err err = migrate_version(store, &version, ctx);
	if (err)
		return err;
	int n = scandir(dir, &entries, is_migration, alphasort);
	if (n <= 0)
		err = err_set(ctx, ERR_CONFIG, "schema_dir", "no migrations in %s", dir);
	else if (strtol(entries[n - 1]->d_name, NULL, 10) > version)
		err = version ? make_idle(store, ctx) : OK;
	for (int i = 0; i < n; i++) {
		int number = (int)strtol(entries[i]->d_name, NULL, 10);

		if (!err && number > version) {
			err = run_file(store, dir, entries[i]->d_name, number, ctx);
			if (!err)
				done(number, entries[i]->d_name);
		}
		free(entries[i]);
	}
	free(entries);
	return err ? err : stmt_run(store->db, &mark_clear, NULL, NULL, ctx);
}

/* ---- check values ---- */

struct check_in {
	const char *kind, *key_id;
	struct bytes public_key, proof;
};
static const struct col check_in[] = { COL(TEXT, struct check_in, kind),
	COL(TEXT, struct check_in, key_id), COL(BYTES, struct check_in, public_key),
	COL(BYTES, struct check_in, proof) };
static const struct stmt check_insert = { "check_insert",
	"INSERT INTO install_check (kind, key_id, public_key, proof) VALUES (?, ?, ?, ?)", check_in,
	COL_N(check_in), NULL, 0 };
static const struct stmt check_count = { "check_count", "SELECT COUNT(*) FROM install_check", NULL,
	0, version_out, COL_N(version_out) };

static enum err
install_body(struct store *store, void *arg, struct audit_entry *audit, struct errctx *ctx)
{
	static const enum key_kind kinds[] = { KEY_SIGNING_PUBLIC, KEY_TOKEN };
	struct version_row count = { 0 };
	enum err err = stmt_one(store->db, &check_count, NULL, &count, ctx);
	(void)arg;
	(void)audit;

	if (!err && count.version)
		return err_set(ctx, ERR_RULE, "",
		    "this database is an installation already; its keys are not replaced");
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]) && !err; i++) {
		struct key_check check;

		err = keyring_make_check(store->keyring, kinds[i], &check, ctx);
		if (err)
			break;
		const struct check_in in = { check.kind, check.key_id,
			{ check.public_key, sizeof(check.public_key) },
			{ check.proof, check.proof_len } };
		err = stmt_run(store->db, &check_insert, &in, NULL, ctx);
	}
	return err ? err : master_key_first_in(store, ctx);
}

enum err
migrate_install_keys(struct store *store, struct errctx *ctx)
{
	struct audit_entry audit = { .event = "installation.create", .actor = "ctl" };

	return store_write(store, &audit, install_body, NULL, ctx);
}
