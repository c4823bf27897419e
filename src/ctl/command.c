/* SPDX-License-Identifier: Apache-2.0 */
/* baileectl's table of commands, and reading a command line by it. */
#include "ctl/command.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/secret.h"

#define ID                                                                                         \
	{                                                                                          \
		"id", CTL_NUMBER, true, "its number"                                               \
	}
#define NAME                                                                                       \
	{                                                                                          \
		"name", CTL_TEXT, true, "shown to people, 1 to 255 characters"                     \
	}
#define TEAM                                                                                       \
	{                                                                                          \
		"team", CTL_NUMBER, true, "number of the team"                                     \
	}
#define USER                                                                                       \
	{                                                                                          \
		"user", CTL_NUMBER, true, "number of the user"                                     \
	}

#define AUDIT_OPTIONS                                                                              \
	{ "event", CTL_TEXT, false, "such as credential.use" },                                    \
	    { "subject", CTL_TEXT, false, "about this thing: its id" },                            \
	    { "team", CTL_NUMBER, false, "of this team only" },                                    \
	    { "since", CTL_TEXT, false, "from this time on, such as 2026-01-31T00:00:00Z" },       \
	{                                                                                          \
		"until", CTL_TEXT, false, "before this time"                                       \
	}

const struct command ctl_commands[] = {
	{ "init", "", CTL_CONFIG, { { 0 } },
	    "Make key files, passwords of the accounts, schema and check values. Once per "
	    "installation.",
	    ctl_init },
	{ "migrate", "", CTL_DATABASE, { { 0 } }, "Bring the database to this version's schema.",
	    ctl_migrate },
	{ "accounts", "", CTL_CONFIG,
	    { { "host", CTL_TEXT, false, "host part of the accounts (localhost)" } },
	    "Print the SQL that makes the accounts of the pools and the runner, for `mariadb`.",
	    ctl_accounts },
	{ "doctor", "", CTL_CONFIG, { { 0 } },
	    "Check configuration, keys, database, schema and runners, and say what to do.",
	    ctl_doctor },
	{ "config", "sample", CTL_NOTHING, { { 0 } },
	    "Print a commented configuration file with every option.", ctl_config_sample },
	{ "config", "manual", CTL_NOTHING, { { 0 } }, "Print docs/CONFIG.md.", ctl_config_manual },
	{ "org", "add", CTL_CHECKED, { NAME }, "Add an organization.", ctl_org_add },
	{ "org", "list", CTL_DATABASE, { { 0 } }, "List organizations.", ctl_thing_list },
	{ "org", "remove", CTL_CHECKED, { ID }, "Remove an organization without teams.",
	    ctl_thing_remove },
	{ "user", "add", CTL_CHECKED, { { "email", CTL_TEXT, true, "e-mail address" }, NAME },
	    "Add a user.", ctl_user_add },
	{ "user", "list", CTL_DATABASE, { { 0 } }, "List users.", ctl_thing_list },
	{ "user", "remove", CTL_CHECKED, { ID }, "Remove a user that nothing refers to.",
	    ctl_thing_remove },
	{ "team", "add", CTL_CHECKED,
	    { { "organization", CTL_NUMBER, true, "number of the organization" }, NAME },
	    "Add a team and its key pair.", ctl_team_add },
	{ "team", "list", CTL_DATABASE, { { 0 } }, "List teams.", ctl_thing_list },
	{ "team", "remove", CTL_CHECKED, { ID }, "Remove an empty team and its keys.",
	    ctl_thing_remove },
	{ "team", "set-platform", CTL_CHECKED,
	    { TEAM, { "kind", CTL_TEXT, true, "local: in Bailee; make: in a zone of Make" },
		{ "base-url", CTL_TEXT, false, "of its API, such as https://eu1.make.com/api/v2" },
		{ "remote-team", CTL_NUMBER, false, "number of the team there" },
		{ "token-file", CTL_TEXT, false, "file with an API token; - for standard input" } },
	    "Say where keys and connections of a team are made, tested and deleted.",
	    ctl_team_set_platform },
	{ "team", "show-platform", CTL_DATABASE, { TEAM },
	    "Show where keys and connections of a team live.", ctl_team_show_platform },
	{ "member", "add", CTL_CHECKED, { TEAM, USER }, "Let a user act for a team.",
	    ctl_member_add },
	{ "member", "list", CTL_DATABASE, { { 0 } }, "List who belongs to which team.",
	    ctl_thing_list },
	{ "member", "remove", CTL_CHECKED, { TEAM, USER }, "End a membership.", ctl_member_remove },
	{ "token", "create", CTL_CHECKED,
	    { USER, NAME,
		{ "scopes", CTL_TEXT, true,
		    "comma list such as keys:read,user-credentials:use; or all" },
		{ "expires-days", CTL_NUMBER, false, "days until it expires (365; 0: never)" } },
	    "Make an API token and print it, this once.", ctl_token_create },
	{ "token", "list", CTL_DATABASE, { { 0 } },
	    "List API tokens; the tokens themselves are nowhere.", ctl_thing_list },
	{ "token", "revoke", CTL_CHECKED,
	    { { "id", CTL_TEXT, true, "public id: the 12 characters after bl_" } },
	    "Refuse a token from now on.", ctl_token_revoke },
	{ "app", "list", CTL_CONFIG, { { 0 } }, "List the apps that credentials can be asked for.",
	    ctl_app_list },
	{ "app", "show", CTL_CONFIG,
	    { { "NAME", CTL_ALONE, true, "of the app" },
		{ "version", CTL_TEXT, false, "its version (latest)" } },
	    "Print the definition of an app.", ctl_app_show },
	{ "app", "check", CTL_CONFIG, { { "FILE", CTL_ALONE, true, "an app definition" } },
	    "Say what is wrong in a definition before it goes into apps_extra_dir.",
	    ctl_app_check },
	{ "app", "set-client", CTL_CHECKED,
	    { { "app", CTL_TEXT, true, "name of the app" },
		{ "type", CTL_TEXT, true, "its connection type" },
		{ "client-id", CTL_TEXT, true, "as the provider issued it" },
		{ "client-secret-file", CTL_TEXT, false,
		    "file with the secret, or -; none: a public client" },
		{ "host", CTL_TEXT, false, "where it is registered, if a field says so" },
		{ "organization", CTL_NUMBER, false, "for this one only (all)" } },
	    "Register the OAuth client that connections of a type use.", ctl_app_set_client },
	{ "app", "redirect-uri", CTL_CHECKED,
	    { { "TYPE", CTL_ALONE, true, "a connection type with OAuth" },
		{ "organization", CTL_NUMBER, false, "for this one only (all)" } },
	    "Print the redirect URI that a provider must be told; it stays for good.",
	    ctl_app_redirect_uri },
	{ "app", "clients", CTL_DATABASE, { { 0 } }, "List client registrations, without secrets.",
	    ctl_app_clients },
	{ "app", "schema", CTL_NOTHING, { { 0 } }, "Print docs/app.schema.json.", ctl_app_schema },
	{ "app", "manual", CTL_NOTHING, { { 0 } }, "Print the reference of docs/APPS.md.",
	    ctl_app_manual },
	{ "formula", "eval", CTL_NOTHING,
	    { { "EXPRESSION", CTL_ALONE, false, "the formula" },
		{ "file", CTL_TEXT, false, "file with it instead, or -" },
		{ "json", CTL_TEXT, false, "file with an object whose members it sees, or -" },
		{ "text", CTL_FLAG, false, "it is a string with <<formulas>>; print it as text" } },
	    "Work out a formula and print what it gives, as JSON.", ctl_formula_eval },
	{ "formula", "manual", CTL_NOTHING, { { 0 } }, "Print the functions of docs/FORMULAS.md.",
	    ctl_formula_manual },
	{ "request", "list", CTL_DATABASE,
	    { { "team", CTL_NUMBER, false, "of this team only" },
		{ "status", CTL_TEXT, false, "pending, authorized, declined, ..." },
		{ "limit", CTL_NUMBER, false, "how many (50, at most 1000)" } },
	    "List credential requests, newest first.", ctl_request_list },
	{ "request", "show", CTL_DATABASE, { { "id", CTL_TEXT, true, "of the request" } },
	    "Show one request and what became of its credentials.", ctl_request_show },
	{ "request", "resend", CTL_CHECKED, { { "id", CTL_TEXT, true, "of the request" } },
	    "Make a new link, print it this once and mail it; the old one ends.",
	    ctl_request_resend },
	{ "credential", "list", CTL_DATABASE,
	    { { "team", CTL_NUMBER, false, "of this team only" },
		{ "limit", CTL_NUMBER, false, "how many (50, at most 1000)" } },
	    "List the credentials that automations use, without what they hold.",
	    ctl_credential_list },
	{ "credential", "show", CTL_DATABASE,
	    { { "id", CTL_TEXT, true,
		"its number, or the id of one that a request has asked for" } },
	    "Show one credential, without what it holds.", ctl_credential_show },
	{ "jobs", "list", CTL_DATABASE,
	    { { "state", CTL_TEXT, false, "queued, running, done, failed or dead" },
		{ "limit", CTL_NUMBER, false, "how many (50)" } },
	    "List jobs, newest first.", ctl_jobs_list },
	{ "jobs", "show", CTL_DATABASE, { ID }, "Show one job.", ctl_jobs_show },
	{ "jobs", "retry", CTL_CHECKED, { ID }, "Put a failed or dead job back into the queue.",
	    ctl_jobs_retry },
	{ "jobs", "cancel", CTL_CHECKED, { ID }, "Call off a job that waits or runs.",
	    ctl_jobs_cancel },
	{ "keys", "status", CTL_DATABASE, { { "team", CTL_NUMBER, false, "of this team only" } },
	    "List the keys of the installation and of the teams, by id and generation, and how "
	    "many values need each.",
	    ctl_keys_status },
	{ "keys", "rotate", CTL_CHECKED,
	    { { "WHAT", CTL_ALONE, true, "team or master" },
		{ "team", CTL_NUMBER, false, "number of the team" },
		{ "begin", CTL_FLAG, false, "master: make the next key and announce it" },
		{ "finish", CTL_FLAG, false,
		    "master: use it when all processes hold it, retire the old one" },
		{ "cancel", CTL_FLAG, false, "master: forget a key that is not in use yet" } },
	    "Give a team a new key pair, or replace the installation's master key; what was sealed "
	    "before is sealed again, and the old key retired.",
	    ctl_keys_rotate },
	{ "keys", "holders", CTL_DATABASE, { { 0 } },
	    "List the processes with private keys, and which master keys each of them holds.",
	    ctl_keys_holders },
	{ "keys", "destroy", CTL_CHECKED,
	    { { "WHAT", CTL_ALONE, true, "team" },
		{ "team", CTL_NUMBER, false, "number of the team" },
		{ "confirm", CTL_TEXT, false, "the team's name, exactly" } },
	    "Make what a team has sealed unreadable for good.", ctl_keys_destroy },
	{ "audit", "list", CTL_DATABASE,
	    { AUDIT_OPTIONS, { "limit", CTL_NUMBER, false, "how many (50, at most 1000)" } },
	    "List who did what, newest first.", ctl_audit_list },
	{ "audit", "export", CTL_DATABASE, { AUDIT_OPTIONS },
	    "Print the audit trail, oldest first, a line of JSON each.", ctl_audit_export },
	{ "audit", "prune", CTL_DATABASE,
	    { { "before", CTL_TEXT, true, "such as 2026-01-31T00:00:00Z; a day ago or longer" } },
	    "Delete the old end of the audit trail; export it first.", ctl_audit_prune },
	{ 0 },
};

