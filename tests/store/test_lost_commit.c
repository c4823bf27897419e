/* SPDX-License-Identifier: Apache-2.0 */
/* A COMMIT whose answer never comes, or says nothing: what has landed is not done again, what has
 * not is. A proxy on a Unix socket cuts. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "store/migrate.h"
#include "store/store.h"

enum cut {
	CUT_NEVER,
	CUT_BEFORE_COMMIT,
	CUT_AFTER_COMMIT,
	CUT_LATE_COMMIT,
	CUT_ERROR_AFTER_COMMIT, /* the connection stays; 1180, as a node says that is thrown out */
	CUT_ERROR_BEFORE_COMMIT /* the same, with 1047 */
};

static struct {
	char dir[64], path[108];
	int listen_fd;
	_Atomic int cut; /* how often to cut, and where: taken by the next COMMIT */
	_Atomic int cuts_left;
} proxy;

static struct store store;
static struct config config;

static int
connect_to(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	return connect(fd, (struct sockaddr *)&address, sizeof(address)) ? -1 : fd;
}

static bool
pass_on(int from, int to, char *data, ssize_t *n)
{
	*n = read(from, data, 65536);
	return *n > 0 && write(to, data, (size_t)*n) == *n;
}

/* The answer of a server that refuses, to the first packet of a command. */
static void
answer_error(int client, unsigned number)
{
	const unsigned char packet[] = { 12, 0, 0, 1, 0xff, (unsigned char)number,
		(unsigned char)(number >> 8), '#', 'H', 'Y', '0', '0', '0', 'n', 'o', 't' };

	assert_int_equal(write(client, packet, sizeof(packet)), sizeof(packet));
}

/* Do with a COMMIT what was asked for; says whether the connection stays. */
static bool
cut_commit(int client, int server, char *data, ssize_t n)
{
	int cut = atomic_load(&proxy.cut);

	if (cut == CUT_LATE_COMMIT) {
		shutdown(client, SHUT_RDWR);
		usleep(400000);
	}
	if (cut != CUT_BEFORE_COMMIT && cut != CUT_ERROR_BEFORE_COMMIT &&
	    write(server, data, (size_t)n) == n)
		n = read(server, data, 65536); /* it has landed; nobody is told */
	if (cut < CUT_ERROR_AFTER_COMMIT)
		return false;
	answer_error(client, cut == CUT_ERROR_AFTER_COMMIT ? 1180 : 1047);
	return true;
}

/* Carry one connection; a COMMIT (COM_QUERY is 3) is dropped, or passed on and its answer dropped,
 * at once or when the client has long hung up. */
static void *
carry(void *arg)
{
	int client = (int)(intptr_t)arg, server = connect_to(getenv("BAILEE_TEST_DB_SOCKET"));
	char *data = xmalloc(65536);
	struct pollfd fds[2] = { { client, POLLIN, 0 }, { server, POLLIN, 0 } };

	while (poll(fds, 2, 20000) > 0) {
		ssize_t n = 0;

		if (fds[1].revents && !pass_on(server, client, data, &n))
			break;
		if (!fds[0].revents)
			continue;
		n = read(client, data, 65536);
		bool commit = n > 0 && memmem(data, (size_t)n, "\3COMMIT", 7) != NULL;
		if (n > 0 && commit && atomic_load(&proxy.cuts_left) > 0) {
			atomic_fetch_sub(&proxy.cuts_left, 1);
			if (!cut_commit(client, server, data, n))
				break;
			continue;
		}
		if (n <= 0 || write(server, data, (size_t)n) != n)
			break;
	}
	close(client);
	close(server);
	free(data);
	return NULL;
}

static void *
accept_all(void *arg)
{
	pthread_t thread;
	(void)arg;

	for (;;) {
		int fd = accept(proxy.listen_fd, NULL, NULL);

		if (fd < 0)
			return NULL;
		if (pthread_create(&thread, NULL, carry, (void *)(intptr_t)fd) == 0)
			pthread_detach(thread);
	}
}

static int
start(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct errctx ctx = { 0 };
	pthread_t thread;
	struct db *db;
	(void)state;

	snprintf(proxy.dir, sizeof(proxy.dir), "/tmp/bailee-test-XXXXXX");
	assert_non_null(mkdtemp(proxy.dir));
	snprintf(proxy.path, sizeof(proxy.path), "%s/s", proxy.dir);
	memcpy(address.sun_path, proxy.path, sizeof(proxy.path));
	proxy.listen_fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(proxy.listen_fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(proxy.listen_fd, 16), 0);
	assert_int_equal(pthread_create(&thread, NULL, accept_all, NULL), 0);
	pthread_detach(thread);
	snprintf(config.db_socket, sizeof(config.db_socket), "%s", proxy.path);
	snprintf(config.db_user, sizeof(config.db_user), "%s", getenv("BAILEE_TEST_DB_USER"));
	snprintf(config.db_name, sizeof(config.db_name), "%s", getenv("BAILEE_TEST_DB_NAME"));
	config.db_timeout_s = 5;
	assert_int_equal(db_open(&config, &db, &ctx), OK);
	store_init(&store, db, NULL);
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	shutdown(proxy.listen_fd, SHUT_RDWR);
	close(proxy.listen_fd);
	unlink(proxy.path);
	rmdir(proxy.dir);
	store_close(&store);
	return 0;
}

