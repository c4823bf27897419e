/* SPDX-License-Identifier: Apache-2.0 */
/* The table of formula functions. To add one: write it in a functions file and add its row. */
#ifndef BAILEE_FORMULA_FUNCTIONS_H
#define BAILEE_FORMULA_FUNCTIONS_H

#include <stddef.h>

#include "base/error.h"
#include "formula/value.h"

struct eval;
struct node;

/* One call being worked out. */
struct formula_call {
	struct eval *eval;
	const struct node *node; /* of the call: column, argument nodes */
	struct value
	    *args; /* worked out beforehand; NULL for lazy functions, which use eval_node() */
	size_t n_args;
};

/* `out` is NULL at the beginning. Errors through eval_fail(), which names the column. */
typedef enum err formula_fn(const struct formula_call *call, struct value *out);

enum formula_arguments {
	FORMULA_EAGER,   /* are worked out beforehand */
	FORMULA_LAZY,    /* the function works them out itself, if at all */
	FORMULA_WRITTEN, /* must be texts written out in the formula: people get to read them */
};

struct formula_function {
	const char *name;      /* upper case */
	const char *arguments; /* for people: "text, separator"; optional ones in brackets */
	size_t least;          /* arguments */
	size_t most;
	enum formula_arguments how;
	formula_fn *run;
	const char *doc;     /* one line, Markdown */
	const char *example; /* a formula… */
	const char *result; /* …and what it gives, as JSON; NULL when that is not always the same */
	const char *group; /* of the first of several rows: their headline */
};

#define FORMULA_ARGUMENTS_MAX 1000

/* The row of that name in any letter case, or NULL. */
const struct formula_function *formula_function_find(const char *name, size_t len);
/* All rows, for tests and the manual. */
const struct formula_function *formula_function_table(size_t *n_out);
/* The reference in docs/FORMULAS.md, made of the table. The caller frees it. */
char *formula_function_manual(void);

#endif
