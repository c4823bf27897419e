/* SPDX-License-Identifier: Apache-2.0 */
/* Behaviour of reading token answers: one row per thing that providers do otherwise than RFC 6749
 * says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "oauth/exchange.h"

#include "oauth_type.h"

#define NOW INT64_C(1800000000000) /* 2027-01-15T08:00:00Z */
#define HOUR INT64_C(3600000)

/* A result with this body, ' for " when it is JSON. */
static struct http_result
result_of(int status, const char *body)
{
	struct http_result result = { .status = status, .sent = true, .body = BUF_INIT(1 << 20) };

	result.headers = json_object();
	for (; *body; body++)
		buf_add_char(&result.body, (char)(*body == '\'' ? '"' : *body));
	return result;
}

static void
end_result(struct http_result *result)
{
	buf_free(&result->body);
	json_decref(result->headers);
}

static struct oauth_call
call_of(const struct app_connection *type, enum oauth_step step)
{
	return (struct oauth_call){ .step = step,
		.type = type,
		.client_id = "id",
		.token = "spent-token-000",
		.verifier = "verifier-0000000",
		.redirect_uri = "https://b.example/c",
		.now_ms = NOW };
}

/* ---- good ones ---- */

#define RFC_ANSWER                                                                                 \
	"{'access_token':'2YotnFZFEjr1zCsicMWpAA','token_type':'example','expires_in':3600,"       \
	"'refresh_token':'tGzv3JOkF0XG5Qx2TlKWIA','example_parameter':'example_value'}"
#define AT "{'access_token':'a'"

