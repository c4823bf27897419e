/* SPDX-License-Identifier: Apache-2.0 */
/* Definitions of connections: what is refused with which path, what the whole catalogue tells, the
 * documents made from the tables, and the apps that ship. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/alloc.h"
#include "catalog/app_rules.h"
#include "catalog/catalog.h"
#include "catalog/fill.h"
#include "net/allowed_hosts.h"

static const char shop[] =
    "{'name':'shop','version':1,'label':'Shop','connections':[{'type':'shop','label':'Shop',"
    "'auth':'oauth2','fields':[{'name':'store','type':'text','label':'Store','required':true,"
    "'pattern':'[a-z]+','expected':'small letters'},{'name':'pin','type':'password',"
    "'label':'Pin'}],'inject':[{'where':'header',"
    "'name':'Authorization','template':'Bearer <<access_token>>'}],'oauth2':{"
    "'authorize_url':'https://<<store>>.shop.example/a','token_url':'https://shop.example/t',"
    "'client_auth':'basic','pkce':'S256','scopes':[{'name':'r','words':'Read'},"
    "{'name':'w','words':'Write'}],'default_scopes':['r']},'test':{'method':'GET',"
    "'url':'https://api.shop.example/me','expect':[200]},'account_name':['/name'],"
    "'allowed_hosts':['*.shop.example']},{'type':'shop-key','label':'Shop key','auth':'apikey',"
    "'fields':[{'name':'key','type':'password','label':'Key','required':true},"
    "{'name':'zone','type':'select','label':'Zone','default':'eu','options':["
    "{'label':'Europe','value':'eu'},{'label':'America','value':'us'}]},"
    "{'name':'sandbox','type':'boolean','label':'Sandbox','default':'false'}],"
    "'inject':[{'where':'basic','template':'x:<<key>>'}],'allowed_hosts':['<<zone>>.shop.example']}"
    "],"
    "'modules':[{'id':'M','name':'M','label':'M','type':'account:shop,shop-key','scope':['w']}]}";

static json_t *
parse(const char *text)
{
	auto_free char *json = xstrdup(text);
	json_t *value = NULL;

	for (char *c = json; *c; c++)
		if (*c == '\'')
			*c = '"';
	struct errctx ctx = { 0 };
	if (json_parse(json, strlen(json), &value, &ctx))
		fail_msg("%s: %s", err_text(&ctx), json);
	return value;
}

/* Set or, with NULL, delete what a path like "connections.0.auth" names. */
static void
change(json_t *value, const char *path, const char *to)
{
	auto_free char *copy = xstrdup(path);
	char *step = copy, *dot;

	while ((dot = strchr(step, '.'))) {
		*dot = '\0';
		value = json_is_array(value) ? json_array_get(value, (size_t)strtol(step, NULL, 10))
					     : json_object_get(value, step);
		step = dot + 1;
	}
	assert_non_null(value);
	if (!to)
		json_object_del(value, step);
	else
		json_object_set_new(value, step, parse(to));
}

static enum err
add(struct catalog *catalog, const json_t *definition, struct errctx *ctx)
{
	auto_free char *text = json_text(definition);

	*ctx = (struct errctx){ 0 };
	return catalog_add(catalog, "test.json", text, strlen(text), ctx);
}

