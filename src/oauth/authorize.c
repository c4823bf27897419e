/* SPDX-License-Identifier: Apache-2.0 */
/* OAuth 2, the person's trip: the URL he is sent to the provider with, and what he comes back
 * with. */
#include "oauth/authorize.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/crypt.h"
#include "base/secret.h"
#include "catalog/fill.h"
#include "oauth/exchange.h"
#include "oauth/oauth_parts.h"

#define RANDOM_SIZE 32 /* RFC 7636 section 7.1 */

void
oauth_start_free(struct oauth_start *start)
{
	secret_wipe_text(&start->url);
	secret_wipe_text(&start->state);
	free(start->issuer);
	json_decref(start->keep);
	*start = (struct oauth_start){ 0 };
}

static char *
random_text(void)
{
	unsigned char bytes[RANDOM_SIZE];

	crypt_random(bytes, sizeof(bytes));
	return crypt_base64url(bytes, sizeof(bytes));
}

/* ---- there ---- */

char *
oauth_challenge(const char *verifier)
{
	unsigned char digest[CRYPT_SHA256_SIZE];

	crypt_sha256(verifier, strlen(verifier), digest);
	return crypt_base64url(digest, sizeof(digest));
}

static enum err
put_challenge(json_t *params, const json_t *rules, json_t *keep, struct errctx *ctx)
{
	const char *method = json_get_text(rules, "pkce");

	json_put(keep, "verifier", json_null());
	if (!strcmp(method, "off"))
		return OK;
	auto_wipe char *verifier = random_text();
	json_put_text(keep, "verifier", verifier);
	auto_free char *hashed = oauth_challenge(verifier);
	enum err err = oauth_put(params, rules, "code_challenge",
	    strcmp(method, "plain") != 0 ? hashed : verifier, ctx);
	return err ? err : oauth_put(params, rules, "code_challenge_method", method, ctx);
}

static enum err
put_targets(json_t *params, const json_t *rules, const json_t *fields, struct errctx *ctx)
{
	auto_free char *resource = NULL, *audience = NULL;
	enum err err = oauth_filled(json_get_text(rules, "resource"), fields, true, &resource, ctx);

	if (!err)
		err = oauth_put(params, rules, "resource", resource, ctx); /* RFC 8707 */
	if (!err)
		err = oauth_filled(json_get_text(rules, "audience"), fields, false, &audience, ctx);
	return err ? err : oauth_put(params, rules, "audience", audience, ctx);
}

/* Those of the main token, and of each other one under its own parameter. */
static enum err
put_scopes(const struct app_connection *type, const json_t *keep, json_t *params,
    struct errctx *ctx)
{
	const json_t *scopes = json_object_get(keep, "scopes");
	const char *typed = oauth_typed_scopes(type, json_object_get(keep, "fields"));
	json_auto_t *mains = oauth_scopes_of(type, NULL, scopes);
	enum err err = oauth_put_scopes(params, oauth_rules(type), mains, typed, ctx);

	for (size_t i = 0; i < type->n_tokens && !err; i++) {
		json_auto_t *own = oauth_scopes_of(type, &type->tokens[i], scopes);

		err = oauth_put_scopes(params, oauth_rules(type->tokens[i].own), own, NULL, ctx);
	}
	return err;
}

static enum err
put_all(const struct oauth_trip *trip, const char *state, json_t *keep, json_t *params,
    struct errctx *ctx)
{
	const json_t *rules = oauth_rules(trip->type);
	const char *wanted = oauth_takes_code(trip->type) ? "code" : NULL;
	enum err err = oauth_put(params, rules, "response_type", wanted, ctx);

	if (!err)
		err = oauth_put(params, rules, "client_id", trip->client_id, ctx);
	if (!err)
		err = oauth_put(params, rules, "redirect_uri", trip->redirect_uri, ctx);
	if (!err)
		err = put_scopes(trip->type, keep, params, ctx);
	if (!err)
		err = oauth_put(params, rules, "state", state, ctx);
	if (!err)
		err = put_challenge(params, rules, keep, ctx);
	if (!err)
		err = put_targets(params, rules, json_object_get(keep, "fields"), ctx);
	return err ? err
		   : oauth_put_map(params, json_object_get(rules, "authorize_params"),
			 json_object_get(keep, "fields"), 0, oauth_skips_empty(rules), ctx);
}

