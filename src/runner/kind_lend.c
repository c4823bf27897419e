/* SPDX-License-Identifier: Apache-2.0 */
/* Job kind lend: send a request with a credential whose value the caller need not see. */
#include <stdlib.h>
#include <string.h>

#include "agent/aws_sign.h"
#include "agent/blot.h"
#include "agent/lend.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/crypt.h"
#include "base/json.h"
#include "net/url.h"
#include "runner/fetch.h"
#include "runner/kinds.h"
#include "runner/loop.h"
#include "runner/references.h"
#include "store/job_value.h"

#define LEND_TIMEOUT_MS (150 * 1000)
#define LEAF_LEAST 8                       /* characters; shorter ones are words of any answer */
#define BODY_MAX ((size_t)3 * 1024 * 1024) /* of an answer with the marks in it */

struct lend {
	struct credential_need need;
	struct secret value;
	json_t *definition; /* of an MTLS credential; else NULL */
	json_t *wish;       /* what the caller asked for */
	json_t *hosts;      /* allowed_hosts; NULL: none are given */
	struct http_request request;
	struct blot *blot;
	json_t *answer;
	struct job_value out;
};

static void
lend_free(void *data)
{
	struct lend *lend = data;

	credential_need_free(&lend->need);
	secret_free(&lend->value);
	json_decref(lend->definition);
	json_decref(lend->wish);
	json_decref(lend->hosts);
	http_request_free(&lend->request);
	blot_free(&lend->blot);
	json_decref(lend->answer);
	job_value_free(&lend->out);
	free(lend);
}

static enum err
lend_check(const struct job *job, json_t *payload, struct errctx *ctx)
{
	if (!fetch_subject_id(job) || json_get_int(payload, "person", 0) <= 0)
		return err_set(ctx, ERR_FIELD, "payload", "nobody asks, or for nothing");
	return OK;
}

/* The list is what the sealed definition is bound to; one that is damaged allows nothing. */
static void
read_hosts(struct lend *lend)
{
	const char *text = lend->need.subject.place.allowed_hosts;

	if (json_parse(text, strlen(text), &lend->hosts, NULL))
		lend->hosts = json_false();
	if (!json_is_array(lend->hosts) || json_array_size(lend->hosts) > 0)
		return;
	json_decref(lend->hosts);
	lend->hosts = NULL;
}

/* A list that was edited in the database must not open doors: the definition it is bound to is
 * opened first, whatever the mode. */
static enum err
open_definition(struct store *store, struct lend *lend, struct errctx *ctx)
{
	const struct fetch_subject *subject = &lend->need.subject;
	enum err err = user_credential_open(store, &subject->place, &subject->definition_sealed,
	    &lend->definition, ctx);

	if (!err)
		read_hosts(lend);
	if (!err && !strcmp(subject->place.mode, "MTLS"))
		return OK;
	json_decref(lend->definition);
	lend->definition = NULL;
	return err;
}

static enum err
open_wish(struct store *store, struct task *task, struct lend *lend, struct errctx *ctx)
{
	enum err err = job_value_open(store, task->job.id, JOB_VALUE_IN, &lend->wish, ctx);

	if (err == ERR_NOT_FOUND)
		return err_set(ctx, err, "", "the request has waited too long");
	if (!err && json_get_int(lend->wish, "credential", 0) != lend->need.subject.place.id)
		return err_set(ctx, ERR_INTEGRITY, "", "the request is for another credential");
	return err;
}

static enum err
lend_load(struct store *store, struct task *task, json_t *payload, struct errctx *ctx)
{
	struct lend *lend = xcalloc(1, sizeof(*lend));
	const struct credential_asker asker = { .job = &task->job };
	bool wait = false;
	(void)payload;

	lend->request = HTTP_REQUEST_INIT;
	task->data = lend;
	enum err err =
	    credential_need_get(store, &asker, fetch_subject_id(&task->job), &lend->need, ctx);
	if (!err)
		err = open_definition(store, lend, ctx);
	if (!err)
		err = reference_value(store, &task->job, &lend->need, &lend->value, &wait, ctx);
	if (!err && wait) {
		references_wait(task);
		return OK;
	}
	return err ? err : open_wish(store, task, lend, ctx);
}

/* ---- the request ---- */

static void
blot_member(struct blot *blot, const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);

	if (json_is_string(value))
		blot_add(blot, json_string_value(value), json_string_length(value));
}

