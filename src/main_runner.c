/* SPDX-License-Identifier: Apache-2.0 */
/* bailee-runner: wires configuration, keys, store and HTTP client into the job runner. */
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/config.h"
#include "base/doorbell.h"
#include "base/log.h"
#include "base/privilege.h"
#include "base/secret.h"
#include "base/service.h"
#include "catalog/catalog.h"
#include "net/address_guard.h"
#include "net/http_client.h"
#include "net/mail.h"
#include "runner/kinds.h"
#include "runner/plan_aws.h"
#include "runner/queue.h"
#include "store/key_holder.h"
#include "store/store.h"

#define SECURE_HEAP_BYTES (1u << 20)
#define DATABASE_WAIT_MOST_MS 5000
#define WATCHDOG_PARTS 4 /* how often a service manager that watches is told, in its time */
#define HOLDER_BUSY_S 60 /* the queue says that it lives every few seconds */
#define DRAIN_LOOK_MS 20 /* how often a stopping program looks whether it is done */

struct program {
	const char *config_path;
	bool check_only;
	struct config config;
	struct http_client_options http;
	struct mail_server *mail; /* NULL: no mail */
	struct store store;
	struct key_holder holder;
	struct catalog *catalog;
	struct queue *queue;
	int doorbell; /* -1: none */
	pthread_t listener;
};

static int
usage_text(FILE *out, int status)
{
	fputs("usage: bailee-runner [--config FILE] [--check-config] [--help] [--version]\n"
	      "Runs the jobs of the queue; see bailee-runner(8).\n",
	    out);
	return status;
}

static enum err
parse(int argc, char **argv, struct program *program, int *exit_out)
{
	static const struct option options[] = { { "config", required_argument, NULL, 'c' },
		{ "check-config", no_argument, NULL, 'k' }, { "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'v' }, { 0 } };
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			program->config_path = optarg;
			break;
		case 'k':
			program->check_only = true;
			break;
		case 'v':
			puts("bailee-runner " BAILEE_VERSION);
			*exit_out = 0;
			return ERR_USAGE;
		case 'h':
			*exit_out = usage_text(stdout, 0);
			return ERR_USAGE;
		default:
			*exit_out = usage_text(stderr, 2);
			return ERR_USAGE;
		}
	}
	if (optind < argc) {
		*exit_out = usage_text(stderr, 2);
		return ERR_USAGE;
	}
	return OK;
}

static enum err
read_config(struct program *program, struct errctx *ctx)
{
	struct config *config = &program->config;
	enum err err = config_load(program->config_path, CONFIG_RUNNER, config, ctx);

	if (err)
		return err;
	log_setup("bailee-runner", config_log_level(config),
	    strcmp(config->log_format, "json") == 0);
	if (!config->signing_public_file[0] || !config->master_key_file[0])
		return err_set(ctx, ERR_CONFIG, "", "%s must be set for the runner",
		    config->signing_public_file[0] ? "master_key_file" : "signing_public_file");
	plan_aws_setup(config->aws_metadata_url, config->aws_sts_url);
	program->http.proxy = config->egress_proxy;
	program->http.ca_file = config->egress_ca_file;
	return address_guard_parse(config->egress_allow, &program->http.guard, ctx);
}

/* With the rights the program was started with: key files may be root's. */
static enum err
open_store(struct program *program, struct errctx *ctx)
{
	const char *const paths[KEY_KIND_COUNT] = {
		[KEY_MASTER] = program->config.master_key_file,
		[KEY_SIGNING_PUBLIC] = program->config.signing_public_file,
	};
	struct keyring *keyring = NULL;
	struct db *db = NULL;

	if (secret_heap_init(SECURE_HEAP_BYTES))
		log_warn(LOG_EVENT("memory_not_locked"),
		    LOG_S("hint", "raise the memlock limit (LimitMEMLOCK)"));
	enum err err = keyring_load(paths, &keyring, ctx);
	if (!err)
		err = keyring_load_destroyed(keyring, program->config.destroyed_keys_file, ctx);
	if (!err)
		err = db_open(&program->config, &db, ctx);
	if (err) {
		keyring_free(&keyring);
		return err;
	}
	store_init(&program->store, db, keyring);
	return OK;
}

