/* SPDX-License-Identifier: Apache-2.0 */
/* Hybrid public key encryption, RFC 9180: base mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256,
 * AES-GCM. */
#include "vault/hpke.h"

#include <limits.h>
#include <pthread.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "base/alloc.h"
#include "base/crypt.h"
#include "vault/secure_key.h"

#define HASH_SIZE CRYPT_SHA256_SIZE

struct hpke_private {
	EVP_PKEY *pkey;
	unsigned char public_key[HPKE_KEY_SIZE];
};

/* RFC 9180 section 7.3. */
static struct aead_row {
	enum hpke_aead id;
	size_t key_size;
	const char *name;
	EVP_CIPHER *cipher; /* looked up once per process */
} aeads[] = {
	{ HPKE_AES_256_GCM, 32, "AES-256-GCM", NULL },
	{ HPKE_AES_128_GCM, 16, "AES-128-GCM", NULL },
};
#define AEAD_COUNT (sizeof(aeads) / sizeof(aeads[0]))

/* HMAC-SHA256 with its digest chosen but no key: copied by each operation, so that none looks
 * algorithms up. */
static EVP_MAC_CTX *hmac_template;
static pthread_once_t algorithms_once = PTHREAD_ONCE_INIT;

/* The failures it stands for are those of memory and of a broken OpenSSL: nothing sensible is left
 * to do. */
static void
must(bool ok)
{
	if (!ok)
		abort();
}

static void
fetch_algorithms(void)
{
	char digest[] = "SHA256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);

	must(mac != NULL);
	hmac_template = EVP_MAC_CTX_new(mac);
	must(hmac_template && EVP_MAC_CTX_set_params(hmac_template, params) == 1);
	EVP_MAC_free(mac);
	for (size_t i = 0; i < AEAD_COUNT; i++) {
		aeads[i].cipher = EVP_CIPHER_fetch(NULL, aeads[i].name, NULL);
		must(aeads[i].cipher != NULL);
	}
}

static const struct aead_row *
find_aead(enum hpke_aead id)
{
	for (size_t i = 0; i < AEAD_COUNT; i++)
		if (aeads[i].id == id)
			return &aeads[i];
	abort();
}

/* --- the labeled HKDF of section 4 --- */

struct kdf {
	EVP_MAC_CTX *hmac;
	struct hpke_bytes suite_id;
};

static struct hpke_bytes
text_bytes(const char *text)
{
	return (struct hpke_bytes){ text, strlen(text) };
}

static void
kdf_begin(struct kdf *kdf)
{
	must(pthread_once(&algorithms_once, fetch_algorithms) == 0);
	kdf->hmac = EVP_MAC_CTX_dup(hmac_template);
	must(kdf->hmac != NULL);
}

static void
kdf_end(struct kdf *kdf)
{
	EVP_MAC_CTX_free(kdf->hmac);
}

static void
hmac_parts(struct kdf *kdf, struct hpke_bytes key, const struct hpke_bytes *parts, size_t n_parts,
    unsigned char out[HASH_SIZE])
{
	size_t len = HASH_SIZE;

	must(EVP_MAC_init(kdf->hmac, key.data, key.len, NULL) == 1);
	for (size_t i = 0; i < n_parts; i++)
		if (parts[i].len)
			must(EVP_MAC_update(kdf->hmac, parts[i].data, parts[i].len) == 1);
	must(EVP_MAC_final(kdf->hmac, out, &len, HASH_SIZE) == 1);
}

static void
labeled_extract(struct kdf *kdf, struct hpke_bytes salt, const char *label, struct hpke_bytes ikm,
    unsigned char out[HASH_SIZE])
{
	/* HMAC pads its key with zeros: the empty salt and a block of zeros are the same key */
	static const unsigned char no_salt[HASH_SIZE];
	const struct hpke_bytes parts[] = { text_bytes("HPKE-v1"), kdf->suite_id, text_bytes(label),
		ikm };

	if (!salt.len)
		salt = (struct hpke_bytes){ no_salt, sizeof(no_salt) };
	hmac_parts(kdf, salt, parts, 4, out);
}

