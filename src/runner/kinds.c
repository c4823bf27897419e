/* SPDX-License-Identifier: Apache-2.0 */
/* The table of job kinds, and what is done for each of them alike. */
#include "runner/kinds.h"

#include <stdatomic.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "catalog/catalog.h"
#include "store/batch.h"

static const struct kind *const rows[] = { &kind_fetch, &kind_lend, &kind_dry_run, &kind_fulfil,
	&kind_decline, &kind_housekeeping, &kind_remote_test, &kind_platform_test,
	&kind_remote_delete, &kind_request_delete, &kind_mail, &kind_oauth_exchange,
	&kind_oauth_confirm, &kind_oauth_refresh, &kind_oauth_revoke, &kind_keys_reseal };

/* Of the thread that loads; and what is to take its place there. */
static struct catalog *definitions;
static struct catalog *_Atomic next_definitions;

void
kinds_setup_catalog(struct catalog *catalog)
{
	struct catalog *next = atomic_exchange(&next_definitions, NULL);

	catalog_close(&next);
	catalog_close(&definitions);
	definitions = catalog ? catalog_hold(catalog) : NULL;
}

void
kinds_change_catalog(struct catalog *catalog)
{
	struct catalog *passed_over = atomic_exchange(&next_definitions, catalog_hold(catalog));

	catalog_close(&passed_over);
}

/* The newest definitions, held by the task from now on. */
static void
hold_definitions(struct task *task)
{
	struct catalog *next = atomic_exchange(&next_definitions, NULL);

	if (next) {
		catalog_close(&definitions);
		definitions = next;
	}
	catalog_close(&task->catalog);
	task->catalog = definitions ? catalog_hold(definitions) : NULL;
}

const struct catalog *
kinds_catalog(void)
{
	return definitions;
}

const struct kind *
kind_at(size_t index)
{
	return index < sizeof(rows) / sizeof(rows[0]) ? rows[index] : NULL;
}

const struct kind *
kind_find(const char *name)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(rows[i]->name, name) == 0)
			return rows[i];
	return NULL;
}

/* Read and check the payload; a job that cannot be understood fails for good. */
static enum err
read_payload(struct task *task, json_t **payload_out, struct errctx *ctx)
{
	const struct job *job = &task->job;
	json_t *payload = NULL;
	enum err err = json_parse(job->payload, strlen(job->payload), &payload, ctx);

	if (!err && !json_is_object(payload))
		err = err_set(ctx, ERR_FIELD, "payload", "the payload is no object");
	if (!err && task->kind->check)
		err = task->kind->check(job, payload, ctx);
	if (err)
		json_decref(payload);
	else
		*payload_out = payload;
	return err;
}

/* What an error of load means for the job; those of the database are handed on. */
static enum err
settle_load_error(struct task *task, enum err err, const struct errctx *ctx)
{
	if (task_database_away(err)) {
		if (task->data)
			task->kind->free(task->data);
		task->data = NULL;
		return err;
	}
	task_settle_error(task, err, ctx);
	return OK;
}

enum err
kind_gather(struct store *store, struct task_list *list, struct errctx *ctx)
{
	const struct kind *kind;

	for (size_t k = 0; (kind = kind_at(k)); k++) {
		struct task *tasks[BATCH_MAX], *task;
		size_t n = 0;

		if (!kind->gather)
			continue;
		TAILQ_FOREACH(task, list, link)
		{
			if (task->kind == kind && !task->data && n < BATCH_MAX)
				tasks[n++] = task;
		}
		enum err err = n ? kind->gather(store, tasks, n, ctx) : OK;
		if (err)
			return err;
	}
	return OK;
}

enum err
kind_load(struct store *store, struct task *task, struct errctx *ctx)
{
	json_t *payload = NULL;

	if (!task->kind) {
		log_error(LOG_EVENT("job_unknown_kind"), LOG_I("job", task->job.id),
		    LOG_S("kind", task->job.kind));
		task_settle(task, JOB_FAILED, "unknown kind");
		return OK;
	}
	enum err err = read_payload(task, &payload, ctx);
	if (err) {
		log_error(LOG_EVENT("job_bad_payload"), LOG_I("job", task->job.id),
		    LOG_S("kind", task->job.kind));
		task_fail(task, ctx);
		return OK;
	}
	hold_definitions(task);
	err = task->kind->load(store, task, payload, ctx);
	json_decref(payload);
	return err ? settle_load_error(task, err, ctx) : OK;
}