struct good_case {
	const char *rules, *body;
	const char *access, *refresh, *type; /* refresh "": none */
	int64_t life_ms;                     /* 0: no expiry */
	const char *scopes, *account;        /* NULL: not said */
};
static const struct good_case goods[] = {
	/* RFC 6749 section 5.1 */
	{ NULL, RFC_ANSWER, "2YotnFZFEjr1zCsicMWpAA", "tGzv3JOkF0XG5Qx2TlKWIA", "example", HOUR,
	    NULL, NULL },
	/* how it is written */
	{ NULL, "access_token=e72e16c7e42f&scope=repo%2Cgist&token_type=bearer", "e72e16c7e42f", "",
	    "bearer", 0, "['repo','gist']", NULL },
	{ NULL, "access_token=a%2Bb+c&expires_in=60&refresh_token=r", "a+b c", "r", "Bearer", 60000,
	    NULL, NULL },
	{ NULL, "access_token=a&access_token=b", "a", "", "Bearer", 0, NULL, NULL },
	{ NULL, AT ",'token_type':'<b>'}", "a", "", "Bearer", 0, NULL, NULL },
	{ NULL, AT ",'token_type':7,'refresh_token':null,'scope':null}", "a", "", "Bearer", 0, NULL,
	    NULL },
	/* where it stands */
	{ "{'response_map':{'access_token':['/data/token','/token'],'refresh_token':['/data/r'],"
	  "'expires':['/data/life'],'scope':['/data/s'],'account':['/data/who']}}",
	    "{'data':{'token':'a','r':'r','life':60,'s':'x y','who':12}}", "a", "r", "Bearer",
	    60000, "['x','y']", "12" },
	{ "{'response_map':{'access_token':['/authed_user/access_token','/access_token'],"
	  "'scope':['/authed_user/scope','/scope']},'scope_separator':','}",
	    "{'access_token':'bot','scope':'b','authed_user':{'access_token':'user','scope':'c,d'}"
	    "}",
	    "user", "", "Bearer", 0, "['c','d']", NULL },
	{ "{'response_map':{'access_token':['/authed_user/access_token','/access_token']}}",
	    "{'access_token':'user','authed_user':{'access_token':null}}", "user", "", "Bearer", 0,
	    NULL, NULL },
	{ "{'response_map':{'account':['/team/id']}}", AT ",'team':{'id':'T1'}}", "a", "", "Bearer",
	    0, NULL, "T1" },
	{ "{'response_map':{'account':['/team/id']}}", AT ",'team':{'id':'T\\n1'}}", "a", "",
	    "Bearer", 0, NULL, NULL },
	/* how long it lives */
	{ NULL, AT ",'expires_in':'3600'}", "a", "", "Bearer", HOUR, NULL, NULL },
	{ NULL, AT ",'expires_in':3600.0}", "a", "", "Bearer", HOUR, NULL, NULL },
	{ NULL, AT ",'expires_in':'3600.5'}", "a", "", "Bearer", 3600500, NULL, NULL },
	{ NULL, AT ",'expires_in':0}", "a", "", "Bearer", 0, NULL, NULL },
	{ NULL, AT ",'expires_in':-1}", "a", "", "Bearer", 0, NULL, NULL },
	{ NULL, AT ",'expires_in':'-1'}", "a", "", "Bearer", 0, NULL, NULL },
	{ NULL, AT ",'expires_in':1e300}", "a", "", "Bearer", 0, NULL, NULL },
	{ NULL, AT ",'expires_in':9223372036854775807}", "a", "", "Bearer", 0, NULL, NULL },
	{ NULL, AT ",'expires_in':1800003600}", "a", "", "Bearer", 0, NULL, NULL },
	{ NULL, AT ",'expires_in':'2027-01-15T09:00:00Z'}", "a", "", "Bearer", 0, NULL, NULL },
	{ NULL, AT ",'expires_in':'nan'}", "a", "", "Bearer", 0, NULL, NULL },
	{ NULL, AT ",'expires_in':[3600]}", "a", "", "Bearer", 0, NULL, NULL },
	{ NULL, AT "}", "a", "", "Bearer", 0, NULL, NULL },
	{ "{'expires':{'source':'answer','default_s':7200}}", AT "}", "a", "", "Bearer", 2 * HOUR,
	    NULL, NULL },
	{ "{'expires':{'source':'answer','default_s':7200}}", AT ",'expires_in':'soon'}", "a", "",
	    "Bearer", 2 * HOUR, NULL, NULL },
	{ "{'expires':{'source':'answer','default_s':7200}}", AT ",'expires_in':60}", "a", "",
	    "Bearer", 60000, NULL, NULL },
	{ "{'expires':{'source':'answer','unit':'ms'}}", AT ",'expires_in':60000}", "a", "",
	    "Bearer", 60000, NULL, NULL },
	{ "{'expires':{'source':'answer','unit':'unix_s'}}", AT ",'expires_in':1800003600}", "a",
	    "", "Bearer", HOUR, NULL, NULL },
	{ "{'expires':{'source':'answer','unit':'unix_s'}}", AT ",'expires_in':'1800003600'}", "a",
	    "", "Bearer", HOUR, NULL, NULL },
	{ "{'expires':{'source':'answer','unit':'unix_s'}}", AT ",'expires_in':3600}", "a", "",
	    "Bearer", 0, NULL, NULL },
	{ "{'expires':{'source':'answer','unit':'unix_ms'},'response_map':{'expires':['/"
	  "access_token_expiration']}}",
	    AT ",'access_token_expiration':1800003600000}", "a", "", "Bearer", HOUR, NULL, NULL },
	{ "{'expires':{'source':'answer','unit':'iso8601'},'response_map':{'expires':['/"
	  "expiresAt']}}",
	    AT ",'expiresAt':'2027-01-15T10:00:00+01:00'}", "a", "", "Bearer", HOUR, NULL, NULL },
	{ "{'expires':{'source':'answer','unit':'iso8601'},'response_map':{'expires':['/"
	  "expiresAt']}}",
	    AT ",'expiresAt':'3600'}", "a", "", "Bearer", 0, NULL, NULL },
	{ "{'expires':{'source':'answer','unit':'d:hh:mm'},'response_map':{'expires':['/e']}}",
	    AT ",'e':'1:02:00'}", "a", "", "Bearer", 26 * HOUR, NULL, NULL },
	{ "{'expires':{'source':'answer','unit':'d:hh:mm'},'response_map':{'expires':['/e']}}",
	    AT ",'e':'02:00'}", "a", "", "Bearer", 0, NULL, NULL },
	{ "{'expires':{'source':'never'}}", AT ",'expires_in':60}", "a", "", "Bearer", 0, NULL,
	    NULL },
	/* {"alg":"none"}.{"exp":1800003600}. and the like */
	{ "{'expires':{'source':'jwt'}}",
	    "{'access_token':'eyJhbGciOiJub25lIn0.eyJleHAiOjE4MDAwMDM2MDB9.x'}",
	    "eyJhbGciOiJub25lIn0.eyJleHAiOjE4MDAwMDM2MDB9.x", "", "Bearer", HOUR, NULL, NULL },
	{ "{'expires':{'source':'jwt','default_s':60}}",
	    "{'access_token':'not.a!.jwt','expires_in':120}", "not.a!.jwt", "", "Bearer", 120000,
	    NULL, NULL },
	{ "{'expires':{'source':'jwt','default_s':60}}", "{'access_token':'..'}", "..", "",
	    "Bearer", 60000, NULL, NULL },
	/* what it may do */
	{ NULL, AT ",'scope':'r w'}", "a", "", "Bearer", 0, "['r','w']", NULL },
	{ NULL, AT ",'scope':'r, w,,r '}", "a", "", "Bearer", 0, "['r','w']", NULL },
	{ NULL, AT ",'scope':['r','w','r',1]}", "a", "", "Bearer", 0, "['r','w']", NULL },
	{ NULL, AT ",'scope':''}", "a", "", "Bearer", 0, "[]", NULL },
	{ NULL, AT ",'scope':{'r':true}}", "a", "", "Bearer", 0, NULL, NULL },
	{ "{'scope_separator':';'}", AT ",'scope':'r;w'}", "a", "", "Bearer", 0, "['r','w']",
	    NULL },
	{ "{'scopes':[{'name':'a,b','words':'x'}]}", AT ",'scope':'a,b c'}", "a", "", "Bearer", 0,
	    "['a,b','c']", NULL },
	/* success by another sign */
	{ "{'success_when':{'path':'/ok','equals':true}}", "{'ok':true,'access_token':'a'}", "a",
	    "", "Bearer", 0, NULL, NULL },
	{ "{'error_when':{'path':'/error'}}", AT ",'error':''}", "a", "", "Bearer", 0, NULL, NULL },
	{ NULL, AT ",'code':200,'message':'fine'}", "a", "", "Bearer", 0, NULL, NULL },
};

