/* SPDX-License-Identifier: Apache-2.0 */
/* From method and path to a handler, by tables of routes that say scope, audit event and limits. */
#include "web/router.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "web/idempotency.h"

#define SEGMENTS_MAX 16

/* A place in the tree of path segments. */
struct node {
	const char *text; /* segment as in the table; NULL for the root and for {parameters} */
	size_t len;
	const struct route *routes[METHOD_COUNT];
	struct node *children; /* first of the plain ones */
	struct node *next;     /* sibling */
	struct node *any;      /* {parameter} child */
};

struct router {
	const struct route *routes[ROUTER_ROUTES_MAX];
	size_t n;
	struct node root;
};

enum surface
router_surface(const char *path)
{
	if (!strncmp(path, "/api/v1", 7) && (path[7] == '/' || !path[7]))
		return SURFACE_V1;
	if (!strncmp(path, "/public", 7) && (path[7] == '/' || !path[7]))
		return SURFACE_PUBLIC;
	return SURFACE_V2;
}

/* ---- building ---- */

/* Plain segments, or whole ones in braces; no empty ones. */
static bool
path_is_plain(const char *path)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789-_.";
	unsigned params = 0, segments = 0;

	while (*path == '/') {
		bool braces = *++path == '{';
		size_t len = strspn(path += braces, plain);

		path += len;
		if (len == 0 || (braces && *path++ != '}'))
			return false;
		params += braces;
		segments++;
	}
	return *path == '\0' && segments > 0 && segments <= SEGMENTS_MAX &&
	       params <= ROUTE_PARAMS_MAX;
}

/* What is wrong with a row, or NULL. */
static const char *
route_trouble(const struct route *route)
{
	if (route->method <= METHOD_NONE || route->method >= METHOD_COUNT ||
	    route->method == METHOD_HEAD)
		return "has no method";
	if (!scopes_name(route->scope))
		return "has no scope";
	if (!route->audit || !*route->audit)
		return "has no audit event";
	if (!route->handler)
		return "has no handler";
	if (!path_is_plain(route->path))
		return "has a path that is not plain";
	if (route->surface != router_surface(route->path))
		return "has another surface than its path";
	if (route->auth == AUTH_UNSET)
		return "does not say how its token is checked";
	if ((route->auth == AUTH_PUBLIC) != (route->scope == SCOPE_NONE_PUBLIC))
		return "must be public in both scope and auth, or in neither";
	if (route->creates && (route->method != METHOD_POST || route->auth != AUTH_FIRST))
		return "creates and is no POST whose token is checked first";
	if (!route->successor != !route->deprecated_at)
		return "has a successor or a date of deprecation without the other";
	return NULL;
}

static struct node *
node_child(struct node *node, const char *text, size_t len)
{
	struct node **at = text[0] == '{' ? &node->any : &node->children;

	while (*at && text[0] != '{' && ((*at)->len != len || memcmp((*at)->text, text, len)))
		at = &(*at)->next;
	if (!*at) {
		*at = xcalloc(1, sizeof(**at));
		(*at)->text = text;
		(*at)->len = len;
	}
	return *at;
}

static enum err
router_add(struct router *router, const struct route *route, struct errctx *ctx)
{
	const char *trouble = route_trouble(route);
	struct node *node = &router->root;

	if (!trouble && router->n == ROUTER_ROUTES_MAX)
		trouble = "is one too many";
	for (const char *at = route->path; !trouble && *at == '/';) {
		size_t len = strcspn(++at, "/");

		node = node_child(node, at, len);
		at += len;
	}
	if (!trouble && node->routes[route->method])
		trouble = "stands twice";
	if (trouble)
		return err_set(ctx, ERR_CONFIG, "", "route %s %s %s",
		    route->method < METHOD_COUNT ? method_names[route->method] : "?", route->path,
		    trouble);
	node->routes[route->method] = route;
	router->routes[router->n++] = route;
	return OK;
}

enum err
router_open(const struct route *const *tables, struct router **router_out, struct errctx *ctx)
{
	struct router *router = xcalloc(1, sizeof(*router));

	for (; *tables; tables++) {
		for (const struct route *route = *tables; route->path; route++) {
			enum err err = router_add(router, route, ctx);

			if (err) {
				router_close(&router);
				return err;
			}
		}
	}
	*router_out = router;
	return OK;
}

