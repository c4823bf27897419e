/* SPDX-License-Identifier: Apache-2.0 */
/* Randomness, digests and byte encodings: the few OpenSSL calls that need no key file. Keys and
 * sealing live in vault/. */
#ifndef BAILEE_BASE_CRYPT_H
#define BAILEE_BASE_CRYPT_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define CRYPT_SHA256_SIZE 32

/* Cryptographic random bytes; a failing generator ends the process. */
void crypt_random(void *out, size_t len);
uint32_t crypt_random_below(uint32_t bound); /* 0..bound-1, without bias; for jitter and base62 */
void crypt_sha256(const void *data, size_t len, unsigned char out[CRYPT_SHA256_SIZE]);
void crypt_hmac_sha256(const void *key, size_t key_len, const void *data, size_t len,
    unsigned char out[CRYPT_SHA256_SIZE]);
/* What vendors ask for in signatures and checksums; nothing of ours rests on the older two. Both
 * return how many bytes of `out` they filled. */
enum crypt_hash { CRYPT_MD5, CRYPT_SHA1, CRYPT_SHA256, CRYPT_SHA512 };
#define CRYPT_HASH_MOST 64
size_t crypt_hash(enum crypt_hash hash, const void *data, size_t len,
    unsigned char out[CRYPT_HASH_MOST]);
size_t crypt_hmac(enum crypt_hash hash, const void *key, size_t key_len, const void *data,
    size_t len, unsigned char out[CRYPT_HASH_MOST]);
bool crypt_equal(const void *a, const void *b, size_t len); /* constant time */
uint32_t crypt_crc32(const void *data, size_t len); /* ISO 3309; a checksum, not a protection */

/* RFC 4648. The results are NUL-terminated and freed by the caller. */
char *crypt_base64(const void *data, size_t len);
char *crypt_base64url(const void *data, size_t len); /* without padding */
char *crypt_hex(const void *data, size_t len);
/* Strict decoders: standard alphabet with padding; url alphabet without or with padding. ERR_VALUE
 * on anything else. */
enum err crypt_base64_decode(const char *text, size_t len, unsigned char **data_out,
    size_t *len_out) MUSTCHECK;
enum err crypt_base64url_decode(const char *text, size_t len, unsigned char **data_out,
    size_t *len_out) MUSTCHECK;
enum err crypt_hex_decode(const char *text, size_t len, unsigned char **data_out,
    size_t *len_out) MUSTCHECK;

#endif
