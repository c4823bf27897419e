/* SPDX-License-Identifier: Apache-2.0 */
/* Job kind oauth_exchange: spend the code a person has come back with, and find out whose account
 * it is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "catalog/credential_type.h"
#include "oauth/authorize.h"
#include "oauth/own_client.h"
#include "oauth/revoke.h"
#include "runner/exchange_parts.h"
#include "runner/kinds.h"
#include "store/goal.h"
#include "store/oauth_grant.h"
#include "store/platform.h"

#define DAMAGED "what a browser brought back is damaged"

static void
exchange_free(void *data)
{
	struct exchange *exchange = data;

	provider_free(&exchange->provider);
	oauth_flow_free(&exchange->flow);
	credential_free(&exchange->credential);
	goal_free(&exchange->goal);
	json_decref(exchange->start);
	json_decref(exchange->back);
	json_decref(exchange->values);
	oauth_tokens_free(&exchange->tokens);
	named_tokens_free(&exchange->named);
	test_call_free(&exchange->test);
	test_result_free(&exchange->tested);
	free(exchange);
}

static enum err
exchange_check(const struct job *job, json_t *payload, struct errctx *ctx)
{
	const char *flow = json_get_text(payload, "flow");
	struct uuid id;

	if (json_object_size(payload) != 1 || !flow || uuid_parse(flow, &id))
		return err_set(ctx, ERR_FIELD, "flow", "the payload names no flow and that only");
	if (uuid_parse(job->subject, &id))
		return err_set(ctx, ERR_FIELD, "subject", "the subject is no credential's id");
	return OK;
}

/* ---- loading ---- */

/* The row and the job must speak of the same credential. */
static enum err
check_identity(const struct task *task, const struct exchange *exchange, struct errctx *ctx)
{
	struct uuid subject;

	if (uuid_parse(task->job.subject, &subject) == OK &&
	    memcmp(&subject, &exchange->flow.credential_id, sizeof(subject)) == 0 &&
	    exchange->credential.team_id == exchange->flow.team_id &&
	    (credential_type_is(exchange->flow.connection_type) ||
		strcmp(exchange->credential.name, exchange->flow.connection_type) == 0))
		return OK;
	log_error(LOG_EVENT("integrity_error"), LOG_S("table", "oauth_flow"),
	    LOG_I("job", task->job.id));
	return err_set(ctx, ERR_INTEGRITY, "", "this was not begun for this credential");
}

/* Tokens cannot be handed to another platform; those of user credentials stay here. */
static enum err
check_place(struct store *store, const struct exchange *exchange, struct errctx *ctx)
{
	struct team_platform platform = { 0 };
	const struct team_key *key = NULL;
	enum err err = team_platform_load(store, exchange->flow.team_id, &platform, ctx);

	if (err)
		return err;
	bool away = platform.kind && !credential_type_is(exchange->flow.connection_type);
	team_platform_free(&platform);
	if (away)
		return err_set(ctx, ERR_VALUE, "",
		    "connections of this team live at another platform");
	/* what comes must be possible to seal */
	return store_team_key(store, exchange->flow.team_id, &key, ctx);
}

static enum err
load_rows(struct store *store, struct task *task, const char *flow, struct errctx *ctx)
{
	struct exchange *exchange = task->data;
	struct uuid id;
	enum err err = uuid_parse(flow, &id);

	if (!err)
		err = oauth_flow_load(store, &id, &exchange->flow, ctx);
	if (!err)
		err = credential_load(store, &exchange->flow.credential_id, &exchange->credential,
		    ctx);
	if (!err)
		err = goal_load(store, &exchange->flow.credential_id, &exchange->goal, ctx);
	if (!err)
		err = check_identity(task, exchange, ctx);
	if (!err && !exchange->flow.return_sealed.data)
		err = err_set(ctx, ERR_VALUE, "",
		    "the provider's answer has been used up or lost: sign in once more");
	return err ? err : check_place(store, exchange, ctx);
}

/* The fields of the form, and what came with the code. */
static void
set_fields(struct exchange *exchange)
{
	json_decref(exchange->provider.fields);
	exchange->provider.fields = json_copy(json_object_get(exchange->start, "fields"));
	json_object_update(exchange->provider.fields, json_object_get(exchange->back, "callback"));
}

