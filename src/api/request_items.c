/* SPDX-License-Identifier: Apache-2.0 */
/* From chosen apps and modules to the credentials that have to be asked for. */
#include "api/request_items.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "catalog/item_form.h"

#define PATH_ROOM 96

/* Modules of one app that one credential serves. */
struct group {
	const char *type; /* as the module has it */
	size_t type_len;  /* up to the first comma */
	json_t *modules, *scopes;
};
#define GROUPS_MAX 32 /* kinds of credentials of one app */

struct deriving {
	const struct catalog *catalog;
	struct request_items *items;
	const char *list;    /* member of the body */
	const json_t *entry; /* of that list */
	size_t index;        /* its place */
	const struct app *app;
	struct group groups[GROUPS_MAX];
	size_t n_groups;
	struct errctx *ctx;
};

static enum err
refuse(struct deriving *deriving, enum err kind, const char *member, const char *text)
{
	char path[PATH_ROOM];

	snprintf(path, sizeof(path), "%s[%zu]%s", deriving->list, deriving->index, member);
	return err_set(deriving->ctx, kind, path, "%s", text);
}

/* ---- groups ---- */

static void
add_once(json_t *list, const char *text)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		if (!strcmp(json_string_value(json_array_get(list, i)), text))
			return;
	json_array_append_new(list, json_string(text));
}

static struct group *
find_group(struct deriving *deriving, const char *type)
{
	size_t len = strcspn(type, ",");

	for (size_t i = 0; i < deriving->n_groups; i++) {
		struct group *group = &deriving->groups[i];

		if (group->type_len == len && !memcmp(group->type, type, len))
			return group;
	}
	if (deriving->n_groups == GROUPS_MAX)
		return NULL;
	struct group *group = &deriving->groups[deriving->n_groups++];
	*group = (struct group){ type, len, json_array(), json_array() };
	return group;
}

static enum err
add_module(struct deriving *deriving, const struct app_module *module)
{
	struct group *group = find_group(deriving, module->type);

	if (!group)
		return refuse(deriving, ERR_VALUE, ".appModules",
		    "these modules need too many different credentials");
	add_once(group->modules, module->id);
	for (size_t i = 0; i < json_array_size(module->scopes); i++)
		add_once(group->scopes, json_string_value(json_array_get(module->scopes, i)));
	return OK;
}

/* By id, or by name, which stands for all of its ids. */
static enum err
add_named(struct deriving *deriving, const char *list, const char *wanted, size_t place)
{
	const struct app *app = deriving->app;
	bool all = !strcmp(wanted, "*"), found = all;
	char member[48];
	enum err err = OK;

	for (size_t i = 0; i < app->n_modules && !err; i++) {
		const struct app_module *module = &app->modules[i];

		if (all ? module->again
			: strcmp(module->id, wanted) != 0 && strcmp(module->name, wanted) != 0)
			continue;
		found = true;
		if (module->type)
			err = add_module(deriving, module);
	}
	snprintf(member, sizeof(member), ".%s[%zu]", list, place);
	return found ? err
		     : refuse(deriving, ERR_UNKNOWN_APP, member, "the app has no such module");
}

/* ---- credentials ---- */

static char *
own(struct request_items *items, char *text)
{
	items->owned[items->n_owned++] = text;
	return text;
}

/* A connection has its type for a name, and what it was asked for by besides. */
static void
name_connection(struct request_items *items, const struct app_connection *connection,
    const char *asked, struct credential_new *item)
{
	item->type = connection->account_type;
	item->name = own(items, xstrdup(connection->type));
	item->alias = catalog_alias_of(connection, asked);
}

/* Kind and label of a type, as the app's connection or the table of key types tells them. */
static void
describe(struct request_items *items, const struct app *app, struct credential_new *item)
{
	bool account = strcmp(item->component, "account") == 0;
	const struct app_connection *connection =
	    account ? catalog_connection_find(app, item->name) : NULL;
	const struct key_type *type = account ? NULL : key_type_find(item->name);

	item->type = "key";
	item->label = connection ? connection->label : type ? type->label : item->name;
	if (connection)
		name_connection(items, connection, item->name, item);
}

