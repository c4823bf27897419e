/* SPDX-License-Identifier: Apache-2.0 */
/* Scopes of named tokens: a definition lists them among all others, the name in front. */
#include <string.h>

#include "base/alloc.h"
#include "oauth/exchange.h"

/* What stands behind "name:"; NULL when the scope is not of that token. */
static const char *
behind_name(const struct app_token *token, const char *scope)
{
	size_t len = strlen(token->name);

	return token->scoped && !strncmp(scope, token->name, len) && scope[len] == ':' &&
		       scope[len + 1]
		   ? scope + len + 1
		   : NULL;
}

static bool
is_named(const struct app_connection *type, const char *scope)
{
	for (size_t i = 0; i < type->n_tokens; i++)
		if (behind_name(&type->tokens[i], scope))
			return true;
	return false;
}

json_t *
oauth_scopes_of(const struct app_connection *type, const struct app_token *token,
    const json_t *scopes)
{
	json_t *own = json_array();

	for (size_t i = 0; i < json_array_size(scopes); i++) {
		const char *scope = json_string_value(json_array_get(scopes, i));
		const char *bare = scope && token ? behind_name(token, scope) : NULL;

		if (bare)
			json_array_append_new(own, json_string(bare));
		else if (scope && !token && !is_named(type, scope))
			json_array_append(own, json_array_get(scopes, i));
	}
	return own;
}

void
oauth_name_scopes(const struct app_token *token, const json_t *own, json_t *scopes)
{
	for (size_t i = 0; token->scoped && i < json_array_size(own); i++) {
		const char *scope = json_string_value(json_array_get(own, i));

		if (!scope)
			continue;
		auto_free char *name = xasprintf("%s:%s", token->name, scope);
		json_array_append_new(scopes, json_string(name));
	}
}
