/* SPDX-License-Identifier: Apache-2.0 */
/* The OpenAPI 3.1 document: made from the tables of routes, their tables of fields and
 * docs/openapi/schemas.json. */
#ifndef BAILEE_API_OPENAPI_H
#define BAILEE_API_OPENAPI_H

#include "base/error.h"
#include "base/json.h"
#include "web/router.h"

/* docs/openapi/schemas.json as it is read: `info` and `components` go into the document as they
 * are; `operations` has one member for each route, named "GET /api/v2/keys/{id}":
 *   query    names of components.parameters, or whole parameters
 *   sort     columns a list can be sorted by: adds the pg[…] parameters
 *   cols     schema whose members `cols` can name
 *   prefer   true: the call may wait for a job
 *   request  schema of the body, where the route has no table of fields
 *   answers  schema by status of each success, null for an empty one
 *   errors   kinds of errors (base/error.c) beyond those that follow from the route */

/* The document. A route that is not described is in it with what follows from its row alone (tests
 * refuse that). Caller owns. */
json_t *openapi_make(const struct route *const *tables, const json_t *described,
    const char *public_url);
/* The same as text, from the file; the caller frees it. ERR_CONFIG when the file cannot be read. */
enum err openapi_load(const struct route *const *tables, const char *file, const char *public_url,
    char **text_out, struct errctx *ctx) MUSTCHECK;

/* JSON Schema (2020-12) of what fields_check() takes. Caller owns. */
json_t *openapi_fields_schema(const struct field_spec *fields);

#endif
