/* SPDX-License-Identifier: Apache-2.0 */
/* A query in the first line, a JSON body behind it, read through tables that use every kind of
 * field. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "web/fields.h"
#include "web/paging.h"
#include "web/params.h"
#include "must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const names[] = { "a", "b", NULL };
static const struct field_spec inner[] = {
	{ .name = "t", .type = FIELD_TEXT, .flags = FIELD_REQUIRED, .least = 1, .most = 8 },
	{ .name = "n", .type = FIELD_INT, .flags = FIELD_DIGITS, .least = -3, .most = 3 },
	{ 0 },
};
static const struct field_spec element = { .type = FIELD_OBJECT,
	.flags = FIELD_STRICT | FIELD_JSON_TEXT,
	.fields = inner };
static const struct field_spec table[] = {
	{ .name = "t", .type = FIELD_TEXT, .flags = FIELD_ONE_LINE | FIELD_NULLABLE },
	{ .name = "r", .type = FIELD_TEXT, .flags = FIELD_RAW },
	{ .name = "n", .type = FIELD_INT, .flags = FIELD_DIGITS },
	{ .name = "b", .type = FIELD_BOOL },
	{ .name = "u", .type = FIELD_UUID },
	{ .name = "e", .type = FIELD_ENUM, .names = names },
	{ .name = "o", .type = FIELD_OBJECT, .flags = FIELD_JSON_TEXT, .most = 3 },
	{ .name = "l",
	    .type = FIELD_ARRAY,
	    .flags = FIELD_JSON_TEXT,
	    .most = 4,
	    .element = &element },
	{ .name = "x", .type = FIELD_ANY },
	{ 0 },
};
static const struct column_spec columns_table[] = { { "t", false }, { "n", false }, { "x", true },
	{ 0 } };

static void
use_query(const struct params *query, json_t *entity)
{
	struct query_list list = { 0 };
	struct columns columns;
	struct page page;
	struct paging paging;
	int64_t n = 0;

	if (query_list(query, "l", &list, NULL) == OK)
		must(list.n <= QUERY_LIST_MAX);
	query_list_free(&list);
	if (query_int(query, "n", QUERY_REQUIRED, -3, 3, &n, NULL) == OK)
		must(n >= -3 && n <= 3);
	if (page_read(query, names, false, &page, NULL) == OK) {
		must(page.limit >= 1 && page.limit <= PAGE_LIMIT_MAX && page.offset >= 0);
		json_decref(page_json(&page));
	}
	if (paging_read(query, &paging, NULL) == OK) {
		must(paging.offset >= 0);
		json_decref(paging_meta(&paging, 1000, "http://h/", "/p", query));
	}
	if (columns_read(query, columns_table, &columns, NULL) == OK && entity) {
		columns_apply(entity, &columns);
		must(json_object_size(entity) <= 3);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = size ? memchr(data, '\n', size) : NULL;
	size_t query_len = end ? (size_t)(end - data) : size;
	struct errctx ctx = { 0 };
	struct params query;
	json_t *body = NULL;

	if (end)
		(void)!json_parse((const char *)end + 1, size - query_len - 1, &body, &ctx);
	err_clear(&ctx);
	if (body && fields_check(body, table, true, "", &ctx) == OK) {
		const json_t *n = json_object_get(body, "n");

		must(!n || json_is_integer(n));
		must(ctx.n_sub == 0);
	}
	if (params_parse((const char *)data, query_len, &query, NULL) == OK) {
		use_query(&query, json_is_object(body) ? body : NULL);
		params_free(&query);
	}
	json_decref(body);
	return 0;
}
