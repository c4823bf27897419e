/* SPDX-License-Identifier: Apache-2.0 */
/* Key files: one line "bailee-<kind>-1:<base64 of 32 bytes>", refused unless they are what and
 * whose they should be. */
#ifndef BAILEE_VAULT_KEY_FILE_H
#define BAILEE_VAULT_KEY_FILE_H

#include "base/secret.h"
#include "vault/keyring.h"

/* Read the key of `kind` at `path`. ERR_CONFIG when the file is missing, of another kind, owned by
 * anyone but this process' user and root, or (private kinds) open to group or others. The text
 * names kind and path and says what to do. */
enum err key_file_read(enum key_kind kind, const char *path, struct secret *key_out,
    struct errctx *ctx) MUSTCHECK;

/* Write a new file, 0400 or for the public kind 0444, to disk before return. ERR_CONFIG when there
 * is one already, ERR_IO for anything else; in that case nothing is left behind. */
enum err key_file_write(enum key_kind kind, const char *path, const unsigned char key[KEY_SIZE],
    struct errctx *ctx) MUSTCHECK;

#endif
