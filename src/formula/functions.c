/* SPDX-License-Identifier: Apache-2.0 */
/* The table of formula functions and the functions of choice, lists and text. */
#include "formula/functions.h"

#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/crypt.h"
#include "base/json.h"
#include "base/secret.h"
#include "formula/eval.h"
#include "formula/parser.h"

#define SPLIT_PARTS_MAX 10000

static enum err
fail_arg(const struct formula_call *call, size_t i, const char *wanted)
{
	return eval_fail(call->eval, call->node->items[i], "%s needs %s, not %s",
	    call->node->function->name, wanted, value_kind_name(&call->args[i]));
}

/* Argument i as text: every type has one. */
static enum err
arg_text(const struct formula_call *call, size_t i, struct buf *buf)
{
	return eval_add_text(call->eval, call->node->items[i], &call->args[i], buf);
}

static enum err
fn_default(const struct formula_call *call, struct value *out)
{
	struct node *const *items = call->node->items;
	enum err err = eval_node(call->eval, items[0], out);

	if (err == OK && value_blank(out))
		err = eval_node(call->eval, items[1], out);
	return err;
}

static enum err
fn_if(const struct formula_call *call, struct value *out)
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

static enum err
fn_if_error(const struct formula_call *call, struct value *out)
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

static enum err
join_item(const struct formula_call *call, const json_t *item, struct buf *buf)
{
	auto_value struct value value = { 0 };

	value_set_from_json(&value, item);
	return eval_add_text(call->eval, call->node, &value, buf);
}

static enum err
fn_join(const struct formula_call *call, struct value *out)
{
	auto_buf struct buf joined = BUF_INIT_SECRET(VALUE_TEXT_MAX);
	const struct value *list = &call->args[0];
	size_t i;
	const json_t *item;

	if (list->kind != VALUE_JSON || !json_is_array(list->json))
		return fail_arg(call, 0, "an array");
	enum err err =
	    eval_spend_json(call->eval, call->node, json_array_size(list->json) * VALUE_JSON_COST);
	json_array_foreach(list->json, i, item)
	{
		if (err == OK && i > 0)
			err = arg_text(call, 1, &joined);
		if (err == OK)
			err = join_item(call, item, &joined);
		if (err != OK)
			return err;
	}
	return err != OK ? err : eval_set_text(call->eval, call->node, &joined, out);
}

static enum err
fn_split(const struct formula_call *call, struct value *out)
{
	auto_buf struct buf text = BUF_INIT_SECRET(VALUE_TEXT_MAX);
	auto_buf struct buf separator = BUF_INIT_SECRET(VALUE_TEXT_MAX);
	json_auto_t *parts = json_array();
	enum err err = arg_text(call, 0, &text);

	if (err == OK)
		err = arg_text(call, 1, &separator);
	if (err != OK)
		return err;
	if (separator.len == 0)
		return eval_fail(call->eval, call->node,
		    "SPLIT needs a separator that is not empty");
	const char *at = buf_text(&text), *end = at + text.len;
	for (bool more = true; more;) {
		const char *found = memmem(at, (size_t)(end - at), separator.data, separator.len);
		const char *stop = found != NULL ? found : end;
		json_t *part = json_stringn(at, (size_t)(stop - at));

		if (part == NULL)
			return eval_fail(call->eval, call->node, "SPLIT needs UTF-8 text");
		json_array_append_new(parts, part);
		if (json_array_size(parts) > SPLIT_PARTS_MAX)
			return eval_fail(call->eval, call->node, "SPLIT into more than %d parts",
			    SPLIT_PARTS_MAX);
		more = found != NULL;
		at = stop + separator.len;
	}
	value_set_json(out, json_incref(parts));
	return eval_spend_json(call->eval, call->node, value_json_cost(parts));
}

