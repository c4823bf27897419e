/* SPDX-License-Identifier: Apache-2.0 */
/* Fields that a person fills in: from one table forms are made and values are checked. */
#ifndef BAILEE_CATALOG_FORM_H
#define BAILEE_CATALOG_FORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/json.h"

#define FORM_FILE_MOST 32768 /* characters of a certificate or private key */

enum form_type {
	FORM_TEXT,
	FORM_PASSWORD, /* not shown while it is typed, never shown again */
	FORM_SELECT,   /* one of options */
	FORM_BOOLEAN,
	FORM_PKEY, /* a private key: pasted, or read from a file */
	FORM_CERT, /* a certificate or public key: pasted, or read from a file */
	FORM_URL,  /* a whole URL (catalog/web_url.h) */
	FORM_TYPE_COUNT
};
/* As field specs name them: "text", "password", "select", "boolean", "pkey", "cert", "url". */
extern const char *const form_type_names[FORM_TYPE_COUNT];

struct form_option {
	const char *label, *value; /* a NULL value ends a table */
};

struct form_field {
	const char *name; /* NULL ends a table */
	enum form_type type;
	const char *label, *help; /* help may be NULL */
	bool required;
	bool requester;      /* filled in beforehand, never by the person who is asked */
	const char *initial; /* default, or NULL; "true" or "false" of a boolean */
	bool multiline;
	int64_t most; /* characters */
	const struct form_option *options;
	const char *pattern;         /* what a value must match as a whole (PCRE2), or NULL */
	const char *expected;        /* the same in words: "must be <expected>" */
	const char *prefix, *suffix; /* what stands around the value, for people, or NULL */
};

/* Check values against the fields, naming every bad one as `<path>.<field>` ("" for no prefix):
 * ERR_FIELD for unknown, missing, mistyped or over-long ones. `owner` says of what an unknown one
 * is no field: "this key type". Optional fields that are missing get their default in place. Values
 * are never in messages. */
enum err form_check(const struct form_field *fields, const char *owner, json_t *values,
    const char *path, struct errctx *ctx) MUSTCHECK;

/* The fields as JSON array of {name, type, label, help, required, default, multiline, options,
 * pattern, prefix, suffix}; help, default, options and what follows only where there are any.
 * Caller owns. */
json_t *form_json(const struct form_field *fields);

/* NULL when there is none of that name. */
const struct form_field *form_find(const struct form_field *fields, const char *name);
/* FORM_TYPE_COUNT when there is none of that name. */
enum form_type form_type_find(const char *name);

/* Record ERR_FIELD for `<path>.<name>`. */
enum err form_refuse(const char *path, const char *name, const char *text, struct errctx *ctx);

/* Whether `pattern` is a regular expression that form_check() can use. */
bool form_pattern_is_valid(const char *pattern);
/* Whether the whole text matches; a pattern that is none matches nothing. */
bool form_pattern_matches(const char *pattern, const char *text);

#endif
