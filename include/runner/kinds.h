/* SPDX-License-Identifier: Apache-2.0 */
/* The table of job kinds. To add one: write src/runner/kind_<name>.c and add its row. */
#ifndef BAILEE_RUNNER_KINDS_H
#define BAILEE_RUNNER_KINDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "base/error.h"
#include "runner/task.h"
#include "store/store.h"

struct catalog; /* catalog/catalog.h */

struct kind {
	const char *name;       /* job.kind */
	int64_t timeout_ms;     /* of one attempt, from claim to its last request's end */
	int64_t max_attempts;   /* that jobs of this kind are put in with */
	const char *audit;      /* event of its end, written with the result; "none" */
	const char *doc;        /* one sentence: what it does */
	const char *idempotent; /* one sentence: why running it twice does no harm */

	/* Whether subject and payload are as they must be; ids only. ERR_FIELD. NULL: any. */
	enum err (*check)(const struct job *job, json_t *payload, struct errctx *ctx);
	/* On the queue's thread, outside any transaction, before `load`: what one statement can
	 * read for many tasks, into their task->data. Payloads have not been checked yet. `n` is at
	 * most BATCH_MAX. NULL: nothing. */
	enum err (
	    *gather)(struct store *store, struct task *const *tasks, size_t n, struct errctx *ctx);
	/* There too: read and open what the task needs, into task->data (set before an error can
	 * happen to it: `free` is called in any case). May settle the task. Errors of the database
	 * are returned as they are: load is called again, with task->data NULL. */
	enum err (
	    *load)(struct store *store, struct task *task, json_t *payload, struct errctx *ctx);
	/* On the loop's thread: begin; must lead to loop_end(). NULL: nothing to do outside. */
	void (*start)(struct task *task);
	/* Queue's thread, outside the transaction that ends them: seal the results of these tasks,
	 * all of them JOB_DONE, and the like. May settle them. Errors of the database are returned
	 * as they are: it is called again, also with tasks that are prepared. NULL: nothing. */
	enum err (
	    *prepare)(struct store *store, struct task *const *tasks, size_t n, struct errctx *ctx);
	/* In the transaction that ends the job with `outcome` (JOB_DONE or JOB_FAILED), which it
	 * may change. May be run again: task->data stays as it is. An error rolls back: those of
	 * the database are tried again, ERR_INTERNAL makes a later attempt, any other one makes the
	 * job fail with its words. NULL: nothing to save. */
	enum err (*save)(struct store *store, const struct task *task, struct task_outcome *outcome,
	    struct errctx *ctx);
	/* `save` is called for JOB_RETRY and JOB_BACK as well: part of the work stands. */
	bool saves_progress;
	/* The same for all tasks of this kind that one transaction ends, after `save`, likewise:
	 * rows that can be written together. `n` is at most SAVE_BATCH_MAX. NULL: nothing. */
	enum err (*save_together)(struct store *store, const struct task *const *tasks,
	    struct task_outcome *const *outcomes, size_t n, struct errctx *ctx);
	/* Instead of all that, as a transaction of its own: somebody else has ended the job, or has
	 * taken it over, while it ran here. What was done outside may have to be undone. May be run
	 * again. NULL: nothing. */
	enum err (*lost)(struct store *store, const struct task *task, struct errctx *ctx);
	/* Whatever thread ends the task; data is not NULL. */
	void (*free)(void *data);
};

const struct kind *kind_at(size_t index);       /* walks the table; NULL at its end */
const struct kind *kind_find(const char *name); /* NULL when there is none */

/* The parts of the table, one per file. */
extern const struct kind kind_fetch, kind_lend, kind_dry_run;
extern const struct kind kind_fulfil, kind_decline, kind_housekeeping, kind_remote_test;
extern const struct kind kind_platform_test, kind_remote_delete, kind_request_delete, kind_mail;
extern const struct kind kind_oauth_exchange, kind_oauth_confirm, kind_oauth_refresh;
extern const struct kind kind_oauth_revoke, kind_keys_reseal;

/* Let the kinds gather for the tasks of the list that have no data yet. */
enum err kind_gather(struct store *store, struct task_list *tasks, struct errctx *ctx) MUSTCHECK;
/* Check the payload, load; settles the task where it cannot run. Returned errors are the
 * database's: try again later. */
enum err kind_load(struct store *store, struct task *task, struct errctx *ctx) MUSTCHECK;

/* The app definitions that kinds look types up in, while they load: the task that is being loaded
 * holds them, so what was found there lasts as long as the task. */
const struct catalog *kinds_catalog(void);
/* At start, before any thread, and at the end with NULL: the caller goes on holding `catalog`. */
void kinds_setup_catalog(struct catalog *catalog);
/* From the next load on these count. Any thread; the caller goes on holding `catalog`. */
void kinds_change_catalog(struct catalog *catalog);

/* Put housekeeping into the queue, unless it is there. */
enum err kind_housekeeping_order(struct store *store, struct errctx *ctx) MUSTCHECK;
/* Days that old rows are kept; for kind housekeeping. Set once at start. */
void kind_housekeeping_setup(int64_t retention_days);

/* Where letters are handed in (NULL: nowhere) and what links begin with; for kind mail. Set once at
 * start, both borrowed for good. */
struct mail_server;
void kind_mail_setup(const struct mail_server *server, const char *public_url);

#endif
