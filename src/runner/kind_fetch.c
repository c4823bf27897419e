/* SPDX-License-Identifier: Apache-2.0 */
/* Job kind fetch: obtain the token of a user credential and keep it sealed. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/json.h"
#include "catalog/credential_type.h"
#include "runner/fetch.h"
#include "runner/fetch_grant.h"
#include "runner/fetch_plan.h"
#include "runner/kinds.h"
#include "runner/save.h"
#include "store/batch.h"
#include "store/oauth_grant.h"

/* Long enough for slow vendors with pauses between attempts; the lease is renewed meanwhile. */
#define FETCH_TIMEOUT_MS (5 * 60 * 1000)

void
fetch_free(void *data)
{
	struct fetch *fetch = data;

	for (size_t i = 0; i < FETCH_REQUESTS_MAX; i++) {
		json_decref(fetch->steps[i].headers);
		json_decref(fetch->steps[i].body_json);
		buf_free(&fetch->steps[i].body);
		json_decref(fetch->steps[i].trace);
	}
	http_request_free(&fetch->request);
	cookie_jar_free(&fetch->jar);
	fetch_subject_free(&fetch->subject);
	references_free(&fetch->references);
	json_decref(fetch->hosts);
	json_decref(fetch->plan);
	json_decref(fetch->roots);
	json_decref(fetch->trace);
	job_value_free(&fetch->out);
	secret_free(&fetch->token);
	free(fetch->sealed.data);
	free(fetch);
}

int64_t
fetch_subject_id(const struct job *job)
{
	int64_t id = 0;
	size_t len = strlen(job->subject);

	if (len == 0 || len > 18 || strspn(job->subject, "0123456789") != len)
		return 0;
	for (const char *c = job->subject; *c; c++)
		id = id * 10 + (*c - '0');
	return id;
}

static enum err
fetch_check(const struct job *job, json_t *payload, struct errctx *ctx)
{
	const char *key;
	json_t *value;

	if (!fetch_subject_id(job))
		return err_set(ctx, ERR_FIELD, "subject", "the subject is no credential's id");
	json_object_foreach(payload, key, value) if (!json_is_integer(value)) return err_set(ctx,
	    ERR_FIELD, key, "the payload may hold ids only, not %s", key);
	return OK;
}

/* INFO.credential.<slug>.metadata.<key>: its own, and of the credentials it refers to. */
static void
put_info(struct fetch *fetch)
{
	const struct fetch_subject *subject = &fetch->subject;
	json_t *info = json_object(), *own = json_object(), *metadata = NULL;
	json_t *all =
	    fetch->references.metadata ? json_incref(fetch->references.metadata) : json_object();

	if (!subject->metadata ||
	    json_parse(subject->metadata, strlen(subject->metadata), &metadata, NULL))
		metadata = json_object();
	json_put(own, "metadata", metadata);
	json_put(all, subject->slug, own);
	json_put(info, "credential", all);
	json_put(fetch->roots, "INFO", info);
}

struct fetch *
fetch_new(struct task *task)
{
	struct fetch *fetch = xcalloc(1, sizeof(*fetch));

	fetch->started_at = clock_now_ms();
	task->data = fetch;
	return fetch;
}

static enum err
fetch_gather(struct store *store, struct task *const *tasks, size_t n, struct errctx *ctx)
{
	struct fetch_subject subjects[BATCH_MAX] = { 0 };
	int64_t ids[BATCH_MAX] = { 0 };

	for (size_t i = 0; i < n; i++)
		ids[i] = fetch_subject_id(&tasks[i]->job);
	enum err err = batch_fetch_subjects(store, ids, n, subjects, ctx);
	for (size_t i = 0; i < n && !err; i++)
		fetch_new(tasks[i])->subject = subjects[i];
	return err;
}

