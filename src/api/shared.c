/* SPDX-License-Identifier: Apache-2.0 */
/* What handlers of both surfaces share: the store, the audit entry of the call, a job as JSON. */
#include "api/shared.h"

#include <stdio.h>
#include <string.h>

#include "store/auth.h"

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

json_t *
api_stored_json(const char *text)
{
	json_t *value = NULL;

	if (!text || json_parse(text, strlen(text), &value, NULL))
		return json_null();
	return value;
}
