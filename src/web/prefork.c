/* SPDX-License-Identifier: Apache-2.0 */
/* A pool of worker processes behind one socket: start, respawn, drain, reload, and an end to stuck
 * workers. */
#include "web/prefork.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/privilege.h"
#include "base/service.h"
#include "web/listen.h"

#define TICK_MS 500     /* nothing going on */
#define TICK_SOON_MS 20 /* something is being waited for */
#define BACKOFF_LEAST_MS 100
#define BACKOFF_MOST_MS 5000
#define YOUNG_MS                                                                                   \
	1000           /* a worker that ends abnormally before this age slows down the next start  \
			*/
#define TRIAL_MS 30000 /* time for all workers of a reload to become ready */

struct child {
	pid_t pid; /* 0: slot is free */
	unsigned generation;
	int64_t started_ms;
	int64_t kill_at_ms; /* told to end, and killed when it has not by then; 0: not told */
};

struct master {
	const struct prefork_program *program;
	struct prefork_settings settings, trial_settings;
	struct listen_socket sock;
	struct watchdog *watchdog;
	struct child children[WATCHDOG_SLOTS];
	unsigned generation; /* of the workers that serve */
	unsigned trial; /* of the workers of a reload that have yet to prove themselves; 0: none */
	unsigned last_generation;
	int64_t trial_until_ms;
	bool proven; /* some worker has started well */
	int64_t backoff_ms, next_start_ms;
	struct errctx *ctx;
};

/* Of a worker process: itself. */
static struct watchdog *own_watchdog;
static struct watchdog_slot *own_slot;

bool
prefork_try_wait_begin(void)
{
	return !own_slot || watchdog_wait_begin(own_watchdog, own_slot);
}

void
prefork_wait_end(void)
{
	if (own_slot)
		watchdog_wait_end(own_watchdog, own_slot);
}

/* ---- in the worker ---- */

static void
worker_signals(void)
{
	sigset_t told;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_IGN); /* of a terminal: the master's business */
	signal(SIGHUP, SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
	sigemptyset(&told);
	sigaddset(&told, SIGTERM);
	sigaddset(&told, SIGUSR1);
	sigprocmask(SIG_SETMASK, &told, NULL);
}

/* End with the master, however it ends. Changing the user resets this, so it comes after. */
static void
follow_master(pid_t parent)
{
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	prctl(PR_SET_PDEATHSIG, SIGUSR1);
	if (getppid() != parent)
		exit(EXIT_SUCCESS);
}

static int
run_worker(struct master *master, const struct prefork_settings *settings, pid_t parent)
{
	const struct prefork_program *program = master->program;
	const struct fcgi_worker worker = {
		.listen_fd = master->sock.fd,
		.body_limit = settings->body_limit,
		.max_requests = settings->max_requests,
		.slot = own_slot,
		.serve = program->serve,
		.after = program->after,
		.idle = program->idle,
		.arg = program->arg,
	};
	struct errctx ctx = { 0 };

	worker_signals();
	enum err err = privilege_drop(settings->user, &ctx);
	follow_master(parent);
	if (!err)
		err = program->worker_start(program->arg, &ctx);
	if (!err) {
		atomic_store(&own_slot->ready, true);
		err = fcgi_loop(&worker, &ctx);
		if (program->worker_stop)
			program->worker_stop(program->arg);
	}
	if (!err)
		return EXIT_SUCCESS;
	ctx.kind = err;
	snprintf(own_slot->message, sizeof(own_slot->message), "%s", err_text(&ctx));
	log_error(LOG_EVENT("worker_failed"), LOG_S("error", err_kind(err)->name),
	    LOG_S("detail", own_slot->message));
	return err == ERR_CONFIG ? EX_CONFIG : EX_TEMPFAIL;
}

/* ---- in the master ---- */

static void
slow_down(struct master *master)
{
	master->backoff_ms = master->backoff_ms ? master->backoff_ms * 2 : BACKOFF_LEAST_MS;
	if (master->backoff_ms > BACKOFF_MOST_MS)
		master->backoff_ms = BACKOFF_MOST_MS;
	master->next_start_ms = clock_monotonic_ms() + master->backoff_ms;
}

static int
free_slot(const struct master *master)
{
	for (int i = 0; i < WATCHDOG_SLOTS; i++)
		if (!master->children[i].pid)
			return i;
	return -1;
}

static bool
spawn(struct master *master, unsigned generation, const struct prefork_settings *settings)
{
	int index = free_slot(master);
	pid_t parent = getpid();

	if (index < 0)
		return false;
	struct watchdog_slot *slot = &master->watchdog->slots[index];
	watchdog_slot_clear(master->watchdog, slot);
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		own_watchdog = master->watchdog;
		own_slot = slot;
		exit(run_worker(master, settings, parent));
	}
	if (pid < 0) {
		log_error(LOG_EVENT("fork_failed"), LOG_S("detail", strerror(errno)));
		slow_down(master);
		return false;
	}
	master->children[index] = (struct child){ .pid = pid,
		.generation = generation,
		.started_ms = clock_monotonic_ms() };
	return true;
}

