/* SPDX-License-Identifier: Apache-2.0 */
/* Credential requests as they are read: lists, one, one with all that belongs to it. */
#include "store/request.h"

#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/crypt.h"
#include "request_columns.h"

const char *const request_status_names[REQUEST_STATUS_COUNT + 1] = { "pending", "authorized",
	"partially_authorized", "declined", "incomplete", "invalid", NULL };

void
request_link_hash(const unsigned char secret[REQUEST_SECRET_SIZE],
    unsigned char hash_out[REQUEST_LINK_HASH])
{
	crypt_sha256(secret, REQUEST_SECRET_SIZE, hash_out);
}

bool
request_secret_is_one(const char *text)
{
	unsigned char *data = NULL;
	size_t len = 0;

	if (strlen(text) != REQUEST_SECRET_TEXT - 1 ||
	    crypt_base64url_decode(text, REQUEST_SECRET_TEXT - 1, &data, &len))
		return false;
	explicit_bzero(data, len);
	free(data);
	return len == REQUEST_SECRET_SIZE;
}

struct request_shape {
	struct request_row request;
};
static const struct col shape_out[] = { REQUEST_COLS(struct request_shape, request) };
static const struct stmt shape = { .out = shape_out, .n_out = COL_N(shape_out) };

void
request_free(struct request_row *request)
{
	stmt_row_free(&shape, request);
}

void
request_list_free(struct request_row **requests, size_t n)
{
	for (size_t i = 0; i < n; i++)
		request_free(*requests + i);
	free(*requests);
	*requests = NULL;
}

/* ---- lists ---- */

struct list_in {
	const char *public_id;
	int64_t team_id, requester_id, provider_id;
	const char *status, *pattern;
	bool count, app_names, provider;
	int64_t limit, offset;
};
struct list_row {
	struct auth_row auth;
	int64_t member_of, total;
	struct request_row request;
};
static const struct col list_out[] = {
	AUTH_COLS(struct list_row, auth),
	COL(INT, struct list_row, member_of),
	COL(INT, struct list_row, total),
	REQUEST_COLS(struct list_row, request),
};

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

#define LIST_COLS(...)                                                                             \
	COL(BOOL, struct list_in, count), __VA_ARGS__, COL(BOOL, struct list_in, app_names),       \
	    COL(INT, struct list_in, team_id), __VA_ARGS__, COL(INT, struct list_in, limit),       \
	    COL(INT, struct list_in, offset), COL(BOOL, struct list_in, provider),                 \
	    COL(TEXT, struct list_in, public_id)
static const struct col all_in[] = { LIST_COLS(OF_TEAM_COLS) };
static const struct col named_in[] = { LIST_COLS(OF_TEAM_COLS, NAMED_COLS) };
static const struct col matching_in[] = { LIST_COLS(OF_TEAM_COLS, MATCHES_COLS) };
static const struct col status_in[] = { LIST_COLS(OF_TEAM_COLS, IN_STATUS_COLS) };
static const struct col status_named_in[] = { LIST_COLS(OF_TEAM_COLS, IN_STATUS_COLS, NAMED_COLS) };
static const struct col status_matching_in[] = { LIST_COLS(OF_TEAM_COLS, IN_STATUS_COLS,
    MATCHES_COLS) };

#define LIST(which, order, binds)                                                                  \
	{                                                                                          \
		"request_list",                                                                    \
		    "SELECT " AUTH_COLUMNS ", m.team_id, CASE WHEN ? THEN (SELECT COUNT(*) " which \
		    ") END, " REQUEST_COLUMNS " FROM api_token k "                                 \
		    "LEFT JOIN (team_member m JOIN team t ON t.id = m.team_id) "                   \
		    "ON m.person_id = k.person_id AND m.team_id = ? "                              \
		    "LEFT JOIN (SELECT r.id " which "ORDER BY " order " LIMIT ? OFFSET ?) i "      \
		    "ON m.team_id IS NOT NULL LEFT JOIN credential_request r ON r.id = i.id "      \
		    "LEFT JOIN person p ON ? AND p.id = r.provider_id "                            \
		    "WHERE k.public_id = ? ORDER BY " order,                                       \
		    binds, COL_N(binds), list_out, COL_N(list_out)                                 \
	}
#define BOTH_WAYS(which, column, binds)                                                            \
	{                                                                                          \
		LIST(which, "r." column ", r.id", binds),                                          \
		    LIST(which, "r." column " DESC, r.id DESC", binds)                             \
	}
