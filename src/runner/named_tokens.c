/* SPDX-License-Identifier: Apache-2.0 */
/* The named tokens of an exchange. */
#include "runner/named_tokens.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "runner/provider.h"

void
named_tokens_begin(struct named_tokens *named, const struct app_connection *type)
{
	*named = (struct named_tokens){ .n = type->n_tokens };
	if (named->n)
		named->tokens = xcalloc(named->n, sizeof(*named->tokens));
	for (size_t i = 0; i < named->n; i++)
		named->tokens[i].token = &type->tokens[i];
}

void
named_tokens_free(struct named_tokens *named)
{
	for (size_t i = 0; i < named->n; i++)
		oauth_tokens_free(&named->tokens[i].tokens);
	free(named->tokens);
	*named = (struct named_tokens){ 0 };
}

/* ---- obtaining ---- */

const char *
named_tokens_read(struct named_tokens *named, const struct oauth_call *call,
    const struct http_result *result)
{
	const char *missing = NULL;

	for (size_t i = 0; i < named->n; i++) {
		struct named_token *one = &named->tokens[i];
		auto_oauth_answer struct oauth_answer answer = { 0 };
		struct oauth_call own = *call;

		if (one->token->derived)
			continue;
		own.type = one->token->first;
		oauth_read(&own, result, &answer);
		one->there = answer.verdict == OAUTH_GOOD;
		oauth_tokens_merge(&one->tokens, &answer.tokens);
		if (!one->there && one->token->required && !missing)
			missing = one->token->name;
	}
	return missing;
}

struct named_token *
named_tokens_alone(const struct named_tokens *named)
{
	for (size_t i = 0; i < named->n; i++)
		if (named->tokens[i].there && named->tokens[i].token->alone)
			return &named->tokens[i];
	return NULL;
}

const struct named_token *
named_tokens_first(const struct named_tokens *named)
{
	for (size_t i = 0; i < named->n; i++)
		if (oauth_tokens_came(&named->tokens[i].tokens))
			return &named->tokens[i];
	return NULL;
}

struct named_token *
named_tokens_next(struct named_tokens *named)
{
	while (named->next < named->n) {
		struct named_token *one = &named->tokens[named->next++];

		if (one->token->derived)
			return one;
	}
	return NULL;
}

/* ---- using ---- */

void
named_tokens_put(const struct named_tokens *named, json_t *values)
{
	for (size_t i = 0; i < named->n; i++) {
		const struct named_token *one = &named->tokens[i];

		if (one->there)
			provider_put_token(values, one->token->name, &one->tokens.access);
	}
}

/* ---- keeping ---- */

static void
add_scopes(const struct named_token *one, const struct app_connection *type, const json_t *asked,
    json_t *scopes)
{
	json_auto_t *as_asked = oauth_scopes_of(type, one->token, asked);

	oauth_name_scopes(one->token, one->tokens.scopes ? one->tokens.scopes : as_asked, scopes);
}

void
named_tokens_add_scopes(const struct named_tokens *named, const struct app_connection *type,
    const json_t *asked, json_t *scopes)
{
	for (size_t i = 0; i < named->n; i++)
		if (named->tokens[i].there)
			add_scopes(&named->tokens[i], type, asked, scopes);
}

/* A derived one has nothing of its own to be refreshed with: what may have come is not kept. One
 * that came without an access token is kept to be given back alone. */
struct oauth_token_new
named_token_new(const struct named_token *one)
{
	const struct app_token *token = one->token;
	const struct oauth_tokens *tokens = &one->tokens;

	return (struct oauth_token_new){
		.access = tokens->access.len ? &tokens->access : &tokens->refresh,
		.refresh = token->derived ? NULL : &tokens->refresh,
		.token_type = tokens->token_type,
		.expires_at = tokens->has_expiry ? tokens->expires_at_ms : 0,
		.refresh_at = provider_refresh_at(token->own, tokens,
		    token->derived || tokens->refresh.len > 0),
	};
}

static enum err
keep_one(struct store *store, const struct named_token *one, const struct oauth_grant_new *like,
    const struct uuid *first_uuid, struct errctx *ctx)
{
	const struct oauth_token_new token = named_token_new(one);
	json_auto_t *scopes = json_array();
	struct oauth_grant_new grant = *like;
	struct uuid uuid;

	oauth_name_scopes(one->token, one->tokens.scopes, scopes);
	auto_free char *text = json_text(scopes);
	grant.main_uuid = *first_uuid;
	grant.credential_id = (struct uuid){ 0 };
	grant.token_name = one->token->name;
	grant.scopes = text;
	grant.asked = NULL;
	grant.token = &token;
	return oauth_grant_create_in(store, &grant, &uuid, ctx);
}

enum err
named_tokens_keep_in(struct store *store, const struct named_tokens *named,
    const struct named_token *first, const struct oauth_grant_new *like,
    const struct uuid *first_uuid, struct errctx *ctx)
{
	bool ending = strcmp(like->state, OAUTH_ENDING) == 0;
	enum err err = OK;

	for (size_t i = 0; i < named->n && !err; i++) {
		const struct named_token *one = &named->tokens[i];

		if (one != first && (one->there || (ending && oauth_tokens_came(&one->tokens))))
			err = keep_one(store, one, like, first_uuid, ctx);
	}
	return err;
}
