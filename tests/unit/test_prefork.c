/* SPDX-License-Identifier: Apache-2.0 */
/* A real pool of workers on a real socket: killed, stuck, drained, reloaded, orphaned. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "web/prefork.h"

#define ANSWER_MAX 262144

/* What the test tells the pool, and the pool the test; shared memory. */
struct board {
	_Atomic unsigned workers;
	_Atomic int version; /* of the "configuration" */
	_Atomic int reload_fails, start_fails;
	_Atomic int64_t request_limit_s, drain_s, max_requests;
	_Atomic int starts, stops, after_calls, idle_calls, waiters, most_waiters;
	_Atomic int waiter; /* pid of the last one */
	char user[32];
	char message[ERR_TEXT_MAX];
};

struct fixture {
	char dir[64];
	char path[100];
	pid_t master;
	struct board *board;
};

static struct board *board; /* of this process */
static int own_version;

/* ---- the program in the pool ---- */

static enum err
reload(void *arg, struct prefork_settings *out, struct errctx *ctx)
{
	const struct fixture *f = arg;

	if (board->reload_fails)
		return err_set(ctx, ERR_CONFIG, "", "the file is wrong");
	*out = (struct prefork_settings){
		.workers = board->workers,
		.request_limit_s = board->request_limit_s,
		.drain_s = board->drain_s,
		.max_requests = board->max_requests,
		.body_limit = 100000,
	};
	snprintf(out->listen_socket, sizeof(out->listen_socket), "%s", f->path);
	snprintf(out->user, sizeof(out->user), "%s", board->user);
	own_version = board->version;
	return OK;
}

static enum err
worker_start(void *arg, struct errctx *ctx)
{
	(void)arg;
	atomic_fetch_add(&board->starts, 1);
	if (board->start_fails > 0)
		return err_set(ctx, ERR_CONFIG, "", "the key file is wrong");
	if (board->start_fails < 0) {
		atomic_fetch_add(&board->start_fails, 1);
		return err_set(ctx, ERR_IO, "", "not yet");
	}
	return OK;
}

static void
worker_stop(void *arg)
{
	(void)arg;
	atomic_fetch_add(&board->stops, 1);
}

static void
after(void *arg)
{
	(void)arg;
	atomic_fetch_add(&board->after_calls, 1);
}

static void
idle(void *arg)
{
	(void)arg;
	atomic_fetch_add(&board->idle_calls, 1);
}

static void
sleep_ms(int ms)
{
	(void)poll(NULL, 0, ms);
}

static void
hold_while_waiting(struct response *response)
{
	if (!prefork_try_wait_begin()) {
		(void)!response_text(response, "text/plain", "refused", 7);
		return;
	}
	int n = atomic_fetch_add(&board->waiters, 1) + 1;
	if (n > board->most_waiters)
		board->most_waiters = n;
	board->waiter = getpid();
	sleep_ms(300);
	atomic_fetch_sub(&board->waiters, 1);
	prefork_wait_end();
	(void)!response_text(response, "text/plain", "waited", 6);
}

static void
serve(void *arg, const struct request_source *source, struct response *response)
{
	struct request request;
	struct errctx ctx = { 0 };
	enum err err = request_open(&request, source, &ctx);
	char text[64];
	static char large[200000];

	(void)arg;
	snprintf(text, sizeof(text), "%d %d", (int)getpid(), own_version);
	if (err) {
		response_error(response, SURFACE_V2, &ctx);
	} else if (!strcmp(request.path, "/sleep")) {
		sleep_ms(400);
		(void)!response_text(response, "text/plain", text, strlen(text));
	} else if (!strcmp(request.path, "/stuck")) {
		for (;;)
			sleep_ms(1000);
	} else if (!strcmp(request.path, "/wait")) {
		hold_while_waiting(response);
	} else if (!strcmp(request.path, "/echo")) {
		(void)!response_text(response, "text/plain", request.body, request.body_len);
	} else if (!strcmp(request.path, "/user")) {
		snprintf(text, sizeof(text), "%d %d %d %d", (int)getuid(), (int)geteuid(),
		    (int)getegid(), getgroups(0, NULL));
		(void)!response_text(response, "text/plain", text, strlen(text));
	} else if (!strcmp(request.path, "/large")) {
		memset(large, 'x', sizeof(large));
		(void)!response_text(response, "text/plain", large, sizeof(large));
	} else {
		(void)!response_text(response, "text/plain", text, strlen(text));
	}
	response_finish(response, request.id, request.head);
	request_close(&request);
}

