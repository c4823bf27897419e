/* SPDX-License-Identifier: Apache-2.0 */
/* Behaviour of the configuration: sections, environment, refusals with their line; and the table
 * itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/config.h"

static char path[] = "/tmp/bailee-config-XXXXXX";

static int
make_file(void **state)
{
	(void)state;
	int fd = mkstemp(path);
	return fd < 0 || close(fd);
}

static int
remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

static enum err
load(const char *text, enum config_role role, struct config *config, struct errctx *ctx)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	fclose(file);
	err_clear(ctx);
	return config_load(path, role, config, ctx);
}

static void
a_program_reads_common_and_its_own_section_only(void **state)
{
	static const char text[] = "[common]\nworkers = 3\npublic_url = "
				   "https://b.example/\n[api]\nworkers = 5\ndb_user = a\n"
				   "[public]\ndb_user = p\n";
	struct errctx ctx = { 0 };
	struct config config;
	(void)state;

	assert_int_equal(load(text, CONFIG_API, &config, &ctx), OK);
	assert_int_equal(config.workers, 5);
	assert_string_equal(config.db_user, "a");
	assert_string_equal(config.public_url, "https://b.example");
	assert_int_equal(load(text, CONFIG_PUBLIC, &config, &ctx), OK);
	assert_int_equal(config.workers, 3);
	assert_string_equal(config.db_user, "p");
}

static void
the_environment_wins_and_is_checked_as_well(void **state)
{
	struct errctx ctx = { 0 };
	struct config config;
	(void)state;

	setenv("BAILEE_WORKERS", "7", 1);
	assert_int_equal(load("[api]\nworkers = 5\n", CONFIG_API, &config, &ctx), OK);
	assert_int_equal(config.workers, 7);
	setenv("BAILEE_WORKERS", "many", 1);
	assert_int_equal(load("[api]\nworkers = 5\n", CONFIG_API, &config, &ctx), ERR_CONFIG);
	unsetenv("BAILEE_WORKERS");
}

static void
what_is_wrong_is_named_with_its_line(void **state)
{
	static const struct {
		const char *text, *words[3];
	} cases[] = {
		{ "[common]\nworkers = 4\nworker = 4\n",
		    { "line 3", "unknown option \"worker\"" } },
		{ "[common]\n[web]\nworkers = 4\n", { "line 3", "unknown section [web]" } },
		{ "[common]\nworkers = 0\n", { "line 2", "number from 1 to 512" } },
		{ "[common]\nworkers = 4x\n", { "line 2", "4x" } },
		{ "[common]\nlog_format = xml\n", { "line 2", "xml" } },
		{ "[public]\nworkers = 9999\n",
		    { "line 2", "9999" } }, /* of another program, wrong all the same */
		{ "[common]\nworkers\n", { "line 2", "name = value" } },
	};
	struct errctx ctx = { 0 };
	struct config config;
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(load(cases[i].text, CONFIG_API, &config, &ctx), ERR_CONFIG);
		for (const char *const *word = cases[i].words; *word; word++)
			assert_non_null(strstr(err_text(&ctx), *word));
	}
	assert_int_equal(config_load("/nonexistent", CONFIG_API, &config, &ctx), ERR_CONFIG);
}

static void
a_wait_must_end_before_its_worker_counts_as_stuck(void **state)
{
	struct errctx ctx = { 0 };
	struct config config;
	(void)state;

	assert_int_equal(load("[api]\nwait_default_s = 60\n", CONFIG_API, &config, &ctx),
	    ERR_CONFIG);
	assert_non_null(strstr(err_text(&ctx), "request_limit_s"));
	assert_int_equal(load("[common]\nrequest_limit_s = 10\n", CONFIG_PUBLIC, &config, &ctx),
	    ERR_CONFIG);
	assert_int_equal(load("[common]\nrequest_limit_s = 11\n", CONFIG_API, &config, &ctx), OK);
	assert_int_equal(load("[common]\nrequest_limit_s = 10\n", CONFIG_RUNNER, &config, &ctx),
	    OK);
}

static void
every_option_has_a_reader_a_sentence_and_a_default_in_range(void **state)
{
	const char *before = "";
	(void)state;

	for (const struct config_option *option = config_options; option->name; option++) {
		assert_true(option->roles != 0);
		assert_true(
		    strlen(option->doc) > 10 && option->doc[strlen(option->doc) - 1] == '.');
		assert_true(
		    strcmp(before, option->name) < 0 || strncmp(option->name, "db_", 3) == 0);
		if (option->type == CONFIG_TYPE_NUMBER)
			assert_in_range(strtoll(option->initial, NULL, 10), option->least,
			    option->most);
		before = option->name;
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_program_reads_common_and_its_own_section_only),
		cmocka_unit_test(the_environment_wins_and_is_checked_as_well),
		cmocka_unit_test(what_is_wrong_is_named_with_its_line),
		cmocka_unit_test(a_wait_must_end_before_its_worker_counts_as_stuck),
		cmocka_unit_test(every_option_has_a_reader_a_sentence_and_a_default_in_range),
	};
	return cmocka_run_group_tests_name("config", tests, make_file, remove_file);
}
