/* SPDX-License-Identifier: Apache-2.0 */
/* The installation's keys as one process holds them, and what proves they are the right ones. */
#include "vault/keyring.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include "base/alloc.h"
#include "base/crypt.h"
#include "vault/key_file.h"
#include "vault/keyring_parts.h"
#include "vault/secure_key.h"

#define KEY_ID_DOMAIN "bailee/key-id/1"
#define CHECK_DOMAIN "bailee/check/1"
#define CHECK_LEN (sizeof(CHECK_DOMAIN) - 1)
#define CHECK_SIGNED_LEN (CHECK_LEN + KEY_SIZE)
#define MASTER_PROOF_LEN (HPKE_ENC_SIZE + CHECK_LEN + HPKE_TAG_SIZE)

/* --- loading --- */

static void
write_key_id(const unsigned char public_half[KEY_SIZE], char id_out[KEY_ID_SIZE])
{
	unsigned char digest[CRYPT_SHA256_SIZE];
	auto_free char *hex = NULL;

	crypt_sha256(public_half, KEY_SIZE, digest);
	hex = crypt_hex(digest, (KEY_ID_SIZE - 1) / 2);
	memcpy(id_out, hex, KEY_ID_SIZE);
}

static void
set_key_id(struct keyring *keyring, enum key_kind kind, const unsigned char public_half[KEY_SIZE])
{
	write_key_id(public_half, keyring->key_ids[kind]);
}

static enum err
take_master(struct keyring *keyring, const struct secret *bytes, const char *path,
    struct errctx *ctx)
{
	struct master *master = &keyring->masters[keyring->n_masters];

	master->key = hpke_private_new(bytes->data);
	write_key_id(hpke_private_public(master->key), master->id);
	if (keyring_holds_master(keyring, master->id)) {
		hpke_private_free(&master->key);
		return err_set(ctx, ERR_CONFIG, "", "master key file: key id %s stands twice: %s",
		    master->id, path);
	}
	keyring->n_masters++;
	return OK;
}

static void
take_signing_public(struct keyring *keyring, const unsigned char bytes[KEY_SIZE])
{
	EVP_PKEY_free(keyring->signing_public);
	keyring->signing_public =
	    EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, bytes, KEY_SIZE);
	if (!keyring->signing_public)
		abort();
	memcpy(keyring->signing_public_bytes, bytes, KEY_SIZE);
	set_key_id(keyring, KEY_SIGNING_PUBLIC, bytes);
}

static void
take_signing(struct keyring *keyring, const struct secret *bytes)
{
	unsigned char public_half[KEY_SIZE];
	size_t len = KEY_SIZE;

	keyring->signing = secure_key_new(EVP_PKEY_ED25519, bytes->data);
	if (EVP_PKEY_get_raw_public_key(keyring->signing, public_half, &len) != 1)
		abort();
	set_key_id(keyring, KEY_SIGNING, public_half);
	take_signing_public(keyring, public_half);
}

static void
take_token(struct keyring *keyring, const struct secret *bytes)
{
	unsigned char public_half[CRYPT_SHA256_SIZE];

	secret_set(&keyring->token, bytes->data, bytes->len);
	crypt_hmac_sha256(bytes->data, bytes->len, KEY_ID_DOMAIN, sizeof(KEY_ID_DOMAIN) - 1,
	    public_half);
	set_key_id(keyring, KEY_TOKEN, public_half);
}

static enum err
take(struct keyring *keyring, enum key_kind kind, const struct secret *bytes, const char *path,
    struct errctx *ctx)
{
	switch (kind) {
	case KEY_MASTER:
		return take_master(keyring, bytes, path, ctx);
	case KEY_SIGNING:
		take_signing(keyring, bytes);
		break;
	case KEY_SIGNING_PUBLIC:
		if (keyring->signing &&
		    !crypt_equal(keyring->signing_public_bytes, bytes->data, KEY_SIZE))
			return err_set(ctx, ERR_CONFIG, "",
			    "signing-public key file: not the public half of signing key %s: %s",
			    keyring->key_ids[KEY_SIGNING], path);
		take_signing_public(keyring, bytes->data);
		break;
	case KEY_TOKEN:
		take_token(keyring, bytes);
		break;
	case KEY_KIND_COUNT:
		abort();
	}
	return OK;
}

enum err
keyring_load(const char *const paths[KEY_KIND_COUNT], struct keyring **keyring_out,
    struct errctx *ctx)
{
	auto_keyring struct keyring *keyring = xcalloc(1, sizeof(*keyring));

	keyring->cache = xcalloc(1, sizeof(*keyring->cache));
	for (unsigned kind = 0; kind < KEY_KIND_COUNT; kind++) {
		auto_key_file struct key_file file = { 0 };
		enum err err = OK;

		if (!paths[kind] || !paths[kind][0])
			continue;
		err = key_file_read((enum key_kind)kind, paths[kind], &file, ctx);
		for (size_t i = 0; i < file.n && !err; i++)
			err = take(keyring, (enum key_kind)kind, &file.keys[i], paths[kind], ctx);
		if (err)
			return err;
	}
	if (keyring->n_masters)
		keyring_seal_to(keyring, &keyring->masters[0]);
	*keyring_out = keyring;
	keyring = NULL;
	return OK;
}

