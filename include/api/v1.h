/* SPDX-License-Identifier: Apache-2.0 */
/* What the handlers of surface V1 (/api/v1) share. */
#ifndef BAILEE_API_V1_H
#define BAILEE_API_V1_H

#include <stdint.h>

#include "api/shared.h"
#include "web/router.h"

/* {"<name>": list, "meta": …}; steals `list`. */
json_t *v1_page_json(const struct ctx *ctx, const char *name, json_t *list,
    const struct paging *paging, int64_t total);

#endif
