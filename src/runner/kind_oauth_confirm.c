/* SPDX-License-Identifier: Apache-2.0 */
/* Job kind oauth_confirm: the person has seen whose account it is: make the connection of it, or
 * give it back. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "base/log.h"
#include "catalog/catalog.h"
#include "catalog/credential_type.h"
#include "runner/item_name.h"
#include "runner/kinds.h"
#include "store/connection.h"
#include "store/credential.h"
#include "store/credential_connect.h"
#include "store/goal.h"
#include "store/oauth_grant.h"
#include "store/platform.h"

#define GROWN                                                                                      \
	"the connection has been given more rights meanwhile, which this would take away: sign "   \
	"in "                                                                                      \
	"once more"

/* task->data */
struct confirm {
	struct oauth_grant grant;
	struct credential credential;
	struct goal goal;
	const struct app_connection *type;
	json_t *parameters; /* secret */
	char *name;         /* of a connection that is new */
	bool own;           /* what is connected is a user credential */
	bool ours;          /* the grant is this credential's, and waits */
	bool accept;
};

static void
confirm_free(void *data)
{
	struct confirm *confirm = data;

	oauth_grant_free(&confirm->grant);
	credential_free(&confirm->credential);
	goal_free(&confirm->goal);
	json_decref(confirm->parameters);
	free(confirm->name);
	free(confirm);
}

static enum err
confirm_check(const struct job *job, json_t *payload, struct errctx *ctx)
{
	const char *grant = json_get_text(payload, "grant");
	struct uuid id;

	if (json_object_size(payload) != 2 || !grant || uuid_parse(grant, &id) ||
	    !json_is_boolean(json_object_get(payload, "accept")))
		return err_set(ctx, ERR_FIELD, "grant",
		    "the payload names a grant, says whether it is accepted, and nothing else");
	if (uuid_parse(job->subject, &id))
		return err_set(ctx, ERR_FIELD, "subject", "the subject is no credential's id");
	return OK;
}

/* ---- loading ---- */

static enum err
load_grant(struct store *store, struct task *task, const char *text, struct errctx *ctx)
{
	struct confirm *confirm = task->data;
	struct oauth_grant *grant = &confirm->grant;
	struct uuid id, subject = { 0 };
	enum err err = uuid_parse(text, &id);

	if (!err)
		err = uuid_parse(task->job.subject, &subject);
	if (!err)
		err = oauth_grant_load(store, &id, grant, ctx);
	if (err)
		return err;
	if (memcmp(&subject, &grant->credential_id, sizeof(subject)) != 0) {
		log_error(LOG_EVENT("integrity_error"), LOG_S("table", "oauth_grant"),
		    LOG_I("job", task->job.id));
		return err_set(ctx, ERR_INTEGRITY, "", "this was not granted for this credential");
	}
	confirm->ours = strcmp(grant->state, OAUTH_WAITING) == 0;
	confirm->own = credential_type_is(grant->connection_type);
	return OK;
}

static enum err
load_rest(struct store *store, struct confirm *confirm, struct errctx *ctx)
{
	const struct oauth_grant *grant = &confirm->grant;
	enum err err = credential_load(store, &grant->credential_id, &confirm->credential, ctx);

	if (err || confirm->own)
		return err;
	err = goal_load(store, &grant->credential_id, &confirm->goal, ctx);
	if (!err)
		err = goal_check(&confirm->goal, grant->account_id, ctx);
	if (!err)
		err = oauth_grant_parameters(store, grant, &confirm->parameters, ctx);
	if (err)
		return err;
	confirm->type = catalog_connection_type_find(kinds_catalog(), grant->connection_type);
	if (!confirm->type)
		return err_set(ctx, ERR_VALUE, "", "there is no connection type %s any more",
		    grant->connection_type);
	confirm->name = item_name(&confirm->credential, CONNECTION_NAME_MAX);
	return OK;
}

static enum err
confirm_load(struct store *store, struct task *task, json_t *payload, struct errctx *ctx)
{
	struct confirm *confirm = xcalloc(1, sizeof(*confirm));

	task->data = confirm;
	confirm->accept = json_get_bool(payload, "accept", false);
	task->silent = !confirm->accept; /* it has an audit row of its own */
	enum err err = load_grant(store, task, json_get_text(payload, "grant"), ctx);
	if (err)
		return err;
	if (!confirm->ours) {
		const struct oauth_owner *owner = &confirm->grant.owner;
		bool taken = owner->connection_id || owner->user_credential_id;
		bool done = confirm->accept == taken;

		task->silent = true;
		task_settle(task, done ? JOB_DONE : JOB_FAILED, "%s",
		    done ? "" : "there is nothing to be confirmed any more");
		return OK;
	}
	return confirm->accept ? load_rest(store, confirm, ctx) : OK;
}

/* ---- saving ---- */

/* Id and name are kept where there is a connection already. */
static enum err
make_connection(struct store *store, const struct confirm *confirm, int64_t *id_out,
    struct errctx *ctx)
{
	const struct app_connection *type = confirm->type;
	const struct oauth_grant *grant = &confirm->grant;
	const struct connection_new connection = {
		.team_id = grant->team_id,
		.name = confirm->name,
		.account_name = type->type,
		.alias = confirm->credential.alias,
		.account_label = type->label,
		.account_type = type->account_type,
		.package_name = type->app->name,
		.scopes = grant->scopes,
		.parameters = confirm->parameters,
		.metadata_value = grant->account_name,
		.uid = grant->account_id,
	};
	const struct goal *goal = &confirm->goal;
	int64_t kept_id = goal->own_id ? goal->own_id : goal->extends_id;
	enum err err = kept_id ? connection_extend_in(store, kept_id, &connection, ctx) : OK;

