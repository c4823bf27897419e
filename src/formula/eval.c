/* SPDX-License-Identifier: Apache-2.0 */
/* Walks a formula's tree within limits of steps, depth (the parser's) and bytes made. */
#include "formula/eval.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "formula/parser.h"

_Static_assert(FORMULA_WORK_MAX > 2 * VALUE_TEXT_MAX, "one large text must fit");

enum err
eval_fail(struct eval *eval, const struct node *node, const char *fmt, ...)
{
	char text[200];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	return err_set(eval->ctx, ERR_VALUE, "", "column %u: %s", node->column, text);
}

enum err
eval_spend(struct eval *eval, const struct node *node, size_t bytes)
{
	if (bytes > VALUE_TEXT_MAX) {
		eval->exhausted = true;
		return eval_fail(eval, node, "a text is longer than %zu bytes", VALUE_TEXT_MAX);
	}
	return eval_spend_json(eval, node, bytes);
}

enum err
eval_spend_json(struct eval *eval, const struct node *node, size_t cost)
{
	eval->work += cost;
	if (eval->work > FORMULA_WORK_MAX) {
		eval->exhausted = true;
		return eval_fail(eval, node, "more than %zu bytes of text and JSON in all",
		    FORMULA_WORK_MAX);
	}
	return OK;
}

enum err
eval_add_text(struct eval *eval, const struct node *node, const struct value *value,
    struct buf *buf)
{
	size_t before = buf->len;
	enum err err = eval_spend_json(eval, node, value_to_json_cost(value));

	if (err != OK)
		return err;
	if (value_add_text(value, buf, NULL) != OK)
		return eval_fail(eval, node, VALUE_NOT_UTF8);
	return eval_spend(eval, node, buf->over ? VALUE_TEXT_MAX + 1 : buf->len - before);
}

enum err
eval_set_text(struct eval *eval, const struct node *node, const struct buf *buf, struct value *out)
{
	enum err err = eval_spend(eval, node, buf->over ? VALUE_TEXT_MAX + 1 : buf->len);

	if (err == OK)
		value_set_text(out, buf_text(buf), buf->len);
	return err;
}

static void
eval_root(const struct eval *eval, const char *name, struct value *out)
{
	const struct formula_scope *scope = eval->scope;

	for (size_t i = 0; i < scope->n_named; i++)
		if (strcmp(scope->named[i].name, name) == 0) {
			out->kind = scope->named[i].response != NULL ? VALUE_RESPONSE : VALUE_NULL;
			out->response = scope->named[i].response;
			return;
		}
	if (strcmp(name, "STEPS") == 0) {
		out->kind = VALUE_STEPS;
		out->steps = scope->steps;
		out->n_steps = scope->n_steps;
		return;
	}
	value_set_from_json(out, json_object_get(scope->values, name));
}

static enum err
eval_member(struct eval *eval, const struct node *node, struct value *out)
{
	auto_value struct value base = { 0 }, key = { 0 };
	enum err err = eval_node(eval, node->items[0], &base);

	if (err == OK)
		err = eval_node(eval, node->items[1], &key);
	if (err == OK)
		value_member(&base, &key, out);
	return err;
}

static enum err
eval_not(struct eval *eval, const struct node *node, struct value *out)
{
	auto_value struct value operand = { 0 };
	enum err err = eval_node(eval, node->items[0], &operand);

	if (err == OK)
		value_set_bool(out, !value_truth(&operand));
	return err;
}

static enum err
set_real(struct eval *eval, const struct node *node, double number, struct value *out)
{
	if (!isfinite(number))
		return eval_fail(eval, node, "the result is too large");
	value_set_real(out, number);
	return OK;
}

static enum err
eval_negate(struct eval *eval, const struct node *node, struct value *out)
{
	auto_value struct value operand = { 0 };
	int64_t whole;
	enum err err = eval_node(eval, node->items[0], &operand);

	if (err != OK)
		return err;
	if (!value_is_number(&operand))
		return eval_fail(eval, node, "'-' needs a number, not %s",
		    value_kind_name(&operand));
	if (operand.kind == VALUE_INTEGER && !__builtin_sub_overflow(0, operand.integer, &whole)) {
		value_set_integer(out, whole);
		return OK;
	}
	return set_real(eval, node, -value_as_real(&operand), out);
}

