/* SPDX-License-Identifier: Apache-2.0 */
/* One connection to MariaDB: connecting again, transactions that are run again, and what each
 * server error means. */
#include "internal.h"

#include <assert.h>
#include <errno.h>
#include <errmsg.h>
#include <mysqld_error.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/crypt.h"
#include "base/log.h"
#include "base/secret.h"

#define TRANSACTION_TRIES 5
#define RECONNECT_PAUSE_MS 250
#define PASSWORD_MAX 256

/* Server and client error numbers and what follows from them; every other number is a bug or a
 * limit of ours. */
static const struct {
	unsigned number;
	enum err err;
} meanings[] = {
	{ 1062, ERR_DUPLICATE },
	{ 1050, ERR_DUPLICATE }, /* of a migration: a table, column, key or procedure */
	{ 1060, ERR_DUPLICATE },
	{ 1061, ERR_DUPLICATE },
	{ 1304, ERR_DUPLICATE },
	{ 30001, ERR_RATE }, /* signalled by the procedures of schema/000*_page*.sql */
	{ 30002, ERR_GONE },
	{ 30003, ERR_NOT_FOUND },
	{ 30004, ERR_VALUE },
	{ 30005, ERR_SCOPE },
	{ 1451, ERR_RULE },      /* a row that others point to */
	{ 1452, ERR_NOT_FOUND }, /* a row that points to none */
	{ 1213, ERR_CONFLICT },  /* deadlock */
	{ 1205, ERR_CONFLICT },  /* lock wait: the transaction is still open until we roll back */
	{ 1020, ERR_CONFLICT },  /* row changed since the snapshot */
	{ 1180, ERR_LOST }, /* error during COMMIT: a Galera node that cannot say how it went */
	{ 1927, ERR_LOST }, /* killed */
	{ 1053, ERR_LOST }, /* shutting down */
	{ 1152, ERR_LOST },
	{ 1158, ERR_LOST },
	{ 1159, ERR_LOST },
	{ 1160, ERR_LOST },
	{ 1161, ERR_LOST },
	{ 4031, ERR_LOST }, /* idle for too long */
	{ CR_SERVER_GONE_ERROR, ERR_LOST },
	{ CR_SERVER_LOST, ERR_LOST },
	{ 2055, ERR_LOST },
	{ 1047, ERR_UNAVAILABLE }, /* Galera node not ready */
	{ 1290, ERR_UNAVAILABLE }, /* read-only */
	{ 1792, ERR_UNAVAILABLE },
	{ 1836, ERR_UNAVAILABLE },
	{ 1040, ERR_UNAVAILABLE }, /* too many connections */
	{ 1203, ERR_UNAVAILABLE },
	{ 1226, ERR_UNAVAILABLE },
	{ 1114, ERR_UNAVAILABLE }, /* full */
	{ 1021, ERR_UNAVAILABLE },
};

static enum err
meaning_of(unsigned number)
{
	for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++)
		if (meanings[i].number == number)
			return meanings[i].err;
	return number >= 2000 && number < 3000 ? ERR_LOST : ERR_INTERNAL;
}

/* Read-only, or without its cluster: another server may have taken its place. */
static bool
is_set_aside(unsigned number)
{
	static const unsigned numbers[] = { 1047, 1290, 1792, 1836 };

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (numbers[i] == number)
			return true;
	return false;
}

enum err
db_failure(struct db *db, unsigned number, const char *text, const char *what, struct errctx *ctx)
{
	enum err err = meaning_of(number);

	if (db->in_transaction)
		db->failed = true;
	if (number >= 30000)
		return err_set(ctx, err, "", "%s", text);
	if (err == ERR_RULE)
		return err_set(ctx, err, "", "it is still in use");
	if (err == ERR_NOT_FOUND)
		return err_set(ctx, err, "", "it names something that does not exist");
	if (err == ERR_DUPLICATE)
		return err; /* the caller knows which key and says it in its words */
	log_write(err == ERR_INTERNAL ? LOG_ERROR : LOG_WARN,
	    LOG_FIELDS(LOG_EVENT("db_error"), LOG_S("statement", what), LOG_I("number", number),
		LOG_S("text", text)));
	if (err == ERR_LOST || is_set_aside(number))
		db_disconnect(db);
	if (err == ERR_INTERNAL)
		return err_set(ctx, err, "", "the database refused a statement");
	if (ctx)
		ctx->retry_after_s = 2;
	return err_set(ctx, err, "", "the database is not available, try again");
}

/* The password stays on the stack for the connect alone. */
static enum err
read_password(const char *path, char out[PASSWORD_MAX], struct errctx *ctx)
{
	out[0] = '\0';
	if (!*path)
		return OK;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, out, PASSWORD_MAX - 1);
	if (fd >= 0)
		close(fd);
	if (n < 0)
		return err_set(ctx, ERR_CONFIG, "db_password_file", "cannot read %s: %s", path,
		    strerror(errno));
	out[n] = '\0';
	out[strcspn(out, "\r\n")] = '\0';
	return OK;
}

