/* SPDX-License-Identifier: Apache-2.0 */
/* The thread that talks to the outside: it owns the HTTP client and never touches the database. */
#ifndef BAILEE_RUNNER_LOOP_H
#define BAILEE_RUNNER_LOOP_H

#include "base/error.h"
#include "net/http_client.h"
#include "runner/task.h"

struct loop;

/* Called on the loop's thread with tasks that have ended; takes them all over. */
typedef void loop_ended_fn(void *arg, struct task_list *ended);

/* Starts the thread. ERR_CONFIG when the client does not take its options. */
enum err loop_open(const struct http_client_options *options, loop_ended_fn *ended, void *arg,
    struct loop **loop_out, struct errctx *ctx) MUSTCHECK;
/* Ends the thread and drops what is still there. NULL allowed. */
void loop_close(struct loop **loop);

/* ---- for the queue's thread ---- */

/* Hand over tasks to start; the list is empty afterwards. */
void loop_give(struct loop *loop, struct task_list *tasks);
/* Start nothing any more: what has not made its first request ends with JOB_BACK. */
void loop_refuse(struct loop *loop);
/* And drop what is under way: it ends with JOB_BACK as well. */
void loop_abort(struct loop *loop);

/* ---- for kinds, on the loop's thread; calls and timers have the task as their arg ---- */

struct http_client *loop_client(struct loop *loop);
/* How often it has gone round; at least once a second. From any thread. */
unsigned long loop_turns(struct loop *loop);
/* The task is settled and has no call or timer left. */
void loop_end(struct task *task);

#endif
