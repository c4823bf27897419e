/* SPDX-License-Identifier: Apache-2.0 */
/* The cached token of a credential: who may have it, where a fetch puts it, what a fetch needs. */
#include "store/fetch_token.h"

#include <stdlib.h>
#include <string.h>

struct ask_in {
	int64_t id, job_id;
	const char *public_id;
};
struct use_row {
	struct auth_row auth;
	struct fetch_use use;
	int64_t token_version; /* of the definition that the token was fetched with */
};
#define USE_COLS                                                                                   \
	USER_CREDENTIAL_PLACE_COLS(struct use_row, use.place),                                     \
	    COL(TEXT, struct use_row, use.slug), COL(INT, struct use_row, use.version),            \
	    COL(TIME, struct use_row, use.expires_at),                                             \
	    COL(BYTES, struct use_row, use.definition_sealed),                                     \
	    COL(BYTES, struct use_row, use.token_sealed),                                          \
	    COL(TIME, struct use_row, use.fetched_at), COL(TIME, struct use_row, use.fresh_until), \
	    COL(TIME, struct use_row, use.token_expires_at),                                       \
	    COL(TIME, struct use_row, use.ahead_at)
#define TEXT_OF(number) #number
#define SECONDS(number) TEXT_OF(number)
#define MARGIN SECONDS(FETCH_MARGIN_S) " SECOND"
#define FRESH                                                                                      \
	"t.credential_id = c.id AND t.version = c.version "                                        \
	"AND t.fresh_until > UTC_TIMESTAMP(3) + INTERVAL " MARGIN
#define MAY_USE                                                                                    \
	"c.read_access <> 'TEAM' AND EXISTS (SELECT 1 FROM team o "                                \
	"JOIN team s ON s.organization_id = o.organization_id "                                    \
	"JOIN team_member m ON m.team_id = s.id "                                                  \
	"WHERE o.id = c.team_id AND m.person_id = k.person_id AND (c.read_access = 'GLOBAL' "      \
	"OR JSON_CONTAINS(c.shared_team_slugs, JSON_QUOTE(s.slug))))"

/* ---- for askers ---- */

static const struct col use_in[] = { COL(INT, struct ask_in, id),
	COL(TEXT, struct ask_in, public_id) };
static const struct col use_out[] = { AUTH_COLS(struct use_row, auth), USE_COLS,
	COL(INT, struct use_row, token_version) };
#define USE_COLUMNS                                                                                \
	AUTH_COLUMNS ", " USER_CREDENTIAL_PLACE_COLUMNS ", c.slug, c.version, c.expires_at, "      \
		     "IF(c.mode IN ('TEXT', 'JWT'), c.definition_sealed, NULL), t.token_sealed, "  \
		     "t.fetched_at, t.fresh_until, t.expires_at, t.ahead_at, t.version"
/* Members of the owning team, who ask most, are found by keys alone; only when there is none the
 * whole rule is asked. Whether the token is fresh is seen from its row: asked of the database, it
 * would cost this hottest of all reads a quarter more. Primary keys alone: see MEMBERS_REQUEST of
 * request.c. */
static const struct stmt member_select = { "fetch_token_member",
	"SELECT " USE_COLUMNS " FROM api_token k USE INDEX (PRIMARY) "
	"JOIN user_credential c USE INDEX (PRIMARY) JOIN team_member m USE INDEX (PRIMARY) "
	"ON m.team_id = c.team_id AND m.person_id = k.person_id LEFT JOIN fetch_token t "
	"USE INDEX (PRIMARY) ON t.credential_id = c.id WHERE c.id = ? AND k.public_id = ?",
	use_in, COL_N(use_in), use_out, COL_N(use_out) };
static const struct stmt shared_select = { "fetch_token_shared",
	"SELECT " USE_COLUMNS " FROM api_token k JOIN user_credential c "
	"LEFT JOIN fetch_token t ON t.credential_id = c.id "
	"WHERE c.id = ? AND (" MAY_USE ") AND k.public_id = ?",
	use_in, COL_N(use_in), use_out, COL_N(use_out) };

