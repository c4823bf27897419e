/* SPDX-License-Identifier: Apache-2.0 */
/* The link a person was sent, and what it shows. */
#include "page/link.h"

#include <string.h>
#include <strings.h>

#include "base/crypt.h"
#include "base/log.h"
#include "catalog/item_form.h"
#include "store/job.h"
#include "store/request.h"
#include "web/pool.h"

#define SCHEME "Link "
#define SECRET_CHARS 43 /* of 32 bytes in base64url without padding */

/* ---- reading ---- */

static enum err
decode_secret(const char *text, unsigned char secret_out[LINK_SECRET_SIZE])
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
	return decode_secret(authorization + strlen(SCHEME), secret_out);
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
	return OK;
}

enum err
link_open(struct ctx *ctx, struct page_link *link_out, struct page_view *view_out)
{
	struct pool *pool = ctx->app;
	struct page_view view = { 0 };
	enum err err = read_link(ctx, link_out);

	if (!err)
		err = page_view_load(&pool->store, link_out, &view, &ctx->err);
	if (err)
		return err;
	if (view.rows[0].expired) {
		page_view_free(&view);
		return err_set(&ctx->err, ERR_GONE, "", "this request has expired");
	}
	*view_out = view;
	return OK;
}

/* ---- showing ---- */

static bool
is_one_of(const char *text, const char *const *names)
{
	for (; text && *names; names++)
		if (!strcmp(text, *names))
			return true;
	return false;
}

bool
link_row_working(const struct page_row *row)
{
	static const char *const working[] = { "queued", "running", NULL };

	return is_one_of(row->job_state, working);
}

/* What was tried last and did not work; once it is provided that is of no interest any more. */
static bool
row_failed(const struct page_row *row)
{
	static const char *const failed[] = { "failed", "dead", NULL };

	return is_one_of(row->job_state, failed) && strcmp(row->state, "authorized") != 0;
}

static json_t *
scope_json(const char *text)
{
	json_t *scope = NULL;

	if (text && json_parse(text, strlen(text), &scope, NULL) == OK && json_is_array(scope))
		return scope;
	json_decref(scope);
	return json_array();
}

json_t *
link_row_prefill(const struct page_row *row)
{
	json_t *prefill = NULL;

	if (row->prefill && json_parse(row->prefill, strlen(row->prefill), &prefill, NULL) != OK)
		return NULL;
	return prefill;
}

/* Null where filling in is not all there is to do, and for types this program does not know. */
static json_t *
row_form_json(const struct catalog *catalog, const struct page_row *row)
{
	struct item_form form;

	if (!item_form_find(catalog, row->component, row->type_name, &form) ||
	    !item_form_is_all(&form))
		return json_null();
	json_auto_t *prefill = link_row_prefill(row);
	return item_form_json(&form, prefill);
}

static json_t *
item_json(const struct catalog *catalog, const struct page_row *row)
{
	char id[UUID_TEXT_SIZE];
	json_t *item = json_object();
	bool failed = row_failed(row);

	uuid_text(&row->id, id);
	json_put_text(item, "id", id);
	json_put_text(item, "component", row->component);
	json_put_text(item, "type", row->type);
	json_put_text(item, "name", row->type_name);
	json_put_text(item, "label", row->label);
	json_put_text(item, "description", row->credential_description);
	json_put_text(item, "app", row->app_name);
	json_put_text(item, "appVersion", row->app_version);
	json_put_text(item, "nameOverride", row->name_override);
	json_put(item, "scope", scope_json(row->scope));
	json_put_text(item, "state", row->state);
	json_put_text(item, "declineReason", row->decline_reason);
	json_put_text(item, "progress",
	    link_row_working(row) ? "working"
	    : failed              ? "failed"
				  : NULL);
	json_put_text(item, "error", failed ? row->job_error : NULL);
	json_put(item, "form", row_form_json(catalog, row));
	return item;
}

static json_t *
request_json_of(const struct page_link *link, const struct page_row *row)
{
	char id[UUID_TEXT_SIZE];
	json_t *request = json_object(), *requester = json_object();

	uuid_text(&link->request, id);
	json_put_text(requester, "name", row->requester_name);
	json_put_text(requester, "email", row->requester_email);
	json_put_text(request, "id", id);
	json_put_text(request, "name", row->name);
	json_put_text(request, "description", row->description);
	json_put(request, "requester", requester);
	json_put_text(request, "team", row->team_name);
	json_put_text(request, "organization", row->organization_name);
	json_put_time(request, "expiresAt", row->expires_at);
	json_put_text(request, "status", row->status);
	return request;
}

json_t *
link_view_json(const struct catalog *catalog, const struct page_link *link,
    const struct page_view *view, bool delayed)
{
	json_t *answer = json_object(), *items = json_array();

	for (size_t i = 0; i < view->n; i++)
		json_array_append_new(items, item_json(catalog, &view->rows[i]));
	json_put(answer, "request", request_json_of(link, &view->rows[0]));
	json_put(answer, "items", items);
	json_put_bool(answer, "delayed", delayed);
	return answer;
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
	bool working = false;
	enum err err = link_open(ctx, &link, &view);

	if (err)
		return err;
	for (size_t i = 0; i < view.n; i++)
		working = working || link_row_working(&view.rows[i]);
	bool delayed = working && link_is_delayed(&pool->store);
	return response_json(response, link_view_json(pool->catalog, &link, &view, delayed));
}