/* One block of HKDF-Expand is all that any key here takes. */
static void
labeled_expand(struct kdf *kdf, const unsigned char prk[HASH_SIZE], const char *label,
    struct hpke_bytes info, unsigned char *out, size_t len)
{
	const unsigned char size[2] = { 0, (unsigned char)len };
	unsigned char block[HASH_SIZE];
	const struct hpke_bytes parts[] = { { size, 2 }, text_bytes("HPKE-v1"), kdf->suite_id,
		text_bytes(label), info, { "\x01", 1 } };

	must(len <= HASH_SIZE);
	hmac_parts(kdf, (struct hpke_bytes){ prk, HASH_SIZE }, parts, 6, block);
	memcpy(out, block, len);
	OPENSSL_cleanse(block, sizeof(block));
}

/* --- the key encapsulation of section 4.1 --- */

void
hpke_private_generate(struct secret *bytes_out)
{
	secret_alloc(bytes_out, HPKE_KEY_SIZE);
	crypt_random(bytes_out->data, HPKE_KEY_SIZE);
}

/* Takes `pkey` over. */
static struct hpke_private *
wrap(EVP_PKEY *pkey)
{
	struct hpke_private *key = xcalloc(1, sizeof(*key));
	size_t len = HPKE_KEY_SIZE;

	must(pkey && EVP_PKEY_get_raw_public_key(pkey, key->public_key, &len) == 1);
	key->pkey = pkey;
	return key;
}

struct hpke_private *
hpke_private_new(const unsigned char bytes[HPKE_KEY_SIZE])
{
	return wrap(secure_key_new(EVP_PKEY_X25519, bytes));
}

/* Lives for one operation and is cleansed with it. */
static struct hpke_private *
draw_ephemeral(void)
{
	unsigned char bytes[HPKE_KEY_SIZE];
	EVP_PKEY *pkey;

	crypt_random(bytes, sizeof(bytes));
	pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, bytes, sizeof(bytes));
	OPENSSL_cleanse(bytes, sizeof(bytes));
	return wrap(pkey);
}

const unsigned char *
hpke_private_public(const struct hpke_private *key)
{
	return key->public_key;
}

void
hpke_private_free(struct hpke_private **key)
{
	if (*key)
		EVP_PKEY_free((*key)->pkey);
	free(*key);
	*key = NULL;
}

/* X25519; refuses the all-zero result of a point of small order (RFC 7748 section 6.1). */
static enum err
diffie_hellman(const struct hpke_private *own, const unsigned char peer[HPKE_KEY_SIZE],
    unsigned char shared[HPKE_KEY_SIZE])
{
	static const unsigned char zero[HPKE_KEY_SIZE];
	EVP_PKEY *other = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, peer, HPKE_KEY_SIZE);
	EVP_PKEY_CTX *derive = EVP_PKEY_CTX_new_from_pkey(NULL, own->pkey, NULL);
	size_t len = HPKE_KEY_SIZE;
	bool ok;

	must(other && derive && EVP_PKEY_derive_init(derive) == 1);
	ok = EVP_PKEY_derive_set_peer_ex(derive, other, 0) == 1 &&
	     EVP_PKEY_derive(derive, shared, &len) == 1 && len == HPKE_KEY_SIZE &&
	     !crypt_equal(shared, zero, HPKE_KEY_SIZE);
	EVP_PKEY_CTX_free(derive);
	EVP_PKEY_free(other);
	if (ok)
		return OK;
	ERR_clear_error(); /* a stale entry would be taken for one of the next TLS call */
	OPENSSL_cleanse(shared, HPKE_KEY_SIZE);
	return ERR_INTEGRITY;
}

/* The shared secret of Encap() and Decap(): `own` is the ephemeral or the recipient's key, `peer`
 * the other's public one. */
static enum err
agree(struct kdf *kdf, const struct hpke_private *own, const unsigned char *peer,
    const unsigned char enc[HPKE_ENC_SIZE], const unsigned char recipient[HPKE_KEY_SIZE],
    unsigned char shared[HASH_SIZE])
{
	static const unsigned char suite_id[] = { 'K', 'E', 'M', 0x00, 0x20 };
	unsigned char dh[HPKE_KEY_SIZE], prk[HASH_SIZE], kem_context[HPKE_ENC_SIZE + HPKE_KEY_SIZE];
	enum err err = diffie_hellman(own, peer, dh);

	if (err)
		return err;
	kdf->suite_id = (struct hpke_bytes){ suite_id, sizeof(suite_id) };
	labeled_extract(kdf, (struct hpke_bytes){ 0 }, "eae_prk",
	    (struct hpke_bytes){ dh, sizeof(dh) }, prk);
	memcpy(kem_context, enc, HPKE_ENC_SIZE);
	memcpy(kem_context + HPKE_ENC_SIZE, recipient, HPKE_KEY_SIZE);
	labeled_expand(kdf, prk, "shared_secret",
	    (struct hpke_bytes){ kem_context, sizeof(kem_context) }, shared, HASH_SIZE);
	OPENSSL_cleanse(dh, sizeof(dh));
	OPENSSL_cleanse(prk, sizeof(prk));
	return OK;
}

