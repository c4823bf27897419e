/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a text stands somewhere, however URLs, JSON, HTML, hexadecimal or UTF-16 write it. */
#ifndef BAILEE_AGENT_WRITTEN_H
#define BAILEE_AGENT_WRITTEN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/secret.h"

/* Each of these gives the length of what stands at `at` (`left` bytes) for the text, 0 when
 * something else does. `work` grows by the bytes compared. */

/* As it is, or with any of its characters escaped as URLs, JSON, JavaScript or HTML do it, twice
 * over too (JSON within JSON, a URL within a URL). `any_case`: letters of ASCII may have changed
 * theirs. */
size_t written_text(const struct secret *text, bool any_case, const char *at, size_t left,
    size_t *work);

/* Its bytes in hexadecimal, one after another or with ':', '-', ',', blanks, "0x" or "\x" between
 * them; or as decimal numbers with commas between them, as JSON shows a buffer. */
size_t written_numbers(const struct secret *text, const char *at, size_t left, size_t *work);

/* As UTF-16, of either byte order; what is no UTF-8 is not looked for. */
size_t written_utf16(const struct secret *text, const char *at, size_t left, size_t *work);

/* One character of base64url, or what base64 has in its place, escaped or not, line ends before it
 * included (as they are, or escaped). */
size_t written_base64(char digit, const char *at, size_t left, size_t *work);

#endif
