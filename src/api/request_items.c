/* SPDX-License-Identifier: Apache-2.0 */
/* From chosen apps and modules to the credentials that have to be asked for. */
#include "api/request_items.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "catalog/key_types.h"

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
	const json_t *entry; /* of the body */
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

	snprintf(path, sizeof(path), "credentials[%zu]%s", deriving->index, member);
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
add_named(struct deriving *deriving, const char *wanted, size_t place)
{
	const struct app *app = deriving->app;
	bool all = !strcmp(wanted, "*"), found = all;
	char member[48];
	enum err err = OK;

	for (size_t i = 0; i < app->n_modules && !err; i++) {
		const struct app_module *module = &app->modules[i];

		if (!all && strcmp(module->id, wanted) != 0 && strcmp(module->name, wanted) != 0)
			continue;
		found = true;
		if (module->type)
			err = add_module(deriving, module);
	}
	snprintf(member, sizeof(member), ".appModules[%zu]", place);
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

/* Kind and label of a type, as the app's connection or the table of key types tells them. */
static void
describe(const struct app *app, struct credential_new *item)
{
	bool account = strcmp(item->component, "account") == 0;
	const struct app_connection *connection =
	    account ? catalog_connection_find(app, item->name) : NULL;
	const struct key_type *type = account ? NULL : key_type_find(item->name);

	item->type = connection ? connection->account_type : "key";
	item->label = connection ? connection->label : type ? type->label : item->name;
}

/* An empty text says as much as none. */
static const char *
given(const json_t *entry, const char *member)
{
	const char *text = json_get_text(entry, member);

	return text && *text ? text : NULL;
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
	describe(deriving->app, item);
	return OK;
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

static enum err
derive_entry(struct deriving *deriving)
{
	const json_t *wanted = json_object_get(deriving->entry, "appModules");
	enum err err = find_app(deriving);

	for (size_t i = 0; i < json_array_size(wanted) && !err; i++)
		err = add_named(deriving, json_string_value(json_array_get(wanted, i)), i);
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
			.entry = json_array_get(credentials, i),
			.index = i,
			.ctx = ctx };

		err = derive_entry(&deriving);
	}
	return err;
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
