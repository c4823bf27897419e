/* SPDX-License-Identifier: Apache-2.0 */
/* Key files, check values and team keys: the right ones work, every wrong one is refused by name.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/crypto.h>
#include <openssl/err.h>

#include "base/alloc.h"
#include "vault/keyring.h"
#include "vault/master_file.h"

/* A folder with one set of keys; cleaned up by leave(). */
struct place {
	char dir[64];
	char path[KEY_KIND_COUNT][96];
};

static struct place
enter(void)
{
	struct place place = { "/tmp/bailee-keyring-XXXXXX", { "" } };
	struct errctx ctx = { 0 };

	assert_non_null(mkdtemp(place.dir));
	assert_int_equal(keyring_create_files(place.dir, &ctx), OK);
	for (int kind = 0; kind < KEY_KIND_COUNT; kind++)
		(void)snprintf(place.path[kind], sizeof(place.path[kind]), "%s/%s", place.dir,
		    key_kinds[kind].file);
	return place;
}

static void
leave(const struct place *place)
{
	for (int kind = 0; kind < KEY_KIND_COUNT; kind++)
		(void)unlink(place->path[kind]);
	assert_int_equal(rmdir(place->dir), 0);
}

#define BIT(kind) (1u << (kind))
#define ALL_KINDS ((1u << KEY_KIND_COUNT) - 1)

/* The keys whose bits are set. */
static struct keyring *
load(const struct place *place, unsigned kinds)
{
	const char *paths[KEY_KIND_COUNT];
	struct keyring *keyring = NULL;
	struct errctx ctx = { 0 };

	for (unsigned kind = 0; kind < KEY_KIND_COUNT; kind++)
		paths[kind] = kinds & BIT(kind) ? place->path[kind] : kind % 2 ? NULL : "";
	if (keyring_load(paths, &keyring, &ctx))
		fail_msg("%s", err_text(&ctx));
	return keyring;
}

/* Loading `kind` from where `place` says fails, and the text names all of `words`. */
static void
expect_refusal(const struct place *place, enum key_kind kind, const char *word1, const char *word2)
{
	const char *paths[KEY_KIND_COUNT] = { NULL };
	struct keyring *keyring = NULL;
	struct errctx ctx = { 0 };

	paths[kind] = place->path[kind];
	assert_int_equal(keyring_load(paths, &keyring, &ctx), ERR_CONFIG);
	assert_null(keyring);
	assert_non_null(strstr(err_text(&ctx), key_kinds[kind].name));
	assert_non_null(strstr(err_text(&ctx), place->path[kind]));
	assert_non_null(strstr(err_text(&ctx), word1));
	assert_non_null(strstr(err_text(&ctx), word2));
}

static void
write_file(const char *path, const char *text, mode_t mode)
{
	int fd;

	(void)unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(close(fd), 0);
}

static void
makes_files_that_only_the_owner_reads(void **state)
{
	struct place place = enter();
	struct stat st;

	(void)state;
	for (int kind = 0; kind < KEY_KIND_COUNT; kind++) {
		assert_int_equal(stat(place.path[kind], &st), 0);
		assert_int_equal(st.st_mode & 07777, kind == KEY_SIGNING_PUBLIC ? 0444 : 0400);
	}
	leave(&place);
}

static void
never_overwrites_a_key_file(void **state)
{
	struct place place = enter();
	struct keyring *before = load(&place, ALL_KINDS), *after;
	struct errctx ctx = { 0 };

	(void)state;
	assert_int_equal(keyring_create_files(place.dir, &ctx), ERR_CONFIG);
	assert_non_null(strstr(err_text(&ctx), place.path[KEY_MASTER]));
	after = load(&place, ALL_KINDS);
	for (unsigned kind = 0; kind < KEY_KIND_COUNT; kind++)
		assert_string_equal(keyring_key_id(before, (enum key_kind)kind),
		    keyring_key_id(after, (enum key_kind)kind));
	keyring_free(&before);
	keyring_free(&after);
	leave(&place);
}

static void
leaves_nothing_behind_when_one_file_is_there_already(void **state)
{
	struct place place = enter();
	struct errctx ctx = { 0 };

	(void)state;
	assert_int_equal(unlink(place.path[KEY_MASTER]), 0);
	assert_int_equal(unlink(place.path[KEY_SIGNING]), 0);
	assert_int_equal(unlink(place.path[KEY_SIGNING_PUBLIC]), 0);
	assert_int_equal(keyring_create_files(place.dir, &ctx), ERR_CONFIG);
	assert_int_equal(access(place.path[KEY_MASTER], F_OK), -1);
	assert_int_equal(access(place.path[KEY_SIGNING], F_OK), -1);
	assert_int_equal(access(place.path[KEY_TOKEN], F_OK), 0);
	leave(&place);
}

