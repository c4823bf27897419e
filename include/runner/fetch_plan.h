/* SPDX-License-Identifier: Apache-2.0 */
/* What a fetch has to do: the requests of a credential, whatever its mode calls them. */
#ifndef BAILEE_RUNNER_FETCH_PLAN_H
#define BAILEE_RUNNER_FETCH_PLAN_H

#include <jansson.h>

#include "base/error.h"

/* From an opened definition (store/user_credential.h) of `mode` to {"requests": [{"options",
 * "secret", "sign"}], "location", "expires", "path"}: `path` is what faults of a single request are
 * told under, `sign` how a call to AWS is signed. What its formulas see besides is put into
 * `roots`. ERR_VALUE for a mode or a grant that is not fetched by requests. The caller owns the
 * plan. */
enum err fetch_plan_make(const char *mode, const json_t *definition, json_t *roots,
    json_t **plan_out, struct errctx *ctx) MUSTCHECK;

#endif
