/* SPDX-License-Identifier: Apache-2.0 */
/* JSON Web Tokens (RFC 7519), signed (RFC 7515, algorithms of RFC 7518) with keys of ours or of
 * users: never read. */
#ifndef BAILEE_BASE_JWT_H
#define BAILEE_BASE_JWT_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "base/buf.h"
#include "base/error.h"

/* HS256 HS384 HS512, RS256 RS384 RS512, PS256 PS384 PS512, ES256 ES384 ES512. */
#define JWT_ALGORITHMS "HS256/384/512, RS256/384/512, PS256/384/512 or ES256/384/512"

/* RFC 7518 section 3.2 wants as many bytes as the digest has; vendors hand out shorter secrets,
 * which cannot be changed here. */
#define JWT_SECRET_MOST 1024 /* bytes of an HMAC secret */

/* A key as the user wrote it: for HS* the secret itself, else one private key in PEM form
 * (unencrypted; RSA of 2048 to 8192 bits, or EC on the curve of the algorithm) or as a JWK
 * (RFC 7517). Borrowed. */
struct jwt_key {
	const char *algorithm;
	const char *text; /* NUL behind len; a PEM key or JWK has none inside */
	size_t len;
};

bool jwt_algorithm_known(const char *name);

/* For the time of creation: whether the key fits the algorithm, is whole (a trial signature
 * verifies) and strong enough. ERR_VALUE with the path "algorithm" or "key" and a text that goes on
 * after either name; it never repeats the key. Any HMAC secret that is not empty is taken. */
enum err jwt_key_check(const struct jwt_key *key, struct errctx *ctx) MUSTCHECK;

/* Append the compact serialization to `token`, which is to be BUF_INIT_SECRET. `headers` (object or
 * NULL) goes into the protected header besides "alg": nothing else is added, no "typ" either. Takes
 * any HMAC secret that is not empty. ERR_VALUE with the path "algorithm", "key", "headers" or
 * "claims". */
enum err jwt_sign(const struct jwt_key *key, const json_t *headers, const json_t *claims,
    struct buf *token, struct errctx *ctx) MUSTCHECK;

#endif