static void
reports_a_folder_that_is_not_there(void **state)
{
	struct errctx ctx = { 0 };

	(void)state;
	assert_int_equal(keyring_create_files("/nonexistent/folder", &ctx), ERR_IO);
}

static void
holds_only_what_it_was_given(void **state)
{
	struct place place = enter();
	struct keyring *keyring = load(&place, BIT(KEY_SIGNING_PUBLIC));
	unsigned char mac[32];

	(void)state;
	assert_non_null(keyring_key_id(keyring, KEY_SIGNING_PUBLIC));
	assert_null(keyring_key_id(keyring, KEY_SIGNING));
	assert_null(keyring_key_id(keyring, KEY_MASTER));
	assert_null(keyring_key_id(keyring, KEY_TOKEN));
	assert_null(keyring_master_public(keyring));
	assert_int_equal(keyring_token_mac(keyring, "bl_x", mac), ERR_INTERNAL);
	keyring_free(&keyring);
	assert_null(keyring);
	keyring_free(&keyring);
	leave(&place);
}

static void
takes_the_public_half_from_the_signing_key(void **state)
{
	struct place place = enter();
	struct keyring *keyring = load(&place, BIT(KEY_SIGNING)),
		       *public = load(&place, BIT(KEY_SIGNING_PUBLIC));

	(void)state;
	assert_string_equal(keyring_key_id(keyring, KEY_SIGNING),
	    keyring_key_id(keyring, KEY_SIGNING_PUBLIC));
	assert_string_equal(keyring_key_id(keyring, KEY_SIGNING),
	    keyring_key_id(public, KEY_SIGNING_PUBLIC));
	assert_int_equal(strlen(keyring_key_id(keyring, KEY_SIGNING)), 16);
	keyring_free(&keyring);
	keyring_free(&public);
	leave(&place);
}

/* X25519 and Ed25519 public halves of known private keys, hashed by another program. */
static void
key_ids_are_the_documented_digest(void **state)
{
	struct place place = enter();
	struct keyring *keyring;

	(void)state;
	write_file(place.path[KEY_MASTER],
	    "bailee-master-1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n", 0400);
	write_file(place.path[KEY_SIGNING],
	    "bailee-signing-1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n", 0400);
	write_file(place.path[KEY_TOKEN],
	    "bailee-token-1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", 0400);
	keyring = load(&place, BIT(KEY_MASTER) | BIT(KEY_SIGNING) | BIT(KEY_TOKEN));
	assert_string_equal(keyring_key_id(keyring, KEY_MASTER), "eedd883da0a94515");
	assert_string_equal(keyring_key_id(keyring, KEY_SIGNING), "56475aa75463474c");
	assert_string_equal(keyring_key_id(keyring, KEY_TOKEN), "f351140299ad9b2e");
	keyring_free(&keyring);
	leave(&place);
}

static void
refuses_a_missing_file(void **state)
{
	struct place place = enter();

	(void)state;
	for (unsigned kind = 0; kind < KEY_KIND_COUNT; kind++) {
		assert_int_equal(unlink(place.path[kind]), 0);
		expect_refusal(&place, (enum key_kind)kind, "No such file", "baileectl init");
	}
	leave(&place);
}

static void
refuses_each_kind_in_the_place_of_each_other(void **state)
{
	struct place place = enter(), mixed = place;

	(void)state;
	for (unsigned kind = 0; kind < KEY_KIND_COUNT; kind++)
		for (unsigned other = 0; other < KEY_KIND_COUNT; other++) {
			if (kind == other)
				continue;
			memcpy(mixed.path[kind], place.path[other], sizeof(mixed.path[kind]));
			/* the public file is open to others: that comes first where it matters */
			if (other == KEY_SIGNING_PUBLIC)
				assert_int_equal(chmod(place.path[other], 0400), 0);
			expect_refusal(&mixed, (enum key_kind)kind, "this is the",
			    key_kinds[other].name);
		}
	leave(&place);
}

static void
refuses_private_keys_open_to_others(void **state)
{
	static const mode_t modes[] = { 0440, 0404, 0420, 0402, 0410, 0401, 0644, 0666 };
	struct place place = enter();

	(void)state;
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		for (unsigned kind = 0; kind < KEY_KIND_COUNT; kind++) {
			if (!key_kinds[kind].is_private)
				continue;
			assert_int_equal(chmod(place.path[kind], modes[i]), 0);
			expect_refusal(&place, (enum key_kind)kind, "mode", "chmod 0400");
		}
	assert_int_equal(chmod(place.path[KEY_SIGNING_PUBLIC], 0664), 0);
	expect_refusal(&place, KEY_SIGNING_PUBLIC, "mode", "chmod 0444");
	leave(&place);
}