void
keyring_free(struct keyring **keyring)
{
	struct keyring *old = *keyring;

	*keyring = NULL;
	if (!old)
		return;
	for (size_t i = 0; i < old->n_masters; i++)
		hpke_private_free(&old->masters[i].key);
	EVP_PKEY_free(old->signing);
	EVP_PKEY_free(old->signing_public);
	secret_free(&old->token);
	team_cache_free(&old->cache);
	free(old->destroyed);
	secret_free(&old->contexts);
	OPENSSL_cleanse(old, sizeof(*old));
	free(old);
}

/* --- making --- */

static enum err
create_one(const char *dir, enum key_kind kind, const unsigned char *key, struct errctx *ctx)
{
	auto_free char *path = xasprintf("%s/%s", dir, key_kinds[kind].file);
	auto_key_file struct key_file file = { .n = 1 };

	secret_set(&file.keys[0], key, KEY_SIZE);
	return key_file_write(kind, path, &file, NULL, ctx);
}

static void
remove_one(const char *dir, enum key_kind kind)
{
	auto_free char *path = xasprintf("%s/%s", dir, key_kinds[kind].file);

	(void)unlink(path);
}

enum err
keyring_create_files(const char *dir, struct errctx *ctx)
{
	auto_secret struct secret keys = { 0 };
	EVP_PKEY *signing;
	size_t len = KEY_SIZE;

	secret_alloc(&keys, KEY_SIZE * KEY_KIND_COUNT);
	crypt_random(keys.data, keys.len);
	signing = secure_key_new(EVP_PKEY_ED25519, keys.data + KEY_SIZE * KEY_SIGNING);
	if (EVP_PKEY_get_raw_public_key(signing, keys.data + KEY_SIZE * KEY_SIGNING_PUBLIC, &len) !=
	    1)
		abort();
	EVP_PKEY_free(signing);
	for (unsigned kind = 0; kind < KEY_KIND_COUNT; kind++) {
		enum err err =
		    create_one(dir, (enum key_kind)kind, keys.data + KEY_SIZE * kind, ctx);

		if (!err)
			continue;
		while (kind-- > 0)
			remove_one(dir, (enum key_kind)kind);
		return err;
	}
	/* values are sealed to these keys from now on */
	return key_file_sync_dir(dir, ctx);
}

/* --- reading --- */

const char *
keyring_key_id(const struct keyring *keyring, enum key_kind kind)
{
	return keyring->key_ids[kind][0] ? keyring->key_ids[kind] : NULL;
}

const unsigned char *
keyring_master_public(const struct keyring *keyring)
{
	return keyring->master ? hpke_private_public(keyring->master->key) : NULL;
}

enum err
keyring_token_mac(const struct keyring *keyring, const char *token, unsigned char mac_out[32])
{
	if (!keyring->token.data)
		return ERR_INTERNAL;
	crypt_hmac_sha256(keyring->token.data, keyring->token.len, token, strlen(token), mac_out);
	return OK;
}

void
keyring_sign(const struct keyring *keyring, const void *data, size_t len,
    unsigned char signature[SIGNATURE_SIZE])
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	size_t size = SIGNATURE_SIZE;

	if (!md || EVP_DigestSignInit(md, NULL, NULL, NULL, keyring->signing) != 1 ||
	    EVP_DigestSign(md, signature, &size, data, len) != 1 || size != SIGNATURE_SIZE)
		abort();
	EVP_MD_CTX_free(md);
}

bool
keyring_verify(const struct keyring *keyring, const void *data, size_t len,
    const unsigned char signature[SIGNATURE_SIZE])
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	bool good;

	if (!md || EVP_DigestVerifyInit(md, NULL, NULL, NULL, keyring->signing_public) != 1)
		abort();
	good = EVP_DigestVerify(md, signature, SIGNATURE_SIZE, data, len) == 1;
	EVP_MD_CTX_free(md);
	if (!good)
		ERR_clear_error(); /* a stale entry would be taken for one of the next TLS call */
	return good;
}

/* --- check values: one row of functions per kind --- */

static enum err
make_master(const struct keyring *keyring, struct key_check *check)
{
	const struct hpke_bytes text = { CHECK_DOMAIN, CHECK_LEN }, none = { 0 };

	memcpy(check->public_key, keyring_master_public(keyring), KEY_SIZE);
	check->proof_len = MASTER_PROOF_LEN;
	return hpke_seal(check->public_key, text, none, text, check->proof,
	    check->proof + HPKE_ENC_SIZE);
}

