/* SPDX-License-Identifier: Apache-2.0 */
/* The person says whether the account that was connected is his. */
#include "page/confirm.h"

#include "page/answer.h"
#include "web/pool.h"

static const struct field_spec confirm_fields[] = {
	{ .name = "accept", .type = FIELD_BOOL, .flags = FIELD_REQUIRED },
	{ 0 },
};

enum err
confirm_post(struct ctx *ctx, struct response *response)
{
	struct pool *pool = ctx->app;
	auto_answer struct answer answer = { 0 };
	enum err err = answer_open(ctx, confirm_fields, &answer, response);

	if (!err)
		err = page_confirm(&pool->store, &answer.link, &answer.row->id,
		    json_get_bool(answer.body, "accept", false), &answer.call, &ctx->err);
	return err ? err : answer_accepted(ctx, response);
}
