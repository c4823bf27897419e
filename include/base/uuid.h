/* SPDX-License-Identifier: Apache-2.0 */
/* Random UUIDs (RFC 9562 section 5.4, version 4) as 16 bytes and as text. They are names, never
 * secrets. */
#ifndef BAILEE_BASE_UUID_H
#define BAILEE_BASE_UUID_H

#include <stdint.h>

#include "base/error.h"

#define UUID_TEXT_SIZE 37

struct uuid {
	unsigned char bytes[16];
};

void uuid_make(struct uuid *out);
/* Ordered by time (RFC 9562 section 5.7, version 7): for rows that are written in that order. */
void uuid_make_ordered(struct uuid *out);
/* The smallest that uuid_make_ordered() could make at that time (ms since 1970): a bound for rows.
 */
void uuid_first_at(int64_t ms, struct uuid *out);
void uuid_text(const struct uuid *uuid, char out[UUID_TEXT_SIZE]);
/* Takes the 36-character form in either letter case. ERR_VALUE otherwise. */
enum err uuid_parse(const char *text, struct uuid *out) MUSTCHECK;
bool uuid_is_nil(const struct uuid *uuid);

#endif
