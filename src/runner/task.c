/* SPDX-License-Identifier: Apache-2.0 */
/* A job a runner owns, on its way from claim to saved result. */
#include "runner/task.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/json.h"
#include "catalog/catalog.h"
#include "runner/kinds.h"

struct task *
task_new(struct job *job)
{
	struct task *task = xcalloc(1, sizeof(*task));

	task->job = *job;
	*job = (struct job){ 0 };
	task->kind = kind_find(task->job.kind);
	task->claimed_ms = clock_monotonic_ms();
	task->deadline_ms = task->claimed_ms + (task->kind ? task->kind->timeout_ms : 0);
	return task;
}

void
task_free(struct task **task)
{
	if (!*task)
		return;
	if ((*task)->data)
		(*task)->kind->free((*task)->data);
	catalog_close(&(*task)->catalog);
	job_free(&(*task)->job);
	free(*task);
	*task = NULL;
}

void
task_settle(struct task *task, enum job_end end, const char *fmt, ...)
{
	task->settled = true;
	task->outcome = (struct task_outcome){ .end = end };
	if (!fmt)
		return;
	char *error = task->outcome.error;
	va_list args;
	va_start(args, fmt);
	vsnprintf(error, sizeof(task->outcome.error), fmt, args);
	va_end(args);
	/* the database takes whole characters only */
	size_t len = strlen(error), at = 0, one;
	while ((one = json_utf8_length(error + at, len - at)) > 0)
		at += one;
	error[at] = '\0';
}

void
task_fail(struct task *task, const struct errctx *ctx)
{
	task_settle(task, JOB_FAILED, "%s", err_text(ctx));
}

void
task_retry_later(struct task *task, const char *why)
{
	task_settle(task, JOB_RETRY, "%s", why);
	task->outcome.delay_ms = job_backoff_ms(task->job.attempt);
}

void
task_settle_error(struct task *task, enum err err, const struct errctx *ctx)
{
	if (err == ERR_INTERNAL)
		task_retry_later(task, err_text(ctx));
	else
		task_fail(task, ctx);
}

enum err
task_seal_out(struct store *store, struct task *task, int64_t team_id, const json_t *json,
    struct job_value *out, struct errctx *ctx)
{
	if (out->sealed.data || !json)
		return OK;
	err_clear(ctx);
	enum err err = job_value_seal(store, JOB_VALUE_OUT, team_id, json, out, ctx);
	if (task_database_away(err))
		return err;
	if (err)
		task_fail(task, ctx);
	return OK;
}

bool
task_database_away(enum err err)
{
	return err == ERR_LOST || err == ERR_UNAVAILABLE || err == ERR_CONFLICT ||
	       err == ERR_UNKNOWN_OUTCOME;
}
