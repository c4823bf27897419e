/* SPDX-License-Identifier: Apache-2.0 */
/* One fetch of a token: its requests one after the other, each seeing the answers before it. */
#include "runner/fetch.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "agent/aws_sign.h"
#include "agent/request_build.h"
#include "base/clock.h"
#include "base/crypt.h"
#include "base/json.h"
#include "base/log.h"
#include "formula/template.h"
#include "runner/fetch_trace.h"
#include "runner/kinds.h"
#include "runner/loop.h"

static void send_request(struct task *task);
static void send_again(void *arg);

/* ---- pauses ---- */

#define RETRY_AFTER_MOST_S 1000000000 /* no need to read on: no job has that much time */

static int64_t
retry_after_ms(const char *text)
{
	struct tm tm = { 0 };
	int64_t seconds = 0;
	size_t digits = strspn(text, "0123456789");

	if (digits && text[digits] == '\0') {
		for (const char *c = text; *c && seconds < RETRY_AFTER_MOST_S; c++)
			seconds = seconds * 10 + (*c - '0');
		return seconds * 1000;
	}
	const char *end = strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &tm);
	if (!end || *end)
		return 0;
	int64_t ms = (int64_t)timegm(&tm) * 1000 - clock_now_ms();
	return ms > 0 ? ms : 0;
}

int64_t
fetch_pause_ms(int attempts, const char *retry_after)
{
	int64_t most = FETCH_RETRY_BASE_MS;

	for (int i = 1; i < attempts && most < FETCH_RETRY_MOST_MS; i++)
		most *= 2;
	if (most > FETCH_RETRY_MOST_MS)
		most = FETCH_RETRY_MOST_MS;
	int64_t pause = 1 + crypt_random_below((uint32_t)most);
	int64_t asked = retry_after ? retry_after_ms(retry_after) : 0;
	return asked > pause ? asked : pause;
}

/* ---- endings ---- */

static void
end_step(struct fetch *fetch)
{
	struct fetch_step *step = &fetch->steps[fetch->at];

	step->ms = clock_monotonic_ms() - step->started_ms;
}

static void
end(struct task *task)
{
	const struct fetch *fetch = task->data;

	if (fetch->ended)
		fetch->ended(task);
	else
		loop_end(task);
}

