/* SPDX-License-Identifier: Apache-2.0 */
/* Texts of app definitions with formulas in them. */
#include "catalog/expression.h"

#include <string.h>

#include "catalog/fill.h"
#include "formula/formula.h"

#define RESULT_MAX ((size_t)64 * 1024)

static const char *const reserved[] = { "access_token", "refresh_token", "code", "client_id",
	"client_secret", "nonce", "body", NULL };

bool
expression_is_reserved(const char *name)
{
	const char *const *at = reserved;

	while (*at && strcmp(*at, name) != 0)
		at++;
	return *at != NULL;
}

/* One placeholder: a name, or else a formula. */
struct place {
	const char *name;
	size_t len;
	struct formula *formula; /* owned */
};

static void
place_free(struct place *place)
{
	formula_free(&place->formula);
}
#define auto_place __attribute__((cleanup(place_free)))

/* What stands at *at, which is "<<"; *at moves behind it. */
static enum err
read_place(const char *text, const char **at, struct place *out, struct errctx *ctx)
{
	size_t end = 0;

	if (fill_starts(*at)) {
		out->name = fill_next(at, &out->len);
		return OK;
	}
	enum err err =
	    formula_parse_within(text, (size_t)(*at - text) + 2, &out->formula, &end, ctx);
	if (!err)
		*at = text + end;
	return err;
}

static void
note(json_t *names, json_t *name)
{
	bool known = name == NULL;

	for (size_t i = 0; i < json_array_size(names) && !known; i++)
		known = json_equal(json_array_get(names, i), name);
	if (!known)
		json_array_append(names, name);
	json_decref(name);
}

enum err
expression_names(const char *text, json_t *names, const char *path, struct errctx *ctx)
{
	const char *at = text;

	while (at && (at = strstr(at, "<<"))) {
		auto_place struct place place = { 0 };
		struct errctx inner = { 0 };

		if (read_place(text, &at, &place, &inner))
			return err_set(ctx, ERR_CONFIG, path, "%s", err_text(&inner));
		json_auto_t *read = place.formula ? formula_names(place.formula) : NULL;
		if (place.name)
			note(names, json_stringn(place.name, place.len));
		for (size_t i = 0; i < json_array_size(read); i++)
			note(names, json_incref(json_array_get(read, i)));
	}
	return OK;
}

bool
expression_is_unfilled(const char *text, const json_t *values)
{
	const char *at = text;
	bool unfilled = false;

	while (!unfilled && (at = strstr(at, "<<"))) {
		auto_place struct place place = { 0 };

		if (read_place(text, &at, &place, NULL))
			return false;
		unfilled = place.name && !json_object_getn(values, place.name, place.len);
	}
	return unfilled;
}

/* What is not a field is known in each call it may stand in, or something is wrong. */
static enum err
check_values(const struct formula *formula, const json_t *values, struct errctx *ctx)
{
	json_auto_t *names = formula_names(formula);

	for (size_t i = 0; i < json_array_size(names); i++) {
		const char *name = json_string_value(json_array_get(names, i));

		if (expression_is_reserved(name) && !json_object_get(values, name))
			return err_set(ctx, ERR_VALUE, name, "%s has no value", name);
	}
	return OK;
}

static enum err
work_out(const struct formula *formula, const json_t *values, int64_t now_ms, struct buf *out,
    struct errctx *ctx)
{
	const struct formula_scope scope = { .values = values, .now_ms = now_ms };
	auto_buf struct buf text = BUF_INIT_SECRET(RESULT_MAX);
	auto_value struct value value = { 0 };
	enum err err = check_values(formula, values, ctx);

	if (!err)
		err = formula_eval(formula, &scope, &value, ctx);
	if (!err)
		err = value_add_text(&value, &text, ctx);
	if (err)
		return err;
	if (text.over || strlen(buf_text(&text)) != text.len || strpbrk(buf_text(&text), "\r\n"))
		return err_set(ctx, ERR_VALUE, "", "what a formula gives cannot be sent");
	buf_add(out, buf_text(&text), text.len);
	return OK;
}

enum err
expression_fill(const char *text, const json_t *values, int64_t now_ms, struct buf *out,
    struct errctx *ctx)
{
	const char *at = text, *mark;

	while ((mark = strstr(at, "<<"))) {
		auto_place struct place place = { 0 };

		buf_add(out, at, (size_t)(mark - at));
		at = mark;
		enum err err = read_place(text, &at, &place, ctx);
		if (!err)
			err = place.formula ? work_out(place.formula, values, now_ms, out, ctx)
					    : fill_name(place.name, place.len, values, out, ctx);
		if (err)
			return err;
	}
	buf_add_text(out, at);
	return OK;
}
