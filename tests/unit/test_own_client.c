/* SPDX-License-Identifier: Apache-2.0 */
/* Clients that a person brings along: which definitions and which URLs are taken, where he is sent,
 * and what is sent with his client. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/crypt.h"
#include "catalog/item_form.h"
#include "catalog/web_url.h"
#include "oauth/authorize.h"
#include "oauth/exchange.h"
#include "catalog/client_host.h"
#include "oauth/own_client.h"
#include "oauth_type.h"

#define FIELDS                                                                                     \
	"'fields':[{'name':'there','type':'url','label':'There','required':true},"                 \
	"{'name':'tokens','type':'url','label':'Tokens','required':true},"                         \
	"{'name':'id','type':'text','label':'Id','required':true},"                                \
	"{'name':'secret','type':'password','label':'Secret'},"                                    \
	"{'name':'may','type':'text','label':'May'},{'name':'zone','type':'url','label':'Zone'},"  \
	"{'name':'theirs','type':'text','label':'Theirs','required':true,'requester':true},"       \
	"{'name':'other','type':'select','label':'Other','options':[{'label':'A','value':'a'}]},"  \
	"{'name':'way','type':'select','label':'Way','options':[{'label':'A','value':'basic'},"    \
	"{'label':'B','value':'body'}]}]"
#define CLIENT "'client':{'id':'id','secret':'secret','auth':'way'}"
#define RULES "'authorize_url':'<<there>>','token_url':'<<tokens>>','scope_field':'may'," CLIENT

/* The plain type with these fields, these members of "oauth2" set over those of RULES. */
static enum err
open_type(const char *rules, struct catalog **catalog_out, struct errctx *ctx)
{
	json_auto_t *definition = oauth_type_json(oauth_type_base);
	json_auto_t *fields = oauth_type_json("{" FIELDS "}"),
		    *base = oauth_type_json("{" RULES "}");
	json_auto_t *changes = oauth_type_json(rules);
	json_t *connection = json_array_get(json_object_get(definition, "connections"), 0);
	json_t *oauth = json_object_get(connection, "oauth2"), *value;
	struct catalog *catalog = catalog_new();
	const char *name;

	json_object_update(connection, fields);
	json_object_update(oauth, base);
	json_object_foreach(changes, name, value)
	{
		if (json_is_null(value))
			json_object_del(oauth, name);
		else
			json_object_set(oauth, name, value);
	}
	auto_free char *text = json_text(definition);
	*ctx = (struct errctx){ 0 };
	enum err err = catalog_add(catalog, "test", text, strlen(text), ctx);
	if (!err)
		err = catalog_finish(catalog, ctx);
	if (err)
		catalog_close(&catalog);
	*catalog_out = catalog;
	return err;
}

static struct catalog *
open_good(const char *rules)
{
	struct catalog *catalog;
	struct errctx ctx;

	if (open_type(rules, &catalog, &ctx))
		fail_msg("%s: %s: %s", rules, ctx.sub[0].path, err_text(&ctx));
	return catalog;
}

/* ---- definitions ---- */

