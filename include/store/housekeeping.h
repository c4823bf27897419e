/* SPDX-License-Identifier: Apache-2.0 */
/* Rows that have had their day: what is deleted, and when. */
#ifndef BAILEE_STORE_HOUSEKEEPING_H
#define BAILEE_STORE_HOUSEKEEPING_H

#include <stddef.h>
#include <stdint.h>

#include "store/store.h"

#define HOUSEKEEPING_BATCH 500 /* rows per statement: short locks, small undo logs */

/* One kind of row that ages; the table is ended by a row with NULL name. */
struct housekeeping_rule {
	const char *name; /* for logs */
	const char *doc;  /* what goes when */
	const struct stmt *stmt;
};
extern const struct housekeeping_rule housekeeping_rules[];

/* Delete one batch by this rule, outside any transaction. `retention_days` is the operator's
 * log_retention_days. */
enum err housekeeping_run(struct store *store, const struct housekeeping_rule *rule,
    int64_t retention_days, int64_t *deleted_out, struct errctx *ctx) MUSTCHECK;

#endif
