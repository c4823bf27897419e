/* SPDX-License-Identifier: Apache-2.0 */
/* From a checked definition to the structs that the rest of the program reads. */
#include <string.h>

#include "base/alloc.h"
#include "catalog/catalog_parts.h"

#define TEXT_MOST 1024 /* characters of a field that says no more */
#define SECRET_MOST 8192

/* ---- modules ---- */

static struct app_module
read_module(const json_t *row)
{
	return (struct app_module){
		.id = json_get_text(row, "id"),
		.name = json_get_text(row, "name"),
		.label = json_get_text(row, "label"),
		.type = json_get_text(row, "type"),
		.scopes = json_object_get(row, "scope"),
		.hook = json_get_text(row, "hook"),
	};
}

static size_t
count_ids(const json_t *rows)
{
	size_t n = json_array_size(rows);

	for (size_t i = json_array_size(rows); i > 0; i--)
		n += json_array_size(json_object_get(json_array_get(rows, i - 1), "aliases"));
	return n;
}

/* The name of an id is what stands before its first colon. */
static const char *
name_of(json_t *names, const char *id)
{
	json_t *name = json_stringn(id, strcspn(id, ":"));

	json_array_append_new(names, name);
	return json_string_value(name);
}

static void
read_modules(const json_t *rows, struct app *app)
{
	size_t n = json_array_size(rows), at = n;
	struct app_module *modules = xcalloc(count_ids(rows), sizeof(*modules));

	app->names = json_array();
	for (size_t i = 0; i < n; i++) {
		const json_t *row = json_array_get(rows, i);
		const json_t *ids = json_object_get(row, "aliases");

		modules[i] = read_module(row);
		for (size_t k = 0; k < json_array_size(ids); k++, at++) {
			modules[at] = modules[i];
			modules[at].id = json_string_value(json_array_get(ids, k));
			modules[at].name = name_of(app->names, modules[at].id);
			modules[at].again = true;
		}
	}
	app->modules = modules;
	app->n_modules = at;
	app->n_own_modules = n;
}

/* ---- fields ---- */

static const struct form_option *
read_options(const json_t *rows)
{
	size_t n = json_array_size(rows);

	if (!n)
		return NULL;
	struct form_option *options = xcalloc(n + 1, sizeof(*options));
	for (size_t i = 0; i < n; i++) {
		const json_t *row = json_array_get(rows, i);

		options[i] = (struct form_option){ json_get_text(row, "label"),
			json_get_text(row, "value") };
	}
	return options;
}

static const struct form_field *
read_fields(const json_t *rows)
{
	size_t n = json_array_size(rows);
	struct form_field *fields = xcalloc(n + 1, sizeof(*fields));

	for (size_t i = 0; i < n; i++) {
		const json_t *row = json_array_get(rows, i);
		enum form_type type = form_type_find(json_get_text(row, "type"));

		fields[i] = (struct form_field){
			.name = json_get_text(row, "name"),
			.type = type,
			.label = json_get_text(row, "label"),
			.help = json_get_text(row, "help"),
			.required = json_get_bool(row, "required", false),
			.requester = json_get_bool(row, "requester", false),
			.initial = json_get_text(row, "default"),
			.most = type == FORM_PASSWORD ? SECRET_MOST : TEXT_MOST,
			.options = read_options(json_object_get(row, "options")),
			.pattern = json_get_text(row, "pattern"),
			.expected = json_get_text(row, "expected"),
			.prefix = json_get_text(row, "prefix"),
			.suffix = json_get_text(row, "suffix"),
		};
	}
	return fields;
}

static void
free_fields(const struct form_field *fields)
{
	for (const struct form_field *field = fields; field->name; field++)
		free((void *)(uintptr_t)field->options);
	free((void *)(uintptr_t)fields);
}

/* ---- connections ---- */

static enum app_auth
auth_of(const char *name)
{
	if (!strcmp(name, "oauth2"))
		return APP_AUTH_OAUTH2;
	return !strcmp(name, "basic") ? APP_AUTH_BASIC : APP_AUTH_APIKEY;
}

static struct app_connection *
read_connections(const struct app *app, const json_t *rows, size_t n)
{
	struct app_connection *connections = n ? xcalloc(n, sizeof(*connections)) : NULL;

	for (size_t i = 0; i < n; i++) {
		const json_t *row = json_array_get(rows, i);
		enum app_auth auth = auth_of(json_get_text(row, "auth"));

		connections[i] = (struct app_connection){
			.type = json_get_text(row, "type"),
			.label = json_get_text(row, "label"),
			.description = json_get_text(row, "description"),
			.auth = auth,
			.account_type = auth == APP_AUTH_OAUTH2 ? "oauth" : "basic",
			.fields = read_fields(json_object_get(row, "fields")),
			.definition = row,
			.app = app,
		};
		catalog_tokens_read(&connections[i]);
	}
	return connections;
}

/* ---- apps ---- */

struct app *
catalog_app_new(json_t *definition)
{
	const json_t *modules = json_object_get(definition, "modules");
	const json_t *connections = json_object_get(definition, "connections");
	struct app *app = xcalloc(1, sizeof(*app));

	*app = (struct app){
		.name = json_get_text(definition, "name"),
		.label = json_get_text(definition, "label"),
		.description = json_get_text(definition, "description"),
		.version = json_get_int(definition, "version", 0),
		.connections = read_connections(app, connections, json_array_size(connections)),
		.n_connections = json_array_size(connections),
		.definition = definition,
	};
	read_modules(modules, app);
	return app;
}

void
catalog_app_free(struct app *app)
{
	struct app_connection *connections = (void *)(uintptr_t)app->connections;

	for (size_t i = 0; i < app->n_connections; i++) {
		catalog_tokens_free(&connections[i]);
		free_fields(connections[i].fields);
	}
	free(connections);
	free((void *)(uintptr_t)app->uses);
	free((void *)(uintptr_t)app->modules);
	json_decref(app->names);
	json_decref(app->types);
	json_decref(app->definition);
	free(app);
}
