/* SPDX-License-Identifier: Apache-2.0 */
/* Behaviour of mail: hostile names and addresses, encodings parsed back, the options, what a server
 * says, and the words of the letters. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/crypt.h"
#include "net/http_client.h"
#include "net/mail_message.h"
#include "runner/mail_text.h"

#define DECODED_MAX 65536

/* ---- addresses ---- */

static const struct {
	const char *address;
	bool valid;
} addresses[] = {
	{ "ada@example.org", true },
	{ "a.b+c@x.example", true },
	{ "o'brien@example.org", true },
	{ "a@b", true },
	{ "ADA@EXAMPLE.ORG", true },
	{ "", false },
	{ "ada", false },
	{ "@example.org", false },
	{ "ada@", false },
	{ "a@b@c", false },
	{ "ada@example.org\r\nRCPT TO:<x@y>", false },
	{ "ada\r\n@example.org", false },
	{ "ada@example.org\n", false },
	{ "ada@example.org>", false },
	{ "<ada@example.org>", false },
	{ "ada@example.org SIZE=1", false },
	{ "a,b@example.org", false },
	{ "a;b@example.org", false },
	{ "\"a\"@example.org", false },
	{ "a(b)@example.org", false },
	{ "a\tb@example.org", false },
	{ "a\x7f@example.org", false },
	{ "j\xc3\xb6@example.org", false },
	{ "j@b\xc3\xbc.example", false },
	{ "a@.example", false },
	{ "a@example.", false },
	{ "a@b..c", false },
	{ "a@-b.c", false },
	{ "a@[127.0.0.1]", false },
	{ "a@b_c", false },
};

static void
an_address_is_one_and_nothing_more(void **state)
{
	char longest[300];
	(void)state;

	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++)
		if (mail_address_is_valid(addresses[i].address) != addresses[i].valid)
			fail_msg("%s", addresses[i].address);
	assert_false(mail_address_is_valid(NULL));
	snprintf(longest, sizeof(longest), "%065d@b", 0);
	assert_false(mail_address_is_valid(longest));
	assert_true(mail_address_is_valid(longest + 1));
	snprintf(longest, sizeof(longest), "a@%0252d", 0);
	assert_true(mail_address_is_valid(longest));
	snprintf(longest, sizeof(longest), "a@%0253d", 0);
	assert_false(mail_address_is_valid(longest));
}

/* ---- reading a message back ---- */

static char *
build(const struct mail_text *text)
{
	struct buf out = BUF_INIT(MAIL_MESSAGE_MAX);
	struct errctx ctx = { 0 };

	if (mail_message_build(text, &out, &ctx))
		fail_msg("%s", err_text(&ctx));
	return buf_take(&out);
}

static struct mail_text
letter(void)
{
	return (struct mail_text){
		.from = "bailee@example.org",
		.to = "ada@example.org",
		.to_name = "Ada",
		.subject = "Hello",
		.id = "7.x",
		.plain = "plain\n",
		.html = "<p>html</p>\n",
		.now_ms = 1795290370000,
	};
}

/* Value of a header, unfolded; checks that it stands there once. */
static char *
header(const char *message, const char *name)
{
	const char *end = strstr(message, "\r\n\r\n");
	struct buf value = BUF_INIT(DECODED_MAX);
	bool found = false;

	assert_non_null(end);
	for (const char *line = message; line < end; line = strstr(line, "\r\n") + 2) {
		size_t len = strcspn(line, "\r");
		bool ours = strncasecmp(line, name, strlen(name)) == 0 && line[strlen(name)] == ':';

		if (*line == ' ' && found && value.cap)
			buf_add(&value, line, len);
		else if (ours)
			assert_false(found),
			    found = true,
			    buf_add(&value, line + strlen(name) + 2, len - strlen(name) - 2);
		else if (found && *line != ' ')
			break;
	}
	assert_true(found);
	return buf_take(&value);
}

