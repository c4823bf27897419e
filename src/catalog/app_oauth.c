/* SPDX-License-Identifier: Apache-2.0 */
/* The rules between the members of an OAuth 2 connection. */
#include <string.h>

#include "catalog/app_parts.h"
#include "catalog/expression.h"
#include "catalog/fill.h"

/* What may be named besides fields, by call. */
#define CLIENT "client_id", "client_secret", "nonce"
static const char *const client_id[] = { "client_id", NULL };
static const char *const client[] = { CLIENT, NULL };
static const char *const client_and_code[] = { CLIENT, "code", NULL };
static const char *const client_and_body[] = { CLIENT, "body", NULL };
static const char *const client_and_access[] = { CLIENT, "access_token", NULL };
static const char *const client_and_refresh[] = { CLIENT, "refresh_token", NULL };

/* What this program sends under names of the standards, and may be told to call otherwise. */
static const char *const renamable[] = { "response_type", "client_id", "client_secret",
	"redirect_uri", "state", "code", "code_verifier", "code_challenge", "code_challenge_method",
	"grant_type", "refresh_token", "resource", "audience", "token", "token_type_hint",
	"client_assertion", "client_assertion_type", NULL };
/* What an authorize URL says by itself, and no definition in another way. */
static const char *const guarded[] = { "response_type", "client_id", "redirect_uri", "state",
	"code_challenge", "code_challenge_method", NULL };

static bool
is_in(const char *const *names, const char *name)
{
	while (*names && strcmp(*names, name) != 0)
		names++;
	return *names != NULL;
}

static enum err
check_urls(const json_t *connection, const json_t *oauth, const char *path, struct errctx *ctx)
{
	static const struct {
		const char *part, *member; /* of the whole where part is NULL */
		const char *const *more;
	} urls[] = {
		{ NULL, "authorize_url", NULL },
		{ NULL, "token_url", NULL },
		{ NULL, "refresh_url", NULL },
		{ NULL, "introspect_url", NULL },
		{ NULL, "issuer", NULL },
		{ NULL, "resource", NULL },
		{ "post_exchange", "url", NULL },
		{ "client_jwt", "audience", NULL },
		{ "revoke", "url", client_id },
	};

	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		const char *part = urls[i].part;
		const json_t *object = part ? json_object_get(oauth, part) : oauth;
		char inner[APP_PATH_ROOM];

		app_path(inner, "%s%s%s.%s", path, part ? "." : "", part ? part : "",
		    urls[i].member);
		enum err err = app_url_check(connection, json_get_text(object, urls[i].member),
		    urls[i].more, inner, ctx);
		if (err)
			return err;
	}
	return OK;
}

static bool
takes_code(const json_t *oauth)
{
	const char *grant = json_get_text(oauth, "token_grant");

	return !grant || !strcmp(grant, "authorization_code");
}

/* What a refresh spends is known when it is made. */
static const char *const *
known_in_refresh(const json_t *oauth)
{
	const char *source = json_get_text(oauth, "refresh_source");

	if (!source || !strcmp(source, "refresh_token"))
		return client_and_refresh;
	return !strcmp(source, "access_token") ? client_and_access : client;
}

static enum err
check_map(const json_t *connection, json_t *map, const char *const *more, const char *path,
    struct errctx *ctx)
{
	const char *name;
	json_t *value;

	json_object_foreach(map, name, value)
	{
		char inner[APP_PATH_ROOM];

		app_path(inner, "%s.%s", path, name);
		const char *text = json_string_value(value);
		enum err err = more ? app_formula_check(connection, text, more, inner, ctx)
				    : app_shown_check(connection, text, NULL, inner, ctx);
		if (err)
			return err;
	}
	return OK;
}

static enum err
check_maps(const json_t *connection, const json_t *oauth, const char *path, struct errctx *ctx)
{
	const struct {
		const char *part, *member; /* of the whole where part is NULL */
		const char *const *more;   /* NULL: everybody gets to see it */
	} maps[] = {
		{ NULL, "authorize_params", NULL },
		{ NULL, "token_params", takes_code(oauth) ? client_and_code : client },
		{ NULL, "refresh_params", known_in_refresh(oauth) },
		{ NULL, "token_headers", client_and_body },
		{ "post_exchange", "params", client_and_access },
	};
	char at[APP_PATH_ROOM];
	enum err err = OK;

	for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]) && !err; i++) {
		const char *part = maps[i].part;
		const json_t *object = part ? json_object_get(oauth, part) : oauth;
		char inner[APP_PATH_ROOM];

		app_path(inner, "%s%s%s.%s", path, part ? "." : "", part ? part : "",
		    maps[i].member);
		err = check_map(connection, json_object_get(object, maps[i].member), maps[i].more,
		    inner, ctx);
	}
	app_path(at, "%s.audience", path);
	return err ? err
		   : app_shown_check(connection, json_get_text(oauth, "audience"), NULL, at, ctx);
}