/* An empty text says as much as none. */
static const char *
given(const json_t *entry, const char *member)
{
	const char *text = json_get_text(entry, member);

	return text && *text ? text : NULL;
}

/* Modules are named without what the requester would have to fill in. */
static enum err
check_form(struct deriving *deriving, const struct credential_new *item)
{
	struct item_form form = { 0 };
	struct errctx inner = { 0 };

	if (!item_form_find(deriving->catalog, item->component, item->name, &form) ||
	    item_form_check_prefill(&form, NULL, "", &inner) == OK)
		return OK;
	return refuse(deriving, ERR_VALUE, ".appModules",
	    "the requester must fill in a part of this connection: create-by-credentials does it");
}

static enum err
add_credential(struct deriving *deriving, const struct group *group)
{
	struct request_items *items = deriving->items;
	const char *colon = memchr(group->type, ':', group->type_len);
	size_t skip = (size_t)(colon - group->type) + 1;

	if (items->n == REQUEST_CREDENTIALS_MAX)
		return refuse(deriving, ERR_VALUE, "", "this would ask for too many credentials");
	struct credential_new *item = &items->items[items->n++];
	*item = (struct credential_new){
		.component = skip == sizeof("account:") - 1 ? "account" : "keychain",
		.name = own(items, xmemdup0(group->type + skip, group->type_len - skip)),
		.description = given(deriving->entry, "description"),
		.scope = own(items, json_text(group->scopes)),
		.app_name = deriving->app->name,
		.app_modules = own(items, json_text(group->modules)),
		.app_version = own(items, xasprintf("%lld", (long long)deriving->app->version)),
		.name_override = given(deriving->entry, "nameOverride"),
	};
	describe(items, deriving->app, item);
	return check_form(deriving, item);
}

static enum err
find_app(struct deriving *deriving)
{
	const char *name = json_get_text(deriving->entry, "appName");
	int64_t version = json_get_int(deriving->entry, "appVersion", 0);

	deriving->app = catalog_find(deriving->catalog, name, version);
	if (deriving->app)
		return OK;
	return catalog_find(deriving->catalog, name, 0)
		   ? refuse(deriving, ERR_UNKNOWN_APP, ".appVersion", "the app has no such version")
		   : refuse(deriving, ERR_UNKNOWN_APP, ".appName", "there is no such app");
}

/* Endpoints are named and looked up as modules are. */
static enum err
add_all_named(struct deriving *deriving, const char *list)
{
	const json_t *wanted = json_object_get(deriving->entry, list);
	enum err err = OK;

	for (size_t i = 0; i < json_array_size(wanted) && !err; i++)
		err = add_named(deriving, list, json_string_value(json_array_get(wanted, i)), i);
	return err;
}

static enum err
derive_entry(struct deriving *deriving)
{
	enum err err = find_app(deriving);

	if (!err)
		err = add_all_named(deriving, "appModules");
	if (!err)
		err = add_all_named(deriving, "appEndpoints");
	if (!err && !deriving->n_groups)
		err = refuse(deriving, ERR_VALUE, ".appModules",
		    "none of these modules needs a credential");
	for (size_t i = 0; i < deriving->n_groups && !err; i++)
		err = add_credential(deriving, &deriving->groups[i]);
	for (size_t i = 0; i < deriving->n_groups; i++) {
		json_decref(deriving->groups[i].modules);
		json_decref(deriving->groups[i].scopes);
	}
	return err;
}

enum err
request_items_derive(const struct catalog *catalog, const json_t *credentials,
    struct request_items *items_out, struct errctx *ctx)
{
	enum err err = OK;

