/* SPDX-License-Identifier: Apache-2.0 */
/* What the files that check app definitions share; nobody outside catalog/ includes it. */
#ifndef BAILEE_CATALOG_APP_PARTS_H
#define BAILEE_CATALOG_APP_PARTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/json.h"
#include "catalog/app_rules.h"

#define APP_PATH_ROOM 160

/* Kinds of text. */
extern const struct app_text app_text_name, app_text_identifier, app_text_module, app_text_key_type,
    app_text_plain, app_text_url, app_text_address, app_text_docs, app_text_fragment,
    app_text_pointer, app_text_template, app_text_formula, app_text_header, app_text_host,
    app_text_pattern;

/* A JSON path; what does not fit is cut. */
void app_path(char out[APP_PATH_ROOM], const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Does `list` hold, as itself or as member `member`, exactly these `len` bytes? */
bool app_lists(const json_t *list, const char *member, const char *text, size_t len);

/* The element of a list whose `name` that is; NULL when there is none. */
const json_t *app_named(const json_t *list, const char *name);

/* The rules between the members of connections, and between those and modules; the definition has
 * passed the tables. */
enum err app_connections_check(const json_t *definition, struct errctx *ctx) MUSTCHECK;
enum err app_oauth_check(const json_t *connection, const char *path, struct errctx *ctx) MUSTCHECK;
enum err app_client_check(const json_t *connection, const char *path, struct errctx *ctx) MUSTCHECK;
enum err app_tokens_check(const json_t *connection, const char *path, struct errctx *ctx) MUSTCHECK;
/* One templated text: its placeholders must be fields of the connection or in `more`, a list that
 * NULL ends (NULL itself: none). */
enum err app_template_check(const json_t *connection, const char *text, const char *const *more,
    const char *path, struct errctx *ctx) MUSTCHECK;
/* The same, and with OAuth 2 it may name the access tokens that are always there. */
enum err app_carried_check(const json_t *connection, const char *text, const char *path,
    struct errctx *ctx) MUSTCHECK;
/* The same of a text that may hold formulas (catalog/expression.h). */
enum err app_formula_check(const json_t *connection, const char *text, const char *const *more,
    const char *path, struct errctx *ctx) MUSTCHECK;
/* The same of a template that everybody gets to see: no secret may stand in it. */
enum err app_shown_check(const json_t *connection, const char *text, const char *const *more,
    const char *path, struct errctx *ctx) MUSTCHECK;
/* Whether a field may have that name. */
enum err app_name_check(const char *name, const char *path, struct errctx *ctx) MUSTCHECK;
/* As app_shown_check() of a URL: no field without pattern or options may stand in its host. A field
 * alone is the whole URL, which is for those who bring their own client. */
enum err app_url_check(const json_t *connection, const char *url, const char *const *more,
    const char *path, struct errctx *ctx) MUSTCHECK;

#endif
