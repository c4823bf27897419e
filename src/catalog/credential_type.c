/* SPDX-License-Identifier: Apache-2.0 */
/* A connection type made of a user credential's own fields. */
#include "catalog/credential_type.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/crypt.h"
#include "catalog/app_rules.h"
#include "catalog/catalog_parts.h"

#define DIGEST_SIZE 16
#define HOST_MOST 200
#define IDENTITY_MOST 65536
#define NO_TOKEN_URL "https://token.invalid/" /* leads nowhere (RFC 6761 section 6.4) */

/* All borrowed. */
struct parts {
	const char *authorize_url, *token_url, *client_id, *pkce, *client_auth;
};

bool
credential_type_is(const char *connection_type)
{
	return strncmp(connection_type, CREDENTIAL_TYPE_PREFIX,
		   sizeof(CREDENTIAL_TYPE_PREFIX) - 1) == 0;
}

bool
credential_type_fits(const json_t *definition)
{
	const char *grant = json_get_text(definition, "oauth_grant_type");

	return grant && strcmp(grant, "authorization_code") == 0;
}

void
credential_type_free(struct credential_type *type)
{
	if (type->app)
		catalog_app_free(type->app);
	json_decref(type->scopes);
	free(type->client_id);
	*type = (struct credential_type){ 0 };
}

/* ---- the definition ---- */

/* For people: where they are sent. */
static char *
host_of(const char *url)
{
	const char *host = strstr(url, "//");
	size_t len = host ? strcspn(host + 2, "/?#") : 0;

	return len ? xmemdup0(host + 2, len < HOST_MOST ? len : HOST_MOST) : xstrdup("-");
}

/* Whether a provider rotates its refresh tokens nobody says: it is taken for one that does. */
static json_t *
make_definition(const struct parts *parts)
{
	auto_free char *host = host_of(parts->authorize_url);

	return json_pack("{s:s, s:i, s:s, s:[{s:s, s:s, s:s, s:[{s:s, s:s, s:s}],"
			 " s:{s:s, s:s, s:s, s:s, s:[], s:{s:b}}, s:[s]}],"
			 " s:[{s:s, s:s, s:s, s:s}]}",
	    "name", "user-credential", "version", 1, "label", host, "connections", "type",
	    "user-credential", "label", host, "auth", "oauth2", "inject", "where", "header", "name",
	    "Authorization", "template", "Bearer <<access_token>>", "oauth2", "authorize_url",
	    parts->authorize_url, "token_url", parts->token_url, "client_auth", parts->client_auth,
	    "pkce", parts->pkce, "scopes", "rotation", "rotates", 1, "allowed_hosts",
	    "user-credential.invalid", "modules", "id", "Use", "name", "Use", "label", "Use",
	    "type", "account:user-credential");
}

/* Which field of the credential a rule has spoken of. */
static enum err
refuse(const struct errctx *inner, struct errctx *ctx)
{
	static const char *const fields[][2] = {
		{ ".authorize_url", "oauth_url" },
		{ ".token_url", "oauth_token_url" },
		{ ".oauth2", "oauthPkceCodeChallengeMethod" },
	};
	const char *path = inner->n_sub ? inner->sub[0].path : "";

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (strstr(path, fields[i][0]))
			return err_set(ctx, ERR_FIELD, fields[i][1], "%s", err_text(inner));
	return err_set(ctx, ERR_FIELD, "oauth_url", "%s", err_text(inner));
}

static enum err
make_connection(const struct parts *parts, struct credential_type *type, struct errctx *ctx)
{
	struct errctx inner = { 0 };
	json_t *definition = make_definition(parts);

	if (!definition || app_rules_check(definition, &inner)) {
		json_decref(definition);
		return refuse(&inner, ctx);
	}
	type->app = catalog_app_new(definition);
	type->connection = &type->app->connections[0];
	type->client_id = xstrdup(parts->client_id);
	return OK;
}

/* ---- the whole ---- */

