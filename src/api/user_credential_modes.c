/* SPDX-License-Identifier: Apache-2.0 */
/* The modes of user credentials: tables of their fields, and how these are taken. */
#include "api/user_credential_modes.h"

#include <stdio.h>
#include <string.h>

#include "agent/options.h"
#include "agent/rules.h"
#include "formula/template.h"
#include "user_credential_rules.h"
#include "web/fields.h"

#define REQUESTS_MAX 8
#define TTL_MAX_S 86400
#define PEM_TEXT_MAX 65536
#define CLIENT_ID_MOST 512 /* as a grant keeps it, oauth/authorize.h */
#define LOCATION "http_request_location_of_token"

/* ---- fields ---- */

static const struct field_spec text_fields[] = {
	{ .name = "value", .type = FIELD_TEXT, .flags = FIELD_RAW | FIELD_NULLABLE, .least = 1 },
	{ .name = NULL },
};

/* Of both modes that fetch by requests their owner wrote. */
static const struct field_spec fetch_fields[] = {
	{ .name = LOCATION, .type = FIELD_TEXT, .flags = FIELD_RAW | FIELD_NULLABLE, .least = 1 },
	{ .name = "http_request_ttl",
	    .type = FIELD_INT,
	    .flags = FIELD_DIGITS | FIELD_NULLABLE,
	    .least = 1,
	    .most = TTL_MAX_S },
	{ .name = "http_request_expires",
	    .type = FIELD_TEXT,
	    .flags = FIELD_RAW | FIELD_NULLABLE,
	    .least = 1 },
	{ .name = NULL },
};

static const struct field_spec agent_fields[] = {
	{ .name = "http_request_options",
	    .type = FIELD_OBJECT,
	    .flags = FIELD_JSON_TEXT | FIELD_NULLABLE },
	{ .name = "http_request_secret", .type = FIELD_TEXT, .flags = FIELD_RAW | FIELD_NULLABLE },
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
	{ .name = "credential_requests",
	    .type = FIELD_ARRAY,
	    .flags = FIELD_JSON_TEXT | FIELD_NULLABLE,
	    .least = 1,
	    .most = REQUESTS_MAX,
	    .element = &request_spec },
	{ .name = NULL },
};

static const char *const jwt_algorithms[] = { "HS256", "HS384", "HS512", "RS256", "RS384", "RS512",
	"ES256", "ES384", "PS256", NULL };
static const struct field_spec jwt_fields[] = {
	{ .name = "jwt_algorithm",
	    .type = FIELD_ENUM,
	    .flags = FIELD_NULLABLE,
	    .names = jwt_algorithms },
	{ .name = "jwt_payload",
	    .type = FIELD_OBJECT,
	    .flags = FIELD_JSON_TEXT | FIELD_NULLABLE,
	    .most = 200 },
	{ .name = "jwt_auto_generate_time_claims", .type = FIELD_BOOL, .flags = FIELD_NULLABLE },
	{ .name = "jwt_private_key",
	    .type = FIELD_TEXT,
	    .flags = FIELD_RAW | FIELD_NULLABLE,
	    .least = 1,
	    .most = PEM_TEXT_MAX },
	{ .name = NULL },
};

static const char *const grant_types[] = { "client_credentials", "authorization_code", NULL };
static const char *const pkce_methods[] = { "S256", "plain", NULL };
static const char *const client_methods[] = { "client_secret_post", "client_secret_basic", NULL };
#define ONE_LINE_FIELD(field)                                                                      \
	{                                                                                          \
		.name = field, .type = FIELD_TEXT, .flags = FIELD_ONE_LINE | FIELD_NULLABLE,       \
		.least = 1, .most = 4096                                                           \
	}
static const struct field_spec oauth_fields[] = {
	{ .name = "oauth_url",
	    .type = FIELD_TEXT,
	    .flags = FIELD_ONE_LINE | FIELD_NULLABLE,
	    .most = 4096 },
	ONE_LINE_FIELD("oauth_token_url"),
	{ .name = "oauth_client_id",
	    .type = FIELD_TEXT,
	    .flags = FIELD_ONE_LINE | FIELD_NULLABLE,
	    .least = 1,
	    .most = CLIENT_ID_MOST },
	ONE_LINE_FIELD("oauth_client_secret"),
	{ .name = "oauth_scope",
	    .type = FIELD_TEXT,
	    .flags = FIELD_ONE_LINE | FIELD_NULLABLE,
	    .most = 4096 },
	{ .name = "oauth_grant_type",
	    .type = FIELD_ENUM,
	    .flags = FIELD_NULLABLE,
	    .names = grant_types },
	{ .name = "oauthPkceCodeChallengeMethod",
	    .type = FIELD_ENUM,
	    .flags = FIELD_NULLABLE,
	    .names = pkce_methods },
	{ .name = "oauth_token_endpoint_auth_method",
	    .type = FIELD_ENUM,
	    .flags = FIELD_NULLABLE,
	    .names = client_methods },
	{ .name = NULL },
};