/* A credential of systemd: root's own, opened to the unit's user by an ACL, whose mask shows as the
 * group's bits. */
static void
takes_a_credential_that_an_acl_opens(void **state)
{
	static const mode_t refused[] = { 0444, 0460, 0450, 0640 };
	struct place place = enter();
	char other[80];

	(void)state;
	if (geteuid() != 0) {
		leave(&place);
		skip(); /* the file must be root's */
	}
	assert_int_equal(chmod(place.path[KEY_MASTER], 0440), 0);
	assert_int_equal(chown(place.path[KEY_MASTER], 0, 0), 0);
	assert_int_equal(setenv("CREDENTIALS_DIRECTORY", place.dir, 1), 0);
	struct keyring *keyring = load(&place, BIT(KEY_MASTER));
	keyring_free(&keyring);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		assert_int_equal(chmod(place.path[KEY_MASTER], refused[i] & 07777), 0);
		if (refused[i] == 0640) /* a group that is not root's */
			assert_int_equal(chown(place.path[KEY_MASTER], 0, 12345), 0);
		expect_refusal(&place, KEY_MASTER, "mode", "chmod 0400");
	}
	assert_int_equal(chown(place.path[KEY_MASTER], 0, 0), 0);
	assert_int_equal(chmod(place.path[KEY_MASTER], 0440), 0);
	snprintf(other, sizeof(other), "%s-2", place.dir); /* a folder beside */
	assert_int_equal(setenv("CREDENTIALS_DIRECTORY", other, 1), 0);
	expect_refusal(&place, KEY_MASTER, "mode", "chmod 0400");
	assert_int_equal(setenv("CREDENTIALS_DIRECTORY", "/tmp", 1), 0); /* and one above */
	expect_refusal(&place, KEY_MASTER, "mode", "chmod 0400");
	assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
	leave(&place);
}

static void
refuses_a_file_of_another_user(void **state)
{
	struct place place = enter();

	(void)state;
	if (geteuid() != 0) {
		leave(&place);
		print_message("# needs root, who alone can give a file away\n");
		skip();
	}
	assert_int_equal(chown(place.path[KEY_MASTER], 12345, (gid_t)-1), 0);
	expect_refusal(&place, KEY_MASTER, "uid 12345", "root");
	leave(&place);
}

static void
refuses_files_that_are_no_key(void **state)
{
	static const char *const texts[] = { "", "\n", "bailee-master-1:", "bailee-master-1:\n",
		"bailee-master-1:AAAA\n",
		"bailee-master-2:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n",
		"bailee-master-1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\n",
		"bailee-master-1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n\n",
		"bailee-master-1: AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n",
		"bailee-master-1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\nmore\n",
		"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n", "-----BEGIN PRIVATE KEY-----\n" };
	struct place place = enter();

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		write_file(place.path[KEY_MASTER], texts[i], 0400);
		expect_refusal(&place, KEY_MASTER, "not one line", "backup");
	}
	assert_int_equal(unlink(place.path[KEY_MASTER]), 0);
	assert_int_equal(mkdir(place.path[KEY_MASTER], 0700), 0);
	expect_refusal(&place, KEY_MASTER, "not a regular file", "");
	assert_int_equal(rmdir(place.path[KEY_MASTER]), 0);
	assert_int_equal(mkfifo(place.path[KEY_MASTER], 0400), 0);
	expect_refusal(&place, KEY_MASTER, "not a regular file", "");
	leave(&place);
}

static void
refuses_a_public_key_of_another_pair(void **state)
{
	struct place place = enter(), other = enter();
	const char *paths[KEY_KIND_COUNT] = { NULL };
	struct keyring *keyring = NULL;
	struct errctx ctx = { 0 };

	(void)state;
	paths[KEY_SIGNING] = place.path[KEY_SIGNING];
	paths[KEY_SIGNING_PUBLIC] = other.path[KEY_SIGNING_PUBLIC];
	assert_int_equal(keyring_load(paths, &keyring, &ctx), ERR_CONFIG);
	assert_non_null(strstr(err_text(&ctx), "not the public half"));
	leave(&place);
	leave(&other);
}

static void
token_macs_depend_on_key_and_text(void **state)
{
	struct place place = enter(), other = enter();
	struct keyring *keyring = load(&place, BIT(KEY_TOKEN)), *stranger = load(&other, ALL_KINDS);
	unsigned char mac[32], again[32];

	(void)state;
	assert_int_equal(keyring_token_mac(keyring, "bl_a", mac), OK);
	assert_int_equal(keyring_token_mac(keyring, "bl_a", again), OK);
	assert_memory_equal(mac, again, 32);
	assert_int_equal(keyring_token_mac(keyring, "bl_b", again), OK);
	assert_memory_not_equal(mac, again, 32);
	assert_int_equal(keyring_token_mac(stranger, "bl_a", again), OK);
	assert_memory_not_equal(mac, again, 32);
	keyring_free(&keyring);
	keyring_free(&stranger);
	leave(&place);
	leave(&other);
}

