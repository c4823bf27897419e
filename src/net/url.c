/* SPDX-License-Identifier: Apache-2.0 */
/* A URL parsed once, by libcurl, into parts that can be compared and checked. */
#include "net/url.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>

#include "base/alloc.h"
#include "base/secret.h"

#define LABEL_MAX 63
#define NAME_MAX_LEN 253

/* Ports where an HTTP request could be taken for another protocol's commands. */
static const uint16_t foreign_ports[] = { 0, 22, 23, 25, 53, 110, 143, 465, 587, 993, 995 };

static enum err
refuse(struct errctx *ctx, const char *why)
{
	return err_set(ctx, ERR_VALUE, "url", "%s", why);
}

/* What libcurl's parser would quietly repair or accept. */
static enum err
check_text(const char *text, struct errctx *ctx)
{
	const char *authority, *end;

	if (strlen(text) > URL_TEXT_MAX)
		return refuse(ctx, "the URL is too long");
	for (const char *c = text; *c; c++)
		if ((unsigned char)*c <= ' ' || *c == 0x7f)
			return refuse(ctx, "the URL holds a blank or control character");
	if (strncasecmp(text, "http://", 7) == 0)
		authority = text + 7;
	else if (strncasecmp(text, "https://", 8) == 0)
		authority = text + 8;
	else
		return refuse(ctx, "the URL does not begin with http:// or https://");
	end = authority + strcspn(authority, "/?#");
	if (end == authority)
		return refuse(ctx, "the URL has no host");
	for (const char *c = authority; c < end; c++)
		if ((unsigned char)*c >= 0x80 || *c == '@' || *c == '\\' || *c == '%')
			return refuse(ctx,
			    "the host is not plain ASCII, or there is user information before it");
	return OK;
}

static bool
is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* Labels of 1..63 characters; RFC 1035, and '_' because internal names use it. */
static bool
is_host_name(const char *host)
{
	size_t label = 0;

	if (strlen(host) > NAME_MAX_LEN)
		return false;
	for (; *host; host++) {
		if (*host == '.' ? label == 0 : !is_name_char(*host))
			return false;
		label = *host == '.' ? 0 : label + 1;
		if (label > LABEL_MAX)
			return false;
	}
	return label > 0;
}

/* A name whose last label is a number is an address in some spelling, never a DNS name (WHATWG URL,
 * "ends in a number"). */
static bool
ends_in_number(const char *host)
{
	const char *dot = strrchr(host, '.');
	const char *last = dot ? dot + 1 : host;

	if (last[0] == '0' && last[1] == 'x')
		return true;
	return last[strspn(last, "0123456789")] == '\0';
}

static bool
read_ipv6(char *host, struct url *url)
{
	unsigned char bytes[16];
	size_t len = strlen(host);

	if (len < 4 || host[len - 1] != ']')
		return false;
	host[len - 1] = '\0';
	if (inet_pton(AF_INET6, host + 1, bytes) != 1)
		return false;
	url->literal = true;
	return inet_ntop(AF_INET6, bytes, url->host, sizeof url->host) != NULL;
}

static enum err
read_host(char *host, struct url *url, struct errctx *ctx)
{
	size_t len = strlen(host);
	unsigned char bytes[4];

	if (host[0] == '[')
		return read_ipv6(host, url) ? OK : refuse(ctx, "the host is no IPv6 address");
	if (len > 1 && host[len - 1] == '.')
		host[--len] = '\0';
	if (len >= sizeof url->host)
		return refuse(ctx, "the host name is too long");
	for (size_t i = 0; i <= len; i++)
		url->host[i] = (char)(host[i] >= 'A' && host[i] <= 'Z' ? host[i] + 32 : host[i]);
	if (!is_host_name(url->host))
		return refuse(ctx, "the host is no valid host name");
	url->literal = inet_pton(AF_INET, url->host, bytes) == 1;
	if (!url->literal && ends_in_number(url->host))
		return refuse(ctx, "the host is a number, but no IPv4 address");
	return OK;
}

static enum err
read_port(const char *text, struct url *url, struct errctx *ctx)
{
	unsigned port = 0;

	for (; *text >= '0' && *text <= '9' && port <= 65535; text++)
		port = port * 10 + (unsigned)(*text - '0');
	if (*text || port > 65535)
		return refuse(ctx, "the port is no port");
	for (size_t i = 0; i < sizeof foreign_ports / sizeof *foreign_ports; i++)
		if (port == foreign_ports[i])
			return refuse(ctx, "the port belongs to another protocol");
	url->port = (uint16_t)port;
	return OK;
}

/* Part of a parsed URL as text of ours, NULL when there is none. */
static char *
take_part(CURLU *handle, CURLUPart part, unsigned flags)
{
	char *text = NULL, *own = NULL;

	if (curl_url_get(handle, part, &text, flags) == CURLUE_OK && text)
		own = xstrdup(text);
	curl_free(text);
	return own;
}

