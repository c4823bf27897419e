/* SPDX-License-Identifier: Apache-2.0 */
/* Idempotency-Key: a call that creates and is sent again is answered as the first time. */
#ifndef BAILEE_WEB_IDEMPOTENCY_H
#define BAILEE_WEB_IDEMPOTENCY_H

#include "base/error.h"

struct ctx;
struct response;

/* Run the handler of a route that `creates`, once for each token, method, path and key within a
 * day. A repeated call with the same query and body gets the first status, headers and body, and
 * `Idempotent-Replayed: true`; with another one ERR_RULE. Only successes are kept: a call that was
 * refused had no effect, and runs anew when it is sent again. ERR_FIELD for a key that is not 1 to
 * 255 visible ASCII characters. Everything the handler writes is one transaction with the answer
 * (store/idempotency.h), so it must write through store_write() and cannot wait for a job it has
 * just made. */
enum err idempotency_run(struct ctx *ctx, struct response *response) MUSTCHECK;

#endif
