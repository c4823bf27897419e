/* SPDX-License-Identifier: Apache-2.0 */
/* An OAuth provider for store tests (after cmocka.h): one thread, one request at a time, answers
 * that a test sets by path. */
#ifndef BAILEE_TESTS_STORE_PROVIDER_STUB_H
#define BAILEE_TESTS_STORE_PROVIDER_STUB_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"

#define STUB_PATHS 8
#define STUB_TEXT 4096

struct stub_reply {
	char path[64];
	int status; /* 0: the connection is closed without an answer */
	char body[STUB_TEXT];
	int pause_ms;
	int asked;            /* how often */
	char last[STUB_TEXT]; /* the last request, whole */
};

struct stub {
	int listener;
	uint16_t port;
	pthread_t thread;
	pthread_mutex_t lock;
	struct stub_reply replies[STUB_PATHS];
};

static struct stub stub;

static inline struct stub_reply *
stub_find(const char *path)
{
	for (int i = 0; i < STUB_PATHS; i++)
		if (!stub.replies[i].path[0] || strcmp(stub.replies[i].path, path) == 0) {
			snprintf(stub.replies[i].path, sizeof(stub.replies[i].path), "%s", path);
			return &stub.replies[i];
		}
	abort(); /* more paths than a test has */
}

/* From now on, with the count of requests at 0. */
static inline void
stub_says(const char *path, int status, const char *body)
{
	pthread_mutex_lock(&stub.lock);
	struct stub_reply *reply = stub_find(path);

	reply->status = status;
	snprintf(reply->body, sizeof(reply->body), "%s", body);
	reply->pause_ms = reply->asked = 0;
	reply->last[0] = '\0';
	pthread_mutex_unlock(&stub.lock);
}

static inline void
stub_pauses(const char *path, int ms)
{
	pthread_mutex_lock(&stub.lock);
	stub_find(path)->pause_ms = ms;
	pthread_mutex_unlock(&stub.lock);
}

static inline int
stub_asked(const char *path)
{
	pthread_mutex_lock(&stub.lock);
	int asked = stub_find(path)->asked;
	pthread_mutex_unlock(&stub.lock);
	return asked;
}

static inline bool
stub_got(const char *path, const char *text)
{
	pthread_mutex_lock(&stub.lock);
	bool got = strstr(stub_find(path)->last, text) != NULL;
	pthread_mutex_unlock(&stub.lock);
	return got;
}

static inline bool
stub_read(int fd, char text[STUB_TEXT])
{
	size_t len = 0, need = SIZE_MAX;

	while (len < need && len < STUB_TEXT - 1) {
		ssize_t n = recv(fd, text + len, STUB_TEXT - 1 - len, 0);

		if (n <= 0)
			return false;
		len += (size_t)n;
		text[len] = '\0';
		char *end = strstr(text, "\r\n\r\n"), *length = strcasestr(text, "content-length:");
		if (end)
			need = (size_t)(end + 4 - text) +
			       (length ? strtoul(length + 15, NULL, 10) : 0);
	}
	return true;
}

static inline void
stub_answer(int fd, const char *text)
{
	char path[64] = "";

	sscanf(text, "%*s %63[^? ]", path);
	pthread_mutex_lock(&stub.lock);
	struct stub_reply *reply = stub_find(path);
	int pause = reply->pause_ms, status = reply->status;

	reply->asked++;
	snprintf(reply->last, sizeof(reply->last), "%s", text);
	auto_free char *out = xasprintf("HTTP/1.1 %d X\r\nContent-Type: application/json\r\n"
					"Connection: close\r\nContent-Length: %zu\r\n\r\n%s",
	    status, strlen(reply->body), reply->body);
	pthread_mutex_unlock(&stub.lock);
	nanosleep(&(struct timespec){ pause / 1000, pause % 1000 * 1000000L }, NULL);
	if (status && send(fd, out, strlen(out), MSG_NOSIGNAL) < 0)
		return;
	shutdown(fd, SHUT_WR);
}

static inline void *
stub_main(void *arg)
{
	char text[STUB_TEXT];
	int fd;
	(void)arg;

	while ((fd = accept(stub.listener, NULL, NULL)) >= 0) {
		if (stub_read(fd, text))
			stub_answer(fd, text);
		close(fd);
	}
	return NULL;
}

static inline void
stub_start(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(in);

	pthread_mutex_init(&stub.lock, NULL);
	stub.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(stub.listener, (struct sockaddr *)&in, sizeof(in)), 0);
	assert_int_equal(listen(stub.listener, 16), 0);
	assert_int_equal(getsockname(stub.listener, (struct sockaddr *)&in, &len), 0);
	stub.port = ntohs(in.sin_port);
	assert_int_equal(pthread_create(&stub.thread, NULL, stub_main, NULL), 0);
}

static inline void
stub_stop(void)
{
	shutdown(stub.listener, SHUT_RDWR);
	pthread_join(stub.thread, NULL);
	close(stub.listener);
}

#endif
