/* SPDX-License-Identifier: Apache-2.0 */
/* Team key pairs: making, signing, sealing the private half to the master key, and the cache of
 * opened ones. */
#include "vault/keyring.h"

#include <string.h>

#include <openssl/crypto.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/crypt.h"
#include "vault/keyring_parts.h"

#define FORMAT 1
#define SIGN_DOMAIN "bailee/team-key/1"
#define SEAL_DOMAIN "bailee/team-private/1"
#define NAME_SIZE (8 + 4 + KEY_SIZE)
#define SIGNED_SIZE (sizeof(SIGN_DOMAIN) - 1 + NAME_SIZE)

static const struct hpke_bytes seal_info = { SEAL_DOMAIN, sizeof(SEAL_DOMAIN) - 1 };

/* Team id and generation (big endian) and public key: what is signed, and what the private half is
 * bound to. */
static void
write_name(const struct team_key *key, unsigned char out[NAME_SIZE])
{
	for (int i = 0; i < 8; i++)
		out[i] = (unsigned char)((uint64_t)key->team_id >> (56 - 8 * i));
	for (int i = 0; i < 4; i++)
		out[8 + i] = (unsigned char)(key->generation >> (24 - 8 * i));
	memcpy(out + 12, key->public_key, KEY_SIZE);
}

static void
write_signed(const struct team_key *key, unsigned char out[SIGNED_SIZE])
{
	memcpy(out, SIGN_DOMAIN, sizeof(SIGN_DOMAIN) - 1);
	write_name(key, out + sizeof(SIGN_DOMAIN) - 1);
}

/* Replace private_sealed by `bytes` sealed to this keyring's master key. */
static enum err
seal_private(const struct keyring *keyring, const struct secret *bytes, struct team_key *key,
    struct errctx *ctx)
{
	unsigned char name[NAME_SIZE];
	unsigned char *sealed = xmalloc(TEAM_KEY_SEALED_SIZE);
	enum err err;

	write_name(key, name);
	sealed[0] = FORMAT;
	err = hpke_seal(keyring_master_public(keyring), seal_info,
	    (struct hpke_bytes){ name, sizeof(name) },
	    (struct hpke_bytes){ bytes->data, bytes->len }, sealed + 1, sealed + 1 + HPKE_ENC_SIZE);
	if (err) {
		free(sealed);
		return err_set(ctx, err, "", "the master key %s does not seal",
		    keyring->key_ids[KEY_MASTER]);
	}
	free(key->private_sealed);
	key->private_sealed = sealed;
	key->private_sealed_len = TEAM_KEY_SEALED_SIZE;
	memcpy(key->master_key_id, keyring->key_ids[KEY_MASTER], KEY_ID_SIZE);
	return OK;
}

enum err
keyring_team_key_make(const struct keyring *keyring, int64_t team_id, uint32_t generation,
    struct team_key *key_out, struct errctx *ctx)
{
	struct team_key key = { .team_id = team_id, .generation = generation, .verified = true };
	auto_secret struct secret bytes = { 0 };
	unsigned char text[SIGNED_SIZE];
	struct hpke_private *private;
	enum err err;

	if (!keyring->signing || !keyring->master)
		return err_set(ctx, ERR_CONFIG, "",
		    "making a team key needs the signing key file and the master key file");
	hpke_private_generate(&bytes);
	private = hpke_private_new(bytes.data);
	memcpy(key.public_key, hpke_private_public(private), KEY_SIZE);
	hpke_private_free(&private);
	write_signed(&key, text);
	keyring_sign(keyring, text, sizeof(text), key.signature);
	err = seal_private(keyring, &bytes, &key, ctx);
	if (!err)
		*key_out = key;
	return err;
}

static bool
signature_good(const struct keyring *keyring, const struct team_key *key)
{
	unsigned char text[SIGNED_SIZE];

	if (key->generation == 0)
		return false;
	write_signed(key, text);
	return keyring_verify(keyring, text, sizeof(text), key->signature);
}

static enum err
check_signature(const struct keyring *keyring, const struct team_key *key, struct errctx *ctx)
{
	if (!keyring->signing_public)
		return err_set(ctx, ERR_CONFIG, "",
		    "checking a team key needs the signing-public key file");
	if (!signature_good(keyring, key))
		return err_set(ctx, ERR_INTEGRITY, "",
		    "the key of team %lld, generation %u, is not signed by signing key %s",
		    (long long)key->team_id, (unsigned)key->generation,
		    keyring->key_ids[KEY_SIGNING_PUBLIC]);
	if (keyring_is_destroyed(keyring, key->team_id, key->generation))
		return err_set(ctx, ERR_GONE, "",
		    "the keys of team %lld were destroyed: its secrets can never be read again",
		    (long long)key->team_id);
	return OK;
}

