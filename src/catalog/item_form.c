/* SPDX-License-Identifier: Apache-2.0 */
/* What a credential is given by: the form of its type, and what is filled in beforehand. */
#include "catalog/item_form.h"

#include <stdio.h>
#include <string.h>

#define PATH_ROOM 160
#define FIELDS_MAX 64 /* as a definition may have */

bool
item_form_find(const struct catalog *catalog, const char *component, const char *type,
    struct item_form *form_out)
{
	struct item_form form = { 0 };

	if (!strcmp(component, "keychain"))
		form.key = key_type_find(type);
	else if (catalog)
		form.connection = catalog_connection_type_find(catalog, type);
	if (!form.key && !form.connection)
		return false;
	form.fields = form.key ? form.key->fields : form.connection->fields;
	*form_out = form;
	return true;
}

bool
item_form_is_all(const struct item_form *form)
{
	return form->key || form->connection->auth != APP_AUTH_OAUTH2;
}

json_t *
item_form_json(const struct item_form *form, const json_t *prefill)
{
	const json_t *hard = json_object_get(prefill, "hard");
	const json_t *soft = json_object_get(prefill, "soft");
	json_t *specs = form_json(form->fields), *spec;
	size_t i;

	json_array_foreach(specs, i, spec)
	{
		const char *name = json_get_text(spec, "name");
		json_t *locked = json_object_get(hard, name);
		json_t *value = locked ? locked : json_object_get(soft, name);

		if (value)
			json_put(spec, "value", json_incref(value));
		if (locked)
			json_put_bool(spec, "locked", true);
	}
	return specs;
}

static enum err
check_values(const struct item_form *form, json_t *values, const char *path, struct errctx *ctx)
{
	return form->key ? key_type_check(form->key, values, path, ctx)
			 : form_check(form->fields, ITEM_FORM_CONNECTION, values, path, ctx);
}

/* Every field that is the requester's is there. */
static enum err
check_requester(const struct item_form *form, const json_t *prefill, const char *path,
    struct errctx *ctx)
{
	const json_t *hard = json_object_get(prefill, "hard");
	enum err err = OK;

	for (const struct form_field *field = form->fields; field->name; field++)
		if (field->requester && !json_object_get(hard, field->name))
			err = form_refuse(path, field->name, "must be filled in by the requester",
			    ctx);
	return err;
}

enum err
item_form_check(const struct item_form *form, const json_t *prefill, json_t *values,
    const char *path, struct errctx *ctx)
{
	json_t *hard = json_object_get(prefill, "hard"), *fixed;
	const char *name;

	if (!json_is_object(values))
		return err_set(ctx, ERR_FIELD, path, "must be an object");
	enum err err = check_requester(form, prefill, path, ctx);
	json_object_foreach(hard, name, fixed)
	{
		const json_t *sent = json_object_get(values, name);

		if (!sent)
			json_put(values, name, json_incref(fixed));
		else if (!json_equal(sent, fixed))
			err = form_refuse(path, name,
			    "was filled in by the requester and cannot be changed", ctx);
	}
	return err ? err : check_values(form, values, path, ctx);
}

/* ---- prefill ---- */

static bool
is_secret(const struct form_field *field)
{
	return field->type == FORM_PASSWORD || field->type == FORM_PKEY;
}

/* The fields that are there, for checking them as if the form had no others. */
static enum err
pick(const struct item_form *form, json_t *values, const char *path,
    struct form_field fields_out[FIELDS_MAX + 1], struct errctx *ctx)
{
	enum err err = OK;
	const char *name;
	json_t *value;
	size_t n = 0;

	json_object_foreach(values, name, value)
	{
		const struct form_field *field = form_find(form->fields, name);

		if (!field)
			continue; /* form_check() says so */
		if (is_secret(field))
			err = form_refuse(path, name,
			    "is a secret: only the person who is asked may fill it in", ctx);
		else if (json_is_null(value))
			err = form_refuse(path, name, "must not be null", ctx);
		if (n < FIELDS_MAX)
			fields_out[n++] = *field;
	}
	fields_out[n] = (struct form_field){ .name = NULL };
	return err;
}

static enum err
check_part(const struct item_form *form, json_t *prefill, const char *part, const char *path,
    struct errctx *ctx)
{
	struct form_field fields[FIELDS_MAX + 1];
	json_t *values = json_object_get(prefill, part);
	char full[PATH_ROOM];

	if (!values)
		return OK;
	snprintf(full, sizeof(full), "%s%s%s", path, *path ? "." : "", part);
	if (!json_is_object(values))
		return err_set(ctx, ERR_FIELD, full, "must be an object");
	enum err err = pick(form, values, full, fields, ctx);
	return err ? err
		   : form_check(fields, form->key ? ITEM_FORM_KEY : ITEM_FORM_CONNECTION, values,
			 full, ctx);
}

enum err
item_form_check_prefill(const struct item_form *form, json_t *prefill, const char *path,
    struct errctx *ctx)
{
	enum err err = check_part(form, prefill, "hard", path, ctx);
	json_t *hard = json_object_get(prefill, "hard"), *value;
	const char *name;

	if (!err)
		err = check_part(form, prefill, "soft", path, ctx);
	if (!err) {
		char inner[PATH_ROOM];

		snprintf(inner, sizeof(inner), "%s%shard", path, *path ? "." : "");
		err = check_requester(form, prefill, inner, ctx);
	}
	json_object_foreach(hard, name, value)
	{
		if (!err && json_object_get(json_object_get(prefill, "soft"), name))
			err = form_refuse(path, name, "must not be both hard and soft", ctx);
	}
	return err;
}