/* ---- fields that an authorization brings along ---- */

static enum err
check_kept(const json_t *connection, const json_t *list, const json_t *before, const char *path,
    struct errctx *ctx)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *name = json_get_text(json_array_get(list, i), "name");
		char inner[APP_PATH_ROOM];

		app_path(inner, "%s[%zu]", path, i);
		if (app_name_check(name, inner, ctx))
			return ERR_CONFIG;
		bool again =
		    app_lists(json_object_get(connection, "fields"), "name", name, strlen(name)) ||
		    app_lists(before, "name", name, strlen(name));
		for (size_t k = 0; k < i && !again; k++)
			again = !strcmp(json_get_text(json_array_get(list, k), "name"), name);
		const char *same = json_get_text(json_array_get(list, i), "same_as");
		if (same && !app_named(json_object_get(connection, "fields"), same))
			return err_set(ctx, ERR_CONFIG, inner, "is same_as what is no field");
		if (again)
			return err_set(ctx, ERR_CONFIG, inner, "has the name of another field");
	}
	return OK;
}

/* A text that is needed before the fields of `later` are known. */
static enum err
check_known(const char *text, const json_t *later, const char *path, struct errctx *ctx)
{
	json_auto_t *names = json_array();
	enum err err = expression_names(text, names, path, ctx);

	for (size_t i = 0; i < json_array_size(names) && !err; i++) {
		const char *name = json_string_value(json_array_get(names, i));

		if (app_lists(later, "name", name, strlen(name)))
			err = err_set(ctx, ERR_CONFIG, path, "names %s, which is not known by then",
			    name);
	}
	return err;
}

static enum err
check_known_in(const json_t *oauth, const char *const *members, const json_t *later,
    const char *path, struct errctx *ctx)
{
	enum err err = OK;

	for (; *members && !err; members++) {
		json_t *member = json_object_get(oauth, *members), *value;
		char inner[APP_PATH_ROOM];
		const char *name;

		app_path(inner, "%s.%s", path, *members);
		err = check_known(json_string_value(member), later, inner, ctx);
		json_object_foreach(member, name, value)
		{
			if (!err)
				err = check_known(json_string_value(value), later, inner, ctx);
		}
	}
	return err;
}

/* They are known when all calls of an authorization have been made: no placeholder names them. */
static enum err
check_tested(const json_t *connection, const json_t *oauth, const char *path, struct errctx *ctx)
{
	const json_t *list = json_object_get(oauth, "test_fields");
	json_auto_t *before = json_array();
	char inner[APP_PATH_ROOM];

	app_path(inner, "%s.test_fields", path);
	if (list && !json_object_get(connection, "test"))
		return err_set(ctx, ERR_CONFIG, inner, "needs a test");
	(void)json_array_extend(before, json_object_get(oauth, "callback_fields"));
	(void)json_array_extend(before, json_object_get(oauth, "answer_fields"));
	return check_kept(connection, list, before, inner, ctx);
}

static enum err
check_brought(const json_t *connection, const json_t *oauth, const char *path, struct errctx *ctx)
{
	static const char *const there[] = { "authorize_url", "issuer", "resource", "audience",
		"authorize_params", NULL };
	static const char *const before_answer[] = { "authorize_url", "issuer", "resource",
		"audience", "authorize_params", "token_url", "token_params", "token_headers",
		"client_auth_template", NULL };
	const json_t *callback = json_object_get(oauth, "callback_fields");
	const json_t *answer = json_object_get(oauth, "answer_fields");
	char inner[APP_PATH_ROOM];

	app_path(inner, "%s.callback_fields", path);
	enum err err = check_kept(connection, callback, NULL, inner, ctx);
	app_path(inner, "%s.answer_fields", path);
	if (!err)
		err = check_kept(connection, answer, callback, inner, ctx);
	if (!err)
		err = check_tested(connection, oauth, path, ctx);
	if (!err)
		err = check_known_in(oauth, there, callback, path, ctx);
	return err ? err : check_known_in(oauth, before_answer, answer, path, ctx);
}

