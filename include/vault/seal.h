/* SPDX-License-Identifier: Apache-2.0 */
/* Sealed values: anything secret in the database, sealed to its team's public key and bound to the
 * place it belongs to. */
#ifndef BAILEE_VAULT_SEAL_H
#define BAILEE_VAULT_SEAL_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/secret.h"
#include "base/uuid.h"
#include "vault/keyring.h"

/* Where a value belongs. All of it is authenticated: a value copied to another row, field or team,
 * or whose policy was edited in the database, does not open. Everything is borrowed for the length
 * of a call. */
#define SEAL_POLICY_SIZE 32
struct seal_context {
	const char *table; /* at most SEAL_NAME_MAX bytes, as `field` */
	struct uuid row;
	const char *field;
	int64_t team_id;
	/* seal_policy_digest(), or NULL where no policy belongs to the value */
	const unsigned char *policy;
};
#define SEAL_NAME_MAX 64

/* format 1 | generation, 4 bytes big endian | encapsulated key, 32 | ciphertext and tag
 * The plaintext within is its length (4 bytes big endian), the data, zeros up to a multiple of 64.
 */
#define SEAL_DATA_MAX (4u << 20) /* longest value that is sealed */
#define SEAL_OVERHEAD_MAX 120    /* a sealed value is at most this much longer than its data */

/* Seal `len` bytes to a verified team key of context->team_id. The result is freed by the caller;
 * it is no secret. ERR_TOO_LARGE over SEAL_DATA_MAX; ERR_INTEGRITY when the team key was not
 * verified or is another team's. */
enum err seal_value(const struct team_key *key, const struct seal_context *context,
    const void *data, size_t len, unsigned char **sealed_out, size_t *sealed_len_out,
    struct errctx *ctx) MUSTCHECK;

/* Which generation of the team's key a sealed value needs. ERR_INTEGRITY when the bytes are no
 * sealed value. */
enum err seal_generation(const unsigned char *sealed, size_t sealed_len,
    uint32_t *generation_out) MUSTCHECK;

/* Open with the team's private key in the keyring's cache. ERR_NOT_FOUND when it is not there: load
 * the team key, give it to keyring_team_key_open(), try again. ERR_INTEGRITY on any mismatch; its
 * text names table, row and field only. */
enum err seal_open(struct keyring *keyring, const struct seal_context *context,
    const unsigned char *sealed, size_t sealed_len, struct secret *data_out,
    struct errctx *ctx) MUSTCHECK;

/* The same for what belongs to the installation and to no team: sealed to the master key,
 * context->team_id is 0. ERR_CONFIG without that key; ERR_INTEGRITY when it was sealed to another
 * one. */
enum err seal_master_value(const struct keyring *keyring, const struct seal_context *context,
    const void *data, size_t len, unsigned char **sealed_out, size_t *sealed_len_out,
    struct errctx *ctx) MUSTCHECK;
enum err seal_master_open(const struct keyring *keyring, const struct seal_context *context,
    const unsigned char *sealed, size_t sealed_len, struct secret *data_out,
    struct errctx *ctx) MUSTCHECK;

/* A policy: SHA-256 over what it is about and the length-prefixed texts, exactly as they are
 * stored. NULL counts as "". No `about` begins with another one. */
void seal_digest(const char *about, const char *const *texts, size_t n,
    unsigned char out[SEAL_POLICY_SIZE]);

/* The same of a credential's mode and its allowed_hosts. */
void seal_policy_digest(const char *mode, const char *allowed_hosts_json,
    unsigned char out[SEAL_POLICY_SIZE]);

#endif
