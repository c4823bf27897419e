/* SPDX-License-Identifier: Apache-2.0 */
/* What the operator sets up and looks at with baileectl: organizations, people, teams, members,
 * tokens. */
#ifndef BAILEE_STORE_ADMIN_H
#define BAILEE_STORE_ADMIN_H

#include <stdint.h>

#include "base/json.h"
#include "store/store.h"

/* Each writes one audit row with actor "ctl". Names are 1..255 characters; the caller has checked
 * them. ERR_NOT_FOUND: a named thing does not exist. ERR_RULE: still in use. ERR_DUPLICATE with a
 * text: exists already. */
enum err admin_organization_add(struct store *store, const char *name, int64_t *id_out,
    struct errctx *ctx) MUSTCHECK;
enum err admin_person_add(struct store *store, const char *email, const char *name, int64_t *id_out,
    struct errctx *ctx) MUSTCHECK;
/* Makes the team's first key pair; needs signing and master key. */
enum err admin_team_add(struct store *store, int64_t organization_id, const char *name,
    const char *slug, int64_t *id_out, struct errctx *ctx) MUSTCHECK;
enum err admin_member_add(struct store *store, int64_t team_id, int64_t person_id,
    struct errctx *ctx) MUSTCHECK;
enum err admin_member_remove(struct store *store, int64_t team_id, int64_t person_id,
    struct errctx *ctx) MUSTCHECK;

/* `token_text` is the whole token: only its HMAC is stored. expires_at in ms, 0: never. */
enum err admin_token_add(struct store *store, const char *token_text, const char *public_id,
    int64_t person_id, const char *name, uint32_t scopes, int64_t expires_at,
    struct errctx *ctx) MUSTCHECK;
enum err admin_token_revoke(struct store *store, const char *public_id,
    struct errctx *ctx) MUSTCHECK;

enum admin_thing {
	ADMIN_ORGANIZATION,
	ADMIN_PERSON,
	ADMIN_TEAM,
	ADMIN_MEMBER,
	ADMIN_TOKEN,
	ADMIN_THING_COUNT
};
/* Array of objects, in the order of their ids; nothing secret. Caller owns. */
enum err admin_list(struct store *store, enum admin_thing thing, json_t **list_out,
    struct errctx *ctx) MUSTCHECK;
/* Remove by id. Teams: their key goes too, which makes what was sealed to it unreadable; refused
 * while anything is left. */
enum err admin_remove(struct store *store, enum admin_thing thing, int64_t id,
    struct errctx *ctx) MUSTCHECK;

#endif
