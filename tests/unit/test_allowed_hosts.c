/* SPDX-License-Identifier: Apache-2.0 */
/* Which URLs the allowed_hosts of a credential cover, and which patterns may be stored. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/json.h"
#include "net/allowed_hosts.h"
#include "net/url.h"

struct probe {
	const char *pattern;
	const char *url;
	bool match;
};

static void
check(const struct probe *probes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (allowed_hosts_match(probes[i].pattern, probes[i].url) != probes[i].match)
			fail_msg("'%s' and '%s': expected %s", probes[i].pattern, probes[i].url,
			    probes[i].match ? "a match" : "no match");
}
#define CHECK(probes) check(probes, sizeof probes / sizeof *probes)

static void
an_exact_host_covers_itself_only(void **state)
{
	static const struct probe probes[] = {
		{ "example.com", "https://example.com", true },
		{ "example.com", "https://example.com/a/b?c=d#e", true },
		{ "example.com", "http://example.com/", true },
		{ "example.com", "https://example.com:8443/", true },
		{ "example.com", "https://EXAMPLE.Com./", true },
		{ "EXAMPLE.com.", "https://example.com/", true },
		{ "example.com", "https://www.example.com/", false },
		{ "example.com", "https://evilexample.com/", false },
		{ "example.com", "https://example.com.evil.net/", false },
		{ "example.com", "https://example.co/", false },
		{ "example.com", "https://evil.net/example.com", false },
		{ "example.com", "https://evil.net?example.com", false },
		{ "example.com", "https://evil.net#example.com", false },
		{ "localhost", "http://localhost:9000/", true },
		{ "xn--bcher-kva.example", "https://XN--bcher-KVA.example/", true },
		{ "com", "https://com/", true },
	};

	(void)state;
	CHECK(probes);
}

static void
a_leading_star_covers_any_depth_but_not_the_apex(void **state)
{
	static const struct probe probes[] = {
		{ "*.example.com", "https://a.example.com/", true },
		{ "*.example.com", "https://a.b.c.example.com/x", true },
		{ "*.example.com", "https://A.Example.COM./x", true },
		{ "*.example.com", "https://example.com/", false },
		{ "*.example.com", "https://evilexample.com/", false },
		{ "*.example.com", "https://a.example.com.evil.net/", false },
		{ "*.example.com", "https://a.example.org/", false },
		{ "*.example.com", "https://.example.com/", false },
		{ "*.example.com", "https://a..example.com/", false },
		{ "*.api.example.co.uk", "https://x.api.example.co.uk/", true },
	};

	(void)state;
	CHECK(probes);
}

static void
another_star_stays_within_its_label(void **state)
{
	static const struct probe probes[] = {
		{ "api-*.example.com", "https://api-eu.example.com/", true },
		{ "api-*.example.com", "https://api-.example.com/", true },
		{ "api-*.example.com", "https://api-eu.west.example.com/", false },
		{ "api-*.example.com", "https://api-.evil.net.example.com/", false },
		{ "api-*.example.com", "https://xapi-eu.example.com/", false },
		{ "*-api.example.com", "https://eu-api.example.com/", true },
		{ "*-api.example.com", "https://a.eu-api.example.com/", false },
		{ "a.*.example.com", "https://a.b.example.com/", true },
		{ "a.*.example.com", "https://a.b.c.example.com/", false },
		{ "a.*.example.com", "https://a.example.com/", false },
		{ "*.*.example.com", "https://a.b.example.com/", true },
		{ "*.*.example.com", "https://c.a.b.example.com/", true },
		{ "*.*.example.com", "https://b.example.com/", false },
		{ "*a*b*.example.com", "https://xaybz.example.com/", true },
		{ "*a*b*.example.com", "https://xbyaz.example.com/", false },
		{ "**.example.com", "https://a.b.example.com/", false },
	};

	(void)state;
	CHECK(probes);
}

static void
a_port_counts_when_given(void **state)
{
	static const struct probe probes[] = {
		{ "example.com:8443", "https://example.com:8443/", true },
		{ "example.com:8443", "https://example.com/", false },
		{ "example.com:443", "https://example.com/", true },
		{ "example.com:443", "http://example.com/", false },
		{ "example.com:80", "http://example.com/", true },
		{ "*.example.com:8443", "https://a.example.com:8443/", true },
		{ "*.example.com:8443", "https://a.example.com:8444/", false },
		{ "https://example.com", "https://example.com/x", true },
		{ "https://example.com", "https://example.com:443/x", true },
		{ "https://example.com", "https://example.com:8443/x", false },
		{ "https://example.com:8443/*", "https://example.com:8443/x", true },
	};

	(void)state;
	CHECK(probes);
}

static void
scheme_and_path_count_when_given(void **state)
{
	static const struct probe probes[] = {
		{ "https://example.com/*", "https://example.com/", true },
		{ "https://example.com/*", "https://example.com", true },
		{ "https://example.com/*", "https://example.com/a/b", true },
		{ "https://example.com/*", "http://example.com/a", false },
		{ "http://example.com/*", "https://example.com/a", false },
		{ "HTTPS://example.com/*", "https://example.com/a", true },
		{ "example.com/path/*", "https://example.com/path/a", true },
		{ "example.com/path/*", "https://example.com/path/a/b?c=/d", true },
		{ "example.com/path/*", "https://example.com/path/", true },
		{ "example.com/path/*", "https://example.com/path", false },
		{ "example.com/path/*", "https://example.com/pathology/a", false },
		{ "example.com/path/*", "https://example.com/other?/path/a", false },
		{ "example.com/path/*", "https://example.com/Path/a", false },
		{ "example.com/path/*", "https://example.com/path/../other", false },
		{ "example.com/path/*", "https://example.com/path/..", false },
		{ "example.com/path/*", "https://example.com/path/%2e%2e/other", false },
		{ "example.com/path/*", "https://example.com/path/%2E./other", false },
		{ "example.com/path/*", "https://example.com/path/..%2fother", false },
		{ "example.com/path/*", "https://example.com/path/..;/other", false },
		{ "example.com/path/*", "https://example.com/path/%252e%252e/other", false },
		{ "example.com/path/*", "https://example.com/path/..%5Cother", false },
		{ "example.com/path/*", "https://example.com/path/..\\other", false },
		{ "example.com/*/keys", "https://example.com/v1/keys", true },
		{ "example.com/*/keys", "https://example.com/v1/keys/a", false },
		{ "example.com/exact", "https://example.com/exact?q=1", true },
		{ "example.com/exact", "https://example.com/exact/", false },
		{ "example.com/", "https://example.com/a", false },
		{ "*.example.com/path/*", "https://a.example.com/path/a", true },
	};

	(void)state;
	CHECK(probes);
}

