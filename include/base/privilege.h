/* SPDX-License-Identifier: Apache-2.0 */
/* Giving root up: one way for the workers of the pools and for the runner. */
#ifndef BAILEE_BASE_PRIVILEGE_H
#define BAILEE_BASE_PRIVILEGE_H

#include "base/error.h"

/* Become the Unix user `name`, with its groups, for good. Does nothing when `name` is "" or the
 * process is not root's. ERR_CONFIG: no such user, or root could not be given up. Before threads
 * are started. */
enum err privilege_drop(const char *name, struct errctx *ctx) MUSTCHECK;

#endif
