/* SPDX-License-Identifier: Apache-2.0 */
/* Patterns that say to which hosts a credential's value may be sent. */
#include "net/allowed_hosts.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include <libpsl.h>

#include "net/url.h"

enum scheme { SCHEME_ANY, SCHEME_HTTP, SCHEME_HTTPS };

struct pattern {
	enum scheme scheme;
	char host[URL_HOST_SIZE]; /* lower case, no brackets, no trailing dot */
	unsigned port;            /* 0: any */
	const char *path;         /* into the pattern's text; NULL: any */
};

static enum err
malformed(struct errctx *ctx, const char *why)
{
	return err_set(ctx, ERR_FIELD, "allowed_hosts", "%s", why);
}

/* '*' stands for any characters, none too. Remembers one star only, so the time is bounded by the
 * product of lengths. */
static bool
glob(const char *pattern, size_t pattern_len, const char *text, size_t len)
{
	size_t p = 0, t = 0, star = SIZE_MAX, resume = 0;

	while (t < len) {
		if (p < pattern_len && pattern[p] == '*') {
			star = p++;
			resume = t;
		} else if (p < pattern_len && pattern[p] == text[t]) {
			p++;
			t++;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			t = ++resume;
		} else {
			return false;
		}
	}
	while (p < pattern_len && pattern[p] == '*')
		p++;
	return p == pattern_len;
}

static bool
read_port(const char *text, size_t len, unsigned *port_out)
{
	unsigned port = 0;

	if (len == 0 || len > 5)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		port = port * 10 + (unsigned)(text[i] - '0');
	}
	*port_out = port;
	return port > 0 && port <= 65535;
}

static bool
read_ipv6(const char *text, size_t len, char host[URL_HOST_SIZE])
{
	char inner[INET6_ADDRSTRLEN];
	unsigned char bytes[16];

	if (len >= sizeof inner)
		return false;
	memcpy(inner, text, len);
	inner[len] = '\0';
	return inet_pton(AF_INET6, inner, bytes) == 1 &&
	       inet_ntop(AF_INET6, bytes, host, URL_HOST_SIZE) != NULL;
}

static bool
is_label_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '*';
}

static enum err
read_name(const char *text, size_t len, char host[URL_HOST_SIZE], struct errctx *ctx)
{
	size_t label = 0;

	if (len > 1 && text[len - 1] == '.')
		len--;
	if (len == 0 || len > 253)
		return malformed(ctx, "a pattern needs a host of 1 to 253 characters");
	for (size_t i = 0; i < len; i++) {
		char c = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] + 32 : text[i]);

		if ((unsigned char)c >= 0x80)
			return malformed(ctx,
			    "a host must be ASCII: write its punycode form (xn--...)");
		if (c == '.' ? label == 0 : !is_label_char(c))
			return malformed(ctx,
			    "a host may hold letters, digits, '-', '_', '.' and '*'");
		label = c == '.' ? 0 : label + 1;
		if (label > 63)
			return malformed(ctx, "a part of a host may have 63 characters");
		host[i] = c;
	}
	host[len] = '\0';
	return OK;
}

static size_t
host_length(const char *text)
{
	return *text == '[' ? strcspn(text, "]/") : strcspn(text, ":/");
}

static enum err
read_host_port(const char *text, size_t authority, struct pattern *out, struct errctx *ctx)
{
	size_t len = host_length(text);
	enum err err = OK;

	if (*text == '[') {
		if (text[len] != ']' || !read_ipv6(text + 1, len - 1, out->host))
			return malformed(ctx, "what stands in brackets is no IPv6 address");
		len++;
	} else {
		err = read_name(text, len, out->host, ctx);
	}
	if (err != OK || len == authority)
		return err;
	if (text[len] != ':' || !read_port(text + len + 1, authority - len - 1, &out->port))
		return malformed(ctx, "a port is a number from 1 to 65535");
	return OK;
}

static enum err
read_scheme(const char **text, struct pattern *out, struct errctx *ctx)
{
	if (strncasecmp(*text, "https://", 8) == 0) {
		out->scheme = SCHEME_HTTPS;
		*text += 8;
	} else if (strncasecmp(*text, "http://", 7) == 0) {
		out->scheme = SCHEME_HTTP;
		*text += 7;
	} else if (strstr(*text, "://")) {
		return malformed(ctx, "only http:// and https:// may stand before the host");
	}
	return OK;
}