static void
check_good(const struct good_case *c, const struct oauth_answer *answer)
{
	const struct oauth_tokens *tokens = &answer->tokens;

	if (answer->verdict != OAUTH_GOOD)
		fail_msg("%s %s: %s", c->rules, c->body, answer->words);
	assert_string_equal(secret_text(&tokens->access), c->access);
	assert_string_equal(secret_text(&tokens->refresh), c->refresh);
	assert_string_equal(tokens->token_type, c->type);
	if (tokens->has_expiry != (c->life_ms != 0) ||
	    (c->life_ms && tokens->expires_at_ms != NOW + c->life_ms))
		fail_msg("%s %s: expires in %lld ms", c->rules, c->body,
		    tokens->has_expiry ? (long long)(tokens->expires_at_ms - NOW) : 0LL);
	assert_int_equal(tokens->scopes != NULL, c->scopes != NULL);
	if (c->scopes) {
		json_auto_t *wanted = oauth_type_json(c->scopes);

		if (!json_equal(tokens->scopes, wanted))
			fail_msg("%s: %zu scopes", c->body, json_array_size(tokens->scopes));
	}
	assert_int_equal(tokens->account_id != NULL, c->account != NULL);
	if (c->account)
		assert_string_equal(tokens->account_id, c->account);
	assert_string_equal(answer->words, "");
	assert_string_equal(answer->error, "");
}

static void
good_answers_are_read_however_they_are_written(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(goods) / sizeof(goods[0]); i++) {
		struct catalog *catalog = oauth_type_open(goods[i].rules);
		struct oauth_call call = call_of(oauth_type_of(catalog), OAUTH_EXCHANGE);
		struct http_result result = result_of(200, goods[i].body);
		auto_oauth_answer struct oauth_answer answer = { 0 };

		oauth_read(&call, &result, &answer);
		check_good(&goods[i], &answer);
		end_result(&result);
		catalog_close(&catalog);
	}
}

