/* SPDX-License-Identifier: Apache-2.0 */
/* What is spent for a token that has no refresh token of its own. */
#include "runner/derived_token.h"

bool
derived_token_is(const struct provider *provider)
{
	return provider->token && provider->token->derived;
}

enum err
derived_token_spent(struct store *store, const struct provider *provider,
    const struct oauth_grant *grant, struct oauth_token *token_out, struct errctx *ctx)
{
	return derived_token_is(provider) ? oauth_token_of_main(store, grant, token_out, ctx)
					  : oauth_token_load(store, &grant->uuid, token_out, ctx);
}

enum err
derived_token_open(struct store *store, const struct oauth_grant *grant,
    const struct oauth_recipient *recipient, struct secret *spent_out, int64_t *generation_out,
    struct errctx *ctx)
{
	struct oauth_token token = { 0 };
	enum err err = oauth_token_of_main(store, grant, &token, ctx);

	if (!err)
		err = oauth_token_open(store, &token, recipient, NULL, spent_out, ctx);
	if (!err)
		*generation_out = token.generation;
	oauth_token_free(&token);
	return err;
}

enum err
derived_token_moved(struct store *store, const struct provider *provider,
    const struct oauth_grant *grant, int64_t generation, bool *moved_out, struct errctx *ctx)
{
	struct oauth_grant main = { 0 };

	*moved_out = false;
	if (!derived_token_is(provider) || !generation)
		return OK;
	enum err err = oauth_grant_load(store, &grant->main_uuid, &main, ctx);
	if (err && err != ERR_NOT_FOUND)
		return err;
	err_clear(ctx);
	*moved_out = !err && (main.generation != generation || main.lease_ms > 0);
	oauth_grant_free(&main);
	return OK;
}
