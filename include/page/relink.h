/* SPDX-License-Identifier: Apache-2.0 */
/* A new link for whoever has lost the browser that the old one is bound to: it goes to the address
 * of the person who is asked, never into an answer. */
#ifndef BAILEE_PAGE_RELINK_H
#define BAILEE_PAGE_RELINK_H

#include "web/router.h"

/* POST /public/requests/{id}/relink */
enum err relink_post(struct ctx *ctx, struct response *response);

#endif
