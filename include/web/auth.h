/* SPDX-License-Identifier: Apache-2.0 */
/* Who is calling: the token of a request, checked in the route's own statement or in one of its
 * own. */
#ifndef BAILEE_WEB_AUTH_H
#define BAILEE_WEB_AUTH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct auth; /* store/auth.h */
struct ctx;  /* web/router.h */
struct request;

/* Take the token from `Authorization: Token|Bearer` or `X-User-Token`, check its form and checksum,
 * note the scope asked for. No database. ERR_UNAUTHENTICATED. */
enum err auth_present(struct auth *auth, const struct request *request, uint32_t scope,
    struct errctx *ctx) MUSTCHECK;
/* Check the token and its scope with one round trip. ERR_UNAUTHENTICATED, ERR_SCOPE, or what the
 * database says. */
enum err auth_first(struct ctx *ctx) MUSTCHECK;
/* True once a statement has found the token valid and its scope sufficient. */
bool auth_checked(const struct auth *auth);
/* Public id of the token presented, for the log; "" when none. */
const char *auth_public_id(const struct auth *auth);

#endif
