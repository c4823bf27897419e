/* SPDX-License-Identifier: Apache-2.0 */
/* Signing requests to AWS: Signature Version 4. */
#include "agent/aws_sign.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/crypt.h"
#include "base/secret.h"
#include "net/url.h"

#define CANONICAL_MAX ((size_t)256 * 1024)
#define PAIRS_MAX 1000
#define HEADERS_MAX 200

/* ---- endpoints ---- */

bool
aws_name_is_valid(const char *name)
{
	size_t len =
	    strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-");

	return len > 0 && name[len] == '\0' && len < AWS_NAME_SIZE;
}

/* <anything.>service[.region].amazonaws.com[.cn]; function URLs end otherwise. */
static const struct {
	const char *end, *service;
} suffixes[] = {
	{ ".amazonaws.com", NULL },
	{ ".amazonaws.com.cn", NULL },
	{ ".api.aws", NULL },
	{ ".on.aws", "lambda" },
};

static bool
is_region(const char *label)
{
	const char *digit = label + strlen(label);

	return digit - label > 4 && isdigit((unsigned char)digit[-1]) && digit[-2] == '-' &&
	       strchr(label, '-') < digit - 2;
}

/* Cuts the last label off; NULL when nothing is left. */
static char *
last_label(char *name)
{
	char *dot = strrchr(name, '.');

	if (!*name)
		return NULL;
	if (!dot)
		return name;
	*dot = '\0';
	return dot + 1;
}

static bool
read_labels(char *name, const char *service, char service_out[AWS_NAME_SIZE],
    char region_out[AWS_NAME_SIZE])
{
	const char *region = "us-east-1";
	char *label = last_label(name);

	if (label && is_region(label)) {
		region = label;
		label = label == name ? NULL : last_label(name);
	}
	if (label && !strcmp(label, "dualstack"))
		label = label == name ? NULL : last_label(name);
	if (!service)
		service = label;
	if (!service || !aws_name_is_valid(service) || !aws_name_is_valid(region))
		return false;
	snprintf(service_out, AWS_NAME_SIZE, "%s", service);
	snprintf(region_out, AWS_NAME_SIZE, "%s", region);
	return true;
}

enum err
aws_endpoint_read(const char *host, char service_out[AWS_NAME_SIZE], char region_out[AWS_NAME_SIZE],
    struct errctx *ctx)
{
	size_t len = strlen(host);

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		size_t end = strlen(suffixes[i].end);
		bool read;

		if (len <= end || strcasecmp(host + len - end, suffixes[i].end) != 0)
			continue;
		char *name = xmemdup0(host, len - end);
		read = read_labels(name, suffixes[i].service, service_out, region_out);
		free(name);
		if (read)
			return OK;
	}
	return err_set(ctx, ERR_VALUE, "aws",
	    "the host does not tell service and region: say both");
}

/* ---- the canonical request ---- */

static void
add_encoded(struct buf *out, const char *text, size_t len, const char *also)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (isalnum(c) || (c && strchr("-_.~", c)) || (c && strchr(also, c)))
			buf_add_char(out, (char)c);
		else
			buf_printf(out, "%%%02X", c);
	}
}

/* Percent-decoded; what is no escape stays. The caller frees it. */
static char *
decode(const char *text, size_t len, bool plus, size_t *len_out)
{
	char *decoded = xmemdup0(text, len);
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		char hex[3] = "";

		if (text[i] == '%' && len - i > 2 && isxdigit((unsigned char)text[i + 1]) &&
		    isxdigit((unsigned char)text[i + 2])) {
			memcpy(hex, text + i + 1, 2);
			decoded[n++] = (char)strtol(hex, NULL, 16);
			i += 2;
		} else {
			decoded[n++] = plus && text[i] == '+' ? ' ' : text[i];
		}
	}
	decoded[n] = '\0';
	*len_out = n;
	return decoded;
}

/* RFC 3986 section 5.2.4, and runs of slashes are one. */
static void
add_normal_path(struct buf *out, const char *path)
{
	const char **kept = xcalloc(strlen(path) + 1, sizeof(*kept));
	size_t *lens = xcalloc(strlen(path) + 1, sizeof(*lens));
	size_t n = 0;
	bool open = true; /* it ends with a slash */

	for (const char *at = path; *at;) {
		size_t len = strcspn(at, "/");

		open = at[len] == '/' || len == 0;
		if (len == 2 && !strncmp(at, "..", 2)) {
			n -= n > 0;
			open = true;
		} else if (len == 1 && *at == '.') {
			open = true;
		} else if (len) {
			kept[n] = at;
			lens[n++] = len;
		}
		at += len;
		at += *at == '/';
	}
	for (size_t i = 0; i < n; i++) {
		buf_add_char(out, '/');
		add_encoded(out, kept[i], lens[i], "");
	}
	if (open || n == 0)
		buf_add_char(out, '/');
	free(kept);
	free(lens);
}

/* Services that share S3's way of signing. */
static bool
signs_as_s3(const char *service)
{
	static const char *const names[] = { "s3", "s3-outposts", "s3-object-lambda", "s3express" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(service, names[i]))
			return true;
	return false;
}

