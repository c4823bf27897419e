/* SPDX-License-Identifier: Apache-2.0 */
/* What an app definition is to a connection, made of a user credential's own fields: of mode OAUTH
 * with the grant type authorization_code, which a person connects. */
#ifndef BAILEE_CATALOG_CREDENTIAL_TYPE_H
#define BAILEE_CATALOG_CREDENTIAL_TYPE_H

#include <stdbool.h>

#include "base/error.h"
#include "base/json.h"
#include "catalog/catalog.h"

/* Ids of such types stand where those of connection types do; no definition can have one. */
#define CREDENTIAL_TYPE_PREFIX "user-credential:"
#define CREDENTIAL_TYPE_SIZE (sizeof(CREDENTIAL_TYPE_PREFIX) + 32)
/* Type id of the item of a credential request that asks a person to connect one. */
#define CREDENTIAL_TYPE_ITEM CREDENTIAL_TYPE_PREFIX "oauth2"

/* Owned: credential_type_free(). */
struct credential_type {
	/* Names what tokens are worth something for: another authorize or token URL, client id or
	 * scope is another id; a new client secret is not. */
	char id[CREDENTIAL_TYPE_SIZE];
	char *client_id;
	json_t *scopes; /* array of texts */
	const struct app_connection *connection;
	struct app *app; /* that `connection` is of */
};
void credential_type_free(struct credential_type *type);
#define auto_credential_type __attribute__((cleanup(credential_type_free)))

/* Whether a connection type is the id of such a one. */
bool credential_type_is(const char *connection_type);
/* Whether a definition of mode OAUTH is to be connected by a person. */
bool credential_type_fits(const json_t *definition);

/* From the whole definition of the credential (store/user_credential.h), checked by the rules of
 * app definitions. ERR_FIELD names the field of the credential that is wrong. */
enum err credential_type_make(const json_t *definition, struct credential_type *type_out,
    struct errctx *ctx) MUSTCHECK;

/* What the way to the provider needs of it, without anything secret: {"type", "authorize_url",
 * "client_id", "scopes", "pkce"}. Caller owns. */
json_t *credential_type_shown(const struct credential_type *type);
/* And back from that, as JSON text: good for the way to the provider and back, not for calls to its
 * token URL. ERR_VALUE. */
enum err credential_type_read(const char *shown, struct credential_type *type_out,
    struct errctx *ctx) MUSTCHECK;

#endif
