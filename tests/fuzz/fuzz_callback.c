/* SPDX-License-Identifier: Apache-2.0 */
/* The way back from a provider, by anybody: "query LF cookies LF issuer"; what is taken of it is
 * ours, and fit to be sealed. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/json.h"
#include "catalog/catalog.h"
#include "oauth/authorize.h"
#include "page/callback.h"
#include "page/denial.h"
#include "web/pool.h"
#include "fuzz_type.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CALLBACK "0192f0c1-2233-7455-8677-8899aabbccdd"
#define N_PARAMS 4

static const char definition[] =
    "{\"name\":\"s\",\"version\":1,\"label\":\"S\",\"connections\":[{\"type\":\"s\",\"label\":"
    "\"S\","
    "\"auth\":\"oauth2\",\"inject\":[{\"where\":\"basic\",\"template\":\":<<access_token>>\"}],"
    "\"allowed_hosts\":[\"s.example\"],\"oauth2\":{\"authorize_url\":\"https://s.example\","
    "\"token_url\":\"https://s.example\",\"client_auth\":\"body\",\"pkce\":\"off\",\"scopes\":[],"
    "\"issuer\":\"https://s.example\",\"callback_fields\":["
    "{\"name\":\"realm\",\"param\":\"realmId\",\"pattern\":\"[0-9]{1,20}\"},"
    "{\"name\":\"place\",\"pattern\":\"[a-z.]+\"}]}}],"
    "\"modules\":[{\"id\":\"M\",\"name\":\"M\",\"label\":\"M\"}]}";

static const struct app_connection *
type(void)
{
	static struct catalog *catalog;

	return fuzz_type(&catalog, definition);
}

static void
check_return(const char *issuer, const json_t *query)
{
	auto_oauth_return struct oauth_return returned = { 0 };
	const char *iss = json_get_text(query, "iss");
	static const char known[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";

	oauth_return_read(type(), issuer, query, &returned);
	must(!issuer || !iss || !strcmp(iss, issuer) || returned.verdict == OAUTH_RETURN_FOREIGN);
	must((returned.verdict == OAUTH_RETURN_CODE) == (returned.keep != NULL));
	must((returned.verdict == OAUTH_RETURN_ERROR) == (*returned.error != '\0'));
	must(strspn(returned.error, known) == strlen(returned.error));
	if (returned.keep) {
		auto_wipe char *text = json_text(returned.keep);

		must(oauth_return_is_whole(type(), returned.keep) && *text);
	} else if (returned.verdict == OAUTH_RETURN_ERROR) {
		must(denial_code(returned.error) != NULL);
	}
}

/* Whether one of the parameters is a state of this request. */
static bool
names(json_t *query, const struct uuid *request)
{
	char id[UUID_TEXT_SIZE];
	const char *name;
	json_t *value;
	bool found = false;

	uuid_text(request, id);
	json_object_foreach(query, name, value) found =
	    found || !strncasecmp(json_string_value(value), id, strlen(id));
	return found;
}

/* As the router does it. */
static void
use_request(struct request *request, const char *issuer)
{
	static const struct route route = { .method = METHOD_GET,
		.path = "/oauth/callback/{callbackId}" };
	struct pool pool = { 0 };
	struct ctx ctx = { .req = request, .app = &pool, .route = &route };
	json_auto_t *query = json_object();
	struct page_return back = { 0 };
	struct page_link link = { 0 };

	snprintf(pool.config.public_url, sizeof(pool.config.public_url), "https://b.example");
	ctx.param_values[0] = CALLBACK;
	bool ours = callback_read(&ctx, query, &link, &back);
	must(json_object_size(query) <= request->query.n);
	must(!ours || (link.has_browser && names(query, &link.request)));
	check_return(issuer && *issuer ? issuer : NULL, query);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_free char *text = xmemdup0(data, size);
	char *rest = text, *query = strsep(&rest, "\n");
	char *cookies = rest ? strsep(&rest, "\n") : text + strlen(text);
	auto_free char *uri = xasprintf("/oauth/callback/" CALLBACK "?%s", query);
	const struct request_param params[N_PARAMS] = { { "REQUEST_METHOD", "GET" },
		{ "REQUEST_URI", uri }, { "QUERY_STRING", query }, { "HTTP_COOKIE", cookies } };
	const struct request_source source = { .params = params, .n_params = N_PARAMS };
	struct request request;

	if (request_open(&request, &source, NULL) == OK)
		use_request(&request, rest);
	request_close(&request);
	return 0;
}
