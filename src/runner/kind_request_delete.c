/* SPDX-License-Identifier: Apache-2.0 */
/* Job kind request_delete: delete all that was made from a request, then the request. */
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/json.h"
#include "runner/kinds.h"
#include "runner/loop.h"
#include "runner/remote.h"
#include "store/platform.h"
#include "store/request.h"

#define FILLED_PAUSE_MS 50

struct request_delete {
	struct remote remote; /* first */
	struct uuid id;
	struct credential *credentials; /* those that have a remote */
	size_t n, at;                   /* those before `at` are done with, or are ours */
};

static void
request_delete_free(void *data)
{
	struct request_delete *data_of = data;

	remote_free(&data_of->remote);
	request_remotes_free(&data_of->credentials, data_of->n);
	free(data_of);
}

static enum err
request_delete_check(const struct job *job, json_t *payload, struct errctx *ctx)
{
	struct uuid id;

	if (uuid_parse(job->subject, &id))
		return err_set(ctx, ERR_FIELD, "subject", "the subject is no request's id");
	if (json_object_size(payload))
		return err_set(ctx, ERR_FIELD, "payload", "the payload must be empty");
	return OK;
}

/* Those of ours are deleted with the request. */
static void
skip_local(struct request_delete *data)
{
	while (data->at < data->n && !credential_is_remote(&data->credentials[data->at]))
		data->at++;
}

static enum err
request_delete_load(struct store *store, struct task *task, json_t *payload, struct errctx *ctx)
{
	struct request_delete *data = xcalloc(1, sizeof(*data));
	(void)payload;

	task->data = data;
	enum err err = uuid_parse(task->job.subject, &data->id);
	if (!err)
		err = request_remotes(store, &data->id, false, &data->credentials, &data->n, ctx);
	if (err && err != ERR_NOT_FOUND)
		return err;
	skip_local(data);
	if (err || data->at == data->n) {
		task_settle(task, JOB_DONE, NULL);
		return OK;
	}
	err =
	    platform_load(store, data->credentials[data->at].team_id, &data->remote.platform, ctx);
	if (!err && data->remote.platform.kind == PLATFORM_LOCAL)
		task_settle(task, JOB_FAILED, "the team has no platform any more");
	return err;
}

static void delete_next(struct task *task);

static void
deleted(struct task *task)
{
	struct request_delete *data = task->data;

	data->at++;
	delete_next(task);
}

static void
delete_next(struct task *task)
{
	struct request_delete *data = task->data;
	const struct credential *credential;

	skip_local(data);
	if (data->at == data->n) {
		task_settle(task, JOB_DONE, NULL);
		loop_end(task);
		return;
	}
	/* much was done, more is left: the rest is another turn's and no attempt is lost */
	if (clock_monotonic_ms() + PLATFORM_CALL_MS > task->deadline_ms) {
		task_settle(task, JOB_BACK, NULL);
		loop_end(task);
		return;
	}
	credential = &data->credentials[data->at];
	data->remote.order = (struct platform_order){
		.step = platform_delete_step(credential->component),
		.remote_id = credential->remote_id,
	};
	remote_start(task, deleted);
}

/* ---- saving ---- */

/* What is gone there is shown as gone, however far the rest has come. */
static enum err
save_progress(struct store *store, const struct request_delete *data, struct errctx *ctx)
{
	enum err err = OK;
	bool gone;

	for (size_t i = 0; i < data->at && !err; i++) {
		const struct credential *credential = &data->credentials[i];
		const struct credential_remote remote = { .id = credential->remote_id,
			.platform = PLATFORM_MAKE_NAME };

		if (!credential_is_remote(credential))
			continue;
		err = credential_remote_gone_in(store, &credential->id, &remote, &gone, ctx);
		if (err == ERR_NOT_FOUND) { /* somebody else has deleted the request */
			err_clear(ctx);
			err = OK;
		}
	}
	return err;
}

/* `left` are the remotes there are, with everything locked. */
static enum err
remove_request(struct store *store, const struct request_delete *data,
    const struct credential *left, size_t n, struct task_outcome *outcome, struct errctx *ctx)
{
	enum err err = OK;

	for (size_t i = 0; i < n; i++) {
		if (!credential_is_remote(&left[i]))
			continue;
		/* filled in while the others were deleted */
		outcome->end = JOB_RETRY;
		outcome->delay_ms = FILLED_PAUSE_MS;
		snprintf(outcome->error, sizeof(outcome->error),
		    "a credential was filled in meanwhile");
		return OK;
	}
	for (size_t i = 0; i < n && !err; i++)
		err = platform_local_delete_in(store, left[i].component, left[i].team_id,
		    left[i].remote_id, ctx);
	return err ? err : request_remove_in(store, &data->id, ctx);
}

static enum err
request_delete_save(struct store *store, const struct task *task, struct task_outcome *outcome,
    struct errctx *ctx)
{
	const struct request_delete *data = task->data;
	struct credential *left = NULL;
	size_t n = 0;
	enum err err = save_progress(store, data, ctx);

	if (err || outcome->end != JOB_DONE)
		return err;
	err = request_remotes(store, &data->id, true, &left, &n, ctx);
	if (err == ERR_NOT_FOUND) {
		err_clear(ctx);
		return OK;
	}
	if (!err)
		err = remove_request(store, data, left, n, outcome, ctx);
	request_remotes_free(&left, n);
	return err;
}

const struct kind kind_request_delete = {
	.name = "request_delete",
	.timeout_ms = 120 * 1000,
	.max_attempts = 12,
	.audit = "request.delete",
	.doc = "Deletes all keys and connections that were made from a request, one after the "
	       "other, then the request.",
	.idempotent = "Each deletion is noted as soon as the job ends or is put back; what is gone "
		      "already counts as deleted.",
	.check = request_delete_check,
	.load = request_delete_load,
	.start = delete_next,
	.save = request_delete_save,
	.saves_progress = true,
	.free = request_delete_free,
};
