/* SPDX-License-Identifier: Apache-2.0 */
/* Taking secrets out of what comes back from the outside, in whatever usual form they are there. */
#include "agent/blot.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/crypt.h"
#include "base/json.h"
#include "base/secret.h"

#define SECRETS_MAX 64
#define ALIGNMENTS 3
#define TEXT_MOST ((size_t)32 * 1024 * 1024)

struct blotted {
	struct secret plain;
	char *hex;                /* NULL when it is short */
	char *base64[ALIGNMENTS]; /* the characters that depend on the secret alone; base64url */
};

struct blot {
	struct blotted secrets[SECRETS_MAX];
	size_t n;
	bool begins[256]; /* bytes with which any form of any secret can begin */
};

struct blot *
blot_new(void)
{
	return xcalloc(1, sizeof(struct blot));
}

void
blot_free(struct blot **blot)
{
	if (!blot || !*blot)
		return;
	for (size_t i = 0; i < (*blot)->n; i++) {
		struct blotted *b = &(*blot)->secrets[i];

		secret_free(&b->plain);
		secret_wipe_text(&b->hex);
		for (size_t shift = 0; shift < ALIGNMENTS; shift++)
			secret_wipe_text(&b->base64[shift]);
	}
	free(*blot);
	*blot = NULL;
}

/* Of a text that has the secret behind `shift` (modulo 3) other bytes: without the characters that
 * hold bits of its neighbours. */
static char *
inner_base64(const void *secret, size_t len, size_t shift)
{
	static const size_t dirty[ALIGNMENTS] = { 0, 2, 3 };
	unsigned char *padded = xcalloc(1, len + shift + 1);

	memcpy(padded + shift, secret, len);
	char *whole = crypt_base64url(padded, len + shift);
	size_t n = (len + shift) * 8 / 6; /* whole characters */
	char *inner = n > dirty[shift] ? xmemdup0(whole + dirty[shift], n - dirty[shift]) : NULL;

	explicit_bzero(padded, len + shift);
	free(padded);
	secret_wipe_text(&whole);
	return inner;
}

static void
note_begin(struct blot *blot, unsigned char c)
{
	blot->begins[c] = true;
	blot->begins[tolower(c)] = blot->begins[toupper(c)] = true;
	if (c == '-' || c == '_')
		blot->begins['+'] = blot->begins['/'] = true;
}

void
blot_add(struct blot *blot, const void *secret, size_t len)
{
	if (!len || blot->n == SECRETS_MAX)
		return;
	struct blotted *b = &blot->secrets[blot->n++];
	secret_set(&b->plain, secret, len);
	note_begin(blot, b->plain.data[0]);
	blot->begins['%'] = blot->begins['\\'] = blot->begins['&'] = blot->begins['+'] = true;
	if (len < BLOT_ENCODED_LEAST)
		return;
	b->hex = crypt_hex(secret, len);
	note_begin(blot, (unsigned char)*b->hex);
	for (size_t shift = 0; shift < ALIGNMENTS; shift++) {
		b->base64[shift] = inner_base64(secret, len, shift);
		if (b->base64[shift])
			note_begin(blot, (unsigned char)*b->base64[shift]);
	}
}

/* ---- one byte, however it is written ---- */

static int
hex_number(const char *text, size_t digits)
{
	int number = 0;

	for (size_t i = 0; i < digits; i++) {
		int c = tolower((unsigned char)text[i]);

		if (!isxdigit(c))
			return -1;
		number = number * 16 + (isdigit(c) ? c - '0' : c - 'a' + 10);
	}
	return number;
}

/* \" \\ \/ \n … and \u00XX */
static size_t
escaped_byte(const char *at, size_t left, unsigned char wanted)
{
	static const char names[] = "bfnrt", bytes[] = "\b\f\n\r\t";
	const char *name;

	if (left < 2 || *at != '\\')
		return 0;
	if (left >= 6 && at[1] == 'u')
		return wanted < 0x80 && hex_number(at + 2, 4) == wanted ? 6 : 0;
	name = at[1] ? strchr(names, at[1]) : NULL;
	if (name)
		return (unsigned char)bytes[name - names] == wanted ? 2 : 0;
	return strchr("\"\\/'", at[1]) && (unsigned char)at[1] == wanted ? 2 : 0;
}

static size_t
html_byte(const char *at, size_t left, unsigned char wanted)
{
	static const struct {
		const char *entity;
		unsigned char byte;
	} entities[] = { { "&amp;", '&' }, { "&lt;", '<' }, { "&gt;", '>' }, { "&quot;", '"' },
		{ "&#39;", '\'' }, { "&#34;", '"' }, { "&apos;", '\'' }, { "&#x27;", '\'' },
		{ "&#x2F;", '/' }, { "&#47;", '/' } };

	for (size_t i = 0; i < sizeof(entities) / sizeof(entities[0]); i++) {
		size_t len = strlen(entities[i].entity);

		if (entities[i].byte == wanted && left >= len &&
		    !strncasecmp(at, entities[i].entity, len))
			return len;
	}
	return 0;
}

