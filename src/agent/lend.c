/* SPDX-License-Identifier: Apache-2.0 */
/* A request somebody wants sent with a credential he need not see. */
#include "agent/lend.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "agent/options.h"
#include "agent/request_build.h"
#include "agent/rules.h"
#include "base/alloc.h"
#include "base/buf.h"
#include "base/crypt.h"
#include "base/json.h"
#include "base/secret.h"

#define BEGIN "<<CREDENTIAL."

struct lending {
	const struct lend_secret *secret;
	struct errctx *ctx;
	struct http_request request;
	bool used; /* the secret stands somewhere */
};

static enum err
fault(const struct lending *l, const char *path, const char *text)
{
	return text ? err_set(l->ctx, ERR_FIELD, path, "%s", text) : OK;
}

static void
add_secret(const struct lending *l, bool in_url, struct buf *out)
{
	const struct lend_secret *secret = l->secret;

	for (size_t i = 0; i < secret->len; i++) {
		unsigned char c = (unsigned char)secret->text[i];

		if (!in_url || isalnum(c) || (c && strchr("-._~", c)))
			buf_add_char(out, (char)c);
		else
			buf_printf(out, "%%%02X", c);
	}
}

/* Append `text` with the secret in its places. */
static enum err
fill(struct lending *l, const char *path, const char *text, size_t len, bool in_url,
    struct buf *out)
{
	size_t slug_len = strlen(l->secret->slug);

	for (size_t at = 0; at < len;) {
		const char *found = memmem(text + at, len - at, BEGIN, strlen(BEGIN));
		size_t before = found ? (size_t)(found - text) - at : len - at;

		buf_add(out, text + at, before);
		at += before;
		if (!found)
			break;
		const char *slug = text + at + strlen(BEGIN);
		size_t left = len - at - strlen(BEGIN);
		if (left < slug_len + 2 || strncmp(slug, l->secret->slug, slug_len) != 0 ||
		    strncmp(slug + slug_len, ">>", 2) != 0)
			return fault(l, path,
			    "only this credential can stand here, as <<CREDENTIAL.its_slug>>");
		if (!l->secret->text)
			return fault(l, path,
			    "a credential of this mode is not put into the request; leave it out");
		l->used = true;
		add_secret(l, in_url, out);
		at += strlen(BEGIN) + slug_len + 2;
	}
	return out->over ? fault(l, path, "is too long") : OK;
}

/* Nothing is encoded on the caller's behalf but the secret: what is checked is what is sent. */
static bool
is_url_text(const char *url)
{
	for (; *url; url++)
		if ((unsigned char)*url >= 0x7f || strchr("\"<>\\^`{|}", *url))
			return false;
	return true;
}

static enum err
take_url(struct lending *l, const json_t *value)
{
	auto_buf struct buf out = BUF_INIT_SECRET(2 * AGENT_URL_MAX);
	const char *url = json_string_value(value), *rest;

	if (!url)
		return fault(l, "url", "must be a text");
	/* where the request goes is not for a secret to say */
	rest = strstr(url, "://");
	rest = rest ? rest + 3 + strcspn(rest + 3, "/?#") : url;
	if (memmem(url, (size_t)(rest - url), "<<", 2))
		return fault(l, "url", "must name its host as it is");
	enum err err = fill(l, "url", url, json_string_length(value), true, &out);
	if (!err)
		err = fault(l, "url", agent_url_fault(buf_text(&out), out.len, true));
	if (!err && !is_url_text(buf_text(&out)))
		err = fault(l, "url", "must be percent-encoded");
	if (err)
		return err;
	char *fragment = strchr(out.data, '#');
	if (fragment)
		*fragment = '\0';
	l->request.url = buf_take(&out);
	return OK;
}

/* With these a secret would come back in pieces, or go to another host with a redirect. */
static const struct {
	const char *name;
	bool always;
	const char *why;
} header_rules[] = {
	{ "Range", true, "parts of an answer cannot be asked for" },
	{ "If-Range", true, "parts of an answer cannot be asked for" },
	{ "Accept", false, "the secret cannot stand in this header" },
	{ "Content-Type", false, "the secret cannot stand in this header" },
	{ "User-Agent", false, "the secret cannot stand in this header" },
};

static const char *
header_fault(const char *name, const char *value)
{
	const char *why = agent_header_name_fault(name);

	for (size_t i = 0; !why && i < sizeof(header_rules) / sizeof(header_rules[0]); i++)
		if (!strcasecmp(name, header_rules[i].name) &&
		    (header_rules[i].always || (value && strstr(value, BEGIN))))
			why = header_rules[i].why;
	return why;
}

static enum err
take_header(struct lending *l, const char *path, const char *name, const json_t *value)
{
	auto_buf struct buf out = BUF_INIT_SECRET(AGENT_HEADER_MAX);
	const char *text = json_string_value(value);

	if (!text)
		return fault(l, path, "must be a text");
	enum err err = fill(l, path, text, json_string_length(value), false, &out);
	if (!err)
		err = fault(l, path, agent_header_value_fault(buf_text(&out), out.len));
	if (!err)
		http_request_add_header(&l->request, name, buf_text(&out));
	return err;
}

