/* SPDX-License-Identifier: Apache-2.0 */
/* What a fuzzer holds to: where it does not hold, there is a fault. */
#ifndef BAILEE_TESTS_FUZZ_MUST_H
#define BAILEE_TESTS_FUZZ_MUST_H

#include <stdbool.h>
#include <stdlib.h>

static inline void
must(bool holds)
{
	if (!holds)
		abort();
}

#endif
