/* SPDX-License-Identifier: Apache-2.0 */
/* Under systemd: the notes a program sends, what counts as a credential, lines for the journal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/service.h"

/* A manager's socket at a path, or at a name that is no file when it begins with '@'. */
static int
listen_for_notes(const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	memcpy(address.sun_path, name, strlen(name));
	if (*name == '@')
		address.sun_path[0] = '\0';
	assert_int_equal(bind(fd, (struct sockaddr *)&address,
			     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))),
	    0);
	assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
	return fd;
}

static void
expect_note(int fd, const char *expected)
{
	char note[1024];
	ssize_t n = recv(fd, note, sizeof(note) - 1, 0);

	assert_true(n > 0);
	note[n] = '\0';
	assert_string_equal(note, expected);
}

static void
says_how_far_it_is(int fd)
{
	service_ready();
	expect_note(fd, "READY=1");
	service_status("waiting");
	expect_note(fd, "STATUS=waiting");
	service_stopping();
	expect_note(fd, "STOPPING=1");
	close(fd);
}

static void
notes_reach_a_socket_file_and_a_name(void **state)
{
	char path[80], name[80];
	(void)state;

	snprintf(path, sizeof(path), "/tmp/bailee-notify-%d", (int)getpid());
	snprintf(name, sizeof(name), "@bailee-notify-%d", (int)getpid());
	says_how_far_it_is(listen_for_notes(path));
	assert_int_equal(unlink(path), 0);
	says_how_far_it_is(listen_for_notes(name));
}

static void
a_status_is_one_note_of_one_line(void **state)
{
	char path[80], text[2000];
	(void)state;

	snprintf(path, sizeof(path), "/tmp/bailee-notify-%d", (int)getpid());
	int fd = listen_for_notes(path);
	service_status("bad line\nMAINPID=1");
	expect_note(fd, "STATUS=bad line MAINPID=1");
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	service_status(text);
	assert_in_range(recv(fd, text, sizeof(text), 0), 100, 1000);
	close(fd);
	unlink(path);
}

static void
who_is_watched_says_that_all_is_well_and_nobody_else(void **state)
{
	char path[80], pid[20], other[20], note[8];
	(void)state;

	snprintf(path, sizeof(path), "/tmp/bailee-notify-%d", (int)getpid());
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	snprintf(other, sizeof(other), "%d", (int)getppid());
	const struct {
		const char *usec, *pid;
		int64_t ms;
	} cases[] = {
		{ "180000000", NULL, 180000 },
		{ "180000000", pid, 180000 },
		{ "180000000", other, 0 },
		{ "999", pid, 0 },
		{ "-1", NULL, 0 },
		{ "soon", NULL, 0 },
		{ NULL, pid, 0 },
	};
	int fd = listen_for_notes(path);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsetenv("WATCHDOG_USEC");
		unsetenv("WATCHDOG_PID");
		if (cases[i].usec)
			setenv("WATCHDOG_USEC", cases[i].usec, 1);
		if (cases[i].pid)
			setenv("WATCHDOG_PID", cases[i].pid, 1);
		assert_int_equal(service_watchdog_ms(), cases[i].ms);
		service_alive();
		if (cases[i].ms)
			expect_note(fd, "WATCHDOG=1");
		assert_int_equal(recv(fd, note, sizeof(note), 0), -1);
	}
	unsetenv("WATCHDOG_PID");
	close(fd);
	unlink(path);
}

static void
nobody_who_listens_is_nobody_who_is_told(void **state)
{
	char path[300];
	(void)state;

	unsetenv("NOTIFY_SOCKET");
	service_ready();
	memset(path, '/', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	const char *const names[] = { "", "/", "relative", "/nonexistent/notify", path };
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_int_equal(setenv("NOTIFY_SOCKET", names[i], 1), 0);
		service_ready();
	}
	unsetenv("NOTIFY_SOCKET");
}

static void
a_credential_lies_right_in_the_folder_of_credentials(void **state)
{
	(void)state;
	unsetenv("CREDENTIALS_DIRECTORY");
	assert_false(service_is_credential("/run/credentials/u/key"));
	setenv("CREDENTIALS_DIRECTORY", "/run/credentials/u", 1);
	assert_true(service_is_credential("/run/credentials/u/key"));
	assert_false(service_is_credential("/run/credentials/u2/key"));
	assert_false(service_is_credential("/run/credentials/u/../v/key"));
	assert_false(service_is_credential("/run/credentials/u"));
	assert_false(service_is_credential("key"));
	setenv("CREDENTIALS_DIRECTORY", "", 1);
	assert_false(service_is_credential("/key"));
	setenv("CREDENTIALS_DIRECTORY", "/", 1);
	assert_false(service_is_credential("/key"));
	unsetenv("CREDENTIALS_DIRECTORY");
}

static void
only_what_somebody_must_mend_ends_with_78(void **state)
{
	(void)state;
	assert_int_equal(service_exit_status(OK), 0);
	for (int kind = OK + 1; kind < ERR_COUNT; kind++)
		assert_int_equal(service_exit_status((enum err)kind),
		    kind == ERR_CONFIG || kind == ERR_INTEGRITY ? 78 : 75);
}

/* What one line looks like on a stderr that is, or is not, what JOURNAL_STREAM names. */
static void
write_line(bool journal, char *out, size_t size)
{
	int ends[2], before = dup(STDERR_FILENO);
	char stream[64];
	struct stat st;

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
	assert_int_equal(fstat(ends[1], &st), 0);
	snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)st.st_dev,
	    (uintmax_t)st.st_ino + (journal ? 0 : 1));
	setenv("JOURNAL_STREAM", stream, 1);
	log_setup("test", LOG_INFO, true);
	log_warn(LOG_EVENT("tested"));
	assert_int_equal(dup2(before, STDERR_FILENO), STDERR_FILENO);
	close(before);
	close(ends[1]);
	ssize_t n = read(ends[0], out, size - 1);
	close(ends[0]);
	assert_true(n > 0);
	out[n] = '\0';
	unsetenv("JOURNAL_STREAM");
	log_setup("test", LOG_INFO, false);
}

static void
lines_for_the_journal_begin_with_their_priority(void **state)
{
	char line[500];
	(void)state;

	write_line(true, line, sizeof(line));
	assert_memory_equal(line, "<4>{\"time\":", 11);
	write_line(false, line, sizeof(line));
	assert_memory_equal(line, "{\"time\":", 8);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(notes_reach_a_socket_file_and_a_name),
		cmocka_unit_test(a_status_is_one_note_of_one_line),
		cmocka_unit_test(who_is_watched_says_that_all_is_well_and_nobody_else),
		cmocka_unit_test(nobody_who_listens_is_nobody_who_is_told),
		cmocka_unit_test(a_credential_lies_right_in_the_folder_of_credentials),
		cmocka_unit_test(only_what_somebody_must_mend_ends_with_78),
		cmocka_unit_test(lines_for_the_journal_begin_with_their_priority),
	};
	return cmocka_run_group_tests_name("service", tests, NULL, NULL);
}
