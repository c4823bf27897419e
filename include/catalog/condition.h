/* SPDX-License-Identifier: Apache-2.0 */
/* Conditions of app definitions on an answer (success_when, error_when). */
#ifndef BAILEE_CATALOG_CONDITION_H
#define BAILEE_CATALOG_CONDITION_H

#include <stdbool.h>

#include "base/json.h"

/* Whether what `path` points to equals `equals`; without that member: is anything but null, false
 * and "". `answer` may be NULL: then there is nothing. */
bool condition_holds(const json_t *condition, const json_t *answer);

#endif
