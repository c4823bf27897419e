/* SPDX-License-Identifier: Apache-2.0 */
/* The link a person was sent: reading it from a call, and opening it. */
#ifndef BAILEE_PAGE_LINK_H
#define BAILEE_PAGE_LINK_H

#include "base/json.h"
#include "store/page.h"
#include "web/router.h"

#define LINK_SECRET_SIZE 32 /* bytes */

/* LINK_SECRET_SIZE bytes in base64url without padding, in the one spelling an encoder gives.
 * ERR_VALUE when the text is anything else. The caller cleanses secret_out. */
enum err link_secret_decode(const char *text, unsigned char secret_out[LINK_SECRET_SIZE]) MUSTCHECK;
/* The secret in the value of `Authorization: Link <secret>`: base64url of LINK_SECRET_SIZE bytes
 * without padding, in the one spelling an encoder gives. NULL counts as not sent. ERR_VALUE when it
 * is anything else. The caller cleanses secret_out. */
enum err link_secret_read(const char *authorization,
    unsigned char secret_out[LINK_SECRET_SIZE]) MUSTCHECK;

/* Link and what it opens, by the parameter {id}, the secret and the cookie of the call.
 * ERR_NOT_FOUND alike for what is no id, no secret, unknown or wrong; ERR_GONE for a request that
 * has expired. Another browser than the one that has answered first is no error here. */
enum err link_open(struct ctx *ctx, struct page_link *link_out,
    struct page_view *view_out) MUSTCHECK;

/* True while a job about the credential is queued or running. */
bool link_row_working(const struct page_row *row);

/* What the requester has filled in for an item; NULL when nothing. Caller owns. */
json_t *link_row_prefill(const struct page_row *row);

/* True when no runner has been seen lately; false as well when that cannot be told. */
bool link_is_delayed(struct store *store);

/* GET /public/requests/{id} */
enum err link_get(struct ctx *ctx, struct response *response);

#endif
