/* SPDX-License-Identifier: Apache-2.0 */
/* Query strings: decoded once, read by name. */
#include "web/params.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/json.h"

size_t
params_count_chars(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

bool
params_is_utf8(const char *text, size_t len)
{
	while (len > 0) {
		size_t n = json_utf8_length(text, len);

		if (n == 0)
			return false;
		text += n;
		len -= n;
	}
	return true;
}

bool
params_has_control(const char *text, bool multi_line)
{
	for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
		if (multi_line && (*c == '\n' || *c == '\t'))
			continue;
		if (*c < 0x20 || *c == 0x7f || (*c == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0))
			return true;
	}
	return false;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool
params_percent_decode(const char *text, size_t len, bool plus, char *out, size_t *len_out)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (c == '%') {
			int high = i + 2 < len ? hex_digit(text[i + 1]) : -1;
			int low = i + 2 < len ? hex_digit(text[i + 2]) : -1;

			if (high < 0 || low < 0)
				return false;
			c = (char)(high * 16 + low);
			i += 2;
		} else if (plus && c == '+') {
			c = ' ';
		}
		if (c == '\0')
			return false;
		out[n++] = c;
	}
	out[n] = '\0';
	*len_out = n;
	return true;
}

/* Decode "name=value" to *at, which has room for len + 1 bytes, and move *at behind it. */
static enum err
param_decode(const char *text, size_t len, char **at, struct param *out, struct errctx *ctx)
{
	const char *equal = memchr(text, '=', len);
	size_t name_len = equal ? (size_t)(equal - text) : len;
	char *name = *at, *value = NULL;
	size_t n = 0;

	if (!params_percent_decode(text, name_len, true, name, &n) || !params_is_utf8(name, n))
		return err_set(ctx, ERR_MALFORMED, "",
		    "the name of a query parameter is not UTF-8 in form encoding");
	*at += n + 1;
	if (equal) {
		value = *at;
		if (!params_percent_decode(equal + 1, len - name_len - 1, true, value, &n) ||
		    !params_is_utf8(value, n))
			return err_set(ctx, ERR_MALFORMED, name, "is not UTF-8 in form encoding");
		if (n > PARAMS_VALUE_MAX)
			return err_set(ctx, ERR_MALFORMED, name, "is longer than %d bytes",
			    PARAMS_VALUE_MAX);
		*at += n + 1;
	}
	*out = (struct param){ name, value ? value : "" };
	return OK;
}

enum err
params_parse(const char *query, size_t len, struct params *params_out, struct errctx *ctx)
{
	const char *end = query + len;

	params_out->n = 0;
	params_out->text = NULL;
	if (len == 0)
		return OK;
	/* each piece needs its NUL, for which '=' and '&' made room, the last one excepted */
	char *text = xmalloc(len + 2), *at = text;
	struct params params = { .text = text };
	for (const char *from = query; from < end;) {
		const char *stop = memchr(from, '&', (size_t)(end - from));
		enum err err = OK;

		if (!stop)
			stop = end;
		if (stop > from && params.n == PARAMS_MAX)
			err = err_set(ctx, ERR_MALFORMED, "", "more than %d query parameters",
			    PARAMS_MAX);
		else if (stop > from)
			err = param_decode(from, (size_t)(stop - from), &at,
			    &params.list[params.n++], ctx);
		if (err) {
			free(text);
			return err;
		}
		from = stop + 1;
	}
	*params_out = params;
	return OK;
}

void
params_free(struct params *params)
{
	free(params->text);
	params->text = NULL;
	params->n = 0;
}

/* The one value of `name`, NULL when it is missing or empty. */
static enum err
query_find(const struct params *query, const char *name, enum query_need need,
    const char **value_out, struct errctx *ctx)
{
	const char *value = NULL;

	for (size_t i = 0; i < query->n; i++) {
		if (strcmp(query->list[i].name, name))
			continue;
		if (value)
			return err_set(ctx, ERR_FIELD, name, "is given twice");
		value = query->list[i].value;
	}
	if (value && !*value)
		value = NULL;
	if (!value && need == QUERY_REQUIRED)
		return err_set(ctx, ERR_FIELD, name, "is required");
	*value_out = value;
	return OK;
}

