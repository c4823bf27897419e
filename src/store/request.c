/* SPDX-License-Identifier: Apache-2.0 */
/* Credential requests as they are read: one, and one with all that belongs to it. */
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
static const struct auth_thing get_thing = AUTH_THING(struct get_row, request, id);
static const struct col get_out[] = { AUTH_COLS(struct get_row, auth),
	REQUEST_COLS(struct get_row, request) };
/* All by primary keys, and said so: the optimizer of MariaDB plans a prepared statement anew at
 * each execution, and considering the other indexes would take it a quarter of the whole. */
#define MEMBERS_REQUEST                                                                            \
	"FROM api_token k USE INDEX (PRIMARY) JOIN credential_request r USE INDEX (PRIMARY) "      \
	"JOIN team_member m USE INDEX (PRIMARY) ON m.team_id = r.team_id AND m.person_id = "       \
	"k.person_id JOIN team t USE INDEX (PRIMARY) ON t.id = r.team_id"
static const struct stmt get = { "request_get",
	"SELECT " AUTH_COLUMNS ", " REQUEST_COLUMNS " " MEMBERS_REQUEST
	" LEFT JOIN person p ON ? AND p.id = r.provider_id WHERE r.id = ? AND k.public_id = ?",
	get_in, COL_N(get_in), get_out, COL_N(get_out) };

/* The same without what is read on request only, which is how it is mostly asked for. */
static const struct col plain_in[] = { COL(UUID, struct get_in, id),
	COL(TEXT, struct get_in, public_id) };
static const struct stmt get_plain = { "request_get_plain",
	"SELECT " AUTH_COLUMNS ", " REQUEST_PLAIN_COLUMNS " " MEMBERS_REQUEST
	" WHERE r.id = ? AND k.public_id = ?",
	plain_in, COL_N(plain_in), get_out, COL_N(get_out) };

enum err
request_get(struct store *store, struct auth *auth, const struct uuid *id,
    const struct request_extra *extra, struct request_row *request_out, struct errctx *ctx)
{
	const struct get_in in = { *id, auth->public_id, extra->app_names, extra->provider };
	const struct stmt *stmt = extra->app_names || extra->provider ? &get : &get_plain;
	enum err err = auth_read_one(store, auth, stmt, &in, &get_thing, request_out, ctx);

	return err == ERR_NOT_FOUND ? err_set(ctx, err, "", "no such credential request") : err;
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
