/* SPDX-License-Identifier: Apache-2.0 */
/* How long a fetched token lives: what its owner allows, what the answer and the token say. */
#ifndef BAILEE_RUNNER_FETCH_LIFE_H
#define BAILEE_RUNNER_FETCH_LIFE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "formula/value.h"

#define FETCH_LIFE_MOST_S 86400 /* no token is kept longer, whatever anybody says */

struct fetch_life {
	int64_t keep_s;    /* in the cache; 0: for those alone who waited for it */
	int64_t expires_s; /* until the token ends, as it or the answer says; 0: nobody says */
};

/* `ttl_s`: of the credential, 0: none. `said`: what the formula for it gave, NULL: there is none. A
 * number below 10^9 is seconds from now, a larger one seconds, from 10^12 on milliseconds since
 * 1970; a text is such a number or ISO 8601; null and "" say nothing. A token that is a JWT
 * (RFC 7519) ends with its `exp`. What is said is kept that long, and no longer than `ttl_s`;
 * without either of them nothing is kept. ERR_VALUE when what is said cannot be read, or when less
 * than FETCH_MARGIN_S is left. */
enum err fetch_life_find(int64_t ttl_s, const struct value *said, const char *token, size_t len,
    int64_t now_ms, struct fetch_life *life_out, struct errctx *ctx) MUSTCHECK;

#endif
