/* SPDX-License-Identifier: Apache-2.0 */
/* A person's answer to one item of a request: checked, sealed, and handed over to the runner. */
#include "page/submit.h"

#include <string.h>

#include "base/secret.h"
#include "catalog/item_form.h"
#include "page/link.h"
#include "web/pool.h"

#define REASON_MOST 2048 /* characters; credential.decline_reason */

static const struct field_spec submit_fields[] = {
	{ .name = "fields", .type = FIELD_OBJECT, .flags = FIELD_REQUIRED },
	{ 0 },
};
static const struct field_spec decline_fields[] = {
	{ .name = "reason",
	    .type = FIELD_TEXT,
	    .flags = FIELD_NULLABLE,
	    .least = 1,
	    .most = REASON_MOST },
	{ 0 },
};

/* What both calls begin with. */
struct answer {
	struct page_link link;
	struct page_view view;
	const struct page_row *row; /* in view */
	struct page_call call;
};

static enum err
answer_open(struct ctx *ctx, struct answer *answer)
{
	struct uuid item;
	enum err err = link_open(ctx, &answer->link, &answer->view);

	if (err)
		return err;
	err = route_param_uuid(ctx, "itemId", &item);
	answer->row = err ? NULL : page_view_find(&answer->view, &item);
	if (!answer->row) {
		err_clear(&ctx->err);
		return err_set(&ctx->err, ERR_NOT_FOUND, "", "this request has no such item");
	}
	if (strcmp(answer->row->state, "authorized") == 0)
		return err_set(&ctx->err, ERR_VALUE, "", "this has been provided already");
	answer->call = (struct page_call){ ctx->req->remote_addr, ctx->req->id };
	return OK;
}

static enum err
accepted(struct ctx *ctx, struct response *response)
{
	struct pool *pool = ctx->app;
	json_t *answer = json_object();

	json_put_bool(answer, "accepted", true);
	json_put_bool(answer, "delayed", link_is_delayed(&pool->store));
	return response_json_as(response, SUCCESS_ACCEPTED, answer);
}

enum err
submit_text(const struct catalog *catalog, const struct page_row *row, json_t *fields,
    char **text_out, struct errctx *ctx)
{
	char id[UUID_TEXT_SIZE];
	struct item_form item;

	if (!item_form_find(catalog, row->component, row->type_name, &item) ||
	    !item_form_is_all(&item))
		return err_set(ctx, ERR_VALUE, "", "this cannot be filled in here");
	json_auto_t *prefill = link_row_prefill(row);
	enum err err = item_form_check(&item, prefill, fields, "fields", ctx);
	if (err)
		return err;
	json_auto_t *form = json_object();
	uuid_text(&row->id, id);
	json_put_text(form, "credential", id);
	json_put(form, "fields", json_incref(fields));
	*text_out = json_text(form);
	return OK;
}

static enum err
submit_body(struct ctx *ctx, struct answer *answer)
{
	struct pool *pool = ctx->app;
	auto_wipe char *text = NULL;
	json_t *body = NULL;
	enum err err = answer_open(ctx, answer);

	if (!err)
		err = request_json(ctx->req, &body, &ctx->err);
	if (!err)
		err = fields_check(body, submit_fields, false, "", &ctx->err);
	if (!err)
		err = submit_text(pool->catalog, answer->row, json_object_get(body, "fields"),
		    &text, &ctx->err);
	if (!err)
		err = page_submit(&pool->store, &answer->link, answer->row, &answer->call, text,
		    strlen(text), &ctx->err);
	return err;
}

enum err
submit_post(struct ctx *ctx, struct response *response)
{
	struct answer answer = { 0 };
	enum err err = submit_body(ctx, &answer);

	page_view_free(&answer.view);
	return err ? err : accepted(ctx, response);
}

static enum err
decline_body(struct ctx *ctx, struct answer *answer)
{
	struct pool *pool = ctx->app;
	json_t *body = NULL;
	enum err err = answer_open(ctx, answer);

	if (!err)
		err = request_json(ctx->req, &body, &ctx->err);
	if (!err)
		err = fields_check(body, decline_fields, false, "", &ctx->err);
	if (!err)
		err = page_decline(&pool->store, &answer->link, &answer->row->id,
		    json_get_text(body, "reason"), &answer->call, &ctx->err);
	return err;
}

enum err
submit_decline(struct ctx *ctx, struct response *response)
{
	struct answer answer = { 0 };
	enum err err = decline_body(ctx, &answer);

	page_view_free(&answer.view);
	return err ? err : accepted(ctx, response);
}
