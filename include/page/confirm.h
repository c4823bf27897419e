/* SPDX-License-Identifier: Apache-2.0 */
/* The person says whether the account that was connected is his: nothing counts as authorized
 * before. */
#ifndef BAILEE_PAGE_CONFIRM_H
#define BAILEE_PAGE_CONFIRM_H

#include "web/router.h"

/* POST /public/requests/{id}/items/{itemId}/confirm {"accept": true} */
enum err confirm_post(struct ctx *ctx, struct response *response);

#endif
