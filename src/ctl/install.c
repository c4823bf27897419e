/* SPDX-License-Identifier: Apache-2.0 */
/* baileectl init, migrate, accounts, config sample: from nothing to an installation. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/crypt.h"
#include "ctl/command.h"
#include "store/migrate.h"

/* The programs that have an account of their own in the database. */
static const struct {
	enum config_role role;
	const char *placeholder;
} accounts[] = {
	{ CONFIG_PUBLIC, "{public}" },
	{ CONFIG_API, "{api}" },
	{ CONFIG_RUNNER, "{runner}" },
};
#define N_ACCOUNTS (sizeof(accounts) / sizeof(accounts[0]))

enum err
ctl_config_sample(struct ctl *ctl, struct errctx *ctx)
{
	(void)ctl;
	(void)ctx;
	config_print_sample();
	return OK;
}

enum err
ctl_config_manual(struct ctl *ctl, struct errctx *ctx)
{
	(void)ctl;
	(void)ctx;
	config_print_manual();
	return OK;
}

static void
say_migrated(int version, const char *file)
{
	fprintf(stderr, "migrated to %d: %s\n", version, file);
}

enum err
ctl_migrate(struct ctl *ctl, struct errctx *ctx)
{
	int64_t version = 0;
	enum err err = migrate_run(&ctl->store, ctl->config.schema_dir, say_migrated, ctx);

	if (!err)
		err = migrate_version(&ctl->store, &version, ctx);
	if (err)
		return err;
	json_t *answer = json_object();
	json_put_int(answer, "schemaVersion", version);
	ctl_print(ctl, answer);
	return OK;
}

/* Make a random password for an account unless its file is there. */
static enum err
make_password(const char *path, struct errctx *ctx)
{
	unsigned char random[24];
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0400);

	if (fd < 0)
		return errno == EEXIST ? OK
				       : err_set(ctx, ERR_CONFIG, path, "cannot write %s: %s", path,
					     strerror(errno));
	crypt_random(random, sizeof(random));
	auto_wipe char *text = crypt_base64url(random, sizeof(random));
	size_t len = strlen(text);
	bool written = write(fd, text, len) == (ssize_t)len && fsync(fd) == 0;
	close(fd);
	return written ? OK : err_set(ctx, ERR_CONFIG, path, "cannot write %s", path);
}

static enum err
make_passwords(const struct ctl *ctl, struct errctx *ctx)
{
	enum err err = OK;

	for (size_t i = 0; i < N_ACCOUNTS && !err; i++) {
		struct config config;

		err = config_load(ctl->config_path, accounts[i].role, &config, ctx);
		if (!err && config.db_password_file[0])
			err = make_password(config.db_password_file, ctx);
	}
	return err;
}

/* New key files, or those of an init that did not get to its end: all or none may be there. All
 * four stand in one folder, under the names the vault gives them. */
static enum err
make_keys(const struct config *config, struct errctx *ctx)
{
	const char *paths[KEY_KIND_COUNT];
	auto_free char *copy = xstrdup(config->master_key_file);
	const char *dir = dirname(copy);
	int there = 0;

	ctl_key_paths(config, paths);
	for (int kind = 0; kind < KEY_KIND_COUNT; kind++) {
		there += access(paths[kind], F_OK) == 0;
		auto_free char *expected = xasprintf("%s/%s", dir, key_kinds[kind].file);

		if (strcmp(paths[kind], expected) != 0)
			return err_set(ctx, ERR_CONFIG, "",
			    "for init the key file %s must be configured as %s",
			    key_kinds[kind].name, expected);
	}
	enum err err = there == KEY_KIND_COUNT ? OK : keyring_create_files(dir, ctx);
	if (!err && config->destroyed_keys_file[0])
		err = keyring_create_destroyed(config->destroyed_keys_file, ctx);
	return err;
}

/* Keys first: a database that knows keys which no file holds would be worse than files that no
 * database knows. */
enum err
ctl_init(struct ctl *ctl, struct errctx *ctx)
{
	const struct config *config = &ctl->config;
	struct db *db = NULL;
	enum err err = db_open(config, &db, ctx);

	if (!err)
		err = db_ping(db, ctx);
	db_close(&db);
	if (!err)
		err = make_passwords(ctl, ctx);
	if (!err)
		err = make_keys(config, ctx);
	if (!err)
		err = ctl_open_store(ctl, ctx);
	if (!err)
		err = migrate_run(&ctl->store, config->schema_dir, say_migrated, ctx);
	if (!err)
		err = migrate_install_keys(&ctl->store, ctx);
	if (err)
		return err;
	const struct keyring *keyring = ctl->store.keyring;
	json_t *answer = json_object();
	json_put_text(answer, "masterKey", keyring_key_id(keyring, KEY_MASTER));
	json_put_text(answer, "signingKey", keyring_key_id(keyring, KEY_SIGNING));
	json_put_text(answer, "tokenKey", keyring_key_id(keyring, KEY_TOKEN));
	json_put_text(answer, "next",
	    "keep a copy of the key files apart from the database: without them nothing can be "
	    "opened");
	ctl_print(ctl, answer);
	return OK;
}

