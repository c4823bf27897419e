/* SPDX-License-Identifier: Apache-2.0 */
/* Mail about credential requests: ordering it, what goes into it, and that it was sent. */
#ifndef BAILEE_STORE_MAIL_H
#define BAILEE_STORE_MAIL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/uuid.h"
#include "store/store.h"

#define MAIL_ATTEMPTS 30 /* then a letter is given up: about half a day */

enum mail_template {
	MAIL_INVITATION, /* to whoever is asked: the link */
	MAIL_RESEND,     /* the same with a link that replaced the earlier one */
	MAIL_DONE,       /* to the requester: everything has been answered */
	MAIL_TEMPLATE_COUNT
};
extern const char *const mail_template_names[MAIL_TEMPLATE_COUNT];
/* ERR_VALUE for an unknown name; NULL is one. */
enum err mail_template_find(const char *name, enum mail_template *template_out) MUSTCHECK;

/* ---- ordering, inside the transaction of what it is about; nothing happens unless store->mails
 * ---- */

/* Keep the link sealed, in place of an earlier one, and put the job in. `call` is the id of the
 * request that asks for it, or NULL. */
struct mail_invitation {
	struct uuid request_id;
	int64_t team_id;
	enum mail_template template;
	const char *secret; /* of the link, as it stands in it */
	const char *call;
	bool replaces; /* there may be an earlier one; needs the right to delete */
};
enum err mail_invite_in(struct store *store, const struct mail_invitation *invitation,
    struct errctx *ctx) MUSTCHECK;
/* Tell the requester when every credential of the request is authorized or declined. */
enum err mail_done_in(struct store *store, const struct uuid *request_id,
    struct errctx *ctx) MUSTCHECK;

/* ---- for the runner ---- */

/* All that a letter may say. Texts are owned: mail_subject_free(). */
struct mail_subject {
	struct uuid request_id;
	int64_t team_id;
	char *name, *description, *status;
	char *requester_name, *requester_email, *provider_name, *provider_email;
	char *team_name, *organization_name;
	int64_t expires_at;
	bool expired;
	int64_t n_credentials, n_authorized, n_declined;
	struct uuid link_id; /* nil: no link waits for its mail */
	struct bytes secret_sealed;
};
void mail_subject_free(struct mail_subject *subject);

/* ERR_NOT_FOUND when the request was deleted. */
enum err mail_subject_load(struct store *store, const struct uuid *request_id,
    struct mail_subject *subject_out, struct errctx *ctx) MUSTCHECK;
/* The link's secret. ERR_INTEGRITY: it does not open, or is no such secret. */
enum err mail_subject_open(struct store *store, const struct mail_subject *subject,
    struct secret *secret_out, struct errctx *ctx) MUSTCHECK;
/* Inside the transaction that ends the job: the link goes, unless a newer one has taken its place;
 * when it was sent, that is noted. */
enum err mail_link_end_in(struct store *store, const struct mail_subject *subject, bool sent,
    struct errctx *ctx) MUSTCHECK;

#endif
