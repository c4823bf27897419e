/* SPDX-License-Identifier: Apache-2.0 */
/* The token of a user credential that a person has connected: it is taken from the grant. */
#include "runner/fetch_grant.h"

#include <string.h>

#include "base/clock.h"
#include "catalog/credential_type.h"
#include "runner/fetch.h"
#include "runner/task.h"
#include "store/oauth_grant.h"
#include "store/oauth_refresh.h"

#define LOOK_AGAIN_MS 200     /* while a refresh is under way */
#define REFRESH_MOST_MS 45000 /* then the callers are told what is wrong */

/* ms it is still good for; one that does not end is good for as long as anything is kept. */
static int64_t
left_ms(const struct oauth_token *token)
{
	int64_t most = FETCH_LIFE_MOST_S * INT64_C(1000);
	int64_t left = token->expires_at ? token->expires_at - clock_now_ms() : most;

	return left < most ? left : most;
}

/* A new generation makes those who use the credential forget this one. */
static enum err
take_token(struct store *store, struct task *task, const struct oauth_token *token,
    struct errctx *ctx)
{
	struct fetch *fetch = task->data;
	enum err err = oauth_token_open(store, token, NULL, &fetch->token, NULL, ctx);

	if (err)
		return err;
	fetch->grant = token->grant;
	fetch->generation = token->generation;
	fetch->life.keep_s = left_ms(token) / 1000;
	fetch->life.expires_s = token->expires_at ? fetch->life.keep_s : 0;
	task_settle(task, JOB_DONE, NULL);
	return OK;
}

static void
settle_failed(struct task *task, const struct oauth_token *token)
{
	bool broken = strcmp(token->grant_state, OAUTH_ACTIVE) != 0;

	if (broken)
		task_settle(task, JOB_FAILED, "its authorization has ended (%s): connect it again",
		    token->problem ? token->problem : "the provider refuses it");
	else
		task_settle(task, JOB_FAILED, "its token could not be refreshed: %s",
		    token->problem ? token->problem : "the provider has not answered yet");
}

/* The refresh is asked for by this job, or was under way already. */
static enum err
wait_for_refresh(struct store *store, struct task *task, const struct oauth_token *token,
    struct errctx *ctx)
{
	struct oauth_refresh_state state = { 0 };
	int64_t job_id = 0;
	enum err err = oauth_refresh_state(store, &token->grant, task->job.id, &state, ctx);

	if (err)
		return err;
	bool over = state.job_id && !state.active;
	if (over || clock_now_ms() - task->job.created_at > REFRESH_MOST_MS) {
		settle_failed(task, token);
		return OK;
	}
	if (!state.job_id)
		err = oauth_refresh_enqueue(store, &token->grant, token->team_id, token->generation,
		    task->job.request_id, &job_id, ctx);
	if (err)
		return err;
	task->silent = true;
	task_settle(task, JOB_BACK, "its token is being refreshed");
	task->outcome.delay_ms = LOOK_AGAIN_MS;
	return OK;
}

static enum err
use_token(struct store *store, struct task *task, const struct oauth_token *token,
    struct errctx *ctx)
{
	bool over = left_ms(token) < FETCH_MARGIN_S * 1000;

	if (strcmp(token->grant_state, OAUTH_ACTIVE) != 0) {
		settle_failed(task, token);
		return OK;
	}
	if (over && !token->refresh_sealed.data) {
		task_settle(task, JOB_FAILED,
		    "its token has ended, and the provider has given nothing to renew it with: "
		    "connect it again");
		return OK;
	}
	return over ? wait_for_refresh(store, task, token, ctx)
		    : take_token(store, task, token, ctx);
}

/* A grant that was hung on another credential would go where that one may be used. */
static enum err
check_type(struct store *store, const struct oauth_token *token, const json_t *definition,
    struct errctx *ctx)
{
	struct credential_type type = { 0 };
	enum err err = credential_type_make(definition, &type, ctx);

	if (!err && strcmp(type.id, token->connection_type) != 0) {
		store_note_damaged_row(store, "oauth_grant", &token->grant, "user_credential_id",
		    token->team_id);
		err = err_set(ctx, ERR_INTEGRITY, "", "this was granted for another credential");
	}
	credential_type_free(&type);
	return err;
}

enum err
fetch_grant_load(struct store *store, struct task *task, const json_t *definition,
    struct errctx *ctx)
{
	const struct fetch *fetch = task->data;
	const struct oauth_owner owner = { .user_credential_id = fetch->subject.place.id };
	struct oauth_token token = { 0 };
	enum err err = oauth_token_of(store, &owner, OAUTH_MAIN_TOKEN, &token, ctx);

	if (err == ERR_NOT_FOUND) {
		err_clear(ctx);
		task_settle(task, JOB_FAILED,
		    "nobody has connected this credential: connect it first");
		return OK;
	}
	if (!err)
		err = check_type(store, &token, definition, ctx);
	if (!err)
		err = use_token(store, task, &token, ctx);
	oauth_token_free(&token);
	return err;
}
