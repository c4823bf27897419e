/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the catalogue share; nobody outside catalog/ includes it. */
#ifndef BAILEE_CATALOG_CATALOG_PARTS_H
#define BAILEE_CATALOG_CATALOG_PARTS_H

#include <stdatomic.h>

#include <stddef.h>

#include "catalog/catalog.h"

/* Sorted by name, then version. */
struct catalog {
	atomic_int holders;
	struct app **apps;
	size_t n;
	size_t n_shipped; /* how many there were before the operator's own */
};

/* From a definition that has passed app_rules_check(); takes it over. */
struct app *catalog_app_new(json_t *definition);
void catalog_app_free(struct app *app);

/* The named tokens of a connection whose other members are set; and their end. */
void catalog_tokens_read(struct app_connection *connection);
void catalog_tokens_free(struct app_connection *connection);

#endif
