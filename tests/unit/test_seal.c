/* SPDX-License-Identifier: Apache-2.0 */
/* Sealed values: they open in their own place only, and every bent byte is noticed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/alloc.h"
#include "base/crypt.h"
#include "vault/seal.h"

static const char value[] = "sk_live_do_not_show";
#define VALUE_LEN (sizeof(value) - 1)

/* Made once for all tests: a keyring with all keys, and the verified key of team 42, opened. */
static struct keyring *keyring;
static struct team_key team;
static unsigned char policy[SEAL_POLICY_SIZE];

static int
make_keys(void **state)
{
	char dir[] = "/tmp/bailee-seal-XXXXXX", paths[KEY_KIND_COUNT][96];
	const char *list[KEY_KIND_COUNT];

	(void)state;
	if (!mkdtemp(dir) || keyring_create_files(dir, NULL))
		return -1;
	for (int kind = 0; kind < KEY_KIND_COUNT; kind++) {
		(void)snprintf(paths[kind], sizeof(paths[kind]), "%s/%s", dir,
		    key_kinds[kind].file);
		list[kind] = paths[kind];
	}
	if (keyring_load(list, &keyring, NULL) ||
	    keyring_team_key_make(keyring, 42, 3, &team, NULL) ||
	    keyring_team_key_open(keyring, &team, NULL))
		return -1;
	for (int kind = 0; kind < KEY_KIND_COUNT; kind++)
		(void)unlink(paths[kind]);
	seal_policy_digest("lend", "[\"api.example.com\"]", policy);
	return rmdir(dir);
}

static int
free_keys(void **state)
{
	(void)state;
	team_key_free(&team);
	keyring_free(&keyring);
	return 0;
}

static struct seal_context
place(void)
{
	return (struct seal_context){ .table = "user_credential",
		.row = { { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 } },
		.field = "data",
		.team_id = 42,
		.policy = policy };
}

struct sealed {
	unsigned char *data;
	size_t len;
};

static struct sealed
seal(const struct seal_context *context, const void *data, size_t len)
{
	struct sealed sealed = { 0 };
	struct errctx ctx = { 0 };

	if (seal_value(&team, context, data, len, &sealed.data, &sealed.len, &ctx))
		fail_msg("%s", err_text(&ctx));
	return sealed;
}

/* Opens nothing and says no more than where. */
static void
expect_integrity(const struct seal_context *context, const unsigned char *data, size_t len)
{
	struct secret out = { 0 };
	struct errctx ctx = { 0 };
	char expected[ERR_TEXT_MAX];

	assert_int_equal(seal_open(keyring, context, data, len, &out, &ctx), ERR_INTEGRITY);
	assert_null(out.data);
	(void)snprintf(expected, sizeof(expected),
	    "the sealed value %s.%s of %02x020304-0506-0708-090a-0b0c0d0e0f10 does not open",
	    context->table, context->field, context->row.bytes[0]);
	assert_string_equal(err_text(&ctx), expected);
}

static void
opens_what_it_sealed_whatever_the_length(void **state)
{
	const struct seal_context context = place();
	struct secret out = { 0 };
	char data[300];

	(void)state;
	memset(data, 'x', sizeof(data));
	for (size_t len = 0; len <= sizeof(data); len++) {
		struct sealed sealed = seal(&context, data, len);

		assert_true(sealed.len <= len + SEAL_OVERHEAD_MAX);
		assert_int_equal(seal_open(keyring, &context, sealed.data, sealed.len, &out, NULL),
		    OK);
		assert_int_equal(out.len, len);
		assert_memory_equal(secret_text(&out), data, len);
		free(sealed.data);
	}
	secret_free(&out);
}

/* Half again as many as contexts are kept, so that some are pushed out while others stay. */
static void
opens_each_of_many_values_again_and_again(void **state)
{
	static struct sealed values[1536];
	const struct seal_context context = place();
	struct secret out = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		values[i] = seal(&context, &i, sizeof(i));
	for (size_t round = 0; round < 2; round++) {
		for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
			assert_int_equal(seal_open(keyring, &context, values[i].data, values[i].len,
					     &out, NULL),
			    OK);
			assert_int_equal(out.len, sizeof(i));
			assert_memory_equal(out.data, &i, sizeof(i));
		}
	}
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		free(values[i].data);
	secret_free(&out);
}

