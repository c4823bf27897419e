/* SPDX-License-Identifier: Apache-2.0 */
/* URLs of OAuth providers and services: which are taken, from definitions and from people. */
#ifndef BAILEE_CATALOG_WEB_URL_H
#define BAILEE_CATALOG_WEB_URL_H

#include <stdbool.h>

/* Behind "https://", or behind "http://" where that leads to this machine, which tests and an
 * operator's own tools use; NULL when it begins with neither. */
const char *web_url_behind_scheme(const char *url);

/* Whether a URL that somebody has typed can be called: of one of the schemes above, with a host
 * that every reader of URLs takes for the same one, without user information and fragment. Where
 * the host leads is the business of net/address_guard.h. */
bool web_url_is_whole(const char *text);

/* Host, and port where it is named, of such a one; the caller frees it. */
char *web_url_host(const char *url);

#endif