/* One change each to the shop above. */
static const struct {
	const char *change, *to, *path;
} misfits[] = {
	{ "connections.0.auth", "'basic'", "$.connections[0]" },
	{ "connections.0.auth", "'magic'", "$.connections[0].auth" },
	{ "connections.0.oauth2", NULL, "$.connections[0]" },
	{ "connections.1.fields", NULL, "$.connections[1]" },
	{ "connections.1.type", "'shop'", "$.connections[1]" },
	{ "uses", "['shop']", "$.connections[0]" },
	{ "connections.0.more", "1", "$.connections[0].more" },
	{ "connections.0.oauth2.more", "1", "$.connections[0].oauth2.more" },
	{ "connections.0.inject", NULL, "$.connections[0]" },
	{ "connections.0.inject", "[]", "$.connections[0].inject" },
	{ "connections.0.allowed_hosts", "['a/b']", "$.connections[0].allowed_hosts[0]" },
	{ "connections.0.allowed_hosts", "['*.com/']", "$.connections[0].allowed_hosts[0]" },
	{ "connections.0.allowed_hosts", "['other.example']", "$.connections[0].test.url" },
	{ "connections.0.allowed_hosts", "['<<other>>.shop.example']",
	    "$.connections[0].allowed_hosts[0]" },
	{ "connections.0.docs", "'http://shop.example'", "$.connections[0].docs" },
	{ "connections.0.test", NULL, "$.connections[0]" }, /* account_name needs it */
	{ "connections.0.test.url", "'https://api.shop.example.evil.example/'",
	    "$.connections[0].test.url" },
	{ "connections.0.test.expect", "['200']", "$.connections[0].test.expect[0]" },
	{ "connections.0.test.method", "'PATCH'", "$.connections[0].test.method" },
	{ "connections.0.test.headers", "{'X Y':'1'}", "$.connections[0].test.headers.X Y" },
	{ "connections.0.test.headers", "{'X':'<<nobody>>'}", "$.connections[0].test.headers.X" },
	{ "connections.0.account_name", "['name']", "$.connections[0].account_name[0]" },
	{ "connections.0.account_name", "['/a~2']", "$.connections[0].account_name[0]" },
	/* URLs */
	{ "connections.0.oauth2.token_url", "'http://shop.example/t'",
	    "$.connections[0].oauth2.token_url" },
	{ "connections.0.oauth2.token_url", "'http://localhost.evil.example/t'",
	    "$.connections[0].oauth2.token_url" },
	{ "connections.0.oauth2.token_url", "'https://user@shop.example/t'",
	    "$.connections[0].oauth2.token_url" },
	{ "connections.0.oauth2.token_url", "'https://shop.example/t#x'",
	    "$.connections[0].oauth2.token_url" },
	{ "connections.0.oauth2.token_url", "'https://shop.example/a b'",
	    "$.connections[0].oauth2.token_url" },
	{ "connections.0.oauth2.token_url", "'https:///t'", "$.connections[0].oauth2.token_url" },
	{ "connections.0.oauth2.token_url", "'https://<<store>.example'",
	    "$.connections[0].oauth2.token_url" },
	{ "connections.0.oauth2.token_url", "'https://<<nobody>>.example'",
	    "$.connections[0].oauth2.token_url" },
	{ "connections.0.fields.0.pattern", NULL, "$.connections[0].oauth2.authorize_url" },
	{ "connections.0.fields.0.type", "'password'", "$.connections[0].oauth2.authorize_url" },
	{ "connections.0.oauth2.resource", "'shop'", "$.connections[0].oauth2.resource" },
	/* OAuth */
	{ "connections.0.oauth2.default_scopes", "['x']", "$.connections[0].oauth2" },
	{ "connections.0.oauth2.scopes.0.name", "'w'", "$.connections[0].oauth2" },
	{ "connections.0.oauth2.scopes.0.name", "'r w'", "$.connections[0].oauth2" },
	{ "connections.0.oauth2.scopes.0.words", NULL, "$.connections[0].oauth2.scopes[0]" },
	{ "connections.0.oauth2.client_auth", "'basic_template'", "$.connections[0].oauth2" },
	{ "connections.0.oauth2.client_auth_template", "'<<client_secret>>:'",
	    "$.connections[0].oauth2" },
	{ "connections.0.oauth2.pkce", "'s256'", "$.connections[0].oauth2.pkce" },
	{ "connections.0.oauth2.scope_separator", "'|'",
	    "$.connections[0].oauth2.scope_separator" },
	{ "connections.0.oauth2.authorize_params", "{'k':'<<client_secret>>'}",
	    "$.connections[0].oauth2.authorize_params.k" },
	{ "connections.0.oauth2.token_params", "{'k':1}",
	    "$.connections[0].oauth2.token_params.k" },
	/* formulas */
	{ "connections.0.oauth2.token_params", "{'k':'<<UPCASE(store>>'}",
	    "$.connections[0].oauth2.token_params.k" },
	{ "connections.0.oauth2.token_params", "{'k':'a <<'}",
	    "$.connections[0].oauth2.token_params.k" },
	{ "connections.0.oauth2.token_params", "{'k':'<<UPPERCASE(store)>>'}",
	    "$.connections[0].oauth2.token_params.k" },
	{ "connections.0.oauth2.token_params", "{'k':'<<UPCASE(nobody)>>'}",
	    "$.connections[0].oauth2.token_params.k" },
	{ "connections.0.oauth2.token_params", "{'k':'<<STEPS[0].body>>'}",
	    "$.connections[0].oauth2.token_params.k" },
	{ "connections.0.oauth2.token_params", "{'k':'<<CREDENTIAL.other>>'}",
	    "$.connections[0].oauth2.token_params.k" },
	{ "connections.0.oauth2.token_params", "{'k':'<<SHA256(body)>>'}",
	    "$.connections[0].oauth2.token_params.k" },
	{ "connections.0.oauth2.token_params", "{'k':'<<SHA256(refresh_token)>>'}",
	    "$.connections[0].oauth2.token_params.k" },
	{ "connections.0.oauth2.refresh_params", "{'k':'<<SHA256(code)>>'}",
	    "$.connections[0].oauth2.refresh_params.k" },
	{ "connections.0.oauth2.refresh_params", "{'k':'<<SHA256(access_token)>>'}",
	    "$.connections[0].oauth2.refresh_params.k" },
	{ "connections.0.oauth2.token_headers", "{'K':'<<SHA256(code)>>'}",
	    "$.connections[0].oauth2.token_headers.K" },
	{ "connections.0.oauth2.authorize_params", "{'k':'<<UPCASE(store)>>'}",
	    "$.connections[0].oauth2.authorize_params.k" },
	{ "connections.0.oauth2.authorize_params", "{'k':'<<pin>>'}",
	    "$.connections[0].oauth2.authorize_params.k" },
	{ "connections.0.oauth2.audience", "'<<pin>>'", "$.connections[0].oauth2.audience" },
	{ "connections.0.oauth2.audience", "'<<nobody>>'", "$.connections[0].oauth2.audience" },
	{ "connections.0.oauth2.token_url", "'https://shop.example/<<UPCASE(store)>>'",
	    "$.connections[0].oauth2.token_url" },
	{ "connections.0.test.headers", "{'X':'<<UPCASE(store)>>'}",
	    "$.connections[0].test.headers.X" },
	{ "connections.0.fields.0.name", "'body'", "$.connections[0].fields[0]" },
	{ "connections.0.fields.0.name", "'code'", "$.connections[0].fields[0]" },
	{ "connections.0.fields.0.name", "'nonce'", "$.connections[0].fields[0]" },
	{ "connections.0.oauth2.token_params", "{'':'x'}",
	    "$.connections[0].oauth2.token_params." },
	{ "connections.0.oauth2.token_params", "[]", "$.connections[0].oauth2.token_params" },
	{ "connections.0.oauth2.keep_old_refresh", "'yes'",
	    "$.connections[0].oauth2.keep_old_refresh" },
	{ "connections.0.oauth2.expires", "{'source':'introspect'}", "$.connections[0].oauth2" },
	{ "connections.0.oauth2.expires", "{'source':'jwt','unit':'s'}",
	    "$.connections[0].oauth2" },
	{ "connections.0.oauth2.expires", "{'source':'answer','default_s':1}",
	    "$.connections[0].oauth2.expires.default_s" },
	{ "connections.0.oauth2.error_when", "{'path':'/e','equals':[1]}",
	    "$.connections[0].oauth2.error_when.equals" },
	{ "connections.0.oauth2.revoke",
	    "{'url':'https://shop.example/<<client_secret>>',"
	    "'style':'form'}",
	    "$.connections[0].oauth2.revoke.url" },
	/* fields and what calls carry */
	{ "connections.0.oauth2.iss_required", "true", "$.connections[0].oauth2" },
	{ "connections.0.oauth2.code_param", "'state'", "$.connections[0].oauth2" },
	{ "connections.0.oauth2.authorize_fragment", "'a#b'",
	    "$.connections[0].oauth2.authorize_fragment" },
	{ "connections.0.oauth2.authorize_fragment", "'a?b=<<store>>'",
	    "$.connections[0].oauth2.authorize_fragment" },
	{ "connections.0.oauth2.param_rename", "{'clientid':'id'}", "$.connections[0].oauth2" },
	{ "connections.0.oauth2.authorize_params", "{'state':'x'}", "$.connections[0].oauth2" },
	{ "connections.0.oauth2.authorize_params", "{'redirect_uri':'x'}",
	    "$.connections[0].oauth2" },
	{ "connections.0.oauth2.client_jwt", "{}", "$.connections[0].oauth2" },
	{ "connections.0.oauth2.post_exchange", "{'url':'https://shop.example/l'}",
	    "$.connections[0].oauth2.post_exchange" },
	{ "connections.0.oauth2.post_exchange",
	    "{'url':'https://shop.example/l','params':{'a':'<<refresh_token>>'}}",
	    "$.connections[0].oauth2.post_exchange.params.a" },
	{ "connections.0.oauth2.test_fields", "[{'name':'store','path':['/a'],'pattern':'.*'}]",
	    "$.connections[0].oauth2.test_fields[0]" },
	{ "connections.0.oauth2.test_fields",
	    "[{'name':'a','path':['/a'],'pattern':'.*'},{'name':'a','path':['/b'],'pattern':'.*'}]",
	    "$.connections[0].oauth2.test_fields[1]" },
	{ "connections.0.oauth2.test_fields", "[{'name':'a','pattern':'.*'}]",
	    "$.connections[0].oauth2.test_fields[0]" },
	{ "connections.0.oauth2.callback_fields", "[{'name':'realm'}]",
	    "$.connections[0].oauth2.callback_fields[0]" },
	{ "connections.0.oauth2.callback_fields", "[{'name':'realm','pattern':'('}]",
	    "$.connections[0].oauth2.callback_fields[0].pattern" },
	{ "connections.0.oauth2.callback_fields", "[{'name':'store','pattern':'.*'}]",
	    "$.connections[0].oauth2.callback_fields[0]" },
	{ "connections.0.oauth2.callback_fields", "[{'name':'scopes','pattern':'.*'}]",
	    "$.connections[0].oauth2.callback_fields[0]" },
	{ "connections.0.oauth2.callback_fields",
	    "[{'name':'a','pattern':'.*'},{'name':'a','pattern':'.*'}]",
	    "$.connections[0].oauth2.callback_fields[1]" },
	{ "connections.0.oauth2.answer_fields", "[{'name':'a','path':['b'],'pattern':'.*'}]",
	    "$.connections[0].oauth2.answer_fields[0].path[0]" },
	{ "connections.0.oauth2.revoke",
	    "{'url':'https://<<client_id>>.shop.example/','style':'form','ends_all':1}",
	    "$.connections[0].oauth2.revoke.ends_all" },
	{ "connections.1.fields.0.name", "'accountName'", "$.connections[1].fields[0]" },
	{ "connections.1.fields.0.name", "'accountType'", "$.connections[1].fields[0]" },
	{ "connections.1.fields.0.name", "'scopes'", "$.connections[1].fields[0]" },
	{ "connections.1.fields.0.name", "'access_token'", "$.connections[1].fields[0]" },
	{ "connections.1.fields.1.name", "'key'", "$.connections[1].fields[1]" },
	{ "connections.1.fields.1.options", NULL, "$.connections[1].fields[1]" },
	{ "connections.1.fields.1.default", "'mars'", "$.connections[1].fields[1]" },
	{ "connections.1.fields.2.default", "'no'", "$.connections[1].fields[2]" },
	{ "connections.1.fields.2.pattern", "'.*'", "$.connections[1].fields[2]" },
	{ "connections.1.fields.0.requester", "true", "$.connections[1].fields[0]" },
	{ "connections.1.fields.0.default", "'secret'", "$.connections[1].fields[0]" },
	{ "connections.0.fields.0.pattern", "'['", "$.connections[0].fields[0].pattern" },
	{ "connections.1.inject.0.template", "'<<key>>'", "$.connections[1].inject[0]" },
	{ "connections.1.inject.0.template", "':<<access_token>>'", "$.connections[1].inject[0]" },
	{ "connections.1.inject.0.name", "'X'", "$.connections[1].inject[0]" },
	{ "connections.0.inject.0.name", NULL, "$.connections[0].inject[0]" },
	{ "connections.0.inject.0.name", "'X:'", "$.connections[0].inject[0].name" },
	/* modules */
	{ "modules.0.type", "'account:other'", "$.modules[0].type" },
};

