/* SPDX-License-Identifier: Apache-2.0 */
/* A payload as bytes: pairs as query, form or multipart; everything else as JSON or as it is. */
#ifndef BAILEE_AGENT_PAYLOAD_H
#define BAILEE_AGENT_PAYLOAD_H

#include <jansson.h>

#include "base/buf.h"
#include "base/error.h"

#define PAYLOAD_BOUNDARY_SIZE 48

/* Pairs: the members of an object, or an array of [name, value]. A value that is an array gives its
 * name once per item; NULL is empty; objects are JSON. Too much sets out->over. */

/* name=value&…; blanks as '+' for forms (WHATWG URL section 5.2), as %20 for a query. */
void payload_add_pairs(const json_t *pairs, bool form, struct buf *out);

/* multipart/form-data (RFC 7578) with a random boundary, which is written to boundary_out with its
 * NUL. */
void payload_add_multipart(const json_t *pairs, struct buf *out,
    char boundary_out[PAYLOAD_BOUNDARY_SIZE]);

/* Compact JSON of any value. */
void payload_add_json(const json_t *value, struct buf *out);

/* Whether payload_add_pairs() and payload_add_multipart() can take it. */
bool payload_is_pairs(const json_t *value);

#endif
