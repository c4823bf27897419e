/* SPDX-License-Identifier: Apache-2.0 */
/* The master keys that the database knows, and replacing one by the next: announced, used, the old
 * one retired when nothing needs it. */
#ifndef BAILEE_STORE_MASTER_KEY_H
#define BAILEE_STORE_MASTER_KEY_H

#include <stdbool.h>
#include <stdint.h>

#include "store/store.h"

/* master_key.state. Every process must hold the current and the old one. */
#define MASTER_NEXT "next"       /* known, nothing is sealed to it yet */
#define MASTER_CURRENT "current" /* what is sealed to */
#define MASTER_OLD "old"         /* values still need it */

/* Ids by state; "" where there is none. There is never a next one beside an old one. */
struct master_keys {
	char next[KEY_ID_SIZE], current[KEY_ID_SIZE], old[KEY_ID_SIZE];
};
enum err master_keys_read(struct store *store, struct master_keys *keys_out,
    struct errctx *ctx) MUSTCHECK;

/* Inside the caller's transaction: the first one of an installation, current at once. */
enum err master_key_first_in(struct store *store, struct errctx *ctx) MUSTCHECK;

/* Only one at a time goes through the steps below; it ends with the connection. ERR_RULE: somebody
 * else does. */
enum err master_key_reserve(struct store *store, struct errctx *ctx) MUSTCHECK;

/* The key of that id, which the keyring holds, signed, as the next one; audited. ERR_RULE when a
 * rotation is under way. */
enum err master_key_announce(struct store *store, const char *key_id, struct errctx *ctx) MUSTCHECK;
/* Forget the next one; audited. ERR_RULE when it is in use by now, or there is none. */
enum err master_key_cancel(struct store *store, struct errctx *ctx) MUSTCHECK;
/* The next one is the current one from now on, and the keyring seals to it; audited. ERR_RULE, with
 * who they are, as long as a live process does not hold it. A process that starts at the same
 * moment either is seen here or finds the new one in use. */
enum err master_key_switch(struct store *store, struct errctx *ctx) MUSTCHECK;

/* Seal what needs the old key to the current one, a row at a time: where a row has changed
 * meanwhile, that stays. May be ended and begun again at any point. `progress` is told what is done
 * of what was there at the beginning. */
struct master_reseal {
	int64_t total, moved;
	int64_t damaged; /* rows that do not open: they stay, are logged, and noted as damage */
	char first[96];  /* the first of those, in words */
	void (*progress)(const struct master_reseal *reseal);
};
enum err master_key_reseal(struct store *store, struct master_reseal *reseal,
    struct errctx *ctx) MUSTCHECK;
/* Forget the old key; audited. The database itself refuses it while a value needs it
 * (`retired_out` false), and refuses such values afterwards. */
enum err master_key_retire(struct store *store, bool *retired_out, struct errctx *ctx) MUSTCHECK;

#endif
