/* SPDX-License-Identifier: Apache-2.0 */
/* One call to a team's platform on the loop's thread, repeated while that may help. */
#ifndef BAILEE_RUNNER_REMOTE_H
#define BAILEE_RUNNER_REMOTE_H

#include <stdint.h>

#include "platform/platform.h"
#include "runner/task.h"

#define REMOTE_TRIES 3       /* of one call within one attempt of the job */
#define REMOTE_PAUSE_MS 3000 /* longer pauses are the queue's: nothing waits in memory for them */

typedef void remote_done_fn(struct task *task);

/* The first member of task->data of a kind that calls platforms. */
struct remote {
	struct platform platform;
	struct platform_order order;
	struct platform_answer answer;
	/* the rest is remote.c's */
	struct http_request request;
	remote_done_fn *done;
	int tries;
};
void remote_free(struct remote *remote);

/* Make the call that `order` says. `done` is called when it has worked, or when what was to be
 * changed is gone, with remote->answer, and may make another call; in any other case the task ends
 * here: JOB_FAILED on a refusal and for a connection that does not work, JOB_RETRY when the
 * platform is away or wants to be left alone for a while. */
void remote_start(struct task *task, remote_done_fn *done);

#endif