static size_t
option_at(const struct command *command, const char *name)
{
	for (size_t i = 0; i < CTL_OPTIONS_MAX && command->options[i].name; i++)
		if (strcmp(command->options[i].name, name) == 0)
			return i;
	return CTL_OPTIONS_MAX;
}

/* The one that a word without dashes is for. */
static size_t
option_alone(const struct command *command)
{
	for (size_t i = 0; i < CTL_OPTIONS_MAX && command->options[i].name; i++)
		if (command->options[i].kind == CTL_ALONE)
			return i;
	return option_at(command, "id");
}

const char *
ctl_text(const struct ctl *ctl, const char *name)
{
	size_t at = option_at(ctl->command, name);

	assert(at < CTL_OPTIONS_MAX);
	return ctl->values[at];
}

int64_t
ctl_number(const struct ctl *ctl, const char *name, int64_t otherwise)
{
	const char *text = ctl_text(ctl, name);

	return text ? strtoll(text, NULL, 10) : otherwise; /* take_option() has checked it */
}

bool
ctl_flag(const struct ctl *ctl, const char *name)
{
	return ctl_text(ctl, name) != NULL;
}

static void
print_option(FILE *out, const struct ctl_option *option)
{
	if (option->kind == CTL_ALONE)
		fprintf(out, " %s", option->name);
	else if (option->kind == CTL_FLAG)
		fprintf(out, " [--%s]", option->name);
	else
		fprintf(out, option->required ? " --%s %s" : " [--%s %s]", option->name,
		    option->kind == CTL_NUMBER ? "N" : "TEXT");
}

