/* SPDX-License-Identifier: Apache-2.0 */
/* Handing mail to the operator's mail server: SMTP (RFC 5321) on the HTTP client's loop, with the
 * same check of addresses. */
#include "net/mail.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <curl/curl.h>

#include "base/alloc.h"
#include "base/secret.h"
#include "net/http_options.h"
#include "net/mail_message.h"
#include "net/mail_transfer.h"

#define PASSWORD_MAX 512
#define KEPT_S 30L /* an idle connection is not used again after that */

struct mail_server {
	char *url; /* with the name to greet with as its path */
	char *from, *user;
	struct secret password;
	uint16_t port;
	bool starttls;
};

/* ---- configuration ---- */

static enum err
bad_server(struct errctx *ctx)
{
	return err_set(ctx, ERR_CONFIG, "mail_server",
	    "mail_server must be of the form smtp://host:port or smtps://host:port");
}

/* Host (or [address]) and port of what stands behind the scheme. */
static bool
split_host(const char *text, uint16_t *port)
{
	static const char name[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-";
	bool v6 = *text == '[';
	size_t len = v6 ? 1 + strspn(text + 1, "0123456789abcdefABCDEF:.") : strspn(text, name);

	if (len == 0 || len > 255 || (v6 && text[len++] != ']'))
		return false;
	if (text[len] == '\0')
		return true;
	const char *digits = text + len + 1;
	size_t n = strspn(digits, "0123456789");
	long number = n && n <= 5 ? strtol(digits, NULL, 10) : 0;
	if (text[len] != ':' || digits[n] || number < 1 || number > 65535)
		return false;
	*port = (uint16_t)number;
	return true;
}

static enum err
read_server(const struct mail_options *options, struct mail_server *server, struct errctx *ctx)
{
	const char *text = options->server, *rest = strstr(text, "://");
	bool tls = strncmp(text, "smtps://", 8) == 0;

	if (!rest || (!tls && strncmp(text, "smtp://", 7) != 0))
		return bad_server(ctx);
	rest += 3;
	server->port = tls ? 465 : 25;
	if (!split_host(rest, &server->port))
		return bad_server(ctx);
	if (!mail_address_is_valid(options->from))
		return err_set(ctx, ERR_CONFIG, "mail_from",
		    "mail_from must be an e-mail address when mail_server is set");
	if (*options->user && !tls && !options->starttls)
		return err_set(ctx, ERR_CONFIG, "mail_user",
		    "mail_user needs TLS: smtps://, or mail_starttls = required");
	server->starttls = !tls && options->starttls;
	server->url = xasprintf("%s/%s", text, strchr(options->from, '@') + 1);
	server->from = xstrdup(options->from);
	server->user = xstrdup(options->user);
	return OK;
}

static enum err
read_password(const char *path, struct secret *password, struct errctx *ctx)
{
	char text[PASSWORD_MAX];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	if (n < 0)
		return err_set(ctx, ERR_CONFIG, "mail_password_file", "cannot read %s: %s", path,
		    strerror(errno));
	text[n] = '\0';
	secret_set(password, text, strcspn(text, "\r\n"));
	explicit_bzero(text, sizeof(text));
	return OK;
}

enum err
mail_server_open(const struct mail_options *options, struct mail_server **server_out,
    struct errctx *ctx)
{
	*server_out = NULL;
	if (!*options->server)
		return OK;
	struct mail_server *server = xcalloc(1, sizeof(*server));
	enum err err = read_server(options, server, ctx);
	if (!err && *options->user)
		err = read_password(options->password_file, &server->password, ctx);
	if (err)
		mail_server_free(&server);
	else
		*server_out = server;
	return err;
}

void
mail_server_free(struct mail_server **server)
{
	if (!server || !*server)
		return;
	free((*server)->url);
	free((*server)->from);
	free((*server)->user);
	secret_free(&(*server)->password);
	free(*server);
	*server = NULL;
}

const char *
mail_server_from(const struct mail_server *server)
{
	return server->from;
}

/* ---- one letter ---- */

static size_t
give_data(char *room, size_t size, size_t n, void *arg)
{
	struct http_transfer *t = arg;
	const struct mail_letter *letter = t->call.letter;
	size_t left = letter->len - t->letter_given, take = size * n < left ? size * n : left;

	memcpy(room, letter->data + t->letter_given, take);
	t->letter_given += take;
	return take;
}

/* The words of a mail server may quote an address; its status is enough. */
static size_t
ignore(char *data, size_t size, size_t n, void *arg)
{
	(void)data;
	(void)arg;
	return size * n;
}

static void
set_recipient(struct http_transfer *t)
{
	auto_free char *to = xasprintf("<%s>", t->call.letter->to);

	t->headers = curl_slist_append(NULL, to);
	if (!t->headers)
		abort();
	curl_easy_setopt(t->easy, CURLOPT_MAIL_RCPT, t->headers);
}

void
mail_transfer_begin(struct http_transfer *t)
{
	const struct mail_letter *letter = t->call.letter;
	const struct mail_server *server = letter->server;
	CURL *easy = t->easy;

	t->url.port = server->port; /* what the log names when the address is refused */
	http_options_connection(t, MAIL_TIMEOUT_MS);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
	curl_easy_setopt(easy, CURLOPT_HTTPPROXYTUNNEL, 1L); /* with egress_proxy */
	curl_easy_setopt(easy, CURLOPT_USE_SSL,
	    server->starttls ? (long)CURLUSESSL_ALL : (long)CURLUSESSL_NONE);
	curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, KEPT_S);
	curl_easy_setopt(easy, CURLOPT_URL, server->url);
	if (*server->user) {
		curl_easy_setopt(easy, CURLOPT_USERNAME, server->user);
		curl_easy_setopt(easy, CURLOPT_PASSWORD, secret_text(&server->password));
	}
	curl_easy_setopt(easy, CURLOPT_MAIL_FROM, server->from);
	set_recipient(t);
	curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
	curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)letter->len);
	curl_easy_setopt(easy, CURLOPT_READFUNCTION, give_data);
	curl_easy_setopt(easy, CURLOPT_READDATA, (void *)t);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, ignore);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, ignore);
}

