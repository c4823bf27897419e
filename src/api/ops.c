/* SPDX-License-Identifier: Apache-2.0 */
/* For load balancers and operators: is the process alive, and can it do its work? */
#include "api/routes.h"

#include "base/json.h"
#include "store/job.h"
#include "web/pool.h"
#include "web/router.h"

static enum err
get_healthz(struct ctx *ctx, struct response *response)
{
	(void)ctx;
	json_t *answer = json_object();
	json_put_text(answer, "status", "ok");
	return response_json(response, answer);
}

/* Each part "ok" or what is wrong with it, in words that may be shown to anybody. */
static enum err
get_readyz(struct ctx *ctx, struct response *response)
{
	struct pool *pool = ctx->app;
	struct errctx inner = { 0 };
	int64_t age = 0;
	json_auto_t *answer = json_object();

	enum err err = store_check(&pool->store, &inner);
	json_put_text(answer, "database", err == OK || err == ERR_CONFIG ? "ok" : "away");
	json_put_text(answer, "keys",
	    err == OK           ? "ok"
	    : err == ERR_CONFIG ? "do not fit, see the log"
				: "unknown");
	if (!err)
		err = runner_age_s(&pool->store, &age, &inner);
	json_put_text(answer, "runner", err ? "unknown" : age <= RUNNER_AWAY_S ? "ok" : "away");
	if (!err && age > RUNNER_AWAY_S)
		err = ERR_UNAVAILABLE;
	if (!err) {
		json_put_text(answer, "status", "ok");
		return response_json(response, json_incref(answer));
	}
	ctx->err.retry_after_s = 2;
	auto_wipe char *text = json_text(answer);
	return err_set(&ctx->err, ERR_UNAVAILABLE, "", "not ready: %s", text);
}

const struct route ops_routes[] = {
	{ .method = METHOD_GET,
	    .path = "/healthz",
	    .scope = SCOPE_NONE_PUBLIC,
	    .audit = "none",
	    .surface = SURFACE_V2,
	    .auth = AUTH_PUBLIC,
	    .handler = get_healthz,
	    .summary = "Is this process alive?" },
	{ .method = METHOD_GET,
	    .path = "/readyz",
	    .scope = SCOPE_NONE_PUBLIC,
	    .audit = "none",
	    .surface = SURFACE_V2,
	    .auth = AUTH_PUBLIC,
	    .handler = get_readyz,
	    .summary = "Database, keys, schema and a live runner: can work be done?" },
	{ 0 },
};
