/* SPDX-License-Identifier: Apache-2.0 */
/* baileectl request list, show, resend: what was asked for, and a new link. */
#include <string.h>

#include "ctl/command.h"
#include "store/request_admin.h"

#define LIST_MOST 1000

static json_t *
request_json(const struct request_row *request)
{
	json_t *row = json_object();
	char id[UUID_TEXT_SIZE];

	uuid_text(&request->id, id);
	json_put_text(row, "id", id);
	json_put_int(row, "teamId", request->team_id);
	json_put_text(row, "name", request->name);
	json_put_text(row, "status", request->status);
	json_put_text(row, "provider", request->provider.email);
	json_put_time(row, "createdAt", request->created_at);
	json_put_time(row, "expiresAt", request->expires_at);
	json_put_bool(row, "shouldSendEmail", request->should_send_email);
	json_put_time(row, "emailSentAt", request->email_sent_at);
	return row;
}

static enum err
check_status(const char *status, struct errctx *ctx)
{
	for (const char *const *name = request_status_names; status && *name; name++)
		if (strcmp(*name, status) == 0)
			return OK;
	return status ? err_set(ctx, ERR_USAGE, "status", "--status %s is no status", status) : OK;
}

enum err
ctl_request_list(struct ctl *ctl, struct errctx *ctx)
{
	int64_t limit = ctl_number(ctl, "limit", 50);
	struct request_row *rows = NULL;
	size_t n = 0;
	enum err err = check_status(ctl_text(ctl, "status"), ctx);

	if (!err)
		err = request_admin_list(&ctl->store, ctl_number(ctl, "team", 0),
		    ctl_text(ctl, "status"), limit < LIST_MOST ? limit : LIST_MOST, &rows, &n, ctx);
	if (err)
		return err;
	json_t *list = json_array();
	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, request_json(&rows[i]));
	request_list_free(&rows, n);
	ctl_print(ctl, list);
	return OK;
}

static enum err
read_id(const struct ctl *ctl, struct uuid *id_out, struct errctx *ctx)
{
	if (uuid_parse(ctl_text(ctl, "id"), id_out))
		return err_set(ctx, ERR_USAGE, "id", "--id must be the id of a request");
	return OK;
}

static json_t *
credentials_json(const struct request_detail *detail)
{
	json_t *list = json_array();

	for (size_t i = 0; i < detail->n_credentials; i++) {
		const struct credential *credential = &detail->credentials[i];
		json_t *row = json_object();
		char id[UUID_TEXT_SIZE];

		uuid_text(&credential->id, id);
		json_put_text(row, "id", id);
		json_put_text(row, "app", credential->app_name);
		json_put_text(row, "type", credential->name);
		json_put_text(row, "state", credential->state);
		json_put_text(row, "declineReason", credential->decline_reason);
		json_array_append_new(list, row);
	}
	return list;
}

enum err
ctl_request_show(struct ctl *ctl, struct errctx *ctx)
{
	struct request_detail detail;
	struct uuid id;
	enum err err = read_id(ctl, &id, ctx);

	if (!err)
		err = request_admin_show(&ctl->store, &id, &detail, ctx);
	if (err)
		return err;
	json_t *row = request_json(&detail.request);
	json_put_text(row, "description", detail.request.description);
	json_put_text(row, "requester", detail.requester.email);
	json_put(row, "credentials", credentials_json(&detail));
	request_detail_free(&detail);
	ctl_print(ctl, row);
	return OK;
}

enum err
ctl_request_resend(struct ctl *ctl, struct errctx *ctx)
{
	char secret[REQUEST_SECRET_TEXT], text[UUID_TEXT_SIZE];
	struct uuid id;
	enum err err = read_id(ctl, &id, ctx);

	if (!err)
		err = request_admin_resend(&ctl->store, &id, secret, ctx);
	if (err)
		return err;
	json_t *answer = json_object();
	uuid_text(&id, text);
	json_put_text(answer, "id", text);
	json_put(answer, "publicUri",
	    json_sprintf("%s/request/%s#%s", ctl->config.public_url, text, secret));
	json_put_bool(answer, "mailed", ctl->store.mails);
	explicit_bzero(secret, sizeof(secret));
	ctl_print(ctl, answer);
	return OK;
}
