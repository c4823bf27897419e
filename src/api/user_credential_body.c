/* SPDX-License-Identifier: Apache-2.0 */
/* From the JSON body of a user credential to a checked change of the store. */
#include "api/user_credential_body.h"

#include <stdio.h>
#include <string.h>

#include "api/user_credential_modes.h"
#include "base/clock.h"
#include "net/allowed_hosts.h"
#include "web/fields.h"

#define HOSTS_MAX 100
#define METADATA_MAX 200
#define COLUMN_MAX 65535 /* bytes of a TEXT column */

/* ---- fields ---- */

static const char *const read_access_names[] = { "TEAM", "GLOBAL", "SPECIFIC_TEAMS", NULL };
static const struct field_spec slug_spec = { .type = FIELD_TEXT, .least = 1, .most = 255 };
static const struct field_spec host_spec = { .type = FIELD_TEXT,
	.least = 1,
	.most = ALLOWED_HOSTS_PATTERN_MAX };

static const struct field_spec common_fields[] = {
	{ .name = "name", .type = FIELD_TEXT, .flags = FIELD_ONE_LINE, .least = 1, .most = 255 },
	{ .name = "team_id",
	    .type = FIELD_INT,
	    .flags = FIELD_DIGITS,
	    .least = 1,
	    .most = UINT32_MAX },
	{ .name = "folder_id",
	    .type = FIELD_INT,
	    .flags = FIELD_DIGITS | FIELD_NULLABLE,
	    .least = 1,
	    .most = UINT32_MAX },
	{ .name = "read_access",
	    .type = FIELD_ENUM,
	    .flags = FIELD_NULLABLE,
	    .names = read_access_names },
	{ .name = "shared_team_slugs",
	    .type = FIELD_ARRAY,
	    .flags = FIELD_NULLABLE,
	    .most = SHARED_TEAMS_MAX,
	    .element = &slug_spec },
	{ .name = "description", .type = FIELD_TEXT, .flags = FIELD_NULLABLE, .most = COLUMN_MAX },
	{ .name = "allowed_hosts",
	    .type = FIELD_ARRAY,
	    .flags = FIELD_NULLABLE,
	    .most = HOSTS_MAX,
	    .element = &host_spec },
	{ .name = "metadata", .type = FIELD_OBJECT, .flags = FIELD_NULLABLE, .most = METADATA_MAX },
	{ .name = "expires_at", .type = FIELD_TEXT, .flags = FIELD_NULLABLE, .most = 64 },
	{ .name = NULL },
};

/* ---- what a table of fields cannot say ---- */

static bool
require(const json_t *object, const char *name, struct errctx *ctx)
{
	json_t *value = json_object_get(object, name);

	if (value && !json_is_null(value))
		return true;
	(void)err_set(ctx, ERR_FIELD, name, "is required");
	return false;
}

/* Whether the table of fields has found fault with it already. */
static bool
is_faulty(const char *name, const struct errctx *ctx)
{
	size_t len = strlen(name);

	for (unsigned i = 0; i < ctx->n_sub; i++) {
		const char *path = ctx->sub[i].path;

		if (!strncmp(path, name, len) && (!path[len] || strchr(".[", path[len])))
			return true;
	}
	return false;
}

/* The column's text of a JSON value; false when it does not fit. */
static bool
fit_column(const json_t *value, const char *name, char **text_out, struct errctx *ctx)
{
	*text_out = json_text(value);
	if (strlen(*text_out) <= COLUMN_MAX)
		return true;
	(void)err_set(ctx, ERR_FIELD, name, "must have at most %d bytes in all", COLUMN_MAX);
	return false;
}

static bool
take_hosts(const json_t *object, struct user_credential_body *body, struct errctx *ctx)
{
	json_t *given = json_object_get(object, "allowed_hosts");
	json_auto_t *none = json_array();
	json_t *host;
	bool ok = true;
	size_t i;

	if (!given)
		return true;
	json_array_foreach(given, i, host)
	{
		struct errctx inner = { 0 };
		char path[64];

		snprintf(path, sizeof(path), "allowed_hosts[%zu]", i);
		if (!allowed_hosts_check(json_string_value(host), &inner))
			continue;
		(void)err_set(ctx, ERR_FIELD, path, "%s", err_text(&inner));
		ok = false;
	}
	if (!fit_column(json_is_null(given) ? none : given, "allowed_hosts", &body->allowed_hosts,
		ctx))
		ok = false;
	body->change.allowed_hosts = body->allowed_hosts;
	return ok;
}

