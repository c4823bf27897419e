/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of formula functions share: arguments of one call, and the functions by name. */
#ifndef BAILEE_FORMULA_CALL_H
#define BAILEE_FORMULA_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "formula/eval.h"
#include "formula/functions.h"
#include "formula/parser.h"

/* A buffer for text on its way; auto_buf it. */
#define CALL_BUF BUF_INIT_SECRET(VALUE_TEXT_MAX)

/* "column N: <FUNCTION> <what>", ERR_VALUE, at the call or at one of its arguments. */
enum err call_fail(const struct formula_call *call, const char *fmt, ...) PRINTF_LIKE(2, 3);
enum err call_fail_arg(const struct formula_call *call, size_t i, const char *wanted);

/* Argument i as text (every type has one), as a whole number within bounds, as true or not there.
 * Of eager functions only. */
enum err call_text(const struct formula_call *call, size_t i, struct buf *buf) MUSTCHECK;
enum err call_integer(const struct formula_call *call, size_t i, int64_t least, int64_t most,
    int64_t *out) MUSTCHECK;
bool call_is_array(const struct formula_call *call, size_t i); /* STEPS too */
/* Its items, of an array: how many, and item k (out is NULL at the beginning). */
size_t call_array_size(const struct formula_call *call, size_t i);
enum err call_array_item(const struct formula_call *call, size_t i, size_t k,
    struct value *out) MUSTCHECK;

/* Make `out` the text in `buf`, or these bytes, or this JSON (taken over), within the limits. */
enum err call_give_text(const struct formula_call *call, const struct buf *buf,
    struct value *out) MUSTCHECK;
enum err call_give_bytes(const struct formula_call *call, const void *bytes, size_t len,
    struct value *out) MUSTCHECK;
enum err call_give_json(const struct formula_call *call, json_t *json, struct value *out) MUSTCHECK;

/* choice */
formula_fn formula_fn_default, formula_fn_if, formula_fn_if_error, formula_fn_switch,
    formula_fn_is_blank, formula_fn_is_present, formula_fn_error;
/* lists and objects */
formula_fn formula_fn_join, formula_fn_split, formula_fn_first, formula_fn_last, formula_fn_size,
    formula_fn_concat, formula_fn_get, formula_fn_map;
/* text */
formula_fn formula_fn_upcase, formula_fn_downcase, formula_fn_strip, formula_fn_replace,
    formula_fn_substring, formula_fn_contains, formula_fn_regex_extract, formula_fn_regex_replace;
/* encodings */
formula_fn formula_fn_url_encode, formula_fn_url_decode, formula_fn_base64_encode,
    formula_fn_base64_decode, formula_fn_base64url_encode, formula_fn_hex_encode,
    formula_fn_html_unescape, formula_fn_json_parse, formula_fn_json_stringify,
    formula_fn_xml_parse;
/* time */
formula_fn formula_fn_now, formula_fn_date;
/* cryptography and chance */
formula_fn formula_fn_md5, formula_fn_sha1, formula_fn_sha256, formula_fn_sha512,
    formula_fn_hmac_sha1, formula_fn_hmac_sha256, formula_fn_jwt_sign, formula_fn_uuid,
    formula_fn_random_hex;

#endif