/* ---- bad ones ---- */

#define DEAD OAUTH_INVALID_GRANT
#define OK_TRUE                                                                                    \
	"{'success_when':{'path':'/ok','equals':true},'dead_errors':['invalid_refresh_token']}"
#define NOTHING "the provider answered 200 without what was asked for"

struct bad_case {
	const char *rules;
	int status;
	const char *body;
	enum oauth_verdict verdict;
	const char *words;
};
static const struct bad_case bads[] = {
	{ NULL, 400, "{'error':'invalid_grant'}", DEAD,
	    "the provider answered 400 (invalid_grant)" },
	{ NULL, 401, "{'error':'invalid_grant','error_description':'Token has been revoked.'}",
	    DEAD, "the provider answered 401 (invalid_grant): Token has been revoked." },
	{ NULL, 400, "error=invalid_grant", DEAD, "the provider answered 400 (invalid_grant)" },
	{ NULL, 401, "{'error':'invalid_client'}", OAUTH_REFUSED,
	    "the provider answered 401 (invalid_client)" },
	{ NULL, 400, "<html>no</html>", OAUTH_REFUSED, "the provider answered 400" },
	{ NULL, 400, "", OAUTH_REFUSED, "the provider answered 400" },
	{ NULL, 302, "", OAUTH_REFUSED, "the provider answered 302" },
	{ NULL, 400, "{'error':'temporarily_unavailable'}", OAUTH_AWAY,
	    "the provider answered 400 (temporarily_unavailable)" },
	/* a server in trouble says nothing about the token, whatever it says */
	{ NULL, 500, "{'error':'invalid_grant'}", OAUTH_AWAY,
	    "the provider answered 500 (invalid_grant)" },
	{ NULL, 429, "{'error':'invalid_grant'}", OAUTH_AWAY,
	    "the provider answered 429 (invalid_grant)" },
	{ NULL, 503, "busy", OAUTH_AWAY, "the provider answered 503" },
	/* success, yet no token: it may have been spent */
	{ NULL, 200, "", OAUTH_AWAY, NOTHING },
	{ NULL, 200, "<html>log in</html>", OAUTH_AWAY, NOTHING },
	{ NULL, 200, "{'access_token':", OAUTH_AWAY, NOTHING },
	{ NULL, 200, "[]", OAUTH_AWAY, NOTHING },
	{ NULL, 200, "{'access_token':''}", OAUTH_AWAY, NOTHING },
	{ NULL, 200, "{'access_token':null}", OAUTH_AWAY, NOTHING },
	{ NULL, 200, "{'access_token':{'a':1}}", OAUTH_AWAY, NOTHING },
	{ NULL, 200, "{'access_token':'a\\r\\nX: y'}", OAUTH_AWAY, NOTHING },
	{ NULL, 200, "{'access_token':'\\u00e9'}", OAUTH_AWAY, NOTHING },
	{ NULL, 200, "access_token=a%0Ab", OAUTH_AWAY, NOTHING },
	{ NULL, 200, "access_token=a%00b", OAUTH_AWAY, NOTHING },
	/* a refusal that calls itself a success */
	{ NULL, 200, "{'error':'bad_verification_code'}", OAUTH_REFUSED,
	    "the provider answered 200 (bad_verification_code)" },
	{ "{'dead_errors':['bad_refresh_token']}", 200,
	    "error=bad_refresh_token&error_description=The+token+ended.", DEAD,
	    "the provider answered 200 (bad_refresh_token): The token ended." },
	{ OK_TRUE, 200, "{'ok':false,'error':'invalid_refresh_token'}", DEAD,
	    "the provider answered 200 (invalid_refresh_token)" },
	{ OK_TRUE, 200, "{'ok':false,'error':'bad_client_secret'}", OAUTH_REFUSED,
	    "the provider answered 200 (bad_client_secret)" },
	{ OK_TRUE, 200, "{'ok':false,'error':'ratelimited'}", OAUTH_AWAY,
	    "the provider answered 200 (ratelimited)" },
	{ OK_TRUE, 200, AT "}", OAUTH_REFUSED, "the provider answered 200" },
	{ "{'error_when':{'path':'/errcode'}}", 200, AT ",'errcode':40029,'errmsg':'invalid code'}",
	    OAUTH_REFUSED, "the provider answered 200 (40029): invalid code" },
	/* codes in other places */
	{ "{'error_path':['/error/code'],'dead_errors':['190']}", 400,
	    "{'error':{'message':'Session has expired','type':'OAuthException','code':190}}", DEAD,
	    "the provider answered 400 (190): Session has expired" },
	{ "{'error_path':['/status'],'dead_errors':['BAD_REFRESH_TOKEN']}", 400,
	    "{'status':'BAD_REFRESH_TOKEN','message':'missing or invalid refresh token'}", DEAD,
	    "the provider answered 400 (BAD_REFRESH_TOKEN): missing or invalid refresh token" },
	/* words */
	{ NULL, 400, "{'error':'x','error_description':'code spent-token-000 is old'}",
	    OAUTH_REFUSED, "the provider answered 400 (x)" },
	{ NULL, 400, "{'error':'x','error_description':'code spent-tok… is old'}", OAUTH_REFUSED,
	    "the provider answered 400 (x)" },
	{ NULL, 400, "{'error':'spent-token-000'}", OAUTH_REFUSED, "the provider answered 400" },
	{ NULL, 400, "{'code':'spent-token-000'}", OAUTH_REFUSED, "the provider answered 400" },
	{ NULL, 400, "{'error':'x','message':'verifier-0000000 differs'}", OAUTH_REFUSED,
	    "the provider answered 400 (x)" },
	{ NULL, 400, "{'error':'x','message':'not se-cret'}", OAUTH_REFUSED,
	    "the provider answered 400 (x)" },
	{ NULL, 400, "{'error':'x','message':'pin 1234 is wrong'}", OAUTH_REFUSED,
	    "the provider answered 400 (x)" },
	{ NULL, 400, "{'error':'x','message':'a\\nb\\u007f\\u009bc'}", OAUTH_REFUSED,
	    "the provider answered 400 (x): a b   c" },
	{ NULL, 400, "{'error':'a b(c)'}", OAUTH_REFUSED, "the provider answered 400 (a_b_c_)" },
	/* a field that is needed does not come, or not as it must be */
	{ "{'answer_fields':[{'name':'base','path':['/u'],'pattern':'https://"
	  "[a-z]+[.]shop[.]example','required':true}]}",
	    200, AT "}", OAUTH_AWAY, NOTHING },
	{ "{'answer_fields':[{'name':'base','path':['/u'],'pattern':'https://"
	  "[a-z]+[.]shop[.]example'}]}",
	    200, AT ",'u':'https://evil.example/.shop.example'}", OAUTH_AWAY, NOTHING },
};

