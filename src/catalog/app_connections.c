/* SPDX-License-Identifier: Apache-2.0 */
/* The rules between the members of a connection, and what its templates may name. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "catalog/app_parts.h"
#include "catalog/expression.h"
#include "catalog/fill.h"

#define SCOPED(path, ...)                                                                          \
	char path[APP_PATH_ROOM];                                                                  \
	app_path(path, __VA_ARGS__)

/* Members beside the fields in what callers send to make a connection. */
static const char *const beside_fields[] = { "accountName", "accountType", "scopes", NULL };

void
app_path(char out[APP_PATH_ROOM], const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(out, APP_PATH_ROOM, fmt, args);
	va_end(args);
}

static bool
is_one_of(const char *const *names, const char *name, size_t len)
{
	for (; names && *names; names++)
		if (strlen(*names) == len && !memcmp(*names, name, len))
			return true;
	return false;
}

const json_t *
app_named(const json_t *list, const char *name)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		if (!strcmp(json_get_text(json_array_get(list, i), "name"), name))
			return json_array_get(list, i);
	return NULL;
}

static const json_t *
find_named(const json_t *list, const char *name, size_t len)
{
	size_t i;
	json_t *field;

	json_array_foreach(list, i, field)
	{
		const char *have = json_get_text(field, "name");

		if (strlen(have) == len && !memcmp(have, name, len))
			return field;
	}
	return NULL;
}

/* Of the form, or of what an authorization brings along. */
static const json_t *
find_field(const json_t *connection, const char *name, size_t len)
{
	const json_t *oauth = json_object_get(connection, "oauth2");
	const json_t *found = find_named(json_object_get(connection, "fields"), name, len);

	if (!found)
		found = find_named(json_object_get(oauth, "callback_fields"), name, len);
	return found ? found : find_named(json_object_get(oauth, "answer_fields"), name, len);
}

static bool
is_secret(const json_t *field)
{
	const char *type = json_get_text(field, "type");

	return type && !strcmp(type, "password");
}

/* "access_token", or with a dot and the name of a required one behind. */
static bool
is_token(const json_t *connection, const char *name, size_t len)
{
	static const char main_token[] = "access_token";
	const json_t *oauth = json_object_get(connection, "oauth2");
	size_t own = sizeof(main_token); /* with the dot */

	if (!oauth || len < own - 1 || strncmp(name, main_token, own - 1) != 0)
		return false;
	if (len == own - 1)
		return true;
	const json_t *token = name[own - 1] == '.' ? find_named(json_object_get(oauth, "tokens"),
							 name + own, len - own)
						   : NULL;
	return json_get_bool(token, "required", false);
}

enum err
app_name_check(const char *name, const char *path, struct errctx *ctx)
{
	if (expression_is_reserved(name) || is_one_of(beside_fields, name, strlen(name)))
		return err_set(ctx, ERR_CONFIG, path, "has a name that stands for something else");
	return OK;
}

static enum err
check_names(const json_t *connection, const char *text, const char *const *more, bool tokens,
    const char *path, struct errctx *ctx)
{
	const char *name;
	size_t len = 0;

	while (text && (name = fill_next(&text, &len)))
		if (!is_one_of(more, name, len) && !find_field(connection, name, len) &&
		    !(tokens && is_token(connection, name, len)))
			return err_set(ctx, ERR_CONFIG, path, "names <<%.*s>>, which is no field%s",
			    (int)len, name, tokens ? " and no token that is always there" : "");
	return OK;
}

enum err
app_template_check(const json_t *connection, const char *text, const char *const *more,
    const char *path, struct errctx *ctx)
{
	return check_names(connection, text, more, false, path, ctx);
}

enum err
app_carried_check(const json_t *connection, const char *text, const char *path, struct errctx *ctx)
{
	return check_names(connection, text, NULL, true, path, ctx);
}

enum err
app_formula_check(const json_t *connection, const char *text, const char *const *more,
    const char *path, struct errctx *ctx)
{
	json_auto_t *names = json_array();
	enum err err = expression_names(text, names, path, ctx);

	for (size_t i = 0; i < json_array_size(names) && !err; i++) {
		const char *name = json_string_value(json_array_get(names, i));
		size_t len = strlen(name);

		if (!is_one_of(more, name, len) && !find_field(connection, name, len))
			err = err_set(ctx, ERR_CONFIG, path, "names %s, which %s", name,
			    expression_is_reserved(name) ? "is not known here" : "is no field");
	}
	return err;
}

