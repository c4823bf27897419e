/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of connections share; nobody outside store/ includes it. */
#ifndef BAILEE_STORE_CONNECTION_PARTS_H
#define BAILEE_STORE_CONNECTION_PARTS_H

#include "base/json.h"
#include "base/uuid.h"
#include "store/store.h"

/* The fields of a connection, for its row. `sealed` is the caller's. */
enum err connection_seal(struct store *store, const struct uuid *uuid, int64_t team_id,
    const json_t *parameters, struct bytes *sealed, struct errctx *ctx) MUSTCHECK;
/* And back. `parameters_out` is owned. ERR_INTEGRITY. */
enum err connection_unseal(struct store *store, const struct uuid *uuid, int64_t team_id,
    const struct bytes *sealed, json_t **parameters_out, struct errctx *ctx) MUSTCHECK;
/* "email" or "text" for the name of an account, NULL for none. */
const char *connection_account_kind(const char *metadata_value);

#endif
