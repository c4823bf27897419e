/* SPDX-License-Identifier: Apache-2.0 */
/* Other credentials in a credential's requests: found, opened, and fetched first where need be. */
#ifndef BAILEE_RUNNER_REFERENCES_H
#define BAILEE_RUNNER_REFERENCES_H

#include <stdbool.h>

#include <jansson.h>

#include "base/secret.h"
#include "runner/task.h"
#include "store/credential_need.h"

#define REFERENCES_DEPTH_MAX 8  /* credentials that wait for one another */
#define REFERENCES_WAIT_MS 250  /* between looks at what is being fetched… */
#define REFERENCES_SOON_MS 1000 /* …after this; until then a fifth of it */

/* All by slug. Owned; references_free(). */
struct references {
	json_t *values;   /* what CREDENTIAL.<slug> stands for */
	json_t *hosts;    /* allowed_hosts of those that have any */
	json_t *metadata; /* {"metadata": {…}}, of INFO.credential.<slug> */
};
void references_free(struct references *references);

/* The value of one credential: its text, a token signed now, or the one that was fetched. OK
 * without a value: its fetch has been put in, come back later. ERR_VALUE when there is none to
 * have. */
enum err reference_value(struct store *store, const struct job *job,
    const struct credential_need *need, struct secret *value_out, bool *wait_out,
    struct errctx *ctx) MUSTCHECK;

/* Queue's thread, in a kind's load: everything that the options in `document` (a plan) refer to,
 * for the credential of `place`. `wait_out`: some of it is still to be fetched; the job is to be
 * handed back for REFERENCES_WAIT_MS. ERR_VALUE for a slug that nobody has, one whose fetch failed,
 * and credentials that refer to each other in a circle. */
enum err references_load(struct store *store, const struct job *job,
    const struct user_credential_place *place, const json_t *document,
    struct references *references_out, bool *wait_out, struct errctx *ctx) MUSTCHECK;

/* What one request sees: CREDENTIAL into `roots` with the credentials its options refer to, and
 * their lists of hosts, for http_call.allowed_by_each; NULL when nothing is limited. Caller owns.
 */
json_t *references_of_request(const struct references *references, const json_t *options,
    json_t *roots);

/* Settle a task that has to wait: handed back, or failed when it has waited too long. */
void references_wait(struct task *task);

#endif