static const enum key_kind checked_kinds[] = { KEY_MASTER, KEY_SIGNING_PUBLIC, KEY_TOKEN };
#define N_CHECKED 3

static void
make_checks(const struct keyring *keyring, struct key_check checks[N_CHECKED])
{
	struct errctx ctx = { 0 };

	for (int i = 0; i < N_CHECKED; i++)
		assert_int_equal(keyring_make_check(keyring, checked_kinds[i], &checks[i], &ctx),
		    OK);
}

static void
check_values_prove_the_keys_each_program_has(void **state)
{
	static const unsigned programs[] = { BIT(KEY_SIGNING_PUBLIC),
		BIT(KEY_SIGNING_PUBLIC) | BIT(KEY_MASTER) | BIT(KEY_TOKEN),
		BIT(KEY_SIGNING_PUBLIC) | BIT(KEY_MASTER), ALL_KINDS, BIT(KEY_SIGNING), 0 };
	struct place place = enter();
	struct keyring *keyring = load(&place, ALL_KINDS);
	struct key_check checks[N_CHECKED];
	struct errctx ctx = { 0 };

	(void)state;
	make_checks(keyring, checks);
	keyring_free(&keyring);
	assert_string_equal(checks[1].kind, "signing-public");
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		keyring = load(&place, programs[i]);
		for (int k = 0; k < N_CHECKED; k++)
			assert_int_equal(keyring_verify_check(keyring, &checks[k], &ctx), OK);
		keyring_free(&keyring);
	}
	leave(&place);
}

static void
check_values_name_both_key_ids_when_the_key_is_another(void **state)
{
	struct place place = enter(), other = enter();
	struct keyring *keyring = load(&place, ALL_KINDS), *stranger = load(&other, ALL_KINDS);
	struct key_check checks[N_CHECKED];

	(void)state;
	make_checks(keyring, checks);
	for (int i = 0; i < N_CHECKED; i++) {
		struct errctx ctx = { 0 };

		assert_int_equal(keyring_verify_check(stranger, &checks[i], &ctx), ERR_CONFIG);
		assert_non_null(strstr(err_text(&ctx), key_kinds[checked_kinds[i]].name));
		assert_non_null(strstr(err_text(&ctx), keyring_key_id(keyring, checked_kinds[i])));
		assert_non_null(strstr(err_text(&ctx), keyring_key_id(stranger, checked_kinds[i])));
		/* an edited key id does not help */
		memcpy(checks[i].key_id, keyring_key_id(stranger, checked_kinds[i]), KEY_ID_SIZE);
		assert_int_equal(keyring_verify_check(stranger, &checks[i], NULL), ERR_CONFIG);
	}
	keyring_free(&keyring);
	keyring_free(&stranger);
	leave(&place);
	leave(&other);
}

static void
check_values_with_any_bent_byte_are_refused(void **state)
{
	struct place place = enter();
	struct keyring *keyring = load(&place, ALL_KINDS);
	struct key_check checks[N_CHECKED];

	(void)state;
	make_checks(keyring, checks);
	for (int i = 0; i < N_CHECKED; i++) {
		struct key_check bent = checks[i];

		for (size_t at = 0; at < checks[i].proof_len; at++) {
			bent.proof[at] ^= 0x80;
			assert_int_equal(keyring_verify_check(keyring, &bent, NULL), ERR_CONFIG);
			bent.proof[at] ^= 0x80;
		}
		bent.proof_len--;
		assert_int_equal(keyring_verify_check(keyring, &bent, NULL), ERR_CONFIG);
		bent = checks[i];
		bent.public_key[5] ^= 1;
		assert_int_equal(keyring_verify_check(keyring, &bent, NULL),
		    checked_kinds[i] == KEY_TOKEN ? OK : ERR_CONFIG);
	}
	(void)snprintf(checks[0].kind, sizeof(checks[0].kind), "signing");
	assert_int_equal(keyring_verify_check(keyring, &checks[0], NULL), ERR_CONFIG);
	keyring_free(&keyring);
	leave(&place);
}

static void
makes_no_check_value_without_the_key(void **state)
{
	struct place place = enter();
	struct keyring *keyring = load(&place, BIT(KEY_SIGNING_PUBLIC));
	struct key_check check;

	(void)state;
	for (int i = 0; i < N_CHECKED; i++)
		assert_int_equal(keyring_make_check(keyring, checked_kinds[i], &check, NULL),
		    ERR_CONFIG);
	assert_int_equal(keyring_make_check(keyring, KEY_SIGNING, &check, NULL), ERR_INTERNAL);
	keyring_free(&keyring);
	leave(&place);
}

