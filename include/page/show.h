/* SPDX-License-Identifier: Apache-2.0 */
/* What a link shows, as JSON. */
#ifndef BAILEE_PAGE_SHOW_H
#define BAILEE_PAGE_SHOW_H

#include "base/json.h"
#include "catalog/catalog.h"
#include "store/page.h"

struct show_facts {
	bool delayed; /* something is worked on, and no runner is at work */
	bool mails;   /* a new link can be mailed */
};

/* The answer of GET /public/requests/{id}: to another browser than the one that has answered first,
 * only who asks. `catalog` has the types of connections, or is NULL. Caller owns. */
json_t *show_view(const struct catalog *catalog, const struct page_link *link,
    const struct page_view *view, const struct show_facts *facts);

/* The definition of an account's type; NULL for keys and for types this program does not know. */
const struct app_connection *show_connection(const struct catalog *catalog,
    const struct page_row *row);
/* Whether the person can be sent to the provider: a client is registered for just this definition.
 */
bool show_can_connect(const struct app_connection *connection, const struct page_row *row);

#endif
