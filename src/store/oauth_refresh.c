/* SPDX-License-Identifier: Apache-2.0 */
/* Spending the refresh token of a grant: lease, journal, and what may come of it. */
#include "store/oauth_refresh.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "store/credential.h"

#define PROBLEM "LEFT(?, 512)"

struct spend_in {
	struct uuid grant;
	int64_t generation, fence, next_fence, next, id, job_id, job_created, refresh_at, keep;
	const char *owner, *outcome, *problem, *destination;
};
#define IN(type, member) COL(type, struct spend_in, member)
#define RUN(var, text, in)                                                                         \
	static const struct stmt var = { "oauth_" #var, text, in, COL_N(in), NULL, 0 }

/* ---- the row, locked ---- */

struct grant_row {
	int64_t team_id, generation, fence, busy_ms;
	struct oauth_owner owner_of; /* whose tokens they are */
	char *state, *owner;
};
#define OUT(type, member) COL(type, struct grant_row, member)
static const struct col grant_in[] = { IN(UUID, grant) };
static const struct col grant_out[] = { OUT(INT, team_id), OUT(INT, generation), OUT(INT, fence),
	OUT(INT, busy_ms), OUT(INT0, owner_of.connection_id),
	OUT(INT0, owner_of.user_credential_id), OUT(TEXT, state), OUT(TEXT, owner) };
static const struct stmt lock_grant = { "oauth_lease_lock",
	"SELECT team_id, generation, lease_fence, GREATEST(0, COALESCE(TIMESTAMPDIFF(MICROSECOND, "
	"UTC_TIMESTAMP(3), lease_until) DIV 1000, 0)), connection_id, user_credential_id, state, "
	"lease_owner "
	"FROM oauth_grant WHERE uuid = ? FOR UPDATE",
	grant_in, COL_N(grant_in), grant_out, COL_N(grant_out) };

static enum err
lock_row(struct store *store, const struct uuid *grant, struct grant_row *row_out,
    struct errctx *ctx)
{
	return stmt_one(store->db, &lock_grant, &(struct spend_in){ .grant = *grant }, row_out,
	    ctx);
}

/* ---- taking ---- */

struct number_row {
	int64_t number;
};
static const struct col number_out[] = { COL(INT, struct number_row, number) };
static const struct col fresh_in[] = { IN(UUID, grant), IN(INT, generation),
	IN(TIME, job_created) };
static const struct stmt fresh_count = { "oauth_lease_fresh",
	"SELECT COUNT(*) FROM oauth_token WHERE grant_uuid = ? AND generation = ? "
	"AND created_at > ?",
	fresh_in, COL_N(fresh_in), number_out, COL_N(number_out) };

static const struct col unsent_in[] = { IN(UUID, grant), IN(INT, generation), IN(INT, fence) };
RUN(spend_unsent,
    "UPDATE oauth_spend SET outcome = 'not_sent' WHERE grant_uuid = ? AND generation = ? "
    "AND fence = ? AND outcome IS NULL",
    unsent_in);
static const struct col take_in[] = { IN(INT, next_fence), IN(TEXT, owner), IN(INT, keep),
	IN(UUID, grant), IN(INT, fence) };
RUN(lease_update,
    "UPDATE oauth_grant SET lease_fence = ?, lease_owner = ?, "
    "lease_until = UTC_TIMESTAMP(3) + INTERVAL ? SECOND WHERE uuid = ? AND lease_fence = ?",
    take_in);
static const struct col journal_in[] = { IN(UUID, grant), IN(INT, generation), IN(INT, next_fence),
	IN(INT, job_id) };
RUN(spend_insert,
    "INSERT INTO oauth_spend (grant_uuid, generation, fence, job_id, spent_at) "
    "VALUES (?, ?, ?, ?, UTC_TIMESTAMP(3))",
    journal_in);

struct taking {
	struct store *store;
	const struct job *job;
	struct oauth_lease lease;
	enum oauth_lease_verdict verdict;
};

static enum err
judge(struct taking *taking, const struct grant_row *row, struct errctx *ctx)
{
	struct oauth_lease *lease = &taking->lease;
	const struct spend_in in = { .grant = lease->grant,
		.generation = row->generation,
		.job_created = taking->job->created_at };
	struct number_row fresh = { 0 };

	taking->verdict = OAUTH_LEASE_TAKEN;
	lease->busy_ms = row->busy_ms;
	if (strcmp(row->state, OAUTH_BROKEN) == 0) {
		taking->verdict = OAUTH_LEASE_BROKEN;
		return OK;
	}
	if (strcmp(row->state, OAUTH_ACTIVE) != 0) {
		taking->verdict = OAUTH_LEASE_NO_GRANT;
		return OK;
	}
	enum err err = stmt_one(taking->store->db, &fresh_count, &in, &fresh, ctx);
	if (!err && fresh.number)
		taking->verdict = OAUTH_LEASE_FRESH;
	else if (!err && row->busy_ms > 0 && row->owner && strcmp(row->owner, lease->owner) != 0)
		taking->verdict = OAUTH_LEASE_BUSY;
	return err;
}

static enum err
take_row(struct taking *taking, const struct grant_row *row, struct errctx *ctx)
{
	struct db *db = taking->store->db;
	struct oauth_lease *lease = &taking->lease;
	const struct spend_in in = { .grant = lease->grant,
		.generation = row->generation,
		.fence = row->fence,
		.next_fence = row->fence + 1,
		.owner = lease->owner,
		.keep = OAUTH_LEASE_S,
		.job_id = taking->job->id };
	bool ours = row->owner && strcmp(row->owner, lease->owner) == 0;
	int64_t affected = 0;
	enum err err = ours ? stmt_run(db, &spend_unsent, &in, NULL, ctx) : OK;

	if (!err)
		err = stmt_run(db, &lease_update, &in, &affected, ctx);
	if (!err && !affected)
		err = err_set(ctx, ERR_CONFLICT, "", "the authorization has changed");
	if (!err)
		err = stmt_run(db, &spend_insert, &in, NULL, ctx);
	if (err)
		return err;
	lease->spend_id = stmt_insert_id(db);
	lease->team_id = row->team_id;
	lease->generation = row->generation;
	lease->fence = in.next_fence;
	return OK;
}

static enum err
take_body(struct db *db, void *arg, struct errctx *ctx)
{
	struct taking *taking = arg;
	struct grant_row row = { 0 };
	enum err err = lock_row(taking->store, &taking->lease.grant, &row, ctx);
	(void)db;

	if (err == ERR_NOT_FOUND) {
		taking->verdict = OAUTH_LEASE_NO_GRANT;
		err_clear(ctx);
		return OK;
	}
	if (err)
		return err;
	err = judge(taking, &row, ctx);
	if (!err && taking->verdict == OAUTH_LEASE_TAKEN)
		err = take_row(taking, &row, ctx);
	stmt_row_free(&lock_grant, &row);
	return err;
}

/* After a lost COMMIT the caller tries again, and finds the lease his own. */
enum err
oauth_lease_take(struct store *store, const struct uuid *grant, const struct job *job,
    struct oauth_lease *lease_out, enum oauth_lease_verdict *verdict_out, struct errctx *ctx)
{
	struct taking taking = { .store = store,
		.job = job,
		.lease = { .grant = *grant, .taken_ms = clock_monotonic_ms() } };

	snprintf(taking.lease.owner, sizeof(taking.lease.owner), "%lld.%lld", (long long)job->id,
	    (long long)job->fence);
	enum err err = db_transaction(store->db, take_body, NULL, &taking, ctx);
	if (err)
		return err;
	*lease_out = taking.lease;
	*verdict_out = taking.verdict;
	return OK;
}

/* ---- how it ended ---- */

static const struct col outcome_in[] = { IN(TEXT, outcome), IN(INT, id) };
RUN(spend_outcome, "UPDATE oauth_spend SET outcome = ? WHERE id = ?", outcome_in);
static const struct col release_in[] = { IN(UUID, grant), IN(INT, fence) };
RUN(lease_release,
    "UPDATE oauth_grant SET lease_owner = NULL, lease_until = NULL "
    "WHERE uuid = ? AND lease_fence = ?",
    release_in);

static enum err
note_outcome(struct store *store, const struct oauth_lease *lease, const char *outcome,
    struct errctx *ctx)
{
	return stmt_run(store->db, &spend_outcome,
	    &(struct spend_in){ .id = lease->spend_id, .outcome = outcome }, NULL, ctx);
}

/* Nothing happens when another has it by now. */
static enum err
release(struct store *store, const struct oauth_lease *lease, struct errctx *ctx)
{
	return stmt_run(store->db, &lease_release,
	    &(struct spend_in){ .grant = lease->grant, .fence = lease->fence }, NULL, ctx);
}

/* ---- answered ---- */

static const struct col later_in[] = { IN(UUID, grant), IN(INT, fence), IN(INT, id) };
static const struct stmt later_count = { "oauth_spend_later",
	"SELECT COUNT(*) FROM oauth_spend WHERE grant_uuid = ? AND outcome = 'answered' "
	"AND (fence > ? OR id = ?)",
	later_in, COL_N(later_in), number_out, COL_N(number_out) };
static const struct col advance_in[] = { IN(INT, next), IN(TIME, refresh_at), IN(TEXT, destination),
	IN(UUID, grant), IN(INT, generation) };
RUN(grant_advance,
    "UPDATE oauth_grant SET generation = ?, refresh_at = ?, problem = NULL, "
    "destination = IF(destination = '', ?, destination), "
    "state = IF(state = 'broken', 'active', state) WHERE uuid = ? AND generation = ?",
    advance_in);
static const struct col prune_in[] = { IN(UUID, grant), IN(INT, keep) };
/* What was sealed for nobody would open for anybody. */
static const struct col token_prune_in[] = { IN(UUID, grant), IN(INT, keep), IN(INT, next) };
RUN(token_prune,
    "DELETE FROM oauth_token WHERE grant_uuid = ? AND (generation < ? OR (NOT bound AND "
    "generation < ?))",
    token_prune_in);
RUN(spend_prune, "DELETE FROM oauth_spend WHERE grant_uuid = ? AND generation < ?", prune_in);

static enum err
owner_works(struct store *store, const struct oauth_owner *owner, struct errctx *ctx)
{
	if (owner->connection_id)
		return credential_connection_works_in(store, owner->connection_id, ctx);
	return owner->user_credential_id
		   ? credential_grant_works_in(store, owner->user_credential_id, ctx)
		   : OK;
}

static enum err
append(struct store *store, const struct oauth_lease *lease, const struct grant_row *row,
    const struct oauth_token_new *token, const struct oauth_recipient *recipient,
    struct errctx *ctx)
{
	const struct spend_in in = { .grant = lease->grant,
		.generation = row->generation,
		.next = row->generation + 1,
		.refresh_at = token->refresh_at,
		.destination = recipient->destination,
		.keep = row->generation + 2 - OAUTH_KEPT };
	int64_t affected = 0;
	enum err err =
	    oauth_token_add_in(store, &lease->grant, row->team_id, in.next, token, recipient, ctx);

	if (!err)
		err = stmt_run(store->db, &grant_advance, &in, &affected, ctx);
	if (!err && !affected)
		err = err_set(ctx, ERR_CONFLICT, "", "the authorization has changed");
	if (!err && strcmp(row->state, OAUTH_BROKEN) == 0)
		err = owner_works(store, &row->owner_of, ctx);
	if (!err)
		err = oauth_owner_forget_token_in(store, &row->owner_of, ctx);
	if (!err)
		err = note_outcome(store, lease, "answered", ctx);
	if (!err)
		err = stmt_run(store->db, &token_prune, &in, NULL, ctx);
	return err ? err : stmt_run(store->db, &spend_prune, &in, NULL, ctx);
}

/* Of two spends of one token the provider has seen the one with the higher fence last: its answer
 * is the newer, whichever comes to be stored first. */
enum err
oauth_lease_answered_in(struct store *store, const struct oauth_lease *lease,
    const struct oauth_token_new *token, const struct oauth_recipient *recipient, bool *stored_out,
    struct errctx *ctx)
{
	const struct spend_in in = { .grant = lease->grant,
		.fence = lease->fence,
		.id = lease->spend_id };
	struct grant_row row = { 0 };
	struct number_row later = { 0 };
	enum err err = lock_row(store, &lease->grant, &row, ctx);

	if (err == ERR_NOT_FOUND) {
		err_clear(ctx);
		*stored_out = false;
		return OK;
	}
	if (!err)
		err = stmt_one(store->db, &later_count, &in, &later, ctx);
	if (!err)
		err = later.number ? note_outcome(store, lease, "answered", ctx)
				   : append(store, lease, &row, token, recipient, ctx);
	if (!err)
		err = release(store, lease, ctx);
	stmt_row_free(&lock_grant, &row);
	if (!err)
		*stored_out = later.number == 0;
	return err;
}

/* ---- refused ---- */

struct history_row {
	int64_t unknown, unknown_ms; /* how many; since the first of them */
};
static const struct col history_in[] = { IN(UUID, grant), IN(INT, generation), IN(INT, id) };
static const struct col history_out[] = { COL(INT, struct history_row, unknown),
	COL(INT, struct history_row, unknown_ms) };
static const struct stmt history = { "oauth_spend_history",
	"SELECT COUNT(*), COALESCE(TIMESTAMPDIFF(MICROSECOND, MIN(spent_at), UTC_TIMESTAMP(3)) "
	"DIV 1000, 0) FROM oauth_spend WHERE grant_uuid = ? AND generation = ? AND id <> ? "
	"AND outcome IS NULL",
	history_in, COL_N(history_in), history_out, COL_N(history_out) };
static const struct col broken_in[] = { IN(TEXT, problem), IN(UUID, grant), IN(INT, generation) };
RUN(grant_broken,
    "UPDATE oauth_grant SET state = 'broken', refresh_at = NULL, problem = " PROBLEM ", "
    "updated_at = UTC_TIMESTAMP(3) WHERE uuid = ? AND generation = ? AND state = 'active'",
    broken_in);

static enum err
decide(struct store *store, const struct oauth_lease *lease, int64_t reuse_grace_ms,
    enum oauth_refusal *refusal_out, struct errctx *ctx)
{
	const struct spend_in in = { .grant = lease->grant,
		.generation = lease->generation,
		.id = lease->spend_id };
	struct history_row before = { 0 };
	enum err err = stmt_one(store->db, &history, &in, &before, ctx);

	if (err)
		return err;
	bool again = before.unknown > 0 && before.unknown_ms < reuse_grace_ms;
	*refusal_out = again ? OAUTH_REFUSAL_AGAIN : OAUTH_REFUSAL_BROKEN;
	return OK;
}

static enum err
break_grant(struct store *store, const struct oauth_lease *lease, const struct grant_row *row,
    const char *problem, const char *request_id, struct errctx *ctx)
{
	const struct spend_in in = { .grant = lease->grant,
		.generation = lease->generation,
		.problem = problem };
	const struct oauth_owner *owner = &row->owner_of;
	enum err err = stmt_run(store->db, &grant_broken, &in, NULL, ctx);

	if (!err && owner->connection_id)
		err = credential_connection_broken_in(store, owner->connection_id, request_id, ctx);
	if (!err && owner->user_credential_id)
		err = credential_grant_broken_in(store, owner->user_credential_id, request_id, ctx);
	return err ? err : oauth_owner_forget_token_in(store, owner, ctx);
}

enum err
oauth_lease_refused_in(struct store *store, const struct oauth_lease *lease, int64_t reuse_grace_ms,
    const char *problem, const char *request_id, enum oauth_refusal *refusal_out,
    struct errctx *ctx)
{
	enum oauth_refusal refusal = OAUTH_REFUSAL_MOVED;
	struct grant_row row = { 0 };
	enum err err = lock_row(store, &lease->grant, &row, ctx);

	if (err == ERR_NOT_FOUND) {
		err_clear(ctx);
		*refusal_out = OAUTH_REFUSAL_MOVED;
		return OK;
	}
	if (!err && row.generation == lease->generation && row.fence == lease->fence)
		err = decide(store, lease, reuse_grace_ms, &refusal, ctx);
	if (!err)
		err = note_outcome(store, lease, "refused", ctx);
	if (!err)
		err = release(store, lease, ctx);
	if (!err && refusal == OAUTH_REFUSAL_BROKEN)
		err = break_grant(store, lease, &row, problem, request_id, ctx);
	stmt_row_free(&lock_grant, &row);
	if (!err)
		*refusal_out = refusal;
	return err;
}

/* ---- failed ---- */

/* Spends of this generation that led to nothing: 2, 4, 8 … 64 minutes. */
static const struct col push_in[] = { IN(UUID, grant), IN(INT, generation), IN(TEXT, problem),
	IN(UUID, grant), IN(INT, fence) };
RUN(grant_push_back,
    "UPDATE oauth_grant SET refresh_at = IF(refresh_at IS NULL, NULL, GREATEST(refresh_at, "
    "UTC_TIMESTAMP(3) + INTERVAL (SELECT POW(2, LEAST(6, COUNT(*))) FROM oauth_spend "
    "WHERE grant_uuid = ? AND generation = ?) MINUTE)), problem = " PROBLEM " "
    "WHERE uuid = ? AND lease_fence = ?",
    push_in);

enum err
oauth_lease_failed_in(struct store *store, const struct oauth_lease *lease, enum oauth_failure how,
    const char *problem, struct errctx *ctx)
{
	const struct spend_in in = { .grant = lease->grant,
		.generation = lease->generation,
		.fence = lease->fence,
		.problem = problem };
	enum err err =
	    how == OAUTH_FAILED_NOT_SENT ? note_outcome(store, lease, "not_sent", ctx) : OK;

	if (!err)
		err = stmt_run(store->db, &grant_push_back, &in, NULL, ctx);
	if (!err && how != OAUTH_FAILED_SILENT)
		err = release(store, lease, ctx);
	return err;
}

enum err
oauth_lease_lost_in(struct store *store, const struct oauth_lease *lease, const char *outcome,
    struct errctx *ctx)
{
	enum err err = note_outcome(store, lease, outcome, ctx);

	return err ? err : release(store, lease, ctx);
}