static void
refusals_are_told_apart_and_never_tell_a_secret(void **state)
{
	json_auto_t *fields = oauth_type_json("{'store':'acme','pin':'1234'}");
	auto_secret struct secret secret = { 0 };
	(void)state;

	secret_set(&secret, "se-cret", 7);
	for (size_t i = 0; i < sizeof(bads) / sizeof(bads[0]); i++) {
		const struct bad_case *c = &bads[i];
		struct catalog *catalog = oauth_type_open(c->rules);
		struct oauth_call call = call_of(oauth_type_of(catalog), OAUTH_EXCHANGE);
		struct http_result result = result_of(c->status, c->body);
		auto_oauth_answer struct oauth_answer answer = { 0 };

		call.client_secret = &secret;
		call.fields = fields;
		oauth_read(&call, &result, &answer);
		if (answer.verdict != c->verdict || strcmp(answer.words, c->words) != 0)
			fail_msg("%s: %d %s", c->body, (int)answer.verdict, answer.words);
		assert_null(strstr(answer.error, "spent"));
		/* what came all the same is there, to be given back */
		assert_int_equal(answer.tokens.access.len > 0,
		    c->status == 200 && !strncmp(c->body, AT, strlen(AT)));
		end_result(&result);
		catalog_close(&catalog);
	}
}