static void
hides_the_length_within_steps_of_64(void **state)
{
	const struct seal_context context = place();
	static const size_t lengths[] = { 0, 1, 60, 61, 124, 125 };
	static const size_t steps[] = { 1, 1, 1, 2, 2, 3 };
	static const char data[125];

	(void)state;
	for (int i = 0; i < 6; i++) {
		struct sealed sealed = seal(&context, data, lengths[i]);

		assert_int_equal(sealed.len, 1 + 4 + 32 + 64 * steps[i] + 16);
		free(sealed.data);
	}
}

static void
seals_up_to_the_limit_and_no_more(void **state)
{
	const struct seal_context context = place();
	const size_t most = SEAL_DATA_MAX;
	char *data = xcalloc(1, most + 1);
	struct secret out = { 0 };
	struct sealed sealed = seal(&context, data, most), none = { 0 };
	struct errctx ctx = { 0 };

	(void)state;
	assert_true(sealed.len <= most + SEAL_OVERHEAD_MAX);
	assert_int_equal(seal_open(keyring, &context, sealed.data, sealed.len, &out, NULL), OK);
	assert_int_equal(out.len, most);
	assert_int_equal(seal_value(&team, &context, data, most + 1, &none.data, &none.len, &ctx),
	    ERR_TOO_LARGE);
	assert_null(none.data);
	secret_free(&out);
	free(sealed.data);
	free(data);
}

static void
names_the_generation_it_needs(void **state)
{
	const struct seal_context context = place();
	struct sealed sealed = seal(&context, value, VALUE_LEN);
	uint32_t generation = 0;

	(void)state;
	assert_int_equal(seal_generation(sealed.data, sealed.len, &generation), OK);
	assert_int_equal(generation, 3);
	for (size_t len = 0; len < sealed.len; len++)
		assert_int_equal(seal_generation(sealed.data, len, &generation), ERR_INTEGRITY);
	memset(sealed.data + 1, 0, 4);
	assert_int_equal(seal_generation(sealed.data, sealed.len, &generation), ERR_INTEGRITY);
	sealed.data[0] = 2;
	assert_int_equal(seal_generation(sealed.data, sealed.len, &generation), ERR_INTEGRITY);
	assert_int_equal(seal_generation(NULL, 0, &generation), ERR_INTEGRITY);
	free(sealed.data);
}

static void
notices_every_bent_bit(void **state)
{
	const struct seal_context context = place();
	struct sealed sealed = seal(&context, value, VALUE_LEN);
	struct secret out = { 0 };

	(void)state;
	for (size_t i = 0; i < sealed.len * 8; i++) {
		sealed.data[i / 8] ^= (unsigned char)(1u << i % 8);
		if (i / 8 >= 1 && i / 8 <= 4) /* the generation: its key is not there */
			assert_int_equal(seal_open(keyring, &context, sealed.data, sealed.len, &out,
					     NULL),
			    ERR_NOT_FOUND);
		else
			expect_integrity(&context, sealed.data, sealed.len);
		sealed.data[i / 8] ^= (unsigned char)(1u << i % 8);
	}
	assert_null(out.data);
	free(sealed.data);
}

static void
refuses_every_other_length(void **state)
{
	const struct seal_context context = place();
	struct sealed sealed = seal(&context, value, VALUE_LEN);
	unsigned char *longer = xcalloc(1, sealed.len + 64);

	(void)state;
	memcpy(longer, sealed.data, sealed.len);
	for (size_t len = 0; len <= sealed.len + 64; len++)
		if (len != sealed.len)
			expect_integrity(&context, longer, len);
	free(longer);
	free(sealed.data);
}

static void
opens_in_its_own_place_only(void **state)
{
	struct seal_context own = place(), other;
	struct sealed sealed = seal(&own, value, VALUE_LEN);
	unsigned char other_policy[SEAL_POLICY_SIZE];

	(void)state;
	other = own;
	other.table = "connection";
	expect_integrity(&other, sealed.data, sealed.len);
	other = own;
	other.field = "dat";
	expect_integrity(&other, sealed.data, sealed.len);
	other = own;
	other.row.bytes[0] ^= 0x10;
	expect_integrity(&other, sealed.data, sealed.len);
	other = own;
	seal_policy_digest("lend", "[\"api.example.com\",\"evil.example\"]", other_policy);
	other.policy = other_policy;
	expect_integrity(&other, sealed.data, sealed.len);
	other.policy = NULL;
	expect_integrity(&other, sealed.data, sealed.len);
	free(sealed.data);
}

