/* SPDX-License-Identifier: Apache-2.0 */
/* Connections across apps: finding them, and what only the whole catalogue can tell. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "catalog/app_parts.h"
#include "catalog/catalog_parts.h"

#define PATH_ROOM 96
#define TAKEN "has a type of connection that is another app's"

/* ---- look-up ---- */

bool
catalog_connection_is(const struct app_connection *connection, const char *name, size_t len)
{
	return (strlen(connection->type) == len && !memcmp(connection->type, name, len)) ||
	       app_lists(json_object_get(connection->definition, "aliases"), NULL, name, len);
}

static const struct app_connection *
own(const struct app *app, const char *name, size_t len)
{
	for (size_t i = 0; i < app->n_connections; i++)
		if (catalog_connection_is(&app->connections[i], name, len))
			return &app->connections[i];
	return NULL;
}

static const struct app_connection *
own_or_used(const struct app *app, const char *name, size_t len)
{
	const struct app_connection *found = own(app, name, len);

	for (size_t i = 0; i < app->n_uses && !found; i++)
		if (catalog_connection_is(app->uses[i], name, len))
			found = app->uses[i];
	return found;
}

const struct app_connection *
catalog_connection_find(const struct app *app, const char *type)
{
	return own_or_used(app, type, strlen(type));
}

const struct app_connection *
catalog_connection_type_find(const struct catalog *catalog, const char *type)
{
	const struct app_connection *found = NULL;
	size_t len = strlen(type);

	for (size_t i = catalog->n; i > 0 && !found; i--) /* newest version first */
		found = own(catalog->apps[i - 1], type, len);
	return found;
}

/* ---- what only the whole tells ---- */

static enum err
refuse(const struct app *app, const char *path, const char *text, const char *what,
    struct errctx *ctx)
{
	return err_set(ctx, ERR_CONFIG, path, "app definition %s version %lld: %s %s: %s",
	    app->name, (long long)app->version, path, text, what);
}

/* Of the same type in another version of the app, all names are its own. */
static enum err
check_names(const struct catalog *catalog, const struct app_connection *connection, size_t index,
    struct errctx *ctx)
{
	const json_t *names = json_object_get(connection->definition, "aliases");
	char path[PATH_ROOM];

	snprintf(path, sizeof(path), "$.connections[%zu].aliases", index);
	for (size_t k = 0; k < json_array_size(names); k++) {
		const char *name = json_string_value(json_array_get(names, k));
		const struct app_connection *other = catalog_connection_type_find(catalog, name);

		if (!strcmp(other->type, connection->type))
			continue;
		return connection->app->shipped && !other->app->shipped
			   ? refuse(other->app, "$.connections", TAKEN, name, ctx)
			   : refuse(connection->app, path,
				 "has a name that is another connection's", name, ctx);
	}
	return OK;
}

static enum err
check_types(const struct catalog *catalog, const struct app *app, struct errctx *ctx)
{
	enum err err = OK;

	for (size_t i = 0; i < app->n_connections && !err; i++) {
		const char *type = app->connections[i].type;
		const struct app_connection *last = catalog_connection_type_find(catalog, type);

		if (strcmp(last->type, type) != 0 || strcmp(last->app->name, app->name) != 0)
			return refuse(app, "$.connections", TAKEN, type, ctx);
		err = check_names(catalog, &app->connections[i], i, ctx);
	}
	return err;
}

static enum err
resolve_uses(const struct catalog *catalog, struct app *app, struct errctx *ctx)
{
	const json_t *uses = json_object_get(app->definition, "uses");
	size_t n = json_array_size(uses);

	free((void *)(uintptr_t)app->uses); /* of a catalogue that was finished before */
	app->uses = NULL;
	app->n_uses = 0;
	if (!n)
		return OK;
	app->uses = xcalloc(n, sizeof(*app->uses));
	for (size_t i = 0; i < n; i++) {
		const char *type = json_string_value(json_array_get(uses, i));

		app->uses[i] = catalog_connection_type_find(catalog, type);
		if (!app->uses[i] || strcmp(app->uses[i]->type, type) != 0)
			return refuse(app, "$.uses", "names a connection that no app has", type,
			    ctx);
		app->n_uses = i + 1;
	}
	return OK;
}

/* Whether a connection of "account:a,b" knows the scope. */
static bool
is_known(const struct app *app, const char *types, const char *scope)
{
	for (const char *type = strchr(types, ':') + 1;; type++) {
		size_t len = strcspn(type, ",");
		const struct app_connection *connection = own_or_used(app, type, len);

		if (connection && catalog_scope_words(connection, scope))
			return true;
		type += len;
		if (!*type)
			return false;
	}
}

static enum err
check_scopes(const struct app *app, struct errctx *ctx)
{
	for (size_t i = 0; i < app->n_own_modules; i++) {
		const struct app_module *module = &app->modules[i];
		char path[PATH_ROOM];

		snprintf(path, sizeof(path), "$.modules[%zu].scope", i);
		for (size_t k = 0; k < json_array_size(module->scopes); k++) {
			const char *scope = json_string_value(json_array_get(module->scopes, k));

			if (!module->type || !is_known(app, module->type, scope))
				return refuse(app, path,
				    "names a scope that its connections do not know", scope, ctx);
		}
	}
	return OK;
}

enum err
catalog_finish(struct catalog *catalog, struct errctx *ctx)
{
	enum err err = OK;

	for (size_t i = 0; i < catalog->n && !err; i++) {
		struct app *app = catalog->apps[i];

		err = check_types(catalog, app, ctx);
		if (!err)
			err = resolve_uses(catalog, app, ctx);
		if (!err)
			err = check_scopes(app, ctx);
	}
	return err ? err : catalog_aliases_make(catalog, ctx);
}