enum err
app_shown_check(const json_t *connection, const char *text, const char *const *more,
    const char *path, struct errctx *ctx)
{
	enum err err = app_template_check(connection, text, more, path, ctx);
	const char *name;
	size_t len = 0;

	while (!err && text && (name = fill_next(&text, &len))) {
		const json_t *field = find_field(connection, name, len);

		if (field && is_secret(field))
			err = err_set(ctx, ERR_CONFIG, path, "has a secret in it: <<%.*s>>",
			    (int)len, name);
	}
	return err;
}

/* What a person fills in must not choose where the secrets of others go: this is his own alone. */
static enum err
check_alone(const json_t *connection, const char *url, const char *path, struct errctx *ctx)
{
	const json_t *oauth = json_object_get(connection, "oauth2");
	size_t len = 0;
	const char *name = fill_next(&url, &len);
	const json_t *field = find_named(json_object_get(connection, "fields"), name, len);
	const char *type = field ? json_get_text(field, "type") : NULL;

	if (!type || strcmp(type, "url") != 0 || !json_get_bool(field, "required", false))
		return err_set(ctx, ERR_CONFIG, path,
		    "is <<%.*s>> alone, which is no required field of the type url", (int)len,
		    name);
	if (!json_object_get(oauth, "client"))
		return err_set(ctx, ERR_CONFIG, path,
		    "is a field alone, which only is for clients that come from fields as well");
	return OK;
}

enum err
app_url_check(const json_t *connection, const char *url, const char *const *more, const char *path,
    struct errctx *ctx)
{
	enum err err = app_shown_check(connection, url, more, path, ctx);
	const char *at = url, *name;
	size_t len = 0;

	if (err || !url)
		return err;
	if (fill_is_alone(url))
		return check_alone(connection, url, path, ctx);
	const char *host = strstr(url, "//") + 2, *end = host + strcspn(host, "/?");
	while ((name = fill_next(&at, &len))) {
		const json_t *field = find_field(connection, name, len);

		if (name < end && !json_object_get(field, "pattern") &&
		    !json_object_get(field, "options"))
			return err_set(ctx, ERR_CONFIG, path,
			    "has <<%.*s>> in its host, a field without pattern or options",
			    (int)len, name);
	}
	return OK;
}

/* ---- fields ---- */

static enum err
check_default(const json_t *field, const char *path, struct errctx *ctx)
{
	const char *initial = json_get_text(field, "default");
	const char *type = json_get_text(field, "type");

	if (!initial)
		return OK;
	if (json_get_bool(field, "required", false) || is_secret(field))
		return err_set(ctx, ERR_CONFIG, path,
		    "has a default, which required fields and secrets do not");
	if (!strcmp(type, "select") &&
	    !app_lists(json_object_get(field, "options"), "value", initial, strlen(initial)))
		return err_set(ctx, ERR_CONFIG, path, "has a default that is none of its options");
	if (!strcmp(type, "boolean") && strcmp(initial, "true") != 0 &&
	    strcmp(initial, "false") != 0)
		return err_set(ctx, ERR_CONFIG, path, "must have the default true or false");
	return OK;
}

static enum err
check_field(const json_t *fields, size_t at, const char *path, struct errctx *ctx)
{
	const json_t *field = json_array_get(fields, at);
	const char *name = json_get_text(field, "name"), *type = json_get_text(field, "type");
	bool select = !strcmp(type, "select");

	if (app_name_check(name, path, ctx))
		return ERR_CONFIG;
	for (size_t i = 0; i < at; i++)
		if (!strcmp(json_get_text(json_array_get(fields, i), "name"), name))
			return err_set(ctx, ERR_CONFIG, path, "has the name of another field");
	if (json_get_bool(field, "requester", false) && is_secret(field))
		return err_set(ctx, ERR_CONFIG, path, "is a secret, which no requester fills in");
	if (select != (json_object_get(field, "options") != NULL))
		return err_set(ctx, ERR_CONFIG, path,
		    "must have options when it is a select, and only then");
	if (json_object_get(field, "pattern") && (select || !strcmp(type, "boolean")))
		return err_set(ctx, ERR_CONFIG, path, "has a pattern, which only text can have");
	return check_default(field, path, ctx);
}

static enum err
check_fields(const json_t *connection, const char *path, struct errctx *ctx)
{
	const json_t *fields = json_object_get(connection, "fields");
	enum err err = OK;

	for (size_t i = 0; i < json_array_size(fields) && !err; i++) {
		SCOPED(inner, "%s.fields[%zu]", path, i);
		err = check_field(fields, i, inner, ctx);
	}
	return err;
}

/* ---- what calls carry ---- */