static void
what_a_person_fills_in_chooses_only_where_his_own_secret_goes(void **state)
{
	static const char *const misfits[] = {
		/* a whole URL, and the operator's client */
		"{'client':null}",
		"{'client':null,'scope_field':null}",
		"{'client':null,'scope_field':null,'authorize_url':'https://shop.example/a'}",
		"{'client':null,'scope_field':null,'token_url':'https://shop.example/t'}",
		"{'client':null,'authorize_url':'https://shop.example/a','token_url':"
		"'https://shop.example/t'}",
		/* what is no URL by its type, or may be missing */
		"{'token_url':'<<id>>'}",
		"{'token_url':'<<zone>>'}",
		"{'token_url':'<<secret>>'}",
		"{'token_url':'<<nobody>>'}",
		"{'token_url':'<<client_id>>'}",
		"{'token_url':'<<tokens>>/token'}",
		"{'token_url':'https://<<tokens>>/'}",
		"{'token_url':' <<tokens>>'}",
		/* elsewhere it is none at all */
		"{'refresh_url':'<<tokens>>'}",
		"{'introspect_url':'<<tokens>>'}",
		"{'revoke':{'url':'<<tokens>>','style':'form'}}",
		"{'post_exchange':{'url':'<<tokens>>','params':{}}}",
		/* the client */
		"{'client':{'id':'id'}}",
		"{'client':{'secret':'secret'}}",
		"{'client':{'id':'may','secret':'secret'}}",
		"{'client':{'id':'theirs','secret':'secret'}}",
		"{'client':{'id':'secret','secret':'secret'}}",
		"{'client':{'id':'id','secret':'id'}}",
		"{'client':{'id':'id','secret':'nobody'}}",
		"{'client':{'id':'id','secret':'secret','auth':'other'}}",
		"{'client':{'id':'id','secret':'secret','auth':'id'}}",
		"{'client':{'id':'id','secret':'secret','more':'id'}}",
		"{'scope_field':'secret'}",
		"{'scope_field':'nobody'}",
		/* what must go with it */
		"{'pkce':'plain'}",
		"{'pkce':'off'}",
		"{'client_auth':'private_key_jwt'}",
		"{'client_auth':'none'}",
		"{'client_auth':'basic_template','client_auth_template':'<<client_secret>>:'}",
		"{'token_grant':'client_credentials','refresh_source':'client'}",
		"{'tokens':[{'name':'sites','from':'refresh_token','resource':'https://x.example'}]"
		"}",
	};
	struct catalog *catalog;
	struct errctx ctx;
	(void)state;

	for (size_t i = 0; i < sizeof(misfits) / sizeof(misfits[0]); i++)
		if (open_type(misfits[i], &catalog, &ctx) != ERR_CONFIG)
			fail_msg("took %s", misfits[i]);
	static const char *const fits[] = { "{}", "{'client':{'id':'id','secret':'secret'}}",
		"{'client_auth':'basic'}", "{'token_url':'https://shop.example/t'}",
		"{'token_params':{'secret_too':'<<SHA256(client_secret)>>'}}" };
	for (size_t i = 0; i < sizeof(fits) / sizeof(fits[0]); i++) {
		catalog = open_good(fits[i]);
		assert_true(own_client_is(oauth_type_of(catalog)));
		catalog_close(&catalog);
	}
	catalog = oauth_type_open(NULL);
	assert_false(own_client_is(oauth_type_of(catalog)));
	catalog_close(&catalog);
}

/* ---- URLs ---- */

