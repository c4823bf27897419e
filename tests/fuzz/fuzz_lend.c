/* SPDX-License-Identifier: Apache-2.0 */
/* Lent requests and what comes back: a byte for the length of the secret, the secret, then the wish
 * as JSON, which is an answer too; the secret goes nowhere but into its place, and does not come
 * back. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/blot.h"
#include "agent/lend.h"
#include "base/alloc.h"
#include "base/crypt.h"
#include "base/json.h"
#include "net/url.h"
#include "must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ROOM ((size_t)1 << 22)

static bool
holds(const struct buf *buf, const void *part, size_t len)
{
	return buf->len >= len && memmem(buf_text(buf), buf->len, part, len);
}

/* The mark and what stands beside it may be the secret again. */
static bool
is_of_mark(const char *secret, size_t len)
{
	return memchr(secret, '[', len) || memchr(secret, ']', len) ||
	       memmem(BLOT_MARK, strlen(BLOT_MARK), secret, len);
}

static void
check_headers(const struct http_request *request)
{
	for (size_t i = 0; i < request->n_headers; i++)
		must(!strpbrk(request->headers[i].value, "\r\n") && *request->headers[i].name &&
		     !strpbrk(request->headers[i].name, "\r\n: \t"));
}

static void
try_build(const json_t *wish, const char *secret, size_t len)
{
	const struct lend_secret lent = { .slug = "s", .text = secret, .len = len };
	auto_http_request struct http_request request = HTTP_REQUEST_INIT;
	struct errctx ctx = { 0 };
	struct url asked = { 0 }, sent = { 0 };
	const char *url = json_get_text(wish, "url");

	if (lend_build(wish, &lent, &request, &ctx)) {
		must(len < 8 || !strstr(err_text(&ctx), secret) || strlen(secret) < 8);
		return;
	}
	check_headers(&request);
	must(request.once && url && !strpbrk(request.url, " \r\n#"));
	/* where it goes is what the caller has written */
	if (url_parse(request.url, &sent, NULL) == OK && url_parse(url, &asked, NULL) == OK)
		must(url_same_origin(&asked, &sent));
	url_free(&asked);
	url_free(&sent);
}

static void
try_blot(const char *secret, size_t len, const uint8_t *data, size_t size)
{
	struct blot *blot = blot_new();
	auto_buf struct buf text = BUF_INIT(ROOM), out = BUF_INIT_SECRET(ROOM);
	auto_free char *encoded = crypt_base64(secret, len);

	blot_add(blot, secret, len);
	buf_add(&text, data, size);
	buf_add(&text, secret, len);
	buf_add_text(&text, "\n");
	buf_add_text(&text, encoded);
	blot_apply(blot, buf_text(&text), text.len, &out);
	if (!is_of_mark(secret, len) && !out.over) {
		must(!holds(&out, secret, len));
		must(len < BLOT_ENCODED_LEAST || is_of_mark(encoded, strlen(encoded)) ||
		     !holds(&out, encoded, strlen(encoded)));
	}
	blot_free(&blot);
}

static void
try_json(const char *secret, size_t len, const json_t *value)
{
	struct blot *blot = blot_new();

	blot_add(blot, secret, len);
	json_auto_t *clean = blot_json(blot, value);
	auto_free char *text = json_text(clean);
	must(is_of_mark(secret, len) || !json_is_string(clean) ||
	     !memmem(json_string_value(clean), json_string_length(clean), secret, len));
	must(*text);
	blot_free(&blot);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t len = size ? 1 + data[0] % 48 : 0;
	json_auto_t *value = NULL;

	if (size < 1 + len)
		return 0;
	auto_free char *secret = xmemdup0(data + 1, len);
	try_blot(secret, len, data + 1 + len, size - 1 - len);
	if (json_parse((const char *)data + 1 + len, size - 1 - len, &value, NULL))
		return 0;
	try_json(secret, len, value);
	try_build(value, secret, len);
	return 0;
}