/* With the rights of the start too: for the password file. */
static enum err
open_mail(struct program *program, struct errctx *ctx)
{
	const struct config *config = &program->config;
	const struct mail_options options = {
		.server = config->mail_server,
		.from = config->mail_from,
		.user = config->mail_user,
		.password_file = config->mail_password_file,
		.starttls = strcmp(config->mail_starttls, "off") != 0,
	};

	enum err err = mail_server_open(&options, &program->mail, ctx);
	program->store.mails = program->mail != NULL;
	return err;
}

/* True when a signal that ends the program came within `ms`. */
static bool
told_to_stop(const sigset_t *signals, int64_t ms)
{
	const struct timespec wait = { ms / 1000, ms % 1000 * 1000000 };
	int signal = sigtimedwait(signals, NULL, &wait);

	return signal == SIGTERM || signal == SIGINT;
}

/* Keys and schema fit? A database that is away is waited for. ERR_UNAVAILABLE: told to stop. */
static enum err
prove(struct program *program, const sigset_t *signals, struct errctx *ctx)
{
	int64_t pause = 250;

	for (;;) {
		err_clear(ctx);
		enum err err = key_holder_join(&program->store, &program->holder, ctx);
		if (err != ERR_UNAVAILABLE && err != ERR_LOST && err != ERR_CONFLICT)
			return err;
		if (pause == 250) {
			log_warn(LOG_EVENT("database_away"), LOG_S("error", err_text(ctx)));
			service_status("waiting for the database");
			service_ready(); /* all that a start can do is done */
		}
		if (told_to_stop(signals, pause))
			return ERR_UNAVAILABLE;
		pause = pause * 2 < DATABASE_WAIT_MOST_MS ? pause * 2 : DATABASE_WAIT_MOST_MS;
	}
}

/* SIGHUP: what is loaded from now on finds the definitions as they are in their folders now. */
static void
reload(struct program *program)
{
	const struct config *config = &program->config;
	struct catalog *fresh = NULL;
	struct errctx ctx = { 0 };

	if (catalog_open(config->apps_dir, config->apps_extra_dir, &fresh, &ctx)) {
		log_error(LOG_EVENT("reload_refused"), LOG_S("detail", err_text(&ctx)));
		service_status("working; the last reload was refused, see the log");
		return;
	}
	kinds_change_catalog(fresh);
	catalog_close(&program->catalog);
	program->catalog = fresh;
	log_info(LOG_EVENT("reloaded"), LOG_I("apps", (int64_t)catalog_count(fresh)));
	service_status("working");
}

/* The next signal. Meanwhile a service manager that watches is told that all is well, as long as
 * both threads go round: one that hangs would hold leases for ever, and show a healthy process. */
static int
next_signal(struct program *program, const sigset_t *signals)
{
	const int64_t pause = service_watchdog_ms() / WATCHDOG_PARTS;
	const struct timespec most = { pause / 1000, pause % 1000 * 1000000 };
	struct queue_turns seen = { 0, 0 };
	int signal;

	while (
	    (signal = pause ? sigtimedwait(signals, NULL, &most) : sigwaitinfo(signals, NULL)) < 0)
		if (pause && queue_has_turned(program->queue, &seen))
			service_alive();
	return signal;
}

/* Until told to stop; then until the queue is done, or told again. */
static void
wait_for_end(struct program *program, const sigset_t *signals)
{
	int signal;

	while ((signal = next_signal(program, signals)) != SIGTERM && signal != SIGINT)
		if (signal == SIGHUP)
			reload(program);
	service_stopping();
	queue_drain(program->queue);
	while (!queue_is_over(program->queue))
		if (told_to_stop(signals, DRAIN_LOOK_MS)) {
			log_warn(LOG_EVENT("runner_killed"),
			    LOG_S("hint", "its jobs are taken over when their leases end"));
			_exit(1);
		}
}

