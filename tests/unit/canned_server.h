/* SPDX-License-Identifier: Apache-2.0 */
/* A small HTTP server of threads for tests (after cmocka.h): each path answers well, badly or
 * never. */
#ifndef BAILEE_TESTS_UNIT_CANNED_SERVER_H
#define BAILEE_TESTS_UNIT_CANNED_SERVER_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "net/http_client.h"

#define CONNECTIONS_MAX 1000
#define REQUEST_MAX 65536

struct server {
	int listener;
	uint16_t port;
	pthread_t thread;
	pthread_t workers[CONNECTIONS_MAX];
	int sockets[CONNECTIONS_MAX];
	atomic_int n_connections, n_requests;
	pthread_mutex_t lock;
	char last[REQUEST_MAX]; /* head and body of the last request */
};

struct worker_arg {
	struct server *server;
	int fd;
};

static atomic_bool stopping;

static bool
send_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		data += n;
		len -= (size_t)n;
	}
	return true;
}

static bool
send_text(int fd, const char *text)
{
	return send_all(fd, text, strlen(text));
}

static bool
answer(int fd, const char *head, const char *body)
{
	auto_free char *text =
	    xasprintf("HTTP/1.1 %s\r\nContent-Length: %zu\r\n\r\n%s", head, strlen(body), body);

	return send_text(fd, text);
}

static bool
repeat(int fd, const char *first, const char *again, size_t times)
{
	bool going = send_text(fd, first);

	for (size_t i = 0; i < times && going && !stopping; i++)
		going = send_text(fd, again);
	return false;
}

static bool
wait_for_the_end(int fd)
{
	char byte;

	while (!stopping && recv(fd, &byte, 1, 0) > 0)
		;
	return false;
}

static bool
redirect(int fd, const char *path)
{
	/* "/to/302/http://..." */
	char status[4] = "";
	auto_free char *head = NULL;

	memcpy(status, path + 4, 3);
	head = xasprintf("%s Moved\r\nLocation: %s", status, path + 8);
	return answer(fd, head, "moved");
}

struct behaviour {
	const char *path, *head, *body;
};

static const struct behaviour plain[] = {
	{ "/ok", "200 OK\r\nX-One: 1\r\nX-Two: a\r\nx-two: b\r\nX-TWO: c\r\nX-Bad: \xff\xfe",
	    "hello" },
	{ "/404", "404 Not Found", "no" },
	{ "/503", "503 Unavailable\r\nRetry-After: 3", "later" },
	{ "/204", "204 No Content", "" },
	{ "/304", "304 Not Modified\r\nLocation: /ok", "" },
	{ "/login", "200 OK\r\nSet-Cookie: sid=abc123; HttpOnly\r\nSet-Cookie: deep=1; Path=/deep",
	    "in" },
	{ "/login-redirect", "302 Found\r\nLocation: /deep/echo\r\nSet-Cookie: sid=hop", "" },
	{ "/no-location", "302 Found", "nowhere" },
	{ "/two-locations", "302 Found\r\nLocation: /ok\r\nLocation: /404", "" },
	{ "/loop", "302 Found\r\nLocation: /loop", "" },
	{ "/expired", "200 OK\r\nSet-Cookie: sid=; Max-Age=0", "out" },
};

