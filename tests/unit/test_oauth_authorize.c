/* SPDX-License-Identifier: Apache-2.0 */
/* Behaviour of the way to a provider and back: what the URL holds, what a redirect is taken for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "oauth/authorize.h"
#include "oauth/oauth_parts.h"

#include "oauth_type.h"

/* ---- there ---- */

struct url_case {
	const char *rules, *fields, *scopes; /* NULL: none */
	const char *has, *lacks;             /* of the URL; NULL: does not matter */
};
static const struct url_case urls[] = {
	{ NULL, NULL, NULL, "https://shop.example/a?response_type=code&client_id=id%261&",
	    "scope" },
	{ NULL, NULL, NULL, "&redirect_uri=https%3A%2F%2Fbailee.example%2Foauth%2Fcallback%2F7&",
	    NULL },
	{ NULL, NULL, NULL, "&code_challenge_method=S256", NULL },
	{ "{'pkce':'plain'}", NULL, NULL, "&code_challenge_method=plain", NULL },
	{ "{'pkce':'off'}", NULL, NULL, "&state=", "code_challenge" },
	{ NULL, NULL, "['w','r','w']", "&scope=w%20r&", NULL },
	{ "{'default_scopes':['r']}", NULL, "['w','r']", "&scope=r%20w&", NULL },
	{ "{'scope_separator':',','default_scopes':['r']}", NULL, "['w']", "&scope=r%2Cw&", NULL },
	{ "{'scope_separator':'+','default_scopes':['r']}", NULL, "['w']", "&scope=r+w&", NULL },
	{ "{'scope_param':'user_scope','default_scopes':['r']}", NULL, NULL, "&user_scope=r&",
	    "&scope=" },
	{ "{'param_rename':{'client_id':'app_id','redirect_uri':'back'}}", NULL, NULL,
	    "&app_id=id%261&back=https", "client_id" },
	{ "{'authorize_params':{'access_type':'offline','for':'<<store>>'}}", "{'store':'a b&c'}",
	    NULL, "&access_type=offline&for=a%20b%26c", NULL },
	{ "{'authorize_url':'https://<<store>>.shop.example/a?v=2'}", "{'store':'acme'}", NULL,
	    "https://acme.shop.example/a?v=2&response_type=code", NULL },
	{ "{'resource':'https://api.shop.example/<<store>>','audience':'all:<<store>>'}",
	    "{'store':'x'}", NULL, "&resource=https%3A%2F%2Fapi.shop.example%2Fx&audience=all%3Ax",
	    NULL },
	{ "{'authorize_fragment':'/o/a'}", NULL, NULL,
	    "https://shop.example/a#/o/a?response_type=", NULL },
	{ "{'authorize_fragment':'o','authorize_url':'https://shop.example/a?x=1'}", NULL, NULL,
	    "https://shop.example/a?x=1#o?response_type=", NULL },
	{ "{'param_rename':{'state':'customField'}}", NULL, NULL, "&customField=5e1a8c6e-",
	    "state=" },
	{ "{'skip_empty':true,'authorize_params':{'hint':'<<store>>','k':'v'}}", "{}", NULL, "&k=v",
	    "hint" },
	{ "{'skip_empty':true,'authorize_params':{'hint':'<<store>>','k':'v'}}", "{'store':''}",
	    NULL, "&k=v", "hint" },
	{ "{'skip_empty':true,'authorize_params':{'hint':'<<store>>'}}", "{'store':'acme'}", NULL,
	    "&hint=acme", NULL },
};

static struct oauth_trip
trip_of(const struct app_connection *type, const json_t *fields, const json_t *scopes)
{
	return (struct oauth_trip){ .type = type,
		.client_id = "id&1",
		.redirect_uri = "https://bailee.example/oauth/callback/7",
		.fields = fields,
		.scopes = scopes,
		.state_prefix = "5e1a8c6e-0000-4000-8000-000000000001" };
}

static void
the_url_is_as_the_definition_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		const struct url_case *c = &urls[i];
		struct catalog *catalog = oauth_type_open(c->rules);
		json_auto_t *fields = c->fields ? oauth_type_json(c->fields) : NULL;
		json_auto_t *scopes = c->scopes ? oauth_type_json(c->scopes) : NULL;
		struct oauth_trip trip = trip_of(oauth_type_of(catalog), fields, scopes);
		auto_oauth_start struct oauth_start start = { 0 };
		struct errctx ctx = { 0 };

		if (oauth_authorize_start(&trip, &start, &ctx))
			fail_msg("%s: %s", c->rules, err_text(&ctx));
		if (!strstr(start.url, c->has) || (c->lacks && strstr(start.url, c->lacks)))
			fail_msg("%s: %s", c->rules, start.url);
		catalog_close(&catalog);
	}
}

