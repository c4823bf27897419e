/* SPDX-License-Identifier: Apache-2.0 */
/* The way back from an OAuth provider. */
#ifndef BAILEE_PAGE_CALLBACK_H
#define BAILEE_PAGE_CALLBACK_H

#include "store/page.h"
#include "web/router.h"

/* GET /oauth/callback/{callbackId}?state&code|error&iss: 303 to the page, without any of it. Takes
 * part only in a trip that was begun in this browser, with this client registration, and is still
 * under way; whatever else comes is answered alike, with ERR_MALFORMED, and changes nothing. */
enum err callback_get(struct ctx *ctx, struct response *response);

/* What a browser has come back with: its parameters put into `query`, an empty object, and what the
 * trip is known by. False: it is no way back of ours, whatever has been written. */
bool callback_read(const struct ctx *ctx, json_t *query, struct page_link *link_out,
    struct page_return *back_out);

#endif
