/* SPDX-License-Identifier: Apache-2.0 */
/* The members of an app definition: the table behind the checks, the JSON Schema and the manual. */
#include <stddef.h>

#include "catalog/app_parts.h"
#include "catalog/catalog.h"

#define LIST_MAX 2000
#define SHORT_LIST 64
#define YEARS_S 315360000 /* ten */

#define ANY(member, need, kind, say)                                                               \
	.name = (member), .value = (kind), .required = (need), .doc = (say)
#define NAMED(member, need, most_bytes, test, say)                                                 \
	{                                                                                          \
		ANY(member, need, APP_TEXT, say), .least = 1, .most = (most_bytes),                \
						  .text = &app_text_##test                         \
	}
#define LISTED(member, need, at_least, at_most, row, say)                                          \
	{                                                                                          \
		ANY(member, need, APP_ARRAY, say), .least = (at_least), .most = (at_most),         \
						   .element = (row)                                \
	}
#define NUMBER(member, at_least, at_most, say)                                                     \
	{                                                                                          \
		ANY(member, false, APP_INT, say), .least = (at_least), .most = (at_most)           \
	}
#define CHOICE(member, need, names, say)                                                           \
	{                                                                                          \
		ANY(member, need, APP_CHOICE, say), .choices = (names)                             \
	}
#define FLAG(member, say)                                                                          \
	{                                                                                          \
		ANY(member, false, APP_BOOL, say)                                                  \
	}
#define PART(member, need, table, say)                                                             \
	{                                                                                          \
		ANY(member, need, APP_OBJECT, say), .members = (table)                             \
	}
#define MAP(member, row, say)                                                                      \
	{                                                                                          \
		ANY(member, false, APP_MAP, say), .most = SHORT_LIST, .element = (row)             \
	}
#define END                                                                                        \
	{                                                                                          \
		.name = NULL                                                                       \
	}

/* Kinds of elements. */
static const struct app_rule scope_name = NAMED("scope", true, 512, plain, NULL);
static const struct app_rule pointer = NAMED("pointer", true, 255, pointer, NULL);
static const struct app_rule filled = NAMED("value", true, 2048, template, NULL);
static const struct app_rule worked_out = NAMED("value", true, 2048, formula, NULL);
static const struct app_rule word = NAMED("value", true, 128, identifier, NULL);
static const struct app_rule host = NAMED("host", true, 255, host, NULL);
static const struct app_rule key = NAMED("key", true, 64, key_type, NULL);
static const struct app_rule identifier = NAMED("type", true, 64, identifier, NULL);
static const struct app_rule status = NUMBER("status", 100, 599, NULL);
static const struct app_rule module_id = NAMED("id", true, 255, module, NULL);
static const struct app_rule major = NUMBER("version", 1, 9999, NULL);

/* ---- fields ---- */

static const struct app_rule option_members[] = {
	NAMED("label", true, 255, plain, "for people"),
	NAMED("value", true, 255, plain, "what the field then holds"),
	END,
};
static const struct app_rule option = PART("option", true, option_members, NULL);

static const char *const field_types[] = { "text", "password", "select", "boolean", "url", NULL };
static const struct app_rule field_members[] = {
	NAMED("name", true, 64, identifier, "unique in the connection"),
	CHOICE("type", true, field_types,
	    "`password` marks a secret; `url` is a whole URL: https, without user name and "
	    "fragment"),
	NAMED("label", true, 255, plain, "for people"),
	NAMED("help", false, 1024, plain, "where to find the value"),
	FLAG("required", "default false"),
	FLAG("requester",
	    "filled in by whoever asks for the credential, and by nobody else; default false"),
	NAMED("default", false, 255, plain, "of an optional field; `true` or `false` of a boolean"),
	NAMED("pattern", false, 512, pattern, "PCRE2; must match the whole value"),
	NAMED("expected", false, 255, plain, "the pattern in words: \"must be <expected>\""),
	NAMED("prefix", false, 128, plain, "shown before the value"),
	NAMED("suffix", false, 128, plain, "shown behind the value"),
	LISTED("options", false, 1, SHORT_LIST, &option, "of a `select`, and only of one"),
	END,
};
static const struct app_rule field = PART("field", true, field_members, NULL);

/* ---- calls ---- */

