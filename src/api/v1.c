/* SPDX-License-Identifier: Apache-2.0 */
/* What the handlers of surface V1 share: audit entries, pages, jobs that go on. */
#include "api/v1.h"

#include <stdio.h>
#include <string.h>

#include "store/auth.h"
#include "store/job.h"
#include "web/pool.h"

struct store *
v1_store(const struct ctx *ctx)
{
	struct pool *pool = ctx->app;

	return &pool->store;
}

void
v1_audit_begin(const struct ctx *ctx, struct v1_audit *audit_out)
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
v1_page_json(const struct ctx *ctx, const char *name, json_t *list, const struct paging *paging,
    int64_t total)
{
	const struct pool *pool = ctx->app;
	json_t *answer = json_object();

	json_put(answer, name, list);
	json_put(answer, "meta",
	    paging_meta(paging, total, pool->config.public_url, ctx->req->path, &ctx->req->query));
	return answer;
}

json_t *
v1_stored_json(const char *text)
{
	json_t *value = NULL;

	if (!text || json_parse(text, strlen(text), &value, NULL))
		return json_null();
	return value;
}

static json_t *
job_json(const struct job *job)
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

enum err
v1_job_accepted(struct ctx *ctx, struct response *response, int64_t job_id)
{
	char location[64];
	struct job job = { 0 };
	enum err err = job_show(v1_store(ctx), job_id, &job, &ctx->err);

	if (err)
		return err;
	snprintf(location, sizeof(location), "/api/v2/jobs/%lld", (long long)job_id);
	err = response_header(response, "Location", location);
	if (!err) {
		json_t *answer = json_object();

		json_put(answer, "job", job_json(&job));
		err = response_json_as(response, SUCCESS_ACCEPTED, answer);
	}
	job_free(&job);
	return err;
}
