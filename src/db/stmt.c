/* SPDX-License-Identifier: Apache-2.0 */
/* Prepared statements described by tables: binding struct members and filling them from rows. */
#include "db/stmt.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "internal.h"

#define STMT_COLS_MAX 64
#define STMT_ROWS_MAX 20000        /* no statement of ours answers more */
#define STMT_VALUE_MAX (16u << 20) /* largest column value taken */
#define STMT_FIRST_ROOM 256

/* A statement prepared on one connection, with the room its values are read into. */
struct prepared {
	const struct stmt *stmt;
	MYSQL_STMT *handle;
	MYSQL_BIND out[STMT_COLS_MAX];
	unsigned long length[STMT_COLS_MAX];
	my_bool null[STMT_COLS_MAX], error[STMT_COLS_MAX];
	union {
		long long number;
		MYSQL_TIME time;
		char *room;
	} value[STMT_COLS_MAX];
};

#define PREPARED_ROOM (sizeof(((struct db *)0)->prepared) / sizeof(((struct db *)0)->prepared[0]))

static bool
col_is_long(enum col_type type)
{
	return type == COL_TEXT || type == COL_BYTES || type == COL_UUID;
}

static void
prepared_free(struct prepared *p)
{
	if (!p)
		return;
	mysql_stmt_close(p->handle);
	for (unsigned i = 0; i < p->stmt->n_out; i++)
		if (col_is_long(p->stmt->out[i].type)) {
			explicit_bzero(p->value[i].room, p->out[i].buffer_length);
			free(p->value[i].room);
		}
	free(p);
}

void
stmt_forget_all(struct db *db)
{
	for (size_t i = 0; i < PREPARED_ROOM; i++) {
		prepared_free(db->prepared[i]);
		db->prepared[i] = NULL;
	}
	db->n_prepared = 0;
}

static void
bind_out(struct prepared *p)
{
	for (unsigned i = 0; i < p->stmt->n_out; i++) {
		MYSQL_BIND *bind = &p->out[i];

		bind->length = &p->length[i];
		bind->is_null = &p->null[i];
		bind->error = &p->error[i];
		switch (p->stmt->out[i].type) {
		case COL_INT:
		case COL_INT0:
		case COL_BOOL:
			bind->buffer_type = MYSQL_TYPE_LONGLONG;
			bind->buffer = &p->value[i].number;
			break;
		case COL_TIME:
			bind->buffer_type = MYSQL_TYPE_DATETIME;
			bind->buffer = &p->value[i].time;
			bind->buffer_length = sizeof(MYSQL_TIME);
			break;
		case COL_TEXT:
		case COL_BYTES:
		case COL_UUID:
			bind->buffer_type =
			    p->stmt->out[i].type == COL_TEXT ? MYSQL_TYPE_STRING : MYSQL_TYPE_BLOB;
			p->value[i].room = xmalloc(STMT_FIRST_ROOM);
			bind->buffer = p->value[i].room;
			bind->buffer_length = STMT_FIRST_ROOM;
			break;
		}
	}
	if (p->stmt->n_out)
		mysql_stmt_bind_result(p->handle, p->out);
}

/* The prepared twin of `stmt` on this connection, made at first use. */
static enum err
prepare(struct db *db, const struct stmt *stmt, struct prepared **out, struct errctx *ctx)
{
	size_t at = ((uintptr_t)stmt >> 4) % PREPARED_ROOM;

	while (db->prepared[at] && db->prepared[at]->stmt != stmt)
		at = (at + 1) % PREPARED_ROOM;
	if (!db->prepared[at] &&
	    db->n_prepared >= PREPARED_ROOM / 2) { /* many variants of lists: start anew */
		stmt_forget_all(db);
		at = ((uintptr_t)stmt >> 4) % PREPARED_ROOM;
	}
	if (!db->prepared[at]) {
		assert(stmt->n_in <= STMT_COLS_MAX && stmt->n_out <= STMT_COLS_MAX);
		MYSQL_STMT *handle = mysql_stmt_init(db->mysql);
		if (!handle)
			abort();
		if (mysql_stmt_prepare(handle, stmt->sql, strlen(stmt->sql))) {
			enum err err = db_failure(db, mysql_stmt_errno(handle),
			    mysql_stmt_error(handle), stmt->name, ctx);
			mysql_stmt_close(handle);
			return err;
		}
		assert(mysql_stmt_param_count(handle) == stmt->n_in);
		struct prepared *p = xcalloc(1, sizeof(*p));
		p->stmt = stmt;
		p->handle = handle;
		bind_out(p);
		db->prepared[at] = p;
		db->n_prepared++;
	}
	*out = db->prepared[at];
	return OK;
}

