/* SPDX-License-Identifier: Apache-2.0 */
/* Turns tokens into the tree the evaluator walks: recursive descent, one function per level of
 * binding. */
#include "formula/parser.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/secret.h"
#include "formula/lexer.h"

#define ITEMS_MAX 1000 /* of one array, object or call */

struct parser {
	struct lexer lexer;
	struct formula *formula;
	unsigned depth; /* of the recursion */
};

static enum err parse_expression(struct parser *p, struct node **out) MUSTCHECK;

static struct node *
node_new(struct parser *p, enum node_kind kind, const char *at)
{
	struct node *node = xcalloc(1, sizeof(*node));

	node->kind = kind;
	node->column = lexer_column(&p->lexer, at);
	node->depth = 1;
	node->made_before = p->formula->last_made;
	p->formula->last_made = node;
	return node;
}

static enum err
too_deep(struct parser *p)
{
	return err_set(p->lexer.ctx, ERR_FIELD, "", "column %u: nested deeper than %d levels",
	    lexer_column(&p->lexer, p->lexer.token.start), FORMULA_DEPTH_MAX);
}

static enum err
node_add(struct parser *p, struct node *node, struct node *item)
{
	if (item->depth >= FORMULA_DEPTH_MAX)
		return too_deep(p);
	if (node->n_items >= ITEMS_MAX)
		return err_set(p->lexer.ctx, ERR_FIELD, "", "column %u: more than %d items",
		    item->column, ITEMS_MAX);
	if (node->depth <= item->depth)
		node->depth = item->depth + 1;
	node->items = xrealloc(node->items, (node->n_items + 1) * sizeof(struct node *));
	node->items[node->n_items++] = item;
	return OK;
}

static enum err
take(struct parser *p, const char *symbol, const char *expected)
{
	if (!lexer_is(&p->lexer, symbol))
		return lexer_expected(&p->lexer, expected);
	return lexer_next(&p->lexer);
}

/* A text the parser makes of a name, or the token's own value. */
static struct node *
literal_of_token(struct parser *p)
{
	struct token *token = &p->lexer.token;
	struct node *node = node_new(p, NODE_LITERAL, token->start);

	if (token->kind == TOKEN_NAME)
		value_set_text(&node->literal, token->start, token->len);
	else
		value_move(&node->literal, &token->value);
	return node;
}

/* Items up to `close`; the opening bracket has been taken. Objects have keys. */
static enum err
parse_items(struct parser *p, struct node *node, const char *close, const char *expected)
{
	struct node *item = NULL;
	enum err err = OK;

	if (lexer_is(&p->lexer, close))
		return lexer_next(&p->lexer);
	for (;;) {
		if (node->kind == NODE_OBJECT) {
			enum token_kind kind = p->lexer.token.kind;

			if (kind != TOKEN_NAME && kind != TOKEN_TEXT)
				return lexer_expected(&p->lexer, "a key");
			err = node_add(p, node, literal_of_token(p));
			if (err == OK)
				err = lexer_next(&p->lexer);
			if (err == OK)
				err = take(p, ":", "':'");
		}
		if (err == OK)
			err = parse_expression(p, &item);
		if (err == OK)
			err = node_add(p, node, item);
		if (err != OK)
			return err;
		if (!lexer_is(&p->lexer, ","))
			return take(p, close, expected);
		err = lexer_next(&p->lexer);
	}
}

/* What people get to read must not be worked out of anything that may be secret. */
static enum err
check_written(struct parser *p, const struct node *call)
{
	for (size_t i = 0; call->function->how == FORMULA_WRITTEN && i < call->n_items; i++) {
		const struct node *item = call->items[i];

		if (item->kind != NODE_LITERAL || item->literal.kind != VALUE_TEXT)
			return err_set(p->lexer.ctx, ERR_FIELD, "",
			    "column %u: expected a text that is written out, for %s", item->column,
			    call->function->name);
	}
	return OK;
}

/* The name has been taken; the token is '('. */
static enum err
parse_call(struct parser *p, const char *name, size_t len, struct node **out)
{
	struct node *node = node_new(p, NODE_CALL, name);
	const struct formula_function *function = formula_function_find(name, len);
	struct errctx *ctx = p->lexer.ctx;

	if (function == NULL)
		return err_set(ctx, ERR_FIELD, "", "column %u: there is no function %.*s",
		    node->column, (int)(len < 40 ? len : 40), name);
	node->function = function;
	enum err err = take(p, "(", "'('");
	if (err == OK)
		err = parse_items(p, node, ")", "',' or ')'");
	if (err != OK)
		return err;
	if (node->n_items < function->least || node->n_items > function->most)
		return function->least == function->most
			   ? err_set(ctx, ERR_FIELD, "",
				 "column %u: %s takes %zu argument%s, not %zu", node->column,
				 function->name, function->least, function->least == 1 ? "" : "s",
				 node->n_items)
			   : err_set(ctx, ERR_FIELD, "",
				 "column %u: %s takes %zu to %zu arguments, not %zu", node->column,
				 function->name, function->least, function->most, node->n_items);
	*out = node;
	return check_written(p, node);
}

