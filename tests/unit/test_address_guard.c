/* SPDX-License-Identifier: Apache-2.0 */
/* Which peer addresses an outgoing connection may reach. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "net/address_guard.h"

struct probe {
	const char *address;
	bool allowed;
};

static bool
ask(const struct address_guard *guard, const char *text, uint16_t port)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	bool as_text = address_guard_allows_text(guard, text, port), as_peer;

	if (inet_pton(AF_INET, text, &in.sin_addr) == 1) {
		as_peer = address_guard_allows(guard, (const struct sockaddr *)&in, sizeof in);
	} else {
		assert_int_equal(inet_pton(AF_INET6, text, &in6.sin6_addr), 1);
		as_peer = address_guard_allows(guard, (const struct sockaddr *)&in6, sizeof in6);
	}
	assert_int_equal(as_text, as_peer);
	return as_peer;
}

static void
check(const struct address_guard *guard, uint16_t port, const struct probe *probes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (ask(guard, probes[i].address, port) != probes[i].allowed)
			fail_msg("%s port %u: expected %s", probes[i].address, (unsigned)port,
			    probes[i].allowed ? "allowed" : "refused");
}
#define CHECK(guard, port, probes) check(guard, port, probes, sizeof probes / sizeof *probes)

static void
refuses_special_ipv4_ranges_and_only_those(void **state)
{
	static const struct probe probes[] = {
		{ "0.0.0.0", false },
		{ "0.255.255.255", false },
		{ "1.0.0.0", true },
		{ "9.255.255.255", true },
		{ "10.0.0.0", false },
		{ "10.255.255.255", false },
		{ "11.0.0.0", true },
		{ "100.63.255.255", true },
		{ "100.64.0.0", false },
		{ "100.127.255.255", false },
		{ "100.128.0.0", true },
		{ "126.255.255.255", true },
		{ "127.0.0.0", false },
		{ "127.0.0.1", false },
		{ "127.255.255.255", false },
		{ "128.0.0.0", true },
		{ "168.63.129.15", true },
		{ "168.63.129.16", false },
		{ "168.63.129.17", true },
		{ "169.253.255.255", true },
		{ "169.254.0.0", false },
		{ "169.254.169.254", false },
		{ "169.254.255.255", false },
		{ "169.255.0.0", true },
		{ "172.15.255.255", true },
		{ "172.16.0.0", false },
		{ "172.31.255.255", false },
		{ "172.32.0.0", true },
		{ "191.255.255.255", true },
		{ "192.0.0.0", false },
		{ "192.0.0.255", false },
		{ "192.0.1.0", true },
		{ "192.0.1.255", true },
		{ "192.0.2.0", false },
		{ "192.0.2.255", false },
		{ "192.0.3.0", true },
		{ "192.88.98.255", true },
		{ "192.88.99.0", false },
		{ "192.88.99.255", false },
		{ "192.88.100.0", true },
		{ "192.167.255.255", true },
		{ "192.168.0.0", false },
		{ "192.168.255.255", false },
		{ "192.169.0.0", true },
		{ "198.17.255.255", true },
		{ "198.18.0.0", false },
		{ "198.19.255.255", false },
		{ "198.20.0.0", true },
		{ "198.51.99.255", true },
		{ "198.51.100.0", false },
		{ "198.51.100.255", false },
		{ "198.51.101.0", true },
		{ "203.0.112.255", true },
		{ "203.0.113.0", false },
		{ "203.0.113.255", false },
		{ "203.0.114.0", true },
		{ "223.255.255.255", true },
		{ "224.0.0.0", false },
		{ "239.255.255.255", false },
		{ "240.0.0.0", false },
		{ "255.255.255.255", false },
	};
	const struct address_guard guard = { 0 };

	(void)state;
	CHECK(&guard, 443, probes);
}

static void
refuses_ipv6_outside_global_unicast(void **state)
{
	static const struct probe probes[] = {
		{ "::", false },
		{ "::1", false },
		{ "::2", false },
		{ "::127.0.0.1", false },
		{ "::8.8.8.8", false },
		{ "100::", false },
		{ "100::1", false },
		{ "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false },
		{ "2000::", true },
		{ "2000:ffff::1", true },
		{ "2001:200::1", true },
		{ "2001:4860:4860::8888", true },
		{ "2003::1", true },
		{ "2606:4700::1111", true },
		{ "3ffd::1", true },
		{ "3ffe::1", false },
		{ "3fff::1", false },
		{ "3fff:fff::1", false },
		{ "3fff:1000::1", true },
		{ "4000::", false },
		{ "5f00::1", false },
		{ "fbff::1", false },
		{ "fc00::", false },
		{ "fd00:ec2::254", false },
		{ "fdff:ffff::1", false },
		{ "fe80::1", false },
		{ "febf::1", false },
		{ "fec0::1", false },
		{ "feff::1", false },
		{ "ff00::", false },
		{ "ff02::1", false },
		{ "ffff::1", false },
	};
	const struct address_guard guard = { 0 };

	(void)state;
	CHECK(&guard, 443, probes);
}

static void
refuses_ipv6_that_carries_ipv4_even_a_public_one(void **state)
{
	static const struct probe probes[] = {
		{ "::ffff:127.0.0.1", false },
		{ "::ffff:8.8.8.8", false },
		{ "::ffff:0:8.8.8.8", false },
		{ "64:ff9b::7f00:1", false },
		{ "64:ff9b::8.8.8.8", false },
		{ "64:ff9b:1::8.8.8.8", false },
		{ "2002:7f00:1::", false },
		{ "2002:808:808::1", false },
		{ "2002::", false },
		{ "2001:ffff::1", true },
		{ "2001::1", false },
		{ "2001:0:4136:e378::1", false },
		{ "2001:1ff:ffff::1", false },
		{ "2001:10::1", false },
		{ "2001:2::1", false },
		{ "2001:db7:ffff::1", true },
		{ "2001:db8::1", false },
		{ "2001:db8:ffff:ffff::1", false },
		{ "2001:db9::1", true },
	};
	const struct address_guard guard = { 0 };

	(void)state;
	CHECK(&guard, 443, probes);
}

static void
allows_what_the_operator_lists_and_nothing_beside_it(void **state)
{
	static const struct probe on_8080[] = {
		{ "127.0.0.1", true },
		{ "127.255.255.255", true },
		{ "10.1.2.3", true },
		{ "10.1.2.2", false },
		{ "10.1.2.4", false },
		{ "192.168.1.5", false },
		{ "172.16.15.255", true },
		{ "172.16.16.0", false },
		{ "::1", true },
		{ "::2", false },
		{ "fd00::1", true },
		{ "fdff::1", false },
		{ "fe00::1", false },
		{ "::ffff:127.0.0.1", false },
		{ "8.8.8.8", true },
	};
	static const struct probe on_8443[] = {
		{ "192.168.1.5", true },
		{ "192.168.1.4", false },
		{ "::1", false },
		{ "fd12:3456::1", true },
		{ "fd12:3457::1", false },
	};
	struct address_guard guard;
	struct errctx ctx = { 0 };

	(void)state;
	assert_int_equal(address_guard_parse("127.0.0.0/8, 10.1.2.3,192.168.1.5:8443 [::1]:8080\n"
					     "\t172.16.0.0/20, fd00::/16, [fd12:3456::/32]:8443,",
			     &guard, &ctx),
	    OK);
	assert_int_equal(guard.n_allow, 7);
	CHECK(&guard, 8080, on_8080);
	CHECK(&guard, 8443, on_8443);
}

static void
a_listed_mapped_range_opens_mapped_addresses_only(void **state)
{
	static const struct probe probes[] = { { "::ffff:127.0.0.1", true },
		{ "127.0.0.1", false } };
	struct address_guard guard;

	(void)state;
	assert_int_equal(address_guard_parse("::ffff:127.0.0.0/104", &guard, NULL), OK);
	CHECK(&guard, 80, probes);
}

static void
an_empty_list_has_no_exceptions(void **state)
{
	struct address_guard guard = { .n_allow = 3 };

	(void)state;
	assert_int_equal(address_guard_parse("", &guard, NULL), OK);
	assert_int_equal(guard.n_allow, 0);
	assert_int_equal(address_guard_parse(NULL, &guard, NULL), OK);
	assert_int_equal(address_guard_parse(" , ,", &guard, NULL), OK);
	assert_int_equal(guard.n_allow, 0);
}

static void
refuses_entries_it_cannot_read(void **state)
{
	static const char *const entries[] = { "localhost", "127.1", "127.0.0.1/33", "127.0.0.1/",
		"127.0.0.1/-1", "127.0.0.1/8", "10.0.0.0/+8", "10.1.2.3:0", "10.1.2.3:65536",
		"10.1.2.3:", "10.1.2.3:80:90", "10.1.2.3:http", "[::1", "::1]", "[::1]8080",
		"[::1]:", "[10.1.2.3]:80", "fd00::/129", "fd00::1/8", "fe80::1%lo", "0x7f.0.0.1",
		"010.0.0.1", "2130706433", "*", "10.0.0.0/8/8", "127.0.0.1;10.0.0.1",
		"fd00:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000" };

	(void)state;
	for (size_t i = 0; i < sizeof entries / sizeof *entries; i++) {
		struct address_guard guard = { .n_allow = 42 };
		struct errctx ctx = { 0 };

		if (address_guard_parse(entries[i], &guard, &ctx) != ERR_CONFIG)
			fail_msg("'%s' was taken", entries[i]);
		assert_int_equal(guard.n_allow, 42);
		assert_int_equal(ctx.kind, ERR_CONFIG);
	}
}

static void
refuses_more_entries_than_it_can_hold(void **state)
{
	char text[ADDRESS_GUARD_RULES_MAX * 9 + 64] = "";
	struct address_guard guard;
	size_t at = 0;

	(void)state;
	for (int i = 0; i < ADDRESS_GUARD_RULES_MAX; i++)
		at += (size_t)snprintf(text + at, sizeof text - at, "10.0.0.%d,", i % 10);
	assert_int_equal(address_guard_parse(text, &guard, NULL), OK);
	assert_int_equal(guard.n_allow, ADDRESS_GUARD_RULES_MAX);
	snprintf(text + at, sizeof text - at, "10.1.1.1");
	assert_int_equal(address_guard_parse(text, &guard, NULL), ERR_CONFIG);
}

static void
refuses_what_is_no_internet_address(void **state)
{
	static const char *const texts[] = { "", "localhost", "[::1]", "8.8.8.8 ", "8.8.8", "::g",
		"fe80::1%1", "8.8.8.8%1" };
	const struct sockaddr_un unix_peer = { .sun_family = AF_UNIX, .sun_path = "/x" };
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	const struct address_guard guard = { 0 };

	(void)state;
	inet_pton(AF_INET, "8.8.8.8", &in.sin_addr);
	inet_pton(AF_INET6, "2606:4700::1111", &in6.sin6_addr);
	assert_true(address_guard_allows(&guard, (const struct sockaddr *)&in, sizeof in));
	assert_false(address_guard_allows(&guard, (const struct sockaddr *)&in, sizeof in - 1));
	assert_false(address_guard_allows(&guard, (const struct sockaddr *)&in, 1));
	assert_false(address_guard_allows(&guard, (const struct sockaddr *)&in6, sizeof in6 - 1));
	assert_false(
	    address_guard_allows(&guard, (const struct sockaddr *)&unix_peer, sizeof unix_peer));
	assert_false(address_guard_allows(&guard, NULL, 0));
	assert_false(address_guard_allows_text(&guard, NULL, 80));
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		assert_false(address_guard_allows_text(&guard, texts[i], 80));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_special_ipv4_ranges_and_only_those),
		cmocka_unit_test(refuses_ipv6_outside_global_unicast),
		cmocka_unit_test(refuses_ipv6_that_carries_ipv4_even_a_public_one),
		cmocka_unit_test(allows_what_the_operator_lists_and_nothing_beside_it),
		cmocka_unit_test(a_listed_mapped_range_opens_mapped_addresses_only),
		cmocka_unit_test(an_empty_list_has_no_exceptions),
		cmocka_unit_test(refuses_entries_it_cannot_read),
		cmocka_unit_test(refuses_more_entries_than_it_can_hold),
		cmocka_unit_test(refuses_what_is_no_internet_address),
	};

	return cmocka_run_group_tests_name("address_guard", tests, NULL, NULL);
}
