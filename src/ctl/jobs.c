/* SPDX-License-Identifier: Apache-2.0 */
/* baileectl jobs: what waits, what runs, what gave up. */
#include "ctl/command.h"
#include "store/job.h"

static json_t *
job_row(const struct job *job)
{
	json_t *row = json_object();

	json_put_int(row, "id", job->id);
	json_put_text(row, "kind", job->kind);
	json_put_text(row, "subject", job->subject);
	json_put_text(row, "state", job->state);
	json_put_int(row, "attempt", job->attempt);
	json_put_int(row, "maxAttempts", job->max_attempts);
	json_put_time(row, "createdAt", job->created_at);
	json_put_time(row, "runAt", job->run_at);
	json_put_time(row, "finishedAt", job->finished_at);
	json_put_text(row, "error", job->error);
	return row;
}

enum err
ctl_jobs_list(struct ctl *ctl, struct errctx *ctx)
{
	struct job *jobs = NULL;
	size_t n = 0;
	enum err err = job_list(&ctl->store, ctl_text(ctl, "state"), ctl_number(ctl, "limit", 50),
	    &jobs, &n, ctx);

	if (err)
		return err;
	json_t *list = json_array();
	for (size_t i = 0; i < n; i++) {
		json_array_append_new(list, job_row(&jobs[i]));
		job_free(&jobs[i]);
	}
	free(jobs);
	ctl_print(ctl, list);
	return OK;
}

enum err
ctl_jobs_show(struct ctl *ctl, struct errctx *ctx)
{
	struct job job = { 0 };
	enum err err = job_show(&ctl->store, ctl_number(ctl, "id", 0), &job, ctx);

	if (err)
		return err;
	json_t *row = job_row(&job);
	json_put_int(row, "teamId", job.team_id);
	json_put_time(row, "startedAt", job.started_at);
	json_put_text(row, "payload", job.payload);
	json_put_text(row, "requestId", job.request_id);
	job_free(&job);
	ctl_print(ctl, row);
	return OK;
}

enum err
ctl_jobs_retry(struct ctl *ctl, struct errctx *ctx)
{
	enum err err = job_retry(&ctl->store, ctl_number(ctl, "id", 0), ctx);

	if (err)
		return err;
	json_t *answer = json_object();
	json_put_bool(answer, "queued", true);
	ctl_print(ctl, answer);
	return OK;
}

enum err
ctl_jobs_cancel(struct ctl *ctl, struct errctx *ctx)
{
	enum err err = job_cancel(&ctl->store, ctl_number(ctl, "id", 0), ctx);

	if (err)
		return err;
	json_t *answer = json_object();
	json_put_bool(answer, "canceled", true);
	ctl_print(ctl, answer);
	return OK;
}
