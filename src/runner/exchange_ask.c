/* SPDX-License-Identifier: Apache-2.0 */
/* Exchanging a code: the calls to the provider, one after the other. */
#include <stdlib.h>

#include "base/json.h"
#include "base/log.h"
#include "catalog/client_host.h"
#include "runner/exchange_parts.h"
#include "runner/loop.h"

static void ask_test(void *arg);

const struct oauth_tokens *
exchange_first(const struct exchange *exchange)
{
	return exchange->alone ? &exchange->alone->tokens : &exchange->tokens;
}

bool
exchange_came(const struct exchange *exchange)
{
	return oauth_tokens_came(&exchange->tokens) || named_tokens_first(&exchange->named);
}

static void
end_failed(struct task *task, const char *words)
{
	task_settle(task, JOB_FAILED, "%s", words);
	loop_end(task);
}

static void
end_done(struct task *task)
{
	const struct exchange *exchange = task->data;
	const char *id = exchange->tested.account_id ? exchange->tested.account_id
						     : exchange_first(exchange)->account_id;
	struct errctx ctx = { 0 };

	if (goal_check(&exchange->goal, id, &ctx))
		task_fail(task, &ctx);
	else
		task_settle(task, JOB_DONE, NULL);
	loop_end(task);
}

static void
on_tested(void *arg, struct http_result *result)
{
	struct task *task = arg;
	struct exchange *exchange = task->data;

	const struct provider *provider = &exchange->provider;

	test_call_judge(provider->type, exchange->values, result, &exchange->tested);
	if (exchange->tested.verdict == TEST_AWAY && exchange->test_tries < PROVIDER_TRIES)
		http_client_after(loop_client(task->loop), provider_pause_ms(exchange->test_tries),
		    ask_test, task);
	else if (exchange->tested.verdict != TEST_GOOD)
		end_failed(task, exchange->tested.reason);
	else if (!oauth_read_test(provider->type, buf_text(&result->body), result->body.len,
		     provider->fields))
		end_failed(task, "the provider does not say what calls to the account need");
	else
		end_done(task);
}

static void
ask_test(void *arg)
{
	struct task *task = arg;
	struct exchange *exchange = task->data;

	exchange->test_tries++;
	http_client_start(loop_client(task->loop),
	    &(struct http_call){
		.request = &exchange->test.request,
		.allowed_hosts = exchange->test.allowed_hosts,
		.done = on_tested,
		.arg = task,
	    });
}

static void
begin_test(struct task *task)
{
	struct exchange *exchange = task->data;
	const struct app_connection *type = exchange->provider.type;
	struct errctx ctx = { 0 };

	if (!test_call_exists(type)) {
		end_done(task);
		return;
	}
	if (!client_host_test_is(type, exchange->provider.fields, exchange->provider.destination)) {
		end_failed(task, "the test is not at the host that gives out tokens");
		return;
	}
	exchange->values =
	    provider_test_values(exchange->provider.fields, &exchange_first(exchange)->access);
	named_tokens_put(&exchange->named, exchange->values);
	if (test_call_build(type, exchange->values, &exchange->test, &ctx))
		end_failed(task, err_text(&ctx));
	else
		ask_test(task);
}

static void ask_provider(void *arg);
static void next_named(struct task *task);

/* Without one that is required there is no connection. */
static void
lack_named(struct task *task, const struct app_token *token, const char *words)
{
	if (!token->required) {
		next_named(task);
		return;
	}
	task_settle(task, JOB_FAILED, "the token \"%s\": %s", token->name, words);
	loop_end(task);
}

/* Those that are obtained with the main refresh token, one after the other; then the test. */
static void
next_named(struct task *task)
{
	struct exchange *exchange = task->data;
	struct provider *provider = &exchange->provider;
	struct errctx ctx = { 0 };
	enum err err = OK;

	exchange->asking = named_tokens_next(&exchange->named);
	if (!exchange->asking) {
		begin_test(task);
		return;
	}
	provider->call.type = exchange->asking->token->own;
	if (!exchange->tokens.refresh.len)
		err = err_set(&ctx, ERR_VALUE, "",
		    "the provider has given no refresh token to obtain it with");
	if (!err)
		err = provider_prepare(provider, OAUTH_REFRESH,
		    secret_text(&exchange->tokens.refresh), &ctx);
	if (err)
		lack_named(task, exchange->asking->token, err_text(&ctx));
	else
		ask_provider(task);
}

