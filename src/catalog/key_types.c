/* SPDX-License-Identifier: Apache-2.0 */
/* The types of keys, what their fields may hold, and the forms made from them. */
#include "catalog/key_types.h"

#include <stdio.h>
#include <string.h>

#include "base/crypt.h"

#define PATH_ROOM 160

const char *const key_field_type_names[KEY_FIELD_TYPE_COUNT] = { "text", "password", "select" };

static enum err rule_aes_key(const json_t *parameters, const char *path, struct errctx *ctx);
static enum err rule_apikeyauth(const json_t *parameters, const char *path, struct errctx *ctx);
static enum err rule_basicauth(const json_t *parameters, const char *path, struct errctx *ctx);

/* ---- the table ---- */

static const struct key_option encodings[] = {
	{ "Plain text", "plain" },
	{ "Hexadecimal", "hex" },
	{ "Base64", "base64" },
	{ NULL, NULL },
};
static const struct key_field fields_aes_key[] = {
	{ .name = "key",
	    .type = KEY_FIELD_PASSWORD,
	    .label = "Key",
	    .help = "16, 24 or 32 bytes, written in the encoding chosen below.",
	    .required = true,
	    .most = 128 },
	{ .name = "keyEncoding",
	    .type = KEY_FIELD_SELECT,
	    .label = "Key encoding",
	    .initial = "plain",
	    .options = encodings },
	{ .name = NULL },
};

static const struct key_option placements[] = {
	{ "In the header", "header" },
	{ "In the query string", "qs" },
	{ NULL, NULL },
};
static const struct key_field fields_apikeyauth[] = {
	{ .name = "key",
	    .type = KEY_FIELD_PASSWORD,
	    .label = "Key",
	    .help = "The API key as the service shows it.",
	    .required = true,
	    .most = 8192 },
	{ .name = "placement",
	    .type = KEY_FIELD_SELECT,
	    .label = "API key placement",
	    .initial = "header",
	    .options = placements },
	{ .name = "name",
	    .type = KEY_FIELD_TEXT,
	    .label = "API key parameter name",
	    .help = "Name of the header or query parameter that carries the key.",
	    .initial = "X-API-Key",
	    .most = 128 },
	{ .name = NULL },
};

static const struct key_field fields_basicauth[] = {
	{ .name = "authUser",
	    .type = KEY_FIELD_TEXT,
	    .label = "User name",
	    .required = true,
	    .most = 1024 },
	{ .name = "authPass",
	    .type = KEY_FIELD_PASSWORD,
	    .label = "Password",
	    .required = true,
	    .most = 8192 },
	{ .name = NULL },
};

const struct key_type key_types[] = {
	{ "aes-key", "AES key", "#5f6b7a", "key", 1, fields_aes_key, rule_aes_key },
	{ "apikeyauth", "API key", "#2f6f4f", "key", 1, fields_apikeyauth, rule_apikeyauth },
	{ "basicauth", "Basic auth", "#2f5f8f", "key", 1, fields_basicauth, rule_basicauth },
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

/* ---- checks ---- */

static void
join(char out[PATH_ROOM], const char *path, const char *name)
{
	snprintf(out, PATH_ROOM, "%s%s%s", path, *path ? "." : "", name);
}

static enum err
refuse(const char *path, const char *name, const char *text, struct errctx *ctx)
{
	char full[PATH_ROOM];

	join(full, path, name);
	return err_set(ctx, ERR_FIELD, full, "%s", text);
}

static bool
has_control(const char *text, bool multiline)
{
	for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
		if (multiline && (*c == '\n' || *c == '\r' || *c == '\t'))
			continue;
		/* U+0080..U+009F are c2 80..c2 9f in UTF-8 */
		if (*c < 0x20 || *c == 0x7f || (*c == 0xc2 && c[1] < 0xa0))
			return true;
	}
	return false;
}

