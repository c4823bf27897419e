/* SPDX-License-Identifier: Apache-2.0 */
/* OAuth connections that name their provider's host in a field, and the operator's client for them:
 * what a person or requester fills in must not choose where the operator's secret and other
 * people's codes and tokens are sent. So a registration says at which host it was made. */
#ifndef BAILEE_CATALOG_CLIENT_HOST_H
#define BAILEE_CATALOG_CLIENT_HOST_H

#include "catalog/catalog.h"

/* Whether an address that secrets are sent to has a host which fields may choose freely: one with a
 * placeholder that is no choice among options, and no name of two parts behind it. Never of
 * connections whose client is the person's own. */
bool client_host_is_free(const struct app_connection *type);

/* The host where nobody says otherwise, of the defaults of the fields; NULL: there is none. The
 * caller frees it. */
char *client_host_usual(const struct app_connection *type);

/* `host` as an operator writes it: a name or address, with a port if need be, as in a URL. */
bool client_host_is_whole(const char *host);

/* Whether the fields lead to `host`, where the client is registered, and nowhere else; NULL: to the
 * usual one. Addresses that lack a field yet are passed over. ERR_VALUE says where the client is
 * registered. */
enum err client_host_check(const struct app_connection *type, const json_t *fields,
    const char *host, struct errctx *ctx) MUSTCHECK;

/* Which host gets the tokens of a connection, where the fields choose it freely; NULL: the
 * definition says it. The caller frees it. Also of clients that are the person's own. */
char *client_host_of_tokens(const struct app_connection *type, const json_t *fields);
/* Whether no address that tokens and secrets are sent to, and whose host the fields choose freely,
 * leads to another host. Addresses that lack a field yet are passed over. */
bool client_host_is_one(const struct app_connection *type, const json_t *fields, const char *host);
/* The same of the test's address: of connections whose client is the person's own, and where the
 * definition gives it the host of the token URL. An API may be elsewhere. */
bool client_host_test_is(const struct app_connection *type, const json_t *fields, const char *host);

#endif
