/* SPDX-License-Identifier: Apache-2.0 */
/* Behaviour of the base layer: errors, buffers, time, uuids, encodings, JSON, secrets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/crypt.h"
#include "base/json.h"
#include "base/scopes.h"
#include "base/secret.h"
#include "base/uuid.h"

static void
every_error_kind_has_name_message_and_statuses(void **state)
{
	(void)state;
	for (int kind = 0; kind < ERR_COUNT; kind++) {
		const struct err_kind *row = err_kind((enum err)kind);

		assert_non_null(row->name);
		assert_true(row->message[0] != '\0');
		for (int surface = 0; surface < SURFACE_COUNT; surface++)
			assert_in_range(row->status[surface], 200, 599);
		assert_true(kind == OK || strlen(row->code) == 5);
	}
}

static void
first_error_is_the_headline_and_more_than_sixteen_are_dropped(void **state)
{
	struct errctx ctx = { 0 };
	(void)state;

	for (int i = 0; i < 40; i++)
		assert_int_equal(err_set(&ctx, i ? ERR_VALUE : ERR_FIELD, "a.b", "number %d", i),
		    i ? ERR_VALUE : ERR_FIELD);
	assert_int_equal(ctx.kind, ERR_FIELD);
	assert_int_equal(ctx.n_sub, ERR_SUB_MAX);
	assert_string_equal(err_text(&ctx), "number 0");
	err_clear(&ctx);
	assert_string_equal(err_text(&ctx), "ok");
}

static void
buffer_takes_its_cap_and_not_one_byte_more(void **state)
{
	auto_buf struct buf buf = BUF_INIT(8);
	(void)state;

	buf_add_text(&buf, "12345678");
	assert_false(buf.over);
	assert_string_equal(buf_text(&buf), "12345678");
	buf_add_char(&buf, '9');
	assert_true(buf.over);
	assert_int_equal(buf.len, 8);
	auto_free char *taken = buf_take(&buf);
	assert_string_equal(taken, "12345678");
	assert_string_equal(buf_text(&buf), "");
}

static void
secret_buffer_keeps_its_bytes_while_growing(void **state)
{
	auto_buf struct buf buf = BUF_INIT_SECRET(100000);
	(void)state;

	for (int i = 0; i < 5000; i++)
		buf_printf(&buf, "%04d,", i);
	assert_int_equal(buf.len, 25000);
	assert_memory_equal(buf_text(&buf) + 24995, "4999,", 5);
}

static void
formatted_text_that_does_not_fit_leaves_the_buffer_as_it_was(void **state)
{
	auto_buf struct buf buf = BUF_INIT(200);
	(void)state;

	buf_printf(&buf, "%0100d", 1);
	buf_printf(&buf, "%0100d", 2); /* to the last byte, beyond the room it had */
	assert_int_equal(buf.len, 200);
	assert_int_equal(buf.data[199], '2');
	buf_printf(&buf, "%s", "");
	assert_false(buf.over);
	buf_printf(&buf, "%d", 3);
	assert_true(buf.over);
	assert_int_equal(strlen(buf_text(&buf)), 200);
	buf_free(&buf);
	buf.over = false;
	buf_printf(&buf, "%0300d", 4);
	assert_true(buf.over);
	assert_string_equal(buf_text(&buf), "");
}

