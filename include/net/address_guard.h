/* SPDX-License-Identifier: Apache-2.0 */
/* Which peer addresses an outgoing connection may reach: public unicast ones, and what the operator
 * lists. */
#ifndef BAILEE_NET_ADDRESS_GUARD_H
#define BAILEE_NET_ADDRESS_GUARD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/error.h"

#define ADDRESS_GUARD_RULES_MAX 64

/* Addresses are kept as 16 bytes; an IPv4 address is told apart by `v4`, never written as a mapped
 * one. */
struct address_range {
	unsigned char bytes[16];
	unsigned bits;
	bool v4;
	uint16_t port; /* 0: every port */
};

/* A plain value: copy it, no need to free it. All zero allows public addresses only. */
struct address_guard {
	struct address_range allow[ADDRESS_GUARD_RULES_MAX];
	unsigned n_allow;
};

/* Read `egress_allow`: addresses or prefixes, each with an optional port, separated by commas or
 * blanks: "127.0.0.0/8, 192.168.1.5:8443, [::1]:8080, fd00::/8". Bits beyond a prefix must be zero.
 * ERR_CONFIG names the entry that cannot be read; the guard is then untouched. NULL or "" makes a
 * guard without exceptions. */
enum err address_guard_parse(const char *text, struct address_guard *guard_out,
    struct errctx *ctx) MUSTCHECK;

/* Whether a connection to this address and port may be made. Refused unless listed: everything that
 * is not global unicast (IANA special-purpose registries, RFC 6890), and IPv6 forms that carry an
 * IPv4 address (mapped, compatible, NAT64, 6to4, Teredo) even when that one is public. What is no
 * IPv4 or IPv6 address is refused. */
bool address_guard_allows(const struct address_guard *guard, const struct sockaddr *peer,
    socklen_t len);

/* The same for text as inet_pton(3) reads it, without brackets. Anything else, zone ids too, is
 * refused. */
bool address_guard_allows_text(const struct address_guard *guard, const char *address,
    uint16_t port);

#endif
