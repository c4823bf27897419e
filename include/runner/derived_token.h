/* SPDX-License-Identifier: Apache-2.0 */
/* Named tokens that are obtained with the refresh token of the main grant, which stays when it is
 * spent. */
#ifndef BAILEE_RUNNER_DERIVED_TOKEN_H
#define BAILEE_RUNNER_DERIVED_TOKEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/secret.h"
#include "runner/provider.h"
#include "store/oauth_grant.h"

/* Whether the provider has been set to such a token (provider_use_token). */
bool derived_token_is(const struct provider *provider);
/* The newest tokens of the grant that is spent for `grant`: the main one, or itself. ERR_NOT_FOUND:
 * the main one is gone, or was never that of this team. */
enum err derived_token_spent(struct store *store, const struct provider *provider,
    const struct oauth_grant *grant, struct oauth_token *token_out, struct errctx *ctx) MUSTCHECK;
/* The main refresh token, and of which generation it is. It goes where `grant` says, and opens for
 * that alone. */
enum err derived_token_open(struct store *store, const struct oauth_grant *grant,
    const struct oauth_recipient *recipient, struct secret *spent_out, int64_t *generation_out,
    struct errctx *ctx) MUSTCHECK;
/* Whether the main grant has, or is about to have, another refresh token than this generation's,
 * so that a refusal of that says nothing of this grant. False for one that is not derived. */
enum err derived_token_moved(struct store *store, const struct provider *provider,
    const struct oauth_grant *grant, int64_t generation, bool *moved_out,
    struct errctx *ctx) MUSTCHECK;

#endif
