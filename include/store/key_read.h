/* SPDX-License-Identifier: Apache-2.0 */
/* Which keys there are: the installation's, and the pairs of the teams by generation. */
#ifndef BAILEE_STORE_KEY_READ_H
#define BAILEE_STORE_KEY_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/store.h"

/* Texts are owned: key_rows_free(). */
struct key_row {
	char *kind;         /* master, signing, token … of the installation, or team */
	char *key_id;       /* of the installation's; of a team's: the master key that opens it */
	int64_t team_id;    /* or 0 */
	char *team;         /* its name, or NULL */
	int64_t generation; /* or 0 */
	bool current;       /* new values are sealed to it */
	char *state;     /* current, old (its values are being moved on) or destroyed; of a master
			    key also next (announced) */
	int64_t values;  /* how many values need it; of a master key: team keys and secrets of
			    client registrations; of the installation's others: 0 */
	char *resealing; /* of a team's old one: state of the newest job that moves them, and why
			    it failed; of the next master key: who does not hold it; or NULL */
	int64_t created_at; /* ms; 0: not known */
};
/* The installation's first, then by team and generation; of one team alone unless `team_id` is 0.
 */
enum err key_list(struct store *store, int64_t team_id, struct key_row **rows_out, size_t *n_out,
    struct errctx *ctx) MUSTCHECK;
void key_rows_free(struct key_row **rows, size_t n);

#endif
