/* SPDX-License-Identifier: Apache-2.0 */
/* Connections as they are read: lists, and one. */
#include "store/connection.h"

#include "base/alloc.h"

struct connection_shape {
	struct connection connection;
};
static const struct col shape_out[] = { CONNECTION_COLS(struct connection_shape, connection),
	COL(TEXT, struct connection_shape, connection.tokens) };
static const struct stmt shape = { .out = shape_out, .n_out = COL_N(shape_out) };

void
connection_free(struct connection *connection)
{
	stmt_row_free(&shape, connection);
}

void
connection_list_free(struct connection **connections, size_t n)
{
	for (size_t i = 0; i < n; i++)
		connection_free(*connections + i);
	free(*connections);
	*connections = NULL;
}

struct read_in {
	const char *public_id, *types;
	int64_t id; /* of the connection, or of the team for lists */
	bool count;
	int64_t limit, offset;
};
struct read_row {
	struct auth_row auth;
	int64_t member_of, total;
	struct connection connection;
};
static const struct col read_out[] = {
	AUTH_COLS(struct read_row, auth),
	COL(INT, struct read_row, member_of),
	COL(INT, struct read_row, total),
	CONNECTION_COLS(struct read_row, connection),
};
static const struct col get_out[] = {
	AUTH_COLS(struct read_row, auth),
	COL(INT, struct read_row, member_of),
	COL(INT, struct read_row, total),
	CONNECTION_COLS(struct read_row, connection),
	COL(TEXT, struct read_row, connection.tokens),
};
static const struct col list_in[] = {
	COL(BOOL, struct read_in, count),
	COL(INT, struct read_in, id),
	COL(TEXT, struct read_in, types),
	COL(TEXT, struct read_in, types),
	COL(INT, struct read_in, id),
	COL(INT, struct read_in, id),
	COL(TEXT, struct read_in, types),
	COL(TEXT, struct read_in, types),
	COL(INT, struct read_in, limit),
	COL(INT, struct read_in, offset),
	COL(TEXT, struct read_in, public_id),
};
#define OF_TEAM                                                                                    \
	"FROM connection x WHERE x.team_id = ? AND (? IS NULL OR FIND_IN_SET(x.account_name, ?)) "
#define LIST(order)                                                                                \
	{                                                                                          \
		"connection_list",                                                                 \
		    "SELECT " AUTH_COLUMNS                                                         \
		    ", m.team_id, CASE WHEN ? THEN (SELECT COUNT(*) " OF_TEAM                      \
		    ") END, " CONNECTION_COLUMNS " FROM api_token k "                              \
		    "LEFT JOIN (team_member m JOIN team t ON t.id = m.team_id) "                   \
		    "ON m.person_id = k.person_id AND m.team_id = ? "                              \
		    "LEFT JOIN (SELECT x.* " OF_TEAM "ORDER BY " order " LIMIT ? OFFSET ?) x "     \
		    "ON m.team_id IS NOT NULL WHERE k.public_id = ? ORDER BY " order,              \
		    list_in, COL_N(list_in), read_out, COL_N(read_out)                             \
	}
static const struct stmt lists[2] = { LIST("x.name, x.id"), LIST("x.name DESC, x.id DESC") };

static size_t
take_connections(struct read_row *rows, size_t n, struct connection *connections)
{
	size_t found = 0;

	for (size_t i = 0; i < n; i++) {
		if (!rows[i].connection.id)
			continue;
		connections[found++] = rows[i].connection;
		rows[i].connection = (struct connection){ 0 };
	}
	return found;
}

enum err
connection_list(struct store *store, struct auth *auth, const struct connection_filter *filter,
    struct list_page *page, struct connection **connections_out, size_t *n_out, struct errctx *ctx)
{
	const struct stmt *stmt = &lists[page->desc];
	const struct read_in in = { auth->public_id, filter->types, filter->team_id, page->count,
		page->limit, page->offset };
	void *rows = NULL;
	size_t n = 0;
	enum err err = auth_read(store, auth, stmt, &in, sizeof(struct read_row), &rows, &n, ctx);

	if (err)
		return err;
	struct read_row *row = rows;
	if (row->member_of) {
		*connections_out = xcalloc(n, sizeof(**connections_out));
		*n_out = take_connections(row, n, *connections_out);
		page->total = row->total;
	} else {
		err = err_set(ctx, ERR_NOT_MEMBER, "teamId", "you are no member of this team");
	}
	stmt_rows_free(stmt, sizeof(*row), &rows, n);
	return err;
}

static const struct col get_in[] = { COL(INT, struct read_in, id),
	COL(TEXT, struct read_in, public_id) };
static const struct stmt get = { "connection_get",
	"SELECT " AUTH_COLUMNS ", NULL, NULL, " CONNECTION_COLUMNS ", " CONNECTION_TOKENS
	" FROM api_token k "
	"LEFT JOIN (connection x JOIN team t ON t.id = x.team_id "
	"JOIN team_member m ON m.team_id = x.team_id) "
	"ON x.id = ? AND m.person_id = k.person_id WHERE k.public_id = ?",
	get_in, COL_N(get_in), get_out, COL_N(get_out) };

enum err
connection_get(struct store *store, struct auth *auth, int64_t id,
    struct connection *connection_out, struct errctx *ctx)
{
	const struct read_in in = { .public_id = auth->public_id, .id = id };
	void *rows = NULL;
	size_t n = 0;
	enum err err = auth_read(store, auth, &get, &in, sizeof(struct read_row), &rows, &n, ctx);

	if (err)
		return err;
	struct read_row *row = rows;
	if (row->connection.id) {
		*connection_out = row->connection;
		row->connection = (struct connection){ 0 };
	} else {
		err = err_set(ctx, ERR_NO_CONNECTION, "", "no such connection");
	}
	stmt_rows_free(&get, sizeof(*row), &rows, n);
	return err;
}
