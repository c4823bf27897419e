/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates, private keys, PKCS#12 and OpenPGP keys of strangers: what is taken, what is refused
 * and in which words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/crypt.h"
#include "base/pem.h"
#include "catalog/armour.h"
#include "catalog/key_types.h"

#define PASSPHRASE "open-sesame"

/* A file of tests/data/keys; the caller frees it. */
static char *
data(const char *name, size_t *len_out)
{
	const char *top = getenv("BAILEE_TEST_DATA");
	auto_free char *path = xasprintf("%s/keys/%s", top ? top : "tests/data", name);
	FILE *file = fopen(path, "rbe");
	char *bytes = xmalloc(65536);

	if (!file)
		fail_msg("no file %s", path);
	size_t len = fread(bytes, 1, 65535, file);
	assert_int_equal(fclose(file), 0);
	bytes[len] = '\0';
	if (len_out)
		*len_out = len;
	return bytes;
}

static void
keys_are_taken_or_refused_in_plain_words(void **state)
{
	static const struct {
		const char *file, *passphrase, *words; /* NULL: taken */
	} cases[] = {
		{ "rsa.key", NULL, NULL },
		{ "rsa.key", "not needed", NULL },
		{ "ec.key", NULL, NULL }, /* with EC PARAMETERS in front */
		{ "ed25519.key", NULL, NULL },
		{ "rsa-encrypted.key", PASSPHRASE, NULL },
		{ "rsa-older.key", PASSPHRASE, NULL },
		{ "rsa-encrypted.key", NULL, "is encrypted; its passphrase is missing" },
		{ "rsa-older.key", "", "is encrypted; its passphrase is missing" },
		{ "rsa-encrypted.key", "wrong", "does not open with this passphrase" },
		{ "rsa-older.key", "wrong", "does not open with this passphrase" },
		{ "rsa-rounds.key", PASSPHRASE, "takes too long to open: too many rounds" },
		{ "weak.key", NULL, "must be an RSA key of 2048 to 8192 bits" },
		{ "koblitz.key", NULL, "must be on one of the curves P-256, P-384 and P-521" },
		{ "rsa.crt", NULL,
		    "is not a private key in PEM form (-----BEGIN PRIVATE KEY-----)" },
		{ "gpg-private.asc", NULL,
		    "is not a private key in PEM form (-----BEGIN PRIVATE KEY-----)" },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		auto_free char *pem = data(cases[i].file, NULL);
		struct errctx ctx = { 0 };
		enum err err = pem_private_key_check(pem, cases[i].passphrase, &ctx);

		if (!cases[i].words && err)
			fail_msg("%s: %s", cases[i].file, err_text(&ctx));
		if (cases[i].words) {
			assert_int_equal(err, ERR_VALUE);
			assert_string_equal(err_text(&ctx), cases[i].words);
		}
	}
}

static void
too_many_rounds_are_refused_before_they_are_begun(void **state)
{
	auto_free char *pem = data("rsa-rounds.key", NULL);
	clock_t before = clock();
	(void)state;

	assert_int_equal(pem_private_key_check(pem, PASSPHRASE, NULL), ERR_VALUE);
	assert_true(clock() - before < CLOCKS_PER_SEC / 2);
}

static void
two_keys_in_one_text_are_refused(void **state)
{
	auto_free char *one = data("rsa.key", NULL);
	auto_free char *two = xasprintf("%s%s", one, one);
	(void)state;

	assert_int_equal(pem_private_key_check(two, NULL, NULL), ERR_VALUE);
}

static void
every_damaged_byte_is_survived(void **state)
{
	static const char *const files[] = { "ec.key", "rsa-encrypted.key", "ec.crt" };
	(void)state;

	for (size_t f = 0; f < sizeof(files) / sizeof(files[0]); f++) {
		size_t len = 0;
		auto_free char *pem = data(files[f], &len);

		for (size_t i = 0; i < len; i += 7) {
			char kept = pem[i];

			pem[i] = kept == 'A' ? 'B' : 'A';
			if (f < 2)
				(void)!pem_private_key_check(pem, "x", NULL);
			else
				(void)!pem_certificate_check(pem, NULL);
			pem[i] = kept;
		}
	}
}

