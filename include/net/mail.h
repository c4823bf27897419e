/* SPDX-License-Identifier: Apache-2.0 */
/* Handing mail to the operator's mail server: SMTP (RFC 5321) on the HTTP client's loop, with the
 * same check of addresses. */
#ifndef BAILEE_NET_MAIL_H
#define BAILEE_NET_MAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct http_result;

#define MAIL_TIMEOUT_MS 90000 /* of one letter, connecting included */

/* What the operator configures; borrowed. */
struct mail_options {
	const char *server; /* smtp://host:port or smtps://host:port; the port may be left out */
	const char *from;
	const char *user, *password_file; /* "": no login */
	bool starttls;                    /* required; means nothing with smtps */
};

/* Opaque, the same for all letters; not changed once it is open. */
struct mail_server;

/* Checks the options and reads the password. ERR_CONFIG names the option that is wrong. A server of
 * "" gives NULL: no mail. */
enum err mail_server_open(const struct mail_options *options, struct mail_server **server_out,
    struct errctx *ctx) MUSTCHECK;
void mail_server_free(struct mail_server **server);
const char *mail_server_from(const struct mail_server *server);

/* What an http_call (net/http_client.h) sends in place of a request. All borrowed until its `done`.
 * Its result: OK with the server's last status, else ERR_REMOTE or ERR_TIMEOUT. */
struct mail_letter {
	const struct mail_server *server;
	const char *to;   /* checked with mail_address_is_valid() */
	const char *data; /* of mail_message_build() */
	size_t len;
};

/* Whether the server has said no to this letter for good (a status of 5xx): sending it again would
 * not help. A login that is refused counts as trouble of the operator's, to be tried again. */
bool mail_refused_for_good(const struct http_result *result);

#endif
