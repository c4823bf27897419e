/* SPDX-License-Identifier: Apache-2.0 */
/* Behaviour of calls to a token endpoint: what is sent by which definition, and what cannot be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/crypt.h"
#include "oauth/exchange.h"

#include "oauth_type.h"

#define NOW INT64_C(1800000000000)

static struct oauth_call
call_of(const struct app_connection *type, enum oauth_step step, const struct secret *secret)
{
	return (struct oauth_call){ .step = step,
		.type = type,
		.client_id = "id",
		.client_secret = secret,
		.token = step == OAUTH_EXCHANGE ? "co/de" : "tok+1",
		.verifier = step == OAUTH_EXCHANGE ? "veri" : NULL,
		.redirect_uri = "https://b.example/c",
		.now_ms = NOW };
}

struct request_case {
	const char *rules, *fields;
	enum oauth_step step;
	const char *method, *url, *body; /* NULL body: none */
};
#define EXCHANGED                                                                                  \
	"grant_type=authorization_code&code=co%2Fde&redirect_uri=https%3A%2F%2Fb.example%2Fc"      \
	"&code_verifier=veri"
#define CLIENT "&client_id=id&client_secret=se%3Acret"
#define POST "POST", "https://shop.example/t"

static const struct request_case requests[] = {
	{ NULL, NULL, OAUTH_EXCHANGE, POST, EXCHANGED CLIENT },
	{ NULL, NULL, OAUTH_REFRESH, POST,
	    "grant_type=refresh_token&refresh_token=tok%2B1" CLIENT },
	{ "{'client_auth':'basic'}", NULL, OAUTH_EXCHANGE, POST, EXCHANGED },
	{ "{'client_auth':'none'}", NULL, OAUTH_EXCHANGE, POST, EXCHANGED "&client_id=id" },
	{ "{'token_params':{'a':'<<store>>','b':'1 2'}}", "{'store':'x&y'}", OAUTH_EXCHANGE, POST,
	    EXCHANGED CLIENT "&a=x%26y&b=1+2" },
	{ "{'token_params':{'a':'1'},'refresh_params':{'grant_type':'other'}}", NULL, OAUTH_REFRESH,
	    POST, "grant_type=other&refresh_token=tok%2B1" CLIENT },
	{ "{'refresh_url':'https://shop.example/r'}", NULL, OAUTH_REFRESH, "POST",
	    "https://shop.example/r", "grant_type=refresh_token&refresh_token=tok%2B1" CLIENT },
	{ "{'refresh_url':'https://shop.example/r'}", NULL, OAUTH_EXCHANGE, POST,
	    EXCHANGED CLIENT },
	{ "{'refresh_scopes':true,'scope_separator':','}", NULL, OAUTH_REFRESH, POST,
	    "grant_type=refresh_token&refresh_token=tok%2B1&scope=r%2Cw" CLIENT },
	{ "{'refresh_source':'access_token','refresh_grant':'fb_exchange_token','param_rename':"
	  "{'refresh_token':'fb_exchange_token'}}",
	    NULL, OAUTH_REFRESH, POST,
	    "grant_type=fb_exchange_token&fb_exchange_token=tok%2B1" CLIENT },
	{ "{'param_rename':{'client_id':'client_key','code':'auth_code'}}", NULL, OAUTH_EXCHANGE,
	    POST,
	    "grant_type=authorization_code&auth_code=co%2Fde&redirect_uri=https%3A%2F%2Fb.example%"
	    "2Fc"
	    "&code_verifier=veri&client_key=id&client_secret=se%3Acret" },
	{ "{'resource':'https://api.example/'}", NULL, OAUTH_REFRESH, POST,
	    "grant_type=refresh_token&refresh_token=tok%2B1" CLIENT
	    "&resource=https%3A%2F%2Fapi.example%2F" },
	{ "{'token_method':'GET'}", NULL, OAUTH_EXCHANGE, "GET",
	    "https://shop.example/t?" EXCHANGED CLIENT, NULL },
	{ "{'refresh_method':'GET','token_url':'https://shop.example/t?v=1'}", NULL, OAUTH_REFRESH,
	    "GET",
	    "https://shop.example/t?v=1&grant_type=refresh_token&refresh_token=tok%2B1" CLIENT,
	    NULL },
	{ "{'token_body':'json'}", NULL, OAUTH_REFRESH, POST,
	    "{\"grant_type\":\"refresh_token\",\"refresh_token\":\"tok+1\",\"client_id\":\"id\","
	    "\"client_secret\":\"se:cret\"}" },
	{ "{'token_url':'https://<<store>>.shop.example/t'}", "{'store':'acme'}", OAUTH_REFRESH,
	    "POST", "https://acme.shop.example/t",
	    "grant_type=refresh_token&refresh_token=tok%2B1" CLIENT },
	{ "{'post_exchange':{'url':'https://shop.example/"
	  "l','method':'GET','params':{'grant_type':'ig',"
	  "'client_secret':'<<client_secret>>','access_token':'<<access_token>>'}}}",
	    NULL, OAUTH_LENGTHEN, "GET",
	    "https://shop.example/l?grant_type=ig&client_secret=se%3Acret&access_token=tok%2B1",
	    NULL },
	{ "{'post_exchange':{'url':'https://shop.example/l','params':{'t':'<<access_token>>'}}}",
	    NULL, OAUTH_LENGTHEN, "POST", "https://shop.example/l", "t=tok%2B1" },
	/* the access token renews itself, as long-lived ones of Instagram do */
	{ "{'refresh_source':'access_token','refresh_url':'https://shop.example/"
	  "r','refresh_method':'GET',"
	  "'refresh_grant':'ig_refresh_token','refresh_bare':true,'param_rename':{'refresh_token':'"
	  "access_token'}}",
	    NULL, OAUTH_REFRESH, "GET",
	    "https://shop.example/r?grant_type=ig_refresh_token&access_token=tok%2B1", NULL },
	/* nothing but the client, the first time and ever after */
	{ "{" OAUTH_TYPE_CLIENT ",'token_url':'https://shop.example/<<store>>/t'}",
	    "{'store':'acme'}", OAUTH_EXCHANGE, "POST", "https://shop.example/acme/t",
	    "grant_type=client_credentials" CLIENT "&scope=all" },
	{ "{" OAUTH_TYPE_CLIENT ",'token_url':'https://shop.example/<<by>>/t',"
	  "'refresh_params':{'again':'1'}}",
	    "{'by':'Acme'}", OAUTH_REFRESH, "POST", "https://shop.example/Acme/t",
	    "grant_type=client_credentials" CLIENT "&scope=all&again=1" },
	{ "{'introspect_url':'https://shop.example/i'}", NULL, OAUTH_INTROSPECT, "POST",
	    "https://shop.example/i", "token=tok%2B1&token_type_hint=access_token" CLIENT },
};