static int
run_pool(struct fixture *f)
{
	const struct prefork_program program = {
		.name = "test_prefork",
		.arg = f,
		.reload = reload,
		.worker_start = worker_start,
		.serve = serve,
		.after = after,
		.idle = idle,
		.worker_stop = worker_stop,
	};
	struct errctx ctx = { 0 };
	enum err err = prefork_run(&program, &ctx);

	snprintf(board->message, sizeof(board->message), "%s", err ? err_text(&ctx) : "");
	return (int)err;
}

/* ---- a FastCGI client of the test's own (FastCGI specification, section 3.3) ---- */

static void
put_record(char *to, size_t *n, int type, const char *data, size_t len)
{
	const unsigned char head[8] = { 1, (unsigned char)type, 0, 1, (unsigned char)(len >> 8),
		(unsigned char)len, 0, 0 };

	memcpy(to + *n, head, sizeof(head));
	*n += sizeof(head);
	if (len)
		memcpy(to + *n, data, len);
	*n += len;
}

static void
put_param(char *to, size_t *n, const char *name, const char *value)
{
	to[(*n)++] = (char)strlen(name);
	to[(*n)++] = (char)strlen(value);
	memcpy(to + *n, name, strlen(name));
	*n += strlen(name);
	memcpy(to + *n, value, strlen(value));
	*n += strlen(value);
}

static int
connect_to(const struct fixture *f)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(address.sun_path, f->path, strlen(f->path));
	if (connect(fd, (struct sockaddr *)&address, sizeof(address))) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Connects and sends a request; the answer is read by finish(). -1 when nobody listens. */
static int
begin_body(const struct fixture *f, const char *method, const char *path, const char *body,
    size_t body_len)
{
	static char out[400000], params[1024];
	size_t n = 0, n_params = 0;
	char length[24];
	int fd = connect_to(f);

	if (fd < 0)
		return -1;
	snprintf(length, sizeof(length), "%zu", body_len);
	put_param(params, &n_params, "REQUEST_METHOD", method);
	put_param(params, &n_params, "REQUEST_URI", path);
	put_param(params, &n_params, "CONTENT_LENGTH", length);
	put_record(out, &n, 1, "\0\1\0\0\0\0\0\0", 8);
	put_record(out, &n, 4, params, n_params);
	put_record(out, &n, 4, "", 0);
	for (size_t at = 0; at < body_len; at += 30000)
		put_record(out, &n, 5, body + at, body_len - at < 30000 ? body_len - at : 30000);
	put_record(out, &n, 5, "", 0);
	for (size_t at = 0; at < n;) {
		ssize_t sent = send(fd, out + at, n - at, MSG_NOSIGNAL);

		if (sent <= 0)
			break;
		at += (size_t)sent;
	}
	return fd;
}

static int
begin(const struct fixture *f, const char *path)
{
	return begin_body(f, "GET", path, "", 0);
}

/* Reads the whole answer: its header block and body, "" when the connection ended without one. */
static const char *
finish(int fd)
{
	static unsigned char in[ANSWER_MAX];
	static char text[ANSWER_MAX + 1];
	size_t n = 0, n_text = 0;
	ssize_t got;

	while (n < sizeof(in) && (got = read(fd, in + n, sizeof(in) - n)) > 0)
		n += (size_t)got;
	close(fd);
	for (size_t at = 0; at + 8 <= n;) {
		size_t len = (size_t)in[at + 4] << 8 | in[at + 5];

		if (at + 8 + len > n)
			break;
		if (in[at + 1] == 6) {
			memcpy(text + n_text, in + at + 8, len);
			n_text += len;
		}
		at += 8 + len + in[at + 6];
	}
	text[n_text] = '\0';
	return text;
}

static const char *
body_of(const char *answer)
{
	const char *end = strstr(answer, "\r\n\r\n");

	return end ? end + 4 : "";
}

