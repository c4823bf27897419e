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
watchdog_slot_clear(struct watchdog *watchdog, struct watchdog_slot *slot)
{
	watchdog_wait_end(watchdog, slot);
	atomic_store(&slot->busy_since_ms, 0);
	atomic_store(&slot->requests, 0);
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

static unsigned
owner_number(const struct watchdog *watchdog, const struct watchdog_slot *slot)
{
	return (unsigned)(slot - watchdog->slots) + 1;
}

bool
watchdog_wait_begin(struct watchdog *watchdog, const struct watchdog_slot *slot)
{
	unsigned places = atomic_load(&watchdog->may_wait);

	for (unsigned i = 0; i < places && i < WATCHDOG_PLACES; i++) {
		unsigned nobody = 0;

		if (atomic_compare_exchange_strong(&watchdog->places[i], &nobody,
			owner_number(watchdog, slot)))
			return true;
	}
	return false;
}

void
watchdog_wait_end(struct watchdog *watchdog, const struct watchdog_slot *slot)
{
	for (unsigned i = 0; i < WATCHDOG_PLACES; i++) {
		unsigned own = owner_number(watchdog, slot);

		if (atomic_compare_exchange_strong(&watchdog->places[i], &own, 0))
			return;
	}
}
