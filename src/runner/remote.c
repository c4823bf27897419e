/* SPDX-License-Identifier: Apache-2.0 */
/* One call to a team's platform on the loop's thread, repeated while that may help. */
#include "runner/remote.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "runner/fetch.h"
#include "runner/loop.h"

#define RETRY_AFTER_MOST_MS (60 * 60 * 1000) /* nobody is left alone for longer than an hour */

static void
give_up(struct task *task, int64_t pause_ms)
{
	struct remote *remote = task->data;

	http_request_free(&remote->request);
	if (remote->answer.verdict != PLATFORM_AGAIN) {
		task_settle(task, JOB_FAILED, "%s", remote->answer.words);
	} else {
		task_retry_later(task, remote->answer.words);
		if (pause_ms > RETRY_AFTER_MOST_MS)
			pause_ms = RETRY_AFTER_MOST_MS;
		if (pause_ms > task->outcome.delay_ms)
			task->outcome.delay_ms = pause_ms;
	}
	loop_end(task);
}

static void send_call(void *arg);

static void
on_answer(void *arg, struct http_result *result)
{
	struct task *task = arg;
	struct remote *remote = task->data;
	const char *retry_after =
	    json_string_value(json_object_get(result->headers, "retry-after"));

	platform_read(&remote->platform, &remote->order, result, &remote->answer);
	if (remote->answer.verdict == PLATFORM_DONE || remote->answer.verdict == PLATFORM_GONE) {
		http_request_free(&remote->request);
		remote->done(task);
		return;
	}
	int64_t pause = fetch_pause_ms(remote->tries, retry_after);
	log_info(LOG_EVENT("platform_call"), LOG_I("job", task->job.id),
	    LOG_S("kind", task->job.kind), LOG_S("outcome", remote->answer.words));
	if (remote->answer.verdict == PLATFORM_AGAIN && remote->tries < REMOTE_TRIES &&
	    pause <= REMOTE_PAUSE_MS && clock_monotonic_ms() + pause < task->deadline_ms)
		http_client_after(loop_client(task->loop), pause, send_call, task);
	else
		give_up(task, pause);
}

static void
send_call(void *arg)
{
	struct task *task = arg;
	struct remote *remote = task->data;
	int64_t left = task->deadline_ms - clock_monotonic_ms();

	remote->tries++;
	remote->request.timeout_ms = left < 1                  ? 1
				     : left < PLATFORM_CALL_MS ? left
							       : PLATFORM_CALL_MS;
	http_client_start(loop_client(task->loop), &(struct http_call){
						       .request = &remote->request,
						       .done = on_answer,
						       .arg = task,
						   });
}

void
remote_start(struct task *task, remote_done_fn *done)
{
	struct remote *remote = task->data;

	remote->done = done;
	remote->tries = 0;
	platform_request(&remote->platform, &remote->order, &remote->request);
	send_call(task);
}

void
remote_free(struct remote *remote)
{
	platform_free(&remote->platform);
	if (remote->request.url)
		http_request_free(&remote->request);
}
