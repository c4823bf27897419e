/* SPDX-License-Identifier: Apache-2.0 */
/* Hybrid public key encryption, RFC 9180: base mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256,
 * AES-GCM. */
#ifndef BAILEE_VAULT_HPKE_H
#define BAILEE_VAULT_HPKE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/secret.h"

#define HPKE_KEY_SIZE 32   /* X25519 private and public keys, Npk and Nsk */
#define HPKE_ENC_SIZE 32   /* the encapsulated key, Nenc */
#define HPKE_TAG_SIZE 16   /* ciphertext is this much longer than its plaintext, Nt */
#define HPKE_NONCE_SIZE 12 /* Nn */

/* RFC 9180 section 7.3. Bailee seals with AES-256-GCM only; the other is there for the RFC's own
 * vectors. */
enum hpke_aead { HPKE_AES_128_GCM = 0x0001, HPKE_AES_256_GCM = 0x0002 };

/* Bytes borrowed for the length of a call; {0} is the empty string. */
struct hpke_bytes {
	const void *data;
	size_t len;
};

/* A private key ready for use: its bytes stay in OpenSSL's secure heap, its public half is worked
 * out once. */
struct hpke_private;

/* Draw a fresh private key. */
void hpke_private_generate(struct secret *bytes_out);
/* Never fails: every 32 bytes are an X25519 private key (RFC 7748 section 5). Ends in
 * hpke_private_free(). */
struct hpke_private *hpke_private_new(const unsigned char bytes[HPKE_KEY_SIZE]);
const unsigned char *hpke_private_public(
    const struct hpke_private *key); /* HPKE_KEY_SIZE bytes, borrowed */
void hpke_private_free(struct hpke_private **key);

/* Single-shot, RFC 9180 section 6.1, with AES-256-GCM. `sealed` takes plain.len + HPKE_TAG_SIZE
 * bytes. ERR_INTEGRITY when the public key is a point of small order (all-zero shared secret,
 * section 7.1.4). */
enum err hpke_seal(const unsigned char recipient_public[HPKE_KEY_SIZE], struct hpke_bytes info,
    struct hpke_bytes aad, struct hpke_bytes plain, unsigned char enc[HPKE_ENC_SIZE],
    unsigned char *sealed) MUSTCHECK;
/* The reverse. `plain` takes sealed.len - HPKE_TAG_SIZE bytes and is cleansed on failure.
 * ERR_INTEGRITY on any mismatch. */
enum err hpke_open(const struct hpke_private *recipient, const unsigned char enc[HPKE_ENC_SIZE],
    struct hpke_bytes info, struct hpke_bytes aad, struct hpke_bytes sealed,
    unsigned char *plain) MUSTCHECK;

/* What the two above are made of (sections 5.1 and 5.2); apart so that the RFC's vectors reach
 * every value. */
struct hpke_context {
	enum hpke_aead aead;
	unsigned char key[32]; /* as many bytes as the AEAD takes */
	unsigned char base_nonce[HPKE_NONCE_SIZE];
	uint64_t seq;
};

/* `ephemeral` NULL: a fresh one, which is what anything but a test vector must use. */
enum err hpke_setup_sender(enum hpke_aead aead, const unsigned char recipient_public[HPKE_KEY_SIZE],
    const struct hpke_private *ephemeral, struct hpke_bytes info, unsigned char enc[HPKE_ENC_SIZE],
    struct hpke_context *context_out) MUSTCHECK;
enum err hpke_setup_receiver(enum hpke_aead aead, const struct hpke_private *recipient,
    const unsigned char enc[HPKE_ENC_SIZE], struct hpke_bytes info,
    struct hpke_context *context_out) MUSTCHECK;
/* Each success moves `seq` on by one. */
enum err hpke_context_seal(struct hpke_context *context, struct hpke_bytes aad,
    struct hpke_bytes plain, unsigned char *sealed) MUSTCHECK;
enum err hpke_context_open(struct hpke_context *context, struct hpke_bytes aad,
    struct hpke_bytes sealed, unsigned char *plain) MUSTCHECK;
void hpke_context_wipe(struct hpke_context *context);

#endif
