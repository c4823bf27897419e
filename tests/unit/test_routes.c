/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of routes as they are: each described, each description a route, and what follows from
 * a row is in the OpenAPI document. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/openapi.h"
#include "api/routes.h"
#include "base/secret.h"
#include "page/routes.h"

static const struct route *const tables[] = { API_ROUTE_TABLES, PAGE_ROUTE_TABLES, NULL };

static json_t *described, *document;
static struct router *router;

static int
start(void **state)
{
	const char *data = getenv("BAILEE_TEST_DATA");
	char file[512];
	struct errctx ctx = { 0 };
	(void)state;

	snprintf(file, sizeof(file), "%s/../../docs/openapi/schemas.json",
	    data ? data : "tests/data");
	described = json_load_file(file, JSON_REJECT_DUPLICATES, NULL);
	if (!described)
		fail_msg("%s is not there, or no JSON", file);
	document = openapi_make(tables, described, "http://127.0.0.1:8080");
	if (router_open(tables, &router, &ctx))
		fail_msg("%s", err_text(&ctx));
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	json_decref(described);
	json_decref(document);
	router_close(&router);
	return 0;
}

static const char *
name_of(const struct route *route)
{
	static char name[256];

	snprintf(name, sizeof(name), "%s %s", method_names[route->method], route->path);
	return name;
}

/* What the document says of a route. */
static const json_t *
operation_of(const struct route *route)
{
	static const char *const methods[METHOD_COUNT] = { [METHOD_GET] = "get",
		[METHOD_POST] = "post",
		[METHOD_PUT] = "put",
		[METHOD_PATCH] = "patch",
		[METHOD_DELETE] = "delete" };
	const json_t *path = json_object_get(json_object_get(document, "paths"), route->path);
	const json_t *operation = json_object_get(path, methods[route->method]);

	if (!operation)
		fail_msg("%s is not in the document", name_of(route));
	return operation;
}

static bool
answers(const struct route *route, enum err err)
{
	char status[16];

	snprintf(status, sizeof(status), "%d", err_kind(err)->status[route->surface]);
	return json_object_get(json_object_get(operation_of(route), "responses"), status) != NULL;
}

static void
every_route_is_described_and_every_description_is_a_route(void **state)
{
	const json_t *operations = json_object_get(described, "operations");
	const char *name;
	json_t *value;
	bool all = true;
	(void)state;

	for (size_t i = 0; i < router_count(router); i++) {
		const struct route *route = router_route(router, i);
		const json_t *one = json_object_get(operations, name_of(route));

		if (!one) {
			print_error("describe \"%s\" in docs/openapi/schemas.json\n",
			    name_of(route));
			all = false;
			continue;
		}
		if (json_object_size(json_object_get(one, "answers")) == 0)
			fail_msg("%s has no answers", name_of(route));
		if (!route->summary || !*route->summary)
			fail_msg("%s has no summary", name_of(route));
	}
	json_object_foreach((json_t *)(uintptr_t)operations, name, value)
	{
		bool found = false;

		for (size_t i = 0; i < router_count(router); i++)
			found = found || !strcmp(name, name_of(router_route(router, i)));
		if (!found)
			fail_msg("\"%s\" is described and no route", name);
	}
	assert_true(all);
}

static void
every_route_is_in_the_document_once(void **state)
{
	size_t n = 0;
	const char *path;
	json_t *methods;
	(void)state;

	for (size_t i = 0; i < router_count(router); i++)
		(void)operation_of(router_route(router, i));
	json_object_foreach(json_object_get(document, "paths"), path, methods) n +=
	    json_object_size(methods);
	assert_int_equal(n, router_count(router));
}

/* Calls that do something to what is there; everything else that is posted makes something. */
static bool
posts_to_something(const char *path)
{
	static const char *const last[] = { "decline", "delete-remote", "request-reauthorize",
		"test", "request", "scoped", "set-data", "token", NULL };
	const char *slash = strrchr(path, '/');

	if (!strncmp(path, "/public/", 8)) /* a person's answers */
		return true;
	for (size_t i = 0; last[i]; i++)
		if (!strcmp(slash + 1, last[i]))
			return true;
	return false;
}

