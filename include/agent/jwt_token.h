/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials of mode JWT: a token signed anew for each call. */
#ifndef BAILEE_AGENT_JWT_TOKEN_H
#define BAILEE_AGENT_JWT_TOKEN_H

#include <stdint.h>

#include "base/buf.h"
#include "base/json.h"

#define JWT_TOKEN_MAX ((size_t)256 * 1024) /* bytes */
#define JWT_TOKEN_LIFE_S 3600              /* of one whose time claims are generated */

/* Sign the payload of an opened definition, with iat and exp of now where the definition says so.
 * `expires_at_out`: its exp in ms, 0 when it has none. `token` is BUF_INIT_SECRET. ERR_VALUE when
 * less than `margin_s` is left until an exp that the owner has fixed. */
enum err jwt_token_make(const json_t *definition, int64_t now_ms, int margin_s, struct buf *token,
    int64_t *expires_at_out, struct errctx *ctx) MUSTCHECK;

#endif
