/* SPDX-License-Identifier: Apache-2.0 */
/* JSON bodies checked against tables of fields, all errors at once. */
#include "web/fields.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/uuid.h"
#include "web/params.h"

/* Where a check stands; `failed` outlives the room of ctx. */
struct check {
	struct errctx *ctx;
	bool failed;
};

static void check_members(struct check *check, json_t *object, const struct field_spec *table,
    bool unknown_ok, const char *path);
static void check_value(struct check *check, const struct field_spec *spec, json_t *value,
    const char *path);

static void
fail(struct check *check, const char *path, const char *text)
{
	check->failed = true;
	(void)err_set(check->ctx, ERR_FIELD, path, "%s", text);
}

/* "must have 1 to 255 characters" */
static void
check_range(struct check *check, const char *path, int64_t n, int64_t least, int64_t most,
    const char *what)
{
	char text[128];

	if (n >= least && n <= most)
		return;
	if (least == 1 && n == 0)
		snprintf(text, sizeof(text), "must not be empty");
	else if (least == 0 || n > most)
		snprintf(text, sizeof(text), "must have at most %lld %s", (long long)most, what);
	else
		snprintf(text, sizeof(text), "must have at least %lld %s", (long long)least, what);
	fail(check, path, text);
}

static void
check_text(struct check *check, const struct field_spec *spec, json_t *value, const char *path)
{
	const char *text = json_string_value(value);

	if (!text)
		fail(check, path, "must be a text");
	else if (!(spec->flags & FIELD_RAW) &&
		 params_has_control(text, !(spec->flags & FIELD_ONE_LINE)))
		fail(check, path, "must not hold control characters");
	else
		check_range(check, path, (int64_t)params_count_chars(text), spec->least,
		    spec->most ? spec->most : FIELD_TEXT_MOST, "characters");
}

static void
check_int(struct check *check, const struct field_spec *spec, json_t *value, const char *path)
{
	char text[128];

	if (!json_is_integer(value)) {
		fail(check, path, "must be an integer");
		return;
	}
	json_int_t number = json_integer_value(value);
	if ((spec->least == 0 && spec->most == 0) ||
	    (number >= spec->least && number <= spec->most))
		return;
	snprintf(text, sizeof(text), "must be from %lld to %lld", (long long)spec->least,
	    (long long)spec->most);
	fail(check, path, text);
}

static void
check_bool(struct check *check, const struct field_spec *spec, json_t *value, const char *path)
{
	(void)spec;
	if (!json_is_boolean(value))
		fail(check, path, "must be true or false");
}

static void
check_uuid(struct check *check, const struct field_spec *spec, json_t *value, const char *path)
{
	struct uuid uuid;
	const char *text = json_string_value(value);

	(void)spec;
	if (!text || uuid_parse(text, &uuid))
		fail(check, path, "must be a UUID");
}

static void
check_enum(struct check *check, const struct field_spec *spec, json_t *value, const char *path)
{
	auto_buf struct buf list = BUF_INIT(ERR_TEXT_MAX - 1);
	const char *text = json_string_value(value);

	buf_add_text(&list, "must be one of ");
	for (size_t i = 0; spec->names[i]; i++) {
		if (text && !strcmp(text, spec->names[i]))
			return;
		buf_printf(&list, "%s%s", i ? ", " : "", spec->names[i]);
	}
	fail(check, path, buf_text(&list));
}

/* An object or array was expected; a text that may stand for one is told where it is no JSON. */
static void
fail_shape(struct check *check, const struct field_spec *spec, const json_t *value,
    const char *path, const char *text)
{
	json_auto_t *parsed = NULL;
	struct errctx inner = { 0 };
	char said[ERR_TEXT_MAX];

	if (json_is_string(value) && (spec->flags & FIELD_JSON_TEXT) &&
	    json_parse(json_string_value(value), json_string_length(value), &parsed, &inner)) {
		snprintf(said, sizeof(said), "%s: the text is %.100s", text, err_text(&inner));
		text = said;
	}
	fail(check, path, text);
}

static void
check_object(struct check *check, const struct field_spec *spec, json_t *value, const char *path)
{
	if (!json_is_object(value))
		fail_shape(check, spec, value, path, "must be an object");
	else if (spec->fields)
		check_members(check, value, spec->fields, !(spec->flags & FIELD_STRICT), path);
	else
		check_range(check, path, (int64_t)json_object_size(value), spec->least,
		    spec->most ? spec->most : FIELD_ITEMS_MOST, "members");
}

