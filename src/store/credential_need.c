/* SPDX-License-Identifier: Apache-2.0 */
/* A user credential that a job uses: its own, or one that another's requests refer to. */
#include "store/credential_need.h"

#include <stdio.h>
#include <string.h>

#include "store/job.h"

#define FETCH_ATTEMPTS 3

struct need_in {
	int64_t job_id, since, team_id, id;
	const char *slug;
};
#define TEXT_OF(number) #number
#define SECONDS(number) TEXT_OF(number) " SECOND"
#define LATER "UTC_TIMESTAMP(3) + INTERVAL " SECONDS(FETCH_MARGIN_S)
/* Fresh, or fetched for the job though it is not kept (as fetch_token_by_job() has it). */
#define NEED_COLUMNS                                                                               \
	USER_CREDENTIAL_PLACE_COLUMNS                                                              \
	", c.name, c.slug, c.metadata, c.http_request_ttl, c.version, c.definition_sealed, "       \
	"t.token_sealed, (SELECT COALESCE(l.reason, 'the fetch failed') FROM fetch_log l "         \
	"WHERE l.credential_id = c.id AND l.job_id > ? AND l.outcome = 'failed' "                  \
	"ORDER BY l.id DESC LIMIT 1)"
#define NEED_TOKEN                                                                                 \
	"LEFT JOIN fetch_token t ON t.credential_id = c.id AND t.version = c.version AND "         \
	"(t.fresh_until > " LATER " OR (t.fetched_at >= ? "                                        \
	"AND (t.fresh_until <= t.fetched_at + INTERVAL " SECONDS(                                  \
	    FETCH_MARGIN_S) " OR t.fresh_until > " LATER ") "                                      \
			    "AND (t.expires_at IS NULL OR t.expires_at > " LATER "))) "
#define NEED_IN COL(INT, struct need_in, job_id), COL(TIME, struct need_in, since)
static const struct col need_out[] = {
	USER_CREDENTIAL_PLACE_COLS(struct credential_need, subject.place),
	COL(TEXT, struct credential_need, subject.name),
	COL(TEXT, struct credential_need, subject.slug),
	COL(TEXT, struct credential_need, subject.metadata),
	COL(INT0, struct credential_need, subject.http_request_ttl),
	COL(INT, struct credential_need, subject.version),
	COL(BYTES, struct credential_need, subject.definition_sealed),
	COL(BYTES, struct credential_need, token_sealed),
	COL(TEXT, struct credential_need, failed),
};

static const struct col id_in[] = { NEED_IN, COL(INT, struct need_in, id) };
static const struct stmt by_id = { "credential_need_id",
	"SELECT " NEED_COLUMNS " FROM user_credential c " NEED_TOKEN "WHERE c.id = ?", id_in,
	COL_N(id_in), need_out, COL_N(need_out) };

static const struct col slug_in[] = { NEED_IN, COL(INT, struct need_in, team_id),
	COL(TEXT, struct need_in, slug) };
static const struct stmt own = { "credential_need_own",
	"SELECT " NEED_COLUMNS " FROM user_credential c " NEED_TOKEN
	"WHERE c.team_id = ? AND c.slug = ?",
	slug_in, COL_N(slug_in), need_out, COL_N(need_out) };
static const struct col shared_in[] = { COL(INT, struct need_in, job_id),
	COL(TEXT, struct need_in, slug), COL(TIME, struct need_in, since),
	COL(INT, struct need_in, team_id) };
static const struct stmt shared = { "credential_need_shared",
	"SELECT " NEED_COLUMNS " FROM team s JOIN team o ON o.organization_id = s.organization_id "
	"JOIN user_credential c ON c.team_id = o.id AND c.slug = ? " NEED_TOKEN
	"WHERE s.id = ? AND (c.read_access = 'GLOBAL' OR (c.read_access = 'SPECIFIC_TEAMS' "
	"AND JSON_CONTAINS(c.shared_team_slugs, JSON_QUOTE(s.slug)))) ORDER BY c.id LIMIT 2",
	shared_in, COL_N(shared_in), need_out, COL_N(need_out) };

void
credential_need_free(struct credential_need *need)
{
	stmt_row_free(&by_id, need);
	*need = (struct credential_need){ 0 };
}

static struct need_in
question(const struct credential_asker *asker)
{
	/* without a job nothing is new enough */
	return (struct need_in){
		.job_id = asker->job ? asker->job->id : INT64_MAX,
		.since = asker->job ? asker->job->created_at : (int64_t)253402300799000,
		.team_id = asker->team_id,
	};
}

static enum err
find_shared(struct store *store, const struct need_in *in, struct credential_need *need_out_row,
    struct errctx *ctx)
{
	void *rows = NULL;
	size_t n = 0;
	enum err err =
	    stmt_all(store->db, &shared, in, sizeof(struct credential_need), &rows, &n, ctx);

	if (err)
		return err;
	struct credential_need *found = rows;
	if (n == 1) {
		*need_out_row = found[0];
		found[0] = (struct credential_need){ 0 };
	} else if (n == 0) {
		err = err_set(ctx, ERR_NOT_FOUND, "", "CREDENTIAL.%s: there is none", in->slug);
	} else {
		err = err_set(ctx, ERR_VALUE, "",
		    "CREDENTIAL.%s: several teams share one of that name", in->slug);
	}
	stmt_rows_free(&shared, sizeof(struct credential_need), &rows, n);
	return err;
}

enum err
credential_need_find(struct store *store, const struct credential_asker *asker, const char *slug,
    struct credential_need *need_out_row, struct errctx *ctx)
{
	struct need_in in = question(asker);
	struct credential_need need = { 0 };

	in.slug = slug;
	enum err err = stmt_one(store->db, &own, &in, &need, ctx);
	if (err == ERR_NOT_FOUND)
		return find_shared(store, &in, need_out_row, ctx);
	if (!err)
		*need_out_row = need;
	return err;
}

enum err
credential_need_get(struct store *store, const struct credential_asker *asker, int64_t id,
    struct credential_need *need_out_row, struct errctx *ctx)
{
	struct need_in in = question(asker);
	struct credential_need need = { 0 };

	in.id = id;
	enum err err = stmt_one(store->db, &by_id, &in, &need, ctx);
	if (err == ERR_NOT_FOUND)
		return err_set(ctx, err, "", "the credential is gone");
	if (!err)
		*need_out_row = need;
	return err;
}

enum err
credential_need_open(struct store *store, const struct credential_need *need,
    struct secret *token_out, struct errctx *ctx)
{
	const struct fetch_use use = { .place = need->subject.place,
		.token_sealed = need->token_sealed };

	return fetch_token_open(store, &use, token_out, ctx);
}

enum err
fetch_order(struct store *store, const struct user_credential_place *place, int64_t version,
    const char *request_id, int64_t *job_out, struct errctx *ctx)
{
	char subject[24], key[32], payload[96];

	snprintf(subject, sizeof(subject), "%lld", (long long)place->id);
	snprintf(key, sizeof(key), "fetch:%s", subject);
	snprintf(payload, sizeof(payload), "{\"credential\":%lld,\"version\":%lld}",
	    (long long)place->id, (long long)version);
	const struct job_new job = {
		.kind = "fetch",
		.subject = subject,
		.active_key = key,
		.team_id = place->team_id,
		.max_attempts = FETCH_ATTEMPTS,
		.payload = payload,
		.request_id = request_id,
	};
	return job_enqueue(store, &job, job_out, ctx);
}
