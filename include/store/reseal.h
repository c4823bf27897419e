/* SPDX-License-Identifier: Apache-2.0 */
/* Values that are sealed to a team's key: where they stand, how many there are of each generation,
 * and moving them to the newest one. docs/KEYS.md says how it fits together. */
#ifndef BAILEE_STORE_RESEAL_H
#define BAILEE_STORE_RESEAL_H

#include <stdbool.h>
#include <stdint.h>

#include "store/store.h"

/* A column of sealed values. A new one is a row of the table in reseal.c (a test compares it with
 * the schema) and a generated column with index and foreign key as in schema/0011_keys.sql. */
struct reseal_place {
	const char *table, *column;
	struct stmt select, update, count;
	const struct stmt *clear; /* what is not worth resealing is deleted first; or NULL */
};
/* NULL behind the last one. */
const struct reseal_place *reseal_place(size_t index);

/* How far moving a team's values has come. All zero but the first three: at the beginning. */
struct reseal {
	int64_t team_id;
	int64_t oldest, newest; /* the generations that are to be emptied */
	int64_t place;          /* index of the column at work */
	int64_t passed;         /* values there that do not open, or were just changed */
	int64_t damaged;        /* values of all columns that do not open */
	int64_t moved;          /* values of all columns that were sealed again */
};
/* Reseal at most RESEAL_BATCH values as one transaction: each is opened, sealed to the team's
 * current key and put where it was, if the bytes there are still the same. What somebody else has
 * written meanwhile stays. `over_out`: the last column has been passed. Neither inside a
 * transaction. ERR_INTEGRITY is of the key alone: values that do not open are counted, and
 * stay as they are. */
#define RESEAL_BATCH 16
enum err reseal_step(struct store *store, struct reseal *reseal, bool *over_out,
    struct errctx *ctx) MUSTCHECK;

/* How many values need each generation of the teams' keys; 0 for all teams. */
struct reseal_count {
	int64_t team_id, generation, n;
};
typedef void (*reseal_count_fn)(const struct reseal_count *count, void *arg);
enum err reseal_count(struct store *store, int64_t team_id, reseal_count_fn fn, void *arg,
    struct errctx *ctx) MUSTCHECK;

#endif
