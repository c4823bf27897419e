/* SPDX-License-Identifier: Apache-2.0 */
/* HPKE against the RFC's own vectors, and against whoever bends a byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <jansson.h>
#include <openssl/err.h>

#include "base/crypt.h"
#include "vault/hpke.h"

#define PLAIN_MAX 256

struct bytes {
	unsigned char data[PLAIN_MAX];
	size_t len;
};

static struct bytes
from_hex(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));
	unsigned char *data;
	struct bytes bytes = { 0 };

	assert_non_null(text);
	assert_int_equal(crypt_hex_decode(text, strlen(text), &data, &bytes.len), OK);
	assert_true(bytes.len <= PLAIN_MAX);
	memcpy(bytes.data, data, bytes.len);
	free(data);
	return bytes;
}

static struct hpke_bytes
view(const struct bytes *bytes)
{
	return (struct hpke_bytes){ bytes->data, bytes->len };
}

static json_t *
load_vectors(void)
{
	const char *dir = getenv("BAILEE_TEST_DATA");
	char path[512];
	json_t *vectors;

	(void)snprintf(path, sizeof(path), "%s/hpke/base_mode.json", dir ? dir : "tests/data");
	vectors = json_load_file(path, 0, NULL);
	assert_true(json_array_size(vectors) == 2);
	return vectors;
}

static void
check_encryption(const json_t *row, struct hpke_context *sender, struct hpke_context *receiver)
{
	struct bytes aad = from_hex(row, "aad"), plain = from_hex(row, "pt"),
		     sealed = from_hex(row, "ct");
	unsigned char out[PLAIN_MAX];

	sender->seq = receiver->seq = (uint64_t)json_integer_value(json_object_get(row, "seq"));
	assert_int_equal(hpke_context_seal(sender, view(&aad), view(&plain), out), OK);
	assert_int_equal(sealed.len, plain.len + HPKE_TAG_SIZE);
	assert_memory_equal(out, sealed.data, sealed.len);
	assert_int_equal(hpke_context_open(receiver, view(&aad), view(&sealed), out), OK);
	assert_memory_equal(out, plain.data, plain.len);
	assert_int_equal(sender->seq, receiver->seq);
}

static void
check_vector(const json_t *vector)
{
	enum hpke_aead aead =
	    (enum hpke_aead)json_integer_value(json_object_get(vector, "aead_id"));
	struct bytes info = from_hex(vector, "info"), public_key = from_hex(vector, "pkRm"),
		     private_key = from_hex(vector, "skRm"), ephemeral = from_hex(vector, "skEm"),
		     enc = from_hex(vector, "enc"), key = from_hex(vector, "key"),
		     nonce = from_hex(vector, "base_nonce");
	struct hpke_private *recipient = hpke_private_new(private_key.data),
			    *fresh = hpke_private_new(ephemeral.data);
	struct hpke_context sender, receiver;
	unsigned char enc_made[HPKE_ENC_SIZE];
	const json_t *row;
	size_t i;

	assert_memory_equal(hpke_private_public(recipient), public_key.data, HPKE_KEY_SIZE);
	assert_int_equal(hpke_setup_sender(aead, public_key.data, fresh, view(&info), enc_made,
			     &sender),
	    OK);
	assert_memory_equal(enc_made, enc.data, HPKE_ENC_SIZE);
	assert_int_equal(hpke_setup_receiver(aead, recipient, enc.data, view(&info), &receiver),
	    OK);
	assert_memory_equal(sender.key, key.data, key.len);
	assert_memory_equal(receiver.key, key.data, key.len);
	assert_memory_equal(sender.base_nonce, nonce.data, HPKE_NONCE_SIZE);
	assert_memory_equal(receiver.base_nonce, nonce.data, HPKE_NONCE_SIZE);
	json_array_foreach(json_object_get(vector, "encryptions"), i, row)
	    check_encryption(row, &sender, &receiver);
	assert_true(i > 0);
	hpke_private_free(&recipient);
	hpke_private_free(&fresh);
}

static void
agrees_with_the_vectors_of_rfc9180(void **state)
{
	json_t *vectors = load_vectors();
	const json_t *vector;
	size_t i;

	(void)state;
	json_array_foreach(vectors, i, vector) check_vector(vector);
	json_decref(vectors);
}

static void
opens_the_aes256_vector_in_one_shot(void **state)
{
	json_t *vectors = load_vectors();
	const json_t *vector = json_array_get(vectors, 1);
	const json_t *row = json_array_get(json_object_get(vector, "encryptions"), 0);
	struct bytes info = from_hex(vector, "info"), private_key = from_hex(vector, "skRm"),
		     enc = from_hex(vector, "enc"), aad = from_hex(row, "aad"),
		     plain = from_hex(row, "pt"), sealed = from_hex(row, "ct");
	struct hpke_private *recipient = hpke_private_new(private_key.data);
	unsigned char out[PLAIN_MAX];

	(void)state;
	assert_int_equal(hpke_open(recipient, enc.data, view(&info), view(&aad), view(&sealed),
			     out),
	    OK);
	assert_memory_equal(out, plain.data, plain.len);
	hpke_private_free(&recipient);
	json_decref(vectors);
}

/* A sealed text and all that opens it. */
struct parcel {
	struct hpke_private *recipient;
	struct bytes info, aad, sealed;
	unsigned char enc[HPKE_ENC_SIZE];
};
static const char parcel_text[] = "correct horse battery staple";
#define PARCEL_LEN (sizeof(parcel_text) - 1)

