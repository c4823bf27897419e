/* SPDX-License-Identifier: Apache-2.0 */
/* baileectl credential list, show: what is kept for automations, and single things that were asked
 * for. Nothing secret. */
#include <stdlib.h>
#include <string.h>

#include "ctl/command.h"
#include "store/credential.h"
#include "store/user_credential_admin.h"

#define LIST_MOST 1000

static json_t *
stored_json(const char *text)
{
	json_t *value = NULL;

	return text && json_parse(text, strlen(text), &value, NULL) == OK ? value : json_null();
}

static json_t *
summary_json(const struct user_credential *credential)
{
	json_t *row = json_object();

	json_put_int(row, "id", credential->place.id);
	json_put_int(row, "teamId", credential->place.team_id);
	json_put_text(row, "name", credential->name);
	json_put_text(row, "mode", credential->place.mode);
	json_put_text(row, "readAccess", credential->read_access);
	json_put_text(row, "owner", credential->owner_email);
	json_put_time(row, "updatedAt", credential->updated_at);
	return row;
}

enum err
ctl_credential_list(struct ctl *ctl, struct errctx *ctx)
{
	int64_t limit = ctl_number(ctl, "limit", 50);
	struct user_credential *rows = NULL;
	size_t n = 0;
	enum err err = user_credential_admin_list(&ctl->store, ctl_number(ctl, "team", 0),
	    limit < LIST_MOST ? limit : LIST_MOST, &rows, &n, ctx);

	if (err)
		return err;
	json_t *list = json_array();
	for (size_t i = 0; i < n; i++) {
		json_array_append_new(list, summary_json(&rows[i]));
		user_credential_free(&rows[i]);
	}
	free(rows);
	ctl_print(ctl, list);
	return OK;
}

static enum err
show_kept(struct ctl *ctl, int64_t id, struct errctx *ctx)
{
	struct user_credential credential = { 0 };
	enum err err = user_credential_admin_show(&ctl->store, id, &credential, ctx);

	if (err)
		return err;
	json_t *row = summary_json(&credential);
	json_put_text(row, "slug", credential.slug);
	json_put_text(row, "description", credential.description);
	json_put(row, "allowedHosts", stored_json(credential.place.allowed_hosts));
	json_put(row, "sharedTeamSlugs", stored_json(credential.shared_team_slugs));
	json_put(row, "metadata", stored_json(credential.metadata));
	json_put_int(row, "version", credential.version);
	json_put_time(row, "createdAt", credential.created_at);
	json_put_time(row, "expiresAt", credential.expires_at);
	user_credential_free(&credential);
	ctl_print(ctl, row);
	return OK;
}

/* One of those that requests ask for. */
static enum err
show_asked(struct ctl *ctl, const struct uuid *id, struct errctx *ctx)
{
	struct credential credential = { 0 };
	char request[UUID_TEXT_SIZE];
	enum err err = credential_load(&ctl->store, id, &credential, ctx);

	if (err)
		return err;
	json_t *row = json_object();
	uuid_text(&credential.request_id, request);
	json_put_text(row, "id", ctl_text(ctl, "id"));
	json_put_text(row, "requestId", request);
	json_put_int(row, "teamId", credential.team_id);
	json_put_text(row, "app", credential.app_name);
	json_put_text(row, "component", credential.component);
	json_put_text(row, "type", credential.name);
	json_put_text(row, "state", credential.state);
	json_put_text(row, "declineReason", credential.decline_reason);
	json_put(row, "scope", stored_json(credential.scope));
	json_put(row, "remoteScope", stored_json(credential.remote_scope));
	json_put(row, "remoteId",
	    credential.remote_id ? json_integer(credential.remote_id) : json_null());
	json_put_text(row, "platform", credential.platform);
	json_put_time(row, "createdAt", credential.created_at);
	json_put_time(row, "updatedAt", credential.updated_at);
	credential_free(&credential);
	ctl_print(ctl, row);
	return OK;
}

enum err
ctl_credential_show(struct ctl *ctl, struct errctx *ctx)
{
	const char *text = ctl_text(ctl, "id");
	size_t digits = strspn(text, "0123456789");
	struct uuid id;

	if (digits && digits <= 10 && !text[digits])
		return show_kept(ctl, strtoll(text, NULL, 10), ctx);
	if (uuid_parse(text, &id))
		return err_set(ctx, ERR_USAGE, "id",
		    "--id must be the number of a credential, or the id of one that was asked for");
	return show_asked(ctl, &id, ctx);
}
