/* SPDX-License-Identifier: Apache-2.0 */
/* The test call of a connection: made from its definition, and what its answer means. */
#include "platform/test_call.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/crypt.h"
#include "base/secret.h"
#include "catalog/condition.h"
#include "catalog/fill.h"

#define URL_MAX 8192
#define VALUE_MAX 8192
#define WORDS_MAX 200     /* bytes of a provider's own words */
#define ACCOUNT_MAX 1020  /* bytes of an account's name or id */
#define SHORTEST_SECRET 4 /* a shorter value stands in other words by chance */

static const json_t *
test_of(const struct app_connection *type)
{
	return json_object_get(type->definition, "test");
}

bool
test_call_exists(const struct app_connection *type)
{
	return test_of(type) != NULL;
}

void
test_call_free(struct test_call *call)
{
	http_request_free(&call->request);
	json_decref(call->allowed_hosts);
	call->allowed_hosts = NULL;
}

/* ---- making ---- */

struct making {
	const struct app_connection *type;
	const json_t *values;
	struct http_request *request;
	struct buf url;
	struct errctx *ctx;
};

/* `text` filled in; the caller wipes and frees it. */
static enum err
filled(const struct making *making, const char *text, enum fill_how how, char **text_out)
{
	auto_buf struct buf buf = BUF_INIT_SECRET(VALUE_MAX);
	enum err err = fill(text, making->values, how, &buf, making->ctx);

	if (!err && buf.over)
		err = err_set(making->ctx, ERR_VALUE, "", "a value is too long to be sent");
	if (!err)
		*text_out = buf_take(&buf);
	return err;
}

/* A header of the test takes the place of an injected one. */
static bool
is_replaced(const struct making *making, const char *name)
{
	json_t *headers = json_object_get(test_of(making->type), "headers"), *value;
	const char *key;

	json_object_foreach(headers, key, value)
	{
		if (!strcasecmp(key, name))
			return true;
	}
	return false;
}

static enum err
add_header(struct making *making, const char *name, const char *template)
{
	auto_wipe char *value = NULL;
	enum err err = filled(making, template, FILL_PLAIN, &value);

	if (!err)
		http_request_add_header(making->request, name, value);
	return err;
}

static enum err
add_query(struct making *making, const char *name, const char *template)
{
	auto_wipe char *value = NULL;
	enum err err = filled(making, template, FILL_URL, &value);

	if (!err)
		buf_printf(&making->url, "%c%s=%s", strchr(buf_text(&making->url), '?') ? '&' : '?',
		    name, value);
	return err;
}

/* RFC 7617 */
static enum err
add_basic(struct making *making, const char *template)
{
	auto_wipe char *pair = NULL;
	enum err err = filled(making, template, FILL_PLAIN, &pair);

	if (err)
		return err;
	auto_wipe char *encoded = crypt_base64(pair, strlen(pair));
	auto_wipe char *value = xasprintf("Basic %s", encoded);
	http_request_add_header(making->request, "Authorization", value);
	return OK;
}

static enum err
inject(struct making *making)
{
	const json_t *rows = json_object_get(making->type->definition, "inject");
	enum err err = OK;

	for (size_t i = 0; i < json_array_size(rows) && !err; i++) {
		const json_t *row = json_array_get(rows, i);
		const char *where = json_get_text(row, "where"), *name = json_get_text(row, "name");
		const char *template = json_get_text(row, "template");

		if (!strcmp(where, "query"))
			err = add_query(making, name, template);
		else if (!strcmp(where, "basic") && !is_replaced(making, "Authorization"))
			err = add_basic(making, template);
		else if (!strcmp(where, "header") && !is_replaced(making, name))
			err = add_header(making, name, template);
	}
	return err;
}

static enum err
add_own_headers(struct making *making)
{
	json_t *headers = json_object_get(test_of(making->type), "headers"), *value;
	enum err err = OK;
	const char *name;

	json_object_foreach(headers, name, value)
	{
		if (!err)
			err = add_header(making, name, json_string_value(value));
	}
	if (!http_request_header(making->request, "User-Agent"))
		http_request_add_header(making->request, "User-Agent", "Bailee");
	return err;
}