static enum err
take_end(const struct formula_call *call, bool last, struct value *out)
{
	const struct value *list = &call->args[0];
	size_t n = list->kind == VALUE_STEPS ? list->n_steps : json_array_size(list->json);
	auto_value struct value index = { 0 };

	if (list->kind == VALUE_NULL)
		return OK;
	if (list->kind != VALUE_STEPS && !(list->kind == VALUE_JSON && json_is_array(list->json)))
		return fail_arg(call, 0, "an array");
	value_set_integer(&index, last && n > 0 ? (int64_t)n - 1 : 0);
	value_member(list, &index, out);
	return out->kind == VALUE_TEXT ? eval_spend(call->eval, call->node, out->len) : OK;
}

static enum err
fn_first(const struct formula_call *call, struct value *out)
{
	return take_end(call, false, out);
}

static enum err
fn_last(const struct formula_call *call, struct value *out)
{
	return take_end(call, true, out);
}

static enum err
fn_url_encode(const struct formula_call *call, struct value *out)
{
	static const char hex[] = "0123456789ABCDEF";
	static const char unreserved[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
	auto_buf struct buf text = BUF_INIT_SECRET(VALUE_TEXT_MAX);
	auto_buf struct buf encoded = BUF_INIT_SECRET(VALUE_TEXT_MAX);
	enum err err = arg_text(call, 0, &text);

	if (err != OK)
		return err;
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.data[i];

		if (c != '\0' && strchr(unreserved, c) != NULL) {
			buf_add_char(&encoded, (char)c);
		} else {
			const char escape[3] = { '%', hex[c >> 4], hex[c & 15] };
			buf_add(&encoded, escape, sizeof(escape));
		}
	}
	return eval_set_text(call->eval, call->node, &encoded, out);
}

static enum err
fn_base64_encode(const struct formula_call *call, struct value *out)
{
	auto_buf struct buf text = BUF_INIT_SECRET(VALUE_TEXT_MAX);
	enum err err = arg_text(call, 0, &text);

	if (err != OK)
		return err;
	auto_wipe char *encoded = crypt_base64(buf_text(&text), text.len);
	size_t len = strlen(encoded);
	err = eval_spend(call->eval, call->node, len);
	if (err == OK)
		value_set_text(out, encoded, len);
	return err;
}

static enum err
fn_json_parse(const struct formula_call *call, struct value *out)
{
	auto_buf struct buf text = BUF_INIT_SECRET(VALUE_TEXT_MAX);
	json_auto_t *json = NULL;

	/* What came as JSON is parsed already: JSON_PARSE(PREVIOUS_STEP.body) may stand in a
	 * formula either way. */
	if (call->args[0].kind != VALUE_TEXT && call->args[0].kind != VALUE_NULL) {
		value_move(out, &call->args[0]);
		return OK;
	}
	enum err err = arg_text(call, 0, &text);
	if (err != OK)
		return err;
	if (json_parse(buf_text(&text), text.len, &json, NULL) != OK)
		return eval_fail(call->eval, call->node, "the text is not JSON");
	value_set_from_json(out, json);
	return eval_spend_json(call->eval, call->node, value_json_cost(json));
}

/* Shift the letters from..from+25 by 32: ASCII only, so that bytes of any encoding pass unharmed.
 */
static enum err
shift_case(const struct formula_call *call, char from, struct value *out)
{
	auto_buf struct buf text = BUF_INIT_SECRET(VALUE_TEXT_MAX);
	enum err err = arg_text(call, 0, &text);

	for (size_t i = 0; err == OK && i < text.len; i++)
		if (text.data[i] >= from && text.data[i] <= from + 25)
			text.data[i] ^= 0x20;
	return err == OK ? eval_set_text(call->eval, call->node, &text, out) : err;
}

static enum err
fn_upcase(const struct formula_call *call, struct value *out)
{
	return shift_case(call, 'a', out);
}

static enum err
fn_downcase(const struct formula_call *call, struct value *out)
{
	return shift_case(call, 'A', out);
}

