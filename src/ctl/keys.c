/* SPDX-License-Identifier: Apache-2.0 */
/* baileectl keys status: which keys there are. */
#include "ctl/command.h"
#include "store/key_read.h"

static json_t *
row_json(const struct key_row *key)
{
	json_t *row = json_object();

	json_put_text(row, "kind", key->kind);
	json_put(row, "teamId", key->team_id ? json_integer(key->team_id) : json_null());
	json_put_text(row, "team", key->team);
	json_put(row, "generation", key->generation ? json_integer(key->generation) : json_null());
	json_put_bool(row, "current", key->current);
	json_put_text(row, "keyId", key->key_id);
	json_put_time(row, "createdAt", key->created_at);
	return row;
}

enum err
ctl_keys_status(struct ctl *ctl, struct errctx *ctx)
{
	struct key_row *rows = NULL;
	size_t n = 0;
	enum err err = key_list(&ctl->store, &rows, &n, ctx);

	if (err)
		return err;
	json_t *list = json_array();
	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, row_json(&rows[i]));
	key_rows_free(&rows, n);
	ctl_print(ctl, list);
	return OK;
}