static enum err
prepare_mtls(struct lend *lend, struct errctx *ctx)
{
	struct http_request *request = &lend->request;
	const char *certificate = json_get_text(lend->definition, "mtls_client_certificate");
	const char *key = json_get_text(lend->definition, "mtls_client_private_key");
	const char *root = json_get_text(lend->definition, "mtls_root_certificate");

	if (!certificate || !key)
		return err_set(ctx, ERR_INTEGRITY, "", "the credential has no certificate");
	if (strncasecmp(request->url, "https:", 6) != 0)
		return err_set(ctx, ERR_VALUE, "", "a certificate is presented over https only");
	request->client_certificate = xstrdup(certificate);
	request->client_key = xstrdup(key);
	request->extra_roots = root ? xstrdup(root) : NULL;
	blot_add(lend->blot, key, strlen(key));
	return OK;
}

/* Service and region as the caller says, else as the host does. */
static enum err
find_endpoint(const struct lend *lend, char service[AWS_NAME_SIZE], char region[AWS_NAME_SIZE],
    struct errctx *ctx)
{
	const json_t *aws = json_object_get(lend->wish, "aws");
	const char *said_service = json_get_text(aws, "service");
	const char *said_region = json_get_text(aws, "region");
	auto_url struct url url = { 0 };
	enum err err = url_parse(lend->request.url, &url, ctx);

	if (!err && (!said_service || !said_region))
		err = aws_endpoint_read(url.host, service, region, ctx);
	if (!err && said_service)
		snprintf(service, AWS_NAME_SIZE, "%s", said_service);
	if (!err && said_region)
		snprintf(region, AWS_NAME_SIZE, "%s", said_region);
	return err;
}

static enum err
prepare_aws(struct lend *lend, struct errctx *ctx)
{
	char service[AWS_NAME_SIZE] = "", region[AWS_NAME_SIZE] = "";
	json_auto_t *keys = NULL;
	enum err err = json_parse(secret_text(&lend->value), lend->value.len, &keys, NULL);

	if (err || !json_get_text(keys, "access_key") || !json_get_text(keys, "secret_key"))
		return err_set(ctx, ERR_VALUE, "", "there are no keys to sign with");
	blot_member(lend->blot, keys, "secret_key");
	blot_member(lend->blot, keys, "session_token");
	err = find_endpoint(lend, service, region, ctx);
	if (err)
		return err;
	const struct aws_signer signer = {
		.access_key = json_get_text(keys, "access_key"),
		.secret_key = json_get_text(keys, "secret_key"),
		.session_token = json_get_text(keys, "session_token"),
		.service = service,
		.region = region,
	};
	return aws_sign(&lend->request, &signer, clock_now_ms(), ctx);
}

/* Texts in a value that is JSON: an answer that repeats it may set it out anew. */
static void
blot_leaves(struct blot *blot, const json_t *value)
{
	union {
		const json_t *borrowed;
		json_t *iterated; /* jansson's iteration wants it writable, though it only reads */
	} tree = { .borrowed = value };
	const char *key;
	json_t *item;
	size_t i;

	if (json_string_length(value) >= LEAF_LEAST)
		blot_add(blot, json_string_value(value), json_string_length(value));
	json_array_foreach(value, i, item) blot_leaves(blot, item);
	json_object_foreach(tree.iterated, key, item) blot_leaves(blot, item);
}

/* The value, and what is as good as the value. */
static void
blot_value(struct blot *blot, const struct secret *value)
{
	const char *text = secret_text(value);
	const char *signature = strrchr(text, '.');
	json_auto_t *json = NULL;

	blot_add(blot, value->data, value->len);
	if (signature && !strncmp(text, "eyJ", 3) && strlen(signature + 1) >= LEAF_LEAST)
		blot_add(blot, signature + 1, strlen(signature + 1)); /* of a JSON Web Token */
	if (value->len && (*text == '{' || *text == '[') &&
	    !json_parse(text, value->len, &json, NULL))
		blot_leaves(blot, json);
}

static enum err
prepare_request(struct lend *lend, struct errctx *ctx)
{
	const char *mode = lend->need.subject.place.mode;
	bool aws = !strcmp(mode, "AWS"), mtls = !strcmp(mode, "MTLS");
	const struct lend_secret secret = {
		.slug = lend->need.subject.slug,
		.text = aws || mtls ? NULL : secret_text(&lend->value),
		.len = lend->value.len,
	};
	enum err err = lend_build(lend->wish, &secret, &lend->request, ctx);

	lend->blot = blot_new();
	if (err)
		return err;
	if (aws)
		return prepare_aws(lend, ctx);
	if (mtls)
		return prepare_mtls(lend, ctx);
	blot_value(lend->blot, &lend->value);
	if (json_is_array(json_object_get(lend->wish, "basic_auth"))) {
		const char *header = http_request_header(&lend->request, "Authorization");

		/* however short the secret in it is */
		blot_add(lend->blot, header + strlen("Basic "), strlen(header) - strlen("Basic "));
	}
	return OK;
}