static void
refuses_what_does_not_fit_together_by_path(void **state)
{
	struct catalog *catalog = catalog_new();
	struct errctx ctx;
	(void)state;

	for (size_t i = 0; i < sizeof(misfits) / sizeof(misfits[0]); i++) {
		json_auto_t *definition = parse(shop);

		change(definition, misfits[i].change, misfits[i].to);
		if (add(catalog, definition, &ctx) != ERR_CONFIG)
			fail_msg("took %s = %s", misfits[i].change, misfits[i].to);
		if (strcmp(ctx.sub[0].path, misfits[i].path) != 0)
			fail_msg("%s = %s: at %s: %s", misfits[i].change, misfits[i].to,
			    ctx.sub[0].path, err_text(&ctx));
	}
	json_auto_t *good = parse(shop);
	if (add(catalog, good, &ctx))
		fail_msg("%s", err_text(&ctx));
	assert_int_equal(catalog_finish(catalog, NULL), OK);
	catalog_close(&catalog);
}

static void
what_an_authorization_brings_stands_only_where_it_is_known(void **state)
{
	static const struct {
		const char *where, *to, *path; /* NULL: taken */
	} cases[] = {
		{ "oauth2.token_url", "'https://<<realm>>.shop.example/t'", NULL },
		{ "oauth2.refresh_url", "'https://<<base>>.shop.example/t'", NULL },
		{ "oauth2.refresh_params", "{'k':'<<base>><<realm>>'}", NULL },
		{ "test.url", "'https://<<base>>.shop.example/<<realm>>'", NULL },
		{ "oauth2.token_params", "{'k':'<<realm>>'}", NULL },
		{ "oauth2.authorize_url", "'https://<<realm>>.shop.example/'",
		    "$.connections[0].oauth2.authorize_url" },
		{ "oauth2.authorize_params", "{'k':'<<realm>>'}",
		    "$.connections[0].oauth2.authorize_params" },
		{ "oauth2.issuer", "'https://<<base>>.shop.example'",
		    "$.connections[0].oauth2.issuer" },
		{ "oauth2.token_url", "'https://<<base>>.shop.example/t'",
		    "$.connections[0].oauth2.token_url" },
		{ "oauth2.token_headers", "{'k':'<<base>>'}",
		    "$.connections[0].oauth2.token_headers" },
	};
	struct errctx ctx;
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct catalog *catalog = catalog_new();
		json_auto_t *definition = parse(shop);
		auto_free char *where = xasprintf("connections.0.%s", cases[i].where);

		change(definition, "connections.0.oauth2.callback_fields",
		    "[{'name':'realm','pattern':'[a-z]+'}]");
		change(definition, "connections.0.oauth2.answer_fields",
		    "[{'name':'base','path':['/b'],'pattern':'[a-z]+'}]");
		change(definition, where, cases[i].to);
		enum err err = add(catalog, definition, &ctx);
		if (err != (cases[i].path ? ERR_CONFIG : OK))
			fail_msg("%s = %s: %s", where, cases[i].to, err_text(&ctx));
		if (err)
			assert_string_equal(ctx.sub[0].path, cases[i].path);
		catalog_close(&catalog);
	}
}

