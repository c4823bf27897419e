/* SPDX-License-Identifier: Apache-2.0 */
/* Job kind oauth_refresh: spend the refresh token of a grant for new tokens. What may be done with
 * a token, and what follows from each end, is decided by store/oauth_refresh.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "runner/derived_token.h"
#include "runner/grant_fields.h"
#include "runner/kinds.h"
#include "runner/loop.h"
#include "runner/provider.h"
#include "store/oauth_grant.h"
#include "store/oauth_refresh.h"

#define AGAIN_MS 60000     /* until a session that could not be had is asked for again */
#define LOOK_AGAIN_MS 1000 /* while somebody else has the lease */
#define NOTHING_TO_SPEND "the provider has given nothing to refresh the token with"
#define TOO_LATE_MS 2000 /* with less time than that left of the lease nothing is sent */

/* How far the call has come. */
enum spending {
	NOT_SENT,
	UNDER_WAY, /* and, if it ends like that, without an answer */
	ANSWERED,  /* there are tokens */
	REFUSED,   /* the token is no good */
	FAILED     /* there was an answer, but no use of it */
};

/* task->data */
struct refresh {
	struct provider provider;
	struct oauth_grant grant;
	struct oauth_lease lease;
	bool leased;
	bool nothing;              /* there is no token that could be spent */
	struct secret spent;       /* the token that is sent */
	int64_t main_generation;   /* of the main grant, whose it is; 0: its own */
	struct secret refresh_old; /* stays when no new one comes */
	enum spending spending;
	struct oauth_tokens tokens;
	int64_t refresh_at;
};

static void
refresh_free(void *data)
{
	struct refresh *refresh = data;

	provider_free(&refresh->provider);
	oauth_grant_free(&refresh->grant);
	secret_free(&refresh->spent);
	secret_free(&refresh->refresh_old);
	oauth_tokens_free(&refresh->tokens);
	free(refresh);
}

static enum err
refresh_check(const struct job *job, json_t *payload, struct errctx *ctx)
{
	struct uuid id;

	if (uuid_parse(job->subject, &id))
		return err_set(ctx, ERR_FIELD, "subject", "the subject is no grant's id");
	if (json_object_size(payload) > (json_get_int(payload, "generation", 0) > 0))
		return err_set(ctx, ERR_FIELD, "payload",
		    "the payload must be empty or {\"generation\": a number}");
	return OK;
}

/* ---- loading ---- */

/* All that can be wrong before the token is touched. */
static enum err
load_provider(struct store *store, struct refresh *refresh, struct errctx *ctx)
{
	const struct oauth_grant *grant = &refresh->grant;
	const struct team_key *key = NULL;
	enum err err = provider_load_grant(store, grant, &refresh->provider, ctx);

	/* what comes must be possible to seal */
	return err ? err : store_team_key(store, grant->team_id, &key, ctx);
}

/* What the definition spends, of the newest generation. Only with the lease. */
static enum err
open_token(struct store *store, struct refresh *refresh, struct errctx *ctx)
{
	enum oauth_source source = oauth_refresh_source(refresh->provider.type);
	const struct oauth_recipient recipient =
	    provider_recipient(&refresh->provider, &refresh->grant);
	auto_secret struct secret access = { 0 };
	struct oauth_token token = { 0 };
	enum err err = oauth_token_load(store, &refresh->grant.uuid, &token, ctx);

	if (!err && token.generation != refresh->lease.generation)
		err = err_set(ctx, ERR_CONFLICT, "", "the authorization has changed");
	if (!err)
		err = oauth_token_open(store, &token, &recipient, &access, &refresh->refresh_old,
		    ctx);
	oauth_token_free(&token);
	if (err || derived_token_is(&refresh->provider))
		return err ? err
			   : derived_token_open(store, &refresh->grant, &recipient, &refresh->spent,
				 &refresh->main_generation, ctx);
	const struct secret *spent =
	    source == OAUTH_SOURCE_ACCESS ? &access : &refresh->refresh_old;
	if (spent->len)
		secret_set(&refresh->spent, spent->data, spent->len);
	return OK;
}

static void
settle_without_lease(struct task *task, enum oauth_lease_verdict verdict)
{
	struct refresh *refresh = task->data;

	task->silent = true;
	if (verdict == OAUTH_LEASE_BUSY) {
		task_settle(task, JOB_BACK, "somebody else is at it");
		task->outcome.delay_ms = refresh->lease.busy_ms < LOOK_AGAIN_MS
					     ? refresh->lease.busy_ms + 1
					     : LOOK_AGAIN_MS;
	} else if (verdict == OAUTH_LEASE_BROKEN) {
		task_settle(task, JOB_FAILED, "%s",
		    refresh->grant.problem ? refresh->grant.problem : "the provider refuses it");
	} else {
		task_settle(task, JOB_DONE, NULL);
	}
}