static void
ip_addresses_match_in_every_spelling_but_only_exactly(void **state)
{
	static const struct probe probes[] = {
		{ "127.0.0.1", "http://127.0.0.1:8080/", true },
		{ "127.0.0.1", "http://127.1/", true },
		{ "127.0.0.1", "http://2130706433/", true },
		{ "127.0.0.1", "http://127.0.0.1./", true },
		{ "127.0.0.1", "http://127.0.0.2/", false },
		{ "[::1]", "http://[::1]:8080/", true },
		{ "[0:0::1]", "http://[::1]/", true },
		{ "[::1]:8080", "http://[::1]:8081/", false },
		{ "[::1]:8080", "http://[0::1]:8080/", true },
		{ "[::1]", "http://[fe80::1%25lo]/", false },
	};

	(void)state;
	CHECK(probes);
}

static void
urls_that_try_to_look_like_others_do_not_match(void **state)
{
	static const struct probe probes[] = {
		{ "allowed.com", "https://allowed.com@evil.net/", false },
		{ "allowed.com", "https://allowed.com:443@evil.net/", false },
		{ "allowed.com", "https://user@allowed.com/", false },
		{ "allowed.com", "https://allowed.com\\@evil.net/", false },
		{ "allowed.com", "https://evil.net\\@allowed.com/", false },
		{ "allowed.com", "https://allowed.com%00.evil.net/", false },
		{ "allowed.com", "https://allowed%2ecom/", false },
		{ "allowed.com", "https://evil.net/?@allowed.com/", false },
		{ "allowed.com", "//allowed.com/", false },
		{ "allowed.com", "allowed.com", false },
		{ "allowed.com", "http:/allowed.com/", false },
		{ "allowed.com", "http:///allowed.com/", false },
		{ "allowed.com", "ftp://allowed.com/", false },
		{ "allowed.com", "file://allowed.com/etc/passwd", false },
		{ "allowed.com", "gopher://allowed.com/", false },
		{ "allowed.com", " https://allowed.com/", false },
		{ "allowed.com", "https://allowed.com/a b", false },
		{ "allowed.com", "https://allowed.com/\r\nX: y", false },
		{ "allowed.com", "https://allowed.com:0/", false },
		{ "allowed.com", "https://allowed.com:22/", false },
		{ "allowed.com", "https://allowed.com:25/", false },
		{ "allowed.com", "https://allowed.com:65536/", false },
		{ "allowed.com", "https://allowed.com:x/", false },
		{ "allowed.com", "https://allowed.com../", false },
		{ "allowed.com", "https://\xef\xbd\x81llowed.com/", false },
		{ "allowed.com", "https://allowed\xe3\x80\x82net/", false },
		{ "allowed.com", "", false },
	};

	(void)state;
	CHECK(probes);
	assert_false(allowed_hosts_match(NULL, "https://allowed.com/"));
	assert_false(allowed_hosts_match("allowed.com", NULL));
}

