/* SPDX-License-Identifier: Apache-2.0 */
/* What a change says of a definition, put over what it was. For user_credential_write.c alone. */
#ifndef BAILEE_STORE_USER_CREDENTIAL_MERGE_H
#define BAILEE_STORE_USER_CREDENTIAL_MERGE_H

#include "base/json.h"

/* Changes `definition` (of `mode`, an object) in place; members of other modes are passed over. */
void user_credential_merge(json_t *definition, const char *mode, const json_t *said);

#endif
