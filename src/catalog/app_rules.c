/* SPDX-License-Identifier: Apache-2.0 */
/* What an app definition may hold: one table of its members, and the rules between them. */
#include "catalog/app_rules.h"

#include <stdio.h>
#include <string.h>

#include "catalog/key_types.h"

#define LIST_MAX 2000
#define PATH_ROOM 160

/* ---- single texts ---- */

static bool
consists_of(const char *text, const char *allowed)
{
	return strspn(text, allowed) == strlen(text);
}

static bool
is_app_name(const char *text)
{
	return consists_of(text, "abcdefghijklmnopqrstuvwxyz0123456789-_#");
}

static bool
is_identifier(const char *text)
{
	return consists_of(text,
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");
}

static bool
is_module_id(const char *text)
{
	return *text != ':' &&
	       consists_of(text,
		   "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_:");
}

static bool
is_key_type(const char *text)
{
	return key_type_find(text) != NULL;
}

static bool
is_auth_kind(const char *text)
{
	return !strcmp(text, "basic") || !strcmp(text, "oauth");
}

static bool
is_plain(const char *text)
{
	for (const unsigned char *c = (const unsigned char *)text; *c; c++)
		if (*c < 0x20 || *c == 0x7f)
			return false;
	return true;
}

/* ---- the table ---- */

#define NAMED(member, need, most_bytes, test, words)                                               \
	{                                                                                          \
		.name = (member), .value = APP_TEXT, .required = (need), .least = 1,               \
		.most = (most_bytes), .fits = (test), .expected = (words)                          \
	}
#define LISTED(member, need, at_least, row)                                                        \
	{                                                                                          \
		.name = (member), .value = APP_ARRAY, .required = (need), .least = (at_least),     \
		.most = LIST_MAX, .element = (row)                                                 \
	}
#define END                                                                                        \
	{                                                                                          \
		.name = NULL                                                                       \
	}
#define WORDS(member, need, most_bytes)                                                            \
	NAMED(member, need, most_bytes, is_plain, "without control characters")

static const struct app_rule scope = WORDS("scope", true, 512);

static const struct app_rule connection_members[] = {
	NAMED("type", true, 64, is_identifier, "letters, digits, - and _"),
	WORDS("label", true, 255),
	NAMED("auth", true, 16, is_auth_kind, "\"basic\" or \"oauth\""),
	END,
};
static const struct app_rule connection = { .name = "connection",
	.value = APP_OBJECT,
	.members = connection_members };

static const struct app_rule key = NAMED("key", true, 64, is_key_type, "the name of a key type");

static const struct app_rule module_members[] = {
	NAMED("id", true, 255, is_module_id, "letters, digits, -, _ and : within"),
	NAMED("name", true, 128, is_identifier, "letters, digits, - and _"),
	WORDS("label", true, 255),
	WORDS("type", false, 255),
	LISTED("scope", false, 1, &scope),
	NAMED("hook", false, 128, is_identifier, "letters, digits, - and _"),
	END,
};
static const struct app_rule module = { .name = "module",
	.value = APP_OBJECT,
	.members = module_members };

const struct app_rule app_rules[] = {
	NAMED("name", true, 128, is_app_name, "lower-case letters, digits, -, _ and #"),
	{ .name = "version", .value = APP_INT, .required = true, .least = 1, .most = 9999 },
	WORDS("label", true, 255),
	WORDS("description", false, 1024),
	LISTED("connections", false, 0, &connection),
	LISTED("keys", false, 0, &key),
	LISTED("modules", true, 1, &module),
	END,
};

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
	if (!rule->fits(text))
		return err_set(ctx, ERR_CONFIG, path, "must be %s", rule->expected);
	return OK;
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
		char inner[PATH_ROOM];

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
		char inner[PATH_ROOM];

		snprintf(inner, sizeof(inner), "%s.%s", path, name);
		enum err err = rule ? check_value(rule, value, inner, ctx)
				    : err_set(ctx, ERR_CONFIG, inner, "is no known member");
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

/* Does `list` hold, as itself or as member `key`, exactly these `len` bytes? */
static bool
lists(const json_t *list, const char *member, const char *text, size_t len)
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

/* "account:google,google-restricted" names connections, "keychain:basicauth" keys of this file. */
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
		bool known =
		    account ? lists(json_object_get(definition, "connections"), "type", name, n)
			    : lists(json_object_get(definition, "keys"), NULL, name, n);

		if (!known)
			return err_set(ctx, ERR_CONFIG, path,
			    "names something that is not in \"%s\"",
			    account ? "connections" : "keys");
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

static enum err
check_modules(const json_t *definition, struct errctx *ctx)
{
	const json_t *modules = json_object_get(definition, "modules");
	enum err err = OK;

	for (size_t i = 0; i < json_array_size(modules) && !err; i++) {
		const json_t *row = json_array_get(modules, i);
		const char *type = json_get_text(row, "type");
		char path[PATH_ROOM];

		snprintf(path, sizeof(path), "$.modules[%zu].id", i);
		if (!is_id_of(json_get_text(row, "id"), json_get_text(row, "name")))
			return err_set(ctx, ERR_CONFIG, path,
			    "must be the name, alone or with :parameter behind");
		for (size_t k = 0; k < i; k++)
			if (!strcmp(json_get_text(row, "id"),
				json_get_text(json_array_get(modules, k), "id")))
				return err_set(ctx, ERR_CONFIG, path, "is used by another module");
		snprintf(path, sizeof(path), "$.modules[%zu].type", i);
		err = type ? check_module_type(definition, type, path, ctx) : OK;
	}
	return err;
}

enum err
app_rules_check(json_t *definition, struct errctx *ctx)
{
	enum err err = check_members(app_rules, definition, "$", ctx);

	return err ? err : check_modules(definition, ctx);
}
