/* SPDX-License-Identifier: Apache-2.0 */
/* For store tests: a request of Ada's for one credential. */
#ifndef BAILEE_TESTS_STORE_ONE_CREDENTIAL_H
#define BAILEE_TESTS_STORE_ONE_CREDENTIAL_H

#include "store/request.h"
#include "world.h"

static inline void
ask_for_one(const struct credential_new *item, struct uuid *request_out,
    struct uuid *credential_out)
{
	const struct request_new request = { .team_id = the.alpha,
		.requester_id = the.ada.id,
		.provider_id = the.ada.id,
		.name = "r",
		.expiry_days = 1,
		.credentials = item,
		.n_credentials = 1 };
	struct auth auth = as(&the.ada, SCOPE_REQUESTS_READ);
	struct audit_entry audit = audit_of("x");
	struct request_made made = { 0 };
	struct request_detail detail;
	struct errctx ctx = { 0 };

	ok(request_create(&the.store, &audit, &request, &made, &ctx), &ctx);
	*request_out = made.request.id;
	ok(request_detail(&the.store, &auth, &made.request.id, &detail, &ctx), &ctx);
	*credential_out = detail.credentials[0].id;
	request_detail_free(&detail);
	request_made_wipe(&made);
}

#endif
