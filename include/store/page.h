/* SPDX-License-Identifier: Apache-2.0 */
/* All that the public pool may do in the database: the procedures of schema/0007_page_oauth.sql. */
#ifndef BAILEE_STORE_PAGE_H
#define BAILEE_STORE_PAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/crypt.h"
#include "base/uuid.h"
#include "store/store.h"

/* What is told for an unknown request and for a wrong secret alike. */
#define PAGE_NO_SUCH_REQUEST "no such request, or a link that is not complete"

/* What a person shows to open a request; the secrets themselves are not kept. */
struct page_link {
	struct uuid request;
	unsigned char hash[CRYPT_SHA256_SIZE]; /* SHA-256 of the link secret */
	/* SHA-256 of the browser's cookie; without one it is a browser nobody knows */
	unsigned char browser[CRYPT_SHA256_SIZE];
	bool has_browser;
};

/* One credential that is asked for. The members before `id` belong to the request and are the same
 * in each row. Texts may be NULL where the schema says so. Another browser than the one that has
 * answered first gets one row with a nil `id`, who asks, and what sealing needs. */
struct page_row {
	char *name, *description, *status;
	int64_t expires_at; /* ms */
	bool expired;
	char *browser; /* free, this (the one that has answered first) or other */
	char *requester_name, *requester_email, *team_name, *organization_name;
	int64_t team_id, generation;
	struct bytes public_key, signature; /* of the team, not verified yet */

	struct uuid id;
	char *component, *type, *type_name, *label, *credential_description;
	char *scope; /* JSON array */
	char *state, *decline_reason, *app_name, *app_version, *name_override;
	char *prefill;               /* JSON object {hard, soft}, or NULL */
	char *job_state, *job_error; /* of the newest job about it */
	/* the client registration that counts, of an account; NULL: there is none */
	char *client_id, *client_app;
	char *client_host; /* where it is registered (catalog/client_host.h), or NULL */
	/* last part of the redirect URI: of that registration, of the user credential, or where
	 * there is neither the credential itself; nil: no account can be connected here */
	struct uuid callback_id;
	/* of a user credential: what its type is made of (catalog/credential_type.h); else NULL */
	char *own_type;
	/* the connection it is or was authorized with, or that it extends; NULL: none, or not known
	 */
	char *account_name, *account_id, *account_scopes;
	struct uuid waiting; /* for the person to confirm that this is his account; nil: nothing */
	char *waiting_name, *waiting_id;
	char *waiting_scopes; /* JSON array of what was granted; NULL: not an OAuth account */
	char *flow_error;     /* what became of the last trip to the provider, when that is the last
				 thing to tell; "expired": nobody came back */
};

struct page_view {
	struct page_row *rows; /* at least one */
	size_t n;
};

/* Whether another browser has answered first. */
bool page_view_is_other(const struct page_view *view);

/* What the link opens. ERR_NOT_FOUND, with one text, for an unknown request and for a wrong secret;
 * the latter is counted, and too many give ERR_RATE. An expired request is given as it is. */
enum err page_view_load(struct store *store, const struct page_link *link,
    struct page_view *view_out, struct errctx *ctx) MUSTCHECK;
void page_view_free(struct page_view *view);
#define auto_page_view __attribute__((cleanup(page_view_free)))

/* The row of a credential, NULL when the request has no such one. Borrowed. */
const struct page_row *page_view_find(const struct page_view *view, const struct uuid *credential);

/* For the audit trail. Borrowed. */
struct page_call {
	const char *address, *request_id;
};

/* Seal `text` to the team's key, after checking the key's signature, and store it with its job and
 * its audit row in one transaction. The first answer binds the link to the browser of
 * link->browser, which must be there. ERR_RULE: a job for the credential is under way. ERR_VALUE:
 * it has been provided. ERR_SCOPE: the link is in use in another browser. ERR_GONE: the request has
 * ended. ERR_INTEGRITY: the team's key is not the installation's; nothing is stored. */