static unsigned
count_headers(const char *message)
{
	const char *end = strstr(message, "\r\n\r\n");
	unsigned n = 0;

	for (const char *line = message; line < end; line = strstr(line, "\r\n") + 2)
		n += *line != ' ';
	return n;
}

/* Encoded words of base64 put together (RFC 2047 section 6.2: blanks between them go). */
static char *
decode_words(const char *text)
{
	struct buf out = BUF_INIT(DECODED_MAX);

	while (strncmp(text, "=?UTF-8?B?", 10) == 0) {
		size_t len = strcspn(text + 10, "?"), n;
		unsigned char *bytes;

		assert_true(len + 12 <= 75);
		assert_int_equal(crypt_base64_decode(text + 10, len, &bytes, &n), OK);
		buf_add(&out, bytes, n);
		free(bytes);
		text += 10 + len + 2;
		text += strspn(text, " ");
	}
	buf_add_text(&out, text);
	return buf_take(&out);
}

/* The body of the nth part, decoded, lines ended by \n again. */
static char *
part(const char *message, unsigned nth)
{
	auto_free char *type = header(message, "Content-Type");
	const char *at = strstr(type, "boundary=\"");
	struct buf out = BUF_INIT(DECODED_MAX);

	assert_non_null(at);
	auto_free char *boundary = xmemdup0(at + 10, strcspn(at + 10, "\""));
	auto_free char *mark = xasprintf("\r\n--%s", boundary);
	at = message;
	for (unsigned i = 0; i <= nth; i++)
		assert_non_null(at = strstr(at + 1, mark));
	at = strstr(at, "\r\n\r\n") + 4;
	const char *end = strstr(at, mark);
	assert_non_null(end);
	while (at < end) {
		if (strncmp(at, "=\r\n", 3) == 0) {
			at += 3;
		} else if (*at == '=') {
			char hex[3] = { at[1], at[2], '\0' };

			buf_add_char(&out, (char)strtol(hex, NULL, 16));
			at += 3;
		} else {
			if (*at != '\r')
				buf_add_char(&out, *at);
			at++;
		}
	}
	return buf_take(&out);
}

static void
expect_wire_form(const char *message)
{
	size_t column = 0;

	for (const char *c = message; *c; c++) {
		assert_true((unsigned char)*c < 0x7f);
		assert_true((*c == '\r') == (c[1] == '\n'));
		column = *c == '\n' ? 0 : column + 1;
		assert_true(column <= 77);
	}
}

static void
a_message_says_who_what_and_when(void **state)
{
	struct mail_text text = letter();
	auto_free char *message = build(&text);
	auto_free char *to = header(message, "To"), *from = header(message, "From");
	auto_free char *date = header(message, "Date"), *id = header(message, "Message-ID");
	auto_free char *plain = part(message, 0), *html = part(message, 1);
	(void)state;

	expect_wire_form(message);
	assert_int_equal(count_headers(message), 8);
	assert_string_equal(to, "\"Ada\" <ada@example.org>");
	assert_string_equal(from, "<bailee@example.org>");
	assert_string_equal(date, "Sat, 21 Nov 2026 19:46:10 +0000");
	assert_string_equal(id, "<7.x@example.org>");
	assert_string_equal(plain, "plain\n");
	assert_string_equal(html, "<p>html</p>\n");
}

static const struct {
	const char *given, *shown;
} names[] = {
	{ "Ada\r\nBcc: all@example.org", "Ada  Bcc: all@example.org" },
	{ "Ada\n\n<html>", "Ada  <html>" },
	{ "J\xc3\xb6rg", "J\xc3\xb6rg" },
	{ "a \"quoted\" \\ name", "a \"quoted\" \\ name" },
	{ "=?UTF-8?B?Ym9zcw==?=", "=?UTF-8?B?Ym9zcw==?=" },
	{ "\xe2\x80\xae evil", "evil" },
	{ "line\xe2\x80\xa8separator", "line separator" },
	{ "next\xc2\x85line", "next line" },
	{ "bad \xff\xfe bytes", "bad ?? bytes" },
	{ "boss@example.org", "boss@example.org" },
	{ "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80" },
};

