/* SPDX-License-Identifier: Apache-2.0 */
/* From the JSON body of a user credential to a checked change of the store. */
#include "api/user_credential_body.h"

#include <stdio.h>
#include <string.h>

#include "agent/options.h"
#include "base/clock.h"
#include "formula/template.h"
#include "net/allowed_hosts.h"
#include "web/fields.h"

#define REQUESTS_MAX 8
#define HOSTS_MAX 100
#define METADATA_MAX 200
#define TTL_MAX_S 86400
#define COLUMN_MAX 65535 /* bytes of a TEXT column */

/* ---- fields ---- */

static const char *const read_access_names[] = { "TEAM", "GLOBAL", "SPECIFIC_TEAMS", NULL };
static const struct field_spec slug_spec = { .type = FIELD_TEXT, .least = 1, .most = 255 };
static const struct field_spec host_spec = { .type = FIELD_TEXT,
	.least = 1,
	.most = ALLOWED_HOSTS_PATTERN_MAX };

static const struct field_spec common_fields[] = {
	{ .name = "name", .type = FIELD_TEXT, .flags = FIELD_ONE_LINE, .least = 1, .most = 255 },
	{ .name = "team_id",
	    .type = FIELD_INT,
	    .flags = FIELD_DIGITS,
	    .least = 1,
	    .most = UINT32_MAX },
	{ .name = "folder_id",
	    .type = FIELD_INT,
	    .flags = FIELD_DIGITS | FIELD_NULLABLE,
	    .least = 1,
	    .most = UINT32_MAX },
	{ .name = "read_access",
	    .type = FIELD_ENUM,
	    .flags = FIELD_NULLABLE,
	    .names = read_access_names },
	{ .name = "shared_team_slugs",
	    .type = FIELD_ARRAY,
	    .flags = FIELD_NULLABLE,
	    .most = SHARED_TEAMS_MAX,
	    .element = &slug_spec },
	{ .name = "description", .type = FIELD_TEXT, .flags = FIELD_NULLABLE, .most = COLUMN_MAX },
	{ .name = "allowed_hosts",
	    .type = FIELD_ARRAY,
	    .flags = FIELD_NULLABLE,
	    .most = HOSTS_MAX,
	    .element = &host_spec },
	{ .name = "metadata", .type = FIELD_OBJECT, .flags = FIELD_NULLABLE, .most = METADATA_MAX },
	{ .name = "expires_at", .type = FIELD_TEXT, .flags = FIELD_NULLABLE, .most = 64 },
	{ .name = NULL },
};

static const struct field_spec text_fields[] = {
	{ .name = "value", .type = FIELD_TEXT, .flags = FIELD_RAW | FIELD_NULLABLE, .least = 1 },
	{ .name = NULL },
};

static const struct field_spec request_fields[] = {
	{ .name = "options", .type = FIELD_OBJECT, .flags = FIELD_REQUIRED | FIELD_JSON_TEXT },
	{ .name = "http_request_secret", .type = FIELD_TEXT, .flags = FIELD_RAW | FIELD_NULLABLE },
	{ .name = NULL },
};
static const struct field_spec request_spec = { .type = FIELD_OBJECT,
	.flags = FIELD_JSON_TEXT,
	.fields = request_fields };
static const struct field_spec multi_request_fields[] = {
	{ .name = "http_request_location_of_token",
	    .type = FIELD_TEXT,
	    .flags = FIELD_RAW | FIELD_NULLABLE,
	    .least = 1 },
	{ .name = "credential_requests",
	    .type = FIELD_ARRAY,
	    .flags = FIELD_JSON_TEXT | FIELD_NULLABLE,
	    .least = 1,
	    .most = REQUESTS_MAX,
	    .element = &request_spec },
	{ .name = "http_request_ttl",
	    .type = FIELD_INT,
	    .flags = FIELD_DIGITS | FIELD_NULLABLE,
	    .least = 1,
	    .most = TTL_MAX_S },
	{ .name = NULL },
};

/* ---- modes ---- */

typedef bool (
    *take_fn)(const json_t *object, struct user_credential_body *body, struct errctx *ctx);
static bool take_text(const json_t *object, struct user_credential_body *body, struct errctx *ctx);
static bool take_multi_request(const json_t *object, struct user_credential_body *body,
    struct errctx *ctx);

/* Every mode of the surface; this installation offers those with fields. `take` checks what a table
 * of fields cannot and moves the mode's own fields into the body; true: all is well. */
static const struct mode {
	const char *name;
	const struct field_spec *fields;
	const char *needs[3]; /* what a create must bring */
	take_fn take;
} modes[] = {
	{ "TEXT", text_fields, { "value" }, take_text },
	{ "MULTI_REQUEST", multi_request_fields,
	    { "http_request_location_of_token", "credential_requests" }, take_multi_request },
	{ "JWT", NULL, { 0 }, NULL },
	{ "OAUTH", NULL, { 0 }, NULL },
	{ "AWS", NULL, { 0 }, NULL },
	{ "MTLS", NULL, { 0 }, NULL },
	{ "HTTP_REQUEST_AGENT", NULL, { 0 }, NULL },
};
#define N_MODES (sizeof(modes) / sizeof(modes[0]))

