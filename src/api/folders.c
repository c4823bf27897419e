/* SPDX-License-Identifier: Apache-2.0 */
/* /api/v1/folders: list, create, show, rename, delete. */
#include "store/folder.h"

#include "api/routes.h"
#include "api/v1.h"

/* What folders hold, as far as this installation has it. */
static const char *const content_types[] = { "CREDENTIAL", NULL };

#define NAME_MOST 255
#define NAME_FIELD(need)                                                                           \
	{                                                                                          \
		.name = "name", .type = FIELD_TEXT, .flags = (need) | FIELD_ONE_LINE, .least = 1,  \
		.most = NAME_MOST                                                                  \
	}
static const struct field_spec rename_fields[] = { NAME_FIELD(0), { .name = NULL } };
static const struct field_spec fields[] = {
	NAME_FIELD(FIELD_REQUIRED),
	{ .name = "team_id",
	    .type = FIELD_INT,
	    .flags = FIELD_REQUIRED | FIELD_DIGITS,
	    .least = 1,
	    .most = UINT32_MAX },
	{ .name = "content_type", .type = FIELD_ENUM, .names = content_types },
	{ .name = NULL },
};

static json_t *
folder_json(const struct folder *folder)
{
	json_t *json = json_object();

	json_put_int(json, "id", folder->id);
	json_put_text(json, "name", folder->name);
	json_put_int(json, "team_id", folder->team_id);
	json_put_text(json, "content_type", folder->content_type);
	json_put_int(json, "size", folder->size);
	return json;
}

static enum err
list_folders(struct ctx *ctx, struct response *response)
{
	const struct params *query = &ctx->req->query;
	struct folder_filter filter = { 0 };
	struct folder_page page = { 0 };
	struct paging paging;
	unsigned type = 0;
	enum err err = paging_read(query, &paging, &ctx->err);

	if (!err)
		err = query_int(query, "team_id", QUERY_OPTIONAL, 1, INT64_MAX, &filter.team_id,
		    &ctx->err);
	if (!err)
		err = query_enum(query, "content_type", content_types, &type, &ctx->err);
	if (err)
		return err;
	filter.content_type = content_types[type];
	filter.limit = paging.per_page;
	filter.offset = paging.offset;
	err = folder_list(api_store(ctx), ctx->auth, &filter, &page, &ctx->err);
	if (err)
		return err;
	json_t *list = json_array();
	for (size_t i = 0; i < page.n; i++)
		json_array_append_new(list, folder_json(&page.rows[i]));
	json_t *answer = v1_page_json(ctx, "folders", list, &paging, page.total);
	folder_page_free(&page);
	return response_json(response, answer);
}

static enum err
create_folder(struct ctx *ctx, struct response *response)
{
	struct api_audit audit;
	json_t *object;
	int64_t id;
	enum err err = request_json(ctx->req, &object, &ctx->err);

	if (!err)
		err = fields_check(object, fields, true, "", &ctx->err);
	if (err)
		return err;
	int64_t team_id = json_get_int(object, "team_id", 0);
	const char *name = json_get_text(object, "name");
	const char *type = content_types[0];
	api_audit_begin(ctx, &audit);
	err = folder_create(api_store(ctx), &audit.entry, team_id, name, type, &id, &ctx->err);
	if (err)
		return err;
	json_t *answer = json_object();
	json_put_int(answer, "id", id);
	json_put_text(answer, "name", name);
	json_put_int(answer, "team_id", team_id);
	json_put_text(answer, "content_type", type);
	json_put_int(answer, "size", 0);
	return response_json_as(response, SUCCESS_CREATED, answer);
}

static enum err
answer_folder(struct ctx *ctx, struct response *response, int64_t id)
{
	const struct folder_filter filter = { .id = id, .limit = 1 };
	struct folder_page page = { 0 };
	enum err err = folder_list(api_store(ctx), ctx->auth, &filter, &page, &ctx->err);

	if (!err && page.n == 0)
		err = err_set(&ctx->err, ERR_NOT_FOUND, "", "no such folder");
	json_t *json = err ? NULL : folder_json(&page.rows[0]);
	folder_page_free(&page);
	return err ? err : response_json(response, json);
}

static enum err
get_folder(struct ctx *ctx, struct response *response)
{
	int64_t id;
	enum err err = route_param_int(ctx, "id", &id);

	return err ? err : answer_folder(ctx, response, id);
}

/* Clients send the name in the body, or in the query. */
static enum err
rename_folder(struct ctx *ctx, struct response *response)
{
	struct api_audit audit;
	json_t *object;
	int64_t id;
	const char *name = NULL;
	enum err err = route_param_int(ctx, "id", &id);

	if (!err)
		err = request_json(ctx->req, &object, &ctx->err);
	if (!err)
		err = fields_check(object, rename_fields, true, "", &ctx->err);
	if (err)
		return err;
	name = json_get_text(object, "name");
	if (!name)
		err = query_text(&ctx->req->query, "name", QUERY_REQUIRED, NAME_MOST, &name,
		    &ctx->err);
	if (err)
		return err;
	api_audit_begin(ctx, &audit);
	err = folder_rename(api_store(ctx), &audit.entry, id, name, &ctx->err);
	return err ? err : answer_folder(ctx, response, id);
}

static enum err
delete_folder(struct ctx *ctx, struct response *response)
{
	struct api_audit audit;
	int64_t id;
	enum err err = route_param_int(ctx, "id", &id);

	if (err)
		return err;
	api_audit_begin(ctx, &audit);
	err = folder_delete(api_store(ctx), &audit.entry, id, &ctx->err);
	return err ? err : response_empty(response);
}

const struct route folder_routes[] = {
	{ .method = METHOD_GET,
	    .path = "/api/v1/folders",
	    .scope = SCOPE_USER_CREDENTIALS_READ,
	    .audit = "none",
	    .surface = SURFACE_V1,
	    .auth = AUTH_JOINED,
	    .handler = list_folders,
	    .summary = "List the folders of the caller's teams." },
	{ .method = METHOD_POST,
	    .path = "/api/v1/folders",
	    .scope = SCOPE_USER_CREDENTIALS_WRITE,
	    .audit = "folder.create",
	    .surface = SURFACE_V1,
	    .auth = AUTH_FIRST,
	    .creates = true,
	    .handler = create_folder,
	    .fields = fields,
	    .summary = "Create a folder." },
	{ .method = METHOD_GET,
	    .path = "/api/v1/folders/{id}",
	    .scope = SCOPE_USER_CREDENTIALS_READ,
	    .audit = "none",
	    .surface = SURFACE_V1,
	    .auth = AUTH_JOINED,
	    .handler = get_folder,
	    .summary = "Show a folder." },
	{ .method = METHOD_PUT,
	    .path = "/api/v1/folders/{id}",
	    .scope = SCOPE_USER_CREDENTIALS_WRITE,
	    .audit = "folder.update",
	    .surface = SURFACE_V1,
	    .auth = AUTH_FIRST,
	    .body_optional = true,
	    .handler = rename_folder,
	    .fields = rename_fields,
	    .summary = "Rename a folder." },
	{ .method = METHOD_DELETE,
	    .path = "/api/v1/folders/{id}",
	    .scope = SCOPE_USER_CREDENTIALS_WRITE,
	    .audit = "folder.delete",
	    .surface = SURFACE_V1,
	    .auth = AUTH_FIRST,
	    .handler = delete_folder,
	    .summary = "Delete a folder; the credentials in it stay, filed nowhere." },
	{ .path = NULL },
};
