/* SPDX-License-Identifier: Apache-2.0 */
/* Scopes: their words for people, and whether what a provider granted holds what was asked for. */
#include <string.h>
#include <strings.h>

#include "catalog/catalog.h"

/* The row of a scope in the definition, or NULL. */
static const json_t *
find_row(const struct app_connection *connection, const char *scope)
{
	const json_t *oauth2 =
	    connection ? json_object_get(connection->definition, "oauth2") : NULL;
	const json_t *scopes = json_object_get(oauth2, "scopes");
	size_t i;
	json_t *row;

	json_array_foreach(scopes, i, row)
	{
		if (!strcmp(json_get_text(row, "name"), scope))
			return row;
	}
	return NULL;
}

const char *
catalog_scope_words(const struct app_connection *connection, const char *scope)
{
	return json_get_text(find_row(connection, scope), "words");
}

/* ---- what was granted ---- */

/* Whether `longer` is `name` with the address of its service before it, as Microsoft writes
 * scopes in one place and not in another: https://graph.microsoft.com/User.Read. */
static bool
is_qualified(const char *longer, const char *name)
{
	size_t len = strlen(longer), own = strlen(name);

	return own > 0 && len > own && longer[len - own - 1] == '/' && strstr(longer, "://") &&
	       !strcasecmp(longer + len - own, name);
}

static bool
holds(const json_t *granted, const char *name)
{
	size_t i;
	json_t *one;

	json_array_foreach(granted, i, one)
	{
		const char *text = json_string_value(one);

		if (text && (!strcasecmp(text, name) || is_qualified(text, name) ||
				is_qualified(name, text)))
			return true;
	}
	return false;
}

bool
catalog_scope_is_granted(const struct app_connection *connection, const json_t *granted,
    const char *name)
{
	const json_t *within = json_object_get(find_row(connection, name), "within");
	size_t i;
	json_t *wider;

	if (holds(granted, name))
		return true;
	json_array_foreach(within, i, wider)
	{
		if (holds(granted, json_string_value(wider)))
			return true;
	}
	return false;
}

/* Asks for a refresh token and gives no right (OpenID Connect Core 11); many providers do not name
 * it in their answer. */
static bool
is_no_right(const char *name)
{
	return !strcmp(name, "offline_access");
}

/* A provider that answers in names of its own says nothing about what was asked for. */
static bool
speaks_our_names(const struct app_connection *connection, const json_t *asked,
    const json_t *granted)
{
	size_t i;
	json_t *one;

	json_array_foreach(granted, i, one)
	{
		const char *text = json_string_value(one);

		if (text && find_row(connection, text))
			return true;
	}
	json_array_foreach(asked, i, one)
	{
		const char *text = json_string_value(one);

		if (text && catalog_scope_is_granted(connection, granted, text))
			return true;
	}
	return json_array_size(granted) == 0;
}

json_t *
catalog_scopes_missing(const struct app_connection *connection, const json_t *asked,
    const json_t *granted)
{
	json_t *missing = json_array(), *one;
	size_t i;

	if (!speaks_our_names(connection, asked, granted))
		return missing;
	json_array_foreach(asked, i, one)
	{
		const char *text = json_string_value(one);

		if (text && !is_no_right(text) &&
		    !catalog_scope_is_granted(connection, granted, text))
			json_array_append(missing, one);
	}
	return missing;
}
