/* SPDX-License-Identifier: Apache-2.0 */
/* Job kind remote_delete: delete what a credential has become, where it lives. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "runner/kinds.h"
#include "runner/loop.h"
#include "runner/remote.h"
#include "store/credential.h"
#include "store/credential_connect.h"
#include "store/platform.h"

struct remote_delete {
	struct remote remote; /* first */
	struct credential credential;
	bool orphan; /* made for a credential that could not take it: nobody points to it */
};

static void
remote_delete_free(void *data)
{
	struct remote_delete *data_of = data;

	remote_free(&data_of->remote);
	credential_free(&data_of->credential);
	free(data_of);
}

/* {}, or {"component", "remoteId", "baseUrl", "remoteTeamId"} of an orphan. */
static enum err
remote_delete_check(const struct job *job, json_t *payload, struct errctx *ctx)
{
	const char *component = json_get_text(payload, "component");
	struct uuid id;

	if (uuid_parse(job->subject, &id))
		return err_set(ctx, ERR_FIELD, "subject", "the subject is no credential's id");
	if (json_object_size(payload) == 0)
		return OK;
	if (json_object_size(payload) != 4 || json_get_int(payload, "remoteId", 0) < 1 ||
	    !json_get_text(payload, "baseUrl") || json_get_int(payload, "remoteTeamId", 0) < 1 ||
	    !component || (strcmp(component, "keychain") != 0 && strcmp(component, "account") != 0))
		return err_set(ctx, ERR_FIELD, "payload",
		    "the payload may name a component, its remoteId and where that is, and nothing "
		    "else");
	return OK;
}

static enum err
open_platform(struct store *store, struct task *task, int64_t team_id, struct errctx *ctx)
{
	struct remote_delete *data = task->data;
	enum err err = platform_load(store, team_id, &data->remote.platform, ctx);

	if (!err && data->remote.platform.kind == PLATFORM_LOCAL)
		task_settle(task, JOB_FAILED, "the team has no platform any more");
	return err;
}

/* The same number is another thing at another place. */
static bool
is_there(const struct platform *platform, const json_t *payload)
{
	return strcmp(platform->base_url, json_get_text(payload, "baseUrl")) == 0 &&
	       platform->remote_team_id == json_get_int(payload, "remoteTeamId", 0);
}

static enum err
load_orphan(struct store *store, struct task *task, json_t *payload, struct errctx *ctx)
{
	struct remote_delete *data = task->data;

	data->orphan = true;
	data->remote.order = (struct platform_order){
		.step = platform_delete_step(json_get_text(payload, "component")),
		.remote_id = json_get_int(payload, "remoteId", 0),
	};
	enum err err = open_platform(store, task, task->job.team_id, ctx);
	if (!err && !task->settled && !is_there(&data->remote.platform, payload))
		task_settle(task, JOB_FAILED,
		    "the team has another platform now: delete number %lld by hand at %s",
		    (long long)data->remote.order.remote_id, json_get_text(payload, "baseUrl"));
	return err;
}

static enum err
remote_delete_load(struct store *store, struct task *task, json_t *payload, struct errctx *ctx)
{
	struct remote_delete *data = xcalloc(1, sizeof(*data));
	struct uuid id;

	task->data = data;
	if (json_object_size(payload))
		return load_orphan(store, task, payload, ctx);
	enum err err = uuid_parse(task->job.subject, &id);
	if (!err)
		err = credential_load(store, &id, &data->credential, ctx);
	if (err && err != ERR_NOT_FOUND)
		return err;
	if (err || !credential_is_remote(&data->credential)) {
		task_settle(task, JOB_DONE, NULL); /* the rest is in the database */
		return OK;
	}
	data->remote.order = (struct platform_order){
		.step = platform_delete_step(data->credential.component),
		.remote_id = data->credential.remote_id,
	};
	return open_platform(store, task, data->credential.team_id, ctx);
}

static void
deleted(struct task *task)
{
	task_settle(task, JOB_DONE, NULL);
	loop_end(task);
}

static void
remote_delete_start(struct task *task)
{
	remote_start(task, deleted);
}

static enum err
remote_delete_save(struct store *store, const struct task *task, struct task_outcome *outcome,
    struct errctx *ctx)
{
	const struct remote_delete *data = task->data;
	const struct credential *credential = &data->credential;
	bool local = !credential_is_remote(credential), gone = false;
	const struct credential_remote remote = { .id = credential->remote_id,
		.platform = local ? PLATFORM_LOCAL_NAME : PLATFORM_MAKE_NAME };

	if (outcome->end != JOB_DONE || data->orphan)
		return OK;
	if (credential->user_credential_id)
		return credential_disconnect_in(store, credential->user_credential_id,
		    task->job.request_id, ctx);
	if (!remote.id)
		return OK;
	enum err err = credential_remote_gone_in(store, &credential->id, &remote, &gone, ctx);
	if (err == ERR_NOT_FOUND) { /* so is its request */
		err_clear(ctx);
		return OK;
	}
	if (!err && gone && local)
		err = platform_local_delete_in(store, credential->component, credential->team_id,
		    remote.id, ctx);
	return err;
}

const struct kind kind_remote_delete = {
	.name = "remote_delete",
	.timeout_ms = 60 * 1000,
	.max_attempts = 12,
	.audit = "credential.delete_remote",
	.doc = "Deletes the key or connection of a credential at its platform, or ends what a user "
	       "credential was connected with, and makes the credential pending again.",
	.idempotent = "What is gone already counts as deleted, and a credential that has another "
		      "remote by now is left alone.",
	.check = remote_delete_check,
	.load = remote_delete_load,
	.start = remote_delete_start,
	.save = remote_delete_save,
	.free = remote_delete_free,
};
