/* SPDX-License-Identifier: Apache-2.0 */
/* Mail as text: RFC 5322 headers and a MIME message of a plain and an HTML part, whatever names and
 * addresses hold. */
#include "net/mail_message.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/crypt.h"
#include "base/json.h"
#include "base/secret.h"

#define LOCAL_PART_MAX 64  /* RFC 5321 section 4.5.3.1.1 */
#define PLAIN_MAX 60       /* longest header text that is not encoded */
#define WORD_BYTES 36      /* of one encoded word: 48 of base64 and 12 around it */
#define BODY_LINE_MAX 75   /* characters of an encoded line, without the '=' of a soft break */
#define BOUNDARY_RANDOM 18 /* bytes */

/* ---- addresses ---- */

static bool
is_local_character(unsigned char c)
{
	return isalnum(c) || (c && strchr("!#$%&'*+-/=?^_`{|}~.", c));
}

static bool
is_host(const char *host)
{
	static const char allowed[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-";
	size_t len = strlen(host);

	return len && strspn(host, allowed) == len && !strchr(".-", host[0]) &&
	       !strchr(".-", host[len - 1]) && !strstr(host, "..");
}

bool
mail_address_is_valid(const char *address)
{
	const char *at = address ? strchr(address, '@') : NULL;

	if (!at || at == address || at - address > LOCAL_PART_MAX ||
	    strlen(address) > MAIL_ADDRESS_MAX)
		return false;
	for (const char *c = address; c < at; c++)
		if (!is_local_character((unsigned char)*c))
			return false;
	return is_host(at + 1);
}

/* ---- text from outside ---- */

static uint32_t
decode(const unsigned char *c, size_t len)
{
	static const unsigned char lead[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	uint32_t code = c[0] & lead[len];

	for (size_t i = 1; i < len; i++)
		code = code << 6 | (c[i] & 0x3f);
	return code;
}

/* C0, DEL, C1, line and paragraph separators, and what turns the direction of writing around. */
static bool
is_unfit(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x061c ||
	       (code >= 0x200e && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
	       (code >= 0x2066 && code <= 0x2069) || code == 0xfeff;
}

/* One character of `text`, made fit; moves on. */
static void
add_next(struct buf *out, const char **text, size_t *left)
{
	size_t len = json_utf8_length(*text, *left);

	if (len == 0)
		buf_add_char(out, '?');
	else if (is_unfit(decode((const unsigned char *)*text, len)))
		buf_add_char(out, ' ');
	else
		buf_add(out, *text, len);
	*text += len ? len : 1;
	*left -= len ? len : 1;
}

void
mail_add_line(struct buf *out, const char *text)
{
	size_t left = strlen(text);

	while (left)
		add_next(out, &text, &left);
}

void
mail_add_html(struct buf *out, const char *text)
{
	static const char *const references[] = { ['&'] = "&amp;",
		['<'] = "&lt;",
		['>'] = "&gt;",
		['"'] = "&quot;",
		['\''] = "&#39;" };
	size_t left = strlen(text);

	while (left) {
		unsigned char c = (unsigned char)*text;

		if (c < sizeof(references) / sizeof(references[0]) && references[c]) {
			buf_add_text(out, references[c]);
			text++;
			left--;
		} else {
			add_next(out, &text, &left);
		}
	}
}

/* ---- headers ---- */

static bool
is_plain(const char *text, const char *refused)
{
	for (const char *c = text; *c; c++)
		if (*c < ' ' || *c > '~' || strchr(refused, *c))
			return false;
	return strlen(text) <= PLAIN_MAX && !strstr(text, "=?");
}

/* RFC 2047 section 2: no word over 75 characters, no character divided between two of them. */
static void
add_words(struct buf *out, const char *text)
{
	size_t left = strlen(text);
	bool first = true;

	while (left) {
		size_t take = 0, len;

		while (take < left && (len = json_utf8_length(text + take, left - take)) > 0 &&
		       take + len <= WORD_BYTES)
			take += len;
		assert(take); /* mail_add_line() leaves nothing else */
		auto_free char *word = crypt_base64(text, take);
		buf_printf(out, "%s=?UTF-8?B?%s?=", first ? "" : "\r\n ", word);
		text += take;
		left -= take;
		first = false;
	}
}

/* The text as one clean line, without blanks at its ends. */
static char *
clean_line(const char *text)
{
	auto_buf struct buf line = BUF_INIT(MAIL_MESSAGE_MAX);

	mail_add_line(&line, text);
	const char *clean = buf_text(&line);
	clean += strspn(clean, " ");
	size_t len = strlen(clean);
	while (len && clean[len - 1] == ' ')
		len--;
	return xmemdup0(clean, len);
}

static void
add_subject(struct buf *out, const char *subject)
{
	auto_free char *clean = clean_line(subject);

	buf_add_text(out, "Subject: ");
	if (is_plain(clean, ""))
		buf_add_text(out, clean);
	else
		add_words(out, clean);
	buf_add_text(out, "\r\n");
}

static void
add_to(struct buf *out, const char *name, const char *address)
{
	auto_free char *clean = clean_line(name ? name : "");

	buf_add_text(out, "To: ");
	if (*clean && is_plain(clean, "\"\\"))
		buf_printf(out, "\"%s\"\r\n ", clean);
	else if (*clean)
		add_words(out, clean), buf_add_text(out, "\r\n ");
	buf_printf(out, "<%s>\r\n", address);
}

/* RFC 5322 section 3.3; strftime() would speak the language of the locale. */
static void
add_date(struct buf *out, int64_t now_ms)
{
	static const char days[][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
	static const char months[][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug",
		"Sep", "Oct", "Nov", "Dec" };
	time_t now = (time_t)(now_ms / 1000);
	struct tm tm = { 0 };

	gmtime_r(&now, &tm);
	buf_printf(out, "Date: %s, %d %s %d %02d:%02d:%02d +0000\r\n", days[tm.tm_wday], tm.tm_mday,
	    months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

/* ---- bodies ---- */

/* Begin a new line where `width` more characters would not fit. */
static void
make_room(struct buf *out, size_t *column, size_t width)
{
	if (*column + width > BODY_LINE_MAX) {
		buf_add_text(out, "=\r\n");
		*column = 0;
	}
	*column += width;
}

/* RFC 2045 section 6.7. A "From" or a dot at the start of a line would be touched on the way. */
static void
add_quoted_printable(struct buf *out, const char *text)
{
	size_t column = 0;

	for (const char *c = text; *c; c++) {
		bool at_end = c[1] == '\0' || c[1] == '\n' || (c[1] == '\r' && c[2] == '\n');

		if (*c == '\r' && c[1] == '\n')
			continue;
		if (*c == '\n') {
			buf_add_text(out, "\r\n");
			column = 0;
		} else if ((*c > ' ' && *c <= '~' && *c != '=' &&
			       !(column == 0 && strchr("F.", *c))) ||
			   (*c == ' ' && !at_end)) {
			make_room(out, &column, 1);
			buf_add_char(out, *c);
		} else {
			make_room(out, &column, 3);
			buf_printf(out, "=%02X", (unsigned)(unsigned char)*c);
		}
	}
	buf_add_text(out, "\r\n");
}

static void
add_part(struct buf *out, const char *boundary, const char *type, const char *body)
{
	buf_printf(out,
	    "--%s\r\nContent-Type: %s; charset=utf-8\r\n"
	    "Content-Transfer-Encoding: quoted-printable\r\n\r\n",
	    boundary, type);
	add_quoted_printable(out, body);
}

enum err
mail_message_build(const struct mail_text *text, struct buf *out, struct errctx *ctx)
{
	unsigned char random[BOUNDARY_RANDOM];

	if (!mail_address_is_valid(text->to))
		return err_set(ctx, ERR_VALUE, "", "the recipient's e-mail address is none");
	if (!mail_address_is_valid(text->from))
		return err_set(ctx, ERR_VALUE, "mail_from", "mail_from is no e-mail address");
	crypt_random(random, sizeof(random));
	auto_free char *text_of_random = crypt_hex(random, sizeof(random));
	/* "=_" cannot be in quoted-printable text, RFC 2045 section 6.7 */
	auto_free char *boundary = xasprintf("=_%s", text_of_random);
	add_date(out, text->now_ms);
	buf_printf(out, "From: <%s>\r\n", text->from);
	add_to(out, text->to_name, text->to);
	add_subject(out, text->subject);
	buf_printf(out, "Message-ID: <%s@%s>\r\n", text->id, strchr(text->from, '@') + 1);
	buf_printf(out,
	    "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
	    "Content-Type: multipart/alternative;\r\n boundary=\"%s\"\r\n\r\n",
	    boundary);
	add_part(out, boundary, "text/plain", text->plain);
	add_part(out, boundary, "text/html", text->html);
	buf_printf(out, "--%s--\r\n", boundary);
	return out->over ? err_set(ctx, ERR_TOO_LARGE, "", "the mail is too long") : OK;
}
