/* SPDX-License-Identifier: Apache-2.0 */
/* A pool of worker processes behind one socket: start, respawn, drain, reload, and an end to stuck
 * workers. */
#ifndef BAILEE_WEB_PREFORK_H
#define BAILEE_WEB_PREFORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "web/fcgi.h"

#define PREFORK_WORKERS_MAX 512

/* What the program's configuration says; filled by `reload`. Only listen_socket needs a restart to
 * change. */
struct prefork_settings {
	char listen_socket[108]; /* path; not used when a socket is inherited (LISTEN_FDS,
				    descriptor 3) */
	char user[64];           /* workers run as this user when started by root; "" keeps */
	unsigned workers;        /* 1..PREFORK_WORKERS_MAX */
	int64_t request_limit_s; /* a worker busy longer with one request is killed and replaced */
	int64_t drain_s;         /* time to finish after SIGTERM */
	int64_t max_requests;    /* per worker, then it is replaced; 0: no end */
	size_t body_limit;
};

struct prefork_program {
	const char *name;
	void *arg; /* given to every function below */
	/* In the master, once at start and on each SIGHUP. On failure nothing may have changed: the
	 * old workers go on. */
	enum err (*reload)(void *arg, struct prefork_settings *settings_out, struct errctx *ctx);
	/* In the master, what became of the last reload: its workers have taken over, or they
	 * refused it and later ones are forked with what was in use before. May be NULL. */
	void (*reload_settled)(void *arg, bool in_use);
	/* In each worker, after fork and after root was given up. ERR_CONFIG (wrong key file,
	 * schema) ends the program when it happens at the first start and calls off a reload;
	 * anything else is tried again. A database that is away is no failure: return OK and answer
	 * ERR_UNAVAILABLE until it is back. */
	enum err (*worker_start)(void *arg, struct errctx *ctx);
	fcgi_serve_fn serve;
	fcgi_hook_fn after, idle;       /* may be NULL */
	void (*worker_stop)(void *arg); /* may be NULL */
};

/* Run the master until SIGTERM or SIGINT; SIGHUP reloads. Call with one thread only. OK after an
 * orderly end; ERR_CONFIG when it could not start, with the reason in ctx. Signals: the caller's
 * mask and handlers are changed. */
enum err prefork_run(const struct prefork_program *program, struct errctx *ctx) MUSTCHECK;

/* In a worker: may it hold its request back to wait for a job? At most half of the workers may at
 * once (none of one). End what began. Outside of a pool (tests) always true. */
bool prefork_try_wait_begin(void);
void prefork_wait_end(void);

#endif
