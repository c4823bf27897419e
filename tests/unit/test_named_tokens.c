/* SPDX-License-Identifier: Apache-2.0 */
/* Behaviour of definitions with several named tokens: what is refused, how each is asked for, and
 * where it is read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "oauth/authorize.h"
#include "oauth/exchange.h"

#include "oauth_type.h"

#define NOW INT64_C(1800000000000)
#define USER                                                                                       \
	"{'name':'user','from':'answer','scope_param':'user_scope','response_map':{"               \
	"'access_token':['/u/access_token'],'expires':['/u/expires_in'],'scope':['/u/scope']}}"
#define SITES                                                                                      \
	"{'name':'sites','from':'refresh_token','required':true,"                                  \
	"'refresh_params':{'scope':'sites/.default'}}"
#define SCOPES                                                                                     \
	"'scopes':[{'name':'r','words':'Read'},{'name':'user:r','words':'Read as you'},"           \
	"{'name':'user:s:t','words':'Search'},{'name':'users:x','words':'Something else'}]"
#define BOTH "{" SCOPES ",'refresh_params':{'k':'main'},'tokens':[" USER "," SITES "]}"

static const struct app_token *
token_of(const struct catalog *catalog, const char *name)
{
	const struct app_token *token = catalog_token_find(oauth_type_of(catalog), name);

	assert_non_null(token);
	return token;
}

/* ---- definitions ---- */

static enum err
try_rules(const char *rules, struct errctx *ctx)
{
	json_auto_t *definition = oauth_type_json(oauth_type_base);
	json_auto_t *changes = oauth_type_json(rules);
	json_t *connection = json_array_get(json_object_get(definition, "connections"), 0);
	struct catalog *catalog = catalog_new();

	json_t *inject = json_object_get(changes, "inject");
	if (inject) {
		json_object_set(connection, "inject", inject);
		json_object_del(changes, "inject");
	}
	json_object_update(json_object_get(connection, "oauth2"), changes);
	auto_free char *text = json_text(definition);
	*ctx = (struct errctx){ 0 };
	enum err err = catalog_add(catalog, "test", text, strlen(text), ctx);
	catalog_close(&catalog);
	return err;
}

#define INJECT(template) "'inject':[{'where':'header','name':'X','template':'" template "'}]"

static void
what_does_not_fit_together_is_refused(void **state)
{
	static const char *const misfits[] = {
		"{'tokens':[]}",
		"{'tokens':[{'name':'user'}]}",
		"{'tokens':[{'name':'main','from':'answer','response_map':{'access_token':['/u']}}]"
		"}",
		"{'tokens':[{'name':'a.b','from':'answer','response_map':{'access_token':['/u']}}]"
		"}",
		"{" SCOPES ",'tokens':[" USER "," USER "]}",
		/* where it is, and with what it is asked for */
		"{'tokens':[{'name':'user','from':'answer'}]}",
		"{'tokens':[{'name':'user','from':'answer','response_map':{'scope':['/u']}}]}",
		"{'tokens':[" USER "]}",
		"{" SCOPES ",'tokens':[{'name':'user','from':'answer','response_map':{"
		"'access_token':['/u']}}]}",
		"{" SCOPES ",'scope_param':'user_scope','tokens':[" USER "]}",
		/* the main refresh token must stay */
		"{'rotation':{'rotates':true},'tokens':[" SITES "]}",
		"{'refresh_source':'access_token','tokens':[" SITES "]}",
		"{'refresh_source':'none','tokens':[" SITES "]}",
		"{'tokens':[{'name':'sites','from':'refresh_token'}]}",
		"{'tokens':[{'name':'sites','from':'refresh_token','resource':'https://x.example',"
		"'response_map':{'access_token':['/u']}}]}",
		"{'tokens':[{'name':'sites','from':'refresh_token','resource':'sites'}]}",
		"{'tokens':[{'name':'sites','from':'refresh_token','refresh_params':{'k':"
		"'<<nobody>>'}}]}",
		"{'tokens':[{'name':'sites','from':'refresh_token',"
		"'resource':'https://<<pin>>.example/'}]}",
		/* nor can there be one without it */
		"{'tokens':[{'name':'sites','from':'refresh_token','alone':true,"
		"'resource':'https://x.example'}]}",
		/* what need not be there cannot be counted on */
		"{" SCOPES ",'tokens':[" USER "]," INJECT("<<access_token.user>>") "}",
		"{'tokens':[" SITES "]," INJECT("<<access_token.site>>") "}",
		"{'tokens':[" SITES "]," INJECT("<<access_token.>>") "}",
		"{'tokens':[" SITES "]," INJECT("<<access_token_sites>>") "}",
		"{'tokens':[" SITES "],'token_params':{'k':'<<access_token.sites>>'}}",
	};
	struct errctx ctx;
	(void)state;

	for (size_t i = 0; i < sizeof(misfits) / sizeof(misfits[0]); i++)
		if (try_rules(misfits[i], &ctx) != ERR_CONFIG)
			fail_msg("took %s", misfits[i]);
	if (try_rules(BOTH, &ctx))
		fail_msg("%s: %s", ctx.sub[0].path, err_text(&ctx));
	if (try_rules("{'tokens':[" SITES
		      "]," INJECT("<<access_token>> <<access_token.sites>>") "}",
		&ctx))
		fail_msg("%s: %s", ctx.sub[0].path, err_text(&ctx));
}

