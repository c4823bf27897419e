/* SPDX-License-Identifier: Apache-2.0 */
/* The one place that turns error kinds into HTTP statuses and public codes. */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Status columns: V2 (credential requests), V1 (user credentials), public (request page). */
static const struct err_kind error_kinds[ERR_COUNT] = {
	[OK] = { "ok", "ok", { 200, 200, 200 }, "", false },
	[ERR_MALFORMED] = { "malformed", "Bad Request", { 400, 400, 400 }, "SC400", false },
	[ERR_FIELD] = { "field", "Bad Request", { 400, 422, 400 }, "SC400", false },
	[ERR_VALUE] = { "value", "Bad Request", { 400, 422, 400 }, "IM005", false },
	[ERR_CONFIRM] = { "confirm", "Confirmation Required", { 400, 422, 400 }, "IM004", false },
	[ERR_UNKNOWN_APP] = { "unknown_app", "Unknown App", { 400, 422, 400 }, "IM007", false },
	[ERR_UNAUTHENTICATED] = { "unauthenticated", "Access Denied", { 401, 401, 401 }, "SC401",
	    false },
	[ERR_SCOPE] = { "scope", "Permission Denied", { 403, 403, 403 }, "SC403", false },
	[ERR_NOT_MEMBER] = { "not_member", "Permission Denied", { 403, 404, 403 }, "IM002", false },
	[ERR_NOT_FOUND] = { "not_found", "Not Found", { 404, 404, 404 }, "SC404", false },
	[ERR_NO_CONNECTION] = { "no_connection", "Not Found", { 404, 404, 404 }, "IM304", false },
	[ERR_METHOD] = { "method", "Method Not Allowed", { 405, 405, 405 }, "SC405", false },
	[ERR_TOO_LARGE] = { "too_large", "Payload Too Large", { 413, 413, 413 }, "SC413", false },
	[ERR_MEDIA_TYPE] = { "media_type", "Unsupported Media Type", { 415, 415, 415 }, "SC415",
	    false },
	[ERR_RULE] = { "rule", "Unprocessable Entity", { 422, 422, 422 }, "SC422", false },
	[ERR_REMOTE] = { "remote", "Failed Dependency", { 424, 424, 424 }, "SC424", false },
	[ERR_RATE] = { "rate", "Too Many Requests", { 429, 429, 429 }, "SC429", false },
	[ERR_UNAVAILABLE] = { "unavailable", "Service Unavailable", { 503, 503, 503 }, "SC503",
	    false },
	[ERR_GONE] = { "gone", "Gone", { 410, 410, 410 }, "SC410", false },
	[ERR_INTERNAL] = { "internal", "Internal Server Error", { 500, 500, 500 }, "SC500", true },
	[ERR_INTEGRITY] = { "integrity", "Integrity Error", { 500, 500, 500 }, "SC500", true },
	[ERR_DUPLICATE] = { "duplicate", "Unprocessable Entity", { 422, 422, 422 }, "SC422",
	    false },
	[ERR_CONFLICT] = { "conflict", "Service Unavailable", { 503, 503, 503 }, "SC503", false },
	[ERR_LOST] = { "lost", "Service Unavailable", { 503, 503, 503 }, "SC503", false },
	[ERR_UNKNOWN_OUTCOME] = { "unknown_outcome", "Service Unavailable", { 503, 503, 503 },
	    "SC503", false },
	[ERR_STALE] = { "stale", "Service Unavailable", { 503, 503, 503 }, "SC503", true },
	[ERR_TIMEOUT] = { "timeout", "Service Unavailable", { 503, 503, 503 }, "SC503", true },
	[ERR_IO] = { "io", "Internal Server Error", { 500, 500, 500 }, "SC500", true },
	[ERR_CONFIG] = { "config", "Internal Server Error", { 500, 500, 500 }, "SC500", true },
	[ERR_USAGE] = { "usage", "Internal Server Error", { 500, 500, 500 }, "SC500", true },
};

const struct err_kind *
err_kind(enum err kind)
{
	if (kind >= ERR_COUNT)
		kind = ERR_INTERNAL;
	return &error_kinds[kind];
}

enum err
err_set(struct errctx *ctx, enum err kind, const char *path, const char *fmt, ...)
{
	if (!ctx)
		return kind;
	if (ctx->n_sub == 0)
		ctx->kind = kind;
	if (ctx->n_sub < ERR_SUB_MAX) {
		struct suberror *sub = &ctx->sub[ctx->n_sub++];
		snprintf(sub->path, sizeof(sub->path), "%s", path ? path : "");
		va_list args;
		va_start(args, fmt);
		vsnprintf(sub->text, sizeof(sub->text), fmt, args);
		va_end(args);
	}
	return kind;
}

void
err_clear(struct errctx *ctx)
{
	if (!ctx)
		return;
	ctx->kind = OK;
	ctx->n_sub = 0;
	ctx->retry_after_s = 0;
}

const char *
err_text(const struct errctx *ctx)
{
	return ctx->n_sub ? ctx->sub[0].text : err_kind(ctx->kind)->message;
}

int
err_success_status(enum success how, const char **reason_out)
{
	static const struct {
		int status;
		const char *reason;
	} successes[SUCCESS_COUNT] = {
		[SUCCESS_OK] = { 200, "OK" },
		[SUCCESS_CREATED] = { 201, "Created" },
		[SUCCESS_ACCEPTED] = { 202, "Accepted" },
		[SUCCESS_EMPTY] = { 204, "No Content" },
		[SUCCESS_SEE_OTHER] = { 303, "See Other" },
	};

	*reason_out = successes[how].reason;
	return successes[how].status;
}