static void
time_from_ms(int64_t ms, MYSQL_TIME *out)
{
	struct clock_parts parts;

	clock_to_parts(ms, &parts);
	*out = (MYSQL_TIME){ .year = (unsigned)parts.year,
		.month = (unsigned)parts.month,
		.day = (unsigned)parts.day,
		.hour = (unsigned)parts.hour,
		.minute = (unsigned)parts.minute,
		.second = (unsigned)parts.second,
		.second_part = (unsigned long)parts.ms * 1000,
		.time_type = MYSQL_TIMESTAMP_DATETIME };
}

static int64_t
time_to_ms(const MYSQL_TIME *time)
{
	return clock_from_parts(&(struct clock_parts){ (int)time->year, (int)time->month,
	    (int)time->day, (int)time->hour, (int)time->minute, (int)time->second,
	    (int)(time->second_part / 1000) });
}

/* Scratch for what cannot be bound in place. */
struct in_value {
	long long number;
	MYSQL_TIME time;
	unsigned long length;
};

static void
bind_in_text(MYSQL_BIND *bind, struct in_value *value, enum enum_field_types type, const void *data,
    size_t len)
{
	bind->buffer_type = data ? type : MYSQL_TYPE_NULL;
	memcpy(&bind->buffer, &data, sizeof(data)); /* the connector only reads it */
	value->length = bind->buffer_length = len;
	bind->length = &value->length;
}

static void
bind_in(const struct col *col, const void *in, MYSQL_BIND *bind, struct in_value *value)
{
	const char *at = (const char *)in + col->offset;
	const struct bytes *bytes = (const void *)at;
	const char *text;
	int64_t number;

	switch (col->type) {
	case COL_INT:
	case COL_INT0:
		memcpy(&number, at, sizeof(number));
		value->number = number;
		bind->buffer_type =
		    col->type == COL_INT0 && !number ? MYSQL_TYPE_NULL : MYSQL_TYPE_LONGLONG;
		bind->buffer = &value->number;
		break;
	case COL_BOOL:
		value->number = *(const bool *)at;
		bind->buffer_type = MYSQL_TYPE_LONGLONG;
		bind->buffer = &value->number;
		break;
	case COL_TIME:
		memcpy(&number, at, sizeof(number));
		time_from_ms(number, &value->time);
		bind->buffer_type = number ? MYSQL_TYPE_DATETIME : MYSQL_TYPE_NULL;
		bind->buffer = &value->time;
		break;
	case COL_UUID:
		bind_in_text(bind, value, MYSQL_TYPE_BLOB,
		    uuid_is_nil((const void *)at) ? NULL : at, 16);
		break;
	case COL_TEXT:
		memcpy(&text, at, sizeof(text));
		bind_in_text(bind, value, MYSQL_TYPE_STRING, text, text ? strlen(text) : 0);
		break;
	case COL_BYTES:
		bind_in_text(bind, value, MYSQL_TYPE_BLOB, bytes->data, bytes->len);
		break;
	}
}

/* What the server says while rows are fetched, such as a deadlock at the second one, the client
 * library notes with the connection and not with the statement. */
static enum err
statement_failure(struct db *db, const struct prepared *p, struct errctx *ctx)
{
	unsigned number = mysql_stmt_errno(p->handle);

	if (number)
		return db_failure(db, number, mysql_stmt_error(p->handle), p->stmt->name, ctx);
	return db_failure(db, mysql_errno(db->mysql), mysql_error(db->mysql), p->stmt->name, ctx);
}

