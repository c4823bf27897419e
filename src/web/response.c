/* SPDX-License-Identifier: Apache-2.0 */
/* One HTTP answer: a JSON value, a text or nothing, with headers; errors in the shape of their
 * surface. */
#include "web/response.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "web/params.h"

#define RETRY_AFTER_DEFAULT_S 5
#define COOKIE_MAX 512

static void
clear_body(struct response *response)
{
	json_decref(response->json);
	response->json = NULL;
	response->content_type = NULL;
	buf_free(&response->text);
	response->text.over = false;
}

static enum err
succeed(struct response *response, enum success how)
{
	clear_body(response);
	response->status = err_success_status(how, &response->reason);
	return OK;
}

enum err
response_json_as(struct response *response, enum success how, json_t *value)
{
	assert(value);
	(void)succeed(response, how);
	response->json = value;
	return OK;
}

enum err
response_json(struct response *response, json_t *value)
{
	return response_json_as(response, SUCCESS_OK, value);
}

enum err
response_empty(struct response *response)
{
	return succeed(response, SUCCESS_EMPTY);
}

enum err
response_text(struct response *response, const char *content_type, const char *text, size_t len)
{
	(void)succeed(response, SUCCESS_OK);
	response->content_type = content_type;
	buf_add(&response->text, text, len);
	return OK;
}

enum err
response_redirect(struct response *response, const char *location)
{
	(void)succeed(response, SUCCESS_SEE_OTHER);
	return response_header(response, "Location", location);
}

enum err
response_header(struct response *response, const char *name, const char *value)
{
	if (params_has_control(value, false) || !params_is_utf8(value, strlen(value)))
		return ERR_VALUE;
	size_t need = strlen(name) + strlen(value) + 4;
	if (response->headers.over || need > response->headers.cap - response->headers.len)
		return ERR_VALUE; /* half a header would break the block */
	buf_printf(&response->headers, "%s: %s\r\n", name, value);
	return OK;
}

/* RFC 9110 section 5.6.2, which a cookie's name must be; here its value too. */
static bool
is_token(const char *text)
{
	static const char bytes[] = "0123456789abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ!#$%&'*+-.^_`|~";

	return *text && text[strspn(text, bytes)] == '\0';
}

enum err
response_cookie(struct response *response, const char *name, const char *value, int64_t max_age_s,
    bool secure)
{
	auto_buf struct buf cookie = BUF_INIT_SECRET(COOKIE_MAX);

	if (!is_token(name) || !is_token(value) || max_age_s < 0)
		return ERR_VALUE;
	buf_printf(&cookie, "%s=%s; Path=/; Max-Age=%lld; HttpOnly; SameSite=Lax%s", name, value,
	    (long long)max_age_s, secure ? "; Secure" : "");
	return cookie.over ? ERR_VALUE : response_header(response, "Set-Cookie", buf_text(&cookie));
}

/* "credentials[2].appName: is required" */
static void
sub_text(const struct errctx *err, unsigned index, char out[ERR_PATH_MAX + ERR_TEXT_MAX + 2])
{
	const size_t size = ERR_PATH_MAX + ERR_TEXT_MAX + 2;

	if (err_kind(err->kind)->inner || index >= err->n_sub)
		snprintf(out, size, "%s", err_kind(err->kind)->message);
	else if (err->sub[index].path[0])
		snprintf(out, size, "%s: %s", err->sub[index].path, err->sub[index].text);
	else
		snprintf(out, size, "%s", err->sub[index].text);
}

static unsigned
sub_count(const struct errctx *err)
{
	return !err_kind(err->kind)->inner && err->n_sub ? err->n_sub : 1;
}

static json_t *
error_v2(const struct errctx *err)
{
	char text[ERR_PATH_MAX + ERR_TEXT_MAX + 2];
	json_t *body = json_object();
	unsigned n = sub_count(err);

	sub_text(err, 0, text);
	json_put_text(body, "message", err_kind(err->kind)->message);
	json_put_text(body, "detail", text);
	json_put_text(body, "code", err_kind(err->kind)->code);
	if (n < 2)
		return body;
	json_t *list = json_array();
	for (unsigned i = 0; i < n; i++) {
		json_t *sub = json_object();

		sub_text(err, i, text);
		json_put_text(sub, "message", text);
		json_array_append_new(list, sub);
	}
	json_put(body, "suberrors", list);
	return body;
}

