/* SPDX-License-Identifier: Apache-2.0 */
/* The FastCGI loop of one worker: the only place that knows libfcgi. */
#include "web/fcgi.h"

#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <fcgiapp.h>

#include "base/alloc.h"
#include "base/crypt.h"

#define IDLE_MS 500
#define FORGOTTEN 0xa5 /* what libfcgi's memory is overwritten with when it is freed */

/* Descriptors of one loop, and what it was told. */
struct loop {
	int epoll_fd, signal_fd;
	bool drain, retire;
	FCGX_Request fcgi;
};

/* Split "NAME=value" in place. Returns false when there are more than a request may have. */
static bool
split_params(char **envp, struct request_param *params, size_t *n_out)
{
	size_t n = 0;

	for (; *envp; envp++) {
		char *equal = strchr(*envp, '=');

		if (!equal)
			continue;
		if (n == REQUEST_PARAMS_MAX)
			return false;
		*equal = '\0';
		params[n++] = (struct request_param){ *envp, equal + 1 };
	}
	*n_out = n;
	return true;
}

static const char *
find_param(const struct request_source *source, const char *name)
{
	for (size_t i = 0; i < source->n_params; i++)
		if (!strcmp(source->params[i].name, name))
			return source->params[i].value;
	return "";
}

/* Read up to `len` bytes, and overwrite them where libfcgi has them: a form must be in memory no
 * longer than its request. The members that are read here are described in fcgiapp.h. */
static size_t
take(FCGX_Stream *in, char *to, size_t len)
{
	size_t got = 0;

	while (got < len) {
		size_t here = (size_t)(in->stop - in->rdNext);
		unsigned char *from = in->rdNext;
		int next;

		if (here > 0) {
			here = here < len - got ? here : len - got;
			(void)FCGX_GetStr(to + got, (int)here, in);
			explicit_bzero(from, here);
			got += here;
		} else if ((next = FCGX_GetChar(in)) >= 0) { /* and the buffer is full again */
			to[got++] = (char)next;
			in->rdNext[-1] = 0;
		} else {
			break;
		}
	}
	return got;
}

/* Read the body as far as Content-Length says it goes; one over the limit is left unread. */
static char *
read_body(FCGX_Request *fcgi, size_t limit, struct request_source *source)
{
	const char *text = find_param(source, "CONTENT_LENGTH");
	size_t digits = strspn(text, "0123456789");

	if (!*text || !strcmp(text, "0"))
		return NULL;
	source->body_state = ERR_MALFORMED;
	if (text[digits] != '\0')
		return NULL;
	source->body_state = ERR_TOO_LARGE;
	if (digits > 12 || strtoull(text, NULL, 10) > limit)
		return NULL;
	size_t len = strtoull(text, NULL, 10);
	char *body = xmalloc(len + 1);
	size_t got = take(fcgi->in, body, len);
	body[got] = '\0';
	source->body = body;
	source->body_len = got;
	source->body_state = got == len ? OK : ERR_MALFORMED;
	return body;
}

/* The head and a small body leave libfcgi's buffer together with the end record: one write. */
static void
write_answer(FCGX_Request *fcgi, const struct response *response)
{
	FCGX_PutStr(response->head.data, (int)response->head.len, fcgi->out);
	if (!response->no_body && response->text.len)
		FCGX_PutStr(response->text.data, (int)response->text.len, fcgi->out);
}

/* Authorization and cookies are among them. Those of `source` are split: a NUL is behind the name.
 */
static void
forget_params(char **envp, const struct request_source *source)
{
	size_t split = 0;

	for (; envp && *envp; envp++) {
		size_t len = strlen(*envp);

		if (split < source->n_params && source->params[split].name == *envp)
			len += 1 + strlen(source->params[split++].value);
		explicit_bzero(*envp, len);
	}
}

/* End the request and leave nothing of it behind. What is left unread is overwritten in its place,
 * as are the parameters. The buffers themselves, with the answer, are libfcgi's own: it frees them
 * here, and glibc overwrites what is freed meanwhile. */
static void
finish(FCGX_Request *fcgi, const struct request_source *source)
{
	forget_params(fcgi->envp, source);
	if (fcgi->in)
		explicit_bzero(fcgi->in->rdNext, (size_t)(fcgi->in->stop - fcgi->in->rdNext));
	mallopt(M_PERTURB, FORGOTTEN);
	FCGX_Finish_r(fcgi);
	mallopt(M_PERTURB, 0);
}