static void
print_command(FILE *out, const struct command *command)
{
	fprintf(out, "  baileectl %s%s%s", command->group, command->verb[0] ? " " : "",
	    command->verb);
	for (const struct ctl_option *option = command->options; option->name; option++)
		print_option(out, option);
	fprintf(out, "\n      %s\n", command->doc);
	for (const struct ctl_option *option = command->options; option->name; option++)
		fprintf(out, "        %s%-14s %s\n", option->kind == CTL_ALONE ? "  " : "--",
		    option->name, option->doc);
}

/* All commands, or those of a group. */
static int
print_help(FILE *out, const char *group, int status)
{
	fputs("usage: baileectl [--config FILE] [--json] COMMAND [OPTIONS]\n\n", out);
	for (const struct command *command = ctl_commands; command->group; command++)
		if (!group || strcmp(group, command->group) == 0)
			print_command(out, command);
	fputs("\nExit status: 0 done, 1 failed, 2 wrong usage.\n", out);
	return status;
}

static enum err
take_option(struct ctl *ctl, size_t at, const char *value, struct errctx *ctx)
{
	const struct ctl_option *option = &ctl->command->options[at];
	char *end;

	if (!value)
		return err_set(ctx, ERR_USAGE, option->name, "--%s needs a value", option->name);
	if (ctl->values[at])
		return err_set(ctx, ERR_USAGE, option->name, "--%s stands twice", option->name);
	errno = 0;
	if (option->kind == CTL_NUMBER &&
	    (strtoll(value, &end, 10) < 0 || *end || end == value || errno))
		return err_set(ctx, ERR_USAGE, option->name, "--%s must be a number", option->name);
	ctl->values[at] = value;
	return OK;
}