/* --- the key schedule of section 5.1, mode_base --- */

static void
key_schedule(struct kdf *kdf, const struct aead_row *aead, const unsigned char shared[HASH_SIZE],
    struct hpke_bytes info, struct hpke_context *context)
{
	const unsigned char suite_id[] = { 'H', 'P', 'K', 'E', 0x00, 0x20, 0x00, 0x01,
		(unsigned char)(aead->id >> 8), (unsigned char)aead->id };
	const struct hpke_bytes none = { 0 };
	unsigned char schedule[1 + 2 * HASH_SIZE] = { 0 }; /* mode_base is 0 */
	const struct hpke_bytes schedule_bytes = { schedule, sizeof(schedule) };
	unsigned char secret[HASH_SIZE];

	kdf->suite_id = (struct hpke_bytes){ suite_id, sizeof(suite_id) };
	labeled_extract(kdf, none, "psk_id_hash", none, schedule + 1);
	labeled_extract(kdf, none, "info_hash", info, schedule + 1 + HASH_SIZE);
	labeled_extract(kdf, (struct hpke_bytes){ shared, HASH_SIZE }, "secret", none, secret);
	labeled_expand(kdf, secret, "key", schedule_bytes, context->key, aead->key_size);
	labeled_expand(kdf, secret, "base_nonce", schedule_bytes, context->base_nonce,
	    HPKE_NONCE_SIZE);
	OPENSSL_cleanse(secret, sizeof(secret));
}

static enum err
setup(enum hpke_aead aead, const struct hpke_private *own, const unsigned char *peer,
    const unsigned char *enc, const unsigned char *recipient, struct hpke_bytes info,
    struct hpke_context *context_out)
{
	unsigned char shared[HASH_SIZE];
	struct kdf kdf = { 0 };
	enum err err;

	kdf_begin(&kdf);
	err = agree(&kdf, own, peer, enc, recipient, shared);
	if (!err) {
		*context_out = (struct hpke_context){ .aead = aead };
		key_schedule(&kdf, find_aead(aead), shared, info, context_out);
		OPENSSL_cleanse(shared, sizeof(shared));
	}
	kdf_end(&kdf);
	return err;
}

enum err
hpke_setup_sender(enum hpke_aead aead, const unsigned char recipient_public[HPKE_KEY_SIZE],
    const struct hpke_private *ephemeral, struct hpke_bytes info, unsigned char enc[HPKE_ENC_SIZE],
    struct hpke_context *context_out)
{
	struct hpke_private *fresh = NULL;
	enum err err;

	if (!ephemeral)
		ephemeral = fresh = draw_ephemeral();
	memcpy(enc, ephemeral->public_key, HPKE_ENC_SIZE);
	err = setup(aead, ephemeral, recipient_public, enc, recipient_public, info, context_out);
	hpke_private_free(&fresh);
	return err;
}

enum err
hpke_setup_receiver(enum hpke_aead aead, const struct hpke_private *recipient,
    const unsigned char enc[HPKE_ENC_SIZE], struct hpke_bytes info,
    struct hpke_context *context_out)
{
	return setup(aead, recipient, enc, enc, recipient->public_key, info, context_out);
}

/* --- encryption, section 5.2 --- */

static void
next_nonce(const struct hpke_context *context, unsigned char nonce[HPKE_NONCE_SIZE])
{
	memcpy(nonce, context->base_nonce, HPKE_NONCE_SIZE);
	for (int i = 0; i < 8; i++)
		nonce[HPKE_NONCE_SIZE - 1 - i] ^= (unsigned char)(context->seq >> (8 * i));
}

