/* SPDX-License-Identifier: Apache-2.0 */
/* Sealed values: anything secret in the database, sealed to its team's public key and bound to the
 * place it belongs to. */
#include "vault/seal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/crypt.h"
#include "vault/hpke.h"
#include "vault/keyring_parts.h"

#define FORMAT 1
#define PAD_TO 64u
#define LENGTH_SIZE 4
#define HEAD_SIZE (1 + 4 + HPKE_ENC_SIZE)
#define DOMAIN "bailee/seal/1"
#define AAD_MAX                                                                                    \
	(sizeof(DOMAIN) + 1 + SEAL_NAME_MAX + 16 + 1 + SEAL_NAME_MAX + 8 + 4 + 1 + SEAL_POLICY_SIZE)

/* What the database says about the place of a value, as one byte string without ambiguity. */
struct aad {
	unsigned char data[AAD_MAX];
	size_t len;
};

static void
put(struct aad *aad, const void *data, size_t len)
{
	memcpy(aad->data + aad->len, data, len);
	aad->len += len;
}

static void
put_number(struct aad *aad, uint64_t number, int size)
{
	for (int shift = 8 * (size - 1); shift >= 0; shift -= 8)
		aad->data[aad->len++] = (unsigned char)(number >> shift);
}

static void
put_name(struct aad *aad, const char *name)
{
	size_t len = strlen(name);

	put_number(aad, len, 1);
	put(aad, name, len);
}

/* ERR_INTERNAL for names no table or field of ours has. */
static enum err
make_aad(const struct seal_context *context, uint32_t generation, struct aad *aad)
{
	if (strnlen(context->table, SEAL_NAME_MAX + 1) > SEAL_NAME_MAX ||
	    strnlen(context->field, SEAL_NAME_MAX + 1) > SEAL_NAME_MAX)
		return ERR_INTERNAL;
	aad->len = 0;
	put(aad, DOMAIN, sizeof(DOMAIN) - 1);
	put_name(aad, context->table);
	put(aad, context->row.bytes, sizeof(context->row.bytes));
	put_name(aad, context->field);
	put_number(aad, (uint64_t)context->team_id, 8);
	put_number(aad, generation, 4);
	put_number(aad, context->policy != NULL, 1);
	if (context->policy)
		put(aad, context->policy, SEAL_POLICY_SIZE);
	return OK;
}

static void
write_u32(unsigned char *out, uint32_t number)
{
	for (int i = 0; i < 4; i++)
		out[i] = (unsigned char)(number >> (24 - 8 * i));
}

static uint32_t
read_u32(const unsigned char *in)
{
	return (uint32_t)in[0] << 24 | (uint32_t)in[1] << 16 | (uint32_t)in[2] << 8 | in[3];
}

static size_t
padded_size(size_t len)
{
	return (LENGTH_SIZE + len + PAD_TO - 1) / PAD_TO * PAD_TO;
}

static const struct hpke_bytes info = { DOMAIN, sizeof(DOMAIN) - 1 };

enum err
seal_value(const struct team_key *key, const struct seal_context *context, const void *data,
    size_t len, unsigned char **sealed_out, size_t *sealed_len_out, struct errctx *ctx)
{
	struct aad aad;
	auto_secret struct secret plain = { 0 };
	auto_free unsigned char *sealed = NULL;
	enum err err;

	if (len > SEAL_DATA_MAX)
		return err_set(ctx, ERR_TOO_LARGE, "", "a secret value is longer than %u bytes",
		    SEAL_DATA_MAX);
	if (!key->verified || key->team_id != context->team_id)
		return err_set(ctx, ERR_INTEGRITY, "",
		    "the key given for team %lld was not verified or is another team's",
		    (long long)context->team_id);
	err = make_aad(context, key->generation, &aad);
	if (err)
		return err_set(ctx, err, "", "no place for a sealed value");
	secret_alloc(&plain, padded_size(len)); /* zeroed: that is the padding */
	write_u32(plain.data, (uint32_t)len);
	if (len)
		memcpy(plain.data + LENGTH_SIZE, data, len);
	sealed = xmalloc(HEAD_SIZE + plain.len + HPKE_TAG_SIZE);
	sealed[0] = FORMAT;
	write_u32(sealed + 1, key->generation);
	err = hpke_seal(key->public_key, info, (struct hpke_bytes){ aad.data, aad.len },
	    (struct hpke_bytes){ plain.data, plain.len }, sealed + 5, sealed + HEAD_SIZE);
	if (err)
		return err_set(ctx, err, "", "the public key of team %lld is no good",
		    (long long)key->team_id);
	*sealed_out = sealed;
	*sealed_len_out = HEAD_SIZE + plain.len + HPKE_TAG_SIZE;
	sealed = NULL;
	return OK;
}

