/* SPDX-License-Identifier: Apache-2.0 */
/* Names to slugs, with a table of Latin letters of our own so that no locale decides. */
#include "store/slug.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/json.h"

#define FOLD_FIRST 0xC0
#define FOLD_LAST 0x17F

/* U+00C0 to U+017F in lower case; "" stands for a character that is no letter. */
static const char *const folds[FOLD_LAST - FOLD_FIRST + 1] = {
	/* 00C0 */ "a", "a", "a", "a", "a", "a", "ae", "c", "e", "e", "e", "e", "i", "i", "i", "i",
	/* 00D0 */ "d", "n", "o", "o", "o", "o", "o", "", "o", "u", "u", "u", "u", "y", "th", "ss",
	/* 00E0 */ "a", "a", "a", "a", "a", "a", "ae", "c", "e", "e", "e", "e", "i", "i", "i", "i",
	/* 00F0 */ "d", "n", "o", "o", "o", "o", "o", "", "o", "u", "u", "u", "u", "y", "th", "y",
	/* 0100 */ "a", "a", "a", "a", "a", "a", "c", "c", "c", "c", "c", "c", "c", "c", "d", "d",
	/* 0110 */ "d", "d", "e", "e", "e", "e", "e", "e", "e", "e", "e", "e", "g", "g", "g", "g",
	/* 0120 */ "g", "g", "g", "g", "h", "h", "h", "h", "i", "i", "i", "i", "i", "i", "i", "i",
	/* 0130 */ "i", "i", "ij", "ij", "j", "j", "k", "k", "k", "l", "l", "l", "l", "l", "l", "l",
	/* 0140 */ "l", "l", "l", "n", "n", "n", "n", "n", "n", "n", "n", "n", "o", "o", "o", "o",
	/* 0150 */ "o", "o", "oe", "oe", "r", "r", "r", "r", "r", "r", "s", "s", "s", "s", "s", "s",
	/* 0160 */ "s", "s", "t", "t", "t", "t", "t", "t", "u", "u", "u", "u", "u", "u", "u", "u",
	/* 0170 */ "u", "u", "u", "u", "w", "w", "y", "y", "y", "z", "z", "z", "z", "z", "z", "s"
};

struct slug {
	char *out;
	size_t len;
	bool gap; /* a '_' is due before the next letter */
};

static void
add(struct slug *slug, const char *letters)
{
	for (; *letters; letters++) {
		if (slug->gap && slug->len > 0 && slug->len < SLUG_SIZE - 1)
			slug->out[slug->len++] = '_';
		slug->gap = false;
		if (slug->len < SLUG_SIZE - 1)
			slug->out[slug->len++] = *letters;
	}
}

/* Code point of the valid sequence of `n` bytes. */
static uint32_t
decode(const unsigned char *at, size_t n)
{
	static const unsigned char first[] = { 0, 0x7F, 0x1F, 0x0F, 0x07 };
	uint32_t code = at[0] & first[n];

	for (size_t i = 1; i < n; i++)
		code = code << 6 | (at[i] & 0x3F);
	return code;
}

static void
add_character(struct slug *slug, uint32_t code)
{
	char plain[2] = { 0 };

	if (code >= 'A' && code <= 'Z')
		code += 'a' - 'A';
	if (code >= 0x300 && code <= 0x36F) /* a combining mark: its letter is there already */
		return;
	if ((code >= 'a' && code <= 'z') || (code >= '0' && code <= '9')) {
		plain[0] = (char)code;
		add(slug, plain);
	} else if (code >= FOLD_FIRST && code <= FOLD_LAST && folds[code - FOLD_FIRST][0]) {
		add(slug, folds[code - FOLD_FIRST]);
	} else {
		slug->gap = true;
	}
}

void
slug_make(const char *name, char out[SLUG_SIZE])
{
	struct slug slug = { .out = out };
	size_t left = strlen(name);

	while (left > 0) {
		size_t n = json_utf8_length(name, left);

		if (n)
			add_character(&slug, decode((const unsigned char *)name, n));
		name += n ? n : 1;
		left -= n ? n : 1;
	}
	while (slug.len > 0 && out[slug.len - 1] == '_')
		slug.len--;
	out[slug.len] = '\0';
}