/* False ends the connection. */
static bool
respond(int fd, const char *path, const char *request)
{
	static const char block[] =
	    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

	for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
		if (strcmp(plain[i].path, path) == 0)
			return answer(fd, plain[i].head, plain[i].body);
	if (strncmp(path, "/echo", 5) == 0 || strncmp(path, "/deep/echo", 10) == 0)
		return answer(fd, "200 OK", request);
	if (strncmp(path, "/to/", 4) == 0)
		return redirect(fd, path);
	if (strcmp(path, "/slow") == 0)
		return wait_for_the_end(fd);
	if (strcmp(path, "/drip") == 0) {
		send_text(fd, "HTTP/1.1 200 OK\r\n\r\nx");
		return wait_for_the_end(fd);
	}
	if (strcmp(path, "/big") == 0)
		return repeat(fd, "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n", block,
		    99999);
	if (strcmp(path, "/endless") == 0)
		return repeat(fd, "HTTP/1.1 200 OK\r\n\r\n", block, 9999999);
	if (strcmp(path, "/endless-chunks") == 0)
		return repeat(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
		    "4\r\nabcd\r\n", 9999999);
	if (strcmp(path, "/bad-chunks") == 0)
		return repeat(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "zz\r\n",
		    3);
	if (strcmp(path, "/endless-headers") == 0)
		return repeat(fd, "HTTP/1.1 200 OK\r\n", "X-Many: 0123456789abcdef\r\n", 9999999);
	if (strcmp(path, "/many-short-headers") == 0)
		return repeat(fd, "HTTP/1.1 200 OK\r\n", "a:\r\n",
			   HTTP_CLIENT_HEADER_LINES_MAX + 10) ||
		       send_text(fd, "Content-Length: 0\r\n\r\n");
	if (strcmp(path, "/endless-1xx") == 0)
		return repeat(fd, "", "HTTP/1.1 103 Early Hints\r\nX-A: b\r\n\r\n", 9999999);
	if (strcmp(path, "/garbage") == 0)
		return repeat(fd, "SSH-2.0-garbage\r\n", "\x01\x02garbage\r\n", 3);
	if (strcmp(path, "/half") == 0)
		return repeat(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this", "", 1);
	if (strcmp(path, "/exact-cap") == 0) {
		auto_free char *body = xmalloc(HTTP_CLIENT_BODY_MAX + 1);

		memset(body, 'x', HTTP_CLIENT_BODY_MAX);
		body[HTTP_CLIENT_BODY_MAX] = '\0';
		return answer(fd, "200 OK", body);
	}
	return false; /* "/nothing" */
}

/* The first bytes of one request into `text`; the rest of a long body is read and dropped. */
static bool
read_request(int fd, char *text)
{
	size_t kept = 0, total = 0, need = SIZE_MAX;

	while (total < need) {
		char rest[4096], *end, *length;
		bool full = kept == REQUEST_MAX - 1;
		ssize_t n = recv(fd, full ? rest : text + kept,
		    full ? sizeof rest : REQUEST_MAX - 1 - kept, 0);

		if (n <= 0 || (kept == 0 && text[0] == 0x16)) /* a TLS record */
			return false;
		total += (size_t)n;
		kept += full ? 0 : (size_t)n;
		text[kept] = '\0';
		end = strstr(text, "\r\n\r\n");
		if (!end)
			continue;
		length = strcasestr(text, "\r\nContent-Length:");
		need = (size_t)(end + 4 - text);
		if (length && length < end)
			need += strtoul(length + 17, NULL, 10);
	}
	return true;
}

static void *
serve_connection(void *pointer)
{
	struct worker_arg arg = *(struct worker_arg *)pointer;
	auto_free char *text = xmalloc(REQUEST_MAX);
	bool going = true;

	free(pointer);
	while (going && read_request(arg.fd, text)) {
		char path[4096] = "";

		sscanf(text, "%*s %4095s", path);
		pthread_mutex_lock(&arg.server->lock);
		memcpy(arg.server->last, text, strlen(text) + 1);
		pthread_mutex_unlock(&arg.server->lock);
		arg.server->n_requests++;
		going = respond(arg.fd, path, text);
	}
	shutdown(arg.fd, SHUT_RDWR);
	return NULL;
}

static void *
serve(void *pointer)
{
	struct server *server = pointer;

	for (;;) {
		int fd = accept(server->listener, NULL, NULL), n = server->n_connections;
		struct worker_arg *arg;

		if (fd < 0 || n == CONNECTIONS_MAX)
			return NULL;
		arg = xmalloc(sizeof *arg);
		*arg = (struct worker_arg){ server, fd };
		server->sockets[n] = fd;
		assert_int_equal(pthread_create(&server->workers[n], NULL, serve_connection, arg),
		    0);
		server->n_connections = n + 1;
	}
}

static void
server_start(struct server *server)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof in;

	pthread_mutex_init(&server->lock, NULL);
	server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(server->listener, (struct sockaddr *)&in, sizeof in), 0);
	assert_int_equal(listen(server->listener, 1000), 0);
	assert_int_equal(getsockname(server->listener, (struct sockaddr *)&in, &len), 0);
	server->port = ntohs(in.sin_port);
	assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
}

static void
server_stop(struct server *server)
{
	stopping = true;
	shutdown(server->listener, SHUT_RDWR);
	pthread_join(server->thread, NULL);
	close(server->listener);
	for (int i = 0; i < server->n_connections; i++) {
		shutdown(server->sockets[i], SHUT_RDWR);
		pthread_join(server->workers[i], NULL);
		close(server->sockets[i]);
	}
}

static void
last_request(struct server *server, char out[REQUEST_MAX])
{
	pthread_mutex_lock(&server->lock);
	memcpy(out, server->last, REQUEST_MAX);
	pthread_mutex_unlock(&server->lock);
}

#endif