static void
what_was_never_sent_is_not_what_got_no_answer(void **state)
{
	struct catalog *catalog = oauth_type_open(NULL);
	struct oauth_call call = call_of(oauth_type_of(catalog), OAUTH_REFRESH);
	struct http_result result = { .err = ERR_REMOTE, .reason = "the connection was refused" };
	auto_oauth_answer struct oauth_answer unsent = { 0 }, lost = { 0 };
	(void)state;

	oauth_read(&call, &result, &unsent);
	assert_int_equal(unsent.verdict, OAUTH_NOT_SENT);
	assert_string_equal(unsent.words,
	    "the provider could not be asked: the connection was refused");
	result.sent = true;
	oauth_read(&call, &result, &lost);
	assert_int_equal(lost.verdict, OAUTH_AWAY);
	catalog_close(&catalog);
}

static void
a_pause_that_is_asked_for_is_passed_on_within_bounds(void **state)
{
	static const struct {
		const char *text;
		int seconds;
	} cases[] = { { "120", 120 }, { "0", 0 }, { "-5", 0 }, { "99999999999999999999", 86400 },
		{ "Wed, 21 Oct 2026 07:28:00 GMT", 0 }, { "12x", 0 }, { "", 0 } };
	struct catalog *catalog = oauth_type_open(NULL);
	struct oauth_call call = call_of(oauth_type_of(catalog), OAUTH_REFRESH);
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct http_result result = result_of(429, "{}");
		auto_oauth_answer struct oauth_answer answer = { 0 };

		json_put_text(result.headers, "retry-after", cases[i].text);
		oauth_read(&call, &result, &answer);
		assert_int_equal(answer.retry_after_s, cases[i].seconds);
		end_result(&result);
	}
	catalog_close(&catalog);
}

/* ---- bounds ---- */

static void
what_is_too_large_is_not_taken(void **state)
{
	struct catalog *catalog = oauth_type_open(NULL);
	struct oauth_call call = call_of(oauth_type_of(catalog), OAUTH_EXCHANGE);
	(void)state;

	for (int size = 0; size < 3; size++) {
		static const int lengths[] = { OAUTH_TOKEN_MAX, OAUTH_TOKEN_MAX + 1,
			OAUTH_ANSWER_MAX };
		struct http_result result = result_of(200, "{'access_token':'");
		auto_oauth_answer struct oauth_answer answer = { 0 };

		for (int i = 0; i < lengths[size]; i++)
			buf_add_char(&result.body, 'x');
		buf_add_text(&result.body, "\"}");
		oauth_read(&call, &result, &answer);
		assert_int_equal(answer.verdict, size == 0 ? OAUTH_GOOD : OAUTH_AWAY);
		end_result(&result);
	}
	struct http_result result = result_of(200, "{'access_token':'a','scope':[");
	auto_oauth_answer struct oauth_answer answer = { 0 };
	for (int i = 0; i < 5000; i++)
		buf_printf(&result.body, "%s\"s%d\"", i ? "," : "", i);
	buf_add_text(&result.body, "]}");
	oauth_read(&call, &result, &answer);
	assert_int_equal(answer.verdict, OAUTH_GOOD);
	assert_int_equal(json_array_size(answer.tokens.scopes), 2000);
	end_result(&result);
	/* in the worst way of writing they fit into their column, or the tokens would be lost */
	struct http_result longer = result_of(200, "{'access_token':'a','scope':[");
	auto_oauth_answer struct oauth_answer most = { 0 };
	for (int i = 0; i < 2000; i++)
		buf_printf(&longer.body, "%s\"%040d\\\\\\\\\\\\\\\\\"", i ? "," : "", i);
	buf_add_text(&longer.body, "]}");
	oauth_read(&call, &longer, &most);
	assert_int_equal(most.verdict, OAUTH_GOOD);
	auto_free char *text = json_text(most.tokens.scopes);
	assert_true(json_array_size(most.tokens.scopes) > 100);
	assert_true(strlen(text) < 65536);
	end_result(&longer);
	catalog_close(&catalog);
}

