/* SPDX-License-Identifier: Apache-2.0 */
/* OAuth 2, giving a grant back to the provider. */
#include "oauth/revoke.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/secret.h"
#include "oauth/call.h"

/* ---- what the definition says ---- */

static const json_t *
revoke_rules(const struct app_connection *type)
{
	return json_object_get(oauth_rules(type), "revoke");
}

static bool
style_is(const struct app_connection *type, const char *style)
{
	const char *have = json_get_text(revoke_rules(type), "style");

	return have && !strcmp(have, style);
}

bool
oauth_can_revoke(const struct app_connection *type)
{
	return revoke_rules(type) != NULL;
}

bool
oauth_revoke_ends_all(const struct app_connection *type)
{
	return json_get_bool(revoke_rules(type), "ends_all", false);
}

enum oauth_source
oauth_revoke_source(const struct app_connection *type, bool has_refresh)
{
	const char *token = json_get_text(revoke_rules(type), "token");

	return has_refresh && (!token || !strcmp(token, "refresh_token")) ? OAUTH_SOURCE_REFRESH
									  : OAUTH_SOURCE_ACCESS;
}

/* ---- the call ---- */

static enum err
put(struct oauth_making *making, const char *name, const char *value)
{
	return oauth_put(making->params, making->rules, name, value, making->ctx);
}

/* RFC 7009 section 2.1 */
static enum err
put_token(struct oauth_making *making, enum oauth_source source)
{
	enum err err = put(making, "token", making->call->token);

	if (!err)
		err = put(making, "token_type_hint",
		    source == OAUTH_SOURCE_REFRESH ? "refresh_token" : "access_token");
	return err ? err : oauth_prove_client(making);
}

static enum err
put_bearer(struct oauth_making *making, enum oauth_source source)
{
	auto_wipe char *value = xasprintf("Bearer %s", making->call->token);

	(void)source;
	if (strpbrk(value, "\r\n"))
		return err_set(making->ctx, ERR_VALUE, "token", "the token cannot be sent");
	http_request_add_header(making->request, "Authorization", value);
	return OK;
}

/* The client's Basic authorization, whatever way it proves itself elsewhere. */
static enum err
put_basic_json(struct oauth_making *making, enum oauth_source source)
{
	(void)source;
	enum err err = oauth_add_basic(making);

	return err ? err : put(making, "access_token", making->call->token);
}

static const struct {
	const char *style;
	enum err (*put)(struct oauth_making *making, enum oauth_source source);
	bool as_json;
} styles[] = {
	{ "form", put_token, false },
	{ "json", put_token, true },
	{ "bearer", put_bearer, false },
	{ "basic_json", put_basic_json, true },
};

enum err
oauth_revoke_request(const struct oauth_call *call, enum oauth_source source,
    struct http_request *request_out, struct errctx *ctx)
{
	auto_http_request struct http_request request = HTTP_REQUEST_INIT;
	const json_t *rules = revoke_rules(call->type);
	const char *method = json_get_text(rules, "method");
	struct oauth_making making;
	size_t at = 0;

	if (!rules)
		return err_set(ctx, ERR_RULE, "", "this provider has no way to revoke");
	while (strcmp(styles[at].style, json_get_text(rules, "style")) != 0)
		at++;
	oauth_making_begin(&making, call, &request, ctx);
	enum err err = styles[at].put(&making, source);
	if (!err)
		err = oauth_finish(&making, json_get_text(rules, "url"), method ? method : "POST",
		    styles[at].as_json);
	oauth_making_end(&making);
	if (err)
		return err;
	request.once = false; /* revoking twice does no harm */
	*request_out = request;
	request = HTTP_REQUEST_INIT;
	return OK;
}

/* ---- the answer ---- */

/* A token that authorizes its own end, or names a grant, is unknown when it has ended already. */
static bool
is_gone(const struct app_connection *type, int status)
{
	if (style_is(type, "bearer"))
		return status == 401;
	return style_is(type, "basic_json") && status == 404;
}

static bool
is_one_of(const char *const *names, const char *name)
{
	while (*names && strcmp(*names, name) != 0)
		names++;
	return *names != NULL;
}

static enum oauth_revoke_verdict
judge(const struct oauth_call *call, int status, const json_t *body, const char *error)
{
	static const char *const gone[] = { "invalid_token", "invalid_grant", "token_revoked",
		"token_expired", "invalid_auth", "account_inactive", NULL };
	static const char *const lacking[] = { "unsupported_token_type", "unsupported_grant_type",
		NULL };
	bool named = json_is_string(json_object_get(body, "error"));

	if (oauth_is_away(status))
		return OAUTH_REVOKE_AWAY;
	if (is_gone(call->type, status) || is_one_of(gone, error) ||
	    oauth_lists(json_object_get(oauth_rules(call->type), "dead_errors"), error))
		return OAUTH_REVOKED;
	if (is_one_of(lacking, error) || status == 404 || status == 405 || status == 501)
		return OAUTH_NOT_SUPPORTED;
	if (status < 200 || status > 299)
		return OAUTH_REVOKE_FAILED;
	return named || json_is_false(json_object_get(body, "ok")) ? OAUTH_REVOKE_FAILED
								   : OAUTH_REVOKED;
}

void
oauth_revoke_read(const struct oauth_call *call, const struct http_result *result,
    struct oauth_revocation *revocation_out)
{
	struct oauth_revocation out = { .verdict = OAUTH_REVOKE_AWAY };
	char error[OAUTH_ERROR_SIZE] = "";
	json_auto_t *body = NULL;

	if (result->err) {
		snprintf(out.words, sizeof(out.words), "the provider could not be asked: %s",
		    result->reason);
	} else {
		body = oauth_parse_body(result);
		oauth_find_error(call, body, error);
		out.retry_after_s = oauth_retry_after(result);
		out.verdict = judge(call, result->status, body, error);
		if (out.verdict != OAUTH_REVOKED)
			oauth_words(call, result, body, error, out.words);
	}
	*revocation_out = out;
}
