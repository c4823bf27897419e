/* SPDX-License-Identifier: Apache-2.0 */
/* Behaviour of slugs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "store/slug.h"

static void
check(const char *name, const char *expected)
{
	char slug[SLUG_SIZE];

	memset(slug, 'x', sizeof(slug));
	slug_make(name, slug);
	assert_string_equal(slug, expected);
}

static void
makes_lower_case_with_underscores(void **state)
{
	(void)state;
	check("multi request credential", "multi_request_credential");
	check("Tines API Credential", "tines_api_credential");
	check("a--b..c  d", "a_b_c_d");
	check("__already_there__", "already_there");
	check("  GitHub (prod) #2! ", "github_prod_2");
}

static void
takes_marks_off_latin_letters(void **state)
{
	(void)state;
	check("Größe Ärger Øre", "grosse_arger_ore");
	check("Łódź Čeština Œuvre Þór", "lodz_cestina_oeuvre_thor");
	check("1\xC3\x97"
	      "2 \xC3\xB7 3",
	    "1_2_3");
	check("Cafe\xCC\x81", "cafe");
	check("ŸžſK", "yzsk");
}

static void
gives_nothing_for_other_scripts(void **state)
{
	(void)state;
	check("", "");
	check("日本語", "");
	check("!!! ___", "");
	check("鍵 key", "key");
}

static void
cuts_long_names_without_underscore_at_the_end(void **state)
{
	char name[1024], slug[SLUG_SIZE];
	(void)state;

	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	slug_make(name, slug);
	assert_int_equal(strlen(slug), SLUG_SIZE - 1);
	name[SLUG_SIZE - 2] = ' ';
	slug_make(name, slug);
	assert_int_equal(strlen(slug), SLUG_SIZE - 2);
	assert_int_equal(slug[SLUG_SIZE - 3], 'a');
}

static void
survives_broken_utf8(void **state)
{
	(void)state;
	check("a\xFF"
	      "b\xC3",
	    "ab");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(makes_lower_case_with_underscores),
		cmocka_unit_test(takes_marks_off_latin_letters),
		cmocka_unit_test(gives_nothing_for_other_scripts),
		cmocka_unit_test(cuts_long_names_without_underscore_at_the_end),
		cmocka_unit_test(survives_broken_utf8),
	};

	return cmocka_run_group_tests_name("slug", tests, NULL, NULL);
}
