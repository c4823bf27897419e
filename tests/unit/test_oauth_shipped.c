/* SPDX-License-Identifier: Apache-2.0 */
/* Behaviour of every shipped app with OAuth 2: a person can set out, and each call can be made. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "net/url.h"
#include "oauth/authorize.h"
#include "oauth/oauth_parts.h"
#include "oauth/revoke.h"

static void
each_connection(void (*look)(const struct app_connection *type))
{
	const char *data = getenv("BAILEE_TEST_DATA");
	auto_free char *folder = xasprintf("%s/../../apps", data ? data : "tests/data");
	struct catalog *catalog = NULL;
	struct errctx ctx = { 0 };
	size_t n = 0;

	if (catalog_open(folder, NULL, &catalog, &ctx))
		fail_msg("%s", err_text(&ctx));
	for (size_t i = 0; i < catalog_count(catalog); i++) {
		const struct app *app = catalog_at(catalog, i);

		for (size_t k = 0; k < app->n_connections; k++)
			if (app->connections[k].auth == APP_AUTH_OAUTH2) {
				look(&app->connections[k]);
				n++;
			}
	}
	assert_in_range(n, 30, 500);
	catalog_close(&catalog);
}

static const char *
sample_of(const struct form_field *field)
{
	static const char *const samples[] = { "acme", "acme.okta.com", "acme.eu.auth0.com",
		"gitlab.example.com", "acme.zendesk.com", "12345",
		"6c1e2f0a-93b4-4c3e-9f57-0d8a5b1c2e3f" };

	if (field->initial)
		return field->initial;
	if (field->options)
		return field->options[0].value;
	if (field->type == FORM_URL)
		return "https://acme.example/oauth";
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++)
		if (!field->pattern || form_pattern_matches(field->pattern, samples[i]))
			return samples[i];
	fail_msg("no sample for %s", field->name);
	return NULL;
}

static json_t *
sample_fields(const struct app_connection *type)
{
	json_t *fields = json_object();

	for (const struct form_field *field = type->fields; field->name; field++)
		json_put_text(fields, field->name, sample_of(field));
	return fields;
}

static void
check_url(const struct app_connection *type, const char *text)
{
	struct errctx ctx = { 0 };
	struct url url = { 0 };

	if (url_parse(text, &url, &ctx))
		fail_msg("%s: %s: %s", type->type, text, err_text(&ctx));
	assert_true(url.tls);
	url_free(&url);
}

static void
sets_out(const struct app_connection *type)
{
	json_auto_t *fields = sample_fields(type);
	const struct oauth_trip trip = { .type = type,
		.client_id = "id",
		.redirect_uri = "https://b.example/c",
		.fields = fields,
		.state_prefix = "x" };
	auto_oauth_start struct oauth_start start = { 0 };
	struct errctx ctx = { 0 };

	if (oauth_authorize_start(&trip, &start, &ctx))
		fail_msg("%s: %s", type->type, err_text(&ctx));
	check_url(type, start.url);
	bool proves = !json_is_null(json_object_get(start.keep, "verifier"));
	assert_int_equal(strstr(start.url, "code_challenge=") != NULL, proves);
}

static void
everybody_can_set_out(void **state)
{
	(void)state;
	each_connection(sets_out);
}

static void
check_request(const struct app_connection *type, enum err err, const struct http_request *request,
    struct errctx *ctx)
{
	if (err)
		fail_msg("%s: %s", type->type, err_text(ctx));
	check_url(type, request->url);
	for (size_t i = 0; i < request->n_headers; i++)
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(request->headers[i].name, request->headers[k].name);
}

static void
makes_calls(const struct app_connection *type)
{
	json_auto_t *fields = sample_fields(type);
	auto_secret struct secret secret = { 0 };
	struct oauth_call call = { .type = type,
		.client_id = "id",
		.client_secret = &secret,
		.fields = fields,
		.token = "token",
		.redirect_uri = "https://b.example/c",
		.now_ms = 1 };

	secret_set(&secret, "secret", 6);
	for (enum oauth_step step = OAUTH_EXCHANGE; step != OAUTH_DONE;
	     step = oauth_next_step(type, step)) {
		auto_http_request struct http_request request = HTTP_REQUEST_INIT;
		struct errctx ctx = { 0 };

		call.step = step;
		check_request(type, oauth_request(&call, &request, &ctx), &request, &ctx);
	}
	if (oauth_refresh_source(type) != OAUTH_SOURCE_NONE) {
		auto_http_request struct http_request request = HTTP_REQUEST_INIT;
		struct errctx ctx = { 0 };

		call.step = OAUTH_REFRESH;
		check_request(type, oauth_request(&call, &request, &ctx), &request, &ctx);
	}
	if (oauth_can_revoke(type)) {
		auto_http_request struct http_request request = HTTP_REQUEST_INIT;
		struct errctx ctx = { 0 };

		check_request(type,
		    oauth_revoke_request(&call, oauth_revoke_source(type, true), &request, &ctx),
		    &request, &ctx);
	}
}

static void
every_call_can_be_made(void **state)
{
	(void)state;
	each_connection(makes_calls);
}

/* Both words of a definition about refresh tokens: one without the other is a slip. */
static void
is_consistent(const struct app_connection *type)
{
	struct oauth_rotation rotation;

	oauth_rotation(type, &rotation);
	if (rotation.rotates && oauth_refresh_source(type) != OAUTH_SOURCE_REFRESH)
		fail_msg("%s rotates what it does not have", type->type);
	if (oauth_next_step(type, OAUTH_EXCHANGE) == OAUTH_LENGTHEN &&
	    oauth_refresh_source(type) == OAUTH_SOURCE_REFRESH)
		fail_msg("%s lengthens and refreshes", type->type);
}

static void
refreshing_is_described_without_contradiction(void **state)
{
	(void)state;
	each_connection(is_consistent);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everybody_can_set_out),
		cmocka_unit_test(every_call_can_be_made),
		cmocka_unit_test(refreshing_is_described_without_contradiction),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