/* ---- accounts ---- */

struct account {
	char name[300]; /* 'user'@'host' */
	char *password;
};

static bool
is_plain(const char *text, const char *also)
{
	for (const char *c = text; *c; c++)
		if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
			(*c >= '0' && *c <= '9') || strchr(also, *c)))
			return false;
	return *text != '\0';
}

static enum err
read_password(const char *path, char **password_out, struct errctx *ctx)
{
	char text[200];
	FILE *file = fopen(path, "re");
	size_t n = file ? fread(text, 1, sizeof(text) - 1, file) : 0;

	if (file)
		fclose(file);
	text[n] = '\0';
	text[strcspn(text, "\r\n")] = '\0';
	if (!is_plain(text, "-_"))
		return err_set(ctx, ERR_CONFIG, "db_password_file",
		    "%s cannot be read or holds other characters than letters, digits, - and _",
		    path);
	*password_out = xstrdup(text);
	explicit_bzero(text, sizeof(text));
	return OK;
}

static enum err
load_account(const struct ctl *ctl, size_t i, struct account *account, struct errctx *ctx)
{
	const char *host = ctl_text(ctl, "host") ? ctl_text(ctl, "host") : "localhost";
	struct config config;
	enum err err = config_load(ctl->config_path, accounts[i].role, &config, ctx);

	if (err)
		return err;
	if (!is_plain(config.db_user, "_-") || !is_plain(host, ".:_%-/"))
		return err_set(ctx, ERR_CONFIG, "db_user",
		    "db_user of [%s] or --host is missing or holds odd characters",
		    config_role_names[accounts[i].role]);
	snprintf(account->name, sizeof(account->name), "'%.100s'@'%.100s'", config.db_user, host);
	return read_password(config.db_password_file, &account->password, ctx);
}

/* One line of schema/grants.sql with its placeholders replaced. */
static void
print_grant(const char *line, const struct account *list, const char *database)
{
	while (*line) {
		const char *with = NULL;
		size_t skip = 0;

		for (size_t i = 0; i < N_ACCOUNTS && !with; i++)
			if (strncmp(line, accounts[i].placeholder,
				strlen(accounts[i].placeholder)) == 0)
				with = list[i].name, skip = strlen(accounts[i].placeholder);
		if (!with && strncmp(line, "{database}", 10) == 0)
			with = database, skip = 10;
		if (with)
			fputs(with, stdout);
		else
			putchar(*line);
		line += with ? skip : 1;
	}
}

static enum err
print_grants(const struct ctl *ctl, const struct account *list, struct errctx *ctx)
{
	auto_free char *path = xasprintf("%s/grants.sql", ctl->config.schema_dir);
	char line[512];
	FILE *file = fopen(path, "re");

	if (!file)
		return err_set(ctx, ERR_CONFIG, "schema_dir", "cannot read %s: %s", path,
		    strerror(errno));
	while (fgets(line, sizeof(line), file))
		print_grant(line, list, ctl->config.db_name);
	fclose(file);
	return OK;
}

enum err
ctl_accounts(struct ctl *ctl, struct errctx *ctx)
{
	struct account list[N_ACCOUNTS] = { 0 };
	enum err err = is_plain(ctl->config.db_name, "_")
			   ? OK
			   : err_set(ctx, ERR_CONFIG, "db_name", "db_name holds odd characters");

	for (size_t i = 0; i < N_ACCOUNTS && !err; i++)
		err = load_account(ctl, i, &list[i], ctx);
	for (size_t i = 0; i < N_ACCOUNTS && !err; i++)
		printf("CREATE USER IF NOT EXISTS %s IDENTIFIED BY '%s';\nALTER USER %s IDENTIFIED "
		       "BY '%s';\n",
		    list[i].name, list[i].password, list[i].name, list[i].password);
	if (!err)
		err = print_grants(ctl, list, ctx);
	for (size_t i = 0; i < N_ACCOUNTS; i++)
		secret_wipe_text(&list[i].password);
	return err;
}
