/* SPDX-License-Identifier: Apache-2.0 */
/* Named tokens of a connection: the rules between their members, and the definitions they are made
 * and read with. */
#include <string.h>

#include "base/alloc.h"
#include "catalog/app_parts.h"
#include "catalog/catalog_parts.h"

/* ---- rules ---- */

static bool
is_derived(const json_t *token)
{
	return !strcmp(json_get_text(token, "from"), "refresh_token");
}

/* "user:search" is a scope of the token "user". */
static bool
has_scopes(const json_t *oauth, const char *name)
{
	const json_t *scopes = json_object_get(oauth, "scopes");
	size_t len = strlen(name);

	for (size_t i = 0; i < json_array_size(scopes); i++) {
		const char *scope = json_get_text(json_array_get(scopes, i), "name");

		if (!strncmp(scope, name, len) && scope[len] == ':' && scope[len + 1])
			return true;
	}
	return false;
}

static enum err
check_derived(const json_t *oauth, const json_t *token, const char *path, struct errctx *ctx)
{
	const char *source = json_get_text(oauth, "refresh_source");

	if (json_get_bool(json_object_get(oauth, "rotation"), "rotates", false) ||
	    (source && strcmp(source, "refresh_token") != 0))
		return err_set(ctx, ERR_CONFIG, path,
		    "needs a refresh token that stays when it is spent");
	if (json_object_get(token, "response_map") || json_object_get(token, "scope_param"))
		return err_set(ctx, ERR_CONFIG, path,
		    "has response_map or scope_param, though no answer to a code brings it");
	if (json_get_bool(token, "alone", false))
		return err_set(ctx, ERR_CONFIG, path,
		    "cannot be alone: it is obtained with the main refresh token");
	if (!json_object_get(token, "refresh_params") && !json_object_get(token, "resource"))
		return err_set(ctx, ERR_CONFIG, path,
		    "must have refresh_params or resource: else it is the main one again");
	return OK;
}

static enum err
check_answered(const json_t *oauth, const json_t *token, const char *path, struct errctx *ctx)
{
	const char *param = json_get_text(token, "scope_param");
	const char *usual = json_get_text(oauth, "scope_param");
	bool scoped = has_scopes(oauth, json_get_text(token, "name"));

	if (!json_object_get(json_object_get(token, "response_map"), "access_token"))
		return err_set(ctx, ERR_CONFIG, path,
		    "must have a response_map with access_token: where the answer has it");
	if (param && !strcmp(param, usual ? usual : "scope"))
		return err_set(ctx, ERR_CONFIG, path, "has the scope_param of the main token");
	if (scoped != (param != NULL))
		return err_set(ctx, ERR_CONFIG, path,
		    "must have a scope_param when there are scopes of its name, and only then");
	return OK;
}

static enum err
check_calls(const json_t *connection, const json_t *token, const char *path, struct errctx *ctx)
{
	static const char *const known[] = { "client_id", "client_secret", "nonce", "refresh_token",
		NULL };
	json_t *params = json_object_get(token, "refresh_params"), *value;
	enum err err = app_url_check(connection, json_get_text(token, "resource"), NULL, path, ctx);
	const char *name;

	json_object_foreach(params, name, value)
	{
		if (!err)
			err = app_formula_check(connection, json_string_value(value), known, path,
			    ctx);
	}
	return err;
}

enum err
app_tokens_check(const json_t *connection, const char *path, struct errctx *ctx)
{
	const json_t *oauth = json_object_get(connection, "oauth2");
	const json_t *tokens = json_object_get(oauth, "tokens");
	const char *source = json_get_text(oauth, "refresh_source");
	enum err err = OK;

	if (tokens && source && !strcmp(source, "client"))
		return err_set(ctx, ERR_CONFIG, path,
		    "has tokens, which nobody gives to the client alone");
	for (size_t i = 0; i < json_array_size(tokens) && !err; i++) {
		const json_t *token = json_array_get(tokens, i);
		const char *name = json_get_text(token, "name");
		char inner[APP_PATH_ROOM];

		app_path(inner, "%s.tokens[%zu]", path, i);
		bool taken = !strcmp(name, CATALOG_MAIN_TOKEN);
		for (size_t k = 0; k < i && !taken; k++)
			taken = !strcmp(json_get_text(json_array_get(tokens, k), "name"), name);
		if (taken)
			return err_set(ctx, ERR_CONFIG, inner, "has the name of another token");
		err = is_derived(token) ? check_derived(oauth, token, inner, ctx)
					: check_answered(oauth, token, inner, ctx);
		if (!err)
			err = check_calls(connection, token, inner, ctx);
	}
	return err;
}

