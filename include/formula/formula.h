/* SPDX-License-Identifier: Apache-2.0 */
/* The formula language: parse an expression once, evaluate it against what a request may see. */
#ifndef BAILEE_FORMULA_FORMULA_H
#define BAILEE_FORMULA_FORMULA_H

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "base/error.h"
#include "formula/value.h"

/* Limits. Going over one is an error IF_ERROR() does not catch. */
#define FORMULA_TEXT_MAX ((size_t)64 * 1024) /* bytes of one string with formulas in it */
#define FORMULA_DEPTH_MAX 100                /* nesting of a formula */
#define FORMULA_STEPS_MAX 20000              /* values worked out in one evaluation */
#define FORMULA_WORK_MAX                                                                           \
	((size_t)16 * 1024 * 1024) /* bytes made or walked in one evaluation or rendering */

/* The root that other credentials hang on: CREDENTIAL.<slug>. */
#define FORMULA_CREDENTIAL "CREDENTIAL"

struct formula;

struct formula_named_response {
	const char *name; /* "PREVIOUS_STEP", "response", the credential's slug… */
	const struct formula_response *response; /* NULL: the name stands for NULL */
};

/* What a formula sees. All borrowed; it outlives the values made with it. */
struct formula_scope {
	const json_t *values; /* object: further roots (secret, INFO…); NULL: none */
	const struct formula_named_response *named; /* looked up before `values` */
	size_t n_named;
	const struct formula_response *const *steps; /* STEPS[i] */
	size_t n_steps;
	int64_t now_ms; /* NOW(): one moment for the whole evaluation */
};

/* Parse an expression (without `=`). ERR_FIELD, with path "" and a text that begins "column N:"
 * (1-based, in characters of `text`) and names what was expected, for syntax errors, unknown
 * functions and wrong numbers of arguments. */
enum err formula_parse(const char *text, struct formula **formula_out,
    struct errctx *ctx) MUSTCHECK;
/* The same of a formula inside a longer text: from byte `start` to the `>>` that ends it; `end_out`
 * is the place behind that. Columns count in the whole text. */
enum err formula_parse_within(const char *text, size_t start, struct formula **formula_out,
    size_t *end_out, struct errctx *ctx) MUSTCHECK;
void formula_free(struct formula **formula);

/* The names that a formula reads: what its paths begin with, each once. Caller owns the array. */
json_t *formula_names(const struct formula *formula);

/* Append to `slugs` (an array of texts) the slug of each credential that a string with formulas in
 * it, in text mode or formula mode, refers to as CREDENTIAL.<slug> and that is not in it yet.
 * ERR_FIELD for bad syntax. Of a whole document: template_references(). */
enum err formula_references(const char *text, json_t *slugs, struct errctx *ctx) MUSTCHECK;

/* ERR_VALUE for type errors, limits and the like; the text names the column, never a value. The
 * value may borrow from the scope. Has no side effects. */
enum err formula_eval(const struct formula *formula, const struct formula_scope *scope,
    struct value *value_out, struct errctx *ctx) MUSTCHECK;

#endif