static enum err
execute_once(struct db *db, const struct stmt *stmt, const void *in, struct prepared **p_out,
    struct errctx *ctx)
{
	MYSQL_BIND bind[STMT_COLS_MAX];
	struct in_value value[STMT_COLS_MAX];
	struct prepared *p = NULL;
	enum err err = db_connect(db, ctx);

	if (!err)
		err = prepare(db, stmt, &p, ctx);
	if (err)
		return err;
	memset(bind, 0, sizeof(bind[0]) * stmt->n_in);
	for (unsigned i = 0; i < stmt->n_in; i++)
		bind_in(&stmt->in[i], in, &bind[i], &value[i]);
	if ((stmt->n_in && mysql_stmt_bind_param(p->handle, bind)) || mysql_stmt_execute(p->handle))
		return statement_failure(db, p, ctx);
	if (stmt->n_out && strncmp(stmt->sql, "CALL", 4) == 0)
		mysql_stmt_bind_result(p->handle, p->out); /* its columns are known only now */
	*p_out = p;
	return OK;
}

static bool
is_read(const struct stmt *stmt)
{
	return strncmp(stmt->sql, "SELECT", 6) == 0;
}

static enum err
execute(struct db *db, const struct stmt *stmt, const void *in, struct prepared **p_out,
    struct errctx *ctx)
{
	if (db->in_transaction && (db->failed || !db->mysql))
		return err_set(ctx, db->mysql ? ERR_CONFLICT : ERR_LOST, "",
		    "the transaction has failed already");
	enum err err = execute_once(db, stmt, in, p_out, ctx);
	if (err == ERR_LOST && !db->in_transaction && is_read(stmt)) {
		err_clear(ctx);
		err = execute_once(db, stmt, in, p_out, ctx);
	}
	return err;
}

/* A value longer than its room: fetch it again whole and keep the larger room for later rows. */
static bool
refetch(struct prepared *p, unsigned i)
{
	MYSQL_BIND *bind = &p->out[i];

	if (p->length[i] > STMT_VALUE_MAX)
		return false;
	explicit_bzero(p->value[i].room, bind->buffer_length);
	bind->buffer_length = p->length[i] + 1;
	p->value[i].room = xrealloc(p->value[i].room, bind->buffer_length);
	bind->buffer = p->value[i].room;
	return mysql_stmt_fetch_column(p->handle, bind, i, 0) == 0;
}

static void
fill_member(const struct prepared *p, unsigned i, char *row)
{
	char *at = row + p->stmt->out[i].offset;
	bool null = p->null[i];

	switch (p->stmt->out[i].type) {
	case COL_INT:
	case COL_INT0:
		memcpy(at, &(int64_t){ null ? 0 : p->value[i].number }, sizeof(int64_t));
		break;
	case COL_BOOL:
		*(bool *)at = !null && p->value[i].number;
		break;
	case COL_TIME:
		memcpy(at, &(int64_t){ null ? 0 : time_to_ms(&p->value[i].time) }, sizeof(int64_t));
		break;
	case COL_UUID:
		memset(at, 0, 16);
		if (!null && p->length[i] == 16)
			memcpy(at, p->value[i].room, 16);
		break;
	case COL_TEXT:
		memcpy(at, &(char *){ null ? NULL : xmemdup0(p->value[i].room, p->length[i]) },
		    sizeof(char *));
		break;
	case COL_BYTES:
		memcpy(at,
		    &(struct bytes){
			null ? NULL : (unsigned char *)xmemdup0(p->value[i].room, p->length[i]),
			null ? 0 : p->length[i] },
		    sizeof(struct bytes));
		break;
	}
}

