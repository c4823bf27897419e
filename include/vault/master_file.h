/* SPDX-License-Identifier: Apache-2.0 */
/* Replacing the master key in its file: a key more, and later that one alone. */
#ifndef BAILEE_VAULT_MASTER_FILE_H
#define BAILEE_VAULT_MASTER_FILE_H

#include "vault/keyring.h"

/* Both put a new file in the place of the old one: whoever reads meanwhile, or after a power cut,
 * has the one or the other as a whole. The owner stays; a symbolic link is followed. They are
 * called by one process at a time. ERR_CONFIG when the file is no master key file or full, ERR_IO
 * when its folder cannot be written. */

/* Make a new key and append it as the last line. */
enum err master_file_add(const char *path, struct errctx *ctx) MUSTCHECK;

/* Leave nothing but the key of that id; each other one goes into a file of its own beside it,
 * master_file_kept(). ERR_CONFIG when the key is not there. OK when it is alone already. */
enum err master_file_keep(const char *path, const char *key_id, struct errctx *ctx) MUSTCHECK;

/* Where a key that was replaced is kept: master-<key id>.key, for backups from before. Owned. */
char *master_file_kept(const char *path, const char *key_id);

#endif