static void
set_options(MYSQL *mysql, const struct config *config, bool waits_long)
{
	unsigned timeout = (unsigned)config->db_timeout_s, answer = waits_long ? 0 : timeout;
	my_bool off = 0, on = 1;

	mysql_options(mysql, MYSQL_OPT_RECONNECT, &off);
	mysql_options(mysql, MYSQL_OPT_CONNECT_TIMEOUT, &timeout);
	mysql_options(mysql, MYSQL_OPT_READ_TIMEOUT, &answer);
	mysql_options(mysql, MYSQL_OPT_WRITE_TIMEOUT, &timeout);
	mysql_options(mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
	mysql_options(mysql, MYSQL_INIT_COMMAND,
	    "SET SESSION tx_isolation = 'READ-COMMITTED', sql_mode = "
	    "'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', "
	    "time_zone = '+00:00', innodb_lock_wait_timeout = 5");
	if (config->db_tls_ca[0]) {
		mysql_options(mysql, MYSQL_OPT_SSL_CA, config->db_tls_ca);
		mysql_options(mysql, MYSQL_OPT_SSL_ENFORCE, &on);
		mysql_options(mysql, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &on);
	}
}

/* Runs `sql`, one or several statements; gives the first value of each result to `value`, so that
 * that of the last stays. */
static bool
ask_server(MYSQL *mysql, const char *sql, char *value, size_t size)
{
	int more = mysql_real_query(mysql, sql, strlen(sql));

	for (; more == 0; more = mysql_next_result(mysql)) {
		MYSQL_RES *result = mysql_store_result(mysql);
		MYSQL_ROW row = result ? mysql_fetch_row(result) : NULL;

		if (row)
			snprintf(value, size, "%s", row[0] ? row[0] : "");
		mysql_free_result(result);
	}
	return more < 0;
}

/* A Galera node may be behind the one that was talked to before: it must have all that is committed
 * anywhere before the first statement, which may ask whether a lost COMMIT has landed. */
static bool
catch_up(MYSQL *mysql)
{
	char value[256] = "";

	if (!ask_server(mysql, "SELECT @@wsrep_on", value, sizeof(value)))
		return mysql_errno(mysql) == ER_UNKNOWN_SYSTEM_VARIABLE; /* built without */
	if (strcmp(value, "1") != 0)
		return true;
	if (!ask_server(mysql,
		"SET SESSION wsrep_sync_wait = 15; SELECT @@wsrep_node_name; "
		"SET SESSION wsrep_sync_wait = DEFAULT",
		value, sizeof(value)))
		return false;
	log_info(LOG_EVENT("db_connected"), LOG_S("node", value));
	return true;
}

enum err
db_connect(struct db *db, struct errctx *ctx)
{
	const struct config *config = &db->config;
	char password[PASSWORD_MAX];

	if (db->mysql)
		return OK;
	if (clock_monotonic_ms() < db->retry_at_ms) {
		if (ctx)
			ctx->retry_after_s = 2;
		return err_set(ctx, ERR_UNAVAILABLE, "",
		    "the database is not available, try again");
	}
	enum err err = read_password(config->db_password_file, password, ctx);
	if (err)
		return err;
	MYSQL *mysql = mysql_init(NULL);
	if (!mysql)
		abort();
	set_options(mysql, config, db->waits_long);
	bool by_host = config->db_host[0] != '\0';
	if (!mysql_real_connect(mysql, by_host ? config->db_host : NULL, config->db_user, password,
		config->db_name, by_host ? (unsigned)config->db_port : 0,
		by_host ? NULL : config->db_socket, CLIENT_FOUND_ROWS | CLIENT_MULTI_STATEMENTS) ||
	    !catch_up(mysql)) {
		log_warn(LOG_EVENT("db_connect_failed"), LOG_I("number", mysql_errno(mysql)),
		    LOG_S("text", mysql_error(mysql)));
		mysql_close(mysql);
		db->retry_at_ms = clock_monotonic_ms() + RECONNECT_PAUSE_MS;
		if (ctx)
			ctx->retry_after_s = 2;
		err = err_set(ctx, ERR_UNAVAILABLE, "", "the database is not available, try again");
	} else {
		db->mysql = mysql;
	}
	explicit_bzero(password, sizeof(password));
	return err;
}

void
db_disconnect(struct db *db)
{
	stmt_forget_all(db);
	if (db->mysql)
		mysql_close(db->mysql);
	db->mysql = NULL;
}

enum err
db_open(const struct config *config, struct db **db_out, struct errctx *ctx)
{
	char password[PASSWORD_MAX];
	enum err err = read_password(config->db_password_file, password, ctx);

	explicit_bzero(password, sizeof(password));
	if (err)
		return err;
	struct db *db = xcalloc(1, sizeof(*db));
	db->config = *config;
	*db_out = db;
	return OK;
}

void
db_close(struct db **db)
{
	if (!*db)
		return;
	db_disconnect(*db);
	free(*db);
	*db = NULL;
}

void
db_wait_long(struct db *db)
{
	db->waits_long = true;
	db_disconnect(db);
}

enum err
db_ping(struct db *db, struct errctx *ctx)
{
	enum err err = db_connect(db, ctx);

	if (err)
		return err;
	if (mysql_ping(db->mysql) == 0)
		return OK;
	return db_failure(db, mysql_errno(db->mysql), mysql_error(db->mysql), "ping", ctx);
}

static enum err
run_text(struct db *db, const char *sql, struct errctx *ctx)
{
	if (!db->mysql)
		return ERR_LOST;
	if (mysql_real_query(db->mysql, sql, strlen(sql)) == 0)
		return OK;
	return db_failure(db, mysql_errno(db->mysql), mysql_error(db->mysql), sql, ctx);
}

static void
roll_back(struct db *db)
{
	if (db->mysql && run_text(db, "ROLLBACK", NULL) != OK)
		db_disconnect(db); /* whatever is open there ends with the connection */
	db->in_transaction = db->failed = false;
}

/* One try. `is_open_out` tells whether it may have landed for all that it failed: of what COMMIT
 * answers, only a conflict says that it has not. */
static enum err
try_transaction(struct db *db, db_body_fn body, void *arg, bool *is_open_out, struct errctx *ctx)
{
	enum err err = db_connect(db, ctx);

	*is_open_out = false;
	if (!err)
		err = run_text(db, "START TRANSACTION", ctx);
	if (err)
		return err;
	db->in_transaction = true;
	err = body(db, arg, ctx);
	if (!err && db->failed)
		err = err_set(ctx, ERR_INTERNAL, "", "a failed statement was ignored");
	if (err) {
		roll_back(db);
		return err;
	}
	err = run_text(db, "COMMIT", ctx);
	*is_open_out = err && err != ERR_CONFLICT;
	if (err)
		roll_back(db);
	db->in_transaction = db->failed = false;
	return err;
}

static void
pause_with_jitter(int round)
{
	uint32_t most = 10u << (round < 4 ? round : 4);
	struct timespec pause = { 0, (long)(10 + crypt_random_below(most)) * 1000000L };

	nanosleep(&pause, NULL);
}

/* A lost COMMIT: ask until the database answers, for about as long as a caller will wait. */
static enum err
ask_landed(struct db *db, db_landed_fn landed, void *arg, bool *landed_out, struct errctx *ctx)
{
	enum err err = ERR_UNKNOWN_OUTCOME;

	for (int i = 0; i < 10 && landed; i++) {
		err_clear(ctx);
		if ((err = landed(db, arg, landed_out, ctx)) == OK)
			return OK;
		pause_with_jitter(4);
	}
	err_clear(ctx);
	if (ctx)
		ctx->retry_after_s = 5;
	return err_set(ctx, ERR_UNKNOWN_OUTCOME, "",
	    "the database went away while saving; look before you repeat");
}

/* Runs again, if at all, with the transaction it is a part of. */
static enum err
join_transaction(struct db *db, db_body_fn body, void *arg, struct errctx *ctx)
{
	enum err err = body(db, arg, ctx);

	if (err)
		db->failed = true;
	return err;
}

enum err
db_transaction(struct db *db, db_body_fn body, db_landed_fn landed, void *arg, struct errctx *ctx)
{
	enum err err = OK;

	if (db->in_transaction && db->around)
		return join_transaction(db, body, arg, ctx);
	assert(!db->in_transaction);
	for (int round = 0; round < TRANSACTION_TRIES; round++) {
		bool is_open = false, has_landed = false;

		if (round)
			pause_with_jitter(round);
		err_clear(ctx);
		err = try_transaction(db, body, arg, &is_open, ctx);
		if (is_open) {
			enum err asked = ask_landed(db, landed, arg, &has_landed, ctx);
			if (asked || has_landed)
				return asked;
			err = ERR_LOST;
		}
		if (err != ERR_CONFLICT && err != ERR_LOST)
			return err;
	}
	if (ctx)
		ctx->retry_after_s = 2;
	return err;
}

enum err
db_transaction_around(struct db *db, db_body_fn body, db_landed_fn landed, void *arg,
    struct errctx *ctx)
{
	assert(!db->around);
	db->around = true;
	enum err err = db_transaction(db, body, landed, arg, ctx);
	db->around = false;
	return err;
}

enum err
db_script(struct db *db, const char *sql, struct errctx *ctx)
{
	enum err err = db_connect(db, ctx);

	if (!err)
		err = run_text(db, sql, ctx);
	while (!err) {
		MYSQL_RES *result = mysql_store_result(db->mysql);

		if (result)
			mysql_free_result(result);
		int more = mysql_next_result(db->mysql);
		if (more < 0)
			return OK;
		if (more > 0)
			err = db_failure(db, mysql_errno(db->mysql), mysql_error(db->mysql),
			    "script", ctx);
	}
	return err;
}
