/* SPDX-License-Identifier: Apache-2.0 */
/* The rules between the members of an OAuth 2 connection. */
#include <string.h>

#include "catalog/app_parts.h"

static const char *const client_id[] = { "client_id", NULL };
static const char *const client[] = { "client_id", "client_secret", NULL };

static enum err
check_urls(const json_t *connection, const json_t *oauth, const char *path, struct errctx *ctx)
{
	static const char *const urls[] = { "authorize_url", "token_url", "refresh_url",
		"introspect_url", "issuer", "resource" };
	char inner[APP_PATH_ROOM];
	enum err err = OK;

	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]) && !err; i++) {
		app_path(inner, "%s.%s", path, urls[i]);
		err = app_url_check(connection, json_get_text(oauth, urls[i]), inner, ctx);
	}
	if (err)
		return err;
	app_path(inner, "%s.revoke.url", path);
	const json_t *revoke = json_object_get(oauth, "revoke");
	return app_template_check(connection, json_get_text(revoke, "url"), client_id, inner, ctx);
}

static enum err
check_maps(const json_t *connection, const json_t *oauth, const char *path, struct errctx *ctx)
{
	static const char *const maps[] = { "authorize_params", "token_params", "refresh_params",
		"token_headers" };
	const char *name;
	json_t *value;

	for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++) {
		json_object_foreach(json_object_get(oauth, maps[i]), name, value)
		{
			char inner[APP_PATH_ROOM];

			app_path(inner, "%s.%s.%s", path, maps[i], name);
			enum err err = app_template_check(connection, json_string_value(value),
			    i ? client : NULL, inner, ctx);
			if (err)
				return err;
		}
	}
	return OK;
}

static enum err
check_scopes(const json_t *oauth, const char *path, struct errctx *ctx)
{
	const json_t *scopes = json_object_get(oauth, "scopes");
	const json_t *defaults = json_object_get(oauth, "default_scopes");
	const char *separator = json_get_text(oauth, "scope_separator");

	for (size_t i = 0; i < json_array_size(scopes); i++) {
		const char *name = json_get_text(json_array_get(scopes, i), "name");

		if (strpbrk(name, separator ? separator : " "))
			return err_set(ctx, ERR_CONFIG, path,
			    "has a scope with the separator in it: %s", name);
		for (size_t k = 0; k < i; k++)
			if (!strcmp(json_get_text(json_array_get(scopes, k), "name"), name))
				return err_set(ctx, ERR_CONFIG, path, "has a scope twice: %s",
				    name);
	}
	for (size_t i = 0; i < json_array_size(defaults); i++) {
		const char *name = json_string_value(json_array_get(defaults, i));

		if (!app_lists(scopes, "name", name, strlen(name)))
			return err_set(ctx, ERR_CONFIG, path,
			    "has a default scope that is not in \"scopes\": %s", name);
	}
	return OK;
}

static enum err
check_client_auth(const json_t *connection, const json_t *oauth, const char *path,
    struct errctx *ctx)
{
	const char *auth = json_get_text(oauth, "client_auth");
	const char *template = json_get_text(oauth, "client_auth_template");

	if (!strcmp(auth, "basic_template") != (template != NULL))
		return err_set(ctx, ERR_CONFIG, path,
		    "must have client_auth_template with basic_template, and only then");
	if (!strcmp(auth, "none") && strcmp(json_get_text(oauth, "pkce"), "S256") != 0)
		return err_set(ctx, ERR_CONFIG, path,
		    "must have pkce S256 without a client secret");
	return app_template_check(connection, template, client, path, ctx);
}

static enum err
check_lives(const json_t *oauth, const char *path, struct errctx *ctx)
{
	const json_t *expires = json_object_get(oauth, "expires");
	const char *source = json_get_text(expires, "source");

	if (source && !strcmp(source, "introspect") && !json_object_get(oauth, "introspect_url"))
		return err_set(ctx, ERR_CONFIG, path, "lacks the member \"introspect_url\"");
	if (source && strcmp(source, "answer") != 0 && json_object_get(expires, "unit"))
		return err_set(ctx, ERR_CONFIG, path, "has a unit that nothing is read in");
	return OK;
}

enum err
app_oauth_check(const json_t *connection, const char *path, struct errctx *ctx)
{
	const json_t *oauth = json_object_get(connection, "oauth2");
	char inner[APP_PATH_ROOM];

	app_path(inner, "%s.oauth2", path);
	enum err err = check_urls(connection, oauth, inner, ctx);
	if (!err)
		err = check_maps(connection, oauth, inner, ctx);
	if (!err)
		err = check_scopes(oauth, inner, ctx);
	if (!err)
		err = check_client_auth(connection, oauth, inner, ctx);
	return err ? err : check_lives(oauth, inner, ctx);
}
