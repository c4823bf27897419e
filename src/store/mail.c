/* SPDX-License-Identifier: Apache-2.0 */
/* Mail about credential requests: ordering it, what goes into it, and that it was sent. */
#include "store/mail.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/job.h"
#include "store/request.h"

const char *const mail_template_names[MAIL_TEMPLATE_COUNT] = {
	[MAIL_INVITATION] = "invitation",
	[MAIL_RESEND] = "resend",
	[MAIL_DONE] = "done",
};

enum err
mail_template_find(const char *name, enum mail_template *template_out)
{
	for (unsigned i = 0; name && i < MAIL_TEMPLATE_COUNT; i++)
		if (strcmp(mail_template_names[i], name) == 0) {
			*template_out = (enum mail_template)i;
			return OK;
		}
	return ERR_VALUE;
}

/* ---- ordering ---- */

struct link_io {
	struct uuid request_id, id;
	int64_t team_id;
	struct bytes sealed;
};
static const struct col link_in[] = { COL(UUID, struct link_io, request_id),
	COL(UUID, struct link_io, id), COL(INT, struct link_io, team_id),
	COL(BYTES, struct link_io, sealed) };
static const struct stmt link_insert = { "mail_link_insert",
	"INSERT INTO mail_link (request_id, uuid, team_id, secret_sealed) VALUES (?, ?, ?, ?)",
	link_in, COL_N(link_in), NULL, 0 };
static const struct stmt link_replace = { "mail_link_replace",
	"REPLACE INTO mail_link (request_id, uuid, team_id, secret_sealed) VALUES (?, ?, ?, ?)",
	link_in, COL_N(link_in), NULL, 0 };

static struct seal_context
context_of(const struct uuid *link_id, int64_t team_id)
{
	return (struct seal_context){
		.table = "mail_link",
		.row = *link_id,
		.field = "secret",
		.team_id = team_id,
	};
}

static enum err
keep_link(struct store *store, const struct mail_invitation *invitation, struct uuid *id_out,
    struct errctx *ctx)
{
	struct link_io io = { .request_id = invitation->request_id,
		.team_id = invitation->team_id };

	uuid_make(&io.id);
	const struct seal_context context = context_of(&io.id, invitation->team_id);
	enum err err = store_seal(store, &context, invitation->secret, strlen(invitation->secret),
	    &io.sealed, ctx);
	if (!err)
		err = stmt_run(store->db, invitation->replaces ? &link_replace : &link_insert, &io,
		    NULL, ctx);
	free(io.sealed.data);
	if (!err)
		*id_out = io.id;
	return err;
}

/* `key` tells letters apart that may be on their way at the same time. */
static enum err
order(struct store *store, const struct uuid *request_id, int64_t team_id,
    enum mail_template template, const struct uuid *key, const char *call, struct errctx *ctx)
{
	char request[UUID_TEXT_SIZE], own[UUID_TEXT_SIZE], active_key[100], payload[128];
	int64_t id;

	uuid_text(request_id, request);
	uuid_text(key, own);
	snprintf(active_key, sizeof(active_key), "mail:%s:%s", mail_template_names[template], own);
	snprintf(payload, sizeof(payload), "{\"request\":\"%s\",\"template\":\"%s\"}", request,
	    mail_template_names[template]);
	const struct job_new job = {
		.kind = "mail",
		.subject = request,
		.active_key = active_key,
		.team_id = team_id,
		.max_attempts = MAIL_ATTEMPTS,
		.payload = payload,
		.request_id = call,
	};
	return job_enqueue(store, &job, &id, ctx);
}

enum err
mail_invite_in(struct store *store, const struct mail_invitation *invitation, struct errctx *ctx)
{
	struct uuid link_id;

	if (!store->mails)
		return OK;
	enum err err = keep_link(store, invitation, &link_id, ctx);
	/* a letter for each link: one that is under way holds the earlier link */
	return err ? err
		   : order(store, &invitation->request_id, invitation->team_id,
			 invitation->template, &link_id, invitation->call, ctx);
}

struct request_io {
	struct uuid id;
	int64_t team_id;
};
static const struct col request_in[] = { COL(UUID, struct request_io, id) };
static const struct col answered_out[] = { COL(INT, struct request_io, team_id) };
static const struct stmt answered = { "mail_answered",
	"SELECT r.team_id FROM credential_request r WHERE r.id = ? AND NOT EXISTS "
	"(SELECT 1 FROM credential c WHERE c.request_id = r.id "
	"AND c.state NOT IN ('authorized', 'declined'))",
	request_in, COL_N(request_in), answered_out, COL_N(answered_out) };

