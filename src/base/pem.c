/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates and private keys that people hand over: whether they are any, and fit together. */
#include "base/pem.h"

#include <stdio.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>

#include "base/alloc.h"
#include "base/pem_parts.h"
#include "base/secret.h"

#define CERTIFICATES_MAX 10
#define RSA_LEAST 2048
#define RSA_MOST 8192

static enum err
refuse(struct errctx *ctx, const char *text)
{
	ERR_clear_error(); /* what OpenSSL noted is told in our words */
	return err_set(ctx, ERR_VALUE, "", "%s", text);
}

/* ---- keys ---- */

static bool
is_good_curve(const EVP_PKEY *key)
{
	static const char *const curves[] = { "prime256v1", "P-256", "secp384r1", "P-384",
		"secp521r1", "P-521" };
	char name[64];
	size_t len = 0;

	if (EVP_PKEY_get_group_name(key, name, sizeof(name), &len) != 1)
		return false;
	for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++)
		if (!strcmp(curves[i], name))
			return true;
	return false;
}

enum err
pem_key_strength(const EVP_PKEY *key, struct errctx *ctx)
{
	if (EVP_PKEY_is_a(key, "ED25519") || EVP_PKEY_is_a(key, "ED448"))
		return OK;
	if (EVP_PKEY_is_a(key, "EC"))
		return is_good_curve(key)
			   ? OK
			   : refuse(ctx, "must be on one of the curves P-256, P-384 and P-521");
	if (!EVP_PKEY_is_a(key, "RSA"))
		return refuse(ctx, "must be of the kind RSA, EC or Ed25519");
	int bits = EVP_PKEY_get_bits(key);
	return bits >= RSA_LEAST && bits <= RSA_MOST
		   ? OK
		   : refuse(ctx, "must be an RSA key of 2048 to 8192 bits");
}

/* The one block of a key file; `openssl ecparam` writes the parameters in front of it. */
struct block {
	char *name, *header;
	unsigned char *data;
	long len;
};

static void
block_free(struct block *block)
{
	OPENSSL_free(block->name);
	OPENSSL_free(block->header);
	OPENSSL_clear_free(block->data, block->data ? (size_t)block->len : 0);
	*block = (struct block){ 0 };
}

static bool
block_read(BIO *bio, struct block *block)
{
	*block = (struct block){ 0 };
	return PEM_read_bio(bio, &block->name, &block->header, &block->data, &block->len) == 1;
}

static enum err
key_block(const char *pem, struct block *block, struct errctx *ctx)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	struct block next = { 0 };
	bool found = bio && block_read(bio, block);

	if (found && !strcmp(block->name, "EC PARAMETERS")) {
		block_free(block);
		found = block_read(bio, block);
	}
	bool more = found && block_read(bio, &next);
	BIO_free(bio);
	block_free(&next);
	ERR_clear_error();
	if (found && !more)
		return OK;
	block_free(block);
	return refuse(ctx, found
			       ? "must hold one key alone"
			       : "is not a private key in PEM form (-----BEGIN PRIVATE KEY-----)");
}

static EVP_PKEY *
key_of_info(PKCS8_PRIV_KEY_INFO *info)
{
	EVP_PKEY *key = info ? EVP_PKCS82PKEY(info) : NULL;

	PKCS8_PRIV_KEY_INFO_free(info);
	return key;
}

static enum err
open_encrypted(const struct block *block, const char *passphrase, EVP_PKEY **key_out,
    struct errctx *ctx)
{
	const unsigned char *at = block->data;
	X509_SIG *sealed = d2i_X509_SIG(NULL, &at, block->len);
	const X509_ALGOR *how = NULL;
	enum err err = OK;

	if (!sealed)
		return refuse(ctx, "is damaged");
	X509_SIG_get0(sealed, &how, NULL);
	if (!*passphrase)
		err = refuse(ctx, "is encrypted; its passphrase is missing");
	else if (!pem_rounds_are_few(how))
		err = refuse(ctx, "takes too long to open: too many rounds");
	else
		*key_out = key_of_info(PKCS8_decrypt(sealed, passphrase, (int)strlen(passphrase)));
	X509_SIG_free(sealed);
	return err || *key_out ? err : refuse(ctx, "does not open with this passphrase");
}

