/* SPDX-License-Identifier: Apache-2.0 */
/* What may be sent: URLs, header names and values, content types, payloads. */
#include "agent/rules.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "agent/payload.h"

static bool
is_token_char(char c)
{
	return isalnum((unsigned char)c) || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

const char *
agent_header_name_fault(const char *name)
{
	/* These belong to the connection or frame the message: whoever sets them freely smuggles
	 * requests. */
	static const char *const ours[] = { "Connection", "Content-Length", "Expect", "Host",
		"Keep-Alive", "Proxy-Authorization", "Proxy-Connection", "TE", "Trailer",
		"Transfer-Encoding", "Upgrade" };

	if (*name == '\0')
		return "a header name must not be empty";
	for (const char *c = name; *c != '\0'; c++)
		if (!is_token_char(*c))
			return "a header name may hold letters, digits and !#$%&'*+-.^_`|~ only";
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		if (strcasecmp(name, ours[i]) == 0)
			return "this header is set by the connection and cannot be given";
	return NULL;
}

const char *
agent_header_value_fault(const char *value, size_t len)
{
	if (len > AGENT_HEADER_MAX)
		return "the header value is too long";
	for (size_t i = 0; i < len; i++)
		if (((unsigned char)value[i] < 0x20 && value[i] != '\t') || value[i] == 0x7f)
			return "a header value must not hold line ends or control characters "
			       "(STRIP() "
			       "removes those at its ends)";
	return NULL;
}

/* The authority's grammar is net's to check; here only what could make two readers disagree where
 * it ends. */
static const char *
authority_fault(const char *authority, size_t len)
{
	if (len == 0)
		return "the URL has no host";
	for (size_t i = 0; i < len; i++) {
		char c = authority[i];

		if (c == '@')
			return "the URL must not hold user information; use basic_auth";
		if ((unsigned char)c >= 0x80)
			return "the host must be written in ASCII (xn--…)";
		if (!isalnum((unsigned char)c) && strchr("-._:[]", c) == NULL)
			return "the URL's host holds a character no host has";
	}
	return NULL;
}

/* One dot of a path, plain or percent-encoded: how long it is, 0 when there is none. */
static size_t
dot_length(const char *at)
{
	return *at == '.' ? 1 : strncasecmp(at, "%2e", 3) == 0 ? 3 : 0;
}

/* "." and ".." move to another path (RFC 3986 section 5.2.4): a value must not do that. */
static bool
has_dot_segment(const char *path, size_t len)
{
	for (const char *at = path; at < path + len; at++) {
		if (*at != '/' && *at != '\\')
			continue;
		const char *end = at + 1;

		for (int dots = 0; dots < 2; dots++)
			end += dot_length(end);
		if (end > at + 1 && (*end == '\0' || strchr("/\\?#;", *end)))
			return true;
	}
	return false;
}

const char *
agent_url_fault(const char *url, size_t len, bool verbatim)
{
	if (len > AGENT_URL_MAX)
		return "the URL is too long";
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)url[i] < 0x20 || url[i] == 0x7f)
			return "the URL must not hold control characters";
		if (url[i] == ' ' && verbatim)
			return "the URL must not hold blanks when disable_url_encoding is set";
	}
	size_t scheme = strncasecmp(url, "https://", 8) == 0  ? 8
			: strncasecmp(url, "http://", 7) == 0 ? 7
							      : 0;
	if (scheme == 0)
		return "the URL must begin with http:// or https://";
	size_t authority = strcspn(url + scheme, "/?#");
	const char *path = url + scheme + authority;

	if (has_dot_segment(path, strcspn(path, "?#")))
		return "the URL's path must not hold the segments . or ..";
	return authority_fault(url + scheme, authority);
}

static const struct content_type {
	const char *name;
	const char *mime;
	enum agent_encoding encoding;
} content_types[] = {
	{ "json", "application/json", AGENT_JSON },
	{ "application_json", "application/json", AGENT_JSON },
	{ "form", "application/x-www-form-urlencoded", AGENT_FORM },
	{ "xml", "application/xml", AGENT_XML },
	{ "data", "multipart/form-data", AGENT_MULTIPART },
};
#define CONTENT_TYPE_MAX 256 /* bytes */
#define CONTENT_TYPES (sizeof(content_types) / sizeof(content_types[0]))

static bool
is_mime(const char *text)
{
	const char *c = text;

	while (is_token_char(*c))
		c++;
	if (c == text || *c++ != '/' || !is_token_char(*c))
		return false;
	while (is_token_char(*c))
		c++;
	if (*c != '\0' && *c != ';' && *c != ' ')
		return false;
	for (; *c != '\0'; c++)
		if (*c < 0x20 || *c > 0x7e)
			return false;
	return true;
}

enum agent_encoding
agent_content_type(const char *given, const char **mime_out)
{
	size_t essence = strcspn(given, "; ");

	*mime_out = given;
	for (size_t i = 0; i < CONTENT_TYPES; i++)
		if (strcasecmp(given, content_types[i].name) == 0) {
			*mime_out = content_types[i].mime;
			return content_types[i].encoding;
		}
	for (size_t i = 0; i < CONTENT_TYPES; i++)
		if (strlen(content_types[i].mime) == essence &&
		    strncasecmp(given, content_types[i].mime, essence) == 0)
			return content_types[i].encoding;
	if (essence > 4 && strncasecmp(given + essence - 3, "xml", 3) == 0 &&
	    strchr("/+", given[essence - 4]) != NULL)
		return AGENT_XML;
	return AGENT_OTHER;
}

bool
agent_content_type_known(const char *text)
{
	for (size_t i = 0; i < CONTENT_TYPES; i++)
		if (strcasecmp(text, content_types[i].name) == 0)
			return true;
	return strlen(text) < CONTENT_TYPE_MAX && is_mime(text);
}

const char *
agent_payload_fault(const json_t *payload, enum agent_encoding encoding, const char *mime,
    bool as_query)
{
	bool text = json_is_string(payload);

	if (payload == NULL || json_is_null(payload))
		return NULL;
	if (!text && !json_is_object(payload) && !json_is_array(payload))
		return "must be an object, an array or a text";
	if (as_query || encoding == AGENT_FORM)
		return text || payload_is_pairs(payload)
			   ? NULL
			   : "must be an object, [name, value] pairs or a text here";
	if (encoding == AGENT_XML && !text)
		return "must be a text when content_type is xml";
	if (encoding == AGENT_MULTIPART && text)
		return strcasestr(mime, "boundary=") != NULL
			   ? NULL
			   : "must be an object or [name, value] pairs when content_type is data";
	if (encoding == AGENT_MULTIPART && !payload_is_pairs(payload))
		return "must be an object or [name, value] pairs when content_type is data";
	return NULL;
}
