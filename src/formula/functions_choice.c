/* SPDX-License-Identifier: Apache-2.0 */
/* Functions that choose one of their arguments; they work out only those they need. */
#include "formula/call.h"

enum err
formula_fn_default(const struct formula_call *call, struct value *out)
{
	struct node *const *items = call->node->items;
	enum err err = eval_node(call->eval, items[0], out);

	if (err == OK && value_blank(out))
		err = eval_node(call->eval, items[1], out);
	return err;
}

enum err
formula_fn_if(const struct formula_call *call, struct value *out)
{
	struct node *const *items = call->node->items;
	auto_value struct value condition = { 0 };
	enum err err = eval_node(call->eval, items[0], &condition);

	if (err != OK)
		return err;
	if (value_truth(&condition))
		return eval_node(call->eval, items[1], out);
	return call->n_args > 2 ? eval_node(call->eval, items[2], out) : OK;
}

enum err
formula_fn_if_error(const struct formula_call *call, struct value *out)
{
	struct eval *eval = call->eval;
	struct errctx caught = { 0 }, *ctx = eval->ctx;

	eval->ctx = &caught;
	enum err err = eval_node(eval, call->node->items[0], out);
	eval->ctx = ctx;
	if (err == OK)
		return OK;
	if (eval->exhausted)
		return err_set(ctx, caught.kind, "", "%s", err_text(&caught));
	return eval_node(eval, call->node->items[1], out);
}

/* SWITCH(value, match, result, match, result, …, otherwise): the last stands alone, if it does. */
enum err
formula_fn_switch(const struct formula_call *call, struct value *out)
{
	struct node *const *items = call->node->items;
	auto_value struct value value = { 0 };
	enum err err = eval_node(call->eval, items[0], &value);
	size_t i;

	for (i = 1; err == OK && i + 1 < call->n_args; i += 2) {
		auto_value struct value match = { 0 };

		err = eval_node(call->eval, items[i], &match);
		if (err == OK && match.kind == VALUE_JSON)
			err = eval_spend_json(call->eval, items[i], value_json_cost(match.json));
		if (err == OK && value_equal(&value, &match))
			return eval_node(call->eval, items[i + 1], out);
	}
	return err == OK && i < call->n_args ? eval_node(call->eval, items[i], out) : err;
}

enum err
formula_fn_is_blank(const struct formula_call *call, struct value *out)
{
	value_set_bool(out, value_blank(&call->args[0]));
	return OK;
}

enum err
formula_fn_is_present(const struct formula_call *call, struct value *out)
{
	value_set_bool(out, !value_blank(&call->args[0]));
	return OK;
}

enum err
formula_fn_error(const struct formula_call *call, struct value *out)
{
	(void)out;
	return eval_fail(call->eval, call->node, "%s", call->args[0].text);
}
