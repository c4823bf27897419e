/* SPDX-License-Identifier: Apache-2.0 */
/* What a program that systemd has started says to it and gets from it. */
#include "base/service.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#define NOTE_MAX 512

int
service_exit_status(enum err err)
{
	if (err == OK)
		return EX_OK;
	return err == ERR_CONFIG || err == ERR_INTEGRITY ? EX_CONFIG : EX_TEMPFAIL;
}

static void
tell(const char *note)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const char *path = getenv("NOTIFY_SOCKET");
	size_t len = path ? strlen(path) : 0;

	if (len < 2 || len >= sizeof(address.sun_path) || (*path != '/' && *path != '@'))
		return;
	memcpy(address.sun_path, path, len);
	if (*path == '@') /* a name that is no file */
		address.sun_path[0] = '\0';
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return;
	socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	(void)sendto(fd, note, strlen(note), MSG_NOSIGNAL, (struct sockaddr *)&address, size);
	close(fd);
}

void
service_ready(void)
{
	tell("READY=1");
}

void
service_stopping(void)
{
	tell("STOPPING=1");
}

void
service_status(const char *text)
{
	char note[NOTE_MAX];

	snprintf(note, sizeof(note), "STATUS=%s", text);
	for (char *c = note; *c; c++)
		if (*c == '\n')
			*c = ' ';
	tell(note);
}

int64_t
service_watchdog_ms(void)
{
	const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	long long ms = usec ? strtoll(usec, NULL, 10) / 1000 : 0;

	if (ms < 1 || (pid && strtoll(pid, NULL, 10) != getpid()))
		return 0;
	return ms;
}

void
service_alive(void)
{
	if (service_watchdog_ms())
		tell("WATCHDOG=1");
}

bool
service_is_credential(const char *path)
{
	const char *folder = getenv("CREDENTIALS_DIRECTORY");
	size_t len = folder ? strlen(folder) : 0;

	return len > 1 && *folder == '/' && strncmp(path, folder, len) == 0 && path[len] == '/' &&
	       !strchr(path + len + 1, '/');
}