static void
names_are_shown_and_add_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct mail_text text = letter();

		text.to_name = text.subject = names[i].given;
		auto_free char *message = build(&text);
		auto_free char *to = header(message, "To"), *subject = header(message, "Subject");
		auto_free char *plain = decode_words(subject);
		char *address = strrchr(to, '<');

		expect_wire_form(message);
		assert_int_equal(count_headers(message), 8);
		assert_string_equal(plain, names[i].shown);
		assert_string_equal(address, "<ada@example.org>");
		address[-1] = '\0';
		auto_free char *name = decode_words(to);
		if (*name == '"') {
			name[strlen(name) - 1] = '\0';
			assert_string_equal(name + 1, names[i].shown);
		} else {
			assert_string_equal(name, names[i].shown);
		}
	}
}

static void
a_long_subject_is_folded_between_characters(void **state)
{
	struct mail_text text = letter();
	struct buf subject = BUF_INIT(DECODED_MAX);
	(void)state;

	for (int i = 0; i < 255; i++)
		buf_add_text(&subject, i % 3 ? "\xe2\x82\xac" : i % 2 ? "x" : "\xf0\x9f\x98\x80");
	text.subject = buf_text(&subject);
	auto_free char *message = build(&text);
	auto_free char *value = header(message, "Subject");
	auto_free char *decoded = decode_words(value);
	expect_wire_form(message);
	assert_string_equal(decoded, text.subject);
	buf_free(&subject);
}

static const struct {
	const char *given, *shown;
} bodies[] = {
	{ "a\nb\n", "a\nb\n\n" },
	{ "a\r\nb", "a\nb\n" },
	{ ".\nQUIT\n", ".\nQUIT\n\n" },
	{ "From me\nFrom you", "From me\nFrom you\n" },
	{ "blank at the end \t\n", "blank at the end \t\n\n" },
	{ "a=b=3D", "a=b=3D\n" },
	{ "\xc3\xa4\xe2\x82\xac", "\xc3\xa4\xe2\x82\xac\n" },
	{ "--=_0\r\nContent-Type: text/html", "--=_0\nContent-Type: text/html\n" },
};

static void
bodies_arrive_as_they_were(void **state)
{
	char line[1000];
	(void)state;

	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		struct mail_text text = letter();

		text.plain = bodies[i].given;
		auto_free char *message = build(&text);
		auto_free char *body = part(message, 0);
		expect_wire_form(message);
		if (strncmp(body, bodies[i].shown, strlen(body)) != 0)
			fail_msg("%s", bodies[i].given);
	}
	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	struct mail_text text = letter();
	text.html = line;
	auto_free char *message = build(&text);
	auto_free char *body = part(message, 1);
	expect_wire_form(message);
	assert_memory_equal(body, line, sizeof(line) - 1);
}

static void
a_message_without_a_good_address_is_not_built(void **state)
{
	struct buf out = BUF_INIT(MAIL_MESSAGE_MAX), small = BUF_INIT(200);
	struct mail_text text = letter();
	struct errctx ctx = { 0 };
	(void)state;

	text.to = "ada@example.org\r\nBcc: x@y";
	assert_int_equal(mail_message_build(&text, &out, &ctx), ERR_VALUE);
	text = letter();
	text.from = "";
	assert_int_equal(mail_message_build(&text, &out, &ctx), ERR_VALUE);
	assert_int_equal(out.len, 0);
	text = letter();
	assert_int_equal(mail_message_build(&text, &small, &ctx), ERR_TOO_LARGE);
	buf_free(&small);
}

/* ---- the words ---- */

