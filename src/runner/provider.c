/* SPDX-License-Identifier: Apache-2.0 */
/* What a job needs to speak to an OAuth provider. */
#include "runner/provider.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "catalog/client_host.h"
#include "oauth/own_client.h"
#include "runner/kinds.h"
#include "runner/loop.h"
#include "store/app_client.h"
#include "store/credential_connect.h"
#include "store/oauth_grant.h"

static enum err
load_own(struct store *store, const char *connection_type, const struct uuid *uuid,
    struct provider *provider, struct errctx *ctx)
{
	json_auto_t *definition = NULL;
	enum err err = credential_connect_open(store, uuid, &definition, ctx);

	if (!err && !credential_type_fits(definition))
		err = ERR_STALE;
	if (!err)
		err = credential_type_make(definition, &provider->own, ctx);
	if (err == ERR_STALE || (!err && strcmp(provider->own.id, connection_type) != 0))
		return err_set(ctx, ERR_VALUE, "",
		    "the credential has been changed since: connect it once more");
	if (err)
		return err;
	const char *secret = json_get_text(definition, "oauth_client_secret");
	provider->type = provider->own.connection;
	provider->client_id = xstrdup(provider->own.client_id);
	if (secret)
		secret_set(&provider->client_secret, secret, strlen(secret));
	return OK;
}

/* Of the fields, which the person has filled in. */
static enum err
take_client(struct provider *provider, struct errctx *ctx)
{
	const char *id = own_client_id(provider->type, provider->fields);
	const char *secret = own_client_secret(provider->type, provider->fields);

	if (!id)
		return err_set(ctx, ERR_VALUE, "", "the fields name no client");
	provider->client_id = xstrdup(id);
	if (secret)
		secret_set(&provider->client_secret, secret, strlen(secret));
	return OK;
}

static enum err
load_defined(struct store *store, const char *connection_type, const struct uuid *callback_id,
    struct provider *provider, struct errctx *ctx)
{
	provider->type = catalog_connection_type_find(kinds_catalog(), connection_type);
	if (!provider->type || provider->type->auth != APP_AUTH_OAUTH2)
		return err_set(ctx, ERR_VALUE, "", "there is no connection type %s to sign in to",
		    connection_type);
	if (own_client_is(provider->type))
		return take_client(provider, ctx);
	enum err err = app_client_load_callback(store, callback_id, &provider->client_id,
	    &provider->client_host, &provider->client_secret, ctx);
	return err ? err : provider_check_host(provider, ctx);
}

enum err
provider_load(struct store *store, const char *connection_type, const struct uuid *callback_id,
    const char *client_id, struct provider *provider, struct errctx *ctx)
{
	enum err err = credential_type_is(connection_type)
			   ? load_own(store, connection_type, callback_id, provider, ctx)
			   : load_defined(store, connection_type, callback_id, provider, ctx);

	if (err)
		return err;
	if (strcmp(provider->client_id, client_id) != 0)
		return err_set(ctx, ERR_VALUE, "",
		    "another client has been registered since: sign in once more");
	provider->call = (struct oauth_call){ .type = provider->type,
		.client_id = provider->client_id,
		.client_secret = &provider->client_secret,
		.fields = provider->fields };
	return OK;
}

enum err
provider_use_token(struct provider *provider, const char *name, const char *scopes,
    struct errctx *ctx)
{
	const struct app_connection *type = provider->type;
	const struct app_token *token = NULL;
	json_auto_t *all = NULL;

	if (strcmp(name, OAUTH_MAIN_TOKEN) != 0) {
		token = catalog_token_find(type, name);
		if (!token)
			return err_set(ctx, ERR_VALUE, "",
			    "connections of type %s have no token \"%s\" any more", type->type,
			    name);
	}
	enum err err = json_parse(scopes, strlen(scopes), &all, ctx);
	if (err)
		return err;
	json_decref(provider->scopes);
	provider->scopes = oauth_scopes_of(type, token, all);
	provider->token = token;
	provider->type = token ? token->own : type;
	provider->call.type = provider->type;
	provider->call.scopes = provider->scopes;
	return OK;
}

void
provider_free(struct provider *provider)
{
	http_request_free(&provider->request);
	json_decref(provider->fields);
	json_decref(provider->scopes);
	credential_type_free(&provider->own);
	secret_free(&provider->client_secret);
	free(provider->client_id);
	free(provider->client_host);
	free(provider->destination);
	*provider = (struct provider){ 0 };
}

