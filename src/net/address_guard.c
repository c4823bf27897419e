/* SPDX-License-Identifier: Apache-2.0 */
/* Which peer addresses an outgoing connection may reach: public unicast ones, and what the operator
 * lists. */
#include "net/address_guard.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <string.h>

#define ENTRY_SIZE 80
#define SEPARATORS ", \t\r\n"

struct address {
	unsigned char bytes[16];
	bool v4;
	uint16_t port;
};

struct prefix {
	unsigned char bytes[16];
	unsigned bits;
};

/* IANA IPv4 Special-Purpose Address Registry, multicast (RFC 5771) and class E. */
static const struct prefix denied_v4[] = {
	{ { 0 }, 8 },                 /* this network, RFC 791 */
	{ { 10 }, 8 },                /* private, RFC 1918 */
	{ { 100, 64 }, 10 },          /* carrier-grade NAT, RFC 6598 */
	{ { 127 }, 8 },               /* loopback, RFC 1122 */
	{ { 169, 254 }, 16 },         /* link-local and cloud metadata, RFC 3927 */
	{ { 172, 16 }, 12 },          /* private, RFC 1918 */
	{ { 192, 0, 0 }, 24 },        /* protocol assignments, RFC 6890 */
	{ { 192, 0, 2 }, 24 },        /* documentation, RFC 5737 */
	{ { 192, 88, 99 }, 24 },      /* 6to4 relay anycast, RFC 7526 */
	{ { 192, 168 }, 16 },         /* private, RFC 1918 */
	{ { 198, 18 }, 15 },          /* benchmarking, RFC 2544 */
	{ { 198, 51, 100 }, 24 },     /* documentation, RFC 5737 */
	{ { 203, 0, 113 }, 24 },      /* documentation, RFC 5737 */
	{ { 168, 63, 129, 16 }, 32 }, /* a cloud's own host agent, with a public-looking address */
	{ { 224 }, 4 },               /* multicast, RFC 5771 */
	{ { 240 }, 4 },               /* reserved and limited broadcast, RFC 1112 */
};

/* Everything outside is refused: ::, ::1, mapped, compatible, NAT64, discard, unique and
 * link-local, site-local, multicast. */
static const struct prefix global_v6 = { { 0x20 }, 3 };

/* Inside of it, IANA IPv6 Special-Purpose Address Registry. */
static const struct prefix denied_v6[] = {
	{ { 0x20, 0x01 }, 23 }, /* protocol assignments: Teredo, ORCHID, benchmarking, RFC 2928 */
	{ { 0x20, 0x01, 0x0d, 0xb8 }, 32 }, /* documentation, RFC 3849 */
	{ { 0x20, 0x02 }, 16 },             /* 6to4, RFC 3056 */
	{ { 0x3f, 0xfe }, 16 },             /* former 6bone, RFC 3701 */
	{ { 0x3f, 0xff }, 20 },             /* documentation, RFC 9637 */
};

static bool
in_prefix(const unsigned char *bytes, const unsigned char *prefix, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;

	if (memcmp(bytes, prefix, whole) != 0)
		return false;
	return !rest || ((bytes[whole] ^ prefix[whole]) >> (8 - rest)) == 0;
}

static bool
in_any(const unsigned char *bytes, const struct prefix *prefixes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (in_prefix(bytes, prefixes[i].bytes, prefixes[i].bits))
			return true;
	return false;
}

static bool
is_public(const struct address *address)
{
	if (address->v4)
		return !in_any(address->bytes, denied_v4, sizeof denied_v4 / sizeof *denied_v4);
	return in_prefix(address->bytes, global_v6.bytes, global_v6.bits) &&
	       !in_any(address->bytes, denied_v6, sizeof denied_v6 / sizeof *denied_v6);
}

static bool
is_listed(const struct address_guard *guard, const struct address *address)
{
	for (unsigned i = 0; i < guard->n_allow; i++) {
		const struct address_range *range = &guard->allow[i];

		if (range->v4 == address->v4 && (!range->port || range->port == address->port) &&
		    in_prefix(address->bytes, range->bytes, range->bits))
			return true;
	}
	return false;
}

