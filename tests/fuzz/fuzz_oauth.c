/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of token endpoints: a byte for the definition, one for the status, a body; whatever is
 * taken can be sent and stored, and what is said is fit to be shown. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "catalog/catalog.h"
#include "oauth/revoke.h"
#include "fuzz_type.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW INT64_C(1800000000000)
#define YEARS (INT64_C(11) * 365 * 86400 * 1000)

static const char *const definitions[] = {
	"\"pkce\":\"off\"",
	"\"pkce\":\"off\",\"expires\":{\"source\":\"jwt\",\"default_s\":60},"
	"\"keep_old_refresh\":false,\"revoke\":{\"url\":\"https://s.example/v\","
	"\"style\":\"bearer\"}",
	"\"pkce\":\"off\",\"expires\":{\"source\":\"answer\",\"unit\":\"iso8601\"},"
	"\"response_map\":{\"access_token\":[\"/d/0/t\",\"/t\"],\"account\":[\"/who\"]},"
	"\"scope_separator\":\";\",\"success_when\":{\"path\":\"/ok\",\"equals\":true},"
	"\"answer_fields\":[{\"name\":\"u\",\"path\":[\"/u\"],\"pattern\":\"[a-z]+\"}]",
	"\"pkce\":\"off\",\"expires\":{\"source\":\"answer\",\"unit\":\"d:hh:mm\"},"
	"\"error_when\":{\"path\":\"/e\"},\"error_path\":[\"/e/code\"],\"dead_errors\":[\"190\"],"
	"\"revoke\":{\"url\":\"https://s.example/v\",\"style\":\"form\"}",
	"\"pkce\":\"off\",\"tokens\":[{\"name\":\"user\",\"from\":\"answer\",\"response_map\":"
	"{\"access_token\":[\"/u/t\"],\"refresh_token\":[\"/u/r\"],\"scope\":[\"/u/s\"],"
	"\"expires\":[\"/u/x\"]}},{\"name\":\"drive\",\"from\":\"refresh_token\","
	"\"refresh_params\":{\"sign\":\"<<HMAC_SHA256(nonce, client_secret)>>\"}}]",
};
#define N_DEFINITIONS (sizeof(definitions) / sizeof(definitions[0]))

static const struct app_connection *
type_of(size_t index)
{
	static struct catalog *catalogs[N_DEFINITIONS];
	struct buf text = BUF_INIT(4096);

	if (!catalogs[index]) {
		buf_printf(&text,
		    "{\"name\":\"s\",\"version\":1,\"label\":\"S\",\"connections\":[{\"type\":"
		    "\"s\","
		    "\"label\":\"S\",\"auth\":\"oauth2\",\"inject\":[{\"where\":\"basic\","
		    "\"template\":\":<<access_token>>\"}],\"allowed_hosts\":[\"s.example\"],"
		    "\"oauth2\":{\"authorize_url\":\"https://s.example\",\"token_url\":"
		    "\"https://s.example\",\"client_auth\":\"body\",\"scopes\":[],%s}}],"
		    "\"modules\":[{\"id\":\"M\",\"name\":\"M\",\"label\":\"M\"}]}",
		    definitions[index]);
		(void)fuzz_type(&catalogs[index], buf_text(&text));
		buf_free(&text);
	}
	return catalog_connection_type_find(catalogs[index], "s");
}

static void
check_printable(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		must(text[i] >= ' ' && text[i] <= '~');
}

static void
check_words(const char *words, const char *secret)
{
	must(strlen(words) < ERR_TEXT_MAX && !strstr(words, secret));
	for (const unsigned char *c = (const unsigned char *)words; *c; c++)
		must(*c >= ' ' && *c != 0x7f);
}

static void
check_answer(const struct oauth_call *call, const struct oauth_answer *answer)
{
	const struct oauth_tokens *tokens = &answer->tokens;
	bool has_token = tokens->access.len > 0;

	check_words(answer->words, call->token);
	must(!strstr(answer->error, call->token));
	check_printable(answer->error, strlen(answer->error));
	must((answer->verdict == OAUTH_GOOD) == !*answer->words);
	must(has_token == (answer->verdict == OAUTH_GOOD && call->step != OAUTH_INTROSPECT));
	must(tokens->access.len <= OAUTH_TOKEN_MAX && tokens->refresh.len <= OAUTH_TOKEN_MAX);
	check_printable(secret_text(&tokens->access), tokens->access.len);
	check_printable(secret_text(&tokens->refresh), tokens->refresh.len);
	must(!has_token || *tokens->token_type);
	must(!tokens->has_expiry ||
	     (tokens->expires_at_ms > NOW && tokens->expires_at_ms < NOW + YEARS));
	for (size_t i = 0; i < json_array_size(tokens->scopes); i++)
		must(json_string_length(json_array_get(tokens->scopes, i)) > 0);
	must(oauth_refresh_at(call->type, tokens, true, NOW) >= 0);
}

static void
read_all(struct oauth_call *call, const struct http_result *result)
{
	struct oauth_answer answer = { 0 };
	struct oauth_revocation revocation;

	for (call->step = OAUTH_EXCHANGE; call->step < OAUTH_DONE; call->step++) {
		struct oauth_tokens before = { 0 };

		oauth_read(call, result, &answer);
		check_answer(call, &answer);
		oauth_tokens_merge(&before, &answer.tokens);
		oauth_tokens_free(&before);
		oauth_answer_free(&answer);
	}
	oauth_revoke_read(call, result, &revocation);
	must((revocation.verdict == OAUTH_REVOKED) == !*revocation.words);
	check_words(revocation.words, call->token);
}

static bool
is_at(const struct http_result *result, const char *path, const struct secret *token)
{
	json_auto_t *body = NULL;

	return json_parse(buf_text(&result->body), result->body.len, &body, NULL) == OK &&
	       !strcmp(json_string_value(json_at(body, path)), secret_text(token));
}

/* What one answer brings for each name; what is not of a name is never taken for it. */
static void
read_named(const struct oauth_call *call, const struct http_result *result)
{
	for (size_t i = 0; i < call->type->n_tokens; i++) {
		const struct app_token *token = &call->type->tokens[i];
		struct oauth_call own = *call;
		struct oauth_answer answer = { 0 };

		own.type = token->own;
		read_all(&own, result);
		own.type = token->first;
		own.step = OAUTH_EXCHANGE;
		if (!own.type)
			continue;
		oauth_read(&own, result, &answer);
		check_answer(&own, &answer);
		must(!answer.tokens.access.len || is_at(result, "/u/t", &answer.tokens.access));
		oauth_answer_free(&answer);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int statuses[] = { 200, 400, 401, 404, 429, 503, 302, 204 };
	struct http_result result = { .body = BUF_INIT(1u << 20), .sent = true };

	if (size < 2)
		return 0;
	struct oauth_call call = { .type = type_of((size_t)(data[0] % N_DEFINITIONS)),
		.client_id = "id",
		.token = "spent-token",
		.now_ms = NOW };
	result.status = statuses[data[1] % 8];
	buf_add(&result.body, data + 2, size - 2);
	read_all(&call, &result);
	read_named(&call, &result);
	buf_free(&result.body);
	return 0;
}
