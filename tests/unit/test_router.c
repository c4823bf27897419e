/* SPDX-License-Identifier: Apache-2.0 */
/* Routes: the table's duties, the way to a handler, and that no door opens without a checked token.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "web/router.h"

/* A token check of the test's own: any Authorization counts as a token, "Bearer bad" as an unknown
 * one. */
struct auth {
	bool presented, checked, bad;
	int first_calls;
	uint32_t scope;
};
static bool first_check_forgets, database_away;

enum err
auth_present(struct auth *auth, const struct request *request, uint32_t scope, struct errctx *ctx)
{
	if (!request->authorization)
		return err_set(ctx, ERR_UNAUTHENTICATED, "", "no token");
	auth->presented = true;
	auth->scope = scope;
	auth->bad = !strcmp(request->authorization, "Bearer bad");
	return OK;
}

enum err
auth_first(struct ctx *ctx)
{
	ctx->auth->first_calls++;
	if (database_away)
		return err_set(&ctx->err, ERR_LOST, "", "database away");
	if (ctx->auth->bad)
		return err_set(&ctx->err, ERR_UNAUTHENTICATED, "", "unknown token");
	ctx->auth->checked = !first_check_forgets;
	return OK;
}

bool
auth_checked(const struct auth *auth)
{
	return auth->checked;
}

const char *
auth_public_id(const struct auth *auth)
{
	return auth->presented ? "publicid" : "";
}

static int handler_calls;

static enum err
answer_route(struct ctx *ctx, struct response *response)
{
	json_t *body = json_object();

	handler_calls++;
	json_put_text(body, "route", ctx->route->path);
	if (strchr(ctx->route->path, '{'))
		json_put_text(body, "id", route_param(ctx, "id"));
	return response_json(response, body);
}

/* A good handler of a joined route: its statement checks the token with the row. */
static enum err
answer_joined(struct ctx *ctx, struct response *response)
{
	if (ctx->auth->bad)
		return err_set(&ctx->err, ERR_NOT_FOUND, "", "no such row");
	ctx->auth->checked = true;
	return answer_route(ctx, response);
}

static enum err
forget_to_check(struct ctx *ctx, struct response *response)
{
	(void)ctx;
	handler_calls++;
	(void)!response_header(response, "X-Leak", "canary");
	return response_json(response, json_pack("{s:s}", "secret", "canary"));
}

static enum err
refuse_early(struct ctx *ctx, struct response *response)
{
	(void)response;
	return err_set(&ctx->err, ERR_FIELD, "name", "is required");
}

static enum err
answer_two(struct ctx *ctx, struct response *response)
{
	int64_t id = 0;
	struct uuid uuid;
	enum err err = route_param_int(ctx, "id", &id);

	if (!err)
		err = route_param_uuid(ctx, "part", &uuid);
	return err ? err : response_json(response, json_pack("{s:I}", "id", (json_int_t)id));
}

#define PUBLIC .scope = SCOPE_NONE_PUBLIC, .auth = AUTH_PUBLIC, .audit = "none"
#define FIRST .scope = SCOPE_KEYS_READ, .auth = AUTH_FIRST, .audit = "none"
#define JOINED .scope = SCOPE_KEYS_READ, .auth = AUTH_JOINED, .audit = "key.read"

static const struct route api_routes[] = {
	{ METHOD_GET, "/api/v2/keys", FIRST, .handler = answer_route },
	{ METHOD_POST, "/api/v2/keys", FIRST, .handler = answer_route, .body_limit = 10 },
	{ METHOD_GET, "/api/v2/keys/types", FIRST, .handler = answer_route },
	{ METHOD_GET, "/api/v2/keys/{id}", JOINED, .handler = answer_joined },
	{ METHOD_DELETE, "/api/v2/keys/{id}", JOINED, .handler = answer_joined },
	{ METHOD_GET, "/api/v2/keys/{id}/log", JOINED, .handler = answer_joined },
	{ METHOD_GET, "/api/v2/two/{id}/of/{part}", FIRST, .handler = answer_two },
	{ METHOD_GET, "/api/v2/forgets", JOINED, .handler = forget_to_check },
	{ METHOD_GET, "/api/v2/early", JOINED, .handler = refuse_early },
	{ METHOD_GET, "/api/v2/old", FIRST, .handler = answer_route, .deprecated_at = 1735689600,
	    .successor = "/api/v2/keys" },
	{ METHOD_GET, "/api/v1/info", FIRST, .surface = SURFACE_V1, .handler = answer_route },
	{ 0 },
};
static const struct route page_routes[] = {
	{ METHOD_GET, "/public/requests/{id}", PUBLIC, .surface = SURFACE_PUBLIC,
	    .handler = answer_route },
	{ 0 },
};
static const struct route *const tables[] = { api_routes, page_routes, NULL };

