/* SPDX-License-Identifier: Apache-2.0 */
/* /api/v2/credential-requests/actions, and the first version of making a request: credentials that
 * the caller names by type, or asks himself for. */
#include <stdio.h>

#include "api/request_items.h"
#include "api/request_make.h"
#include "api/routes.h"
#include "api/v2.h"
#include "base/alloc.h"
#include "store/connection.h"

#define DEPRECATED_AT 1764547200 /* 2025-12-01 */
#define REQUESTS "/api/v2/credential-requests/requests"
#define ACTIONS "/api/v2/credential-requests/actions"

/* ---- what the calls share ---- */

static enum err
read_body(struct ctx *ctx, const struct field_spec *fields, json_t **object_out)
{
	enum err err = request_json(ctx->req, object_out, &ctx->err);

	return err ? err : fields_check(*object_out, fields, true, "", &ctx->err);
}

/* How a body becomes items. */
typedef enum err (*items_fn)(const struct catalog *catalog, const json_t *object,
    struct request_items *items, struct errctx *ctx);

static enum err
make(struct ctx *ctx, const json_t *object, items_fn items_of, struct request_made *made_out)
{
	struct request_items *items = xcalloc(1, sizeof(*items));
	enum err err = items_of(api_pool(ctx)->catalog, object, items, &ctx->err);

	if (!err)
		err = request_make(ctx, object, items, made_out);
	request_items_free(&items);
	return err;
}

static enum err
answer_made(struct ctx *ctx, struct response *response, struct request_made *made)
{
	json_t *answer = request_made_json(ctx, made);

	request_made_wipe(made);
	return response_json(response, answer);
}

static enum err
make_and_answer(struct ctx *ctx, struct response *response, const struct field_spec *fields,
    items_fn items_of)
{
	struct request_made made;
	json_t *object = NULL;
	enum err err = read_body(ctx, fields, &object);

	if (!err)
		err = make(ctx, object, items_of, &made);
	return err ? err : answer_made(ctx, response, &made);
}

#define TYPE_FIELD                                                                                 \
	{                                                                                          \
		.name = "type", .type = FIELD_TEXT, .flags = FIELD_REQUIRED | FIELD_ONE_LINE,      \
		.least = 1, .most = 64                                                             \
	}
#define APP_NAME_FIELD                                                                             \
	{                                                                                          \
		.name = "appName", .type = FIELD_TEXT, .flags = FIELD_REQUIRED | FIELD_ONE_LINE,   \
		.least = 1, .most = 128                                                            \
	}
#define SCOPE_FIELD REQUEST_LIST_FIELD("scope", 0, 500, request_scope_field)

/* ---- the first version: types, apps and modules are all named ---- */

#define V1_FIELDS                                                                                  \
	TYPE_FIELD, APP_NAME_FIELD,                                                                \
	    REQUEST_LIST_FIELD("appModules", FIELD_REQUIRED, 500, request_module_field),           \
	    { .name = "appVersion",                                                                \
		    .type = FIELD_TEXT,                                                            \
		    .flags = FIELD_REQUIRED | FIELD_ONE_LINE,                                      \
		    .least = 1,                                                                    \
		    .most = 16 },                                                                  \
	    { .name = "label",                                                                     \
		    .type = FIELD_TEXT,                                                            \
		    .flags = FIELD_ONE_LINE | FIELD_NULLABLE,                                      \
		    .most = 255 },                                                                 \
	    REQUEST_DESCRIPTION_FIELD, REQUEST_OVERRIDE_FIELD
static const struct field_spec v1_connection_fields[] = { V1_FIELDS, SCOPE_FIELD,
	{ .name = NULL } };
static const struct field_spec v1_key_fields[] = { V1_FIELDS, { .name = NULL } };
static const struct field_spec v1_connection_field = { .type = FIELD_OBJECT,
	.fields = v1_connection_fields };
static const struct field_spec v1_key_field = { .type = FIELD_OBJECT, .fields = v1_key_fields };
static const struct field_spec v1_fields[] = {
	REQUEST_NAME_FIELD(FIELD_REQUIRED),
	REQUEST_TEAM_FIELD,
	REQUEST_DESCRIPTION_FIELD,
	REQUEST_PROVIDER_FIELD,
	REQUEST_LIST_FIELD("connections", 0, 64, v1_connection_field),
	REQUEST_LIST_FIELD("keys", 0, 64, v1_key_field),
	{ .name = NULL },
};

