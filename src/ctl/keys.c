/* SPDX-License-Identifier: Apache-2.0 */
/* baileectl keys: which there are, a new generation, and the end of a team's. */
#include <string.h>

#include "base/alloc.h"
#include "ctl/command.h"
#include "store/key_read.h"
#include "store/team_keys.h"

static json_t *
row_json(const struct key_row *key)
{
	json_t *row = json_object();

	json_put_text(row, "kind", key->kind);
	json_put(row, "teamId", key->team_id ? json_integer(key->team_id) : json_null());
	json_put_text(row, "team", key->team);
	json_put(row, "generation", key->generation ? json_integer(key->generation) : json_null());
	json_put_bool(row, "current", key->current);
	json_put_text(row, "state", key->state);
	json_put(row, "values", key->generation ? json_integer(key->values) : json_null());
	json_put_text(row, "resealing", key->resealing);
	json_put_text(row, "keyId", key->key_id);
	json_put_time(row, "createdAt", key->created_at);
	return row;
}

enum err
ctl_keys_status(struct ctl *ctl, struct errctx *ctx)
{
	struct key_row *rows = NULL;
	size_t n = 0;
	enum err err = key_list(&ctl->store, ctl_number(ctl, "team", 0), &rows, &n, ctx);

	if (err)
		return err;
	json_t *list = json_array();
	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, row_json(&rows[i]));
	key_rows_free(&rows, n);
	ctl_print(ctl, list);
	return OK;
}

/* The team of `keys rotate team` and `keys destroy team`. */
static enum err
named_team(const struct ctl *ctl, int64_t *team_out, struct errctx *ctx)
{
	if (strcmp(ctl_text(ctl, "WHAT"), "team") != 0)
		return err_set(ctx, ERR_USAGE, "", "say which keys: team --team N");
	*team_out = ctl_number(ctl, "team", 0);
	return *team_out ? OK : err_set(ctx, ERR_USAGE, "team", "--team is missing");
}

enum err
ctl_keys_rotate(struct ctl *ctl, struct errctx *ctx)
{
	int64_t team = 0, generation = 0;

	if (strcmp(ctl_text(ctl, "WHAT"), "master") == 0)
		return ctl_master_rotate(ctl, ctx);
	enum err err = named_team(ctl, &team, ctx);
	if (!err)
		err = team_keys_rotate(&ctl->store, team, &generation, ctx);
	if (err)
		return err;
	json_t *answer = json_object();
	json_put_int(answer, "teamId", team);
	json_put_int(answer, "generation", generation);
	json_put_text(answer, "next",
	    "new values use it from now on; a job moves the old ones: baileectl keys status");
	ctl_print(ctl, answer);
	return OK;
}

/* ---- destroying ---- */

/* The newest generation, and how many values would be lost. */
static enum err
count_values(struct ctl *ctl, int64_t team, int64_t *newest_out, int64_t *values_out,
    struct errctx *ctx)
{
	struct key_row *rows = NULL;
	size_t n = 0;
	enum err err = key_list(&ctl->store, team, &rows, &n, ctx);

	*newest_out = *values_out = 0;
	for (size_t i = 0; i < n; i++) {
		*newest_out = rows[i].generation;
		*values_out += strcmp(rows[i].state, "destroyed") ? rows[i].values : 0;
	}
	key_rows_free(&rows, n);
	return err;
}

static enum err
check_confirmed(struct ctl *ctl, int64_t team, int64_t values, struct errctx *ctx)
{
	const char *said = ctl_text(ctl, "confirm");
	auto_free char *name = NULL;
	enum err err = team_keys_name(&ctl->store, team, &name, ctx);

	if (err || (said && strcmp(said, name) == 0))
		return err;
	return err_set(ctx, ERR_CONFIRM, "confirm",
	    "this makes %lld values of team %lld unreadable for good; to do it say --confirm and "
	    "the team's name, which is: %s",
	    (long long)values, (long long)team, name);
}

/* The file first: what it names stays destroyed whatever happens to the database. */
enum err
ctl_keys_destroy(struct ctl *ctl, struct errctx *ctx)
{
	const char *path = ctl->config.destroyed_keys_file;
	int64_t team = 0, newest = 0, values = 0, destroyed = 0;
	enum err err = named_team(ctl, &team, ctx);

	if (!err)
		err = count_values(ctl, team, &newest, &values, ctx);
	if (!err)
		err = check_confirmed(ctl, team, values, ctx);
	if (!err && path[0])
		err = keyring_add_destroyed(ctl->store.keyring, path, team, (uint32_t)newest, ctx);
	if (!err)
		err = team_keys_destroy(&ctl->store, team, newest, &destroyed, ctx);
	if (err)
		return err;
	json_t *answer = json_object();
	json_put_int(answer, "teamId", team);
	json_put_int(answer, "generationsDestroyed", destroyed);
	json_put_int(answer, "valuesLost", values);
	json_put_text(answer, "next",
	    path[0] ? "copy destroyed_keys_file to every host and restart the programs; older "
		      "backups still hold the keys"
		    : "restart the programs, or wait half a minute; older backups still hold the "
		      "keys");
	ctl_print(ctl, answer);
	return OK;
}
