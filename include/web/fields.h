/* SPDX-License-Identifier: Apache-2.0 */
/* JSON bodies checked against tables of fields, all errors at once. */
#ifndef BAILEE_WEB_FIELDS_H
#define BAILEE_WEB_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/json.h"

enum field_type {
	FIELD_ANY,  /* any JSON value, null too */
	FIELD_TEXT, /* least..most characters */
	FIELD_INT,  /* least..most */
	FIELD_BOOL,
	FIELD_UUID,
	FIELD_ENUM,   /* one of names */
	FIELD_OBJECT, /* checked against fields when given; else most counts members */
	FIELD_ARRAY,  /* least..most elements, each checked against element when given */
	FIELD_TYPE_COUNT
};

/* Bits of field_spec.flags */
enum field_flag {
	FIELD_REQUIRED = 1 << 0,
	FIELD_NULLABLE = 1 << 1,  /* null is allowed, beside FIELD_REQUIRED too */
	FIELD_DIGITS = 1 << 2,    /* INT: text of digits is taken too and becomes a number */
	FIELD_JSON_TEXT = 1 << 3, /* OBJECT, ARRAY: JSON text is taken too and becomes its value */
	FIELD_RAW = 1 << 4,       /* TEXT: control characters allowed (secrets, keys); NUL never */
	FIELD_ONE_LINE = 1 << 5,  /* TEXT: no line feed, no tab */
	FIELD_STRICT = 1 << 6,    /* OBJECT with fields: unknown members are errors */
};

#define FIELD_TEXT_MOST 65536 /* characters, when most is 0 */
#define FIELD_ITEMS_MOST 1000 /* elements or members, when most is 0 */

struct field_spec {
	const char *name; /* NULL ends a table */
	enum field_type type;
	unsigned flags;
	int64_t least, most;              /* of an INT least = most = 0 means any */
	const char *const *names;         /* of FIELD_ENUM, ended by NULL */
	const struct field_spec *fields;  /* of FIELD_OBJECT: table of its members */
	const struct field_spec *element; /* of FIELD_ARRAY: one row (its name is not used) */
};

/* Check `object` (NULL counts as {}) against `table`, collecting every error as suberror with its
 * JSON path below `path` ("" at the top): ERR_FIELD. What FIELD_DIGITS and FIELD_JSON_TEXT allow is
 * converted in place, so that afterwards every member present has its JSON type. A member that may
 * be missing and is null, where null says nothing, is taken out. Unknown members are kept when
 * `unknown_ok`, else errors. Values are never in messages. */
enum err fields_check(json_t *object, const struct field_spec *table, bool unknown_ok,
    const char *path, struct errctx *ctx) MUSTCHECK;

#endif
