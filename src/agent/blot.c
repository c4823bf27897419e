/* SPDX-License-Identifier: Apache-2.0 */
/* Taking secrets out of what comes back from the outside, in whatever usual form they are there. */
#include "agent/blot.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/written.h"
#include "base/alloc.h"
#include "base/crypt.h"
#include "base/json.h"
#include "base/secret.h"

#define SECRETS_MAX 64
#define ALIGNMENTS 3
#define TEXT_MOST ((size_t)32 * 1024 * 1024)

struct blotted {
	struct secret plain;
	bool begins[256];         /* bytes with which any form of it can begin */
	char *base64[ALIGNMENTS]; /* the characters that depend on the secret alone; base64url */
};

struct blot {
	struct blotted secrets[SECRETS_MAX];
	size_t n;
	bool begins[256]; /* the same of all of them */
	bool full;        /* there was no room for another */
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
note_begin(struct blotted *b, unsigned char c)
{
	b->begins[c] = true;
	b->begins[tolower(c)] = b->begins[toupper(c)] = true;
	if (c == '-' || c == '_')
		b->begins['+'] = b->begins['/'] = true;
}

static void
note_numbers(struct blotted *b, unsigned char first)
{
	char digits[8];

	snprintf(digits, sizeof(digits), "%02x", first);
	note_begin(b, (unsigned char)digits[0]);
	snprintf(digits, sizeof(digits), "%u", first);
	note_begin(b, (unsigned char)digits[0]);
}

/* What a character of more than one byte may begin with in another alphabet. */
static void
note_wide(struct blotted *b)
{
	if (json_utf8_length((const char *)b->plain.data, b->plain.len) > 1)
		memset(b->begins, true, sizeof(b->begins));
}

static void
note_forms(struct blotted *b)
{
	note_begin(b, b->plain.data[0]);
	note_wide(b);
	b->begins['%'] = b->begins['\\'] = b->begins['&'] = b->begins['+'] = true;
	if (b->plain.len < BLOT_ENCODED_LEAST)
		return;
	note_numbers(b, b->plain.data[0]);
	b->begins[0] = true; /* half a character of UTF-16 */
	for (size_t shift = 0; shift < ALIGNMENTS; shift++) {
		b->base64[shift] = inner_base64(b->plain.data, b->plain.len, shift);
		if (b->base64[shift])
			note_begin(b, (unsigned char)*b->base64[shift]);
	}
}

void
blot_add(struct blot *blot, const void *secret, size_t len)
{
	blot->full = blot->full || blot->n == SECRETS_MAX;
	if (!len || blot->full)
		return;
	struct blotted *b = &blot->secrets[blot->n++];
	secret_set(&b->plain, secret, len);
	note_forms(b);
	for (size_t c = 0; c < sizeof(b->begins); c++)
		blot->begins[c] = blot->begins[c] || b->begins[c];
}

/* ---- one secret ---- */

static size_t
match_base64(const char *inner, const char *at, size_t left, size_t *work)
{
	size_t done = 0, len = 0;

	if (!inner || *at == '\r' || *at == '\n')
		return 0;
	for (; *inner; inner++, done += len)
		if (!(len = written_base64(*inner, at + done, left - done, work)))
			return 0;
	return done;
}

/* The longest form of a secret that begins here; 0: none. */
static size_t
match_one(const struct blotted *b, const char *at, size_t left, size_t *work)
{
	size_t longest =
	    written_text(&b->plain, b->plain.len >= BLOT_ANY_CASE_LEAST, at, left, work);

	if (b->plain.len < BLOT_ENCODED_LEAST)
		return longest;
	size_t lens[2 + ALIGNMENTS] = { written_numbers(&b->plain, at, left, work),
		written_utf16(&b->plain, at, left, work) };
	for (size_t shift = 0; shift < ALIGNMENTS; shift++)
		lens[2 + shift] = match_base64(b->base64[shift], at, left, work);
	for (size_t form = 0; form < 2 + ALIGNMENTS; form++)
		if (lens[form] > longest)
			longest = lens[form];
	return longest;
}

/* The longest form of any secret that begins here; 0: none. */
static size_t
match_any(const struct blot *blot, const char *at, size_t left, size_t *work)
{
	size_t longest = 0;

	for (size_t i = 0; i < blot->n; i++) {
		const struct blotted *b = &blot->secrets[i];
		size_t len = b->begins[(unsigned char)*at] ? match_one(b, at, left, work) : 0;

		if (len > longest)
			longest = len;
	}
	return longest;
}

void
blot_apply(const struct blot *blot, const void *data, size_t len, struct buf *out)
{
	const char *text = data;
	size_t kept = 0, work = 0;

	for (size_t at = 0; at < len;) {
		if (work > BLOT_WORK_MAX || blot->full) {
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
