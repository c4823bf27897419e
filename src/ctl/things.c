/* SPDX-License-Identifier: Apache-2.0 */
/* baileectl org, user, team, member, token: who is there and who may do what. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/scopes.h"
#include "store/slug.h"
#include "ctl/command.h"
#include "store/admin.h"
#include "vault/api_token.h"

static const struct {
	const char *group;
	enum admin_thing thing;
} things[] = {
	{ "org", ADMIN_ORGANIZATION },
	{ "user", ADMIN_PERSON },
	{ "team", ADMIN_TEAM },
	{ "member", ADMIN_MEMBER },
	{ "token", ADMIN_TOKEN },
};

static enum admin_thing
thing_of(const struct ctl *ctl)
{
	for (size_t i = 0; i < sizeof(things) / sizeof(things[0]); i++)
		if (strcmp(things[i].group, ctl->command->group) == 0)
			return things[i].thing;
	abort();
}

enum err
ctl_thing_list(struct ctl *ctl, struct errctx *ctx)
{
	json_t *list;
	enum err err = admin_list(&ctl->store, thing_of(ctl), &list, ctx);

	if (!err)
		ctl_print(ctl, list);
	return err;
}

static void
print_id(const struct ctl *ctl, int64_t id, const char *name)
{
	json_t *answer = json_object();

	json_put_int(answer, "id", id);
	if (name)
		json_put_text(answer, "name", name);
	ctl_print(ctl, answer);
}

static void
print_done(const struct ctl *ctl, const char *what)
{
	json_t *answer = json_object();

	json_put_bool(answer, what, true);
	ctl_print(ctl, answer);
}

enum err
ctl_thing_remove(struct ctl *ctl, struct errctx *ctx)
{
	enum err err = admin_remove(&ctl->store, thing_of(ctl), ctl_number(ctl, "id", 0), ctx);

	if (!err)
		print_done(ctl, "removed");
	return err;
}

static enum err
check_name(const struct ctl *ctl, struct errctx *ctx)
{
	const char *name = ctl_text(ctl, "name");
	json_auto_t *utf8 = json_string(name);
	size_t len = strlen(name);

	if (!utf8 || len == 0 || len > 255)
		return err_set(ctx, ERR_VALUE, "name", "--name must be 1 to 255 bytes of UTF-8");
	return OK;
}

enum err
ctl_org_add(struct ctl *ctl, struct errctx *ctx)
{
	int64_t id;
	enum err err = check_name(ctl, ctx);

	if (!err)
		err = admin_organization_add(&ctl->store, ctl_text(ctl, "name"), &id, ctx);
	if (!err)
		print_id(ctl, id, ctl_text(ctl, "name"));
	return err;
}

/* One @ with something on both sides and no blanks or control bytes: what a mail server makes of it
 * is its business. */
static bool
is_email(const char *text)
{
	const char *at = strchr(text, '@');

	for (const unsigned char *c = (const unsigned char *)text; *c; c++)
		if (*c <= 0x20 || *c >= 0x7f || strchr("<>\",;()", *c))
			return false;
	return at && at != text && at[1] && !strchr(at + 1, '@') && strlen(text) <= 254;
}

enum err
ctl_user_add(struct ctl *ctl, struct errctx *ctx)
{
	int64_t id;
	enum err err = check_name(ctl, ctx);

	if (!err && !is_email(ctl_text(ctl, "email")))
		err = err_set(ctx, ERR_VALUE, "email", "--email is no e-mail address");
	if (!err)
		err = admin_person_add(&ctl->store, ctl_text(ctl, "email"), ctl_text(ctl, "name"),
		    &id, ctx);
	if (!err)
		print_id(ctl, id, ctl_text(ctl, "name"));
	return err;
}

enum err
ctl_team_add(struct ctl *ctl, struct errctx *ctx)
{
	char slug[SLUG_SIZE];
	int64_t id;
	enum err err = check_name(ctl, ctx);

	if (!err)
		slug_make(ctl_text(ctl, "name"), slug);
	if (!err && !slug[0])
		err = err_set(ctx, ERR_VALUE, "name", "--name must hold a letter or a digit");
	if (!err)
		err = admin_team_add(&ctl->store, ctl_number(ctl, "organization", 0),
		    ctl_text(ctl, "name"), slug, &id, ctx);
	if (!err)
		print_id(ctl, id, ctl_text(ctl, "name"));
	return err;
}

enum err
ctl_member_add(struct ctl *ctl, struct errctx *ctx)
{
	enum err err = admin_member_add(&ctl->store, ctl_number(ctl, "team", 0),
	    ctl_number(ctl, "user", 0), ctx);

	if (!err)
		print_done(ctl, "added");
	return err;
}

enum err
ctl_member_remove(struct ctl *ctl, struct errctx *ctx)
{
	enum err err = admin_member_remove(&ctl->store, ctl_number(ctl, "team", 0),
	    ctl_number(ctl, "user", 0), ctx);

	if (!err)
		print_done(ctl, "removed");
	return err;
}

static void
print_token(const struct ctl *ctl, const char *public_id, const char *token)
{
	json_t *answer = json_object();

	json_put_text(answer, "id", public_id);
	json_put_text(answer, "token", token);
	ctl_print(ctl, answer);
}

enum err
ctl_token_create(struct ctl *ctl, struct errctx *ctx)
{
	int64_t days = ctl_number(ctl, "expires-days", 365);
	char public_id[API_TOKEN_ID_LEN + 1];
	auto_api_token struct api_token_text token;
	uint32_t scopes;
	enum err err = check_name(ctl, ctx);

	api_token_make(&token, public_id);
	if (!err)
		err = scopes_parse(ctl_text(ctl, "scopes"), &scopes, ctx);
	if (!err && days > 36500)
		err = err_set(ctx, ERR_VALUE, "expires-days", "--expires-days is at most 36500");
	if (!err)
		err = admin_token_add(&ctl->store, token.text, public_id,
		    ctl_number(ctl, "user", 0), ctl_text(ctl, "name"), scopes,
		    days ? clock_now_ms() + days * 86400000 : 0, ctx);
	if (!err)
		print_token(ctl, public_id, token.text);
	return err;
}

enum err
ctl_token_revoke(struct ctl *ctl, struct errctx *ctx)
{
	enum err err = admin_token_revoke(&ctl->store, ctl_text(ctl, "id"), ctx);

	if (!err)
		print_done(ctl, "revoked");
	return err;
}
