/* SPDX-License-Identifier: Apache-2.0 */
/* The options of one request as the user wrote them: which there are, what each may be. */
#ifndef BAILEE_AGENT_OPTIONS_H
#define BAILEE_AGENT_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "agent/rules.h"
#include "base/error.h"
#include "net/http_request.h"

#define AGENT_TIMEOUT_DEFAULT_S 30
#define AGENT_TIMEOUT_MAX_S 120
#define AGENT_RETRIES_DEFAULT 3 /* when retry_on_status is given without retries */
#define AGENT_RETRIES_MAX 25
#define AGENT_HEADERS_MAX 100

/* Check options before they are stored: unknown options, types, limits, the syntax of every
 * formula, and whatever is not left to a formula. ERR_FIELD for each finding (as far as ctx has
 * room), with JSON path below `path` and, for syntax, the column. The host of the URL may come out
 * of a formula: the addresses it leads to are checked on connecting in any case. */
enum err agent_options_check(const json_t *options, const char *path, struct errctx *ctx) MUSTCHECK;

/* The same for options whose formulas have been worked out: now `=` and `<<` mean nothing. Texts
 * never repeat a value. */
enum err agent_options_check_rendered(const json_t *options, const char *path,
    struct errctx *ctx) MUSTCHECK;

/* Readers of checked, rendered options. */
bool agent_option_flag(const json_t *options,
    const char *name); /* false when missing; "true" is true */
int agent_option_number(const json_t *options, const char *name, int otherwise);
const char *agent_option_method(const json_t *options); /* "POST", static */
/* The MIME type to send (borrowed from options, or static) and how to encode. */
enum agent_encoding agent_option_content_type(const json_t *options, const char **mime_out);
void agent_option_statuses(const json_t *options, const char *name, struct http_retry *retry);

#endif
