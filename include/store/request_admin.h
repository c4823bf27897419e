/* SPDX-License-Identifier: Apache-2.0 */
/* Credential requests as the operator sees them, who is no member of anything. */
#ifndef BAILEE_STORE_REQUEST_ADMIN_H
#define BAILEE_STORE_REQUEST_ADMIN_H

#include <stdint.h>

#include "store/request.h"
#include "store/store.h"

/* Newest first. `team_id` 0 and `status` NULL are any. request_list_free(). */
enum err request_admin_list(struct store *store, int64_t team_id, const char *status, int64_t limit,
    struct request_row **requests_out, size_t *n_out, struct errctx *ctx) MUSTCHECK;

/* request_detail_free(). ERR_NOT_FOUND. */
enum err request_admin_show(struct store *store, const struct uuid *id,
    struct request_detail *detail_out, struct errctx *ctx) MUSTCHECK;

/* One transaction: a new link in place of the one there is, which ends with it, and its mail where
 * there is mail. ERR_NOT_FOUND; ERR_GONE for a request that has expired. The secret is handed out
 * this once; the caller cleanses it. */
enum err request_admin_resend(struct store *store, const struct uuid *id,
    char secret_out[REQUEST_SECRET_TEXT], struct errctx *ctx) MUSTCHECK;

#endif