static void
iso_times_are_read_and_written(void **state)
{
	static const struct {
		const char *text;
		int64_t ms; /* -1: refused */
	} cases[] = {
		{ "1970-01-01T00:00:00Z", 0 },
		{ "2026-11-21T18:10:33.5Z", 1795284633500 },
		{ "2026-11-21 18:10:33.500Z", 1795284633500 },
		{ "2026-11-21T19:10:33.500+01:00", 1795284633500 },
		{ "2026-11-21T19:10:33.500+0100", 1795284633500 },
		{ "2024-02-29T00:00:00Z", 1709164800000 },
		{ "2023-02-29T00:00:00Z", -1 },
		{ "2026-13-01T00:00:00Z", -1 },
		{ "2026-11-21T25:00:00Z", -1 },
		{ "2026-11-21T18:10:33", -1 },
		{ "2026-11-21", -1 },
		{ "2026-11-21T18:10:33Zx", -1 },
		{ "9999-12-31T23:59:59.999Z", 253402300799999 },
		{ "9999-12-31T23:59:59-00:01", -1 },
		{ "0000-12-31T23:59:59Z", -1 },
		{ "0001-01-01T00:00:00+00:01", -1 },
		{ "", -1 },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t ms = -1;
		enum err err = clock_parse_iso(cases[i].text, &ms);

		assert_int_equal(err, cases[i].ms < 0 ? ERR_VALUE : OK);
		assert_int_equal(ms, cases[i].ms);
	}
	char text[CLOCK_ISO_SIZE];
	clock_iso(1795284633500, text);
	assert_string_equal(text, "2026-11-21T18:10:33.500Z");
	clock_iso(-1, text);
	assert_string_equal(text, "1969-12-31T23:59:59.999Z");
}

static void
uuids_are_version_4_unique_and_strictly_read(void **state)
{
	struct uuid a, b, back;
	char text[UUID_TEXT_SIZE];
	(void)state;

	uuid_make(&a);
	uuid_make(&b);
	assert_memory_not_equal(&a, &b, sizeof(a));
	uuid_text(&a, text);
	assert_int_equal(text[14], '4');
	assert_non_null(strchr("89ab", text[19]));
	assert_int_equal(uuid_parse(text, &back), OK);
	assert_memory_equal(&a, &back, sizeof(a));
	text[14] = 'g';
	assert_int_equal(uuid_parse(text, &back), ERR_VALUE);
	assert_int_equal(uuid_parse("", &back), ERR_VALUE);
	assert_int_equal(uuid_parse("00000000-0000-4000-8000-00000000000", &back), ERR_VALUE);
	assert_int_equal(uuid_parse("00000000-0000-4000-8000-0000000000000", &back), ERR_VALUE);
	assert_int_equal(uuid_parse("000000000000-4000-8000-0000-00000000", &back), ERR_VALUE);
}

static void
ordered_uuids_ascend_with_time(void **state)
{
	struct uuid before, bound, after;
	(void)state;

	uuid_make_ordered(&before);
	for (int64_t begin = clock_now_ms(); clock_now_ms() < begin + 3;)
		;
	uuid_first_at(clock_now_ms(), &bound);
	uuid_make_ordered(&after);
	assert_true(memcmp(&before, &bound, sizeof(before)) < 0);
	assert_true(memcmp(&bound, &after, sizeof(before)) < 0);
}

static void
base64_and_hex_go_round_and_refuse_what_is_not_canonical(void **state)
{
	static const char *const bad64[] = { "a", "ab=c", "a===", "YQ",
		"YR==", "Y Q=", "YQ==YQ==", "-_-_" };
	unsigned char bytes[64], *back;
	size_t len;
	(void)state;

	for (size_t n = 0; n < sizeof(bytes); n++) {
		crypt_random(bytes, n);
		auto_free char *plain = crypt_base64(bytes, n), *url = crypt_base64url(bytes, n),
			       *hex = crypt_hex(bytes, n);
		assert_int_equal(crypt_base64_decode(plain, strlen(plain), &back, &len), OK);
		assert_int_equal(len, n);
		assert_memory_equal(back, bytes, n);
		free(back);
		assert_null(strpbrk(url, "+/="));
		assert_int_equal(crypt_base64url_decode(url, strlen(url), &back, &len), OK);
		assert_memory_equal(back, bytes, n);
		free(back);
		assert_int_equal(crypt_hex_decode(hex, strlen(hex), &back, &len), OK);
		assert_memory_equal(back, bytes, n);
		free(back);
	}
	for (size_t i = 0; i < sizeof(bad64) / sizeof(bad64[0]); i++)
		assert_int_equal(crypt_base64_decode(bad64[i], strlen(bad64[i]), &back, &len),
		    ERR_VALUE);
	assert_int_equal(crypt_hex_decode("abc", 3, &back, &len), ERR_VALUE);
	assert_int_equal(crypt_hex_decode("zz", 2, &back, &len), ERR_VALUE);
}