static void
formulas_are_read_when_a_definition_is(void **state)
{
	static const struct {
		const char *where, *to, *words; /* NULL: taken */
	} cases[] = {
		{ "token_params",
		    "{'sign':'v1=<<HMAC_SHA256(CONCAT(code, store, nonce), client_secret)>>'}",
		    NULL },
		{ "token_params", "{'pin':'<<SUBSTRING(MD5(pin), 0, 20)>> <<store>>'}", NULL },
		{ "refresh_params", "{'sign':'<<SHA256(CONCAT(refresh_token, pin))>>'}", NULL },
		{ "token_headers", "{'At':'<<DATE(NOW(), \\\"%Q\\\")>>','Sign':'<<SHA256(body)>>'}",
		    NULL },
		{ "post_exchange",
		    "{'url':'https://shop.example/l','params':{'proof':"
		    "'<<HMAC_SHA256(access_token, client_secret)>>'}}",
		    NULL },
		{ "token_params", "{'k':'ab <<UPCASE(store>>'}", "column 18: expected ',' or ')'" },
		{ "token_params", "{'k':'<<UPPER(store)>>'}",
		    "column 3: there is no function UPPER" },
		{ "token_params", "{'k':'<<SHA256()>>'}", "column 3: SHA256 takes 1 to 2" },
		{ "token_params", "{'k':'<<SHA256(shop)>>'}", "names shop, which is no field" },
		{ "token_params", "{'k':'<<SHA256(body)>>'}",
		    "names body, which is not known here" },
	};
	struct errctx ctx;
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct catalog *catalog = catalog_new();
		json_auto_t *definition = parse(shop);
		auto_free char *where = xasprintf("connections.0.oauth2.%s", cases[i].where);

		change(definition, where, cases[i].to);
		enum err err = add(catalog, definition, &ctx);
		if (err != (cases[i].words ? ERR_CONFIG : OK) ||
		    (err && !strstr(err_text(&ctx), cases[i].words)))
			fail_msg("%s = %s: %s", where, cases[i].to, err_text(&ctx));
		catalog_close(&catalog);
	}
}