static void
private_keys_live_in_the_secure_heap(void **state)
{
	struct place place = enter();
	struct keyring *keyring;
	size_t used;

	(void)state;
	assert_true(CRYPTO_secure_malloc_init(65536, 32) != 0);
	keyring = load(&place, BIT(KEY_SIGNING_PUBLIC));
	used = CRYPTO_secure_used();
	keyring_free(&keyring);
	assert_int_equal(used, 0);
	keyring = load(&place, ALL_KINDS);
	used = CRYPTO_secure_used();
	assert_true(used >= 3 * (size_t)KEY_SIZE);
	keyring_free(&keyring);
	assert_int_equal(CRYPTO_secure_used(), 0);
	assert_int_equal(CRYPTO_secure_malloc_done(), 1);
	leave(&place);
}

static void
works_with_the_secure_heap_full(void **state)
{
	struct place place = enter();
	struct secret hog[16] = { { 0 } };
	struct keyring *keyring;

	(void)state;
	assert_true(CRYPTO_secure_malloc_init(512, 32) != 0);
	for (int i = 0; i < 16; i++)
		secret_alloc(&hog[i], KEY_SIZE - 1);
	assert_int_equal(CRYPTO_secure_used(), 512);
	keyring = load(&place, ALL_KINDS);
	assert_non_null(keyring_key_id(keyring, KEY_MASTER));
	keyring_free(&keyring);
	assert_int_equal(ERR_peek_error(), 0);
	for (int i = 0; i < 16; i++)
		secret_free(&hog[i]);
	assert_int_equal(CRYPTO_secure_malloc_done(), 1);
	leave(&place);
}

/* --- team keys --- */

static struct team_key
make_team(const struct keyring *keyring, int64_t team_id, uint32_t generation)
{
	struct errctx ctx = { 0 };
	struct team_key key;

	assert_int_equal(keyring_team_key_make(keyring, team_id, generation, &key, &ctx), OK);
	assert_true(key.verified);
	assert_int_equal(key.private_sealed_len, TEAM_KEY_SEALED_SIZE);
	key.verified = false; /* as if read from the database */
	return key;
}

static void
everyone_verifies_a_team_key_and_the_master_key_opens_it(void **state)
{
	struct place place = enter();
	struct keyring *ctl = load(&place, ALL_KINDS),
		       *public = load(&place, BIT(KEY_SIGNING_PUBLIC)),
		       *runner = load(&place, BIT(KEY_SIGNING_PUBLIC) | BIT(KEY_MASTER));
	struct team_key key = make_team(ctl, 42, 1);
	const struct hpke_private *private;

	(void)state;
	assert_string_equal(key.master_key_id, keyring_key_id(ctl, KEY_MASTER));
	assert_int_equal(keyring_team_key_verify(public, &key, NULL), OK);
	assert_true(key.verified);
	assert_int_equal(keyring_team_key_open(public, &key, NULL), ERR_CONFIG);
	assert_null(keyring_team_private(runner, 42, 1));
	assert_int_equal(keyring_team_key_open(runner, &key, NULL), OK);
	private = keyring_team_private(runner, 42, 1);
	assert_non_null(private);
	assert_memory_equal(hpke_private_public(private), key.public_key, KEY_SIZE);
	assert_null(keyring_team_private(runner, 42, 2));
	assert_null(keyring_team_private(runner, 43, 1));
	assert_int_equal(keyring_team_key_open(runner, &key, NULL),
	    OK); /* again: no second entry */
	keyring_team_forget(runner, 42);
	assert_null(keyring_team_private(runner, 42, 1));
	team_key_free(&key);
	keyring_free(&ctl);
	keyring_free(&public);
	keyring_free(&runner);
	leave(&place);
}

static void
refuses_a_team_key_with_any_bent_part(void **state)
{
	struct place place = enter();
	struct keyring *keyring = load(&place, ALL_KINDS);
	struct team_key key = make_team(keyring, 42, 1);

	(void)state;
	for (size_t i = 0; i < sizeof(key.signature); i++) {
		key.signature[i] ^= 1;
		key.verified = true;
		assert_int_equal(keyring_team_key_verify(keyring, &key, NULL), ERR_INTEGRITY);
		assert_false(key.verified);
		key.signature[i] ^= 1;
	}
	for (size_t i = 0; i < KEY_SIZE; i++) {
		key.public_key[i] ^= 1;
		assert_int_equal(keyring_team_key_verify(keyring, &key, NULL), ERR_INTEGRITY);
		assert_int_equal(keyring_team_key_open(keyring, &key, NULL), ERR_INTEGRITY);
		key.public_key[i] ^= 1;
	}
	for (size_t i = 0; i < key.private_sealed_len; i++) {
		key.private_sealed[i] ^= 1;
		assert_int_equal(keyring_team_key_open(keyring, &key, NULL), ERR_INTEGRITY);
		key.private_sealed[i] ^= 1;
	}
	key.private_sealed_len--;
	assert_int_equal(keyring_team_key_open(keyring, &key, NULL), ERR_INTEGRITY);
	assert_null(keyring_team_private(keyring, 42, 1));
	team_key_free(&key);
	team_key_free(&key);
	keyring_free(&keyring);
	leave(&place);
}

