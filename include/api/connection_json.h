/* SPDX-License-Identifier: Apache-2.0 */
/* Connections as answers show them: nothing of what they hold. */
#ifndef BAILEE_API_CONNECTION_JSON_H
#define BAILEE_API_CONNECTION_JSON_H

#include <stdbool.h>

#include "base/json.h"
#include "store/connection.h"

bool connection_is_oauth(const struct connection *connection);
/* As lists have it. Caller owns, here and below. */
json_t *connection_json(const struct connection *connection);
/* And with what lists do not have. */
json_t *connection_detail_json(const struct connection *connection);

#endif
