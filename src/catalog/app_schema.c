/* SPDX-License-Identifier: Apache-2.0 */
/* The table of members as JSON Schema and as Markdown. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "catalog/app_rules.h"

#define MANUAL_MOST (64u << 10)
#define NAME_ROOM 160

/* ---- JSON Schema ---- */

static json_t *rule_schema(const struct app_rule *rule);

static json_t *
table_schema(const struct app_rule *rules)
{
	json_t *schema = json_object(), *properties = json_object(), *required = json_array();

	json_put_text(schema, "type", "object");
	for (; rules->name; rules++) {
		json_put(properties, rules->name, rule_schema(rules));
		if (rules->required)
			json_array_append_new(required, json_string(rules->name));
	}
	json_put(schema, "properties", properties);
	json_put(schema, "required", required);
	json_put_bool(schema, "additionalProperties", false);
	return schema;
}

static void
put_text_schema(json_t *schema, const struct app_rule *rule)
{
	json_put_text(schema, "type", "string");
	json_put_int(schema, "minLength", rule->least);
	json_put_int(schema, "maxLength", rule->most);
	if (rule->text->pattern)
		json_put_text(schema, "pattern", rule->text->pattern);
}

static json_t *
choices_json(const char *const *choices)
{
	json_t *list = json_array();

	for (; *choices; choices++)
		json_array_append_new(list, json_string(*choices));
	return list;
}

static void
put_list_schema(json_t *schema, const struct app_rule *rule)
{
	json_put_text(schema, "type", "array");
	json_put_int(schema, "minItems", rule->least);
	json_put_int(schema, "maxItems", rule->most);
	json_put(schema, "items", rule_schema(rule->element));
}

static void
put_map_schema(json_t *schema, const struct app_rule *rule)
{
	json_put_text(schema, "type", "object");
	json_put_int(schema, "maxProperties", rule->most);
	json_put(schema, "additionalProperties", rule_schema(rule->element));
}

static json_t *
rule_schema(const struct app_rule *rule)
{
	json_t *schema = rule->value == APP_OBJECT ? table_schema(rule->members) : json_object();

	if (rule->doc && *rule->doc)
		json_put_text(schema, "description", rule->doc);
	switch (rule->value) {
	case APP_TEXT:
		put_text_schema(schema, rule);
		break;
	case APP_CHOICE:
		json_put(schema, "enum", choices_json(rule->choices));
		break;
	case APP_INT:
		json_put_text(schema, "type", "integer");
		json_put_int(schema, "minimum", rule->least);
		json_put_int(schema, "maximum", rule->most);
		break;
	case APP_BOOL:
		json_put_text(schema, "type", "boolean");
		break;
	case APP_SCALAR:
		json_put(schema, "type", json_pack("[sss]", "string", "integer", "boolean"));
		break;
	case APP_ARRAY:
		put_list_schema(schema, rule);
		break;
	case APP_MAP:
		put_map_schema(schema, rule);
		break;
	case APP_OBJECT:
		break;
	}
	return schema;
}

json_t *
app_rules_schema(void)
{
	json_t *schema = table_schema(app_rules);

	json_put_text(schema, "$schema", "https://json-schema.org/draft/2020-12/schema");
	json_put_text(schema, "title", "Bailee app definition");
	return schema;
}

/* ---- Markdown ---- */

/* In Markdown a "<" outside of code would begin a tag. */
static void
say_text(struct buf *out, const char *text)
{
	bool code = false;

	for (; *text; text++) {
		code ^= *text == '`';
		if (*text == '<' && !code)
			buf_add_text(out, "&lt;");
		else
			buf_add_char(out, *text);
	}
}

static void
say_choices(struct buf *out, const char *const *choices)
{
	for (size_t i = 0; choices[i]; i++)
		buf_printf(out, "%s`\"%s\"`", i ? " " : "", choices[i]);
}

static void
say_value(struct buf *out, const struct app_rule *rule)
{
	long long least = rule->least, most = rule->most;

	switch (rule->value) {
	case APP_TEXT:
		say_text(out, rule->text->expected);
		buf_printf(out, "; at most %lld bytes", most);
		break;
	case APP_CHOICE:
		say_choices(out, rule->choices);
		break;
	case APP_INT:
		buf_printf(out, "%lld to %lld", least, most);
		break;
	case APP_BOOL:
		buf_add_text(out, "true or false");
		break;
	case APP_SCALAR:
		buf_add_text(out, "text, number, true or false");
		break;
	case APP_ARRAY:
		buf_printf(out, "%s%lld", least ? "1 to " : "at most ", most);
		if (rule->element->value != APP_OBJECT) {
			buf_add_text(out, " of: ");
			say_value(out, rule->element);
		}
		break;
	case APP_OBJECT:
		buf_add_text(out, "object");
		break;
	case APP_MAP:
		buf_printf(out, "object of at most %lld: ", most);
		say_value(out, rule->element);
		break;
	}
}

static void
say_rules(struct buf *out, const struct app_rule *rules, const char *path)
{
	for (; rules->name; rules++) {
		char name[NAME_ROOM];
		bool list = rules->value == APP_ARRAY;

		snprintf(name, sizeof(name), "%s%s%s", path, rules->name, list ? "[]" : "");
		buf_printf(out, "| `%s` | %s | ", name, rules->required ? "required" : "");
		say_value(out, rules);
		buf_add_text(out, " | ");
		say_text(out, rules->doc);
		buf_add_text(out, " |\n");
		const struct app_rule *inner = list ? rules->element : rules;
		snprintf(name + strlen(name), sizeof(name) - strlen(name), ".");
		if (inner->value == APP_OBJECT)
			say_rules(out, inner->members, name);
	}
}

char *
app_rules_manual(void)
{
	struct buf out = BUF_INIT(MANUAL_MOST);

	buf_add_text(&out, "| member | | what it holds | |\n|---|---|---|---|\n");
	say_rules(&out, app_rules, "");
	return buf_take(&out);
}