enum err
keyring_team_key_verify(const struct keyring *keyring, struct team_key *key, struct errctx *ctx)
{
	enum err err = check_signature(keyring, key, ctx);

	key->verified = !err;
	return err;
}

enum err
keyring_team_key_take(struct keyring *keyring, struct team_key *key, struct errctx *ctx)
{
	struct team_floor *floor = &keyring->floors[(uint64_t)key->team_id % TEAM_FLOORS_SIZE];
	enum err err = keyring_team_key_verify(keyring, key, ctx);

	if (err)
		return err;
	if (floor->team_id == key->team_id && key->generation < floor->generation) {
		key->verified = false;
		return err_set(ctx, ERR_INTEGRITY, "",
		    "the key of team %lld went back from generation %u to %u; restart the programs "
		    "if the database was restored",
		    (long long)key->team_id, (unsigned)floor->generation,
		    (unsigned)key->generation);
	}
	*floor = (struct team_floor){ key->team_id, key->generation };
	return OK;
}

/* Decrypt private_sealed into KEY_SIZE bytes. */
static bool
decrypt_private(const struct keyring *keyring, const struct team_key *key, unsigned char *bytes)
{
	const struct master *master = keyring_find_master(keyring, key->master_key_id);
	const unsigned char *sealed = key->private_sealed;
	const size_t head = 1 + HPKE_ENC_SIZE;
	unsigned char name[NAME_SIZE];

	if (!master || !sealed || key->private_sealed_len != TEAM_KEY_SEALED_SIZE ||
	    sealed[0] != FORMAT)
		return false;
	write_name(key, name);
	return hpke_open(master->key, sealed + 1, seal_info,
		   (struct hpke_bytes){ name, sizeof(name) },
		   (struct hpke_bytes){ sealed + head, TEAM_KEY_SEALED_SIZE - head }, bytes) == OK;
}

/* The checked private half, both as bytes and ready for use. */
static enum err
open_private(const struct keyring *keyring, const struct team_key *key, struct secret *bytes_out,
    struct hpke_private **private_out, struct errctx *ctx)
{
	struct hpke_private *private = NULL;

	secret_alloc(bytes_out, KEY_SIZE);
	if (decrypt_private(keyring, key, bytes_out->data))
	private = hpke_private_new(bytes_out->data);
	if (private && crypt_equal(hpke_private_public(private), key->public_key, KEY_SIZE)) {
		*private_out = private;
		return OK;
	}
	hpke_private_free(&private);
	return err_set(ctx, ERR_INTEGRITY, "",
	    "the private key of team %lld, generation %u, does not open", (long long)key->team_id,
	    (unsigned)key->generation);
}

static enum err
check_master(const struct keyring *keyring, const struct team_key *key, struct errctx *ctx)
{
	if (!keyring->master)
		return err_set(ctx, ERR_CONFIG, "", "opening a team key needs the master key file");
	if (!keyring_holds_master(keyring, key->master_key_id)) {
		char held[KEYRING_MASTER_IDS_SIZE];

		keyring_master_ids(keyring, held);
		return err_set(ctx, ERR_CONFIG, "",
		    "the key of team %lld, generation %u, needs master key %.16s, the key file "
		    "holds %s",
		    (long long)key->team_id, (unsigned)key->generation, key->master_key_id, held);
	}
	return OK;
}

/* --- the cache --- */

static struct team_cache_entry *
find_entry(const struct keyring *keyring, int64_t team_id, uint32_t generation)
{
	for (size_t i = 0; i < TEAM_CACHE_SIZE; i++) {
		struct team_cache_entry *entry = &keyring->cache->entries[i];

		if (entry->key && entry->team_id == team_id && entry->generation == generation)
			return entry;
	}
	return NULL;
}

/* The key and what was derived with it. */
static void
forget(struct keyring *keyring, struct team_cache_entry *entry)
{
	struct context_cache *contexts = (void *)keyring->contexts.data;

	hpke_private_free(&entry->key);
	for (size_t i = 0; contexts && i < CONTEXT_CACHE_SIZE; i++)
		if (contexts->entries[i].team_id == entry->team_id &&
		    contexts->entries[i].generation == entry->generation)
			OPENSSL_cleanse(&contexts->entries[i], sizeof(contexts->entries[i]));
}

