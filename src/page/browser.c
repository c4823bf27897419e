/* SPDX-License-Identifier: Apache-2.0 */
/* The browser a link is bound to, known by a cookie. */
#include "page/browser.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "page/link.h"
#include "web/pool.h"

static bool
is_secure(const struct ctx *ctx)
{
	const struct pool *pool = ctx->app;

	return strncmp(pool->config.public_url, "https://", 8) == 0;
}

void
browser_name(const struct ctx *ctx, const struct uuid *request, char out[BROWSER_NAME_MAX])
{
	char id[UUID_TEXT_SIZE];

	uuid_text(request, id);
	snprintf(out, BROWSER_NAME_MAX, "%sbailee-%s", is_secure(ctx) ? "__Host-" : "", id);
}

void
browser_read(const struct ctx *ctx, struct page_link *link)
{
	char name[BROWSER_NAME_MAX], value[BROWSER_VALUE_MAX];
	unsigned char secret[LINK_SECRET_SIZE];

	browser_name(ctx, &link->request, name);
	link->has_browser = request_cookie(ctx->req, name, value, sizeof(value)) &&
			    link_secret_decode(value, secret) == OK;
	if (link->has_browser)
		crypt_sha256(secret, sizeof(secret), link->browser);
	explicit_bzero(secret, sizeof(secret));
	explicit_bzero(value, sizeof(value));
}

enum err
browser_offer(struct ctx *ctx, struct page_link *link, const struct page_view *view,
    struct response *response)
{
	int64_t left_s = (view->rows[0].expires_at - clock_now_ms()) / 1000;
	unsigned char secret[LINK_SECRET_SIZE];
	char name[BROWSER_NAME_MAX];

	crypt_random(secret, sizeof(secret));
	crypt_sha256(secret, sizeof(secret), link->browser);
	link->has_browser = true;
	auto_wipe char *value = crypt_base64url(secret, sizeof(secret));
	explicit_bzero(secret, sizeof(secret));
	browser_name(ctx, &link->request, name);
	if (response_cookie(response, name, value, left_s > 1 ? left_s : 1, is_secure(ctx)))
		return err_set(&ctx->err, ERR_INTERNAL, "", "the cookie cannot be set");
	return OK;
}
