/* SPDX-License-Identifier: Apache-2.0 */
/* The platform of a team as the runner needs it: opened from its row. */
#include "platform/platform.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "store/platform.h"

enum err
platform_load(struct store *store, int64_t team_id, struct platform *platform_out,
    struct errctx *ctx)
{
	struct team_platform row = { 0 };
	struct platform platform = { .kind = PLATFORM_LOCAL };
	enum err err = team_platform_load(store, team_id, &row, ctx);

	if (!err && row.kind) {
		platform.kind = PLATFORM_MAKE;
		platform.remote_team_id = row.remote_team_id;
		platform.base_url = xstrdup(row.base_url);
		err = team_platform_open(store, &row, &platform.token, ctx);
	}
	team_platform_free(&row);
	if (err)
		platform_free(&platform);
	else
		*platform_out = platform;
	return err;
}

void
platform_free(struct platform *platform)
{
	free(platform->base_url);
	secret_free(&platform->token);
	*platform = (struct platform){ .kind = PLATFORM_LOCAL };
}

enum platform_step
platform_delete_step(const char *component)
{
	return strcmp(component, "keychain") == 0 ? PLATFORM_DELETE_KEY
						  : PLATFORM_DELETE_CONNECTION;
}