static struct mail_subject
hostile_subject(void)
{
	static char name[] = "<b>Keys</b>\r\nfor & \"us\"",
		    description[] = "one\r\n\r\n<script>two";
	static char evil[] = "<img src=x onerror='a'>", plain[] = "Ada",
		    email[] = "ada@example.org";
	static char status[] = "authorized";

	return (struct mail_subject){
		.name = name,
		.description = description,
		.status = status,
		.requester_name = evil,
		.requester_email = email,
		.provider_name = plain,
		.provider_email = email,
		.team_name = evil,
		.organization_name = evil,
		.expires_at = 1795290370000,
		.n_credentials = 3,
		.n_authorized = 2,
		.n_declined = 1,
	};
}

static void
words_from_outside_are_data_in_both_bodies(void **state)
{
	const struct mail_subject subject = hostile_subject();
	(void)state;

	for (unsigned i = 0; i < MAIL_TEMPLATE_COUNT; i++) {
		const char *link = i == MAIL_DONE ? NULL : "https://b.example/request/1#secret";
		struct mail_words words;

		mail_words_make((enum mail_template)i, &subject, link, &words);
		const char *html = buf_text(&words.html), *plain = buf_text(&words.plain);
		assert_null(strpbrk(buf_text(&words.subject), "\r\n"));
		assert_null(strstr(html, "<img"));
		assert_null(strstr(html, "<script"));
		assert_null(strstr(html, "<b>"));
		assert_null(strchr(html, '%'));
		assert_null(strchr(plain, '%'));
		assert_int_equal(strstr(plain, "https://b.example/request/1#secret\n") != NULL,
		    link != NULL);
		assert_int_equal(strstr(html, "href=\"https://b.example/request/1#secret\"") !=
				     NULL,
		    link != NULL);
		if (i == MAIL_DONE)
			assert_non_null(
			    strstr(plain, "Of 3 asked for, 2 authorized and 1 declined."));
		else
			assert_non_null(strstr(plain, "\n> one\n> \n> <script>two\n"));
		if (link) {
			assert_non_null(
			    strstr(plain, "It works until 21 November 2026, 19:46 UTC."));
			assert_non_null(strstr(html, ">https://b.example/request/1#secret</a>"));
			assert_non_null(strstr(html, "prefers-color-scheme: dark"));
		}
		mail_words_free(&words);
	}
}

/* ---- options ---- */

static const struct {
	const char *server, *from, *user;
	bool starttls;
	enum err err;
} options[] = {
	{ "smtp://mail.example.org:587", "a@b.example", "", true, OK },
	{ "smtps://mail.example.org", "a@b.example", "", true, OK },
	{ "smtp://[::1]:25", "a@b.example", "", false, OK },
	{ "smtp://mail.example.org", "", "", true, ERR_CONFIG },
	{ "smtp://mail.example.org", "a@b\r\nc", "", true, ERR_CONFIG },
	{ "http://mail.example.org", "a@b.example", "", true, ERR_CONFIG },
	{ "mail.example.org", "a@b.example", "", true, ERR_CONFIG },
	{ "smtp://", "a@b.example", "", true, ERR_CONFIG },
	{ "smtp://u:p@mail.example.org", "a@b.example", "", true, ERR_CONFIG },
	{ "smtp://mail.example.org/path", "a@b.example", "", true, ERR_CONFIG },
	{ "smtp://mail.example.org:0", "a@b.example", "", true, ERR_CONFIG },
	{ "smtp://mail.example.org:65536", "a@b.example", "", true, ERR_CONFIG },
	{ "smtp://mail.example.org:25x", "a@b.example", "", true, ERR_CONFIG },
	{ "smtp://[::1", "a@b.example", "", true, ERR_CONFIG },
	{ "smtp://[a b]:25", "a@b.example", "", true, ERR_CONFIG },
	{ "smtp://mail.example.org", "a@b.example", "me", false, ERR_CONFIG },
	{ "smtp://mail.example.org", "a@b.example", "me", true, ERR_CONFIG }, /* no such file */
};

