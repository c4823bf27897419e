/* SPDX-License-Identifier: Apache-2.0 */
/* From request options and what their formulas see to one HTTP request. */
#include "agent/request_build.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/options.h"
#include "agent/payload.h"
#include "base/alloc.h"
#include "base/buf.h"
#include "base/crypt.h"
#include "base/json.h"
#include "base/secret.h"
#include "formula/template.h"

/* One request in the making. */
struct build {
	const struct formula_scope *scope;
	const char *path;
	struct errctx *ctx;
	json_t *options; /* rendered; its payload is there only when it is no text */
	struct buf text; /* a payload that is text: bytes */
	bool has_text;
	struct http_request request;
};

static enum err
fail(const struct build *b, const char *name, const char *fault)
{
	char path[2 * ERR_PATH_MAX];

	snprintf(path, sizeof(path), "%.*s%s%s", ERR_PATH_MAX, b->path, *b->path != '\0' ? "." : "",
	    name);
	return err_set(b->ctx, ERR_VALUE, path, "%s", fault);
}

/* A payload written as text may become bytes that JSON cannot hold, so it goes its own way. */
static enum err
render_text_payload(struct build *b, const char *template)
{
	char path[2 * ERR_PATH_MAX];
	auto_value struct value value = { 0 };
	json_t *json = NULL;

	snprintf(path, sizeof(path), "%.*s%spayload", ERR_PATH_MAX, b->path,
	    *b->path != '\0' ? "." : "");
	enum err err = template_eval(template, b->scope, path, &value, b->ctx);
	if (err != OK)
		return err;
	if (value.kind == VALUE_JSON || value.kind == VALUE_RESPONSE || value.kind == VALUE_STEPS ||
	    value.kind == VALUE_NULL) {
		struct errctx inner = { 0 };

		if (value_to_json(&value, &json, &inner) != OK)
			return fail(b, "payload", err_text(&inner));
		json_put(b->options, "payload", json);
		return OK;
	}
	b->has_text = true;
	return value_add_text(&value, &b->text, b->ctx);
}

static enum err
render(struct build *b, const json_t *options)
{
	json_auto_t *rest = NULL;
	const char *text = json_get_text(options, "payload");
	union {
		const json_t *borrowed;
		json_t *copied; /* jansson's shallow copy wants it writable, though it only reads */
	} tree = { .borrowed = options };

	rest = json_copy(tree.copied);
	if (text != NULL)
		json_object_del(rest, "payload");
	enum err err = template_render_json(rest, b->scope, b->path, &b->options, b->ctx);
	if (err == OK && text != NULL)
		err = render_text_payload(b, text);
	if (err == OK)
		err = agent_options_check_rendered(b->options, b->path, b->ctx);
	return err;
}

/* A URL as it may be sent: without fragment; what no URL may hold is percent-encoded, what is
 * encoded already stays. */
static void
add_url(const char *url, bool verbatim, struct buf *out)
{
	size_t len = strcspn(url, "#");

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)url[i];

		if (!verbatim && (c >= 0x80 || strchr(" \"<>\\^`{|}", c) != NULL))
			buf_printf(out, "%%%02X", c);
		else
			buf_add_char(out, (char)c);
	}
}

/* A text payload of GET is a query somebody wrote out; it gets the care a URL gets. */
static const char *
add_text_query(const struct build *b, bool verbatim, struct buf *out)
{
	const char *text = buf_text(&b->text);

	for (size_t i = 0; i < b->text.len; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f ||
		    (verbatim && text[i] == ' '))
			return "the query must not hold control characters";
	add_url(text, verbatim, out);
	return NULL;
}

static enum err
build_url(struct build *b, bool payload_is_query)
{
	auto_buf struct buf url = BUF_INIT_SECRET(2 * AGENT_URL_MAX);
	auto_buf struct buf query = BUF_INIT_SECRET(2 * AGENT_URL_MAX);
	bool verbatim = agent_option_flag(b->options, "disable_url_encoding");
	const char *fault = NULL;

	add_url(json_get_text(b->options, "url"), verbatim, &url);
	if (payload_is_query && b->has_text)
		fault = add_text_query(b, verbatim, &query);
	else if (payload_is_query)
		payload_add_pairs(json_object_get(b->options, "payload"), false, &query);
	if (query.len > 0) {
		const char *mark = strchr(buf_text(&url), '?');

		if (mark == NULL)
			buf_add_char(&url, '?');
		else if (mark[1] != '\0' && url.data[url.len - 1] != '&')
			buf_add_char(&url, '&');
		buf_add(&url, buf_text(&query), query.len);
	}
	if (url.over || query.over || url.len > AGENT_URL_MAX)
		fault = "the URL is too long";
	if (fault != NULL)
		return fail(b, "url", fault);
	b->request.url_verbatim = verbatim;
	b->request.url = buf_take(&url);
	return OK;
}

static enum err
build_headers(struct build *b)
{
	json_t *headers = json_object_get(b->options, "headers"), *item;
	const char *name;

	json_object_foreach(headers, name, item)
	{
		auto_value struct value value = { 0 };
		auto_buf struct buf text = BUF_INIT_SECRET(AGENT_HEADER_MAX);

		if (json_is_null(item))
			continue;
		value_set_from_json(&value, item);
		enum err err = value_add_text(&value, &text, b->ctx);
		if (err != OK)
			return err;
		http_request_add_header(&b->request, name, buf_text(&text));
	}
	const char *agent = json_get_text(b->options, "user_agent");
	if (agent != NULL && *agent != '\0' &&
	    http_request_header(&b->request, "User-Agent") == NULL)
		http_request_add_header(&b->request, "User-Agent", agent);
	return OK;
}

