/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of credential requests: filters, orders and pages, each call one statement. */
#include "store/request.h"

#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/json.h"
#include "request_columns.h"
#include "request_name.h"

struct list_in {
	const char *public_id;
	int64_t team_id, requester_id, provider_id;
	const char *status, *pattern;
	const char *parts[REQUEST_NAME_PARTS];
	bool count, app_names, provider;
	int64_t limit, offset;
};
struct list_row {
	struct auth_row auth;
	struct auth_list list;
	struct request_row request;
};
static const struct auth_thing list_thing = AUTH_THING(struct list_row, request, id);
static const struct col list_out[] = {
	AUTH_COLS(struct list_row, auth),
	AUTH_LIST_COLS(struct list_row, list),
	REQUEST_COLS(struct list_row, request),
};

/* ---- which rows, in order ---- */

/* One statement per order, and per what is asked for. Which rows belong to the page is found first,
 * in the index of that order, which has all columns that a list is filtered by; the rows themselves
 * are read then, so that a deep page and a seldom name cost no rows that are not shown. The
 * database is told which index it is: left alone it sorts by what it has read from another. */
#define OF_TEAM(index) "FROM credential_request r FORCE INDEX (" index ") WHERE r.team_id = ? "
#define OF_TEAM_COLS COL(INT, struct list_in, team_id)
#define IN_STATUS "AND r.status = ? "
#define IN_STATUS_COLS COL(TEXT, struct list_in, status)
#define NAMED "AND r.name LIKE ? ESCAPE '!' "
#define NAMED_COLS COL(TEXT, struct list_in, pattern)
#define MATCHES                                                                                    \
	"AND (? IS NULL OR r.requester_id = ?) AND (? IS NULL OR r.provider_id = ?) "              \
	"AND (? IS NULL OR r.name LIKE ? ESCAPE '!') "
#define MATCHES_COLS                                                                               \
	COL(INT0, struct list_in, requester_id), COL(INT0, struct list_in, requester_id),          \
	    COL(INT0, struct list_in, provider_id), COL(INT0, struct list_in, provider_id),        \
	    COL(TEXT, struct list_in, pattern), COL(TEXT, struct list_in, pattern)

/* ---- filters that few rows pass ---- */

/* An index of the order is read until the page is full: the fewer rows pass, the more are looked
 * at. So of a filter that has a place to look it up, the database first looks whether it is FEW:
 * then those rows are taken from there and sorted, else the order is followed as ever. Both ways
 * stand in one statement; of the one that is not gone nothing is read. */
#define MANY "200"
#define IS_FEW(from) "(SELECT 1 FROM " from " LIMIT 1 OFFSET " MANY ") IS NULL "

#define OF_PERSON(who)                                                                             \
	"credential_request q FORCE INDEX (request_" who ") WHERE q." who                          \
	"_id = ? AND q.team_id = ? "
#define OF_PERSON_COLS(who) COL(INT, struct list_in, who##_id), COL(INT, struct list_in, team_id)
#define FEW_OF_PERSON(who, if_few)                                                                 \
	"FROM credential_request r FORCE INDEX (request_" who ") WHERE r." who                     \
	"_id = ? AND r.team_id = ? " if_few

#define PART(name) REQUEST_NAME_PART("? COLLATE utf8mb4_unicode_ci") " " name
#define BEGINS(name) "n.part BETWEEN w." name " AND RPAD(w." name ", 17, X'FF')"
#define OF_NAME                                                                                    \
	"(SELECT " PART("a") ", " PART("b") ", " PART(                                             \
	    "c") ") w STRAIGHT_JOIN request_name_part n "                                          \
		 "WHERE n.team_id = ? AND (" BEGINS("a") " OR " BEGINS("b") " OR " BEGINS(         \
		     "c") ") "
#define OF_NAME_COLS                                                                               \
	COL(TEXT, struct list_in, parts[0]), COL(TEXT, struct list_in, parts[1]),                  \
	    COL(TEXT, struct list_in, parts[2]), COL(INT, struct list_in, team_id)
_Static_assert(REQUEST_NAME_PARTS == 3, "a, b and c");
#define FEW_OF_NAME(if_few)                                                                        \
	"FROM (SELECT DISTINCT n.request_id FROM " OF_NAME if_few ") f "                           \
	"STRAIGHT_JOIN credential_request r ON r.id = f.request_id WHERE r.team_id = ? "