/* A keyword, a call, or the root of a path. */
static enum err
parse_name(struct parser *p, struct node **out)
{
	const char *name = p->lexer.token.start;
	size_t len = p->lexer.token.len;
	bool yes = lexer_is_name(&p->lexer, "TRUE"), no = lexer_is_name(&p->lexer, "FALSE");
	bool null = lexer_is_name(&p->lexer, "NULL");
	enum err err = OK;

	if (lexer_is_name(&p->lexer, "AND") || lexer_is_name(&p->lexer, "OR"))
		return lexer_expected(&p->lexer, "a value");
	err = lexer_next(&p->lexer);
	if (err != OK)
		return err;
	if (lexer_is(&p->lexer, "("))
		return parse_call(p, name, len, out);
	*out = node_new(p, yes || no || null ? NODE_LITERAL : NODE_ROOT, name);
	if (yes || no)
		value_set_bool(&(*out)->literal, yes);
	else if (!null)
		(*out)->name = xmemdup0(name, len);
	return OK;
}

static enum err
parse_group(struct parser *p, struct node **out)
{
	enum err err = lexer_next(&p->lexer);

	if (err == OK)
		err = parse_expression(p, out);
	return err == OK ? take(p, ")", "')'") : err;
}

static enum err
parse_primary(struct parser *p, struct node **out)
{
	const struct token *token = &p->lexer.token;
	bool array = lexer_is(&p->lexer, "[");

	if (token->kind == TOKEN_NAME)
		return parse_name(p, out);
	if (token->kind == TOKEN_NUMBER || token->kind == TOKEN_TEXT) {
		*out = literal_of_token(p);
		return lexer_next(&p->lexer);
	}
	if (lexer_is(&p->lexer, "("))
		return parse_group(p, out);
	if (!array && !lexer_is(&p->lexer, "{"))
		return lexer_expected(&p->lexer, "a value");
	*out = node_new(p, array ? NODE_ARRAY : NODE_OBJECT, token->start);
	enum err err = lexer_next(&p->lexer);
	if (err != OK)
		return err;
	return parse_items(p, *out, array ? "]" : "}", array ? "',' or ']'" : "',' or '}'");
}

/* One `.name` or `[key]` behind `base`. */
static enum err
parse_member(struct parser *p, struct node *base, struct node **out)
{
	struct node *member = node_new(p, NODE_MEMBER, p->lexer.token.start), *key = NULL;
	bool dot = lexer_is(&p->lexer, ".");
	enum err err = lexer_next(&p->lexer);

	if (err == OK && dot) {
		if (p->lexer.token.kind != TOKEN_NAME)
			return lexer_expected(&p->lexer, "a name after '.'");
		key = literal_of_token(p);
		err = lexer_next(&p->lexer);
	} else if (err == OK) {
		err = parse_expression(p, &key);
		if (err == OK)
			err = take(p, "]", "']'");
	}
	if (err == OK)
		err = node_add(p, member, base);
	if (err == OK)
		err = node_add(p, member, key);
	*out = member;
	return err;
}

/* Which credentials a formula uses must be known before it runs: what stands behind CREDENTIAL is
 * no formula of its own. */
static enum err
check_reference(struct parser *p, const struct node *base, const struct node *member)
{
	if (base->kind != NODE_ROOT || strcmp(base->name, FORMULA_CREDENTIAL) != 0)
		return OK;
	if (member != NULL && member->items[1]->kind == NODE_LITERAL &&
	    member->items[1]->literal.kind == VALUE_TEXT)
		return OK;
	return err_set(p->lexer.ctx, ERR_FIELD, "",
	    "column %u: expected the slug of a credential behind " FORMULA_CREDENTIAL
	    ", as in " FORMULA_CREDENTIAL ".my_key",
	    base->column);
}

static enum err
parse_path(struct parser *p, struct node **out)
{
	enum err err = parse_primary(p, out);
	struct node *base = *out;

	for (bool first = true; err == OK; first = false) {
		bool more = lexer_is(&p->lexer, ".") || lexer_is(&p->lexer, "[");

		if (more)
			err = parse_member(p, *out, out);
		if (err == OK && first)
			err = check_reference(p, base, more ? *out : NULL);
		if (!more)
			break;
	}
	return err;
}

/* NOT and minus bind to what follows: NOT as loosely as `NOT a = b` wants, minus tightly. */
static enum err
parse_prefixed(struct parser *p, enum node_kind kind,
    enum err (*operand)(struct parser *, struct node **), struct node **out)
{
	struct node *node = node_new(p, kind, p->lexer.token.start), *item = NULL;

	if (++p->depth > FORMULA_DEPTH_MAX)
		return too_deep(p);
	enum err err = lexer_next(&p->lexer);
	if (err == OK)
		err = operand(p, &item);
	if (err == OK)
		err = node_add(p, node, item);
	p->depth--;
	*out = node;
	return err;
}

static enum err
parse_minus(struct parser *p, struct node **out)
{
	if (lexer_is(&p->lexer, "-"))
		return parse_prefixed(p, NODE_NEGATE, parse_minus, out);
	return parse_path(p, out);
}