static void
add_body(struct making *making)
{
	const char *body = json_get_text(test_of(making->type), "body");

	if (!body)
		return;
	making->request->body = xstrdup(body);
	making->request->body_len = strlen(body);
	if (!http_request_header(making->request, "Content-Type"))
		http_request_add_header(making->request, "Content-Type", "application/json");
}

static enum err
fill_hosts(const struct making *making, json_t **hosts_out)
{
	const json_t *patterns = json_object_get(making->type->definition, "allowed_hosts");
	json_t *hosts = json_array();
	enum err err = OK;

	for (size_t i = 0; i < json_array_size(patterns) && !err; i++) {
		auto_wipe char *host = NULL;

		err = filled(making, json_string_value(json_array_get(patterns, i)), FILL_PLAIN,
		    &host);
		if (!err)
			json_array_append_new(hosts, json_string(host));
	}
	if (err)
		json_decref(hosts);
	else
		*hosts_out = hosts;
	return err;
}

enum err
test_call_build(const struct app_connection *type, const json_t *values, struct test_call *call_out,
    struct errctx *ctx)
{
	struct test_call call = { .request = HTTP_REQUEST_INIT };
	struct making making = { .type = type,
		.values = values,
		.request = &call.request,
		.url = BUF_INIT_SECRET(URL_MAX),
		.ctx = ctx };
	const json_t *test = test_of(type);

	enum err err = fill(json_get_text(test, "url"), values, FILL_URL, &making.url, ctx);
	if (!err)
		err = inject(&making);
	if (!err)
		err = add_own_headers(&making);
	if (!err)
		err = fill_hosts(&making, &call.allowed_hosts);
	if (!err && making.url.over)
		err = err_set(ctx, ERR_VALUE, "", "the URL is too long");
	if (err) {
		buf_free(&making.url);
		test_call_free(&call);
		return err;
	}
	add_body(&making);
	call.request.url = buf_take(&making.url);
	call.request.method = xstrdup(json_get_text(test, "method"));
	call.request.timeout_ms = TEST_CALL_TIMEOUT_MS;
	*call_out = call;
	return OK;
}

/* ---- judging ---- */

/* The first of the pointers that leads to a text, a number or a truth value. */
static char *
first_text(const json_t *answer, const json_t *pointers)
{
	for (size_t i = 0; i < json_array_size(pointers); i++) {
		const json_t *found =
		    json_at(answer, json_string_value(json_array_get(pointers, i)));

		if (json_is_string(found) && json_string_length(found) &&
		    json_string_length(found) <= ACCOUNT_MAX &&
		    strlen(json_string_value(found)) == json_string_length(found))
			return xstrdup(json_string_value(found));
		if (json_is_integer(found))
			return xasprintf("%lld", (long long)json_integer_value(found));
	}
	return NULL;
}

/* The text filled in stands in the words; what cannot be filled in was not sent. */
static bool
repeats(const char *words, const char *template, enum fill_how how, const json_t *values)
{
	auto_buf struct buf text = BUF_INIT_SECRET(VALUE_MAX);

	return fill(template, values, how, &text, NULL) == OK && !text.over &&
	       text.len >= SHORTEST_SECRET && strstr(words, buf_text(&text));
}

/* As it is, and as it stands in a query. */
static bool
tells_a_value(const char *words, const json_t *values)
{
	union {
		const json_t *borrowed;
		json_t *walked; /* jansson walks writable objects only */
	} tree = { .borrowed = values };
	json_t *value;
	const char *name;
	bool tells = false;

	json_object_foreach(tree.walked, name, value)
	{
		auto_free char *template = xasprintf("<<%s>>", name);

		tells = tells ||
			(json_is_string(value) && (repeats(words, template, FILL_PLAIN, values) ||
						      repeats(words, template, FILL_URL, values)));
	}
	return tells;
}