/* Next row into `row`; ERR_NOT_FOUND at the end. */
static enum err
fetch(struct db *db, struct prepared *p, void *row, struct errctx *ctx)
{
	int rc = mysql_stmt_fetch(p->handle);
	bool grown = false;

	if (rc == MYSQL_NO_DATA)
		return ERR_NOT_FOUND;
	if (rc != 0 && rc != MYSQL_DATA_TRUNCATED)
		return statement_failure(db, p, ctx);
	for (unsigned i = 0; i < p->stmt->n_out; i++) {
		bool cut = col_is_long(p->stmt->out[i].type) && !p->null[i] &&
			   p->length[i] > p->out[i].buffer_length;

		if (cut && !refetch(p, i)) {
			log_error(LOG_EVENT("db_value_too_long"), LOG_S("statement", p->stmt->name),
			    LOG_I("column", i));
			return err_set(ctx, ERR_INTERNAL, "", "a stored value is too long");
		}
		grown = grown || cut;
		fill_member(p, i, row);
	}
	if (grown)
		mysql_stmt_bind_result(p->handle, p->out);
	return OK;
}

/* Read past what is left, so that the connection is free for the next statement; a CALL has a last
 * result of its own. */
static void
finish(struct prepared *p)
{
	mysql_stmt_free_result(p->handle);
	while (mysql_stmt_more_results(p->handle)) {
		if (mysql_stmt_next_result(p->handle))
			break;
		mysql_stmt_free_result(p->handle);
	}
}

enum err
stmt_run(struct db *db, const struct stmt *stmt, const void *in, int64_t *affected_out,
    struct errctx *ctx)
{
	struct prepared *p;
	enum err err = execute(db, stmt, in, &p, ctx);

	if (err)
		return err;
	if (affected_out)
		*affected_out = (int64_t)mysql_stmt_affected_rows(p->handle);
	finish(p);
	return OK;
}

int64_t
stmt_insert_id(struct db *db)
{
	return db->mysql ? (int64_t)mysql_insert_id(db->mysql) : 0;
}

enum err
stmt_one(struct db *db, const struct stmt *stmt, const void *in, void *row_out, struct errctx *ctx)
{
	struct prepared *p;
	enum err err = execute(db, stmt, in, &p, ctx);

	if (err)
		return err;
	err = fetch(db, p, row_out, ctx);
	if (err == OK || err == ERR_NOT_FOUND) {
		if (err == OK && mysql_stmt_fetch(p->handle) != MYSQL_NO_DATA)
			log_debug(LOG_EVENT("db_more_rows"), LOG_S("statement", stmt->name));
		finish(p);
	}
	return err;
}

enum err
stmt_all(struct db *db, const struct stmt *stmt, const void *in, size_t row_size, void **rows_out,
    size_t *n_out, struct errctx *ctx)
{
	struct prepared *p;
	enum err err = execute(db, stmt, in, &p, ctx);
	size_t n = 0, room = 0;
	char *rows = NULL;

	if (err)
		return err;
	for (;;) {
		if (n == room) {
			room = room ? room * 2 : 8;
			rows = xrealloc(rows, room * row_size);
		}
		memset(rows + n * row_size, 0, row_size);
		err = n < STMT_ROWS_MAX ? fetch(db, p, rows + n * row_size, ctx)
					: err_set(ctx, ERR_INTERNAL, "", "too many rows");
		if (err)
			break;
		n++;
	}
	void *all = rows;
	if (err != ERR_NOT_FOUND) {
		stmt_rows_free(stmt, row_size, &all, n);
		return err;
	}
	finish(p);
	*rows_out = all;
	*n_out = n;
	return OK;
}

void
stmt_row_free(const struct stmt *stmt, void *row)
{
	for (unsigned i = 0; i < stmt->n_out; i++) {
		char *at = (char *)row + stmt->out[i].offset;
		struct bytes *bytes = (void *)at;
		char *text;

		if (stmt->out[i].type == COL_TEXT) {
			memcpy(&text, at, sizeof(text));
			free(text);
			memcpy(at, &(char *){ NULL }, sizeof(char *));
		} else if (stmt->out[i].type == COL_BYTES) {
			if (bytes->data)
				explicit_bzero(bytes->data, bytes->len);
			free(bytes->data);
			*bytes = (struct bytes){ 0 };
		}
	}
}

void
stmt_rows_free(const struct stmt *stmt, size_t row_size, void **rows, size_t n)
{
	for (size_t i = 0; i < n && *rows; i++)
		stmt_row_free(stmt, (char *)*rows + i * row_size);
	free(*rows);
	*rows = NULL;
}
