/* SPDX-License-Identifier: Apache-2.0 */
/* Evaluation with its limits, as functions and templates see it. For the formula layer; others use
 * formula/formula.h. */
#ifndef BAILEE_FORMULA_EVAL_H
#define BAILEE_FORMULA_EVAL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/error.h"
#include "formula/formula.h"
#include "formula/functions.h"

/* One evaluation, or several that share their limits. Zero but for scope and ctx. */
struct eval {
	const struct formula_scope *scope;
	struct errctx *ctx;
	unsigned steps;
	size_t work;     /* bytes made or walked */
	size_t matching; /* steps of regular expressions */
	bool exhausted;  /* over a limit: not for IF_ERROR() to catch */
};

struct node;

enum err eval_node(struct eval *eval, const struct node *node, struct value *value_out) MUSTCHECK;
/* ERR_VALUE "column N: …" at the node. */
enum err eval_fail(struct eval *eval, const struct node *node, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
/* Count bytes against the limit: those of a text made, or what JSON takes (value_json_cost()). */
enum err eval_spend(struct eval *eval, const struct node *node, size_t bytes) MUSTCHECK;
enum err eval_spend_json(struct eval *eval, const struct node *node, size_t cost) MUSTCHECK;
/* Append the value as text to a secret buffer, within the limits. */
enum err eval_add_text(struct eval *eval, const struct node *node, const struct value *value,
    struct buf *buf) MUSTCHECK;
/* Make `out` the text in `buf`, within the limits. */
enum err eval_set_text(struct eval *eval, const struct node *node, const struct buf *buf,
    struct value *out) MUSTCHECK;

#endif