static bool
has_part(CURLU *handle, CURLUPart part)
{
	auto_wipe char *text = take_part(handle, part, 0);

	return text != NULL;
}

/* Host as compared is also the host as requested: cookies, SNI and connections see one spelling. */
static enum err
read_parts(CURLU *handle, struct url *url, struct errctx *ctx)
{
	auto_wipe char *scheme = take_part(handle, CURLUPART_SCHEME, 0);
	auto_wipe char *host = take_part(handle, CURLUPART_HOST, 0);
	auto_wipe char *port = take_part(handle, CURLUPART_PORT, CURLU_DEFAULT_PORT);
	enum err err;

	if (!scheme || !host || !port)
		return refuse(ctx, "the URL is incomplete");
	url->tls = strcmp(scheme, "https") == 0;
	if (!url->tls && strcmp(scheme, "http") != 0)
		return refuse(ctx, "only http and https are possible");
	if (has_part(handle, CURLUPART_USER) || has_part(handle, CURLUPART_PASSWORD) ||
	    has_part(handle, CURLUPART_ZONEID))
		return refuse(ctx, "user information or a zone stands in the URL");
	err = read_host(host, url, ctx);
	if (err == OK)
		err = read_port(port, url, ctx);
	if (err == OK && !url->literal &&
	    curl_url_set(handle, CURLUPART_HOST, url->host, 0) != CURLUE_OK)
		err = refuse(ctx, "the host is no valid host name");
	if (err == OK && curl_url_set(handle, CURLUPART_FRAGMENT, NULL, 0) != CURLUE_OK)
		err = ERR_INTERNAL;
	return err;
}

/* Takes over `handle`. */
static enum err
finish(CURLU *handle, struct url *url_out, struct errctx *ctx)
{
	struct url url = { .handle = handle };
	enum err err = read_parts(handle, &url, ctx);

	if (err == OK) {
		url.path = take_part(handle, CURLUPART_PATH, 0);
		if (!url.path)
			err = refuse(ctx, "the URL is incomplete");
	}
	if (err != OK) {
		url_free(&url);
		return err;
	}
	*url_out = url;
	return OK;
}

static CURLU *
new_handle(CURLU *copy_of)
{
	CURLU *handle = copy_of ? curl_url_dup(copy_of) : curl_url();

	if (!handle)
		abort();
	return handle;
}

enum err
url_parse(const char *text, struct url *url_out, struct errctx *ctx)
{
	enum err err = check_text(text, ctx);
	CURLU *handle;

	if (err != OK)
		return err;
	handle = new_handle(NULL);
	if (curl_url_set(handle, CURLUPART_URL, text, 0) != CURLUE_OK) {
		curl_url_cleanup(handle);
		return refuse(ctx, "the URL cannot be read");
	}
	return finish(handle, url_out, ctx);
}

/* An absolute location, or "//host" after its scheme was put in front, goes through url_parse()
 * like any other. */
enum err
url_resolve(const struct url *base, const char *location, struct url *url_out, struct errctx *ctx)
{
	auto_wipe char *resolved = NULL;
	CURLU *handle;

	if (strlen(location) > URL_TEXT_MAX)
		return refuse(ctx, "the location is too long");
	if (*location == '\0' || *location == '#')
		return refuse(ctx, "the location names this same document");
	if (strncmp(location, "//", 2) == 0) {
		auto_wipe char *absolute =
		    xasprintf("%s:%s", base->tls ? "https" : "http", location);

		return url_parse(absolute, url_out, ctx);
	}
	if (location[strcspn(location, ":/?#")] == ':')
		return url_parse(location, url_out, ctx);
	handle = new_handle(base->handle);
	if (curl_url_set(handle, CURLUPART_URL, location, CURLU_URLENCODE) == CURLUE_OK)
		resolved = take_part(handle, CURLUPART_URL, 0);
	curl_url_cleanup(handle);
	return resolved ? url_parse(resolved, url_out, ctx)
			: refuse(ctx, "the location cannot be read");
}

bool
url_same_origin(const struct url *a, const struct url *b)
{
	return a->tls == b->tls && a->port == b->port && strcmp(a->host, b->host) == 0;
}

char *
url_origin_path(const struct url *url)
{
	bool v6 = strchr(url->host, ':') != NULL;
	char port[8] = "";

	if (url->port != (url->tls ? 443 : 80))
		snprintf(port, sizeof port, ":%u", (unsigned)url->port);
	return xasprintf("%s://%s%s%s%s%s", url->tls ? "https" : "http", v6 ? "[" : "", url->host,
	    v6 ? "]" : "", port, url->path);
}

void
url_free(struct url *url)
{
	if (!url)
		return;
	curl_url_cleanup(url->handle);
	secret_wipe_text(&url->path);
	*url = (struct url){ 0 };
}
