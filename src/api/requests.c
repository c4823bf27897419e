/* SPDX-License-Identifier: Apache-2.0 */
/* /api/v2/credential-requests/requests: list, read, make and delete requests. */
#include "store/request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/request_make.h"
#include "api/routes.h"
#include "api/v2.h"
#include "base/alloc.h"

/* ---- lists ---- */

static const char *const sorts[] = {
	[REQUEST_BY_CREATED] = "createdAt",
	[REQUEST_BY_UPDATED] = "updatedAt",
	[REQUEST_BY_EXPIRES] = "expiresAt",
	[REQUEST_BY_NAME] = "name",
	NULL,
};

static struct request_extra
extra_of(const struct columns *columns)
{
	return (struct request_extra){ .app_names = columns_has(columns, "appNames"),
		.provider = columns_has(columns, "makeProvider") };
}

static enum err
read_filter(struct ctx *ctx, struct request_filter *filter_out)
{
	const struct params *query = &ctx->req->query;
	unsigned status = REQUEST_STATUS_COUNT;
	struct request_filter filter = { 0 };
	struct errctx *err_ctx = &ctx->err;
	enum err err =
	    query_int(query, "teamId", QUERY_REQUIRED, 1, V2_ID_MAX, &filter.team_id, err_ctx);

	if (!err)
		err = query_int(query, "userId", QUERY_OPTIONAL, 1, V2_ID_MAX, &filter.requester_id,
		    err_ctx);
	if (!err)
		err = query_int(query, "makeProviderId", QUERY_OPTIONAL, 1, V2_ID_MAX,
		    &filter.provider_id, err_ctx);
	if (!err)
		err = query_enum(query, "status", request_status_names, &status, err_ctx);
	if (!err)
		err = query_text(query, "name", QUERY_OPTIONAL, 255, &filter.name, err_ctx);
	if (err)
		return err;
	filter.status = request_status_names[status];
	*filter_out = filter;
	return OK;
}

static enum err
list_requests(struct ctx *ctx, struct response *response)
{
	struct v2_list list;
	struct request_filter filter;
	struct request_row *rows = NULL;
	size_t n = 0;
	enum err err = v2_list_read(ctx, sorts, true, v2_request_columns, &list);

	if (!err)
		err = read_filter(ctx, &filter);
	if (err)
		return err;
	const struct request_extra extra = extra_of(&list.columns);
	err = request_list(api_store(ctx), ctx->auth, &filter, &extra, &list.want, &rows, &n,
	    &ctx->err);
	if (err)
		return err;
	json_t *json = json_array();
	for (size_t i = 0; i < n; i++)
		json_array_append_new(json, v2_request_json(&rows[i]));
	request_list_free(&rows, n);
	return v2_list_answer(response, "requests", json, &list);
}

/* ---- one ---- */

static enum err
get_request(struct ctx *ctx, struct response *response)
{
	struct columns columns;
	struct request_row request;
	struct uuid id;
	enum err err = route_param_uuid(ctx, "id", &id);

	if (!err)
		err = columns_read(&ctx->req->query, v2_request_columns, &columns, &ctx->err);
	if (err)
		return err;
	const struct request_extra extra = extra_of(&columns);
	err = request_get(api_store(ctx), ctx->auth, &id, &extra, &request, &ctx->err);
	if (err)
		return err;
	json_t *json = v2_request_json(&request);
	columns_apply(json, &columns);
	request_free(&request);
	return v2_answer(response, "request", json);
}