static void
a_typed_url_is_one_that_all_readers_take_for_the_same(void **state)
{
	static const char *const good[][2] = { { "https://a.example", "a.example" },
		{ "https://a.example/", "a.example" }, { "https://a.example?x=1", "a.example" },
		{ "https://A-1.example:8443/t?x=%20&y", "A-1.example:8443" },
		{ "https://192.0.2.1/t", "192.0.2.1" },
		{ "https://[2001:db8::1]/t", "[2001:db8::1]" },
		{ "https://[2001:db8::1]:1", "[2001:db8::1]:1" },
		{ "http://127.0.0.1:80/t", "127.0.0.1:80" }, { "http://localhost", "localhost" },
		{ "http://[::1]:8080/", "[::1]:8080" }, { "https://xn--bcher-kva.example", NULL } };
	static const char *const bad[] = { "", "https", "https:", "https://", "https:///t",
		"https://?x", "https://:443/", "https://a.example:/", "https://a.example:123456/",
		"https://a.example:x/", "https://a.example#x", "https://a.example/#x",
		"https://a@b.example/", "https://a:b@c.example/", "https://a.example\\@b.example/",
		"https://a.example\\.b.example/", "https://a%2eexample/", "https://a.example%00.b/",
		"https://a example/", "https://a.example/a b", "https://a.example/<<id>>",
		"https://<<id>>/", "https://a.example/\"", "https://a.example/\x01",
		"https://b\303\274cher.example/", "https://a.example/\xc3\xbc",
		"https://a_b.example/", "https://[::1/", "https://[::1]a/", "https://[]x",
		"https://[::1%25eth0]/", "//a.example/", "HTTPS://a.example/", "http://a.example/",
		"http://127.0.0.1.a.example/", "http://127.0.0.1@a.example/",
		"http://127.0.0.1:80@a.example/", "http://localhost.a.example/", "http://10.0.0.1/",
		"ftp://a.example/", "file:///etc/passwd", "javascript:alert(1)",
		" https://a.example/" };
	(void)state;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		auto_free char *host = web_url_host(good[i][0]);

		if (!web_url_is_whole(good[i][0]))
			fail_msg("refused %s", good[i][0]);
		if (good[i][1])
			assert_string_equal(host, good[i][1]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (web_url_is_whole(bad[i]))
			fail_msg("took %s", bad[i]);
}

static void
a_form_takes_no_other_url_and_no_other_way(void **state)
{
	struct catalog *catalog = open_good("{}");
	const struct app_connection *type = oauth_type_of(catalog);
	const struct item_form form = { .connection = type, .fields = type->fields };
	json_auto_t *prefill = oauth_type_json("{'hard':{'theirs':'x'}}");
	static const char good[] =
	    "{'there':'https://a.example/a','tokens':'https://a.example/t','id':'me'}";
	static const char *const bad[] = { "{'tokens':'http://a.example/'}", "{'tokens':''}",
		"{'tokens':null}", "{'tokens':1}", "{'zone':'x'}", "{'way':'none'}", "{'id':''}" };
	(void)state;

	for (size_t i = 0; i <= sizeof(bad) / sizeof(bad[0]); i++) {
		json_auto_t *values = oauth_type_json(good);
		json_auto_t *change = oauth_type_json(i ? bad[i - 1] : "{}");

		json_object_update(values, change);
		if (item_form_check(&form, prefill, values, "", NULL) != (i ? ERR_FIELD : OK))
			fail_msg("%s", i ? bad[i - 1] : good);
	}
	catalog_close(&catalog);
}

/* ---- there and back ---- */

static enum err
set_out(const struct app_connection *type, const char *fields, const char *scopes,
    struct oauth_start *start_out, struct errctx *ctx)
{
	json_auto_t *values = oauth_type_json(fields), *asked = oauth_type_json(scopes);

	return oauth_authorize_start(
	    &(struct oauth_trip){
		.type = type,
		.client_id = own_client_id(type, values),
		.redirect_uri = "https://bailee.example/oauth/callback/1",
		.fields = values,
		.scopes = asked,
		.state_prefix = "p",
	    },
	    start_out, ctx);
}

static void
the_person_is_sent_to_the_url_he_typed_with_the_scopes_he_typed(void **state)
{
	static const struct {
		const char *there, *may, *scopes, *begins, *scope;
	} cases[] = {
		{ "https://a.example/a", "", "[]", "https://a.example/a?response_type=code&",
		    NULL },
		{ "https://a.example/a?x=1", "r w", "[]",
		    "https://a.example/a?x=1&response_type=code&", "&scope=r%20w&" },
		{ "https://a.example", "  w,, r ,", "['r']",
		    "https://a.example?response_type=code&", "&scope=r%2Cw&" },
		{ "https://a.example/a?", "w", "['r']", "https://a.example/a?&response_type=code&",
		    "&scope=r%20w&" },
	};
	struct catalog *catalog = open_good("{}");
	const struct app_connection *type = oauth_type_of(catalog);
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		auto_oauth_start struct oauth_start start = { 0 };
		auto_free char *fields = xasprintf("{'there':'%s','tokens':'https://a.example/"
						   "t','id':'me & you','secret':'s3cret',"
						   "'may':'%s'}",
		    cases[i].there, cases[i].may);

		assert_int_equal(set_out(type, fields, cases[i].scopes, &start, NULL), OK);
		if (strncmp(start.url, cases[i].begins, strlen(cases[i].begins)) != 0)
			fail_msg("%s", start.url);
		assert_non_null(strstr(start.url, "&client_id=me%20%26%20you&"));
		assert_non_null(strstr(start.url, "&code_challenge_method=S256"));
		assert_null(strstr(start.url, "s3cret"));
		if (cases[i].scope ? !strstr(start.url, cases[i].scope)
				   : strstr(start.url, "scope=") != NULL)
			fail_msg("%s", start.url);
	}
	catalog_close(&catalog);
}

