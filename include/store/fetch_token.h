/* SPDX-License-Identifier: Apache-2.0 */
/* Fetched tokens: the cached one of each credential, what a fetch needs, and the log of fetches. */
#ifndef BAILEE_STORE_FETCH_TOKEN_H
#define BAILEE_STORE_FETCH_TOKEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/secret.h"
#include "store/user_credential.h"

/* ---- for askers ---- */

/* A credential as somebody may use it who need not see it. Owned; fetch_use_free(). */
struct fetch_use {
	struct user_credential_place place;
	char *slug;
	int64_t version;
	int64_t expires_at;              /* of the credential, as told by its owner; ms, 0: null */
	struct bytes definition_sealed;  /* of TEXT and JWT only; else data is NULL */
	struct bytes token_sealed;       /* the cached token while it is fresh; else data is NULL */
	int64_t fetched_at, fresh_until; /* ms; of the cached token */
	int64_t ahead_at;         /* when a fetch of the next one was last put in; 0: not yet */
	int64_t token_expires_at; /* likewise, as it or the answer said; 0: nobody said */
};
void fetch_use_free(struct fetch_use *use);

/* A cached token is handed out while at least this much of its life is left. */
#define FETCH_MARGIN_S 5

/* Token, scope, right to use, and the cached token in one statement. Who may use it: members of the
 * owning team; GLOBAL: members of any team of that organization; SPECIFIC_TEAMS: of the teams
 * listed. ERR_NOT_FOUND for hidden and missing alike. */
enum err fetch_token_read(struct store *store, struct auth *auth, int64_t credential_id,
    struct fetch_use *use_out, struct errctx *ctx) MUSTCHECK;
/* How long the token of a fetch can be had by those who waited for its job. */
#define FETCH_COLLECT_S 60
/* The token that fetch `job_id` (or a later one) brought within FETCH_COLLECT_S, fresh or not, but
 * never with less than FETCH_MARGIN_S to live; for callers that waited for that job, after
 * fetch_token_read() let them. ERR_NOT_FOUND (without a
 * text) when there is none: not yet, no more, or the credential was changed meanwhile. */
enum err fetch_token_by_job(struct store *store, int64_t credential_id, int64_t job_id,
    struct fetch_use *use_out, struct errctx *ctx) MUSTCHECK;
/* The cached token of `use`, opened: UTF-8 text. */
enum err fetch_token_open(struct store *store, const struct fetch_use *use,
    struct secret *token_out, struct errctx *ctx) MUSTCHECK;

/* ---- for the runner ---- */

/* All a fetch needs, in one statement. Owned; fetch_subject_free(). */
struct fetch_subject {
	struct user_credential_place
	    place; /* user_credential_open(store, &place, &definition_sealed, …) */
	char *name, *slug, *metadata; /* metadata: JSON object of texts */
	int64_t http_request_ttl;     /* s; 0: none */
	int64_t version;
	int64_t fetched_at; /* ms; of the token that is fresh, 0: there is none. An earlier fetch
			     * may have ended just before this one was put in. */
	struct bytes definition_sealed;
};
void fetch_subject_free(struct fetch_subject *subject);
/* ERR_NOT_FOUND when the credential is gone. */
enum err fetch_subject_load(struct store *store, int64_t credential_id,
    struct fetch_subject *subject_out, struct errctx *ctx) MUSTCHECK;

/* Seal the token (UTF-8 text) for fetch_token_put(); the caller frees out->data. Outside of a
 * transaction. */
enum err fetch_token_seal(struct store *store, const struct fetch_subject *subject,
    const void *token, size_t len, struct bytes *out, struct errctx *ctx) MUSTCHECK;
/* Inside the transaction that ends the job: keep the token in place of the one before. ERR_STALE
 * when the credential is gone or its version has moved on: nothing is kept. `keep_s` 0: only the
 * callers that waited for this job get it. `expires_s`: until the token itself ends; 0: unknown. */
enum err fetch_token_put(struct store *store, const struct fetch_subject *subject, int64_t job_id,
    const struct bytes *sealed, int64_t keep_s, int64_t expires_s, struct errctx *ctx) MUSTCHECK;

/* ---- the log ---- */

/* Texts are borrowed when added, and belong to the page when read. */
struct fetch_log {
	int64_t id, credential_id, job_id;
	int64_t started_at; /* ms */
	int64_t duration_ms;
	const char *outcome; /* "fetched" or "failed" */
	const char *reason;  /* why it failed: no secret, no body; at most 512 characters; NULL */
	const char *steps;   /* JSON array: status and milliseconds per request */
	const char *request_id; /* of the call that asked; NULL */
};
/* Alone or inside a transaction. OK as well when the credential is gone: nobody is left to read. */
enum err fetch_log_add(struct store *store, const struct fetch_log *entry,
    struct errctx *ctx) MUSTCHECK;

/* A page, newest first, for members of the owning team; one statement. ERR_NOT_FOUND for hidden and
 * missing alike. */
struct fetch_log_filter {
	int64_t credential_id;
	int64_t limit, offset;
};
struct fetch_log_page {
	struct fetch_log *rows; /* owned; fetch_log_page_free() */
	size_t n;
	int64_t total;
};
enum err fetch_log_list(struct store *store, struct auth *auth,
    const struct fetch_log_filter *filter, struct fetch_log_page *page_out,
    struct errctx *ctx) MUSTCHECK;
void fetch_log_page_free(struct fetch_log_page *page);

#endif
