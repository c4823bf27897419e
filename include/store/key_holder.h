/* SPDX-License-Identifier: Apache-2.0 */
/* Which processes are alive and which master keys they hold: a new one is used when all have it. */
#ifndef BAILEE_STORE_KEY_HOLDER_H
#define BAILEE_STORE_KEY_HOLDER_H

#include <stdbool.h>
#include <stdint.h>

#include "store/store.h"

/* A process with the master key; zero but for the first two, which the caller sets. */
struct key_holder {
	const char *program; /* bailee-api or bailee-runner */
	int64_t busy_s;      /* the longest it may be silent while it is well */
	struct uuid id;      /* nil: not in the table */
	int64_t beat_ms;     /* monotonic; when it is to say again that it is alive */
};

/* store_check() of a program that holds master keys: says first that it is there, and with which
 * keys. On any error it is not. */
enum err key_holder_join(struct store *store, struct key_holder *holder,
    struct errctx *ctx) MUSTCHECK;
/* Say that it is still alive, if it is time for that. `lost_out` true: it was taken for dead, and
 * must prove its keys again by key_holder_join(). Outside a transaction. */
enum err key_holder_beat(struct store *store, struct key_holder *holder, bool *lost_out,
    struct errctx *ctx) MUSTCHECK;
void key_holder_leave(struct store *store, struct key_holder *holder);

/* Those alive, by host. Texts are owned: key_holders_free(). */
struct key_holder_row {
	char *program, *host, *master_keys;            /* ids with a space between */
	int64_t pid, started_at, seen_at, alive_until; /* ms */
};
enum err key_holders_list(struct store *store, struct key_holder_row **rows_out, size_t *n_out,
    struct errctx *ctx) MUSTCHECK;
void key_holders_free(struct key_holder_row **rows, size_t n);
/* Whether that process holds the master key of that id. */
bool key_holder_has(const struct key_holder_row *row, const char *key_id);

#endif