static void
each_definition_gets_its_request(void **state)
{
	json_auto_t *scopes = oauth_type_json("['r','w']");
	auto_secret struct secret secret = { 0 };
	(void)state;

	secret_set(&secret, "se:cret", 7);
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		const struct request_case *c = &requests[i];
		struct catalog *catalog = oauth_type_open(c->rules);
		json_auto_t *fields = c->fields ? oauth_type_json(c->fields) : NULL;
		struct oauth_call call = call_of(oauth_type_of(catalog), c->step, &secret);
		auto_http_request struct http_request request = HTTP_REQUEST_INIT;
		struct errctx ctx = { 0 };

		call.fields = fields;
		call.scopes = scopes;
		if (oauth_request(&call, &request, &ctx))
			fail_msg("%s: %s", c->rules, err_text(&ctx));
		assert_string_equal(request.method, c->method);
		assert_string_equal(request.url, c->url);
		assert_int_equal(request.body != NULL, c->body != NULL);
		if (c->body) {
			assert_string_equal(request.body, c->body);
			assert_int_equal(request.body_len, strlen(c->body));
			assert_string_equal(http_request_header(&request, "Content-Type"),
			    *c->body == '{' ? "application/json"
					    : "application/x-www-form-urlencoded");
		}
		assert_string_equal(http_request_header(&request, "Accept"), "application/json");
		assert_non_null(http_request_header(&request, "User-Agent"));
		catalog_close(&catalog);
	}
}

static void
a_token_is_spent_once_and_goes_nowhere_else(void **state)
{
	struct catalog *catalog = oauth_type_open(NULL);
	auto_secret struct secret secret = { 0 };
	auto_http_request struct http_request request = HTTP_REQUEST_INIT;
	(void)state;

	secret_set(&secret, "s", 1);
	struct oauth_call call = call_of(oauth_type_of(catalog), OAUTH_REFRESH, &secret);
	assert_int_equal(oauth_request(&call, &request, NULL), OK);
	assert_true(request.once);
	assert_true(request.verify_tls);
	assert_false(request.follow_redirects);
	assert_int_equal(request.retry.retries, 0);
	assert_in_range(request.timeout_ms, 1, 30000);
	catalog_close(&catalog);
}