static const struct col job_in[] = { COL(INT, struct ask_in, id), COL(INT, struct ask_in, job_id) };
static const struct col job_out[] = { USE_COLS };
static const struct stmt job_select = { "fetch_token_by_job",
	"SELECT " USER_CREDENTIAL_PLACE_COLUMNS ", c.slug, c.version, c.expires_at, NULL, "
	"t.token_sealed, t.fetched_at, t.fresh_until, t.expires_at, t.ahead_at FROM fetch_token t "
	"JOIN user_credential c ON c.id = t.credential_id AND c.version = t.version "
	"WHERE t.credential_id = ? AND t.job_id >= ? "
	"AND t.fetched_at > UTC_TIMESTAMP(3) - INTERVAL " SECONDS(
	    FETCH_COLLECT_S) " SECOND "
			     /* one that was never to be kept is collected at any time of these */
			     "AND (t.fresh_until <= t.fetched_at + INTERVAL " MARGIN
			     " OR t.fresh_until > "
			     "UTC_TIMESTAMP(3) + INTERVAL " MARGIN ") "
			     "AND (t.expires_at IS NULL OR t.expires_at > UTC_TIMESTAMP(3) + "
			     "INTERVAL " MARGIN ")",
	job_in, COL_N(job_in), job_out, COL_N(job_out) };

void
fetch_use_free(struct fetch_use *use)
{
	struct use_row row = { .use = *use };

	stmt_row_free(&job_select, &row);
	*use = (struct fetch_use){ 0 };
}

/* Leave nothing of a token that must not be handed out any more. */
static void
drop_stale(struct use_row *row)
{
	struct fetch_use *use = &row->use;
	bool fresh = row->token_version == use->version &&
		     use->fresh_until > row->auth.now + FETCH_MARGIN_S * 1000;

	if (fresh)
		return;
	if (use->token_sealed.data)
		explicit_bzero(use->token_sealed.data, use->token_sealed.len);
	free(use->token_sealed.data);
	use->token_sealed = (struct bytes){ 0 };
	use->fetched_at = use->fresh_until = use->token_expires_at = use->ahead_at = 0;
}

enum err
fetch_token_read(struct store *store, struct auth *auth, int64_t credential_id,
    struct fetch_use *use_out_row, struct errctx *ctx)
{
	const struct ask_in in = { .id = credential_id, .public_id = auth->public_id };
	void *rows = NULL;
	size_t n = 0;
	enum err err =
	    auth_read(store, auth, &member_select, &in, sizeof(struct use_row), &rows, &n, ctx);

	if (!err && n == 0) {
		stmt_rows_free(&member_select, sizeof(struct use_row), &rows, n);
		err = auth_read(store, auth, &shared_select, &in, sizeof(struct use_row), &rows, &n,
		    ctx);
	}
	if (err)
		return err;
	struct use_row *row = rows;
	if (row->use.place.id) {
		drop_stale(row);
		*use_out_row = row->use;
		row->use = (struct fetch_use){ 0 };
	} else {
		err = err_set(ctx, ERR_NOT_FOUND, "", "no such credential");
	}
	stmt_rows_free(&member_select, sizeof(struct use_row), &rows, n);
	return err;
}

enum err
fetch_token_by_job(struct store *store, int64_t credential_id, int64_t job_id,
    struct fetch_use *use_out_row, struct errctx *ctx)
{
	const struct ask_in in = { .id = credential_id, .job_id = job_id };
	struct use_row row = { 0 };
	enum err err = stmt_one(store->db, &job_select, &in, &row, ctx);

	if (!err)
		*use_out_row = row.use;
	return err;
}

enum err
fetch_token_open(struct store *store, const struct fetch_use *use, struct secret *token_out,
    struct errctx *ctx)
{
	unsigned char policy[SEAL_POLICY_SIZE];
	const struct seal_context context =
	    user_credential_context(&use->place, "fetch_token", "token", policy);

	return store_open(store, &context, &use->token_sealed, token_out, ctx);
}

/* ---- for the runner ---- */

