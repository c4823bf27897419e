/* SPDX-License-Identifier: Apache-2.0 */
/* Job kind remote_test: ask a connection's provider whether it works, and whose account it is. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/json.h"
#include "catalog/client_host.h"
#include "oauth/exchange.h"
#include "platform/test_call.h"
#include "runner/kinds.h"
#include "runner/loop.h"
#include "runner/provider.h"
#include "store/connection.h"
#include "store/credential.h"
#include "store/oauth_grant.h"
#include "store/oauth_refresh.h"
#include "store/platform.h"

#define NOBODY "nobody has signed in for this connection"
#define REFRESH_LOOK_MS 100
#define REFRESH_WAIT_MS 15000

/* One of the tokens of the connection. */
struct tested_token {
	const struct app_token *named; /* NULL: the main one */
	struct oauth_token token;
};

/* task->data */
struct remote_test {
	struct connection_use use;
	struct uuid credential; /* to be opened again on a refusal; nil: none */
	const struct app_connection *type;
	json_t *values;                                     /* what the call sees; secret */
	struct tested_token tokens[1 + CATALOG_TOKENS_MAX]; /* with OAuth */
	size_t n_tokens;
	const struct app_token *alone; /* stands for the main one; NULL: that is there */
	const struct oauth_token *due; /* a new one is to be fetched; NULL: none */
	struct test_call call;
	struct test_result result;
};

static void
remote_test_free(void *data)
{
	struct remote_test *test = data;

	connection_use_free(&test->use);
	json_decref(test->values);
	for (size_t i = 0; i < test->n_tokens; i++)
		oauth_token_free(&test->tokens[i].token);
	test_call_free(&test->call);
	test_result_free(&test->result);
	free(test);
}

/* 0 when the subject is no connection's id. */
static int64_t
subject_id(const struct job *job)
{
	int64_t id = 0;
	size_t len = strlen(job->subject);

	if (len == 0 || len > 10 || strspn(job->subject, "0123456789") != len)
		return 0;
	for (const char *c = job->subject; *c; c++)
		id = id * 10 + (*c - '0');
	return id;
}

/* {}, or {"credential"} that was made into the connection. */
static enum err
remote_test_check(const struct job *job, json_t *payload, struct errctx *ctx)
{
	const char *credential = json_get_text(payload, "credential");
	struct uuid id;

	if (!subject_id(job))
		return err_set(ctx, ERR_FIELD, "subject", "the subject is no connection's id");
	if (json_object_size(payload) &&
	    (json_object_size(payload) != 1 || !credential || uuid_parse(credential, &id)))
		return err_set(ctx, ERR_FIELD, "payload",
		    "the payload may name a credential, and nothing else");
	return OK;
}

/* ---- access tokens ---- */

static void
refused(struct task *task, const char *words)
{
	struct remote_test *test = task->data;

	test->result.verdict = TEST_BAD;
	task_settle(task, JOB_FAILED, "%s", words);
}

/* Not for longer than whoever has asked waits. */
static void
wait_for_refresh(struct task *task)
{
	if (clock_now_ms() - task->job.created_at > REFRESH_WAIT_MS) {
		task_retry_later(task, "the access token could not be refreshed in time");
		return;
	}
	task_settle(task, JOB_BACK, NULL);
	task->outcome.delay_ms = REFRESH_LOOK_MS;
}

static bool
can_refresh(const struct remote_test *test, const struct tested_token *tested)
{
	enum oauth_source source = oauth_refresh_source(test->type);

	return source == OAUTH_SOURCE_ACCESS || source == OAUTH_SOURCE_CLIENT ||
	       (source == OAUTH_SOURCE_REFRESH && (tested->token.refresh_sealed.data ||
						      (tested->named && tested->named->derived)));
}

/* A token that was there before the job may have ended, or been taken back, where the grant has
 * not: only what is said of a newer one is true of the connection. A call carries none that need
 * not be there. */
static bool
is_old(const struct task *task, const struct tested_token *tested)
{
	const struct remote_test *test = task->data;
	const struct app_token *named = tested->named;

	return (!named || named->required || named == test->alone) && can_refresh(test, tested) &&
	       tested->token.created_at < task->job.created_at;
}

/* NULL: all are new, or cannot be. */
static const struct oauth_token *
find_old(const struct task *task)
{
	const struct remote_test *test = task->data;

	for (size_t i = 0; i < test->n_tokens; i++)
		if (is_old(task, &test->tokens[i]))
			return &test->tokens[i].token;
	return NULL;
}

