/* SPDX-License-Identifier: Apache-2.0 */
/* /api/v1/user_credentials/{id}/connect: a person authorizes an OAuth credential at its provider.
 */
#include <string.h>

#include "api/routes.h"
#include "api/v1.h"
#include "base/alloc.h"
#include "catalog/credential_type.h"
#include "store/request.h"
#include "store/user_credential.h"

static const struct field_spec no_fields[] = { { .name = NULL } };

/* The credential, and the scopes to be asked for as JSON text, which the caller frees. */
static enum err
find_credential(struct ctx *ctx, struct user_credential *credential_out, char **scopes_out)
{
	struct user_credential credential = { 0 };
	int64_t id;
	enum err err = route_param_int(ctx, "id", &id);

	if (!err)
		err = user_credential_get(api_store(ctx), ctx->auth, id, &credential, &ctx->err);
	if (err)
		return err;
	json_auto_t *shown = api_stored_json(credential.shown);
	const json_t *connect = json_object_get(shown, "connect");
	if (!connect) {
		user_credential_free(&credential);
		return err_set(&ctx->err, ERR_VALUE, "",
		    "only credentials of mode OAUTH with the grant type authorization_code are "
		    "connected by a person");
	}
	*scopes_out = json_text(json_object_get(connect, "scopes"));
	*credential_out = credential;
	return OK;
}

/* The caller asks himself, as for credentials of modules. */
static enum err
make_request(struct ctx *ctx, const struct user_credential *credential, const char *scopes,
    struct request_made *made_out)
{
	const struct credential_new item = {
		.component = "account",
		.type = "oauth",
		.name = CREDENTIAL_TYPE_ITEM,
		.label = credential->name,
		.scope = scopes,
		.app_name = "user-credential",
		.app_modules = "[]",
		.app_version = "1",
		.user_credential_id = credential->place.id,
	};
	const struct request_new request = {
		.team_id = credential->place.team_id,
		.requester_id = ctx->auth->person_id,
		.provider_id = ctx->auth->person_id,
		.name = credential->name,
		.expiry_days = api_pool(ctx)->config.request_expiry_days,
		.credentials = &item,
		.n_credentials = 1,
	};
	struct api_audit audit;

	api_audit_begin(ctx, &audit);
	return request_create(api_store(ctx), &audit.entry, &request, made_out, &ctx->err);
}

static enum err
connect_credential(struct ctx *ctx, struct response *response)
{
	struct user_credential credential = { 0 };
	struct request_made made;
	auto_free char *scopes = NULL;
	json_t *object = NULL;
	enum err err = request_json(ctx->req, &object, &ctx->err);

	if (!err)
		err = fields_check(object, no_fields, true, "", &ctx->err);
	if (!err)
		err = find_credential(ctx, &credential, &scopes);
	if (err)
		return err;
	err = make_request(ctx, &credential, scopes, &made);
	user_credential_free(&credential);
	if (err)
		return err;
	json_t *answer = json_object();
	char id[UUID_TEXT_SIZE];
	uuid_text(&made.request.id, id);
	json_put(answer, "publicUri",
	    json_sprintf("%s/request/%s#%s", api_pool(ctx)->config.public_url, id,
		made.link_secret));
	json_put_time(answer, "expires_at", made.request.expires_at);
	request_made_wipe(&made);
	return response_json_as(response, SUCCESS_CREATED, answer);
}

const struct route credential_connect_routes[] = {
	{ .method = METHOD_POST,
	    .path = "/api/v1/user_credentials/{id}/connect",
	    .scope = SCOPE_USER_CREDENTIALS_WRITE,
	    .audit = "user_credential.connect",
	    .surface = SURFACE_V1,
	    .auth = AUTH_FIRST,
	    .body_optional = true,
	    .creates = true,
	    .handler = connect_credential,
	    .fields = no_fields,
	    .summary = "Get a link under which the caller authorizes an OAuth credential" },
	{ .path = NULL },
};
