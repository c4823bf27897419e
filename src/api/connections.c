/* SPDX-License-Identifier: Apache-2.0 */
/* /api/v2/connections: accounts at providers. What they hold goes in and never comes out. */
#include "store/connection.h"

#include <string.h>

#include "api/connection_json.h"
#include "api/routes.h"
#include "api/v2.h"
#include "base/alloc.h"
#include "base/buf.h"
#include "catalog/catalog.h"
#include "catalog/item_form.h"

#define TYPES_MAX (QUERY_LIST_MAX * (64 + 1)) /* bytes of a list of types */

static const char *const sorts[] = { "name", NULL };

/* clang-format off */
#define IN_LISTS \
	{ "id", false }, { "name", false }, { "accountName", false },                            \
	{ "accountLabel", false }, { "packageName", false }, { "expire", false },                \
	{ "metadata", false }, { "teamId", false }, { "theme", false },                          \
	{ "upgradeable", false }, { "scopesCnt", false }, { "scoped", false },                   \
	{ "accountType", false }, { "editable", false }, { "uid", false },                       \
	{ "connectedSystemId", false }, { "organizationId", false }
/* clang-format on */
static const struct column_spec list_columns[] = { IN_LISTS, { NULL, false } };
static const struct column_spec all_columns[] = { IN_LISTS, { "scopes", false },
	{ "tokens", false }, { NULL, false } };

/* ---- as JSON ---- */

/* As the page sees it, so that nobody is asked for what a wider scope holds. */
static bool
has_scope(const struct ctx *ctx, const struct connection *connection, const json_t *scopes,
    const char *name)
{
	return catalog_scope_is_granted(catalog_connection_type_find(api_pool(ctx)->catalog,
					    connection->account_name),
	    scopes, name);
}

static enum err
answer_connection(struct response *response, struct connection *connection,
    const struct columns *columns /* NULL: all */)
{
	json_t *json = connection_detail_json(connection);

	if (columns)
		columns_apply(json, columns);
	connection_free(connection);
	return v2_answer(response, "connection", json);
}

/* ---- reading ---- */

/* Of one name of its type. */
static enum err
check_asked(struct ctx *ctx, const struct connection *connection, const json_t *scopes,
    const char *name, bool *scoped)
{
	auto_query_list struct query_list asked = { 0 };
	enum err err = query_list(&ctx->req->query, name, &asked, &ctx->err);

	for (size_t i = 0; *scoped && i < asked.n; i++)
		*scoped = has_scope(ctx, connection, scopes, asked.items[i]);
	return err;
}

/* Whether it has every scope that the query asks of its type: github[]=repo&github[]=gist. */
static enum err
put_scoped(struct ctx *ctx, const struct connection *connection, json_t *json)
{
	const char *own = connection->account_name;
	const struct app_connection *type =
	    catalog_connection_type_find(api_pool(ctx)->catalog, own);
	const json_t *names = type ? json_object_get(type->definition, "aliases") : NULL;
	json_auto_t *scopes = api_stored_json(connection->scopes);
	bool scoped = true;
	enum err err = check_asked(ctx, connection, scopes, own, &scoped);

	for (size_t i = 0; i < json_array_size(names) && !err; i++)
		err = check_asked(ctx, connection, scopes,
		    json_string_value(json_array_get(names, i)), &scoped);
	json_put_bool(json, "scoped", scoped);
	return err;
}

static enum err
read_types(struct ctx *ctx, struct buf *types)
{
	auto_query_list struct query_list list = { 0 };
	enum err err = query_list(&ctx->req->query, "type", &list, &ctx->err);

	for (size_t i = 0; i < list.n && !err; i++) {
		const struct app_connection *type =
		    catalog_connection_type_find(api_pool(ctx)->catalog, list.items[i]);

		if (!type)
			err = err_set(&ctx->err, ERR_UNKNOWN_APP, "type",
			    "there is no such connection type");
		buf_printf(types, "%s%s", i ? "," : "", type ? type->type : "");
	}
	return err;
}

