/* SPDX-License-Identifier: Apache-2.0 */
/* Time: milliseconds since the Unix epoch (wall) or since some start (monotonic), and ISO 8601
 * text. */
#ifndef BAILEE_BASE_CLOCK_H
#define BAILEE_BASE_CLOCK_H

#include <stdint.h>

#include "base/error.h"

int64_t clock_now_ms(void);       /* wall clock, UTC */
int64_t clock_monotonic_ms(void); /* never jumps */

#define CLOCK_ISO_SIZE 25 /* "2026-01-31T23:59:59.999Z" and NUL */
/* Writes ISO 8601 UTC with milliseconds; years 0..9999. */
void clock_iso(int64_t ms, char out[CLOCK_ISO_SIZE]);
/* Reads RFC 3339 text (date, 'T' or space, time, optional fraction, 'Z' or offset). ERR_VALUE
 * otherwise. */
enum err clock_parse_iso(const char *text, int64_t *ms_out) MUSTCHECK;
/* Calendar parts (UTC) to ms and back, for the database binding. */
struct clock_parts {
	int year, month, day, hour, minute, second, ms;
};
int64_t clock_from_parts(const struct clock_parts *parts);
void clock_to_parts(int64_t ms, struct clock_parts *out);

#endif