static enum err
create_v1(struct ctx *ctx, struct response *response)
{
	return make_and_answer(ctx, response, v1_fields, request_items_name);
}

/* ---- asking oneself ---- */

static const struct field_spec own_item_fields[] = {
	APP_NAME_FIELD,
	REQUEST_LIST_FIELD("appModules", 0, 500, request_module_field),
	REQUEST_LIST_FIELD("appEndpoints", 0, 500, request_module_field),
	{ .name = "appVersion", .type = FIELD_INT, .least = 1, .most = 9999 },
	REQUEST_OVERRIDE_FIELD,
	REQUEST_DESCRIPTION_FIELD,
	{ .name = NULL },
};
static const struct field_spec own_item_field = { .type = FIELD_OBJECT, .fields = own_item_fields };
static const struct field_spec own_fields[] = {
	REQUEST_NAME_FIELD(0),
	REQUEST_TEAM_FIELD,
	REQUEST_DESCRIPTION_FIELD,
	REQUEST_LIST_FIELD("credentials", FIELD_REQUIRED, 64, own_item_field),
	{ .name = NULL },
};

static enum err
derive(const struct catalog *catalog, const json_t *object, struct request_items *items,
    struct errctx *ctx)
{
	const json_t *credentials = json_object_get(object, "credentials");
	enum err err = OK;

	for (size_t i = 0; i < json_array_size(credentials); i++) {
		const json_t *entry = json_array_get(credentials, i);
		char path[48];

		snprintf(path, sizeof(path), "credentials[%zu]", i);
		if (!json_array_size(json_object_get(entry, "appModules")) &&
		    !json_array_size(json_object_get(entry, "appEndpoints")))
			err = err_set(ctx, ERR_RULE, path,
			    "must have at least one of appModules and appEndpoints");
	}
	return err ? err : request_items_derive(catalog, credentials, items, ctx);
}

static enum err
create_own(struct ctx *ctx, struct response *response)
{
	return make_and_answer(ctx, response, own_fields, derive);
}

/* ---- by types of credentials ---- */

static const struct field_spec prefill_fields[] = {
	{ .name = "hard", .type = FIELD_OBJECT },
	{ .name = "soft", .type = FIELD_OBJECT },
	{ .name = NULL },
};
#define BY_TYPE_FIELDS                                                                             \
	TYPE_FIELD, REQUEST_DESCRIPTION_FIELD, REQUEST_OVERRIDE_FIELD,                             \
	{                                                                                          \
		.name = "prefill", .type = FIELD_OBJECT, .flags = FIELD_STRICT | FIELD_NULLABLE,   \
		.fields = prefill_fields                                                           \
	}
static const struct field_spec typed_connection_fields[] = { BY_TYPE_FIELDS, SCOPE_FIELD,
	{ .name = NULL } };
static const struct field_spec typed_key_fields[] = { BY_TYPE_FIELDS, { .name = NULL } };
static const struct field_spec typed_connection_field = { .type = FIELD_OBJECT,
	.fields = typed_connection_fields };
static const struct field_spec typed_key_field = { .type = FIELD_OBJECT,
	.fields = typed_key_fields };
static const struct field_spec typed_fields[] = {
	REQUEST_NAME_FIELD(0),
	REQUEST_TEAM_FIELD,
	REQUEST_DESCRIPTION_FIELD,
	REQUEST_LIST_FIELD("connections", 0, 32, typed_connection_field),
	REQUEST_LIST_FIELD("keys", 0, 32, typed_key_field),
	{ .name = NULL },
};

/* What a body of this call may name is less than what v1 may: no app goes with it. */
static enum err
by_types(const struct catalog *catalog, const json_t *object, struct request_items *items,
    struct errctx *ctx)
{
	static const char *const lists[] = { "connections", "keys" };
	static const char *const unknown[] = { "appName", "appModules", "appVersion", "label" };

