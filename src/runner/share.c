/* SPDX-License-Identifier: Apache-2.0 */
/* How teams share the places of a runner. */
#include "runner/share.h"

#define PART 3 /* places a team may hold for each one that is free */
#define SOME 8 /* less than this part of the free places is not worth a claim of its own */

size_t
share_room(const struct task_list *owned, size_t free_places, int64_t team_id)
{
	size_t most = PART * free_places, held = 0;
	const struct task *task;

	TAILQ_FOREACH(task, owned, owned)
	held += task->job.team_id == team_id;
	/* each one more takes a free place away, too */
	size_t room = most > held ? (most - held + PART) / (PART + 1) : 0;
	return room >= free_places / SOME ? room : 0;
}