/* `newest`: the index of the order that clients page through. */
#define ALL_SORTS(newest, where, binds)                                                            \
	{                                                                                          \
		[REQUEST_BY_CREATED] = BOTH_WAYS(OF_TEAM(newest) where, "created_at", binds),      \
		[REQUEST_BY_UPDATED] =                                                             \
		    BOTH_WAYS(OF_TEAM("request_updated") where, "updated_at", binds),              \
		[REQUEST_BY_EXPIRES] =                                                             \
		    BOTH_WAYS(OF_TEAM("request_expires") where, "expires_at", binds),              \
		[REQUEST_BY_NAME] = BOTH_WAYS(OF_TEAM("request_name") where, "name", binds),       \
	}
enum filtered { BY_NOTHING, BY_NAME, BY_MORE, FILTERED_COUNT };
static const struct stmt lists[FILTERED_COUNT][2][REQUEST_SORT_COUNT][2] = {
	{ ALL_SORTS("request_list", "", all_in),
	    ALL_SORTS("request_status", IN_STATUS, status_in) },
	{ ALL_SORTS("request_list", NAMED, named_in),
	    ALL_SORTS("request_status", IN_STATUS NAMED, status_named_in) },
	{ ALL_SORTS("request_list", MATCHES, matching_in),
	    ALL_SORTS("request_status", IN_STATUS MATCHES, status_matching_in) },
};

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

/* Move the requests out of the rows that have one. */
static size_t
take_requests(struct list_row *rows, size_t n, struct request_row *requests)
{
	size_t found = 0;

	for (size_t i = 0; i < n; i++) {
		if (uuid_is_nil(&rows[i].request.id))
			continue;
		requests[found++] = rows[i].request;
		rows[i].request = (struct request_row){ 0 };
	}
	return found;
}

enum err
request_list(struct store *store, struct auth *auth, const struct request_filter *filter,
    const struct request_extra *extra, struct list_page *page, struct request_row **requests_out,
    size_t *n_out, struct errctx *ctx)
{
	auto_free char *pattern = filter->name ? like_pattern(filter->name) : NULL;
	enum filtered filtered = filter->requester_id || filter->provider_id ? BY_MORE
				 : filter->name                              ? BY_NAME
									     : BY_NOTHING;
	const struct stmt *stmt = &lists[filtered][filter->status != NULL][page->sort][page->desc];
	const struct list_in in = { auth->public_id, filter->team_id, filter->requester_id,
		filter->provider_id, filter->status, pattern, page->count, extra->app_names,
		extra->provider, page->limit, page->offset };
	void *rows = NULL;
	size_t n = 0;
	enum err err = auth_read(store, auth, stmt, &in, sizeof(struct list_row), &rows, &n, ctx);

	if (err)
		return err;
	struct list_row *row = rows;
	if (row->member_of) {
		*requests_out = xcalloc(n, sizeof(**requests_out));
		*n_out = take_requests(row, n, *requests_out);
		page->total = row->total;
	} else {
		err = err_set(ctx, ERR_NOT_MEMBER, "teamId", "you are no member of this team");
	}
	stmt_rows_free(stmt, sizeof(*row), &rows, n);
	return err;
}

/* ---- one ---- */

struct get_in {
	struct uuid id;
	const char *public_id;
	bool app_names, provider;
};
static const struct col get_in[] = {
	COL(BOOL, struct get_in, app_names),
	COL(BOOL, struct get_in, provider),
	COL(UUID, struct get_in, id),
	COL(TEXT, struct get_in, public_id),
};
struct get_row {
	struct auth_row auth;
	struct request_row request;
};
static const struct col get_out[] = { AUTH_COLS(struct get_row, auth),
	REQUEST_COLS(struct get_row, request) };
static const struct stmt get = { "request_get",
	"SELECT " AUTH_COLUMNS ", " REQUEST_COLUMNS " FROM api_token k "
	"JOIN credential_request r JOIN team_member m ON m.team_id = r.team_id AND m.person_id = "
	"k.person_id "
	"JOIN team t ON t.id = r.team_id LEFT JOIN person p ON ? AND p.id = r.provider_id "
	"WHERE r.id = ? AND k.public_id = ?",
	get_in, COL_N(get_in), get_out, COL_N(get_out) };

/* The same without what is read on request only, which is how it is mostly asked for. */
static const struct col plain_in[] = { COL(UUID, struct get_in, id),
	COL(TEXT, struct get_in, public_id) };