enum err
seal_generation(const unsigned char *sealed, size_t sealed_len, uint32_t *generation_out)
{
	const size_t least = HEAD_SIZE + PAD_TO + HPKE_TAG_SIZE;
	uint32_t generation;

	if (!sealed || sealed_len < least || sealed_len > SEAL_DATA_MAX + SEAL_OVERHEAD_MAX ||
	    (sealed_len - least) % PAD_TO != 0 || sealed[0] != FORMAT)
		return ERR_INTEGRITY;
	generation = read_u32(sealed + 1);
	if (generation == 0)
		return ERR_INTEGRITY;
	*generation_out = generation;
	return OK;
}

/* Take the padding off. */
static enum err
unpad(const struct secret *plain, struct secret *data_out)
{
	uint32_t len = read_u32(plain->data);

	if (len > plain->len || padded_size(len) != plain->len)
		return ERR_INTEGRITY;
	secret_set(data_out, plain->data + LENGTH_SIZE, len);
	return OK;
}

/* Nothing but where: what exactly did not fit is of use to whoever tries values only. */
static enum err
does_not_open(const struct seal_context *context, struct errctx *ctx)
{
	char row[UUID_TEXT_SIZE];

	uuid_text(&context->row, row);
	return err_set(ctx, ERR_INTEGRITY, "", "the sealed value %s.%s of %s does not open",
	    context->table, context->field, row);
}

/* Where the context of a sealed value is, or is to be put: the places follow from `enc`, which is
 * random. Where all are taken, chance says who leaves. */
static struct context_entry *
context_entry_of(const struct keyring *keyring, int64_t team_id, uint32_t generation,
    const unsigned char enc[HPKE_ENC_SIZE], bool *found_out)
{
	struct context_cache *cache = (void *)keyring->contexts.data;
	size_t set = (size_t)(enc[0] << 8 | enc[1]) % (CONTEXT_CACHE_SIZE / CONTEXT_CACHE_WAYS);
	struct context_entry *entries = &cache->entries[set * CONTEXT_CACHE_WAYS];
	struct context_entry *place = &entries[enc[2] % CONTEXT_CACHE_WAYS];

	*found_out = true;
	for (size_t i = 0; i < CONTEXT_CACHE_WAYS; i++) {
		if (!entries[i].generation)
			place = &entries[i];
		else if (entries[i].generation == generation && entries[i].team_id == team_id &&
			 memcmp(entries[i].enc, enc, HPKE_ENC_SIZE) == 0)
			return &entries[i];
	}
	*found_out = false;
	return place;
}

/* Kept from last time, or derived and kept. */
static enum err
context_of(const struct keyring *keyring, const struct hpke_private *key, int64_t team_id,
    uint32_t generation, const unsigned char enc[HPKE_ENC_SIZE], struct hpke_context *context_out)
{
	bool found;
	struct context_entry *entry = context_entry_of(keyring, team_id, generation, enc, &found);

	if (!found) {
		struct hpke_context context;
		enum err err = hpke_setup_receiver(HPKE_AES_256_GCM, key, enc, info, &context);

		if (err)
			return err;
		*entry = (struct context_entry){ .team_id = team_id,
			.generation = generation,
			.context = context };
		memcpy(entry->enc, enc, HPKE_ENC_SIZE);
		hpke_context_wipe(&context);
	}
	*context_out = entry->context;
	return OK;
}

static enum err
open_body(const struct keyring *keyring, const struct hpke_private *key,
    const struct seal_context *context, uint32_t generation, const unsigned char *sealed,
    const struct aad *aad, struct hpke_bytes body, unsigned char *plain)
{
	struct hpke_context hpke;
	enum err err = context_of(keyring, key, context->team_id, generation, sealed + 5, &hpke);

	if (!err)
		err = hpke_context_open(&hpke, (struct hpke_bytes){ aad->data, aad->len }, body,
		    plain);
	hpke_context_wipe(&hpke);
	return err;
}

