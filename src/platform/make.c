/* SPDX-License-Identifier: Apache-2.0 */
/* Calls to a zone of Make's Web API, or to another Bailee, which serves the same. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/json.h"
#include "platform/platform.h"

#define WORDS_MAX 240  /* bytes of the other side's words that are kept */
#define SHORT_SECRET 4 /* fewer bytes say nothing about where they come from */
#define PIECE 12       /* bytes of a long secret that are too many to show */
#define SECRET_DEPTH 8 /* levels of a body that are looked through */

/* `member` of the answer holds what was made. */
static const struct {
	const char *method, *path, *tail, *member;
} steps[PLATFORM_STEP_COUNT] = {
	[PLATFORM_CREATE_KEY] = { "POST", "keys", "", "key" },
	[PLATFORM_DELETE_KEY] = { "DELETE", "keys", "?confirmed=true", NULL },
	[PLATFORM_CREATE_CONNECTION] = { "POST", "connections", "", "connection" },
	[PLATFORM_CHANGE_CONNECTION] = { "POST", "connections", "/set-data", NULL },
	[PLATFORM_TEST_CONNECTION] = { "POST", "connections", "/test", NULL },
	[PLATFORM_DELETE_CONNECTION] = { "DELETE", "connections", "?confirmed=true", NULL },
};

static bool
creates(const struct platform_order *order)
{
	return steps[order->step].member != NULL;
}

/* ---- asking ---- */

json_t *
platform_key_body(const struct platform *platform, const char *name, const char *type_name,
    json_t *parameters)
{
	json_t *body = json_object();

	json_put_text(body, "name", name);
	json_put_int(body, "teamId", platform->remote_team_id);
	json_put_text(body, "typeName", type_name);
	json_put(body, "parameters", json_incref(parameters));
	return body;
}

static char *
url_of(const struct platform *platform, const struct platform_order *order)
{
	const char *path = steps[order->step].path;

	if (order->step == PLATFORM_CREATE_CONNECTION)
		return xasprintf("%s/%s?teamId=%lld", platform->base_url, path,
		    (long long)platform->remote_team_id);
	if (creates(order))
		return xasprintf("%s/%s", platform->base_url, path);
	return xasprintf("%s/%s/%lld%s", platform->base_url, path, (long long)order->remote_id,
	    steps[order->step].tail);
}

void
platform_request(const struct platform *platform, const struct platform_order *order,
    struct http_request *request_out)
{
	auto_wipe char *token = xasprintf("Token %s", secret_text(&platform->token));
	char key[48];

	assert(platform->kind == PLATFORM_MAKE);
	*request_out = HTTP_REQUEST_INIT;
	request_out->method = xstrdup(steps[order->step].method);
	request_out->url = url_of(platform, order);
	request_out->timeout_ms = PLATFORM_CALL_MS;
	/* the token is for this place alone */
	request_out->follow_redirects = false;
	http_request_add_header(request_out, "Authorization", token);
	http_request_add_header(request_out, "Accept", "application/json");
	if (creates(order)) {
		snprintf(key, sizeof(key), "bailee-%lld", (long long)order->job_id);
		http_request_add_header(request_out, "Idempotency-Key", key);
	}
	if (!order->body)
		return;
	http_request_add_header(request_out, "Content-Type", "application/json");
	request_out->body = json_text(order->body);
	request_out->body_len = strlen(request_out->body);
}

/* ---- understanding ---- */

/* Members of a body that are no secret, and that words may well speak of. */
static bool
is_plain(const char *key)
{
	static const char *const plain[] = { "name", "teamId", "typeName", "accountName",
		"accountType", "scopes" };

	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		if (strcmp(key, plain[i]) == 0)
			return true;
	return false;
}

/* The whole of it anywhere, or a piece of it where the words are shown. */
static bool
repeats(const char *words, const char *secret)
{
	size_t len = strlen(words);
	char piece[PIECE + 1] = "";

	if (strlen(secret) < SHORT_SECRET)
		return false;
	if (strstr(words, secret))
		return true;
	for (size_t at = 0; at + PIECE <= len && at < WORDS_MAX; at++) {
		memcpy(piece, words + at, PIECE);
		if (strstr(secret, piece))
			return true;
	}
	return false;
}

/* Whether the words repeat a text of the body: a platform may quote the value it does not like. */
static bool
quotes(const char *words, json_t *value, int depth)
{
	const char *key, *text = json_string_value(value);
	json_t *member;
	size_t index;

	if (text)
		return repeats(words, text);
	if (depth == 0)
		return true; /* nobody looked */
	json_array_foreach(value, index, member) if (quotes(words, member, depth - 1)) return true;
	json_object_foreach(value, key,
	    member) if (!is_plain(key) && quotes(words, member, depth - 1)) return true;
	return false;
}