struct fixture {
	struct router *router;
	struct auth auth;
	struct response response;
};

static int
set_up(void **state)
{
	static struct fixture fixture;
	struct errctx ctx = { 0 };

	memset(&fixture, 0, sizeof(fixture));
	if (router_open(tables, &fixture.router, &ctx))
		fail_msg("%s", err_text(&ctx));
	fixture.response = RESPONSE_INIT;
	handler_calls = 0;
	first_check_forgets = database_away = false;
	*state = &fixture;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *fixture = *state;

	router_close(&fixture->router);
	response_free(&fixture->response);
	return 0;
}

static int
serve(struct fixture *fixture, const char *method, const char *uri, const char *token,
    const char *body)
{
	const struct request_param params[] = { { "REQUEST_METHOD", method },
		{ "REQUEST_URI", uri }, { "HTTP_AUTHORIZATION", token ? token : "" } };
	const struct request_source source = { params, 3, body, body ? strlen(body) : 0, OK };

	response_free(&fixture->response);
	fixture->response = RESPONSE_INIT;
	memset(&fixture->auth, 0, sizeof(fixture->auth));
	router_serve(fixture->router, NULL, &fixture->auth, &source, &fixture->response);
	return fixture->response.status;
}

static bool
body_has(const struct fixture *fixture, const char *text)
{
	return strstr(buf_text(&fixture->response.text), text) != NULL;
}

static bool
head_has(const struct fixture *fixture, const char *text)
{
	return strstr(buf_text(&fixture->response.head), text) != NULL;
}

static void
finds_the_most_literal_route(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(serve(f, "GET", "/api/v2/keys/types?x=1", "Bearer t", NULL), 200);
	assert_true(body_has(f, "\"/api/v2/keys/types\""));
	assert_int_equal(serve(f, "GET", "/api/v2/keys/a%20b", "Bearer t", NULL), 200);
	assert_true(body_has(f, "\"id\":\"a b\""));
	assert_int_equal(serve(f, "GET", "/api/v2/keys/types/log", "Bearer t", NULL), 200);
	assert_true(body_has(f, "\"id\":\"types\""));
	assert_int_equal(serve(f, "DELETE", "/api/v2/keys/types", "Bearer t", NULL), 200);
	assert_int_equal(serve(f, "GET", "/public/requests/7", NULL, NULL), 200);
}

static void
unknown_paths_are_404_in_the_shape_of_their_surface(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(serve(f, "GET", "/api/v2/none", "Bearer t", NULL), 404);
	assert_true(body_has(f, "\"code\":\"SC404\""));
	assert_int_equal(serve(f, "GET", "/api/v1/none", "Bearer t", NULL), 404);
	assert_true(body_has(f, "\"errors\":[{"));
	assert_int_equal(serve(f, "GET", "/api/v2", NULL, NULL), 404);
	assert_int_equal(serve(f, "GET", "/", NULL, NULL), 404);
	assert_int_equal(serve(f, "GET", "/API/v2/keys", "Bearer t", NULL), 404);
	assert_int_equal(serve(f, "GET", "/api/v1/x%2f", NULL, NULL), 400);
	assert_true(body_has(f, "\"errors\":[{"));
	assert_int_equal(handler_calls, 0);
}

static void
other_methods_are_405_with_allow(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(serve(f, "PUT", "/api/v2/keys/7", "Bearer t", NULL), 405);
	assert_true(head_has(f, "Allow: GET, HEAD, DELETE\r\n"));
	assert_int_equal(serve(f, "TRACE", "/api/v2/keys", NULL, NULL), 405);
	assert_true(head_has(f, "Allow: GET, HEAD, POST\r\n"));
}

static void
head_is_answered_like_get_without_body(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(serve(f, "HEAD", "/api/v2/keys", "Bearer t", NULL), 200);
	assert_true(f->response.no_body);
	assert_false(head_has(f, "Content-Length: 0"));
}

