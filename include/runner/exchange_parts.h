/* SPDX-License-Identifier: Apache-2.0 */
/* What the two halves of the job that exchanges a code share: one loads and saves, the other asks
 * the provider. */
#ifndef BAILEE_RUNNER_EXCHANGE_PARTS_H
#define BAILEE_RUNNER_EXCHANGE_PARTS_H

#include "runner/named_tokens.h"
#include "runner/provider.h"
#include "runner/task.h"
#include "store/credential.h"
#include "store/goal.h"
#include "store/oauth_flow.h"

/* task->data */
struct exchange {
	struct provider provider;
	struct oauth_flow flow;
	struct credential credential;
	struct goal goal;
	json_t *start, *back; /* secret */
	struct oauth_tokens tokens;
	struct named_tokens named;
	struct named_token *alone;  /* in the place of the main one; NULL: that is there */
	struct named_token *asking; /* the one that is being obtained */
	json_t *values;             /* what the test sees; secret */
	struct test_call test;
	struct test_result tested;
	int test_tries;
	bool taken; /* the code is ours */
	bool sent;  /* and may have reached the provider */
};

/* The tokens that the others hang on, and calls are made with. */
const struct oauth_tokens *exchange_first(const struct exchange *exchange);
/* Whether the provider has given anything that would have to be given back. */
bool exchange_came(const struct exchange *exchange);

/* On the loop's thread: from the code to tokens that work, or to the words why not. */
void exchange_ask(struct task *task);

#endif