/* The mode named; NULL with ctx filled when it cannot be used. */
static const struct mode *
find_mode(const json_t *value, struct errctx *ctx)
{
	const char *name = json_string_value(value);

	for (size_t i = 0; name && i < N_MODES; i++) {
		if (strcmp(modes[i].name, name) != 0)
			continue;
		if (modes[i].fields)
			return &modes[i];
		(void)err_set(ctx, ERR_FIELD, "mode",
		    "%s is not offered by this installation: it has TEXT and MULTI_REQUEST",
		    modes[i].name);
		return NULL;
	}
	(void)err_set(ctx, ERR_FIELD, "mode",
	    "must be one of TEXT, JWT, OAUTH, AWS, MTLS, HTTP_REQUEST_AGENT, MULTI_REQUEST");
	return NULL;
}

/* A member that says something: present and not null. */
static json_t *
said(const json_t *object, const char *name)
{
	json_t *value = json_object_get(object, name);

	return json_is_null(value) ? NULL : value;
}

static bool
take_text(const json_t *object, struct user_credential_body *body, struct errctx *ctx)
{
	json_t *value = said(object, "value");

	(void)ctx;
	if (value)
		json_put(body->definition, "value", json_incref(value));
	return true;
}

static bool
take_requests(const json_t *requests, json_t *definition, struct errctx *ctx)
{
	json_t *list = json_array();
	json_t *request;
	bool ok = true;
	size_t i;

	json_array_foreach(requests, i, request)
	{
		char path[64];
		json_t *one = json_object(), *options = json_object_get(request, "options");
		json_t *secret = json_object_get(request, "http_request_secret");

		snprintf(path, sizeof(path), "credential_requests[%zu].options", i);
		if (options && agent_options_check(options, path, ctx))
			ok = false;
		json_put(one, "options", options ? json_incref(options) : json_null());
		if (secret)
			json_put(one, "secret", json_incref(secret));
		json_array_append_new(list, one);
	}
	json_put(definition, "requests", list);
	return ok;
}

static bool
take_multi_request(const json_t *object, struct user_credential_body *body, struct errctx *ctx)
{
	static const char *const location_name = "http_request_location_of_token";
	json_t *location = said(object, location_name);
	json_t *requests = said(object, "credential_requests");
	bool ok = true;

	if (location && template_check_text(json_string_value(location), location_name, ctx))
		ok = false;
	else if (location && !template_has_formula(json_string_value(location)))
		ok = !err_set(ctx, ERR_FIELD, location_name,
		    "must be a formula, such as =response.body.token");
	if (location)
		json_put(body->definition, "location", json_incref(location));
	if (requests && !take_requests(requests, body->definition, ctx))
		ok = false;
	if (json_object_get(object, "http_request_ttl"))
		body->change.ttl_said = true;
	body->change.http_request_ttl = json_get_int(object, "http_request_ttl", 0);
	return ok;
}

/* ---- what a table of fields cannot say ---- */

static bool
require(const json_t *object, const char *name, struct errctx *ctx)
{
	if (said(object, name))
		return true;
	(void)err_set(ctx, ERR_FIELD, name, "is required");
	return false;
}

/* The column's text of a JSON value; false when it does not fit. */
static bool
fit_column(const json_t *value, const char *name, char **text_out, struct errctx *ctx)
{
	*text_out = json_text(value);
	if (strlen(*text_out) <= COLUMN_MAX)
		return true;
	(void)err_set(ctx, ERR_FIELD, name, "must have at most %d bytes in all", COLUMN_MAX);
	return false;
}

static bool
take_hosts(const json_t *object, struct user_credential_body *body, struct errctx *ctx)
{
	json_t *given = json_object_get(object, "allowed_hosts");
	json_auto_t *none = json_array();
	json_t *host;
	bool ok = true;
	size_t i;

	if (!given)
		return true;
	json_array_foreach(given, i, host)
	{
		struct errctx inner = { 0 };
		char path[64];

		snprintf(path, sizeof(path), "allowed_hosts[%zu]", i);
		if (!allowed_hosts_check(json_string_value(host), &inner))
			continue;
		(void)err_set(ctx, ERR_FIELD, path, "%s", err_text(&inner));
		ok = false;
	}
	if (!fit_column(json_is_null(given) ? none : given, "allowed_hosts", &body->allowed_hosts,
		ctx))
		ok = false;
	body->change.allowed_hosts = body->allowed_hosts;
	return ok;
}

