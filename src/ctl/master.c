/* SPDX-License-Identifier: Apache-2.0 */
/* baileectl keys rotate master: the next key into the file and announced, used by all, the old one
 * retired. Every step may be ended at any point and run again. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "ctl/command.h"
#include "store/key_holder.h"
#include "store/master_key.h"
#include "vault/master_file.h"

#define PASSES 3 /* over what others have sealed to the old key while it was resealed */
#define PROGRESS_EVERY 100

/* ---- what every step needs ---- */

/* The keyring as the file has it now. */
static enum err
reload_keys(struct ctl *ctl, struct errctx *ctx)
{
	const char *paths[KEY_KIND_COUNT];
	struct keyring *keyring = NULL;

	ctl_key_paths(&ctl->config, paths);
	enum err err = keyring_load(paths, &keyring, ctx);
	if (err)
		return err;
	keyring_free(&ctl->store.keyring);
	ctl->store.keyring = keyring;
	return store_check(&ctl->store, ctx);
}

/* The last key in the file, if it stands behind the current one: those before it are done with. */
static const char *
key_behind(const struct keyring *keyring, const char *current)
{
	const char *last = NULL;
	bool behind = false;

	for (size_t i = 0; keyring_master_at(keyring, i); i++) {
		if (behind)
			last = keyring_master_at(keyring, i);
		behind = behind || strcmp(keyring_master_at(keyring, i), current) == 0;
	}
	return last;
}

static enum err
keep_only(struct ctl *ctl, const char *key_id, struct errctx *ctx)
{
	if (!keyring_master_at(ctl->store.keyring, 1))
		return OK;
	enum err err = master_file_keep(ctl->config.master_key_file, key_id, ctx);
	return err ? err : reload_keys(ctl, ctx);
}

/* ---- begin ---- */

/* Into the file first: a key that the database knows and no file holds would be worse. */
static enum err
make_next(struct ctl *ctl, const struct master_keys *keys, struct errctx *ctx)
{
	enum err err = OK;

	if (!key_behind(ctl->store.keyring, keys->current)) {
		err = keep_only(ctl, keys->current, ctx);
		if (!err)
			err = master_file_add(ctl->config.master_key_file, ctx);
		if (!err)
			err = reload_keys(ctl, ctx);
	}
	if (err)
		return err;
	const char *next = key_behind(ctl->store.keyring, keys->current);
	return next ? master_key_announce(&ctl->store, next, ctx)
		    : err_set(ctx, ERR_CONFIG, "", "%s was changed meanwhile",
			  ctl->config.master_key_file);
}

static enum err
begin(struct ctl *ctl, struct errctx *ctx)
{
	struct master_keys keys;
	enum err err = master_keys_read(&ctl->store, &keys, ctx);

	if (!err && keys.old[0])
		err = err_set(ctx, ERR_RULE, "",
		    "the rotation to master key %s is not at its end; run --finish", keys.current);
	if (!err && keys.next[0] && !keyring_holds_master(ctl->store.keyring, keys.next))
		err = err_set(ctx, ERR_RULE, "",
		    "a rotation to master key %s was begun, and it is not in %s; copy that file "
		    "from where it was begun, or --cancel",
		    keys.next, ctl->config.master_key_file);
	if (!err && !keys.next[0])
		err = make_next(ctl, &keys, ctx);
	if (!err)
		err = master_keys_read(&ctl->store, &keys, ctx);
	if (err)
		return err;
	json_t *answer = json_object();
	json_put_text(answer, "current", keys.current);
	json_put_text(answer, "nextKey", keys.next);
	json_put_text(answer, "next",
	    "keep a copy of master_key_file, copy it to every host, restart bailee-api and "
	    "bailee-runner there; then: baileectl keys rotate master --finish");
	ctl_print(ctl, answer);
	return OK;
}

/* ---- cancel ---- */

static enum err
cancel(struct ctl *ctl, struct errctx *ctx)
{
	struct master_keys keys;
	enum err err = master_keys_read(&ctl->store, &keys, ctx);

	if (err)
		return err;
	/* perhaps an earlier one has not come to the file any more */
	if (keys.next[0] || keys.old[0] || !key_behind(ctl->store.keyring, keys.current))
		err = master_key_cancel(&ctl->store, ctx);
	if (!err)
		err = keep_only(ctl, keys.current, ctx);
	if (err)
		return err;
	json_t *answer = json_object();
	json_put_text(answer, "current", keys.current);
	json_put_text(answer, "next",
	    "nothing was sealed to the other key; copy master_key_file to every host again");
	ctl_print(ctl, answer);
	return OK;
}

/* ---- finish ---- */

