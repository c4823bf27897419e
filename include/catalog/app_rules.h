/* SPDX-License-Identifier: Apache-2.0 */
/* What an app definition may hold: one table of its members, and the rules between them. */
#ifndef BAILEE_CATALOG_APP_RULES_H
#define BAILEE_CATALOG_APP_RULES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/json.h"

enum app_value {
	APP_TEXT,   /* least..most bytes, and what `text` asks for */
	APP_CHOICE, /* one of the texts of `choices` */
	APP_INT,    /* least..most */
	APP_BOOL,
	APP_SCALAR, /* text, whole number, true or false */
	APP_ARRAY,  /* least..most elements, each as `element` says */
	APP_OBJECT, /* exactly the members of `members` */
	APP_MAP     /* at most `most` members of any name, each as `element` says */
};

/* A kind of text. */
struct app_text {
	bool (*fits)(const char *text);
	const char *expected; /* what it wants, for people: "must be <expected>" */
	const char *pattern;  /* the same as regular expression, for the JSON Schema; NULL: none can
				 say it */
};

struct app_rule {
	const char *name; /* NULL ends a table */
	enum app_value value;
	bool required;
	int64_t least, most;
	const struct app_text *text;    /* of APP_TEXT */
	const char *const *choices;     /* of APP_CHOICE; NULL ends them */
	const struct app_rule *element; /* of APP_ARRAY and APP_MAP: one row */
	const struct app_rule *members; /* of APP_OBJECT */
	const char *doc;                /* for the manual and the schema; NULL for elements */
};
/* The members of a definition, for the checks, the documentation and tests. */
extern const struct app_rule app_rules[];
/* Every kind of text; a NULL ends them. */
extern const struct app_text *const app_texts[];

/* ERR_CONFIG, with the JSON path of the first thing that is wrong as path and its text. Connections
 * of other files (`uses`) are not looked for here. */
enum err app_rules_check(json_t *definition, struct errctx *ctx) MUSTCHECK;

/* docs/app.schema.json: the tables as JSON Schema (2020-12). Caller owns. */
json_t *app_rules_schema(void);
/* The reference of docs/APPS.md: the tables as Markdown. Caller frees. */
char *app_rules_manual(void);

#endif