static enum err
check_inject(const json_t *connection, const json_t *inject, const char *path, struct errctx *ctx)
{
	const char *template = json_get_text(inject, "template");
	bool basic = !strcmp(json_get_text(inject, "where"), "basic");

	if (basic == (json_object_get(inject, "name") != NULL))
		return err_set(ctx, ERR_CONFIG, path,
		    basic ? "has a name, which basic does not use" : "lacks the member \"name\"");
	if (basic && !strchr(template, ':'))
		return err_set(ctx, ERR_CONFIG, path, "must have a template user:password");
	return app_carried_check(connection, template, path, ctx);
}

/* Does `pattern` ("*.name", name) cover the host as it is written? */
static bool
covers(const char *pattern, const char *host, size_t len)
{
	if (strncmp(pattern, "*.", 2) != 0)
		return strlen(pattern) == len && !memcmp(pattern, host, len);
	size_t end = strlen(pattern) - 1; /* ".name" */
	return len > end && !memcmp(pattern + 1, host + len - end, end);
}

static bool
is_allowed(const json_t *connection, const char *url)
{
	const char *host = strstr(url, "//") + 2;
	size_t len = strcspn(host, "/?"), i;
	json_t *pattern;

	json_array_foreach(json_object_get(connection, "allowed_hosts"), i, pattern)
	{
		if (covers(json_string_value(pattern), host, len))
			return true;
	}
	return false;
}

static enum err
check_test(const json_t *connection, const char *path, struct errctx *ctx)
{
	const json_t *test = json_object_get(connection, "test");
	const char *url = json_get_text(test, "url"), *name;
	json_t *value;
	SCOPED(where, "%s.test.url", path);
	enum err err = app_url_check(connection, url, NULL, where, ctx);

	if (!test && (json_object_get(connection, "account_name") ||
			 json_object_get(connection, "account_id")))
		return err_set(ctx, ERR_CONFIG, path, "names an account but has no test");
	if (!err && test && !is_allowed(connection, url))
		err = err_set(ctx, ERR_CONFIG, where, "must be on one of allowed_hosts");
	json_object_foreach(json_object_get(test, "headers"), name, value)
	{
		SCOPED(inner, "%s.test.headers.%s", path, name);
		if (!err)
			err = app_carried_check(connection, json_string_value(value), inner, ctx);
	}
	return err;
}

static enum err
check_calls(const json_t *connection, const char *path, struct errctx *ctx)
{
	const json_t *inject = json_object_get(connection, "inject");
	const json_t *hosts = json_object_get(connection, "allowed_hosts");
	enum err err = OK;

	for (size_t i = 0; i < json_array_size(inject) && !err; i++) {
		SCOPED(inner, "%s.inject[%zu]", path, i);
		err = check_inject(connection, json_array_get(inject, i), inner, ctx);
	}
	for (size_t i = 0; i < json_array_size(hosts) && !err; i++) {
		SCOPED(inner, "%s.allowed_hosts[%zu]", path, i);
		err = app_template_check(connection, json_string_value(json_array_get(hosts, i)),
		    NULL, inner, ctx);
	}
	return err ? err : check_test(connection, path, ctx);
}

/* ---- connections ---- */

static enum err
check_connection(const json_t *connection, const char *path, struct errctx *ctx)
{
	bool oauth = !strcmp(json_get_text(connection, "auth"), "oauth2");
	enum err err = OK;

	if (oauth != (json_object_get(connection, "oauth2") != NULL))
		return err_set(ctx, ERR_CONFIG, path,
		    "must have the member \"oauth2\" when auth is oauth2, and only then");
	if (!oauth && !json_object_get(connection, "fields"))
		return err_set(ctx, ERR_CONFIG, path, "lacks the member \"fields\"");
	err = check_fields(connection, path, ctx);
	if (!err)
		err = check_calls(connection, path, ctx);
	return err || !oauth ? err : app_oauth_check(connection, path, ctx);
}

enum err
app_connections_check(const json_t *definition, struct errctx *ctx)
{
	const json_t *connections = json_object_get(definition, "connections");
	enum err err = OK;

	for (size_t i = 0; i < json_array_size(connections) && !err; i++) {
		const json_t *connection = json_array_get(connections, i);
		const char *type = json_get_text(connection, "type");
		SCOPED(path, "$.connections[%zu]", i);

		for (size_t k = 0; k < i; k++)
			if (!strcmp(json_get_text(json_array_get(connections, k), "type"), type))
				return err_set(ctx, ERR_CONFIG, path,
				    "has the type of another connection");
		if (app_lists(json_object_get(definition, "uses"), NULL, type, strlen(type)))
			return err_set(ctx, ERR_CONFIG, path, "is in \"uses\" too");
		err = check_connection(connection, path, ctx);
	}
	return err;
}
