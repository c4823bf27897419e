/* SPDX-License-Identifier: Apache-2.0 */
/* The words of each mail. */
#include "runner/mail_text.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "net/mail_message.h"

#define BODY_MAX (64 * 1024)
#define SUBJECT_MAX (4 * 1024)

/* One paragraph: ours, with texts from outside in the places of %n (name of the request), %r (the
 * requester), %m (his address), %p (who is asked), %t (team), %o (organization), %e (until when),
 * %a, %d and %c (how many were authorized, declined, asked for). */
static const struct {
	const char *subject;
	const char *before[3], *after[3]; /* the description or the link */
} letters[MAIL_TEMPLATE_COUNT] = {
	[MAIL_INVITATION] = { "%r asks you for access: %n",
	    { "Hello %p,", "%r (%m) of %t, %o, asks you to authorize the credentials of: %n" },
	    { "Open this link to see what is asked for, and fill it in or decline. What you type "
	      "in is encrypted for the team; nobody sends it by mail.",
		"The link is for you alone and works until %e. If you do not know what this is "
		"about, decline there or do nothing." } },
	[MAIL_RESEND] = { "New link: %r asks you for access: %n",
	    { "Hello %p,", "here is a new link to the request of %r (%m) of %t, %o: %n",
		"The earlier link does not work any more." },
	    { "The link is for you alone and works until %e. If you do not know what this is "
	      "about, decline there or do nothing." } },
	[MAIL_DONE] = { "Answered: %n",
	    { "Hello %r,", "%p has answered your request %n of %t, %o.",
		"Of %c asked for, %a authorized and %d declined." },
	    { NULL } },
};

typedef void add_fn(struct buf *out, const char *text);

static void
add_number(struct buf *out, int64_t number)
{
	buf_printf(out, "%lld", (long long)number);
}

/* What a letter of the templates stands for. */
static void
add_value(struct buf *out, char what, const struct mail_subject *subject, add_fn *add)
{
	char time[CLOCK_ISO_SIZE];

	switch (what) {
	case 'n':
		add(out, subject->name);
		break;
	case 'r':
		add(out, subject->requester_name);
		break;
	case 'm':
		add(out, subject->requester_email);
		break;
	case 'p':
		add(out, subject->provider_name);
		break;
	case 't':
		add(out, subject->team_name);
		break;
	case 'o':
		add(out, subject->organization_name);
		break;
	case 'e':
		clock_iso(subject->expires_at, time);
		buf_printf(out, "%.10s %.5s UTC", time, time + 11);
		break;
	case 'a':
		add_number(out, subject->n_authorized);
		break;
	case 'd':
		add_number(out, subject->n_declined);
		break;
	default:
		assert(what == 'c');
		add_number(out, subject->n_credentials);
	}
}

static void
fill(struct buf *out, const char *pattern, const struct mail_subject *subject, add_fn *add)
{
	for (const char *c = pattern; *c; c++)
		if (*c == '%')
			add_value(out, *++c, subject, add);
		else
			buf_add_char(out, *c);
}

/* ---- plain ---- */

static void
add_plain(struct buf *out, const char *const *paragraphs, const struct mail_subject *subject)
{
	for (size_t i = 0; i < 3 && paragraphs[i]; i++) {
		fill(out, paragraphs[i], subject, mail_add_line);
		buf_add_text(out, "\n\n");
	}
}

/* Each line of it marked, so that it cannot pass for ours. */
static void
add_quoted(struct buf *out, const char *text, const char *before, const char *after, add_fn *add)
{
	while (*text) {
		size_t len = strcspn(text, "\r\n");
		auto_free char *line = xmemdup0(text, len);

		buf_add_text(out, before);
		add(out, line);
		buf_add_text(out, after);
		text += len;
		text += *text == '\r' && text[1] == '\n' ? 2 : *text != '\0';
	}
}

static void
make_plain(struct buf *out, enum mail_template template, const struct mail_subject *subject,
    const char *link)
{
	add_plain(out, letters[template].before, subject);
	if (subject->description && template != MAIL_DONE) {
		add_quoted(out, subject->description, "> ", "\n", mail_add_line);
		buf_add_char(out, '\n');
	}
	if (link)
		buf_printf(out, "%s\n\n", link);
	add_plain(out, letters[template].after, subject);
}

/* ---- HTML ---- */

static void
add_html(struct buf *out, const char *const *paragraphs, const struct mail_subject *subject)
{
	for (size_t i = 0; i < 3 && paragraphs[i]; i++) {
		buf_add_text(out, "<p>");
		fill(out, paragraphs[i], subject, mail_add_html);
		buf_add_text(out, "</p>\n");
	}
}

static void
make_html(struct buf *out, enum mail_template template, const struct mail_subject *subject,
    const char *link)
{
	buf_add_text(out,
	    "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>");
	fill(out, letters[template].subject, subject, mail_add_html);
	buf_add_text(out,
	    "</title></head>\n<body style=\"font-family: sans-serif; max-width: 40em\">\n");
	add_html(out, letters[template].before, subject);
	if (subject->description && template != MAIL_DONE) {
		buf_add_text(out, "<blockquote>");
		add_quoted(out, subject->description, "", "<br>\n", mail_add_html);
		buf_add_text(out, "</blockquote>\n");
	}
	if (link) {
		buf_add_text(out, "<p><a href=\"");
		mail_add_html(out, link);
		buf_add_text(out, "\">");
		mail_add_html(out, link);
		buf_add_text(out, "</a></p>\n");
	}
	add_html(out, letters[template].after, subject);
	buf_add_text(out, "</body>\n</html>\n");
}

void
mail_words_make(enum mail_template template, const struct mail_subject *subject, const char *link,
    struct mail_words *words_out)
{
	bool done = template == MAIL_DONE;
	struct mail_words words = {
		.to = done ? subject->requester_email : subject->provider_email,
		.to_name = done ? subject->requester_name : subject->provider_name,
		.subject = BUF_INIT(SUBJECT_MAX),
		.plain = BUF_INIT_SECRET(BODY_MAX),
		.html = BUF_INIT_SECRET(BODY_MAX),
	};

	fill(&words.subject, letters[template].subject, subject, mail_add_line);
	make_plain(&words.plain, template, subject, link);
	make_html(&words.html, template, subject, link);
	*words_out = words;
}

void
mail_words_free(struct mail_words *words)
{
	buf_free(&words->subject);
	buf_free(&words->plain);
	buf_free(&words->html);
}
