/* SPDX-License-Identifier: Apache-2.0 */
/* Uses of secrets and tokens, noted while answering and written to the audit trail in batches, so
 * that a read stays a read. */
#ifndef BAILEE_WEB_USAGE_H
#define BAILEE_WEB_USAGE_H

#include <stdint.h>

#include "base/error.h"

struct auth;
struct ctx;
struct store;
struct usage;

/* Notes live in memory shared by all workers of a pool: when one is killed, the next that starts
 * writes what it left. Only the end of the whole pool within the second before a batch is written
 * can lose notes; each use is in the access log as well. */
enum err usage_open(struct usage **usage_out,
    struct errctx *ctx) MUSTCHECK; /* in the master, before the first fork */
void usage_worker_start(
    struct usage *usage); /* in each worker: takes a place, with what is left there */

/* Note that the caller of `ctx` used `subject_id` (credential, key) of a team. The same use by the
 * same token from the same address within a batch becomes one row with a count. `event` must be
 * static text. */
void usage_note(struct usage *usage, const struct ctx *ctx, const char *event, int64_t team_id,
    int64_t subject_id);
/* Note that a token was used, if it was accepted; at most one write a minute and token. */
void usage_note_token(struct usage *usage, const struct auth *auth);

/* Write what is noted when it is a second old or much; called between requests. A failing database
 * keeps it noted. */
void usage_flush(struct usage *usage, struct store *store, bool now);

#endif
