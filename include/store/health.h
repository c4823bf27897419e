/* SPDX-License-Identifier: Apache-2.0 */
/* What the database server is set to, where it matters to what we promise, and how much work there
 * is. */
#ifndef BAILEE_STORE_HEALTH_H
#define BAILEE_STORE_HEALTH_H

#include "store/store.h"

struct health_settings {
	int64_t
	    flush_log; /* innodb_flush_log_at_trx_commit: 1, or acknowledged writes can be lost */
};
enum err health_settings(struct store *store, struct health_settings *settings_out,
    struct errctx *ctx) MUSTCHECK;

/* The server that this connection is at, and the others that programs are at. */
struct health_cluster {
	bool is_cluster;      /* a node of a Galera cluster; else the next five say nothing */
	char *status, *ready; /* Primary: of the majority; ON: it takes statements */
	int64_t size, state;  /* nodes of its part of the cluster; 4: in step with them */
	int64_t autoinc;      /* innodb_autoinc_lock_mode */
	char *node;           /* its name, in a cluster or not */
	int64_t elsewhere;    /* runners alive that are at another one */
};
enum err health_cluster(struct store *store, struct health_cluster *cluster_out,
    struct errctx *ctx) MUSTCHECK;
void health_cluster_free(struct health_cluster *cluster);

/* How many things are in a state. */
struct health_count {
	const char *state;
	int64_t n;
};
#define HEALTH_JOB_STATES 4
#define HEALTH_GRANT_STATES 4
struct health_work {
	struct health_count jobs[HEALTH_JOB_STATES]; /* all but those that are done */
	struct health_count grants[HEALTH_GRANT_STATES];
	int64_t due, due_oldest_s; /* jobs that could run */
	int64_t runners;           /* that are alive */
	int64_t overdue;           /* grants that should have been refreshed */
	int64_t old_keys;          /* generations of teams' keys on their way out */
};
/* One statement that reads indexes. */
enum err health_work(struct store *store, struct health_work *work_out,
    struct errctx *ctx) MUSTCHECK;

/* Letters that were given up within a day. */
enum err health_lost_mail(struct store *store, int64_t *n_out, struct errctx *ctx) MUSTCHECK;

#endif
