/* SPDX-License-Identifier: Apache-2.0 */
/* The connection type "s" of a fuzzer's own app definition. */
#ifndef BAILEE_TESTS_FUZZ_TYPE_H
#define BAILEE_TESTS_FUZZ_TYPE_H

#include <string.h>

#include "catalog/catalog.h"
#include "must.h"

/* Read at the first call, when *catalog is NULL; kept there as long as the fuzzer runs. */
static inline const struct app_connection *
fuzz_type(struct catalog **catalog, const char *definition)
{
	if (!*catalog) {
		*catalog = catalog_new();
		must(catalog_add(*catalog, "s", definition, strlen(definition), NULL) == OK);
	}
	return catalog_connection_type_find(*catalog, "s");
}

#endif
