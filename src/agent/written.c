/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a text stands somewhere, however URLs, JSON, HTML, hexadecimal or UTF-16 write it. */
#include "agent/written.h"

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"

#define DEPTH_MAX 2 /* escapes of escapes */
#define ZEROS_MAX 6 /* before the number of an entity */
#define LINE_ENDS_MAX 8

/* Where it is looked for; the eat_…() move it only when they find what they want. */
struct cursor {
	const char *at;
	size_t left;
	int depth; /* how many times it may be escaped */
	bool any_case;
	size_t *work; /* bytes compared so far */
};

static bool eat_char(struct cursor *c, unsigned char wanted);

static bool
eat(struct cursor *c, const char *text)
{
	struct cursor here = *c;

	here.any_case = true; /* digits and names of escapes */
	for (; *text; text++)
		if (!eat_char(&here, (unsigned char)*text))
			return false;
	c->at = here.at;
	c->left = here.left;
	return true;
}

/* The lowest `digits` digits of a number in hexadecimal. */
static bool
eat_hex(struct cursor *c, uint32_t number, int digits)
{
	struct cursor here = *c;

	here.any_case = true;
	while (digits-- > 0)
		if (!eat_char(&here, (unsigned char)"0123456789abcdef"[number >> 4 * digits & 15]))
			return false;
	c->at = here.at;
	c->left = here.left;
	return true;
}

/* &#39; &#039; &#x27; */
static bool
eat_entity(struct cursor *c, uint32_t number)
{
	struct cursor here = *c;
	char digits[16];

	if (!eat(&here, "&#"))
		return false;
	bool hex = eat(&here, "x");
	for (int zeros = 0; zeros < ZEROS_MAX && eat(&here, "0"); zeros++)
		continue;
	snprintf(digits, sizeof(digits), hex ? "%x;" : "%u;", (unsigned)number);
	if (!eat(&here, digits))
		return false;
	*c = here;
	return true;
}

/* A prefix and a number behind it: %27 \x27 \u0027 */
static bool
eat_number(struct cursor *c, const char *prefix, uint32_t number, int digits)
{
	struct cursor here = *c;

	if (!eat(&here, prefix) || !eat_hex(&here, number, digits))
		return false;
	*c = here;
	return true;
}

static bool
eat_name(struct cursor *c, unsigned char wanted)
{
	static const struct {
		unsigned char byte;
		const char *name;
	} names[] = { { '\b', "\\b" }, { '\f', "\\f" }, { '\n', "\\n" }, { '\r', "\\r" },
		{ '\t', "\\t" }, { '"', "\\\"" }, { '\\', "\\\\" }, { '/', "\\/" }, { '\'', "\\'" },
		{ '&', "&amp;" }, { '<', "&lt;" }, { '>', "&gt;" }, { '"', "&quot;" },
		{ '\'', "&apos;" } };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].byte == wanted && eat(c, names[i].name))
			return true;
	return false;
}

/* Whatever an escape is escaped with. */
static bool
begins_escape(const struct cursor *c)
{
	return c->depth > 0 && c->left && (*c->at == '%' || *c->at == '\\' || *c->at == '&');
}

/* Escapes of a byte, of which one beyond ASCII is a part of a character. */
static bool
eat_escape(struct cursor *c, unsigned char wanted)
{
	struct cursor inner = *c;

	if (!begins_escape(c))
		return false;
	++*c->work;
	inner.depth--;
	if (!eat_number(&inner, "%", wanted, 2) && !eat_number(&inner, "\\x", wanted, 2) &&
	    (wanted >= 0x80 || !eat_number(&inner, "\\u", wanted, 4)) &&
	    (wanted >= 0x80 || !eat_entity(&inner, wanted)) && !eat_name(&inner, wanted))
		return false;
	c->at = inner.at;
	c->left = inner.left;
	return true;
}

static bool
eat_char(struct cursor *c, unsigned char wanted)
{
	if (!c->left)
		return false;
	if (eat_escape(c, wanted))
		return true;
	if (c->depth > 0) { /* escaped less often */
		struct cursor inner = *c;

		inner.depth = 0;
		if (!eat_char(&inner, wanted))
			return false;
		c->at = inner.at;
		c->left = inner.left;
		return true;
	}
	++*c->work;
	unsigned char here = (unsigned char)*c->at;
	bool same = here == wanted || (c->any_case && tolower(here) == tolower(wanted));
	if (!same && !(here == '+' && wanted == ' '))
		return false;
	c->at++;
	c->left--;
	return true;
}

static uint32_t
code_point(const unsigned char *text, size_t len)
{
	uint32_t code = len == 2 ? text[0] & 0x1f : len == 3 ? text[0] & 0x0f : text[0] & 0x07;

	for (size_t i = 1; i < len; i++)
		code = code << 6 | (text[i] & 0x3f);
	return code;
}

/* The units of UTF-16 of a character beyond ASCII; gives how many. */
static size_t
utf16_units(uint32_t code, uint16_t units[2])
{
	if (code < 0x10000) {
		units[0] = (uint16_t)code;
		return 1;
	}
	units[0] = (uint16_t)(0xd800 + ((code - 0x10000) >> 10));
	units[1] = (uint16_t)(0xdc00 + ((code - 0x10000) & 0x3ff));
	return 2;
}

