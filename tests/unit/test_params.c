/* SPDX-License-Identifier: Apache-2.0 */
/* Query parameters, pages, columns and JSON fields: every spelling clients use, every limit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "web/fields.h"
#include "web/paging.h"
#include "web/params.h"

#define auto_params __attribute__((cleanup(params_free)))

static struct params
parse(const char *query)
{
	struct params params = { 0 };
	struct errctx ctx = { 0 };

	assert_int_equal(params_parse(query, strlen(query), &params, &ctx), OK);
	return params;
}

static void
decodes_form_encoding(void **state)
{
	auto_params struct params query = parse("a=1&&b&=v&pg%5Blimit%5D=5+6&c=%C3%A9&d==%3D");

	(void)state;
	assert_int_equal(query.n, 6);
	assert_string_equal(query.list[1].name, "b");
	assert_string_equal(query.list[1].value, "");
	assert_string_equal(query.list[2].name, "");
	assert_string_equal(query.list[3].name, "pg[limit]");
	assert_string_equal(query.list[3].value, "5 6");
	assert_string_equal(query.list[4].value, "\xc3\xa9");
	assert_string_equal(query.list[5].value, "==");
}

static void
refuses_broken_queries(void **state)
{
	static const char *const bad[] = { "a=%", "a=%1", "a=%zz", "%00=1", "a=%00", "a=%ff",
		"%c3=1", "a=%ed%a0%80", "%" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct params params;
		struct errctx ctx = { 0 };

		if (params_parse(bad[i], strlen(bad[i]), &params, &ctx) != ERR_MALFORMED)
			fail_msg("accepted %s", bad[i]);
	}
}

static void
refuses_too_many_and_too_long_parameters(void **state)
{
	static char query[8192];
	struct params params;
	struct errctx ctx = { 0 };
	size_t n = 0;

	(void)state;
	for (int i = 0; i < PARAMS_MAX; i++)
		n += (size_t)snprintf(query + n, sizeof(query) - n, "p%d=1&", i);
	assert_int_equal(params_parse(query, n, &params, &ctx), OK);
	params_free(&params);
	memcpy(query + n, "x", 2);
	assert_int_equal(params_parse(query, n + 1, &params, &ctx), ERR_MALFORMED);
	memset(query, 'a', 2 + PARAMS_VALUE_MAX + 1);
	query[1] = '=';
	assert_int_equal(params_parse(query, 2 + PARAMS_VALUE_MAX, &params, &ctx), OK);
	params_free(&params);
	assert_int_equal(params_parse(query, 2 + PARAMS_VALUE_MAX + 1, &params, &ctx),
	    ERR_MALFORMED);
}

static enum err
int_of(const char *text, int64_t *out)
{
	auto_params struct params query = parse(text);

	return query_int(&query, "n", QUERY_REQUIRED, -5, 500, out, NULL);
}

static void
reads_integers_strictly(void **state)
{
	static const char *const bad[] = { "n=", "n=a", "n=1.0", "n=+1", "n= 1", "n=1%20", "n=0x1",
		"n=501", "n=-6", "n=99999999999999999999", "n=1&n=2", "m=1", "n=-", "n=--1" };
	int64_t n = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (int_of(bad[i], &n) != ERR_FIELD)
			fail_msg("accepted %s", bad[i]);
	}
	assert_int_equal(int_of("n=500", &n), OK);
	assert_int_equal(n, 500);
	assert_int_equal(int_of("n=-5", &n), OK);
	assert_int_equal(n, -5);
}

static void
missing_optional_keeps_the_default(void **state)
{
	auto_params struct params query = parse("t=&f=1");
	int64_t n = 7;
	bool flag = false, other = true;
	const char *text = "before";

	(void)state;
	assert_int_equal(query_int(&query, "n", QUERY_OPTIONAL, 0, 9, &n, NULL), OK);
	assert_int_equal(query_bool(&query, "f", &flag, NULL), OK);
	assert_int_equal(query_bool(&query, "g", &other, NULL), OK);
	assert_int_equal(query_text(&query, "t", QUERY_OPTIONAL, 9, &text, NULL), OK);
	assert_int_equal(n, 7);
	assert_true(flag);
	assert_true(other);
	assert_string_equal(text, "before");
}

static void
counts_characters_not_bytes_and_refuses_controls(void **state)
{
	auto_params struct params query = parse("t=%C3%A9%C3%A9&c=a%0Ab&d=%C2%85");
	const char *text = NULL;

	(void)state;
	assert_int_equal(query_text(&query, "t", QUERY_REQUIRED, 2, &text, NULL), OK);
	assert_int_equal(query_text(&query, "t", QUERY_REQUIRED, 1, &text, NULL), ERR_FIELD);
	assert_int_equal(query_text(&query, "c", QUERY_REQUIRED, 9, &text, NULL), ERR_FIELD);
	assert_int_equal(query_text(&query, "d", QUERY_REQUIRED, 9, &text, NULL), ERR_FIELD);
}

static void
all_spellings_of_a_list_are_alike(void **state)
{
	static const char *const spellings[] = { "cols=a&cols=b", "cols=a,b", "cols[]=a&cols[]=b",
		"cols%5B%5D=a&cols%5B%5D=b", "cols[0]=a&cols[1]=b", "x=1&cols=a&y=2&cols[]=b",
		"cols=,a,,b," };

	(void)state;
	for (size_t i = 0; i < sizeof(spellings) / sizeof(spellings[0]); i++) {
		auto_params struct params query = parse(spellings[i]);
		auto_query_list struct query_list list = { 0 };

		assert_int_equal(query_list(&query, "cols", &list, NULL), OK);
		assert_int_equal(list.n, 2);
		assert_string_equal(list.items[0], "a");
		assert_string_equal(list.items[1], "b");
	}
	auto_params struct params other = parse("colsx=a&cols[=b&cols[a]=c&cols[]x=d");
	auto_query_list struct query_list none = { 0 };
	assert_int_equal(query_list(&other, "cols", &none, NULL), OK);
	assert_int_equal(none.n, 0);
}

static void
refuses_lists_without_end(void **state)
{
	char text[QUERY_LIST_MAX * 2 + 16] = "l=";
	auto_query_list struct query_list list = { 0 };

	(void)state;
	for (int i = 0; i <= QUERY_LIST_MAX; i++)
		memcpy(text + strlen(text), "a,", 3);
	auto_params struct params query = parse(text);
	assert_int_equal(query_list(&query, "l", &list, NULL), ERR_FIELD);
}

static const char *const sortable[] = { "name", "createdAt", NULL };

static enum err
page_of(const char *text, struct page *page)
{
	auto_params struct params query = parse(text);

	return page_read(&query, sortable, true, page, NULL);
}

static void
reads_pages_with_defaults_and_limits(void **state)
{
	static const char *const bad[] = { "pg[limit]=0", "pg[limit]=501", "pg[offset]=-1",
		"pg[sortBy]=secret", "pg[sortDir]=up", "pg[returnTotalCount]=x" };
	struct page page;

	(void)state;
	assert_int_equal(page_of("", &page), OK);
	assert_int_equal(page.limit, 100);
	assert_int_equal(page.offset, 0);
	assert_string_equal(page.sort_name, "name");
	assert_true(page.sort_desc);
	assert_int_equal(page_of("pg%5BsortBy%5D=createdAt&pg[sortDir]=asc&pg[limit]=500&pg[offset]"
				 "=3&pg[returnTotalCount]=true",
			     &page),
	    OK);
	page.total_count = 9;
	json_t *json = page_json(&page);
	char *text = json_text(json);
	assert_string_equal(text, "{\"sortBy\":\"createdAt\",\"sortDir\":\"asc\",\"limit\":500,"
				  "\"offset\":3,\"totalCount\":9}");
	free(text);
	json_decref(json);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (page_of(bad[i], &page) != ERR_FIELD)
			fail_msg("accepted %s", bad[i]);
	}
}

static const struct column_spec columns_table[] = { { "id", false }, { "name", false },
	{ "extra", true }, { 0 } };

static char *
shown(const char *text)
{
	auto_params struct params query = parse(text);
	struct columns columns;

	assert_int_equal(columns_read(&query, columns_table, &columns, NULL), OK);
	json_t *entity =
	    json_pack("{s:i,s:s,s:i,s:i}", "id", 1, "name", "n", "extra", 2, "secret", 3);
	columns_apply(entity, &columns);
	char *out = json_text(entity);
	json_decref(entity);
	return out;
}

static void
shows_exactly_the_columns_asked_for(void **state)
{
	static const struct {
		const char *query, *shown;
	} cases[] = {
		{ "", "{\"id\":1,\"name\":\"n\"}" },
		{ "cols=name", "{\"name\":\"n\"}" },
		{ "cols[]=extra&cols=id", "{\"id\":1,\"extra\":2}" },
		{ "cols[]=*", "{\"id\":1,\"name\":\"n\",\"extra\":2}" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *text = shown(cases[i].query);

		assert_string_equal(text, cases[i].shown);
		free(text);
	}
}

static void
refuses_unknown_columns(void **state)
{
	auto_params struct params query = parse("cols=id,secret");
	struct columns columns;
	struct errctx ctx = { 0 };

	(void)state;
	assert_int_equal(columns_read(&query, columns_table, &columns, &ctx), ERR_FIELD);
	assert_string_equal(ctx.sub[0].path, "cols");
}

static json_t *
meta_of(const char *text, int64_t count)
{
	auto_params struct params query = parse(text);
	struct paging paging;

	assert_int_equal(paging_read(&query, &paging, NULL), OK);
	assert_int_equal(paging.offset, (paging.page - 1) * paging.per_page);
	return paging_meta(&paging, count, "https://b.example/", "/api/v1/user_credentials",
	    &query);
}

static void
meta_repeats_every_filter(void **state)
{
	json_t *meta = meta_of("filter=UNRESTRICTED&team_id=3&page=2&n=a%26b", 45);

	(void)state;
	assert_string_equal(json_get_text(meta, "next_page"),
	    "https://b.example/api/v1/"
	    "user_credentials?filter=UNRESTRICTED&team_id=3&n=a%26b&per_page=20&page=3");
	assert_non_null(strstr(json_get_text(meta, "previous_page"), "&page=1"));
	assert_non_null(strstr(json_get_text(meta, "current_page"), "&page=2"));
	assert_int_equal(json_get_int(meta, "next_page_number", 0), 3);
	assert_int_equal(json_get_int(meta, "pages", 0), 3);
	assert_int_equal(json_get_int(meta, "count", 0), 45);
	assert_int_equal(json_get_int(meta, "per_page", 0), 20);
	json_decref(meta);
}

static void
meta_at_and_beyond_the_ends(void **state)
{
	json_t *last = meta_of("page=3&per_page=20", 60), *beyond = meta_of("page=9", 21),
	       *empty = meta_of("", 0);

	(void)state;
	assert_true(json_is_null(json_object_get(last, "next_page")));
	assert_true(json_is_null(json_object_get(last, "next_page_number")));
	assert_non_null(strstr(json_get_text(beyond, "previous_page"), "page=2"));
	assert_true(json_is_null(json_object_get(empty, "previous_page")));
	assert_true(json_is_null(json_object_get(empty, "next_page")));
	assert_int_equal(json_get_int(empty, "pages", 9), 0);
	json_decref(last);
	json_decref(beyond);
	json_decref(empty);
}

static const char *const colours[] = { "red", "green", NULL };
static const struct field_spec item_fields[] = {
	{ .name = "appName", .type = FIELD_TEXT, .flags = FIELD_REQUIRED, .least = 1, .most = 4 },
	{ .name = "id", .type = FIELD_INT, .flags = FIELD_DIGITS, .least = 1, .most = INT64_MAX },
	{ 0 },
};
static const struct field_spec item = { .type = FIELD_OBJECT,
	.flags = FIELD_STRICT,
	.fields = item_fields };
static const struct field_spec fields[] = {
	{ .name = "name", .type = FIELD_TEXT, .flags = FIELD_REQUIRED | FIELD_ONE_LINE, .most = 5 },
	{ .name = "note", .type = FIELD_TEXT, .flags = FIELD_NULLABLE },
	{ .name = "raw", .type = FIELD_TEXT, .flags = FIELD_RAW },
	{ .name = "n", .type = FIELD_INT, .flags = FIELD_DIGITS },
	{ .name = "strict", .type = FIELD_INT, .least = 1, .most = 9 },
	{ .name = "flag", .type = FIELD_BOOL },
	{ .name = "uuid", .type = FIELD_UUID },
	{ .name = "colour", .type = FIELD_ENUM, .names = colours },
	{ .name = "options", .type = FIELD_OBJECT, .flags = FIELD_JSON_TEXT, .most = 2 },
	{ .name = "items", .type = FIELD_ARRAY, .least = 1, .most = 3, .element = &item },
	{ .name = "any", .type = FIELD_ANY },
	{ 0 },
};

/* Checks and tells the paths of all errors, with blanks between; the object stays in *out. */
static const char *
paths_of(const char *text, bool unknown_ok, json_t **out)
{
	static char paths[2048];
	struct errctx ctx = { 0 };
	json_t *object = NULL;
	size_t n = 0;

	assert_int_equal(json_parse(text, strlen(text), &object, NULL), OK);
	enum err err = fields_check(object, fields, unknown_ok, "", &ctx);
	assert_int_equal(err, ctx.n_sub ? ERR_FIELD : OK);
	paths[0] = '\0';
	for (unsigned i = 0; i < ctx.n_sub; i++)
		n += (size_t)snprintf(paths + n, sizeof(paths) - n, "%s%s", i ? " " : "",
		    ctx.sub[i].path);
	if (out)
		*out = json_incref(object);
	json_decref(object);
	return paths;
}

