/* SPDX-License-Identifier: Apache-2.0 */
/* Checking an app definition by its table, and its modules. */
#include "catalog/app_rules.h"

#include <stdio.h>
#include <string.h>

#include "catalog/app_parts.h"

/* ---- going by the table ---- */

static enum err check_value(const struct app_rule *rule, json_t *value, const char *path,
    struct errctx *ctx);

static enum err
check_text(const struct app_rule *rule, const json_t *value, const char *path, struct errctx *ctx)
{
	const char *text = json_string_value(value);

	if (!text)
		return err_set(ctx, ERR_CONFIG, path, "must be text");
	int64_t len = (int64_t)strlen(text);
	if (len < rule->least || len > rule->most || len != (int64_t)json_string_length(value))
		return err_set(ctx, ERR_CONFIG, path, "must have %lld to %lld bytes",
		    (long long)rule->least, (long long)rule->most);
	if (!rule->text->fits(text))
		return err_set(ctx, ERR_CONFIG, path, "must be %s", rule->text->expected);
	return OK;
}

static enum err
check_choice(const struct app_rule *rule, const json_t *value, const char *path, struct errctx *ctx)
{
	const char *text = json_string_value(value);

	for (const char *const *choice = rule->choices; text && *choice; choice++)
		if (!strcmp(*choice, text))
			return OK;
	return err_set(ctx, ERR_CONFIG, path, "must be one of the texts that are known here");
}

static enum err
check_bool(const json_t *value, bool scalar, const char *path, struct errctx *ctx)
{
	if (json_is_boolean(value) || (scalar && (json_is_string(value) || json_is_integer(value))))
		return OK;
	return err_set(ctx, ERR_CONFIG, path,
	    scalar ? "must be text, a whole number, true or false" : "must be true or false");
}

static enum err
check_int(const struct app_rule *rule, const json_t *value, const char *path, struct errctx *ctx)
{
	if (!json_is_integer(value) || json_integer_value(value) < rule->least ||
	    json_integer_value(value) > rule->most)
		return err_set(ctx, ERR_CONFIG, path, "must be a whole number from %lld to %lld",
		    (long long)rule->least, (long long)rule->most);
	return OK;
}

static enum err
check_array(const struct app_rule *rule, json_t *value, const char *path, struct errctx *ctx)
{
	size_t n = json_array_size(value);
	enum err err = OK;

	if (!json_is_array(value))
		return err_set(ctx, ERR_CONFIG, path, "must be an array");
	if ((int64_t)n < rule->least || (int64_t)n > rule->most)
		return err_set(ctx, ERR_CONFIG, path, "must have %lld to %lld elements",
		    (long long)rule->least, (long long)rule->most);
	for (size_t i = 0; i < n && !err; i++) {
		char inner[APP_PATH_ROOM];

		snprintf(inner, sizeof(inner), "%s[%zu]", path, i);
		err = check_value(rule->element, json_array_get(value, i), inner, ctx);
	}
	return err;
}

static const struct app_rule *
find_rule(const struct app_rule *rules, const char *name)
{
	for (; rules->name; rules++)
		if (!strcmp(rules->name, name))
			return rules;
	return NULL;
}

static enum err
check_members(const struct app_rule *rules, json_t *object, const char *path, struct errctx *ctx)
{
	const char *name;
	json_t *value;

	if (!json_is_object(object))
		return err_set(ctx, ERR_CONFIG, path, "must be an object");
	for (const struct app_rule *rule = rules; rule->name; rule++)
		if (rule->required && !json_object_get(object, rule->name))
			return err_set(ctx, ERR_CONFIG, path, "lacks the member \"%s\"",
			    rule->name);
	json_object_foreach(object, name, value)
	{
		const struct app_rule *rule = find_rule(rules, name);
		char inner[APP_PATH_ROOM];

		snprintf(inner, sizeof(inner), "%s.%s", path, name);
		enum err err = rule ? check_value(rule, value, inner, ctx)
				    : err_set(ctx, ERR_CONFIG, inner, "is no known member");
		if (err)
			return err;
	}
	return OK;
}

static enum err
check_map(const struct app_rule *rule, json_t *map, const char *path, struct errctx *ctx)
{
	const char *name;
	json_t *value;

	if (!json_is_object(map))
		return err_set(ctx, ERR_CONFIG, path, "must be an object");
	if ((int64_t)json_object_size(map) > rule->most)
		return err_set(ctx, ERR_CONFIG, path, "must have at most %lld members",
		    (long long)rule->most);
	json_object_foreach(map, name, value)
	{
		char inner[APP_PATH_ROOM];

		snprintf(inner, sizeof(inner), "%s.%s", path, name);
		if (!*name || !app_text_header.fits(name)) /* parameters and headers alike */
			return err_set(ctx, ERR_CONFIG, inner, "cannot be a name");
		enum err err = check_value(rule->element, value, inner, ctx);
		if (err)
			return err;
	}
	return OK;
}

