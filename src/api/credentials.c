/* SPDX-License-Identifier: Apache-2.0 */
/* /api/v2/credential-requests/credentials: one of the things a request asks for. */
#include "store/credential.h"

#include <string.h>

#include "api/routes.h"
#include "api/v2.h"

/* Frees `credential`. */
static json_t *
shown_json(struct credential *credential, const struct columns *columns)
{
	json_t *json = v2_credential_json(credential);

	columns_apply(json, columns);
	credential_free(credential);
	return json;
}

static enum err
answer_credential(struct response *response, struct credential *credential,
    const struct columns *columns)
{
	return v2_answer(response, "credential", shown_json(credential, columns));
}

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
	return answer_credential(response, &credential, &columns);
}

/* What a call that changes a credential brings; `object_out` may be NULL. */
static enum err
read_call(struct ctx *ctx, const struct field_spec *fields, struct uuid *id_out,
    struct columns *columns_out, json_t **object_out)
{
	json_t *object = NULL;
	enum err err = route_param_uuid(ctx, "id", id_out);

	if (!err)
		err = columns_read(&ctx->req->query, v2_credential_columns, columns_out, &ctx->err);
	if (!err)
		err = request_json(ctx->req, &object, &ctx->err);
	if (!err)
		err = fields_check(object, fields, true, "", &ctx->err);
	if (!err && object_out)
		*object_out = object;
	return err;
}

static enum err
decline_credential(struct ctx *ctx, struct response *response)
{
	static const struct field_spec fields[] = {
		{ .name = "reason", .type = FIELD_TEXT, .least = 1, .most = CREDENTIAL_REASON_MAX },
		{ .name = NULL },
	};
	struct api_audit audit;
	struct columns columns;
	struct credential credential;
	json_t *object = NULL;
	struct uuid id;
	enum err err = read_call(ctx, fields, &id, &columns, &object);

	if (err)
		return err;
	api_audit_begin(ctx, &audit);
	err = credential_decline(api_store(ctx), &audit.entry, ctx->auth->person_id, &id,
	    json_get_text(object, "reason"), &credential, &ctx->err);
	return err ? err : answer_credential(response, &credential, &columns);
}

/* ---- what was made from it ---- */

static const struct field_spec no_fields[] = { { .name = NULL } };

/* The credential a call without a body is about, and how it is to be shown. */
static enum err
read_subject(struct ctx *ctx, struct uuid *id_out, struct columns *columns_out,
    struct credential *credential_out)
{
	enum err err = read_call(ctx, no_fields, id_out, columns_out, NULL);

	return err ? err
		   : credential_get(api_store(ctx), ctx->auth, id_out, credential_out, &ctx->err);
}

/* What a job that has ended means for the caller, and how the credential is after it. */
typedef enum err judge_fn(struct ctx *ctx, const struct job_state *state,
    const struct credential *credential);

/* How the credential is after, or while, a job works on it: 200, or 202 with the job. */
static enum err
answer_after(struct ctx *ctx, struct response *response, const struct uuid *id,
    const struct columns *columns, int64_t job_id, judge_fn *judge)
{
	struct job_state state = { 0 };
	struct credential credential = { 0 };
	enum api_wait waited = API_WAIT_NONE;
	enum err err = api_job_wait(ctx, job_id, &waited, &state);

	if (err)
		return err;
	bool ended = waited == API_WAIT_ENDED;
	err = credential_load(api_store(ctx), id, &credential, &ctx->err);
	if (!err && ended)
		err = judge(ctx, &state, &credential);
	if (ended)
		job_state_free(&state);
	if (err) {
		credential_free(&credential);
		return err;
	}
	if (ended)
		return answer_credential(response, &credential, columns);
	json_t *answer = json_object();
	json_put(answer, "credential", shown_json(&credential, columns));
	return api_job_accepted(ctx, response, job_id, answer);
}

static enum err
judge_deletion(struct ctx *ctx, const struct job_state *state, const struct credential *credential)
{
	(void)credential;
	return api_job_check(ctx, state, "the platform did not do it");
}

static enum err
delete_remote(struct ctx *ctx, struct response *response)
{
	struct api_audit audit;
	struct columns columns;
	struct credential credential;
	struct uuid id;
	int64_t job_id = 0;
	enum err err = read_subject(ctx, &id, &columns, &credential);

	if (err)
		return err;
	if (!credential_has_result(&credential))
		return answer_credential(response, &credential, &columns);
	credential_free(&credential);
	err = api_require_runner(ctx);
	if (err)
		return err;
	api_audit_begin(ctx, &audit);
	err = credential_delete_remote(api_store(ctx), &audit.entry, ctx->auth->person_id, &id,
	    &job_id, &ctx->err);
	if (err)
		return err;
	if (job_id)
		return answer_after(ctx, response, &id, &columns, job_id, judge_deletion);
	err = credential_load(api_store(ctx), &id, &credential, &ctx->err);
	return err ? err : answer_credential(response, &credential, &columns);
}

/* A job that was refused has failed; one whose provider was away is dead. Only the first opens the
 * credential again, and not where its connection was given other fields meanwhile. */
static enum err
judge_test(struct ctx *ctx, const struct job_state *state, const struct credential *credential)
{
	if (strcmp(state->state, "done") == 0)
		return err_set(&ctx->err, ERR_VALUE, "", "the connection is still valid");
	if (strcmp(state->state, "failed") != 0)
		return api_job_check(ctx, state, "the provider could not be asked");
	if (strcmp(credential->state, "reauthorizing") == 0)
		return OK;
	return err_set(&ctx->err, ERR_VALUE, "", "%s",
	    state->error ? state->error : "the connection could not be tested");
}

static enum err
request_reauthorize(struct ctx *ctx, struct response *response)
{
	struct api_audit audit;
	struct columns columns;
	struct credential credential;
	struct uuid id;
	int64_t job_id = 0;
	enum err err = read_subject(ctx, &id, &columns, &credential);

	if (err)
		return err;
	err = credential_check_testable(&credential, &ctx->err);
	credential_free(&credential);
	if (!err)
		err = api_require_runner(ctx);
	if (err)
		return err;
	api_audit_begin(ctx, &audit);
	err = credential_request_test(api_store(ctx), &audit.entry, ctx->auth->person_id, &id,
	    &job_id, &ctx->err);
	return err ? err : answer_after(ctx, response, &id, &columns, job_id, judge_test);
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
	{ .method = METHOD_POST,
	    .path = "/api/v2/credential-requests/credentials/{id}/delete-remote",
	    .scope = SCOPE_REQUESTS_WRITE,
	    .audit = "credential.delete_remote",
	    .surface = SURFACE_V2,
	    .auth = AUTH_JOINED,
	    .body_optional = true,
	    .handler = delete_remote,
	    .summary = "Delete the key or connection of a credential where it lives" },
	{ .method = METHOD_POST,
	    .path = "/api/v2/credential-requests/credentials/{id}/request-reauthorize",
	    .scope = SCOPE_REQUESTS_WRITE,
	    .audit = "credential.request_reauthorize",
	    .surface = SURFACE_V2,
	    .auth = AUTH_JOINED,
	    .body_optional = true,
	    .handler = request_reauthorize,
	    .summary = "Test what was made from a credential; open it again when it is broken" },
	{ 0 },
};
