/* SPDX-License-Identifier: Apache-2.0 */
/* What a job needs to know or has to say and the queue must not hold: sealed, for an hour. */
#ifndef BAILEE_STORE_JOB_VALUE_H
#define BAILEE_STORE_JOB_VALUE_H

#include <stdint.h>

#include "base/json.h"
#include "store/store.h"

enum job_value_way { JOB_VALUE_IN, JOB_VALUE_OUT }; /* for the runner; for whoever asked */

#define JOB_VALUE_MAX SEAL_DATA_MAX /* bytes of its JSON text */

/* A sealed value on its way into the table. Owned; job_value_free(). */
struct job_value {
	enum job_value_way way;
	struct uuid uuid;
	int64_t team_id;
	struct bytes sealed;
};
void job_value_free(struct job_value *value);

/* Seal to the team's key. Outside of a transaction. */
enum err job_value_seal(struct store *store, enum job_value_way way, int64_t team_id,
    const json_t *json, struct job_value *value_out, struct errctx *ctx) MUSTCHECK;
/* Inside the transaction that puts the job in, or ends it: in place of an earlier one. */
enum err job_value_add(struct store *store, int64_t job_id, const struct job_value *value,
    struct errctx *ctx) MUSTCHECK;
/* Open one; the caller owns it. ERR_NOT_FOUND (without a text) when it is gone. */
enum err job_value_open(struct store *store, int64_t job_id, enum job_value_way way,
    json_t **json_out, struct errctx *ctx) MUSTCHECK;
/* Whether the job is of that kind, about that subject, and put in by this person (by "person" in
 * its payload): only then may he have what came of it. ERR_NOT_FOUND otherwise. */
enum err job_value_check(struct store *store, int64_t job_id, const char *kind, const char *subject,
    int64_t person_id, struct errctx *ctx) MUSTCHECK;
/* It has been given to whoever waited: nobody needs either value any more. */
enum err job_value_forget(struct store *store, int64_t job_id, struct errctx *ctx) MUSTCHECK;

#endif
