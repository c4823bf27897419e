/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials of mode JWT: a token signed anew for each call. */
#include "agent/jwt_token.h"

#include "base/jwt.h"

#define EXP_MOST 1e12 /* s; beyond are no times */

/* What is signed; caller owns. */
static json_t *
make_claims(const json_t *definition, int64_t now_ms)
{
	json_t *payload = json_object_get(definition, "jwt_payload");
	json_t *claims = json_is_object(payload) ? json_copy(payload) : json_object();

	if (json_get_bool(definition, "jwt_auto_generate_time_claims", false)) {
		json_put_int(claims, "iat", now_ms / 1000);
		json_put_int(claims, "exp", now_ms / 1000 + JWT_TOKEN_LIFE_S);
	}
	return claims;
}

enum err
jwt_token_make(const json_t *definition, int64_t now_ms, int margin_s, struct buf *token,
    int64_t *expires_at_out, struct errctx *ctx)
{
	json_t *text = json_object_get(definition, "jwt_private_key");
	json_auto_t *claims = make_claims(definition, now_ms), *headers = json_object();
	const struct jwt_key key = { json_get_text(definition, "jwt_algorithm"),
		json_string_value(text), json_string_length(text) };
	double exp = json_number_value(json_object_get(claims, "exp"));
	int64_t expires_at = exp > 0 && exp < EXP_MOST ? (int64_t)(exp * 1000) : 0;

	if (expires_at && expires_at - now_ms < (int64_t)margin_s * 1000)
		return err_set(ctx, ERR_VALUE, "", "the exp claim of jwt_payload has passed");
	json_put_text(headers, "typ", "JWT");
	enum err err = jwt_sign(&key, headers, claims, token, ctx);
	if (!err)
		*expires_at_out = expires_at;
	return err;
}
