/* SPDX-License-Identifier: Apache-2.0 */
/* The cookies of one flow of requests; which of them go where is libcurl's business (RFC 6265,
 * public suffixes). */
#ifndef BAILEE_NET_COOKIE_H
#define BAILEE_NET_COOKIE_H

#include <stdbool.h>
#include <stddef.h>

struct cookie_jar;

/* An empty jar for one flow, never shared between flows. One transfer at a time may use it. */
struct cookie_jar *cookie_jar_new(void);
/* Cleanses. NULL and a pointer to NULL are allowed. */
void cookie_jar_free(struct cookie_jar **jar);
size_t cookie_jar_count(const struct cookie_jar *jar);

/* For the client alone; `easy` is a CURL handle. Put the jar's cookies into a handle that has none,
 * and take over those it holds afterwards. Without `sending` the handle takes cookies only, which
 * are added to the jar's. A NULL jar does nothing. */
void cookie_jar_load(const struct cookie_jar *jar, bool sending, void *easy);
void cookie_jar_store(struct cookie_jar *jar, bool sent, void *easy);

#endif