/* With nothing to spend the grant ends when its access token does; nothing is opened for that. */
static enum err
look_at_token(struct store *store, struct task *task, struct errctx *ctx)
{
	struct refresh *refresh = task->data;
	enum oauth_source source = oauth_refresh_source(refresh->provider.type);
	struct oauth_token token = { 0 }, spent = { 0 };
	enum err err = oauth_token_load(store, &refresh->grant.uuid, &token, ctx);

	if (err)
		return err;
	bool over = token.expires_at && token.expires_at <= clock_now_ms();
	oauth_token_free(&token);
	err = derived_token_spent(store, &refresh->provider, &refresh->grant, &spent, ctx);
	if (err && err != ERR_NOT_FOUND)
		return err;
	err_clear(ctx);
	bool has_refresh = spent.refresh_sealed.data != NULL;
	oauth_token_free(&spent);
	refresh->nothing =
	    source == OAUTH_SOURCE_NONE || (source == OAUTH_SOURCE_REFRESH && !has_refresh);
	if (refresh->nothing && !over) {
		task->silent = true;
		task_settle(task, JOB_FAILED, NOTHING_TO_SPEND);
	}
	return OK;
}

static enum err
spend(struct store *store, struct task *task, struct errctx *ctx)
{
	struct refresh *refresh = task->data;
	enum oauth_lease_verdict verdict = OAUTH_LEASE_NO_GRANT;
	enum err err = look_at_token(store, task, ctx);

	if (err || task->settled)
		return err;
	err = oauth_lease_take(store, &refresh->grant.uuid, &task->job, &refresh->lease, &verdict,
	    ctx);
	if (err)
		return err;
	if (verdict != OAUTH_LEASE_TAKEN) {
		settle_without_lease(task, verdict);
		return OK;
	}
	refresh->leased = true;
	if (refresh->nothing) {
		refresh->spending = REFUSED;
		task_settle(task, JOB_FAILED, NOTHING_TO_SPEND ": sign in again");
		return OK;
	}
	err = open_token(store, refresh, ctx);
	return err ? err
		   : provider_prepare(&refresh->provider, OAUTH_REFRESH,
			 secret_text(&refresh->spent), ctx);
}

static enum err
refresh_load(struct store *store, struct task *task, json_t *payload, struct errctx *ctx)
{
	struct refresh *refresh = xcalloc(1, sizeof(*refresh));
	int64_t known = json_get_int(payload, "generation", 0);
	struct uuid id;

	task->data = refresh;
	enum err err = uuid_parse(task->job.subject, &id);
	if (!err)
		err = oauth_grant_load(store, &id, &refresh->grant, ctx);
	if (err == ERR_NOT_FOUND) {
		err_clear(ctx);
		settle_without_lease(task, OAUTH_LEASE_NO_GRANT);
		return OK;
	}
	/* who asked had looked before the refresh that is over by now */
	if (!err && known && refresh->grant.generation > known) {
		settle_without_lease(task, OAUTH_LEASE_FRESH);
		return OK;
	}
	if (!err)
		err = load_provider(store, refresh, ctx);
	return err ? err : spend(store, task, ctx);
}

/* ---- asking ---- */

static int64_t
left_ms(const struct refresh *refresh)
{
	return refresh->lease.taken_ms + OAUTH_SPEND_MS - clock_monotonic_ms();
}

static void on_answer(void *arg, struct http_result *result);

static void
ask_provider(void *arg)
{
	struct task *task = arg;
	struct refresh *refresh = task->data;

	if (left_ms(refresh) < TOO_LATE_MS) {
		task_retry_later(task, "there was no time left to ask the provider");
		loop_end(task);
		return;
	}
	refresh->spending = UNDER_WAY;
	provider_send(task, &refresh->provider, left_ms(refresh), on_answer);
}

static void
refresh_start(struct task *task)
{
	ask_provider(task);
}

static void
take_tokens(struct refresh *refresh, struct oauth_answer *answer)
{
	oauth_tokens_merge(&refresh->tokens, &answer->tokens);
	refresh->spending = ANSWERED;
	bool has_refresh = derived_token_is(&refresh->provider) ||
			   refresh->tokens.refresh.len > 0 ||
			   (!refresh->tokens.ends_refresh && refresh->refresh_old.len > 0);
	refresh->refresh_at =
	    provider_refresh_at(refresh->provider.type, &refresh->tokens, has_refresh);
}

