/* SPDX-License-Identifier: Apache-2.0 */
/* The cookies of one flow of requests; which of them go where is libcurl's business (RFC 6265,
 * public suffixes). */
#include "net/cookie.h"

#include <assert.h>
#include <stdbool.h>

#include <curl/curl.h>

#include "base/alloc.h"
#include "base/secret.h"

#define COOKIES_MAX 200

/* Lines in the format of a Netscape cookie file, libcurl's exchange format. */
struct cookie_jar {
	char *lines[COOKIES_MAX];
	size_t n;
};

struct cookie_jar *
cookie_jar_new(void)
{
	return xcalloc(1, sizeof(struct cookie_jar));
}

static void
empty(struct cookie_jar *jar)
{
	for (size_t i = 0; i < jar->n; i++)
		secret_wipe_text(&jar->lines[i]);
	jar->n = 0;
}

void
cookie_jar_free(struct cookie_jar **jar)
{
	if (!jar || !*jar)
		return;
	empty(*jar);
	free(*jar);
	*jar = NULL;
}

size_t
cookie_jar_count(const struct cookie_jar *jar)
{
	return jar->n;
}

void
cookie_jar_load(const struct cookie_jar *jar, bool sending, void *easy)
{
	if (!jar)
		return;
	curl_easy_setopt(easy, CURLOPT_COOKIEFILE, "");
	for (size_t i = 0; i < jar->n && sending; i++)
		curl_easy_setopt(easy, CURLOPT_COOKIELIST, jar->lines[i]);
}

void
cookie_jar_store(struct cookie_jar *jar, bool sent, void *easy)
{
	struct curl_slist *list = NULL;

	if (!jar || curl_easy_getinfo(easy, CURLINFO_COOKIELIST, &list) != CURLE_OK)
		return;
	if (sent)
		empty(jar);
	for (struct curl_slist *item = list; item && jar->n < COOKIES_MAX; item = item->next)
		jar->lines[jar->n++] = xstrdup(item->data);
	curl_slist_free_all(list);
}