/* ---- refreshes, and answers put together ---- */

static void
a_refresh_without_a_new_token_keeps_the_old_unless_it_is_said(void **state)
{
	static const struct {
		const char *rules, *body;
		bool ends;
	} cases[] = {
		{ NULL, AT "}", false },
		{ "{'keep_old_refresh':true}", AT "}", false },
		{ "{'keep_old_refresh':false}", AT "}", true },
		{ "{'keep_old_refresh':false}", AT ",'refresh_token':'r'}", false },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct catalog *catalog = oauth_type_open(cases[i].rules);
		struct oauth_call call = call_of(oauth_type_of(catalog), OAUTH_REFRESH);
		struct http_result result = result_of(200, cases[i].body);
		auto_oauth_answer struct oauth_answer answer = { 0 };

		oauth_read(&call, &result, &answer);
		assert_int_equal(answer.verdict, OAUTH_GOOD);
		assert_int_equal(answer.tokens.ends_refresh, cases[i].ends);
		end_result(&result);
		catalog_close(&catalog);
	}
}

#define BASE                                                                                       \
	"{'answer_fields':[{'name':'base','path':['/u'],'pattern':'https://"                       \
	"[a-z]+[.]shop[.]example',"                                                                \
	"'required':true},{'name':'hub','path':['/hub_id'],'pattern':'[0-9]+'}]}"

static void
a_later_answer_adds_to_the_one_before(void **state)
{
	struct catalog *catalog = oauth_type_open(BASE);
	struct oauth_call call = call_of(oauth_type_of(catalog), OAUTH_EXCHANGE);
	struct http_result first = result_of(200,
	    AT ",'refresh_token':'r','expires_in':60,'scope':'r','u':'https://a.shop.example',"
	       "'hub_id':7,'token_type':'short'}");
	struct http_result second = result_of(200, "{'access_token':'b','expires_in':3600}");
	auto_oauth_answer struct oauth_answer one = { 0 }, two = { 0 };
	json_auto_t *wanted = oauth_type_json("{'base':'https://a.shop.example','hub':'7'}");
	(void)state;

	oauth_read(&call, &first, &one);
	assert_int_equal(one.verdict, OAUTH_GOOD);
	assert_true(json_equal(one.tokens.fields, wanted));
	call.step = OAUTH_LENGTHEN;
	oauth_read(&call, &second, &two);
	assert_int_equal(two.verdict, OAUTH_GOOD);
	assert_null(two.tokens.fields);
	oauth_tokens_merge(&one.tokens, &two.tokens);
	assert_string_equal(secret_text(&one.tokens.access), "b");
	assert_string_equal(secret_text(&one.tokens.refresh), "r");
	assert_string_equal(one.tokens.token_type, "Bearer");
	assert_int_equal(one.tokens.expires_at_ms, NOW + HOUR);
	assert_int_equal(json_array_size(one.tokens.scopes), 1);
	assert_true(json_equal(one.tokens.fields, wanted));
	assert_int_equal(two.tokens.access.len, 0);
	end_result(&first);
	end_result(&second);
	catalog_close(&catalog);
}

