/* SPDX-License-Identifier: Apache-2.0 */
/* Taking secrets out of what comes back from the outside, in whatever usual form they are there. */
#ifndef BAILEE_AGENT_BLOT_H
#define BAILEE_AGENT_BLOT_H

#include <stddef.h>

#include <jansson.h>

#include "base/buf.h"

#define BLOT_MARK "[secret]"
#define BLOT_WORK_MAX ((size_t)32 * 1024 * 1024) /* bytes compared in one search */
#define BLOT_ENCODED_LEAST 4  /* bytes; shorter secrets are looked for as text alone */
#define BLOT_ANY_CASE_LEAST 8 /* bytes; letters of longer ones may have changed their case */

struct blot;

struct blot *blot_new(void);
/* Copies. An empty secret is passed over. */
void blot_add(struct blot *blot, const void *secret, size_t len);
void blot_free(struct blot **blot); /* cleanses; NULL allowed */

/* Append `data` with BLOT_MARK in place of each occurrence of a secret: plain (in any case when it
 * is not short), escaped as URLs, JSON and HTML do it (any of its characters, twice over too), in
 * UTF-16, as hexadecimal or decimal bytes, and within base64 and base64url at any of the three
 * alignments, line ends inside included. Too much sets out->over, a search of too much work as well
 * (secrets made for that exist), or more secrets than there is room for: then nothing of it is for
 * showing. What a server does to it beyond that (reversed, encrypted, cut into pieces) is not
 * recognized. */
void blot_apply(const struct blot *blot, const void *data, size_t len, struct buf *out);

/* The same of every text in a JSON value, keys too; the caller owns it. What cannot be searched is
 * BLOT_MARK as a whole. */
json_t *blot_json(const struct blot *blot, const json_t *value);

#endif