/* ---- parameters ---- */

static enum err
check_params(const json_t *oauth, const char *path, struct errctx *ctx)
{
	const char *code = json_get_text(oauth, "code_param"), *name;
	json_t *value;

	json_object_foreach(json_object_get(oauth, "param_rename"), name, value)
	{
		if (!is_in(renamable, name))
			return err_set(ctx, ERR_CONFIG, path,
			    "has another name for %s, which cannot have one", name);
	}
	json_object_foreach(json_object_get(oauth, "authorize_params"), name, value)
	{
		if (is_in(guarded, name))
			return err_set(ctx, ERR_CONFIG, path, "must not set %s", name);
	}
	if (code && (!strcmp(code, "state") || !strcmp(code, "error") || !strcmp(code, "iss")))
		return err_set(ctx, ERR_CONFIG, path, "has a code_param that is something else");
	return OK;
}

static bool
is_get(const json_t *oauth, const char *member)
{
	const char *method = json_get_text(oauth, member);

	return method && !strcmp(method, "GET");
}

/* ---- the rest ---- */

static enum err
check_scopes(const json_t *oauth, const char *path, struct errctx *ctx)
{
	const json_t *scopes = json_object_get(oauth, "scopes");
	const json_t *defaults = json_object_get(oauth, "default_scopes");
	const char *separator = json_get_text(oauth, "scope_separator");

	for (size_t i = 0; i < json_array_size(scopes); i++) {
		const char *name = json_get_text(json_array_get(scopes, i), "name");

		if (strpbrk(name, separator ? separator : " "))
			return err_set(ctx, ERR_CONFIG, path,
			    "has a scope with the separator in it: %s", name);
		for (size_t k = 0; k < i; k++)
			if (!strcmp(json_get_text(json_array_get(scopes, k), "name"), name))
				return err_set(ctx, ERR_CONFIG, path, "has a scope twice: %s",
				    name);
	}
	for (size_t i = 0; i < json_array_size(defaults); i++) {
		const char *name = json_string_value(json_array_get(defaults, i));

		if (!app_lists(scopes, "name", name, strlen(name)))
			return err_set(ctx, ERR_CONFIG, path,
			    "has a default scope that is not in \"scopes\": %s", name);
	}
	return OK;
}

/* ---- without a code ---- */

/* A name in a call that the client makes for itself. What a person can write, in the form or in the
 * redirect, must not choose whose account it is. */
static enum err
check_chosen(const json_t *connection, const json_t *oauth, const char *name, const char *path,
    struct errctx *ctx)
{
	const json_t *fields = json_object_get(connection, "fields");
	const json_t *callback = json_object_get(oauth, "callback_fields");
	const json_t *field = app_named(fields, name), *brought = app_named(callback, name);

	if ((!field || json_get_bool(field, "requester", false)) &&
	    (!brought || json_object_get(brought, "same_as")))
		return OK;
	return err_set(ctx, ERR_CONFIG, path,
	    "names %s, which must be a field of the requester, or same_as one", name);
}

static enum err
check_chosen_in(const json_t *connection, const json_t *oauth, const char *path, struct errctx *ctx)
{
	static const char *const members[] = { "token_url", "refresh_url", "token_params",
		"refresh_params", "token_headers" };
	enum err err = OK;

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]) && !err; i++) {
		json_t *member = json_object_get(oauth, members[i]), *value;
		json_auto_t *names = json_array();
		char inner[APP_PATH_ROOM];
		const char *name;

		app_path(inner, "%s.%s", path, members[i]);
		err = expression_names(json_string_value(member), names, inner, ctx);
		json_object_foreach(member, name, value)
		{
			if (!err)
				err = expression_names(json_string_value(value), names, inner, ctx);
		}
		for (size_t k = 0; k < json_array_size(names) && !err; k++)
			err = check_chosen(connection, oauth,
			    json_string_value(json_array_get(names, k)), inner, ctx);
	}
	return err;
}

/* The redirect must say for whom the access was granted, and that must be whom it was asked of. */
static bool
names_account(const json_t *connection, const json_t *oauth)
{
	const json_t *callback = json_object_get(oauth, "callback_fields");

	for (size_t i = 0; i < json_array_size(callback); i++) {
		const json_t *row = json_array_get(callback, i);
		const char *same = json_get_text(row, "same_as");
		const json_t *field =
		    same ? app_named(json_object_get(connection, "fields"), same) : NULL;

		if (json_get_bool(row, "required", false) &&
		    json_get_bool(field, "requester", false) &&
		    json_get_bool(field, "required", false))
			return true;
	}
	return false;
}

