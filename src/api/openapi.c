/* SPDX-License-Identifier: Apache-2.0 */
/* /api/openapi.json: what this installation answers, for programs that read it. */
#include "api/openapi.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/routes.h"
#include "api/shared.h"
#include "base/buf.h"

#ifndef BAILEE_VERSION
#define BAILEE_VERSION "unknown"
#endif

#define JSON_TYPE "application/json"

static json_t *
ref_json(const char *kind, const char *name)
{
	json_t *ref = json_object();

	json_put(ref, "$ref", json_sprintf("#/components/%s/%s", kind, name));
	return ref;
}

static json_t *
content_of_type(const char *media_type, json_t *schema)
{
	json_t *content = json_object(), *type = json_object();

	json_put(type, "schema", schema);
	json_put(content, media_type, type);
	return content;
}

static json_t *
content_json(json_t *schema)
{
	return content_of_type(JSON_TYPE, schema);
}

/* ---- parameters ---- */

static json_t *
parameter_json(const char *name, const char *in, json_t *schema)
{
	json_t *parameter = json_object();

	json_put_text(parameter, "name", name);
	json_put_text(parameter, "in", in);
	json_put(parameter, "schema", schema);
	return parameter;
}

static json_t *
text_of(json_t *choices)
{
	json_t *schema = json_object();

	json_put_text(schema, "type", "string");
	if (choices)
		json_put(schema, "enum", choices);
	return schema;
}

static void
add_path_parameters(const struct route *route, json_t *list)
{
	for (const char *at = strchr(route->path, '{'); at; at = strchr(at, '{')) {
		char name[64];
		size_t len = strcspn(++at, "}");

		snprintf(name, sizeof(name), "%.*s", (int)len, at);
		json_t *parameter = parameter_json(name, "path", text_of(NULL));
		json_put_bool(parameter, "required", true);
		json_array_append_new(list, parameter);
	}
}

/* Lists of columns come in several spellings; this is the one that is documented. */
static json_t *
cols_json(const json_t *described, const char *schema_name)
{
	const json_t *schema =
	    json_object_get(json_object_get(json_object_get(described, "components"), "schemas"),
		schema_name);
	json_t *names = json_array(), *array = json_object();
	const char *name;
	json_t *value;

	json_array_append_new(names, json_string("*"));
	json_object_foreach(json_object_get(schema, "properties"), name, value)
	    json_array_append_new(names, json_string(name));
	json_put_text(array, "type", "array");
	json_put(array, "items", text_of(names));
	return parameter_json("cols[]", "query", array);
}

static void
add_query_parameters(const json_t *described, const json_t *operation, json_t *list)
{
	static const char *const paging[] = { "pgSortDir", "pgLimit", "pgOffset",
		"pgReturnTotalCount" };
	json_t *query = json_object_get(operation, "query");
	json_t *sort = json_object_get(operation, "sort");
	const char *cols = json_get_text(operation, "cols");

	for (size_t i = 0; i < json_array_size(query); i++) {
		json_t *one = json_array_get(query, i);

		json_array_append_new(list, json_is_string(one)
						? ref_json("parameters", json_string_value(one))
						: json_incref(one));
	}
	if (cols)
		json_array_append_new(list, cols_json(described, cols));
	if (!sort)
		return;
	json_array_append_new(list,
	    parameter_json("pg[sortBy]", "query", text_of(json_incref(sort))));
	for (size_t i = 0; i < sizeof(paging) / sizeof(paging[0]); i++)
		json_array_append_new(list, ref_json("parameters", paging[i]));
}

static json_t *
parameters_json(const struct route *route, const json_t *described, const json_t *operation)
{
	json_t *list = json_array();

	add_path_parameters(route, list);
	add_query_parameters(described, operation, list);
	if (route->creates)
		json_array_append_new(list, ref_json("parameters", "IdempotencyKey"));
	if (json_get_bool(operation, "prefer", false))
		json_array_append_new(list, ref_json("parameters", "Prefer"));
	return list;
}

/* ---- answers ---- */

enum when {
	ALWAYS = 1 << 0,
	WITH_TOKEN = 1 << 1,
	WITH_SCOPE = 1 << 2,
	WITH_NAME = 1 << 3, /* of a thing, in the path */
	WITH_BODY = 1 << 4,
	WHEN_CREATING = 1 << 5,
	WHEN_WAITING = 1 << 6,
	PAGE_ERRORS = 1 << 7, /* of a page, and only those */
};