static void
first_mode_checks_before_the_handler(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(serve(f, "GET", "/api/v2/keys", NULL, NULL), 401);
	assert_true(head_has(f, "WWW-Authenticate: Bearer"));
	assert_int_equal(serve(f, "GET", "/api/v2/keys", "Bearer bad", NULL), 401);
	assert_int_equal(handler_calls, 0);
	assert_int_equal(serve(f, "GET", "/api/v2/keys", "Bearer t", NULL), 200);
	assert_int_equal(f->auth.first_calls, 1);
	assert_int_equal(f->auth.scope, SCOPE_KEYS_READ);
	first_check_forgets = true;
	handler_calls = 0;
	assert_int_equal(serve(f, "GET", "/api/v2/keys", "Bearer t", NULL), 500);
	assert_int_equal(handler_calls, 0);
}

static void
joined_mode_needs_no_statement_of_its_own(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(serve(f, "GET", "/api/v2/keys/7", "Bearer t", NULL), 200);
	assert_int_equal(f->auth.first_calls, 0);
	assert_int_equal(serve(f, "GET", "/api/v2/keys/7", NULL, NULL), 401);
}

static void
success_without_a_checked_token_is_an_error(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(serve(f, "GET", "/api/v2/forgets", "Bearer t", NULL), 500);
	assert_false(body_has(f, "canary"));
	assert_false(head_has(f, "canary"));
	assert_int_equal(handler_calls, 1);
}

static void
an_unknown_token_learns_nothing_else(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(serve(f, "GET", "/api/v2/early", "Bearer bad", NULL), 401);
	assert_false(body_has(f, "name"));
	assert_int_equal(serve(f, "GET", "/api/v2/keys/7", "Bearer bad", NULL), 401);
	assert_int_equal(serve(f, "GET", "/api/v2/early", "Bearer t", NULL), 400);
	assert_true(body_has(f, "name: is required"));
	assert_int_equal(f->auth.first_calls, 1);
	database_away = true;
	assert_int_equal(serve(f, "GET", "/api/v2/early", "Bearer bad", NULL), 503);
	assert_true(head_has(f, "Retry-After: "));
	assert_false(body_has(f, "name"));
}

static void
body_limit_of_the_route_counts(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(serve(f, "POST", "/api/v2/keys", "Bearer t", "0123456789"), 200);
	assert_int_equal(serve(f, "POST", "/api/v2/keys", "Bearer t", "0123456789a"), 413);
	assert_int_equal(serve(f, "POST", "/api/v2/keys", "Bearer bad", "0123456789a"), 401);
}

static void
ids_that_cannot_be_are_like_unknown_ones(void **state)
{
	static const char *const bad[] = { "/api/v2/two/x/of/00000000-0000-4000-8000-000000000000",
		"/api/v2/two/0/of/00000000-0000-4000-8000-000000000000",
		"/api/v2/two/-1/of/00000000-0000-4000-8000-000000000000",
		"/api/v2/two/9999999999999999999/of/00000000-0000-4000-8000-000000000000",
		"/api/v2/two/1/of/x" };
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(serve(f, "GET", bad[i], "Bearer t", NULL), 404);
	assert_int_equal(serve(f, "GET", "/api/v2/two/12/of/00000000-0000-4000-8000-000000000000",
			     "Bearer t", NULL),
	    200);
	assert_true(body_has(f, "12"));
}

static void
deprecated_routes_name_their_successor(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(serve(f, "GET", "/api/v2/old", "Bearer t", NULL), 200);
	assert_true(head_has(f, "Deprecation: @1735689600\r\n"));
	assert_true(head_has(f, "Link: </api/v2/keys>; rel=\"successor-version\"\r\n"));
}

