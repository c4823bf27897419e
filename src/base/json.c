/* SPDX-License-Identifier: Apache-2.0 */
/* jansson with our rules: bounded depth and size, no duplicate keys, no NUL, UTF-8 only. */
#include "base/json.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/clock.h"

#define DIGITS(number) #number
#define TEXT_OF(number) DIGITS(number)

/* Depth and number are bounded before parsing, so that no parser of any version has to recurse on
 * hostile input or make more of it than fits. NULL, or what there is too much of. */
static const char *
too_much(const char *text, size_t len)
{
	int depth = 0, values = 1;
	bool in_string = false;

	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (in_string) {
			if (c == '\\')
				i++;
			else if (c == '"')
				in_string = false;
		} else if (c == '"') {
			in_string = true;
		} else if (c == '{' || c == '[') {
			values++;
			if (++depth > JSON_DEPTH_MAX)
				return "nested deeper than " TEXT_OF(JSON_DEPTH_MAX) " levels";
		} else if (c == '}' || c == ']') {
			depth--;
		} else if (c == ',') {
			values++;
		}
		if (values > JSON_VALUES_MAX)
			return "of more than " TEXT_OF(JSON_VALUES_MAX) " values";
	}
	return NULL;
}

enum err
json_parse(const char *text, size_t len, json_t **value_out, struct errctx *ctx)
{
	json_error_t error;
	const char *much = too_much(text, len);

	if (much)
		return err_set(ctx, ERR_MALFORMED, "", "JSON is %s", much);
	json_t *value = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
	if (value) {
		*value_out = value;
		return OK;
	}
	const char *what = json_error_code(&error) == json_error_duplicate_key
			       ? "a key stands twice in one object"
			   : json_error_code(&error) == json_error_invalid_utf8 ? "not UTF-8"
			   : json_error_code(&error) == json_error_null_character
			       ? "NUL characters are not allowed"
			       : "not valid JSON";
	return err_set(ctx, ERR_MALFORMED, "", "%s (line %d, column %d)", what, error.line,
	    error.column);
}

/* ---- writing ---- */

static int
add_piece(const char *piece, size_t len, void *arg)
{
	struct buf *out = arg;

	buf_add(out, piece, len);
	return out->over ? -1 : 0;
}

void
json_write(const json_t *value, struct buf *out)
{
	/* Fails only when the buffer is full, which `over` tells. */
	(void)json_dump_callback(value, add_piece, out, JSON_COMPACT | JSON_ENCODE_ANY);
}

char *
json_text(const json_t *value)
{
	struct buf text = BUF_INIT_SECRET(SIZE_MAX / 4);

	json_write(value, &text);
	return buf_take(&text);
}

/* ---- reading ---- */

const char *
json_get_text(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

json_int_t
json_get_int(const json_t *object, const char *key, json_int_t otherwise)
{
	const json_t *value = json_object_get(object, key);

	return json_is_integer(value) ? json_integer_value(value) : otherwise;
}

bool
json_get_bool(const json_t *object, const char *key, bool otherwise)
{
	const json_t *value = json_object_get(object, key);

	return json_is_boolean(value) ? json_is_true(value) : otherwise;
}

#define POINTER_KEY_MAX 256

/* One reference token: ~1 is a slash, ~0 a tilde. False when it does not fit. */
static bool
take_key(const char *token, size_t len, char key[POINTER_KEY_MAX])
{
	size_t at = 0;

	if (len >= POINTER_KEY_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		bool escaped = token[i] == '~' && i + 1 < len;

		key[at++] = !escaped ? token[i] : token[i + 1] == '1' ? '/' : '~';
		i += escaped;
	}
	key[at] = '\0';
	return true;
}

static const json_t *
step_into(const json_t *value, const char *key)
{
	size_t len = strlen(key);

	if (json_is_object(value))
		return json_object_get(value, key);
	if (!json_is_array(value) || !len || len > 6 || strspn(key, "0123456789") != len)
		return NULL;
	return json_array_get(value, (size_t)strtoul(key, NULL, 10));
}

const json_t *
json_at(const json_t *value, const char *pointer)
{
	char key[POINTER_KEY_MAX];

	while (value && *pointer == '/') {
		size_t len = strcspn(++pointer, "/");

		value = take_key(pointer, len, key) ? step_into(value, key) : NULL;
		pointer += len;
	}
	return *pointer ? NULL : value;
}

void
json_put(json_t *object, const char *key, json_t *value)
{
	if (!value || json_object_set_new_nocheck(object, key, value))
		abort();
}

void
json_put_text(json_t *object, const char *key, const char *text)
{
	json_put(object, key, text ? json_text_lossy(text, strlen(text)) : json_null());
}

void
json_put_int(json_t *object, const char *key, json_int_t number)
{
	json_put(object, key, json_integer(number));
}

void
json_put_bool(json_t *object, const char *key, bool flag)
{
	json_put(object, key, json_boolean(flag));
}

void
json_put_time(json_t *object, const char *key, int64_t ms)
{
	char iso[CLOCK_ISO_SIZE];

	if (ms)
		clock_iso(ms, iso);
	json_put(object, key, ms ? json_string_nocheck(iso) : json_null());
}

size_t
json_utf8_length(const char *text, size_t left)
{
	if (left == 0)
		return 0;
	const unsigned char *s = (const unsigned char *)text;
	size_t n = s[0] < 0x80                    ? 1
		   : s[0] >= 0xc2 && s[0] <= 0xdf ? 2
		   : (s[0] & 0xf0) == 0xe0        ? 3
		   : s[0] >= 0xf0 && s[0] <= 0xf4 ? 4
						  : 0;

	if (n == 0 || n > left)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

char *
json_text_cut(const char *text, size_t most)
{
	size_t left = text ? strlen(text) : 0, at = 0, length;

	if (!text)
		return NULL;
	for (; most > 0 && (length = json_utf8_length(text + at, left)) > 0; most--) {
		at += length;
		left -= length;
	}
	return xmemdup0(text, at);
}

json_t *
json_text_lossy(const char *text, size_t len)
{
	json_t *value = json_stringn(text, len);

	if (value)
		return value;
	auto_buf struct buf clean = BUF_INIT(len * 3 + 1);
	clean.secret = true;
	for (size_t i = 0; i < len;) {
		size_t n = json_utf8_length(text + i, len - i);

		if (n)
			buf_add(&clean, text + i, n);
		else
			buf_add_text(&clean, "\xef\xbf\xbd");
		i += n ? n : 1;
	}
	return json_stringn_nocheck(buf_text(&clean), clean.len);
}
