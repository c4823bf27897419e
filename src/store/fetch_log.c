/* SPDX-License-Identifier: Apache-2.0 */
/* What happened at each fetch, for the owners of a credential. */
#include <string.h>

#include "base/alloc.h"
#include "store/fetch_token.h"

static const struct col add_in[] = {
	COL(INT, struct fetch_log, job_id),
	COL(TIME, struct fetch_log, started_at),
	COL(INT, struct fetch_log, duration_ms),
	COL(TEXT, struct fetch_log, outcome),
	COL(TEXT, struct fetch_log, reason),
	COL(TEXT, struct fetch_log, steps),
	COL(TEXT, struct fetch_log, request_id),
	COL(INT, struct fetch_log, credential_id),
};
static const struct stmt add = { "fetch_log_add",
	"INSERT INTO fetch_log (credential_id, job_id, started_at, duration_ms, outcome, reason, "
	"steps, request_id) SELECT c.id, ?, ?, ?, ?, LEFT(?, 512), ?, ? FROM user_credential c "
	"WHERE c.id = ?",
	add_in, COL_N(add_in), NULL, 0 };

enum err
fetch_log_add(struct store *store, const struct fetch_log *entry, struct errctx *ctx)
{
	return stmt_run(store->db, &add, entry, NULL, ctx);
}

struct list_in {
	struct fetch_log_filter filter;
	const char *public_id;
};
static const struct col list_in[] = { COL(INT, struct list_in, filter.credential_id),
	COL(INT, struct list_in, filter.credential_id), COL(INT, struct list_in, filter.limit),
	COL(INT, struct list_in, filter.offset), COL(TEXT, struct list_in, public_id) };
struct list_row {
	struct auth_row auth;
	struct auth_list list;
	struct fetch_log entry;
};
#define ENTRY_COLS                                                                                 \
	COL(INT, struct list_row, entry.id), COL(INT, struct list_row, entry.credential_id),       \
	    COL(INT, struct list_row, entry.job_id), COL(TIME, struct list_row, entry.started_at), \
	    COL(INT, struct list_row, entry.duration_ms),                                          \
	    COL(TEXT, struct list_row, entry.outcome), COL(TEXT, struct list_row, entry.reason),   \
	    COL(TEXT, struct list_row, entry.steps), COL(TEXT, struct list_row, entry.request_id)
static const struct col list_out[] = { AUTH_COLS(struct list_row, auth),
	AUTH_LIST_COLS(struct list_row, list), ENTRY_COLS };
static const struct stmt list = { "fetch_log_list",
	"SELECT " AUTH_COLUMNS ", c.id, "
	"(SELECT COUNT(*) FROM fetch_log n WHERE n.credential_id = c.id), FALSE, l.* FROM "
	"api_token k "
	"LEFT JOIN (user_credential c JOIN team_member m ON m.team_id = c.team_id) "
	"ON c.id = ? AND m.person_id = k.person_id "
	"LEFT JOIN (SELECT p.id, p.credential_id, p.job_id, p.started_at, p.duration_ms, "
	"p.outcome, p.reason, p.steps, p.request_id FROM fetch_log p WHERE p.credential_id = ? "
	"ORDER BY p.id DESC LIMIT ? OFFSET ?) l ON l.credential_id = c.id "
	"WHERE k.public_id = ? ORDER BY l.id DESC",
	list_in, COL_N(list_in), list_out, COL_N(list_out) };

static const struct col entry_out[] = { ENTRY_COLS };
static const struct stmt entry_alone = { .out = entry_out, .n_out = COL_N(entry_out) };

enum err
fetch_log_list(struct store *store, struct auth *auth, const struct fetch_log_filter *filter,
    struct fetch_log_page *page_out, struct errctx *ctx)
{
	const struct list_in in = { *filter, auth->public_id };
	static const struct auth_thing thing = AUTH_THING(struct list_row, entry, id);
	struct fetch_log_page page = { 0 };
	struct auth_list found;
	void *things = NULL;
	enum err err =
	    auth_read_list(store, auth, &list, &in, &thing, &found, &things, &page.n, ctx);

	if (!err && !found.seen)
		err = err_set(ctx, ERR_NOT_FOUND, "", "no such credential");
	if (err)
		return err;
	page.rows = things;
	page.total = found.total;
	*page_out = page;
	return OK;
}

void
fetch_log_page_free(struct fetch_log_page *page)
{
	for (size_t i = 0; i < page->n; i++)
		stmt_row_free(&entry_alone, &(struct list_row){ .entry = page->rows[i] });
	free(page->rows);
	*page = (struct fetch_log_page){ 0 };
}
