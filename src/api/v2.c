/* SPDX-License-Identifier: Apache-2.0 */
/* What the handlers of surface V2 share: lists, columns, and entities used by several. */
#include "api/v2.h"

enum err
v2_list_read(struct ctx *ctx, const char *const *sort_columns, bool desc_default,
    const struct column_spec *columns, struct v2_list *list_out)
{
	const struct params *query = &ctx->req->query;
	struct v2_list list = { 0 };
	enum err err = page_read(query, sort_columns, desc_default, &list.page, &ctx->err);

	if (!err)
		err = columns_read(query, columns, &list.columns, &ctx->err);
	if (err)
		return err;
	list.want = (struct list_page){ .sort = list.page.sort_by,
		.desc = list.page.sort_desc,
		.limit = list.page.limit,
		.offset = list.page.offset,
		.count = list.page.return_total };
	*list_out = list;
	return OK;
}

enum err
v2_list_answer(struct response *response, const char *name, json_t *rows, struct v2_list *list)
{
	json_t *answer = json_object();

	for (size_t i = 0; i < json_array_size(rows); i++)
		columns_apply(json_array_get(rows, i), &list->columns);
	list->page.total_count = list->want.total;
	json_put(answer, name, rows);
	json_put(answer, "pg", page_json(&list->page));
	return response_json(response, answer);
}

enum err
v2_answer(struct response *response, const char *name, json_t *value)
{
	json_t *answer = json_object();

	json_put(answer, name, value);
	return response_json(response, answer);
}

enum err
v2_confirmed(struct ctx *ctx, bool *confirmed_out)
{
	*confirmed_out = false;
	return query_bool(&ctx->req->query, "confirmed", confirmed_out, &ctx->err);
}

enum err
v2_connection_id(struct ctx *ctx, int64_t *id_out)
{
	if (!route_param_int(ctx, "id", id_out))
		return OK;
	err_clear(&ctx->err);
	return err_set(&ctx->err, ERR_NO_CONNECTION, "", "no such connection");
}

/* ---- entities ---- */

static void
put_uuid(json_t *json, const char *name, const struct uuid *uuid)
{
	char text[UUID_TEXT_SIZE];

	uuid_text(uuid, text);
	json_put_text(json, name, text);
}

json_t *
v2_person_json(const struct request_person *person)
{
	if (!person->id)
		return json_null();
	json_t *json = json_object();
	json_put_int(json, "id", person->id);
	json_put_text(json, "email", person->email);
	json_put_text(json, "name", person->name);
	return json;
}

const struct column_spec v2_request_columns[] = {
	{ "id", false },
	{ "organizationId", false },
	{ "teamId", false },
	{ "userId", false },
	{ "name", false },
	{ "description", false },
	{ "externalProviderId", false },
	{ "makeProviderId", false },
	{ "createdAt", false },
	{ "updatedAt", false },
	{ "expiresAt", false },
	{ "status", false },
	{ "shouldSendEmail", false },
	{ "emailSentAt", false },
	{ "appNames", true },
	{ "makeProvider", true },
	{ NULL, false },
};

json_t *
v2_request_json(const struct request_row *request)
{
	json_t *json = json_object();

	put_uuid(json, "id", &request->id);
	json_put_int(json, "organizationId", request->organization_id);
	json_put_int(json, "teamId", request->team_id);
	json_put_int(json, "userId", request->requester_id);
	json_put_text(json, "name", request->name);
	json_put_text(json, "description", request->description);
	/* every provider is a user of this installation */
	json_put(json, "externalProviderId", json_null());
	json_put_int(json, "makeProviderId", request->provider_id);
	json_put_time(json, "createdAt", request->created_at);
	json_put_time(json, "updatedAt", request->updated_at);
	json_put_time(json, "expiresAt", request->expires_at);
	json_put_text(json, "status", request->status);
	json_put_bool(json, "shouldSendEmail", request->should_send_email);
	json_put_time(json, "emailSentAt", request->email_sent_at);
	json_put(json, "appNames", api_stored_json(request->app_names));
	json_put(json, "makeProvider", v2_person_json(&request->provider));
	return json;
}

const struct column_spec v2_credential_columns[] = {
	{ "id", false },
	{ "requestId", false },
	{ "component", false },
	{ "type", false },
	{ "name", false },
	{ "label", false },
	{ "description", false },
	{ "scope", false },
	{ "remoteId", false },
	{ "remoteScope", false },
	{ "tokenId", false },
	{ "createdAt", false },
	{ "updatedAt", false },
	{ "state", false },
	{ "declineReason", false },
	{ "appName", false },
	{ "appModules", false },
	{ "appVersion", false },
	{ "nameOverride", false },
	{ NULL, false },
};

static void
put_remote_id(json_t *json, int64_t id)
{
	json_put(json, "remoteId", id ? json_sprintf("%lld", (long long)id) : json_null());
}

json_t *
v2_credential_json(const struct credential *credential)
{
	json_t *json = json_object();

	put_uuid(json, "id", &credential->id);
	put_uuid(json, "requestId", &credential->request_id);
	json_put_text(json, "component", credential->component);
	json_put_text(json, "type", credential->type);
	json_put_text(json, "name", credential_called(credential));
	json_put_text(json, "label", credential->label);
	json_put_text(json, "description", credential->description);
	json_put(json, "scope", api_stored_json(credential->scope));
	put_remote_id(json, credential->remote_id);
	json_put(json, "remoteScope", api_stored_json(credential->remote_scope));
	/* keys and connections are told apart by remoteId; nothing else holds a token */
	json_put(json, "tokenId", json_null());
	json_put_time(json, "createdAt", credential->created_at);
	json_put_time(json, "updatedAt", credential->updated_at);
	json_put_text(json, "state", credential->state);
	json_put_text(json, "declineReason", credential->decline_reason);
	json_put_text(json, "appName", credential->app_name);
	json_put(json, "appModules", api_stored_json(credential->app_modules));
	json_put_text(json, "appVersion", credential->app_version);
	json_put_text(json, "nameOverride", credential->name_override);
	return json;
}