static bool
tells_basic(const char *words, const struct app_connection *type, const json_t *values)
{
	const json_t *rows = json_object_get(type->definition, "inject");
	bool tells = false;

	for (size_t i = 0; i < json_array_size(rows) && !tells; i++) {
		const json_t *row = json_array_get(rows, i);
		auto_buf struct buf pair = BUF_INIT_SECRET(VALUE_MAX);

		if (strcmp(json_get_text(row, "where"), "basic") != 0 ||
		    fill(json_get_text(row, "template"), values, FILL_PLAIN, &pair, NULL))
			continue;
		auto_wipe char *encoded = crypt_base64(buf_text(&pair), pair.len);
		encoded[strcspn(encoded, "=")] = '\0';
		tells = strlen(encoded) >= SHORTEST_SECRET && strstr(words, encoded);
	}
	return tells;
}

/* What was sent must not come back in words that are shown and logged. */
static bool
tells_ours(const char *words, const struct app_connection *type, const json_t *values)
{
	return tells_a_value(words, values) || tells_basic(words, type, values);
}

static void
flatten(char *text)
{
	for (char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = ' ';
}

/* What the provider says, on one line; "" when it says nothing that can be shown. Looked through as
 * it will be shown, and as it came. */
static void
take_words(const struct app_connection *type, const json_t *answer, const json_t *values,
    char out[WORDS_MAX + 1])
{
	static const char *const places[] = { "/error/message", "/error_description", "/message",
		"/errors/0/message", "/errors/0/detail", "/errors/0", "/detail", "/error",
		"/error_message", "/title", "/err" };

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		const char *words = json_string_value(json_at(answer, places[i]));

		if (!words || !*words || strlen(words) > WORDS_MAX ||
		    tells_ours(words, type, values))
			continue;
		snprintf(out, WORDS_MAX + 1, "%s", words);
		flatten(out);
		if (!tells_ours(out, type, values))
			return;
	}
	out[0] = '\0';
}

static bool
lists_status(const json_t *expect, int status)
{
	for (size_t i = 0; i < json_array_size(expect); i++)
		if (json_integer_value(json_array_get(expect, i)) == status)
			return true;
	return false;
}

static enum test_verdict
verdict_of(const json_t *test, const struct http_result *result, const json_t *answer)
{
	const json_t *condition = json_object_get(test, "success_when");

	if (lists_status(json_object_get(test, "expect"), result->status))
		return !condition || condition_holds(condition, answer) ? TEST_GOOD : TEST_BAD;
	/* RFC 6585 section 4; RFC 9110 section 15.6 */
	return result->status == 429 || result->status >= 500 ? TEST_AWAY : TEST_BAD;
}

void
test_call_judge(const struct app_connection *type, const json_t *values,
    const struct http_result *result, struct test_result *result_out)
{
	struct test_result out = { .verdict = TEST_AWAY };
	json_auto_t *answer = NULL;

	if (result->err) {
		snprintf(out.reason, sizeof(out.reason), "the provider could not be asked: %s",
		    result->reason);
		*result_out = out;
		return;
	}
	if (json_parse(buf_text(&result->body), result->body.len, &answer, NULL))
		answer = NULL;
	out.verdict = verdict_of(test_of(type), result, answer);
	if (out.verdict == TEST_GOOD) {
		out.account_name =
		    first_text(answer, json_object_get(type->definition, "account_name"));
		out.account_id =
		    first_text(answer, json_object_get(type->definition, "account_id"));
	} else {
		char words[WORDS_MAX + 1];

		take_words(type, answer, values, words);
		snprintf(out.reason, sizeof(out.reason), "the provider answered %d%s%s",
		    result->status, *words ? ": " : "", words);
	}
	*result_out = out;
}

void
test_result_free(struct test_result *result)
{
	free(result->account_name);
	free(result->account_id);
	*result = (struct test_result){ 0 };
}
