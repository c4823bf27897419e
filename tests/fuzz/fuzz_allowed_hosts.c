/* SPDX-License-Identifier: Apache-2.0 */
/* Hostile patterns, URLs, redirect targets and address lists: "pattern LF url LF location LF
 * egress_allow". */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "net/address_guard.h"
#include "net/allowed_hosts.h"
#include "net/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was taken must mean the same when it is read again. */
static void
check_url(const char *text, const char *location)
{
	struct url url = { 0 }, next = { 0 }, again = { 0 };
	char *shown;

	if (url_parse(text, &url, NULL) != OK)
		return;
	assert(url.host[0] && url.port && url.path[0] == '/');
	shown = url_origin_path(&url);
	if (url_parse(shown, &again, NULL) == OK)
		assert(url_same_origin(&url, &again));
	if (url_resolve(&url, location, &next, NULL) == OK)
		assert(next.host[0] && !strpbrk(next.host, "@/\\%"));
	free(shown);
	url_free(&url);
	url_free(&next);
	url_free(&again);
}

static void
check_pattern(const char *pattern, const char *url)
{
	if (!allowed_hosts_match(pattern, url))
		return;
	assert(allowed_hosts_check(pattern, NULL) == OK);
	/* a pattern that covers two domains of different owners names a public suffix */
	assert(!allowed_hosts_match(pattern, "https://a.one.com/") ||
	       !allowed_hosts_match(pattern, "https://a.two.com/"));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct address_guard guard = { 0 };
	auto_free char *text = xmemdup0(data, size);
	char *parts[4] = { text, NULL, NULL, NULL }, *rest = text;

	strsep(&rest, "\n");
	for (int i = 1; i < 4; i++) {
		parts[i] = rest ? rest : text + strlen(text);
		if (rest)
			strsep(&rest, "\n");
	}
	check_pattern(parts[0], parts[1]);
	check_url(parts[1], parts[2]);
	if (address_guard_parse(parts[3], &guard, NULL) == OK)
		assert(guard.n_allow <= ADDRESS_GUARD_RULES_MAX);
	(void)address_guard_allows_text(&guard, parts[2], 443);
	return 0;
}
