/* SPDX-License-Identifier: Apache-2.0 */
/* Job kind oauth_revoke: give a grant that is nobody's any more back to its provider. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/json.h"
#include "catalog/credential_type.h"
#include "oauth/revoke.h"
#include "runner/kinds.h"
#include "runner/loop.h"
#include "runner/provider.h"
#include "store/oauth_grant.h"

#define LOOK_AGAIN_MS 1000 /* while its token is being refreshed */

/* task->data */
struct revoke {
	struct provider provider;
	struct oauth_grant grant;
	struct secret access, refresh;
	bool ending;      /* there is something to be done */
	bool unsupported; /* and nobody to be asked */
};

static void
revoke_free(void *data)
{
	struct revoke *revoke = data;

	provider_free(&revoke->provider);
	oauth_grant_free(&revoke->grant);
	secret_free(&revoke->access);
	secret_free(&revoke->refresh);
	free(revoke);
}

static enum err
revoke_check(const struct job *job, json_t *payload, struct errctx *ctx)
{
	struct uuid id;

	if (uuid_parse(job->subject, &id))
		return err_set(ctx, ERR_FIELD, "subject", "the subject is no grant's id");
	if (json_object_size(payload))
		return err_set(ctx, ERR_FIELD, "payload", "the payload must be empty");
	return OK;
}

/* ---- loading ---- */

/* Done, though the provider was not asked. */
static void
settle_unsupported(struct task *task, const char *words)
{
	struct revoke *revoke = task->data;

	revoke->unsupported = true;
	task->silent = true; /* it has an audit row of its own */
	task_settle(task, JOB_DONE, "not_supported: %s", words);
}

/* One that revokes all of an account would take a newer grant along. */
static enum err
check_siblings(struct store *store, struct task *task, struct errctx *ctx)
{
	struct revoke *revoke = task->data;
	bool sibling = false;
	enum err err = oauth_revoke_ends_all(revoke->provider.type)
			   ? oauth_grant_has_sibling(store, &revoke->grant, &sibling, ctx)
			   : OK;

	if (!err && sibling)
		settle_unsupported(task,
		    "the provider would end all of the account's, and another one is in use");
	return err;
}

static enum err
prepare_request(struct store *store, struct revoke *revoke, struct errctx *ctx)
{
	struct provider *provider = &revoke->provider;
	const struct oauth_grant *grant = &revoke->grant;
	const struct oauth_recipient recipient = provider_recipient(provider, grant);
	struct oauth_token token = { 0 };
	enum err err = oauth_token_load(store, &grant->uuid, &token, ctx);

	if (!err)
		err = oauth_token_open(store, &token, &recipient, &revoke->access, &revoke->refresh,
		    ctx);
	oauth_token_free(&token);
	if (err)
		return err;
	enum oauth_source source = oauth_revoke_source(provider->type, revoke->refresh.len > 0);
	provider->call.token =
	    secret_text(source == OAUTH_SOURCE_REFRESH ? &revoke->refresh : &revoke->access);
	provider->call.fields = provider->fields;
	provider->call.now_ms = clock_now_ms();
	err = provider_check_host(provider, ctx);
	return err ? err : oauth_revoke_request(&provider->call, source, &provider->request, ctx);
}

static enum err
load_provider(struct store *store, struct task *task, struct errctx *ctx)
{
	struct revoke *revoke = task->data;
	struct provider *provider = &revoke->provider;
	const struct oauth_grant *grant = &revoke->grant;

	if (credential_type_is(grant->connection_type)) { /* which may be gone */
		settle_unsupported(task, "nobody has said how its provider does it");
		return OK;
	}
	enum err err = provider_load_grant(store, grant, provider, ctx);
	if (err)
		return err;
	if (!oauth_can_revoke(provider->type)) {
		settle_unsupported(task, "the provider has no way to do it");
		return OK;
	}
	err = check_siblings(store, task, ctx);
	return err || task->settled ? err : prepare_request(store, revoke, ctx);
}

static enum err
revoke_load(struct store *store, struct task *task, json_t *payload, struct errctx *ctx)
{
	struct revoke *revoke = xcalloc(1, sizeof(*revoke));
	struct uuid id;
	(void)payload;

	task->data = revoke;
	enum err err = uuid_parse(task->job.subject, &id);
	if (!err)
		err = oauth_grant_load(store, &id, &revoke->grant, ctx);
	if (err && err != ERR_NOT_FOUND)
		return err;
	if (err || strcmp(revoke->grant.state, OAUTH_ENDING) != 0) {
		err_clear(ctx);
		task->silent = true;
		task_settle(task, JOB_DONE, NULL);
		return OK;
	}
	if (revoke->grant.lease_ms) { /* what comes of it is what must be revoked */
		task_settle(task, JOB_BACK, "its token is being refreshed");
		task->outcome.delay_ms = LOOK_AGAIN_MS;
		return OK;
	}
	revoke->ending = true;
	return load_provider(store, task, ctx);
}

/* ---- asking ---- */

static void
on_answer(void *arg, struct http_result *result)
{
	struct task *task = arg;
	struct revoke *revoke = task->data;
	struct oauth_revocation revocation = { 0 };

	oauth_revoke_read(&revoke->provider.call, result, &revocation);
	switch (revocation.verdict) {
	case OAUTH_REVOKED:
		task_settle(task, JOB_DONE, NULL);
		break;
	case OAUTH_NOT_SUPPORTED:
		settle_unsupported(task, revocation.words);
		break;
	case OAUTH_REVOKE_FAILED:
		task_settle(task, JOB_FAILED, "%s", revocation.words);
		break;
	case OAUTH_REVOKE_AWAY:
		task_retry_later(task, revocation.words);
		if (task->outcome.delay_ms < (int64_t)revocation.retry_after_s * 1000)
			task->outcome.delay_ms = (int64_t)revocation.retry_after_s * 1000;
		break;
	}
	loop_end(task);
}

static void
revoke_start(struct task *task)
{
	struct revoke *revoke = task->data;

	provider_send(task, &revoke->provider, OAUTH_TIMEOUT_MS, on_answer);
}

/* ---- saving ---- */

/* After a failure the tokens are kept for a week, so that the job can be put back. */
static enum err
revoke_save(struct store *store, const struct task *task, struct task_outcome *outcome,
    struct errctx *ctx)
{
	const struct revoke *revoke = task->data;
	const struct uuid *grant = &revoke->grant.uuid;
	struct audit_entry audit = {
		.event = "connection.revoke_not_supported",
		.actor = "runner",
		.request_id = task->job.request_id,
		.team_id = revoke->grant.team_id,
	};

	if (!revoke->ending || outcome->end == JOB_BACK)
		return OK;
	if (outcome->end != JOB_DONE)
		return oauth_grant_note_problem_in(store, grant, outcome->error, ctx);
	enum err err = oauth_grant_remove_in(store, grant, ctx);
	if (err || !revoke->unsupported)
		return err;
	uuid_text(grant, audit.subject);
	return audit_add(store, &audit, ctx);
}

const struct kind kind_oauth_revoke = {
	.name = "oauth_revoke",
	.timeout_ms = 60 * 1000,
	.max_attempts = 12,
	.audit = "connection.revoke",
	.doc = "Gives a grant that is nobody's any more back to its provider and forgets its "
	       "tokens.",
	.idempotent = "A token that is revoked already counts as revoked (RFC 7009 section 2.2); "
		      "the grant goes with the job's end.",
	.check = revoke_check,
	.load = revoke_load,
	.start = revoke_start,
	.save = revoke_save,
	.saves_progress = true,
	.free = revoke_free,
};