/* S3 takes a path as it is meant; the others take it as it is written. */
static void
add_path(struct buf *out, const char *service, const char *path)
{
	size_t len;

	if (!signs_as_s3(service)) {
		add_normal_path(out, path);
		return;
	}
	char *plain = decode(path, strlen(path), false, &len);
	add_encoded(out, plain, len, "/");
	free(plain);
}

static int
compare_texts(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* "name=value", both encoded anew. The caller frees it. */
static char *
canonical_pair(const char *pair, size_t len)
{
	const char *equals = memchr(pair, '=', len);
	size_t name_len = equals ? (size_t)(equals - pair) : len, n;
	struct buf out = BUF_INIT_SECRET(CANONICAL_MAX);
	char *plain = decode(pair, name_len, true, &n);

	add_encoded(&out, plain, n, "");
	secret_wipe_text(&plain);
	/* sorts before whatever a name can hold, as the end of a name does */
	buf_add_char(&out, '\1');
	if (equals) {
		plain = decode(equals + 1, len - name_len - 1, true, &n);
		add_encoded(&out, plain, n, "");
		secret_wipe_text(&plain);
	}
	return buf_take(&out);
}

static void
add_query(struct buf *out, const char *query)
{
	char *pairs[PAIRS_MAX];
	size_t n = 0;

	while (*query && n < PAIRS_MAX) {
		size_t len = strcspn(query, "&");

		if (len)
			pairs[n++] = canonical_pair(query, len);
		query += len;
		query += *query == '&';
	}
	out->over = out->over || *query;
	qsort(pairs, n, sizeof(*pairs), compare_texts);
	for (size_t i = 0; i < n; i++) {
		*strchr(pairs[i], '\1') = '=';
		if (i)
			buf_add_char(out, '&');
		buf_add_text(out, pairs[i]);
		secret_wipe_text(&pairs[i]);
	}
}

/* Changed on the way, or the client's own. */
static bool
is_left_out(const char *name)
{
	static const char *const names[] = { "accept-encoding", "authorization", "connection",
		"content-length", "expect", "host", "keep-alive", "transfer-encoding", "user-agent",
		"x-amzn-trace-id" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcasecmp(names[i], name))
			return true;
	return false;
}

/* Without blanks at its ends, and runs of them as one. */
static void
add_value(struct buf *out, const char *value)
{
	bool blank = false, any = false;

	for (; *value; value++) {
		if (*value == ' ' || *value == '\t') {
			blank = true;
			continue;
		}
		if (blank && any)
			buf_add_char(out, ' ');
		blank = false;
		any = true;
		buf_add_char(out, *value);
	}
}

struct header_line {
	char name[128]; /* lower case */
	const char *value;
	size_t place; /* several of one name stay in their order */
};

static int
compare_lines(const void *a, const void *b)
{
	const struct header_line *one = a, *other = b;
	int by_name = strcmp(one->name, other->name);

	return by_name ? by_name : one->place < other->place ? -1 : 1;
}

static size_t
gather_lines(const struct http_request *request, const char *host, struct header_line *lines)
{
	size_t n = 1;

	lines[0] = (struct header_line){ .name = "host", .value = host };
	for (size_t i = 0; i < request->n_headers && n < HEADERS_MAX; i++) {
		const struct http_header *header = &request->headers[i];
		size_t len = strlen(header->name);

		if (is_left_out(header->name) || len >= sizeof(lines[n].name))
			continue;
		for (size_t c = 0; c <= len; c++)
			lines[n].name[c] = (char)tolower((unsigned char)header->name[c]);
		lines[n].value = header->value;
		lines[n].place = n;
		n++;
	}
	qsort(lines, n, sizeof(*lines), compare_lines);
	return n;
}

static void
add_headers(const struct http_request *request, const char *host, struct buf *out,
    struct buf *signed_out)
{
	struct header_line *lines = xcalloc(HEADERS_MAX, sizeof(*lines));
	size_t n = gather_lines(request, host, lines);

	for (size_t i = 0; i < n; i++) {
		if (i && !strcmp(lines[i - 1].name, lines[i].name)) {
			buf_add_char(out, ',');
		} else {
			buf_printf(out, "%s%s:", i ? "\n" : "", lines[i].name);
			buf_printf(signed_out, "%s%s", i ? ";" : "", lines[i].name);
		}
		add_value(out, lines[i].value);
	}
	buf_add_text(out, "\n\n");
	buf_add_text(out, buf_text(signed_out));
	buf_add_char(out, '\n');
	free(lines);
}

static void
body_digest(const struct http_request *request, char out[2 * CRYPT_SHA256_SIZE + 1])
{
	unsigned char digest[CRYPT_SHA256_SIZE];

	crypt_sha256(request->body ? request->body : "", request->body ? request->body_len : 0,
	    digest);
	char *hex = crypt_hex(digest, sizeof(digest));
	memcpy(out, hex, 2 * CRYPT_SHA256_SIZE + 1);
	free(hex);
}

void
aws_canonical(const struct http_request *request, const char *service, const char *host,
    const char *path, const char *query, struct buf *out, struct buf *signed_headers_out)
{
	char digest[2 * CRYPT_SHA256_SIZE + 1];

	buf_printf(out, "%s\n", request->method);
	add_path(out, service, path);
	buf_add_char(out, '\n');
	add_query(out, query);
	buf_add_char(out, '\n');
	add_headers(request, host, out, signed_headers_out);
	body_digest(request, digest);
	buf_add_text(out, digest);
}

/* ---- the signature ---- */

static void
drop_header(struct http_request *request, const char *name)
{
	size_t kept = 0;

	for (size_t i = 0; i < request->n_headers; i++) {
		struct http_header *header = &request->headers[i];

		if (strcasecmp(header->name, name) != 0) {
			request->headers[kept++] = *header;
			continue;
		}
		free(header->name);
		secret_wipe_text(&header->value);
	}
	request->n_headers = kept;
}

static void
set_header(struct http_request *request, const char *name, const char *value)
{
	drop_header(request, name);
	if (value)
		http_request_add_header(request, name, value);
}

/* 20150830T123600Z */
static void
amz_date(int64_t now_ms, char out[17])
{
	struct clock_parts p;

	clock_to_parts(now_ms, &p);
	snprintf(out, 17, "%04u%02u%02uT%02u%02u%02uZ", (unsigned)p.year % 10000,
	    (unsigned)p.month % 100, (unsigned)p.day % 100, (unsigned)p.hour % 100,
	    (unsigned)p.minute % 100, (unsigned)p.second % 100);
}

static void
signing_key(const struct aws_signer *signer, const char *date, unsigned char key[CRYPT_SHA256_SIZE])
{
	auto_wipe char *first = xasprintf("AWS4%s", signer->secret_key);
	const char *const steps[] = { signer->region, signer->service, "aws4_request" };

	crypt_hmac_sha256(first, strlen(first), date, 8, key);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		unsigned char next[CRYPT_SHA256_SIZE];

		crypt_hmac_sha256(key, CRYPT_SHA256_SIZE, steps[i], strlen(steps[i]), next);
		memcpy(key, next, sizeof(next));
		explicit_bzero(next, sizeof(next));
	}
}

