/* SPDX-License-Identifier: Apache-2.0 */
/* How baileectl shows things: JSON for programs, a table or lines for people. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "ctl/command.h"

#define COLUMNS_MAX 16

/* A value as people read it; caller frees. */
static char *
cell_text(const json_t *value)
{
	if (!value || json_is_null(value))
		return xstrdup("-");
	if (json_is_string(value))
		return xstrdup(json_string_value(value));
	return json_text(value);
}

static void
measure(const json_t *rows, const char *const *keys, size_t n_keys, size_t *widths)
{
	size_t i;
	json_t *row;

	for (size_t k = 0; k < n_keys; k++)
		widths[k] = strlen(keys[k]);
	json_array_foreach(rows, i, row)
	{
		for (size_t k = 0; k < n_keys; k++) {
			auto_free char *text = cell_text(json_object_get(row, keys[k]));
			if (strlen(text) > widths[k])
				widths[k] = strlen(text);
		}
	}
}

static void
print_table(json_t *rows)
{
	const char *keys[COLUMNS_MAX], *key;
	size_t widths[COLUMNS_MAX], n_keys = 0, i;
	json_t *row, *value;

	json_object_foreach(json_array_get(rows, 0), key, value)
	{
		if (n_keys < COLUMNS_MAX)
			keys[n_keys++] = key;
	}
	if (n_keys == 0) {
		puts("(none)");
		return;
	}
	measure(rows, keys, n_keys, widths);
	for (size_t k = 0; k < n_keys; k++)
		printf("%-*s%s", k + 1 < n_keys ? (int)widths[k] : 0, keys[k],
		    k + 1 < n_keys ? "  " : "\n");
	json_array_foreach(rows, i, row)
	{
		for (size_t k = 0; k < n_keys; k++) {
			auto_free char *text = cell_text(json_object_get(row, keys[k]));
			printf("%-*s%s", k + 1 < n_keys ? (int)widths[k] : 0, text,
			    k + 1 < n_keys ? "  " : "\n");
		}
	}
}

static void
print_lines(json_t *object)
{
	const char *key;
	json_t *value;

	json_object_foreach(object, key, value)
	{
		auto_free char *text = cell_text(value);
		printf("%s: %s\n", key, text);
	}
}

void
ctl_print(const struct ctl *ctl, json_t *value)
{
	if (ctl->json) {
		json_dumpf(value, stdout, JSON_INDENT(2));
		putchar('\n');
	} else if (json_is_array(value)) {
		print_table(value);
	} else {
		print_lines(value);
	}
	json_decref(value);
}
