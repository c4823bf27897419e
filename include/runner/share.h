/* SPDX-License-Identifier: Apache-2.0 */
/* How teams share the places of a runner. */
#ifndef BAILEE_RUNNER_SHARE_H
#define BAILEE_RUNNER_SHARE_H

#include <stddef.h>
#include <stdint.h>

#include "runner/task.h"

/* How many more tasks a team may get now. It may hold three times as many places as are free: alone
 * three quarters of them, and however many are greedy, there is one for whoever comes next. `owned`
 * are all tasks of the runner, by their link of that name. */
size_t share_room(const struct task_list *owned, size_t free_places, int64_t team_id);

#endif
