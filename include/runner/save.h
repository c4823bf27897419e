/* SPDX-License-Identifier: Apache-2.0 */
/* Ending jobs: results, audit rows and the jobs' own rows, many in one transaction. */
#ifndef BAILEE_RUNNER_SAVE_H
#define BAILEE_RUNNER_SAVE_H

#include "base/error.h"
#include "runner/task.h"
#include "store/store.h"

#define SAVE_BATCH_MAX 64 /* at most BATCH_MAX */

/* Save what is in the list, all of it settled or without a `start`. What has been saved, and what
 * cannot be (taken over by another runner), is moved to `gone`. When a batch is refused its tasks
 * are saved one by one. Errors are the database's: the rest of the list is whole and can be saved
 * later. */
enum err save_all(struct store *store, struct task_list *tasks, struct task_list *gone,
    struct errctx *ctx) MUSTCHECK;

#endif
