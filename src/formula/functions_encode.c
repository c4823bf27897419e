/* SPDX-License-Identifier: Apache-2.0 */
/* Functions that write bytes in an alphabet and read them back, and JSON. */
#include <string.h>

#include <libxml/HTMLparser.h>

#include "base/crypt.h"
#include "base/json.h"
#include "base/secret.h"
#include "formula/call.h"

enum err
formula_fn_url_encode(const struct formula_call *call, struct value *out)
{
	static const char hex[] = "0123456789ABCDEF";
	static const char unreserved[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
	auto_buf struct buf text = CALL_BUF, encoded = CALL_BUF;
	enum err err = call_text(call, 0, &text);

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
	return call_give_text(call, &encoded, out);
}

/* The value of hexadecimal digits, -1 when one is none. */
static int
hex_value(const char *digits, size_t n)
{
	int value = 0;

	for (size_t i = 0; i < n; i++) {
		char c = digits[i];
		int digit = c >= '0' && c <= '9'   ? c - '0'
			    : c >= 'a' && c <= 'f' ? c - 'a' + 10
			    : c >= 'A' && c <= 'F' ? c - 'A' + 10
						   : -1;

		if (digit < 0)
			return -1;
		value = value * 16 + digit;
	}
	return value;
}

enum err
formula_fn_url_decode(const struct formula_call *call, struct value *out)
{
	auto_buf struct buf text = CALL_BUF, decoded = CALL_BUF;
	enum err err = call_text(call, 0, &text);

	for (size_t i = 0; err == OK && i < text.len; i++) {
		char c = text.data[i];
		int value = -1;

		if (c == '%') {
			value = text.len - i > 2 ? hex_value(text.data + i + 1, 2) : -1;
			if (value < 0)
				return call_fail(call,
				    "needs two hexadecimal digits behind each %%");
			i += 2;
		}
		buf_add_char(&decoded, c == '%' ? (char)value : c == '+' ? ' ' : c);
	}
	return err == OK ? call_give_text(call, &decoded, out) : err;
}

typedef char *encoder(const void *data, size_t len);

static enum err
encode(const struct formula_call *call, encoder *as, struct value *out)
{
	auto_buf struct buf text = CALL_BUF;
	enum err err = call_text(call, 0, &text);

	if (err != OK)
		return err;
	auto_wipe char *encoded = as(buf_text(&text), text.len);
	return call_give_bytes(call, encoded, strlen(encoded), out);
}

enum err
formula_fn_base64_encode(const struct formula_call *call, struct value *out)
{
	return encode(call, crypt_base64, out);
}

enum err
formula_fn_base64url_encode(const struct formula_call *call, struct value *out)
{
	return encode(call, crypt_base64url, out);
}

enum err
formula_fn_hex_encode(const struct formula_call *call, struct value *out)
{
	return encode(call, crypt_hex, out);
}

/* Both alphabets, with padding or without, in lines or not: as one finds it. */
enum err
formula_fn_base64_decode(const struct formula_call *call, struct value *out)
{
	auto_buf struct buf text = CALL_BUF, plain = CALL_BUF;
	unsigned char *data = NULL;
	size_t len = 0;
	enum err err = call_text(call, 0, &text);

	for (size_t i = 0; err == OK && i < text.len; i++) {
		char c = text.data[i];

		if (strchr(" \t\r\n", c) == NULL || c == '\0')
			buf_add_char(&plain, c == '+' ? '-' : c == '/' ? '_' : c);
	}
	if (err == OK && crypt_base64url_decode(buf_text(&plain), plain.len, &data, &len) != OK)
		err = call_fail(call, "needs base64");
	if (err == OK)
		err = call_give_bytes(call, data, len, out);
	secret_free_block(data);
	return err;
}

/* ---- HTML ---- */

#define ENTITY_NAME_MAX 10

static void
add_utf8(struct buf *buf, unsigned code)
{
	char bytes[4];
	size_t n = 0;

	if (code < 0x80) {
		bytes[n++] = (char)code;
	} else if (code < 0x800) {
		bytes[n++] = (char)(0xc0 | code >> 6);
	} else if (code < 0x10000) {
		bytes[n++] = (char)(0xe0 | code >> 12);
		bytes[n++] = (char)(0x80 | (code >> 6 & 0x3f));
	} else {
		bytes[n++] = (char)(0xf0 | code >> 18);
		bytes[n++] = (char)(0x80 | (code >> 12 & 0x3f));
		bytes[n++] = (char)(0x80 | (code >> 6 & 0x3f));
	}
	if (code >= 0x80)
		bytes[n++] = (char)(0x80 | (code & 0x3f));
	buf_add(buf, bytes, n);
}

/* The character of `&name;` or `&#number;`, without & and ;. 0: not known. */
static unsigned
entity_code(const char *name, size_t len)
{
	char known[ENTITY_NAME_MAX + 1];
	unsigned code = 0;

	if (len == 0 || len > ENTITY_NAME_MAX)
		return 0;
	if (name[0] != '#') {
		memcpy(known, name, len);
		known[len] = '\0';
		if (strcmp(known, "apos") == 0) /* HTML 5 has it, HTML 4 had not */
			return '\'';
		const htmlEntityDesc *entity = htmlEntityLookup((const xmlChar *)known);
		return entity != NULL ? entity->value : 0;
	}
	if (len > 2 && (name[1] == 'x' || name[1] == 'X') && len <= 8) {
		int value = hex_value(name + 2, len - 2);

		code = value < 0 ? 0 : (unsigned)value;
	} else {
		for (size_t i = 1; i < len; i++) {
			if (name[i] < '0' || name[i] > '9')
				return 0;
			code = code * 10 + (unsigned)(name[i] - '0');
			if (code > 0x10ffff)
				return 0;
		}
	}
	return code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff) ? 0 : code;
}

