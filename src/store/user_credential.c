/* SPDX-License-Identifier: Apache-2.0 */
/* User credentials as their owners read them, and the way to the sealed definition. */
#include "store/user_credential.h"

#include <string.h>

#include "base/alloc.h"
#include "user_credential_columns.h"

/* ---- sealed values ---- */

struct seal_context
user_credential_context(const struct user_credential_place *place, const char *table,
    const char *field, unsigned char policy[SEAL_POLICY_SIZE])
{
	seal_policy_digest(place->mode, place->allowed_hosts, policy);
	return (struct seal_context){
		.table = table,
		.row = place->uuid,
		.field = field,
		.team_id = place->team_id,
		.policy = policy,
	};
}

enum err
user_credential_open(struct store *store, const struct user_credential_place *place,
    const struct bytes *sealed, json_t **definition_out, struct errctx *ctx)
{
	auto_secret struct secret text = { 0 };
	unsigned char policy[SEAL_POLICY_SIZE];
	const struct seal_context context =
	    user_credential_context(place, "user_credential", "definition", policy);
	enum err err = store_open(store, &context, sealed, &text, ctx);

	if (err)
		return err;
	if (json_parse(secret_text(&text), text.len, definition_out, NULL))
		return err_set(ctx, ERR_INTEGRITY, "", "a stored definition cannot be read");
	return OK;
}

enum err
user_credential_seal(struct store *store, const struct user_credential_place *place,
    const json_t *definition, struct bytes *out, struct errctx *ctx)
{
	auto_wipe char *text = json_text(definition);
	unsigned char policy[SEAL_POLICY_SIZE];
	const struct seal_context context =
	    user_credential_context(place, "user_credential", "definition", policy);

	return store_seal(store, &context, text, strlen(text), out, ctx);
}

/* ---- one ---- */

struct get_in {
	int64_t id;
	const char *public_id;
};
static const struct col get_in[] = { COL(INT, struct get_in, id),
	COL(TEXT, struct get_in, public_id) };
struct get_row {
	struct auth_row auth;
	struct user_credential credential;
};
static const struct col get_out[] = { AUTH_COLS(struct get_row, auth),
	USER_CREDENTIAL_COLS(struct get_row, credential) };
static const struct stmt get = { "user_credential_get",
	"SELECT " AUTH_COLUMNS ", " USER_CREDENTIAL_COLUMNS " FROM api_token k "
	"JOIN user_credential c JOIN team_member m ON m.team_id = c.team_id AND m.person_id = "
	"k.person_id "
	"JOIN person o ON o.id = c.owner_id WHERE c.id = ? AND k.public_id = ?",
	get_in, COL_N(get_in), get_out, COL_N(get_out) };

/* For user_credential_free() only: the columns of a credential alone. */
static const struct col alone_out[] = { USER_CREDENTIAL_COLS(struct get_row, credential) };
static const struct stmt alone = { .out = alone_out, .n_out = COL_N(alone_out) };

void
user_credential_free(struct user_credential *credential)
{
	struct get_row row = { .credential = *credential };

	stmt_row_free(&alone, &row);
	*credential = (struct user_credential){ 0 };
}

enum err
user_credential_get(struct store *store, struct auth *auth, int64_t id,
    struct user_credential *credential_out, struct errctx *ctx)
{
	void *rows = NULL;
	size_t n = 0;
	enum err err = auth_read(store, auth, &get, &(struct get_in){ id, auth->public_id },
	    sizeof(struct get_row), &rows, &n, ctx);

	if (err)
		return err;
	struct get_row *row = rows;
	if (row->credential.place.id) {
		*credential_out = row->credential;
		row->credential = (struct user_credential){ 0 };
	} else {
		err = err_set(ctx, ERR_NOT_FOUND, "", "no such credential");
	}
	stmt_rows_free(&get, sizeof(struct get_row), &rows, n);
	return err;
}

/* ---- a page ---- */