static bool
is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static enum err
fn_strip(const struct formula_call *call, struct value *out)
{
	auto_buf struct buf text = BUF_INIT_SECRET(VALUE_TEXT_MAX);
	enum err err = arg_text(call, 0, &text);
	size_t from = 0, to = text.len;

	if (err != OK)
		return err;
	while (from < to && is_blank(text.data[from]))
		from++;
	while (to > from && is_blank(text.data[to - 1]))
		to--;
	value_set_text(out, buf_text(&text) + from, to - from);
	return eval_spend(call->eval, call->node, to - from);
}

static enum err
fn_now(const struct formula_call *call, struct value *out)
{
	char iso[CLOCK_ISO_SIZE];

	clock_iso(call->eval->scope->now_ms, iso);
	value_set_text(out, iso, strlen(iso));
	return OK;
}

#define LAZY true
#define EAGER false
static const struct formula_function functions[] = {
	{ "DEFAULT", 2, 2, LAZY, fn_default,
	    "The first value, or the second when the first is NULL, FALSE or empty.",
	    "DEFAULT(missing.part, 'x')", "\"x\"" },
	{ "IF", 2, 3, LAZY, fn_if,
	    "The second value when the first is true, else the third (NULL without one).",
	    "IF(1 < 2, 'yes', 'no')", "\"yes\"" },
	{ "IF_ERROR", 2, 2, LAZY, fn_if_error,
	    "The first value, or the second when working out the first fails.",
	    "IF_ERROR(1 / 0, 'never')", "\"never\"" },
	{ "JOIN", 2, 2, EAGER, fn_join,
	    "The items of an array as one text with a separator between.",
	    "JOIN(['a', 1, TRUE], '-')", "\"a-1-true\"" },
	{ "SPLIT", 2, 2, EAGER, fn_split, "A text cut at every separator: an array of texts.",
	    "SPLIT('a,b,,c', ',')", "[\"a\",\"b\",\"\",\"c\"]" },
	{ "FIRST", 1, 1, EAGER, fn_first, "The first item of an array, NULL when it is empty.",
	    "FIRST([1, 2, 3])", "1" },
	{ "LAST", 1, 1, EAGER, fn_last, "The last item of an array, NULL when it is empty.",
	    "LAST([1, 2, 3])", "3" },
	{ "URL_ENCODE", 1, 1, EAGER, fn_url_encode,
	    "Percent-encodes everything but letters, digits and -._~ (RFC 3986).",
	    "URL_ENCODE('a b&c')", "\"a%20b%26c\"" },
	{ "BASE64_ENCODE", 1, 1, EAGER, fn_base64_encode,
	    "The exact bytes in base64 with padding (RFC 4648).", "BASE64_ENCODE('user:pass')",
	    "\"dXNlcjpwYXNz\"" },
	{ "JSON_PARSE", 1, 1, EAGER, fn_json_parse, "The value a JSON text stands for.",
	    "JSON_PARSE('{\"a\": [5]}').a", "[5]" },
	{ "UPCASE", 1, 1, EAGER, fn_upcase, "The text with a-z as A-Z.", "UPCASE('abC1')",
	    "\"ABC1\"" },
	{ "DOWNCASE", 1, 1, EAGER, fn_downcase, "The text with A-Z as a-z.", "DOWNCASE('ABc1')",
	    "\"abc1\"" },
	{ "STRIP", 1, 1, EAGER, fn_strip, "The text without blanks and line ends around it.",
	    "STRIP('  a b\\n')", "\"a b\"" },
	{ "NOW", 0, 0, EAGER, fn_now, "The present moment, ISO 8601, UTC, with milliseconds.",
	    "NOW()", NULL },
};

const struct formula_function *
formula_function_table(size_t *n_out)
{
	*n_out = sizeof(functions) / sizeof(functions[0]);
	return functions;
}

const struct formula_function *
formula_function_find(const char *name, size_t len)
{
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
		if (strlen(functions[i].name) == len &&
		    strncasecmp(functions[i].name, name, len) == 0)
			return &functions[i];
	return NULL;
}
