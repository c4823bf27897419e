/* SPDX-License-Identifier: Apache-2.0 */
/* All that the public pool may do in the database: the procedures of schema/0002_page.sql. */
#ifndef BAILEE_STORE_PAGE_H
#define BAILEE_STORE_PAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/crypt.h"
#include "base/uuid.h"
#include "store/store.h"

/* What is told for an unknown request and for a wrong secret alike. */
#define PAGE_NO_SUCH_REQUEST "no such request, or a link that is not complete"

/* What a person shows to open a request; the secret itself is not kept. */
struct page_link {
	struct uuid request;
	unsigned char hash[CRYPT_SHA256_SIZE]; /* SHA-256 of the link secret */
};

/* One credential that is asked for. The members before `id` belong to the request and are the same
 * in each row. Texts may be NULL where the schema says so. */
struct page_row {
	char *name, *description, *status;
	int64_t expires_at; /* ms */
	bool expired;
	char *requester_name, *requester_email, *team_name, *organization_name;
	int64_t team_id, generation;
	struct bytes public_key, signature; /* of the team, not verified yet */

	struct uuid id;
	char *component, *type, *type_name, *label, *credential_description;
	char *scope; /* JSON array */
	char *state, *decline_reason, *app_name, *app_version, *name_override;
	char *prefill;               /* JSON object {hard, soft}, or NULL */
	char *job_state, *job_error; /* of the newest job about it */
};

struct page_view {
	struct page_row *rows; /* at least one */
	size_t n;
};

/* What the link opens. ERR_NOT_FOUND, with one text, for an unknown request and for a wrong secret;
 * the latter is counted, and too many give ERR_RATE. An expired request is given as it is. */
enum err page_view_load(struct store *store, const struct page_link *link,
    struct page_view *view_out, struct errctx *ctx) MUSTCHECK;
void page_view_free(struct page_view *view);
#define auto_page_view __attribute__((cleanup(page_view_free)))

/* The row of a credential, NULL when the request has no such one. Borrowed. */
const struct page_row *page_view_find(const struct page_view *view, const struct uuid *credential);

/* For the audit trail. Borrowed. */
struct page_call {
	const char *address, *request_id;
};

/* Seal `text` to the team's key, after checking the key's signature, and store it with its job and
 * its audit row in one transaction. ERR_RULE: a job for the credential is under way. ERR_VALUE: it
 * has been provided. ERR_GONE: the request has ended. ERR_INTEGRITY: the team's key is not the
 * installation's; nothing is stored. */
enum err page_submit(struct store *store, const struct page_link *link, const struct page_row *row,
    const struct page_call *call, const char *text, size_t len, struct errctx *ctx) MUSTCHECK;

/* Hand a refusal over; `reason` may be NULL. Errors as page_submit(). */
enum err page_decline(struct store *store, const struct page_link *link,
    const struct uuid *credential, const char *reason, const struct page_call *call,
    struct errctx *ctx) MUSTCHECK;

/* Seconds since a runner was last seen; a large number when never. */
enum err page_runner_age_s(struct store *store, int64_t *age_out, struct errctx *ctx) MUSTCHECK;

#endif
