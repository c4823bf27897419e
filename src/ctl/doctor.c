/* SPDX-License-Identifier: Apache-2.0 */
/* baileectl doctor: everything that has to be right, checked one after the other, each with what to
 * do. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "ctl/command.h"
#include "store/health.h"
#include "store/job.h"

/* A check fills `found` with what it saw; an error says what is wrong and what mends it. */
typedef enum err (*check_fn)(struct ctl *ctl, char found[ERR_TEXT_MAX], struct errctx *ctx);

static enum err
check_sections(struct ctl *ctl, char found[ERR_TEXT_MAX], struct errctx *ctx)
{
	for (int role = 0; role < CONFIG_ROLE_COUNT; role++) {
		struct config config;
		enum err err = config_load(ctl->config_path, (enum config_role)role, &config, ctx);

		if (err)
			return err;
	}
	snprintf(found, ERR_TEXT_MAX, "%s", ctl->config_path);
	return OK;
}

/* The files of the public pool must not include a private key, and nobody else may read one. */
static enum err
check_files(struct ctl *ctl, char found[ERR_TEXT_MAX], struct errctx *ctx)
{
	const char *const secret[] = { ctl->config.master_key_file, ctl->config.signing_key_file,
		ctl->config.token_key_file };

	for (size_t i = 0; i < sizeof(secret) / sizeof(secret[0]); i++) {
		struct stat info;

		if (!secret[i][0] || stat(secret[i], &info))
			return err_set(ctx, ERR_CONFIG, "",
			    "%s is missing; restore it from your copy",
			    secret[i][0] ? secret[i] : "a key file");
		if (info.st_mode & 077)
			return err_set(ctx, ERR_CONFIG, "",
			    "%s can be read by others; run: chmod 0400 %s", secret[i], secret[i]);
	}
	snprintf(found, ERR_TEXT_MAX, "private, mode 0400");
	return OK;
}

static enum err
open_database(struct ctl *ctl, char found[ERR_TEXT_MAX], struct errctx *ctx)
{
	const struct config *config = &ctl->config;
	enum err err = ctl_open_store(ctl, ctx);

	if (!err)
		err = db_ping(ctl->store.db, ctx);
	snprintf(found, ERR_TEXT_MAX, "%.80s at %.300s", config->db_name,
	    config->db_host[0] ? config->db_host : config->db_socket);
	return err;
}

static enum err
check_installation(struct ctl *ctl, char found[ERR_TEXT_MAX], struct errctx *ctx)
{
	snprintf(found, ERR_TEXT_MAX, "schema %d, keys proven", STORE_SCHEMA_VERSION);
	return store_check(&ctl->store, ctx);
}

static enum err
check_durability(struct ctl *ctl, char found[ERR_TEXT_MAX], struct errctx *ctx)
{
	struct health_settings settings;
	enum err err = health_settings(&ctl->store, &settings, ctx);

	if (err)
		return err;
	snprintf(found, ERR_TEXT_MAX, "innodb_flush_log_at_trx_commit = %lld",
	    (long long)settings.flush_log);
	if (settings.flush_log != 1)
		return err_set(ctx, ERR_CONFIG, "",
		    "innodb_flush_log_at_trx_commit is %lld: a crash loses what was answered; set "
		    "it to 1",
		    (long long)settings.flush_log);
	return OK;
}

static enum err
judge_cluster(const struct health_cluster *cluster, struct errctx *ctx)
{
	if (cluster->is_cluster && (!cluster->status || strcmp(cluster->status, "Primary") != 0 ||
				       !cluster->ready || strcmp(cluster->ready, "ON") != 0))
		return err_set(ctx, ERR_CONFIG, "",
		    "node %s has lost its cluster; connect to one of the majority", cluster->node);
	if (cluster->is_cluster && cluster->state != 4)
		return err_set(ctx, ERR_CONFIG, "",
		    "node %s is not in step with the others (wsrep_local_state %lld)",
		    cluster->node, (long long)cluster->state);
	if (cluster->is_cluster && cluster->autoinc != 2)
		return err_set(ctx, ERR_CONFIG, "",
		    "innodb_autoinc_lock_mode is %lld; a Galera cluster needs 2",
		    (long long)cluster->autoinc);
	if (cluster->elsewhere)
		return err_set(ctx, ERR_CONFIG, "",
		    "%lld runners are on other nodes than %s: one reads what is old yet; send all "
		    "programs to the same",
		    (long long)cluster->elsewhere, cluster->node);
	return OK;
}