	if (!kept_id || (err == ERR_NO_CONNECTION && !goal->extends_id)) { /* deleted meanwhile */
		err_clear(ctx);
		return connection_create_in(store, &connection, id_out, ctx);
	}
	if (!err)
		*id_out = kept_id;
	return err;
}

/* The user credential, as it was when the person set out, and the one this link was made for. */
static enum err
find_own(struct store *store, const struct confirm *confirm, int64_t *id_out, struct errctx *ctx)
{
	const struct oauth_grant *grant = &confirm->grant;
	int64_t id = 0;
	enum err err = credential_connect_lock_in(store, &grant->callback_id, grant->team_id,
	    grant->connection_type, &id, ctx);

	if (!err && id != confirm->credential.user_credential_id)
		err = err_set(ctx, ERR_INTEGRITY, "", "this was granted for another credential");
	if (!err)
		*id_out = id;
	return err;
}

/* A right that the connection has, that could be asked for, and that the person was not asked for:
 * it came while he was on his way. */
static bool
lacks_newer(const struct confirm *confirm, const char *scopes)
{
	const struct oauth_grant *grant = &confirm->grant;
	json_auto_t *have = NULL, *asked = NULL, *given = NULL;
	bool lacks = false;

	if (json_parse(scopes, strlen(scopes), &have, NULL) ||
	    json_parse(grant->asked, strlen(grant->asked), &asked, NULL) ||
	    json_parse(grant->scopes, strlen(grant->scopes), &given, NULL))
		return false;
	for (size_t i = 0; i < json_array_size(have) && !lacks; i++) {
		const char *name = json_string_value(json_array_get(have, i));

		lacks = name && catalog_scope_words(confirm->type, name) &&
			!catalog_scope_is_granted(confirm->type, asked, name) &&
			!catalog_scope_is_granted(confirm->type, given, name);
	}
	return lacks;
}

/* Of two grants on their way to one connection the one that was asked for less must not come last
 * and take away what the other has brought. The connection is locked. */
static enum err
find_narrower(struct store *store, const struct confirm *confirm, bool *narrower_out,
    struct errctx *ctx)
{
	const struct goal *goal = &confirm->goal;
	int64_t kept_id = goal->own_id ? goal->own_id : goal->extends_id;
	auto_free char *scopes = NULL;
	enum err err = OK;

	*narrower_out = false;
	if (confirm->own || !kept_id || !confirm->grant.asked)
		return OK;
	err = connection_lock_in(store, kept_id, &scopes, ctx);
	if (err == ERR_NO_CONNECTION)
		err_clear(ctx);
	else if (err)
		return err;
	else
		*narrower_out = lacks_newer(confirm, scopes);
	return OK;
}

static enum err
accept_grant(struct store *store, const struct task *task, struct errctx *ctx)
{
	const struct confirm *confirm = task->data;
	const struct oauth_grant *grant = &confirm->grant;
	const char *request_id = task->job.request_id;
	struct oauth_owner owner = { 0 };
	enum err err = confirm->own ? find_own(store, confirm, &owner.user_credential_id, ctx)
				    : make_connection(store, confirm, &owner.connection_id, ctx);

	if (!err)
		err = oauth_grant_release_in(store, &owner, request_id, ctx);
	if (!err)
		err = oauth_grant_activate_in(store, &grant->uuid, &owner, ctx);
	if (!err)
		err = oauth_grant_end_waiting_in(store, &grant->credential_id, &grant->uuid,
		    request_id, ctx);
	const struct credential_remote remote = { .id = owner.connection_id,
		.platform = confirm->own ? NULL : PLATFORM_LOCAL_NAME,
		.scope = grant->scopes };
	return err ? err : credential_authorize_in(store, &grant->credential_id, &remote, ctx);
}

static enum err
reject_grant(struct store *store, const struct task *task, struct errctx *ctx)
{
	const struct confirm *confirm = task->data;
	struct audit_entry audit = {
		.event = "connection.reject",
		.actor = "runner",
		.request_id = task->job.request_id,
		.team_id = confirm->grant.team_id,
	};
	enum err err = oauth_grant_end_in(store, &confirm->grant.uuid, task->job.request_id, ctx);

	if (err)
		return err;
	uuid_text(&confirm->grant.credential_id, audit.subject);
	return audit_add(store, &audit, ctx);
}

/* What cannot be taken is not left to wait. */
static enum err
confirm_save(struct store *store, const struct task *task, struct task_outcome *outcome,
    struct errctx *ctx)
{
	const struct confirm *confirm = task->data;
	bool narrower = false;
	enum err err;

	if (!confirm->ours)
		return OK;
	if (outcome->end != JOB_DONE)
		return oauth_grant_end_in(store, &confirm->grant.uuid, task->job.request_id, ctx);
	if (!confirm->accept)
		return reject_grant(store, task, ctx);
	err = find_narrower(store, confirm, &narrower, ctx);
	if (err || !narrower)
		return err ? err : accept_grant(store, task, ctx);
	*outcome = (struct task_outcome){ .end = JOB_FAILED, .error = GROWN };
	return oauth_grant_end_in(store, &confirm->grant.uuid, task->job.request_id, ctx);
}

const struct kind kind_oauth_confirm = {
	.name = "oauth_confirm",
	.timeout_ms = 30 * 1000,
	.max_attempts = 5,
	.audit = "connection.authorize",
	.doc = "Makes a connection of what a provider has granted, or connects a user credential "
	       "with it, once the person has confirmed the account; else has it revoked.",
	.idempotent = "A grant becomes somebody's in the transaction that ends the job, and "
		      "only while it waits.",
	.check = confirm_check,
	.load = confirm_load,
	.save = confirm_save,
	.free = confirm_free,
};