static enum err
check_value(const struct app_rule *rule, json_t *value, const char *path, struct errctx *ctx)
{
	switch (rule->value) {
	case APP_TEXT:
		return check_text(rule, value, path, ctx);
	case APP_CHOICE:
		return check_choice(rule, value, path, ctx);
	case APP_BOOL:
		return check_bool(value, false, path, ctx);
	case APP_SCALAR:
		return check_bool(value, true, path, ctx);
	case APP_MAP:
		return check_map(rule, value, path, ctx);
	case APP_INT:
		return check_int(rule, value, path, ctx);
	case APP_ARRAY:
		return check_array(rule, value, path, ctx);
	case APP_OBJECT:
		return check_members(rule->members, value, path, ctx);
	}
	return ERR_INTERNAL;
}

/* ---- rules between members ---- */

bool
app_lists(const json_t *list, const char *member, const char *text, size_t len)
{
	size_t i;
	json_t *element;

	json_array_foreach(list, i, element)
	{
		const char *have =
		    member ? json_get_text(element, member) : json_string_value(element);

		if (have && strlen(have) == len && !memcmp(have, text, len))
			return true;
	}
	return false;
}

static bool
is_connection(const json_t *definition, const char *type, size_t len)
{
	return app_lists(json_object_get(definition, "connections"), "type", type, len) ||
	       app_lists(json_object_get(definition, "uses"), NULL, type, len);
}

/* "account:google,google-restricted" names connections, "keychain:basicauth" keys; both as this
 * file lists them. */
static enum err
check_module_type(const json_t *definition, const char *type, const char *path, struct errctx *ctx)
{
	const char *colon = strchr(type, ':');
	size_t len = colon ? (size_t)(colon - type) : 0;
	bool account = len == 7 && !memcmp(type, "account", 7);
	bool keychain = len == 8 && !memcmp(type, "keychain", 8);

	if (!account && !keychain)
		return err_set(ctx, ERR_CONFIG, path,
		    "must be \"account:<connection>\" or \"keychain:<key type>\"");
	for (const char *name = colon + 1;;) {
		size_t n = strcspn(name, ",");
		bool known = account
				 ? is_connection(definition, name, n)
				 : app_lists(json_object_get(definition, "keys"), NULL, name, n);

		if (!known)
			return err_set(ctx, ERR_CONFIG, path, "names something that is not in %s",
			    account ? "connections or uses" : "keys");
		if (!name[n])
			return OK;
		name += n + 1;
	}
}

static bool
is_id_of(const char *id, const char *name)
{
	size_t len = strlen(name);

	return !strncmp(id, name, len) && (!id[len] || (id[len] == ':' && id[len + 1]));
}

/* Every id of the file once; `seen` has those before. */
static enum err
check_id(json_t *seen, const char *id, const char *path, struct errctx *ctx)
{
	if (json_object_get(seen, id))
		return err_set(ctx, ERR_CONFIG, path, "is used by another module");
	json_put_bool(seen, id, true);
	return OK;
}

static enum err
check_ids(const json_t *modules, struct errctx *ctx)
{
	json_auto_t *seen = json_object();
	char path[APP_PATH_ROOM];
	enum err err = OK;

	for (size_t i = 0; i < json_array_size(modules) && !err; i++) {
		const json_t *row = json_array_get(modules, i);
		const json_t *ids = json_object_get(row, "aliases");

		snprintf(path, sizeof(path), "$.modules[%zu].id", i);
		if (!is_id_of(json_get_text(row, "id"), json_get_text(row, "name")))
			return err_set(ctx, ERR_CONFIG, path,
			    "must be the name, alone or with :parameter behind");
		err = check_id(seen, json_get_text(row, "id"), path, ctx);
		for (size_t k = 0; k < json_array_size(ids) && !err; k++) {
			snprintf(path, sizeof(path), "$.modules[%zu].aliases[%zu]", i, k);
			err = check_id(seen, json_string_value(json_array_get(ids, k)), path, ctx);
		}
	}
	return err;
}

static enum err
check_modules(const json_t *definition, struct errctx *ctx)
{
	const json_t *modules = json_object_get(definition, "modules");
	enum err err = check_ids(modules, ctx);

	for (size_t i = 0; i < json_array_size(modules) && !err; i++) {
		const char *type = json_get_text(json_array_get(modules, i), "type");
		char path[APP_PATH_ROOM];

		snprintf(path, sizeof(path), "$.modules[%zu].type", i);
		err = type ? check_module_type(definition, type, path, ctx) : OK;
	}
	return err;
}

enum err
app_rules_check(json_t *definition, struct errctx *ctx)
{
	enum err err = check_members(app_rules, definition, "$", ctx);

	if (!err)
		err = app_connections_check(definition, ctx);
	return err ? err : check_modules(definition, ctx);
}
