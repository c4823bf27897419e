/* SPDX-License-Identifier: Apache-2.0 */
/* Job kind fulfil: make a key or connection from a form that a person filled in. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "base/log.h"
#include "catalog/item_form.h"
#include "platform/test_call.h"
#include "runner/item_name.h"
#include "runner/kinds.h"
#include "runner/loop.h"
#include "runner/remote.h"
#include "store/connection.h"
#include "store/credential.h"
#include "store/goal.h"
#include "store/keychain.h"
#include "store/platform.h"
#include "store/submission.h"

struct fulfil {
	struct remote remote; /* first; makes it where the team has a platform */
	struct submission submission;
	struct credential credential;
	struct goal goal;
	json_t *form;          /* {"credential", "fields"}; secret */
	struct item_form item; /* its type */
	char *name;            /* of what is to be made */
	bool tests;            /* a connection, before anything is made of it */
	bool confirmed;        /* the person has seen whose account it opens, and said yes */
	bool waits;            /* for that */
	struct test_call test;
	struct test_result tested;
};

static void
fulfil_free(void *data)
{
	struct fulfil *fulfil = data;

	json_decref(fulfil->remote.order.body);
	remote_free(&fulfil->remote);
	test_call_free(&fulfil->test);
	test_result_free(&fulfil->tested);
	submission_free(&fulfil->submission);
	credential_free(&fulfil->credential);
	goal_free(&fulfil->goal);
	json_decref(fulfil->form);
	free(fulfil->name);
	free(fulfil);
}

static enum err
fulfil_check(const struct job *job, json_t *payload, struct errctx *ctx)
{
	const char *submission = json_get_text(payload, "submission");
	size_t confirmed = json_is_true(json_object_get(payload, "confirmed"));
	struct uuid id;

	if (json_object_size(payload) != 1 + confirmed || !submission ||
	    uuid_parse(submission, &id))
		return err_set(ctx, ERR_FIELD, "submission",
		    "the payload names no submission, or more than that it is confirmed");
	if (uuid_parse(job->subject, &id))
		return err_set(ctx, ERR_FIELD, "subject", "the subject is no credential's id");
	return OK;
}

/* The row, the job and what was sealed must speak of the same credential. */
static enum err
check_identity(const struct task *task, const struct fulfil *fulfil, const char *inner,
    struct errctx *ctx)
{
	struct uuid subject, sealed;

	if (uuid_parse(task->job.subject, &subject) == OK && inner &&
	    uuid_parse(inner, &sealed) == OK &&
	    memcmp(&subject, &fulfil->submission.credential_id, sizeof(subject)) == 0 &&
	    memcmp(&sealed, &subject, sizeof(subject)) == 0 &&
	    fulfil->credential.team_id == fulfil->submission.team_id)
		return OK;
	log_error(LOG_EVENT("integrity_error"), LOG_S("table", "submission"),
	    LOG_I("job", task->job.id));
	return err_set(ctx, ERR_INTEGRITY, "", "the form was not made for this credential");
}

/* All that is wrong with the fields, in one text for the page. */
static void
settle_bad_fields(struct task *task, const struct errctx *ctx)
{
	char text[ERR_TEXT_MAX];
	int at = snprintf(text, sizeof(text), "the form was not accepted: ");

	for (unsigned i = 0; i < ctx->n_sub && at > 0 && (size_t)at < sizeof(text); i++)
		at += snprintf(text + at, sizeof(text) - (size_t)at, "%s%s%s%s", i ? "; " : "",
		    ctx->sub[i].path, *ctx->sub[i].path ? ": " : "", ctx->sub[i].text);
	task_settle(task, JOB_FAILED, "%s", text);
}

static enum err
check_fields(struct task *task, struct fulfil *fulfil)
{
	const struct credential *credential = &fulfil->credential;
	const char *text = fulfil->goal.prefill;
	json_t *fields = json_object_get(fulfil->form, "fields");
	json_auto_t *prefill = NULL;
	struct errctx ctx = { 0 };

	if (!item_form_find(kinds_catalog(), credential->component, credential->name,
		&fulfil->item) ||
	    !item_form_is_all(&fulfil->item)) {
		task_settle(task, JOB_FAILED, "a credential of type %s cannot be given by a form",
		    credential->name);
		return OK;
	}
	if (text && json_parse(text, strlen(text), &prefill, NULL))
		task_settle(task, JOB_FAILED, "what was filled in beforehand is damaged");
	else if (item_form_check(&fulfil->item, prefill, fields, "", &ctx))
		settle_bad_fields(task, &ctx);
	return OK;
}

