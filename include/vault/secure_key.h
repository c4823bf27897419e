/* SPDX-License-Identifier: Apache-2.0 */
/* Raw private keys as OpenSSL objects whose bytes are in the secure heap; for src/vault/ alone. */
#ifndef BAILEE_VAULT_SECURE_KEY_H
#define BAILEE_VAULT_SECURE_KEY_H

#include <openssl/types.h>

/* A long-lived key of 32 bytes; `type` is EVP_PKEY_X25519 or EVP_PKEY_ED25519. Never NULL. Freed
 * with EVP_PKEY_free(), which cleanses. When the secure heap is full or absent the bytes are in
 * ordinary memory, as those of a struct secret then are. */
EVP_PKEY *secure_key_new(int type, const unsigned char *bytes);

#endif
