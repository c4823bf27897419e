/* SPDX-License-Identifier: Apache-2.0 */
/* The audit trail as the operator reads it, and its old end as the operator cuts it off. */
#ifndef BAILEE_STORE_AUDIT_READ_H
#define BAILEE_STORE_AUDIT_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/uuid.h"
#include "store/store.h"

/* Texts are owned: audit_rows_free(). */
struct audit_row {
	struct uuid id;
	int64_t at; /* ms */
	char *event, *outcome, *actor, *address, *subject, *request_id;
	int64_t person_id, team_id, count;
};
void audit_rows_free(struct audit_row **rows, size_t n);

struct audit_filter {
	const char *event, *subject; /* NULL: any */
	int64_t team_id;             /* 0: any */
	int64_t since, until;        /* ms; 0: from the first, to the last */
	int64_t limit;
};
/* Newest first. */
enum err audit_list(struct store *store, const struct audit_filter *filter,
    struct audit_row **rows_out, size_t *n_out, struct errctx *ctx) MUSTCHECK;
/* Oldest first, those behind `after` (nil: from the first): a trail of any length is read a part at
 * a time. */
enum err audit_export(struct store *store, const struct audit_filter *filter,
    const struct uuid *after, struct audit_row **rows_out, size_t *n_out,
    struct errctx *ctx) MUSTCHECK;

/* Delete what is older than that (ms), in small parts; a row that says so is written first, and
 * stays. Broken off, it is simply called again. */
enum err audit_prune(struct store *store, int64_t before, int64_t *deleted_out,
    struct errctx *ctx) MUSTCHECK;

#endif
