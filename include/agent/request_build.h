/* SPDX-License-Identifier: Apache-2.0 */
/* From request options and what their formulas see to one HTTP request. */
#ifndef BAILEE_AGENT_REQUEST_BUILD_H
#define BAILEE_AGENT_REQUEST_BUILD_H

#include <jansson.h>

#include "base/error.h"
#include "formula/formula.h"
#include "net/http_request.h"

#define AGENT_BODY_MAX ((size_t)4 * 1024 * 1024) /* bytes of an encoded body */

/* Work out every formula, check the outcome again, encode. `options` passed agent_options_check().
 * `path` begins the JSON path in errors. ERR_FIELD or ERR_VALUE when a formula fails or its outcome
 * cannot be sent; texts never hold a value. The request owns all it has; http_request_free() it. */
enum err agent_request_build(const json_t *options, const struct formula_scope *scope,
    const char *path, struct http_request *request_out, struct errctx *ctx) MUSTCHECK;

#endif
