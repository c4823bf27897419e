/* SPDX-License-Identifier: Apache-2.0 */
/* A person's answer to one item of a request: checked, sealed, and handed over to the runner. */
#include "page/submit.h"

#include <string.h>

#include "base/secret.h"
#include "catalog/item_form.h"
#include "page/answer.h"
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

enum err
submit_post(struct ctx *ctx, struct response *response)
{
	struct pool *pool = ctx->app;
	auto_answer struct answer answer = { 0 };
	auto_wipe char *text = NULL;
	enum err err = answer_open(ctx, submit_fields, &answer, response);

	if (!err)
		err = submit_text(pool->catalog, answer.row, json_object_get(answer.body, "fields"),
		    &text, &ctx->err);
	if (!err)
		err = page_submit(&pool->store, &answer.link, answer.row, &answer.call, text,
		    strlen(text), &ctx->err);
	return err ? err : answer_accepted(ctx, response);
}

enum err
submit_decline(struct ctx *ctx, struct response *response)
{
	struct pool *pool = ctx->app;
	auto_answer struct answer answer = { 0 };
	enum err err = answer_open(ctx, decline_fields, &answer, response);

	if (!err)
		err = page_decline(&pool->store, &answer.link, &answer.row->id,
		    json_get_text(answer.body, "reason"), &answer.call, &ctx->err);
	return err ? err : answer_accepted(ctx, response);
}
