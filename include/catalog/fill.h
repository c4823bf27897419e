/* SPDX-License-Identifier: Apache-2.0 */
/* Texts of app definitions with placeholders: <<subdomain>> stands for the value of that name. */
#ifndef BAILEE_CATALOG_FILL_H
#define BAILEE_CATALOG_FILL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"

#define FILL_NAME_MAX 64

/* Whether every << opens a placeholder: a name of letters, digits, - _ and ., closed by >>. */
bool fill_is_template(const char *text);

/* Whether it is one placeholder and nothing else. */
bool fill_is_alone(const char *text);

/* Whether a placeholder begins here. */
bool fill_starts(const char *text);

/* The next placeholder at or behind *at: its name (borrowed, *len_out bytes, not terminated), and
 * *at moves behind it. NULL when there is none. Only for texts that are templates. */
const char *fill_next(const char **at, size_t *len_out);

enum fill_how {
	FILL_PLAIN, /* as it is; NUL, CR and LF refused */
	FILL_URL    /* in the host: only letters, digits, - and .; behind it percent-encoded */
};
/* Append the text with every placeholder replaced by the member of that name of `values`: text, a
 * whole number, true or false. ERR_VALUE names a placeholder that has no value, or whose value
 * cannot stand there; values are never in messages. */
enum err fill(const char *text, const json_t *values, enum fill_how how, struct buf *out,
    struct errctx *ctx) MUSTCHECK;
/* The same of one placeholder, by its name. */
enum err fill_name(const char *name, size_t len, const json_t *values, struct buf *out,
    struct errctx *ctx) MUSTCHECK;

#endif
