/* SPDX-License-Identifier: Apache-2.0 */
/* What the calls that make a credential request share: fields, the person asked, the answer. */
#include "api/request_make.h"

#include <string.h>

#include "api/v2.h"
#include "base/alloc.h"

#define EMAIL_MAX 254 /* RFC 5321 section 4.5.3.1.3, without the angle brackets */

static const struct field_spec new_user_fields[] = {
	{ .name = "name",
	    .type = FIELD_TEXT,
	    .flags = FIELD_REQUIRED | FIELD_ONE_LINE,
	    .least = 1,
	    .most = 255 },
	{ .name = "email",
	    .type = FIELD_TEXT,
	    .flags = FIELD_REQUIRED | FIELD_ONE_LINE,
	    .least = 3,
	    .most = EMAIL_MAX },
	{ .name = NULL },
};
const struct field_spec request_provider_fields[] = {
	{ .name = "providerMakeUserId", .type = FIELD_INT, .least = 1, .most = V2_ID_MAX },
	{ .name = "newUser", .type = FIELD_OBJECT, .fields = new_user_fields },
	{ .name = NULL },
};
const struct field_spec request_module_field = { .type = FIELD_TEXT,
	.flags = FIELD_ONE_LINE,
	.least = 1,
	.most = 255 };
const struct field_spec request_scope_field = { .type = FIELD_TEXT,
	.flags = FIELD_ONE_LINE,
	.least = 1,
	.most = 512 };

/* One @ between a local part and a host name; plain ASCII, because the database takes letters with
 * accents for those without, and so one person for another. */
static bool
is_email(const char *text)
{
	const char *at = strrchr(text, '@');
	static const char host_characters[] = "abcdefghijklmnopqrstuvwxyz0123456789.-";

	if (!at || at == text || at - text > 64 || strchr(text, '@') != at)
		return false;
	for (const char *c = text; c < at; c++)
		if (*c <= ' ' || *c > '~' || strchr("\"(),:;<>[\\]", *c))
			return false;
	const char *host = at + 1;
	size_t len = strlen(host);
	return len && strspn(host, host_characters) == len && host[0] != '.' && host[0] != '-' &&
	       host[len - 1] != '.' && host[len - 1] != '-' && !strstr(host, "..");
}

static char *
lower_case(const char *text)
{
	char *copy = xstrdup(text);

	for (char *c = copy; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
	return copy;
}

/* Exactly one of two; `email_out` is owned by the caller. */
static enum err
read_provider(struct ctx *ctx, const json_t *provider, struct request_new *request,
    char **email_out)
{
	const json_t *user = json_object_get(provider, "newUser");
	int64_t id = json_get_int(provider, "providerMakeUserId", 0);

	if (!user == !id)
		return err_set(&ctx->err, ERR_RULE, "provider",
		    "must have exactly one of providerMakeUserId and newUser");
	request->provider_id = id;
	if (!user)
		return OK;
	char *email = lower_case(json_get_text(user, "email"));
	if (!is_email(email)) {
		free(email);
		return err_set(&ctx->err, ERR_FIELD, "provider.newUser.email",
		    "must be an e-mail address");
	}
	request->provider_email = *email_out = email;
	request->provider_name = json_get_text(user, "name");
	return OK;
}

json_t *
request_made_json(const struct ctx *ctx, const struct request_made *made)
{
	json_t *answer = json_object();
	json_t *request = v2_request_json(&made->request);
	const struct columns columns = columns_default(v2_request_columns);
	char id[UUID_TEXT_SIZE];

	columns_apply(request, &columns);
	uuid_text(&made->request.id, id);
	json_put(answer, "request", request);
	json_put(answer, "publicUri",
	    json_sprintf("%s/request/%s#%s", api_pool(ctx)->config.public_url, id,
		made->link_secret));
	return answer;
}

enum err
request_make(struct ctx *ctx, const json_t *object, const struct request_items *items,
    struct request_made *made_out)
{
	struct api_audit audit;
	auto_free char *email = NULL;
	const char *name = json_get_text(object, "name");
	const json_t *provider = json_object_get(object, "provider");
	struct request_new request = {
		.team_id = json_get_int(object, "teamId", 0),
		.requester_id = ctx->auth->person_id,
		.name = name ? name : REQUEST_DEFAULT_NAME,
		.description = json_get_text(object, "description"),
		.expiry_days = api_pool(ctx)->config.request_expiry_days,
		.credentials = items->items,
		.n_credentials = items->n,
	};
	enum err err = OK;

	if (provider)
		err = read_provider(ctx, provider, &request, &email);
	else
		request.provider_id = ctx->auth->person_id;

	if (err)
		return err;
	api_audit_begin(ctx, &audit);
	return request_create(api_store(ctx), &audit.entry, &request, made_out, &ctx->err);
}