static void
node_free(struct node *node)
{
	while (node) {
		struct node *next = node->next;

		node_free(node->children);
		node_free(node->any);
		free(node);
		node = next;
	}
}

void
router_close(struct router **router)
{
	if (!*router)
		return;
	node_free((*router)->root.children);
	node_free((*router)->root.any);
	free(*router);
	*router = NULL;
}

size_t
router_count(const struct router *router)
{
	return router->n;
}

const struct route *
router_route(const struct router *router, size_t index)
{
	assert(index < router->n);
	return router->routes[index];
}

/* ---- finding ---- */

/* The node that `path` leads to, one with `method` before any other; plain segments before
 * parameters. Depth is bounded by the tables. */
static const struct node *
node_find(const struct node *node, const char *path, enum method method)
{
	const struct node *found = NULL;

	if (*path == '\0')
		return node;
	size_t len = strcspn(++path, "/");
	for (const struct node *child = node->children; child; child = child->next) {
		if (child->len == len && !memcmp(child->text, path, len)) {
			found = node_find(child, path + len, method);
			break;
		}
	}
	if ((found && found->routes[method]) || !node->any || len == 0)
		return found;
	const struct node *other = node_find(node->any, path + len, method);
	return other && (!found || other->routes[method]) ? other : found;
}

static bool
node_serves(const struct node *node)
{
	for (int i = 0; node && i < METHOD_COUNT; i++)
		if (node->routes[i])
			return true;
	return false;
}

static void
answer_method(const struct node *node, enum surface surface, struct response *response)
{
	auto_buf struct buf allow = BUF_INIT(128);

	for (int i = 0; i < METHOD_COUNT; i++)
		if (node->routes[i])
			buf_printf(&allow, "%s%s%s", allow.len ? ", " : "", method_names[i],
			    i == METHOD_GET ? ", HEAD" : "");
	response_method_error(response, surface, buf_text(&allow));
}

static void
take_route_params(struct ctx *ctx)
{
	const char *pattern = ctx->route->path;
	unsigned n = 0;

	/* the checked path fits, and has as many segments as the pattern */
	memcpy(ctx->param_text, ctx->req->path, sizeof(ctx->param_text));
	for (char *at = ctx->param_text; *at == '/';) {
		bool braces = *++pattern == '{';

		*at++ = '\0';
		if (braces)
			ctx->param_values[n++] = at;
		at += strcspn(at, "/");
		pattern += strcspn(pattern, "/");
	}
}

const char *
route_param(const struct ctx *ctx, const char *name)
{
	size_t len = strlen(name);
	unsigned n = 0;

	for (const char *at = strchr(ctx->route->path, '{'); at; at = strchr(at, '{'), n++) {
		at++;
		if (!strncmp(at, name, len) && at[len] == '}')
			return ctx->param_values[n];
	}
	assert(!"the route has this parameter");
	return "";
}

enum err
route_param_int(struct ctx *ctx, const char *name, int64_t *number_out)
{
	const char *text = route_param(ctx, name);
	size_t len = strlen(text);

	if (len == 0 || len > 18 || strspn(text, "0123456789") != len || text[0] == '0')
		return err_set(&ctx->err, ERR_NOT_FOUND, "", "there is no such %s", name);
	*number_out = strtoll(text, NULL, 10);
	return OK;
}

enum err
route_param_uuid(struct ctx *ctx, const char *name, struct uuid *uuid_out)
{
	if (uuid_parse(route_param(ctx, name), uuid_out))
		return err_set(&ctx->err, ERR_NOT_FOUND, "", "there is no such %s", name);
	return OK;
}

/* ---- answering ---- */

/* Nothing about the thing asked for is told by these, so that they need no second look at the
 * token. */
static bool
is_outage(enum err err)
{
	return err == ERR_UNAVAILABLE || err == ERR_LOST || err == ERR_CONFLICT ||
	       err == ERR_TIMEOUT || err == ERR_UNKNOWN_OUTCOME;
}

/* A handler of an AUTH_JOINED route came back without its statement having seen the token: who has
 * no valid token learns that and nothing else; and no success may pass that way. */
static enum err
settle_joined(struct ctx *ctx, enum err err)
{
	const struct errctx handler_err = ctx->err;

	if (!err) {
		log_error(LOG_EVENT("token_not_checked"), LOG_S("route", ctx->route->path));
		return err_set(&ctx->err, ERR_INTERNAL, "", "the token was not checked");
	}
	if (is_outage(err))
		return err;
	err_clear(&ctx->err);
	enum err auth_err = auth_first(ctx);
	if (auth_err)
		return auth_err;
	ctx->err = handler_err;
	return err;
}