static bool
read_sockaddr(const struct sockaddr *peer, socklen_t len, struct address *out)
{
	*out = (struct address){ 0 };
	if (!peer || len < offsetof(struct sockaddr, sa_family) + sizeof peer->sa_family)
		return false;
	if (peer->sa_family == AF_INET && len >= sizeof(struct sockaddr_in)) {
		struct sockaddr_in in;

		memcpy(&in, peer, sizeof in);
		memcpy(out->bytes, &in.sin_addr, 4);
		out->port = ntohs(in.sin_port);
		out->v4 = true;
		return true;
	}
	if (peer->sa_family == AF_INET6 && len >= sizeof(struct sockaddr_in6)) {
		struct sockaddr_in6 in6;

		memcpy(&in6, peer, sizeof in6);
		memcpy(out->bytes, &in6.sin6_addr, 16);
		out->port = ntohs(in6.sin6_port);
		return true;
	}
	return false;
}

bool
address_guard_allows(const struct address_guard *guard, const struct sockaddr *peer, socklen_t len)
{
	struct address address;

	assert(guard);
	return read_sockaddr(peer, len, &address) &&
	       (is_listed(guard, &address) || is_public(&address));
}

static bool
read_address_text(const char *text, struct address *out)
{
	*out = (struct address){ .v4 = strchr(text, ':') == NULL };
	return inet_pton(out->v4 ? AF_INET : AF_INET6, text, out->bytes) == 1;
}

bool
address_guard_allows_text(const struct address_guard *guard, const char *text, uint16_t port)
{
	struct address address;

	assert(guard);
	if (!text || !read_address_text(text, &address))
		return false;
	address.port = port;
	return is_listed(guard, &address) || is_public(&address);
}

/* Digits only: strtoul() would take signs and blanks. */
static bool
read_number(const char *text, unsigned most, unsigned *out)
{
	unsigned value = 0;

	if (!*text)
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return false;
		value = value * 10 + (unsigned)(*text - '0');
		if (value > most)
			return false;
	}
	*out = value;
	return true;
}

/* Cut "[v6]:port" or "v4:port" in two; port_out is NULL when there is none. False when brackets do
 * not pair. */
static bool
split_port(char *entry, char **address_out, char **port_out)
{
	char *colon;

	*address_out = entry;
	*port_out = NULL;
	if (*entry == '[') {
		char *end = strchr(entry, ']');

		if (!end || (end[1] != '\0' && end[1] != ':'))
			return false;
		*port_out = end[1] ? end + 2 : NULL;
		*end = '\0';
		*address_out = entry + 1;
		return strchr(entry + 1, ':') != NULL;
	}
	colon = strchr(entry, ':');
	if (colon && !strchr(colon + 1, ':')) {
		*colon = '\0';
		*port_out = colon + 1;
	}
	return true;
}

static bool
only_zeros_after(const unsigned char *bytes, unsigned bits, unsigned width)
{
	for (unsigned i = bits; i < width; i++)
		if (bytes[i / 8] & (0x80u >> (i % 8)))
			return false;
	return true;
}

static bool
read_entry(char *entry, struct address_range *out)
{
	struct address address;
	unsigned port = 0, width;
	char *text, *port_text, *slash;

	if (!split_port(entry, &text, &port_text))
		return false;
	if (port_text && (!read_number(port_text, 65535, &port) || port == 0))
		return false;
	slash = strchr(text, '/');
	if (slash)
		*slash = '\0';
	if (!read_address_text(text, &address))
		return false;
	width = address.v4 ? 32 : 128;
	*out = (struct address_range){ .bits = width, .v4 = address.v4, .port = (uint16_t)port };
	memcpy(out->bytes, address.bytes, sizeof out->bytes);
	if (slash && !read_number(slash + 1, width, &out->bits))
		return false;
	return only_zeros_after(out->bytes, out->bits, width);
}

enum err
address_guard_parse(const char *text, struct address_guard *guard_out, struct errctx *ctx)
{
	struct address_guard guard = { 0 };

	for (const char *at = text ? text : ""; *(at += strspn(at, SEPARATORS));) {
		size_t len = strcspn(at, SEPARATORS);
		char entry[ENTRY_SIZE];

		if (guard.n_allow == ADDRESS_GUARD_RULES_MAX)
			return err_set(ctx, ERR_CONFIG, "egress_allow", "more than %d entries",
			    ADDRESS_GUARD_RULES_MAX);
		if (len < sizeof entry) {
			memcpy(entry, at, len);
			entry[len] = '\0';
		}
		if (len >= sizeof entry || !read_entry(entry, &guard.allow[guard.n_allow]))
			return err_set(ctx, ERR_CONFIG, "egress_allow",
			    "'%.*s' is no address, prefix or address:port",
			    (int)(len < ENTRY_SIZE ? len : ENTRY_SIZE), at);
		guard.n_allow++;
		at += len;
	}
	*guard_out = guard;
	return OK;
}
