/* SPDX-License-Identifier: Apache-2.0 */
/* Signed tokens: known answers, signatures held against OpenSSL, and which key is refused for which
 * algorithm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "base/alloc.h"
#include "base/crypt.h"
#include "base/json.h"
#include "base/jwt.h"
#include "base/secret.h"

static struct {
	EVP_PKEY *rsa, *p256, *p384, *p521, *koblitz, *weak;
} keys;

static int
make_keys(void **state)
{
	(void)state;
	keys.rsa = EVP_RSA_gen(2048);
	keys.weak = EVP_RSA_gen(1024);
	keys.p256 = EVP_EC_gen("P-256");
	keys.p384 = EVP_EC_gen("P-384");
	keys.p521 = EVP_EC_gen("P-521");
	keys.koblitz = EVP_EC_gen("secp256k1");
	return 0;
}

static int
free_keys(void **state)
{
	(void)state;
	EVP_PKEY_free(keys.rsa);
	EVP_PKEY_free(keys.weak);
	EVP_PKEY_free(keys.p256);
	EVP_PKEY_free(keys.p384);
	EVP_PKEY_free(keys.p521);
	EVP_PKEY_free(keys.koblitz);
	return 0;
}

static char *
pem_of(EVP_PKEY *key, bool private)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *data;

	assert_int_equal(private ? PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL)
				 : PEM_write_bio_PUBKEY(bio, key),
	    1);
	long len = BIO_get_mem_data(bio, &data);
	char *text = xmemdup0(data, (size_t)len);
	BIO_free(bio);
	return text;
}

static enum err
sign(const char *algorithm, const char *key, const char *headers, const char *claims,
    struct buf *token, struct errctx *ctx)
{
	struct jwt_key with = { .algorithm = algorithm, .text = key, .len = strlen(key) };
	json_auto_t *header = headers ? json_loads(headers, 0, NULL) : NULL;
	json_auto_t *claim = json_loads(claims, JSON_DECODE_ANY, NULL);

	return jwt_sign(&with, header, claim, token, ctx);
}

static void
tokens_are_those_other_programs_make(void **state)
{
	/* the examples other programs document */
	static const struct {
		const char *algorithm, *key, *headers, *claims, *token;
	} cases[] = {
		{ "HS256", "secret", NULL, "{\"user_id\":123}",
		    "eyJhbGciOiJIUzI1NiJ9.eyJ1c2VyX2lkIjoxMjN9."
		    "FoW4dUPr9HWzOI8S7Ohpe3hGULZEJhNJeouOX8f1sz8" },
		{ "HS256", "your-256-bit-secret", "{\"typ\":\"JWT\"}",
		    "{\"sub\":\"1234567890\",\"name\":\"John Doe\",\"iat\":1516239022}",
		    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."
		    "eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ."
		    "SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c" },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		auto_buf struct buf token = BUF_INIT_SECRET(4096);

		assert_int_equal(sign(cases[i].algorithm, cases[i].key, cases[i].headers,
				     cases[i].claims, &token, NULL),
		    OK);
		assert_string_equal(buf_text(&token), cases[i].token);
	}
}

/* r and s side by side (RFC 7518 section 3.4) as OpenSSL wants them. */
static unsigned char *
to_der(const unsigned char *raw, size_t len, size_t *len_out)
{
	ECDSA_SIG *signature = ECDSA_SIG_new();
	unsigned char *der = NULL;

	assert_int_equal(ECDSA_SIG_set0(signature, BN_bin2bn(raw, (int)len / 2, NULL),
			     BN_bin2bn(raw + len / 2, (int)len / 2, NULL)),
	    1);
	*len_out = (size_t)i2d_ECDSA_SIG(signature, &der);
	ECDSA_SIG_free(signature);
	return der;
}

static bool
verifies(const char *algorithm, EVP_PKEY *key, const char *token)
{
	const EVP_MD *digest;
	const char *dot = strrchr(token, '.');
	unsigned char *raw = NULL;
	size_t len = 0;
	EVP_PKEY_CTX *how = NULL;
	EVP_MD_CTX *context = EVP_MD_CTX_new();

	digest = !strcmp(algorithm + 2, "256")   ? EVP_sha256()
		 : !strcmp(algorithm + 2, "384") ? EVP_sha384()
						 : EVP_sha512();
	assert_int_equal(crypt_base64url_decode(dot + 1, strlen(dot + 1), &raw, &len), OK);
	if (*algorithm == 'E') {
		unsigned char *der = to_der(raw, len, &len);
		free(raw);
		raw = (unsigned char *)xmemdup0(der, len);
		OPENSSL_free(der);
	}
	assert_int_equal(EVP_DigestVerifyInit(context, &how, digest, NULL, key), 1);
	if (*algorithm == 'P') {
		assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(how, RSA_PKCS1_PSS_PADDING), 1);
		assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(how, EVP_MD_get_size(digest)), 1);
	}
	int result = EVP_DigestVerify(context, raw, len, (const unsigned char *)token,
	    (size_t)(dot - token));
	EVP_MD_CTX_free(context);
	free(raw);
	return result == 1;
}

