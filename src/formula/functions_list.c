/* SPDX-License-Identifier: Apache-2.0 */
/* Functions on arrays and objects. */
#include <string.h>

#include "base/json.h"
#include "formula/call.h"

#define PARTS_MAX 10000
#define PATH_STEPS_MAX 64

enum err
formula_fn_join(const struct formula_call *call, struct value *out)
{
	auto_buf struct buf joined = CALL_BUF;

	if (!call_is_array(call, 0))
		return call_fail_arg(call, 0, "an array");
	size_t n = call_array_size(call, 0);
	enum err err = eval_spend_json(call->eval, call->node, n * VALUE_JSON_COST);
	for (size_t i = 0; err == OK && i < n; i++) {
		auto_value struct value item = { 0 };

		if (i > 0)
			err = call_text(call, 1, &joined);
		if (err == OK)
			err = call_array_item(call, 0, i, &item);
		if (err == OK)
			err = eval_add_text(call->eval, call->node, &item, &joined);
	}
	return err != OK ? err : call_give_text(call, &joined, out);
}

enum err
formula_fn_split(const struct formula_call *call, struct value *out)
{
	auto_buf struct buf text = CALL_BUF, separator = CALL_BUF;
	json_auto_t *parts = json_array();
	enum err err = call_text(call, 0, &text);

	if (err == OK)
		err = call_text(call, 1, &separator);
	if (err != OK)
		return err;
	if (separator.len == 0)
		return call_fail(call, "needs a separator that is not empty");
	const char *at = buf_text(&text), *end = at + text.len;
	for (bool more = true; more;) {
		const char *found = memmem(at, (size_t)(end - at), separator.data, separator.len);
		const char *stop = found != NULL ? found : end;
		json_t *part = json_stringn(at, (size_t)(stop - at));

		if (part == NULL)
			return call_fail(call, "needs UTF-8 text");
		json_array_append_new(parts, part);
		if (json_array_size(parts) > PARTS_MAX)
			return call_fail(call, "into more than %d parts", PARTS_MAX);
		more = found != NULL;
		at = stop + separator.len;
	}
	return call_give_json(call, json_incref(parts), out);
}

static enum err
take_end(const struct formula_call *call, bool last, struct value *out)
{
	if (call->args[0].kind == VALUE_NULL)
		return OK;
	if (!call_is_array(call, 0))
		return call_fail_arg(call, 0, "an array");
	size_t n = call_array_size(call, 0);
	return call_array_item(call, 0, last && n > 0 ? n - 1 : 0, out);
}

enum err
formula_fn_first(const struct formula_call *call, struct value *out)
{
	return take_end(call, false, out);
}

enum err
formula_fn_last(const struct formula_call *call, struct value *out)
{
	return take_end(call, true, out);
}

/* Characters of text: what does not continue one. Bytes that are no UTF-8 count one each. */
static size_t
count_characters(const char *text, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; n++) {
		size_t length = json_utf8_length(text + i, len - i);

		i += length > 0 ? length : 1;
	}
	return n;
}

enum err
formula_fn_size(const struct formula_call *call, struct value *out)
{
	const struct value *value = &call->args[0];

	if (value->kind == VALUE_NULL)
		value_set_integer(out, 0);
	else if (call_is_array(call, 0))
		value_set_integer(out, (int64_t)call_array_size(call, 0));
	else if (value->kind == VALUE_TEXT)
		value_set_integer(out, (int64_t)count_characters(value->text, value->len));
	else if (value->kind == VALUE_JSON)
		value_set_integer(out, (int64_t)json_object_size(value->json));
	else
		return call_fail_arg(call, 0, "text, an array or an object");
	return OK;
}

static enum err
append_items(const struct formula_call *call, size_t i, json_t *list)
{
	size_t n = call_array_size(call, i);

	for (size_t k = 0; k < n; k++) {
		auto_value struct value item = { 0 };
		json_t *json = NULL;
		enum err err = call_array_item(call, i, k, &item);

		if (err == OK)
			err = eval_spend_json(call->eval, call->node,
			    VALUE_JSON_COST + value_to_json_cost(&item));
		if (err != OK)
			return err;
		if (value_to_json(&item, &json, NULL) != OK)
			return eval_fail(call->eval, call->node, VALUE_NOT_UTF8);
		json_array_append_new(list, json);
	}
	return OK;
}

enum err
formula_fn_concat(const struct formula_call *call, struct value *out)
{
	auto_buf struct buf text = CALL_BUF;
	json_auto_t *list = json_array();
	bool lists = false, texts = false;
	enum err err = OK;

	for (size_t i = 0; err == OK && i < call->n_args; i++) {
		bool is_list = call_is_array(call, i);

		if (call->args[i].kind == VALUE_NULL)
			continue; /* neither makes longer what is not there */
		lists = lists || is_list;
		texts = texts || !is_list;
		if (lists && texts)
			return call_fail_arg(call, i, is_list ? "texts alone" : "arrays alone");
		err = is_list ? append_items(call, i, list) : call_text(call, i, &text);
	}
	if (err != OK)
		return err;
	return lists ? call_give_json(call, json_incref(list), out)
		     : call_give_text(call, &text, out);
}