static const char *const places[] = { "header", "query", "basic", NULL };
static const struct app_rule inject_members[] = {
	CHOICE("where", true, places, "`basic`: Basic authorization made of the template"),
	NAMED("name", false, 128, header, "of the header or query parameter; not with `basic`"),
	NAMED("template", true, 1024, template,
	    "placeholders are fields, with oauth2 `access_token` and `access_token.name` of a "
	    "required "
	    "named token; of `basic`: user:password"),
	END,
};
static const struct app_rule inject = PART("inject", true, inject_members, NULL);

static const struct app_rule condition_members[] = {
	NAMED("path", true, 255, pointer, "JSON Pointer (RFC 6901) into the answer"),
	{ ANY("equals", false, APP_SCALAR,
	    "text, whole number, true or false; without it anything but null, false and \"\"") },
	END,
};

static const char *const methods[] = { "GET", "POST", "PUT", "DELETE", NULL };
static const struct app_rule test_members[] = {
	CHOICE("method", true, methods, "a call that changes nothing"),
	NAMED("url", true, 2048, url, "its host must be in `allowed_hosts`"),
	MAP("headers", &filled, "besides those of `inject`; one of the same name takes its place"),
	NAMED("body", false, 4096, plain, "JSON text"),
	LISTED("expect", true, 1, 16, &status, "statuses that mean the credential works"),
	PART("success_when", false, condition_members,
	    "for services that answer 200 to everything"),
	END,
};

/* ---- OAuth 2 ---- */

static const struct app_rule scope_members[] = {
	NAMED("name", true, 512, plain, "as the provider writes it"),
	NAMED("words", true, 255, plain,
	    "what it lets the holder do, for the person who grants it"),
	LISTED("within", false, 1, SHORT_LIST, &scope_name,
	    "names that mean this one as well when they are granted: wider scopes, and what the "
	    "provider calls it in its answer"),
	END,
};
static const struct app_rule scope = PART("scope", true, scope_members, NULL);

static const char *const revoke_styles[] = { "form", "json", "bearer", "basic_json", NULL };
static const char *const tokens[] = { "access_token", "refresh_token", NULL };
static const struct app_rule revoke_members[] = {
	NAMED("url", true, 2048, url, ""),
	CHOICE("style", true, revoke_styles,
	    "`form`: RFC 7009; `json`: the same members as JSON; `bearer`: the token is the "
	    "authorization; `basic_json`: `{\"access_token\": …}` with the client's Basic "
	    "authorization"),
	CHOICE("method", false, methods, "default POST"),
	CHOICE("token", false, tokens, "which is sent; default refresh_token, where there is one"),
	FLAG("ends_all", "ends every grant of the same account to this client, not only this one"),
	END,
};

static const struct app_rule callback_members[] = {
	NAMED("name", true, 64, identifier, "of the field, for templates"),
	NAMED("param", false, 128, identifier, "of the redirect; default the field's name"),
	NAMED("pattern", true, 512, pattern, "PCRE2; must match the whole value"),
	FLAG("required", "without it there is no connection; default false"),
	NAMED("same_as", false, 64, identifier,
	    "a field of the form that it must be equal to, in any letter case"),
	END,
};
static const struct app_rule callback_field = PART("field", true, callback_members, NULL);

static const struct app_rule denial_members[] = {
	NAMED("param", true, 128, identifier, "of the redirect"),
	NAMED("value", true, 255, plain, "in any letter case"),
	END,
};

static const struct app_rule answer_members[] = {
	NAMED("name", true, 64, identifier, "of the field, for templates"),
	LISTED("path", true, 1, 4, &pointer, "into the token answer: the first that is there"),
	NAMED("pattern", true, 512, pattern, "PCRE2; must match the whole value"),
	FLAG("required", "without it there is no connection; default false"),
	END,
};
static const struct app_rule answer_field = PART("field", true, answer_members, NULL);

static const char *const token_methods[] = { "POST", "GET", NULL };
static const struct app_rule post_exchange_members[] = {
	NAMED("url", true, 2048, url, ""),
	CHOICE("method", false, token_methods, "default POST; GET puts the parameters in the URL"),
	{ ANY("params", true, APP_MAP,
	      "all that is sent: of fields, `client_id`, `client_secret`, `access_token` and "
	      "`nonce`"),
	    .most = SHORT_LIST, .element = &worked_out },
	FLAG("after_refresh",
	    "after each refresh too: the token of the code is good for nothing else, as where a "
	    "session is opened with it; default false"),
	END,
};

