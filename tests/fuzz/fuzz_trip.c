/* SPDX-License-Identifier: Apache-2.0 */
/* What a taken-over page can have sealed of a trip to a provider: a byte for the type, then
 * {"start", "back", "prefill"}; what is let through makes a call that goes where the definition
 * says and nowhere else. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "catalog/catalog.h"
#include "net/url.h"
#include "oauth/authorize.h"
#include "oauth/exchange.h"
#include "fuzz_type.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW INT64_C(1800000000000)
#define SECRET "client-secret-0123"

static const char *const definitions[] = {
	"\"client_auth\":\"body\",\"pkce\":\"S256\"",
	"\"client_auth\":\"basic\",\"pkce\":\"off\",\"callback_fields\":[{\"name\":\"realm\","
	"\"pattern\":\"[0-9]{1,9}\",\"required\":true}],\"token_headers\":"
	"{\"X-Realm\":\"<<realm>> <<note>>\"}",
	"\"client_auth\":\"none\",\"pkce\":\"S256\",\"token_body\":\"json\",\"resource\":"
	"\"https://<<shop>>.s.example/\",\"token_params\":{\"note\":\"<<note>>\"}",
	"\"client_auth\":\"basic_template\",\"pkce\":\"off\",\"token_method\":\"GET\","
	"\"client_auth_template\":\"<<client_id>>:<<SHA256(CONCAT(note, client_secret))>>\","
	"\"token_params\":{\"mac\":\"<<HMAC_SHA256(code, client_secret)>>\"}",
	/* the client itself is granted the access: the fields say to whose */
	"\"client_auth\":\"body\",\"pkce\":\"off\",\"token_grant\":\"client_credentials\","
	"\"refresh_source\":\"client\",\"callback_fields\":[{\"name\":\"tenant\",\"pattern\":"
	"\"[A-Za-z0-9-]+\",\"required\":true,\"same_as\":\"shop\"}]",
};
#define GRANTED 4
#define N_DEFINITIONS (sizeof(definitions) / sizeof(definitions[0]))

static const struct app_connection *
type_of(size_t index)
{
	static struct catalog *catalogs[N_DEFINITIONS];
	struct buf text = BUF_INIT(4096);

	if (!catalogs[index]) {
		buf_printf(&text,
		    "{\"name\":\"s\",\"version\":1,\"label\":\"S\",\"connections\":[{\"type\":"
		    "\"s\",\"label\":\"S\",\"auth\":\"oauth2\",\"fields\":[{\"name\":\"shop\","
		    "\"type\":\"text\",\"label\":\"Shop\",\"required\":true,%s\"pattern\":"
		    "\"[a-z0-9-]{1,63}\"},{\"name\":\"note\",\"type\":\"text\",\"label\":\"Note\","
		    "\"required\":true}],\"inject\":[{\"where\":\"header\",\"name\":"
		    "\"Authorization\",\"template\":\"Bearer <<access_token>>\"}],"
		    "\"allowed_hosts\":[\"<<shop>>.s.example\"],\"oauth2\":{\"authorize_url\":"
		    "\"https://<<shop>>.s.example/a\",\"token_url\":"
		    "\"https://<<shop>>.s.example/t\",\"scopes\":[],%s}}],"
		    "\"modules\":[{\"id\":\"M\",\"name\":\"M\",\"label\":\"M\"}]}",
		    index == GRANTED ? "\"requester\":true," : "", definitions[index]);
		(void)fuzz_type(&catalogs[index], buf_text(&text));
		buf_free(&text);
	}
	return catalog_connection_type_find(catalogs[index], "s");
}

static void
check_request(const struct http_request *request)
{
	static const char domain[] = ".s.example";
	auto_url struct url url = { 0 };
	size_t len;

	must(request->once && !request->follow_redirects);
	must(url_parse(request->url, &url, NULL) == OK && url.tls && url.port == 443);
	len = strlen(url.host);
	must(len > strlen(domain) && !strcmp(url.host + len - strlen(domain), domain));
	for (size_t i = 0; i < request->n_headers; i++)
		for (const unsigned char *c = (const unsigned char *)request->headers[i].value; *c;
		     c++)
			must((*c >= ' ' || *c == '\t') && *c != 0x7f);
}

/* Where the redirect proves nothing, the requester alone says whose access it is. */
static void
check_granted(const struct oauth_kept *kept, const struct http_request *request)
{
	json_auto_t *prefill = NULL;

	must(kept->prefill &&
	     json_parse(kept->prefill, strlen(kept->prefill), &prefill, NULL) == OK);
	const char *shop = json_get_text(json_object_get(prefill, "hard"), "shop");
	must(shop && !strncmp(request->url + strlen("https://"), shop, strlen(shop)));
}

static json_t *
all_fields(const struct oauth_kept *kept)
{
	json_t *fields = json_copy(json_object_get(kept->start, "fields"));
	union {
		const json_t *borrowed;
		json_t *read;
	} back = { .borrowed = kept->back };

	json_object_update(fields, json_object_get(back.read, "callback"));
	return fields;
}

static void
send_on(const struct oauth_kept *kept)
{
	auto_http_request struct http_request request = HTTP_REQUEST_INIT;
	json_auto_t *fields = all_fields(kept);
	struct secret secret = { 0 };
	struct errctx ctx = { 0 };

	secret_set(&secret, SECRET, strlen(SECRET));
	const struct oauth_call call = { .step = OAUTH_EXCHANGE,
		.type = kept->type,
		.client_id = "id",
		.client_secret = &secret,
		.fields = fields,
		.token = json_get_text(kept->back, "code"),
		.verifier = json_get_text(kept->start, "verifier"),
		.redirect_uri = json_get_text(kept->start, "redirect_uri"),
		.scopes = json_object_get(kept->start, "scopes"),
		.now_ms = NOW };
	enum err err = oauth_request(&call, &request, &ctx);
	must(!err || err == ERR_VALUE);
	must(!strstr(err_text(&ctx), SECRET));
	if (!err)
		check_request(&request);
	if (!err && !oauth_takes_code(kept->type))
		check_granted(kept, &request);
	secret_free(&secret);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_auto_t *all = NULL;
	struct errctx ctx = { 0 };

	if (size < 1 || json_parse((const char *)data + 1, size - 1, &all, NULL))
		return 0;
	const struct oauth_kept kept = { .type = type_of(data[0] % N_DEFINITIONS),
		.start = json_object_get(all, "start"),
		.back = json_object_get(all, "back"),
		.prefill = json_get_text(all, "prefill") };
	enum err err = oauth_trip_check(&kept, &ctx);
	must(!err || err == ERR_INTEGRITY || err == ERR_VALUE);
	if (!err)
		send_on(&kept);
	return 0;
}
