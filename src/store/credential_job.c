/* SPDX-License-Identifier: Apache-2.0 */
/* What callers ask the runner to do about a credential: delete its remote, test it. */
#include <stdio.h>
#include <string.h>

#include "store/credential.h"
#include "store/job.h"

#define REMOTE_ATTEMPTS 12 /* about a quarter of an hour of pauses */
#define TEST_ATTEMPTS 1    /* whoever waits for it asks again himself */

struct asking {
	const struct uuid *id;
	int64_t person_id, job_id;
};

/* The credential, locked, and the row of the audit trail about it. */
static enum err
begin(struct store *store, struct asking *asking, struct audit_entry *audit,
    struct credential *credential_out, struct errctx *ctx)
{
	enum err err =
	    credential_lock_in(store, asking->id, asking->person_id, credential_out, ctx);

	if (err)
		return err;
	audit->team_id = credential_out->team_id;
	uuid_text(asking->id, audit->subject);
	asking->job_id = 0; /* the body may run again */
	return OK;
}

static enum err
delete_body(struct store *store, void *arg, struct audit_entry *audit, struct errctx *ctx)
{
	struct asking *asking = arg;
	struct credential credential = { 0 };
	char active_key[UUID_TEXT_SIZE + 16];
	enum err err = begin(store, asking, audit, &credential, ctx);

	if (err)
		return err;
	bool any = credential_has_result(&credential);
	credential_free(&credential);
	if (!any)
		return OK;
	snprintf(active_key, sizeof(active_key), "remote_delete:%.36s", audit->subject);
	const struct job_new job = { .kind = "remote_delete",
		.subject = audit->subject,
		.active_key = active_key,
		.team_id = audit->team_id,
		.max_attempts = REMOTE_ATTEMPTS,
		.payload = "{}",
		.request_id = audit->request_id };
	return job_enqueue(store, &job, &asking->job_id, ctx);
}

enum err
credential_delete_remote(struct store *store, struct audit_entry *audit, int64_t person_id,
    const struct uuid *id, int64_t *job_out, struct errctx *ctx)
{
	struct asking asking = { id, person_id, 0 };
	enum err err = store_write(store, audit, delete_body, &asking, ctx);

	if (!err)
		*job_out = asking.job_id;
	return err;
}

enum err
credential_check_testable(const struct credential *credential, struct errctx *ctx)
{
	enum credential_state state;

	if (strcmp(credential->component, "keychain") == 0)
		return err_set(ctx, ERR_VALUE, "",
		    "a key cannot be tested: delete it remotely to have it filled in again");
	if (!credential->remote_id)
		return err_set(ctx, ERR_VALUE, "", "there is no connection that could be tested");
	enum err err = credential_state_parse(credential->state, &state, ctx);
	return err ? err : credential_event(state, CREDENTIAL_TEST_FAILED, &state, ctx);
}

/* No test that somebody else has asked for is joined: it would leave the credential alone. */
static enum err
test_body(struct store *store, void *arg, struct audit_entry *audit, struct errctx *ctx)
{
	struct asking *asking = arg;
	struct credential credential = { 0 };
	char active_key[UUID_TEXT_SIZE + 16], payload[UUID_TEXT_SIZE + 32], subject[24];
	enum err err = begin(store, asking, audit, &credential, ctx);

	if (!err)
		err = credential_check_testable(&credential, ctx);
	bool away = credential_is_remote(&credential);
	snprintf(subject, sizeof(subject), "%lld", (long long)credential.remote_id);
	credential_free(&credential);
	if (err)
		return err;
	snprintf(active_key, sizeof(active_key), "reauthorize:%.36s", audit->subject);
	snprintf(payload, sizeof(payload), "{\"credential\":\"%.36s\"}", audit->subject);
	const struct job_new job = { .kind = away ? "platform_test" : "remote_test",
		.subject = away ? audit->subject : subject,
		.active_key = active_key,
		.team_id = audit->team_id,
		.max_attempts = TEST_ATTEMPTS,
		.payload = away ? "{}" : payload,
		.request_id = audit->request_id };
	return job_enqueue(store, &job, &asking->job_id, ctx);
}

enum err
credential_request_test(struct store *store, struct audit_entry *audit, int64_t person_id,
    const struct uuid *id, int64_t *job_out, struct errctx *ctx)
{
	struct asking asking = { id, person_id, 0 };
	enum err err = store_write(store, audit, test_body, &asking, ctx);

	if (!err)
		*job_out = asking.job_id;
	return err;
}
