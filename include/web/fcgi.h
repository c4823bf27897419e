/* SPDX-License-Identifier: Apache-2.0 */
/* The FastCGI loop of one worker: the only place that knows libfcgi. */
#ifndef BAILEE_WEB_FCGI_H
#define BAILEE_WEB_FCGI_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "web/request.h"
#include "web/response.h"
#include "web/watchdog.h"

/* Answer one request; `response` comes initialised and must be finished (response_finish) on
 * return. */
typedef void (
    *fcgi_serve_fn)(void *arg, const struct request_source *source, struct response *response);
/* Work between requests: after an answer is out, or when nothing came for half a second. */
typedef void (*fcgi_hook_fn)(void *arg);

struct fcgi_worker {
	int listen_fd; /* non-blocking */
	size_t
	    body_limit; /* larger bodies are not read: request_source.body_state = ERR_TOO_LARGE */
	int64_t max_requests;       /* 0: no end */
	struct watchdog_slot *slot; /* where the master sees what this worker does */
	fcgi_serve_fn serve;
	fcgi_hook_fn after, idle; /* may be NULL */
	void *arg;
};

/* Serve until told to stop. Call with SIGTERM and SIGUSR1 blocked: they are read from a descriptor,
 * so none is missed. SIGUSR1: finish the request in hand and return. SIGTERM: also answer what has
 * already connected, then return. ERR_IO when the loop cannot be set up. */
enum err fcgi_loop(const struct fcgi_worker *worker, struct errctx *ctx) MUSTCHECK;

#endif