static void
no_progress(int version, const char *file)
{
	(void)version;
	(void)file;
}

static int
fresh(void **state)
{
	struct errctx ctx = { 0 };
	(void)state;

	atomic_store(&proxy.cuts_left, 0);
	if (migrate_run(&store, getenv("BAILEE_TEST_SCHEMA"), no_progress, &ctx))
		return 1;
	return db_script(store.db, "DELETE FROM audit; DELETE FROM organization", &ctx);
}

static const struct stmt add_organization = { "add",
	"INSERT INTO organization (name) VALUES ('once')", NULL, 0, NULL, 0 };
struct count_row {
	int64_t organizations, audits;
};
static const struct col count_cols[] = { COL(INT, struct count_row, organizations),
	COL(INT, struct count_row, audits) };
static const struct stmt count = { "count",
	"SELECT (SELECT COUNT(*) FROM organization), (SELECT COUNT(*) FROM audit)", NULL, 0,
	count_cols, COL_N(count_cols) };

static enum err
body(struct store *with, void *arg, struct audit_entry *audit, struct errctx *ctx)
{
	(*(int *)arg)++;
	(void)audit;
	return stmt_run(with->db, &add_organization, NULL, NULL, ctx);
}

static enum err
write_with_cuts(enum cut cut, int times, int *runs_out)
{
	struct audit_entry audit = { .event = "test", .actor = "test" };
	struct errctx ctx = { 0 };

	*runs_out = 0;
	assert_int_equal(db_ping(store.db, &ctx), OK);
	atomic_store(&proxy.cut, cut);
	atomic_store(&proxy.cuts_left, times);
	return store_write(&store, &audit, body, runs_out, &ctx);
}

static void
expect_rows(int n)
{
	struct count_row row = { 0 };
	struct errctx ctx = { 0 };

	assert_int_equal(stmt_one(store.db, &count, NULL, &row, &ctx), OK);
	assert_int_equal(row.organizations, n);
	assert_int_equal(row.audits, n);
}

static void
without_trouble_it_runs_once(void **state)
{
	int runs;
	(void)state;

	assert_int_equal(write_with_cuts(CUT_NEVER, 0, &runs), OK);
	assert_int_equal(runs, 1);
	expect_rows(1);
}

static void
a_commit_that_landed_without_an_answer_is_not_done_again(void **state)
{
	int runs;
	(void)state;

	assert_int_equal(write_with_cuts(CUT_AFTER_COMMIT, 1, &runs), OK);
	assert_int_equal(runs, 1);
	expect_rows(1);
}

static void
a_commit_that_never_arrived_is_done_again(void **state)
{
	int runs;
	(void)state;

	assert_int_equal(write_with_cuts(CUT_BEFORE_COMMIT, 2, &runs), OK);
	assert_int_equal(runs, 3);
	expect_rows(1);
}

static void
a_commit_that_lands_after_the_client_hung_up_is_waited_for(void **state)
{
	int runs;
	(void)state;

	assert_int_equal(write_with_cuts(CUT_LATE_COMMIT, 1, &runs), OK);
	assert_int_equal(runs, 1);
	expect_rows(1);
}

static void
a_commit_that_landed_but_was_answered_with_an_error_is_not_done_again(void **state)
{
	int runs;
	(void)state;

	assert_int_equal(write_with_cuts(CUT_ERROR_AFTER_COMMIT, 1, &runs), OK);
	assert_int_equal(runs, 1);
	expect_rows(1);
}

static void
a_commit_refused_by_a_node_without_its_cluster_is_done_again_on_a_new_connection(void **state)
{
	int runs;
	(void)state;

	assert_int_equal(write_with_cuts(CUT_ERROR_BEFORE_COMMIT, 2, &runs), OK);
	assert_int_equal(runs, 3);
	expect_rows(1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(without_trouble_it_runs_once, fresh),
		cmocka_unit_test_setup(a_commit_that_landed_without_an_answer_is_not_done_again,
		    fresh),
		cmocka_unit_test_setup(a_commit_that_lands_after_the_client_hung_up_is_waited_for,
		    fresh),
		cmocka_unit_test_setup(a_commit_that_never_arrived_is_done_again, fresh),
		cmocka_unit_test_setup(
		    a_commit_that_landed_but_was_answered_with_an_error_is_not_done_again, fresh),
		cmocka_unit_test_setup(
		    a_commit_refused_by_a_node_without_its_cluster_is_done_again_on_a_new_connection,
		    fresh),
	};
	return cmocka_run_group_tests_name("lost_commit", tests, start, stop);
}