/* Whose account it is must not be chosen by whoever can write a URL. */
static void
a_client_that_asks_alone_asks_for_whom_the_requester_named(void **state)
{
	static const struct {
		const char *where, *to; /* NULL: nothing is changed */
		bool taken;
	} cases[] = {
		{ NULL, NULL, true },
		{ "oauth2.token_url", "'https://shop.example/<<by>>/t'", true },
		{ "oauth2.token_params", "{'a':'<<UPCASE(store)>>'}", true },
		{ "oauth2.token_params", "{'a':'<<code>>'}", false },
		{ "oauth2.token_url", "'https://shop.example/<<zone>>/t'", false },
		{ "oauth2.token_url", "'https://shop.example/<<more>>/t'", false },
		{ "oauth2.refresh_url", "'https://shop.example/<<more>>/t'", false },
		{ "oauth2.token_params", "{'a':'<<SHA256(more)>>'}", false },
		{ "oauth2.token_headers", "{'A':'<<zone>>'}", false },
		{ "fields.0.requester", "false", false },
		{ "fields.0.required", "false", false },
		{ "oauth2.callback_fields.0.same_as", NULL, false },
		{ "oauth2.callback_fields.0.same_as", "'nobody'", false },
		{ "oauth2.callback_fields.0.same_as", "'zone'", false },
		{ "oauth2.callback_fields.0.required", NULL, false },
		{ "oauth2.pkce", "'S256'", false },
		{ "oauth2.client_auth", "'none'", false },
		{ "oauth2.code_param", "'c'", false },
		{ "oauth2.rotation", "{'rotates':true}", false },
		{ "oauth2.refresh_source", "'refresh_token'", false },
		{ "oauth2.token_grant", NULL, false },
		{ "oauth2.denied_when", "{'param':'c'}", false },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct catalog *catalog = catalog_new();
		json_auto_t *definition = parse(shop);
		struct errctx ctx;

		change(definition, "connections.0.fields",
		    "[{'name':'store','type':'text','label':'Store','required':true,"
		    "'requester':true,'pattern':'[a-z]+'},"
		    "{'name':'zone','type':'text','label':'Zone','pattern':'[a-z]+'}]");
		change(definition, "connections.0.oauth2.token_grant", "'client_credentials'");
		change(definition, "connections.0.oauth2.refresh_source", "'client'");
		change(definition, "connections.0.oauth2.pkce", "'off'");
		change(definition, "connections.0.oauth2.callback_fields",
		    "[{'name':'by','pattern':'[a-z]+','required':true,'same_as':'store'},"
		    "{'name':'more','pattern':'[a-z]+'}]");
		if (cases[i].where) {
			auto_free char *where = xasprintf("connections.0.%s", cases[i].where);
			change(definition, where, cases[i].to);
		}
		if ((add(catalog, definition, &ctx) == OK) != cases[i].taken)
			fail_msg("%s = %s: %s", cases[i].where, cases[i].to, err_text(&ctx));
		catalog_close(&catalog);
	}
}

static void
takes_plain_http_to_this_machine_alone(void **state)
{
	static const char *const urls[] = { "'http://127.0.0.1:8080/t'", "'http://localhost/t'",
		"'http://[::1]:1/t'" };
	struct errctx ctx;
	(void)state;

	for (size_t i = 0; i < 3; i++) {
		struct catalog *catalog = catalog_new();
		json_auto_t *definition = parse(shop);

		change(definition, "connections.0.oauth2.token_url", urls[i]);
		if (add(catalog, definition, &ctx))
			fail_msg("%s: %s", urls[i], err_text(&ctx));
		catalog_close(&catalog);
	}
}

/* ---- the whole catalogue ---- */

static const char user_app[] =
    "{'name':'app#mine','version':1,'label':'Mine','uses':['shop'],'modules':["
    "{'id':'M','name':'M','label':'M','type':'account:shop','scope':['r']}]}";

static void
connections_of_other_apps_can_be_used(void **state)
{
	struct catalog *catalog = catalog_new();
	json_auto_t *mine = parse(user_app), *its = parse(shop);
	struct errctx ctx;
	(void)state;

	assert_int_equal(add(catalog, mine, &ctx), OK);
	assert_int_equal(catalog_finish(catalog, &ctx), ERR_CONFIG);
	assert_string_equal(ctx.sub[0].path, "$.uses");
	assert_int_equal(add(catalog, its, &ctx), OK);
	assert_int_equal(catalog_finish(catalog, &ctx), OK);
	const struct app *app = catalog_find(catalog, "app#mine", 0);
	const struct app_connection *connection = catalog_connection_find(app, "shop");
	assert_non_null(connection);
	assert_string_equal(connection->app->name, "shop");
	assert_string_equal(connection->account_type, "oauth");
	assert_ptr_equal(catalog_connection_type_find(catalog, "shop"), connection);
	assert_null(catalog_connection_find(app, "shop-key"));
	assert_null(catalog_connection_type_find(catalog, "none"));
	assert_string_equal(catalog_scope_words(connection, "r"), "Read");
	assert_null(catalog_scope_words(connection, "x"));
	catalog_close(&catalog);
}

static const char wide[] = "{'oauth2':{'scopes':[{'name':'repo','words':'All'},"
			   "{'name':'public_repo','words':'Public','within':['repo','all']},"
			   "{'name':'User.Read','words':'Profile'},{'name':'email','words':'Mail',"
			   "'within':['https://www.googleapis.com/auth/userinfo.email']}]}}";

static void
says_what_was_asked_for_and_not_granted(void **state)
{
	static const struct {
		const char *asked, *granted, *missing;
	} cases[] = {
		{ "['repo','email']", "['repo','email']", "[]" },
		{ "['repo','email']", "['repo']", "['email']" },
		{ "['email','repo']", "[]", "['email','repo']" },
		{ "['public_repo']", "['repo']", "[]" },
		{ "['public_repo']", "['all']", "[]" },
		{ "['repo']", "['public_repo']", "['repo']" },
		{ "['User.Read']", "['user.read']", "[]" },
		{ "['User.Read']", "['https://graph.microsoft.com/User.Read']", "[]" },
		{ "['https://graph.microsoft.com/User.Read']", "['User.Read','repo']", "[]" },
		{ "['User.Read']", "['https://graph.microsoft.com/XUser.Read','repo']",
		    "['User.Read']" },
		{ "['Read']", "['files/Read','repo']", "['Read']" }, /* no address of a service */
		{ "['email','openid']",
		    "['openid','https://www.googleapis.com/auth/userinfo.email']", "[]" },
		/* not named by most, and no right */
		{ "['repo','offline_access']", "['repo']", "[]" },
		{ "['offline_access']", "[]", "[]" },
		/* names of the provider's own */
		{ "['repo','email']", "['default']", "[]" },
		{ "['repo','x']", "['default','x']", "['repo']" },
		{ "['repo',7]", "[7,null,'email']", "['repo']" }, /* damaged */
		{ "[]", "['repo']", "[]" },
	};
	json_auto_t *definition = parse(wide);
	const struct app_connection connection = { .definition = definition };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_auto_t *asked = parse(cases[i].asked), *granted = parse(cases[i].granted);
		json_auto_t *expected = parse(cases[i].missing);
		json_auto_t *missing = catalog_scopes_missing(&connection, asked, granted);

		if (!json_equal(missing, expected))
			fail_msg("asked %s, granted %s", cases[i].asked, cases[i].granted);
	}
}

