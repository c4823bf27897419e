/* SPDX-License-Identifier: Apache-2.0 */
/* One HTTP request, read once and strictly from FastCGI-like parameters. */
#include "web/request.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/hash.h"

const char *const method_names[METHOD_COUNT] = {
	[METHOD_NONE] = "NONE",
	[METHOD_GET] = "GET",
	[METHOD_HEAD] = "HEAD",
	[METHOD_POST] = "POST",
	[METHOD_PUT] = "PUT",
	[METHOD_PATCH] = "PATCH",
	[METHOD_DELETE] = "DELETE",
	[METHOD_OPTIONS] = "OPTIONS",
};

/* What is read of the parameters. A strict value with bytes it must not have refuses the request,
 * any other counts as not sent. */
struct header_row {
	const char *name;
	size_t name_len, offset;
	bool strict;
	size_t most; /* bytes */
};
#define HEADER(param, member, strict)                                                              \
	{                                                                                          \
		param, sizeof(param) - 1, offsetof(struct request, member), strict,                \
		    REQUEST_HEADER_MAX                                                             \
	}
static const struct header_row header_rows[] = {
	HEADER("HTTP_AUTHORIZATION", authorization, true),
	HEADER("HTTP_X_USER_TOKEN", x_user_token, true),
	HEADER("CONTENT_TYPE", content_type, true),
	HEADER("HTTP_PREFER", prefer, true),
	HEADER("HTTP_IDEMPOTENCY_KEY", idempotency_key, true),
	HEADER("HTTP_ORIGIN", origin, true),
	{ "HTTP_COOKIE", sizeof("HTTP_COOKIE") - 1, offsetof(struct request, cookie), false,
	    REQUEST_COOKIE_MAX },
	HEADER("HTTP_USER_AGENT", user_agent, false),
	HEADER("HTTP_ACCEPT_LANGUAGE", accept_language, false),
	HEADER("HTTP_IF_NONE_MATCH", if_none_match, false),
	HEADER("REMOTE_ADDR", remote_addr, false),
};
#define N_HEADERS (sizeof(header_rows) / sizeof(header_rows[0]))

/* The parameters that are no headers. */
struct line {
	const char *method, *uri, *id;
};

/* Visible ASCII, blanks and tabs within the size limit. */
static bool
value_is_clean(const char *value, size_t most)
{
	size_t n = 0;

	for (const unsigned char *c = (const unsigned char *)value; *c; c++, n++)
		if ((*c < 0x20 && *c != '\t') || *c >= 0x7f || n >= most)
			return false;
	return true;
}

static enum err
take_header(struct request *request, const struct request_param *param, struct errctx *ctx)
{
	const size_t name_len = strlen(param->name);

	for (size_t i = 0; i < N_HEADERS; i++) {
		const struct header_row *row = &header_rows[i];

		if (row->name_len != name_len || memcmp(row->name, param->name, name_len))
			continue;
		if (!*param->value)
			return OK;
		if (value_is_clean(param->value, row->most))
			*(const char **)(void *)((char *)request + row->offset) = param->value;
		else if (row->strict)
			return err_set(ctx, ERR_MALFORMED, row->name,
			    "is too long or holds bytes other than visible ASCII");
		return OK;
	}
	return OK;
}

/* Two headers of one name reach FastCGI as two parameters; which one counts would be anybody's
 * guess. */
static enum err
refuse_doubles(const struct request_source *source, struct errctx *ctx)
{
	uint16_t table[REQUEST_PARAMS_MAX * 2] = { 0 };
	const size_t mask = REQUEST_PARAMS_MAX * 2 - 1;

	for (size_t i = 0; i < source->n_params; i++) {
		const char *name = source->params[i].name;
		size_t at = (size_t)hash_add_text(HASH_START, name) & mask;

		for (; table[at]; at = (at + 1) & mask)
			if (!strcmp(source->params[table[at] - 1].name, name))
				return err_set(ctx, ERR_MALFORMED, "", "a header is given twice");
		table[at] = (uint16_t)(i + 1);
	}
	return OK;
}

static enum err
take_params(struct request *request, const struct request_source *source, struct line *line,
    struct errctx *ctx)
{
	enum err first = OK;

