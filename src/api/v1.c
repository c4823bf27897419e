/* SPDX-License-Identifier: Apache-2.0 */
/* What the handlers of surface V1 share: pages, and jobs that go on. */
#include "api/v1.h"

#include <stdio.h>

json_t *
v1_page_json(const struct ctx *ctx, const char *name, json_t *list, const struct paging *paging,
    int64_t total)
{
	json_t *answer = json_object();

	json_put(answer, name, list);
	json_put(answer, "meta",
	    paging_meta(paging, total, api_pool(ctx)->config.public_url, ctx->req->path,
		&ctx->req->query));
	return answer;
}

enum err
v1_job_accepted(struct ctx *ctx, struct response *response, int64_t job_id)
{
	char location[64];
	struct job job = { 0 };
	enum err err = job_show(api_store(ctx), job_id, &job, &ctx->err);

	if (err)
		return err;
	snprintf(location, sizeof(location), "/api/v2/jobs/%lld", (long long)job_id);
	err = response_header(response, "Location", location);
	if (!err) {
		json_t *answer = json_object();

		json_put(answer, "job", api_job_json(&job));
		err = response_json_as(response, SUCCESS_ACCEPTED, answer);
	}
	job_free(&job);
	return err;
}