static const struct stmt get_plain = { "request_get_plain",
	"SELECT " AUTH_COLUMNS ", " REQUEST_PLAIN_COLUMNS " FROM api_token k "
	"JOIN credential_request r JOIN team_member m ON m.team_id = r.team_id AND m.person_id = "
	"k.person_id "
	"JOIN team t ON t.id = r.team_id WHERE r.id = ? AND k.public_id = ?",
	plain_in, COL_N(plain_in), get_out, COL_N(get_out) };

enum err
request_get(struct store *store, struct auth *auth, const struct uuid *id,
    const struct request_extra *extra, struct request_row *request_out, struct errctx *ctx)
{
	const struct get_in in = { *id, auth->public_id, extra->app_names, extra->provider };
	void *rows = NULL;
	size_t n = 0;
	const struct stmt *stmt = extra->app_names || extra->provider ? &get : &get_plain;
	enum err err = auth_read(store, auth, stmt, &in, sizeof(struct get_row), &rows, &n, ctx);

	if (err)
		return err;
	struct get_row *row = rows;
	if (uuid_is_nil(&row->request.id)) {
		err = err_set(ctx, ERR_NOT_FOUND, "", "no such credential request");
	} else {
		*request_out = row->request;
		row->request = (struct request_row){ 0 };
	}
	stmt_rows_free(&get, sizeof(*row), &rows, n);
	return err;
}

/* ---- one with its people and credentials ---- */

struct detail_row {
	struct auth_row auth;
	struct request_row request;
	struct request_person requester;
	struct credential credential;
};
static const struct col whole_in[] = { COL(BOOL, struct get_in, app_names),
	COL(UUID, struct get_in, id), COL(TEXT, struct get_in, public_id) };
static const struct col whole_out[] = {
	AUTH_COLS(struct detail_row, auth),
	REQUEST_COLS(struct detail_row, request),
	COL(INT, struct detail_row, requester.id),
	COL(TEXT, struct detail_row, requester.email),
	COL(TEXT, struct detail_row, requester.name),
	CREDENTIAL_COLS(struct detail_row, credential),
};
static const struct stmt detail_select = { "request_detail",
	"SELECT " AUTH_COLUMNS ", " REQUEST_COLUMNS ", q.id, q.email, q.name, " CREDENTIAL_COLUMNS
	" FROM api_token k "
	"LEFT JOIN (credential_request r JOIN team_member m ON m.team_id = r.team_id "
	"JOIN team t ON t.id = r.team_id JOIN person p ON p.id = r.provider_id "
	"JOIN person q ON q.id = r.requester_id JOIN credential c ON c.request_id = r.id) "
	"ON r.id = ? AND m.person_id = k.person_id WHERE k.public_id = ? ORDER BY c.position",
	whole_in, COL_N(whole_in), whole_out, COL_N(whole_out) };

void
request_detail_free(struct request_detail *detail)
{
	request_free(&detail->request);
	free(detail->requester.email);
	free(detail->requester.name);
	for (size_t i = 0; i < detail->n_credentials; i++)
		credential_free(&detail->credentials[i]);
	free(detail->credentials);
	*detail = (struct request_detail){ 0 };
}

static void
take_detail(struct detail_row *rows, size_t n, struct request_detail *detail_out)
{
	struct request_detail detail = { .request = rows->request, .requester = rows->requester };

	detail.credentials = xcalloc(n, sizeof(*detail.credentials));
	detail.n_credentials = n;
	for (size_t i = 0; i < n; i++) {
		detail.credentials[i] = rows[i].credential;
		rows[i].credential = (struct credential){ 0 };
	}
	rows->request = (struct request_row){ 0 };
	rows->requester = (struct request_person){ 0 };
	*detail_out = detail;
}

enum err
request_detail(struct store *store, struct auth *auth, const struct uuid *id,
    struct request_detail *detail_out, struct errctx *ctx)
{
	/* the names of the apps stand in the credentials */
	const struct get_in in = { *id, auth->public_id, false, true };
	void *rows = NULL;
	size_t n = 0;
	enum err err =
	    auth_read(store, auth, &detail_select, &in, sizeof(struct detail_row), &rows, &n, ctx);

	if (err)
		return err;
	struct detail_row *row = rows;
	if (uuid_is_nil(&row->request.id))
		err = err_set(ctx, ERR_NOT_FOUND, "", "no such credential request");
	else
		take_detail(row, n, detail_out);
	stmt_rows_free(&detail_select, sizeof(*row), &rows, n);
	return err;
}
