/* SPDX-License-Identifier: Apache-2.0 */
/* The single things a request asks for: their states, and what moves them. */
#ifndef BAILEE_STORE_CREDENTIAL_H
#define BAILEE_STORE_CREDENTIAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/uuid.h"
#include "store/auth.h"
#include "store/store.h"

#define CREDENTIAL_REASON_MAX 2048 /* characters of a reason for declining */

enum credential_state {
	CREDENTIAL_PENDING,
	CREDENTIAL_AUTHORIZED,
	CREDENTIAL_DECLINED,
	CREDENTIAL_REAUTHORIZING,
	CREDENTIAL_INVALID,
	CREDENTIAL_STATE_COUNT
};
extern const char *const credential_state_names[CREDENTIAL_STATE_COUNT];

/* What can happen to a credential. */
enum credential_event {
	CREDENTIAL_AUTHORIZE,    /* a key or connection was made from it */
	CREDENTIAL_DECLINE,      /* the person or the requester said no */
	CREDENTIAL_REMOTE_GONE,  /* its key or connection was deleted */
	CREDENTIAL_TEST_FAILED,  /* the provider refuses its connection */
	CREDENTIAL_TEST_PASSED,  /* it takes it, perhaps after having refused it */
	CREDENTIAL_GRANT_BROKEN, /* the provider has ended what it had granted to its connection */
	CREDENTIAL_EVENT_COUNT
};

/* The state an event leads to. ERR_VALUE says why where it must not happen. */
enum err credential_event(enum credential_state state, enum credential_event event,
    enum credential_state *state_out, struct errctx *ctx) MUSTCHECK;
/* ERR_INTERNAL for a name that is none of them. */
enum err credential_state_parse(const char *name, enum credential_state *state_out,
    struct errctx *ctx) MUSTCHECK;

/* One credential as the database has it; texts are owned: credential_free(). */
struct credential {
	struct uuid id, request_id;
	char *component; /* "account" or "keychain" */
	char *type;      /* "key", "oauth", "basic" */
	char *name;      /* type id, such as "basicauth" */
	char *alias;     /* another name of the type, which was asked with; or NULL */
	char *label, *description;
	char *scope, *remote_scope; /* JSON arrays */
	int64_t remote_id;          /* 0: none */
	char *platform;             /* where it lives: "local" or "make"; NULL: there is none */
	char *state, *decline_reason;
	char *app_name, *app_modules /* JSON array */, *app_version, *name_override;
	int64_t created_at, updated_at; /* ms */
	int64_t team_id;                /* of its request */
	int64_t user_credential_id;     /* that it asks a person to connect; 0: none. It then never
					   has a remote: it is authorized while the grant is active */
};
void credential_free(struct credential *credential);

/* What its type is called by whoever asked. */
const char *credential_called(const struct credential *credential);

/* With credential AS c and credential_request AS r. */
#define CREDENTIAL_COLUMNS                                                                         \
	"c.id, c.request_id, c.component, c.type, c.name, c.alias, c.label, c.description, "       \
	"c.scope, "                                                                                \
	"c.remote_scope, c.remote_id, c.platform, c.state, c.decline_reason, c.app_name, "         \
	"c.app_modules, "                                                                          \
	"c.app_version, c.name_override, c.created_at, c.updated_at, r.team_id, "                  \
	"c.user_credential_id"
#define CREDENTIAL_COLS(strukt, m)                                                                 \
	COL(UUID, strukt, m.id), COL(UUID, strukt, m.request_id), COL(TEXT, strukt, m.component),  \
	    COL(TEXT, strukt, m.type), COL(TEXT, strukt, m.name), COL(TEXT, strukt, m.alias),      \
	    COL(TEXT, strukt, m.label), COL(TEXT, strukt, m.description),                          \
	    COL(TEXT, strukt, m.scope), COL(TEXT, strukt, m.remote_scope),                         \
	    COL(INT0, strukt, m.remote_id), COL(TEXT, strukt, m.platform),                         \
	    COL(TEXT, strukt, m.state), COL(TEXT, strukt, m.decline_reason),                       \
	    COL(TEXT, strukt, m.app_name), COL(TEXT, strukt, m.app_modules),                       \
	    COL(TEXT, strukt, m.app_version), COL(TEXT, strukt, m.name_override),                  \
	    COL(TIME, strukt, m.created_at), COL(TIME, strukt, m.updated_at),                      \
	    COL(INT, strukt, m.team_id), COL(INT0, strukt, m.user_credential_id)

/* The caller's view, token and membership checked in the same statement. ERR_NOT_FOUND for hidden
 * and missing ones alike. */
enum err credential_get(struct store *store, struct auth *auth, const struct uuid *id,
    struct credential *credential_out, struct errctx *ctx) MUSTCHECK;

/* Decline for a member of its team, as one transaction; `reason` may be NULL. Repeating it changes
 * the reason. A form that is still on its way to the runner is called off. The credential as it
 * is afterwards is handed out. */
enum err credential_decline(struct store *store, struct audit_entry *audit, int64_t person_id,
    const struct uuid *id, const char *reason, struct credential *credential_out,
    struct errctx *ctx) MUSTCHECK;