/* Length of what stands for the byte at `at`; 0: something else does. */
static size_t
written_byte(const char *at, size_t left, unsigned char wanted)
{
	size_t len = 0;

	if (left >= 3 && *at == '%' && hex_number(at + 1, 2) == wanted)
		return 3;
	if (*at == '\\')
		len = escaped_byte(at, left, wanted);
	else if (*at == '&')
		len = html_byte(at, left, wanted);
	if (len)
		return len;
	return (unsigned char)*at == wanted || (*at == '+' && wanted == ' ');
}

/* ---- one secret ---- */

static size_t
match_plain(const struct secret *plain, const char *at, size_t left, size_t *work)
{
	size_t done = 0;

	for (size_t i = 0; i < plain->len; i++) {
		(*work)++;
		size_t len = done < left ? written_byte(at + done, left - done, plain->data[i]) : 0;

		if (!len)
			return 0;
		done += len;
	}
	return done;
}

static size_t
match_hex(const char *hex, const char *at, size_t left, size_t *work)
{
	size_t len = 0;

	if (!hex || left < 2 || strncasecmp(at, hex, 2) != 0)
		return 0;
	len = strlen(hex);
	*work += len;
	return len && left >= len && !strncasecmp(at, hex, len) ? len : 0;
}

/* The next character of base64 as base64url has it; 0 at the end. */
static char
base64_char(const char *at, size_t left, size_t *len_out)
{
	size_t skip = 0;

	while (skip < left && skip < 8 && (at[skip] == '\r' || at[skip] == '\n'))
		skip++;
	at += skip;
	left -= skip;
	*len_out = skip + 1;
	if (left == 0)
		return 0;
	if (left >= 3 && *at == '%') {
		int byte = hex_number(at + 1, 2);

		*len_out = skip + 3;
		return (char)(byte == '+' ? '-' : byte == '/' ? '_' : byte > 0 ? byte : 0);
	}
	if (left >= 2 && at[0] == '\\' && at[1] == '/') {
		*len_out = skip + 2;
		return '_';
	}
	return (char)(*at == '+' ? '-' : *at == '/' ? '_' : *at);
}

static size_t
match_base64(const char *inner, const char *at, size_t left, size_t *work)
{
	size_t done = 0, len = 0;

	if (!inner || *at == '\r' || *at == '\n')
		return 0;
	for (; *inner; inner++) {
		(*work)++;
		if (done >= left || base64_char(at + done, left - done, &len) != *inner)
			return 0;
		done += len;
	}
	return done;
}

/* The longest form of any secret that begins here; 0: none. */
static size_t
match_any(const struct blot *blot, const char *at, size_t left, size_t *work)
{
	size_t longest = 0;

	for (size_t i = 0; i < blot->n; i++) {
		const struct blotted *b = &blot->secrets[i];
		size_t lens[2 + ALIGNMENTS] = { match_plain(&b->plain, at, left, work),
			match_hex(b->hex, at, left, work) };

		for (size_t shift = 0; shift < ALIGNMENTS; shift++)
			lens[2 + shift] = match_base64(b->base64[shift], at, left, work);
		for (size_t form = 0; form < 2 + ALIGNMENTS; form++)
			if (lens[form] > longest)
				longest = lens[form];
	}
	return longest;
}

void
blot_apply(const struct blot *blot, const void *data, size_t len, struct buf *out)
{
	const char *text = data;
	size_t kept = 0, work = 0;

	for (size_t at = 0; at < len;) {
		if (work > BLOT_WORK_MAX) {
			out->over = true;
			return;
		}
		size_t found = blot->begins[(unsigned char)text[at]]
				   ? match_any(blot, text + at, len - at, &work)
				   : 0;

		if (!found) {
			at++;
			continue;
		}
		buf_add(out, text + kept, at - kept);
		buf_add_text(out, BLOT_MARK);
		at += found;
		kept = at;
	}
	if (len > kept)
		buf_add(out, text + kept, len - kept);
}

json_t *
blot_json(const struct blot *blot, const json_t *value)
{
	union {
		const json_t *borrowed;
		json_t *iterated; /* jansson's iteration wants it writable, though it only reads */
	} tree = { .borrowed = value };
	const char *key;
	json_t *item, *copy;
	size_t i;

	if (json_is_string(value)) {
		auto_buf struct buf out = BUF_INIT_SECRET(TEXT_MOST);

		blot_apply(blot, json_string_value(value), json_string_length(value), &out);
		return out.over ? json_string(BLOT_MARK) : json_text_lossy(buf_text(&out), out.len);
	}
	if (json_is_array(value)) {
		copy = json_array();
		json_array_foreach(value, i, item)
		    json_array_append_new(copy, blot_json(blot, item));
		return copy;
	}
	if (!json_is_object(value))
		return json_incref(tree.iterated);
	copy = json_object();
	json_object_foreach(tree.iterated, key, item)
	{
		auto_buf struct buf name = BUF_INIT_SECRET(TEXT_MOST);

		blot_apply(blot, key, strlen(key), &name);
		json_put(copy, name.over ? BLOT_MARK : buf_text(&name), blot_json(blot, item));
	}
	return copy;
}
