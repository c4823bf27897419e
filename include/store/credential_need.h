/* SPDX-License-Identifier: Apache-2.0 */
/* A user credential that a job uses: its own, or one that another's requests refer to. */
#ifndef BAILEE_STORE_CREDENTIAL_NEED_H
#define BAILEE_STORE_CREDENTIAL_NEED_H

#include <stdint.h>

#include "store/fetch_token.h"

/* For whom, and since when tokens that are not kept count. */
struct credential_asker {
	int64_t team_id;
	const struct job *job; /* NULL: only what is fresh counts */
};

/* Owned; credential_need_free(). */
struct credential_need {
	struct fetch_subject subject; /* without `fetched_at` */
	/* The token that is fresh, or that a fetch has brought since the job was put in; else data
	 * is NULL. */
	struct bytes token_sealed;
	char *failed; /* why a fetch put in after the job did not bring one; NULL */
};
void credential_need_free(struct credential_need *need);

/* By slug: the team's own, else the one that is shared with it. ERR_NOT_FOUND when there is none,
 * ERR_VALUE when several that are shared with it have this slug. */
enum err credential_need_find(struct store *store, const struct credential_asker *asker,
    const char *slug, struct credential_need *need_out, struct errctx *ctx) MUSTCHECK;
/* By id, whosever it is. */
enum err credential_need_get(struct store *store, const struct credential_asker *asker, int64_t id,
    struct credential_need *need_out, struct errctx *ctx) MUSTCHECK;
/* The token, opened: UTF-8 text. */
enum err credential_need_open(struct store *store, const struct credential_need *need,
    struct secret *token_out, struct errctx *ctx) MUSTCHECK;

/* Put in a fetch of its token, or join the one under way. */
enum err fetch_order(struct store *store, const struct user_credential_place *place,
    int64_t version, const char *request_id, int64_t *job_out, struct errctx *ctx) MUSTCHECK;

#endif