/* RFC 6749 section 2.3.1 and appendix B */
static void
basic_authorization_is_form_encoded_first(void **state)
{
	static const struct {
		const char *rules, *id, *secret, *pair;
	} cases[] = {
		{ "{'client_auth':'basic'}", "s6BhdRkqt3", "7Fjfp0ZBr1KtDRbnfVdmIw",
		    "s6BhdRkqt3:7Fjfp0ZBr1KtDRbnfVdmIw" },
		{ "{'client_auth':'basic'}", "a:b", "c:d%e+f g/\u00a3",
		    "a%3Ab:c%3Ad%25e%2Bf+g%2F%C2%A3" },
		{ "{'client_auth':'basic_template','client_auth_template':'<<client_secret>>:'}",
		    "id", "sk:1", "sk:1:" },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct catalog *catalog = oauth_type_open(cases[i].rules);
		auto_secret struct secret secret = { 0 };
		auto_http_request struct http_request request = HTTP_REQUEST_INIT;

		secret_set(&secret, cases[i].secret, strlen(cases[i].secret));
		struct oauth_call call = call_of(oauth_type_of(catalog), OAUTH_REFRESH, &secret);
		call.client_id = cases[i].id;
		assert_int_equal(oauth_request(&call, &request, NULL), OK);
		auto_free char *encoded = crypt_base64(cases[i].pair, strlen(cases[i].pair));
		auto_free char *wanted = xasprintf("Basic %s", encoded);
		assert_string_equal(http_request_header(&request, "Authorization"), wanted);
		assert_null(strstr(request.body, "client_"));
		catalog_close(&catalog);
	}
}

static void
headers_are_the_definitions_and_nothing_gets_into_them(void **state)
{
	struct catalog *catalog = oauth_type_open(
	    "{'token_headers':{'Accept':'text/plain','X-Key':'<<pin>>','user-agent':'Shop'}}");
	auto_secret struct secret secret = { 0 };
	struct oauth_call call = call_of(oauth_type_of(catalog), OAUTH_EXCHANGE, &secret);
	static const char *const bad[] = { "{'pin':'a\\r\\nX: y'}", "{'pin':'a\\u0001'}",
		"{'pin':'a\\u007f'}", "{'pin':['a']}", "{}" };
	(void)state;

	secret_set(&secret, "s", 1);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		json_auto_t *fields = oauth_type_json(bad[i]);
		auto_http_request struct http_request request = HTTP_REQUEST_INIT;

		call.fields = fields;
		if (oauth_request(&call, &request, NULL) != ERR_VALUE)
			fail_msg("took %s", bad[i]);
		assert_null(request.url);
	}
	json_auto_t *fields = oauth_type_json("{'pin':'12 34'}");
	auto_http_request struct http_request request = HTTP_REQUEST_INIT;
	call.fields = fields;
	assert_int_equal(oauth_request(&call, &request, NULL), OK);
	assert_string_equal(http_request_header(&request, "X-Key"), "12 34");
	assert_string_equal(http_request_header(&request, "Accept"), "text/plain");
	assert_string_equal(http_request_header(&request, "User-Agent"), "Shop");
	catalog_close(&catalog);
}

/* ---- formulas ---- */

static char *
hmac_hex(const char *text, const char *key)
{
	unsigned char bytes[CRYPT_HASH_MOST];
	size_t len = crypt_hmac(CRYPT_SHA256, key, strlen(key), text, strlen(text), bytes);

	return crypt_hex(bytes, len);
}