	if (source->n_params > REQUEST_PARAMS_MAX)
		return err_set(ctx, ERR_MALFORMED, "", "too many headers");
	for (size_t i = 0; i < source->n_params; i++) {
		const struct request_param *param = &source->params[i];
		const char **own = !strcmp(param->name, "REQUEST_METHOD")      ? &line->method
				   : !strcmp(param->name, "REQUEST_URI")       ? &line->uri
				   : !strcmp(param->name, "BAILEE_REQUEST_ID") ? &line->id
									       : NULL;
		enum err err = OK;

		if (own)
			*own = param->value;
		else
			err = take_header(request, param, ctx);
		if (!first)
			first = err;
	}
	if (!request->remote_addr)
		request->remote_addr = "";
	return first ? first : refuse_doubles(source, ctx);
}

static void
take_id(struct request *request, const char *id)
{
	static const char id_bytes[] = "0123456789abcdefghijklmnopqrstuvwxyz"
				       "ABCDEFGHIJKLMNOPQRSTUVWXYZ-_";
	size_t len = id ? strlen(id) : 0;
	struct uuid uuid;

	if (len >= 8 && len < sizeof(request->id) && strspn(id, id_bytes) == len) {
		memcpy(request->id, id, len + 1);
		return;
	}
	uuid_make(&uuid);
	uuid_text(&uuid, request->id);
}

static void
take_method(struct request *request, const char *name)
{
	for (int i = METHOD_GET; name && i < METHOD_COUNT; i++)
		if (!strcmp(method_names[i], name))
			request->method = (enum method)i;
	request->head = request->method == METHOD_HEAD;
	if (request->head)
		request->method = METHOD_GET;
}

/* "//", trailing slash, "." and ".." */
static bool
segments_are_plain(const char *path)
{
	if (path[0] == '/' && path[1] == '\0')
		return true;
	while (*path == '/') {
		size_t len = strcspn(++path, "/");

		if (len == 0 || (len == 1 && path[0] == '.') ||
		    (len == 2 && path[0] == '.' && path[1] == '.'))
			return false;
		path += len;
	}
	return true;
}

static bool
holds_escape(const char *text, size_t len, const char *escape)
{
	for (size_t i = 0; i + 3 <= len; i++)
		if (text[i] == '%' && !strncasecmp(text + i, escape, 3))
			return true;
	return false;
}

/* There is one view of the path: the raw one, decoded once. What could mean another path to
 * somebody else on the way (RFC 3986 section 7.3) is refused. */
static enum err
take_path(struct request *request, const char *raw, size_t len, struct errctx *ctx)
{
	size_t n = 0;

	/* decode first, so that even a refused path tells the surface whose error shape to use */
	bool fits = len < sizeof(request->path);
	bool decoded = len > 0 && raw[0] == '/' &&
		       params_percent_decode(raw, fits ? len : sizeof(request->path) - 1, false,
			   request->path, &n);
	if (!decoded || holds_escape(raw, len, "%2f") || holds_escape(raw, len, "%5c") ||
	    memchr(raw, '\\', len) || !segments_are_plain(request->path))
		return err_set(ctx, ERR_MALFORMED, "", "the path is not in its plain form");
	if (!fits)
		return err_set(ctx, ERR_NOT_FOUND, "", "there is no such path");
	if (!params_is_utf8(request->path, n) || params_has_control(request->path, false))
		return err_set(ctx, ERR_MALFORMED, "", "the path is not plain UTF-8");
	return OK;
}

static enum err
take_uri(struct request *request, const char *uri, struct errctx *ctx)
{
	size_t len = uri ? strnlen(uri, REQUEST_URI_MAX + 1) : 0;

	const char *question = len ? memchr(uri, '?', len) : NULL;
	size_t path_len = question ? (size_t)(question - uri) : len;
	/* the path first here too, for the shape of the error */
	enum err err = take_path(request, uri ? uri : "", path_len, ctx);
	if (!err && len > REQUEST_URI_MAX)
		err = err_set(ctx, ERR_MALFORMED, "", "the URL is longer than %d bytes",
		    REQUEST_URI_MAX);
	if (err || !question)
		return err;
	return params_parse(question + 1, len - path_len - 1, &request->query, ctx);
}

