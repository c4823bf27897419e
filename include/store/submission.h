/* SPDX-License-Identifier: Apache-2.0 */
/* What a person typed into a form, sealed, until the runner has taken it. */
#ifndef BAILEE_STORE_SUBMISSION_H
#define BAILEE_STORE_SUBMISSION_H

#include <stdint.h>

#include "base/secret.h"
#include "base/uuid.h"
#include "store/store.h"

struct submission {
	struct uuid id, credential_id;
	int64_t team_id;
	struct bytes fields_sealed; /* data NULL: taken, refused or called off */
	char *account_name,
	    *account_id; /* it waits for the person to confirm this account; NULL: it does not */
};
void submission_free(struct submission *submission);

/* Plain read. ERR_NOT_FOUND when it is gone. */
enum err submission_load(struct store *store, const struct uuid *id,
    struct submission *submission_out, struct errctx *ctx) MUSTCHECK;
/* The JSON object of the form, as text. ERR_INTEGRITY as store_open(). */
enum err submission_open(struct store *store, const struct submission *submission,
    struct secret *fields_out, struct errctx *ctx) MUSTCHECK;
/* Inside the caller's transaction: drop the sealed fields. `wiped_out` is false when there were
 * none any more, which also means: somebody else has decided about this form. */
enum err submission_wipe_in(struct store *store, const struct uuid *id, bool *wiped_out,
    struct errctx *ctx) MUSTCHECK;
/* Inside the caller's transaction: keep the sealed fields until the person has confirmed whose
 * account they open. ERR_VALUE when somebody else has decided about this form. */
enum err submission_wait_in(struct store *store, const struct uuid *id, const char *account_name,
    const char *account_id, struct errctx *ctx) MUSTCHECK;

#endif