static void
refuses_a_team_key_given_to_another_team_or_generation(void **state)
{
	struct place place = enter();
	struct keyring *keyring = load(&place, ALL_KINDS);
	struct team_key key = make_team(keyring, 42, 1), own = make_team(keyring, 42, 1);
	struct errctx ctx = { 0 };
	unsigned char *swapped;

	(void)state;
	key.team_id = 43;
	assert_int_equal(keyring_team_key_verify(keyring, &key, &ctx), ERR_INTEGRITY);
	assert_non_null(strstr(err_text(&ctx), "team 43"));
	key.team_id = 42;
	key.generation = 2;
	assert_int_equal(keyring_team_key_verify(keyring, &key, NULL), ERR_INTEGRITY);
	key.generation = 1;
	/* the private half of another pair of the same team and generation */
	swapped = own.private_sealed;
	own.private_sealed = key.private_sealed;
	key.private_sealed = swapped;
	assert_int_equal(keyring_team_key_open(keyring, &key, NULL), ERR_INTEGRITY);
	team_key_free(&key);
	team_key_free(&own);
	keyring_free(&keyring);
	leave(&place);
}

/* Everyone may seal to the master key: what opens must still be the private half of what is signed.
 */
static void
refuses_a_private_half_that_somebody_else_sealed(void **state)
{
	static const char info[] = "bailee/team-private/1";
	struct place place = enter();
	struct keyring *keyring = load(&place, ALL_KINDS);
	struct team_key key = make_team(keyring, 42, 1);
	unsigned char name[8 + 4 + KEY_SIZE] = { 0, 0, 0, 0, 0, 0, 0, 42, 0, 0, 0, 1 };
	const unsigned char theirs[KEY_SIZE] = { 1, 2, 3 };

	(void)state;
	memcpy(name + 12, key.public_key, KEY_SIZE);
	assert_int_equal(hpke_seal(keyring_master_public(keyring),
			     (struct hpke_bytes){ info, sizeof(info) - 1 },
			     (struct hpke_bytes){ name, sizeof(name) },
			     (struct hpke_bytes){ theirs, sizeof(theirs) }, key.private_sealed + 1,
			     key.private_sealed + 1 + HPKE_ENC_SIZE),
	    OK);
	assert_int_equal(keyring_team_key_open(keyring, &key, NULL), ERR_INTEGRITY);
	team_key_free(&key);
	keyring_free(&keyring);
	leave(&place);
}

static void
refuses_a_team_key_of_another_installation(void **state)
{
	struct place place = enter(), other = enter();
	struct keyring *keyring = load(&place, ALL_KINDS), *stranger = load(&other, ALL_KINDS),
		       *none = load(&place, 0);
	struct team_key key = make_team(stranger, 42, 1);

	(void)state;
	assert_int_equal(keyring_team_key_verify(keyring, &key, NULL), ERR_INTEGRITY);
	assert_int_equal(keyring_team_key_open(keyring, &key, NULL), ERR_INTEGRITY);
	assert_int_equal(keyring_team_key_verify(none, &key, NULL), ERR_CONFIG);
	assert_int_equal(keyring_team_key_make(none, 1, 1, &key, NULL), ERR_CONFIG);
	team_key_free(&key);
	keyring_free(&keyring);
	keyring_free(&stranger);
	keyring_free(&none);
	leave(&place);
	leave(&other);
}

/* The line of a key file. */
static void
read_line(const char *path, char out[256])
{
	FILE *file = fopen(path, "re");

	assert_non_null(file);
	assert_non_null(fgets(out, 256, file));
	fclose(file);
}

/* The master key file of `place` with the key of `other` behind its own. */
static void
add_master_of(const struct place *place, const struct place *other)
{
	char first[256], second[256], both[512];

	read_line(place->path[KEY_MASTER], first);
	read_line(other->path[KEY_MASTER], second);
	snprintf(both, sizeof(both), "%s%s", first, second);
	write_file(place->path[KEY_MASTER], both, 0400);
}

