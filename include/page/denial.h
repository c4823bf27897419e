/* SPDX-License-Identifier: Apache-2.0 */
/* What a provider says instead of a code: only codes that are known, in words of our own. What else
 * it sends (error_description, error_uri) is neither shown nor kept. */
#ifndef BAILEE_PAGE_DENIAL_H
#define BAILEE_PAGE_DENIAL_H

struct denial {
	const char *code; /* as it is kept; NULL ends the table */
	const char *kind; /* as the page tells it: denied, provider or expired */
	const char *text;
};
/* RFC 6749 section 4.1.2.1, OpenID Connect Core section 3.1.2.6, RFC 8707 section 2, and three of
 * ours: "invalid_redirect" of oauth_return_read(), "unknown_error" for any other, "expired" for a
 * trip that nobody came back from. */
extern const struct denial denials[];

/* The code to keep of what a provider has sent: one of the table. */
const char *denial_code(const char *sent);
/* Never NULL. */
const struct denial *denial_find(const char *code);

#endif