/* The refresh token stays: it may be spent once more. */
static void
on_named(struct task *task, struct oauth_answer *answer)
{
	struct exchange *exchange = task->data;
	struct named_token *asking = exchange->asking;
	bool away = answer->verdict == OAUTH_NOT_SENT || answer->verdict == OAUTH_AWAY;

	if (away && exchange->provider.tries < PROVIDER_TRIES - 1) {
		http_client_after(loop_client(task->loop),
		    provider_pause_ms(exchange->provider.tries), ask_provider, task);
	} else if (answer->verdict != OAUTH_GOOD) {
		lack_named(task, asking->token, answer->words);
	} else {
		oauth_tokens_merge(&asking->tokens, &answer->tokens);
		asking->there = true;
		next_named(task);
	}
}

/* On to what the definition wants done next. An introspection that fails does no harm. */
static void
next_step(struct task *task, enum oauth_step done)
{
	struct exchange *exchange = task->data;
	enum oauth_step step = oauth_next_step(exchange->provider.type, done);
	struct errctx ctx = { 0 };

	if (step == OAUTH_DONE || exchange->alone) { /* the steps are the main one's */
		next_named(task);
		return;
	}
	if (!provider_prepare(&exchange->provider, step, secret_text(&exchange->tokens.access),
		&ctx))
		ask_provider(task);
	else if (step == OAUTH_INTROSPECT)
		next_step(task, step);
	else
		end_failed(task, err_text(&ctx));
}

static void
take_tokens(struct exchange *exchange, struct oauth_answer *answer)
{
	json_t *fields = answer->tokens.fields;

	oauth_tokens_merge(&exchange->tokens, &answer->tokens);
	fields = exchange->tokens.fields;
	if (json_is_object(fields))
		json_object_update(exchange->provider.fields, fields);
}

static void
end_missing(struct task *task, const char *name)
{
	task_settle(task, JOB_FAILED, "the provider has not given the token \"%s\"", name);
	loop_end(task);
}

/* A code that was not even sent can be tried by a later attempt. */
static void
give_up(struct task *task, const struct oauth_answer *answer)
{
	struct exchange *exchange = task->data;

	if (exchange->sent || exchange_came(exchange))
		task_settle(task, JOB_FAILED, "%s", answer->words);
	else
		task_retry_later(task, answer->words);
	loop_end(task);
}

/* Nothing of the answer to the code is lost, whatever is wrong with it: what came is used, or given
 * back. The name of a token that it lacks; NULL when there is none. */
static const char *
take_first(struct exchange *exchange, const struct http_result *result, struct oauth_answer *answer)
{
	const struct oauth_call *call = &exchange->provider.call;
	bool lacks_main = answer->verdict == OAUTH_AWAY && !oauth_tokens_came(&answer->tokens) &&
			  !answer->tokens.lacks_fields;
	const char *missing = named_tokens_read(&exchange->named, call, result);

	exchange->sent = oauth_is_spent(exchange->provider.type, answer->verdict);
	take_tokens(exchange, answer);
	if (lacks_main)
		exchange->alone = named_tokens_alone(&exchange->named);
	if (exchange->alone)
		answer->verdict = OAUTH_GOOD;
	return answer->verdict == OAUTH_GOOD ? missing : NULL;
}

static void
on_answer(void *arg, struct http_result *result)
{
	struct task *task = arg;
	struct exchange *exchange = task->data;
	struct provider *provider = &exchange->provider;
	enum oauth_step step = provider->call.step;
	auto_oauth_answer struct oauth_answer answer = { 0 };
	const char *missing = NULL;

	oauth_read(&provider->call, result, &answer);
	if (step == OAUTH_EXCHANGE)
		missing = take_first(exchange, result, &answer);
	else if (answer.verdict == OAUTH_GOOD && step != OAUTH_REFRESH)
		take_tokens(exchange, &answer);
	if (answer.verdict != OAUTH_GOOD)
		log_info(LOG_EVENT("oauth_call"), LOG_I("job", task->job.id),
		    LOG_S("kind", task->job.kind), LOG_S("outcome", answer.words));
	if (step == OAUTH_REFRESH)
		on_named(task, &answer);
	else if (missing)
		end_missing(task, missing);
	else if (answer.verdict == OAUTH_NOT_SENT && provider->tries < PROVIDER_TRIES)
		http_client_after(loop_client(task->loop), provider_pause_ms(provider->tries),
		    ask_provider, task);
	else if (answer.verdict == OAUTH_GOOD || step == OAUTH_INTROSPECT)
		next_step(task, step);
	else
		give_up(task, &answer);
}

/* Until the answer is here nobody knows whether the code was sent. */
static void
ask_provider(void *arg)
{
	struct task *task = arg;
	struct exchange *exchange = task->data;

	exchange->sent = true;
	provider_send(task, &exchange->provider, OAUTH_TIMEOUT_MS, on_answer);
}

void
exchange_ask(struct task *task)
{
	ask_provider(task);
}
