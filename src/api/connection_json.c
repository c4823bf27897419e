/* SPDX-License-Identifier: Apache-2.0 */
/* Connections as answers show them. */
#include "api/connection_json.h"

#include <string.h>

#include "api/shared.h"

#define THEME "#5b6b7b" /* colour that clients show; definitions have none of their own */

bool
connection_is_oauth(const struct connection *connection)
{
	return strcmp(connection->account_type, "oauth") == 0;
}

static json_t *
metadata_json(const struct connection *connection)
{
	if (!connection->metadata_value)
		return json_null();
	json_t *json = json_object();
	json_put_text(json, "value", connection->metadata_value);
	json_put_text(json, "type", connection->metadata_type);
	return json;
}

static json_t *
granted_json(const struct connection *connection, const json_t *scopes)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < json_array_size(scopes); i++) {
		json_t *row = json_object();
		json_put_text(row, "id", json_string_value(json_array_get(scopes, i)));
		json_put_text(row, "account", connection_called(connection));
		json_array_append_new(rows, row);
	}
	return rows;
}

json_t *
connection_json(const struct connection *connection)
{
	json_auto_t *scopes = api_stored_json(connection->scopes);
	json_t *json = json_object();

	json_put_int(json, "id", connection->id);
	json_put_text(json, "name", connection->name);
	json_put_text(json, "accountName", connection_called(connection));
	json_put_text(json, "accountLabel", connection->account_label);
	json_put_text(json, "packageName", connection->package_name);
	json_put_time(json, "expire", connection->expires_at);
	json_put(json, "metadata", metadata_json(connection));
	json_put_int(json, "teamId", connection->team_id);
	json_put_text(json, "theme", THEME);
	json_put_bool(json, "upgradeable", connection_is_oauth(connection));
	json_put_int(json, "scopesCnt", (json_int_t)json_array_size(scopes));
	json_put_bool(json, "scoped", true);
	json_put_text(json, "accountType", connection->account_type);
	json_put_bool(json, "editable", !connection_is_oauth(connection));
	json_put_text(json, "uid", connection->uid);
	/* for systems behind an agent in somebody's own network, which there are none of */
	json_put(json, "connectedSystemId", json_null());
	json_put_int(json, "organizationId", connection->organization_id);
	json_put(json, "scopes", granted_json(connection, scopes));
	return json;
}

json_t *
connection_detail_json(const struct connection *connection)
{
	json_t *json = connection_json(connection);

	json_put(json, "tokens",
	    connection->tokens ? api_stored_json(connection->tokens) : json_array());
	return json;
}
