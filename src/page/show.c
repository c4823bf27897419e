/* SPDX-License-Identifier: Apache-2.0 */
/* What a link shows, as JSON. */
#include "page/show.h"

#include <string.h>

#include "base/alloc.h"
#include "catalog/client_host.h"
#include "catalog/item_form.h"
#include "oauth/own_client.h"
#include "page/denial.h"
#include "page/link.h"
#include "store/goal.h"

static bool
is_authorized(const struct page_row *row)
{
	return strcmp(row->state, "authorized") == 0;
}

/* What was tried last and did not work; once it is provided that is of no interest any more. */
static bool
job_failed(const struct page_row *row)
{
	return row->job_state && !is_authorized(row) &&
	       (!strcmp(row->job_state, "failed") || !strcmp(row->job_state, "dead"));
}

static json_t *
list_json(const char *text)
{
	json_t *list = NULL;

	if (text && json_parse(text, strlen(text), &list, NULL) == OK && json_is_array(list))
		return list;
	json_decref(list);
	return json_array();
}

void
show_type_find(const struct catalog *catalog, const struct page_row *row,
    struct show_type *type_out)
{
	struct show_type type = { 0 };
	struct item_form form;

	if (row->own_type) {
		if (credential_type_read(row->own_type, &type.own, NULL) == OK)
			type.connection = type.own.connection;
		*type_out = type; /* then the texts move along */
		type_out->id = type_out->own.id;
		type_out->client_id = type_out->own.client_id;
		type_out->available = type_out->client_id != NULL;
		type_out->callback_id = row->callback_id;
		return;
	}
	if (!credential_type_is(row->type_name) &&
	    item_form_find(catalog, row->component, row->type_name, &form))
		type.connection = form.connection;
	type.id = row->type_name;
	if (type.connection && row->client_id && row->client_app &&
	    strcmp(row->client_app, type.connection->app->name) == 0)
		type.client_id = row->client_id;
	type.brings_client = type.connection && own_client_is(type.connection);
	type.callback_id = type.brings_client ? row->id : row->callback_id;
	if (type.client_id)
		type.client_host = row->client_host;
	type.available = type.brings_client
			     ? !uuid_is_nil(&row->callback_id)
			     : type.client_id && client_host_check(type.connection, NULL,
						     type.client_host, NULL) == OK;
	*type_out = type;
}

void
show_type_free(struct show_type *type)
{
	credential_type_free(&type->own);
}

/* ---- what is asked for ---- */

static void
add_scope(json_t *scopes, const struct app_connection *connection, const char *name)
{
	const char *words = connection ? catalog_scope_words(connection, name) : NULL;
	json_t *scope, *known;
	size_t i;

	json_array_foreach(scopes, i,
	    known) if (!strcmp(json_get_text(known, "name"), name)) return;
	scope = json_object();
	json_put_text(scope, "name", name);
	json_put_text(scope, "words", words);
	json_array_append_new(scopes, scope);
}

/* What is asked for, then what this provider is always asked for. */
static json_t *
rights_json(const struct app_connection *connection, json_t *asked)
{
	json_t *scopes = json_array(), *name;
	size_t i;

	json_array_foreach(asked, i, name) if (json_is_string(name))
	    add_scope(scopes, connection, json_string_value(name));
	if (!connection || connection->auth != APP_AUTH_OAUTH2)
		return scopes;
	json_t *always =
	    json_object_get(json_object_get(connection->definition, "oauth2"), "default_scopes");
	json_array_foreach(always, i, name) add_scope(scopes, connection, json_string_value(name));
	return scopes;
}

/* Null where filling in is not all there is to do, and for types this program does not know. */
static json_t *
form_json_of(const struct catalog *catalog, const struct page_row *row)
{
	struct item_form form;

	if (!item_form_find(catalog, row->component, row->type_name, &form) ||
	    !item_form_is_all(&form))
		return json_null();
	json_auto_t *prefill = link_row_prefill(row);
	return item_form_json(&form, prefill);
}

/* What the person has to tell the provider, and which fields say where he and his secret are sent:
 * of clients that he brings along. */
static json_t *
client_json(const struct show_type *type, const char *public_url)
{
	json_t *client = json_object();
	char id[UUID_TEXT_SIZE];

	uuid_text(&type->callback_id, id);
	auto_free char *uri = xasprintf("%s/oauth/callback/%s", public_url, id);
	json_put_text(client, "redirectUri", uri);
	json_put_text(client, "authorizeField", own_client_authorize_field(type->connection));
	json_put_text(client, "tokenField", own_client_token_field(type->connection));
	return client;
}

/* Null for what is no OAuth connection; its fields are what the way to the provider needs. */
static json_t *
connect_json(const struct show_type *type, const struct page_row *row, const char *public_url)
{
	const struct app_connection *connection = type->connection;

	if (!connection || connection->auth != APP_AUTH_OAUTH2)
		return json_null();
	const struct item_form form = { .connection = connection, .fields = connection->fields };
	json_auto_t *prefill = link_row_prefill(row);
	json_t *connect = json_object();
	bool any = connection->fields && connection->fields[0].name;

	json_put_bool(connect, "available", type->available);
	json_put(connect, "fields", any ? item_form_json(&form, prefill) : json_null());
	if (type->brings_client)
		json_put(connect, "client", client_json(type, public_url));
	return connect;
}

/* ---- what has become of it ---- */

static bool
is_waiting(const struct page_row *row)
{
	return !uuid_is_nil(&row->waiting) && !is_authorized(row);
}

