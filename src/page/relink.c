/* SPDX-License-Identifier: Apache-2.0 */
/* A new link for whoever has lost the browser that the old one is bound to. */
#include "page/relink.h"

#include "page/answer.h"
#include "web/pool.h"

static const struct field_spec relink_fields[] = { { 0 } };

enum err
relink_post(struct ctx *ctx, struct response *response)
{
	struct pool *pool = ctx->app;
	auto_answer struct answer answer = { 0 };
	json_t *body = NULL;
	enum err err = link_open(ctx, &answer.link, &answer.view);

	if (!err)
		err = request_json(ctx->req, &body, &ctx->err);
	if (!err && body)
		err = fields_check(body, relink_fields, false, "", &ctx->err);
	if (!err && !pool->store.mails)
		return err_set(&ctx->err, ERR_RULE, "",
		    "no mail is sent here: ask for a new link where this one came from");
	answer.call = (struct page_call){ ctx->req->remote_addr, ctx->req->id };
	if (!err)
		err = page_relink(&pool->store, &answer.link, &answer.view.rows[0], &answer.call,
		    &ctx->err);
	return err ? err : answer_accepted(ctx, response);
}