/* One argument and perhaps its value; `*i` moves on. */
static enum err
take_argument(struct ctl *ctl, int argc, char **argv, int *i, struct errctx *ctx)
{
	const char *word = argv[*i];

	bool own_json = ctl->command && option_at(ctl->command, "json") < CTL_OPTIONS_MAX;

	if (strcmp(word, "--json") == 0 && !own_json)
		return ctl->json = true, OK;
	if (strcmp(word, "--config") == 0) {
		if (*i + 1 >= argc)
			return err_set(ctx, ERR_USAGE, "config", "--config needs a file");
		ctl->config_path = argv[++*i];
		return OK;
	}
	if (strncmp(word, "--", 2) != 0) {
		size_t id = option_alone(ctl->command);
		return id < CTL_OPTIONS_MAX
			   ? take_option(ctl, id, word, ctx)
			   : err_set(ctx, ERR_USAGE, "", "nothing is known about \"%s\"", word);
	}
	size_t at = option_at(ctl->command, word + 2);
	if (at == CTL_OPTIONS_MAX)
		return err_set(ctx, ERR_USAGE, "", "unknown option %s", word);
	if (ctl->command->options[at].kind == CTL_FLAG)
		return take_option(ctl, at, "yes", ctx);
	return take_option(ctl, at, *i + 1 < argc ? argv[++*i] : NULL, ctx);
}

static const struct command *
find_command(const char *group, const char *verb)
{
	for (const struct command *command = ctl_commands; command->group; command++)
		if (strcmp(group, command->group) == 0 &&
		    (!command->verb[0] || (verb && strcmp(verb, command->verb) == 0)))
			return command;
	return NULL;
}

static bool
group_exists(const char *group)
{
	for (const struct command *command = ctl_commands; command->group; command++)
		if (strcmp(group, command->group) == 0)
			return true;
	return false;
}