/* ---- the answer ---- */

/* Text that JSON can say at about its own length. */
static bool
is_plain_text(const struct buf *body)
{
	size_t length = 1;

	for (size_t at = 0; at < body->len && length; at += length) {
		unsigned char c = (unsigned char)body->data[at];

		length = c < 0x20 && c != '\t' && c != '\n' && c != '\r'
			     ? 0
			     : json_utf8_length(body->data + at, body->len - at);
	}
	return length > 0;
}

/* Nothing compressed was asked for, and nothing is recognized in it. */
static bool
is_encoded(const struct http_result *result)
{
	const json_t *coding = json_object_get(result->headers, "content-encoding");
	const char *text = json_string_value(coding);

	return result->body.len > 0 && coding &&
	       (!text || (*text && strcasecmp(text, "identity") != 0));
}

/* False: it is too much with the marks in it, or to be searched. */
static bool
put_body(json_t *answer, const struct blot *blot, const struct buf *body)
{
	auto_buf struct buf blotted = BUF_INIT_SECRET(BODY_MAX);

	blot_apply(blot, buf_text(body), body->len, &blotted);
	if (blotted.over)
		return false;
	bool text = is_plain_text(&blotted);
	if (text) {
		json_put(answer, "body", json_stringn(buf_text(&blotted), blotted.len));
	} else {
		auto_wipe char *encoded = crypt_base64(buf_text(&blotted), blotted.len);
		json_put_text(answer, "body", encoded);
	}
	json_put_text(answer, "body_encoding", text ? "text" : "base64");
	return true;
}

static void
on_answer(void *arg, struct http_result *result)
{
	struct task *task = arg;
	struct lend *lend = task->data;

	if (result->err) {
		task_settle(task, JOB_FAILED, "%s", result->reason);
	} else if (is_encoded(result)) {
		task_settle(task, JOB_FAILED, "the answer is compressed, which was not asked for");
	} else {
		lend->answer = json_object();
		json_put_int(lend->answer, "status", result->status);
		json_put(lend->answer, "headers", blot_json(lend->blot, result->headers));
		json_put_int(lend->answer, "credential", lend->need.subject.place.id);
		if (put_body(lend->answer, lend->blot, &result->body))
			task_settle(task, JOB_DONE, NULL);
		else
			task_settle(task, JOB_FAILED,
			    "the answer (status %d) is too much to take the secret out of",
			    result->status);
	}
	loop_end(task);
}

static void
lend_start(struct task *task)
{
	struct lend *lend = task->data;
	struct errctx ctx = { 0 };
	int64_t left = task->deadline_ms - clock_monotonic_ms();

	if (prepare_request(lend, &ctx)) {
		task_fail(task, &ctx);
		loop_end(task);
		return;
	}
	if (lend->request.timeout_ms > left)
		lend->request.timeout_ms = left > 0 ? left : 1;
	http_client_start(loop_client(task->loop), &(struct http_call){
						       .request = &lend->request,
						       .allowed_hosts = lend->hosts,
						       .done = on_answer,
						       .arg = task,
						   });
}

static enum err
lend_prepare(struct store *store, struct task *const *tasks, size_t n, struct errctx *ctx)
{
	enum err err = OK;

	for (size_t i = 0; i < n && !err; i++) {
		struct lend *lend = tasks[i]->data;

		err = task_seal_out(store, tasks[i], lend->need.subject.place.team_id, lend->answer,
		    &lend->out, ctx);
	}
	return err;
}

static enum err
lend_save(struct store *store, const struct task *task, struct task_outcome *outcome,
    struct errctx *ctx)
{
	const struct lend *lend = task->data;

	/* the request has been sent or never will be */
	enum err err = job_value_forget(store, task->job.id, ctx);
	if (err || outcome->end != JOB_DONE || !lend->out.sealed.data)
		return err;
	return job_value_add(store, task->job.id, &lend->out, ctx);
}

const struct kind kind_lend = {
	.name = "lend",
	.timeout_ms = LEND_TIMEOUT_MS,
	.max_attempts = 1,
	.audit = "credential.lend",
	.doc = "Sends a request with a user credential for somebody who need not see its value.",
	.idempotent = "It is not, so it is attempted once: nobody but the caller knows whether the "
		      "request may be sent again.",
	.check = lend_check,
	.load = lend_load,
	.start = lend_start,
	.prepare = lend_prepare,
	.save = lend_save,
	.free = lend_free,
};
