/* SPDX-License-Identifier: Apache-2.0 */
/* What the calls that make a credential request share: fields, the person asked, the answer. */
#ifndef BAILEE_API_REQUEST_MAKE_H
#define BAILEE_API_REQUEST_MAKE_H

#include "api/request_items.h"
#include "web/router.h"

/* Rows of tables of fields. */
#define REQUEST_TEAM_FIELD                                                                         \
	{                                                                                          \
		.name = "teamId", .type = FIELD_INT, .flags = FIELD_REQUIRED, .least = 1,          \
		.most = V2_ID_MAX                                                                  \
	}
#define REQUEST_NAME_FIELD(need)                                                                   \
	{                                                                                          \
		.name = "name", .type = FIELD_TEXT, .flags = FIELD_ONE_LINE | (need), .least = 1,  \
		.most = 255                                                                        \
	}
#define REQUEST_DESCRIPTION_FIELD                                                                  \
	{                                                                                          \
		.name = "description", .type = FIELD_TEXT, .flags = FIELD_NULLABLE, .most = 512    \
	}
#define REQUEST_OVERRIDE_FIELD                                                                     \
	{                                                                                          \
		.name = "nameOverride", .type = FIELD_TEXT,                                        \
		.flags = FIELD_ONE_LINE | FIELD_NULLABLE, .most = 255                              \
	}
#define REQUEST_PROVIDER_FIELD                                                                     \
	{                                                                                          \
		.name = "provider", .type = FIELD_OBJECT, .flags = FIELD_REQUIRED,                 \
		.fields = request_provider_fields                                                  \
	}
#define REQUEST_LIST_FIELD(list, need, at_most, row)                                               \
	{                                                                                          \
		.name = (list), .type = FIELD_ARRAY, .flags = (need), .least = (need) ? 1 : 0,     \
		.most = (at_most), .element = &(row)                                               \
	}
extern const struct field_spec request_provider_fields[];
extern const struct field_spec request_module_field; /* one of appModules, appEndpoints */
extern const struct field_spec request_scope_field;  /* one of scope, scopes */

#define REQUEST_DEFAULT_NAME "Request for credentials"

/* Make the request that a checked body describes (teamId, name, description, provider; without a
 * provider the caller himself is asked) and its items, which have been derived already. */
enum err request_make(struct ctx *ctx, const json_t *object, const struct request_items *items,
    struct request_made *made_out) MUSTCHECK;

/* {request, publicUri}. Caller owns. */
json_t *request_made_json(const struct ctx *ctx, const struct request_made *made);

#endif
