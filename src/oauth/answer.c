/* SPDX-License-Identifier: Apache-2.0 */
/* What a provider's answer means: how it is written, whether it is a refusal, in which words. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/secret.h"
#include "catalog/condition.h"
#include "oauth/call.h"

#define PAIRS_MAX 64      /* of a form-encoded answer */
#define WORDS_MAX 200     /* bytes of a provider's own words */
#define TELLING 8         /* so many bytes of a secret give it away */
#define SHORTEST_SECRET 4 /* a shorter value stands in other words by chance */
#define RETRY_MOST_S 86400

/* ---- how it is written ---- */

static int
hex_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *found = c ? strchr(digits, c | (c >= 'A' ? 0x20 : 0)) : NULL;

	return found ? (int)(found - digits) : -1;
}

/* In place; returns the length, which may be shorter. A broken escape stays as it is. */
static size_t
decode(char *text, size_t len)
{
	size_t to = 0;

	for (size_t i = 0; i < len; i++) {
		int high = i + 2 < len && text[i] == '%' ? hex_digit(text[i + 1]) : -1;
		int low = high >= 0 ? hex_digit(text[i + 2]) : -1;

		if (low >= 0) {
			text[to++] = (char)(high * 16 + low);
			i += 2;
		} else {
			text[to++] = text[i] == '+' ? ' ' : text[i];
		}
	}
	text[to] = '\0';
	return to;
}

/* application/x-www-form-urlencoded, as some answer who are older than the RFC; of a name that
 * comes twice the first counts. */
static json_t *
parse_form(const struct buf *body)
{
	auto_wipe char *copy = xmemdup0(buf_text(body), body->len);
	json_t *object = json_object();
	char *at = copy, *pair;

	for (size_t n = 0; n < PAIRS_MAX && (pair = strsep(&at, "&")); n++) {
		char *value = strchr(pair, '=');

		if (!value)
			continue;
		*value++ = '\0';
		size_t len = decode(value, strlen(value)), name_len = decode(pair, strlen(pair));
		json_t *text = json_stringn(value, len);

		if (!text || strlen(pair) != name_len || json_object_get(object, pair) ||
		    json_object_set(object, pair, text)) {
			json_decref(text);
			continue;
		}
		json_decref(text);
	}
	return object;
}

json_t *
oauth_parse_body(const struct http_result *result)
{
	const char *text = buf_text(&result->body);
	json_t *body = NULL;

	if (!result->body.len || result->body.len > OAUTH_ANSWER_MAX)
		return NULL;
	if (json_parse(text, result->body.len, &body, NULL) == OK)
		return body;
	if (strlen(text) != result->body.len || strpbrk(text, "<>{}\n\t "))
		return NULL; /* a page, or broken JSON */
	return parse_form(&result->body);
}

/* ---- secrets ---- */

/* Providers like to quote a part of what they refuse. */
static bool
tells(const char *words, const char *secret)
{
	size_t len = secret ? strlen(secret) : 0, n = strlen(words);
	char piece[TELLING + 1] = "";

	if (len < SHORTEST_SECRET)
		return false;
	if (len < TELLING)
		return strstr(words, secret) != NULL;
	for (size_t i = 0; i + TELLING <= n; i++) {
		memcpy(piece, words + i, TELLING);
		if (strstr(secret, piece))
			return true;
	}
	return false;
}

static bool
tells_of_call(const char *words, const struct oauth_call *call)
{
	const char *secret = call->client_secret ? secret_text(call->client_secret) : NULL;

	if (tells(words, call->token) || tells(words, call->verifier) || tells(words, secret))
		return true;
	for (const struct form_field *field = call->type->fields; field->name; field++)
		if (field->type == FORM_PASSWORD &&
		    tells(words, json_get_text(call->fields, field->name)))
			return true;
	return false;
}

/* ---- errors ---- */

/* As text; NULL when it is neither text nor a number. `room` is for numbers. */
static const char *
code_text(const json_t *value, char room[32])
{
	if (json_is_string(value) && json_string_length(value))
		return json_string_value(value);
	if (!json_is_integer(value) || !json_integer_value(value))
		return NULL;
	snprintf(room, 32, "%lld", (long long)json_integer_value(value));
	return room;
}

void
oauth_find_error(const struct oauth_call *call, const json_t *body, char out[OAUTH_ERROR_SIZE])
{
	static const char *const usual[] = { "/error", "/error/code", "/error/type", "/error_code",
		"/errors/0/code", "/errors/0/errorType", "/errorCode", "/errcode", "/code" };
	const json_t *paths = json_object_get(oauth_rules(call->type), "error_path");
	size_t n = paths ? json_array_size(paths) : sizeof(usual) / sizeof(usual[0]);
	const char *code = NULL;
	char room[32];

	for (size_t i = 0; i < n && !code; i++)
		code = code_text(json_at(body, paths ? json_string_value(json_array_get(paths, i))
						     : usual[i]),
		    room);
	oauth_error_code(code && !tells_of_call(code, call) ? code : "", out, OAUTH_ERROR_SIZE);
}

bool
oauth_is_away(int status)
{
	/* RFC 9110 sections 15.5.9 and 15.6, RFC 8470 section 5.2, RFC 6585 section 4 */
	return status == 408 || status == 425 || status == 429 || status >= 500;
}