static void
a_row_that_forgets_its_duties_stops_the_program(void **state)
{
#define GOOD METHOD_GET, "/api/v2/x"
	static const struct route bad[] = {
		{ GOOD, .auth = AUTH_FIRST, .audit = "none", .handler = answer_route },
		{ GOOD, .auth = AUTH_FIRST, .scope = SCOPE_KEYS_READ | SCOPE_KEYS_WRITE,
		    .audit = "none", .handler = answer_route },
		{ GOOD, .auth = AUTH_FIRST, .scope = SCOPE_KEYS_READ, .handler = answer_route },
		{ GOOD, .auth = AUTH_FIRST, .scope = SCOPE_KEYS_READ, .audit = "",
		    .handler = answer_route },
		{ GOOD, .scope = SCOPE_KEYS_READ, .audit = "none", .handler = answer_route },
		{ GOOD, .auth = AUTH_PUBLIC, .scope = SCOPE_KEYS_READ, .audit = "none",
		    .handler = answer_route },
		{ GOOD, .auth = AUTH_FIRST, .scope = SCOPE_NONE_PUBLIC, .audit = "none",
		    .handler = answer_route },
		{ GOOD, FIRST },
		{ METHOD_NONE, "/api/v2/x", FIRST, .handler = answer_route },
		{ METHOD_HEAD, "/api/v2/x", FIRST, .handler = answer_route },
		{ METHOD_GET, "/api/v1/x", FIRST, .handler = answer_route },
		{ METHOD_GET, "api/v2/x", FIRST, .handler = answer_route },
		{ METHOD_GET, "/api/v2/x/", FIRST, .handler = answer_route },
		{ METHOD_GET, "/api/v2//x", FIRST, .handler = answer_route },
		{ METHOD_GET, "/api/v2/{id", FIRST, .handler = answer_route },
		{ METHOD_GET, "/api/v2/a{id}", FIRST, .handler = answer_route },
		{ METHOD_GET, "/{a}/{b}/{c}/{d}/{e}", FIRST, .handler = answer_route },
		{ GOOD, FIRST, .handler = answer_route, .successor = "/api/v2/y" },
		{ GOOD, FIRST, .handler = answer_route, .creates = true },
		{ METHOD_POST, "/api/v2/x", JOINED, .handler = answer_joined, .creates = true },
		{ METHOD_GET, "/api/v2/keys/{other}", FIRST, .handler = answer_route },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const struct route table[] = { bad[i], { 0 } };
		const struct route *const both[] = { api_routes, table, NULL };
		struct router *router = NULL;
		struct errctx ctx = { 0 };

		if (router_open(both, &router, &ctx) != ERR_CONFIG)
			fail_msg("row %zu was taken", i);
		if (!strstr(err_text(&ctx), bad[i].path))
			fail_msg("row %zu is not named: %s", i, err_text(&ctx));
		assert_null(router);
	}
}

static void
tells_all_its_routes(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(router_count(f->router), 12);
	assert_string_equal(router_route(f->router, 11)->path, "/public/requests/{id}");
}

static void
scopes_are_read_and_named(void **state)
{
	struct errctx ctx = { 0 };
	uint32_t bits = 0;

	(void)state;
	assert_int_equal(scopes_parse(" keys:read, keys:write", &bits, &ctx), OK);
	assert_int_equal(bits, SCOPE_KEYS_READ | SCOPE_KEYS_WRITE);
	assert_int_equal(scopes_parse("all", &bits, &ctx), OK);
	assert_int_equal(bits, SCOPES_ALL);
	assert_int_equal(scopes_parse("keys:read,keys:all", &bits, &ctx), ERR_VALUE);
	assert_int_equal(scopes_parse(" ,", &bits, &ctx), ERR_VALUE);
	for (size_t i = 0; i < SCOPE_COUNT; i++)
		assert_string_equal(scopes_name(scopes_table[i].bit), scopes_table[i].name);
	assert_null(scopes_name(0));
	assert_true(scopes_allow(SCOPE_KEYS_READ, SCOPE_ANY_TOKEN));
	assert_true(scopes_allow(SCOPE_KEYS_READ, SCOPE_KEYS_READ));
	assert_false(scopes_allow(SCOPE_KEYS_READ, SCOPE_KEYS_WRITE));
	assert_false(scopes_allow(SCOPES_ALL, SCOPE_UNSET));
	assert_false(scopes_allow(SCOPES_ALL, SCOPE_NONE_PUBLIC));
}

#define ROUTER_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ROUTER_TEST(finds_the_most_literal_route),
		ROUTER_TEST(unknown_paths_are_404_in_the_shape_of_their_surface),
		ROUTER_TEST(other_methods_are_405_with_allow),
		ROUTER_TEST(head_is_answered_like_get_without_body),
		ROUTER_TEST(first_mode_checks_before_the_handler),
		ROUTER_TEST(joined_mode_needs_no_statement_of_its_own),
		ROUTER_TEST(success_without_a_checked_token_is_an_error),
		ROUTER_TEST(an_unknown_token_learns_nothing_else),
		ROUTER_TEST(body_limit_of_the_route_counts),
		ROUTER_TEST(ids_that_cannot_be_are_like_unknown_ones),
		ROUTER_TEST(deprecated_routes_name_their_successor),
		ROUTER_TEST(a_row_that_forgets_its_duties_stops_the_program),
		ROUTER_TEST(tells_all_its_routes),
		ROUTER_TEST(scopes_are_read_and_named),
	};

	log_setup("test_router", LOG_ERROR, false);
	return cmocka_run_group_tests_name("router", tests, NULL, NULL);
}
