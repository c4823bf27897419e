/* SPDX-License-Identifier: Apache-2.0 */
/* What credentials have led to goes away, breaks, or turns out to work: all that point to it. */
#include <stdbool.h>
#include <string.h>

#include "store/credential.h"
#include "store/credential_parts.h"

struct remote_in {
	const char *component; /* NULL: remote_id is a user credential's */
	int64_t remote_id;
};
struct load_row {
	struct credential credential;
};
static const struct col load_out[] = { CREDENTIAL_COLS(struct load_row, credential) };
static const struct col remote_in[] = { COL(TEXT, struct remote_in, component),
	COL(INT, struct remote_in, remote_id) };
static const struct stmt of_remote = { "credential_of_remote",
	"SELECT " CREDENTIAL_COLUMNS " FROM credential c "
	"JOIN credential_request r ON r.id = c.request_id "
	"WHERE c.component = ? AND c.remote_id = ? AND COALESCE(c.platform, 'local') = 'local' "
	"FOR UPDATE",
	remote_in, COL_N(remote_in), load_out, COL_N(load_out) };

static const struct col asker_in[] = { COL(INT, struct remote_in, remote_id) };
static const struct stmt of_user_credential = { "credential_of_user_credential",
	"SELECT " CREDENTIAL_COLUMNS " FROM credential c "
	"JOIN credential_request r ON r.id = c.request_id WHERE c.user_credential_id = ? FOR "
	"UPDATE",
	asker_in, COL_N(asker_in), load_out, COL_N(load_out) };

static enum err
audit_broken(struct store *store, const struct credential *credential, const char *request_id,
    struct errctx *ctx)
{
	struct audit_entry audit = {
		.event = "credential.reauthorizing",
		.actor = "runner",
		.request_id = request_id,
		.team_id = credential->team_id,
	};

	if (strcmp(credential->state, credential_state_names[CREDENTIAL_AUTHORIZED]) != 0)
		return OK;
	uuid_text(&credential->id, audit.subject);
	return audit_add(store, &audit, ctx);
}

static enum err
step_all_of_remote(struct store *store, const struct remote_in *in, enum credential_event event,
    const char *request_id, struct errctx *ctx)
{
	const struct stmt *stmt = in->component ? &of_remote : &of_user_credential;
	const struct credential_step step = { .event = event };
	void *rows = NULL;
	size_t n = 0;
	enum err err = stmt_all(store->db, stmt, in, sizeof(struct load_row), &rows, &n, ctx);

	for (size_t i = 0; i < n && !err; i++) {
		const struct credential *credential = &((struct load_row *)rows)[i].credential;

		if (event == CREDENTIAL_TEST_PASSED && !credential_is_broken(credential))
			continue;
		err = credential_step_in(store, credential, &step, ctx);
		if (!err && event == CREDENTIAL_GRANT_BROKEN)
			err = audit_broken(store, credential, request_id, ctx);
	}
	stmt_rows_free(stmt, sizeof(struct load_row), &rows, n);
	return err;
}

enum err
credential_forget_grant_in(struct store *store, int64_t user_credential_id, struct errctx *ctx)
{
	return step_all_of_remote(store, &(struct remote_in){ NULL, user_credential_id },
	    CREDENTIAL_REMOTE_GONE, NULL, ctx);
}

enum err
credential_grant_works_in(struct store *store, int64_t user_credential_id, struct errctx *ctx)
{
	return step_all_of_remote(store, &(struct remote_in){ NULL, user_credential_id },
	    CREDENTIAL_TEST_PASSED, NULL, ctx);
}

enum err
credential_grant_broken_in(struct store *store, int64_t user_credential_id, const char *request_id,
    struct errctx *ctx)
{
	return step_all_of_remote(store, &(struct remote_in){ NULL, user_credential_id },
	    CREDENTIAL_GRANT_BROKEN, request_id, ctx);
}

enum err
credential_forget_key_in(struct store *store, int64_t key_id, struct errctx *ctx)
{
	return step_all_of_remote(store, &(struct remote_in){ "keychain", key_id },
	    CREDENTIAL_REMOTE_GONE, NULL, ctx);
}

enum err
credential_forget_connection_in(struct store *store, int64_t connection_id, struct errctx *ctx)
{
	return step_all_of_remote(store, &(struct remote_in){ "account", connection_id },
	    CREDENTIAL_REMOTE_GONE, NULL, ctx);
}

/* Those that are about to break are waited for. */
struct state_row {
	bool broken;
};
static const struct col state_out[] = { COL(BOOL, struct state_row, broken) };
static const struct stmt state_select = { "credential_grants_of_connection",
	"SELECT g.state = 'broken' FROM oauth_grant g WHERE g.connection_id = ? LOCK IN SHARE MODE",
	asker_in, COL_N(asker_in), state_out, COL_N(state_out) };

static enum err
has_broken_grant(struct store *store, int64_t connection_id, bool *has_out, struct errctx *ctx)
{
	const struct remote_in in = { .remote_id = connection_id };
	void *rows = NULL;
	size_t n = 0;
	bool has = false;
	enum err err =
	    stmt_all(store->db, &state_select, &in, sizeof(struct state_row), &rows, &n, ctx);

	for (size_t i = 0; i < n; i++)
		has = has || ((const struct state_row *)rows)[i].broken;
	stmt_rows_free(&state_select, sizeof(struct state_row), &rows, n);
	*has_out = has;
	return err;
}

enum err
credential_connection_works_in(struct store *store, int64_t connection_id, struct errctx *ctx)
{
	bool broken = false;
	enum err err = has_broken_grant(store, connection_id, &broken, ctx);

	if (err || broken)
		return err;
	return step_all_of_remote(store, &(struct remote_in){ "account", connection_id },
	    CREDENTIAL_TEST_PASSED, NULL, ctx);
}

enum err
credential_connection_broken_in(struct store *store, int64_t connection_id, const char *request_id,
    struct errctx *ctx)
{
	return step_all_of_remote(store, &(struct remote_in){ "account", connection_id },
	    CREDENTIAL_GRANT_BROKEN, request_id, ctx);
}
