/* SPDX-License-Identifier: Apache-2.0 */
/* Job kind decline: note that a person said no. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "runner/kinds.h"
#include "store/credential.h"

struct decline {
	struct uuid credential;
	char *reason; /* or NULL */
};

static void
decline_free(void *data)
{
	struct decline *decline = data;

	free(decline->reason);
	free(decline);
}

static enum err
decline_check(const struct job *job, json_t *payload, struct errctx *ctx)
{
	const json_t *reason = json_object_get(payload, "reason");
	struct uuid id;

	if (uuid_parse(job->subject, &id))
		return err_set(ctx, ERR_FIELD, "subject", "the subject is no credential's id");
	if (json_object_size(payload) != (reason ? 1u : 0u) ||
	    (reason && !json_is_string(reason) && !json_is_null(reason)))
		return err_set(ctx, ERR_FIELD, "reason",
		    "the payload may hold a reason and nothing else");
	return OK;
}

static enum err
decline_load(struct store *store, struct task *task, json_t *payload, struct errctx *ctx)
{
	struct decline *decline = xcalloc(1, sizeof(*decline));
	const char *reason = json_get_text(payload, "reason");
	(void)store;

	task->data = decline;
	if (reason && *reason)
		decline->reason = xstrdup(reason);
	if (uuid_parse(task->job.subject, &decline->credential))
		return err_set(ctx, ERR_FIELD, "subject", "the subject is no credential's id");
	return OK;
}

static enum err
decline_save(struct store *store, const struct task *task, struct task_outcome *outcome,
    struct errctx *ctx)
{
	const struct decline *decline = task->data;

	if (outcome->end != JOB_DONE)
		return OK;
	return credential_decline_in(store, &decline->credential, decline->reason, ctx);
}

const struct kind kind_decline = {
	.name = "decline",
	.timeout_ms = 30 * 1000,
	.max_attempts = 5,
	.audit = "credential.decline",
	.doc = "Declines a credential with the reason given on its page.",
	.idempotent = "Declining again gives the same state and the same reason.",
	.check = decline_check,
	.load = decline_load,
	.save = decline_save,
	.free = decline_free,
};