static void
a_new_master_key_takes_over_by_resealing(void **state)
{
	struct place place = enter(), other = enter();
	struct keyring *old = load(&place, ALL_KINDS), *both, *new;
	struct team_key key = make_team(old, 42, 1);
	struct errctx ctx = { 0 };
	char ids[KEYRING_MASTER_IDS_SIZE], wanted[KEYRING_MASTER_IDS_SIZE];

	(void)state;
	add_master_of(&place, &other);
	both = load(&place, ALL_KINDS);
	assert_int_equal(rename(other.path[KEY_MASTER], place.path[KEY_MASTER]), 0);
	new = load(&place, ALL_KINDS);
	keyring_master_ids(both, ids);
	snprintf(wanted, sizeof(wanted), "%s %s", keyring_key_id(old, KEY_MASTER),
	    keyring_key_id(new, KEY_MASTER));
	assert_string_equal(ids, wanted);
	assert_string_equal(keyring_key_id(both, KEY_MASTER), keyring_key_id(old, KEY_MASTER));

	assert_int_equal(keyring_team_key_open(new, &key, &ctx), ERR_CONFIG);
	assert_non_null(strstr(err_text(&ctx), keyring_key_id(old, KEY_MASTER)));
	assert_int_equal(keyring_team_key_reseal(new, &key, NULL), ERR_CONFIG);
	assert_int_equal(keyring_use_master(both, "0123456789abcdef", NULL), ERR_CONFIG);
	assert_int_equal(keyring_use_master(both, keyring_key_id(new, KEY_MASTER), NULL), OK);
	assert_int_equal(keyring_team_key_reseal(both, &key, NULL), OK);
	assert_string_equal(key.master_key_id, keyring_key_id(new, KEY_MASTER));
	assert_int_equal(keyring_team_key_open(new, &key, NULL), OK);
	assert_int_equal(keyring_team_key_open(both, &key, NULL), OK);
	assert_int_equal(keyring_team_key_open(old, &key, NULL), ERR_CONFIG);
	key.private_sealed[40] ^= 1;
	assert_int_equal(keyring_team_key_reseal(both, &key, NULL), ERR_INTEGRITY);
	team_key_free(&key);
	keyring_free(&old);
	keyring_free(&both);
	keyring_free(&new);
	leave(&place);
	leave(&other);
}

static void
a_master_key_is_named_by_the_installation_alone(void **state)
{
	struct place place = enter(), other = enter();
	struct keyring *keyring = load(&place, ALL_KINDS), *stranger = load(&other, ALL_KINDS);
	unsigned char signature[KEY_SIGNATURE_SIZE];
	struct key_check check;

	(void)state;
	assert_int_equal(keyring_make_check(keyring, KEY_MASTER, &check, NULL), OK);
	assert_int_equal(keyring_sign_master(keyring, &check, 2, signature, NULL), OK);
	assert_int_equal(keyring_check_master(keyring, &check, 2, signature, NULL), OK);
	assert_int_equal(keyring_check_master(keyring, &check, 3, signature, NULL), ERR_CONFIG);
	assert_int_equal(keyring_check_master(stranger, &check, 2, signature, NULL), ERR_CONFIG);
	check.public_key[7] ^= 1;
	assert_int_equal(keyring_check_master(keyring, &check, 2, signature, NULL), ERR_CONFIG);
	keyring_free(&stranger);
	stranger = load(&other, BIT(KEY_MASTER) | BIT(KEY_SIGNING_PUBLIC));
	assert_int_equal(keyring_sign_master(stranger, &check, 2, signature, NULL), ERR_CONFIG);
	keyring_free(&keyring);
	keyring_free(&stranger);
	leave(&place);
	leave(&other);
}

static void
a_master_key_file_takes_a_key_more_and_leaves_the_others_beside_it(void **state)
{
	struct place place = enter();
	const char *path = place.path[KEY_MASTER];
	struct keyring *keyring;
	struct stat info;

	(void)state;
	assert_int_equal(master_file_add(path, NULL), OK);
	keyring = load(&place, BIT(KEY_MASTER));
	auto_free char *old = xstrdup(keyring_master_at(keyring, 0));
	auto_free char *new = xstrdup(keyring_master_at(keyring, 1));
	auto_free char *kept = master_file_kept(path, old);
	assert_null(keyring_master_at(keyring, 2));
	assert_string_equal(keyring_key_id(keyring, KEY_MASTER), old);
	keyring_free(&keyring);
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_mode & 07777, 0400);

	assert_int_equal(master_file_keep(path, "0123456789abcdef", NULL), ERR_CONFIG);
	for (int again = 0; again < 2; again++) {
		assert_int_equal(master_file_keep(path, new, NULL), OK);
		keyring = load(&place, BIT(KEY_MASTER));
		assert_string_equal(keyring_master_at(keyring, 0), new);
		assert_null(keyring_master_at(keyring, 1));
		keyring_free(&keyring);
	}
	assert_int_equal(stat(kept, &info), 0);
	assert_int_equal(info.st_mode & 07777, 0400);
	assert_int_equal(rename(kept, path), 0);
	keyring = load(&place, BIT(KEY_MASTER));
	assert_string_equal(keyring_master_at(keyring, 0), old);
	keyring_free(&keyring);
	leave(&place);
}

