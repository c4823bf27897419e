/* SPDX-License-Identifier: Apache-2.0 */
/* Patterns that say to which hosts a credential's value may be sent. */
#ifndef BAILEE_NET_ALLOWED_HOSTS_H
#define BAILEE_NET_ALLOWED_HOSTS_H

#include <stdbool.h>

#include <jansson.h>

#include "base/error.h"

/* A pattern is [scheme://]host[:port][/path].
 * host    letters of any case, trailing dot ignored, or an IP address (IPv6 in brackets). A first
 * label "*" stands for one or more whole labels; any other '*' for zero or more characters within
 * its label. What follows the last label with '*' must be more than a public suffix
 * (publicsuffix.org): "*", "*.com", "*.co.uk", "*.github.io",
 *         "*.internal" are refused. Non-ASCII hosts are refused: write the punycode form (xn--...).
 * port    must be equal when given; else every port of a pattern without scheme, the scheme's own
 * port with one. scheme  http or https; must be equal when given. path    compared with the URL's
 * path (never its query) where given; '*' there stands for anything. */
#define ALLOWED_HOSTS_PATTERN_MAX 512

/* Whether `pattern` may be stored. ERR_FIELD: not such a pattern at all; ERR_VALUE: one that is too
 * wide. */
enum err allowed_hosts_check(const char *pattern, struct errctx *ctx) MUSTCHECK;

/* Whether the pattern covers the URL. A pattern that does not pass the check, or a URL that
 * url_parse() refuses, never matches. */
bool allowed_hosts_match(const char *pattern, const char *url);

/* Whether any of the patterns (an array of strings) covers the URL. NULL, JSON null and an empty
 * array restrict nothing; any other thing than an array of strings allows nothing. */
bool allowed_hosts_allow(const json_t *patterns, const char *url);

#endif
