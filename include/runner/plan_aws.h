/* SPDX-License-Identifier: Apache-2.0 */
/* How a session of AWS is fetched: from the metadata service, by assuming a role, or both. */
#ifndef BAILEE_RUNNER_PLAN_AWS_H
#define BAILEE_RUNNER_PLAN_AWS_H

#include <jansson.h>

#include "base/error.h"

/* As a row of fetch_plan.c. The token is JSON: {"access_key", "secret_key", "session_token"}. */
enum err plan_aws(const json_t *definition, json_t *roots, json_t *plan,
    struct errctx *ctx) MUSTCHECK;

/* Where sessions are had: the metadata service (without a slash at the end), and the security token
 * service ("": the partition's own). Set once at start, borrowed for good. */
void plan_aws_setup(const char *metadata_url, const char *sts_url);

#endif
