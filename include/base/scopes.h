/* SPDX-License-Identifier: Apache-2.0 */
/* The scopes of API tokens: one table of names and bits for routes, tokens and the command line. */
#ifndef BAILEE_BASE_SCOPES_H
#define BAILEE_BASE_SCOPES_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/json.h"

/* X(symbol, name). The order gives the bits, which are stored in tokens: append only, never
 * reorder. */
#define SCOPES_TABLE(X)                                                                            \
	X(REQUESTS_READ, "credential-requests:read")                                               \
	X(REQUESTS_WRITE, "credential-requests:write")                                             \
	X(APPS_READ, "apps:read")                                                                  \
	X(CONNECTIONS_READ, "connections:read")                                                    \
	X(CONNECTIONS_WRITE, "connections:write")                                                  \
	X(KEYS_READ, "keys:read")                                                                  \
	X(KEYS_WRITE, "keys:write")                                                                \
	X(TEAMS_READ, "teams:read")                                                                \
	X(ORGANIZATIONS_READ, "organizations:read")                                                \
	X(USER_CREDENTIALS_READ, "user-credentials:read")                                          \
	X(USER_CREDENTIALS_WRITE, "user-credentials:write")                                        \
	X(USER_CREDENTIALS_USE, "user-credentials:use")                                            \
	X(CONNECTIONS_USE, "connections:use")

enum scope_index {
#define X(symbol, name) SCOPE_INDEX_##symbol,
	SCOPES_TABLE(X)
#undef X
	    SCOPE_COUNT
};

/* Bits SCOPE_KEYS_READ and so on: what a token has, and what a route asks for. */
enum scope {
	SCOPE_UNSET = 0, /* a route that forgot its scope: the program does not start */
#define X(symbol, name) SCOPE_##symbol = 1 << SCOPE_INDEX_##symbol,
	SCOPES_TABLE(X)
#undef X
	/* In routes only, never in tokens: */
	SCOPE_ANY_TOKEN = 1 << 29,   /* any valid token will do */
	SCOPE_NONE_PUBLIC = 1 << 30, /* no token is asked for */
};
#define SCOPES_ALL ((1u << SCOPE_COUNT) - 1)

struct scope_row {
	const char *name;
	uint32_t bit;
};
extern const struct scope_row scopes_table[SCOPE_COUNT];

/* Name of a single bit, "any-token" and "public" for the two of routes; NULL for anything else. */
const char *scopes_name(uint32_t bit);
/* Read a list of names with commas or blanks between ("keys:read,keys:write"; "all" is every
 * scope). ERR_VALUE names the unknown one. The list must not be empty. */
enum err scopes_parse(const char *text, uint32_t *bits_out, struct errctx *ctx) MUSTCHECK;
/* Array of the names of the bits; caller owns. */
json_t *scopes_json(uint32_t bits);
/* True when a token with `have` may do what asks for `need` (SCOPE_ANY_TOKEN: always). */
bool scopes_allow(uint32_t have, uint32_t need);

#endif