static void
every_post_that_makes_something_takes_an_idempotency_key(void **state)
{
	(void)state;

	for (size_t i = 0; i < router_count(router); i++) {
		const struct route *route = router_route(router, i);

		if (route->method == METHOD_POST &&
		    route->creates == posts_to_something(route->path))
			fail_msg("%s: does it make something? .creates says %d", name_of(route),
			    route->creates);
	}
}

/* Browsers come to it by themselves: it says no more than that they cannot go on. */
static bool
is_page(const struct route *route)
{
	return strncmp(route->path, "/oauth/", 7) == 0;
}

static void
what_follows_from_the_row_of_a_route_is_documented(void **state)
{
	(void)state;

	for (size_t i = 0; i < router_count(router); i++) {
		const struct route *route = router_route(router, i);
		bool token = route->auth != AUTH_PUBLIC;
		bool scope = token && route->scope != SCOPE_ANY_TOKEN;
		const json_t *security = json_object_get(operation_of(route), "security");

		if (token && !answers(route, ERR_UNAUTHENTICATED))
			fail_msg("%s: no answer to a bad token", name_of(route));
		if (scope && !answers(route, ERR_SCOPE))
			fail_msg("%s: no answer to a missing scope", name_of(route));
		if (strchr(route->path, '{') && !is_page(route) && !answers(route, ERR_NOT_FOUND))
			fail_msg("%s: no answer to an unknown id", name_of(route));
		if (!answers(route, ERR_UNAVAILABLE) || !answers(route, ERR_RATE) ||
		    !answers(route, ERR_FIELD))
			fail_msg("%s: no answer to trouble", name_of(route));
		if (token != (json_array_size(security) == 2))
			fail_msg("%s: security is wrong", name_of(route));
		if (!route->deprecated_at != !json_object_get(operation_of(route), "deprecated"))
			fail_msg("%s: deprecated or not?", name_of(route));
	}
}

static void
every_call_with_a_body_says_what_is_in_it(void **state)
{
	/* these take none */
	static const char *const empty[] = { "delete-remote", "request-reauthorize", "test", NULL };
	(void)state;

	for (size_t i = 0; i < router_count(router); i++) {
		const struct route *route = router_route(router, i);
		bool sends = route->method == METHOD_POST || route->method == METHOD_PUT ||
			     route->method == METHOD_PATCH;

		for (size_t k = 0; empty[k]; k++)
			sends = sends && strcmp(strrchr(route->path, '/') + 1, empty[k]) != 0;
		if (sends && !json_object_get(operation_of(route), "requestBody"))
			fail_msg("%s: give it .fields or a \"request\"", name_of(route));
	}
}

static const json_t *
resolve(const char *ref)
{
	char part[256];
	const json_t *at = document;

	assert_int_equal(strncmp(ref, "#/", 2), 0);
	for (ref += 2; *ref; ref += strcspn(ref, "/"), ref += *ref == '/') {
		snprintf(part, sizeof(part), "%.*s", (int)strcspn(ref, "/"), ref);
		at = json_object_get(at, part);
	}
	return at;
}

static size_t
check_refs(const json_t *value)
{
	size_t n = 0, index;
	const char *name;
	json_t *member;

	json_object_foreach((json_t *)(uintptr_t)value, name, member)
	{
		const char *text = json_string_value(member);

		if (!strcmp(name, "$ref") && text) {
			if (!resolve(text))
				fail_msg("%s leads nowhere", text);
			n++;
		} else {
			n += check_refs(member);
		}
	}
	json_array_foreach(value, index, member) n += check_refs(member);
	return n;
}

static void
every_reference_resolves(void **state)
{
	(void)state;
	assert_true(check_refs(document) > 100);
}