static enum err
eval_logic(struct eval *eval, const struct node *node, struct value *out)
{
	auto_value struct value side = { 0 };
	bool decides = node->op == OP_OR; /* the truth of the left side that settles it */
	enum err err = eval_node(eval, node->items[0], &side);

	if (err == OK && value_truth(&side) != decides)
		err = eval_node(eval, node->items[1], &side);
	if (err == OK)
		value_set_bool(out, value_truth(&side));
	return err;
}

/* Less than 0, 0, or more: a against b, both numbers or both texts. */
static int
order(const struct value *a, const struct value *b)
{
	if (a->kind == VALUE_INTEGER && b->kind == VALUE_INTEGER)
		return (a->integer > b->integer) - (a->integer < b->integer);
	if (value_is_number(a)) {
		double x = value_as_real(a), y = value_as_real(b);
		return (x > y) - (x < y);
	}
	int sign = memcmp(a->text, b->text, a->len < b->len ? a->len : b->len);
	return sign != 0 ? sign : (a->len > b->len) - (a->len < b->len);
}

static enum err
eval_compare(struct eval *eval, const struct node *node, const struct value *a,
    const struct value *b, struct value *out)
{
	if (node->op == OP_EQUAL || node->op == OP_UNEQUAL) {
		bool walks = a->kind == VALUE_JSON && b->kind == VALUE_JSON;
		enum err err = walks ? eval_spend_json(eval, node, value_json_cost(a->json)) : OK;

		if (err != OK)
			return err;
		value_set_bool(out, value_equal(a, b) == (node->op == OP_EQUAL));
		return OK;
	}
	if (!(value_is_number(a) && value_is_number(b)) &&
	    !(a->kind == VALUE_TEXT && b->kind == VALUE_TEXT))
		return eval_fail(eval, node, "cannot tell the order of %s and %s",
		    value_kind_name(a), value_kind_name(b));
	int sign = order(a, b);
	bool truth = node->op == OP_LESS         ? sign < 0
		     : node->op == OP_MORE       ? sign > 0
		     : node->op == OP_LESS_EQUAL ? sign <= 0
						 : sign >= 0;
	value_set_bool(out, truth);
	return OK;
}

/* Whole-number arithmetic; false when the result is no 64-bit whole number. */
static bool
whole_arithmetic(enum binary_op op, int64_t a, int64_t b, int64_t *out)
{
	if (op == OP_ADD)
		return !__builtin_add_overflow(a, b, out);
	if (op == OP_SUBTRACT)
		return !__builtin_sub_overflow(a, b, out);
	if (op == OP_MULTIPLY)
		return !__builtin_mul_overflow(a, b, out);
	if (b == -1)
		return !__builtin_sub_overflow(0, a, out);
	*out = b != 0 ? a / b : 0;
	return b != 0 && a % b == 0;
}

static enum err
eval_arithmetic(struct eval *eval, const struct node *node, const struct value *a,
    const struct value *b, struct value *out)
{
	static const char signs[] = "+-*/";
	int64_t whole;

	if (!value_is_number(a) || !value_is_number(b))
		return eval_fail(eval, node, "'%c' needs two numbers, not %s and %s",
		    signs[node->op - OP_ADD], value_kind_name(a), value_kind_name(b));
	double x = value_as_real(a), y = value_as_real(b);
	if (node->op == OP_DIVIDE && fpclassify(y) == FP_ZERO)
		return eval_fail(eval, node, "division by zero");
	if (a->kind == VALUE_INTEGER && b->kind == VALUE_INTEGER &&
	    whole_arithmetic(node->op, a->integer, b->integer, &whole)) {
		value_set_integer(out, whole);
		return OK;
	}
	double result = node->op == OP_ADD        ? x + y
			: node->op == OP_SUBTRACT ? x - y
			: node->op == OP_MULTIPLY ? x * y
						  : x / y;
	return set_real(eval, node, result, out);
}

static enum err
eval_binary(struct eval *eval, const struct node *node, struct value *out)
{
	auto_value struct value a = { 0 }, b = { 0 };

	if (node->op == OP_AND || node->op == OP_OR)
		return eval_logic(eval, node, out);
	enum err err = eval_node(eval, node->items[0], &a);
	if (err == OK)
		err = eval_node(eval, node->items[1], &b);
	if (err != OK)
		return err;
	return node->op >= OP_ADD ? eval_arithmetic(eval, node, &a, &b, out)
				  : eval_compare(eval, node, &a, &b, out);
}