static enum err
check_grant(const json_t *connection, const json_t *oauth, const char *path, struct errctx *ctx)
{
	const char *source = json_get_text(oauth, "refresh_source");
	bool client_alone = !takes_code(oauth);

	if (client_alone != (source && !strcmp(source, "client")))
		return err_set(ctx, ERR_CONFIG, path,
		    "must have refresh_source client with token_grant client_credentials, and only "
		    "then");
	if (!client_alone)
		return OK;
	if (strcmp(json_get_text(oauth, "pkce"), "off") != 0 ||
	    json_object_get(oauth, "code_param") || json_object_get(oauth, "rotation") ||
	    json_object_get(oauth, "tokens") ||
	    !strcmp(json_get_text(oauth, "client_auth"), "none"))
		return err_set(ctx, ERR_CONFIG, path,
		    "must have pkce off, a client that proves itself, and no code_param, rotation "
		    "or tokens with token_grant client_credentials");
	if (!names_account(connection, oauth))
		return err_set(ctx, ERR_CONFIG, path,
		    "must have a required field in callback_fields that is same_as a required "
		    "field "
		    "of the requester");
	return check_chosen_in(connection, oauth, path, ctx);
}

static enum err
check_client_auth(const json_t *connection, const json_t *oauth, const char *path,
    struct errctx *ctx)
{
	const char *auth = json_get_text(oauth, "client_auth");
	const char *template = json_get_text(oauth, "client_auth_template");

	if (!strcmp(auth, "basic_template") != (template != NULL))
		return err_set(ctx, ERR_CONFIG, path,
		    "must have client_auth_template with basic_template, and only then");
	if (strcmp(auth, "private_key_jwt") != 0 && json_object_get(oauth, "client_jwt"))
		return err_set(ctx, ERR_CONFIG, path,
		    "must have client_jwt only with private_key_jwt");
	if (!strcmp(auth, "none") && strcmp(json_get_text(oauth, "pkce"), "S256") != 0)
		return err_set(ctx, ERR_CONFIG, path,
		    "must have pkce S256 without a client secret");
	return app_formula_check(connection, template, client, path, ctx);
}

static enum err
check_lives(const json_t *oauth, const char *path, struct errctx *ctx)
{
	const json_t *expires = json_object_get(oauth, "expires");
	const char *source = json_get_text(expires, "source");

	if (source && !strcmp(source, "introspect") && !json_object_get(oauth, "introspect_url"))
		return err_set(ctx, ERR_CONFIG, path, "lacks the member \"introspect_url\"");
	if (source && strcmp(source, "answer") != 0 && json_object_get(expires, "unit"))
		return err_set(ctx, ERR_CONFIG, path, "has a unit that nothing is read in");
	if (json_get_bool(oauth, "iss_required", false) && !json_object_get(oauth, "issuer"))
		return err_set(ctx, ERR_CONFIG, path, "lacks the member \"issuer\"");
	if (json_object_get(oauth, "token_body") &&
	    (is_get(oauth, "token_method") || is_get(oauth, "refresh_method")))
		return err_set(ctx, ERR_CONFIG, path, "has a token_body that GET does not send");
	return OK;
}

enum err
app_oauth_check(const json_t *connection, const char *path, struct errctx *ctx)
{
	const json_t *oauth = json_object_get(connection, "oauth2");
	char inner[APP_PATH_ROOM];

	app_path(inner, "%s.oauth2", path);
	enum err err = check_urls(connection, oauth, inner, ctx);
	if (!err)
		err = check_maps(connection, oauth, inner, ctx);
	if (!err)
		err = check_brought(connection, oauth, inner, ctx);
	if (!err)
		err = check_params(oauth, inner, ctx);
	if (!err)
		err = check_scopes(oauth, inner, ctx);
	if (!err)
		err = check_grant(connection, oauth, inner, ctx);
	if (!err)
		err = check_client_auth(connection, oauth, inner, ctx);
	if (!err)
		err = app_client_check(connection, inner, ctx);
	if (!err)
		err = check_lives(oauth, inner, ctx);
	return err ? err : app_tokens_check(connection, inner, ctx);
}
