/* SPDX-License-Identifier: Apache-2.0 */
/* Fetching a token while the one before still lives, so that nobody has to wait for it. */
#ifndef BAILEE_STORE_FETCH_AHEAD_H
#define BAILEE_STORE_FETCH_AHEAD_H

#include <stdbool.h>
#include <stdint.h>

#include "store/fetch_token.h"

/* The last fifth of a token's life, at most FETCH_AHEAD_MOST_S of it, besides the margin. */
#define FETCH_AHEAD_PART 5
#define FETCH_AHEAD_MOST_S 300
#define FETCH_AHEAD_AGAIN_S 30 /* after one that did not work */

/* For askers: whether the cached token of `use` is near its end and nobody has seen to that. */
bool fetch_ahead_is_due(const struct fetch_use *use, int64_t now_ms);
/* Put a fetch in, unless another asker was quicker. Alone, outside of a transaction. */
enum err fetch_ahead_order(struct store *store, const struct fetch_use *use, const char *request_id,
    struct errctx *ctx) MUSTCHECK;

/* For housekeeping: the same for all credentials whose token was used again since it was fetched,
 * at most `most` of them. */
enum err fetch_ahead_sweep(struct store *store, int64_t most, int64_t *n_out,
    struct errctx *ctx) MUSTCHECK;

#endif
