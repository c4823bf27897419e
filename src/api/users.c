/* SPDX-License-Identifier: Apache-2.0 */
/* /api/v2/users/me: who is calling, and what the token allows. */
#include "store/person.h"

#include <string.h>

#include "api/routes.h"
#include "api/v2.h"
#include "base/scopes.h"

/* Clients know time zones, locales and countries by numbers of tables that are not ours. These say
 * UTC, English and no country in particular. */
#define TIMEZONE_ID_UTC 113
#define LOCALE_ID_ENGLISH 1
#define COUNTRY_ID_ANY 1

static json_t *
user_json(const struct person *person)
{
	json_t *json = json_object();

	json_put_int(json, "id", person->id);
	json_put_text(json, "name", person->name);
	json_put_text(json, "email", person->email);
	json_put_text(json, "language", person->language);
	json_put_int(json, "timezoneId", TIMEZONE_ID_UTC);
	json_put_int(json, "localeId", LOCALE_ID_ENGLISH);
	json_put_int(json, "countryId", COUNTRY_ID_ANY);
	json_put(json, "features", json_object());
	json_put_text(json, "avatar", "");
	json_put_time(json, "lastLogin", person->last_login_at);
	json_put_text(json, "timezone", person->timezone);
	json_put_text(json, "locale", strcmp(person->language, "en") ? person->language : "en_US");
	return json;
}

static enum err
get_me(struct ctx *ctx, struct response *response)
{
	struct person person;
	enum err err = person_me(api_store(ctx), ctx->auth, &person, &ctx->err);

	if (err)
		return err;
	json_t *json = user_json(&person);
	person_free(&person);
	return v2_answer(response, "authUser", json);
}

static enum err
get_authorization(struct ctx *ctx, struct response *response)
{
	json_t *authorization = json_object();
	json_t *scope = json_array();

	for (size_t i = 0; i < SCOPE_COUNT; i++)
		if (scopes_allow(ctx->auth->scopes, scopes_table[i].bit))
			json_array_append_new(scope, json_string(scopes_table[i].name));
	json_put_text(authorization, "authUsed", "token");
	json_put(authorization, "scope", scope);
	return v2_answer(response, "authorization", authorization);
}

const struct route user_routes[] = {
	{ .method = METHOD_GET,
	    .path = "/api/v2/users/me",
	    .scope = SCOPE_ANY_TOKEN,
	    .audit = "none",
	    .surface = SURFACE_V2,
	    .auth = AUTH_JOINED,
	    .handler = get_me,
	    .summary = "The user whose token this is" },
	{ .method = METHOD_GET,
	    .path = "/api/v2/users/me/current-authorization",
	    .scope = SCOPE_ANY_TOKEN,
	    .audit = "none",
	    .surface = SURFACE_V2,
	    .auth = AUTH_FIRST,
	    .handler = get_authorization,
	    .summary = "The scopes of the token" },
	{ 0 },
};
