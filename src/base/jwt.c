/* SPDX-License-Identifier: Apache-2.0 */
/* JSON Web Tokens, signed by libjose; what is ours is which key may be used for which algorithm. */
#include "base/jwt.h"

#include <string.h>

#include <jose/cfg.h>
#include <jose/jws.h>
#include <jose/openssl.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include "base/alloc.h"
#include "base/crypt.h"
#include "base/json.h"
#include "base/pem_parts.h"
#include "base/secret.h"

/* libjose wants at least as many bytes as the digest has; HMAC (RFC 2104) fills every key up with
 * zeros to more than that anyway, so that these change nothing. */
#define SECRET_FILLED 64
#define KEY_TEXT_MAX ((size_t)32 * 1024)

struct algorithm {
	const char *name;
	const char *kind;      /* as OpenSSL calls it; NULL: a shared secret */
	const char *curves[2]; /* both of its names */
	const char *wants;     /* goes on after the name of the algorithm */
};

#define WANTS_SECRET "needs a shared secret"
#define WANTS_RSA "needs an RSA private key"
static const struct algorithm algorithms[] = {
	{ "HS256", NULL, { NULL }, WANTS_SECRET },
	{ "HS384", NULL, { NULL }, WANTS_SECRET },
	{ "HS512", NULL, { NULL }, WANTS_SECRET },
	{ "RS256", "RSA", { NULL }, WANTS_RSA },
	{ "RS384", "RSA", { NULL }, WANTS_RSA },
	{ "RS512", "RSA", { NULL }, WANTS_RSA },
	{ "PS256", "RSA", { NULL }, WANTS_RSA },
	{ "PS384", "RSA", { NULL }, WANTS_RSA },
	{ "PS512", "RSA", { NULL }, WANTS_RSA },
	{ "ES256", "EC", { "prime256v1", "P-256" }, "needs an EC private key on P-256" },
	{ "ES384", "EC", { "secp384r1", "P-384" }, "needs an EC private key on P-384" },
	{ "ES512", "EC", { "secp521r1", "P-521" }, "needs an EC private key on P-521" },
};

static const struct algorithm *
algorithm_find(const char *name)
{
	for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++)
		if (!strcmp(algorithms[i].name, name))
			return &algorithms[i];
	return NULL;
}

bool
jwt_algorithm_known(const char *name)
{
	return algorithm_find(name) != NULL;
}

/* libjose tells its troubles to the standard error unless somebody else listens. */
static void
jose_says(void *misc, const char *file, int line, uint64_t error, const char *fmt, va_list args)
{
	(void)misc, (void)file, (void)line, (void)error, (void)fmt, (void)args;
}

static jose_cfg_t *
quiet(void)
{
	jose_cfg_t *cfg = jose_cfg();

	if (!cfg)
		abort();
	jose_cfg_set_err_func(cfg, jose_says, NULL);
	return cfg;
}

/* ---- keys: each becomes a JWK of libjose's ---- */

static bool
looks_like_pem(const struct jwt_key *key)
{
	return memmem(key->text, key->len, "-----BEGIN ", 11) != NULL;
}

static bool
looks_like_jwk(const struct jwt_key *key)
{
	return key->text[strspn(key->text, " \t\r\n")] == '{';
}

static enum err
secret_to_jwk(const struct jwt_key *key, json_t **jwk_out, struct errctx *ctx)
{
	char filled[JWT_SECRET_MOST] = { 0 };

	if (!key->len)
		return err_set(ctx, ERR_VALUE, "key", "is empty");
	if (key->len > sizeof(filled))
		return err_set(ctx, ERR_VALUE, "key", "is longer than %d bytes", JWT_SECRET_MOST);
	/* Who signs with the text of a PEM key lets everybody sign who knows that text; it is a
	 * wrong algorithm each time (RFC 8725 section 2.1). */
	if (looks_like_pem(key))
		return err_set(ctx, ERR_VALUE, "key", "is in PEM form, but %s " WANTS_SECRET,
		    key->algorithm);
	memcpy(filled, key->text, key->len);
	auto_wipe char *k =
	    crypt_base64url(filled, key->len < SECRET_FILLED ? SECRET_FILLED : key->len);
	explicit_bzero(filled, sizeof(filled));
	json_t *jwk = json_object();
	json_put_text(jwk, "kty", "oct");
	json_put_text(jwk, "k", k);
	*jwk_out = jwk;
	return OK;
}

