/* SPDX-License-Identifier: Apache-2.0 */
/* A request somebody wants sent with a credential he need not see. */
#ifndef BAILEE_AGENT_LEND_H
#define BAILEE_AGENT_LEND_H

#include <jansson.h>

#include "base/error.h"
#include "net/http_request.h"

/* What is lent. Borrowed. */
struct lend_secret {
	const char *slug;
	const char *text; /* NULL: it is not put into the request (it signs, or opens the
			   * connection) */
	size_t len;
};

/* From {"method", "url", "headers", "body", "basic_auth", "timeout"} to a request. In url, values
 * of headers, basic_auth and body <<CREDENTIAL.slug>> stands for the secret: percent-encoded in the
 * URL, as it is elsewhere. That is the only thing that is replaced, so that whatever comes back can
 * be recognized; other formulas are text like any other. A body that is no text is sent as JSON.
 * ERR_FIELD with the member's path: what cannot be sent, a placeholder of another credential, none
 * at all, or one where the secret has no text. The request is never sent twice. */
enum err lend_build(const json_t *wish, const struct lend_secret *secret,
    struct http_request *request_out, struct errctx *ctx) MUSTCHECK;

#endif
