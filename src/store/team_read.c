/* SPDX-License-Identifier: Apache-2.0 */
/* Teams and organizations as their members see them, and who is in a team. */
#include "store/team_read.h"

#include <string.h>

#include "base/alloc.h"

/* ---- one shape of row for both, so that the reading is written once ---- */

struct place {
	int64_t id, number; /* organization of a team, time zone of an organization */
	char *name, *zone;
};
struct place_row {
	struct auth_row auth;
	int64_t total;
	struct place place;
};
static const struct col row_out[] = {
	AUTH_COLS(struct place_row, auth),
	COL(INT, struct place_row, total),
	COL(INT, struct place_row, place.id),
	COL(INT, struct place_row, place.number),
	COL(TEXT, struct place_row, place.name),
	COL(TEXT, struct place_row, place.zone),
};
struct place_in {
	const char *public_id;
	int64_t id;
	bool count;
	int64_t limit, offset;
};

/* Read and hand over the places; those of an array are xcalloc'ed. */
static enum err
read_places(struct store *store, struct auth *auth, const struct stmt *stmt,
    const struct place_in *in, struct list_page *page, struct place **places_out, size_t *n_out,
    struct errctx *ctx)
{
	void *rows = NULL;
	size_t n = 0, found = 0;
	enum err err = auth_read(store, auth, stmt, in, sizeof(struct place_row), &rows, &n, ctx);

	if (err)
		return err;
	struct place_row *row = rows;
	struct place *places = xcalloc(n, sizeof(*places));
	if (page)
		page->total = row[0].total;
	for (size_t i = 0; i < n; i++) {
		if (!row[i].place.id)
			continue;
		places[found++] = row[i].place;
		row[i].place = (struct place){ 0 };
	}
	stmt_rows_free(stmt, sizeof(*row), &rows, n);
	*places_out = places;
	*n_out = found;
	return OK;
}

static enum err
read_place(struct store *store, struct auth *auth, const struct stmt *stmt, int64_t id,
    const char *missing, struct place *place_out, struct errctx *ctx)
{
	struct place *places = NULL;
	size_t n = 0;
	const struct place_in in = { .public_id = auth->public_id, .id = id };
	enum err err = read_places(store, auth, stmt, &in, NULL, &places, &n, ctx);

	if (!err && !n)
		err = err_set(ctx, ERR_NOT_FOUND, "", "%s", missing);
	if (!err)
		*place_out = places[0];
	free(places);
	return err;
}

/* ---- statements ---- */

static const struct col list_in[] = {
	COL(BOOL, struct place_in, count),
	COL(TEXT, struct place_in, public_id),
	COL(INT, struct place_in, id),
	COL(TEXT, struct place_in, public_id),
	COL(INT, struct place_in, id),
	COL(INT, struct place_in, limit),
	COL(INT, struct place_in, offset),
	COL(TEXT, struct place_in, public_id),
};
static const struct col all_in[] = {
	COL(BOOL, struct place_in, count),
	COL(TEXT, struct place_in, public_id),
	COL(TEXT, struct place_in, public_id),
	COL(INT, struct place_in, limit),
	COL(INT, struct place_in, offset),
	COL(TEXT, struct place_in, public_id),
};
static const struct col one_in[] = { COL(INT, struct place_in, id),
	COL(TEXT, struct place_in, public_id) };

#define OWN_TEAMS                                                                                  \
	"FROM api_token a JOIN team_member m ON m.person_id = a.person_id "                        \
	"JOIN team t ON t.id = m.team_id WHERE a.public_id = ? "                                   \
	"AND t.organization_id = COALESCE(NULLIF(?, 0), t.organization_id) "
#define OWN_ORGANIZATIONS                                                                          \
	"FROM organization o WHERE EXISTS (SELECT 1 FROM api_token a JOIN team_member m "          \
	"ON m.person_id = a.person_id JOIN team t ON t.id = m.team_id "                            \
	"WHERE a.public_id = ? AND t.organization_id = o.id) "

#define LIST(stmt_name, columns, own, order, binds)                                                \
	{                                                                                          \
		stmt_name,                                                                         \
		    "SELECT " AUTH_COLUMNS ", CASE WHEN ? THEN (SELECT COUNT(*) " own ") END, "    \
		    "s.id, s.number, s.name, s.zone FROM api_token k LEFT JOIN (SELECT " columns   \
		    " " own "ORDER BY " order " LIMIT ? OFFSET ?) s ON TRUE "                      \
		    "WHERE k.public_id = ? ORDER BY " order,                                       \
		    binds, COL_N(binds), row_out, COL_N(row_out)                                   \
	}
#define TEAMS(order)                                                                               \
	LIST("team_read_list", "t.id, t.organization_id AS number, t.name, '' AS zone", OWN_TEAMS, \
	    order, list_in)
#define ORGANIZATIONS(order)                                                                       \
	LIST("organization_list", "o.id, o.timezone_id AS number, o.name, o.zone",                 \
	    OWN_ORGANIZATIONS, order, all_in)

static const struct stmt teams[TEAM_SORT_COUNT][2] = {
	[TEAM_BY_NAME] = { TEAMS("name, id"), TEAMS("name DESC, id DESC") },
	[TEAM_BY_ID] = { TEAMS("id"), TEAMS("id DESC") },
};
static const struct stmt organizations[TEAM_SORT_COUNT][2] = {
	[TEAM_BY_NAME] = { ORGANIZATIONS("name, id"), ORGANIZATIONS("name DESC, id DESC") },
	[TEAM_BY_ID] = { ORGANIZATIONS("id"), ORGANIZATIONS("id DESC") },
};

