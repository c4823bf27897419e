/* SPDX-License-Identifier: Apache-2.0 */
/* The way back from an OAuth provider. */
#include "page/callback.h"

#include <string.h>

#include "base/alloc.h"
#include "base/secret.h"
#include "catalog/credential_type.h"
#include "oauth/authorize.h"
#include "page/browser.h"
#include "page/denial.h"
#include "page/link.h"
#include "web/pool.h"

#define STATE_CHARS (UUID_TEXT_SIZE - 1 + 1 + 43) /* <request id>.<32 bytes in base64url> */

/* One answer to all that is no way back of ours: what was wrong is nobody's business. */
static enum err
not_ours(struct ctx *ctx)
{
	err_clear(&ctx->err);
	return err_set(&ctx->err, ERR_MALFORMED, "", "nobody set out from here to come back so");
}

/* The parameters as an object of texts; false when one stands twice (RFC 6749 section 3.1). */
static bool
read_query(const struct params *params, json_t *query)
{
	for (size_t i = 0; i < params->n; i++) {
		if (json_object_get(query, params->list[i].name))
			return false;
		json_put_text(query, params->list[i].name, params->list[i].value);
	}
	return true;
}

static bool
is_state(const char *text)
{
	return text && strlen(text) == STATE_CHARS && text[UUID_TEXT_SIZE - 1] == '.';
}

/* Some providers give it another name, and which provider this is, is known by it alone: so it is
 * what looks like one. The name is compared when it is known. */
static const char *
find_state(const json_t *query)
{
	union {
		const json_t *borrowed;
		json_t *walked; /* jansson walks writable objects only */
	} tree = { .borrowed = query };
	const char *name, *state = json_get_text(query, "state");
	json_t *value;

	json_object_foreach(tree.walked, name, value)
	{
		if (!is_state(state) && is_state(json_string_value(value)))
			state = json_string_value(value);
	}
	return is_state(state) ? state : NULL;
}

static bool
is_named_as_sent(const struct app_connection *connection, const json_t *query,
    const struct page_return *back)
{
	const char *state = json_get_text(query, oauth_state_param(connection));
	unsigned char hash[CRYPT_SHA256_SIZE];

	crypt_sha256(state ? state : "", state ? strlen(state) : 0, hash);
	return memcmp(hash, back->state_hash, sizeof(hash)) == 0;
}

/* What the trip is known by: the path, the state and the cookie of the state's request. */
static bool
read_trip(const struct ctx *ctx, const json_t *query, struct page_link *link_out,
    struct page_return *back_out)
{
	const char *state = find_state(query);
	unsigned char random[LINK_SECRET_SIZE];
	char request[UUID_TEXT_SIZE];

	if (uuid_parse(route_param(ctx, "callbackId"), &back_out->callback_id) || !state)
		return false;
	memcpy(request, state, UUID_TEXT_SIZE - 1);
	request[UUID_TEXT_SIZE - 1] = '\0';
	bool whole = link_secret_decode(state + UUID_TEXT_SIZE, random) == OK;
	explicit_bzero(random, sizeof(random));
	if (!whole || uuid_parse(request, &link_out->request))
		return false;
	browser_read(ctx, link_out);
	memcpy(back_out->browser, link_out->browser, sizeof(back_out->browser));
	crypt_sha256(state, strlen(state), back_out->state_hash);
	return link_out->has_browser;
}

bool
callback_read(const struct ctx *ctx, json_t *query, struct page_link *link_out,
    struct page_return *back_out)
{
	return read_query(&ctx->req->query, query) && read_trip(ctx, query, link_out, back_out);
}

/* To the page; its secret waits in the browser's own memory. */
static enum err
to_page(struct ctx *ctx, const struct uuid *request, struct response *response)
{
	const struct pool *pool = ctx->app;
	char id[UUID_TEXT_SIZE];

	uuid_text(request, id);
	auto_free char *url = xasprintf("%s/request/%s", pool->config.public_url, id);
	if (response_redirect(response, url))
		return err_set(&ctx->err, ERR_INTERNAL, "", "public_url is no URL");
	return OK;
}

static enum err
take_return(struct ctx *ctx, const struct page_return *back, const struct page_flow *flow,
    const json_t *query)
{
	struct pool *pool = ctx->app;
	auto_credential_type struct credential_type own = { 0 };
	const struct app_connection *connection =
	    catalog_connection_type_find(pool->catalog, flow->connection_type);
	const struct page_call call = { ctx->req->remote_addr, ctx->req->id };
	auto_oauth_return struct oauth_return returned = { 0 };

	if (flow->own_type && credential_type_read(flow->own_type, &own, &ctx->err) == OK)
		connection = own.connection;
	if (!connection || connection->auth != APP_AUTH_OAUTH2 ||
	    !is_named_as_sent(connection, query, back))
		return ERR_NOT_FOUND;
	oauth_return_read(connection, flow->issuer, query, &returned);
	if (returned.verdict == OAUTH_RETURN_FOREIGN)
		return ERR_NOT_FOUND;
	bool good = returned.verdict == OAUTH_RETURN_CODE;
	auto_wipe char *text = good ? json_text(returned.keep) : NULL;
	return page_return(&pool->store, back, flow, text,
	    good ? NULL : denial_code(returned.error), &call, &ctx->err);
}

static enum err
come_back(struct ctx *ctx, struct uuid *request_out)
{
	struct pool *pool = ctx->app;
	auto_page_flow struct page_flow flow = { 0 };
	struct page_link link = { 0 };
	struct page_return back = { 0 };
	json_auto_t *query = json_object();

	if (!callback_read(ctx, query, &link, &back))
		return ERR_NOT_FOUND;
	enum err err = page_return_look(&pool->store, &back, &flow, &ctx->err);
	if (!err && !flow.done)
		err = take_return(ctx, &back, &flow, query);
	*request_out = link.request;
	return err;
}

enum err
callback_get(struct ctx *ctx, struct response *response)
{
	struct uuid request = { 0 };

	if (ctx->req->head) /* whoever only looks ahead is not the person */
		return not_ours(ctx);
	enum err err = come_back(ctx, &request);
	if (err == ERR_NOT_FOUND)
		return not_ours(ctx);
	if (err == ERR_RULE) { /* another trip of his was quicker: the page shows how it goes */
		err_clear(&ctx->err);
		err = OK;
	}
	return err ? err : to_page(ctx, &request, response);
}
