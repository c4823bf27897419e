/* SPDX-License-Identifier: Apache-2.0 */
/* What the ends of many jobs write, each kind of row in one statement: a runner's rate must not
 * hang on the number of round trips. All of it inside the caller's transaction. */
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

/* As audit_add() for each; addresses and persons are not written. */
enum err batch_audit(struct store *store, const struct audit_entry *entries, size_t n,
    struct errctx *ctx) MUSTCHECK;

/* As fetch_log_add() for each. */
enum err batch_fetch_log(struct store *store, const struct fetch_log *entries, size_t n,
    struct errctx *ctx) MUSTCHECK;

#endif