enum err
formula_fn_html_unescape(const struct formula_call *call, struct value *out)
{
	auto_buf struct buf text = CALL_BUF, plain = CALL_BUF;
	enum err err = call_text(call, 0, &text);

	for (size_t i = 0; err == OK && i < text.len; i++) {
		size_t left = text.len - i - 1;
		const char *name = text.data + i + 1;
		const char *end =
		    text.data[i] != '&'
			? NULL
			: memchr(name, ';',
			      left < ENTITY_NAME_MAX + 1 ? left : ENTITY_NAME_MAX + 1);
		unsigned code = end != NULL ? entity_code(name, (size_t)(end - name)) : 0;

		if (code != 0) {
			add_utf8(&plain, code);
			i += (size_t)(end - name) + 1;
		} else {
			buf_add_char(&plain, text.data[i]);
		}
	}
	return err == OK ? call_give_text(call, &plain, out) : err;
}

/* ---- JSON ---- */

enum err
formula_fn_json_parse(const struct formula_call *call, struct value *out)
{
	auto_buf struct buf text = CALL_BUF;
	json_auto_t *json = NULL;

	/* What came as JSON is parsed already: JSON_PARSE(PREVIOUS_STEP.body) may stand in a
	 * formula either way. */
	if (call->args[0].kind != VALUE_TEXT && call->args[0].kind != VALUE_NULL) {
		value_move(out, &call->args[0]);
		return OK;
	}
	enum err err = call_text(call, 0, &text);
	if (err != OK)
		return err;
	if (json_parse(buf_text(&text), text.len, &json, NULL) != OK)
		return eval_fail(call->eval, call->node, "the text is not JSON");
	value_set_from_json(out, json);
	return eval_spend_json(call->eval, call->node, value_json_cost(json));
}

enum err
formula_fn_json_stringify(const struct formula_call *call, struct value *out)
{
	json_auto_t *json = NULL;
	enum err err = eval_spend_json(call->eval, call->node, value_to_json_cost(&call->args[0]));

	if (err != OK)
		return err;
	if (value_to_json(&call->args[0], &json, NULL) != OK)
		return eval_fail(call->eval, call->node->items[0], VALUE_NOT_UTF8);
	auto_wipe char *text = json_text(json);
	return call_give_bytes(call, text, strlen(text), out);
}
