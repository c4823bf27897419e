/* SPDX-License-Identifier: Apache-2.0 */
/* How a client proves itself to a provider (RFC 6749 section 2.3, RFC 7523). */
#include <string.h>

#include "base/alloc.h"
#include "base/crypt.h"
#include "base/jwt.h"
#include "base/secret.h"
#include "base/uuid.h"
#include "oauth/call.h"
#include "oauth/own_client.h"

#define JWT_LIFE_S 60
#define JWT_SIZE_MAX 16384
#define PAIR_MAX 16384

static enum err
need_secret(const struct oauth_making *making)
{
	const struct secret *secret = making->call->client_secret;

	if (secret && secret->len)
		return OK;
	return err_set(making->ctx, ERR_CONFIG, "", "the client registration has no secret");
}

static enum err
put(struct oauth_making *making, const char *name, const char *value)
{
	return oauth_put(making->params, making->rules, name, value, making->ctx);
}

/* ---- the ways ---- */

static enum err
prove_none(struct oauth_making *making)
{
	return put(making, "client_id", making->call->client_id);
}

static enum err
prove_body(struct oauth_making *making)
{
	enum err err = need_secret(making);

	if (!err)
		err = put(making, "client_id", making->call->client_id);
	return err ? err : put(making, "client_secret", secret_text(making->call->client_secret));
}

static void
add_header(struct oauth_making *making, const struct buf *pair)
{
	auto_wipe char *encoded = crypt_base64(buf_text(pair), pair->len);
	auto_wipe char *value = xasprintf("Basic %s", encoded);

	http_request_add_header(making->request, "Authorization", value);
}

/* Both are form-encoded first: a colon or percent sign within them would be read as something
 * else. */
enum err
oauth_add_basic(struct oauth_making *making)
{
	auto_buf struct buf pair = BUF_INIT_SECRET(PAIR_MAX);
	enum err err = need_secret(making);

	if (err)
		return err;
	oauth_add_encoded(making->call->client_id, true, &pair);
	buf_add_char(&pair, ':');
	oauth_add_encoded(secret_text(making->call->client_secret), true, &pair);
	if (pair.over)
		return err_set(making->ctx, ERR_CONFIG, "", "the client's secret is too long");
	add_header(making, &pair);
	return OK;
}

static enum err
prove_template(struct oauth_making *making)
{
	auto_buf struct buf pair = BUF_INIT_SECRET(PAIR_MAX);
	auto_wipe char *text = NULL;
	enum err err = need_secret(making);

	if (!err)
		err = oauth_worked_out(json_get_text(making->rules, "client_auth_template"),
		    making->values, making->call->now_ms, &text, making->ctx);
	if (err)
		return err;
	buf_add_text(&pair, text);
	add_header(making, &pair);
	return OK;
}

/* One text: several audiences would let one server use the assertion at another. */
static enum err
find_audience(const struct oauth_making *making, char **audience_out)
{
	const json_t *rules = making->rules;
	const char *audience = json_get_text(json_object_get(rules, "client_jwt"), "audience");

	if (!audience)
		audience = json_get_text(rules, "issuer");
	if (!audience)
		audience = json_get_text(rules, "token_url");
	return oauth_filled(audience, making->call->fields, true, audience_out, making->ctx);
}

static json_t *
make_claims(const struct oauth_making *making, const char *audience)
{
	json_t *claims = json_object();
	char id[UUID_TEXT_SIZE];
	struct uuid uuid;

	uuid_make(&uuid);
	uuid_text(&uuid, id);
	json_put_text(claims, "iss", making->call->client_id);
	json_put_text(claims, "sub", making->call->client_id);
	json_put_text(claims, "aud", audience);
	json_put_text(claims, "jti", id);
	json_put_int(claims, "iat", making->call->now_ms / 1000);
	json_put_int(claims, "exp", making->call->now_ms / 1000 + JWT_LIFE_S);
	return claims;
}

/* A key that is a JWK may say which of the client's keys it is. */
static json_t *
make_headers(const struct jwt_key *key)
{
	json_auto_t *jwk = NULL;
	json_t *headers = json_object();

	json_put_text(headers, "typ", "JWT");
	if (*key->text == '{' && json_parse(key->text, key->len, &jwk, NULL) == OK &&
	    json_get_text(jwk, "kid"))
		json_put_text(headers, "kid", json_get_text(jwk, "kid"));
	return headers;
}

static enum err
prove_jwt(struct oauth_making *making)
{
	const char *algorithm =
	    json_get_text(json_object_get(making->rules, "client_jwt"), "algorithm");
	auto_buf struct buf token = BUF_INIT_SECRET(JWT_SIZE_MAX);
	auto_free char *audience = NULL;
	enum err err = need_secret(making);

	if (!err)
		err = find_audience(making, &audience);
	if (err)
		return err;
	const struct jwt_key key = { algorithm ? algorithm : "RS256",
		secret_text(making->call->client_secret), making->call->client_secret->len };
	json_auto_t *claims = make_claims(making, audience), *headers = make_headers(&key);
	if (jwt_sign(&key, headers, claims, &token, NULL) != OK || token.over)
		return err_set(making->ctx, ERR_CONFIG, "",
		    "the client registration's secret is no private key for %s", key.algorithm);
	err = put(making, "client_assertion_type",
	    "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
	if (!err)
		err = put(making, "client_id", making->call->client_id);
	return err ? err : put(making, "client_assertion", buf_text(&token));
}

enum err
oauth_prove_client(struct oauth_making *making)
{
	static const struct {
		const char *name;
		enum err (*prove)(struct oauth_making *making);
	} ways[] = {
		{ "basic", oauth_add_basic },
		{ "body", prove_body },
		{ "none", prove_none },
		{ "private_key_jwt", prove_jwt },
		{ "basic_template", prove_template },
	};
	const struct oauth_call *call = making->call;
	const char *name = own_client_is(call->type) ? own_client_auth(call->type, call->fields)
						     : json_get_text(making->rules, "client_auth");

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (!strcmp(ways[i].name, name))
			return ways[i].prove(making);
	return ERR_INTERNAL;
}
