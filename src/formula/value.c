/* SPDX-License-Identifier: Apache-2.0 */
/* What a formula works on: construction, members, comparison, and the ways out to text and JSON. */
#include "formula/value.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/json.h"
#include "base/secret.h"

/* Beyond this a double no longer tells neighbouring integers apart. */
#define REAL_EXACT_MAX 9007199254740992.0

void
value_free(struct value *value)
{
	if (value == NULL || value->kind == VALUE_NULL) /* which owns nothing */
		return;
	if (value->text != NULL)
		explicit_bzero(value->text, value->len);
	free(value->text);
	json_decref(value->json);
	*value = (struct value){ 0 };
}

void
value_move(struct value *to, struct value *from)
{
	struct value moved = *from;

	*from = (struct value){ 0 };
	value_free(to);
	*to = moved;
}

void
value_set_bool(struct value *value, bool flag)
{
	value_free(value);
	value->kind = VALUE_BOOL;
	value->flag = flag;
}

void
value_set_integer(struct value *value, int64_t number)
{
	value_free(value);
	value->kind = VALUE_INTEGER;
	value->integer = number;
}

void
value_set_real(struct value *value, double number)
{
	assert(isfinite(number));
	value_free(value);
	if (fabs(number) <= REAL_EXACT_MAX && floor(number) == number) {
		value->kind = VALUE_INTEGER;
		value->integer = (int64_t)number;
	} else {
		value->kind = VALUE_REAL;
		value->real = number;
	}
}

void
value_set_text(struct value *value, const void *bytes, size_t len)
{
	char *copy = xmemdup0(len > 0 ? bytes : "", len);

	value_free(value);
	value->kind = VALUE_TEXT;
	value->text = copy;
	value->len = len;
}

void
value_set_json(struct value *value, json_t *array_or_object)
{
	assert(json_is_array(array_or_object) || json_is_object(array_or_object));
	value_free(value);
	value->kind = VALUE_JSON;
	value->json = array_or_object;
}

void
value_set_from_json(struct value *value, const json_t *json)
{
	if (json == NULL || json_is_null(json)) {
		value_free(value);
	} else if (json_is_boolean(json)) {
		value_set_bool(value, json_is_true(json));
	} else if (json_is_integer(json)) {
		value_set_integer(value, json_integer_value(json));
	} else if (json_is_real(json)) {
		value_set_real(value, json_real_value(json));
	} else if (json_is_string(json)) {
		value_set_text(value, json_string_value(json), json_string_length(json));
	} else {
		/* The reference count is the only thing of a borrowed tree that changes. */
		union {
			const json_t *borrowed;
			json_t *counted;
		} tree = { .borrowed = json };
		value_set_json(value, json_incref(tree.counted));
	}
}

bool
value_truth(const struct value *value)
{
	return value->kind != VALUE_NULL && (value->kind != VALUE_BOOL || value->flag);
}

bool
value_blank(const struct value *value)
{
	if (value->kind == VALUE_TEXT)
		return value->len == 0;
	if (value->kind == VALUE_JSON)
		return json_array_size(value->json) + json_object_size(value->json) == 0;
	if (value->kind == VALUE_STEPS)
		return value->n_steps == 0;
	return !value_truth(value);
}

const char *
value_kind_name(const struct value *value)
{
	static const char *const names[] = {
		[VALUE_NULL] = "NULL",
		[VALUE_BOOL] = "TRUE or FALSE",
		[VALUE_INTEGER] = "a number",
		[VALUE_REAL] = "a number",
		[VALUE_TEXT] = "text",
		[VALUE_JSON] = "an object",
		[VALUE_RESPONSE] = "a response",
		[VALUE_STEPS] = "an array",
	};

	return value->kind == VALUE_JSON && json_is_array(value->json) ? "an array"
								       : names[value->kind];
}

bool
value_is_number(const struct value *value)
{
	return value->kind == VALUE_INTEGER || value->kind == VALUE_REAL;
}