/* ---- paths that are worked out: GET() and MAP() ---- */

/* A step of a path: `name`, `["name"]` or `[0]`. Moves on; false when it is none. */
static bool
path_step(const char **at, const char *end, struct value *key)
{
	const char *from = *at, *stop;

	if (from < end && *from == '[') {
		stop = memchr(from, ']', (size_t)(end - from));
		bool quoted = end - from > 1 && (from[1] == '"' || from[1] == '\'');

		if (quoted) {
			stop = memchr(from + 2, from[1], (size_t)(end - from - 2));
			if (stop == NULL || end - stop < 2 || stop[1] != ']')
				return false;
			value_set_text(key, from + 2, (size_t)(stop - from - 2));
			stop++;
		} else if (stop != NULL) {
			value_set_text(key, from + 1, (size_t)(stop - from - 1));
		} else {
			return false;
		}
		*at = stop + 1;
	} else {
		for (stop = from; stop < end && *stop != '.' && *stop != '[';)
			stop++;
		if (stop == from)
			return false;
		value_set_text(key, from, (size_t)(stop - from));
		*at = stop;
	}
	if (*at < end && **at == '.')
		(*at)++;
	else if (*at < end && **at != '[')
		return false;
	return true;
}

/* Digits are an index where the value has items. */
static void
key_to_index(const struct value *base, struct value *key)
{
	bool items =
	    base->kind == VALUE_STEPS || (base->kind == VALUE_JSON && json_is_array(base->json));
	int64_t index = 0;

	if (!items || key->len == 0 || key->len > 9 || strspn(key->text, "0123456789") != key->len)
		return;
	for (size_t i = 0; i < key->len; i++)
		index = index * 10 + (key->text[i] - '0');
	value_set_integer(key, index);
}

/* What stands at the path (argument `i`) below `base`, which is left empty; a member of exactly
 * that name goes before. */
static enum err
walk_path(const struct formula_call *call, size_t i, struct value *base, struct value *out)
{
	const struct value *path = &call->args[i];

	value_member(base, path, out);
	if (out->kind != VALUE_NULL || path->kind != VALUE_TEXT)
		return OK;
	const char *at = path->text, *end = at + path->len;
	for (int steps = 0; at < end; steps++) {
		auto_value struct value key = { 0 }, next = { 0 };

		if (steps >= PATH_STEPS_MAX || !path_step(&at, end, &key))
			return eval_fail(call->eval, call->node->items[i],
			    "%s needs a path such as a.b[0], or a[\"b c\"]",
			    call->node->function->name);
		key_to_index(base, &key);
		value_member(base, &key, &next);
		value_move(base, &next);
	}
	value_move(out, base);
	return OK;
}

static enum err
check_path(const struct formula_call *call, size_t i)
{
	enum value_kind kind = call->args[i].kind;

	return kind == VALUE_TEXT || kind == VALUE_INTEGER
		   ? OK
		   : call_fail_arg(call, i, "a path, a key or an index");
}

enum err
formula_fn_get(const struct formula_call *call, struct value *out)
{
	enum err err = check_path(call, 1);

	if (err == OK)
		err = walk_path(call, 1, &call->args[0], out);
	if (err == OK && out->kind == VALUE_NULL && call->n_args > 2)
		value_move(out, &call->args[2]);
	return err == OK && out->kind == VALUE_TEXT ? eval_spend(call->eval, call->node, out->len)
						    : err;
}

enum err
formula_fn_map(const struct formula_call *call, struct value *out)
{
	json_auto_t *mapped = json_array();
	enum err err = check_path(call, 1);

	if (err == OK && !call_is_array(call, 0))
		return call_fail_arg(call, 0, "an array");
	size_t n = call_array_size(call, 0);
	for (size_t i = 0; err == OK && i < n; i++) {
		auto_value struct value item = { 0 }, found = { 0 };
		json_t *json = NULL;

		err = call_array_item(call, 0, i, &item);
		if (err == OK)
			err = walk_path(call, 1, &item, &found);
		if (err == OK)
			err = eval_spend_json(call->eval, call->node,
			    VALUE_JSON_COST + call->args[1].len + value_to_json_cost(&found));
		if (err == OK && value_to_json(&found, &json, NULL) != OK)
			err = eval_fail(call->eval, call->node, VALUE_NOT_UTF8);
		if (err == OK)
			json_array_append_new(mapped, json);
	}
	return err == OK ? call_give_json(call, json_incref(mapped), out) : err;
}