static void
certificates_are_taken_or_refused_in_plain_words(void **state)
{
	static const struct {
		const char *file, *words;
	} cases[] = {
		{ "rsa.crt", NULL },
		{ "ec.crt", NULL },
		{ "chain.crt", NULL },
		{ "weak.crt", "must be an RSA key of 2048 to 8192 bits" },
		{ "expired.crt", "has expired" },
		{ "rsa.key", "is not a certificate in PEM form (-----BEGIN CERTIFICATE-----)" },
		{ "gpg-public.asc",
		    "is not a certificate in PEM form (-----BEGIN CERTIFICATE-----)" },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		auto_free char *pem = data(cases[i].file, NULL);
		struct errctx ctx = { 0 };
		enum err err = pem_certificate_check(pem, &ctx);

		if (!cases[i].words && err)
			fail_msg("%s: %s", cases[i].file, err_text(&ctx));
		if (cases[i].words)
			assert_string_equal(err_text(&ctx), cases[i].words);
	}
	assert_int_equal(pem_certificate_check("", NULL), ERR_VALUE);
}

static void
a_key_must_belong_to_its_certificate(void **state)
{
	auto_free char *certificate = data("rsa.crt", NULL), *chain = data("chain.crt", NULL);
	auto_free char *key = data("rsa.key", NULL), *other = data("ec.key", NULL);
	struct errctx ctx = { 0 };
	(void)state;

	assert_int_equal(pem_pair_check(certificate, key, NULL, NULL), OK);
	assert_int_equal(pem_pair_check(chain, other, NULL, NULL), OK); /* the first counts */
	assert_int_equal(pem_pair_check(certificate, other, NULL, &ctx), ERR_VALUE);
	assert_string_equal(err_text(&ctx), "does not belong to the certificate");
}

static void
binary_files_become_pem(void **state)
{
	size_t len = 0;
	auto_free unsigned char *der = (unsigned char *)data("rsa.der", &len);
	char *certificate = NULL, *key = NULL;
	(void)state;

	assert_int_equal(pem_from_file(der, len, NULL, &certificate, &key, NULL), OK);
	assert_null(key);
	assert_int_equal(pem_certificate_check(certificate, NULL), OK);
	free(certificate);
	auto_free unsigned char *container = (unsigned char *)data("rsa.p12", &len);
	assert_int_equal(pem_from_file(container, len, PASSPHRASE, &certificate, &key, NULL), OK);
	assert_int_equal(pem_pair_check(certificate, key, NULL, NULL), OK);
	free(certificate);
	free(key);
	for (size_t i = 0; i < len; i += 5) { /* cut anywhere */
		if (!pem_from_file(container, i, PASSPHRASE, &certificate, &key, NULL))
			fail_msg("took %zu bytes", i);
	}
}

static void
containers_are_refused_in_plain_words(void **state)
{
	static const struct {
		const char *file, *passphrase, *words;
	} cases[] = {
		{ "rsa.p12", "wrong", "does not open with this passphrase" },
		{ "rsa.p12", NULL, "does not open with this passphrase" },
		{ "old.p12", PASSPHRASE,
		    "is protected with RC2, which is too weak; export it again with AES" },
		{ "certificate-only.p12", PASSPHRASE,
		    "must hold a private key and its certificate" },
		{ "gpg-public.asc", NULL, "is neither a certificate nor a PKCS#12 file" },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t len = 0;
		auto_free unsigned char *bytes = (unsigned char *)data(cases[i].file, &len);
		char *certificate = NULL, *key = NULL;
		struct errctx ctx = { 0 };

		assert_int_equal(pem_from_file(bytes, len, cases[i].passphrase, &certificate, &key,
				     &ctx),
		    ERR_VALUE);
		assert_string_equal(err_text(&ctx), cases[i].words);
	}
}

/* ---- OpenPGP ---- */

static void
armoured_keys_are_told_apart(void **state)
{
	auto_free char *public = data("gpg-public.asc", NULL);
	auto_free char *rsa = data("gpg-rsa-public.asc", NULL);
	auto_free char *secret = data("gpg-private.asc", NULL);
	struct errctx ctx = { 0 };
	(void)state;

	assert_int_equal(armour_key_check(public, false, &ctx), OK);
	assert_int_equal(armour_key_check(rsa, false, &ctx), OK);
	assert_int_equal(armour_key_check(secret, true, &ctx), OK);
	assert_int_equal(armour_key_check(public, true, NULL), ERR_VALUE);
	assert_int_equal(armour_key_check(secret, false, NULL), ERR_VALUE);
	assert_int_equal(armour_key_check("", false, NULL), ERR_VALUE);
}

