/* SPDX-License-Identifier: Apache-2.0 */
/* One connection to MariaDB: connecting again, transactions that are run again, and what each
 * server error means. */
#ifndef BAILEE_DB_DB_H
#define BAILEE_DB_DB_H

#include <stdint.h>

#include "base/config.h"
#include "base/error.h"

/* Not thread-safe; open after fork. Every session has READ COMMITTED, strict mode, UTC and utf8mb4,
 * set again after each reconnect. The connector's own auto-reconnect stays off: only db.c knows
 * what may be repeated. A connection to a server that has become read-only or has lost its Galera
 * cluster is given up; a new one to a Galera node sees all that was committed before on any. */
struct db;

/* Takes the account from `config`, which is copied; connects at first use, so a database that is
 * away is an error of the statement, not of this call. ERR_CONFIG when the password file cannot be
 * read. */
enum err db_open(const struct config *config, struct db **db_out, struct errctx *ctx) MUSTCHECK;
void db_close(struct db **db);

/* From the next statement on, on a new connection, the server may take as long as it likes for one:
 * a migration rewrites tables. */
void db_wait_long(struct db *db);

/* Connect now if that is needed. ERR_UNAVAILABLE when the server is away. */
enum err db_ping(struct db *db, struct errctx *ctx) MUSTCHECK;

/* The body of a transaction. It may run several times: it must start from its argument each time,
 * and touch nothing but the database and its own results. Any error it returns rolls back; its
 * statements' errors must be returned as they are. */
typedef enum err (*db_body_fn)(struct db *db, void *arg, struct errctx *ctx);

/* Says, on a fresh connection, whether the transaction of `arg` has landed. */
typedef enum err (*db_landed_fn)(struct db *db, void *arg, bool *landed_out, struct errctx *ctx);

/* BEGIN, body, COMMIT. Run again, at most 5 times with jitter, on 1213, 1020, 1205 and on a
 * connection lost before COMMIT was sent. When COMMIT has no answer, or another than success or one
 * of those, `landed` is asked (NULL: ERR_UNKNOWN_OUTCOME); only "no" runs it again. Inside another
 * transaction: an assertion. */
enum err db_transaction(struct db *db, db_body_fn body, db_landed_fn landed, void *arg,
    struct errctx *ctx) MUSTCHECK;

/* The same, and every db_transaction() inside of `body` becomes a part of it: nothing lands unless
 * all of it does, and what asks whether such a part has landed is never asked. A part that failed
 * fails the whole. */
enum err db_transaction_around(struct db *db, db_body_fn body, db_landed_fn landed, void *arg,
    struct errctx *ctx) MUSTCHECK;

/* Text of one or several statements, such as a migration; results are thrown away. Never from
 * outside data. */
enum err db_script(struct db *db, const char *sql, struct errctx *ctx) MUSTCHECK;

#endif
