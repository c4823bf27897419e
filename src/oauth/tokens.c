/* SPDX-License-Identifier: Apache-2.0 */
/* The tokens of an answer: where they stand, how long they live, what they may do. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/crypt.h"
#include "base/secret.h"
#include "oauth/call.h"

#define YEAR_MS (INT64_C(365) * 86400 * 1000)
#define LIFE_MOST_MS (10 * YEAR_MS) /* what says more is taken for nonsense */
#define SCOPES_MAX 2000
#define SCOPE_MAX 512
#define SCOPE_TEXT_MAX 65536
#define SCOPES_ROOM 28000 /* bytes of all: escaped they fit into a column of 64 KiB */
#define ACCOUNT_MAX 255
#define NUMBER_MAX 32

void
oauth_tokens_free(struct oauth_tokens *tokens)
{
	secret_free(&tokens->access);
	secret_free(&tokens->refresh);
	json_decref(tokens->scopes);
	free(tokens->account_id);
	json_decref(tokens->fields);
	*tokens = (struct oauth_tokens){ 0 };
}

/* ---- finding ---- */

/* What the first path that leads to more than null leads to. `member` is of response_map. */
static const json_t *
find(const json_t *rules, const json_t *body, const char *member, const char *usual)
{
	const json_t *paths = json_object_get(json_object_get(rules, "response_map"), member);
	const json_t *found = paths || !usual ? NULL : json_at(body, usual);

	for (size_t i = 0; i < json_array_size(paths) && (!found || json_is_null(found)); i++)
		found = json_at(body, json_string_value(json_array_get(paths, i)));
	return found;
}

static bool
take_token(const json_t *value, struct secret *out)
{
	if (!oauth_is_printable(value, OAUTH_TOKEN_MAX))
		return false;
	secret_set(out, json_string_value(value), json_string_length(value));
	return true;
}

/* ---- life ---- */

/* A number, or one written as text, as some do with expires_in. */
static bool
number_of(const json_t *value, double *number_out)
{
	const char *text = json_string_value(value);
	char *end = NULL;

	if (json_is_number(value)) {
		*number_out = json_number_value(value);
		return true;
	}
	if (!text || strlen(text) > NUMBER_MAX || !*text ||
	    strspn(text, "0123456789.") != strlen(text))
		return false;
	*number_out = strtod(text, &end);
	return !*end;
}

/* Text "D:HH:MM" or "D:HH:MM:SS" */
static bool
days_of(const json_t *value, double *seconds_out)
{
	static const int weights[] = { 86400, 3600, 60, 1 };
	const char *at = json_string_value(value);
	double seconds = 0;

	for (size_t i = 0; at && i < 4; i++) {
		size_t len = strspn(at, "0123456789");

		if (!len || len > 6)
			return false;
		seconds += (double)strtol(at, NULL, 10) * weights[i];
		at += len;
		if (!*at) {
			*seconds_out = seconds;
			return i >= 2;
		}
		if (*at++ != ':')
			return false;
	}
	return false;
}

static bool
set_expiry(int64_t now_ms, double at_ms, struct oauth_tokens *tokens)
{
	/* NaN compares false */
	if (!(at_ms > (double)now_ms && at_ms <= (double)(now_ms + LIFE_MOST_MS)))
		return false;
	tokens->has_expiry = true;
	tokens->expires_at_ms = (int64_t)at_ms;
	return true;
}

/* In the definition's unit and no other: a time of day read as seconds would lie in the year 3600.
 */
static bool
read_expiry(const struct oauth_call *call, const json_t *value, const char *unit,
    struct oauth_tokens *tokens)
{
	double number = 0, now = (double)call->now_ms;
	int64_t at;

	if (!strcmp(unit, "iso8601"))
		return json_is_string(value) && !clock_parse_iso(json_string_value(value), &at) &&
		       set_expiry(call->now_ms, (double)at, tokens);
	if (!strcmp(unit, "d:hh:mm"))
		return days_of(value, &number) &&
		       set_expiry(call->now_ms, now + number * 1000, tokens);
	if (!number_of(value, &number))
		return false;
	if (!strcmp(unit, "unix_s"))
		return set_expiry(call->now_ms, number * 1000, tokens);
	if (!strcmp(unit, "unix_ms"))
		return set_expiry(call->now_ms, number, tokens);
	return set_expiry(call->now_ms, now + number * (strcmp(unit, "ms") != 0 ? 1000 : 1),
	    tokens);
}

