/* SPDX-License-Identifier: Apache-2.0 */
/* Credential requests: making one, listing, reading with all that belongs to it, deleting. */
#ifndef BAILEE_STORE_REQUEST_H
#define BAILEE_STORE_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/uuid.h"
#include "store/auth.h"
#include "store/credential.h"
#include "store/list_page.h"
#include "store/store.h"

#define REQUEST_CREDENTIALS_MAX 256
#define REQUEST_SECRET_SIZE 32 /* random bytes of a link secret */
#define REQUEST_SECRET_TEXT 44 /* the same as base64url text, with NUL */
#define REQUEST_LINK_HASH 32

/* What the database keeps of a link secret: SHA-256 of its bytes. */
void request_link_hash(const unsigned char secret[REQUEST_SECRET_SIZE],
    unsigned char hash_out[REQUEST_LINK_HASH]);

/* Whether a text can be one as it stands in the link. */
bool request_secret_is_one(const char *text);
/* A new link secret as it stands in the link, and what the database keeps of it. */
void request_link_make(char text_out[REQUEST_SECRET_TEXT],
    unsigned char hash_out[REQUEST_LINK_HASH]);

enum request_status {
	REQUEST_PENDING,
	REQUEST_AUTHORIZED,
	REQUEST_PARTIALLY_AUTHORIZED,
	REQUEST_DECLINED,
	REQUEST_INCOMPLETE,
	REQUEST_INVALID,
	REQUEST_STATUS_COUNT
};
/* Ended by NULL. */
extern const char *const request_status_names[REQUEST_STATUS_COUNT + 1];

/* Somebody as requests show him; id 0 where it was not asked for. Texts are owned by the row. */
struct request_person {
	int64_t id;
	char *email, *name;
};

/* Texts are owned: request_free(). */
struct request_row {
	struct uuid id;
	int64_t organization_id, team_id, requester_id, provider_id;
	char *name, *description, *status;
	bool should_send_email;
	int64_t email_sent_at, created_at, updated_at, expires_at; /* ms */
	char *app_names;                                           /* JSON array, or NULL */
	struct request_person provider;
};
void request_free(struct request_row *request);
void request_list_free(struct request_row **requests, size_t n);

/* What is read beyond the row itself, because the caller asks for it. */
struct request_extra {
	bool app_names, provider;
};

enum request_sort {
	REQUEST_BY_CREATED,
	REQUEST_BY_UPDATED,
	REQUEST_BY_EXPIRES,
	REQUEST_BY_NAME,
	REQUEST_SORT_COUNT
};
struct request_filter {
	int64_t team_id;
	int64_t requester_id, provider_id; /* 0: any */
	const char *status;                /* NULL: any */
	const char *name;                  /* NULL: any; else a part of it, letter case aside */
};

/* One statement each: token, scope, membership and rows. ERR_NOT_MEMBER for a team the caller is
 * not in, unknown ones included. */
enum err request_list(struct store *store, struct auth *auth, const struct request_filter *filter,
    const struct request_extra *extra, struct list_page *page, struct request_row **requests_out,
    size_t *n_out, struct errctx *ctx) MUSTCHECK;
/* ERR_NOT_FOUND for hidden and missing ones alike. */
enum err request_get(struct store *store, struct auth *auth, const struct uuid *id,
    const struct request_extra *extra, struct request_row *request_out,
    struct errctx *ctx) MUSTCHECK;

/* A request with its people and credentials; request_detail_free(). */
struct request_detail {
	struct request_row request;
	struct request_person requester;
	struct credential *credentials; /* in order */
	size_t n_credentials;
};
enum err request_detail(struct store *store, struct auth *auth, const struct uuid *id,
    struct request_detail *detail_out, struct errctx *ctx) MUSTCHECK;
void request_detail_free(struct request_detail *detail);

/* One credential to be asked for. All borrowed. */
struct credential_new {
	const char *component, *type, *name, *label, *description;
	const char *alias; /* another name of a type of connection, which was asked with; or NULL */
	const char *scope; /* JSON array */
	const char *app_name, *app_modules /* JSON array */, *app_version, *name_override;
	const char *prefill;        /* JSON object {hard, soft}, or NULL */
	int64_t extends_id;         /* connection that the answer goes into; 0: a new one is made */
	int64_t user_credential_id; /* that the person connects instead; 0: none */
};
struct request_new {
	int64_t team_id, requester_id;
	int64_t provider_id;                        /* 0: found or made by e-mail */
	const char *provider_email, *provider_name; /* e-mail in lower case */
	const char *name, *description;             /* description may be NULL */
	int64_t expiry_days;
	const struct credential_new *credentials;
	size_t n_credentials; /* 1..REQUEST_CREDENTIALS_MAX */
};
struct request_made {
	struct request_row request;
	char link_secret[REQUEST_SECRET_TEXT]; /* base64url; handed out once, cleansed by
						  request_made_wipe() */
};
/* One transaction. ERR_NOT_MEMBER: the requester is not in the team. ERR_VALUE: there is no
 * such provider among the people of the team's organization and those who are in no team yet. The
 * provider is added to the team, with an audit row of its own; one who was found by e-mail and
 * belongs to another organization is asked, but given no access to this one. */
enum err request_create(struct store *store, struct audit_entry *audit,
    const struct request_new *request, struct request_made *made_out, struct errctx *ctx) MUSTCHECK;
void request_made_wipe(struct request_made *made);

/* One transaction for a member of its team. ERR_CONFIRM without `confirmed` while keys or
 * connections made from it are there; with it a job of kind request_delete is put in that deletes
 * them and then the request (`job_out`: its id), or the one that is there is joined. Without any,
 * the request is deleted at once and `job_out` is 0. */
enum err request_delete(struct store *store, struct audit_entry *audit, int64_t person_id,
    const struct uuid *id, bool confirmed, int64_t *job_out, struct errctx *ctx) MUSTCHECK;

/* ---- for the runner, which has no token ---- */

/* The credentials of a request that have a remote, in order; request_remotes_free(). With `locked`,
 * inside the caller's transaction, request and credentials are locked. ERR_NOT_FOUND when the
 * request is gone. */
enum err request_remotes(struct store *store, const struct uuid *id, bool locked,
    struct credential **credentials_out, size_t *n_out, struct errctx *ctx) MUSTCHECK;
void request_remotes_free(struct credential **credentials, size_t n);
/* Inside the caller's transaction: the request and all its credentials. */
enum err request_remove_in(struct store *store, const struct uuid *id,
    struct errctx *ctx) MUSTCHECK;

#endif
