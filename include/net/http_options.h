/* SPDX-License-Identifier: Apache-2.0 */
/* How a hop is told to libcurl: options, headers, and the callbacks that check and count. For
 * http_transfer.c alone. */
#ifndef BAILEE_NET_HTTP_OPTIONS_H
#define BAILEE_NET_HTTP_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "net/http_transfer.h"

/* Set up transfer->easy, from scratch, for the hop to transfer->url. NULL, or why the request
 * cannot be sent. */
const char *http_options_apply(struct http_transfer *transfer, int64_t timeout_ms);

bool http_options_is_token(const char *text); /* RFC 9110 section 5.6.2 */

#endif
