/* SPDX-License-Identifier: Apache-2.0 */
/* The thread that owns the database connection: claims jobs, hands them out, saves what came of
 * them. */
#ifndef BAILEE_RUNNER_QUEUE_H
#define BAILEE_RUNNER_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "net/http_client.h"
#include "store/store.h"

struct queue;

struct key_holder; /* store/key_holder.h */
struct queue_options {
	int64_t in_flight_max; /* jobs owned at a time */
	int64_t poll_ms;       /* between looks at an idle queue */
	int64_t lease_s;       /* of a job; renewed every quarter of it */
	int64_t drain_s;       /* a stopping runner gives to what is under way */
	/* Kept alive in the table as long as the queue runs. A runner that was taken for dead and
	 * lacks a key by now ends its process. NULL allowed. Borrowed. */
	struct key_holder *holder;
};

/* Starts the queue's and the loop's thread. `store` is the queue's alone from now on, until
 * queue_close(). ERR_CONFIG as loop_open(). */
enum err queue_open(const struct queue_options *options,
    const struct http_client_options *http_options, struct store *store, struct queue **queue_out,
    struct errctx *ctx) MUSTCHECK;
/* Claim nothing any more and end when everything is saved or handed back, or after drain_s. Any
 * thread. */
void queue_drain(struct queue *queue);
/* Look into the queue at once. Any thread. */
void queue_ring(struct queue *queue);
bool queue_is_over(struct queue *queue); /* the queue's thread has ended */
/* Whether both threads, the queue's and the loop's, have gone round since `last`, which then is
 * moved on. Either goes round every few seconds, whatever database and remotes do. */
struct queue_turns {
	unsigned long queue, loop;
};
bool queue_has_turned(struct queue *queue, struct queue_turns *last);
/* Waits for the threads. NULL allowed. */
void queue_close(struct queue **queue);

/* What the runner calls itself in job.lease_owner. */
const char *queue_id(const struct queue *queue);

#endif