/* What follows from a row of the table of routes. */
static const struct {
	enum err kind;
	unsigned when;
} implied[] = {
	{ ERR_MALFORMED, ALWAYS | PAGE_ERRORS },
	{ ERR_FIELD, ALWAYS },
	{ ERR_UNAUTHENTICATED, WITH_TOKEN },
	{ ERR_SCOPE, WITH_SCOPE },
	{ ERR_NOT_FOUND, WITH_NAME },
	{ ERR_GONE, WITH_TOKEN },
	{ ERR_TOO_LARGE, WITH_BODY },
	{ ERR_MEDIA_TYPE, WITH_BODY },
	{ ERR_RULE, WHEN_CREATING },
	{ ERR_REMOTE, WHEN_WAITING },
	{ ERR_RATE, ALWAYS | PAGE_ERRORS },
	{ ERR_INTERNAL, ALWAYS },
	{ ERR_UNAVAILABLE, ALWAYS | PAGE_ERRORS },
};

static bool
has_body(const struct route *route)
{
	return route->method == METHOD_POST || route->method == METHOD_PUT ||
	       route->method == METHOD_PATCH;
}

static unsigned
when_of(const struct route *route, const json_t *operation)
{
	unsigned when = ALWAYS;

	if (route->auth != AUTH_PUBLIC)
		when |= WITH_TOKEN;
	if (route->auth != AUTH_PUBLIC && route->scope != SCOPE_ANY_TOKEN)
		when |= WITH_SCOPE;
	if (strchr(route->path, '{'))
		when |= WITH_NAME;
	if (has_body(route))
		when |= WITH_BODY;
	if (route->creates)
		when |= WHEN_CREATING;
	if (json_get_bool(operation, "prefer", false))
		when |= WHEN_WAITING;
	return when;
}

/* Browsers come to a page by themselves: to them nginx shows its own for every error. */
static json_t *
error_content(const struct route *route, bool page)
{
	if (!page)
		return content_json(
		    ref_json("schemas", route->surface == SURFACE_V1 ? "ErrorV1" : "ErrorV2"));
	return content_of_type("text/html", text_of(NULL));
}

static void
add_error(json_t *responses, enum err err, const struct route *route, bool page)
{
	const struct err_kind *kind = err_kind(err);
	enum surface surface = route->surface;
	int number = kind->status[surface];
	char status[16];

	snprintf(status, sizeof(status), "%d", number);
	if (json_object_get(responses, status))
		return;
	json_t *response = json_object();
	json_put_text(response, "description", kind->message);
	json_put(response, "content", error_content(route, page));
	if (number == err_kind(ERR_RATE)->status[surface] ||
	    number == err_kind(ERR_UNAVAILABLE)->status[surface]) {
		json_t *headers = json_object();

		json_put(headers, "Retry-After", ref_json("headers", "RetryAfter"));
		json_put(response, "headers", headers);
	}
	json_put(responses, status, response);
}

static void
add_named_errors(json_t *responses, const json_t *names, const struct route *route)
{
	for (size_t i = 0; i < json_array_size(names); i++) {
		const char *name = json_string_value(json_array_get(names, i));

		for (int err = OK + 1; name && err < ERR_COUNT; err++)
			if (!strcmp(err_kind((enum err)err)->name, name))
				add_error(responses, (enum err)err, route, false);
	}
}

static const char *
reason_of(const char *status)
{
	char text[16];

	for (int how = 0; how < SUCCESS_COUNT; how++) {
		const char *reason;

		snprintf(text, sizeof(text), "%d", err_success_status((enum success)how, &reason));
		if (!strcmp(text, status))
			return reason;
	}
	return "";
}

static json_t *
responses_json(const struct route *route, const json_t *operation)
{
	json_t *responses = json_object(), *schema;
	bool page = json_get_bool(operation, "page", false);
	unsigned when = page ? PAGE_ERRORS : when_of(route, operation);
	const char *status, *media_type = json_get_text(operation, "mediaType");

	json_object_foreach(json_object_get(operation, "answers"), status, schema)
	{
		json_t *response = json_object();

		json_put_text(response, "description", reason_of(status));
		if (!json_is_null(schema))
			json_put(response, "content",
			    content_of_type(media_type ? media_type : JSON_TYPE,
				json_incref(schema)));
		json_put(responses, status, response);
	}
	for (size_t i = 0; i < sizeof(implied) / sizeof(implied[0]); i++)
		if (when & implied[i].when)
			add_error(responses, implied[i].kind, route, page);
	add_named_errors(responses, json_object_get(operation, "errors"), route);
	return responses;
}

/* ---- operations ---- */

/* get_api_v2_keys_id */
static json_t *
operation_id(const struct route *route)
{
	auto_buf struct buf id = BUF_INIT(512);

	for (const char *c = method_names[route->method]; *c; c++)
		buf_add_char(&id, (char)tolower((unsigned char)*c));
	for (const char *c = route->path; *c; c++)
		if (*c != '{' && *c != '}')
			buf_add_char(&id, isalnum((unsigned char)*c) ? *c : '_');
	return json_string(buf_text(&id));
}

