/* SPDX-License-Identifier: Apache-2.0 */
/* What a link shows, and when runners were last seen: what the public pool may read. */
#include "store/page.h"

#include <stdlib.h>
#include <string.h>

#include "store/page_parts.h"

#define TOO_MANY_RETRY_S 900 /* the window of page_throttle in schema/0002_page.sql */

/* ---- looking ---- */

static const struct col open_in[] = { COL(UUID, struct page_key, request),
	COL(BYTES, struct page_key, hash), COL(BYTES, struct page_key, browser) };
static const struct col open_out[] = {
	COL(TEXT, struct page_row, name),
	COL(TEXT, struct page_row, description),
	COL(TEXT, struct page_row, status),
	COL(TIME, struct page_row, expires_at),
	COL(BOOL, struct page_row, expired),
	COL(TEXT, struct page_row, browser),
	COL(TEXT, struct page_row, requester_name),
	COL(TEXT, struct page_row, requester_email),
	COL(TEXT, struct page_row, team_name),
	COL(TEXT, struct page_row, organization_name),
	COL(INT, struct page_row, team_id),
	COL(INT, struct page_row, generation),
	COL(BYTES, struct page_row, public_key),
	COL(BYTES, struct page_row, signature),
	COL(UUID, struct page_row, id),
	COL(TEXT, struct page_row, component),
	COL(TEXT, struct page_row, type),
	COL(TEXT, struct page_row, type_name),
	COL(TEXT, struct page_row, label),
	COL(TEXT, struct page_row, credential_description),
	COL(TEXT, struct page_row, scope),
	COL(TEXT, struct page_row, state),
	COL(TEXT, struct page_row, decline_reason),
	COL(TEXT, struct page_row, app_name),
	COL(TEXT, struct page_row, app_version),
	COL(TEXT, struct page_row, name_override),
	COL(TEXT, struct page_row, prefill),
	COL(TEXT, struct page_row, job_state),
	COL(TEXT, struct page_row, job_error),
	COL(UUID, struct page_row, callback_id),
	COL(TEXT, struct page_row, client_id),
	COL(TEXT, struct page_row, client_app),
	COL(TEXT, struct page_row, client_host),
	COL(TEXT, struct page_row, own_type),
	COL(TEXT, struct page_row, account_name),
	COL(TEXT, struct page_row, account_id),
	COL(TEXT, struct page_row, account_scopes),
	COL(UUID, struct page_row, waiting),
	COL(TEXT, struct page_row, waiting_name),
	COL(TEXT, struct page_row, waiting_id),
	COL(TEXT, struct page_row, waiting_scopes),
	COL(TEXT, struct page_row, flow_error),
};
static const struct stmt open_request = { "page_open", "CALL page_open(?, ?, ?)", open_in,
	COL_N(open_in), open_out, COL_N(open_out) };

struct age_row {
	int64_t age_s;
};
static const struct col age_out[] = { COL(INT, struct age_row, age_s) };
static const struct stmt runner_age = { "page_runner_age", "CALL page_runner_age()", NULL, 0,
	age_out, COL_N(age_out) };

struct bytes
page_bytes(const unsigned char *data, size_t len)
{
	struct bytes bytes = { NULL, len };

	memcpy(&bytes.data, &data, sizeof(data));
	return bytes;
}

struct page_key
page_key_of(const struct page_link *link)
{
	struct page_key key = { link->request, page_bytes(link->hash, sizeof(link->hash)), { 0 } };

	if (link->has_browser)
		key.browser = page_bytes(link->browser, sizeof(link->browser));
	return key;
}

/* A link that opens nothing looks the same whatever the cause. */
enum err
page_refusal(enum err err, struct errctx *ctx)
{
	if (err == ERR_NOT_FOUND) {
		err_clear(ctx);
		return err_set(ctx, err, "", PAGE_NO_SUCH_REQUEST);
	}
	if (err == ERR_RATE && ctx)
		ctx->retry_after_s = TOO_MANY_RETRY_S;
	return err;
}

enum err
page_view_load(struct store *store, const struct page_link *link, struct page_view *view_out,
    struct errctx *ctx)
{
	const struct page_key in = page_key_of(link);
	void *rows = NULL;
	size_t n = 0;
	enum err err =
	    stmt_all(store->db, &open_request, &in, sizeof(struct page_row), &rows, &n, ctx);

	if (err == ERR_LOST) { /* the worst of asking again is one wrong link counted twice */
		err_clear(ctx);
		err = stmt_all(store->db, &open_request, &in, sizeof(struct page_row), &rows, &n,
		    ctx);
	}
	if (!err && n == 0) {
		free(rows);
		err = ERR_NOT_FOUND;
	}
	if (err)
		return page_refusal(err, ctx);
	*view_out = (struct page_view){ rows, n };
	return OK;
}

void
page_view_free(struct page_view *view)
{
	void *rows = view ? view->rows : NULL;

	if (!rows)
		return;
	stmt_rows_free(&open_request, sizeof(struct page_row), &rows, view->n);
	*view = (struct page_view){ 0 };
}

bool
page_view_is_other(const struct page_view *view)
{
	return strcmp(view->rows[0].browser, "other") == 0;
}

const struct page_row *
page_view_find(const struct page_view *view, const struct uuid *credential)
{
	for (size_t i = 0; i < view->n; i++)
		if (memcmp(&view->rows[i].id, credential, sizeof(*credential)) == 0)
			return &view->rows[i];
	return NULL;
}

enum err
page_runner_age_s(struct store *store, int64_t *age_out_s, struct errctx *ctx)
{
	struct age_row row = { 0 };
	enum err err = stmt_one(store->db, &runner_age, NULL, &row, ctx);

	if (!err)
		*age_out_s = row.age_s;
	return err;
}
