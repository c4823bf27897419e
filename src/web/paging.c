/* SPDX-License-Identifier: Apache-2.0 */
/* Pages and columns of lists on both surfaces. */
#include "web/paging.h"

#include <assert.h>
#include <string.h>

#include "base/buf.h"

enum err
page_read(const struct params *query, const char *const *sort_columns, bool desc_default,
    struct page *page_out, struct errctx *ctx)
{
	static const char *const directions[] = { "asc", "desc", NULL };
	struct page page = { .limit = PAGE_LIMIT_DEFAULT };
	unsigned direction = desc_default;
	enum err err;

	err = query_enum(query, "pg[sortBy]", sort_columns, &page.sort_by, ctx);
	if (!err)
		err = query_enum(query, "pg[sortDir]", directions, &direction, ctx);
	if (!err)
		err = query_int(query, "pg[limit]", QUERY_OPTIONAL, 1, PAGE_LIMIT_MAX, &page.limit,
		    ctx);
	if (!err)
		err = query_int(query, "pg[offset]", QUERY_OPTIONAL, 0, PAGE_OFFSET_MAX,
		    &page.offset, ctx);
	if (!err)
		err = query_bool(query, "pg[returnTotalCount]", &page.return_total, ctx);
	if (err)
		return err;
	page.sort_name = sort_columns[page.sort_by];
	page.sort_desc = direction;
	*page_out = page;
	return OK;
}

json_t *
page_json(const struct page *page)
{
	json_t *pg = json_object();

	json_put_text(pg, "sortBy", page->sort_name);
	json_put_text(pg, "sortDir", page->sort_desc ? "desc" : "asc");
	json_put_int(pg, "limit", page->limit);
	json_put_int(pg, "offset", page->offset);
	if (page->return_total)
		json_put_int(pg, "totalCount", page->total_count);
	return pg;
}

/* Place of `name` in table, or -1. */
static int
column_find(const struct column_spec *table, const char *name)
{
	for (int i = 0; table[i].name; i++) {
		assert(i < 64);
		if (!strcmp(table[i].name, name))
			return i;
	}
	return -1;
}

struct columns
columns_all(const struct column_spec *table)
{
	struct columns columns = { .table = table };

	for (unsigned i = 0; table[i].name; i++)
		columns.chosen |= UINT64_C(1) << i;
	return columns;
}

struct columns
columns_default(const struct column_spec *table)
{
	struct columns columns = { .table = table };

	for (unsigned i = 0; table[i].name; i++)
		if (!table[i].on_request)
			columns.chosen |= UINT64_C(1) << i;
	return columns;
}

enum err
columns_read(const struct params *query, const struct column_spec *table,
    struct columns *columns_out, struct errctx *ctx)
{
	auto_query_list struct query_list cols = { 0 };
	struct columns columns = { .table = table };
	enum err err = query_list(query, "cols", &cols, ctx);

	for (size_t i = 0; !err && i < cols.n; i++) {
		int found = column_find(table, cols.items[i]);

		if (!strcmp(cols.items[i], "*"))
			columns.chosen |= columns_all(table).chosen;
		else if (found >= 0)
			columns.chosen |= UINT64_C(1) << found;
		else
			err = err_set(ctx, ERR_FIELD, "cols", "there is no column \"%.64s\"",
			    cols.items[i]);
	}
	if (err)
		return err;
	*columns_out = cols.n ? columns : columns_default(table);
	return OK;
}

bool
columns_has(const struct columns *columns, const char *name)
{
	int found = column_find(columns->table, name);

	return found >= 0 && columns->chosen >> found & 1;
}

void
columns_apply(json_t *entity, const struct columns *columns)
{
	const char *key;
	json_t *value;
	void *next;

	json_object_foreach_safe(entity, next, key, value)
	{
		if (!columns_has(columns, key))
			json_object_del(entity, key);
	}
}

enum err
paging_read(const struct params *query, struct paging *paging_out, struct errctx *ctx)
{
	struct paging paging = { .page = 1, .per_page = PAGING_PER_PAGE_DEFAULT };
	enum err err = query_int(query, "per_page", QUERY_OPTIONAL, 1, PAGING_PER_PAGE_MAX,
	    &paging.per_page, ctx);

	if (!err)
		err =
		    query_int(query, "page", QUERY_OPTIONAL, 1, PAGE_OFFSET_MAX, &paging.page, ctx);
	if (err)
		return err;
	paging.offset = (paging.page - 1) * paging.per_page;
	*paging_out = paging;
	return OK;
}

static void
add_encoded(struct buf *url, const char *text)
{
	for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
		if ((*c >= '0' && *c <= '9') || (*c >= 'A' && *c <= 'Z') ||
		    (*c >= 'a' && *c <= 'z') || strchr("-._~", *c))
			buf_add_char(url, (char)*c);
		else
			buf_printf(url, "%%%02X", *c);
	}
}

/* JSON text of the list's URL with another page; null when there is no such page. */
static json_t *
page_url(int64_t page, const struct paging *paging, const char *public_url, const char *path,
    const struct params *query)
{
	auto_buf struct buf url = BUF_INIT(65536);
	size_t base = strlen(public_url);

	if (page < 1)
		return json_null();
	while (base > 0 && public_url[base - 1] == '/')
		base--;
	buf_add(&url, public_url, base);
	buf_add_text(&url, path);
	buf_add_char(&url, '?');
	for (size_t i = 0; i < query->n; i++) {
		const struct param *param = &query->list[i];

		if (!strcmp(param->name, "page") || !strcmp(param->name, "per_page"))
			continue;
		add_encoded(&url, param->name);
		buf_add_char(&url, '=');
		add_encoded(&url, param->value);
		buf_add_char(&url, '&');
	}
	buf_printf(&url, "per_page=%lld&page=%lld", (long long)paging->per_page, (long long)page);
	return json_text_lossy(buf_text(&url), url.len);
}

json_t *
paging_meta(const struct paging *paging, int64_t count, const char *public_url, const char *path,
    const struct params *query)
{
	int64_t pages = (count + paging->per_page - 1) / paging->per_page;
	int64_t next = paging->page < pages ? paging->page + 1 : 0;
	/* from beyond the end, back leads to the last page there is */
	int64_t previous = paging->page - 1 > pages ? pages : paging->page - 1;
	json_t *meta = json_object();

	json_put(meta, "current_page", page_url(paging->page, paging, public_url, path, query));
	json_put(meta, "previous_page", page_url(previous, paging, public_url, path, query));
	json_put(meta, "next_page", page_url(next, paging, public_url, path, query));
	json_put(meta, "next_page_number", next ? json_integer(next) : json_null());
	json_put_int(meta, "per_page", paging->per_page);
	json_put_int(meta, "pages", pages);
	json_put_int(meta, "count", count);
	return meta;
}