static const char *const jwt_algorithms[] = { "RS256", "RS384", "RS512", "PS256", "PS384", "PS512",
	"ES256", "ES384", "ES512", NULL };
static const struct app_rule client_jwt_members[] = {
	CHOICE("algorithm", false, jwt_algorithms, "default RS256"),
	NAMED("audience", false, 2048, url, "default `issuer`, then `token_url`"),
	END,
};

static const struct app_rule response_members[] = {
	LISTED("access_token", false, 1, 4, &pointer, "default `/access_token`"),
	LISTED("refresh_token", false, 1, 4, &pointer, "default `/refresh_token`"),
	LISTED("expires", false, 1, 4, &pointer, "default `/expires_in`"),
	LISTED("scope", false, 1, 4, &pointer, "default `/scope`"),
	LISTED("token_type", false, 1, 4, &pointer, "default `/token_type`"),
	LISTED("account", false, 1, 4, &pointer,
	    "whose account it is: becomes the connection's uid"),
	END,
};

static const char *const expiry_sources[] = { "answer", "jwt", "introspect", "never", NULL };
static const char *const expiry_units[] = { "s", "ms", "d:hh:mm", "unix_s", "unix_ms", "iso8601",
	NULL };
static const struct app_rule expires_members[] = {
	CHOICE("source", true, expiry_sources,
	    "the token answer, the token's own `exp`, `introspect_url`, or tokens that do not "
	    "expire"),
	CHOICE("unit", false, expiry_units, "default s: seconds from now"),
	NUMBER("default_s", 60, YEARS_S, "taken when the answer does not say"),
	END,
};

static const struct app_rule rotation_members[] = {
	FLAG("rotates", "a refresh answers with another refresh token and ends the one sent"),
	NUMBER("reuse_grace_s", 0, 86400, "how long the one sent may be sent again"),
	NUMBER("refresh_ttl_s", 60, YEARS_S, "life of a refresh token from its issue"),
	NUMBER("idle_ttl_s", 60, YEARS_S, "life of one that is not used"),
	END,
};

static const char *const token_origins[] = { "answer", "refresh_token", NULL };
static const struct app_rule named_token_members[] = {
	NAMED("name", true, 32, identifier,
	    "unique and not `main`; `<<access_token.name>>` stands for it in `inject` and `test`"),
	CHOICE("from", true, token_origins,
	    "`answer`: the answer to the code has it beside the main one, and it is refreshed with "
	    "a "
	    "refresh token of its own; `refresh_token`: it is obtained and renewed with the main "
	    "refresh token, which must not rotate"),
	FLAG("required", "without it there is no connection; default false"),
	FLAG("alone", "with `answer`: it may come without the main one, and then stands for "
		      "`<<access_token>>` in `inject` and `test`; default false"),
	NAMED("scope_param", false, 64, identifier,
	    "with `answer`: parameter of the authorize URL for its scopes, which are listed in "
	    "`scopes` with `name:` before what the provider is sent"),
	PART("response_map", false, response_members,
	    "with `answer`: where the answer to the code has it; what is not named is not there"),
	PART("refresh_map", false, response_members,
	    "where an answer to its refresh has what; default: the connection's `response_map`"),
	MAP("refresh_params", &worked_out,
	    "added to its refresh call; default: the connection's `refresh_params`"),
	NAMED("resource", false, 2048, url, "of its refresh call (RFC 8707)"),
	END,
};
static const struct app_rule named_token = PART("token", true, named_token_members, NULL);

static const struct app_rule client_members[] = {
	NAMED("id", true, 64, identifier, "a required field of the type text"),
	NAMED("secret", true, 64, identifier,
	    "a field of the type password; where it may stay empty, the client is a public one"),
	NAMED("auth", false, 64, identifier,
	    "a field of the type select, of `basic` and `body`: in the place of `client_auth`"),
	END,
};

static const char *const client_auths[] = { "basic", "body", "none", "private_key_jwt",
	"basic_template", NULL };
static const char *const pkces[] = { "S256", "plain", "off", NULL };
static const char *const separators[] = { " ", ",", "+", ";", NULL };
static const char *const body_forms[] = { "form", "json", NULL };
static const char *const refresh_sources[] = { "refresh_token", "access_token", "client", "none",
	NULL };
