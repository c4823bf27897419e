/* SPDX-License-Identifier: Apache-2.0 */
/* User credentials as the operator sees them, who is no member of anything. */
#ifndef BAILEE_STORE_USER_CREDENTIAL_ADMIN_H
#define BAILEE_STORE_USER_CREDENTIAL_ADMIN_H

#include <stdint.h>

#include "store/store.h"
#include "store/user_credential.h"

/* By id. `team_id` 0 is any. Each is owned, and the array: user_credential_free(), free(). */
enum err user_credential_admin_list(struct store *store, int64_t team_id, int64_t limit,
    struct user_credential **rows_out, size_t *n_out, struct errctx *ctx) MUSTCHECK;
/* ERR_NOT_FOUND. */
enum err user_credential_admin_show(struct store *store, int64_t id,
    struct user_credential *credential_out, struct errctx *ctx) MUSTCHECK;

#endif