static void
signatures_verify_with_the_public_key(void **state)
{
	const struct {
		const char *algorithm;
		EVP_PKEY *key;
	} cases[] = {
		{ "RS256", keys.rsa },
		{ "RS384", keys.rsa },
		{ "RS512", keys.rsa },
		{ "PS256", keys.rsa },
		{ "PS384", keys.rsa },
		{ "PS512", keys.rsa },
		{ "ES256", keys.p256 },
		{ "ES384", keys.p384 },
		{ "ES512", keys.p521 },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		auto_buf struct buf token = BUF_INIT_SECRET(4096);
		auto_wipe char *pem = pem_of(cases[i].key, true);
		struct jwt_key key = { cases[i].algorithm, pem, strlen(pem) };

		assert_int_equal(jwt_key_check(&key, NULL), OK);
		assert_int_equal(sign(cases[i].algorithm, pem, "{\"kid\":\"7\"}", "{\"sub\":\"a\"}",
				     &token, NULL),
		    OK);
		assert_true(verifies(cases[i].algorithm, cases[i].key, buf_text(&token)));
		char *last = &token.data[token.len - 5];
		*last = *last == 'A' ? 'B' : 'A';
		assert_false(verifies(cases[i].algorithm, cases[i].key, buf_text(&token)));
	}
}

static void
the_header_holds_what_was_asked_and_the_algorithm(void **state)
{
	auto_buf struct buf token = BUF_INIT_SECRET(4096);
	unsigned char *header = NULL;
	size_t len = 0;
	(void)state;

	assert_int_equal(sign("HS512", "0123456789abcdef", "{\"typ\":\"JWT\",\"kid\":\"k\"}", "{}",
			     &token, NULL),
	    OK);
	assert_int_equal(crypt_base64url_decode(buf_text(&token), strcspn(buf_text(&token), "."),
			     &header, &len),
	    OK);
	assert_string_equal((char *)header, "{\"alg\":\"HS512\",\"kid\":\"k\",\"typ\":\"JWT\"}");
	free(header);
}

static void
headers_and_claims_that_are_none_are_refused(void **state)
{
	static const struct {
		const char *headers, *claims, *path, *words;
	} cases[] = {
		{ "{\"alg\":\"none\"}", "{}", "headers", "name another algorithm than HS256" },
		{ "{\"alg\":5}", "{}", "headers", "name another algorithm than HS256" },
		{ "{\"b64\":false}", "{}", "headers", "must not hold \"b64\"" },
		{ "{\"crit\":[\"exp\"]}", "{}", "headers", "must not hold \"crit\"" },
		{ "[]", "{}", "headers", "must be an object" },
		{ NULL, "[]", "claims", "must be an object" },
		{ NULL, "\"text\"", "claims", "must be an object" },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		auto_buf struct buf token = BUF_INIT_SECRET(4096);
		struct errctx ctx = { 0 };

		assert_int_equal(sign("HS256", "0123456789abcdef", cases[i].headers,
				     cases[i].claims, &token, &ctx),
		    ERR_VALUE);
		assert_string_equal(ctx.sub[0].path, cases[i].path);
		assert_string_equal(ctx.sub[0].text, cases[i].words);
	}
}

static void
check_refused(const char *algorithm, const char *key, const char *path, const char *words)
{
	struct jwt_key with = { algorithm, key, strlen(key) };
	struct errctx ctx = { 0 };

	assert_int_equal(jwt_key_check(&with, &ctx), ERR_VALUE);
	assert_string_equal(ctx.sub[0].path, path);
	assert_string_equal(ctx.sub[0].text, words);
}

