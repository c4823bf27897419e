/* SPDX-License-Identifier: Apache-2.0 */
/* The scopes of API tokens: names and bits. */
#include "base/scopes.h"

#include <string.h>

const struct scope_row scopes_table[SCOPE_COUNT] = {
#define X(symbol, name) { name, SCOPE_##symbol },
	SCOPES_TABLE(X)
#undef X
};

const char *
scopes_name(uint32_t bit)
{
	if (bit == SCOPE_ANY_TOKEN)
		return "any-token";
	if (bit == SCOPE_NONE_PUBLIC)
		return "public";
	for (size_t i = 0; i < SCOPE_COUNT; i++)
		if (scopes_table[i].bit == bit)
			return scopes_table[i].name;
	return NULL;
}

static uint32_t
scope_find(const char *name, size_t len)
{
	if (len == 3 && !memcmp(name, "all", 3))
		return SCOPES_ALL;
	for (size_t i = 0; i < SCOPE_COUNT; i++)
		if (strlen(scopes_table[i].name) == len && !memcmp(scopes_table[i].name, name, len))
			return scopes_table[i].bit;
	return 0;
}

enum err
scopes_parse(const char *text, uint32_t *bits_out, struct errctx *ctx)
{
	static const char separators[] = ", \t\n";
	uint32_t bits = 0;

	for (text += strspn(text, separators); *text; text += strspn(text, separators)) {
		size_t len = strcspn(text, separators);
		uint32_t bit = scope_find(text, len);

		if (!bit)
			return err_set(ctx, ERR_VALUE, "scope",
			    "there is no scope \"%.*s\" (docs/OPERATING.md lists them)",
			    (int)(len < 60 ? len : 60), text);
		bits |= bit;
		text += len;
	}
	if (!bits)
		return err_set(ctx, ERR_VALUE, "scope", "at least one scope is needed");
	*bits_out = bits;
	return OK;
}

json_t *
scopes_json(uint32_t bits)
{
	json_t *names = json_array();

	for (size_t i = 0; i < SCOPE_COUNT; i++)
		if (bits & scopes_table[i].bit)
			json_array_append_new(names, json_string(scopes_table[i].name));
	return names;
}

bool
scopes_allow(uint32_t have, uint32_t need)
{
	if (need == SCOPE_UNSET)
		return false;
	return need == SCOPE_ANY_TOKEN || (have & need) == need;
}
