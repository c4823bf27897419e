/* SPDX-License-Identifier: Apache-2.0 */
/* Connections: accounts at providers, with the fields of their type sealed to the team. */
#ifndef BAILEE_STORE_CONNECTION_H
#define BAILEE_STORE_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "base/uuid.h"
#include "store/auth.h"
#include "store/list_page.h"
#include "store/store.h"

#define CONNECTION_NAME_MAX 128    /* characters that a caller may choose */
#define CONNECTION_ACCOUNT_MAX 255 /* characters of an account's name or id */

/* What lists show; the parameters are never read with it. Texts are owned: connection_free(). */
struct connection {
	int64_t id, team_id, organization_id;
	char *name;
	char *account_name, *account_label, *account_type; /* type id, its label, basic or oauth */
	char *alias;        /* another name of the type, which was asked with; or NULL */
	char *package_name; /* app, or NULL */
	char *metadata_type, *metadata_value, *uid; /* of the account, or NULL */
	char *scopes;                               /* JSON array */
	int64_t expires_at;                         /* ms; 0: nobody says */
	char *tokens; /* JSON array of {"name", "state"}, not in lists; NULL: none */
};
void connection_free(struct connection *connection);
/* What its type is called by whoever asked for it. */
const char *connection_called(const struct connection *connection);

/* With connection AS x and its team AS t. */
#define CONNECTION_COLUMNS                                                                         \
	"x.id, x.team_id, t.organization_id, x.name, x.account_name, x.alias, x.account_label, "   \
	"x.account_type, x.package_name, x.metadata_type, x.metadata_value, x.uid, x.scopes, "     \
	"x.expires_at"
#define CONNECTION_COLS(strukt, m)                                                                 \
	COL(INT, strukt, m.id), COL(INT, strukt, m.team_id), COL(INT, strukt, m.organization_id),  \
	    COL(TEXT, strukt, m.name), COL(TEXT, strukt, m.account_name),                          \
	    COL(TEXT, strukt, m.alias), COL(TEXT, strukt, m.account_label),                        \
	    COL(TEXT, strukt, m.account_type), COL(TEXT, strukt, m.package_name),                  \
	    COL(TEXT, strukt, m.metadata_type), COL(TEXT, strukt, m.metadata_value),               \
	    COL(TEXT, strukt, m.uid), COL(TEXT, strukt, m.scopes), COL(TIME, strukt, m.expires_at)

/* Of one connection, what its grants are called and how they stand. */
#define CONNECTION_TOKENS                                                                          \
	"(SELECT JSON_ARRAYAGG(JSON_OBJECT('name', g.token_name, 'state', g.state) "               \
	"ORDER BY g.main_uuid IS NOT NULL, g.token_name) FROM oauth_grant g "                      \
	"WHERE g.connection_id = x.id AND g.team_id = x.team_id)"

struct connection_filter {
	int64_t team_id;
	const char *types; /* type ids with commas between, or NULL: any */
};

/* One statement each, token and membership included; by name, and descending when the page says so.
 * ERR_NOT_MEMBER; the array is owned: connection_list_free(). */
enum err connection_list(struct store *store, struct auth *auth,
    const struct connection_filter *filter, struct list_page *page,
    struct connection **connections_out, size_t *n_out, struct errctx *ctx) MUSTCHECK;
void connection_list_free(struct connection **connections, size_t n);
/* ERR_NO_CONNECTION for hidden and missing ones alike, here and below. */
enum err connection_get(struct store *store, struct auth *auth, int64_t id,
    struct connection *connection_out, struct errctx *ctx) MUSTCHECK;

/* ---- making and changing ---- */

/* What to make. The parameters have been checked against their type. All borrowed. */
struct connection_new {
	int64_t team_id;
	const char *name, *account_name, *account_label, *account_type, *package_name;
	const char *alias;  /* or NULL */
	const char *scopes; /* JSON array */
	const json_t *parameters;
	/* what a test call has told already; NULL: nothing */
	const char *metadata_value, *uid;
};
/* Inside the caller's transaction; no membership is asked for. A name that is too long is cut. */
enum err connection_create_in(struct store *store, const struct connection_new *connection,
    int64_t *id_out, struct errctx *ctx) MUSTCHECK;
/* The same into a connection that is there: it keeps id, name and alias. ERR_NO_CONNECTION when it
 * is gone or no connection of this type and team. */
enum err connection_extend_in(struct store *store, int64_t id,
    const struct connection_new *connection, struct errctx *ctx) MUSTCHECK;
/* As one transaction for a member of the team; ERR_NOT_MEMBER. */
enum err connection_create(struct store *store, struct audit_entry *audit, int64_t person_id,
    const struct connection_new *connection, struct connection *connection_out,
    struct errctx *ctx) MUSTCHECK;

struct connection_change {
	int64_t id, person_id;
	const char *name;         /* NULL: unchanged */
	const json_t *parameters; /* NULL: unchanged; else they take the place of the old ones, and
				     what was known about the account is forgotten */
};
/* One transaction; `connection_out` is how it is afterwards. */
enum err connection_update(struct store *store, struct audit_entry *audit,
    const struct connection_change *change, struct connection *connection_out,
    struct errctx *ctx) MUSTCHECK;
/* Credentials authorized with it are pending again, and what its provider has granted is to be
 * revoked by a job, in the same transaction. ERR_CONFIRM unless
 * `confirmed`, for connections the person may see. */
enum err connection_delete(struct store *store, struct audit_entry *audit, int64_t person_id,
    int64_t id, bool confirmed, struct errctx *ctx) MUSTCHECK;

/* Put in the job that tests it, for a member of its team; one that is under way is joined. */
enum err connection_test_enqueue(struct store *store, struct audit_entry *audit, int64_t person_id,
    int64_t id, int64_t *job_out, struct errctx *ctx) MUSTCHECK;

/* ---- for the runner, which has no token ---- */

/* A connection with its parameters opened: a JSON object, secret. connection_use_free(). */
struct connection_use {
	struct connection connection;
	struct uuid uuid;
	struct bytes sealed; /* as they were when they were opened */
	json_t *parameters;
};
enum err connection_open(struct store *store, int64_t id, struct connection_use *use_out,
    struct errctx *ctx) MUSTCHECK;
void connection_use_free(struct connection_use *use);
/* Inside the caller's transaction: lock it; its scopes (JSON array) are the caller's.
 * ERR_NO_CONNECTION. */
enum err connection_lock_in(struct store *store, int64_t id, char **scopes_out,
    struct errctx *ctx) MUSTCHECK;
/* Inside the caller's transaction, with the connection locked: these are its fields now. */
enum err connection_refill_in(struct store *store, int64_t id, int64_t team_id,
    const json_t *parameters, struct errctx *ctx) MUSTCHECK;
/* Inside the caller's transaction: note whose account it is, as a test has told; texts that are too
 * long are cut, NULL leaves what is there. Nothing happens when the parameters have been changed
 * meanwhile. */
enum err connection_note_account_in(struct store *store, const struct connection_use *use,
    const char *metadata_value, const char *uid, struct errctx *ctx) MUSTCHECK;
/* Inside the caller's transaction: lock it; whether it is there with the parameters it was opened
 * with, so that what a test has told is true of it. */
enum err connection_is_same_in(struct store *store, const struct connection_use *use,
    bool *same_out, struct errctx *ctx) MUSTCHECK;

#endif
