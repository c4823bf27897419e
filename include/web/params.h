/* SPDX-License-Identifier: Apache-2.0 */
/* Query parameters and JSON body fields, checked against tables; paging and column selection of
 * both surfaces. */
#ifndef BAILEE_WEB_PARAMS_H
#define BAILEE_WEB_PARAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/json.h"

/* ---- query strings
 * ------------------------------------------------------------------------------------------ */

#define PARAMS_MAX 128        /* parameters of one query */
#define PARAMS_VALUE_MAX 2048 /* bytes of one decoded value */

struct param {
	const char *name, *value;
};
struct params {
	struct param list[PARAMS_MAX]; /* in the order sent */
	size_t n;
	char *text; /* owned; what list points into */
};

/* Decode `a=1&b[]=x+y&pg%5Blimit%5D=5` (WHATWG form encoding). ERR_MALFORMED: too many, bad escape,
 * NUL, not UTF-8. */
enum err params_parse(const char *query, size_t len, struct params *params_out,
    struct errctx *ctx) MUSTCHECK;
void params_free(struct params *params);

/* Each reads one parameter. A missing QUERY_OPTIONAL one leaves *out as it was, so set the default
 * before. All errors are ERR_FIELD with the parameter's name as path; a parameter given twice is
 * one. An empty value counts as missing. */
enum query_need { QUERY_OPTIONAL, QUERY_REQUIRED };
enum err query_text(const struct params *query, const char *name, enum query_need need,
    size_t most_chars, const char **text_out, struct errctx *ctx) MUSTCHECK;
enum err query_int(const struct params *query, const char *name, enum query_need need,
    int64_t least, int64_t most, int64_t *number_out, struct errctx *ctx) MUSTCHECK;
enum err query_bool(const struct params *query, const char *name, bool *flag_out,
    struct errctx *ctx) MUSTCHECK; /* true|false|1|0 */
/* `names` ends with NULL; *index_out is the place of the value in it. */
enum err query_enum(const struct params *query, const char *name, const char *const *names,
    unsigned *index_out, struct errctx *ctx) MUSTCHECK;

/* A list: name=a&name=b, name[]=a&name[]=b, name[0]=a, name=a,b all alike. Missing: n = 0. */
#define QUERY_LIST_MAX 64
struct query_list {
	const char *items[QUERY_LIST_MAX];
	size_t n;
	char *text; /* owned; what items points into */
};
enum err query_list(const struct params *query, const char *name, struct query_list *list_out,
    struct errctx *ctx) MUSTCHECK;
void query_list_free(struct query_list *list);
#define auto_query_list __attribute__((cleanup(query_list_free)))

/* ---- lists of surface V2: pg[...] and cols
 * ------------------------------------------------------------------ */

#define PAGE_LIMIT_DEFAULT 100
#define PAGE_LIMIT_MAX 500
#define PAGE_OFFSET_MAX 100000000

struct page {
	unsigned sort_by;      /* place in the table given to page_read() */
	const char *sort_name; /* borrowed from that table */
	bool sort_desc;
	int64_t limit, offset;
	bool return_total;   /* the caller asked for pg[returnTotalCount] */
	int64_t total_count; /* the store sets it when return_total */
};
/* Read pg[sortBy], pg[sortDir], pg[limit], pg[offset], pg[returnTotalCount]. `sort_columns` ends
 * with NULL, its first is the default, ascending unless `desc_default`. ERR_FIELD on anything else.
 */
enum err page_read(const struct params *query, const char *const *sort_columns, bool desc_default,
    struct page *page_out, struct errctx *ctx) MUSTCHECK;
/* {sortBy, sortDir, limit, offset[, totalCount]}; caller owns. */
json_t *page_json(const struct page *page);

