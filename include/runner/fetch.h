/* SPDX-License-Identifier: Apache-2.0 */
/* One fetch of a token: its requests one after the other, each seeing the answers before it. */
#ifndef BAILEE_RUNNER_FETCH_H
#define BAILEE_RUNNER_FETCH_H

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "base/buf.h"
#include "base/secret.h"
#include "formula/formula.h"
#include "net/cookie.h"
#include "net/http_client.h"
#include "net/http_request.h"
#include "runner/fetch_life.h"
#include "runner/references.h"
#include "runner/task.h"
#include "store/fetch_token.h"
#include "store/job_value.h"

#define FETCH_REQUESTS_MAX 8
#define FETCH_RETRY_BASE_MS 250
#define FETCH_RETRY_MOST_MS 30000 /* of a pause nobody asked for; Retry-After may ask for more */

/* One request and what came of it. */
struct fetch_step {
	int attempts;
	int64_t started_ms, ms;           /* monotonic; all attempts and pauses */
	struct formula_response response; /* borrows from the three below */
	json_t *headers, *body_json;
	struct buf body;
	json_t *trace; /* of a dry run */
};

/* task->data of a fetch. */
struct fetch {
	struct fetch_subject subject;
	json_t *plan;  /* of fetch_plan_make() */
	json_t *roots; /* what every formula sees; "secret" changes from request to request */

	struct references references;
	json_t *hosts; /* that the credentials in the request under way may go to; NULL: any */

	struct cookie_jar *jar;
	struct http_request request; /* the one under way */
	int64_t timeout_ms;          /* of one attempt of it, as its options say */
	struct fetch_step steps[FETCH_REQUESTS_MAX];
	const struct formula_response *responses[FETCH_REQUESTS_MAX];
	size_t n_requests, at;
	int64_t started_at; /* wall clock */

	/* Of a dry run: called in place of loop_end(), when the task is settled. */
	void (*ended)(struct task *task);
	json_t *trace; /* what it made of it */
	struct job_value out;
	struct uuid grant; /* that the token was taken from; nil: it was fetched by requests */
	int64_t generation;

	struct secret token;
	struct fetch_life life;
	struct bytes sealed;
};

/* Kind's `start`: takes subject, plan and roots as loaded, ends with the token or a reason
 * that names request index, status and cause, never a secret, URL or body. */
void fetch_start(struct task *task);

/* For kind dry_run as well: open the definition, make the plan, and see to all that it needs. May
 * settle the task. */
enum err fetch_open(struct store *store, struct task *task, struct errctx *ctx) MUSTCHECK;
/* The credential's id that is the subject of a job; 0 when it is none. */
int64_t fetch_subject_id(const struct job *job);
struct fetch *fetch_new(struct task *task);
void fetch_free(void *data);

/* [{"status":200,"ms":12}, …] of the requests begun; "attempts" where there was more than one. The
 * caller frees it. */
char *fetch_steps_text(const struct fetch *fetch);

/* How long to wait before attempt `attempts` + 1: full jitter, or what Retry-After (seconds or
 * HTTP-date, RFC 9110 section 10.2.3; NULL: none) asks for if that is longer. */
int64_t fetch_pause_ms(int attempts, const char *retry_after);

/* Whether a body is worth reading as JSON: its media type says so, or it begins like it. */
bool fetch_looks_like_json(const json_t *headers, const char *body, size_t len);

#endif