static bool
holds_secret(const struct platform *platform, const struct platform_order *order, const char *words)
{
	return repeats(words, secret_text(&platform->token)) ||
	       (order->body && quotes(words, order->body, SECRET_DEPTH));
}

/* The platform's own words, on one line and cut; "" when it has none that can be shown. */
static void
take_words(const struct platform *platform, const struct platform_order *order, const json_t *body,
    char out[WORDS_MAX + 1])
{
	const char *text = json_get_text(body, "detail");
	size_t at = 0, length;

	out[0] = '\0';
	if (!text || !*text)
		text = json_get_text(body, "message");
	if (!text || holds_secret(platform, order, text))
		return;
	while (text[at] && (length = json_utf8_length(text + at, strlen(text + at))) > 0 &&
	       at + length <= WORDS_MAX) {
		memcpy(out + at, text + at, length);
		if ((unsigned char)out[at] < ' ' || out[at] == 0x7f)
			out[at] = ' ';
		at += length;
	}
	out[at] = '\0';
	/* on one line they may repeat what they did not before */
	if (holds_secret(platform, order, out))
		out[0] = '\0';
}

/* What an answer that is no success means. */
static enum platform_verdict
verdict_of(enum platform_step step, int status)
{
	static const struct {
		enum platform_step step;
		int status;
		enum platform_verdict verdict;
	} own[] = {
		{ PLATFORM_DELETE_KEY, 404, PLATFORM_DONE },
		{ PLATFORM_DELETE_CONNECTION, 404, PLATFORM_DONE },
		{ PLATFORM_CHANGE_CONNECTION, 404, PLATFORM_GONE },
		/* it has asked the provider, or could not */
		{ PLATFORM_TEST_CONNECTION, 400, PLATFORM_BROKEN },
		{ PLATFORM_TEST_CONNECTION, 404, PLATFORM_BROKEN },
		{ PLATFORM_TEST_CONNECTION, 422, PLATFORM_BROKEN },
		{ PLATFORM_TEST_CONNECTION, 424, PLATFORM_AGAIN },
	};

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (own[i].step == step && own[i].status == status)
			return own[i].verdict;
	bool transient =
	    status == 408 || status == 425 || status == 429 || (status >= 500 && status <= 599);
	return transient ? PLATFORM_AGAIN : PLATFORM_REFUSED;
}

static void
read_made(const struct platform_order *order, const json_t *body, struct platform_answer *answer)
{
	json_t *made = json_object_get(body, steps[order->step].member);
	int64_t id = json_get_int(made, "id", 0);

	if (id >= 1 && id <= UINT32_MAX) {
		answer->remote_id = id;
		return;
	}
	answer->verdict = PLATFORM_REFUSED;
	snprintf(answer->words, sizeof(answer->words),
	    "the platform's answer does not say what it has made");
}

/* {"verified": true}: a platform that has only taken note of the call says nothing yet. */
static void
read_test(const json_t *body, struct platform_answer *answer)
{
	const json_t *verified = json_object_get(body, "verified");

	if (json_is_true(verified))
		return;
	answer->verdict = json_is_false(verified) ? PLATFORM_BROKEN : PLATFORM_AGAIN;
	snprintf(answer->words, sizeof(answer->words), "%s",
	    json_is_false(verified) ? "the platform says that the connection does not work"
				    : "the platform's answer does not say whether it works");
}

static void
read_success(const struct platform_order *order, const json_t *body, struct platform_answer *answer)
{
	if (creates(order))
		read_made(order, body, answer);
	else if (order->step == PLATFORM_TEST_CONNECTION)
		read_test(body, answer);
	else if (order->step == PLATFORM_CHANGE_CONNECTION)
		answer->remote_id = order->remote_id;
}

void
platform_read(const struct platform *platform, const struct platform_order *order,
    const struct http_result *result, struct platform_answer *answer_out)
{
	struct platform_answer answer = { .verdict = PLATFORM_DONE };
	json_auto_t *body = NULL;
	char words[WORDS_MAX + 1];

	*answer_out = answer;
	if (result->err) {
		answer_out->verdict = PLATFORM_AGAIN;
		snprintf(answer_out->words, sizeof(answer_out->words),
		    "the platform cannot be reached: %s", result->reason);
		return;
	}
	if (json_parse(buf_text(&result->body), result->body.len, &body, NULL))
		body = NULL;
	if (result->status >= 200 && result->status <= 299) {
		read_success(order, body, answer_out);
		return;
	}
	answer_out->verdict = verdict_of(order->step, result->status);
	if (answer_out->verdict == PLATFORM_DONE)
		return;
	take_words(platform, order, body, words);
	snprintf(answer_out->words, sizeof(answer_out->words), "the platform answered %d%s%s",
	    result->status, words[0] ? ": " : "", words);
}
