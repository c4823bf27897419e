/* SPDX-License-Identifier: Apache-2.0 */
/* What `make bench` takes for the cost of formulas in a fetch: rendering the options of two
 * requests and finding the token, as often as asked; prints the processor time of one such round.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/secret.h"
#include "formula/template.h"

static const struct {
	const char *name;
	const char *requests[2]; /* options */
} cases[] = {
	{ "typical", /* as the fetches that are measured beside this */
	    { "{\"url\":\"http://127.0.0.1:8080/"
	      "login\",\"method\":\"post\",\"content_type\":\"json\","
	      "\"payload\":{\"user\":\"bench\",\"password\":\"<<secret>>\"}}",
		"{\"url\":\"http://127.0.0.1:8080/"
		"token\",\"method\":\"post\",\"content_type\":\"json\","
		"\"payload\":{\"session\":\"<<PREVIOUS_STEP.body.session>>\"}}" } },
	{ "rich",
	    { "{\"url\":\"https://api.example.com/v1/login\",\"method\":\"post\",\"content_type\":"
	      "\"form\",\"headers\":{\"Authorization\":\"Basic <<BASE64_ENCODE(CONCAT('bench:', "
	      "secret))>>\",\"Accept\":\"application/json\"},\"payload\":{\"grant\":\"password\","
	      "\"user\":\"bench\",\"password\":\"<<secret>>\",\"at\":\"<<DATE('now', "
	      "'%Y-%m-%dT%H:%M:%SZ')>>\"}}",
		"{\"url\":\"https://api.example.com/v1/tenants/"
		"<<PREVIOUS_STEP.body.tenants[0].id>>/"
		"token\",\"method\":\"post\",\"content_type\":\"json\",\"headers\":{\"X-Session\":"
		"\"<<PREVIOUS_STEP.body.session>>\",\"X-CSRF-Token\":"
		"\"<<PREVIOUS_STEP.headers['x-csrf-token']>>\"},\"payload\":{\"scope\":"
		"\"=DEFAULT(PREVIOUS_STEP.body.scope, 'all')\",\"device\":{\"kind\":\"server\","
		"\"signature\":\"<<HMAC_SHA256(PREVIOUS_STEP.body.session, secret, "
		"'base64')>>\"}}}" } },
};
static const char body[] = "{\"session\":\"0123456789abcdef0123456789abcdef\",\"tenants\":[{\"id\":"
			   "42}],\"token\":\"abc\"}";

static json_t *
parsed(const char *text)
{
	json_t *value = json_loads(text, 0, NULL);

	if (!value) {
		fprintf(stderr, "formula_cost: a document is broken\n");
		exit(1);
	}
	return value;
}

static void
must(enum err err)
{
	if (err != OK) {
		fprintf(stderr, "formula_cost: a formula failed\n");
		exit(1);
	}
}

static double
processor_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

/* One fetch after another: options of both requests, then the place of the token. */
static double
measure(const char *const *requests, const struct formula_scope *scope, long rounds)
{
	json_t *options[] = { parsed(requests[0]), parsed(requests[1]) };
	double begin = processor_us();

	for (long round = 0; round < rounds; round++) {
		auto_value struct value token = { 0 };

		for (size_t i = 0; i < 2; i++) {
			json_t *rendered = NULL;

			must(template_render_json(options[i], scope, "", &rendered, NULL));
			json_decref(rendered);
		}
		must(template_eval("=response.body.token", scope, "", &token, NULL));
	}
	return (processor_us() - begin) / (double)rounds;
}

int
main(int argc, char **argv)
{
	long rounds = argc == 2 ? strtol(argv[1], NULL, 10) : 0;

	if (rounds < 1) {
		fprintf(stderr, "usage: formula_cost ROUNDS\n");
		return 2;
	}
	secret_json_allocator();
	json_t *values = parsed("{\"secret\":\"0123456789abcdef\"}");
	json_t *headers =
	    parsed("{\"Content-Type\":\"application/json\",\"X-CSRF-Token\":\"c5rf\"}");
	json_t *answer = parsed(body);
	const struct formula_response response = { 200, headers, answer, body, sizeof(body) - 1 };
	const struct formula_named_response named[] = { { "PREVIOUS_STEP", &response },
		{ "response", &response } };
	const struct formula_scope scope = { values, named, 2, NULL, 0, 1704067200000 };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		printf("%s\"%s\":%.2f", i ? "," : "{", cases[i].name,
		    measure(cases[i].requests, &scope, rounds));
	puts("}");
	return 0;
}