enum err
query_text(const struct params *query, const char *name, enum query_need need, size_t most_chars,
    const char **text_out, struct errctx *ctx)
{
	const char *value;
	enum err err = query_find(query, name, need, &value, ctx);

	if (err || !value)
		return err;
	if (params_has_control(value, false))
		return err_set(ctx, ERR_FIELD, name, "must not hold control characters");
	if (params_count_chars(value) > most_chars)
		return err_set(ctx, ERR_FIELD, name, "must have at most %zu characters",
		    most_chars);
	*text_out = value;
	return OK;
}

enum err
query_int(const struct params *query, const char *name, enum query_need need, int64_t least,
    int64_t most, int64_t *number_out, struct errctx *ctx)
{
	const char *value;
	enum err err = query_find(query, name, need, &value, ctx);
	char *end;

	if (err || !value)
		return err;
	size_t digits = strspn(value + (*value == '-'), "0123456789");
	if (digits == 0 || value[digits + (*value == '-')] != '\0')
		return err_set(ctx, ERR_FIELD, name, "must be an integer");
	errno = 0;
	long long number = strtoll(value, &end, 10);
	if (errno || number < least || number > most)
		return err_set(ctx, ERR_FIELD, name, "must be from %lld to %lld", (long long)least,
		    (long long)most);
	*number_out = number;
	return OK;
}

enum err
query_bool(const struct params *query, const char *name, bool *flag_out, struct errctx *ctx)
{
	const char *value;
	enum err err = query_find(query, name, QUERY_OPTIONAL, &value, ctx);

	if (err || !value)
		return err;
	bool yes = !strcasecmp(value, "true") || !strcmp(value, "1");
	if (!yes && strcasecmp(value, "false") && strcmp(value, "0"))
		return err_set(ctx, ERR_FIELD, name, "must be true or false");
	*flag_out = yes;
	return OK;
}

enum err
query_enum(const struct params *query, const char *name, const char *const *names,
    unsigned *index_out, struct errctx *ctx)
{
	const char *value;
	enum err err = query_find(query, name, QUERY_OPTIONAL, &value, ctx);

	if (err || !value)
		return err;
	for (unsigned i = 0; names[i]; i++) {
		if (!strcmp(names[i], value)) {
			*index_out = i;
			return OK;
		}
	}
	return err_set(ctx, ERR_FIELD, name, "is none of the allowed values");
}

/* name, name[] or name[7] */
static bool
names_list(const char *given, const char *name)
{
	size_t len = strlen(name);

	if (strncmp(given, name, len))
		return false;
	given += len;
	if (!*given)
		return true;
	if (*given++ != '[')
		return false;
	given += strspn(given, "0123456789");
	return given[0] == ']' && given[1] == '\0';
}

enum err
query_list(const struct params *query, const char *name, struct query_list *list_out,
    struct errctx *ctx)
{
	struct query_list list = { 0 };
	size_t room = 1;

	for (size_t i = 0; i < query->n; i++)
		if (names_list(query->list[i].name, name))
			room += strlen(query->list[i].value) + 1;
	char *at = list.text = xmalloc(room);
	for (size_t i = 0; i < query->n; i++) {
		if (!names_list(query->list[i].name, name))
			continue;
		size_t len = strlen(query->list[i].value);
		memcpy(at, query->list[i].value, len + 1);
		for (char *rest = at, *item = strsep(&rest, ","); item; item = strsep(&rest, ",")) {
			if (!*item)
				continue;
			if (list.n == QUERY_LIST_MAX || params_has_control(item, false)) {
				query_list_free(&list);
				return err_set(ctx, ERR_FIELD, name,
				    "must hold at most %d texts without control characters",
				    QUERY_LIST_MAX);
			}
			list.items[list.n++] = item;
		}
		at += len + 1;
	}
	*list_out = list;
	return OK;
}

void
query_list_free(struct query_list *list)
{
	free(list->text);
	list->text = NULL;
	list->n = 0;
}
