/* SPDX-License-Identifier: Apache-2.0 */
/* /api/v2/connections/{id}/test: ask the provider whether a connection works. */
#include <string.h>

#include "api/routes.h"
#include "api/v2.h"
#include "store/connection.h"

/* The provider's no ends the job as failed; when it was away it is dead. */
static enum err
answer_test(struct ctx *ctx, struct response *response, const struct job_state *state)
{
	if (!strcmp(state->state, "done"))
		return v2_answer(response, "verified", json_true());
	return err_set(&ctx->err, strcmp(state->state, "failed") ? ERR_REMOTE : ERR_VALUE, "", "%s",
	    state->error ? state->error : "the connection could not be tested");
}

static enum err
test_connection(struct ctx *ctx, struct response *response)
{
	struct api_audit audit;
	struct job_state state = { 0 };
	enum api_wait outcome;
	int64_t id, job_id = 0;
	enum err err = v2_connection_id(ctx, &id);

	if (!err)
		err = api_require_runner(ctx);
	if (err)
		return err;
	api_audit_begin(ctx, &audit);
	err = connection_test_enqueue(api_store(ctx), &audit.entry, ctx->auth->person_id, id,
	    &job_id, &ctx->err);
	if (!err)
		err = api_job_wait(ctx, job_id, &outcome, &state);
	if (err)
		return err;
	if (outcome == API_WAIT_NONE)
		return api_job_accepted(ctx, response, job_id, json_object());
	if (outcome == API_WAIT_ENDED)
		err = answer_test(ctx, response, &state);
	else
		err = err_set(&ctx->err, ERR_REMOTE, "", "the provider is too slow");
	job_state_free(&state);
	return err;
}

const struct route connection_test_routes[] = {
	{ .method = METHOD_POST,
	    .path = "/api/v2/connections/{id}/test",
	    .scope = SCOPE_CONNECTIONS_WRITE,
	    .audit = "connection.test",
	    .surface = SURFACE_V2,
	    .auth = AUTH_FIRST,
	    .body_optional = true,
	    .handler = test_connection,
	    .summary = "Test a connection at its provider" },
	{ 0 },
};
