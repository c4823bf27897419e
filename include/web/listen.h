/* SPDX-License-Identifier: Apache-2.0 */
/* The unix socket a pool listens on: made here, or inherited by socket activation. */
#ifndef BAILEE_WEB_LISTEN_H
#define BAILEE_WEB_LISTEN_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

struct listen_socket {
	int fd; /* non-blocking, close-on-exec */
	bool inherited;
	char path[108]; /* "" when inherited */
	dev_t device;   /* of the socket file, so that only our own is removed */
	ino_t inode;
};

/* Take descriptor 3 when LISTEN_PID and LISTEN_FDS say so (sd_listen_fds(3)), else listen on `path`
 * with mode 0660, owned by `user` when that is not "" and we are root. A socket file that nobody
 * answers on is replaced; anything else in its place is ERR_CONFIG: the file system's rights on
 * this socket are all that keeps strangers from the workers. */
enum err listen_open(const char *path, const char *user, struct listen_socket *socket_out,
    struct errctx *ctx) MUSTCHECK;
/* Remove the socket file if it is still ours, so that nobody new connects; what has connected can
 * still be accepted. */
void listen_unlink(struct listen_socket *sock);
void listen_close(struct listen_socket *sock);

#endif