static void
random_below_stays_below_and_reaches_every_value(void **state)
{
	bool seen[7] = { false };
	(void)state;

	for (int i = 0; i < 1000; i++) {
		uint32_t n = crypt_random_below(7);

		assert_true(n < 7);
		seen[n] = true;
	}
	for (int i = 0; i < 7; i++)
		assert_true(seen[i]);
}

static void
json_refuses_what_is_ambiguous_or_dangerous(void **state)
{
	static const char *const bad[] = { "", "{", "{\"a\":1,\"a\":2}", "[1,]",
		"{\"a\":\"\\u0000\"}", "\"\xff\"", "nul", "1 2", "{\"a\":1}x", "[\"\\ud800\"]",
		"NaN" };
	static const char *const good[] = { "{}", "[]", "1", "\"x\"", "null",
		"{\"a\":[1,2,{\"b\":null}]}", " {} " };
	(void)state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct errctx ctx = { 0 };
		json_t *value = NULL;

		assert_int_equal(json_parse(bad[i], strlen(bad[i]), &value, &ctx), ERR_MALFORMED);
		assert_null(value);
		assert_true(ctx.n_sub == 1);
	}
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		json_t *value = NULL;

		assert_int_equal(json_parse(good[i], strlen(good[i]), &value, NULL), OK);
		json_decref(value);
	}
}

static void
json_of_any_kind_is_written_into_a_buffer_or_said_not_to_fit(void **state)
{
	static const char *const texts[] = { "{}", "[]", "[{},[],null,true,false]", "\"\"",
		"{\"\":{\"a b\":[1,-9223372036854775808,9223372036854775807]}}",
		"[0.1,-1e300,5.0,1e-7,123456789.125]", "\"\\u0001\\b\\f\\n\\r\\t\\u001f\\u007f/\"",
		"{\"quote\\\"d \\\\ key\\n\":\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x99\x82\\u0000\"}",
		"12", "null" };
	(void)state;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		json_auto_t *value = json_loads(texts[i],
		    JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, NULL);
		auto_buf struct buf small = BUF_INIT(1);

		assert_non_null(value);
		auto_free char *theirs = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
		auto_free char *ours = json_text(value);
		assert_string_equal(ours, theirs);
		json_write(value, &small);
		assert_true(small.over);
	}
}

static void
json_depth_is_bounded_before_parsing(void **state)
{
	auto_buf struct buf deep = BUF_INIT(1 << 20), quoted = BUF_INIT(1 << 20);
	json_t *value = NULL;
	(void)state;

	for (int i = 0; i < JSON_DEPTH_MAX; i++)
		buf_add_char(&deep, '[');
	for (int i = 0; i < JSON_DEPTH_MAX; i++)
		buf_add_char(&deep, ']');
	assert_int_equal(json_parse(buf_text(&deep), deep.len, &value, NULL), OK);
	json_decref(value);
	for (int i = 0; i < 200000; i++)
		buf_add_char(&deep, '[');
	assert_int_equal(json_parse(buf_text(&deep), deep.len, &value, NULL), ERR_MALFORMED);
	buf_add_text(&quoted, "\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[[[\"");
	assert_int_equal(json_parse(buf_text(&quoted), quoted.len, &value, NULL), OK);
	json_decref(value);
}

