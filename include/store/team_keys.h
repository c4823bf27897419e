/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a team's key pairs: a new generation, the end of an old one, the end of all. */
#ifndef BAILEE_STORE_TEAM_KEYS_H
#define BAILEE_STORE_TEAM_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#include "store/store.h"

/* Inside the caller's transaction: make a key pair and keep it; nobody seals to it yet. Needs
 * signing and master key. */
enum err team_keys_add_in(struct store *store, int64_t team_id, int64_t generation,
    struct errctx *ctx) MUSTCHECK;

/* New values are sealed to a new generation from now on, and a job is put in that reseals the old
 * ones; audited. One transaction, and one at a time for a team. Also how a team whose keys were
 * destroyed gets a new one. ERR_NOT_FOUND: no such team. */
enum err team_keys_rotate(struct store *store, int64_t team_id, int64_t *generation_out,
    struct errctx *ctx) MUSTCHECK;

/* The oldest generation after `after` that is not the current one and was not destroyed.
 * ERR_NOT_FOUND (without words): there is none. */
struct team_keys_old {
	int64_t generation, current;
	int64_t age_s; /* since the next one was made */
};
enum err team_keys_superseded(struct store *store, int64_t team_id, int64_t after,
    struct team_keys_old *old_out, struct errctx *ctx) MUSTCHECK;
/* Delete a generation that no value needs; audited. The database itself refuses it while there is
 * such a value (`retired_out` false), and refuses such values afterwards. */
enum err team_keys_retire(struct store *store, int64_t team_id, int64_t generation,
    bool *retired_out, struct errctx *ctx) MUSTCHECK;
/* A younger one is not retired: whoever has just read a value may still want to open it. */
#define TEAM_KEYS_RETIRE_S 60

/* Order resealing where an old generation is left and no job is at it: after a runner of an older
 * version has refused it, or two rotations that crossed. */
enum err team_keys_sweep(struct store *store, int64_t most, int64_t *n_out,
    struct errctx *ctx) MUSTCHECK;

/* What `keys destroy team` asks to be confirmed. Texts are owned. ERR_NOT_FOUND. */
enum err team_keys_name(struct store *store, int64_t team_id, char **name_out,
    struct errctx *ctx) MUSTCHECK;
/* Delete the private half of every generation for good; audited. From then on nothing that the
 * team has sealed can be opened, and nothing new is taken, until it is given a new generation.
 * What would be refreshed on its own rests. `newest_known` is the one that is known of: ERR_STALE
 * when there is a newer one, ERR_RULE when all were destroyed before. */
enum err team_keys_destroy(struct store *store, int64_t team_id, int64_t newest_known,
    int64_t *destroyed_out, struct errctx *ctx) MUSTCHECK;

#endif
