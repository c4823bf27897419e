/* SPDX-License-Identifier: Apache-2.0 */
/* The browser a link is bound to, known by a cookie: one for each request, so that two of them do
 * not get into each other's way. */
#ifndef BAILEE_PAGE_BROWSER_H
#define BAILEE_PAGE_BROWSER_H

#include "store/page.h"
#include "web/router.h"

#define BROWSER_NAME_MAX 64
#define BROWSER_VALUE_MAX 44 /* 32 random bytes in base64url, with NUL */

/* "__Host-bailee-<request id>"; without the prefix, which asks for TLS, where public_url is plain
 * http: that is for this machine alone. */
void browser_name(const struct ctx *ctx, const struct uuid *request, char out[BROWSER_NAME_MAX]);

/* Fill in link->browser by the cookie of link->request; what is no cookie of ours counts as not
 * sent. */
void browser_read(const struct ctx *ctx, struct page_link *link);

/* Give a browser that has no cookie one. It is bound to nothing until it comes back with an answer.
 */
enum err browser_offer(struct ctx *ctx, struct page_link *link, const struct page_view *view,
    struct response *response) MUSTCHECK;

#endif
