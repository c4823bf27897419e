/* SPDX-License-Identifier: Apache-2.0 */
/* The types of keys, what their fields may hold, and the forms made from them. */
#include "catalog/key_types.h"

#include <string.h>

#include "base/crypt.h"

static enum err rule_aes_key(json_t *parameters, const char *path, struct errctx *ctx);
static enum err rule_apikeyauth(json_t *parameters, const char *path, struct errctx *ctx);
static enum err rule_basicauth(json_t *parameters, const char *path, struct errctx *ctx);

/* ---- the table ---- */

static const struct form_option encodings[] = {
	{ "Plain text", "plain" },
	{ "Hexadecimal", "hex" },
	{ "Base64", "base64" },
	{ NULL, NULL },
};
static const struct form_field fields_aes_key[] = {
	{ .name = "key",
	    .type = FORM_PASSWORD,
	    .label = "Key",
	    .help = "16, 24 or 32 bytes, written in the encoding chosen below.",
	    .required = true,
	    .most = 128 },
	{ .name = "keyEncoding",
	    .type = FORM_SELECT,
	    .label = "Key encoding",
	    .initial = "plain",
	    .options = encodings },
	{ .name = NULL },
};

static const struct form_option placements[] = {
	{ "In the header", "header" },
	{ "In the query string", "qs" },
	{ NULL, NULL },
};
static const struct form_field fields_apikeyauth[] = {
	{ .name = "key",
	    .type = FORM_PASSWORD,
	    .label = "Key",
	    .help = "The API key as the service shows it.",
	    .required = true,
	    .most = 8192 },
	{ .name = "placement",
	    .type = FORM_SELECT,
	    .label = "API key placement",
	    .initial = "header",
	    .options = placements },
	{ .name = "name",
	    .type = FORM_TEXT,
	    .label = "API key parameter name",
	    .help = "Name of the header or query parameter that carries the key.",
	    .initial = "X-API-Key",
	    .most = 128 },
	{ .name = NULL },
};

static const struct form_field fields_basicauth[] = {
	{ .name = "authUser",
	    .type = FORM_TEXT,
	    .label = "User name",
	    .required = true,
	    .most = 1024 },
	{ .name = "authPass",
	    .type = FORM_PASSWORD,
	    .label = "Password",
	    .required = true,
	    .most = 8192 },
	{ .name = NULL },
};

#define CERTIFICATE_FIELD(words)                                                                   \
	{                                                                                          \
		.name = "certificate", .type = FORM_CERT, .label = "Certificate", .help = (words), \
		.required = true, .multiline = true, .most = FORM_FILE_MOST                        \
	}
#define PRIVATE_KEY_FIELD(need, words)                                                             \
	{                                                                                          \
		.name = "privateKey", .type = FORM_PKEY, .label = "Private key", .help = (words),  \
		.required = (need), .multiline = true, .most = FORM_FILE_MOST                      \
	}
#define PASSPHRASE_FIELD(words)                                                                    \
	{                                                                                          \
		.name = "passphrase", .type = FORM_PASSWORD, .label = "Passphrase",                \
		.help = (words), .most = 1024                                                      \
	}
#define KEY_HELP "The key of this certificate, in PEM form; leave empty for a .p12 or .pfx file."
#define PASSPHRASE_HELP "Only where the key or the file is protected by one."

static const struct form_field fields_apn[] = {
	CERTIFICATE_FIELD("The push certificate of your app, in PEM form, or the .p12 file that "
			  "Keychain Access exports."),
	PRIVATE_KEY_FIELD(false, KEY_HELP),
	PASSPHRASE_FIELD(PASSPHRASE_HELP),
	{ .name = NULL },
};

static const struct form_field fields_clientcertauth[] = {
	CERTIFICATE_FIELD("Your client certificate in PEM form, its chain behind it, or a .p12 or "
			  ".pfx file."),
	PRIVATE_KEY_FIELD(false, KEY_HELP),
	PASSPHRASE_FIELD(PASSPHRASE_HELP),
	{ .name = NULL },
};

static const struct form_field fields_eet[] = {
	CERTIFICATE_FIELD("The certificate of the register of sales, in PEM form, or the .p12 file "
			  "as issued."),
	PRIVATE_KEY_FIELD(false, KEY_HELP),
	PASSPHRASE_FIELD(PASSPHRASE_HELP),
	{ .name = NULL },
};

static const struct form_field fields_gpg_private[] = {
	PRIVATE_KEY_FIELD(true, "The key in ASCII armour: -----BEGIN PGP PRIVATE KEY BLOCK-----"),
	PASSPHRASE_FIELD("Only where the key is protected by one."),
	{ .name = NULL },
};

static const struct form_field fields_gpg_public[] = {
	{ .name = "publicKey",
	    .type = FORM_CERT,
	    .label = "Public key",
	    .help = "The key in ASCII armour: -----BEGIN PGP PUBLIC KEY BLOCK-----",
	    .required = true,
	    .multiline = true,
	    .most = FORM_FILE_MOST },
	{ .name = NULL },
};

