/* SPDX-License-Identifier: Apache-2.0 */
/* What handlers of both surfaces share: the store, the audit entry of the call, a job as JSON. */
#include "api/shared.h"

#include <stdio.h>
#include <string.h>

#include "store/auth.h"
#include "web/prefork.h"

#define RUNNER_AWAY_RETRY_S 5
#define LOST_RETRY_S 1

const struct field_spec api_job_id_fields[] = {
	{ .name = "job_id",
	    .type = FIELD_INT,
	    .flags = FIELD_DIGITS | FIELD_NULLABLE,
	    .least = 1,
	    .most = INT64_MAX },
	{ .name = NULL },
};

struct pool *
api_pool(const struct ctx *ctx)
{
	return ctx->app;
}

struct store *
api_store(const struct ctx *ctx)
{
	return &api_pool(ctx)->store;
}

void
api_audit_begin(const struct ctx *ctx, struct api_audit *audit_out)
{
	snprintf(audit_out->actor, sizeof(audit_out->actor), "token:%s", ctx->auth->public_id);
	audit_out->entry = (struct audit_entry){
		.event = ctx->route->audit,
		.actor = audit_out->actor,
		.address = ctx->req->remote_addr,
		.request_id = ctx->req->id,
		.person_id = ctx->auth->person_id,
	};
}

json_t *
api_job_json(const struct job *job)
{
	json_t *json = json_object();
	bool ended = job->finished_at != 0;

	json_put_int(json, "id", job->id);
	json_put_text(json, "kind", job->kind);
	json_put_text(json, "state", job->state);
	json_put_int(json, "attempts", job->attempt);
	json_put_time(json, "createdAt", job->created_at);
	json_put_time(json, "startedAt", job->started_at);
	json_put_time(json, "finishedAt", job->finished_at);
	json_put_time(json, "nextRunAt", ended ? 0 : job->run_at);
	json_put_text(json, "error", job->error);
	return json;
}

/* ---- jobs a call waits for ---- */

enum err
api_require_runner(struct ctx *ctx)
{
	int64_t age = 0;
	enum err err = runner_age_s(api_store(ctx), &age, &ctx->err);

	if (err || age <= RUNNER_AWAY_S)
		return err;
	ctx->err.retry_after_s = RUNNER_AWAY_RETRY_S;
	return err_set(&ctx->err, ERR_UNAVAILABLE, "", "no job runner is at work");
}

enum err
api_job_wait(struct ctx *ctx, int64_t job_id, enum api_wait *outcome_out,
    struct job_state *state_out)
{
	int64_t wait_ms = request_wait_ms(ctx->req, api_pool(ctx)->config.wait_default_s * 1000);
	bool may_wait = wait_ms > 0 && prefork_try_wait_begin(), ended = false;
	enum err err =
	    job_wait(api_store(ctx), job_id, may_wait ? wait_ms : 0, &ended, state_out, &ctx->err);

	if (may_wait)
		prefork_wait_end();
	if (err == ERR_NOT_FOUND) {
		err_clear(&ctx->err);
		ctx->err.retry_after_s = LOST_RETRY_S;
		return err_set(&ctx->err, ERR_UNAVAILABLE, "", "the job was lost; ask again");
	}
	if (err)
		return err;
	*outcome_out = ended ? API_WAIT_ENDED : may_wait ? API_WAIT_OVER : API_WAIT_NONE;
	if (!ended)
		job_state_free(state_out);
	return OK;
}

enum err
api_job_check(struct ctx *ctx, const struct job_state *state, const char *otherwise)
{
	if (strcmp(state->state, "done") == 0)
		return OK;
	return err_set(&ctx->err, ERR_REMOTE, "", "%s", state->error ? state->error : otherwise);
}

/* RFC 7240 section 3: say which preference was followed. */
static enum err
preference_applied(struct ctx *ctx, struct response *response)
{
	int64_t most = api_pool(ctx)->config.wait_default_s * 1000;
	int64_t wait_ms = request_wait_ms(ctx->req, most);
	char applied[48] = "respond-async";

	if (!ctx->req->prefer || wait_ms >= most)
		return OK;
	if (wait_ms > 0)
		snprintf(applied, sizeof(applied), "wait=%lld", (long long)(wait_ms / 1000));
	return response_header(response, "Preference-Applied", applied);
}

enum err
api_job_accepted(struct ctx *ctx, struct response *response, int64_t job_id, json_t *answer)
{
	char location[64];
	struct job job = { 0 };
	enum err err = job_show(api_store(ctx), job_id, &job, &ctx->err);

	snprintf(location, sizeof(location), "/api/v2/jobs/%lld", (long long)job_id);
	if (!err)
		err = response_header(response, "Location", location);
	if (!err)
		err = preference_applied(ctx, response);
	if (err) {
		json_decref(answer);
	} else {
		json_put(answer, "job", api_job_json(&job));
		err = response_json_as(response, SUCCESS_ACCEPTED, answer);
	}
	job_free(&job);
	return err;
}

json_t *
api_stored_json(const char *text)
{
	json_t *value = NULL;

	if (!text || json_parse(text, strlen(text), &value, NULL))
		return json_null();
	return value;
}