static struct parcel
make_parcel(void)
{
	struct parcel parcel = { .info = { "info", 4 }, .aad = { "row 1", 5 } };
	struct secret bytes = { 0 };

	hpke_private_generate(&bytes);
	assert_int_equal(bytes.len, HPKE_KEY_SIZE);
	parcel.recipient = hpke_private_new(bytes.data);
	secret_free(&bytes);
	parcel.sealed.len = PARCEL_LEN + HPKE_TAG_SIZE;
	assert_int_equal(hpke_seal(hpke_private_public(parcel.recipient), view(&parcel.info),
			     view(&parcel.aad), (struct hpke_bytes){ parcel_text, PARCEL_LEN },
			     parcel.enc, parcel.sealed.data),
	    OK);
	return parcel;
}

static enum err
open_parcel(const struct parcel *parcel, unsigned char out[PLAIN_MAX])
{
	return hpke_open(parcel->recipient, parcel->enc, view(&parcel->info), view(&parcel->aad),
	    view(&parcel->sealed), out);
}

static void
opens_what_it_sealed(void **state)
{
	struct parcel parcel = make_parcel();
	unsigned char out[PLAIN_MAX];

	(void)state;
	assert_int_equal(open_parcel(&parcel, out), OK);
	assert_memory_equal(out, parcel_text, PARCEL_LEN);
	hpke_private_free(&parcel.recipient);
}

/* Bend each bit of `bytes` (a part of parcel) in turn. */
static void
refuse_each_bent_bit(const struct parcel *parcel, unsigned char *bytes, size_t len)
{
	unsigned char out[PLAIN_MAX];

	for (size_t bit = 0; bit < 8 * len; bit++) {
		bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
		memset(out, 0xaa, sizeof(out));
		assert_int_equal(open_parcel(parcel, out), ERR_INTEGRITY);
		assert_null(memmem(out, sizeof(out), parcel_text, PARCEL_LEN));
		bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
	}
}

static void
refuses_any_bent_bit(void **state)
{
	struct parcel parcel = make_parcel();

	(void)state;
	refuse_each_bent_bit(&parcel, parcel.sealed.data, parcel.sealed.len);
	refuse_each_bent_bit(&parcel, parcel.enc, sizeof(parcel.enc));
	refuse_each_bent_bit(&parcel, parcel.info.data, parcel.info.len);
	refuse_each_bent_bit(&parcel, parcel.aad.data, parcel.aad.len);
	assert_int_equal(ERR_peek_error(), 0); /* nothing left for the next TLS call to find */
	hpke_private_free(&parcel.recipient);
}

static void
refuses_every_shorter_ciphertext(void **state)
{
	struct parcel parcel = make_parcel();
	unsigned char out[PLAIN_MAX];

	(void)state;
	while (parcel.sealed.len-- > 0)
		assert_int_equal(open_parcel(&parcel, out), ERR_INTEGRITY);
	hpke_private_free(&parcel.recipient);
}

static void
refuses_another_recipient(void **state)
{
	struct parcel parcel = make_parcel(), other = make_parcel();
	struct hpke_private *right = parcel.recipient;
	unsigned char out[PLAIN_MAX];

	(void)state;
	parcel.recipient = other.recipient;
	assert_int_equal(open_parcel(&parcel, out), ERR_INTEGRITY);
	hpke_private_free(&right);
	hpke_private_free(&other.recipient);
}

static void
seals_the_same_text_differently_each_time(void **state)
{
	struct parcel parcel = make_parcel();
	unsigned char enc[HPKE_ENC_SIZE], sealed[PLAIN_MAX];

	(void)state;
	assert_int_equal(hpke_seal(hpke_private_public(parcel.recipient), view(&parcel.info),
			     view(&parcel.aad), (struct hpke_bytes){ parcel_text, PARCEL_LEN }, enc,
			     sealed),
	    OK);
	assert_memory_not_equal(enc, parcel.enc, sizeof(enc));
	assert_memory_not_equal(sealed, parcel.sealed.data, parcel.sealed.len);
	hpke_private_free(&parcel.recipient);
}

