/* SPDX-License-Identifier: Apache-2.0 */
/* What every answer of a person to an item begins and ends with. */
#include "page/answer.h"

#include <string.h>

#include "page/browser.h"
#include "web/pool.h"

void
answer_free(struct answer *answer)
{
	page_view_free(&answer->view);
}

static enum err
find_item(struct ctx *ctx, struct answer *answer)
{
	struct uuid item;

	if (route_param_uuid(ctx, "itemId", &item) == OK)
		answer->row = page_view_find(&answer->view, &item);
	if (!answer->row) {
		err_clear(&ctx->err);
		return err_set(&ctx->err, ERR_NOT_FOUND, "", "this request has no such item");
	}
	if (strcmp(answer->row->state, "authorized") == 0)
		return err_set(&ctx->err, ERR_VALUE, "", "this has been provided already");
	return OK;
}

enum err
answer_open(struct ctx *ctx, const struct field_spec *fields, struct answer *answer,
    struct response *response)
{
	enum err err = link_open(ctx, &answer->link, &answer->view);

	if (!err && page_view_is_other(&answer->view))
		return err_set(&ctx->err, ERR_SCOPE, "", "this link is in use in another browser");
	if (!err)
		err = find_item(ctx, answer);
	if (!err)
		err = request_json(ctx->req, &answer->body, &ctx->err);
	if (!err && answer->body)
		err = fields_check(answer->body, fields, false, "", &ctx->err);
	if (!err && !answer->link.has_browser)
		err = browser_offer(ctx, &answer->link, &answer->view, response);
	answer->call = (struct page_call){ ctx->req->remote_addr, ctx->req->id };
	return err;
}

enum err
answer_accepted(struct ctx *ctx, struct response *response)
{
	struct pool *pool = ctx->app;
	json_t *answer = json_object();

	json_put_bool(answer, "accepted", true);
	json_put_bool(answer, "delayed", link_is_delayed(&pool->store));
	return response_json_as(response, SUCCESS_ACCEPTED, answer);
}