static unsigned
count_children(const struct master *master, unsigned generation)
{
	unsigned n = 0;

	for (int i = 0; i < WATCHDOG_SLOTS; i++)
		n += master->children[i].pid && master->children[i].generation == generation &&
		     !master->children[i].kill_at_ms;
	return n;
}

static unsigned
count_ready(const struct master *master, unsigned generation)
{
	unsigned n = 0;

	for (int i = 0; i < WATCHDOG_SLOTS; i++)
		n += master->children[i].pid && master->children[i].generation == generation &&
		     atomic_load(&master->watchdog->slots[i].ready);
	return n;
}

static void
refill(struct master *master)
{
	if (clock_monotonic_ms() < master->next_start_ms)
		return;
	for (unsigned n = count_children(master, master->generation); n < master->settings.workers;
	     n++)
		if (!spawn(master, master->generation, &master->settings))
			return;
	if (!master->trial)
		return;
	for (unsigned n = count_children(master, master->trial); n < master->trial_settings.workers;
	     n++)
		if (!spawn(master, master->trial, &master->trial_settings))
			return;
}

/* Tell every worker not of `generation` (0: every one) to end. */
static void
tell_others(struct master *master, unsigned generation, int signal_number)
{
	int64_t deadline_ms = clock_monotonic_ms() + master->settings.drain_s * 1000;

	for (int i = 0; i < WATCHDOG_SLOTS; i++) {
		struct child *child = &master->children[i];

		if (!child->pid || child->generation == generation)
			continue;
		kill(child->pid, signal_number);
		if (!child->kill_at_ms)
			child->kill_at_ms = deadline_ms;
	}
}

static void
use_settings(struct master *master, const struct prefork_settings *settings)
{
	master->settings = *settings;
	atomic_store(&master->watchdog->may_wait, settings->workers / 2);
}

static void
tell_settled(const struct master *master, bool in_use)
{
	if (master->program->reload_settled)
		master->program->reload_settled(master->program->arg, in_use);
}

static void
drop_trial(struct master *master)
{
	master->trial = 0;
	tell_others(master, master->generation, SIGUSR1);
	tell_settled(master, false);
}

/* Whoever said `systemctl reload` has been told that the signal was sent, no more. */
static void
say_refused(const char *why)
{
	char said[300];

	log_error(LOG_EVENT("reload_refused"), LOG_S("detail", why));
	snprintf(said, sizeof(said), "new configuration refused: %.250s", why);
	service_status(said);
}

/* SIGHUP: start workers with the new configuration; the old ones go on until the new ones are
 * ready. */
static void
begin_reload(struct master *master)
{
	struct errctx ctx = { 0 };

	if (master->trial) /* a newer configuration overtakes one still being tried */
		drop_trial(master);
	if (master->program->reload(master->program->arg, &master->trial_settings, &ctx)) {
		say_refused(err_text(&ctx));
		return;
	}
	master->trial = ++master->last_generation;
	master->trial_until_ms = clock_monotonic_ms() + TRIAL_MS;
	master->next_start_ms = 0;
	log_info(LOG_EVENT("reload"), LOG_I("workers", master->trial_settings.workers));
}

static void
call_off_reload(struct master *master, const char *why)
{
	say_refused(why);
	drop_trial(master);
}

static void
settle_reload(struct master *master)
{
	if (!master->trial)
		return;
	if (count_ready(master, master->trial) >= master->trial_settings.workers) {
		master->generation = master->trial;
		master->trial = 0;
		use_settings(master, &master->trial_settings);
		tell_others(master, master->generation, SIGUSR1);
		tell_settled(master, true);
		log_info(LOG_EVENT("reloaded"), LOG_I("workers", master->settings.workers));
		service_status("new configuration in use");
	} else if (clock_monotonic_ms() > master->trial_until_ms) {
		call_off_reload(master, "the new workers did not become ready");
	}
}

/* A worker has ended: what does it mean? ERR_CONFIG when the program must not go on. */
static enum err
note_end(struct master *master, int index, int status)
{
	struct child *child = &master->children[index];
	struct watchdog_slot *slot = &master->watchdog->slots[index];
	bool normal = WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
	bool refused = WIFEXITED(status) && WEXITSTATUS(status) == EX_CONFIG;
	bool young = clock_monotonic_ms() - child->started_ms < YOUNG_MS;
	enum err err = OK;

	if (!normal && !child->kill_at_ms)
		log_warn(LOG_EVENT("worker_ended"), LOG_I("worker", child->pid),
		    LOG_I("exit", WIFEXITED(status) ? WEXITSTATUS(status) : -1),
		    LOG_I("signal", WIFSIGNALED(status) ? WTERMSIG(status) : 0));
	if (refused && !master->proven)
		err = err_set(master->ctx, ERR_CONFIG, "", "%s", slot->message);
	else if (refused && master->trial && child->generation == master->trial)
		call_off_reload(master, slot->message);
	else if (!normal && !child->kill_at_ms && young)
		slow_down(master);
	else if (!young)
		master->backoff_ms = 0;
	*child = (struct child){ 0 };
	watchdog_slot_clear(master->watchdog, slot);
	return err;
}

