/* SPDX-License-Identifier: Apache-2.0 */
/* Job kind fulfil: make a key from a form that a person filled in. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "base/log.h"
#include "catalog/key_types.h"
#include "runner/kinds.h"
#include "store/credential.h"
#include "store/keychain.h"
#include "store/submission.h"

struct fulfil {
	struct submission submission;
	struct credential credential;
	json_t *form; /* {"credential", "fields"}; secret */
};

static void
fulfil_free(void *data)
{
	struct fulfil *fulfil = data;

	submission_free(&fulfil->submission);
	credential_free(&fulfil->credential);
	json_decref(fulfil->form);
	free(fulfil);
}

static enum err
fulfil_check(const struct job *job, json_t *payload, struct errctx *ctx)
{
	const char *submission = json_get_text(payload, "submission");
	struct uuid id;

	if (json_object_size(payload) != 1 || !submission || uuid_parse(submission, &id))
		return err_set(ctx, ERR_FIELD, "submission",
		    "the payload names no submission and that only");
	if (uuid_parse(job->subject, &id))
		return err_set(ctx, ERR_FIELD, "subject", "the subject is no credential's id");
	return OK;
}

/* The row, the job and what was sealed must speak of the same credential. */
static enum err
check_identity(const struct task *task, const struct fulfil *fulfil, const char *inner,
    struct errctx *ctx)
{
	struct uuid subject, sealed;

	if (uuid_parse(task->job.subject, &subject) == OK && inner &&
	    uuid_parse(inner, &sealed) == OK &&
	    memcmp(&subject, &fulfil->submission.credential_id, sizeof(subject)) == 0 &&
	    memcmp(&sealed, &subject, sizeof(subject)) == 0 &&
	    fulfil->credential.team_id == fulfil->submission.team_id)
		return OK;
	log_error(LOG_EVENT("integrity_error"), LOG_S("table", "submission"),
	    LOG_I("job", task->job.id));
	return err_set(ctx, ERR_INTEGRITY, "", "the form was not made for this credential");
}

/* All that is wrong with the fields, in one text for the page. */
static void
settle_bad_fields(struct task *task, const struct errctx *ctx)
{
	char text[ERR_TEXT_MAX];
	int at = snprintf(text, sizeof(text), "the form was not accepted: ");

	for (unsigned i = 0; i < ctx->n_sub && at > 0 && (size_t)at < sizeof(text); i++)
		at += snprintf(text + at, sizeof(text) - (size_t)at, "%s%s%s%s", i ? "; " : "",
		    ctx->sub[i].path, *ctx->sub[i].path ? ": " : "", ctx->sub[i].text);
	task_settle(task, JOB_FAILED, "%s", text);
}

static enum err
check_fields(struct task *task, struct fulfil *fulfil)
{
	const struct key_type *type = key_type_find(fulfil->credential.name);
	json_t *fields = json_object_get(fulfil->form, "fields");
	struct errctx ctx = { 0 };

	if (!type || strcmp(fulfil->credential.component, "keychain") != 0) {
		task_settle(task, JOB_FAILED, "a credential of type %s cannot be given by a form",
		    fulfil->credential.name);
		return OK;
	}
	if (key_type_check(type, fields, "", &ctx))
		settle_bad_fields(task, &ctx);
	return OK;
}

static enum err
open_form(struct store *store, struct fulfil *fulfil, struct errctx *ctx)
{
	auto_secret struct secret text = { 0 };
	enum err err = submission_open(store, &fulfil->submission, &text, ctx);

	if (!err && json_parse(secret_text(&text), text.len, &fulfil->form, NULL))
		err = err_set(ctx, ERR_INTEGRITY, "", "the form is damaged");
	return err;
}

static enum err
fulfil_load(struct store *store, struct task *task, json_t *payload, struct errctx *ctx)
{
	struct fulfil *fulfil = xcalloc(1, sizeof(*fulfil));
	struct uuid id;

	task->data = fulfil;
	enum err err = uuid_parse(json_get_text(payload, "submission"), &id);
	if (!err)
		err = submission_load(store, &id, &fulfil->submission, ctx);
	if (!err)
		err = credential_load(store, &fulfil->submission.credential_id, &fulfil->credential,
		    ctx);
	if (err)
		return err;
	if (!fulfil->submission.fields_sealed.data) {
		bool done = strcmp(fulfil->credential.state, "authorized") == 0;

		task_settle(task, done ? JOB_DONE : JOB_FAILED, "%s",
		    done ? "" : "the form was taken back");
		return OK;
	}
	err = open_form(store, fulfil, ctx);
	if (!err)
		err = check_identity(task, fulfil, json_get_text(fulfil->form, "credential"), ctx);
	return err ? err : check_fields(task, fulfil);
}

/* What lists show: the requester's wish, else label and app. */
static void
key_name(const struct credential *credential, char *out, size_t size)
{
	if (credential->name_override && *credential->name_override)
		snprintf(out, size, "%s", credential->name_override);
	else
		snprintf(out, size, "%s (%s)", credential->label, credential->app_name);
	size_t at = 0, chars = 0, length;
	while (out[at] && chars < KEYCHAIN_NAME_MAX &&
	       (length = json_utf8_length(out + at, strlen(out + at))) > 0) {
		at += length;
		chars++;
	}
	out[at] = '\0';
}

static enum err
make_key(struct store *store, const struct fulfil *fulfil, struct errctx *ctx)
{
	char name[KEYCHAIN_NAME_MAX * 4 + 600];
	const struct keychain_new key = {
		.team_id = fulfil->submission.team_id,
		.name = name,
		.type_name = fulfil->credential.name,
		.parameters = json_object_get(fulfil->form, "fields"),
	};
	int64_t key_id = 0;

	key_name(&fulfil->credential, name, sizeof(name));
	enum err err = keychain_create_in(store, &key, &key_id, ctx);
	return err ? err
		   : credential_authorize_in(store, &fulfil->submission.credential_id, key_id, "[]",
			 ctx);
}

static enum err
fulfil_save(struct store *store, const struct task *task, struct task_outcome *outcome,
    struct errctx *ctx)
{
	const struct fulfil *fulfil = task->data;
	bool makes = outcome->end == JOB_DONE && fulfil->submission.fields_sealed.data;
	bool wiped = false;

	enum err err = makes ? make_key(store, fulfil, ctx) : OK;
	if (!err)
		err = submission_wipe_in(store, &fulfil->submission.id, &wiped, ctx);
	if (!err && makes && !wiped)
		err = err_set(ctx, ERR_VALUE, "", "the form was taken back");
	return err;
}

const struct kind kind_fulfil = {
	.name = "fulfil",
	.timeout_ms = 30 * 1000,
	.max_attempts = 5,
	.audit = "credential.authorize",
	.doc = "Opens and checks a form, makes a key of it and authorizes the credential.",
	.idempotent = "The key is made in the transaction that wipes the form and ends the job; a "
		      "form that is wiped already makes nothing.",
	.check = fulfil_check,
	.load = fulfil_load,
	.save = fulfil_save,
	.free = fulfil_free,
};