static const struct stmt team_one = { "team_read_get",
	"SELECT " AUTH_COLUMNS ", NULL, t.id, t.organization_id, t.name, NULL FROM api_token k "
	"LEFT JOIN (team t JOIN team_member m ON m.team_id = t.id) "
	"ON t.id = ? AND m.person_id = k.person_id WHERE k.public_id = ?",
	one_in, COL_N(one_in), row_out, COL_N(row_out) };
static const struct stmt organization_one = { "organization_get",
	"SELECT " AUTH_COLUMNS ", NULL, o.id, o.timezone_id, o.name, o.zone FROM api_token k "
	"LEFT JOIN organization o ON o.id = ? AND EXISTS (SELECT 1 FROM team_member m "
	"JOIN team t ON t.id = m.team_id WHERE m.person_id = k.person_id "
	"AND t.organization_id = o.id) WHERE k.public_id = ?",
	one_in, COL_N(one_in), row_out, COL_N(row_out) };

/* ---- what callers see ---- */

void
team_row_free(struct team_row *team)
{
	free(team->name);
	*team = (struct team_row){ 0 };
}

void
team_rows_free(struct team_row **rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		team_row_free(*rows + i);
	free(*rows);
	*rows = NULL;
}

void
organization_row_free(struct organization_row *organization)
{
	free(organization->name);
	free(organization->zone);
	*organization = (struct organization_row){ 0 };
}

void
organization_rows_free(struct organization_row **rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		organization_row_free(*rows + i);
	free(*rows);
	*rows = NULL;
}

/* Takes the place's texts over. */
static struct team_row
to_team(const struct place *place)
{
	free(place->zone);
	return (struct team_row){ place->id, place->number, place->name };
}

static struct organization_row
to_organization(const struct place *place)
{
	return (struct organization_row){ place->id, place->number, place->name, place->zone };
}

enum err
team_read_list(struct store *store, struct auth *auth, int64_t organization_id,
    struct list_page *page, struct team_row **teams_out, size_t *n_out, struct errctx *ctx)
{
	struct place *places = NULL;
	const struct place_in in = { auth->public_id, organization_id, page->count, page->limit,
		page->offset };
	enum err err = read_places(store, auth, &teams[page->sort][page->desc], &in, page, &places,
	    n_out, ctx);

	if (err)
		return err;
	struct team_row *rows = xcalloc(*n_out + 1, sizeof(*rows));
	for (size_t i = 0; i < *n_out; i++)
		rows[i] = to_team(&places[i]);
	free(places);
	*teams_out = rows;
	return OK;
}

enum err
team_read_get(struct store *store, struct auth *auth, int64_t id, struct team_row *team_out,
    struct errctx *ctx)
{
	struct place place;
	enum err err = read_place(store, auth, &team_one, id, "no such team", &place, ctx);

	if (!err)
		*team_out = to_team(&place);
	return err;
}

enum err
organization_list(struct store *store, struct auth *auth, struct list_page *page,
    struct organization_row **organizations_out, size_t *n_out, struct errctx *ctx)
{
	struct place *places = NULL;
	const struct place_in in = { auth->public_id, 0, page->count, page->limit, page->offset };
	enum err err = read_places(store, auth, &organizations[page->sort][page->desc], &in, page,
	    &places, n_out, ctx);

	if (err)
		return err;
	struct organization_row *rows = xcalloc(*n_out + 1, sizeof(*rows));
	for (size_t i = 0; i < *n_out; i++)
		rows[i] = to_organization(&places[i]);
	free(places);
	*organizations_out = rows;
	return OK;
}

enum err
organization_get(struct store *store, struct auth *auth, int64_t id,
    struct organization_row *organization_out, struct errctx *ctx)
{
	struct place place;
	enum err err =
	    read_place(store, auth, &organization_one, id, "no such organization", &place, ctx);

	if (!err)
		*organization_out = to_organization(&place);
	return err;
}

/* ---- membership, inside transactions ---- */

struct member_io {
	int64_t team_id, person_id;
};
static const struct col member_in[] = { COL(INT, struct member_io, team_id),
	COL(INT, struct member_io, person_id) };
static const struct col member_out[] = { COL(INT, struct member_io, team_id) };
static const struct stmt member_select = { "team_member",
	"SELECT team_id FROM team_member WHERE team_id = ? AND person_id = ?", member_in,
	COL_N(member_in), member_out, COL_N(member_out) };
static const struct stmt member_insert = { "team_member_add",
	"INSERT IGNORE INTO team_member (team_id, person_id) VALUES (?, ?)", member_in,
	COL_N(member_in), NULL, 0 };

enum err
team_hide_from_others(struct store *store, int64_t team_id, int64_t person_id, struct errctx *ctx)
{
	struct member_io io = { team_id, person_id };

	return stmt_one(store->db, &member_select, &io, &io, ctx);
}

enum err
team_require_member(struct store *store, int64_t team_id, int64_t person_id, struct errctx *ctx)
{
	struct member_io io = { team_id, person_id };
	enum err err = stmt_one(store->db, &member_select, &io, &io, ctx);

	return err == ERR_NOT_FOUND
		   ? err_set(ctx, ERR_NOT_MEMBER, "teamId", "you are no member of this team")
		   : err;
}

enum err
team_add_member_in(struct store *store, int64_t team_id, int64_t person_id, bool *added_out,
    struct errctx *ctx)
{
	int64_t affected = 0;
	enum err err = stmt_run(store->db, &member_insert,
	    &(struct member_io){ team_id, person_id }, &affected, ctx);

	if (!err)
		*added_out = affected > 0;
	return err;
}
