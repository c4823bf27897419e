/* SPDX-License-Identifier: Apache-2.0 */
/* The text form of API tokens: bl_<public id>_<secret><checksum>. */
#include "vault/api_token.h"

#include <stdint.h>
#include <string.h>

#include <openssl/crypto.h>

#include "base/crypt.h"

#define PREFIX_LEN (sizeof(API_TOKEN_PREFIX) - 1)
#define ID_END (PREFIX_LEN + API_TOKEN_ID_LEN)
#define CHECKED_LEN (API_TOKEN_LEN - API_TOKEN_CHECKSUM_LEN)

static const char base62[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

static void
draw(char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		text[i] = base62[crypt_random_below(62)];
}

static void
checksum(const char *token, char out[API_TOKEN_CHECKSUM_LEN])
{
	uint32_t crc = crypt_crc32(token, CHECKED_LEN);

	for (int i = API_TOKEN_CHECKSUM_LEN - 1; i >= 0; i--) {
		out[i] = base62[crc % 62];
		crc /= 62;
	}
}

void
api_token_wipe(struct api_token_text *token)
{
	OPENSSL_cleanse(token, sizeof(*token));
}

void
api_token_make(struct api_token_text *token_out, char public_id_out[API_TOKEN_ID_LEN + 1])
{
	char *text = token_out->text;

	memcpy(text, API_TOKEN_PREFIX, PREFIX_LEN);
	draw(text + PREFIX_LEN, API_TOKEN_ID_LEN);
	text[ID_END] = '_';
	draw(text + ID_END + 1, API_TOKEN_SECRET_LEN);
	checksum(text, text + CHECKED_LEN);
	text[API_TOKEN_LEN] = '\0';
	memcpy(public_id_out, text + PREFIX_LEN, API_TOKEN_ID_LEN);
	public_id_out[API_TOKEN_ID_LEN] = '\0';
}

static bool
well_formed(const char *text)
{
	if (strnlen(text, API_TOKEN_LEN + 1) != API_TOKEN_LEN ||
	    memcmp(text, API_TOKEN_PREFIX, PREFIX_LEN) != 0 || text[ID_END] != '_')
		return false;
	for (size_t i = PREFIX_LEN; i < API_TOKEN_LEN; i++)
		if (i != ID_END && !memchr(base62, text[i], 62))
			return false;
	return true;
}

enum err
api_token_parse(const char *text, char public_id_out[API_TOKEN_ID_LEN + 1])
{
	char expected[API_TOKEN_CHECKSUM_LEN];

	if (!text || !well_formed(text))
		return ERR_UNAUTHENTICATED;
	checksum(text, expected);
	if (memcmp(text + CHECKED_LEN, expected, API_TOKEN_CHECKSUM_LEN) != 0)
		return ERR_UNAUTHENTICATED;
	memcpy(public_id_out, text + PREFIX_LEN, API_TOKEN_ID_LEN);
	public_id_out[API_TOKEN_ID_LEN] = '\0';
	return OK;
}