static void
the_whole_refuses_unknown_scopes_and_types_of_two_apps(void **state)
{
	static const struct {
		const char *change, *to, *path;
	} cases[] = {
		{ "modules.0.scope", "['x']", "$.modules[0].scope" },
		{ "modules.0.type", "'account:shop-key'", "$.modules[0].scope" },
		{ "name", "'another'", "$.connections" },
	};
	struct errctx ctx;
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct catalog *catalog = catalog_new();
		json_auto_t *first = parse(shop), *second = parse(shop);

		change(second, cases[i].change, cases[i].to);
		change(second, "version", "2");
		assert_int_equal(add(catalog, first, &ctx), OK);
		assert_int_equal(add(catalog, second, &ctx), OK);
		assert_int_equal(catalog_finish(catalog, &ctx), ERR_CONFIG);
		assert_string_equal(ctx.sub[0].path, cases[i].path);
		catalog_close(&catalog);
	}
}

static void
types_are_found_in_the_newest_version(void **state)
{
	struct catalog *catalog = catalog_new();
	json_auto_t *first = parse(shop), *second = parse(shop);
	struct errctx ctx;
	(void)state;

	change(second, "version", "2");
	assert_int_equal(add(catalog, second, &ctx), OK);
	assert_int_equal(add(catalog, first, &ctx), OK);
	assert_int_equal(catalog_finish(catalog, &ctx), OK);
	assert_int_equal(catalog_connection_type_find(catalog, "shop")->app->version, 2);
	catalog_close(&catalog);
}

static void
put_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");
	json_auto_t *value = parse(text);

	assert_non_null(file);
	assert_int_equal(json_dumpf(value, file, 0), 0);
	assert_int_equal(fclose(file), 0);
}

static void
an_operator_cannot_take_a_shipped_name(void **state)
{
	char dir[] = "/tmp/bailee-apps.XXXXXX", extra[] = "/tmp/bailee-apps.XXXXXX";
	struct catalog *catalog = NULL;
	struct errctx ctx = { 0 };
	(void)state;

	assert_non_null(mkdtemp(dir));
	assert_non_null(mkdtemp(extra));
	auto_free char *shipped = xasprintf("%s/shop.json", dir);
	auto_free char *own = xasprintf("%s/own.json", extra);
	put_file(shipped, shop);
	put_file(own, user_app);
	assert_int_equal(catalog_open(dir, extra, &catalog, &ctx), OK);
	assert_true(catalog_find(catalog, "shop", 0)->shipped);
	assert_false(catalog_find(catalog, "app#mine", 0)->shipped);
	catalog_close(&catalog);
	auto_free char *text = xstrdup(shop);
	memcpy(strstr(text, "'version':1"), "'version':7", 11);
	put_file(own, text);
	assert_int_equal(catalog_open(dir, extra, &catalog, &ctx), ERR_CONFIG);
	assert_string_equal(ctx.sub[0].path, "$.name");
	assert_non_null(strstr(err_text(&ctx), "own.json"));
	unlink(shipped);
	unlink(own);
	rmdir(dir);
	rmdir(extra);
}

static void
fields_of_a_connection_are_a_form(void **state)
{
	struct catalog *catalog = catalog_new();
	json_auto_t *definition = parse(shop);
	struct errctx ctx;
	(void)state;

	assert_int_equal(add(catalog, definition, &ctx), OK);
	const struct app *app = catalog_at(catalog, 0);
	const struct form_field *fields = catalog_connection_find(app, "shop-key")->fields;
	json_auto_t *values = parse("{'key':'k'}");
	assert_int_equal(form_check(fields, "this type", values, "parameters", &ctx), OK);
	json_auto_t *filled = parse("{'key':'k','zone':'eu','sandbox':false}");
	assert_true(json_equal(values, filled));
	json_auto_t *bad = parse("{'zone':'mars','sandbox':'no','more':1}");
	assert_int_equal(form_check(fields, "this type", bad, "parameters", &ctx), ERR_FIELD);
	assert_int_equal(ctx.n_sub, 4);
	assert_string_equal(ctx.sub[0].text, "is no field of this type");
	fields = catalog_connection_find(app, "shop")->fields;
	json_auto_t *host = parse("{'store':'a.evil.example/'}");
	ctx = (struct errctx){ 0 };
	assert_int_equal(form_check(fields, "this type", host, "", &ctx), ERR_FIELD);
	assert_string_equal(err_text(&ctx), "must be small letters");
	json_auto_t *form = form_json(fields);
	json_auto_t *expected =
	    parse("[{'name':'store','type':'text','label':'Store','required':true,"
		  "'multiline':false,'pattern':'[a-z]+'},{'name':'pin','type':'password',"
		  "'label':'Pin','required':false,'multiline':false}]");
	assert_true(json_equal(form, expected));
	catalog_close(&catalog);
}

static void
a_pattern_cannot_be_made_to_run_for_long(void **state)
{
	static const struct form_field fields[] = {
		{ .name = "a", .type = FORM_TEXT, .label = "A", .most = 1024, .pattern = "(a+)+$" },
		{ .name = NULL },
	};
	json_auto_t *values = json_object();
	char text[1001];
	(void)state;

	memset(text, 'a', 999);
	memcpy(text + 999, "!", 2);
	json_put_text(values, "a", text);
	assert_int_equal(form_check(fields, "this", values, "", NULL), ERR_FIELD);
}

/* ---- filling in ---- */

