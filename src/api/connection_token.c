/* SPDX-License-Identifier: Apache-2.0 */
/* /api/v2/connections/{id}/token: use an OAuth connection. Its access token, a new one where the
 * one there is ends too soon. */
#include "store/connection_token.h"

#include <string.h>

#include "api/routes.h"
#include "api/v2.h"
#include "base/clock.h"
#include "catalog/catalog.h"
#include "store/oauth_refresh.h"
#include "web/pool.h"
#include "web/usage.h"

#define MINIMUM_DEFAULT_S 60
#define MINIMUM_MOST_S 86400
#define MOVED_RETRY_S 1
#define NAME_MOST 32

/* What the caller wants: a token that lasts for so long. */
struct asked {
	int64_t id, minimum_s;
	bool insists; /* has said so himself */
	const char *name;
};

static const struct field_spec no_fields[] = { { .name = NULL } };

static enum err
read_asked(struct ctx *ctx, struct asked *asked_out)
{
	struct asked asked = { .minimum_s = -1, .name = OAUTH_MAIN_TOKEN };
	json_t *object = NULL;
	enum err err = v2_connection_id(ctx, &asked.id);

	if (!err)
		err = query_int(&ctx->req->query, "minimum_seconds", QUERY_OPTIONAL, 0,
		    MINIMUM_MOST_S, &asked.minimum_s, &ctx->err);
	if (!err)
		err = query_text(&ctx->req->query, "token", QUERY_OPTIONAL, NAME_MOST, &asked.name,
		    &ctx->err);
	if (!err)
		err = request_json(ctx->req, &object, &ctx->err);
	if (!err)
		err = fields_check(object, no_fields, true, "", &ctx->err);
	if (err)
		return err;
	asked.insists = asked.minimum_s >= 0;
	if (!asked.insists)
		asked.minimum_s = MINIMUM_DEFAULT_S;
	*asked_out = asked;
	return OK;
}

/* Those of the rows' fields that are there and are no secret. */
static void
add_fields(const json_t *rows, const json_t *fields, json_t *out)
{
	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *row = json_array_get(rows, i);
		const char *name = json_get_text(row, "name"), *type = json_get_text(row, "type");
		json_t *value = json_object_get(fields, name);

		if (json_is_string(value) && !(type && strcmp(type, "password") == 0))
			json_put(out, name, json_incref(value));
	}
}

/* What calls need beside the token: a host, a company, the id of an account. */
static enum err
put_fields(struct ctx *ctx, const struct connection_token *token, json_t *answer)
{
	static const char *const brought[] = { "callback_fields", "answer_fields", "test_fields" };
	const struct app_connection *type =
	    catalog_connection_type_find(api_pool(ctx)->catalog, token->account_name);
	const json_t *rules = type ? json_object_get(type->definition, "oauth2") : NULL;
	json_auto_t *fields = NULL;
	enum err err = connection_token_fields(api_store(ctx), token, &fields, &ctx->err);

	if (err)
		return err;
	json_t *shown = json_object();
	if (type)
		add_fields(json_object_get(type->definition, "fields"), fields, shown);
	for (size_t i = 0; i < sizeof(brought) / sizeof(brought[0]); i++)
		add_fields(json_object_get(rules, brought[i]), fields, shown);
	json_put(answer, "fields", shown);
	return OK;
}

/* {token, tokenType, expiresAt, fetchedAt, fields}; notes the use. */
static enum err
answer_token(struct ctx *ctx, struct response *response, const struct connection_token *token)
{
	auto_secret struct secret access = { 0 };
	enum err err = connection_token_open(api_store(ctx), token, &access, &ctx->err);

	json_t *answer = json_object();
	if (!err)
		err = put_fields(ctx, token, answer);
	if (err) {
		json_decref(answer);
		return err;
	}
	json_put(answer, "token", json_text_lossy(secret_text(&access), access.len));
	json_put_text(answer, "tokenType", token->token.token_type);
	json_put_time(answer, "expiresAt", token->token.expires_at);
	json_put_time(answer, "fetchedAt", token->token.created_at);
	usage_note(api_pool(ctx)->usage, ctx, ctx->route->audit, token->team_id,
	    token->connection_id);
	return response_json(response, answer);
}

/* A caller who wants more than a new token would have gets one that is rather new: asking again for
 * the same would spend a refresh each time. */
static bool
lasts(const struct connection_token *token, const struct asked *asked)
{
	int64_t life_s = (token->token.expires_at - token->token.created_at) / 1000;
	int64_t most_s = life_s / 2;

	return connection_token_lasts(token,
	    token->token.expires_at && asked->minimum_s > most_s ? most_s : asked->minimum_s);
}

static bool
is_usable(const struct connection_token *token)
{
	return strcmp(token->token.grant_state, OAUTH_ACTIVE) == 0 &&
	       connection_token_lasts(token, 1);
}

