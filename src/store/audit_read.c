/* SPDX-License-Identifier: Apache-2.0 */
/* The audit trail as the operator reads it, and its old end as the operator cuts it off. */
#include "store/audit_read.h"

#include <stdio.h>

#include "base/clock.h"

/* Ids are ordered by the clocks of the hosts that wrote them, `at` is the database's. */
#define CLOCKS_APART_MS (60 * 60 * 1000)
#define PRUNE_BATCH 500 /* rows per statement: short locks, small undo logs */

struct read_in {
	struct uuid after, first, behind; /* nil: from the first, to the last */
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
	"?) AND (? IS NULL OR a.id >= ?) AND (? IS NULL OR a.id < ?)"
#define TWICE(type, member) COL(type, struct read_in, member), COL(type, struct read_in, member)
#define MATCHES_COLS                                                                               \
	TWICE(TEXT, filter.event), TWICE(TEXT, filter.subject), TWICE(INT0, filter.team_id),       \
	    TWICE(TIME, filter.since), TWICE(TIME, filter.until), TWICE(UUID, first),              \
	    TWICE(UUID, behind)
#define LIMIT_COL COL(INT, struct read_in, filter.limit)

static const struct col list_in[] = { MATCHES_COLS, LIMIT_COL };
static const struct stmt list = { "audit_list",
	"SELECT " COLUMNS " FROM audit a WHERE " MATCHES " ORDER BY a.id DESC LIMIT ?", list_in,
	COL_N(list_in), read_out, COL_N(read_out) };

static const struct col export_in[] = { TWICE(UUID, after), MATCHES_COLS, LIMIT_COL };
static const struct stmt export = { "audit_export",
	"SELECT " COLUMNS " FROM audit a WHERE (? IS NULL OR a.id > ?) AND " MATCHES
	" ORDER BY a.id LIMIT ?",
	export_in, COL_N(export_in), read_out, COL_N(read_out) };

/* Times bound the ids as well, which are the key: otherwise a narrow time in a long trail would
 * read all of it. */
static enum err
read_rows(struct store *store, const struct stmt *stmt, struct read_in *in,
    struct audit_row **rows_out, size_t *n_out, struct errctx *ctx)
{
	void *rows = NULL;

	if (in->filter.since > CLOCKS_APART_MS)
		uuid_first_at(in->filter.since - CLOCKS_APART_MS, &in->first);
	if (in->filter.until > 0)
		uuid_first_at(in->filter.until + CLOCKS_APART_MS, &in->behind);
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
	return read_rows(store, &export, &(struct read_in){ .after = *after, .filter = *filter },
	    rows_out, n_out, ctx);
}

void
audit_rows_free(struct audit_row **rows, size_t n)
{
	void *all = *rows;

	stmt_rows_free(&list, sizeof(struct read_row), &all, n);
	*rows = NULL;
}

/* ---- cutting off ---- */

struct prune_in {
	struct uuid behind;
	int64_t before, batch;
};
static const struct col prune_in[] = { COL(UUID, struct prune_in, behind),
	COL(TIME, struct prune_in, before), COL(INT, struct prune_in, batch) };
static const struct stmt prune = { "audit_prune",
	"DELETE FROM audit WHERE id < ? AND at < ? ORDER BY id LIMIT ?", prune_in, COL_N(prune_in),
	NULL, 0 };

static enum err
note_prune(struct store *store, void *arg, struct audit_entry *audit, struct errctx *ctx)
{
	char text[CLOCK_ISO_SIZE];

	(void)store;
	(void)ctx;
	clock_iso(*(const int64_t *)arg, text);
	snprintf(audit->subject, sizeof(audit->subject), "before %s", text);
	return OK;
}

enum err
audit_prune(struct store *store, int64_t before, int64_t *deleted_out, struct errctx *ctx)
{
	struct audit_entry audit = { .event = "audit.prune", .actor = "ctl" };
	struct prune_in in = { .before = before, .batch = PRUNE_BATCH };
	int64_t all = 0, deleted = PRUNE_BATCH;
	enum err err = store_write(store, &audit, note_prune, &before, ctx);

	uuid_first_at(before + CLOCKS_APART_MS, &in.behind);
	while (!err && deleted == PRUNE_BATCH) {
		err = stmt_run(store->db, &prune, &in, &deleted, ctx);
		all += err ? 0 : deleted;
	}
	if (!err)
		*deleted_out = all;
	return err;
}