/* For the shape of an error alone. */
static void
take_uri_aside(struct request *request, const char *uri)
{
	struct errctx trouble = { 0 };
	enum err err = take_uri(request, uri, &trouble);

	(void)err;
}

enum err
request_open(struct request *request, const struct request_source *source, struct errctx *ctx)
{
	struct line line = { 0 };

	memset(request, 0, sizeof(*request));
	request->body = source->body && !source->body_state ? source->body : "";
	request->body_len = source->body && !source->body_state ? source->body_len : 0;
	enum err err = take_params(request, source, &line, ctx);
	take_id(request, line.id);
	take_method(request, line.method);
	if (err) { /* which is shaped by the path */
		take_uri_aside(request, line.uri);
		return err;
	}
	err = take_uri(request, line.uri, ctx);
	if (err)
		return err;
	if (source->body_state == ERR_TOO_LARGE)
		return err_set(ctx, ERR_TOO_LARGE, "", "the body is larger than is taken here");
	if (source->body_state)
		return err_set(ctx, ERR_MALFORMED, "", "the body did not arrive whole");
	return OK;
}

void
request_close(struct request *request)
{
	params_free(&request->query);
	json_decref(request->json);
	request->json = NULL;
}

/* application/json, with no parameter but charset=utf-8 (RFC 9110 section 8.3.1) */
static bool
is_json_type(const char *type)
{
	static const char json[] = "application/json";

	if (!type || strncasecmp(type, json, strlen(json)))
		return false;
	type += strlen(json);
	type += strspn(type, " \t");
	if (!*type)
		return true;
	if (*type != ';')
		return false;
	type += 1 + strspn(type + 1, " \t");
	if (!*type)
		return true;
	if (strncasecmp(type, "charset=", 8))
		return false;
	type += 8;
	size_t quote = *type == '"';
	if (strncasecmp(type + quote, "utf-8", 5) || (quote && type[6] != '"'))
		return false;
	type += 5 + 2 * quote;
	return type[strspn(type, " \t")] == '\0';
}

enum err
request_json(struct request *request, json_t **object_out, struct errctx *ctx)
{
	if (!request->json && request->body_len == 0) {
		if (!request->body_optional)
			return err_set(ctx, ERR_MALFORMED, "", "a JSON body is required");
		*object_out = NULL;
		return OK;
	}
	if (!request->json) {
		json_t *value = NULL;

		if (!is_json_type(request->content_type))
			return err_set(ctx, ERR_MEDIA_TYPE, "",
			    "the body must be application/json");
		enum err err = json_parse(request->body, request->body_len, &value, ctx);
		if (err)
			return err;
		if (!json_is_object(value)) {
			json_decref(value);
			return err_set(ctx, ERR_MALFORMED, "", "the body must be a JSON object");
		}
		request->json = value;
	}
	*object_out = request->json;
	return OK;
}

int64_t
request_wait_ms(const struct request *request, int64_t most_ms)
{
	int64_t wait_ms = most_ms;

	for (const char *at = request->prefer; at && *at;) {
		size_t len = strcspn(at, ",;");

		if (len >= 13 && !strncasecmp(at, "respond-async", 13) &&
		    strspn(at + 13, " \t") == len - 13)
			return 0;
		if (!strncasecmp(at, "wait=", 5) && at[5] >= '0' && at[5] <= '9' && len <= 5 + 9) {
			int64_t asked_ms = strtol(at + 5, NULL, 10) * INT64_C(1000);
			if (asked_ms < wait_ms)
				wait_ms = asked_ms;
		}
		at += len;
		at += strspn(at, ",; \t");
	}
	return wait_ms;
}

bool
request_cookie(const struct request *request, const char *name, char *out, size_t out_size)
{
	size_t name_len = strlen(name);
	const char *value = NULL;
	size_t value_len = 0;

	for (const char *at = request->cookie; at && *at;) {
		size_t len = strcspn(at, ";");

		if (len > name_len && !memcmp(at, name, name_len) && at[name_len] == '=') {
			if (value)
				return false;
			value = at + name_len + 1;
			value_len = len - name_len - 1;
		}
		at += len;
		at += strspn(at, "; ");
	}
	if (!value || value_len >= out_size)
		return false;
	memcpy(out, value, value_len);
	out[value_len] = '\0';
	return true;
}
