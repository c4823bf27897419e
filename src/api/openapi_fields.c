/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of fields as JSON Schema: what fields_check() takes, in words that programs read. */
#include "api/openapi.h"

static json_t *
one_of_two(json_t *one, json_t *other)
{
	json_t *schema = json_object(), *list = json_array();

	json_array_append_new(list, one);
	json_array_append_new(list, other);
	json_put(schema, "anyOf", list);
	return schema;
}

static json_t *
typed(const char *type)
{
	json_t *schema = json_object();

	if (type)
		json_put_text(schema, "type", type);
	return schema;
}

static void
put_most(json_t *schema, const char *name, int64_t most, int64_t otherwise)
{
	json_put_int(schema, name, most ? most : otherwise);
}

static json_t *
names_json(const char *const *names)
{
	json_t *list = json_array();

	for (; *names; names++)
		json_array_append_new(list, json_string(*names));
	return list;
}

static json_t *field_schema(const struct field_spec *field);

static void
put_details(json_t *schema, const struct field_spec *field)
{
	switch (field->type) {
	case FIELD_TEXT:
		json_put_int(schema, "minLength", field->least);
		put_most(schema, "maxLength", field->most, FIELD_TEXT_MOST);
		break;
	case FIELD_INT:
		if (field->least || field->most) {
			json_put_int(schema, "minimum", field->least);
			json_put_int(schema, "maximum", field->most);
		}
		break;
	case FIELD_UUID:
		json_put_text(schema, "format", "uuid");
		break;
	case FIELD_ENUM:
		json_put(schema, "enum", names_json(field->names));
		break;
	case FIELD_OBJECT:
		if (!field->fields)
			put_most(schema, "maxProperties", field->most, FIELD_ITEMS_MOST);
		break;
	case FIELD_ARRAY:
		json_put_int(schema, "minItems", field->least);
		put_most(schema, "maxItems", field->most, FIELD_ITEMS_MOST);
		if (field->element)
			json_put(schema, "items", field_schema(field->element));
		break;
	case FIELD_ANY:
	case FIELD_BOOL:
	case FIELD_TYPE_COUNT:
		break;
	}
}

static json_t *
field_schema(const struct field_spec *field)
{
	static const char *const types[FIELD_TYPE_COUNT] = { [FIELD_TEXT] = "string",
		[FIELD_INT] = "integer",
		[FIELD_BOOL] = "boolean",
		[FIELD_UUID] = "string",
		[FIELD_ENUM] = "string",
		[FIELD_OBJECT] = "object",
		[FIELD_ARRAY] = "array" };
	json_t *schema = field->type == FIELD_OBJECT && field->fields
			     ? openapi_fields_schema(field->fields)
			     : typed(types[field->type]);

	put_details(schema, field);
	if (field->flags & FIELD_STRICT)
		json_put_bool(schema, "additionalProperties", false);
	if (field->flags & FIELD_DIGITS) {
		json_t *digits = typed("string");

		json_put_text(digits, "pattern", "^[0-9]+$");
		schema = one_of_two(schema, digits);
	}
	if (field->flags & FIELD_JSON_TEXT)
		schema = one_of_two(schema, typed("string"));
	if (field->flags & FIELD_NULLABLE)
		schema = one_of_two(schema, typed("null"));
	return schema;
}

json_t *
openapi_fields_schema(const struct field_spec *fields)
{
	json_t *schema = typed("object"), *properties = json_object(), *required = json_array();

	for (; fields->name; fields++) {
		json_put(properties, fields->name, field_schema(fields));
		if (fields->flags & FIELD_REQUIRED)
			json_array_append_new(required, json_string(fields->name));
	}
	json_put(schema, "properties", properties);
	if (json_array_size(required))
		json_put(schema, "required", required);
	else
		json_decref(required);
	return schema;
}
