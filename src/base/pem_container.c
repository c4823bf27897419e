/* SPDX-License-Identifier: Apache-2.0 */
/* Opening PKCS#12 containers (RFC 7292) of strangers: the cost of each step is looked at first. */
#include <string.h>

#include <openssl/err.h>
#include <openssl/pkcs12.h>

#include "base/pem.h"
#include "base/pem_parts.h"

#define BAGS_MAX 64
#define DEPTH_MAX 8

static enum err
refuse(struct errctx *ctx, const char *text)
{
	return err_set(ctx, ERR_VALUE, "", "%s", text);
}

/* ---- cost ---- */

/* Whether each INTEGER below (rounds, key length, scrypt's N, r, p) is small. */
static bool
integers_are_small(const unsigned char *at, long len, int depth)
{
	while (len > 0) {
		const unsigned char *start = at;
		long inner = 0;
		int tag = 0, class = 0;
		int form = ASN1_get_object(&at, &inner, &tag, &class, len);

		if ((form & 0x80) || form == 0x21) /* broken, or of indefinite length */
			return false;
		if (tag == V_ASN1_INTEGER) {
			long value = 0;

			if (inner < 1 || inner > 4 || (at[0] & 0x80))
				return false;
			for (long i = 0; i < inner; i++)
				value = value << 8 | at[i];
			if (value > PEM_ROUNDS_MAX)
				return false;
		}
		if ((form & V_ASN1_CONSTRUCTED) &&
		    (depth == DEPTH_MAX || !integers_are_small(at, inner, depth + 1)))
			return false;
		at += inner;
		len -= at - start;
	}
	return true;
}

bool
pem_rounds_are_few(const X509_ALGOR *how)
{
	unsigned char *der = NULL;
	int len = i2d_X509_ALGOR(how, &der);
	bool few = len > 0 && integers_are_small(der, len, 0);

	OPENSSL_free(der);
	return few;
}

/* ---- bags ---- */

struct opening {
	const char *passphrase;
	EVP_PKEY *key;
	STACK_OF(X509) * certificates;
	int bags; /* seen so far */
	struct errctx *ctx;
};

static enum err
take_key(struct opening *opening, const PKCS8_PRIV_KEY_INFO *info)
{
	if (!opening->key)
		opening->key = EVP_PKCS82PKEY(info);
	return opening->key ? OK : refuse(opening->ctx, "holds a damaged key");
}

static enum err
take_sealed_key(struct opening *opening, const PKCS12_SAFEBAG *bag)
{
	const X509_ALGOR *how = NULL;

	X509_SIG_get0(PKCS12_SAFEBAG_get0_pkcs8(bag), &how, NULL);
	if (!pem_rounds_are_few(how))
		return refuse(opening->ctx, "takes too long to open: too many rounds");
	PKCS8_PRIV_KEY_INFO *info =
	    PKCS12_decrypt_skey(bag, opening->passphrase, (int)strlen(opening->passphrase));
	if (!info)
		return refuse(opening->ctx, "does not open with this passphrase");
	enum err err = take_key(opening, info);
	PKCS8_PRIV_KEY_INFO_free(info);
	return err;
}

static enum err
take_bag(struct opening *opening, const PKCS12_SAFEBAG *bag)
{
	if (++opening->bags > BAGS_MAX)
		return refuse(opening->ctx, "holds too many things");
	if (PKCS12_SAFEBAG_get_nid(bag) == NID_keyBag)
		return take_key(opening, PKCS12_SAFEBAG_get0_p8inf(bag));
	if (PKCS12_SAFEBAG_get_nid(bag) == NID_pkcs8ShroudedKeyBag)
		return take_sealed_key(opening, bag);
	if (PKCS12_SAFEBAG_get_nid(bag) != NID_certBag ||
	    PKCS12_SAFEBAG_get_bag_nid(bag) != NID_x509Certificate)
		return OK; /* others hold nothing that is asked for */
	X509 *certificate = PKCS12_SAFEBAG_get1_cert(bag);
	if (!certificate)
		return refuse(opening->ctx, "holds a damaged certificate");
	if (sk_X509_push(opening->certificates, certificate) <= 0)
		X509_free(certificate);
	return OK;
}