/* `text` with the first `from` as `to`. */
static char *
changed(const char *text, const char *from, const char *to)
{
	const char *at = strstr(text, from);

	assert_non_null(at);
	return xasprintf("%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
}

static void
armour_is_read_by_the_letter(void **state)
{
	static const struct {
		const char *from, *to, *words; /* NULL: taken */
	} cases[] = {
		{ "BLOCK-----\n\n", "BLOCK-----\r\nComment: mine\r\n\r\n", NULL },
		{ "=fMHI\n", "", NULL }, /* the checksum may be left out */
		{ "=fMHI", "=fMHJ", "is damaged: its checksum differs" },
		{ "mDME", "mDMF", "is damaged: its checksum differs" },
		{ "mDME", "m*ME", "is damaged: not base64" },
		{ "BLOCK-----\n\n", "BLOCK-----\n", "lacks the blank line behind its headers" },
		{ "-----END PGP PUBLIC", "-----END PGP PRIVATE",
		    "does not end with -----END PGP PUBLIC KEY BLOCK-----" },
		{ "-----END PGP PUBLIC KEY BLOCK-----", "-----END PGP PUBLIC KEY BLOCK-----\nmore",
		    "does not end with -----END PGP PUBLIC KEY BLOCK-----" },
		{ "-----BEGIN", "hello\n-----BEGIN",
		    "does not begin with -----BEGIN PGP PUBLIC KEY BLOCK-----" },
	};
	auto_free char *good = data("gpg-public.asc", NULL);
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		auto_free char *text = changed(good, cases[i].from, cases[i].to);
		struct errctx ctx = { 0 };
		enum err err = armour_key_check(text, false, &ctx);

		if (!cases[i].words && err)
			fail_msg("%zu: %s", i, err_text(&ctx));
		if (cases[i].words)
			assert_string_equal(err_text(&ctx), cases[i].words);
	}
}

static enum err
check_packets(const void *bytes, size_t len, struct errctx *ctx)
{
	auto_free char *body = crypt_base64(bytes, len);
	auto_free char *text = xasprintf(
	    "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n%s\n-----END PGP PUBLIC KEY BLOCK-----", body);

	*ctx = (struct errctx){ 0 };
	return armour_key_check(text, false, ctx);
}

static void
packets_must_be_whole_and_of_the_public_half(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		bool fine;
	} cases[] = {
		{ "\x98\x06\x04tttt\x16", 8, true },            /* old form, one byte of length */
		{ "\xc6\x06\x04tttt\x16", 8, true },            /* new form */
		{ "\xc6\xff\0\0\0\x06\x04tttt\x16", 12, true }, /* new form, five bytes */
		{ "\xc6\x06\x06tttt\x16", 8, true },            /* version 6 */
		{ "\xc6\x06\x03tttt\x16", 8, false },           /* version 3 */
		{ "\xc6\x07\x04tttt\x16", 8, false },           /* cut */
		{ "\xc6\xff\xff\xff\xff\xff\x04tttt\x16", 12, false },
		{ "\xc6\xe6\x04tttt\x16", 8, false }, /* partial length */
		{ "\x9b\x06\x04tttt\x16", 8, false }, /* indeterminate length */
		{ "\x46\x06\x04tttt\x16", 8, false }, /* no packet */
		{ "\xc6", 1, false },
		{ "\xc5\x06\x04tttt\x16", 8, false },                      /* a secret key */
		{ "\xc6\x06\x04tttt\x16\xc7\x06\x04tttt\x16", 16, false }, /* hidden behind */
		{ "\xc2\x06\x04tttt\x16", 8, false },                      /* a signature first */
		{ "", 0, false },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct errctx ctx;

		if (!check_packets(cases[i].bytes, cases[i].len, &ctx) != cases[i].fine)
			fail_msg("case %zu: %s", i, err_text(&ctx));
	}
}

/* ---- key types made of them ---- */

static enum err
check_type(const char *type, json_t *parameters, struct errctx *ctx)
{
	*ctx = (struct errctx){ 0 };
	return key_type_check(key_type_find(type), parameters, "parameters", ctx);
}

static json_t *
with_file(json_t *parameters, const char *field, const char *file)
{
	auto_free char *text = data(file, NULL);

	json_put_text(parameters, field, text);
	return parameters;
}