static void
the_main_one_is_none_of_them(void **state)
{
	struct catalog *catalog = oauth_type_open(BOTH);
	const struct app_connection *type = oauth_type_of(catalog);
	(void)state;

	assert_int_equal(type->n_tokens, 2);
	assert_null(catalog_token_find(type, "main"));
	assert_null(catalog_token_find(type, ""));
	assert_false(token_of(catalog, "user")->required);
	assert_true(token_of(catalog, "sites")->required);
	catalog_close(&catalog);
}

/* ---- asking ---- */

static void
each_is_asked_for_with_its_own_scopes(void **state)
{
	struct catalog *catalog = oauth_type_open(BOTH);
	json_auto_t *scopes = oauth_type_json("['r','user:s:t','users:x','user:r','user:']");
	const struct oauth_trip trip = { .type = oauth_type_of(catalog),
		.client_id = "id",
		.redirect_uri = "https://b.example/c",
		.scopes = scopes,
		.state_prefix = "x" };
	auto_oauth_start struct oauth_start start = { 0 };
	struct errctx ctx = { 0 };
	(void)state;

	if (oauth_authorize_start(&trip, &start, &ctx))
		fail_msg("%s", err_text(&ctx));
	assert_non_null(strstr(start.url, "&scope=r%20users%3Ax%20user%3A&user_scope=s%3At%20r&"));
	assert_true(json_equal(json_object_get(start.keep, "scopes"), scopes));
	catalog_close(&catalog);
}

static void
nothing_is_asked_for_one_without_scopes(void **state)
{
	struct catalog *catalog = oauth_type_open(BOTH);
	json_auto_t *scopes = oauth_type_json("['r']");
	const struct oauth_trip trip = { .type = oauth_type_of(catalog),
		.client_id = "id",
		.redirect_uri = "https://b.example/c",
		.scopes = scopes,
		.state_prefix = "x" };
	auto_oauth_start struct oauth_start start = { 0 };
	(void)state;

	assert_int_equal(oauth_authorize_start(&trip, &start, NULL), OK);
	assert_null(strstr(start.url, "user_scope"));
	catalog_close(&catalog);
}

static void
scopes_find_their_names_again(void **state)
{
	struct catalog *catalog = oauth_type_open(BOTH);
	json_auto_t *all = oauth_type_json("['r']"), *own = oauth_type_json("['s:t','new']");
	json_auto_t *named = oauth_type_json("['r','user:s:t','user:new']");
	const struct app_connection *type = oauth_type_of(catalog);
	(void)state;

	oauth_name_scopes(token_of(catalog, "user"), own, all);
	oauth_name_scopes(token_of(catalog, "sites"), own, all);
	assert_true(json_equal(all, named));
	json_auto_t *back = oauth_scopes_of(type, token_of(catalog, "user"), all);
	assert_true(json_equal(back, own));
	json_auto_t *none = oauth_scopes_of(type, token_of(catalog, "sites"), all);
	assert_int_equal(json_array_size(none), 0);
	catalog_close(&catalog);
}