/* ---- definitions ---- */

/* What the token has of its own, in the place of what the connection has. */
static json_t *
own_rules(const json_t *oauth, const json_t *token)
{
	static const char *const mains[] = { "tokens", "answer_fields", "test_fields",
		"post_exchange", NULL };
	static const struct {
		const char *own, *instead_of;
	} members[] = {
		{ "refresh_map", "response_map" },
		{ "refresh_params", "refresh_params" },
		{ "resource", "resource" },
		{ "scope_param", "scope_param" },
	};
	union {
		const json_t *borrowed;
		json_t *copied; /* jansson copies writable objects only */
	} tree = { .borrowed = oauth };
	json_t *rules = json_copy(tree.copied);

	for (size_t i = 0; mains[i]; i++)
		(void)json_object_del(rules, mains[i]);
	if (is_derived(token)) /* the scopes that were granted are the main one's */
		(void)json_object_del(rules, "refresh_scopes");
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		json_t *own = json_object_get(token, members[i].own);

		if (own)
			json_put(rules, members[i].instead_of, json_incref(own));
	}
	return rules;
}

/* What the map does not name must not be found where the main token has it. */
static json_t *
first_rules(const json_t *own, const json_t *token)
{
	static const char *const members[] = { "access_token", "refresh_token", "expires", "scope",
		"token_type", "account", NULL };
	union {
		const json_t *borrowed;
		json_t *copied;
	} tree = { .borrowed = own };
	const json_t *map = json_object_get(token, "response_map");
	json_t *rules = json_copy(tree.copied), *strict = json_object();

	for (size_t i = 0; members[i]; i++) {
		json_t *paths = json_object_get(map, members[i]);

		json_put(strict, members[i], paths ? json_incref(paths) : json_array());
	}
	json_put(rules, "response_map", strict);
	return rules;
}

/* The connection with these rules, which it takes over. */
static const struct app_connection *
with_rules(const struct app_connection *connection, json_t *rules)
{
	union {
		const json_t *borrowed;
		json_t *copied;
	} tree = { .borrowed = connection->definition };
	struct app_connection *copy = xmalloc(sizeof(*copy));
	json_t *definition = json_copy(tree.copied);

	json_put(definition, "oauth2", rules);
	*copy = *connection;
	copy->definition = definition;
	copy->tokens = NULL;
	copy->n_tokens = 0;
	return copy;
}

void
catalog_tokens_read(struct app_connection *connection)
{
	const json_t *oauth = json_object_get(connection->definition, "oauth2");
	const json_t *rows = json_object_get(oauth, "tokens");
	size_t n = json_array_size(rows);

	if (!n)
		return;
	struct app_token *tokens = xcalloc(n, sizeof(*tokens));
	for (size_t i = 0; i < n; i++) {
		const json_t *row = json_array_get(rows, i);
		json_t *rules = own_rules(oauth, row);

		tokens[i] = (struct app_token){
			.name = json_get_text(row, "name"),
			.required = json_get_bool(row, "required", false),
			.alone = json_get_bool(row, "alone", false),
			.derived = is_derived(row),
			.scoped = json_object_get(row, "scope_param") != NULL,
			.first = is_derived(row) ? NULL
						 : with_rules(connection, first_rules(rules, row)),
		};
		tokens[i].own = with_rules(connection, rules);
	}
	connection->tokens = tokens;
	connection->n_tokens = n;
}

static void
free_definition(const struct app_connection *connection)
{
	if (connection)
		json_decref((json_t *)(uintptr_t)connection->definition);
	free((void *)(uintptr_t)connection);
}

void
catalog_tokens_free(struct app_connection *connection)
{
	for (size_t i = 0; i < connection->n_tokens; i++) {
		free_definition(connection->tokens[i].first);
		free_definition(connection->tokens[i].own);
	}
	free((void *)(uintptr_t)connection->tokens);
	connection->tokens = NULL;
	connection->n_tokens = 0;
}

const struct app_token *
catalog_token_find(const struct app_connection *connection, const char *name)
{
	for (size_t i = 0; i < connection->n_tokens; i++)
		if (!strcmp(connection->tokens[i].name, name))
			return &connection->tokens[i];
	return NULL;
}