/* RFC 7617. */
static enum err
build_basic_auth(struct build *b)
{
	const json_t *given = json_object_get(b->options, "basic_auth");
	auto_buf struct buf pair = BUF_INIT_SECRET(AGENT_HEADER_MAX / 2);

	if (given == NULL || json_is_null(given))
		return OK;
	if (json_is_string(given)) {
		buf_add_text(&pair, json_string_value(given));
	} else {
		buf_add_text(&pair, json_string_value(json_array_get(given, 0)));
		buf_add_char(&pair, ':');
		buf_add_text(&pair, json_string_value(json_array_get(given, 1)));
	}
	if (pair.over)
		return fail(b, "basic_auth", "is too long");
	auto_wipe char *encoded = crypt_base64(buf_text(&pair), pair.len);
	auto_wipe char *value = xasprintf("Basic %s", encoded);
	http_request_add_header(&b->request, "Authorization", value);
	return OK;
}

/* The user's own Content-Type wins, except where only we know the boundary. */
static void
set_content_type(struct build *b, const char *mime, const char *boundary)
{
	if (boundary == NULL) {
		if (http_request_header(&b->request, "Content-Type") == NULL)
			http_request_add_header(&b->request, "Content-Type", mime);
		return;
	}
	auto_free char *multipart = xasprintf("multipart/form-data; boundary=%s", boundary);
	for (size_t i = 0; i < b->request.n_headers; i++) {
		struct http_header *header = &b->request.headers[i];

		if (strcasecmp(header->name, "Content-Type") == 0) {
			secret_wipe_text(&header->value);
			header->value = xstrdup(multipart);
			return;
		}
	}
	http_request_add_header(&b->request, "Content-Type", multipart);
}

static enum err
build_body(struct build *b)
{
	const json_t *payload = json_object_get(b->options, "payload");
	struct buf body = BUF_INIT_SECRET(AGENT_BODY_MAX);
	char boundary[PAYLOAD_BOUNDARY_SIZE] = "";
	const char *mime;
	enum agent_encoding encoding = agent_option_content_type(b->options, &mime);

	if (b->has_text)
		buf_add(&body, buf_text(&b->text), b->text.len);
	else if (encoding == AGENT_FORM)
		payload_add_pairs(payload, true, &body);
	else if (encoding == AGENT_MULTIPART)
		payload_add_multipart(payload, &body, boundary);
	else
		payload_add_json(payload, &body);
	if (body.over) {
		buf_free(&body);
		return fail(b, "payload", "the body is too large");
	}
	set_content_type(b, mime, boundary[0] != '\0' ? boundary : NULL);
	b->request.body_len = body.len;
	b->request.body = buf_take(&body);
	return OK;
}

/* Text payloads were left out of the check of rendered options; the same rules hold for them. */
static enum err
check_text_payload(const struct build *b, bool as_query)
{
	json_auto_t *any_text = json_string("");
	const char *mime;
	enum agent_encoding encoding = agent_option_content_type(b->options, &mime);
	const char *fault =
	    b->has_text ? agent_payload_fault(any_text, encoding, mime, as_query) : NULL;

	return fault != NULL ? fail(b, "payload", fault) : OK;
}

static void
build_policy(struct build *b)
{
	struct http_request *request = &b->request;

	request->timeout_ms =
	    (int64_t)agent_option_number(b->options, "timeout", AGENT_TIMEOUT_DEFAULT_S) * 1000;
	request->verify_tls = !agent_option_flag(b->options, "disable_ssl_verification");
	request->follow_redirects = !agent_option_flag(b->options, "disable_redirect_follow");
	agent_option_statuses(b->options, "retry_on_status", &request->retry);
	request->retry.retries = agent_option_number(b->options, "retries",
	    request->retry.n_on > 0 ? AGENT_RETRIES_DEFAULT : 0);
}

static enum err
build_request(struct build *b)
{
	const json_t *payload = json_object_get(b->options, "payload");
	const char *method = agent_option_method(b->options);
	bool has_payload = b->has_text || (payload != NULL && !json_is_null(payload));
	bool as_query = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
	enum err err = check_text_payload(b, as_query);

	b->request.method = xstrdup(method);
	build_policy(b);
	if (err == OK)
		err = build_url(b, has_payload && as_query);
	if (err == OK)
		err = build_headers(b);
	if (err == OK)
		err = build_basic_auth(b);
	if (err == OK && has_payload && !as_query)
		err = build_body(b);
	return err;
}

enum err
agent_request_build(const json_t *options, const struct formula_scope *scope, const char *path,
    struct http_request *request_out, struct errctx *ctx)
{
	struct build b = {
		.scope = scope,
		.path = path,
		.ctx = ctx,
		.text = BUF_INIT_SECRET(VALUE_TEXT_MAX),
		.request = HTTP_REQUEST_INIT,
	};
	enum err err = render(&b, options);

	if (err == OK)
		err = build_request(&b);
	json_decref(b.options);
	buf_free(&b.text);
	if (err == OK)
		*request_out = b.request;
	else
		http_request_free(&b.request);
	return err;
}
