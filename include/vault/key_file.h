/* SPDX-License-Identifier: Apache-2.0 */
/* Key files: lines "bailee-<kind>-1:<base64 of 32 bytes>", refused unless they are what and whose
 * they should be. One line each, but for the master key's, which has several while it is replaced.
 */
#ifndef BAILEE_VAULT_KEY_FILE_H
#define BAILEE_VAULT_KEY_FILE_H

#include <stddef.h>

#include "base/secret.h"
#include "vault/keyring.h"

struct stat;

/* Keys of KEY_SIZE bytes in the order of their lines. */
struct key_file {
	struct secret keys[KEYRING_MASTERS_MAX];
	size_t n;
};
void key_file_free(struct key_file *file);
#define auto_key_file __attribute__((cleanup(key_file_free)))

/* Read the keys of `kind` at `path`. ERR_CONFIG when the file is missing, of another kind, owned by
 * anyone but this process' user and root, or (private kinds) open to group or others. The text
 * names kind and path and says what to do. */
enum err key_file_read(enum key_kind kind, const char *path, struct key_file *file_out,
    struct errctx *ctx) MUSTCHECK;

/* Write a new file, 0400 or for the public kind 0444, to disk before return; its folder is the
 * caller's to sync. It belongs to the owner of `as` unless that is NULL. ERR_CONFIG when there is
 * one already, ERR_IO for anything else; in that case nothing is left behind. */
enum err key_file_write(enum key_kind kind, const char *path, const struct key_file *file,
    const struct stat *as, struct errctx *ctx) MUSTCHECK;

/* Names in the folder survive a power cut from now on. */
enum err key_file_sync_dir(const char *dir, struct errctx *ctx) MUSTCHECK;

#endif
