/* SPDX-License-Identifier: Apache-2.0 */
/* Taking secrets out of what comes back from the outside, in whatever usual form they are there. */
#ifndef BAILEE_AGENT_BLOT_H
#define BAILEE_AGENT_BLOT_H

#include <stddef.h>

#include <jansson.h>

#include "base/buf.h"

#define BLOT_MARK "[secret]"
#define BLOT_WORK_MAX ((size_t)32 * 1024 * 1024) /* bytes compared in one search */
#define BLOT_ENCODED_LEAST 4 /* bytes; shorter secrets are looked for as they are alone */

struct blot;

struct blot *blot_new(void);
/* Copies. An empty secret is passed over. */
void blot_add(struct blot *blot, const void *secret, size_t len);
void blot_free(struct blot **blot); /* cleanses; NULL allowed */

/* Append `data` with BLOT_MARK in place of each occurrence of a secret: plain, percent-encoded and
 * escaped as JSON or HTML do it (any of its characters, or none), in hexadecimal, and within base64
 * and base64url at any of the three alignments, line ends inside included. Too much sets out->over,
 * a search of too much work as well (secrets made for that exist): then nothing of it is for
 * showing.
 */
void blot_apply(const struct blot *blot, const void *data, size_t len, struct buf *out);

/* The same of every text in a JSON value, keys too; the caller owns it. What cannot be searched is
 * BLOT_MARK as a whole. */
json_t *blot_json(const struct blot *blot, const json_t *value);

#endif
