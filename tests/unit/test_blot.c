/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets are found in every form in which an answer may repeat them, and nothing else is lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/blot.h"
#include "base/alloc.h"
#include "base/crypt.h"

#define MOST 65536

static void
expect(const char *secret, const char *text, const char *expected)
{
	auto_buf struct buf out = BUF_INIT_SECRET(MOST);
	struct blot *blot = blot_new();

	blot_add(blot, secret, strlen(secret));
	blot_apply(blot, text, strlen(text), &out);
	blot_free(&blot);
	if (strcmp(buf_text(&out), expected) != 0)
		fail_msg("%s: %s, not %s", text, buf_text(&out), expected);
}

static void
a_secret_is_found_however_it_is_written(void **state)
{
	(void)state;

	expect("s3cr\"t/ &", "a s3cr\"t/ & b", "a [secret] b");
	expect("s3cr\"t/ &", "q=s3cr%22t%2F%20%26&x", "q=[secret]&x");
	expect("s3cr\"t/ &", "q=s3cr%22t%2f+%26", "q=[secret]");
	expect("s3cr\"t/ &", "q=%733cr\"t/ &!", "q=[secret]!");
	expect("s3cr\"t/ &", "{\"a\":\"s3cr\\\"t\\/ &\"}", "{\"a\":\"[secret]\"}");
	expect("s3cr\"t/ &", "\\u00733cr\\u0022t/ \\u0026", "[secret]");
	expect("s3cr\"t/ &", "<b>s3cr&quot;t/ &amp;</b>", "<b>[secret]</b>");
	expect("a\nb\tcd", "a\\nb\\tcd", "[secret]");
	expect("token1", "5x746F6b656E31x", "5x[secret]x");
	expect("ab", "abcab", "[secret]c[secret]");
	expect("tok", "746f6b", "746f6b"); /* too short to look for its forms */
	expect("tok", "TOK", "TOK");
	expect("s3cr\"t/ &", "S3CR\"T/ &", "[secret]");
	expect("a%41b", "a%41b a%2541b aAb", "[secret] [secret] aAb");
	expect("aab", "aaab", "a[secret]");
	expect("token", "nothing of it: toke n", "nothing of it: toke n");
}

static void
an_escape_of_an_escape_hides_nothing(void **state)
{
	(void)state;

	expect("a/b\"c&d", "u=a%252Fb%2522c%2526d", "u=[secret]");
	expect("a/b\"c&d", "\"{\\\"k\\\":\\\"a/b\\\\\\\"c&d\\\"}\"",
	    "\"{\\\"k\\\":\\\"[secret]\\\"}\"");
	expect("a/b\"c&d", "a/b&amp;quot;c&amp;amp;d", "[secret]");
	expect("a/b\"c&d", "&#97;&#x2F;b&#034;c&#x0026;d!", "[secret]!");
	expect("a/b\"c&d", "\\x61\\x2f\\x62\\x22\\x63\\x26\\x64", "[secret]");
}

static void
characters_beyond_ascii_are_found_by_their_numbers(void **state)
{
	static const char secret[] = "k\xc3\xbcy\xf0\x9f\x94\x91";
	(void)state;

	expect(secret, "[k\\u00fcy\\uD83D\\udd11]", "[[secret]]");
	expect(secret, "k&#252;y&#x1F511;", "[secret]");
	expect(secret, "k%C3%BCy%F0%9F%94%91", "[secret]");
	expect("k\xc3\xbcnd", "k\xfcnd", "[secret]"); /* ISO 8859-1 */
	expect("\xc3\xbcnd", "\xfcnd \\u00fcnd", "[secret] [secret]");
}

static void
bytes_are_found_as_numbers(void **state)
{
	(void)state;

	expect("token1", "74:6f:6b:65:6e:31", "[secret]");
	expect("token1", "74 6F 6B 65 6E 31", "[secret]");
	expect("token1", "0x74, 0x6f, 0x6b, 0x65, 0x6e, 0x31", "0x[secret]");
	expect("token1", "{\"data\":[116,111,107,101,110,49]}", "{\"data\":[[secret]]}");
	expect("token1", "[116, 111, 107, 101, 110, 50]", "[116, 111, 107, 101, 110, 50]");
}

static void
utf16_is_read(void **state)
{
	static const char little[] = "\0t\0o\0k\0\xfc\0\x3d\xd8\x11\xdd!";
	static const char big[] = "!\0t\0o\0k\0\xfc\xd8\x3d\xdd\x11";
	static const char secret[] = "tok\xc3\xbc\xf0\x9f\x94\x91";
	struct blot *blot = blot_new();
	auto_buf struct buf out = BUF_INIT_SECRET(MOST);
	(void)state;

	blot_add(blot, secret, strlen(secret));
	blot_apply(blot, little + 1, sizeof(little) - 2, &out);
	blot_apply(blot, big, sizeof(big) - 1, &out);
	blot_free(&blot);
	assert_string_equal(buf_text(&out), "[secret]!![secret]");
}