enum err
fetch_open(struct store *store, struct task *task, struct errctx *ctx)
{
	struct fetch *fetch = task->data;
	const struct user_credential_place *place = &fetch->subject.place;
	json_auto_t *definition = NULL;
	bool wait = false;
	enum err err =
	    user_credential_open(store, place, &fetch->subject.definition_sealed, &definition, ctx);

	if (err)
		return err;
	if (!fetch->ended && strcmp(place->mode, "OAUTH") == 0 && credential_type_fits(definition))
		return fetch_grant_load(store, task, definition, ctx);
	fetch->roots = json_object();
	err = fetch_plan_make(place->mode, definition, fetch->roots, &fetch->plan, ctx);
	fetch->n_requests = json_array_size(json_object_get(fetch->plan, "requests"));
	if (!err && (fetch->n_requests < 1 || fetch->n_requests > FETCH_REQUESTS_MAX))
		err = err_set(ctx, ERR_VALUE, "", "the credential defines no requests");
	if (!err)
		err = references_load(store, &task->job, place, fetch->plan, &fetch->references,
		    &wait, ctx);
	if (!err && wait)
		references_wait(task);
	else if (!err)
		put_info(fetch);
	return err;
}

static enum err
fetch_load(struct store *store, struct task *task, json_t *payload, struct errctx *ctx)
{
	struct fetch *fetch = task->data;
	enum err err = OK;

	if (!fetch) {
		fetch = fetch_new(task);
		err = fetch_subject_load(store, fetch_subject_id(&task->job), &fetch->subject, ctx);
	}
	if (err)
		return err;
	if (!fetch->subject.place.id)
		return err_set(ctx, ERR_NOT_FOUND, "", "the credential is gone");
	/* Whoever put this job in had looked a moment too early, or wants the next one in time. */
	int64_t since = json_get_int(payload, "ahead", 0) ? task->job.created_at : 1;
	if (fetch->subject.fetched_at >= since) {
		task->silent = true;
		task_settle(task, JOB_DONE, NULL);
		return OK;
	}
	return fetch_open(store, task, ctx);
}

static enum err
seal_token(const struct team_key *key, struct fetch *fetch, struct errctx *ctx)
{
	unsigned char policy[SEAL_POLICY_SIZE];
	const struct seal_context context =
	    user_credential_context(&fetch->subject.place, "fetch_token", "token", policy);

	return seal_value(key, &context, fetch->token.data, fetch->token.len, &fetch->sealed.data,
	    &fetch->sealed.len, ctx);
}

/* The team's key is read and verified once for all tokens of a team. */
static enum err
fetch_prepare(struct store *store, struct task *const *tasks, size_t n, struct errctx *ctx)
{
	for (size_t i = 0; i < n; i++) {
		const struct fetch *first = tasks[i]->data;
		const struct team_key *key = NULL;

		if (first->sealed.data || tasks[i]->silent || tasks[i]->outcome.end != JOB_DONE)
			continue;
		err_clear(ctx);
		enum err no_key = store_team_key(store, first->subject.place.team_id, &key, ctx);
		if (task_database_away(no_key))
			return no_key;
		for (size_t j = i; j < n; j++) {
			struct fetch *fetch = tasks[j]->data;

			if (fetch->sealed.data || tasks[j]->silent ||
			    fetch->subject.place.team_id != first->subject.place.team_id)
				continue;
			enum err err = no_key ? no_key : seal_token(key, fetch, ctx);
			if (err)
				task_settle_error(tasks[j], err, ctx);
		}
	}
	return OK;
}

/* The credential was changed while its vendor was asked: what came belongs to the past. */
static void
start_over(struct task_outcome *outcome)
{
	*outcome = (struct task_outcome){ .end = JOB_RETRY,
		.error = "the credential was changed meanwhile" };
}

/* A token that was taken from a grant must be its newest one. Tokens longer than a batch takes go
 * one by one. */
static enum err
save_long(struct store *store, const struct task *task, struct task_outcome *outcome,
    struct errctx *ctx)
{
	const struct fetch *fetch = task->data;
	bool still = true;
	enum err err =
	    outcome->end == JOB_DONE && !uuid_is_nil(&fetch->grant)
		? oauth_grant_is_still_in(store, &fetch->grant, fetch->generation, &still, ctx)
		: OK;

