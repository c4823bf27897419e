/* SPDX-License-Identifier: Apache-2.0 */
/* /api/v2/credential-requests/credentials: one of the things a request asks for. */
#include "store/credential.h"

#include "api/routes.h"
#include "api/v2.h"

static enum err
get_credential(struct ctx *ctx, struct response *response)
{
	struct columns columns;
	struct credential credential;
	struct uuid id;
	enum err err = route_param_uuid(ctx, "id", &id);

	if (!err)
		err = columns_read(&ctx->req->query, v2_credential_columns, &columns, &ctx->err);
	if (!err)
		err = credential_get(api_store(ctx), ctx->auth, &id, &credential, &ctx->err);
	if (err)
		return err;
	json_t *json = v2_credential_json(&credential);
	columns_apply(json, &columns);
	credential_free(&credential);
	return v2_answer(response, "credential", json);
}

static enum err
decline_credential(struct ctx *ctx, struct response *response)
{
	static const struct field_spec fields[] = {
		{ .name = "reason", .type = FIELD_TEXT, .least = 1, .most = CREDENTIAL_REASON_MAX },
		{ .name = NULL },
	};
	struct api_audit audit;
	struct credential credential;
	json_t *object = NULL;
	struct uuid id;
	enum err err = route_param_uuid(ctx, "id", &id);

	if (!err)
		err = request_json(ctx->req, &object, &ctx->err);
	if (!err)
		err = fields_check(object, fields, true, "", &ctx->err);
	if (err)
		return err;
	api_audit_begin(ctx, &audit);
	err = credential_decline(api_store(ctx), &audit.entry, ctx->auth->person_id, &id,
	    json_get_text(object, "reason"), &credential, &ctx->err);
	if (err)
		return err;
	json_t *json = v2_credential_json(&credential);
	credential_free(&credential);
	return v2_answer(response, "credential", json);
}

const struct route credential_routes[] = {
	{ .method = METHOD_GET,
	    .path = "/api/v2/credential-requests/credentials/{id}",
	    .scope = SCOPE_REQUESTS_READ,
	    .audit = "none",
	    .surface = SURFACE_V2,
	    .auth = AUTH_JOINED,
	    .handler = get_credential,
	    .summary = "One credential of a request" },
	{ .method = METHOD_POST,
	    .path = "/api/v2/credential-requests/credentials/{id}/decline",
	    .scope = SCOPE_REQUESTS_WRITE,
	    .audit = "credential.decline",
	    .surface = SURFACE_V2,
	    .auth = AUTH_FIRST,
	    .body_optional = true,
	    .handler = decline_credential,
	    .summary = "Decline a credential, or change the reason" },
	{ 0 },
};
