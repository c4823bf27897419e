/* SPDX-License-Identifier: Apache-2.0 */
/* The request page's calls without a database: link secrets, what is shown, what is sealed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/crypt.h"
#include "base/secret.h"
#include "page/browser.h"
#include "page/denial.h"
#include "page/link.h"
#include "page/routes.h"
#include "page/show.h"
#include "page/submit.h"
#include "web/pool.h"

#define ID "0198a1c2-0000-7000-8000-00000000beef"

/* ---- link secrets ---- */

static void
reads_a_secret_in_any_case_of_the_scheme(void **state)
{
	static const char *const schemes[] = { "Link ", "link ", "LINK " };
	unsigned char random[LINK_SECRET_SIZE], got[LINK_SECRET_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		crypt_random(random, sizeof(random));
		auto_free char *text = crypt_base64url(random, sizeof(random));
		auto_free char *value = xasprintf("%s%s", schemes[i], text);

		assert_int_equal(link_secret_read(value, got), OK);
		assert_memory_equal(got, random, sizeof(got));
	}
}

static void
refuses_what_is_no_secret(void **state)
{
	static const char *const bad[] = {
		"",
		"Link",
		"Link ",
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"Bearer AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"Link  AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"Link AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA ",
		"Link AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",   /* 42 */
		"Link AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", /* 44 */
		"Link AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", /* padded */
		"Link AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB",  /* stray bits */
		"Link AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA+",  /* other alphabet */
		"Link AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA/",  /* other alphabet */
		"Link AAAAAAAAAAAAAAAAAAAAA\303\251AAAAAAAAAAAAAAAAAAAA",
		"Link\tAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"Link AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA, Link A",
	};
	unsigned char got[LINK_SECRET_SIZE];

	(void)state;
	assert_int_equal(link_secret_read(NULL, got), ERR_VALUE);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (link_secret_read(bad[i], got) == OK)
			fail_msg("accepted %s", bad[i]);
}

/* ---- what is shown ---- */

/* Texts of rows are owned in life; nothing here frees them. */
static char *
text(const char *constant)
{
	char *copy;

	memcpy(&copy, &constant, sizeof(copy));
	return copy;
}

static struct page_row
make_row(const char *component, const char *type_name, const char *state, const char *job_state)
{
	struct page_row row = {
		.name = text("Request"),
		.status = text("pending"),
		.expires_at = 1900000000000,
		.browser = text("free"),
		.requester_name = text("Ada"),
		.requester_email = text("ada@example.org"),
		.team_name = text("Team"),
		.organization_name = text("Organization"),
		.component = text(component),
		.type = text("key"),
		.type_name = text(type_name),
		.label = text("Label"),
		.scope = text("[\"read\"]"),
		.state = text(state),
		.app_name = text("http"),
		.app_version = text("3"),
		.job_state = text(job_state),
		.job_error = job_state ? text("the vendor said no") : NULL,
	};

	assert_int_equal(uuid_parse(ID, &row.id), OK);
	return row;
}

static json_t *
view_of(struct page_row *row)
{
	const struct page_view view = { row, 1 };
	const struct page_link link = { .request = row->id };

	const struct show_facts facts = { 0 };

	return show_view(NULL, &link, &view, &facts);
}

static void
shows_who_asks_and_a_form_made_of_field_specs(void **state)
{
	struct page_row row = make_row("keychain", "basicauth", "pending", NULL);
	json_auto_t *view = view_of(&row);
	const json_t *request = json_object_get(view, "request");
	const json_t *item = json_array_get(json_object_get(view, "items"), 0);
	const json_t *form = json_object_get(item, "form");

	(void)state;
	assert_string_equal(json_get_text(request, "id"), ID);
	assert_string_equal(json_get_text(json_object_get(request, "requester"), "email"),
	    "ada@example.org");
	assert_true(json_is_null(json_object_get(request, "description")));
	assert_string_equal(json_get_text(item, "name"), "basicauth");
	assert_true(json_is_null(json_object_get(item, "progress")));
	assert_int_equal(json_array_size(json_object_get(item, "scope")), 1);
	assert_int_equal(json_array_size(form), 2);
	assert_string_equal(json_get_text(json_array_get(form, 1), "type"), "password");
}

static void
has_no_form_for_accounts_and_unknown_types(void **state)
{
	struct page_row account = make_row("account", "basicauth", "pending", NULL);
	struct page_row unknown = make_row("keychain", "no-such-type", "pending", NULL);
	struct page_row *rows[] = { &account, &unknown };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		json_auto_t *view = view_of(rows[i]);
		const json_t *item = json_array_get(json_object_get(view, "items"), 0);

		assert_true(json_is_null(json_object_get(item, "form")));
	}
}

