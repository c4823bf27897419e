/* SPDX-License-Identifier: Apache-2.0 */
/* Digests, signatures and chance. */
#include <string.h>

#include "base/crypt.h"
#include "base/json.h"
#include "base/jwt.h"
#include "base/secret.h"
#include "base/uuid.h"
#include "formula/call.h"

#define RANDOM_MAX 1024
#define SIGN_COST ((size_t)1024 * 1024) /* a signature takes milliseconds */

/* Bytes as argument `i` says: "hex" (when there is none), "base64", "base64url" or "raw". */
static enum err
give_encoded(const struct formula_call *call, size_t i, const unsigned char *bytes, size_t len,
    struct value *out)
{
	static const struct {
		const char *name;
		char *(*encode)(const void *data, size_t len);
	} encodings[] = { { "hex", crypt_hex }, { "base64", crypt_base64 },
		{ "base64url", crypt_base64url }, { "raw", NULL } };
	bool named = i < call->n_args && call->args[i].kind != VALUE_NULL;
	const char *name = !named                             ? "hex"
			   : call->args[i].kind == VALUE_TEXT ? call->args[i].text
							      : "";

	for (size_t k = 0; k < sizeof(encodings) / sizeof(encodings[0]); k++) {
		if (strcasecmp(encodings[k].name, name) != 0)
			continue;
		if (encodings[k].encode == NULL)
			return call_give_bytes(call, bytes, len, out);
		auto_wipe char *text = encodings[k].encode(bytes, len);
		return call_give_bytes(call, text, strlen(text), out);
	}
	return eval_fail(call->eval, call->node->items[i],
	    "%s gives \"hex\", \"base64\", \"base64url\" or \"raw\"", call->node->function->name);
}

static enum err
digest(const struct formula_call *call, enum crypt_hash hash, struct value *out)
{
	auto_buf struct buf text = CALL_BUF;
	unsigned char bytes[CRYPT_HASH_MOST];
	enum err err = call_text(call, 0, &text);

	if (err != OK)
		return err;
	size_t len = crypt_hash(hash, buf_text(&text), text.len, bytes);
	err = give_encoded(call, 1, bytes, len, out);
	explicit_bzero(bytes, sizeof(bytes));
	return err;
}

enum err
formula_fn_md5(const struct formula_call *call, struct value *out)
{
	return digest(call, CRYPT_MD5, out);
}

enum err
formula_fn_sha1(const struct formula_call *call, struct value *out)
{
	return digest(call, CRYPT_SHA1, out);
}

enum err
formula_fn_sha256(const struct formula_call *call, struct value *out)
{
	return digest(call, CRYPT_SHA256, out);
}

enum err
formula_fn_sha512(const struct formula_call *call, struct value *out)
{
	return digest(call, CRYPT_SHA512, out);
}

static enum err
hmac(const struct formula_call *call, enum crypt_hash hash, struct value *out)
{
	auto_buf struct buf text = CALL_BUF, key = CALL_BUF;
	unsigned char bytes[CRYPT_HASH_MOST];
	enum err err = call_text(call, 0, &text);

	if (err == OK)
		err = call_text(call, 1, &key);
	if (err != OK)
		return err;
	size_t len = crypt_hmac(hash, buf_text(&key), key.len, buf_text(&text), text.len, bytes);
	err = give_encoded(call, 2, bytes, len, out);
	explicit_bzero(bytes, sizeof(bytes));
	return err;
}

enum err
formula_fn_hmac_sha1(const struct formula_call *call, struct value *out)
{
	return hmac(call, CRYPT_SHA1, out);
}

enum err
formula_fn_hmac_sha256(const struct formula_call *call, struct value *out)
{
	return hmac(call, CRYPT_SHA256, out);
}

/* Argument i as an object: one already, or the text of one. NULL when there is none. */
static enum err
call_object(const struct formula_call *call, size_t i, json_t **object_out)
{
	const struct value *value = &call->args[i];
	json_t *json = NULL;

	if (value->kind == VALUE_NULL)
		return OK;
	if (value->kind == VALUE_JSON && json_is_object(value->json))
		json = json_incref(value->json);
	else if (value->kind == VALUE_TEXT)
		(void)!json_parse(value->text, value->len, &json, NULL);
	if (json_is_object(json)) {
		*object_out = json;
		return eval_spend_json(call->eval, call->node, value_json_cost(json));
	}
	json_decref(json);
	return call_fail_arg(call, i, "an object");
}

/* Where the parts of jwt_sign()'s errors stand among the arguments. */
static size_t
argument_of(const char *part)
{
	static const char *const parts[] = { "claims", "key", "algorithm", "headers" };
	size_t i = 0;

	while (i < 3 && strcmp(parts[i], part) != 0)
		i++;
	return i;
}

static enum err
sign(const struct formula_call *call, const struct jwt_key *key, const json_t *claims,
    const json_t *headers, struct value *out)
{
	auto_buf struct buf token = CALL_BUF;
	struct errctx inner = { 0 };

	if (jwt_sign(key, headers, claims, &token, &inner) == OK)
		return call_give_text(call, &token, out);
	size_t i = argument_of(inner.sub[0].path);
	return eval_fail(call->eval, call->node->items[i < call->n_args ? i : 0],
	    "JWT_SIGN: the %s %s", inner.sub[0].path, err_text(&inner));
}

enum err
formula_fn_jwt_sign(const struct formula_call *call, struct value *out)
{
	json_auto_t *claims = NULL, *headers = NULL;
	auto_buf struct buf key = CALL_BUF, algorithm = BUF_INIT_SECRET(VALUE_TEXT_MAX);
	enum err err = eval_spend_json(call->eval, call->node, SIGN_COST);

	if (err == OK && call->args[0].kind == VALUE_NULL)
		err = call_fail_arg(call, 0, "an object");
	if (err == OK)
		err = call_object(call, 0, &claims);
	if (err == OK)
		err = call_text(call, 1, &key);
	if (err == OK && call->n_args > 2)
		err = call_text(call, 2, &algorithm);
	if (err == OK && call->n_args > 3)
		err = call_object(call, 3, &headers);
	if (err != OK)
		return err;
	const struct jwt_key with = { .algorithm = algorithm.len > 0 ? algorithm.data : "RS256",
		.text = buf_text(&key),
		.len = key.len };
	return sign(call, &with, claims, headers, out);
}

enum err
formula_fn_uuid(const struct formula_call *call, struct value *out)
{
	struct uuid uuid;
	char text[UUID_TEXT_SIZE];

	uuid_make(&uuid);
	uuid_text(&uuid, text);
	return call_give_bytes(call, text, strlen(text), out);
}

enum err
formula_fn_random_hex(const struct formula_call *call, struct value *out)
{
	unsigned char bytes[RANDOM_MAX];
	int64_t n = 16;
	enum err err = call->n_args > 0 ? call_integer(call, 0, 1, RANDOM_MAX, &n) : OK;

	if (err != OK)
		return err;
	crypt_random(bytes, (size_t)n);
	auto_wipe char *text = crypt_hex(bytes, (size_t)n);
	explicit_bzero(bytes, sizeof(bytes));
	return call_give_bytes(call, text, strlen(text), out);
}
