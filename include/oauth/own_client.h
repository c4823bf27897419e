/* SPDX-License-Identifier: Apache-2.0 */
/* Clients that a person brings along: the definition names the fields that say which it is, and
 * nobody has registered one for others (docs/APPS.md). */
#ifndef BAILEE_OAUTH_OWN_CLIENT_H
#define BAILEE_OAUTH_OWN_CLIENT_H

#include <stdbool.h>

#include "base/json.h"
#include "catalog/catalog.h"

/* Whether connections of this type are made with such ones. Then their redirect URI is the
 * credential's, one for each: what comes back there belongs to no other provider. */
bool own_client_is(const struct app_connection *type);

/* Of the fields, which have passed the form. `secret` is NULL where there is none. Borrowed. */
const char *own_client_id(const struct app_connection *type, const json_t *fields);
const char *own_client_secret(const struct app_connection *type, const json_t *fields);
/* "basic", "body" or, without a secret, "none". */
const char *own_client_auth(const struct app_connection *type, const json_t *fields);

/* The fields that are the whole URL of where the person and the secret are sent; NULL where the
 * definition says it. */
const char *own_client_authorize_field(const struct app_connection *type);
const char *own_client_token_field(const struct app_connection *type);
/* Where the secret is sent, for people: the host; NULL where the definition says it. The caller
 * frees it. */
char *own_client_host(const struct app_connection *type, const json_t *fields);

#endif
