/* SPDX-License-Identifier: Apache-2.0 */
/* The way to an OAuth provider: the person's browser gets the URL to go to. */
#ifndef BAILEE_PAGE_CONNECT_H
#define BAILEE_PAGE_CONNECT_H

#include "web/router.h"

/* POST /public/requests/{id}/items/{itemId}/connect {"fields": {…}}: 200 {"url"}. Nothing is sent
 * anywhere; what the way back needs is sealed and kept for ten minutes. */
enum err connect_post(struct ctx *ctx, struct response *response);

#endif