/* ---- reading ---- */

static void
read_with(const struct app_connection *type, enum oauth_step step, const char *text,
    struct oauth_answer *answer_out)
{
	struct http_result result = { .status = 200, .sent = true, .body = BUF_INIT(1 << 16) };
	const struct oauth_call call = { .step = step,
		.type = type,
		.client_id = "id",
		.token = "spent-token-000",
		.now_ms = NOW };

	result.headers = json_object();
	for (; *text; text++)
		buf_add_char(&result.body, (char)(*text == '\'' ? '"' : *text));
	oauth_read(&call, &result, answer_out);
	buf_free(&result.body);
	json_decref(result.headers);
}

#define MAIN_ANSWER                                                                                \
	"{'access_token':'bot','refresh_token':'bot-again','expires_in':60,'token_type':'bot',"    \
	"'scope':'r','u':"

static void
nothing_of_the_main_one_is_taken_for_it(void **state)
{
	struct catalog *catalog = oauth_type_open(BOTH);
	const struct app_connection *first = token_of(catalog, "user")->first;
	auto_oauth_answer struct oauth_answer none = { 0 }, some = { 0 }, later = { 0 };
	(void)state;

	read_with(first, OAUTH_EXCHANGE, MAIN_ANSWER "{}}", &none);
	assert_int_not_equal(none.verdict, OAUTH_GOOD);
	read_with(first, OAUTH_EXCHANGE, MAIN_ANSWER "{'access_token':'me','scope':'s:t'}}", &some);
	assert_int_equal(some.verdict, OAUTH_GOOD);
	assert_string_equal(secret_text(&some.tokens.access), "me");
	assert_int_equal(some.tokens.refresh.len, 0);
	assert_false(some.tokens.has_expiry);
	assert_string_equal(some.tokens.token_type, "Bearer");
	read_with(token_of(catalog, "user")->own, OAUTH_REFRESH, MAIN_ANSWER "1}", &later);
	assert_string_equal(secret_text(&later.tokens.access), "bot");
	assert_string_equal(secret_text(&later.tokens.refresh), "bot-again");
	catalog_close(&catalog);
}

static void
its_refresh_says_what_it_has_of_its_own(void **state)
{
	struct catalog *catalog = oauth_type_open(BOTH);
	auto_secret struct secret secret = { 0 };
	static const struct {
		const char *token, *has, *lacks;
	} cases[] = { { "user", "k=main", "sites" },
		{ "sites", "scope=sites%2F.default", "main" } };
	(void)state;

	secret_set(&secret, "secret", 6);
	for (size_t i = 0; i < 2; i++) {
		auto_http_request struct http_request request = HTTP_REQUEST_INIT;
		const struct oauth_call call = { .step = OAUTH_REFRESH,
			.type = token_of(catalog, cases[i].token)->own,
			.client_id = "id",
			.client_secret = &secret,
			.token = "spent",
			.now_ms = NOW };

		assert_int_equal(oauth_request(&call, &request, NULL), OK);
		if (!strstr(request.body, cases[i].has) || strstr(request.body, cases[i].lacks))
			fail_msg("%s: %s", cases[i].token, request.body);
	}
	catalog_close(&catalog);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_does_not_fit_together_is_refused),
		cmocka_unit_test(the_main_one_is_none_of_them),
		cmocka_unit_test(each_is_asked_for_with_its_own_scopes),
		cmocka_unit_test(nothing_is_asked_for_one_without_scopes),
		cmocka_unit_test(scopes_find_their_names_again),
		cmocka_unit_test(nothing_of_the_main_one_is_taken_for_it),
		cmocka_unit_test(its_refresh_says_what_it_has_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