static void
pairs_are_checked_by_field(void **state)
{
	static const char *const types[] = { "apn", "clientcertauth", "eet" };
	struct errctx ctx;
	(void)state;

	for (size_t i = 0; i < 3; i++) {
		json_auto_t *parameters =
		    with_file(with_file(json_object(), "certificate", "rsa.crt"), "privateKey",
			"rsa-encrypted.key");

		assert_int_equal(check_type(types[i], parameters, &ctx), ERR_FIELD);
		assert_string_equal(ctx.sub[0].path, "parameters.privateKey");
		json_put_text(parameters, "passphrase", PASSPHRASE);
		assert_int_equal(check_type(types[i], parameters, &ctx), OK);
		with_file(parameters, "privateKey", "ec.key");
		assert_int_equal(check_type(types[i], parameters, &ctx), ERR_FIELD);
		assert_string_equal(err_text(&ctx), "does not belong to the certificate");
		json_object_del(parameters, "privateKey");
		assert_int_equal(check_type(types[i], parameters, &ctx), ERR_FIELD);
		assert_string_equal(err_text(&ctx), "is required");
		with_file(parameters, "certificate", "weak.crt");
		with_file(parameters, "privateKey", "rsa.crt");
		assert_int_equal(check_type(types[i], parameters, &ctx), ERR_FIELD);
		assert_int_equal(ctx.n_sub, 2); /* both are told */
	}
}

static void
a_container_is_unpacked_once(void **state)
{
	size_t len = 0;
	auto_free char *bytes = data("rsa.p12", &len);
	auto_free char *text = crypt_base64(bytes, len);
	json_auto_t *parameters = json_object();
	struct errctx ctx;
	(void)state;

	json_put_text(parameters, "certificate", text);
	assert_int_equal(check_type("eet", parameters, &ctx), ERR_FIELD);
	assert_string_equal(err_text(&ctx), "does not open with this passphrase");
	json_put_text(parameters, "passphrase", PASSPHRASE);
	json_put_text(parameters, "privateKey", "one more");
	assert_int_equal(check_type("eet", parameters, &ctx), ERR_FIELD);
	assert_string_equal(ctx.sub[0].path, "parameters.privateKey");
	json_object_del(parameters, "privateKey");
	assert_int_equal(check_type("eet", parameters, &ctx), OK);
	assert_null(json_object_get(parameters, "passphrase"));
	json_auto_t *kept = json_deep_copy(parameters);
	assert_int_equal(check_type("eet", parameters, &ctx), OK);
	assert_true(json_equal(kept, parameters));
}

static void
single_keys_are_checked_by_field(void **state)
{
	static const struct {
		const char *type, *field, *good, *bad;
	} cases[] = {
		{ "webpay", "privateKey", "rsa.key", "rsa.crt" },
		{ "gpg-private", "privateKey", "gpg-private.asc", "gpg-public.asc" },
		{ "gpg-public", "publicKey", "gpg-public.asc", "gpg-private.asc" },
	};
	struct errctx ctx;
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_auto_t *good = with_file(json_object(), cases[i].field, cases[i].good);
		json_auto_t *bad = with_file(json_object(), cases[i].field, cases[i].bad);
		auto_free char *path = xasprintf("parameters.%s", cases[i].field);

		assert_int_equal(check_type(cases[i].type, good, &ctx), OK);
		assert_int_equal(check_type(cases[i].type, bad, &ctx), ERR_FIELD);
		assert_string_equal(ctx.sub[0].path, path);
		assert_null(strstr(ctx.sub[0].text, "AAAA"));
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_are_taken_or_refused_in_plain_words),
		cmocka_unit_test(too_many_rounds_are_refused_before_they_are_begun),
		cmocka_unit_test(two_keys_in_one_text_are_refused),
		cmocka_unit_test(every_damaged_byte_is_survived),
		cmocka_unit_test(certificates_are_taken_or_refused_in_plain_words),
		cmocka_unit_test(a_key_must_belong_to_its_certificate),
		cmocka_unit_test(binary_files_become_pem),
		cmocka_unit_test(containers_are_refused_in_plain_words),
		cmocka_unit_test(armoured_keys_are_told_apart),
		cmocka_unit_test(armour_is_read_by_the_letter),
		cmocka_unit_test(packets_must_be_whole_and_of_the_public_half),
		cmocka_unit_test(pairs_are_checked_by_field),
		cmocka_unit_test(a_container_is_unpacked_once),
		cmocka_unit_test(single_keys_are_checked_by_field),
	};

	return cmocka_run_group_tests_name("pem", tests, NULL, NULL);
}
