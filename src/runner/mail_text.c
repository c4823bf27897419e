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
 * %a, %d and %c (how many were authorized, declined, asked for). After a '#' it is a heading. */
#define LINK_WORDS "The link is for you alone, so please do not pass it on. It works until %e."
#define UNEXPECTED_WORDS                                                                           \
	"Did you not expect this? Ask %r in a way you know, or do nothing: nothing happens by "    \
	"itself."
static const struct {
	const char *subject;
	const char *before[3], *after[3]; /* the description or the link */
} letters[MAIL_TEMPLATE_COUNT] = {
	[MAIL_INVITATION] = { "%r asks you for access: %n",
	    { "Hello %p,", "%r (%m) of %t, %o asks you for access:", "#%n" },
	    { "There you see what exactly is asked for, and give it or decline. Opening the link "
	      "changes nothing. What you enter there is encrypted for the team: please never "
	      "send it by mail.",
		LINK_WORDS, UNEXPECTED_WORDS } },
	[MAIL_RESEND] = { "New link: %r asks you for access: %n",
	    { "Hello %p,",
		"here is a new link to what %r (%m) of %t, %o asks you for. The earlier link does "
		"not work any more.",
		"#%n" },
	    { LINK_WORDS, UNEXPECTED_WORDS } },
	[MAIL_DONE] = { "Answered: %n",
	    { "Hello %r,", "%p has answered your request of %t, %o:", "#%n" },
	    { "Of %c asked for, %a authorized and %d declined." } },
};

typedef void add_fn(struct buf *out, const char *text);

static void
add_number(struct buf *out, int64_t number)
{
	buf_printf(out, "%lld", (long long)number);
}

/* As it is said, for readers of any country. */
static void
add_time(struct buf *out, int64_t ms)
{
	static const char *const months[] = { "January", "February", "March", "April", "May",
		"June", "July", "August", "September", "October", "November", "December" };
	char iso[CLOCK_ISO_SIZE];

	clock_iso(ms, iso);
	size_t month = (size_t)(iso[5] - '0') * 10 + (size_t)(iso[6] - '0') - 1;
	assert(month < sizeof(months) / sizeof(months[0]));
	const char *day = iso[8] == '0' ? iso + 9 : iso + 8;
	buf_printf(out, "%.*s %s %.4s, %.5s UTC", (int)(iso + 10 - day), day, months[month], iso,
	    iso + 11);
}

/* What a letter of the templates stands for. */
static void
add_value(struct buf *out, char what, const struct mail_subject *subject, add_fn *add)
{
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
		add_time(out, subject->expires_at);
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
		fill(out, paragraphs[i] + (*paragraphs[i] == '#'), subject, mail_add_line);
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
		bool heading = *paragraphs[i] == '#';

		buf_add_text(out, heading ? "<h1 style=\"margin: 0 0 16px; font-size: 22px; "
					    "line-height: 1.25\">"
					  : "<p style=\"margin: 0 0 16px\">");
		fill(out, paragraphs[i] + heading, subject, mail_add_html);
		buf_add_text(out, heading ? "</h1>\n" : "</p>\n");
	}
}

/* The link as a button, and to be read: who looks at where it leads should not have to trust us. */
static void
add_link(struct buf *out, const char *link)
{
	buf_add_text(out, "<p style=\"margin: 24px 0 16px\"><a class=\"go\" href=\"");
	mail_add_html(out, link);
	buf_add_text(out,
	    "\" style=\"display: inline-block; padding: 12px 20px; border-radius: 10px; "
	    "background: "
	    "#0f5d55; color: #ffffff; font-weight: bold; text-decoration: none\">See what is asked "
	    "for</a></p>\n<p class=\"soft\" style=\"margin: 0 0 24px; color: #54605d; font-size: "
	    "14px; word-break: break-all\">Or copy this address:<br>\n<a href=\"");
	mail_add_html(out, link);
	buf_add_text(out, "\" style=\"color: inherit\">");
	mail_add_html(out, link);
	buf_add_text(out, "</a></p>\n");
}

/* Many mail programs know no style sheet: the light look stands at the elements, the dark one here.
 */
#define HTML_HEAD                                                                                  \
	"<meta charset=\"utf-8\">"                                                                 \
	"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"               \
	"<meta name=\"color-scheme\" content=\"light dark\">\n"                                    \
	"<style>\n:root { color-scheme: light dark }\n"                                            \
	"@media (prefers-color-scheme: dark) {\n"                                                  \
	".page { background: #0e1413 !important; color: #e9eeed !important }\n"                    \
	".card { background: #172120 !important; border-color: #2a3735 !important }\n"             \
	".soft { color: #a5b2af !important }\n.words { border-color: #2a3735 !important }\n"       \
	".go { background: #75d6c5 !important; color: #06231f !important }\n}\n</style>\n<title>"
#define HTML_BODY                                                                                  \
	"</title></head>\n<body class=\"page\" style=\"margin: 0; padding: 24px 12px; "            \
	"background: "                                                                             \
	"#f6f4ef; color: #17211f; font: 16px/1.5 sans-serif\">\n<div class=\"card\" style=\""      \
	"max-width: 34em; margin: 0 auto; padding: 28px 24px 12px; background: #ffffff; border: "  \
	"1px solid #e2ddd3; border-radius: 16px; overflow-wrap: anywhere\">\n"

static void
make_html(struct buf *out, enum mail_template template, const struct mail_subject *subject,
    const char *link)
{
	buf_add_text(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>" HTML_HEAD);
	fill(out, letters[template].subject, subject, mail_add_html);
	buf_add_text(out, HTML_BODY);
	add_html(out, letters[template].before, subject);
	if (subject->description && template != MAIL_DONE) {
		buf_add_text(out, "<blockquote class=\"words soft\" style=\"margin: 0 0 16px; "
				  "padding: 0 0 0 14px; "
				  "border-left: 3px solid #e2ddd3; color: #54605d\">");
		add_quoted(out, subject->description, "", "<br>\n", mail_add_html);
		buf_add_text(out, "</blockquote>\n");
	}
	if (link)
		add_link(out, link);
	add_html(out, letters[template].after, subject);
	buf_add_text(out, "</div>\n</body>\n</html>\n");
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
