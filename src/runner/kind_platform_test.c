/* SPDX-License-Identifier: Apache-2.0 */
/* Job kind platform_test: have the platform of a team test a connection that lives there. */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/json.h"
#include "runner/kinds.h"
#include "runner/loop.h"
#include "runner/remote.h"
#include "store/credential.h"
#include "store/platform.h"

struct platform_test {
	struct remote remote; /* first */
	struct credential credential;
};

static void
platform_test_free(void *data)
{
	struct platform_test *test = data;

	remote_free(&test->remote);
	credential_free(&test->credential);
	free(test);
}

static enum err
platform_test_check(const struct job *job, json_t *payload, struct errctx *ctx)
{
	struct uuid id;

	if (uuid_parse(job->subject, &id))
		return err_set(ctx, ERR_FIELD, "subject", "the subject is no credential's id");
	if (json_object_size(payload))
		return err_set(ctx, ERR_FIELD, "payload", "the payload must be empty");
	return OK;
}

static enum err
platform_test_load(struct store *store, struct task *task, json_t *payload, struct errctx *ctx)
{
	struct platform_test *test = xcalloc(1, sizeof(*test));
	struct uuid id;
	(void)payload;

	task->data = test;
	enum err err = uuid_parse(task->job.subject, &id);
	if (!err)
		err = credential_load(store, &id, &test->credential, ctx);
	if (!err)
		err = credential_check_testable(&test->credential, ctx);
	if (!err)
		err = platform_load(store, test->credential.team_id, &test->remote.platform, ctx);
	if (err)
		return err;
	if (!credential_is_remote(&test->credential) ||
	    test->remote.platform.kind == PLATFORM_LOCAL)
		return err_set(ctx, ERR_VALUE, "", "the connection has moved meanwhile");
	test->remote.order = (struct platform_order){
		.step = PLATFORM_TEST_CONNECTION,
		.remote_id = test->credential.remote_id,
	};
	return OK;
}

static void
passed(struct task *task)
{
	task_settle(task, JOB_DONE, NULL);
	loop_end(task);
}

static void
platform_test_start(struct task *task)
{
	remote_start(task, passed);
}

static enum err
open_again(struct store *store, const struct task *task, const struct credential_remote *remote,
    struct errctx *ctx)
{
	const struct platform_test *test = task->data;
	struct audit_entry audit = {
		.event = "credential.reauthorizing",
		.actor = "runner",
		.request_id = task->job.request_id,
		.team_id = test->credential.team_id,
	};
	bool same = false;
	enum err err = credential_test_failed_in(store, &test->credential.id, remote, &same, ctx);

	if (err || !same)
		return err;
	uuid_text(&test->credential.id, audit.subject);
	return audit_add(store, &audit, ctx);
}

static enum err
platform_test_save(struct store *store, const struct task *task, struct task_outcome *outcome,
    struct errctx *ctx)
{
	const struct platform_test *test = task->data;
	const struct credential_remote remote = { .id = test->credential.remote_id,
		.platform = PLATFORM_MAKE_NAME };

	if (outcome->end == JOB_DONE)
		return credential_test_passed_in(store, &test->credential.id, &remote, ctx);
	if (test->remote.answer.verdict == PLATFORM_BROKEN)
		return open_again(store, task, &remote, ctx);
	/* Bailee's token was refused, or the call: nothing is known about the connection. With its
	 * one attempt that makes the job dead, which tells it from a refusal. */
	if (test->remote.answer.verdict == PLATFORM_REFUSED)
		outcome->end = JOB_RETRY;
	return OK;
}

const struct kind kind_platform_test = {
	.name = "platform_test",
	.timeout_ms = 30 * 1000,
	.max_attempts = 1,
	.audit = "connection.test",
	.doc = "Has the team's platform test a connection that lives there; ends a "
	       "reauthorization, or opens the credential again.",
	.idempotent = "The call changes nothing there; a credential that is open again stays so.",
	.check = platform_test_check,
	.load = platform_test_load,
	.start = platform_test_start,
	.save = platform_test_save,
	.free = platform_test_free,
};