static void
say_progress(const struct master_reseal *reseal)
{
	if (reseal->moved % PROGRESS_EVERY == 0 || reseal->moved == reseal->total)
		fprintf(stderr, "sealed again: %lld of %lld\n", (long long)reseal->moved,
		    (long long)reseal->total);
}

static enum err
end_old(struct ctl *ctl, const struct master_keys *keys, struct master_reseal *reseal,
    struct errctx *ctx)
{
	bool retired = false;
	enum err err = OK;

	for (int pass = 0; pass < PASSES && !err && !retired && !reseal->damaged; pass++) {
		err = master_key_reseal(&ctl->store, reseal, ctx);
		if (!err && !reseal->damaged)
			err = master_key_retire(&ctl->store, &retired, ctx);
	}
	if (err || retired)
		return err;
	if (!reseal->damaged)
		return err_set(ctx, ERR_RULE, "",
		    "master key %s is still needed by what was sealed just now; run this again",
		    keys->old);
	return err_set(ctx, ERR_INTEGRITY, "",
	    "%lld values do not open with master key %s, first of all %s; it stays in use for "
	    "them. Put them right from a backup, or end them (keys destroy team, app set-client), "
	    "and run this again",
	    (long long)reseal->damaged, keys->old, reseal->first);
}

static void
print_finished(struct ctl *ctl, const char *current, const char *old, int64_t moved)
{
	json_t *answer = json_object();

	json_put_text(answer, "current", current);
	json_put_text(answer, "retired", old[0] ? old : NULL);
	json_put_int(answer, "sealedAgain", moved);
	if (old[0]) {
		auto_free char *kept = master_file_kept(ctl->config.master_key_file, old);

		json_put_text(answer, "oldKeyFile", kept);
	}
	json_put_text(answer, "next",
	    "copy master_key_file to every host again and restart the programs when it suits; keep "
	    "the old key as long as backups from before, apart from them");
	ctl_print(ctl, answer);
}

static enum err
finish(struct ctl *ctl, struct errctx *ctx)
{
	struct master_reseal reseal = { .progress = say_progress };
	struct master_keys keys;
	enum err err = master_keys_read(&ctl->store, &keys, ctx);

	if (!err && keys.next[0]) {
		err = master_key_switch(&ctl->store, ctx);
		if (!err)
			err = master_keys_read(&ctl->store, &keys, ctx);
	}
	if (!err && keys.old[0])
		err = end_old(ctl, &keys, &reseal, ctx);
	else if (!err && key_behind(ctl->store.keyring, keys.current))
		err = err_set(ctx, ERR_RULE, "",
		    "%s holds a key that was not announced; --begin or --cancel",
		    ctl->config.master_key_file);
	if (!err)
		err = keep_only(ctl, keys.current, ctx);
	if (!err)
		print_finished(ctl, keys.current, keys.old, reseal.moved);
	return err;
}

enum err
ctl_master_rotate(struct ctl *ctl, struct errctx *ctx)
{
	static const struct {
		const char *flag;
		enum err (*run)(struct ctl *ctl, struct errctx *ctx);
	} steps[] = { { "begin", begin }, { "finish", finish }, { "cancel", cancel } };
	enum err (*run)(struct ctl *, struct errctx *) = NULL;
	int n = 0;

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (ctl_flag(ctl, steps[i].flag)) {
			run = steps[i].run;
			n++;
		}
	if (n != 1 || ctl_text(ctl, "team"))
		return err_set(ctx, ERR_USAGE, "",
		    "say what to do with the master key: --begin, --finish or --cancel");
	enum err err = master_key_reserve(&ctl->store, ctx);
	return err ? err : run(ctl, ctx);
}

/* ---- who has which ---- */

enum err
ctl_keys_holders(struct ctl *ctl, struct errctx *ctx)
{
	struct key_holder_row *rows = NULL;
	struct master_keys keys;
	size_t n = 0;
	enum err err = master_keys_read(&ctl->store, &keys, ctx);

	if (!err)
		err = key_holders_list(&ctl->store, &rows, &n, ctx);
	if (err)
		return err;
	json_t *list = json_array();
	for (size_t i = 0; i < n; i++) {
		json_t *row = json_object();

		json_put_text(row, "host", rows[i].host);
		json_put_text(row, "program", rows[i].program);
		json_put_int(row, "pid", rows[i].pid);
		json_put_text(row, "masterKeys", rows[i].master_keys);
		json_put(row, "holdsNext",
		    keys.next[0] ? json_boolean(key_holder_has(&rows[i], keys.next)) : json_null());
		json_put_time(row, "startedAt", rows[i].started_at);
		json_put_time(row, "seenAt", rows[i].seen_at);
		json_put_time(row, "countsUntil", rows[i].alive_until);
		json_array_append_new(list, row);
	}
	key_holders_free(&rows, n);
	ctl_print(ctl, list);
	return OK;
}