static void
options_that_cannot_work_are_refused_at_start(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		const struct mail_options given = { options[i].server, options[i].from,
			options[i].user, "/nonexistent/password", options[i].starttls };
		struct mail_server *server = NULL;
		struct errctx ctx = { 0 };

		if (mail_server_open(&given, &server, &ctx) != options[i].err)
			fail_msg("%s %s", options[i].server, err_text(&ctx));
		assert_int_equal(server != NULL, options[i].err == OK);
		mail_server_free(&server);
	}
	struct mail_server *none = NULL;
	assert_int_equal(mail_server_open(&(struct mail_options){ "", "", "", "", true }, &none,
			     NULL),
	    OK);
	assert_null(none);
}

/* ---- a server that says one thing at a given step ---- */

struct talk {
	int listener;
	uint16_t port;
	const char *at, *say; /* command and its answer; the others are taken */
	char heard[DECODED_MAX];
	pthread_t thread;
};

static void
hear(struct talk *talk, const char *line)
{
	size_t len = strlen(talk->heard);

	snprintf(talk->heard + len, sizeof(talk->heard) - len, "%s", line);
}

static void
hear_data(FILE *in, struct talk *talk)
{
	char line[2000];

	while (fgets(line, sizeof(line), in) && strcmp(line, ".\r\n") != 0)
		hear(talk, line);
}

static void *
talk_main(void *arg)
{
	struct talk *talk = arg;
	char line[2000];
	int fd = accept(talk->listener, NULL, NULL);
	FILE *in = fdopen(fd, "r+");

	assert_non_null(in);
	setvbuf(in, NULL, _IONBF, 0);
	fprintf(in, "%s\r\n", strcmp(talk->at, "hello") == 0 ? talk->say : "220 here");
	while (fgets(line, sizeof(line), in)) {
		bool here = strncasecmp(line, talk->at, strlen(talk->at)) == 0;
		bool data = strncasecmp(line, "DATA", 4) == 0;

		hear(talk, line);
		fprintf(in, "%s\r\n", here ? talk->say : data ? "354 go on" : "250 fine");
		if (!data || here)
			continue;
		hear_data(in, talk);
		fprintf(in, "%s\r\n", strcmp(talk->at, "end") == 0 ? talk->say : "250 taken");
	}
	fclose(in);
	return NULL;
}

static void
talk_begin(struct talk *talk)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(address);

	talk->listener = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(talk->listener, (struct sockaddr *)&address, len), 0);
	assert_int_equal(listen(talk->listener, 5), 0);
	getsockname(talk->listener, (struct sockaddr *)&address, &len);
	talk->port = ntohs(address.sin_port);
	assert_int_equal(pthread_create(&talk->thread, NULL, talk_main, talk), 0);
}

struct ended {
	bool over, for_good;
	enum err err;
	int status;
	char reason[200];
};

static void
note_end(void *arg, struct http_result *result)
{
	struct ended *ended = arg;

	*ended =
	    (struct ended){ true, mail_refused_for_good(result), result->err, result->status, "" };
	snprintf(ended->reason, sizeof(ended->reason), "%s", result->reason);
}

static struct ended
hand_in(uint16_t port, const char *allow, bool starttls)
{
	auto_free char *url = xasprintf("smtp://127.0.0.1:%u", (unsigned)port);
	const struct mail_options given = { url, "bailee@b.example", "", "", starttls };
	static const char data[] = "Subject: x\r\n\r\n.hidden\r\nbody\r\n";
	struct http_client_options client_options = { 0 };
	struct http_client *client;
	struct mail_server *server;
	struct ended ended = { 0 };

	assert_int_equal(address_guard_parse(allow, &client_options.guard, NULL), OK);
	assert_int_equal(mail_server_open(&given, &server, NULL), OK);
	assert_int_equal(http_client_open(&client_options, &client, NULL), OK);
	const struct mail_letter one = { server, "ada@example.org", data, sizeof(data) - 1 };
	const struct http_call call = { .letter = &one, .done = note_end, .arg = &ended };
	http_client_start(client, &call);
	for (int i = 0; i < 1000 && !ended.over; i++)
		http_client_run(client, 10);
	assert_true(ended.over);
	http_client_close(&client);
	mail_server_free(&server);
	return ended;
}