static const struct col subject_in[] = { COL(INT, struct ask_in, id) };
static const struct col subject_out[] = {
	USER_CREDENTIAL_PLACE_COLS(struct fetch_subject, place),
	COL(TEXT, struct fetch_subject, name),
	COL(TEXT, struct fetch_subject, slug),
	COL(TEXT, struct fetch_subject, metadata),
	COL(INT0, struct fetch_subject, http_request_ttl),
	COL(INT, struct fetch_subject, version),
	COL(TIME, struct fetch_subject, fetched_at),
	COL(BYTES, struct fetch_subject, definition_sealed),
};
static const struct stmt subject_select = { "fetch_subject",
	"SELECT " USER_CREDENTIAL_PLACE_COLUMNS ", c.name, c.slug, c.metadata, "
	"c.http_request_ttl, c.version, t.fetched_at, c.definition_sealed "
	"FROM user_credential c LEFT JOIN fetch_token t ON " FRESH " WHERE c.id = ?",
	subject_in, COL_N(subject_in), subject_out, COL_N(subject_out) };

void
fetch_subject_free(struct fetch_subject *subject)
{
	stmt_row_free(&subject_select, subject);
	*subject = (struct fetch_subject){ 0 };
}

enum err
fetch_subject_load(struct store *store, int64_t credential_id, struct fetch_subject *row_out,
    struct errctx *ctx)
{
	struct fetch_subject subject = { 0 };
	enum err err = stmt_one(store->db, &subject_select, &(struct ask_in){ .id = credential_id },
	    &subject, ctx);

	if (err == ERR_NOT_FOUND)
		return err_set(ctx, err, "", "the credential is gone");
	if (!err)
		*row_out = subject;
	return err;
}

enum err
fetch_token_seal(struct store *store, const struct fetch_subject *subject, const void *token,
    size_t len, struct bytes *out, struct errctx *ctx)
{
	unsigned char policy[SEAL_POLICY_SIZE];
	const struct seal_context context =
	    user_credential_context(&subject->place, "fetch_token", "token", policy);

	return store_seal(store, &context, token, len, out, ctx);
}

struct put_in {
	int64_t credential_id, version, job_id, team_id, keep_s, expires_s;
	struct bytes sealed;
};
static const struct col version_in[] = { COL(INT, struct put_in, credential_id) };
static const struct col version_out[] = { COL(INT, struct put_in, version) };
static const struct stmt version_lock = { "fetch_token_version",
	"SELECT version FROM user_credential WHERE id = ? LOCK IN SHARE MODE", version_in,
	COL_N(version_in), version_out, COL_N(version_out) };

static const struct col put_in[] = {
	COL(INT, struct put_in, credential_id),
	COL(INT, struct put_in, version),
	COL(INT, struct put_in, job_id),
	COL(INT, struct put_in, team_id),
	COL(BYTES, struct put_in, sealed),
	COL(INT, struct put_in, keep_s),
	COL(INT0, struct put_in, expires_s),
};
static const struct stmt put = { "fetch_token_put",
	"INSERT INTO fetch_token (credential_id, version, job_id, team_id, token_sealed, "
	"fetched_at, "
	"fresh_until, expires_at) VALUES (?, ?, ?, ?, ?, UTC_TIMESTAMP(3), "
	"UTC_TIMESTAMP(3) + INTERVAL ? SECOND, UTC_TIMESTAMP(3) + INTERVAL ? SECOND) "
	"ON DUPLICATE KEY UPDATE version = VALUES(version), job_id = VALUES(job_id), "
	"team_id = VALUES(team_id), token_sealed = VALUES(token_sealed), fetched_at = "
	"VALUES(fetched_at), "
	"fresh_until = VALUES(fresh_until), expires_at = VALUES(expires_at), ahead_at = NULL",
	put_in, COL_N(put_in), NULL, 0 };

enum err
fetch_token_put(struct store *store, const struct fetch_subject *subject, int64_t job_id,
    const struct bytes *sealed, int64_t keep_s, int64_t expires_s, struct errctx *ctx)
{
	const struct put_in in = { subject->place.id, subject->version, job_id,
		subject->place.team_id, keep_s, expires_s, *sealed };
	struct put_in now = { 0 };
	enum err err = stmt_one(store->db, &version_lock, &in, &now, ctx);

	if (err == ERR_NOT_FOUND || (!err && now.version != subject->version))
		return err_set(ctx, ERR_STALE, "", "the credential was changed meanwhile");
	return err ? err : stmt_run(store->db, &put, &in, NULL, ctx);
}
