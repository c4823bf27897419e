/* SPDX-License-Identifier: Apache-2.0 */
/* The person says whether the account that was connected is his. */
#include "page/confirm.h"

#include "page/answer.h"
#include "web/pool.h"

static const struct field_spec confirm_fields[] = {
	{ .name = "account", .type = FIELD_UUID, .flags = FIELD_REQUIRED },
	{ .name = "accept", .type = FIELD_BOOL, .flags = FIELD_REQUIRED },
	{ 0 },
};

enum err
confirm_post(struct ctx *ctx, struct response *response)
{
	struct pool *pool = ctx->app;
	auto_answer struct answer answer = { 0 };
	struct uuid waiting;
	enum err err = answer_open(ctx, confirm_fields, &answer, response);

	if (!err)
		err = uuid_parse(json_get_text(answer.body, "account"), &waiting);
	if (!err)
		err = page_confirm(&pool->store, &answer.link, &answer.row->id, &waiting,
		    json_get_bool(answer.body, "accept", false), &answer.call, &ctx->err);
	return err ? err : answer_accepted(ctx, response);
}