static void *
listen_to_doorbell(void *arg)
{
	struct program *program = arg;

	while (doorbell_wait(program->doorbell))
		queue_ring(program->queue);
	return NULL;
}

/* The doorbell's thread lives as long as the queue. */
static enum err
open_doorbell(struct program *program, struct errctx *ctx)
{
	enum err err = doorbell_open(program->config.runner_doorbell, &program->doorbell, ctx);

	if (!err && pthread_create(&program->listener, NULL, listen_to_doorbell, program)) {
		close(program->doorbell);
		program->doorbell = -1;
		err = err_set(ctx, ERR_UNAVAILABLE, "", "cannot start a thread");
	}
	return err;
}

static void
close_doorbell(struct program *program)
{
	if (program->doorbell < 0)
		return;
	shutdown(program->doorbell, SHUT_RDWR);
	pthread_join(program->listener, NULL);
	close(program->doorbell);
	unlink(program->config.runner_doorbell);
}

static enum err
run(struct program *program, const sigset_t *signals, struct errctx *ctx)
{
	const struct queue_options options = {
		.in_flight_max = program->config.runner_in_flight,
		.poll_ms = program->config.runner_poll_ms,
		.lease_s = program->config.runner_lease_s,
		.drain_s = program->config.drain_s,
		.holder = &program->holder,
	};
	enum err err = prove(program, signals, ctx);

	if (err == ERR_UNAVAILABLE)
		return OK;
	if (!err)
		err = queue_open(&options, &program->http, &program->store, &program->queue, ctx);
	if (!err && program->config.runner_doorbell[0] && (err = open_doorbell(program, ctx)))
		queue_close(&program->queue);
	if (err)
		return err;
	log_info(LOG_EVENT("runner_started"), LOG_S("runner", queue_id(program->queue)),
	    LOG_I("in_flight", options.in_flight_max));
	service_status("working");
	service_ready();
	wait_for_end(program, signals);
	close_doorbell(program);
	queue_close(&program->queue);
	log_info(LOG_EVENT("runner_ended"));
	return OK;
}

static void
block_signals(sigset_t *signals)
{
	sigemptyset(signals);
	sigaddset(signals, SIGTERM);
	sigaddset(signals, SIGINT);
	sigaddset(signals, SIGHUP);
	sigprocmask(SIG_BLOCK, signals, NULL);
	signal(SIGPIPE, SIG_IGN);
}

int
main(int argc, char **argv)
{
	static struct program program = { .config_path = CONFIG_PATH,
		.holder = { .program = "bailee-runner", .busy_s = HOLDER_BUSY_S },
		.doorbell = -1 };
	struct errctx ctx = { 0 };
	sigset_t signals;
	int status = 2;

	if (parse(argc, argv, &program, &status))
		return status;
	log_setup("bailee-runner", LOG_INFO, false);
	block_signals(&signals);
	secret_json_allocator();
	http_client_clean_environment();
	enum err err = read_config(&program, &ctx);
	if (!err)
		err = open_store(&program, &ctx);
	if (!err)
		err = catalog_open(program.config.apps_dir, program.config.apps_extra_dir,
		    &program.catalog, &ctx);
	if (!err)
		err = open_mail(&program, &ctx);
	if (!err && !program.check_only) {
		kinds_setup_catalog(program.catalog);
		kind_mail_setup(program.mail, program.config.public_url);
		kind_housekeeping_setup(program.config.log_retention_days);
		err = privilege_drop(program.config.user, &ctx);
		if (!err)
			err = run(&program, &signals, &ctx);
	}
	key_holder_leave(&program.store, &program.holder);
	store_close(&program.store);
	kinds_setup_catalog(NULL);
	catalog_close(&program.catalog);
	mail_server_free(&program.mail);
	if (err)
		log_error(LOG_EVENT("start_failed"), LOG_S("reason", err_text(&ctx)));
	return service_exit_status(err);
}