/* What older programs write; OpenSSL 3 opens it only with its legacy provider. */
static bool
is_old_cipher(const X509_ALGOR *how)
{
	const ASN1_OBJECT *name = NULL;

	X509_ALGOR_get0(&name, NULL, NULL, how);
	return OBJ_obj2nid(name) == NID_pbe_WithSHA1And40BitRC2_CBC ||
	       OBJ_obj2nid(name) == NID_pbe_WithSHA1And128BitRC2_CBC;
}

static struct stack_st_PKCS12_SAFEBAG *
unpack(struct opening *opening, PKCS7 *part, enum err *err)
{
	STACK_OF(PKCS12_SAFEBAG) *bags = NULL;

	if (PKCS7_type_is_data(part))
		return PKCS12_unpack_p7data(part);
	if (!PKCS7_type_is_encrypted(part))
		return NULL;
	if (!part->d.encrypted || !part->d.encrypted->enc_data ||
	    !pem_rounds_are_few(part->d.encrypted->enc_data->algorithm)) {
		*err = refuse(opening->ctx, "takes too long to open: too many rounds");
		return NULL;
	}
	if (is_old_cipher(part->d.encrypted->enc_data->algorithm)) {
		*err = refuse(opening->ctx,
		    "is protected with RC2, which is too weak; export it again with AES");
		return NULL;
	}
	bags = PKCS12_unpack_p7encdata(part, opening->passphrase, (int)strlen(opening->passphrase));
	if (!bags)
		*err = refuse(opening->ctx, "does not open with this passphrase");
	return bags;
}

static enum err
take_parts(struct opening *opening, STACK_OF(PKCS7) * parts)
{
	enum err err = OK;

	for (int i = 0; i < sk_PKCS7_num(parts) && i < BAGS_MAX && !err; i++) {
		STACK_OF(PKCS12_SAFEBAG) *bags = unpack(opening, sk_PKCS7_value(parts, i), &err);

		for (int k = 0; k < sk_PKCS12_SAFEBAG_num(bags) && !err; k++)
			err = take_bag(opening, sk_PKCS12_SAFEBAG_value(bags, k));
		sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free);
	}
	return err;
}

/* ---- the container ---- */

static enum err
check_mac(PKCS12 *container, const char *passphrase, struct errctx *ctx)
{
	const ASN1_INTEGER *rounds = NULL;

	if (!PKCS12_mac_present(container))
		return refuse(ctx, "has no check value; export it again with a passphrase");
	PKCS12_get0_mac(NULL, NULL, NULL, &rounds, container);
	if (rounds && (ASN1_INTEGER_get(rounds) < 0 || ASN1_INTEGER_get(rounds) > PEM_ROUNDS_MAX))
		return refuse(ctx, "takes too long to open: too many rounds");
	return PKCS12_verify_mac(container, passphrase, (int)strlen(passphrase)) == 1
		   ? OK
		   : refuse(ctx, "does not open with this passphrase");
}

static X509 *
certificate_of_key(const struct opening *opening)
{
	for (int i = 0; opening->key && i < sk_X509_num(opening->certificates); i++) {
		X509 *one = sk_X509_value(opening->certificates, i);

		if (EVP_PKEY_eq(X509_get0_pubkey(one), opening->key) == 1)
			return X509_up_ref(one) == 1 ? one : NULL;
	}
	return NULL;
}

enum err
pem_container_open(PKCS12 *container, const char *passphrase, struct pem_contents *contents_out,
    struct errctx *ctx)
{
	struct opening opening = { .passphrase = passphrase,
		.certificates = sk_X509_new_null(),
		.ctx = ctx };
	STACK_OF(PKCS7) *parts = NULL;
	enum err err = check_mac(container, passphrase, ctx);

	if (!err && !(parts = PKCS12_unpack_authsafes(container)))
		err = refuse(ctx, "is damaged");
	if (!err)
		err = take_parts(&opening, parts);
	sk_PKCS7_pop_free(parts, PKCS7_free);
	if (err)
		EVP_PKEY_free(opening.key);
	else
		*contents_out = (struct pem_contents){ opening.key, certificate_of_key(&opening) };
	sk_X509_pop_free(opening.certificates, X509_free);
	return err;
}

void
pem_contents_free(struct pem_contents *contents)
{
	EVP_PKEY_free(contents->key);
	X509_free(contents->certificate);
	*contents = (struct pem_contents){ 0 };
}
