/* SPDX-License-Identifier: Apache-2.0 */
/* One trip of a person to a provider and back, as the runner takes it up. */
#ifndef BAILEE_STORE_OAUTH_FLOW_H
#define BAILEE_STORE_OAUTH_FLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "base/uuid.h"
#include "store/store.h"

struct oauth_flow {
	struct uuid uuid, credential_id, callback_id;
	int64_t team_id;
	char *connection_type;
	char *error; /* what the provider said instead of giving a code, or NULL */
	struct bytes start_sealed;
	struct bytes return_sealed; /* data NULL: not back yet, or taken */
};
void oauth_flow_free(struct oauth_flow *flow);

/* Plain read. ERR_NOT_FOUND when it is gone. */
enum err oauth_flow_load(struct store *store, const struct uuid *uuid, struct oauth_flow *flow_out,
    struct errctx *ctx) MUSTCHECK;

/* A code is spent once (RFC 6749 section 4.1.2): whoever takes it has it alone, before it is sent
 * anywhere. `flow` keeps the sealed bytes. `taken_out` is false when somebody else had it. Alone or
 * inside the caller's transaction. */
enum err oauth_flow_take(struct store *store, const struct oauth_flow *flow, bool *taken_out,
    struct errctx *ctx) MUSTCHECK;
/* Inside the caller's transaction: put back what was taken and certainly not sent. */
enum err oauth_flow_put_back_in(struct store *store, const struct oauth_flow *flow,
    struct errctx *ctx) MUSTCHECK;

/* Inside the caller's transaction: lock it; false when it is gone, with the link it was begun on.
 */
enum err oauth_flow_is_there_in(struct store *store, const struct oauth_flow *flow, bool *there_out,
    struct errctx *ctx) MUSTCHECK;

/* {"verifier", "client_id", "redirect_uri", "fields", "scopes"}, and {"code", "callback"}: JSON
 * objects, secret, the caller's. ERR_INTEGRITY. */
enum err oauth_flow_open(struct store *store, const struct oauth_flow *flow, json_t **start_out,
    json_t **return_out, struct errctx *ctx) MUSTCHECK;

#endif
