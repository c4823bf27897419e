/* SPDX-License-Identifier: Apache-2.0 */
/* The modes of user credentials: which fields each has, and what they must be together. */
#ifndef BAILEE_API_USER_CREDENTIAL_MODES_H
#define BAILEE_API_USER_CREDENTIAL_MODES_H

#include <stdbool.h>

#include "base/json.h"
#include "store/user_credential.h"

/* One mode of the surface. */
struct credential_mode;

/* The mode named; NULL with ctx filled (ERR_FIELD on "mode") when there is none. */
const struct credential_mode *credential_mode_find(const json_t *name, struct errctx *ctx);
const char *credential_mode_name(const struct credential_mode *mode);

/* Check the fields of `mode` (NULL: of every mode, where the body does not say which) and move what
 * is said into `definition` and `change`, as user_credential_change tells. `whole`: what the mode
 * cannot do without is missed. False: ctx has an entry for each fault. */
bool credential_mode_take(const struct credential_mode *mode, json_t *object, bool whole,
    json_t *definition, struct user_credential_change *change, struct errctx *ctx);

/* user_credential_change.settle: what a table of fields cannot see, the whole definition. */
enum err credential_mode_settle(const char *mode, json_t *definition, json_t *shown,
    struct errctx *ctx) MUSTCHECK;

#endif