/* OpenSSL asks for a passphrase through this; it must never ask on a terminal. */
static int
give_passphrase(char *room, int size, int writing, void *arg)
{
	const char *passphrase = arg;
	size_t len = strlen(passphrase);
	(void)writing;

	if (!len || len > (size_t)size)
		return -1;
	memcpy(room, passphrase, len);
	return (int)len;
}

/* RSA PRIVATE KEY and EC PRIVATE KEY, with the encryption of RFC 1421's headers. */
static enum err
open_older(struct block *block, int kind, const char *passphrase, EVP_PKEY **key_out,
    struct errctx *ctx)
{
	EVP_CIPHER_INFO cipher;
	void *arg = (void *)(uintptr_t)passphrase;

	if (PEM_get_EVP_CIPHER_INFO(block->header, &cipher) != 1)
		return refuse(ctx, "is encrypted in a way that is not known");
	if (cipher.cipher && !*passphrase)
		return refuse(ctx, "is encrypted; its passphrase is missing");
	if (PEM_do_header(&cipher, block->data, &block->len, give_passphrase, arg) != 1)
		return refuse(ctx, "does not open with this passphrase");
	const unsigned char *at = block->data;
	*key_out = d2i_PrivateKey(kind, NULL, &at, block->len);
	if (*key_out)
		return OK;
	return refuse(ctx, cipher.cipher ? "does not open with this passphrase" : "is damaged");
}

static enum err
open_block(struct block *block, const char *passphrase, EVP_PKEY **key_out, struct errctx *ctx)
{
	const unsigned char *at = block->data;

	if (!strcmp(block->name, "ENCRYPTED PRIVATE KEY"))
		return open_encrypted(block, passphrase, key_out, ctx);
	if (!strcmp(block->name, "RSA PRIVATE KEY"))
		return open_older(block, EVP_PKEY_RSA, passphrase, key_out, ctx);
	if (!strcmp(block->name, "EC PRIVATE KEY"))
		return open_older(block, EVP_PKEY_EC, passphrase, key_out, ctx);
	if (strcmp(block->name, "PRIVATE KEY") != 0)
		return refuse(ctx,
		    "is not a private key in PEM form (-----BEGIN PRIVATE KEY-----)");
	*key_out = key_of_info(d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, block->len));
	return *key_out ? OK : refuse(ctx, "is damaged");
}

/* Whether its private and public part belong together. */
static bool
is_whole(EVP_PKEY *key)
{
	EVP_PKEY_CTX *check = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	int result = check ? EVP_PKEY_pairwise_check(check) : 0;

	EVP_PKEY_CTX_free(check);
	return result == 1 || result == -2; /* -2: there is no such check for this kind */
}

enum err
pem_key_open(const char *pem, const char *passphrase, EVP_PKEY **key_out, struct errctx *ctx)
{
	struct block block = { 0 };
	EVP_PKEY *key = NULL;
	enum err err = key_block(pem, &block, ctx);

	if (!err)
		err = open_block(&block, passphrase ? passphrase : "", &key, ctx);
	block_free(&block);
	if (!err)
		err = pem_key_strength(key, ctx);
	ERR_clear_error();
	if (err)
		EVP_PKEY_free(key);
	else
		*key_out = key;
	return err;
}

static enum err
open_whole_key(const char *pem, const char *passphrase, EVP_PKEY **key_out, struct errctx *ctx)
{
	EVP_PKEY *key = NULL;
	enum err err = pem_key_open(pem, passphrase, &key, ctx);

	if (!err && !is_whole(key))
		err = refuse(ctx, "is damaged");
	if (err)
		EVP_PKEY_free(key);
	else
		*key_out = key;
	return err;
}

enum err
pem_private_key_check(const char *pem, const char *passphrase, struct errctx *ctx)
{
	EVP_PKEY *key = NULL;
	enum err err = open_whole_key(pem, passphrase, &key, ctx);

	EVP_PKEY_free(key);
	return err;
}

/* ---- certificates ---- */

static enum err
check_certificate(X509 *certificate, struct errctx *ctx)
{
	EVP_PKEY *key = X509_get0_pubkey(certificate);

	if (!key)
		return refuse(ctx, "has a key of a kind that is not known");
	if (X509_cmp_current_time(X509_get0_notAfter(certificate)) <= 0)
		return refuse(ctx, "has expired");
	return pem_key_strength(key, ctx);
}

