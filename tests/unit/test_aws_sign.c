/* SPDX-License-Identifier: Apache-2.0 */
/* Requests to AWS are signed as AWS publishes it: its Signature Version 4 test suite, and the
 * examples of the S3 documentation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/aws_sign.h"
#include "base/alloc.h"
#include "base/clock.h"

#define SUITE_KEY "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
#define S3_KEY "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"

static struct http_request
request_of(const char *method, const char *url, const char *const *headers, const char *body)
{
	struct http_request request = HTTP_REQUEST_INIT;

	request.method = xstrdup(method);
	request.url = xstrdup(url);
	for (; headers && *headers; headers += 2)
		http_request_add_header(&request, headers[0], headers[1]);
	if (body) {
		request.body = xstrdup(body);
		request.body_len = strlen(body);
	}
	return request;
}

static void
expect_signature(struct http_request *request, const struct aws_signer *signer, const char *when,
    const char *expected)
{
	struct errctx ctx = { 0 };
	int64_t now = 0;

	assert_int_equal(clock_parse_iso(when, &now), OK);
	if (aws_sign(request, signer, now, &ctx))
		fail_msg("%s", err_text(&ctx));
	const char *value = http_request_header(request, "Authorization");
	const char *signature = value ? strstr(value, "Signature=") : NULL;
	if (!signature || strcmp(signature + 10, expected) != 0)
		fail_msg("%s %s: %s, not %s", request->method, request->url,
		    value ? value : "nothing", expected);
	assert_false(request->follow_redirects);
	http_request_free(request);
}

#define VANILLA "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
static const struct {
	const char *method, *path;
	const char *headers[8];
	const char *body, *signature;
} suite[] = {
	{ "GET", "/", { NULL }, NULL, VANILLA },
	{ "GET", "/?", { NULL }, NULL, VANILLA },
	{ "GET", "/?Param2=value2&Param1=value1", { NULL }, NULL,
	    "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500" },
	{ "GET", "/?%E1%88%B4=bar", { NULL }, NULL,
	    "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04" },
	{ "GET", "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", { NULL },
	    NULL, "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f" },
	{ "GET", "/", { "My-Header1", " value1", "My-Header2", " \"a   b   c\" " }, NULL,
	    "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736" },
	{ "GET", "/", { "My-Header1", "value2", "My-Header1", "value2", "My-Header1", "value1" },
	    NULL, "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea" },
	{ "POST", "/", { NULL }, NULL,
	    "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b" },
	{ "POST", "/", { "Content-Type", "application/x-www-form-urlencoded" }, "Param1=value1",
	    "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a" },
	{ "GET", "/", { "User-Agent", "is not signed", "Authorization", "old" }, NULL, VANILLA },
};

static void
the_suite_of_aws_is_signed_as_published(void **state)
{
	static const struct aws_signer signer = { "AKIDEXAMPLE", SUITE_KEY, NULL, "service",
		"us-east-1" };
	(void)state;

	for (size_t i = 0; i < sizeof(suite) / sizeof(suite[0]); i++) {
		auto_free char *url = xasprintf("https://example.amazonaws.com%s", suite[i].path);
		struct http_request request =
		    request_of(suite[i].method, url, suite[i].headers, suite[i].body);

		expect_signature(&request, &signer, "2015-08-30T12:36:00Z", suite[i].signature);
	}
}

static void
expect_path(const char *service, const char *path, const char *expected)
{
	struct http_request request = request_of("GET", "https://h/", NULL, NULL);
	auto_buf struct buf out = BUF_INIT(4096), names = BUF_INIT(4096);

	aws_canonical(&request, service, "h", path, "", &out, &names);
	auto_free char *begin = xasprintf("GET\n%s\n\nhost:h\n\nhost\n", expected);
	if (strncmp(buf_text(&out), begin, strlen(begin)) != 0)
		fail_msg("%s: %s", path, buf_text(&out));
	http_request_free(&request);
}

static void
paths_are_normalized_and_encoded_but_for_s3(void **state)
{
	(void)state;

	expect_path("service", "/example/..", "/");
	expect_path("service", "/./example", "/example");
	expect_path("service", "//example//", "/example/");
	expect_path("service", "/a/b/../../c/.", "/c/");
	expect_path("service", "", "/");
	expect_path("service", "/example space/", "/example%20space/");
	expect_path("service", "/\xe1\x88\xb4", "/%E1%88%B4");
	expect_path("service", "/a%20b", "/a%2520b");
	expect_path("s3", "/a%20b//../c", "/a%20b//../c");
	expect_path("s3-outposts", "/a%20b//c", "/a%20b//c");
}

static void
examples_of_s3_are_signed_as_published(void **state)
{
	static const struct aws_signer signer = { "AKIAIOSFODNN7EXAMPLE", S3_KEY, NULL, "s3",
		"us-east-1" };
	const char *const range[] = { "Range", "bytes=0-9", NULL };
	const char *const put[] = { "Date", "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class",
		"REDUCED_REDUNDANCY", NULL };
	const char *when = "2013-05-24T00:00:00Z";
	struct http_request request =
	    request_of("GET", "https://examplebucket.s3.amazonaws.com/test.txt", range, NULL);
	(void)state;

	expect_signature(&request, &signer, when,
	    "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
	request = request_of("PUT", "https://examplebucket.s3.amazonaws.com/test%24file.text", put,
	    "Welcome to Amazon S3.");
	expect_signature(&request, &signer, when,
	    "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
	request =
	    request_of("GET", "https://examplebucket.s3.amazonaws.com/?lifecycle", NULL, NULL);
	expect_signature(&request, &signer, when,
	    "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
	request = request_of("GET", "https://examplebucket.s3.amazonaws.com/?max-keys=2&prefix=J",
	    NULL, NULL);
	expect_signature(&request, &signer, when,
	    "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

static void
a_session_token_is_sent_and_signed(void **state)
{
	static const struct aws_signer signer = { "AKIDEXAMPLE", SUITE_KEY, "session", "sqs",
		"eu-west-1" };
	const char *const forged[] = { "x-amz-security-token", "forged", "X-AMZ-DATE", "forged",
		NULL };
	struct http_request request =
	    request_of("POST", "http://127.0.0.1:8080/q?b=2&a=1", forged, "x");
	struct errctx ctx = { 0 };
	(void)state;

	assert_int_equal(aws_sign(&request, &signer, 0, &ctx), OK);
	assert_string_equal(http_request_header(&request, "x-amz-security-token"), "session");
	assert_string_equal(http_request_header(&request, "x-amz-date"), "19700101T000000Z");
	assert_non_null(strstr(http_request_header(&request, "authorization"),
	    "Credential=AKIDEXAMPLE/19700101/eu-west-1/sqs/aws4_request, "
	    "SignedHeaders=host;x-amz-date;x-amz-security-token, "));
	assert_int_equal(request.n_headers, 3);
	http_request_free(&request);
}

static void
service_and_region_are_read_from_hosts_of_aws(void **state)
{
	static const struct {
		const char *host, *service, *region;
	} cases[] = {
		{ "sqs.eu-west-1.amazonaws.com", "sqs", "eu-west-1" },
		{ "s3.amazonaws.com", "s3", "us-east-1" },
		{ "my.bucket.s3.eu-central-1.amazonaws.com", "s3", "eu-central-1" },
		{ "bucket.s3.dualstack.us-west-2.amazonaws.com", "s3", "us-west-2" },
		{ "iam.amazonaws.com", "iam", "us-east-1" },
		{ "abc.execute-api.us-gov-west-1.amazonaws.com", "execute-api", "us-gov-west-1" },
		{ "ec2.cn-north-1.amazonaws.com.cn", "ec2", "cn-north-1" },
		{ "x.lambda-url.eu-north-1.on.aws", "lambda", "eu-north-1" },
		{ "lambda.eu-north-1.api.aws", "lambda", "eu-north-1" },
		{ "amazonaws.com", NULL, NULL },
		{ "example.com", NULL, NULL },
		{ "sqs.eu-west-1.amazonaws.com.example.com", NULL, NULL },
		{ "127.0.0.1", NULL, NULL },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char service[AWS_NAME_SIZE] = "", region[AWS_NAME_SIZE] = "";
		struct errctx ctx = { 0 };
		enum err err = aws_endpoint_read(cases[i].host, service, region, &ctx);

		if (!cases[i].service) {
			assert_int_equal(err, ERR_VALUE);
			continue;
		}
		assert_int_equal(err, OK);
		assert_string_equal(service, cases[i].service);
		assert_string_equal(region, cases[i].region);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_suite_of_aws_is_signed_as_published),
		cmocka_unit_test(paths_are_normalized_and_encoded_but_for_s3),
		cmocka_unit_test(examples_of_s3_are_signed_as_published),
		cmocka_unit_test(a_session_token_is_sent_and_signed),
		cmocka_unit_test(service_and_region_are_read_from_hosts_of_aws),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
