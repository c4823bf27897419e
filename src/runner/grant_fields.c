/* SPDX-License-Identifier: Apache-2.0 */
/* Fields of a connection that a refresh says are others now. */
#include "runner/grant_fields.h"

#include <stdlib.h>

#include "store/connection.h"

json_t *
grant_fields_changed(const json_t *fields, const json_t *answered)
{
	union {
		const json_t *borrowed;
		json_t *walked; /* jansson walks writable objects only */
	} tree = { .borrowed = answered };
	json_t *changed = json_object(), *value;
	const char *name;

	json_object_foreach(tree.walked, name, value)
	{
		if (!json_equal(json_object_get(fields, name), value))
			json_object_set(changed, name, value);
	}
	if (json_object_size(changed))
		return changed;
	json_decref(changed);
	return NULL;
}

enum err
grant_fields_lock_in(struct store *store, const struct oauth_grant *grant, struct errctx *ctx)
{
	char *scopes = NULL;
	enum err err = grant->owner.connection_id
			   ? connection_lock_in(store, grant->owner.connection_id, &scopes, ctx)
			   : OK;

	free(scopes);
	if (err == ERR_NO_CONNECTION) { /* deleted meanwhile */
		err_clear(ctx);
		return OK;
	}
	return err;
}

enum err
grant_fields_write_in(struct store *store, const struct oauth_grant *grant, json_t *changed,
    struct errctx *ctx)
{
	struct oauth_grant now = { 0 };
	json_auto_t *parameters = NULL;
	int64_t id = grant->owner.connection_id;
	enum err err = oauth_grant_lock_in(store, &grant->uuid, &now, ctx);

	if (!err)
		err = oauth_grant_refill_in(store, &now, changed, &parameters, ctx);
	if (!err && id && now.owner.connection_id == id)
		err = connection_refill_in(store, id, now.team_id, parameters, ctx);
	oauth_grant_free(&now);
	return err;
}
