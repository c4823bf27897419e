/* SPDX-License-Identifier: Apache-2.0 */
/* What OAuth providers have granted: whose, how it stands, and its tokens by generation. */
#ifndef BAILEE_STORE_OAUTH_GRANT_H
#define BAILEE_STORE_OAUTH_GRANT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "base/secret.h"
#include "base/uuid.h"
#include "store/store.h"
#include "vault/seal.h"

/* oauth_grant.state */
#define OAUTH_WAITING "waiting" /* for the person to confirm the account */
#define OAUTH_ACTIVE "active"
#define OAUTH_BROKEN "broken" /* the provider refuses it: somebody has to authorize again */
#define OAUTH_ENDING "ending" /* nobody's any more; to be revoked */

/* Whose tokens a grant keeps: one of the two. */
struct oauth_owner {
	int64_t connection_id, user_credential_id; /* 0: not of one */
};

/* What the token is called that is not named: the others hang on it. A provider that gives a named
 * one without it: that one has its place, and its own name. */
#define OAUTH_MAIN_TOKEN "main"

/* Texts are owned: oauth_grant_free(). A named token is a grant of its own: it has a lease, a
 * journal and generations like the main one, is refreshed and breaks by itself, and ends with it.
 */
struct oauth_grant {
	struct uuid uuid, credential_id, callback_id;
	struct uuid main_uuid; /* of a named one; nil: this is the main one, or stands in its place,
				  or that is gone */
	int64_t team_id;
	struct oauth_owner owner;
	char *state, *client_id, *connection_type, *token_name;
	char
	    *destination; /* of its tokens; "": the definition alone says it, or nobody knows yet */
	char *account_name, *account_id, *problem; /* or NULL */
	char *scopes; /* JSON array, as the definition names them; of a main one: of all */
	char *asked;  /* the same of what the person was asked for; NULL: nobody knows */
	struct bytes parameters_sealed;
	int64_t generation, lease_fence;
	int64_t lease_ms;               /* that the lease still runs; 0: nobody has it */
	int64_t refresh_at, created_at; /* ms */
};
void oauth_grant_free(struct oauth_grant *grant);

/* Plain reads; of an owner the main one. ERR_NOT_FOUND. */
enum err oauth_grant_load(struct store *store, const struct uuid *uuid,
    struct oauth_grant *grant_out, struct errctx *ctx) MUSTCHECK;
enum err oauth_grant_of(struct store *store, const struct oauth_owner *owner,
    struct oauth_grant *grant_out, struct errctx *ctx) MUSTCHECK;
/* Inside the caller's transaction: the same with the row locked. Connections are locked before
 * grants, grants before credentials. */
enum err oauth_grant_lock_in(struct store *store, const struct uuid *uuid,
    struct oauth_grant *grant_out, struct errctx *ctx) MUSTCHECK;

/* The fields of its type: a JSON object, secret, the caller's. ERR_INTEGRITY. */
enum err oauth_grant_parameters(struct store *store, const struct oauth_grant *grant,
    json_t **parameters_out, struct errctx *ctx) MUSTCHECK;

/* Whether there is another grant, waiting or active, that a provider which takes back everything an
 * account has granted to a client would take back with this one. An account nobody knows may be any
 * account. */
enum err oauth_grant_has_sibling(struct store *store, const struct oauth_grant *grant,
    bool *has_out, struct errctx *ctx) MUSTCHECK;

/* ---- tokens ---- */

/* Who may get the tokens of a grant: part of their seal, so that whoever writes to the database
 * cannot have them sent to another provider. All borrowed. */
struct oauth_recipient {
	const char *connection_type, *client_id;
	const char *destination; /* the host; "": the definition alone says it */
};
#define OAUTH_DESTINATION_MAX 255
/* Of a struct oauth_grant or oauth_token. */
#define OAUTH_RECIPIENT_OF(row)                                                                    \
	((struct oauth_recipient){ (row)->connection_type, (row)->client_id, (row)->destination })

/* What a provider has answered. All borrowed. */
struct oauth_token_new {
	const struct secret *access;
	const struct secret *refresh;   /* NULL or empty: there is none */
	const char *token_type;         /* NULL: Bearer */
	int64_t expires_at, refresh_at; /* ms; 0: it does not expire, is not refreshed ahead */
};

/* One generation; sealed until opened. oauth_token_free(). */
struct oauth_token {
	struct uuid grant;
	int64_t team_id, generation;
	char *grant_state, *problem;                     /* of its grant */
	char *connection_type, *client_id, *destination; /* likewise */
	struct bytes access_sealed, refresh_sealed;
	bool bound; /* sealed for a recipient; not those of older versions */
	char *token_type;
	int64_t expires_at; /* ms; 0: never */
	int64_t created_at; /* ms: when it came */
};
void oauth_token_free(struct oauth_token *token);
/* The newest one of a grant, or of its owner under this name, by a plain read. ERR_NOT_FOUND. */
enum err oauth_token_load(struct store *store, const struct uuid *grant,
    struct oauth_token *token_out, struct errctx *ctx) MUSTCHECK;
enum err oauth_token_of(struct store *store, const struct oauth_owner *owner, const char *name,
    struct oauth_token *token_out, struct errctx *ctx) MUSTCHECK;