double
value_as_real(const struct value *value)
{
	return value->kind == VALUE_INTEGER ? (double)value->integer : value->real;
}

bool
value_equal(const struct value *a, const struct value *b)
{
	if (a->kind == VALUE_INTEGER && b->kind == VALUE_INTEGER)
		return a->integer == b->integer;
	if (value_is_number(a) && value_is_number(b))
		return !(value_as_real(a) < value_as_real(b)) &&
		       !(value_as_real(a) > value_as_real(b));
	if (a->kind != b->kind)
		return false;
	switch (a->kind) {
	case VALUE_NULL:
		return true;
	case VALUE_BOOL:
		return a->flag == b->flag;
	case VALUE_TEXT:
		return a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
	case VALUE_JSON:
		return json_equal(a->json, b->json) != 0;
	case VALUE_RESPONSE:
		return a->response == b->response;
	case VALUE_STEPS:
		return true;
	case VALUE_INTEGER:
	case VALUE_REAL:
		break;
	}
	return false;
}

/* A body is JSON when it can be, but stays, as text, the bytes that came. A bare JSON string is its
 * content. */
static void
set_body(struct value *out, const struct formula_response *response)
{
	if (response->body_json == NULL) {
		value_set_text(out, response->raw, response->raw_len);
		return;
	}
	value_set_from_json(out, response->body_json);
	if (out->kind != VALUE_TEXT && out->kind != VALUE_NULL) {
		out->raw = response->raw;
		out->raw_len = response->raw_len;
	}
}

static void
response_member(const struct formula_response *response, const char *key, struct value *out)
{
	if (strcmp(key, "status") == 0) {
		value_set_integer(out, response->status);
	} else if (strcmp(key, "headers") == 0) {
		value_set_from_json(out, response->headers);
		out->any_case = true;
	} else if (strcmp(key, "body") == 0) {
		set_body(out, response);
	}
}

static const json_t *
object_member(const struct value *base, const struct value *key)
{
	const char *name;
	json_t *member = json_object_getn(base->json, key->text, key->len);

	if (member != NULL || !base->any_case)
		return member;
	json_object_foreach(base->json, name,
	    member) if (strcasecmp(name, key->text) == 0) return member;
	return NULL;
}

void
value_member(const struct value *base, const struct value *key, struct value *out)
{
	value_free(out);
	if (key->kind == VALUE_TEXT && base->kind == VALUE_RESPONSE) {
		response_member(base->response, key->text, out);
	} else if (key->kind == VALUE_TEXT && base->kind == VALUE_JSON &&
		   json_is_object(base->json)) {
		value_set_from_json(out, object_member(base, key));
	} else if (key->kind == VALUE_INTEGER && key->integer >= 0) {
		size_t index = (size_t)key->integer;

		if (base->kind == VALUE_JSON && json_is_array(base->json)) {
			value_set_from_json(out, json_array_get(base->json, index));
		} else if (base->kind == VALUE_STEPS && index < base->n_steps) {
			out->kind = VALUE_RESPONSE;
			out->response = base->steps[index];
		}
	}
}

/* The shortest text that reads back as the same number. */
static void
add_real(double number, struct buf *buf)
{
	char text[40] = "";

	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, number);
		double back = strtod(text, NULL);
		if (!(back < number) && !(back > number))
			break;
	}
	buf_add_text(buf, text);
	explicit_bzero(text, sizeof(text));
}

enum err
value_add_text(const struct value *value, struct buf *buf, struct errctx *ctx)
{
	if (value->raw != NULL) {
		buf_add(buf, value->raw, value->raw_len);
		return OK;
	}
	switch (value->kind) {
	case VALUE_NULL:
		break;
	case VALUE_BOOL:
		buf_add_text(buf, value->flag ? "true" : "false");
		break;
	case VALUE_INTEGER:
		buf_printf(buf, "%lld", (long long)value->integer);
		break;
	case VALUE_REAL:
		add_real(value->real, buf);
		break;
	case VALUE_TEXT:
		buf_add(buf, value->text, value->len);
		break;
	case VALUE_JSON:
	case VALUE_RESPONSE:
	case VALUE_STEPS: {
		json_auto_t *json = NULL;
		enum err err = value_to_json(value, &json, ctx);

		if (err != OK)
			return err;
		json_write(json, buf);
		break;
	}
	}
	return OK;
}

