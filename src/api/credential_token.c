/* SPDX-License-Identifier: Apache-2.0 */
/* /api/v1/user_credentials/{id}/token and /log: use a credential, and see what its fetches did. */
#include "store/fetch_token.h"

#include <stdio.h>
#include <string.h>

#include "agent/jwt_token.h"
#include "api/routes.h"
#include "api/v1.h"
#include "base/clock.h"
#include "base/log.h"
#include "store/credential_need.h"
#include "store/fetch_ahead.h"
#include "store/job.h"
#include "web/pool.h"
#include "web/usage.h"

#define CHANGED_RETRY_S 1

/* How a token of a mode is had, and how it is to be presented, as far as that is known: "Bearer"
 * (RFC 6750) is whatever may be used by whoever has it; "N_A" (RFC 8693 section 2.2.1) a value that
 * may be no access token at all. Without `answer` it is fetched. */
struct token_mode {
	const char *mode, *type;
	enum err (*answer)(struct ctx *ctx, struct response *response, const struct fetch_use *use);
};
static const struct token_mode *token_mode(const char *mode);

/* {token, token_type, expires_at, fetched_at}; notes the use. Steals `token`. */
static enum err
answer_token(struct ctx *ctx, struct response *response, const struct fetch_use *use, json_t *token,
    int64_t expires_at, int64_t fetched_at)
{
	const struct pool *pool = ctx->app;
	json_t *answer = json_object();

	json_put(answer, "token", token);
	json_put_text(answer, "token_type", token_mode(use->place.mode)->type);
	json_put_time(answer, "expires_at", expires_at);
	json_put_time(answer, "fetched_at", fetched_at);
	usage_note(pool->usage, ctx, ctx->route->audit, use->place.team_id, use->place.id);
	return response_json(response, answer);
}

static enum err
answer_text(struct ctx *ctx, struct response *response, const struct fetch_use *use)
{
	json_auto_t *definition = NULL;
	enum err err = user_credential_open(api_store(ctx), &use->place, &use->definition_sealed,
	    &definition, &ctx->err);

	if (err)
		return err;
	json_t *value = json_object_get(definition, "value");
	return answer_token(ctx, response, use, value ? json_incref(value) : json_null(),
	    use->expires_at, 0);
}

static enum err
answer_jwt(struct ctx *ctx, struct response *response, const struct fetch_use *use)
{
	json_auto_t *definition = NULL;
	auto_buf struct buf token = BUF_INIT_SECRET(JWT_TOKEN_MAX);
	int64_t expires_at = 0;
	enum err err = user_credential_open(api_store(ctx), &use->place, &use->definition_sealed,
	    &definition, &ctx->err);

	if (!err)
		err = jwt_token_make(definition, clock_now_ms(), FETCH_MARGIN_S, &token,
		    &expires_at, &ctx->err);
	if (err)
		return err;
	return answer_token(ctx, response, use, json_stringn(buf_text(&token), token.len),
	    expires_at, 0);
}

static enum err
answer_unreadable(struct ctx *ctx, struct response *response, const struct fetch_use *use)
{
	(void)response;
	return err_set(&ctx->err, ERR_VALUE, "",
	    "a credential of mode %s is used, not read: POST …/request sends a request with it",
	    use->place.mode);
}

static enum err
answer_fetched(struct ctx *ctx, struct response *response, const struct fetch_use *use)
{
	auto_secret struct secret token = { 0 };
	enum err err = fetch_token_open(api_store(ctx), use, &token, &ctx->err);
	/* without a time to live nothing says how long it lasts */
	bool lasts = use->fresh_until > use->fetched_at;

	if (err)
		return err;
	return answer_token(ctx, response, use, json_text_lossy(secret_text(&token), token.len),
	    lasts ? use->fresh_until : use->token_expires_at, use->fetched_at);
}

/* The next one is seen to while this one lives; whether that works does not matter to this caller.
 */
static enum err
answer_cached(struct ctx *ctx, struct response *response, const struct fetch_use *use)
{
	struct errctx ignored = { 0 };

	if (fetch_ahead_is_due(use, clock_now_ms()) &&
	    fetch_ahead_order(api_store(ctx), use, ctx->req->id, &ignored))
		log_warn(LOG_EVENT("fetch_ahead_failed"), LOG_S("why", err_text(&ignored)));
	return answer_fetched(ctx, response, use);
}

/* ---- a fetch ---- */

static enum err
enqueue_fetch(struct ctx *ctx, const struct fetch_use *use, int64_t *job_out)
{
	enum err err = api_require_runner(ctx);

	return err ? err
		   : fetch_order(api_store(ctx), &use->place, use->version, ctx->req->id, job_out,
			 &ctx->err);
}

/* What the job has brought, or what was there when it began; none when the credential was changed
 * meanwhile. */
static enum err
read_brought(struct ctx *ctx, int64_t id, int64_t job_id, struct fetch_use *use_out)
{
	struct fetch_use use = { 0 };
	enum err err = fetch_token_by_job(api_store(ctx), id, job_id, &use, &ctx->err);

	if (err == ERR_NOT_FOUND)
		err = fetch_token_read(api_store(ctx), ctx->auth, id, &use, &ctx->err);
	if (err)
		return err;
	if (use.token_sealed.data) {
		*use_out = use;
		return OK;
	}
	fetch_use_free(&use);
	ctx->err.retry_after_s = CHANGED_RETRY_S;
	return err_set(&ctx->err, ERR_UNAVAILABLE, "",
	    "the credential was changed while its token was fetched; ask again");
}

