/* SPDX-License-Identifier: Apache-2.0 */
/* The text form of API tokens: bl_<public id>_<secret><checksum>. What the database keeps is
 * keyring_token_mac() of it. */
#ifndef BAILEE_VAULT_API_TOKEN_H
#define BAILEE_VAULT_API_TOKEN_H

#include "base/error.h"

/* "bl_", 12 characters public id, "_", 43 characters base62 secret (256 bits), 6 characters base62
 * of the CRC32 over all that stands before. Selects as one word; a scanner can tell one from other
 * text. */
#define API_TOKEN_PREFIX "bl_"
#define API_TOKEN_ID_LEN 12
#define API_TOKEN_SECRET_LEN 43
#define API_TOKEN_CHECKSUM_LEN 6
#define API_TOKEN_LEN                                                                              \
	(3 + API_TOKEN_ID_LEN + 1 + API_TOKEN_SECRET_LEN + API_TOKEN_CHECKSUM_LEN) /* 65 */

/* A whole token: secret. Shown once to whoever made it, then wiped. */
struct api_token_text {
	char text[API_TOKEN_LEN + 1];
};
void api_token_wipe(struct api_token_text *token);
#define auto_api_token __attribute__((cleanup(api_token_wipe)))

/* Draw a new token; the public id may be stored and logged. */
void api_token_make(struct api_token_text *token_out, char public_id_out[API_TOKEN_ID_LEN + 1]);
/* Check form and checksum, with no other knowledge. ERR_UNAUTHENTICATED for anything that is no
 * token. */
enum err api_token_parse(const char *text, char public_id_out[API_TOKEN_ID_LEN + 1]) MUSTCHECK;

#endif
