/* SPDX-License-Identifier: Apache-2.0 */
/* baileectl's commands: one table, one way to read options, one way to print. */
#ifndef BAILEE_CTL_COMMAND_H
#define BAILEE_CTL_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

#include "base/config.h"
#include "base/error.h"
#include "base/json.h"
#include "store/store.h"

#define CTL_OPTIONS_MAX 8

enum ctl_kind {
	CTL_TEXT,
	CTL_NUMBER,
	CTL_FLAG,
	CTL_ALONE /* text that stands by itself; named in capitals */
};

struct ctl_option {
	const char *name; /* without dashes; NULL ends the list. The one named "id" may also stand
			     alone, without --id */
	enum ctl_kind kind;
	bool required;
	const char *doc;
};

/* What must be there before a command runs; each includes the ones before. */
enum ctl_need { CTL_NOTHING, CTL_CONFIG, CTL_DATABASE, CTL_CHECKED };

struct ctl {
	const char *config_path;
	struct config config;
	struct store store;
	bool json;
	const struct command *command;
	const char *values[CTL_OPTIONS_MAX]; /* as the command's options stand */
};

struct command {
	const char *group, *verb; /* verb "": the group is the whole command */
	enum ctl_need need;
	struct ctl_option options[CTL_OPTIONS_MAX];
	const char *doc;
	enum err (*run)(struct ctl *ctl, struct errctx *ctx);
};
/* Every command; ended by a row without a group. Tests and the manual walk it. */
extern const struct command ctl_commands[];

/* Value of an option of the running command. Text: NULL when not given. Number: `otherwise` when
 * not given. */
const char *ctl_text(const struct ctl *ctl, const char *name);
int64_t ctl_number(const struct ctl *ctl, const char *name, int64_t otherwise);
bool ctl_flag(const struct ctl *ctl, const char *name);

/* Print an object or an array of objects: as JSON with --json, else as lines or as a table. Steals
 * `value`. */
void ctl_print(const struct ctl *ctl, json_t *value);

/* main() of baileectl: exit status 0, 1 (failed) or 2 (usage). */
int ctl_main(int argc, char **argv);

/* The four key files of the configuration, by kind. */
void ctl_key_paths(const struct config *config, const char *paths_out[KEY_KIND_COUNT]);
/* Load the keys and open ctl->store; ctl_main() closes it. */
enum err ctl_open_store(struct ctl *ctl, struct errctx *ctx) MUSTCHECK;

/* `keys rotate master`: one of its three steps. */
enum err ctl_master_rotate(struct ctl *ctl, struct errctx *ctx) MUSTCHECK;

/* The commands, by file. */
enum err ctl_init(struct ctl *ctl, struct errctx *ctx);
enum err ctl_migrate(struct ctl *ctl, struct errctx *ctx);
enum err ctl_accounts(struct ctl *ctl, struct errctx *ctx);
enum err ctl_config_sample(struct ctl *ctl, struct errctx *ctx);
enum err ctl_config_manual(struct ctl *ctl, struct errctx *ctx);
enum err ctl_doctor(struct ctl *ctl, struct errctx *ctx);
enum err ctl_org_add(struct ctl *ctl, struct errctx *ctx);
enum err ctl_user_add(struct ctl *ctl, struct errctx *ctx);
enum err ctl_team_add(struct ctl *ctl, struct errctx *ctx);
enum err ctl_team_set_platform(struct ctl *ctl, struct errctx *ctx);
enum err ctl_team_show_platform(struct ctl *ctl, struct errctx *ctx);
enum err ctl_member_add(struct ctl *ctl, struct errctx *ctx);
enum err ctl_member_remove(struct ctl *ctl, struct errctx *ctx);
enum err ctl_token_create(struct ctl *ctl, struct errctx *ctx);
enum err ctl_token_revoke(struct ctl *ctl, struct errctx *ctx);
enum err ctl_thing_list(struct ctl *ctl, struct errctx *ctx);
enum err ctl_thing_remove(struct ctl *ctl, struct errctx *ctx);
enum err ctl_app_set_client(struct ctl *ctl, struct errctx *ctx);
enum err ctl_app_redirect_uri(struct ctl *ctl, struct errctx *ctx);
enum err ctl_app_clients(struct ctl *ctl, struct errctx *ctx);
enum err ctl_app_list(struct ctl *ctl, struct errctx *ctx);
enum err ctl_app_show(struct ctl *ctl, struct errctx *ctx);
enum err ctl_app_check(struct ctl *ctl, struct errctx *ctx);
enum err ctl_app_schema(struct ctl *ctl, struct errctx *ctx);
enum err ctl_app_manual(struct ctl *ctl, struct errctx *ctx);
enum err ctl_formula_eval(struct ctl *ctl, struct errctx *ctx);
enum err ctl_formula_manual(struct ctl *ctl, struct errctx *ctx);
enum err ctl_request_list(struct ctl *ctl, struct errctx *ctx);
enum err ctl_request_show(struct ctl *ctl, struct errctx *ctx);
enum err ctl_request_resend(struct ctl *ctl, struct errctx *ctx);
enum err ctl_jobs_list(struct ctl *ctl, struct errctx *ctx);
enum err ctl_jobs_show(struct ctl *ctl, struct errctx *ctx);
enum err ctl_jobs_retry(struct ctl *ctl, struct errctx *ctx);
enum err ctl_jobs_cancel(struct ctl *ctl, struct errctx *ctx);
enum err ctl_credential_list(struct ctl *ctl, struct errctx *ctx);
enum err ctl_credential_show(struct ctl *ctl, struct errctx *ctx);
enum err ctl_keys_status(struct ctl *ctl, struct errctx *ctx);
enum err ctl_keys_destroy(struct ctl *ctl, struct errctx *ctx);
enum err ctl_keys_rotate(struct ctl *ctl, struct errctx *ctx);
enum err ctl_keys_holders(struct ctl *ctl, struct errctx *ctx);
enum err ctl_audit_list(struct ctl *ctl, struct errctx *ctx);
enum err ctl_audit_export(struct ctl *ctl, struct errctx *ctx);
enum err ctl_audit_prune(struct ctl *ctl, struct errctx *ctx);

#endif
