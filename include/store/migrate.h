/* SPDX-License-Identifier: Apache-2.0 */
/* Bringing a database to the schema version of this program, and making it an installation. */
#ifndef BAILEE_STORE_MIGRATE_H
#define BAILEE_STORE_MIGRATE_H

#include "store/store.h"

/* Run every file NNNN_name.sql of `dir` whose number is higher than what the database has, in
 * order; one at a time, by one operator, and for as long as it takes. `done` is told each file that
 * ran. What breaks off, wherever that is, is gone on with by the next call; until then programs
 * refuse to work. ERR_RULE while a runner is at work, ERR_DUPLICATE when the database has tables of
 * somebody else, ERR_CONFIG names a file that does not fit. */
typedef void (*migrate_done_fn)(int version, const char *file);
enum err migrate_run(struct store *store, const char *dir, migrate_done_fn done,
    struct errctx *ctx) MUSTCHECK;

/* Version the database has; 0 when it has none. */
enum err migrate_version(struct store *store, int64_t *version_out, struct errctx *ctx) MUSTCHECK;

/* Store the check values of the keyring's master, signing and token key. ERR_RULE when there are
 * some already. */
enum err migrate_install_keys(struct store *store, struct errctx *ctx) MUSTCHECK;

#endif