static void
add_authorization(struct http_request *request, const struct aws_signer *signer, const char *date,
    const char *canonical, const char *signed_headers)
{
	unsigned char digest[CRYPT_SHA256_SIZE], key[CRYPT_SHA256_SIZE];
	auto_free char *scope =
	    xasprintf("%.8s/%s/%s/aws4_request", date, signer->region, signer->service);

	crypt_sha256(canonical, strlen(canonical), digest);
	auto_free char *hashed = crypt_hex(digest, sizeof(digest));
	auto_free char *to_sign = xasprintf("AWS4-HMAC-SHA256\n%s\n%s\n%s", date, scope, hashed);
	signing_key(signer, date, key);
	crypt_hmac_sha256(key, sizeof(key), to_sign, strlen(to_sign), digest);
	explicit_bzero(key, sizeof(key));
	auto_free char *signature = crypt_hex(digest, sizeof(digest));
	auto_wipe char *value = xasprintf("AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, "
					  "Signature=%s",
	    signer->access_key, scope, signed_headers, signature);
	set_header(request, "Authorization", value);
}

static void
host_text(const struct url *url, char *out, size_t size)
{
	bool v6 = strchr(url->host, ':') != NULL;

	if (url->port == (url->tls ? 443 : 80))
		snprintf(out, size, "%s%s%s", v6 ? "[" : "", url->host, v6 ? "]" : "");
	else
		snprintf(out, size, "%s%s%s:%u", v6 ? "[" : "", url->host, v6 ? "]" : "",
		    (unsigned)url->port);
}

enum err
aws_sign(struct http_request *request, const struct aws_signer *signer, int64_t now_ms,
    struct errctx *ctx)
{
	auto_buf struct buf canonical = BUF_INIT_SECRET(CANONICAL_MAX);
	auto_buf struct buf signed_headers = BUF_INIT(HEADERS_MAX * 130);
	auto_url struct url url = { 0 };
	char host[URL_HOST_SIZE + 16], date[17], digest[2 * CRYPT_SHA256_SIZE + 1];
	enum err err = url_parse(request->url, &url, ctx);

	if (err)
		return err;
	const char *query = strchr(request->url, '?');
	host_text(&url, host, sizeof(host));
	amz_date(now_ms, date);
	body_digest(request, digest);
	set_header(request, "X-Amz-Date", date);
	set_header(request, "X-Amz-Security-Token", signer->session_token);
	if (signs_as_s3(signer->service))
		set_header(request, "X-Amz-Content-Sha256", digest);
	request->follow_redirects = false; /* a signature is for one URL */
	aws_canonical(request, signer->service, host, url.path, query ? query + 1 : "", &canonical,
	    &signed_headers);
	if (canonical.over || signed_headers.over)
		return err_set(ctx, ERR_VALUE, "", "the request is too long to be signed");
	add_authorization(request, signer, date, buf_text(&canonical), buf_text(&signed_headers));
	return OK;
}