/* The part of a path that says what it is about. */
static json_t *
tags_json(const struct route *route)
{
	static const char *const prefixes[] = { "/api/v1/", "/api/v2/", "/api/", "/" };
	const char *at = route->path;
	json_t *tags = json_array();

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		size_t len = strlen(prefixes[i]);

		if (!strncmp(at, prefixes[i], len)) {
			at += len;
			break;
		}
	}
	json_array_append_new(tags, json_stringn(at, strcspn(at, "/")));
	return tags;
}

static json_t *
security_json(const struct route *route)
{
	static const char *const of_token[] = { "token", "userToken", NULL };
	static const char *const of_link[] = { "link", NULL };
	static const char *const none[] = { NULL };
	const char *const *names = route->auth != AUTH_PUBLIC         ? of_token
				   : route->surface == SURFACE_PUBLIC ? of_link
								      : none;
	json_t *list = json_array();

	for (; *names; names++) {
		json_t *one = json_object();

		json_put(one, *names, json_array());
		json_array_append_new(list, one);
	}
	return list;
}

static void
put_request(json_t *operation_out, const struct route *route, const json_t *operation)
{
	json_t *schema = json_object_get(operation, "request");

	if (!has_body(route) || (!route->fields && !schema))
		return;
	json_t *request = json_object();
	json_put_bool(request, "required", !route->body_optional);
	json_put(request, "content",
	    content_json(schema ? json_incref(schema) : openapi_fields_schema(route->fields)));
	json_put(operation_out, "requestBody", request);
}

static json_t *
operation_json(const struct route *route, const json_t *described, const json_t *operation)
{
	json_t *made = json_object();

	json_put(made, "operationId", operation_id(route));
	json_put_text(made, "summary", route->summary);
	json_put(made, "tags", tags_json(route));
	if (route->deprecated_at)
		json_put_bool(made, "deprecated", true);
	if (route->auth != AUTH_PUBLIC)
		json_put_text(made, "x-scope", scopes_name(route->scope));
	json_put_text(made, "x-audit", route->audit);
	json_put(made, "security", security_json(route));
	json_put(made, "parameters", parameters_json(route, described, operation));
	put_request(made, route, operation);
	json_put(made, "responses", responses_json(route, operation));
	return made;
}

static void
add_route(json_t *paths, const struct route *route, const json_t *described)
{
	char name[256], method[16];
	size_t n = 0;

	snprintf(name, sizeof(name), "%s %s", method_names[route->method], route->path);
	for (const char *c = method_names[route->method]; *c && n < sizeof(method) - 1; c++)
		method[n++] = (char)tolower((unsigned char)*c);
	method[n] = '\0';
	if (!json_object_get(paths, route->path))
		json_put(paths, route->path, json_object());
	json_put(json_object_get(paths, route->path), method,
	    operation_json(route, described,
		json_object_get(json_object_get(described, "operations"), name)));
}

json_t *
openapi_make(const struct route *const *tables, const json_t *described, const char *public_url)
{
	json_t *document = json_object(), *info = json_object(), *paths = json_object();
	json_t *servers = json_array(), *server = json_object();
	json_t *given = json_object_get(described, "info");

	if (given && json_object_update(info, given))
		abort();
	json_put_text(info, "version", BAILEE_VERSION);
	json_put_text(server, "url", public_url);
	json_array_append_new(servers, server);
	for (; *tables; tables++)
		for (const struct route *route = *tables; route->path; route++)
			add_route(paths, route, described);
	json_put_text(document, "openapi", "3.1.0");
	json_put(document, "info", info);
	json_put(document, "servers", servers);
	json_put(document, "paths", paths);
	json_put(document, "components", json_deep_copy(json_object_get(described, "components")));
	return document;
}

enum err
openapi_load(const struct route *const *tables, const char *file, const char *public_url,
    char **text_out, struct errctx *ctx)
{
	json_error_t error;
	json_auto_t *described = json_load_file(file, JSON_REJECT_DUPLICATES, &error);

	if (!described || !json_object_get(described, "components"))
		return err_set(ctx, ERR_CONFIG, "openapi_file", "%s: line %d: %s", file,
		    described ? 1 : error.line, described ? "no components" : error.text);
	json_auto_t *document = openapi_make(tables, described, public_url);
	*text_out = json_text(document);
	return OK;
}

static enum err
get_openapi(struct ctx *ctx, struct response *response)
{
	const char *text = api_pool(ctx)->openapi;

	return response_text(response, JSON_TYPE, text, strlen(text));
}

const struct route openapi_routes[] = {
	{ .method = METHOD_GET,
	    .path = "/api/openapi.json",
	    .scope = SCOPE_NONE_PUBLIC,
	    .audit = "none",
	    .surface = SURFACE_V2,
	    .auth = AUTH_PUBLIC,
	    .handler = get_openapi,
	    .summary = "This document" },
	{ 0 },
};