static void
patterns_that_cover_other_peoples_hosts_are_too_wide(void **state)
{
	static const char *const wide[] = { "*", "*:443", "*/*", "https://*/*", "*.com", "*.COM.",
		"*.co.uk", "*.github.io", "*.*.com", "a*.com", "exa*ple.com", "*example.com",
		"foo.*", "*.internal", "*.localhost", "a.*.co.uk", "https://*.com/path/*", "**",
		"*.*", "127.0.0.*" };

	(void)state;
	for (size_t i = 0; i < sizeof wide / sizeof *wide; i++) {
		struct errctx ctx = { 0 };

		if (allowed_hosts_check(wide[i], &ctx) != ERR_VALUE)
			fail_msg("'%s' was taken, or refused as something else", wide[i]);
		assert_int_equal(ctx.kind, ERR_VALUE);
		assert_string_equal(ctx.sub[0].path, "allowed_hosts");
	}
	assert_false(allowed_hosts_match("*", "https://example.com/"));
	assert_false(allowed_hosts_match("*.com", "https://example.com/"));
}

static void
what_is_no_pattern_is_refused(void **state)
{
	static const char *const bad[] = { "", " ", "example.com ", "exa mple.com", "example.com\n",
		"ftp://example.com", "https://", "://example.com", "/path", ":443",
		"example.com:", "example.com:0", "example.com:65536", "example.com:8o",
		"example.com:123456", ".example.com", "a..example.com", "example.com..",
		"user@example.com", "example.com?x", "example.com/#a", "example.com/a?b",
		"exa%6dple.com", "\xc3\xbcmlaut.example", "exam[ple].com", "[::1", "[::1]x", "[]",
		"[*]", "[127.0.0.1]", "::1", "127.1", "*.0.0.1", "1*.0.0.1", "2130706433",
		"10.0.0.256", "a\\b.com", "example.com\\*" };
	char label[80], name[ALLOWED_HOSTS_PATTERN_MAX + 2];

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (allowed_hosts_check(bad[i], NULL) != ERR_FIELD)
			fail_msg("'%s' was taken, or refused as something else", bad[i]);
	memset(label, 'a', sizeof label);
	memcpy(label + 64, ".com", sizeof ".com");
	assert_int_equal(allowed_hosts_check(label, NULL), ERR_FIELD);
	assert_int_equal(allowed_hosts_check(label + 1, NULL), OK);
	memset(name, 'a', sizeof name);
	name[sizeof name - 1] = '\0';
	assert_int_equal(allowed_hosts_check(name, NULL), ERR_FIELD);
	assert_int_equal(allowed_hosts_check(NULL, NULL), ERR_FIELD);
}

