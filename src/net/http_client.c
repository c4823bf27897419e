/* SPDX-License-Identifier: Apache-2.0 */
/* All outgoing HTTP: one libcurl multi loop, run by one thread, with the checks no request may go
 * around. */
#include "net/http_client.h"

#include <assert.h>
#include <malloc.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include <curl/curl.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/secret.h"
#include "net/http_options.h"
#include "net/http_transfer.h"

#define IDLE_HANDLES_MAX 256
#define KEPT_CONNECTIONS_MAX 256L

struct timer {
	TAILQ_ENTRY(timer) link;
	int64_t due_ms; /* monotonic */
	http_timer_fn *fn;
	void *arg;
};

TAILQ_HEAD(transfer_list, http_transfer);
TAILQ_HEAD(timer_list, timer);

struct http_client {
	CURLM *multi;
	struct http_settings settings;
	struct transfer_list running; /* known to the multi handle */
	struct transfer_list refused; /* ended before they began, to be told on the next turn */
	struct timer_list timers;     /* by due time */
	unsigned n_running, n_refused, n_timers;
	CURL *idle[IDLE_HANDLES_MAX];
	unsigned n_idle;
};

/* libcurl's memory sees URLs, headers and bodies: wipe whatever goes back. */
static void
wipe_free(void *memory)
{
	if (memory)
		explicit_bzero(memory, malloc_usable_size(memory));
	free(memory);
}

static void *
wipe_realloc(void *old, size_t size)
{
	size_t had = old ? malloc_usable_size(old) : 0;
	void *fresh = xmalloc(size);

	if (old)
		memcpy(fresh, old, had < size ? had : size);
	wipe_free(old);
	return fresh;
}

static CURLcode global_code;

static void
global_init(void)
{
	global_code =
	    curl_global_init_mem(CURL_GLOBAL_ALL, malloc, wipe_free, wipe_realloc, strdup, calloc);
}

void
http_client_clean_environment(void)
{
	static const char *const names[] = { "http_proxy", "HTTP_PROXY", "https_proxy",
		"HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY", "ftp_proxy",
		"FTP_PROXY", "SSLKEYLOGFILE", "SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE",
		"CURL_HOME", "CURL_SSL_BACKEND", "NETRC", "HOSTALIASES", "LOCALDOMAIN" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		unsetenv(names[i]);
}

/* A file that cannot be used is found at start, not by the first request. */
static enum err
check_options(const struct http_client_options *options, struct errctx *ctx)
{
	if (options->ca_file && *options->ca_file && access(options->ca_file, R_OK) != 0)
		return err_set(ctx, ERR_CONFIG, "egress_ca_file", "%s cannot be read",
		    options->ca_file);
	return OK;
}

enum err
http_client_open(const struct http_client_options *options, struct http_client **client_out,
    struct errctx *ctx)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct http_client *client;
	enum err err = check_options(options, ctx);

	if (err != OK)
		return err;
	if (pthread_once(&once, global_init) != 0 || global_code != CURLE_OK)
		return err_set(ctx, ERR_CONFIG, NULL, "libcurl cannot be set up");
	client = xcalloc(1, sizeof *client);
	client->multi = curl_multi_init();
	if (!client->multi)
		abort();
	curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, KEPT_CONNECTIONS_MAX);
	curl_multi_setopt(client->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
	client->settings.guard = options->guard;
	client->settings.proxy = xstrdup(options->proxy ? options->proxy : "");
	client->settings.ca_file =
	    options->ca_file && *options->ca_file ? xstrdup(options->ca_file) : NULL;
	client->settings.body_max = options->body_max ? options->body_max : HTTP_CLIENT_BODY_MAX;
	TAILQ_INIT(&client->running);
	TAILQ_INIT(&client->refused);
	TAILQ_INIT(&client->timers);
	*client_out = client;
	return OK;
}

static CURL *
take_handle(struct http_client *client)
{
	CURL *easy = client->n_idle ? client->idle[--client->n_idle] : curl_easy_init();

	if (!easy)
		abort();
	return easy;
}

/* What the handle held of a request is wiped now, not when it is used again. */
static void
give_handle(struct http_client *client, CURL *easy)
{
	http_options_clear(easy);
	if (client->n_idle < IDLE_HANDLES_MAX)
		client->idle[client->n_idle++] = easy;
	else
		curl_easy_cleanup(easy);
}

static void
drop_transfer(struct http_client *client, struct http_transfer *t)
{
	give_handle(client, t->easy);
	http_transfer_free(&t);
}

static void
unlink_running(struct http_client *client, struct http_transfer *t)
{
	curl_multi_remove_handle(client->multi, t->easy);
	TAILQ_REMOVE(&client->running, t, link);
	client->n_running--;
}

static void
unlink_refused(struct http_client *client, struct http_transfer *t)
{
	TAILQ_REMOVE(&client->refused, t, link);
	client->n_refused--;
}

static void
unlink_timer(struct http_client *client, struct timer *timer)
{
	TAILQ_REMOVE(&client->timers, timer, link);
	client->n_timers--;
}