static void
a_missing_policy_is_not_a_policy_of_zeros(void **state)
{
	static const unsigned char zeros[SEAL_POLICY_SIZE];
	struct seal_context context = place();
	struct sealed sealed;

	(void)state;
	context.policy = NULL;
	sealed = seal(&context, value, VALUE_LEN);
	context.policy = zeros;
	expect_integrity(&context, sealed.data, sealed.len);
	free(sealed.data);
}

static void
names_that_only_join_to_the_same_text_differ(void **state)
{
	struct seal_context context = place();
	struct sealed sealed;

	(void)state;
	context.policy = NULL;
	context.table = "ab";
	context.field = "c";
	sealed = seal(&context, value, VALUE_LEN);
	context.table = "a";
	context.field = "bc";
	expect_integrity(&context, sealed.data, sealed.len);
	free(sealed.data);
}

static void
does_not_open_for_another_team(void **state)
{
	struct seal_context context = place();
	struct sealed sealed = seal(&context, value, VALUE_LEN);
	struct team_key other;
	struct secret out = { 0 };

	(void)state;
	context.team_id = 43;
	assert_int_equal(seal_open(keyring, &context, sealed.data, sealed.len, &out, NULL),
	    ERR_NOT_FOUND);
	assert_int_equal(keyring_team_key_make(keyring, 43, 3, &other, NULL), OK);
	assert_int_equal(keyring_team_key_open(keyring, &other, NULL), OK);
	expect_integrity(&context, sealed.data, sealed.len);
	team_key_free(&other);
	free(sealed.data);
}

static void
says_which_key_is_missing_without_an_error_text(void **state)
{
	struct seal_context context = place();
	struct sealed sealed = seal(&context, value, VALUE_LEN);
	struct secret out = { 0 };
	struct errctx ctx = { 0 };

	(void)state;
	keyring_team_forget(keyring, 42);
	assert_int_equal(seal_open(keyring, &context, sealed.data, sealed.len, &out, &ctx),
	    ERR_NOT_FOUND);
	assert_int_equal(ctx.n_sub, 0);
	assert_int_equal(keyring_team_key_open(keyring, &team, NULL), OK);
	assert_int_equal(seal_open(keyring, &context, sealed.data, sealed.len, &out, &ctx), OK);
	assert_string_equal(secret_text(&out), value);
	secret_free(&out);
	free(sealed.data);
}

static void
seals_to_verified_keys_of_the_right_team_only(void **state)
{
	struct seal_context context = place();
	struct sealed sealed = { 0 };
	struct team_key key = team; /* borrows what it points to */

	(void)state;
	key.verified = false;
	assert_int_equal(seal_value(&key, &context, value, VALUE_LEN, &sealed.data, &sealed.len,
			     NULL),
	    ERR_INTEGRITY);
	key.verified = true;
	context.team_id = 41;
	assert_int_equal(seal_value(&key, &context, value, VALUE_LEN, &sealed.data, &sealed.len,
			     NULL),
	    ERR_INTEGRITY);
	context = place();
	context.table = "a_table_name_that_is_so_long_that_nobody_would_ever_think_of_using_it";
	assert_int_equal(seal_value(&key, &context, value, VALUE_LEN, &sealed.data, &sealed.len,
			     NULL),
	    ERR_INTERNAL);
	assert_null(sealed.data);
}

static void
the_plain_text_is_not_in_the_sealed_value(void **state)
{
	const struct seal_context context = place();
	struct sealed sealed = seal(&context, value, VALUE_LEN),
		      again = seal(&context, value, VALUE_LEN);

	(void)state;
	assert_null(memmem(sealed.data, sealed.len, value, VALUE_LEN));
	assert_int_equal(sealed.len, again.len);
	assert_memory_not_equal(sealed.data + 5, again.data + 5, 32);
	free(sealed.data);
	free(again.data);
}

static void
policy_digests_differ_with_mode_and_hosts(void **state)
{
	static const char *const policies[][2] = { { "lend", "[\"a\"]" }, { "lend", "[\"b\"]" },
		{ "read", "[\"a\"]" }, { "lend[", "\"a\"]" }, { "lend", "" }, { "", "lend" },
		{ "", "" } };
	enum { N = sizeof(policies) / sizeof(policies[0]) };
	unsigned char digests[N][SEAL_POLICY_SIZE], again[SEAL_POLICY_SIZE];

	(void)state;
	for (int i = 0; i < N; i++) {
		seal_policy_digest(policies[i][0], policies[i][1], digests[i]);
		for (int j = 0; j < i; j++)
			assert_memory_not_equal(digests[i], digests[j], SEAL_POLICY_SIZE);
	}
	seal_policy_digest(policies[0][0], policies[0][1], again);
	assert_memory_equal(again, digests[0], SEAL_POLICY_SIZE);
	seal_policy_digest(NULL, NULL, again);
	assert_memory_equal(again, digests[N - 1], SEAL_POLICY_SIZE);
}

