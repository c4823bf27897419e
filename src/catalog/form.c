/* SPDX-License-Identifier: Apache-2.0 */
/* Fields that a person fills in: checking their values, and showing them as field specs. */
#include "catalog/form.h"

#include <stdio.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "catalog/web_url.h"

#define PATH_ROOM 160
#define STEPS_MOST 100000 /* of one match: patterns are the operator's, values are anybody's */

const char *const form_type_names[FORM_TYPE_COUNT] = { "text", "password", "select", "boolean",
	"pkey", "cert", "url" };

enum form_type
form_type_find(const char *name)
{
	int type = 0;

	while (type < FORM_TYPE_COUNT && strcmp(form_type_names[type], name) != 0)
		type++;
	return (enum form_type)type;
}

const struct form_field *
form_find(const struct form_field *fields, const char *name)
{
	for (; fields->name; fields++)
		if (!strcmp(fields->name, name))
			return fields;
	return NULL;
}

/* ---- checks ---- */

enum err
form_refuse(const char *path, const char *name, const char *text, struct errctx *ctx)
{
	char full[PATH_ROOM];

	snprintf(full, sizeof(full), "%s%s%s", path, *path ? "." : "", name);
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
is_option(const struct form_option *options, const char *text)
{
	for (; options->value; options++)
		if (!strcmp(options->value, text))
			return true;
	return false;
}

static pcre2_code *
compile(const char *pattern)
{
	int code;
	PCRE2_SIZE at;

	return pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
	    PCRE2_UTF | PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_NEVER_BACKSLASH_C, &code, &at,
	    NULL);
}

bool
form_pattern_is_valid(const char *pattern)
{
	pcre2_code *code = compile(pattern);

	pcre2_code_free(code);
	return code != NULL;
}

bool
form_pattern_matches(const char *pattern, const char *text)
{
	pcre2_code *code = compile(pattern);

	if (!code)
		return false;
	pcre2_match_data *data = pcre2_match_data_create(1, NULL);
	pcre2_match_context *limits = pcre2_match_context_create(NULL);
	bool fits = false;
	if (data && limits) {
		pcre2_set_match_limit(limits, STEPS_MOST);
		pcre2_set_heap_limit(limits, 1024);
		fits = pcre2_match(code, (PCRE2_SPTR)text, strlen(text), 0, 0, data, limits) >= 0;
	}
	pcre2_match_context_free(limits);
	pcre2_match_data_free(data);
	pcre2_code_free(code);
	return fits;
}

static enum err
check_pattern(const struct form_field *field, const char *text, const char *path,
    struct errctx *ctx)
{
	char reason[300];

	if (!field->pattern || form_pattern_matches(field->pattern, text))
		return OK;
	snprintf(reason, sizeof(reason), "must be %s",
	    field->expected ? field->expected : "written in another form");
	return form_refuse(path, field->name, reason, ctx);
}

static enum err
check_text(const struct form_field *field, const json_t *value, const char *path,
    struct errctx *ctx)
{
	const char *text = json_string_value(value);
	char reason[96];

	if (!text)
		return form_refuse(path, field->name, "must be text", ctx);
	if (field->required && !*text)
		return form_refuse(path, field->name, "must not be empty", ctx);
	if (strlen(text) != json_string_length(value) || has_control(text, field->multiline))
		return form_refuse(path, field->name, "must not hold control characters", ctx);
	if (field->options)
		return is_option(field->options, text)
			   ? OK
			   : form_refuse(path, field->name, "must be one of the options", ctx);
	if (field->type == FORM_URL && !web_url_is_whole(text))
		return form_refuse(path, field->name,
		    "must be a whole URL that begins with https://, without user name and #", ctx);
	if (count_characters(text) <= field->most)
		return check_pattern(field, text, path, ctx);
	snprintf(reason, sizeof(reason), "must have at most %lld characters",
	    (long long)field->most);
	return form_refuse(path, field->name, reason, ctx);
}

static enum err
check_value(const struct form_field *field, const json_t *value, const char *path,
    struct errctx *ctx)
{
	if (field->type != FORM_BOOLEAN)
		return check_text(field, value, path, ctx);
	return json_is_boolean(value)
		   ? OK
		   : form_refuse(path, field->name, "must be true or false", ctx);
}

static void
put_default(const struct form_field *field, json_t *values)
{
	if (!field->initial)
		(void)json_object_del(values, field->name);
	else if (field->type == FORM_BOOLEAN)
		json_put_bool(values, field->name, !strcmp(field->initial, "true"));
	else
		json_put_text(values, field->name, field->initial);
}

/* An optional field that is missing, null or empty takes its default. */
static enum err
check_field(const struct form_field *field, json_t *values, const char *path, struct errctx *ctx)
{
	const json_t *value = json_object_get(values, field->name);
	bool missing = !value || json_is_null(value);

	if (missing && field->required)
		return form_refuse(path, field->name, "is required", ctx);
	if (!missing && !field->required && json_is_string(value) && !json_string_length(value))
		missing = true;
	if (!missing)
		return check_value(field, value, path, ctx);
	put_default(field, values);
	return OK;
}

static enum err
check_unknown(const struct form_field *fields, const char *owner, json_t *values, const char *path,
    struct errctx *ctx)
{
	char reason[96];
	enum err err = OK;

	snprintf(reason, sizeof(reason), "is no field of %s", owner);
	for (void *member = json_object_iter(values); member;
	     member = json_object_iter_next(values, member)) {
		const char *name = json_object_iter_key(member);

		if (!form_find(fields, name))
			err = form_refuse(path, name, reason, ctx);
	}
	return err;
}

enum err
form_check(const struct form_field *fields, const char *owner, json_t *values, const char *path,
    struct errctx *ctx)
{
	if (!json_is_object(values))
		return err_set(ctx, ERR_FIELD, path, "must be an object");
	enum err err = check_unknown(fields, owner, values, path, ctx);
	for (const struct form_field *field = fields; field->name; field++) {
		enum err one = check_field(field, values, path, ctx);

		err = err ? err : one;
	}
	return err;
}

/* ---- field specs ---- */

static json_t *
options_json(const struct form_option *options)
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

static void
put_given(json_t *spec, const char *key, const char *text)
{
	if (text)
		json_put_text(spec, key, text);
}

static json_t *
field_json(const struct form_field *field)
{
	json_t *spec = json_object();

	json_put_text(spec, "name", field->name);
	json_put_text(spec, "type", form_type_names[field->type]);
	json_put_text(spec, "label", field->label);
	put_given(spec, "help", field->help);
	json_put_bool(spec, "required", field->required);
	if (field->initial && field->type == FORM_BOOLEAN)
		json_put_bool(spec, "default", !strcmp(field->initial, "true"));
	else
		put_given(spec, "default", field->initial);
	json_put_bool(spec, "multiline", field->multiline);
	if (field->options)
		json_put(spec, "options", options_json(field->options));
	put_given(spec, "pattern", field->pattern);
	put_given(spec, "prefix", field->prefix);
	put_given(spec, "suffix", field->suffix);
	return spec;
}

json_t *
form_json(const struct form_field *fields)
{
	json_t *form = json_array();

	for (; fields->name; fields++)
		json_array_append_new(form, field_json(fields));
	return form;
}