static void
what_cannot_be_sent_is_refused(void **state)
{
	static const struct {
		const char *rules, *fields, *scopes;
	} cases[] = {
		{ NULL, NULL, "['r w']" }, /* would be two */
		{ NULL, NULL, "['']" },
		{ NULL, NULL, "['r\\nw']" },
		{ "{'scope_separator':','}", NULL, "['r,w']" },
		{ "{'authorize_url':'https://<<store>>.shop.example/a'}", NULL, NULL },
		{ "{'authorize_url':'https://<<store>>.shop.example/a'}",
		    "{'store':'evil.example/'}", NULL },
		{ "{'authorize_url':'https://<<store>>.shop.example/a'}", "{'store':'a@b'}", NULL },
		{ "{'authorize_params':{'k':'<<store>>'}}", "{'store':'a\\nb'}", NULL },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct catalog *catalog = oauth_type_open(cases[i].rules);
		json_auto_t *fields = cases[i].fields ? oauth_type_json(cases[i].fields) : NULL;
		json_auto_t *scopes =
		    cases[i].scopes ? oauth_type_json(cases[i].scopes) : json_array();
		struct oauth_trip trip = trip_of(oauth_type_of(catalog), fields, scopes);
		auto_oauth_start struct oauth_start start = { 0 };

		if (oauth_authorize_start(&trip, &start, NULL) != ERR_VALUE)
			fail_msg("took %zu: %s", i, start.url);
		assert_null(start.url);
		catalog_close(&catalog);
	}
}

static void
a_scope_with_a_nul_is_refused(void **state)
{
	struct catalog *catalog = oauth_type_open(NULL);
	json_auto_t *scopes = json_array();
	auto_oauth_start struct oauth_start start = { 0 };
	(void)state;

	json_array_append_new(scopes, json_stringn("r\0w", 3));
	struct oauth_trip trip = trip_of(oauth_type_of(catalog), NULL, scopes);
	assert_int_equal(oauth_authorize_start(&trip, &start, NULL), ERR_VALUE);
	catalog_close(&catalog);
}

static void
nobody_sets_out_without_a_client(void **state)
{
	struct catalog *catalog = oauth_type_open(NULL);
	struct oauth_trip trip = trip_of(oauth_type_of(catalog), NULL, NULL);
	auto_oauth_start struct oauth_start start = { 0 };
	(void)state;

	trip.client_id = "";
	assert_int_equal(oauth_authorize_start(&trip, &start, NULL), ERR_RULE);
	assert_null(start.keep);
	catalog_close(&catalog);
}

