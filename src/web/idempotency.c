/* SPDX-License-Identifier: Apache-2.0 */
/* Idempotency-Key: a call that creates and is sent again is answered as the first time. */
#include "web/idempotency.h"

#include <string.h>

#include "base/buf.h"
#include "store/idempotency.h"
#include "web/pool.h"
#include "web/router.h"

static enum err
check_key(const char *key, struct errctx *ctx)
{
	size_t n = 0;

	while (key[n] > ' ' && key[n] <= '~')
		n++;
	if (key[n] || n > IDEMPOTENCY_KEY_MAX)
		return err_set(ctx, ERR_FIELD, "Idempotency-Key",
		    "must be 1 to %d visible ASCII characters", IDEMPOTENCY_KEY_MAX);
	return OK;
}

/* Lengths keep one text from running into the next. */
static void
add_part(struct buf *buf, const void *data, size_t len)
{
	buf_printf(buf, "%zu:", len);
	buf_add(buf, data, len);
}

static void
add_text(struct buf *buf, const char *text)
{
	add_part(buf, text, strlen(text));
}

static enum err
read_call(const struct ctx *ctx, struct idempotency_call *call_out, struct errctx *err_out)
{
	const struct request *request = ctx->req;
	auto_buf struct buf key = BUF_INIT(REQUEST_PATH_MAX + REQUEST_HEADER_MAX);
	auto_buf struct buf call =
	    BUF_INIT_SECRET(request->body_len + 2 * REQUEST_URI_MAX + PARAMS_MAX * 16);

	add_text(&key, method_names[request->method]);
	add_text(&key, request->path);
	add_text(&key, request->idempotency_key);
	for (size_t i = 0; i < request->query.n; i++) {
		add_text(&call, request->query.list[i].name);
		add_text(&call, request->query.list[i].value);
	}
	buf_add_char(&call, '|');
	add_part(&call, request->body, request->body_len);
	if (key.over || call.over)
		return err_set(err_out, ERR_INTERNAL, "", "a call that does not fit");
	const struct pool *pool = ctx->app;
	return idempotency_call_init(&pool->store, auth_public_id(ctx->auth), &key, &call, call_out,
	    err_out);
}

struct creating {
	struct ctx *ctx;
	struct response *response;
};

static enum err
create_body(void *arg, struct idempotency_answer *answer_out, struct errctx *err_out)
{
	struct creating *creating = arg;
	struct request *request = creating->ctx->req;
	struct response *response = creating->response;
	auto_buf struct buf kept = BUF_INIT_SECRET(RESPONSE_BODY_MAX);

	/* as if for the first time: the transaction may run again */
	response_start_over(response);
	json_decref(request->json);
	request->json = NULL;
	enum err err = creating->ctx->route->handler(creating->ctx, response);
	if (err)
		return err;
	response_keep(response, &kept);
	if (kept.over)
		return err_set(err_out, ERR_INTERNAL, "", "an answer that does not fit");
	answer_out->status = response->status;
	secret_set(&answer_out->data, buf_text(&kept), kept.len);
	return OK;
}

static enum err
replay(struct store *store, const struct idempotency_call *call, struct response *response,
    struct errctx *err_out)
{
	struct idempotency_answer answer = { 0 };
	enum err err = idempotency_find(store, call, &answer, err_out);

	if (err)
		return err;
	err = response_again(response, answer.status, secret_text(&answer.data), answer.data.len);
	if (!err)
		err = response_header(response, "Idempotent-Replayed", "true");
	idempotency_answer_free(&answer);
	return err;
}

enum err
idempotency_run(struct ctx *ctx, struct response *response)
{
	struct pool *pool = ctx->app;
	struct creating creating = { ctx, response };
	struct idempotency_call call;
	struct errctx again = { 0 };
	enum err err = check_key(ctx->req->idempotency_key, &ctx->err);

	if (!err)
		err = read_call(ctx, &call, &ctx->err);
	if (!err)
		err = replay(&pool->store, &call, response, &ctx->err);
	if (err != ERR_NOT_FOUND)
		return err;
	err = idempotency_once(&pool->store, &call, create_body, &creating, &ctx->err);
	if (!err)
		return OK;
	/* Somebody else with the same call may have been first: that is why this one was a
	 * duplicate, or found the name taken. */
	enum err found = replay(&pool->store, &call, response, &again);
	if (found == ERR_NOT_FOUND)
		return err == ERR_DUPLICATE && !ctx->err.n_sub ? ERR_CONFLICT : err;
	ctx->err = again;
	return found;
}