/* A free entry, else the one whose last use is longest ago: it is emptied. */
static struct team_cache_entry *
make_room(struct keyring *keyring)
{
	struct team_cache_entry *oldest = keyring->cache->entries;

	for (size_t i = 0; i < TEAM_CACHE_SIZE && oldest->key; i++) {
		struct team_cache_entry *entry = &keyring->cache->entries[i];

		if (!entry->key || entry->used < oldest->used)
			oldest = entry;
	}
	if (oldest->key)
		forget(keyring, oldest);
	return oldest;
}

enum err
keyring_team_key_open(struct keyring *keyring, const struct team_key *key, struct errctx *ctx)
{
	auto_secret struct secret bytes = { 0 };
	struct hpke_private *private = NULL;
	struct team_cache_entry *entry;
	enum err err = check_signature(keyring, key, ctx);

	if (!err)
		err = check_master(keyring, key, ctx);
	if (!err)
		err = open_private(keyring, key, &bytes, &private, ctx);
	if (err)
		return err;
	entry = find_entry(keyring, key->team_id, key->generation);
	if (entry)
		hpke_private_free(&entry->key);
	else
		entry = make_room(keyring);
	if (!keyring->contexts.data)
		secret_alloc(&keyring->contexts, sizeof(struct context_cache));
	*entry = (struct team_cache_entry){ key->team_id, key->generation, ++keyring->cache->tick,
		clock_monotonic_ms(), private };
	return OK;
}

const struct hpke_private *
keyring_team_private(struct keyring *keyring, int64_t team_id, uint32_t generation)
{
	const int64_t oldest_ms = clock_monotonic_ms() - KEYRING_TEAM_KEEP_MS;
	struct team_cache_entry *found = NULL;

	for (size_t i = 0; i < TEAM_CACHE_SIZE; i++) {
		struct team_cache_entry *entry = &keyring->cache->entries[i];

		if (!entry->key)
			continue;
		if (entry->opened_ms < oldest_ms)
			forget(keyring, entry);
		else if (entry->team_id == team_id && entry->generation == generation)
			found = entry;
	}
	if (!found)
		return NULL;
	found->used = ++keyring->cache->tick;
	return found->key;
}

void
keyring_team_forget(struct keyring *keyring, int64_t team_id)
{
	for (size_t i = 0; i < TEAM_CACHE_SIZE; i++)
		if (keyring->cache->entries[i].key && keyring->cache->entries[i].team_id == team_id)
			forget(keyring, &keyring->cache->entries[i]);
}

void
team_cache_free(struct team_cache **cache)
{
	if (!*cache)
		return;
	for (size_t i = 0; i < TEAM_CACHE_SIZE; i++)
		hpke_private_free(&(*cache)->entries[i].key);
	free(*cache);
	*cache = NULL;
}

/* --- rotation --- */

/* Take over `to` where it opens: a private half that was sealed and does not open would be lost. */
static enum err
take_resealed(const struct keyring *keyring, struct team_key *key, struct team_key *to,
    struct errctx *ctx)
{
	auto_secret struct secret bytes = { 0 };
	struct hpke_private *private = NULL;
	enum err err = open_private(keyring, to, &bytes, &private, ctx);

	if (err)
		return err;
	hpke_private_free(&private);
	free(key->private_sealed);
	key->private_sealed = to->private_sealed;
	key->private_sealed_len = to->private_sealed_len;
	memcpy(key->master_key_id, to->master_key_id, KEY_ID_SIZE);
	to->private_sealed = NULL;
	return OK;
}

enum err
keyring_team_key_reseal(const struct keyring *keyring, struct team_key *key, struct errctx *ctx)
{
	auto_secret struct secret bytes = { 0 };
	auto_team_key struct team_key to = *key;
	struct hpke_private *private = NULL;
	enum err err = check_signature(keyring, key, ctx);

	to.private_sealed = NULL;
	if (!err)
		err = check_master(keyring, key, ctx);
	if (!err)
		err = open_private(keyring, key, &bytes, &private, ctx);
	if (err)
		return err;
	hpke_private_free(&private);
	err = seal_private(keyring, &bytes, &to, ctx);
	return err ? err : take_resealed(keyring, key, &to, ctx);
}

void
team_key_free(struct team_key *key)
{
	free(key->private_sealed);
	*key = (struct team_key){ 0 };
}
