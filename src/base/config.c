/* SPDX-License-Identifier: Apache-2.0 */
/* bailee.conf: one table of options, read with inih. */
#include "base/config.h"

#include <errno.h>
#include <ctype.h>
#include <ini.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const config_role_names[CONFIG_ROLE_COUNT] = {
	[CONFIG_PUBLIC] = "public",
	[CONFIG_API] = "api",
	[CONFIG_RUNNER] = "runner",
	[CONFIG_CTL] = "ctl",
};

#define P (1u << CONFIG_PUBLIC)
#define A (1u << CONFIG_API)
#define R (1u << CONFIG_RUNNER)
#define C (1u << CONFIG_CTL)
#define TEXT(field) #field, CONFIG_TYPE_TEXT, offsetof(struct config, field)
#define NUMBER(field) #field, CONFIG_TYPE_NUMBER, offsetof(struct config, field)

const struct config_option config_options[] = {
	{ TEXT(apps_dir), "/usr/local/share/bailee/apps", 0, 0, P | A | R | C,
	    "Folder of the app definitions that ship with Bailee." },
	{ TEXT(apps_extra_dir), "", 0, 0, P | A | R | C,
	    "Folder of the operator's own app definitions; they may not reuse a shipped name." },
	{ TEXT(aws_metadata_url), "http://169.254.169.254", 0, 0, R,
	    "Metadata service that AWS credentials of INSTANCE_PROFILE are had from; its address "
	    "must "
	    "be in egress_allow." },
	{ TEXT(aws_sts_url), "", 0, 0, R,
	    "Where roles of AWS are assumed; empty: the global endpoint of the role's partition." },
	{ NUMBER(body_limit), "262144", 1024, 8388608, P | A, "Largest request body in bytes." },
	{ TEXT(db_host), "", 0, 0, P | A | R | C, "Database host; empty: use db_socket." },
	{ TEXT(db_name), "bailee", 0, 0, P | A | R | C, "Database name." },
	{ TEXT(db_password_file), "", 0, 0, P | A | R | C,
	    "File holding the account's password, mode 0400; empty: no password." },
	{ NUMBER(db_port), "3306", 1, 65535, P | A | R | C, "Database port, with db_host." },
	{ TEXT(db_socket), "/run/mysqld/mysqld.sock", 0, 0, P | A | R | C,
	    "Database Unix socket, without db_host." },
	{ NUMBER(db_timeout_s), "10", 1, 300, P | A | R | C,
	    "Seconds to connect to, read from or write to the database before giving up." },
	{ TEXT(db_tls_ca), "", 0, 0, P | A | R | C,
	    "CA file that signs the database's certificate; set: TLS is required." },
	{ TEXT(db_user), "", 0, 0, P | A | R | C, "Database account; each program has its own." },
	{ TEXT(destroyed_keys_file), "", 0, 0, P | A | R | C,
	    "What the installation has signed about teams whose keys were destroyed; empty: the "
	    "database alone says so." },
	{ NUMBER(drain_s), "25", 1, 600, P | A | R,
	    "Seconds a stopping program gives to what is under way." },
	{ TEXT(egress_allow), "", 0, 0, R,
	    "Blocked addresses that may be called all the same: comma list of address, "
	    "address/bits or address:port." },
	{ TEXT(egress_ca_file), "", 0, 0, R, "CA bundle for outgoing TLS; empty: the system's." },
	{ TEXT(egress_proxy), "", 0, 0, R,
	    "HTTP proxy for every outgoing call; it must refuse private addresses itself." },
	{ TEXT(listen_socket), "", 0, 0, P | A,
	    "FastCGI socket; empty: inherited by socket activation." },
	{ TEXT(log_format), "text", 0, 0, P | A | R | C, "text (key=value) or json." },
	{ TEXT(log_level), "info", 0, 0, P | A | R | C, "debug, info, warn or error." },
	{ NUMBER(log_retention_days), "90", 1, 3650, R,
	    "Days that fetch logs and finished jobs are kept." },
	{ TEXT(mail_from), "", 0, 0, R,
	    "E-mail address that mail comes from, such as bailee@example.org." },
	{ TEXT(mail_password_file), "", 0, 0, R, "File holding the password of mail_user." },
	{ TEXT(mail_server), "", 0, 0, P | A | R | C,
	    "Where mail is handed in: smtp://host:port or smtps://host:port; empty: no mail is "
	    "sent. A private address must be in egress_allow." },
	{ TEXT(mail_starttls), "required", 0, 0, R,
	    "required: smtp:// must turn to TLS before anything is said; off: without TLS, for "
	    "a server on the same machine." },
	{ TEXT(mail_user), "", 0, 0, R, "Account at the mail server; empty: no login. Needs TLS." },
	{ TEXT(master_key_file), "", 0, 0, A | R | C,
	    "Master private key (mode 0400), with a second line while it is replaced; never on the "
	    "public pool." },
	{ TEXT(openapi_file), "/usr/local/share/bailee/docs/openapi/schemas.json", 0, 0, A,
	    "Schemas of bodies and answers, from which the OpenAPI document is made." },
	{ TEXT(public_url), "http://127.0.0.1:8080", 0, 0, P | A | R | C,
	    "Where people and clients reach this installation, without a slash at the end." },
	{ NUMBER(request_expiry_days), "30", 1, 365, A,
	    "Days until a credential request expires." },
	{ NUMBER(request_limit_s), "60", 2, 600, P | A,
	    "A worker busy with one request for longer is ended and replaced." },
	{ TEXT(runner_doorbell), "", 0, 0, P | A | R,
	    "Unix socket by which the pools tell a runner of this host that there is work; "
	    "runner_poll_ms may be 100 then." },
	{ NUMBER(runner_in_flight), "384", 1, 4096, R,
	    "Jobs one runner has under way at most; one team has three quarters of them at most." },
	{ NUMBER(runner_lease_s), "60", 5, 3600, R,
	    "Seconds a runner owns a job without renewing." },
	{ NUMBER(runner_poll_ms), "20", 1, 10000, R,
	    "Milliseconds between looks at an idle queue." },
	{ TEXT(schema_dir), "/usr/local/share/bailee/schema", 0, 0, C,
	    "Folder of the schema migrations." },
	{ TEXT(signing_key_file), "", 0, 0, C,
	    "Installation signing key (mode 0400); only baileectl reads it." },
	{ TEXT(signing_public_file), "", 0, 0, P | A | R | C,
	    "Public half of the installation signing key." },
	{ TEXT(token_key_file), "", 0, 0, A | C, "Key of the API token digests (mode 0400)." },
	{ TEXT(user), "", 0, 0, P | A | R, "Unix user to become when started by root." },
	{ NUMBER(wait_default_s), "10", 0, 60, P | A,
	    "Seconds a caller waits for a job's result at most." },
	{ NUMBER(worker_max_requests), "100000", 1, 100000000, P | A,
	    "Requests after which a worker is replaced." },
	{ NUMBER(workers), "4", 1, 512, P | A, "Worker processes of the pool." },
	{ 0 },
};

