/* SPDX-License-Identifier: Apache-2.0 */
/* The states of a credential, and what each event makes of them: one table. */
#include <string.h>

#include "store/credential.h"

const char *const credential_state_names[CREDENTIAL_STATE_COUNT] = { "pending", "authorized",
	"declined", "reauthorizing", "invalid" };

#define REFUSED CREDENTIAL_STATE_COUNT
#define PENDING CREDENTIAL_PENDING
#define AUTHORIZED CREDENTIAL_AUTHORIZED
#define DECLINED CREDENTIAL_DECLINED
#define BROKEN CREDENTIAL_REAUTHORIZING
/* What each event makes of each state. Whoever declined may still come back and authorize. */
static const unsigned char steps[CREDENTIAL_STATE_COUNT][CREDENTIAL_EVENT_COUNT] = {
	/*                     authorize  decline  remote gone  test failed  passed  grant broken */
	[CREDENTIAL_PENDING] = { AUTHORIZED, DECLINED, PENDING, REFUSED, REFUSED, PENDING },
	[CREDENTIAL_AUTHORIZED] = { REFUSED, REFUSED, PENDING, BROKEN, AUTHORIZED, BROKEN },
	[CREDENTIAL_DECLINED] = { AUTHORIZED, DECLINED, DECLINED, REFUSED, REFUSED, DECLINED },
	[CREDENTIAL_REAUTHORIZING] = { AUTHORIZED, DECLINED, PENDING, BROKEN, AUTHORIZED, BROKEN },
	[CREDENTIAL_INVALID] = { AUTHORIZED, DECLINED, PENDING, BROKEN, AUTHORIZED, BROKEN },
};
static const char *const refusals[CREDENTIAL_EVENT_COUNT] = {
	[CREDENTIAL_AUTHORIZE] = "the credential is authorized already",
	[CREDENTIAL_DECLINE] = "an authorized credential cannot be declined",
	[CREDENTIAL_REMOTE_GONE] = "the credential has nothing to delete",
	[CREDENTIAL_TEST_FAILED] = "a credential that is not authorized has nothing to be tested",
	[CREDENTIAL_TEST_PASSED] = "a credential that is not authorized has nothing to be tested",
	[CREDENTIAL_GRANT_BROKEN] = "the credential has nothing that could break",
};

enum err
credential_event(enum credential_state state, enum credential_event event,
    enum credential_state *state_out, struct errctx *ctx)
{
	unsigned next = steps[state][event];

	if (next == REFUSED)
		return err_set(ctx, ERR_VALUE, "", "%s", refusals[event]);
	*state_out = (enum credential_state)next;
	return OK;
}

enum err
credential_state_parse(const char *name, enum credential_state *state_out, struct errctx *ctx)
{
	for (unsigned i = 0; i < CREDENTIAL_STATE_COUNT; i++)
		if (!strcmp(credential_state_names[i], name)) {
			*state_out = (enum credential_state)i;
			return OK;
		}
	return err_set(ctx, ERR_INTERNAL, "", "a credential is in an unknown state");
}