/* ---- statements ---- */

/* Macros take a list of columns as one argument. */
#define LIST_OF(...) __VA_ARGS__
#define LIST_COLS(counted, shown)                                                                  \
	COL(BOOL, struct list_in, count), counted, COL(BOOL, struct list_in, app_names),           \
	    COL(INT, struct list_in, team_id), shown, COL(BOOL, struct list_in, provider),         \
	    COL(TEXT, struct list_in, public_id)
#define PAGE_COLS COL(INT, struct list_in, limit), COL(INT, struct list_in, offset)
#define ONE_WAY_COLS(...) LIST_COLS(LIST_OF(__VA_ARGS__), LIST_OF(__VA_ARGS__, PAGE_COLS))
/* `of`: of what is looked up; `team`: what the statement has between that and the other filters. */
#define TWO_WAYS_COLS(of, team, ...)                                                               \
	LIST_COLS(LIST_OF(of, of, LIST_OF team __VA_ARGS__, OF_TEAM_COLS, __VA_ARGS__),            \
	    LIST_OF(OF_TEAM_COLS, __VA_ARGS__, of, PAGE_COLS, of, of, LIST_OF team __VA_ARGS__,    \
		PAGE_COLS))

static const struct col all_in[] = { ONE_WAY_COLS(OF_TEAM_COLS) };
static const struct col named_in[] = { ONE_WAY_COLS(OF_TEAM_COLS, NAMED_COLS) };
static const struct col matching_in[] = { ONE_WAY_COLS(OF_TEAM_COLS, MATCHES_COLS) };
static const struct col status_in[] = { ONE_WAY_COLS(OF_TEAM_COLS, IN_STATUS_COLS) };
static const struct col status_named_in[] = { ONE_WAY_COLS(OF_TEAM_COLS, IN_STATUS_COLS,
    NAMED_COLS) };
static const struct col status_matching_in[] = { ONE_WAY_COLS(OF_TEAM_COLS, IN_STATUS_COLS,
    MATCHES_COLS) };
#define FEW_IN(which, of, team)                                                                    \
	static const struct col few_##which##_in[] = { TWO_WAYS_COLS(LIST_OF(of), team,            \
	    MATCHES_COLS) };                                                                       \
	static const struct col status_few_##which##_in[] = { TWO_WAYS_COLS(LIST_OF(of), team,     \
	    IN_STATUS_COLS, MATCHES_COLS) }
FEW_IN(of_name, OF_NAME_COLS, (OF_TEAM_COLS, ));
FEW_IN(of_requester, OF_PERSON_COLS(requester), ());
FEW_IN(of_provider, OF_PERSON_COLS(provider), ());

#define LIST(counted, many, shown, order, binds)                                                   \
	{                                                                                          \
		"request_list",                                                                    \
		    "SELECT " AUTH_COLUMNS ", m.team_id, CASE WHEN ? THEN " counted " END, " many  \
		    ", " REQUEST_COLUMNS " FROM api_token k "                                      \
		    "LEFT JOIN (team_member m JOIN team t ON t.id = m.team_id) "                   \
		    "ON m.person_id = k.person_id AND m.team_id = ? "                              \
		    "LEFT JOIN (" shown ") i ON m.team_id IS NOT NULL "                            \
		    "LEFT JOIN credential_request r ON r.id = i.id "                               \
		    "LEFT JOIN person p ON ? AND p.id = r.provider_id "                            \
		    "WHERE k.public_id = ? ORDER BY " order,                                       \
		    binds, COL_N(binds), list_out, COL_N(list_out)                                 \
	}
#define COUNTED(which) "(SELECT COUNT(*) " which ")"
#define SHOWN(which, many, order)                                                                  \
	"SELECT r.id, " many " AS many " which "ORDER BY " order " LIMIT ? OFFSET ?"
#define ONE_WAY(which, order, binds)                                                               \
	LIST(COUNTED(which), "FALSE", SHOWN(which, "FALSE", order), order, binds)
