/* SPDX-License-Identifier: Apache-2.0 */
/* jansson with our rules: bounded depth and size, no duplicate keys, no NUL, UTF-8 only. */
#ifndef BAILEE_BASE_JSON_H
#define BAILEE_BASE_JSON_H

#include <jansson.h>

#include "base/buf.h"
#include "base/error.h"

#define JSON_DEPTH_MAX 32
#define JSON_VALUES_MAX 100000 /* a value takes up to a hundred times the memory of its text */

/* Parse one JSON value. ERR_MALFORMED with line and column otherwise; the text itself is never in
 * the error. The caller owns it. */
enum err json_parse(const char *text, size_t len, json_t **value_out, struct errctx *ctx) MUSTCHECK;

/* Append the compact text of any JSON value. `out->over` when it does not fit. */
void json_write(const json_t *value, struct buf *out);

/* Compact text; the caller frees it (cleanse it when it may hold secrets). `value` may be any JSON
 * value. */
char *json_text(const json_t *value);

/* Members, with defaults; `object` may be NULL or no object. Borrowed. */
const char *json_get_text(const json_t *object,
    const char *key); /* NULL when missing or no string */
json_int_t json_get_int(const json_t *object, const char *key, json_int_t otherwise);
bool json_get_bool(const json_t *object, const char *key, bool otherwise);

/* What a JSON Pointer (RFC 6901) points to; NULL when there is nothing. Borrowed. */
const json_t *json_at(const json_t *value, const char *pointer);

/* Setters that steal and cannot fail (keys and texts are ours and UTF-8). A NULL text becomes JSON
 * null. */
void json_put(json_t *object, const char *key, json_t *value);
void json_put_text(json_t *object, const char *key, const char *text);
void json_put_int(json_t *object, const char *key, json_int_t number);
void json_put_bool(json_t *object, const char *key, bool flag);
void json_put_time(json_t *object, const char *key, int64_t ms); /* ISO 8601; 0 becomes null */
/* Length in bytes of the valid UTF-8 sequence (RFC 3629) at `text`, 0 when there is none. */
size_t json_utf8_length(const char *text, size_t left);
/* As much of a text as fits into `most` characters: whole ones, up to what is no UTF-8. NULL stays
 * NULL. Caller owns. */
char *json_text_cut(const char *text, size_t most);
/* Text that should be UTF-8 but comes from outside: invalid bytes become U+FFFD. Caller owns. */
json_t *json_text_lossy(const char *text, size_t len);

#endif