/* Texts that may be one of a few words only. */
static const struct {
	const char *option;
	const char *words[5];
} choices[] = {
	{ "log_format", { "text", "json" } },
	{ "log_level", { "debug", "info", "warn", "error" } },
	{ "mail_starttls", { "required", "off" } },
};

static bool
is_choice(const char *option, const char *value)
{
	for (size_t i = 0; i < sizeof(choices) / sizeof(choices[0]); i++) {
		if (strcmp(choices[i].option, option) != 0)
			continue;
		for (const char *const *word = choices[i].words; *word; word++)
			if (strcmp(*word, value) == 0)
				return true;
		return false;
	}
	return true;
}

static const struct config_option *
option_find(const char *name)
{
	for (const struct config_option *option = config_options; option->name; option++)
		if (strcmp(option->name, name) == 0)
			return option;
	return NULL;
}

static enum err
option_set(const struct config_option *option, const char *value, struct config *config,
    struct errctx *ctx)
{
	char *field = (char *)config + option->offset;

	if (option->type == CONFIG_TYPE_TEXT) {
		if (strlen(value) >= CONFIG_TEXT)
			return err_set(ctx, ERR_CONFIG, option->name,
			    "%s is longer than %d characters", option->name, CONFIG_TEXT - 1);
		if (!is_choice(option->name, value))
			return err_set(ctx, ERR_CONFIG, option->name, "%s cannot be \"%s\": %s",
			    option->name, value, option->doc);
		memcpy(field, value, strlen(value) + 1);
		return OK;
	}
	char *end;
	errno = 0;
	long long number = strtoll(value, &end, 10);
	if (errno || end == value || *end || number < option->least || number > option->most)
		return err_set(ctx, ERR_CONFIG, option->name,
		    "%s must be a number from %lld to %lld, not \"%s\"", option->name,
		    (long long)option->least, (long long)option->most, value);
	memcpy(field, &(int64_t){ number }, sizeof(int64_t));
	return OK;
}

struct reading {
	struct config *config;
	struct errctx *ctx;
};

static bool
section_known(const char *section)
{
	if (strcmp(section, "common") == 0)
		return true;
	for (int i = 0; i < CONFIG_ROLE_COUNT; i++)
		if (strcmp(section, config_role_names[i]) == 0)
			return true;
	return false;
}

/* inih's callback: 0 stops with this line's number. Sections of other programs are checked, not
 * taken. */