static enum err
open_form(struct store *store, struct fulfil *fulfil, struct errctx *ctx)
{
	auto_secret struct secret text = { 0 };
	enum err err = submission_open(store, &fulfil->submission, &text, ctx);

	if (!err && json_parse(secret_text(&text), text.len, &fulfil->form, NULL))
		err = err_set(ctx, ERR_INTEGRITY, "", "the form is damaged");
	return err;
}

/* {accountName, accountType, scopes} beside the fields of the type. Secret. */
static json_t *
connection_body(const struct fulfil *fulfil)
{
	json_t *body = json_copy(json_object_get(fulfil->form, "fields")), *scopes = NULL;
	const char *asked = fulfil->credential.scope;

	json_put_text(body, "accountName", fulfil->name);
	json_put_text(body, "accountType", credential_called(&fulfil->credential));
	if (json_parse(asked, strlen(asked), &scopes, NULL) == OK)
		json_put(body, "scopes", scopes);
	return body;
}

static struct platform_order
order_of_new(const struct task *task, const struct fulfil *fulfil)
{
	bool key = fulfil->item.key != NULL;

	return (struct platform_order){
		.step = key ? PLATFORM_CREATE_KEY : PLATFORM_CREATE_CONNECTION,
		.body = key ? platform_key_body(&fulfil->remote.platform, fulfil->name,
				  fulfil->credential.name, json_object_get(fulfil->form, "fields"))
			    : connection_body(fulfil),
		.job_id = task->job.id,
	};
}

/* A connection that is filled in again keeps its id there. */
static void
order_remote(const struct task *task, struct fulfil *fulfil)
{
	struct remote *remote = &fulfil->remote;

	if (!fulfil->item.key && fulfil->credential.remote_id) {
		remote->order = (struct platform_order){
			.step = PLATFORM_CHANGE_CONNECTION,
			.remote_id = fulfil->credential.remote_id,
			.body = json_incref(json_object_get(fulfil->form, "fields")),
		};
		return;
	}

	remote->order = order_of_new(task, fulfil);
}

/* What the definition does not know how to test, or cannot with these fields, is taken as it is or
 * refused. */
static void
prepare_test(struct task *task, struct fulfil *fulfil)
{
	struct errctx ctx = { 0 };

	if (!fulfil->item.connection || fulfil->confirmed ||
	    !test_call_exists(fulfil->item.connection))
		return;
	fulfil->tests = true;
	if (test_call_build(fulfil->item.connection, json_object_get(fulfil->form, "fields"),
		&fulfil->test, &ctx))
		settle_bad_fields(task, &ctx);
}

/* What is there stays where it lives; what is new goes where the team has its things. */
static enum err
load_platform(struct store *store, struct fulfil *fulfil, struct errctx *ctx)
{
	struct platform *platform = &fulfil->remote.platform;
	bool away = credential_is_remote(&fulfil->credential);
	enum err err = platform_load(store, fulfil->submission.team_id, platform, ctx);

	if (!err && away && platform->kind == PLATFORM_LOCAL)
		err = err_set(ctx, ERR_VALUE, "", "the team has no platform any more");
	if (!err && !away && (fulfil->credential.remote_id || fulfil->goal.extends_id))
		platform_free(platform);
	return err;
}

/* What is ours is made when the job is saved, any other before that. */
static enum err
choose_platform(struct store *store, struct task *task, struct fulfil *fulfil, struct errctx *ctx)
{
	struct remote *remote = &fulfil->remote;
	enum err err = load_platform(store, fulfil, ctx);

	if (err)
		return err;
	fulfil->name = item_name(&fulfil->credential,
	    fulfil->item.key ? KEYCHAIN_NAME_MAX : CONNECTION_NAME_MAX);
	prepare_test(task, fulfil);
	if (remote->platform.kind != PLATFORM_LOCAL)
		order_remote(task, fulfil);
	else if (!fulfil->tests)
		task_settle(task, JOB_DONE, NULL);
	return OK;
}

static enum err
fulfil_load(struct store *store, struct task *task, json_t *payload, struct errctx *ctx)
{
	struct fulfil *fulfil = xcalloc(1, sizeof(*fulfil));
	struct uuid id;

	task->data = fulfil;
	enum err err = uuid_parse(json_get_text(payload, "submission"), &id);
	if (!err)
		err = submission_load(store, &id, &fulfil->submission, ctx);
	if (!err)
		err = credential_load(store, &fulfil->submission.credential_id, &fulfil->credential,
		    ctx);
	if (!err)
		err = goal_load(store, &fulfil->submission.credential_id, &fulfil->goal, ctx);
	if (err)
		return err;
	if (!fulfil->submission.fields_sealed.data) {
		bool done = strcmp(fulfil->credential.state, "authorized") == 0;

		task_settle(task, done ? JOB_DONE : JOB_FAILED, "%s",
		    done ? "" : "the form was taken back");
		return OK;
	}
	fulfil->confirmed =
	    json_get_bool(payload, "confirmed", false) && fulfil->submission.account_name;
	err = open_form(store, fulfil, ctx);
	if (!err)
		err = check_identity(task, fulfil, json_get_text(fulfil->form, "credential"), ctx);
	if (!err && fulfil->confirmed) /* what it extends may be another's by now */
		err = goal_check(&fulfil->goal, fulfil->submission.account_id, ctx);
	if (!err)
		err = check_fields(task, fulfil);
	return err || task->settled ? err : choose_platform(store, task, fulfil, ctx);
}

