/* SPDX-License-Identifier: Apache-2.0 */
/* A letter of four lines (name, address, subject, text): whatever they hold, the message has our
 * headers, our two parts and nothing else. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "net/mail_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FIELDS 4
#define HEADERS 8     /* with the folded lines left out */
#define MARKS 3       /* of the boundary */
#define LINE_MOST 400 /* an address may be long */

static void
check(bool holds)
{
	if (!holds)
		abort();
}

static unsigned
count(const char *text, const char *part)
{
	unsigned n = 0;

	for (; (text = strstr(text, part)); text += strlen(part))
		n++;
	return n;
}

/* Lines end with CRLF, are short and ASCII. */
static void
check_lines(const char *message)
{
	size_t column = 0;

	for (const char *c = message; *c; c++) {
		check((unsigned char)*c < 0x7f && (*c >= ' ' || *c == '\r' || *c == '\n'));
		check((*c == '\r') == (c[1] == '\n'));
		column = *c == '\n' ? 0 : column + 1;
		check(column < LINE_MOST);
	}
}

static void
check_headers(const char *message)
{
	const char *end = strstr(message, "\r\n\r\n");
	unsigned n = 0;

	check(end != NULL);
	for (const char *line = message; line < end; line = strstr(line, "\r\n") + 2)
		n += *line != ' ';
	check(n == HEADERS);
}

static void
check_parts(const char *message)
{
	const char *at = strstr(message, " boundary=\"") + 11;
	auto_free char *boundary = xmemdup0(at, strcspn(at, "\""));
	auto_free char *mark = xasprintf("\r\n--%s", boundary);

	check(count(message, mark) == MARKS);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_free char *all = xmemdup0(data, size);
	const char *fields[FIELDS] = { "", "", "", "" };
	char *rest = all;

	for (size_t i = 0; i < FIELDS && rest; i++)
		fields[i] = i + 1 < FIELDS ? strsep(&rest, "\n") : rest;
	auto_buf struct buf html = BUF_INIT(MAIL_MESSAGE_MAX), out = BUF_INIT(MAIL_MESSAGE_MAX);
	mail_add_html(&html, fields[3]);
	check(!strpbrk(buf_text(&html), "<>\"'\r\n"));
	const struct mail_text text = {
		.from = "bailee@example.org",
		.to = mail_address_is_valid(fields[1]) ? fields[1] : "somebody@example.org",
		.to_name = fields[0],
		.subject = fields[2],
		.id = "1.a",
		.plain = fields[3],
		.html = buf_text(&html),
	};
	check(!strpbrk(text.to, "<>\r\n \t,;:\"()[]\\"));
	if (mail_message_build(&text, &out, NULL))
		return 0;
	check_lines(buf_text(&out));
	check_headers(buf_text(&out));
	check_parts(buf_text(&out));
	return 0;
}