static const struct {
	CURLcode code;
	enum err err;
	const char *text;
} outcomes[] = {
	{ CURLE_OPERATION_TIMEDOUT, ERR_TIMEOUT, "the mail server did not answer in time" },
	{ CURLE_COULDNT_RESOLVE_HOST, ERR_REMOTE, "the mail server's name does not resolve" },
	{ CURLE_COULDNT_RESOLVE_PROXY, ERR_REMOTE, "the proxy's name does not resolve" },
	{ CURLE_COULDNT_CONNECT, ERR_REMOTE, "the mail server refused the connection" },
	{ CURLE_PEER_FAILED_VERIFICATION, ERR_REMOTE,
	    "the mail server's certificate does not verify" },
	{ CURLE_USE_SSL_FAILED, ERR_REMOTE, "the mail server offers no TLS (see mail_starttls)" },
	{ CURLE_SSL_CONNECT_ERROR, ERR_REMOTE, "TLS with the mail server could not be set up" },
	{ CURLE_LOGIN_DENIED, ERR_REMOTE, "the mail server refused the login (see mail_user)" },
	{ CURLE_REMOTE_ACCESS_DENIED, ERR_REMOTE, "the mail server does not take mail from here" },
};

/* A refusal of this letter: of sender, recipient, or of what was sent; not of the greeting. */
static bool
is_refusal(const struct http_transfer *t, CURLcode code, long status)
{
	return status >= 400 && status <= 599 && status != 421 && /* it closes down */
	       (code == CURLE_SEND_ERROR || (code == CURLE_WEIRD_SERVER_REPLY && t->letter_given));
}

static void
say(struct http_transfer *t, enum err err, const char *text)
{
	t->result.err = err;
	snprintf(t->result.reason, sizeof(t->result.reason), "%s", text);
}

static void
say_why(struct http_transfer *t, CURLcode code)
{
	if (t->fault != HTTP_FAULT_NONE) {
		say(t, ERR_REMOTE,
		    "the mail server's address is not one that may be reached (see egress_allow)");
		return;
	}
	for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++)
		if (outcomes[i].code == code) {
			say(t, outcomes[i].err, outcomes[i].text);
			return;
		}
	say(t, ERR_REMOTE, "the mail server closed the connection, or the connection broke");
}

void
mail_transfer_ended(struct http_transfer *t, int code)
{
	long status = 0;

	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	if (code == CURLE_OK && t->fault == HTTP_FAULT_NONE) {
		t->result.status = (int)status;
	} else if (is_refusal(t, (CURLcode)code, status)) {
		t->result.status = (int)status;
		t->result.err = ERR_REMOTE;
		snprintf(t->result.reason, sizeof(t->result.reason),
		    "the mail server refused %s: status %ld",
		    t->letter_given ? "the mail" : "sender or recipient", status);
	} else {
		say_why(t, (CURLcode)code);
	}
}

bool
mail_refused_for_good(const struct http_result *result)
{
	return result->err != OK && result->status >= 500 && result->status <= 599;
}
