/* SPDX-License-Identifier: Apache-2.0 */
/* /api/v2/teams and /api/v2/organizations: those the caller belongs to. */
#include "store/team_read.h"

#include <string.h>

#include "api/routes.h"
#include "api/v2.h"

static const char *const sorts[] = { [TEAM_BY_NAME] = "name", [TEAM_BY_ID] = "id", NULL };

static const struct column_spec team_columns[] = {
	{ "id", false },
	{ "name", false },
	{ "organizationId", false },
	{ NULL, false },
};
static const struct column_spec organization_columns[] = {
	{ "id", false },
	{ "name", false },
	{ "timezoneId", false },
	{ "zone", false },
	{ NULL, false },
};

static json_t *
team_json(const struct team_row *team)
{
	json_t *json = json_object();

	json_put_int(json, "id", team->id);
	json_put_text(json, "name", team->name);
	json_put_int(json, "organizationId", team->organization_id);
	return json;
}

/* The zone is a host name; without one of its own it is this installation's. */
static json_t *
zone_json(const char *zone, const char *public_url)
{
	if (*zone)
		return json_string(zone);
	const char *host = strstr(public_url, "://");
	host = host ? host + 3 : public_url;
	return json_stringn(host, strcspn(host, "/"));
}

static json_t *
organization_json(const struct ctx *ctx, const struct organization_row *organization)
{
	json_t *json = json_object();

	json_put_int(json, "id", organization->id);
	json_put_text(json, "name", organization->name);
	json_put_int(json, "timezoneId", organization->timezone_id);
	json_put(json, "zone", zone_json(organization->zone, api_pool(ctx)->config.public_url));
	return json;
}

static enum err
list_teams(struct ctx *ctx, struct response *response)
{
	struct v2_list list;
	struct team_row *rows = NULL;
	size_t n = 0;
	int64_t organization_id = 0;
	enum err err = v2_list_read(ctx, sorts, false, team_columns, &list);

	if (!err)
		err = query_int(&ctx->req->query, "organizationId", QUERY_REQUIRED, 1, V2_ID_MAX,
		    &organization_id, &ctx->err);
	if (!err)
		err = team_read_list(api_store(ctx), ctx->auth, organization_id, &list.want, &rows,
		    &n, &ctx->err);
	if (err)
		return err;
	json_t *json = json_array();
	for (size_t i = 0; i < n; i++)
		json_array_append_new(json, team_json(&rows[i]));
	team_rows_free(&rows, n);
	return v2_list_answer(response, "teams", json, &list);
}

static enum err
get_team(struct ctx *ctx, struct response *response)
{
	struct columns columns;
	struct team_row team;
	int64_t id;
	enum err err = route_param_int(ctx, "id", &id);

	if (!err)
		err = columns_read(&ctx->req->query, team_columns, &columns, &ctx->err);
	if (!err)
		err = team_read_get(api_store(ctx), ctx->auth, id, &team, &ctx->err);
	if (err)
		return err;
	json_t *json = team_json(&team);
	columns_apply(json, &columns);
	team_row_free(&team);
	return v2_answer(response, "team", json);
}

static enum err
list_organizations(struct ctx *ctx, struct response *response)
{
	struct v2_list list;
	struct organization_row *rows = NULL;
	size_t n = 0;
	enum err err = v2_list_read(ctx, sorts, false, organization_columns, &list);

	if (!err)
		err =
		    organization_list(api_store(ctx), ctx->auth, &list.want, &rows, &n, &ctx->err);
	if (err)
		return err;
	json_t *json = json_array();
	for (size_t i = 0; i < n; i++)
		json_array_append_new(json, organization_json(ctx, &rows[i]));
	organization_rows_free(&rows, n);
	return v2_list_answer(response, "organizations", json, &list);
}

static enum err
get_organization(struct ctx *ctx, struct response *response)
{
	struct columns columns;
	struct organization_row organization;
	int64_t id;
	enum err err = route_param_int(ctx, "id", &id);

	if (!err)
		err = columns_read(&ctx->req->query, organization_columns, &columns, &ctx->err);
	if (!err)
		err = organization_get(api_store(ctx), ctx->auth, id, &organization, &ctx->err);
	if (err)
		return err;
	json_t *json = organization_json(ctx, &organization);
	columns_apply(json, &columns);
	organization_row_free(&organization);
	return v2_answer(response, "organization", json);
}

const struct route team_routes[] = {
	{ .method = METHOD_GET,
	    .path = "/api/v2/teams",
	    .scope = SCOPE_TEAMS_READ,
	    .audit = "none",
	    .surface = SURFACE_V2,
	    .auth = AUTH_JOINED,
	    .handler = list_teams,
	    .summary = "The caller's teams in an organization" },
	{ .method = METHOD_GET,
	    .path = "/api/v2/teams/{id}",
	    .scope = SCOPE_TEAMS_READ,
	    .audit = "none",
	    .surface = SURFACE_V2,
	    .auth = AUTH_JOINED,
	    .handler = get_team,
	    .summary = "One team" },
	{ .method = METHOD_GET,
	    .path = "/api/v2/organizations",
	    .scope = SCOPE_ORGANIZATIONS_READ,
	    .audit = "none",
	    .surface = SURFACE_V2,
	    .auth = AUTH_JOINED,
	    .handler = list_organizations,
	    .summary = "The caller's organizations" },
	{ .method = METHOD_GET,
	    .path = "/api/v2/organizations/{id}",
	    .scope = SCOPE_ORGANIZATIONS_READ,
	    .audit = "none",
	    .surface = SURFACE_V2,
	    .auth = AUTH_JOINED,
	    .handler = get_organization,
	    .summary = "One organization" },
	{ 0 },
};