/* RFC 7662 section 2.2 */
static void
introspection_says_how_long_and_nothing_else(void **state)
{
	static const struct {
		int status;
		const char *body;
		enum oauth_verdict verdict;
		int64_t life_ms;
	} cases[] = {
		{ 200, "{'active':true,'exp':1800003600,'scope':'x'}", OAUTH_GOOD, HOUR },
		{ 200, "{'active':true}", OAUTH_GOOD, 2 * HOUR },
		{ 200, "{'active':true,'exp':1700000000}", OAUTH_GOOD, 2 * HOUR },
		{ 200, "{'active':false}", OAUTH_REFUSED, 2 * HOUR },
		{ 200, "{'active':'true','exp':1800003600}", OAUTH_REFUSED, 2 * HOUR },
		{ 401, "{'error':'invalid_client'}", OAUTH_REFUSED, 2 * HOUR },
		{ 503, "", OAUTH_AWAY, 2 * HOUR },
	};
	struct catalog *catalog =
	    oauth_type_open("{'introspect_url':'https://shop.example/i',"
			    "'expires':{'source':'introspect','default_s':7200}}");
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct oauth_call call = call_of(oauth_type_of(catalog), OAUTH_EXCHANGE);
		struct http_result first = result_of(200, AT ",'scope':'r'}");
		struct http_result second = result_of(cases[i].status, cases[i].body);
		auto_oauth_answer struct oauth_answer one = { 0 }, two = { 0 };

		oauth_read(&call, &first, &one);
		call.step = OAUTH_INTROSPECT;
		oauth_read(&call, &second, &two);
		assert_int_equal(two.verdict, cases[i].verdict);
		oauth_tokens_merge(&one.tokens, &two.tokens);
		assert_string_equal(secret_text(&one.tokens.access), "a");
		assert_int_equal(json_array_size(one.tokens.scopes), 1);
		assert_true(one.tokens.has_expiry);
		assert_int_equal(one.tokens.expires_at_ms, NOW + cases[i].life_ms);
		end_result(&first);
		end_result(&second);
	}
	catalog_close(&catalog);
}

/* ---- when to refresh ---- */

#define MINUTE INT64_C(60000)
#define DAY (24 * HOUR)

static void
a_token_is_refreshed_before_it_ends(void **state)
{
	static const struct {
		const char *rules;
		bool has_refresh;
		int64_t life_ms, at_ms; /* 0: none, never */
	} cases[] = {
		{ NULL, true, HOUR, 45 * MINUTE },
		{ NULL, true, 30 * DAY, 30 * DAY - 15 * MINUTE },
		{ NULL, true, 60000, 45000 },
		{ NULL, false, HOUR, 0 },
		/* a provider that never says: silence must not become death */
		{ NULL, true, 0, HOUR },
		{ "{'expires':{'source':'never'}}", true, 0, 0 },
		{ "{'expires':{'source':'never'},'rotation':{'idle_ttl_s':864000}}", true, 0,
		    5 * DAY },
		{ "{'refresh_source':'none'}", true, HOUR, 0 },
		/* nothing to be spent */
		{ "{" OAUTH_TYPE_CLIENT "}", false, HOUR, 45 * MINUTE },
		{ "{" OAUTH_TYPE_CLIENT "}", false, 0, HOUR },
		/* its own refresh token: in good time */
		{ "{'refresh_source':'access_token'}", false, 60 * DAY, 30 * DAY },
		{ "{'refresh_source':'access_token'}", false, 0, 0 },
		/* for want of use */
		{ "{'rotation':{'idle_ttl_s':1800}}", true, HOUR, 15 * MINUTE },
		{ "{'rotation':{'rotates':true,'refresh_ttl_s':1800}}", true, HOUR, 15 * MINUTE },
		{ "{'rotation':{'rotates':false,'refresh_ttl_s':1800}}", true, HOUR, 45 * MINUTE },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct catalog *catalog = oauth_type_open(cases[i].rules);
		struct oauth_tokens tokens = { .has_expiry = cases[i].life_ms != 0,
			.expires_at_ms = NOW + cases[i].life_ms };
		int64_t at =
		    oauth_refresh_at(oauth_type_of(catalog), &tokens, cases[i].has_refresh, NOW);

		if (at != (cases[i].at_ms ? NOW + cases[i].at_ms : 0))
			fail_msg("%zu: %lld", i, (long long)(at - NOW));
		catalog_close(&catalog);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_answers_are_read_however_they_are_written),
		cmocka_unit_test(refusals_are_told_apart_and_never_tell_a_secret),
		cmocka_unit_test(what_was_never_sent_is_not_what_got_no_answer),
		cmocka_unit_test(a_pause_that_is_asked_for_is_passed_on_within_bounds),
		cmocka_unit_test(what_is_too_large_is_not_taken),
		cmocka_unit_test(a_refresh_without_a_new_token_keeps_the_old_unless_it_is_said),
		cmocka_unit_test(a_later_answer_adds_to_the_one_before),
		cmocka_unit_test(introspection_says_how_long_and_nothing_else),
		cmocka_unit_test(a_token_is_refreshed_before_it_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
