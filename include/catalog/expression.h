/* SPDX-License-Identifier: Apache-2.0 */
/* Texts of app definitions with placeholders that may be worked out: <<name>> as in catalog/fill.h,
 * and <<HMAC_SHA256(body, client_secret)>>, any formula (formula/formula.h) of the same names. */
#ifndef BAILEE_CATALOG_EXPRESSION_H
#define BAILEE_CATALOG_EXPRESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"

/* Append to `names` (an array of texts) each name that a placeholder of the text is, or reads,
 * once. ERR_CONFIG with `path` for a formula that cannot be read. */
enum err expression_names(const char *text, json_t *names, const char *path,
    struct errctx *ctx) MUSTCHECK;

/* Append the text with every placeholder replaced by its value; `now_ms` is the time of formulas.
 * `out` is to be BUF_INIT_SECRET. In formulas a field without a value is NULL. ERR_VALUE: a name
 * alone, or one that is no field, has no value, a formula fails, or what it gives has NUL, CR or LF
 * in it; values are never in messages. */
enum err expression_fill(const char *text, const json_t *values, int64_t now_ms, struct buf *out,
    struct errctx *ctx) MUSTCHECK;

/* Whether the text names, by a name alone, something that has no value. */
bool expression_is_unfilled(const char *text, const json_t *values);

/* Names that stand for something else than a field of the connection. */
bool expression_is_reserved(const char *name);

#endif
