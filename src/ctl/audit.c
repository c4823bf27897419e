/* SPDX-License-Identifier: Apache-2.0 */
/* baileectl audit list, export, prune: who did what. */
#include "store/audit_read.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "ctl/command.h"

#define LIST_MOST 1000
#define EXPORT_PART 1000
#define PRUNE_YOUNGEST_MS (INT64_C(24) * 60 * 60 * 1000)

static json_t *
row_json(const struct audit_row *row)
{
	json_t *json = json_object();
	char id[UUID_TEXT_SIZE];

	uuid_text(&row->id, id);
	json_put_time(json, "at", row->at);
	json_put_text(json, "event", row->event);
	json_put_text(json, "outcome", row->outcome);
	json_put_text(json, "actor", row->actor);
	json_put(json, "personId", row->person_id ? json_integer(row->person_id) : json_null());
	json_put_text(json, "address", row->address);
	json_put(json, "teamId", row->team_id ? json_integer(row->team_id) : json_null());
	json_put_text(json, "subject", row->subject);
	json_put_int(json, "count", row->count);
	json_put_text(json, "requestId", row->request_id);
	json_put_text(json, "id", id);
	return json;
}

static enum err
read_time(const struct ctl *ctl, const char *name, int64_t *ms_out, struct errctx *ctx)
{
	const char *text = ctl_text(ctl, name);

	if (text && clock_parse_iso(text, ms_out))
		return err_set(ctx, ERR_USAGE, name,
		    "--%s must be a time like 2026-01-31T23:59:59Z", name);
	return OK;
}

static enum err
read_filter(const struct ctl *ctl, struct audit_filter *filter_out, struct errctx *ctx)
{
	struct audit_filter filter = { .event = ctl_text(ctl, "event"),
		.subject = ctl_text(ctl, "subject"),
		.team_id = ctl_number(ctl, "team", 0) };
	enum err err = read_time(ctl, "since", &filter.since, ctx);

	if (!err)
		err = read_time(ctl, "until", &filter.until, ctx);
	if (!err)
		*filter_out = filter;
	return err;
}

enum err
ctl_audit_list(struct ctl *ctl, struct errctx *ctx)
{
	struct audit_filter filter;
	struct audit_row *rows = NULL;
	size_t n = 0;
	int64_t limit = ctl_number(ctl, "limit", 50);
	enum err err = read_filter(ctl, &filter, ctx);

	filter.limit = limit < LIST_MOST ? limit : LIST_MOST;
	if (!err)
		err = audit_list(&ctl->store, &filter, &rows, &n, ctx);
	if (err)
		return err;
	json_t *list = json_array();
	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, row_json(&rows[i]));
	audit_rows_free(&rows, n);
	ctl_print(ctl, list);
	return OK;
}

/* A line of JSON each, whatever --json says: it is for programs, and may be long. */
static enum err
print_rows(const struct audit_row *rows, size_t n, struct errctx *ctx)
{
	for (size_t i = 0; i < n; i++) {
		json_auto_t *json = row_json(&rows[i]);
		auto_free char *text = json_text(json);

		puts(text);
	}
	if (fflush(stdout) || ferror(stdout))
		return err_set(ctx, ERR_IO, "", "the trail could not be written to its end");
	return OK;
}

enum err
ctl_audit_export(struct ctl *ctl, struct errctx *ctx)
{
	struct audit_filter filter;
	struct audit_row *rows = NULL;
	struct uuid last = { { 0 } };
	size_t n = EXPORT_PART;
	enum err err = read_filter(ctl, &filter, ctx);

	filter.limit = EXPORT_PART;
	while (!err && n == EXPORT_PART) {
		err = audit_export(&ctl->store, &filter, &last, &rows, &n, ctx);
		if (err)
			break;
		err = print_rows(rows, n, ctx);
		if (n)
			last = rows[n - 1].id;
		audit_rows_free(&rows, n);
	}
	return err;
}

enum err
ctl_audit_prune(struct ctl *ctl, struct errctx *ctx)
{
	int64_t before = 0, deleted = 0;
	enum err err = read_time(ctl, "before", &before, ctx);

	if (!err && before > clock_now_ms() - PRUNE_YOUNGEST_MS)
		err = err_set(ctx, ERR_USAGE, "before", "--before must be a day ago or longer");
	if (!err)
		err = audit_prune(&ctl->store, before, &deleted, ctx);
	if (err)
		return err;
	json_t *answer = json_object();
	json_put_int(answer, "deleted", deleted);
	ctl_print(ctl, answer);
	return OK;
}
