/* SPDX-License-Identifier: Apache-2.0 */
/* What a fetch has to do: the requests of a credential, whatever its mode calls them. */
#include "runner/fetch_plan.h"

#include <string.h>

#include "base/json.h"
#include "runner/plan_aws.h"

static void
copy(json_t *plan, const json_t *definition, const char *name)
{
	json_t *value = json_object_get(definition, name);

	if (value)
		json_put(plan, name, json_incref(value));
}

static enum err
plan_multi_request(const json_t *definition, json_t *roots, json_t *plan, struct errctx *ctx)
{
	(void)roots;
	(void)ctx;
	copy(plan, definition, "location");
	copy(plan, definition, "expires");
	copy(plan, definition, "requests");
	return OK;
}

static enum err
plan_agent(const json_t *definition, json_t *roots, json_t *plan, struct errctx *ctx)
{
	json_t *requests = json_array();

	(void)roots;
	(void)ctx;
	copy(plan, definition, "location");
	copy(plan, definition, "expires");
	json_array_append(requests, json_object_get(definition, "request"));
	json_put(plan, "requests", requests);
	json_put_text(plan, "path", "http_request_options");
	return OK;
}

/* The client's own name and secret are data, whatever they look like: formulas put them in. */
#define CLIENT_POST                                                                                \
	"{\"url\":\"=OAUTH.token_url\",\"method\":\"post\",\"content_type\":\"form\","             \
	"\"headers\":{\"Accept\":\"application/json\"},\"disable_redirect_follow\":true,"          \
	"\"payload\":{\"grant_type\":\"client_credentials\",\"scope\":\"=OAUTH.scope\","           \
	"\"client_id\":\"=OAUTH.client_id\",\"client_secret\":\"=secret\"}}"
/* RFC 6749 section 2.3.1: both are encoded as in a form. */
#define CLIENT_BASIC                                                                               \
	"{\"url\":\"=OAUTH.token_url\",\"method\":\"post\",\"content_type\":\"form\","             \
	"\"headers\":{\"Accept\":\"application/json\"},\"disable_redirect_follow\":true,"          \
	"\"basic_auth\":[\"=URL_ENCODE(OAUTH.client_id)\",\"=URL_ENCODE(secret)\"],"               \
	"\"payload\":{\"grant_type\":\"client_credentials\",\"scope\":\"=OAUTH.scope\"}}"

static json_t *
client_options(const json_t *definition)
{
	const char *method = json_get_text(definition, "oauth_token_endpoint_auth_method");
	bool basic = method && !strcmp(method, "client_secret_basic");
	const char *text = basic ? CLIENT_BASIC : CLIENT_POST;
	const char *scope = json_get_text(definition, "oauth_scope");
	json_t *options = NULL;

	if (json_parse(text, strlen(text), &options, NULL))
		return json_object();
	if (!scope || !*scope)
		json_object_del(json_object_get(options, "payload"), "scope");
	return options;
}

/* RFC 6749 section 4.4. */
static enum err
plan_oauth(const json_t *definition, json_t *roots, json_t *plan, struct errctx *ctx)
{
	const char *grant = json_get_text(definition, "oauth_grant_type");
	json_t *requests, *request, *root;

	if (!grant || strcmp(grant, "client_credentials") != 0)
		return err_set(ctx, ERR_VALUE, "", "a person has to authorize this credential");
	root = json_object();
	json_put_text(root, "token_url", json_get_text(definition, "oauth_token_url"));
	json_put_text(root, "client_id", json_get_text(definition, "oauth_client_id"));
	json_put_text(root, "scope", json_get_text(definition, "oauth_scope"));
	json_put(roots, "OAUTH", root);
	request = json_object();
	json_put(request, "options", client_options(definition));
	json_put_text(request, "secret", json_get_text(definition, "oauth_client_secret"));
	requests = json_array();
	json_array_append_new(requests, request);
	json_put(plan, "requests", requests);
	json_put_text(plan, "path", "");
	json_put_text(plan, "location", "=response.body.access_token");
	json_put_text(plan, "expires", "=response.body.expires_in");
	return OK;
}

static const struct {
	const char *mode;
	enum err (*plan)(const json_t *definition, json_t *roots, json_t *plan, struct errctx *ctx);
} plans[] = {
	{ "MULTI_REQUEST", plan_multi_request },
	{ "HTTP_REQUEST_AGENT", plan_agent },
	{ "OAUTH", plan_oauth },
	{ "AWS", plan_aws },
};

enum err
fetch_plan_make(const char *mode, const json_t *definition, json_t *roots, json_t **plan_out,
    struct errctx *ctx)
{
	json_auto_t *plan = json_object();

	for (size_t i = 0; i < sizeof(plans) / sizeof(plans[0]); i++) {
		if (strcmp(plans[i].mode, mode) != 0)
			continue;
		enum err err = plans[i].plan(definition, roots, plan, ctx);
		if (!err)
			*plan_out = json_incref(plan);
		return err;
	}
	return err_set(ctx, ERR_VALUE, "", "a credential of this mode is not fetched by requests");
}