static void
answer_one(const struct fcgi_worker *worker, FCGX_Request *fcgi)
{
	struct request_param params[REQUEST_PARAMS_MAX];
	struct request_source source = { .params = params };
	struct response response = RESPONSE_INIT;
	char *body = NULL;

	if (split_params(fcgi->envp, params, &source.n_params))
		body = read_body(fcgi, worker->body_limit, &source);
	else
		source.body_state = ERR_MALFORMED;
	worker->serve(worker->arg, &source, &response);
	write_answer(fcgi, &response);
	finish(fcgi, &source);
	if (body)
		explicit_bzero(body, source.body_len);
	free(body);
	response_free(&response);
}

/* nginx closes a connection whose client has gone. Nobody would read the answer, and after a rush
 * of such clients those who still wait must not stand behind them. */
static bool
is_abandoned(const FCGX_Request *fcgi)
{
	struct pollfd peer = { .fd = fcgi->ipcFd };

	return poll(&peer, 1, 0) == 1 && (peer.revents & (POLLHUP | POLLERR));
}

/* Take and answer one request; false when none was waiting. */
static bool
serve_one(const struct fcgi_worker *worker, FCGX_Request *fcgi)
{
	/* busy before accept: a peer that connects and then stalls holds libfcgi without end */
	watchdog_busy(worker->slot);
	bool accepted = FCGX_Accept_r(fcgi) == 0;
	if (accepted && is_abandoned(fcgi)) {
		finish(fcgi, &(struct request_source){ 0 });
	} else if (accepted) {
		answer_one(worker, fcgi);
		atomic_fetch_add_explicit(&worker->slot->requests, 1, memory_order_relaxed);
		if (worker->after)
			worker->after(worker->arg);
	}
	watchdog_idle(worker->slot);
	return accepted;
}

static void
read_signals(struct loop *loop)
{
	struct signalfd_siginfo info;

	while (read(loop->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGTERM)
			loop->drain = true;
		else
			loop->retire = true;
	}
}

static enum err
loop_open(struct loop *loop, int listen_fd, struct errctx *ctx)
{
	struct epoll_event on_listen = { .events = EPOLLIN | EPOLLEXCLUSIVE, .data.fd = listen_fd };
	struct epoll_event on_signal = { .events = EPOLLIN };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGUSR1);
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	loop->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	on_signal.data.fd = loop->signal_fd;
	if (loop->epoll_fd < 0 || loop->signal_fd < 0 ||
	    epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, listen_fd, &on_listen) ||
	    epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, loop->signal_fd, &on_signal) || FCGX_Init() ||
	    FCGX_InitRequest(&loop->fcgi, listen_fd, FCGI_FAIL_ACCEPT_ON_INTR))
		return err_set(ctx, ERR_IO, "", "the worker cannot listen: %s", strerror(errno));
	return OK;
}

static void
loop_close(struct loop *loop)
{
	FCGX_Free(&loop->fcgi, 1);
	if (loop->epoll_fd >= 0)
		close(loop->epoll_fd);
	if (loop->signal_fd >= 0)
		close(loop->signal_fd);
}

/* Workers of one start must not all be replaced at the same moment. */
static int64_t
requests_to_serve(int64_t max_requests)
{
	if (max_requests < 10)
		return max_requests ? max_requests : INT64_MAX;
	uint32_t tenth = (uint32_t)(max_requests / 10 < 100000 ? max_requests / 10 : 100000);
	return max_requests - crypt_random_below(tenth);
}

enum err
fcgi_loop(const struct fcgi_worker *worker, struct errctx *ctx)
{
	struct loop loop = { .epoll_fd = -1, .signal_fd = -1, .fcgi.ipcFd = -1 };
	int64_t left = requests_to_serve(worker->max_requests);
	enum err err = loop_open(&loop, worker->listen_fd, ctx);

	while (!err && !loop.retire && left > 0) {
		struct epoll_event events[2];
		int n = epoll_wait(loop.epoll_fd, events, 2, loop.drain ? 0 : IDLE_MS);
		bool knocked = false;

		for (int i = 0; i < n; i++) {
			if (events[i].data.fd == loop.signal_fd)
				read_signals(&loop);
			else
				knocked = true;
		}
		/* only one worker was woken for who knocks: it has to open before it leaves */
		if (loop.retire && !knocked)
			break;
		/* Also tried after a timeout and while draining: a connection whose wake-up went to
		 * a worker that has died since is seen by nobody else. */
		if (serve_one(worker, &loop.fcgi))
			left--;
		else if (loop.drain)
			break;
		else if (n == 0 && worker->idle)
			worker->idle(worker->arg);
	}
	loop_close(&loop);
	return err;
}