static enum err
list_connections(struct ctx *ctx, struct response *response)
{
	auto_buf struct buf types = BUF_INIT(TYPES_MAX);
	struct v2_list list;
	struct connection_filter filter = { 0 };
	struct connection *connections = NULL;
	size_t n = 0;
	enum err err = v2_list_read(ctx, sorts, false, list_columns, &list);

	if (!err)
		err = query_int(&ctx->req->query, "teamId", QUERY_REQUIRED, 1, V2_ID_MAX,
		    &filter.team_id, &ctx->err);
	if (!err)
		err = read_types(ctx, &types);
	if (err)
		return err;
	filter.types = types.len ? buf_text(&types) : NULL;
	err = connection_list(api_store(ctx), ctx->auth, &filter, &list.want, &connections, &n,
	    &ctx->err);
	if (err)
		return err;
	json_t *rows = json_array();
	for (size_t i = 0; i < n && !err; i++) {
		json_t *json = connection_json(&connections[i]);
		err = put_scoped(ctx, &connections[i], json);
		json_array_append_new(rows, json);
	}
	connection_list_free(&connections, n);
	if (err)
		json_decref(rows);
	return err ? err : v2_list_answer(response, "connections", rows, &list);
}

static enum err
load(struct ctx *ctx, struct connection *connection_out)
{
	int64_t id;
	enum err err = v2_connection_id(ctx, &id);

	return err ? err : connection_get(api_store(ctx), ctx->auth, id, connection_out, &ctx->err);
}

static enum err
get_connection(struct ctx *ctx, struct response *response)
{
	struct columns columns;
	struct connection connection = { 0 };
	enum err err = columns_read(&ctx->req->query, all_columns, &columns, &ctx->err);

	if (!err)
		err = load(ctx, &connection);
	if (err)
		return err;
	json_t *json = connection_detail_json(&connection);
	err = put_scoped(ctx, &connection, json);
	connection_free(&connection);
	if (err) {
		json_decref(json);
		return err;
	}
	columns_apply(json, &columns);
	return v2_answer(response, "connection", json);
}

/* ---- making ---- */

#define OWN_NAME "accountName" /* of a body: what the person calls it */
#define OWN_TYPE "accountType" /* of a body: the type id */
#define OWN_SCOPES "scopes"
#define OWN_TEAM "teamId" /* of a body or the query */

static const struct field_spec scope_field = { .type = FIELD_TEXT,
	.flags = FIELD_ONE_LINE,
	.least = 1,
	.most = 512 };
static const struct field_spec create_fields[] = {
	{ .name = OWN_NAME,
	    .type = FIELD_TEXT,
	    .flags = FIELD_REQUIRED | FIELD_ONE_LINE,
	    .least = 1,
	    .most = CONNECTION_NAME_MAX },
	{ .name = OWN_TYPE, .type = FIELD_TEXT, .flags = FIELD_REQUIRED, .least = 1, .most = 64 },
	{ .name = OWN_SCOPES, .type = FIELD_ARRAY, .most = 500, .element = &scope_field },
	{ .name = OWN_TEAM, .type = FIELD_INT, .least = 1, .most = V2_ID_MAX },
	{ .name = NULL },
};
static const struct field_spec rename_fields[] = {
	{ .name = "name",
	    .type = FIELD_TEXT,
	    .flags = FIELD_REQUIRED | FIELD_ONE_LINE,
	    .least = 1,
	    .most = CONNECTION_NAME_MAX },
	{ .name = NULL },
};
static const struct field_spec scoped_fields[] = {
	{ .name = "scope",
	    .type = FIELD_ARRAY,
	    .flags = FIELD_REQUIRED,
	    .most = 500,
	    .element = &scope_field },
	{ .name = NULL },
};
static const struct field_spec any_fields[] = { { .name = NULL } };

/* A type that a program can make connections of. */
static enum err
find_type(struct ctx *ctx, const char *path, const char *type,
    const struct app_connection **type_out)
{
	const struct app_connection *found =
	    catalog_connection_type_find(api_pool(ctx)->catalog, type);

	if (!found)
		return err_set(&ctx->err, ERR_UNKNOWN_APP, path,
		    "there is no such connection type");
	if (found->auth == APP_AUTH_OAUTH2)
		return err_set(&ctx->err, ERR_VALUE, path,
		    "a connection of this type is made by a person who signs in at the provider: "
		    "send a credential request");
	*type_out = found;
	return OK;
}