	if (!err && !still)
		start_over(outcome);
	if (err || outcome->end != JOB_DONE || fetch->sealed.len <= BATCH_TOKEN_MAX)
		return err;
	err = fetch_token_put(store, &fetch->subject, task->job.id, &fetch->sealed,
	    fetch->life.keep_s, fetch->life.expires_s, ctx);
	if (err != ERR_STALE)
		return err;
	start_over(outcome);
	return OK;
}

static enum err
save_tokens(struct store *store, const struct task *const *tasks,
    struct task_outcome *const *outcomes, size_t n, struct errctx *ctx)
{
	struct batch_token tokens[SAVE_BATCH_MAX];
	struct task_outcome *whose[SAVE_BATCH_MAX];
	size_t n_tokens = 0;

	for (size_t i = 0; i < n; i++) {
		const struct fetch *fetch = tasks[i]->data;

		if (outcomes[i]->end != JOB_DONE || tasks[i]->silent ||
		    fetch->sealed.len > BATCH_TOKEN_MAX)
			continue;
		whose[n_tokens] = outcomes[i];
		tokens[n_tokens++] = (struct batch_token){ .subject = &fetch->subject,
			.job_id = tasks[i]->job.id,
			.sealed = &fetch->sealed,
			.keep_s = fetch->life.keep_s,
			.expires_s = fetch->life.expires_s };
	}
	enum err err = batch_fetch_tokens(store, tokens, n_tokens, ctx);
	for (size_t i = 0; i < n_tokens && !err; i++)
		if (!tokens[i].kept)
			start_over(whose[i]);
	return err;
}

static enum err
save_logs(struct store *store, const struct task *const *tasks,
    struct task_outcome *const *outcomes, size_t n, struct errctx *ctx)
{
	struct fetch_log entries[SAVE_BATCH_MAX];
	char *steps[SAVE_BATCH_MAX];
	int64_t now = clock_now_ms();
	size_t n_entries = 0;

	for (size_t i = 0; i < n; i++) {
		const struct fetch *fetch = tasks[i]->data;

		if (outcomes[i]->end == JOB_RETRY || tasks[i]->silent)
			continue;
		steps[n_entries] = fetch_steps_text(fetch);
		entries[n_entries] = (struct fetch_log){
			.credential_id = fetch->subject.place.id,
			.job_id = tasks[i]->job.id,
			.started_at = fetch->started_at,
			.duration_ms = now > fetch->started_at ? now - fetch->started_at : 0,
			.outcome = outcomes[i]->end == JOB_DONE ? "fetched" : "failed",
			.reason = outcomes[i]->error[0] ? outcomes[i]->error : NULL,
			.steps = steps[n_entries],
			.request_id = tasks[i]->job.request_id,
		};
		n_entries++;
	}
	enum err err = batch_fetch_log(store, entries, n_entries, ctx);
	for (size_t i = 0; i < n_entries; i++)
		free(steps[i]);
	return err;
}

static enum err
fetch_save_together(struct store *store, const struct task *const *tasks,
    struct task_outcome *const *outcomes, size_t n, struct errctx *ctx)
{
	enum err err = save_tokens(store, tasks, outcomes, n, ctx);

	return err ? err : save_logs(store, tasks, outcomes, n, ctx);
}

const struct kind kind_fetch = {
	.name = "fetch",
	.timeout_ms = FETCH_TIMEOUT_MS,
	.max_attempts = 3,
	.audit = "credential.fetch",
	.doc = "Runs the requests of a user credential and keeps the token they lead to.",
	.idempotent = "A repeated fetch obtains a token anew; the newest one for the credential's "
		      "current version is kept, and one that is fresh makes it unnecessary. A "
		      "vendor's refusal ends the job at once, so a "
		      "second attempt is made only when a runner died or the credential changed.",
	.check = fetch_check,
	.gather = fetch_gather,
	.load = fetch_load,
	.start = fetch_start,
	.prepare = fetch_prepare,
	.save = save_long,
	.save_together = fetch_save_together,
	.free = fetch_free,
};