static void next_step(struct task *task, enum oauth_step done);

static void
on_step(void *arg, struct http_result *result)
{
	struct task *task = arg;
	struct refresh *refresh = task->data;
	auto_oauth_answer struct oauth_answer answer = { 0 };

	oauth_read(&refresh->provider.call, result, &answer);
	if (answer.verdict == OAUTH_GOOD)
		take_tokens(refresh, &answer);
	next_step(task,
	    answer.verdict == OAUTH_GOOD ? refresh->provider.call.step : OAUTH_INTROSPECT);
}

/* The tokens are here whatever comes now. One that is to be exchanged is over without that: the
 * next refresh tries again. */
static void
next_step(struct task *task, enum oauth_step done)
{
	struct refresh *refresh = task->data;
	enum oauth_step step = oauth_next_step(refresh->provider.type, done);
	struct errctx ctx = { 0 };

	if (step == OAUTH_LENGTHEN) {
		refresh->tokens.has_expiry = true;
		refresh->tokens.expires_at_ms = clock_now_ms();
		refresh->refresh_at = refresh->tokens.expires_at_ms + AGAIN_MS;
	}
	if (step != OAUTH_DONE && left_ms(refresh) > TOO_LATE_MS &&
	    provider_prepare(&refresh->provider, step, secret_text(&refresh->tokens.access),
		&ctx) == OK) {
		provider_send(task, &refresh->provider, left_ms(refresh), on_step);
		return;
	}
	task->silent = true;
	task_settle(task, JOB_DONE, NULL);
	loop_end(task);
}

static void
end_unanswered(struct task *task, const struct oauth_answer *answer, bool silence)
{
	struct refresh *refresh = task->data;

	switch (answer->verdict) {
	case OAUTH_INVALID_GRANT:
		refresh->spending = REFUSED;
		task_settle(task, JOB_FAILED, "%s", answer->words);
		break;
	case OAUTH_NOT_SENT:
		refresh->spending = NOT_SENT;
		task_retry_later(task, answer->words);
		break;
	case OAUTH_REFUSED:
		refresh->spending = FAILED;
		task_settle(task, JOB_FAILED, "%s", answer->words);
		break;
	case OAUTH_GOOD:
	case OAUTH_AWAY:
		/* who asks with nothing but himself may ask again at once */
		refresh->spending =
		    silence && oauth_refresh_source(refresh->provider.type) != OAUTH_SOURCE_CLIENT
			? UNDER_WAY
			: FAILED;
		task_retry_later(task, answer->words);
		if (answer->retry_after_s > 0 &&
		    task->outcome.delay_ms < (int64_t)answer->retry_after_s * 1000)
			task->outcome.delay_ms = (int64_t)answer->retry_after_s * 1000;
		break;
	}
	loop_end(task);
}

static void
on_answer(void *arg, struct http_result *result)
{
	struct task *task = arg;
	struct refresh *refresh = task->data;
	struct provider *provider = &refresh->provider;
	auto_oauth_answer struct oauth_answer answer = { 0 };

	oauth_read(&provider->call, result, &answer);
	if (answer.verdict == OAUTH_GOOD) {
		take_tokens(refresh, &answer);
		next_step(task, OAUTH_REFRESH);
		return;
	}
	log_info(LOG_EVENT("oauth_call"), LOG_I("job", task->job.id), LOG_S("kind", task->job.kind),
	    LOG_S("outcome", answer.words));
	int64_t pause = provider_pause_ms(provider->tries);
	if (answer.verdict == OAUTH_NOT_SENT && provider->tries < PROVIDER_TRIES &&
	    pause + TOO_LATE_MS < left_ms(refresh)) {
		refresh->spending = NOT_SENT;
		http_client_after(loop_client(task->loop), pause, ask_provider, task);
		return;
	}
	end_unanswered(task, &answer, result->err != OK);
}

/* ---- saving ---- */

