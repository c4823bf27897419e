/* SPDX-License-Identifier: Apache-2.0 */
/* What is done at the platform of a team, as calls to its API: building a call, reading its answer.
 * Sending it is the caller's. */
#ifndef BAILEE_PLATFORM_PLATFORM_H
#define BAILEE_PLATFORM_PLATFORM_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "base/secret.h"
#include "net/http_client.h"
#include "net/http_request.h"
#include "store/store.h"

#define PLATFORM_CALL_MS 20000 /* of one attempt */

enum platform_kind { PLATFORM_LOCAL, PLATFORM_MAKE };

/* Zero: local. platform_free(). */
struct platform {
	enum platform_kind kind;
	char *base_url; /* up to and with /api/v2, no slash at its end */
	int64_t remote_team_id;
	struct secret token;
};
/* Outside a transaction. ERR_NOT_FOUND: no such team; ERR_INTEGRITY. */
enum err platform_load(struct store *store, int64_t team_id, struct platform *platform_out,
    struct errctx *ctx) MUSTCHECK;
void platform_free(struct platform *platform);

enum platform_step {
	PLATFORM_CREATE_KEY,
	PLATFORM_DELETE_KEY,
	PLATFORM_CREATE_CONNECTION,
	PLATFORM_CHANGE_CONNECTION,
	PLATFORM_TEST_CONNECTION,
	PLATFORM_DELETE_CONNECTION,
	PLATFORM_STEP_COUNT
};
/* The step that deletes what a credential of this component has become. */
enum platform_step platform_delete_step(const char *component);

/* One thing to be done there. Borrowed. */
struct platform_order {
	enum platform_step step;
	int64_t remote_id; /* of what is changed, tested or deleted */
	json_t *body;      /* of what is made or changed; a key's: platform_key_body() */
	int64_t job_id;    /* creations: the other side knows a repeated call by it */
};
/* {name, teamId, typeName, parameters} of a key. Caller owns; secret. */
json_t *platform_key_body(const struct platform *platform, const char *name, const char *type_name,
    json_t *parameters);

/* For a platform that is not local. http_request_free() it. */
void platform_request(const struct platform *platform, const struct platform_order *order,
    struct http_request *request_out);

enum platform_verdict {
	PLATFORM_DONE,
	PLATFORM_AGAIN,   /* away, busy or broken: the same call may work later */
	PLATFORM_REFUSED, /* trying again would not help */
	PLATFORM_BROKEN,  /* a test: the connection does not work, or is gone */
	PLATFORM_GONE,    /* a change: there is no such thing any more */
};
struct platform_answer {
	enum platform_verdict verdict;
	int64_t remote_id;        /* of what was made or changed */
	char words[ERR_TEXT_MAX]; /* why not done, safe to show: the platform's `detail` or
				     `message`, left out when it repeats a secret of ours */
};
/* What an answer means: 2xx done (a creation has an id), 404 to a deletion done as well (it is gone
 * already); no answer, 408, 425, 429 and 5xx again; anything else is a refusal: 401 and 403 of the
 * token of ours. A test: 2xx done when it says so, 400, 404 and 422 broken, 424 again. */
void platform_read(const struct platform *platform, const struct platform_order *order,
    const struct http_result *result, struct platform_answer *answer_out);

#endif
