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
/* Primary keys alone: see MEMBERS_REQUEST of request.c. */
static const struct stmt get = { "user_credential_get",
	"SELECT " AUTH_COLUMNS ", " USER_CREDENTIAL_COLUMNS
	" FROM api_token k USE INDEX (PRIMARY) JOIN user_credential c USE INDEX (PRIMARY) "
	"JOIN team_member m USE INDEX (PRIMARY) ON m.team_id = c.team_id AND m.person_id = "
	"k.person_id JOIN person o USE INDEX (PRIMARY) ON o.id = c.owner_id "
	"WHERE c.id = ? AND k.public_id = ?",
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
	static const struct auth_thing thing = AUTH_THING(struct get_row, credential, place.id);
	enum err err = auth_read_one(store, auth, &get, &(struct get_in){ id, auth->public_id },
	    &thing, credential_out, ctx);

	return err == ERR_NOT_FOUND ? err_set(ctx, err, "", "no such credential") : err;
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
	struct auth_list list;
	struct user_credential credential;
};
static const struct col list_out[] = { AUTH_COLS(struct list_row, auth),
	AUTH_LIST_COLS(struct list_row, list), USER_CREDENTIAL_COLS(struct list_row, credential) };
static const struct stmt list = { "user_credential_list",
	"SELECT " AUTH_COLUMNS ", ? IS NULL OR EXISTS (SELECT 1 FROM team_member e "
	"WHERE e.team_id = ? AND e.person_id = k.person_id), (SELECT COUNT(*) " MINE
	"), FALSE, p.* "
	"FROM api_token k LEFT JOIN (SELECT " USER_CREDENTIAL_COLUMNS " " MINE
	" ORDER BY c.id LIMIT ? OFFSET ?) p ON TRUE WHERE k.public_id = ? ORDER BY p.id",
	list_in, COL_N(list_in), list_out, COL_N(list_out) };

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
	static const struct auth_thing thing = AUTH_THING(struct list_row, credential, place.id);
	struct user_credential_page page = { 0 };
	struct auth_list found;
	void *things = NULL;
	enum err err =
	    auth_read_list(store, auth, &list, &in, &thing, &found, &things, &page.n, ctx);

	if (!err && !found.seen)
		err = err_set(ctx, ERR_NOT_FOUND, "team_id", "no such team");
	if (err)
		return err;
	page.rows = things;
	page.total = found.total;
	*page_out = page;
	return OK;
}

void
user_credential_page_free(struct user_credential_page *page)
{
	for (size_t i = 0; i < page->n; i++)
		user_credential_free(&page->rows[i]);
	free(page->rows);
	*page = (struct user_credential_page){ 0 };
}
