/* SPDX-License-Identifier: Apache-2.0 */
/* Texts of app definitions with placeholders: finding them and putting values in their place. */
#include "catalog/fill.h"

#include <stdio.h>
#include <string.h>

#define NAME_BYTES "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
#define PLACEHOLDER_BYTES NAME_BYTES "."
#define UNRESERVED NAME_BYTES ".~" /* RFC 3986 section 2.3 */

bool
fill_starts(const char *text)
{
	size_t len = strncmp(text, "<<", 2) != 0 ? 0 : strspn(text + 2, PLACEHOLDER_BYTES);

	return len && len <= FILL_NAME_MAX && !strncmp(text + 2 + len, ">>", 2);
}

bool
fill_is_alone(const char *text)
{
	return fill_starts(text) && !text[2 + strspn(text + 2, PLACEHOLDER_BYTES) + 2];
}

bool
fill_is_template(const char *text)
{
	while ((text = strstr(text, "<<"))) {
		if (!fill_starts(text))
			return false;
		text += 2 + strspn(text + 2, PLACEHOLDER_BYTES) + 2;
	}
	return true;
}

const char *
fill_next(const char **at, size_t *len_out)
{
	const char *start = strstr(*at, "<<");

	if (!start)
		return NULL;
	*len_out = strspn(start + 2, PLACEHOLDER_BYTES);
	*at = start + 2 + *len_out + 2;
	return start + 2;
}

/* The value as text; `room` is for numbers. */
static const char *
value_text(const json_t *value, char room[32])
{
	if (json_is_boolean(value))
		return json_is_true(value) ? "true" : "false";
	if (!json_is_integer(value))
		return json_string_length(value) ==
			       strlen(json_is_string(value) ? json_string_value(value) : "")
			   ? json_string_value(value)
			   : NULL;
	snprintf(room, 32, "%lld", (long long)json_integer_value(value));
	return room;
}

static void
add_encoded(struct buf *out, const char *text)
{
	for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
		if (strchr(UNRESERVED, *c))
			buf_add_char(out, (char)*c);
		else
			buf_printf(out, "%%%02X", *c);
	}
}

static bool
add_value(struct buf *out, const char *text, enum fill_how how, bool in_host)
{
	if (how == FILL_PLAIN) {
		buf_add_text(out, text);
		return !strpbrk(text, "\r\n");
	}
	if (in_host && (!*text || strspn(text, NAME_BYTES ".") != strlen(text)))
		return false;
	add_encoded(out, text);
	return true;
}

/* Where the host of a URL ends: behind "//", at the first slash, ? or #. */
static const char *
host_end(const char *url)
{
	const char *host = strstr(url, "//");

	return host ? host + 2 + strcspn(host + 2, "/?#") : url;
}

static enum err
put(const char *name, size_t len, const json_t *values, enum fill_how how, bool in_host,
    struct buf *out, struct errctx *ctx)
{
	char key[FILL_NAME_MAX + 1], room[32];

	snprintf(key, sizeof(key), "%.*s", (int)len, name);
	const char *value = value_text(json_object_get(values, key), room);
	if (!value)
		return err_set(ctx, ERR_VALUE, key, "%s has no value", key);
	if (!add_value(out, value, how, in_host))
		return err_set(ctx, ERR_VALUE, key, "%s cannot stand in this place", key);
	return OK;
}

enum err
fill_name(const char *name, size_t len, const json_t *values, struct buf *out, struct errctx *ctx)
{
	return put(name, len, values, FILL_PLAIN, false, out, ctx);
}

enum err
fill(const char *text, const json_t *values, enum fill_how how, struct buf *out, struct errctx *ctx)
{
	const char *at = text, *end = host_end(text), *name;
	size_t len = 0;

	for (const char *from = text;; from = at) {
		name = fill_next(&at, &len);
		if (!name) {
			buf_add_text(out, from);
			return OK;
		}
		buf_add(out, from, (size_t)(name - 2 - from));
		enum err err = put(name, len, values, how, name < end, out, ctx);
		if (err)
			return err;
	}
}
