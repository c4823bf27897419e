/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters of OAuth URLs and bodies, by the definition's names, and values from outside. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/secret.h"
#include "catalog/expression.h"
#include "catalog/fill.h"
#include "catalog/form.h"
#include "catalog/web_url.h"
#include "oauth/authorize.h"
#include "oauth/oauth_parts.h"

#define ALNUM "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
#define UNRESERVED ALNUM "-_.~" /* RFC 3986 section 2.3 */

const json_t *
oauth_rules(const struct app_connection *type)
{
	return json_object_get(type->definition, "oauth2");
}

/* ---- putting in ---- */

static enum err
put(json_t *params, const char *name, const char *value, struct errctx *ctx)
{
	json_t *text = strlen(value) <= OAUTH_PARAM_MAX ? json_string(value) : NULL;

	if (!text) /* not UTF-8 either */
		return err_set(ctx, ERR_VALUE, name, "%s cannot be sent", name);
	json_put(params, name, text);
	return OK;
}

enum err
oauth_put(json_t *params, const json_t *rules, const char *name, const char *value,
    struct errctx *ctx)
{
	const char *other = json_get_text(json_object_get(rules, "param_rename"), name);

	return value ? put(params, other ? other : name, value, ctx) : OK;
}

enum err
oauth_filled(const char *text, const json_t *values, bool url, char **text_out, struct errctx *ctx)
{
	auto_buf struct buf buf = BUF_INIT_SECRET(OAUTH_URL_MAX);

	if (!text) {
		*text_out = NULL;
		return OK;
	}
	bool alone = url && fill_is_alone(text); /* then the value is the whole of it */
	enum err err = fill(text, values, url && !alone ? FILL_URL : FILL_PLAIN, &buf, ctx);
	if (!err && alone && !web_url_is_whole(buf_text(&buf)))
		err = err_set(ctx, ERR_VALUE, "", "an address of the provider is no URL to call");
	if (!err && buf.over)
		err = err_set(ctx, ERR_VALUE, "", "a value is too long to be sent");
	if (!err)
		*text_out = buf_take(&buf);
	return err;
}

enum err
oauth_worked_out(const char *text, const json_t *values, int64_t now_ms, char **text_out,
    struct errctx *ctx)
{
	auto_buf struct buf buf = BUF_INIT_SECRET(OAUTH_URL_MAX);
	enum err err = expression_fill(text, values, now_ms, &buf, ctx);

	if (!err && buf.over)
		err = err_set(ctx, ERR_VALUE, "", "a value is too long to be sent");
	if (!err)
		*text_out = buf_take(&buf);
	return err;
}

bool
oauth_skips_empty(const json_t *rules)
{
	return json_get_bool(rules, "skip_empty", false);
}

enum err
oauth_map_value(const json_t *template, const json_t *values, int64_t now_ms, bool skip_empty,
    char **value_out, struct errctx *ctx)
{
	const char *text = json_string_value(template);
	auto_wipe char *value = NULL;

	if (!skip_empty || !expression_is_unfilled(text, values)) {
		enum err err = oauth_worked_out(text, values, now_ms, &value, ctx);
		if (err)
			return err;
	}
	if (skip_empty && value && !*value)
		secret_wipe_text(&value);
	*value_out = value;
	value = NULL;
	return OK;
}

enum err
oauth_put_map(json_t *params, const json_t *map, const json_t *values, int64_t now_ms,
    bool skip_empty, struct errctx *ctx)
{
	union {
		const json_t *borrowed;
		json_t *walked; /* jansson walks writable objects only */
	} tree = { .borrowed = map };
	enum err err = OK;
	const char *name;
	json_t *text;

	json_object_foreach(tree.walked, name, text)
	{
		auto_wipe char *value = NULL;

		if (!err)
			err = oauth_map_value(text, values, now_ms, skip_empty, &value, ctx);
		if (!err && value)
			err = put(params, name, value, ctx);
	}
	return err;
}

/* ---- scopes ---- */

bool
oauth_lists(const json_t *texts, const char *text)
{
	for (size_t i = 0; i < json_array_size(texts); i++)
		if (!strcmp(json_string_value(json_array_get(texts, i)), text))
			return true;
	return false;
}

void
oauth_add_scopes(json_t *scopes, const json_t *more)
{
	for (size_t i = 0; i < json_array_size(more); i++) {
		json_t *scope = json_array_get(more, i);

		if (json_is_string(scope) && !oauth_lists(scopes, json_string_value(scope)))
			json_array_append(scopes, scope);
	}
}