/* An old token is not tried while a new one is fetched. A refresh that has ended since the job was
 * put in, and brought none, would end so again, and says nothing about the connection. */
static enum err
look_for_refresh(struct store *store, struct task *task, const struct oauth_token *token,
    struct errctx *ctx)
{
	struct remote_test *test = task->data;
	struct oauth_refresh_state refresh = { 0 };
	bool ended = token->expires_at && token->expires_at - clock_now_ms() < TEST_CALL_TIMEOUT_MS;
	enum err err = oauth_refresh_state(store, &token->grant, task->job.id, &refresh, ctx);

	if (err)
		return err;
	if (refresh.active) {
		wait_for_refresh(task);
	} else if (refresh.job_id) {
		task_retry_later(task,
		    token->problem ? token->problem : "the access token could not be refreshed");
	} else if (ended) {
		test->due = token;
		wait_for_refresh(task);
	}
	return OK;
}

/* The test goes where the connection says. A grant that was hung on another one, or fields that
 * were exchanged, would send its token there. */
static enum err
check_place(struct store *store, const struct remote_test *test, const struct oauth_token *token,
    struct errctx *ctx)
{
	const struct app_connection *type =
	    catalog_connection_type_find(kinds_catalog(), token->connection_type);

	if (type == test->type &&
	    (!token->bound || client_host_test_is(type, test->use.parameters, token->destination)))
		return OK;
	store_note_damaged_row(store, "oauth_grant", &token->grant, "connection_id",
	    token->team_id);
	return err_set(ctx, ERR_INTEGRITY, "", "this was granted for another connection");
}

/* One that is broken breaks the connection, whether a call carries it or not. */
static enum err
load_token(struct store *store, struct task *task, const struct app_token *named,
    struct errctx *ctx)
{
	struct remote_test *test = task->data;
	const struct oauth_owner owner = { .connection_id = test->use.connection.id };
	struct tested_token *tested = &test->tokens[test->n_tokens];
	enum err err = oauth_token_of(store, &owner, named ? named->name : OAUTH_MAIN_TOKEN,
	    &tested->token, ctx);

	if (err == ERR_NOT_FOUND) {
		err_clear(ctx);
		if (named && named->required)
			refused(task, NOBODY);
		return OK;
	}
	if (!err)
		err = check_place(store, test, &tested->token, ctx);
	if (err) {
		oauth_token_free(&tested->token);
		return err;
	}
	tested->named = named;
	if (named && named->alone && (!test->n_tokens || test->tokens[0].named) && !test->alone)
		test->alone = named;
	test->n_tokens++;
	if (strcmp(tested->token.grant_state, OAUTH_BROKEN) == 0)
		refused(task,
		    tested->token.problem ? tested->token.problem : "the provider refuses it");
	return OK;
}

static enum err
put_values(struct store *store, struct remote_test *test, struct errctx *ctx)
{
	enum err err = OK;

	for (size_t i = 0; i < test->n_tokens && !err; i++) {
		const struct tested_token *tested = &test->tokens[i];
		auto_secret struct secret access = { 0 };

		err = oauth_token_open(store, &tested->token, NULL, &access, NULL, ctx);
		if (!err && !test->values)
			test->values = provider_test_values(test->use.parameters, &access);
		else if (!err && tested->named == test->alone)
			json_put_text(test->values, "access_token", secret_text(&access));
		if (!err && tested->named)
			provider_put_token(test->values, tested->named->name, &access);
	}
	return err;
}

static enum err
load_tokens(struct store *store, struct task *task, struct errctx *ctx)
{
	struct remote_test *test = task->data;
	enum err err = load_token(store, task, NULL, ctx);

	for (size_t i = 0; i < test->type->n_tokens && !err && !task->settled; i++)
		err = load_token(store, task, &test->type->tokens[i], ctx);
	if (!err && !task->settled && (!test->n_tokens || (test->tokens[0].named && !test->alone)))
		refused(task, NOBODY);
	for (size_t i = 0; i < test->n_tokens && !err && !task->settled; i++)
		if (is_old(task, &test->tokens[i]))
			err = look_for_refresh(store, task, &test->tokens[i].token, ctx);
	return err || task->settled ? err : put_values(store, test, ctx);
}

