/* SPDX-License-Identifier: Apache-2.0 */
/* From chosen apps and modules to the credentials that have to be asked for. */
#ifndef BAILEE_API_REQUEST_ITEMS_H
#define BAILEE_API_REQUEST_ITEMS_H

#include <stddef.h>

#include "base/json.h"
#include "catalog/catalog.h"
#include "store/connection.h"
#include "store/request.h"

/* Texts of items[] are borrowed from the body, the catalogue and `owned`. */
struct request_items {
	struct credential_new items[REQUEST_CREDENTIALS_MAX];
	size_t n;
	char *owned[REQUEST_CREDENTIALS_MAX * 5];
	size_t n_owned;
};

/* Derive from `credentials` of a v2 body (checked by its table of fields): resolve the modules,
 * group them by type (the first of a list), unite the scopes, one credential per group.
 * ERR_UNKNOWN_APP names the app, version or module by its JSON path; ERR_VALUE when an entry needs
 * no credential at all, or when there are too many. `items_out` is large: allocate it, zeroed. */
enum err request_items_derive(const struct catalog *catalog, const json_t *credentials,
    struct request_items *items_out, struct errctx *ctx) MUSTCHECK;
/* From `connections` and `keys` of a body that names types itself (checked by its table of fields):
 * with appName, appModules and appVersion where they are given (v1), with prefill. ERR_UNKNOWN_APP,
 * ERR_FIELD, ERR_VALUE name the place by its JSON path. */
enum err request_items_name(const struct catalog *catalog, const json_t *body,
    struct request_items *items_out, struct errctx *ctx) MUSTCHECK;
/* One item: the connection with more scopes. ERR_VALUE when it has them all. Borrows from the
 * connection. */
enum err request_items_extend(const struct catalog *catalog, const struct connection *connection,
    const json_t *scopes, struct request_items *items_out, struct errctx *ctx) MUSTCHECK;
void request_items_free(struct request_items **items);

#endif