static void
remote_made(struct task *task)
{
	struct fulfil *fulfil = task->data;

	if (fulfil->remote.answer.verdict == PLATFORM_GONE) { /* deleted there meanwhile */
		json_decref(fulfil->remote.order.body);
		fulfil->remote.order = order_of_new(task, fulfil);
		remote_start(task, remote_made);
		return;
	}
	task_settle(task, JOB_DONE, NULL);
	loop_end(task);
}

static void
on_tested(void *arg, struct http_result *result)
{
	struct task *task = arg;
	struct fulfil *fulfil = task->data;
	struct errctx ctx = { 0 };

	test_call_judge(fulfil->item.connection, json_object_get(fulfil->form, "fields"), result,
	    &fulfil->tested);
	if (fulfil->tested.verdict == TEST_GOOD &&
	    goal_check(&fulfil->goal, fulfil->tested.account_id, &ctx)) {
		task_fail(task, &ctx);
		loop_end(task);
		return;
	}
	fulfil->waits = fulfil->tested.verdict == TEST_GOOD && fulfil->tested.account_name;
	if (fulfil->tested.verdict == TEST_GOOD && !fulfil->waits &&
	    fulfil->remote.platform.kind != PLATFORM_LOCAL) {
		remote_start(task, remote_made);
		return;
	}
	task->silent = fulfil->waits; /* nothing is authorized yet */
	if (fulfil->tested.verdict == TEST_GOOD)
		task_settle(task, JOB_DONE, NULL);
	else if (fulfil->tested.verdict == TEST_BAD)
		task_settle(task, JOB_FAILED, "%s", fulfil->tested.reason);
	else
		task_retry_later(task, fulfil->tested.reason);
	loop_end(task);
}

static void
fulfil_start(struct task *task)
{
	struct fulfil *fulfil = task->data;

	if (!fulfil->tests) {
		remote_start(task, remote_made);
		return;
	}
	http_client_start(loop_client(task->loop), &(struct http_call){
						       .request = &fulfil->test.request,
						       .allowed_hosts = fulfil->test.allowed_hosts,
						       .done = on_tested,
						       .arg = task,
						   });
}

static enum err
make_key(struct store *store, const struct fulfil *fulfil, int64_t *id_out, struct errctx *ctx)
{
	const struct keychain_new key = {
		.team_id = fulfil->submission.team_id,
		.name = fulfil->name,
		.type_name = fulfil->credential.name,
		.parameters = json_object_get(fulfil->form, "fields"),
	};

	return keychain_create_in(store, &key, id_out, ctx);
}

static enum err
make_connection(struct store *store, const struct fulfil *fulfil, int64_t *id_out,
    struct errctx *ctx)
{
	const struct app_connection *type = fulfil->item.connection;
	const struct connection_new connection = {
		.team_id = fulfil->submission.team_id,
		.name = fulfil->name,
		.account_name = type->type,
		.alias = fulfil->credential.alias,
		.account_label = type->label,
		.account_type = type->account_type,
		.package_name = type->app->name,
		.scopes = fulfil->credential.scope,
		.parameters = json_object_get(fulfil->form, "fields"),
		.metadata_value = fulfil->confirmed ? fulfil->submission.account_name
						    : fulfil->tested.account_name,
		.uid =
		    fulfil->confirmed ? fulfil->submission.account_id : fulfil->tested.account_id,
	};
	const struct goal *goal = &fulfil->goal;
	int64_t kept_id = goal->own_id ? goal->own_id : goal->extends_id;
	enum err err = kept_id ? connection_extend_in(store, kept_id, &connection, ctx) : OK;

	if (!kept_id || (err == ERR_NO_CONNECTION && !goal->extends_id)) { /* deleted meanwhile */
		err_clear(ctx);
		return connection_create_in(store, &connection, id_out, ctx);
	}
	if (!err)
		*id_out = kept_id;
	return err;
}

