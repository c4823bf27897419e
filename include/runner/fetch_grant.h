/* SPDX-License-Identifier: Apache-2.0 */
/* The token of a user credential that a person has connected: it is taken from the grant. */
#ifndef BAILEE_RUNNER_FETCH_GRANT_H
#define BAILEE_RUNNER_FETCH_GRANT_H

#include "base/json.h"
#include "runner/task.h"
#include "store/store.h"

/* In place of the requests of a fetch, for the opened definition: settles the task with the newest
 * access token, or with the reason why there is none; while that one ends too soon it is put back
 * until the refresh it has asked for is over. ERR_INTEGRITY: the grant is not one of this
 * definition; else errors of the database alone. */
enum err fetch_grant_load(struct store *store, struct task *task, const json_t *definition,
    struct errctx *ctx) MUSTCHECK;

#endif
