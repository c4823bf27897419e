/* SPDX-License-Identifier: Apache-2.0 */
/* The part of a list a caller asks for, as statements bind it. */
#ifndef BAILEE_STORE_LIST_PAGE_H
#define BAILEE_STORE_LIST_PAGE_H

#include <stdbool.h>
#include <stdint.h>

struct list_page {
	unsigned sort; /* which of the list's sort columns */
	bool desc;
	int64_t limit, offset;
	bool count;    /* the caller wants the number of all rows */
	int64_t total; /* set by the store when `count` */
};

#endif
