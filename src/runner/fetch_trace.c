/* SPDX-License-Identifier: Apache-2.0 */
/* What a dry run tells of the requests of a fetch: enough to find a mistake, nothing secret. */
#include "runner/fetch_trace.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/json.h"
#include "base/secret.h"
#include "formula/template.h"

#define URL_MAX 4096
#define HIDDEN "…"

/* Length of scheme and authority. */
static size_t
origin_length(const char *url)
{
	const char *rest = strstr(url, "://");

	return rest ? (size_t)(rest + 3 - url) + strcspn(rest + 3, "/?#") : 0;
}

/* A path, segment by segment: those that hold a formula are hidden. */
static void
add_path(struct buf *out, const char *written, size_t len)
{
	for (size_t at = 0; at < len;) {
		size_t from = at + (written[at] == '/'), end = from;

		while (end < len && written[end] != '/')
			end++;
		if (from > at)
			buf_add_char(out, '/');
		bool open = memmem(written + from, end - from, "<<", 2) ||
			    memmem(written + from, end - from, ">>", 2);
		if (open)
			buf_add_text(out, HIDDEN);
		else
			buf_add(out, written + from, end - from);
		at = end;
	}
}

/* A name of the query that its owner has written out, in the URL or as a key of the payload. */
static bool
is_written_name(const json_t *options, const char *name, size_t len)
{
	const char *url = json_get_text(options, "url");
	auto_wipe char *key = xmemdup0(name, len);

	return strstr(url ? url : "", key) ||
	       json_object_get(json_object_get(options, "payload"), key);
}

static void
add_query_names(struct buf *out, const json_t *options, const char *query)
{
	for (char mark = '?'; *query && *query != '#'; mark = '&') {
		size_t len = strcspn(query, "&#");
		const char *equals = memchr(query, '=', len);

		buf_add_char(out, mark);
		/* without '=' it is all value */
		if (equals) {
			size_t name = (size_t)(equals - query);

			if (is_written_name(options, query, name))
				buf_add(out, query, name);
			else
				buf_add_text(out, HIDDEN);
			buf_add_char(out, '=');
		}
		buf_add_text(out, HIDDEN);
		query += len;
		query += *query == '&';
	}
}

/* Whether formulas of the URL read a secret; what an answer or a setting gave may be shown. */
static bool
reads_secret(const json_t *options)
{
	json_auto_t *url = json_object(), *paths = json_array();
	struct errctx ignored = { 0 };
	const json_t *path;
	size_t i;

	json_put(url, "url", json_incref(json_object_get(options, "url")));
	if (template_paths(url, paths, &ignored))
		return true;
	json_array_foreach(paths, i, path)
	{
		const char *text = json_string_value(path);

		if (!strncasecmp(text, "secret", 6) || !strncasecmp(text, "CREDENTIAL", 10))
			return true;
	}
	return false;
}

/* Formulas may hold slashes, so a path with any in a formula is hidden from there on. */
static bool
path_is_open(const char *written, size_t len)
{
	const char *begin = memmem(written, len, "<<", 2);
	const char *end = begin ? memmem(begin, len - (size_t)(begin - written), ">>", 2) : NULL;

	while (begin && end) {
		if (memchr(begin, '/', (size_t)(end - begin)) ||
		    memchr(begin, '?', (size_t)(end - begin)))
			return true;
		begin = memmem(end, len - (size_t)(end - written), "<<", 2);
		end = begin ? memmem(begin, len - (size_t)(begin - written), ">>", 2) : NULL;
	}
	return begin != NULL;
}

static char *
shown_url(const json_t *options, const char *sent)
{
	const char *written = json_get_text(options, "url");
	struct buf out = BUF_INIT(URL_MAX);
	size_t origin = written ? origin_length(written) : 0;
	bool open =
	    !origin || template_is_formula(written) || memmem(written, origin, "<<", 2) != NULL;

	if (open) { /* what the formula gave; hosts and ports alone */
		if (reads_secret(options))
			buf_add_text(&out, HIDDEN);
		else
			buf_add(&out, sent, origin_length(sent));
		buf_add_text(&out, "/" HIDDEN);
		return buf_take(&out);
	}
	size_t path = strcspn(written + origin, "?#");
	buf_add(&out, written, origin);
	if (path_is_open(written + origin, strlen(written + origin))) {
		buf_add_text(&out, "/" HIDDEN);
		return buf_take(&out);
	}
	add_path(&out, written + origin, path);
	const char *query = strchr(sent, '?');
	if (query)
		add_query_names(&out, options, query + 1);
	return buf_take(&out);
}

void
fetch_trace_request(struct fetch *fetch, const json_t *options)
{
	struct fetch_step *step = &fetch->steps[fetch->at];
	json_t *trace = json_object(), *reads = json_array();
	struct errctx ignored = { 0 };
	char *url = shown_url(options, fetch->request.url);

	if (template_paths(options, reads, &ignored))
		err_clear(&ignored);
	json_put_text(trace, "method", fetch->request.method);
	json_put(trace, "url", json_text_lossy(url, strlen(url)));
	json_put_int(trace, "request_size", (json_int_t)fetch->request.body_len);
	json_put(trace, "reads", reads);
	free(url);
	json_decref(step->trace);
	step->trace = trace;
}

static json_t *
step_json(const struct fetch *fetch, size_t i, const char *error)
{
	const struct fetch_step *step = &fetch->steps[i];
	json_t *json = step->trace ? json_copy(step->trace) : json_object();
	bool last = i + 1 == fetch->n_requests || !fetch->steps[i + 1].started_ms;

	if (!step->trace) {
		json_put_text(json, "method", NULL);
		json_put_text(json, "url", NULL);
		json_put_int(json, "request_size", 0);
		json_put(json, "reads", json_array());
	}
	json_put(json, "status",
	    step->response.status ? json_integer(step->response.status) : json_null());
	json_put_int(json, "duration_ms", step->ms);
	json_put_int(json, "attempts", step->attempts);
	json_put_int(json, "response_size", (json_int_t)step->body.len);
	json_put_text(json, "error", last ? error : NULL);
	return json;
}

json_t *
fetch_trace_json(const struct fetch *fetch, const char *error)
{
	json_t *json = json_object(), *steps = json_array(), *token = json_null();

	for (size_t i = 0; i < fetch->n_requests && fetch->steps[i].started_ms; i++)
		json_array_append_new(steps, step_json(fetch, i, error));
	if (!error) {
		token = json_object();
		json_put_int(token, "length", (json_int_t)fetch->token.len);
		json_put(token, "expires_in",
		    fetch->life.expires_s ? json_integer(fetch->life.expires_s) : json_null());
		json_put_int(token, "kept_for", fetch->life.keep_s);
	}
	json_put_bool(json, "ok", !error);
	json_put_text(json, "error", error);
	json_put(json, "steps", steps);
	json_put(json, "token", token);
	json_put_int(json, "credential", fetch->subject.place.id);
	return json;
}
