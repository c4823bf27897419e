/* SPDX-License-Identifier: Apache-2.0 */
/* OpenPGP keys in ASCII armour (RFC 9580): whether a text is one, and of which half. */
#ifndef BAILEE_CATALOG_ARMOUR_H
#define BAILEE_CATALOG_ARMOUR_H

#include <stdbool.h>

#include "base/error.h"

/* ERR_VALUE, with a text that begins with a verb and path "", for anything but one armoured block
 * (sections 6.2 and 6.1: header line, headers, blank line, base64, CRC24 where there is one, tail)
 * whose packets are whole (section 4.2) and begin with a primary key (tag 5 when `secret`, else 6)
 * of version 4 or 6. A public block must not hold secret keys. Signatures are not verified. */
enum err armour_key_check(const char *text, bool secret, struct errctx *ctx) MUSTCHECK;

#endif