/* Worked out by another program: whoever changes the digest makes every stored credential
 * unreadable. */
static void
policy_digest_is_the_documented_one(void **state)
{
	unsigned char digest[SEAL_POLICY_SIZE];
	char *hex;

	(void)state;
	seal_policy_digest("lend", "[\"api.example.com\"]", digest);
	hex = crypt_hex(digest, sizeof(digest));
	assert_string_equal(hex,
	    "8c2ce1481e7d53fda3a56f846d16890fdc948a75fa5236948066aa225c1b890e");
	free(hex);
}

static void
copy_hex(const json_t *object, const char *name, unsigned char *out, size_t len)
{
	const char *text = json_string_value(json_object_get(object, name));
	unsigned char *data;
	size_t n;

	assert_non_null(text);
	assert_int_equal(crypt_hex_decode(text, strlen(text), &data, &n), OK);
	assert_int_equal(n, len);
	memcpy(out, data, len);
	free(data);
}

static struct keyring *
load_stored_keys(const json_t *stored)
{
	static const char *const names[KEY_KIND_COUNT] = { "master_file", "signing_file" };
	char paths[2][40] = { "/tmp/bailee-stored-XXXXXX", "/tmp/bailee-stored-XXXXXX" };
	const char *list[KEY_KIND_COUNT] = { paths[0], paths[1] };
	struct keyring *keys = NULL;

	for (int i = 0; i < 2; i++) {
		int fd = mkstemp(paths[i]);

		assert_true(fd >= 0);
		assert_true(
		    dprintf(fd, "%s\n", json_string_value(json_object_get(stored, names[i]))) > 0);
		assert_int_equal(close(fd), 0);
	}
	assert_int_equal(keyring_load(list, &keys, NULL), OK);
	for (int i = 0; i < 2; i++)
		(void)unlink(paths[i]);
	return keys;
}

static struct team_key
read_stored_team(const json_t *stored)
{
	struct team_key key = { .private_sealed_len = TEAM_KEY_SEALED_SIZE };

	key.team_id = json_integer_value(json_object_get(stored, "team_id"));
	key.generation = (uint32_t)json_integer_value(json_object_get(stored, "generation"));
	copy_hex(stored, "public_key", key.public_key, KEY_SIZE);
	copy_hex(stored, "signature", key.signature, sizeof(key.signature));
	key.private_sealed = xmalloc(TEAM_KEY_SEALED_SIZE);
	copy_hex(stored, "private_sealed", key.private_sealed, TEAM_KEY_SEALED_SIZE);
	(void)snprintf(key.master_key_id, sizeof(key.master_key_id), "%s",
	    json_string_value(json_object_get(stored, "master_key_id")));
	return key;
}

/* Whoever changes a byte of what is stored, signed or bound makes every value in every database
 * unreadable. */
static void
opens_what_another_implementation_stored(void **state)
{
	const char *dir = getenv("BAILEE_TEST_DATA");
	struct seal_context context = { 0 };
	unsigned char sealed[1 + 4 + 32 + 64 + 16], digest[SEAL_POLICY_SIZE];
	struct secret out = { 0 };
	struct keyring *keys;
	struct team_key key;
	char path[512];
	json_t *stored;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/hpke/stored.json", dir ? dir : "tests/data");
	stored = json_load_file(path, 0, NULL);
	assert_non_null(stored);
	keys = load_stored_keys(stored);
	key = read_stored_team(stored);
	assert_int_equal(keyring_team_key_open(keys, &key, NULL), OK);
	context.table = json_string_value(json_object_get(stored, "table"));
	context.field = json_string_value(json_object_get(stored, "field"));
	context.team_id = key.team_id;
	copy_hex(stored, "row", context.row.bytes, 16);
	seal_policy_digest(json_string_value(json_object_get(stored, "mode")),
	    json_string_value(json_object_get(stored, "allowed_hosts")), digest);
	context.policy = digest;
	copy_hex(stored, "sealed", sealed, sizeof(sealed));
	assert_int_equal(seal_open(keys, &context, sealed, sizeof(sealed), &out, NULL), OK);
	assert_string_equal(secret_text(&out), json_string_value(json_object_get(stored, "value")));
	secret_free(&out);
	team_key_free(&key);
	keyring_free(&keys);
	json_decref(stored);
}

