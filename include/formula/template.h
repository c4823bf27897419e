/* SPDX-License-Identifier: Apache-2.0 */
/* Strings with formulas in them: `=expr` is the value itself, `<<expr>>` inside text becomes text.
 * A leading `\=` means `=` and `\<<` means `<<`: documents write them escaped so. A literal `<<` is
 * written <<"<<">>. */
#ifndef BAILEE_FORMULA_TEMPLATE_H
#define BAILEE_FORMULA_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "base/buf.h"
#include "base/error.h"
#include "formula/formula.h"

/* Whether the whole text is a formula: begins with `=` or `\=`. */
bool template_is_formula(const char *text);
/* Whether the text is a formula or has one in it. */
bool template_has_formula(const char *text);

/* Syntax of every string in `json`, at any depth, keys too. Goes on after an error, so that ctx
 * names each (as far as it has room): ERR_FIELD, path of the string (`path`, then .key and
 * [index]), "column N: …". */
enum err template_check(const json_t *json, const char *path, struct errctx *ctx) MUSTCHECK;
enum err template_check_text(const char *text, const char *path, struct errctx *ctx) MUSTCHECK;

/* formula_references() of every string in `json`, at any depth, keys too. */
enum err template_references(const json_t *json, json_t *slugs, struct errctx *ctx) MUSTCHECK;

/* Append to `paths` (an array of texts) each path that a formula in any string of `json` reads,
 * once: "PREVIOUS_STEP.body.items[0]"; what is worked out stands as "…". For showing, so only the
 * first FORMULA_PATHS_MAX. */
#define FORMULA_PATHS_MAX 50
enum err template_paths(const json_t *json, json_t *paths, struct errctx *ctx) MUSTCHECK;

/* The value of a string: of any type in formula mode, else text. For the location of a token too.
 * ERR_FIELD for bad syntax, ERR_VALUE for what fails on evaluation; neither shows a value. The
 * value may borrow from the scope. */
enum err template_eval(const char *text, const struct formula_scope *scope, const char *path,
    struct value *value_out, struct errctx *ctx) MUSTCHECK;

/* Append the string's text to `buf`, which is to be BUF_INIT_SECRET. ERR_VALUE also when its cap
 * does not do. */
enum err template_render_text(const char *text, const struct formula_scope *scope, const char *path,
    struct buf *buf, struct errctx *ctx) MUSTCHECK;

/* A deep copy with every string rendered: formulas keep their types; keys become text, and two that
 * become the same are an error. The caller owns it. The limits of formula.h hold for the rendering
 * as a whole. */
enum err template_render_json(const json_t *json, const struct formula_scope *scope,
    const char *path, json_t **json_out, struct errctx *ctx) MUSTCHECK;

#endif
