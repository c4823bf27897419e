/* SPDX-License-Identifier: Apache-2.0 */
/* What many jobs need and write, each kind of row in one statement: a runner's rate must not
 * hang on the number of round trips. All that writes runs inside the caller's transaction. */
#ifndef BAILEE_STORE_BATCH_H
#define BAILEE_STORE_BATCH_H

#include <stddef.h>

#include "store/fetch_token.h"
#include "store/job.h"
#include "store/store.h"

#define BATCH_MAX 64

/* A job that is over: JOB_DONE or JOB_FAILED. Borrowed. */
struct job_over {
	const struct job *job;
	enum job_end end;
	const char *error; /* or NULL */
};
/* As job_finish() for each. ERR_STALE when one of them is another runner's by now. */
enum err batch_finish(struct store *store, const struct job_over *jobs, size_t n,
    struct errctx *ctx) MUSTCHECK;

/* As audit_add() for each. */
enum err batch_audit(struct store *store, const struct audit_entry *entries, size_t n,
    struct errctx *ctx) MUSTCHECK;

/* When user credentials were last used; at most one write in five seconds for each. Whoever has
 * several batches gives the ids in ascending order: two at once then wait and do not deadlock. */
enum err batch_credential_uses(struct store *store, const int64_t *ids, size_t n,
    struct errctx *ctx) MUSTCHECK;

/* A fetched token to keep. */
struct batch_token {
	const struct fetch_subject *subject;
	int64_t job_id;
	const struct bytes *sealed;
	int64_t keep_s, expires_s; /* as fetch_token_put() */
	bool kept; /* out: false when the credential is gone or its version has moved on */
};
#define BATCH_TOKEN_MAX 8192 /* bytes of a sealed token; longer ones: fetch_token_put() */
/* As fetch_token_put() for each. */
enum err batch_fetch_tokens(struct store *store, struct batch_token *tokens, size_t n,
    struct errctx *ctx) MUSTCHECK;

/* As fetch_log_add() for each. */
enum err batch_fetch_log(struct store *store, const struct fetch_log *entries, size_t n,
    struct errctx *ctx) MUSTCHECK;

/* As fetch_subject_load() for each, in one statement: subjects_out[i] belongs to ids[i]; its
 * place.id is 0 when the credential is gone. On failure nothing is left to free. */
enum err batch_fetch_subjects(struct store *store, const int64_t *ids, size_t n,
    struct fetch_subject *subjects_out, struct errctx *ctx) MUSTCHECK;

#endif