/* The first certificate of the text; every block must be one. */
static enum err
open_certificates(const char *pem, X509 **first_out, struct errctx *ctx)
{
	static const char no[] = "is not a certificate in PEM form (-----BEGIN CERTIFICATE-----)";
	BIO *bio = BIO_new_mem_buf(pem, -1);
	struct block block = { 0 };
	X509 *first = NULL;
	enum err err = OK;

	for (int n = 0; !err && bio && block_read(bio, &block); n++) {
		const unsigned char *at = block.data;
		X509 *one =
		    strcmp(block.name, "CERTIFICATE") == 0 ? d2i_X509(NULL, &at, block.len) : NULL;

		if (!one || n == CERTIFICATES_MAX)
			err = refuse(ctx, one ? "holds more than 10 certificates" : no);
		if (!err && !first)
			first = one;
		else
			X509_free(one);
		block_free(&block);
	}
	BIO_free(bio);
	ERR_clear_error();
	if (!err && !first)
		err = refuse(ctx, no);
	if (!err)
		err = check_certificate(first, ctx);
	if (err)
		X509_free(first);
	else
		*first_out = first;
	return err;
}

enum err
pem_certificate_check(const char *pem, struct errctx *ctx)
{
	X509 *first = NULL;
	enum err err = open_certificates(pem, &first, ctx);

	X509_free(first);
	return err;
}

enum err
pem_pair_check(const char *certificate, const char *key, const char *passphrase, struct errctx *ctx)
{
	X509 *first = NULL;
	EVP_PKEY *private = NULL;
	enum err err = open_certificates(certificate, &first, ctx);

	if (!err)
		err = open_whole_key(key, passphrase, &private, ctx);
	if (!err && EVP_PKEY_eq(X509_get0_pubkey(first), private) != 1)
		err = refuse(ctx, "does not belong to the certificate");
	EVP_PKEY_free(private);
	X509_free(first);
	ERR_clear_error();
	return err;
}

/* ---- files ---- */

static char *
bio_text(BIO *bio, bool written)
{
	char *data = NULL, *text = NULL;
	long len = bio ? BIO_get_mem_data(bio, &data) : 0;

	if (written && len > 0) {
		text = xmemdup0(data, (size_t)len);
		OPENSSL_cleanse(data, (size_t)len);
	}
	BIO_free(bio);
	return text;
}

static char *
certificate_text(X509 *certificate)
{
	BIO *bio = BIO_new(BIO_s_mem());

	return bio_text(bio, bio && PEM_write_bio_X509(bio, certificate) == 1);
}

static char *
key_text(EVP_PKEY *key)
{
	BIO *bio = BIO_new(BIO_s_secmem());

	return bio_text(bio,
	    bio && PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1);
}

static enum err
from_container(PKCS12 *container, const char *passphrase, char **certificate_out, char **key_out,
    struct errctx *ctx)
{
	struct pem_contents contents = { 0 };
	enum err err = pem_container_open(container, passphrase ? passphrase : "", &contents, ctx);

	ERR_clear_error();
	if (!err && (!contents.key || !contents.certificate))
		err = refuse(ctx, "must hold a private key and its certificate");
	if (!err) {
		auto_wipe char *key = key_text(contents.key);
		char *certificate = certificate_text(contents.certificate);

		if (key && certificate) {
			*key_out = key;
			*certificate_out = certificate;
			key = NULL;
		} else {
			free(certificate);
			err = refuse(ctx, "holds a key of a kind that is not known");
		}
	}
	pem_contents_free(&contents);
	return err;
}

enum err
pem_from_file(const unsigned char *data, size_t len, const char *passphrase, char **certificate_out,
    char **key_out, struct errctx *ctx)
{
	const unsigned char *at = data;
	X509 *certificate = d2i_X509(NULL, &at, (long)len);

	if (certificate && at == data + len) {
		*certificate_out = certificate_text(certificate);
		*key_out = NULL;
		X509_free(certificate);
		return *certificate_out ? OK : refuse(ctx, "is damaged");
	}
	X509_free(certificate);
	at = data;
	PKCS12 *container = d2i_PKCS12(NULL, &at, (long)len);
	if (!container)
		return refuse(ctx, "is neither a certificate nor a PKCS#12 file");
	enum err err = from_container(container, passphrase, certificate_out, key_out, ctx);
	PKCS12_free(container);
	return err;
}
