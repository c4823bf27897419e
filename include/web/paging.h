/* SPDX-License-Identifier: Apache-2.0 */
/* Pages and columns of lists: pg[...] and cols of surface V2, per_page and meta of surface V1. */
#ifndef BAILEE_WEB_PAGING_H
#define BAILEE_WEB_PAGING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/json.h"
#include "web/params.h"

/* ---- surface V2: pg[...] and cols
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

/* ---- surface V1: per_page, page and meta
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

#endif
