/* SPDX-License-Identifier: Apache-2.0 */
/* How a hop is told to libcurl: options, headers, and the callbacks that check and count. For
 * http_transfer.c alone. */
#ifndef BAILEE_NET_HTTP_OPTIONS_H
#define BAILEE_NET_HTTP_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "net/http_transfer.h"

/* Set up transfer->easy for the hop to transfer->url; the handle of a first hop is clear. NULL, or
 * why the request cannot be sent. */
const char *http_options_apply(struct http_transfer *transfer, int64_t timeout_ms);

/* The part of it that has nothing to do with HTTP: proxy, TLS, time, and the checks of addresses.
 */
void http_options_connection(struct http_transfer *transfer, int64_t timeout_ms);

/* Forget, and so wipe, all that a CURL handle knows of a request: options, headers, cookies. */
void http_options_clear(void *easy);

bool http_options_is_token(const char *text); /* RFC 9110 section 5.6.2 */

#endif