static enum err
read_body(struct ctx *ctx, const struct field_spec *fields, json_t **object_out)
{
	enum err err = request_json(ctx->req, object_out, &ctx->err);

	return err ? err : fields_check(*object_out, fields, true, "", &ctx->err);
}

/* `own` becomes the fields of the type: what of the body is not ours. */
static enum err
read_own(struct ctx *ctx, const struct app_connection *type, const json_t *object, json_t **own_out)
{
	union {
		const json_t *borrowed;
		json_t *copied; /* jansson's shallow copy wants it writable, though it only reads */
	} tree = { .borrowed = object };
	json_t *own = json_copy(tree.copied);

	(void)json_object_del(own, OWN_NAME);
	(void)json_object_del(own, OWN_TYPE);
	(void)json_object_del(own, OWN_SCOPES);
	(void)json_object_del(own, OWN_TEAM);
	enum err err = form_check(type->fields, ITEM_FORM_CONNECTION, own, "", &ctx->err);
	if (err)
		json_decref(own);
	else
		*own_out = own;
	return err;
}

/* In the query, the body or, being the same, in both. */
static enum err
read_team(struct ctx *ctx, const json_t *object, int64_t *team_id_out)
{
	int64_t said = json_get_int(object, OWN_TEAM, 0), asked = said;
	enum err err = query_int(&ctx->req->query, OWN_TEAM, said ? QUERY_OPTIONAL : QUERY_REQUIRED,
	    1, V2_ID_MAX, &asked, &ctx->err);

	if (!err && said && said != asked)
		err = err_set(&ctx->err, ERR_RULE, OWN_TEAM,
		    "is one team in the query and another one in the body");
	if (!err)
		*team_id_out = asked;
	return err;
}

static enum err
create_connection(struct ctx *ctx, struct response *response)
{
	struct api_audit audit;
	struct connection made;
	const struct app_connection *type;
	json_auto_t *own = NULL;
	json_t *object = NULL;
	int64_t team_id = 0;
	enum err err = read_body(ctx, create_fields, &object);

	if (!err)
		err = read_team(ctx, object, &team_id);
	if (!err)
		err = find_type(ctx, OWN_TYPE, json_get_text(object, OWN_TYPE), &type);
	if (!err)
		err = read_own(ctx, type, object, &own);
	if (err)
		return err;
	const json_t *scopes = json_object_get(object, OWN_SCOPES);
	auto_free char *scopes_text = scopes ? json_text(scopes) : xstrdup("[]");
	const struct connection_new connection = {
		.team_id = team_id,
		.name = json_get_text(object, OWN_NAME),
		.account_name = type->type,
		.alias = catalog_alias_of(type, json_get_text(object, OWN_TYPE)),
		.account_label = type->label,
		.account_type = type->account_type,
		.package_name = type->app->name,
		.scopes = scopes_text,
		.parameters = own,
	};
	api_audit_begin(ctx, &audit);
	err = connection_create(api_store(ctx), &audit.entry, ctx->auth->person_id, &connection,
	    &made, &ctx->err);
	return err ? err : answer_connection(response, &made, NULL);
}

/* ---- changing ---- */

static enum err
change(struct ctx *ctx, struct connection_change *change, struct connection *connection_out)
{
	struct api_audit audit;

	change->person_id = ctx->auth->person_id;
	api_audit_begin(ctx, &audit);
	return connection_update(api_store(ctx), &audit.entry, change, connection_out, &ctx->err);
}

static enum err
rename_connection(struct ctx *ctx, struct response *response)
{
	struct connection_change what = { 0 };
	struct columns columns;
	struct connection after;
	json_t *object = NULL;
	enum err err = v2_connection_id(ctx, &what.id);

	if (!err)
		err = columns_read(&ctx->req->query, all_columns, &columns, &ctx->err);
	if (!err)
		err = read_body(ctx, rename_fields, &object);
	if (err)
		return err;
	what.name = json_get_text(object, "name");
	err = change(ctx, &what, &after);
	return err ? err : answer_connection(response, &after, &columns);
}