/* Whether there is anything to be spent for a new one, or nothing needs to be. */
static bool
can_refresh(struct ctx *ctx, const struct connection_token *token, const char *name)
{
	const struct app_connection *type =
	    catalog_connection_type_find(api_pool(ctx)->catalog, token->account_name);
	const json_t *rules = type ? json_object_get(type->definition, "oauth2") : NULL;
	const char *source = json_get_text(rules, "refresh_source");

	if (!type || (source && strcmp(source, "none") == 0))
		return false;
	const struct app_token *named = catalog_token_find(type, name);
	return token->refreshable || (named && named->derived) ||
	       (source && (strcmp(source, "access_token") == 0 || strcmp(source, "client") == 0));
}

static enum err
check_grant(struct ctx *ctx, const struct connection_token *token, const char *name)
{
	bool main = strcmp(name, OAUTH_MAIN_TOKEN) == 0;

	if (uuid_is_nil(&token->token.grant) && main && token->first)
		return err_set(&ctx->err, ERR_VALUE, "token",
		    "the provider has given this connection no main token: ask for \"%s\"",
		    token->first);
	if (uuid_is_nil(&token->token.grant) && main)
		return err_set(&ctx->err, ERR_VALUE, "",
		    "this is no OAuth connection: it has no access token");
	if (uuid_is_nil(&token->token.grant))
		return err_set(&ctx->err, ERR_VALUE, "token", "this connection has no token \"%s\"",
		    name);
	if (strcmp(token->token.grant_state, OAUTH_ACTIVE) == 0)
		return OK;
	return err_set(&ctx->err, ERR_REMOTE, "",
	    "the provider does not accept this connection any more: %s",
	    token->token.problem ? token->token.problem : "it must be authorized again");
}

/* How it is after the job. A token that still works is given even though a newer one was not to be
 * had, unless the caller insists. */
static enum err
answer_ended(struct ctx *ctx, struct response *response, const struct asked *asked,
    const struct job_state *state)
{
	struct connection_token token = { 0 };
	bool done = strcmp(state->state, "done") == 0;
	enum err err = connection_token_get(api_store(ctx), ctx->auth, asked->id, asked->name,
	    &token, &ctx->err);

	if (!err)
		err = check_grant(ctx, &token, asked->name);
	if (!err && is_usable(&token) && (done || !asked->insists || lasts(&token, asked)))
		err = answer_token(ctx, response, &token);
	else if (!err && !done)
		err = api_job_check(ctx, state, "the token could not be refreshed");
	else if (!err) {
		ctx->err.retry_after_s = MOVED_RETRY_S;
		err = err_set(&ctx->err, ERR_UNAVAILABLE, "",
		    "the connection was changed while its token was refreshed; ask again");
	}
	connection_token_free(&token);
	return err;
}

static enum err
refresh(struct ctx *ctx, struct response *response, const struct asked *asked,
    const struct connection_token *token)
{
	struct job_state state = { 0 };
	enum api_wait waited = API_WAIT_NONE;
	int64_t job_id = 0;
	enum err err = api_require_runner(ctx);

	if (!err)
		err = oauth_refresh_enqueue(api_store(ctx), &token->token.grant, token->team_id,
		    token->token.generation, ctx->req->id, &job_id, &ctx->err);
	if (!err)
		err = api_job_wait(ctx, job_id, &waited, &state);
	if (err)
		return err;
	err = waited == API_WAIT_ENDED ? answer_ended(ctx, response, asked, &state)
				       : api_job_accepted(ctx, response, job_id, json_object());
	job_state_free(&state);
	return err;
}

static enum err
post_token(struct ctx *ctx, struct response *response)
{
	struct asked asked;
	struct connection_token token = { 0 };
	enum err err = read_asked(ctx, &asked);

	if (!err)
		err = connection_token_get(api_store(ctx), ctx->auth, asked.id, asked.name, &token,
		    &ctx->err);
	if (!err)
		err = check_grant(ctx, &token, asked.name);
	if (!err && lasts(&token, &asked))
		err = answer_token(ctx, response, &token);
	else if (!err && can_refresh(ctx, &token, asked.name))
		err = refresh(ctx, response, &asked, &token);
	else if (!err && !asked.insists && is_usable(&token))
		err = answer_token(ctx, response, &token);
	else if (!err)
		err = err_set(&ctx->err, ERR_REMOTE, "",
		    "the token ends too soon, and the provider has given nothing to renew it with: "
		    "it must be authorized again");
	connection_token_free(&token);
	return err;
}

const struct route connection_token_routes[] = {
	{ .method = METHOD_POST,
	    .path = "/api/v2/connections/{id}/token",
	    .scope = SCOPE_CONNECTIONS_USE,
	    .audit = "connection.use",
	    .surface = SURFACE_V2,
	    .auth = AUTH_JOINED,
	    .body_optional = true,
	    .handler = post_token,
	    .fields = no_fields,
	    .summary =
		"Obtain the access token of an OAuth connection, a new one where it is due" },
	{ 0 },
};
