/* SPDX-License-Identifier: Apache-2.0 */
/* The file of destroyed keys: what is in it stays destroyed, and nobody else can write it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "vault/keyring.h"

static char dir[] = "/tmp/bailee-destroyed.XXXXXX";
static char file[64];
static const char *paths[KEY_KIND_COUNT];

static struct keyring *
load(bool with_signing)
{
	const char *list[KEY_KIND_COUNT];
	struct keyring *keyring = NULL;

	memcpy(list, paths, sizeof(list));
	if (!with_signing)
		list[KEY_SIGNING] = NULL;
	assert_int_equal(keyring_load(list, &keyring, NULL), OK);
	return keyring;
}

static int
begin(void **state)
{
	(void)state;
	if (!mkdtemp(dir) || keyring_create_files(dir, NULL))
		return -1;
	for (int i = 0; i < KEY_KIND_COUNT; i++)
		paths[i] = xasprintf("%s/%s", dir, key_kinds[i].file);
	snprintf(file, sizeof(file), "%s/destroyed.keys", dir);
	return 0;
}

static int
end(void **state)
{
	(void)state;
	for (int i = 0; i < KEY_KIND_COUNT; i++)
		unlink(paths[i]);
	unlink(file);
	return rmdir(dir);
}

static int
fresh(void **state)
{
	(void)state;
	unlink(file);
	return 0;
}

static struct team_key
key_of(struct keyring *keyring, int64_t team_id, uint32_t generation)
{
	struct team_key key = { 0 };

	assert_int_equal(keyring_team_key_make(keyring, team_id, generation, &key, NULL), OK);
	return key;
}

static void
write_file(const char *text)
{
	FILE *out = fopen(file, "we");

	assert_non_null(out);
	fputs(text, out);
	fclose(out);
	assert_int_equal(chmod(file, 0444), 0);
}

static char *
read_file(void)
{
	char text[4096];
	FILE *in = fopen(file, "re");

	assert_non_null(in);
	text[fread(text, 1, sizeof(text) - 1, in)] = '\0';
	fclose(in);
	return xstrdup(text);
}

static void
what_the_file_names_is_refused_with_all_before_it(void **state)
{
	auto_keyring struct keyring *ctl = load(true), *worker = load(false);
	(void)state;

	assert_int_equal(keyring_add_destroyed(ctl, file, 7, 2, NULL), OK);
	assert_int_equal(keyring_add_destroyed(ctl, file, 9, 1, NULL), OK);
	assert_int_equal(keyring_load_destroyed(worker, file, NULL), OK);
	const struct {
		int64_t team_id;
		uint32_t generation;
		enum err wanted;
	} rows[] = { { 7, 1, ERR_GONE }, { 7, 2, ERR_GONE }, { 7, 3, OK }, { 8, 1, OK },
		{ 9, 1, ERR_GONE }, { 9, 2, OK } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		auto_team_key struct team_key key =
		    key_of(ctl, rows[i].team_id, rows[i].generation);

		assert_int_equal(keyring_team_key_verify(worker, &key, NULL), rows[i].wanted);
		assert_int_equal(key.verified, rows[i].wanted == OK);
		assert_int_equal(keyring_team_key_open(worker, &key, NULL), rows[i].wanted);
	}
}

static void
a_line_is_written_once(void **state)
{
	auto_keyring struct keyring *ctl = load(true);
	struct stat st;
	(void)state;

	for (int i = 0; i < 3; i++)
		assert_int_equal(keyring_add_destroyed(ctl, file, 7, 2, NULL), OK);
	auto_free char *text = read_file();
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0444);
}

#define WRITERS 4
#define LINES 40

/* Two operators, or a script for many teams. */
static void
who_writes_at_the_same_time_loses_no_line(void **state)
{
	auto_keyring struct keyring *worker = load(false), *ctl = load(true);
	pid_t pids[WRITERS];
	(void)state;

	for (int w = 0; w < WRITERS; w++) {
		pids[w] = fork();
		assert_true(pids[w] >= 0);
		for (int64_t i = 0; !pids[w] && i < LINES; i++)
			if (keyring_add_destroyed(ctl, file, w * LINES + i + 1, 1, NULL))
				_exit(1);
		if (!pids[w])
			_exit(0);
	}
	for (int w = 0; w < WRITERS; w++) {
		int status = -1;

		assert_int_equal(waitpid(pids[w], &status, 0), pids[w]);
		assert_int_equal(status, 0);
	}
	assert_int_equal(keyring_load_destroyed(worker, file, NULL), OK);
	for (int64_t team = 1; team <= WRITERS * LINES; team++) {
		auto_team_key struct team_key key = key_of(ctl, team, 1);

		assert_int_equal(keyring_team_key_verify(worker, &key, NULL), ERR_GONE);
	}
}

static void
nobody_else_can_write_or_bend_a_line(void **state)
{
	auto_keyring struct keyring *ctl = load(true), *worker = load(false);
	struct errctx ctx = { 0 };
	(void)state;

	assert_int_equal(keyring_add_destroyed(worker, file, 7, 2, NULL), ERR_CONFIG);
	assert_int_equal(keyring_add_destroyed(ctl, file, 7, 2, NULL), OK);
	auto_free char *good = read_file();
	for (size_t i = 0; i < strlen(good) - 1; i++) {
		auto_keyring struct keyring *reader = load(false);
		auto_free char *bad = xstrdup(good);

		bad[i] = bad[i] == 'A' ? 'B' : 'A';
		write_file(bad);

		assert_int_equal(keyring_load_destroyed(reader, file, &ctx), ERR_CONFIG);
		assert_non_null(strstr(err_text(&ctx), "line 1"));
		err_clear(&ctx);
		unlink(file);
	}
	static const char *const others[] = { "x\n", "bailee-destroyed-1:7:2:\n",
		"bailee-destroyed-1:7:2:AAAA\n", "bailee-destroyed-1:99999999999999999999:2:AAAA" };
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		write_file(others[i]);
		assert_int_equal(keyring_load_destroyed(worker, file, NULL), ERR_CONFIG);
		unlink(file);
	}
}

static void
a_missing_or_open_file_is_refused_and_an_empty_one_is_none(void **state)
{
	auto_keyring struct keyring *worker = load(false);
	struct errctx ctx = { 0 };
	(void)state;

	assert_int_equal(keyring_load_destroyed(worker, "", &ctx), OK);
	assert_int_equal(keyring_load_destroyed(worker, file, &ctx), ERR_CONFIG);
	assert_non_null(strstr(err_text(&ctx), "there is none"));
	assert_int_equal(keyring_create_destroyed(file, NULL), OK);
	assert_int_equal(keyring_create_destroyed(file, NULL), OK);
	assert_int_equal(keyring_load_destroyed(worker, file, NULL), OK);
	assert_int_equal(chmod(file, 0666), 0);
	err_clear(&ctx);
	assert_int_equal(keyring_load_destroyed(worker, file, &ctx), ERR_CONFIG);
	assert_non_null(strstr(err_text(&ctx), "others can change it"));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, fresh)
	const struct CMUnitTest tests[] = {
		TEST(what_the_file_names_is_refused_with_all_before_it),
		TEST(a_line_is_written_once),
		TEST(who_writes_at_the_same_time_loses_no_line),
		TEST(nobody_else_can_write_or_bend_a_line),
		TEST(a_missing_or_open_file_is_refused_and_an_empty_one_is_none),
	};

	return cmocka_run_group_tests_name("destroyed", tests, begin, end);
}
