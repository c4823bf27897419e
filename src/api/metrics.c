/* SPDX-License-Identifier: Apache-2.0 */
/* /metrics: what a monitoring system wants to know, in the text format of Prometheus. nginx lets it
 * be asked from the same host only; it holds numbers, and nobody's. */
#include "api/routes.h"

#include "base/buf.h"
#include "store/health.h"
#include "store/job.h"
#include "web/pool.h"
#include "web/router.h"

#define TEXT_MAX (64 * 1024)
#define TYPE "text/plain; version=0.0.4; charset=utf-8"

static void
put_head(struct buf *text, const char *name, const char *help)
{
	buf_printf(text, "# HELP %s %s\n# TYPE %s gauge\n", name, help, name);
}

static void
put_number(struct buf *text, const char *name, const char *help, int64_t value)
{
	put_head(text, name, help);
	buf_printf(text, "%s %lld\n", name, (long long)value);
}

static void
put_states(struct buf *text, const char *name, const char *help, const struct health_count *counts,
    size_t n)
{
	put_head(text, name, help);
	for (size_t i = 0; i < n; i++)
		buf_printf(text, "%s{state=\"%s\"} %lld\n", name, counts[i].state,
		    (long long)counts[i].n);
}

static void
put_work(struct buf *text, const struct health_work *work)
{
	put_states(text, "bailee_jobs",
	    "Jobs by state; failed and dead ones as long as they are kept.", work->jobs,
	    HEALTH_JOB_STATES);
	put_number(text, "bailee_jobs_due", "Jobs that could run now.", work->due);
	put_number(text, "bailee_jobs_due_oldest_seconds",
	    "How long the oldest of them could have run.", work->due_oldest_s);
	put_number(text, "bailee_runners", "Runners seen within 15 seconds.", work->runners);
	put_states(text, "bailee_oauth_grants", "Grants of OAuth providers by state.", work->grants,
	    HEALTH_GRANT_STATES);
	put_number(text, "bailee_oauth_refreshes_overdue",
	    "Active grants whose time to be refreshed was over a minute ago.", work->overdue);
	put_number(text, "bailee_team_keys_old",
	    "Replaced generations of teams' keys that values still need.", work->old_keys);
}

static enum err
get_metrics(struct ctx *ctx, struct response *response)
{
	struct pool *pool = ctx->app;
	auto_buf struct buf text = BUF_INIT(TEXT_MAX);
	struct health_work work = { 0 };
	struct errctx inner = { 0 };
	enum err err = health_work(&pool->store, &work, &inner);

	put_number(&text, "bailee_database_up", "Whether the database answers.", err == OK);
	if (!err)
		put_work(&text, &work);
	return response_text(response, TYPE, buf_text(&text), text.len);
}

const struct route metrics_routes[] = {
	{ .method = METHOD_GET,
	    .path = "/metrics",
	    .scope = SCOPE_NONE_PUBLIC,
	    .audit = "none",
	    .surface = SURFACE_V2,
	    .auth = AUTH_PUBLIC,
	    .handler = get_metrics,
	    .summary = "Numbers for monitoring, in the text format of Prometheus" },
	{ 0 },
};
