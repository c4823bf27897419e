/* SPDX-License-Identifier: Apache-2.0 */
/* A growable byte buffer whose creator names its cap. */
#ifndef BAILEE_BASE_BUF_H
#define BAILEE_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* Once an append went over the cap, `over` stays true and nothing more is taken: append freely,
 * check once. */
struct buf {
	char *data; /* NUL-terminated once anything was added; else NULL */
	size_t len;
	size_t room;
	size_t cap; /* most bytes it may hold, without the NUL */
	bool over;
	bool secret; /* cleanse on growth and free */
};

#define BUF_INIT(most) ((struct buf){ .cap = (most) })
#define BUF_INIT_SECRET(most) ((struct buf){ .cap = (most), .secret = true })

void buf_add(struct buf *buf, const void *data, size_t len);
void buf_add_text(struct buf *buf, const char *text);
void buf_add_char(struct buf *buf, char c);
void buf_printf(struct buf *buf, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* The text so far, "" when empty. Borrowed until the next append. */
const char *buf_text(const struct buf *buf);
/* Hand the (NUL-terminated) bytes to the caller, who frees them; the buffer is empty again. */
char *buf_take(struct buf *buf);
void buf_free(struct buf *buf);
#define auto_buf __attribute__((cleanup(buf_free)))

#endif
