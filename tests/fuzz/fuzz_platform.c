/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of platforms and of the providers a connection is tested at: a byte for what was asked,
 * one for the status, a body; what is said of them is fit to be shown and holds none of ours. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "catalog/catalog.h"
#include "platform/platform.h"
#include "platform/test_call.h"
#include "fuzz_type.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TOKEN "tok-0123456789abcdef"
#define PASSWORD "pass word 12345678"
#define BASIC "c29tZWJvZHk6cGFzcyB3b3JkIDEyMzQ1Njc4" /* of both, as it is sent */
#define NESTED "nested\tsecret-of-ours"

static const char definition[] =
    "{\"name\":\"s\",\"version\":1,\"label\":\"S\",\"connections\":[{\"type\":\"s\",\"label\":"
    "\"S\","
    "\"auth\":\"basic\",\"fields\":[{\"name\":\"user\",\"type\":\"text\",\"label\":\"U\"},"
    "{\"name\":\"password\",\"type\":\"password\",\"label\":\"P\"}],"
    "\"inject\":[{\"where\":\"basic\",\"template\":\"<<user>>:<<password>>\"}],"
    "\"test\":{\"method\":\"GET\",\"url\":\"https://s.example/me\",\"expect\":[200,204],"
    "\"success_when\":{\"path\":\"/ok\",\"equals\":true}},"
    "\"account_name\":[\"/name\",\"/a/0/name\"],\"account_id\":[\"/id\"],"
    "\"allowed_hosts\":[\"s.example\"]}],"
    "\"modules\":[{\"id\":\"M\",\"name\":\"M\",\"label\":\"M\"}]}";

static const struct app_connection *
type(void)
{
	static struct catalog *catalog;

	return fuzz_type(&catalog, definition);
}

static void
check_words(const char *words)
{
	size_t length, left = strlen(words);

	must(left < ERR_TEXT_MAX);
	for (; left; words += length, left -= length) {
		length = json_utf8_length(words, left);
		must(length > 0 && (unsigned char)*words >= ' ' && *words != 0x7f);
	}
}

static void
try_platform(uint8_t step, const struct http_result *result)
{
	struct platform platform = { .kind = PLATFORM_MAKE, .remote_team_id = 3 };
	json_auto_t *body = json_pack("{s:s, s:{s:s, s:[s]}}", "name", "n", "parameters",
	    "password", PASSWORD, "list", NESTED);
	struct platform_order order = { .step = (enum platform_step)(step % PLATFORM_STEP_COUNT),
		.remote_id = 9,
		.job_id = 4 };
	struct platform_answer answer;
	bool change = order.step == PLATFORM_CHANGE_CONNECTION;

	secret_set(&platform.token, TOKEN, strlen(TOKEN));
	if (order.step == PLATFORM_CREATE_KEY || order.step == PLATFORM_CREATE_CONNECTION || change)
		order.body = body;
	platform_read(&platform, &order, result, &answer);
	check_words(answer.words);
	must(!strstr(answer.words, TOKEN));
	must(!order.body ||
	     (!strstr(answer.words, PASSWORD) && !strstr(answer.words, "secret-of-ours")));
	bool makes = order.body && answer.verdict == PLATFORM_DONE;
	must((answer.remote_id > 0) == makes && answer.remote_id <= UINT32_MAX);
	must(!change || !makes || answer.remote_id == order.remote_id);
	must((answer.verdict == PLATFORM_DONE) == !*answer.words);
	secret_free(&platform.token);
}

static void
check_account(const char *text)
{
	must(!text || (*text && strlen(text) < 1024));
}

static void
try_test(const struct http_result *result)
{
	json_auto_t *values = json_pack("{s:s, s:s}", "user", "somebody", "password", PASSWORD);
	struct test_result tested;

	test_call_judge(type(), values, result, &tested);
	check_words(tested.reason);
	must(!strstr(tested.reason, BASIC) && !strstr(tested.reason, PASSWORD));
	must((tested.verdict == TEST_GOOD) == !*tested.reason);
	must(tested.verdict == TEST_GOOD || (!tested.account_id && !tested.account_name));
	check_account(tested.account_id);
	check_account(tested.account_name);
	test_result_free(&tested);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int statuses[] = { 200, 204, 400, 401, 404, 409, 422, 424, 429, 500, 302,
		201 };
	struct http_result result = { .body = BUF_INIT(1u << 20), .sent = true };

	if (size < 2)
		return 0;
	result.status = statuses[data[1] % (sizeof(statuses) / sizeof(statuses[0]))];
	buf_add(&result.body, data + 2, size - 2);
	try_platform(data[0], &result);
	try_test(&result);
	buf_free(&result.body);
	return 0;
}
