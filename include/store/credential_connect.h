/* SPDX-License-Identifier: Apache-2.0 */
/* User credentials that a person connects: what the runner needs of one, and what ends with it. */
#ifndef BAILEE_STORE_CREDENTIAL_CONNECT_H
#define BAILEE_STORE_CREDENTIAL_CONNECT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "base/uuid.h"
#include "store/store.h"

/* The definition of the credential with this uuid, which is the callback id of its flows and
 * grants, opened. Plain read. ERR_VALUE when it is gone; ERR_INTEGRITY. */
enum err credential_connect_open(struct store *store, const struct uuid *uuid,
    json_t **definition_out, struct errctx *ctx) MUSTCHECK;

/* Inside the caller's transaction, and before any grant is locked: its id, its row locked for
 * reading. ERR_VALUE when the team has no such credential, or one that has another type by now
 * (catalog/credential_type.h). */
enum err credential_connect_lock_in(struct store *store, const struct uuid *uuid, int64_t team_id,
    const char *type, int64_t *id_out, struct errctx *ctx) MUSTCHECK;

/* Inside the caller's transaction: the grant ends, and so does what waits to be confirmed; what
 * asks for the credential is pending again. */
enum err credential_disconnect_in(struct store *store, int64_t id, const char *request_id,
    struct errctx *ctx) MUSTCHECK;
/* The same, and the requests that ask for it go: there is nothing left to connect. */
enum err credential_disown_in(struct store *store, int64_t id, const char *request_id,
    struct errctx *ctx) MUSTCHECK;

#endif
