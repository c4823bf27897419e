/* SPDX-License-Identifier: Apache-2.0 */
/* A payload as bytes: pairs as query, form or multipart; everything else as JSON or as it is. */
#include "agent/payload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypt.h"
#include "base/json.h"
#include "base/secret.h"
#include "formula/value.h"

typedef void pair_fn(void *arg, const char *name, size_t name_len, const struct buf *value);

bool
payload_is_pairs(const json_t *value)
{
	size_t i;
	const json_t *pair;

	if (!json_is_array(value))
		return json_is_object(value);
	json_array_foreach(value, i,
	    pair) if (json_array_size(pair) != 2 ||
		      !json_is_string(json_array_get(pair, 0))) return false;
	return true;
}

static void
one_pair(const char *name, size_t name_len, const json_t *json, const struct buf *out, pair_fn *fn,
    void *arg)
{
	auto_value struct value value = { 0 };
	auto_buf struct buf text = BUF_INIT_SECRET(out->cap);

	if (out->over) /* a few references can stand for far more than fits */
		return;
	value_set_from_json(&value, json);
	/* Cannot fail: what comes from JSON is no response. */
	if (value_add_text(&value, &text, NULL) == OK)
		fn(arg, name, name_len, &text);
}

static void
each_value(const char *name, size_t len, const json_t *value, const struct buf *out, pair_fn *fn,
    void *arg)
{
	size_t i;
	const json_t *item;

	if (!json_is_array(value)) {
		one_pair(name, len, value, out, fn, arg);
		return;
	}
	json_array_foreach(value, i, item) one_pair(name, len, item, out, fn, arg);
}

static void
each_pair(const json_t *pairs, const struct buf *out, pair_fn *fn, void *arg)
{
	/* jansson's iteration wants the object writable, though it only reads. */
	union {
		const json_t *borrowed;
		json_t *iterated;
	} tree = { .borrowed = pairs };
	const char *name;
	size_t i, len;
	json_t *value;

	json_object_keylen_foreach(tree.iterated, name, len, value)
	    each_value(name, len, value, out, fn, arg);
	json_array_foreach(pairs, i, value)
	{
		const json_t *first = json_array_get(value, 0);

		each_value(json_string_value(first), json_string_length(first),
		    json_array_get(value, 1), out, fn, arg);
	}
}

struct query {
	struct buf *out;
	bool form;
	bool more;
};

static void
add_encoded(const struct query *query, const char *text, size_t len)
{
	static const char hex[] = "0123456789ABCDEF";
	static const char kept[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._";

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c != '\0' && (strchr(kept, c) != NULL || c == (query->form ? '*' : '~'))) {
			buf_add_char(query->out, (char)c);
		} else if (c == ' ' && query->form) {
			buf_add_char(query->out, '+');
		} else {
			const char escape[3] = { '%', hex[c >> 4], hex[c & 15] };
			buf_add(query->out, escape, sizeof(escape));
		}
	}
}

static void
add_pair(void *arg, const char *name, size_t name_len, const struct buf *value)
{
	struct query *query = arg;

	if (value->over)
		query->out->over = true;
	if (query->more)
		buf_add_char(query->out, '&');
	query->more = true;
	add_encoded(query, name, name_len);
	buf_add_char(query->out, '=');
	add_encoded(query, buf_text(value), value->len);
}

void
payload_add_pairs(const json_t *pairs, bool form, struct buf *out)
{
	struct query query = { .out = out, .form = form };

	each_pair(pairs, out, add_pair, &query);
}

struct multipart {
	struct buf *out;
	const char *boundary;
};

/* Names are escaped the way browsers do (WHATWG HTML section 4.10.21.8), so that none breaks out of
 * its quotes. */
static void
add_part(void *arg, const char *name, size_t name_len, const struct buf *value)
{
	const struct multipart *parts = arg;
	struct buf *out = parts->out;

	if (value->over)
		out->over = true;
	buf_add_text(out, "--");
	buf_add_text(out, parts->boundary);
	buf_add_text(out, "\r\nContent-Disposition: form-data; name=\"");
	for (size_t i = 0; i < name_len; i++) {
		if (name[i] == '"' || (unsigned char)name[i] < 0x20)
			buf_printf(out, "%%%02X", (unsigned)name[i]);
		else
			buf_add_char(out, name[i]);
	}
	buf_add_text(out, "\"\r\n\r\n");
	buf_add(out, buf_text(value), value->len);
	buf_add_text(out, "\r\n");
}

void
payload_add_multipart(const json_t *pairs, struct buf *out,
    char boundary_out[PAYLOAD_BOUNDARY_SIZE])
{
	/* 128 random bits: that a value holds the boundary is not going to happen. */
	unsigned char random[16];
	crypt_random(random, sizeof(random));
	char *hex = crypt_hex(random, sizeof(random));

	snprintf(boundary_out, PAYLOAD_BOUNDARY_SIZE, "bailee-%s", hex);
	free(hex);
	struct multipart parts = { .out = out, .boundary = boundary_out };
	each_pair(pairs, out, add_part, &parts);
	buf_add_text(out, "--");
	buf_add_text(out, boundary_out);
	buf_add_text(out, "--\r\n");
}

void
payload_add_json(const json_t *value, struct buf *out)
{
	json_write(value, out);
}