/* Pid and version of the worker that answers; 0 when none does. */
static int
ask(const struct fixture *f, int *version_out)
{
	int fd = begin(f, "/"), pid = 0, version = 0;

	if (fd < 0 || sscanf(body_of(finish(fd)), "%d %d", &pid, &version) != 2)
		return 0;
	if (version_out)
		*version_out = version;
	return pid;
}

/* ---- fixture ---- */

static void
start_pool(struct fixture *f)
{
	fflush(NULL);
	f->master = fork();
	assert_true(f->master >= 0);
	if (f->master == 0)
		exit(run_pool(f));
}

static void
wait_ready(const struct fixture *f)
{
	for (int i = 0; i < 500; i++) {
		if (ask(f, NULL))
			return;
		sleep_ms(10);
	}
	fail_msg("the pool does not answer");
}

/* Exit code of the master, or -1 when a signal ended it. */
static int
wait_end(struct fixture *f)
{
	int status;

	assert_int_equal(waitpid(f->master, &status, 0), f->master);
	f->master = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool
until(const _Atomic int *value, int least)
{
	for (int i = 0; i < 500 && *value < least; i++)
		sleep_ms(10);
	return *value >= least;
}

static int
set_up(void **state)
{
	static struct fixture fixture;
	const char *tmp = getenv("TMPDIR");

	memset(&fixture, 0, sizeof(fixture));
	snprintf(fixture.dir, sizeof(fixture.dir), "%s/prefork.XXXXXX",
	    tmp && strlen(tmp) < 40 ? tmp : "/tmp");
	assert_non_null(mkdtemp(fixture.dir));
	snprintf(fixture.path, sizeof(fixture.path), "%s/socket", fixture.dir);
	board =
	    mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(board != MAP_FAILED);
	fixture.board = board;
	board->workers = 2;
	board->version = 1;
	board->request_limit_s = 20;
	board->drain_s = 10;
	*state = &fixture;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	if (f->master) {
		kill(f->master, SIGTERM);
		(void)wait_end(f);
	}
	unlink(f->path);
	rmdir(f->dir);
	munmap(board, sizeof(*board));
	return 0;
}

/* ---- tests ---- */

static void
answers_with_bodies_small_and_large(void **state)
{
	struct fixture *f = *state;
	static char body[100000 + 1];

	start_pool(f);
	wait_ready(f);
	memset(body, 'b', 100000);
	assert_string_equal(body_of(finish(begin_body(f, "POST", "/echo", "hi", 2))), "hi");
	assert_string_equal(body_of(finish(begin_body(f, "POST", "/echo", body, 100000))), body);
	assert_int_equal(strlen(body_of(finish(begin(f, "/large")))), 200000);
	const char *head = finish(begin_body(f, "HEAD", "/large", "", 0));
	assert_non_null(strstr(head, "Content-Length: 200000\r\n"));
	assert_string_equal(body_of(head), "");
}

static void
refuses_bodies_over_the_limit_unread(void **state)
{
	struct fixture *f = *state;
	static char body[150000];

	start_pool(f);
	wait_ready(f);
	memset(body, 'b', sizeof(body));
	const char *answer = finish(begin_body(f, "POST", "/echo", body, 100001));
	assert_non_null(strstr(answer, "Status: 413 "));
	assert_true(ask(f, NULL) > 0);
}

static void
socket_is_for_owner_and_group_only(void **state)
{
	struct fixture *f = *state;
	struct stat status;

	start_pool(f);
	wait_ready(f);
	assert_int_equal(stat(f->path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0660);
}

static void
replaces_a_killed_worker(void **state)
{
	struct fixture *f = *state;

	board->workers = 1;
	start_pool(f);
	wait_ready(f);
	int pid = ask(f, NULL);
	for (int round = 0; round < 3; round++) {
		assert_int_equal(kill(pid, SIGKILL), 0);
		/* the connection waits in the backlog until the next worker takes it */
		int next = ask(f, NULL);
		while (next == 0 || next == pid)
			next = ask(f, NULL);
		pid = next;
	}
	assert_int_equal(board->stops, 0);
}

static void
term_drains_without_a_lost_request(void **state)
{
	struct fixture *f = *state;
	int fds[6];
	int64_t started_ms;

	start_pool(f);
	wait_ready(f);
	for (size_t i = 0; i < 6; i++) /* more than there are workers */
		assert_true((fds[i] = begin(f, "/sleep")) >= 0);
	sleep_ms(50);
	started_ms = clock_monotonic_ms();
	kill(f->master, SIGTERM);
	for (size_t i = 0; i < 6; i++)
		assert_non_null(strstr(finish(fds[i]), "Status: 200 "));
	assert_int_equal(wait_end(f), OK);
	assert_true(clock_monotonic_ms() - started_ms < 5000);
	assert_int_equal(access(f->path, F_OK), -1);
	assert_int_equal(board->stops, 2);
}

static void
drain_has_an_end(void **state)
{
	struct fixture *f = *state;

	board->drain_s = 1;
	start_pool(f);
	wait_ready(f);
	int fd = begin(f, "/stuck");
	sleep_ms(50);
	int64_t started_ms = clock_monotonic_ms();
	kill(f->master, SIGTERM);
	assert_int_equal(wait_end(f), OK);
	assert_in_range(clock_monotonic_ms() - started_ms, 900, 4000);
	close(fd);
}

static void
ends_and_replaces_a_stuck_worker(void **state)
{
	struct fixture *f = *state;

	board->workers = 1;
	board->request_limit_s = 1;
	start_pool(f);
	wait_ready(f);
	int pid = ask(f, NULL), fd = begin(f, "/stuck");
	int64_t started_ms = clock_monotonic_ms();
	int next = ask(f, NULL); /* waits behind the stuck one */
	assert_true(next > 0 && next != pid);
	assert_in_range(clock_monotonic_ms() - started_ms, 900, 6000);
	assert_string_equal(finish(fd), "");
}

static void
a_silent_peer_does_not_hold_a_worker_for_ever(void **state)
{
	struct fixture *f = *state;

	board->workers = 1;
	board->request_limit_s = 1;
	start_pool(f);
	wait_ready(f);
	int fd = connect_to(f);
	assert_int_equal(send(fd, "\1\1\0", 3, MSG_NOSIGNAL), 3); /* the start of a record */
	assert_true(ask(f, NULL) > 0);
	close(fd);
}

static void
hup_replaces_workers_without_a_failed_request(void **state)
{
	struct fixture *f = *state;
	int version = 0, failed = 0;

	start_pool(f);
	wait_ready(f);
	int slow = begin(f, "/sleep");
	board->version = 2;
	board->workers = 4;
	kill(f->master, SIGHUP);
	for (int i = 0; i < 500 && version != 2; i++) {
		failed += ask(f, &version) == 0;
		sleep_ms(5);
	}
	assert_int_equal(version, 2);
	assert_int_equal(failed, 0);
	assert_non_null(strstr(finish(slow), "Status: 200 "));
	assert_true(until(&board->stops, 2));
	assert_int_equal(board->starts, 6);
	for (int i = 0; i < 20; i++) {
		assert_true(ask(f, &version) > 0);
		assert_int_equal(version, 2);
	}
}

static void
a_reload_that_fails_keeps_the_old_workers(void **state)
{
	struct fixture *f = *state;
	int version = 0;

	board->workers = 1;
	start_pool(f);
	wait_ready(f);
	int pid = ask(f, NULL);
	board->version = 2;
	board->reload_fails = 1;
	kill(f->master, SIGHUP);
	sleep_ms(200);
	assert_int_equal(ask(f, &version), pid);
	assert_int_equal(version, 1);
	board->reload_fails = 0;
	board->start_fails = 1; /* read well, but workers refuse it */
	kill(f->master, SIGHUP);
	assert_true(until(&board->starts, 2));
	sleep_ms(200);
	assert_int_equal(ask(f, &version), pid);
	assert_int_equal(version, 1);
	board->start_fails = 0;
	kill(f->master, SIGHUP);
	for (int i = 0; i < 500 && version != 2; i++) {
		assert_true(ask(f, &version) > 0);
		sleep_ms(5);
	}
	assert_int_equal(version, 2);
}

static void
wrong_configuration_at_start_ends_the_program(void **state)
{
	struct fixture *f = *state;

	board->start_fails = 1;
	start_pool(f);
	assert_int_equal(wait_end(f), ERR_CONFIG);
	assert_string_equal(board->message, "the key file is wrong");
	assert_int_equal(access(f->path, F_OK), -1);
	board->start_fails = 0;
	board->reload_fails = 1;
	start_pool(f);
	assert_int_equal(wait_end(f), ERR_CONFIG);
	assert_string_equal(board->message, "the file is wrong");
}

static void
other_trouble_at_start_is_tried_again(void **state)
{
	struct fixture *f = *state;

	board->workers = 1;
	board->start_fails = -3;
	int64_t started_ms = clock_monotonic_ms();
	start_pool(f);
	wait_ready(f);
	assert_int_equal(board->starts, 4);
	assert_true(clock_monotonic_ms() - started_ms >= 100 + 200 + 400); /* slower each time */
}

static void
workers_end_with_a_killed_master(void **state)
{
	struct fixture *f = *state;

	start_pool(f);
	wait_ready(f);
	int pid = ask(f, NULL);
	kill(f->master, SIGKILL);
	assert_int_equal(wait_end(f), -1);
	assert_true(until(&board->stops, 2));
	for (int i = 0; i < 500 && kill(pid, 0) == 0; i++)
		sleep_ms(10);
	assert_int_equal(connect_to(f),
	    -1); /* a stale socket file, which the next start replaces */
	start_pool(f);
	wait_ready(f);
}

static void
refuses_a_socket_that_somebody_answers_on(void **state)
{
	struct fixture *f = *state;
	struct fixture other = *f;

	start_pool(f);
	wait_ready(f);
	start_pool(&other);
	assert_int_equal(wait_end(&other), ERR_CONFIG);
	assert_non_null(strstr(board->message, "another program answers"));
	assert_true(ask(f, NULL) > 0); /* and its end took nothing away */
}

static void
refuses_a_file_that_is_no_socket(void **state)
{
	struct fixture *f = *state;
	int fd = open(f->path, O_CREAT | O_WRONLY, 0600);

	close(fd);
	start_pool(f);
	assert_int_equal(wait_end(f), ERR_CONFIG);
	assert_int_equal(access(f->path, F_OK), 0);
}

static void
at_most_half_of_the_workers_wait(void **state)
{
	struct fixture *f = *state;
	int fds[4], waited = 0, refused = 0;

	board->workers = 4;
	start_pool(f);
	wait_ready(f);
	for (int round = 0; round < 3; round++) {
		waited = refused = 0;
		for (size_t i = 0; i < 4; i++)
			fds[i] = begin(f, "/wait");
		for (size_t i = 0; i < 4; i++) {
			const char *answer = body_of(finish(fds[i]));

			waited += !strcmp(answer, "waited");
			refused += !strcmp(answer, "refused");
		}
		assert_int_equal(waited + refused, 4);
		assert_int_equal(waited, 2);
	}
	assert_int_equal(board->most_waiters, 2);
}

static void
a_single_worker_never_waits(void **state)
{
	struct fixture *f = *state;

	board->workers = 1;
	start_pool(f);
	wait_ready(f);
	assert_string_equal(body_of(finish(begin(f, "/wait"))), "refused");
}

static void
a_worker_killed_while_waiting_gives_its_place_back(void **state)
{
	struct fixture *f = *state;

	start_pool(f); /* two workers: one may wait */
	wait_ready(f);
	int fd = begin(f, "/wait");
	for (int i = 0; i < 200 && !board->waiters; i++)
		sleep_ms(5);
	assert_string_equal(body_of(finish(begin(f, "/wait"))), "refused");
	kill(board->waiter, SIGKILL);
	assert_string_equal(finish(fd), "");
	for (int i = 0; i < 200; i++) { /* until it is reaped */
		if (!strcmp(body_of(finish(begin(f, "/wait"))), "waited"))
			return;
		sleep_ms(10);
	}
	fail_msg("the place is lost");
}

static void
workers_are_replaced_after_their_requests(void **state)
{
	struct fixture *f = *state;

	board->max_requests = 5;
	start_pool(f);
	wait_ready(f);
	for (int i = 0; i < 40; i++)
		assert_true(ask(f, NULL) > 0);
	assert_true(until(&board->starts, 6));
	assert_true(until(&board->after_calls, 40));
}

static void
idle_work_is_done_between_requests(void **state)
{
	struct fixture *f = *state;

	start_pool(f);
	wait_ready(f);
	assert_true(until(&board->idle_calls, 1));
}

static void
takes_an_inherited_socket(void **state)
{
	struct fixture *f = *state;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	memcpy(address.sun_path, f->path, strlen(f->path));
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 16), 0);
	fflush(NULL);
	f->master = fork();
	if (f->master == 0) {
		char pid[16];

		dup2(fd, 3);
		snprintf(pid, sizeof(pid), "%d", (int)getpid());
		setenv("LISTEN_PID", pid, 1);
		setenv("LISTEN_FDS", "1", 1);
		exit(run_pool(f));
	}
	close(fd);
	wait_ready(f);
	kill(f->master, SIGTERM);
	assert_int_equal(wait_end(f), OK);
	assert_int_equal(access(f->path, F_OK), 0); /* it is not ours to remove */
}