/* A URL that a person has typed may bring parameters along, but none of those that are added. */
static bool
brings(const char *url, const json_t *params)
{
	const char *at = strchr(url, '?');

	while (at && *++at) {
		size_t len = strcspn(at, "=&");
		auto_free char *name = xmemdup0(at, len);

		if (strpbrk(name, "%+;") || json_object_get(params, name))
			return true;
		at = strchr(at, '&');
	}
	return false;
}

static enum err
write_url(const json_t *rules, const json_t *fields, const json_t *params, char **url_out,
    struct errctx *ctx)
{
	const char *separator = json_get_text(rules, "scope_separator");
	const char *fragment = json_get_text(rules, "authorize_fragment");
	auto_buf struct buf url = BUF_INIT_SECRET(OAUTH_URL_MAX);
	auto_wipe char *base = NULL;
	enum err err =
	    oauth_filled(json_get_text(rules, "authorize_url"), fields, true, &base, ctx);

	if (err)
		return err;
	if (fill_is_alone(json_get_text(rules, "authorize_url")) && brings(base, params))
		return err_set(ctx, ERR_VALUE, "",
		    "the authorize URL already says what is added to it");
	buf_add_text(&url, base);
	if (fragment)
		buf_printf(&url, "#%s", fragment);
	buf_add_char(&url, !fragment && strchr(base, '?') ? '&' : '?');
	oauth_add_pairs(params, separator && !strcmp(separator, "+"), &url);
	if (url.over)
		return err_set(ctx, ERR_VALUE, "", "the URL for the provider is too long");
	*url_out = buf_take(&url);
	return OK;
}

static void
add_typed(json_t *scopes, const char *typed)
{
	for (size_t len; typed && *typed; typed += len) {
		typed += strspn(typed, " ,");
		len = strcspn(typed, " ,");
		auto_free char *name = xmemdup0(typed, len);

		if (len && !oauth_lists(scopes, name))
			json_array_append_new(scopes, json_string(name));
	}
}

static json_t *
begin_keep(const struct oauth_trip *trip)
{
	json_t *keep = json_object(), *scopes = json_array();

	json_put_text(keep, "client_id", trip->client_id);
	json_put_text(keep, "redirect_uri", trip->redirect_uri);
	json_put(keep, "fields", trip->fields ? json_deep_copy(trip->fields) : json_object());
	oauth_add_scopes(scopes, json_object_get(oauth_rules(trip->type), "default_scopes"));
	oauth_add_scopes(scopes, trip->scopes);
	add_typed(scopes, oauth_typed_scopes(trip->type, trip->fields));
	json_put(keep, "scopes", scopes);
	return keep;
}

enum err
oauth_authorize_start(const struct oauth_trip *trip, struct oauth_start *start_out,
    struct errctx *ctx)
{
	const json_t *rules = oauth_rules(trip->type);
	auto_oauth_start struct oauth_start start = { .keep = begin_keep(trip) };
	const json_t *fields = json_object_get(start.keep, "fields");
	auto_wipe char *random = random_text();
	json_auto_t *params = json_object();

	assert(trip->type->auth == APP_AUTH_OAUTH2);
	if (!*trip->client_id)
		return err_set(ctx, ERR_RULE, "", "no client is registered with this provider yet");
	if (strlen(trip->client_id) > OAUTH_CLIENT_ID_MAX)
		return err_set(ctx, ERR_VALUE, "", "the client id is longer than %d bytes",
		    OAUTH_CLIENT_ID_MAX);
	start.state = xasprintf("%s.%s", trip->state_prefix, random);
	enum err err = put_all(trip, start.state, start.keep, params, ctx);
	if (!err)
		err = write_url(rules, fields, params, &start.url, ctx);
	if (!err)
		err =
		    oauth_filled(json_get_text(rules, "issuer"), fields, true, &start.issuer, ctx);
	if (err)
		return err;
	*start_out = start;
	start = (struct oauth_start){ 0 };
	return OK;
}

/* ---- and back ---- */

