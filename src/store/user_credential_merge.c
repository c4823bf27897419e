/* SPDX-License-Identifier: Apache-2.0 */
/* What a change says of a definition, put over what it was. */
#include "user_credential_merge.h"

#include <string.h>

/* Which members the definition of a mode has. */
static const struct {
	const char *mode;
	const char *members[9];
} definitions[] = {
	{ "TEXT", { "value" } },
	{ "JWT", { "jwt_algorithm", "jwt_payload", "jwt_auto_generate_time_claims",
		     "jwt_private_key" } },
	{ "OAUTH", { "oauth_url", "oauth_token_url", "oauth_client_id", "oauth_client_secret",
		       "oauth_scope", "oauth_grant_type", "oauthPkceCodeChallengeMethod",
		       "oauth_token_endpoint_auth_method" } },
	{ "AWS", { "aws_authentication_type", "aws_access_key", "aws_secret_key",
		     "aws_assumed_role_arn", "use_static_external_id" } },
	{ "MTLS",
	    { "mtls_client_certificate", "mtls_client_private_key", "mtls_root_certificate" } },
	{ "HTTP_REQUEST_AGENT", { "location", "expires", "request" } },
	{ "MULTI_REQUEST", { "location", "expires", "requests" } },
};

static const char *const *
definition_members(const char *mode)
{
	static const char *const none[1];

	for (size_t i = 0; i < sizeof(definitions) / sizeof(definitions[0]); i++)
		if (!strcmp(definitions[i].mode, mode))
			return definitions[i].members;
	return none;
}

/* What is said of one request, and of the rest what was at its place. */
static json_t *
merge_request(const json_t *old, const json_t *said)
{
	static const char *const members[] = { "options", "secret" };
	json_t *one = json_object();

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		json_t *value = json_object_get(said, members[i]);

		if (!value)
			value = json_object_get(old, members[i]);
		json_put(one, members[i], value ? json_incref(value) : json_null());
	}
	return one;
}

static json_t *
merge_requests(const json_t *old, const json_t *said)
{
	json_t *merged = json_array();
	const json_t *request;
	size_t i;

	json_array_foreach(said, i, request)
	    json_array_append_new(merged, merge_request(json_array_get(old, i), request));
	return merged;
}

void
user_credential_merge(json_t *definition, const char *mode, const json_t *said)
{
	for (const char *const *name = definition_members(mode); *name; name++) {
		json_t *value = json_object_get(said, *name);

		if (value && !strcmp(*name, "requests"))
			json_put(definition, *name,
			    merge_requests(json_object_get(definition, *name), value));
		else if (value && !strcmp(*name, "request"))
			json_put(definition, *name,
			    merge_request(json_object_get(definition, *name), value));
		else if (value)
			json_put(definition, *name, json_incref(value));
	}
}
