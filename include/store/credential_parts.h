/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of store/credential*.c: what moves a credential from state to state. */
#ifndef BAILEE_STORE_CREDENTIAL_PARTS_H
#define BAILEE_STORE_CREDENTIAL_PARTS_H

#include "store/credential.h"

/* What an event brings along; a reason of NULL keeps what is there. */
struct credential_step {
	enum credential_event event;
	struct credential_remote remote;
	const char *reason;
};
/* Inside the caller's transaction, with the credential and its request locked: go by the table of
 * states, write, derive the request's status, and have the mail sent that says so. */
enum err credential_step_in(struct store *store, const struct credential *credential,
    const struct credential_step *step, struct errctx *ctx) MUSTCHECK;

bool credential_is_broken(const struct credential *credential);

#endif