static json_t *
error_v1(const struct errctx *err)
{
	char text[ERR_PATH_MAX + ERR_TEXT_MAX + 2];
	json_t *body = json_object(), *list = json_array();
	unsigned n = sub_count(err);

	sub_text(err, 0, text);
	json_put_text(body, "error", text);
	for (unsigned i = 0; i < n; i++) {
		json_t *sub = json_object();

		sub_text(err, i, text);
		json_put_text(sub, "message", err_kind(err->kind)->message);
		json_put_text(sub, "details", text);
		json_array_append_new(list, sub);
	}
	json_put(body, "errors", list);
	return body;
}

static void
put_header(struct response *response, const char *name, const char *value)
{
	enum err err = response_header(response, name, value);

	assert(!err);
	(void)err;
}

void
response_error(struct response *response, enum surface surface, const struct errctx *err)
{
	const struct err_kind *kind = err_kind(err->kind);
	int status = kind->status[surface];
	char seconds[16];

	clear_body(response);
	buf_free(&response->headers);
	response->headers.over = false;
	response->status = status;
	response->reason = kind->message;
	response->json = surface == SURFACE_V1 ? error_v1(err) : error_v2(err);
	if (status == err_kind(ERR_UNAVAILABLE)->status[surface] ||
	    status == err_kind(ERR_RATE)->status[surface]) {
		snprintf(seconds, sizeof(seconds), "%d",
		    err->retry_after_s > 0 ? err->retry_after_s : RETRY_AFTER_DEFAULT_S);
		put_header(response, "Retry-After", seconds);
	}
	if (err->kind == ERR_UNAUTHENTICATED)
		put_header(response, "WWW-Authenticate",
		    surface == SURFACE_PUBLIC ? "Link realm=\"bailee\""
					      : "Bearer realm=\"bailee\"");
}

void
response_method_error(struct response *response, enum surface surface, const char *allow)
{
	struct errctx err = { 0 };

	(void)err_set(&err, ERR_METHOD, "", "allowed here: %s", allow);
	response_error(response, surface, &err);
	put_header(response, "Allow", allow);
}

void
response_start_over(struct response *response)
{
	clear_body(response);
	buf_free(&response->headers);
	response->headers.over = false;
	response->status = 0;
}

void
response_keep(const struct response *response, struct buf *kept)
{
	buf_add(kept, buf_text(&response->headers), response->headers.len);
	buf_add_char(kept, '\0');
	buf_add(kept, buf_text(&response->text), response->text.len);
	if (response->json)
		json_write(response->json, kept);
}

enum err
response_again(struct response *response, int status, const char *kept, size_t len)
{
	size_t headers_len = strnlen(kept, len);

	for (int how = 0; how < SUCCESS_COUNT && headers_len < len; how++) {
		const char *reason;

		if (err_success_status((enum success)how, &reason) != status)
			continue;
		response_start_over(response);
		(void)succeed(response, (enum success)how);
		buf_add(&response->headers, kept, headers_len);
		buf_add(&response->text, kept + headers_len + 1, len - headers_len - 1);
		return OK;
	}
	return ERR_INTERNAL;
}

/* What cannot be sent becomes an error that can. */
static void
render_error(struct response *response)
{
	struct errctx err = { .kind = ERR_INTERNAL };

	if (response->status) {
		log_warn(LOG_EVENT("answer_too_large"));
		(void)err_set(&err, ERR_RULE, "",
		    "the answer would be larger than %u MiB: ask for fewer at a time",
		    RESPONSE_BODY_MAX >> 20);
	} else {
		log_error(LOG_EVENT("answer_missing"));
	}
	response_error(response, response->surface, &err);
	json_write(response->json, &response->text);
}

/* The JSON value becomes text. */
static void
render_body(struct response *response)
{
	if (response->json)
		json_write(response->json, &response->text);
	if (!response->status || response->text.over)
		render_error(response);
}

void
response_finish(struct response *response, const char *request_id, bool no_body)
{
	const char *reason;

	render_body(response);
	buf_printf(&response->head, "Status: %d %s\r\n", response->status, response->reason);
	if (response->status != err_success_status(SUCCESS_EMPTY, &reason)) {
		buf_printf(&response->head, "Content-Type: %s\r\nContent-Length: %zu\r\n",
		    response->content_type ? response->content_type
					   : "application/json; charset=utf-8",
		    response->text.len);
	}
	buf_printf(&response->head,
	    "X-Request-Id: %s\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n",
	    request_id);
	buf_add(&response->head, buf_text(&response->headers), response->headers.len);
	buf_add_text(&response->head, "\r\n");
	response->no_body = no_body;
}

void
response_free(struct response *response)
{
	clear_body(response);
	buf_free(&response->headers);
	buf_free(&response->head);
}
