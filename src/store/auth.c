/* SPDX-License-Identifier: Apache-2.0 */
/* The caller's token, checked by the same statement that reads what it asks for. */
#include "store/auth.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "base/crypt.h"
#include "base/scopes.h"

struct load_in {
	const char *public_id;
};
static const struct col load_in[] = { COL(TEXT, struct load_in, public_id) };
struct load_row {
	struct auth_row auth;
};
static const struct col load_out[] = { AUTH_COLS(struct load_row, auth) };

enum err
auth_accept(struct auth *auth, const struct keyring *keyring, const struct auth_row *row,
    struct errctx *ctx)
{
	static const unsigned char nobody[CRYPT_SHA256_SIZE];
	unsigned char mac[CRYPT_SHA256_SIZE];
	bool known = row && row->mac.len == sizeof(mac);
	enum err err = keyring_token_mac(keyring, auth->token, mac);

	if (err)
		return err_set(ctx, err, "", "this program cannot check tokens");
	/* An unknown token costs the same comparison as a wrong one. */
	bool equal = crypt_equal(mac, known ? row->mac.data : nobody, sizeof(mac));
	bool live = known && !row->revoked_at && (!row->expires_at || row->expires_at > row->now);
	if (!equal || !live)
		return err_set(ctx, ERR_UNAUTHENTICATED, "",
		    "the API token is unknown, revoked or expired");
	uint32_t scopes = (uint32_t)row->scopes;
	if (!scopes_allow(scopes, auth->need))
		return err_set(ctx, ERR_SCOPE, "", "the API token lacks the scope %s",
		    scopes_name(auth->need));
	auth->checked = true;
	auth->scopes = scopes;
	auth->person_id = row->person_id;
	auth->last_used_at = row->last_used_at;
	return OK;
}

enum err
auth_load(struct store *store, struct auth *auth, struct errctx *ctx)
{
	static const struct stmt load = { "auth_load",
		"SELECT " AUTH_COLUMNS " FROM api_token k WHERE k.public_id = ?", load_in,
		COL_N(load_in), load_out, COL_N(load_out) };
	struct load_row row = { 0 };
	enum err err = stmt_one(store->db, &load, &(struct load_in){ auth->public_id }, &row, ctx);

	if (err && err != ERR_NOT_FOUND)
		return err;
	err = auth_accept(auth, store->keyring, err ? NULL : &row.auth, ctx);
	stmt_row_free(&load, &row);
	return err;
}

enum err
auth_read(struct store *store, struct auth *auth, const struct stmt *stmt, const void *in,
    size_t row_size, void **rows_out, size_t *n_out, struct errctx *ctx)
{
	void *rows = NULL;
	size_t n = 0;
	enum err err = stmt_all(store->db, stmt, in, row_size, &rows, &n, ctx);

	if (!err && n == 0) { /* the token is unknown, or what it asks for is hidden or missing */
		free(rows);
		rows = xcalloc(1, row_size);
		err = auth_load(store, auth, ctx);
	} else if (!err) {
		err = auth_accept(auth, store->keyring, rows, ctx);
	}
	if (err) {
		stmt_rows_free(stmt, row_size, &rows, n);
		return err;
	}
	*rows_out = rows;
	*n_out = n;
	return OK;
}

/* Move the thing out of a row, if it has one. */
static bool
take(const struct auth_thing *thing, char *row, void *thing_out)
{
	static const char nothing[16];

	assert(thing->id_size <= sizeof(nothing));
	if (memcmp(row + thing->id_offset, nothing, thing->id_size) == 0)
		return false;
	memcpy(thing_out, row + thing->offset, thing->size);
	memset(row + thing->offset, 0, thing->size);
	return true;
}

enum err
auth_read_one(struct store *store, struct auth *auth, const struct stmt *stmt, const void *in,
    const struct auth_thing *thing, void *thing_out, struct errctx *ctx)
{
	void *rows = NULL;
	size_t n = 0;
	enum err err = auth_read(store, auth, stmt, in, thing->row_size, &rows, &n, ctx);

	if (err)
		return err;
	err = take(thing, rows, thing_out) ? OK : ERR_NOT_FOUND;
	stmt_rows_free(stmt, thing->row_size, &rows, n);
	return err;
}

struct list_head {
	struct auth_row auth;
	struct auth_list list;
};

enum err
auth_read_list(struct store *store, struct auth *auth, const struct stmt *stmt, const void *in,
    const struct auth_thing *thing, struct auth_list *list_out, void **things_out, size_t *n_out,
    struct errctx *ctx)
{
	void *rows = NULL;
	size_t n = 0, taken = 0;
	enum err err = auth_read(store, auth, stmt, in, thing->row_size, &rows, &n, ctx);

	if (err)
		return err;
	*list_out = ((const struct list_head *)rows)->list;
	char *things = list_out->seen ? xcalloc(n, thing->size) : NULL;
	for (size_t i = 0; things && i < n; i++)
		taken +=
		    take(thing, (char *)rows + i * thing->row_size, things + taken * thing->size);
	*things_out = things;
	*n_out = taken;
	stmt_rows_free(stmt, thing->row_size, &rows, n);
	return OK;
}

enum err
auth_read_of_team(struct store *store, struct auth *auth, const struct stmt *stmt, const void *in,
    const struct auth_thing *thing, struct auth_list *list_out, void **things_out, size_t *n_out,
    struct errctx *ctx)
{
	enum err err =
	    auth_read_list(store, auth, stmt, in, thing, list_out, things_out, n_out, ctx);

	if (!err && !list_out->seen)
		err = err_set(ctx, ERR_NOT_MEMBER, "teamId", "you are no member of this team");
	return err;
}

void
auth_wipe(struct auth *auth)
{
	explicit_bzero(auth->token, sizeof(auth->token));
}
