/* SPDX-License-Identifier: Apache-2.0 */
/* The installation's keys as one process holds them, what proves they are the right ones, and the
 * teams' key pairs. */
#ifndef BAILEE_VAULT_KEYRING_H
#define BAILEE_VAULT_KEYRING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "vault/hpke.h"

/* A key file is one line, "bailee-<kind>-1:<base64 of 32 bytes>"; the master key's has a line more
 * for each key that is to take its place. */
enum key_kind {
	KEY_MASTER,         /* X25519 private: opens the teams' private keys */
	KEY_SIGNING,        /* Ed25519 private: signs the teams' public keys */
	KEY_SIGNING_PUBLIC, /* its public half */
	KEY_TOKEN,          /* HMAC-SHA256 key under which API tokens are stored */
	KEY_KIND_COUNT
};
#define KEY_SIZE 32
#define KEY_ID_SIZE 17 /* 16 hexadecimal characters and NUL */

struct key_kind_row {
	const char *name; /* "master", "signing", "signing-public", "token": in the file, in errors,
			     in the database */
	const char *file; /* name under which keyring_create_files() writes it */
	bool is_private;  /* nobody but the owner may read the file */
};
extern const struct key_kind_row key_kinds[KEY_KIND_COUNT];

/* Everything this process was given. Opaque: holds secrets, must not be copied. Made after fork and
 * after secret_heap_init(): locked memory is not inherited. */
struct keyring;

/* Paths by kind; NULL or "" where the program has no such key. The public half of a private key
 * that is there needs no file of its own; if both are there they must belong together. ERR_CONFIG:
 * file missing, of another kind, not ours or root's, or readable by others; the text names file and
 * kind and says what to do. */
enum err keyring_load(const char *const paths[KEY_KIND_COUNT], struct keyring **keyring_out,
    struct errctx *ctx) MUSTCHECK;
void keyring_free(struct keyring **keyring);
#define auto_keyring __attribute__((cleanup(keyring_free)))

/* Make a new set of all four in an existing folder: private ones 0400, public 0444. ERR_CONFIG when
 * one of them is there already (nothing is overwritten, what this call had written is removed
 * again), ERR_IO for anything else. */
enum err keyring_create_files(const char *dir, struct errctx *ctx) MUSTCHECK;

/* Identifier that may be shown: the first 8 bytes of SHA-256 over the public half, as hexadecimal
 * text; for the token key over HMAC-SHA256(key, "bailee/key-id/1"). NULL when the keyring has no
 * such key. Borrowed. KEY_SIGNING and KEY_SIGNING_PUBLIC of one pair have the same. */
const char *keyring_key_id(const struct keyring *keyring, enum key_kind kind);
/* KEY_SIZE bytes, borrowed; NULL without the master key. */
const unsigned char *keyring_master_public(const struct keyring *keyring);

/*
 * Master keys. What was sealed to any of those held is opened; new things are sealed to one of
 * them: the first in the file, until keyring_use_master() names another, which keyring_key_id() and
 * keyring_master_public() then mean. A public half from elsewhere is never sealed to.
 */
#define KEYRING_MASTERS_MAX 4
#define KEYRING_MASTER_IDS_SIZE (KEYRING_MASTERS_MAX * KEY_ID_SIZE + 1)
/* ERR_CONFIG when it is not held. */
enum err keyring_use_master(struct keyring *keyring, const char *key_id,
    struct errctx *ctx) MUSTCHECK;
bool keyring_holds_master(const struct keyring *keyring, const char *key_id);
/* The id of the one at `index` in the file, from 0; NULL behind the last. Borrowed. */
const char *keyring_master_at(const struct keyring *keyring, size_t index);
/* All ids held, in the order of the file, with a space between; "" without one. */
void keyring_master_ids(const struct keyring *keyring, char out[KEYRING_MASTER_IDS_SIZE]);
/* The beginning of an id as a number, never 0: which key a value was sealed to says the value. */
uint32_t keyring_master_mark(const char *key_id);
/* HMAC-SHA256 over the whole text of an API token: what the database keeps. ERR_INTERNAL without
 * the token key. */
enum err keyring_token_mac(const struct keyring *keyring, const char *token,
    unsigned char mac_out[32]) MUSTCHECK;

/*
 * Check values: written once by `baileectl init`, compared by every process at start.
 */
#define KEY_PROOF_MAX 128
struct key_check {
	char kind[16]; /* name of KEY_MASTER, KEY_SIGNING_PUBLIC or KEY_TOKEN */
	char key_id[KEY_ID_SIZE];
	unsigned char public_key[KEY_SIZE]; /* zero for the token key */
	unsigned char proof[KEY_PROOF_MAX]; /* a value sealed to it, a signature, or an HMAC */
	size_t proof_len;
};
#define KEY_SIGNATURE_SIZE 64
/* For KEY_MASTER, KEY_SIGNING_PUBLIC (needs the signing key) and KEY_TOKEN. ERR_CONFIG when the key
 * is not there. */
