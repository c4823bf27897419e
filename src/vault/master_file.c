/* SPDX-License-Identifier: Apache-2.0 */
/* Replacing the master key in its file: a key more, and later that one alone. */
#include "vault/master_file.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "vault/hpke.h"
#include "vault/key_file.h"
#include "vault/keyring_parts.h"

/* The file itself, its folder, and what it holds now. */
struct place {
	char path[PATH_MAX];
	char *dir;
	struct stat info;
	struct key_file file;
};

static void
place_free(struct place *place)
{
	free(place->dir);
	key_file_free(&place->file);
}
#define auto_place __attribute__((cleanup(place_free)))

static char *
folder_of(const char *path)
{
	auto_free char *copy = xstrdup(path);

	return xstrdup(dirname(copy));
}

static enum err
find(const char *path, struct place *place, struct errctx *ctx)
{
	if (!realpath(path, place->path) || stat(place->path, &place->info))
		return err_set(ctx, ERR_CONFIG, "", "master key file: %s: %s", strerror(errno),
		    path);
	place->dir = folder_of(place->path);
	return key_file_read(KEY_MASTER, place->path, &place->file, ctx);
}

/* What an earlier call has left that was ended in the middle is nobody's key yet. */
static enum err
replace(const struct place *place, const struct key_file *file, struct errctx *ctx)
{
	auto_free char *fresh = xasprintf("%s.new", place->path);

	(void)unlink(fresh);
	enum err err = key_file_write(KEY_MASTER, fresh, file, &place->info, ctx);
	if (!err && rename(fresh, place->path)) {
		err = err_set(ctx, ERR_IO, "", "master key file: %s: %s", strerror(errno),
		    place->path);
		(void)unlink(fresh);
	}
	return err ? err : key_file_sync_dir(place->dir, ctx);
}

enum err
master_file_add(const char *path, struct errctx *ctx)
{
	auto_place struct place place = { 0 };
	struct key_file *file = &place.file;
	enum err err = find(path, &place, ctx);

	if (!err && file->n == KEYRING_MASTERS_MAX)
		err = err_set(ctx, ERR_CONFIG, "", "master key file: it holds %d keys already: %s",
		    KEYRING_MASTERS_MAX, path);
	if (err)
		return err;
	hpke_private_generate(&file->keys[file->n++]);
	return replace(&place, file, ctx);
}

char *
master_file_kept(const char *path, const char *key_id)
{
	auto_free char *dir = folder_of(path);

	return xasprintf("%s/master-%.16s.key", dir, key_id);
}

/* In a file of its own, complete before it has its name. */
static enum err
put_aside(const struct place *place, const struct secret *key, const char *key_id,
    struct errctx *ctx)
{
	auto_free char *path = master_file_kept(place->path, key_id);
	auto_free char *fresh = xasprintf("%s.new", path);
	auto_key_file struct key_file file = { .n = 1 };

	secret_set(&file.keys[0], key->data, key->len);
	(void)unlink(fresh);
	enum err err = key_file_write(KEY_MASTER, fresh, &file, &place->info, ctx);
	if (!err && rename(fresh, path)) {
		err = err_set(ctx, ERR_IO, "", "master key file: %s: %s", strerror(errno), path);
		(void)unlink(fresh);
	}
	return err ? err : key_file_sync_dir(place->dir, ctx);
}

enum err
master_file_keep(const char *path, const char *key_id, struct errctx *ctx)
{
	const char *const paths[KEY_KIND_COUNT] = { [KEY_MASTER] = path };
	auto_place struct place place = { 0 };
	auto_key_file struct key_file left = { 0 };
	auto_keyring struct keyring *keyring = NULL;
	enum err err = find(path, &place, ctx);

	if (!err) /* for the ids; in the order of the file */
		err = keyring_load(paths, &keyring, ctx);
	if (!err && (keyring->n_masters != place.file.n || !keyring_holds_master(keyring, key_id)))
		err = err_set(ctx, ERR_CONFIG, "", "master key %.16s is not in the key file: %s",
		    key_id, path);
	for (size_t i = 0; i < place.file.n && !err; i++) {
		const char *id = keyring_master_at(keyring, i);

		if (strcmp(id, key_id) != 0)
			err = put_aside(&place, &place.file.keys[i], id, ctx);
		else
			secret_set(&left.keys[left.n++], place.file.keys[i].data, KEY_SIZE);
	}
	if (err || place.file.n == 1)
		return err;
	return replace(&place, &left, ctx);
}