static void
json_values_are_counted_before_parsing(void **state)
{
	auto_buf struct buf many = BUF_INIT(1 << 20);
	json_t *value = NULL;
	struct errctx ctx = { 0 };
	(void)state;

	buf_add_text(&many, "[\",,,,\"");
	for (int i = 2; i < JSON_VALUES_MAX; i++)
		buf_add_text(&many, ",1");
	buf_add_char(&many, ']');
	assert_int_equal(json_parse(buf_text(&many), many.len, &value, NULL), OK);
	json_decref(value);
	many.data[many.len - 1] = ',';
	buf_add_text(&many, "1]");
	assert_int_equal(json_parse(buf_text(&many), many.len, &value, &ctx), ERR_MALFORMED);
	assert_string_equal(err_text(&ctx), "JSON is of more than 100000 values");
}

static void
text_that_is_not_utf8_is_shown_with_replacement_characters(void **state)
{
	json_auto_t *text = json_text_lossy("a\xff\xc3\xa4\xed\xa0\x80z", 8);
	(void)state;

	assert_string_equal(json_string_value(text),
	    "a\xef\xbf\xbd\xc3\xa4\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz");
}

static void
secrets_are_replaced_and_emptied(void **state)
{
	struct secret secret = { 0 };
	(void)state;

	assert_string_equal(secret_text(&secret), "");
	secret_set(&secret, "first", 5);
	secret_set(&secret, secret.data, 2); /* from itself */
	assert_string_equal(secret_text(&secret), "fi");
	secret_free(&secret);
	secret_free(&secret);
	assert_null(secret.data);
	char *text = xstrdup("x");
	secret_wipe_text(&text);
	secret_wipe_text(&text);
	assert_null(text);
}

static void
scopes_are_read_named_and_compared(void **state)
{
	struct errctx ctx = { 0 };
	uint32_t bits = 0;
	(void)state;

	assert_int_equal(scopes_parse("keys:read, keys:write", &bits, &ctx), OK);
	assert_int_equal(bits, SCOPE_KEYS_READ | SCOPE_KEYS_WRITE);
	assert_true(scopes_allow(bits, SCOPE_KEYS_READ));
	assert_false(scopes_allow(bits, SCOPE_TEAMS_READ));
	assert_true(scopes_allow(0, SCOPE_ANY_TOKEN));
	assert_false(scopes_allow(SCOPES_ALL, SCOPE_UNSET));
	assert_int_equal(scopes_parse("keys:rea", &bits, &ctx), ERR_VALUE);
	assert_int_equal(scopes_parse(" ", &bits, &ctx), ERR_VALUE);
	assert_int_equal(scopes_parse("all", &bits, &ctx), OK);
	json_auto_t *names = scopes_json(bits);
	assert_int_equal(json_array_size(names), SCOPE_COUNT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_error_kind_has_name_message_and_statuses),
		cmocka_unit_test(first_error_is_the_headline_and_more_than_sixteen_are_dropped),
		cmocka_unit_test(buffer_takes_its_cap_and_not_one_byte_more),
		cmocka_unit_test(secret_buffer_keeps_its_bytes_while_growing),
		cmocka_unit_test(formatted_text_that_does_not_fit_leaves_the_buffer_as_it_was),
		cmocka_unit_test(iso_times_are_read_and_written),
		cmocka_unit_test(uuids_are_version_4_unique_and_strictly_read),
		cmocka_unit_test(ordered_uuids_ascend_with_time),
		cmocka_unit_test(base64_and_hex_go_round_and_refuse_what_is_not_canonical),
		cmocka_unit_test(random_below_stays_below_and_reaches_every_value),
		cmocka_unit_test(json_refuses_what_is_ambiguous_or_dangerous),
		cmocka_unit_test(json_of_any_kind_is_written_into_a_buffer_or_said_not_to_fit),
		cmocka_unit_test(json_depth_is_bounded_before_parsing),
		cmocka_unit_test(json_values_are_counted_before_parsing),
		cmocka_unit_test(text_that_is_not_utf8_is_shown_with_replacement_characters),
		cmocka_unit_test(secrets_are_replaced_and_emptied),
		cmocka_unit_test(scopes_are_read_named_and_compared),
	};
	return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
