/* SPDX-License-Identifier: Apache-2.0 */
/* Query strings: decoded once, read by name, with the list spellings clients use. */
#ifndef BAILEE_WEB_PARAMS_H
#define BAILEE_WEB_PARAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define PARAMS_MAX 128        /* parameters of one query */
#define PARAMS_VALUE_MAX 4096 /* bytes of one decoded value; authorization codes are long */

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
    struct errctx *ctx) MUSTCHECK; /* true|false|1|0, any case */
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

/* Number of characters (code points) of valid UTF-8. */
size_t params_count_chars(const char *text);

/* Undo %-escapes (and '+' for a space when `plus`); `out` has room for len + 1 bytes. False: a
 * broken escape, or a NUL. */
bool params_percent_decode(const char *text, size_t len, bool plus, char *out, size_t *len_out);
/* True when text is UTF-8 (RFC 3629). */
bool params_is_utf8(const char *text, size_t len);
/* True when text holds control characters (C0, DEL, C1); line feed and tab too unless `multi_line`.
 * Text is UTF-8. */
bool params_has_control(const char *text, bool multi_line);

#endif
