/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials of mode JWT: a token signed anew for each call. */
#ifndef BAILEE_API_CREDENTIAL_JWT_H
#define BAILEE_API_CREDENTIAL_JWT_H

#include <stdint.h>

#include "base/buf.h"
#include "base/json.h"

#define CREDENTIAL_JWT_LIFE_S 3600 /* of one whose time claims are generated */

/* Sign the payload of an opened definition, with iat and exp of now where the definition says so.
 * `expires_at_out`: its exp in ms, 0 when it has none. `token` is BUF_INIT_SECRET. ERR_VALUE when
 * less than FETCH_MARGIN_S is left until an exp that the owner has fixed. */
enum err credential_jwt_make(const json_t *definition, int64_t now_ms, struct buf *token,
    int64_t *expires_at_out, struct errctx *ctx) MUSTCHECK;

#endif
