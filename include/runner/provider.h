/* SPDX-License-Identifier: Apache-2.0 */
/* What a job needs to speak to an OAuth provider: the definition, the client, the fields of the
 * connection, and the call under way. */
#ifndef BAILEE_RUNNER_PROVIDER_H
#define BAILEE_RUNNER_PROVIDER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "base/secret.h"
#include "catalog/credential_type.h"
#include "net/http_client.h"
#include "oauth/exchange.h"
#include "platform/test_call.h"
#include "runner/task.h"
#include "store/oauth_grant.h"
#include "store/store.h"

#define PROVIDER_TRIES 3 /* of a call that was not even sent, or may be repeated */

/* A member of task->data; all zero before provider_load(). */
struct provider {
	const struct app_connection *type; /* of a named token: with what that has of its own */
	const struct app_token *token;     /* NULL: the main one */
	struct credential_type own;        /* what `type` is of, for a user credential */
	char *client_id;
	char *client_host; /* where the operator has registered it, or NULL */
	char *destination; /* host that gets the tokens, where the fields choose it; NULL: not yet
			      known; "": the definition says it */
	struct secret client_secret;
	json_t *fields;              /* secret; set by the kind, owned here */
	json_t *scopes;              /* set by provider_use_token() */
	struct oauth_call call;      /* type, client and fields are there after provider_load() */
	struct http_request request; /* the one under way */
	int tries;                   /* of it */
};

/* Definition and client: of an app, with the client that the operator has registered or the one
 * that provider->fields name (oauth/own_client.h), or (with a type of catalog/credential_type.h) of
 * the user credential whose uuid is the callback id. ERR_VALUE: the type is not known any more, or
 * not one of OAuth, or the client registration is not `client_id`'s: tokens belong to the client
 * they were granted to; or the fields lead to another host than the one where it is registered. */
enum err provider_load(struct store *store, const char *connection_type,
    const struct uuid *callback_id, const char *client_id, struct provider *provider,
    struct errctx *ctx) MUSTCHECK;
void provider_free(struct provider *provider);
/* The same of a grant, with its fields and set to its token: whatever is called from now on is
 * where its tokens may go. ERR_INTEGRITY: the fields lead elsewhere, or do not open. */
enum err provider_load_grant(struct store *store, const struct oauth_grant *grant,
    struct provider *provider, struct errctx *ctx) MUSTCHECK;
/* For whom the tokens of `grant`, that `provider` was loaded with, are sealed. Borrows. */
struct oauth_recipient provider_recipient(const struct provider *provider,
    const struct oauth_grant *grant);
/* What comes is about the token of this name (oauth_grant.token_name). `scopes`: JSON text of those
 * of its grant. ERR_VALUE: the definition does not know it any more. */
enum err provider_use_token(struct provider *provider, const char *name, const char *scopes,
    struct errctx *ctx) MUSTCHECK;

/* Whether the call of `provider`, with the fields as they are now, goes where the operator's client
 * is registered and the tokens went that it has got before. ERR_VALUE: not. */
enum err provider_check_host(const struct provider *provider, struct errctx *ctx) MUSTCHECK;

/* Make provider->request for this step; the rest of provider->call is the caller's. Errors as
 * provider_check_host() and oauth_request(). */
enum err provider_prepare(struct provider *provider, enum oauth_step step, const char *token,
    struct errctx *ctx) MUSTCHECK;

/* On the loop's thread: send what was prepared, for `most_ms` at most. `done` has the task as its
 * arg. */
void provider_send(struct task *task, struct provider *provider, int64_t most_ms,
    http_done_fn *done);
/* After `tries` of them: how long to wait, in ms. */
int64_t provider_pause_ms(int tries);

/* What the test call of a type sees: the fields, and the access token. Secret, the caller's. */
json_t *provider_test_values(const json_t *fields, const struct secret *access);
/* And a named one among them. */
void provider_put_token(json_t *values, const char *name, const struct secret *access);

/* When tokens are to be looked at again: refreshed ahead of expiry or, where there is nothing to
 * refresh them with, found to have ended. ms; 0: never. */
int64_t provider_refresh_at(const struct app_connection *type, const struct oauth_tokens *tokens,
    bool has_refresh);

#endif