	for (size_t k = 0; k < sizeof(lists) / sizeof(lists[0]); k++) {
		const json_t *list = json_object_get(object, lists[k]);

		for (size_t i = 0; i < json_array_size(list); i++)
			for (size_t n = 0; n < sizeof(unknown) / sizeof(unknown[0]); n++)
				(void)json_object_del(json_array_get(list, i), unknown[n]);
	}
	return request_items_name(catalog, object, items, ctx);
}

/* {request, credentials, publicUri}: what was made is read back, for the ids of its credentials. */
static enum err
create_by_types(struct ctx *ctx, struct response *response)
{
	struct request_made made;
	struct request_detail detail;
	json_t *object = NULL;
	enum err err = read_body(ctx, typed_fields, &object);

	if (!err)
		err = make(ctx, object, by_types, &made);
	if (err)
		return err;
	err = request_detail(api_store(ctx), ctx->auth, &made.request.id, &detail, &ctx->err);
	if (err) {
		request_made_wipe(&made);
		return err;
	}
	json_t *answer = request_made_json(ctx, &made), *credentials = json_array();
	for (size_t i = 0; i < detail.n_credentials; i++)
		json_array_append_new(credentials, v2_credential_json(&detail.credentials[i]));
	json_put(answer, "credentials", credentials);
	request_detail_free(&detail);
	request_made_wipe(&made);
	return response_json(response, answer);
}

/* ---- more scopes for a connection ---- */

static const struct field_spec extend_fields[] = {
	{ .name = "connectionId",
	    .type = FIELD_INT,
	    .flags = FIELD_REQUIRED,
	    .least = 1,
	    .most = V2_ID_MAX },
	REQUEST_LIST_FIELD("scopes", FIELD_REQUIRED, 500, request_scope_field),
	{ .name = NULL },
};

static enum err
extend(struct ctx *ctx, struct response *response)
{
	struct connection connection = { 0 };
	struct request_made made;
	json_t *object = NULL;
	enum err err = read_body(ctx, extend_fields, &object);

	if (!err)
		err = connection_get(api_store(ctx), ctx->auth,
		    json_get_int(object, "connectionId", 0), &connection, &ctx->err);
	if (err)
		return err;
	struct request_items *items = xcalloc(1, sizeof(*items));
	json_auto_t *request = json_object();
	json_put_int(request, "teamId", connection.team_id);
	err = request_items_extend(api_pool(ctx)->catalog, &connection,
	    json_object_get(object, "scopes"), items, &ctx->err);
	if (!err)
		err = request_make(ctx, request, items, &made);
	request_items_free(&items);
	connection_free(&connection);
	return err ? err : answer_made(ctx, response, &made);
}

const struct route action_routes[] = {
	{ .method = METHOD_POST,
	    .path = REQUESTS,
	    .scope = SCOPE_REQUESTS_WRITE,
	    .audit = "request.create",
	    .surface = SURFACE_V2,
	    .auth = AUTH_FIRST,
	    .creates = true,
	    .deprecated_at = DEPRECATED_AT,
	    .successor = REQUESTS "/v2",
	    .handler = create_v1,
	    .fields = v1_fields,
	    .summary = "Ask somebody for credentials that are named by type" },
	{ .method = METHOD_POST,
	    .path = ACTIONS "/create",
	    .scope = SCOPE_REQUESTS_WRITE,
	    .audit = "request.create",
	    .surface = SURFACE_V2,
	    .auth = AUTH_FIRST,
	    .creates = true,
	    .handler = create_own,
	    .fields = own_fields,
	    .summary = "Ask oneself for the credentials that modules of apps need" },
	{ .method = METHOD_POST,
	    .path = ACTIONS "/create-by-credentials",
	    .scope = SCOPE_REQUESTS_WRITE,
	    .audit = "request.create",
	    .surface = SURFACE_V2,
	    .auth = AUTH_FIRST,
	    .creates = true,
	    .handler = create_by_types,
	    .fields = typed_fields,
	    .summary = "Ask oneself for credentials by their types, some fields filled in" },
	{ .method = METHOD_POST,
	    .path = ACTIONS "/extend",
	    .scope = SCOPE_REQUESTS_WRITE,
	    .audit = "request.create",
	    .surface = SURFACE_V2,
	    .auth = AUTH_FIRST,
	    .creates = true,
	    .handler = extend,
	    .fields = extend_fields,
	    .summary = "Ask oneself for more scopes of a connection" },
	{ 0 },
};
