/* SPDX-License-Identifier: Apache-2.0 */
/* What a link shows, as JSON. */
#ifndef BAILEE_PAGE_SHOW_H
#define BAILEE_PAGE_SHOW_H

#include "base/json.h"
#include "base/uuid.h"
#include "catalog/catalog.h"
#include "catalog/credential_type.h"
#include "store/page.h"

struct show_facts {
	bool delayed; /* something is worked on, and no runner is at work */
	bool mails;   /* a new link can be mailed */
	const char *public_url;
};

/* The answer of GET /public/requests/{id}: to another browser than the one that has answered first,
 * only who asks. `catalog` has the types of connections, or is NULL. Caller owns. */
json_t *show_view(const struct catalog *catalog, const struct page_link *link,
    const struct page_view *view, const struct show_facts *facts);

/* The type of an item: an app's, or a user credential's own. show_type_free(). */
struct show_type {
	const struct app_connection *connection; /* NULL for keys and for types that this program
						    does not know */
	const char *id;                          /* as flows and grants name it */
	const char *client_id;   /* NULL: no client is registered for just this definition */
	const char *client_host; /* where it is registered, or NULL (catalog/client_host.h) */
	bool brings_client;      /* the person says in the form which it is */
	bool available;          /* the person can be sent to the provider */
	struct uuid callback_id; /* last part of the redirect URI */
	struct credential_type own;
};
void show_type_find(const struct catalog *catalog, const struct page_row *row,
    struct show_type *type_out);
void show_type_free(struct show_type *type);
#define auto_show_type __attribute__((cleanup(show_type_free)))

#endif