int
oauth_retry_after(const struct http_result *result)
{
	const char *text = json_get_text(result->headers, "retry-after");
	char *end = NULL;

	if (!text || *text < '0' || *text > '9')
		return 0;
	long seconds = strtol(text, &end, 10);
	if (*end || seconds < 0)
		return 0;
	return seconds < RETRY_MOST_S ? (int)seconds : RETRY_MOST_S;
}

/* ---- words ---- */

static const char *
words_of(const struct oauth_call *call, const json_t *body)
{
	static const char *const places[] = { "/error_description", "/error/message",
		"/error_message", "/errors/0/message", "/errors/0/detail", "/message", "/detail",
		"/errmsg" };

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		const char *words = json_string_value(json_at(body, places[i]));

		if (words && *words && strlen(words) <= WORDS_MAX && !tells_of_call(words, call))
			return words;
	}
	return NULL;
}

static void
flatten(char *text)
{
	for (unsigned char *c = (unsigned char *)text; *c; c++) {
		if (*c < ' ' || *c == 0x7f)
			*c = ' ';
		else if (*c == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0) /* U+0080 to U+009F */
			c[0] = c[1] = ' ';
	}
}

void
oauth_words(const struct oauth_call *call, const struct http_result *result, const json_t *body,
    const char *error, char out[ERR_TEXT_MAX])
{
	const char *words = words_of(call, body);

	snprintf(out, ERR_TEXT_MAX, "the provider answered %d%s%s%s%s%s", result->status,
	    *error ? " (" : "", error, *error ? ")" : "", words ? ": " : "", words ? words : "");
	flatten(out);
}

/* ---- verdicts ---- */

static bool
is_one_of(const char *const *names, const char *name)
{
	while (*names && strcmp(*names, name) != 0)
		names++;
	return *names != NULL;
}

static enum oauth_verdict
judge_error(const json_t *rules, const char *error)
{
	static const char *const later[] = { "temporarily_unavailable", "server_error", "slow_down",
		"rate_limited", "ratelimited", "rate_limit_exceeded", "internal_error", NULL };

	if (!strcmp(error, "invalid_grant") ||
	    oauth_lists(json_object_get(rules, "dead_errors"), error))
		return OAUTH_INVALID_GRANT;
	return is_one_of(later, error) ? OAUTH_AWAY : OAUTH_REFUSED;
}

static bool
is_good(const json_t *rules, const struct http_result *result, const json_t *body)
{
	const json_t *success = json_object_get(rules, "success_when");
	const json_t *error = json_object_get(rules, "error_when");

	return result->status >= 200 && result->status < 300 &&
	       (!success || condition_holds(success, body)) &&
	       (!error || !condition_holds(error, body));
}

/* A success without a token: whether the provider has acted is not known, unless it says no. */
static void
read_good(const struct oauth_call *call, const struct http_result *result, const json_t *body,
    struct oauth_answer *out)
{
	if (oauth_read_tokens(call, body, &out->tokens)) {
		out->verdict = OAUTH_GOOD;
		out->error[0] = '\0'; /* some have a code for success too */
	} else if (*out->error) {
		out->verdict = judge_error(oauth_rules(call->type), out->error);
		oauth_words(call, result, body, out->error, out->words);
	} else {
		out->verdict = OAUTH_AWAY;
		snprintf(out->words, sizeof(out->words),
		    "the provider answered %d without what was asked for", result->status);
	}
}

static void
read_introspection(const struct oauth_call *call, const struct http_result *result,
    const json_t *body, struct oauth_answer *out)
{
	if (result->status == 200 && json_is_true(json_object_get(body, "active"))) {
		out->verdict = OAUTH_GOOD;
		oauth_read_introspection(call, body, &out->tokens);
		return;
	}
	out->verdict = OAUTH_REFUSED;
	if (json_is_false(json_object_get(body, "active")))
		snprintf(out->words, sizeof(out->words),
		    "the provider says that the token is not good");
	else
		oauth_words(call, result, body, out->error, out->words);
}

void
oauth_read(const struct oauth_call *call, const struct http_result *result,
    struct oauth_answer *answer_out)
{
	struct oauth_answer out = { .verdict = OAUTH_AWAY };
	const json_t *rules = oauth_rules(call->type);
	json_auto_t *body = NULL;

	if (result->err) {
		out.verdict = result->sent ? OAUTH_AWAY : OAUTH_NOT_SENT;
		snprintf(out.words, sizeof(out.words), "the provider could not be asked: %s",
		    result->reason);
		*answer_out = out;
		return;
	}
	body = oauth_parse_body(result);
	oauth_find_error(call, body, out.error);
	out.retry_after_s = oauth_retry_after(result);
	if (oauth_is_away(result->status)) {
		oauth_words(call, result, body, out.error, out.words);
	} else if (call->step == OAUTH_INTROSPECT) {
		read_introspection(call, result, body, &out);
	} else if (is_good(rules, result, body)) {
		read_good(call, result, body, &out);
	} else {
		out.verdict = judge_error(rules, out.error);
		oauth_words(call, result, body, out.error, out.words);
		if (call->step == OAUTH_EXCHANGE && result->status < 300)
			(void)!oauth_read_tokens(call, body, &out.tokens);
	}
	*answer_out = out;
}

void
oauth_answer_free(struct oauth_answer *answer)
{
	oauth_tokens_free(&answer->tokens);
	*answer = (struct oauth_answer){ 0 };
}
