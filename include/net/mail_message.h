/* SPDX-License-Identifier: Apache-2.0 */
/* Mail as text: RFC 5322 headers and a MIME message of a plain and an HTML part, whatever names and
 * addresses hold. */
#ifndef BAILEE_NET_MAIL_MESSAGE_H
#define BAILEE_NET_MAIL_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

#define MAIL_ADDRESS_MAX 254          /* RFC 5321 section 4.5.3.1.3, without the brackets */
#define MAIL_MESSAGE_MAX (256 * 1024) /* bytes of a whole message */

/* Whether mail may be sent to or from this: one '@', ASCII, a local part of RFC 5322's atext and
 * dots (at most 64), a host name. Neither blanks nor brackets nor control bytes. */
bool mail_address_is_valid(const char *address);

/* All UTF-8 and borrowed; nothing in it is trusted but `id`. */
struct mail_text {
	const char *from;    /* address */
	const char *to;      /* address */
	const char *to_name; /* NULL or "": none */
	const char *subject; /* any length, any character */
	const char *id; /* of the message, the same at each attempt: letters, digits, '.', '-' */
	const char *plain, *html; /* the bodies, lines ended by \n; html is complete and escaped */
	int64_t now_ms;           /* for the Date header */
};

/* Appends the message, lines ended by CRLF and at most 76 characters long as far as header names
 * and addresses let it. Names and subject are encoded (RFC 2047) unless they are plain and short,
 * bodies as quoted-printable (RFC 2045 section 6.7). ERR_VALUE for an address that is none,
 * ERR_TOO_LARGE when it does not fit the buffer. */
enum err mail_message_build(const struct mail_text *text, struct buf *out,
    struct errctx *ctx) MUSTCHECK;

/* ---- for those who write the bodies ---- */

/* Append text that is to be one line: control characters, line ends of all kinds and characters
 * that turn the direction of writing become blanks; bytes that are no UTF-8 become '?'. */
void mail_add_line(struct buf *out, const char *text);
/* The same with & < > " and ' as HTML's character references. */
void mail_add_html(struct buf *out, const char *text);

#endif