static enum err
open_jwk(const struct jwt_key *key, EVP_PKEY **key_out, struct errctx *ctx)
{
	json_auto_t *jwk = NULL;

	if (json_parse(key->text, key->len, &jwk, NULL) != OK)
		return err_set(ctx, ERR_VALUE, "", "is not a JWK: not JSON");
	if (!json_get_text(jwk, "d"))
		return err_set(ctx, ERR_VALUE, "", "is not a private key");
	const char *meant_for = json_get_text(jwk, "alg");
	if (meant_for && strcmp(meant_for, key->algorithm) != 0)
		return err_set(ctx, ERR_VALUE, "", "is a JWK for another algorithm than %s",
		    key->algorithm);
	jose_cfg_t *cfg = quiet();
	*key_out = jose_openssl_jwk_to_EVP_PKEY(cfg, jwk);
	jose_cfg_decref(cfg);
	ERR_clear_error();
	if (!*key_out)
		return err_set(ctx, ERR_VALUE, "", "is not a JWK of the kind RSA or EC");
	return pem_key_strength(*key_out, ctx);
}

static bool
key_fits(const EVP_PKEY *key, const struct algorithm *algorithm)
{
	char curve[64];
	size_t len = 0;

	if (!EVP_PKEY_is_a(key, algorithm->kind))
		return false;
	if (!algorithm->curves[0])
		return true;
	return EVP_PKEY_get_group_name(key, curve, sizeof(curve), &len) == 1 &&
	       (!strcmp(curve, algorithm->curves[0]) || !strcmp(curve, algorithm->curves[1]));
}

/* Free *key_out whatever comes of it. */
static enum err
open_key(const struct jwt_key *key, EVP_PKEY **key_out, struct errctx *ctx)
{
	struct errctx inner = { 0 };

	if (key->len > KEY_TEXT_MAX || strlen(key->text) != key->len)
		return err_set(ctx, ERR_VALUE, "key", "is not a private key");
	enum err err = looks_like_jwk(key) ? open_jwk(key, key_out, &inner)
					   : pem_key_open(key->text, NULL, key_out, &inner);
	return err ? err_set(ctx, err, "key", "%s", err_text(&inner)) : OK;
}

static enum err
private_key_to_jwk(const struct jwt_key *key, const struct algorithm *algorithm, json_t **jwk_out,
    struct errctx *ctx)
{
	EVP_PKEY *opened = NULL;
	enum err err = open_key(key, &opened, ctx);

	if (!err && !key_fits(opened, algorithm))
		err = err_set(ctx, ERR_VALUE, "key", "does not fit: %s %s", algorithm->name,
		    algorithm->wants);
	if (!err) {
		jose_cfg_t *cfg = quiet();
		json_t *jwk = jose_openssl_jwk_from_EVP_PKEY(cfg, opened);

		jose_cfg_decref(cfg);
		if (jwk)
			*jwk_out = jwk;
		else
			err = err_set(ctx, ERR_VALUE, "key", "cannot be used");
	}
	EVP_PKEY_free(opened);
	ERR_clear_error();
	return err;
}

static enum err
key_to_jwk(const struct jwt_key *key, json_t **jwk_out, bool *is_secret_out, struct errctx *ctx)
{
	const struct algorithm *algorithm = algorithm_find(key->algorithm);

	*is_secret_out = algorithm && !algorithm->kind;
	if (!algorithm)
		return err_set(ctx, ERR_VALUE, "algorithm", "must be one of " JWT_ALGORITHMS);
	return algorithm->kind ? private_key_to_jwk(key, algorithm, jwk_out, ctx)
			       : secret_to_jwk(key, jwk_out, ctx);
}