	for (size_t i = 0; i < json_array_size(credentials) && !err; i++) {
		struct deriving deriving = { .catalog = catalog,
			.items = items_out,
			.list = "credentials",
			.entry = json_array_get(credentials, i),
			.index = i,
			.ctx = ctx };

		err = derive_entry(&deriving);
	}
	return err;
}

/* ---- credentials that are named themselves ---- */

/* Of v1, which names the app as well: a number, or "latest". */
static enum err
find_given_app(struct deriving *deriving)
{
	const char *name = json_get_text(deriving->entry, "appName");
	struct errctx inner = { 0 };

	if (!catalog_find_text(deriving->catalog, name,
		json_get_text(deriving->entry, "appVersion"), &deriving->app, &inner))
		return OK;
	return catalog_find(deriving->catalog, name, 0)
		   ? refuse(deriving, ERR_UNKNOWN_APP, ".appVersion", "the app has no such version")
		   : refuse(deriving, ERR_UNKNOWN_APP, ".appName", "there is no such app");
}

static bool
has_module(const struct app *app, const char *wanted)
{
	for (size_t i = 0; i < app->n_modules; i++)
		if (!strcmp(app->modules[i].id, wanted) || !strcmp(app->modules[i].name, wanted))
			return true;
	return !strcmp(wanted, "*");
}

static enum err
check_modules(struct deriving *deriving)
{
	const json_t *wanted = json_object_get(deriving->entry, "appModules");

	for (size_t i = 0; i < json_array_size(wanted); i++) {
		char member[48];

		snprintf(member, sizeof(member), ".appModules[%zu]", i);
		if (!has_module(deriving->app, json_string_value(json_array_get(wanted, i))))
			return refuse(deriving, ERR_UNKNOWN_APP, member,
			    "the app has no such module");
	}
	return OK;
}

/* The newest app that uses keys of this type. */
static const struct app *
app_of_key(const struct catalog *catalog, const char *type)
{
	const struct app *found = NULL;

	for (size_t i = 0; i < catalog_count(catalog); i++) {
		const struct app *app = catalog_at(catalog, i);
		const json_t *keys = json_object_get(app->definition, "keys");

		for (size_t k = 0; k < json_array_size(keys); k++)
			if (!strcmp(json_string_value(json_array_get(keys, k)), type))
				found = app;
	}
	return found;
}

static char *
scopes_text(const json_t *scopes)
{
	json_auto_t *list = json_array();

	for (size_t i = 0; i < json_array_size(scopes); i++)
		add_once(list, json_string_value(json_array_get(scopes, i)));
	return json_text(list);
}

static enum err
add_prefill(struct deriving *deriving, const struct item_form *form, struct credential_new *item)
{
	json_t *prefill = json_object_get(deriving->entry, "prefill");
	char path[PATH_ROOM];

	if (json_is_null(prefill))
		prefill = NULL;
	snprintf(path, sizeof(path), "%s[%zu].prefill", deriving->list, deriving->index);
	enum err err = item_form_check_prefill(form, prefill, path, deriving->ctx);
	if (!err && prefill)
		item->prefill = own(deriving->items, json_text(prefill));
	return err;
}

/* What is asked for; the app says where it is used, and may be unknown for keys. */
static enum err
add_item(struct deriving *deriving, const struct item_form *form, const char *type)
{
	struct request_items *items = deriving->items;
	const struct app *app = deriving->app;
	const json_t *modules = json_object_get(deriving->entry, "appModules");
	const char *label = given(deriving->entry, "label");

	if (items->n == REQUEST_CREDENTIALS_MAX)
		return refuse(deriving, ERR_VALUE, "", "this would ask for too many credentials");
	struct credential_new *item = &items->items[items->n++];
	*item = (struct credential_new){
		.component = form->key ? "keychain" : "account",
		.type = "key",
		.name = type,
		.label = label       ? label
			 : form->key ? form->key->label
				     : form->connection->label,
		.description = given(deriving->entry, "description"),
		.scope = own(items, scopes_text(json_object_get(deriving->entry, "scope"))),
		.app_name = app ? app->name : type,
		.app_modules = modules ? own(items, json_text(modules)) : "[]",
		.app_version = own(items, xasprintf("%lld", (long long)(app ? app->version : 1))),
		.name_override = given(deriving->entry, "nameOverride"),
	};
	if (form->connection)
		name_connection(items, form->connection, type, item);
	return add_prefill(deriving, form, item);
}

