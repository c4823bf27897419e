/* SPDX-License-Identifier: Apache-2.0 */
/* OAuth 2, the calls to a provider's token endpoint: made from an app definition. */
#include "oauth/exchange.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/crypt.h"
#include "base/secret.h"
#include "oauth/call.h"

#define BODY_MAX 131072
#define URL_MAX 65536
#define NONCE_SIZE 16

/* ---- parts of every call ---- */

/* One for each call, however often it is named. */
static void
put_nonce(json_t *values)
{
	unsigned char bytes[NONCE_SIZE];

	crypt_random(bytes, sizeof(bytes));
	auto_wipe char *nonce = crypt_hex(bytes, sizeof(bytes));
	json_put_text(values, "nonce", nonce);
}

void
oauth_making_begin(struct oauth_making *making, const struct oauth_call *call,
    struct http_request *request, struct errctx *ctx)
{
	json_t *values = call->fields ? json_deep_copy(call->fields) : json_object();

	json_put_text(values, "client_id", call->client_id);
	if (call->client_secret && call->client_secret->len)
		json_put_text(values, "client_secret", secret_text(call->client_secret));
	put_nonce(values);
	*making = (struct oauth_making){ .call = call,
		.rules = oauth_rules(call->type),
		.values = values,
		.params = json_object(),
		.request = request,
		.ctx = ctx };
}

void
oauth_making_end(struct oauth_making *making)
{
	json_decref(making->values);
	json_decref(making->params);
}

static bool
can_be_header(const char *value)
{
	for (const unsigned char *c = (const unsigned char *)value; *c; c++)
		if ((*c < ' ' && *c != '\t') || *c == 0x7f)
			return false;
	return true;
}

static void
add_unless_there(struct http_request *request, const char *name, const char *value)
{
	if (!http_request_header(request, name))
		http_request_add_header(request, name, value);
}

enum err
oauth_put_params(struct oauth_making *making, const json_t *map)
{
	return oauth_put_map(making->params, map, making->values, making->call->now_ms,
	    oauth_skips_empty(making->rules), making->ctx);
}

static enum err
add_headers(struct oauth_making *making)
{
	json_t *headers = json_object_get(making->rules, "token_headers"), *template;
	const char *body = making->request->body, *name;

	json_put_text(making->values, "body", body ? body : "");
	json_object_foreach(headers, name, template)
	{
		auto_wipe char *value = NULL;
		enum err err = oauth_map_value(template, making->values, making->call->now_ms,
		    oauth_skips_empty(making->rules), &value, making->ctx);

		if (!err && !value)
			continue;
		if (!err && !can_be_header(value))
			err = err_set(making->ctx, ERR_VALUE, name,
			    "a value cannot stand in the header %s", name);
		if (err)
			return err;
		add_unless_there(making->request, name, value);
	}
	if (body && *body) /* some refuse a type of nothing */
		add_unless_there(making->request, "Content-Type", making->content_type);
	add_unless_there(making->request, "Accept", "application/json");
	add_unless_there(making->request, "User-Agent", "Bailee");
	return OK;
}

static enum err
write_url(struct oauth_making *making, const char *url, bool with_params)
{
	auto_buf struct buf out = BUF_INIT_SECRET(URL_MAX);
	auto_wipe char *base = NULL;
	enum err err = oauth_filled(url, making->values, true, &base, making->ctx);

	if (err)
		return err;
	buf_add_text(&out, base);
	if (with_params && json_object_size(making->params)) {
		buf_add_char(&out, strchr(base, '?') ? '&' : '?');
		oauth_add_pairs(making->params, false, &out);
	}
	if (out.over)
		return err_set(making->ctx, ERR_VALUE, "", "the URL is too long");
	making->request->url = buf_take(&out);
	return OK;
}

static enum err
write_body(struct oauth_making *making, bool as_json)
{
	auto_buf struct buf out = BUF_INIT_SECRET(BODY_MAX);

	if (!json_object_size(making->params)) {
		making->request->body =
		    strcmp(making->request->method, "DELETE") != 0 ? xstrdup("") : NULL;
		return OK;
	}
	if (as_json) {
		auto_wipe char *text = json_text(making->params);

		buf_add_text(&out, text);
	} else {
		oauth_add_pairs(making->params, true, &out);
	}
	if (out.over)
		return err_set(making->ctx, ERR_VALUE, "", "the request is too long");
	making->content_type = as_json ? "application/json" : "application/x-www-form-urlencoded";
	making->request->body_len = out.len;
	making->request->body = buf_take(&out);
	return OK;
}

enum err
oauth_finish(struct oauth_making *making, const char *url, const char *method, bool as_json)
{
	bool has_body = strcmp(method, "GET") != 0;

	making->request->method = xstrdup(method);
	making->request->timeout_ms = OAUTH_TIMEOUT_MS;
	making->request->follow_redirects = false;
	making->request->once = true;
	enum err err = write_url(making, url, !has_body);
	if (!err && has_body)
		err = write_body(making, as_json);
	return err ? err : add_headers(making);
}

/* ---- the steps ---- */

static enum err
put(struct oauth_making *making, const char *name, const char *value)
{
	return oauth_put(making->params, making->rules, name, value, making->ctx);
}

static enum err
put_resource(struct oauth_making *making)
{
	auto_free char *resource = NULL;
	enum err err = oauth_filled(json_get_text(making->rules, "resource"), making->call->fields,
	    true, &resource, making->ctx);

	return err ? err : put(making, "resource", resource);
}

