/* SPDX-License-Identifier: Apache-2.0 */
/* A hint to the runners of this host that the queue holds something new: one datagram on a Unix
 * socket. Nothing depends on it: a runner that was not told looks all the same, every
 * runner_poll_ms. */
#ifndef BAILEE_BASE_DOORBELL_H
#define BAILEE_BASE_DOORBELL_H

#include "base/error.h"

/* For the runner: bind `path` (mode 0660; one that is left over is replaced). ERR_CONFIG. */
enum err doorbell_open(const char *path, int *fd_out, struct errctx *ctx) MUSTCHECK;
/* Wait for the next ring and take all that are there. False when the descriptor was shut down. */
bool doorbell_wait(int fd);

/* For the pools: ring, after COMMIT. Never waits, never fails; "" rings nowhere. */
void doorbell_ring(const char *path);

#endif
