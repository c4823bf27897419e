/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that master and workers share: who is busy since when, and how many may wait for jobs at
 * once. */
#ifndef BAILEE_WEB_WATCHDOG_H
#define BAILEE_WEB_WATCHDOG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

#define WATCHDOG_SLOTS 1024 /* two generations of the most workers a pool may have */
#define WATCHDOG_PLACES 256 /* half of the most workers */

/* One worker. The master clears it before fork and after the worker's end; the worker writes it. */
struct watchdog_slot {
	_Atomic int64_t busy_since_ms; /* monotonic; 0: idle */
	_Atomic uint64_t requests;
	_Atomic bool ready;         /* worker_start went well */
	char message[ERR_TEXT_MAX]; /* why it could not start; written before the worker exits */
};

struct watchdog {
	_Atomic unsigned may_wait;                /* how many places may be taken */
	_Atomic unsigned places[WATCHDOG_PLACES]; /* who waits: slot number plus one; 0: free */
	struct watchdog_slot slots[WATCHDOG_SLOTS];
};

/* Shared memory, zeroed. Call before the first fork. */
enum err watchdog_open(struct watchdog **watchdog_out, struct errctx *ctx) MUSTCHECK;
void watchdog_close(struct watchdog **watchdog);

/* Also frees the place of a worker that died while it waited. */
void watchdog_slot_clear(struct watchdog *watchdog, struct watchdog_slot *slot);
void watchdog_busy(struct watchdog_slot *slot);
void watchdog_idle(struct watchdog_slot *slot);
/* How long it has been busy with one request; 0 when idle. */
int64_t watchdog_busy_ms(const struct watchdog_slot *slot, int64_t now_ms);

/* Take one of the places for waiting: false when all are taken. */
bool watchdog_wait_begin(struct watchdog *watchdog, const struct watchdog_slot *slot);
void watchdog_wait_end(struct watchdog *watchdog, const struct watchdog_slot *slot);

#endif