enum err
seal_open(struct keyring *keyring, const struct seal_context *context, const unsigned char *sealed,
    size_t sealed_len, struct secret *data_out, struct errctx *ctx)
{
	auto_secret struct secret plain = { 0 };
	const struct hpke_private *key;
	struct hpke_bytes body;
	uint32_t generation;
	struct aad aad;

	if (seal_generation(sealed, sealed_len, &generation) || make_aad(context, generation, &aad))
		return does_not_open(context, ctx);
	key = keyring_team_private(keyring, context->team_id, generation);
	if (!key)
		return ERR_NOT_FOUND; /* no error yet: the caller fetches the key and tries again */
	body = (struct hpke_bytes){ sealed + HEAD_SIZE, sealed_len - HEAD_SIZE };
	secret_alloc(&plain, body.len - HPKE_TAG_SIZE);
	if (open_body(keyring, key, context, generation, sealed, &aad, body, plain.data) ||
	    unpad(&plain, data_out))
		return does_not_open(context, ctx);
	return OK;
}

/* ---- what belongs to the installation ---- */

enum err
seal_master_value(const struct keyring *keyring, const struct seal_context *context,
    const void *data, size_t len, unsigned char **sealed_out, size_t *sealed_len_out,
    struct errctx *ctx)
{
	const unsigned char *public_key = keyring_master_public(keyring);

	if (!public_key)
		return err_set(ctx, ERR_CONFIG, "master_key_file", "this needs the master key");
	struct team_key key = { .generation = keyring_master_mark(keyring->master->id),
		.verified = true };
	memcpy(key.public_key, public_key, sizeof(key.public_key));
	return seal_value(&key, context, data, len, sealed_out, sealed_len_out, ctx);
}

/* With each master key that the value may have been sealed to: as good as always there is one. */
static bool
open_with_masters(const struct keyring *keyring, const unsigned char *sealed, const struct aad *aad,
    uint32_t generation, struct hpke_bytes body, unsigned char *plain)
{
	for (size_t i = 0; i < keyring->n_masters; i++)
		if (keyring_master_mark(keyring->masters[i].id) == generation &&
		    hpke_open(keyring->masters[i].key, sealed + 5, info,
			(struct hpke_bytes){ aad->data, aad->len }, body, plain) == OK)
			return true;
	return false;
}

enum err
seal_master_open(const struct keyring *keyring, const struct seal_context *context,
    const unsigned char *sealed, size_t sealed_len, struct secret *data_out, struct errctx *ctx)
{
	auto_secret struct secret plain = { 0 };
	uint32_t generation;
	struct aad aad;

	if (!keyring->master)
		return err_set(ctx, ERR_CONFIG, "master_key_file", "this needs the master key");
	if (seal_generation(sealed, sealed_len, &generation) || context->team_id != 0 ||
	    make_aad(context, generation, &aad))
		return does_not_open(context, ctx);
	const struct hpke_bytes body = { sealed + HEAD_SIZE, sealed_len - HEAD_SIZE };
	secret_alloc(&plain, body.len - HPKE_TAG_SIZE);
	if (!open_with_masters(keyring, sealed, &aad, generation, body, plain.data) ||
	    unpad(&plain, data_out))
		return does_not_open(context, ctx);
	return OK;
}

void
seal_digest(const char *about, const char *const *texts, size_t n,
    unsigned char out[SEAL_POLICY_SIZE])
{
	auto_buf struct buf joined = BUF_INIT(16u << 20);
	unsigned char size[4];

	buf_add_text(&joined, about);
	for (size_t i = 0; i < n; i++) {
		const char *text = texts[i] ? texts[i] : "";

		write_u32(size, (uint32_t)strlen(text));
		buf_add(&joined, size, sizeof(size));
		buf_add_text(&joined, text);
	}
	if (joined.over)
		abort(); /* a cut policy would be the same as another one */
	crypt_sha256(joined.data, joined.len, out);
}

void
seal_policy_digest(const char *mode, const char *allowed_hosts_json,
    unsigned char out[SEAL_POLICY_SIZE])
{
	const char *texts[] = { mode, allowed_hosts_json };

	seal_digest("bailee/policy/1", texts, 2, out);
}