static void
tells_progress_and_the_last_failure(void **state)
{
	static const struct {
		const char *state, *job, *progress, *error;
	} cases[] = {
		{ "pending", "queued", "working", NULL },
		{ "pending", "running", "working", NULL },
		{ "pending", "done", NULL, NULL },
		{ "pending", "failed", "failed", "the vendor said no" },
		{ "pending", "dead", "failed", "the vendor said no" },
		{ "authorized", "failed", NULL, NULL },
		{ "authorized", "running", "working", NULL },
		{ "declined", "done", NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct page_row row =
		    make_row("keychain", "apikeyauth", cases[i].state, cases[i].job);
		json_auto_t *view = view_of(&row);
		const json_t *item = json_array_get(json_object_get(view, "items"), 0);
		const char *progress = json_get_text(item, "progress");
		const char *error = json_get_text(item, "error");

		assert_string_equal(progress ? progress : "-",
		    cases[i].progress ? cases[i].progress : "-");
		assert_string_equal(error ? error : "-", cases[i].error ? cases[i].error : "-");
	}
}

static void
damaged_scope_is_an_empty_list(void **state)
{
	static const char *const bad[] = { "", "{}", "[", "null", "\"x\"" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct page_row row = make_row("account", "google", "pending", NULL);
		row.scope = text(bad[i]);
		json_auto_t *view = view_of(&row);
		const json_t *item = json_array_get(json_object_get(view, "items"), 0);

		assert_true(json_is_array(json_object_get(item, "scope")));
		assert_int_equal(json_array_size(json_object_get(item, "scope")), 0);
	}
}

static void
tells_what_waits_what_went_wrong_and_whose_account_it_is(void **state)
{
	static const struct {
		const char *state, *job, *flow, *waiting, *before;
		const char *progress, *problem, *name;
		bool other;
	} cases[] = {
		{ "pending", NULL, NULL, "ada", NULL, "confirm", NULL, "ada", false },
		{ "pending", "done", NULL, "ada", "ada", "confirm", NULL, "ada", false },
		{ "reauthorizing", "done", NULL, "ada", "grace", "confirm", NULL, "ada", true },
		{ "pending", "running", NULL, "ada", NULL, "working", NULL, "ada", false },
		{ "pending", "failed", NULL, "ada", NULL, "confirm", "refused", "ada", false },
		{ "authorized", "done", "access_denied", NULL, "ada", NULL, NULL, "ada", false },
		{ "authorized", "done", NULL, "grace", "ada", NULL, NULL, "ada", false },
		{ "reauthorizing", NULL, NULL, NULL, "ada", NULL, NULL, NULL, false },
		{ "pending", NULL, "access_denied", NULL, NULL, "failed", "denied", NULL, false },
		{ "pending", "done", "server_error", NULL, NULL, "failed", "provider", NULL,
		    false },
		{ "pending", NULL, "expired", NULL, NULL, "failed", "expired", NULL, false },
		{ "pending", "failed", NULL, NULL, NULL, "failed", "refused", NULL, false },
		{ "pending", "dead", NULL, NULL, NULL, "failed", "away", NULL, false },
		{ "pending", "running", "access_denied", NULL, NULL, "working", NULL, NULL, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct page_row row = make_row("account", "google", cases[i].state, cases[i].job);
		row.flow_error = text(cases[i].flow);
		if (cases[i].waiting)
			uuid_make(&row.waiting);
		row.waiting_name = text(cases[i].waiting);
		row.account_name = text(cases[i].before);
		json_auto_t *view = view_of(&row);
		const json_t *item = json_array_get(json_object_get(view, "items"), 0);
		const json_t *problem = json_object_get(item, "problem");
		const json_t *account = json_object_get(item, "account");
		const char *progress = json_get_text(item, "progress");

		assert_string_equal(progress ? progress : "-",
		    cases[i].progress ? cases[i].progress : "-");
		assert_int_equal(json_is_null(problem), cases[i].problem == NULL);
		if (cases[i].problem)
			assert_string_equal(json_get_text(problem, "code"), cases[i].problem);
		assert_int_equal(json_is_null(account), cases[i].name == NULL);
		if (cases[i].name)
			assert_string_equal(json_get_text(account, "name"), cases[i].name);
		bool asks = progress && !strcmp(progress, "confirm");
		assert_true(!asks || json_get_text(account, "id"));
		if (!strcmp(cases[i].state, "authorized"))
			assert_true(json_is_null(json_object_get(account, "id")));
		assert_int_equal(json_get_bool(account, "other", false), cases[i].other);
		const char *former = json_get_text(account, "former");
		assert_string_equal(former ? former : "-", cases[i].other ? cases[i].before : "-");
		assert_int_equal(json_array_size(json_object_get(item, "missing")), 0);
	}
}

static void
shows_another_browser_who_asks_and_no_more(void **state)
{
	struct page_row row = make_row("keychain", "apikeyauth", "pending", NULL);

	(void)state;
	row.browser = text("other");
	json_auto_t *view = view_of(&row);
	assert_string_equal(json_get_text(view, "browser"), "other");
	assert_int_equal(json_array_size(json_object_get(view, "items")), 0);
	assert_int_equal(json_object_size(json_object_get(view, "request")), 3);
}

static void
keeps_no_word_of_a_provider_but_known_codes(void **state)
{
	static const char *const foreign[] = { "", "Access_Denied", "access_denied ", "<script>",
		"expired", "unknown", "canary" };

	(void)state;
	for (const struct denial *denial = denials; denial->code; denial++) {
		assert_string_equal(denial_find(denial->code)->code, denial->code);
		assert_true(strlen(denial->code) <= 64); /* oauth_flow.error */
		if (strcmp(denial->code, "expired") != 0)
			assert_string_equal(denial_code(denial->code), denial->code);
	}
	for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++)
		assert_string_equal(denial_code(foreign[i]), "unknown_error");
}

/* ---- the browser ---- */

static void
a_browser_gets_a_cookie_of_the_host_alone_and_is_known_by_it(void **state)
{
	static const struct {
		const char *url, *prefix, *secure;
	} cases[] = {
		{ "https://broker.example", "__Host-", "; Secure\r\n" },
		{ "http://127.0.0.1:8080", "", "SameSite=Lax\r\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct pool pool = { 0 };
		struct request request = { .body = "" };
		struct ctx ctx = { .req = &request, .app = &pool };
		struct page_row row = make_row("keychain", "apikeyauth", "pending", NULL);
		const struct page_view view = { &row, 1 };
		struct page_link link = { .request = row.id }, again = { .request = row.id };
		auto_response struct response response = RESPONSE_INIT;
		char value[BROWSER_VALUE_MAX];

		snprintf(pool.config.public_url, sizeof(pool.config.public_url), "%s",
		    cases[i].url);
		row.expires_at = clock_now_ms() + 60 * 1000;
		assert_int_equal(browser_offer(&ctx, &link, &view, &response), OK);
		const char *header = buf_text(&response.headers);
		auto_free char *start = xasprintf("Set-Cookie: %sbailee-" ID "=", cases[i].prefix);
		assert_int_equal(strncmp(header, start, strlen(start)), 0);
		assert_non_null(strstr(header, "; Path=/; Max-Age="));
		assert_non_null(strstr(header, "; HttpOnly; SameSite=Lax"));
		assert_non_null(strstr(header, cases[i].secure));
		assert_null(strstr(header, "Domain"));

		snprintf(value, sizeof(value), "%s", header + strlen(start));
		auto_free char *cookie = xasprintf("a=b; %s%s; c=d", start + 12, value);
		request.cookie = cookie;
		browser_read(&ctx, &again);
		assert_true(again.has_browser);
		assert_memory_equal(again.browser, link.browser, sizeof(link.browser));
		cookie[strlen(cookie) - 10] ^= 1; /* somebody else's */
		browser_read(&ctx, &again);
		assert_true(!again.has_browser ||
			    memcmp(again.browser, link.browser, sizeof(link.browser)) != 0);
	}
}

/* ---- what is sealed ---- */

static void
seals_the_form_with_its_credential_and_defaults(void **state)
{
	const struct page_row row = make_row("keychain", "apikeyauth", "pending", NULL);
	json_auto_t *fields = json_pack("{s:s}", "key", "k\xc3\xa9y");
	auto_wipe char *sealed = NULL;
	struct errctx ctx = { 0 };

	(void)state;
	json_object_set_new(fields, "placement", json_string("qs"));
	assert_int_equal(submit_text(NULL, &row, fields, &sealed, &ctx), OK);
	json_auto_t *form = NULL;
	assert_int_equal(json_parse(sealed, strlen(sealed), &form, &ctx), OK);
	assert_string_equal(json_get_text(form, "credential"), ID);
	assert_string_equal(json_get_text(json_object_get(form, "fields"), "key"), "k\xc3\xa9y");
	assert_string_equal(json_get_text(json_object_get(form, "fields"), "name"), "X-API-Key");
	assert_int_equal(json_object_size(form), 2);
}

static void
names_each_bad_field_and_no_value(void **state)
{
	const struct page_row row = make_row("keychain", "apikeyauth", "pending", NULL);
	json_auto_t *fields =
	    json_pack("{s:s,s:s,s:s}", "key", "", "placement", "canary", "extra", "canary");
	auto_wipe char *sealed = NULL;
	struct errctx ctx = { 0 };

	(void)state;
	assert_int_equal(submit_text(NULL, &row, fields, &sealed, &ctx), ERR_FIELD);
	assert_null(sealed);
	assert_int_equal(ctx.n_sub, 3);
	for (unsigned i = 0; i < ctx.n_sub; i++) {
		assert_int_equal(strncmp(ctx.sub[i].path, "fields.", 7), 0);
		assert_null(strstr(ctx.sub[i].text, "canary"));
	}
}

static void
takes_no_form_for_accounts_and_unknown_types(void **state)
{
	const struct page_row account = make_row("account", "basicauth", "pending", NULL);
	const struct page_row unknown = make_row("keychain", "no-such-type", "pending", NULL);
	json_auto_t *fields = json_object();
	auto_wipe char *sealed = NULL;

	(void)state;
	assert_int_equal(submit_text(NULL, &account, fields, &sealed, NULL), ERR_VALUE);
	assert_int_equal(submit_text(NULL, &unknown, fields, &sealed, NULL), ERR_VALUE);
	assert_null(sealed);
}

/* ---- routes ---- */

static void
routes_do_their_duties(void **state)
{
	const struct route *const tables[] = { PAGE_ROUTE_TABLES, NULL };
	struct router *router = NULL;
	struct errctx ctx = { 0 };

	(void)state;
	if (router_open(tables, &router, &ctx))
		fail_msg("%s", err_text(&ctx));
	for (size_t i = 0; i < router_count(router); i++) {
		const struct route *route = router_route(router, i);

		assert_int_equal(route->scope, SCOPE_NONE_PUBLIC);
		bool changes = route->method != METHOD_GET || strstr(route->path, "/callback/");
		assert_int_equal(changes, strcmp(route->audit, "none") != 0);
	}
	router_close(&router);
}

/* Answered before the database is asked: the pool has none here. */
static void
incomplete_links_answer_as_unknown_ones(void **state)
{
	static const struct {
		const char *path, *authorization;
	} cases[] = {
		{ "/public/requests/" ID, NULL },
		{ "/public/requests/" ID, "Link short" },
		{ "/public/requests/not-an-id",
		    "Link AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" },
		{ "/public/requests/00000000-0000-0000-0000-000000000000",
		    "Link AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" },
	};
	const struct route *const tables[] = { PAGE_ROUTE_TABLES, NULL };
	struct router *router = NULL;
	char *first = NULL;

	(void)state;
	assert_int_equal(router_open(tables, &router, NULL), OK);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct request request = { .method = METHOD_GET, .body = "" };
		struct ctx ctx = { .req = &request };
		auto_response struct response response = RESPONSE_INIT;

		snprintf(request.path, sizeof(request.path), "%s", cases[i].path);
		request.authorization = cases[i].authorization;
		router_dispatch(router, &ctx, &response);
		assert_int_equal(response.status, err_kind(ERR_NOT_FOUND)->status[SURFACE_PUBLIC]);
		auto_free char *body = json_text(response.json);
		if (first)
			assert_string_equal(body, first);
		else
			first = xstrdup(body);
	}
	free(first);
	router_close(&router);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_a_secret_in_any_case_of_the_scheme),
		cmocka_unit_test(refuses_what_is_no_secret),
		cmocka_unit_test(shows_who_asks_and_a_form_made_of_field_specs),
		cmocka_unit_test(has_no_form_for_accounts_and_unknown_types),
		cmocka_unit_test(tells_progress_and_the_last_failure),
		cmocka_unit_test(damaged_scope_is_an_empty_list),
		cmocka_unit_test(tells_what_waits_what_went_wrong_and_whose_account_it_is),
		cmocka_unit_test(shows_another_browser_who_asks_and_no_more),
		cmocka_unit_test(keeps_no_word_of_a_provider_but_known_codes),
		cmocka_unit_test(a_browser_gets_a_cookie_of_the_host_alone_and_is_known_by_it),
		cmocka_unit_test(seals_the_form_with_its_credential_and_defaults),
		cmocka_unit_test(names_each_bad_field_and_no_value),
		cmocka_unit_test(takes_no_form_for_accounts_and_unknown_types),
		cmocka_unit_test(routes_do_their_duties),
		cmocka_unit_test(incomplete_links_answer_as_unknown_ones),
	};

	return cmocka_run_group_tests_name("page", tests, NULL, NULL);
}