static enum err
make_local(struct store *store, const struct fulfil *fulfil, struct errctx *ctx)
{
	struct credential_remote remote = { .platform = PLATFORM_LOCAL_NAME };
	enum err err = fulfil->item.key ? make_key(store, fulfil, &remote.id, ctx)
					: make_connection(store, fulfil, &remote.id, ctx);

	if (!fulfil->item.key)
		remote.scope = fulfil->credential.scope;
	return err ? err : credential_authorize_in(store, &fulfil->credential.id, &remote, ctx);
}

/* What was made elsewhere for nobody is not left there; what was only changed is still somebody's.
 */
static enum err
disown(struct store *store, const struct task *task, struct errctx *ctx)
{
	const struct fulfil *fulfil = task->data;
	const struct platform *platform = &fulfil->remote.platform;
	const struct platform_place place = { platform->base_url, platform->remote_team_id };

	if (fulfil->remote.order.step == PLATFORM_CHANGE_CONNECTION)
		return OK;
	return platform_orphan_in(store, &fulfil->credential, fulfil->remote.answer.remote_id,
	    &place, task->job.request_id, ctx);
}

/* The credential may not be able to take any more what was made for it. */
static enum err
take_remote(struct store *store, const struct task *task, bool wiped, struct task_outcome *outcome,
    struct errctx *ctx)
{
	const struct fulfil *fulfil = task->data;
	const struct credential_remote remote = { .id = fulfil->remote.answer.remote_id,
		.platform = PLATFORM_MAKE_NAME,
		.scope = fulfil->item.key ? NULL : fulfil->credential.scope };
	enum err err = wiped ? credential_authorize_in(store, &fulfil->credential.id, &remote, ctx)
			     : err_set(ctx, ERR_VALUE, "", "the form was taken back");

	if (err != ERR_VALUE && err != ERR_NOT_FOUND)
		return err;
	outcome->end = JOB_FAILED;
	snprintf(outcome->error, sizeof(outcome->error), "%s", err_text(ctx));
	err_clear(ctx);
	return disown(store, task, ctx);
}

static enum err
fulfil_save(struct store *store, const struct task *task, struct task_outcome *outcome,
    struct errctx *ctx)
{
	const struct fulfil *fulfil = task->data;
	bool makes = outcome->end == JOB_DONE && fulfil->submission.fields_sealed.data;
	bool wiped = false;

	if (makes && fulfil->waits)
		return submission_wait_in(store, &fulfil->submission.id,
		    fulfil->tested.account_name, fulfil->tested.account_id, ctx);
	enum err err = submission_wipe_in(store, &fulfil->submission.id, &wiped, ctx);
	if (err || !makes)
		return err;
	if (fulfil->remote.platform.kind != PLATFORM_LOCAL)
		return take_remote(store, task, wiped, outcome, ctx);
	return wiped ? make_local(store, fulfil, ctx)
		     : err_set(ctx, ERR_VALUE, "", "the form was taken back");
}

/* Called off while the key was being made: it must not stay there. A runner that has taken the job
 * over gets the same key, by the key of idempotency. */
static enum err
fulfil_lost(struct store *store, const struct task *task, struct errctx *ctx)
{
	const struct fulfil *fulfil = task->data;
	int64_t made = fulfil->remote.answer.remote_id;
	struct credential now = { 0 };
	struct job_state state = { 0 };

	if (!made)
		return OK;
	enum err err = job_state_get(store, task->job.id, &state, ctx);
	bool active =
	    !err && (strcmp(state.state, "queued") == 0 || strcmp(state.state, "running") == 0);
	job_state_free(&state);
	if (active || (err && err != ERR_NOT_FOUND))
		return err;
	err = credential_load(store, &fulfil->credential.id, &now, ctx);
	bool taken = !err && credential_is_remote(&now) && now.remote_id == made;
	credential_free(&now);
	if (taken || (err && err != ERR_NOT_FOUND))
		return err;
	err_clear(ctx);
	return disown(store, task, ctx);
}

const struct kind kind_fulfil = {
	.name = "fulfil",
	.timeout_ms = 60 * 1000,
	.max_attempts = 5,
	.audit = "credential.authorize",
	.doc =
	    "Opens and checks a form, tests a connection at its provider, has the person confirm "
	    "whose account it is, makes the key or connection at the team's platform and "
	    "authorizes the credential.",
	.idempotent = "A form that is to be confirmed stays as it is. What is ours is made in the "
		      "transaction that wipes the form and ends the "
		      "job, one elsewhere under a key of idempotency that is the job's id; a form "
		      "that is wiped already makes nothing.",
	.check = fulfil_check,
	.load = fulfil_load,
	.start = fulfil_start,
	.save = fulfil_save,
	.lost = fulfil_lost,
	.free = fulfil_free,
};