/* `exp` of an access token that is a JWT (RFC 9068). Not verified: it is only a hint about a token
 * that came from the provider itself. */
static bool
read_jwt(const struct oauth_call *call, const char *token, struct oauth_tokens *tokens)
{
	const char *claims = strchr(token, '.');
	const char *end = claims ? strchr(claims + 1, '.') : NULL;
	auto_free unsigned char *text = NULL;
	json_auto_t *value = NULL;
	size_t len = 0;

	if (!end ||
	    crypt_base64url_decode(claims + 1, (size_t)(end - claims - 1), &text, &len) != OK ||
	    json_parse((const char *)text, len, &value, NULL) != OK)
		return false;
	return read_expiry(call, json_object_get(value, "exp"), "unix_s", tokens);
}

static void
find_expiry(const struct oauth_call *call, const json_t *rules, const json_t *body,
    struct oauth_tokens *tokens)
{
	const json_t *expires = json_object_get(rules, "expires");
	const char *source = json_get_text(expires, "source");
	const char *unit = json_get_text(expires, "unit");
	int64_t otherwise = json_get_int(expires, "default_s", 0);
	bool found = false;

	if (source && !strcmp(source, "never"))
		return;
	if (source && !strcmp(source, "jwt"))
		found = read_jwt(call, secret_text(&tokens->access), tokens);
	if (!found)
		found = read_expiry(call, find(rules, body, "expires", "/expires_in"),
		    unit ? unit : "s", tokens);
	if (!found && otherwise)
		(void)set_expiry(call->now_ms, (double)(call->now_ms + otherwise * 1000), tokens);
}

void
oauth_read_introspection(const struct oauth_call *call, const json_t *body,
    struct oauth_tokens *tokens_out)
{
	(void)read_expiry(call, json_object_get(body, "exp"), "unix_s", tokens_out);
}

/* ---- scopes ---- */

/* What stands between scopes: the RFC's blank, the definition's separator, and the comma of those
 * who ask with blanks and answer with commas, where no scope has one in it. */
static void
find_separators(const json_t *rules, char out[8])
{
	const json_t *scopes = json_object_get(rules, "scopes");
	const char *own = json_get_text(rules, "scope_separator");
	const char *comma = ",";

	for (size_t i = 0; i < json_array_size(scopes); i++)
		if (strchr(json_get_text(json_array_get(scopes, i), "name"), ','))
			comma = "";
	snprintf(out, 8, " %s%.1s", comma, own ? own : "");
}

static void
add_scope(json_t *scopes, const char *text, size_t len, size_t *room)
{
	json_auto_t *list = json_array();
	json_t *scope = json_stringn(text, len);

	if (scope && len && len <= *room && oauth_is_printable(scope, SCOPE_MAX) &&
	    json_array_size(scopes) < SCOPES_MAX) {
		*room -= len;
		json_array_append(list, scope);
		oauth_add_scopes(scopes, list);
	}
	json_decref(scope);
}

static json_t *
read_scopes(const json_t *rules, const json_t *value)
{
	const char *text = json_string_value(value);
	size_t room = SCOPES_ROOM;
	char separators[8];
	json_t *scopes;

	if ((!text && !json_is_array(value)) || (text && strlen(text) > SCOPE_TEXT_MAX))
		return NULL;
	scopes = json_array();
	find_separators(rules, separators);
	while (text && *text) {
		size_t len = strcspn(text, separators);

		add_scope(scopes, text, len, &room);
		text += len + (text[len] != '\0');
	}
	for (size_t i = 0; i < json_array_size(value) && i < SCOPES_MAX; i++) {
		const json_t *one = json_array_get(value, i);

		if (json_is_string(one))
			add_scope(scopes, json_string_value(one), json_string_length(one), &room);
	}
	return scopes;
}

/* ---- the rest ---- */

static void
take_type(const json_t *value, char out[OAUTH_TOKEN_TYPE_SIZE])
{
	const char *type = json_string_value(value);
	char cleaned[OAUTH_TOKEN_TYPE_SIZE];

	oauth_error_code(type ? type : "", cleaned, sizeof(cleaned));
	snprintf(out, OAUTH_TOKEN_TYPE_SIZE, "%s",
	    type && *type && !strcmp(type, cleaned) ? type : "Bearer");
}