static bool
take_metadata(const json_t *object, struct user_credential_body *body, struct errctx *ctx)
{
	json_t *given = json_object_get(object, "metadata");
	json_auto_t *none = json_object();
	const char *key;
	json_t *value;
	bool ok = true;

	if (!given)
		return true;
	json_object_foreach(given, key, value)
	{
		char path[ERR_PATH_MAX];

		if (json_is_string(value))
			continue;
		snprintf(path, sizeof(path), "metadata.%s", key);
		(void)err_set(ctx, ERR_FIELD, path, "must be a text");
		ok = false;
	}
	if (!fit_column(json_is_null(given) ? none : given, "metadata", &body->metadata, ctx))
		ok = false;
	body->change.metadata = body->metadata;
	return ok;
}

static bool
take_description(const json_t *object, struct user_credential_change *change, struct errctx *ctx)
{
	const json_t *given = json_object_get(object, "description");

	if (!given)
		return true;
	change->description = json_is_null(given) ? "" : json_string_value(given);
	if (strlen(change->description) <= COLUMN_MAX)
		return true;
	(void)err_set(ctx, ERR_FIELD, "description", "must have at most %d bytes", COLUMN_MAX);
	return false;
}

static bool
take_expiry(const json_t *object, struct user_credential_change *change, struct errctx *ctx)
{
	const json_t *given = json_object_get(object, "expires_at");

	change->expires_said = given != NULL;
	if (!json_is_string(given) ||
	    clock_parse_iso(json_string_value(given), &change->expires_at) == OK)
		return true;
	(void)err_set(ctx, ERR_FIELD, "expires_at",
	    "must be an ISO 8601 time, such as 2030-01-31T12:00:00Z");
	return false;
}

/* Members whose type is right already. */
static void
take_plain(const json_t *object, struct user_credential_change *change)
{
	json_t *slugs = json_object_get(object, "shared_team_slugs");

	change->name = json_get_text(object, "name");
	change->team_id = json_get_int(object, "team_id", 0);
	change->folder_said = json_object_get(object, "folder_id") != NULL;
	change->folder_id = json_get_int(object, "folder_id", 0);
	change->read_access = json_get_text(object, "read_access");
	change->shared_team_slugs = json_is_array(slugs) ? slugs : NULL;
}

/* ---- the whole ---- */

/* The mode decides which fields there are, so a wrong one ends the check of the mode's own. */
static bool
take_mode(json_t *object, enum body_use use, struct user_credential_body *body, struct errctx *ctx)
{
	const struct credential_mode *mode = NULL;

	if (json_object_get(object, "mode") || use != BODY_PATCH) {
		if (use != BODY_PATCH && !require(object, "mode", ctx))
			return false;
		mode = credential_mode_find(json_object_get(object, "mode"), ctx);
		if (!mode)
			return false;
		body->change.mode = credential_mode_name(mode);
	}
	return credential_mode_take(mode, object, use == BODY_CREATE, body->definition,
	    &body->change, ctx);
}

static bool
take_common(json_t *object, enum body_use use, struct user_credential_body *body,
    struct errctx *ctx)
{
	bool ok = !fields_check(object, common_fields, true, "", ctx);

	if (use == BODY_CREATE) {
		ok = require(object, "name", ctx) && ok;
		ok = require(object, "team_id", ctx) && ok;
	}
	/* each field is said to be wrong, once */
	if (!is_faulty("allowed_hosts", ctx))
		ok = take_hosts(object, body, ctx) && ok;
	if (!is_faulty("metadata", ctx))
		ok = take_metadata(object, body, ctx) && ok;
	if (!is_faulty("description", ctx))
		ok = take_description(object, &body->change, ctx) && ok;
	if (!is_faulty("expires_at", ctx))
		ok = take_expiry(object, &body->change, ctx) && ok;
	if (ok)
		take_plain(object, &body->change);
	return ok;
}

enum err
user_credential_body_read(json_t *object, enum body_use use, struct user_credential_body *body_out,
    struct errctx *ctx)
{
	struct user_credential_body body = { .definition = json_object() };
	bool ok = take_common(object, use, &body, ctx);

	body.change.ttl_said = use == BODY_REPLACE; /* not said on PUT is null */
	ok = take_mode(object, use, &body, ctx) && ok;
	if (!ok) {
		user_credential_body_free(&body);
		ctx->kind = ERR_FIELD; /* whatever the first check called it */
		return ERR_FIELD;
	}
	body.change.definition = body.definition;
	body.change.settle = credential_mode_settle;
	*body_out = body;
	return OK;
}

void
user_credential_body_free(struct user_credential_body *body)
{
	json_decref(body->definition);
	free(body->allowed_hosts);
	free(body->metadata);
	*body = (struct user_credential_body){ 0 };
}
