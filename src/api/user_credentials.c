/* SPDX-License-Identifier: Apache-2.0 */
/* /api/v1/user_credentials: list, create, get, change, delete. */
#include "store/user_credential.h"

#include <string.h>

#include "api/routes.h"
#include "api/user_credential_body.h"
#include "api/v1.h"

/* ---- how a credential is shown ---- */

/* A person has one name; this surface shows two: the first word, and the rest. */
static json_t *
owner_json(const struct user_credential *credential)
{
	const char *name = credential->owner_name ? credential->owner_name : "";
	const char *blank = strchr(name, ' ');
	size_t first = blank ? (size_t)(blank - name) : strlen(name);
	json_t *owner = json_object();

	json_put_int(owner, "user_id", credential->owner_id);
	json_put(owner, "first_name", json_text_lossy(name, first));
	json_put_text(owner, "last_name", blank ? blank + 1 : "");
	json_put_text(owner, "email", credential->owner_email);
	return owner;
}

/* Where the provider sends people back to; null unless a person is to authorize it. */
static json_t *
redirect_url(const struct ctx *ctx, const struct user_credential *credential, const json_t *shown)
{
	char id[UUID_TEXT_SIZE];

	if (!json_object_get(shown, "connect"))
		return json_null();
	uuid_text(&credential->place.uuid, id);
	return json_sprintf("%s/oauth/callback/%s", api_pool(ctx)->config.public_url, id);
}

static json_t *
credential_json(const struct ctx *ctx, const struct user_credential *credential)
{
	const struct user_credential_place *place = &credential->place;
	json_t *json = json_object();
	json_auto_t *shown = api_stored_json(credential->shown);
	bool restricted = strcmp(place->allowed_hosts, "[]") != 0;

	json_put_int(json, "id", place->id);
	json_put_text(json, "name", credential->name);
	json_put_text(json, "mode", place->mode);
	json_put_int(json, "team_id", place->team_id);
	json_put(json, "folder_id",
	    credential->folder_id ? json_integer(credential->folder_id) : json_null());
	json_put_text(json, "read_access", credential->read_access);
	json_put(json, "shared_team_slugs", api_stored_json(credential->shared_team_slugs));
	json_put_text(json, "slug", credential->slug);
	json_put_time(json, "created_at", credential->created_at);
	json_put_time(json, "updated_at", credential->updated_at);
	json_put_text(json, "description", credential->description);
	json_put(json, "allowed_hosts", api_stored_json(place->allowed_hosts));
	json_put(json, "metadata", api_stored_json(credential->metadata));
	json_put_text(json, "restriction_type", restricted ? "RESTRICTED" : "UNRESTRICTED");
	json_put(json, "owner", owner_json(credential));
	json_put_time(json, "expires_at", credential->expires_at);
	json_put_text(json, "aws_authentication_type",
	    json_get_text(shown, "aws_authentication_type"));
	json_put_text(json, "aws_assumed_role_external_id",
	    json_get_text(shown, "aws_assumed_role_external_id"));
	json_put_bool(json, "test_credential_enabled", false);
	json_put_text(json, "test_credential", NULL);
	if (!strcmp(place->mode, "OAUTH"))
		json_put(json, "redirect_url", redirect_url(ctx, credential, shown));
	return json;
}

/* ---- handlers ---- */

static enum err
get_credential(struct ctx *ctx, struct response *response)
{
	struct user_credential credential = { 0 };
	int64_t id;
	enum err err = route_param_int(ctx, "id", &id);

	if (!err)
		err = user_credential_get(api_store(ctx), ctx->auth, id, &credential, &ctx->err);
	if (err)
		return err;
	json_t *answer = credential_json(ctx, &credential);
	user_credential_free(&credential);
	return response_json(response, answer);
}

static enum err
read_filter(const struct ctx *ctx, struct user_credential_filter *filter_out,
    struct paging *paging_out, struct errctx *err_out)
{
	/* There are no actions here, and where else a credential is used cannot be known: none is
	 * ever called unused, since callers delete what is. */
	static const char *const names[] = { "", "UNRESTRICTED", "RESTRICTED", "UNUSED_IN_ACTIONS",
		NULL };
	static const enum restriction restrictions[] = { RESTRICTION_ANY, RESTRICTION_NONE,
		RESTRICTION_SOME, RESTRICTION_NOTHING };
	const struct params *query = &ctx->req->query;
	struct user_credential_filter filter = { 0 };
	unsigned chosen = 0;
	enum err err = paging_read(query, paging_out, err_out);

	if (!err)
		err = query_int(query, "team_id", QUERY_OPTIONAL, 1, INT64_MAX, &filter.team_id,
		    err_out);
	if (!err)
		err = query_int(query, "folder_id", QUERY_OPTIONAL, 1, INT64_MAX, &filter.folder_id,
		    err_out);
	if (!err)
		err = query_enum(query, "filter", names, &chosen, err_out);
	if (err)
		return err;
	filter.restriction = restrictions[chosen];
	filter.limit = paging_out->per_page;
	filter.offset = paging_out->offset;
	*filter_out = filter;
	return OK;
}