static int
compare_texts(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Each once, in the order lists have them. */
static json_t *
app_names_json(const struct request_detail *detail)
{
	const char *names[REQUEST_CREDENTIALS_MAX];
	size_t n = 0;
	json_t *json = json_array();

	for (; n < detail->n_credentials && n < REQUEST_CREDENTIALS_MAX; n++)
		names[n] = detail->credentials[n].app_name;
	qsort(names, n, sizeof(names[0]), compare_texts);
	for (size_t i = 0; i < n; i++)
		if (i == 0 || strcmp(names[i], names[i - 1]) != 0)
			json_array_append_new(json, json_string(names[i]));
	return json;
}

static json_t *
detail_json(const struct request_detail *detail)
{
	json_t *json = v2_request_json(&detail->request);
	json_t *credentials = json_array();

	for (size_t i = 0; i < detail->n_credentials; i++)
		json_array_append_new(credentials, v2_credential_json(&detail->credentials[i]));
	json_put(json, "appNames", app_names_json(detail));
	json_put(json, "user", v2_person_json(&detail->requester));
	json_put(json, "credentials", credentials);
	return json;
}

static enum err
get_detail(struct ctx *ctx, struct response *response)
{
	struct request_detail detail;
	struct uuid id;
	enum err err = route_param_uuid(ctx, "id", &id);

	if (!err)
		err = request_detail(api_store(ctx), ctx->auth, &id, &detail, &ctx->err);
	if (err)
		return err;
	json_t *json = detail_json(&detail);
	request_detail_free(&detail);
	return v2_answer(response, "requestDetail", json);
}

/* ---- making ---- */

static const struct field_spec item_fields[] = {
	{ .name = "appName",
	    .type = FIELD_TEXT,
	    .flags = FIELD_REQUIRED | FIELD_ONE_LINE,
	    .least = 1,
	    .most = 128 },
	REQUEST_LIST_FIELD("appModules", FIELD_REQUIRED, 500, request_module_field),
	{ .name = "appVersion", .type = FIELD_INT, .least = 1, .most = 9999 },
	REQUEST_OVERRIDE_FIELD,
	REQUEST_DESCRIPTION_FIELD,
	{ .name = NULL },
};
static const struct field_spec item_field = { .type = FIELD_OBJECT, .fields = item_fields };
static const struct field_spec request_fields[] = {
	REQUEST_NAME_FIELD(FIELD_REQUIRED),
	REQUEST_TEAM_FIELD,
	REQUEST_DESCRIPTION_FIELD,
	REQUEST_PROVIDER_FIELD,
	REQUEST_LIST_FIELD("credentials", FIELD_REQUIRED, 64, item_field),
	{ .name = NULL },
};

static enum err
create_request(struct ctx *ctx, struct response *response)
{
	struct request_items *items;
	struct request_made made;
	json_t *object = NULL;
	enum err err = request_json(ctx->req, &object, &ctx->err);

	if (!err)
		err = fields_check(object, request_fields, true, "", &ctx->err);
	if (err)
		return err;
	items = xcalloc(1, sizeof(*items));
	err = request_items_derive(api_pool(ctx)->catalog, json_object_get(object, "credentials"),
	    items, &ctx->err);
	if (!err)
		err = request_make(ctx, object, items, &made);
	request_items_free(&items);
	if (err)
		return err;
	json_t *answer = request_made_json(ctx, &made);
	request_made_wipe(&made);
	return response_json(response, answer);
}

/* ---- deleting ---- */

/* One transaction without remotes, else a job; `job_out` is 0 for the former. */
static enum err
begin_delete(struct ctx *ctx, const struct uuid *id, bool confirmed, int64_t *job_out)
{
	struct api_audit audit;
	struct errctx away = { 0 };
	bool no_runner = confirmed && api_require_runner(ctx) != OK;

	if (no_runner) {
		away = ctx->err;
		err_clear(&ctx->err);
	}
	api_audit_begin(ctx, &audit);
	enum err err = request_delete(api_store(ctx), &audit.entry, ctx->auth->person_id, id,
	    confirmed && !no_runner, job_out, &ctx->err);
	if (err != ERR_CONFIRM || !no_runner)
		return err;
	ctx->err = away; /* there are remotes, and nobody who could delete them */
	return away.kind;
}

static enum err
delete_request(struct ctx *ctx, struct response *response)
{
	struct job_state state = { 0 };
	struct uuid id;
	enum api_wait waited = API_WAIT_ENDED;
	bool confirmed = false;
	int64_t job_id = 0;
	enum err err = route_param_uuid(ctx, "id", &id);

	if (!err)
		err = v2_confirmed(ctx, &confirmed);
	if (!err)
		err = begin_delete(ctx, &id, confirmed, &job_id);
	if (!err && job_id) {
		err = api_job_wait(ctx, job_id, &waited, &state);
		if (!err && waited == API_WAIT_ENDED)
			err = api_job_check(ctx, &state, "the request could not be deleted");
		job_state_free(&state);
	}
	if (err)
		return err;
	return waited == API_WAIT_ENDED ? v2_answer(response, "deleted", json_true())
					: api_job_accepted(ctx, response, job_id, json_object());
}

const struct route request_routes[] = {
	{ .method = METHOD_GET,
	    .path = "/api/v2/credential-requests/requests",
	    .scope = SCOPE_REQUESTS_READ,
	    .audit = "none",
	    .surface = SURFACE_V2,
	    .auth = AUTH_JOINED,
	    .handler = list_requests,
	    .summary = "The credential requests of a team" },
	{ .method = METHOD_POST,
	    .path = "/api/v2/credential-requests/requests/v2",
	    .scope = SCOPE_REQUESTS_WRITE,
	    .audit = "request.create",
	    .surface = SURFACE_V2,
	    .auth = AUTH_FIRST,
	    .creates = true,
	    .handler = create_request,
	    .fields = request_fields,
	    .summary = "Ask somebody for the credentials that modules of apps need" },
	{ .method = METHOD_GET,
	    .path = "/api/v2/credential-requests/requests/{id}",
	    .scope = SCOPE_REQUESTS_READ,
	    .audit = "none",
	    .surface = SURFACE_V2,
	    .auth = AUTH_JOINED,
	    .handler = get_request,
	    .summary = "One credential request" },
	{ .method = METHOD_DELETE,
	    .path = "/api/v2/credential-requests/requests/{id}",
	    .scope = SCOPE_REQUESTS_WRITE,
	    .audit = "request.delete",
	    .surface = SURFACE_V2,
	    .auth = AUTH_FIRST,
	    .handler = delete_request,
	    .summary = "Delete a request and, when confirmed, what was made from it" },
	{ .method = METHOD_GET,
	    .path = "/api/v2/credential-requests/requests/{id}/detail",
	    .scope = SCOPE_REQUESTS_READ,
	    .audit = "none",
	    .surface = SURFACE_V2,
	    .auth = AUTH_JOINED,
	    .handler = get_detail,
	    .summary = "One request with its people and credentials" },
	{ 0 },
};
