/* SPDX-License-Identifier: Apache-2.0 */
/* First answers of calls that create, so that a call that is sent again has one effect. */
#ifndef BAILEE_STORE_IDEMPOTENCY_H
#define BAILEE_STORE_IDEMPOTENCY_H

#include <stddef.h>

#include "base/buf.h"
#include "base/crypt.h"
#include "base/secret.h"
#include "store/store.h"

/* The row with the answer is the last statement of the transaction that has the effect. So there is
 * never one without the other, wherever a process, a connection or the database ends:
 * - before COMMIT: neither is there, and the call may be sent again;
 * - COMMIT lost on its way: the row tells whether it landed;
 * - after COMMIT, before the caller has read the answer: it is given again.
 * Of two at once, the later INSERT waits for the earlier transaction and then is a duplicate: its
 * own effect is rolled back, and the answer of the other is given.
 * Answers are kept sealed to the team they are about: they may hold a link. */

#define IDEMPOTENCY_KEY_MAX 255 /* characters */

struct idempotency_call {
	const char *public_id;                      /* of the token */
	unsigned char key_hash[CRYPT_SHA256_SIZE];  /* of method, path and the key sent */
	unsigned char call_hash[CRYPT_SHA256_SIZE]; /* keyed, of query and body: a body may hold a
							secret that can be guessed */
};
struct idempotency_answer {
	int status;
	struct secret data; /* as web/idempotency.c writes it */
};
void idempotency_answer_free(struct idempotency_answer *answer);

/* Fill the hashes. `call` (query and body) is hashed with the installation's token key.
 * ERR_INTERNAL without that key. */
enum err idempotency_call_init(const struct store *store, const char *public_id,
    const struct buf *key, const struct buf *call, struct idempotency_call *call_out,
    struct errctx *ctx) MUSTCHECK;

/* The answer given before. ERR_NOT_FOUND without an error text when there is none, or none younger
 * than a day; ERR_RULE when the same key came with another call. */
enum err idempotency_find(struct store *store, const struct idempotency_call *call,
    struct idempotency_answer *answer_out, struct errctx *ctx) MUSTCHECK;

/* What has the effect, through store_write(), and says what is answered. May run again. */
typedef enum err (
    *idempotency_body_fn)(void *arg, struct idempotency_answer *answer_out, struct errctx *ctx);

/* Run `body` and keep its answer, in one transaction. ERR_DUPLICATE without an error text: somebody
 * else was first, nothing has happened, idempotency_find() has it now. Any error of `body` rolls
 * back and is returned. */
enum err idempotency_once(struct store *store, const struct idempotency_call *call,
    idempotency_body_fn body, void *arg, struct errctx *ctx) MUSTCHECK;

#endif