/* Ask, for a member of its team, that the remote of a credential be deleted: one transaction that
 * puts a job of kind remote_delete in, or joins the one that is there. `job_out` is 0 when there is
 * nothing to delete. */
enum err credential_delete_remote(struct store *store, struct audit_entry *audit, int64_t person_id,
    const struct uuid *id, int64_t *job_out, struct errctx *ctx) MUSTCHECK;

/* Whether there is a connection to be tested; else ERR_VALUE says why not. */
enum err credential_check_testable(const struct credential *credential,
    struct errctx *ctx) MUSTCHECK;
/* Ask, for a member of its team, that the connection of a credential be tested, and the credential
 * opened again when the provider refuses it: one transaction that puts a job of kind remote_test
 * in (platform_test for one that lives elsewhere), or joins the one that is there for the same
 * credential. ERR_VALUE as above. */
enum err credential_request_test(struct store *store, struct audit_entry *audit, int64_t person_id,
    const struct uuid *id, int64_t *job_out, struct errctx *ctx) MUSTCHECK;

/* As person_id: no membership is asked for. Nobody has this number. */
#define CREDENTIAL_ANYBODY (-1)
/* Inside the caller's transaction: read it for a member of its team, and lock it and its request.
 * ERR_NOT_FOUND for hidden and missing ones alike. */
enum err credential_lock_in(struct store *store, const struct uuid *id, int64_t person_id,
    struct credential *credential_out, struct errctx *ctx) MUSTCHECK;

/* ---- for the runner, which has no token ---- */

bool credential_is_remote(const struct credential *credential); /* has one that lives elsewhere */
/* There is, or was, something that came of it: a remote, or a user credential connected by it. */
bool credential_has_result(const struct credential *credential);

/* Plain read, no lock. ERR_NOT_FOUND when the request was deleted meanwhile. */
enum err credential_load(struct store *store, const struct uuid *id,
    struct credential *credential_out, struct errctx *ctx) MUSTCHECK;
/* The key or connection made from a credential. Texts are borrowed. */
struct credential_remote {
	int64_t id;
	const char *platform; /* "local" or "make" */
	const char *scope;    /* JSON array of what was granted; NULL: "[]" */
};
/* Inside the caller's transaction: lock credential and request, go by the table of states, write,
 * derive the request's status. ERR_NOT_FOUND; ERR_VALUE for a forbidden step. */
enum err credential_authorize_in(struct store *store, const struct uuid *id,
    const struct credential_remote *remote, struct errctx *ctx) MUSTCHECK;
/* Likewise, when what was made from it has been deleted: pending again. Nothing happens when the
 * credential has another remote by now, or none, and `gone_out` says so. ERR_NOT_FOUND. */
enum err credential_remote_gone_in(struct store *store, const struct uuid *id,
    const struct credential_remote *remote, bool *gone_out, struct errctx *ctx) MUSTCHECK;
/* Likewise, when the provider has refused the connection: open again, the remote is kept. Nothing
 * happens when it is another one by now. ERR_NOT_FOUND; ERR_VALUE where there was nothing to be
 * tested. */
enum err credential_test_failed_in(struct store *store, const struct uuid *id,
    const struct credential_remote *remote, bool *broken_out, struct errctx *ctx) MUSTCHECK;
/* Likewise, when the connection works: a credential that was open again is authorized. */
enum err credential_test_passed_in(struct store *store, const struct uuid *id,
    const struct credential_remote *remote, struct errctx *ctx) MUSTCHECK;
enum err credential_decline_in(struct store *store, const struct uuid *id, const char *reason,
    struct errctx *ctx) MUSTCHECK;

/* Inside the caller's transaction: credentials that point to this key or connection of ours are
 * pending again. */
enum err credential_forget_key_in(struct store *store, int64_t key_id,
    struct errctx *ctx) MUSTCHECK;
enum err credential_forget_connection_in(struct store *store, int64_t connection_id,
    struct errctx *ctx) MUSTCHECK;
/* Likewise, those that were open again because this connection of ours was refused are authorized:
 * it works. Unless one of its tokens is broken: then it does not, whatever the others are good for.
 * The caller has locked the connection or one of its grants. */
enum err credential_connection_works_in(struct store *store, int64_t connection_id,
    struct errctx *ctx) MUSTCHECK;
/* Likewise, when the provider takes its tokens no more: they are open again, the connection stays.
 * Each has its audit row. */
enum err credential_connection_broken_in(struct store *store, int64_t connection_id,
    const char *request_id, struct errctx *ctx) MUSTCHECK;

/* The same three for the grant of a user credential and the credentials that ask for it. */
enum err credential_forget_grant_in(struct store *store, int64_t user_credential_id,
    struct errctx *ctx) MUSTCHECK;
enum err credential_grant_works_in(struct store *store, int64_t user_credential_id,
    struct errctx *ctx) MUSTCHECK;
enum err credential_grant_broken_in(struct store *store, int64_t user_credential_id,
    const char *request_id, struct errctx *ctx) MUSTCHECK;

/* Inside the caller's transaction, with the request locked: derive its status from its
 * credentials. */
enum err credential_status_refresh(struct store *store, const struct uuid *request_id,
    struct errctx *ctx) MUSTCHECK;

#endif