static enum err
reap(struct master *master)
{
	enum err first = OK;
	int status;

	for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
		for (int i = 0; i < WATCHDOG_SLOTS; i++) {
			if (master->children[i].pid != pid)
				continue;
			enum err err = note_end(master, i, status);
			if (!first)
				first = err;
			break;
		}
	}
	return first;
}

/* End workers that are busy with one request for too long, or that were told to end and did not. */
static void
kill_overdue(struct master *master)
{
	int64_t now_ms = clock_monotonic_ms();

	for (int i = 0; i < WATCHDOG_SLOTS; i++) {
		struct child *child = &master->children[i];
		int64_t busy_ms = watchdog_busy_ms(&master->watchdog->slots[i], now_ms);

		if (!child->pid)
			continue;
		bool stuck = busy_ms > master->settings.request_limit_s * 1000;
		if (!stuck && (!child->kill_at_ms || now_ms < child->kill_at_ms))
			continue;
		log_error(LOG_EVENT(stuck ? "worker_stuck" : "worker_not_ending"),
		    LOG_I("worker", child->pid), LOG_I("busy_ms", busy_ms));
		kill(child->pid, SIGKILL);
	}
}

static sigset_t
master_signals(void)
{
	static const int used[] = { SIGTERM, SIGINT, SIGHUP, SIGCHLD };
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(used) / sizeof(used[0]); i++) {
		signal(used[i], SIG_DFL); /* an inherited SIG_IGN would swallow it */
		sigaddset(&set, used[i]);
	}
	sigaddset(&set, SIGUSR1); /* of workers: must not end one that is about to block it */
	sigprocmask(SIG_BLOCK, &set, NULL);
	return set;
}

static int
wait_signal(const sigset_t *set, int64_t ms)
{
	const struct timespec most = { ms / 1000, ms % 1000 * 1000000 };

	return sigtimedwait(set, NULL, &most);
}

static bool
any_child(const struct master *master)
{
	for (int i = 0; i < WATCHDOG_SLOTS; i++)
		if (master->children[i].pid)
			return true;
	return false;
}

static void
shut_down(struct master *master, const sigset_t *set)
{
	log_info(LOG_EVENT("draining"), LOG_S("program", master->program->name));
	service_stopping();
	listen_unlink(&master->sock);
	tell_others(master, 0, SIGTERM);
	while (any_child(master)) {
		(void)wait_signal(set, TICK_SOON_MS);
		if (reap(master))
			log_debug(LOG_EVENT("worker_refused_late"));
		kill_overdue(master);
	}
	log_info(LOG_EVENT("stopped"), LOG_S("program", master->program->name));
}

static enum err
run_master(struct master *master)
{
	const sigset_t set = master_signals();
	enum err err = OK;

	for (;;) {
		service_alive();
		refill(master);
		bool soon = master->trial || !master->proven ||
			    master->next_start_ms > clock_monotonic_ms();
		int told = wait_signal(&set, soon ? TICK_SOON_MS : TICK_MS);

		err = reap(master);
		if (err || told == SIGTERM || told == SIGINT)
			break;
		if (told == SIGHUP)
			begin_reload(master);
		if (!master->proven && count_ready(master, master->generation)) {
			master->proven = true;
			log_info(LOG_EVENT("ready"), LOG_S("program", master->program->name),
			    LOG_I("workers", master->settings.workers));
			service_ready();
		}
		settle_reload(master);
		kill_overdue(master);
	}
	shut_down(master, &set);
	return err;
}

enum err
prefork_run(const struct prefork_program *program, struct errctx *ctx)
{
	struct master *master = xcalloc(1, sizeof(*master));
	enum err err;

	master->program = program;
	master->ctx = ctx;
	master->sock.fd = -1;
	master->generation = master->last_generation = 1;
	err = program->reload(program->arg, &master->trial_settings, ctx);
	if (!err)
		err = watchdog_open(&master->watchdog, ctx);
	if (!err) {
		use_settings(master, &master->trial_settings);
		tell_settled(master, true);
		assert(master->settings.workers >= 1 &&
		       master->settings.workers <= PREFORK_WORKERS_MAX);
		err = listen_open(master->settings.listen_socket, master->settings.user,
		    &master->sock, ctx);
	}
	if (!err)
		err = run_master(master);
	listen_unlink(&master->sock);
	listen_close(&master->sock);
	watchdog_close(&master->watchdog);
	free(master);
	return err;
}