/* RFC 6749 section 4.4.2 */
static enum err
put_client(struct oauth_making *making)
{
	enum err err = put(making, "grant_type", "client_credentials");

	if (!err)
		err = oauth_prove_client(making);
	if (!err)
		err = put_resource(making);
	return err ? err : oauth_put_params(making, json_object_get(making->rules, "token_params"));
}

/* RFC 6749 section 4.1.3, RFC 7636 section 4.5 */
static enum err
put_exchange(struct oauth_making *making)
{
	const struct oauth_call *call = making->call;

	if (!oauth_takes_code(call->type))
		return put_client(making);
	json_put_text(making->values, "code", call->token);
	enum err err = put(making, "grant_type", "authorization_code");
	if (!err)
		err = put(making, "code", call->token);
	if (!err)
		err = put(making, "redirect_uri", call->redirect_uri);
	if (!err)
		err = put(making, "code_verifier", call->verifier);
	if (!err)
		err = oauth_prove_client(making);
	if (!err)
		err = put_resource(making);
	return err ? err : oauth_put_params(making, json_object_get(making->rules, "token_params"));
}

/* RFC 6749 section 6 */
static enum err
put_spent(struct oauth_making *making)
{
	const char *grant = json_get_text(making->rules, "refresh_grant");
	bool access = oauth_refresh_source(making->call->type) == OAUTH_SOURCE_ACCESS;
	enum err err = put(making, "grant_type", grant ? grant : "refresh_token");

	json_put_text(making->values, access ? "access_token" : "refresh_token",
	    making->call->token);
	if (!err)
		err = put(making, "refresh_token", making->call->token);
	if (!err && json_get_bool(making->rules, "refresh_scopes", false))
		err = oauth_put_scopes(making->params, making->rules, making->call->scopes,
		    oauth_typed_scopes(making->call->type, making->call->fields), making->ctx);
	if (!err && !json_get_bool(making->rules, "refresh_bare", false))
		err = oauth_prove_client(making);
	return err ? err : put_resource(making);
}

static enum err
put_refresh(struct oauth_making *making)
{
	bool client = oauth_refresh_source(making->call->type) == OAUTH_SOURCE_CLIENT;
	enum err err = client ? put_client(making) : put_spent(making);

	return err ? err
		   : oauth_put_params(making, json_object_get(making->rules, "refresh_params"));
}

static enum err
put_lengthen(struct oauth_making *making)
{
	const json_t *post = json_object_get(making->rules, "post_exchange");

	json_put_text(making->values, "access_token", making->call->token);
	return oauth_put_params(making, json_object_get(post, "params"));
}

/* RFC 7662 section 2.1 */
static enum err
put_introspect(struct oauth_making *making)
{
	enum err err = put(making, "token", making->call->token);

	if (!err)
		err = put(making, "token_type_hint", "access_token");
	return err ? err : oauth_prove_client(making);
}

/* Where a step goes: the first member that is there of each list; NULL ends it. */
static const struct {
	enum err (*put)(struct oauth_making *making);
	const char *part; /* of "oauth2"; NULL: itself */
	const char *urls[3], *methods[3];
} steps[] = {
	[OAUTH_EXCHANGE] = { put_exchange, NULL, { "token_url" }, { "token_method" } },
	[OAUTH_LENGTHEN] = { put_lengthen, "post_exchange", { "url" }, { "method" } },
	[OAUTH_REFRESH] = { put_refresh, NULL, { "refresh_url", "token_url" },
	    { "refresh_method", "token_method" } },
	[OAUTH_INTROSPECT] = { put_introspect, NULL, { "introspect_url" }, { NULL } },
};

static const char *
first_text(const json_t *object, const char *const *names)
{
	const char *text = NULL;

	for (; *names && !text; names++)
		text = json_get_text(object, *names);
	return text;
}

enum err
oauth_request(const struct oauth_call *call, struct http_request *request_out, struct errctx *ctx)
{
	auto_http_request struct http_request request = HTTP_REQUEST_INIT;
	const json_t *rules = oauth_rules(call->type);
	const char *part = call->step < OAUTH_DONE ? steps[call->step].part : NULL;
	const json_t *from = part ? json_object_get(rules, part) : rules;
	const char *form = json_get_text(rules, "token_body");
	struct oauth_making making;

	if (call->step >= OAUTH_DONE || !first_text(from, steps[call->step].urls))
		return err_set(ctx, ERR_INTERNAL, "", "the definition has no such step");
	const char *method = first_text(from, steps[call->step].methods);
	oauth_making_begin(&making, call, &request, ctx);
	enum err err = steps[call->step].put(&making);
	if (!err)
		err = oauth_finish(&making, first_text(from, steps[call->step].urls),
		    method ? method : "POST", form && !strcmp(form, "json"));
	oauth_making_end(&making);
	if (err)
		return err;
	*request_out = request;
	request = HTTP_REQUEST_INIT;
	return OK;
}

bool
oauth_is_spent(const struct app_connection *type, enum oauth_verdict verdict)
{
	return verdict != OAUTH_NOT_SENT && (verdict != OAUTH_AWAY || oauth_takes_code(type));
}

enum oauth_step
oauth_next_step(const struct app_connection *type, enum oauth_step step)
{
	const json_t *rules = oauth_rules(type);
	const char *source = json_get_text(json_object_get(rules, "expires"), "source");

	const json_t *post = json_object_get(rules, "post_exchange");

	if (post && (step == OAUTH_EXCHANGE ||
			(step == OAUTH_REFRESH && json_get_bool(post, "after_refresh", false))))
		return OAUTH_LENGTHEN;
	return step < OAUTH_INTROSPECT && source && !strcmp(source, "introspect") ? OAUTH_INTROSPECT
										  : OAUTH_DONE;
}