static int64_t
count_characters(const char *text)
{
	int64_t n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

static bool
is_option(const struct key_option *options, const char *text)
{
	for (; options->value; options++)
		if (!strcmp(options->value, text))
			return true;
	return false;
}

static enum err
check_text(const struct key_field *field, const json_t *value, const char *path, struct errctx *ctx)
{
	const char *text = json_string_value(value);
	char reason[96];

	if (!text)
		return refuse(path, field->name, "must be text", ctx);
	if (field->required && !*text)
		return refuse(path, field->name, "must not be empty", ctx);
	if (strlen(text) != json_string_length(value) || has_control(text, field->multiline))
		return refuse(path, field->name, "must not hold control characters", ctx);
	if (field->options)
		return is_option(field->options, text)
			   ? OK
			   : refuse(path, field->name, "must be one of the options", ctx);
	if (count_characters(text) <= field->most)
		return OK;
	snprintf(reason, sizeof(reason), "must have at most %lld characters",
	    (long long)field->most);
	return refuse(path, field->name, reason, ctx);
}

/* An optional field that is missing, null or empty takes its default. */
static enum err
check_field(const struct key_field *field, json_t *parameters, const char *path, struct errctx *ctx)
{
	const json_t *value = json_object_get(parameters, field->name);
	bool missing = !value || json_is_null(value);

	if (missing && field->required)
		return refuse(path, field->name, "is required", ctx);
	if (!missing && !field->required && json_is_string(value) && !json_string_length(value))
		missing = true;
	if (!missing)
		return check_text(field, value, path, ctx);
	if (field->initial)
		json_put_text(parameters, field->name, field->initial);
	else
		(void)json_object_del(parameters, field->name);
	return OK;
}

static bool
is_field(const struct key_type *type, const char *name)
{
	for (const struct key_field *field = type->fields; field->name; field++)
		if (!strcmp(field->name, name))
			return true;
	return false;
}

static enum err
check_unknown(const struct key_type *type, json_t *parameters, const char *path, struct errctx *ctx)
{
	enum err err = OK;

	for (void *member = json_object_iter(parameters); member;
	     member = json_object_iter_next(parameters, member)) {
		const char *name = json_object_iter_key(member);

		if (!is_field(type, name))
			err = refuse(path, name, "is no field of this key type", ctx);
	}
	return err;
}

enum err
key_type_check(const struct key_type *type, json_t *parameters, const char *path,
    struct errctx *ctx)
{
	if (!json_is_object(parameters))
		return err_set(ctx, ERR_FIELD, path, "must be an object");
	enum err err = check_unknown(type, parameters, path, ctx);
	for (const struct key_field *field = type->fields; field->name; field++) {
		enum err one = check_field(field, parameters, path, ctx);

		err = err ? err : one;
	}
	return err || !type->rule ? err : type->rule(parameters, path, ctx);
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
rule_aes_key(const json_t *parameters, const char *path, struct errctx *ctx)
{
	size_t len = 0;

	if (decode_aes_key(parameters, &len))
		return refuse(path, "key", "is not written in the encoding chosen", ctx);
	return len == 16 || len == 24 || len == 32
		   ? OK
		   : refuse(path, "key", "must be 16, 24 or 32 bytes long", ctx);
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
rule_apikeyauth(const json_t *parameters, const char *path, struct errctx *ctx)
{
	enum err err = OK;

	if (strcmp(json_get_text(parameters, "placement"), "header") != 0)
		return OK;
	if (!is_http_token(json_get_text(parameters, "name")))
		err = refuse(path, "name", "cannot be the name of an HTTP header", ctx);
	if (!is_field_value(json_get_text(parameters, "key")))
		err = refuse(path, "key",
		    "cannot be sent in an HTTP header: blanks at an end, or other than ASCII "
		    "characters",
		    ctx);
	return err;
}

/* RFC 7617 section 2 */
static enum err
rule_basicauth(const json_t *parameters, const char *path, struct errctx *ctx)
{
	if (strchr(json_get_text(parameters, "authUser"), ':'))
		return refuse(path, "authUser", "must not hold a colon", ctx);
	return OK;
}

/* ---- forms ---- */

static json_t *
options_json(const struct key_option *options)
{
	json_t *list = json_array();

	for (; options->value; options++) {
		json_t *option = json_object();

		json_put_text(option, "label", options->label);
		json_put_text(option, "value", options->value);
		json_array_append_new(list, option);
	}
	return list;
}

static json_t *
field_json(const struct key_field *field)
{
	json_t *spec = json_object();

	json_put_text(spec, "name", field->name);
	json_put_text(spec, "type", key_field_type_names[field->type]);
	json_put_text(spec, "label", field->label);
	if (field->help)
		json_put_text(spec, "help", field->help);
	json_put_bool(spec, "required", field->required);
	if (field->initial)
		json_put_text(spec, "default", field->initial);
	json_put_bool(spec, "multiline", field->multiline);
	if (field->options)
		json_put(spec, "options", options_json(field->options));
	return spec;
}

json_t *
key_type_form(const struct key_type *type)
{
	json_t *form = json_array();

	for (const struct key_field *field = type->fields; field->name; field++)
		json_array_append_new(form, field_json(field));
	return form;
}
