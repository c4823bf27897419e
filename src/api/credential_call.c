/* SPDX-License-Identifier: Apache-2.0 */
/* /api/v1/user_credentials/{id}/request and /test: lend a credential, and try its requests out. */
#include "store/job_value.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "agent/aws_sign.h"
#include "agent/lend.h"
#include "api/routes.h"
#include "api/v1.h"
#include "store/batch.h"
#include "store/fetch_token.h"
#include "store/job.h"
#include "store/user_credential.h"
#include "web/fields.h"

#define BODY_TEXT_MOST 1048576 /* characters */
#define URL_MOST 16384
#define HEADERS_MOST 100
#define TIMEOUT_MOST_S 120
#define LOST_RETRY_S 1

/* ---- a job with a sealed answer ---- */

struct asking {
	const char *kind;
	const struct user_credential_place *place;
	const struct job_value *in; /* NULL: there is nothing to be told */
	int64_t person_id, job_id;
};

static enum err
ask_body(struct store *store, void *arg, struct audit_entry *audit, struct errctx *ctx)
{
	struct asking *asking = arg;
	char subject[24], payload[96];

	snprintf(subject, sizeof(subject), "%lld", (long long)asking->place->id);
	snprintf(payload, sizeof(payload), "{\"person\":%lld}", (long long)asking->person_id);
	const struct job_new job = {
		.kind = asking->kind,
		.subject = subject,
		.team_id = asking->place->team_id,
		.max_attempts = 1,
		.payload = payload,
		.request_id = audit->request_id,
	};
	enum err err = job_enqueue(store, &job, &asking->job_id, ctx);
	if (!err && asking->in)
		err = job_value_add(store, asking->job_id, asking->in, ctx);
	if (!err && asking->in)
		err = batch_credential_uses(store, &asking->place->id, 1, ctx);
	audit->team_id = asking->place->team_id;
	snprintf(audit->subject, sizeof(audit->subject), "%s", subject);
	return err;
}

/* Put the job in, together with what it is to know and the audit row of the call. */
static enum err
put_job(struct ctx *ctx, const char *kind, const struct user_credential_place *place,
    const json_t *in, int64_t *job_out)
{
	struct asking asking = { .kind = kind, .place = place, .person_id = ctx->auth->person_id };
	struct job_value value = { 0 };
	struct api_audit audit;
	enum err err = api_require_runner(ctx);

	if (!err && in)
		err = job_value_seal(api_store(ctx), JOB_VALUE_IN, place->team_id, in, &value,
		    &ctx->err);
	if (err)
		return err;
	asking.in = in ? &value : NULL;
	api_audit_begin(ctx, &audit);
	err = store_write(api_store(ctx), &audit.entry, ask_body, &asking, &ctx->err);
	job_value_free(&value);
	if (!err)
		*job_out = asking.job_id;
	return err;
}

/* What the job has said, once. */
static enum err
answer_out(struct ctx *ctx, struct response *response, int64_t job_id, int64_t credential_id)
{
	json_t *out = NULL;
	enum err err = job_value_open(api_store(ctx), job_id, JOB_VALUE_OUT, &out, &ctx->err);

	if (err == ERR_NOT_FOUND)
		return err_set(&ctx->err, err, "", "the answer of this job is no longer there");
	if (!err && json_get_int(out, "credential", 0) != credential_id)
		err = err_set(&ctx->err, ERR_INTEGRITY, "", "an answer of another credential");
	if (!err)
		err = job_value_forget(api_store(ctx), job_id, &ctx->err);
	if (err) {
		json_decref(out);
		return err;
	}
	json_object_del(out, "credential");
	return response_json(response, out);
}