/* Every character that depends on the secret alone goes, at each alignment. */
static void
a_secret_is_found_within_base64(void **state)
{
	static const char secret[] = "\xfb\xefsecret?>~token";
	(void)state;

	for (size_t before = 0; before < 6; before++)
		for (size_t after = 0; after < 4; after++) {
			auto_free char *text = xasprintf("%.*s%s%.*s", (int)before, "user:-x",
			    secret, (int)after, "rest");
			char *forms[] = { crypt_base64(text, strlen(text)),
				crypt_base64url(text, strlen(text)) };
			struct blot *blot = blot_new();

			blot_add(blot, secret, strlen(secret));
			for (size_t form = 0; form < 2; form++) {
				auto_buf struct buf out = BUF_INIT_SECRET(MOST);

				blot_apply(blot, forms[form], strlen(forms[form]), &out);
				const char *mark = strstr(buf_text(&out), BLOT_MARK);
				if (!mark)
					fail_msg("not found in %s", forms[form]);
				/* what is left of its bits: less than one byte at either side */
				size_t left = out.len - strlen(BLOT_MARK);
				assert_true(
				    left <= strlen(forms[form]) - (strlen(secret) * 8 - 10) / 6);
			}
			free(forms[0]);
			free(forms[1]);

			blot_free(&blot);
		}
	expect("long secret of a vendor", "bG9uZyBz\r\nZWNyZXQg\nb2YgYSB2ZW5kb3I=", "[secret]I=");
	expect("long secret of a vendor", "\"bG9uZyBz\\nZWNyZXQg\\r\\nb2YgYSB2ZW5kb3I=\"",
	    "\"[secret]I=\"");
	expect("\x3f\x3f\x3f>>>", "Pz8%2FPj4%2b!", "[secret]!");
	expect("\x3f\x3f\x3f>>>", "Pz8%252FPj4%252b!", "[secret]!");
	expect("\x3f\x3f\x3f>>>", "Pz8\\/Pj4+!", "[secret]!");
}

static void
all_secrets_are_found_the_longest_first(void **state)
{
	auto_buf struct buf out = BUF_INIT_SECRET(MOST);
	struct blot *blot = blot_new();
	static const char text[] = "one\0two onetwo thr\xff"
				   "ee";
	(void)state;

	blot_add(blot, "one", 3);
	blot_add(blot, "onetwo", 6);
	blot_add(blot,
	    "thr\xff"
	    "ee",
	    6);
	blot_add(blot, "", 0);
	blot_apply(blot, text, sizeof(text) - 1, &out);
	static const char expected[] = "[secret]\0two [secret] [secret]";
	assert_int_equal(out.len, sizeof(expected) - 1);
	assert_memory_equal(out.data, expected, sizeof(expected));
	blot_free(&blot);
}

/* A secret and an answer made for each other would keep the runner busy for minutes. */
static void
a_search_without_end_is_given_up(void **state)
{
	size_t len = 1024 * 1024, secret_len = 64 * 1024;
	auto_free char *text = xmalloc(len), *secret = xmalloc(secret_len);
	auto_buf struct buf out = BUF_INIT_SECRET(2 * len);
	struct blot *blot = blot_new();
	json_t *value;
	(void)state;

	memset(text, 'a', len);
	memset(secret, 'a', secret_len);
	secret[secret_len - 1] = 'b';
	blot_add(blot, secret, secret_len);
	blot_apply(blot, text, len, &out);
	assert_true(out.over);
	text[len - 1] = '\0';
	value = json_string(text);
	json_t *got = blot_json(blot, value);
	assert_string_equal(json_string_value(got), BLOT_MARK);
	json_decref(got);
	json_decref(value);
	blot_free(&blot);
}

/* Bytes of zero were taken for beginnings of escapes, each of them tried in every way. */
static void
zeros_are_no_escapes_and_are_passed_over(void **state)
{
	size_t len = 1024 * 1024;
	auto_free char *zeros = xcalloc(1, len);
	auto_buf struct buf out = BUF_INIT_SECRET(2 * len);
	struct blot *blot = blot_new();
	(void)state;

	blot_add(blot, "a-secret-value-0123456789-abcdef", 32);
	blot_apply(blot, zeros, len, &out);
	assert_false(out.over);
	assert_int_equal(out.len, len);
	blot_free(&blot);
}

static void
json_keeps_its_shape(void **state)
{
	json_t *value = json_pack("{s:s, s:[i, {s:b}], s:n}", "x-token", "Bearer tokentoken",
	    "list", 7, "tokentoken", 1, "none");
	json_t *expected = json_pack("{s:s, s:[i, {s:b}], s:n}", "x-token", "Bearer [secret]",
	    "list", 7, "[secret]", 1, "none");
	struct blot *blot = blot_new();
	(void)state;

	blot_add(blot, "tokentoken", 10);
	json_t *got = blot_json(blot, value);
	assert_true(json_equal(got, expected));
	json_decref(got);
	json_decref(expected);
	json_decref(value);
	blot_free(&blot);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_secret_is_found_however_it_is_written),
		cmocka_unit_test(an_escape_of_an_escape_hides_nothing),
		cmocka_unit_test(characters_beyond_ascii_are_found_by_their_numbers),
		cmocka_unit_test(bytes_are_found_as_numbers),
		cmocka_unit_test(utf16_is_read),
		cmocka_unit_test(a_secret_is_found_within_base64),
		cmocka_unit_test(all_secrets_are_found_the_longest_first),
		cmocka_unit_test(a_search_without_end_is_given_up),
		cmocka_unit_test(zeros_are_no_escapes_and_are_passed_over),
		cmocka_unit_test(json_keeps_its_shape),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
