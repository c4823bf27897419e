/* SPDX-License-Identifier: Apache-2.0 */
/* Functions on text. Text is bytes; where characters count, they are those of UTF-8. */
#include <string.h>

#include "base/json.h"
#include "formula/call.h"

/* Shift the letters from..from+25 by 32: ASCII only, so that bytes of any encoding pass unharmed.
 */
static enum err
shift_case(const struct formula_call *call, char from, struct value *out)
{
	auto_buf struct buf text = CALL_BUF;
	enum err err = call_text(call, 0, &text);

	for (size_t i = 0; err == OK && i < text.len; i++)
		if (text.data[i] >= from && text.data[i] <= from + 25)
			text.data[i] ^= 0x20;
	return err == OK ? call_give_text(call, &text, out) : err;
}

enum err
formula_fn_upcase(const struct formula_call *call, struct value *out)
{
	return shift_case(call, 'a', out);
}

enum err
formula_fn_downcase(const struct formula_call *call, struct value *out)
{
	return shift_case(call, 'A', out);
}

static bool
is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

enum err
formula_fn_strip(const struct formula_call *call, struct value *out)
{
	auto_buf struct buf text = CALL_BUF;
	enum err err = call_text(call, 0, &text);
	size_t from = 0, to = text.len;

	if (err != OK)
		return err;
	while (from < to && is_blank(text.data[from]))
		from++;
	while (to > from && is_blank(text.data[to - 1]))
		to--;
	return call_give_bytes(call, buf_text(&text) + from, to - from, out);
}

enum err
formula_fn_replace(const struct formula_call *call, struct value *out)
{
	auto_buf struct buf text = CALL_BUF, old = CALL_BUF, with = CALL_BUF, made = CALL_BUF;
	enum err err = call_text(call, 0, &text);

	if (err == OK)
		err = call_text(call, 1, &old);
	if (err == OK)
		err = call_text(call, 2, &with);
	if (err != OK)
		return err;
	if (old.len == 0)
		return call_fail(call, "needs a text to look for that is not empty");
	const char *at = buf_text(&text), *end = at + text.len;
	for (const char *found; (found = memmem(at, (size_t)(end - at), old.data, old.len)) != NULL;
	     at = found + old.len) {
		buf_add(&made, at, (size_t)(found - at));
		buf_add(&made, buf_text(&with), with.len);
		if (made.over)
			break;
	}
	buf_add(&made, at, (size_t)(end - at));
	return call_give_text(call, &made, out);
}

/* Where character `index` begins; the end when there are fewer. */
static size_t
character_at(const char *text, size_t len, size_t index)
{
	size_t at = 0;

	for (; index > 0 && at < len; index--) {
		size_t length = json_utf8_length(text + at, len - at);

		at += length > 0 ? length : 1;
	}
	return at;
}

/* Counted from the end when negative, and kept within 0..n. */
static size_t
clamp(int64_t index, size_t n)
{
	if (index < 0)
		index = index + (int64_t)n < 0 ? 0 : index + (int64_t)n;
	return index > (int64_t)n ? n : (size_t)index;
}

enum err
formula_fn_substring(const struct formula_call *call, struct value *out)
{
	auto_buf struct buf text = CALL_BUF;
	int64_t start = 0, end = INT32_MAX;
	enum err err = call_text(call, 0, &text);
	size_t n = 0;

	if (err == OK)
		err = call_integer(call, 1, INT32_MIN, INT32_MAX, &start);
	if (err == OK && call->n_args > 2 && call->args[2].kind != VALUE_NULL)
		err = call_integer(call, 2, INT32_MIN, INT32_MAX, &end);
	if (err != OK)
		return err;
	for (size_t at = 0; at < text.len; n++)
		at += character_at(text.data + at, text.len - at, 1);
	size_t first = clamp(start, n), last = clamp(end, n);
	if (first >= last)
		return call_give_bytes(call, "", 0, out);
	size_t from = character_at(text.data, text.len, first);
	size_t to = from + character_at(text.data + from, text.len - from, last - first);
	return call_give_bytes(call, text.data + from, to - from, out);
}

static enum err
array_contains(const struct formula_call *call, bool *found_out)
{
	size_t n = call_array_size(call, 0);
	bool found = false;
	enum err err = eval_spend_json(call->eval, call->node, n * VALUE_JSON_COST);

	for (size_t i = 0; err == OK && !found && i < n; i++) {
		auto_value struct value item = { 0 };

		err = call_array_item(call, 0, i, &item);
		if (err == OK && item.kind == VALUE_JSON)
			err = eval_spend_json(call->eval, call->node, value_json_cost(item.json));
		found = err == OK && value_equal(&item, &call->args[1]);
	}
	*found_out = found;
	return err;
}

enum err
formula_fn_contains(const struct formula_call *call, struct value *out)
{
	const struct value *whole = &call->args[0];
	auto_buf struct buf text = CALL_BUF, part = CALL_BUF;
	bool found = false;
	enum err err = OK;

	if (whole->kind == VALUE_NULL) {
		found = false;
	} else if (call_is_array(call, 0)) {
		err = array_contains(call, &found);
	} else if (whole->kind == VALUE_JSON) {
		if (call->args[1].kind != VALUE_TEXT)
			return call_fail_arg(call, 1, "a key");
		found =
		    json_object_getn(whole->json, call->args[1].text, call->args[1].len) != NULL;
	} else {
		err = call_text(call, 0, &text);
		if (err == OK)
			err = call_text(call, 1, &part);
		found = err == OK &&
			memmem(buf_text(&text), text.len, buf_text(&part), part.len) != NULL;
	}
	if (err == OK)
		value_set_bool(out, found);
	return err;
}
