/* SPDX-License-Identifier: Apache-2.0 */
/* Turns tokens into the tree the evaluator walks. For the formula layer; others use
 * formula/formula.h. */
#ifndef BAILEE_FORMULA_PARSER_H
#define BAILEE_FORMULA_PARSER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "formula/formula.h"
#include "formula/functions.h"
#include "formula/value.h"

enum node_kind {
	NODE_LITERAL,
	NODE_ROOT,   /* a name at the beginning of a path: `name` */
	NODE_MEMBER, /* items[0] of which items[1] is the key */
	NODE_NOT,
	NODE_NEGATE,
	NODE_BINARY, /* `op` over two items */
	NODE_CALL,
	NODE_ARRAY,
	NODE_OBJECT, /* items: key, value, key, value… */
};

enum binary_op {
	OP_OR,
	OP_AND,
	OP_EQUAL,
	OP_UNEQUAL,
	OP_LESS,
	OP_MORE,
	OP_LESS_EQUAL,
	OP_MORE_EQUAL,
	OP_ADD,
	OP_SUBTRACT,
	OP_MULTIPLY,
	OP_DIVIDE,
};

struct node {
	enum node_kind kind;
	enum binary_op op;
	unsigned column; /* of the operator, name or bracket */
	unsigned depth;  /* levels below and including this */
	struct value literal;
	char *name;
	const struct formula_function *function;
	struct node **items;
	size_t n_items;
	struct node
	    *made_before; /* the formula's list of all nodes, to free them without recursion */
};

struct formula {
	struct node *root;
	struct node *last_made;
};

/* A formula inside a longer string. */
struct formula_source {
	const char *whole; /* the string the user wrote: columns count from here */
	size_t len;
	size_t start;     /* where the formula begins */
	bool in_template; /* it ends at `>>`, which must be there */
	unsigned column;  /* of `start`, so that it need not be counted; 0: count */
};

/* As formula_parse(). `end_out` is where the formula ended (behind `>>`); NULL: not wanted. */
enum err parser_parse(const struct formula_source *source, struct formula **formula_out,
    size_t *end_out, struct errctx *ctx) MUSTCHECK;

#endif
