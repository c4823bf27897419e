/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of the key types whose values are files: certificates, private keys, OpenPGP keys. */
#include <string.h>

#include "base/crypt.h"
#include "base/pem.h"
#include "base/secret.h"
#include "catalog/armour.h"
#include "catalog/key_types.h"

#define CERTIFICATE "certificate"
#define PRIVATE_KEY "privateKey"
#define PASSPHRASE "passphrase"

/* `inner` tells what is wrong with the value. */
static enum err
tell(const char *path, const char *name, const struct errctx *inner, struct errctx *ctx)
{
	return form_refuse(path, name, err_text(inner), ctx);
}

static void
put_secret(json_t *parameters, const char *name, char **text)
{
	json_put_text(parameters, name, *text);
	secret_wipe_text(text);
}

/* A file that is no text comes in base64 (web/form.js); kept is PEM. A PKCS#12 container brings
 * the key along, opened: its passphrase is of no more use then. */
static enum err
unpack_file(json_t *parameters, const char *path, struct errctx *ctx)
{
	const char *text = json_get_text(parameters, CERTIFICATE);
	unsigned char *data = NULL;
	char *certificate = NULL, *key = NULL;
	struct errctx inner = { 0 };
	size_t len = 0;

	if (strstr(text, "-----BEGIN") ||
	    crypt_base64_decode(text, strcspn(text, "\r\n"), &data, &len))
		return OK; /* the check of its form says what is wrong */
	enum err err = pem_from_file(data, len, json_get_text(parameters, PASSPHRASE), &certificate,
	    &key, &inner);
	explicit_bzero(data, len);
	free(data);
	if (err)
		return tell(path, CERTIFICATE, &inner, ctx);
	if (key && json_object_get(parameters, PRIVATE_KEY)) {
		secret_wipe_text(&key);
		free(certificate);
		return form_refuse(path, PRIVATE_KEY,
		    "must be empty: the file above brings its own", ctx);
	}
	json_put_text(parameters, CERTIFICATE, certificate);
	free(certificate);
	if (!key)
		return OK;
	put_secret(parameters, PRIVATE_KEY, &key);
	(void)json_object_del(parameters, PASSPHRASE);
	return OK;
}

enum err
key_rule_certificate_pair(json_t *parameters, const char *path, struct errctx *ctx)
{
	struct errctx inner = { 0 };
	enum err err = unpack_file(parameters, path, ctx);

	if (err)
		return err;
	const char *certificate = json_get_text(parameters, CERTIFICATE);
	const char *key = json_get_text(parameters, PRIVATE_KEY);
	const char *passphrase = json_get_text(parameters, PASSPHRASE);
	if (pem_certificate_check(certificate, &inner))
		err = tell(path, CERTIFICATE, &inner, ctx);
	err_clear(&inner);
	if (!key)
		return form_refuse(path, PRIVATE_KEY, "is required", ctx);
	if (pem_private_key_check(key, passphrase, &inner))
		err = tell(path, PRIVATE_KEY, &inner, ctx);
	if (!err && pem_pair_check(certificate, key, passphrase, &inner))
		err = tell(path, PRIVATE_KEY, &inner, ctx);
	return err;
}

enum err
key_rule_private_key(json_t *parameters, const char *path, struct errctx *ctx)
{
	struct errctx inner = { 0 };

	return pem_private_key_check(json_get_text(parameters, PRIVATE_KEY),
		   json_get_text(parameters, PASSPHRASE), &inner)
		   ? tell(path, PRIVATE_KEY, &inner, ctx)
		   : OK;
}

enum err
key_rule_gpg_private(json_t *parameters, const char *path, struct errctx *ctx)
{
	struct errctx inner = { 0 };

	return armour_key_check(json_get_text(parameters, PRIVATE_KEY), true, &inner)
		   ? tell(path, PRIVATE_KEY, &inner, ctx)
		   : OK;
}

enum err
key_rule_gpg_public(json_t *parameters, const char *path, struct errctx *ctx)
{
	struct errctx inner = { 0 };

	return armour_key_check(json_get_text(parameters, "publicKey"), false, &inner)
		   ? tell(path, "publicKey", &inner, ctx)
		   : OK;
}
