/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that master and workers share: who is busy since when, and how many may wait at once. */
#include "web/watchdog.h"

#include <string.h>
#include <errno.h>
#include <sys/mman.h>

#include "base/clock.h"

enum err
watchdog_open(struct watchdog **watchdog_out, struct errctx *ctx)
{
	struct watchdog *watchdog = mmap(NULL, sizeof(*watchdog), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (watchdog == MAP_FAILED)
		return err_set(ctx, ERR_CONFIG, "", "no shared memory: %s", strerror(errno));
	*watchdog_out = watchdog;
	return OK;
}

void
watchdog_close(struct watchdog **watchdog)
{
	if (*watchdog)
		munmap(*watchdog, sizeof(**watchdog));
	*watchdog = NULL;
}

void
watchdog_slot_clear(struct watchdog_slot *slot)
{
	atomic_store(&slot->busy_since_ms, 0);
	atomic_store(&slot->requests, 0);
	atomic_store(&slot->waiting, false);
	atomic_store(&slot->ready, false);
	slot->message[0] = '\0';
}

void
watchdog_busy(struct watchdog_slot *slot)
{
	atomic_store_explicit(&slot->busy_since_ms, clock_monotonic_ms(), memory_order_relaxed);
}

void
watchdog_idle(struct watchdog_slot *slot)
{
	atomic_store_explicit(&slot->busy_since_ms, 0, memory_order_relaxed);
}

int64_t
watchdog_busy_ms(const struct watchdog_slot *slot, int64_t now_ms)
{
	int64_t since = atomic_load_explicit(&slot->busy_since_ms, memory_order_relaxed);

	return since && now_ms > since ? now_ms - since : 0;
}

bool
watchdog_wait_begin(struct watchdog *watchdog, struct watchdog_slot *slot)
{
	unsigned n = atomic_load(&watchdog->n_slots);
	unsigned waiting = 0;

	/* Mark first, count then: of two that come at once at least one sees both, so there are
	 * never too many; and a mark that a dead worker left is wiped with its slot, so no place is
	 * ever lost. */
	atomic_store(&slot->waiting, true);
	for (unsigned i = 0; i < n; i++)
		waiting += atomic_load(&watchdog->slots[i].waiting);
	if (waiting <= atomic_load(&watchdog->may_wait))
		return true;
	atomic_store(&slot->waiting, false);
	return false;
}

void
watchdog_wait_end(struct watchdog_slot *slot)
{
	atomic_store(&slot->waiting, false);
}
