/* SPDX-License-Identifier: Apache-2.0 */
/* What a definition says about refreshing: with which token, how safely, and when. */
#include <string.h>

#include "oauth/exchange.h"
#include "oauth/oauth_parts.h"

#define MINUTE_MS INT64_C(60000)
#define AHEAD_MOST_MS (15 * MINUTE_MS)
#define UNKNOWN_LIFE_MS (60 * MINUTE_MS) /* of access tokens whose provider never says */

enum oauth_source
oauth_refresh_source(const struct app_connection *type)
{
	const char *source = json_get_text(oauth_rules(type), "refresh_source");

	if (!source || !strcmp(source, "refresh_token"))
		return OAUTH_SOURCE_REFRESH;
	if (!strcmp(source, "client"))
		return OAUTH_SOURCE_CLIENT;
	return !strcmp(source, "access_token") ? OAUTH_SOURCE_ACCESS : OAUTH_SOURCE_NONE;
}

void
oauth_rotation(const struct app_connection *type, struct oauth_rotation *rotation_out)
{
	const json_t *rotation = json_object_get(oauth_rules(type), "rotation");

	*rotation_out = (struct oauth_rotation){
		.rotates = json_get_bool(rotation, "rotates", false),
		.reuse_grace_ms = json_get_int(rotation, "reuse_grace_s", 0) * 1000,
		.refresh_ttl_ms = json_get_int(rotation, "refresh_ttl_s", 0) * 1000,
		.idle_ttl_ms = json_get_int(rotation, "idle_ttl_s", 0) * 1000,
	};
}

static bool
never_expires(const struct app_connection *type)
{
	const char *source = json_get_text(json_object_get(oauth_rules(type), "expires"), "source");

	return source && !strcmp(source, "never");
}

/* The sooner one; 0 is never. */
static int64_t
sooner(int64_t a, int64_t b)
{
	if (!a || !b)
		return a ? a : b;
	return a < b ? a : b;
}

/* An access token that is its own refresh token must be renewed well before it ends: there is no
 * other way back. */
static int64_t
before_expiry(enum oauth_source source, const struct oauth_tokens *tokens, int64_t now_ms)
{
	int64_t life = tokens->expires_at_ms - now_ms;
	int64_t ahead = source == OAUTH_SOURCE_ACCESS ? life / 2 : life / 4;

	if (source != OAUTH_SOURCE_ACCESS && ahead > AHEAD_MOST_MS)
		ahead = AHEAD_MOST_MS;
	return life > 0 ? tokens->expires_at_ms - ahead : now_ms;
}

int64_t
oauth_refresh_at(const struct app_connection *type, const struct oauth_tokens *tokens,
    bool has_refresh, int64_t now_ms)
{
	enum oauth_source source = oauth_refresh_source(type);
	struct oauth_rotation rotation;
	int64_t at = 0;

	if (source == OAUTH_SOURCE_NONE || (source == OAUTH_SOURCE_REFRESH && !has_refresh))
		return 0;
	if (tokens->has_expiry)
		at = before_expiry(source, tokens, now_ms);
	else if (source != OAUTH_SOURCE_ACCESS && !never_expires(type))
		at = now_ms + UNKNOWN_LIFE_MS;
	oauth_rotation(type, &rotation);
	if (source == OAUTH_SOURCE_REFRESH && rotation.idle_ttl_ms)
		at = sooner(at, now_ms + rotation.idle_ttl_ms / 2);
	if (source == OAUTH_SOURCE_REFRESH && rotation.rotates && rotation.refresh_ttl_ms)
		at = sooner(at, now_ms + rotation.refresh_ttl_ms / 2);
	return at;
}