static bool
verify_master(const struct keyring *keyring, const struct key_check *check)
{
	const struct master *master = keyring_find_master(keyring, check->key_id);
	const struct hpke_bytes text = { CHECK_DOMAIN, CHECK_LEN }, none = { 0 };
	const struct hpke_bytes sealed = { check->proof + HPKE_ENC_SIZE,
		MASTER_PROOF_LEN - HPKE_ENC_SIZE };
	unsigned char opened[CHECK_LEN];

	return master && check->proof_len == MASTER_PROOF_LEN &&
	       memcmp(check->public_key, hpke_private_public(master->key), KEY_SIZE) == 0 &&
	       hpke_open(master->key, check->proof, text, none, sealed, opened) == OK &&
	       memcmp(opened, CHECK_DOMAIN, CHECK_LEN) == 0;
}

static void
signed_check(const unsigned char public_key[KEY_SIZE], unsigned char out[CHECK_SIGNED_LEN])
{
	memcpy(out, CHECK_DOMAIN, CHECK_LEN);
	memcpy(out + CHECK_LEN, public_key, KEY_SIZE);
}

static enum err
make_signing(const struct keyring *keyring, struct key_check *check)
{
	unsigned char text[CHECK_SIGNED_LEN];

	if (!keyring->signing)
		return ERR_CONFIG;
	memcpy(check->public_key, keyring->signing_public_bytes, KEY_SIZE);
	signed_check(check->public_key, text);
	keyring_sign(keyring, text, sizeof(text), check->proof);
	check->proof_len = SIGNATURE_SIZE;
	return OK;
}

static bool
verify_signing(const struct keyring *keyring, const struct key_check *check)
{
	unsigned char text[CHECK_SIGNED_LEN];

	signed_check(check->public_key, text);
	return check->proof_len == SIGNATURE_SIZE &&
	       memcmp(check->public_key, keyring->signing_public_bytes, KEY_SIZE) == 0 &&
	       keyring_verify(keyring, text, sizeof(text), check->proof);
}

static enum err
make_token(const struct keyring *keyring, struct key_check *check)
{
	check->proof_len = CRYPT_SHA256_SIZE;
	return keyring_token_mac(keyring, CHECK_DOMAIN, check->proof);
}

static bool
verify_token(const struct keyring *keyring, const struct key_check *check)
{
	unsigned char mac[CRYPT_SHA256_SIZE];

	return check->proof_len == sizeof(mac) &&
	       keyring_token_mac(keyring, CHECK_DOMAIN, mac) == OK &&
	       crypt_equal(mac, check->proof, sizeof(mac));
}

static const struct check_row {
	enum err (*make)(const struct keyring *, struct key_check *);
	bool (*verify)(const struct keyring *, const struct key_check *);
} check_rows[KEY_KIND_COUNT] = {
	[KEY_MASTER] = { make_master, verify_master },
	[KEY_SIGNING_PUBLIC] = { make_signing, verify_signing },
	[KEY_TOKEN] = { make_token, verify_token },
};

enum err
keyring_make_check(const struct keyring *keyring, enum key_kind kind, struct key_check *check_out,
    struct errctx *ctx)
{
	struct key_check check = { 0 };

	if (!check_rows[kind].make)
		return err_set(ctx, ERR_INTERNAL, "", "%s keys have no check value",
		    key_kinds[kind].name);
	if (!keyring_key_id(keyring, kind) || check_rows[kind].make(keyring, &check))
		return err_set(ctx, ERR_CONFIG, "",
		    "%s key: not at hand to make its check value; all four key files are needed",
		    key_kinds[kind].name);
	(void)snprintf(check.kind, sizeof(check.kind), "%s", key_kinds[kind].name);
	memcpy(check.key_id, keyring->key_ids[kind], KEY_ID_SIZE);
	*check_out = check;
	return OK;
}

/* KEY_KIND_COUNT when there is none of that name that has check values. */
static enum key_kind
find_kind(const char *name)
{
	unsigned kind = 0;

	while (kind < KEY_KIND_COUNT &&
	       (!check_rows[kind].verify || strcmp(key_kinds[kind].name, name) != 0))
		kind++;
	return (enum key_kind)kind;
}

enum err
keyring_verify_check(const struct keyring *keyring, const struct key_check *check,
    struct errctx *ctx)
{
	enum key_kind kind = find_kind(check->kind);
	char masters[KEYRING_MASTER_IDS_SIZE];
	const char *held;

	if (kind == KEY_KIND_COUNT)
		return err_set(ctx, ERR_CONFIG, "",
		    "the database holds a check value of unknown kind \"%.15s\"", check->kind);
	held = keyring_key_id(keyring, kind);
	if (!held)
		return OK;
	keyring_master_ids(keyring, masters);
	if (kind == KEY_MASTER)
		held = keyring_holds_master(keyring, check->key_id) ? check->key_id : masters;
	if (strcmp(held, check->key_id) != 0)
		return err_set(ctx, ERR_CONFIG, "",
		    "%s key: the database belongs to key id %.16s, the key file holds %s; name the "
		    "right key file or restore the database that goes with it",
		    check->kind, check->key_id, held);
	if (!check_rows[kind].verify(keyring, check))
		return err_set(ctx, ERR_CONFIG, "",
		    "%s key: the check value of key id %.16s does not fit the key held (%s); the "
		    "row "
		    "in the database was altered",
		    check->kind, check->key_id, held);
	return OK;
}