static const struct form_field fields_webpay[] = {
	PRIVATE_KEY_FIELD(true, "The merchant's private key in PEM form."),
	PASSPHRASE_FIELD("Only where the key is protected by one."),
	{ .name = NULL },
};

const struct key_type key_types[] = {
	{ "aes-key", "AES key", "#5f6b7a", "key", 1, fields_aes_key, rule_aes_key },
	{ "apikeyauth", "API key", "#2f6f4f", "key", 1, fields_apikeyauth, rule_apikeyauth },
	{ "apn", "Apple push notification", "#5f6b7a", "certificate", 1, fields_apn,
	    key_rule_certificate_pair },
	{ "basicauth", "Basic auth", "#2f5f8f", "key", 1, fields_basicauth, rule_basicauth },
	{ "clientcertauth", "Client certificate", "#6f4f8f", "certificate", 1,
	    fields_clientcertauth, key_rule_certificate_pair },
	{ "eet", "EET certificate", "#8f5f2f", "certificate", 1, fields_eet,
	    key_rule_certificate_pair },
	{ "gpg-private", "GPG private key", "#4f5f8f", "key", 1, fields_gpg_private,
	    key_rule_gpg_private },
	{ "gpg-public", "GPG public key", "#4f5f8f", "key", 1, fields_gpg_public,
	    key_rule_gpg_public },
	{ "webpay", "WebPay private key", "#8f2f4f", "key", 1, fields_webpay,
	    key_rule_private_key },
	{ .name = NULL },
};

const struct key_type *
key_type_find(const char *name)
{
	for (const struct key_type *type = key_types; type->name; type++)
		if (!strcmp(type->name, name))
			return type;
	return NULL;
}

enum err
key_type_check(const struct key_type *type, json_t *parameters, const char *path,
    struct errctx *ctx)
{
	enum err err = form_check(type->fields, "this key type", parameters, path, ctx);

	return err || !type->rule ? err : type->rule(parameters, path, ctx);
}

json_t *
key_type_form(const struct key_type *type)
{
	return form_json(type->fields);
}

/* ---- rules of single types ---- */

static enum err
decode_aes_key(const json_t *parameters, size_t *len_out)
{
	const char *key = json_get_text(parameters, "key");
	const char *encoding = json_get_text(parameters, "keyEncoding");
	unsigned char *bytes = NULL;
	enum err err = OK;

	if (!strcmp(encoding, "hex"))
		err = crypt_hex_decode(key, strlen(key), &bytes, len_out);
	else if (!strcmp(encoding, "base64"))
		err = crypt_base64_decode(key, strlen(key), &bytes, len_out);
	else
		*len_out = strlen(key);
	if (!err && bytes)
		explicit_bzero(bytes, *len_out);
	free(bytes);
	return err;
}

static enum err
rule_aes_key(json_t *parameters, const char *path, struct errctx *ctx)
{
	size_t len = 0;

	if (decode_aes_key(parameters, &len))
		return form_refuse(path, "key", "is not written in the encoding chosen", ctx);
	return len == 16 || len == 24 || len == 32
		   ? OK
		   : form_refuse(path, "key", "must be 16, 24 or 32 bytes long", ctx);
}

/* RFC 9110 section 5.6.2 */
static bool
is_http_token(const char *text)
{
	static const char allowed[] = "!#$%&'*+-.^_`|~0123456789"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

	return *text && strspn(text, allowed) == strlen(text);
}

/* RFC 9110 section 5.5: a field value does not begin or end with a blank, which would be lost. */
static bool
is_field_value(const char *text)
{
	size_t len = strlen(text);

	for (const unsigned char *c = (const unsigned char *)text; *c; c++)
		if (*c > 0x7e)
			return false;
	return len && text[0] != ' ' && text[len - 1] != ' ';
}

static enum err
rule_apikeyauth(json_t *parameters, const char *path, struct errctx *ctx)
{
	enum err err = OK;

	if (strcmp(json_get_text(parameters, "placement"), "header") != 0)
		return OK;
	if (!is_http_token(json_get_text(parameters, "name")))
		err = form_refuse(path, "name", "cannot be the name of an HTTP header", ctx);
	if (!is_field_value(json_get_text(parameters, "key")))
		err = form_refuse(path, "key",
		    "cannot be sent in an HTTP header: blanks at an end, or other than ASCII "
		    "characters",
		    ctx);
	return err;
}

/* RFC 7617 section 2 */
static enum err
rule_basicauth(json_t *parameters, const char *path, struct errctx *ctx)
{
	if (strchr(json_get_text(parameters, "authUser"), ':'))
		return form_refuse(path, "authUser", "must not hold a colon", ctx);
	return OK;
}
