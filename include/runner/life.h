/* SPDX-License-Identifier: Apache-2.0 */
/* A runner's sign of life, and its end when the schema is no longer the one it was made for. */
#ifndef BAILEE_RUNNER_LIFE_H
#define BAILEE_RUNNER_LIFE_H

#include <stdbool.h>

#include "base/uuid.h"
#include "store/job.h"
#include "store/key_holder.h"

struct life {
	char id[UUID_TEXT_SIZE];
	char host[256];
	bool over;                 /* told to end */
	struct key_holder *holder; /* says which keys it has as well; NULL allowed. Borrowed */
};

/* A new runner on this host. */
void life_begin(struct life *life);

/* Note in the database that this runner lives. When a migration is at work or has been there, or it
 * was taken for dead and lacks a key by now, the process sends itself SIGTERM, once, and says
 * nothing more: it drains, and systemd starts what is installed by then. Called on the queue's
 * thread. */
enum err life_show(struct life *life, struct store *store, struct errctx *ctx) MUSTCHECK;

#endif
