/* SPDX-License-Identifier: Apache-2.0 */
/* Spending the refresh token of a grant: who may, what is noted before, and what may come of it.
 *
 * The rules, each of them kept by these functions and not by their callers:
 * a token is read only by the owner of its lease; the lease is a row with an owner and a fence and
 * lasts longer than the call; there is no way around it; a journal row is committed before the
 * call; an answer is appended as a new generation, compared and set on the generation alone; a
 * refusal looks again before it decides; no failure takes a token away. Jobs carry ids. */
#ifndef BAILEE_STORE_OAUTH_REFRESH_H
#define BAILEE_STORE_OAUTH_REFRESH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/uuid.h"
#include "store/job.h"
#include "store/oauth_grant.h"
#include "store/store.h"

#define OAUTH_LEASE_S 60         /* who holds it may spend the token meanwhile */
#define OAUTH_SPEND_MS 30000     /* from taking the lease to the end of the call, at most */
#define OAUTH_REFRESH_ATTEMPTS 5 /* of one job; later ones come from the sweep */
#define OAUTH_KEPT 5             /* generations of tokens, and of the journal, per grant */

enum oauth_lease_verdict {
	OAUTH_LEASE_TAKEN,
	OAUTH_LEASE_BUSY,    /* somebody else has it, for `busy_ms` at most */
	OAUTH_LEASE_FRESH,   /* it was refreshed after the job had been put in */
	OAUTH_LEASE_BROKEN,  /* the provider has refused the grant for good */
	OAUTH_LEASE_NO_GRANT /* it is gone, ending or not in use yet */
};
struct oauth_lease {
	struct uuid grant;
	int64_t team_id, generation, fence, spend_id;
	char owner[UUID_TEXT_SIZE]; /* the job and its fence */
	int64_t busy_ms;
	int64_t taken_ms; /* monotonic, before the row was written */
};

/* Take the lease and note that the token of the current generation is about to be spent: one
 * transaction, committed when this returns. The same claim of the same job may take it again: then
 * what it had noted is known not to have been sent. Errors of the database alone: call it again. */
enum err oauth_lease_take(struct store *store, const struct uuid *grant, const struct job *job,
    struct oauth_lease *lease_out, enum oauth_lease_verdict *verdict_out,
    struct errctx *ctx) MUSTCHECK;

/* ---- what came of it: inside the transaction that ends the job, or that of its `lost` ---- */

/* The answer becomes a generation, sealed for whom it was asked. It is not stored when a later
 * spend has been answered already, nor twice, nor when the grant is gone; else it is, whoever holds
 * the lease or the job by now. */
enum err oauth_lease_answered_in(struct store *store, const struct oauth_lease *lease,
    const struct oauth_token_new *token, const struct oauth_recipient *recipient, bool *stored_out,
    struct errctx *ctx) MUSTCHECK;

enum oauth_refusal {
	OAUTH_REFUSAL_MOVED, /* somebody else has a newer token, or decides: nothing is wrong */
	OAUTH_REFUSAL_AGAIN, /* an earlier call may have used the token up: it may be sent again */
	OAUTH_REFUSAL_BROKEN /* the grant is over; its credentials are open again */
};
/* The provider says that the token is no good (invalid_grant). `reuse_grace_ms`: how long a token
 * that was spent may be sent again; 0: not known, and where an earlier call had no answer, this one
 * was the second try already. */
enum err oauth_lease_refused_in(struct store *store, const struct oauth_lease *lease,
    int64_t reuse_grace_ms, const char *problem, const char *request_id,
    enum oauth_refusal *refusal_out, struct errctx *ctx) MUSTCHECK;

enum oauth_failure {
	OAUTH_FAILED_NOT_SENT, /* nothing was */
	OAUTH_FAILED_ANSWERED, /* with a failure: whether the token was spent is not known */
	OAUTH_FAILED_SILENT    /* nor whether the provider is still at it: the lease runs out */
};
/* The grant is not tried by the sweep for a while, longer each time. */
enum err oauth_lease_failed_in(struct store *store, const struct oauth_lease *lease,
    enum oauth_failure how, const char *problem, struct errctx *ctx) MUSTCHECK;
/* What is known of a call whose job is somebody else's by now: not sent, or refused. */
enum err oauth_lease_lost_in(struct store *store, const struct oauth_lease *lease,
    const char *outcome, struct errctx *ctx) MUSTCHECK;

/* ---- asking for it ---- */

/* Put in the job that refreshes it, or join the one that is there, which then does not wait for its
 * time. Inside the caller's transaction, or alone. `generation`: the one the caller knows and is
 * not content with: when there is a newer one by then, nothing is spent; 0: whichever there is. */
enum err oauth_refresh_enqueue(struct store *store, const struct uuid *grant, int64_t team_id,
    int64_t generation, const char *request_id, int64_t *job_out, struct errctx *ctx) MUSTCHECK;
/* Put in a job for up to `most` grants whose time has come and that have none. Alone. */
enum err oauth_refresh_sweep(struct store *store, int64_t most, int64_t *enqueued_out,
    struct errctx *ctx) MUSTCHECK;
/* The statement it finds them by; a test reads its plan. */
extern const struct stmt oauth_refresh_sweep_statement;

/* The newest refresh of a grant that is `after` this job or under way: 0 when there is none. */
struct oauth_refresh_state {
	int64_t job_id;
	bool active;
};
enum err oauth_refresh_state(struct store *store, const struct uuid *grant, int64_t after,
    struct oauth_refresh_state *state_out, struct errctx *ctx) MUSTCHECK;

#endif
