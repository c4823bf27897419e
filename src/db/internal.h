/* SPDX-License-Identifier: Apache-2.0 */
/* What db.c and stmt.c share: the connection itself. */
#ifndef BAILEE_DB_INTERNAL_H
#define BAILEE_DB_INTERNAL_H

#include <mysql.h>

#include "db/db.h"

struct prepared; /* stmt.c */

struct db {
	struct config config;
	MYSQL *mysql;        /* NULL: not connected */
	bool waits_long;     /* statements have no time limit */
	bool in_transaction; /* between BEGIN and the end of COMMIT or ROLLBACK */
	bool around;         /* transactions that begin now join the one that is open */
	bool failed; /* a statement of this transaction failed: nothing but ROLLBACK is allowed */
	int64_t retry_at_ms;            /* monotonic: no new connect before */
	struct prepared *prepared[256]; /* by hash of the statement's address; at most half full */
	size_t n_prepared;
};

enum err db_connect(struct db *db, struct errctx *ctx);
void db_disconnect(struct db *db);
/* What a server or client error number means; logs it with the statement's name. */
enum err db_failure(struct db *db, unsigned number, const char *text, const char *what,
    struct errctx *ctx);
void stmt_forget_all(struct db *db);

#endif