#define TWO_WAYS(which, of, few, where, order, binds)                                              \
	LIST("CASE WHEN " IS_FEW(of) "THEN " COUNTED(few("") where) " ELSE " COUNTED(              \
		 which) " END",                                                                    \
	    "i.many",                                                                              \
	    "(" SHOWN(which "AND NOT " IS_FEW(of), "TRUE",                                         \
		order) ") UNION ALL (" SHOWN(few("AND " IS_FEW(of)) where, "FALSE", order) ")",    \
	    order, binds)
#define UP(column) "r." column ", r.id"
#define DOWN(column) "r." column " DESC, r.id DESC"
#define ONE_BOTH(index, where, column, binds)                                                      \
	{                                                                                          \
		ONE_WAY(OF_TEAM(index) where, UP(column), binds),                                  \
		    ONE_WAY(OF_TEAM(index) where, DOWN(column), binds)                             \
	}
#define TWO_BOTH(index, of, few, where, column, binds)                                             \
	{                                                                                          \
		TWO_WAYS(OF_TEAM(index) where, of, few, where, UP(column), binds),                 \
		    TWO_WAYS(OF_TEAM(index) where, of, few, where, DOWN(column), binds)            \
	}
/* `newest`: the index of the order that clients page through. */
#define ALL_SORTS(newest, where, binds)                                                            \
	{                                                                                          \
		[REQUEST_BY_CREATED] = ONE_BOTH(newest, where, "created_at", binds),               \
		[REQUEST_BY_UPDATED] = ONE_BOTH("request_updated", where, "updated_at", binds),    \
		[REQUEST_BY_EXPIRES] = ONE_BOTH("request_expires", where, "expires_at", binds),    \
		[REQUEST_BY_NAME] = ONE_BOTH("request_name", where, "name", binds),                \
	}
#define FEW_SORTS(newest, of, few, where, binds)                                                   \
	{                                                                                          \
		[REQUEST_BY_CREATED] = TWO_BOTH(newest, of, few, where, "created_at", binds),      \
		[REQUEST_BY_UPDATED] =                                                             \
		    TWO_BOTH("request_updated", of, few, where, "updated_at", binds),              \
		[REQUEST_BY_EXPIRES] =                                                             \
		    TWO_BOTH("request_expires", of, few, where, "expires_at", binds),              \
		[REQUEST_BY_NAME] = TWO_BOTH("request_name", of, few, where, "name", binds),       \
	}
