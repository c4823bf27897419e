/* SPDX-License-Identifier: Apache-2.0 */
/* People as the API shows them: the caller, and those who are asked for credentials. */
#ifndef BAILEE_STORE_PERSON_H
#define BAILEE_STORE_PERSON_H

#include <stdint.h>

#include "store/auth.h"
#include "store/store.h"

/* Texts are owned: person_free(). */
struct person {
	int64_t id;
	char *email, *name, *language, *timezone;
	int64_t last_login_at; /* ms; 0: never */
};
void person_free(struct person *person);

/* Who the token belongs to, in the statement that checks it. */
enum err person_me(struct store *store, struct auth *auth, struct person *person_out,
    struct errctx *ctx) MUSTCHECK;

/* Inside the caller's transaction: the person with this e-mail (lower case), made when there is
 * none; a name that is known already is kept. */
enum err person_find_or_make_in(struct store *store, const char *email, const char *name,
    int64_t *id_out, struct errctx *ctx) MUSTCHECK;
/* Inside the caller's transaction: may this team ask this person? Those of its organization, and
 * those who are in no team at all; ERR_NOT_FOUND for others, so that nobody reads the names of
 * strangers by counting through ids. */
enum err person_may_be_asked(struct store *store, int64_t person_id, int64_t team_id,
    struct errctx *ctx) MUSTCHECK;

#endif
