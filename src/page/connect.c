/* SPDX-License-Identifier: Apache-2.0 */
/* The way to an OAuth provider: the person's browser gets the URL to go to. */
#include "page/connect.h"

#include <string.h>

#include "base/alloc.h"
#include "base/secret.h"
#include "catalog/client_host.h"
#include "catalog/item_form.h"
#include "oauth/authorize.h"
#include "oauth/own_client.h"
#include "page/answer.h"
#include "page/show.h"
#include "web/pool.h"

static const struct field_spec connect_fields[] = {
	{ .name = "fields", .type = FIELD_OBJECT },
	{ 0 },
};

/* Whether the item can be connected; else the error says why not. */
static enum err
check_type(struct ctx *ctx, const struct show_type *type)
{
	if (!type->connection || type->connection->auth != APP_AUTH_OAUTH2)
		return err_set(&ctx->err, ERR_VALUE, "", "this is not connected at its provider");
	if (!type->available && type->brings_client)
		return err_set(&ctx->err, ERR_RULE, "",
		    "connections of this team live at another platform");
	if (!type->available)
		return err_set(&ctx->err, ERR_RULE, "",
		    "the operator of this service has not registered it at the provider yet");
	return OK;
}

/* What the connection may do already is asked for again, or a new grant would do less: as far as
 * the definition knows it, for what a provider answers is not always what it can be asked. */
static json_t *
all_scopes(const struct app_connection *connection, const struct page_row *row)
{
	const char *const texts[] = { row->scope, row->account_scopes };
	json_t *scopes = json_array();

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		json_auto_t *list = NULL;
		json_t *name;
		size_t at;

		if (!texts[i] || json_parse(texts[i], strlen(texts[i]), &list, NULL))
			continue;
		json_array_foreach(list, at, name)
		{
			const char *text = json_string_value(name);

			if (text && (i == 0 || catalog_scope_words(connection, text)))
				json_array_append(scopes, name);
		}
	}
	return scopes;
}

/* Checked against the type, with what the requester has fixed. */
static enum err
check_fields(struct ctx *ctx, const struct app_connection *connection, const struct answer *answer,
    json_t *fields)
{
	const struct item_form form = { .connection = connection, .fields = connection->fields };
	json_auto_t *prefill = link_row_prefill(answer->row);

	return item_form_check(&form, prefill, fields, "fields", &ctx->err);
}

static enum err
begin_trip(struct ctx *ctx, const struct show_type *type, const struct answer *answer,
    const json_t *fields, struct oauth_start *start_out)
{
	const struct pool *pool = ctx->app;
	char callback[UUID_TEXT_SIZE], request[UUID_TEXT_SIZE];

	uuid_text(&type->callback_id, callback);
	uuid_text(&answer->link.request, request);
	auto_free char *redirect_uri =
	    xasprintf("%s/oauth/callback/%s", pool->config.public_url, callback);
	json_auto_t *scopes = all_scopes(type->connection, answer->row);
	return oauth_authorize_start(
	    &(struct oauth_trip){
		.type = type->connection,
		.client_id =
		    type->brings_client ? own_client_id(type->connection, fields) : type->client_id,
		.redirect_uri = redirect_uri,
		.fields = fields,
		.scopes = scopes,
		.state_prefix = request,
	    },
	    start_out, &ctx->err);
}

static enum err
keep_trip(struct ctx *ctx, const struct show_type *type, const struct answer *answer,
    const struct oauth_start *trip)
{
	struct pool *pool = ctx->app;
	auto_wipe char *text = json_text(trip->keep);
	struct page_start start = { .callback_id = type->callback_id,
		.connection_type = type->id,
		.issuer = trip->issuer,
		.text = text };

	crypt_sha256(trip->state, strlen(trip->state), start.state_hash);
	return page_connect(&pool->store, &answer->link, answer->row, &start, &answer->call,
	    &ctx->err);
}

enum err
connect_post(struct ctx *ctx, struct response *response)
{
	auto_answer struct answer answer = { 0 };
	auto_oauth_start struct oauth_start trip = { 0 };
	const struct pool *pool = ctx->app;
	auto_show_type struct show_type type = { 0 };
	enum err err = answer_open(ctx, connect_fields, &answer, response);

	if (err)
		return err;
	json_t *sent = json_object_get(answer.body, "fields");
	json_auto_t *fields = sent ? json_incref(sent) : json_object();
	show_type_find(pool->catalog, answer.row, &type);
	err = check_type(ctx, &type);
	if (!err && type.connection)
		err = check_fields(ctx, type.connection, &answer, fields);
	if (!err && type.connection)
		err = client_host_check(type.connection, fields, type.client_host, &ctx->err);
	if (!err)
		err = begin_trip(ctx, &type, &answer, fields, &trip);
	if (!err)
		err = keep_trip(ctx, &type, &answer, &trip);
	if (err)
		return err;
	json_t *body = json_object();
	json_put_text(body, "url", trip.url);
	return response_json(response, body);
}
