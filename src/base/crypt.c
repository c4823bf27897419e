/* SPDX-License-Identifier: Apache-2.0 */
/* Randomness, digests and byte encodings: the few OpenSSL calls that need no key file. */
#include "base/crypt.h"

#include <pthread.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <zlib.h>

#include "base/alloc.h"

void
crypt_random(void *out, size_t len)
{
	if (RAND_bytes(out, (int)len) != 1)
		abort();
}

uint32_t
crypt_random_below(uint32_t bound)
{
	uint32_t limit = UINT32_MAX - UINT32_MAX % bound, value;

	do {
		crypt_random(&value, sizeof(value));
	} while (value >= limit);
	return value % bound;
}

void
crypt_sha256(const void *data, size_t len, unsigned char out[CRYPT_SHA256_SIZE])
{
	if (EVP_Digest(data, len, out, NULL, EVP_sha256(), NULL) != 1)
		abort();
}

static pthread_key_t hmac_key;
static pthread_once_t hmac_once = PTHREAD_ONCE_INIT;

static void
hmac_forget(void *context)
{
	EVP_MAC_CTX_free(context);
}

static void
hmac_setup(void)
{
	if (pthread_key_create(&hmac_key, hmac_forget))
		abort();
}

/* Looking HMAC and its digest up costs more than the computation: each thread does it once, and
 * wipes what it has when it ends. */
static EVP_MAC_CTX *
hmac_context(void)
{
	static _Thread_local EVP_MAC_CTX *context;
	char digest[] = "SHA256";
	const OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST,
					  digest, 0),
		OSSL_PARAM_construct_end() };

	if (!context) {
		EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);

		context = mac ? EVP_MAC_CTX_new(mac) : NULL;
		EVP_MAC_free(mac);
		if (!context || EVP_MAC_CTX_set_params(context, params) != 1 ||
		    pthread_once(&hmac_once, hmac_setup) || pthread_setspecific(hmac_key, context))
			abort();
	}
	return context;
}

void
crypt_hmac_sha256(const void *key, size_t key_len, const void *data, size_t len,
    unsigned char out[CRYPT_SHA256_SIZE])
{
	EVP_MAC_CTX *context = hmac_context();
	size_t n = CRYPT_SHA256_SIZE;

	if (EVP_MAC_init(context, key, key_len, NULL) != 1 ||
	    EVP_MAC_update(context, data, len) != 1 || EVP_MAC_final(context, out, &n, n) != 1)
		abort();
}

static const EVP_MD *
digest_of(enum crypt_hash hash)
{
	switch (hash) {
	case CRYPT_MD5:
		return EVP_md5();
	case CRYPT_SHA1:
		return EVP_sha1();
	case CRYPT_SHA256:
		return EVP_sha256();
	case CRYPT_SHA512:
		return EVP_sha512();
	}
	abort();
}

size_t
crypt_hash(enum crypt_hash hash, const void *data, size_t len, unsigned char out[CRYPT_HASH_MOST])
{
	unsigned n = 0;

	if (EVP_Digest(data, len, out, &n, digest_of(hash), NULL) != 1)
		abort();
	return n;
}

size_t
crypt_hmac(enum crypt_hash hash, const void *key, size_t key_len, const void *data, size_t len,
    unsigned char out[CRYPT_HASH_MOST])
{
	unsigned n = 0;

	if (!HMAC(digest_of(hash), key, (int)key_len, data, len, out, &n))
		abort();
	return n;
}

bool
crypt_equal(const void *a, const void *b, size_t len)
{
	return CRYPTO_memcmp(a, b, len) == 0;
}

uint32_t
crypt_crc32(const void *data, size_t len)
{
	return (uint32_t)crc32(crc32(0, Z_NULL, 0), data, (uInt)len);
}

char *
crypt_base64(const void *data, size_t len)
{
	char *text = xmalloc((len + 2) / 3 * 4 + 1);

	text[0] = '\0';
	EVP_EncodeBlock((unsigned char *)text, data, (int)len);
	return text;
}

char *
crypt_base64url(const void *data, size_t len)
{
	char *text = crypt_base64(data, len);

	for (char *c = text; *c; c++) {
		if (*c == '+')
			*c = '-';
		else if (*c == '/')
			*c = '_';
		else if (*c == '=')
			*c = '\0';
	}
	return text;
}

char *
crypt_hex(const void *data, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *bytes = data;
	char *text = xmalloc(len * 2 + 1);

	for (size_t i = 0; i < len; i++) {
		text[2 * i] = digits[bytes[i] >> 4];
		text[2 * i + 1] = digits[bytes[i] & 15];
	}
	text[len * 2] = '\0';
	return text;
}

/* Value of a base64 character in the alphabet that ends in `c62 c63`; -1 for any other. */
static int
base64_value(char c, char c62, char c63)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == c62)
		return 62;
	return c == c63 ? 63 : -1;
}

static enum err
base64_decode(const char *text, size_t len, char c62, char c63, unsigned char **data_out,
    size_t *len_out)
{
	unsigned char *data = xmalloc(len / 4 * 3 + 4);
	uint32_t bits = 0;
	size_t n = 0;
	int have = 0;

	for (size_t i = 0; i < len; i++) {
		int value = base64_value(text[i], c62, c63);

		if (value < 0) {
			free(data);
			return ERR_VALUE;
		}
		bits = bits << 6 | (uint32_t)value;
		have += 6;
		if (have >= 8) {
			have -= 8;
			data[n++] = (unsigned char)(bits >> have);
		}
	}
	if (len % 4 == 1 || (bits & ((1u << have) - 1)) != 0) { /* stray bits: not canonical */
		free(data);
		return ERR_VALUE;
	}
	data[n] = '\0';
	*data_out = data;
	*len_out = n;
	return OK;
}

static size_t
without_padding(const char *text, size_t len)
{
	for (int i = 0; i < 2 && len > 0 && text[len - 1] == '='; i++)
		len--;
	return len;
}

enum err
crypt_base64_decode(const char *text, size_t len, unsigned char **data_out, size_t *len_out)
{
	if (len % 4 != 0)
		return ERR_VALUE;
	return base64_decode(text, without_padding(text, len), '+', '/', data_out, len_out);
}

enum err
crypt_base64url_decode(const char *text, size_t len, unsigned char **data_out, size_t *len_out)
{
	return base64_decode(text, without_padding(text, len), '-', '_', data_out, len_out);
}

enum err
crypt_hex_decode(const char *text, size_t len, unsigned char **data_out, size_t *len_out)
{
	if (len % 2 != 0)
		return ERR_VALUE;
	unsigned char *data = xmalloc(len / 2 + 1);

	for (size_t i = 0; i < len; i++) {
		char c = text[i];
		int value = c >= '0' && c <= '9'   ? c - '0'
			    : c >= 'a' && c <= 'f' ? c - 'a' + 10
			    : c >= 'A' && c <= 'F' ? c - 'A' + 10
						   : -1;

		if (value < 0) {
			free(data);
			return ERR_VALUE;
		}
		data[i / 2] = (unsigned char)(i % 2 ? data[i / 2] | value : value << 4);
	}
	data[len / 2] = '\0';
	*data_out = data;
	*len_out = len / 2;
	return OK;
}
