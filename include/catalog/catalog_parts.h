/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the catalogue share; nobody outside catalog/ includes it. */
#ifndef BAILEE_CATALOG_CATALOG_PARTS_H
#define BAILEE_CATALOG_CATALOG_PARTS_H

#include <stdatomic.h>

#include <stdbool.h>
#include <stddef.h>

#include "catalog/catalog.h"

/* Sorted by name, then version. */
struct catalog {
	atomic_int holders;
	struct app **apps;
	size_t n;
	size_t n_shipped;     /* how many there were before the operator's own */
	struct app **aliases; /* sorted alike; made by catalog_aliases_make() */
	size_t n_aliases;
};

/* From a definition that has passed app_rules_check(); takes it over. */
struct app *catalog_app_new(json_t *definition);
void catalog_app_free(struct app *app);

/* Whether a connection is called so, by its type or an alias. */
bool catalog_connection_is(const struct app_connection *connection, const char *name, size_t len);

/* Which of `n` sorted apps is the first that does not stand before (name, version). */
size_t catalog_lower_bound(struct app *const *apps, size_t n, const char *name, int64_t version);
/* All aliases anew, when everything else of the catalogue has been found right. */
enum err catalog_aliases_make(struct catalog *catalog, struct errctx *ctx) MUSTCHECK;
void catalog_aliases_free(struct catalog *catalog);

/* The named tokens of a connection whose other members are set; and their end. */
void catalog_tokens_read(struct app_connection *connection);
void catalog_tokens_free(struct app_connection *connection);

#endif