static const char *const aws_types[] = { "KEY", "ROLE", "INSTANCE_PROFILE", NULL };
static const struct field_spec aws_fields[] = {
	{ .name = "aws_authentication_type",
	    .type = FIELD_ENUM,
	    .flags = FIELD_NULLABLE,
	    .names = aws_types },
	ONE_LINE_FIELD("aws_access_key"),
	ONE_LINE_FIELD("aws_secret_key"),
	ONE_LINE_FIELD("aws_assumed_role_arn"),
	{ .name = "use_static_external_id", .type = FIELD_BOOL, .flags = FIELD_NULLABLE },
	{ .name = NULL },
};

#define PEM_FIELD(field)                                                                           \
	{                                                                                          \
		.name = field, .type = FIELD_TEXT, .flags = FIELD_RAW | FIELD_NULLABLE,            \
		.least = 1, .most = PEM_TEXT_MAX                                                   \
	}
static const struct field_spec mtls_fields[] = {
	PEM_FIELD("mtls_client_certificate"),
	PEM_FIELD("mtls_client_private_key"),
	PEM_FIELD("mtls_root_certificate"),
	{ .name = NULL },
};

/* ---- groups of fields ---- */

struct taking {
	const json_t *object;
	json_t *definition;
	struct user_credential_change *change;
	struct errctx *ctx;
};
typedef bool (*take_fn)(const struct taking *t);
static bool take_fetch(const struct taking *t);
static bool take_agent(const struct taking *t);
static bool take_multi_request(const struct taking *t);

/* Without `take`, each member goes into the definition by its name. `clear`: those of them that
 * null takes away; of the rest null says nothing. */
static const struct group {
	const struct field_spec *fields;
	take_fn take;
	const char *clear[4];
} text_group = { text_fields, NULL, { NULL } },
  fetch_group = { fetch_fields, take_fetch, { NULL } },
  agent_group = { agent_fields, take_agent, { NULL } },
  multi_request_group = { multi_request_fields, take_multi_request, { NULL } },
  jwt_group = { jwt_fields, NULL, { "jwt_payload", "jwt_auto_generate_time_claims" } },
  oauth_group = { oauth_fields, NULL,
	  { "oauth_scope", "oauthPkceCodeChallengeMethod", "oauth_token_endpoint_auth_method" } },
  aws_group = { aws_fields, NULL, { "use_static_external_id" } },
  mtls_group = { mtls_fields, NULL, { "mtls_root_certificate" } };
static const struct group *const all_groups[] = { &text_group, &fetch_group, &agent_group,
	&multi_request_group, &jwt_group, &oauth_group, &aws_group, &mtls_group, NULL };

static const struct credential_mode {
	const char *name;
	const struct group *groups[3];
	const char *needs[4]; /* what a create must bring */
	enum err (*settle)(json_t *definition, json_t *shown, struct errctx *ctx);
} modes[] = {
	{ "TEXT", { &text_group }, { "value" }, NULL },
	{ "JWT", { &jwt_group }, { "jwt_algorithm", "jwt_private_key" }, credential_jwt_settle },
	{ "OAUTH", { &oauth_group }, { "oauth_token_url", "oauth_client_id" },
	    credential_oauth_settle },
	{ "AWS", { &aws_group }, { "aws_authentication_type" }, credential_aws_settle },
	{ "MTLS", { &mtls_group }, { "mtls_client_certificate", "mtls_client_private_key" },
	    credential_mtls_settle },
	{ "HTTP_REQUEST_AGENT", { &fetch_group, &agent_group },
	    { LOCATION, "http_request_options" }, NULL },
	{ "MULTI_REQUEST", { &fetch_group, &multi_request_group },
	    { LOCATION, "credential_requests" }, NULL },
};
#define N_MODES (sizeof(modes) / sizeof(modes[0]))

static const struct credential_mode *
mode_named(const char *name)
{
	for (size_t i = 0; name && i < N_MODES; i++)
		if (!strcmp(modes[i].name, name))
			return &modes[i];
	return NULL;
}

const struct credential_mode *
credential_mode_find(const json_t *name, struct errctx *ctx)
{
	const struct credential_mode *mode = mode_named(json_string_value(name));

	if (!mode)
		(void)err_set(ctx, ERR_FIELD, "mode",
		    "must be one of TEXT, JWT, OAUTH, AWS, MTLS, HTTP_REQUEST_AGENT, "
		    "MULTI_REQUEST");
	return mode;
}

