/* SPDX-License-Identifier: Apache-2.0 */
/* /api/v1/info and /api/v1/teams: what clients of surface V1 call first. */
#include <string.h>

#include "api/routes.h"
#include "api/v1.h"
#include "store/team_read.h"
#include "web/pool.h"

#ifndef BAILEE_VERSION
#define BAILEE_VERSION "unknown"
#endif

/* What clients of this surface read: the installation as one of many, which it is not. */
static json_t *
stack_json(void)
{
	json_t *stack = json_object();

	json_put_text(stack, "name", "bailee");
	json_put_text(stack, "type", "self_hosted");
	json_put_text(stack, "region", "");
	json_put(stack, "egress_ips", json_array());
	return stack;
}

static enum err
get_info(struct ctx *ctx, struct response *response)
{
	const struct pool *pool = ctx->app;
	json_t *answer = json_object();

	json_put_text(answer, "name", "Bailee");
	json_put_text(answer, "version", BAILEE_VERSION);
	json_put_text(answer, "url", pool->config.public_url);
	json_put(answer, "stack", stack_json());
	return response_json(response, answer);
}

static json_t *
team_json(const struct team_row *row)
{
	json_t *team = json_object();

	json_put_int(team, "id", row->id);
	json_put_text(team, "name", row->name);
	return team;
}

static enum err
get_team(struct ctx *ctx, struct response *response)
{
	struct team_row team;
	int64_t id;
	enum err err = route_param_int(ctx, "id", &id);

	if (!err)
		err = team_read_get(api_store(ctx), ctx->auth, id, &team, &ctx->err);
	if (err)
		return err;
	json_t *json = team_json(&team);
	team_row_free(&team);
	return response_json(response, json);
}

static enum err
list_teams(struct ctx *ctx, struct response *response)
{
	struct list_page page = { .sort = TEAM_BY_ID, .count = true };
	struct team_row *teams = NULL;
	struct paging paging;
	size_t n = 0;
	enum err err = paging_read(&ctx->req->query, &paging, &ctx->err);

	if (err)
		return err;
	page.limit = paging.per_page;
	page.offset = paging.offset;
	err = team_read_list(api_store(ctx), ctx->auth, 0, &page, &teams, &n, &ctx->err);
	if (err)
		return err;
	json_t *list = json_array();
	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, team_json(&teams[i]));
	team_rows_free(&teams, n);
	return response_json(response, v1_page_json(ctx, "teams", list, &paging, page.total));
}

const struct route info_routes[] = {
	{ .method = METHOD_GET,
	    .path = "/api/v1/info",
	    .scope = SCOPE_ANY_TOKEN,
	    .audit = "none",
	    .surface = SURFACE_V1,
	    .auth = AUTH_FIRST,
	    .handler = get_info,
	    .summary = "Name, version and address of this installation." },
	{ .path = NULL },
};

const struct route v1_team_routes[] = {
	{ .method = METHOD_GET,
	    .path = "/api/v1/teams",
	    .scope = SCOPE_ANY_TOKEN,
	    .audit = "none",
	    .surface = SURFACE_V1,
	    .auth = AUTH_JOINED,
	    .handler = list_teams,
	    .summary = "List the caller's teams." },
	{ .method = METHOD_GET,
	    .path = "/api/v1/teams/{id}",
	    .scope = SCOPE_ANY_TOKEN,
	    .audit = "none",
	    .surface = SURFACE_V1,
	    .auth = AUTH_JOINED,
	    .handler = get_team,
	    .summary = "Show one of the caller's teams." },
	{ .path = NULL },
};