static bool
take_metadata(const json_t *object, struct user_credential_body *body, struct errctx *ctx)
{
	json_t *given = json_object_get(object, "metadata");
	json_auto_t *none = json_object();
	const char *key;
	json_t *value;
	bool ok = true;

	if (!given)
		return true;
	json_object_foreach(given, key, value)
	{
		char path[ERR_PATH_MAX];

		if (json_is_string(value))
			continue;
		snprintf(path, sizeof(path), "metadata.%s", key);
		(void)err_set(ctx, ERR_FIELD, path, "must be a text");
		ok = false;
	}
	if (!fit_column(json_is_null(given) ? none : given, "metadata", &body->metadata, ctx))
		ok = false;
	body->change.metadata = body->metadata;
	return ok;
}

static bool
take_description(const json_t *object, struct user_credential_change *change, struct errctx *ctx)
{
	const json_t *given = json_object_get(object, "description");

	if (!given)
		return true;
	change->description = json_is_null(given) ? "" : json_string_value(given);
	if (strlen(change->description) <= COLUMN_MAX)
		return true;
	(void)err_set(ctx, ERR_FIELD, "description", "must have at most %d bytes", COLUMN_MAX);
	return false;
}

static bool
take_expiry(const json_t *object, struct user_credential_change *change, struct errctx *ctx)
{
	const json_t *given = json_object_get(object, "expires_at");

	change->expires_said = given != NULL;
	if (!json_is_string(given) ||
	    clock_parse_iso(json_string_value(given), &change->expires_at) == OK)
		return true;
	(void)err_set(ctx, ERR_FIELD, "expires_at",
	    "must be an ISO 8601 time, such as 2030-01-31T12:00:00Z");
	return false;
}

/* Members whose type is right already. */
static void
take_plain(const json_t *object, struct user_credential_change *change)
{
	json_t *slugs = json_object_get(object, "shared_team_slugs");

	change->name = json_get_text(object, "name");
	change->team_id = json_get_int(object, "team_id", 0);
	change->folder_said = json_object_get(object, "folder_id") != NULL;
	change->folder_id = json_get_int(object, "folder_id", 0);
	change->read_access = json_get_text(object, "read_access");
	change->shared_team_slugs = json_is_array(slugs) ? slugs : NULL;
}

/* ---- the whole ---- */

/* The fields of one mode, or of every mode offered where the body does not say which. */
static bool
take_modes(json_t *object, enum body_use use, const struct mode *only,
    struct user_credential_body *body, struct errctx *ctx)
{
	bool ok = true;

	for (size_t i = 0; i < N_MODES; i++) {
		const struct mode *mode = &modes[i];

		if (!mode->fields || (only && only != mode))
			continue;
		if (use == BODY_CREATE)
			for (const char *const *name = mode->needs; *name; name++)
				ok = require(object, *name, ctx) && ok;
		if (fields_check(object, mode->fields, true, "", ctx))
			ok = false;
		else
			ok = mode->take(object, body, ctx) && ok;
	}
	return ok;
}

/* The mode decides which fields there are, so a wrong one ends the check of the mode's own. */
static bool
take_mode(json_t *object, enum body_use use, struct user_credential_body *body, struct errctx *ctx)
{
	const struct mode *mode = NULL;

	if (json_object_get(object, "mode") || use != BODY_PATCH) {
		if (use != BODY_PATCH && !require(object, "mode", ctx))
			return false;
		mode = find_mode(json_object_get(object, "mode"), ctx);
		if (!mode)
			return false;
		body->change.mode = mode->name;
	}
	return take_modes(object, use, mode, body, ctx);
}

static bool
take_common(json_t *object, enum body_use use, struct user_credential_body *body,
    struct errctx *ctx)
{
	bool ok = true;

	/* What is null is found by the table. */
	if (use == BODY_CREATE && !json_object_get(object, "name"))
		ok = require(object, "name", ctx) && ok;
	if (use == BODY_CREATE && !json_object_get(object, "team_id"))
		ok = require(object, "team_id", ctx) && ok;
	if (fields_check(object, common_fields, true, "", ctx))
		return false;
	take_plain(object, &body->change);
	ok = take_hosts(object, body, ctx) && ok;
	ok = take_metadata(object, body, ctx) && ok;
	ok = take_description(object, &body->change, ctx) && ok;
	return take_expiry(object, &body->change, ctx) && ok;
}

enum err
user_credential_body_read(json_t *object, enum body_use use, struct user_credential_body *body_out,
    struct errctx *ctx)
{
	struct user_credential_body body = { .definition = json_object() };
	bool ok = take_common(object, use, &body, ctx);

	body.change.ttl_said = use == BODY_REPLACE; /* not said on PUT is null */
	ok = take_mode(object, use, &body, ctx) && ok;
	if (!ok) {
		user_credential_body_free(&body);
		ctx->kind = ERR_FIELD; /* whatever the first check called it */
		return ERR_FIELD;
	}
	body.change.definition = body.definition;
	*body_out = body;
	return OK;
}

void
user_credential_body_free(struct user_credential_body *body)
{
	json_decref(body->definition);
	free(body->allowed_hosts);
	free(body->metadata);
	*body = (struct user_credential_body){ 0 };
}