static enum err
await(struct ctx *ctx, struct response *response, int64_t job_id, int64_t credential_id,
    const char *otherwise)
{
	struct job_state state = { 0 };
	enum api_wait waited = API_WAIT_NONE;
	enum err err = api_job_wait(ctx, job_id, &waited, &state);

	if (err)
		return err;
	if (waited != API_WAIT_ENDED)
		return api_job_accepted(ctx, response, job_id, json_object());
	err = api_job_check(ctx, &state, otherwise);
	job_state_free(&state);
	return err ? err : answer_out(ctx, response, job_id, credential_id);
}

/* The call named a job: one of this person's, for this credential. */
static enum err
collect(struct ctx *ctx, struct response *response, const char *kind, int64_t job_id,
    int64_t credential_id, const char *otherwise)
{
	char subject[24];

	snprintf(subject, sizeof(subject), "%lld", (long long)credential_id);
	enum err err =
	    job_value_check(api_store(ctx), job_id, kind, subject, ctx->auth->person_id, &ctx->err);
	return err ? err : await(ctx, response, job_id, credential_id, otherwise);
}

/* ---- lending ---- */

static const struct field_spec basic_spec = { .type = FIELD_TEXT, .flags = FIELD_RAW };
static bool
is_aws_name(const char *text)
{
	return !text || aws_name_is_valid(text);
}
static const struct field_spec aws_fields[] = {
	{ .name = "service", .type = FIELD_TEXT, .least = 1, .most = AWS_NAME_SIZE - 1 },
	{ .name = "region", .type = FIELD_TEXT, .least = 1, .most = AWS_NAME_SIZE - 1 },
	{ .name = NULL },
};
static const char *const methods[] = { "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS",
	NULL };
static const struct field_spec lend_fields[] = {
	{ .name = "method", .type = FIELD_ENUM, .names = methods },
	{ .name = "url", .type = FIELD_TEXT, .flags = FIELD_RAW, .least = 1, .most = URL_MOST },
	{ .name = "headers", .type = FIELD_OBJECT, .flags = FIELD_NULLABLE, .most = HEADERS_MOST },
	{ .name = "basic_auth",
	    .type = FIELD_ARRAY,
	    .flags = FIELD_NULLABLE,
	    .least = 2,
	    .most = 2,
	    .element = &basic_spec },
	{ .name = "body", .type = FIELD_ANY },
	{ .name = "timeout",
	    .type = FIELD_INT,
	    .flags = FIELD_DIGITS,
	    .least = 1,
	    .most = TIMEOUT_MOST_S },
	{ .name = "aws", .type = FIELD_OBJECT, .flags = FIELD_NULLABLE, .fields = aws_fields },
	{ .name = "job_id",
	    .type = FIELD_INT,
	    .flags = FIELD_DIGITS | FIELD_NULLABLE,
	    .least = 1,
	    .most = INT64_MAX },
	{ .name = NULL },
};

/* Everything that can be said before it is sent; a short text stands for the secret. */
static enum err
check_wish(const struct fetch_use *use, const json_t *wish, struct errctx *ctx)
{
	const char *mode = use->place.mode;
	const json_t *aws = json_object_get(wish, "aws");
	bool hidden = !strcmp(mode, "AWS") || !strcmp(mode, "MTLS");
	const struct lend_secret secret = { use->slug, hidden ? NULL : "secret", 6 };
	auto_http_request struct http_request request = HTTP_REQUEST_INIT;

	if (!is_aws_name(json_get_text(aws, "service")) ||
	    !is_aws_name(json_get_text(aws, "region")))
		return err_set(ctx, ERR_FIELD, "aws", "must be letters, digits and hyphens");
	return lend_build(wish, &secret, &request, ctx);
}

static enum err
lend(struct ctx *ctx, struct response *response, const struct fetch_use *use, json_t *wish)
{
	int64_t job_id;
	enum err err = check_wish(use, wish, &ctx->err);

	if (err) {
		ctx->err.kind = ERR_FIELD;
		return ERR_FIELD;
	}
	json_put_int(wish, "credential", use->place.id);
	err = put_job(ctx, "lend", &use->place, wish, &job_id);
	return err ? err
		   : await(ctx, response, job_id, use->place.id, "the request could not be sent");
}

