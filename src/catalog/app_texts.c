/* SPDX-License-Identifier: Apache-2.0 */
/* The kinds of text in app definitions: each as a function and as a pattern of the JSON Schema. */
#include <string.h>

#include "catalog/app_parts.h"
#include "catalog/fill.h"
#include "catalog/form.h"
#include "catalog/key_types.h"
#include "catalog/web_url.h"

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define WORD "ABCDEFGHIJKLMNOPQRSTUVWXYZ" LOWER "0123456789-_"

static bool
consists_of(const char *text, const char *allowed)
{
	return strspn(text, allowed) == strlen(text);
}

static bool
is_app_name(const char *text)
{
	return consists_of(text, LOWER "0123456789-_#");
}

static bool
is_identifier(const char *text)
{
	return consists_of(text, WORD);
}

static bool
is_module_id(const char *text)
{
	return *text != ':' && consists_of(text, WORD ":");
}

static bool
is_key_type(const char *text)
{
	return key_type_find(text) != NULL;
}

static bool
is_plain(const char *text)
{
	for (const unsigned char *c = (const unsigned char *)text; *c; c++)
		if (*c < 0x20 || *c == 0x7f)
			return false;
	return true;
}

/* Visible ASCII without what a URL cannot hold; placeholders apart. */
static bool
is_url_text(const char *text)
{
	for (const unsigned char *c = (const unsigned char *)text; *c; c++)
		if (*c <= 0x20 || *c >= 0x7f || strchr("\"\\^`{|}", *c))
			return false;
	return true;
}

static const char *
behind(const char *text, const char *start)
{
	size_t len = strlen(start);

	return strncmp(text, start, len) ? NULL : text + len;
}

static bool
is_url(const char *text)
{
	const char *host = web_url_behind_scheme(text);

	return host && *host && !strchr("/?#:", *host) && is_url_text(text) && !strchr(text, '#') &&
	       !memchr(host, '@', strcspn(host, "/?")) && fill_is_template(text);
}

static bool
is_address(const char *text)
{
	return is_url(text) || fill_is_alone(text);
}

/* The part of a URL behind #, as far as parameters (RFC 3986 section 3.5). */
static bool
is_fragment(const char *text)
{
	return consists_of(text, WORD "/.~!$'()*,:@+");
}

static bool
is_docs_url(const char *text)
{
	return behind(text, "https://") && text[8] && is_url_text(text) && !strstr(text, "<<");
}

/* RFC 6901 */
static bool
is_pointer(const char *text)
{
	if (*text != '/')
		return false;
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 ||
		    (*text == '~' && text[1] != '0' && text[1] != '1'))
			return false;
	return true;
}

static bool
is_template(const char *text)
{
	return is_plain(text) && fill_is_template(text);
}

/* RFC 9110 section 5.6.2 */
static bool
is_header(const char *text)
{
	return consists_of(text, WORD "!#$%&'*+.^`|~");
}

/* A host, "*." before one, perhaps a port; placeholders as in URLs. */
static bool
is_host(const char *text)
{
	const char *rest = behind(text, "*.") ? text + 2 : text;

	return *rest && *rest != '.' && consists_of(rest, LOWER "0123456789-_.:<>" WORD) &&
	       fill_is_template(rest) && (rest == text || strchr(rest, '.'));
}

const struct app_text app_text_name = { is_app_name, "lower-case letters, digits, -, _ and #",
	"^[a-z0-9_#-]+$" };
const struct app_text app_text_identifier = { is_identifier, "letters, digits, - and _",
	"^[A-Za-z0-9_-]+$" };
const struct app_text app_text_module = { is_module_id, "letters, digits, -, _ and : within",
	"^[A-Za-z0-9_-][A-Za-z0-9_:-]*$" };
const struct app_text app_text_key_type = { is_key_type, "the name of a key type",
	"^(aes-key|apikeyauth|apn|basicauth|clientcertauth|eet|gpg-private|gpg-public|webpay)$" };
const struct app_text app_text_plain = { is_plain, "without control characters",
	"^[^\\x00-\\x1f\\x7f]*$" };
const struct app_text app_text_url = { is_url,
	"an https URL, with placeholders like <<field>> where it is templated", NULL };
const struct app_text app_text_address = { is_address,
	"an https URL, with placeholders like <<field>> where it is templated, or <<field>> alone",
	NULL };
const struct app_text app_text_docs = { is_docs_url, "an https URL", NULL };
const struct app_text app_text_fragment = { is_fragment, "a part of a URL behind #",
	"^[A-Za-z0-9_/.~!$'()*,:@+-]+$" };
const struct app_text app_text_pointer = { is_pointer, "a JSON Pointer like /user/email",
	"^/([^~\\x00-\\x1f]|~[01])*$" };
const struct app_text app_text_template = { is_template, "text with placeholders like <<field>>",
	NULL };
/* What stands in the placeholders is checked with the names it may read. */
const struct app_text app_text_formula = { is_plain,
	"text without control characters, with placeholders like <<field>> or <<UPCASE(field)>>",
	"^[^\\x00-\\x1f\\x7f]*$" };
const struct app_text app_text_header = { is_header, "the name of an HTTP header",
	"^[A-Za-z0-9_!#$%&'*+.^`|~-]+$" };
const struct app_text app_text_host = { is_host, "a host name, or *. and a host name", NULL };
const struct app_text app_text_pattern = { form_pattern_is_valid, "a regular expression", NULL };

const struct app_text *const app_texts[] = { &app_text_name, &app_text_identifier, &app_text_module,
	&app_text_key_type, &app_text_plain, &app_text_url, &app_text_address, &app_text_docs,
	&app_text_fragment, &app_text_pointer, &app_text_template, &app_text_formula,
	&app_text_header, &app_text_host, &app_text_pattern, NULL };
