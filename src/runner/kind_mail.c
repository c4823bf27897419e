/* SPDX-License-Identifier: Apache-2.0 */
/* Job kind mail: one letter about a credential request, handed to the mail server. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/json.h"
#include "net/mail.h"
#include "net/mail_message.h"
#include "runner/kinds.h"
#include "runner/loop.h"
#include "runner/mail_text.h"
#include "store/mail.h"

#define UNDER_WAY_MAX 8 /* connections to the mail server */
#define WAIT_MS 50      /* until the next look whether there is room */
#define SLOW_AFTER 10   /* attempts; */
#define SLOW_FACTOR 6   /* then pauses are this much longer: a server may be away for hours */

static const struct mail_server *mail_server;
static const char *public_url = "";
static atomic_uint under_way;

struct mail {
	struct mail_subject subject;
	enum mail_template template;
	struct buf message;
	struct mail_letter letter;
	bool counted; /* in under_way */
};

void
kind_mail_setup(const struct mail_server *server, const char *url)
{
	mail_server = server;
	public_url = url;
}

static void
leave(struct mail *mail)
{
	if (mail->counted)
		atomic_fetch_sub(&under_way, 1);
	mail->counted = false;
}

static void
mail_free(void *data)
{
	struct mail *mail = data;

	leave(mail); /* dropped while it was on its way */
	mail_subject_free(&mail->subject);
	buf_free(&mail->message);
	free(mail);
}

static enum err
mail_check(const struct job *job, json_t *payload, struct errctx *ctx)
{
	const char *request = json_get_text(payload, "request");
	enum mail_template template;
	struct uuid id;

	if (json_object_size(payload) != 2 || !request || uuid_parse(request, &id) ||
	    strcmp(request, job->subject) != 0)
		return err_set(ctx, ERR_FIELD, "request",
		    "the payload names no request, or another than the subject");
	if (mail_template_find(json_get_text(payload, "template"), &template))
		return err_set(ctx, ERR_FIELD, "template", "there is no such letter");
	return OK;
}

/* Only from the configuration, never from what a caller sent. */
static enum err
make_link(struct store *store, const struct mail *mail, char **link_out, struct errctx *ctx)
{
	auto_secret struct secret secret = { 0 };
	char id[UUID_TEXT_SIZE];
	enum err err = mail_subject_open(store, &mail->subject, &secret, ctx);

	if (err)
		return err;
	uuid_text(&mail->subject.request_id, id);
	*link_out = xasprintf("%s/request/%s#%s", public_url, id, secret_text(&secret));
	return OK;
}

static enum err
write_letter(struct store *store, struct task *task, struct mail *mail, struct errctx *ctx)
{
	auto_wipe char *link = NULL;
	struct mail_words words;
	enum err err = mail->template == MAIL_DONE ? OK : make_link(store, mail, &link, ctx);

	if (err)
		return err;
	mail_words_make(mail->template, &mail->subject, link, &words);
	/* the same at each attempt: whoever gets it twice can tell */
	auto_free char *id = xasprintf("%lld.%s", (long long)task->job.id, task->job.subject);
	const struct mail_text text = {
		.from = mail_server_from(mail_server),
		.to = words.to,
		.to_name = words.to_name,
		.subject = buf_text(&words.subject),
		.id = id,
		.plain = buf_text(&words.plain),
		.html = buf_text(&words.html),
		.now_ms = clock_now_ms(),
	};
	mail->message = BUF_INIT_SECRET(MAIL_MESSAGE_MAX);
	err = mail_message_build(&text, &mail->message, ctx);
	mail->letter = (struct mail_letter){
		.server = mail_server,
		.to = words.to,
		.data = buf_text(&mail->message),
		.len = mail->message.len,
	};
	mail_words_free(&words);
	return err;
}

static enum err
mail_load(struct store *store, struct task *task, json_t *payload, struct errctx *ctx)
{
	struct mail *mail = xcalloc(1, sizeof(*mail));
	struct uuid id;

	task->data = mail;
	enum err err = mail_template_find(json_get_text(payload, "template"), &mail->template);
	if (!err)
		err = uuid_parse(json_get_text(payload, "request"), &id);
	if (!err)
		err = mail_subject_load(store, &id, &mail->subject, ctx);
	if (err)
		return err;
	if (mail->template != MAIL_DONE && uuid_is_nil(&mail->subject.link_id)) {
		task->silent = true; /* a letter with this link, or a newer one, has been sent */
		task_settle(task, JOB_DONE, NULL);
		return OK;
	}
	if (!mail_server)
		return err_set(ctx, ERR_VALUE, "", "the runner knows no mail_server");
	if (mail->template != MAIL_DONE && mail->subject.expired)
		return err_set(ctx, ERR_VALUE, "", "the request has expired");
	return write_letter(store, task, mail, ctx);
}

/* ---- on the loop's thread ---- */

static void
try_later(struct task *task, const char *why)
{
	if (task->job.attempt >= task->job.max_attempts) {
		task_settle(task, JOB_FAILED, "given up after %lld attempts: %s",
		    (long long)task->job.attempt, why);
		return;
	}
	task_retry_later(task, why);
	if (task->job.attempt > SLOW_AFTER)
		task->outcome.delay_ms *= SLOW_FACTOR;
}

static void
mail_ended(void *arg, struct http_result *result)
{
	struct task *task = arg;

	leave(task->data);
	if (result->err == OK)
		task_settle(task, JOB_DONE, NULL);
	else if (mail_refused_for_good(result))
		task_settle(task, JOB_FAILED, "%s", result->reason);
	else
		try_later(task, result->reason);
	loop_end(task);
}

/* A mail server takes a few connections from one client, not hundreds. */
static void
mail_go(void *arg)
{
	struct task *task = arg;
	struct mail *mail = task->data;
	const struct http_call call = { .letter = &mail->letter, .done = mail_ended, .arg = task };

	if (atomic_load(&under_way) >= UNDER_WAY_MAX) {
		http_client_after(loop_client(task->loop), WAIT_MS, mail_go, task);
		return;
	}
	atomic_fetch_add(&under_way, 1);
	mail->counted = true;
	http_client_start(loop_client(task->loop), &call);
}

static void
mail_start(struct task *task)
{
	mail_go(task);
}

static enum err
mail_save(struct store *store, const struct task *task, struct task_outcome *outcome,
    struct errctx *ctx)
{
	const struct mail *mail = task->data;

	if (mail->template == MAIL_DONE || uuid_is_nil(&mail->subject.link_id))
		return OK;
	return mail_link_end_in(store, &mail->subject, outcome->end == JOB_DONE, ctx);
}

const struct kind kind_mail = {
	.name = "mail",
	.timeout_ms = 5 * 60 * 1000,
	.max_attempts = MAIL_ATTEMPTS,
	.audit = "request.mail",
	.doc = "Sends an invitation with its link, or word that a request has been answered.",
	.idempotent =
	    "Each attempt is noted before it begins and sends the letter at most once; when "
	    "a runner dies before the server's answer is saved, the next attempt sends it "
	    "again under the same Message-ID. The link goes with the answer, and without it "
	    "nothing is sent.",
	.check = mail_check,
	.load = mail_load,
	.start = mail_start,
	.save = mail_save,
	.free = mail_free,
};