static const struct {
	const char *at, *say;
	bool starttls;
	enum err err;
	int status;
	bool for_good;
} talks[] = {
	{ "nothing", "", false, OK, 250, false },
	{ "hello", "554 not you", false, ERR_REMOTE, 0, false },
	{ "hello", "421 later", false, ERR_REMOTE, 0, false },
	{ "MAIL", "550 no", false, ERR_REMOTE, 550, true },
	{ "MAIL", "451 later", false, ERR_REMOTE, 451, false },
	{ "RCPT", "550 unknown", false, ERR_REMOTE, 550, true },
	{ "RCPT", "450 greylisted", false, ERR_REMOTE, 450, false },
	{ "RCPT", "421 closing down", false, ERR_REMOTE, 0, false },
	{ "DATA", "554 no", false, ERR_REMOTE, 554, true },
	{ "end", "554 spam", false, ERR_REMOTE, 554, true },
	{ "end", "452 full", false, ERR_REMOTE, 452, false },
	{ "nothing", "", true, ERR_REMOTE, 0,
	    false }, /* no STARTTLS: nothing is said in the clear */
};

static void
what_a_server_answers_is_final_or_not(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(talks) / sizeof(talks[0]); i++) {
		static struct talk talk;

		talk = (struct talk){ .at = talks[i].at, .say = talks[i].say };
		talk_begin(&talk);
		struct ended ended = hand_in(talk.port, "127.0.0.1", talks[i].starttls);
		pthread_join(talk.thread, NULL);
		close(talk.listener);
		if (ended.err != talks[i].err || ended.status != talks[i].status ||
		    ended.for_good != talks[i].for_good)
			fail_msg("%s %s: %s %d %s", talks[i].at, talks[i].say,
			    err_kind(ended.err)->name, ended.status, ended.reason);
		if (talks[i].starttls)
			assert_null(strstr(talk.heard, "MAIL FROM"));
		if (i > 0)
			continue;
		assert_non_null(strstr(talk.heard, "MAIL FROM:<bailee@b.example>"));
		assert_non_null(strstr(talk.heard, "RCPT TO:<ada@example.org>\r\n"));
		assert_non_null(strstr(talk.heard, "Subject: x\r\n\r\n..hidden\r\nbody\r\n"));
	}
}

static void
an_address_that_is_not_allowed_is_not_connected_to(void **state)
{
	(void)state;
	struct ended ended = hand_in(1, "", false);

	assert_int_equal(ended.err, ERR_REMOTE);
	assert_non_null(strstr(ended.reason, "egress_allow"));
	assert_false(ended.for_good);
	ended = hand_in(1, "127.0.0.1", false); /* nobody listens there */
	assert_int_equal(ended.err, ERR_REMOTE);
	assert_string_equal(ended.reason, "the mail server refused the connection");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_is_one_and_nothing_more),
		cmocka_unit_test(a_message_says_who_what_and_when),
		cmocka_unit_test(names_are_shown_and_add_nothing),
		cmocka_unit_test(a_long_subject_is_folded_between_characters),
		cmocka_unit_test(bodies_arrive_as_they_were),
		cmocka_unit_test(a_message_without_a_good_address_is_not_built),
		cmocka_unit_test(words_from_outside_are_data_in_both_bodies),
		cmocka_unit_test(options_that_cannot_work_are_refused_at_start),
		cmocka_unit_test(what_a_server_answers_is_final_or_not),
		cmocka_unit_test(an_address_that_is_not_allowed_is_not_connected_to),
	};

	return cmocka_run_group_tests_name("mail", tests, NULL, NULL);
}
