/* SPDX-License-Identifier: Apache-2.0 */
/* The arguments of a call and the ways to give its result. */
#include "formula/call.h"

#include <stdarg.h>
#include <stdio.h>

enum err
call_fail(const struct formula_call *call, const char *fmt, ...)
{
	char text[160];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	return eval_fail(call->eval, call->node, "%s %s", call->node->function->name, text);
}

enum err
call_fail_arg(const struct formula_call *call, size_t i, const char *wanted)
{
	return eval_fail(call->eval, call->node->items[i], "%s needs %s, not %s",
	    call->node->function->name, wanted, value_kind_name(&call->args[i]));
}

enum err
call_text(const struct formula_call *call, size_t i, struct buf *buf)
{
	return eval_add_text(call->eval, call->node->items[i], &call->args[i], buf);
}

enum err
call_integer(const struct formula_call *call, size_t i, int64_t least, int64_t most, int64_t *out)
{
	const struct value *value = &call->args[i];

	if (value->kind != VALUE_INTEGER)
		return call_fail_arg(call, i, "a whole number");
	if (value->integer < least || value->integer > most)
		return eval_fail(call->eval, call->node->items[i],
		    "%s needs a number from %lld to %lld", call->node->function->name,
		    (long long)least, (long long)most);
	*out = value->integer;
	return OK;
}

bool
call_is_array(const struct formula_call *call, size_t i)
{
	const struct value *value = &call->args[i];

	return value->kind == VALUE_STEPS ||
	       (value->kind == VALUE_JSON && json_is_array(value->json));
}

size_t
call_array_size(const struct formula_call *call, size_t i)
{
	const struct value *value = &call->args[i];

	return value->kind == VALUE_STEPS ? value->n_steps : json_array_size(value->json);
}

enum err
call_array_item(const struct formula_call *call, size_t i, size_t k, struct value *out)
{
	struct value index = { .kind = VALUE_INTEGER, .integer = (int64_t)k };

	value_member(&call->args[i], &index, out);
	return out->kind == VALUE_TEXT ? eval_spend(call->eval, call->node, out->len) : OK;
}

enum err
call_give_text(const struct formula_call *call, const struct buf *buf, struct value *out)
{
	return eval_set_text(call->eval, call->node, buf, out);
}

enum err
call_give_bytes(const struct formula_call *call, const void *bytes, size_t len, struct value *out)
{
	enum err err = eval_spend(call->eval, call->node, len);

	if (err == OK)
		value_set_text(out, bytes, len);
	return err;
}

enum err
call_give_json(const struct formula_call *call, json_t *json, struct value *out)
{
	enum err err = eval_spend_json(call->eval, call->node, value_json_cost(json));

	if (err == OK)
		value_set_json(out, json_incref(json));
	json_decref(json);
	return err;
}
