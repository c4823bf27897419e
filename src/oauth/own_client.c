/* SPDX-License-Identifier: Apache-2.0 */
/* Clients that a person brings along, by the fields that the definition names. */
#include "oauth/own_client.h"

#include <string.h>

#include "base/alloc.h"
#include "catalog/fill.h"
#include "catalog/web_url.h"
#include "oauth/oauth_parts.h"

static const char *
field_of(const struct app_connection *type, const char *member)
{
	return json_get_text(json_object_get(oauth_rules(type), "client"), member);
}

static const char *
value_of(const struct app_connection *type, const json_t *fields, const char *member)
{
	const char *name = field_of(type, member);
	const char *value = name ? json_get_text(fields, name) : NULL;

	return value && *value ? value : NULL;
}

bool
own_client_is(const struct app_connection *type)
{
	return field_of(type, "id") != NULL;
}

const char *
own_client_id(const struct app_connection *type, const json_t *fields)
{
	return value_of(type, fields, "id");
}

const char *
own_client_secret(const struct app_connection *type, const json_t *fields)
{
	return value_of(type, fields, "secret");
}

const char *
own_client_auth(const struct app_connection *type, const json_t *fields)
{
	const char *way = value_of(type, fields, "auth");

	if (!own_client_secret(type, fields))
		return "none";
	return way ? way : json_get_text(oauth_rules(type), "client_auth");
}

/* ---- where it goes ---- */

static const char *
field_alone(const struct app_connection *type, const char *member)
{
	const char *url = json_get_text(oauth_rules(type), member);
	const struct form_field *field = type->fields;

	if (!url || !fill_is_alone(url) || !field)
		return NULL;
	size_t len = strlen(url) - strlen("<<>>");
	while (field->name && (strlen(field->name) != len || memcmp(field->name, url + 2, len)))
		field++;
	return field->name;
}

const char *
own_client_authorize_field(const struct app_connection *type)
{
	return field_alone(type, "authorize_url");
}

const char *
own_client_token_field(const struct app_connection *type)
{
	return field_alone(type, "token_url");
}

char *
own_client_host(const struct app_connection *type, const json_t *fields)
{
	const char *field = own_client_token_field(type);
	const char *url = field ? json_get_text(fields, field) : NULL;

	return url ? web_url_host(url) : NULL;
}