static int
take_line(void *user, const char *section, const char *name, const char *value)
{
	struct reading *reading = user;
	const struct config_option *option = option_find(name);
	struct config ignored;

	if (!section_known(section)) {
		err_set(reading->ctx, ERR_CONFIG, section, "unknown section [%s]", section);
		return 0;
	}
	if (!option) {
		err_set(reading->ctx, ERR_CONFIG, name, "unknown option \"%s\"", name);
		return 0;
	}
	bool ours = strcmp(section, "common") == 0 ||
		    strcmp(section, config_role_names[reading->config->role]) == 0;
	return option_set(option, value, ours ? reading->config : &ignored, reading->ctx) == OK;
}

static enum err
take_environment(struct config *config, struct errctx *ctx)
{
	for (const struct config_option *option = config_options; option->name; option++) {
		char name[64] = "BAILEE_";
		size_t at = strlen(name);

		for (const char *c = option->name; *c && at + 1 < sizeof(name); c++)
			name[at++] = (char)toupper((unsigned char)*c);
		name[at] = '\0';
		const char *value = getenv(name);
		if (!value)
			continue;
		enum err err = option_set(option, value, config, ctx);
		if (err)
			return err;
	}
	return OK;
}

/* Rules between options. */
static enum err
check_together(const struct config *config, struct errctx *ctx)
{
	if ((config->role != CONFIG_API && config->role != CONFIG_PUBLIC) ||
	    config->wait_default_s < config->request_limit_s)
		return OK;
	return err_set(ctx, ERR_CONFIG, "wait_default_s",
	    "wait_default_s (%lld) must be less than request_limit_s (%lld): a worker that waits "
	    "would be taken for a stuck one",
	    (long long)config->wait_default_s, (long long)config->request_limit_s);
}

enum err
config_load(const char *path, enum config_role role, struct config *config_out, struct errctx *ctx)
{
	struct config config = { .role = role };
	struct errctx inner = { 0 };
	struct reading reading = { &config, &inner };
	enum err err;

	for (const struct config_option *option = config_options; option->name; option++)
		if ((err = option_set(option, option->initial, &config, ctx)))
			return err;
	int line = ini_parse(path, take_line, &reading);
	if (line < 0)
		return err_set(ctx, ERR_CONFIG, path, "cannot read %s: %s", path, strerror(errno));
	if (line > 0)
		return err_set(ctx, ERR_CONFIG, path, "%s, line %d: %s", path, line,
		    inner.n_sub ? inner.sub[0].text : "not of the form name = value");
	if ((err = take_environment(&config, ctx)) || (err = check_together(&config, ctx)))
		return err;
	size_t len = strlen(config.public_url);
	if (len && config.public_url[len - 1] == '/')
		config.public_url[len - 1] = '\0';
	*config_out = config;
	return OK;
}

enum log_level
config_log_level(const struct config *config)
{
	static const char *const names[] = { "debug", "info", "warn", "error" };

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(config->log_level, names[i]) == 0)
			return (enum log_level)i;
	return LOG_INFO;
}

void
config_print_sample(void)
{
	puts("# bailee.conf: [common] is read by every program, the other sections by one "
	     "each.\n[common]");
	for (const struct config_option *option = config_options; option->name; option++) {
		printf("\n# %s\n# read by:", option->doc);
		for (int i = 0; i < CONFIG_ROLE_COUNT; i++)
			if (option->roles & (1u << i))
				printf(" %s", config_role_names[i]);
		if (option->type == CONFIG_TYPE_NUMBER)
			printf("; %lld to %lld", (long long)option->least, (long long)option->most);
		printf("\n#%s = %s\n", option->name, option->initial);
	}
}

void
config_print_manual(void)
{
	puts("# Configuration\n\nMade by `baileectl config manual` from the table in "
	     "`src/base/config.c`.\n\n"
	     "One INI file, `/etc/bailee/bailee.conf` unless `--config` says otherwise. Every "
	     "program reads `[common]` and its own section\n"
	     "(`[public]`, `[api]`, `[runner]`, `[ctl]`); an environment variable `BAILEE_<NAME>` "
	     "in capitals wins over both. An unknown option or\n"
	     "section, or a value out of range, is refused at start with its line.\n\n"
	     "| option | default | range | read by | meaning |\n|---|---|---|---|---|");
	for (const struct config_option *option = config_options; option->name; option++) {
		printf("| `%s` | %s%s%s |", option->name, *option->initial ? "`" : "",
		    option->initial, *option->initial ? "`" : "");
		if (option->type == CONFIG_TYPE_NUMBER)
			printf(" %lld to %lld |", (long long)option->least,
			    (long long)option->most);
		else
			printf(" |");
		for (int i = 0; i < CONFIG_ROLE_COUNT; i++)
			if (option->roles & (1u << i))
				printf(" %s", config_role_names[i]);
		printf(" | %s |\n", option->doc);
	}
}
