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

const char *
connection_called(const struct connection *connection)
{
	return connection->alias ? connection->alias : connection->account_name;
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
struct list_row {
	struct auth_row auth;
	struct auth_list list;
	struct connection connection;
};
static const struct auth_thing list_thing = AUTH_THING(struct list_row, connection, id);
static const struct col list_out[] = {
	AUTH_COLS(struct list_row, auth),
	AUTH_LIST_COLS(struct list_row, list),
	CONNECTION_COLS(struct list_row, connection),
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
		    ") END, FALSE, " CONNECTION_COLUMNS " FROM api_token k "                       \
		    "LEFT JOIN (team_member m JOIN team t ON t.id = m.team_id) "                   \
		    "ON m.person_id = k.person_id AND m.team_id = ? "                              \
		    "LEFT JOIN (SELECT x.* " OF_TEAM "ORDER BY " order " LIMIT ? OFFSET ?) x "     \
		    "ON m.team_id IS NOT NULL WHERE k.public_id = ? ORDER BY " order,              \
		    list_in, COL_N(list_in), list_out, COL_N(list_out)                             \
	}
static const struct stmt lists[2] = { LIST("x.name, x.id"), LIST("x.name DESC, x.id DESC") };

enum err
connection_list(struct store *store, struct auth *auth, const struct connection_filter *filter,
    struct list_page *page, struct connection **connections_out, size_t *n_out, struct errctx *ctx)
{
	const struct stmt *stmt = &lists[page->desc];
	const struct read_in in = { auth->public_id, filter->types, filter->team_id, page->count,
		page->limit, page->offset };
	struct auth_list list;
	void *things = NULL;
	enum err err =
	    auth_read_of_team(store, auth, stmt, &in, &list_thing, &list, &things, n_out, ctx);

	if (err)
		return err;
	*connections_out = things;
	page->total = list.total;
	return OK;
}

static const struct col get_in[] = { COL(INT, struct read_in, id),
	COL(TEXT, struct read_in, public_id) };
struct get_row {
	struct auth_row auth;
	struct connection connection;
};
static const struct auth_thing get_thing = AUTH_THING(struct get_row, connection, id);
static const struct col get_out[] = { AUTH_COLS(struct get_row, auth),
	CONNECTION_COLS(struct get_row, connection), COL(TEXT, struct get_row, connection.tokens) };
static const struct stmt get = { "connection_get",
	"SELECT " AUTH_COLUMNS ", " CONNECTION_COLUMNS ", " CONNECTION_TOKENS " FROM api_token k "
	"LEFT JOIN (connection x JOIN team t ON t.id = x.team_id "
	"JOIN team_member m ON m.team_id = x.team_id) "
	"ON x.id = ? AND m.person_id = k.person_id WHERE k.public_id = ?",
	get_in, COL_N(get_in), get_out, COL_N(get_out) };

enum err
connection_get(struct store *store, struct auth *auth, int64_t id,
    struct connection *connection_out, struct errctx *ctx)
{
	const struct read_in in = { .public_id = auth->public_id, .id = id };
	enum err err = auth_read_one(store, auth, &get, &in, &get_thing, connection_out, ctx);

	if (err == ERR_NOT_FOUND)
		return err_set(ctx, ERR_NO_CONNECTION, "", "no such connection");
	return err;
}
