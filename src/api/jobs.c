/* SPDX-License-Identifier: Apache-2.0 */
/* /api/v2/jobs: how a piece of work of one of the caller's teams is getting on. */
#include "store/job.h"

#include "api/routes.h"
#include "api/v2.h"

static enum err
get_job(struct ctx *ctx, struct response *response)
{
	struct job job = { 0 };
	int64_t id;
	enum err err = route_param_int(ctx, "id", &id);

	if (!err)
		err = job_get(api_store(ctx), ctx->auth, id, &job, &ctx->err);
	if (err)
		return err;
	json_t *json = api_job_json(&job);
	job_free(&job);
	return v2_answer(response, "job", json);
}

const struct route job_routes[] = {
	{ .method = METHOD_GET,
	    .path = "/api/v2/jobs/{id}",
	    .scope = SCOPE_ANY_TOKEN,
	    .audit = "none",
	    .surface = SURFACE_V2,
	    .auth = AUTH_JOINED,
	    .handler = get_job,
	    .summary = "One job" },
	{ 0 },
};
