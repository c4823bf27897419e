/* SPDX-License-Identifier: Apache-2.0 */
/* A hint to the runners of this host that the queue holds something new. */
#include "base/doorbell.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static bool
make_address(const char *path, struct sockaddr_un *address)
{
	size_t len = strlen(path);

	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (len == 0 || len >= sizeof(address->sun_path))
		return false;
	memcpy(address->sun_path, path, len + 1);
	return true;
}

enum err
doorbell_open(const char *path, int *fd_out, struct errctx *ctx)
{
	struct sockaddr_un address;

	if (!make_address(path, &address))
		return err_set(ctx, ERR_CONFIG, "runner_doorbell",
		    "runner_doorbell is longer than a Unix socket path may be");
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_set(ctx, ERR_CONFIG, "runner_doorbell", "no socket: %s",
		    strerror(errno));
	unlink(path);
	mode_t before = umask(0117);
	int failed = bind(fd, (struct sockaddr *)&address, sizeof(address));
	umask(before);
	if (failed) {
		int why = errno;

		close(fd);
		return err_set(ctx, ERR_CONFIG, "runner_doorbell", "cannot make %s: %s", path,
		    strerror(why));
	}
	*fd_out = fd;
	return OK;
}

bool
doorbell_wait(int fd)
{
	char rings[64];
	ssize_t n = recv(fd, rings, sizeof(rings), 0);

	while (n > 0 && recv(fd, rings, sizeof(rings), MSG_DONTWAIT) > 0)
		;
	return n > 0 || (n < 0 && errno == EINTR);
}

void
doorbell_ring(const char *path)
{
	static int fd = -1;
	struct sockaddr_un address;

	if (!make_address(path, &address))
		return;
	if (fd < 0)
		fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd >= 0 && sendto(fd, "", 1, 0, (struct sockaddr *)&address, sizeof(address)) < 0)
		return; /* no runner here, or it has been told often enough */
}
