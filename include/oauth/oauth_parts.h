/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the OAuth client share; nobody outside oauth/ includes it. */
#ifndef BAILEE_OAUTH_OAUTH_PARTS_H
#define BAILEE_OAUTH_OAUTH_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "catalog/catalog.h"

#define OAUTH_PARAM_MAX 16384 /* bytes of one parameter's value */

/* The member "oauth2" of the definition. */
const json_t *oauth_rules(const struct app_connection *type);

/* S256 of a verifier (RFC 7636 section 4.2); the caller frees it. */
char *oauth_challenge(const char *verifier);

/* Parameters of a URL or body: an object of texts in the order they are sent. All of these name
 * what is wrong with ERR_VALUE, never a value. */

/* By the standard's name; the definition may have another (param_rename). NULL: nothing is put. */
enum err oauth_put(json_t *params, const json_t *rules, const char *name, const char *value,
    struct errctx *ctx) MUSTCHECK;
/* A map of the definition: names as they are sent, values with placeholders, which may be formulas
 * of the time `now_ms`. With `skip_empty` what comes out empty is left out. */
enum err oauth_put_map(json_t *params, const json_t *map, const json_t *values, int64_t now_ms,
    bool skip_empty, struct errctx *ctx) MUSTCHECK;
/* One value of it. NULL: left out. Wiped and freed by the caller. */
enum err oauth_map_value(const json_t *template, const json_t *values, int64_t now_ms,
    bool skip_empty, char **value_out, struct errctx *ctx) MUSTCHECK;
/* What the definition says of that. */
bool oauth_skips_empty(const json_t *rules);
/* A list of scopes under the definition's name and with its separator, or with the one that stands
 * in `typed`, which may be NULL; nothing when it is empty. */
enum err oauth_put_scopes(json_t *params, const json_t *rules, const json_t *scopes,
    const char *typed, struct errctx *ctx) MUSTCHECK;
/* What a person has typed in the field for scopes; NULL: nothing, or there is none. */
const char *oauth_typed_scopes(const struct app_connection *type, const json_t *fields);
/* Whether an array of texts has this one. */
bool oauth_lists(const json_t *texts, const char *text);
/* Every scope of `more` that `scopes` does not have yet. */
void oauth_add_scopes(json_t *scopes, const json_t *more);

/* A text of the definition with its placeholders filled; the caller wipes and frees it. NULL stays
 * NULL. */
enum err oauth_filled(const char *text, const json_t *values, bool url, char **text_out,
    struct errctx *ctx) MUSTCHECK;

/* The same of one with formulas (catalog/expression.h). */
enum err oauth_worked_out(const char *text, const json_t *values, int64_t now_ms, char **text_out,
    struct errctx *ctx) MUSTCHECK;

/* name=value&…, percent-encoded (application/x-www-form-urlencoded); a blank is + or %20. */
void oauth_add_pairs(const json_t *params, bool plus, struct buf *out);
/* The same of one text. */
void oauth_add_encoded(const char *text, bool plus, struct buf *out);

/* Whether a value that comes from outside can be a token, a code and the like: 1 to `most` bytes,
 * printable ASCII (RFC 6749 appendix A). */
bool oauth_is_printable(const json_t *value, size_t most);
/* A code of an error: letters, digits and _ . - are kept, the rest becomes _; cut to `size`. */
void oauth_error_code(const char *text, char *out, size_t size);

/* What the definition keeps of a redirect or an answer. `list`: callback_fields or answer_fields;
 * `find` looks a row's value up. False: a needed one is missing, or one is not as its pattern says.
 * Texts and whole numbers are put into `fields` by name. */
typedef const json_t *oauth_find_fn(const json_t *row, const json_t *from);
bool oauth_keep_fields(const json_t *list, oauth_find_fn *find, const json_t *from, json_t *fields);

#endif