static const char *const token_grants[] = { "authorization_code", "client_credentials", NULL };
static const struct app_rule oauth_members[] = {
	NAMED("authorize_url", true, 2048, address, "where the person is sent"),
	NAMED("authorize_fragment", false, 255, fragment,
	    "put behind a `#`, with the parameters behind it: for pages that read them there"),
	NAMED("token_url", true, 2048, address, ""),
	NAMED("refresh_url", false, 2048, url, "default `token_url`"),
	PART("revoke", false, revoke_members, "without it nothing can be revoked"),
	NAMED("introspect_url", false, 2048, url, "RFC 7662"),
	NAMED("issuer", false, 2048, url, "what `iss` of the redirect must be (RFC 9207)"),
	FLAG("iss_required", "a redirect without `iss` is refused too"),
	NAMED("code_param", false, 64, identifier,
	    "of the redirect, with the code; default `code`"),
	PART("denied_when", false, denial_members,
	    "what a redirect holds that says no, where that is no `error`"),
	LISTED("callback_fields", false, 1, 8, &callback_field,
	    "what else of the redirect becomes fields of the connection"),
	LISTED("answer_fields", false, 1, 8, &answer_field,
	    "what of the token answer becomes fields of the connection"),
	LISTED("test_fields", false, 1, 8, &answer_field,
	    "what of the answer of `test` becomes fields of the connection, as an id or a host "
	    "that the calls of an account need"),
	CHOICE("client_auth", true, client_auths,
	    "how the client proves itself at the token URL (RFC 6749 section 2.3, RFC 7523)"),
	PART("client", false, client_members,
	    "fields that say which client it is, where the person brings one of his own; without "
	    "it the operator has registered one"),
	NAMED("client_auth_template", false, 255, formula,
	    "with `basic_template`: of `client_id`, `client_secret` and `nonce`"),
	PART("client_jwt", false, client_jwt_members,
	    "with `private_key_jwt`; the client's secret is then its private key: PEM, or a JWK, "
	    "whose `kid` is sent along"),
	CHOICE("pkce", true, pkces, "RFC 7636; `off` only where the provider refuses it"),
	LISTED("scopes", true, 0, LIST_MAX, &scope, "every scope that may be asked for"),
	LISTED("default_scopes", false, 1, SHORT_LIST, &scope_name, "always asked for"),
	CHOICE("scope_separator", false, separators, "default a blank"),
	NAMED("scope_param", false, 64, identifier, "name of the parameter; default `scope`"),
	NAMED("scope_field", false, 64, identifier,
	    "a field of the type text: scopes to ask for besides, separated by blanks or commas, "
	    "and sent so"),
	FLAG("skip_empty",
	    "parameters and headers that come out empty, or stand for a field that was not filled "
	    "in, are left out; default false"),
	MAP("authorize_params", &filled, "added to the authorize URL"),
	MAP("token_params", &worked_out,
	    "added to the token call; also of `client_id`, `client_secret`, `code` and `nonce`"),
	MAP("refresh_params", &worked_out,
	    "added to the refresh call; also of `client_id`, `client_secret`, `nonce` and the "
	    "token "
	    "that is spent"),
	MAP("token_headers", &worked_out,
	    "added to every call but the test; also of `client_id`, `client_secret`, `nonce` and "
	    "`body`"),
	CHOICE("token_grant", false, token_grants,
	    "what the token call asks with: the code of the redirect (default), or nothing but the "
	    "client, to which the redirect has granted the access"),
	CHOICE("token_body", false, body_forms, "default form"),
	CHOICE("token_method", false, token_methods,
	    "default POST; GET puts the parameters in the URL"),
	CHOICE("refresh_method", false, token_methods, "default `token_method`"),
	FLAG("refresh_scopes", "a refresh names the scopes that were granted"),
	FLAG("refresh_bare", "a refresh says nothing of the client: the token is all it takes"),
	PART("post_exchange", false, post_exchange_members,
	    "a further call that exchanges the short-lived token of the code for a long-lived one; "
	    "its answer is read as the others"),
	MAP("param_rename", &word, "other names of standard parameters, e.g. client_id: app_id"),
	PART("response_map", false, response_members,
	    "where the token answer has what; the first "
	    "that is there counts"),
	PART("expires", false, expires_members, "default: the answer's seconds"),
	PART("rotation", false, rotation_members, "default: refresh tokens stay"),
	CHOICE("refresh_source", false, refresh_sources,
	    "which token is spent for a new one; `client`: none, the token call is made again; "
	    "`none`: there is no refresh"),
	NAMED("refresh_grant", false, 128, plain, "grant_type of a refresh; default refresh_token"),
	PART("success_when", false, condition_members, "what a good token answer holds"),
	PART("error_when", false, condition_members,
	    "what a refused one holds, though it is a 200"),
	LISTED("error_path", false, 1, 4, &pointer,
	    "where a refused answer has its code; default `/error` and where others have it"),
	LISTED("dead_errors", false, 1, 16, &word,
	    "codes that mean, as `invalid_grant` does, that the token or code is not good any "
	    "more"),
	NAMED("resource", false, 2048, url, "RFC 8707"),
	NAMED("audience", false, 2048, template, ""),
	FLAG("keep_old_refresh", "a refresh without refresh_token keeps the old one; default true"),
	LISTED("tokens", false, 1, CATALOG_TOKENS_MAX, &named_token,
	    "further access tokens, each with a life of its own"),
	END,
};