static void
collects_all_errors_with_paths(void **state)
{
	(void)state;
	assert_string_equal(
	    paths_of("{\"n\":1.5,\"flag\":\"true\",\"uuid\":\"x\",\"colour\":\"blue\","
		     "\"items\":[{\"appName\":\"ok\"},{\"appName\":\"toolong\",\"x\":1},3,{}]}",
		true, NULL),
	    "name n flag uuid colour items");
	assert_string_equal(
	    paths_of("{\"name\":\"a\",\"items\":[{\"appName\":\"toolong\",\"x\":1},3,{}]}", true,
		NULL),
	    "items[0].appName items[0].x items[1] items[2].appName");
}

static void
each_type_refuses_the_others(void **state)
{
	static const char *const values[] = { "null", "true", "1", "1.5", "\"t\"", "[]", "{}" };
	static const struct {
		const char *name;
		const char *good; /* bit per value: '1' is taken */
	} cases[] = {
		{ "note", "1000100" },
		{ "n", "1010000" },
		{ "flag", "1100000" },
		{ "uuid", "1000000" },
		{ "colour", "1000000" },
		{ "options", "1000001" },
		{ "items", "1000000" },
		{ "any", "1111111" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (size_t j = 0; j < sizeof(values) / sizeof(values[0]); j++) {
			char text[128];

			snprintf(text, sizeof(text), "{\"name\":\"a\",\"%s\":%s}", cases[i].name,
			    values[j]);
			const char *paths = paths_of(text, false, NULL);
			if ((*paths == '\0') != (cases[i].good[j] == '1'))
				fail_msg("%s gives \"%s\"", text, paths);
		}
	}
}

static void
limits_texts_in_characters(void **state)
{
	(void)state;
	assert_string_equal(paths_of("{\"name\":\"\\u00e9\\u00e9\\u00e9\\u00e9\\u00e9\"}", false,
				NULL),
	    "");
	assert_string_equal(paths_of("{\"name\":\"123456\"}", false, NULL), "name");
	assert_string_equal(paths_of("{\"name\":\"a\\n\"}", false, NULL), "name");
	assert_string_equal(paths_of("{\"name\":\"a\",\"note\":\"a\\n\\tb\"}", false, NULL), "");
	assert_string_equal(paths_of("{\"name\":\"a\",\"note\":\"a\\rb\"}", false, NULL), "note");
	assert_string_equal(paths_of("{\"name\":\"a\",\"note\":\"a\\u0085b\"}", false, NULL),
	    "note");
	assert_string_equal(paths_of("{\"name\":\"a\",\"raw\":\"a\\r\\n\\u0001\"}", false, NULL),
	    "");
	assert_string_equal(paths_of("{\"name\":null}", false, NULL), "name");
	assert_string_equal(paths_of("{\"name\":\"a\",\"strict\":10}", false, NULL), "strict");
	assert_string_equal(paths_of("{\"name\":\"a\",\"strict\":\"1\"}", false, NULL), "strict");
	assert_string_equal(paths_of("{\"name\":\"a\",\"options\":{\"a\":1,\"b\":1,\"c\":1}}",
				false, NULL),
	    "options");
}

static void
converts_what_is_tolerated(void **state)
{
	json_t *object = NULL;

	(void)state;
	assert_string_equal(paths_of("{\"name\":\"a\",\"n\":\"42\",\"options\":\"{\\\"a\\\":1}\","
				     "\"items\":[{\"appName\":\"x\",\"id\":\"7\"}]}",
				false, &object),
	    "");
	assert_int_equal(json_get_int(object, "n", 0), 42);
	assert_int_equal(json_get_int(json_object_get(object, "options"), "a", 0), 1);
	const json_t *first = json_array_get(json_object_get(object, "items"), 0);
	assert_int_equal(json_get_int(first, "id", 0), 7);
	json_decref(object);
	assert_string_equal(paths_of("{\"name\":\"a\",\"n\":\"4x\"}", false, NULL), "n");
	assert_string_equal(paths_of("{\"name\":\"a\",\"n\":\" 4\"}", false, NULL), "n");
	assert_string_equal(paths_of("{\"name\":\"a\",\"n\":\"99999999999999999999\"}", false,
				NULL),
	    "n");
	assert_string_equal(paths_of("{\"name\":\"a\",\"options\":\"[1]\"}", false, NULL),
	    "options");
	assert_string_equal(paths_of("{\"name\":\"a\",\"options\":\"{broken\"}", false, NULL),
	    "options");
}

static void
takes_null_of_what_may_be_missing_as_missing(void **state)
{
	json_t *object = NULL;

	(void)state;
	assert_string_equal(paths_of("{\"name\":\"a\",\"note\":null,\"n\":null,\"any\":null,"
				     "\"items\":[{\"appName\":\"x\",\"id\":null}]}",
				false, &object),
	    "");
	const json_t *first = json_array_get(json_object_get(object, "items"), 0);
	assert_null(json_object_get(object, "n"));
	assert_null(json_object_get(first, "id"));
	assert_true(json_is_null(json_object_get(object, "note")));
	assert_true(json_is_null(json_object_get(object, "any")));
	json_decref(object);
	assert_string_equal(paths_of("{\"name\":null}", false, NULL), "name");
	assert_string_equal(paths_of("{\"name\":\"a\",\"items\":[null]}", false, NULL), "items[0]");
	assert_string_equal(paths_of("{\"name\":\"a\",\"items\":[{\"appName\":null}]}", false,
				NULL),
	    "items[0].appName");
}

static void
reads_truth_values_as_programs_write_them(void **state)
{
	static const struct {
		const char *text;
		int means; /* 2: refused */
	} cases[] = { { "true", 1 }, { "True", 1 }, { "TRUE", 1 }, { "1", 1 }, { "false", 0 },
		{ "False", 0 }, { "FALSE", 0 }, { "0", 0 }, { "yes", 2 }, { "truee", 2 },
		{ "10", 2 } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[32];
		bool flag = cases[i].means == 0;

		snprintf(text, sizeof(text), "f=%s", cases[i].text);
		auto_params struct params query = parse(text);
		enum err err = query_bool(&query, "f", &flag, NULL);
		if (err != (cases[i].means == 2 ? ERR_FIELD : OK) ||
		    (!err && flag != (cases[i].means == 1)))
			fail_msg("%s", text);
	}
}

static void
unknown_members_by_choice(void **state)
{
	(void)state;
	assert_string_equal(paths_of("{\"name\":\"a\",\"kwargs\":1}", true, NULL), "");
	assert_string_equal(paths_of("{\"name\":\"a\",\"kwargs\":1}", false, NULL), "kwargs");
}

static void
no_body_is_an_empty_object(void **state)
{
	struct errctx ctx = { 0 };

	(void)state;
	assert_int_equal(fields_check(NULL, fields, false, "", &ctx), ERR_FIELD);
	assert_string_equal(ctx.sub[0].path, "name");
	assert_int_equal(fields_check(NULL, fields + 1, false, "", &ctx), OK);
}

static void
more_errors_than_room_still_fail(void **state)
{
	struct errctx ctx = { 0 };
	char name[16];
	json_t *object = json_pack("{s:s}", "name", "a");

	(void)state;
	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "x%d", i);
		json_put_int(object, name, i);
	}
	assert_int_equal(fields_check(object, fields, false, "body", &ctx), ERR_FIELD);
	assert_int_equal(ctx.n_sub, ERR_SUB_MAX);
	assert_string_equal(ctx.sub[0].path, "body.x0");
	json_decref(object);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decodes_form_encoding),
		cmocka_unit_test(refuses_broken_queries),
		cmocka_unit_test(refuses_too_many_and_too_long_parameters),
		cmocka_unit_test(reads_integers_strictly),
		cmocka_unit_test(missing_optional_keeps_the_default),
		cmocka_unit_test(counts_characters_not_bytes_and_refuses_controls),
		cmocka_unit_test(all_spellings_of_a_list_are_alike),
		cmocka_unit_test(refuses_lists_without_end),
		cmocka_unit_test(reads_pages_with_defaults_and_limits),
		cmocka_unit_test(shows_exactly_the_columns_asked_for),
		cmocka_unit_test(refuses_unknown_columns),
		cmocka_unit_test(meta_repeats_every_filter),
		cmocka_unit_test(meta_at_and_beyond_the_ends),
		cmocka_unit_test(collects_all_errors_with_paths),
		cmocka_unit_test(each_type_refuses_the_others),
		cmocka_unit_test(limits_texts_in_characters),
		cmocka_unit_test(converts_what_is_tolerated),
		cmocka_unit_test(takes_null_of_what_may_be_missing_as_missing),
		cmocka_unit_test(reads_truth_values_as_programs_write_them),
		cmocka_unit_test(unknown_members_by_choice),
		cmocka_unit_test(no_body_is_an_empty_object),
		cmocka_unit_test(more_errors_than_room_still_fail),
	};

	return cmocka_run_group_tests_name("params", tests, NULL, NULL);
}
