/* SPDX-License-Identifier: Apache-2.0 */
/* Other names and versions of apps: each is an app of its own to all who look it up. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "catalog/catalog_parts.h"

#define PATH_ROOM 128

/* ---- what is wrong ---- */

static enum err
refuse(const struct app *app, const char *path, const char *text, struct errctx *ctx)
{
	return err_set(ctx, ERR_CONFIG, path, "app definition %s version %lld: %s %s", app->name,
	    (long long)app->version, path, text);
}

/* An app of the operator's is told to make way for one that ships, not the other way round. */
static enum err
check_name(const struct catalog *catalog, const struct app *real, const char *name,
    const char *path, struct errctx *ctx)
{
	if (!strcmp(name, real->name))
		return OK;
	for (size_t i = 0; i < catalog->n; i++) {
		const struct app *other = catalog->apps[i];

		if (strcmp(other->name, name) != 0)
			continue;
		return real->shipped && !other->shipped
			   ? refuse(other, "$.name",
				 "is another name of an app that ships with Bailee; call yours "
				 "app#something",
				 ctx)
			   : refuse(real, path, "is the name of another app", ctx);
	}
	return OK;
}

/* The same name may stand for several versions of one app, not for two apps. */
static enum err
check_version(const struct catalog *catalog, const struct app *real, const char *name,
    int64_t version, const char *path, struct errctx *ctx)
{
	for (size_t i = 0; i < catalog->n; i++)
		if (!strcmp(catalog->apps[i]->name, name) && catalog->apps[i]->version == version)
			return refuse(real, path, "is a version that has a definition", ctx);
	for (size_t i = 0; i < catalog->n_aliases; i++) {
		const struct app *other = catalog->aliases[i];

		if (strcmp(other->name, name) != 0)
			continue;
		if (strcmp(other->real->name, real->name) != 0)
			return refuse(real, path, "goes with a name that stands for another app",
			    ctx);
		if (other->version == version)
			return refuse(real, path, "stands for the app a second time", ctx);
	}
	return OK;
}

static enum err
check_types(const struct app *real, json_t *types, size_t index, struct errctx *ctx)
{
	char path[PATH_ROOM];
	const char *type;
	json_t *name;

	json_object_foreach(types, type, name)
	{
		const struct app_connection *connection = catalog_connection_find(real, type);

		snprintf(path, sizeof(path), "$.aliases[%zu].types.%.64s", index, type);
		if (!connection || strcmp(connection->type, type) != 0)
			return refuse(real, path, "is no type that the app has or uses", ctx);
		if (!catalog_connection_is(connection, json_string_value(name),
			json_string_length(name)))
			return refuse(real, path, "is none of the aliases of that type", ctx);
	}
	return OK;
}

/* ---- making ---- */

/* "account:a,b" in the words of the alias; kept in `texts`. */
static const char *
rename_types(json_t *texts, const json_t *types, const char *type)
{
	const char *colon = type ? strchr(type, ':') : NULL;

	if (!colon || strncmp(type, "account:", 8) != 0 || !types)
		return type;
	auto_free char *text = xstrdup("account");
	for (const char *at = colon; *at;) {
		size_t len = strcspn(at + 1, ",");
		auto_free char *one = xmemdup0(at + 1, len);
		const char *other = json_get_text(types, one);
		char *longer = xasprintf("%s%c%s", text, *at, other ? other : one);

		free(text);
		text = longer;
		at += 1 + len;
	}
	json_t *kept = json_string(text);
	json_array_append_new(texts, kept);
	return json_string_value(kept);
}

static const struct app_connection **
all_connections(const struct app *real, size_t *n_out)
{
	size_t n = real->n_connections + real->n_uses;
	const struct app_connection **all = xcalloc(n ? n : 1, sizeof(struct app_connection *));

	for (size_t i = 0; i < real->n_connections; i++)
		all[i] = &real->connections[i];
	for (size_t i = 0; i < real->n_uses; i++)
		all[real->n_connections + i] = real->uses[i];
	*n_out = n;
	return all;
}

static struct app *
make(const struct app *real, const json_t *row, int64_t version)
{
	json_t *types = json_object_get(row, "types"), *texts = json_array();
	struct app_module *modules = xcalloc(real->n_modules, sizeof(*modules));
	struct app *app = xcalloc(1, sizeof(*app));

	*app = *real;
	for (size_t i = 0; i < real->n_modules; i++) {
		modules[i] = real->modules[i];
		modules[i].type = rename_types(texts, types, real->modules[i].type);
	}
	app->name = json_get_text(row, "name");
	app->version = version;
	app->modules = modules;
	app->connections = NULL;
	app->n_connections = 0;
	app->uses = all_connections(real, &app->n_uses);
	app->definition = json_incref(real->definition);
	app->real = real;
	app->names = texts;
	app->types = json_incref(types);
	return app;
}

static void
insert(struct catalog *catalog, struct app *app)
{
	size_t at =
	    catalog_lower_bound(catalog->aliases, catalog->n_aliases, app->name, app->version);

	catalog->aliases =
	    xrealloc(catalog->aliases, (catalog->n_aliases + 1) * sizeof(struct app *));
	memmove(catalog->aliases + at + 1, catalog->aliases + at,
	    (catalog->n_aliases - at) * sizeof(struct app *));
	catalog->aliases[at] = app;
	catalog->n_aliases++;
}

static enum err
make_row(struct catalog *catalog, const struct app *real, const json_t *row, size_t index,
    struct errctx *ctx)
{
	const json_t *versions = json_object_get(row, "versions");
	const char *name = json_get_text(row, "name");
	char path[PATH_ROOM];

	snprintf(path, sizeof(path), "$.aliases[%zu].name", index);
	enum err err = check_name(catalog, real, name, path, ctx);
	if (!err)
		err = check_types(real, json_object_get(row, "types"), index, ctx);
	for (size_t i = 0; i < json_array_size(versions) && !err; i++) {
		int64_t version = json_integer_value(json_array_get(versions, i));

		snprintf(path, sizeof(path), "$.aliases[%zu].versions[%zu]", index, i);
		err = check_version(catalog, real, name, version, path, ctx);
		if (!err)
			insert(catalog, make(real, row, version));
	}
	return err;
}

enum err
catalog_aliases_make(struct catalog *catalog, struct errctx *ctx)
{
	enum err err = OK;

	catalog_aliases_free(catalog);
	for (size_t i = 0; i < catalog->n && !err; i++) {
		const json_t *rows = json_object_get(catalog->apps[i]->definition, "aliases");

		for (size_t k = 0; k < json_array_size(rows) && !err; k++)
			err = make_row(catalog, catalog->apps[i], json_array_get(rows, k), k, ctx);
	}
	return err;
}

void
catalog_aliases_free(struct catalog *catalog)
{
	for (size_t i = 0; i < catalog->n_aliases; i++)
		catalog_app_free(catalog->aliases[i]);
	free(catalog->aliases);
	catalog->aliases = NULL;
	catalog->n_aliases = 0;
}

/* ---- look-up ---- */

const char *
catalog_alias_of(const struct app_connection *connection, const char *asked)
{
	return strcmp(connection->type, asked) != 0 ? asked : NULL;
}

const struct app *
catalog_app_of(const struct catalog *catalog, const struct app_connection *connection,
    const char *asked)
{
	const struct app *found = connection->app;

	for (size_t i = 0; i < catalog->n_aliases; i++) {
		const struct app *app = catalog->aliases[i];
		const char *name = json_get_text(app->types, connection->type);

		if (app->real == connection->app && name && !strcmp(name, asked))
			found = app;
	}
	return found;
}
