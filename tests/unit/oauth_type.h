/* SPDX-License-Identifier: Apache-2.0 */
/* A connection type for the tests of the OAuth client: a plain one, and what a test changes of it.
 */
#ifndef BAILEE_TESTS_UNIT_OAUTH_TYPE_H
#define BAILEE_TESTS_UNIT_OAUTH_TYPE_H

#include "base/alloc.h"
#include "base/json.h"
#include "catalog/catalog.h"

static const char oauth_type_base[] =
    "{'name':'shop','version':1,'label':'Shop','connections':[{'type':'shop','label':'Shop',"
    "'auth':'oauth2','fields':[{'name':'store','type':'text','label':'Store',"
    "'required':true,'requester':true,'pattern':'[a-z]+'},{'name':'pin','type':'password','label':'"
    "Pin'}],"
    "'inject':[{'where':'header','name':'Authorization',"
    "'template':'Bearer <<access_token>>'}],'oauth2':{"
    "'authorize_url':'https://shop.example/a','token_url':'https://shop.example/t',"
    "'client_auth':'body','pkce':'S256','scopes':[{'name':'r','words':'Read'},"
    "{'name':'w','words':'Write'}]},'allowed_hosts':['*.shop.example']}],"
    "'modules':[{'id':'M','name':'M','label':'M','type':'account:shop'}]}";

/* JSON with ' for ". */
static inline json_t *
oauth_type_json(const char *text)
{
	auto_free char *copy = xstrdup(text);
	struct errctx ctx = { 0 };
	json_t *value = NULL;

	for (char *c = copy; *c; c++)
		if (*c == '\'')
			*c = '"';
	if (json_parse(copy, strlen(copy), &value, &ctx))
		fail_msg("%s: %s", err_text(&ctx), text);
	return value;
}

/* The base with these members of "oauth2" set; NULL for none. catalog_close() what comes. */
static inline struct catalog *
oauth_type_open(const char *rules)
{
	json_auto_t *definition = oauth_type_json(oauth_type_base);
	json_auto_t *changes = rules ? oauth_type_json(rules) : json_object();
	json_t *connection = json_array_get(json_object_get(definition, "connections"), 0);
	struct catalog *catalog = catalog_new();
	struct errctx ctx = { 0 };

	json_object_update(json_object_get(connection, "oauth2"), changes);
	auto_free char *text = json_text(definition);
	if (catalog_add(catalog, "test", text, strlen(text), &ctx) || catalog_finish(catalog, &ctx))
		fail_msg("%s: %s: %s", rules ? rules : "", ctx.sub[0].path, err_text(&ctx));
	return catalog;
}

/* Members of "oauth2" of a provider that grants the client itself the access. */
#define OAUTH_TYPE_CLIENT                                                                          \
	"'token_grant':'client_credentials','refresh_source':'client','pkce':'off',"               \
	"'token_params':{'scope':'all'},'denied_when':{'param':'consent','value':'No'},"           \
	"'callback_fields':[{'name':'by','param':'tenant','pattern':'[A-Za-z]+','required':true,"  \
	"'same_as':'store'}]"

static inline const struct app_connection *
oauth_type_of(const struct catalog *catalog)
{
	return catalog_connection_type_find(catalog, "shop");
}

#endif
