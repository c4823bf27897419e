/* SPDX-License-Identifier: Apache-2.0 */
/* A person's answer to one item of a request: the filled-in form, or a refusal. */
#ifndef BAILEE_PAGE_SUBMIT_H
#define BAILEE_PAGE_SUBMIT_H

#include "catalog/catalog.h"
#include "store/page.h"
#include "web/router.h"

/* Check the fields of a form against the item's type (in place: defaults are filled in, and what
 * the requester has fixed) and make the text that is sealed: {"credential": <uuid>, "fields": {…}}.
 * The caller cleanses and frees it. ERR_FIELD names each bad field as `fields.<name>`, one that is
 * fixed and sent otherwise too; ERR_VALUE when the item cannot be filled in. */
enum err submit_text(const struct catalog *catalog, const struct page_row *row, json_t *fields,
    char **text_out, struct errctx *ctx) MUSTCHECK;

/* POST /public/requests/{id}/items/{itemId} {"fields": {…}} */
enum err submit_post(struct ctx *ctx, struct response *response);
/* POST /public/requests/{id}/items/{itemId}/decline {"reason": "…"} */
enum err submit_decline(struct ctx *ctx, struct response *response);

#endif