struct level_op {
	const char *text;
	enum binary_op op;
};

/* Binary operators from loosest to tightest. NOT stands between AND and comparison. */
static const struct level {
	bool word;   /* the operators are names */
	bool single; /* a = b = c makes no sense */
	struct level_op ops[7];
} levels[] = {
	{ .word = true, .ops = { { "OR", OP_OR } } },
	{ .word = true, .ops = { { "AND", OP_AND } } },
	{ .single = true,
	    .ops = { { "=", OP_EQUAL }, { "!=", OP_UNEQUAL }, { "<", OP_LESS }, { ">", OP_MORE },
		{ "<=", OP_LESS_EQUAL }, { ">=", OP_MORE_EQUAL } } },
	{ .ops = { { "+", OP_ADD }, { "-", OP_SUBTRACT } } },
	{ .ops = { { "*", OP_MULTIPLY }, { "/", OP_DIVIDE } } },
};
#define LEVEL_COMPARE 2
#define LEVEL_COUNT (sizeof(levels) / sizeof(levels[0]))

static const struct level_op *
level_op_here(const struct parser *p, const struct level *level)
{
	for (const struct level_op *op = level->ops; op->text != NULL; op++)
		if (level->word ? lexer_is_name(&p->lexer, op->text)
				: lexer_is(&p->lexer, op->text))
			return op;
	return NULL;
}

static enum err parse_level(struct parser *p, size_t index, struct node **out) MUSTCHECK;

static enum err
parse_not(struct parser *p, struct node **out)
{
	if (lexer_is_name(&p->lexer, "NOT"))
		return parse_prefixed(p, NODE_NOT, parse_not, out);
	return parse_level(p, LEVEL_COMPARE, out);
}

static enum err
parse_operand(struct parser *p, size_t index, struct node **out)
{
	if (index == LEVEL_COUNT)
		return parse_minus(p, out);
	return index == LEVEL_COMPARE ? parse_not(p, out) : parse_level(p, index, out);
}

static enum err
parse_level(struct parser *p, size_t index, struct node **out)
{
	const struct level *level = &levels[index];
	const struct level_op *op;
	enum err err = parse_operand(p, index + 1, out);

	while (err == OK && (op = level_op_here(p, level)) != NULL) {
		struct node *node = node_new(p, NODE_BINARY, p->lexer.token.start), *right = NULL;

		node->op = op->op;
		err = lexer_next(&p->lexer);
		if (err == OK)
			err = parse_operand(p, index + 1, &right);
		if (err == OK)
			err = node_add(p, node, *out);
		if (err == OK)
			err = node_add(p, node, right);
		*out = node;
		if (level->single)
			break;
	}
	return err;
}

static enum err
parse_expression(struct parser *p, struct node **out)
{
	if (++p->depth > FORMULA_DEPTH_MAX)
		return too_deep(p);
	enum err err = parse_level(p, 0, out);
	p->depth--;
	return err;
}

void
formula_free(struct formula **formula)
{
	if (formula == NULL || *formula == NULL)
		return;
	for (struct node *node = (*formula)->last_made, *before; node != NULL; node = before) {
		before = node->made_before;
		value_free(&node->literal);
		free(node->name);
		free(node->items);
		free(node);
	}
	free(*formula);
	*formula = NULL;
}

static enum err
parse_whole(struct parser *p, const struct formula_source *source, struct errctx *ctx)
{
	enum err err = lexer_start(&p->lexer, source->whole, source->len, source->start,
	    source->in_template, ctx);

	if (source->column > 0) {
		p->lexer.counted = source->whole + source->start;
		p->lexer.column = source->column;
	}
	if (err == OK)
		err = parse_expression(p, &p->formula->root);
	if (err != OK)
		return err;
	if (p->lexer.token.kind != TOKEN_END)
		return lexer_expected(&p->lexer,
		    source->in_template ? "an operator or '>>'" : "an operator or the end");
	if (source->in_template && p->lexer.token.len == 0)
		return lexer_expected(&p->lexer, "'>>'");
	return OK;
}

enum err
parser_parse(const struct formula_source *source, struct formula **formula_out, size_t *end_out,
    struct errctx *ctx)
{
	struct parser p = { .formula = xcalloc(1, sizeof(struct formula)) };
	enum err err = parse_whole(&p, source, ctx);

	if (err == OK && end_out != NULL)
		*end_out = p.lexer.pos + p.lexer.token.len;
	lexer_free(&p.lexer);
	if (err != OK)
		formula_free(&p.formula);
	else
		*formula_out = p.formula;
	return err;
}

enum err
formula_parse(const char *text, struct formula **formula_out, struct errctx *ctx)
{
	struct formula_source source = { .whole = text, .len = strlen(text) };

	return parser_parse(&source, formula_out, NULL, ctx);
}

enum err
formula_parse_within(const char *text, size_t start, struct formula **formula_out, size_t *end_out,
    struct errctx *ctx)
{
	struct formula_source source = { .whole = text,
		.len = strlen(text),
		.start = start,
		.in_template = true };

	return parser_parse(&source, formula_out, end_out, ctx);
}
