/* SPDX-License-Identifier: Apache-2.0 */
/* User credentials: what their owners see of them, and the sealed definition nobody sees. */
#ifndef BAILEE_STORE_USER_CREDENTIAL_H
#define BAILEE_STORE_USER_CREDENTIAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "store/auth.h"
#include "store/slug.h"
#include "store/store.h"

/* Where the secrets of a credential are bound to: owner, row, and the policy that an editor of the
 * database must not change unnoticed (vault/seal.h). Texts are owned by the row it is part of. */
struct user_credential_place {
	int64_t id;
	struct uuid uuid;
	int64_t team_id;
	char *mode;
	char *allowed_hosts; /* JSON array, exactly as stored */
};
/* With user_credential AS c: SELECT list and binding of a member of that type (5 columns). */
#define USER_CREDENTIAL_PLACE_COLUMNS "c.id, c.uuid, c.team_id, c.mode, c.allowed_hosts"
#define USER_CREDENTIAL_PLACE_COLS(strukt, m)                                                      \
	COL(INT, strukt, m.id), COL(UUID, strukt, m.uuid), COL(INT, strukt, m.team_id),            \
	    COL(TEXT, strukt, m.mode), COL(TEXT, strukt, m.allowed_hosts)

/* The sealed definition, opened: a JSON object. TEXT: {"value":"…"}. MULTI_REQUEST:
 * {"location":"…","requests":[{"options":{…},"secret":"…"}]}; "secret" is null when none was given.
 * HTTP_REQUEST_AGENT: the same with one "request". Both may have "expires", a formula or null.
 * Members of the other modes are named as the fields of the API are; AWS has "aws_external_id"
 * besides.
 * ERR_INTEGRITY as store_open(). */
enum err user_credential_open(struct store *store, const struct user_credential_place *place,
    const struct bytes *sealed, json_t **definition_out, struct errctx *ctx) MUSTCHECK;
/* The same the other way: the caller frees out->data. */
enum err user_credential_seal(struct store *store, const struct user_credential_place *place,
    const json_t *definition, struct bytes *out, struct errctx *ctx) MUSTCHECK;
/* Where a value of it is bound to: ("user_credential", "definition") or ("fetch_token", "token").
 * Valid as long as `place` and `policy` are. */
struct seal_context user_credential_context(const struct user_credential_place *place,
    const char *table, const char *field, unsigned char policy[SEAL_POLICY_SIZE]);

/* What is shown. JSON columns are texts as stored. Owned; user_credential_free(). */
struct user_credential {
	struct user_credential_place place;
	int64_t folder_id, owner_id; /* folder 0: none */
	char *name, *slug, *read_access, *shared_team_slugs, *description, *metadata;
	char *shown; /* JSON object of what its mode shows: "aws_authentication_type",
		      * "aws_assumed_role_external_id", "connect" (catalog/credential_type.h) */
	char *owner_name, *owner_email;
	int64_t http_request_ttl; /* s; 0: null */
	int64_t version;
	int64_t expires_at, created_at, updated_at; /* ms; expires_at 0: null */
};
void user_credential_free(struct user_credential *credential);

/* One credential of a team the caller belongs to: token, scope, membership and row in one
 * statement. ERR_NOT_FOUND for hidden and missing alike. */
enum err user_credential_get(struct store *store, struct auth *auth, int64_t id,
    struct user_credential *credential_out, struct errctx *ctx) MUSTCHECK;

/* By allowed_hosts: any, none given, some given; and a filter that nothing passes. */
enum restriction { RESTRICTION_ANY, RESTRICTION_NONE, RESTRICTION_SOME, RESTRICTION_NOTHING };
struct user_credential_filter {
	int64_t team_id;   /* 0: every team of the caller */
	int64_t folder_id; /* 0: filed anywhere or nowhere */
	enum restriction restriction;
	int64_t limit, offset;
};
struct user_credential_page {
	struct user_credential *rows; /* owned; user_credential_page_free() */
	size_t n;
	int64_t total; /* that pass the filter, on whatever page */
};
/* A page, by id, in one statement. ERR_NOT_FOUND for a team the caller does not belong to. */
enum err user_credential_list(struct store *store, struct auth *auth,
    const struct user_credential_filter *filter, struct user_credential_page *page_out,
    struct errctx *ctx) MUSTCHECK;
void user_credential_page_free(struct user_credential_page *page);

/* What a create or an update says. Everything is borrowed; NULL texts, 0 team and false flags mean
 * "not said". A create needs mode, team_id, name and the definition. */
struct user_credential_change {
	const char *mode; /* an update with another one than the row's is ERR_FIELD */
	int64_t team_id;
	const char *name; /* the slug follows it */
	const char *read_access, *description;
	const char *allowed_hosts, *metadata; /* JSON texts, compact, at most 65535 bytes */
	const json_t *shared_team_slugs;      /* array of texts */
	bool folder_said, ttl_said, expires_said;
	int64_t folder_id;        /* 0: none */
	int64_t http_request_ttl; /* 0: null */
	int64_t expires_at;       /* ms; 0: null */
	/* Members as user_credential_open() tells; those of other modes are passed over. Of
	 * `request` and the elements of `requests` what is missing stays as it was at its place. */
	const json_t *definition;
	/* Called in the transaction with the definition as it will be, which it may add to:
	 * ERR_FIELD where its members do not fit each other. Fills `shown`. NULL: anything goes. */
	enum err (*settle)(const char *mode, json_t *definition, json_t *shown, struct errctx *ctx);
};
#define SHARED_TEAMS_MAX 64

/* All three run as one transaction with its audit row; subject and team of `audit` are filled in.
 * ERR_NOT_FOUND: credential or team hidden or missing (of a move: either team). ERR_FIELD: slug
 * empty or taken, folder of another team, unknown shared team, another mode. An update counts the
 * version up and drops the cached token; `credential_out` is the row as it is then. */
enum err user_credential_create(struct store *store, struct audit_entry *audit,
    const struct user_credential_change *change, struct user_credential *credential_out,
    struct errctx *ctx) MUSTCHECK;
enum err user_credential_update(struct store *store, struct audit_entry *audit, int64_t id,
    const struct user_credential_change *change, struct user_credential *credential_out,
    struct errctx *ctx) MUSTCHECK;
enum err user_credential_delete(struct store *store, struct audit_entry *audit, int64_t id,
    struct errctx *ctx) MUSTCHECK;

#endif
