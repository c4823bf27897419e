/* SPDX-License-Identifier: Apache-2.0 */
/* malloc and its kin, ending the process where they would answer NULL. */
#include "base/alloc.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void *
alloc_or_die(void *got)
{
	static const char words[] = "event=out_of_memory level=error\n";

	if (!got) {
		if (write(STDERR_FILENO, words, sizeof(words) - 1) < 0)
			_exit(71);
		_exit(71);
	}
	return got;
}

void *
xmalloc(size_t size)
{
	return alloc_or_die(malloc(size ? size : 1));
}

void *
xcalloc(size_t n, size_t size)
{
	return alloc_or_die(calloc(n ? n : 1, size ? size : 1));
}

void *
xrealloc(void *old, size_t size)
{
	return alloc_or_die(realloc(old, size ? size : 1));
}

char *
xstrdup(const char *text)
{
	return alloc_or_die(strdup(text));
}

char *
xmemdup0(const void *data, size_t len)
{
	char *copy = xmalloc(len + 1);

	if (len)
		memcpy(copy, data, len);
	copy[len] = '\0';
	return copy;
}

char *
xasprintf(const char *fmt, ...)
{
	char *text = NULL;
	va_list args;

	va_start(args, fmt);
	int n = vasprintf(&text, fmt, args);
	va_end(args);
	return alloc_or_die(n < 0 ? NULL : text);
}