/* What comes back to the redirect URI of a credential belongs to that one alone. */
static enum err
check_place_of_return(const struct exchange *exchange, struct errctx *ctx)
{
	const struct oauth_flow *flow = &exchange->flow;

	if (!own_client_is(exchange->provider.type) ||
	    !memcmp(&flow->callback_id, &flow->credential_id, sizeof(flow->callback_id)))
		return OK;
	return err_set(ctx, ERR_INTEGRITY, "", "this has come back for another credential");
}

static enum err
prepare_exchange(struct store *store, struct exchange *exchange, struct errctx *ctx)
{
	struct provider *provider = &exchange->provider;
	const struct oauth_flow *flow = &exchange->flow;
	enum err err = oauth_flow_open(store, flow, &exchange->start, &exchange->back, ctx);

	if (err)
		return err;
	const char *client_id = json_get_text(exchange->start, "client_id");
	if (!client_id || !json_is_object(json_object_get(exchange->start, "fields")))
		return err_set(ctx, ERR_INTEGRITY, "", DAMAGED);
	provider->fields = json_copy(json_object_get(exchange->start, "fields"));
	err = provider_load(store, flow->connection_type, &flow->callback_id, client_id, provider,
	    ctx);
	if (!err)
		err = oauth_trip_check(&(struct oauth_kept){ provider->type, exchange->start,
					   exchange->back, exchange->goal.prefill },
		    ctx);
	if (!err)
		err = check_place_of_return(exchange, ctx);
	if (err)
		return err;
	set_fields(exchange);
	named_tokens_begin(&exchange->named, provider->type);
	provider->call.verifier = json_get_text(exchange->start, "verifier");
	provider->call.redirect_uri = json_get_text(exchange->start, "redirect_uri");
	provider->call.scopes = json_object_get(exchange->start, "scopes");
	return provider_prepare(provider, OAUTH_EXCHANGE, json_get_text(exchange->back, "code"),
	    ctx);
}

/* Last of all the code is taken: from here on it is in this task alone. */
static enum err
exchange_load(struct store *store, struct task *task, json_t *payload, struct errctx *ctx)
{
	struct exchange *exchange = xcalloc(1, sizeof(*exchange));

	exchange->test.request = HTTP_REQUEST_INIT;
	task->data = exchange;
	enum err err = load_rows(store, task, json_get_text(payload, "flow"), ctx);
	if (!err)
		err = prepare_exchange(store, exchange, ctx);
	if (!err)
		err = oauth_flow_take(store, &exchange->flow, &exchange->taken, ctx);
	if (!err && !exchange->taken)
		err = err_set(ctx, ERR_VALUE, "", "the provider's answer has been used up");
	return err;
}

/* ---- saving ---- */

/* Of all tokens, as the definition names them. */
static json_t *
granted_scopes(const struct exchange *exchange, const json_t *asked)
{
	const struct app_connection *type = exchange->provider.type;
	json_t *scopes;

	if (exchange->tokens.scopes)
		scopes = json_copy(exchange->tokens.scopes);
	else
		scopes = exchange->alone ? json_array() : oauth_scopes_of(type, NULL, asked);
	named_tokens_add_scopes(&exchange->named, type, asked, scopes);
	oauth_cut_scopes(scopes);
	return scopes;
}

/* The main one as a generation. One that came without an access token is kept to be given back
 * alone. */
static struct oauth_token_new
main_token_new(const struct exchange *exchange)
{
	const struct oauth_tokens *tokens = &exchange->tokens;

	return (struct oauth_token_new){
		.access = tokens->access.len ? &tokens->access : &tokens->refresh,
		.refresh = &tokens->refresh,
		.token_type = tokens->token_type,
		.expires_at = tokens->has_expiry ? tokens->expires_at_ms : 0,
		.refresh_at =
		    provider_refresh_at(exchange->provider.type, tokens, tokens->refresh.len > 0),
	};
}

/* The named token whose grant the others hang on; NULL: the main one's. */
static const struct named_token *
find_first(const struct exchange *exchange)
{
	if (exchange->alone || oauth_tokens_came(&exchange->tokens))
		return exchange->alone;
	return named_tokens_first(&exchange->named);
}