static enum err
check_cluster(struct ctl *ctl, char found[ERR_TEXT_MAX], struct errctx *ctx)
{
	struct health_cluster cluster = { 0 };
	enum err err = health_cluster(&ctl->store, &cluster, ctx);

	if (err)
		return err;
	if (cluster.is_cluster)
		snprintf(found, ERR_TEXT_MAX, "Galera, %lld nodes, all programs at %.200s",
		    (long long)cluster.size, cluster.node);
	else
		snprintf(found, ERR_TEXT_MAX, "one server, %.200s", cluster.node);
	err = judge_cluster(&cluster, ctx);
	health_cluster_free(&cluster);
	return err;
}

static enum err
check_runner(struct ctl *ctl, char found[ERR_TEXT_MAX], struct errctx *ctx)
{
	int64_t age = 0;
	enum err err = runner_age_s(&ctl->store, &age, ctx);

	if (err)
		return err;
	if (age > RUNNER_AWAY_S)
		return err_set(ctx, ERR_UNAVAILABLE, "",
		    "no runner was seen in the last %d seconds; start bailee-runner",
		    RUNNER_AWAY_S);
	snprintf(found, ERR_TEXT_MAX, "seen %lld s ago", (long long)age);
	return OK;
}

static enum err
check_jobs(struct ctl *ctl, char found[ERR_TEXT_MAX], struct errctx *ctx)
{
	struct job *jobs = NULL;
	size_t n = 0;
	enum err err = job_list(&ctl->store, "dead", 500, &jobs, &n, ctx);

	if (err)
		return err;
	for (size_t i = 0; i < n; i++)
		job_free(&jobs[i]);
	free(jobs);
	snprintf(found, ERR_TEXT_MAX, "none dead");
	if (n)
		return err_set(ctx, ERR_REMOTE, "",
		    "%zu jobs have given up; see: baileectl jobs list --state dead", n);
	return OK;
}

/* What can be seen without sending a letter: the runner tries the rest, and says so in its jobs. */
static enum err
check_mail(struct ctl *ctl, char found[ERR_TEXT_MAX], struct errctx *ctx)
{
	const struct config *config = &ctl->config;
	int64_t lost = 0;

	snprintf(found, ERR_TEXT_MAX, "no mail_server: links are handed over by you");
	if (!config->mail_server[0])
		return OK;
	snprintf(found, ERR_TEXT_MAX, "%.300s", config->mail_server);
	if (!config->mail_from[0])
		return err_set(ctx, ERR_CONFIG, "", "mail_server is set, mail_from is not");
	if (config->mail_user[0] && access(config->mail_password_file, R_OK))
		return err_set(ctx, ERR_CONFIG, "", "mail_password_file %s cannot be read",
		    config->mail_password_file);
	enum err err = health_lost_mail(&ctl->store, &lost, ctx);
	if (!err && lost)
		err = err_set(ctx, ERR_REMOTE, "",
		    "%lld letters of the last day could not be handed in; see: baileectl jobs list",
		    (long long)lost);
	return err;
}

static const struct {
	const char *name;
	check_fn check;
	bool stops; /* the ones below need it */
} checks[] = {
	{ "configuration", check_sections, true },
	{ "key files", check_files, true },
	{ "database", open_database, true },
	{ "installation", check_installation, true },
	{ "durability", check_durability, false },
	{ "cluster", check_cluster, false },
	{ "runner", check_runner, false },
	{ "jobs", check_jobs, false },
	{ "mail", check_mail, false },
};

enum err
ctl_doctor(struct ctl *ctl, struct errctx *ctx)
{
	json_t *list = json_array();
	int failed = 0;

	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		struct errctx inner = { 0 };
		char found[ERR_TEXT_MAX] = "";
		enum err err = checks[i].check(ctl, found, &inner);
		json_t *row = json_object();

		json_put_text(row, "check", checks[i].name);
		json_put_text(row, "result", err ? "FAILED" : "ok");
		json_put_text(row, "detail", err ? err_text(&inner) : found);
		json_array_append_new(list, row);
		failed += err != OK;
		if (err && checks[i].stops)
			break;
	}
	ctl_print(ctl, list);
	return failed ? err_set(ctx, ERR_CONFIG, "", "%d of the checks failed", failed) : OK;
}
