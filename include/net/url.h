/* SPDX-License-Identifier: Apache-2.0 */
/* A URL parsed once, by libcurl, into parts that can be compared and checked. */
#ifndef BAILEE_NET_URL_H
#define BAILEE_NET_URL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

#define URL_TEXT_MAX 16384
#define URL_HOST_SIZE 256

struct url {
	void *handle; /* CURLU: what is requested is exactly what was checked */
	bool tls;     /* https */
	bool literal; /* host is an IP address in canonical form, IPv6 without brackets */
	char host[URL_HOST_SIZE]; /* lower case, punycode as written, without trailing dot */
	uint16_t port;            /* as given, or the scheme's */
	char *path;               /* as sent, begins with '/'; without query */
};

/* Parse an absolute http or https URL. ERR_VALUE, with a text that does not repeat the URL, for:
 * another scheme, user information, a host that is not letters, digits, '-', '_' and dots or a
 * bracketed IPv6 address without zone, a number that is no dotted quad, port 0 or one that belongs
 * to another protocol, control bytes, blanks, or over-long text. A fragment is dropped. url_free()
 * it. */
enum err url_parse(const char *text, struct url *url_out, struct errctx *ctx) MUSTCHECK;

/* Resolve `location` (a Location header: absolute or relative, RFC 3986 section 5) against `base`,
 * same rules. */
enum err url_resolve(const struct url *base, const char *location, struct url *url_out,
    struct errctx *ctx) MUSTCHECK;

bool url_same_origin(const struct url *a,
    const struct url *b); /* scheme, host and port, RFC 6454 */

/* "https://host:port/path" without query; the port only when it is not the scheme's. The caller
 * frees it. */
char *url_origin_path(const struct url *url);

/* NULL and an empty struct are allowed; leaves an empty struct. */
void url_free(struct url *url);
#define auto_url __attribute__((cleanup(url_free)))

#endif
