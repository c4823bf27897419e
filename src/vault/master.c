/* SPDX-License-Identifier: Apache-2.0 */
/* The master keys of a keyring: which are held, which one is sealed to, and the installation's
 * signature on each. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vault/keyring_parts.h"

#define SIGN_DOMAIN "bailee/master-key/1"
#define SIGN_LEN (sizeof(SIGN_DOMAIN) - 1)
#define SIGNED_SIZE (SIGN_LEN + 4 + KEY_SIZE)

const struct master *
keyring_find_master(const struct keyring *keyring, const char *key_id)
{
	for (size_t i = 0; i < keyring->n_masters; i++)
		if (strcmp(keyring->masters[i].id, key_id) == 0)
			return &keyring->masters[i];
	return NULL;
}

bool
keyring_holds_master(const struct keyring *keyring, const char *key_id)
{
	return keyring_find_master(keyring, key_id) != NULL;
}

void
keyring_seal_to(struct keyring *keyring, const struct master *master)
{
	keyring->master = master;
	memcpy(keyring->key_ids[KEY_MASTER], master->id, KEY_ID_SIZE);
}

enum err
keyring_use_master(struct keyring *keyring, const char *key_id, struct errctx *ctx)
{
	const struct master *master = keyring_find_master(keyring, key_id);

	if (!master)
		return err_set(ctx, ERR_CONFIG, "", "master key %.16s is not in the key file",
		    key_id);
	keyring_seal_to(keyring, master);
	return OK;
}

const char *
keyring_master_at(const struct keyring *keyring, size_t index)
{
	return index < keyring->n_masters ? keyring->masters[index].id : NULL;
}

void
keyring_master_ids(const struct keyring *keyring, char out[KEYRING_MASTER_IDS_SIZE])
{
	int len = 0;

	out[0] = '\0';
	for (size_t i = 0; i < keyring->n_masters; i++)
		len += snprintf(out + len, (size_t)(KEYRING_MASTER_IDS_SIZE - len), "%s%s",
		    i ? " " : "", keyring->masters[i].id);
}

uint32_t
keyring_master_mark(const char *key_id)
{
	char head[9];

	snprintf(head, sizeof(head), "%.8s", key_id);
	return (uint32_t)strtoul(head, NULL, 16) | 1;
}

/* ---- the installation's signature ---- */

static void
write_signed(const struct key_check *check, uint32_t generation, unsigned char out[SIGNED_SIZE])
{
	memcpy(out, SIGN_DOMAIN, SIGN_LEN);
	for (int i = 0; i < 4; i++)
		out[SIGN_LEN + (size_t)i] = (unsigned char)(generation >> (24 - 8 * i));
	memcpy(out + SIGN_LEN + 4, check->public_key, KEY_SIZE);
}

enum err
keyring_sign_master(const struct keyring *keyring, const struct key_check *check,
    uint32_t generation, unsigned char signature_out[KEY_SIGNATURE_SIZE], struct errctx *ctx)
{
	unsigned char text[SIGNED_SIZE];

	if (!keyring->signing)
		return err_set(ctx, ERR_CONFIG, "",
		    "signing a master key needs the signing key file");
	write_signed(check, generation, text);
	keyring_sign(keyring, text, sizeof(text), signature_out);
	return OK;
}

enum err
keyring_check_master(const struct keyring *keyring, const struct key_check *check,
    uint32_t generation, const unsigned char signature[KEY_SIGNATURE_SIZE], struct errctx *ctx)
{
	unsigned char text[SIGNED_SIZE];

	write_signed(check, generation, text);
	if (!keyring->signing_public || !keyring_verify(keyring, text, sizeof(text), signature))
		return err_set(ctx, ERR_CONFIG, "",
		    "master key %.16s in the database is not signed by this installation; the row "
		    "was altered or put there by somebody else",
		    check->key_id);
	return OK;
}