/* "request 2 of 2: …" */
static void fail(struct task *task, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void
fail(struct task *task, const char *fmt, ...)
{
	struct fetch *fetch = task->data;
	char what[ERR_TEXT_MAX - 40];
	va_list args;

	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	end_step(fetch);
	task_settle(task, JOB_FAILED, "request %zu of %zu: %s", fetch->at + 1, fetch->n_requests,
	    what);
	end(task);
}

static const char *
error_path(const struct errctx *ctx)
{
	return ctx->n_sub ? ctx->sub[0].path : "";
}

/* ---- the token ---- */

static bool
is_text(const struct buf *buf)
{
	size_t length = 1;

	for (size_t at = 0; at < buf->len && length; at += length)
		length = buf->data[at] ? json_utf8_length(buf->data + at, buf->len - at) : 0;
	return length > 0;
}

/* NULL when the value makes a token, else what is wrong with it. */
static const char *
token_fault(const struct value *value, struct buf *text, struct errctx *ctx)
{
	if (value->kind == VALUE_NULL)
		return "there is nothing in the answer at the location of the token";
	if (value->kind == VALUE_JSON && value_blank(value))
		return "the token is empty";
	if (value_add_text(value, text, ctx) || text->over)
		return "the token cannot be written as text, or is too long";
	if (text->len == 0)
		return "the token is empty";
	return is_text(text) ? NULL : "the token is not UTF-8 text";
}

/* Both formulas see the last answer alone. */
static enum err
find_token(struct fetch *fetch, const struct formula_scope *scope, struct errctx *ctx)
{
	const char *location = json_get_text(fetch->plan, "location");
	const char *expires = json_get_text(fetch->plan, "expires");
	auto_value struct value value = { 0 }, said = { 0 };
	auto_buf struct buf text = BUF_INIT_SECRET(VALUE_TEXT_MAX);
	struct errctx inner = { 0 };

	if (template_eval(location ? location : "", scope, "", &value, &inner))
		return err_set(ctx, ERR_VALUE, "", "the location of the token: %s",
		    err_text(&inner));
	const char *fault = token_fault(&value, &text, &inner);
	if (fault)
		return err_set(ctx, ERR_VALUE, "", "%s", fault);
	if (expires && template_eval(expires, scope, "", &said, &inner))
		return err_set(ctx, ERR_VALUE, "", "the end of the token: %s", err_text(&inner));
	enum err err = fetch_life_find(fetch->subject.http_request_ttl, &said, text.data, text.len,
	    scope->now_ms, &fetch->life, ctx);
	if (!err)
		secret_set(&fetch->token, text.data, text.len);
	return err;
}

static void
take_token(struct task *task)
{
	struct fetch *fetch = task->data;
	const struct formula_response *last = fetch->responses[fetch->n_requests - 1];
	const struct formula_named_response named[] = {
		{ fetch->subject.slug, last },
		{ "credential_name", last },
		{ "response", last },
	};
	const struct formula_scope scope = {
		.values = fetch->roots,
		.named = named,
		.n_named = sizeof(named) / sizeof(named[0]),
		.now_ms = clock_now_ms(),
	};
	struct errctx ctx = { 0 };

	fetch->at = fetch->n_requests - 1;
	json_object_del(fetch->roots, "secret");
	json_object_del(fetch->roots, FORMULA_CREDENTIAL);
	if (find_token(fetch, &scope, &ctx))
		task_fail(task, &ctx);
	else
		task_settle(task, JOB_DONE, NULL);
	end(task);
}

/* ---- answers ---- */

static const char *
header_text(const json_t *headers, const char *name)
{
	const json_t *value = json_object_get(headers, name);

	if (json_is_array(value))
		value = json_array_get(value, 0);
	return json_string_value(value);
}

bool
fetch_looks_like_json(const json_t *headers, const char *body, size_t len)
{
	const char *type = header_text(headers, "content-type");
	size_t at = 0;

	if (type && strcasestr(type, "json"))
		return true;
	while (at < len && memchr(" \t\r\n", body[at], 4))
		at++;
	return at < len && memchr("{[\"", body[at], 3);
}

static void
keep_answer(struct fetch *fetch, struct http_result *result)
{
	struct fetch_step *step = &fetch->steps[fetch->at];

	step->headers = json_incref(result->headers);
	step->body = http_result_take_body(result);
	if (fetch_looks_like_json(step->headers, buf_text(&step->body), step->body.len) &&
	    json_parse(buf_text(&step->body), step->body.len, &step->body_json, NULL))
		step->body_json = NULL; /* then it is text */
	step->response = (struct formula_response){
		.status = result->status,
		.headers = step->headers,
		.body_json = step->body_json,
		.raw = step->body.data,
		.raw_len = step->body.len,
	};
	fetch->responses[fetch->at] = &step->response;
}

static bool
is_success(const struct http_result *result)
{
	return result->err == OK && result->status >= 200 && result->status <= 299;
}

static bool
wants_retry(const struct fetch *fetch, const struct http_result *result)
{
	const struct http_retry *retry = &fetch->request.retry;

	if (fetch->steps[fetch->at].attempts > retry->retries)
		return false;
	if (result->err == OK)
		return http_retry_wants(retry, result->status);
	return result->err != ERR_TIMEOUT || http_retry_wants(retry, 0);
}

static void
explain(const struct http_result *result, int attempts, char *out, size_t size)
{
	char tries[40] = "";

	if (attempts > 1)
		snprintf(tries, sizeof(tries), " (after %d attempts)", attempts);
	if (result->err == OK)
		snprintf(out, size, "the answer has status %d%s", result->status, tries);
	else
		snprintf(out, size, "%s%s", result->reason, tries);
}

static void
on_answer(void *arg, struct http_result *result)
{
	struct task *task = arg;
	struct fetch *fetch = task->data;
	struct fetch_step *step = &fetch->steps[fetch->at];
	char why[300];

	step->response.status = result->status;
	if (is_success(result)) {
		end_step(fetch);
		keep_answer(fetch, result);
		http_request_free(&fetch->request);
		fetch->at++;
		if (fetch->at == fetch->n_requests)
			take_token(task);
		else
			send_request(task);
		return;
	}
	explain(result, step->attempts, why, sizeof(why));
	if (!wants_retry(fetch, result)) {
		fail(task, "%s", why);
		return;
	}
	int64_t pause = fetch_pause_ms(step->attempts, header_text(result->headers, "retry-after"));
	log_debug(LOG_EVENT("fetch_retry"), LOG_I("job", task->job.id), LOG_S("why", why),
	    LOG_I("pause_ms", pause));
	if (clock_monotonic_ms() + pause >= task->deadline_ms)
		fail(task, "%s; no time is left for another attempt", why);
	else
		http_client_after(loop_client(task->loop), pause, send_again, task);
}

/* ---- requests ---- */

static void
send_again(void *arg)
{
	struct task *task = arg;
	struct fetch *fetch = task->data;
	int64_t left = task->deadline_ms - clock_monotonic_ms();

	if (left <= 0) {
		fail(task, "no time is left");
		return;
	}
	fetch->steps[fetch->at].attempts++;
	fetch->request.timeout_ms = fetch->timeout_ms < left ? fetch->timeout_ms : left;
	http_client_start(loop_client(task->loop), &(struct http_call){
						       .request = &fetch->request,
						       .jar = fetch->jar,
						       .allowed_by_each = fetch->hosts,
						       .done = on_answer,
						       .arg = task,
						   });
}

/* Of a call to AWS: with the keys that `how` tells by formulas. */
static enum err
sign(struct fetch *fetch, const json_t *how, const struct formula_scope *scope, struct errctx *ctx)
{
	json_auto_t *signer = NULL;
	enum err err = how ? template_render_json(how, scope, "", &signer, ctx) : OK;

	if (err || !how)
		return err;
	const struct aws_signer who = {
		.access_key = json_get_text(signer, "access_key"),
		.secret_key = json_get_text(signer, "secret_key"),
		.session_token = json_get_text(signer, "session_token"),
		.service = json_get_text(signer, "service"),
		.region = json_get_text(signer, "region"),
	};
	if (!who.access_key || !who.secret_key)
		return err_set(ctx, ERR_VALUE, "", "there are no keys to sign with");
	return aws_sign(&fetch->request, &who, clock_now_ms(), ctx);
}

static void
send_request(struct task *task)
{
	struct fetch *fetch = task->data;
	json_t *entry = json_array_get(json_object_get(fetch->plan, "requests"), fetch->at);
	json_t *secret = json_object_get(entry, "secret");
	const struct formula_named_response previous = { "PREVIOUS_STEP",
		fetch->at ? fetch->responses[fetch->at - 1] : NULL };
	const struct formula_scope scope = {
		.values = fetch->roots,
		.named = &previous,
		.n_named = 1,
		.steps = fetch->responses,
		.n_steps = fetch->at,
		.now_ms = clock_now_ms(),
	};
	const char *single = json_get_text(fetch->plan, "path");
	struct errctx ctx = { 0 };
	char path[64];

	if (single)
		snprintf(path, sizeof(path), "%s", single);
	else
		snprintf(path, sizeof(path), "credential_requests[%zu].options", fetch->at);
	json_object_set_new(fetch->roots, "secret", secret ? json_incref(secret) : json_null());
	json_decref(fetch->hosts);
	fetch->hosts = references_of_request(&fetch->references, json_object_get(entry, "options"),
	    fetch->roots);
	fetch->steps[fetch->at].started_ms = clock_monotonic_ms();
	if (agent_request_build(json_object_get(entry, "options"), &scope, path, &fetch->request,
		&ctx) ||
	    sign(fetch, json_object_get(entry, "sign"), &scope, &ctx)) {
		fail(task, "%s%s%s", error_path(&ctx), *error_path(&ctx) ? ": " : "",
		    err_text(&ctx));
		return;
	}
	fetch->timeout_ms = fetch->request.timeout_ms;
	if (fetch->ended)
		fetch_trace_request(fetch, json_object_get(entry, "options"));
	send_again(task);
}

void
fetch_start(struct task *task)
{
	struct fetch *fetch = task->data;

	fetch->jar = cookie_jar_new();
	send_request(task);
}

char *
fetch_steps_text(const struct fetch *fetch)
{
	json_auto_t *steps = json_array();

	for (size_t i = 0; i < fetch->n_requests; i++) {
		const struct fetch_step *step = &fetch->steps[i];
		json_t *entry;

		if (!step->started_ms)
			break;
		entry = json_object();
		json_put(entry, "status",
		    step->response.status ? json_integer(step->response.status) : json_null());
		json_put_int(entry, "ms", step->ms);
		if (step->attempts > 1)
			json_put_int(entry, "attempts", step->attempts);
		json_array_append_new(steps, entry);
	}
	return json_text(steps);
}