static enum err
save_answer(struct store *store, const struct task *task, struct errctx *ctx)
{
	const struct refresh *refresh = task->data;
	const struct oauth_tokens *tokens = &refresh->tokens;
	const struct secret *same = tokens->ends_refresh ? NULL : &refresh->refresh_old;
	const struct secret *next = tokens->refresh.len ? &tokens->refresh : same;
	json_auto_t *changed = grant_fields_changed(refresh->provider.fields, tokens->fields);
	const struct oauth_token_new token = {
		.access = &tokens->access,
		.refresh = derived_token_is(&refresh->provider) ? NULL : next,
		.token_type = tokens->token_type,
		.expires_at = tokens->has_expiry ? tokens->expires_at_ms : 0,
		.refresh_at = refresh->refresh_at,
	};
	const struct oauth_recipient recipient =
	    provider_recipient(&refresh->provider, &refresh->grant);
	bool stored = false;
	enum err err = changed ? grant_fields_lock_in(store, &refresh->grant, ctx) : OK;

	if (!err)
		err = oauth_lease_answered_in(store, &refresh->lease, &token, &recipient, &stored,
		    ctx);
	if (!err && stored && changed)
		err = grant_fields_write_in(store, &refresh->grant, changed, ctx);
	if (!err)
		log_info(LOG_EVENT("oauth_refreshed"), LOG_I("job", task->job.id),
		    LOG_I("generation", refresh->lease.generation), LOG_I("stored", stored));
	return err;
}

static enum err
save_refusal(struct store *store, const struct task *task, struct task_outcome *outcome,
    struct errctx *ctx)
{
	const struct refresh *refresh = task->data;
	struct oauth_rotation rotation = { 0 };
	enum oauth_refusal refusal = OAUTH_REFUSAL_MOVED;
	bool moved = false;

	oauth_rotation(refresh->provider.type, &rotation);
	enum err err = derived_token_moved(store, &refresh->provider, &refresh->grant,
	    refresh->main_generation, &moved, ctx);
	if (!err && moved) {
		refusal = OAUTH_REFUSAL_AGAIN;
		err = oauth_lease_failed_in(store, &refresh->lease, OAUTH_FAILED_ANSWERED,
		    outcome->error, ctx);
	} else if (!err) {
		err = oauth_lease_refused_in(store, &refresh->lease, rotation.reuse_grace_ms,
		    outcome->error, task->job.request_id, &refusal, ctx);
	}
	if (err)
		return err;
	if (refusal == OAUTH_REFUSAL_AGAIN) {
		outcome->end = JOB_RETRY;
		outcome->delay_ms = job_backoff_ms(task->job.attempt);
	} else if (refusal == OAUTH_REFUSAL_MOVED) {
		*outcome = (struct task_outcome){ .end = JOB_DONE };
	}
	return OK;
}

static enum err
refresh_save(struct store *store, const struct task *task, struct task_outcome *outcome,
    struct errctx *ctx)
{
	const struct refresh *refresh = task->data;
	static const enum oauth_failure failures[] = {
		[NOT_SENT] = OAUTH_FAILED_NOT_SENT,
		[UNDER_WAY] = OAUTH_FAILED_SILENT,
		[FAILED] = OAUTH_FAILED_ANSWERED,
	};

	if (!refresh->leased) /* what is wrong with the definition or the client stays wrong */
		return outcome->end == JOB_FAILED && !task->silent
			   ? oauth_grant_put_off_in(store, &refresh->grant.uuid, outcome->error,
				 ctx)
			   : OK;
	if (refresh->spending == ANSWERED)
		return save_answer(store, task, ctx);
	if (refresh->spending == REFUSED)
		return save_refusal(store, task, outcome, ctx);
	if (refresh->spending == NOT_SENT && outcome->end == JOB_BACK)
		return oauth_lease_lost_in(store, &refresh->lease, "not_sent", ctx);
	return oauth_lease_failed_in(store, &refresh->lease, failures[refresh->spending],
	    outcome->error[0] ? outcome->error : "the runner was stopped", ctx);
}

/* An answer is never thrown away: the provider may know no other token any more. */
static enum err
refresh_lost(struct store *store, const struct task *task, struct errctx *ctx)
{
	const struct refresh *refresh = task->data;

	if (!refresh->leased || refresh->spending == UNDER_WAY || refresh->spending == FAILED)
		return OK;
	if (refresh->spending == ANSWERED)
		return save_answer(store, task, ctx);
	return oauth_lease_lost_in(store, &refresh->lease,
	    refresh->spending == REFUSED ? "refused" : "not_sent", ctx);
}

const struct kind kind_oauth_refresh = {
	.name = "oauth_refresh",
	.timeout_ms = OAUTH_LEASE_S * 1000,
	.max_attempts = OAUTH_REFRESH_ATTEMPTS,
	.audit = "connection.refresh",
	.doc = "Spends the refresh token of a grant for new tokens, ahead of expiry or on demand; "
	       "when the provider ends the grant, its credentials are open again.",
	.idempotent = "One owner of the lease spends a token at a time, each spend is noted before "
		      "it is made, and each answer is a generation of its own.",
	.check = refresh_check,
	.load = refresh_load,
	.start = refresh_start,
	.save = refresh_save,
	.saves_progress = true,
	.lost = refresh_lost,
	.free = refresh_free,
};
