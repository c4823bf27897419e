/* SPDX-License-Identifier: Apache-2.0 */
/* The unix socket a pool listens on: made here, or inherited by socket activation. */
#include "web/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define INHERITED_FD 3
#define BACKLOG 1024

static bool
is_inherited(void)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");

	return pid && fds && strtol(pid, NULL, 10) == getpid() && strtol(fds, NULL, 10) >= 1;
}

static enum err
take_inherited(struct listen_socket *sock, struct errctx *ctx)
{
	int listening = 0;
	socklen_t size = sizeof(listening);

	if (getsockopt(INHERITED_FD, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) || !listening)
		return err_set(ctx, ERR_CONFIG, "LISTEN_FDS",
		    "descriptor %d is no listening socket", INHERITED_FD);
	if (fcntl(INHERITED_FD, F_SETFL, O_NONBLOCK) || fcntl(INHERITED_FD, F_SETFD, FD_CLOEXEC))
		return err_set(ctx, ERR_CONFIG, "LISTEN_FDS", "%s", strerror(errno));
	sock->fd = INHERITED_FD;
	sock->inherited = true;
	return OK;
}

/* Remove a socket file that nobody answers on. */
static enum err
clear_stale(const struct sockaddr_un *address, struct errctx *ctx)
{
	const char *path = address->sun_path;
	struct stat status;

	if (lstat(path, &status))
		return errno == ENOENT ? OK
				       : err_set(ctx, ERR_CONFIG, "listen_socket", "%s: %s", path,
					     strerror(errno));
	if (!S_ISSOCK(status.st_mode))
		return err_set(ctx, ERR_CONFIG, "listen_socket",
		    "%s is there already and is no socket", path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int refused =
	    fd < 0 || connect(fd, (const struct sockaddr *)address, sizeof(*address)) ? errno : 0;
	if (fd >= 0)
		close(fd);
	if (refused != ECONNREFUSED)
		return err_set(ctx, ERR_CONFIG, "listen_socket", "another program answers on %s",
		    path);
	if (unlink(path))
		return err_set(ctx, ERR_CONFIG, "listen_socket", "%s: %s", path, strerror(errno));
	return OK;
}

static enum err
give_to_user(const char *path, const char *user, struct errctx *ctx)
{
	if (!*user || geteuid() != 0)
		return OK;
	const struct passwd *entry = getpwnam(user);
	if (!entry)
		return err_set(ctx, ERR_CONFIG, "user", "there is no user \"%s\"", user);
	if (lchown(path, entry->pw_uid, entry->pw_gid))
		return err_set(ctx, ERR_CONFIG, "listen_socket", "%s: %s", path, strerror(errno));
	return OK;
}

static enum err
listen_here(const char *path, const char *user, struct listen_socket *sock, struct errctx *ctx)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct stat status;

	if (!*path || strlen(path) >= sizeof(address.sun_path))
		return err_set(ctx, ERR_CONFIG, "listen_socket", "must have 1 to %zu bytes",
		    sizeof(address.sun_path) - 1);
	memcpy(address.sun_path, path, strlen(path));
	memcpy(sock->path, path, strlen(path) + 1);
	enum err err = clear_stale(&address, ctx);
	if (err)
		return err;
	sock->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	mode_t before = umask(0117);
	bool bound =
	    sock->fd >= 0 && !bind(sock->fd, (const struct sockaddr *)&address, sizeof(address));
	umask(before);
	if (!bound || listen(sock->fd, BACKLOG) || lstat(path, &status))
		return err_set(ctx, ERR_CONFIG, "listen_socket", "%s: %s", path, strerror(errno));
	sock->device = status.st_dev;
	sock->inode = status.st_ino;
	return give_to_user(path, user, ctx);
}

enum err
listen_open(const char *path, const char *user, struct listen_socket *socket_out,
    struct errctx *ctx)
{
	struct listen_socket sock = { .fd = -1 };
	enum err err =
	    is_inherited() ? take_inherited(&sock, ctx) : listen_here(path, user, &sock, ctx);

	if (err) {
		listen_unlink(&sock);
		listen_close(&sock);
		return err;
	}
	*socket_out = sock;
	return OK;
}

void
listen_unlink(struct listen_socket *sock)
{
	struct stat status;

	if (sock->inode && !lstat(sock->path, &status) && status.st_ino == sock->inode &&
	    status.st_dev == sock->device)
		unlink(sock->path);
	sock->inode = 0;
}

void
listen_close(struct listen_socket *sock)
{
	if (sock->fd >= 0)
		close(sock->fd);
	sock->fd = -1;
}
