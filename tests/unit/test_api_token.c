/* SPDX-License-Identifier: Apache-2.0 */
/* API tokens: their form, and what is not one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "vault/api_token.h"

/* Worked out by another program: the CRC32 of the first 59 characters is 0x3fb0c6fe. */
static const char known[] = "bl_0123456789AB_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ1AJWda";

static void
makes_tokens_of_the_documented_form(void **state)
{
	struct api_token_text token;
	char id[API_TOKEN_ID_LEN + 1];

	(void)state;
	api_token_make(&token, id);
	assert_int_equal(strlen(token.text), API_TOKEN_LEN);
	assert_int_equal(API_TOKEN_LEN, 65);
	assert_memory_equal(token.text, "bl_", 3);
	assert_memory_equal(token.text + 3, id, API_TOKEN_ID_LEN);
	assert_int_equal(token.text[15], '_');
	assert_int_equal(strspn(token.text + 16, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijkl"
						 "mnopqrstuvwxyz"),
	    API_TOKEN_SECRET_LEN + API_TOKEN_CHECKSUM_LEN);
	api_token_wipe(&token);
	assert_int_equal(token.text[0], '\0');
}

static void
reads_the_public_id_of_what_it_made(void **state)
{
	struct api_token_text token;
	char made[API_TOKEN_ID_LEN + 1], read[API_TOKEN_ID_LEN + 1];

	(void)state;
	for (int i = 0; i < 1000; i++) {
		api_token_make(&token, made);
		assert_int_equal(api_token_parse(token.text, read), OK);
		assert_string_equal(made, read);
	}
}

static void
reads_a_token_made_elsewhere(void **state)
{
	char id[API_TOKEN_ID_LEN + 1];

	(void)state;
	assert_int_equal(api_token_parse(known, id), OK);
	assert_string_equal(id, "0123456789AB");
}

static void
makes_another_each_time_using_the_whole_alphabet(void **state)
{
	struct api_token_text token, last = { "" };
	char id[API_TOKEN_ID_LEN + 1];
	bool seen[128] = { false };
	int n = 0;

	(void)state;
	for (int i = 0; i < 200; i++) {
		api_token_make(&token, id);
		assert_string_not_equal(token.text, last.text);
		last = token;
		for (int at = 16; at < 59; at++)
			seen[(unsigned char)token.text[at]] = true;
	}
	for (int i = 0; i < 128; i++)
		n += seen[i];
	assert_int_equal(n, 62);
}

static void
refuses_any_bent_character(void **state)
{
	struct api_token_text token;
	char id[API_TOKEN_ID_LEN + 1] = "untouched";
	static const char others[] = "aZ0_-+ \x80\n";

	(void)state;
	api_token_make(&token, (char[API_TOKEN_ID_LEN + 1]){ 0 });
	for (size_t i = 0; i < API_TOKEN_LEN; i++) {
		char right = token.text[i];

		for (const char *other = others; *other; other++) {
			if (*other == right)
				continue;
			token.text[i] = *other;
			assert_int_equal(api_token_parse(token.text, id), ERR_UNAUTHENTICATED);
		}
		token.text[i] = right;
	}
	assert_string_equal(id, "untouched");
}

static void
refuses_every_other_length(void **state)
{
	struct api_token_text token;
	char longer[API_TOKEN_LEN + 2], id[API_TOKEN_ID_LEN + 1];

	(void)state;
	api_token_make(&token, id);
	memcpy(longer, token.text, API_TOKEN_LEN);
	longer[API_TOKEN_LEN] = 'x';
	longer[API_TOKEN_LEN + 1] = '\0';
	assert_int_equal(api_token_parse(longer, id), ERR_UNAUTHENTICATED);
	for (int len = API_TOKEN_LEN - 1; len >= 0; len--) {
		longer[len] = '\0';
		assert_int_equal(api_token_parse(longer, id), ERR_UNAUTHENTICATED);
	}
	assert_int_equal(api_token_parse(NULL, id), ERR_UNAUTHENTICATED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(makes_tokens_of_the_documented_form),
		cmocka_unit_test(reads_the_public_id_of_what_it_made),
		cmocka_unit_test(reads_a_token_made_elsewhere),
		cmocka_unit_test(makes_another_each_time_using_the_whole_alphabet),
		cmocka_unit_test(refuses_any_bent_character),
		cmocka_unit_test(refuses_every_other_length),
	};

	return cmocka_run_group_tests_name("api_token", tests, NULL, NULL);
}
