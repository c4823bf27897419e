/* SPDX-License-Identifier: Apache-2.0 */
/* When tokens were last used: written in batches, at most once a minute and token, so that no
 * request waits for it. */
#ifndef BAILEE_STORE_TOKEN_USE_H
#define BAILEE_STORE_TOKEN_USE_H

#include "store/store.h"

#define TOKEN_USE_EVERY_MS 60000

/* Inside the caller's transaction: note the use of a token and its person's last login. */
enum err token_use_write(struct store *store, const char *public_id, int64_t person_id,
    struct errctx *ctx) MUSTCHECK;

#endif