/* Headers see the body as it is sent; one call has one time and one nonce. */
static void
a_header_signs_the_body_that_is_sent(void **state)
{
	static const char *const bodies[] = { "json", "form" };
	(void)state;

	for (size_t i = 0; i < 2; i++) {
		auto_free char *rules = xasprintf(
		    "{'token_body':'%s','client_auth':'none','token_headers':{"
		    "'appkey':'<<client_id>>','timestamp':'<<DATE(NOW(), \\\"%%Q\\\")>>',"
		    "'X-Nonce':'<<nonce>>','X-Both':'<<CONCAT(nonce, DATE(NOW(), \\\"%%Q\\\"))>>',"
		    "'sign':'<<HMAC_SHA256(CONCAT(body, DATE(NOW(), \\\"%%Q\\\")), client_secret)>>"
		    "'}}",
		    bodies[i]);
		struct catalog *catalog = oauth_type_open(rules);
		auto_secret struct secret secret = { 0 };
		auto_http_request struct http_request request = HTTP_REQUEST_INIT;
		struct errctx ctx = { 0 };

		secret_set(&secret, "s3", 2);
		struct oauth_call call = call_of(oauth_type_of(catalog), OAUTH_EXCHANGE, &secret);
		if (oauth_request(&call, &request, &ctx))
			fail_msg("%s", err_text(&ctx));
		auto_free char *signed_text = xasprintf("%s1800000000000", request.body);
		auto_free char *sign = hmac_hex(signed_text, "s3");
		const char *nonce = http_request_header(&request, "X-Nonce");
		auto_free char *both = xasprintf("%s1800000000000", nonce);
		assert_string_equal(http_request_header(&request, "timestamp"), "1800000000000");
		assert_string_equal(http_request_header(&request, "sign"), sign);
		assert_string_equal(http_request_header(&request, "X-Both"), both);
		assert_int_equal(strlen(nonce), 32);
		assert_null(strstr(request.body, "s3"));
		catalog_close(&catalog);
	}
}

static void
parameters_are_worked_out(void **state)
{
	static const struct {
		const char *rules;
		enum oauth_step step;
		const char *end; /* of the body */
	} cases[] = {
		{ "{'token_params':{'md5_secret':'<<SUBSTRING(MD5(client_secret), 0, 20)>>'}}",
		    OAUTH_EXCHANGE, "&md5_secret=5ebe2294ecd0e0f08eab" },
		{ "{'token_params':{'c':'<<UPCASE(code)>>','f':'<<store>>-<<UPCASE(store)>>'}}",
		    OAUTH_EXCHANGE, "&c=CO%2FDE&f=acme-ACME" },
		{ "{'refresh_params':{'t':'<<UPCASE(refresh_token)>>'}}", OAUTH_REFRESH,
		    "&t=TOK%2B1" },
		{ "{'refresh_source':'access_token','refresh_params':{'t':"
		  "'<<UPCASE(access_token)>>'}}",
		    OAUTH_REFRESH, "&t=TOK%2B1" },
		{ "{'post_exchange':{'url':'https://shop.example/l','params':{'proof':"
		  "'<<SUBSTRING(HMAC_SHA256(access_token, client_secret), 0, 4)>>'}}}",
		    OAUTH_LENGTHEN, "proof=" },
		/* a field that was not filled in is NULL to a formula */
		{ "{'token_params':{'k':'<<DEFAULT(pin, 0)>>'}}", OAUTH_EXCHANGE, "&k=0" },
	};
	json_auto_t *fields = oauth_type_json("{'store':'acme'}");
	auto_secret struct secret secret = { 0 };
	(void)state;

	secret_set(&secret, "secret", 6);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct catalog *catalog = oauth_type_open(cases[i].rules);
		struct oauth_call call = call_of(oauth_type_of(catalog), cases[i].step, &secret);
		auto_http_request struct http_request request = HTTP_REQUEST_INIT;
		struct errctx ctx = { 0 };

		call.fields = fields;
		if (oauth_request(&call, &request, &ctx))
			fail_msg("%s: %s", cases[i].rules, err_text(&ctx));
		if (!strstr(request.body, cases[i].end))
			fail_msg("%s: %s", cases[i].rules, request.body);
		catalog_close(&catalog);
	}
}

