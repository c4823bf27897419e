/* SPDX-License-Identifier: Apache-2.0 */
/* What the fields of a mode must be together: keys that fit, URLs, what AWS knows by its form. */
#include "user_credential_rules.h"

#include <ctype.h>
#include <string.h>

#include "agent/rules.h"
#include "base/jwt.h"
#include "base/pem.h"
#include "base/uuid.h"
#include "catalog/credential_type.h"

/* A member that is needed because of another one. */
static enum err
need(const json_t *definition, const char *name, const char *because, struct errctx *ctx)
{
	if (json_get_text(definition, name))
		return OK;
	return err_set(ctx, ERR_FIELD, name, "is required %s", because);
}

/* The words of another check, said of a field. */
static enum err
refuse(const char *name, const struct errctx *inner, struct errctx *ctx)
{
	return err_set(ctx, ERR_FIELD, name, "%s", err_text(inner));
}

/* ---- JWT ---- */

enum err
credential_jwt_settle(json_t *definition, json_t *shown, struct errctx *ctx)
{
	json_t *text = json_object_get(definition, "jwt_private_key");
	const struct jwt_key key = { json_get_text(definition, "jwt_algorithm"),
		json_string_value(text), json_string_length(text) };
	struct errctx inner = { 0 };

	(void)shown;
	if (!jwt_key_check(&key, &inner))
		return OK;
	return refuse(!strcmp(inner.sub[0].path, "algorithm") ? "jwt_algorithm" : "jwt_private_key",
	    &inner, ctx);
}

/* ---- OAUTH ---- */

static enum err
check_url(const json_t *definition, const char *name, struct errctx *ctx)
{
	const json_t *url = json_object_get(definition, name);
	const char *fault = json_is_string(url) ? agent_url_fault(json_string_value(url),
						      json_string_length(url), true)
						: NULL;

	return fault ? err_set(ctx, ERR_FIELD, name, "%s", fault) : OK;
}

/* What is left out: no address for a person means that there is none. */
static void
default_grant(json_t *definition)
{
	const char *url = json_get_text(definition, "oauth_url");

	if (url && !*url) {
		json_object_del(definition, "oauth_url");
		url = NULL;
	}
	if (!json_get_text(definition, "oauth_grant_type"))
		json_put_text(definition, "oauth_grant_type",
		    url ? "authorization_code" : "client_credentials");
}

enum err
credential_oauth_settle(json_t *definition, json_t *shown, struct errctx *ctx)
{
	default_grant(definition);
	bool by_person = credential_type_fits(definition);
	auto_credential_type struct credential_type type = { 0 };
	enum err err = check_url(definition, "oauth_url", ctx);

	if (!err)
		err = check_url(definition, "oauth_token_url", ctx);
	if (!err && by_person)
		err = need(definition, "oauth_url", "with authorization_code", ctx);
	/* a client that a person authorizes may be a public one, with PKCE in place of a secret */
	if (!err && (!by_person || !json_get_text(definition, "oauthPkceCodeChallengeMethod")))
		err = need(definition, "oauth_client_secret",
		    by_person ? "without PKCE" : "with client_credentials", ctx);
	if (err || !by_person)
		return err;
	err = credential_type_make(definition, &type, ctx);
	if (!err)
		json_put(shown, "connect", credential_type_shown(&type));
	return err;
}

/* ---- AWS ---- */

/* Services that speak as AWS does have access keys and roles of their own forms, so that only what
 * a signature cannot carry is refused: its header separates parts by these. */
static bool
is_visible(const char *text, size_t most, const char *without)
{
	size_t len = strlen(text);

	for (size_t i = 0; i < len; i++)
		if (!isgraph((unsigned char)text[i]) || strchr(without, text[i]))
			return false;
	return len <= most;
}

static enum err
settle_keys(const json_t *definition, const char *because, struct errctx *ctx)
{
	enum err err = need(definition, "aws_access_key", because, ctx);

	if (!err)
		err = need(definition, "aws_secret_key", because, ctx);
	if (!err && !is_visible(json_get_text(definition, "aws_access_key"), 128, "/,="))
		err = err_set(ctx, ERR_FIELD, "aws_access_key",
		    "must be at most 128 visible ASCII characters other than / , and =");
	return err;
}

/* What a role is assumed with besides keys: an id that its trust policy can ask for. */
static void
settle_external_id(json_t *definition)
{
	char text[UUID_TEXT_SIZE];
	struct uuid id;

	if (!json_get_bool(definition, "use_static_external_id", false)) {
		json_object_del(definition, "aws_external_id");
		return;
	}
	if (json_get_text(definition, "aws_external_id"))
		return;
	uuid_make(&id);
	uuid_text(&id, text);
	json_put_text(definition, "aws_external_id", text);
}

static enum err
settle_role(json_t *definition, struct errctx *ctx)
{
	bool has_keys = json_get_text(definition, "aws_access_key") ||
			json_get_text(definition, "aws_secret_key");
	enum err err = need(definition, "aws_assumed_role_arn", "with ROLE", ctx);

	if (!err && !is_visible(json_get_text(definition, "aws_assumed_role_arn"), 2048, ""))
		err = err_set(ctx, ERR_FIELD, "aws_assumed_role_arn",
		    "must be the ARN of a role, such as arn:aws:iam::123456789012:role/name");
	/* without keys the role is assumed as the profile of the instance */
	if (!err && has_keys)
		err = settle_keys(definition, "beside the other key", ctx);
	settle_external_id(definition);
	return err;
}

enum err
credential_aws_settle(json_t *definition, json_t *shown, struct errctx *ctx)
{
	const char *type = json_get_text(definition, "aws_authentication_type");
	bool role = type && !strcmp(type, "ROLE");
	enum err err = OK;

	if (role)
		err = settle_role(definition, ctx);
	else if (type && !strcmp(type, "KEY"))
		err = settle_keys(definition, "with KEY", ctx);
	json_put_text(shown, "aws_authentication_type", type);
	json_put_text(shown, "aws_assumed_role_external_id",
	    role ? json_get_text(definition, "aws_external_id") : NULL);
	return err;
}

/* ---- MTLS ---- */

enum err
credential_mtls_settle(json_t *definition, json_t *shown, struct errctx *ctx)
{
	static const char *const names[] = { "mtls_client_certificate", "mtls_client_private_key",
		"mtls_root_certificate" };
	const char *certificate = json_get_text(definition, names[0]);
	const char *key = json_get_text(definition, names[1]);
	const char *root = json_get_text(definition, names[2]);
	struct errctx inner = { 0 };

	(void)shown;
	if (pem_certificate_check(certificate ? certificate : "", &inner))
		return refuse(names[0], &inner, ctx);
	if (pem_pair_check(certificate, key ? key : "", NULL, &inner))
		return refuse(names[1], &inner, ctx);
	if (root && pem_certificate_check(root, &inner))
		return refuse(names[2], &inner, ctx);
	return OK;
}