/* Not a test: `test_seal bench` prints what one operation costs. */
static void
what_is_the_installations_opens_with_its_master_key_and_in_its_place_only(void **state)
{
	struct seal_context context = { .table = "app_client",
		.row = { { 1 } },
		.field = "secret" };
	auto_secret struct secret out = { 0 };
	struct sealed sealed = { 0 };

	(void)state;
	assert_int_equal(seal_master_value(keyring, &context, value, VALUE_LEN, &sealed.data,
			     &sealed.len, NULL),
	    OK);
	assert_int_equal(seal_master_open(keyring, &context, sealed.data, sealed.len, &out, NULL),
	    OK);
	assert_string_equal(secret_text(&out), value);
	for (size_t i = 0; i < sealed.len; i++) {
		sealed.data[i] ^= 1;
		assert_int_equal(seal_master_open(keyring, &context, sealed.data, sealed.len, &out,
				     NULL),
		    ERR_INTEGRITY);
		sealed.data[i] ^= 1;
	}
	context.row.bytes[0] = 2;
	assert_int_equal(seal_master_open(keyring, &context, sealed.data, sealed.len, &out, NULL),
	    ERR_INTEGRITY);
	context.row.bytes[0] = 1;
	context.team_id = 42;
	assert_int_equal(seal_master_open(keyring, &context, sealed.data, sealed.len, &out, NULL),
	    ERR_INTEGRITY);
	free(sealed.data);
}

static void
bench(void)
{
	enum { ROUNDS = 5000 };
	const struct seal_context context = place();
	struct sealed sealed = { 0 };
	struct secret out = { 0 };
	struct timespec from, to;

	for (int opening = 0; opening < 2; opening++) {
		(void)clock_gettime(CLOCK_MONOTONIC, &from);
		for (int i = 0; i < ROUNDS; i++) {
			if (opening) {
				if (seal_open(keyring, &context, sealed.data, sealed.len, &out,
					NULL))
					abort();
			} else {
				free(sealed.data);
				sealed = seal(&context, value, VALUE_LEN);
			}
		}
		(void)clock_gettime(CLOCK_MONOTONIC, &to);
		printf("%s: %.1f us\n", opening ? "open" : "seal",
		    ((double)(to.tv_sec - from.tv_sec) * 1e9 +
			(double)(to.tv_nsec - from.tv_nsec)) /
			1e3 / ROUNDS);
	}
	secret_free(&out);
	free(sealed.data);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(opens_what_it_sealed_whatever_the_length),
		cmocka_unit_test(opens_each_of_many_values_again_and_again),
		cmocka_unit_test(hides_the_length_within_steps_of_64),
		cmocka_unit_test(seals_up_to_the_limit_and_no_more),
		cmocka_unit_test(names_the_generation_it_needs),
		cmocka_unit_test(notices_every_bent_bit),
		cmocka_unit_test(refuses_every_other_length),
		cmocka_unit_test(opens_in_its_own_place_only),
		cmocka_unit_test(a_missing_policy_is_not_a_policy_of_zeros),
		cmocka_unit_test(names_that_only_join_to_the_same_text_differ),
		cmocka_unit_test(does_not_open_for_another_team),
		cmocka_unit_test(says_which_key_is_missing_without_an_error_text),
		cmocka_unit_test(seals_to_verified_keys_of_the_right_team_only),
		cmocka_unit_test(the_plain_text_is_not_in_the_sealed_value),
		cmocka_unit_test(policy_digests_differ_with_mode_and_hosts),
		cmocka_unit_test(policy_digest_is_the_documented_one),
		cmocka_unit_test(opens_what_another_implementation_stored),
		cmocka_unit_test(
		    what_is_the_installations_opens_with_its_master_key_and_in_its_place_only),
	};

	if (argc > 1 && strcmp(argv[1], "bench") == 0) {
		if (make_keys(NULL))
			return 1;
		bench();
		return free_keys(NULL);
	}
	return cmocka_run_group_tests_name("seal", tests, make_keys, free_keys);
}