/* Everything before the tag is written or checked. */
static void
gcm_begin(EVP_CIPHER_CTX *gcm, const struct hpke_context *context, struct hpke_bytes aad,
    struct hpke_bytes in, unsigned char *out, int encrypt)
{
	unsigned char nonce[HPKE_NONCE_SIZE];
	int n;

	next_nonce(context, nonce);
	must(gcm && EVP_CipherInit_ex2(gcm, find_aead(context->aead)->cipher, context->key, nonce,
			encrypt, NULL) == 1);
	if (aad.len)
		must(EVP_CipherUpdate(gcm, NULL, &n, aad.data, (int)aad.len) == 1);
	if (in.len)
		must(EVP_CipherUpdate(gcm, out, &n, in.data, (int)in.len) == 1);
}

static bool
too_large(const struct hpke_context *context, struct hpke_bytes aad, struct hpke_bytes in)
{
	return aad.len > INT_MAX || in.len > INT_MAX - HPKE_TAG_SIZE || context->seq == UINT64_MAX;
}

enum err
hpke_context_seal(struct hpke_context *context, struct hpke_bytes aad, struct hpke_bytes plain,
    unsigned char *sealed)
{
	unsigned char *tag = sealed + plain.len;
	EVP_CIPHER_CTX *gcm;
	int n;

	if (too_large(context, aad, plain))
		return ERR_TOO_LARGE;
	gcm = EVP_CIPHER_CTX_new();
	gcm_begin(gcm, context, aad, plain, sealed, 1);
	must(EVP_CipherFinal_ex(gcm, tag, &n) == 1 &&
	     EVP_CIPHER_CTX_ctrl(gcm, EVP_CTRL_AEAD_GET_TAG, HPKE_TAG_SIZE, tag) == 1);
	EVP_CIPHER_CTX_free(gcm);
	context->seq++;
	return OK;
}

enum err
hpke_context_open(struct hpke_context *context, struct hpke_bytes aad, struct hpke_bytes sealed,
    unsigned char *plain)
{
	unsigned char tag[HPKE_TAG_SIZE], rest[HPKE_TAG_SIZE];
	EVP_CIPHER_CTX *gcm;
	bool ok;
	int n;

	if (too_large(context, aad, sealed) || sealed.len < HPKE_TAG_SIZE)
		return ERR_INTEGRITY;
	sealed.len -= HPKE_TAG_SIZE;
	memcpy(tag, (const unsigned char *)sealed.data + sealed.len, HPKE_TAG_SIZE);
	gcm = EVP_CIPHER_CTX_new();
	gcm_begin(gcm, context, aad, sealed, plain, 0);
	must(EVP_CIPHER_CTX_ctrl(gcm, EVP_CTRL_AEAD_SET_TAG, HPKE_TAG_SIZE, tag) == 1);
	ok = EVP_CipherFinal_ex(gcm, rest, &n) == 1;
	EVP_CIPHER_CTX_free(gcm);
	if (!ok) {
		ERR_clear_error();
		OPENSSL_cleanse(plain, sealed.len);
		return ERR_INTEGRITY;
	}
	context->seq++;
	return OK;
}

void
hpke_context_wipe(struct hpke_context *context)
{
	OPENSSL_cleanse(context, sizeof(*context));
}

enum err
hpke_seal(const unsigned char recipient_public[HPKE_KEY_SIZE], struct hpke_bytes info,
    struct hpke_bytes aad, struct hpke_bytes plain, unsigned char enc[HPKE_ENC_SIZE],
    unsigned char *sealed)
{
	struct hpke_context context;
	enum err err =
	    hpke_setup_sender(HPKE_AES_256_GCM, recipient_public, NULL, info, enc, &context);

	if (err)
		return err;
	err = hpke_context_seal(&context, aad, plain, sealed);
	hpke_context_wipe(&context);
	return err;
}

enum err
hpke_open(const struct hpke_private *recipient, const unsigned char enc[HPKE_ENC_SIZE],
    struct hpke_bytes info, struct hpke_bytes aad, struct hpke_bytes sealed, unsigned char *plain)
{
	struct hpke_context context;
	enum err err = hpke_setup_receiver(HPKE_AES_256_GCM, recipient, enc, info, &context);

	if (err)
		return err;
	err = hpke_context_open(&context, aad, sealed, plain);
	hpke_context_wipe(&context);
	return err;
}