/* Request options say "post" where HTTP says POST; both are taken. */
static void
raise_method(json_t *object)
{
	const char *given = json_get_text(object, "method");
	char method[16];
	size_t len = given ? strlen(given) : 0;

	if (!len || len >= sizeof(method))
		return;
	for (size_t i = 0; i <= len; i++)
		method[i] = (char)toupper((unsigned char)given[i]);
	json_put_text(object, "method", method);
}

static enum err
post_request(struct ctx *ctx, struct response *response)
{
	struct fetch_use use = { 0 };
	json_t *object = NULL;
	int64_t id, job_id;
	enum err err = route_param_int(ctx, "id", &id);

	if (!err)
		err = request_json(ctx->req, &object, &ctx->err);
	if (!err)
		raise_method(object);
	if (!err)
		err = fetch_token_read(api_store(ctx), ctx->auth, id, &use, &ctx->err);
	if (!err)
		err = fields_check(object, lend_fields, true, "", &ctx->err);
	if (err) {
		fetch_use_free(&use);
		return err;
	}
	job_id = json_get_int(object, "job_id", 0);
	err = job_id ? collect(ctx, response, "lend", job_id, id, "the request could not be sent")
		     : lend(ctx, response, &use, object);
	fetch_use_free(&use);
	return err;
}

/* ---- trying out ---- */

static enum err
check_fetched(const struct user_credential *credential, struct errctx *ctx)
{
	static const char *const fetched[] = { "HTTP_REQUEST_AGENT", "MULTI_REQUEST", "OAUTH",
		"AWS" };

	for (size_t i = 0; i < sizeof(fetched) / sizeof(fetched[0]); i++)
		if (!strcmp(fetched[i], credential->place.mode))
			return OK;
	return err_set(ctx, ERR_VALUE, "", "a credential of mode %s makes no requests to try out",
	    credential->place.mode);
}

static enum err
post_test(struct ctx *ctx, struct response *response)
{
	static const char otherwise[] = "the requests could not be tried out";
	struct user_credential credential = { 0 };
	json_t *object = NULL;
	int64_t id, job_id = 0;
	enum err err = route_param_int(ctx, "id", &id);

	if (!err)
		err = request_json(ctx->req, &object, &ctx->err);
	if (!err)
		err = user_credential_get(api_store(ctx), ctx->auth, id, &credential, &ctx->err);
	if (!err)
		err = fields_check(object, api_job_id_fields, true, "", &ctx->err);
	if (!err && json_get_int(object, "job_id", 0)) {
		err = collect(ctx, response, "dry_run", json_get_int(object, "job_id", 0), id,
		    otherwise);
	} else if (!err) {
		err = check_fetched(&credential, &ctx->err);
		if (!err)
			err = put_job(ctx, "dry_run", &credential.place, NULL, &job_id);
		if (!err)
			err = await(ctx, response, job_id, id, otherwise);
	}
	user_credential_free(&credential);
	return err;
}

const struct route credential_call_routes[] = {
	{ .method = METHOD_POST,
	    .path = "/api/v1/user_credentials/{id}/request",
	    .scope = SCOPE_USER_CREDENTIALS_USE,
	    .audit = "credential.use",
	    .surface = SURFACE_V1,
	    .auth = AUTH_JOINED,
	    .handler = post_request,
	    .fields = lend_fields,
	    .summary = "Send a request with a credential, whose value stays here." },
	{ .method = METHOD_POST,
	    .path = "/api/v1/user_credentials/{id}/test",
	    .scope = SCOPE_USER_CREDENTIALS_WRITE,
	    .audit = "user_credential.test",
	    .surface = SURFACE_V1,
	    .auth = AUTH_JOINED,
	    .body_optional = true,
	    .handler = post_test,
	    .fields = api_job_id_fields,
	    .summary = "Run a credential's requests and tell what came of each; nothing is kept." },
	{ .path = NULL },
};
