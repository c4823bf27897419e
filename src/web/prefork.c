/* SPDX-License-Identifier: Apache-2.0 */
/* A pool of worker processes behind one socket: start, respawn, drain, reload, and an end to stuck
 * workers. */
#include "web/prefork.h"

#include <assert.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
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
#include "web/listen.h"

#define TICK_MS 500     /* nothing going on */
#define TICK_SOON_MS 20 /* something is being waited for */
#define BACKOFF_LEAST_MS 100
#define BACKOFF_MOST_MS 5000
#define YOUNG_MS 1000  /* a worker that ends abnormally before this age slows down the next start  \
			*/
#define TRIAL_MS 30000 /* time for all workers of a reload to become ready */

struct child {
	pid_t pid; /* 0: slot is free */
	unsigned generation;
	int64_t started_ms;
	int64_t kill_at_ms; /* told to end, and killed when it has not by then; 0: not told */
};

struct pool {
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
		watchdog_wait_end(own_slot);
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

static enum err
drop_root(const char *user, struct errctx *ctx)
{
	if (!*user || geteuid() != 0)
		return OK;
	const struct passwd *entry = getpwnam(user);
	if (!entry)
		return err_set(ctx, ERR_CONFIG, "user", "there is no user \"%s\"", user);
	uid_t uid = entry->pw_uid;
	gid_t gid = entry->pw_gid;
	if (initgroups(user, gid) || setgid(gid) || setuid(uid))
		return err_set(ctx, ERR_CONFIG, "user", "cannot become \"%s\": %s", user,
		    strerror(errno));
	if (uid != 0 && setuid(0) == 0)
		return err_set(ctx, ERR_CONFIG, "user", "root could be taken back");
	return OK;
}

/* End with the master, however it ends. Changing the user resets this, so it comes after. */
static void
follow_master(pid_t master)
{
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	prctl(PR_SET_PDEATHSIG, SIGUSR1);
	if (getppid() != master)
		exit(EXIT_SUCCESS);
}

static int
run_worker(struct pool *pool, const struct prefork_settings *settings, pid_t master)
{
	const struct prefork_program *program = pool->program;
	const struct fcgi_worker worker = {
		.listen_fd = pool->sock.fd,
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
	enum err err = drop_root(settings->user, &ctx);
	follow_master(master);
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
slow_down(struct pool *pool)
{
	pool->backoff_ms = pool->backoff_ms ? pool->backoff_ms * 2 : BACKOFF_LEAST_MS;
	if (pool->backoff_ms > BACKOFF_MOST_MS)
		pool->backoff_ms = BACKOFF_MOST_MS;
	pool->next_start_ms = clock_monotonic_ms() + pool->backoff_ms;
}

static int
free_slot(const struct pool *pool)
{
	for (int i = 0; i < WATCHDOG_SLOTS; i++)
		if (!pool->children[i].pid)
			return i;
	return -1;
}

static bool
spawn(struct pool *pool, unsigned generation, const struct prefork_settings *settings)
{
	int index = free_slot(pool);
	pid_t master = getpid();

	if (index < 0)
		return false;
	struct watchdog_slot *slot = &pool->watchdog->slots[index];
	watchdog_slot_clear(slot);
	if ((unsigned)index >= atomic_load(&pool->watchdog->n_slots))
		atomic_store(&pool->watchdog->n_slots, (unsigned)index + 1);
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		own_watchdog = pool->watchdog;
		own_slot = slot;
		exit(run_worker(pool, settings, master));
	}
	if (pid < 0) {
		log_error(LOG_EVENT("fork_failed"), LOG_S("detail", strerror(errno)));
		slow_down(pool);
		return false;
	}
	pool->children[index] = (struct child){ .pid = pid,
		.generation = generation,
		.started_ms = clock_monotonic_ms() };
	return true;
}

static unsigned
count_children(const struct pool *pool, unsigned generation)
{
	unsigned n = 0;

	for (int i = 0; i < WATCHDOG_SLOTS; i++)
		n += pool->children[i].pid && pool->children[i].generation == generation &&
		     !pool->children[i].kill_at_ms;
	return n;
}

static unsigned
count_ready(const struct pool *pool, unsigned generation)
{
	unsigned n = 0;

	for (int i = 0; i < WATCHDOG_SLOTS; i++)
		n += pool->children[i].pid && pool->children[i].generation == generation &&
		     atomic_load(&pool->watchdog->slots[i].ready);
	return n;
}

static void
refill(struct pool *pool)
{
	if (clock_monotonic_ms() < pool->next_start_ms)
		return;
	for (unsigned n = count_children(pool, pool->generation); n < pool->settings.workers; n++)
		if (!spawn(pool, pool->generation, &pool->settings))
			return;
	if (!pool->trial)
		return;
	for (unsigned n = count_children(pool, pool->trial); n < pool->trial_settings.workers; n++)
		if (!spawn(pool, pool->trial, &pool->trial_settings))
			return;
}

/* Tell every worker not of `generation` (0: every one) to end. */
static void
tell_others(struct pool *pool, unsigned generation, int signal_number)
{
	int64_t deadline_ms = clock_monotonic_ms() + pool->settings.drain_s * 1000;

	for (int i = 0; i < WATCHDOG_SLOTS; i++) {
		struct child *child = &pool->children[i];

		if (!child->pid || child->generation == generation)
			continue;
		kill(child->pid, signal_number);
		if (!child->kill_at_ms)
			child->kill_at_ms = deadline_ms;
	}
}

static void
use_settings(struct pool *pool, const struct prefork_settings *settings)
{
	pool->settings = *settings;
	atomic_store(&pool->watchdog->may_wait, settings->workers / 2);
}

/* SIGHUP: start workers with the new configuration; the old ones go on until the new ones are
 * ready. */
static void
begin_reload(struct pool *pool)
{
	struct errctx ctx = { 0 };

	if (pool->trial) /* a newer configuration overtakes one still being tried */
		tell_others(pool, pool->generation, SIGUSR1);
	pool->trial = 0;
	if (pool->program->reload(pool->program->arg, &pool->trial_settings, &ctx)) {
		log_error(LOG_EVENT("reload_refused"), LOG_S("detail", err_text(&ctx)));
		return;
	}
	pool->trial = ++pool->last_generation;
	pool->trial_until_ms = clock_monotonic_ms() + TRIAL_MS;
	pool->next_start_ms = 0;
	log_info(LOG_EVENT("reload"), LOG_I("workers", pool->trial_settings.workers));
}

static void
call_off_reload(struct pool *pool, const char *why)
{
	log_error(LOG_EVENT("reload_refused"), LOG_S("detail", why));
	pool->trial = 0;
	tell_others(pool, pool->generation, SIGUSR1);
}

static void
settle_reload(struct pool *pool)
{
	if (!pool->trial)
		return;
	if (count_ready(pool, pool->trial) >= pool->trial_settings.workers) {
		pool->generation = pool->trial;
		pool->trial = 0;
		use_settings(pool, &pool->trial_settings);
		tell_others(pool, pool->generation, SIGUSR1);
		log_info(LOG_EVENT("reloaded"), LOG_I("workers", pool->settings.workers));
	} else if (clock_monotonic_ms() > pool->trial_until_ms) {
		call_off_reload(pool, "the new workers did not become ready");
	}
}

/* A worker has ended: what does it mean? ERR_CONFIG when the program must not go on. */
static enum err
note_end(struct pool *pool, int index, int status)
{
	struct child *child = &pool->children[index];
	struct watchdog_slot *slot = &pool->watchdog->slots[index];
	bool normal = WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
	bool refused = WIFEXITED(status) && WEXITSTATUS(status) == EX_CONFIG;
	bool young = clock_monotonic_ms() - child->started_ms < YOUNG_MS;
	enum err err = OK;

	if (!normal && !child->kill_at_ms)
		log_warn(LOG_EVENT("worker_ended"), LOG_I("worker", child->pid),
		    LOG_I("exit", WIFEXITED(status) ? WEXITSTATUS(status) : -1),
		    LOG_I("signal", WIFSIGNALED(status) ? WTERMSIG(status) : 0));
	if (refused && !pool->proven)
		err = err_set(pool->ctx, ERR_CONFIG, "", "%s", slot->message);
	else if (refused && pool->trial && child->generation == pool->trial)
		call_off_reload(pool, slot->message);
	else if (!normal && !child->kill_at_ms && young)
		slow_down(pool);
	else if (!young)
		pool->backoff_ms = 0;
	*child = (struct child){ 0 };
	watchdog_slot_clear(slot);
	return err;
}

static enum err
reap(struct pool *pool)
{
	enum err first = OK;
	int status;

	for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
		for (int i = 0; i < WATCHDOG_SLOTS; i++) {
			if (pool->children[i].pid != pid)
				continue;
			enum err err = note_end(pool, i, status);
			if (!first)
				first = err;
			break;
		}
	}
	return first;
}

/* End workers that are busy with one request for too long, or that were told to end and did not. */
static void
kill_overdue(struct pool *pool)
{
	int64_t now_ms = clock_monotonic_ms();

	for (int i = 0; i < WATCHDOG_SLOTS; i++) {
		struct child *child = &pool->children[i];
		int64_t busy_ms = watchdog_busy_ms(&pool->watchdog->slots[i], now_ms);

		if (!child->pid)
			continue;
		bool stuck = busy_ms > pool->settings.request_limit_s * 1000;
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
any_child(const struct pool *pool)
{
	for (int i = 0; i < WATCHDOG_SLOTS; i++)
		if (pool->children[i].pid)
			return true;
	return false;
}

static void
shut_down(struct pool *pool, const sigset_t *set)
{
	log_info(LOG_EVENT("draining"), LOG_S("program", pool->program->name));
	listen_unlink(&pool->sock);
	tell_others(pool, 0, SIGTERM);
	while (any_child(pool)) {
		(void)wait_signal(set, TICK_SOON_MS);
		if (reap(pool))
			log_debug(LOG_EVENT("worker_refused_late"));
		kill_overdue(pool);
	}
	log_info(LOG_EVENT("stopped"), LOG_S("program", pool->program->name));
}

static enum err
run_master(struct pool *pool)
{
	const sigset_t set = master_signals();
	enum err err = OK;

	for (;;) {
		refill(pool);
		bool soon =
		    pool->trial || !pool->proven || pool->next_start_ms > clock_monotonic_ms();
		int told = wait_signal(&set, soon ? TICK_SOON_MS : TICK_MS);

		err = reap(pool);
		if (err || told == SIGTERM || told == SIGINT)
			break;
		if (told == SIGHUP)
			begin_reload(pool);
		if (!pool->proven && count_ready(pool, pool->generation)) {
			pool->proven = true;
			log_info(LOG_EVENT("ready"), LOG_S("program", pool->program->name),
			    LOG_I("workers", pool->settings.workers));
		}
		settle_reload(pool);
		kill_overdue(pool);
	}
	shut_down(pool, &set);
	return err;
}

enum err
prefork_run(const struct prefork_program *program, struct errctx *ctx)
{
	struct pool *pool = xcalloc(1, sizeof(*pool));
	enum err err;

	pool->program = program;
	pool->ctx = ctx;
	pool->sock.fd = -1;
	pool->generation = pool->last_generation = 1;
	err = program->reload(program->arg, &pool->trial_settings, ctx);
	if (!err)
		err = watchdog_open(&pool->watchdog, ctx);
	if (!err) {
		use_settings(pool, &pool->trial_settings);
		assert(
		    pool->settings.workers >= 1 && pool->settings.workers <= PREFORK_WORKERS_MAX);
		err = listen_open(pool->settings.listen_socket, pool->settings.user, &pool->sock,
		    ctx);
	}
	if (!err)
		err = run_master(pool);
	listen_unlink(&pool->sock);
	listen_close(&pool->sock);
	watchdog_close(&pool->watchdog);
	free(pool);
	return err;
}
