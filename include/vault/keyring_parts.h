/* SPDX-License-Identifier: Apache-2.0 */
/* What a keyring is made of; for src/vault/ alone. */
#ifndef BAILEE_VAULT_KEYRING_PARTS_H
#define BAILEE_VAULT_KEYRING_PARTS_H

#include <openssl/types.h>

#include "base/secret.h"
#include "vault/keyring.h"

#define TEAM_CACHE_SIZE 256
#define SIGNATURE_SIZE 64

struct team_cache_entry {
	int64_t team_id;
	uint32_t generation;
	uint64_t used;            /* tick of the last use */
	int64_t opened_ms;        /* monotonic */
	struct hpke_private *key; /* NULL: free */
};
struct team_cache {
	uint64_t tick;
	struct team_cache_entry entries[TEAM_CACHE_SIZE];
};

/* The newest generation of a team that this process was told to seal to; a team may push another
 * out.
 */
#define TEAM_FLOORS_SIZE 509
struct team_floor {
	int64_t team_id;
	uint32_t generation;
};

/* All generations of a team up to this one. */
struct team_destroyed {
	int64_t team_id;
	uint32_t generation;
};

/* Contexts derived lately, in the secure heap: opening the same value again costs no key agreement.
 * Whoever holds the team's private key may hold these; they open nothing that it does not. */
#define CONTEXT_CACHE_SIZE 1024
#define CONTEXT_CACHE_WAYS 4 /* places side by side of which a context may have any */
struct context_cache {
	struct context_entry {
		int64_t team_id;
		uint32_t generation; /* 0: free */
		unsigned char enc[HPKE_ENC_SIZE];
		struct hpke_context context; /* as set up: seq 0 */
	} entries[CONTEXT_CACHE_SIZE];
};

struct master {
	struct hpke_private *key;
	char id[KEY_ID_SIZE];
};

struct keyring {
	struct master masters[KEYRING_MASTERS_MAX]; /* in the order of the file */
	size_t n_masters;
	const struct master *master; /* the one that is sealed to; NULL where not given */
	EVP_PKEY *signing;           /* NULL where not given, as the next */
	EVP_PKEY *signing_public;
	unsigned char signing_public_bytes[KEY_SIZE];
	struct secret token;
	char key_ids[KEY_KIND_COUNT][KEY_ID_SIZE]; /* "" where not given */
	struct team_cache *cache;
	struct team_floor floors[TEAM_FLOORS_SIZE];
	struct team_destroyed *destroyed;
	size_t n_destroyed;
	struct secret contexts; /* a struct context_cache, made with the first team key opened */
};

/* Ed25519 (RFC 8032). Signing cannot fail; verification is false for anything but a good signature.
 */
void keyring_sign(const struct keyring *keyring, const void *data, size_t len,
    unsigned char signature[SIGNATURE_SIZE]);
bool keyring_verify(const struct keyring *keyring, const void *data, size_t len,
    const unsigned char signature[SIGNATURE_SIZE]);
/* The master key of that id; NULL when it is not held. */
const struct master *keyring_find_master(const struct keyring *keyring, const char *key_id);
void keyring_seal_to(struct keyring *keyring, const struct master *master);
/* Whether the file of destroyed keys names this one. */
bool keyring_is_destroyed(const struct keyring *keyring, int64_t team_id, uint32_t generation);
void team_cache_free(struct team_cache **cache);

#endif