static void
a_formula_that_fails_sends_nothing_and_tells_nothing(void **state)
{
	static const struct {
		const char *rules;
		enum err err;
	} cases[] = {
		{ "{'token_params':{'k':'<<JSON_PARSE(pin)>>'}}", ERR_VALUE },
		{ "{'token_params':{'k':'<<SHA256(pin, store)>>'}}", ERR_VALUE },
		{ "{'token_params':{'k':'<<SHA256(pin, CONCAT(\\\"r\\\", \\\"aw\\\"))>>'}}",
		    ERR_VALUE },
		{ "{'token_headers':{'K':'<<URL_DECODE(CONCAT(pin, \\\"%0d%0aX: y\\\"))>>'}}",
		    ERR_VALUE },
		{ "{'token_headers':{'K':'<<URL_DECODE(CONCAT(pin, \\\"%00\\\"))>>'}}", ERR_VALUE },
		{ "{'client_auth':'none','token_params':{'k':'<<SHA256(client_secret)>>'}}",
		    ERR_VALUE },
	};
	json_auto_t *fields = oauth_type_json("{'store':'acme','pin':'hunter2'}");
	auto_secret struct secret secret = { 0 };
	(void)state;

	secret_set(&secret, "secret", 6);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct catalog *catalog = oauth_type_open(cases[i].rules);
		bool last = i + 1 == sizeof(cases) / sizeof(cases[0]);
		struct oauth_call call =
		    call_of(oauth_type_of(catalog), OAUTH_EXCHANGE, last ? NULL : &secret);
		auto_http_request struct http_request request = HTTP_REQUEST_INIT;
		struct errctx ctx = { 0 };

		call.fields = fields;
		if (oauth_request(&call, &request, &ctx) != cases[i].err)
			fail_msg("%s: %s", cases[i].rules, err_text(&ctx));
		assert_null(request.url);
		assert_null(strstr(err_text(&ctx), "hunter2"));
		catalog_close(&catalog);
	}
}

static void
a_client_without_its_secret_is_told_so(void **state)
{
	static const char *const auths[] = { "{'client_auth':'body'}", "{'client_auth':'basic'}",
		"{'client_auth':'private_key_jwt'}",
		"{'client_auth':'basic_template','client_auth_template':'<<client_secret>>:'}" };
	(void)state;

	for (size_t i = 0; i < sizeof(auths) / sizeof(auths[0]); i++) {
		struct catalog *catalog = oauth_type_open(auths[i]);
		struct oauth_call call = call_of(oauth_type_of(catalog), OAUTH_REFRESH, NULL);
		auto_http_request struct http_request request = HTTP_REQUEST_INIT;

		assert_int_equal(oauth_request(&call, &request, NULL), ERR_CONFIG);
		catalog_close(&catalog);
	}
}

/* ---- private_key_jwt (RFC 7523) ---- */

static const char key_pem[] = "-----BEGIN PRIVATE KEY-----\n"
			      "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQguTRVdFFl96ZLQQE7\n"
			      "p4MIouKc1VyBKMpSRomBowRATzKhRANCAARkVAhyBxBKOxg+GixLc9Hyg+2xLOI8\n"
			      "GYKukr9erP5qOU2QeLXSP4H6dj2YXp7xKJFY4QcgCOzHjuwmJwNQgCnP\n"
			      "-----END PRIVATE KEY-----\n";

/* The part of the assertion in a form body, as JSON. */
static json_t *
part_of_assertion(const char *body, int part)
{
	const char *at = strstr(body, "client_assertion=") + strlen("client_assertion=");
	unsigned char *text = NULL;
	json_t *value = NULL;
	size_t len = 0;

	for (; part; part--)
		at += strcspn(at, ".") + 1;
	assert_int_equal(crypt_base64url_decode(at, strcspn(at, ".&"), &text, &len), OK);
	assert_int_equal(json_parse((const char *)text, len, &value, NULL), OK);
	free(text);
	return value;
}

static void
a_signed_assertion_has_one_audience_and_a_short_life(void **state)
{
	static const struct {
		const char *rules, *audience;
	} cases[] = {
		{ "{'client_auth':'private_key_jwt','client_jwt':{'algorithm':'ES256'}}",
		    "https://shop.example/t" },
		{ "{'client_auth':'private_key_jwt','client_jwt':{'algorithm':'ES256'},"
		  "'issuer':'https://shop.example'}",
		    "https://shop.example" },
		{ "{'client_auth':'private_key_jwt','client_jwt':{'algorithm':'ES256',"
		  "'audience':'https://login.shop.example'},'issuer':'https://shop.example'}",
		    "https://login.shop.example" },
	};
	auto_secret struct secret secret = { 0 };
	(void)state;

	secret_set(&secret, key_pem, strlen(key_pem));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct catalog *catalog = oauth_type_open(cases[i].rules);
		struct oauth_call call = call_of(oauth_type_of(catalog), OAUTH_EXCHANGE, &secret);
		auto_http_request struct http_request request = HTTP_REQUEST_INIT;
		struct errctx ctx = { 0 };

		if (oauth_request(&call, &request, &ctx))
			fail_msg("%s", err_text(&ctx));
		json_auto_t *header = part_of_assertion(request.body, 0);
		json_auto_t *claims = part_of_assertion(request.body, 1);
		assert_string_equal(json_get_text(header, "alg"), "ES256");
		assert_string_equal(json_get_text(claims, "aud"), cases[i].audience);
		assert_string_equal(json_get_text(claims, "iss"), "id");
		assert_string_equal(json_get_text(claims, "sub"), "id");
		assert_int_equal(strlen(json_get_text(claims, "jti")), 36);
		assert_int_equal(json_get_int(claims, "iat", 0), NOW / 1000);
		assert_int_equal(json_get_int(claims, "exp", 0), NOW / 1000 + 60);
		assert_non_null(
		    strstr(request.body, "client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3A"
					 "client-assertion-type%3Ajwt-bearer"));
		assert_null(strstr(request.body, "client_secret"));
		catalog_close(&catalog);
	}
}

