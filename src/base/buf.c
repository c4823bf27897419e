/* SPDX-License-Identifier: Apache-2.0 */
/* A growable byte buffer whose creator names its cap. */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

static void
buf_grow(struct buf *buf, size_t need)
{
	size_t room = buf->room ? buf->room : 128;

	while (room < need)
		room *= 2;
	if (!buf->secret) {
		buf->data = xrealloc(buf->data, room);
	} else {
		char *bigger = xmalloc(room);

		if (buf->data) {
			memcpy(bigger, buf->data, buf->len + 1);
			explicit_bzero(buf->data, buf->room);
			free(buf->data);
		}
		buf->data = bigger;
	}
	buf->room = room;
}

void
buf_add(struct buf *buf, const void *data, size_t len)
{
	if (buf->over || len > buf->cap - buf->len) {
		buf->over = true;
		return;
	}
	if (buf->len + len + 1 > buf->room)
		buf_grow(buf, buf->len + len + 1);
	if (len)
		memcpy(buf->data + buf->len, data, len);
	buf->len += len;
	buf->data[buf->len] = '\0';
}

void
buf_add_text(struct buf *buf, const char *text)
{
	buf_add(buf, text, strlen(text));
}

void
buf_add_char(struct buf *buf, char c)
{
	buf_add(buf, &c, 1);
}

void
buf_printf(struct buf *buf, const char *fmt, ...)
{
	size_t left = buf->room - buf->len; /* with that of the NUL */
	va_list args, again;

	if (buf->over)
		return;
	va_start(args, fmt);
	va_copy(again, args);
	int n = vsnprintf(left ? buf->data + buf->len : NULL, left, fmt, args);
	if (n < 0)
		abort();
	if ((size_t)n > buf->cap - buf->len) {
		buf->over = true;
		if (left)
			buf->data[buf->len] = '\0';
	} else {
		if ((size_t)n >= left) {
			buf_grow(buf, buf->len + (size_t)n + 1);
			(void)vsnprintf(buf->data + buf->len, (size_t)n + 1, fmt, again);
		}
		buf->len += (size_t)n;
	}
	va_end(again);
	va_end(args);
}

const char *
buf_text(const struct buf *buf)
{
	return buf->data ? buf->data : "";
}

char *
buf_take(struct buf *buf)
{
	char *data = buf->data ? buf->data : xstrdup("");

	buf->data = NULL;
	buf->len = buf->room = 0;
	buf->over = false;
	return data;
}

void
buf_free(struct buf *buf)
{
	if (buf->secret && buf->data)
		explicit_bzero(buf->data, buf->room);
	free(buf->data);
	buf->data = NULL;
	buf->len = buf->room = 0;
}