static void
a_typed_url_says_nothing_that_is_added_to_it(void **state)
{
	static const char *const bad[] = { "https://a.example/?state=x", "https://a.example/?state",
		"https://a.example/?x=1&redirect_uri=https://b.example",
		"https://a.example/?&client_id=x", "https://a.example/?%73tate=x",
		"https://a.example/?a;state=x", "https://a.example/?+state=x",
		"https://a.example/?response_type=token", "https://a.example/?x=?&code_challenge=x",
		"https://a.example/#x", "http://a.example/", "https://a.example/ x" };
	struct catalog *catalog = open_good("{}");
	(void)state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		auto_oauth_start struct oauth_start start = { 0 };
		auto_free char *fields =
		    xasprintf("{'there':'%s','tokens':'https://a.example/t','id':'me'}", bad[i]);

		if (set_out(oauth_type_of(catalog), fields, "[]", &start, NULL) != ERR_VALUE)
			fail_msg("took %s", bad[i]);
	}
	catalog_close(&catalog);
}

/* What is sent to the token URL: with the secret, and how. */
static void
assert_sent(const struct app_connection *type, const char *fields, const char *url,
    const char *basic, const char *body)
{
	json_auto_t *values = oauth_type_json(fields);
	auto_secret struct secret secret = { 0 };
	const char *text = own_client_secret(type, values);
	struct http_request request = HTTP_REQUEST_INIT;
	struct errctx ctx = { 0 };

	if (text)
		secret_set(&secret, text, strlen(text));
	const struct oauth_call call = { .step = OAUTH_REFRESH,
		.type = type,
		.client_id = own_client_id(type, values),
		.client_secret = &secret,
		.fields = values,
		.token = "old",
		.now_ms = 1 };
	if (oauth_request(&call, &request, &ctx))
		fail_msg("%s: %s", fields, err_text(&ctx));
	assert_string_equal(request.url, url);
	const char *header = http_request_header(&request, "Authorization");
	assert_true(basic ? header && !strcmp(header, basic) : !header);
	assert_string_equal(request.body, body);
	http_request_free(&request);
}

static void
the_secret_goes_to_the_token_url_as_the_person_says(void **state)
{
#define GOES "'tokens':'https://a.example:8443/t?x=1','id':'me'"
#define TO "https://a.example:8443/t?x=1"
#define SENT "grant_type=refresh_token&refresh_token=old"
	struct catalog *catalog = open_good("{}");
	const struct app_connection *type = oauth_type_of(catalog);
	auto_free char *host = NULL;
	(void)state;

	assert_sent(type, "{" GOES ",'secret':'s','way':'body'}", TO, NULL,
	    SENT "&client_id=me&client_secret=s");
	assert_sent(type, "{" GOES ",'secret':'s'}", TO, NULL,
	    SENT "&client_id=me&client_secret=s");
	assert_sent(type, "{" GOES ",'secret':'s','way':'basic'}", TO, "Basic bWU6cw==", SENT);
	assert_sent(type, "{" GOES ",'way':'basic'}", TO, NULL, SENT "&client_id=me");
	assert_sent(type, "{" GOES ",'secret':''}", TO, NULL, SENT "&client_id=me");
	assert_string_equal(own_client_authorize_field(type), "there");
	assert_string_equal(own_client_token_field(type), "tokens");
	json_auto_t *values = oauth_type_json("{" GOES "}");
	host = own_client_host(type, values);
	assert_string_equal(host, "a.example:8443");
	auto_free char *tokens = client_host_of_tokens(type, values);
	assert_string_equal(tokens, "a.example:8443");
	assert_true(client_host_is_one(type, values, "A.example:8443"));
	assert_false(client_host_is_one(type, values, "a.example"));
	assert_false(client_host_is_one(type, values, ""));
	catalog_close(&catalog);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_person_fills_in_chooses_only_where_his_own_secret_goes),
		cmocka_unit_test(a_typed_url_is_one_that_all_readers_take_for_the_same),
		cmocka_unit_test(a_form_takes_no_other_url_and_no_other_way),
		cmocka_unit_test(the_person_is_sent_to_the_url_he_typed_with_the_scopes_he_typed),
		cmocka_unit_test(a_typed_url_says_nothing_that_is_added_to_it),
		cmocka_unit_test(the_secret_goes_to_the_token_url_as_the_person_says),
	};

	return cmocka_run_group_tests_name("own_client", tests, NULL, NULL);
}
