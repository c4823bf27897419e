/* SPDX-License-Identifier: Apache-2.0 */
/* URLs of OAuth providers and services: which are taken, from definitions and from people. */
#include "catalog/web_url.h"

#include <stddef.h>
#include <string.h>

#include "base/alloc.h"

#define DIGITS "0123456789"
#define HEX DIGITS "abcdefABCDEF"
#define ALNUM "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" DIGITS
#define PORT_MOST 5

static const char *
behind(const char *text, const char *start)
{
	size_t len = strlen(start);

	return strncmp(text, start, len) ? NULL : text + len;
}

const char *
web_url_behind_scheme(const char *url)
{
	static const char *const local[] = { "http://127.0.0.1", "http://localhost",
		"http://[::1]" };
	const char *host = behind(url, "https://");

	for (size_t i = 0; !host && i < sizeof(local) / sizeof(local[0]); i++) {
		const char *rest = behind(url, local[i]);

		if (rest && strspn(rest, ":/") + (*rest == '\0'))
			host = url + sizeof("http://") - 1;
	}
	return host;
}

/* Bytes of a host name or address, and of a port behind it; 0: it is neither. Nothing that is
 * decoded or mapped to something else by one reader and not by the other. */
static size_t
authority_size(const char *host)
{
	size_t len = *host == '[' ? 1 + strspn(host + 1, HEX ":.") : strspn(host, ALNUM "-.");

	if (*host == '[' && host[len++] != ']')
		return 0;
	if (len && host[len] == ':') {
		size_t port = strspn(host + len + 1, DIGITS);

		len = port && port <= PORT_MOST ? len + 1 + port : 0;
	}
	return len;
}

bool
web_url_is_whole(const char *text)
{
	const char *host = web_url_behind_scheme(text);
	size_t len = host ? authority_size(host) : 0;

	if (!len || (host[len] && !strchr("/?", host[len])))
		return false;
	for (const unsigned char *c = (const unsigned char *)text; *c; c++)
		if (*c <= 0x20 || *c >= 0x7f || strchr("\"#<>\\^`{|}", *c))
			return false;
	return true;
}

char *
web_url_host(const char *url)
{
	const char *host = web_url_behind_scheme(url);

	return host ? xmemdup0(host, strcspn(host, "/?#")) : xstrdup("");
}
