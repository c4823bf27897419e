/* SPDX-License-Identifier: Apache-2.0 */
/* One line per event on stderr: key=value pairs, or one JSON object. */
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"

#define LOG_LINE_MAX 8192

static const char *const level_names[] = { "debug", "info", "warn", "error" };
/* The same for the journal: priorities of sd-daemon(3). */
static const char *const level_marks[] = { "<7>", "<6>", "<4>", "<3>" };

static struct {
	const char *program;
	enum log_level least;
	bool json;
	bool journal; /* stderr goes straight to systemd's journal */
} settings = { "bailee", LOG_INFO, false, false };

static _Thread_local char thread_request_id[64];

/* JOURNAL_STREAM of systemd.exec(5) is inherited; whether stderr still is what it names is asked.
 */
static bool
is_journal(int fd)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char own[48];
	struct stat st;

	if (!stream || fstat(fd, &st))
		return false;
	snprintf(own, sizeof(own), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	return strcmp(own, stream) == 0;
}

void
log_setup(const char *program, enum log_level least, bool json)
{
	settings.program = program;
	settings.least = least;
	settings.json = json;
	settings.journal = is_journal(STDERR_FILENO);
}

void
log_set_request_id(const char *id)
{
	snprintf(thread_request_id, sizeof(thread_request_id), "%s", id);
}

const char *
log_request_id(void)
{
	return thread_request_id;
}

static bool
needs_escape(unsigned char c)
{
	return c < 0x20 || c >= 0x7f || c == '"' || c == '\\';
}

/* Control bytes, quotes and everything beyond ASCII that a terminal might obey are written as
 * \uXXXX of the byte. */
static void
add_escaped(struct buf *line, const char *text)
{
	while (*text) {
		size_t plain = 0;

		while (text[plain] && !needs_escape((unsigned char)text[plain]))
			plain++;
		buf_add(line, text, plain);
		text += plain;
		if (*text == '"' || *text == '\\') {
			buf_add_char(line, '\\');
			buf_add_char(line, *text++);
		} else if (*text) {
			buf_printf(line, "\\u%04x", (unsigned char)*text++);
		}
	}
}

static bool
is_plain(const char *text)
{
	if (!*text)
		return false;
	for (const unsigned char *c = (const unsigned char *)text; *c; c++)
		if (*c <= 0x20 || *c >= 0x7f || *c == '"' || *c == '\\' || *c == '=')
			return false;
	return true;
}

static void
add_field(struct buf *line, const struct log_field *field)
{
	if (line->len > (settings.json ? 1 : 0))
		buf_add_char(line, settings.json ? ',' : ' ');
	if (settings.json)
		buf_add_char(line, '"');
	buf_add_text(line, field->key);
	buf_add_text(line, settings.json ? "\":" : "=");
	if (!field->text) {
		char number[24];

		snprintf(number, sizeof(number), "%lld", (long long)field->number);
		buf_add_text(line, number);
		return;
	}
	bool quote = settings.json || !is_plain(field->text);
	if (quote)
		buf_add_char(line, '"');
	add_escaped(line, field->text);
	if (quote)
		buf_add_char(line, '"');
}

void
log_write(enum log_level level, const struct log_field *fields)
{
	if (level < settings.least)
		return;
	auto_buf struct buf line = BUF_INIT(LOG_LINE_MAX);
	char now[CLOCK_ISO_SIZE];
	clock_iso(clock_now_ms(), now);
	if (settings.json)
		buf_add_char(&line, '{');
	add_field(&line, &LOG_S("time", now));
	add_field(&line, &LOG_S("level", level_names[level]));
	add_field(&line, &LOG_S("program", settings.program));
	add_field(&line, &LOG_I("pid", getpid()));
	if (thread_request_id[0])
		add_field(&line, &LOG_S("request_id", thread_request_id));
	for (; fields->key; fields++)
		add_field(&line, fields);
	if (settings.json)
		buf_add_char(&line, '}');
	buf_add_char(&line, '\n');
	if (line.over) /* cut, but one line all the same */
		line.data[line.len - 1] = '\n';
	const char *mark = settings.journal ? level_marks[level] : "";
	const struct iovec parts[] = { { (void *)(uintptr_t)mark, strlen(mark) },
		{ line.data, line.len } };
	if (writev(STDERR_FILENO, parts, 2) < 0)
		return; /* nowhere left to say it */
}