enum err
mail_done_in(struct store *store, const struct uuid *request_id, struct errctx *ctx)
{
	struct request_io io = { .id = *request_id };

	if (!store->mails)
		return OK;
	enum err err = stmt_one(store->db, &answered, &io, &io, ctx);
	if (err)
		return err == ERR_NOT_FOUND ? OK : err;
	return order(store, request_id, io.team_id, MAIL_DONE, request_id, NULL, ctx);
}

/* ---- for the runner ---- */

static const struct col whole_out[] = {
	COL(UUID, struct mail_subject, request_id),
	COL(INT, struct mail_subject, team_id),
	COL(TEXT, struct mail_subject, name),
	COL(TEXT, struct mail_subject, description),
	COL(TEXT, struct mail_subject, status),
	COL(TEXT, struct mail_subject, requester_name),
	COL(TEXT, struct mail_subject, requester_email),
	COL(TEXT, struct mail_subject, provider_name),
	COL(TEXT, struct mail_subject, provider_email),
	COL(TEXT, struct mail_subject, team_name),
	COL(TEXT, struct mail_subject, organization_name),
	COL(TIME, struct mail_subject, expires_at),
	COL(BOOL, struct mail_subject, expired),
	COL(INT, struct mail_subject, n_credentials),
	COL(INT, struct mail_subject, n_authorized),
	COL(INT, struct mail_subject, n_declined),
	COL(UUID, struct mail_subject, link_id),
	COL(BYTES, struct mail_subject, secret_sealed),
};
static const struct stmt subject_select = { "mail_subject",
	"SELECT r.id, r.team_id, r.name, r.description, r.status, q.name, q.email, p.name, "
	"p.email, "
	"t.name, o.name, r.expires_at, r.expires_at <= UTC_TIMESTAMP(3), COUNT(c.id), "
	"COALESCE(SUM(c.state = 'authorized'), 0), COALESCE(SUM(c.state = 'declined'), 0), "
	"l.uuid, l.secret_sealed FROM credential_request r JOIN person q ON q.id = r.requester_id "
	"JOIN person p ON p.id = r.provider_id JOIN team t ON t.id = r.team_id "
	"JOIN organization o ON o.id = t.organization_id "
	"LEFT JOIN credential c ON c.request_id = r.id "
	"LEFT JOIN mail_link l ON l.request_id = r.id WHERE r.id = ? GROUP BY r.id",
	request_in, COL_N(request_in), whole_out, COL_N(whole_out) };

void
mail_subject_free(struct mail_subject *subject)
{
	stmt_row_free(&subject_select, subject);
}

enum err
mail_subject_load(struct store *store, const struct uuid *request_id,
    struct mail_subject *subject_out, struct errctx *ctx)
{
	struct mail_subject subject = { 0 };
	enum err err = stmt_one(store->db, &subject_select, &(struct request_io){ *request_id, 0 },
	    &subject, ctx);

	if (err == ERR_NOT_FOUND)
		return err_set(ctx, err, "", "the request was deleted");
	if (!err)
		*subject_out = subject;
	return err;
}

enum err
mail_subject_open(struct store *store, const struct mail_subject *subject,
    struct secret *secret_out, struct errctx *ctx)
{
	const struct seal_context context = context_of(&subject->link_id, subject->team_id);
	enum err err = store_open(store, &context, &subject->secret_sealed, secret_out, ctx);

	/* the public pool seals new links: what it has sealed must not become a letter's text */
	if (err || request_secret_is_one(secret_text(secret_out)))
		return err;
	secret_free(secret_out);
	return err_set(ctx, ERR_INTEGRITY, "", "what is sealed for the letter is no link");
}

static const struct col end_in[] = { COL(UUID, struct mail_subject, request_id),
	COL(UUID, struct mail_subject, link_id) };
static const struct stmt link_end = { "mail_link_end",
	"DELETE FROM mail_link WHERE request_id = ? AND uuid = ?", end_in, COL_N(end_in), NULL, 0 };
static const struct col sent_in[] = { COL(UUID, struct mail_subject, request_id) };
static const struct stmt note_sent = { "mail_sent",
	"UPDATE credential_request SET email_sent_at = UTC_TIMESTAMP(3) WHERE id = ?", sent_in,
	COL_N(sent_in), NULL, 0 };

enum err
mail_link_end_in(struct store *store, const struct mail_subject *subject, bool sent,
    struct errctx *ctx)
{
	enum err err = stmt_run(store->db, &link_end, subject, NULL, ctx);

	return err || !sent ? err : stmt_run(store->db, &note_sent, subject, NULL, ctx);
}