/* Without a host of its own a definition that fields send nowhere stays as it is; a client that is
 * the person's own is at one host, whichever that is. */
static enum err
check_destination(const struct provider *provider, struct errctx *ctx)
{
	const char *host = provider->destination;

	if (!host || (!*host && !own_client_is(provider->type)) ||
	    client_host_is_one(provider->type, provider->fields, host))
		return OK;
	return err_set(ctx, ERR_VALUE, "", "an address is not at the host that gives out tokens");
}

enum err
provider_check_host(const struct provider *provider, struct errctx *ctx)
{
	enum err err =
	    client_host_check(provider->type, provider->fields, provider->client_host, ctx);

	return err ? err : check_destination(provider, ctx);
}

/* `known`: what the grant says; NULL or "": as the fields are now. */
static enum err
settle_destination(struct provider *provider, const char *known, struct errctx *ctx)
{
	char *host = known && *known ? xstrdup(known)
				     : client_host_of_tokens(provider->type, provider->fields);

	free(provider->destination);
	provider->destination = host ? host : xstrdup("");
	if (strlen(provider->destination) > OAUTH_DESTINATION_MAX)
		return err_set(ctx, ERR_VALUE, "", "the host that gives out tokens is too long");
	return OK;
}

enum err
provider_load_grant(struct store *store, const struct oauth_grant *grant, struct provider *provider,
    struct errctx *ctx)
{
	enum err err = oauth_grant_parameters(store, grant, &provider->fields, ctx);

	if (!err)
		err = provider_load(store, grant->connection_type, &grant->callback_id,
		    grant->client_id, provider, ctx);
	if (!err)
		err = settle_destination(provider, grant->destination, ctx);
	if (!err)
		err = provider_use_token(provider, grant->token_name, grant->scopes, ctx);
	if (err || check_destination(provider, ctx) == OK)
		return err;
	err_clear(ctx);
	store_note_damaged_row(store, "oauth_grant", &grant->uuid, "destination", grant->team_id);
	return err_set(ctx, ERR_INTEGRITY, "", "its tokens were given out elsewhere");
}

struct oauth_recipient
provider_recipient(const struct provider *provider, const struct oauth_grant *grant)
{
	return (struct oauth_recipient){ grant->connection_type, grant->client_id,
		provider->destination };
}

enum err
provider_prepare(struct provider *provider, enum oauth_step step, const char *token,
    struct errctx *ctx)
{
	enum err err = provider->destination ? OK : settle_destination(provider, NULL, ctx);

	if (!err)
		err = provider_check_host(provider, ctx);
	http_request_free(&provider->request);
	provider->tries = 0;
	provider->call.step = step;
	provider->call.token = token;
	provider->call.fields = provider->fields;
	provider->call.now_ms = clock_now_ms();
	return err ? err : oauth_request(&provider->call, &provider->request, ctx);
}

void
provider_send(struct task *task, struct provider *provider, int64_t most_ms, http_done_fn *done)
{
	provider->tries++;
	if (provider->request.timeout_ms > most_ms)
		provider->request.timeout_ms = most_ms > 1 ? most_ms : 1;
	provider->call.now_ms = clock_now_ms();
	http_client_start(loop_client(task->loop),
	    &(struct http_call){ .request = &provider->request, .done = done, .arg = task });
}

int64_t
provider_pause_ms(int tries)
{
	return tries < 2 ? 500 : 2000;
}

json_t *
provider_test_values(const json_t *fields, const struct secret *access)
{
	union {
		const json_t *borrowed;
		json_t *copied; /* jansson copies writable objects only */
	} tree = { .borrowed = fields };
	json_t *values = tree.copied ? json_copy(tree.copied) : json_object();

	json_put_text(values, "access_token", secret_text(access));
	return values;
}

void
provider_put_token(json_t *values, const char *name, const struct secret *access)
{
	auto_free char *key = xasprintf("access_token.%s", name);

	json_put_text(values, key, secret_text(access));
}

int64_t
provider_refresh_at(const struct app_connection *type, const struct oauth_tokens *tokens,
    bool has_refresh)
{
	enum oauth_source source = oauth_refresh_source(type);
	bool none = source == OAUTH_SOURCE_NONE || (source == OAUTH_SOURCE_REFRESH && !has_refresh);

	if (none)
		return tokens->has_expiry ? tokens->expires_at_ms : 0;
	return oauth_refresh_at(type, tokens, has_refresh, clock_now_ms());
}