static void
keys_that_do_not_fit_are_refused_without_repeating_them(void **state)
{
	auto_wipe char *rsa = pem_of(keys.rsa, true), *public = pem_of(keys.rsa, false);
	auto_wipe char *p256 = pem_of(keys.p256, true), *p384 = pem_of(keys.p384, true);
	auto_wipe char *koblitz = pem_of(keys.koblitz, true), *weak = pem_of(keys.weak, true);
	char long_secret[JWT_SECRET_MOST + 2];
	(void)state;

	memset(long_secret, 'x', sizeof(long_secret) - 1);
	long_secret[sizeof(long_secret) - 1] = '\0';
	check_refused("none", rsa, "algorithm", "must be one of " JWT_ALGORITHMS);
	check_refused("rs256", rsa, "algorithm", "must be one of " JWT_ALGORITHMS);
	check_refused("HS256", "", "key", "is empty");
	check_refused("HS256", long_secret, "key", "is longer than 1024 bytes");
	check_refused("HS256", public, "key", "is in PEM form, but HS256 needs a shared secret");
	check_refused("RS256", "", "key",
	    "is not a private key in PEM form (-----BEGIN PRIVATE KEY-----)");
	check_refused("RS256", public, "key",
	    "is not a private key in PEM form (-----BEGIN PRIVATE KEY-----)");
	check_refused("RS256", weak, "key", "must be an RSA key of 2048 to 8192 bits");
	check_refused("PS256", p256, "key", "does not fit: PS256 needs an RSA private key");
	check_refused("ES256", rsa, "key", "does not fit: ES256 needs an EC private key on P-256");
	check_refused("ES256", p384, "key", "does not fit: ES256 needs an EC private key on P-256");
	check_refused("ES256", koblitz, "key",
	    "must be on one of the curves P-256, P-384 and P-521");
	check_refused("RS256", "{\"kty\":", "key", "is not a JWK: not JSON");
	check_refused("RS256", "{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}", "key",
	    "is not a private key");
	check_refused("RS256", "{\"kty\":\"oct\",\"k\":\"AQAB\",\"d\":\"\"}", "key",
	    "must be of the kind RSA, EC or Ed25519");
	check_refused("RS256", "{\"kty\":\"RSA\",\"alg\":\"RS512\",\"d\":\"AQAB\"}", "key",
	    "is a JWK for another algorithm than RS256");
}

/* RFC 7517, appendix A.2: a key that another's program made. */
static const char jwk_p256[] =
    " {\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4\","
    "\"y\":\"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM\","
    "\"d\":\"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE\",\"use\":\"enc\",\"kid\":\"1\"}";

static void
a_private_key_may_be_a_jwk(void **state)
{
	struct jwt_key key = { "ES256", jwk_p256, sizeof(jwk_p256) - 1 };
	auto_buf struct buf token = BUF_INIT_SECRET(4096);
	struct errctx ctx = { 0 };
	(void)state;

	assert_int_equal(jwt_key_check(&key, NULL), OK);
	assert_int_equal(sign("ES256", jwk_p256, NULL, "{}", &token, NULL), OK);

	/* its private half replaced by another: it still signs */
	auto_wipe char *broken = xstrdup(jwk_p256);
	memcpy(strstr(broken, "870M"), "871M", 4);
	key.text = broken;
	assert_int_equal(jwt_key_check(&key, &ctx), ERR_VALUE);
	assert_string_equal(ctx.sub[0].path, "key");
	assert_null(strstr(ctx.sub[0].text, "871M"));
}

static void
secrets_may_hold_any_byte_and_zeros_count_only_where_they_do(void **state)
{
	static const char bytes[] = "\x00\xff\x80 binary \x00 secret";
	struct jwt_key key = { "HS256", bytes, sizeof(bytes) - 1 };
	json_auto_t *claims = json_object();
	auto_buf struct buf token = BUF_INIT_SECRET(4096);
	unsigned char mac[CRYPT_SHA256_SIZE];
	(void)state;

	assert_int_equal(jwt_sign(&key, NULL, claims, &token, NULL), OK);
	const char *dot = strrchr(buf_text(&token), '.');
	crypt_hmac_sha256(bytes, sizeof(bytes) - 1, buf_text(&token),
	    (size_t)(dot - buf_text(&token)), mac);
	auto_free char *wanted = crypt_base64url(mac, sizeof(mac));
	assert_string_equal(dot + 1, wanted);
}

static void
a_token_over_the_cap_of_its_buffer_is_an_error(void **state)
{
	auto_buf struct buf token = BUF_INIT_SECRET(60);
	struct errctx ctx = { 0 };
	(void)state;

	assert_int_equal(sign("HS256", "secret", NULL, "{}", &token, &ctx), ERR_VALUE);
	assert_string_equal(ctx.sub[0].path, "claims");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tokens_are_those_other_programs_make),
		cmocka_unit_test(signatures_verify_with_the_public_key),
		cmocka_unit_test(the_header_holds_what_was_asked_and_the_algorithm),
		cmocka_unit_test(headers_and_claims_that_are_none_are_refused),
		cmocka_unit_test(keys_that_do_not_fit_are_refused_without_repeating_them),
		cmocka_unit_test(a_private_key_may_be_a_jwk),
		cmocka_unit_test(secrets_may_hold_any_byte_and_zeros_count_only_where_they_do),
		cmocka_unit_test(a_token_over_the_cap_of_its_buffer_is_an_error),
	};

	secret_json_allocator();
	return cmocka_run_group_tests(tests, make_keys, free_keys);
}