/* RFC 7636 appendix B */
static void
the_challenge_is_that_of_the_rfc(void **state)
{
	auto_free char *challenge = oauth_challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
	(void)state;

	assert_string_equal(challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
}

static void
what_is_kept_answers_what_was_sent_and_is_new_each_time(void **state)
{
	struct catalog *catalog =
	    oauth_type_open("{'issuer':'https://<<store>>.shop.example','default_scopes':['r']}");
	json_auto_t *fields = oauth_type_json("{'store':'acme','pin':'1234'}");
	struct oauth_trip trip = trip_of(oauth_type_of(catalog), fields, NULL);
	auto_oauth_start struct oauth_start one = { 0 }, two = { 0 };
	(void)state;

	assert_int_equal(oauth_authorize_start(&trip, &one, NULL), OK);
	assert_int_equal(oauth_authorize_start(&trip, &two, NULL), OK);
	const char *verifier = json_get_text(one.keep, "verifier");
	assert_int_equal(strlen(verifier), 43);
	auto_free char *challenge = oauth_challenge(verifier);
	assert_non_null(strstr(one.url, challenge));
	assert_null(strstr(one.url, verifier));
	assert_null(strstr(one.url, "1234"));
	assert_string_equal(one.issuer, "https://acme.shop.example");
	assert_string_equal(json_get_text(one.keep, "client_id"), "id&1");
	assert_string_equal(json_get_text(one.keep, "redirect_uri"), trip.redirect_uri);
	assert_true(json_equal(json_object_get(one.keep, "fields"), fields));
	assert_int_equal(json_array_size(json_object_get(one.keep, "scopes")), 1);
	size_t prefix = strlen(trip.state_prefix);
	assert_int_equal(strlen(one.state), prefix + 1 + 43);
	assert_memory_equal(one.state, trip.state_prefix, prefix);
	assert_int_equal(one.state[prefix], '.');
	assert_non_null(strstr(one.url, one.state));
	assert_string_not_equal(one.state, two.state);
	assert_string_not_equal(verifier, json_get_text(two.keep, "verifier"));
	catalog_close(&catalog);
}

/* ---- and back ---- */

#define IN OAUTH_RETURN_CODE
#define NO OAUTH_RETURN_ERROR
#define FOREIGN OAUTH_RETURN_FOREIGN
#define ISSUER "{'issuer':'https://shop.example'}"
#define ISSUER_MUST "{'issuer':'https://shop.example','iss_required':true}"
#define CLIENT "{" OAUTH_TYPE_CLIENT "}"
#define REALM                                                                                      \
	"{'callback_fields':[{'name':'realm','param':'realmId','pattern':'[0-9]{1,9}','required':" \
	"true}]}"

struct return_case {
	const char *rules, *query;
	enum oauth_return_verdict verdict;
	const char *tells; /* code or error */
};
static const struct return_case returns[] = {
	{ NULL, "{'code':'c-1','state':'s'}", IN, "c-1" },
	{ NULL, "{'code':'c-1','iss':'https://anybody.example'}", IN, "c-1" },
	{ NULL, "{'error':'access_denied','code':'c-1'}", NO, "access_denied" },
	{ NULL, "{'error':'a<b>\\n&c'}", NO, "a_b___c" },
	{ NULL, "{'error':''}", NO, "invalid_redirect" },
	{ NULL, "{}", NO, "invalid_redirect" },
	{ NULL, "{'code':''}", NO, "invalid_redirect" },
	{ NULL, "{'code':'a\\nb'}", NO, "invalid_redirect" },
	{ NULL, "{'code':'\u00e9'}", NO, "invalid_redirect" },
	{ NULL, "{'code':1}", NO, "invalid_redirect" },
	{ "{'code_param':'spapi_oauth_code'}", "{'spapi_oauth_code':'c','code':'x'}", IN, "c" },
	{ "{'code_param':'spapi_oauth_code'}", "{'code':'x'}", NO, "invalid_redirect" },
	{ ISSUER, "{'code':'c','iss':'https://shop.example'}", IN, "c" },
	{ ISSUER, "{'code':'c'}", IN, "c" },
	{ ISSUER, "{'code':'c','iss':'https://shop.example/'}", FOREIGN, NULL },
	{ ISSUER, "{'code':'c','iss':'https://SHOP.example'}", FOREIGN, NULL },
	{ ISSUER, "{'code':'c','iss':''}", FOREIGN, NULL },
	{ ISSUER, "{'error':'access_denied','iss':'https://evil.example'}", FOREIGN, NULL },
	{ ISSUER_MUST, "{'code':'c'}", FOREIGN, NULL },
	{ ISSUER_MUST, "{'error':'access_denied'}", FOREIGN, NULL },
	{ ISSUER_MUST, "{'code':'c','iss':'https://shop.example'}", IN, "c" },
	{ REALM, "{'code':'c','realmId':'4620816365'}", NO, "invalid_redirect" },
	{ REALM, "{'code':'c','realmId':'462081636'}", IN, "c" },
	{ REALM, "{'code':'c','realm':'4620'}", NO, "invalid_redirect" },
	{ REALM, "{'code':'c','realmId':'1/../2'}", NO, "invalid_redirect" },
	{ CLIENT, "{'tenant':'acme','consent':'NO'}", NO, "access_denied" },
	{ CLIENT, "{'error':'permission_denied','consent':'no'}", NO, "permission_denied" },
	{ CLIENT, "{'code':'c'}", NO, "invalid_redirect" },
	{ CLIENT, "{'tenant':'a b','consent':'Yes'}", NO, "invalid_redirect" },
};

static void
a_redirect_is_taken_for_what_it_is(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(returns) / sizeof(returns[0]); i++) {
		const struct return_case *c = &returns[i];
		struct catalog *catalog = oauth_type_open(c->rules);
		const struct app_connection *type = oauth_type_of(catalog);
		json_auto_t *query = oauth_type_json(c->query);
		auto_oauth_return struct oauth_return back = { 0 };

		oauth_return_read(type, json_get_text(oauth_rules(type), "issuer"), query, &back);
		if (back.verdict != c->verdict)
			fail_msg("%s %s: %d", c->rules, c->query, (int)back.verdict);
		if (back.verdict == OAUTH_RETURN_CODE)
			assert_string_equal(json_get_text(back.keep, "code"), c->tells);
		else
			assert_null(back.keep);
		assert_string_equal(back.error, back.verdict == OAUTH_RETURN_ERROR ? c->tells : "");
		catalog_close(&catalog);
	}
}

