/* SPDX-License-Identifier: Apache-2.0 */
/* What an app definition may hold: one table of its members, and the rules between them. */
#ifndef BAILEE_CATALOG_APP_RULES_H
#define BAILEE_CATALOG_APP_RULES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/json.h"

enum app_value {
	APP_TEXT,  /* least..most bytes, and what `fits` asks for */
	APP_INT,   /* least..most */
	APP_ARRAY, /* least..most elements, each as `element` says */
	APP_OBJECT /* exactly the members of `members` */
};

struct app_rule {
	const char *name; /* NULL ends a table */
	enum app_value value;
	bool required;
	int64_t least, most;
	bool (*fits)(const char *text);
	const char *expected;           /* what `fits` wants, for people */
	const struct app_rule *element; /* of APP_ARRAY: one row */
	const struct app_rule *members; /* of APP_OBJECT */
};
/* The members of a definition, for the documentation and tests. */
extern const struct app_rule app_rules[];

/* ERR_CONFIG, with the JSON path of the first thing that is wrong as path and its text. */
enum err app_rules_check(json_t *definition, struct errctx *ctx) MUSTCHECK;

#endif