/* ---- the whole ---- */

static const char *const auths[] = { "oauth2", "basic", "apikey", NULL };
static const struct app_rule connection_members[] = {
	NAMED("type", true, 64, identifier, "the connection's type id; no other app may have it"),
	NAMED("label", true, 255, plain, "for people"),
	LISTED("aliases", false, 1, 16, &identifier,
	    "other names of the type, which are nobody else's; answers repeat the one that was "
	    "asked with"),
	CHOICE("auth", true, auths, "how it is authorized"),
	NAMED("description", false, 1024, plain, "how to come by what is asked for"),
	NAMED("docs", false, 2048, docs, "the provider's page about it"),
	LISTED("fields", false, 1, SHORT_LIST, &field,
	    "what the person fills in; with oauth2 parts of its URLs"),
	LISTED("inject", true, 1, 8, &inject, "what a call carries"),
	PART("oauth2", false, oauth_members, "with `auth` oauth2, and only then"),
	PART("test", false, test_members, "shows that a credential works, and whose it is"),
	LISTED("account_name", false, 1, 4, &pointer,
	    "whose account it is, in the answer of `test`: the first that is there"),
	LISTED("account_id", false, 1, 4, &pointer, "the same of the provider's id"),
	LISTED("allowed_hosts", true, 1, SHORT_LIST, &host, "where its secrets may be sent"),
	END,
};
static const struct app_rule connection = PART("connection", true, connection_members, NULL);

static const struct app_rule module_members[] = {
	NAMED("id", true, 255, module,
	    "unique: the name, or `name:parameter[:option]` where a module has several ways to "
	    "authorize (one row each)"),
	LISTED("aliases", false, 1, SHORT_LIST, &module_id, "other ids of the same, unique too"),
	NAMED("name", true, 128, identifier, ""),
	NAMED("label", true, 255, plain, "for people"),
	NAMED("type", false, 255, plain,
	    "`keychain:<key type>` or `account:<connection>[,<another>]`; without it the module "
	    "needs no credential"),
	LISTED("scope", false, 1, SHORT_LIST, &scope_name, "scopes to ask for"),
	NAMED("hook", false, 128, identifier, "name of the web hook a trigger brings along"),
	END,
};
static const struct app_rule module = PART("module", true, module_members, NULL);

static const struct app_rule alias_members[] = {
	NAMED("name", true, 128, name, "the app's own, or one that is nobody else's"),
	LISTED("versions", true, 1, 32, &major,
	    "major versions that stand for this one; no definition has them"),
	MAP("types", &identifier,
	    "what connections are called there: of a type that the app has or uses, one of its "
	    "`aliases`"),
	END,
};
static const struct app_rule alias = PART("alias", true, alias_members, NULL);

const struct app_rule app_rules[] = {
	NAMED("name", true, 128, name, "the same in every version"),
	{ ANY("version", true, APP_INT, "major version; each is a file of its own"), .least = 1,
	    .most = 9999 },
	NAMED("label", true, 255, plain, "for people"),
	NAMED("description", false, 1024, plain, "for people"),
	NAMED("docs", false, 2048, docs, "the provider's documentation"),
	LISTED("connections", false, 0, SHORT_LIST, &connection, "what modules authorize with"),
	LISTED("uses", false, 1, SHORT_LIST, &identifier, "types of connections of other apps"),
	LISTED("keys", false, 0, SHORT_LIST, &key, "key types that modules use"),
	LISTED("modules", true, 1, LIST_MAX, &module, "what can be asked for"),
	LISTED("aliases", false, 1, 16, &alias, "names and versions that it answers to besides"),
	END,
};