enum err keyring_make_check(const struct keyring *keyring, enum key_kind kind,
    struct key_check *check_out, struct errctx *ctx) MUSTCHECK;
/* OK as well when the keyring holds no key of that kind: each program proves the keys it has.
 * ERR_CONFIG names the kind, the expected key id and the one held. */
enum err keyring_verify_check(const struct keyring *keyring, const struct key_check *check,
    struct errctx *ctx) MUSTCHECK;
/* The installation's word that a master key is its own, and which generation: Ed25519, RFC 8032. A
 * writer of the database cannot name one. Needs the signing key. ERR_CONFIG. */
enum err keyring_sign_master(const struct keyring *keyring, const struct key_check *check,
    uint32_t generation, unsigned char signature_out[KEY_SIGNATURE_SIZE],
    struct errctx *ctx) MUSTCHECK;
/* ERR_CONFIG names the key id. */
enum err keyring_check_master(const struct keyring *keyring, const struct key_check *check,
    uint32_t generation, const unsigned char signature[KEY_SIGNATURE_SIZE],
    struct errctx *ctx) MUSTCHECK;

/*
 * Team keys. The public half is signed, so that a writer of the database cannot put another in its
 * place; the private half is sealed to the master public key.
 */
struct team_key {
	int64_t team_id;
	uint32_t generation; /* from 1 */
	unsigned char public_key[KEY_SIZE];
	/* Ed25519, RFC 8032, over team id, generation and public key */
	unsigned char signature[64];
	unsigned char *private_sealed; /* owned; may be NULL where the private half is not needed */
	size_t private_sealed_len;
	char master_key_id[KEY_ID_SIZE]; /* which master key opens private_sealed */
	/* set by keyring_team_key_verify() and _make(); seal_value() insists on it */
	bool verified;
};
#define TEAM_KEY_SEALED_SIZE 81 /* length of private_sealed */

/* Needs signing and master key (baileectl). The result is freed with team_key_free(). ERR_CONFIG
 * when one is missing. */
enum err keyring_team_key_make(const struct keyring *keyring, int64_t team_id, uint32_t generation,
    struct team_key *key_out, struct errctx *ctx) MUSTCHECK;
/*
 * Teams whose keys were destroyed: a file (destroyed_keys_file) of lines that the installation has
 * signed, so that a writer of the database cannot bring such a key back. From then on the functions
 * below answer ERR_GONE for every generation named there or older.
 */
/* Path "": there is no such file. ERR_CONFIG: missing, others can change it, or a line that this
 * installation has not signed. */
enum err keyring_load_destroyed(struct keyring *keyring, const char *path,
    struct errctx *ctx) MUSTCHECK;
/* Add a line, unless it is there; a missing file is made. Needs the signing key. On disk before
 * return. */
enum err keyring_add_destroyed(struct keyring *keyring, const char *path, int64_t team_id,
    uint32_t generation, struct errctx *ctx) MUSTCHECK;
/* An empty one, unless there is one. */
enum err keyring_create_destroyed(const char *path, struct errctx *ctx) MUSTCHECK;

/* Check the signature and set key->verified. Every program can. ERR_INTEGRITY names team and
 * generation; ERR_GONE when it was destroyed. */
enum err keyring_team_key_verify(const struct keyring *keyring, struct team_key *key,
    struct errctx *ctx) MUSTCHECK;
/* The same for the key that new values are to be sealed to. ERR_INTEGRITY as well when this process
 * was given a newer generation of the team's before: signed keys of old are still good signatures.
 */
enum err keyring_team_key_take(struct keyring *keyring, struct team_key *key,
    struct errctx *ctx) MUSTCHECK;
/* Open the private half and keep it in the keyring's cache (verifies first). Needs the master key.
 * ERR_CONFIG when the key was sealed to another master key, ERR_INTEGRITY when anything does not
 * fit. */
enum err keyring_team_key_open(struct keyring *keyring, const struct team_key *key,
    struct errctx *ctx) MUSTCHECK;
/* How long an opened team key is kept: then it is forgotten, and whoever needs it asks the database
 * for it, and learns whether it has been destroyed or retired. */
#define KEYRING_TEAM_KEEP_MS (30 * 1000)
/* From the cache; NULL when it is not there (any more). Forgets on the way all that were opened
 * more than KEYRING_TEAM_KEEP_MS ago. Borrowed until the next call of the keyring. */
const struct hpke_private *keyring_team_private(struct keyring *keyring, int64_t team_id,
    uint32_t generation);
/* Drop all generations of a team from the cache (after `keys destroy team`). */
void keyring_team_forget(struct keyring *keyring, int64_t team_id);
/* Seal a team's private half to the master key in use: the step of `keys rotate master`. `key`
 * keeps its identity and signature; private_sealed and master_key_id are replaced, and what is
 * there then has been opened again. Needs both master keys; errors as keyring_team_key_open(). */
enum err keyring_team_key_reseal(const struct keyring *keyring, struct team_key *key,
    struct errctx *ctx) MUSTCHECK;
void team_key_free(struct team_key *key);
#define auto_team_key __attribute__((cleanup(team_key_free)))

#endif