static enum err
read_pattern(const char *text, struct pattern *pattern_out, struct errctx *ctx)
{
	struct pattern pattern = { 0 };
	size_t authority;
	enum err err;

	if (!*text || strlen(text) > ALLOWED_HOSTS_PATTERN_MAX)
		return malformed(ctx, "a pattern has 1 to 512 characters");
	for (const char *c = text; *c; c++)
		if ((unsigned char)*c <= ' ' || *c == 0x7f || strchr("?#@\\%", *c))
			return malformed(ctx,
			    "blanks, control characters and any of ? # @ \\ % are not possible");
	err = read_scheme(&text, &pattern, ctx);
	if (err != OK)
		return err;
	authority = strcspn(text, "/");
	err = read_host_port(text, authority, &pattern, ctx);
	if (err != OK)
		return err;
	pattern.path = text[authority] ? text + authority : NULL;
	if (!pattern.port && pattern.scheme != SCHEME_ANY)
		pattern.port = pattern.scheme == SCHEME_HTTPS ? 443 : 80;
	*pattern_out = pattern;
	return OK;
}

static bool
is_number(const char *label)
{
	return label[strspn(label, "0123456789")] == '\0';
}

/* The part of the host behind the last label with a '*' says whose hosts these are. */
static enum err
check_width(const struct pattern *pattern, struct errctx *ctx)
{
	const char *star = strrchr(pattern->host, '*');
	const char *owner, *last;
	unsigned char bytes[4];

	last = strrchr(pattern->host, '.');
	last = last ? last + 1 : pattern->host;
	if (is_number(last) && (star || inet_pton(AF_INET, pattern->host, bytes) != 1))
		return malformed(ctx, "an IP address is written in full, as four numbers");
	if (!star)
		return OK;
	owner = strchr(star, '.');
	if (!owner || psl_is_public_suffix2(psl_builtin(), owner + 1, PSL_TYPE_ANY))
		return err_set(ctx, ERR_VALUE, "allowed_hosts",
		    "behind '*' must stand a domain of its own, not only a public suffix");
	return OK;
}

static enum err
compile(const char *text, struct pattern *pattern_out, struct errctx *ctx)
{
	enum err err = read_pattern(text, pattern_out, ctx);

	return err != OK ? err : check_width(pattern_out, ctx);
}

enum err
allowed_hosts_check(const char *text, struct errctx *ctx)
{
	struct pattern pattern;

	return compile(text ? text : "", &pattern, ctx);
}

/* Compare label by label from the right, so that no '*' can reach over a dot. */
static bool
match_host(const char *pattern, const char *host)
{
	const char *p = pattern + strlen(pattern), *h = host + strlen(host);

	for (;;) {
		const char *p_end = p, *h_end = h;

		while (p > pattern && p[-1] != '.')
			p--;
		if (p == pattern && pattern[0] == '*' && p_end == pattern + 1)
			return h > host;
		while (h > host && h[-1] != '.')
			h--;
		if (!glob(p, (size_t)(p_end - p), h, (size_t)(h_end - h)) || h == h_end)
			return false;
		if (p == pattern || h == host)
			return p == pattern && h == host;
		p--;
		h--;
	}
}

/* Encoded dots and slashes may become others at the server: such a path is inside no pattern. */
static bool
is_plain_path(const char *path)
{
	static const char *const hidden[] = { "%2e", "%2f", "%5c", "\\", "/../", "/./", "/..;",
		"/.;", "%00", "%252e", "%252f", "%255c" };

	for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++)
		if (strcasestr(path, hidden[i]))
			return false;
	return true;
}

static bool
match_path(const char *pattern, const char *path)
{
	if (!pattern || strcmp(pattern, "/*") == 0)
		return true;
	return is_plain_path(path) && glob(pattern, strlen(pattern), path, strlen(path));
}

static bool
match_url(const char *text, const struct url *url)
{
	struct pattern pattern;

	if (compile(text, &pattern, NULL) != OK)
		return false;
	if (pattern.scheme != SCHEME_ANY && (pattern.scheme == SCHEME_HTTPS) != url->tls)
		return false;
	if (pattern.port && pattern.port != url->port)
		return false;
	if (url->literal ? strcmp(pattern.host, url->host) != 0
			 : !match_host(pattern.host, url->host))
		return false;
	return match_path(pattern.path, url->path);
}

bool
allowed_hosts_match(const char *pattern, const char *text)
{
	auto_url struct url url = { 0 };

	return pattern && text && url_parse(text, &url, NULL) == OK && match_url(pattern, &url);
}

bool
allowed_hosts_allow(const json_t *patterns, const char *text)
{
	auto_url struct url url = { 0 };
	size_t n = json_array_size(patterns);

	if (!patterns || json_is_null(patterns) || (json_is_array(patterns) && n == 0))
		return true;
	if (!text || url_parse(text, &url, NULL) != OK)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!json_is_string(json_array_get(patterns, i)))
			return false;
	for (size_t i = 0; i < n; i++)
		if (match_url(json_string_value(json_array_get(patterns, i)), &url))
			return true;
	return false;
}
