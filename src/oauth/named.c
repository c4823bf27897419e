/* SPDX-License-Identifier: Apache-2.0 */
/* Scopes of named tokens: a definition lists them among all others, the name in front. */
#include <string.h>

#include "base/alloc.h"
#include "oauth/exchange.h"

#define SCOPES_ROOM 65000 /* bytes of JSON text: of a column of 64 KiB */

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

void
oauth_cut_scopes(json_t *scopes)
{
	size_t room = SCOPES_ROOM, n = 0;

	for (; n < json_array_size(scopes); n++) {
		const json_t *value = json_array_get(scopes, n);
		const char *scope = json_string_value(value);
		size_t len = json_string_length(value) + strlen("'',");

		for (const char *c = scope; c && *c; c++)
			len += *c == '"' || *c == '\\';
		if (len > room)
			break;
		room -= len;
	}
	while (json_array_size(scopes) > n)
		json_array_remove(scopes, n);
}