enum err page_submit(struct store *store, const struct page_link *link, const struct page_row *row,
    const struct page_call *call, const char *text, size_t len, struct errctx *ctx) MUSTCHECK;

/* Hand a refusal over; `reason` may be NULL. Errors as page_submit(). */
enum err page_decline(struct store *store, const struct page_link *link,
    const struct uuid *credential, const char *reason, const struct page_call *call,
    struct errctx *ctx) MUSTCHECK;

/* The account that waits is the person's, or it is not; `waiting` is the one he was shown. Errors
 * as page_submit(); ERR_VALUE when nothing waits, or another one by now. */
enum err page_confirm(struct store *store, const struct page_link *link,
    const struct uuid *credential, const struct uuid *waiting, bool accept,
    const struct page_call *call, struct errctx *ctx) MUSTCHECK;

/* A new link goes to whoever is asked, by mail, in place of this one; the browser it was bound to
 * is let go, with all that it has left unfinished. From any browser. `row` is any of the view, with
 * or without a credential. ERR_RATE after three an hour. */
enum err page_relink(struct store *store, const struct page_link *link, const struct page_row *row,
    const struct page_call *call, struct errctx *ctx) MUSTCHECK;

/* ---- trips to an OAuth provider and back ---- */

/* What is to be kept of a trip. Texts are borrowed. */
struct page_start {
	unsigned char state_hash[CRYPT_SHA256_SIZE]; /* SHA-256 of the state parameter */
	struct uuid callback_id;                     /* of the redirect URI */
	const char *connection_type;                 /* of the definition */
	const char *issuer;                          /* of the definition, or NULL */
	const char *text; /* JSON text of {verifier, client_id, redirect_uri, fields, scopes};
			     sealed, secret */
};
/* Begin one; older ones stay as they are. Errors as
 * page_submit(), and ERR_VALUE when type or registration is another one meanwhile, ERR_RATE after
 * 30 an hour. */
enum err page_connect(struct store *store, const struct page_link *link, const struct page_row *row,
    const struct page_start *start, const struct page_call *call, struct errctx *ctx) MUSTCHECK;

/* What a trip that comes back is known by: all three must be those it was begun with. */
struct page_return {
	struct uuid callback_id; /* of the redirect URI */
	unsigned char state_hash[CRYPT_SHA256_SIZE];
	unsigned char browser[CRYPT_SHA256_SIZE]; /* SHA-256 of the cookie */
};
/* Owned: page_flow_free(). */
struct page_flow {
	struct uuid uuid;
	int64_t team_id, generation;
	struct bytes public_key, signature; /* of the team, not verified yet */
	char *connection_type;
	char *issuer;   /* or NULL */
	bool done;      /* the credential has been authorized already: nothing to do */
	char *own_type; /* as in page_row */
};
/* Changes nothing. ERR_NOT_FOUND for all that is not a trip of this browser, under way, to this
 * redirect URI. */
enum err page_return_look(struct store *store, const struct page_return *back,
    struct page_flow *flow_out, struct errctx *ctx) MUSTCHECK;
void page_flow_free(struct page_flow *flow);
#define auto_page_flow __attribute__((cleanup(page_flow_free)))
/* End the trip, this once: with `text` ({code, callback}, sealed, secret) and a job, or with
 * `error`, a code of the table in page/denial.c. ERR_NOT_FOUND when another was quicker; ERR_RULE
 * when the credential is being worked on. */
enum err page_return(struct store *store, const struct page_return *back,
    const struct page_flow *flow, const char *text, const char *error, const struct page_call *call,
    struct errctx *ctx) MUSTCHECK;

/* Seconds since a runner was last seen; a large number when never. */
enum err page_runner_age_s(struct store *store, int64_t *age_out, struct errctx *ctx) MUSTCHECK;

#endif
