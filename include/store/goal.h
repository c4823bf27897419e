/* SPDX-License-Identifier: Apache-2.0 */
/* Where what a person gives for a credential goes to, and whether it is the account that was there
 * before. One rule for accounts that are connected at their provider and for those of forms. */
#ifndef BAILEE_STORE_GOAL_H
#define BAILEE_STORE_GOAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/uuid.h"
#include "store/store.h"

/* Whose account it is, as its provider says. Borrowed; NULL: nobody knows. */
struct account {
	const char *id, *name;
};
/* By the provider's id where both are known, else by name; what is not known is no other. */
bool account_is_other(const struct account *before, const struct account *now);

/* The connection that a credential has, or that it extends; neither: a new one is made. */
struct goal {
	int64_t own_id;     /* connection of ours that it has; 0: none */
	int64_t extends_id; /* that it extends; 0: none */
	/* of that one; NULL: nobody knows */
	char *account_name, *account_id;
	char *prefill; /* JSON text of what the requester has filled in, or NULL */
};
/* Plain read. ERR_NOT_FOUND when the credential is gone. */
enum err goal_load(struct store *store, const struct uuid *credential_id, struct goal *goal_out,
    struct errctx *ctx) MUSTCHECK;
void goal_free(struct goal *goal);
/* What a connection is extended with must be of its own account, or whatever uses it would go on
 * with somebody else's: ERR_VALUE when the ids say that it is another. Where only names differ, and
 * where the same item is given once more, it is the person who decides: the page points it out. */
enum err goal_check(const struct goal *goal, const char *account_id, struct errctx *ctx) MUSTCHECK;

#endif