static enum err
remote_test_load(struct store *store, struct task *task, json_t *payload, struct errctx *ctx)
{
	struct remote_test *test = xcalloc(1, sizeof(*test));
	const char *credential = json_get_text(payload, "credential");
	enum err err = credential ? uuid_parse(credential, &test->credential) : OK;

	test->call.request = HTTP_REQUEST_INIT;
	task->data = test;
	if (!err)
		err = connection_open(store, subject_id(&task->job), &test->use, ctx);
	if (err)
		return err;
	const char *name = test->use.connection.account_name;
	test->type = catalog_connection_type_find(kinds_catalog(), name);
	if (!test->type || !test_call_exists(test->type))
		return err_set(ctx, ERR_VALUE, "", "connections of type %s cannot be tested", name);
	if (test->type->auth == APP_AUTH_OAUTH2)
		err = load_tokens(store, task, ctx);
	else
		test->values = json_incref(test->use.parameters);
	return err || task->settled ? err
				    : test_call_build(test->type, test->values, &test->call, ctx);
}

static void
on_answer(void *arg, struct http_result *result)
{
	struct task *task = arg;
	struct remote_test *test = task->data;
	const struct oauth_token *old = find_old(task);

	test_call_judge(test->type, test->values, result, &test->result);
	if (test->result.verdict == TEST_GOOD)
		task_settle(task, JOB_DONE, NULL);
	else if (test->result.verdict == TEST_BAD && old) {
		test->due = old;
		wait_for_refresh(task);
	} else if (test->result.verdict == TEST_BAD)
		task_settle(task, JOB_FAILED, "%s", test->result.reason);
	else /* with its one attempt that makes the job dead, which tells it from a refusal */
		task_retry_later(task, test->result.reason);
	loop_end(task);
}

static void
remote_test_start(struct task *task)
{
	struct remote_test *test = task->data;

	http_client_start(loop_client(task->loop), &(struct http_call){
						       .request = &test->call.request,
						       .allowed_hosts = test->call.allowed_hosts,
						       .done = on_answer,
						       .arg = task,
						   });
}

/* In the order of locks of those who make and delete connections: the connection first. */
static enum err
open_again(struct store *store, const struct task *task, struct errctx *ctx)
{
	const struct remote_test *test = task->data;
	const struct credential_remote remote = { .id = test->use.connection.id,
		.platform = PLATFORM_LOCAL_NAME };
	struct audit_entry audit = {
		.event = "credential.reauthorizing",
		.actor = "runner",
		.request_id = task->job.request_id,
		.team_id = test->use.connection.team_id,
	};
	bool same = false;
	enum err err = connection_is_same_in(store, &test->use, &same, ctx);

	if (!err && same)
		err = credential_test_failed_in(store, &test->credential, &remote, &same, ctx);
	if (err || !same)
		return err;
	uuid_text(&test->credential, audit.subject);
	return audit_add(store, &audit, ctx);
}

/* What was refused once works again, if only with what was set meanwhile. */
static enum err
note_good(struct store *store, const struct remote_test *test, struct errctx *ctx)
{
	bool same = false;
	enum err err = connection_is_same_in(store, &test->use, &same, ctx);

	if (!err && same)
		err = connection_note_account_in(store, &test->use, test->result.account_name,
		    test->result.account_id, ctx);
	if (!err && same)
		err = credential_connection_works_in(store, test->use.connection.id, ctx);
	return err;
}

static enum err
remote_test_save(struct store *store, const struct task *task, struct task_outcome *outcome,
    struct errctx *ctx)
{
	const struct remote_test *test = task->data;
	int64_t job_id;

	const struct oauth_token *due = test->due;

	if (outcome->end == JOB_BACK && due)
		return oauth_refresh_enqueue(store, &due->grant, due->team_id, due->generation,
		    task->job.request_id, &job_id, ctx);
	if (outcome->end == JOB_FAILED && test->result.verdict == TEST_BAD &&
	    !uuid_is_nil(&test->credential))
		return open_again(store, task, ctx);
	return outcome->end == JOB_DONE ? note_good(store, test, ctx) : OK;
}

const struct kind kind_remote_test = {
	.name = "remote_test",
	.timeout_ms = 15 * 1000,
	.max_attempts = 1,
	.audit = "connection.test",
	.doc =
	    "Asks a connection's provider whether it works; notes whose account it is and ends a "
	    "reauthorization, or opens its credential again.",
	.idempotent = "The call changes nothing at the provider; the same account is noted again, "
		      "a credential that is open again stays so.",
	.check = remote_test_check,
	.load = remote_test_load,
	.start = remote_test_start,
	.save = remote_test_save,
	.saves_progress = true,
	.free = remote_test_free,
};