static void
seals_the_empty_text(void **state)
{
	struct parcel parcel = make_parcel();
	unsigned char out[PLAIN_MAX];

	(void)state;
	parcel.sealed.len = HPKE_TAG_SIZE;
	assert_int_equal(hpke_seal(hpke_private_public(parcel.recipient), (struct hpke_bytes){ 0 },
			     (struct hpke_bytes){ 0 }, (struct hpke_bytes){ 0 }, parcel.enc,
			     parcel.sealed.data),
	    OK);
	parcel.info.len = parcel.aad.len = 0;
	assert_int_equal(open_parcel(&parcel, out), OK);
	parcel.aad.len = 1;
	assert_int_equal(open_parcel(&parcel, out), ERR_INTEGRITY);
	hpke_private_free(&parcel.recipient);
}

/* The points of small order on Curve25519: with each, any private key gives the all-zero secret. */
static const char *const small_order[] = {
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0100000000000000000000000000000000000000000000000000000000000000",
	"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
	"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
};

static void
refuses_points_of_small_order(void **state)
{
	struct parcel parcel = make_parcel();
	unsigned char enc[HPKE_ENC_SIZE], out[PLAIN_MAX], *point;
	size_t len;

	(void)state;
	for (size_t i = 0; i < sizeof(small_order) / sizeof(small_order[0]); i++) {
		assert_int_equal(crypt_hex_decode(small_order[i], 64, &point, &len), OK);
		assert_int_equal(hpke_seal(point, view(&parcel.info), view(&parcel.aad),
				     view(&parcel.aad), enc, out),
		    ERR_INTEGRITY);
		memcpy(parcel.enc, point, HPKE_ENC_SIZE);
		assert_int_equal(open_parcel(&parcel, out), ERR_INTEGRITY);
		free(point);
	}
	assert_int_equal(ERR_peek_error(), 0);
	hpke_private_free(&parcel.recipient);
}

static void
refuses_a_sequence_number_that_would_wrap(void **state)
{
	struct parcel parcel = make_parcel();
	struct hpke_context context;
	unsigned char enc[HPKE_ENC_SIZE], out[PLAIN_MAX];

	(void)state;
	assert_int_equal(hpke_setup_sender(HPKE_AES_256_GCM, hpke_private_public(parcel.recipient),
			     NULL, view(&parcel.info), enc, &context),
	    OK);
	context.seq = UINT64_MAX;
	assert_int_equal(hpke_context_seal(&context, view(&parcel.aad), view(&parcel.aad), out),
	    ERR_TOO_LARGE);
	hpke_context_wipe(&context);
	hpke_private_free(&parcel.recipient);
}

/* Not a test: `test_hpke bench` prints what one operation costs. */
static void
bench(void)
{
	enum { ROUNDS = 5000 };
	struct parcel parcel = make_parcel();
	unsigned char out[PLAIN_MAX];
	struct timespec from, to;

	for (int sealing = 0; sealing < 2; sealing++) {
		(void)clock_gettime(CLOCK_MONOTONIC, &from);
		for (int i = 0; i < ROUNDS; i++) {
			enum err err = sealing ? hpke_seal(hpke_private_public(parcel.recipient),
						     view(&parcel.info), view(&parcel.aad),
						     view(&parcel.aad), parcel.enc, out)
					       : open_parcel(&parcel, out);
			if (err)
				abort();
		}
		(void)clock_gettime(CLOCK_MONOTONIC, &to);
		printf("%s: %.1f us\n", sealing ? "seal" : "open",
		    ((double)(to.tv_sec - from.tv_sec) * 1e9 +
			(double)(to.tv_nsec - from.tv_nsec)) /
			1e3 / ROUNDS);
	}
	hpke_private_free(&parcel.recipient);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_the_vectors_of_rfc9180),
		cmocka_unit_test(opens_the_aes256_vector_in_one_shot),
		cmocka_unit_test(opens_what_it_sealed),
		cmocka_unit_test(refuses_any_bent_bit),
		cmocka_unit_test(refuses_every_shorter_ciphertext),
		cmocka_unit_test(refuses_another_recipient),
		cmocka_unit_test(seals_the_same_text_differently_each_time),
		cmocka_unit_test(seals_the_empty_text),
		cmocka_unit_test(refuses_points_of_small_order),
		cmocka_unit_test(refuses_a_sequence_number_that_would_wrap),
	};

	if (argc > 1 && strcmp(argv[1], "bench") == 0) {
		bench();
		return 0;
	}
	return cmocka_run_group_tests_name("hpke", tests, NULL, NULL);
}
