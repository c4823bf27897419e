/* SPDX-License-Identifier: Apache-2.0 */
/* What one worker of a pool holds: configuration, store, catalogue. `ctx->app` of every handler
 * points to it. */
#ifndef BAILEE_WEB_POOL_H
#define BAILEE_WEB_POOL_H

#include "base/config.h"
#include "store/key_holder.h"
#include "store/store.h"

struct catalog; /* catalog/catalog.h */
struct router;
struct usage; /* web/usage.h: uses noted for the audit trail, written in batches */

struct pool {
	struct config config;
	struct store store;
	struct catalog *catalog;
	struct router *router;
	struct usage *usage;
	char *openapi;            /* text of the OpenAPI document, owned; NULL on the public pool */
	bool checked;             /* keys and schema have been proven against the database */
	int64_t look_at;          /* monotonic ms: then the schema is looked at again */
	struct key_holder holder; /* of the api pool: it says that it is alive */
};

#endif
