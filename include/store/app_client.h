/* SPDX-License-Identifier: Apache-2.0 */
/* The operator's client registrations at OAuth providers: one for all organizations, or one of an
 * organization's own. */
#ifndef BAILEE_STORE_APP_CLIENT_H
#define BAILEE_STORE_APP_CLIENT_H

#include "base/json.h"
#include "base/secret.h"
#include "base/uuid.h"
#include "store/store.h"

/* Texts are borrowed. */
struct app_client {
	const char *app, *connection_type;
	int64_t organization_id; /* 0: for all without one of their own */
	const char *client_id;
	const char *host;            /* where it is registered (catalog/client_host.h), or NULL */
	const struct secret *secret; /* NULL: a public client (RFC 6749 section 2.1) */
};

/* Set or replace, with an audit row by "ctl"; the secret is sealed to the master key. The redirect
 * URI stays.
 * ERR_NOT_FOUND: no such organization. */
enum err app_client_set(struct store *store, const struct app_client *client,
    struct errctx *ctx) MUSTCHECK;
/* The last part of the redirect URI, which the provider must know before it gives out a client id;
 * a registration without one is made if there is none. Client id and secret are not looked at. */
enum err app_client_reserve(struct store *store, const struct app_client *client,
    struct uuid *callback_id_out, struct errctx *ctx) MUSTCHECK;
/* Array of objects without secrets; caller owns. */
enum err app_client_list(struct store *store, json_t **list_out, struct errctx *ctx) MUSTCHECK;
/* The registration that counts for an organization: its own before the common one. `secret_out`
 * stays empty for a public client; `client_id_out` is freed by the caller. ERR_NOT_FOUND when there
 * is none. Needs the master key. */
enum err app_client_load(struct store *store, const char *app, const char *connection_type,
    int64_t organization_id, char **client_id_out, struct secret *secret_out,
    struct errctx *ctx) MUSTCHECK;
/* The same by the last part of its redirect URI, for tokens that were granted to it. `host_out` is
 * freed by the caller as well, and may be NULL. ERR_INTEGRITY: the host is not the one that the
 * secret was given for. */
enum err app_client_load_callback(struct store *store, const struct uuid *callback_id,
    char **client_id_out, char **host_out, struct secret *secret_out, struct errctx *ctx) MUSTCHECK;

#endif
