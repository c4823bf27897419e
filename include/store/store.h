/* SPDX-License-Identifier: Apache-2.0 */
/* What every store function works with: the connection, the keys, and one way to write. */
#ifndef BAILEE_STORE_STORE_H
#define BAILEE_STORE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/secret.h"
#include "db/db.h"
#include "db/stmt.h"
#include "vault/keyring.h"
#include "vault/seal.h"

/* Integrity errors kept for the audit trail between two writes of it; the log has every one. */
#define STORE_DAMAGE_MAX 8

/* One per process (or per thread with a connection). Not thread-safe. */
struct store {
	struct db *db;
	struct keyring *keyring;
	struct team_key team_key; /* last one handed out by store_team_key() */
	struct store_damage {
		char subject[64]; /* table and row */
		int64_t team_id;
	} damage[STORE_DAMAGE_MAX]; /* values that did not open, not yet in the audit trail */
	unsigned n_damage;
	const char *doorbell;    /* of the runners on this host; NULL or "": none */
	bool enqueued;           /* jobs were put in since the last ring */
	int64_t written_team_id; /* of the last audit row of a store_write(), or 0 */
	bool mails; /* a mail server is configured: what happens to requests is mailed */
};

/* Takes over both pointers; store_close() frees them. */
void store_init(struct store *store, struct db *db, struct keyring *keyring);
void store_close(struct store *store);

/* Who did what: written in the transaction of the change. Texts are borrowed. */
struct audit_entry {
	const char *event;      /* from the table of routes or kinds: "keychain.create" */
	const char *actor;      /* "token:<public id>", "link:<request id>", "runner", "ctl" */
	const char *address;    /* or NULL */
	const char *request_id; /* or NULL */
	int64_t person_id;      /* or 0 */
	int64_t team_id;        /* or 0; the body may fill it in */
	char subject[64];       /* id of the thing; the body may fill it in */
	bool failed;
	int64_t count; /* uses this row stands for; 0 counts as 1 */
};

/* Run `body` as one transaction that ends with the audit row; the row's id also tells, after a lost
 * COMMIT, whether the transaction landed. `body` may run again (see db_transaction). */
typedef enum err (
    *store_body_fn)(struct store *store, void *arg, struct audit_entry *audit, struct errctx *ctx);
enum err store_write(struct store *store, struct audit_entry *audit, store_body_fn body, void *arg,
    struct errctx *ctx) MUSTCHECK;

/* Add one audit row inside a transaction of the caller (runner, batches). */
enum err audit_add(struct store *store, const struct audit_entry *audit,
    struct errctx *ctx) MUSTCHECK;

/* The team's verified public key of its current generation, from cache or database. Borrowed until
 * the next call. ERR_NOT_FOUND when there is no such team, ERR_INTEGRITY when the signature does
 * not fit, ERR_GONE when its keys were destroyed and it has no new one. */
enum err store_team_key(struct store *store, int64_t team_id, const struct team_key **key_out,
    struct errctx *ctx) MUSTCHECK;

/* Seal to the team's current key. `out` is freed by the caller (free(out->data)). */
enum err store_seal(struct store *store, const struct seal_context *context, const void *data,
    size_t len, struct bytes *out, struct errctx *ctx) MUSTCHECK;
/* Open a sealed value, loading the team's private key into the keyring when it is not there yet.
 * ERR_INTEGRITY: the caller lets it reach the client as such; store_report_damage() writes the
 * audit event. ERR_GONE: it was sealed to a key of its team that was destroyed. */
enum err store_open(struct store *store, const struct seal_context *context,
    const struct bytes *sealed, struct secret *out, struct errctx *ctx) MUSTCHECK;
/* Note a row that opens and still cannot be as Bailee has written it, like a value that does not
 * open. */
void store_note_damaged_row(struct store *store, const char *table, const struct uuid *row,
    const char *field, int64_t team_id);

/* Tell the runners if jobs were put in. After COMMIT: job_wait() does it, and every worker between
 * requests. */
void store_ring(struct store *store);

/* Something in the database that should not be there: logged at once, and kept for
 * store_report_damage(). */
void store_note_damage(struct store *store, const char *table, const char *row, const char *field,
    int64_t team_id);
/* Write an audit event for every value that did not open since the last call. Outside a
 * transaction; called between requests and jobs, for the transaction that met the value was rolled
 * back. */
void store_report_damage(struct store *store);

/* At start of a program: schema version and key check values fit, else ERR_CONFIG with the command
 * that mends it. Of the master keys held, the current one is what the keyring seals to afterwards.
 * ERR_UNAVAILABLE or ERR_LOST when the database is away. */
enum err store_check(struct store *store, struct errctx *ctx) MUSTCHECK;

/* The part of it that may become untrue while a program runs: ERR_CONFIG when the schema has become
 * another one, or is about to. Programs look this often; a migration that has said that it begins
 * waits for longer before it does. */
#define STORE_SCHEMA_LOOK_MS 2000
enum err store_check_schema(struct store *store, struct errctx *ctx) MUSTCHECK;

/* The schema version this program is made for: the highest number in schema/. */
#define STORE_SCHEMA_VERSION 19

#endif