static enum err
set_data(struct ctx *ctx, struct response *response)
{
	struct connection_change what = { 0 };
	struct connection connection = { 0 };
	const struct app_connection *type;
	json_auto_t *own = NULL;
	json_t *object = NULL;
	enum err err = load(ctx, &connection);

	if (!err)
		err = read_body(ctx, any_fields, &object);
	if (!err)
		err = find_type(ctx, "", connection.account_name, &type);
	if (!err)
		err = read_own(ctx, type, object, &own);
	what.id = connection.id;
	connection_free(&connection);
	if (err)
		return err;
	what.parameters = own;
	err = change(ctx, &what, &connection);
	connection_free(&connection);
	return err ? err : v2_answer(response, "changed", json_true());
}

/* The names, which are what clients read, and the form besides. Empty where nothing can be edited:
 * OAuth, and types that are gone from the catalogue. */
static enum err
get_schema(struct ctx *ctx, struct response *response)
{
	struct connection connection;
	enum err err = load(ctx, &connection);

	if (err)
		return err;
	const struct app_connection *type =
	    catalog_connection_type_find(api_pool(ctx)->catalog, connection.account_name);
	bool editable = type && !connection_is_oauth(&connection);
	connection_free(&connection);
	json_t *names = json_array(), *answer = json_object();
	for (const struct form_field *f = editable ? type->fields : NULL; f && f->name; f++)
		json_array_append_new(names, json_string(f->name));
	json_put(answer, "editableParameters", names);
	json_put(answer, "fields", editable ? form_json(type->fields) : json_array());
	return response_json(response, answer);
}

static enum err
check_scoped(struct ctx *ctx, struct response *response)
{
	struct connection connection = { 0 };
	json_t *object = NULL;
	bool scoped = true;
	enum err err = load(ctx, &connection);

	if (!err)
		err = read_body(ctx, scoped_fields, &object);
	if (!err) {
		json_auto_t *scopes = api_stored_json(connection.scopes);
		const json_t *asked = json_object_get(object, "scope");
		for (size_t i = 0; scoped && i < json_array_size(asked); i++)
			scoped = has_scope(ctx, &connection, scopes,
			    json_string_value(json_array_get(asked, i)));
	}
	connection_free(&connection);
	return err ? err : v2_answer(response, "connection", json_pack("{s:b}", "scoped", scoped));
}

static enum err
delete_connection(struct ctx *ctx, struct response *response)
{
	struct api_audit audit;
	int64_t id;
	bool confirmed = false;
	enum err err = v2_connection_id(ctx, &id);

	if (!err)
		err = v2_confirmed(ctx, &confirmed);
	if (err)
		return err;
	api_audit_begin(ctx, &audit);
	err = connection_delete(api_store(ctx), &audit.entry, ctx->auth->person_id, id, confirmed,
	    &ctx->err);
	return err ? err : v2_answer(response, "connection", json_integer(id));
}

#define PATH "/api/v2/connections"
#define ROUTE(verb, where, need, event, how, function, says)                                       \
	.method = METHOD_##verb, .path = PATH where, .scope = SCOPE_CONNECTIONS_##need,            \
	.audit = (event), .surface = SURFACE_V2, .auth = AUTH_##how, .handler = (function),        \
	.summary = (says)

const struct route connection_routes[] = {
	{ ROUTE(GET, "", READ, "none", JOINED, list_connections, "The connections of a team") },
	{ ROUTE(POST, "", WRITE, "connection.create", FIRST, create_connection,
	      "Make a connection of a type that needs no sign-in at the provider"),
	    .fields = create_fields, .creates = true },
	{ ROUTE(GET, "/{id}", READ, "none", JOINED, get_connection, "One connection") },
	{ ROUTE(PATCH, "/{id}", WRITE, "connection.update", FIRST, rename_connection,
	      "Rename a connection"),
	    .fields = rename_fields },
	{ ROUTE(DELETE, "/{id}", WRITE, "connection.delete", FIRST, delete_connection,
	    "Delete a connection") },
	{ ROUTE(POST, "/{id}/set-data", WRITE, "connection.replace", FIRST, set_data,
	    "Replace the fields of a connection") },
	{ ROUTE(GET, "/{id}/editable-data-schema", READ, "none", JOINED, get_schema,
	    "The names of the fields of a connection that can be replaced") },
	{ ROUTE(POST, "/{id}/scoped", READ, "none", JOINED, check_scoped,
	      "Whether a connection has these scopes"),
	    .fields = scoped_fields },
	{ 0 },
};
