/* SPDX-License-Identifier: Apache-2.0 */
/* The named tokens of an exchange: those that came with the main one, and those that are obtained
 * with its refresh token. */
#ifndef BAILEE_RUNNER_NAMED_TOKENS_H
#define BAILEE_RUNNER_NAMED_TOKENS_H

#include <stdbool.h>
#include <stddef.h>

#include "catalog/catalog.h"
#include "oauth/exchange.h"
#include "store/oauth_grant.h"

struct named_token {
	const struct app_token *token;
	struct oauth_tokens tokens; /* secret */
	bool there;
};
/* All zero before named_tokens_begin(). */
struct named_tokens {
	struct named_token *tokens;
	size_t n, next;
};
/* Those that the definition of `type` has; none of them is there yet. */
void named_tokens_begin(struct named_tokens *named, const struct app_connection *type);
void named_tokens_free(struct named_tokens *named);

/* From the answer to the code, whatever it is. The name of a required one that it lacks; NULL when
 * there is none. */
const char *named_tokens_read(struct named_tokens *named, const struct oauth_call *call,
    const struct http_result *result);
/* The one that takes the place of a main one that has not come; NULL: none may, or has come. */
struct named_token *named_tokens_alone(const struct named_tokens *named);
/* The first of which anything has come, usable or not; NULL: nothing has. */
const struct named_token *named_tokens_first(const struct named_tokens *named);
/* The next one to be obtained with the main refresh token; NULL after the last. */
struct named_token *named_tokens_next(struct named_tokens *named);

/* As placeholders have them: "access_token.<name>". */
void named_tokens_put(const struct named_tokens *named, json_t *values);
/* What all of them were granted, behind the main one's `scopes`, as the definition names it; what
 * the provider does not say is as it was asked. */
void named_tokens_add_scopes(const struct named_tokens *named, const struct app_connection *type,
    const json_t *asked, json_t *scopes);
/* Inside the caller's transaction: make the grants that hang on the first one, which is `like` them
 * but for what is their own, and `first` if it is one of them. Those that are there; of a grant
 * that ends at once all that came. */
enum err named_tokens_keep_in(struct store *store, const struct named_tokens *named,
    const struct named_token *first, const struct oauth_grant_new *like,
    const struct uuid *first_uuid, struct errctx *ctx) MUSTCHECK;
/* Its tokens as a generation: borrowed. */
struct oauth_token_new named_token_new(const struct named_token *one);

#endif