static enum err
text_to_json(const char *text, size_t len, json_t **json_out, struct errctx *ctx)
{
	json_t *json = json_stringn(len > 0 ? text : "", len);

	if (json == NULL)
		return err_set(ctx, ERR_VALUE, "", VALUE_NOT_UTF8);
	*json_out = json;
	return OK;
}

static enum err
response_to_json(const struct formula_response *response, json_t **json_out, struct errctx *ctx)
{
	json_t *body = NULL;

	if (response == NULL) {
		*json_out = json_null();
		return OK;
	}
	if (response->body_json != NULL) {
		struct value shared = { 0 };

		value_set_from_json(&shared, response->body_json);
		enum err err = value_to_json(&shared, &body, ctx);
		value_free(&shared);
		if (err != OK)
			return err;
	} else {
		enum err err = text_to_json(response->raw, response->raw_len, &body, ctx);
		if (err != OK)
			return err;
	}
	json_t *json = json_object();
	json_put_int(json, "status", response->status);
	json_put(json, "headers",
	    response->headers != NULL ? json_deep_copy(response->headers) : json_object());
	json_put(json, "body", body);
	*json_out = json;
	return OK;
}

static enum err
steps_to_json(const struct value *value, json_t **json_out, struct errctx *ctx)
{
	json_auto_t *list = json_array();

	for (size_t i = 0; i < value->n_steps; i++) {
		json_t *step = NULL;
		enum err err = response_to_json(value->steps[i], &step, ctx);

		if (err != OK)
			return err;
		json_array_append_new(list, step);
	}
	*json_out = json_incref(list);
	return OK;
}

size_t
value_json_cost(const json_t *json)
{
	size_t cost = VALUE_JSON_COST, i;
	const json_t *item;
	const char *name;
	union {
		const json_t *borrowed;
		json_t *iterated; /* jansson's iteration wants it writable, though it only reads */
	} tree = { .borrowed = json };
	json_t *member;

	json_array_foreach(json, i, item) cost += value_json_cost(item);
	json_object_foreach(tree.iterated, name, member) cost += value_json_cost(member);
	return cost;
}

static size_t
response_cost(const struct formula_response *response)
{
	if (response == NULL)
		return VALUE_JSON_COST;
	return 3 * VALUE_JSON_COST + value_json_cost(response->headers) +
	       (response->body_json != NULL ? 0 : response->raw_len);
}

size_t
value_to_json_cost(const struct value *value)
{
	size_t cost = 0;

	if (value->kind == VALUE_RESPONSE)
		return response_cost(value->response);
	for (size_t i = 0; value->kind == VALUE_STEPS && i < value->n_steps; i++)
		cost += response_cost(value->steps[i]);
	return cost;
}

enum err
value_to_json(const struct value *value, json_t **json_out, struct errctx *ctx)
{
	switch (value->kind) {
	case VALUE_NULL:
		*json_out = json_null();
		break;
	case VALUE_BOOL:
		*json_out = json_boolean(value->flag);
		break;
	case VALUE_INTEGER:
		*json_out = json_integer(value->integer);
		break;
	case VALUE_REAL:
		*json_out = json_real(value->real);
		break;
	case VALUE_TEXT:
		return text_to_json(value->text, value->len, json_out, ctx);
	case VALUE_JSON:
		*json_out = json_incref(value->json);
		break;
	case VALUE_RESPONSE:
		return response_to_json(value->response, json_out, ctx);
	case VALUE_STEPS:
		return steps_to_json(value, json_out, ctx);
	}
	return OK;
}
