/* SPDX-License-Identifier: Apache-2.0 */
/* The types of keys: one table of their fields, from which forms are made and values are checked.
 */
#ifndef BAILEE_CATALOG_KEY_TYPES_H
#define BAILEE_CATALOG_KEY_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/json.h"

enum key_field_type {
	KEY_FIELD_TEXT,
	KEY_FIELD_PASSWORD, /* not shown while it is typed, never shown again */
	KEY_FIELD_SELECT,   /* one of options */
	KEY_FIELD_TYPE_COUNT
};
/* As field specs name them: "text", "password", "select". */
extern const char *const key_field_type_names[KEY_FIELD_TYPE_COUNT];

struct key_option {
	const char *label, *value; /* a NULL value ends a table */
};

struct key_field {
	const char *name; /* NULL ends a table */
	enum key_field_type type;
	const char *label, *help; /* help may be NULL */
	bool required;
	const char *initial; /* default, or NULL */
	bool multiline;
	int64_t most; /* characters */
	const struct key_option *options;
};

/* A rule over several fields, called once each of them is fine by itself. */
typedef enum err (*key_rule_fn)(const json_t *parameters, const char *path, struct errctx *ctx);

struct key_type {
	const char *name; /* NULL ends the table */
	const char *label;
	const char *theme, *icon; /* colour and picture that clients show */
	int version;
	const struct key_field *fields;
	key_rule_fn rule; /* or NULL */
};

/* Every type this program can take; ended by a row with NULL name. */
extern const struct key_type key_types[];

/* NULL when there is none of that name. */
const struct key_type *key_type_find(const char *name);

/* Check the values of a form or a call against the type, naming every bad field as
 * `<path>.<field>` ("" for no prefix): ERR_FIELD for unknown, missing, mistyped or over-long
 * fields, and for values that cannot be a key of this type. Optional fields that are missing get
 * their default in place. Values are never in messages. */
enum err key_type_check(const struct key_type *type, json_t *parameters, const char *path,
    struct errctx *ctx) MUSTCHECK;

/* The fields as JSON array of {name, type, label, help, required, default, multiline, options}:
 * the form of the request page and the `parameters` of /keys/types. help, default and options only
 * where there are any. Caller owns. */
json_t *key_type_form(const struct key_type *type);

#endif
