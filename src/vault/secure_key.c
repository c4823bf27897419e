/* SPDX-License-Identifier: Apache-2.0 */
/* Raw private keys as OpenSSL objects whose bytes are in the secure heap. */
#include "vault/secure_key.h"

#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/evp.h>

EVP_PKEY *
secure_key_new(int type, const unsigned char *bytes)
{
	EVP_PKEY *plain = EVP_PKEY_new_raw_private_key(type, NULL, bytes, 32), *secure;

	if (!plain)
		abort();
	/* OpenSSL 3.0 imports into ordinary memory, but copies into the secure heap */
	secure = EVP_PKEY_dup(plain);
	if (!secure) {
		ERR_clear_error();
		return plain;
	}
	EVP_PKEY_free(plain);
	return secure;
}