static enum err
eval_call(struct eval *eval, const struct node *node, struct value *out)
{
	size_t n = node->n_items;
	struct formula_call call = { .eval = eval, .node = node, .n_args = n };
	enum err err = OK;

	if (node->function->how != FORMULA_LAZY)
		call.args = xcalloc(n + 1, sizeof(*call.args));
	for (size_t i = 0; err == OK && call.args != NULL && i < n; i++)
		err = eval_node(eval, node->items[i], &call.args[i]);
	if (err == OK)
		err = node->function->run(&call, out);
	for (size_t i = 0; call.args != NULL && i < n; i++)
		value_free(&call.args[i]);
	free(call.args);
	return err;
}

/* One item as JSON, for an array or object literal. */
static enum err
eval_item(struct eval *eval, const struct node *node, json_t **out)
{
	auto_value struct value item = { 0 };
	enum err err = eval_node(eval, node, &item);

	if (err == OK)
		err = eval_spend_json(eval, node, value_to_json_cost(&item));
	if (err == OK && value_to_json(&item, out, NULL) != OK)
		err = eval_fail(eval, node, VALUE_NOT_UTF8);
	return err;
}

static enum err
eval_array(struct eval *eval, const struct node *node, struct value *out)
{
	json_auto_t *array = json_array();
	enum err err = OK;

	for (size_t i = 0; err == OK && i < node->n_items; i++) {
		json_t *item = NULL;

		err = eval_item(eval, node->items[i], &item);
		if (err == OK)
			json_array_append_new(array, item);
	}
	if (err == OK)
		value_set_json(out, json_incref(array));
	return err;
}

static enum err
eval_object(struct eval *eval, const struct node *node, struct value *out)
{
	json_auto_t *object = json_object();
	enum err err = OK;

	for (size_t i = 0; err == OK && i + 1 < node->n_items; i += 2) {
		const struct value *key = &node->items[i]->literal;
		json_t *item = NULL;

		err = eval_item(eval, node->items[i + 1], &item);
		if (err == OK && json_object_setn_new(object, key->text, key->len, item) != 0)
			err = eval_fail(eval, node->items[i], "a key must be UTF-8");
	}
	if (err == OK)
		value_set_json(out, json_incref(object));
	return err;
}

static enum err
eval_literal(struct eval *eval, const struct node *node, struct value *out)
{
	const struct value *literal = &node->literal;

	if (literal->kind != VALUE_TEXT) {
		*out = *literal; /* nothing owned: bool, number or NULL */
		return OK;
	}
	value_set_text(out, literal->text, literal->len);
	return eval_spend(eval, node, literal->len);
}

static enum err
eval_dispatch(struct eval *eval, const struct node *node, struct value *out)
{
	switch (node->kind) {
	case NODE_LITERAL:
		return eval_literal(eval, node, out);
	case NODE_ROOT:
		eval_root(eval, node->name, out);
		return OK;
	case NODE_MEMBER:
		return eval_member(eval, node, out);
	case NODE_NOT:
		return eval_not(eval, node, out);
	case NODE_NEGATE:
		return eval_negate(eval, node, out);
	case NODE_BINARY:
		return eval_binary(eval, node, out);
	case NODE_CALL:
		return eval_call(eval, node, out);
	case NODE_ARRAY:
		return eval_array(eval, node, out);
	case NODE_OBJECT:
		return eval_object(eval, node, out);
	}
	return eval_fail(eval, node, "unknown node");
}

enum err
eval_node(struct eval *eval, const struct node *node, struct value *value_out)
{
	auto_value struct value made = { 0 };

	if (++eval->steps > FORMULA_STEPS_MAX) {
		eval->exhausted = true;
		return eval_fail(eval, node, "more than %d steps", FORMULA_STEPS_MAX);
	}
	enum err err = eval_dispatch(eval, node, &made);
	/* Text taken out of the scope counts like text made here. */
	if (err == OK && made.kind == VALUE_TEXT &&
	    (node->kind == NODE_ROOT || node->kind == NODE_MEMBER))
		err = eval_spend(eval, node, made.len);
	if (err == OK)
		value_move(value_out, &made);
	return err;
}

enum err
formula_eval(const struct formula *formula, const struct formula_scope *scope,
    struct value *value_out, struct errctx *ctx)
{
	struct eval eval = { .scope = scope, .ctx = ctx };

	return eval_node(&eval, formula->root, value_out);
}
