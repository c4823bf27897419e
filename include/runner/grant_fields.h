/* SPDX-License-Identifier: Apache-2.0 */
/* Fields of a connection that a refresh says are others now: the base URL that has moved, say. */
#ifndef BAILEE_RUNNER_GRANT_FIELDS_H
#define BAILEE_RUNNER_GRANT_FIELDS_H

#include "base/json.h"
#include "store/oauth_grant.h"

/* What of an answer is not as the fields have it; NULL when there is nothing. Secret, the caller's.
 */
json_t *grant_fields_changed(const json_t *fields, const json_t *answered);

/* Inside the transaction that stores the answer, before it does: lock what the change will be
 * written to, in the order of locks. `grant` as it was loaded. */
enum err grant_fields_lock_in(struct store *store, const struct oauth_grant *grant,
    struct errctx *ctx) MUSTCHECK;
/* And when it is stored: into the grant, its named tokens, and the connection if it is still its.
 */
enum err grant_fields_write_in(struct store *store, const struct oauth_grant *grant,
    json_t *changed, struct errctx *ctx) MUSTCHECK;

#endif