static enum err
name_entry(struct deriving *deriving, const char *component)
{
	const char *type = json_get_text(deriving->entry, "type");
	struct item_form form = { 0 };
	enum err err = OK;

	if (!item_form_find(deriving->catalog, component, type, &form))
		return refuse(deriving, ERR_UNKNOWN_APP, ".type", "there is no such type");
	if (json_object_get(deriving->entry, "appName"))
		err = find_given_app(deriving);
	else
		deriving->app = form.key ? app_of_key(deriving->catalog, type)
					 : catalog_app_of(deriving->catalog, form.connection, type);
	if (!err && deriving->app)
		err = check_modules(deriving);
	if (!err && form.connection && !catalog_connection_find(deriving->app, type))
		err = refuse(deriving, ERR_UNKNOWN_APP, ".type",
		    "the app has no connection of this type");
	return err ? err : add_item(deriving, &form, type);
}

enum err
request_items_name(const struct catalog *catalog, const json_t *body,
    struct request_items *items_out, struct errctx *ctx)
{
	static const struct {
		const char *list, *component;
	} lists[] = { { "connections", "account" }, { "keys", "keychain" } };
	enum err err = OK;

	for (size_t k = 0; k < sizeof(lists) / sizeof(lists[0]) && !err; k++) {
		const json_t *entries = json_object_get(body, lists[k].list);

		for (size_t i = 0; i < json_array_size(entries) && !err; i++) {
			struct deriving deriving = { .catalog = catalog,
				.items = items_out,
				.list = lists[k].list,
				.entry = json_array_get(entries, i),
				.index = i,
				.ctx = ctx };

			err = name_entry(&deriving, lists[k].component);
		}
	}
	if (!err && !items_out->n)
		err = err_set(ctx, ERR_RULE, "connections",
		    "at least one connection or key must be asked for");
	return err;
}

enum err
request_items_extend(const struct catalog *catalog, const struct connection *connection,
    const json_t *scopes, struct request_items *items_out, struct errctx *ctx)
{
	const struct app_connection *type =
	    catalog_connection_type_find(catalog, connection->account_name);
	json_auto_t *have = NULL;

	if (!type)
		return err_set(ctx, ERR_UNKNOWN_APP, "connectionId",
		    "the type of this connection is not known any more");
	if (json_parse(connection->scopes, strlen(connection->scopes), &have, NULL))
		return err_set(ctx, ERR_INTERNAL, "", "the scopes of a connection are damaged");
	bool more = false;
	for (size_t i = 0; i < json_array_size(scopes); i++) {
		const char *scope = json_string_value(json_array_get(scopes, i));

		more = more || !catalog_scope_is_granted(type, have, scope);
		add_once(have, scope);
	}
	if (!more)
		return err_set(ctx, ERR_VALUE, "scopes", "the connection has all of these scopes");
	items_out->items[items_out->n++] = (struct credential_new){
		.component = "account",
		.type = type->account_type,
		.name = type->type,
		.alias = connection->alias,
		.label = type->label,
		.scope = own(items_out, json_text(have)),
		.app_name = type->app->name,
		.app_modules = "[]",
		.app_version = own(items_out, xasprintf("%lld", (long long)type->app->version)),
		.name_override = connection->name,
		.extends_id = connection->id,
	};
	return OK;
}

void
request_items_free(struct request_items **items)
{
	if (!*items)
		return;
	for (size_t i = 0; i < (*items)->n_owned; i++)
		free((*items)->owned[i]);
	free(*items);
	*items = NULL;
}