/* Drops everything with `arg`, or everything. */
static unsigned
drop_all(struct http_client *client, bool any, const void *arg)
{
	struct http_transfer *t, *next_t;
	struct timer *timer, *next_timer;
	unsigned n = 0;

	for (t = TAILQ_FIRST(&client->running); t; t = next_t) {
		next_t = TAILQ_NEXT(t, link);
		if (!any && t->call.arg != arg)
			continue;
		unlink_running(client, t);
		drop_transfer(client, t);
		n++;
	}
	for (t = TAILQ_FIRST(&client->refused); t; t = next_t) {
		next_t = TAILQ_NEXT(t, link);
		if (!any && t->call.arg != arg)
			continue;
		unlink_refused(client, t);
		drop_transfer(client, t);
		n++;
	}
	for (timer = TAILQ_FIRST(&client->timers); timer; timer = next_timer) {
		next_timer = TAILQ_NEXT(timer, link);
		if (!any && timer->arg != arg)
			continue;
		unlink_timer(client, timer);
		free(timer);
		n++;
	}
	return n;
}

unsigned
http_client_cancel(struct http_client *client, const void *arg)
{
	return drop_all(client, false, arg);
}

void
http_client_close(struct http_client **client_ptr)
{
	struct http_client *client = client_ptr ? *client_ptr : NULL;

	if (!client)
		return;
	drop_all(client, true, NULL);
	while (client->n_idle)
		curl_easy_cleanup(client->idle[--client->n_idle]);
	curl_multi_cleanup(client->multi);
	secret_wipe_text(&client->settings.proxy);
	free(client->settings.ca_file);
	free(client);
	*client_ptr = NULL;
}

/* Fails only without memory. */
static void
add_handle(struct http_client *client, CURL *easy)
{
	if (curl_multi_add_handle(client->multi, easy) != CURLM_OK)
		abort();
}

void
http_client_start(struct http_client *client, const struct http_call *call)
{
	struct http_transfer *t = http_transfer_new(&client->settings, call, take_handle(client));

	if (http_transfer_begin(t)) {
		add_handle(client, t->easy);
		TAILQ_INSERT_TAIL(&client->running, t, link);
		client->n_running++;
		return;
	}
	TAILQ_INSERT_TAIL(&client->refused, t, link);
	client->n_refused++;
}

void
http_client_after(struct http_client *client, int64_t ms, http_timer_fn *fn, void *arg)
{
	struct timer *timer = xcalloc(1, sizeof *timer), *before;

	timer->due_ms = clock_monotonic_ms() + (ms > 0 ? ms : 0);
	timer->fn = fn;
	timer->arg = arg;
	before = TAILQ_LAST(&client->timers, timer_list);
	while (before && before->due_ms > timer->due_ms)
		before = TAILQ_PREV(before, timer_list, link);
	if (before)
		TAILQ_INSERT_AFTER(&client->timers, before, timer, link);
	else
		TAILQ_INSERT_HEAD(&client->timers, timer, link);
	client->n_timers++;
}

static void
deliver(struct http_client *client, struct http_transfer *t)
{
	t->call.done(t->call.arg, &t->result);
	drop_transfer(client, t);
}

/* Only what was there when the turn began: a callback that starts calls must not keep the turn
 * going. */
static unsigned
deliver_refused(struct http_client *client)
{
	unsigned n = 0;

	for (unsigned most = client->n_refused; n < most && client->n_refused; n++) {
		struct http_transfer *t = TAILQ_FIRST(&client->refused);

		unlink_refused(client, t);
		deliver(client, t);
	}
	return n;
}

static unsigned
deliver_timers(struct http_client *client)
{
	int64_t now = clock_monotonic_ms();
	unsigned n = 0;

	for (unsigned most = client->n_timers; n < most && client->n_timers; n++) {
		struct timer *timer = TAILQ_FIRST(&client->timers), copy = *timer;

		if (timer->due_ms > now)
			break;
		unlink_timer(client, timer);
		free(timer);
		copy.fn(copy.arg);
	}
	return n;
}

/* The handle goes out of the multi handle before the next hop is set up on it. */
static unsigned
end_hop(struct http_client *client, CURL *easy, CURLcode code)
{
	struct http_transfer *t = NULL;

	curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&t);
	curl_multi_remove_handle(client->multi, easy);
	if (http_transfer_hop_ended(t, (int)code)) {
		add_handle(client, easy);
		return 0;
	}
	TAILQ_REMOVE(&client->running, t, link);
	client->n_running--;
	deliver(client, t);
	return 1;
}

static unsigned
deliver_ended(struct http_client *client)
{
	unsigned n = 0;
	int left;
	CURLMsg *message;

	while ((message = curl_multi_info_read(client->multi, &left)))
		if (message->msg == CURLMSG_DONE)
			n += end_hop(client, message->easy_handle, message->data.result);
	return n;
}

static int
waiting_time(const struct http_client *client, int timeout_ms)
{
	const struct timer *first = TAILQ_FIRST(&client->timers);
	int64_t left;

	if (client->n_refused || timeout_ms < 0)
		return 0;
	left = first ? first->due_ms - clock_monotonic_ms() : timeout_ms;
	if (left < 0)
		return 0;
	return left < timeout_ms ? (int)left : timeout_ms;
}

unsigned
http_client_run(struct http_client *client, int timeout_ms)
{
	int running;

	curl_multi_poll(client->multi, NULL, 0, waiting_time(client, timeout_ms), NULL);
	curl_multi_perform(client->multi, &running);
	return deliver_refused(client) + deliver_ended(client) + deliver_timers(client);
}

void
http_client_wakeup(struct http_client *client)
{
	curl_multi_wakeup(client->multi);
}

unsigned
http_client_in_flight(const struct http_client *client)
{
	return client->n_running + client->n_refused;
}

struct buf
http_result_take_body(struct http_result *result)
{
	struct buf body = result->body;

	result->body = BUF_INIT_SECRET(body.cap);
	return body;
}