static enum err
list_credentials(struct ctx *ctx, struct response *response)
{
	struct user_credential_filter filter;
	struct user_credential_page page = { 0 };
	struct paging paging;
	enum err err = read_filter(ctx, &filter, &paging, &ctx->err);

	if (!err)
		err = user_credential_list(api_store(ctx), ctx->auth, &filter, &page, &ctx->err);
	if (err)
		return err;
	json_t *list = json_array();
	for (size_t i = 0; i < page.n; i++)
		json_array_append_new(list, credential_json(ctx, &page.rows[i]));
	json_t *answer = v1_page_json(ctx, "user_credentials", list, &paging, page.total);
	user_credential_page_free(&page);
	return response_json(response, answer);
}

static enum err
create_credential(struct ctx *ctx, struct response *response)
{
	struct user_credential_body body = { 0 };
	struct user_credential credential = { 0 };
	struct api_audit audit;
	json_t *object;
	enum err err = request_json(ctx->req, &object, &ctx->err);

	if (!err)
		err = user_credential_body_read(object, BODY_CREATE, &body, &ctx->err);
	if (err)
		return err;
	api_audit_begin(ctx, &audit);
	err = user_credential_create(api_store(ctx), &audit.entry, &body.change, &credential,
	    &ctx->err);
	user_credential_body_free(&body);
	if (err)
		return err;
	json_t *answer = credential_json(ctx, &credential);
	user_credential_free(&credential);
	return response_json_as(response, SUCCESS_CREATED, answer);
}

static enum err
change_credential(struct ctx *ctx, struct response *response)
{
	enum body_use use = ctx->route->method == METHOD_PUT ? BODY_REPLACE : BODY_PATCH;
	struct user_credential_body body = { 0 };
	struct user_credential credential = { 0 };
	struct api_audit audit;
	json_t *object;
	int64_t id;
	enum err err = route_param_int(ctx, "id", &id);

	if (!err)
		err = request_json(ctx->req, &object, &ctx->err);
	if (!err)
		err = user_credential_body_read(object, use, &body, &ctx->err);
	if (err)
		return err;
	api_audit_begin(ctx, &audit);
	err = user_credential_update(api_store(ctx), &audit.entry, id, &body.change, &credential,
	    &ctx->err);
	user_credential_body_free(&body);
	if (err)
		return err;
	json_t *answer = credential_json(ctx, &credential);
	user_credential_free(&credential);
	return response_json(response, answer);
}

static enum err
delete_credential(struct ctx *ctx, struct response *response)
{
	struct api_audit audit;
	int64_t id;
	enum err err = route_param_int(ctx, "id", &id);

	if (err)
		return err;
	api_audit_begin(ctx, &audit);
	err = user_credential_delete(api_store(ctx), &audit.entry, id, &ctx->err);
	return err ? err : response_empty(response);
}

const struct route user_credential_routes[] = {
	{ .method = METHOD_GET,
	    .path = "/api/v1/user_credentials",
	    .scope = SCOPE_USER_CREDENTIALS_READ,
	    .audit = "none",
	    .surface = SURFACE_V1,
	    .auth = AUTH_JOINED,
	    .handler = list_credentials,
	    .summary = "List the credentials of the caller's teams." },
	{ .method = METHOD_POST,
	    .path = "/api/v1/user_credentials",
	    .scope = SCOPE_USER_CREDENTIALS_WRITE,
	    .audit = "user_credential.create",
	    .surface = SURFACE_V1,
	    .auth = AUTH_FIRST,
	    .creates = true,
	    .handler = create_credential,
	    .summary = "Create a credential." },
	{ .method = METHOD_GET,
	    .path = "/api/v1/user_credentials/{id}",
	    .scope = SCOPE_USER_CREDENTIALS_READ,
	    .audit = "none",
	    .surface = SURFACE_V1,
	    .auth = AUTH_JOINED,
	    .handler = get_credential,
	    .summary = "Show one credential, without anything secret." },
	{ .method = METHOD_PUT,
	    .path = "/api/v1/user_credentials/{id}",
	    .scope = SCOPE_USER_CREDENTIALS_WRITE,
	    .audit = "user_credential.update",
	    .surface = SURFACE_V1,
	    .auth = AUTH_FIRST,
	    .handler = change_credential,
	    .summary = "Change a credential; an http_request_ttl that is not sent becomes null." },
	{ .method = METHOD_PATCH,
	    .path = "/api/v1/user_credentials/{id}",
	    .scope = SCOPE_USER_CREDENTIALS_WRITE,
	    .audit = "user_credential.update",
	    .surface = SURFACE_V1,
	    .auth = AUTH_FIRST,
	    .handler = change_credential,
	    .summary = "Change what is sent of a credential." },
	{ .method = METHOD_DELETE,
	    .path = "/api/v1/user_credentials/{id}",
	    .scope = SCOPE_USER_CREDENTIALS_WRITE,
	    .audit = "user_credential.delete",
	    .surface = SURFACE_V1,
	    .auth = AUTH_FIRST,
	    .handler = delete_credential,
	    .summary = "Delete a credential with its cached token and its log." },
	{ .path = NULL },
};