static void
a_secret_that_is_no_key_is_a_fault_of_the_registration(void **state)
{
	struct catalog *catalog = oauth_type_open("{'client_auth':'private_key_jwt'}");
	auto_secret struct secret secret = { 0 };
	auto_http_request struct http_request request = HTTP_REQUEST_INIT;
	struct errctx ctx = { 0 };
	(void)state;

	secret_set(&secret, "not-a-key", 9);
	struct oauth_call call = call_of(oauth_type_of(catalog), OAUTH_EXCHANGE, &secret);
	assert_int_equal(oauth_request(&call, &request, &ctx), ERR_CONFIG);
	assert_null(strstr(err_text(&ctx), "not-a-key"));
	catalog_close(&catalog);
}

/* ---- what comes after ---- */

static void
the_next_step_is_the_definitions(void **state)
{
#define POST_EXCHANGE "'post_exchange':{'url':'https://shop.example/l','params':{'a':'b'}}"
#define ASK "'introspect_url':'https://shop.example/i','expires':{'source':'introspect'}"
	static const struct {
		const char *rules;
		enum oauth_step after_exchange, after_lengthen, after_refresh;
	} cases[] = {
		{ NULL, OAUTH_DONE, OAUTH_DONE, OAUTH_DONE },
		{ "{" POST_EXCHANGE "}", OAUTH_LENGTHEN, OAUTH_DONE, OAUTH_DONE },
		{ "{'post_exchange':{'url':'https://shop.example/l','params':{'a':'b'},"
		  "'after_refresh':true}}",
		    OAUTH_LENGTHEN, OAUTH_DONE, OAUTH_LENGTHEN },
		{ "{" ASK "}", OAUTH_INTROSPECT, OAUTH_INTROSPECT, OAUTH_INTROSPECT },
		{ "{" POST_EXCHANGE "," ASK "}", OAUTH_LENGTHEN, OAUTH_INTROSPECT,
		    OAUTH_INTROSPECT },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct catalog *catalog = oauth_type_open(cases[i].rules);
		const struct app_connection *type = oauth_type_of(catalog);

		assert_int_equal(oauth_next_step(type, OAUTH_EXCHANGE), cases[i].after_exchange);
		assert_int_equal(oauth_next_step(type, OAUTH_LENGTHEN), cases[i].after_lengthen);
		assert_int_equal(oauth_next_step(type, OAUTH_REFRESH), cases[i].after_refresh);
		assert_int_equal(oauth_next_step(type, OAUTH_INTROSPECT), OAUTH_DONE);
		catalog_close(&catalog);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_definition_gets_its_request),
		cmocka_unit_test(a_token_is_spent_once_and_goes_nowhere_else),
		cmocka_unit_test(basic_authorization_is_form_encoded_first),
		cmocka_unit_test(headers_are_the_definitions_and_nothing_gets_into_them),
		cmocka_unit_test(a_header_signs_the_body_that_is_sent),
		cmocka_unit_test(parameters_are_worked_out),
		cmocka_unit_test(a_formula_that_fails_sends_nothing_and_tells_nothing),
		cmocka_unit_test(a_client_without_its_secret_is_told_so),
		cmocka_unit_test(a_signed_assertion_has_one_audience_and_a_short_life),
		cmocka_unit_test(a_secret_that_is_no_key_is_a_fault_of_the_registration),
		cmocka_unit_test(the_next_step_is_the_definitions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
