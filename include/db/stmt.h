/* SPDX-License-Identifier: Apache-2.0 */
/* Prepared statements described by tables: which struct members are bound, which are filled. */
#ifndef BAILEE_DB_STMT_H
#define BAILEE_DB_STMT_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/uuid.h"

struct db;

/* Bytes of a BLOB or sealed value; data == NULL is SQL NULL. */
struct bytes {
	unsigned char *data;
	size_t len;
};

/* How a struct member and a column belong together. */
enum col_type {
	COL_INT,   /* int64_t;     NULL reads as 0 */
	COL_INT0,  /* int64_t;     0 is written as NULL, NULL reads as 0 */
	COL_BOOL,  /* bool;        NULL reads as false */
	COL_UUID,  /* struct uuid; nil is written as NULL, NULL reads as nil */
	COL_TIME,  /* int64_t ms since the epoch; 0 is NULL both ways */
	COL_TEXT,  /* char * (bound from: const char * too); NULL is NULL both ways; read: freed by
		      stmt_row_free */
	COL_BYTES, /* struct bytes; as COL_TEXT */
};

struct col {
	enum col_type type;
	size_t offset;
};

#define COL(type, strukt, member)                                                                  \
	{                                                                                          \
		COL_##type, offsetof(strukt, member)                                               \
	}
#define COL_N(table) (sizeof(table) / sizeof((table)[0]))

/* Statements are static const and named by address: each connection prepares each of them once. */
struct stmt {
	const char *name; /* for logs */
	const char *sql;
	const struct col *in;
	unsigned n_in;
	const struct col *out;
	unsigned n_out;
};

/* Outside a transaction a SELECT is repeated once after a lost connection; a write is never
 * repeated here. Errors: ERR_DUPLICATE (1062), ERR_CONFLICT, ERR_LOST, ERR_UNAVAILABLE (with
 * retry_after_s), ERR_INTERNAL. */

/* INSERT, UPDATE, DELETE. `affected_out` may be NULL; it counts rows found, not rows changed. */
enum err stmt_run(struct db *db, const struct stmt *stmt, const void *in, int64_t *affected_out,
    struct errctx *ctx) MUSTCHECK;
/* AUTO_INCREMENT value of this connection's last INSERT. */
int64_t stmt_insert_id(struct db *db);
/* First row into `row_out` (freed by stmt_row_free); ERR_NOT_FOUND without an error text when there
 * is none. */
enum err stmt_one(struct db *db, const struct stmt *stmt, const void *in, void *row_out,
    struct errctx *ctx) MUSTCHECK;
/* All rows as an array of structs of `row_size` bytes; NULL and 0 when there are none. */
enum err stmt_all(struct db *db, const struct stmt *stmt, const void *in, size_t row_size,
    void **rows_out, size_t *n_out, struct errctx *ctx) MUSTCHECK;

/* Free the texts and bytes that a row's table owns (bytes are cleansed) and zero them. */
void stmt_row_free(const struct stmt *stmt, void *row);
void stmt_rows_free(const struct stmt *stmt, size_t row_size, void **rows, size_t n);

#endif