const char *
credential_mode_name(const struct credential_mode *mode)
{
	return mode->name;
}

/* ---- taking ---- */

/* A member that says something: present and not null. */
static json_t *
said(const json_t *object, const char *name)
{
	json_t *value = json_object_get(object, name);

	return json_is_null(value) ? NULL : value;
}

static bool
is_cleared(const struct group *group, const char *name)
{
	for (const char *const *clear = group->clear; *clear; clear++)
		if (!strcmp(*clear, name))
			return true;
	return false;
}

static void
take_by_name(const struct group *group, const struct taking *t)
{
	for (const struct field_spec *field = group->fields; field->name; field++) {
		json_t *value = json_object_get(t->object, field->name);

		if (value && (!json_is_null(value) || is_cleared(group, field->name)))
			json_put(t->definition, field->name, json_incref(value));
	}
}

/* A text that must be a formula; NULL is none at all. */
static bool
check_formula(const struct taking *t, const char *name, const char *example)
{
	const char *text = json_string_value(said(t->object, name));

	if (!text)
		return true;
	if (template_check_text(text, name, t->ctx))
		return false;
	if (template_has_formula(text))
		return true;
	(void)err_set(t->ctx, ERR_FIELD, name, "must be a formula, such as %s", example);
	return false;
}

static bool
take_fetch(const struct taking *t)
{
	json_t *location = said(t->object, LOCATION);
	json_t *expires = json_object_get(t->object, "http_request_expires");
	bool ok = check_formula(t, LOCATION, "=response.body.token");

	ok = check_formula(t, "http_request_expires", "=response.body.expires_in") && ok;
	if (location)
		json_put(t->definition, "location", json_incref(location));
	if (expires)
		json_put(t->definition, "expires", json_incref(expires));
	if (json_object_get(t->object, "http_request_ttl"))
		t->change->ttl_said = true;
	t->change->http_request_ttl = json_get_int(t->object, "http_request_ttl", 0);
	return ok;
}

/* {"options", "secret"} as far as they are said; NULL: neither. Caller owns. */
static json_t *
one_request(const json_t *options, json_t *secret)
{
	json_t *one = json_object();

	if (options)
		json_put(one, "options", json_deep_copy(options));
	if (secret)
		json_put(one, "secret", json_incref(secret));
	return one;
}

static bool
take_agent(const struct taking *t)
{
	json_t *options = said(t->object, "http_request_options");
	json_t *secret = json_object_get(t->object, "http_request_secret");

	if (options || secret)
		json_put(t->definition, "request", one_request(options, secret));
	return !options || agent_options_check(options, "http_request_options", t->ctx) == OK;
}

static bool
take_multi_request(const struct taking *t)
{
	const json_t *requests = said(t->object, "credential_requests");
	json_t *list = json_array();
	json_t *request;
	bool ok = true;
	size_t i;

	json_array_foreach(requests, i, request)
	{
		char path[64];
		json_t *options = json_object_get(request, "options");

		snprintf(path, sizeof(path), "credential_requests[%zu].options", i);
		if (options && agent_options_check(options, path, t->ctx))
			ok = false;
		json_array_append_new(list,
		    one_request(options, json_object_get(request, "http_request_secret")));
	}
	if (requests)
		json_put(t->definition, "requests", list);
	else
		json_decref(list);
	return ok;
}

static bool
require(const json_t *object, const char *name, struct errctx *ctx)
{
	if (said(object, name))
		return true;
	(void)err_set(ctx, ERR_FIELD, name, "is required");
	return false;
}

bool
credential_mode_take(const struct credential_mode *mode, json_t *object, bool whole,
    json_t *definition, struct user_credential_change *change, struct errctx *ctx)
{
	const struct taking t = { object, definition, change, ctx };
	const struct group *const *group = mode ? mode->groups : all_groups;
	bool ok = true;

	for (const char *const *name = mode && whole ? mode->needs : NULL; name && *name; name++)
		ok = require(object, *name, ctx) && ok;
	for (; *group; group++) {
		if (fields_check(object, (*group)->fields, true, "", ctx))
			ok = false;
		else if ((*group)->take)
			ok = (*group)->take(&t) && ok;
		else
			take_by_name(*group, &t);
	}
	return ok;
}

enum err
credential_mode_settle(const char *name, json_t *definition, json_t *shown, struct errctx *ctx)
{
	const struct credential_mode *mode = mode_named(name);

	return mode && mode->settle ? mode->settle(definition, shown, ctx) : OK;
}