static enum err
answer_ended(struct ctx *ctx, struct response *response, int64_t id, int64_t job_id,
    const struct job_state *state)
{
	struct fetch_use use = { 0 };
	enum err err = api_job_check(ctx, state, "the token could not be fetched");

	if (!err)
		err = read_brought(ctx, id, job_id, &use);
	if (err)
		return err;
	err = answer_fetched(ctx, response, &use);
	fetch_use_free(&use);
	return err;
}

static enum err
fetch(struct ctx *ctx, struct response *response, const struct fetch_use *use)
{
	struct job_state state = { 0 };
	enum api_wait waited = API_WAIT_NONE;
	int64_t job_id;
	enum err err = enqueue_fetch(ctx, use, &job_id);

	if (!err)
		err = api_job_wait(ctx, job_id, &waited, &state);
	if (err)
		return err;
	err = waited == API_WAIT_ENDED ? answer_ended(ctx, response, use->place.id, job_id, &state)
				       : api_job_accepted(ctx, response, job_id, json_object());
	job_state_free(&state);
	return err;
}

/* ---- the call ---- */

static enum err
read_job_id(struct ctx *ctx, int64_t *job_id_out)
{
	json_t *object = NULL;
	enum err err = request_json(ctx->req, &object, &ctx->err);

	if (!err)
		err = fields_check(object, api_job_id_fields, true, "", &ctx->err);
	if (!err)
		*job_id_out = json_get_int(object, "job_id", 0);
	return err;
}

/* What that job has brought; a new fetch, or the same one still, when that is not to be had. */
static enum err
collect(struct ctx *ctx, struct response *response, const struct fetch_use *use, int64_t job_id)
{
	struct fetch_use brought = { 0 };
	enum err err =
	    fetch_token_by_job(api_store(ctx), use->place.id, job_id, &brought, &ctx->err);

	if (err == ERR_NOT_FOUND)
		return fetch(ctx, response, use);
	if (err)
		return err;
	err = answer_fetched(ctx, response, &brought);
	fetch_use_free(&brought);
	return err;
}

static const struct token_mode token_modes[] = {
	{ "TEXT", "N_A", answer_text },
	{ "JWT", "Bearer", answer_jwt },
	{ "OAUTH", "Bearer", NULL },
	{ "AWS", "N_A", answer_unreadable },
	{ "MTLS", "N_A", answer_unreadable },
	{ "HTTP_REQUEST_AGENT", "Bearer", NULL },
	{ "MULTI_REQUEST", "Bearer", NULL },
};

static const struct token_mode *
token_mode(const char *mode)
{
	size_t at = sizeof(token_modes) / sizeof(token_modes[0]) - 1;

	while (at > 0 && strcmp(token_modes[at].mode, mode) != 0)
		at--;
	return &token_modes[at];
}

static enum err
post_token(struct ctx *ctx, struct response *response)
{
	struct fetch_use use = { 0 };
	int64_t id, job_id = 0;
	enum err err = route_param_int(ctx, "id", &id);

	if (!err)
		err = read_job_id(ctx, &job_id);
	if (!err)
		err = fetch_token_read(api_store(ctx), ctx->auth, id, &use, &ctx->err);
	if (err)
		return err;
	const struct token_mode *mode = token_mode(use.place.mode);
	if (mode->answer)
		err = mode->answer(ctx, response, &use);
	else if (use.token_sealed.data)
		err = answer_cached(ctx, response, &use);
	else if (job_id)
		err = collect(ctx, response, &use, job_id);
	else
		err = fetch(ctx, response, &use);
	fetch_use_free(&use);
	return err;
}

/* ---- the log ---- */

static json_t *
log_json(const struct fetch_log *entry)
{
	json_t *json = json_object();

	json_put_int(json, "id", entry->id);
	json_put_int(json, "job_id", entry->job_id);
	json_put_time(json, "started_at", entry->started_at);
	json_put_int(json, "duration_ms", entry->duration_ms);
	json_put_text(json, "outcome", entry->outcome);
	json_put_text(json, "reason", entry->reason);
	json_put(json, "requests", api_stored_json(entry->steps));
	json_put_text(json, "request_id", entry->request_id);
	return json;
}

static enum err
get_log(struct ctx *ctx, struct response *response)
{
	struct fetch_log_filter filter = { 0 };
	struct fetch_log_page page = { 0 };
	struct paging paging;
	enum err err = route_param_int(ctx, "id", &filter.credential_id);

	if (!err)
		err = paging_read(&ctx->req->query, &paging, &ctx->err);
	if (err)
		return err;
	filter.limit = paging.per_page;
	filter.offset = paging.offset;
	err = fetch_log_list(api_store(ctx), ctx->auth, &filter, &page, &ctx->err);
	if (err)
		return err;
	json_t *list = json_array();
	for (size_t i = 0; i < page.n; i++)
		json_array_append_new(list, log_json(&page.rows[i]));
	json_t *answer = v1_page_json(ctx, "log", list, &paging, page.total);
	fetch_log_page_free(&page);
	return response_json(response, answer);
}

const struct route credential_token_routes[] = {
	{ .method = METHOD_POST,
	    .path = "/api/v1/user_credentials/{id}/token",
	    .scope = SCOPE_USER_CREDENTIALS_USE,
	    .audit = "credential.use",
	    .surface = SURFACE_V1,
	    .auth = AUTH_JOINED,
	    .body_optional = true,
	    .handler = post_token,
	    .fields = api_job_id_fields,
	    .summary = "Obtain a token: the cached one, or a new one from the provider." },
	{ .method = METHOD_GET,
	    .path = "/api/v1/user_credentials/{id}/log",
	    .scope = SCOPE_USER_CREDENTIALS_READ,
	    .audit = "none",
	    .surface = SURFACE_V1,
	    .auth = AUTH_JOINED,
	    .handler = get_log,
	    .summary = "Show the last fetches of a credential: when, how long, what came of it." },
	{ .path = NULL },
};