static enum err
take_headers(struct lending *l, const json_t *headers)
{
	union {
		const json_t *borrowed;
		json_t *iterated; /* jansson's iteration wants it writable, though it only reads */
	} tree = { .borrowed = headers };
	const char *name;
	json_t *value;
	enum err err = OK;

	if (json_object_size(headers) > AGENT_HEADERS_MAX)
		return fault(l, "headers", "must be at most 100");
	json_object_foreach(tree.iterated, name, value)
	{
		char path[ERR_PATH_MAX];

		snprintf(path, sizeof(path), "headers.%s", name);
		if (json_is_null(value))
			continue;
		err = fault(l, path, header_fault(name, json_string_value(value)));
		if (!err)
			err = take_header(l, path, name, value);
		if (err)
			break;
	}
	return err;
}

/* RFC 7617; the client could not put the secret into base64 itself. */
static enum err
take_basic_auth(struct lending *l, const json_t *value)
{
	static const char *const paths[] = { "basic_auth[0]", "basic_auth[1]" };
	auto_buf struct buf out = BUF_INIT_SECRET(AGENT_HEADER_MAX / 2);
	enum err err = OK;

	if (!value || json_is_null(value))
		return OK;
	if (http_request_header(&l->request, "Authorization"))
		return fault(l, "basic_auth", "cannot stand beside an Authorization header");
	for (size_t i = 0; i < 2 && !err; i++) {
		const json_t *part = json_array_get(value, i);

		if (json_array_size(value) != 2 || !json_is_string(part))
			return fault(l, "basic_auth", "must be [user, password]");
		if (i == 0 && strchr(json_string_value(part), ':'))
			return fault(l, "basic_auth[0]", "must not hold a colon");
		if (i == 1)
			buf_add_char(&out, ':');
		err = fill(l, paths[i], json_string_value(part), json_string_length(part), false,
		    &out);
	}
	if (err)
		return err;
	auto_wipe char *encoded = crypt_base64(buf_text(&out), out.len);
	auto_wipe char *header = xasprintf("Basic %s", encoded);
	http_request_add_header(&l->request, "Authorization", header);
	return OK;
}

/* The same value with the secret in each of its texts; NULL on failure. Caller owns. */
static json_t *
fill_json(struct lending *l, const json_t *value, enum err *err)
{
	union {
		const json_t *borrowed;
		json_t *iterated;
	} tree = { .borrowed = value };
	const char *key;
	json_t *item, *copy;
	size_t i;

	if (json_is_string(value)) {
		auto_buf struct buf out = BUF_INIT_SECRET(AGENT_BODY_MAX);

		*err = *err ? *err
			    : fill(l, "body", json_string_value(value), json_string_length(value),
				  false, &out);
		return json_text_lossy(buf_text(&out), out.len);
	}
	if (json_is_array(value)) {
		copy = json_array();
		json_array_foreach(value, i, item)
		    json_array_append_new(copy, fill_json(l, item, err));
		return copy;
	}
	if (!json_is_object(value))
		return json_incref(tree.iterated);
	copy = json_object();
	json_object_foreach(tree.iterated, key, item)
	    json_object_set_new(copy, key, fill_json(l, item, err));
	return copy;
}

static enum err
take_body(struct lending *l, const json_t *value)
{
	struct buf out = BUF_INIT_SECRET(AGENT_BODY_MAX);
	enum err err = OK;

	if (!value || json_is_null(value))
		return OK;
	if (!strcmp(l->request.method, "GET") || !strcmp(l->request.method, "HEAD"))
		return fault(l, "body", "cannot be sent with GET or HEAD");
	if (json_is_string(value)) {
		err = fill(l, "body", json_string_value(value), json_string_length(value), false,
		    &out);
	} else {
		json_auto_t *filled = fill_json(l, value, &err);
		auto_wipe char *text = json_text(filled);

		buf_add_text(&out, text);
		if (!http_request_header(&l->request, "Content-Type"))
			http_request_add_header(&l->request, "Content-Type", "application/json");
	}
	if (!err && out.over)
		err = fault(l, "body", "is too large");
	if (err) {
		buf_free(&out);
		return err;
	}
	l->request.body_len = out.len;
	l->request.body = out.data ? buf_take(&out) : xstrdup("");
	return OK;
}

enum err
lend_build(const json_t *wish, const struct lend_secret *secret, struct http_request *request_out,
    struct errctx *ctx)
{
	struct lending l = { .secret = secret, .ctx = ctx, .request = HTTP_REQUEST_INIT };
	const char *method = json_get_text(wish, "method");

	l.request.method = xstrdup(method ? method : "GET");
	l.request.timeout_ms = 1000 * json_get_int(wish, "timeout", AGENT_TIMEOUT_DEFAULT_S);
	l.request.once = true;
	enum err err = take_url(&l, json_object_get(wish, "url"));
	if (!err)
		err = take_headers(&l, json_object_get(wish, "headers"));
	if (!err)
		err = take_basic_auth(&l, json_object_get(wish, "basic_auth"));
	if (!err)
		err = take_body(&l, json_object_get(wish, "body"));
	if (!err && secret->text && !l.used)
		err = fault(&l, "", "<<CREDENTIAL.its_slug>> stands nowhere in the request");
	if (err)
		http_request_free(&l.request);
	else
		*request_out = l.request;
	return err;
}
