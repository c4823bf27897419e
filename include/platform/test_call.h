/* SPDX-License-Identifier: Apache-2.0 */
/* The test call of a connection: made from its definition and its fields, and what its answer
 * means. */
#ifndef BAILEE_PLATFORM_TEST_CALL_H
#define BAILEE_PLATFORM_TEST_CALL_H

#include <stdbool.h>

#include "base/error.h"
#include "base/json.h"
#include "catalog/catalog.h"
#include "net/http_client.h"
#include "net/http_request.h"

#define TEST_CALL_TIMEOUT_MS 8000 /* shorter than callers wait by default */

/* What goes into http_call: keep it until the call is over. */
struct test_call {
	struct http_request request;
	json_t *allowed_hosts;
};

/* Whether the definition of the type says how to test it. */
bool test_call_exists(const struct app_connection *type);
/* Fill in URL, headers and injected credentials from `values` (the fields of the type, secret).
 * ERR_VALUE names the field that is missing or cannot stand where it belongs. */
enum err test_call_build(const struct app_connection *type, const json_t *values,
    struct test_call *call_out, struct errctx *ctx) MUSTCHECK;
void test_call_free(struct test_call *call);

enum test_verdict {
	TEST_GOOD,
	TEST_BAD, /* the provider refuses the credential */
	TEST_AWAY /* it did not answer, or not as one that works */
};
struct test_result {
	enum test_verdict verdict;
	char reason[ERR_TEXT_MAX];       /* unless good: with the provider's words where it has any;
					    never holds a value of a field, as it is or as it was sent */
	char *account_name, *account_id; /* owned; NULL where the definition or the answer does not
					    say */
};
void test_call_judge(const struct app_connection *type, const json_t *values,
    const struct http_result *result, struct test_result *result_out);
void test_result_free(struct test_result *result);

#endif