static char *
account_text(const json_t *value)
{
	const char *text = json_string_value(value);

	if (json_is_integer(value))
		return xasprintf("%lld", (long long)json_integer_value(value));
	if (!text || !*text || strlen(text) != json_string_length(value) ||
	    strlen(text) > ACCOUNT_MAX)
		return NULL;
	for (const unsigned char *c = (const unsigned char *)text; *c; c++)
		if (*c < ' ' || *c == 0x7f)
			return NULL;
	return xstrdup(text);
}

static const json_t *
find_field(const json_t *row, const json_t *body)
{
	const json_t *paths = json_object_get(row, "path"), *found = NULL;

	for (size_t i = 0; i < json_array_size(paths) && (!found || json_is_null(found)); i++)
		found = json_at(body, json_string_value(json_array_get(paths, i)));
	return found;
}

/* Only the answer to the code must have them all: later ones may keep silent. */
static bool
take_fields(const struct oauth_call *call, const json_t *rules, const json_t *body, json_t **out)
{
	const json_t *list = json_object_get(rules, "answer_fields");
	json_t *fields = list ? json_object() : NULL;
	bool all = oauth_keep_fields(list, find_field, body, fields);

	if (fields && !json_object_size(fields)) {
		json_decref(fields);
		fields = NULL;
	}
	*out = fields;
	return all || call->step != OAUTH_EXCHANGE;
}

bool
oauth_read_test(const struct app_connection *type, const char *text, size_t len, json_t *fields)
{
	const json_t *list = json_object_get(oauth_rules(type), "test_fields");
	json_auto_t *body = NULL;

	if (!list)
		return true;
	if (json_parse(text, len, &body, NULL))
		body = json_null();
	return oauth_keep_fields(list, find_field, body, fields);
}

bool
oauth_tokens_came(const struct oauth_tokens *tokens)
{
	return tokens->access.len > 0 || tokens->refresh.len > 0;
}

bool
oauth_read_tokens(const struct oauth_call *call, const json_t *body,
    struct oauth_tokens *tokens_out)
{
	const json_t *rules = oauth_rules(call->type);
	struct oauth_tokens tokens = { 0 };
	bool there = take_token(find(rules, body, "access_token", "/access_token"), &tokens.access);

	tokens.lacks_fields = !take_fields(call, rules, body, &tokens.fields);
	if (!there && call->step != OAUTH_EXCHANGE) {
		oauth_tokens_free(&tokens);
		return false;
	}
	bool more =
	    take_token(find(rules, body, "refresh_token", "/refresh_token"), &tokens.refresh);
	tokens.ends_refresh =
	    call->step == OAUTH_REFRESH && !more && !json_get_bool(rules, "keep_old_refresh", true);
	take_type(find(rules, body, "token_type", "/token_type"), tokens.token_type);
	find_expiry(call, rules, body, &tokens);
	tokens.scopes = read_scopes(rules, find(rules, body, "scope", "/scope"));
	tokens.account_id = account_text(find(rules, body, "account", NULL));
	*tokens_out = tokens;
	return there && !tokens.lacks_fields;
}

/* ---- merging ---- */

static void
take_value(json_t **into, json_t **from)
{
	if (!*from)
		return;
	json_decref(*into);
	*into = *from;
	*from = NULL;
}

static void
take_secret(struct secret *into, struct secret *from)
{
	if (!from->len)
		return;
	secret_free(into);
	*into = *from;
	*from = (struct secret){ 0 };
}

void
oauth_tokens_merge(struct oauth_tokens *tokens, struct oauth_tokens *later)
{
	bool renewed = later->access.len > 0;

	if (renewed || later->has_expiry) {
		tokens->has_expiry = later->has_expiry;
		tokens->expires_at_ms = later->expires_at_ms;
	}
	if (renewed)
		memcpy(tokens->token_type, later->token_type, sizeof(tokens->token_type));
	take_secret(&tokens->access, &later->access);
	take_secret(&tokens->refresh, &later->refresh);
	take_value(&tokens->scopes, &later->scopes);
	if (later->account_id) {
		free(tokens->account_id);
		tokens->account_id = later->account_id;
		later->account_id = NULL;
	}
	if (tokens->fields && later->fields)
		json_object_update(tokens->fields, later->fields);
	else
		take_value(&tokens->fields, &later->fields);
	tokens->ends_refresh = tokens->ends_refresh || later->ends_refresh;
	oauth_tokens_free(later);
}
