/* SPDX-License-Identifier: Apache-2.0 */
/* What the handlers of surface V1 share: pages. */
#include "api/v1.h"

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
