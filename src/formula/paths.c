/* SPDX-License-Identifier: Apache-2.0 */
/* Which paths a formula reads, as text. */
#include "formula/paths.h"

#include <ctype.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "formula/parser.h"
#include "formula/template.h"

#define PATH_MAX_BYTES 200
#define NODES_MAX 2000 /* of one formula; a longer one is not looked into */

void
paths_note_references(const struct formula *formula, json_t *slugs)
{
	for (const struct node *node = formula->last_made; node; node = node->made_before) {
		const struct node *base = node->kind == NODE_MEMBER ? node->items[0] : NULL;
		bool noted = false;
		size_t i;
		const json_t *slug;

		if (base == NULL || base->kind != NODE_ROOT ||
		    strcmp(base->name, FORMULA_CREDENTIAL) != 0)
			continue;
		const struct value *name = &node->items[1]->literal;
		json_array_foreach(slugs, i, slug) noted =
		    noted || (json_string_length(slug) == name->len &&
				 memcmp(json_string_value(slug), name->text, name->len) == 0);
		if (!noted) /* what is not UTF-8 is no slug either */
			json_array_append_new(slugs, json_text_lossy(name->text, name->len));
	}
}

static bool
is_name(const struct value *value)
{
	if (value->kind != VALUE_TEXT || value->len == 0)
		return false;
	for (size_t i = 0; i < value->len; i++)
		if (!isalnum((unsigned char)value->text[i]) && value->text[i] != '_')
			return false;
	return true;
}

/* False when it does not begin with a name: then nothing outside is read by it. */
static bool
add_path(const struct node *node, struct buf *out)
{
	const struct node *key;

	if (node->kind == NODE_ROOT) {
		buf_add_text(out, node->name);
		return true;
	}
	if (node->kind != NODE_MEMBER || !add_path(node->items[0], out))
		return false;
	key = node->items[1];
	if (key->kind != NODE_LITERAL)
		buf_add_text(out, "[…]");
	else if (is_name(&key->literal))
		buf_printf(out, ".%s", key->literal.text);
	else if (key->literal.kind == VALUE_INTEGER)
		buf_printf(out, "[%lld]", (long long)key->literal.integer);
	else if (key->literal.kind == VALUE_TEXT)
		buf_printf(out, "[\"%s\"]", key->literal.text ? key->literal.text : "");
	return true;
}

static bool
is_base(const struct formula *formula, const struct node *node)
{
	for (const struct node *other = formula->last_made; other; other = other->made_before)
		if (other->kind == NODE_MEMBER && other->items[0] == node)
			return true;
	return false;
}

static void
note(const struct node *node, json_t *paths)
{
	auto_buf struct buf path = BUF_INIT(PATH_MAX_BYTES);
	const json_t *known;
	size_t i;

	if (!add_path(node, &path) || path.over)
		return;
	json_array_foreach(paths, i, known)
	{
		if (strcmp(json_string_value(known), buf_text(&path)) == 0)
			return;
	}
	json_array_append_new(paths, json_text_lossy(buf_text(&path), path.len));
}

void
paths_note(const struct formula *formula, json_t *paths)
{
	size_t n = 0;

	for (const struct node *node = formula->last_made; node; node = node->made_before)
		n++;
	if (n > NODES_MAX)
		return;
	for (const struct node *node = formula->last_made; node; node = node->made_before)
		if ((node->kind == NODE_MEMBER || node->kind == NODE_ROOT) &&
		    !is_base(formula, node) && json_array_size(paths) < FORMULA_PATHS_MAX)
			note(node, paths);
}

json_t *
formula_names(const struct formula *formula)
{
	json_t *names = json_array();

	for (const struct node *node = formula->last_made; node; node = node->made_before) {
		bool known = node->kind != NODE_ROOT;
		const json_t *name;
		size_t i;

		json_array_foreach(names, i, name) known =
		    known || strcmp(json_string_value(name), node->name) == 0;
		if (!known)
			json_array_append_new(names,
			    json_text_lossy(node->name, strlen(node->name)));
	}
	return names;
}
