/* SPDX-License-Identifier: Apache-2.0 */
/* A transfer of the HTTP client that is a letter. For http_transfer.c alone. */
#ifndef BAILEE_NET_MAIL_TRANSFER_H
#define BAILEE_NET_MAIL_TRANSFER_H

#include "net/http_transfer.h"

/* Set up the handle for transfer->call.letter. */
void mail_transfer_begin(struct http_transfer *transfer);
/* What came of it (`code` is a CURLcode), into status and, unless it worked, err and reason. */
void mail_transfer_ended(struct http_transfer *transfer, int code);

#endif
