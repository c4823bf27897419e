/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates and private keys that people hand over: whether they are any, and fit together. */
#ifndef BAILEE_BASE_PEM_H
#define BAILEE_BASE_PEM_H

#include <stddef.h>

#include "base/error.h"

/* All refuse with ERR_VALUE and a text that begins with a verb ("is not a certificate"), safe to
 * show, path "". What is taken: RSA of 2048 to 8192 bits; EC keys on P-256, P-384 and P-521;
 * Ed25519 and Ed448. Key derivations of more than PEM_ROUNDS_MAX rounds are refused before they are
 * begun: the input is anybody's. */
#define PEM_ROUNDS_MAX 4000000

/* One or more certificates (RFC 7468 section 5), the owner's first; that one must not have expired.
 */
enum err pem_certificate_check(const char *pem, struct errctx *ctx) MUSTCHECK;
/* One private key: PKCS#8, encrypted or not, or the older RSA and EC forms. `passphrase` may be
 * NULL or "". */
enum err pem_private_key_check(const char *pem, const char *passphrase,
    struct errctx *ctx) MUSTCHECK;
/* Both checks, and that the key is the one the first certificate speaks of. */
enum err pem_pair_check(const char *certificate, const char *key, const char *passphrase,
    struct errctx *ctx) MUSTCHECK;

/* The bytes of a file as PEM text: a DER certificate, or a PKCS#12 container (RFC 7292), whose key
 * is then in *key_out, unencrypted; *key_out is NULL for a certificate. The caller frees both,
 * the key with secret_wipe_text(). */
enum err pem_from_file(const unsigned char *data, size_t len, const char *passphrase,
    char **certificate_out, char **key_out, struct errctx *ctx) MUSTCHECK;

#endif
