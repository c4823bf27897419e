/* SPDX-License-Identifier: Apache-2.0 */
/* What a key or connection that is made from a credential is called in lists. */
#ifndef BAILEE_RUNNER_ITEM_NAME_H
#define BAILEE_RUNNER_ITEM_NAME_H

#include <stddef.h>

#include "store/credential.h"

/* The requester's wish, else label and app; at most that many characters. Caller owns. */
char *item_name(const struct credential *credential, size_t most);

#endif
