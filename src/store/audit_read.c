/* SPDX-License-Identifier: Apache-2.0 */
/* The audit trail as the operator reads it. */
#include "store/audit_read.h"

struct read_in {
	struct uuid after;
	struct audit_filter filter;
};
struct read_row {
	struct audit_row row;
};
#define OUT(type, member) COL(type, struct read_row, row.member)
static const struct col read_out[] = { OUT(UUID, id), OUT(TIME, at), OUT(TEXT, event),
	OUT(TEXT, outcome), OUT(TEXT, actor), OUT(TEXT, address), OUT(TEXT, subject),
	OUT(TEXT, request_id), OUT(INT, person_id), OUT(INT, team_id), OUT(INT, count) };

#define COLUMNS                                                                                    \
	"a.id, a.at, a.event, a.outcome, a.actor, a.address, a.subject, a.request_id, "            \
	"a.person_id, a.team_id, a.count"
#define MATCHES                                                                                    \
	"(? IS NULL OR a.event = ?) AND (? IS NULL OR a.subject = ?) "                             \
	"AND (? IS NULL OR a.team_id = ?) AND (? IS NULL OR a.at >= ?) AND (? IS NULL OR a.at < "  \
	"?)"
#define TWICE(type, member)                                                                        \
	COL(type, struct read_in, filter.member), COL(type, struct read_in, filter.member)
#define MATCHES_COLS                                                                               \
	TWICE(TEXT, event), TWICE(TEXT, subject), TWICE(INT0, team_id), TWICE(TIME, since),        \
	    TWICE(TIME, until)
#define LIMIT_COL COL(INT, struct read_in, filter.limit)

static const struct col list_in[] = { MATCHES_COLS, LIMIT_COL };
static const struct stmt list = { "audit_list",
	"SELECT " COLUMNS " FROM audit a WHERE " MATCHES " ORDER BY a.id DESC LIMIT ?", list_in,
	COL_N(list_in), read_out, COL_N(read_out) };

static const struct col export_in[] = { COL(UUID, struct read_in, after),
	COL(UUID, struct read_in, after), MATCHES_COLS, LIMIT_COL };
static const struct stmt export = { "audit_export",
	"SELECT " COLUMNS " FROM audit a WHERE (? IS NULL OR a.id > ?) AND " MATCHES
	" ORDER BY a.id LIMIT ?",
	export_in, COL_N(export_in), read_out, COL_N(read_out) };

static enum err
read_rows(struct store *store, const struct stmt *stmt, const struct read_in *in,
    struct audit_row **rows_out, size_t *n_out, struct errctx *ctx)
{
	void *rows = NULL;
	enum err err = stmt_all(store->db, stmt, in, sizeof(struct read_row), &rows, n_out, ctx);

	if (!err)
		*rows_out = rows; /* a row is an audit row and nothing else */
	return err;
}

enum err
audit_list(struct store *store, const struct audit_filter *filter, struct audit_row **rows_out,
    size_t *n_out, struct errctx *ctx)
{
	return read_rows(store, &list, &(struct read_in){ .filter = *filter }, rows_out, n_out,
	    ctx);
}

enum err
audit_export(struct store *store, const struct audit_filter *filter, const struct uuid *after,
    struct audit_row **rows_out, size_t *n_out, struct errctx *ctx)
{
	return read_rows(store, &export, &(struct read_in){ *after, *filter }, rows_out, n_out,
	    ctx);
}

void
audit_rows_free(struct audit_row **rows, size_t n)
{
	void *all = *rows;

	stmt_rows_free(&list, sizeof(struct read_row), &all, n);
	*rows = NULL;
}