static enum err
parse(struct ctl *ctl, int argc, char **argv, struct errctx *ctx)
{
	int i = 1;
	enum err err = OK;

	while (i < argc && (strcmp(argv[i], "--json") == 0 || strcmp(argv[i], "--config") == 0)) {
		if ((err = take_argument(ctl, argc, argv, &i, ctx)))
			return err;
		i++;
	}
	ctl->command = i < argc ? find_command(argv[i], i + 1 < argc ? argv[i + 1] : NULL) : NULL;
	if (!ctl->command && i < argc && group_exists(argv[i]))
		return err_set(ctx, ERR_USAGE, argv[i], "%s needs one of the verbs below", argv[i]);
	if (!ctl->command)
		return err_set(ctx, ERR_USAGE, "", "%s%s",
		    i < argc ? "no such command: " : "name a command", i < argc ? argv[i] : "");
	for (i += ctl->command->verb[0] ? 2 : 1; i < argc && !err; i++)
		err = take_argument(ctl, argc, argv, &i, ctx);
	for (size_t at = 0; at < CTL_OPTIONS_MAX && ctl->command->options[at].name && !err; at++)
		if (ctl->command->options[at].required && !ctl->values[at])
			err = err_set(ctx, ERR_USAGE, "", "%s%s is missing",
			    ctl->command->options[at].kind == CTL_ALONE ? "" : "--",
			    ctl->command->options[at].name);
	return err;
}

void
ctl_key_paths(const struct config *config, const char *paths_out[KEY_KIND_COUNT])
{
	paths_out[KEY_MASTER] = config->master_key_file;
	paths_out[KEY_SIGNING] = config->signing_key_file;
	paths_out[KEY_SIGNING_PUBLIC] = config->signing_public_file;
	paths_out[KEY_TOKEN] = config->token_key_file;
}

enum err
ctl_open_store(struct ctl *ctl, struct errctx *ctx)
{
	const char *paths[KEY_KIND_COUNT];
	struct keyring *keyring = NULL;
	struct db *db = NULL;

	ctl_key_paths(&ctl->config, paths);
	enum err err = keyring_load(paths, &keyring, ctx);
	if (!err && access(ctl->config.destroyed_keys_file, F_OK) == 0)
		err = keyring_load_destroyed(keyring, ctl->config.destroyed_keys_file, ctx);
	if (!err)
		err = db_open(&ctl->config, &db, ctx);
	if (err) {
		keyring_free(&keyring);
		return err;
	}
	store_init(&ctl->store, db, keyring);
	ctl->store.mails = ctl->config.mail_server[0] != '\0';
	return OK;
}

static enum err
prepare_and_run(struct ctl *ctl, struct errctx *ctx)
{
	enum err err = OK;

	if (ctl->command->need >= CTL_CONFIG)
		err = config_load(ctl->config_path, CONFIG_CTL, &ctl->config, ctx);
	if (!err && ctl->command->need >= CTL_CONFIG)
		log_setup("baileectl", LOG_WARN, strcmp(ctl->config.log_format, "json") == 0);
	if (!err && ctl->command->need >= CTL_DATABASE)
		err = ctl_open_store(ctl, ctx);
	if (!err && ctl->command->need >= CTL_CHECKED)
		err = store_check(&ctl->store, ctx);
	return err ? err : ctl->command->run(ctl, ctx);
}

/* Whether help is asked for, and with which group: NULL for all. */
static bool
wants_help(int argc, char **argv, const char **group_out)
{
	const char *group = NULL;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "help") == 0) {
			*group_out = group;
			return true;
		}
		if (!group && group_exists(argv[i]))
			group = argv[i];
	}
	return false;
}

int
ctl_main(int argc, char **argv)
{
	struct ctl ctl = { .config_path = CONFIG_PATH };
	struct errctx ctx = { 0 };
	const char *group;

	if (wants_help(argc, argv, &group))
		return print_help(stdout, group, 0);
	if (argc == 2 && strcmp(argv[1], "--version") == 0)
		return puts("baileectl " BAILEE_VERSION), 0;
	if (parse(&ctl, argc, argv, &ctx)) {
		fprintf(stderr, "baileectl: %s\n", err_text(&ctx));
		if (ctl.command)
			print_command(stderr, ctl.command);
		else if (ctx.sub[0].path[0])
			print_help(stderr, ctx.sub[0].path, 2);
		else
			fputs("Try: baileectl --help\n", stderr);
		return 2;
	}
	secret_json_allocator();
	if (secret_heap_init(1u << 16))
		log_debug(LOG_EVENT("memory_not_locked"));
	enum err err = prepare_and_run(&ctl, &ctx);
	if (err)
		fprintf(stderr, "baileectl: %s\n", err_text(&ctx));
	store_close(&ctl.store);
	return err == ERR_USAGE ? 2 : err ? 1 : 0;
}
