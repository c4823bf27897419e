/* SPDX-License-Identifier: Apache-2.0 */
/* /api/v2/keys: API keys, logins and the like. What they hold goes in and never comes out. */
#include "store/keychain.h"

#include <stdio.h>
#include <string.h>

#include "api/routes.h"
#include "api/v2.h"
#include "catalog/key_types.h"

static const char *const sorts[] = { [KEYCHAIN_BY_NAME] = "name",
	[KEYCHAIN_BY_ID] = "id",
	[KEYCHAIN_BY_CREATED] = "createdAt",
	NULL };

static const struct column_spec key_columns[] = {
	{ "id", false },
	{ "name", false },
	{ "typeName", false },
	{ "teamId", false },
	{ "packageName", false },
	{ "theme", false },
	{ NULL, false },
};

static json_t *
key_json(const struct keychain *key)
{
	const struct key_type *type = key_type_find(key->type_name);
	json_t *json = json_object();

	json_put_int(json, "id", key->id);
	json_put_text(json, "name", key->name);
	json_put_text(json, "typeName", key->type_name);
	json_put_int(json, "teamId", key->team_id);
	/* no type belongs to a single app */
	json_put(json, "packageName", json_null());
	json_put_text(json, "theme", type ? type->theme : NULL);
	return json;
}

/* ---- types ---- */

static const struct column_spec type_columns[] = {
	{ "name", false },
	{ "label", false },
	{ "parameters", false },
	{ "componentType", false },
	{ "author", false },
	{ "version", false },
	{ "theme", false },
	{ "icon", false },
	{ NULL, false },
};

static json_t *
type_json(const struct key_type *type)
{
	char version[16];
	json_t *json = json_object();

	snprintf(version, sizeof(version), "%d", type->version);
	json_put_text(json, "name", type->name);
	json_put_text(json, "label", type->label);
	json_put(json, "parameters", key_type_form(type));
	json_put_text(json, "componentType", "key");
	json_put_text(json, "author", "Bailee");
	json_put_text(json, "version", version);
	json_put_text(json, "theme", type->theme);
	json_put_text(json, "icon", type->icon);
	return json;
}

/* The types are the same for every team: a teamId is taken and makes no difference. */
static enum err
list_types(struct ctx *ctx, struct response *response)
{
	const struct params *query = &ctx->req->query;
	struct columns columns;
	const char *name = NULL;
	int64_t team_id = 0;
	enum err err = columns_read(query, type_columns, &columns, &ctx->err);

	if (!err)
		err = query_text(query, "typeName", QUERY_OPTIONAL, 64, &name, &ctx->err);
	if (!err)
		err = query_int(query, "teamId", QUERY_OPTIONAL, 1, V2_ID_MAX, &team_id, &ctx->err);
	if (err)
		return err;
	json_t *rows = json_array();
	for (const struct key_type *type = key_types; type->name; type++) {
		if (name && strcmp(name, type->name) != 0)
			continue;
		json_t *row = type_json(type);
		columns_apply(row, &columns);
		json_array_append_new(rows, row);
	}
	return v2_answer(response, "keysTypes", rows);
}

/* ---- reading ---- */

static enum err
list_keys(struct ctx *ctx, struct response *response)
{
	const struct params *query = &ctx->req->query;
	struct v2_list list;
	struct keychain_filter filter = { 0 };
	struct keychain *keys = NULL;
	size_t n = 0;
	enum err err = v2_list_read(ctx, sorts, false, key_columns, &list);

	if (!err)
		err = query_int(query, "teamId", QUERY_REQUIRED, 1, V2_ID_MAX, &filter.team_id,
		    &ctx->err);
	if (!err)
		err =
		    query_text(query, "typeName", QUERY_OPTIONAL, 64, &filter.type_name, &ctx->err);
	if (!err && filter.type_name && !key_type_find(filter.type_name))
		err = err_set(&ctx->err, ERR_UNKNOWN_APP, "typeName", "there is no such key type");
	if (!err)
		err = keychain_list(api_store(ctx), ctx->auth, &filter, &list.want, &keys, &n,
		    &ctx->err);
	if (err)
		return err;
	json_t *rows = json_array();
	for (size_t i = 0; i < n; i++)
		json_array_append_new(rows, key_json(&keys[i]));
	keychain_list_free(&keys, n);
	return v2_list_answer(response, "keys", rows, &list);
}

static enum err
get_key(struct ctx *ctx, struct response *response)
{
	struct columns columns;
	struct keychain key;
	int64_t id;
	enum err err = route_param_int(ctx, "id", &id);

	if (!err)
		err = columns_read(&ctx->req->query, key_columns, &columns, &ctx->err);
	if (!err)
		err = keychain_get(api_store(ctx), ctx->auth, id, &key, &ctx->err);
	if (err)
		return err;
	json_t *json = key_json(&key);
	columns_apply(json, &columns);
	keychain_free(&key);
	return v2_answer(response, "key", json);
}

/* ---- making and changing ---- */

#define NAME_FIELD(extra)                                                                          \
	{                                                                                          \
		.name = "name", .type = FIELD_TEXT, .flags = FIELD_ONE_LINE | (extra), .least = 1, \
		.most = KEYCHAIN_NAME_MAX                                                          \
	}