static void
placeholders_are_filled_by_their_place(void **state)
{
	static const struct {
		const char *text, *values;
		enum fill_how how;
		const char *result; /* NULL: refused */
	} cases[] = {
		{ "https://<<a>>.example/<<b>>", "{'a':'x-1','b':'y z/?#'}", FILL_URL,
		    "https://x-1.example/y%20z%2F%3F%23" },
		{ "https://h/<<b>>/<<n>>", "{'b':'\xc3\xa4','n':7}", FILL_URL,
		    "https://h/%C3%A4/7" },
		{ "https://<<a>>.example/", "{'a':'evil.example/'}", FILL_URL, NULL },
		{ "https://<<a>>.example/", "{'a':'evil@'}", FILL_URL, NULL },
		{ "https://<<a>>.example/", "{'a':''}", FILL_URL, NULL },
		{ "https://<<a>>.example/", "{}", FILL_URL, NULL },
		{ "Bearer <<a>>", "{'a':'t k%n'}", FILL_PLAIN, "Bearer t k%n" },
		{ "Bearer <<a>>", "{'a':'t\\r\\nX: y'}", FILL_PLAIN, NULL },
		{ "Bearer <<a>>", "{'a':'t\\u0000'}", FILL_PLAIN, NULL },
		{ "Bearer <<a>>", "{'a':null}", FILL_PLAIN, NULL },
		{ "<<a>>", "{'a':'<<b>>','b':'no'}", FILL_PLAIN, "<<b>>" },
		{ "<<a>><<b>>", "{'a':true,'b':'!'}", FILL_PLAIN, "true!" },
		{ "none", "{}", FILL_PLAIN, "none" },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		auto_buf struct buf out = BUF_INIT(256);
		json_error_t error;
		auto_free char *text = xstrdup(cases[i].values);
		for (char *c = text; *c; c++)
			*c = *c == '\'' ? '"' : *c;
		json_auto_t *values = json_loads(text, JSON_ALLOW_NUL, &error);
		enum err err = fill(cases[i].text, values, cases[i].how, &out, NULL);

		assert_non_null(values);
		if (!cases[i].result)
			assert_int_equal(err, ERR_VALUE);
		else
			assert_string_equal(buf_text(&out), cases[i].result);
	}
}

/* ---- documents ---- */

static char *
read_doc(const char *name)
{
	const char *top = getenv("BAILEE_TEST_DATA");
	auto_free char *path = xasprintf("%s/../../%s", top ? top : "tests/data", name);
	FILE *file = fopen(path, "re");
	char *text = xmalloc(1u << 20);

	if (!file)
		fail_msg("no file %s", path);
	size_t len = fread(text, 1, (1u << 20) - 1, file);
	assert_int_equal(fclose(file), 0);
	text[len] = '\0';
	return text;
}

static void
the_schema_says_what_the_loader_does(void **state)
{
	auto_free char *text = read_doc("docs/app.schema.json");
	json_auto_t *made = app_rules_schema(), *kept = NULL;
	(void)state;

	assert_int_equal(json_parse(text, strlen(text), &kept, NULL), OK);
	if (!json_equal(made, kept))
		fail_msg("docs/app.schema.json is old: baileectl app schema >docs/app.schema.json");
}

static void
the_manual_lists_every_member(void **state)
{
	auto_free char *text = read_doc("docs/APPS.md"), *manual = app_rules_manual();
	(void)state;

	if (!strstr(text, manual))
		fail_msg("the table of docs/APPS.md is old: baileectl app manual");
}

static void
every_member_is_described(const struct app_rule *rules)
{
	for (; rules->name; rules++) {
		const struct app_rule *inner = rules->value == APP_ARRAY ? rules->element : rules;

		if (!rules->doc)
			fail_msg("%s has no words", rules->name);
		if (inner->value == APP_OBJECT)
			every_member_is_described(inner->members);
	}
}

static void
no_member_is_without_words(void **state)
{
	(void)state;
	every_member_is_described(app_rules);
}

static bool
pattern_fits(const char *pattern, const char *text)
{
	int code;
	PCRE2_SIZE at;
	pcre2_code *compiled = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
	    PCRE2_DOLLAR_ENDONLY, &code, &at, NULL);

	assert_non_null(compiled);
	pcre2_match_data *data = pcre2_match_data_create(1, NULL);
	bool fits = pcre2_match(compiled, (PCRE2_SPTR)text, strlen(text), 0, 0, data, NULL) >= 0;
	pcre2_match_data_free(data);
	pcre2_code_free(compiled);
	return fits;
}

static void
patterns_of_the_schema_mean_what_the_loader_checks(void **state)
{
	static const char *const samples[] = { "a", "A", "a-b_c", "a#b", "a:b", ":a", "a b", "a\n",
		"\x7f", "basicauth", "basicauths", "apn", "gpg-private", "/", "/a/0", "a/b", "/~1",
		"/~2", "/~", "X-Key", "X:", "x(y", "\xc3\xa4", "/\xc3\xa4", "a.b", "!#$%&'*+.^_`|~",
		"a\"b" };
	(void)state;

	for (size_t k = 0; app_texts[k]; k++)
		for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++)
			if (app_texts[k]->pattern &&
			    pattern_fits(app_texts[k]->pattern, samples[i]) !=
				app_texts[k]->fits(samples[i]))
				fail_msg("%s: \"%s\"", app_texts[k]->expected, samples[i]);
}

/* ---- the apps that ship ---- */

static struct catalog *
shipped(void)
{
	const char *top = getenv("BAILEE_TEST_DATA");
	auto_free char *dir = xasprintf("%s/../../apps", top ? top : "tests/data");
	struct catalog *catalog = NULL;
	struct errctx ctx = { 0 };

	if (catalog_open(dir, NULL, &catalog, &ctx))
		fail_msg("%s", err_text(&ctx));
	return catalog;
}