struct list_in {
	const char *public_id;
	int64_t team_id, folder_id;
	int64_t restricted; /* -1: any, 0 and 1: without and with allowed hosts, 2: neither */
	int64_t limit, offset;
};
/* What the fragment MINE asks for. */
#define MINE_COLS                                                                                  \
	COL(TEXT, struct list_in, public_id), COL(INT0, struct list_in, team_id),                  \
	    COL(INT0, struct list_in, team_id), COL(INT0, struct list_in, folder_id),              \
	    COL(INT0, struct list_in, folder_id), COL(INT, struct list_in, restricted),            \
	    COL(INT, struct list_in, restricted)
/* The optimizer of MariaDB folds the parts that a NULL switches off, at each execution. */
#define MINE                                                                                       \
	"FROM api_token a JOIN team_member m ON m.person_id = a.person_id "                        \
	"JOIN user_credential c ON c.team_id = m.team_id JOIN person o ON o.id = c.owner_id "      \
	"WHERE a.public_id = ? AND (? IS NULL OR c.team_id = ?) AND (? IS NULL OR c.folder_id = "  \
	"?) AND (? < 0 OR (c.allowed_hosts <> '[]') = ?)"
static const struct col list_in[] = { COL(INT0, struct list_in, team_id),
	COL(INT0, struct list_in, team_id), MINE_COLS, MINE_COLS, COL(INT, struct list_in, limit),
	COL(INT, struct list_in, offset), COL(TEXT, struct list_in, public_id) };
struct list_row {
	struct auth_row auth;
	bool member;
	int64_t total;
	struct user_credential credential;
};
static const struct col list_out[] = { AUTH_COLS(struct list_row, auth),
	COL(BOOL, struct list_row, member), COL(INT, struct list_row, total),
	USER_CREDENTIAL_COLS(struct list_row, credential) };
static const struct stmt list = { "user_credential_list",
	"SELECT " AUTH_COLUMNS ", ? IS NULL OR EXISTS (SELECT 1 FROM team_member e "
	"WHERE e.team_id = ? AND e.person_id = k.person_id), (SELECT COUNT(*) " MINE "), p.* "
	"FROM api_token k LEFT JOIN (SELECT " USER_CREDENTIAL_COLUMNS " " MINE
	" ORDER BY c.id LIMIT ? OFFSET ?) p ON TRUE WHERE k.public_id = ? ORDER BY p.id",
	list_in, COL_N(list_in), list_out, COL_N(list_out) };

/* Take the credentials out of the rows; a page past the end is one row without any. */
static void
take_page(struct list_row *rows, size_t n, struct user_credential_page *page)
{
	*page = (struct user_credential_page){ .total = rows->total };
	page->rows = xcalloc(n, sizeof(*page->rows));
	for (size_t i = 0; i < n && rows[i].credential.place.id; i++) {
		page->rows[page->n++] = rows[i].credential;
		rows[i].credential = (struct user_credential){ 0 };
	}
}

enum err
user_credential_list(struct store *store, struct auth *auth,
    const struct user_credential_filter *filter, struct user_credential_page *page_out,
    struct errctx *ctx)
{
	static const int64_t restricted[] = {
		[RESTRICTION_ANY] = -1,
		[RESTRICTION_NONE] = 0,
		[RESTRICTION_SOME] = 1,
		[RESTRICTION_NOTHING] = 2,
	};
	const struct list_in in = { auth->public_id, filter->team_id, filter->folder_id,
		restricted[filter->restriction], filter->limit, filter->offset };
	void *rows = NULL;
	size_t n = 0;
	enum err err = auth_read(store, auth, &list, &in, sizeof(struct list_row), &rows, &n, ctx);

	if (err)
		return err;
	if (((struct list_row *)rows)->member)
		take_page(rows, n, page_out);
	else
		err = err_set(ctx, ERR_NOT_FOUND, "team_id", "no such team");
	stmt_rows_free(&list, sizeof(struct list_row), &rows, n);
	return err;
}

void
user_credential_page_free(struct user_credential_page *page)
{
	for (size_t i = 0; i < page->n; i++)
		user_credential_free(&page->rows[i]);
	free(page->rows);
	*page = (struct user_credential_page){ 0 };
}