static void
workers_give_root_up(void **state)
{
	struct fixture *f = *state;
	const struct passwd *nobody = getpwnam("nobody");
	char expected[64];
	struct stat status;

	if (geteuid() != 0 || !nobody)
		skip();
	snprintf(board->user, sizeof(board->user), "nobody");
	start_pool(f);
	wait_ready(f);
	snprintf(expected, sizeof(expected), "%d %d %d 1", (int)nobody->pw_uid, (int)nobody->pw_uid,
	    (int)nobody->pw_gid);
	assert_string_equal(body_of(finish(begin(f, "/user"))), expected);
	assert_int_equal(stat(f->path, &status), 0);
	assert_int_equal(status.st_uid, nobody->pw_uid);
	kill(f->master, SIGKILL); /* workers of another user end with it all the same */
	assert_int_equal(wait_end(f), -1);
	assert_true(until(&board->stops, 2));
}

static void
an_unknown_user_ends_the_program(void **state)
{
	struct fixture *f = *state;

	if (geteuid() != 0)
		skip();
	snprintf(board->user, sizeof(board->user), "no-such-user");
	start_pool(f);
	assert_int_equal(wait_end(f), ERR_CONFIG);
	assert_non_null(strstr(board->message, "no-such-user"));
}

#define POOL_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		POOL_TEST(answers_with_bodies_small_and_large),
		POOL_TEST(refuses_bodies_over_the_limit_unread),
		POOL_TEST(socket_is_for_owner_and_group_only),
		POOL_TEST(replaces_a_killed_worker),
		POOL_TEST(term_drains_without_a_lost_request),
		POOL_TEST(drain_has_an_end),
		POOL_TEST(ends_and_replaces_a_stuck_worker),
		POOL_TEST(a_silent_peer_does_not_hold_a_worker_for_ever),
		POOL_TEST(hup_replaces_workers_without_a_failed_request),
		POOL_TEST(a_reload_that_fails_keeps_the_old_workers),
		POOL_TEST(wrong_configuration_at_start_ends_the_program),
		POOL_TEST(other_trouble_at_start_is_tried_again),
		POOL_TEST(workers_end_with_a_killed_master),
		POOL_TEST(refuses_a_socket_that_somebody_answers_on),
		POOL_TEST(refuses_a_file_that_is_no_socket),
		POOL_TEST(at_most_half_of_the_workers_wait),
		POOL_TEST(a_single_worker_never_waits),
		POOL_TEST(a_worker_killed_while_waiting_gives_its_place_back),
		POOL_TEST(workers_are_replaced_after_their_requests),
		POOL_TEST(idle_work_is_done_between_requests),
		POOL_TEST(takes_an_inherited_socket),
		POOL_TEST(workers_give_root_up),
		POOL_TEST(an_unknown_user_ends_the_program),
	};

	log_setup("test_prefork", LOG_ERROR, false);
	return cmocka_run_group_tests_name("prefork", tests, NULL, NULL);
}