/* Of the main grant that this one hangs on; ERR_NOT_FOUND also where that is another team's. */
enum err oauth_token_of_main(struct store *store, const struct oauth_grant *grant,
    struct oauth_token *token_out, struct errctx *ctx) MUSTCHECK;
/* Either out may be NULL; `refresh_out` stays empty where there is none. Who sends them on says to
 * whom, by the row he has made the call of; NULL: whoever the row says. ERR_INTEGRITY: also when
 * they are somebody else's. */
enum err oauth_token_open(struct store *store, const struct oauth_token *token,
    const struct oauth_recipient *recipient, struct secret *access_out, struct secret *refresh_out,
    struct errctx *ctx) MUSTCHECK;
/* Inside the caller's transaction: add this generation, which must not be there yet:
 * ERR_DUPLICATE. */
enum err oauth_token_add_in(struct store *store, const struct uuid *grant, int64_t team_id,
    int64_t generation, const struct oauth_token_new *token,
    const struct oauth_recipient *recipient, struct errctx *ctx) MUSTCHECK;
/* The policy they are sealed with. */
void oauth_recipient_digest(const struct oauth_recipient *recipient,
    unsigned char out[SEAL_POLICY_SIZE]);

/* ---- life: all inside the caller's transaction ---- */

/* What to make. All borrowed. */
struct oauth_grant_new {
	int64_t team_id;
	const char *state; /* waiting, active (with an owner) or ending (with its revocation) */
	struct oauth_owner owner;
	struct uuid main_uuid;     /* of a named one; nil: this is a main one */
	struct uuid credential_id; /* nil: of a named one */
	struct uuid callback_id;
	const char *client_id, *connection_type;
	const char *destination;               /* NULL: the definition alone says it */
	const char *token_name;                /* NULL: OAUTH_MAIN_TOKEN */
	const char *account_name, *account_id; /* or NULL; cut where they are too long */
	const char *scopes, *asked;            /* JSON arrays; `asked` may be NULL */
	const json_t *parameters;
	const struct oauth_token_new *token; /* generation 1 */
	const char *request_id;
};
enum err oauth_grant_create_in(struct store *store, const struct oauth_grant_new *grant,
    struct uuid *uuid_out, struct errctx *ctx) MUSTCHECK;

/* A waiting grant becomes the owner's, with its named tokens. ERR_STALE when it does not wait any
 * more. The owner has no other one: oauth_grant_release_in() before. */
enum err oauth_grant_activate_in(struct store *store, const struct uuid *uuid,
    const struct oauth_owner *owner, struct errctx *ctx) MUSTCHECK;

/* Nobody's any more: the job that revokes it is put in, and one for each of its named tokens, here
 * and below. Nothing happens when it is ending already. */
enum err oauth_grant_end_in(struct store *store, const struct uuid *uuid, const char *request_id,
    struct errctx *ctx) MUSTCHECK;
/* The same for what an owner has, if anything; before the owner is deleted or gets another. */
enum err oauth_grant_release_in(struct store *store, const struct oauth_owner *owner,
    const char *request_id, struct errctx *ctx) MUSTCHECK;
/* The same for those that wait for somebody to confirm the account of this credential, but for
 * `except` (NULL: none). */
enum err oauth_grant_end_waiting_in(struct store *store, const struct uuid *credential_id,
    const struct uuid *except, const char *request_id, struct errctx *ctx) MUSTCHECK;
/* And for those of a request. */
enum err oauth_grant_end_request_in(struct store *store, const struct uuid *request,
    const char *request_id, struct errctx *ctx) MUSTCHECK;
/* What is kept for those who use a user credential (fetch_token) is not its token any more. */
enum err oauth_owner_forget_token_in(struct store *store, const struct oauth_owner *owner,
    struct errctx *ctx) MUSTCHECK;
/* Locks the grant for reading: whether it is active and this its newest generation. */
enum err oauth_grant_is_still_in(struct store *store, const struct uuid *uuid, int64_t generation,
    bool *still_out, struct errctx *ctx) MUSTCHECK;
/* The grant is locked, and is a main one: its fields, and those of its named tokens, become what
 * they are with `changed`. All of them: a JSON object, secret, the caller's. ERR_INTEGRITY. */
enum err oauth_grant_refill_in(struct store *store, const struct oauth_grant *grant,
    json_t *changed, json_t **parameters_out, struct errctx *ctx) MUSTCHECK;
/* Gone, with its tokens and its journal. */
enum err oauth_grant_remove_in(struct store *store, const struct uuid *uuid,
    struct errctx *ctx) MUSTCHECK;
enum err oauth_grant_note_problem_in(struct store *store, const struct uuid *uuid,
    const char *problem, struct errctx *ctx) MUSTCHECK;

/* The same, and the sweep leaves it alone for an hour. */
enum err oauth_grant_put_off_in(struct store *store, const struct uuid *uuid, const char *problem,
    struct errctx *ctx) MUSTCHECK;

/* One transaction: end up to `most` grants that nobody has confirmed for a day. */
enum err oauth_grant_end_stale(struct store *store, int64_t most, int64_t *ended_out,
    struct errctx *ctx) MUSTCHECK;

#endif