static enum err
keep_grant(struct store *store, const struct task *task, const char *state, struct uuid *uuid_out,
    struct errctx *ctx)
{
	const struct exchange *exchange = task->data;
	const struct provider *provider = &exchange->provider;
	const struct test_result *tested = &exchange->tested;
	const struct named_token *first = find_first(exchange);
	const char *own_id = first ? first->tokens.account_id : exchange->tokens.account_id;
	const char *id = tested->account_id ? tested->account_id : own_id;
	struct uuid uuid;
	const struct oauth_token_new token =
	    first ? named_token_new(first) : main_token_new(exchange);
	const json_t *asked = json_object_get(exchange->start, "scopes");
	json_auto_t *granted = granted_scopes(exchange, asked);
	auto_free char *scopes = json_text(granted), *asked_text = json_text(asked);
	auto_free char *host = own_client_host(provider->type, provider->fields);
	const char *name = tested->account_name ? tested->account_name : id;
	const struct oauth_grant_new grant = {
		.team_id = exchange->flow.team_id,
		.state = state,
		.credential_id = exchange->flow.credential_id,
		.callback_id = exchange->flow.callback_id,
		.client_id = provider->client_id,
		.connection_type = exchange->flow.connection_type,
		.destination = provider->destination,
		.token_name = first ? first->token->name : NULL,
		.account_name = name ? name : host, /* whose account it is nobody says */
		.account_id = id,
		.scopes = scopes,
		.asked = asked_text,
		.parameters = provider->fields,
		.token = &token,
		.request_id = task->job.request_id,
	};

	enum err err = oauth_grant_create_in(store, &grant, &uuid, ctx);
	if (!err)
		err = named_tokens_keep_in(store, &exchange->named, first, &grant, &uuid, ctx);
	if (!err)
		*uuid_out = uuid;
	return err;
}

/* Tokens that nobody will use are not left at the provider. */
static enum err
give_back(struct store *store, const struct task *task, struct errctx *ctx)
{
	const struct exchange *exchange = task->data;
	struct uuid uuid;

	return exchange_came(exchange) && oauth_can_revoke(exchange->provider.type)
		   ? keep_grant(store, task, OAUTH_ENDING, &uuid, ctx)
		   : OK;
}

/* Not for the link that has taken the place of the one this was begun on. */
static enum err
keep_waiting(struct store *store, const struct task *task, struct task_outcome *outcome,
    struct errctx *ctx)
{
	const struct exchange *exchange = task->data;
	struct uuid uuid;
	bool there = false;
	enum err err = oauth_flow_is_there_in(store, &exchange->flow, &there, ctx);

	if (err)
		return err;
	if (!there) {
		*outcome = (struct task_outcome){ .end = JOB_FAILED,
			.error = "the link has been replaced meanwhile" };
		return give_back(store, task, ctx);
	}
	err = keep_grant(store, task, OAUTH_WAITING, &uuid, ctx);
	return err ? err
		   : oauth_grant_end_waiting_in(store, &exchange->flow.credential_id, &uuid,
			 task->job.request_id, ctx);
}

static enum err
exchange_save(struct store *store, const struct task *task, struct task_outcome *outcome,
    struct errctx *ctx)
{
	const struct exchange *exchange = task->data;
	bool again = outcome->end == JOB_RETRY || outcome->end == JOB_BACK;

	if (outcome->end == JOB_DONE)
		return keep_waiting(store, task, outcome, ctx);
	if (again && exchange->taken && !exchange->sent)
		return oauth_flow_put_back_in(store, &exchange->flow, ctx);
	return give_back(store, task, ctx);
}

static enum err
exchange_lost(struct store *store, const struct task *task, struct errctx *ctx)
{
	return give_back(store, task, ctx);
}

const struct kind kind_oauth_exchange = {
	.name = "oauth_exchange",
	.timeout_ms = 150 * 1000,
	.max_attempts = 5,
	.audit = "connection.exchange",
	.doc = "Spends the code a person has brought back from a provider, asks whose account it "
	       "is, and keeps what was granted until the person has confirmed it.",
	.idempotent = "The code is taken out of the database before it is sent and put back only "
		      "when it certainly was not: a second run finds none.",
	.check = exchange_check,
	.load = exchange_load,
	.start = exchange_ask,
	.save = exchange_save,
	.saves_progress = true,
	.lost = exchange_lost,
	.free = exchange_free,
};
