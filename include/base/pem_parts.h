/* SPDX-License-Identifier: Apache-2.0 */
/* What base/pem.c, its opening of PKCS#12 containers and base/jwt.c share; nobody else includes it.
 */
#ifndef BAILEE_BASE_PEM_PARTS_H
#define BAILEE_BASE_PEM_PARTS_H

#include <stdbool.h>

#include "base/error.h"

/* OpenSSL's, which headers do not include */
struct X509_algor_st;
struct PKCS12_st;
struct evp_pkey_st;
struct x509_st;

/* Whether a key derivation asks for no more than PEM_ROUNDS_MAX rounds. */
bool pem_rounds_are_few(const struct X509_algor_st *how);

/* One private key in PEM form, of a kind and strength that is taken; that it is whole is not looked
 * at, which takes long. `passphrase` may be NULL. ERR_VALUE with a text that begins with a verb. */
enum err pem_key_open(const char *pem, const char *passphrase, struct evp_pkey_st **key_out,
    struct errctx *ctx) MUSTCHECK;
enum err pem_key_strength(const struct evp_pkey_st *key, struct errctx *ctx) MUSTCHECK;

/* The first key and the certificate that belongs to it; either may be NULL. */
struct pem_contents {
	struct evp_pkey_st *key;
	struct x509_st *certificate;
};
/* ERR_VALUE with a text that begins with a verb. */
enum err pem_container_open(struct PKCS12_st *container, const char *passphrase,
    struct pem_contents *contents_out, struct errctx *ctx) MUSTCHECK;
void pem_contents_free(struct pem_contents *contents);

#endif