static void
sensible_patterns_may_be_stored(void **state)
{
	static const char *const good[] = { "example.com", "*.example.com", "*.example.co.uk",
		"*.me.github.io", "api-*.example.com", "https://*.example.com:8443/v1/*",
		"localhost:8080", "vault.corp.internal", "*.corp.internal", "10.1.2.3",
		"[fd00::1]:8200", "under_score.example.com", "com", "co.uk", "example.com./" };

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		if (allowed_hosts_check(good[i], NULL) != OK)
			fail_msg("'%s' was refused", good[i]);
}

static bool
allow(const char *patterns, const char *url)
{
	json_t *value = NULL;
	bool result;

	assert_int_equal(json_parse(patterns, strlen(patterns), &value, NULL), OK);
	result = allowed_hosts_allow(value, url);
	json_decref(value);
	return result;
}

static void
one_matching_pattern_of_a_list_is_enough(void **state)
{
	(void)state;
	assert_true(allow("[\"a.com\",\"*.b.com\"]", "https://x.b.com/"));
	assert_false(allow("[\"a.com\",\"*.b.com\"]", "https://b.com/"));
	assert_true(allow("[]", "https://b.com/"));
	assert_true(allow("null", "https://b.com/"));
	assert_true(allowed_hosts_allow(NULL, "https://b.com/"));
	assert_false(allow("[\"b.com\",1]", "https://b.com/"));
	assert_false(allow("{}", "https://b.com/"));
	assert_false(allow("\"b.com\"", "https://b.com/"));
	assert_false(allow("[\"b.com\"]", "no url"));
	assert_false(allow("[\"*\"]", "https://b.com/"));
}

static void
resolves_locations_like_a_browser_and_refuses_tricks(void **state)
{
	static const struct {
		const char *location;
		const char *result;
	} rows[] = {
		{ "/x", "https://a.com:8443/x" },
		{ "x?y=1", "https://a.com:8443/p/x" },
		{ "../x", "https://a.com:8443/x" },
		{ "../../../x", "https://a.com:8443/x" },
		{ "?y=1", "https://a.com:8443/p/q" },
		{ "", NULL },
		{ "#f", NULL },
		{ "//b.com/x", "https://b.com/x" },
		{ "http://B.com./x#f", "http://b.com/x" },
		{ "HTTPS://b.com:443", "https://b.com/" },
		{ "http://[0::1]:81/", "http://[::1]:81/" },
		{ "//u@b.com/x", NULL },
		{ "//b.com\\@c.com/", NULL },
		{ "file:///etc/passwd", NULL },
		{ "gopher://b.com/", NULL },
		{ "javascript:x", NULL },
		{ "http:b.com", NULL },
		{ "https://", NULL },
		{ "/\r\nX: y", NULL },
	};
	struct url base = { 0 };

	(void)state;
	assert_int_equal(url_parse("https://a.com:8443/p/q?r", &base, NULL), OK);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct url url = { 0 };
		enum err err = url_resolve(&base, rows[i].location, &url, NULL);
		char *text = err == OK ? url_origin_path(&url) : NULL;

		if (rows[i].result ? !text || strcmp(text, rows[i].result) != 0 : text != NULL)
			fail_msg("'%s' became '%s'", rows[i].location, text ? text : "nothing");
		free(text);
		url_free(&url);
	}
	url_free(&base);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_exact_host_covers_itself_only),
		cmocka_unit_test(a_leading_star_covers_any_depth_but_not_the_apex),
		cmocka_unit_test(another_star_stays_within_its_label),
		cmocka_unit_test(a_port_counts_when_given),
		cmocka_unit_test(scheme_and_path_count_when_given),
		cmocka_unit_test(ip_addresses_match_in_every_spelling_but_only_exactly),
		cmocka_unit_test(urls_that_try_to_look_like_others_do_not_match),
		cmocka_unit_test(patterns_that_cover_other_peoples_hosts_are_too_wide),
		cmocka_unit_test(what_is_no_pattern_is_refused),
		cmocka_unit_test(sensible_patterns_may_be_stored),
		cmocka_unit_test(one_matching_pattern_of_a_list_is_enough),
		cmocka_unit_test(resolves_locations_like_a_browser_and_refuses_tricks),
	};

	return cmocka_run_group_tests_name("allowed_hosts", tests, NULL, NULL);
}