static void
what_the_redirect_brings_along_becomes_fields(void **state)
{
	struct catalog *catalog = oauth_type_open(REALM);
	json_auto_t *query = oauth_type_json("{'code':'c','realmId':'462','other':'x'}");
	json_auto_t *wanted = oauth_type_json("{'code':'c','callback':{'realm':'462'}}");
	auto_oauth_return struct oauth_return back = { 0 };
	(void)state;

	oauth_return_read(oauth_type_of(catalog), NULL, query, &back);
	assert_true(json_equal(back.keep, wanted));
	catalog_close(&catalog);
}

/* Where the client itself is granted the access: a redirect without a code, which anybody can
 * write.
 */
static void
a_redirect_without_a_code_says_only_for_whom(void **state)
{
	struct catalog *catalog = oauth_type_open(CLIENT);
	const struct app_connection *type = oauth_type_of(catalog);
	json_auto_t *query = oauth_type_json("{'tenant':'Acme','consent':'Yes','code':'x'}");
	json_auto_t *wanted = oauth_type_json("{'callback':{'by':'Acme'}}");
	json_auto_t *with_code = oauth_type_json("{'code':'x','callback':{'by':'Acme'}}");
	json_auto_t *asked = oauth_type_json("{'store':'acme'}");
	json_auto_t *another = oauth_type_json("{'store':'acne'}");
	json_auto_t *nobody = json_object();
	auto_oauth_return struct oauth_return back = { 0 };
	(void)state;

	assert_false(oauth_takes_code(type));
	oauth_return_read(type, NULL, query, &back);
	assert_int_equal(back.verdict, OAUTH_RETURN_CODE);
	assert_true(json_equal(back.keep, wanted));
	assert_true(oauth_return_is_whole(type, back.keep));
	assert_false(oauth_return_is_whole(type, with_code));
	assert_int_equal(oauth_return_agrees(type, asked, back.keep, NULL), OK);
	assert_int_equal(oauth_return_agrees(type, another, back.keep, NULL), ERR_VALUE);
	assert_int_equal(oauth_return_agrees(type, nobody, back.keep, NULL), ERR_VALUE);
	catalog_close(&catalog);
}

static void
a_client_that_is_granted_access_itself_asks_for_no_code(void **state)
{
	struct catalog *catalog = oauth_type_open(CLIENT);
	json_auto_t *fields = oauth_type_json("{'store':'acme'}");
	struct oauth_trip trip = trip_of(oauth_type_of(catalog), fields, NULL);
	auto_oauth_start struct oauth_start start = { 0 };
	(void)state;

	assert_int_equal(oauth_authorize_start(&trip, &start, NULL), OK);
	assert_null(strstr(start.url, "response_type"));
	assert_null(strstr(start.url, "code_challenge"));
	assert_non_null(strstr(start.url, start.state));
	catalog_close(&catalog);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_url_is_as_the_definition_says),
		cmocka_unit_test(what_cannot_be_sent_is_refused),
		cmocka_unit_test(a_scope_with_a_nul_is_refused),
		cmocka_unit_test(nobody_sets_out_without_a_client),
		cmocka_unit_test(the_challenge_is_that_of_the_rfc),
		cmocka_unit_test(what_is_kept_answers_what_was_sent_and_is_new_each_time),
		cmocka_unit_test(a_redirect_is_taken_for_what_it_is),
		cmocka_unit_test(what_the_redirect_brings_along_becomes_fields),
		cmocka_unit_test(a_redirect_without_a_code_says_only_for_whom),
		cmocka_unit_test(a_client_that_is_granted_access_itself_asks_for_no_code),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
