/* SPDX-License-Identifier: Apache-2.0 */
/* What the database server is set to, where it matters to what we promise. */
#ifndef BAILEE_STORE_HEALTH_H
#define BAILEE_STORE_HEALTH_H

#include "store/store.h"

struct health_settings {
	int64_t
	    flush_log; /* innodb_flush_log_at_trx_commit: 1, or acknowledged writes can be lost */
};
enum err health_settings(struct store *store, struct health_settings *settings_out,
    struct errctx *ctx) MUSTCHECK;
/* Letters that were given up within a day. */
enum err health_lost_mail(struct store *store, int64_t *n_out, struct errctx *ctx) MUSTCHECK;

#endif