/* What an entity may show; ended by a row with NULL name; at most 64 rows. */
struct column_spec {
	const char *name;
	bool on_request; /* only when asked for by name or with `*` */
};
struct columns {
	const struct column_spec *table;
	uint64_t chosen; /* bit per row of table */
};
/* Read `cols`. An unknown column is ERR_FIELD. Without cols: every row not on_request. */
enum err columns_read(const struct params *query, const struct column_spec *table,
    struct columns *columns_out, struct errctx *ctx) MUSTCHECK;
/* Every row, as for details; and without what is on_request. */
struct columns columns_all(const struct column_spec *table);
struct columns columns_default(const struct column_spec *table);
bool columns_has(const struct columns *columns, const char *name);
/* Remove from `entity` every member that is not chosen. */
void columns_apply(json_t *entity, const struct columns *columns);

/* ---- lists of surface V1: per_page, page and meta
 * ------------------------------------------------------------ */

#define PAGING_PER_PAGE_DEFAULT 20
#define PAGING_PER_PAGE_MAX 500

struct paging {
	int64_t page, per_page; /* page counts from 1 */
	int64_t offset;         /* (page - 1) * per_page */
};
enum err paging_read(const struct params *query, struct paging *paging_out,
    struct errctx *ctx) MUSTCHECK;
/* {current_page, previous_page, next_page, next_page_number, per_page, pages, count}: absolute URLs
 * below `public_url`, made of `path` and every parameter of `query`. Caller owns. */
json_t *paging_meta(const struct paging *paging, int64_t count, const char *public_url,
    const char *path, const struct params *query);

/* ---- JSON bodies
 * --------------------------------------------------------------------------------------------- */

enum field_type {
	FIELD_ANY,  /* any JSON value, null too */
	FIELD_TEXT, /* least..most characters */
	FIELD_INT,  /* least..most */
	FIELD_BOOL,
	FIELD_UUID,
	FIELD_ENUM,   /* one of names */
	FIELD_OBJECT, /* checked against fields when given; most: members, when no fields are given
		       */
	FIELD_ARRAY,  /* least..most elements, each checked against element when given */
	FIELD_TYPE_COUNT
};

/* Bits of field_spec.flags */
#define FIELD_REQUIRED 1u
#define FIELD_NULLABLE 2u /* null is allowed (also beside FIELD_REQUIRED) */
#define FIELD_DIGITS 4u   /* FIELD_INT: text of digits is taken too and becomes a number */
#define FIELD_JSON_TEXT                                                                            \
	8u            /* FIELD_OBJECT, FIELD_ARRAY: JSON text is taken too and becomes its value */
#define FIELD_RAW 16u /* FIELD_TEXT: control characters allowed (secrets, keys); NUL never is */
#define FIELD_ONE_LINE 32u /* FIELD_TEXT: no line feed, no tab */
#define FIELD_STRICT 64u   /* FIELD_OBJECT with fields: unknown members are errors */

#define FIELD_TEXT_MOST 65536 /* when most is 0 */
#define FIELD_ITEMS_MOST 1000

struct field_spec {
	const char *name; /* NULL ends a table */
	enum field_type type;
	unsigned flags;
	int64_t least, most; /* most 0: FIELD_TEXT_MOST, FIELD_ITEMS_MOST; of an int: least = most =
				0 is any */
	const char *const *names;         /* of FIELD_ENUM, ended by NULL */
	const struct field_spec *fields;  /* of FIELD_OBJECT: table of its members */
	const struct field_spec *element; /* of FIELD_ARRAY: one row (its name is not used) */
};

/* Check `object` (NULL counts as {}) against `table`, collecting every error as suberror with its
 * JSON path below `path`
 * ("" at the top): ERR_FIELD. What FIELD_DIGITS and FIELD_JSON_TEXT allow is converted in place, so
 * that afterwards every member present has its JSON type. Unknown members are kept when
 * `unknown_ok`, else errors. Values are never in messages. */
enum err fields_check(json_t *object, const struct field_spec *table, bool unknown_ok,
    const char *path, struct errctx *ctx) MUSTCHECK;

/* Number of characters (code points) of valid UTF-8. */
size_t params_count_chars(const char *text);

#endif
