/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of OAuth 2 connections whose client, and more, is said by the person in the form. */
#include <string.h>

#include "catalog/app_parts.h"

/* Neither may be filled in by the requester alone, whose client it would be then. */
static enum err
check_field(const json_t *connection, const char *name, const char *type, const char *path,
    struct errctx *ctx)
{
	const json_t *field = name ? app_named(json_object_get(connection, "fields"), name) : NULL;

	if (!name)
		return OK;
	if (!field || strcmp(json_get_text(field, "type"), type) != 0 ||
	    json_get_bool(field, "requester", false))
		return err_set(ctx, ERR_CONFIG, path, "is no field of the person and of type %s",
		    type);
	return OK;
}

static enum err
check_ways(const json_t *connection, const char *name, const char *path, struct errctx *ctx)
{
	const json_t *field = name ? app_named(json_object_get(connection, "fields"), name) : NULL;
	const json_t *options = json_object_get(field, "options");

	for (size_t i = 0; i < json_array_size(options); i++) {
		const char *way = json_get_text(json_array_get(options, i), "value");

		if (strcmp(way, "basic") != 0 && strcmp(way, "body") != 0)
			return err_set(ctx, ERR_CONFIG, path,
			    "has an option that is neither basic nor body");
	}
	return OK;
}

static enum err
check_members(const json_t *connection, const json_t *client, const char *path, struct errctx *ctx)
{
	static const char *const members[][2] = { { "id", "text" }, { "secret", "password" },
		{ "auth", "select" } };
	enum err err = OK;
	char inner[APP_PATH_ROOM];

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]) && !err; i++) {
		app_path(inner, "%s.client.%s", path, members[i][0]);
		err = check_field(connection, json_get_text(client, members[i][0]), members[i][1],
		    inner, ctx);
	}
	if (err)
		return err;
	const json_t *id =
	    app_named(json_object_get(connection, "fields"), json_get_text(client, "id"));
	app_path(inner, "%s.client.id", path);
	if (!json_get_bool(id, "required", false))
		return err_set(ctx, ERR_CONFIG, inner, "is a field that may stay empty");
	app_path(inner, "%s.client.auth", path);
	return check_ways(connection, json_get_text(client, "auth"), inner, ctx);
}

enum err
app_client_check(const json_t *connection, const char *path, struct errctx *ctx)
{
	const json_t *oauth = json_object_get(connection, "oauth2");
	const json_t *client = json_object_get(oauth, "client");
	const char *way = json_get_text(oauth, "client_auth");
	char inner[APP_PATH_ROOM];

	app_path(inner, "%s.scope_field", path);
	enum err err =
	    check_field(connection, json_get_text(oauth, "scope_field"), "text", inner, ctx);
	if (!err && !client && json_object_get(oauth, "scope_field"))
		err = err_set(ctx, ERR_CONFIG, inner,
		    "is only for clients that come from fields as well");
	if (err || !client)
		return err;
	if (strcmp(json_get_text(oauth, "pkce"), "S256") != 0 ||
	    (strcmp(way, "basic") != 0 && strcmp(way, "body") != 0) ||
	    json_object_get(oauth, "token_grant") || json_object_get(oauth, "tokens"))
		return err_set(ctx, ERR_CONFIG, path,
		    "must have pkce S256, client_auth basic or body, and neither token_grant nor "
		    "tokens with a client that comes from fields");
	return check_members(connection, client, path, ctx);
}