/* A character beyond ASCII: by its number, or byte for byte. */
static bool
eat_wide(struct cursor *c, const unsigned char *text, size_t len)
{
	struct cursor here = *c;
	uint32_t code = code_point(text, len);
	uint16_t units[2] = { 0 };
	char escapes[16];

	if (begins_escape(c)) {
		here.depth--;
		if (utf16_units(code, units) == 1)
			snprintf(escapes, sizeof(escapes), "\\u%04x", units[0]);
		else
			snprintf(escapes, sizeof(escapes), "\\u%04x\\u%04x", units[0], units[1]);
		if (eat(&here, escapes) || eat_entity(&here, code)) {
			c->at = here.at;
			c->left = here.left;
			return true;
		}
	}
	if (c->left && code < 0x100 && (unsigned char)*c->at == code) { /* ISO 8859-1 */
		c->at++;
		c->left--;
		return true;
	}
	here = *c;
	for (size_t i = 0; i < len; i++)
		if (!eat_char(&here, text[i]))
			return false;
	*c = here;
	return true;
}

size_t
written_text(const struct secret *text, bool any_case, const char *at, size_t left, size_t *work)
{
	size_t longest = 0;

	for (int depth = 0; depth <= DEPTH_MAX; depth++) {
		struct cursor c = { at, left, depth, any_case, work };
		size_t i = 0, len;

		for (; i < text->len; i += len) {
			const unsigned char *wanted = text->data + i;

			len = json_utf8_length((const char *)wanted, text->len - i);
			bool found = len > 1 ? eat_wide(&c, wanted, len) : eat_char(&c, *wanted);
			if (!found)
				break;
			len = len ? len : 1;
		}
		if (i >= text->len && left - c.left > longest)
			longest = left - c.left;
	}
	return longest;
}

/* ---- numbers ---- */

/* What may stand between two bytes. */
static void
skip_between(struct cursor *c, bool hex)
{
	if (c->left && strchr(hex ? ":-, " : ",", *c->at) && *c->at) {
		c->at++;
		c->left--;
	}
	while (c->left && (*c->at == ' ' || *c->at == '\n')) {
		c->at++;
		c->left--;
	}
	if (hex && !eat(c, "0x"))
		(void)(eat(c, "\\\\x") || eat(c, "\\x"));
}

static bool
eat_decimal(struct cursor *c, unsigned char number)
{
	char digits[] = { (char)('0' + number / 100), (char)('0' + number / 10 % 10),
		(char)('0' + number % 10), '\0' };

	return eat(c, digits + (number < 10 ? 2 : number < 100 ? 1 : 0));
}

static size_t
written_in_base(const struct secret *text, bool hex, const char *at, size_t left, size_t *work)
{
	struct cursor c = { at, left, 0, true, work };

	for (size_t i = 0; i < text->len; i++) {
		if (i > 0)
			skip_between(&c, hex);
		if (!(hex ? eat_hex(&c, text->data[i], 2) : eat_decimal(&c, text->data[i])))
			return 0;
		if (!hex && i + 1 < text->len && (!c.left || *c.at != ','))
			return 0;
	}
	return left - c.left;
}

size_t
written_numbers(const struct secret *text, const char *at, size_t left, size_t *work)
{
	size_t hex = written_in_base(text, true, at, left, work);

	return hex ? hex : written_in_base(text, false, at, left, work);
}

/* ---- UTF-16 ---- */

static bool
eat_unit(struct cursor *c, uint16_t unit, bool big)
{
	unsigned char high = (unsigned char)(unit >> 8), low = (unsigned char)unit;

	++*c->work;
	if (c->left < 2 || (unsigned char)c->at[0] != (big ? high : low) ||
	    (unsigned char)c->at[1] != (big ? low : high))
		return false;
	c->at += 2;
	c->left -= 2;
	return true;
}

static size_t
written_in_order(const struct secret *text, bool big, const char *at, size_t left, size_t *work)
{
	struct cursor c = { at, left, 0, false, work };
	size_t len;

	for (size_t i = 0; i < text->len; i += len) {
		uint16_t units[2] = { text->data[i] };
		size_t n = 1;

		len = json_utf8_length((const char *)text->data + i, text->len - i);
		if (len > 1)
			n = utf16_units(code_point(text->data + i, len), units);
		for (size_t u = 0; u < n; u++)
			if (!len || !eat_unit(&c, units[u], big))
				return 0;
	}
	return left - c.left;
}

size_t
written_utf16(const struct secret *text, const char *at, size_t left, size_t *work)
{
	size_t little = written_in_order(text, false, at, left, work);

	return little ? little : written_in_order(text, true, at, left, work);
}

/* ---- base64 ---- */

size_t
written_base64(char digit, const char *at, size_t left, size_t *work)
{
	struct cursor c = { at, left, DEPTH_MAX, false, work };
	char other = digit;

	for (int ends = 0; ends < LINE_ENDS_MAX && (eat_char(&c, '\r') || eat_char(&c, '\n'));
	     ends++)
		continue;
	if (digit == '-')
		other = '+';
	else if (digit == '_')
		other = '/';
	if (!eat_char(&c, (unsigned char)digit) && !eat_char(&c, (unsigned char)other))
		return 0;
	return left - c.left;
}