const char *
oauth_typed_scopes(const struct app_connection *type, const json_t *fields)
{
	const char *name = json_get_text(oauth_rules(type), "scope_field");
	const char *typed = name ? json_get_text(fields, name) : NULL;

	return typed && *typed ? typed : NULL;
}

/* One that holds the separator would be several, which nobody has agreed to. */
static bool
is_one_scope(const char *scope, const char *separator)
{
	if (!*scope || strpbrk(scope, separator))
		return false;
	for (const unsigned char *c = (const unsigned char *)scope; *c; c++)
		if (*c < ' ' || *c == 0x7f)
			return false;
	return true;
}

enum err
oauth_put_scopes(json_t *params, const json_t *rules, const json_t *scopes, const char *typed,
    struct errctx *ctx)
{
	auto_buf struct buf joined = BUF_INIT(OAUTH_URL_MAX);
	const char *name = json_get_text(rules, "scope_param");
	const char *separator = json_get_text(rules, "scope_separator");

	if (typed && strchr(typed, ','))
		separator = ",";
	if (!separator || !strcmp(separator, "+")) /* a blank, the way forms write it */
		separator = " ";
	for (size_t i = 0; i < json_array_size(scopes); i++) {
		const json_t *value = json_array_get(scopes, i);
		const char *scope = json_string_value(value);

		if (!scope || strlen(scope) != json_string_length(value) ||
		    !is_one_scope(scope, separator))
			return err_set(ctx, ERR_VALUE, "scope", "a scope cannot be sent");
		buf_add_text(&joined, i ? separator : "");
		buf_add_text(&joined, scope);
	}
	if (joined.over)
		return err_set(ctx, ERR_VALUE, "scope", "there are too many scopes");
	return joined.len ? put(params, name ? name : "scope", buf_text(&joined), ctx) : OK;
}

/* ---- writing ---- */

void
oauth_add_encoded(const char *text, bool plus, struct buf *out)
{
	for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
		if (strchr(UNRESERVED, *c))
			buf_add_char(out, (char)*c);
		else if (plus && *c == ' ')
			buf_add_char(out, '+');
		else
			buf_printf(out, "%%%02X", *c);
	}
}

void
oauth_add_pairs(const json_t *params, bool plus, struct buf *out)
{
	union {
		const json_t *borrowed;
		json_t *walked;
	} tree = { .borrowed = params };
	const char *name, *between = "";
	json_t *value;

	json_object_foreach(tree.walked, name, value)
	{
		buf_add_text(out, between);
		oauth_add_encoded(name, plus, out);
		buf_add_char(out, '=');
		oauth_add_encoded(json_string_value(value), plus, out);
		between = "&";
	}
}

/* ---- from outside ---- */

bool
oauth_is_printable(const json_t *value, size_t most)
{
	const char *text = json_string_value(value);
	size_t len = json_string_length(value);

	if (!text || !len || len > most)
		return false;
	for (size_t i = 0; i < len; i++)
		if (text[i] < ' ' || text[i] > '~')
			return false;
	return true;
}

void
oauth_error_code(const char *text, char *out, size_t size)
{
	size_t len = strlen(text);

	len = len < size ? len : size - 1;
	for (size_t i = 0; i < len; i++)
		out[i] = strchr(ALNUM "_.-", text[i]) ? text[i] : '_';
	out[len] = '\0';
}

/* As text; NULL when there is nothing that can be kept. The caller frees it. */
static char *
kept_text(const json_t *value)
{
	if (json_is_integer(value))
		return xasprintf("%lld", (long long)json_integer_value(value));
	if (!json_is_string(value) || !json_string_length(value) ||
	    json_string_length(value) > OAUTH_KEPT_MAX ||
	    strlen(json_string_value(value)) != json_string_length(value))
		return NULL;
	return xstrdup(json_string_value(value));
}

bool
oauth_keep_fields(const json_t *list, oauth_find_fn *find, const json_t *from, json_t *fields)
{
	bool all = true;

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *row = json_array_get(list, i), *value = find(row, from);
		auto_wipe char *text = kept_text(value);

		if (text && form_pattern_matches(json_get_text(row, "pattern"), text))
			json_put_text(fields, json_get_text(row, "name"), text);
		else if (json_get_bool(row, "required", false) || (value && !json_is_null(value)))
			all = false;
	}
	return all;
}