/* RFC 6749 section 3.3: separated by blanks, each once. */
static json_t *
split_scopes(const char *text)
{
	json_t *scopes = json_array();

	for (size_t len; text && *text; text += len) {
		text += strspn(text, " ");
		len = strcspn(text, " ");
		auto_free char *name = xmemdup0(text, len);
		bool known = !len;

		for (size_t i = 0; i < json_array_size(scopes) && !known; i++)
			known = !strcmp(json_string_value(json_array_get(scopes, i)), name);
		if (!known)
			json_array_append_new(scopes, json_string(name));
	}
	return scopes;
}

static void
make_id(const struct parts *parts, const json_t *scopes, char id[CREDENTIAL_TYPE_SIZE])
{
	const char *const texts[] = { parts->authorize_url, parts->token_url, parts->client_id };
	auto_free char *list = json_text(scopes);
	auto_buf struct buf all = BUF_INIT(IDENTITY_MOST);
	unsigned char digest[CRYPT_SHA256_SIZE];

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		buf_add(&all, texts[i], strlen(texts[i]) + 1);
	buf_add_text(&all, list);
	crypt_sha256(buf_text(&all), all.len, digest);
	auto_free char *hex = crypt_hex(digest, DIGEST_SIZE);
	snprintf(id, CREDENTIAL_TYPE_SIZE, "%s%s", CREDENTIAL_TYPE_PREFIX, hex);
}

static const char *
client_auth(const json_t *definition)
{
	const char *method = json_get_text(definition, "oauth_token_endpoint_auth_method");
	const char *secret = json_get_text(definition, "oauth_client_secret");

	if (!secret || !*secret)
		return "none";
	return method && !strcmp(method, "client_secret_basic") ? "basic" : "body";
}

enum err
credential_type_make(const json_t *definition, struct credential_type *type_out, struct errctx *ctx)
{
	const char *pkce = json_get_text(definition, "oauthPkceCodeChallengeMethod");
	const struct parts parts = {
		.authorize_url = json_get_text(definition, "oauth_url"),
		.token_url = json_get_text(definition, "oauth_token_url"),
		.client_id = json_get_text(definition, "oauth_client_id"),
		.pkce = pkce ? pkce : "S256",
		.client_auth = client_auth(definition),
	};
	struct credential_type type = { 0 };

	if (!parts.authorize_url || !parts.token_url || !parts.client_id)
		return err_set(ctx, ERR_FIELD, "oauth_url", "is required with authorization_code");
	enum err err = make_connection(&parts, &type, ctx);
	if (err)
		return err;
	type.scopes = split_scopes(json_get_text(definition, "oauth_scope"));
	make_id(&parts, type.scopes, type.id);
	*type_out = type;
	return OK;
}

json_t *
credential_type_shown(const struct credential_type *type)
{
	const json_t *rules = json_object_get(type->connection->definition, "oauth2");
	json_t *shown = json_object();

	json_put_text(shown, "type", type->id);
	json_put_text(shown, "authorize_url", json_get_text(rules, "authorize_url"));
	json_put_text(shown, "client_id", type->client_id);
	json_put(shown, "scopes", json_incref(type->scopes));
	json_put_text(shown, "pkce", json_get_text(rules, "pkce"));
	return shown;
}

enum err
credential_type_read(const char *shown, struct credential_type *type_out, struct errctx *ctx)
{
	json_auto_t *object = NULL;
	struct credential_type type = { 0 };
	enum err err = json_parse(shown, strlen(shown), &object, ctx);
	const char *id = err ? NULL : json_get_text(object, "type");
	json_t *scopes = err ? NULL : json_object_get(object, "scopes");
	const struct parts parts = {
		.authorize_url = err ? NULL : json_get_text(object, "authorize_url"),
		.token_url = NO_TOKEN_URL,
		.client_id = err ? NULL : json_get_text(object, "client_id"),
		.pkce = err ? NULL : json_get_text(object, "pkce"),
		.client_auth = "body",
	};

	if (!id || !credential_type_is(id) || strlen(id) >= sizeof(type.id) ||
	    !json_is_array(scopes) || !parts.authorize_url || !parts.client_id || !parts.pkce ||
	    make_connection(&parts, &type, ctx)) {
		credential_type_free(&type);
		return err_set(ctx, ERR_VALUE, "", "this credential cannot be connected");
	}
	snprintf(type.id, sizeof(type.id), "%s", id);
	type.scopes = json_incref(scopes);
	*type_out = type;
	return OK;
}
