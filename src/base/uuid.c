/* SPDX-License-Identifier: Apache-2.0 */
/* Random UUIDs (RFC 9562 section 5.4, version 4) as 16 bytes and as text. */
#include "base/uuid.h"

#include <string.h>

#include "base/clock.h"
#include "base/crypt.h"

void
uuid_make(struct uuid *out)
{
	crypt_random(out->bytes, sizeof(out->bytes));
	out->bytes[6] = (unsigned char)((out->bytes[6] & 0x0f) | 0x40);
	out->bytes[8] = (unsigned char)((out->bytes[8] & 0x3f) | 0x80);
}

static void
mark_ordered(struct uuid *uuid, int64_t time_ms)
{
	uint64_t ms = (uint64_t)time_ms;

	for (int i = 5; i >= 0; i--, ms >>= 8)
		uuid->bytes[i] = (unsigned char)ms;
	uuid->bytes[6] = (unsigned char)((uuid->bytes[6] & 0x0f) | 0x70);
	uuid->bytes[8] = (unsigned char)((uuid->bytes[8] & 0x3f) | 0x80);
}

void
uuid_make_ordered(struct uuid *out)
{
	crypt_random(out->bytes, sizeof(out->bytes));
	mark_ordered(out, clock_now_ms());
}

void
uuid_first_at(int64_t ms, struct uuid *out)
{
	*out = (struct uuid){ { 0 } };
	mark_ordered(out, ms);
}

void
uuid_text(const struct uuid *uuid, char out[UUID_TEXT_SIZE])
{
	static const char hex[] = "0123456789abcdef";
	char *at = out;

	for (int i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*at++ = '-';
		*at++ = hex[uuid->bytes[i] >> 4];
		*at++ = hex[uuid->bytes[i] & 15];
	}
	*at = '\0';
}

static int
nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

enum err
uuid_parse(const char *text, struct uuid *out)
{
	struct uuid uuid;

	if (strnlen(text, UUID_TEXT_SIZE) != UUID_TEXT_SIZE - 1)
		return ERR_VALUE;
	for (int i = 0; i < 16; i++) {
		if ((i == 4 || i == 6 || i == 8 || i == 10) && *text++ != '-')
			return ERR_VALUE;
		int high = nibble(text[0]), low = high < 0 ? -1 : nibble(text[1]);

		if (low < 0)
			return ERR_VALUE;
		uuid.bytes[i] = (unsigned char)(high << 4 | low);
		text += 2;
	}
	*out = uuid;
	return OK;
}

bool
uuid_is_nil(const struct uuid *uuid)
{
	static const struct uuid nil;

	return memcmp(uuid, &nil, sizeof(nil)) == 0;
}