static enum err
run_route(struct ctx *ctx, struct response *response)
{
	const struct route *route = ctx->route;
	enum err err = OK;

	if (route->auth != AUTH_PUBLIC)
		err = auth_present(ctx->auth, ctx->req, route->scope, &ctx->err);
	if (!err && route->auth == AUTH_FIRST)
		err = auth_first(ctx);
	if (!err && route->auth == AUTH_FIRST && !auth_checked(ctx->auth))
		err = err_set(&ctx->err, ERR_INTERNAL, "", "the token was not checked");
	if (err)
		return err;
	if (route->body_limit && ctx->req->body_len > route->body_limit)
		err = err_set(&ctx->err, ERR_TOO_LARGE, "", "the body is larger than %zu bytes",
		    route->body_limit);
	else if (route->creates && ctx->req->idempotency_key)
		err = idempotency_run(ctx, response);
	else
		err = route->handler(ctx, response);
	if (route->auth == AUTH_JOINED && !auth_checked(ctx->auth))
		err = settle_joined(ctx, err);
	return err;
}

/* Errors that are not the caller's are for the operator, too. */
static void
log_inner_error(const struct ctx *ctx, enum err err)
{
	if (!err_kind(err)->inner)
		return;
	log_error(LOG_EVENT("request_failed"), LOG_S("error", err_kind(err)->name),
	    LOG_S("detail", err_text(&ctx->err)));
}

static void
add_deprecation(const struct route *route, struct response *response)
{
	auto_buf struct buf text = BUF_INIT(512);
	enum err err;

	buf_printf(&text, "@%lld", (long long)route->deprecated_at);
	err = response_header(response, "Deprecation", buf_text(&text));
	buf_free(&text);
	buf_printf(&text, "<%s>; rel=\"successor-version\"", route->successor);
	if (!err)
		err = response_header(response, "Link", buf_text(&text));
	if (err)
		log_error(LOG_EVENT("deprecation_header"), LOG_S("route", route->path));
}

void
router_dispatch(const struct router *router, struct ctx *ctx, struct response *response)
{
	enum surface surface = router_surface(ctx->req->path);
	enum method method = ctx->req->method;
	const struct node *node = node_find(&router->root, ctx->req->path, method);

	if (!node_serves(node)) {
		(void)err_set(&ctx->err, ERR_NOT_FOUND, "", "there is no such path");
		response_error(response, surface, &ctx->err);
		return;
	}
	if (!node->routes[method]) {
		answer_method(node, surface, response);
		return;
	}
	ctx->route = node->routes[method];
	ctx->req->body_optional = ctx->route->body_optional;
	take_route_params(ctx);
	enum err err = run_route(ctx, response);
	if (err) {
		ctx->err.kind = err; /* the last word is the result's */
		log_inner_error(ctx, err);
		response_error(response, surface, &ctx->err);
	}
	if (ctx->route->successor)
		add_deprecation(ctx->route, response);
}

static void
log_access(const struct ctx *ctx, const struct response *response, int64_t started_ms)
{
	log_info(LOG_EVENT("request"),
	    LOG_S("method", ctx->req->head ? "HEAD" : method_names[ctx->req->method]),
	    LOG_S("route", ctx->route ? ctx->route->path : "-"), LOG_I("status", response->status),
	    LOG_I("ms", clock_monotonic_ms() - started_ms), LOG_I("bytes", response->text.len),
	    LOG_S("token", auth_public_id(ctx->auth)));
}

void
router_serve(const struct router *router, void *app, struct auth *auth,
    const struct request_source *source, struct response *response)
{
	int64_t started_ms = clock_monotonic_ms();
	struct request request;
	struct ctx ctx = { .req = &request, .auth = auth, .app = app };
	enum err err = request_open(&request, source, &ctx.err);

	log_set_request_id(request.id);
	response->surface = router_surface(request.path);
	if (err)
		response_error(response, response->surface, &ctx.err);
	else
		router_dispatch(router, &ctx, response);
	response_finish(response, request.id, request.head);
	log_access(&ctx, response, started_ms);
	request_close(&request);
	log_set_request_id("");
}