/* ---- tokens ---- */

/* The protected header: what the caller wants in it and the algorithm. */
static enum err
make_header(const char *algorithm, const json_t *headers, json_t **header_out, struct errctx *ctx)
{
	/* both change what a signature covers or how it is to be read (RFC 7515, RFC 7797) */
	static const char *const refused[] = { "crit", "b64" };
	const char *other = json_get_text(headers, "alg");

	if (headers && !json_is_object(headers))
		return err_set(ctx, ERR_VALUE, "headers", "must be an object");
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (json_object_get(headers, refused[i]))
			return err_set(ctx, ERR_VALUE, "headers", "must not hold \"%s\"",
			    refused[i]);
	if (json_object_get(headers, "alg") && (!other || strcmp(other, algorithm) != 0))
		return err_set(ctx, ERR_VALUE, "headers", "name another algorithm than %s",
		    algorithm);
	json_t *header = headers ? json_deep_copy(headers) : json_object();
	json_put_text(header, "alg", algorithm);
	*header_out = header;
	return OK;
}

/* libjose's own form of a token: payload, protected header and signature, each in base64url. */
static json_t *
sign(const json_t *jwk, json_t *header, const json_t *claims)
{
	jose_cfg_t *cfg = quiet();
	json_t *jws = json_object();
	json_auto_t *how = json_object();
	auto_wipe char *text = json_text(claims);
	auto_wipe char *payload = crypt_base64url(text, strlen(text));

	json_put_text(jws, "payload", payload);
	json_put(how, "protected", json_incref(header));
	bool signed_ = jose_jws_sig(cfg, jws, how, jwk);
	jose_cfg_decref(cfg);
	ERR_clear_error();
	if (signed_)
		return jws;
	json_decref(jws);
	return NULL;
}

enum err
jwt_sign(const struct jwt_key *key, const json_t *headers, const json_t *claims, struct buf *token,
    struct errctx *ctx)
{
	static const char *const parts[] = { "protected", "payload", "signature" };
	json_auto_t *jwk = NULL, *header = NULL, *jws = NULL;
	bool is_secret;

	if (!json_is_object(claims))
		return err_set(ctx, ERR_VALUE, "claims", "must be an object");
	enum err err = key_to_jwk(key, &jwk, &is_secret, ctx);
	if (!err)
		err = make_header(key->algorithm, headers, &header, ctx);
	if (err)
		return err;
	jws = sign(jwk, header, claims);
	if (!jws)
		return err_set(ctx, ERR_VALUE, "key", "does not sign");
	for (size_t i = 0; i < 3; i++) {
		if (i)
			buf_add_char(token, '.');
		buf_add_text(token, json_get_text(jws, parts[i]));
	}
	return token->over ? err_set(ctx, ERR_VALUE, "claims", "make too long a token") : OK;
}

/* A damaged key signs, but not so that its own other half agrees. */
static bool
signs_well(const json_t *jwk, const char *algorithm)
{
	json_auto_t *claims = json_object(), *header = json_object();

	json_put_text(header, "alg", algorithm);
	json_auto_t *jws = sign(jwk, header, claims);
	if (!jws)
		return false;
	jose_cfg_t *cfg = quiet();
	bool verified = jose_jws_ver(cfg, jws, NULL, jwk, false);
	jose_cfg_decref(cfg);
	ERR_clear_error();
	return verified;
}

enum err
jwt_key_check(const struct jwt_key *key, struct errctx *ctx)
{
	json_auto_t *jwk = NULL;
	bool is_secret;
	enum err err = key_to_jwk(key, &jwk, &is_secret, ctx);

	if (err)
		return err;
	return signs_well(jwk, key->algorithm) ? OK : err_set(ctx, ERR_VALUE, "key", "is damaged");
}
