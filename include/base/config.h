/* SPDX-License-Identifier: Apache-2.0 */
/* bailee.conf: one INI file; a program reads [common] and its own section. One table describes
 * every option. */
#ifndef BAILEE_BASE_CONFIG_H
#define BAILEE_BASE_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/log.h"

/* Where every program looks unless told otherwise. */
#define CONFIG_PATH BAILEE_SYSCONFDIR "/bailee/bailee.conf"

enum config_role { CONFIG_PUBLIC, CONFIG_API, CONFIG_RUNNER, CONFIG_CTL, CONFIG_ROLE_COUNT };

/* Values as read; every text is NUL-terminated, "" when unset. */
#define CONFIG_TEXT 512
struct config {
	enum config_role role;
	char db_host[CONFIG_TEXT], db_socket[CONFIG_TEXT], db_name[CONFIG_TEXT],
	    db_user[CONFIG_TEXT];
	char db_password_file[CONFIG_TEXT], db_tls_ca[CONFIG_TEXT];
	char public_url[CONFIG_TEXT], apps_dir[CONFIG_TEXT], apps_extra_dir[CONFIG_TEXT],
	    schema_dir[CONFIG_TEXT], openapi_file[CONFIG_TEXT];
	char destroyed_keys_file[CONFIG_TEXT];
	char signing_public_file[CONFIG_TEXT], signing_key_file[CONFIG_TEXT],
	    master_key_file[CONFIG_TEXT], token_key_file[CONFIG_TEXT];
	char listen_socket[CONFIG_TEXT], runner_doorbell[CONFIG_TEXT], user[CONFIG_TEXT];
	char log_format[CONFIG_TEXT], log_level[CONFIG_TEXT];
	char aws_metadata_url[CONFIG_TEXT], aws_sts_url[CONFIG_TEXT];
	char egress_allow[CONFIG_TEXT], egress_proxy[CONFIG_TEXT], egress_ca_file[CONFIG_TEXT];
	char mail_server[CONFIG_TEXT], mail_from[CONFIG_TEXT], mail_user[CONFIG_TEXT],
	    mail_password_file[CONFIG_TEXT], mail_starttls[CONFIG_TEXT];
	int64_t db_port, db_timeout_s, workers, body_limit, request_limit_s, worker_max_requests,
	    wait_default_s;
	int64_t runner_in_flight, runner_poll_ms, runner_lease_s, drain_s;
	int64_t request_expiry_days, log_retention_days;
};

enum config_type { CONFIG_TYPE_TEXT, CONFIG_TYPE_NUMBER };

struct config_option {
	const char *name;
	enum config_type type;
	size_t offset;
	const char *initial; /* default, as written in the file */
	int64_t least, most; /* of a number */
	unsigned roles;      /* bit per config_role that reads it: (1u << CONFIG_API) */
	const char *doc;     /* one sentence for sample file and manual */
};
/* The table, ended by a row with a NULL name; tests, the manual and `baileectl config sample` walk
 * it. */
extern const struct config_option config_options[];
extern const char *const config_role_names[CONFIG_ROLE_COUNT]; /* the section names */

/* Read `path` for `role`, then the environment (BAILEE_<NAME>). ERR_CONFIG names file, line and
 * option. */
enum err config_load(const char *path, enum config_role role, struct config *config_out,
    struct errctx *ctx) MUSTCHECK;
/* The least level to log, from the option's text. */
enum log_level config_log_level(const struct config *config);
/* Print the whole table as a commented sample file on stdout. */
void config_print_sample(void);
/* Print the whole table as docs/CONFIG.md. */
void config_print_manual(void);

#endif