static void
what_a_killed_call_has_left_is_no_hindrance_and_a_full_file_is_refused(void **state)
{
	struct place place = enter();
	auto_free char *half = xasprintf("%s.new", place.path[KEY_MASTER]);
	struct errctx ctx = { 0 };

	(void)state;
	write_file(half, "bailee-master-1:AAEC", 0400);
	for (int i = 1; i < KEYRING_MASTERS_MAX; i++)
		assert_int_equal(master_file_add(place.path[KEY_MASTER], NULL), OK);
	assert_int_equal(access(half, F_OK), -1);
	assert_int_equal(master_file_add(place.path[KEY_MASTER], &ctx), ERR_CONFIG);
	struct keyring *keyring = load(&place, BIT(KEY_MASTER));
	assert_non_null(keyring_master_at(keyring, KEYRING_MASTERS_MAX - 1));
	keyring_free(&keyring);
	add_master_of(&place, &place); /* its first line twice */
	expect_refusal(&place, KEY_MASTER, "twice", "");
	leave(&place);
}

static void
keeps_the_256_team_keys_used_last(void **state)
{
	struct place place = enter();
	struct keyring *keyring = load(&place, ALL_KINDS);

	(void)state;
	for (int64_t team = 1; team <= 300; team++) {
		struct team_key key = make_team(keyring, team, 1);

		assert_int_equal(keyring_team_key_open(keyring, &key, NULL), OK);
		team_key_free(&key);
		assert_non_null(keyring_team_private(keyring, 1, 1)); /* in use all the time */
	}
	assert_null(keyring_team_private(keyring, 2, 1));
	assert_null(keyring_team_private(keyring, 45, 1));
	for (int64_t team = 46; team <= 300; team++)
		assert_non_null(keyring_team_private(keyring, team, 1));
	keyring_free(&keyring);
	leave(&place);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(makes_files_that_only_the_owner_reads),
		cmocka_unit_test(never_overwrites_a_key_file),
		cmocka_unit_test(leaves_nothing_behind_when_one_file_is_there_already),
		cmocka_unit_test(reports_a_folder_that_is_not_there),
		cmocka_unit_test(holds_only_what_it_was_given),
		cmocka_unit_test(takes_the_public_half_from_the_signing_key),
		cmocka_unit_test(key_ids_are_the_documented_digest),
		cmocka_unit_test(refuses_a_missing_file),
		cmocka_unit_test(refuses_each_kind_in_the_place_of_each_other),
		cmocka_unit_test(refuses_private_keys_open_to_others),
		cmocka_unit_test(takes_a_credential_that_an_acl_opens),
		cmocka_unit_test(refuses_a_file_of_another_user),
		cmocka_unit_test(refuses_files_that_are_no_key),
		cmocka_unit_test(refuses_a_public_key_of_another_pair),
		cmocka_unit_test(token_macs_depend_on_key_and_text),
		cmocka_unit_test(check_values_prove_the_keys_each_program_has),
		cmocka_unit_test(check_values_name_both_key_ids_when_the_key_is_another),
		cmocka_unit_test(check_values_with_any_bent_byte_are_refused),
		cmocka_unit_test(makes_no_check_value_without_the_key),
		cmocka_unit_test(private_keys_live_in_the_secure_heap),
		cmocka_unit_test(works_with_the_secure_heap_full),
		cmocka_unit_test(everyone_verifies_a_team_key_and_the_master_key_opens_it),
		cmocka_unit_test(refuses_a_team_key_with_any_bent_part),
		cmocka_unit_test(refuses_a_team_key_given_to_another_team_or_generation),
		cmocka_unit_test(refuses_a_private_half_that_somebody_else_sealed),
		cmocka_unit_test(refuses_a_team_key_of_another_installation),
		cmocka_unit_test(a_new_master_key_takes_over_by_resealing),
		cmocka_unit_test(a_master_key_is_named_by_the_installation_alone),
		cmocka_unit_test(
		    a_master_key_file_takes_a_key_more_and_leaves_the_others_beside_it),
		cmocka_unit_test(
		    what_a_killed_call_has_left_is_no_hindrance_and_a_full_file_is_refused),
		cmocka_unit_test(keeps_the_256_team_keys_used_last),
	};

	return cmocka_run_group_tests_name("keyring", tests, NULL, NULL);
}