static void
every_component_is_used(void **state)
{
	static const char *const kinds[] = { "schemas", "parameters", "headers" };
	const json_t *components = json_object_get(document, "components");
	auto_wipe char *text = json_text(document);
	const char *name;
	json_t *value;
	char ref[256];
	(void)state;

	for (size_t i = 0; i < 3; i++) {
		json_object_foreach(json_object_get(components, kinds[i]), name, value)
		{
			snprintf(ref, sizeof(ref), "\"#/components/%s/%s\"", kinds[i], name);
			if (!strstr(text, ref))
				fail_msg("%s is not used", ref);
		}
	}
}

static void
named_errors_and_columns_are_known(void **state)
{
	const json_t *schemas =
	    json_object_get(json_object_get(described, "components"), "schemas");
	const char *name;
	json_t *value, *error;
	size_t index;
	(void)state;

	json_object_foreach(json_object_get(described, "operations"), name, value)
	{
		const char *cols = json_get_text(value, "cols");

		if (cols && !json_object_get(json_object_get(schemas, cols), "x-columns"))
			fail_msg("%s: cols of %s, which has no x-columns", name, cols);
		json_array_foreach(json_object_get(value, "errors"), index, error)
		{
			bool known = false;

			for (int err = OK + 1; err < ERR_COUNT; err++)
				known = known || !strcmp(err_kind((enum err)err)->name,
						     json_string_value(error));
			if (!known)
				fail_msg("%s: no such error: %s", name, json_string_value(error));
		}
	}
}

static void
tables_of_fields_become_schemas(void **state)
{
	static const char *const names[] = { "a", "b", NULL };
	static const struct field_spec element = { .type = FIELD_UUID };
	static const struct field_spec inner[] = { { .name = "x", .type = FIELD_BOOL }, { 0 } };
	static const struct field_spec fields[] = {
		{ .name = "t", .type = FIELD_TEXT, .flags = FIELD_REQUIRED, .least = 1, .most = 9 },
		{ .name = "n", .type = FIELD_INT, .flags = FIELD_DIGITS, .least = 1, .most = 5 },
		{ .name = "e", .type = FIELD_ENUM, .flags = FIELD_NULLABLE, .names = names },
		{ .name = "l", .type = FIELD_ARRAY, .least = 1, .most = 2, .element = &element },
		{ .name = "o", .type = FIELD_OBJECT, .flags = FIELD_STRICT, .fields = inner },
		{ .name = "v", .type = FIELD_ANY },
		{ 0 },
	};
	json_auto_t *schema = openapi_fields_schema(fields);
	auto_wipe char *text = json_text(schema);
	(void)state;

	assert_string_equal(text,
	    "{\"type\":\"object\",\"properties\":{"
	    "\"t\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":9},"
	    "\"n\":{\"anyOf\":[{\"type\":\"integer\",\"minimum\":1,\"maximum\":5},"
	    "{\"type\":\"string\",\"pattern\":\"^[0-9]+$\"}]},"
	    "\"e\":{\"anyOf\":[{\"type\":\"string\",\"enum\":[\"a\",\"b\"]},{\"type\":\"null\"}]},"
	    "\"l\":{\"type\":\"array\",\"minItems\":1,\"maxItems\":2,"
	    "\"items\":{\"type\":\"string\",\"format\":\"uuid\"}},"
	    "\"o\":{\"type\":\"object\",\"properties\":{\"x\":{\"type\":\"boolean\"}},"
	    "\"additionalProperties\":false},"
	    "\"v\":{}},\"required\":[\"t\"]}");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_route_is_described_and_every_description_is_a_route),
		cmocka_unit_test(every_route_is_in_the_document_once),
		cmocka_unit_test(every_post_that_makes_something_takes_an_idempotency_key),
		cmocka_unit_test(what_follows_from_the_row_of_a_route_is_documented),
		cmocka_unit_test(every_call_with_a_body_says_what_is_in_it),
		cmocka_unit_test(every_reference_resolves),
		cmocka_unit_test(every_component_is_used),
		cmocka_unit_test(named_errors_and_columns_are_known),
		cmocka_unit_test(tables_of_fields_become_schemas),
	};

	return cmocka_run_group_tests_name("routes", tests, start, stop);
}