static json_t *
waiting_json(const struct page_row *row)
{
	const struct account before = { row->account_id, row->account_name };
	bool other =
	    account_is_other(&before, &(struct account){ row->waiting_id, row->waiting_name });
	json_t *account = json_object();
	char id[UUID_TEXT_SIZE];

	uuid_text(&row->waiting, id);
	json_put_text(account, "id", id);
	json_put_text(account, "name", row->waiting_name);
	json_put_bool(account, "other", other);
	json_put_text(account, "former", other ? row->account_name : NULL);
	return account;
}

static json_t *
account_json(const struct page_row *row)
{
	if (is_waiting(row))
		return waiting_json(row);
	if (!is_authorized(row) || !row->account_name)
		return json_null();
	json_t *account = json_object();
	json_put_text(account, "id", NULL);
	json_put_text(account, "name", row->account_name);
	json_put_bool(account, "other", false);
	json_put_text(account, "former", NULL);
	return account;
}

/* What was asked for and not granted, of the account that waits or that is connected. */
static json_t *
missing_json(const struct app_connection *connection, const struct page_row *row,
    const json_t *asked)
{
	const char *text = is_waiting(row)      ? row->waiting_scopes
			   : is_authorized(row) ? row->account_scopes
						: NULL;
	json_t *scopes = json_array(), *name;
	json_auto_t *granted = NULL;
	size_t i;

	if (!text || !connection || connection->auth != APP_AUTH_OAUTH2 ||
	    json_parse(text, strlen(text), &granted, NULL))
		return scopes;
	json_auto_t *missing = catalog_scopes_missing(connection, asked, granted);
	json_array_foreach(missing, i, name) add_scope(scopes, connection, json_string_value(name));
	return scopes;
}

static json_t *
problem_json(const struct page_row *row)
{
	const struct denial *denial =
	    row->flow_error && !is_authorized(row) ? denial_find(row->flow_error) : NULL;
	bool failed = job_failed(row);

	if (link_row_working(row) || (!denial && !failed))
		return json_null();
	json_t *problem = json_object();
	json_put_text(problem, "code",
	    denial                                ? denial->kind
	    : strcmp(row->job_state, "dead") == 0 ? "away"
						  : "refused");
	json_put_text(problem, "text", denial ? denial->text : row->job_error);
	return problem;
}

static const char *
progress_of(const struct page_row *row)
{
	if (link_row_working(row))
		return "working";
	if (is_waiting(row))
		return "confirm";
	return job_failed(row) || (row->flow_error && !is_authorized(row)) ? "failed" : NULL;
}

static void
put_state(json_t *item, const struct page_row *row)
{
	json_put_text(item, "state", row->state);
	json_put_text(item, "declineReason", row->decline_reason);
	json_put_text(item, "progress", progress_of(row));
	json_put_text(item, "error", job_failed(row) ? row->job_error : NULL);
	json_put(item, "problem", problem_json(row));
	json_put(item, "account", account_json(row));
}

static json_t *
item_json(const struct catalog *catalog, const struct page_row *row, const struct show_facts *facts)
{
	auto_show_type struct show_type type = { 0 };
	const struct app *app = catalog ? catalog_find(catalog, row->app_name, 0) : NULL;
	char id[UUID_TEXT_SIZE];
	json_t *item = json_object(), *scope = list_json(row->scope);

	show_type_find(catalog, row, &type);
	if (type.own.app)
		app = type.own.app;
	uuid_text(&row->id, id);
	json_put_text(item, "id", id);
	json_put_text(item, "component", row->component);
	json_put_text(item, "type", row->type);
	json_put_text(item, "name", row->type_name);
	json_put_text(item, "label", row->label);
	json_put_text(item, "description", row->credential_description);
	json_put_text(item, "app", row->app_name);
	json_put_text(item, "appLabel", app ? app->label : row->app_name);
	json_put_text(item, "appVersion", row->app_version);
	json_put_text(item, "nameOverride", row->name_override);
	json_put(item, "scopes", rights_json(type.connection, scope));
	json_put(item, "missing", missing_json(type.connection, row, scope));
	json_put(item, "scope", scope);
	put_state(item, row);
	json_put(item, "form", form_json_of(catalog, row));
	json_put(item, "connect", connect_json(&type, row, facts->public_url));
	return item;
}

/* ---- the whole ---- */

static json_t *
request_json_of(const struct page_link *link, const struct page_view *view)
{
	const struct page_row *row = &view->rows[0];
	char id[UUID_TEXT_SIZE];
	json_t *request = json_object(), *requester = json_object();

	uuid_text(&link->request, id);
	json_put_text(requester, "name", row->requester_name);
	json_put_text(requester, "email", row->requester_email);
	json_put_text(request, "id", id);
	json_put_text(request, "name", row->name);
	json_put(request, "requester", requester);
	if (page_view_is_other(view))
		return request;
	json_put_text(request, "description", row->description);
	json_put_text(request, "team", row->team_name);
	json_put_text(request, "organization", row->organization_name);
	json_put_time(request, "expiresAt", row->expires_at);
	json_put_text(request, "status", row->status);
	return request;
}

json_t *
show_view(const struct catalog *catalog, const struct page_link *link, const struct page_view *view,
    const struct show_facts *facts)
{
	json_t *answer = json_object(), *items = json_array();
	const struct page_row *first = &view->rows[0];

	for (size_t i = 0; i < view->n && !page_view_is_other(view); i++)
		json_array_append_new(items, item_json(catalog, &view->rows[i], facts));
	json_put_text(answer, "browser", first->browser);
	json_put(answer, "request", request_json_of(link, view));
	json_put(answer, "items", items);
	json_put_bool(answer, "delayed", facts->delayed);
	json_put_bool(answer, "canRelink",
	    facts->mails && strcmp(first->status, "authorized") != 0);
	return answer;
}
