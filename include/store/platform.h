/* SPDX-License-Identifier: Apache-2.0 */
/* Where the credentials of a team live: a row per team whose platform is not Bailee itself. */
#ifndef BAILEE_STORE_PLATFORM_H
#define BAILEE_STORE_PLATFORM_H

#include <stdint.h>

#include "base/secret.h"
#include "store/credential.h"
#include "store/store.h"

#define PLATFORM_LOCAL_NAME "local"
#define PLATFORM_MAKE_NAME "make"
#define PLATFORM_URL_MAX 512    /* bytes of a base URL */
#define PLATFORM_TOKEN_MAX 1024 /* bytes of an API token there */

/* Texts and bytes are owned: team_platform_free(). */
struct team_platform {
	int64_t team_id;
	struct uuid uuid;       /* another one after each change; nil: local */
	char *kind, *base_url;  /* NULL: local */
	int64_t remote_team_id; /* number of the team there */
	struct bytes token_sealed;
};
/* A team without a row is local: kind NULL. Waits for whoever is just setting it. */
enum err team_platform_load(struct store *store, int64_t team_id,
    struct team_platform *platform_out, struct errctx *ctx) MUSTCHECK;
/* The API token there. ERR_INTEGRITY. */
enum err team_platform_open(struct store *store, const struct team_platform *platform,
    struct secret *token_out, struct errctx *ctx) MUSTCHECK;
void team_platform_free(struct team_platform *platform);

/* What the operator sets. All borrowed. */
struct team_platform_new {
	int64_t team_id;
	const char *base_url; /* NULL: local */
	int64_t remote_team_id;
	const struct secret *token;
};
/* One transaction with its audit row. ERR_NOT_FOUND: no such team. ERR_VALUE: something of the team
 * lives at another platform still, or is just being made or deleted there, where nobody could
 * delete it afterwards; a new token for the same place is always taken. */
enum err team_platform_set(struct store *store, const struct team_platform_new *platform,
    struct errctx *ctx) MUSTCHECK;

/* Inside the caller's transaction: delete a key or connection that lives in Bailee; `component` as
 * credentials have it. One that is gone already counts as deleted. */
enum err platform_local_delete_in(struct store *store, const char *component, int64_t team_id,
    int64_t id, struct errctx *ctx) MUSTCHECK;

/* Whose number an id at a platform is. Borrowed. */
struct platform_place {
	const char *base_url;
	int64_t remote_team_id;
};
/* Inside the caller's transaction: have the runner delete what was made at the team's platform for
 * a credential that cannot take it any more; nothing where the team has moved since. */
enum err platform_orphan_in(struct store *store, const struct credential *credential,
    int64_t remote_id, const struct platform_place *place, const char *request_id,
    struct errctx *ctx) MUSTCHECK;

#endif