const char *
oauth_state_param(const struct app_connection *type)
{
	const json_t *names = json_object_get(oauth_rules(type), "param_rename");
	const char *other = json_get_text(names, "state");

	return other ? other : "state";
}

void
oauth_return_free(struct oauth_return *returned)
{
	json_decref(returned->keep);
	*returned = (struct oauth_return){ 0 };
}

/* RFC 9207 section 2.4: compared byte for byte, of errors too. */
static bool
is_ours(const json_t *rules, const char *issuer, const json_t *query)
{
	const char *iss = json_get_text(query, "iss");

	if (!issuer)
		return true;
	return iss ? !strcmp(iss, issuer) : !json_get_bool(rules, "iss_required", false);
}

static const json_t *
find_param(const json_t *row, const json_t *query)
{
	const char *param = json_get_text(row, "param");

	return json_object_get(query, param ? param : json_get_text(row, "name"));
}

static const json_t *
find_kept(const json_t *row, const json_t *callback)
{
	return json_object_get(callback, json_get_text(row, "name"));
}

bool
oauth_takes_code(const struct app_connection *type)
{
	const char *grant = json_get_text(oauth_rules(type), "token_grant");

	return !grant || !strcmp(grant, "authorization_code");
}

enum err
oauth_return_agrees(const struct app_connection *type, const json_t *fields, const json_t *keep,
    struct errctx *ctx)
{
	const json_t *callback = json_object_get(keep, "callback");
	const json_t *list = json_object_get(oauth_rules(type), "callback_fields");

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *row = json_array_get(list, i);
		const char *same = json_get_text(row, "same_as");
		const char *value = json_get_text(callback, json_get_text(row, "name"));
		const char *asked = same ? json_get_text(fields, same) : NULL;

		if (same && value && (!asked || strcasecmp(asked, value) != 0))
			return err_set(ctx, ERR_VALUE, "",
			    "the provider's answer is about something else than was asked for");
	}
	return OK;
}

static bool
is_denied(const json_t *rules, const json_t *query)
{
	const json_t *denied = json_object_get(rules, "denied_when");
	const char *value = denied ? json_get_text(query, json_get_text(denied, "param")) : NULL;

	return value && strcasecmp(value, json_get_text(denied, "value")) == 0;
}

static bool
is_code(const struct app_connection *type, const json_t *code)
{
	return oauth_takes_code(type) ? oauth_is_printable(code, OAUTH_CODE_MAX) : !code;
}

bool
oauth_return_is_whole(const struct app_connection *type, const json_t *keep)
{
	json_t *callback = json_object_get(keep, "callback");
	json_auto_t *kept = json_object();

	return is_code(type, json_object_get(keep, "code")) && json_is_object(callback) &&
	       oauth_keep_fields(json_object_get(oauth_rules(type), "callback_fields"), find_kept,
		   callback, kept) &&
	       json_equal(kept, callback);
}

void
oauth_return_read(const struct app_connection *type, const char *issuer, const json_t *query,
    struct oauth_return *return_out)
{
	const json_t *rules = oauth_rules(type);
	const char *param = json_get_text(rules, "code_param");
	const char *error = json_get_text(query, "error");
	json_t *code =
	    oauth_takes_code(type) ? json_object_get(query, param ? param : "code") : NULL;
	struct oauth_return out = { .verdict = OAUTH_RETURN_ERROR };
	json_auto_t *callback = json_object();

	if (!is_ours(rules, issuer, query)) {
		out.verdict = OAUTH_RETURN_FOREIGN;
	} else if (error && *error) {
		oauth_error_code(error, out.error, sizeof(out.error));
	} else if (is_denied(rules, query)) {
		snprintf(out.error, sizeof(out.error), "access_denied");
	} else if (!is_code(type, code) ||
		   !oauth_keep_fields(json_object_get(rules, "callback_fields"), find_param, query,
		       callback)) {
		snprintf(out.error, sizeof(out.error), "invalid_redirect");
	} else {
		out.verdict = OAUTH_RETURN_CODE;
		out.keep = json_object();
		if (code)
			json_object_set(out.keep, "code", code);
		json_object_set(out.keep, "callback", callback);
	}
	*return_out = out;
}