/* What the flags of `spec` allow to stand for `value`: a new reference, or NULL when it stays. */
static json_t *
convert(const struct field_spec *spec, const json_t *value)
{
	const char *text = json_string_value(value);
	json_t *parsed = NULL;
	char *end;

	if (!text)
		return NULL;
	if (spec->type == FIELD_INT && (spec->flags & FIELD_DIGITS)) {
		errno = 0;
		long long number = strtoll(text, &end, 10);
		if (text[0] >= '0' && text[0] <= '9' && *end == '\0' && !errno)
			return json_integer(number);
	} else if ((spec->type == FIELD_OBJECT || spec->type == FIELD_ARRAY) &&
		   (spec->flags & FIELD_JSON_TEXT)) {
		if (json_parse(text, json_string_length(value), &parsed, NULL) == OK)
			return parsed;
	}
	return NULL;
}

static void
check_array(struct check *check, const struct field_spec *spec, json_t *value, const char *path)
{
	if (!json_is_array(value)) {
		fail_shape(check, spec, value, path, "must be an array");
		return;
	}
	int64_t n = (int64_t)json_array_size(value);
	int64_t most = spec->most ? spec->most : FIELD_ITEMS_MOST;
	check_range(check, path, n, spec->least, most, "elements");
	if (!spec->element || n > most)
		return;
	for (size_t i = 0; i < (size_t)n; i++) {
		char at[ERR_PATH_MAX];
		json_t *element = convert(spec->element, json_array_get(value, i));

		snprintf(at, sizeof(at), "%s[%zu]", path, i);
		if (element)
			json_array_set_new(value, i, element);
		check_value(check, spec->element, json_array_get(value, i), at);
	}
}

typedef void (
    *check_fn)(struct check *check, const struct field_spec *spec, json_t *value, const char *path);

static void
check_value(struct check *check, const struct field_spec *spec, json_t *value, const char *path)
{
	static const check_fn checks[FIELD_TYPE_COUNT] = {
		[FIELD_TEXT] = check_text,
		[FIELD_INT] = check_int,
		[FIELD_BOOL] = check_bool,
		[FIELD_UUID] = check_uuid,
		[FIELD_ENUM] = check_enum,
		[FIELD_OBJECT] = check_object,
		[FIELD_ARRAY] = check_array,
	};

	assert(spec->type < FIELD_TYPE_COUNT);
	if (!checks[spec->type])
		return;
	if (!json_is_null(value))
		checks[spec->type](check, spec, value, path);
	else if (!(spec->flags & FIELD_NULLABLE))
		fail(check, path, "must not be null");
}

static void
member_path(char out[ERR_PATH_MAX], const char *path, const char *name)
{
	snprintf(out, ERR_PATH_MAX, "%s%s%s", path, *path ? "." : "", name);
}

static bool
in_table(const struct field_spec *table, const char *name)
{
	for (; table->name; table++)
		if (!strcmp(table->name, name))
			return true;
	return false;
}

static void
check_members(struct check *check, json_t *object, const struct field_spec *table, bool unknown_ok,
    const char *path)
{
	char at[ERR_PATH_MAX];
	const char *key;
	json_t *value;

	for (const struct field_spec *spec = table; spec->name; spec++) {
		value = json_object_get(object, spec->name);
		member_path(at, path, spec->name);
		if (!value && (spec->flags & FIELD_REQUIRED))
			fail(check, at, "is required");
		if (json_is_null(value) && spec->type != FIELD_ANY &&
		    !(spec->flags & (FIELD_REQUIRED | FIELD_NULLABLE))) {
			json_object_del(object, spec->name);
			continue;
		}
		if (!value)
			continue;
		json_t *other = convert(spec, value);
		if (other)
			json_put(object, spec->name, other);
		check_value(check, spec, other ? other : value, at);
	}
	if (unknown_ok)
		return;
	json_object_foreach(object, key, value)
	{
		member_path(at, path, key);
		if (!in_table(table, key))
			fail(check, at, "is not known here");
	}
}

enum err
fields_check(json_t *object, const struct field_spec *table, bool unknown_ok, const char *path,
    struct errctx *ctx)
{
	struct check check = { .ctx = ctx };

	if (object && !json_is_object(object))
		return err_set(ctx, ERR_FIELD, path, "must be an object");
	check_members(&check, object, table, unknown_ok, path);
	return check.failed ? ERR_FIELD : OK;
}
