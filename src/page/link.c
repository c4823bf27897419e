/* SPDX-License-Identifier: Apache-2.0 */
/* The link a person was sent: reading it from a call, and opening it. */
#include "page/link.h"

#include <string.h>
#include <strings.h>

#include "base/crypt.h"
#include "page/browser.h"
#include "page/show.h"
#include "store/job.h"
#include "store/request.h"
#include "web/pool.h"

#define SCHEME "Link "
#define SECRET_CHARS 43 /* of 32 bytes in base64url without padding */

/* ---- reading ---- */

enum err
link_secret_decode(const char *text, unsigned char secret_out[LINK_SECRET_SIZE])
{
	unsigned char *data = NULL;
	size_t len = 0;

	if (strlen(text) != SECRET_CHARS || crypt_base64url_decode(text, SECRET_CHARS, &data, &len))
		return ERR_VALUE;
	bool fits = len == LINK_SECRET_SIZE;
	if (fits)
		memcpy(secret_out, data, LINK_SECRET_SIZE);
	explicit_bzero(data, len);
	free(data);
	return fits ? OK : ERR_VALUE;
}

enum err
link_secret_read(const char *authorization, unsigned char secret_out[LINK_SECRET_SIZE])
{
	if (!authorization || strncasecmp(authorization, SCHEME, strlen(SCHEME)) != 0)
		return ERR_VALUE;
	return link_secret_decode(authorization + strlen(SCHEME), secret_out);
}

static enum err
read_link(struct ctx *ctx, struct page_link *link_out)
{
	unsigned char secret[LINK_SECRET_SIZE];

	if (uuid_parse(route_param(ctx, "id"), &link_out->request) ||
	    uuid_is_nil(&link_out->request) || link_secret_read(ctx->req->authorization, secret))
		return err_set(&ctx->err, ERR_NOT_FOUND, "", PAGE_NO_SUCH_REQUEST);
	request_link_hash(secret, link_out->hash);
	explicit_bzero(secret, sizeof(secret));
	browser_read(ctx, link_out);
	return OK;
}

enum err
link_open(struct ctx *ctx, struct page_link *link_out, struct page_view *view_out)
{
	struct pool *pool = ctx->app;
	struct page_view view = { 0 };
	struct page_link link = { 0 };
	enum err err = read_link(ctx, &link);

	if (!err)
		err = page_view_load(&pool->store, &link, &view, &ctx->err);
	if (err)
		return err;
	if (view.rows[0].expired) {
		page_view_free(&view);
		return err_set(&ctx->err, ERR_GONE, "", "this request has expired");
	}
	*link_out = link;
	*view_out = view;
	return OK;
}

bool
link_row_working(const struct page_row *row)
{
	return row->job_state &&
	       (!strcmp(row->job_state, "queued") || !strcmp(row->job_state, "running"));
}

json_t *
link_row_prefill(const struct page_row *row)
{
	json_t *prefill = NULL;

	if (row->prefill && json_parse(row->prefill, strlen(row->prefill), &prefill, NULL) != OK)
		return NULL;
	return prefill;
}

bool
link_is_delayed(struct store *store)
{
	int64_t age = 0;

	return page_runner_age_s(store, &age, NULL) == OK && age > RUNNER_AWAY_S;
}

enum err
link_get(struct ctx *ctx, struct response *response)
{
	struct pool *pool = ctx->app;
	auto_page_view struct page_view view = { 0 };
	struct page_link link;
	struct show_facts facts = { 0 };
	enum err err = link_open(ctx, &link, &view);

	if (err)
		return err;
	for (size_t i = 0; i < view.n; i++)
		facts.delayed = facts.delayed || link_row_working(&view.rows[i]);
	facts.delayed = facts.delayed && link_is_delayed(&pool->store);
	facts.mails = pool->store.mails;
	facts.public_url = pool->config.public_url;
	/* several first answers may be sent at once: they must be of one browser */
	if (!link.has_browser && !page_view_is_other(&view))
		err = browser_offer(ctx, &link, &view, response);
	return err ? err : response_json(response, show_view(pool->catalog, &link, &view, &facts));
}