#define FEW(of, few, binds)                                                                        \
	{                                                                                          \
		FEW_SORTS("request_list", of, few, MATCHES, binds),                                \
		    FEW_SORTS("request_status", of, few, IN_STATUS MATCHES, status_##binds)        \
	}
#define FEW_OF_REQUESTER(if_few) FEW_OF_PERSON("requester", if_few)
#define FEW_OF_PROVIDER(if_few) FEW_OF_PERSON("provider", if_few)

enum filtered {
	FEW_OF_A_PROVIDER,
	FEW_OF_A_NAME,
	FEW_OF_A_REQUESTER,
	FEW_COUNT,
	BY_NOTHING = FEW_COUNT,
	BY_NAME,
	BY_MORE,
	FILTERED_COUNT
};
static const struct stmt lists[FILTERED_COUNT][2][REQUEST_SORT_COUNT][2] = {
	[FEW_OF_A_PROVIDER] = FEW(OF_PERSON("provider"), FEW_OF_PROVIDER, few_of_provider_in),
	[FEW_OF_A_NAME] = FEW(OF_NAME, FEW_OF_NAME, few_of_name_in),
	[FEW_OF_A_REQUESTER] = FEW(OF_PERSON("requester"), FEW_OF_REQUESTER, few_of_requester_in),
	[BY_NOTHING] = { ALL_SORTS("request_list", "", all_in),
	    ALL_SORTS("request_status", IN_STATUS, status_in) },
	[BY_NAME] = { ALL_SORTS("request_list", NAMED, named_in),
	    ALL_SORTS("request_status", IN_STATUS NAMED, status_named_in) },
	[BY_MORE] = { ALL_SORTS("request_list", MATCHES, matching_in),
	    ALL_SORTS("request_status", IN_STATUS MATCHES, status_matching_in) },
};

/* ---- what is known to be many ---- */

/* The look costs a few tenths of a millisecond, so what was many is not looked at again for a
 * while; mostly it is the next page of the same list. A wrong guess costs time only. */
#define KNOWN_SLOTS 256
#define KNOWN_MS (10 * 60 * 1000)
struct known {
	uint64_t key;
	int64_t until_ms; /* monotonic */
};
static struct known known_many[KNOWN_SLOTS];

static uint64_t
key_of(const struct list_in *in, enum filtered few)
{
	uint64_t key = hash_add(HASH_START, &in->team_id, sizeof(in->team_id));

	key = hash_add(key, &few, sizeof(few));
	if (few == FEW_OF_A_NAME)
		return hash_add_text(key, in->pattern);
	return few == FEW_OF_A_PROVIDER
		   ? hash_add(key, &in->provider_id, sizeof(in->provider_id))
		   : hash_add(key, &in->requester_id, sizeof(in->requester_id));
}

static bool
is_known_many(uint64_t key)
{
	const struct known *known = &known_many[key % KNOWN_SLOTS];

	return known->key == key && clock_monotonic_ms() < known->until_ms;
}

/* The way that promises most: by what can be looked up and is not known to be many. */
static enum filtered
way_of(const struct list_in *in)
{
	const bool can[FEW_COUNT] = {
		[FEW_OF_A_PROVIDER] = in->provider_id != 0,
		[FEW_OF_A_NAME] = in->parts[0] != NULL,
		[FEW_OF_A_REQUESTER] = in->requester_id != 0,
	};

	for (enum filtered few = 0; few < FEW_COUNT; few++)
		if (can[few] && !is_known_many(key_of(in, few)))
			return few;
	return in->requester_id || in->provider_id ? BY_MORE : in->pattern ? BY_NAME : BY_NOTHING;
}

static void
learn(const struct list_in *in, enum filtered way, bool many)
{
	if (!many || way >= FEW_COUNT)
		return;
	uint64_t key = key_of(in, way);
	known_many[key % KNOWN_SLOTS] = (struct known){ key, clock_monotonic_ms() + KNOWN_MS };
}

/* ---- one list ---- */

/* `part` anywhere, taken literally: '!' is the escape character of the statement. */
static char *
like_pattern(const char *part)
{
	auto_buf struct buf pattern = BUF_INIT(2 * strlen(part) + 2);

	buf_add_char(&pattern, '%');
	for (; *part; part++) {
		if (strchr("!%_", *part))
			buf_add_char(&pattern, '!');
		buf_add_char(&pattern, *part);
	}
	buf_add_char(&pattern, '%');
	return buf_take(&pattern);
}

static enum err
list_run(struct store *store, struct auth *auth, const struct list_in *in, struct list_page *page,
    struct request_row **requests_out, size_t *n_out, struct errctx *ctx)
{
	enum filtered way = way_of(in);
	const struct stmt *stmt = &lists[way][in->status != NULL][page->sort][page->desc];
	struct auth_list list;
	void *things = NULL;
	enum err err =
	    auth_read_of_team(store, auth, stmt, in, &list_thing, &list, &things, n_out, ctx);

	if (err)
		return err;
	*requests_out = things;
	page->total = list.total;
	learn(in, way, list.many);
	return OK;
}

enum err
request_list(struct store *store, struct auth *auth, const struct request_filter *filter,
    const struct request_extra *extra, struct list_page *page, struct request_row **requests_out,
    size_t *n_out, struct errctx *ctx)
{
	auto_free char *pattern = filter->name ? like_pattern(filter->name) : NULL;
	char *parts[REQUEST_NAME_PARTS] = { NULL };
	struct list_in in = { .public_id = auth->public_id,
		.team_id = filter->team_id,
		.requester_id = filter->requester_id,
		.provider_id = filter->provider_id,
		.status = filter->status,
		.pattern = pattern,
		.count = page->count,
		.app_names = extra->app_names,
		.provider = extra->provider,
		.limit = page->limit,
		.offset = page->offset };

	if (filter->name)
		request_name_parts(filter->name, parts);
	for (size_t i = 0; i < REQUEST_NAME_PARTS; i++)
		in.parts[i] = parts[i];
	enum err err = list_run(store, auth, &in, page, requests_out, n_out, ctx);
	for (size_t i = 0; i < REQUEST_NAME_PARTS; i++)
		free(parts[i]);
	return err;
}