static void
the_most_asked_for_apps_ship(void **state)
{
	static const char *const names[] = { "http", "google-sheets", "gmail", "google-drive",
		"google-calendar", "microsoft-outlook", "onedrive", "microsoft-teams", "github",
		"gitlab", "slack", "notion", "hubspot", "salesforce", "stripe", "shopify", "jira",
		"zoom", "dropbox", "box", "asana", "trello", "airtable", "intercom", "zendesk",
		"xero", "quickbooks", "mailchimp", "sendgrid", "twilio", "openai", "anthropic",
		"discord", "linkedin", "facebook", "x", "pipedrive", "linear", "figma", "calendly",
		"typeform", "clickup", "monday", "docusign", "okta", "auth0" };
	struct catalog *catalog = shipped();
	(void)state;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!catalog_find(catalog, names[i], 0))
			fail_msg("no app %s", names[i]);
	catalog_close(&catalog);
}

/* Which service it is of, the person says. */
static bool
is_of_any_service(const struct app_connection *connection)
{
	return json_object_get(json_object_get(connection->definition, "oauth2"), "client") != NULL;
}

static void
shipped_connections_can_be_tested_and_say_whose_they_are(void **state)
{
	/* what these answer names nobody */
	static const char *const nameless[] = { "sendgrid", "openai", "anthropic", "auth0-token" };
	struct catalog *catalog = shipped();
	(void)state;

	for (size_t i = 0; i < catalog_count(catalog); i++) {
		const struct app *app = catalog_at(catalog, i);

		for (size_t k = 0; k < app->n_connections; k++) {
			const struct app_connection *connection = &app->connections[k];
			bool excused = false;

			if (is_of_any_service(connection))
				continue;
			for (size_t n = 0; n < sizeof(nameless) / sizeof(nameless[0]); n++)
				excused |= !strcmp(nameless[n], connection->type);
			if (!json_object_get(connection->definition, "test"))
				fail_msg("%s has no test", connection->type);
			if (!excused && !json_object_get(connection->definition, "account_name"))
				fail_msg("%s names no account", connection->type);
		}
	}
	catalog_close(&catalog);
}

/* With every field of the connection filled in; the caller frees it. */
static char *
filled_in(const struct app_connection *connection, const char *text)
{
	struct buf out = BUF_INIT(4096);
	json_auto_t *values = json_object();
	struct errctx ctx = { 0 };

	for (const struct form_field *field = connection->fields; field->name; field++)
		json_put_text(values, field->name, "acme.example");
	if (fill(text, values, FILL_URL, &out, &ctx))
		fail_msg("%s: %s", text, err_text(&ctx));
	return buf_take(&out);
}

static void
check_hosts(const struct app_connection *connection)
{
	const json_t *patterns = json_object_get(connection->definition, "allowed_hosts");
	json_auto_t *filled = json_array();
	struct errctx ctx = { 0 };

	for (size_t i = 0; i < json_array_size(patterns); i++) {
		auto_free char *pattern =
		    filled_in(connection, json_string_value(json_array_get(patterns, i)));

		if (allowed_hosts_check(pattern, &ctx))
			fail_msg("%s: %s: %s", connection->type, pattern, err_text(&ctx));
		json_array_append_new(filled, json_string(pattern));
	}
	if (is_of_any_service(connection))
		return;
	auto_free char *url = filled_in(connection,
	    json_get_text(json_object_get(connection->definition, "test"), "url"));
	if (!allowed_hosts_allow(filled, url))
		fail_msg("%s: %s", connection->type, url);
}

static void
shipped_hosts_are_patterns_that_the_net_takes(void **state)
{
	struct catalog *catalog = shipped();
	(void)state;

	for (size_t i = 0; i < catalog_count(catalog); i++)
		for (size_t k = 0; k < catalog_at(catalog, i)->n_connections; k++)
			check_hosts(&catalog_at(catalog, i)->connections[k]);
	catalog_close(&catalog);
}

static void
shipped_oauth_clients_say_how_long_tokens_live(void **state)
{
	struct catalog *catalog = shipped();
	(void)state;

	for (size_t i = 0; i < catalog_count(catalog); i++) {
		const struct app *app = catalog_at(catalog, i);

		for (size_t k = 0; k < app->n_connections; k++) {
			const json_t *oauth =
			    json_object_get(app->connections[k].definition, "oauth2");

			if (oauth && !json_object_get(oauth, "expires"))
				fail_msg("%s", app->connections[k].type);
		}
	}
	catalog_close(&catalog);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_what_does_not_fit_together_by_path),
		cmocka_unit_test(what_an_authorization_brings_stands_only_where_it_is_known),
		cmocka_unit_test(formulas_are_read_when_a_definition_is),
		cmocka_unit_test(a_client_that_asks_alone_asks_for_whom_the_requester_named),
		cmocka_unit_test(takes_plain_http_to_this_machine_alone),
		cmocka_unit_test(connections_of_other_apps_can_be_used),
		cmocka_unit_test(says_what_was_asked_for_and_not_granted),
		cmocka_unit_test(the_whole_refuses_unknown_scopes_and_types_of_two_apps),
		cmocka_unit_test(types_are_found_in_the_newest_version),
		cmocka_unit_test(an_operator_cannot_take_a_shipped_name),
		cmocka_unit_test(fields_of_a_connection_are_a_form),
		cmocka_unit_test(a_pattern_cannot_be_made_to_run_for_long),
		cmocka_unit_test(placeholders_are_filled_by_their_place),
		cmocka_unit_test(the_schema_says_what_the_loader_does),
		cmocka_unit_test(the_manual_lists_every_member),
		cmocka_unit_test(no_member_is_without_words),
		cmocka_unit_test(patterns_of_the_schema_mean_what_the_loader_checks),
		cmocka_unit_test(the_most_asked_for_apps_ship),
		cmocka_unit_test(shipped_connections_can_be_tested_and_say_whose_they_are),
		cmocka_unit_test(shipped_hosts_are_patterns_that_the_net_takes),
		cmocka_unit_test(shipped_oauth_clients_say_how_long_tokens_live),
	};

	return cmocka_run_group_tests_name("catalog_definitions", tests, NULL, NULL);
}
