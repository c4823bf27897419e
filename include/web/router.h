/* SPDX-License-Identifier: Apache-2.0 */
/* From method and path to a handler, by tables of routes that say scope, audit event and limits. */
#ifndef BAILEE_WEB_ROUTER_H
#define BAILEE_WEB_ROUTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/scopes.h"
#include "web/auth.h"
#include "web/fields.h"
#include "web/paging.h"
#include "web/request.h"
#include "web/response.h"

#define ROUTE_PARAMS_MAX 4
#define ROUTER_ROUTES_MAX 512

enum auth_mode {
	AUTH_UNSET,  /* refused at start */
	AUTH_PUBLIC, /* no token; scope must be SCOPE_NONE_PUBLIC */
	AUTH_FIRST,  /* token checked by one statement of its own before the handler */
	AUTH_JOINED, /* the handler's own statement checks the token together with its row: one
			round trip */
};

/* What a handler works with. Zeroed and filled by the router for each request. */
struct ctx {
	struct request *req;
	struct auth *auth;
	void *app; /* the pool's state: database, keyring, catalogue, configuration */
	const struct route *route;
	struct errctx err;
	const char *param_values[ROUTE_PARAMS_MAX]; /* use route_param() */
	char param_text[REQUEST_PATH_MAX];
};

typedef enum err (*route_handler_fn)(struct ctx *ctx, struct response *response);

/* One call. Tables end with a row whose path is NULL. */
struct route {
	enum method method;
	const char *path; /* "/api/v2/keys/{id}": a segment in braces takes one non-empty segment */
	uint32_t scope; /* one SCOPE_… bit, SCOPE_ANY_TOKEN or SCOPE_NONE_PUBLIC; unset stops the
			   program */
	const char *audit; /* audit event, or "none"; NULL stops the program */
	enum surface surface;
	enum auth_mode auth;
	size_t body_limit;     /* bytes; 0: the limit of the pool */
	bool body_optional;    /* request_json() gives NULL for an empty body */
	bool creates;          /* a POST that makes something: takes an Idempotency-Key
				  (web/idempotency.h) */
	int64_t deprecated_at; /* Unix seconds since when, with successor; 0: not deprecated */
	const char *successor; /* path of the call to use instead (RFC 9745, RFC 5829), else NULL */
	route_handler_fn handler;
	const struct field_spec *fields; /* of the JSON body, for the OpenAPI document; or NULL */
	const char *summary;             /* one sentence for the OpenAPI document */
};

struct router;

/* Check and compile tables (ended by NULL). They must outlive the router. ERR_CONFIG names the row
 * that is wrong: no scope, no audit event, no handler, path that is not plain, two rows for the
 * same call, surface that does not fit the path. */
enum err router_open(const struct route *const *tables, struct router **router_out,
    struct errctx *ctx) MUSTCHECK;
void router_close(struct router **router);
/* All routes, for the OpenAPI document and tests. */
size_t router_count(const struct router *router);
const struct route *router_route(const struct router *router, size_t index);

/* Answer one request: read, find, authenticate, handle, and shape any error; ends with
 * response_finish() and one access-log line (method, route pattern, status, ms, bytes, token id;
 * never query or headers). `auth` is zeroed by the caller. An AUTH_JOINED handler that succeeds
 * without the token being checked is answered as ERR_INTERNAL. */
void router_serve(const struct router *router, void *app, struct auth *auth,
    const struct request_source *source, struct response *response);
/* The part behind reading, without log and response_finish(): ctx has req, auth and app. */
void router_dispatch(const struct router *router, struct ctx *ctx, struct response *response);

/* Text of the path parameter `name` ("id"); asserts that the route has it. */
const char *route_param(const struct ctx *ctx, const char *name);
/* The same as positive number or uuid; what cannot be one is ERR_NOT_FOUND, as unknown ids are. */
enum err route_param_int(struct ctx *ctx, const char *name, int64_t *number_out) MUSTCHECK;
enum err route_param_uuid(struct ctx *ctx, const char *name, struct uuid *uuid_out) MUSTCHECK;

/* The surface whose shape an error under this path has. */
enum surface router_surface(const char *path);

#endif