static const struct field_spec create_fields[] = {
	NAME_FIELD(FIELD_REQUIRED),
	{ .name = "teamId",
	    .type = FIELD_INT,
	    .flags = FIELD_REQUIRED,
	    .least = 1,
	    .most = V2_ID_MAX },
	{ .name = "typeName", .type = FIELD_TEXT, .flags = FIELD_REQUIRED, .least = 1, .most = 64 },
	{ .name = "parameters", .type = FIELD_OBJECT, .flags = FIELD_REQUIRED },
	{ .name = NULL },
};
static const struct field_spec change_fields[] = {
	NAME_FIELD(0),
	{ .name = "parameters", .type = FIELD_OBJECT },
	{ .name = NULL },
};

static enum err
check_parameters(const char *type_name, json_t *parameters, struct errctx *ctx)
{
	const struct key_type *type = key_type_find(type_name);

	if (!type)
		return err_set(ctx, ERR_UNKNOWN_APP, "typeName", "there is no such key type");
	return key_type_check(type, parameters, "parameters", ctx);
}

static enum err
create_key(struct ctx *ctx, struct response *response)
{
	struct api_audit audit;
	json_t *object = NULL;
	int64_t id;
	enum err err = request_json(ctx->req, &object, &ctx->err);

	if (!err)
		err = fields_check(object, create_fields, true, "", &ctx->err);
	if (err)
		return err;
	const struct keychain_new key = {
		.team_id = json_get_int(object, "teamId", 0),
		.name = json_get_text(object, "name"),
		.type_name = json_get_text(object, "typeName"),
		.parameters = json_object_get(object, "parameters"),
	};
	err = check_parameters(key.type_name, json_object_get(object, "parameters"), &ctx->err);
	if (err)
		return err;
	api_audit_begin(ctx, &audit);
	err = keychain_create(api_store(ctx), &audit.entry, ctx->auth->person_id, &key, &id,
	    &ctx->err);
	if (err)
		return err;
	json_t *json = json_object();
	json_put_int(json, "id", id);
	json_put_text(json, "name", key.name);
	json_put_text(json, "typeName", key.type_name);
	json_put_int(json, "teamId", key.team_id);
	json_put(json, "packageName", json_null());
	json_put_text(json, "theme", key_type_find(key.type_name)->theme);
	return v2_answer(response, "key", json);
}

static enum err
update_key(struct ctx *ctx, struct response *response)
{
	struct api_audit audit;
	struct keychain key;
	json_t *object = NULL;
	struct keychain_change change = { .person_id = ctx->auth->person_id,
		.check = check_parameters };
	enum err err = route_param_int(ctx, "id", &change.id);

	if (!err)
		err = request_json(ctx->req, &object, &ctx->err);
	if (!err)
		err = fields_check(object, change_fields, true, "", &ctx->err);
	if (err)
		return err;
	change.name = json_get_text(object, "name");
	change.parameters = json_object_get(object, "parameters");
	api_audit_begin(ctx, &audit);
	err = keychain_update(api_store(ctx), &audit.entry, &change, &key, &ctx->err);
	if (err)
		return err;
	json_t *json = key_json(&key);
	keychain_free(&key);
	return v2_answer(response, "key", json);
}

static enum err
delete_key(struct ctx *ctx, struct response *response)
{
	struct api_audit audit;
	int64_t id;
	bool confirmed = false;
	enum err err = route_param_int(ctx, "id", &id);

	if (!err)
		err = v2_confirmed(ctx, &confirmed);
	if (err)
		return err;
	api_audit_begin(ctx, &audit);
	err = keychain_delete(api_store(ctx), &audit.entry, ctx->auth->person_id, id, confirmed,
	    &ctx->err);
	return err ? err : v2_answer(response, "key", json_integer(id));
}

const struct route key_routes[] = {
	{ .method = METHOD_GET,
	    .path = "/api/v2/keys",
	    .scope = SCOPE_KEYS_READ,
	    .audit = "none",
	    .surface = SURFACE_V2,
	    .auth = AUTH_JOINED,
	    .handler = list_keys,
	    .summary = "The keys of a team" },
	{ .method = METHOD_GET,
	    .path = "/api/v2/keys/types",
	    .scope = SCOPE_KEYS_READ,
	    .audit = "none",
	    .surface = SURFACE_V2,
	    .auth = AUTH_FIRST,
	    .handler = list_types,
	    .summary = "The types of keys and their fields" },
	{ .method = METHOD_POST,
	    .path = "/api/v2/keys",
	    .scope = SCOPE_KEYS_WRITE,
	    .audit = "keychain.create",
	    .surface = SURFACE_V2,
	    .auth = AUTH_FIRST,
	    .creates = true,
	    .handler = create_key,
	    .fields = create_fields,
	    .summary = "Make a key" },
	{ .method = METHOD_GET,
	    .path = "/api/v2/keys/{id}",
	    .scope = SCOPE_KEYS_READ,
	    .audit = "none",
	    .surface = SURFACE_V2,
	    .auth = AUTH_JOINED,
	    .handler = get_key,
	    .summary = "One key" },
	{ .method = METHOD_PATCH,
	    .path = "/api/v2/keys/{id}",
	    .scope = SCOPE_KEYS_WRITE,
	    .audit = "keychain.update",
	    .surface = SURFACE_V2,
	    .auth = AUTH_FIRST,
	    .handler = update_key,
	    .fields = change_fields,
	    .summary = "Rename a key or change some of its fields" },
	{ .method = METHOD_DELETE,
	    .path = "/api/v2/keys/{id}",
	    .scope = SCOPE_KEYS_WRITE,
	    .audit = "keychain.delete",
	    .surface = SURFACE_V2,
	    .auth = AUTH_FIRST,
	    .handler = delete_key,
	    .summary = "Delete a key" },
	{ 0 },
};
