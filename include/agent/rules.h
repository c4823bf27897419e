/* SPDX-License-Identifier: Apache-2.0 */
/* What may be sent: rules for the options as written and for what their formulas gave. */
#ifndef BAILEE_AGENT_RULES_H
#define BAILEE_AGENT_RULES_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#define AGENT_HEADER_MAX 32768 /* bytes of one value */
#define AGENT_URL_MAX 16384    /* bytes */

/* How a payload becomes bytes. */
enum agent_encoding {
	AGENT_JSON,
	AGENT_FORM,      /* application/x-www-form-urlencoded, pairs or text */
	AGENT_XML,       /* text only */
	AGENT_MULTIPART, /* multipart/form-data (RFC 7578), pairs */
	AGENT_OTHER,     /* text as it is, anything else as JSON */
};

/* Each gives NULL when all is well, else what is wrong.
 */
const char *agent_url_fault(const char *url, size_t len, bool verbatim);
const char *agent_header_name_fault(const char *name);
const char *agent_header_value_fault(const char *value, size_t len);
const char *agent_payload_fault(const json_t *payload, enum agent_encoding encoding,
    const char *mime, bool as_query);

/* json, form, xml, data or a MIME type (RFC 9110 section 8.3.1). */
bool agent_content_type_known(const char *text);
/* The MIME type to send (static, or `given`) and how to encode for it. */
enum agent_encoding agent_content_type(const char *given, const char **mime_out);

#endif
